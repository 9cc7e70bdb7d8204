# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters: they form in every order, fail over, lose nothing, and let nobody in who does not belong."""
import asyncio
import itertools
import json
import random
import time

from harness import LONG, Client, Cluster, Failure, check, equal, wait_for, wait_until


async def status_of(client, node):
    return json.loads((await client.request(f"node.{node}.status", timeout=2)).data)


async def same_state_everywhere(cluster, client, seconds=20):
    """All that run have applied the same entries."""

    async def equal_now():
        got = [await status_of(client, name) for name in cluster.alive()]
        return len({(s["applied"], s["position"]) for s in got}) == 1

    await wait_until(equal_now, seconds, "all nodes have applied the same")


async def test_three_nodes_form_one_cluster_and_answer():
    async with Cluster(3) as c:
        client = await c.client()
        leader = await c.leader(client)
        for i in range(20):
            equal((await client.append("s", str(i).encode()))["seq"], i + 1)
        await same_state_everywhere(c, client)
        roles = sorted([(await status_of(client, name))["role"] for name in c.nodes])
        equal(roles, ["follower", "follower", "leader"])
        equal((await status_of(client, leader))["role"], "leader")
        await client.close()


class Writers:
    """Clients that append with ids, and try again with the same id until they are answered."""

    def __init__(self, client, count=8):
        self.client, self.count = client, count
        self.acknowledged, self.gaps, self.stopping, self.n = {}, [], False, 0

    async def write(self):
        while not self.stopping:
            self.n += 1
            me, began = self.n, time.monotonic()
            while True:
                try:
                    body = await self.client.ask(f"append.T.s{me % 7}", str(me).encode(), headers={"Nats-Msg-Id": f"w{me}"}, timeout=1.5)
                except Exception:  # noqa: BLE001: nobody leads, or no answer
                    body = None
                if isinstance(body, dict):
                    self.acknowledged[me] = (body["seq"], body["pos"])
                    self.gaps.append(time.monotonic() - began)
                    break
                if self.stopping:
                    break
                await asyncio.sleep(0.02)

    async def __aenter__(self):
        self.tasks = [asyncio.ensure_future(self.write()) for _ in range(self.count)]
        return self

    async def __aexit__(self, *_):
        self.stopping = True
        await asyncio.gather(*self.tasks)


async def history_holds(client, acknowledged):
    """What was acknowledged is there, once, where it was said to be."""
    events, position = {}, 1
    while position:
        got, end = await client.read("all", json.dumps({"from": position, "limit": 10000}).encode(), timeout=20)
        for msg in got:
            me = int(msg.data)
            check(me not in events, f"event {me} is there twice")
            events[me] = (int(msg.headers["Nats-Sequence"]), int(msg.headers["Es-Position"]))
        position = int(end.headers.get("Es-Next", 0))
    lost = {me for me in acknowledged if acknowledged[me] != events.get(me)}
    check(not lost, f"{len(lost)} of {len(acknowledged)} acknowledged appends are not where they were: {sorted(lost)[:5]}")


async def test_kill_9_of_the_leader_under_load():
    rounds = 50 if LONG else 5
    async with Cluster(3) as c:
        client = await c.client()
        longest = []
        async with Writers(client) as w:
            for _ in range(rounds):
                leader = await c.leader(client)
                before = len(w.acknowledged)
                await wait_until(lambda: len(w.acknowledged) > before + 50, 30, "appends before the kill")  # noqa: B023
                w.gaps.clear()
                c.nodes[leader].kill()
                before = len(w.acknowledged)
                await wait_until(lambda: len(w.acknowledged) > before + 50, 30, "appends after the kill")  # noqa: B023
                longest.append(max(w.gaps))
                c.nodes[leader].start()
        await history_holds(client, w.acknowledged)
        await same_state_everywhere(c, client)
        longest.sort()
        print(f"{len(w.acknowledged)} appends; longest wait after each kill: {', '.join(f'{s:.2f}' for s in longest)} s")
        check(longest[len(longest) // 2] < 3, f"writes go on again soon: {longest}")
        await client.close()


async def test_all_killed_at_once_lose_nothing():
    async with Cluster(3) as c:
        client = await c.client()
        async with Writers(client) as w:
            for _ in range(10 if LONG else 2):
                before = len(w.acknowledged)
                await wait_until(lambda: len(w.acknowledged) > before + 200, 30, "appends")  # noqa: B023
                for node in c.nodes.values():
                    node.kill()
                c.start()
                await c.leader(client)
        await history_holds(client, w.acknowledged)
        await same_state_everywhere(c, client)
        await client.close()
