# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions beside a random program over streams that come and go (random_streams.py), and what they owe by the contract
(PROTOCOL.md sections 8 and 11): all that is seen in the end has come, in the order of its key; nothing that has been out of sight for
long comes; and where all is answered nothing waits, is in flight, or is parked, and no key stays behind what is gone.

What has been within an age is judged less: how old it was taken to be is for the clocks of nodes (decision 0145)."""
import asyncio
import json
import random
import time

from harness import Failure, check, equal, wait_until

LATE_S = 2  # so long after it is known to be out of sight something may still come: it was on its way
END_S = 60
ORDERS = ("none", "stream", "stream", "tag:x", "global")


class Watched:
    """A subscription and its consumer."""

    def __init__(self, program, number, chance):
        self.program, self.random = program, random.Random(f"{program.tag} {number}")
        self.name = f"{program.tag}w{number}"
        self.got = []  # (when, epoch, stream, seq, pos, id)
        self.heeds = False  # everything is acknowledged
        self.order = chance.choice(ORDERS)
        self.pulls = chance.random() < 0.3
        self.since = 0  # so many deliveries had come when it was last sought
        self.definition = {
            "filter": {"plugin": "by_pattern", "selector": f"{program.tag}.>"}, "order": self.order, "max_deliver": chance.choice([1, 2, 5]),
            "ack_wait_ms": chance.choice([200, 1000]), "on_exhausted": chance.choice(["park", "park", "skip"]), "max_in_flight": chance.choice([1, 5, 1000]),
            "placement": chance.choice(["leader", "spread"]), "start": "first"}
        if self.definition["on_exhausted"] == "skip":
            self.definition["max_deliver"] = 5
        if not self.pulls:
            self.definition["deliver"] = {"subject": f"work.{self.name}"}

    # ---- consuming -----------------------------------------------------------------------------

    async def start(self):
        self.inbox = f"in.{self.name}" if self.pulls else f"work.{self.name}"
        await self.program.c.nc.subscribe(self.inbox, cb=self.on_message, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await self.program.c.nc.flush()
        made, _ = await self.program.patient(f"sub.create.{self.name}", json.dumps(self.definition).encode())
        check(isinstance(made, dict), f"create {self.definition}: {made}")
        self.puller = asyncio.ensure_future(self.pull()) if self.pulls else None

    async def pull(self):
        while True:
            ask = json.dumps({"batch": 20, "expires_ms": 400}).encode()
            await self.program.c.nc.publish(f"{self.program.c.root}.sub.next.{self.name}", ask, reply=self.inbox)
            await asyncio.sleep(0.2)

    def stop(self):
        if self.puller:
            self.puller.cancel()

    async def on_message(self, msg):
        headers = msg.headers or {}
        if headers.get("Status"):
            if msg.reply:
                await self.program.c.nc.publish(msg.reply, b"")
            return
        if not msg.reply:  # a pull that nobody takes up just now
            return check(headers.get("Nats-Service-Error-Code") in ("503", "429"), f"{self.name}: {headers} {msg.data}")
        epoch, pos = (int(token) for token in msg.reply.split(".")[-3:-1])
        self.got.append((time.time_ns(), epoch, headers["Es-Stream"], int(headers["Nats-Sequence"]), int(headers["Es-Position"]), headers["Nats-Msg-Id"]))
        equal(pos, int(headers["Es-Position"]), f"{self.name}: {msg.reply}")
        answer = b"" if self.heeds else self.random.choices([b"", b"-NAK", b'-NAK {"delay_ms":50}', b"+TERM bad", None], [80, 6, 4, 4, 6])[0]
        if answer is not None:
            await self.program.c.nc.publish(msg.reply, answer)

    # ---- verbs ---------------------------------------------------------------------------------

    async def verb(self, what, body=b""):
        self.program.say("sub", self.name, what, body)
        if what == "seek":
            self.since = len(self.got)
        answer, _ = await self.program.patient(f"sub.{what}.{self.name}", body)
        if what == "replay" and isinstance(answer, tuple) and answer[0] in (404, 409):
            return
        check(isinstance(answer, dict), f"{self.name} {what} {body}: {answer}")

    # ---- what is owed --------------------------------------------------------------------------

    async def has(self, parked):
        """Nothing waits, nothing is in flight, and so much is parked."""
        self.about, _ = await self.program.patient(f"sub.info.{self.name}")
        return [self.about[member] for member in ("pending", "in_flight", "parked", "state")] == [0, 0, parked, "live"]

    async def is_through(self):
        """What is parked is what can be replayed: all others have let go of their keys by themselves."""
        answer, _ = await self.program.patient(f"sub.parked.{self.name}", b'{"limit":1000}')
        gone = {e.pos for e in self.program.events if e.gone}
        self.listed = [row["pos"] for row in answer["parked"]]
        return await self.has(len(self.listed)) and not gone & set(self.listed)

    async def is_idle(self):
        await self.verb("replay")
        return await self.has(0)

    async def end(self):
        self.heeds = True
        await self.verb("resume")
        for condition in (self.is_through, self.is_idle):
            try:
                await wait_until(condition, END_S, f"{self.name} {self.definition} {condition.__name__}")
            except Failure as fault:
                raise Failure(f"{fault}: {self.about}, parked are {self.listed}") from None
        self.judge_each()
        self.judge_order()
        self.judge_all()

    def judge_each(self):
        by_pos = {e.pos: e for e in self.program.events}
        for when, _, stream, seq, pos, id in self.got:
            check(pos in by_pos, f"{self.name}: {pos} was never written")
            e = by_pos[pos]
            equal((stream, seq, id), (e.stream.name, e.seq, e.id), f"{self.name}: event {pos}")
            late = e.gone and when - e.gone > LATE_S * 10**9
            check(not late, f"{self.name}: {stream} {seq} came {(when - (e.gone or 0)) / 1e9:.1f} s after it was out of sight")

    def judge_order(self):
        """First deliveries of an epoch, of a key."""
        last, seen = {}, set()
        tags = {e.pos: e.tags for e in self.program.events}
        for _, epoch, stream, seq, pos, _ in self.got:
            key = {"none": None, "stream": stream, "global": "*"}.get(self.order)
            if self.order == "tag:x":
                key = next((tag for tag in tags[pos].split(",") if tag.startswith("x")), None)
            if key is None or (epoch, pos) in seen:
                continue
            seen.add((epoch, pos))
            check(pos > last.get((epoch, key), 0), f"{self.name} {self.definition}: {stream} {seq}, {pos}, came first behind {last.get((epoch, key))} of {key} in epoch {epoch}")
            last[(epoch, key)] = pos

    def judge_all(self):
        have = {got[4] for got in self.got[self.since:]}
        missing = [(e.stream.name, e.seq, e.pos) for e in self.program.events if e.gone is None and not e.aged and e.pos not in have]
        check(not missing, f"{self.name} {self.definition}: never came: {missing}")


class Watches:
    def __init__(self, program, count):
        chance = random.Random(f"{program.tag} subscriptions")
        self.program, self.all = program, [Watched(program, number, chance) for number in range(count)]

    async def start(self):
        for watched in self.all:
            await watched.start()

    async def do_verb(self):
        watched = self.program.random.choice(self.all)
        what, body = self.program.random.choice([("pause", b""), ("resume", b""), ("resume", b""), ("replay", b""), ("replay", b""), ("seek", b'"first"')])
        await watched.verb(what, body)

    async def end(self):
        try:
            for watched in self.all:
                await watched.end()
        finally:
            self.stop()

    def stop(self):
        for watched in self.all:
            watched.stop()
