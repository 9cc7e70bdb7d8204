# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md sections 6 and 7: reads in every form, and the live feed."""
import asyncio
import base64
import json

import msgpack

from harness import check, equal, error_of

SHARED = True


async def fill(c, name, count=25, **kw):
    for i in range(count):
        await c.append(name, json.dumps({"i": i}).encode(), type=f"{name.replace('.', '=2E')}T{i % 2}", **kw)


def numbers(events):
    return [int(e.headers["Nats-Sequence"]) for e in events]


async def test_stream_forward_and_backward(c):
    await fill(c, "fb")
    events, end = await c.read("read.fb")
    equal(numbers(events), list(range(1, 26)))
    equal((end.headers["Es-Head"], end.headers["Nats-Num-Pending"], "Es-Next" in end.headers), ("25", "0", False))
    events, end = await c.read("read.fb", b'{"dir":"backward"}')
    equal(numbers(events), list(range(25, 0, -1)))
    events, _ = await c.read("read.fb", b'{"dir":"backward","from":"end","limit":3}')
    equal(numbers(events), [25, 24, 23])


async def test_paging_by_next(c):
    await fill(c, "paging")
    for body in [{"limit": 7}, {"limit": 7, "dir": "backward"}]:
        seen, ask = [], dict(body)
        while True:
            events, end = await c.read("read.paging", json.dumps(ask).encode())
            seen += numbers(events)
            if "Es-Next" not in end.headers:
                break
            equal(len(events), 7)
            equal(int(end.headers["Nats-Num-Pending"]), 25 - len(seen))
            ask["from"] = int(end.headers["Es-Next"])
        equal(sorted(seen), list(range(1, 26)))


async def test_from_and_to_are_inclusive(c):
    await fill(c, "range")
    events, end = await c.read("read.range", b'{"from":5,"to":9}')
    equal(numbers(events), [5, 6, 7, 8, 9])
    check("Es-Next" not in end.headers, "the range is at its end")
    events, _ = await c.read("read.range", b'{"from":9,"to":5,"dir":"backward"}')
    equal(numbers(events), [9, 8, 7, 6, 5])
    events, _ = await c.read("read.range", b'{"from":9,"to":5}')
    equal(numbers(events), [])


async def test_nothing_is_just_the_closing_message(c):
    events, end = await c.read("read.never.was")
    equal((events, end.headers["Es-Head"]), ([], "0"))
    await fill(c, "short", 2)
    events, end = await c.read("read.short", b'{"from":3}')
    equal((events, end.headers["Es-Head"]), ([], "2"))
    events, end = await c.read("type.NeverWas")
    equal(events, [])
    check(int(end.headers["Es-Head"]) > 0, "the store's head")


async def test_all_is_in_position_order(c):
    await fill(c, "all.a", 3)
    await fill(c, "all.b", 3)
    positions, ask = [], {"limit": 100}
    while True:
        events, end = await c.read("all", json.dumps(ask).encode())
        positions += [int(e.headers["Es-Position"]) for e in events]
        if "Es-Next" not in end.headers:
            break
        ask["from"] = int(end.headers["Es-Next"])
    equal(positions, list(range(1, len(positions) + 1)))
    equal(int(end.headers["Es-Head"]), positions[-1])


async def test_by_type_and_by_category(c):
    await fill(c, "catg.a", 6)
    await fill(c, "catg.b", 6)
    events, _ = await c.read("category.catg")
    equal(len(events), 12)
    equal({e.headers["Es-Stream"] for e in events}, {"catg.a", "catg.b"})
    events, _ = await c.read("type.catg=2EaT1")
    equal([json.loads(e.data)["i"] for e in events], [1, 3, 5])
    pos = int(events[1].headers["Es-Position"])
    events, _ = await c.read("type.catg=2EaT1", json.dumps({"from": pos}).encode())
    equal([json.loads(e.data)["i"] for e in events], [3, 5])


async def test_bad_names_in_reads(c):
    equal(error_of((await c.read("read.a=41"))[1])[:2], (400, 40001))
    equal(error_of((await c.read("type.a=41"))[1])[:2], (400, 40002))
    equal(error_of((await c.read("type.a.b"))[1])[:2], (400, 40002))
    equal(error_of((await c.read("category.a.b"))[1])[:2], (400, 40001))


async def test_max_bytes_gives_at_least_one(c):
    for _ in range(3):
        await c.append("big", b"x" * 5000)
    events, end = await c.read("read.big", b'{"max_bytes":1}')
    equal((len(events), end.headers["Es-Next"]), (1, "2"))
    events, end = await c.read("read.big", b'{"max_bytes":11000}')
    equal(len(events), 2)


async def test_from_time_is_inclusive(c):
    await fill(c, "timed", 4)
    events, _ = await c.read("read.timed")
    third = events[2].headers["Nats-Time-Stamp"]
    events, _ = await c.read("read.timed", json.dumps({"from_time": third}).encode())
    check(numbers(events)[0] <= 3 and numbers(events)[-1] == 4, str(numbers(events)))
    check(events[0].headers["Nats-Time-Stamp"] >= third, "not before")
    events, _ = await c.read("read.timed", b'{"from_time":"2999-01-01T00:00:00Z"}'.replace(b"2999", b"2400"))
    equal(events, [])
    events, _ = await c.read("read.timed", b'{"from_time":"1970-01-01T00:00:00Z","limit":1}')
    equal(numbers(events), [1])


async def test_packed_json(c):
    await c.append("packed", b'{"a": [1, 2]}', headers={"Es-Tags": "t1", "user": "7", "Nats-Msg-Id": "p1", "Content-Type": "application/json"})
    await c.append("packed", b"\xff\x00", type="Raw")
    events, end = await c.read("read.packed", b'{"format":"json"}')
    equal(len(events), 1)
    first, second = json.loads(events[0].data)
    equal(first["data"], {"a": [1, 2]})
    equal((first["stream"], first["type"], first["seq"], first["id"]), ("packed", "T", 1, "p1"))
    equal((first["tags"], first["meta"], first["content_type"]), (["t1"], {"user": "7"}, "application/json"))
    check(b'"data":{"a": [1, 2]}' in events[0].data, "the value's own bytes")
    equal(base64.b64decode(second["data_base64"]), b"\xff\x00")
    check("data" not in second, "either the one or the other")
    equal(end.headers["Es-Head"], "2")


async def test_packed_msgpack(c):
    await c.append("mpacked", b'{"a":1}', headers={"Es-Tags": "x,y", "user": "7"})
    await c.append("mpacked", b"\xff")
    events, _ = await c.read("read.mpacked", b'{"format":"msgpack"}')
    first, second = msgpack.unpackb(events[0].data)
    equal((first["data"], first["seq"], first["tags"], first["meta"]), (b'{"a":1}', 1, ["x", "y"], {"user": "7"}))
    equal(second["data"], b"\xff")


async def test_packed_splits_at_max_payload_and_keeps_order(c):
    for i in range(6):
        await c.append("split", json.dumps({"i": i, "x": "y" * 400000}).encode())
    await c.append("split", b'"' + b"\x01\\"[:0] + b"z" * 1040000 + b'"', type="Huge")
    seen = 0
    ask = {"format": "json", "max_bytes": 8 << 20}
    events, end = await c.read("read.split", json.dumps(ask).encode())
    for e in events:
        check(len(e.data) <= 1 << 20, "within max_payload")
        if "Es-Stream" in e.headers:
            equal(int(e.headers["Nats-Sequence"]), seen + 1)
            seen += 1
        else:
            for event in json.loads(e.data):
                equal(event["seq"], seen + 1)
                seen += 1
    equal((seen, "Es-Next" in end.headers), (7, False))


async def test_bad_bodies_each_say_their_own(c):
    said = set()
    for body in [b'{"from":0}', b'{"from":-1}', b'{"limit":0}', b'{"from":"x"}', b'{"limit":"x"}', b'{"limit":1.5}',
                 b'{"dir":"up"}', b'{"format":"xml"}', b'{"from_time":"now"}', b'{"nonsense":1}', b'{"from":1,"from":2}',
                 b'{"from":1,"from_time":"2020-01-01T00:00:00Z"}', b"[]", b"{", b'{"from":1}x', b'{"to":"end"}', b"\xff"]:
        events, msg = await c.read("all", body)
        check(events is None, f"{body} was accepted")
        code, err, text = error_of(msg)
        equal((code, err), (400, 10003), str(body))
        said.add(text)
    check(len(said) >= 15, f"descriptions of their own: {said}")


async def test_limits_beyond_the_most_are_taken_as_the_most(c):
    await fill(c, "cap", 2)
    events, _ = await c.read("read.cap", b'{"limit":99999999,"max_bytes":99999999999}')
    equal(len(events), 2)
    huge = b"1" + b"0" * 30
    events, _ = await c.read("read.cap", b'{"limit":%s,"max_bytes":%s,"to":%s}' % (huge, huge, huge))
    equal(len(events), 2)
    for direction, count in [(b"forward", 0), (b"backward", 2)]:
        for far in [huge, b"18446744073709551615"]:
            events, closing = await c.read("read.cap", b'{"from":%s,"dir":"%s"}' % (far, direction))
            equal((len(events), closing.headers["Es-Head"]), (count, "2"), f"{direction} from {far}")
    equal((await c.ask("get", b'{"pos":%s}' % huge))[:2], (404, 10037))


async def test_get_by_each_name(c):
    ack = await c.append("got", b'"here"', headers={"Nats-Msg-Id": "got-1"})
    for body in [{"pos": ack["pos"]}, {"stream": "got", "seq": 1}, {"stream": "got", "id": "got-1"}, {"id": "got-1"}]:
        msg = await c.request("get", json.dumps(body).encode())
        equal((msg.data, msg.headers["Es-Position"]), (b'"here"', str(ack["pos"])), str(body))
    for body in [{"pos": 1 << 40}, {"stream": "got", "seq": 9}, {"id": "never"}]:
        equal((await c.ask("get", json.dumps(body).encode()))[:2], (404, 10037), str(body))
    for body in [b"", b"{}", b'{"seq":1}', b'{"pos":0}', b'{"pos":1,"id":"x"}', b'{"stream":1,"seq":1}']:
        equal((await c.ask("get", body))[:2], (400, 10003), str(body))


async def test_direct_reads_say_who_and_how_far(c):
    ack = await c.append("direct.s")
    events, end = await c.read("direct.read.direct.s", headers={"Es-Min-Position": str(ack["pos"])})
    equal(len(events), 1)
    equal(end.headers["Es-Node"], "n1")
    check(int(end.headers["Es-Applied"]) >= ack["pos"], "applied")
    msg = await c.request("direct.get", json.dumps({"pos": ack["pos"]}).encode())
    equal(msg.headers["Es-Node"], "n1")
    for subject in ["direct.all", "direct.type.T", "direct.category.direct"]:
        events, end = await c.read(subject, b'{"limit":1}')
        check(len(events) == 1 and "Es-Applied" in end.headers, subject)


async def test_min_position_waits_and_then_gives_up(c):
    head = (await c.ask("store.info"))["head"]

    async def later():
        await asyncio.sleep(0.3)
        return await c.append("waited")

    task = asyncio.create_task(later())
    events, end = await c.read("direct.read.waited", headers={"Es-Min-Position": str(head + 1)})
    await task
    equal(len(events), 1)
    _, msg = await c.read("direct.all", headers={"Es-Min-Position": str(head + 1000)}, timeout=10)
    equal(error_of(msg)[:2], (503, 10008))
    check(int(msg.headers["Es-Applied"]) >= head + 1 and msg.headers["Es-Node"], str(msg.headers))
    _, msg = await c.read("direct.all", headers={"Es-Min-Position": "x"})
    equal(error_of(msg)[:2], (400, 10003))
    check("Es-Applied" in msg.headers and "Es-Node" in msg.headers, str(msg.headers))
    _, msg = await c.read("all", b"x")
    check("Es-Applied" not in msg.headers, "a linearizable read is not of one node")


async def test_feed_mirrors_subjects_and_headers(c):
    sub = await c.nc.subscribe("es.shop.event.Placed.>")
    await c.nc.flush()
    ack = await c.append("feed.1", b'{"x":1}', "Placed", {"user": "7", "Es-Tags": "a"})
    await c.append("feed.1", b"{}", "Other")
    await c.append("feed.2", b"{}", "Placed")
    first, second = await sub.next_msg(5), await sub.next_msg(5)
    equal((first.subject, first.data), ("es.shop.event.Placed.feed.1", b'{"x":1}'))
    equal((first.headers["Es-Position"], first.headers["user"], first.headers["Es-Tags"]), (str(ack["pos"]), "7", "a"))
    equal(first.headers["Nats-Subject"], "es.shop.append.Placed.feed.1")
    equal(second.subject, "es.shop.event.Placed.feed.2")
    await sub.unsubscribe()


async def test_a_duplicate_is_not_fed_again(c):
    sub = await c.nc.subscribe("es.shop.event.Once.>")
    await c.nc.flush()
    for _ in range(3):
        await c.append("feed.once", b"1", "Once", {"Nats-Msg-Id": "o"})
    await c.append("feed.once", b"2", "Once")
    got = [(await sub.next_msg(5)).data for _ in range(2)]
    equal(got, [b"1", b"2"])
    await sub.unsubscribe()


async def test_many_readers_at_once_and_writers_go_on(c):
    await fill(c, "busy", 20)
    reads = [c.read("all", b'{"limit":10000,"max_bytes":8388608}', timeout=60) for _ in range(20)]
    writes = [c.append("busy.write", str(i).encode()) for i in range(50)]
    results = await asyncio.gather(*reads, *writes)
    check(all(r[0] is not None for r in results[:20]), "every read is answered")
    equal(sorted(r["seq"] for r in results[20:]), list(range(1, 51)))
