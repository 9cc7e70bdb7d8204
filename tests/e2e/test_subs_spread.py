# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions of placement "spread" on three nodes: shared by them, each answered by one, moved when a node goes, comes back or
is cut off; no gap, order by key kept, what comes from who does not own it any more refused."""
import asyncio
import json
import random
import time

import nats

from harness import LONG, Both, Cluster, check, equal, wait_until
from test_subs_cluster import asked, storm

COUNT, KEYS = 30, 5
SPREAD = {"filter": {"plugin": "by_pattern", "selector": "k.*"}, "placement": "spread", "ack_wait_ms": 2000, "max_deliver": -1}


async def owners(client, names):
    infos = await asyncio.gather(*(asked(client, f"sub.info.{name}") for name in names))
    return {info["name"]: info["node"] for info in infos}


async def create(client, name, **more):
    made = await asked(client, f"sub.create.{name}", json.dumps({**SPREAD, **more}).encode())
    check(isinstance(made, dict), f"{name}: {made}")
    return made


async def shared(client, names, nodes):
    """Who owns what, once all these nodes have a share and nothing moves any more."""
    found = {}

    async def all_have_theirs():
        before = dict(found)
        found.update(await owners(client, names))
        if set(found.values()) == set(nodes) and found == before:
            return True
        await asyncio.sleep(1)
        return False

    await wait_until(all_have_theirs, 30, f"all of {nodes} have a share")
    return found


async def owned_as(client, want):
    """Once each is where it was: which node has what follows from who lives."""

    async def all_are():
        return await owners(client, want) == want

    await wait_until(all_are, 30, "each has its share again")


async def infos(client, names):
    return {name: await asked(client, f"sub.info.{name}") for name in names}


async def moved(client, names, before, gone, seconds):
    """Who has what, once node `gone` has nothing, and how long it took; only what it had has moved."""
    began, after = time.monotonic(), {}

    async def has_nothing():
        after.update(await infos(client, names))
        return all(info["node"] != gone for info in after.values())

    await wait_until(has_nothing, seconds, f"{gone} has nothing")
    took = time.monotonic() - began
    for name in names:
        was, now = before[name], after[name]
        if was["node"] != gone:
            equal((now["node"], now["epoch"]), (was["node"], was["epoch"]), f"{name} stays where it was")
        else:
            check(now["epoch"] > was["epoch"], f"{name}: epoch {now['epoch']} after {was['epoch']}")
    return after, took


async def test_nodes_share_and_a_node_that_goes_or_comes_moves_only_its_share():
    async with Cluster(3) as c:
        client = await c.client()
        leader = await c.leader(client)
        names = [f"s{i}" for i in range(COUNT)]
        for name in names:
            await create(client, name)
        await shared(client, names, c.nodes)
        inbox = client.nc.new_inbox()
        sub = await client.nc.subscribe(inbox)
        for name in names:
            await client.nc.publish(f"es.shop.sub.info.{name}", b"", reply=inbox)
        answers = [json.loads((await sub.next_msg(5)).data)["name"] for _ in names]
        equal(sorted(answers), sorted(names), "each is answered")
        try:
            extra = await sub.next_msg(0.3)
            check(False, f"answered twice: {extra.data}")
        except nats.errors.TimeoutError:
            pass
        listed = {entry["name"]: entry for entry in (await asked(client, "sub.list"))["subscriptions"]}
        before = await infos(client, names)
        equal({n: (listed[n]["node"], listed[n]["epoch"]) for n in names}, {n: (before[n]["node"], before[n]["epoch"]) for n in names}, "the list says so too")
        # A follower is killed: it is taken for gone after 1.2 s, then its share moves.
        follower = next(name for name in c.nodes if name != leader)
        c.nodes[follower].kill()
        after, took = await moved(client, names, before, follower, 10)
        print(f"moved {took:.1f} s after the node was killed")
        c.nodes[follower].start()
        await owned_as(client, {n: before[n]["node"] for n in names})
        # The leader is killed: what others have stays where it is.
        before = await infos(client, names)
        c.nodes[leader].kill()
        after, took = await moved(client, names, before, leader, 20)
        print(f"moved {took:.1f} s after the leader was killed")
        c.nodes[leader].start()
        await owned_as(client, {n: before[n]["node"] for n in names})
        # One that ends in order gives its share away at once.
        before = await infos(client, names)
        leader = await c.leader(client)
        follower = next(name for name in c.nodes if name != leader)
        c.nodes[follower].term()
        after, took = await moved(client, names, before, follower, 10)
        print(f"moved {took:.1f} s after the node had ended")
        await client.close()


async def test_every_verb_reaches_the_owner():
    async with Cluster(3) as c:
        client = await c.client()
        leader = await c.leader(client)
        for i in range(10):
            await client.append(f"k.{i % KEYS}", b"{}")
        names = [f"s{i}" for i in range(COUNT)]
        for name in names:
            await create(client, name)
        where = await shared(client, names, c.nodes)
        for name in [next(n for n in names if where[n] == node) for node in c.nodes]:
            inbox = f"{client.nc.new_inbox()}.{'far' * 1000}"  # as long as the server lets it be
            sub = await client.nc.subscribe(inbox)
            await client.nc.publish(f"es.shop.sub.info.{name}", b"", reply=inbox)
            told = json.loads((await sub.next_msg(8)).data)
            equal((told.get("name"), told.get("node")), (name, where[name]), told)
            await client.nc.publish(f"es.shop.sub.next.{name}", b'{"batch":4,"expires_ms":2000}', reply=inbox)
            msgs = [await sub.next_msg(3) for _ in range(4)]
            equal([int(m.headers["Es-Position"]) for m in msgs], [1, 2, 3, 4], name)
            answer = await client.nc.request(msgs[0].reply, b"+ACK", timeout=3)
            equal((answer.data, answer.headers), (b"", None), "an ack is answered once it is in the log")
            await client.nc.request(msgs[1].reply, b"+TERM bad", timeout=3)
            batch = {"events": [{"stream": "made", "type": "Made", "data": 1}], "ack": {"reply": msgs[2].reply}}
            made = await asked(client, "batch", json.dumps(batch).encode())
            check("pos" in made, made)
            equal((await asked(client, "batch", json.dumps(batch).encode()))[:2], (409, 40904), "once")
            parked = await asked(client, f"sub.parked.{name}")
            equal([(p["pos"], p["reason"]) for p in parked["parked"]], [(2, "bad")], "parked")
            equal((await asked(client, f"sub.explain.{name}", b'{"pos":2}'))["state"], "parked", "explain")
            check(isinstance(await asked(client, f"sub.replay.{name}"), dict), "replay")
            equal(await asked(client, f"sub.pause.{name}"), {"paused": True}, "pause")
            equal((await asked(client, f"sub.info.{name}"))["state"], "paused", "state")
            equal(await asked(client, f"sub.resume.{name}"), {"paused": False}, "resume")
            sought = await asked(client, f"sub.seek.{name}", b'{"pos":3}')
            equal(sought["pos"], 3, "seek")
            equal((await asked(client, f"sub.info.{name}"))["epoch"], sought["epoch"], "epoch")
            answer = await client.nc.request(msgs[3].reply, b"+ACK", timeout=3)
            equal(json.loads(answer.data)["error"]["err_code"], 40904, "of the epoch before")
            updated = await asked(client, f"sub.update.{name}", b'{"max_in_flight":7}')
            check("pos" in updated, updated)
            info = await asked(client, f"sub.info.{name}")
            equal((info["max_in_flight"], info["node"]), (7, where[name]), "update")
            equal((await asked(client, f"sub.update.{name}", b'{"durable":false}'))[:2], (409, 40903), "not from here")
            # The leader may have it back, and give it away again.
            await asked(client, f"sub.update.{name}", b'{"placement":"leader"}')
            await wait_until(lambda: is_at(client, name, leader), 10, f"{name} is the leader's")
            await asked(client, f"sub.update.{name}", b'{"placement":"spread"}')
            await wait_until(lambda: is_at(client, name, where[name]), 10, f"{name} is its owner's")
            equal(await asked(client, f"sub.delete.{name}"), {"deleted": True}, "delete")
            equal((await asked(client, f"sub.info.{name}"))[:2], (404, 10014), "gone")
        same = await create(client, names[-1])
        equal((await asked(client, f"sub.create.{names[-1]}", json.dumps({**SPREAD, "max_in_flight": 3}).encode()))[:2], (409, 40903), same)
        await client.close()


async def is_at(client, name, node):
    info = await asked(client, f"sub.info.{name}")
    return info["node"] == node


async def test_an_owner_that_is_cut_off_stops_and_what_comes_from_it_is_refused():
    async with Cluster(3, servers=3) as c:
        client = await c.client()
        leader = await c.leader(client)
        victim = next(name for name in c.nodes if name != leader)
        order = list(c.nodes)
        near, far = await c.client(order.index(victim)), await c.client(order.index(leader))
        names = [f"s{i}" for i in range(COUNT)]
        for name in names:
            await create(far, name, deliver={"subject": f"work.{name}"}, order="stream", ack_wait_ms=60000)
        where = await shared(far, names, c.nodes)
        name = next(n for n in names if where[n] == victim)
        came = {"near": [], "far": []}
        for side, on in (("near", near), ("far", far)):
            async def note(msg, side=side):
                if "Es-Position" in (msg.headers or {}):
                    came[side].append((time.monotonic(), int(msg.headers["Es-Position"]), int(msg.reply.split(".")[4]), msg))
            await on.nc.subscribe(f"work.{name}", cb=note)
            await on.nc.flush()
        await far.append("k.1", b"{}")

        async def first():
            return bool(came["near"]) and bool(came["far"])

        await wait_until(first, 10, "the first delivery")
        epoch, old = came["near"][0][2], came["near"][0][3]
        c.isolate(victim)
        cut = time.monotonic()
        tail = 0
        confirmed = []

        async def ack_near():
            """Over and over: an owner that has no lease must not confirm anything."""
            while time.monotonic() - cut < 6:
                try:
                    answer = await near.nc.request(old.reply, b"+ACK", timeout=0.5)
                    confirmed.append((answer.data, answer.headers))
                except Exception:  # noqa: BLE001: no answer
                    await asyncio.sleep(0.05)

        acking = asyncio.create_task(ack_near())

        async def elsewhere():
            nonlocal tail
            tail += 1
            try:
                await far.append(f"k.{tail % KEYS}", b"{}")
                info = await far.ask(f"sub.info.{name}", timeout=1)
            except Exception:  # noqa: BLE001: nobody leads, or it is on its way
                return False
            return isinstance(info, dict) and info["node"] != victim

        await wait_until(elsewhere, 20, f"another node has {name}")
        print(f"another has it {time.monotonic() - cut:.1f} s after the cut")

        async def goes_on():
            return any(e > epoch for _, _, e, _ in came["far"])

        await wait_until(goes_on, 10, "the new owner delivers")
        # The old one has not heard of that epoch: it must not say that its acknowledgements are stale.
        new = next(msg for _, _, e, msg in came["far"] if e > epoch)
        try:
            answer = await near.nc.request(new.reply, b"+ACK", timeout=0.7)
            check(False, f"the old owner says of what the new one delivered: {answer.data}")
        except nats.errors.TimeoutError:
            pass
        started = min(t for t, _, e, _ in came["far"] if e > epoch)
        print(f"and delivers {started - cut:.1f} s after the cut")
        await acking
        late = [t for t, _, e, _ in came["near"] if e == epoch and t > started]
        equal(late, [], "the old owner is silent before the new one begins")
        equal([c for c in confirmed if c[0] == b"" and not c[1]], [], "the old owner confirms nothing")
        c.heal()

        async def refused():
            try:
                answer = await near.nc.request(old.reply, b"+ACK", timeout=1)
            except Exception:  # noqa: BLE001: not joined again yet
                return False
            return b"40904" in answer.data

        await wait_until(refused, 30, "what the old owner delivered is refused")
        # Nothing is lost: all of each key, in order, from the new owner.
        done = {}

        async def all_of_it():
            for _, position, e, msg in list(came["far"]):
                if position not in done and e > epoch:
                    done[position] = msg.headers["Es-Stream"]
                    await far.nc.publish(msg.reply, b"+ACK")
            return len(done) >= tail + 1

        await wait_until(all_of_it, 20, "all of it comes")
        for key in range(KEYS):
            positions = [p for p, stream in done.items() if stream == f"k.{key}"]
            equal(positions, sorted(positions), f"k.{key} in order")
        for each in (client, near, far):
            await each.close()


async def test_what_is_asked_while_it_moves_is_never_told_that_there_is_none():
    async with Cluster(3) as c:
        client = await c.client()
        names = [f"hop{i}" for i in range(6)]
        for name in names:
            await create(client, name, placement="leader")
        for turn in range(30):
            placement = json.dumps({"placement": ["spread", "leader"][turn % 2]}).encode()
            for name in names:
                equal((await asked(client, f"sub.update.{name}", placement))["name"], name)
                await asyncio.sleep(turn % 6 / 500)
                told = [await client.ask(f"sub.{verb}.{name}", body) for verb, body in [("seek", b'"first"'), ("update", b'{"max_deliver":%d}' % (turn + 2)), ("seek", b'"new"')]]
                check(all(isinstance(answer, dict) or answer[0] in (429, 503) for answer in told), f"{turn} {name}: {told}")
        await client.close()


async def test_alone_a_node_runs_what_is_to_be_spread():
    async with Both() as b:
        await create(b.client, "one")
        await b.client.append("k.1", b"{}")
        msg = await b.client.nc.request("es.shop.sub.next.one", b"", timeout=5)
        answer = await b.client.nc.request(msg.reply, b"", timeout=5)
        equal((answer.data, answer.headers), (b"", None), "acknowledged")
        info = await b.client.ask("sub.info.one")
        equal((info["placement"], info["ack_floor"]), ("spread", 1), "it")
        equal(info["node"], (await b.client.ask("store.info"))["leader"], "runs here")


async def test_no_gap_and_order_kept_while_owners_and_consumers_are_killed():
    async def anyone(c, client):
        await c.leader(client)
        return random.choice(list(c.nodes))

    async with Cluster(3) as c:
        await storm(c, 600 if LONG else 10, "spread", anyone)
