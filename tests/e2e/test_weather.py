# SPDX-License-Identifier: GPL-3.0-or-later
"""Three nodes of whose messages to each other some are lost, late, doubled and out of order, as PROTOCOL.md says they may be."""
import asyncio
import random
import time

from harness import LONG, Cluster, wait_until
from test_cluster import Writers, dropped, history_holds, same_state_everywhere
from test_subs_cluster import storm
from test_whole import Trial, loses_its_disk_and_is_whole_again
from weather import CONFIG, Weather


async def test_appends_are_neither_lost_nor_doubled_though_nodes_are_killed():
    async with Cluster(3, server_config=CONFIG) as c, Weather(c.url) as weather:
        client = await c.client()
        async with Writers(client) as w:
            end = time.monotonic() + (600 if LONG else 12)
            while time.monotonic() < end or len(w.acknowledged) <= 100 or weather.late <= 100:
                await asyncio.sleep(random.uniform(1, 3))
                name, last = random.choice(list(c.nodes)), w.n
                c.nodes[name].kill()
                await wait_until(lambda: max(w.acknowledged, default=0) > last, 60, "a new append after the kill")  # noqa: B023
                c.nodes[name].start()
        await history_holds(client, w.acknowledged)
        await same_state_everywhere(c, client, 60)

        async def came_twice():
            return (await dropped(c, client)).get("replayed", 0) > 20

        await wait_until(came_twice, 60, "some came twice, and were dropped")
        await client.close()


async def test_a_node_that_has_lost_its_disk_gets_the_state():
    async with Trial(server_config=CONFIG, filled=900) as t, Weather(t.c.url):
        name = await t.follower()
        await loses_its_disk_and_is_whole_again(t.c, name)
        await t.end()


async def test_each_event_is_delivered_in_order_and_has_its_consequence_once():
    """Its subscription moves among the nodes, one of which is killed now and then."""

    async def anyone(c, _client):
        return random.choice(list(c.nodes))

    async with Cluster(3, server_config=CONFIG) as c, Weather(c.url):
        await storm(c, 600 if LONG else 20, "spread", anyone)
