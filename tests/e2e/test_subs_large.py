# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 8 behind a server that takes less than the one by which the events came."""
import asyncio
import json

from nats.errors import NoRespondersError, TimeoutError

from cli import Nacre
from harness import Both, check, equal, wait_until

SMALL, LARGE = b'{"n":1}', json.dumps({"x": "y" * 200_000}).encode()
REASON = "larger than the server's max_payload"
FILTER = {"plugin": "by_stream", "selector": "$all"}
PUSHED = {
    "skipping": {"on_exhausted": "skip"},
    "all": {"ack": "all"},
    "packed": {"ack": "all", "format": "json"},
    "none": {"ack": "none"},
}


class Taker:
    """Acknowledges what comes on work.<name>, and knows which positions came as which attempt."""

    def __init__(self):
        self.got = {}

    async def take(self, msg):
        name = msg.headers["Es-Subscription"]
        packed = "Es-Position" not in msg.headers
        events = [(e["pos"], e["delivery"]) for e in json.loads(msg.data)] if packed else [(int(msg.headers["Es-Position"]), int(msg.headers["Es-Delivery"]))]
        self.got.setdefault(name, []).extend(events)
        await msg.respond(b"")


async def give_a_server_that_takes(b, size):
    b.server.stop()
    b.server.configure(f"max_payload: {size}")
    b.server.start()
    await wait_until(lambda: hears(b.client), 20, "the node is heard again")


async def hears(c):
    try:
        return await c.request("store.info", timeout=0.5)
    except (NoRespondersError, TimeoutError):  # the client is on its way back, too
        return False


async def create(c, name, **more):
    answer = await c.ask(f"sub.create.{name}", json.dumps({"filter": FILTER, **more}).encode())
    check(isinstance(answer, dict), answer)


async def pulled(c, name, batch):
    """The (position, attempt) of what came, and the status line."""
    inbox = c.nc.new_inbox()
    sub = await c.nc.subscribe(inbox)
    await c.nc.publish(f"{c.root}.sub.next.{name}", json.dumps({"batch": batch, "expires_ms": 60000}).encode(), reply=inbox)
    got = []
    while True:
        msg = await sub.next_msg(20)
        if msg.headers.get("Status"):
            await sub.unsubscribe()
            return got, (msg.headers["Status"], msg.headers["Nats-Pending-Messages"])
        got.append((int(msg.headers["Es-Position"]), int(msg.headers["Es-Delivery"])))
        await msg.respond(b"")


async def parked(c, name):
    return [(p["pos"], p["attempts"], p["reason"]) for p in (await c.ask(f"sub.parked.{name}"))["parked"]]


async def test_what_a_server_does_not_take_is_parked_at_once_and_nothing_is_lost():
    async with Both() as b:
        c = b.client
        for stream, data in (("s.1", SMALL), ("s.2", LARGE), ("s.3", SMALL)):
            await c.append(stream, data)
        await give_a_server_that_takes(b, 100_000)
        taker, told = Taker(), []
        await c.nc.subscribe("work.*", cb=taker.take)
        advisories = await c.nc.subscribe("es.shop.advisory.sub.parked")
        for name, more in PUSHED.items():
            deliver = {"subject": f"work.{name}", **({"format": more["format"]} if "format" in more else {})}
            await create(c, name, deliver=deliver, **{k: v for k, v in more.items() if k != "format"})
        await create(c, "pull")
        await create(c, "bare", headers_only=True)

        equal(await pulled(c, "pull", 5), ([(1, 1), (3, 1)], ("408", "3")), "a pull ends, behind what it was given")
        for name in [*PUSHED, "pull"]:
            await wait_until(lambda name=name: is_parked(c, name), 10, f"{name}: the large one is parked")
            told.append(json.loads((await advisories.next_msg(10)).data))
        equal({(t["subscription"], t["pos"], t["reason"]) for t in told}, {(name, 2, REASON) for name in [*PUSHED, "pull"]})
        await wait_until(lambda: all(taker.got.get(name) == [(1, 1), (3, 1)] for name in PUSHED), 10, f"the small ones came: {taker.got}")
        await c.append("s.2", SMALL)
        await wait_until(lambda: all(taker.got[name][-1] == (4, 1) for name in PUSHED), 10, "it goes on")
        got, _ = await asyncio.wait_for(pulled_bare(c), 20)
        equal(got, [1, 2, 3, 4], "without its data it fits")

        await give_a_server_that_takes(b, 1_000_000)
        for name in PUSHED:
            equal(await c.ask(f"sub.replay.{name}", b"{}"), {"replayed": 1, "more": False}, name)
        await wait_until(lambda: all(taker.got[name][-1] == (2, 1) for name in PUSHED), 10, f"where it fits it is delivered: {taker.got}")


async def is_parked(c, name):
    return await parked(c, name) == [(2, 0, REASON)]


async def pulled_bare(c):
    inbox = c.nc.new_inbox()
    sub = await c.nc.subscribe(inbox)
    await c.nc.publish(f"{c.root}.sub.next.bare", b'{"batch":4}', reply=inbox)
    return [int((await sub.next_msg(10)).headers["Es-Position"]) for _ in range(4)], await sub.unsubscribe()


async def test_what_a_server_does_not_take_parks_its_key():
    async with Both() as b:
        c = b.client
        for data in (SMALL, LARGE, SMALL):
            await c.append("s.1", data)
        await c.append("s.2", SMALL)
        await give_a_server_that_takes(b, 100_000)
        await create(c, "keyed", order="stream")
        equal(await pulled(c, "keyed", 3), ([(1, 1), (4, 1)], ("408", "1")))
        await wait_until(lambda: key_is_parked(c), 10, "it is parked with what stands behind it")


async def key_is_parked(c):
    return await parked(c, "keyed") == [(2, 0, REASON), (3, 0, "its key is parked")]


async def test_the_answer_to_what_stands_behind_does_not_take_it_along():
    async with Both() as b:
        c = b.client
        await c.append("s.1", LARGE)
        for _ in range(700):  # so many that the first are answered while the last are read
            await c.append("s.2", json.dumps({"x": "y" * 8000}).encode())
        await give_a_server_that_takes(b, 100_000)
        taker = Taker()
        await c.nc.subscribe("work.*", cb=taker.take)
        for name, format in (("single", "headers"), ("several", "json")):
            await create(c, name, ack="all", max_in_flight=1000, deliver={"subject": f"work.{name}", "format": format})
            await wait_until(lambda name=name: len(taker.got.get(name, ())) == 700, 30, "the small ones came")
            await wait_until(lambda name=name: nothing_left(c, name), 30, "and were answered")
            check(await is_parked_at(c, name, 1), f"{name}: {await parked(c, name)}")


async def nothing_left(c, name):
    have = await c.ask(f"sub.info.{name}")
    return have["pending"] == 0 and have["in_flight"] == 0


async def is_parked_at(c, name, pos):
    return await parked(c, name) == [(pos, 0, REASON)]


async def test_run_until_empty_goes_on_behind_it():
    async with Both() as b:
        c = b.client
        for data in (SMALL, LARGE, LARGE, SMALL, SMALL):
            await c.append("s.1", data)
        await give_a_server_that_takes(b, 100_000)
        await create(c, "run")
        equal((await Nacre.beside(c).ok("sub", "run", "run", "--until-empty", "--", "sh", "-c", "echo $ES_SEQ")).lines, ["1", "4", "5"])
