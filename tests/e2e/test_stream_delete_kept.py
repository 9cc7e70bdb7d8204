# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams that are deleted and limited (PROTOCOL.md section 11): what stays of it after crashes, on other nodes, in fetched states and
with earlier builds."""
import asyncio
import random

from harness import LONG, NACRED, Both, Client, Cluster, NatsServer, Node, equal, wait_until
from test_batch_cluster import killing
from test_cluster import same_state_everywhere
from test_snap_kept import lead
from test_stream_delete import append, delete, meta, refused, sees, stream, three
from test_subs import Consumer, create, fill, parked_count
from test_upgrade import BEFORE, one_history, until_answered
from test_whole import SMALL, loses_its_disk_and_is_whole_again


async def some_of_each(c):
    """Streams deleted, tombstoned, revived and limited; what is left to be seen."""
    want = await three(c, "kept", each=4)
    for name in "def":
        for _ in range(3):
            await append(c, f"kept.{name}", tags="kept", type="kept")
            want.append((f"kept.{name}", want.count(name) + 1))
    await delete(c, "kept.a")
    await delete(c, "kept.b", mode="tombstone")
    await meta(c, "kept.c", truncate_before=3)
    await meta(c, "kept.d", max_count=1)
    await meta(c, "kept.e", max_age_s=1)
    await delete(c, "kept.f")
    await asyncio.sleep(1.1)
    equal((await append(c, "kept.f", "none", tags="kept", type="kept"))["seq"], 4)
    return [("kept.c", 3), ("kept.c", 4), ("kept.d", 3), ("kept.f", 4)]


async def still(c, want, direct=True):
    await sees(c, "kept", want, direct)
    equal((await stream(c, "kept.a"))["state"], "deleted")
    equal((await stream(c, "kept.b"))["state"], "tombstoned")
    equal((await stream(c, "kept.e"))["first_seq"], 4)
    refused(await append(c, "kept.b"), (410, 41001))
    equal((await append(c, "kept.a", "exists"))[:2], (400, 10071))


async def test_all_of_it_survives_crashes_and_restarts():
    async with Both() as b:
        want = await some_of_each(b.client)
        await still(b.client, want)
        b.node.restart()
        await still(b.client, want)
        b.node.term()
        b.node.start()
        await still(b.client, want)
        equal((await append(b.client, "kept.a", "none", tags="kept", type="kept"))["seq"], 5)
        b.node.restart()
        await still_of_a(b.client, want + [("kept.a", 5)])
        report = await b.client.ask("node.n1.verify", b'{"start":true}')
        while report["state"] == "running":
            report = await b.client.ask("node.n1.verify")
        equal(report["state"], "good", f"{report}")


async def still_of_a(c, want):
    await sees(c, "kept", want)
    equal((await stream(c, "kept.a"))["first_seq"], 5)


async def test_each_node_that_leads_sees_the_same_and_so_does_one_that_comes():
    async with Cluster(3, env={"NACRE_FEED": "off"}) as c:
        client = await c.client()
        await c.leader(client)
        want = await some_of_each(client)
        for name in list(c.nodes):
            await lead(c, client, name)
            await same_state_everywhere(c, client)
            await still(client, want)
        leader = await c.leader(client)
        c.nodes[leader].kill()
        await c.leader(client)
        await still(client, want, direct=False)
        c.nodes[leader].start()
        await one_history(c, client)
        c.add("n4")
        c.wait_ready(names=["n4"])
        await one_history(c, client)
        await lead(c, client, "n4")
        await still(client, want)
        await client.close()


async def test_a_state_that_is_fetched_has_what_was_deleted():
    """A node that lost its disk, when the logs do not go back that far: what is not seen, ids, snapshots of lives, keys."""
    async with Cluster(3, env={**SMALL, "NACRE_FEED": "off"}) as c:
        client = await c.client()
        await c.leader(client)
        want = await some_of_each(client)
        for name in ("twice.a", "twice.b"):
            await append(client, name, id="twice")
            await client.ask(f"snap.put.{name}", b"of the life before", {"Es-Snapshot-Seq": "1"})
            await delete(client, name)
            await append(client, name, type="again")
        await client.ask("snap.put.twice.b", b"of this life", {"Es-Snapshot-Seq": "2"})
        await create(client, "park", {"plugin": "by_event_type", "selector": "park"}, deliver={"subject": "work.park"}, order="stream")
        async with Consumer(client, "work.park") as consumer:
            for name in "ab":
                await append(client, f"park.{name}", type="park")
                await client.nc.request((await consumer.next()).reply, b"+TERM bad", timeout=5)
            await delete(client, "park.a")
            await wait_until(lambda: parked_count(client, "park", 1), 10, "one is parked no longer")
        for first in range(0, 3000, 100):  # more than the logs keep
            events = [{"stream": f"fill.{i % 7}", "type": "fill", "data": "x" * 2000} for i in range(first, first + 100)]
            await until_answered(client, "batch", {"events": events})
        leader = await c.leader(client)
        name = next(name for name in c.nodes if name != leader)
        await loses_its_disk_and_is_whole_again(c, name)
        await one_history(c, client)
        await lead(c, client, name)
        await still(client, want)
        equal((await client.request("snap.get.twice.b")).data, b"of this life")
        equal((await client.ask("snap.get.twice.a"))[:2], (404, 40401), "the one of before is not seen")
        equal((await append(client, "twice.a", id="twice"))["duplicate"], True, "an id is known for ever")
        async with Consumer(client, "work.park") as consumer:
            await append(client, "park.a", type="park")
            equal((await consumer.next(20)).headers["Es-Stream"], "park.a", "its key goes on")
            equal([row["stream"] for row in (await client.ask("sub.parked.park"))["parked"]], ["park.b"])
        await client.close()


async def test_what_was_deleted_stays_so_while_leaders_are_killed():
    random.seed(31)
    async with Cluster(3, env={**SMALL, "NACRE_FEED": "off"}) as c:
        client = await c.client()
        await c.leader(client)
        heads, firsts, stop = {}, {}, False

        async def writer(name):
            n = 0
            while not stop:
                n += 1
                body = {"events": [{"stream": name, "type": "T", "data": n, "id": f"{name}-{n}-{i}"} for i in range(3)]}
                heads[name] = (await until_answered(client, "batch", body))["results"][-1]["seq"]
                if n % 5 == 0:
                    answer = await until_answered(client, f"stream.delete.{name}", {})
                    equal(answer["seq"], heads[name])
                    firsts[name] = answer["first_seq"]
                    events, _ = await patient(client, f"read.{name}")
                    equal(events, [], "nobody else writes it")
                elif n % 7 == 0:
                    answer = await until_answered(client, f"stream.meta.{name}", {"truncate_before": heads[name]})
                    firsts[name] = answer["first_seq"]
                    equal(firsts[name], heads[name])

        writers = [asyncio.create_task(writer(f"k{i}")) for i in range(4)]
        await killing(c, client, 8 if LONG else 2)
        stop = True
        await asyncio.gather(*writers)
        have = []
        for node in c.nodes:
            await lead(c, client, node)
            have.append({})
            for name, head in heads.items():
                events, end = await client.read(f"read.{name}")
                have[-1][name] = [int(e.headers["Nats-Sequence"]) for e in events]
                equal(have[-1][name], list(range(firsts.get(name, 1), head + 1)), f"{name} on {node}")
                equal(end.headers["Es-Head"], str(head))
        equal(have[1:], have[:1] * 2, "each node has the same")
        await one_history(c, client)
        await client.close()


async def patient(client, subject):
    while True:
        try:
            events, end = await client.read(subject, timeout=2)
        except Exception:  # noqa: BLE001 nobody leads just now
            events = None
        if events is not None:
            return events, end
        await asyncio.sleep(0.02)


async def test_a_key_that_was_parked_is_free_behind_a_failover():
    async with Cluster(3) as c:
        client = await c.client()
        await c.leader(client)
        for placement in ("leader", "spread"):
            name = f"fail{placement}"
            async with Consumer(client, f"work.{name}") as consumer:
                filter = {"plugin": "by_event_type", "selector": name}
                await create(client, name, filter, deliver={"subject": f"work.{name}"}, order="stream", placement=placement)
                for stream_name in ("a", "b"):
                    await fill(client, f"{name}.{stream_name}", 1, type=name)
                    event = await consumer.next()
                    await client.nc.request(event.reply, b"+TERM bad", timeout=5)
                await wait_until(lambda name=name: parked_count(client, name, 2), 10, "both are parked")
                await delete(client, f"{name}.a")
                leader = await c.leader(client)
                c.nodes[leader].kill()
                await c.leader(client)
                c.nodes[leader].spawn()
                await wait_until(lambda name=name: answered(parked_count(client, name, 1)), 20, "of the deleted one nothing is parked")
                c.wait_ready()
                await append(client, f"{name}.a", type=name)
                event = await consumer.next(20)
                equal((event.headers["Es-Stream"], event.headers["Nats-Sequence"]), (f"{name}.a", "2"), "its key goes on")
                await client.nc.publish(event.reply, b"")
        await one_history(c, client)
        await client.close()


async def answered(question):
    try:
        return await question
    except Exception:  # noqa: BLE001 nobody leads just now
        return False


async def test_a_store_that_is_not_raised_so_far_says_so():
    """A build that knows no deletion would stop at the entry of one."""
    server = NatsServer()
    node = Node(server, program=BEFORE)
    client = await Client.connect(server.url)
    await fill(client, "s", 2)
    refused(await delete(client, "s"), (400, 40006))
    refused(await meta(client, "s", max_count=1), (400, 40006))
    node.term()
    node.program = NACRED
    node.start()
    equal(await delete(client, "s"), {"stream": "s", "seq": 2, "first_seq": 3, "state": "deleted"}, "it is raised before anything is taken up")
    await client.close()
    node.remove()
    server.remove()
