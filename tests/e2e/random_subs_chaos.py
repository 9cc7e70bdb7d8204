# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that are killed, and leaders that hand over, in the midst of random programs."""
import asyncio
import json
import time

from harness import wait_until

BACK_S = 20


class Chaos:
    """Of a run. What would be of unknown outcome is waited for before; pulls, deliveries and acknowledgements are not."""

    async def settle(self):
        for sub in list(self.models):
            await self.settled(sub)
        for token, (text, _, future) in list(self.asked.items()):
            if not text.startswith(f"{self.client.root}.ack.") and token not in self.forsaken:
                await self.within(future)

    async def healthy(self):
        """All nodes are there: one may be missing."""

        async def told():
            try:
                return (await self.client.ask("cluster.status", timeout=2))["health"] == "healthy"
            except Exception:  # noqa: BLE001: nobody answers
                return False

        if hasattr(self.it, "cluster"):
            await wait_until(told, BACK_S, "all nodes are there")

    def forsake(self):
        """Perhaps nobody answers."""
        self.forsaken |= set(self.asked)
        for pull in self.pulls.values():
            pull.forsaken = True

    async def do_kill(self, luck=0.0):
        await self.healthy()
        await self.settle()
        self.forsake()
        for model in self.models.values():
            model.killed()
        if hasattr(self.it, "node"):
            self.say("kill")
            await asyncio.to_thread(self.it.node.restart)
        else:
            nodes = self.it.cluster.nodes
            name = sorted(nodes)[int(luck * len(nodes))]
            self.say(f"kill {name}")
            nodes[name].kill()
            self.killed_at = time.monotonic()
            nodes[name].spawn()
        await self.back()
        self.asked = {token: asked for token, asked in self.asked.items() if token in self.forsaken}

    async def do_transfer(self, luck):
        if hasattr(self.it, "node"):
            await self.do_kill()
            return
        await self.healthy()
        await self.settle()
        self.forsake()
        to = sorted(self.it.cluster.nodes)[int(luck * len(self.it.cluster.nodes))]
        for model in self.models.values():
            model.handed_over()
        self.say(f"transfer to {to}")
        await self.client.request("cluster.transfer", json.dumps({"to": to}).encode(), timeout=10)
        await self.back()

    async def back(self):
        """Until all answer again; transient ones may have gone."""
        if hasattr(self.it, "cluster"):
            await self.it.cluster.leader(self.client, BACK_S)
        for sub, model in list(self.models.items()):
            told = []

            async def answers(name=f"{self.tag}s{sub}", told=told):
                try:
                    told[:] = [await self.client.ask(f"sub.info.{name}", timeout=2)]
                except Exception:  # noqa: BLE001: nobody leads, nobody has it yet
                    return False
                return not (isinstance(told[0], tuple) and told[0][0] == 503)

            await wait_until(answers, BACK_S, f"s{sub} answers again")
            self.say(f"  s{sub} is back: {told[0]}")
            if not isinstance(told[0], tuple):
                continue
            if model.definition["durable"]:
                self.fault(f"s{sub} is gone: {told[0]}")
            self.deleted(sub)
        self.held = [d for d in self.held if d.sub in self.models]
        await self.nc.flush()
