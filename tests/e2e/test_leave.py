# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that leave: of requests that any node answers, none is lost with the one to which the server has sent it."""
import asyncio

from harness import Cluster, check, wait_for


async def test_who_ends_answers_what_was_on_its_way_to_it():
    async with Cluster(3) as c:
        clients = [await c.client() for _ in range(3)]
        await c.leader(clients[0])
        await clients[0].append("s")
        ending = False

        async def ask(client, subject, body):
            """Again and again: a request that is lost runs into its timeout."""
            count = 0
            while not ending:
                msg = await client.request(subject, body, timeout=5)
                check(not msg.headers or "Status" not in msg.headers and "Nats-Service-Error" not in msg.headers, f"{subject}: {msg.headers}")
                count += 1
            return count

        asking = [asyncio.ensure_future(ask(client, subject, body)) for client in clients
                  for subject, body in (("cluster.status", b""), ("direct.get", b'{"pos":1}'), ("direct.get", b'{"pos":1}'))]
        leader = await c.leader(clients[0])
        for name in [n for n in c.nodes if n != leader]:
            await asyncio.to_thread(c.nodes[name].term)
            c.nodes[name].spawn()
            await asyncio.to_thread(wait_for, c.nodes[name].is_ready, 30, f"{name} is ready")
        ending = True
        check(sum(await asyncio.gather(*asking)) > 100, "they have asked")
        for client in clients:
            await client.close()
