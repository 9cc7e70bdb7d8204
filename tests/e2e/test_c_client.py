# SPDX-License-Identifier: GPL-3.0-or-later
"""libnacre, the C client: credentials of each kind, and nodes and consumers that are killed under it."""
import asyncio
import json
import os
import random
import shutil
import tempfile
import time

import nkeys
from harness import LONG, NACRED, Both, Cluster, NatsServer, Node, check, dies_with_us, equal, wait_until
from test_node import creds_file
from test_tls import certificates
from test_subs import create, info

BUILT = os.path.join(os.path.dirname(os.path.dirname(NACRED)), "tests")


class Program:
    """A C program beside the test, its output a line at a time."""

    def __init__(self, name, *arguments):
        self.command = [os.path.join(BUILT, name), *map(str, arguments)]

    async def __aenter__(self):
        self.lines = []
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, preexec_fn=dies_with_us(9))
        self.reading = asyncio.create_task(self.read())
        return self

    async def read(self):
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode().strip())

    async def ends(self, code=0, seconds=120):
        got = await asyncio.wait_for(self.process.wait(), seconds)
        await self.reading
        equal(got, code, f"exit code of {self.command[0]}: {self.lines[-5:]}")
        return self.lines

    async def __aexit__(self, *_):  # kill -9, if it has not ended
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self.reading


async def run(name, *arguments, code=0):
    async with Program(name, *arguments) as program:
        return await program.ends(code)


async def test_c_credentials_of_each_kind():
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    home = tempfile.mkdtemp(prefix="nacre-creds-")
    try:
        with open(os.path.join(home, "user.nk"), "wb") as f:
            f.write(b"# a comment\n" + bytes(seed) + b"\n")
        certificates(home, server="IP:127.0.0.1,DNS:localhost", client="DNS:client")
        tls = f'tls {{ cert_file: "{home}/server.pem", key_file: "{home}/server.key", ca_file: "{home}/ca.pem", verify: true }}'
        cases = [
            ('authorization { user: u, password: "p w" }', ["user=u", "password=p w"], ["user=u", "password=wrong"]),
            ("authorization { token: sesame }", ["token=sesame"], ["token=wrong"]),
            (f"authorization {{ users: [ {{ nkey: {public} }} ] }}", [f"nkey={home}/user.nk"], []),
            (tls, [f"ca={home}/ca.pem", f"cert={home}/client.pem", f"key={home}/client.key"], [f"ca={home}/ca.pem"]),
        ]
        for config, right, wrong in cases:
            server = NatsServer(config, scheme="tls" if config == tls else "nats")
            try:
                equal(await run("e2e_c_client", "connect", server.url, *right), ["connected"], config)
                said = await run("e2e_c_client", "connect", server.url, *wrong, code=1)
                check(said[0].startswith("refused: "), said)
                check("wrong" not in said[0] and "sesame" not in said[0], "a secret is told")
            finally:
                server.remove()
        said = await run("e2e_c_client", "connect", "nats://127.0.0.1:1", f"nkey={home}/ca.pem", code=1)
        check("nkey_file" in said[0], said)
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def test_c_credentials_of_a_creds_file():
    home = tempfile.mkdtemp(prefix="nacre-creds-")
    server = None
    try:
        server = NatsServer(creds_file(f"{home}/user.creds"))
        equal(await run("e2e_c_client", "connect", server.url, f"creds={home}/user.creds"), ["connected"])
        await run("e2e_c_client", "connect", server.url, code=1)
    finally:
        if server:
            server.remove()
        shutil.rmtree(home, ignore_errors=True)


async def test_c_answers_come_to_an_inbox_of_ones_own():
    users = """authorization { users: [
        { user: node, password: node },
        { user: app, password: app, permissions: { publish: ["es.shop.>"], subscribe: ["mine.>"] } } ] }"""
    server = NatsServer(users)
    node = Node(server, env={"NATS_USER": "node", "NATS_PASSWORD": "node"})
    try:
        arguments = ["append", server.url, "x", 100, "user=app", "password=app"]
        equal(await run("e2e_c_client", *arguments, "inbox=mine"), ["ok 100 duplicate 0 other 0"])
    finally:
        node.remove()
        server.remove()


async def appended_once(client, ids, count):
    """Each of the ids IDS.0 … is in the store, once."""
    seen = [e.headers["Nats-Msg-Id"] for e in await client.read_all("all") if e.headers["Nats-Msg-Id"].startswith(ids + ".")]
    equal(len(seen), len(set(seen)), "an id twice")
    equal(set(seen), {f"{ids}.{i}" for i in range(count)})


async def test_c_asynchronous_appends_survive_kill_9():
    count = 200000 if LONG else 20000
    random.seed(11)
    async with Both(env={"NACRE_FEED": "off"}) as b:
        async with Program("e2e_c_client", "append", b.server.url, "k", count) as program:
            for _ in range(20 if LONG else 3):
                await asyncio.sleep(random.uniform(0.1, 0.5))
                b.node.restart()
            lines = await program.ends()
        check(lines[-1].startswith(f"ok {count} ") and lines[-1].endswith(" other 0"), lines[-3:])
        await appended_once(b.client, "k", count)


async def test_c_a_lost_server_loses_nothing():
    count = 20000
    async with Both(env={"NACRE_FEED": "off"}) as b:
        await create(b.client, "lost", {"plugin": "by_event_type", "selector": "T"}, deliver={"subject": "work.lost"}, ack_wait_ms=2000, max_deliver=-1)
        async with Program("e2e_c_client", "follow", b.server.url, "lost") as follower:
            async with Program("e2e_c_client", "append", b.server.url, "l", count) as program:
                await wait_until(lambda: bool(follower.lines), 30, "the consumer is given events")
                b.server.stop()
                await asyncio.sleep(0.5)
                b.server.start()
                lines = await program.ends()
            check(lines[-1].startswith(f"ok {count} ") and lines[-1].endswith(" other 0"), lines[-3:])
            await wait_until(lambda: len(set(follower.lines)) == count, 60, "every event was delivered")
        await appended_once(b.client, "l", count)


async def test_c_appends_and_consumers_go_on_after_a_failover():
    """One of one event a message, and one of many, whose owner may be the leader or not."""
    count = 20000
    async with Cluster(3, env={"NACRE_FEED": "off"}) as cluster:
        client = await cluster.client()
        await cluster.leader(client)
        by_type = {"plugin": "by_event_type", "selector": "T"}
        await create(client, "f", by_type, ack_wait_ms=2000, max_deliver=-1)
        await create(client, "p", by_type, ack_wait_ms=2000, max_deliver=-1, ack="all", placement="spread")
        async with Program("e2e_c_client", "follow", cluster.url, "f") as follower, Program("e2e_c_client", "packed", cluster.url, "p") as packed:
            async with Program("e2e_c_client", "append", cluster.url, "f", count) as program:
                await wait_until(lambda: bool(follower.lines), 30, "the consumer is given events")
                leader = await cluster.leader(client)
                cluster.nodes[leader].kill()
                before, began = len(follower.lines), time.monotonic()
                await wait_until(lambda: len(follower.lines) >= min(before + 200, count), 60, "it is given more by another leader")
                print(f"the consumer went on {time.monotonic() - began:.1f} s after kill -9 of the leader")
                lines = await program.ends()
            check(lines[-1].startswith(f"ok {count} ") and lines[-1].endswith(" other 0"), lines[-3:])
            cluster.nodes[leader].start()
            for consumer in (follower, packed):
                await wait_until(lambda consumer=consumer: len(set(consumer.lines)) == count, 60, "every event was delivered")
        await appended_once(client, "f", count)
        await client.close()


async def test_c_each_consequence_exactly_once():
    """The example, three of it, with the node and the consumers killed at random."""
    orders, rounds = (2000, 40) if LONG else (200, 5)
    random.seed(5)
    async with Both(env={"NACRE_FEED": "off"}) as b:
        c = b.client
        for i in range(orders):
            await c.append(f"orders.{i}", json.dumps(i).encode(), type="OrderPlaced")

        async def consumer():
            """One place, in which whoever dies is followed by another."""
            while True:
                async with Program("examples/exactly_once", b.server.url):
                    await asyncio.sleep(random.uniform(0.2, 1.5))

        consumers = [asyncio.create_task(consumer()) for _ in range(3)]
        try:
            while rounds:
                await asyncio.sleep(random.uniform(0.3, 1))
                b.node.restart()
                rounds -= 1

            async def all_shipped():
                have = await info(c, "shipping")
                return have["ack_floor"] >= orders and have["in_flight"] == 0

            await wait_until(all_shipped, 120, "every order is acknowledged")
        finally:
            for task in consumers:
                task.cancel()
            await asyncio.gather(*consumers, return_exceptions=True)
        events, end = await c.read("type.ParcelPrepared", b'{"limit":10000}')
        equal(end.headers.get("Es-Next"), None, "all of them were read")
        equal(sorted(int(e.data) for e in events), list(range(orders)), "a parcel an order, no more and no less")
