# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of three that was backed up under load and restored into another one: compared with what it was, event by event, on each of
its nodes, and again after its leader was killed."""
import asyncio
import contextlib
import json

from cli import Nacre
from harness import Cluster, check, equal, wait_until
from test_cli_backup import Place, restore
from test_cluster import same_state_everywhere

DELETED, TOMBSTONED = ["gone.soft", "gone.back"], ["gone.ever"]
LIMITED = {"short.count": {"max_count": 5}, "short.before": {"truncate_before": 8}, "short.age": {"max_age_s": 86400}}
SUBS = {
    "quiet": {"filter": {"plugin": "by_stream", "selector": "orders.1"}, "max_deliver": 1},
    "keyed": {"filter": {"plugin": "by_pattern", "selector": "orders.>"}, "order": "stream", "max_deliver": 1},
    "shared": {"filter": {"plugin": "by_event_type", "selector": "Paid"}, "placement": "spread"},
    "payload": {"filter": {"plugin": "by_payload", "selector": {"n": [{"numeric": [">", 20]}]}}, "ack": "all"},
    "halfway": {"filter": {"plugin": "by_pattern", "selector": "orders.*"}, "start": {"pos": 40}, "backoff_ms": [100, 200]},
    "paused": {"filter": {"plugin": "by_stream", "selector": "$all"}},
    "pushed": {"filter": {"plugin": "by_stream", "selector": "nothing.yet"}, "deliver": {"subject": "work.pushed", "queue": "workers"}},
}
# What is of the node that answers, of the moment, or of an epoch of the node's own.
OF_NOW = {"node", "epoch", "lag_ms", "in_flight", "last_delivered", "redelivered", "pending", "cursor", "delivered", "listened", "waiting_requests"}


def spelled(name):
    """A stream's name as the tail of a subject."""
    kept = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/-."
    return "".join(chr(b) if b in kept else f"={b:02X}" for b in name.encode())


async def ask(client, verb, **body):
    return await client.ask(verb, json.dumps(body).encode() if body else b"", timeout=30)


async def take(client, name, count=1):
    """So many deliveries, of which each is to be answered."""
    return [await client.nc.request(f"{client.root}.sub.next.{name}", b"", timeout=20) for _ in range(count)]


async def answer(client, message, body=b"+ACK"):
    equal((await client.nc.request(message.reply, body, timeout=10)).data, b"", "it is replicated")


async def append_all(client):
    for i in range(1, 61):
        headers = {"Nats-Msg-Id": f"order-{i}", "Es-Tags": f"customer:{i % 4},all", "Content-Type": "application/json", "user": f"u{i % 3}"}
        await client.append(f"orders.{i % 5}", b'{"n":%d}' % i, type="Paid" if i % 4 == 0 else "Placed", headers=headers)
    batch = [{"stream": f"batch.{i % 3}", "type": "Counted", "data": {"n": i}, "meta": {"list": ["a", "b"]}, "tags": ["of:batch"]} for i in range(9)]
    check("results" in await ask(client, "batch", events=batch), "a batch")
    await client.append("raw", bytes(range(256)))
    await client.append(spelled("a name.with ä"), b"odd")
    for name in (*DELETED, *TOMBSTONED, *LIMITED):
        for i in range(12):
            await client.append(name, b'{"i":%d}' % i, headers={"Nats-Msg-Id": f"{name}-{i}"})


async def change_all(client):
    for name in DELETED:
        await ask(client, f"stream.delete.{name}", mode="soft")
    await ask(client, f"stream.delete.{TOMBSTONED[0]}", mode="tombstone")
    await client.append("gone.back", b'{"again":true}')
    for name, limits in LIMITED.items():
        await ask(client, f"stream.meta.{name}", **limits)
    for seq in (3, 7, 12):
        await client.request("snap.put.orders.1", b"state at %d" % seq, headers={"Es-Snapshot-Seq": str(seq), "Content-Type": "text/plain", "by": "test"})
    await client.request("snap.put.orders.2", bytes(5000), headers={"Es-Snapshot-Seq": "5"})
    await ask(client, "snap.delete.orders.1", seq=3)


async def consume_all(client):
    for name, definition in SUBS.items():
        got = await ask(client, f"sub.create.{name}", **definition)
        check(isinstance(got, dict), f"{name}: {got}")
    await ask(client, "sub.pause.paused")
    for message in await take(client, "quiet", 4):
        await answer(client, message)
    await answer(client, (await take(client, "quiet"))[0], b"+TERM of no use")
    first = await take(client, "keyed", 3)
    await answer(client, first[0], b"+TERM the key waits now")
    await answer(client, first[2])
    for message in await take(client, "shared", 5):
        await answer(client, message)
    await answer(client, (await take(client, "payload", 6))[-1])
    held = await take(client, "halfway", 5)
    for message in (held[0], held[3]):
        await answer(client, message)


async def picture(client, names, last):
    """All that a client can see of it through position `last`, of the streams `names` also how they stand."""

    async def seen(subject):
        events = [m for m in await client.read_all(subject) if int(m.headers["Es-Position"]) <= last]
        return [(sorted(m.headers.items()), m.data) for m in events]

    async def sub(name):
        info = {}

        async def stands():
            info.update(await ask(client, f"sub.info.{name}"))
            return info["state"] != "catching_up"

        await wait_until(stands, 30, f"{name} has searched what there is")
        now = OF_NOW | ({"ack_floor"} if name == "pushed" else set())  # where nothing waits, it goes on by itself, as fast as that is looked for
        return {k: v for k, v in info.items() if k not in now}, (await ask(client, f"sub.parked.{name}"))

    async def snap(name):
        listed = await ask(client, f"snap.list.{name}")
        got = [await client.request(f"snap.get.{name}", b'{"seq":%d}' % s["seq"]) for s in listed["snapshots"]]
        return listed, [(sorted(m.headers.items()), m.data) for m in got]

    shown = {"all": await seen("all")}
    for subject in ("tag.all", "tag.customer=3A2", "tag.of=3Abatch", "type.Paid", "type.T", "category.orders", "category.gone", "category.short"):
        shown[subject] = await seen(subject)
    for name in names:
        shown[f"stream {name}"] = await ask(client, f"stream.info.{name}")
        shown[f"read {name}"] = await seen(f"read.{name}")
    for name in ("orders.1", "orders.2"):
        shown[f"snap {name}"] = await snap(name)
    shown["snaps"] = await ask(client, "snap.list")
    shown["subs"] = sorted(s["name"] for s in (await ask(client, "sub.list"))["subscriptions"])
    for name in SUBS:
        shown[f"sub {name}"] = await sub(name)
    return shown


def same(have, want, where):
    equal(have.keys(), want.keys(), where)
    for what in want:
        if isinstance(want[what], list):
            equal(len(have[what]), len(want[what]), f"{where}: {what}: how many")
            for one, other in zip(have[what], want[what]):
                equal(one, other, f"{where}: {what}")
        equal(have[what], want[what], f"{where}: {what}")


async def lead(cluster, client, name):
    async def does():
        with contextlib.suppress(Exception):  # it may not have caught up yet, or an election is under way
            await client.ask("cluster.transfer", json.dumps({"to": name}).encode(), timeout=5)
        return await cluster.leader(client) == name

    await wait_until(does, 40, f"{name} leads")


async def same_on_each(cluster, client, names, last, want, where):
    """Each leads in turn, so that it is asked for what it has itself."""
    await same_state_everywhere(cluster, client)
    for name in cluster.alive():
        await lead(cluster, client, name)
        same(await picture(client, names, last), want, f"{where}, {name}")


async def backed_up(cluster, place):
    """What the backup says of itself, and what the cluster showed of that; taken under load."""
    client, going, acknowledged = await cluster.client(), True, {}
    await cluster.leader(client)
    await append_all(client)
    await change_all(client)
    await consume_all(client)

    async def load(number):
        while going:
            name, data = f"load.{number}", b'{"n":%d}' % len(acknowledged)
            acknowledged[(await client.append(name, data))["pos"]] = (name, data)

    loads = [asyncio.create_task(load(i)) for i in range(6)]
    await wait_until(lambda: len(acknowledged) > 200, 60, "under load")
    before = max(acknowledged)
    said = (await Nacre(cluster.servers[0].url).ok("backup", place("one"), "--json", "--rate", "0")).json()
    await wait_until(lambda: max(acknowledged) > said["pos"], 60, "it goes on meanwhile")
    going = False
    await asyncio.gather(*loads)
    check(said["pos"] >= before, f"{before} was acknowledged before, {said['pos']} is what it stands for")
    listed = (await ask(client, "stream.list"))["streams"]
    names = sorted({*DELETED, *TOMBSTONED, *(spelled(s["stream"]) for s in listed if not s["stream"].startswith("load."))})
    shown = await picture(client, names, said["pos"])
    for pos, (name, data) in acknowledged.items():
        if pos <= said["pos"]:
            check(any(("Es-Position", str(pos)) in headers and ("Es-Stream", name) in headers and had == data for headers, had in shown["all"]), f"{pos} was acknowledged")
    await client.close()
    return said, names, shown


async def goes_on(client, said):
    """Nothing that was known is forgotten, nothing is used twice, and consumers go on where they stood."""
    again = await client.append("orders.1", b'{"n":6}', type="Placed", headers={"Nats-Msg-Id": "order-6"})
    equal((again["seq"], again["duplicate"]), (2, True))
    equal((await client.append("orders.1", b"other", type="Placed", headers={"Nats-Msg-Id": "order-6"}))[:2], (409, 40901))
    equal((await client.append("gone.ever"))[:2], (410, 41001))
    equal((await client.append("gone.ever", b'{"i":0}', headers={"Nats-Msg-Id": "gone.ever-0"}))[:2], (410, 41001))
    equal((await client.append("orders.1", headers={"Es-Expect": "11"}))[1:], (10071, "wrong last sequence: 12"))
    equal(await client.append("orders.1", headers={"Es-Expect": "12"}), {"stream": "orders.1", "seq": 13, "pos": said["pos"] + 1})
    equal(await client.append("gone.soft", headers={"Es-Expect": "none"}), {"stream": "gone.soft", "seq": 13, "pos": said["pos"] + 2})
    equal([m.headers["Nats-Sequence"] for m in await take(client, "quiet")], ["6"], "four were done, one is parked")
    equal([m.headers["Es-Position"] for m in await take(client, "halfway", 3)], ["41", "42", "44"], "40 and 43 were done")
    taken = await take(client, "keyed", 3)
    check(all(m.headers["Es-Stream"] != "orders.1" for m in taken), "its key is parked")
    await ask(client, "sub.replay.keyed")
    released = [m for m in await take(client, "keyed", 2) if m.headers["Es-Stream"] == "orders.1"]
    equal([m.headers["Nats-Sequence"] for m in released], ["1"], "the oldest of its key")
    await ask(client, "sub.resume.paused")
    equal((await take(client, "paused"))[0].headers["Es-Position"], "1")


async def test_a_restored_cluster_is_what_was_backed_up():
    with Place() as place:
        async with Cluster(3) as old:
            said, names, want = await backed_up(old, place)
        async with Cluster(3, start=False) as c:
            code, told = restore(place("one"), c.nodes["n2"])
            equal(code, 0, told)
            c.nodes["n2"].start()
            client = await c.client()
            equal(await c.leader(client), "n2")
            for name in ("n1", "n3"):
                c.nodes[name].start()
            voters = [f"{name} has caught up, and votes from now on" for name in ("n1", "n3")]
            await wait_until(lambda: all(v in c.nodes["n2"].log_text() for v in voters), 60, "they vote")
            info = await client.ask("store.info")
            equal((info["head"], info["digest"], info["events"]), (said["pos"], said["digest"], said["events"]))
            await same_on_each(c, client, names, said["pos"], want, "restored")

            await goes_on(client, said)
            for i in range(50):
                await client.append("orders.9", b'{"n":%d}' % i)
            head = (await client.ask("store.info"))["head"]
            want = await picture(client, [*names, "orders.9"], head)
            leader = await c.leader(client)
            c.nodes[leader].kill()
            await c.leader(client)
            await same_on_each(c, client, [*names, "orders.9"], head, want, "its leader killed")
            c.nodes[leader].start()
            await same_on_each(c, client, [*names, "orders.9"], head, want, "all three again")
            await Nacre(c.servers[0].url).ok("verify", seconds=60)
            equal((await client.append("orders.9"))["pos"], head + 1)
            await client.close()
