# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that get full, by others to the last byte or by the store itself: no node ends, and nothing that was acknowledged is lost."""
import asyncio
import contextlib
import json
import os
import random
import signal

from cli import Nacre
from nats.errors import NoRespondersError

from harness import NACRED, Both, Client, Cluster, Failure, NatsServer, Node, check, equal, error_of, fill_up, small_disk, wait_for, wait_until
from history import History
from test_cluster import same_state_everywhere

ENV = {"NACRE_DISK_RESERVE_MB": "1", "NACRE_FEED": "off"}


def no_room_while(path):
    """The environment of a node that finds no room when it writes, and only then, while there is a file at `path`."""
    library = os.path.join(os.path.dirname(os.path.dirname(NACRED)), "tests", "disk_without_room.so")
    return {"LD_PRELOAD": library, "NO_ROOM_WHILE": path, "ASAN_OPTIONS": "verify_asan_link_order=0"}


async def says_why_it_waits(client, below):
    """Whether a node that waits at its start says so. It says it in its log first, and connects then; until the server knows that what
    it was before is gone, a request goes there."""
    with contextlib.suppress(NoRespondersError, asyncio.TimeoutError):
        health = await client.ask("node.n1.healthz", timeout=2)
        return health["status"] == "starting" and "the disk is full" in health["reason"] and health["disk_free"] < below
    return False


async def test_each_node_of_a_cluster_waits_for_room():
    with contextlib.ExitStack() as disks:
        cluster = Cluster(3, env=ENV, start=False)
        homes = {name: disks.enter_context(small_disk(96)) for name in cluster.nodes}
        for name, node in cluster.nodes.items():
            node.data_dir = os.path.join(homes[name], "data")
        async with cluster as c:
            c.start()
            client = await c.client()
            history, over = History(), False

            async def load(number):
                turn = 0
                while not over:
                    turn += 1
                    got = await history.append_once(client, f"s{number}", f"{number}.{turn}", "x" * 400, timeout=2)
                    if not isinstance(got, dict):
                        await asyncio.sleep(0.05)

            loads = [asyncio.create_task(load(i)) for i in range(12)]
            leader = await c.leader(client)
            for name in [leader, *(n for n in c.nodes if n != leader)]:
                acked = history.acked
                await wait_until(lambda: history.acked > acked + 300, 60, "it serves")
                ballast = os.path.join(homes[name], "ballast")
                fill_up(ballast)
                await wait_until(lambda: "until there is room" in c.nodes[name].log_text(), 30, f"{name} says so")
                await asyncio.sleep(1)  # of time that passes on a full disk
                os.unlink(ballast)
                check(all(node.alive() for node in c.nodes.values()), c.nodes[name].log_text()[-800:])
            acked = history.acked
            await wait_until(lambda: history.acked > acked + 300, 60, "it serves again")
            over = True
            await asyncio.gather(*loads)
            await same_state_everywhere(c, client)
            await history.judge_nodes(client, c.nodes)
            await client.close()


@contextlib.asynccontextmanager
async def on_small_disk():
    """A disk of 96 MiB, where it is, a node that keeps its data there, and a client."""
    with small_disk(96) as home:
        async with Both(data_dir=home, env={"NACRE_FEED": "off"}) as b:
            yield home, b.node, b.client


async def test_full_disk_is_read_only_until_there_is_room():
    async with on_small_disk() as (home, node, client):
        ballast = os.path.join(home, "ballast")
        equal((await client.append("s"))["seq"], 1)
        status = os.statvfs(home)
        with open(ballast, "wb") as f:
            f.write(b"\0" * (status.f_bavail * status.f_frsize - (2 << 20)))

        async def full():
            got = await client.append("s")
            return not isinstance(got, dict) and got[:2] == (507, 50701)

        await wait_until(full, 20, "507")
        for verb in ("stream.delete.s", "stream.meta.s"):
            equal((await client.ask(verb, b"{}"))[:2], (507, 50701), verb)
        events, _ = await client.read("read.s")
        check(len(events) >= 1, "reads go on")
        equal(json.loads((await client.request("node.n1.healthz")).data), {"status": "ok", "reason": "the disk is full: the store is read-only"})
        os.unlink(ballast)

        async def room():
            return isinstance(await client.append("s"), dict)

        await wait_until(room, 20, "it takes appends again")
        check(node.alive(), "alive")


async def test_a_disk_that_others_fill_up_is_waited_for():
    """The reserve is gone at once, with entries that are committed and not applied; then at a start."""
    with small_disk(96) as home:
        server = NatsServer()
        env = {"NACRE_FEED": "off", "NACRE_DATA_DIR": os.path.join(home, "data"), "NACRE_DISK_RESERVE_MB": "1"}
        node = Node(server, env=env)
        client = await Client.connect(server.url)
        ballast, acked, refused, said_before, over = os.path.join(home, "ballast"), 0, set(), 0, False

        async def load(stream):
            nonlocal acked
            while not over:
                got = await client.append(stream, bytes(500))
                if isinstance(got, dict):
                    acked += 1
                else:
                    refused.add(stream)
                    await asyncio.sleep(0.05)

        def stands():
            said = node.log_text()[said_before:]
            return "nothing is written until there is room" in said and "stalled: entry" in said

        async def goes_on():
            return isinstance(await client.append("s"), dict)

        try:
            loads = [asyncio.create_task(load(f"s{i}")) for i in range(16)]
            await wait_until(lambda: acked > 1000, 30, "under load")
            while not stands():  # or it has seen that there is no room before it has written anything
                refused.clear()
                said_before = len(node.log_text())
                fill_up(ballast)
                await wait_until(lambda: stands() or len(refused) == len(loads), 30, "it says so, or takes nothing up")
                if not stands():
                    os.unlink(ballast)
                    await wait_until(goes_on, 30, "it takes appends again")
            equal(json.loads((await client.request("node.n1.status")).data)["state"], "read_only")
            _, error = await client.read("read.s0")
            equal(error_of(error)[:2], (503, 10008))
            check("disk" in error_of(error)[2] and "make room" in error_of(error)[2], error_of(error))
            events, _ = await client.read("direct.read.s0")
            check(events, "what is applied is read all the same")
            os.unlink(ballast)
            await wait_until(goes_on, 30, "it takes appends again")
            over = True
            await asyncio.gather(*loads)
            check(node.alive(), node.log_text()[-600:])
            head = (await client.ask("store.info"))["head"]
            check(head >= acked, f"{head} events, {acked} acknowledged")

            node.kill()
            fill_up(ballast)
            node.spawn()
            await wait_until(lambda: "the node starts when there is room" in node.log_text(), 30, "it waits")

            await wait_until(lambda: says_why_it_waits(client, 1 << 20), 30, "who asks is told")
            shown = await Nacre(server.url)("health", "n1")
            equal(shown.code, 1, shown.err)
            check("not healthy  starting: the disk is full" in shown.out, shown.out)
            check(node.alive(), node.log_text()[-600:])
            os.unlink(ballast)
            wait_for(node.is_ready, 30, "it starts")
            await wait_until(goes_on, 30, "it takes appends")
            check((await client.ask("store.info"))["head"] > head, "all of it is there")
        finally:
            over = True
            await client.close()
            node.remove()
            server.remove()


async def test_a_node_that_ends_on_a_full_disk_does_not_end_with_0():
    """Its last checkpoint finds no room: the log has what that lacks, and the next start takes it from there."""
    async with on_small_disk() as (home, node, client):
        ballast = os.path.join(home, "ballast")
        for i in range(20):
            equal((await client.append("s", b"%d" % i))["seq"], i + 1)
        fill_up(ballast)
        node.process.send_signal(signal.SIGTERM)
        equal(node.process.wait(60), 70, node.log_text()[-600:])
        check("the last checkpoint failed: full" in node.log_text() and "make room" in node.log_text(), node.log_text()[-600:])
        os.unlink(ballast)
        node.start()
        events, _ = await client.read("read.s")
        equal([e.data for e in events], [b"%d" % i for i in range(20)])
        equal(node.term(), 0)
        node.start()


async def test_a_new_directory_on_a_full_disk_is_not_waited_for():
    with small_disk(1) as home:
        fill_up(os.path.join(home, "ballast"))
        node = Node(env={"NACRE_DATA_DIR": os.path.join(home, "data")}, start=False)
        try:
            code, log = node.refuses()
            equal(code, 73, log)
        finally:
            node.remove()


async def filled_up(client, number):
    """Appends as fast as they go, until the disk is full for good; the positions by id."""
    held, full = {}, 0

    async def one(event):
        nonlocal full
        got = await client.append("big", os.urandom(20000), headers={"Nats-Msg-Id": event})
        if isinstance(got, dict):
            held[event] = got["pos"]
        else:
            equal(got[:2], (507, 50701), got)
            full += 1

    async def room(event):
        await one(event)
        return event in held

    for k in range(2000):
        full = 0
        await asyncio.gather(*(one(f"{number}-{k}-{i}") for i in range(20)))
        if full == 20:
            try:
                await wait_until(lambda: room(f"{number}-{k}-again"), 1, "a checkpoint may give room back")
            except Failure:
                return held
    raise Failure("the disk does not get full")


async def test_a_store_that_fills_its_disk_goes_on_and_starts_again():
    async with on_small_disk() as (_, node, client):
        held = await filled_up(client, 1)
        check(len(held) * 20000 > 96 << 18, f"{len(held)} events are no quarter of the disk")
        check(node.alive(), "it does not end for want of room")
        node.kill()
        node.start()
        held.update(await filled_up(client, 2))
        node.term()
        node.start()
        for event, pos in random.sample(sorted(held.items()), 20):
            found = await client.request("get", json.dumps({"stream": "big", "id": event}).encode())
            equal(found.headers["Es-Position"], str(pos), event)


async def test_a_node_whose_state_a_full_disk_has_broken_starts_again_by_itself():
    """A checkpoint that had room when it began, and none when it wrote: WiredTiger goes on only when it is opened again."""
    with small_disk(96) as home:
        no_room, ballast = os.path.join(home, "no-room"), os.path.join(home, "ballast")
        with open(ballast, "wb") as f:
            f.write(bytes(8 << 20))
        async with Both(data_dir=home, env={**no_room_while(no_room), "NACRE_CHECKPOINT_S": "1"}) as b:
            for i in range(50):
                await b.client.append("s", b"%d" % i)
            process = b.node.process.pid
            open(no_room, "wb").close()
            await wait_until(lambda: "the node starts when there is room" in b.node.log_text(), 30, "it waits")
            await wait_until(lambda: says_why_it_waits(b.client, 96 << 20), 30, "who asks is told")
            os.unlink(no_room)
            os.unlink(ballast)
            await wait_until(lambda: b.node.log_text().count(" ready: ") == 2, 30, "it is ready again")
            equal((await b.client.append("s", b"50"))["seq"], 51)
            equal([msg.data for msg in await b.client.read_all("all")], [b"%d" % i for i in range(51)])
            equal(b.node.process.pid, process)
