# SPDX-License-Identifier: GPL-3.0-or-later
"""nacre sub: definitions, looking on, and consumers in a line of shell."""
import asyncio
import json
import os
import re
import signal
import tempfile

from cli import CONFLICT, FAILED, NOT_FOUND, OK, REFUSED, UNAVAILABLE, USAGE, Nacre
from harness import Both, Client, NatsServer, check, equal, wait_until

SHARED = True


async def fill(c, stream, count, type="T"):
    for i in range(1, count + 1):
        await c.append(stream, json.dumps({"i": i}).encode(), type=type)


async def info(n, name):
    return (await n.ok("sub", "info", name, "--json")).json()


# ---- Definitions ------------------------------------------------------------------------------


async def test_create_says_every_member(c):
    n = Nacre.beside(c)
    await n.ok("sub", "create", "d_all", "--pattern", "a.*", "--pattern", "b.>", "--start", "pos:1", "--deliver", "work.d", "--queue", "w",
               "--ack-wait", "2s", "--max-deliver", "7", "--backoff", "1s,500ms", "--max-in-flight", "9", "--order", "tag:k:", "--on-exhausted", "skip",
               "--headers-only")
    have = await info(n, "d_all")
    equal(have["filter"], {"plugin": "by_pattern", "selector": ["a.*", "b.>"]})
    equal(have["start"], {"pos": 1})
    equal(have["deliver"], {"subject": "work.d", "queue": "w"})
    want = {"ack_wait_ms": 2000, "max_deliver": 7, "backoff_ms": [1000, 500], "max_in_flight": 9, "order": "tag:k:", "on_exhausted": "skip",
            "headers_only": True, "durable": True, "ack": "explicit"}
    equal({k: have[k] for k in want}, want)


async def test_create_says_how_deliveries_are_packed(c):
    n = Nacre.beside(c)
    for format in ("json", "msgpack"):
        await n.ok("sub", "create", f"pk_{format}", "--stream", "pk.1", "--deliver", f"work.pk.{format}", "--format", format, "--ack", "all")
        equal((await info(n, f"pk_{format}"))["deliver"], {"subject": f"work.pk.{format}", "format": format})
    await n.ok("sub", "create", "pk_headers", "--stream", "pk.1", "--deliver", "work.pk.headers", "--format", "headers")
    equal((await info(n, "pk_headers"))["deliver"], {"subject": "work.pk.headers"})
    await n.fails(USAGE, "--deliver", "sub", "create", "pk_none", "--stream", "pk.1", "--format", "json")
    await n.fails(USAGE, "headers|json|msgpack", "sub", "create", "pk_bad", "--stream", "pk.1", "--deliver", "work.pk.bad", "--format", "xml", "--ack", "all")
    for wrong in (["--format", "json", "--ack", "explicit"], ["--format", "json"]):
        await n.fails(REFUSED, "format", "sub", "create", "pk_bad", "--stream", "pk.1", "--deliver", "work.pk.bad", *wrong)
    await n.fails(NOT_FOUND, "404/10014", "sub", "info", "pk_bad")


async def test_create_in_each_way_to_say_a_filter(c):
    n = Nacre.beside(c)
    for i, (args, filter) in enumerate((
        (["--stream", "a.1"], {"plugin": "by_stream", "selector": "a.1"}),
        (["--type", "A", "--type", "B*"], {"plugin": "by_event_type", "selector": ["A", "B*"]}),
        (["--payload", '{"a":[1]}'], {"plugin": "by_payload", "selector": {"a": [1]}}),
        (["--plugin", "by_stream", "--selector", "x y"], {"plugin": "by_stream", "selector": "x y"}),
        (["--definition", '{"filter":{"plugin":"by_stream","selector":"z"}}'], {"plugin": "by_stream", "selector": "z"}),
        (["--type", "A", "--transient", "--inactive", "1m"], {"plugin": "by_event_type", "selector": "A"}),
    )):
        await n.ok("sub", "create", f"way{i}", *args)
        equal((await info(n, f"way{i}"))["filter"], filter)
    equal([(await info(n, "way5"))[k] for k in ("durable", "inactive_ms")], [False, 60000])


async def test_create_twice_is_fine_and_another_is_a_conflict(c):
    n = Nacre.beside(c)
    await n.ok("sub", "create", "twice", "--type", "A")
    await n.ok("sub", "create", "twice", "--type", "A", "--json")
    await n.fails(CONFLICT, "40903", "sub", "create", "twice", "--type", "B")
    await n.fails(REFUSED, "filter", "sub", "create", "none")
    ended = await n.fails(REFUSED, "40004", "sub", "create", "bad", "--payload", '{"a":[{"foo":1}]}')
    check(ended.err.endswith("^\n"), ended.err)
    for wrong in (["na me"], ["n", "--queue", "q"], ["n", "--backoff", "1s,x"], ["n", "--start", "soon"], ["n", "--type", "A", "--stream", "b"],
                  ["n", "--selector", "x"], ["n", "--ack", "some"], ["n", "--ack-wait", "5 s"], []):
        await n.fails(USAGE, "nacre: ", "sub", "create", *wrong)


async def test_ls_info_and_delete(c):
    n = Nacre.beside(c)
    await n.ok("sub", "create", "gone", "--stream", "none.yet")
    line = next(line for line in (await n.ok("sub", "ls")).lines if line.startswith("gone "))
    equal(line.split()[-3:-1], ["false", "by_stream"])
    check(re.search(r"^filter\.plugin +by_stream$", (await n.ok("sub", "info", "gone")).out, re.M), "info")
    await n.ok("sub", "delete", "gone")
    for verb in ("info", "delete"):
        await n.fails(NOT_FOUND, "404/10014", "sub", verb, "gone")
    await n.fails(NOT_FOUND, "404/10014", "sub", "next", "gone", "--no-wait")


# ---- Taking, answering ------------------------------------------------------------------------


async def test_next_takes_no_more_than_it_shows_and_ack_answers(c):
    n = Nacre.beside(c)
    await fill(c, "nx.1", 4)
    await n.ok("sub", "create", "nx", "--stream", "nx.1")
    taken = (await n.ok("sub", "next", "nx", "--batch", "2", "--json")).jsons()
    equal([t["seq"] for t in taken], [1, 2])
    equal((await info(n, "nx"))["in_flight"], 2)
    await n.ok("sub", "ack", taken[0]["reply"])
    await n.ok("sub", "ack", taken[1]["reply"], "--nak")
    again = (await n.ok("sub", "next", "nx", "--json", "--ack")).json()
    equal((again["seq"], again["attempt"]), (2, 2))
    equal([e["seq"] for e in (await n.ok("sub", "next", "nx", "-n", "9", "--no-wait", "--ack", "--json")).jsons()], [3, 4])
    empty = await n.ok("sub", "next", "nx", "--no-wait")
    equal((empty.out, empty.err), ("", "no event\n"))
    equal((await info(n, "nx"))["pending"], 0)


async def test_next_takes_packed_events_pushed_and_pulled(c):
    n = Nacre.beside(c)
    await fill(c, "np.1", 9)
    await n.ok("sub", "create", "np", "--stream", "np.1", "--ack", "all")
    taken = (await n.ok("sub", "next", "np", "-n", "4", "--packed", "--json")).jsons()
    equal([(t["seq"], t["attempt"], t["data"]) for t in taken], [(i, 1, {"i": i}) for i in range(1, 5)])
    await n.ok("sub", "ack", taken[2]["reply"])
    await wait_until(lambda: floor_is(n, "np", taken[2]["pos"]), 10, "an ack is about all up to it")
    equal((await info(n, "np"))["in_flight"], 1)
    await n.ok("sub", "ack", taken[3]["reply"])
    equal([e["seq"] for e in (await n.ok("sub", "next", "np", "-n", "9", "--packed", "--no-wait", "--ack", "--json")).jsons()], [5, 6, 7, 8, 9])
    await wait_until(lambda: floor_is(n, "np", taken[0]["pos"] + 8), 10, "one ack for a message")
    await n.ok("sub", "create", "npx", "--stream", "np.1")
    await n.fails(REFUSED, "400/10003", "sub", "next", "npx", "--packed", "--no-wait")
    for format in ("json", "msgpack"):
        name = f"np_{format}"
        await n.ok("sub", "create", name, "--stream", "np.1", "--ack", "all", "--deliver", f"work.{name}", "--format", format, "--ack-wait", "1s")
        shown = await n.ok("sub", "next", name, "-n", "4", "--ack", "--json")
        equal([(e["seq"], e["data"]) for e in shown.jsons()], [(i, {"i": i}) for i in range(1, 5)])
        await wait_until(lambda name=name: floor_is(n, name, taken[0]["pos"] + 3), 10, "what is not shown is not acknowledged")


async def floor_is(n, name, pos):
    return (await info(n, name))["ack_floor"] == pos


async def test_term_parks_with_the_reason_and_a_stale_ack_is_a_conflict(c):
    n = Nacre.beside(c)
    await fill(c, "tm.1", 1)
    await n.ok("sub", "create", "tm", "--stream", "tm.1")
    reply = (await n.ok("sub", "next", "tm", "--json")).json()["reply"]
    await n.ok("sub", "ack", reply, "--working")
    await n.ok("sub", "ack", reply, "--term", "no such customer")
    await wait_until(lambda: parked_has(n, "tm"), 10, "it is parked")
    said = (await n.ok("sub", "parked", "tm")).out
    check("no such customer" in said, "the reason")
    check("null" not in said, f"it has no key: {said}")
    parts = reply.split(".")
    parts[-3] = str(int(parts[-3]) + 99)  # of another epoch
    await n.fails(CONFLICT, "40904", "sub", "ack", ".".join(parts))
    await n.fails(USAGE, "one of", "sub", "ack", reply, "--nak", "--working")


async def parked_has(n, name):
    return (await n.ok("sub", "parked", name, "--json")).json()["total"] >= 1


# ---- What goes wrong --------------------------------------------------------------------------


async def test_pause_holds_and_resume_goes_on(c):
    n = Nacre.beside(c)
    await fill(c, "ps.1", 1)
    await n.ok("sub", "create", "ps", "--stream", "ps.1")
    await n.ok("sub", "pause", "ps")
    equal((await info(n, "ps"))["state"], "paused")
    equal((await n.ok("sub", "next", "ps", "--no-wait")).out, "")
    await n.ok("sub", "resume", "ps")
    equal([e["seq"] for e in (await n.ok("sub", "next", "ps", "--ack", "--json")).jsons()], [1])
    for verb in (["pause"], ["resume"], ["seek", "first"], ["replay", "--all"], ["explain", "1"], ["update", "--max-deliver", "2"]):
        await n.fails(NOT_FOUND, "404/10014", "sub", verb[0], "nosuch", *verb[1:])


async def test_seek_moves_back_and_forward(c):
    n = Nacre.beside(c)
    await fill(c, "sk.1", 4)
    third = (await n.ok("get", "sk.1@3", "--json")).json()
    await n.ok("sub", "create", "sk", "--stream", "sk.1")

    async def taken():
        return [e["seq"] for e in (await n.ok("sub", "next", "sk", "-n", "9", "--no-wait", "--ack", "--json")).jsons()]

    equal(await taken(), [1, 2, 3, 4])
    for to, want in (("first", [1, 2, 3, 4]), (f"pos:{third['pos']}", [3, 4]), (third["time"], [3, 4]), ("new", [])):
        made = (await n.ok("sub", "seek", "sk", to, "--json")).json()
        check(made["epoch"] >= 1, str(made))
        equal(await taken(), want, to)
    await n.fails(USAGE, "expected first", "sub", "seek", "sk", "back")


async def test_update_changes_what_is_said_and_keeps_the_rest(c):
    n = Nacre.beside(c)
    await fill(c, "up.1", 2, type="UpA")
    await fill(c, "up.1", 2, type="UpB")
    await n.ok("sub", "create", "up", "--type", "UpA", "--ack-wait", "9s")
    equal(len((await n.ok("sub", "next", "up", "-n", "9", "--no-wait", "--ack")).lines), 2)
    made = (await n.ok("sub", "update", "up", "--type", "UpA", "--type", "UpB", "--backfill", "--max-deliver", "2", "--json")).json()
    check(made["pos"] > 0, str(made))
    have = await info(n, "up")
    equal([have[k] for k in ("ack_wait_ms", "max_deliver")], [9000, 2])

    async def backfilled():
        got.extend((await n.ok("sub", "next", "up", "-n", "9", "--no-wait", "--ack", "--json")).jsons())
        return [e["type"] for e in got] == ["UpB", "UpB"]

    got = []
    await wait_until(backfilled, 10, "the past events that newly match")
    ended = await n.fails(REFUSED, "40004", "sub", "update", "up", "--payload", '{"a":[{"foo":1}]}')
    check(ended.err.endswith("^\n"), ended.err)


async def test_what_would_do_more_when_repeated_is_asked_once(c):
    """A second seek to `new` skips what has come since the first; so it is not sent again when nobody knows what became of it."""
    n = Nacre.beside(c)
    asked = []

    async def unknown(msg):
        asked.append(msg.subject)
        await c.nc.publish(msg.reply, b'{"error":{"code":503,"err_code":10008,"description":"no leader"}}',
                           headers={"Nats-Service-Error": "no leader", "Nats-Service-Error-Code": "503"})

    listening = await c.nc.subscribe("es.away.sub.*.s", cb=unknown)
    await c.nc.flush()
    for words in (("seek", "s", "new"), ("replay", "s", "--all"), ("update", "s", "--max-deliver", "2")):
        asked.clear()
        await n.fails(UNAVAILABLE, "no leader", "sub", *words, "--store", "away", "--timeout", "2s")
        equal(asked, [f"es.away.sub.{words[0]}.s"])
    asked.clear()
    await n.fails(UNAVAILABLE, "no leader", "sub", "pause", "s", "--store", "away", "--timeout", "2s")
    check(len(asked) > 1, "a pause that is repeated is the same pause")
    await listening.unsubscribe()


async def test_parked_replay_and_explain(c):
    n = Nacre.beside(c)
    await fill(c, "pk.1", 3)
    await n.ok("sub", "create", "pk", "--stream", "pk.1", "--max-deliver", "1")
    equal((await n("sub", "run", "pk", "--limit", "3", "-q", "--", "false")).code, FAILED)

    async def all_parked():
        return (await n.ok("sub", "parked", "pk", "--json")).json()["total"] == 3

    await wait_until(all_parked, 10, "three are parked")
    positions = [p["pos"] for p in (await n.ok("sub", "parked", "pk", "--json")).json()["parked"]]
    page = (await n.ok("sub", "parked", "pk", "--limit", "1", "--after", str(positions[0]), "--json")).json()
    equal([p["pos"] for p in page["parked"]], positions[1:2])
    said = await n.ok("sub", "parked", "pk", "--limit", "2")
    check("2 of 3" in said.err and len(said.lines) == 3, said.out + said.err)
    equal((await n.ok("sub", "explain", "pk", str(positions[0]), "--json")).json()["state"], "parked")
    check(re.search(r"^state +parked$", (await n.ok("sub", "explain", "pk", str(positions[0]))).out, re.M), "for people")
    await n.ok("sub", "replay", "pk", "--pos", str(positions[1]))
    equal([e["seq"] for e in (await n.ok("sub", "next", "pk", "--ack", "--json")).jsons()], [2])
    await n.ok("sub", "replay", "pk", "--all")
    equal([e["seq"] for e in (await n.ok("sub", "next", "pk", "-n", "2", "--ack", "--json")).jsons()], [1, 3])
    await n.fails(USAGE, "one of --pos, --order-key and --all", "sub", "replay", "pk")
    await n.fails(USAGE, "not a position", "sub", "explain", "pk", "x")
    await n.fails(NOT_FOUND, "10037", "sub", "explain", "pk", "99999999")


async def test_replay_of_a_key_releases_it_in_order(c):
    n = Nacre.beside(c)
    await fill(c, "key.1", 2)
    await n.ok("sub", "create", "bykey", "--stream", "key.1", "--order", "stream", "--max-deliver", "1")
    equal((await n("sub", "run", "bykey", "--limit", "1", "-q", "--", "false")).code, FAILED)
    await wait_until(lambda: parked_has(n, "bykey"), 10, "the first is parked, and its key")
    await n.ok("sub", "replay", "bykey", "--order-key", "key.1")
    equal((await n.ok("sub", "run", "bykey", "--limit", "2", "--", "sh", "-c", "echo $ES_SEQ")).lines, ["1", "2"])


async def test_ls_shows_more_than_one_page(_):
    async with Both() as b:
        n = Nacre(b.server.url)
        equal((await n.ok("sub", "ls")).err, "no subscriptions\n")
        names = [f"many{i:04}" for i in range(1100)]
        for first in range(0, len(names), 100):
            await asyncio.gather(*[b.client.ask(f"sub.create.{name}", b'{"filter":{"plugin":"by_stream","selector":"x"}}') for name in names[first:first + 100]])
        lines = (await n.ok("sub", "ls")).lines
        equal([line.split()[0] for line in lines[1:]], names)
        equal(len((await n.ok("sub", "ls", "--json")).json()["subscriptions"]), 1100)


# ---- Watch ------------------------------------------------------------------------------------


async def test_watch_shows_what_matches_and_takes_nothing(c):
    n = Nacre.beside(c)
    await fill(c, "w.1", 2)
    await n.ok("sub", "create", "watched", "--stream", "w.1")
    before = await info(n, "watched")
    process = await n.start("sub", "watch", "watched", "--from", "first", "--json")

    async def seq():
        return json.loads(await asyncio.wait_for(process.stdout.readline(), 10))["seq"]

    equal([await seq(), await seq()], [1, 2])
    await fill(c, "w.2", 1)
    await fill(c, "w.1", 1)
    equal(await seq(), 3)
    have = await info(n, "watched")
    equal((have["pending"], have["in_flight"], have["ack_floor"]), (3, 0, before["ack_floor"]))
    process.send_signal(signal.SIGTERM)
    equal(await asyncio.wait_for(process.wait(), 10), OK)
    names = [s["name"] for s in (await n.ok("sub", "ls", "--json")).json()["subscriptions"]]
    equal([name for name in names if name.startswith("watch-")], [])
    await n.fails(NOT_FOUND, "10014", "sub", "watch", "nosuch")
    await n.fails(USAGE, "--from", "sub", "watch", "watched", "--from", "then")


async def test_watch_on_a_terminal_has_colours_and_the_lag_below(c):
    n = Nacre.beside(c)
    await fill(c, "wt.1", 1)
    await n.ok("sub", "create", "terminal", "--stream", "wt.1")
    appending = asyncio.create_task(slowly(c))
    said = await n.on_terminal("sub", "watch", "terminal", "--from", "first", "--limit", "4")
    await appending
    check("\033[36mwt.1" in said.out, repr(said.out))
    check(re.search(r"terminal  live  pending \d+  in flight 0  parked 0  lag \d+ ms", said.out), repr(said.out))


async def slowly(c):
    for _ in range(3):
        await asyncio.sleep(0.7)
        await fill(c, "wt.1", 1)


async def test_watch_goes_on_after_kill_9_of_the_node_and_misses_nothing(_):
    async with Both() as b:
        n = Nacre(b.server.url)
        await n.ok("sub", "create", "k", "--stream", "k.1")
        await fill(b.client, "k.1", 2)
        process = await n.start("sub", "watch", "k", "--from", "first", "--json")

        async def seq():
            return json.loads(await asyncio.wait_for(process.stdout.readline(), 30))["seq"]

        equal([await seq(), await seq()], [1, 2])
        b.node.kill()
        b.node.start()
        await fill(b.client, "k.1", 3)
        equal([await seq() for _ in range(3)], [3, 4, 5])
        await n.ok("sub", "delete", "k")
        process.send_signal(signal.SIGTERM)
        equal(await asyncio.wait_for(process.wait(), 15), OK)


# ---- Run --------------------------------------------------------------------------------------


async def test_run_gives_data_and_headers_and_acknowledges(c):
    n = Nacre.beside(c)
    await n.ok("append", "run.1", "Placed", '{"total":9}', "--tag", "customer:7", "--meta", "user-id=7", "--id", "run-id", "--content-type", "a/b")
    await n.ok("sub", "create", "run1", "--stream", "run.1")
    done = await n.ok("sub", "run", "run1", "--until-empty", "--", "sh", "-c", 'cat; echo; env | grep ^ES_ | sort', ES_STRAY="1")
    lines = done.lines
    equal(lines[0], '{"total":9}')
    have = dict(line.split("=", 1) for line in lines[1:])
    equal({k: have[k] for k in have if k not in ("ES_TIME", "ES_POSITION")},
          {"ES_STREAM": "run.1", "ES_TYPE": "Placed", "ES_SEQ": "1", "ES_ID": "run-id", "ES_TAGS": "customer:7", "ES_CONTENT_TYPE": "a/b",
           "ES_SUBSCRIPTION": "run1", "ES_DELIVERY": "1", "ES_PENDING": "0", "ES_META_USER_ID": "7"})
    check("1 done, 0 not" in done.err, done.err)
    await wait_until(lambda: nothing_left(n, "run1"), 10, "acknowledged")


async def nothing_left(n, name):
    have = await info(n, name)
    return have["pending"] == 0 and have["in_flight"] == 0


async def test_run_that_fails_sends_again_until_parked(c):
    n = Nacre.beside(c)
    await fill(c, "run.2", 1)
    await n.ok("sub", "create", "run2", "--stream", "run.2", "--max-deliver", "3")
    with tempfile.NamedTemporaryFile() as log:
        ended = await n("sub", "run", "run2", "--limit", "3", "--", "sh", "-c", f"echo $ES_DELIVERY >>{log.name}; exit 9")
        equal(ended.code, FAILED, ended.err)
        equal(log.read().split(), [b"1", b"2", b"3"])
    check(ended.err.count("ended with 9") == 3 and "0 done, 3 not" in ended.err, ended.err)
    await wait_until(lambda: parked_has(n, "run2"), 10, "it is parked")


async def test_run_takes_events_of_any_size_whether_they_are_read_or_not(c):
    n = Nacre.beside(c)
    big = json.dumps({"x": "y" * 700000}).encode()
    await c.append("run.big", big)
    await c.append("run.big", big)
    await n.ok("sub", "create", "runbig", "--stream", "run.big")
    done = await n.ok("sub", "run", "runbig", "--limit", "1", "--", "sh", "-c", "wc -c")
    equal(int(done.out), len(big))
    await n.ok("sub", "run", "runbig", "--limit", "1", "--", "true")


async def test_run_in_parallel_runs_so_many_at_a_time_and_each_once(c):
    n = Nacre.beside(c)
    await fill(c, "run.par", 12)
    await n.ok("sub", "create", "par", "--stream", "run.par")
    with tempfile.TemporaryDirectory() as home:
        os.mkdir(os.path.join(home, "running"))
        script = "cd $0; touch running/$ES_SEQ; ls running | wc -l >>most; sleep 0.5; rm running/$ES_SEQ; echo $ES_SEQ"
        done = await n.ok("sub", "run", "par", "--parallel", "6", "--until-empty", "--", "sh", "-c", script, home)
        equal(sorted(int(x) for x in done.lines), list(range(1, 13)))
        with open(os.path.join(home, "most"), encoding="ascii") as file:
            most = max(int(line) for line in file)
    check(2 <= most <= 6, f"{most} ran at a time")


async def test_run_until_empty_waits_for_what_comes_behind_an_event_of_the_same_key(c):
    n = Nacre.beside(c)
    await fill(c, "run.key", 6)
    await n.ok("sub", "create", "keyed", "--stream", "run.key", "--order", "stream", "--max-deliver", "2")
    # While the first runs there is nothing for the other commands, and five are left.
    ended = await n("sub", "run", "keyed", "--parallel", "3", "--until-empty", "--", "sh", "-c", "sleep 0.1; echo $ES_SEQ; test $ES_SEQ != 6")
    equal(ended.lines, ["1", "2", "3", "4", "5", "6", "6"])
    equal(ended.code, FAILED, ended.err)
    check("5 done, 2 not" in ended.err, ended.err)


async def test_run_in_parallel_is_refused_where_one_event_would_acknowledge_another(c):
    n = Nacre.beside(c)
    await fill(c, "run.all", 2)
    await n.ok("sub", "create", "parall", "--stream", "run.all", "--ack", "all")
    await n.fails(USAGE, "--parallel: with ack all", "sub", "run", "parall", "--parallel", "2", "--until-empty", "--", "true")
    equal((await n.ok("sub", "run", "parall", "--until-empty", "--", "sh", "-c", "echo $ES_SEQ")).lines, ["1", "2"])


class SlowStore:
    """In place of a node: it has one event, and searches its history for that longer than a request waits, and then a while more;
    that there is no other it says after a while, too."""

    EVENT = {"Es-Stream": "slow.1", "Es-Type": "T", "Nats-Sequence": "1", "Es-Position": "1", "Nats-Time-Stamp": "2026-01-01T00:00:00.000000000Z",
             "Nats-Msg-Id": "1", "Es-Subscription": "s", "Es-Delivery": "1", "Es-Pending": "0"}

    def __init__(self, client):
        self.nc, self.root, self.asked = client.nc, client.root, 0

    async def listen(self):
        await self.nc.subscribe(f"{self.root}.sub.info.s", cb=self.info)
        await self.nc.subscribe(f"{self.root}.sub.next.s", cb=self.next)
        await self.nc.subscribe(f"{self.root}.ack.>", cb=self.ack)
        await self.nc.flush()

    async def info(self, msg):
        await msg.respond(b'{"name":"s","deliver":null,"ack_wait_ms":30000}')

    async def ack(self, msg):
        if msg.reply:
            await msg.respond(b"")

    async def next(self, msg):
        self.asked += 1
        if self.asked == 1:
            await asyncio.sleep(json.loads(msg.data)["expires_ms"] / 1000)
            await self.status(msg.reply, "408", "Request Timeout")
        elif self.asked == 2:
            await asyncio.sleep(0.5)
            await self.nc.publish(msg.reply, b"{}", reply=f"{self.root}.ack.s.1.1.1", headers=self.EVENT)
        else:
            await asyncio.sleep(0.15)
            await self.status(msg.reply, "404", "No Messages")

    async def status(self, to, code, description):
        """nats-py publishes no status lines."""
        block = f"NATS/1.0 {code} {description}\r\nNats-Pending-Messages: 1\r\nNats-Pending-Bytes: 0\r\n\r\n"
        await self.nc._send_command(f"HPUB {to} {len(block)} {len(block)}\r\n{block}\r\n".encode())
        await self.nc.flush()


async def test_run_until_empty_waits_until_the_store_has_searched_its_history(_):
    server = NatsServer()
    try:
        client = await Client.connect(server.url)
        store = SlowStore(client)
        await store.listen()
        done = await Nacre(server.url).ok("sub", "run", "s", "--until-empty", "--", "sh", "-c", "echo $ES_SEQ")
        equal((done.lines, store.asked), (["1"], 3), done.err)
        await client.close()
    finally:
        server.remove()


async def test_run_keeps_an_event_whose_command_takes_longer_than_the_wait(c):
    n = Nacre.beside(c)
    await fill(c, "run.slow", 1)
    await n.ok("sub", "create", "slow", "--stream", "run.slow", "--ack-wait", "600ms")
    done = await n.ok("sub", "run", "slow", "--until-empty", "--", "sh", "-c", "sleep 2; echo $ES_DELIVERY")
    equal(done.lines, ["1"])
    await wait_until(lambda: nothing_left(n, "slow"), 10, "acknowledged")
    equal((await info(n, "slow"))["redelivered"], 0)


async def test_run_finishes_what_runs_when_told_to_end(c):
    n = Nacre.beside(c)
    await fill(c, "run.end", 3)
    await n.ok("sub", "create", "ending", "--stream", "run.end")
    for number in (signal.SIGTERM, signal.SIGINT):
        process = await n.start("sub", "run", "ending", "--", "sh", "-c", "echo begun; sleep 1; echo ended")
        equal(await asyncio.wait_for(process.stdout.readline(), 10), b"begun\n")
        process.send_signal(number)
        out, err = await asyncio.wait_for(process.communicate(), 15)
        equal((process.returncode, out), (OK, b"ended\n"), err.decode())
        check(b"1 done, 0 not" in err, err.decode())
    await wait_until(lambda: one_left(n), 10, "two of three are done")


async def one_left(n):
    have = await info(n, "ending")
    return have["pending"] + have["in_flight"] == 1


async def test_run_that_cannot_begin_says_so_and_loses_nothing(c):
    n = Nacre.beside(c)
    await fill(c, "run.none", 1)
    await n.ok("sub", "create", "norun", "--stream", "run.none")
    await n.fails(USAGE, "there is no command", "sub", "run", "norun", "--", "nosuchcommand")
    await n.fails(USAGE, "missing: -- COMMAND", "sub", "run", "norun")
    await n.fails(USAGE, "--parallel", "sub", "run", "norun", "--parallel", "0", "--", "true")
    await n.fails(NOT_FOUND, "10014", "sub", "run", "nosuch", "--", "true")
    with tempfile.TemporaryDirectory() as home:
        bad = os.path.join(home, "bad")
        with open(bad, "w", encoding="utf-8") as f:
            f.write("#!/nonexistent\n")  # may be run, and cannot
        os.chmod(bad, 0o755)
        await n.fails(FAILED, f"{bad}: No such file", "sub", "run", "norun", "--", bad)
    equal((await n.ok("sub", "run", "norun", "--until-empty", "--", "sh", "-c", "echo $ES_SEQ", seconds=60)).lines, ["1"])


async def test_run_consumes_a_pushed_one_too(c):
    n = Nacre.beside(c)
    await n.ok("sub", "create", "pushed", "--stream", "run.push", "--deliver", "work.pushed", "--queue", "w")
    process = await n.start("sub", "run", "pushed", "--limit", "3", "--", "sh", "-c", "echo $ES_SEQ")
    await fill(c, "run.push", 3)
    out, err = await asyncio.wait_for(process.communicate(), 20)
    equal((process.returncode, sorted(out.split())), (OK, [b"1", b"2", b"3"]), err.decode())


async def test_run_consumes_packed_events(c):
    n = Nacre.beside(c)
    await fill(c, "rp.1", 20)
    await n.ok("sub", "create", "rp", "--stream", "rp.1", "--ack", "all", "--deliver", "work.rp", "--format", "json", "--ack-wait", "2s")
    ended = await n.ok("sub", "run", "rp", "--limit", "20", "--", "sh", "-c", 'cat; echo " $ES_SEQ"')
    equal(ended.lines, [f'{{"i": {i}}} {i}' for i in range(1, 21)])
    equal((await info(n, "rp"))["in_flight"], 0)


async def test_run_goes_on_where_it_was_after_kill_9_of_the_node(_):
    async with Both() as b:
        n = Nacre(b.server.url)
        await n.ok("sub", "create", "k", "--stream", "k.1")
        await fill(b.client, "k.1", 5)
        process = await n.start("sub", "run", "k", "--", "sh", "-c", "echo $ES_SEQ")
        seen = [await line_of(process) for _ in range(5)]
        b.node.kill()
        b.node.start()
        await fill(b.client, "k.1", 5)
        while {6, 7, 8, 9, 10} - set(seen):
            seen.append(await line_of(process))
        process.send_signal(signal.SIGTERM)
        equal(await asyncio.wait_for(process.wait(), 15), OK)
        equal(sorted(set(seen)), list(range(1, 11)))


async def line_of(process):
    return int(await asyncio.wait_for(process.stdout.readline(), 30))


async def test_run_of_a_pushed_one_keeps_what_waits_and_gives_the_rest_back(c):
    n = Nacre.beside(c)
    await n.ok("sub", "create", "ahead", "--stream", "run.ahead", "--deliver", "work.ahead", "--ack-wait", "700ms")
    await fill(c, "run.ahead", 4)
    # All four are pushed at once; the third waits here for longer than its ack wait.
    done = await n.ok("sub", "run", "ahead", "--limit", "3", "--", "sh", "-c", "sleep 0.6; echo $ES_SEQ $ES_DELIVERY")
    equal(done.lines, ["1 1", "2 1", "3 1"])
    began = asyncio.get_running_loop().time()
    done = await n.ok("sub", "run", "ahead", "--limit", "1", "--", "sh", "-c", "echo $ES_SEQ")
    equal(done.lines, ["4"])
    check(asyncio.get_running_loop().time() - began < 10, "it was given back")
    await n.fails(USAGE, "--until-empty goes with a pull", "sub", "run", "ahead", "--until-empty", "--", "true")
