# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread of a living node stands still, as when its disk hangs: the node hears, speaks and votes, and applies nothing. A follower's
share of subscriptions runs elsewhere; a leader hands over; what was acknowledged is there, in order, and all goes on when it goes on."""
import asyncio
import contextlib
import json
import time

import nats

from harness import LONG, Both, Cluster, Failure, Skip, check, equal, error_of, wait_until
from stall import Stalled
from test_subs_cluster import Seen
from test_subs_spread import create, infos, shared

KEYS = 4
NAMES = [f"s{i}" for i in range(30)]  # so many that each of three nodes has some, whatever their random numbers
LED = "led"  # placement leader


class Consumer:
    """Takes what is pushed to all subscriptions, and acknowledges it, but for what it is told to keep."""

    def __init__(self, client):
        self.client, self.keeps = client, None  # (subscription, stream): its next one is kept, as `kept`
        self.kept = None
        self.seen = {name: Seen(True) for name in [*NAMES, LED]}
        self.epochs, self.faults = {}, []

    async def start(self):
        await self.client.nc.subscribe("work.>", cb=self.came)
        await self.client.nc.flush()

    async def came(self, msg):
        if "Es-Position" not in (msg.headers or {}):
            return
        _, _, _, name, epoch, position, _ = msg.reply.split(".")
        if int(epoch) < self.epochs.get(name, 0):
            self.faults.append(f"{name}: {position} came of epoch {epoch} after {self.epochs[name]}")
        self.epochs[name] = int(epoch)
        self.seen[name].came(msg)
        if self.keeps == (name, msg.headers["Es-Stream"]):
            self.keeps, self.kept = None, msg
            return
        self.seen[name].acked[int(position)] = time.monotonic()
        await self.client.nc.publish(msg.reply, b"+ACK")

    async def has_all(self, positions):
        def all_came():
            return all(positions <= seen.acked.keys() for seen in self.seen.values())

        await wait_until(all_came, 30, "each subscription brings all of it")
        equal(self.faults, [], "who had it before says nothing any more")
        equal({name: seen.faults for name, seen in self.seen.items() if seen.faults}, {}, "in order by key, and none again that was done")


class Writer:
    """Appends again and again, each until it is acknowledged, with the same id; each answer comes in time, and is clear."""

    count = 0

    def __init__(self, client):
        self.client, self.task, self.under_way = client, None, set()
        self.acknowledged, self.refused, self.silent, self.slowest = {}, 0, 0, 0.0

    async def append(self, number):
        while True:
            began = time.monotonic()
            try:
                answer = await self.client.ask(f"append.T.k.{number % KEYS}", b"{}", {"Nats-Msg-Id": f"e{number}"}, timeout=8)
            except nats.errors.NoRespondersError:  # nobody leads at this moment: nothing was done
                await asyncio.sleep(0.02)
                continue
            except nats.errors.TimeoutError:  # it came to who led just before, who leaves it to the next one
                self.silent += 1
                continue
            self.slowest = max(self.slowest, time.monotonic() - began)
            if isinstance(answer, dict):
                self.acknowledged[f"e{number}"] = answer["pos"]
                return
            equal(answer[:2], (503, 10008), "of what is refused the outcome is unknown")
            self.refused += 1

    async def run(self):
        while True:
            Writer.count += 1
            self.under_way.add(asyncio.create_task(self.append(Writer.count)))
            await asyncio.sleep(0.02)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await asyncio.gather(*self.under_way)
        check(self.silent <= 5, f"{self.silent} were not answered at all")


async def got(client):
    """The first event, or the error that comes in its place; None: nobody leads at this moment."""
    try:
        msg = await client.request("get", b'{"pos":1}', timeout=8)
    except nats.errors.NoRespondersError:
        return None
    return error_of(msg)[:2] if "Nats-Service-Error" in msg.headers else int(msg.headers["Es-Position"])


async def everything(client):
    """Every event, by its id: each once."""
    events = await client.read_all("all")
    ids = [event.headers["Nats-Msg-Id"] for event in events]
    equal(len(ids), len(set(ids)), "no id twice")
    return {event.headers["Nats-Msg-Id"]: int(event.headers["Es-Position"]) for event in events}


async def status(client, node):
    return json.loads((await client.request(f"node.{node}.status")).data)


async def follows_again(client, node, positions):
    """It has applied all of it, says that it serves, and has its share."""

    async def does():
        said = await status(client, node)
        return said["state"] == "serving" and said["position"] >= max(positions)

    await wait_until(does, 20, f"{node} follows again")


async def started(c):
    client = await c.client()
    await c.leader(client)
    consumer = Consumer(client)
    await consumer.start()
    for name in NAMES:
        await create(client, name, deliver={"subject": f"work.{name}"}, order="stream", ack_wait_ms=60000)
    await create(client, LED, deliver={"subject": f"work.{LED}"}, order="stream", ack_wait_ms=60000, placement="leader")
    return client, consumer


async def a_follower_stalls(c, client, consumer):
    leader = await c.leader(client)
    where = await shared(client, NAMES, c.nodes)
    victim = next(name for name in c.nodes if name != leader)
    its = [name for name in NAMES if where[name] == victim]
    before = await infos(client, NAMES)
    consumer.keeps = (its[0], "k.1")
    await client.append("k.1", b"{}")
    await wait_until(lambda: consumer.kept, 10, "one is kept")
    kept = consumer.kept
    async with Writer(client) as writer:
        with Stalled(c.nodes[victim], "nacre-apply"):
            began, after = time.monotonic(), {}

            async def run_elsewhere():
                after.update(await infos(client, NAMES))
                return all(after[name]["node"] != victim for name in its)

            await wait_until(run_elsewhere, 10, f"what {victim} had runs elsewhere")
            print(f"a follower's share ran elsewhere {time.monotonic() - began:.1f} s after its state had stalled")
            for name in NAMES:
                stays = name not in its
                check((after[name]["epoch"] == before[name]["epoch"]) == stays, f"{name}: epoch {before[name]['epoch']}, then {after[name]['epoch']}")
            position = int(kept.headers["Es-Position"])
            await wait_until(lambda: position in consumer.seen[its[0]].acked, 10, "the new owner delivers what was not acknowledged")
            # The old one, which knows nothing of its successor, does not say yes; nor does it when it has heard.
            answer = await client.nc.request(kept.reply, b"+ACK", timeout=5)
            equal(json.loads(answer.data)["error"]["err_code"], 40904, "what the old owner delivered is refused")
        equal((writer.refused, await c.leader(client)), (0, leader), "who writes has noticed nothing")
        positions = set((await everything(client)).values())
        await follows_again(client, victim, positions)
        answer = await client.nc.request(kept.reply, b"+ACK", timeout=5)
        equal(json.loads(answer.data)["error"]["err_code"], 40904, "also when it goes on")
    positions = set((await everything(client)).values())
    await consumer.has_all(positions)


async def the_leader_stalls(c, client, consumer, thread):
    leader, advised = await c.leader(client), []

    async def note(msg):
        advised.append((msg.subject.rsplit(".", 1)[1], json.loads(msg.data)["node"]))

    listening = await client.nc.subscribe("es.shop.advisory.node.*", cb=note)
    async with Writer(client) as writer:
        await wait_until(lambda: len(writer.acknowledged) > 3, 10, "appends go on")
        with Stalled(c.nodes[leader], thread):
            began = time.monotonic()
            gets = [asyncio.create_task(got(client)) for _ in range(3)]

            async def another_leads():
                return await c.leader(client) != leader

            await wait_until(another_leads, 15, "another leads")
            print(f"another led {time.monotonic() - began:.1f} s after the leader's {thread} had stalled")
            for answer in await asyncio.gather(*gets):
                check(answer in (1, (503, 10008)), f"a read of who stalled: {answer}")
            done = len(writer.acknowledged)
            await wait_until(lambda: len(writer.acknowledged) > done + 10, 10, "appends go on")
            equal((await status(client, leader))["state"], "stalled", "it says so")
            equal(json.loads((await client.request(f"node.{leader}.healthz")).data), {"status": "stalled"}, "here, too")
        await follows_again(client, leader, writer.acknowledged.values())
    print(f"the slowest answer took {writer.slowest:.1f} s; {writer.refused} of {writer.refused + len(writer.acknowledged)} were 503")
    check(writer.slowest < 5.5, f"an answer took {writer.slowest:.1f} s, of 4 that are promised")
    there = await everything(client)
    lost = {id: pos for id, pos in writer.acknowledged.items() if there.get(id) != pos}
    equal(lost, {}, "what was acknowledged is where it was said to be")
    await consumer.has_all(set(there.values()))
    await wait_until(lambda: advised == [("stalled", leader), ("unstalled", leader)], 10, "people are told")
    await listening.unsubscribe()


async def all_stall(c, client, consumer):
    """Nobody goes on: whoever leads says 503 in time, and all goes on when they do."""
    leader = await c.leader(client)
    async with Writer(client) as writer:
        with contextlib.ExitStack() as stalls:
            for node in c.nodes.values():
                stalls.enter_context(Stalled(node, "nacre-apply"))
            await wait_until(lambda: writer.refused > 50, 20, "appends are refused")
        done = len(writer.acknowledged)
        await wait_until(lambda: len(writer.acknowledged) > done + 100, 20, "and go on")
    check(writer.slowest < 5.5, f"an answer took {writer.slowest:.1f} s, of 4 that are promised")
    there = await everything(client)
    equal({id: pos for id, pos in writer.acknowledged.items() if there.get(id) != pos}, {}, "what was acknowledged is there")
    await consumer.has_all(set(there.values()))
    print(f"{leader} led, {await c.leader(client)} leads")


async def one_that_stalls_is_elected(c, client, consumer):
    """The leader dies beside a follower that stalls, again and again until that one was elected: it hands over at once."""
    for _ in range(20):
        leader = await c.leader(client)
        victim = next(name for name in c.nodes if name != leader)
        handed = c.nodes[victim].log_text().count("handing leadership over")

        async def acknowledged():
            try:
                return isinstance(await client.append("k.1", b"{}"), dict)
            except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
                return False

        async def stalled():
            return (await status(client, victim))["state"] == "stalled"

        with Stalled(c.nodes[victim], "nacre-apply"):
            await client.append("k.1", b"{}")
            await wait_until(stalled, 10, "it has stalled")
            c.nodes[leader].kill()
            began = time.monotonic()
            await wait_until(acknowledged, 20, "appends go on")
            took = time.monotonic() - began
            check(await c.leader(client) != victim, "who stalls does not lead")
            elected = c.nodes[victim].log_text().count("handing leadership over") > handed
        await asyncio.to_thread(c.nodes[leader].start)
        there = set((await everything(client)).values())
        await follows_again(client, victim, there)
        await consumer.has_all(there)
        if elected:
            print(f"one that had stalled was elected, and handed over: {took:.1f} s without a leader")
            return
    raise Failure("it was never elected, in twenty times")


async def test_a_node_whose_state_stalls_gives_up_what_it_has():
    async with Cluster(3) as c:
        client, consumer = await started(c)
        await a_follower_stalls(c, client, consumer)
        await the_leader_stalls(c, client, consumer, "nacre-apply")
        if LONG:
            await the_leader_stalls(c, client, consumer, "nacre-log")
            for _ in range(5):
                await a_follower_stalls(c, client, consumer)
                await the_leader_stalls(c, client, consumer, "nacre-apply")
            await all_stall(c, client, consumer)
            await one_that_stalls_is_elected(c, client, consumer)
        await client.close()


async def who_answers(client, position):
    """Of R.direct, as nodes are asked in turn: all that answer in forty reads; none of them comes short of `position`."""
    answered = set()
    for _ in range(40):
        _, end = await client.read("direct.all", b'{"limit":1}', timeout=5)
        answered.add(end.headers["Es-Node"])
        check(int(end.headers["Es-Applied"]) >= position, f"{end.headers} comes short of {position}")
    return answered


async def test_a_follower_that_stalls_is_not_asked_for_its_state():
    """And everybody says that it has stalled."""
    if not LONG:
        raise Skip("with --long")
    async with Cluster(3) as c:
        client = await c.client()
        leader = await c.leader(client)
        victim = next(name for name in c.nodes if name != leader)

        async def are_asked(names):
            return await who_answers(client, 0) == names

        async def say(state, health):
            status = await client.ask("cluster.status")
            return (next(n for n in status["nodes"] if n["id"] == victim)["state"], status["health"]) == (state, health)

        async def all_say(state, health):
            return all([await say(state, health) for _ in range(20)])

        await wait_until(lambda: are_asked(set(c.nodes)), 20, "all answer")
        with Stalled(c.nodes[victim], "nacre-apply") as stalled:
            first = (await client.append("s"))["pos"]
            await wait_until(lambda: are_asked(set(c.nodes) - {victim}), 20, "one that has stalled is left out")
            await wait_until(lambda: all_say("stalled", "degraded"), 20, "whoever is asked says that it has stalled")
            await wait_until(lambda: append_and_ask(client, first, set(c.nodes) - {victim}), 20, "it stays out")
            stalled.go_on()
        await wait_until(lambda: are_asked(set(c.nodes)), 20, "and is back when it has caught up")
        await wait_until(lambda: all_say("serving", "healthy"), 20, "which all say")
        await client.close()


async def append_and_ask(client, first, names):
    await client.append("s")
    return await who_answers(client, first) == names


async def test_requests_that_wait_for_the_log_take_no_more_memory_than_a_node_keeps():
    """What is about to be parked is listed when it is in the log. While that stands still, a client may ask again and again."""
    async with Both() as both:
        c, count = both.client, 320
        await c.ask("sub.create.kept", json.dumps({"filter": {"plugin": "by_stream", "selector": "kept"}}).encode())
        answers = await c.nc.subscribe("kept.answer", pending_bytes_limit=-1)
        for parked in (1, 2):  # what was kept is let go
            await c.append("kept")
            event = await c.request("sub.next.kept", b"")
            with Stalled(both.node, "nacre-log"):
                await c.nc.publish(event.reply, b"+TERM no")
                for _ in range(count):
                    await c.nc.publish(f"{c.root}.sub.parked.kept", b"{" + b" " * 250000 + b"}", reply="kept.answer")
                equal(error_of(await answers.next_msg(5))[:2], (429, 10023))
            refused, listed = 1, 0
            while refused + listed < count:
                msg = await answers.next_msg(10)
                if msg.headers:
                    equal(error_of(msg)[0] in (429, 503), True)
                    refused += 1
                else:
                    equal(len(json.loads(msg.data)["parked"]), parked)
                    listed += 1
            check(refused < count / 2, f"{refused} of {count} refused: no more than need be")
