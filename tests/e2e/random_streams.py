# SPDX-License-Identifier: GPL-3.0-or-later
"""Random programs that append to, delete, tombstone and limit a few streams, and what each answer and each read owes by the contract
(PROTOCOL.md sections 3, 5, 6, 10, 11). One writer, so that a plain model says all; nodes are killed and hand over under it.

    NCTEST_TOP=$PWD python tests/e2e/random_streams.py [--seeds FIRST COUNT] [--steps N] [--nodes 3] [--kills 0.02] [--subs 3]
"""
import argparse
import asyncio
import calendar
import json
import random
import time

from harness import Both, Cluster, Failure, callback_faults, check, equal
from random_streams_subs import Watches

TYPES = ("A", "B")
TAGS = ("x:1", "x:2", "y:1")
AGES = (1, 2)


class Stream:
    def __init__(self, name):
        self.name = name
        self.head = 0
        self.first = 1  # lowest that is seen, but for age
        self.state = None  # None: never was
        self.meta = {}
        self.born = 0  # version of the first event of its life
        self.floor = 0  # below it no snapshot is taken: those of earlier lives end there
        self.snaps = {}
        self.put = [1]  # versions of which there was one ever

    @property
    def lives(self):
        return self.state == "live"

    def holds(self, expect):
        if expect in (None, "any"):
            return True
        if expect == "exists":
            return self.lives
        if expect in ("none", 0):
            return not self.lives
        return expect == self.head

    def limit(self):
        count = self.meta.get("max_count", 0)
        if count and self.head > count:
            self.first = max(self.first, self.head - count + 1)


class Event:
    def __init__(self, **about):
        self.__dict__.update(about)


def ns_of(text):
    """Of 1970, in ns."""
    whole, fraction = text.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(fraction)


class Program:
    def __init__(self, client, seed, tag, world):
        self.c, self.random, self.tag, self.world = client, random.Random(seed), tag, world
        self.streams = {}
        self.events = []  # in the order of positions
        self.ids = 0
        self.said = []
        self.batches = []  # (body, streams, answer)
        self.watches = None  # subscriptions
        self.behind = False  # a deletion has no position: what another node sees of it cannot be waited for

    # ---- asking --------------------------------------------------------------------------------

    async def patient(self, subject, body=b"", headers=None):
        """What is answered in the end; asked again as long as nobody leads. How often it may have been done is > 1 then."""
        tries = 0
        self.asked = time.time_ns()
        while True:
            tries += 1
            try:
                answer = await self.c.ask(subject, body, headers, timeout=3)
            except Exception as fault:  # noqa: BLE001 nobody leads just now
                if isinstance(fault, Failure):
                    raise
                await asyncio.sleep(0.02)
                continue
            if isinstance(answer, tuple) and answer[0] in (503, 429):
                await asyncio.sleep(0.02)
                continue
            return answer, tries

    async def message(self, subject, body=b""):
        """An answer that may be an event or a snapshot, and its error code, None if it is one; asked again as above."""
        while True:
            try:
                msg = await self.c.request(subject, body, timeout=3)
            except Exception:  # noqa: BLE001 nobody leads just now
                await asyncio.sleep(0.02)
                continue
            headers = msg.headers or {}
            code = headers.get("Nats-Service-Error-Code") or headers.get("Status")
            if code not in ("503", "429"):
                return msg, code
            await asyncio.sleep(0.02)

    def stream(self):
        name = f"{self.tag}.{self.random.choice('abcde')}"
        return self.streams.setdefault(name, Stream(name))

    def an_expectation(self, stream):
        return self.random.choice([None, None, None, "any", "none", "exists", 0, stream.head, stream.head, max(0, stream.head - 1), stream.head + 1])

    def say(self, *words):
        self.said.append(" ".join(str(w) for w in words))

    def owed(self, answer, code, what):
        self.say("   ->", answer)
        check(isinstance(answer, tuple) and answer[:2] == code, f"{what}: {answer}, not {code}")

    # ---- writing -------------------------------------------------------------------------------

    def an_event(self, stream):
        old = [e for e in self.events if e.stream is stream]
        if old and self.random.random() < 0.25:
            one = self.random.choice(old)
            data = one.data if self.random.random() < 0.8 else b'{"other":1}'
            return one.id, one.type, data, one.tags, one
        self.ids += 1
        tags = ",".join(self.random.sample(TAGS, self.random.randint(0, 2)))
        return f"{self.tag}-{self.ids}", self.random.choice(TYPES), json.dumps({"n": self.ids}).encode(), tags, None

    def written(self, stream, id, type, data, tags, seq, pos):
        if not stream.lives:
            stream.first = stream.head + 1
            stream.born = stream.head + 1
            stream.floor = max([stream.floor] + [v + 1 for v in stream.snaps])
            stream.snaps = {}
        stream.state = "live"
        stream.head += 1
        stream.limit()
        equal(seq, stream.head, f"version of {stream.name}")
        if self.events:
            check(pos > self.events[-1].pos, f"position {pos} after {self.events[-1].pos}")
        self.events.append(Event(stream=stream, seq=seq, pos=pos, id=id, type=type, data=data, tags=tags, time=None, gone=None, aged="max_age_s" in stream.meta, earliest=self.asked, latest=time.time_ns()))

    async def do_append(self):
        stream = self.stream()
        id, type, data, tags, one = self.an_event(stream)
        expect = self.an_expectation(stream)
        headers = {"Nats-Msg-Id": id, "Es-Tags": tags or None, "Es-Expect": None if expect is None else str(expect)}
        self.say("append", stream.name, id, type, data, tags, "expect", expect)
        answer, tries = await self.patient(f"append.{type}.{stream.name}", data, {k: v for k, v in headers.items() if v})
        if stream.state == "tombstoned":
            return self.owed(answer, (410, 41001), "append to a tombstone")
        if one and data != one.data:
            return self.owed(answer, (409, 40901), "an id with other content")
        if one:
            return equal(answer, {"stream": stream.name, "seq": one.seq, "pos": one.pos, "duplicate": True}, "a retry")
        if not stream.holds(expect):
            self.owed(answer, (400, 10071), "an expectation")
            return equal(answer[2], f"wrong last sequence: {stream.head}")
        check(isinstance(answer, dict) and (tries > 1 or "duplicate" not in answer), f"append: {answer}")
        self.written(stream, id, type, data, tags, answer["seq"], answer["pos"])

    async def do_batch(self):
        events, asked, seen = [], [], {}
        for _ in range(self.random.randint(1, 4)):
            stream = self.stream()
            expect = self.an_expectation(stream)
            self.ids += 1
            event = {"stream": stream.name, "type": self.random.choice(TYPES), "data": {"n": self.ids}, "id": f"{self.tag}-{self.ids}",
                     "tags": self.random.sample(TAGS, self.random.randint(0, 2))}
            if expect is not None:
                event["expect"] = expect
            events.append(event)
            asked.append((stream, expect))
        check_of = self.stream()
        body = {"events": events}
        wants = self.an_expectation(check_of) if self.random.random() < 0.4 and check_of not in [stream for stream, _ in asked] else None
        if wants is not None:
            body["check"] = [{"stream": check_of.name, "expect": wants}]
        item = None
        if self.random.random() < 0.4:
            item = self.random.choice([{"types": [self.random.choice(TYPES)], "tags": [self.random.choice(TAGS)]}, {"tags": [self.random.choice(TAGS)]}])
            after = self.random.choice([0] + [e.pos for e in self.events[-30:]])
            body["condition"] = {"fail_if": [item], "after": after}
        self.say("batch", json.dumps(body))
        before = time.time_ns()
        answer, tries = await self.patient("batch", json.dumps(body).encode())
        now = time.time_ns()
        if any(stream.state == "tombstoned" for stream, _ in asked):
            return self.owed(answer, (410, 41001), "a batch to a tombstone")
        failed = wants is not None and not check_of.holds(wants)
        for stream, expect in asked:
            as_of = Stream(stream.name)
            as_of.head = stream.head + seen.get(stream.name, 0)
            as_of.state = "live" if seen.get(stream.name) else stream.state
            seen[stream.name] = seen.get(stream.name, 0) + 1
            failed |= not as_of.holds(expect)
        if failed:
            return self.owed(answer, (400, 10071), "an expectation of a batch")
        if item:
            must, may = self.visible(before, now)
            hits = lambda those: [e for e in those if e.pos > after and e.type in item.get("types", TYPES) and set(item["tags"]) <= set(e.tags.split(","))]  # noqa: E731
            conflict = isinstance(answer, tuple) and answer[:2] == (409, 40902)
            if conflict:
                return check(hits(may), f"a condition fails by nothing that is seen: {answer}")
            check(not hits(must), f"a condition holds, though {[(e.stream.name, e.seq) for e in hits(must)]} is seen: {answer}")
        check(isinstance(answer, dict) and (tries > 1 or "duplicate" not in answer), f"batch: {answer}")
        answer.pop("duplicate", None)
        self.batches.append((json.dumps(body).encode(), [stream for stream, _ in asked], answer))
        for (stream, _), event, result in zip(asked, events, answer["results"]):
            equal(result["stream"], stream.name)
            self.written(stream, event["id"], event["type"], json.dumps(event["data"]).encode(), ",".join(event["tags"]), result["seq"], result["pos"])

    async def do_batch_again(self):
        if not self.batches:
            return
        body, streams, first = self.random.choice(self.batches)
        self.say("batch again", body)
        answer, _ = await self.patient("batch", body)
        if any(stream.state == "tombstoned" for stream in streams):
            return self.owed(answer, (410, 41001), "a batch to a tombstone")
        equal(answer, {**first, "duplicate": True}, "a batch that is known")

    async def do_delete(self):
        stream = self.stream()
        tombstone = self.random.random() < 0.08
        expect = self.an_expectation(stream)
        body = {"mode": "tombstone" if tombstone else "soft"}
        if expect is not None:
            body["expect"] = expect
        self.say("delete", stream.name, body)
        answer, tries = await self.patient(f"stream.delete.{stream.name}", json.dumps(body).encode())
        if stream.state is None:
            return self.owed(answer, (404, 10059), "deleting what never was")
        if stream.state == "tombstoned":
            return self.owed(answer, (410, 41001), "deleting a tombstone")
        if not stream.holds(expect):
            return self.owed(answer, (400, 10071), "an expectation of a deletion")
        again = tries > 1
        if again and isinstance(answer, tuple) and ((tombstone and answer[0] == 410) or (expect == "exists" and answer[:2] == (400, 10071))):
            pass  # the first one was done
        else:
            was = stream.state == "deleted" and not tombstone
            check(isinstance(answer, dict), f"delete: {answer}")
            if not again:
                equal(answer.get("duplicate", False), was, f"delete of what is {stream.state}: {answer}")
            answer.pop("duplicate", None)
            equal(answer, {"stream": stream.name, "seq": stream.head, "first_seq": stream.head + 1, "state": "tombstoned" if tombstone else "deleted"})
        stream.state = "tombstoned" if tombstone else "deleted"
        stream.first = stream.head + 1

    async def do_meta(self):
        stream = self.stream()
        body = {}
        for member, values in (("max_count", (0, None, 1, 3, 10)), ("max_age_s", (0, None) + AGES), ("truncate_before", (0, max(0, stream.head - 2), stream.head + 1, stream.head + 2))):
            if self.random.random() < 0.4:
                body[member] = self.random.choice(values)
        expect = self.an_expectation(stream)
        if expect is not None:
            body["expect"] = expect
        self.say("meta", stream.name, body)
        before = time.time_ns()
        answer, _ = await self.patient(f"stream.meta.{stream.name}", json.dumps(body).encode())
        now = time.time_ns()
        if stream.state is None:
            return self.owed(answer, (404, 10059), "meta of what never was")
        if stream.state == "tombstoned":
            return self.owed(answer, (410, 41001), "meta of a tombstone")
        if not stream.holds(expect):
            return self.owed(answer, (400, 10071), "an expectation of a meta")
        if stream.state == "deleted":
            return self.owed(answer, (404, 10059), "meta of what is deleted")
        if (body.get("truncate_before") or 0) > stream.head + 1:
            return self.owed(answer, (400, 10003), "truncating above")
        check(isinstance(answer, dict), f"meta: {answer}")
        low, high = self.first_of(stream, before, now)
        if "max_age_s" in body:  # what is about to be too old is settled too
            about = min(stream.meta.get("max_age_s", 0) * 10**9 // 8, 4 * 10**9)
            high = max(high, self.first_of(stream, before, now + about)[1])
        if "truncate_before" in body and body["truncate_before"]:
            low, high = max(low, body["truncate_before"]), max(high, body["truncate_before"])
        for member in ("max_count", "max_age_s", "truncate_before"):
            if body.get(member):
                stream.meta[member] = body[member]
            elif member in body:
                stream.meta.pop(member, None)
        stream.limit()
        low, high = max(low, stream.first), max(high, stream.first)
        if "max_age_s" in body:  # the new age
            high = max(high, self.first_of(stream, before, now)[1])
        check(low <= answer["first_seq"] <= max(high, low), f"first_seq {answer['first_seq']} is not in {low}..{high}")
        equal((answer["stream"], answer["seq"], answer["state"], answer["meta"]), (stream.name, stream.head, "live", stream.meta))
        stream.first = max(stream.first, answer["first_seq"])

    # ---- snapshots -----------------------------------------------------------------------------

    async def do_snap(self):
        stream = self.stream()
        version = self.random.randint(1, max(1, stream.head + 1))
        self.ids += 1
        data = f"{stream.name} {version} {self.ids}".encode()
        self.say("snap", stream.name, version)
        answer, _ = await self.patient(f"snap.put.{stream.name}", data, {"Es-Snapshot-Seq": str(version)})
        if stream.state == "tombstoned":
            return self.owed(answer, (410, 41001), "a snapshot of a tombstone")
        if not stream.lives or version > stream.head or version < stream.floor:
            return self.owed(answer, (400, 10003), "a snapshot above, or of an earlier life")
        equal(answer, {"stream": stream.name, "seq": version})
        stream.snaps[version] = data
        stream.put.append(version)

    async def see_snap(self):
        stream = self.stream()
        version = self.random.choice([self.random.randint(1, stream.head + 1), *stream.put[-4:]])
        body, fits = self.random.choice([({}, lambda v: True), ({"seq": version}, lambda v: v == version), ({"at_most": version}, lambda v: v <= version)])
        self.say("see snap", stream.name, body, stream.state, sorted(stream.snaps))
        msg, code = await self.message(f"snap.get.{stream.name}", json.dumps(body).encode())
        if stream.state == "tombstoned":
            return equal(code, "410", f"{msg.headers} {msg.data}")
        fitting = [v for v in stream.snaps if fits(v)]
        if not stream.lives or not fitting:
            return equal(code, "404", f"{msg.headers} {msg.data}")
        equal((msg.headers.get("Es-Snapshot-Seq"), msg.data), (str(max(fitting)), stream.snaps[max(fitting)]))

    async def do_snap_delete(self):
        stream = self.stream()
        version = self.random.choice([self.random.randint(1, stream.head + 1), *stream.put[-4:]])
        body, goes = self.random.choice([({}, lambda v: True), ({"seq": version}, lambda v: v == version), ({"before": version}, lambda v: v < version)])
        self.say("snap delete", stream.name, body, stream.state, sorted(stream.snaps))
        answer, tries = await self.patient(f"snap.delete.{stream.name}", json.dumps(body).encode())
        if stream.state == "tombstoned":
            return self.owed(answer, (410, 41001), "snapshots of a tombstone")
        gone = [v for v in stream.snaps if goes(v)] if stream.lives else []
        for v in gone:
            del stream.snaps[v]
        if tries > 1:  # the one before may have done it
            return None
        if "seq" in body and not gone:
            return self.owed(answer, (404, 40401), "a snapshot that is not there")
        equal(answer, {"stream": stream.name, "deleted": len(gone)})

    # ---- reading -------------------------------------------------------------------------------

    def note_gone(self):
        """What is known to be out of sight for good, since when; and what has been within an age."""
        for e in self.events:
            e.aged |= "max_age_s" in e.stream.meta
            if e.gone is None and (not e.stream.lives or e.seq < e.stream.first):
                e.gone = time.time_ns()

    def aged(self, event, now, surely):
        age = event.stream.meta.get("max_age_s", 0)
        return age and now - (event.latest if surely else event.earliest) >= age * 10**9

    def visible(self, before, now):
        """Events that must be seen by who asked between these times, and that may."""
        base = [e for e in self.events if e.stream.lives and e.seq >= e.stream.first]
        return [e for e in base if not self.aged(e, now, False)], [e for e in base if not self.aged(e, before, True)]

    def first_of(self, stream, before, now):
        """Between which versions its first lies."""
        if not stream.lives:
            return stream.head + 1, stream.head + 1
        must, may = self.visible(before, now)
        low = min([e.seq for e in may if e.stream is stream], default=stream.head + 1)
        high = min([e.seq for e in must if e.stream is stream], default=stream.head + 1)
        return low, high

    async def read_all(self, subject, body, headers=None):
        while True:
            try:
                got, at = [], dict(body)
                while True:
                    events, end = await self.c.read(subject, json.dumps(at).encode(), headers=headers, timeout=3)
                    if events is None:
                        code = end.headers.get("Nats-Service-Error-Code") or end.headers.get("Status")
                        check(str(code) in ("503", "429"), f"{subject} {at}: {end.headers}")
                        raise asyncio.TimeoutError
                    for msg in events:
                        if body.get("format") == "json":
                            got += [(e["stream"], e["seq"], e["pos"], e["time"], e["id"]) for e in json.loads(msg.data)]
                        else:
                            h = msg.headers
                            got.append((h["Es-Stream"], int(h["Nats-Sequence"]), int(h["Es-Position"]), h["Nats-Time-Stamp"], h["Nats-Msg-Id"]))
                    check(len(events) <= at.get("limit", 1000) or body.get("format"), "more than limit")
                    if "Es-Next" not in end.headers:
                        return got, end
                    at["from"] = int(end.headers["Es-Next"])
            except Failure:
                raise
            except Exception:  # noqa: BLE001 nobody leads
                await asyncio.sleep(0.02)

    async def do_read(self):
        stream = self.stream()
        kind = self.random.choice(["read", "all", "type", "category", "tag", "query", "load", "filtered"])
        root, headers = "", None
        if self.random.random() < 0.4:
            root, headers = "direct.", {"Es-Min-Position": str(self.events[-1].pos if self.events else 0)}
        body = {}
        if self.random.random() < 0.5 and kind != "load":
            body["limit"] = self.random.randint(1, 5)
        if self.random.random() < 0.3:
            body["format"] = "json"
        backward = kind != "load" and self.random.random() < 0.3
        if backward:
            body["dir"] = "backward"
        if self.random.random() < 0.2 and kind != "load":
            body["max_bytes"] = self.random.choice([1, 300])
        word = self.random.choice(TYPES) if kind == "type" else self.random.choice(TAGS)
        mine = {
            "read": lambda e: e.stream is stream,
            "load": lambda e: e.stream is stream,
            "all": lambda e: True,
            "category": lambda e: True,
            "filtered": lambda e: e.stream is stream,
            "type": lambda e: e.type == word,
            "tag": lambda e: word in e.tags.split(","),
            "query": lambda e: word in e.tags.split(",") and e.type == "A",
        }[kind]
        subject = {"read": f"read.{stream.name}", "load": f"load.{stream.name}", "all": "all", "category": f"category.{self.tag}",
                   "type": f"type.{word}", "tag": f"tag.{word.replace(':', '=3A')}", "query": "query", "filtered": "all"}[kind]
        if kind == "query":
            body["items"] = [{"types": ["A"], "tags": [word]}]
        if kind == "filtered":
            body["filter"] = {"plugin": "by_stream", "selector": stream.name}
        if self.behind:
            root, headers = "", None
        self.say("read", root + subject, body)
        before = time.time_ns()
        if kind == "load":
            body.pop("limit", None)
            await self.see_load(stream, root, headers)
            return
        got, end = await self.read_all(root + subject, body, headers)
        now = time.time_ns()
        by_pos = {e.pos: e for e in self.events}
        for name, seq, pos, at, id in got:
            check(pos in by_pos, f"{pos} was never written")
            e = by_pos[pos]
            equal((name, seq, id), (e.stream.name, e.seq, e.id), f"event {pos}")
            e.time = e.earliest = e.latest = ns_of(at)
        must, may = self.visible(before, now)
        self.say("   got", [(g[0], g[1]) for g in got])
        have = [g[2] for g in got]
        equal(have, sorted(have, reverse=backward), "order")
        equal(len(have), len(set(have)), "twice")
        missing = [(e.stream.name, e.seq) for e in must if mine(e) and e.pos not in have]
        check(not missing, f"{root}{subject} {body}: not given: {missing}")
        allowed = {e.pos for e in may if mine(e)}
        extra = [(by_pos[p].stream.name, by_pos[p].seq) for p in have if p not in allowed]
        check(not extra, f"{root}{subject} {body}: given and not to be seen: {extra}")
        equal(end.headers.get("Nats-Num-Pending"), "0", "pending at the end")
        if kind == "read":
            equal(int(end.headers["Es-Head"]), stream.head, "Es-Head")

    async def see_load(self, stream, root, headers):
        got = None
        while got is None:
            try:
                got, end = await self.c.read(f"{root}load.{stream.name}", b"", headers=headers, timeout=3)
            except Failure:
                raise
            except Exception:  # noqa: BLE001 nobody leads
                await asyncio.sleep(0.02)
        after = 0
        if got and "Es-Snapshot-Seq" in got[0].headers:
            after = int(got[0].headers["Es-Snapshot-Seq"])
            check(stream.lives and after == max(stream.snaps, default=0), f"load of {stream.name}: snapshot {after}, has {sorted(stream.snaps)}, {stream.state}")
            equal(got.pop(0).data, stream.snaps[after])
        if stream.lives and not stream.meta.get("max_age_s"):
            if stream.snaps and not after:
                check(max(stream.snaps) + 1 < stream.first, f"load of {stream.name} without its snapshot {max(stream.snaps)}, first {stream.first}")
            equal([int(e.headers["Nats-Sequence"]) for e in got], list(range(max(stream.first, after + 1), stream.head + 1)), "load")
        elif not stream.lives:
            equal(got, [], "load of what does not live")

    async def do_get(self):
        if not self.events:
            return
        e = self.random.choice(self.events)
        where = self.random.choice([{"pos": e.pos}, {"stream": e.stream.name, "seq": e.seq}, {"stream": e.stream.name, "id": e.id}, {"id": e.id}])
        self.say("get", where)
        before = time.time_ns()
        msg, code = await self.message("get", json.dumps(where).encode())
        now = time.time_ns()
        if code is None:
            equal((msg.headers["Es-Stream"], int(msg.headers["Nats-Sequence"])), (e.stream.name, e.seq))
            e.time = e.earliest = e.latest = ns_of(msg.headers["Nats-Time-Stamp"])
        must, may = self.visible(before, now)
        if code is None:
            check(e in may, f"{where}: given, and not to be seen")
        else:
            check(code in ("404", "410"), f"{where}: {msg.headers}")
            check(e not in must, f"{where}: {msg.headers}, and it is to be seen")

    async def do_info(self):
        stream = self.stream()
        self.say("info", stream.name)
        before = time.time_ns()
        answer, _ = await self.patient(f"stream.info.{stream.name}")
        now = time.time_ns()
        if stream.state is None:
            return self.owed(answer, (404, 10059), "info of what never was")
        low, high = self.first_of(stream, before, now)
        equal((answer["seq"], answer["state"]), (stream.head, stream.state), f"{answer}")
        check(low <= answer["first_seq"] <= high, f"info: first_seq {answer['first_seq']} not in {low}..{high}")
        equal(answer["events"], stream.head + 1 - answer["first_seq"], f"{answer}")
        if stream.lives:
            equal(answer["meta"], stream.meta)
            mine = [e for e in self.events if e.stream is stream and e.seq >= stream.born]
            equal(answer["bytes"], sum(len(e.data) for e in mine), f"bytes {answer}")
            if mine[0].time:
                equal(ns_of(answer["created"]), mine[0].time, "created")
        else:
            equal(answer["bytes"], 0)

    async def do_list(self):
        self.say("list")
        listed, after = {}, None
        while True:
            body = {"prefix": f"{self.tag}.", "limit": self.random.randint(1, 3)}
            if after:
                body["after"] = after
            page, _ = await self.patient("stream.list", json.dumps(body).encode())
            listed.update({s["stream"]: s for s in page["streams"]})
            after = page.get("next")
            if not after:
                break
        equal(sorted(listed), sorted(s.name for s in self.streams.values() if s.lives), "listed")

    async def do_stats(self):
        answer, _ = await self.patient("store.stats")
        equal(answer["events"], len(self.events), "stats count what was ever appended")

    # ---- the world -----------------------------------------------------------------------------

    async def do_chaos(self):
        if not isinstance(self.world, Cluster):
            self.say("kill -9")
            await asyncio.to_thread(self.world.node.restart)
            return
        leader = await self.world.leader(self.c)
        if self.random.random() < 0.7:
            victim = leader if self.random.random() < 0.7 else self.random.choice(list(self.world.nodes))
            self.say("kill -9", victim)
            self.world.nodes[victim].kill()
            self.world.nodes[victim].spawn()
            return
        to = self.random.choice([n for n in self.world.nodes if n != leader])
        self.say("transfer from", leader, "to", to)
        try:
            await self.c.ask("cluster.transfer", json.dumps({"to": to}).encode(), timeout=3)
        except Exception:  # noqa: BLE001 nobody leads just now
            pass

    async def run(self, steps, kills, subs=0):
        weights = {self.do_append: 30, self.do_batch: 14, self.do_batch_again: 3, self.do_delete: 9, self.do_meta: 9, self.do_read: 20, self.do_get: 6,
                   self.do_info: 6, self.do_list: 2, self.do_snap: 6, self.see_snap: 6, self.do_snap_delete: 2, self.do_stats: 1}
        if subs:
            self.watches = Watches(self, subs)
            await self.watches.start()
            weights[self.watches.do_verb] = 4
        for _ in range(steps):
            if kills and self.random.random() < kills:
                await self.do_chaos()
            what = self.random.choices(list(weights), list(weights.values()))[0]
            before = len(self.events)
            await what()
            if what in (self.do_delete, self.do_meta):
                self.behind = isinstance(self.world, Cluster)
            elif len(self.events) > before:
                self.behind = False
            self.note_gone()
            check(not callback_faults, f"{callback_faults}")
            if self.random.random() < 0.02:
                await asyncio.sleep(self.random.choice([0.3, 1.1]))
        if subs:
            await self.watches.end()
            check(not callback_faults, f"{callback_faults}")


async def run(seed, steps=300, nodes=1, kills=0.0, subs=0):
    """None; or what was wrong, and what was asked before."""
    callback_faults.clear()
    async with Both() if nodes == 1 else Cluster(nodes) as world:
        client = world.client if nodes == 1 else await world.client()
        program = Program(client, seed, f"r{seed}", world)
        try:
            await program.run(steps, kills, subs)
        except Exception as fault:  # noqa: BLE001
            return f"{fault!r}\n  " + "\n  ".join(program.said[-60:])
        finally:
            if program.watches:
                program.watches.stop()
            if nodes > 1:
                await client.close()
    return None


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", nargs=2, type=int, default=(1, 1))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--kills", type=float, default=0)
    parser.add_argument("--subs", type=int, default=0, help="so many subscriptions beside it")
    args = parser.parse_args()
    failed = 0
    for seed in range(args.seeds[0], args.seeds[0] + args.seeds[1]):
        fault = await run(seed, args.steps, args.nodes, args.kills, args.subs)
        failed += fault is not None
        print(f"seed {seed}: {fault or 'ok'}", flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    asyncio.run(main())
