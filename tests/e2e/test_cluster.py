# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters: they form in every order, fail over, lose nothing, and let nobody in who does not belong."""
import asyncio
import hmac
import itertools
import json
import os
import random
import re
import shutil
import signal
import struct
import time

from harness import LONG, TOP, Cluster, Node, Probe, check, equal, free_port, wait_for, wait_until


async def status_of(client, node):
    return json.loads((await client.request(f"node.{node}.status", timeout=2)).data)


async def same_state_everywhere(cluster, client, seconds=20):
    """All that run have applied the same entries."""

    async def equal_now():
        try:
            got = [await status_of(client, name) for name in cluster.alive()]
        except Exception:  # noqa: BLE001: a server is being joined again
            return False
        return len({(s["applied"], s["position"]) for s in got}) == 1

    await wait_until(equal_now, seconds, "all nodes have applied the same")


class Writers:
    """Clients that append with ids, and try again with the same id until they are answered."""

    def __init__(self, client, count=8):
        self.client, self.count = client, count
        self.acknowledged, self.stopping, self.n = {}, False, 0

    async def write(self):
        while not self.stopping:
            self.n += 1
            me = self.n
            while True:
                try:
                    body = await self.client.ask(f"append.T.s{me % 7}", str(me).encode(), headers={"Nats-Msg-Id": f"w{me}"}, timeout=0.5)
                except Exception:  # noqa: BLE001: nobody leads, or no answer
                    body = None
                if isinstance(body, dict):
                    self.acknowledged[me] = (body["seq"], body["pos"])
                    break
                if self.stopping:
                    break
                await asyncio.sleep(0.02)

    async def __aenter__(self):
        self.tasks = [asyncio.ensure_future(self.write()) for _ in range(self.count)]
        return self

    async def __aexit__(self, *_):
        self.stopping = True
        await asyncio.gather(*self.tasks)


async def history_holds(client, acknowledged):
    """What was acknowledged is there, once, where it was said to be."""
    events = {}
    for msg in await client.read_all("all"):
        me = int(msg.data)
        check(me not in events, f"event {me} is there twice")
        events[me] = (int(msg.headers["Nats-Sequence"]), int(msg.headers["Es-Position"]))
    lost = {me for me in acknowledged if acknowledged[me] != events.get(me)}
    check(not lost, f"{len(lost)} of {len(acknowledged)} acknowledged appends are not where they were: {sorted(lost)[:5]}")


async def test_kill_9_of_the_leader_under_load():
    rounds = 50 if LONG else 5
    async with Cluster(3) as c:
        client = await c.client()
        longest = []
        async with Writers(client) as w:
            for _ in range(rounds):
                leader = await c.leader(client)
                before = len(w.acknowledged)
                await wait_until(lambda: len(w.acknowledged) > before + 50, 30, "appends before the kill")  # noqa: B023
                c.nodes[leader].kill()
                before, last, killed = len(w.acknowledged), w.n, time.monotonic()
                await wait_until(lambda: max(w.acknowledged) > last, 30, "a new append after the kill")  # noqa: B023
                longest.append(time.monotonic() - killed)
                await wait_until(lambda: len(w.acknowledged) > before + 50, 30, "appends after the kill")  # noqa: B023
                c.nodes[leader].start()
        await history_holds(client, w.acknowledged)
        await same_state_everywhere(c, client)
        longest.sort()
        print(f"{len(w.acknowledged)} appends; writes went on after {', '.join(f'{s:.2f}' for s in longest)} s")
        check(longest[int(len(longest) * 0.99)] < 2, f"writes go on again soon: {longest}")
        noticed = sum(text.count("which led, is gone from NATS") for text in c.log_texts())
        check(noticed >= rounds, f"who is gone from NATS is not waited for: {noticed} times of {rounds} deaths, each seen by up to two")
        await client.close()


async def test_all_killed_at_once_lose_nothing():
    async with Cluster(3) as c:
        client = await c.client()
        async with Writers(client) as w:
            for _ in range(10 if LONG else 1):
                before = len(w.acknowledged)
                await wait_until(lambda: len(w.acknowledged) > before + 200, 30, "appends")  # noqa: B023
                for node in c.nodes.values():
                    node.kill()
                c.start()
                await c.leader(client)
        await history_holds(client, w.acknowledged)
        await same_state_everywhere(c, client)
        await client.close()


async def cluster_status(client, timeout=2):
    return json.loads((await client.request("cluster.status", timeout=timeout)).data)


async def test_partition_of_the_leader():
    async with Cluster(3, servers=3) as c:
        clients = {name: await c.client(server=i, no_echo=False) for i, name in enumerate(c.nodes)}
        leader = await c.leader(clients["n1"])
        others = [name for name in c.nodes if name != leader]
        for i in range(10):
            await clients[others[0]].append("s", str(i).encode())
        probe = Probe(**clients)
        await probe.start()
        c.isolate(leader)
        await probe.say("cut")
        near, far = clients[leader], clients[others[0]]
        # The minority: a write is not acknowledged, a linearizable read is not answered with data.
        refused, (read, why) = await asyncio.gather(
            near.ask("append.T.s", b"lost", headers={"Nats-Msg-Id": "lost"}, timeout=15), near.read("read.s", timeout=15)
        )
        # What is judged next are the nodes: so first, that nothing but them can be at fault.
        equal((probe.crossings("cut", {leader}), c.stray_routes()), ([], []), "the cut holds")
        equal(refused[:2] if isinstance(refused, tuple) else refused, (503, 10008))
        equal((read, why.headers["Nats-Service-Error-Code"]), (None, "503"))
        # The majority goes on.
        new_leader = await c.leader(far)
        check(new_leader != leader, f"{leader} is cut off")
        equal((await far.append("s", b"kept", headers={"Nats-Msg-Id": "kept"}))["seq"], 11)

        async def minority_is_silent():
            try:
                await near.request("append.T.s", b"x", timeout=1)
            except Exception as error:  # noqa: BLE001
                return type(error).__name__ == "NoRespondersError"
            return False

        await wait_until(minority_is_silent, 10, "the deposed leader has given its subjects up")
        async def reads_its_own_state():
            try:  # the server may still pick a member of the queue group beyond the cut
                events, end = await near.read("direct.read.s", timeout=1)
            except Exception:  # noqa: BLE001
                return False
            equal((len(events), end.headers["Es-Node"]), (10, leader))
            return True

        await wait_until(reads_its_own_state, 30, "its own state can still be read directly")
        equal((probe.crossings("cut", {leader}), c.stray_routes()), ([], []), "the cut held to the end")
        c.heal()
        await same_state_everywhere(c, far, 30)
        events, _ = await near.read("read.s")
        equal([bytes(e.data) for e in events][10:], [b"kept"])
        again = await near.append("s", b"lost", headers={"Nats-Msg-Id": "lost"})
        equal((again["seq"], again.get("duplicate")), (12, None), "it was never executed before")
        for client in clients.values():
            await client.close()


async def test_reads_on_every_node():
    async with Cluster(3, servers=3) as c:
        clients = [await c.client(server=i) for i in range(3)]
        leader, nodes = await c.leader(clients[0]), set()
        equal(sorted([(await status_of(clients[0], name))["role"] for name in c.nodes]), ["follower", "follower", "leader"])
        equal((await status_of(clients[0], leader))["role"], "leader")
        for i in range(30):
            answer = await clients[i % 3].append("s", str(i).encode())
            # Read your writes, anywhere: wait for the position.
            events, end = await clients[(i + 1) % 3].read("direct.read.s", headers={"Es-Min-Position": str(answer["pos"])})
            equal(len(events), i + 1)
            check(int(end.headers["Es-Applied"]) >= answer["pos"], str(end.headers))
            nodes.add(end.headers["Es-Node"])
            events, _ = await clients[(i + 2) % 3].read("read.s")
            equal(len(events), i + 1, "linearizable")

        async def all_answer():
            nodes.add((await clients[0].read("direct.read.s"))[1].headers["Es-Node"])
            return nodes == set(c.nodes)

        await wait_until(all_answer, 10, f"all nodes answer, each in its turn: {nodes}")
        # An entry that is larger than a frame between nodes may be.
        large = random.randbytes(900 << 10)
        answer = await clients[0].append("large", large)
        for client in clients:
            events, _ = await client.read("direct.read.large", headers={"Es-Min-Position": str(answer["pos"])})
            check(bytes(events[0].data) == large, "it came in parts")
        none, error = await clients[0].read("direct.read.s", headers={"Es-Min-Position": "1000"}, timeout=10)
        equal((none, error.headers["Nats-Service-Error-Code"]), (None, "503"))
        for client in clients:
            await client.close()


def handed_over(cluster, leader, term):
    """Who stood for election because the leader of that term told it to, without waiting until it was missed."""
    to = re.search(r"handing leadership over to (\w+)", cluster.nodes[leader].log_text())
    check(to, f"{leader} hands leadership over: {cluster.nodes[leader].log_text()[-600:]}")
    check(f"stands for election, term {term + 1}\n" in cluster.nodes[to[1]].log_text(), cluster.nodes[to[1]].log_text()[-600:])


async def test_sigterm_hands_leadership_over():
    async with Cluster(3) as c:
        client = await c.client()
        async with Writers(client, 4) as w:
            for _ in range(3):
                leader = await c.leader(client)
                term = (await status_of(client, leader))["term"]
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(None, c.nodes[leader].term)
                handed_over(c, leader, term)
                before = len(w.acknowledged)
                await wait_until(lambda: len(w.acknowledged) > before + 20, 20, "appends")  # noqa: B023
                await loop.run_in_executor(None, c.nodes[leader].start)
        await history_holds(client, w.acknowledged)
        await client.close()


async def test_sigterm_of_a_leader_that_reaches_nobody_answers_what_is_pending():
    async with Cluster(3, env={"NACRE_TIMEOUT_MS": "2000"}) as c:
        client = await c.client()
        leader = await c.leader(client)
        for name in c.nodes:
            if name != leader:
                c.nodes[name].kill()
        pending = [client.ask(f"append.T.s{i}", b"{}") for i in range(50)]
        pending += [client.ask(f"stream.delete.s{i}", b'{"mode":"soft"}') for i in range(5)]
        pending += [client.ask("snap.put.s1", b"x", headers={"Es-Snapshot-Seq": "1"}), client.ask("cluster.remove", json.dumps({"node": next(n for n in c.nodes if n != leader)}).encode())]
        asked = asyncio.gather(*pending)

        async def are_pending():
            return (await status_of(client, leader))["pending_commands"] >= 56

        await wait_until(are_pending, 10, "nothing is answered yet")
        await asyncio.get_running_loop().run_in_executor(None, c.nodes[leader].term)
        equal({answer[:2] for answer in await asked}, {(503, 10008)}, "the outcome is not known")
        check("not everything was answered" not in c.nodes[leader].log_text(), "it did not run out of patience")
        await client.close()


async def test_a_read_that_runs_out_of_time_is_answered_once():
    async with Cluster(3, env={"NACRE_TIMEOUT_MS": "100"}) as c:
        client = await c.client()
        leader = await c.leader(client)
        await client.append("s")
        for name in c.nodes:
            if name != leader:
                c.nodes[name].kill()
        answers = []

        async def on_answer(msg):
            answers.append(msg.data)

        inbox = client.nc.new_inbox()
        await client.nc.subscribe(inbox, cb=on_answer)
        for _ in range(5):
            await client.nc.publish("es.shop.read.s", b"", reply=inbox)
        await wait_until(lambda: "does not lead any more" in c.nodes[leader].log_text(), 20, "it steps down")
        await client.request(f"node.{leader}.healthz")
        equal(len(answers), 5, "an answer each")
        await client.close()


async def test_what_a_node_asks_of_itself_is_no_request_that_failed():
    async with Cluster(3, env={"NACRE_TIMEOUT_MS": "100"}) as c:
        client = await c.client()
        leader = await c.leader(client)
        await client.ask("sub.create.s", json.dumps({"filter": {"plugin": "by_stream", "selector": "s"}}).encode())
        await client.append("s")
        inbox = client.nc.new_inbox()
        pulled = await client.nc.subscribe(inbox)
        await client.nc.publish("es.shop.sub.next.s", b"", reply=inbox)
        delivery = await pulled.next_msg(10)
        before = await status_of(client, leader)
        for name in c.nodes:
            if name != leader:
                c.nodes[name].kill()
        await client.nc.publish(delivery.reply, b"")  # its progress is for a log that nobody confirms
        await wait_until(lambda: "does not lead any more" in c.nodes[leader].log_text(), 20, "it steps down")
        after = await status_of(client, leader)
        check(after["pending_commands"] > 0, f"the progress is on its way: {after}")
        equal(after["counters"]["timed_out"], before["counters"]["timed_out"], "no request has run out of time")
        stats = json.loads((await client.nc.request("$SRV.STATS.nacre", b"", timeout=5)).data)
        equal({e["name"]: e["num_errors"] for e in stats["endpoints"] if e["num_errors"] and e["name"] != "store-info"}, {}, "nor has any failed")
        await client.close()


async def test_a_drained_node_answers_no_application_and_goes_on_voting():
    async with Cluster(3) as c:
        client = await c.client()
        drained, told = await c.leader(client), []

        async def on_advisory(msg):
            told.append(json.loads(msg.data))

        await client.nc.subscribe("es.shop.advisory.node.drained", cb=on_advisory)
        equal((await client.ask(f"node.{drained}.drain", b'{"to":"n1"}'))[:2], (400, 10003))
        async with Writers(client, 4) as w:
            await wait_until(lambda: len(w.acknowledged) > 50, 20, "appends")
            term = (await status_of(client, drained))["term"]
            equal(await client.ask(f"node.{drained}.drain"), {"node": drained, "drained": True})
            equal(await client.ask(f"node.{drained}.drain", b"{}"), {"node": drained, "drained": True}, "once more")
            leader = await c.leader(client)
            check(leader != drained, f"{drained} leads")
            before = len(w.acknowledged)
            await wait_until(lambda: len(w.acknowledged) > before + 50, 20, "appends under the next leader")
            handed_over(c, drained, term)
            equal(json.loads((await client.request(f"node.{drained}.healthz")).data), {"status": "draining"})
            status = await status_of(client, drained)
            equal((status["state"], status["role"]), ("draining", "follower"))
            check([(a["type"], a["node"]) for a in told] == [("io.nacre.advisory.v1.node.drained", drained)], str(told))
            equal((await client.ask("cluster.transfer", json.dumps({"to": drained}).encode()))[1:], (10003, "it is drained; start it again first"))
            equal((await client.ask(f"node.{drained}.verify", b'{"start":true}'))[1:], (10023, "this node is drained, and begins no check until it is started again"))

            async def all_others_answer():
                answered = {(await client.read("direct.read.s1"))[1].headers["Es-Node"] for _ in range(30)}
                check(drained not in answered, "who is drained answers no application")
                return answered == set(c.nodes) - {drained}

            await wait_until(all_others_answer, 10, "the others answer applications")
            # Of the others one dies: without the votes and the disk of the drained one nothing would go on. It may be elected itself,
            # where it has more: then it brings the other up to date, and hands over.
            c.nodes[leader].kill()
            last = next(name for name in c.nodes if name not in (leader, drained))
            equal(await c.leader(client), last)
            before = len(w.acknowledged)
            await wait_until(lambda: len(w.acknowledged) > before + 50, 20, "appends with the drained one's help")
            c.nodes[leader].start()
            await asyncio.get_running_loop().run_in_executor(None, c.nodes[drained].term)
            c.nodes[drained].start()
        equal(json.loads((await client.request(f"node.{drained}.healthz")).data), {"status": "ok"}, "a start ends it")
        await history_holds(client, w.acknowledged)
        await same_state_everywhere(c, client)
        await client.close()


async def test_leadership_is_not_handed_over_to_who_is_drained():
    async with Cluster(3) as c:
        client = await c.client()
        leader = await c.leader(client)
        # Whom it would choose where all have the same: the first of the others, as they stand in the log.
        first, other = [n["id"] for n in (await cluster_status(client))["nodes"] if n["id"] != leader]
        await client.append("s")
        await same_state_everywhere(c, client)
        equal(await client.ask(f"node.{first}.drain"), {"node": first, "drained": True})

        async def heard(by, whom):
            status = await cluster_status(client)
            return status["node"] == by and any(n["id"] == whom and n["state"] == "draining" for n in status["nodes"])

        await wait_until(lambda: heard(leader, first), 20, "the leader has heard that it is drained")
        await asyncio.get_running_loop().run_in_executor(None, c.nodes[leader].term)
        check(f"handing leadership over to {other}" in c.nodes[leader].log_text(), c.nodes[leader].log_text()[-600:])
        equal(await c.leader(client), other)
        # Where nobody else is left, it is who is drained.
        c.nodes[leader].start()
        equal(await client.ask(f"node.{leader}.drain"), {"node": leader, "drained": True})
        await client.append("s")
        await same_state_everywhere(c, client)
        await asyncio.get_running_loop().run_in_executor(None, c.nodes[other].term)
        check("handing leadership over to" in c.nodes[other].log_text(), c.nodes[other].log_text()[-600:])
        await client.close()


async def test_membership_is_told_and_changed():
    async with Cluster(3) as c:
        client = await c.client()
        leader = await c.leader(client)
        advisories = []

        async def on_advisory(msg):
            advisories.append(json.loads(msg.data))

        await client.nc.subscribe("es.shop.advisory.>", cb=on_advisory)
        status = await cluster_status(client)
        equal((status["store"], status["leader"], status["health"]), ("shop", leader, "healthy"))
        equal(sorted((n["id"], n["role"], n["state"]) for n in status["nodes"]), [(f"n{i}", "voter", "serving") for i in (1, 2, 3)])
        check(len(status["cluster_id"]) == 32 and status["cluster_id"] != "0" * 32, status["cluster_id"])

        to = next(n for n in c.nodes if n != leader)
        equal(await client.ask("cluster.transfer", json.dumps({"to": to}).encode()), {"leader": to})
        equal(await c.leader(client), to)
        await wait_until(lambda: any(a["type"].endswith("leader_elected") and a["node"] == to for a in advisories), 5, "the advisory")
        for body in (b"", b"{}", b'{"to":1}', b'{"to":"n9"}', b'{"to":"n1","x":1}', b'{"node":"n1"}', b"[]"):
            equal((await client.ask("cluster.transfer", body))[:2], (400, 10003), str(body))

        # A node whose clock is wrong is told of.
        frames, n = Frames(Cluster.SECRET), Frames.number
        fields = [n(1), n(7), n(0), n(3), Frames.bin(bytes(16)), *[n(0)] * 5, n(time.time_ns() - 90 * 10**9), n(1), b"\xa50.1.0", b"\x90"]
        await client.nc.publish("_es.shop.hello", frames.seal(bytes(16), "late", 99, "*", 1, 1, 0, 1, b"\x9e" + b"".join(fields)))

        def skew_is_told():
            return any(a["type"] == "io.nacre.advisory.v1.cluster.clock_skew" and a["other"] == "late" and -95000 < a["skew_ms"] < -85000 for a in advisories)

        await wait_until(skew_is_told, 5, "the advisory of a clock that is behind")

        # Grow by two, shrink by one, replace the one that is gone.
        for name in ("n4", "n5"):
            c.add(name)

        async def voters(count):
            s = await cluster_status(client)
            return sum(n["role"] == "voter" for n in s["nodes"]) == count and s["health"] == "healthy"

        await wait_until(lambda: voters(5), 30, "five voters")
        equal((await client.append("s"))["seq"], 1)
        await same_state_everywhere(c, client)
        leads = await c.leader(client)
        gone = next(n for n in ("n5", "n4") if n != leads)
        c.nodes[gone].kill()
        await wait_until(lambda: health_is(client, "degraded"), 20, "degraded")
        equal(await client.ask("cluster.remove", json.dumps({"node": gone}).encode()), {"node": gone})
        await wait_until(lambda: voters(4), 20, "four voters")
        # Who was removed does not come back by itself, and says so.
        c.nodes[gone].spawn()
        wait_for(lambda: "not a member of its cluster any more" in c.nodes[gone].log_text(), 20, "it says that it was removed")
        await asyncio.sleep(1)
        check(await voters(4), "it is not taken up again")
        equal((await status_of(client, gone))["role"], "removed")
        await client.close()


async def test_who_is_removed_while_it_runs_says_so_and_answers_for_the_store_no_more():
    async with Cluster(3) as c:
        client = await c.client()
        leads = await c.leader(client)
        gone = next(name for name in c.nodes if name != leads)
        equal((await client.append("s"))["seq"], 1)
        equal(await client.ask("cluster.remove", json.dumps({"node": gone}).encode()), {"node": gone})

        async def knows_it():
            return (await status_of(client, gone))["role"] == "removed"

        await wait_until(knows_it, 20, "it knows that it was removed")
        equal((await status_of(client, gone))["state"], "removed")
        equal(await client.ask(f"node.{gone}.healthz"), {"status": "removed"})
        for _ in range(30):
            status = await cluster_status(client)
            equal((status["node"] == gone, len(status["nodes"])), (False, 2), "who answers, and of how many")
            _, closing = await client.read("direct.read.s")
            check(closing.headers["Es-Node"] != gone, "it is not read from")
        await client.close()


async def put_the_leader_to_sleep(c, client):
    """It has heard a newcomer, and stands still before it counts it; the next leader does. What it says when it goes on is of then.
    The one that sleeps, and the name of the newcomer, which votes."""
    slept = c.nodes[await c.leader(client)]
    name = next(name for name, node in c.nodes.items() if node is not slept)
    newcomer = c.nodes[name]
    newcomer.kill()
    shutil.rmtree(newcomer.data_dir)
    newcomer.spawn()
    await wait_until(lambda: "nats, between nodes" in newcomer.log_text(), 20, "it is heard")
    await asyncio.sleep(0.4)  # hellos come and go; it is not counted yet
    slept.process.send_signal(signal.SIGSTOP)

    async def votes():
        try:
            status = await cluster_status(client, timeout=0.5)
        except Exception:  # noqa: BLE001: it went to the one that sleeps
            return False
        return [n["role"] for n in status["nodes"] if n["id"] == name] == ["voter"] and "ready: " in newcomer.log_text()

    await wait_until(votes, 60, "it votes")
    return slept, name


async def test_a_leader_that_stood_still_takes_nobody_for_removed():
    async with Cluster(5) as c:
        client = await c.client()
        slept, name = await put_the_leader_to_sleep(c, client)
        newcomer = c.nodes[name]
        slept.process.send_signal(signal.SIGCONT)
        await wait_until(lambda: "does not lead any more" in slept.log_text(), 20, "the other has gone on")
        await health_is_healthy(client)
        check("not a member" not in newcomer.log_text(), newcomer.log_text()[-800:])
        check(newcomer.alive(), "it lives")
        await client.close()


async def test_a_leader_that_stood_still_is_not_believed_while_there_is_none():
    """No later leader is known, for it is gone as well; but that there was one is."""
    async with Cluster(5) as c:
        client = await c.client()
        slept, name = await put_the_leader_to_sleep(c, client)
        newcomer = c.nodes[name]
        others = [node for node in c.nodes.values() if node not in (slept, newcomer)]
        for node in others:
            node.kill()

        async def knows_no_leader():
            health = json.loads((await client.request(f"node.{name}.healthz")).data)
            return health["status"] == "starting"

        await wait_until(knows_no_leader, 20, "there is no leader")
        slept.process.send_signal(signal.SIGCONT)
        await wait_until(lambda: "does not lead any more" in slept.log_text(), 20, "the other has gone on")
        for node in others:
            node.spawn()

        async def healthy():
            check(newcomer.alive(), newcomer.log_text()[-800:])
            return await health_is(client, "healthy")

        await wait_until(healthy, 40, "healthy")
        check("not a member" not in newcomer.log_text(), newcomer.log_text()[-800:])
        await client.close()


async def test_who_was_removed_ends_when_a_member_bears_its_name():
    async with Cluster(3) as c:
        client = await c.client()
        leads = await c.leader(client)
        name = next(name for name in c.nodes if name != leads)
        slept = c.nodes.pop(name)
        try:
            slept.process.send_signal(signal.SIGSTOP)
            c.add(name, start=False).start()

            async def votes():
                try:
                    status = await cluster_status(client, timeout=0.5)
                except Exception:  # noqa: BLE001: it went to the one that sleeps
                    return False
                return [n["role"] for n in status["nodes"] if n["id"] == name] == ["voter"] and status["health"] == "healthy"

            await wait_until(votes, 30, "the newcomer votes in its place")
            slept.process.send_signal(signal.SIGCONT)
            await wait_until(lambda: not slept.alive(), 20, "the other process ends")
            equal(slept.process.returncode, 73)
            check(f"{name} is another process of the cluster now" in slept.log_text(), slept.log_text()[-800:])
            await wait_until(votes, 20, "the newcomer stays")
            answers = []

            async def on_answer(msg):
                answers.append(json.loads(msg.data)["state"])

            inbox = client.nc.new_inbox()
            await client.nc.subscribe(inbox, cb=on_answer)
            await client.nc.publish(f"es.shop.node.{name}.status", b"", reply=inbox)
            await wait_until(lambda: answers, 10, "its status")
            await status_of(client, name)
            equal(answers, ["serving"], "one answers to the name")
        finally:
            slept.process.send_signal(signal.SIGCONT)
            slept.kill()
            slept.remove()
        await client.close()


async def test_who_is_gone_from_nats_is_unreachable_before_it_is_missed():
    async with Cluster(3) as c:
        client = await c.client()
        leads = await c.leader(client)
        gone = next(name for name in c.nodes if name != leads)
        await health_is_healthy(client)
        c.nodes[gone].kill()
        said = {}  # by whom, and how long ago it was heard then

        async def all_say_so():
            try:
                status = await cluster_status(client, timeout=0.5)
            except asyncio.TimeoutError:  # it went to the one that was being killed
                return False
            node = next(n for n in status["nodes"] if n["id"] == gone)
            if node["state"] == "unreachable":
                equal(status["health"], "degraded")
                said.setdefault(status["node"], node["last_seen_ms"])
            return len(said) == 2

        await wait_until(all_say_so, 20, "both of the others say so")
        check(all(ms < 4000 for ms in said.values()), f"NATS knew it before 4 s were over: {said}")
        c.nodes[gone].start()
        await health_is_healthy(client)
        await client.close()


async def health_is_healthy(client):
    await wait_until(lambda: health_is(client, "healthy"), 20, "healthy")


async def health_is(client, health):
    return (await cluster_status(client))["health"] == health


async def shed_of(client, count, subject, body):
    """How many of so many requests are refused at once; what becomes of the others is not waited for."""
    inbox = client.nc.new_inbox()
    sub = await client.nc.subscribe(inbox)
    for _ in range(count):
        await client.nc.publish(f"{client.root}.{subject}", json.dumps(body).encode(), reply=inbox)
    shed = 0
    try:
        while True:
            error = json.loads((await sub.next_msg(1)).data)["error"]
            equal((error["code"], error["err_code"]), (429, 10023), str(error))
            shed += 1
    except asyncio.TimeoutError:
        return shed


async def test_who_waits_for_a_drain_is_kept_in_bounded_memory():
    async with Cluster(3) as c:
        client = await c.client()
        leader = await c.leader(client)
        for name in c.nodes:
            if name != leader:
                c.nodes[name].kill()
        pending = asyncio.ensure_future(client.ask("append.T.s", b"{}"))  # what the drain waits for
        await wait_until(lambda: pends(client, leader), 10, "it is pending")
        equal(await shed_of(client, 80, f"node.{leader}.drain", {}), 80 - 64)
        equal((await pending)[:2], (503, 10008))
        await client.close()


async def pends(client, node):
    return (await status_of(client, node))["pending_commands"] > 0


async def test_a_wiped_node_comes_back_and_learners_wait_to_be_promoted():
    async with Cluster(3, env={"NACRE_AUTO_PROMOTE": "off"}) as c:
        client = await c.client()
        for i in range(50):
            await client.append("s", str(i).encode())
        leader = await c.leader(client)
        name = next(n for n in c.nodes if n != leader)
        c.nodes[name].kill()
        equal(await shed_of(client, 200, "cluster.transfer", {"to": name}), 136, "64 may wait for one that does not come")
        shutil.rmtree(c.nodes[name].data_dir)
        c.nodes[name].start()

        async def role():
            s = await cluster_status(client)
            return [n["role"] for n in s["nodes"] if n["id"] == name]

        async def is_learner():
            return await role() == ["learner"]

        await wait_until(is_learner, 20, "it is a learner")
        equal(await client.ask("cluster.promote", json.dumps({"node": name}).encode()), {"node": name})
        equal(await role(), ["voter"])
        await same_state_everywhere(c, client)
        await client.close()


# ---- Who does not belong ------------------------------------------------------------------------


async def test_a_wrong_secret_is_refused_on_both_sides():
    async with Cluster(3, start=False) as c:
        stranger = c.nodes.pop("n3")
        stranger.env["NACRE_CLUSTER_SECRET"] = "not the secret of the tests"
        for node in (*c.nodes.values(), stranger):
            node.spawn()
        for node in (*c.nodes.values(), stranger):
            wait_for(lambda: "not signed with this node's NACRE_CLUSTER_SECRET" in node.log_text(), 20, "it is said")  # noqa: B023
        await asyncio.sleep(3)
        check(not any(" ready: " in n.log_text() or "member of cluster" in n.log_text() for n in (*c.nodes.values(), stranger)), "no cluster of two")
        check("the secret of the tests" not in stranger.log_text(), "secrets are in no log")
        stranger.kill()
        stranger.env["NACRE_CLUSTER_SECRET_ALSO"] = Cluster.SECRET  # as in the midst of a change of secrets …
        stranger.env["NACRE_CLUSTER_SECRET"], stranger.env["NACRE_CLUSTER_SECRET_ALSO"] = Cluster.SECRET, stranger.env["NACRE_CLUSTER_SECRET"]
        stranger.spawn()
        c.nodes["n3"] = stranger
        c.wait_ready(30)


async def test_secrets_are_changed_one_node_at_a_time():
    async with Cluster(3) as c:
        client = await c.client()
        old, new = Cluster.SECRET, "another secret of the tests"
        steps = [(node, step) for step in ((old, new), (new, old), (new, "")) for node in c.nodes.values()]
        for step, (node, (secret, also)) in enumerate(steps if LONG else steps[:4]):
            node.env["NACRE_CLUSTER_SECRET"], node.env["NACRE_CLUSTER_SECRET_ALSO"] = secret, also
            node.term()
            node.start()
            await c.leader(client)
            equal((await client.append("s"))["seq"], step + 1)
            await wait_until(lambda: health_is(client, "healthy"), 10, "who has another secret than the rest is understood")
        await client.close()


async def test_a_second_node_of_the_same_name_is_refused():
    async with Cluster(3) as c:
        client = await c.client()
        await client.append("s")
        first = c.nodes["n2"]
        second = c.add("n2", start=False)
        code, text = second.refuses()
        equal(code, 73)
        check("another process runs as node n2" in text, text[-300:])
        check("refused: another process that calls itself n2" in first.log_text(), "the first says so as well")
        equal((await client.append("s"))["seq"], 2)
        second.remove()
        c.nodes["n2"] = first
        await client.close()


async def test_a_directory_of_another_cluster_is_refused():
    async with Cluster(3) as c, Cluster(1, expect=1) as d:
        client = await c.client()
        foreigner = d.nodes["n1"]
        foreigner.term()
        foreigner.server = c.servers[0]
        foreigner.env["NACRE_NODE_ID"] = "n1"
        foreigner.env["NACRE_STORE_ID"] = "shop"
        c.nodes["n1"].kill()  # or its name would be taken
        code, text = foreigner.refuses(40)
        equal(code, 73)
        check("belongs to another cluster" in text, text[-400:])
        wait_for(lambda: "belongs to another cluster" in c.nodes["n2"].log_text(), 10, "the others say so as well")
        await c.leader(client)
        await client.append("s")
        code, text = Node(c.servers[0], data_dir=c.nodes["n1"].home, env={"NACRE_NODE_ID": "n1"}, start=False).refuses()
        equal(code, 73)
        check("NACRE_DB_TYPE=cluster" in text, text)
        await client.close()


# ---- Formation ----------------------------------------------------------------------------------


async def one_cluster(c, client):
    """Every node is in the one cluster, by what it says itself."""
    ids = set()
    for node in c.nodes.values():
        line = next(line for line in node.log_text().splitlines() if "member of cluster" in line)
        ids.add(line.rsplit(" ", 1)[1])
    equal(len(ids), 1, f"clusters {ids}")
    await c.leader(client)
    await wait_until(lambda: health_is(client, "healthy"), 20, "healthy")


async def test_a_cluster_forms_in_every_order_of_starts():
    random.seed(7)
    orders = list(itertools.permutations(("n1", "n2", "n3")))
    for order in orders if LONG else orders[-1:]:
        async with Cluster(3, start=False) as c:
            client = await c.client()
            for name in order:
                c.nodes[name].spawn()
                await asyncio.sleep(random.choice((0, 0.7, 1.6, 2.5)) if not LONG else random.uniform(0, 6))
            c.wait_ready(30)
            await one_cluster(c, client)
            await client.close()


async def test_nodes_restarted_while_a_cluster_forms_give_one_cluster():
    random.seed(8)
    for _ in range(10 if LONG else 1):
        async with Cluster(3, start=False) as c:
            client = await c.client()
            for node in c.nodes.values():
                node.spawn()
            for _ in range(6):
                await asyncio.sleep(random.uniform(0.1, 0.9))
                node = random.choice(list(c.nodes.values()))
                node.kill()
                await asyncio.sleep(random.uniform(0, 0.3))
                node.spawn()
            c.wait_ready(40)
            await one_cluster(c, client)
            await client.close()


async def test_a_single_store_grows_into_a_cluster():
    async with Cluster(3, expect=1, start=False) as c:
        first = c.nodes["n1"]
        env = dict(first.env)
        first.env.update({"NACRE_DB_TYPE": "single"})
        first.start()
        client = await c.client()
        for i in range(20):
            await client.append("s", str(i).encode())
        alone = await cluster_status(client)
        equal((alone["leader"], alone["health"], [n["id"] for n in alone["nodes"]]), ("n1", "healthy", ["n1"]))
        first.term()
        first.env = env
        first.start()
        for name in ("n2", "n3"):
            c.nodes[name].start()

        async def three():
            s = await cluster_status(client)
            return s["health"] == "healthy" and [n["role"] for n in s["nodes"]] == ["voter"] * 3

        await wait_until(three, 30, "three voters")
        await same_state_everywhere(c, client)
        first.kill()
        await c.leader(client)
        equal((await client.append("s", b"on"))["seq"], 21)
        await client.close()


# ---- Forged frames ------------------------------------------------------------------------------


class Frames:
    """The frames of transport/peer/frame.h, sealed with any secret."""

    def __init__(self, secret, store="shop"):
        self.key = hmac.digest(secret.encode(), f"nacre frame 1 {store}".encode(), "sha256")

    @staticmethod
    def number(value):
        for limit, tag, form in ((128, None, "B"), (1 << 8, 0xCC, ">B"), (1 << 16, 0xCD, ">H"), (1 << 32, 0xCE, ">I")):
            if value < limit:
                return (b"" if tag is None else bytes([tag])) + struct.pack(form, value)
        return b"\xcf" + struct.pack(">Q", value)

    @staticmethod
    def bin(data):
        return (b"\xc4" + bytes([len(data)]) if len(data) < 256 else b"\xc5" + struct.pack(">H", len(data))) + data

    def seal(self, cluster, sender, number, receiver, epoch, message, receiver_epoch, kind, body, version=1):
        text = lambda s: bytes([0xA0 | len(s)]) + s.encode()  # noqa: E731
        n = self.number
        frame = b"\x9b" + n(version) + self.bin(cluster) + text(sender) + n(number) + text(receiver) + n(epoch) + n(message) + n(receiver_epoch) + n(kind) + self.bin(body)
        return frame + b"\xc4\x20" + hmac.digest(self.key, frame, "sha256")


async def dropped(c, client):
    total = {}
    for name in c.nodes:
        for reason, count in (await status_of(client, name))["dropped"].items():
            total[reason] = total.get(reason, 0) + count
    return total


async def test_forged_replayed_mutated_and_foreign_frames_change_nothing():
    wanted = 100000
    async with Cluster(3) as c:
        client = await c.client(pending_size=64 << 20)
        captured = []

        async def capture(msg):
            if msg.data and len(captured) < 2000:
                captured.append((msg.subject, msg.data))

        sub = await client.nc.subscribe("_es.shop.>", cb=capture)
        for i in range(100):
            await client.append("s", str(i).encode())
        await wait_until(lambda: len(captured) > 300, 20, "frames of the cluster")
        await sub.unsubscribe()
        before = await cluster_status(client)
        counted = await dropped(c, client)

        random.seed(9)
        cluster = bytes.fromhex(before["cluster_id"])
        number = {n["id"]: n["number"] for n in before["nodes"]}
        forger, member = Frames("not the secret of the tests"), Frames(Cluster.SECRET)
        # A vote request for a term far ahead: with it any of these would depose the leader.
        vote = b"\x9d" + b"".join(Frames.number(v) for v in (1, 3, 2, number["n2"], number["n1"], 1 << 40, 1 << 40, 1 << 40, 0, 0, 0)) + b"\xc0\x90"
        sent = 0
        while sent < wanted:
            subject, data = captured[random.randrange(len(captured))]
            which = sent % 5
            if which == 1:  # mutated
                at = random.randrange(len(data))
                data = data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
            elif which == 2:  # forged: signed with another secret
                subject = "_es.shop.raft.n1"
                data = forger.seal(cluster, "n2", number["n2"], "n1", 1, (1 << 30) + sent, 1, 2, vote)
            elif which == 3:  # of another cluster, or to another life, or of a newer version, rightly signed
                subject = "_es.shop.raft.n1"
                foreign = sent % 3
                data = member.seal(bytes(16) if foreign == 0 else cluster, "n2", number["n2"], "n1", 1, (1 << 30) + sent, 9 if foreign == 1 else 1, 2, vote, version=2 if foreign == 2 else 1)
            elif which == 4:  # anything
                data = random.randbytes(random.randrange(1, 300))
            await client.nc.publish(subject, data)
            sent += 1
            if sent % 1000 == 0:
                await client.nc.flush()
        await client.append("s", b"last")

        async def all_counted():
            return sum((await dropped(c, client)).values()) - sum(counted.values()) >= wanted

        await wait_until(all_counted, 30, "each is dropped and counted")
        after = await cluster_status(client)
        equal((after["term"], after["leader"]), (before["term"], before["leader"]), "term and leader")
        equal(after["health"], "healthy")
        events, _ = await client.read("read.s")
        equal(len(events), 101)
        why = {reason: count - counted.get(reason, 0) for reason, count in (await dropped(c, client)).items()}
        check(all(why[r] > wanted / 40 for r in ("unsigned", "replayed", "cluster", "epoch", "version")), f"dropped for these reasons: {why}")
        await same_state_everywhere(c, client)
        await client.close()


async def test_nodes_hear_by_gossip_where_nats_is():
    gossip = {"NACRE_GOSSIP": "broadcast", "NACRE_GOSSIP_GROUP": "127.255.255.255", "NACRE_GOSSIP_PORT": str(free_port())}
    async with Cluster(3, env=gossip, start=False) as c:
        c.nodes["n2"].env["NACRE_NATS_URL"] = ""
        c.nodes["n3"].env["NACRE_NATS_URL"] = ""
        c.start()
        client = await c.client()
        await one_cluster(c, client)
        check("n1 says that NATS is at" in c.nodes["n2"].log_text() or "n3 says that NATS is at" in c.nodes["n2"].log_text(), c.nodes["n2"].log_text())
        await client.close()


# ---- NATS permissions, as docs/clustering.md has them -------------------------------------------


def documented_permissions():
    with open(os.path.join(TOP, "docs/clustering.md"), encoding="utf-8") as page:
        text = page.read()
    block = text.split("# permissions.conf\n", 1)[1].split("```", 1)[0]
    passwords = {"NODE": "node password", "SHOP": "shop password", "ADMIN": "admin password"}
    for user, password in passwords.items():
        block = block.replace(f"$NACRE_{user}_PASSWORD", f'"{password}"')
    return block, passwords


async def test_the_documented_permissions_of_nats():
    config, passwords = documented_permissions()
    async with Cluster(3, server_config=config, env={"NATS_USER": "node", "NATS_PASSWORD": passwords["NODE"]}) as c:
        denied = []

        async def on_error(error):
            denied.append(str(error))

        application = await c.client(user="shop", password=passwords["SHOP"], error_cb=on_error)
        admin = await c.client(user="admin", password=passwords["ADMIN"], error_cb=on_error)
        leader = await c.leader(application)

        got = await application.nc.subscribe("es.shop.event.>")
        equal((await application.append("orders.1", b"{}", type="OrderPlaced"))["seq"], 1)
        equal((await got.next_msg(5)).subject, "es.shop.event.OrderPlaced.orders.1")
        for subject in ("read.orders.1", "direct.read.orders.1", "all", "type.OrderPlaced"):
            headers = {"Es-Min-Position": "1"} if subject.startswith("direct.") else None
            events, _ = await application.read(subject, headers=headers)
            equal(len(events), 1, subject)
        work = await application.nc.subscribe("work.billing")
        await application.ask("sub.create.billing", json.dumps({"filter": {"plugin": "by_stream", "selector": "$all"}, "deliver": {"subject": "work.billing"}}).encode())
        delivery = await work.next_msg(10)
        await delivery.respond(b"+ACK")
        equal(denied, [], "an application's own doings are allowed")

        async def is_denied(client, subject):
            before = len(denied)
            await client.nc.publish(subject, b"{}")
            await wait_until(lambda: len(denied) > before, 5, f"{subject} is denied")

        for subject in ("_es.shop.raft.n1", "_es.shop.hello", "es.shop.event.T.s", "es.shop.advisory.cluster.x", "es.shop.cluster.transfer", "es.shop.node.n1.drain", "es.shop.backup"):
            await is_denied(application, subject)
        for subject in ("_es.shop.raft.n1", "es.shop.event.T.s"):
            await is_denied(admin, subject)
        before = len(denied)
        await application.nc.subscribe("_es.shop.>")
        await wait_until(lambda: len(denied) > before, 5, "consensus cannot be listened to")

        to = next(n for n in c.nodes if n != leader)
        equal(await admin.ask("cluster.transfer", json.dumps({"to": to}).encode()), {"leader": to})
        equal((await cluster_status(admin))["health"], "healthy")
        check(json.loads((await admin.nc.request("$SRV.PING.nacre", b"", timeout=5)).data)["name"] == "nacre", "$SRV")
        for name, node in c.nodes.items():
            check("ermissions" not in node.log_text(), f"{name} is denied nothing: {node.log_text()[-500:]}")
        await application.close()
        await admin.close()


# ---- Subscriptions ------------------------------------------------------------------------------


async def test_subscriptions_follow_the_leader():
    async with Cluster(3) as c:
        client = await c.client()
        await c.leader(client)
        seen, confirmed, doubled = [], set(), []
        work = asyncio.Queue()

        async def arrived(msg):
            pos = int(msg.headers["Es-Position"])
            if pos in confirmed:
                doubled.append((pos, int(msg.headers["Es-Delivery"])))
            await work.put((pos, msg))

        await client.nc.subscribe("work.billing", cb=arrived)
        definition = {"filter": {"plugin": "by_stream", "selector": "$all"}, "deliver": {"subject": "work.billing"}, "order": "global", "ack_wait_ms": 5000}
        equal((await client.ask("sub.create.billing", json.dumps(definition).encode()))["name"], "billing")

        async def consume():
            while True:
                pos, msg = await work.get()
                if pos not in seen:
                    seen.append(pos)
                try:  # as a request: answered when it is replicated
                    answer = await client.nc.request(msg.reply, b"+ACK", timeout=1)
                except Exception:  # noqa: BLE001: nobody leads; it comes again
                    continue
                if not answer.data:
                    confirmed.add(pos)

        consumer = asyncio.ensure_future(consume())
        async with Writers(client, 2) as w:
            for _ in range(6 if LONG else 2):
                before = len(confirmed)
                await wait_until(lambda: len(confirmed) > before + 30, 40, "deliveries")  # noqa: B023
                leader = await c.leader(client)
                c.nodes[leader].kill()
                await c.leader(client)
                before = len(confirmed)
                await wait_until(lambda: len(confirmed) > before + 30, 40, "deliveries under the next leader")  # noqa: B023
                c.nodes[leader].start()
        head = (await client.ask("store.info"))["head"]

        async def all_acknowledged():  # of an ack at the moment of a kill the answer may be lost
            return (await client.ask("sub.info.billing"))["ack_floor"] >= head

        await wait_until(all_acknowledged, 60, "all is delivered")
        equal(seen, list(range(1, head + 1)), "each event, in order, no gap")
        equal(doubled, [], "what was acknowledged does not come again")
        consumer.cancel()
        await client.close()


async def everything_read(client, names, until):
    """Direct reads of stream h until `until` has answered one; how many events each answer had, by node."""
    counts = {name: set() for name in names}

    async def has_answered():
        events, end = await client.read("direct.read.h", b'{"format":"msgpack"}', timeout=5)
        check(events is not None, f"somebody answers: {end.headers}")
        counts[end.headers["Es-Node"]].add(int(end.headers["Es-Head"]))
        return bool(counts[until])

    await wait_until(has_answered, 60, f"{until} answers direct reads")
    return counts


async def test_who_joins_or_starts_answers_direct_reads_only_when_it_has_what_there_was():
    async with Cluster(3) as c:
        client = await c.client()
        for _ in range(20):
            await client.ask("batch", json.dumps({"events": [{"stream": "h", "type": "T", "data": {}} for _ in range(100)]}).encode())
        leader = await c.leader(client)
        follower = next(name for name in c.nodes if name != leader)
        await asyncio.to_thread(c.nodes[follower].kill)
        for _ in range(10):
            await client.ask("batch", json.dumps({"events": [{"stream": "h", "type": "T", "data": {}} for _ in range(100)]}).encode())
        c.add("n4", start=False)
        for name in (follower, "n4"):
            c.nodes[name].spawn()
            counts = await everything_read(client, c.nodes, name)
            equal({name: seen for name, seen in counts.items() if seen - {3000}}, {}, "answers that come short")
        await client.close()
