# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written into a frozen directory, and what is read back from one."""
import asyncio
import hashlib
import json

import msgpack

MARKED = 1100  # events, so that a mark of the digest is among them


def event(stream, type, data, **more):
    return {"stream": stream, "type": type, "data": data, **more}


async def write_events(client):
    """Every member that an event can have, by every way in which one comes."""
    headers = {"Nats-Msg-Id": "first", "Es-Tags": "customer:7,vip", "Content-Type": "application/json", "user": "7", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    await client.append("orders.42", b'{"total": 9}', "OrderPlaced", headers)
    await client.append("orders.42", bytes(range(256)), "Blob", {"Content-Type": "application/octet-stream"})
    await client.append("caf=C3=A9", b"null", "T=2EU")
    await client.ask("batch", json.dumps({"events": [
        event("orders.42", "Paid", {"by": "card"}, id="paid", expect=2, tags=["customer:7"], meta={"via": ["web", "app"]}),
        event("stock 7/é", "Reserved", [1, 2.5, None], content_type="application/json"),
    ], "check": [{"stream": "customers.7", "expect": "none"}], "condition": {"fail_if": [{"types": ["Never"]}], "after": 0}}).encode())
    await client.ask("batch", msgpack.packb({"events": [event("packed", "P", {"a": b"\x00\xff"}, id="m1"), event("packed", "P", b"raw", id="m2")]}),
                     {"Content-Type": "application/msgpack"})
    for first in range(0, MARKED, 100):
        await client.ask("batch", json.dumps({"events": [event(f"many.{i % 10}", f"M{i % 3}", {"i": i}, tags=[f"n:{i % 7}"]) for i in range(first, first + 100)]}).encode())
    await write_snapshots(client, (1,))
    for name in GONE:
        for i in range(4):
            await client.append(f"gone.{name}", b'{"i":%d}' % i, "Gone", {"Nats-Msg-Id": f"{name}{i}", "Es-Tags": "gone"})
    await hide(client, "soft", "counted", "old")


GONE = {  # from engine version 9 on
    "soft": ("delete", {}), "dead": ("delete", {"mode": "tombstone"}), "back": ("delete", {"expect": 4}), "cut": ("meta", {"truncate_before": 3}),
    "counted": ("meta", {"max_count": 1}), "old": ("meta", {"max_age_s": 1}), "young": ("meta", {"max_age_s": 9000000000}),
}


async def hide(client, *names):
    """What becomes of these streams; one lives again."""
    for name in names:
        verb, body = GONE[name]
        answer = await client.ask(f"stream.{verb}.gone.{name}", json.dumps(body).encode())
        assert isinstance(answer, dict), answer
        if name == "back":
            await client.append("gone.back", b"1", "Gone", {"Es-Expect": "none", "Es-Tags": "gone"})
    await asyncio.sleep(1.1 if "old" in names else 0)


async def write_snapshots(client, seqs):
    """From engine version 8 on."""
    for seq in seqs:
        await client.ask("snap.put.orders.42", b"%d" % seq * 10, {"Es-Snapshot-Seq": str(seq), "Content-Type": "text/plain", "user": "7"})
        await client.ask(f"snap.put.many.{seq}", bytes(range(256)), {"Es-Snapshot-Seq": "100"})


async def read_snapshots(client):
    seen = []
    for stream in (await client.ask("snap.list"))["streams"]:
        for snap in (await client.ask(f"snap.list.{stream['stream']}"))["snapshots"]:
            msg = await client.request(f"snap.get.{stream['stream']}", json.dumps({"seq": snap["seq"]}).encode())
            seen.append([stream, snap, sorted(msg.headers.items()), hashlib.sha256(msg.data).hexdigest()[:16]])
    return json.loads(json.dumps(seen))


async def take(client, name, count):
    """Deliveries of a pull subscription."""
    inbox = client.nc.new_inbox()
    sub = await client.nc.subscribe(inbox)
    await client.nc.publish(f"{client.root}.sub.next.{name}", json.dumps({"batch": count, "expires_ms": 5000}).encode(), reply=inbox)
    got = [await sub.next_msg(10) for _ in range(count)]
    await sub.unsubscribe()
    return got


async def write_subscriptions(client):
    """Acknowledged, parked, on their way, by a key, and one that has not begun; and snapshots."""
    await write_snapshots(client, (2, 3))
    await hide(client, "dead", "back", "cut", "young")
    await client.ask("snap.delete.many.3")
    await client.ask("sub.create.worker", json.dumps({"filter": {"plugin": "by_event_type", "selector": "M1"}, "order": "stream", "ack_wait_ms": 3600000}).encode())
    await client.ask("sub.create.pusher", json.dumps({"filter": {"plugin": "by_pattern", "selector": "orders.>"}, "deliver": {"subject": "work.orders", "queue": "q"}}).encode())
    await client.ask("sub.create.sought", json.dumps({"filter": {"plugin": "by_stream", "selector": "many.1"}}).encode())
    await client.ask("sub.seek.sought", b'{"pos":100}')  # from engine version 4 on
    for name, start in (("version", {"seq": 1000000}), ("time", {"time": "2400-01-01T00:00:00.000000000Z"})):  # from engine version 5 on
        await client.ask(f"sub.create.{name}", json.dumps({"filter": {"plugin": "by_stream", "selector": "orders.42"}, "start": start}).encode())
    await client.ask("sub.update.version", json.dumps({"filter": {"plugin": "by_stream", "selector": "many.2"}}).encode())
    got = await take(client, "worker", 6)
    await client.nc.request(got[0].reply, b"+ACK", timeout=5)
    await client.nc.request(got[2].reply, b"+ACK", timeout=5)
    await client.nc.request(got[3].reply, b"+TERM broken", timeout=5)
    return got


async def acknowledge_with_a_batch(client, delivery):
    """The very last thing: no progress can follow it into the log."""
    answer = await client.ask("batch", json.dumps({"events": [event("done", "Done", 1, id="done-1")], "ack": {"reply": delivery.reply}}).encode())
    return answer["results"][0]["pos"]


async def read_back(client):
    """Everything, as a client sees it."""
    seen, count, ask = hashlib.sha256(), 0, {"limit": 10000, "max_bytes": 8 << 20}
    events, end = await client.read("all", json.dumps(ask).encode(), timeout=30)
    assert "Es-Next" not in end.headers
    for e in events:
        seen.update(json.dumps(sorted((k, v) for k, v in e.headers.items()), ensure_ascii=False).encode() + b"\0" + e.data + b"\0")
        count += 1
    by = {}
    for subject in ("read.orders.42", "type.M1", "category.many", "tag.n=3A3", "tag.vip", "type.T=2EU"):
        found, _ = await client.read(subject, b'{"limit":10000}')
        by[subject] = [int(e.headers["Es-Position"]) for e in found]
    info = await client.ask("store.info")
    worker = await client.ask("sub.info.worker")
    names = sorted(s["name"] for s in (await client.ask("sub.list"))["subscriptions"])
    infos = {name: await client.ask(f"sub.info.{name}") for name in names}
    parked = await client.ask("sub.parked.worker")
    return {
        "events": count, "sha256": seen.hexdigest(), "by": {k: hashlib.sha256(json.dumps(v).encode()).hexdigest()[:16] for k, v in by.items()},
        "store": {k: info[k] for k in ("head", "time", "streams", "events", "bytes", "digest", "engine_version")},
        "worker": {k: worker[k] for k in ("epoch", "ack_floor", "order", "filter")},
        "parked": [[p["pos"], p["reason"], p["attempts"]] for p in parked["parked"][:1]],  # others follow by their key
        "subscriptions": names, "epochs": {name: infos[name]["epoch"] for name in names},
        "snapshots": await read_snapshots(client),
        "gone": {name: await client.ask(f"stream.info.gone.{name}") for name in GONE},
        "left": [[e.headers["Es-Stream"], int(e.headers["Nats-Sequence"])] for e in (await client.read("tag.gone"))[0]],
        "not_before": {name: infos[name].get("not_before") for name in names},
    }


def run(coroutine):
    return asyncio.run(coroutine)
