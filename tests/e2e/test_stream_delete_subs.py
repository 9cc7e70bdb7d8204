# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions beside streams that are deleted, truncated, revived and limited (PROTOCOL.md sections 8 and 11): every order, starts,
seeks, backfills, replays, acknowledgements within batches, age that passes. What is plain of it: test_stream_delete.py."""
import asyncio
import json

from harness import check, equal, wait_until
from test_stream_delete import NOWHERE, append, by_type, delete, meta, places, refused, stream
from test_subs import Consumer, by_stream, create, fill, info, parked_count, pull, versions

SHARED = True


async def position(c, name, seq):
    return int((await c.request("get", json.dumps({"stream": name, "seq": seq}).encode())).headers["Es-Position"])


async def terminate(c, consumer):
    event = await consumer.next()
    await c.nc.request(event.reply, b"+TERM bad", timeout=5)
    return event


async def idle(c, name):
    about = await info(c, name)
    return (about["pending"], about["in_flight"], about["parked"]) == (0, 0, 0)


async def batch(c, name, reply):
    return await c.ask("batch", json.dumps({"events": [{"stream": name, "type": "Out", "data": 1}], "ack": {"reply": reply}}).encode())


# ---- In flight ----------------------------------------------------------------------------------


async def test_what_is_in_flight_when_it_is_deleted_parks_nothing_and_halts_nobody(c):
    for on_exhausted in ("park", "skip", "stop"):
        for end in (None, b"-NAK", b"+TERM bad"):
            name = f"fl{on_exhausted}{(end or b'none')[1:4].decode()}"
            async with Consumer(c, f"work.{name}") as consumer:
                await create(c, name, by_type(name), deliver={"subject": f"work.{name}"}, order="stream", max_deliver=1, ack_wait_ms=1000, on_exhausted=on_exhausted)
                await fill(c, f"{name}.a", 2, type=name)
                event = await consumer.next()
                await delete(c, f"{name}.a")
                await append(c, f"{name}.a", type=name)
                await wait_until(lambda name=name: has(c, name, pending=1, in_flight=1), 5, "the second is looked for, and gone")
                if end:
                    await c.nc.publish(event.reply, end)
                equal(places(await consumer.some(1)), [(f"{name}.a", 3)], f"{name}: its key goes on")
                await wait_until(lambda name=name: idle(c, name), 5, "nothing is parked")
                equal((await info(c, name))["state"], "live")
            await c.ask(f"sub.delete.{name}")


async def has(c, name, **numbers):
    about = await info(c, name)
    return {member: about[member] for member in numbers} == numbers


async def test_a_replay_that_is_in_flight_when_it_is_deleted_frees_its_key(c):
    async with Consumer(c, "work.refly") as consumer:
        await create(c, "refly", by_type("refly"), deliver={"subject": "work.refly"}, order="stream", max_deliver=1, ack_wait_ms=1000)
        await fill(c, "refly.a", 1, type="refly")
        await terminate(c, consumer)
        equal((await c.ask("sub.replay.refly"))["replayed"], 1)
        await consumer.next()
        await delete(c, "refly.a")
        await append(c, "refly.a", type="refly")
        equal(places(await consumer.some(1)), [("refly.a", 2)])
        await wait_until(lambda: idle(c, "refly"), 5, "nothing is parked")


async def test_a_batch_may_acknowledge_what_was_deleted_in_flight_and_only_that(c):
    async with Consumer(c, "work.back") as consumer:
        await create(c, "back", by_type("back"), deliver={"subject": "work.back"}, order="stream", ack_wait_ms=1000)
        await fill(c, "back.a", 2, type="back")
        event = await consumer.next()
        await delete(c, "back.a")
        check("results" in await batch(c, "back.out", event.reply), "it is taken")
        refused(await batch(c, "back.out", event.reply), (409, 40904))
        await append(c, "back.a", type="back")
        event = await consumer.next()
        equal(places([event]), [("back.a", 3)])
        await delete(c, "back.a")
        await wait_until(lambda: idle(c, "back"), 10, "its wait has ended")
        refused(await batch(c, "back.out", event.reply), (409, 40904))
        await append(c, "back.a", type="back")
        event = await terminate(c, consumer)
        await delete(c, "back.a")
        refused(await batch(c, "back.out", event.reply), (409, 40904))
        await append(c, "back.a", type="back")
        event = await consumer.next()
        equal(places([event]), [("back.a", 5)])
        await append(c, "back.dead", type="Out")
        await delete(c, "back.dead", mode="tombstone")
        refused(await batch(c, "back.dead", event.reply), (410, 41001))
        check("results" in await batch(c, "back.out", event.reply), "what was refused has acknowledged nothing")


# ---- Parked -------------------------------------------------------------------------------------


async def test_keys_of_every_order_are_freed(c):
    for order in ("global", "tag:k", "payload:i"):
        name = f"order-{order[:3]}"
        async with Consumer(c, f"work.{name}") as consumer:
            await create(c, name, by_type(name), deliver={"subject": f"work.{name}"}, order=order)
            await append(c, f"{name}.a", data=b'{"i":1}', tags="k1", type=name)
            await terminate(c, consumer)
            await delete(c, f"{name}.a")
            await wait_until(lambda name=name: parked_count(c, name, 0), 5, "it is parked no longer")
            await append(c, f"{name}.b", data=b'{"i":1}', tags="k1", type=name)
            equal(places(await consumer.some(1)), [(f"{name}.b", 1)], f"{order}: its key goes on")
        await c.ask(f"sub.delete.{name}")


async def test_a_replay_by_position_or_key_finds_no_more_than_is_there(c):
    async with Consumer(c, "work.named") as consumer:
        await create(c, "named", by_type("named"), deliver={"subject": "work.named"}, order="stream")
        pos = {}
        for name in "abc":
            await fill(c, f"named.{name}", 1, type="named")
            pos[name] = int((await terminate(c, consumer)).headers["Es-Position"])
        await delete(c, "named.a")
        await wait_until(lambda: parked_count(c, "named", 2), 5, "one is parked no longer")
        for body in ({"pos": [pos["a"]]}, {"pos": [pos["a"], pos["b"]]}, {"key": "named.a"}):
            refused(await c.ask("sub.replay.named", json.dumps(body).encode()), NOWHERE)
        refused(await c.ask("sub.explain.named", json.dumps({"pos": pos["a"]}).encode()), NOWHERE)
        equal((await c.ask("sub.explain.named", json.dumps({"pos": pos["c"]}).encode()))["state"], "parked")
        equal((await c.ask("sub.replay.named", json.dumps({"pos": [pos["b"]]}).encode()))["replayed"], 1)
        equal(places(await consumer.some(1)), [("named.b", 1)])


async def test_of_many_parked_those_that_are_left_are_listed_and_replayed(c):
    async with Consumer(c, "work.many") as consumer:
        await create(c, "many", by_type("many"), deliver={"subject": "work.many"}, max_in_flight=1000)
        for first in range(0, 600, 100):
            events = [{"stream": f"many.{i % 3}", "type": "many", "data": i} for i in range(first, first + 100)]
            await c.ask("batch", json.dumps({"events": events}).encode())
        await consumer.some(600, ack=b"+TERM bad")
        await wait_until(lambda: parked_count(c, "many", 600), 10, "all are parked")
        await delete(c, "many.1")
        await meta(c, "many.0", truncate_before=151)
        await wait_until(lambda: parked_count(c, "many", 250), 10, "those that are left are")
        rows = (await c.ask("sub.parked.many", b'{"limit":1000}'))["parked"]
        want = [(f"many.{name}", seq) for name, first in (("0", 151), ("2", 1)) for seq in range(first, 201)]
        equal(sorted((row["stream"], row["seq"]) for row in rows), want)
        await c.ask("sub.replay.many")
        equal(sorted(places(await consumer.some(250))), want)
        await wait_until(lambda: idle(c, "many"), 10, "nothing is parked")


# ---- History ------------------------------------------------------------------------------------


async def test_a_backfill_brings_what_is_seen(c):
    for how in ("delete", "truncate", "revive"):
        name = f"fill{how}"
        async with Consumer(c, f"work.{name}") as consumer:
            await create(c, name, by_stream(f"{name}.x"), deliver={"subject": f"work.{name}"})
            await fill(c, f"{name}.x", 1, type=name)
            equal(places(await consumer.some(1)), [(f"{name}.x", 1)])
            await fill(c, f"{name}.a", 4, type=name)
            await fill(c, f"{name}.b", 2, type=name)
            want = [(f"{name}.b", 1), (f"{name}.b", 2)]
            if how == "truncate":
                await meta(c, f"{name}.a", truncate_before=3)
                want = [(f"{name}.a", 3), (f"{name}.a", 4)] + want
            else:
                await delete(c, f"{name}.a")
            if how == "revive":
                await fill(c, f"{name}.a", 1, type=name)
                want.append((f"{name}.a", 5))
            made = await c.ask(f"sub.update.{name}", json.dumps({"filter": by_type(name), "backfill": True}).encode())
            check(isinstance(made, dict), f"{made}")
            equal(places(await consumer.some(len(want))), want, how)
            await consumer.silent(0.2)
            await wait_until(lambda name=name: idle(c, name), 5, "it is through")
        await c.ask(f"sub.delete.{name}")


async def test_starts_and_seeks_in_a_stream_that_lives_again(c):
    await fill(c, "again.a", 4, type="again")
    await delete(c, "again.a")
    await fill(c, "again.a", 2, type="again")
    starts = [("first", [5, 6]), ({"seq": 1}, [5, 6]), ({"seq": 5}, [5, 6]), ({"seq": 6}, [6]), ({"pos": await position(c, "again.a", 6)}, [6]),
              ({"time": "2000-01-01T00:00:00.000000000Z"}, [5, 6]), ("new", [])]
    for i, (start, want) in enumerate(starts):
        name = f"again{i}"
        async with Consumer(c, f"work.{name}") as consumer:
            await create(c, name, by_stream("again.a"), deliver={"subject": f"work.{name}"}, start=start)
            equal(versions(await consumer.some(len(want))), want, f"start {start}")
            await consumer.silent(0.2)
            for seek in (b'"first"', b'{"pos":1}', b'{"time":"2000-01-01T00:00:00Z"}'):
                check(isinstance(await c.ask(f"sub.seek.{name}", seek), dict), "sought")
                equal(versions(await consumer.some(2)), [5, 6], f"{seek}")
            await wait_until(lambda name=name: idle(c, name), 5, "it is through")
        await c.ask(f"sub.delete.{name}")


async def test_a_start_that_lies_ahead_of_a_stream_is_met_in_its_next_life(c):
    await fill(c, "ahead.a", 2, type="ahead")
    async with Consumer(c, "work.ahead") as consumer:
        await create(c, "ahead", by_stream("ahead.a"), deliver={"subject": "work.ahead"}, start={"seq": 4})
        await delete(c, "ahead.a")
        await fill(c, "ahead.a", 3, type="ahead")
        equal(versions(await consumer.some(2)), [4, 5])


async def test_every_kind_of_subscription_passes_by_what_is_deleted(c):
    kinds = ({"ack": "all"}, {"ack": "none"}, {"durable": False}, {"headers_only": True}, {"max_in_flight": 1}, {"placement": "spread", "order": "stream"},
             {"ack": "none", "deliver": {"format": "json"}})
    for i, members in enumerate(kinds):
        name = f"kind{i}"
        async with Consumer(c, f"work.{name}") as consumer:
            await fill(c, f"{name}.a", 100, type=name)
            await fill(c, f"{name}.b", 3, type=name)
            await delete(c, f"{name}.a")
            deliver = {"subject": f"work.{name}", **members.get("deliver", {})}
            made = await create(c, name, by_type(name), **{**members, "deliver": deliver})
            check(isinstance(made, dict), f"{members}: {made}")
            if "format" in deliver:
                have = []
                while len(have) < 3:
                    have += [(e["stream"], e["seq"]) for e in json.loads((await consumer.next()).data)]
            else:
                have = places(await consumer.some(3))
            equal(have, [(f"{name}.b", seq) for seq in (1, 2, 3)], f"{members}")
            await consumer.silent(0.2)
            await wait_until(lambda name=name: idle(c, name), 10, f"{members}: it is through")
        await c.ask(f"sub.delete.{name}")


# ---- What grows old, or too many ----------------------------------------------------------------


async def test_what_grew_old_while_it_waited_is_not_delivered_and_counts_no_more(c):
    async with Consumer(c, "work.old") as consumer:
        await create(c, "old", by_type("old"), deliver={"subject": "work.old"}, order="stream")
        await create(c, "oldpull", by_type("old"))
        await c.ask("sub.pause.old")
        await fill(c, "old.a", 3, type="old")
        await meta(c, "old.a", max_age_s=1)
        await wait_until(lambda: first_is(c, "old.a", 4), 10, "they are too old")
        for name in ("old", "oldpull"):
            await wait_until(lambda name=name: idle(c, name), 30, "they wait no more")
        await c.ask("sub.resume.old")
        events, status = await pull(c, "oldpull", {"batch": 5, "no_wait": True})
        equal((events, status["Status"]), ([], "404"))
        await consumer.silent(0.2)
        equal((await append(c, "old.a", "exists", type="old"))["seq"], 4, "the stream exists")


async def first_is(c, name, seq):
    return (await stream(c, name))["first_seq"] == seq


async def test_what_grew_old_or_too_many_while_it_was_parked_frees_its_key_by_itself(c):
    for member in ("max_age_s", "max_count"):
        name = member.replace("_", "")
        async with Consumer(c, f"work.{name}") as consumer:
            await create(c, name, by_type(name), deliver={"subject": f"work.{name}"}, order="tag:k")
            await append(c, f"{name}.a", tags="k1", type=name)
            await terminate(c, consumer)
            await meta(c, f"{name}.a", **{member: 1})
            await append(c, f"{name}.a", tags="k2", type=name)
            await consumer.some(1)
            await wait_until(lambda name=name: parked_count(c, name, 0), 30, "it is parked no longer")
            await append(c, f"{name}.b", tags="k1", type=name)
            equal(places(await consumer.some(1)), [(f"{name}.b", 1)], "its key goes on")
        await c.ask(f"sub.delete.{name}")


async def test_expectations_and_conditions_beside_age(c):
    await append(c, "aged.a", tags="aged", type="aged")
    await meta(c, "aged.a", max_age_s=1)
    condition = {"fail_if": [{"tags": ["aged"]}], "after": 0}
    await wait_until(lambda: first_is(c, "aged.a", 2), 10, "it is too old")
    refused(await append(c, "aged.a", "none"), (400, 10071))
    made = await c.ask("batch", json.dumps({"events": [{"stream": "aged.b", "type": "x", "data": 1}], "check": [{"stream": "aged.a", "expect": "exists"}], "condition": condition}).encode())
    check("results" in made, f"what grew old forbids nothing: {made}")
    await meta(c, "aged.a", max_age_s=0)
    equal((await stream(c, "aged.a"))["first_seq"], 2, "and stays unseen")
    equal((await append(c, "aged.a", 1))["seq"], 2)
