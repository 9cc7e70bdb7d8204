# SPDX-License-Identifier: GPL-3.0-or-later
"""`ack` within R.batch of a subscription that another node than the leader runs: the log is told what that node knows of the
delivery, so nothing is skipped, and no consequence appended twice, when it is killed right behind the batch."""
import asyncio
import json
import signal

from harness import Cluster, check, equal, wait_until
from test_batch import batch, code_of, event
from test_batch_ack import STALE, pull, take, with_a_hole
from test_subs_cluster import asked
from test_subs_spread import create, infos, shared

NAMES = [f"p{i}" for i in range(15)]  # so many that each of three nodes has some


async def followed(c, client, **definition):
    """Subscriptions, and by which node each is run; those of a follower first."""
    leader = await c.leader(client)
    for name in NAMES:
        await create(client, name, ack_wait_ms=60000, **definition)
    where = await shared(client, NAMES, c.nodes)
    return sorted((name for name in NAMES if where[name] != leader), key=where.get), where


async def moves_from(client, name, node):
    async def elsewhere():
        return (await infos(client, [name]))[name]["node"] not in (node, "")

    await wait_until(elsewhere, 30, f"{name} is run by another")


async def test_an_ack_all_takes_nothing_along_that_met_nobody_when_its_owner_is_killed():
    async with Cluster(3, env={"NACRE_FEED": "off"}) as c:
        client = await c.client()
        names, where = await followed(c, client, ack="all")
        name = names[0]
        owner = c.nodes[where[name]]
        await client.append("k.1")
        await client.append("k.1")
        msg = await with_a_hole(client, name, 1)
        owner.process.send_signal(signal.SIGSTOP)  # before it has put anything into the log
        answer = asyncio.create_task(batch(client, events=[event("out")], ack={"reply": msg.reply}))
        await asyncio.sleep(0.2)
        owner.kill()
        answer = await answer
        await moves_from(client, name, where[name])
        stands = "error" not in answer
        check(stands or code_of(answer) in (STALE, (503, 10008)), f"{answer}")
        got = [position for position, _ in await take(client, name, 2, expires_ms=3000)]
        equal(got, [1] if stands else [1, 2], "what was never delivered comes; what a batch has acknowledged does not")
        await client.close()


async def test_an_ack_all_behind_what_met_nobody_outlives_its_owner():
    """What was delivered before is taken along, and that alone, however soon the owner is killed."""
    async with Cluster(3, env={"NACRE_FEED": "off"}) as c:
        client = await c.client()
        names, where = await followed(c, client, ack="all")
        node = where[names[0]]
        mine = [name for name in names if where[name] == node]
        for _ in range(3):
            await client.append("k.1")
        first = {name: (await take(client, name))[0][1] for name in mine}
        third = {name: (await with_a_hole(client, name, 2)).reply for name in mine}
        answers = await asyncio.gather(*(batch(client, events=[event("out", data=name)], ack={"reply": third[name]}) for name in mine))
        c.nodes[node].kill()
        check(all("error" not in answer for answer in answers), f"{answers}")
        for name in mine:
            await moves_from(client, name, node)
            equal(code_of(await batch(client, events=[event("out")], ack={"reply": first[name]})), STALE, "it was taken along")
            got = await take(client, name, 2, expires_ms=1500)
            equal([position for position, _ in got], [2], f"{name}: what was never delivered, and nothing else")
            equal((await batch(client, events=[event("out")], ack={"reply": got[0][1]})).get("error"), None, "and is in flight")
        await client.close()


async def test_what_another_node_replays_is_acknowledged_by_a_batch_as_soon_as_it_is_given():
    """That it is replayed is in the log a tenth of a second later."""
    async with Cluster(3, env={"NACRE_FEED": "off"}) as c:
        client = await c.client()
        names, _ = await followed(c, client)
        for i in range(10):
            name = names[i % len(names)]
            made = await client.append("k.1")
            got = await take(client, name, 1)
            while got[0][0] != made["pos"]:  # those of rounds before
                await client.nc.request(got[0][1], b"+ACK", timeout=5)
                got = await take(client, name, 1)
            await client.nc.request(got[0][1], b"+TERM later", timeout=5)
            inbox = client.nc.new_inbox()
            given = await client.nc.subscribe(inbox)
            await pull(client, name, inbox)
            await client.nc.publish(f"{client.root}.sub.replay.{name}", b"", reply=client.nc.new_inbox())
            msg = await given.next_msg(5)
            await given.unsubscribe()
            equal(int(msg.headers["Es-Position"]), made["pos"], f"round {i}")
            answer = await batch(client, events=[event("out")], ack={"reply": msg.reply})
            check("error" not in answer, f"round {i}: {answer}")
            equal(code_of(await batch(client, events=[event("out")], ack={"reply": msg.reply})), STALE, "once")

            async def none_is_parked(name=name):
                return json.loads((await client.request(f"sub.parked.{name}")).data)["total"] == 0

            await wait_until(none_is_parked, 5, "its row is gone")
        await client.close()


async def test_what_is_not_in_flight_at_another_node_is_refused_however_soon():
    """What it delivered, and what came of that, is in the log a tenth of a second later, or never."""
    async with Cluster(3, env={"NACRE_FEED": "off"}) as c:
        client = await c.client()
        names, _ = await followed(c, client)
        name = names[0]
        for _ in range(5):
            await client.append("k.1")
        first, second = [reply for _, reply in await take(client, name, 2)]

        async def refused(reply, what):
            equal(code_of(await batch(client, events=[event("out")], ack={"reply": reply})), STALE, what)

        words = first.split(".")
        await refused(".".join(words[:-2] + ["3", "1"]), "never delivered")
        await refused(".".join(words[:-3] + [str(int(words[-3]) + 1)] + words[-2:]), "of an epoch that is not there yet")
        for reply, answer in ((first, b"+ACK"), (second, b"+TERM no")):
            await client.nc.publish(reply, answer)  # nobody waits until it is in the log
            await refused(reply, f"behind {answer}")
        equal([position for position, _ in await take(client, name, 1)], [3], "what was not delivered comes")
        equal(len((await client.read("read.out"))[0]), 0, "nothing is written")
        await client.close()
