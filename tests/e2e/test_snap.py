# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md section 10: snapshots of aggregates, asked for in every way. What stays of them: test_snap_kept.py."""
import asyncio
import json

import msgpack

from harness import check, equal, error_of, wait_until
from test_bad_input import Raw

SHARED = True


async def fill(c, name, count=8):
    for i in range(count):
        await c.append(name, json.dumps({"i": i + 1}).encode())


async def put(c, name, seq, data=b"state", **headers):
    return await c.ask(f"snap.put.{name}", data, {"Es-Snapshot-Seq": str(seq), **{k.replace("_", "-"): v for k, v in headers.items()}})


async def get(c, name, body=None):
    """(seq, bytes) of the one that is answered; an error as a triple."""
    msg = await c.request(f"snap.get.{name}", b"" if body is None else json.dumps(body).encode())
    if "Nats-Service-Error" in (msg.headers or {}):
        return error_of(msg)
    return int(msg.headers["Es-Snapshot-Seq"]), msg.data


async def delete(c, name, body=None):
    return await c.ask(f"snap.delete.{name}", b"" if body is None else json.dumps(body).encode())


async def seqs(c, name, **body):
    """The versions in the list."""
    answer = await c.ask(f"snap.list.{name}", json.dumps(body).encode())
    return [s["seq"] for s in answer["snapshots"]]


def refused(answer, code, *words):
    check(isinstance(answer, tuple), f"not refused: {answer}")
    equal(answer[:2], code, answer[2])
    for word in words:
        check(word in answer[2], f"'{word}' is not in '{answer[2]}'")


# ---- Put and get --------------------------------------------------------------------------------


async def test_what_is_put_is_answered_with_its_bytes_and_headers(c):
    await fill(c, "put.1")
    raw = bytes(range(256))
    answer = await put(c, "put.1", 3, raw, Content_Type="application/octet-stream", user="7", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    equal(answer, {"stream": "put.1", "seq": 3})
    for body in (b"", b"{}", b'{"seq":3}', b'{"at_most":3}', b'{"at_most":8}'):
        msg = await c.request("snap.get.put.1", body)
        equal(msg.data, raw, "the bytes")
        for name, value in (("Es-Snapshot-Seq", "3"), ("Es-Stream", "put.1"), ("Content-Type", "application/octet-stream"), ("user", "7"),
                            ("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")):
            equal(msg.headers[name], value, name)
        check(msg.headers["Nats-Time-Stamp"].endswith("Z"), "when it was put")


async def test_a_header_given_twice_comes_back_twice(c):
    await fill(c, "twice", 1)
    answers = await c.nc.subscribe("twice.answer")
    await c.nc.flush()
    raw = await Raw.connect(c.nc)
    block = b"NATS/1.0\r\nEs-Snapshot-Seq: 1\r\nvia: web\r\nvia:  app \r\n\r\n"
    raw.request(b"es.shop.snap.put.twice", b"twice.answer", b"{}", block)
    await raw.writer.drain()
    equal(json.loads((await answers.next_msg(5)).data), {"stream": "twice", "seq": 1})
    raw.writer.write(b"SUB twice.raw 1\r\n")
    raw.request(b"es.shop.snap.get.twice", b"twice.raw", b"")
    await raw.writer.drain()
    check((await raw.reader.readline()).startswith(b"HMSG twice.raw 1 "), "a message with headers")
    answer = b"".join([await raw.reader.readline() for _ in range(6)])
    check(b"\r\nvia: web\r\nvia: app\r\n" in answer, f"{answer}")
    raw.request(b"es.shop.snap.put.twice", b"twice.answer", b"{}", block.replace(b"via: web", b"Es-Snapshot-Seq: 1"))
    await raw.writer.drain()
    refused(error_of(await answers.next_msg(5)), (400, 10003), "Es-Snapshot-Seq", "twice")
    raw.close()


async def test_newest_exact_and_not_after(c):
    await fill(c, "which")
    refused(await get(c, "which"), (404, 40401), "snapshot")
    for seq in (5, 2, 7):
        equal((await put(c, "which", seq, b"at %d" % seq))["seq"], seq)
    for body, want in ((None, 7), ({}, 7), ({"seq": 5}, 5), ({"at_most": 6}, 5), ({"at_most": 5}, 5), ({"at_most": 2}, 2), ({"at_most": 10**15}, 7)):
        equal(await get(c, "which", body), (want, b"at %d" % want), f"{body}")
    for body in ({"seq": 6}, {"seq": 2**63}, {"at_most": 1}):
        refused(await get(c, "which", body), (404, 40401), "snapshot")
    refused(await get(c, "nowhere"), (404, 40401))
    equal(await put(c, "which", 5, b"anew"), {"stream": "which", "seq": 5}, "the same version overwrites")
    equal(await get(c, "which", {"seq": 5}), (5, b"anew"))
    equal(await seqs(c, "which"), [2, 5, 7])


async def test_the_version_is_required_and_not_above_the_streams(c):
    await fill(c, "above", 3)
    refused(await c.ask("snap.put.above", b"x"), (400, 10003), "Es-Snapshot-Seq")
    for seq in ("0", "-1", "1.0", "01", "x", "", " ", "99999999999999999999"):
        refused(await put(c, "above", seq), (400, 10003), "Es-Snapshot-Seq")
    for name, seq in (("above", 4), ("above", 2**63), ("never", 1)):
        refused(await put(c, name, seq), (400, 10003), "Es-Snapshot-Seq")
    equal((await c.ask("snap.list.above"))["snapshots"], [], "refused, and nothing was kept")
    equal((await put(c, "above", 3))["seq"], 3)


async def test_headers_are_refused_as_those_of_an_append(c):
    await fill(c, "headers", 2)
    for name in ("Es-Foo", "Es-Expect", "Es-Tags", "Es-Min-Position", "Nats-Foo", "Nats-Msg-Id", "Nats-Rollup", "Nats-Expected-Last-Sequence"):
        refused(await put(c, "headers", 1, **{name: "1"}), (400, 10003), name)
    refused(await put(c, "headers", 1, Content_Type="x" * 1025), (400, 10003), "Content-Type")
    equal(await seqs(c, "headers"), [])
    equal((await put(c, "headers", 1, **{"Nats-Trace-Only": "1", "es-foo": "mine"}))["seq"], 1, "the server's own are dropped")
    msg = await c.request("snap.get.headers")
    equal((msg.headers.get("es-foo"), "Nats-Trace-Only" in msg.headers), ("mine", False))
    for verb in ("get", "list", "delete"):
        refused(await c.ask(f"snap.{verb}.headers", b"", {"Es-Foo": "1"}), (400, 10003), "Es-Foo")


async def test_empty_and_too_large_ones_are_refused(c):
    await fill(c, "sizes", 1)
    refused(await put(c, "sizes", 1, b""), (400, 40003))
    most = c.nc.max_payload
    refused(await put(c, "sizes", 1, b"x" * (most - 300)), (413, 10054))
    largest = most - 2048 - 64
    equal((await put(c, "sizes", 1, b"x" * largest, **{"m" * 20: "v" * 30}))["seq"], 1)
    equal((await get(c, "sizes"))[1], b"x" * largest, "and it comes back")
    refused(await put(c, "sizes", 1, b"x" * largest, **{"m" * 20: "v" * 60}), (413, 10054))
    events, _ = await c.read("load.sizes")
    equal(len(events[0].data), largest)


async def test_names_and_systems_streams(c):
    name = "odd=20name.=C3=A9"
    await fill(c, name, 1)
    equal(await put(c, name, 1), {"stream": "odd name.é", "seq": 1})
    msg = await c.request(f"snap.get.{name}")
    equal(msg.data, b"state")
    for verb in ("put", "delete"):
        refused(await c.ask(f"snap.{verb}.=24sys.a", b"x" if verb == "put" else b"", {"Es-Snapshot-Seq": "1"} if verb == "put" else None), (400, 40001), "system")
    for verb, body in (("put", b"x"), ("get", b""), ("list", b""), ("delete", b"")):
        for bad in ("a=41", "a=2Eb", "x=zz", "n" * 256):
            refused(await c.ask(f"snap.{verb}.{bad}", body, {"Es-Snapshot-Seq": "1"} if verb == "put" else None), (400, 40001), "stream name")
    events, error = await c.read("load.a=41")
    equal((events, error_of(error)[:2]), (None, (400, 40001)))
    refused(await get(c, "=24sys.a"), (404, 40401))


async def test_bodies_are_refused_by_name(c):
    await fill(c, "bodies", 3)
    await put(c, "bodies", 2)
    for verb, body, *words in (
        ("get", {"seq": 1, "at_most": 2}, "seq", "at_most"), ("get", {"foo": 1}, "foo"), ("get", {"seq": 0}, "seq"), ("get", {"seq": "1"}, "seq"), ("get", {"seq": 1.5}, "seq"),
        ("get", {"at_most": -1}, "at_most"), ("get", [], "object"), ("delete", {"seq": 1, "before": 2}, "seq", "before"), ("delete", {"at_most": 1}, "at_most"),
        ("delete", {"before": 0}, "before"), ("delete", {"seq": None}, "seq"), ("list", {"prefix": "a"}, "prefix"), ("list", {"limit": 0}, "limit"), ("list", {"after": "x"}, "after"),
    ):
        refused(await c.ask(f"snap.{verb}.bodies", json.dumps(body).encode()), (400, 10003), *words)
    for body, word in (({"limit": 0}, "limit"), ({"after": 3}, "after"), ({"prefix": 1}, "prefix"), ({"prefix": "x" * 256}, "prefix"), ({"foo": 1}, "foo")):
        refused(await c.ask("snap.list", json.dumps(body).encode()), (400, 10003), word)
    for body in (b"{", b"x", b'{"seq":1}x', b'{"seq":1,"seq":1}'):
        refused(await c.ask("snap.get.bodies", body), (400, 10003))
    equal(await seqs(c, "bodies"), [2], "nothing was deleted")


# ---- Lists and deletions ------------------------------------------------------------------------


async def test_a_stream_s_list(c):
    await fill(c, "list.1")
    for seq in (4, 1, 8):
        await put(c, "list.1", seq, b"x" * seq, **({"Content_Type": "application/json"} if seq == 4 else {}))
    answer = await c.ask("snap.list.list.1")
    equal((answer["stream"], "next" in answer), ("list.1", False))
    equal([(s["seq"], s["size"], s.get("content_type")) for s in answer["snapshots"]], [(1, 1, None), (4, 4, "application/json"), (8, 8, None)])
    check(all(s["time"].endswith("Z") for s in answer["snapshots"]), f"{answer}")
    answer = await c.ask("snap.list.list.1", b'{"limit":2}')
    equal(([s["seq"] for s in answer["snapshots"]], answer["next"]), ([1, 4], 4))
    answer = await c.ask("snap.list.list.1", b'{"limit":2,"after":4}')
    equal(([s["seq"] for s in answer["snapshots"]], "next" in answer), ([8], False))
    for after in (8, 2**64 - 1, 2**64):
        equal((await c.ask("snap.list.list.1", b'{"after":%d}' % after))["snapshots"], [], f"behind {after}")
    equal(await c.ask("snap.list.nothing"), {"stream": "nothing", "snapshots": []})


async def test_the_list_of_streams(c):
    names = [f"los.{i}" for i in range(5)] + ["los", "losing"]
    for name in names:
        await fill(c, name, 2)
        await put(c, name, 1, b"1")
        await put(c, name, 2, b"22")
    answer = await c.ask("snap.list", b'{"prefix":"los"}')
    equal([s["stream"] for s in answer["streams"]], sorted(names))
    equal(answer["streams"][0], {"stream": "los", "seq": 2, "count": 2, "bytes": 3})
    check("next" not in answer, "that is all")
    seen, ask = [], {"prefix": "los.", "limit": 2}
    while True:
        answer = await c.ask("snap.list", json.dumps(ask).encode())
        seen.append([s["stream"] for s in answer["streams"]])
        if "next" not in answer:
            break
        ask["after"] = answer["next"]
    equal(seen, [["los.0", "los.1"], ["los.2", "los.3"], ["los.4"]])
    everything = [s["stream"] for s in (await c.ask("snap.list"))["streams"]]
    equal(everything, sorted(everything), "in the order of names")
    check(set(names) <= set(everything), "all of them")
    await delete(c, "los")
    equal((await c.ask("snap.list", b'{"prefix":"los","limit":1}'))["streams"][0]["stream"], "los.0", "one without any is not on it")


async def test_deletions(c):
    await fill(c, "del")
    for seq in range(1, 9):
        await put(c, "del", seq)
    equal(await delete(c, "del", {"seq": 8}), {"stream": "del", "deleted": 1})
    refused(await delete(c, "del", {"seq": 8}), (404, 40401))
    equal(await get(c, "del"), (7, b"state"))
    equal((await delete(c, "del", {"before": 4}))["deleted"], 3)
    equal((await delete(c, "del", {"before": 4}))["deleted"], 0, "nothing left to delete is no error")
    equal(await seqs(c, "del"), [4, 5, 6, 7])
    for seq in (2**63, 2**64 - 1):
        refused(await delete(c, "del", {"seq": seq}), (404, 40401))
    equal((await delete(c, "del", {}))["deleted"], 4)
    equal((await delete(c, "del"))["deleted"], 0)
    refused(await get(c, "del"), (404, 40401))
    refused(await delete(c, "never.was", {"seq": 1}), (404, 40401))
    equal((await put(c, "del", 3, b"again"))["seq"], 3)
    equal(await get(c, "del"), (3, b"again"))


async def test_thousands_are_deleted_by_one_request(c):
    count = 2300
    await c.ask("batch", json.dumps({"events": [{"stream": "many", "type": "T", "data": 1}] * 1000}).encode())
    for _ in range(2):
        await c.ask("batch", json.dumps({"events": [{"stream": "many", "type": "T", "data": 1}] * 1000}).encode())
    for start in range(1, count + 1, 500):
        await asyncio.gather(*(put(c, "many", seq, b"1") for seq in range(start, min(start + 500, count + 1))))
    answer = await c.ask("snap.list.many", b'{"limit":100000}')
    equal(len(answer["snapshots"]), count)
    await c.nc.publish(f"{c.root}.snap.delete.many", b'{"before":1200}')

    async def gone():
        return (await seqs(c, "many", limit=1))[0] == 1200

    await wait_until(gone, 10, "it goes on also where nobody waits")
    equal((await delete(c, "many"))["deleted"], count - 1199)
    equal((await c.ask("snap.list.many"))["snapshots"], [])


# ---- Load ---------------------------------------------------------------------------------------


def loaded(events):
    """The snapshot's version, or None, and the events'."""
    snapped = [e for e in events if "Es-Snapshot-Seq" in e.headers]
    check(not snapped or snapped == events[:1], "one snapshot at most, and first")
    check(all("Nats-Sequence" not in e.headers for e in snapped), "it is no event")
    return (int(snapped[0].headers["Es-Snapshot-Seq"]) if snapped else None), [int(e.headers["Nats-Sequence"]) for e in events[len(snapped):]]


async def test_a_load_is_the_newest_snapshot_and_what_follows(c):
    await fill(c, "load", 8)
    events, end = await c.read("load.load")
    equal(loaded(events), (None, list(range(1, 9))), "without a snapshot all")
    await put(c, "load", 2, b"two", Content_Type="text/plain")
    await put(c, "load", 5, b"five", Content_Type="text/plain", user="7")
    events, end = await c.read("load.load")
    equal(loaded(events), (5, [6, 7, 8]))
    equal((events[0].data, events[0].headers["Content-Type"], events[0].headers["user"], events[0].headers["Es-Stream"]), (b"five", "text/plain", "7", "load"))
    equal(json.loads(events[1].data), {"i": 6})
    equal((end.headers["Es-Head"], end.headers["Nats-Num-Pending"], "Es-Next" in end.headers), ("8", "0", False))
    events, end = await c.read("load.load", b'{"limit":2}')
    equal((loaded(events), end.headers["Es-Next"], end.headers["Nats-Num-Pending"]), ((5, [6, 7]), "8", "1"))
    events, end = await c.read("read.load", b'{"from":8}')
    equal(loaded(events), (None, [8]), "and read goes on")
    await put(c, "load", 8, b"eight")
    events, end = await c.read("load.load")
    equal((loaded(events), end.headers["Es-Head"], "Es-Next" in end.headers), ((8, []), "8", False))


async def test_a_load_of_nothing_is_just_the_closing_message(c):
    events, end = await c.read("load.never.was")
    equal((events, end.headers["Es-Head"]), ([], "0"))


async def test_a_load_takes_what_goes_with_it(c):
    await fill(c, "form", 6)
    await put(c, "form", 3, b"three")
    for form, unpack in (("json", json.loads), ("msgpack", msgpack.unpackb)):
        events, end = await c.read("load.form", json.dumps({"format": form}).encode())
        equal((events[0].headers["Es-Snapshot-Seq"], events[0].data), ("3", b"three"), "the snapshot is a message of its own")
        equal([e["seq"] for m in events[1:] for e in unpack(m.data)], [4, 5, 6])
        equal(end.headers["Es-Head"], "6")
    events, end = await c.read("load.form", b'{"max_bytes":1}')
    equal((loaded(events), end.headers["Es-Next"]), ((3, [4]), "5"), "at least one event")
    for body, word in (({"from": 1}, "from"), ({"to": 1}, "to"), ({"dir": "backward"}, "dir"), ({"filter": {}}, "filter"), ({"from_time": "x"}, "from_time"),
                       ({"items": []}, "items"), ({"limit": 0}, "limit"), ({"max_bytes": 0}, "max_bytes"), ({"format": "xml"}, "format"), ({"foo": 1}, "foo")):
        events, error = await c.read("load.form", json.dumps(body).encode())
        check(events is None, f"{body} is taken")
        refused(error_of(error), (400, 10003), word)


async def test_a_load_is_of_one_moment(c):
    """While snapshots and events are added: what follows a snapshot is what stands behind it, without a gap."""
    going, n = True, 0

    async def write():
        nonlocal n
        while going:
            seq = (await c.append("moment"))["seq"]
            if seq % 3 == 0:
                await put(c, "moment", seq, b"%d" % seq)
                n += 1

    writer = asyncio.create_task(write())
    for _ in range(60):
        events, end = await c.read("load.moment", b'{"limit":10000}')
        snap, versions = loaded(events)
        equal(versions, list(range((snap or 0) + 1, int(end.headers["Es-Head"]) + 1)), f"behind {snap}")
        check(snap is None or events[0].data == b"%d" % snap, "its own bytes")
    going = False
    await writer
    check(n > 0, "some were put meanwhile")


async def test_any_node_answers_direct_ones(c):
    await fill(c, "direct", 3)
    position = (await c.append("direct"))["pos"]
    await put(c, "direct", 2, b"two")
    msg = await c.request("direct.snap.get.direct", b"", {"Es-Min-Position": str(position)})
    equal((msg.data, msg.headers["Es-Node"]), (b"two", "n1"))
    check(int(msg.headers["Es-Applied"]) >= position, "how far it is")
    events, end = await c.read("direct.load.direct")
    equal((loaded(events), end.headers["Es-Node"]), ((2, [3, 4]), "n1"))
    refused(error_of(await c.request("direct.snap.get.none")), (404, 40401))


# ---- Who asks -----------------------------------------------------------------------------------


async def test_done_without_a_reply_and_never_as_a_deputy(c):
    await fill(c, "quiet", 3)
    await c.nc.publish(f"{c.root}.snap.put.quiet", b"1", headers={"Es-Snapshot-Seq": "1"})
    equal(await seqs(c, "quiet"), [1], "what was sent before is seen")
    for reply in (f"{c.root}.append.T.quiet", "_es.shop.x", "$SYS.x"):
        await c.nc.publish(f"{c.root}.snap.put.quiet", b"2", reply=reply, headers={"Es-Snapshot-Seq": "2"})
        await c.nc.publish(f"{c.root}.snap.delete.quiet", b"", reply=reply)
        await c.nc.publish(f"{c.root}.load.quiet", b"", reply=reply)
    equal(await seqs(c, "quiet"), [1])
    equal((await c.append("quiet"))["seq"], 4, "no answer became an event")
    await c.nc.publish(f"{c.root}.snap.delete.quiet", b'{"seq":1}')
    equal(await seqs(c, "quiet"), [])


async def test_each_operation_is_an_endpoint(c):
    info = json.loads((await c.nc.request("$SRV.INFO.nacre", timeout=5)).data)
    names = {e["name"] for e in info["endpoints"]}
    check({"snap-put", "snap-get", "snap-list", "snap-streams", "snap-delete", "load", "direct-load", "direct-snap-get"} <= names, f"{names}")
    stats = json.loads((await c.nc.request("$SRV.STATS.nacre", timeout=5)).data)
    before = {e["name"]: (e["num_requests"], e["num_errors"]) for e in stats["endpoints"]}
    await fill(c, "srv", 1)
    await put(c, "srv", 1)
    await put(c, "srv", 2)
    stats = json.loads((await c.nc.request("$SRV.STATS.nacre", timeout=5)).data)
    after = {e["name"]: (e["num_requests"], e["num_errors"]) for e in stats["endpoints"]}
    equal((after["snap-put"][0] - before["snap-put"][0], after["snap-put"][1] - before["snap-put"][1]), (2, 1))
