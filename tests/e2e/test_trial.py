# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster under load while its nodes are killed; what every client was answered is judged at the end."""
import asyncio
import json
import time

from harness import LONG, Cluster, check, wait_until
from history import Consumer, History, Load, same_digests


class Trial:
    """Three nodes, writers, readers and a consumer; finals of all nodes and the judgement at the end."""

    def __init__(self, clients=6, **cluster):
        self.clients, self.options = clients, cluster

    async def __aenter__(self):
        self.c = Cluster(3, **self.options)
        try:
            self.client = await self.c.client()
            self.history = History()
            await self.c.leader(self.client)
            self.load = Load(self.history, [await self.c.client() for _ in range(self.clients)], pause=0.005)
            self.consumer = Consumer(self.history, await self.c.client())
            await self.consumer.start()
        except BaseException:
            self.c.remove()
            raise
        return self

    async def more(self, count, seconds=30):
        """Until so many appends more were answered; the time that took."""
        began, before = time.monotonic(), self.load.done
        await wait_until(lambda: self.load.check_alive() or self.load.done >= before + count, seconds, f"{count} appends more")
        return time.monotonic() - began

    async def same(self):
        try:
            got = [json.loads((await self.client.request(f"node.{name}.status", timeout=2)).data) for name in self.c.alive()]
        except Exception:  # noqa: BLE001 -- one is just starting
            return False
        return len({(s["applied"], s["position"]) for s in got}) == 1

    async def end(self):
        await self.load.stop()
        _, closing = await self.client.read("all", b'{"from":"end","dir":"backward","limit":1}')
        head = int(closing.headers["Es-Head"])
        await self.consumer.stop(head)
        await wait_until(self.same, 60, "all have applied the same")
        await same_digests(self.client, list(self.c.nodes))
        print((await self.history.judge_nodes(self.client, self.c.nodes)).split("\n")[0])

    async def __aexit__(self, kind, *_):
        self.load.going = self.consumer.going = False
        for task in [*self.load.tasks, self.consumer.task]:
            task.cancel()
        if kind is not None:
            for name, node in self.c.nodes.items():
                print(f"-- {name}:\n{node.log_text()[-3000:]}")
        self.c.remove()


async def test_the_leader_is_killed_again_and_again():
    gaps = []
    async with Trial() as t:
        for _ in range(50 if LONG else 5):
            leader = await t.c.leader(t.client)
            await t.more(60)
            t.c.nodes[leader].kill()
            gaps.append(await t.more(1))
            await t.more(30)
            t.c.nodes[leader].start()
        gaps.sort()
        print(f"without an answer after a kill: median {gaps[len(gaps) // 2]:.2f} s, longest {gaps[-1]:.2f} s")
        check(gaps[-1] < 15, f"writes went on only after {gaps[-1]:.1f} s")
        await t.end()


async def test_all_are_killed_at_once():
    async with Trial() as t:
        for _ in range(10 if LONG else 1):
            await t.more(150)
            for node in t.c.nodes.values():
                node.kill()
            await asyncio.to_thread(t.c.start)
            await t.more(1)
        await t.end()
