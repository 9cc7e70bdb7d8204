# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at streams and at the store: R.stream.info, R.stream.list and R.store.stats, as PROTOCOL.md section 11 promises them."""
import asyncio
import json
import random
import re
from collections import Counter

from harness import Both, Cluster, check, equal, wait_until

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
MEMBERS = {"stream", "seq", "first_seq", "created", "last", "events", "bytes", "meta", "state"}


def spelled(name):
    """A stream's name in a subject: the one spelling of it."""
    return "".join(chr(b) if chr(b).isascii() and (chr(b).isalnum() or chr(b) in "_/-.") else f"={b:02X}" for b in name.encode())


async def append_many(client, names, data=None):
    """One event each."""
    for first in range(0, len(names), 1000):
        events = [{"stream": name, "type": "T", "data": data or {}} for name in names[first : first + 1000]]
        answer = await client.ask("batch", json.dumps({"events": events}).encode())
        check("results" in answer, answer)


async def info(client, name):
    return await client.ask(f"stream.info.{spelled(name)}")


async def page(client, **body):
    return await client.ask("stream.list", json.dumps(body).encode())


async def pages(client, **body):
    """The names of every page."""
    all = []
    while True:
        got = await page(client, **body)
        check(set(got) <= {"streams", "next"}, got)
        all.append([entry["stream"] for entry in got["streams"]])
        if "next" not in got:
            return all
        equal(got["next"], all[-1][-1], "where the next begins")
        body["after"] = got["next"]


def flat(lists):
    return [name for names in lists for name in names]


# ---- One ---------------------------------------------------------------------------------------


async def test_info_has_every_member():
    async with Both() as b:
        for data in (b"12345", b'"x"', b"{}"):
            await b.client.append("orders.42", data)
        await b.client.append("orders.43")
        got = await info(b.client, "orders.42")
        events, _ = await b.client.read("read.orders.42")
        equal(set(got), MEMBERS)
        check(TIME.match(got["created"]) and TIME.match(got["last"]), got)
        equal(got["created"], events[0].headers["Nats-Time-Stamp"])
        equal(got["last"], events[2].headers["Nats-Time-Stamp"])
        wanted = {"stream": "orders.42", "seq": 3, "first_seq": 1, "events": 3, "bytes": 10, "meta": {}, "state": "live"}
        equal({name: got[name] for name in wanted}, wanted)
        equal(await b.client.ask("stream.info.orders.42", b"{}"), got, "with an empty object")
        # A retry and what is refused change nothing.
        await b.client.append("orders.42", b"1", headers={"Nats-Msg-Id": "a"})
        before = await info(b.client, "orders.42")
        await b.client.append("orders.42", b"1", headers={"Nats-Msg-Id": "a"})
        equal((await b.client.append("orders.42", b"1", headers={"Es-Expect": "9"}))[1], 10071)
        equal(await info(b.client, "orders.42"), before)
        answer = json.loads((await b.client.nc.request("$SRV.STATS.nacre", b"", timeout=5)).data)
        stats = {endpoint["name"]: endpoint for endpoint in answer["endpoints"]}
        equal((stats["stream-info"]["num_requests"], stats["stream-info"]["num_errors"]), (4, 0))
        equal((stats["stream-list"]["subject"], stats["store-stats"]["subject"]), ("es.shop.stream.list", "es.shop.store.stats"))


async def test_info_sees_all_that_was_appended_before_it():
    async with Both() as b:
        for n in range(1, 100):
            appended = asyncio.ensure_future(b.client.append("s", b"{}"))
            await asyncio.sleep(0)
            seen = (await info(b.client, "s"))["seq"]
            equal(seen, n)
            equal((await appended)["seq"], n)


async def test_info_refuses_what_it_does_not_understand():
    async with Both() as b:
        await b.client.append("a")
        for name in ("nobody", "a.b", "A", "$sys", "été", "x" * 255):
            equal(await info(b.client, name), (404, 10059, "stream not found"), name)
        for tail in ("a=2Eb", "=61", "a=2f", "a=2A", "=20a", "a=20", "=FF", "a=00", "a=C2=80", "é", "a!b", "x" * 256):
            equal((await b.client.ask(f"stream.info.{tail}"))[:2], (400, 40001), tail)
        told = set()
        for body in (b'{"limit":1}', b"[]", b"null", b"0", b"{", b"{}x", b'{"":1}', b'"a"', b"\xff", b"\x00", b"[" * 5000, b'{"a":{' * 300):
            got = await b.client.ask("stream.info.a", body)
            equal(got[:2], (400, 10003), body[:20])
            told.add(got[2])
        check("member 'limit' is not known" in told, told)
        equal((await b.client.ask("stream.info.a", headers={"Es-Min-Position": "1"}))[:2], (400, 10003))
        equal((await b.client.ask("stream.info.a", headers={"Es-Expect": "1"}))[:2], (400, 10003))
        equal((await info(b.client, "a"))["seq"], 1, "it still answers")


# ---- Many --------------------------------------------------------------------------------------

SOME = ["orders.1", "orders.10", "orders.2", "orders", "orders2", "Orders.1", "a b.c", "été.1", "日本.語", 'q"\\', "x=y", "!x", "~", "a/b-c_D"]


async def test_a_list_is_in_bytewise_order_and_says_what_info_says():
    async with Both() as b:
        equal(await b.client.ask("stream.list"), {"streams": []})
        await append_many(b.client, SOME)
        wanted = sorted(SOME, key=str.encode)
        for body in (b"", b"{}", b' {"limit":1000,"after":"","prefix":""}'):
            got = await b.client.ask("stream.list", body)
            equal([entry["stream"] for entry in got["streams"]], wanted)
            check("next" not in got, "at the end")
        for entry in got["streams"]:
            one = await info(b.client, entry["stream"])
            equal(one.pop("meta"), {})
            equal(entry, one)
        for prefix in ("orders", "orders.", "orders.1", "é", "日", 'q"', "a b", "zz", "orders.1.", "x" * 255):
            equal(flat(await pages(b.client, prefix=prefix)), [n for n in wanted if n.startswith(prefix)], prefix)
            equal(flat(await pages(b.client, prefix=prefix, limit=1)), [n for n in wanted if n.startswith(prefix)], prefix)
        for after in ("orders", "orders.1", "orders.11", "é", "~", "\U0010ffff", "!", " "):
            behind = [n for n in wanted if n.encode() > after.encode()]
            equal(flat(await pages(b.client, after=after)), behind, after)
            equal(flat(await pages(b.client, after=after, limit=3)), behind, after)
        equal(await page(b.client, prefix="nothing.like.it"), {"streams": []})
        equal((await page(b.client, after="orders.10", prefix="orders.", limit=1))["streams"][0]["stream"], "orders.2")


async def test_a_list_refuses_what_it_does_not_understand():
    async with Both() as b:
        await b.client.append("a")
        told = {}
        for limit in ("0", "-1", "1.5", '"ten"', "null", "[]", "true"):
            got = await b.client.ask("stream.list", f'{{"limit":{limit}}}'.encode())
            equal(got[:2], (400, 10003), limit)
            check("limit" in got[2], got)
            told[limit] = got[2]
        equal(len(set(told.values())), len(told), "each its own description")
        for body in (b'{"prefix":1}', b'{"after":null}', b'{"from":1}', b'{"limit":1,"limit":2}', b'{"prefix":"%s"}' % (b"x" * 256),
                     b'{"after":"%s"}' % (b"x" * 900000), b"[]", b"{", b"\xff", b'{"prefix":"\xff"}', b'{"prefix":"\\ud800"}', b"[" * 5000):
            equal((await b.client.ask("stream.list", body))[:2], (400, 10003), body[:20])
        for most in (b'{"limit":10000}', b'{"limit":10001}', b'{"limit":99999999999999999999999999}'):
            equal(len((await b.client.ask("stream.list", most))["streams"]), 1)
        equal((await b.client.ask("stream.list", headers={"Es-Min-Position": "1"}))[:2], (400, 10003))


def many_names(count):
    """Of all lengths and bytes; reproducible."""
    rng = random.Random(143)
    letters = "abcxyzABC019_-/ =!\"\\~éßж日\U0001f41a"
    names = set()
    while len(names) < count:
        tokens = ["".join(rng.choice(letters) for _ in range(rng.randint(1, 9))).strip() for _ in range(rng.randint(1, 4))]
        name = ".".join(tokens)
        if all(tokens) and len(name.encode()) <= 255:
            names.add(name)
    return sorted(names, key=str.encode)


async def test_ten_thousand_streams_are_listed_page_by_page():
    names = many_names(10000)
    shuffled = list(names)
    random.Random(7).shuffle(shuffled)
    async with Both() as b:
        await append_many(b.client, shuffled)
        by_default = await pages(b.client)
        equal(flat(by_default), names)
        equal({len(got) for got in by_default}, {1000})
        for kill in (False, True):
            most = await pages(b.client, limit=10000)
            equal(flat(most), names, "as many as fit")
            check(1 < len(most) < 5, [len(got) for got in most])
            equal(flat(await pages(b.client, limit=777)), names)
            for prefix in ("a", "é", "日", "x"):
                equal(flat(await pages(b.client, prefix=prefix, limit=100)), [n for n in names if n.startswith(prefix)], prefix)
            for name in random.Random(3).sample(names, 20):
                equal((await info(b.client, name))["stream"], name)
            if not kill:
                b.node.restart()


async def test_a_page_fits_the_servers_max_payload():
    names = many_names(300)
    async with Both("max_payload: 8KB") as b:
        for first in range(0, len(names), 20):
            await append_many(b.client, names[first : first + 20])
        got = await pages(b.client, limit=10000)
        equal(flat(got), names)
        check(len(got) > 5, len(got))
        answer = await b.client.request("stream.list")
        check(6000 < len(answer.data) <= 8192, len(answer.data))


async def test_what_is_appended_meanwhile_disturbs_no_page():
    async with Both() as b:
        await append_many(b.client, [f"s.{n:04}" for n in range(0, 4000, 2)])
        stop = asyncio.Event()

        async def write():
            n = 1
            while not stop.is_set():
                await append_many(b.client, [f"s.{(n + i * 2) % 4000 | 1:04}" for i in range(50)] + ["s.0000"])
                n += 100

        writing = asyncio.ensure_future(write())
        for limit in (50, 333, 5000):
            got = flat(await pages(b.client, limit=limit))
            equal(got, sorted(set(got)), "each once, in order")
            check(set(got) >= {f"s.{n:04}" for n in range(0, 4000, 2)}, "those that were there before")
        stop.set()
        await writing


# ---- The store ---------------------------------------------------------------------------------


async def append_kinds(client, events):
    """(stream, type) each, and what stats must say of them."""
    for first in range(0, len(events), 1000):
        body = {"events": [{"stream": stream, "type": type, "data": 12} for stream, type in events[first : first + 1000]]}
        check("results" in await client.ask("batch", json.dumps(body).encode()), "appended")


def counted(events):
    """Ordered as in the answer: by count, then by name."""
    types, categories = Counter(t for _, t in events), Counter(s.split(".")[0] for s, _ in events)
    return [dict(sorted(c.items(), key=lambda kv: (-kv[1], kv[0].encode()))) for c in (types, categories)]


def check_stats(got, events):
    types, categories = counted(events)
    equal(list(got["types"].items()), list(types.items()), "types")
    equal(list(got["categories"].items()), list(categories.items()), "categories")
    equal((got["type_count"], got["category_count"], got["complete"]), (len(types), len(categories), True))
    equal((got["head"], got["events"], got["bytes"]), (len(events), len(events), 2 * len(events)))
    equal(got["streams"], len({stream for stream, _ in events}))


async def test_stats_count_by_type_and_category():
    async with Both() as b:
        empty = await b.client.ask("store.stats")
        equal(empty, {"store": "shop", "head": 0, "streams": 0, "events": 0, "bytes": 0, "types": {}, "type_count": 0,
                      "categories": {}, "category_count": 0, "complete": True})
        rng = random.Random(11)
        events = [(rng.choice(SOME), rng.choice(["OrderPlaced", "Order Paid", "a.b", "été", 'q"\\', "x=y"])) for _ in range(3000)]
        events.append(("lone", "Once"))
        await append_kinds(b.client, events)
        got = await b.client.ask("store.stats")
        check_stats(got, events)
        check(TIME.match(got["time"]), got)
        equal(await b.client.ask("store.stats", b"{}"), got)
        info = await b.client.ask("store.info")
        for member in ("store", "head", "time", "streams", "events", "bytes"):
            equal(got[member], info[member], member)
        # A retry and what is refused do not count.
        await b.client.append("lone", b"12", "Once", {"Nats-Msg-Id": "a"})
        await b.client.append("lone", b"12", "Once", {"Nats-Msg-Id": "a"})
        equal((await b.client.append("lone", b"12", "Never", {"Es-Expect": "none"}))[1], 10071)
        events.append(("lone", "Once"))
        check_stats(await b.client.ask("store.stats"), events)
        few = await b.client.ask("store.stats", b'{"limit":2}')
        types, categories = counted(events)
        equal((list(few["types"].items()), few["type_count"]), (list(types.items())[:2], len(types)))
        equal((list(few["categories"].items()), few["category_count"]), (list(categories.items())[:2], len(categories)))
        for body in (b'{"limit":0}', b'{"limit":-1}', b'{"limit":"x"}', b'{"prefix":"a"}', b"[]", b"{", b"\xff", b"[" * 5000):
            equal((await b.client.ask("store.stats", body))[:2], (400, 10003), body[:20])


async def test_stats_of_many_types_survive_a_kill_and_fit_a_message():
    """More events than are held in memory, so that some are counted in the tables, and more types than one step looks at."""
    rng = random.Random(5)
    events = [(f"c{rng.randint(0, 4000)}.{i % 50}", f"T{min(rng.randint(0, 3000), rng.randint(0, 3000))}") for i in range(70000)]
    types, categories = counted(events)
    async with Both("max_payload: 64KB", env={"NACRE_FEED": "off"}) as b:
        for first in range(0, len(events), 700):
            await append_kinds(b.client, events[first : first + 700])
        for kill in (False, True):
            msg = await b.client.request("store.stats", b'{"limit":10000}')
            check(50000 < len(msg.data) <= 65536, len(msg.data))
            got = json.loads(msg.data)
            equal((got["type_count"], got["category_count"], got["complete"]), (len(types), len(categories), True))
            equal(list(got["types"].items()), list(types.items())[: len(got["types"])])
            equal(list(got["categories"].items()), list(categories.items())[: len(got["categories"])])
            check(len(got["types"]) > 1000 and len(got["categories"]) > 1000, "as many as fit")
            if not kill:
                b.node.restart()


# ---- Nodes -------------------------------------------------------------------------------------


async def all_of(client, names):
    return [await info(client, name) for name in names], await page(client), await client.ask("store.stats")


async def test_three_nodes_say_the_same_whoever_leads():
    names = sorted(SOME, key=str.encode)
    cluster = Cluster(3)
    try:
        client = await cluster.client()
        await append_many(client, SOME, data="12345")
        before = await all_of(client, names)
        equal([entry["stream"] for entry in before[1]["streams"]], names)
        check_stats({**before[2], "bytes": 2 * len(names)}, [(name, "T") for name in names])
        leader = await cluster.leader(client)
        to = next(name for name in cluster.nodes if name != leader)
        equal((await client.ask("cluster.transfer", json.dumps({"to": to}).encode()))["leader"], to)
        await wait_until(lambda: leads(cluster, client, to), 10, f"{to} leads")
        equal(await all_of(client, names), before)
        cluster.nodes[to].kill()
        await cluster.leader(client)
        equal(await all_of(client, names), before)
        await client.close()
    finally:
        cluster.remove()


async def leads(cluster, client, name):
    return await cluster.leader(client) == name
