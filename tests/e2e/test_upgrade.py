# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster is upgraded while it runs, between two builds that mean different things by the same entry: from the version
that all voters know on no two events have the same time, before it those of one batch do. `nacred_later` knows that
meaning; `nacred_astray` has it without asking; `nacred_before` knows no starts that lie ahead (core/engine/engine.h)."""
import asyncio
import json
import os

import nats

from harness import LONG, NACRED, Client, Cluster, NatsServer, Node, Skip, check, equal, wait_until
from test_batch import event
from test_cluster import same_state_everywhere, status_of
from test_verify import verified
from test_whole import SMALL, votes_again, wipe

TESTS = os.path.join(os.path.dirname(os.path.dirname(NACRED)), "tests")
LATER, ASTRAY, BEFORE = (os.path.join(TESTS, f"nacred_{trial}") for trial in ("later", "astray", "before"))
NEVER = "2400-01-01T00:00:00.000000000Z"


async def until_answered(client, verb, body, seconds=60, headers=None):
    """Of what is safe to ask again while leadership moves: it has ids, or comes to the same a second time. Nothing else may be refused."""
    answer = None

    async def ask():
        nonlocal answer
        try:
            answer = await client.ask(verb, body if isinstance(body, bytes) else json.dumps(body).encode(), headers, timeout=2)
        except (nats.errors.Error, asyncio.TimeoutError, OSError):  # nobody leads just now
            return False
        check(isinstance(answer, dict) or answer[0] in (429, 503), f"{verb}: {answer}")
        return isinstance(answer, dict)

    await wait_until(ask, seconds, f"{verb} is answered")
    return answer


async def times_of_a_batch(client, name):
    """How many times three events of one batch have."""
    answer = await until_answered(client, "batch", {"events": [event("s", id=f"{name}-{i}", tags=["t"]) for i in range(3)]})
    first = answer["results"][0]["pos"]
    times = set()
    for pos in range(first, first + 3):
        msg = await client.request("direct.get", json.dumps({"pos": pos}).encode(), {"Es-Min-Position": str(first + 2)})
        times.add(msg.headers["Nats-Time-Stamp"])
    return len(times)


async def can(client, node):
    """The engine version that this node's build knows."""
    return (await status_of(client, node))["engine_version_max"]


async def one_history(c, client, version=None):
    """All nodes are whole, at the same digest and at this version of the engine, the newest that all know unless told."""
    version = version or min([await can(client, name) for name in c.nodes])
    await same_state_everywhere(c, client)
    reports = [await verified(client, node=name) for name in sorted(c.nodes)]
    equal({r["state"] for r in reports}, {"good"}, f"{reports}")
    equal(len({(r["head"], r["digest"]) for r in reports}), 1, f"digests: {reports}")
    for name in c.nodes:
        status = await status_of(client, name)
        equal((status["engine_version"], status["differs_at"]), (version, 0), f"{name}: {status}")


async def lead(c, client, name):
    """Have this node lead: whoever else leads is killed, until the others elect it."""
    for _ in range(20):
        leader = await c.leader(client)
        if leader == name:
            return
        c.nodes[leader].kill()
        await c.leader(client)
        c.nodes[leader].start()
    raise AssertionError(f"{name} never leads")


async def test_a_meaning_changes_when_all_voters_know_it_and_digests_stay_equal():
    async with Cluster(3) as c:
        client = await c.client()
        await c.leader(client)
        now = await can(client, "n1")
        later = now + 1
        equal(await times_of_a_batch(client, "before"), 1, "the old meaning")
        await one_history(c, client, now)
        for step, name in enumerate(("n1", "n2"), 1):
            c.nodes[name].term()
            equal(await times_of_a_batch(client, f"without-{name}"), 1, "two are enough, and old")
            c.nodes[name].program = LATER
            c.nodes[name].start()
            for leader in (name, "n3"):  # a new build leads, then an old one, while both follow both
                await lead(c, client, leader)
                equal(await times_of_a_batch(client, f"{step}-{leader}"), 1, f"{leader} leads, n3 is old: the old meaning")
            await one_history(c, client, now)
        c.nodes["n3"].term()
        equal(await times_of_a_batch(client, "n3 is away"), 1, "a voter that is away may be old")
        c.nodes["n3"].program = LATER
        c.nodes["n3"].start()

        async def raised():
            return all([(await status_of(client, n))["engine_version"] == later for n in c.nodes])

        await wait_until(raised, 20, "the engine's version is raised")
        equal(await times_of_a_batch(client, "after"), 3, "the new meaning")
        await one_history(c, client, later)
        for name, node in c.nodes.items():
            check(f"upgraded: engine version {later} from here on, {now} before" in node.log_text(), f"{name} says so: {node.log_text()[-600:]}")
        c.nodes["n2"].restart()
        await one_history(c, client, later)
        c.nodes["n1"].term()
        c.nodes["n1"].program = NACRED
        code, said = c.nodes["n1"].refuses()
        equal(code, 65, said)
        check("newer" in said and f"engine version {later}" in said, f"an older build says why it does not start: {said[-600:]}")
        await client.close()


async def test_a_replica_that_means_something_else_without_asking_is_found():
    """What the gate is for: the same builds without it."""
    async with Cluster(3, start=False) as c:
        for node in c.nodes.values():
            node.spawn()
        c.wait_ready()
        client = await c.client()
        leader = await c.leader(client)
        stray = next(n for n in c.nodes if n != leader)
        c.nodes[stray].term()
        c.nodes[stray].program = ASTRAY
        c.nodes[stray].start()
        heard = asyncio.Queue()
        await client.nc.subscribe(f"{client.root}.advisory.storage.corruption", cb=heard.put)
        await client.nc.flush()
        for i in range(12):
            await until_answered(client, "batch", {"events": [event("s", id=f"{i}-{j}") for j in range(100)]})
        said = json.loads((await asyncio.wait_for(heard.get(), 20)).data)
        leader_now = await c.leader(client)
        if leader_now != stray:
            equal((said["node"], said["pos"], said["type"]), (stray, 1024, "io.nacre.advisory.v1.storage.corruption"))
            equal((await status_of(client, stray))["differs_at"], 1024)
            for name in c.nodes:
                equal(((await status_of(client, name))["differs_at"] != 0), name == stray, name)
        reports = {name: await verified(client, node=name) for name in c.nodes}
        equal({r["state"] for r in reports.values()}, {"good"}, "each is whole in itself")
        equal(len({r["digest"] for r in reports.values()}), 2, "and they are not the same")
        await client.close()


async def test_a_start_that_lies_ahead_is_refused_until_all_know_what_it_means():
    """Rather than taken for the next event, which is what an older build would make of its entry."""
    server = NatsServer()
    node = Node(server, start=False, program=BEFORE)
    client = await Client.connect(server.url)
    ahead = {"filter": {"plugin": "by_stream", "selector": "s"}, "start": {"seq": 3}}

    async def ask(verb, body):
        return await client.ask(f"sub.{verb}", json.dumps(body).encode())

    try:
        node.start()
        await client.append("s")
        await wait_until(lambda: "upgraded: engine version 4" in node.log_text(), 10, "the store is at the version before")
        for start in ({"seq": 3}, {"time": NEVER}):
            equal((await ask("create.ahead", {**ahead, "start": start}))[:2], (400, 40006), f"{start}")
        equal((await ask("create.there", {**ahead, "start": {"seq": 1}}))["pos"], 1, "one that is there is taken")
        equal((await ask("seek.there", {"time": NEVER}))[:2], (400, 40006))
        equal((await ask("update.there", {"start": {"seq": 3}}))[:2], (400, 40006))
        equal((await client.ask("sub.info.there"))["start"], {"seq": 1}, "nothing has changed")
        check("not_before" not in await client.ask("sub.info.there"), "nothing has changed")
        equal((await ask("create.own", {**ahead, "durable": False}))["pos"], 2, "one that the log does not hear of is taken")
        node.term()
        node.program = NACRED
        node.start()
        await wait_until(lambda: "upgraded: engine version" in node.log_text(), 10, "the version is raised")
        equal((await ask("create.ahead", ahead))["pos"], 2)
        await ask("seek.there", {"time": NEVER})
        equal((await client.ask("sub.info.there"))["not_before"], {"time": NEVER})
    finally:
        await client.close()
        node.remove()
        server.remove()


async def state_goes(c, client, giver, taker):
    """`taker` has lost its disk, and `giver`, which leads, has no log any more from the beginning."""
    await lead(c, client, giver)
    wipe(c.nodes[taker])
    await asyncio.to_thread(c.nodes[taker].start)
    await votes_again(c, taker)
    check("starting again with it" in c.nodes[taker].log_text(), "a state is fetched: " + c.nodes[taker].log_text()[-800:])
    check("a peer fetches it" in c.nodes[giver].log_text(), f"from {giver}, which leads")


async def test_a_state_goes_from_a_new_build_to_an_old_one_and_back():
    if not LONG:
        raise Skip("with --long")
    async with Cluster(3, start=False, env=SMALL) as c:
        for name in ("n2", "n3"):
            c.nodes[name].program = BEFORE
        c.start()
        client = await c.client()
        await c.leader(client)
        for i in range(40):
            await until_answered(client, "batch", {"events": [event(f"s.{j % 7}", id=f"{i}-{j}", data={"fill": "x" * 3000}) for j in range(100)]})
        await state_goes(c, client, "n1", "n3")
        await one_history(c, client)
        await state_goes(c, client, "n2", "n1")
        await one_history(c, client)
        await client.close()
