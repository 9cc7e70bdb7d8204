# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster in bad weather, with --long: nodes are killed, stopped, paused and cut off at random, under load."""
import asyncio
import random
import signal
import time

from harness import LONG, Cluster, Failure, Skip, check, wait_until
from test_cluster import Writers, history_holds, same_state_everywhere


async def harm(c, paused):
    """One thing goes wrong, or is put right."""
    name = random.choice(list(c.nodes))
    node, what = c.nodes[name], random.random()
    if name in paused:
        node.process.send_signal(signal.SIGCONT)
        paused.discard(name)
    elif not node.alive():
        node.spawn()
    elif what < 0.3:
        node.kill()
    elif what < 0.6:
        node.process.send_signal(signal.SIGSTOP)
        paused.add(name)
    elif what < 0.8:
        c.isolate(name)
        await asyncio.sleep(random.uniform(0.5, 2))
        c.heal()
    else:
        node.process.send_signal(signal.SIGTERM)


async def all_well(c, paused):
    for name in paused:
        c.nodes[name].process.send_signal(signal.SIGCONT)
    await asyncio.sleep(5)  # who was told to end does
    for name, node in c.nodes.items():
        if not node.alive():
            if node.process.returncode not in (0, -signal.SIGKILL):
                raise Failure(f"{name} ended with {node.process.returncode}: {node.log_text()[-800:]}")
            node.spawn()


async def test_nothing_is_lost_or_doubled_in_bad_weather():
    if not LONG:
        raise Skip("with --long")
    for seed in range(1, 11):
        random.seed(seed)
        async with Cluster(3, servers=3, env={"NACRE_CHECKPOINT_S": "1", "NACRE_LOG_SEGMENT_MB": "1"}) as c:
            clients = [await c.client(server=i) for i in range(2)]
            paused = set()
            async with Writers(clients[0]) as near, Writers(clients[1]) as far:
                far.n = 10**7  # ids of its own
                end = time.monotonic() + 50
                while time.monotonic() < end:
                    await asyncio.sleep(random.uniform(0.2, 1.2))
                    await harm(c, paused)
                await all_well(c, paused)
                await c.leader(clients[0], 30)
                before = len(near.acknowledged)
                await wait_until(lambda: len(near.acknowledged) > before + 20, 30, "writes go on")  # noqa: B023
            acknowledged = {**near.acknowledged, **far.acknowledged}
            await history_holds(clients[0], acknowledged)
            await same_state_everywhere(c, clients[0], 30)
            check(len(acknowledged) > 100, f"{len(acknowledged)} appends")
            print(f"seed {seed}: {len(acknowledged)} appends acknowledged, none lost, none doubled")
            for client in clients:
                await client.close()
