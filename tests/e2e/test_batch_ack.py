# SPDX-License-Identifier: GPL-3.0-or-later
"""`ack` within R.batch (PROTOCOL.md section 5): an event is processed and its consequences appended exactly once."""
import asyncio
import json
import random

from harness import LONG, Both, check, equal, wait_until
from test_batch import batch, code_of, event, head_of
from test_subs import by_stream, create, info

STALE = (409, 40904)


async def take(client, name, count=1, expires_ms=3000):
    """Deliveries of a pull subscription: positions and reply subjects; what a status line ends is fewer."""
    inbox = client.nc.new_inbox()
    sub = await client.nc.subscribe(inbox)
    await client.nc.publish(f"{client.root}.sub.next.{name}", json.dumps({"batch": count, "expires_ms": expires_ms}).encode(), reply=inbox)
    got = []
    try:
        while len(got) < count:
            msg = await sub.next_msg(expires_ms / 1000 + 5)
            if msg.headers.get("Status"):
                break
            got.append((int(msg.headers["Es-Position"]), msg.reply))
    finally:
        await sub.unsubscribe()
    return got


async def pull(client, name, inbox):
    await client.nc.publish(f"{client.root}.sub.next.{name}", b'{"expires_ms":20000}', reply=inbox)


async def with_a_hole(client, name, position):
    """The event at `position` is given to nobody, the one behind it to us: its delivery."""
    inbox = client.nc.new_inbox()
    mine = await client.nc.subscribe(inbox)
    await pull(client, name, client.nc.new_inbox())
    await pull(client, name, inbox)
    msg = await mine.next_msg(10)
    await mine.unsubscribe()
    equal(int(msg.headers["Es-Position"]), position + 1, "given to who listens")
    return msg


async def work(client, count, name="w", **definition):
    """`count` events to be processed, and a subscription to them."""
    for i in range(count):
        await client.append("in", json.dumps(i).encode())
    equal((await create(client, name, by_stream("in"), **definition))["name"], name)


async def test_an_ack_is_committed_with_the_events_and_only_once():
    async with Both() as b:
        c = b.client
        await work(c, 3)
        (first, reply), (_, second) = await take(c, "w", 2)
        answer = await batch(c, events=[event("out")], ack={"reply": reply})
        equal(answer["results"], [{"stream": "out", "seq": 1, "pos": 4}])
        await wait_until(lambda: floor_is(c, "w", first), 5, "the floor moves")
        equal(code_of(await batch(c, events=[event("out")], ack={"reply": reply})), STALE, "again")
        equal(await head_of(c), 4, "nothing was written")
        equal((await batch(c, events=[event("out", expect=1)], ack={"reply": second}))["pos"], 5)
        equal((await info(c, "w"))["in_flight"], 0)
        equal((await info(c, "w"))["redelivered"], 0)


async def floor_is(c, name, floor):
    return (await info(c, name))["ack_floor"] >= floor


async def test_a_batch_that_is_refused_acknowledges_nothing():
    async with Both() as b:
        c = b.client
        await work(c, 1, ack_wait_ms=1000)
        ((position, reply),) = await take(c, "w")
        ack = {"reply": reply}
        equal(code_of(await batch(c, events=[event("out", expect=7)], ack=ack)), (400, 10071))
        equal(code_of(await batch(c, events=[event("out")], ack=ack, condition={"fail_if": [{"types": ["T"]}]})), (409, 40902))
        equal(code_of(await batch(c, events=[event("out")], check=[{"stream": "in", "expect": "none"}], ack=ack)), (400, 10071))
        again = await take(c, "w", expires_ms=5000)
        equal([p for p, _ in again], [position], "it is delivered again")
        check(again[0][1] != reply, "by another attempt")
        equal((await batch(c, events=[event("out")], ack=ack))["pos"], 2, "the ack of any attempt counts")


async def test_stale_and_foreign_acks_are_refused_and_write_nothing():
    async with Both() as b:
        c = b.client
        await work(c, 4)
        (_, done), (_, parked), (_, flying) = await take(c, "w", 3)
        root, name, epoch, position, attempt = flying.rsplit(".", 4)
        await c.nc.request(done, b"+ACK", timeout=5)
        await c.nc.request(parked, b"+TERM no", timeout=5)
        for what, reply in (
            ("acknowledged", done),
            ("parked", parked),
            ("of a later epoch", f"{root}.{name}.{int(epoch) + 1}.{position}.{attempt}"),
            ("never delivered", f"{root}.{name}.{epoch}.4.1"),
            ("beyond the head", f"{root}.{name}.{epoch}.400.1"),
            ("of no subscription", f"{root}.nobody.{epoch}.{position}.1"),
        ):
            equal(code_of(await batch(c, events=[event("out")], ack={"reply": reply})), STALE, what)
        for reply in ("nonsense", "es.other.ack.w.1.1.1", f"{c.root}.ack.w.1.1", f"{c.root}.ack.w.1.1.0", f"{c.root}.ack.w.x.1.1", f"{c.root}.ack.w.1.1.1.1",
                      f"{c.root}x.ack.w.1.1.1", f"{c.root}.acks.w.1.1.1", f"{c.root}.ack.", c.root):
            equal(code_of(await batch(c, events=[event("out")], ack={"reply": reply})), (400, 10003), reply)
        await c.ask("sub.delete.w")
        equal(code_of(await batch(c, events=[event("out")], ack={"reply": flying})), STALE, "deleted")
        await create(c, "w", by_stream("in"))
        equal(code_of(await batch(c, events=[event("out")], ack={"reply": flying})), STALE, "of the epoch before")
        equal(await head_of(c), 4, "nothing was written")


async def test_a_transient_subscription_s_acks_are_not_in_the_log():
    async with Both() as b:
        c = b.client
        await work(c, 1, durable=False)
        ((_, reply),) = await take(c, "w")
        answer = await batch(c, events=[event("out")], ack={"reply": reply})
        equal(code_of(answer), (400, 10003))
        check("transient" in answer["error"]["description"], answer["error"]["description"])


async def test_a_retry_of_the_whole_batch_is_answered_before_its_ack_is_looked_at():
    async with Both() as b:
        c = b.client
        await work(c, 1)
        ((_, reply),) = await take(c, "w")
        body = {"events": [event("out", id="1"), event("out", id="2")], "ack": {"reply": reply}}
        first = await batch(c, **body)
        equal(await batch(c, **body), {**first, "duplicate": True})
        b.node.restart()
        equal(await batch(c, **body), {**first, "duplicate": True}, "after kill -9")
        equal(code_of(await batch(c, events=[event("out", id="1"), event("out", id="3")], ack={"reply": reply})), (409, 40901))
        equal(await head_of(c), 3)


async def test_an_ack_outlives_kill_9_right_behind_the_answer():
    """Before the subscription's own progress can be in the log, so the batch's entry alone carries it."""
    rounds = 20 if LONG else 4
    async with Both() as b:
        c = b.client
        await work(c, 3 * rounds, ack_wait_ms=60000)
        for i in range(rounds):
            got = await take(c, "w", 3)
            equal(len(got), 3, f"round {i}")
            for _, reply in got[:2]:
                await batch(c, events=[event("out")], ack={"reply": reply})
            b.node.restart()
            equal(code_of(await batch(c, events=[event("out")], ack={"reply": got[0][1]})), STALE, "after kill -9")
            again = await take(c, "w", 1)
            equal([p for p, _ in again], [got[2][0]], "what was not acknowledged comes again, nothing else")
            await batch(c, events=[event("out")], ack={"reply": again[0][1]})
        equal(await take(c, "w", 1, expires_ms=300), [], "all are done")
        events, _ = await c.read("read.out", b'{"limit":10000}')
        equal(len(events), 3 * rounds, "one consequence each")


async def test_many_workers_append_each_consequence_once_through_kill_9():
    """Redelivered early on purpose, so that workers meet over the same event; what they append bears no id."""
    count, kills = (2000, 20) if LONG else (150, 3)
    random.seed(5)
    async with Both(env={"NACRE_FEED": "off"}) as b:
        c = b.client
        await work(c, count, ack_wait_ms=120, max_deliver=-1, max_in_flight=20)
        stale = won = 0
        stop = False

        async def worker():
            nonlocal stale, won
            while not stop:
                try:
                    for position, reply in await take(c, "w", 4, expires_ms=300):
                        await asyncio.sleep(random.uniform(0, 0.2))
                        answer = await batch(c, events=[event("out", data=position), event(f"of.{position}", expect="none")], ack={"reply": reply})
                        won += "results" in answer
                        stale += answer.get("error", {}).get("err_code") == 40904
                        check("results" in answer or code_of(answer) in (STALE, (503, 10008)), f"{answer}")
                except (asyncio.TimeoutError, OSError):
                    pass
                except Exception as lost:  # noqa: BLE001 nobody answers while the node is away
                    check("NoResponders" in type(lost).__name__ or "Timeout" in type(lost).__name__, repr(lost))
                    await asyncio.sleep(0.05)

        workers = [asyncio.create_task(worker()) for _ in range(8)]
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.2, 0.8))
            b.node.restart()
        await wait_until(lambda: all_done(c, count), 100, "all are acknowledged")
        stop = True
        await asyncio.gather(*workers)
        seen = []
        ask = {"limit": 10000}
        events, _ = await c.read("read.out", json.dumps(ask).encode(), timeout=30)
        seen = sorted(int(e.data) for e in events)
        equal(seen, list(range(1, count + 1)), "each event's consequence, once")
        check(stale > 0, "nobody came second: nothing was shown")


async def all_done(c, count):
    try:
        return (await info(c, "w"))["ack_floor"] >= count
    except Exception:  # noqa: BLE001 the node is away
        return False


async def test_an_ack_all_takes_what_was_delivered_before_with_it():
    async with Both() as b:
        c = b.client
        await work(c, 5, ack="all", ack_wait_ms=60000)
        got = await take(c, "w", 4)
        await batch(c, events=[event("out")], ack={"reply": got[2][1]})
        for i in range(3):
            equal(code_of(await batch(c, events=[event("out")], ack={"reply": got[i][1]})), STALE, f"{i}")
        b.node.restart()
        equal([p for p, _ in await take(c, "w", 2)], [4, 5], "after kill -9")


async def test_with_ack_all_what_was_delivered_before_outlives_kill_9_too():
    """The progress in the log has them as waiting to be delivered: only the batch's entry says that they were, and are done."""
    async with Both() as b:
        c = b.client
        await work(c, 12, ack="all", ack_wait_ms=60000)
        for i in range(3):
            (_, reply), = await take(c, "w")
            equal((await c.nc.request(reply, b"+ACK", timeout=5)).data, b"", "replicated, and what waits with it")
            got = await take(c, "w", 3)
            equal(len(got), 3, f"round {i}")
            equal((await batch(c, events=[event("out")], ack={"reply": got[-1][1]})).get("error"), None)
            b.node.restart()
            for _, reply in got:
                equal(code_of(await batch(c, events=[event("out")], ack={"reply": reply})), STALE, "after kill -9")
        equal(await take(c, "w", 1, expires_ms=300), [], "all are done")


async def test_with_ack_all_what_met_nobody_is_not_taken_along_and_the_rest_is():
    """Also through kill -9 right behind the answer: the log knew before what had met nobody."""
    async with Both() as b:
        c = b.client
        await work(c, 4, ack="all", ack_wait_ms=60000)
        (_, first), = await take(c, "w")
        third = (await with_a_hole(c, "w", 2)).reply
        answer = await batch(c, events=[event("out")], ack={"reply": third})
        check("error" not in answer, f"{answer}")
        b.node.restart()
        equal(code_of(await batch(c, events=[event("out")], ack={"reply": first})), STALE, "it was taken along")
        equal([position for position, _ in await take(c, "w", 2)], [2, 4], "what was never delivered")


async def test_what_is_replayed_is_acknowledged_by_a_batch_as_soon_as_it_is_given():
    """While another progress is on its way: that the event is replayed is in the log only behind it."""
    async with Both() as b:
        c = b.client
        await work(c, 0)
        for i in range(10):
            await c.append("in", b"{}")
            await c.append("in", b"{}")
            (first, to_first), (_, to_second) = await take(c, "w", 2)
            await c.nc.request(to_first, b"+TERM later", timeout=5)
            inbox = c.nc.new_inbox()
            given = await c.nc.subscribe(inbox)
            await c.nc.publish(f"{c.root}.sub.next.w", b"", reply=inbox)
            await c.nc.publish(to_second, b"+ACK", reply=c.nc.new_inbox())
            await c.nc.publish(f"{c.root}.sub.replay.w", b"", reply=c.nc.new_inbox())
            msg = await given.next_msg(5)
            await given.unsubscribe()
            equal(int(msg.headers["Es-Position"]), first, f"round {i}")
            answer = await batch(c, events=[event("out")], ack={"reply": msg.reply})
            check("error" not in answer, f"round {i}: {answer}")
            await wait_until(lambda: none_is_parked(c), 5, "its row is gone")


async def none_is_parked(c):
    return (await c.ask("sub.parked.w"))["total"] == 0


async def test_messagepack_acknowledges_too():
    import msgpack

    async with Both() as b:
        c = b.client
        await work(c, 1)
        ((_, reply),) = await take(c, "w")
        body = msgpack.packb({"events": [{"stream": "out", "type": "T", "data": 1}], "ack": {"reply": reply}})
        equal((await batch(c, body, {"Content-Type": "application/msgpack"}))["pos"], 2)
        equal(code_of(await batch(c, body, {"Content-Type": "application/msgpack"})), STALE)
