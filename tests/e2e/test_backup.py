# SPDX-License-Identifier: GPL-3.0-or-later
"""R.backup: the state of a node, sent chunk by chunk to who asks for it, with a stock client."""
import asyncio
import hashlib
import json
import os
import signal

import nats
from harness import Both, Client, Cluster, Failure, NatsServer, Node, Wires, check, equal, error_of, small_disk, wait_until
from stall import Stalled
from test_whole import SMALL, long_only, wipe


class Taken:
    """What a backup has sent, checked as it comes."""

    def __init__(self, said):
        self.said = said
        self.files, self.digest, self.chunks, self.whole, self.error, self.beats = {f["name"]: bytearray() for f in said["files"]}, bytes(32), 0, None, None, 0

    def take(self, msg):
        headers = msg.headers or {}
        equal(headers.get("Es-Backup"), self.said["backup"], f"every message of it says so: {headers}")
        if "Nats-Service-Error" in headers:
            self.error = json.loads(msg.data)["error"]
        elif headers.get("Status") == "100":
            self.beats += 1
        elif headers.get("Status") == "204":
            self.whole = headers
        else:
            self.chunk(headers, msg.data)

    def chunk(self, headers, data):
        self.chunks += 1
        equal(int(headers["Es-Backup-Chunk"]), self.chunks, "in order")
        file = self.files[headers["Es-Backup-File"]]
        equal(int(headers["Es-Backup-Offset"]), len(file), "from its beginning")
        sha256 = hashlib.sha256(data).digest()
        equal(sha256.hex(), headers["Es-Backup-Sha256"])
        self.digest = hashlib.sha256(self.digest + sha256).digest()
        file += data

    def judge(self):
        equal(self.error, None)
        equal({f["name"]: f["size"] for f in self.said["files"]}, {name: len(file) for name, file in self.files.items()})
        size = sum(len(file) for file in self.files.values())
        equal((int(self.whole["Es-Backup-Chunks"]), int(self.whole["Es-Backup-Bytes"]), self.whole["Es-Backup-Sha256"]), (self.chunks, size, self.digest.hex()))
        equal(self.said["bytes"], size)


async def listen(client):
    inbox = client.nc.new_inbox()
    return inbox, await client.nc.subscribe(inbox)


async def begin(client, inbox):
    return Taken(await client.ask("backup", json.dumps({"deliver": inbox}).encode(), timeout=30))


async def take(client, sub, taken, pause=0.0):
    while taken.whole is None and taken.error is None:
        msg = await sub.next_msg(10)
        taken.take(msg)
        await asyncio.sleep(pause)
        if msg.reply:
            await client.nc.publish(msg.reply, b"")
    return taken


async def backup(client):
    inbox, sub = await listen(client)
    taken = await take(client, sub, await begin(client, inbox))
    await sub.unsubscribe()
    return taken


async def status(client, node="n1"):
    return await client.ask(f"node.{node}.status")


async def fill(client, count, size=3000):
    data = json.dumps({"fill": "x" * size}).encode()
    await asyncio.gather(*(client.append(f"fill.{i % 7}", data) for i in range(count)))


async def is_over(client, node="n1"):
    return (await status(client, node))["backup"] is None


async def test_a_backup_is_sent_whole():
    async with Both() as b:
        client = b.client
        for i in range(50):
            await client.append(f"s.{i % 3}", b'{"n":%d}' % i)
        taken = await backup(client)
        taken.judge()
        said = taken.said
        info = await client.ask("store.info")
        equal((said["store"], said["node"], said["pos"], said["digest"], said["events"], said["time"]), ("shop", "n1", 50, info["digest"], 50, info["time"]))
        equal(said["cluster_id"], (await client.ask("cluster.status"))["cluster_id"])
        check({"manifest", "WiredTiger", "events.wt"} <= taken.files.keys(), taken.files.keys())
        await wait_until(lambda: is_over(client), 5, "it is over")


async def test_an_empty_store_is_backed_up():
    async with Both() as b:
        client = b.client
        taken = await backup(client)
        taken.judge()
        equal((taken.said["pos"], taken.said["events"]), (0, 0))


async def test_words_that_are_refused():
    async with Both() as b:
        client = b.client
        for body, why in (
            (b"", "deliver"),
            (b"{}", "deliver"),
            (b'{"deliver":""}', "deliver"),
            (b'{"deliver":7}', "deliver"),
            (b'{"deliver":"a.>"}', "deliver"),
            (b'{"deliver":"a.*"}', "deliver"),
            (b'{"deliver":"a b"}', "deliver"),
            (b'{"deliver":"a..b"}', "deliver"),
            (b'{"deliver":"es.shop.append.T.s"}', "deliver"),
            (b'{"deliver":"es.other"}', "deliver"),
            (b'{"deliver":"_es.shop.raft.n1"}', "deliver"),
            (b'{"deliver":"$JS.API.INFO"}', "deliver"),
            (b'{"deliver":"%s"}' % (b"a" * 400), "deliver"),
            (b'{"deliver":"a","deliver":"b"}', "deliver"),
            (b'{"deliver":"a","to":"b"}', "to"),
            (b"[]", ""),
            (b"nonsense", ""),
        ):
            msg = await client.request("backup", body)
            code, err_code, description = error_of(msg)
            equal((code, err_code), (400, 10003), f"{body}: {description}")
            check(why in description, f"{body}: {description}")
        msg = await client.request("backup", b'{"deliver":"a"}', headers={"Es-Expect": "7"})
        equal(error_of(msg)[:2], (400, 10003))
        equal((await status(client))["backup"], None)
        await client.append("s")


async def test_one_at_a_time_and_at_the_pace_of_who_reads():
    async with Both() as b:
        client = b.client
        await fill(client, 400)
        inbox, sub = await listen(client)
        taken = await begin(client, inbox)
        other = await client.nc.subscribe("elsewhere")
        msg = await client.request("backup", b'{"deliver":"elsewhere"}')
        equal(error_of(msg)[:2], (429, 10023))
        got = []
        while not got or not (got[-1].headers.get("Status") == "100"):
            got.append(await sub.next_msg(10))
        equal(len(got), 5, "four chunks, and then it waits")
        check(sum(len(m.data) for m in got) <= 512 << 10, "little is under way")
        for i in range(20):
            await client.append("meanwhile", b"{}")
        shown = (await status(client))["backup"]
        equal((shown["id"], shown["bytes"], shown["sent"]), (taken.said["backup"], taken.said["bytes"], sum(len(m.data) for m in got)))
        for m in got:
            taken.take(m)
        await client.nc.publish(got[-2].reply, b"+ACK")
        (await take(client, sub, taken)).judge()
        equal(taken.said["pos"], 400, "what was appended meanwhile is not in it")
        check(other.pending_msgs == 0, "nothing of what was refused")
        (await backup(client)).judge()


async def test_who_goes_away_leaves_nothing():
    async with Both() as b:
        client, node = b.client, b.node
        await fill(client, 400)
        for how in ("unsubscribes", "ends it", "never listened"):
            inbox, sub = await listen(client)
            if how == "never listened":
                await sub.unsubscribe()
            await begin(client, inbox)
            if how != "never listened":
                msg = await sub.next_msg(10)
            if how == "unsubscribes":
                await sub.unsubscribe()
            elif how == "ends it":
                await client.nc.publish(msg.reply, b"+TERM")
            await wait_until(lambda: is_over(client), 10, f"who {how} is noticed")
        equal(node.log_text().count("nobody listens any more"), 2, node.log_text())
        equal(node.log_text().count("who reads it has ended it"), 1, node.log_text())
        (await backup(client)).judge()


async def test_a_backup_under_load():
    async with Both() as b:
        client = b.client
        await fill(client, 200)
        going, done = True, []

        async def load(name):
            while going:
                done.append((await client.append(name, b'{"x":1}'))["pos"])

        tasks = [asyncio.create_task(load(f"load.{i}")) for i in range(8)]
        inbox, sub = await listen(client)
        for _ in range(3):
            await asyncio.sleep(0.3)
            before = max(done)
            taken = await begin(client, inbox)
            check(taken.said["pos"] >= before, f"{before} was acknowledged before it was asked for, it stands for {taken.said['pos']}")
            (await take(client, sub, taken)).judge()
            await wait_until(lambda: is_over(client), 5, "it is over")
        going = False
        await asyncio.gather(*tasks)


async def test_a_node_that_is_stopped_says_so():
    async with Both() as b:
        client, node = b.client, b.node
        await fill(client, 400)
        inbox, sub = await listen(client)
        taken = await begin(client, inbox)
        stops = asyncio.get_running_loop().run_in_executor(None, node.term)
        while taken.error is None:
            taken.take(await sub.next_msg(10))
        equal((taken.error["code"], taken.error["err_code"]), (503, 10008))
        check("stops" in taken.error["description"], taken.error)
        await stops


async def test_any_node_of_three_has_what_was_acknowledged():
    async with Cluster(3) as c:
        client = await c.client()
        await c.leader(client)
        asked = set()
        for i in range(40):
            pos = (await client.append("s", b"{}"))["pos"]
            taken = await backup(client)
            taken.judge()
            check(taken.said["pos"] >= pos, f"{taken.said['node']}: {pos} is missing from {taken.said['pos']}")
            asked.add(taken.said["node"])
            if len(asked) == 3 and i >= 6:
                break
        equal(asked, {"n1", "n2", "n3"})
        await client.close()


async def test_a_backup_without_a_majority_is_refused_in_time():
    async with Cluster(3, env={"NACRE_TIMEOUT_MS": "1500"}) as c:
        client = await c.client()
        await c.leader(client)
        await client.append("s", b"{}")
        for name in ("n2", "n3"):
            c.nodes[name].kill()
        inbox, _ = await listen(client)

        async def is_refused():
            try:
                msg = await client.request("backup", json.dumps({"deliver": inbox}).encode(), timeout=10)
            except nats.errors.NoRespondersError:  # it has lost its leader, and looks for one
                return False
            return msg.headers is not None and error_of(msg)[:2] == (503, 10008)

        await wait_until(is_refused, 20, "nobody can say what was acknowledged")
        c.nodes["n2"].start()
        await c.leader(client)
        (await backup(client)).judge()
        await client.close()


async def test_who_asks_is_answered_though_nobody_listens():
    """While a checkpoint is made a heartbeat finds that out: who asked may be somebody else."""
    async with Both() as b:
        await b.client.append("s")
        with Stalled(b.node, "nacre-export"):
            msg = await b.client.request("backup", b'{"deliver":"nobody.here"}', timeout=20)
            equal(error_of(msg), (503, 10008, "nobody listens any more"))
            check(await is_over(b.client), "another one may be asked for")
        (await backup(b.client)).judge()


async def test_no_backup_is_begun_while_a_node_drains():
    """It hands leadership over first, which takes a while if its heir does not answer."""
    async with Cluster(3) as c:
        client = await c.client()
        for of_others in (0, 1):  # one of them is the heir
            leader = await c.leader(client)
            await fill(client, 60)
            heir = c.nodes[[name for name in c.nodes if name != leader][of_others]]
            heir.process.send_signal(signal.SIGSTOP)
            inbox, _ = await listen(client)
            drains = asyncio.create_task(client.ask(f"node.{leader}.drain", timeout=20))
            while not drains.done():  # some reach the node when it has begun to leave what it listens to
                for _ in range(20):
                    await client.nc.publish("es.shop.backup", json.dumps({"deliver": inbox}).encode(), reply=client.nc.new_inbox())
                await asyncio.sleep(0.001)
            equal((await drains)["drained"], True)
            await wait_until(lambda n=leader: is_over(client, n), 5, "what the drained one has begun is over")
            heir.process.send_signal(signal.SIGCONT)
            c.nodes[leader].term()
            c.nodes[leader].start()
        await client.close()


async def test_a_connection_of_the_nodes_that_is_lost_ends_it():
    server, wires = NatsServer(), Wires()
    node = Node(server, env={"NACRE_NATS_URL": f"nats://127.0.0.1:{wires.line('node', server.port)}"})
    client = await Client.connect(server.url)
    try:
        await fill(client, 400)
        inbox, sub = await listen(client)
        taken = await begin(client, inbox)
        for _ in range(4):
            taken.take(await sub.next_msg(10))
        wires.cut({"node"})
        wires.heal()  # its connection ends
        while taken.error is None:
            taken.take(await sub.next_msg(20))
        equal((taken.error["code"], taken.error["err_code"]), (503, 10008))
        check("connection was lost" in taken.error["description"], taken.error)
        await wait_until(lambda: is_over(client), 5, "it is over")
        (await backup(client)).judge()
        await client.close()
    finally:
        node.remove()
        wires.stop()
        server.remove()


async def begin_at(client, node):
    """A backup that this node gives."""
    for _ in range(60):
        inbox, sub = await listen(client)
        taken = await begin(client, inbox)
        if taken.said["node"] == node:
            return sub, taken
        await sub.unsubscribe()
        await wait_until(lambda t=taken: is_over(client, t.said["node"]), 10, "it is over")
    raise Failure(f"{node} gives none")


async def test_a_peer_that_needs_a_newer_state_goes_first():
    async with Cluster(3, env=SMALL) as c:
        client = await c.client()
        leader = await c.leader(client)
        await fill(client, 400)
        sub, taken = await begin_at(client, leader)
        for _ in range(4):
            msg = await sub.next_msg(10)
            taken.take(msg)
        before = (await status(client, leader))["checkpoints"]
        for _ in range(8):
            await fill(client, 400)

        async def moved_on():
            return (await status(client, leader))["checkpoints"] > before + 1

        await wait_until(moved_on, 20, "the log begins behind what the backup holds")
        peer = next(name for name in c.nodes if name != leader)
        wipe(c.nodes[peer])
        c.nodes[peer].start()
        await wait_until(lambda: "state: a peer fetches it" in c.nodes[leader].log_text(), 60, "the peer fetches")
        await client.nc.publish(msg.reply, b"")
        while taken.error is None:
            taken.take(await sub.next_msg(10))
        equal((taken.error["code"], taken.error["err_code"]), (503, 10008))
        check("needs a newer state" in taken.error["description"], taken.error)
        await client.close()


async def test_a_minute_without_an_answer_is_the_end():
    """Of who reads, and of the disk."""
    long_only()
    async with Both() as b, Both() as other:
        for of in (b, other):
            await fill(of.client, 400)
        inbox, silent = await listen(b.client)
        taken = await begin(b.client, inbox)
        inbox, sub = await listen(other.client)
        waiting = await begin(other.client, inbox)
        with Stalled(other.node, "nacre-export"):
            for taker, messages, why in ((waiting, sub, "the disk does not answer"), (taken, silent, "nobody has answered a chunk for a minute")):
                while taker.error is None:
                    msg = await messages.next_msg(70)
                    taker.take(msg)
                    if taker is waiting and msg.reply and taker.error is None:
                        await other.client.nc.publish(msg.reply, b"")
                equal((taker.error["code"], taker.error["err_code"]), (503, 10008))
                check(why in taker.error["description"], taker.error)
            check(taken.beats > 30, "heartbeats went on")
            check(await is_over(other.client), "another one may be asked for")
        (await backup(other.client)).judge()
        (await backup(b.client)).judge()


async def test_a_disk_without_room_for_a_checkpoint_is_said():
    with small_disk(96) as home:
        server = NatsServer()
        node = Node(server, data_dir=home, env={"NACRE_FEED": "off", "NACRE_CHECKPOINT_S": "3600"})
        client = await Client.connect(server.url)
        try:
            await fill(client, 300)
            free = os.statvfs(home)
            with open(os.path.join(home, "ballast"), "wb") as f:
                f.write(b"\0" * (free.f_bavail * free.f_frsize))
            inbox, _ = await listen(client)
            msg = await client.request("backup", json.dumps({"deliver": inbox}).encode(), timeout=20)
            equal(error_of(msg)[:2], (507, 50701), error_of(msg))
            check("no room for a checkpoint" in error_of(msg)[2], error_of(msg))
            os.unlink(os.path.join(home, "ballast"))
            (await backup(client)).judge()
            await client.close()
        finally:
            node.remove()
            server.remove()
