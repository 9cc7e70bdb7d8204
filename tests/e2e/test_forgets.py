# SPDX-License-Identifier: GPL-3.0-or-later
"""A member whose files are gone, or are those of an earlier day, has forgotten what it promised: it comes back as another."""
import os
import shutil

from harness import Cluster, Node, check, equal, wait_until
from history import History
from test_cluster import same_state_everywhere
from test_whole import votes_again

ANEW = "joins its cluster anew"


async def judged(c, client, history):
    await same_state_everywhere(c, client)
    await history.judge_nodes(client, c.nodes)


async def lost(what):
    async with Cluster(3) as c:
        client = await c.client()
        history = History()
        leader = await c.leader(client)
        await history.append_many(client, 40, "a")
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


async def older_copy(starts, all_down=False):
    """A node comes back on a copy of its directory that was taken `starts` of its starts before its last stop."""
    async with Cluster(3) as c:
        client = await c.client()
        history = History()
        leader = await c.leader(client)
        name = next(n for n in c.nodes if n != leader)
        node = c.nodes[name]
        node.term()
        copy = os.path.join(node.home, "copy")
        shutil.copytree(node.data_dir, copy)
        for life in range(starts):
            node.start()
            await history.append_many(client, 20, f"{life}.")
            node.term()
        shutil.rmtree(node.data_dir)
        os.rename(copy, node.data_dir)
        others = [n for n in c.nodes if n != name] if all_down else []
        for other in others:
            c.nodes[other].kill()
        node.spawn()
        for other in others:
            c.nodes[other].spawn()
        await wait_until(lambda: ANEW in node.log_text(), 20, "it learns that it has been further")
        await votes_again(c, name)
        await judged(c, client, history)
        await client.close()


async def test_a_node_on_an_older_copy_of_its_directory_is_another():
    await older_copy(2)


async def test_a_node_on_a_copy_of_one_start_before_is_another():
    """Both count as the same start of it: they are told apart by the processes."""
    await older_copy(1)


async def test_a_node_on_an_older_copy_is_known_by_others_that_were_down_as_well():
    await older_copy(2, all_down=True)
    await older_copy(1, all_down=True)


async def test_a_copy_of_a_running_nodes_directory_is_refused_and_the_node_heard():
    async with Cluster(3) as c:
        client = await c.client()
        history = History()
        leader = await c.leader(client)
        name = next(n for n in c.nodes if n != leader)
        node = c.nodes[name]
        await history.append_many(client, 20, "a")
        copy = Node(node.server, env=node.env, start=False)
        shutil.copytree(node.data_dir, copy.data_dir)
        for _ in range(2):
            code, said = copy.refuses()
            equal(code, 73)
            check(f"another process runs as node {name}" in said, said)
        copy.remove()
        other = next(n for n in c.nodes if n not in (leader, name))
        c.nodes[other].kill()
        await history.append_many(client, 20, "b")
        c.nodes[other].start()
        check(ANEW not in node.log_text(), node.log_text()[-1500:])
        await judged(c, client, history)
        await client.close()
