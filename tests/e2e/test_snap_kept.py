# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays of snapshots of aggregates: under settings, permissions and small servers, after crashes, in clusters."""
import asyncio
import json
import random

from harness import LONG, NACRED, Both, Client, Cluster, NatsServer, Node, Skip, check, equal, wait_until
from test_batch_cluster import killing
from test_cluster import same_state_everywhere
from test_snap import delete, fill, get, loaded, put, refused, seqs
from test_upgrade import BEFORE, one_history, until_answered
from test_whole import SMALL, gets_the_state


async def test_a_list_fits_a_small_payload():
    async with Both("max_payload: 4096") as b:
        for i in range(60):
            name = f"{'é' * 20}.{i:03}"
            subject = f"{'=C3=A9' * 20}.{i:03}"
            await b.client.append(subject)
            equal((await put(b.client, subject, 1))["stream"], name)
        seen, ask, pages = [], {}, 0
        while True:
            msg = await b.client.request("snap.list", json.dumps(ask).encode())
            check(len(msg.data) <= 4096, "it fits")
            answer, pages = json.loads(msg.data), pages + 1
            seen += [s["stream"] for s in answer["streams"]]
            if "next" not in answer:
                break
            ask["after"] = answer["next"]
        equal((len(seen), len(set(seen))), (60, 60))
        check(pages > 1, "in pages")
        refused(await put(b.client, subject, 1, b"x" * 3000), (413, 10054))


async def test_so_many_are_kept_and_all_survives():
    async with Both(env={"NACRE_SNAPSHOT_KEEP": "2"}) as b:
        await fill(b.client, "s", 6)
        for seq in (1, 2):
            equal(await put(b.client, "s", seq, b"%d" % seq), {"stream": "s", "seq": seq})
        equal(await put(b.client, "s", 4, b"4"), {"stream": "s", "seq": 4, "dropped": 1})
        equal(await put(b.client, "s", 1, b"1"), {"stream": "s", "seq": 1, "dropped": 1, "kept": False}, "it is older than those that are kept")
        equal(await seqs(b.client, "s"), [2, 4])
        b.node.restart()
        equal(await seqs(b.client, "s"), [2, 4], "after kill -9")
        equal(await get(b.client, "s"), (4, b"4"))
        b.node.term()
        b.node.env["NACRE_SNAPSHOT_KEEP"] = "0"
        b.node.start()
        for seq in (1, 5, 6):
            equal(await put(b.client, "s", seq), {"stream": "s", "seq": seq})
        equal(await seqs(b.client, "s"), [1, 2, 4, 5, 6])
        report = await b.client.ask("node.n1.verify", b'{"start":true}')
        while report["state"] == "running":
            report = await b.client.ask("node.n1.verify")
        equal(report["state"], "good", f"{report}")
        b.node.term()
        for wrong in ("-1", "x", "1000001"):
            b.node.env["NACRE_SNAPSHOT_KEEP"] = wrong
            code, said = b.node.refuses()
            check(code != 0 and "NACRE_SNAPSHOT_KEEP" in said, said)
        del b.node.env["NACRE_SNAPSHOT_KEEP"]
        b.node.start()
        equal(await seqs(b.client, "s"), [1, 2, 4, 5, 6])


async def test_permissions_are_by_verb_and_stream():
    users = """authorization { users: [
        { user: all, password: a },
        { user: reader, password: r, permissions: { publish: ["es.shop.snap.get.orders.>", "es.shop.load.orders.>"], subscribe: "_INBOX.>" } } ] }"""
    server = NatsServer(users)
    node = Node(server, env={"NATS_USER": "all", "NATS_PASSWORD": "a"})
    writer = await Client.connect(server.url, user="all", password="a")
    reader = await Client.connect(server.url, user="reader", password="r")
    await fill(writer, "orders.1", 2)
    await put(writer, "orders.1", 2, b"two")
    equal(await get(reader, "orders.1"), (2, b"two"))
    equal(loaded((await reader.read("load.orders.1"))[0]), (2, []))
    for subject in ("snap.put.orders.1", "snap.delete.orders.1", "snap.list", "snap.get.stock.1"):
        await reader.nc.publish(f"{reader.root}.{subject}", b"{}", headers={"Es-Snapshot-Seq": "1"})
    await reader.nc.flush()
    equal(await seqs(writer, "orders.1"), [2], "the server keeps the others back")
    await reader.close()
    await writer.close()
    node.remove()
    server.remove()


# ---- Clusters -----------------------------------------------------------------------------------


async def until_put(client, name, seq, data):
    return await until_answered(client, f"snap.put.{name}", data, headers={"Es-Snapshot-Seq": str(seq)})


async def all_of(client, names):
    """Everything that the leader has of these streams."""
    return {name: [(s, await get(client, name, {"seq": s})) for s in await seqs(client, name)] for name in names}


async def lead(c, client, name):
    async def leads():
        try:
            await client.ask("cluster.transfer", json.dumps({"to": name}).encode(), timeout=2)
            return await c.leader(client) == name
        except Exception:  # noqa: BLE001 nobody leads just now
            return False

    await wait_until(leads, 20, f"{name} leads")


async def test_what_is_acknowledged_stays_while_leaders_are_killed_and_is_the_same_everywhere():
    random.seed(21)
    async with Cluster(3, start=False) as c:
        for keep, node in enumerate(c.nodes.values(), 2):  # settings of nodes differ: who leads says how many
            node.env["NACRE_SNAPSHOT_KEEP"] = str(keep)
        c.start()
        client = await c.client()
        await c.leader(client)
        names = [f"k.{i}" for i in range(4)]
        for name in names:
            await fill(client, name, 40)
        told, stop = {}, False

        async def writer(name):
            for seq in range(1, 41):
                if stop:
                    break
                data = b"%s at %d" % (name.encode(), seq)
                answer = await until_put(client, name, seq, data)
                equal((answer["stream"], answer["seq"]), (name, seq))
                told[name] = (seq, data)
                await asyncio.sleep(0.05)

        writers = [asyncio.create_task(writer(name)) for name in names]
        await killing(c, client, 8 if LONG else 1)
        stop = not LONG
        await asyncio.gather(*writers)
        for name in names:
            equal(await get(client, name), told[name], "the last that was acknowledged")
            check(2 <= len(await seqs(client, name)) <= 4, "some are kept")
        await same_state_everywhere(c, client)
        have = []
        for node in c.nodes:
            await lead(c, client, node)
            have.append(await all_of(client, names))
        equal(have[1:], have[:1] * 2, "each node has the same")
        await one_history(c, client)
        await client.close()


async def test_a_node_that_fell_behind_the_log_gets_snapshots_with_the_state():
    if not LONG:
        raise Skip("with --long")
    async with Cluster(3, env=SMALL) as c:
        client = await c.client()
        leader = await c.leader(client)
        await fill(client, "s", 40)
        name = next(n for n in c.nodes if n != leader)
        c.nodes[name].kill()
        await asyncio.gather(*(until_put(client, "s", seq, b"%d" % seq * 100000) for seq in range(1, 41)))
        equal((await delete(client, "s", {"before": 31}))["deleted"], 30)
        c.nodes[name].start()
        await gets_the_state(c.nodes[name])
        await lead(c, client, name)
        equal(await seqs(client, "s"), list(range(31, 41)))
        equal(await get(client, "s", {"at_most": 35}), (35, b"35" * 100000))
        equal(loaded((await client.read("load.s"))[0]), (40, []))
        await one_history(c, client)
        await client.close()


async def test_a_store_that_is_not_raised_so_far_says_so():
    """A build that knows no snapshots would stop at the entry of one."""
    server = NatsServer()
    node = Node(server, program=BEFORE)
    client = await Client.connect(server.url)
    await fill(client, "s", 2)
    refused(await put(client, "s", 1), (400, 40006))
    refused(await delete(client, "s"), (400, 40006))
    equal(await seqs(client, "s"), [])
    node.term()
    node.program = NACRED
    node.start()
    equal(await put(client, "s", 1, b"one"), {"stream": "s", "seq": 1}, "at once: it is raised before anything is taken up")
    equal(await get(client, "s"), (1, b"one"))
    await client.close()
    node.remove()
    server.remove()
