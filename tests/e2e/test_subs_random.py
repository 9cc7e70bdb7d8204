# SPDX-License-Identifier: GPL-3.0-or-later
"""Random programs over subscriptions (random_subs.py), judged by a model: a few fixed ones; with --long others for ten minutes."""
import random

from harness import LONG, Both, check
from random_subs import check_seeds

FIXED = [12, 33, 56, 3001]
LONG_S = 600


async def test_random_programs_get_what_they_are_owed():
    async with Both() as it:
        if not LONG:
            await check_seeds(it, FIXED)
            return
        first = random.SystemRandom().randrange(1_000_000_000)
        print(f"seeds from {first} on", flush=True)
        held = await check_seeds(it, range(first, first + 1_000_000), seconds=LONG_S)
        print(f"{held} programs held")
        check(held > 0, "none was run")
