# SPDX-License-Identifier: GPL-3.0-or-later
"""Random programs over subscriptions (random_subs.py), judged by a model: a few fixed ones; with --long others, for ten minutes of each kind."""
import random

from harness import LONG, Both, Skip, check
from random_subs import Kind, Several, check_seeds

FIXED = [12, 33, 56, 3001]
FIXED_WIDE = [106, 1005, 1269, 20003]
LONG_S = 600


async def hold(it, fixed, kind):
    if not LONG:
        await check_seeds(it, fixed, kind)
        return
    first = random.SystemRandom().randrange(1_000_000_000)
    print(f"seeds from {first} on", flush=True)
    held = await check_seeds(it, range(first, first + 1_000_000), kind, seconds=LONG_S)
    print(f"{held} programs held")
    check(held > 0, "none was run")


async def test_random_programs_get_what_they_are_owed():
    async with Both() as it:
        await hold(it, FIXED, Kind())


async def test_random_programs_of_more_kinds_of_subscriptions():
    async with Both() as it:
        await hold(it, FIXED_WIDE, Kind(wide=True))


async def test_random_programs_beside_kill_9():
    if not LONG:
        raise Skip("with --long")
    async with Both() as it:
        await hold(it, [], Kind(kills=True, wide=True))


async def test_random_programs_on_nodes_that_are_killed_and_hand_over():
    if not LONG:
        raise Skip("with --long")
    async with Several(3) as it:
        await hold(it, [], Kind(kills=True, wide=True))
