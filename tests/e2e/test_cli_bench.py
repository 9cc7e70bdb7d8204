# SPDX-License-Identifier: GPL-3.0-or-later
"""nacre bench: that it does what it says and counts what it did. No figure is tested: a shared machine has none."""
import asyncio
import json
import re
import signal

from cli import FAILED, OK, USAGE, Nacre
from harness import Both, check, equal, wait_until


async def bench(n, *args):
    return (await n.ok("bench", *args, "--json")).json()


async def test_append_batch_latency_and_mixed_find_again_what_they_appended():
    async with Both() as b:
        n = Nacre(b.server.url)
        for args, events in (
            (["append", "--count", "3000", "--clients", "2", "--outstanding", "50"], 3000),
            (["latency", "--count", "50"], 50),
            (["batch", "--count", "1000", "--batch", "100", "--outstanding", "4"], 1000),
            (["mixed", "--count", "400", "--reads", "0", "--outstanding", "4", "--size", "1000", "--streams", "7"], 400),
        ):
            before = (await n.ok("info", "--json")).json()["head"]
            got = await bench(n, *args)
            equal([got[k] for k in ("events", "read_back", "lost", "doubled", "errors")], [events, events, 0, 0, 0], str(args))
            check(0 < got["p50_ms"] <= got["p99_ms"] <= got["max_ms"] and got["events_per_s"] > 0, f"{got}")
            equal((await n.ok("info", "--json")).json()["head"] - before, events, str(args))


async def test_events_are_of_the_size_and_over_the_streams_that_were_said():
    async with Both() as b:
        n = Nacre(b.server.url)
        await bench(n, "append", "--count", "70", "--size", "300", "--streams", "7")
        events = (await n.ok("read", "--all", "--json")).jsons()
        equal(len({e["stream"] for e in events}), 7)
        equal({len(line) for line in (await n.ok("read", "--all", "--data")).lines}, {300})
        equal(sorted(e["data"]["n"] for e in events), list(range(70)))


async def test_mixed_reads_as_many_as_said():
    async with Both() as b:
        got = await bench(Nacre(b.server.url), "mixed", "--count", "1000", "--reads", "90", "--streams", "10")
        check(50 < got["read_back"] < 160, f"a tenth of a thousand: {got['read_back']}")
        check(got["read_p50_ms"] > 0, "reads have latencies of their own")


async def test_read_and_sub_bring_every_event():
    async with Both() as b:
        n = Nacre(b.server.url)
        got = await bench(n, "read", "--events", "5000", "--duration", "200ms")
        check(got["events"] >= 5000 and got["events"] % 5000 == 0, f"{got['events']}")
        for clients in ("1", "3"):
            got = await bench(n, "sub", "--events", "5000", "--clients", clients)
            equal((got["events"], got["errors"]), (5000, 0))
        equal((await n.ok("sub", "ls", "--json")).json()["subscriptions"], [])


async def test_a_stall_is_charged_to_all_that_were_due():
    """With a rate, latency counts from when each was due, not from when it could be sent."""
    async with Both() as b:
        n = Nacre(b.server.url)
        await n.ok("append", "warm", "T", "{}")
        process = await n.start("bench", "latency", "--rate", "200", "--duration", "3s", "--json")
        await asyncio.sleep(1)
        b.node.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(1)
        b.node.process.send_signal(signal.SIGCONT)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        got = json.loads(out)
        equal(process.returncode, OK, err.decode())
        check(got["p90_ms"] > 300, f"a third of them was due while the node stood: {got}")


async def test_a_node_that_goes_away_is_counted_as_failures():
    async with Both() as b:
        n = Nacre(b.server.url)
        process = await n.start("bench", "append", "--duration", "2s", "--timeout", "300ms", "--outstanding", "10", "--no-check", "--json")
        await asyncio.sleep(0.7)
        b.node.kill()
        out, err = await asyncio.wait_for(process.communicate(), 30)
        equal(process.returncode, FAILED)
        check(b'"errors":' in out and b'"errors":0' not in out and b"failed, the first" in err, f"{out} {err}")


async def test_output_for_people_and_plots_and_processes_that_are_watched():
    async with Both() as b:
        n = Nacre(b.server.url)
        pid = str(b.node.process.pid)
        said = (await n.ok("bench", "append", "--count", "2000", "--pid", pid)).out
        for line in (r"^[\d.]+ events/s, [\d.]+ MB/s: 2000 in [\d.]+ s$", r"^latency    mean .* p50 .* p99\.9 .* p99\.99 .* max [\d.]+ ms$",
                     r"^CPU        nacre [\d.]+ µs an event, nacred [\d.]+ µs and \d+ bytes written$", r"^read back  2000 events: 0 lost, 0 twice$"):
            check(re.search(line, said, re.M), f"{line} in {said}")
        names, values = (await n.ok("bench", "append", "--count", "500", "--csv", "--pid", pid)).lines
        row = dict(zip(names.split(","), values.split(",")))
        equal((row["events"], row["lost"]), ("500", "0"))
        check(float(row["nacred_written_per_event"]) > 256, f"{row}")
        for wrong in (["--size", "10"], ["--pid", "4194305"], ["--count", "1", "--duration", "1s"], ["--clients", "0"], ["--streams", "0"]):
            await n.fails(USAGE, "nacre: ", "bench", "append", *wrong)
        await n.fails(USAGE, "--reads", "bench", "mixed", "--reads", "101")


async def test_an_interrupt_ends_it_with_what_there_is():
    async with Both() as b:
        n = Nacre(b.server.url)
        process = await n.start("bench", "append", "--duration", "1m", "--rate", "500", "--json")
        await asyncio.sleep(0.8)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 20)
        equal(process.returncode, OK, err.decode())
        check(b'"lost":0' in out, out.decode())


async def grows(client):
    """A thousand events more than there are now."""
    head = (await client.ask("store.info"))["head"]

    async def has_grown():
        return (await client.ask("store.info"))["head"] > head + 1000

    await wait_until(has_grown, 20, "appends are under way")


async def none_failed(process):
    out, err = await asyncio.wait_for(process.communicate(), 60)
    equal(process.returncode, OK, err.decode())
    got = json.loads(out)
    equal([got[k] for k in ("errors", "lost", "doubled")], [0, 0, 0], f"{got}")


async def test_a_server_that_is_there_again_at_once_costs_no_append():
    """A thousand are under way on a second connection, and what was sent over it, or was to be answered over it, is lost with it. None
    may wait for the silence after which an answer is missed: that is all the patience there is."""
    async with Both() as b:
        process = await Nacre(b.server.url).start("bench", "append", "--duration", "3s", "--timeout", "30s", "--json")
        await grows(b.client)
        b.server.stop()
        b.server.start()
        check(process.returncode is None, "it had ended before the server did")
        await none_failed(process)


async def test_what_a_killed_node_had_taken_is_asked_again():
    """Nobody tells the client that it is lost: it misses it by itself, long before its patience is over."""
    async with Both() as b:
        process = await Nacre(b.server.url).start("bench", "append", "--duration", "2s", "--timeout", "30s", "--json")
        await grows(b.client)
        b.node.restart()
        check(process.returncode is None, "it had ended before the node did")
        await none_failed(process)
