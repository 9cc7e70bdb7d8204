# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md section 8: a start that lies ahead, a version that its stream has not reached or a time that has not come, is waited for."""
import json
from datetime import datetime, timedelta, timezone

from harness import check, equal, wait_until
from test_subs import Consumer, by_stream, create, fill, info, pull, state_is, versions

SHARED = True

NEVER = "2400-01-01T00:00:00.000000000Z"


def in_ms(ms):
    """So many milliseconds from now, as the store writes times."""
    return (datetime.now(timezone.utc) + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


async def ask(c, verb, name, body):
    return await c.ask(f"sub.{verb}.{name}", json.dumps(body).encode())


async def why(c, name, pos):
    return (await ask(c, "explain", name, {"pos": pos}))["state"]


async def test_a_version_ahead_is_waited_for_pushed(c):
    await fill(c, "ahead", 3)
    async with Consumer(c, "work.ahead") as consumer:
        made = await create(c, "ahead", by_stream("ahead"), start={"seq": 6}, deliver={"subject": "work.ahead"})
        below = [(await c.append("ahead"))["pos"] for _ in range(2)]
        equal(made["pos"], below[0], "what is looked at first, a lower bound")
        await consumer.silent()
        equal((await info(c, "ahead"))["not_before"], {"seq": 6})
        for pos in below:
            equal(await why(c, "ahead", pos), "before_start")
        await fill(c, "ahead", 3)
        equal(versions(await consumer.some(3)), [6, 7, 8])
        have = await info(c, "ahead")
        equal((have["pending"], have["state"]), (0, "live"))


async def test_a_version_ahead_is_waited_for_pulled_also_of_a_stream_that_is_not_there(c):
    await create(c, "aheadpull", by_stream("aheadpull"), start={"seq": 3}, ack="all", order="global")
    await fill(c, "aheadpull", 2)
    events, status = await pull(c, "aheadpull", {"batch": 5, "no_wait": True})
    equal((events, status["Status"]), ([], "404"))
    await fill(c, "aheadpull", 1)
    events, status = await pull(c, "aheadpull", {"batch": 1})
    equal(versions(events), [3])
    await c.nc.request(events[0].reply, b"", timeout=5)
    equal((await create(c, "aheadone", by_stream("not there"), start={"seq": 1}))["pos"], 1, "that is its first, whenever it comes")
    await fill(c, "not=20there", 1)
    equal(versions((await pull(c, "aheadone"))[0]), [1])


async def test_a_time_that_has_not_come_is_waited_for(c):
    start = in_ms(800)
    async with Consumer(c, "work.later") as consumer:
        await create(c, "later", {"plugin": "by_pattern", "selector": "later.*"}, start={"time": start}, deliver={"subject": "work.later"})

        async def come():
            pos = (await c.append(f"later.{start[-9:-1]}"))["pos"]
            return (await c.request("get", json.dumps({"pos": pos}).encode())).headers["Nats-Time-Stamp"] >= start

        await wait_until(come, 20, "the time has come")
        events, _ = await c.read("category.later")
        after = [int(e.headers["Es-Position"]) for e in events if e.headers["Nats-Time-Stamp"] >= start]
        equal([int(e.headers["Es-Position"]) for e in await consumer.some(len(after))], after)
        await consumer.silent()
        for event in events:
            if event.headers["Nats-Time-Stamp"] < start:
                equal(await why(c, "later", int(event.headers["Es-Position"])), "before_start")


async def test_a_seek_leaves_what_was_waited_for_or_waits_anew(c):
    async with Consumer(c, "work.aseek") as consumer:
        await create(c, "aseek", by_stream("aseek"), start={"seq": 100}, deliver={"subject": "work.aseek"})
        await fill(c, "aseek", 2)
        await consumer.silent(0.2)
        await ask(c, "seek", "aseek", "first")
        equal(versions(await consumer.some(2)), [1, 2])
        check("not_before" not in await info(c, "aseek"), "nothing is waited for")
        await ask(c, "seek", "aseek", {"time": NEVER})
        equal((await info(c, "aseek"))["not_before"], {"time": NEVER})
        await fill(c, "aseek", 2)
        await consumer.silent()
        equal((await info(c, "aseek"))["pending"], 0)
        await ask(c, "seek", "aseek", "new")
        await fill(c, "aseek", 1)
        equal(versions(await consumer.some(1)), [5])


async def test_an_update_keeps_it_another_start_replaces_it(c):
    async with Consumer(c, "work.aupd") as consumer:
        await create(c, "aupd", by_stream("aupd"), start={"seq": 3}, deliver={"subject": "work.aupd"})
        await fill(c, "aupd", 1)
        await ask(c, "update", "aupd", {"max_in_flight": 5, "order": "stream"})
        await fill(c, "aupd", 1)
        await consumer.silent(0.2)
        await fill(c, "aupd", 1)
        equal(versions(await consumer.some(1)), [3])
        told = await ask(c, "update", "aupd", {"start": {"seq": 6}})
        equal((await info(c, "aupd"))["not_before"], {"seq": 6})
        await fill(c, "aupd", 3)
        event = (await consumer.some(1))[0]
        equal((versions([event]), event.reply.split(".")[4]), ([6], str(told["epoch"])))
        equal((await ask(c, "update", "aupd", {"start": "first"}))["pos"], 1)
        equal(versions(await consumer.some(6)), [1, 2, 3, 4, 5, 6])


async def test_a_backfill_brings_nothing_from_before_the_start(c):
    pattern = {"plugin": "by_event_type", "selector": "AbfA"}
    start = in_ms(400)
    async with Consumer(c, "work.abf") as consumer:
        await create(c, "abf", pattern, start={"time": start}, deliver={"subject": "work.abf"})

        async def come():
            pos = (await c.append("abf", type="AbfB"))["pos"]
            await c.append("abf", type="AbfA")
            return (await c.request("get", json.dumps({"pos": pos}).encode())).headers["Nats-Time-Stamp"] >= start

        await wait_until(come, 20, "the time has come")
        events, _ = await c.read("read.abf")
        after = [e for e in events if e.headers["Nats-Time-Stamp"] >= start]
        mine = [e for e in after if e.headers["Es-Type"] == "AbfA"]
        equal(versions(await consumer.some(len(mine))), versions(mine))
        await wait_until(lambda: done(c, "abf"), 5, "all is acknowledged")
        await ask(c, "update", "abf", {"filter": {"plugin": "by_event_type", "selector": ["AbfA", "AbfB"]}, "backfill": True})
        others = [e for e in after if e.headers["Es-Type"] == "AbfB"]
        equal(versions(await consumer.some(len(others))), versions(others), "what newly matches from the start on")
        await consumer.silent()


async def done(c, name):
    have = await info(c, name)
    return have["in_flight"] == 0 and have["pending"] == 0


async def test_a_transient_one_waits_too_also_when_it_becomes_durable(c):
    async with Consumer(c, "work.atr") as consumer:
        await create(c, "atr", by_stream("atr"), start={"seq": 3}, durable=False, deliver={"subject": "work.atr"})
        await fill(c, "atr", 1)
        await ask(c, "update", "atr", {"durable": True})
        equal((await info(c, "atr"))["not_before"], {"seq": 3})
        await fill(c, "atr", 1)
        await consumer.silent(0.2)
        await ask(c, "update", "atr", {"durable": False})
        equal((await info(c, "atr"))["not_before"], {"seq": 3})
        await fill(c, "atr", 2)
        equal(versions(await consumer.some(2)), [3, 4])
        await wait_until(lambda: done(c, "atr"), 5, "all is acknowledged")
        await ask(c, "update", "atr", {"durable": True})
        await fill(c, "atr", 1)
        equal(versions(await consumer.some(1)), [5], "it was reached: it goes on where it is")


async def test_what_lies_below_costs_no_window(c):
    """One that waits is at the head all along, however much passes by."""
    await create(c, "awin", by_stream("awin"), start={"seq": 2000}, max_in_flight=1, order="global")
    await wait_until(lambda: state_is(c, "awin", "live"), 5, "it is at the head")
    for _ in range(3):
        equal(len((await c.ask("batch", json.dumps({"events": [{"stream": "awin", "type": "T", "data": 1}] * 500}).encode()))["results"]), 500)
    have = await info(c, "awin")
    equal((have["state"], have["pending"], have["in_flight"]), ("live", 0, 0))
