# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md section 11: streams that are deleted, tombstoned, revived and limited, by every kind of read, by writers and by
subscriptions. On three nodes, and what stays: test_stream_delete_kept.py."""
import asyncio
import json

from harness import check, equal, wait_until
from test_subs import Consumer, by_stream, create, fill, info, parked_count, pull, state_is, versions

SHARED = True
NOWHERE = (404, 10037)


async def delete(c, name, **body):
    return await c.ask(f"stream.delete.{name}", json.dumps(body).encode() if body else b"")


async def meta(c, name, **body):
    return await c.ask(f"stream.meta.{name}", json.dumps(body).encode())


async def stream(c, name):
    return await c.ask(f"stream.info.{name}")


async def append(c, name, expect=None, data=b"{}", id=None, tags=None, type="T"):
    headers = {"Es-Expect": str(expect), "Nats-Msg-Id": id, "Es-Tags": tags}
    return await c.append(name, data, type=type, headers={k: v for k, v in headers.items() if v not in (None, "None")} or None)


def refused(answer, code, *words):
    check(isinstance(answer, tuple), f"not refused: {answer}")
    equal(answer[:2], code, answer[2])
    for word in words:
        check(word in answer[2], f"'{word}' is not in '{answer[2]}'")


def places(events):
    return [(e.headers["Es-Stream"], int(e.headers["Nats-Sequence"])) for e in events]


async def got(c, subject, where):
    msg = await c.request(subject, json.dumps(where).encode())
    return None if "Nats-Service-Error" in (msg.headers or {}) else places([msg])[0]


async def sees(c, prefix, want, direct=True):
    """Whether each kind of read sees of streams that begin with `prefix.` (also their only category, type and tag) just these
    (stream, version), in the order of their positions."""
    for root in ("", "direct.") if direct else ("",):
        headers = None
        if root:
            headers = {"Es-Min-Position": str((await c.ask("store.info"))["head"])}
        for subject in (f"type.{prefix}", f"category.{prefix}", f"tag.{prefix}", "all"):
            for body in ({}, {"dir": "backward"}, {"format": "json"}, {"filter": by_pattern(prefix)}, {"limit": 2}, {"max_bytes": 1}):
                seen = [place for place in await everything(c, root + subject, body, headers) if place[0].split(".")[0] == prefix]
                equal(seen, want[::-1] if "dir" in body else want, f"{root}{subject} {body}")
        items = {"items": [{"types": [prefix]}, {"tags": [prefix]}]}
        equal(await everything(c, f"{root}query", items, headers), want, f"{root}query")
        for name in {s for s, _ in want}:
            mine = [place for place in want if place[0] == name]
            events, end = await c.read(f"{root}read.{name}", headers=headers)
            equal(places(events), mine, f"{root}read.{name}")
            equal(end.headers["Nats-Num-Pending"], "0")
            equal(int(end.headers["Es-Head"]), mine[-1][1])
            few, end = await c.read(f"{root}read.{name}", b'{"limit":1}', headers=headers)
            equal((places(few), int(end.headers["Nats-Num-Pending"])), (mine[:1], len(mine) - 1))
            equal(places((await c.read(f"{root}load.{name}", headers=headers))[0]), mine, f"{root}load.{name}")
    told = await c.ask("filter.test", json.dumps({"filter": by_pattern(prefix), "limit": 1000}).encode())
    equal((told["matched"], [(e["stream"], e["seq"]) for e in told["events"]]), (len(want), want), "filter.test")
    listed = {s["stream"]: s for s in (await c.ask("stream.list", json.dumps({"prefix": f"{prefix}."}).encode()))["streams"]}
    for name in {s for s, _ in want}:
        about = await stream(c, name)
        mine = [version for s, version in want if s == name]
        equal((about["state"], about["first_seq"], about["seq"], about["events"]), ("live", mine[0], mine[-1], len(mine)), name)
        equal({**listed[name], "meta": about["meta"]}, about, "the list says the same")
    check(set(listed) >= {s for s, _ in want}, listed)


def by_pattern(prefix):
    return {"plugin": "by_pattern", "selector": [prefix, f"{prefix}.>"]}


async def everything(c, subject, body, headers=None):
    """(stream, version) of all pages."""
    seen, body = [], dict(body)
    while True:
        events, end = await c.read(subject, json.dumps(body).encode(), headers=headers)
        check(events is not None, end.data)
        for msg in events:
            if body.get("format") == "json":
                seen += [(e["stream"], e["seq"]) for e in json.loads(msg.data)]
            else:
                seen += places([msg])
        if "Es-Next" not in end.headers:
            equal(end.headers.get("Nats-Num-Pending"), "0", subject)
            return seen
        body["from"] = int(end.headers["Es-Next"])


async def three(c, prefix, each=3):
    """Streams <prefix>.a, .b, .c with so many events each, in turn."""
    for i in range(each):
        for name in "abc":
            await append(c, f"{prefix}.{name}", data=json.dumps({"i": i}).encode(), id=f"{name}{i}", tags=prefix, type=prefix)
    return [(f"{prefix}.{name}", version) for version in range(1, each + 1) for name in "abc"]


# ---- Soft ---------------------------------------------------------------------------------------


async def test_no_read_sees_anything_of_a_deleted_stream(c):
    want = await three(c, "soft")
    await sees(c, "soft", want)
    first = await got(c, "get", {"stream": "soft.b", "seq": 1})
    equal(first, ("soft.b", 1))
    pos = int((await c.request("get", b'{"stream":"soft.b","seq":2}')).headers["Es-Position"])
    equal(await delete(c, "soft.b"), {"stream": "soft.b", "seq": 3, "first_seq": 4, "state": "deleted"})
    want = [place for place in want if place[0] != "soft.b"]
    await sees(c, "soft", want)
    for root in ("get", "direct.get"):
        for where in ({"pos": pos}, {"stream": "soft.b", "seq": 3}, {"stream": "soft.b", "id": "b0"}, {"id": "b0"}):
            equal(await got(c, root, where), None, f"{root} {where}")
    for subject in ("read.soft.b", "direct.read.soft.b", "load.soft.b"):
        events, end = await c.read(subject)
        equal((events, end.headers["Nats-Num-Pending"], end.headers["Es-Head"]), ([], "0", "3"), subject)
    about = await stream(c, "soft.b")
    equal({m: about[m] for m in ("seq", "first_seq", "events", "bytes", "state")}, {"seq": 3, "first_seq": 4, "events": 0, "bytes": 0, "state": "deleted"})
    equal([s["stream"] for s in (await c.ask("stream.list", b'{"prefix":"soft."}'))["streams"]], ["soft.a", "soft.c"])


async def test_an_id_that_two_streams_bear_is_found_where_it_is_seen(c):
    await append(c, "twice.a", id="the same")
    await append(c, "twice.b", id="the same")
    equal(await got(c, "get", {"id": "the same"}), ("twice.a", 1))
    await delete(c, "twice.a")
    equal(await got(c, "get", {"id": "the same"}), ("twice.b", 1))
    await delete(c, "twice.b")
    equal(await got(c, "get", {"id": "the same"}), None)


async def test_expectations_of_a_deleted_stream_and_its_next_life(c):
    for i, expect in enumerate(("none", 0, 3, None)):
        name = f"life.{i}"
        await fill(c, name, 3, type="life")
        await delete(c, name)
        refused(await append(c, name, "exists"), (400, 10071), "wrong last sequence: 3")
        refused(await append(c, name, 2), (400, 10071), "wrong last sequence: 3")
        equal((await append(c, name, expect, type="life", tags="life"))["seq"], 4)
        refused(await append(c, name, "none"), (400, 10071))
        equal((await append(c, name, "exists", type="life", tags="life"))["seq"], 5)
    await sees(c, "life", [(f"life.{i}", version) for i in range(4) for version in (4, 5)])
    equal(await got(c, "get", {"stream": "life.0", "seq": 3}), None)
    await delete(c, "life.0")
    await append(c, "life.0")
    equal((await stream(c, "life.0"))["first_seq"], 6, "again")


async def test_a_batch_revives_and_checks_as_an_append_does(c):
    await fill(c, "batched", 2)
    await delete(c, "batched")

    async def batch(**body):
        return await c.ask("batch", json.dumps(body).encode())

    event = {"stream": "other", "type": "T", "data": 1}
    refused(await batch(events=[event], check=[{"stream": "batched", "expect": "exists"}]), (400, 10071))
    made = await batch(events=[event], check=[{"stream": "batched", "expect": "none"}, {"stream": "batched", "expect": 2}])
    equal(made["results"][0]["seq"], 1)
    events = [{"stream": "batched", "type": "T", "data": 1, "expect": "none"}, {"stream": "batched", "type": "T", "data": 2, "expect": "exists"}]
    equal([r["seq"] for r in (await batch(events=events))["results"]], [3, 4])
    equal(places((await c.read("read.batched"))[0]), [("batched", 3), ("batched", 4)])


async def test_a_retry_is_recognised_however_unseen_its_event_is(c):
    first = await append(c, "retry", id="one", data=b"1")
    made = await append(c, "retry", data=b"2")
    id = (await c.request("get", b'{"stream":"retry","seq":2}')).headers["Nats-Msg-Id"]
    await delete(c, "retry")
    equal(await append(c, "retry", "exists", id="one", data=b"1"), {**first, "duplicate": True})
    equal(await append(c, "retry", id=id, data=b"2"), {**made, "duplicate": True})
    refused(await append(c, "retry", id="one", data=b"3"), (409, 40901))
    equal((await stream(c, "retry"))["state"], "deleted", "that was no append")
    await append(c, "retry", id="three", data=b"3")
    await meta(c, "retry", truncate_before=4)
    equal((await append(c, "retry", id="three", data=b"3"))["duplicate"], True)
    await delete(c, "retry", mode="tombstone")
    refused(await append(c, "retry", id="one", data=b"1"), (410, 41001))
    refused(await append(c, "retry", id="one", data=b"3"), (410, 41001))


async def test_a_condition_does_not_fail_by_what_no_query_shows(c):
    await append(c, "seat.1", tags="seat:1", type="Taken")
    body = {"events": [{"stream": "seat.2", "type": "Taken", "data": 1, "tags": ["seat:1"]}], "condition": {"fail_if": [{"tags": ["seat:1"]}], "after": 0}}
    refused(await c.ask("batch", json.dumps(body).encode()), (409, 40902))
    await delete(c, "seat.1")
    equal((await c.ask("batch", json.dumps(body).encode()))["results"][0]["seq"], 1)
    refused(await c.ask("batch", json.dumps(body).encode()), (409, 40902))


# ---- Tombstones, and what is answered -----------------------------------------------------------


async def test_a_tombstone_is_for_ever(c):
    want = await three(c, "dead")
    equal(await delete(c, "dead.a", mode="tombstone", expect=3), {"stream": "dead.a", "seq": 3, "first_seq": 4, "state": "tombstoned"})
    await delete(c, "dead.b", mode="soft")
    equal((await delete(c, "dead.b", mode="tombstone"))["state"], "tombstoned", "what was deleted softly, too")
    await sees(c, "dead", [place for place in want if place[0] == "dead.c"])
    for name in ("dead.a", "dead.b"):
        for expect in ("any", "none", "exists", 0, 3):
            refused(await append(c, name, expect), (410, 41001), "tombstoned")
        batch = {"events": [{"stream": "dead.d", "type": "T", "data": 1}, {"stream": name, "type": "T", "data": 1}]}
        refused(await c.ask("batch", json.dumps(batch).encode()), (410, 41001))
        refused(await delete(c, name), (410, 41001))
        refused(await delete(c, name, mode="tombstone"), (410, 41001))
        refused(await meta(c, name, max_count=1), (410, 41001))
        refused(await c.ask(f"snap.put.{name}", b"x", {"Es-Snapshot-Seq": "1"}), (410, 41001))
        equal((await stream(c, name))["state"], "tombstoned")
        equal((await c.read(f"read.{name}"))[1].headers["Es-Head"], "3")
    refused(await stream(c, "dead.d"), (404, 10059))


async def test_a_deletion_expects_and_may_be_asked_for_again(c):
    await fill(c, "expect.ed", 2)
    for wrong in ("none", 0, 1, 3):
        refused(await delete(c, "expect.ed", expect=wrong), (400, 10071), "wrong last sequence: 2")
        refused(await meta(c, "expect.ed", expect=wrong, max_count=1), (400, 10071), "wrong last sequence: 2")
    equal((await stream(c, "expect.ed"))["state"], "live")
    equal((await meta(c, "expect.ed", expect="exists", max_count=2))["meta"], {"max_count": 2})
    once = await delete(c, "expect.ed", expect=2)
    equal(once, {"stream": "expect.ed", "seq": 2, "first_seq": 3, "state": "deleted"})
    for fine in (2, 0, "none", "any"):
        equal(await delete(c, "expect.ed", expect=fine), {**once, "duplicate": True})
    refused(await delete(c, "expect.ed", expect="exists"), (400, 10071))
    refused(await meta(c, "expect.ed", max_count=1), (404, 10059))


async def test_what_is_not_there_or_not_understood_is_refused(c):
    await append(c, "here")
    for ask in (delete, meta):
        refused(await ask(c, "no.body", **({} if ask is delete else {"max_count": 1})), (404, 10059), "stream not found")
        refused(await ask(c, "=24sys", expect="any"), (400, 40001), "system")
        refused(await ask(c, "a=2Eb", expect="any"), (400, 40001))
        refused(await ask(c, "here", nonsense=1), (400, 10003), "nonsense")
        for expect in ("some", -1, 1.5, None, [], {}):
            refused(await ask(c, "here", expect=expect), (400, 10003), "expect")
    refused(await delete(c, "no.body", mode="tombstone"), (404, 10059))
    equal((await append(c, "no.body"))["seq"], 1, "the name is free")
    for mode in ("hard", "", 1, None):
        refused(await delete(c, "here", mode=mode), (400, 10003), "mode")
    refused(await delete(c, "here", max_count=1), (400, 10003), "max_count")
    refused(await meta(c, "here", mode="soft"), (400, 10003), "mode")
    for name in ("max_count", "max_age_s", "truncate_before"):
        for value in ("1", -1, 1.5, True, [], 1 << 64):
            refused(await meta(c, "here", **{name: value}), (400, 10003), name)
    refused(await meta(c, "here", max_age_s=9000000001), (400, 10003), "max_age_s")
    refused(await meta(c, "here", truncate_before=3), (400, 10003), "truncate_before", "1")
    for verb in ("stream.delete.here", "stream.meta.here"):
        for body in (b"{", b"[]", b"1", b'{"expect":1,"expect":1}', b"{}x", b"\xff"):
            refused(await c.ask(verb, body), (400, 10003))
        for header in ("Es-Expect", "Nats-Expected-Last-Subject-Sequence", "Es-Min-Position"):
            refused(await c.ask(verb, b"{}", {header: "1"}), (400, 10003), header)
    equal((await stream(c, "here"))["seq"], 1)
    equal((await stream(c, "here"))["state"], "live", "nothing of it was done")


async def test_each_is_an_endpoint_with_its_numbers(c):
    async def stats():
        answer = json.loads((await c.nc.request("$SRV.STATS.nacre", b"", timeout=5)).data)
        return {endpoint["name"]: endpoint for endpoint in answer["endpoints"]}

    before = await stats()
    await append(c, "counted")
    await meta(c, "counted", max_count=1)
    await delete(c, "counted")
    await delete(c, "counted", mode="x")
    after = await stats()
    for name, requests, errors in (("stream-delete", 2, 1), ("stream-meta", 1, 0)):
        equal(after[name]["num_requests"] - before[name]["num_requests"], requests, name)
        equal(after[name]["num_errors"] - before[name]["num_errors"], errors, name)
        equal(after[name]["subject"], f"es.shop.stream.{name.split('-')[1]}.>")


# ---- Limits -------------------------------------------------------------------------------------


async def test_truncated_events_are_unseen_and_first_seq_grows(c):
    want = await three(c, "cut", each=4)
    equal(await meta(c, "cut.a", truncate_before=3), {"stream": "cut.a", "seq": 4, "first_seq": 3, "meta": {"truncate_before": 3}, "state": "live"})
    want = [place for place in want if place[0] != "cut.a" or place[1] >= 3]
    await sees(c, "cut", want)
    equal(await got(c, "get", {"stream": "cut.a", "seq": 2}), None)
    equal(await got(c, "get", {"stream": "cut.a", "id": "a1"}), None)
    equal(await got(c, "get", {"stream": "cut.a", "seq": 3}), ("cut.a", 3))
    equal((await meta(c, "cut.a", truncate_before=1))["first_seq"], 3, "never back")
    equal((await meta(c, "cut.a", truncate_before=None))["meta"], {})
    equal((await stream(c, "cut.a"))["first_seq"], 3)
    equal((await meta(c, "cut.b", truncate_before=5))["first_seq"], 5, "all of it")
    equal((await stream(c, "cut.b"))["events"], 0)
    events, end = await c.read("read.cut.b")
    equal((events, end.headers["Es-Head"]), ([], "4"))
    equal((await append(c, "cut.b", 4, type="cut", tags="cut"))["seq"], 5)
    want = [place for place in want if place[0] != "cut.b"] + [("cut.b", 5)]
    await sees(c, "cut", want)
    events, _ = await c.read("read.cut.a", b'{"from":1,"to":3}')
    equal(places(events), [("cut.a", 3)])
    equal(places((await c.read("read.cut.a", b'{"dir":"backward","from":"end"}'))[0]), [("cut.a", 4), ("cut.a", 3)])


async def test_a_stream_shows_so_many_of_its_newest(c):
    await fill(c, "ring", 5)
    equal((await meta(c, "ring", max_count=3))["first_seq"], 3)
    for seq in (6, 7):
        await append(c, "ring")
        equal([v for _, v in places((await c.read("read.ring"))[0])], [seq - 2, seq - 1, seq])
    batch = {"events": [{"stream": "ring", "type": "T", "data": i} for i in range(5)]}
    await c.ask("batch", json.dumps(batch).encode())
    equal([v for _, v in places((await c.read("read.ring"))[0])], [10, 11, 12])
    about = await stream(c, "ring")
    equal((about["first_seq"], about["events"], about["meta"]), (10, 3, {"max_count": 3}))
    equal((await meta(c, "ring", max_count=0))["meta"], {})
    await append(c, "ring")
    equal([v for _, v in places((await c.read("read.ring"))[0])], [10, 11, 12, 13], "what was unseen stays so")


async def test_events_grow_old_also_where_nothing_happens(c):
    for _ in range(3):
        await append(c, "old.a", type="old", tags="old")
        await append(c, "old.b", type="old", tags="old")
    equal((await meta(c, "old.a", max_age_s=1))["meta"], {"max_age_s": 1})

    async def gone():
        return (await c.read("read.old.a"))[0] == []

    await wait_until(gone, 10, "the events are too old")
    await sees(c, "old", [("old.b", 1), ("old.b", 2), ("old.b", 3)])
    equal(await got(c, "get", {"stream": "old.a", "seq": 3}), None)
    about = await stream(c, "old.a")
    equal((about["state"], about["seq"], about["first_seq"], about["events"]), ("live", 3, 4, 0))
    listed = (await c.ask("stream.list", b'{"prefix":"old.a"}'))["streams"][0]
    equal({**listed, "meta": about["meta"]}, about, "the list says the same")
    equal((await append(c, "old.a", "exists"))["seq"], 4)
    equal((await meta(c, "old.a", max_age_s=1000000))["first_seq"], 4, "what was too old stays unseen")
    equal(places((await c.read("read.old.a"))[0]), [("old.a", 4)])


async def test_a_snapshot_behind_which_events_are_missing_is_not_loaded(c):
    await fill(c, "snapped", 6)
    await c.ask("snap.put.snapped", b"state", {"Es-Snapshot-Seq": "3"})
    for before, first in ((4, "3"), (5, None)):
        await meta(c, "snapped", truncate_before=before)
        events, _ = await c.read("load.snapped")
        equal(events[0].headers.get("Es-Snapshot-Seq"), first)
        equal(versions(events[1:] if first else events), list(range(before, 7)))
    await delete(c, "snapped")
    equal((await c.read("load.snapped"))[0], [])
    refused(await c.ask("snap.get.snapped"), (404, 40401))


# ---- Subscriptions ------------------------------------------------------------------------------


def by_type(name):
    return {"plugin": "by_event_type", "selector": name}


async def test_history_is_delivered_without_what_is_not_seen(c):
    want = await three(c, "hist")
    await delete(c, "hist.b")
    want = [place for place in want if place[0] != "hist.b"]
    filters = [by_type("hist"), by_pattern("hist"), {"plugin": "by_stream", "selector": ["hist.a", "hist.b", "hist.c"]},
               {"plugin": "by_payload", "selector": {"i": [0, 1, 2]}}]
    for i, filter in enumerate(filters):
        for order in ("none", "stream"):
            name = f"hist-{i}-{order}"
            async with Consumer(c, f"work.{name}") as consumer:
                start = {"pos": int((await c.request("get", b'{"stream":"hist.a","seq":1}')).headers["Es-Position"])}
                await create(c, name, filter, deliver={"subject": f"work.{name}"}, order=order, start=start)
                equal(places(await consumer.some(len(want))), want, name)
                await consumer.silent(0.2)
            await wait_until(lambda name=name: state_is(c, name, "live"), 5, "it is at the head")
            about = await info(c, name)
            equal((about["pending"], about["in_flight"], about["parked"]), (0, 0, 0))
            await c.ask(f"sub.delete.{name}")


async def test_what_waits_for_room_and_is_deleted_does_not_come(c):
    for placement in ("leader", "spread"):
        type = f"wait{placement}"
        async with Consumer(c, f"work.{type}") as consumer:
            await create(c, type, by_type(type), deliver={"subject": f"work.{type}"}, max_in_flight=1, placement=placement)
            await fill(c, f"{type}.a", 1, type=type)
            first = await consumer.next()
            await fill(c, f"{type}.b", 3, type=type)
            await fill(c, f"{type}.a", 1, type=type)
            await delete(c, f"{type}.b")
            await c.nc.publish(first.reply, b"")
            equal(places(await consumer.some(1)), [(f"{type}.a", 2)], "what was in memory is not delivered")
            await consumer.silent(0.2)
            await wait_until(lambda: floor_is_head(c, type, (f"{type}.a", 2)), 5, "the floor is not held up")
        await c.ask(f"sub.delete.{type}")


async def floor_is_head(c, sub, last):
    """Everything up to this event is done."""
    msg = await c.request("get", json.dumps({"stream": last[0], "seq": last[1]}).encode())
    about = await info(c, sub)
    return about["ack_floor"] >= int(msg.headers["Es-Position"]) and about["in_flight"] == about["pending"] == 0


async def test_what_is_in_flight_may_be_acknowledged_and_is_not_delivered_again(c):
    async with Consumer(c, "work.fly") as consumer:
        await create(c, "fly", by_type("fly"), deliver={"subject": "work.fly"}, order="stream", ack_wait_ms=400, max_deliver=-1)
        await fill(c, "fly.a", 2, type="fly")
        await fill(c, "fly.b", 2, type="fly")
        first = {e.headers["Es-Stream"]: e for e in await consumer.some(2, ack=None)}
        await delete(c, "fly.a")
        await delete(c, "fly.b")
        equal((await c.nc.request(first["fly.a"].reply, b"+ACK", timeout=5)).data, b"", "it is taken")
        await append(c, "fly.a", type="fly")
        event = await consumer.next()
        equal(places([event]), [("fly.a", 3)], "and its key goes on")
        await c.nc.publish(event.reply, b"")
        await consumer.silent(0.7)  # the wait of fly.b ran out
        await append(c, "fly.b", type="fly")
        equal(places(await consumer.some(1)), [("fly.b", 3)])
        await wait_until(lambda: floor_is_head(c, "fly", ("fly.b", 3)), 5, "nothing is held up")
        why = await c.ask("sub.explain.fly", json.dumps({"pos": int(first["fly.b"].headers["Es-Position"])}).encode())
        refused(why, NOWHERE, "not seen any more")


async def test_a_nak_of_what_was_deleted_does_not_bring_it_again(c):
    async with Consumer(c, "work.nak") as consumer:
        await create(c, "nak", by_type("nak"), deliver={"subject": "work.nak"}, order="stream")
        await fill(c, "nak.a", 2, type="nak")
        event = await consumer.next()
        await delete(c, "nak.a")
        await c.nc.publish(event.reply, b"-NAK")
        await consumer.silent(0.3)
        await append(c, "nak.a", type="nak")
        equal(places(await consumer.some(1)), [("nak.a", 3)])


async def park(c, consumer, name, streams):
    """The first event of each stream parked, and so its key."""
    for _ in streams:
        event = await consumer.next()
        await c.nc.request(event.reply, b"+TERM bad", timeout=5)


async def test_a_parked_event_that_is_deleted_frees_its_key(c):
    for durable in (True, False):
        for order in ("stream", "none"):
            name = f"park{order}{'d' if durable else 't'}"
            async with Consumer(c, f"work.{name}") as consumer:
                await create(c, name, by_type(name), deliver={"subject": f"work.{name}"}, order=order, durable=durable)
                await fill(c, f"{name}.a", 1, type=name)
                await fill(c, f"{name}.b", 1, type=name)
                await park(c, consumer, name, "ab")
                await wait_until(lambda: parked_count(c, name, 2), 5, "both are parked")
                await delete(c, f"{name}.a")
                await wait_until(lambda: parked_count(c, name, 1), 5, "it is parked no longer")
                rows = (await c.ask(f"sub.parked.{name}"))["parked"]
                equal([row["stream"] for row in rows], [f"{name}.b"])
                await append(c, f"{name}.a", type=name)
                equal(places(await consumer.some(1)), [(f"{name}.a", 2)], "its key goes on")
                equal((await c.ask(f"sub.replay.{name}"))["replayed"], 1)
                equal(places(await consumer.some(1)), [(f"{name}.b", 1)])
                await wait_until(lambda: parked_count(c, name, 0), 5, "nothing is parked")
            await c.ask(f"sub.delete.{name}")


async def test_what_is_parked_after_its_stream_was_deleted_frees_its_key_too(c):
    async with Consumer(c, "work.late") as consumer:
        await create(c, "late", by_type("late"), deliver={"subject": "work.late"}, order="stream")
        await fill(c, "late.a", 2, type="late")
        event = await consumer.next()
        await delete(c, "late.a")
        await c.nc.request(event.reply, b"+TERM bad", timeout=5)
        await wait_until(lambda: parked_count(c, "late", 0), 5, "nothing is parked")
        await append(c, "late.a", type="late")
        equal(places(await consumer.some(1)), [("late.a", 3)])
        equal((await c.nc.request(event.reply, b"+ACK", timeout=5)).data, b"", "a late acknowledgement is taken")


async def test_a_late_acknowledgement_of_what_was_truncated_while_parked(c):
    async with Consumer(c, "work.lateack") as consumer:
        await create(c, "lateack", by_type("lateack"), deliver={"subject": "work.lateack"}, order="stream")
        await fill(c, "lateack.a", 3, type="lateack")
        event = await consumer.next()
        await c.nc.request(event.reply, b"+TERM bad", timeout=5)
        await wait_until(lambda: parked_count(c, "lateack", 3), 5, "the key is parked")
        await meta(c, "lateack.a", truncate_before=2)
        equal((await c.nc.request(event.reply, b"+ACK", timeout=5)).data, b"", "it is taken, and no 429")
        await wait_until(lambda: parked_count(c, "lateack", 2), 5, "the others wait")
        equal((await c.ask("sub.replay.lateack"))["replayed"], 2)
        equal(versions(await consumer.some(2)), [2, 3])


async def test_a_search_comes_past_much_that_is_deleted(c):
    for first in range(0, 25000, 1000):
        events = [{"stream": "much.a", "type": "much", "data": i} for i in range(first, first + 1000)]
        await c.ask("batch", json.dumps({"events": events}).encode())
    await append(c, "much.b", type="much")
    await delete(c, "much.a")
    for filter in (by_type("much"), by_pattern("much"), {"plugin": "by_payload", "selector": {"i": [{"exists": False}]}}):
        async with Consumer(c, "work.much") as consumer:
            await create(c, "much", filter, deliver={"subject": "work.much"})
            while places([event := (await consumer.some(1))[0]]) != [("much.b", 1)]:
                check(event.headers["Es-Stream"] != "much.a", "it is deleted")
            await wait_until(lambda: state_is(c, "much", "live"), 10, "it is at the head")
        await c.ask("sub.delete.much")


async def test_pulls_pass_by_what_is_deleted(c):
    await create(c, "pulled", by_type("pulled"))
    await fill(c, "pulled.a", 3, type="pulled")
    await fill(c, "pulled.b", 3, type="pulled")
    await delete(c, "pulled.a")
    events, status = await pull(c, "pulled", {"batch": 10, "no_wait": True})
    equal(places(events), [("pulled.b", i) for i in (1, 2, 3)])
    equal(status["Status"], "408")
    for event in events:
        await c.nc.publish(event.reply, b"")
    await wait_until(lambda: floor_is_head(c, "pulled", ("pulled.b", 3)), 5, "all is done")


async def test_what_waits_to_be_pulled_and_is_deleted_counts_no_more(c):
    for order in ("none", "stream"):
        name = f"waits{order}"
        await create(c, name, by_type(name), order=order)
        await fill(c, f"{name}.a", 600, type=name)
        await fill(c, f"{name}.b", 2, type=name)
        await wait_until(lambda name=name: pending_is(c, name, 602), 5, "they are waiting in its window")
        await delete(c, f"{name}.a")
        await wait_until(lambda name=name: pending_is(c, name, 2), 5, "those that are left wait")
        events, status = await pull(c, name, {"batch": 1, "expires_ms": 5000})
        equal((places(events), status), ([(f"{name}.b", 1)], None))


async def test_a_pull_that_is_given_what_is_deleted_just_then_ends(c):
    for i in range(20):
        name = f"given{i}"
        await create(c, name, by_type(name))
        await fill(c, f"{name}.a", 3, type=name)
        await wait_until(lambda name=name: pending_is(c, name, 3), 5, "they are waiting in its window")
        await c.nc.publish(f"{c.root}.stream.delete.{name}.a", b"")
        events, status = await pull(c, name, {"batch": 3, "expires_ms": 1000})
        check(len(events) == 3 or status["Status"] == "408", f"{places(events)} {status}")


async def pending_is(c, name, count):
    return (await info(c, name))["pending"] == count


async def test_events_beside_deletions_each_come_once_or_not_at_all(c):
    """Streams that are deleted while they are written: what is seen in the end has been delivered, in order, and nothing twice."""
    async with Consumer(c, "work.beside") as consumer:
        await create(c, "beside", by_type("beside"), deliver={"subject": "work.beside"}, order="stream", max_in_flight=20)

        async def writer(name):
            for i in range(62):
                await append(c, f"beside.{name}", type="beside", tags="beside")
                if i % 7 == 3:
                    await delete(c, f"beside.{name}")

        async def reader():
            seen = {}
            while True:
                try:
                    event = await consumer.next(2)
                except asyncio.TimeoutError:
                    return seen
                await c.nc.publish(event.reply, b"")
                name, version = places([event])[0]
                check(version > seen.get(name, [0])[-1], f"{name} {version} after {seen.get(name)}")
                seen.setdefault(name, []).append(version)

        seen, *_ = await asyncio.gather(reader(), *[writer(name) for name in "abcd"])
        for name in "abcd":
            left = [version for _, version in places((await c.read(f"read.beside.{name}"))[0])]
            equal([version for version in seen[f"beside.{name}"] if version >= left[0]], left, name)
        about = await info(c, "beside")
        equal((about["in_flight"], about["parked"], about["pending"]), (0, 0, 0))
