# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store tells of subscriptions by itself: R.advisory.sub.>, each kind, and what it says."""
import asyncio
import json
import re

from harness import Both, check, equal, wait_until
from test_subs import Consumer, by_stream, create, fill


class Advisories:
    """All that are told, by kind and subscription."""

    def __init__(self, c):
        self.c, self.told = c, {}

    async def start(self):
        async def note(msg):
            told = json.loads(msg.data)
            what = msg.subject.split(".")[-1]
            equal(told["type"], f"io.nacre.advisory.v1.sub.{what}")
            check(told["store"] == "shop" and told["node"] and told["id"] and told["timestamp"].endswith("Z"), f"{told}")
            self.told.setdefault((what, told["subscription"]), []).append(told)

        await self.c.nc.subscribe("es.shop.advisory.sub.>", cb=note)
        await self.c.nc.flush()

    async def comes(self, what, name, seconds=10):
        await wait_until(lambda: (what, name) in self.told, seconds, f"{what} of {name}, told are {sorted(self.told)}")
        return self.told[(what, name)][0]


async def stalled_flows_and_parked(c, told):
    await fill(c, "quiet", 1)
    await create(c, "quiet", by_stream("quiet"), deliver={"subject": "work.quiet"}, max_deliver=1, ack_wait_ms=100)
    equal((await told.comes("stalled", "quiet"))["reason"], "nobody listens")
    sub = await c.nc.subscribe("work.quiet")
    await told.comes("flows", "quiet")
    parked = await told.comes("parked", "quiet")
    equal((parked["pos"] > 0, parked["reason"]), (True, "max_deliver reached"))
    await sub.unsubscribe()


async def skipped_and_halted(c, told):
    for name, what in (("skip", "skipped"), ("stop", "halted")):
        async with Consumer(c, f"work.{name}") as consumer:
            made = await c.append(name, b"{}")
            await create(c, name, by_stream(name), deliver={"subject": f"work.{name}"}, max_deliver=1, on_exhausted=name)
            await c.nc.publish((await consumer.next()).reply, b"-NAK")
            equal((await told.comes(what, name))["pos"], made["pos"])


async def what_people_do(c, told):
    await create(c, "verbs", by_stream("verbs"))
    for verb, body, what in (("pause", b"", "paused"), ("resume", b"", "resumed"), ("seek", b'"first"', "sought"), ("update", b'{"max_in_flight":7}', "updated"),
                             ("delete", b"", "deleted")):
        check(isinstance(await c.ask(f"sub.{verb}.verbs", body), dict), verb)
        await told.comes(what, "verbs")


async def goes_when_nobody_listens(c, told):
    await create(c, "brief", by_stream("none"), durable=False, inactive_ms=300)
    equal((await told.comes("deleted", "brief"))["reason"], "nobody has listened for inactive_ms")


async def lags_and_catches_up(c, told):
    await fill(c, "behind", 2)
    await create(c, "behind", by_stream("behind"))
    reason = (await told.comes("lagging", "behind"))["reason"]
    check(re.fullmatch(r"2 events and [1-9]\d{3} ms behind", reason), reason)
    for _ in range(2):
        msg = await c.nc.request("es.shop.sub.next.behind", b"", timeout=5)
        await c.nc.request(msg.reply, b"", timeout=5)
    await told.comes("caught_up", "behind")


async def test_each_advisory_of_a_subscription_is_told():
    parts = (stalled_flows_and_parked, skipped_and_halted, what_people_do, goes_when_nobody_listens, lags_and_catches_up)
    async with Both(env={"NACRE_SUB_LAG_S": "1"}) as b:
        told = Advisories(b.client)
        await told.start()
        await asyncio.gather(*(part(b.client, told) for part in parts))
        equal({what for what, _ in told.told}, {"stalled", "flows", "parked", "skipped", "halted", "paused", "resumed", "sought", "updated", "deleted", "lagging", "caught_up"})
