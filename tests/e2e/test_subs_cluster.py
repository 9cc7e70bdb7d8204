# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions on three nodes, leader and consumers killed at random: no gap, nothing foreign, order by key kept, what was
confirmed never again, at most a window of what was acknowledged again after a failover, each consequence once."""
import asyncio
import json
import random
import time

import nats

from harness import LONG, Cluster, check, equal, on_error, wait_until
from test_whole import SMALL, votes_again, wipe

KEYS, TYPES = 6, ["A", "B", "C"]
WINDOW = 50
LOGGED_S = 0.5  # what was acknowledged so long ago is in the log: 100 ms, and a busy machine
SETTLED_S = 3  # a delivery that was on its way when its event was confirmed has come by then


def definition(i):
    """Twenty subscriptions of all kinds."""
    kinds = [
        {"deliver": {"subject": f"work.s{i}", "queue": "w"}},
        {"deliver": {"subject": f"work.s{i}", "queue": "w"}, "order": "stream"},
        {"deliver": {"subject": f"work.s{i}"}, "order": "tag:key:"},
        {"order": "payload:key"},
        {},
    ]
    filters = [
        {"plugin": "by_event_type", "selector": TYPES[i % 3]},
        {"plugin": "by_pattern", "selector": "k.*"},
        {"plugin": "by_payload", "selector": {"n": [{"numeric": [">=", 0]}]}},
        {"plugin": "by_stream", "selector": [f"k.{k}" for k in range(0, KEYS, 2)]},
    ]
    return {"filter": filters[i % 4], "ack_wait_ms": 1500, "max_deliver": -1, "max_in_flight": WINDOW, **kinds[i % 5]}


def matches(i, event):
    stream, type = event.headers["Es-Stream"], event.headers["Es-Type"]
    return stream.startswith("k.") and [type == TYPES[i % 3], True, True, int(stream[2:]) % 2 == 0][i % 4]


class Seen:
    """Of one subscription: what came, what was answered, and what must not come any more."""

    def __init__(self, keyed):
        self.keyed = keyed
        self.positions, self.streams, self.acked, self.confirmed, self.faults = set(), {}, {}, {}, []
        self.failed_over = 0
        self.again = set()  # acknowledged well before the last failover, and delivered once more since then

    def came(self, msg):
        stream, version, position = msg.headers["Es-Stream"], int(msg.headers["Nats-Sequence"]), int(msg.headers["Es-Position"])
        self.positions.add(position)
        if self.acked.get(position, self.failed_over) < self.failed_over - LOGGED_S:
            self.again.add(position)
        self.streams.setdefault(stream, {})[version] = position
        since = time.monotonic() - self.confirmed.get(position, time.monotonic())
        if since > SETTLED_S:
            self.faults.append(f"position {position} came {since:.1f} s after it was confirmed")
        if not self.keyed:
            return
        for earlier, at in self.streams[stream].items():
            if earlier < version and at not in self.acked:
                self.faults.append(f"{stream}@{version} came before {earlier} was done")

    def failover(self):
        """What the last one has cost: at most a window, of acknowledgements that never arrived."""
        if len(self.again) > WINDOW:
            self.faults.append(f"{len(self.again)} acknowledged events came again after one failover")
        self.again.clear()
        self.failed_over = time.monotonic()


class Consumer:
    """One client that takes from all subscriptions, pushed and pulled, and may be gone at any moment."""

    def __init__(self, url, seen):
        self.url, self.seen, self.nc, self.tasks, self.killed = url, seen, None, [], False

    async def start(self):
        self.nc = await nats.connect(self.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=on_error)
        for i, seen in self.seen.items():
            if "deliver" in definition(i):
                await self.nc.subscribe(f"work.s{i}", queue="w", cb=self.pushed)
        self.tasks = [asyncio.create_task(self.pull())]

    async def kill(self):
        self.killed = True  # a task may miss its cancelling, if what it waited for came at that moment
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.nc.close()

    async def pushed(self, msg):
        if msg.headers and msg.headers.get("Status"):
            if msg.reply:
                await self.nc.publish(msg.reply, b"")
            return
        seen = self.seen[int(msg.headers["Es-Subscription"][1:])]
        seen.came(msg)
        task = asyncio.create_task(self.answer(seen, msg))
        self.tasks.append(task)
        task.add_done_callback(lambda task: task in self.tasks and self.tasks.remove(task))

    async def answer(self, seen, msg):
        position, luck = int(msg.headers["Es-Position"]), random.random()
        await asyncio.sleep(random.uniform(0, 0.02))
        if luck < 0.03 or self.nc.is_closed:
            return  # forgotten
        if luck < 0.06:
            await self.nc.publish(msg.reply, b'-NAK {"delay_ms":50}')
            return
        seen.acked[position] = time.monotonic()
        if luck < 0.8:
            await self.nc.publish(msg.reply, b"+ACK")
            return
        try:
            answer = await self.nc.request(msg.reply, b"", timeout=3)
        except Exception:  # noqa: BLE001: nobody leads just now
            return
        if answer.data == b"" and not answer.headers:
            seen.confirmed.setdefault(position, time.monotonic())

    async def pull(self):
        names = [i for i in self.seen if "deliver" not in definition(i)]
        while not self.killed:
            i = random.choice(names)
            inbox = self.nc.new_inbox()
            sub = await self.nc.subscribe(inbox)
            await self.nc.publish(f"es.shop.sub.next.s{i}", b'{"batch":10,"expires_ms":300}', reply=inbox)
            try:
                for _ in range(10):
                    msg = await sub.next_msg(0.8)
                    if msg.headers is None or msg.headers.get("Status") or "Es-Subscription" not in msg.headers:
                        break
                    await self.pushed(msg)
            except nats.errors.ConnectionClosedError:
                return
            except (nats.errors.TimeoutError, asyncio.TimeoutError):
                pass
            await sub.unsubscribe()


async def consequences(client, stop):
    """A worker that appends what it made of an event and acknowledges it, in one batch."""
    while not stop.is_set():
        try:
            msg = await client.nc.request("es.shop.sub.next.made", b'{"expires_ms":500}', timeout=1)
            if not msg.headers or "Es-Position" not in msg.headers:
                continue
            body = {"events": [{"stream": "made", "type": "Made", "data": int(msg.headers["Es-Position"])}], "ack": {"reply": msg.reply}}
            await client.nc.request("es.shop.batch", json.dumps(body).encode(), timeout=1)
        except Exception:  # noqa: BLE001: nobody leads, or no answer
            await asyncio.sleep(0.05)


async def produce(client, stop, count):
    """Events with ids, each tried until it is answered."""
    while not stop.is_set():
        n = count[0]
        count[0] += 1
        key, type = random.randrange(KEYS), random.choice(TYPES)
        headers = {"Nats-Msg-Id": f"e{n}", "Es-Tags": f"key:{key}"}
        while True:
            try:
                await client.ask(f"append.{type}.k.{key}", json.dumps({"n": n, "key": f"k.{key}"}).encode(), headers, timeout=1)
                break
            except Exception:  # noqa: BLE001: nobody leads, or no answer: again, it is recognised
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.02)


async def asked(client, subject, body=b"", seconds=30):
    """The answer, from whoever leads, or owns what it is about."""
    got = None

    async def answered():
        nonlocal got
        try:
            got = await client.ask(subject, body, timeout=2)
        except Exception:  # noqa: BLE001: nobody leads just now
            return False
        return not (isinstance(got, tuple) and got[0] in (429, 503))

    await wait_until(answered, seconds, subject)
    return got


async def storm(c, seconds, placement, victim_of):
    """Kill consumers, and nodes as `victim_of` names them, at random, for so long, and until that was worth something; then look
    whether all came, in order, and each consequence once."""
    random.seed(8)
    client, other = await c.client(), await c.client()
    await c.leader(client)
    seen = {}
    for i in range(20):
        made = await asked(client, f"sub.create.s{i}", json.dumps({**definition(i), "placement": placement}).encode())
        check(isinstance(made, dict), f"s{i}: {made}")
        seen[i] = Seen("order" in definition(i))
    await asked(client, "sub.create.made", json.dumps({"filter": {"plugin": "by_event_type", "selector": "A"}, "ack_wait_ms": 1500, "max_deliver": -1, "placement": placement}).encode())
    consumers = [Consumer(c.url, seen) for _ in range(8)]
    for consumer in consumers:
        await consumer.start()
    stop, done, count = asyncio.Event(), asyncio.Event(), [0]
    producing = [asyncio.create_task(produce(other, stop, count))]
    working = [asyncio.create_task(consequences(client, done)) for _ in range(3)]
    end, kills = time.monotonic() + seconds, 0
    while time.monotonic() < end or kills < seconds // 10 or count[0] < 100:
        await asyncio.sleep(random.uniform(1, 3))
        victim = random.randrange(len(consumers))
        await consumers[victim].kill()
        consumers[victim] = Consumer(c.url, seen)
        await consumers[victim].start()
        if random.random() < 0.6:
            name = await victim_of(c, client)
            for one in seen.values():
                one.failover()
            c.nodes[name].kill()
            kills += 1
            await asyncio.sleep(random.uniform(0.5, 2))
            c.nodes[name].start()
    stop.set()
    await asyncio.gather(*producing)
    events = await client.read_all("all")
    ours = [e for e in events if e.headers["Es-Stream"].startswith("k.")]
    check(len(ours) >= 100, f"only {len(ours)} events were made")
    for i in range(20):
        want = {int(e.headers["Es-Position"]) for e in ours if matches(i, e)}

        async def complete():
            have = await asked(client, f"sub.info.s{i}")
            return want <= seen[i].positions and have["in_flight"] == 0 and have["pending"] == 0

        await wait_until(complete, 60, f"s{i} has delivered all, and all is acknowledged")
        equal(seen[i].positions - want, set(), f"s{i}: nothing foreign")
        seen[i].failover()
        equal(seen[i].faults, [], f"s{i}")

    async def made():
        have = await asked(client, "sub.info.made")
        return have["in_flight"] == 0 and have["pending"] == 0

    await wait_until(made, 60, "each has its consequence")
    done.set()
    await asyncio.gather(*working)
    of = sorted(int(e.data) for e in await client.read_all("read.made"))
    equal(of, [int(e.headers["Es-Position"]) for e in ours if e.headers["Es-Type"] == "A"], "each consequence once")
    for consumer in consumers:
        await consumer.kill()
    await client.close()
    await other.close()


async def test_no_gap_and_order_kept_while_leaders_and_consumers_are_killed():
    async def leader(c, client):
        return await c.leader(client)

    async with Cluster(3) as c:
        await storm(c, 600 if LONG else 60, "leader", leader)


async def test_a_start_that_lies_ahead_is_kept_by_who_leads_next():
    """By a follower that applied it, and by a node that lost all it had and got the state of another."""
    ahead = {"filter": {"plugin": "by_stream", "selector": "far"}, "start": {"seq": 9}}
    async with Cluster(3, env=SMALL) as c:
        client = await c.client()
        first = await c.leader(client)

        async def append(count):
            for _ in range(count):
                check(isinstance(await asked(client, "append.T.far", b"{}"), dict), "it is appended")

        await append(3)
        check(isinstance(await asked(client, "sub.create.far", json.dumps(ahead).encode()), dict), "it is made")
        wipe(c.nodes[first])
        await append(3)
        check(await c.leader(client) != first, "another leads")
        equal((await asked(client, "sub.info.far"))["not_before"], {"seq": 9})
        for _ in range(12):  # beyond what the log keeps
            await asked(client, "batch", json.dumps({"events": [{"stream": "other", "type": "T", "data": "x" * 3000}] * 100}).encode())
        c.nodes[first].start()
        await votes_again(c, first)
        equal((await asked(client, "cluster.transfer", json.dumps({"to": first}).encode()))["leader"], first)
        equal((await asked(client, "sub.info.far"))["not_before"], {"seq": 9})
        await append(4)
        inbox = client.nc.new_inbox()
        sub = await client.nc.subscribe(inbox)
        await client.nc.publish(f"{client.root}.sub.next.far", b'{"batch":2,"expires_ms":10000}', reply=inbox)
        got = [int((await sub.next_msg(15)).headers["Nats-Sequence"]) for _ in range(2)]
        equal(got, [9, 10], "nothing below what was asked for")
        check("fetched from a peer" in c.nodes[first].log_text(), f"it got a state: {c.nodes[first].log_text()[-1500:]}")
        await client.close()


async def test_a_transient_one_of_the_next_leader_is_of_another_epoch():
    """What was given by the leader before cannot be acknowledged there."""
    async with Cluster(3) as c:
        client = await c.client()
        await asked(client, "append.T.brief", b"{}")
        epochs, replies = [], []
        for to in ["n1", "n2", "n3", "n1"]:
            await asked(client, "cluster.transfer", json.dumps({"to": to}).encode())
            made = await asked(client, "sub.create.brief", b'{"filter":{"plugin":"by_stream","selector":"brief"},"durable":false}')
            epochs.append(made["epoch"])
            inbox = client.nc.new_inbox()
            sub = await client.nc.subscribe(inbox)
            await client.nc.publish(f"{client.root}.sub.next.brief", b'{"expires_ms":10000}', reply=inbox)
            replies.append((await sub.next_msg(15)).reply)
        equal(epochs, sorted(set(epochs)), "they ascend")
        for reply in replies[:-1]:
            equal(json.loads((await client.nc.request(reply, b"", timeout=5)).data)["error"]["err_code"], 40904, reply)
        equal((await client.nc.request(replies[-1], b"", timeout=5)).data, b"")
        await client.close()
