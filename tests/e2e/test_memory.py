# SPDX-License-Identifier: GPL-3.0-or-later
"""What others can make a node keep in memory is bounded, whatever they ask for at once."""
import asyncio
import contextlib
import json
import signal

from harness import Both, check, equal, wait_until
from test_plugins import HOSTILE, PluginDir

BIG_FILTER = json.dumps({"filter": {"plugin": "by_payload", "selector": {"a": ["y" * 100 + str(i) for i in range(2000)]}}}).encode()


def resident_mb(node):
    with open(f"/proc/{node.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10


@contextlib.contextmanager
def stopped(server_or_node):
    """It stands still, and what it is sent meanwhile waits for it."""
    server_or_node.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server_or_node.process.send_signal(signal.SIGCONT)


async def reads_under_way(c):
    return json.loads((await c.request("node.n1.status", timeout=30)).data)["reads"]


async def test_requests_that_wait_to_read_are_bounded_in_bytes():
    async with Both(env={"NACRE_TIMEOUT_MS": "1500"}) as b:
        c, answers = b.client, {}

        async def on_answer(msg):
            code = msg.headers.get("Nats-Service-Error-Code")
            answers[code] = answers.get(code, 0) + 1

        await c.nc.subscribe("in.>", cb=on_answer)
        before, asked = resident_mb(b.node), 700
        for i in range(asked):
            await c.nc.publish("es.shop.direct.all", BIG_FILTER, reply=f"in.{i}", headers={"Es-Min-Position": "99999999"})
        await c.nc.flush(timeout=30)
        await reads_under_way(c)
        grown = resident_mb(b.node) - before
        check(grown < 115, f"{grown} MB for {asked} requests of {len(BIG_FILTER) >> 10} KB")
        await wait_until(lambda: sum(answers.values()) == asked, 20, "answers")
        check(answers["429"] > 0 and answers["503"] > 100, str(answers))
        equal(set(answers), {"429", "503"})
        counters = json.loads((await c.request("node.n1.status")).data)["counters"]
        equal(counters["shed"], answers["429"])
        await c.append("s")
        equal(len((await c.read("direct.all"))[0]), 1, "what waited is gone, and there is room again")


async def test_many_reads_at_once_keep_little_between_their_turns():
    async with Both() as b:
        c = b.client
        events = [{"stream": f"s.{i % 50}", "type": "T", "data": {"x": "z" * 900}} for i in range(500)]
        for _ in range(3):
            await c.ask("batch", json.dumps({"events": events}).encode())
        before, top = resident_mb(b.node), 0
        ask = json.dumps({"limit": 10000, "max_bytes": 8 << 20, "format": "msgpack"}).encode()
        with stopped(b.node):
            for i in range(400):
                await c.nc.publish("es.shop.all", ask, reply=f"nobody.{i}")
            await c.nc.flush(timeout=30)
        at_once = left = await reads_under_way(c)
        while left > 0:
            top = max(top, resident_mb(b.node) - before)
            await asyncio.sleep(0.05)
            left = await reads_under_way(c)
        check(at_once > 256, f"{at_once} reads were under way at once")
        check(top < 200, f"{top} MB for 400 reads")


async def test_answers_that_nats_does_not_take_are_bounded_in_bytes():
    """Each fills a message of its own; of all that are asked for at once only some may wait for the server."""
    async with Both(env={"NACRE_FEED": "off"}) as b:
        c = b.client
        for first in range(0, 5000, 1000):
            events = [{"stream": f"s.{i:05}", "type": "T", "data": 1} for i in range(first, first + 1000)]
            await c.ask("batch", json.dumps({"events": events}).encode())
        await c.append("big", b"x" * 900000)
        for subject, body in (("stream.list", b'{"limit":10000}'), ("get", b'{"stream":"big","seq":1}')):
            before, top = resident_mb(b.node), 0
            with contextlib.ExitStack() as stops:
                with stopped(b.node):  # so that it meets them when nothing is taken any more
                    for i in range(300):
                        await c.nc.publish(f"es.shop.{subject}", body, reply=f"nobody.{i}")
                    await c.nc.flush(timeout=30)
                    stops.enter_context(stopped(b.server))
                for _ in range(20):
                    top = max(top, resident_mb(b.node) - before)
                    await asyncio.sleep(0.05)
            waited = await reads_under_way(c)
            check(top < 60, f"{top} MB for 300 of R.{subject}")
            check(waited > 100, f"{waited} of R.{subject} waited")
            await wait_until(lambda: no_reads(c), 30, "all are answered")


async def no_reads(c):
    return await reads_under_way(c) == 0


async def test_requests_that_wait_for_a_slow_plugin_are_bounded_in_bytes():
    async with PluginDir(HOSTILE) as d:
        c, shed, asked = d.client, [], 400

        async def on_answer(msg):
            if json.loads(msg.data).get("error", {}).get("err_code") == 10023:
                shed.append(msg.subject)

        await c.nc.subscribe("in.>", cb=on_answer)
        before = resident_mb(d.node)
        definition = json.dumps({"filter": {"plugin": "hostile", "selector": {"do": "slow", "x": "y" * 200000}}}).encode()
        for i in range(asked):
            await c.nc.publish(f"es.shop.sub.create.slow{i}", definition, reply=f"in.{i}")
        await c.nc.flush(timeout=30)
        await reads_under_way(c)
        grown = resident_mb(d.node) - before
        check(grown < 110, f"{grown} MB for {asked} requests of {len(definition) >> 10} KB")
        await wait_until(lambda: len(shed) > asked // 2, 5, "the rest is told to ask again")
