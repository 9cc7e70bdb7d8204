# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad weather between nodes: of what they send to each other some is lost, and some comes late, twice, and so out of order.

The server gives a share of it to nobody, and a share to us, who send it on later: both are its weighted mappings of subjects. What
we send on has the same chances again."""
import asyncio
import random

import nats

LOST, LATE = 15, 25  # per cent
LATE_S, TWICE = 0.3, 0.3  # at most; the chance of it

BETWEEN_NODES, HELD = "_es.>", "late._es.>"
CONFIG = f"""mappings: {{ "{BETWEEN_NODES}": [
  {{ destination: "{BETWEEN_NODES}", weight: {100 - LOST - LATE}% }},
  {{ destination: "{HELD}", weight: {LATE}% }}
] }}"""


class Weather:
    def __init__(self, url):
        self.url, self.late, self.tasks = url, 0, set()

    async def send_on(self, msg):
        for _ in range(2 if random.random() < TWICE else 1):
            await asyncio.sleep(random.uniform(0, LATE_S))
            await self.nc.publish(msg.subject.removeprefix("late."), msg.data, reply=msg.reply)

    async def hold(self, msg):
        self.late += 1
        task = asyncio.create_task(self.send_on(msg))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def __aenter__(self):
        self.nc = await nats.connect(self.url)
        await self.nc.subscribe(HELD, cb=self.hold)
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await self.nc.close()
