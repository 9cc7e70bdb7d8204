# SPDX-License-Identifier: GPL-3.0-or-later
"""A majority is gone for good: one node is made a cluster of its own, after it was said what may be lost."""
import os
import re
import shutil
import subprocess

from harness import NACRED, Cluster, Node, check, equal, wait_until
from history import History
from test_cluster import same_state_everywhere


def recover(node, *args):
    done = subprocess.run([NACRED, "recover", *args], env=node.command_env(), capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


async def test_one_node_that_is_left_is_made_a_cluster():
    async with Cluster(3) as c:
        client = await c.client()
        history = History()
        await c.leader(client)
        await history.append_many(client, 200, "a")
        await same_state_everywhere(c, client)
        for node in c.nodes.values():
            node.kill()
        for name in ("n2", "n3"):
            shutil.rmtree(c.nodes[name].data_dir)
        node = c.nodes["n1"]

        code, said = recover(node)
        equal(code, 0, said)
        check("Nothing was changed" in said and "Lost is what the others acknowledged" in said, said)
        members = re.search(r"members: (.*)", said)[1]
        check(all(name in members for name in ("n1 (this one)", "n2", "n3")), said)
        node.spawn()
        got = await history.append_once(client, "s.0", "no majority", "{}", timeout=6)
        check(not isinstance(got, dict), f"a node without a majority took an append: {got}")
        check("leads, term" not in node.log_text(), "it leads alone")
        node.kill()

        code, said = recover(node, "--yes")
        equal(code, 0, said)
        check("leads the new cluster" in said, said)
        node.start()
        await c.leader(client)
        await history.append_many(client, 50, "b")
        for name in ("n2", "n3"):
            c.nodes[name].start()
        said = [f"{name} has caught up, and votes from now on" for name in ("n2", "n3")]
        await wait_until(lambda: all(s in node.log_text() for s in said), 60, "n2 and n3 vote")
        await history.append_many(client, 50, "c")
        await same_state_everywhere(c, client)
        await history.judge_nodes(client, c.nodes)
        await client.close()


async def test_what_cannot_be_recovered_is_left_alone():
    node = Node(start=False)
    try:
        code, said = recover(node, "--yes")
        equal((code, os.path.exists(node.data_dir)), (73, False), said)
        check("there is nothing to recover from" in said, said)
        os.mkdir(node.data_dir)
        code, said = recover(node)
        equal((code, os.listdir(node.data_dir)), (73, []), said)
        node.start()
        node.term()
        code, said = recover(node, "--yes")
        equal(code, 73, said)
        check("no member of a cluster" in said, said)
        node.start()
        code, said = recover(node, "--yes")
        equal(code, 73, said)
        check("in use" in said, said)
    finally:
        node.remove()
