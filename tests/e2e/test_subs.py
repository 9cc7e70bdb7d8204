# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md section 8: subscriptions by any client: definitions, push, pull, acknowledgement, parking."""
import asyncio
import json

from harness import check, equal, wait_until

SHARED = True


def by_stream(stream):
    return {"plugin": "by_stream", "selector": stream}


class Consumer:
    """A plain subscriber on a delivery subject."""

    def __init__(self, c, subject, queue=""):
        self.c, self.subject, self.queue, self.got = c, subject, queue, asyncio.Queue()

    async def __aenter__(self):
        async def on_message(msg):
            await self.got.put(msg)

        self.sub = await self.c.nc.subscribe(self.subject, queue=self.queue, cb=on_message, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await self.c.nc.flush()
        return self

    async def __aexit__(self, *_):
        await self.sub.unsubscribe()

    async def next(self, seconds=10):
        """The next event; status messages are answered and left out."""
        while True:
            msg = await asyncio.wait_for(self.got.get(), seconds)
            if msg.headers and msg.headers.get("Status"):
                await self.c.nc.publish(msg.reply, b"")
                continue
            return msg

    async def some(self, count, ack=b"", seconds=20):
        events = []
        for _ in range(count):
            events.append(await self.next(seconds))
            if ack is not None:
                await self.c.nc.publish(events[-1].reply, ack)
        return events

    async def silent(self, seconds=0.4):
        try:
            msg = await self.next(seconds)
        except asyncio.TimeoutError:
            return
        raise AssertionError(f"an event came: {dict(msg.headers)} {msg.data}")


async def create(c, name, filter, **members):
    return await c.ask(f"sub.create.{name}", json.dumps({"filter": filter, **members}).encode())


async def info(c, name):
    return await c.ask(f"sub.info.{name}")


def versions(events):
    return [int(e.headers["Nats-Sequence"]) for e in events]


async def fill(c, stream, count, type="T", first=0):
    for i in range(first, first + count):
        await c.append(stream, json.dumps({"i": i}).encode(), type=type)


# ---- Definitions ------------------------------------------------------------------------------


async def test_info_has_the_whole_definition_and_where_it_stands(c):
    made = await create(c, "whole", by_stream("none.yet"), deliver={"subject": "work.whole", "queue": "workers"})
    equal(made["name"], "whole")
    have = await info(c, "whole")
    for name, want in {
        "name": "whole", "filter": by_stream("none.yet"), "start": "first", "durable": True,
        "deliver": {"subject": "work.whole", "queue": "workers"}, "ack": "explicit", "ack_wait_ms": 30000, "max_deliver": 5,
        "backoff_ms": [], "max_in_flight": 1000, "order": "none", "on_exhausted": "park", "placement": "leader",
        "headers_only": False, "pending": 0, "in_flight": 0, "redelivered": 0, "parked": 0, "last_delivered": 0, "node": "n1",
    }.items():
        equal(have.get(name), want, name)
    for name in ["ack_floor", "lag_ms", "epoch", "state", "inactive_ms"]:
        check(name in have, f"{name} is missing: {have}")


async def test_creating_the_same_once_more_is_fine_another_definition_is_not(c):
    await create(c, "same", by_stream("same"), max_deliver=3)
    epoch = (await info(c, "same"))["epoch"]
    again = await c.ask("sub.create.same", b'{"max_deliver":3,"ack":"explicit","filter":{"selector":"same","plugin":"by_stream"}}')
    equal(again["name"], "same")
    equal((await info(c, "same"))["epoch"], epoch, "nothing begins anew")
    equal((await create(c, "same", by_stream("same"), max_deliver=4))[:2], (409, 40903))
    equal((await info(c, "same"))["max_deliver"], 3)


async def test_bad_definitions_are_refused_by_name(c):
    good = {"filter": by_stream("s")}
    for bad, word in [
        ({}, "filter"), ({"filter": None}, "filter"), ({"filter": {"plugin": "by_stream"}}, "selector"), ({**good, "nonsense": 1}, "nonsense"),
        ({**good, "start": "middle"}, "start"), ({**good, "start": {"pos": 0}}, "start"), ({**good, "start": {"time": "yesterday"}}, "start"),
        ({**good, "durable": "yes"}, "durable"), ({**good, "ack": "maybe"}, "ack"), ({**good, "ack_wait_ms": 0}, "ack_wait_ms"),
        ({**good, "max_deliver": 0}, "max_deliver"), ({**good, "backoff_ms": [-1]}, "backoff_ms"), ({**good, "max_in_flight": 0}, "max_in_flight"),
        ({**good, "order": "random"}, "order"), ({**good, "ack": "all", "order": "stream"}, "ack"), ({**good, "on_exhausted": "cry"}, "on_exhausted"),
        ({**good, "deliver": {"queue": "q"}}, "deliver"), ({**good, "deliver": {"subject": "a.*"}}, "deliver"),
        ({**good, "deliver": {"subject": "es.shop.append.T.s"}}, "deliver"), ({**good, "deliver": {"subject": "_es.shop.x"}}, "deliver"),
        ({**good, "deliver": {"subject": "$JS.API.x"}}, "deliver"), ({**good, "deliver": {"subject": "a b"}}, "deliver"),
        ({**good, "headers_only": 1}, "headers_only"), ({**good, "placement": "moon"}, "placement"),
    ]:
        got = await c.ask("sub.create.bad", json.dumps(bad).encode())
        equal(got[:2] if isinstance(got, tuple) else got, (400, 10003), json.dumps(bad))
        check(word in got[2], f"{bad}: says '{got[2]}', not {word}")
    for body in [b"", b"[]", b"{", b'{"filter":{"plugin":"by_stream","selector":"s"}}x', b'{"filter":1,"filter":2}']:
        got = await c.ask("sub.create.bad", body)
        equal(got[:2] if isinstance(got, tuple) else got, (400, 10003), body)
    equal((await info(c, "bad"))[:2], (404, 10014))


async def test_selectors_and_plugins_are_refused_with_their_codes(c):
    for selector in ["", "orders.*", "orders.>", 7, [], {"a": 1}]:
        got = await create(c, "bad", by_stream(selector))
        equal(got[:2] if isinstance(got, tuple) else got, (400, 40004), repr(selector))
    equal((await create(c, "bad", {"plugin": "by_moonlight", "selector": 1}))[:2], (404, 40402))
    equal((await create(c, "bad", {"plugin": "by_event_type", "selector": "Or*der"}))[:2], (400, 40004))


async def test_a_refused_selector_names_the_byte_as_the_client_wrote_it(c):
    selector = '{ "total" : [ { "prefix" : 5 } ] }'
    body = f'{{"filter" : {{"plugin": "by_payload", "selector": {selector} }} }}'.encode()
    want = (400, 40004, f"selector refused at byte {selector.index('5')}: expected a string")
    await create(c, "byte", by_stream("s"))
    for verb in ["sub.create.byte2", "sub.update.byte", "filter.test"]:
        equal(await c.ask(verb, body), want, verb)
    error = (await c.read("all", body))[1]
    check(f"at byte {selector.index('5')}:".encode() in error.data, str(error.data))


async def test_names_are_checked(c):
    for name in ["a=b", "x" * 65, "a%", "a.b", "a.b.c"]:
        got = await create(c, name, by_stream("s"))
        equal(got[:2] if isinstance(got, tuple) else got, (400, 10003), name)


async def test_list_names_all_and_delete_takes_away(c):
    for i in range(3):
        await create(c, f"listed{i}", by_stream("s"))
    names = [s["name"] for s in (await c.ask("sub.list"))["subscriptions"]]
    check({"listed0", "listed1", "listed2"} <= set(names), str(names))
    for i in range(3):
        await c.ask(f"sub.delete.listed{i}")
    names = [s["name"] for s in (await c.ask("sub.list"))["subscriptions"]]
    check(not {"listed0", "listed1", "listed2"} & set(names), str(names))
    equal((await info(c, "listed0"))[:2], (404, 10014))
    equal((await c.ask("sub.delete.listed0"))[:2], (404, 10014))


async def test_list_says_the_state_of_each(c):
    await fill(c, "states", 1)
    for name in ("st-live", "st-paused", "st-waiting", "st-halted"):
        members = {"deliver": {"subject": f"work.{name}"}} if name in ("st-waiting", "st-halted") else {}
        async with Consumer(c, "work.st-halted") as consumer:
            await create(c, name, by_stream("states"), max_deliver=1, on_exhausted="stop", **members)
            if name == "st-halted":
                await c.nc.publish((await consumer.next()).reply, b"-NAK")
    await c.ask("sub.pause.st-paused")

    async def all_say_so():
        listed = {s["name"]: s for s in (await c.ask("sub.list"))["subscriptions"]}
        return all(listed[name]["state"] == name[3:] for name in ("st-live", "st-paused", "st-waiting", "st-halted"))

    await wait_until(all_say_so, 10, "live, paused, waiting, halted")


async def test_filter_list_names_the_bundled_plugins(c):
    plugins = {p["name"]: p for p in (await c.ask("filter.list"))["plugins"]}
    for name in ["by_stream", "by_event_type", "by_pattern", "by_payload"]:
        equal((plugins[name]["state"], plugins[name]["bundled"]), ("loaded", True), name)


# ---- Push -------------------------------------------------------------------------------------


async def test_history_then_live_without_gap_or_double(c):
    await fill(c, "live.1", 300)
    async with Consumer(c, "work.live") as consumer:
        await create(c, "live", by_stream("live.1"), deliver={"subject": "work.live"})
        appending = asyncio.create_task(fill(c, "live.1", 300, first=300))
        events = await consumer.some(600)
        await appending
        equal(versions(events), list(range(1, 601)))
        await consumer.silent()
    event = events[0]
    for name, want in {"Es-Stream": "live.1", "Es-Type": "T", "Es-Subscription": "live", "Es-Delivery": "1", "Nats-Subject": "es.shop.append.T.live=2E1".replace("=2E", ".")}.items():
        equal(event.headers.get(name), want, name)
    check("Nats-Msg-Id" in event.headers and "Nats-Time-Stamp" in event.headers, str(event.headers))
    equal(event.data, b'{"i": 0}')
    epoch = (await info(c, "live"))["epoch"]
    equal(event.reply, f"es.shop.ack.live.{epoch}.{event.headers['Es-Position']}.1")


async def test_small_events_of_now_do_not_overtake_large_ones_nor_older_ones(c):
    """What is small and new is published by the loop from memory, anything else by a reader from the disk."""
    await fill(c, "mixed", 200)
    async with Consumer(c, "work.mixed") as consumer:
        await create(c, "mixed", by_stream("mixed"), deliver={"subject": "work.mixed"}, max_in_flight=1000)
        for i in range(200, 600):
            size = 40000 if i % 7 == 3 else 10
            await c.nc.publish("es.shop.append.T.mixed", json.dumps({"i": i, "pad": "x" * size}).encode())
            if i % 50 == 0:
                await asyncio.sleep(0.05)
        events = await consumer.some(600)
        equal(versions(events), list(range(1, 601)))
        equal([json.loads(e.data)["i"] for e in events], list(range(600)))
        await consumer.silent()


async def test_only_what_matches_is_delivered(c):
    async with Consumer(c, "work.types") as consumer:
        await create(c, "types", {"plugin": "by_event_type", "selector": "Wanted*"}, start="new", deliver={"subject": "work.types"})
        for i in range(20):
            await c.append("types.s", b"{}", type=["Other", "WantedA", "Unwanted", "WantedB"][i % 4])
        events = await consumer.some(10)
        equal({e.headers["Es-Type"] for e in events}, {"WantedA", "WantedB"})
        await consumer.silent()


async def test_start_in_all_its_forms(c):
    await fill(c, "start", 5)
    events, _ = await c.read("read.start")
    third = events[2].headers
    async def first(name, start):
        async with Consumer(c, f"work.{name}") as consumer:
            await create(c, name, by_stream("start"), start=start, deliver={"subject": f"work.{name}"})
            return versions([await consumer.next()])[0]
    equal(await first("start1", "first"), 1)
    equal(await first("start2", {"pos": int(third["Es-Position"])}), 3)
    equal(await first("start3", {"seq": 4}), 4)
    equal(await first("start4", {"time": third["Nats-Time-Stamp"]}), 3)
    async with Consumer(c, "work.start5") as consumer:
        await create(c, "start5", by_stream("start"), start="new", deliver={"subject": "work.start5"})
        await fill(c, "start", 1)
        equal(versions([await consumer.next()]), [6])
    got = await create(c, "start6", by_stream(["start", "other"]), start={"seq": 4})
    equal(got[:2], (400, 10003))


async def test_ack_moves_the_floor(c):
    await fill(c, "floor", 3)
    async with Consumer(c, "work.floor") as consumer:
        await create(c, "floor", by_stream("floor"), deliver={"subject": "work.floor"}, start={"seq": 1})
        events = await consumer.some(3, ack=None)
        positions = [int(e.headers["Es-Position"]) for e in events]
        equal((await info(c, "floor"))["in_flight"], 3)
        answer = await c.nc.request(events[1].reply, b"+ACK", timeout=5)
        equal((answer.data, answer.headers), (b"", None))
        have = await info(c, "floor")
        equal((have["in_flight"], have["ack_floor"]), (2, positions[0] - 1))
        equal((await c.nc.request(events[0].reply, b"", timeout=5)).data, b"")
        have = await info(c, "floor")
        equal(have["in_flight"], 1)
        check(have["ack_floor"] >= positions[1] and have["ack_floor"] < positions[2], str(have))
        await c.nc.request(events[2].reply, b'{"stream":"archive","seq":7}', timeout=5)
        equal((await info(c, "floor"))["in_flight"], 0)
        # Again: done already, and answered alike.
        equal((await c.nc.request(events[0].reply, b"", timeout=5)).data, b"")


async def test_stale_and_foreign_acks_are_told(c):
    await fill(c, "stale", 1)
    async with Consumer(c, "work.stale") as consumer:
        await create(c, "stale", by_stream("stale"), deliver={"subject": "work.stale"})
        event = await consumer.next()
        root, name, epoch, pos, attempt = event.reply.rsplit(".", 4)
        for bad in [f"{root}.{name}.{int(epoch) + 1}.{pos}.{attempt}", f"{root}.{name}.{epoch}.{int(pos) + 1000000}.{attempt}", f"{root}.nobody.1.1.1"]:
            got = json.loads((await c.nc.request(bad, b"", timeout=5)).data)
            equal((got["error"]["code"], got["error"]["err_code"]), (409, 40904), bad)
        for garbage in [f"{root}.stale", f"{root}.stale.x.y.z", f"{root}.stale.1.1", f"{root}.stale.1.1.1.1"]:
            await c.nc.publish(garbage, b"+ACK")
        equal((await info(c, "stale"))["in_flight"], 1)
        await c.nc.publish(event.reply, b"what?")  # ignored
        equal((await info(c, "stale"))["in_flight"], 1)


async def test_nak_comes_again_now_or_later(c):
    await fill(c, "nak", 1)
    async with Consumer(c, "work.nak") as consumer:
        await create(c, "nak", by_stream("nak"), deliver={"subject": "work.nak"}, max_deliver=-1)
        loop = asyncio.get_running_loop()
        event = await consumer.next()
        await c.nc.publish(event.reply, b"-NAK")
        event = await consumer.next()
        equal(event.headers["Es-Delivery"], "2")
        for body in [b'-NAK {"delay_ms":300}', b'-NAK {"delay":300000000}']:
            at = loop.time()
            await c.nc.publish(event.reply, body)
            event = await consumer.next()
            check(loop.time() - at >= 0.29, f"{body} came after {loop.time() - at} s")
        equal(event.headers["Es-Delivery"], "4")
        equal((await info(c, "nak"))["redelivered"], 3)


async def test_a_lost_consumer_and_wpi(c):
    await fill(c, "wait", 1)
    async with Consumer(c, "work.wait") as consumer:
        await create(c, "wait", by_stream("wait"), deliver={"subject": "work.wait"}, ack_wait_ms=600)
        event = await consumer.next()
        for _ in range(5):
            await asyncio.sleep(0.2)
            await c.nc.publish(event.reply, b"+WPI")
        equal(consumer.got.qsize(), 0, "while it works it is not delivered again")
        again = await consumer.next()
        equal(again.headers["Es-Delivery"], "2")
        await c.nc.request(event.reply, b"", timeout=5)  # the ack of any attempt counts
        equal((await info(c, "wait"))["in_flight"], 0)


async def test_exhausted_is_parked_and_told(c):
    await fill(c, "park", 2)
    async with Consumer(c, "work.park") as consumer, Consumer(c, "es.shop.advisory.sub.parked") as advisories:
        await create(c, "park", by_stream("park"), deliver={"subject": "work.park"}, max_deliver=3, backoff_ms=[0, 50])
        attempts = []
        for _ in range(4):
            event = await consumer.next()
            if event.data == b'{"i": 1}':
                await c.nc.publish(event.reply, b"")
                continue
            attempts.append(int(event.headers["Es-Delivery"]))
            await c.nc.publish(event.reply, b"-NAK")
        equal(attempts, [1, 2, 3])
        told = json.loads((await advisories.next()).data)
        equal((told["type"], told["subscription"]), ("io.nacre.advisory.v1.sub.parked", "park"))
        await wait_until(lambda: parked_count(c, "park", 1), 5, "parked")
        await consumer.silent()
        listed = await c.ask("sub.parked.park")
        equal((listed["total"], len(listed["parked"])), (1, 1))
        one = listed["parked"][0]
        equal((one["stream"], one["seq"], one["type"], one["attempts"]), ("park", 1, "T", 3))
        check({"pos", "key", "reason", "time"} <= set(one), str(one))


async def test_a_late_ack_takes_its_event_out_of_the_parked_ones(c):
    """Within an epoch the ack of any attempt counts, also when all attempts were used up meanwhile."""
    for durable in (True, False):
        name = f"late{durable}"
        await fill(c, name, 3)
        await create(c, name, by_stream(name), max_deliver=1, ack_wait_ms=100, durable=durable)
        events, _ = await pull(c, name, {"batch": 3})
        await wait_until(lambda: parked_count(c, name, 3), 5, "all have run out")
        equal((await c.nc.request(events[1].reply, b"+ACK", timeout=5)).data, b"")
        equal([p["seq"] for p in (await c.ask(f"sub.parked.{name}"))["parked"]], [1, 3])
        equal((await info(c, name))["parked"], 2)
        equal((await c.ask(f"sub.explain.{name}", json.dumps({"pos": int(events[1].headers["Es-Position"])}).encode()))["state"], "done")
        await c.nc.publish(events[2].reply, b"")  # nobody waits for an answer: it counts all the same
        await wait_until(lambda: parked_count(c, name, 1), 5, "taken out")
        equal((await c.nc.request(events[1].reply, b"", timeout=5)).data, b"", "done before")
        equal(await c.ask(f"sub.replay.{name}"), {"replayed": 1, "more": False})
        again, _ = await pull(c, name, {"batch": 3, "expires_ms": 300})
        equal([(e.headers["Nats-Sequence"], e.headers["Es-Delivery"]) for e in again], [("1", "1")])
        equal((await c.nc.request(events[0].reply, b"", timeout=5)).data, b"", "by the first attempt, of the replayed")
        have = await info(c, name)
        equal((have["parked"], have["in_flight"]), (0, 0))


async def test_a_late_ack_frees_the_key_of_what_was_parked(c):
    await fill(c, "latekey", 2)
    await create(c, "latekey", by_stream("latekey"), max_deliver=1, ack_wait_ms=100, order="stream")
    (event,), _ = await pull(c, "latekey")
    await wait_until(lambda: parked_count(c, "latekey", 2), 5, "it has run out, and the next waits with it")
    equal((await c.nc.request(event.reply, b"+ACK", timeout=5)).data, b"")
    equal([p["seq"] for p in (await c.ask("sub.parked.latekey"))["parked"]], [2], "what stands behind it was never delivered")
    equal(await c.ask("sub.replay.latekey"), {"replayed": 1, "more": False})
    (event,), _ = await pull(c, "latekey")
    await c.nc.request(event.reply, b"", timeout=5)
    equal((await info(c, "latekey"))["parked_keys"], 0)
    await fill(c, "latekey", 1)
    equal(versions((await pull(c, "latekey"))[0]), [3], "the key is free")


async def parked_count(c, name, count):
    return (await c.ask(f"sub.parked.{name}"))["total"] == count


async def test_term_parks_with_its_reason(c):
    await fill(c, "term", 1)
    async with Consumer(c, "work.term") as consumer:
        await create(c, "term", by_stream("term"), deliver={"subject": "work.term"}, on_exhausted="skip")
        event = await consumer.next()
        await c.nc.request(event.reply, b"+TERM no such customer", timeout=5)
        listed = await c.ask("sub.parked.term")
        equal([p["reason"] for p in listed["parked"]], ["no such customer"])
        equal((await info(c, "term"))["parked"], 1)


async def test_exhausted_skip_and_stop(c):
    await fill(c, "xskip", 2)
    await fill(c, "xstop", 2)
    for name, want in [("xskip", "live"), ("xstop", "halted")]:
        async with Consumer(c, f"work.{name}") as consumer:
            await create(c, name, by_stream(name), deliver={"subject": f"work.{name}"}, max_deliver=1, on_exhausted=name[1:], max_in_flight=1)
            event = await consumer.next()
            await c.nc.publish(event.reply, b"-NAK")
            if name == "xskip":
                equal(versions(await consumer.some(1)), [2])
            else:
                await consumer.silent()
            await wait_until(lambda: state_is(c, name, want), 5, want)
            equal((await info(c, name))["parked"], 0)


async def state_is(c, name, want):
    return (await info(c, name))["state"] == want


async def test_nobody_listens_is_no_attempt(c):
    await fill(c, "quiet", 2)
    await create(c, "quiet", by_stream("quiet"), deliver={"subject": "work.quiet"}, max_deliver=1)
    await wait_until(lambda: state_is(c, "quiet", "waiting"), 10, "it waits for interest")
    async with Consumer(c, "work.quiet") as consumer:
        events = await consumer.some(2, seconds=30)
        equal([e.headers["Es-Delivery"] for e in events], ["1", "1"])
        equal(sorted(versions(events)), [1, 2])
    equal((await info(c, "quiet"))["parked"], 0)


async def test_whoever_comes_late_sees_events_first_and_no_status_message(c):
    await fill(c, "late", 20)
    await create(c, "late", by_stream("late"), deliver={"subject": "work.late"}, max_deliver=2)
    await wait_until(lambda: state_is(c, "late", "waiting"), 10, "it waits for interest")
    await asyncio.sleep(1)  # more than one probe went into silence
    sub = await c.nc.subscribe("work.late")
    for version in range(1, 21):
        msg = await sub.next_msg(10)
        equal((msg.headers.get("Nats-Sequence"), msg.headers.get("Es-Delivery")), (str(version), "1"), str(msg.headers))
        await msg.respond(b"")
    await sub.unsubscribe()
    told = await info(c, "late")
    equal((told["parked"], told["redelivered"]), (0, 0))


async def test_two_in_a_queue_group_share(c):
    async with Consumer(c, "work.group", "workers") as one, Consumer(c, "work.group", "workers") as two:
        await create(c, "group", by_stream("group"), deliver={"subject": "work.group", "queue": "workers"})
        await fill(c, "group", 200)
        seen = {}
        async def drain(name, consumer):
            while sum(len(v) for v in seen.values()) < 200:
                try:
                    seen.setdefault(name, []).extend(versions(await consumer.some(1, seconds=1)))
                except asyncio.TimeoutError:
                    pass
        await asyncio.gather(drain("one", one), drain("two", two))
        equal(sorted(seen["one"] + seen["two"]), list(range(1, 201)))
        check(seen["one"] and seen["two"], "both had some")


async def test_max_in_flight_bounds_what_is_out(c):
    await fill(c, "slow", 30)
    async with Consumer(c, "work.slow") as consumer:
        await create(c, "slow", by_stream("slow"), deliver={"subject": "work.slow"}, max_in_flight=4)
        events = await consumer.some(4, ack=None)
        await consumer.silent()
        equal((await info(c, "slow"))["in_flight"], 4)
        for e in events:
            await c.nc.publish(e.reply, b"")
        equal(versions(events + await consumer.some(26)), list(range(1, 31)))


async def test_ack_none_delivers_all_in_bursts(c):
    await fill(c, "none", 400)
    heard = await c.nc.subscribe("work.none")
    async with Consumer(c, "work.none") as consumer:
        await create(c, "none", by_stream("none"), deliver={"subject": "work.none"}, ack="none", max_in_flight=50)
        equal(versions(await consumer.some(400, ack=None)), list(range(1, 401)))
        await fill(c, "none", 10, first=400)
        equal(versions(await consumer.some(10, ack=None)), list(range(401, 411)))
    bursts = [0]  # between the requests
    while heard.pending_msgs:
        headers = (await heard.next_msg(1)).headers
        if headers.get("Description") == "FlowControl Request":
            bursts.append(0)
        elif "Status" not in headers:
            bursts[-1] += 1
    equal(sum(bursts), 410)
    check(len(bursts) > 8 and max(bursts) <= 100, f"it asks each half window, and again after half a second without an answer: {bursts}")
    await heard.unsubscribe()


async def test_ack_all_means_all_before(c):
    await fill(c, "all", 10)
    async with Consumer(c, "work.all") as consumer:
        await create(c, "all", by_stream("all"), deliver={"subject": "work.all"}, ack="all")
        events = await consumer.some(10, ack=None)
        await c.nc.request(events[7].reply, b"", timeout=5)
        equal((await info(c, "all"))["in_flight"], 2)


async def test_headers_only_sends_the_size(c):
    await c.append("ho", b"x" * 1234)
    async with Consumer(c, "work.ho") as consumer:
        await create(c, "ho", by_stream("ho"), deliver={"subject": "work.ho"}, headers_only=True)
        event = await consumer.next()
        equal((event.data, event.headers["Nats-Msg-Size"]), (b"{}", "1234"))


async def test_a_transient_one_goes_when_nobody_listens(c):
    async with Consumer(c, "es.shop.advisory.sub.>") as advisories:
        async with Consumer(c, "work.gone") as consumer:
            await create(c, "gone", by_stream("gone"), durable=False, inactive_ms=300, deliver={"subject": "work.gone"})
            await fill(c, "gone", 2)
            await consumer.some(2)
            await asyncio.sleep(1.0)
            equal((await info(c, "gone"))["durable"], False, "while somebody listens it stays")
        async def is_gone():
            got = await info(c, "gone")
            return isinstance(got, tuple) and got[:2] == (404, 10014)
        await wait_until(is_gone, 15, "it is gone")
        told = {}
        while not advisories.got.empty():
            msg = await advisories.next()
            told[msg.subject.rsplit(".", 1)[1]] = json.loads(msg.data)
        check("inactive_ms" in told["deleted"]["reason"], f"advisories: {told}")


async def test_history_of_large_events_has_no_gap_where_a_search_has_read_enough(c):
    """Sixteen megabytes that match, of which a search takes eight: with these subscriptions nothing else makes it end before."""
    batch = {"events": [{"stream": "shlarge", "type": "T", "data": {"large": True, "text": "x" * 16000}} for _ in range(50)]}
    for _ in range(20):
        check("results" in await c.ask("batch", json.dumps(batch).encode()), "appended")
    every = {"plugin": "by_payload", "selector": {"large": [True]}}
    for name, more in (("shbare", {"headers_only": True}), ("shpacked", {"ack": "all", "deliver": {"subject": "work.shpacked", "format": "json"}})):
        async with Consumer(c, f"work.{name}") as consumer:
            await create(c, name, every, **{"deliver": {"subject": f"work.{name}"}, "max_in_flight": 2000, **more})

            async def is_through():
                have = await info(c, name)
                return have["pending"] == 0 and have["in_flight"] > 0

            await wait_until(is_through, 20, "all of it is delivered")
            equal((await info(c, name))["in_flight"], 1000, name)
            check(not consumer.got.empty(), name)
        await c.ask(f"sub.delete.{name}")


# ---- Order by key -----------------------------------------------------------------------------


async def test_order_stream_keeps_one_of_a_key_in_flight(c):
    for i in range(3):
        for s in ["key.a", "key.b"]:
            await c.append(s, json.dumps({"i": i}).encode(), type="Key")
    async with Consumer(c, "work.key") as consumer:
        await create(c, "key", {"plugin": "by_event_type", "selector": "Key"}, order="stream", deliver={"subject": "work.key"})
        first = await consumer.some(2, ack=None)
        equal(sorted((e.headers["Es-Stream"], e.headers["Nats-Sequence"]) for e in first), [("key.a", "1"), ("key.b", "1")])
        await consumer.silent()
        a = next(e for e in first if e.headers["Es-Stream"] == "key.a")
        await c.nc.publish(a.reply, b"")
        event = await consumer.next()
        equal((event.headers["Es-Stream"], event.headers["Nats-Sequence"]), ("key.a", "2"))


# ---- Pull -------------------------------------------------------------------------------------


async def pull(c, name, body=None, timeout=10):
    """Events, and the status that ended it (None: it was given all)."""
    inbox = c.nc.new_inbox()
    sub = await c.nc.subscribe(inbox)
    await c.nc.publish(f"{c.root}.sub.next.{name}", json.dumps(body).encode() if body is not None else b"", reply=inbox)
    batch = (body or {}).get("batch", 1)
    events = []
    try:
        while len(events) < batch:
            msg = await sub.next_msg(timeout)
            if msg.headers and msg.headers.get("Status"):
                return events, msg.headers
            events.append(msg)
        return events, None
    finally:
        await sub.unsubscribe()


async def test_pull_batches_and_status_lines(c):
    await fill(c, "pull", 5)
    await create(c, "pull", by_stream("pull"))
    events, status = await pull(c, "pull")
    equal((versions(events), status), ([1], None))
    events, status = await pull(c, "pull", {"batch": 3})
    equal((versions(events), status), ([2, 3, 4], None))
    events, status = await pull(c, "pull", {"batch": 10, "no_wait": True})
    equal((versions(events), status["Status"], status["Nats-Pending-Messages"]), ([5], "408", "9"))
    events, status = await pull(c, "pull", {"batch": 2, "no_wait": True})
    equal((events, status["Status"]), ([], "404"))
    events, status = await pull(c, "pull", {"batch": 2, "expires_ms": 300})
    equal((events, status["Status"], status["Nats-Pending-Messages"]), ([], "408", "2"))
    waiting = asyncio.create_task(pull(c, "pull", {"batch": 1, "expires_ms": 9000}))
    await asyncio.sleep(0.1)
    await fill(c, "pull", 1, first=5)
    events, status = await waiting
    equal((versions(events), status), ([6], None))
    answer = await c.nc.request(events[0].reply, b"+ACK", timeout=5)
    equal(answer.data, b"")


async def test_pull_next_answers_an_ack_with_the_next(c):
    await fill(c, "nxt", 3)
    await create(c, "nxt", by_stream("nxt"))
    events, _ = await pull(c, "nxt")
    second = await c.nc.request(events[0].reply, b"+NXT", timeout=5)
    equal(second.headers["Nats-Sequence"], "2")
    await wait_until(lambda: in_flight(c, "nxt", 1), 5, "the first is done")


async def in_flight(c, name, count):
    return (await info(c, name))["in_flight"] == count


async def test_pull_max_bytes_and_bad_requests(c):
    for _ in range(4):
        await c.append("pmax", b"x" * 1000)
    await create(c, "pmax", by_stream("pmax"))
    events, status = await pull(c, "pmax", {"batch": 4, "max_bytes": 2500, "no_wait": True})
    check(1 <= len(events) <= 2 and status is not None, f"{len(events)} {status}")
    for bad in [{"batch": 0}, {"batch": "x"}, {"nonsense": 1}, {"expires_ms": -1}]:
        got = await c.ask("sub.next.pmax", json.dumps(bad).encode())
        equal(got[:2], (400, 10003), str(bad))
    equal((await c.ask("sub.next.nobody"))[:2], (404, 10014))


async def test_max_bytes_counts_also_what_was_found_before_anybody_asked(c):
    for size in [1000, 3000, 1000, 1000]:
        await c.append("psize", b"x" * size)
    await create(c, "psize", by_stream("psize"))
    events, _ = await pull(c, "psize")  # the rest waits in the window by now
    equal(versions(events), [1])
    events, status = await pull(c, "psize", {"batch": 3, "max_bytes": 2500})
    equal((events, status["Status"], status["Description"]), ([], "409", "Message Size Exceeds MaxBytes"))
    events, status = await pull(c, "psize", {"batch": 3, "max_bytes": 4000, "no_wait": True})
    equal((versions(events), status["Status"], status["Nats-Pending-Bytes"]), ([2, 3], "409", "0"))
    await c.nc.request(events[0].reply, b'+NXT {"batch":1,"max_bytes":5000}', timeout=5)
    await wait_until(lambda: in_flight(c, "psize", 3), 5, "the last one came as the answer")


async def test_push_is_not_pulled(c):
    await create(c, "pushed", by_stream("x"), deliver={"subject": "work.pushed"})
    equal((await c.ask("sub.next.pushed"))[:2], (400, 10003))


# ---- Many -------------------------------------------------------------------------------------


async def test_a_thousand_subscriptions(c):
    async with Consumer(c, "work.many.*") as consumer:
        for i in range(1000):
            await create(c, f"many{i}", by_stream(f"many.{i}"), start="new", deliver={"subject": f"work.many.{i}"})
        for i in range(0, 1000, 10):
            await c.append(f"many.{i}", b"{}")
        events = await consumer.some(100, seconds=30)
        equal(sorted(int(e.subject.rsplit(".", 1)[1]) for e in events), list(range(0, 1000, 10)))
        await consumer.silent()
    for i in range(1000):
        await c.ask(f"sub.delete.many{i}")


# ---- Many filters -----------------------------------------------------------------------------


async def test_hundreds_of_payload_filters_each_get_their_own(c):
    """More than a small set holds, so that the index is merged while events come; some are deleted meanwhile."""
    count, got = 300, {}

    async def on_message(msg):
        if msg.headers and msg.headers.get("Status"):
            await c.nc.publish(msg.reply, b"")
            return
        got.setdefault(int(msg.subject.rsplit(".", 1)[1]), []).append(json.loads(msg.data)["n"])
        await c.nc.publish(msg.reply, b"")

    sub = await c.nc.subscribe("many.filters.*", cb=on_message, pending_msgs_limit=-1, pending_bytes_limit=-1)
    await c.nc.flush()
    for n in range(count):
        made = await create(c, f"payload{n}", {"plugin": "by_payload", "selector": {"n": [n]}}, durable=False, start="new", deliver={"subject": f"many.filters.{n}"})
        equal(made["name"], f"payload{n}")
        if n % 50 == 0:
            await c.append("many.f", json.dumps({"n": n}).encode())
    await c.ask("sub.delete.payload7")
    for n in range(count):
        await c.append("many.f", json.dumps({"n": n}).encode())
    await wait_until(lambda: len(got) == count - 1, 20, "each has its own")
    await asyncio.sleep(0.3)
    equal(sorted(got), [n for n in range(count) if n != 7])
    equal(got, {n: [n] * (2 if n % 50 == 0 else 1) for n in got}, "its own alone")
    for n in range(count):
        if n != 7:
            await c.ask(f"sub.delete.payload{n}")
    await sub.unsubscribe()


async def counters(c):
    return (await c.ask("node.n1.status"))["counters"]


async def test_what_is_ignored_is_counted(c):
    before = await counters(c)
    await create(c, "counted", {"plugin": "by_payload", "selector": {"counted": [1]}}, start="new")
    for data, headers in [(b"no json", None), (b'{"counted":1', None), (b"\x81\xa1", {"Content-Type": "application/msgpack"}), (b'{"counted":1}', None)]:
        await c.append("counted", data, headers=headers)
    events, _ = await pull(c, "counted", {"batch": 5, "no_wait": True})
    equal([e.data for e in events], [b'{"counted":1}'])
    for body in [b"garbage", b"+ack", b"-NAK {", b"{}", b"\x00"]:
        await c.nc.publish(events[0].reply, body)
    root, name, epoch, pos, attempt = events[0].reply.rsplit(".", 4)
    await c.nc.publish(f"{root}.{name}.{int(epoch) + 1}.{pos}.{attempt}", b"")
    equal((await info(c, "counted"))["in_flight"], 1)
    after = await counters(c)
    equal(after["ignored_answers"] - before["ignored_answers"], 5)
    equal(after["foreign_acks"] - before["foreign_acks"], 1)
    told = sum(after[name] - before[name] for name in ("data_opaque", "data_malformed"))
    check(told >= 3, f"{before} {after}")
    await c.ask("sub.delete.counted")
