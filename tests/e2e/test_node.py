# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's life: start and refusals to start, kill -9, lost servers, credentials, full disks, $SRV."""
import asyncio
import base64
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request

import msgpack
import nkeys
from cli import Nacre
from nats.errors import NoRespondersError

from harness import LONG, NACRED, Both, Client, Cluster, Failure, NatsServer, Node, Wires, check, equal, free_port, has_ended, wait_for, wait_until


async def test_names_as_long_as_they_may_be_are_whole_in_subjects():
    prefix, store, name = "p" * 64, "s" * 64, "n" * 64
    async with Both(env={"NACRE_PREFIX": prefix, "NACRE_STORE_ID": store, "NACRE_NODE_ID": name}) as b:
        client = Client(b.client.nc, f"{prefix}.{store}")
        for verb in ("status", "healthz", "verify", "drain"):
            check(json.loads((await client.request(f"node.{name}.{verb}", timeout=5)).data), verb)


async def test_node_status_health_and_store_info(_=None):
    async with Both() as b:
        await b.client.append("s", b"{}")
        status = json.loads((await b.client.request("node.n1.status")).data)
        equal((status["id"], status["role"], status["state"], status["store"]), ("n1", "leader", "serving", "shop"))
        check(status["applied"] > 0 and "refused_reply_subject" in status["counters"], str(status))
        equal(json.loads((await b.client.request("node.n1.healthz")).data)["status"], "ok")
        info = await b.client.ask("store.info")
        equal((info["store"], info["head"], info["events"], info["streams"]), ("shop", 1, 1, 1))


async def test_a_node_alone_is_the_one_member_of_its_cluster():
    async with Both() as b:
        ask = b.client.ask
        status = await ask("cluster.status")
        equal(([n["id"] for n in status["nodes"]], status["members_max"]), (["n1"], 1))
        equal(await ask("cluster.transfer", b'{"to":"n1"}'), {"leader": "n1"})
        equal(await ask("cluster.promote", b'{"node":"n1"}'), {"node": "n1"})
        equal(await ask("cluster.remove", b'{"node":"n1"}'), (400, 10003, "it is the last voter"))
        equal(await ask("cluster.remove", b'{"node":"n2"}'), (400, 10003, "node: no member has this name"))


async def test_srv_verbs():
    async with Both() as b:
        await b.client.append("s", b"{}")
        await b.client.append("s", b"")

        async def srv(subject):
            return json.loads((await b.client.nc.request(subject, b"", timeout=5)).data)

        ping = await srv("$SRV.PING")
        equal((ping["type"], ping["name"]), ("io.nats.micro.v1.ping_response", "nacre"))
        equal(ping["metadata"], {"store": "shop", "node": "n1", "role": "leader", "lag": "0"})
        info = await srv("$SRV.INFO.nacre")
        equal(info["type"], "io.nats.micro.v1.info_response")
        check(any(e["subject"] == "es.shop.append.>" for e in info["endpoints"]), "append is an endpoint")
        stats = await srv(f"$SRV.STATS.nacre.{ping['id']}")
        append = next(e for e in stats["endpoints"] if e["name"] == "append")
        equal((append["num_requests"], append["num_errors"], isinstance(append["last_error"], str)), (2, 1, True))
        read = next(e for e in stats["endpoints"] if e["name"] == "read")
        equal((read["num_requests"], read["last_error"]), (0, ""))
        equal([read["data"][k] for k in ("id", "role", "lag")], ["n1", "leader", 0])


async def test_srv_answers_are_shortened_to_what_the_server_takes():
    async with Both("max_payload: 4096", env={"NACRE_NODE_ID": "n1"}) as b:
        for verb in ("INFO", "STATS"):
            msg = await b.client.nc.request(f"$SRV.{verb}.nacre", b"", timeout=5)
            answer = json.loads(msg.data)
            check(3500 < len(msg.data) <= 4096, f"{verb}: {len(msg.data)} bytes")
            equal((answer["endpoints"][0]["name"], answer["metadata"]["node"]), ("append", "n1"), verb)
    async with Both("max_payload: 16KB", env={"NACRE_NODE_ID": "n1"}) as b:
        whole = json.loads((await b.client.nc.request("$SRV.INFO.nacre", b"", timeout=5)).data)
        stats = json.loads((await b.client.nc.request("$SRV.STATS.nacre", b"", timeout=5)).data)
        equal([e["name"] for e in stats["endpoints"]], [e["name"] for e in whole["endpoints"]])
        equal([e["data"].get("id") for e in stats["endpoints"][:2]], ["n1", None], "the node's data once")


async def test_sigterm_exits_0_and_a_restart_goes_on():
    async with Both() as b:
        for i in range(10):
            await b.client.append("s", str(i).encode(), headers={"Nats-Msg-Id": f"id{i}"})
        equal(b.node.term(), 0)
        b.node.start()
        again = await b.client.append("s", b"3", headers={"Nats-Msg-Id": "id3"})
        equal((again["seq"], again.get("duplicate")), (4, True))
        equal((await b.client.append("s", b"x"))["seq"], 11)


async def test_who_ends_a_node_from_a_terminal_does_not_end_its_server_under_it():
    """The signal goes to all of a group: the node ends its nats-server itself, when it needs it no more."""
    node = Node(program=shutil.which("setsid"), args=[NACRED])
    try:
        client = await Client.connect(node.url)
        os.killpg(node.process.pid, signal.SIGINT)
        await asyncio.gather(*(client.append("s") for _ in range(20)), return_exceptions=True)  # it may be gone before they come
        equal(node.process.wait(60), 0, node.log_text()[-600:])
        check("nats-server ended" not in node.log_text(), node.log_text()[-600:])
        with open(os.path.join(node.data_dir, "nats-server.pid"), encoding="utf-8") as f:
            server = int(f.read())
        await wait_until(lambda: has_ended(server), 10, "it is gone")
        await client.close()
    finally:
        node.remove()


async def test_a_server_that_refuses_in_turns_does_not_fill_the_log():
    """Now for one reason, now for another, four times a second: the first is told at once, then how many there were."""
    reasons = itertools.cycle(["maximum connections exceeded", "Authorization Violation"])
    tries = 0

    async def refuse(reader, writer):
        nonlocal tries
        tries += 1
        writer.write(b'INFO {"server_id":"x","version":"2.10.0","proto":1,"headers":true,"max_payload":1048576}\r\n')
        with contextlib.suppress(OSError):
            await reader.readuntil(b"PING\r\n")
            writer.write(f"-ERR '{next(reasons)}'\r\n".encode())
            await writer.drain()
        writer.close()

    port = free_port()
    refusing = await asyncio.start_server(refuse, "127.0.0.1", port)
    node = Node(env={"NACRE_NATS_URL": f"nats://127.0.0.1:{port}"}, start=False)
    try:
        node.spawn()
        await wait_until(lambda: "trying again" in node.log_text(), 20, "the first is told at once")
        await wait_until(lambda: "such messages in 10 s" in node.log_text(), 30, "the others are counted")
        before, told = tries, node.log_text().count("trying again")
        await wait_until(lambda: node.log_text().count("such messages in 10 s") == 2, 30, "they are counted again")
        check(tries > before + 10, f"{tries - before} tries")
        equal(node.log_text().count("trying again"), told + 1, node.log_text()[-2000:])
        refusing.close()
        await refusing.wait_closed()
        server = NatsServer(port=port)
        try:
            await wait_until(node.is_ready, 30, "it is ready")
            check("nats: connected" in node.log_text(), "that it is over is told")
            node.term()
        finally:
            server.remove()
    finally:
        node.remove()


async def test_times_that_a_clock_ahead_has_made_are_told_of():
    """Events keep the time of a clock that was an hour ahead, until the clock comes there: people are told how far that is."""
    library = os.path.join(os.path.dirname(os.path.dirname(NACRED)), "tests", "clock_ahead.so")
    async with Both(env={"LD_PRELOAD": library, "CLOCK_AHEAD_S": "3600", "ASAN_OPTIONS": "verify_asan_link_order=0"}) as b:
        client, told = b.client, []

        async def on_advisory(msg):
            told.append(json.loads(msg.data))

        async def status():
            return json.loads((await client.request("node.n1.status", timeout=5)).data)

        async def time_of(pos):
            return (await client.request("get", json.dumps({"pos": pos}).encode())).headers["Nats-Time-Stamp"]

        await client.nc.subscribe("es.shop.advisory.node.time_ahead", cb=on_advisory)
        equal((await client.append("s"))["seq"], 1)
        equal((await status())["time_ahead_ms"], 0, "by that clock")
        b.node.term()
        del b.node.env["CLOCK_AHEAD_S"]
        b.node.start()
        equal((await client.append("s"))["seq"], 2)
        equal(await time_of(2), await time_of(1), "times do not go back")
        await wait_until(lambda: told, 20, "an advisory")
        check(3500000 < told[0]["ahead_ms"] <= 3600000 and told[0]["type"] == "io.nacre.advisory.v1.node.time_ahead", str(told))
        check(3500000 < (await status())["time_ahead_ms"] <= 3600000, "status")
        check("ahead of this node's clock" in b.node.log_text(), b.node.log_text()[-600:])


async def test_a_node_alone_that_is_drained_takes_nothing_up_until_it_is_started_again():
    async with Both(env={"NACRE_NODE_ID": "n1"}) as b:
        await b.client.append("s")
        equal(await b.client.ask("node.n1.drain"), {"node": "n1", "drained": True})
        try:
            await b.client.append("s")
            raise Failure("an append was answered")
        except NoRespondersError:
            pass
        equal(json.loads((await b.client.request("node.n1.healthz")).data), {"status": "draining"})
        equal((await b.client.ask("cluster.status"))["nodes"][0]["state"], "draining")
        ended = await Nacre.beside(b.client)("health", "--timeout", "2s")
        equal((ended.code, ended.out), (1, "not healthy  drained: n1\n"))
        b.node.term()
        b.node.start()
        equal((await b.client.append("s"))["seq"], 2)


async def test_kill_9_under_load_loses_nothing_acknowledged():
    rounds = 500 if LONG else 30
    random.seed(1)
    async with Both(env={"NACRE_FEED": "off", "NACRE_CHECKPOINT_S": "1", "NACRE_LOG_SEGMENT_MB": "1"}) as b:
        acknowledged, refused, unknown = {}, set(), set()
        n = 0
        for _ in range(rounds):
            stop = False

            async def writer(w):
                nonlocal n
                while not stop:
                    n += 1
                    me = n
                    stale = me % 10 == 0
                    headers = {"Nats-Msg-Id": f"k{me}"}
                    if stale:
                        headers["Es-Expect"] = "999999"
                    try:
                        got = await b.client.ask(f"append.K.load.{w}", str(me).encode(), headers, timeout=1)
                    except Exception:  # noqa: BLE001 the node was killed: the outcome is unknown
                        unknown.add(me)
                        return
                    if isinstance(got, dict):
                        acknowledged[me] = (got["stream"], got["seq"], got["pos"])
                    else:
                        equal(got[:2], (400, 10071))
                        refused.add(me)

            tasks = [asyncio.create_task(writer(w)) for w in range(16)]
            await asyncio.sleep(random.uniform(0.01, 0.15))
            b.node.kill()
            stop = True
            await asyncio.gather(*tasks)
            b.node.start()
        stored = {}
        for e in await b.client.read_all("all"):
            number = int(e.data)
            check(number not in stored, f"{number} stands twice")
            stored[number] = (e.headers["Es-Stream"], int(e.headers["Nats-Sequence"]), int(e.headers["Es-Position"]))
        for number, place in acknowledged.items():
            equal(stored.get(number), place, f"acknowledged {number}")
        equal([r for r in refused if r in stored], [], "refused ones are absent")
        check(len(acknowledged) > rounds * 5, f"only {len(acknowledged)} acknowledged: no load")
        extra = set(stored) - set(acknowledged)
        check(extra <= unknown, "what is stored was acknowledged or unknown")


async def test_a_lost_nats_server_loses_no_acknowledged_event():
    async with Both() as b:
        for i in range(20):
            await b.client.append("s", str(i).encode())
        b.server.stop()
        await asyncio.sleep(0.3)
        b.server.start()

        async def back():
            try:
                return isinstance(await b.client.append("s", b"back", headers={"Nats-Msg-Id": "back"}), dict)
            except Exception:  # noqa: BLE001
                return False

        await wait_until(back, 20, "the node answers again")
        events, _ = await b.client.read("read.s")
        equal([e.data for e in events], [str(i).encode() for i in range(20)] + [b"back"])


async def test_a_message_torn_by_a_lost_connection_is_never_completed_by_others():
    server, wires = NatsServer(), Wires()
    node = Node(server, env={"NACRE_NATS_URL": f"nats://127.0.0.1:{wires.line('node', server.port)}"})
    client = await Client.connect(server.url)
    sent, torn = {}, []
    try:
        for round_ in range(3):
            torn.append(f"{round_} ".encode() + b"T" * 3000 + b"MARK" + b"T" * 100000)
            wires.tear(b"MARK")
            await client.nc.publish("es.shop.append.T.torn", torn[-1])
            await client.nc.flush()
            wait_for(lambda n=round_: node.log_text().count("reconnected") > n, 20, "it is connected again")
            await wait_until(lambda: client.is_heard("append.T.asked"), 20, "appends reach it")
            for i in range(40):
                data = b"%d %d " % (round_, i) + bytes([97 + i % 26]) * 5000
                answer = await client.append("whole", data)
                sent[answer["seq"]] = data
        events, _ = await client.read("read.whole")
        equal({int(e.headers["Nats-Sequence"]): bytes(e.data) for e in events}, sent, "what was appended")
        events, _ = await client.read("read.torn")
        check(all(bytes(e.data) in torn for e in events), "of what was torn nothing, or all")
    finally:
        await client.close()
        node.remove()
        wires.stop()
        server.remove()


async def test_an_answer_is_whole_or_has_no_end():
    """Reads go on while the node has no connection, and some beyond it: what was lost must not be closed over."""
    reads, events = 400, 2800  # so many that they last longer than it takes to connect again
    server, wires = NatsServer("max_payload: 65536"), Wires()
    node = Node(server, env={"NACRE_NATS_URL": f"nats://127.0.0.1:{wires.line('node', server.port)}"})
    client = await Client.connect(server.url)
    counts, closed = [0] * reads, set()
    try:
        batch = {"events": [{"stream": "s", "type": "T", "data": "x" * 300} for _ in range(100)]}
        for _ in range(events // 100):
            await client.ask("batch", json.dumps(batch).encode())

        async def read(i):
            async def on_message(msg):
                if msg.headers and msg.headers.get("Status"):
                    closed.add(i)
                elif not msg.headers:  # else it says that the rest is lost
                    counts[i] += len(msgpack.unpackb(msg.data))

            inbox = client.nc.new_inbox()
            await client.nc.subscribe(inbox, cb=on_message, pending_msgs_limit=-1, pending_bytes_limit=-1)
            await client.nc.publish("es.shop.all", b'{"max_bytes":2000000,"limit":10000,"format":"msgpack"}', reply=inbox)

        for i in range(reads):
            await read(i)
        await wait_until(lambda: sum(counts) > 0, 10, "the first events come")
        wires.cut({"node"})
        wires.heal()  # its connection ends

        async def at_rest():
            try:
                status = json.loads((await client.request("node.n1.status", timeout=1)).data)
            except Exception:  # noqa: BLE001 -- it has no connection yet
                return False
            return status["counters"]["reads_given_up"] + len(closed) >= reads

        await wait_until(at_rest, 20, "all reads have ended, in one way or the other")
        equal([counts[i] for i in closed if counts[i] != events], [], "events of answers that were closed")
        check(len(closed) < reads, "none was in the way of the loss")
    finally:
        await client.close()
        node.remove()
        wires.stop()
        server.remove()


async def test_an_event_that_no_message_may_hold_is_not_passed_over():
    server = NatsServer()
    node = Node(server)
    client = await Client.connect(server.url)
    try:
        for size in (10, 100000, 10):
            await client.append("s", b"x" * size)
        server.stop()
        server.configure("max_payload: 65536")
        server.start()
        await client.close()
        client = await Client.connect(server.url)
        wait_for(lambda: "reconnected" in node.log_text(), 20, "the node is connected again")
        await wait_until(lambda: client.is_heard("all"), 20, "reads reach it")
        for form in (b"{}", b'{"format":"msgpack"}'):
            events, error = await client.read("all", form)
            equal((events, error.headers.get("Nats-Service-Error-Code")), (None, "413"), "the answer")
        events, _ = await client.read("all", b'{"from":3}')
        equal(len(events), 1, "what is behind it")
    finally:
        await client.close()
        node.remove()
        server.remove()


async def test_a_node_goes_on_at_servers_that_its_own_has_told_it_of():
    route, other_route = free_port(), free_port()
    first = NatsServer(f"server_name: a\ncluster {{ name: c, listen: 127.0.0.1:{route}, routes: ['nats-route://127.0.0.1:{other_route}'] }}")
    second = NatsServer(f"server_name: b\ncluster {{ name: c, listen: 127.0.0.1:{other_route}, routes: ['nats-route://127.0.0.1:{route}'] }}")
    node = client = None
    try:
        client = await Client.connect([first.url, second.url])

        async def reads(count):
            try:
                return len((await client.read("read.s", timeout=1))[0] or []) == count
            except Exception:  # noqa: BLE001: the client, too, is looking for a server
                return False

        node, files = Node(first), set()
        for i in range(4):
            equal((await client.append("s"))["seq"], i + 1)
            server = (first, second)[i % 2]  # where the node is
            server.stop()
            wait_for(lambda n=i: node.log_text().count("nats: reconnected") > n, 20, "it is at the other one")
            server.start()
            await wait_until(lambda n=i: reads(n + 1), 20, "it answers from there")
            files.add(len(os.listdir(f"/proc/{node.process.pid}/fd")))
        equal(len(files), 1, f"files are not left open: {files}")
    finally:
        if client:
            await client.close()
        if node:
            node.remove()
        first.remove()
        second.remove()


def own_server_environment(node):
    pid = int(open(os.path.join(node.data_dir, "nats-server.pid")).read())
    return [line for line in open(f"/proc/{pid}/environ").read().split("\0") if line.startswith("GOGC=")]


async def test_its_own_server_collects_garbage_seldom_unless_told_how_often():
    for given, seen in ({}, ["GOGC=400"]), ({"GOGC": "150"}, ["GOGC=150"]):
        node = Node(env={"NACRE_NATS_PORT": str(free_port()), **given})
        try:
            equal(own_server_environment(node), seen)
        finally:
            node.remove()


async def test_its_own_server_keeps_no_subjects():
    node = Node(env={"NACRE_NATS_PORT": str(free_port())})
    server = None
    try:
        path = os.path.join(node.data_dir, "nats-server.conf")
        its_own = ("host", "port", "pid_file", "log_file", "leafnodes {")
        ours = [line for line in open(path).read().splitlines() if not line.startswith(its_own)]
        server = NatsServer("http: 127.0.0.1:-1\n" + "\n".join(ours))  # one that can be looked into
        client = await Client.connect(server.url)
        for i in range(100):
            await client.nc.publish(f"once.{i}", b"")
        await client.nc.flush()
        with urllib.request.urlopen(f"{server.monitor()}/subsz", timeout=10) as answer:
            equal(json.load(answer)["num_cache"], 0)
        await client.close()
    finally:
        node.remove()
        if server:
            server.remove()


async def test_starts_its_own_server_and_ends_it():
    port = free_port()
    node = Node(env={"NACRE_NATS_PORT": str(port)})
    try:
        equal(node.url, f"nats://127.0.0.1:{port}")
        client = await Client.connect(node.url)
        equal((await client.append("s"))["seq"], 1)
        pid = int(open(os.path.join(node.data_dir, "nats-server.pid")).read())
        os.kill(pid, 9)  # the node's own child

        async def again():
            try:
                return isinstance(await client.append("s", headers={"Nats-Msg-Id": "again"}), dict)
            except Exception:  # noqa: BLE001
                return False

        await wait_until(again, 20, "its server is started again")
        node.kill()  # the server outlives it; the next start ends it
        node.start()
        await client.close()
        client = await Client.connect(node.url)
        equal((await client.append("s"))["seq"], 3)
        await client.close()
        pid = int(open(os.path.join(node.data_dir, "nats-server.pid")).read())
        equal(node.term(), 0)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read().split()[2], 10, "its server has ended")
    finally:
        node.remove()


async def test_waits_for_a_server_that_comes_later():
    port = free_port()
    home = tempfile.mkdtemp(prefix="nacre-late-")
    node = Node(data_dir=home, env={"NACRE_NATS_URL": f"nats://someone:secret-word@127.0.0.1:{port}"}, start=False)
    server = None
    try:
        node.spawn()
        wait_for(lambda: f"not connected: No server available for connection at 127.0.0.1:{port}; trying again" in node.log_text(), 20, "it says where it is not connected to")
        check("secret-word" not in node.log_text(), node.log_text())
        server = NatsServer(port=port)
        wait_for(node.is_ready, 20, "ready")
    finally:
        node.remove()
        if server:
            server.remove()
        shutil.rmtree(home, ignore_errors=True)


async def refused(code, says, **options):
    node = Node(start=False, **options)
    try:
        have, log = node.refuses()
        equal(have, code, log)
        check(says in log, f"{log!r} says {says!r}")
    finally:
        node.remove()


async def test_refuses_wrong_settings_by_name():
    for env, says in [
        ({"NACRE_STORE_IDD": "x"}, "NACRE_STORE_IDD"),
        ({"NACRE_STORE_ID": "a.b"}, "NACRE_STORE_ID"),
        ({"NACRE_PREFIX": "_es"}, "NACRE_PREFIX '_es' is the nodes' own root"),
        ({"NACRE_PREFIX": "_INBOX"}, "NACRE_PREFIX '_INBOX' is where clients"),
        ({"NACRE_PREFIX": "_R_"}, "NACRE_PREFIX '_R_' is where clients"),
        ({"NACRE_PREFIX": "_GR_"}, "NACRE_PREFIX '_GR_' is where clients"),
        ({"NACRE_TIMEOUT_MS": "soon"}, "NACRE_TIMEOUT_MS"),
        ({"NACRE_DB_TYPE": "many"}, "NACRE_DB_TYPE"),
        ({"NATS_CREDS": "/nonexistent.creds", "NACRE_NATS_URL": "nats://127.0.0.1:1"}, "NATS_CREDS"),
        ({"NACRE_NATS_URL": "ftp://127.0.0.1:1"}, "NACRE_NATS_URL"),
        ({"NACRE_NATS_URL": "nats://127.0.0.1:1,http://127.0.0.1:1"}, "NACRE_NATS_URL"),
        ({"NACRE_NATS_URL": "nats://127.0.0.1:1,,nats://127.0.0.1:1"}, "NACRE_NATS_URL"),
    ]:
        await refused(64, says, env=env)
    await refused(64, "--no-such", args=["--no-such", "1"])


async def test_refuses_a_port_in_use():
    server = NatsServer()
    try:
        await refused(69, str(server.port), env={"NACRE_NATS_PORT": str(server.port)})
    finally:
        server.remove()


async def test_refuses_a_data_directory_that_cannot_be():
    for path in ("/dev/null", "/dev/null/below"):
        await refused(73, "the directory /dev/null", env={"NACRE_DATA_DIR": path})
        await refused(73, f"the data directory {path} cannot be opened", env={"NACRE_DATA_DIR": path})


async def test_a_data_directory_that_is_removed_ends_the_node():
    """What it went on to acknowledge would be nowhere."""
    for what in ("the directory", "its lock"):
        async with Both() as b:
            await b.client.append("s")
            if what == "its lock":
                os.remove(os.path.join(b.node.data_dir, "lock"))
            else:
                shutil.rmtree(b.node.data_dir)
            equal(await asyncio.to_thread(b.node.process.wait, 20), 73, b.node.log_text())
            check(f"the data directory {b.node.data_dir} was removed" in b.node.log_text() and "nothing that was acknowledged" not in b.node.log_text(), b.node.log_text())


async def test_refuses_a_nats_server_that_is_not_there_and_ends_in_order():
    node = Node(start=False, env={"NACRE_NATS_SERVER": "/nonexistent/nats-server"})
    try:
        code, log = node.refuses()
        equal(code, 69, log)
        check("/nonexistent/nats-server is not installed" in log and "still open" not in log, log)
    finally:
        node.remove()


async def test_refuses_a_second_node_and_another_store():
    async with Both() as b:
        second = Node(b.server, data_dir=b.node.home, start=False)
        code, log = second.refuses()
        equal(code, 73, log)
        check("in use" in log, log)
        equal((await b.client.append("still"))["seq"], 1)
        b.node.term()
        code, log = Node(b.server, data_dir=b.node.home, env={"NACRE_STORE_ID": "other"}, start=False).refuses()
        equal(code, 73, log)
        check("belongs to the store 'shop'" in log, log)
        b.node.start()


async def test_refuses_to_serve_a_store_that_another_serves():
    async with Both(env={"NACRE_NODE_ID": "n1"}) as b:
        told = []

        async def on_advisory(msg):
            told.append(json.loads(msg.data)["other"])

        await b.client.nc.subscribe("es.shop.advisory.node.store_claimed", cb=on_advisory)
        await b.client.append("s")
        second = Node(b.server, env={"NACRE_NODE_ID": "n2"}, start=False)
        try:
            code, log = second.refuses()
            equal(code, 73, log)
            check("node n1 serves the store shop on this NATS account already" in log and " ready: " not in log, log)
            check("another process, node n2, would serve the store shop as well" in b.node.log_text(), b.node.log_text())
            await wait_until(lambda: told == ["n2"], 10, f"an advisory: {told}")
            equal((await b.client.append("s"))["seq"], 2, "the first goes on")
            other_store = Node(b.server, env={"NACRE_STORE_ID": "other"})
            other_store.remove()
            b.node.kill()
            second.start()  # nobody serves it now
            equal((await b.client.append("s"))["seq"], 1, "of a store of its own")
            equal(b.node.refuses()[0], 73)
        finally:
            second.remove()


async def test_of_two_that_begin_to_serve_a_store_at_once_one_stays():
    server = NatsServer()
    try:
        for _ in range(3):
            pair = [Node(server, env={"NACRE_NODE_ID": name}, start=False) for name in ("n1", "n2")]
            for node in pair:
                node.spawn()
            wait_for(lambda p=pair: [n.alive() for n in p].count(False) == 1, 20, "one of them ends")
            stays, ends = sorted(pair, key=lambda n: not n.alive())
            equal(ends.process.returncode, 73, ends.log_text())
            wait_for(stays.is_ready, 20, "the other serves")
            for node in pair:
                node.remove()
    finally:
        server.remove()


async def test_a_single_node_is_refused_where_a_cluster_serves_the_store():
    async with Cluster(1) as c:
        single = Node(c.servers[0], env={"NACRE_NODE_ID": "alone"}, start=False)
        try:
            code, log = single.refuses()
            equal(code, 73, log)
            check("node n1 serves the store shop" in log, log)
        finally:
            single.remove()


async def test_writes_what_it_says_into_no_file_of_its_own():
    """A descriptor that is closed when it starts is given to the next file that is opened, such as a segment of its log."""
    async with Both() as b:
        for closed in ((2,), (1, 2), (0, 1, 2)):
            b.node.term()
            b.node.process = subprocess.Popen([NACRED], env=b.node.command_env(), preexec_fn=lambda: [os.close(n) for n in closed])
            await wait_until(lambda: appended(b.client), 30, "an append is answered")
            head = (await b.client.append("s"))["seq"]
            opened = [os.readlink(f"/proc/{b.node.process.pid}/fd/{n}") for n in closed]
            equal(opened, ["/dev/null"] * len(closed))
            b.node.term()
            b.node.start()
            equal(len((await b.client.read("read.s"))[0]), head)


async def appended(client):
    try:
        return await client.append("s")
    except NoRespondersError:
        return None


async def test_refuses_a_corrupt_log():
    async with Both(env={"NACRE_CHECKPOINT_S": "3600"}) as b:
        for i in range(50):
            await b.client.append("s", str(i).encode())
        b.node.kill()
        folder = os.path.join(b.node.data_dir, "log")
        segment = os.path.join(folder, sorted(n for n in os.listdir(folder) if n.endswith(".seg"))[0])
        with open(segment, "r+b") as f:
            f.seek(4096 + 700)
            byte = f.read(1)
            f.seek(4096 + 700)
            f.write(bytes([byte[0] ^ 4]))
        code, log = b.node.refuses()
        equal(code, 65, log)
        check("corrupt" in log and ".seg" in log and "backup" in log, log)
        with open(segment, "r+b") as f:
            f.seek(4096 + 700)
            f.write(byte)
        b.node.start()
        events, _ = await b.client.read("read.s")
        equal(len(events), 50)


async def test_refuses_when_the_log_is_gone_and_makes_a_state_that_is_gone_anew():
    for part in ["log", "state"]:
        async with Both() as b:
            await b.client.append("s")
            b.node.term()
            shutil.move(os.path.join(b.node.data_dir, part), os.path.join(b.node.home, "away"))
            if part == "state":
                b.node.start()  # the log has it all: replayed
                equal(len((await b.client.read("read.s"))[0]), 1)
                continue
            code, log = b.node.refuses()
            equal(code, 65, log)
            shutil.rmtree(os.path.join(b.node.data_dir, "log"), ignore_errors=True)
            shutil.move(os.path.join(b.node.home, "away"), os.path.join(b.node.data_dir, "log"))
            b.node.start()
            equal(len((await b.client.read("read.s"))[0]), 1, "nothing of it was touched")


async def test_refuses_when_the_newest_segments_of_its_log_are_gone():
    """Nothing but the log has what was acknowledged since the last checkpoint."""
    async with Both(env={"NACRE_CHECKPOINT_S": "3600", "NACRE_CHECKPOINT_LOG_MB": "1024", "NACRE_LOG_SEGMENT_MB": "1"}) as b:
        for _ in range(6):
            await b.client.append("s", bytes(400000))
        b.node.kill()
        folder, away = os.path.join(b.node.data_dir, "log"), os.path.join(b.node.home, "away")
        os.mkdir(away)
        segments = sorted((n for n in os.listdir(folder) if n.endswith(".seg")), reverse=True)
        check(len(segments) > 2, segments)
        for name in segments:
            shutil.move(os.path.join(folder, name), away)
            code, log = b.node.refuses()
            equal(code, 65, log)
            last = name == segments[-1]
            check(("the log is gone" if last else f"segment {int(name[:20])} is missing") in log, log)
        for name in segments:
            shutil.move(os.path.join(away, name), folder)
        b.node.start()
        equal((await b.client.append("s"))["seq"], 7, "nothing of it was touched")


async def test_credentials_of_each_kind():
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    home = tempfile.mkdtemp(prefix="nacre-creds-")
    seed_file = os.path.join(home, "user.nk")
    with open(seed_file, "wb") as f:
        f.write(bytes(seed) + b"\n")
    cases = [
        ('authorization { user: u, password: "p w" }', {"NATS_USER": "u", "NATS_PASSWORD": "p w"}, {"user": "u", "password": "p w"}),
        ("authorization { token: sesame }", {"NATS_TOKEN": "sesame"}, {"token": "sesame"}),
        (f"authorization {{ users: [ {{ nkey: {public} }} ] }}", {"NATS_NKEY": seed_file}, {"nkeys_seed": seed_file}),
    ]
    try:
        for config, env, options in cases:
            server = NatsServer(config)
            node = Node(server, env=env)
            try:
                client = await Client.connect(server.url, **options)
                equal((await client.append("s"))["seq"], 1, config)
                await client.close()
                for secret in [v for k, v in env.items() if k in ("NATS_PASSWORD", "NATS_TOKEN")]:
                    check(secret not in node.log_text(), "a secret is in the log")
            finally:
                node.remove()
                server.remove()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def jwt(issuer, subject, name, claims):
    """A NATS JWT, signed by the issuer's key (a keypair of nkeys)."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    head = part({"typ": "JWT", "alg": "ed25519-nkey"})
    body = part({"jti": name, "iat": 1700000000, "iss": issuer.public_key.decode(), "name": name, "sub": subject.public_key.decode(), "nats": claims})
    signed = head + b"." + body
    return (signed + b"." + base64.urlsafe_b64encode(issuer.sign(signed)).rstrip(b"=")).decode()


def creds_file(path):
    """Written there; the configuration of a server that lets its user in."""
    seeds = [nkeys.encode_seed(os.urandom(32), kind) for kind in (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER)]
    operator, account, user = (nkeys.from_seed(bytearray(seed)) for seed in seeds)
    unlimited = {"subs": -1, "data": -1, "payload": -1}
    account_jwt = jwt(operator, account, "A", {"type": "account", "version": 2,
                      "limits": {**unlimited, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}})
    user_jwt = jwt(account, user, "U", {"type": "user", "version": 2, "pub": {}, "sub": {}, **unlimited})
    operator_jwt = jwt(operator, operator, "O", {"type": "operator", "version": 2})
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n"
                f"-----BEGIN USER NKEY SEED-----\n{bytes(seeds[2]).decode()}\n------END USER NKEY SEED------\n")
    return f"operator: {operator_jwt}\nresolver: MEMORY\nresolver_preload: {{ {account.public_key.decode()}: {account_jwt} }}"


async def test_credentials_of_a_creds_file():
    with tempfile.TemporaryDirectory(prefix="nacre-creds-") as home:
        creds = os.path.join(home, "user.creds")
        async with Both(creds_file(creds), user={"user_credentials": creds}, env={"NATS_CREDS": creds}) as b:
            equal((await b.client.append("s"))["seq"], 1)


async def test_a_wrong_credential_is_said_and_tried_again():
    server = NatsServer("authorization { token: sesame }")
    node = Node(server, env={"NATS_TOKEN": "open"}, start=False)
    try:
        node.spawn()
        wait_for(lambda: f"not connected: Authentication Violation at 127.0.0.1:{server.port}" in node.log_text(), 20, "it says who does not let it in")
        check("Auth" in node.log_text(), node.log_text())
        check(node.alive() and " ready: " not in node.log_text(), "it neither serves nor gives up")
        equal(node.term(), 0)
    finally:
        node.remove()
        server.remove()


async def test_a_server_that_never_answers_holds_nothing_up():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        url = f"nats://127.0.0.1:{silent.getsockname()[1]}"
        server = NatsServer()
        node = Node(server, env={"NACRE_NATS_URL": f"{url},{server.url}"}, start=False)
        lost = Node(env={"NACRE_NATS_URL": url}, start=False)
        try:
            node.start()
            client = await Client.connect(server.url)
            equal((await client.append("s"))["seq"], 1)
            await client.close()
            equal(node.term(), 0)
            lost.spawn()
            wait_for(lambda: "not connected" in lost.log_text(), 20, "it says that it is not connected")
            equal(lost.term(20), 0, "asked to end while it connects")
        finally:
            node.remove()
            lost.remove()
            server.remove()


async def test_feed_off():
    async with Both(env={"NACRE_FEED": "off"}) as b:
        sub = await b.client.nc.subscribe("es.shop.event.>")
        await b.client.nc.flush()
        await b.client.append("s")
        await b.client.nc.flush()
        equal(sub.pending_msgs, 0)


async def test_max_event_bytes():
    async with Both(env={"NACRE_MAX_EVENT_BYTES": "100"}) as b:
        equal((await b.client.append("s", b"x" * 101))[:2], (413, 10054))
        equal((await b.client.append("s", b"x" * 100))["seq"], 1)


async def test_help_and_version_need_no_store():
    out = subprocess.run([NACRED, "--help"], capture_output=True, text=True, check=True).stdout
    check("NACRE_DATA_DIR" in out and "--data-dir" in out, out)
    out = subprocess.run([NACRED, "--version"], capture_output=True, text=True, check=True).stdout
    check(out.startswith("nacred "), out)
