# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of a cluster whose disks others fill to the last byte: none ends, and nothing that was acknowledged is lost."""
import asyncio
import contextlib
import os

from harness import Cluster, check, fill_up, small_disk, wait_until
from history import History
from test_cluster import same_state_everywhere

ENV = {"NACRE_DISK_RESERVE_MB": "1", "NACRE_FEED": "off"}


async def test_each_node_of_a_cluster_waits_for_room():
    with contextlib.ExitStack() as disks:
        cluster = Cluster(3, env=ENV, start=False)
        homes = {name: disks.enter_context(small_disk(96)) for name in cluster.nodes}
        for name, node in cluster.nodes.items():
            node.data_dir = os.path.join(homes[name], "data")
        async with cluster as c:
            c.start()
            client = await c.client()
            history, over = History(), False

            async def load(number):
                turn = 0
                while not over:
                    turn += 1
                    got = await history.append_once(client, f"s{number}", f"{number}.{turn}", "x" * 400, timeout=2)
                    if not isinstance(got, dict):
                        await asyncio.sleep(0.05)

            loads = [asyncio.create_task(load(i)) for i in range(12)]
            leader = await c.leader(client)
            for name in [leader, *(n for n in c.nodes if n != leader)]:
                acked = history.acked
                await wait_until(lambda: history.acked > acked + 300, 60, "it serves")
                ballast = os.path.join(homes[name], "ballast")
                fill_up(ballast)
                await wait_until(lambda: "until there is room" in c.nodes[name].log_text(), 30, f"{name} says so")
                await asyncio.sleep(1)  # of time that passes on a full disk
                os.unlink(ballast)
                check(all(node.alive() for node in c.nodes.values()), c.nodes[name].log_text()[-800:])
            acked = history.acked
            await wait_until(lambda: history.acked > acked + 300, 60, "it serves again")
            over = True
            await asyncio.gather(*loads)
            await same_state_everywhere(c, client)
            await history.judge_nodes(client, c.nodes)
            await client.close()
