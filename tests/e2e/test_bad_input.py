# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever comes in over a raw connection, also what no client library would send: each request is answered as
PROTOCOL.md says or counted, the node lives, and what is stored is exactly what was acknowledged."""
import asyncio
import json
import random
import time

from harness import LONG, check, equal, error_of

SHARED = True

KNOWN = {(400, 10071), (400, 10003), (400, 10060), (400, 40001), (400, 40002), (400, 40003), (404, 10037), (404, 10059), (404, 40401),
         (409, 40901), (413, 10054), (429, 10023), (503, 10008)}
SUBJECTS = ["append.{}.{}", "append.{}", "read.{}", "all", "type.{}", "category.{}", "get", "store.info", "node.n1.status",
            "node.n1.healthz", "direct.read.{}", "direct.all", "direct.type.{}", "direct.category.{}", "direct.get",
            "snap.put.{}", "snap.get.{}", "snap.list.{}", "snap.list", "snap.delete.{}", "load.{}", "direct.load.{}"]
NAMES = ["Es-Expect", "Nats-Msg-Id", "Nats-Expected-Last-Sequence", "Nats-Expected-Stream", "Es-Tags", "Content-Type",
         "Es-Min-Position", "Es-Snapshot-Seq", "es-expect", "Nats-Rollup", "traceparent", "x", "", " ", "a b", "Nats-Trace-Dest"]
VALUES = ["any", "none", "exists", "0", "1", "-1", "99999999999999999999999", "a,b", ",", " ", "", "a" * 300, "\x01", "é", "null"]
BODIES = [b"", b"{}", b"null", b"[]", b"{", b'{"from":1', b'{"from":1,"limit":3}', b'{"from":"x"}', b'{"limit":1e3}', b'{"dir":"backward","limit":2}',
          b'{"from_time":"2026-02-30T00:00:00Z"}', b'{"pos":1}', b'{"id":"\\ud800"}', b'{"format":"msgpack","limit":2}', b"\x82\xa4from\xcd",
          b"\xdf\xff\xff\xff\xff", b"\xff\xfe", b'{"seq":1}', b'{"at_most":2}', b'{"before":3}', b'{"prefix":"a","after":"\\ud800"}', b'{"a":' * 200, b"[" * 5000, b'{"max_bytes":0}', b'{"from":18446744073709551616}']


class Raw:
    """The NATS protocol by hand, so that no library mends what is broken."""

    @classmethod
    async def connect(cls, nc):
        self = cls()
        at = nc.connected_url
        self.reader, self.writer = await asyncio.open_connection(at.hostname, at.port, limit=1 << 24)
        await self.reader.readline()
        self.writer.write(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nPING\r\n')
        while (await self.reader.readline()) != b"PONG\r\n":
            pass
        return self

    def request(self, subject, reply, data, headers=None):
        parts = [subject] + ([reply] if reply else [])
        if headers is None:
            self.writer.write(b"PUB " + b" ".join(parts) + b" %d\r\n" % len(data) + data + b"\r\n")
        else:
            self.writer.write(b"HPUB " + b" ".join(parts) + b" %d %d\r\n" % (len(headers), len(headers) + len(data)) + headers + data + b"\r\n")

    def close(self):
        self.writer.close()


def some_token(rng):
    kind = rng.random()
    if kind < 0.5:
        return rng.choice([b"a", b"b", b"orders", b"T", b"n1"])
    if kind < 0.8:
        return rng.choice([b"=2E", b"=41", b"a=", b"=zz", b"=20x", b"=00", b"=FF", b"$", b"a!b", b"n" * 300, b"*", b">", "é".encode()])
    return bytes(c for c in (rng.randrange(33, 256) for _ in range(rng.randrange(1, 12))) if c != ord("."))[:12] or b"x"


def some_headers(rng):
    if rng.random() < 0.2:
        return b"NATS/1.0\r\n" + bytes(rng.randrange(256) for _ in range(rng.randrange(40)))
    lines = "".join(f"{rng.choice(NAMES)}:{rng.choice(['', ' '])}{rng.choice(VALUES)}\r\n" for _ in range(rng.randrange(4)))
    return f"NATS/1.0\r\n{lines}\r\n".encode()


async def test_fuzzed_requests_are_answered_by_the_book(c):
    seed = 11
    rng = random.Random(seed)
    acknowledged, quiet = {}, 0
    answers = await c.nc.subscribe("fuzz.answer.>", pending_msgs_limit=-1, pending_bytes_limit=-1)
    await c.nc.flush()
    raw = await Raw.connect(c.nc)
    end = time.monotonic() + (120 if LONG else 6)
    sent = 0

    async def drain():
        nonlocal quiet
        while True:
            msg = await answers.next_msg(timeout=None)
            if msg.headers and "Nats-Service-Error" in msg.headers:
                error = json.loads(msg.data)["error"]
                check((error["code"], error["err_code"]) in KNOWN, f"seed {seed}: {error}")
                equal(msg.headers["Nats-Service-Error-Code"], str(error["code"]))
                check(error["description"].isprintable(), f"description {error['description']!r}")
            elif ".append." in msg.subject and not msg.headers:
                body = json.loads(msg.data)
                if not body.get("duplicate"):
                    check(body["pos"] not in acknowledged, f"position {body['pos']} twice")
                    acknowledged[body["pos"]] = (body["stream"], body["seq"])
            else:
                quiet += 1

    before = (await c.ask("store.info"))["head"]
    drainer = asyncio.create_task(drain())
    while time.monotonic() < end:
        for _ in range(20):
            shape = rng.choice(SUBJECTS)
            verb = shape.split(".")[0].encode()
            parts = shape.encode().split(b"{}")
            subject = b"es.shop." + b"".join(p + (some_token(rng) if i + 1 < len(parts) else b"") for i, p in enumerate(parts))
            sent += 1
            data = rng.choice(BODIES) if rng.random() < 0.8 else bytes(rng.randrange(256) for _ in range(rng.randrange(200)))
            raw.request(subject, b"fuzz.answer.%s.%d" % (verb, sent), data, some_headers(rng) if rng.random() < 0.6 else None)
        await raw.writer.drain()
        await asyncio.sleep(0.002)
        check(not drainer.done(), f"seed {seed}: {drainer.exception() if drainer.done() else ''}")
    # Requests are taken up in the order in which they were sent: what follows on this connection comes last.
    last = await c.nc.subscribe("fuzz.last")
    await c.nc.flush()
    raw.request(b"es.shop.read.never.was", b"fuzz.last", b"")
    await raw.writer.drain()
    await last.next_msg(30)
    head = (await c.ask("store.info"))["head"]

    async def all_told():
        return len(acknowledged) == head - before

    end = time.monotonic() + 10
    while not await all_told() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    raw.close()
    check(not drainer.done(), str(drainer.exception() if drainer.done() else ""))
    drainer.cancel()
    equal(len(acknowledged), head - before, f"seed {seed}: acknowledged and stored")
    check(len(acknowledged) > 20 and sent > 1000, f"{sent} sent, {len(acknowledged)} acknowledged: no fuzz")
    stored = {int(e.headers["Es-Position"]): (e.headers["Es-Stream"], int(e.headers["Nats-Sequence"])) for e in await c.read_all("all", before + 1)}
    equal(stored, acknowledged, f"seed {seed}")


async def test_a_description_never_breaks_out_of_its_header(c):
    raw = await Raw.connect(c.nc)
    sub = await c.nc.subscribe("raw.answer")
    await c.nc.flush()
    raw.request(b"es.shop.append.T.s", b"raw.answer", b"{}", b"NATS/1.0\r\nEs-Expect: \x0bInjected\x01\"\\\r\n\r\n")
    await raw.writer.drain()
    msg = await sub.next_msg(5)
    equal(msg.headers["Nats-Service-Error-Code"], "400")
    error = json.loads(msg.data)["error"]
    equal((error["code"], error["err_code"]), (400, 10003))
    check(set(msg.headers) == {"Nats-Service-Error", "Nats-Service-Error-Code"}, str(msg.headers))
    raw.close()


async def test_members_twice_deep_or_foreign_are_refused(c):
    for body in [b'{"limit":1,"limit":2}', b'{"filter":{"plugin":"by_stream","selectors":"x"}}', b'{"from":[1]}', b"[" * 100000,
                 b'{"from_time":5}', b'{"from_time":"2026-13-01T00:00:00Z"}', b'{"from_time":"2026-01-01T00:00:00"}', b"\x81\xa4from\x01"]:
        events, msg = await c.read("all", body)
        check(events is None, f"accepted: {body[:60]}")
        equal(json.loads(msg.data)["error"]["err_code"], 10003, str(body[:60]))


async def test_what_travels_in_headers_is_text(c):
    raw = await Raw.connect(c.nc)
    answers = await c.nc.subscribe("text.answer")
    await c.nc.flush()
    for line in [b"K: \xff", b"K: a\xc2\x85b", b"K: \x7f", b"Content-Type: \xff", b"Content-Type: a\xc2\x80", b"traceparent: \xc3", b"Nats-Msg-Id: \xc2\x9f", b"Es-Tags: \xff"]:
        raw.request(b"es.shop.append.T.text", b"text.answer", b"{}", b"NATS/1.0\r\n" + line + b"\r\n\r\n")
        await raw.writer.drain()
        error = json.loads((await answers.next_msg(5)).data)["error"]
        equal((error["code"], error["err_code"]), (400, 10003), str(line))
        check(line.split(b":")[0].decode() in error["description"], f"{line} is named in {error['description']}")
    raw.close()
    equal((await c.append("text", headers={"K": "é ", "Content-Type": "text/é"}))["seq"], 1)


async def test_a_body_of_no_members_may_have_spaces_and_names_what_it_should_not_have(c):
    for subject in ["store.info", "cluster.status", "node.n1.status", "node.n1.healthz", "filter.list", "filter.info.by_stream", "sub.list"]:
        for body in [b"", b"{}", b" { }\n"]:
            check(isinstance(await c.ask(subject, body), dict), f"{subject} {body}")
        for body in [b"[]", b"null", b"x", b"{", b"{} {}", b"0"]:
            equal((await c.ask(subject, body))[:2], (400, 10003), f"{subject} {body}")
        code, err_code, description = await c.ask(subject, b'{"foreign":1}')
        equal((code, err_code), (400, 10003), subject)
        check("foreign" in description, f"{subject}: {description}")
    for subject in ["cluster.transfer", "cluster.remove", "cluster.promote"]:
        member = "to" if subject == "cluster.transfer" else "node"
        for body, names in [(b"", member), (b"{}", member), (b'{"foreign":"n1"}', "foreign"), (f'{{"{member}":"n1","foreign":1}}'.encode(), "foreign"),
                            (f'{{"{member}":1}}'.encode(), member), (f'{{"{member}":""}}'.encode(), member), (f'{{"{member}":"{"x" * 65}"}}'.encode(), member),
                            (f'{{"{member}":"n1","{member}":"n1"}}'.encode(), member), (f'{{"{member}":"n\\u00001"}}'.encode(), member)]:
            code, err_code, description = await c.ask(subject, body)
            equal((code, err_code), (400, 10003), f"{subject} {body}")
            check(names in description, f"{subject} {body}: {description}")


async def test_what_is_shown_of_a_request_is_seen_and_in_the_header_as_in_the_body(c):
    await c.ask("sub.create.shown", b'{"filter":{"plugin":"by_stream","selector":"nobody"}}')
    key = '{"%s":1}'
    for subject in ["sub.create.x", "sub.next.shown", "sub.seek.shown", "sub.replay.shown", "sub.update.shown", "all", "get", "batch"]:
        for name in ["a" * 63 + "é", "\u0085", "\x7f", "a" * 100]:
            msg = await c.request(subject, (key % name).encode())
            description = json.loads(msg.data)["error"]["description"]
            equal(msg.headers["Nats-Service-Error"], description, f"{subject} {name!r}")
            check(description.isascii() and description.isprintable(), f"{subject} {name!r}: {description!r}")
    raw = await Raw.connect(c.nc)
    sub = await c.nc.subscribe("shown.answer")
    await c.nc.flush()
    for subject in [b"filter.info.a\x01b\xff", b"filter.info." + b"n" * 90, b"sub.info.a\x01b", b"ack.a\x01.1.1.1", b"append.a\x01.b", b"node.n1.status"]:
        raw.request(b"es.shop." + subject, b"shown.answer", b'{"a\x7f":1}')
        await raw.writer.drain()
        msg = await sub.next_msg(5)
        description = json.loads(msg.data)["error"]["description"]
        equal(msg.headers["Nats-Service-Error"], description, str(subject))
        check(description.isascii() and description.isprintable(), f"{subject}: {description!r}")
    raw.close()
    await c.ask("sub.delete.shown")


async def test_a_nul_in_a_subject_does_not_end_the_name(c):
    """Who may write streams that end with a token of its own must reach no others: permissions are of the whole subject."""
    raw = await Raw.connect(c.nc)
    sub = await c.nc.subscribe("nul.answer.*")
    await c.nc.flush()
    before = (await c.ask("store.info"))["head"]
    cases = [(subject, headers) for subject in (b"es.shop.append.T.secret\0.mine", b"es.shop.append.T\0.secret", b"es.shop.append.T.secret\0")
             for headers in (None, b"NATS/1.0\r\nEs-Expect: any\r\n\r\n")]
    for i, (subject, headers) in enumerate(cases):
        raw.request(subject, b"nul.answer.%d" % i, b"{}", headers)
    await raw.writer.drain()
    for i in range(len(cases)):
        msg = await sub.next_msg(5)
        equal(json.loads(msg.data)["error"]["err_code"] in (10003, 40001, 40002), True, f"{cases[int(msg.subject.split('.')[2])]}: {msg.data}")
    raw.request(b"es.shop.append.T.secret\0.mine", b"", b"{}")
    raw.request(b"es.shop.append.T.secret\0.mine", b"", b"{}", b"NATS/1.0\r\nEs-Expect: any\r\n\r\n")
    raw.request(b"es.shop.read.secret\0.mine", b"nul.answer.read", b"")
    await raw.writer.drain()
    equal(json.loads((await sub.next_msg(5)).data)["error"]["err_code"], 40001)
    equal((await c.ask("store.info"))["head"], before)
    raw.close()


async def test_a_name_that_none_may_bear_waits_for_nothing(c):
    """What changes a subscription stands behind what came before it, under its name."""
    raw = await Raw.connect(c.nc)
    sub = await c.nc.subscribe("bad.answer.*")
    await c.nc.flush()
    names = (b"x\0y", b"\0", b"a=2Eb", b"a.b", b"x" * 65, "\u00e9".encode())
    for turn in range(10):
        for _ in range(100):
            raw.request(b"es.shop.append.T.s", b"", b"{}")
        for i, name in enumerate(names):
            raw.request(b"es.shop.sub.update." + name, b"bad.answer.%d" % i, b'{"max_deliver":1}')
        await raw.writer.drain()
        for i in range(len(names)):
            equal(error_of(await sub.next_msg(5))[:2] in ((404, 10014), (400, 10003)), True, f"{turn}")
    raw.close()


async def test_headers_that_cannot_be_read_are_no_part_of_the_subject(c):
    """Of a request without a reply subject: nobody is told, and nothing is done."""
    raw = await Raw.connect(c.nc)
    before = (await c.ask("store.info"))["head"]
    broken = [b"NATS/1.0\xff\r\nEs-Tags: a\r\n\r\n", b"NATS/1.0\xff\r\n" + b"x" * 100, b"NATS/1.0"]
    for headers in broken:
        create = json.dumps({"filter": {"plugin": "by_stream", "selector": "$all"}}).encode()
        raw.request(b"es.shop.sub.create.headers", b"", create)  # what comes right behind it stands behind it
        raw.request(b"es.shop.sub.list", b"", b"{}", headers)
        raw.request(b"es.shop.batch", b"", b'{"events":[{"stream":"s","type":"T","data":1}]}', headers)
        raw.request(b"es.shop.sub.delete.headers", b"", b"")
        raw.request(b"es.shop.ack.\0x", b"", b"", b"NATS/1.0\r\nA: b\r\n\r\n")
    last = await c.nc.subscribe("headers.last")
    await c.nc.flush()
    raw.request(b"es.shop.sub.list", b"headers.last", b"")
    await raw.writer.drain()
    check("headers" not in [s["name"] for s in json.loads((await last.next_msg(10)).data)["subscriptions"]], "it was deleted")
    equal((await c.ask("store.info"))["head"], before)
    raw.close()
