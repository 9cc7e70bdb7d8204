# SPDX-License-Identifier: GPL-3.0-or-later
"""Random programs over streams that are appended to, deleted and limited, judged by a plain model (random_streams.py); and
subscriptions beside them (random_streams_subs.py)."""
from harness import LONG, check
from random_streams import run


async def programs(seeds, **options):
    for seed in seeds:
        fault = await run(seed, **options)
        check(fault is None, f"seed {seed} {options}: {fault}")


async def test_random_programs_on_one_node_that_is_killed():
    await programs(range(1, 40 if LONG else 4), kills=0.01)


async def test_random_programs_on_three_nodes_that_are_killed():
    await programs(range(101, 140 if LONG else 103), nodes=3, kills=0.02)


async def test_random_programs_beside_subscriptions():
    await programs(range(201, 220 if LONG else 203), kills=0.01, subs=3)


async def test_random_programs_beside_subscriptions_on_three_nodes_that_are_killed():
    await programs(range(301, 340 if LONG else 303), nodes=3, kills=0.02, subs=3)
