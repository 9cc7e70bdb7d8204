# SPDX-License-Identifier: GPL-3.0-or-later
"""Edges of placement "spread" on three nodes: silence where nothing is shared, what an orderly end keeps, an owner that is stopped and goes on."""
import asyncio
import json
import signal

from harness import LONG, Cluster, Skip, check, equal, wait_until
from test_subs_cluster import asked
from test_subs_spread import create, shared

# So many that each of three nodes has some of either, whatever their random numbers.
NAMES, PULLED = [f"s{i}" for i in range(30)], [f"p{i}" for i in range(30)]
ASKS_WHO_IS_THERE = b"\x03\xc4\x00"  # the number of that service, and no body: on a loaded machine it comes at any time


async def calls_in(heard, seconds):
    before = len(heard)
    await asyncio.sleep(seconds)
    return len(heard) - before


async def is_silent_while_nothing_is_shared(client):
    heard = []

    async def note(msg):
        if ASKS_WHO_IS_THERE not in msg.data:
            heard.append(msg.subject)

    sub = await client.nc.subscribe("_es.shop.call.>", cb=note)
    await create(client, "alone", placement="leader")

    async def silent():
        return await calls_in(heard, 2) == 0  # who has nothing renews each half second, others more often

    await wait_until(silent, 20, "nobody asks for a lease")
    await create(client, "one")
    msg = asyncio.create_task(client.nc.request("es.shop.sub.next.one", b'{"expires_ms":5000}', timeout=6))
    await client.append("k.1", b"{}")
    equal((await msg).headers["Es-Position"], "1", "the first that is shared runs")

    async def leased():
        return await calls_in(heard, 0.2) > 0

    await wait_until(leased, 10, "now there are leases")
    equal(await asked(client, "sub.delete.one"), {"deleted": True}, "deleted")
    await wait_until(silent, 20, "nobody asks any more")
    await sub.unsubscribe()


async def is_served_by_another_while_its_owner_is_stopped(client, where, owner):
    """Requests that were sent to the owner, and are not answered: bounded in bytes, and asked of the next one."""
    node = owner.env["NACRE_NODE_ID"]
    pushed, pulled = (next(n for n in names if where[n] == node) for names in (NAMES, PULLED))
    came = []

    async def note(msg):
        if "Es-Position" in (msg.headers or {}):
            came.append(int(msg.reply.split(".")[4]))
            if came[-1] > came[0]:  # by the next owner
                await client.nc.publish(msg.reply, b"+ACK")

    pushes = await client.nc.subscribe(f"work.{pushed}", cb=note)
    await client.append("m.1", b"{}")
    await wait_until(lambda: bool(came), 10, "it delivers")
    epoch = (await asked(client, f"sub.info.{pushed}"))["epoch"]
    inbox, took = client.nc.new_inbox(), client.nc.new_inbox()
    answers, given = await client.nc.subscribe(inbox), await client.nc.subscribe(took)
    owner.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(40):
            await client.nc.publish(f"es.shop.sub.info.{pushed}", b"{" + b" " * 900_000 + b"}", reply=inbox)
        await client.nc.publish(f"es.shop.sub.next.{pulled}", b'{"batch":1,"expires_ms":3500}', reply=took)
        answered = [await answers.next_msg(10) for _ in range(40)]
        codes = [(msg.headers or {}).get("Nats-Service-Error-Code") for msg in answered]
        check("429" in codes and codes.count("429") < 30, f"of 36 MB some are taken, not all: {codes}")
        equal(set(codes) - {"429"}, {None}, "those that are taken are answered")
        nodes = {json.loads(msg.data)["node"] for msg in answered if msg.headers is None}
        check(node not in nodes and len(nodes) == 1, f"by another: {nodes}")
        msg = await given.next_msg(10)
        equal((msg.headers or {}).get("Es-Position"), "1", f"who had asked for events is given them: {msg.headers}")
        await wait_until(lambda: max(came) > epoch, 10, "another delivers")
        before = len(came)
    finally:
        owner.process.send_signal(signal.SIGCONT)
    await shared(client, NAMES, {*where.values()})
    check(epoch not in came[before:], "who had it delivers nothing of what was, when it goes on")
    await pushes.unsubscribe()


async def is_kept_by_a_node_that_ends_in_order(client, where, victim):
    """What was acknowledged a moment before."""
    its = [name for name in NAMES if where[name] == victim.env["NACRE_NODE_ID"]]
    came = {name: {} for name in NAMES}

    async def note(msg):
        if "Es-Position" not in (msg.headers or {}):
            return
        _, _, _, name, epoch, position, _ = msg.reply.split(".")
        came[name].setdefault(int(position), []).append((int(epoch), msg.reply))

    sub = await client.nc.subscribe("work.>", cb=note)
    made = {(await client.append(f"m.{i}", b"{}"))["pos"] for i in range(40)}

    async def all_came():
        return all(made <= set(came[name]) for name in its)

    await wait_until(all_came, 20, "all of it")
    for name in its:
        for times in came[name].values():
            await client.nc.publish(times[0][1], b"+ACK")
    await client.nc.flush()
    ended = asyncio.create_task(asyncio.to_thread(victim.term))

    async def elsewhere():
        infos = [await asked(client, f"sub.info.{name}") for name in its]
        return all(isinstance(info, dict) and info["node"] != victim.env["NACRE_NODE_ID"] and info["ack_floor"] >= max(came[info["name"]]) for info in infos)

    await wait_until(elsewhere, 10, "others have them, and what was acknowledged")
    await ended
    again = {name: {p for p, times in came[name].items() if len(times) > 1} for name in its}
    equal(again, {name: set() for name in its}, "nothing comes again")
    return sub


async def is_kept_when_a_node_comes(client, where, victim):
    """What is acknowledged while its share moves to it: but for an acknowledgement that crosses the move."""
    its = [name for name in NAMES if where[name] == victim.env["NACRE_NODE_ID"]]
    epochs, again, acked, to = {}, {name: 0 for name in NAMES}, {name: set() for name in NAMES}, []

    async def note(msg):
        if "Es-Position" not in (msg.headers or {}):
            return
        _, _, _, name, epoch, position, _ = msg.reply.split(".")
        again[name] += position in acked[name]
        acked[name].add(position)
        epochs.setdefault(name, set()).add(epoch)
        await client.nc.publish(msg.reply, b"+ACK")

    async def flow():
        while True:
            await client.append(f"m.{len(to) % 7}", b"{}")
            to.append(1)
            await asyncio.sleep(0.003)

    sub = await client.nc.subscribe("work.>", cb=note)
    flowing = [asyncio.create_task(flow()) for _ in range(4)]
    try:
        await asyncio.to_thread(victim.start)

        async def has_its_share():
            infos = [await asked(client, f"sub.info.{name}") for name in its]
            return all(info["node"] == victim.env["NACRE_NODE_ID"] for info in infos) and all(len(epochs[name]) > 1 for name in its)

        await wait_until(has_its_share, 20, "it has its share, and delivers")
    finally:
        for task in flowing:
            task.cancel()
        await sub.unsubscribe()
    print(f"came again, of {len(to)} events: {[again[name] for name in its]}")
    check(max(again[name] for name in its) <= 8, f"what was acknowledged comes again: {again}")


async def goes_with_an_advisory_when_its_node_is_killed(client, c):
    """Transient ones, of which the log knows nothing: made in every way, and one that is there no more."""
    leader = await c.leader(client)
    told = await client.nc.subscribe("es.shop.advisory.sub.deleted")
    for name in ("pulled", "deleted", "stayed"):
        await create(client, name, placement="leader", durable=False)
    await create(client, "logged", placement="leader")
    await asked(client, "sub.update.logged", b'{"durable":false}')
    await asked(client, "sub.update.stayed", b'{"durable":true}')
    await asked(client, "sub.delete.deleted")
    equal(json.loads((await told.next_msg(5)).data)["subscription"], "deleted")
    await asyncio.to_thread(c.nodes[leader].kill)
    gone = [json.loads((await told.next_msg(20)).data) for _ in range(2)]
    equal(sorted(a["subscription"] for a in gone), ["logged", "pulled"])
    check(all(a["type"] == "io.nacre.advisory.v1.sub.deleted" and a["reason"] == "the node that held it is gone" and a["node"] != leader for a in gone), str(gone))
    equal((await asked(client, "sub.info.pulled"))[:2], (404, 10014))
    equal((await asked(client, "sub.info.stayed"))["durable"], True)
    try:
        check(False, f"nothing else is told: {(await told.next_msg(1.5)).data}")
    except TimeoutError:
        pass
    await told.unsubscribe()
    await asyncio.to_thread(c.nodes[leader].start)


async def test_silence_and_an_owner_that_is_stopped_and_one_that_ends():
    async with Cluster(3) as c:
        client = await c.client()
        leader = await c.leader(client)
        await is_silent_while_nothing_is_shared(client)
        await goes_with_an_advisory_when_its_node_is_killed(client, c)
        leader = await c.leader(client)
        for name in NAMES:
            await create(client, name, filter={"plugin": "by_pattern", "selector": "m.*"}, deliver={"subject": f"work.{name}"}, ack_wait_ms=60000)
        for name in PULLED:
            await create(client, name)
        where = await shared(client, NAMES + PULLED, c.nodes)
        victim = next(node for node in c.nodes if node != leader)
        await is_served_by_another_while_its_owner_is_stopped(client, where, c.nodes[victim])
        where = await shared(client, NAMES, c.nodes)
        listening = await is_kept_by_a_node_that_ends_in_order(client, where, c.nodes[victim])
        await listening.unsubscribe()
        await is_kept_when_a_node_comes(client, where, c.nodes[victim])
        await client.close()


async def test_a_leader_whose_disk_is_full_puts_nothing_to_sleep_that_others_run():
    if not LONG:
        raise Skip("with --long")
    async with Cluster(3) as c:
        client = await c.client()
        leader = await c.leader(client)
        full = next(node for node in c.nodes if node != leader)
        for name in NAMES:
            await create(client, name, filter={"plugin": "by_pattern", "selector": "m.*"})
        for i in range(3):
            await client.append(f"m.{i}", b"{}")
        c.nodes[full].env["NACRE_DISK_RESERVE_MB"] = "1048576"
        await asyncio.to_thread(c.nodes[full].term)
        await asyncio.to_thread(c.nodes[full].start)
        where = await shared(client, NAMES, c.nodes)

        async def it_leads():
            if await c.leader(client) != full:
                await asked(client, "cluster.transfer", b'{"to":"%s"}' % full.encode())
                return False
            return (await asked(client, "append.T.m.9", b"{}"))[:2] == (507, 50701)

        await wait_until(it_leads, 30, "who has no room leads")
        name = next(n for n in NAMES if where[n] != full)
        before = await asked(client, f"sub.info.{name}")
        equal((await asked(client, f"sub.seek.{name}", b'{"pos":2}'))[:2], (507, 50701), "nothing is sought")
        await asyncio.sleep(1.5)
        after = await asked(client, f"sub.info.{name}")
        equal((after["node"], after["epoch"]), (before["node"], before["epoch"]), "it is where it was")
        msg = await client.nc.request(f"es.shop.sub.next.{name}", b'{"expires_ms":3000}', timeout=5)
        equal((msg.headers or {}).get("Es-Position"), "1", "and delivers")
        await client.close()
