# SPDX-License-Identifier: GPL-3.0-or-later
"""nacre cluster and nacre verify, against nodes."""
import re

from cli import FAILED, NOT_FOUND, OK, REFUSED, UNAVAILABLE, USAGE, Nacre
from harness import Both, Cluster, check, equal, wait_until


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
        for verb in ("transfer", "remove", "promote"):
            ended = await n("cluster", verb, "n9")
            check(ended.code in (NOT_FOUND, REFUSED) and "no member has this name" in ended.err, f"{verb}: {ended.code} {ended.err}")
            await n.fails(USAGE, "missing: NODE", "cluster", verb)
        await client.close()


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
        await n.fails(UNAVAILABLE, "", "health", "--timeout", "1s")
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
        await n.fails(UNAVAILABLE, "is a node", "verify", "n9", "--timeout", "300ms")
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
        ended = await n("cluster", "remove", "n1")
        equal(ended.code, REFUSED, ended.err)
        equal((await n.ok("verify")).code, OK)
