# SPDX-License-Identifier: GPL-3.0-or-later
"""R.batch, as PROTOCOL.md section 5 promises it, with a stock NATS client."""
import asyncio
import base64
import json
import random

import msgpack

from harness import LONG, Both, check, equal


async def batch(client, body=None, headers=None, **members):
    """The answer; an error as its whole body."""
    data = json.dumps(members).encode() if body is None else body
    msg = await client.request("batch", data, headers)
    answer = json.loads(msg.data)
    if "error" in answer:
        error = answer["error"]
        equal(set(error), {"code", "err_code", "description"}, "members of error")
        equal(msg.headers["Nats-Service-Error"], error["description"], "header and body")
        equal(msg.headers["Nats-Service-Error-Code"], str(error["code"]), "header and body")
    else:
        check(not msg.headers, "a success has headers")
    return answer


def code_of(answer):
    check("error" in answer, f"not refused: {answer}")
    return answer["error"]["code"], answer["error"]["err_code"]


def event(stream="s", type="T", data=1, **more):
    return {"stream": stream, "type": type, "data": data, **more}


async def head_of(client):
    return (await client.ask("store.info"))["head"]


async def test_a_batch_is_appended_over_streams_and_reads_as_if_each_had_been_alone():
    async with Both() as b:
        feed = await b.client.nc.subscribe(f"{b.client.root}.event.>")
        await b.client.nc.flush()
        answer = await batch(
            b.client,
            events=[
                event("orders.42", "OrderPlaced", {"total": 9}, id="e1", expect="none", content_type="application/json",
                      meta={"user": "7", "via": ["web", "app"]}, tags=["customer:7", "vip"]),
                event("stock 7/é", "Reserved", {"n": 1}),
                event("orders.42", "Paid", None),
            ],
            check=[{"stream": "customers.7", "expect": "none"}],
        )
        equal(answer, {"results": [{"stream": "orders.42", "seq": 1, "pos": 1}, {"stream": "stock 7/é", "seq": 1, "pos": 2},
                                   {"stream": "orders.42", "seq": 2, "pos": 3}], "pos": 3})
        events, _ = await b.client.read("read.orders.42")
        first = events[0]
        equal(first.data, b'{"total": 9}')
        for name, value in (("Es-Stream", "orders.42"), ("Es-Type", "OrderPlaced"), ("Nats-Sequence", "1"), ("Es-Position", "1"),
                            ("Nats-Msg-Id", "e1"), ("Es-Tags", "customer:7,vip"), ("Content-Type", "application/json"), ("user", "7")):
            equal(first.headers[name], value, name)
        check(first.headers["via"] in ("web", "app"), "a list is a header repeated")
        equal(events[1].data, b"null")
        made = events[1].headers["Nats-Msg-Id"]
        equal(int(made.replace("-", "")[20:], 16), 3, "a made id holds its position")
        for want in (("OrderPlaced.orders.42", "1"), ("Reserved.stock=207/=C3=A9", "2"), ("Paid.orders.42", "3")):
            msg = await feed.next_msg(5)
            equal((msg.subject, msg.headers["Es-Position"]), (f"{b.client.root}.event.{want[0]}", want[1]), "the feed")


async def test_data_is_the_value_s_own_bytes():
    async with Both() as b:
        values = ['{ "b":1, "a" : [ 1.50, 1e3 ] }', '"x\\u00e9\\n"', "null", "true", "-0.0", "[]", "12345678901234567890123", '""']
        body = "{\"events\":[" + ",".join(f'{{"stream":"s","type":"T","data":{v}}}' for v in values) + "]}"
        equal((await batch(b.client, body.encode()))["pos"], len(values))
        raw = bytes(range(256))
        await batch(b.client, events=[{"stream": "s", "type": "T", "data_base64": base64.b64encode(raw).decode()}])
        events, _ = await b.client.read("read.s")
        equal([e.data for e in events], [v.encode() for v in values] + [raw])


async def test_messagepack_has_the_same_shape_and_data_of_any_value_or_bytes():
    async with Both() as b:
        as_msgpack = {"Content-Type": "application/msgpack"}
        values = [{"a": [1, -1, 2.5, None, True]}, "text", 7, 2**40, -5, b"\x00raw", "x" * 300, list(range(100)), {"k" * 40: {"deep": [[[{}]]]}}]
        body = {"events": [{"stream": "s", "type": "T", "data": v, "id": f"e{i}", "tags": ["t"], "meta": {"k": ["a", "b"]}} for i, v in enumerate(values)],
                "check": [{"stream": "t", "expect": 0}], "condition": {"fail_if": [{"tags": ["t"]}], "after": 0}}
        answer = await batch(b.client, msgpack.packb(body), as_msgpack)
        equal(answer.get("pos"), len(values), f"{answer}")
        events, _ = await b.client.read("read.s")
        for e, v in zip(events, values):
            equal(e.data, v if isinstance(v, bytes) else msgpack.packb(v))
            equal((e.headers["Es-Tags"], e.headers["k"] in ("a", "b")), ("t", True))
        again = await batch(b.client, msgpack.packb(body), as_msgpack)
        equal((again["duplicate"], again["results"]), (True, answer["results"]))
        for broken in (b"", b"\x81", b"\xc1", msgpack.packb(body)[:-1], msgpack.packb(body) + b"\x00", msgpack.packb([body]), msgpack.packb({1: 2}),
                       b"\x81\xa6events\xdd\xff\xff\xff\xff", b"\x81\xa6events\x91\xdf\xff\xff\xff\xff"):
            equal(code_of(await batch(b.client, broken, as_msgpack)), (400, 10003), f"{broken[:30]!r}")
        equal(await head_of(b.client), len(values))


async def test_what_is_not_understood_is_refused_and_says_where():
    async with Both() as b:
        fine = event("fine")
        cases = [
            ({}, 10003, "'events' is missing"),
            ({"events": []}, 10003, "empty"),
            ({"events": {}}, 10003, "not a list"),
            ({"events": [fine], "more": 1}, 10003, "'more' is not known"),
            ({"events": [fine, 7]}, 10003, "events[1] is not an object"),
            ({"events": [fine, {"type": "T", "data": 1}]}, 10003, "events[1] needs the member 'stream'"),
            ({"events": [{"stream": "s", "data": 1}]}, 10003, "needs the member 'type'"),
            ({"events": [{"stream": "s", "type": "T"}]}, 10003, "'data'"),
            ({"events": [event(data_base64="AA==")]}, 10003, "one of the members"),
            ({"events": [fine, event(typ="x")]}, 10003, "'typ' of events[1] is not known"),
            ({"events": [event("a..b")]}, 40001, "empty token"),
            ({"events": [event("$sys")]}, 40001, "system"),
            ({"events": [event(type="a b ")]}, 40002, "space"),
            ({"events": [event(type=7)]}, 10003, "not a string"),
            ({"events": [event(id="")]}, 10003, "empty"),
            ({"events": [event(id="a\nb")]}, 10003, "control"),
            ({"events": [event(expect="maybe")]}, 10003, "neither"),
            ({"events": [event(expect=-1)]}, 10003, "neither"),
            ({"events": [event(expect=1.5)]}, 10003, "neither"),
            ({"events": [event(tags="x")]}, 10003, "not a list"),
            ({"events": [event(tags=["a,b"])]}, 10003, "comma"),
            ({"events": [event(tags=[f"t{i}" for i in range(33)])]}, 10003, "32"),
            ({"events": [event(meta=[])]}, 10003, "not an object"),
            ({"events": [event(meta={"a b": "x"})]}, 10003, "not the name of a header"),
            ({"events": [event(meta={"": "x"})]}, 10003, "empty"),
            ({"events": [event(meta={"Es-Tags": "x"})]}, 10003, "store's own"),
            ({"events": [event(meta={"a": 1})]}, 10003, "neither a string nor a list"),
            ({"events": [event(meta={"a": ["x", ["y"]]})]}, 10003, "neither a string nor a list"),
            ({"events": [event(meta={"a": "x\r\nEvil: 1"})]}, 10003, "control"),
            ({"events": [event(content_type="a\nb")]}, 10003, "control"),
            ({"events": [{"stream": "s", "type": "T", "data_base64": "@@@@"}]}, 10003, "base64"),
            ({"events": [{"stream": "s", "type": "T", "data_base64": "AAA"}]}, 10003, "base64"),
            ({"events": [{"stream": "s", "type": "T", "data_base64": ""}]}, 40003, "empty"),
            ({"events": [fine], "check": {}}, 10003, "not a list"),
            ({"events": [fine], "check": [{"stream": "c"}]}, 10003, "needs the members"),
            ({"events": [fine], "check": [{"stream": "", "expect": 1}]}, 40001, "empty"),
            ({"events": [fine], "check": [{"stream": "fine", "expect": 1}]}, 10003, "which the batch writes"),
            ({"events": [fine], "condition": {}}, 10003, "fail_if"),
            ({"events": [fine], "condition": {"fail_if": []}}, 10003, "no items"),
            ({"events": [fine], "condition": {"fail_if": [{"tags": ["x"]}], "after": "1"}}, 10003, "whole number"),
            ({"events": [fine], "condition": {"fail_if": [{"tags": ["x"]}], "before": 1}}, 10003, "'before' of condition"),
            ({"events": [fine], "condition": {"fail_if": [{"tags": ["x"]}] * 17}}, 10003, "16"),
            ({"events": [fine], "ack": {}}, 10003, "reply"),
            ({"events": [fine], "ack": {"reply": 7}}, 10003, "not a string"),
            ({"events": [event(data=i) for i in range(1001)]}, 10003, "1000"),
        ]
        for body, err_code, why in cases:
            answer = await batch(b.client, json.dumps(body).encode())
            equal(code_of(answer), (400, err_code), f"{str(body)[:100]}: {answer}")
            check(why in answer["error"]["description"], f"{str(body)[:100]}: {answer['error']['description']}")
        for body in (b"", b"{", b"[]", b"7", b'{"events":[{"stream":"s","type":"T","data":1}]} x',
                     b'{"events":[{"stream":"s","stream":"s","type":"T","data":1}]}', b'{"events":[],"events":[]}',
                     b'{"events":[{"stream":"\xff","type":"T","data":1}]}'):
            equal(code_of(await batch(b.client, body)), (400, 10003), f"{body!r}")
        equal(await head_of(b.client), 0, "nothing was written")


async def test_headers_that_mean_nothing_here_are_refused():
    async with Both() as b:
        body = json.dumps({"events": [event()]}).encode()
        for headers in ({"Es-Expect": "none"}, {"Nats-Msg-Id": "x"}, {"Nats-Expected-Last-Sequence": "1"}, {"Content-Type": "text/plain"}):
            answer = await batch(b.client, body, headers)
            equal(code_of(answer), (400, 10003), f"{headers}")
            check(next(iter(headers)) in answer["error"]["description"], answer["error"]["description"])
        equal((await batch(b.client, body, {"Content-Type": "application/json; charset=utf-8", "Other": "fine"}))["pos"], 1)


async def test_data_that_is_too_large_is_refused():
    async with Both(env={"NACRE_MAX_EVENT_BYTES": "100"}) as b:
        answer = await batch(b.client, events=[event("fine"), event(data="x" * 99)])
        equal(code_of(answer), (413, 10054))
        check("events[1]" in answer["error"]["description"], answer["error"]["description"])
        equal((await batch(b.client, events=[event(data="x" * 98)]))["pos"], 1)


async def test_a_batch_whose_answer_would_not_fit_is_refused_before_it_is_done():
    """MessagePack says in 24 bytes what takes 34 to answer."""
    async with Both("max_payload: 8KB") as b:
        as_msgpack = {"Content-Type": "application/msgpack"}

        def body(count, checks=0):
            packed = {"events": [{"stream": "s", "type": "T", "data": 1}] * count, "check": [{"stream": f"c{i}", "expect": "none"} for i in range(checks)]}
            data = msgpack.packb(packed)
            check(len(data) < 8000, "the request fits")
            return data

        answer = await batch(b.client, body(300), as_msgpack)
        equal(code_of(answer), (413, 10054))
        check("max_payload" in answer["error"]["description"], answer["error"]["description"])
        equal(code_of(await batch(b.client, body(50, 100), as_msgpack)), (413, 10054))
        equal(await head_of(b.client), 0, "nothing was written")
        equal((await batch(b.client, body(50, 20), as_msgpack))["pos"], 50)
        refused = await batch(b.client, msgpack.packb({"events": [{"stream": "s" * 60, "type": "T", "data": 1, "expect": 99}] * 50}), as_msgpack)
        equal(len(refused["failed"]), 50, "all that fail are listed")


async def test_expectations_are_of_the_version_before_and_all_that_fail_are_listed():
    async with Both() as b:
        await batch(b.client, events=[event("a"), event("b")])
        answer = await batch(
            b.client,
            events=[event("a", expect=5), event("b", expect=1), event("n", expect="exists"), event("a")],
            check=[{"stream": "c", "expect": "exists"}, {"stream": "d", "expect": "none"}],
        )
        equal(answer["error"], {"code": 400, "err_code": 10071, "description": "wrong last sequence: 1"})
        equal(answer["failed"], [{"stream": "a", "expect": 5, "seq": 1}, {"stream": "n", "expect": "exists", "seq": 0},
                                 {"stream": "c", "expect": "exists", "seq": 0}])
        equal(await head_of(b.client), 2)
        answer = await batch(b.client, events=[event("a", expect=1), event("b", expect="exists"), event("n", expect="none"), event("a", expect=2)],
                             check=[{"stream": "c", "expect": 0}])
        equal([r["seq"] for r in answer["results"]], [2, 2, 1, 3])


async def test_a_retry_gets_the_first_results_and_ids_of_which_some_are_known_a_conflict():
    async with Both() as b:
        body = {"events": [event("a", id="1", expect="none"), event("b", id="2", expect="none")], "check": [{"stream": "c", "expect": "none"}],
                "condition": {"fail_if": [{"types": ["T"]}]}}
        first = await batch(b.client, **body)
        await b.client.append("a")
        await b.client.append("c")
        again = await batch(b.client, **body)
        equal(again, {**first, "duplicate": True})
        b.node.restart()
        equal(await batch(b.client, **body), again, "after kill -9")
        for events in ([event("a", id="1"), event("a", id="3")], [event("a", id="1"), event("a")], [event("a", id="1", data=2)]):
            equal(code_of(await batch(b.client, events=events)), (409, 40901), f"{events}")
        # Neither may a batch bear an id twice on one stream, with other content or the same.
        for twice in [{"data": 2}, {"type": "Other"}, {}]:
            answer = await batch(b.client, events=[event(id="twice"), event(id="twice", **twice)])
            equal(code_of(answer), (409, 40901), f"{twice}")
            check("same id 'twice'" in answer["error"]["description"], str(answer))
        equal(await head_of(b.client), 4)
        equal((await batch(b.client, events=[event("a", id="3"), event("z", id="1")]))["pos"], 6, "another stream's id is another")


async def test_a_condition_names_the_first_event_that_forbids():
    async with Both() as b:
        await batch(b.client, events=[event("p.1", "SeatTaken", tags=["seat:12A", "flight:1"]), event("p.2", "SeatFreed", tags=["seat:12A"]),
                                      event("p.3", "SeatTaken", tags=["seat:12A"])])
        taken = {"types": ["SeatTaken"], "tags": ["seat:12A"]}
        for condition, pos in (
            ({"fail_if": [taken], "after": 0}, 1),
            ({"fail_if": [taken]}, 1),
            ({"fail_if": [taken], "after": 1}, 3),
            ({"fail_if": [{"types": ["No"]}, {"types": ["SeatFreed", "No"]}, taken], "after": 1}, 2),
            ({"fail_if": [{"tags": ["seat:12A", "flight:1"]}]}, 1),
            ({"fail_if": [taken], "after": 3}, None),
            ({"fail_if": [{"tags": ["seat:12A", "flight:1"]}], "after": 1}, None),
            ({"fail_if": [taken], "after": 1000}, None),
        ):
            answer = await batch(b.client, events=[event("other", "Other")], condition=condition)
            if pos is None:
                check("results" in answer, f"{condition}: {answer}")
            else:
                equal(code_of(answer), (409, 40902), f"{condition}")
                equal(answer["pos"], pos, f"{condition}")


async def test_a_condition_that_would_cost_too_much_is_refused():
    async with Both(env={"NACRE_FEED": "off"}) as b:
        for _ in range(5):
            await batch(b.client, events=[event(tags=["even" if i % 2 == 0 else "odd"]) for i in range(1000)])
        never = [{"tags": ["even", "odd"]}]
        answer = await batch(b.client, events=[event()], condition={"fail_if": never})
        equal(code_of(answer), (400, 40005))
        check("after" in answer["error"]["description"], answer["error"]["description"])
        equal((await batch(b.client, events=[event()], condition={"fail_if": never, "after": 4000}))["pos"], 5001)


async def test_of_many_who_claim_the_same_seat_one_wins():
    async with Both() as b:
        seats, clients = 40, 8

        async def claim(me, seat):
            answer = await batch(b.client, events=[event(f"passenger.{me}", "SeatTaken", {"seat": seat}, tags=[f"seat:{seat}"])],
                                 condition={"fail_if": [{"types": ["SeatTaken"], "tags": [f"seat:{seat}"]}]})
            if "results" in answer:
                return me
            equal(code_of(answer), (409, 40902))
            return None

        async def plain():
            for i in range(200):
                await b.client.append("noise", b"{}", "SeatTaken", {"Es-Tags": f"seat:other{i}"})

        noise = asyncio.create_task(plain())
        for seat in range(seats):
            winners = [w for w in await asyncio.gather(*(claim(me, seat) for me in range(clients))) if w is not None]
            equal(len(winners), 1, f"seat {seat}")
            events, _ = await b.client.read(f"tag.seat=3A{seat}")
            equal([e.headers["Es-Stream"] for e in events], [f"passenger.{winners[0]}"])
        await noise


async def test_kill_9_in_the_middle_of_batches_leaves_all_or_nothing_of_each():
    rounds = 200 if LONG else 8
    random.seed(2)
    async with Both(env={"NACRE_FEED": "off", "NACRE_CHECKPOINT_S": "1"}) as b:
        acknowledged, unknown, sizes, n = {}, set(), {}, 0
        for _ in range(rounds):
            stop = False

            async def writer(w):
                nonlocal n
                while not stop:
                    n += 1
                    me, size = n, random.randint(2, 60)
                    sizes[me] = size
                    events = [event(f"load.{w}.{i % 3}", "K", {"batch": me, "i": i}, id=f"b{me}-{i}", tags=[f"batch:{me}"]) for i in range(size)]
                    try:
                        msg = await b.client.request("batch", json.dumps({"events": events}).encode(), timeout=1)
                        answer = json.loads(msg.data)
                    except Exception:  # noqa: BLE001 the node was killed: the outcome is unknown
                        unknown.add(me)
                        return
                    check("results" in answer, f"{answer}")
                    acknowledged[me] = [r["pos"] for r in answer["results"]]

            tasks = [asyncio.create_task(writer(w)) for w in range(8)]
            await asyncio.sleep(random.uniform(0.01, 0.15))
            b.node.kill()
            stop = True
            await asyncio.gather(*tasks)
            b.node.start()
        stored = {}
        for e in await b.client.read_all("all"):
            stored.setdefault(json.loads(e.data)["batch"], []).append(int(e.headers["Es-Position"]))
        for number, places in stored.items():
            equal(len(places), sizes[number], f"batch {number} is whole")
            equal(places, list(range(places[0], places[0] + len(places))), f"batch {number} in one piece")
        for number, places in acknowledged.items():
            equal(stored.get(number), places, f"acknowledged {number}")
        check(set(stored) - set(acknowledged) <= unknown, "what is stored was acknowledged or unknown")
        check(len(acknowledged) > rounds * 3, f"only {len(acknowledged)} acknowledged: no load")
        some = random.sample(sorted(stored), 20)
        for number in some:
            events, _ = await b.client.read(f"tag.batch=3A{number}")
            equal([int(e.headers["Es-Position"]) for e in events], stored[number], "by tag, after all that")


async def test_a_batch_without_a_reply_subject_is_appended_all_the_same():
    async with Both() as b:
        await b.client.nc.publish(f"{b.client.root}.batch", json.dumps({"events": [event(), event()]}).encode())
        equal((await b.client.append("s"))["seq"], 3)


async def test_the_digest_tells_histories_apart_and_stays_over_a_restart():
    async with Both() as b, Both() as c:
        for one in (b, c):
            info = await one.client.ask("store.info")
            equal(info["digest"], "0" * 64, "of nothing")
            await batch(one.client, events=[event("a", id="1"), event("b", id="2")])
        of_b = await b.client.ask("store.info")
        check(of_b["digest"] != (await c.client.ask("store.info"))["digest"], "times differ, so do histories")
        equal(of_b["engine_version"], (await b.client.ask("node.n1.status"))["engine_version_max"])
        b.node.restart()
        equal(await b.client.ask("store.info"), of_b)
        await batch(b.client, events=[event("a", expect="none")])
        equal((await b.client.ask("store.info"))["digest"], of_b["digest"], "what is refused leaves it")
        await b.client.append("a")
        check((await b.client.ask("store.info"))["digest"] != of_b["digest"], "it goes on")
