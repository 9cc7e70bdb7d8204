# SPDX-License-Identifier: GPL-3.0-or-later
"""A member whose files are gone has forgotten what it promised: it comes back as another, or not at all."""
import os
import shutil

from harness import Cluster, check
from history import History
from test_cluster import same_state_everywhere
from test_whole import votes_again

ANEW = "joins its cluster anew"


async def judged(c, client, history):
    await same_state_everywhere(c, client)
    for name in c.nodes:
        await history.final(client, name, "direct.all")
    history.judge()


async def lost(what):
    async with Cluster(3) as c:
        client = await c.client()
        history = History()
        leader = await c.leader(client)
        for i in range(40):
            await history.append(client, f"s.{i % 3}", f"a{i}", "{}")
        name = next(n for n in c.nodes if n != leader)
        node = c.nodes[name]
        node.kill()
        for folder in what:
            shutil.rmtree(os.path.join(node.data_dir, folder))
        node.start()
        check(ANEW in node.log_text(), node.log_text()[-1500:])
        await votes_again(c, name)
        await judged(c, client, history)
        await client.close()


async def test_a_node_without_its_log_and_state_is_another():
    await lost(("log", "state"))


async def test_a_node_without_its_log_is_another():
    await lost(("log",))
