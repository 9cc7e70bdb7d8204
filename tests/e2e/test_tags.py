# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags, R.tag and R.query, as PROTOCOL.md sections 3 and 6 promise it, with a stock NATS client."""
import asyncio
import json

from harness import Both, check, equal, error_of

ITEMS_MAX, NAMES_MAX = 16, 32


def positions(events):
    return [int(e.headers["Es-Position"]) for e in events]


async def query(client, items, direct=False, **options):
    return await client.read("direct.query" if direct else "query", json.dumps({"items": items, **options}).encode())


async def some_events(client):
    """Positions 1 to 6."""
    for type, tags in (
        ("Opened", "course:1"),
        ("Joined", "course:1, student:7"),
        ("Joined", "course:2,student:7"),
        ("Left", "course:1,student:7"),
        ("Joined", None),
        ("Opened", "course:2"),
    ):
        await client.append("log.1", b"{}", type, {"Es-Tags": tags} if tags else None)


async def test_a_tag_is_read_forward_and_backward_at_the_leader_and_at_any_node():
    async with Both() as b:
        await some_events(b.client)
        for root in ("tag", "direct.tag"):
            events, end = await b.client.read(f"{root}.student=3A7", b"", {"Es-Min-Position": "6"} if root != "tag" else None)
            equal(positions(events), [2, 3, 4])
            equal(end.headers["Es-Head"], "6")
            events, _ = await b.client.read(f"{root}.course=3A1", b'{"dir":"backward"}')
            equal(positions(events), [4, 2, 1])
            equal(events[0].headers["Es-Tags"], "course:1,student:7")
        events, end = await b.client.read("tag.course=3A1", b'{"from":2,"limit":1}')
        equal(positions(events), [2])
        equal(end.headers["Es-Next"], "4")
        events, end = await b.client.read("tag.nobody")
        equal((events, end.headers["Es-Head"]), ([], "6"))


async def test_a_tag_of_any_bytes_has_one_spelling():
    async with Both() as b:
        await b.client.append("s", b"{}", "T", {"Es-Tags": "a.b*>=é"})
        events, _ = await b.client.read("tag.a=2Eb=2A=3E=3D=C3=A9")
        equal(positions(events), [1])
        for spelled, why in (("=61", "needless"), ("a.b", "=HH"), ("a=20b", "space"), ("a=2Cb", "comma")):
            events, error = await b.client.read(f"tag.{spelled}")
            equal(events, None)
            equal(error_of(error)[:2], (400, 10003), spelled)
            check(why in error_of(error)[2], error_of(error)[2])


async def test_a_tag_given_twice_counts_once():
    async with Both() as b:
        await b.client.append("s", b"{}", "T", {"Es-Tags": "x,x"})
        events, _ = await b.client.read("tag.x")
        equal(positions(events), [1])


async def test_a_query_gives_what_matches_any_item_with_all_its_tags():
    async with Both() as b:
        await some_events(b.client)
        for items, want in (
            ([{"tags": ["course:1"]}], [1, 2, 4]),
            ([{"tags": ["course:1", "student:7"]}], [2, 4]),
            ([{"types": ["Joined"]}], [2, 3, 5]),
            ([{"types": ["Joined", "Left"], "tags": ["course:1"]}], [2, 4]),
            ([{"types": ["Left"]}, {"types": ["Opened"], "tags": ["course:2"]}, {"tags": ["course:1"]}], [1, 2, 4, 6]),
            ([{"types": ["Never"]}, {"tags": ["never"]}], []),
        ):
            for direct in (False, True):
                events, end = await query(b.client, items, direct)
                equal(positions(events), want, f"{items}")
                equal(end.headers["Es-Head"], "6", "to condition on")
                check("Es-Next" not in end.headers, "at the end")
            events, _ = await query(b.client, items, dir="backward")
            equal(positions(events), want[::-1], f"{items} backward")
        events, end = await query(b.client, [{"types": ["Joined"]}], limit=1, **{"from": 3})
        equal(positions(events), [3])
        equal(end.headers["Es-Next"], "5")
        events, _ = await query(b.client, [{"types": ["Joined"]}], to=3, format="messages")
        equal(positions(events), [2, 3])


async def test_a_query_finds_tags_in_memory_and_in_the_tables_alike():
    """More events than are held in memory: some are indexed in the tables, some are not yet."""
    async with Both(env={"NACRE_FEED": "off"}) as b:
        count, odd = 150000, []
        for first in range(0, count, 1000):
            events = [
                {"stream": f"s.{i % 10}", "type": "T", "data": i, "tags": ["all", "rare"] if i % 997 == 0 else ["all"]}
                for i in range(first, first + 1000)
            ]
            answer = await b.client.ask("batch", json.dumps({"events": events}).encode())
            equal(answer["pos"], first + 1000)
            odd += [i + 1 for i in range(first, first + 1000) if i % 997 == 0]
        events, _ = await b.client.read("tag.rare")
        equal(positions(events), odd)
        events, _ = await query(b.client, [{"tags": ["all", "rare"]}], dir="backward")
        equal(positions(events), odd[::-1])
        events, _ = await query(b.client, [{"types": ["T"], "tags": ["rare"]}], **{"from": 140001})
        equal(positions(events), [p for p in odd if p > 140000])
        b.node.restart()
        events, _ = await query(b.client, [{"types": ["T"], "tags": ["rare"]}])
        equal(positions(events), odd, "after kill -9")


async def test_a_query_that_is_not_understood_is_refused():
    async with Both() as b:
        await b.client.append("s")
        many = [{"tags": ["x"]}] * (ITEMS_MAX + 1)
        for body, err, why in (
            ({}, 10003, "'items'"),
            ({"items": []}, 10003, "no items"),
            ({"items": {}}, 10003, "not a list"),
            ({"items": [7]}, 10003, "item 0 is not an object"),
            ({"items": [{}]}, 10003, "neither types nor tags"),
            ({"items": [{"tags": []}]}, 10003, "neither types nor tags"),
            ({"items": [{"tags": "x"}]}, 10003, "not a list"),
            ({"items": [{"tags": [1]}]}, 10003, "not a string"),
            ({"items": [{"tags": ["a b"]}]}, 10003, "space"),
            ({"items": [{"types": ["a*"]}]}, 40002, "'*'"),
            ({"items": [{"kinds": ["a"]}]}, 10003, "'kinds' of item 0 is not known"),
            ({"items": many}, 10003, "16"),
            ({"items": [{"tags": [f"t{i}" for i in range(NAMES_MAX + 1)]}]}, 10003, "32"),
        ):
            events, error = await b.client.read("query", json.dumps(body).encode())
            equal(events, None, f"{body}")
            equal(error_of(error)[:2], (400, err), f"{body}")
            check(why in error_of(error)[2], f"{body}: {error_of(error)[2]}")
        events, error = await b.client.read("all", b'{"items":[{"tags":["x"]}]}')
        equal(error_of(error)[:2], (400, 10003))
        events, error = await b.client.read("query")
        equal(error_of(error)[:2], (400, 10003), "an empty body")


async def test_a_query_over_much_that_never_meets_ends_and_does_not_hold_others_up():
    async with Both(env={"NACRE_FEED": "off"}) as b:
        for first in range(0, 20000, 1000):
            events = [{"stream": "s", "type": "T", "data": 1, "tags": ["even" if i % 2 == 0 else "odd"]} for i in range(1000)]
            await b.client.ask("batch", json.dumps({"events": events}).encode())
        found = asyncio.create_task(query(b.client, [{"tags": ["even", "odd"]}]))
        equal((await b.client.append("other"))["seq"], 1)
        events, end = await found
        equal(events, [])
        check(int(end.headers["Es-Head"]) >= 20000, "the head")
