# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md section 8: what seek, update and replay find on their way: events just parked, rows, pull requests, a full window."""
import asyncio
import json

from harness import Client, check, equal, wait_until
from test_subs import Consumer, by_stream, create, fill, info, pull, versions
from test_subs_verbs import ask, sent_together, term

SHARED = True


async def parked(c, name):
    return [p["seq"] for p in (await ask(c, "parked", name))["parked"]]


async def taken(c, name):
    """Versions of all that it gives without waiting, each acknowledged before the next one."""
    got = []
    while True:
        events, _ = await pull(c, name, {"no_wait": True})
        if not events:
            return got
        got += versions(events)
        await c.nc.request(events[0].reply, b"", timeout=5)


async def test_what_is_answered_right_before_a_change_is_parked_all_the_same(c):
    await fill(c, "chother", 1)
    for answer in (b"+TERM no", b"-NAK"):
        for durable in (True, False):
            for name, body in (("seek", {"pos": 3}), ("update", {"filter": by_stream(["chjust", "chother"]), "backfill": True})):
                await fill(c, "chjust", 2)
                made = await create(c, "chjust", by_stream("chjust"), start="new", max_deliver=1, durable=durable)
                await fill(c, "chjust", 2)
                events, _ = await pull(c, "chjust", {"batch": 2})
                first = versions(events)[0]
                await c.nc.request(events[1].reply, b"", timeout=5)
                await c.nc.publish(events[0].reply, answer)
                if name == "seek":
                    body = {"pos": made["pos"] + 1}
                await ask(c, name, "chjust", body)
                equal(await parked(c, "chjust"), [first], f"{answer} {name} durable {durable}")
                await ask(c, "delete", "chjust")


async def test_parked_rows_of_a_transient_one_stay_where_those_of_a_durable_one_do(c):
    for durable in (True, False):
        await create(c, "chrows", by_stream("chrows"), start="new", durable=durable)
        await fill(c, "chrows", 5)
        events, _ = await pull(c, "chrows", {"batch": 5})
        first = versions(events)[0]
        for at in (0, 4):
            await term(c, events[at])
        await ask(c, "seek", "chrows", {"pos": int(events[3].headers["Es-Position"])})
        equal(await parked(c, "chrows"), [first], f"durable {durable}")
        equal(await taken(c, "chrows"), [first + 3, first + 4])
        # With an order its key is parked from then on.
        await ask(c, "update", "chrows", {"order": "stream"})
        await fill(c, "chrows", 1)
        equal(await taken(c, "chrows"), [], f"durable {durable}")
        equal(await parked(c, "chrows"), [first, first + 5], f"durable {durable}")
        await ask(c, "replay", "chrows")
        equal(await taken(c, "chrows"), [first, first + 5])
        equal((await info(c, "chrows"))["parked"], 0)
        await ask(c, "delete", "chrows")


async def test_another_start_takes_parked_events_beyond_it_away(c):
    for durable in (True, False):
        for order in ("none", "stream"):
            made = await create(c, "chstart", by_stream("chstart"), start="new", order=order, durable=durable)
            await fill(c, "chstart", 4)
            events, _ = await pull(c, "chstart", {"batch": 1})
            await term(c, events[0])
            await ask(c, "update", "chstart", {"start": {"pos": made["pos"]}})
            first = versions(events)[0]
            equal(await taken(c, "chstart"), [first, first + 1, first + 2, first + 3], f"durable {durable}, order {order}")
            equal(await parked(c, "chstart"), [])
            await ask(c, "delete", "chstart")


async def test_who_pulls_hears_also_when_a_change_comes_right_behind(c):
    await fill(c, "chpull", 20)
    await create(c, "chpull", by_stream("chpull"))
    for first in range(1, 6):
        inbox = c.nc.new_inbox()
        sub = await c.nc.subscribe(inbox)
        await c.nc.publish("es.shop.sub.next.chpull", json.dumps({"batch": 2, "expires_ms": 60000}).encode(), reply=inbox)
        await ask(c, "update", "chpull", {"start": {"seq": first}})
        came = []
        while len(came) < 2 and "409" not in came:
            came.append((await sub.next_msg(5)).headers.get("Status", "event"))
        check(came in (["event", "event"], ["409"], ["event", "409"]), str(came))
        await sub.unsubscribe()


async def test_a_pull_that_a_change_cuts_does_not_count_what_it_was_not_given(c):
    await fill(c, "chcount", 20)
    for _ in range(10):
        await create(c, "chcount", by_stream("chcount"), max_in_flight=2, durable=False)
        inbox = c.nc.new_inbox()
        sub = await c.nc.subscribe(inbox)
        await c.nc.publish("es.shop.sub.next.chcount", b'{"batch":10,"no_wait":true}', reply=inbox)
        await sent_together(c, ("sub.replay.chcount", {}), ("sub.seek.chcount", {"pos": 1}))
        came = [await sub.next_msg(5)]
        while "Status" not in came[-1].headers:
            came.append(await sub.next_msg(5))
        end = came[-1].headers
        check(str(end["Status"]) == "409" or int(end["Nats-Pending-Messages"]) == 10 - (len(came) - 1), f"{len(came) - 1} came: {end}")
        await sub.unsubscribe()
        await ask(c, "delete", "chcount")


async def test_nothing_comes_behind_the_end_of_a_pull(c):
    for turn in range(20):
        durable = turn % 2 == 0
        await create(c, "chend", by_stream("chend"), start="new", durable=durable)
        batch = {"events": [{"stream": "chend", "type": "T", "data": {}}] * 20}
        await c.ask("batch", json.dumps(batch).encode())
        inbox = c.nc.new_inbox()
        sub = await c.nc.subscribe(inbox)
        await c.nc.publish("es.shop.sub.next.chend", b'{"batch":50}', reply=inbox)
        await sent_together(c, ("sub.replay.chend", {}), ("sub.delete.chend", None))
        await c.nc.flush()
        came = []
        while sub.pending_msgs:
            came.append((await sub.next_msg(1)).headers.get("Status", "event"))
        equal([status for status in came if status != "event"], ["409"])
        equal(came[-1], "409", "the last one")
        await sub.unsubscribe()


async def test_nothing_comes_behind_the_end_of_a_pull_that_a_reader_serves(c):
    """Deleted while history is read for it; packed and one by one."""
    for _ in range(10):
        await c.ask("batch", json.dumps({"events": [{"stream": "chread", "type": "T", "data": "x" * 400}] * 500}).encode())
    for turn in range(12):
        await create(c, "chread", by_stream("chread"), ack="all", max_in_flight=10000, durable=turn % 2 == 0)
        sub = await c.nc.subscribe(c.nc.new_inbox(), pending_msgs_limit=-1, pending_bytes_limit=-1)
        body = {"batch": 6000, **({"format": "json"} if turn % 4 < 2 else {})}
        await c.nc.publish("es.shop.sub.next.chread", json.dumps(body).encode(), reply=sub.subject)
        first = await sub.next_msg(5)
        check("Es-Subscription" in first.headers, f"it began: {first.headers}")
        await ask(c, "delete", "chread")
        while "Status" not in (await sub.next_msg(5)).headers:
            pass
        for _ in range(30):  # what a reader still had would come meanwhile
            await c.ask("store.info")
        equal(sub.pending_msgs, 0, f"turn {turn}: came behind the end")
        await sub.unsubscribe()


async def test_a_replay_is_answered_and_comes_first_where_the_window_is_full(c):
    await create(c, "chfull", by_stream("chfull"), max_in_flight=1)
    await fill(c, "chfull", 2)
    for version in (1, 2):
        events, _ = await pull(c, "chfull", {"batch": 1})
        await term(c, events[0])
    batch = {"events": [{"stream": "chfull", "type": "T", "data": {}} for _ in range(400)]}
    await c.ask("batch", json.dumps(batch).encode())
    equal(await ask(c, "replay", "chfull"), {"replayed": 2, "more": False})
    for version in (1, 2, 3):
        events, _ = await pull(c, "chfull", {"batch": 1})
        equal(versions(events), [version])
        await c.nc.request(events[0].reply, b"", timeout=5)


async def test_what_a_batch_has_acknowledged_comes_not_again_by_an_update_sent_behind_it(c):
    await fill(c, "chbother", 1)
    for body in ({"filter": by_stream(["chbatch", "chbother"]), "backfill": True}, {"durable": False}, {"order": "stream"}):
        await create(c, "chbatch", by_stream("chbatch"), start="new")
        await fill(c, "chbatch", 2)
        events, _ = await pull(c, "chbatch", {"batch": 2})
        batch = {"events": [{"stream": "chbout", "type": "R", "data": {}}], "ack": {"reply": events[0].reply}}
        done, updated = await sent_together(c, ("batch", batch), ("sub.update.chbatch", body))
        check("results" in done and "epoch" in updated, f"{done} {updated}")
        equal(await taken(c, "chbatch"), versions(events)[1:], json.dumps(body))
        await ask(c, "delete", "chbatch")


async def test_a_late_ack_is_answered_also_while_a_change_is_on_its_way(c):
    await create(c, "chlate", by_stream("chlate"), start="new")
    await fill(c, "chlate", 1)
    events, _ = await pull(c, "chlate")
    await term(c, events[0])
    late = events[0].reply.removeprefix("es.shop.")
    updated, answer = await sent_together(c, ("sub.update.chlate", {"max_deliver": 9}), (late, None))
    check("epoch" in updated and (answer is None or answer["error"]["err_code"] == 10023), f"{updated} {answer}")
    equal((await c.nc.request(events[0].reply, b"", timeout=5)).data, b"")
    equal(await parked(c, "chlate"), [])


async def test_the_way_of_delivery_changes_while_events_leave(c):
    batch = {"events": [{"stream": "chway", "type": "T", "data": {"text": "x" * 1000}} for _ in range(500)]}
    for _ in range(4):
        await c.ask("batch", json.dumps(batch).encode())
    push = {"subject": "work.chway"}
    async with Consumer(c, "work.chway") as consumer:
        await create(c, "chway", by_stream("chway"), deliver=push, max_in_flight=40)
        for deliver in (None, push) * 20:
            for _ in range(40 if deliver is None else 0):
                await c.nc.publish((await consumer.next()).reply, b"")
            epoch = (await ask(c, "update", "chway", {"deliver": deliver}))["epoch"]
        equal((await info(c, "chway"))["epoch"], epoch, "the node lives")


async def test_a_replay_of_one_that_is_deleted_meanwhile_says_so(c):
    await create(c, "chgone", by_stream("chgone"), start="new", durable=False)
    await fill(c, "chgone", 1)
    events, _ = await pull(c, "chgone")
    await term(c, events[0])
    replayed, deleted = await sent_together(c, ("sub.replay.chgone", {}), ("sub.delete.chgone", None))
    equal((replayed["error"]["err_code"], deleted), (10014, {"deleted": True}))


async def test_what_is_parked_while_a_change_is_under_way_parks_its_key(c):
    for change in ({"order": "stream"}, {"deliver": None}):
        at = {"order": "stream", "deliver": {"subject": "work.chwhile"}} if "deliver" in change else {}
        async with Consumer(c, "work.chwhile") as consumer:
            made = await create(c, "chwhile", by_stream("chwhile"), start="new", **at)
            await fill(c, "chwhile", 1)
            event = await consumer.next() if at else (await pull(c, "chwhile", {"batch": 1}))[0][0]
            first = int(event.headers["Nats-Sequence"])
            changing = asyncio.create_task(ask(c, "update", "chwhile", change))
            await asyncio.sleep(0)  # it is sent
            await term(c, event, "no")
            equal((await changing)["epoch"], made["epoch"])
            await fill(c, "chwhile", 1)
            equal(await taken(c, "chwhile"), [], str(change))
            equal(await parked(c, "chwhile"), [first, first + 1], str(change))
            await ask(c, "replay", "chwhile")
            equal(await taken(c, "chwhile"), [first, first + 1], str(change))
            equal((await info(c, "chwhile"))["parked"], 0)
            await ask(c, "delete", "chwhile")


async def test_what_is_released_while_a_change_is_under_way_parks_nothing(c):
    await create(c, "chout", by_stream("chout"), start="new", order="stream")
    await fill(c, "chout", 1)
    await term(c, (await pull(c, "chout", {"batch": 1}))[0][0])
    await ask(c, "replay", "chout")
    event = (await pull(c, "chout", {"batch": 1}))[0][0]
    changing = asyncio.create_task(ask(c, "update", "chout", {"order": "global"}))
    await asyncio.sleep(0)
    await c.nc.request(event.reply, b"", timeout=5)
    await changing
    await fill(c, "chout", 1)
    equal(await taken(c, "chout"), [2])
    equal(await parked(c, "chout"), [])


async def test_who_pulls_hears_also_when_it_is_deleted_right_behind(c):
    await c.ask("batch", json.dumps({"events": [{"stream": "chgone", "type": "T", "data": {}}] * 300}).encode())
    for durable in (True, False):
        for _ in range(10):
            await create(c, "chgone", by_stream("chgone"), durable=durable)
            asked = []
            for batch in (200, 1, 150, 1):
                asked.append(await c.nc.subscribe(c.nc.new_inbox()))
                await c.nc.publish("es.shop.sub.next.chgone", json.dumps({"batch": batch, "no_wait": batch == 1}).encode(), reply=asked[-1].subject)
            await ask(c, "info", "chgone")
            await ask(c, "delete", "chgone")
            for at, (sub, batch) in enumerate(zip(asked, (200, 1, 150, 1))):
                came = 0
                while came < batch and "Status" not in (await sub.next_msg(5)).headers:
                    came += 1
                await sub.unsubscribe()


async def test_a_backfill_passes_by_what_is_parked(c):
    """Also of the filter before the last."""
    for durable in (True, False):
        await create(c, "chtwice", by_stream(["chtwice", "chtother"]), start="new", order="global", durable=durable)
        await fill(c, "chtwice", 2)
        events, _ = await pull(c, "chtwice", {"batch": 1})
        first = versions(events)[0]
        await term(c, events[0])
        await fill(c, "chtother", 1)

        async def all_parked():
            return len(await parked(c, "chtwice")) == 3

        await wait_until(all_parked, 5, "what stands behind it is parked")
        await ask(c, "update", "chtwice", {"filter": by_stream("chtother")})
        await ask(c, "update", "chtwice", {"filter": by_stream("chtwice"), "backfill": True})
        equal(len(await parked(c, "chtwice")), 3, f"durable {durable}")
        await ask(c, "replay", "chtwice")
        equal((await taken(c, "chtwice"))[:2], [first, first + 1], f"durable {durable}")
        equal(await parked(c, "chtwice"), [], f"durable {durable}")
        await fill(c, "chtwice", 1)
        equal(await taken(c, "chtwice"), [first + 2], f"durable {durable}")
        await ask(c, "delete", "chtwice")


async def test_a_replay_right_behind_a_backfill_finds_what_is_parked(c):
    await fill(c, "chfillother", 1)
    for durable in (True, False):
        await create(c, "chfill", by_stream("chfill"), start="new", durable=durable)
        await fill(c, "chfill", 2)
        events, _ = await pull(c, "chfill", {"batch": 2})
        for event in events:
            await term(c, event)
        updated, replayed = await sent_together(
            c, ("sub.update.chfill", {"filter": by_stream(["chfill", "chfillother"]), "backfill": True}), ("sub.replay.chfill", {}))
        equal(replayed, {"replayed": 2, "more": False}, f"durable {durable}")
        equal(await taken(c, "chfill"), versions(events), f"durable {durable}")
        await ask(c, "delete", "chfill")


async def test_what_a_change_takes_out_of_the_list_was_no_attempt(c):
    batch = {"events": [{"stream": "chtry", "type": "T", "data": {"text": "x" * 100}} for _ in range(300)]}
    await c.ask("batch", json.dumps(batch).encode())
    inbox = c.nc.new_inbox()
    async with Consumer(c, inbox) as pulled, Consumer(c, "work.chtry") as pushed:
        for _ in range(15):
            await create(c, "chtry", by_stream("chtry"), durable=False, max_in_flight=5)
            for batch in (2, 5):
                await c.nc.publish("es.shop.sub.next.chtry", json.dumps({"batch": batch}).encode(), reply=inbox)
            await c.nc.publish("es.shop.sub.replay.chtry", b"")
            await ask(c, "update", "chtry", {"deliver": {"subject": "work.chtry"}})
            attempts = {}
            for event in [pulled.got.get_nowait() for _ in range(pulled.got.qsize())] + await pushed.some(5, ack=None):
                if "Es-Position" in (event.headers or {}):
                    at = int(event.headers["Es-Position"])
                    equal(int(event.headers["Es-Delivery"]), attempts.get(at, 0) + 1, f"attempts of {at}")
                    attempts[at] = attempts.get(at, 0) + 1
            await ask(c, "delete", "chtry")
            pushed.got = asyncio.Queue()


async def streams_of(c, category, count):
    """An event of each of many streams."""
    for first in range(0, count, 500):
        events = [{"stream": f"{category}.{i}", "type": "T", "data": i} for i in range(first, min(first + 500, count))]
        await c.ask("batch", json.dumps({"events": events}).encode())


async def is_parked(c, name, pos):
    rows = (await ask(c, "parked", name, {"after": pos - 1, "limit": 1}))["parked"]
    return [row["pos"] for row in rows] == [pos]


async def test_what_is_answered_while_it_is_fetched_anew_is_so_when_that_is_confirmed(c):
    """A change of `order` fetches all that is on its way, one by one; the last of many is answered before its turn comes."""
    count = 2000
    await streams_of(c, "chfetch", count)
    pattern = {"plugin": "by_pattern", "selector": "chfetch.*"}
    await create(c, "chfetch", pattern, max_in_flight=count, max_deliver=-1, ack_wait_ms=300000)
    events, _ = await pull(c, "chfetch", {"batch": count})
    last = events[-1]
    pos = int(last.headers["Es-Position"])
    await ask(c, "update", "chfetch", {"order": "stream"})
    await term(c, last, "no")
    check(await is_parked(c, "chfetch", pos), "terminated, and so confirmed")

    for event in events[:-1]:
        await c.nc.publish(event.reply, b"+TERM")
    await wait_until(lambda: parked_total(c, "chfetch", count), 10, "all are parked")
    await ask(c, "update", "chfetch", {"order": "none"})
    some = (await ask(c, "replay", "chfetch", {}))["replayed"]
    events, _ = await pull(c, "chfetch", {"batch": some})
    equal(len(events), some)
    await ask(c, "update", "chfetch", {"order": "stream"})
    await c.nc.request(events[-1].reply, b"", timeout=5)
    check(not await is_parked(c, "chfetch", int(events[-1].headers["Es-Position"])), "acknowledged, and so confirmed")
    await ask(c, "delete", "chfetch")


async def parked_total(c, name, count):
    return (await ask(c, "parked", name, {"limit": 1}))["total"] == count


async def test_durable_changes_while_others_append_and_answers_come_without_a_pause(c):
    """The change waits until a progress that is on its way is in the log, and not for what has come since each time; what was sent behind it
    is carried out behind it."""
    stop = asyncio.Event()

    async def on_event(msg):
        if msg.reply:
            await c.nc.publish(msg.reply, b"-NAK", reply="nobody.hears")

    async def load():
        while not stop.is_set():
            for _ in range(50):
                await c.nc.publish(f"{c.root}.append.T.chother", b"{}")
            await c.append("chother")

    listens = await c.nc.subscribe("work.chload", cb=on_event, pending_msgs_limit=-1, pending_bytes_limit=-1)
    await create(c, "chload", by_stream("chload"), deliver={"subject": "work.chload"}, max_deliver=-1)
    await fill(c, "chload", 200)
    loader, other = asyncio.create_task(load()), await Client.connect(c.nc.connected_url.geturl())
    try:
        for durable in (False, True) * 5:
            changed, there = await sent_together(other, ("sub.update.chload", {"durable": durable}), ("sub.info.chload", None))
            equal((there["durable"], there["epoch"]), (durable, changed.get("epoch")), f"{changed}")
    finally:
        stop.set()
        await loader
        await other.close()
        await listens.unsubscribe()
        await ask(c, "delete", "chload")
