# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md section 8: pause, resume, seek, update, parked, replay, explain, list; order by key; what is told."""
import asyncio
import json

from harness import check, equal, wait_until
from test_subs import Consumer, by_stream, create, fill, in_flight, info, parked_count, pull, state_is, versions

SHARED = True


def by_type(selector):
    return {"plugin": "by_event_type", "selector": selector}


async def ask(c, verb, name, body=None):
    return await c.ask(f"sub.{verb}.{name}", b"" if body is None else json.dumps(body).encode())


async def refused(c, verb, name, body, code):
    got = await ask(c, verb, name, body)
    equal(got[:2] if isinstance(got, tuple) else got, code, f"{verb} {json.dumps(body)}")
    return got[2]


async def keyed(c, type, keys, tag=None):
    """Events of streams k.<key>, in this order, with their key in the data and as a tag."""
    for i, key in enumerate(keys):
        await c.append(f"{type}.{key}", json.dumps({"i": i, "customer": {"id": key}}).encode(), type=type, headers={"Es-Tags": f"customer:{key}"})


def keys_of(events):
    return [json.loads(e.data)["customer"]["id"] for e in events]


def numbers_of(events):
    return [json.loads(e.data)["i"] for e in events]


async def term(c, event, reason=""):
    await c.nc.request(event.reply, f"+TERM {reason}".encode(), timeout=5)


# ---- Pause and resume -------------------------------------------------------------------------


async def test_paused_delivers_nothing_and_resume_goes_on_where_it_was(c):
    await fill(c, "pause", 3)
    async with Consumer(c, "work.pause") as consumer:
        await create(c, "pause", by_stream("pause"), deliver={"subject": "work.pause"})
        await consumer.some(3)
        equal(await ask(c, "pause", "pause"), {"paused": True})
        equal((await info(c, "pause"))["state"], "paused")
        await fill(c, "pause", 3, first=3)
        await consumer.silent()
        equal((await info(c, "pause"))["pending"], 3)
        equal(await ask(c, "pause", "pause", {}), {"paused": True}, "once more is fine")
        equal(await ask(c, "resume", "pause"), {"paused": False})
        equal(versions(await consumer.some(3)), [4, 5, 6])
    for verb in ["pause", "resume"]:
        await refused(c, verb, "nobody", None, (404, 10014))
        await refused(c, verb, "pause", {"now": True}, (400, 10003))
    for verb in ["info", "delete"]:
        await refused(c, verb, "pause", {"now": True}, (400, 10003))
    equal((await ask(c, "info", "pause", {}))["name"], "pause")


async def test_a_halted_one_says_where_and_resume_tries_again_with_attempts_anew(c):
    await fill(c, "halt", 2)
    async with Consumer(c, "work.halt") as consumer, Consumer(c, "es.shop.advisory.sub.halted") as advisories:
        await create(c, "halt", by_stream("halt"), deliver={"subject": "work.halt"}, max_deliver=1, on_exhausted="stop", max_in_flight=1)
        event = await consumer.next()
        await c.nc.publish(event.reply, b"-NAK")
        told = json.loads((await advisories.next()).data)
        equal((told["subscription"], told["pos"]), ("halt", int(event.headers["Es-Position"])))
        halted = await info(c, "halt")
        equal((halted["state"], halted["reason"]), ("halted", told["reason"]))
        equal((await ask(c, "explain", "halt", {"pos": told["pos"]}))["state"], "ready")
        await ask(c, "resume", "halt")
        check("reason" not in await info(c, "halt"), "it goes on")
        events = await consumer.some(2)
        equal([(e.headers["Nats-Sequence"], e.headers["Es-Delivery"]) for e in events], [("1", "1"), ("2", "1")])


# ---- Seek -------------------------------------------------------------------------------------


async def test_seek_goes_back_and_forward_in_a_new_epoch(c):
    await fill(c, "seek", 6)
    events, _ = await c.read("read.seek")
    third, fifth = events[2].headers, events[4].headers
    async with Consumer(c, "work.seek") as consumer:
        await create(c, "seek", by_stream("seek"), deliver={"subject": "work.seek"})
        before = await consumer.some(6)
        epoch = (await info(c, "seek"))["epoch"]
        for body, want in [({"pos": int(third["Es-Position"])}, [3, 4, 5, 6]), ({"time": fifth["Nats-Time-Stamp"]}, [5, 6]), ("first", [1, 2, 3, 4, 5, 6])]:
            told = await ask(c, "seek", "seek", body)
            check(told["epoch"] > epoch, f"a new epoch: {told}")
            epoch = told["epoch"]
            got = await consumer.some(len(want))
            equal(versions(got), want, json.dumps(body))
            equal({e.headers["Es-Delivery"] for e in got}, {"1"}, "attempts begin anew")
            equal({int(e.reply.split(".")[4]) for e in got}, {epoch}, "the epoch of the reply subject")
            await consumer.silent(0.2)
        await ask(c, "seek", "seek", "new")
        await consumer.silent(0.3)
        await fill(c, "seek", 1, first=6)
        equal(versions(await consumer.some(1)), [7])
        stale = json.loads((await c.nc.request(before[0].reply, b"", timeout=5)).data)
        equal((stale["error"]["code"], stale["error"]["err_code"]), (409, 40904))


async def test_what_was_in_flight_before_a_seek_is_stale_and_comes_again(c):
    await fill(c, "seekfl", 2)
    async with Consumer(c, "work.seekfl") as consumer:
        await create(c, "seekfl", by_stream("seekfl"), deliver={"subject": "work.seekfl"})
        old = await consumer.some(2, ack=None)
        await ask(c, "seek", "seekfl", "first")
        new = await consumer.some(2, ack=None)
        for event in old:
            await c.nc.publish(event.reply, b"")
        equal((await info(c, "seekfl"))["in_flight"], 2, "acks of the old epoch are ignored")
        for event in new:
            equal((await c.nc.request(event.reply, b"", timeout=5)).data, b"")
        equal((await info(c, "seekfl"))["in_flight"], 0)


async def test_bad_seeks_are_refused(c):
    await create(c, "seekbad", by_stream("x"))
    for body in [None, 7, {}, {"pos": 0}, {"pos": "x"}, {"seq": 1}, {"time": "noon"}, "last", {"pos": 1, "time": "2020-01-01T00:00:00Z"}, {"nonsense": 1}]:
        await refused(c, "seek", "seekbad", body, (400, 10003))
    await refused(c, "seek", "nobody", "first", (404, 10014))


async def test_a_seek_takes_parked_events_beyond_it_away_and_keeps_those_before(c):
    await fill(c, "seekpark", 3)
    async with Consumer(c, "work.seekpark") as consumer:
        await create(c, "seekpark", by_stream("seekpark"), deliver={"subject": "work.seekpark"})
        events = await consumer.some(3, ack=None)
        await term(c, events[0])
        await term(c, events[2])
        await c.nc.request(events[1].reply, b"", timeout=5)
        await ask(c, "seek", "seekpark", {"pos": int(events[1].headers["Es-Position"])})
        equal(versions(await consumer.some(2)), [2, 3])
        equal([p["seq"] for p in (await ask(c, "parked", "seekpark"))["parked"]], [1])
        equal((await info(c, "seekpark"))["parked"], 1)


async def test_a_transient_one_seeks_too(c):
    await fill(c, "seektr", 3)
    async with Consumer(c, "work.seektr") as consumer:
        await create(c, "seektr", by_stream("seektr"), durable=False, deliver={"subject": "work.seektr"})
        await consumer.some(3)
        await ask(c, "seek", "seektr", "first")
        equal(versions(await consumer.some(3)), [1, 2, 3])
    await ask(c, "delete", "seektr")


# ---- Parked -----------------------------------------------------------------------------------


async def park_all(c, name, count):
    await fill(c, name, count)
    async with Consumer(c, f"work.{name}") as consumer:
        await create(c, name, by_stream(name), deliver={"subject": f"work.{name}"})
        for event in await consumer.some(count, ack=None):
            await c.nc.publish(event.reply, f"+TERM no. {event.headers['Nats-Sequence']}".encode())
    await wait_until(lambda: parked_count(c, name, count), 10, "all are parked")


async def test_parked_comes_in_pages_with_reasons(c):
    await park_all(c, "pages", 7)
    seen, after = [], 0
    while True:
        page = await ask(c, "parked", "pages", {"after": after, "limit": 3})
        equal(page["total"], 7)
        seen += page["parked"]
        if "next" not in page:
            break
        equal(page["next"], page["parked"][-1]["pos"])
        after = page["next"]
    equal([(p["seq"], p["reason"], p["stream"], p["type"], p["attempts"]) for p in seen], [(i, f"no. {i}", "pages", "T", 1) for i in range(1, 8)])
    for bad in [{"limit": 0}, {"limit": 1001}, {"after": -1}, {"nonsense": 1}, []]:
        await refused(c, "parked", "pages", bad, (400, 10003))
    await refused(c, "parked", "nobody", None, (404, 10014))


async def test_replay_of_all_delivers_parked_events_again_in_order(c):
    await park_all(c, "again", 5)
    async with Consumer(c, "work.again") as consumer:
        equal(await ask(c, "replay", "again", {}), {"replayed": 5, "more": False})
        events = await consumer.some(5)
        equal(versions(events), [1, 2, 3, 4, 5])
        equal({e.headers["Es-Delivery"] for e in events}, {"1"})
        await wait_until(lambda: parked_count(c, "again", 0), 5, "nothing is parked")
        equal(await ask(c, "replay", "again"), {"replayed": 0, "more": False})
        await consumer.silent(0.2)
    equal((await info(c, "again"))["parked"], 0)


async def test_replay_by_position_and_what_is_refused(c):
    await park_all(c, "some", 4)
    rows = (await ask(c, "parked", "some"))["parked"]
    async with Consumer(c, "work.some") as consumer:
        equal(await ask(c, "replay", "some", {"pos": [rows[2]["pos"], rows[0]["pos"]]}), {"replayed": 2, "more": False})
        equal(versions(await consumer.some(2)), [1, 3])
        await wait_until(lambda: parked_count(c, "some", 2), 5, "two are left")
        await refused(c, "replay", "some", {"pos": [rows[0]["pos"]]}, (404, 10037))
        await refused(c, "replay", "some", {"pos": rows[1]["pos"]}, (400, 10003))
        for bad in [{"pos": []}, {"pos": ["x"]}, {"pos": [0]}, {"key": ""}, {"key": 5}, {"key": "a", "pos": [1]}, {"nonsense": 1}, "all"]:
            await refused(c, "replay", "some", bad, (400, 10003))
        await refused(c, "replay", "some", {"key": "none"}, (404, 10037))
    await refused(c, "replay", "nobody", {}, (404, 10014))


async def test_what_is_replayed_and_fails_again_is_parked_again(c):
    await park_all(c, "failagain", 2)
    async with Consumer(c, "work.failagain") as consumer:
        await ask(c, "replay", "failagain", {})
        for event in await consumer.some(2, ack=None):
            await term(c, event, "still broken")
        rows = (await ask(c, "parked", "failagain"))["parked"]
        equal([(p["seq"], p["reason"]) for p in rows], [(1, "still broken"), (2, "still broken")])
        equal((await info(c, "failagain"))["parked"], 2)


async def test_what_is_replayed_and_exhausted_is_skipped_where_that_is_asked_for(c):
    for durable, name in [(True, "skipd"), (False, "skipt")]:
        await fill(c, name, 3)
        await create(c, name, by_stream(name), durable=durable, order="stream", max_deliver=1, on_exhausted="skip")
        events, _ = await pull(c, name, {"batch": 1})
        await term(c, events[0], "not now")
        await wait_until(lambda: parked_count(c, name, 3), 5, "the whole key is parked")
        await ask(c, "replay", name, {})
        async with Consumer(c, "es.shop.advisory.sub.skipped") as advisories:
            for want in (1, 2, 3):
                events, _ = await pull(c, name, {"batch": 1, "expires_ms": 5000})
                equal(versions(events), [want], "the key goes on behind what is skipped")
                await c.nc.request(events[0].reply, b"-NAK", timeout=5)
                equal(json.loads((await advisories.next()).data)["pos"], int(events[0].headers["Es-Position"]))
        equal((await ask(c, "parked", name))["total"], 0)
        told = await info(c, name)
        equal((told["parked"], told["parked_keys"], told["in_flight"]), (0, 0, 0))


async def test_what_is_replayed_is_not_parked_while_it_is_on_its_way(c):
    for durable, name in [(True, "backd"), (False, "backt")]:
        await fill(c, name, 4)
        await create(c, name, by_stream(name), durable=durable)
        events, _ = await pull(c, name, {"batch": 4})
        for event in events[:3]:
            await term(c, event, "not now")
        rows = (await ask(c, "parked", name))["parked"]
        equal([row["seq"] for row in rows], [1, 2, 3])
        equal(await ask(c, "replay", name, {"pos": [rows[0]["pos"], rows[2]["pos"]]}), {"replayed": 2, "more": False})

        async def parked():
            told = await ask(c, "parked", name, {"limit": 1})
            check("next" not in told, f"more is said to be parked: {told}")
            standing = next(sub for sub in (await c.ask("sub.list"))["subscriptions"] if sub["name"] == name)
            equal({(await info(c, name))["parked"], standing["parked"]}, {told["total"]}, "what info and list say")
            return [row["seq"] for row in told["parked"]], told["total"]

        equal(await parked(), ([2], 1), "about to be delivered")
        events, _ = await pull(c, name, {"batch": 2})
        equal(await parked(), ([2], 1), "delivered")
        await c.nc.request(events[0].reply, b"", timeout=5)
        equal(await parked(), ([2], 1), "done")
        equal(await ask(c, "replay", name), {"replayed": 1, "more": False})
        equal(await parked(), ([], 0), "all are on their way")
        await term(c, events[1], "still not")
        equal(await parked(), ([3], 1), "parked again")


async def test_more_is_parked_than_a_window_holds_and_all_comes_back(c):
    await park_all(c, "manyparked", 600)
    async with Consumer(c, "work.manyparked") as consumer:
        await ask(c, "update", "manyparked", {"max_in_flight": 4})
        told = await ask(c, "replay", "manyparked", {})
        equal(told["more"], True)
        await refused(c, "replay", "manyparked", {}, (429, 10023))
        equal(versions(await consumer.some(600)), list(range(1, 601)))
        await wait_until(lambda: parked_count(c, "manyparked", 0), 10, "nothing is parked")


async def test_parked_events_of_a_transient_one_are_listed_and_replayed(c):
    await fill(c, "trpark", 3)
    async with Consumer(c, "work.trpark") as consumer:
        await create(c, "trpark", by_stream("trpark"), durable=False, deliver={"subject": "work.trpark"})
        for event in await consumer.some(3, ack=None):
            await term(c, event, "no")
        equal([p["seq"] for p in (await ask(c, "parked", "trpark"))["parked"]], [1, 2, 3])
        equal((await ask(c, "replay", "trpark", {}))["replayed"], 3)
        equal(versions(await consumer.some(3)), [1, 2, 3])
        await wait_until(lambda: parked_count(c, "trpark", 0), 5, "nothing is parked")
    await ask(c, "delete", "trpark")


# ---- Order by key -----------------------------------------------------------------------------


async def one_of_a_key(c, name, order, keys=("a", "b", "a", "b", "a")):
    """Delivered by hand: never two of one key at once, each key in order."""
    await keyed(c, name, keys)
    async with Consumer(c, f"work.{name}") as consumer:
        await create(c, name, by_type(name), order=order, deliver={"subject": f"work.{name}"})
        done = []
        flying = await consumer.some(len(set(keys)) if order != "global" else 1, ack=None)
        while flying:
            await consumer.silent(0.1)
            event = flying.pop(0)
            done.append(event)
            await c.nc.publish(event.reply, b"")
            if len(done) + len(flying) < len(keys):
                try:
                    flying.append(await consumer.next(1.5))
                except asyncio.TimeoutError:
                    pass
        for key in set(keys):
            mine = [n for k, n in zip(keys_of(done), numbers_of(done)) if k == key]
            equal(mine, [i for i, k in enumerate(keys) if k == key], f"order of {key}")
        equal(len(done), len(keys))
        return done


async def test_order_by_stream_tag_payload_and_all(c):
    for i, order in enumerate(["stream", "tag:customer:", "payload:customer.id", "global"]):
        done = await one_of_a_key(c, f"ord{i}", order)
        if order == "global":
            equal(numbers_of(done), [0, 1, 2, 3, 4])


async def test_events_without_a_key_flow_freely(c):
    async with Consumer(c, "work.free") as consumer:
        await create(c, "free", by_type("Free"), order="payload:customer.id", deliver={"subject": "work.free"})
        for data in [b"{}", b'{"customer":{}}', b'{"customer":{"id":null}}', b"not json", b'{"customer":{"id":[1]}}', b'{"customer":"x"}']:
            await c.append("free", data, type="Free")
        equal(versions(await consumer.some(6, ack=None)), [1, 2, 3, 4, 5, 6])
        for data in [b'{"customer":{"id":5}}', b'{"customer":{"id":5.0}}', b'{"customer":{"id":6}}']:
            await c.append("free", data, type="Free")
        equal(versions(await consumer.some(2, ack=None)), [7, 9], "5 and 5.0 are one key")
        await consumer.silent(0.2)


async def test_a_parked_event_parks_its_key_and_replay_releases_it_in_order(c):
    await keyed(c, "pk", ["a", "b", "a", "a", "b"])
    async with Consumer(c, "work.pk") as consumer:
        await create(c, "pk", by_type("pk"), order="stream", deliver={"subject": "work.pk"})
        first = await consumer.some(2, ack=None)
        bad = next(e for e in first if keys_of([e]) == ["a"])
        good = next(e for e in first if keys_of([e]) == ["b"])
        await term(c, bad, "cannot be")
        await c.nc.publish(good.reply, b"")
        equal(numbers_of(await consumer.some(1)), [4], "the other key flows")
        await wait_until(lambda: parked_count(c, "pk", 3), 5, "the whole key is parked")
        rows = (await ask(c, "parked", "pk"))["parked"]
        equal([p["key"] for p in rows], ["pk.a"] * 3)
        equal(rows[0]["reason"], "cannot be")
        await keyed(c, "pk", ["a", "b"])
        equal(keys_of(await consumer.some(1)), ["b"])
        await wait_until(lambda: parked_count(c, "pk", 4), 5, "a later one of the key is parked too")
        why = await ask(c, "explain", "pk", {"pos": rows[1]["pos"]})
        equal((why["state"], why["key"], why["key_parked"], why["matches"]), ("parked", "pk.a", True, True))
        # By position the oldest of the key must be there.
        said = await refused(c, "replay", "pk", {"pos": [rows[1]["pos"]]}, (409, 40904))
        check("older" in said, said)
        await refused(c, "replay", "pk", {"pos": [rows[0]["pos"], rows[2]["pos"]]}, (409, 40904))
        equal((await ask(c, "replay", "pk", {"pos": [rows[0]["pos"]]}))["replayed"], 1)
        equal(numbers_of(await consumer.some(1)), [0])
        await wait_until(lambda: parked_count(c, "pk", 3), 5, "the rest still waits")
        await consumer.silent(0.2)
        equal((await ask(c, "replay", "pk", {"key": "pk.a"}))["replayed"], 3)
        for want in [2, 3, 0]:
            event = await consumer.next()
            equal(numbers_of([event]), [want])
            await consumer.silent(0.1)
            await c.nc.publish(event.reply, b"")
        await wait_until(lambda: parked_count(c, "pk", 0), 5, "nothing is parked")
        await keyed(c, "pk", ["a"])
        equal(keys_of(await consumer.some(1)), ["a"], "the key is free again")


async def test_order_is_kept_across_redelivery(c):
    await keyed(c, "redel", ["a"] * 4)
    async with Consumer(c, "work.redel") as consumer:
        await create(c, "redel", by_type("redel"), order="stream", deliver={"subject": "work.redel"}, max_deliver=-1)
        seen = []
        for i in range(8):
            event = await consumer.next()
            seen.append(numbers_of([event])[0])
            await c.nc.publish(event.reply, b"-NAK" if i % 2 == 0 else b"")
        equal(seen, [0, 0, 1, 1, 2, 2, 3, 3])


# ---- Update -----------------------------------------------------------------------------------


async def test_update_changes_members_and_keeps_what_is_in_flight(c):
    await fill(c, "upd", 4)
    async with Consumer(c, "work.upd") as consumer:
        await create(c, "upd", by_stream("upd"), deliver={"subject": "work.upd"}, max_in_flight=2)
        events = await consumer.some(2, ack=None)
        before = await info(c, "upd")
        told = await ask(c, "update", "upd", {"max_in_flight": 3, "max_deliver": 9, "backoff_ms": [5, 6], "on_exhausted": "skip", "headers_only": True, "ack_wait_ms": 50000})
        after = await info(c, "upd")
        check(told["pos"] >= 1, str(told))
        for name, want in {"max_in_flight": 3, "max_deliver": 9, "backoff_ms": [5, 6], "on_exhausted": "skip", "headers_only": True, "ack_wait_ms": 50000,
                           "epoch": before["epoch"], "filter": before["filter"], "in_flight": 3}.items():
            equal(after[name], want, name)
        third = await consumer.next()
        equal((third.headers["Nats-Sequence"], third.data), ("3", b"{}"), "one more, and nothing again")
        await consumer.silent(0.2)
        for event in events:
            equal((await c.nc.request(event.reply, b"", timeout=5)).data, b"", "acks count as before")
        equal(versions(await consumer.some(1)), [4])


async def test_update_makes_a_durable_one_transient_and_back(c):
    await fill(c, "home", 4)
    await create(c, "home", by_stream("home"), max_in_flight=2)
    epoch = (await info(c, "home"))["epoch"]
    for durable in [False, True]:
        events, _ = await pull(c, "home", {"batch": 2})
        equal((await c.nc.request(events[0].reply, b"", timeout=5)).data, b"")
        told = await ask(c, "update", "home", {"durable": durable, "max_deliver": 9})
        equal(told["pos"], int(events[0].headers["Es-Position"]) + 1, "what is done stays done")
        have = await info(c, "home")
        equal((have["durable"], have["max_deliver"], have["max_in_flight"], have["start"]), (durable, 9, 2, "first"))
        check(have["epoch"] == told["epoch"] != epoch, f"a new epoch: {told}, before {epoch}")
        epoch = told["epoch"]
        late = json.loads((await c.nc.request(events[1].reply, b"", timeout=5)).data)
        equal(late["error"]["err_code"], 40904, "an acknowledgement of the epoch before")
    await create(c, "home", by_stream("home"), max_in_flight=2, max_deliver=9)  # the same once more
    await ask(c, "update", "home", {"durable": False})
    await create(c, "home", by_stream("home"), max_in_flight=2, max_deliver=9, durable=False)
    await ask(c, "delete", "home")


async def test_a_delete_beside_a_change_of_durable_leaves_nothing_half(c):
    for i in range(20):
        name = f"race{i}"
        await create(c, name, by_stream("race"), durable=i % 2 == 0)
        update = ask(c, "update", name, {"durable": i % 2 == 1})
        told, deleted = await asyncio.gather(update, ask(c, "delete", name))
        equal((told["name"], deleted), (name, {"deleted": True}), "in the order in which they were sent")
        equal((await info(c, name))[:2], (404, 10014))
        made = await create(c, name, by_stream("race2"))
        equal(made["name"], name, "nothing of it is left")


async def test_what_is_parked_goes_along_when_durable_changes(c):
    await park_all(c, "homepark", 3)
    rows = (await ask(c, "parked", "homepark"))["parked"]
    equal(await ask(c, "replay", "homepark", {"pos": [rows[1]["pos"]]}), {"replayed": 1, "more": False})
    async with Consumer(c, "work.homepark") as consumer:
        await term(c, await consumer.next(), "no, again")
        await wait_until(lambda: parked_count(c, "homepark", 3), 5, "it is parked again")
        rows = (await ask(c, "parked", "homepark"))["parked"]
        equal([row["reason"] for row in rows], ["no. 1", "no, again", "no. 3"])
        for durable in [False, True, False, True]:
            await ask(c, "update", "homepark", {"durable": durable})
            equal(await ask(c, "parked", "homepark"), {"parked": rows, "total": 3})
            equal((await info(c, "homepark"))["parked"], 3)
            equal(await ask(c, "replay", "homepark", {"pos": [rows[0]["pos"]]}), {"replayed": 1, "more": False})
            await c.nc.publish((await consumer.next()).reply, b"")
            await wait_until(lambda: parked_count(c, "homepark", 2), 5, "one is done")
            await fill(c, "homepark", 1)
            await term(c, await consumer.next(), "no. new")
            await wait_until(lambda: parked_count(c, "homepark", 3), 5, "another is parked")
            rows = (await ask(c, "parked", "homepark"))["parked"]
        equal(await ask(c, "replay", "homepark", {}), {"replayed": 3, "more": False})
        equal(versions(await consumer.some(3)), [row["seq"] for row in rows])
        await wait_until(lambda: parked_count(c, "homepark", 0), 5, "nothing is parked")
        await consumer.silent(0.2)
    await ask(c, "delete", "homepark")


async def test_a_parked_key_stays_parked_when_durable_changes(c):
    await fill(c, "homekey", 2)
    async with Consumer(c, "work.homekey") as consumer:
        await create(c, "homekey", by_stream("homekey"), deliver={"subject": "work.homekey"}, order="stream")
        await term(c, await consumer.next(), "no")
        await wait_until(lambda: parked_count(c, "homekey", 2), 5, "the key is parked")
        for durable, count in [(False, 3), (True, 4)]:
            await ask(c, "update", "homekey", {"durable": durable})
            await fill(c, "homekey", 1)
            await wait_until(lambda n=count: parked_count(c, "homekey", n), 5, "what comes later is parked with its key")
        await consumer.silent(0.2)
        await ask(c, "replay", "homekey", {})
        equal(versions(await consumer.some(4)), [1, 2, 3, 4])
    await ask(c, "delete", "homekey")


async def test_nothing_is_lost_or_done_twice_when_durable_changes_behind_a_filter(c):
    """What the filter before had found is owed, also where the one that holds now does not match it."""
    for name, durable in [("homeold", True), ("homeold2", False)]:
        await create(c, name, by_stream(name), durable=durable)
        await fill(c, name, 6)
        events, _ = await pull(c, name, {"batch": 4})
        await term(c, events[2], "no")
        equal((await c.nc.request(events[3].reply, b"", timeout=5)).data, b"")
        filter = by_stream(f"{name}-other")
        told = await ask(c, "update", name, {"filter": filter})
        check(told["pos"] > int(events[3].headers["Es-Position"]), f"{told}")
        await c.append(f"{name}-other")
        await ask(c, "update", name, {"durable": not durable})
        again, _ = await pull(c, name, {"batch": 5})
        equal([(e.headers["Es-Stream"], e.headers["Nats-Sequence"]) for e in again], [(name, s) for s in "1256"] + [(f"{name}-other", "1")])
        equal([(row["seq"], row["reason"]) for row in (await ask(c, "parked", name))["parked"]], [(3, "no")])
        for event in again:
            equal((await c.nc.request(event.reply, b"", timeout=5)).data, b"")
        equal((await info(c, name))["pending"], 0)
        await ask(c, "delete", name)


async def test_durable_does_not_change_with_a_backfill(c):
    await create(c, "homebf", by_stream("homebf"), durable=False)
    await refused(c, "update", "homebf", {"durable": True, "filter": by_stream("other"), "backfill": True}, (400, 10003))
    await ask(c, "delete", "homebf")


async def test_a_changed_filter_takes_effect_at_the_position_that_is_named(c):
    await fill(c, "was", 2)
    async with Consumer(c, "work.filt") as consumer:
        await create(c, "filt", by_stream("was"), deliver={"subject": "work.filt"})
        equal(versions(await consumer.some(2)), [1, 2])
        await fill(c, "is", 3)
        pos = (await ask(c, "update", "filt", {"filter": by_stream("is")}))["pos"]
        await fill(c, "was", 1)
        await fill(c, "is", 2, first=3)
        got = await consumer.some(2)
        equal({e.headers["Es-Stream"] for e in got}, {"is"})
        check(all(int(e.headers["Es-Position"]) >= pos for e in got), f"{pos}: {[e.headers['Es-Position'] for e in got]}")
        await consumer.silent(0.2)


async def test_an_update_that_lags_judges_the_past_by_the_old_filter_only_where_it_has_looked(c):
    """What is in the window when the filter changes is delivered; what has not been searched yet is judged anew."""
    for i in range(3000):
        await c.nc.publish(f"es.shop.append.{'Old' if i % 2 else 'New'}.lagging", b"{}")
    await c.append("lagging", b"{}", type="Last")
    await create(c, "lagging", by_type("Old"), max_in_flight=10)
    events, _ = await pull(c, "lagging", {"batch": 5})
    equal({e.headers["Es-Type"] for e in events}, {"Old"})
    pos = (await ask(c, "update", "lagging", {"filter": by_type("New")}))["pos"]
    seen = events
    for event in events:
        await c.nc.publish(event.reply, b"")
    while True:
        more, status = await pull(c, "lagging", {"batch": 100, "no_wait": True})
        for event in more:
            await c.nc.publish(event.reply, b"")
        seen = seen + more
        if status is not None and status["Status"] == "404":
            break
    everything, _ = await c.read("read.lagging", b'{"limit":10000,"max_bytes":8000000}')
    want = [e.headers["Es-Position"] for e in everything if e.headers["Es-Type"] == ("Old" if int(e.headers["Es-Position"]) < pos else "New")]
    equal([e.headers["Es-Position"] for e in seen], want)


async def test_backfill_delivers_the_past_that_newly_matches_and_nothing_twice(c):
    for i in range(4):
        await c.append("bf", b"{}", type="A")
        await c.append("bf", b"{}", type="B")
    async with Consumer(c, "work.bf") as consumer:
        await create(c, "bf", by_type("A"), start={"pos": 1}, deliver={"subject": "work.bf"})
        mine = [e for e in await c.read("read.bf")][0]
        first = {e.headers["Es-Position"] for e in mine}
        got = []
        while len([e for e in got if e.headers["Es-Position"] in first]) < 4:
            got += await consumer.some(1, ack=None)
        held = [e for e in got if e.headers["Es-Position"] in first][0]
        for event in got:
            if event is not held:
                await c.nc.request(event.reply, b"", timeout=5)
        before = await info(c, "bf")
        told = await ask(c, "update", "bf", {"filter": by_type(["A", "B"]), "backfill": True})
        check(told["epoch"] > before["epoch"], f"a backfill begins a new epoch: {told}")
        await c.append("bf", b"{}", type="A")
        again = []
        while len([e for e in again if e.headers["Es-Stream"] == "bf"]) < 6:
            again += await consumer.some(1)
        ours = [(int(e.headers["Nats-Sequence"]), e.headers["Es-Type"]) for e in again if e.headers["Es-Stream"] == "bf"]
        equal(ours, sorted([(2, "B"), (4, "B"), (6, "B"), (8, "B"), (9, "A"), (int(held.headers["Nats-Sequence"]), "A")]))
        await consumer.silent(0.3)


async def test_an_update_may_change_order_and_the_way_of_delivery(c):
    await keyed(c, "ways", ["a", "a", "b"])
    await create(c, "ways", by_type("ways"))
    events, _ = await pull(c, "ways", {"batch": 3})
    equal(numbers_of(events), [0, 1, 2])
    async with Consumer(c, "work.ways") as consumer:
        await ask(c, "update", "ways", {"order": "stream", "deliver": {"subject": "work.ways"}})
        got = await consumer.some(2, ack=None)
        equal(sorted(numbers_of(got)), [0, 2], "one of a key")
        for event in got:
            await c.nc.publish(event.reply, b"")
        equal(numbers_of(await consumer.some(1)), [1])
        await ask(c, "update", "ways", {"deliver": None})
        await keyed(c, "ways", ["c"])
        await consumer.silent(0.2)
    events, _ = await pull(c, "ways")
    equal(keys_of(events), ["c"])
    equal((await c.ask("sub.next.ways", b'{"no_wait":true,"batch":0}'))[:2], (400, 10003))


async def test_another_start_moves_it(c):
    await fill(c, "start2", 3)
    async with Consumer(c, "work.start2") as consumer:
        await create(c, "start2", by_stream("start2"), start="new", deliver={"subject": "work.start2"})
        await consumer.silent(0.2)
        await ask(c, "update", "start2", {"start": {"seq": 2}})
        equal(versions(await consumer.some(2)), [2, 3])


async def test_bad_updates_are_refused_and_change_nothing(c):
    await create(c, "updbad", by_stream("x"), max_in_flight=7)
    await wait_until(lambda: state_is(c, "updbad", "live"), 5, "it is at the head")
    before = await info(c, "updbad")
    for body in [{"nonsense": 1}, {"max_in_flight": 0}, {"deliver": {"subject": "es.x"}}, {"deliver": {"subject": "$X"}}, {"ack": "all", "order": "stream"}, {"backfill": 1},
                 {"filter": {"plugin": "by_stream"}}, {"name": "other"}, [], {"durable": "no"}]:
        await refused(c, "update", "updbad", body, (400, 10003))
    await refused(c, "update", "updbad", {"filter": by_stream("a.*")}, (400, 40004))
    await refused(c, "update", "updbad", {"filter": {"plugin": "moon", "selector": 1}}, (404, 40402))
    await refused(c, "update", "nobody", {"max_in_flight": 1}, (404, 10014))
    after = await info(c, "updbad")
    equal(after, before)


# ---- Explain, info, list ----------------------------------------------------------------------


async def test_explain_says_why_of_each_event(c):
    await fill(c, "why", 1)
    early = int((await c.append("why", b"{}"))["pos"])
    async with Consumer(c, "work.why") as consumer:
        await create(c, "why", by_stream("why"), start="new", order="stream", deliver={"subject": "work.why"})
        foreign = (await c.append("whynot", b"{}"))["pos"]
        a, b = (await c.append("why", b"{}"))["pos"], (await c.append("why", b"{}"))["pos"]
        event = await consumer.next()
        async def state(pos):
            return (await ask(c, "explain", "why", {"pos": pos}))["state"]
        equal(await state(early), "before_start")
        await wait_until(lambda: is_state(state, b, "held"), 5, "held")
        told = await ask(c, "explain", "why", {"pos": a})
        equal((told["state"], told["attempts"], told["key"], told["matches"], told["stream"], told["seq"]), ("in_flight", 1, "why", True, "why", 3))
        await c.nc.request(event.reply, b"", timeout=5)
        equal(await state(a), "done")
        second = await consumer.next()
        await c.nc.publish(second.reply, b'-NAK {"delay_ms":60000}')
        await wait_until(lambda: is_state(state, b, "delayed"), 5, "delayed")
        last = (await c.append("why", b"{}"))["pos"]
        await ask(c, "pause", "why")
        equal(await state(last), "held")
        told = await ask(c, "explain", "why", {"pos": foreign})
        equal((told["matches"], told["state"]), (False, "not_matching"))
        await ask(c, "resume", "why")
        await wait_until(lambda: state_is(c, "why", "live"), 5, "it is at the head")
        latest = (await c.append("whynot", b"{}"))["pos"]
        equal(await state(latest), "not_matching", "also of what came behind the last that matched")
    await refused(c, "explain", "why", {"pos": 10**9}, (404, 10037))
    for bad in [None, {}, {"pos": 0}, {"pos": "1"}, {"nonsense": 1}]:
        await refused(c, "explain", "why", bad, (400, 10003))
    await refused(c, "explain", "nobody", {"pos": 1}, (404, 10014))


async def is_state(state, pos, want):
    return await state(pos) == want


async def test_pending_counts_down_in_info_and_in_deliveries(c):
    await fill(c, "pend", 1500)
    async with Consumer(c, "work.pend") as consumer:
        await create(c, "pend", by_stream("pend"), deliver={"subject": "work.pend"}, max_in_flight=10)
        first = await consumer.some(10, ack=None)
        check(all("Es-Pending" in e.headers for e in first), "each delivery says it")
        have = await info(c, "pend")
        equal((have["pending"], have["in_flight"], have["state"]), (1490, 10, "catching_up"))
        check(have["lag_ms"] >= 0, str(have))
        for event in first:
            await c.nc.publish(event.reply, b"")
        rest = await consumer.some(1490)
        equal(rest[-1].headers["Es-Pending"], "0")
        equal(sorted({int(e.headers["Es-Pending"]) for e in rest}), list(range(1490)))


async def test_lists_come_in_pages_by_name(c):
    for i in range(7):
        await create(c, f"paged{i}", by_stream("s"))
    seen, after = [], "paged"
    while True:
        page = await c.ask("sub.list", json.dumps({"after": after, "limit": 3}).encode())
        seen += [s["name"] for s in page["subscriptions"]]
        if "next" not in page or page["next"] >= "paged6":
            break
        after = page["next"]
    equal([n for n in seen if n.startswith("paged")], [f"paged{i}" for i in range(7)])

    async def has_searched():
        one = (await c.ask("sub.list", b'{"after":"paged5","limit":1}'))["subscriptions"][0]
        return (one["name"], one["state"], one["durable"], one["pending"]) == ("paged6", "live", True, 0)

    await wait_until(has_searched, 10, "the last one, which has found nothing")
    for bad in [b'{"limit":0}', b'{"after":1}', b'{"nonsense":1}', b"[]"]:
        equal((await c.ask("sub.list", bad))[:2], (400, 10003))


# ---- What is not an acknowledgement -----------------------------------------------------------


async def test_a_message_with_a_status_line_is_never_an_ack(c):
    await fill(c, "status", 1)
    await create(c, "status", by_stream("status"), max_deliver=-1)
    events, _ = await pull(c, "status")
    await c.nc.publish(events[0].reply, b"", headers={"Status": "404"})
    await c.nc.flush()
    equal((await info(c, "status"))["in_flight"], 1)
    equal((await c.nc.request(events[0].reply, b"", timeout=5)).data, b"")
    equal((await info(c, "status"))["in_flight"], 0)


async def test_who_waits_is_told_when_it_is_deleted(c):
    await create(c, "deleted", by_stream("none.at.all"))
    waiting = asyncio.create_task(pull(c, "deleted", {"batch": 1, "expires_ms": 20000}))
    await wait_until(lambda: requests_wait(c, "deleted", 1), 5, "the request waits")
    async with Consumer(c, "es.shop.advisory.sub.deleted") as advisories:
        await ask(c, "delete", "deleted")
        events, status = await waiting
        equal((events, status["Status"]), ([], "409"))
        equal(json.loads((await advisories.next()).data)["subscription"], "deleted")


async def requests_wait(c, name, count):
    return (await info(c, name))["waiting_requests"] == count


# ---- Idle heartbeats --------------------------------------------------------------------------


async def test_a_transient_push_one_is_asked_by_heartbeats(c):
    async with Consumer(c, "work.beat") as consumer:
        got = asyncio.Queue()

        async def keep(msg):
            await got.put(msg)

        raw = await c.nc.subscribe("work.beat", cb=keep)
        await create(c, "beat", by_stream("beat"), durable=False, inactive_ms=400, deliver={"subject": "work.beat"})
        beat = await asyncio.wait_for(got.get(), 5)
        equal((beat.headers["Status"], beat.headers.get("Description")), ("100", "Idle Heartbeat"))
        await raw.unsubscribe()
        await consumer.silent(0.1)
    await ask(c, "delete", "beat")


# ---- In order -----------------------------------------------------------------------------------


async def sent_together(c, *requests):
    """None waits for the answer of the one before."""
    answers = []
    for subject, body in requests:
        inbox = c.nc.new_inbox()
        answers.append(await c.nc.subscribe(inbox))
        await c.nc.publish(f"es.shop.{subject}", b"" if body is None else json.dumps(body).encode(), reply=inbox)
    came = []
    for sub in answers:
        msg = await sub.next_msg(10)
        came.append((msg.headers or {}).get("Es-Position") or json.loads(msg.data or b"null"))
        await sub.unsubscribe()
    return came


def codes_of(answers):
    return [a["error"]["err_code"] if isinstance(a, dict) and "error" in a else None for a in answers]


async def test_requests_of_one_connection_are_carried_out_in_the_order_in_which_they_were_sent(c):
    await fill(c, "order", 3)
    for durable in (True, False):
        one, other = ({"filter": by_stream("order"), "durable": durable, **more} for more in ({}, {"max_deliver": 9}))
        came = await sent_together(c, ("sub.create.or", one), ("sub.info.or", None), ("sub.pause.or", None), ("sub.resume.or", None), ("sub.seek.or", {"pos": 2}),
                                   ("sub.update.or", {"max_in_flight": 3}), ("sub.update.or", {"max_in_flight": 4}), ("sub.info.or", None), ("sub.create.or", one),
                                   ("sub.list", {"after": "oq", "limit": 1}), ("sub.delete.or", None), ("sub.list", {"after": "oq", "limit": 1}), ("sub.info.or", None),
                                   ("sub.create.or", other), ("sub.info.or", None), ("sub.delete.or", None), ("sub.delete.or", None))
        equal(codes_of(came), [None] * 8 + [40903] + [None] * 3 + [10014] + [None] * 3 + [10014], str(came))
        equal((came[1]["epoch"], came[2], came[3]), (came[0]["epoch"], {"paused": True}, {"paused": False}))
        equal((came[7]["epoch"], came[7]["max_in_flight"], came[7]["state"] in ("live", "catching_up")), (came[4]["epoch"], 4, True))
        equal(([s["name"] for s in came[9]["subscriptions"]], [s["name"] == "or" for s in came[11]["subscriptions"]].count(True)), (["or"], 0))
        equal(came[14]["max_deliver"], 9, "the one made after the deletion")


async def test_a_pull_sent_right_behind_the_creation_and_the_append_finds_both(c):
    for _ in range(10):
        before, made, after, event, none = await sent_together(
            c, ("append.T.orp", {"n": 1}), ("sub.create.orp", {"filter": by_stream("orp"), "start": "new"}), ("append.T.orp", {"n": 2}),
            ("sub.next.orp", {"batch": 1, "expires_ms": 5000}), ("sub.next.orp", {"no_wait": True}))
        equal((made["pos"], event, none), (before["pos"] + 1, str(after["pos"]), None), "new is behind what was sent before")
        appended, event = await sent_together(c, ("append.T.orp", {"n": 3}), ("sub.next.orp", {"no_wait": True}))
        equal(event, str(appended["pos"]), "a look without waiting sees what was appended before it")
        await ask(c, "delete", "orp")


async def test_requests_that_wait_for_what_is_parked_come_again_in_order(c):
    await fill(c, "orpark", 1)
    await create(c, "orpark", by_stream("orpark"))
    events, _ = await pull(c, "orpark")
    await c.nc.publish(events[0].reply, b"+TERM no")
    parked, replayed = await sent_together(c, ("sub.parked.orpark", None), ("sub.replay.orpark", {}))
    equal((parked["total"], replayed), (1, {"replayed": 1, "more": False}))
