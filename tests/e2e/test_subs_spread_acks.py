# SPDX-License-Identifier: GPL-3.0-or-later
"""Acknowledgements sent as requests to subscriptions that nodes share: each is answered, and once, also while a subscription is
deleted and made again, and while nodes go and come."""
import asyncio
import json
import time
from collections import Counter

from harness import Cluster, Node, check, equal, wait_until
from test_subs_cluster import asked
from test_subs_spread import create, shared

NAMES = [f"a{i}" for i in range(30)]  # so many that each of three nodes has some
STALE = [f"es.shop.ack.{name}.1.1.1" for name in NAMES]


class Requests:
    """Requests whose answers are counted: each has a reply subject of its own."""

    def __init__(self, client):
        self.client, self.sent, self.times, self.answers = client, {}, {}, {}

    async def start(self):
        self.inbox = self.client.nc.new_inbox()
        self.sub = await self.client.nc.subscribe(f"{self.inbox}.*", cb=self.note)
        return self

    async def note(self, msg):
        token = msg.subject.rsplit(".", 1)[1]
        code = (msg.headers or {}).get("Nats-Service-Error-Code")
        if code is not None:
            code = f"{code}/{json.loads(msg.data)['error']['err_code']}"
        self.answers.setdefault(token, []).append(code or msg.data.decode() or "done")

    async def send(self, subject, body=b"+ACK"):
        token = str(len(self.sent))
        self.sent[token], self.times[token] = f"{subject} {body.decode()}", time.monotonic()
        await self.client.nc.publish(subject, body, reply=f"{self.inbox}.{token}")
        return token

    def unanswered(self):
        return [token for token in self.sent if token not in self.answers]

    async def end(self, seconds=10):
        """All that are answered, and how, once nothing more comes."""
        try:
            await wait_until(lambda: not self.unanswered(), seconds, "each is answered")
        except AssertionError:
            pass
        await asyncio.sleep(1.5)
        twice = {self.sent[token]: got for token, got in self.answers.items() if len(got) > 1}
        equal(twice, {}, "answered more than once")
        await self.sub.unsubscribe()
        return Counter(got[0] for got in self.answers.values())


async def flood(requests, subjects, stop, pause):
    """Acknowledgements, every other one for the next event."""
    while not stop.is_set():
        for i, subject in enumerate(subjects):
            await requests.send(subject, (b"+ACK", b"+NXT")[(i + len(requests.sent)) % 2])
        await asyncio.sleep(pause)


async def test_an_ack_is_answered_once_while_its_subscription_is_deleted_and_made_again():
    async with Cluster(3) as c:
        client, other = await c.client(), await c.client()
        for name in NAMES:
            await create(client, name)
        await shared(client, NAMES, c.nodes)
        requests, stop = await Requests(other).start(), asyncio.Event()
        sending = asyncio.create_task(flood(requests, STALE, stop, 0.02))
        for _ in range(2):
            for name in NAMES:
                equal(await asked(client, f"sub.delete.{name}"), {"deleted": True}, name)
                await create(client, name)
        stop.set()
        await sending
        how = await requests.end()
        missing = Counter(requests.sent[token].split()[0] for token in requests.unanswered())
        equal(missing, Counter(), f"of {len(requests.sent)} not answered")
        equal(set(how), {"409/40904"}, "all of them are stale")
        await client.close()
        await other.close()


class Consumer:
    """Acknowledges each delivery of all of them by a request, some twice; what comes again it acknowledges again."""

    def __init__(self, client):
        self.client = client

    async def start(self):
        self.requests, self.came = await Requests(self.client).start(), 0
        self.sub = await self.client.nc.subscribe("work.>", cb=self.note)
        return self

    async def note(self, msg):
        if "Es-Position" not in (msg.headers or {}):
            return
        self.came += 1
        await self.requests.send(msg.reply)
        if self.came % 3 == 0:
            await self.requests.send(msg.reply, b"+WPI")


async def produce(client, stop, count):
    while not stop.is_set():
        try:
            await client.append(f"k.{count[0] % 7}", b"{}", headers={"Nats-Msg-Id": f"e{count[0]}"})
            count[0] += 1
        except Exception:  # noqa: BLE001: nobody leads just now
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.002)


async def acknowledged_while(seconds, what):
    """Deliveries of all are acknowledged, and old ones again and again, while `what(c, client)` does something to the nodes."""
    async with Cluster(3) as c:
        client, other, third = await c.client(), await c.client(), await c.client()
        for name in NAMES:
            await create(client, name, deliver={"subject": f"work.{name}"}, ack_wait_ms=2000)
        await shared(client, NAMES, c.nodes)
        consumer, stale = await Consumer(other).start(), await Requests(third).start()
        stop, count = asyncio.Event(), [0]
        tasks = [asyncio.create_task(produce(client, stop, count)), asyncio.create_task(flood(stale, STALE, stop, 0.05))]
        await what(c, client)
        await asyncio.sleep(seconds)
        stop.set()
        await asyncio.gather(*tasks)

        async def through():
            infos = [await asked(client, f"sub.info.{name}") for name in NAMES]
            return all(info["pending"] == 0 and info["in_flight"] == 0 for info in infos)

        await wait_until(through, 30, "all is acknowledged")
        how, how_stale = await consumer.requests.end(), await stale.end()
        print(f"{count[0]} events, {consumer.came} deliveries; answers: {dict(how)}, to stale ones: {dict(how_stale)}; "
              f"without: {len(consumer.requests.unanswered())} and {len(stale.unanswered())}")
        for one in (client, other, third):
            await one.close()
        return consumer.requests, how, stale, how_stale


def follower_of(c, leader):
    return next(node for node in c.nodes if node != leader)


async def test_an_ack_is_answered_once_while_a_node_ends_and_comes():
    async def a_node_ends_and_comes(c, client):
        follower = c.nodes[follower_of(c, await c.leader(client))]
        await asyncio.sleep(0.5)
        await asyncio.to_thread(follower.term)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(follower.start)

    acks, how, stale, how_stale = await acknowledged_while(1.5, a_node_ends_and_comes)
    equal((acks.unanswered(), stale.unanswered()), ([], []), "not answered")
    equal(set(how_stale), {"409/40904"}, "stale ones")
    check(set(how) <= {"done", "409/40904", "503/10008"} and how["done"] > 0, f"{how}")


async def killed_while_acknowledging(end):
    """Of what came when it died nobody knows whether it had answered that already."""

    async def a_node_is_killed(c, client):
        follower = c.nodes[follower_of(c, await c.leader(client))]
        await asyncio.sleep(0.5)
        await asyncio.to_thread(end, follower)

    acks, how, stale, how_stale = await acknowledged_while(1, a_node_is_killed)
    when = [one.times[token] for one in (acks, stale) for token in one.unanswered()]
    check(not when or max(when) - min(when) < 0.5, f"{len(when)} not answered, sent within {max(when, default=0) - min(when, default=0):.1f} s")
    check(set(how) <= {"done", "409/40904", "503/10008"} and how["done"] > 0, f"{how}")
    equal(set(how_stale), {"409/40904"}, "stale ones")


async def test_an_ack_is_answered_once_while_a_node_is_killed():
    await killed_while_acknowledging(Node.kill)


async def test_an_ack_is_answered_once_while_a_node_is_killed_and_there_again_at_once():
    """Its new life knows nothing of what the one before has answered, and is no witness."""
    await killed_while_acknowledging(Node.restart)
