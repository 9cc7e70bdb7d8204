# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md section 7 where the server tells who listens: what nobody hears is not published, and who listens misses nothing."""
import asyncio
import contextlib
import itertools
import json
import os
import signal
import tempfile

from harness import Both, Client, Cluster, NatsServer, Node, Wires, check, equal, free_port, wait_for, wait_until

KNOWN = "the server tells who listens"
BURST = 400


async def unheard(client, node="n1"):
    return (await client.ask(f"node.{node}.status"))["counters"]["unheard"]


async def burst(client, streams, type="T"):
    for answer in await asyncio.gather(*(client.append(stream, type=type) for stream in streams)):
        check(isinstance(answer, dict), answer)


@contextlib.asynccontextmanager
async def placed(config="", env=None, **user):
    """A server with a port for leaf nodes, a node, a client."""
    async with Both(config, leaf=True, user=user, env=env) as b:
        yield b.server, b.node, b.client


@contextlib.asynccontextmanager
async def alone():
    """A node with a server of its own, whose interest is known, and a client."""
    node = Node()
    client = None
    try:
        told(node, KNOWN)
        client = await Client.connect(node.url)
        yield node, client
    finally:
        if client:
            await client.close()
        node.remove()


def names(of, count=BURST):
    return [f"{of}.{i}" for i in range(count)]


async def heard(sub, count):
    """The subjects of so many messages, and that no more come."""
    got = sorted([(await sub.next_msg(10)).subject for _ in range(count)])
    equal(sub.pending_msgs, 0, "and no more")
    return got


def told(node, what):
    wait_for(lambda: what in node.log_text(), 20, f"the node says '{what}'")


async def left_out(client, node="n1"):
    """Bursts that nobody hears, until some of one is not published: whether the server answers in time is not ours to say."""

    async def some():
        before = await unheard(client, node)
        await burst(client, names("nobody"))
        at = await unheard(client, node)
        check(at <= before + BURST, f"{before} before {BURST} that nobody heard, {at} after")
        return before < at

    await wait_until(some, 30, "what nobody hears is not published")


async def hears_what_it_asked_for(client, node):
    """With nobody, with who listens to a part, and with nobody again."""
    await left_out(client, node)
    sub = await client.nc.subscribe(f"{client.root}.event.Heard.*.*")
    await client.nc.flush()
    await asyncio.gather(burst(client, names("s"), "Heard"), burst(client, names("s"), "Other"))
    await client.nc.flush()
    equal(await heard(sub, BURST), sorted(f"{client.root}.event.Heard.{name}" for name in names("s")))
    await sub.unsubscribe()
    await client.nc.flush()
    await left_out(client, node)


async def test_what_nobody_hears_is_not_published():
    async with alone() as (_, client):
        await hears_what_it_asked_for(client, "n1")


async def test_who_subscribes_first_hears_its_event_however_much_comes_with_it():
    """Each event is of a large turn, whose other events nobody hears."""
    async with alone() as (node, client):
        other = await Client.connect(node.url)
        try:
            for i in itertools.count():
                if i >= 60 and await unheard(client) > 0:
                    break
                sub = await client.nc.subscribe(f"es.shop.event.*.mine.{i}")
                await client.nc.flush()
                await burst(other, [*names("noise", 100), f"mine.{i}", *names("noise", 20)])
                equal(await heard(sub, 1), [f"es.shop.event.T.mine.{i}"])
                await sub.unsubscribe()
        finally:
            await other.close()


async def test_a_batch_is_heard_by_who_listens_to_one_of_its_events():
    async with alone() as (_, client):
        sub = await client.nc.subscribe("es.shop.event.*.b.7")
        await client.nc.flush()
        events = [{"stream": f"b.{i}", "type": "T", "data": {"i": i}} for i in range(50)]
        batches = 0
        while batches < 5 or await unheard(client) == 0:
            answer = await client.ask("batch", json.dumps({"events": events}).encode())
            check(isinstance(answer, dict), answer)
            batches += 1
        equal(await heard(sub, batches), ["es.shop.event.T.b.7"] * batches)


async def test_who_comes_while_much_is_appended_hears_all_from_then_on_in_order():
    async with alone() as (node, client):
        other = await Client.connect(node.url)
        await left_out(client)
        appending = asyncio.create_task(busy(other))
        try:
            for _ in range(10):
                sub = await client.nc.subscribe("es.shop.event.>")
                got = [int((await sub.next_msg(10)).headers["Es-Position"]) for _ in range(BURST)]
                equal(got, list(range(got[0], got[0] + BURST)))
                await sub.unsubscribe()
        finally:
            appending.cancel()
            await asyncio.gather(appending, return_exceptions=True)
            await other.close()


async def busy(client):
    while True:
        await burst(client, names("nobody"))


async def test_while_the_server_does_not_tell_who_listens_nobody_misses_anything():
    """The line over which it tells is cut, not the one of requests and events."""
    wires, port = Wires(), free_port()
    try:
        env = {"NACRE_NATS_LEAF_PORT": str(wires.line("leaf", port))}
        async with placed(f"leafnodes {{ listen: '127.0.0.1:{port}' }}", env) as (_, node, client):
            told(node, KNOWN)
            await left_out(client)
            wires.cut({"leaf"})
            sub = await client.nc.subscribe("es.shop.event.*.s.*")
            await client.nc.flush()
            for _ in range(5):
                await burst(client, names("s"))
                equal(len(await heard(sub, BURST)), BURST)
            await sub.unsubscribe()
            wires.heal()
            await left_out(client)
    finally:
        wires.stop()


async def test_few_events_are_published_whatever_is_known():
    async with alone() as (_, client):
        for i in range(20):
            await client.append(f"few.{i}")
        equal(await unheard(client), 0)


LOCKED = """
accounts {
  A { users: [ { user: node, password: pw }, { user: app, password: pw, permissions: { publish: { allow: "es.>" }, subscribe: { allow: ["es.>", "_INBOX.>"] } } } ] }
  B { users: [ { user: other, password: pw } ] }
}
leafnodes { listen: "127.0.0.1:{leaf_port}" }
"""


async def with_leaf_user(user, password, says, known):
    env = {"NATS_USER": "node", "NATS_PASSWORD": "pw"}
    if user:
        env.update(NACRE_NATS_LEAF_USER=user, NACRE_NATS_LEAF_PASSWORD=password)
    async with placed(LOCKED, env, user="node", password="pw") as (_, node, client):
        told(node, says)
        check(password not in node.log_text(), "the password is not told")
        if known:
            await hears_what_it_asked_for(client, "n1")
        else:
            await burst(client, names("s", 100))
            equal(await unheard(client), 0, "everything is published")


async def test_the_user_of_the_connection_is_the_leaf_nodes_where_it_has_none():
    await with_leaf_user("", "secret", KNOWN, True)


async def test_a_wrong_password_is_told_and_everything_is_published():
    await with_leaf_user("node", "wrong_secret", "Authorization Violation", False)


async def test_a_user_with_permissions_is_not_shown_all():
    await with_leaf_user("app", "pw", "the user has permissions", False)


async def test_a_user_of_another_account_hears_of_others():
    await with_leaf_user("other", "pw", "another account", False)


async def test_a_port_that_is_not_there_is_told_once_and_taken_when_it_is():
    async with placed() as (server, node, client):
        told(node, KNOWN)
        with open(server.config, encoding="utf-8") as f:
            whole = f.read()
        server.stop()
        server.configure("")
        server.start()
        told(node, "every event is published")
        await asyncio.sleep(3)  # some attempts
        equal(node.log_text().count("every event is published, listened to or not: connection refused"), 1)
        server.stop()
        with open(server.config, "w", encoding="utf-8") as f:
            f.write(whole)
        server.start()
        wait_for(lambda: node.log_text().count(KNOWN) == 2, 20, "known again")
        await wait_until(lambda: serves(client), 20, "the client is back")
        await hears_what_it_asked_for(client, "n1")


async def serves(client):
    try:
        await client.ask("store.info", timeout=1)
    except Exception:  # noqa: BLE001: no server, no node: ask again
        return False
    return True


async def test_the_nodes_own_server_may_die_and_come_back():
    async with alone() as (node, client):
        with open(f"{node.data_dir}/nats-server.pid", encoding="utf-8") as f:
            os.kill(int(f.read()), signal.SIGKILL)
        wait_for(lambda: node.log_text().count(KNOWN) == 2, 20, "known again")
        await wait_until(lambda: serves(client), 20, "the client is back")
        await hears_what_it_asked_for(client, "n1")


async def test_who_listens_at_another_server_of_a_cluster_hears():
    nodes = Cluster(3, servers=3, straight=True, leaf=True)
    clients = []
    try:
        clients = [await nodes.client(i) for i in range(3)]
        leader = await nodes.leader(clients[0])
        told(nodes.nodes[leader], KNOWN)
        for client in clients:
            await hears_what_it_asked_for(client, leader)
    finally:
        for client in clients:
            await client.close()
        nodes.remove()


EXPORTED = """
accounts {
  A { users: [ { user: node, password: pw } ], exports: [ { stream: "es.shop.event.>" } ] }
  B { users: [ { user: app, password: pw } ], imports: [ { stream: { account: A, subject: "es.shop.event.>" }, prefix: "from.a" } ] }
}
leafnodes { listen: "127.0.0.1:{leaf_port}" }
"""


async def test_who_listens_in_an_account_that_imports_the_feed_hears():
    async with placed(EXPORTED, {"NATS_USER": "node", "NATS_PASSWORD": "pw"}, user="node", password="pw") as (server, node, client):
        told(node, KNOWN)
        app = await Client.connect(server.url, user="app", password="pw")
        try:
            await left_out(client)
            sub = await app.nc.subscribe("from.a.es.shop.event.*.s.*")
            await app.nc.flush()
            await burst(client, names("s"))
            equal(len(await heard(sub, BURST)), BURST)
        finally:
            await app.close()


async def test_a_stream_of_jetstream_that_captures_the_feed_has_all_of_it():
    with tempfile.TemporaryDirectory() as home:
        async with placed(f'jetstream {{ store_dir: "{home}" }}') as (_, node, client):
            told(node, KNOWN)
            await burst(client, names("before"))
            js = client.nc.jetstream()
            await js.add_stream(name="FEED", subjects=["es.shop.event.*.s.>"])
            await burst(client, names("s"))

            async def captured():
                return (await js.stream_info("FEED")).state.messages == BURST

            await wait_until(captured, 10, "all of them")


async def test_who_listens_at_a_leaf_node_of_the_server_hears():
    async with placed() as (server, node, client):
        told(node, KNOWN)
        far = NatsServer(f'leafnodes {{ remotes: [ {{ url: "nats-leaf://127.0.0.1:{server.leaf_port}" }} ] }}')
        there = None
        try:
            there = await Client.connect(far.url)
            sub = await there.nc.subscribe("es.shop.event.*.s.*")
            await there.nc.flush()
            await wait_until(lambda: serves(there), 20, "the other server has joined")
            await burst(there, names("s"))
            equal(len(await heard(sub, BURST)), BURST)
            await left_out(there)
        finally:
            if there:
                await there.close()
            far.remove()
