# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches on three nodes whose leaders are killed: all or nothing, one winner, acknowledged once, one history."""
import asyncio
import json
import random

from harness import LONG, Cluster, check, equal, wait_until
from test_batch import event
from test_batch_ack import take
from test_cluster import same_state_everywhere
from test_upgrade import one_history, until_answered

async def killing(c, client, rounds):
    """Kill who leads, again and again, and start it once more."""
    for _ in range(rounds):
        await asyncio.sleep(random.uniform(0.3, 1.0))
        leader = await c.leader(client)
        c.nodes[leader].kill()
        await c.leader(client)
        c.nodes[leader].spawn()
    c.wait_ready()


async def test_batches_are_all_or_nothing_and_acknowledged_ones_stay_while_leaders_are_killed():
    random.seed(11)
    async with Cluster(3, env={"NACRE_FEED": "off"}) as c:
        client = await c.client()
        await c.leader(client)
        acknowledged, sizes, stop, n = {}, {}, False, 0

        async def writer(w):
            nonlocal n
            while not stop:
                n += 1
                me, size = n, random.randint(2, 40)
                sizes[me] = size
                body = {"events": [event(f"load.{w}.{i % 3}", "K", {"batch": me}, id=f"b{me}-{i}", tags=[f"batch:{me}"]) for i in range(size)]}
                answer = await until_answered(client, "batch", body)
                acknowledged[me] = [r["pos"] for r in answer["results"]]

        writers = [asyncio.create_task(writer(w)) for w in range(6)]
        await killing(c, client, 12 if LONG else 3)
        stop = True
        await asyncio.gather(*writers)
        stored = {}
        for e in await client.read_all("all"):
            stored.setdefault(json.loads(e.data)["batch"], []).append(int(e.headers["Es-Position"]))
        equal(stored, acknowledged, "what is stored is what was acknowledged, each once and whole")
        for number, places in stored.items():
            equal(places, list(range(places[0], places[0] + sizes[number])), f"batch {number} in one piece")
        await one_history(c, client)
        await client.close()


async def test_of_many_who_claim_a_seat_one_wins_while_leaders_are_killed():
    random.seed(12)
    seats = 60 if LONG else 15
    async with Cluster(3, env={"NACRE_FEED": "off"}) as c:
        client = await c.client()
        await c.leader(client)
        won = {}

        async def claim(seat, who):
            body = {"events": [event(f"seat.{seat}", "Taken", who, id=f"{seat}-{who}", tags=[f"seat:{seat}"])],
                    "condition": {"fail_if": [{"types": ["Taken"], "tags": [f"seat:{seat}"]}]}}
            while True:
                try:
                    answer = await client.ask("batch", json.dumps(body).encode(), timeout=2)
                except Exception:  # noqa: BLE001 nobody leads just now
                    await asyncio.sleep(0.02)
                    continue
                if isinstance(answer, dict):
                    won.setdefault(seat, []).append(who)
                    return
                if answer[:2] == (409, 40902):
                    return
                check(answer[0] in (503, 429), f"{answer}")

        async def claims():
            for seat in range(seats):
                await asyncio.gather(*[claim(seat, who) for who in range(5)])

        await asyncio.gather(claims(), killing(c, client, 6 if LONG else 2))
        equal({seat: len(who) for seat, who in won.items()}, {seat: 1 for seat in range(seats)}, "one winner a seat")
        equal({int(e.headers["Es-Stream"][5:]): [json.loads(e.data)] for e in await client.read_all("all")}, won, "and it is the one who was told")
        await same_state_everywhere(c, client)
        await one_history(c, client)
        await client.close()


async def test_an_ack_in_a_batch_moves_with_the_leader():
    random.seed(13)
    count = 200 if LONG else 40
    async with Cluster(3, env={"NACRE_FEED": "off"}) as c:
        client = await c.client()
        await c.leader(client)
        await until_answered(client, "batch", {"events": [event("in", data=i, id=f"in-{i}") for i in range(count)]})
        await until_answered(client, "sub.create.w", {"filter": {"plugin": "by_stream", "selector": "in"}, "ack_wait_ms": 300, "max_deliver": -1, "max_in_flight": 8})
        stop, again = False, 0

        async def worker():
            nonlocal again
            while not stop:
                try:
                    for position, reply in await take(client, "w", 3, expires_ms=300):
                        body = {"events": [event("out", data=position)], "ack": {"reply": reply}}
                        answer = await client.ask("batch", json.dumps(body).encode(), timeout=2)
                        again += not isinstance(answer, dict)
                        check(isinstance(answer, dict) or answer[:2] in ((409, 40904), (503, 10008)), f"{answer}")
                except Exception as lost:  # noqa: BLE001 nobody leads just now
                    check(not isinstance(lost, AssertionError), repr(lost))
                    await asyncio.sleep(0.02)

        async def done():
            try:
                return (await client.ask("sub.info.w", timeout=2))["ack_floor"] >= count
            except Exception:  # noqa: BLE001
                return False

        workers = [asyncio.create_task(worker()) for _ in range(5)]
        await killing(c, client, 6 if LONG else 2)
        await wait_until(done, 90, "all are acknowledged")
        stop = True
        await asyncio.gather(*workers)
        events, _ = await client.read("read.out", b'{"limit":10000}', timeout=30)
        equal(sorted(json.loads(e.data) for e in events), list(range(1, count + 1)), "each event's consequence, once")
        await one_history(c, client)
        await client.close()
