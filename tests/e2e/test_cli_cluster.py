# SPDX-License-Identifier: GPL-3.0-or-later
"""nacre cluster and nacre verify, against nodes."""
import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile

from cli import FAILED, NACRE, NOT_FOUND, OK, REFUSED, UNAVAILABLE, USAGE, Nacre
from harness import Both, Client, Cluster, NatsServer, check, equal, wait_until


async def nodes_of(n):
    return {node["id"]: node for node in (await n.ok("cluster", "status", "--json")).json()["nodes"]}


async def test_status_transfer_and_remove_of_three():
    async with Cluster(3) as c:
        client = await c.client()
        n = Nacre(c.servers[0].url)
        leader = await c.leader(client)
        said = (await n.ok("cluster", "status")).out
        check(re.search(rf"^leader   {leader}$", said, re.M) and re.search(r"^health   healthy$", said, re.M), said)
        rows = {line.split()[0]: line.split() for line in said.splitlines() if re.match(r"n\d ", line)}
        equal({name: row[1] for name, row in rows.items()}, {"n1": "voter", "n2": "voter", "n3": "voter"})
        other = next(name for name in ("n1", "n2", "n3") if name != leader)
        await n.ok("append", "s", "T", "{}")
        await n.ok("cluster", "transfer", other)
        equal(await c.leader(client), other)
        last = next(name for name in ("n1", "n2", "n3") if name not in (leader, other))
        c.nodes[last].kill()
        await n.ok("cluster", "remove", last, "--timeout", "20s")
        await wait_until(lambda: is_gone(n, last), 20, f"{last} is no member")
        await n.ok("append", "s", "T", "{}")
        leader = await c.leader(client)
        equal((await n.ok("cluster", "drain", leader)).out, f"{leader} is drained\n")
        equal((await n.ok("cluster", "drain", leader, "--json")).json(), {"node": leader, "drained": True})
        ended = await n("health", leader)
        equal((ended.code, ended.out), (FAILED, "not healthy  draining\n"))
        await wait_until(lambda: states(n, leader, "draining"), 20, f"{leader} is shown as drained by every node")
        check(await c.leader(client) != leader, "another leads")
        equal((await n("cluster", "drain", "n9", "--timeout", "1s")).code, UNAVAILABLE)
        for verb in ("transfer", "remove", "promote"):
            ended = await n("cluster", verb, "n9")
            check(ended.code in (NOT_FOUND, REFUSED) and "no member has this name" in ended.err, f"{verb}: {ended.code} {ended.err}")
            await n.fails(USAGE, "missing: NODE", "cluster", verb)
        await client.close()


async def states(n, name, state):
    """Whoever answers: several times, so that it is not always the same."""
    return {(await nodes_of(n))[name]["state"] for _ in range(6)} == {state}


async def is_gone(n, name):
    return name not in await nodes_of(n)


async def test_without_a_majority_it_says_so():
    async with Cluster(3) as c:
        client = await c.client()
        n = Nacre(c.servers[0].url)
        leader = await c.leader(client)
        for name in list(c.nodes):
            if name != leader:
                c.nodes[name].kill()

        async def no_quorum():
            return (await n.ok("cluster", "status", "--json")).json()["health"] == "no_quorum"

        await wait_until(no_quorum, 20, "the last one knows that it is alone")
        check("no_quorum" in (await n.ok("cluster", "status")).out, "people are told")
        await n.fails(UNAVAILABLE, "", "append", "s", "T", "{}", "--timeout", "1s")
        await n.fails(UNAVAILABLE, "the cluster has no leader; unreachable: ", "health", "--timeout", "1s")

        async def says_starting():
            ended = await n("health", leader)
            return (ended.code, ended.out) == (FAILED, "not healthy  starting: no leader is known\n")

        await wait_until(says_starting, 20, "the node itself is not well: it cannot serve")
        others = [name for name in c.nodes if name != leader]
        await wait_until(lambda: "it takes a majority of the 3 voters; not seen: " in c.nodes[leader].log_text(), 20, "its log says so")
        check(all(name in c.nodes[leader].log_text().rsplit("not seen: ", 1)[1].split("\n")[0] for name in others), c.nodes[leader].log_text()[-400:])
        c.nodes[others[0]].spawn()
        await wait_until(lambda: "leads: there is a leader again" in c.nodes[leader].log_text(), 20, "and that it is over")
        c.nodes[others[0]].kill()
        await wait_until(says_starting, 20, "alone again")
        c.nodes[leader].kill()
        c.nodes[leader].spawn()
        await wait_until(lambda: "nats: connected" in c.nodes[leader].log_text().replace("nodes: connected", ""), 20, "it is back, and not ready")
        await wait_until(says_starting, 20, "nor is it then")
        await client.close()


async def test_verify_checks_each_node_and_compares_them():
    async with Cluster(3) as c:
        client = await c.client()
        n = Nacre(c.servers[0].url)
        await c.leader(client)
        for i in range(30):
            await client.append("s", str(i).encode())

        async def same():
            return {node["lag"] for node in (await nodes_of(n)).values()} == {0}

        await wait_until(same, 20, "all have applied the same")
        said = await n.ok("verify")
        equal(sorted(line.split()[:4] for line in said.lines), [[name, "good", "30", "events"] for name in ("n1", "n2", "n3")])
        equal(len({line.split()[5] for line in said.lines}), 1, "one digest")
        equal([r["state"] for r in (await n.ok("verify", "n2", "--json")).jsons()], ["good"])
        await n.fails(UNAVAILABLE, "is node 'n9' of store", "verify", "n9", "--timeout", "300ms")
        await client.close()


async def test_verify_of_what_does_not_hold_is_a_failure():
    async with Both() as b:
        n = Nacre(b.server.url)
        answer = b'{"node":"n7","state":"bad","pos":3,"head":9,"digest":"ab","bad":{"pos":4,"why":"its digest does not hold"}}'

        async def bad(msg):
            await b.client.nc.publish(msg.reply, answer)

        await b.client.nc.subscribe("es.shop.node.n7.verify", cb=bad)
        await b.client.nc.flush()
        ended = await n("verify", "n7")
        equal(ended.code, FAILED)
        check("position 4: its digest does not hold" in ended.out and "1 of 1 nodes" in ended.err, ended.out + ended.err)


async def test_one_node_is_a_cluster_too():
    async with Both() as b:
        n = Nacre(b.server.url)
        equal([(node["id"], node["role"]) for node in (await n.ok("cluster", "status", "--json")).json()["nodes"]], [("n1", "voter")])
        await n.fails(REFUSED, "it is the last voter", "cluster", "remove", "n1")
        equal((await n.ok("cluster", "transfer", "n1", "--json")).json(), {"leader": "n1"}, "it leads already")
        for verb in ("remove", "transfer", "promote"):
            await n.fails(REFUSED, "no member has this name", "cluster", verb, "n2")
        equal((await n.ok("cluster", "promote", "n1", "--json")).json(), {"node": "n1"}, "it votes already")
        await n.fails(REFUSED, "kept by a single node", "cluster", "join", "n2")
        equal((await n.ok("cluster", "join", "n1", "--json")).json(), {"node": "n1"})
        equal((await n.ok("verify")).code, OK)


# ---- Growing ------------------------------------------------------------------------------------


class Joining:
    """A `nacre cluster join` that runs; what it says, line by line."""

    @classmethod
    async def begin(cls, n, *args):
        self = cls()
        self.process = await n.start("cluster", "join", *args)
        return self

    async def says(self, what):
        line = (await asyncio.wait_for(self.process.stderr.readline(), 30)).decode()
        check(what in line, f"{what!r} is not in {line!r}")

    async def ended(self):
        out, err = await asyncio.wait_for(self.process.communicate(), 90)
        return self.process.returncode, out.decode(), err.decode()


async def row_is(n, name, **members):
    node = (await nodes_of(n)).get(name)
    return node is not None and members.items() <= node.items()


async def test_a_fourth_joins_and_a_fifth_is_removed_meanwhile():
    async with Cluster(3, env={"NACRE_AUTO_PROMOTE": "off"}) as c:
        client = await c.client()
        n = Nacre(c.servers[0].url)
        await c.leader(client)
        for i in range(50):
            await client.append("s", str(i).encode())
        joining = await Joining.begin(n, "n4", "--timeout", "60")
        await joining.says("n4: waiting for it to be started")
        c.add("n4", start=False).spawn()
        code, out, err = await joining.ended()
        equal((code, out), (OK, "n4 is a voter\n"), err)
        check(await row_is(n, "n4", role="voter"), "it votes")
        ended = await n.ok("cluster", "join", "n4", "--json")
        equal((ended.json(), ended.err), ({"node": "n4"}, ""), "it has joined already")

        c.add("n5", start=False).spawn()
        await wait_until(lambda: row_is(n, "n5", role="learner"), 30, "n5 is a learner")
        await wait_until(c.nodes["n5"].is_ready, 30, "n5 knows it, and will when it is started again")
        c.nodes["n5"].kill()
        missed_by = set()

        async def all_miss_it():
            status = json.loads((await client.request("cluster.status")).data)
            missed_by.update(status["node"] for node in status["nodes"] if (node["id"], node["state"]) == ("n5", "unreachable"))
            return len(missed_by) == 4

        await wait_until(all_miss_it, 30, "n5 is missed by all: any of them may be asked")
        joining = await Joining.begin(n, "n5")
        await joining.says("n5: waiting for it to be heard")
        await n.ok("cluster", "remove", "n5", "--timeout", "20s")
        code, out, err = await joining.ended()
        equal((code, out), (REFUSED, ""), err)
        check("no member has this name" in err, err)

        c.nodes["n5"].spawn()
        await wait_until(lambda: "not a member of its cluster any more" in c.nodes["n5"].log_text(), 30, "it is told")
        await n.fails(UNAVAILABLE, "it runs, and was removed: start it with an empty data directory", "cluster", "join", "n5", "--timeout", "2s")
        c.nodes["n5"].kill()
        shutil.rmtree(c.nodes["n5"].data_dir)
        c.nodes["n5"].spawn()
        await wait_until(lambda: row_is(n, "n5", role="learner"), 30, "n5 is a learner anew")

        async def promoted():
            # Any node answers the status, and a follower may still tell of the n5 that was removed.
            return (await n("cluster", "promote", "n5", "--timeout", "20s")).code == OK

        await wait_until(promoted, 60, "n5 is promoted")
        await wait_until(lambda: row_is(n, "n5", role="voter"), 30, "n5 votes")
        await client.close()


async def test_who_does_not_come_is_waited_for_in_vain():
    async with Cluster(1) as c:
        client = await c.client()
        n = Nacre(c.servers[0].url)
        await c.leader(client)
        ended = await n.fails(UNAVAILABLE, "n2 does not vote within 1 s; it waited for it to be started", "cluster", "join", "n2", "--timeout", "1s")
        equal(len(ended.err.splitlines()), 2, "what it waits for, and how it ended")
        equal(len((await n.fails(UNAVAILABLE, "within", "cluster", "join", "n2", "--timeout", "1s", "--quiet")).err.splitlines()), 1)
        shown = await n.on_terminal("cluster", "join", "n2", "--timeout", "2s")
        equal(shown.code, UNAVAILABLE)
        check("\r\x1b[K1 s" in shown.out, f"progress: {shown.out!r}")
        await n.fails(REFUSED, "it is the last voter", "cluster", "remove", "n1")
        c.nodes["n1"].kill()
        await n.fails(UNAVAILABLE, "waited for a node of the store to answer", "cluster", "join", "n2", "--timeout", "1s")
        await client.close()


async def test_nodes_that_promote_by_themselves_are_seen_in_too():
    async with Cluster(1) as c:
        client = await c.client()
        await c.leader(client)
        c.add("n2", start=False).spawn()
        equal((await Nacre(c.servers[0].url).ok("cluster", "join", "n2", "--timeout", "1m", seconds=70)).out, "n2 is a voter\n")
        await client.close()


async def test_a_full_cluster_refuses_at_once():
    server = NatsServer()
    try:
        client = await Client.connect(server.url)
        answer = {"nodes": [{"id": "n1", "role": "voter"}, {"id": "n2", "role": "voter"}], "members_max": 2}

        async def status(msg):
            await msg.respond(json.dumps(answer).encode())

        await client.nc.subscribe("es.shop.cluster.status", cb=status)
        await client.nc.flush()
        ended = await Nacre(server.url).fails(REFUSED, "the cluster has 2 members, and takes up no more", "cluster", "join", "n3", "--json")
        equal(json.loads(ended.err)["exit"], REFUSED)
        await client.close()
    finally:
        server.remove()


# ---- A lost majority ----------------------------------------------------------------------------


async def test_recover_makes_a_cluster_of_the_node_that_is_left():
    async with Cluster(3) as c:
        client = await c.client()
        await c.leader(client)
        await client.append("s", b"1")
        for node in c.nodes.values():
            node.kill()
        left = c.nodes["n1"]
        n = Nacre()
        n.env = left.command_env()
        said = (await n.ok("cluster", "recover")).out
        check("Lost is what the others acknowledged" in said and "Nothing was changed" in said, said)
        said = (await n.ok("cluster", "recover", "--yes", "--data-dir", left.data_dir)).out
        check("leads the new cluster" in said, said)
        left.start()
        equal(await c.leader(client), "n1")
        equal(list(await nodes_of(Nacre(c.servers[0].url))), ["n1"])
        ended = await n("cluster", "recover", "--yes")
        equal(ended.code, 73, "nacred's exit code, while it runs")
        check("in use" in ended.err, ended.err)
        await client.close()


async def test_recover_says_which_program_it_misses():
    with tempfile.TemporaryDirectory() as home:
        alone = shutil.copy(NACRE, home)

        def run(program, *args):
            return subprocess.run([program, *args], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False, timeout=30)

        ended = run(alone, "cluster", "recover")
        equal(ended.returncode, FAILED)
        check("nacre-cluster-recover is neither beside nacre nor in the path" in ended.stderr, ended.stderr)
        shutil.copy(os.path.join(os.path.dirname(NACRE), "nacre-cluster-recover"), home)
        ended = run(alone, "cluster", "recover")
        equal(ended.returncode, FAILED)
        check(f"{home}/nacred" in ended.stderr, ended.stderr)
