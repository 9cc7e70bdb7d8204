# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions that are too narrow for a node: it says what it lacks, and does not fill its log with that."""
import asyncio

from harness import Client, NatsServer, Node, check, wait_for, wait_until

HINT = "a node has to subscribe to es.shop.>, _es.shop.> and $SRV.>"


def server_with(publish):
    return NatsServer(f"authorization {{ users: [ {{ user: node, password: of-the-node, permissions: {{ publish: {publish} }} }}, {{ user: app, password: app }} ] }}")


def violations(node):
    log = node.log_text()
    check("of-the-node" not in log, log)
    return log.count("Permissions Violation")


async def test_what_is_missing_for_each_event_is_said_a_few_times_and_counted():
    server = server_with('{ allow: ">", deny: "es.shop.event.>" }')
    node = Node(server, env={"NATS_USER": "node", "NATS_PASSWORD": "of-the-node", "NACRE_NATS_LEAF_PORT": "0"})
    try:
        client = await Client.connect(server.url, user="app", password="app")
        for i in range(100):
            await client.append(f"s{i}")

        async def counted():
            return (await client.ask("node.n1.status"))["counters"]["nats_errors"] > 50

        await wait_until(counted, 10, "they are counted")
        check(0 < violations(node) <= 20, f"{violations(node)} lines")
        check(node.log_text().count(HINT) == 1, node.log_text())
        await client.close()
    finally:
        node.remove()
        server.remove()


async def test_a_node_of_a_cluster_that_may_not_speak_says_so_and_does_not_ask_the_faster():
    server = server_with('"es.shop.>"')
    node = Node(server, start=False, env={"NATS_USER": "node", "NATS_PASSWORD": "of-the-node", "NACRE_DB_TYPE": "cluster", "NACRE_CLUSTER_SECRET": "s", "NACRE_BOOTSTRAP_EXPECT": "2"})
    try:
        node.spawn()
        wait_for(lambda: HINT in node.log_text(), 20, "it says what it lacks")
        await asyncio.sleep(1)  # time that passes is what is tried
        check(violations(node) <= 20, f"{violations(node)} lines")
    finally:
        node.remove()
        server.remove()
