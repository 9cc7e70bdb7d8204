# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that get full, by others to the last byte or by the store itself: no node ends, and nothing that was acknowledged is lost."""
import asyncio
import contextlib
import json
import os
import random

from harness import Client, Cluster, Failure, NatsServer, Node, check, equal, fill_up, small_disk, wait_until
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


async def test_a_store_that_fills_its_disk_goes_on_and_starts_again():
    with small_disk(96) as home:
        await disk_fills_up(home)


async def filled_up(client, number):
    """Appends as fast as they go, until the disk is full for good; the positions by id."""
    held, full = {}, 0

    async def one(event):
        nonlocal full
        got = await client.append("big", os.urandom(20000), headers={"Nats-Msg-Id": event})
        if isinstance(got, dict):
            held[event] = got["pos"]
        else:
            equal(got[:2], (507, 50701), got)
            full += 1

    async def room(event):
        await one(event)
        return event in held

    for k in range(2000):
        full = 0
        await asyncio.gather(*(one(f"{number}-{k}-{i}") for i in range(20)))
        if full == 20:
            try:
                await wait_until(lambda: room(f"{number}-{k}-again"), 1, "a checkpoint may give room back")
            except Failure:
                return held
    raise Failure("the disk does not get full")


async def disk_fills_up(home):
    server = NatsServer()
    node = None
    try:
        node = Node(server, data_dir=home, env={"NACRE_FEED": "off"})
        client = await Client.connect(server.url)
        held = await filled_up(client, 1)
        check(len(held) * 20000 > 96 << 18, f"{len(held)} events are no quarter of the disk")
        check(node.alive(), "it does not end for want of room")
        node.kill()
        node.start()
        held.update(await filled_up(client, 2))
        node.term()
        node.start()
        for event, pos in random.sample(sorted(held.items()), 20):
            found = await client.request("get", json.dumps({"stream": "big", "id": event}).encode())
            equal(found.headers["Es-Position"], str(pos), event)
        await client.close()
    finally:
        if node:
            node.remove()
        server.remove()
