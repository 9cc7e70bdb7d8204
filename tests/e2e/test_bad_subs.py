# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is asked of subscriptions over a raw connection, in any order, with and without a reply subject, also what no
client library would send: the node lives, and answers what comes last."""
import asyncio
import json
import random
import time

from harness import LONG, check
from test_bad_input import Raw, some_headers, some_token

SHARED = True

VERBS = ["create", "create", "create", "update", "delete", "info", "pause", "resume", "seek", "parked", "replay", "explain", "next", "next", "next"]
EDGES = [0, 1, 2, 3, 7, 255, 256, 65536, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -1]
TIMES = ["1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-01-01T00:00:00.000000001Z", "2262-04-11T23:47:16.854775807Z", "2262-04-12T00:00:00Z",
         "2554-07-21T23:34:33.709551615Z", "2554-07-22T00:00:00Z", "9999-12-31T23:59:59.999999999Z"]
FILTERS = [{"plugin": "by_stream", "selector": "$all"}, {"plugin": "by_stream", "selector": "s"}, {"plugin": "by_stream", "selector": ["s", "t"]},
           {"plugin": "by_event_type", "selector": "T"}, {"plugin": "by_pattern", "selector": "s.>"}, {"plugin": "by_pattern", "selector": {"stream": ["s"]}},
           {"plugin": "by_payload", "selector": {"n": [1]}}, {"plugin": "by_payload\0", "selector": "x"}, {"plugin": "nobody", "selector": 1}]
SUBJECTS = [None, {"subject": "fuzz.push"}, {"subject": "fuzz.push.nobody"}, {"subject": "fuzz.answer.pushed", "format": "json"}, {"subject": "es.shop.x"},
            {"subject": "\0"}, {"subject": "a\0b"}, {"subject": "x" * 255}]


def some_start(rng):
    return rng.choice(["first", "new", {"pos": rng.choice(EDGES)}, {"seq": rng.choice(EDGES)}, {"time": rng.choice(TIMES)}])


def some_definition(rng):
    members = {"filter": rng.choice(FILTERS), "start": some_start(rng), "durable": rng.random() < 0.7, "inactive_ms": rng.choice([1000, 1500, *EDGES]),
               "deliver": rng.choice(SUBJECTS), "ack": rng.choice(["explicit", "all", "none"]), "ack_wait_ms": rng.choice([100, 200, 1000, *EDGES]),
               "max_deliver": rng.choice([1, 2, 5, *EDGES]), "backoff_ms": rng.choice([[], [1], [1, 50], [2**64]]), "max_in_flight": rng.choice([1, 2, 1000, *EDGES]),
               "order": rng.choice(["none", "global", "stream", "tag:k", "payload:n"]), "on_exhausted": rng.choice(["park", "skip", "stop"]),
               "placement": rng.choice(["leader", "spread"]), "headers_only": rng.random() < 0.2}
    taken = rng.sample(sorted(members), rng.choice([0, 1, 1, 2, 2, 3]))
    return {name: members[name] for name in taken}


def some_body(rng, verb):
    if rng.random() < 0.1:
        return rng.choice([b"", b"{}", b"[]", b"{", b"null", b"\xff\xfe", b"1", b"0", b"[" * 3000, b'{"a":' * 100])
    shape = {"create": lambda: {"filter": FILTERS[0], **some_definition(rng)}, "update": lambda: {**some_definition(rng), **({"backfill": True} if rng.random() < 0.3 else {})},
             "seek": lambda: some_start(rng), "parked": lambda: {"after": rng.choice(EDGES), "limit": rng.choice([1, 2, 1000])},
             "replay": lambda: rng.choice([{}, {"key": "s"}, {"key": "\0"}, {"pos": [rng.choice(EDGES) for _ in range(rng.randrange(4))]}, {"pos": [rng.randrange(1, 50)]}]),
             "explain": lambda: {"pos": rng.choice([*EDGES, 1, 2, 3, 4, 5])},
             "next": lambda: {name: value for name, value in {"batch": rng.choice([1, 2, 10, *EDGES]), "expires_ms": rng.choice([1, 50, 500, *EDGES]),
                                                               "no_wait": rng.random() < 0.4, "max_bytes": rng.choice([1, 10, 2000, *EDGES])}.items() if rng.random() < 0.6}}
    return json.dumps(shape.get(verb, dict)()).encode()


def some_ack(rng):
    return rng.choice([b"", b"+ACK", b"-NAK", b"-NAK", b"+WPI", b"+TERM", b"+TERM a\0b\xff\n", b"+TERM " + b"r" * 3000, b"+NXT", b'+NXT {"batch":3,"no_wait":true}',
                       b'-NAK {"delay_ms":1}', b'-NAK {"delay":18446744073709551615}', b"-NAK {", b"+ack", b"{}", b'{"stream":"x","seq":1}'])


def some_name(rng):
    return some_token(rng) if rng.random() < 0.05 else rng.choice([b"a", b"b", b"c", b"a\0b", b"n" * 64, b"n" * 65])


class Fuzz:
    def __init__(self, c, raw, seed):
        self.c, self.raw, self.rng = c, raw, random.Random(seed)
        self.addresses, self.sent = [], 0

    def heard(self, msg):
        if msg.reply.startswith("es.shop.ack."):
            self.addresses = self.addresses[-200:] + [msg.reply.encode()]

    def request(self, subject, data):
        rng = self.rng
        self.sent += 1
        reply = b"" if rng.random() < 0.25 else b"fuzz.answer.%d" % (self.sent % 50) if rng.random() < 0.95 else rng.choice([b"$x", b"a\0b", b"\0", b"es.shop.x", b"a.*"])
        headers = None
        if rng.random() < 0.15:
            headers = rng.choice([b"NATS/1.0\r\nX", b"NATS/1.0 503\r\n\r\n", b"NATS/1.0 100 Idle Heartbeat\r\n\r\n", some_headers(rng)])
        self.raw.request(b"es.shop." + subject, reply, data, headers)

    def step(self):
        rng, what = self.rng, self.rng.random()
        if what < 0.15:
            headers = b"NATS/1.0\r\nEs-Tags: k%d\r\n\r\n" % rng.randrange(3)
            self.raw.request(b"es.shop.append.T." + rng.choice([b"s", b"t", b"s.1"]), b"", b'{"n":%d}' % rng.randrange(3), headers)
        elif what < 0.40:
            address = rng.choice(self.addresses)[len(b"es.shop."):] if self.addresses and rng.random() < 0.8 else b"ack.%s.%d.%d.%d" % (
                rng.choice([b"a", b"b", b"c"]), rng.choice([1, 2, 3, *map(abs, EDGES)]), rng.choice([1, 2, 3, *map(abs, EDGES)]), rng.choice([1, 2, *map(abs, EDGES)]))
            if rng.random() < 0.1:
                address = rng.choice([b"ack.a.hb", b"ack.b.fc.%d" % abs(rng.choice(EDGES)), b"ack.c.fc.\0", b"ack.a", b"ack.a.1.1.1.1"])
            self.request(address, some_ack(rng))
        elif what < 0.45:
            acked = rng.choice(self.addresses).decode() if self.addresses else "es.shop.ack.a.1.1.1"
            batch = {"events": [{"stream": "s", "type": "T", "data": {"n": 1}}], "ack": {"reply": rng.choice([acked, acked, "es.shop.ack", "es.shop", "\0", acked + "\0"])}}
            self.request(b"batch", json.dumps(batch).encode())
        elif what < 0.47:
            self.request(rng.choice([b"stream.delete.s.1", b"stream.meta.t"]), rng.choice([b"{}", b'{"mode":"soft"}', b'{"max_count":2}', b'{"max_age_s":1}']))
        elif what < 0.55:
            self.request(rng.choice([b"sub.list", b"filter.list", b"filter.info.by_stream", b"filter.info.a\0b"]),
                         rng.choice([b"", b"{}", b'{"limit":1}', b'{"after":"a"}', b'{"after":"\\u0000\\""}', b'{"limit":18446744073709551615}']))
        else:
            verb = rng.choice(VERBS)
            self.request(b"sub.%s.%s" % (verb.encode(), some_name(rng)), some_body(rng, verb))


async def test_fuzzed_subscriptions_end_no_node(c):
    seed = random.randrange(2**32) if LONG else 5
    raw = await Raw.connect(c.nc)
    fuzz = Fuzz(c, raw, seed)

    async def on_message(msg):
        fuzz.heard(msg)

    for subject in ("fuzz.answer.>", "fuzz.push"):
        await c.nc.subscribe(subject, cb=on_message, pending_msgs_limit=-1, pending_bytes_limit=-1)
    await c.nc.flush()
    end = time.monotonic() + (60 if LONG else 5)
    while time.monotonic() < end or fuzz.sent <= 500 or len(fuzz.addresses) <= 20:
        for _ in range(fuzz.rng.choice([1, 5, 50])):
            fuzz.step()
        await raw.writer.drain()
        await asyncio.sleep(fuzz.rng.choice([0, 0.001, 0.02]))
    last = await c.nc.subscribe("fuzz.last")
    await c.nc.flush()
    raw.request(b"es.shop.sub.list", b"fuzz.last", b"")
    await raw.writer.drain()
    answer = json.loads((await last.next_msg(30)).data)
    check("subscriptions" in answer or "error" in answer, f"seed {seed}: {answer}")  # 429: too much waits for the log
    for subscription in (await c.ask("sub.list"))["subscriptions"]:
        await c.ask(f"sub.delete.{subscription['name']}")
    raw.close()
