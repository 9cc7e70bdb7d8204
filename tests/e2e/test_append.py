# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md sections 1 to 4: names, appends, expectations, idempotency, errors."""
import asyncio
import json
import re

import msgpack
import nats.js.errors

from harness import check, equal

SHARED = True


async def test_numbers_versions_and_positions(c):
    a1 = await c.append("numbers.a")
    a2 = await c.append("numbers.a")
    b1 = await c.append("numbers.b")
    equal((a1["stream"], a1["seq"], a2["seq"], b1["seq"]), ("numbers.a", 1, 2, 1))
    check(a1["pos"] < a2["pos"] < b1["pos"], "positions rise")


async def test_expectations_hold_or_refuse(c):
    s = "expect.s"
    equal((await c.append(s, headers={"Es-Expect": "exists"}))[:2], (400, 10071))
    equal(await c.append(s, headers={"Es-Expect": "3"}), (400, 10071, "wrong last sequence: 0"))
    equal((await c.append(s, headers={"Es-Expect": "none"}))["seq"], 1)
    equal(await c.append(s, headers={"Es-Expect": "none"}), (400, 10071, "wrong last sequence: 1"))
    equal((await c.append(s, headers={"Es-Expect": "any"}))["seq"], 2)
    equal((await c.append(s, headers={"Es-Expect": "exists"}))["seq"], 3)
    equal((await c.append(s, headers={"Es-Expect": "3"}))["seq"], 4)
    equal(await c.append(s, headers={"Es-Expect": "0"}), (400, 10071, "wrong last sequence: 4"))
    equal((await c.append("expect.zero", headers={"Es-Expect": "0"}))["seq"], 1)


async def test_jetstream_expectations_are_the_same(c):
    for i, name in enumerate(["Nats-Expected-Last-Subject-Sequence", "Nats-Expected-Last-Sequence"]):
        s = f"jsexpect.{i}"
        equal((await c.append(s, headers={name: "0"}))["seq"], 1)
        equal((await c.append(s, headers={name: "1"}))["seq"], 2)
        equal(await c.append(s, headers={name: "1"}), (400, 10071, "wrong last sequence: 2"))


async def test_expected_stream(c):
    equal((await c.append("es.x", headers={"Nats-Expected-Stream": "es.x"}))["seq"], 1)
    equal((await c.append("es.x", headers={"Nats-Expected-Stream": "shop"}))["seq"], 2)
    equal((await c.append("es.x", headers={"Nats-Expected-Stream": "other"}))[:2], (400, 10060))


async def test_contradicting_expectations_are_refused(c):
    got = await c.append("contra", headers={"Es-Expect": "1", "Nats-Expected-Last-Sequence": "2"})
    equal(got[:2], (400, 10003))
    agree = await c.append("contra", headers={"Es-Expect": "none", "Nats-Expected-Last-Sequence": "0"})
    equal(agree["seq"], 1)


async def test_unknown_headers_are_refused_by_name(c):
    for name in ["Es-Expectation", "Nats-Expected-Last-Msg-Id", "Nats-Rollup", "Nats-TTL", "Nats-Batch-Id", "Es-Position"]:
        got = await c.append("unknown.header", headers={name: "1"})
        equal(got[:2], (400, 10003), name)
        check(name in got[2], f"{got[2]!r} names {name}")
    events, end = await c.read("read.unknown.header")
    equal((len(events), end.headers["Es-Head"]), (0, "0"))


async def test_expectations_that_are_none_are_refused(c):
    for value in ["", "-1", "1.0", "one", "01", "18446744073709551616"]:
        got = await c.append("bad.expect", headers={"Es-Expect": value})
        equal(got[:2], (400, 10003), value)


async def test_a_header_without_a_value_takes_nothing_from_the_next(c):
    equal(await c.append("no.value", headers={"X-None": "", "Es-Expect": "7"}), (400, 10071, "wrong last sequence: 0"))
    first = await c.append("no.value", headers={"one": "1", "X-None": "", "Nats-Msg-Id": "n1", "last": ""})
    again = await c.append("no.value", headers={"X-None": "", "Nats-Msg-Id": "n1"})
    equal(again, {**first, "duplicate": True})
    event = json.loads((await c.request("read.no.value", b'{"format":"json"}')).data)[0]
    equal((event["id"], event["meta"]), ("n1", {"one": "1", "X-None": "", "last": ""}))
    for name in ["Es-Expect", "Nats-Expected-Last-Sequence", "Nats-Msg-Id", "Es-Tags"]:
        code, err_code, why = await c.append("no.value", headers={name: ""})
        equal((code, err_code, name in why), (400, 10003, True), why)


async def test_retry_by_id_gets_the_first_answer(c):
    first = await c.append("retry", b"1", headers={"Nats-Msg-Id": "a", "Es-Expect": "none"})
    await c.append("retry", b"2")
    again = await c.append("retry", b"1", headers={"Nats-Msg-Id": "a", "Es-Expect": "none"})
    equal(again, {**first, "duplicate": True})
    check("duplicate" not in first, "the first is no duplicate")
    equal((await c.append("retry", b"9", headers={"Nats-Msg-Id": "a"}))[:2], (409, 40901))
    equal((await c.append("retry", b"1", "U", headers={"Nats-Msg-Id": "a"}))[:2], (409, 40901))
    equal((await c.append("retry.other", b"9", headers={"Nats-Msg-Id": "a"}))["seq"], 1)


async def test_a_refused_request_uses_up_no_id(c):
    equal((await c.append("noid", headers={"Nats-Msg-Id": "x", "Es-Expect": "5"}))[:2], (400, 10071))
    got = await c.append("noid", headers={"Nats-Msg-Id": "x"})
    equal((got["seq"], "duplicate" in got), (1, False))


async def test_made_id_is_a_uuid7_and_recognised(c):
    await c.append("made", b"7")
    events, _ = await c.read("read.made")
    made = events[0].headers["Nats-Msg-Id"]
    check(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made), made)
    equal((await c.append("made", b"7", headers={"Nats-Msg-Id": made})).get("duplicate"), True)
    equal((await c.append("made", b"8", headers={"Nats-Msg-Id": made}))[:2], (409, 40901))


async def test_same_id_many_at_once_is_written_once(c):
    answers = await asyncio.gather(*[c.append("race", b"1", headers={"Nats-Msg-Id": "once"}) for _ in range(50)])
    equal({(a["seq"], a["pos"]) for a in answers}, {(1, answers[0]["pos"])})
    equal(sum("duplicate" not in a for a in answers), 1)


async def test_expected_version_many_at_once_has_one_winner(c):
    answers = await asyncio.gather(*[c.append("winner", str(i).encode(), headers={"Es-Expect": "none"}) for i in range(50)])
    equal(sum(isinstance(a, dict) for a in answers), 1)
    equal({a for a in answers if not isinstance(a, dict)}, {(400, 10071, "wrong last sequence: 1")}, "all others are told")


async def test_metadata_tags_and_trace_come_back(c):
    headers = {
        "Content-Type": "application/json",
        "Es-Tags": "customer:7,eu",
        "user": "7",
        "X-Thing": "a b",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "k=v",
        "Nats-Trace-Dest": "dropped.here",
        "Nats-Request-Info": "{}",
        "Nats-Msg-Id": "m1",
    }
    await c.append("meta.s", b'{"a":1}', "Kind", headers)
    events, _ = await c.read("read.meta.s")
    h = events[0].headers
    for name in ["Content-Type", "Es-Tags", "user", "X-Thing", "traceparent", "tracestate", "Nats-Msg-Id"]:
        equal(h[name], headers[name], name)
    check("Nats-Trace-Dest" not in h and "Nats-Request-Info" not in h, "dropped")
    equal((h["Es-Stream"], h["Es-Type"], h["Nats-Sequence"]), ("meta.s", "Kind", "1"))
    equal(h["Nats-Subject"], "es.shop.append.Kind.meta.s")
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", h["Nats-Time-Stamp"]), h["Nats-Time-Stamp"])


async def test_tags_are_checked(c):
    for tags in ["", "a,,b", "a b", "x" * 129, ",".join(f"t{i}" for i in range(33))]:
        equal((await c.append("tags", headers={"Es-Tags": tags}))[:2], (400, 10003), tags)
    got = await c.append("tags", headers={"Es-Tags": ",".join(f"t{i}" for i in range(32))})
    equal(got["seq"], 1)


async def test_bytes_come_back_as_they_are(c):
    data = bytes(range(256)) * 3
    await c.append("raw", data)
    events, _ = await c.read("read.raw")
    equal(events[0].data, data)


async def test_names_have_one_spelling(c):
    good = {"a=20b": "a b", "=C3=A9t=C3=A9.1": "été.1", "a/b-c_D": "a/b-c_D", "x=3D": "x=", "q=3F.=40": "q?.@"}
    for spelled, name in good.items():
        equal((await c.append(spelled))["stream"], name, spelled)
        events, _ = await c.read(f"read.{spelled}")
        equal(events[0].headers["Nats-Subject"], f"es.shop.append.T.{spelled}")
    bad = ["a=C2=80b", "=C2=9F", "a=2Eb", "a=41", "a=2f", "a=", "a=2", "a=zz", "a=00", "a=1F", "a=7F", "a=2A", "=20a", "a=20", "=FF", "a!b", "é", "=24sys.x"]
    for spelled in bad:
        equal((await c.append(spelled))[:2], (400, 40001), spelled)


async def test_type_is_one_token(c):
    await c.append("types.s", type="Order=2EPlaced")
    events, _ = await c.read("read.types.s")
    equal(events[0].headers["Es-Type"], "Order.Placed")
    equal(events[0].headers["Nats-Subject"], "es.shop.append.Order=2EPlaced.types.s")
    for spelled in ["A=41", "=00", "a=2A", "!", "=FF", "=C2=85", "=24sys"]:
        equal((await c.append("types.s", type=spelled))[:2], (400, 40002), spelled)


async def test_names_are_limited_to_255_bytes(c):
    equal((await c.append("n" * 255))["seq"], 1)
    equal((await c.append("n" * 256))[:2], (400, 40001))
    equal((await c.append("n", type="t" * 255))["seq"], 1)
    equal((await c.append("n", type="t" * 256))[:2], (400, 40002))


async def test_missing_stream_is_a_bad_name(c):
    equal((await c.ask("append.T", b"{}"))[:2], (400, 40001))


async def test_empty_data_is_refused(c):
    equal((await c.append("empty", b""))[:2], (400, 40003))


async def test_too_large_is_refused(c):
    equal((await c.append("large", b"x" * (1 << 20)))[:2], (413, 10054))
    got = await c.append("large", b"x" * ((1 << 20) - 4096))
    equal(got["seq"], 1)


async def test_ids_are_checked(c):
    equal((await c.append("ids", headers={"Nats-Msg-Id": "i" * 256}))[:2], (400, 10003))
    equal((await c.append("ids", headers={"Nats-Msg-Id": "i" * 255}))["seq"], 1)


async def test_without_reply_it_is_appended_all_the_same(c):
    await c.nc.publish("es.shop.append.T.quiet", b"{}")
    await c.nc.flush()
    equal((await c.append("quiet"))["seq"], 2)


async def test_requests_of_one_connection_are_taken_up_in_order(c):
    for i in range(300):
        await c.nc.publish(f"es.shop.append.T{i % 7}.inorder", str(i).encode())
    events, end = await c.read("read.inorder", b'{"limit":1000}')
    equal([int(e.data) for e in events], list(range(300)))
    equal(end.headers["Es-Head"], "300")


async def test_reserved_reply_subjects_are_not_executed_only_counted(c):
    before = json.loads((await c.request("node.n1.status")).data)["counters"]["refused_reply_subject"]
    replies = ["es.shop.append.T.victim", "es.other", "_es.shop.x", "$JS.API.x", "$SYS.x", "a.*", "a.>", "*"]
    sent = 0
    for reply in replies:
        await c.nc.publish("es.shop.append.T.deputy", b"{}", reply=reply)
        sent += 1
    await c.nc.flush()
    equal((await c.append("deputy"))["seq"], 1)
    equal((await c.read("read.victim"))[1].headers["Es-Head"], "0")
    after = json.loads((await c.request("node.n1.status")).data)["counters"]["refused_reply_subject"]
    equal(after - before, sent)


async def test_what_is_kept_can_be_read_and_delivered_however_long_its_names_are(c):
    """Stream and type stand in a message twice, in its subject with three bytes for one."""
    name, largest = "=C3=A9" * 127, c.nc.max_payload - 3164
    data = b"x" * (c.nc.max_payload - 2048)
    headers = {"Nats-Msg-Id": "i" * 255, "Content-Type": "c" * 255}
    equal((await c.append(name, data, type=name, headers=headers))[:2], (413, 10054))
    batch = {"events": [{"stream": "é" * 127, "type": "é" * 127, "data": data, "id": "b"}]}
    equal((await c.ask("batch", msgpack.packb(batch), {"Content-Type": "application/msgpack"}))[:2], (413, 10054))
    got = await c.append(name, data[:largest], type=name, headers=headers)
    equal(got["seq"], 1)
    for form in ("messages", "json", "msgpack"):
        events, closing = await c.read(f"read.{name}", json.dumps({"format": form}).encode())
        check(events is not None, closing.data)
        equal(len(events), 1, form)
    definition = {"filter": {"plugin": "by_stream", "selector": "é" * 127}}
    await c.ask("sub.create." + "s" * 64, json.dumps(definition).encode())
    delivered = await c.request("sub.next." + "s" * 64, b"")
    equal(len(delivered.data), largest)


async def test_js_publish_works_unchanged(c):
    js = c.nc.jetstream()
    ack = await js.publish("es.shop.append.T.js.s", b"1", headers={"Nats-Msg-Id": "j1"})
    equal((ack.stream, ack.seq, bool(ack.duplicate)), ("js.s", 1, False))
    ack = await js.publish("es.shop.append.T.js.s", b"1", headers={"Nats-Msg-Id": "j1"})
    equal((ack.seq, ack.duplicate), (1, True))
    try:
        await js.publish("es.shop.append.T.js.s", b"2", headers={"Nats-Expected-Last-Subject-Sequence": "7"})
        check(False, "a wrong sequence was accepted")
    except nats.js.errors.APIError as error:
        equal((error.code, error.err_code, error.description), (400, 10071, "wrong last sequence: 1"))


async def test_garbage_changes_nothing(c):
    import random

    random.seed(7)
    head = (await c.ask("store.info"))["head"]
    subjects = ["all", "get", "store.info", "read.x", "type.T", "category.c", "direct.all", "direct.get", "direct.read.x"]
    for _ in range(600):
        data = bytes(random.randrange(256) for _ in range(random.randrange(60)))
        if random.random() < 0.5:
            data = b'{"' + data
        await c.nc.publish("es.shop." + random.choice(subjects), data, reply="nowhere.x")
    await c.nc.publish("es.shop.append.T.\xff\xfe".encode("latin-1").decode("latin-1"), b"{}")
    await c.nc.flush()
    equal((await c.ask("store.info"))["head"], head)


async def test_unknown_verbs_have_no_responder(c):
    for subject in ["nothing", "append", "store.nothing", "snap.put"]:
        try:
            await c.request(subject, b"{}", timeout=3)
            check(False, f"{subject} was answered")
        except nats.errors.NoRespondersError:
            pass
