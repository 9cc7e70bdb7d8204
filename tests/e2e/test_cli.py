# SPDX-License-Identifier: GPL-3.0-or-later
"""nacre: appending, reading, and how it behaves in a pipe, on a terminal and when things go wrong."""
import asyncio
import json
import os
import re
import signal

from cli import CONFLICT, INPUT, IO, NACRE, NOT_FOUND, OK, REFUSED, UNAVAILABLE, USAGE, Nacre
from harness import check, equal

SHARED = True


async def fill(n, stream, count, type="T"):
    for i in range(1, count + 1):
        await n.ok("append", stream, type, json.dumps({"i": i}))


# ---- Append -----------------------------------------------------------------------------------


async def test_append_says_where_the_event_is(c):
    n = Nacre.beside(c)
    made = (await n.ok("append", "a.said", "T", "{}", "--json")).json()
    equal((made["stream"], made["seq"]), ("a.said", 1))
    again = await n.ok("append", "a.said", "T", "{}")
    equal(again.out, f"a.said@2  position {made['pos'] + 1}\n")
    equal(again.err, "")


async def test_append_takes_data_from_the_line_a_pipe_or_a_file(c):
    n = Nacre.beside(c)
    await n.ok("append", "a.data", "T", '{"from":"line"}')
    await n.ok("append", "a.data", "T", stdin=b'{"from":"pipe"}')
    await n.ok("append", "a.data", "T", "-", stdin=bytes(range(256)))
    await n.ok("append", "a.data", "T", f"@{__file__}")
    events, _ = await c.read("read.a.data")
    equal([e.data for e in events], [b'{"from":"line"}', b'{"from":"pipe"}', bytes(range(256)), open(__file__, "rb").read()])
    await n.fails(INPUT, "no data", "append", "a.data", "T", stdin=b"")
    await n.fails(IO, "/nonexistent", "append", "a.data", "T", "@/nonexistent")


async def test_append_sends_everything_that_belongs_to_an_event(c):
    n = Nacre.beside(c)
    await n.ok("append", "a.all", "Type.with dot", "{}", "--id", "id-1", "--tag", "x:1", "-t", "y:2", "--meta", "User=7", "--meta", "Note=a=b",
               "--content-type", "application/json", "--expect", "none")
    event = (await n.ok("get", "a.all@1", "--json")).json()
    equal((event["type"], event["id"], event["tags"], event["content_type"]), ("Type.with dot", "id-1", ["x:1", "y:2"], "application/json"))
    equal(event["meta"], {"User": "7", "Note": "a=b"})
    known = await n.ok("append", "a.all", "Type.with dot", "{}", "--id", "id-1", "--expect", "none")
    check("same id" in known.out, known.out)


async def test_append_that_is_refused_has_a_code_of_its_own(c):
    n = Nacre.beside(c)
    await n.ok("append", "a.refused", "T", "{}", "--expect", "none", "--id", "one")
    await n.fails(CONFLICT, "wrong last sequence: 1 (400/10071)", "append", "a.refused", "T", "{}", "--expect", "none")
    await n.fails(CONFLICT, "10071", "append", "a.refused", "T", "{}", "-e7")
    await n.fails(CONFLICT, "40901", "append", "a.refused", "T", "[]", "--id", "one")
    await n.fails(REFUSED, "$", "append", "$system", "T", "{}")
    for wrong in ("--expect=some", "--meta=novalue", "--tag", "--nosuch", "--id=a --id=b"):
        await n.fails(USAGE, "nacre: ", "append", "a.refused", "T", "{}", *wrong.split())
    await n.fails(REFUSED, "stream name 'a*'", "append", "a*", "T", "{}")
    await n.fails(REFUSED, "event type 'T>'", "append", "a.refused", "T>", "{}")
    await n.fails(USAGE, "unknown option '--exepct'; did you mean '--expect'?", "append", "a.refused", "T", "{}", "--exepct=1")
    await n.fails(USAGE, "unknown option '--frobnicate'; see 'nacre append --help'", "append", "a.refused", "T", "{}", "--frobnicate")
    await n.fails(USAGE, "one word too many: 'more'", "append", "a.refused", "T", "{}", "more")
    equal(len((await n.ok("read", "a.refused")).lines), 1)


async def test_a_standard_output_that_is_closed_is_not_the_connection(c):
    """What is opened next has its number: events would be said to the server, as commands of its own."""
    n = Nacre.beside(c)
    await n.ok("append", "a.closed", "T", "PUB es.shop.append.T.a.stray 2\r\n{}\r\n")
    for words in (["append", "a.closed", "T", "{}"], ["read", "a.closed", "--data"], ["get", "a.closed@1"], ["info"], ["plugin", "ls"],
                  ["tail", "a.closed", "--last", "1", "--limit", "1", "--data"], ["verify"], ["manual"], ["--help"]):
        process = await asyncio.create_subprocess_exec(NACRE, *words, env=n.env, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
                                                       preexec_fn=lambda: os.close(1))
        _, err = await asyncio.wait_for(process.communicate(), 30)
        equal((process.returncode, err), (IO, b"nacre: the output cannot be written: Bad file descriptor\n"), " ".join(words))
    equal((await n.ok("read", "a.stray")).out, "")
    for closed in ((0,), (2,), (0, 2)):
        process = await asyncio.create_subprocess_exec(NACRE, "append", "a.closed", "T", "{}", env=n.env, stdout=asyncio.subprocess.PIPE,
                                                       preexec_fn=lambda: [os.close(i) for i in closed])
        out, _ = await asyncio.wait_for(process.communicate(), 30)
        equal((process.returncode, out[:9]), (OK, b"a.closed@"), str(closed))
    process = await asyncio.create_subprocess_exec(NACRE, "append", "a.closed", "T", env=n.env, stderr=asyncio.subprocess.PIPE,
                                                   preexec_fn=lambda: os.close(0))
    _, err = await asyncio.wait_for(process.communicate(), 30)
    check(process.returncode == IO and b"Bad file descriptor" in err, f"{process.returncode}: {err}")


# ---- Batch ------------------------------------------------------------------------------------


def lines_of(stream, count, **more):
    return "".join(json.dumps({"stream": stream, "type": "T", "data": i, **more}) + "\n" for i in range(1, count + 1)).encode()


async def test_batch_appends_lines_and_says_each_place(c):
    n = Nacre.beside(c)
    done = await n.ok("batch", "-", "--size", "10", stdin=lines_of("b.lines", 25))
    check("25 events appended (0 of them" in done.err, done.err)
    equal(done.out, "")
    events, _ = await c.read("read.b.lines")
    equal([e.data for e in events], [str(i).encode() for i in range(1, 26)])
    places = (await n.ok("batch", "-", "--json", stdin=lines_of("b.places", 3))).jsons()
    equal([(p["line"], p["stream"], p["seq"]) for p in places], [(1, "b.places", 1), (2, "b.places", 2), (3, "b.places", 3)])


async def test_batch_goes_on_by_ids_where_it_ended(c):
    n = Nacre.beside(c)
    good = lines_of("b.again", 20)
    broken = good + b'{"stream":"b.again","type":"T"}\n'
    ended = await n.fails(REFUSED, "line 21", "batch", "-", "--ids", "k", "--size", "7", stdin=broken)
    check("14 events are appended" in ended.err and "--ids k --size 7" in ended.err, ended.err)
    done = await n.ok("batch", "-", "--ids", "k", "--size", "7", stdin=good)
    check("20 events appended (14 of them were there before)" in done.err, done.err)
    equal(len((await n.ok("read", "b.again")).lines), 20)


async def test_batch_without_ids_says_a_key_that_goes_on(c):
    n = Nacre.beside(c)
    ended = await n.fails(INPUT, "line 6", "batch", "-", "--size", "5", stdin=lines_of("b.key", 5) + b"oops\n")
    key = re.search(r"--ids ([0-9a-f]{32})", ended.err).group(1)
    await n.ok("batch", "-", "--size", "5", "--ids", key, stdin=lines_of("b.key", 6))
    equal(len((await n.ok("read", "b.key")).lines), 6)


async def test_batch_keeps_own_ids_and_refuses_what_is_no_event(c):
    n = Nacre.beside(c)
    await n.ok("batch", "-", stdin=b' {"id":"mine","stream":"b.own","type":"T","data_base64":"AAE="}\r\n')
    event = (await n.ok("get", "--id", "mine", "--json")).json()
    equal(event["data_base64"], "AAE=")
    for line, said in ((b"\n", "empty"), (b"[]\n", "an object"), (b'{"a":}\n', "byte 5: expected a value"), (b"{}\n", "400/10003")):
        await n.fails(REFUSED if line == b"{}\n" else INPUT, said, "batch", "-", stdin=line)
    await n.fails(USAGE, "--size: from 1 to 1000", "batch", "-", "--size", "1001")
    await n.fails(IO, "/nonexistent", "batch", "/nonexistent")


async def test_batch_is_all_or_nothing_and_names_the_lines(c):
    n = Nacre.beside(c)
    lines = lines_of("b.atomic", 2) + b'{"stream":"b.other","type":"T","data":1,"expect":9}\n'
    await n.fails(CONFLICT, "lines 1 to 3", "batch", "-", stdin=lines)
    equal((await n.ok("read", "b.atomic")).out, "")


# ---- Read, get, query -------------------------------------------------------------------------


async def test_read_shows_a_line_an_event_for_people_and_an_object_for_programs(c):
    n = Nacre.beside(c)
    await n.ok("append", "r.lines", "Placed", '{"total":9}', "--tag", "customer:7")
    line = (await n.ok("read", "r.lines")).out
    check(re.fullmatch(r'\d+  r\.lines@1  Placed  [-0-9]+T[:0-9]+\.\d{3}Z  \[customer:7\]  \{"total":9\}\n', line), line)
    event = (await n.ok("read", "r.lines", "--json")).json()
    equal(set(event), {"stream", "type", "seq", "pos", "time", "id", "tags", "data"})
    equal(event["data"], {"total": 9})
    equal((await n.ok("read", "r.lines", "--data")).out, '{"total":9}\n')
    check("  tags          customer:7\n" in (await n.ok("read", "r.lines", "--long")).out, "the block")


async def test_read_goes_both_ways_between_limits(c):
    n = Nacre.beside(c)
    await fill(n, "r.ways", 6)

    async def versions(*args):
        return [e["seq"] for e in (await n.ok("read", "r.ways", "--json", *args)).jsons()]

    equal(await versions(), [1, 2, 3, 4, 5, 6])
    equal(await versions("--from", "3", "--to", "5"), [3, 4, 5])
    equal(await versions("--backward", "--limit", "2"), [6, 5])
    equal(await versions("-b", "-n2", "-f4"), [4, 3])
    equal(await versions("--direct", "--min-position", "1"), [1, 2, 3, 4, 5, 6])
    time = (await n.ok("get", "r.ways@4", "--json")).json()["time"]
    equal(await versions("--from-time", time), [4, 5, 6])
    equal((await n.ok("read", "r.ways", "--head")).lines[-1], '{"head":6}')
    equal((await n.ok("read", "r.nobody")).out, "")
    for wrong in (["--limit", "0"], ["--from", "x"], ["--min-position", "1"], ["--from", "1", "--from-time", time], ["--all"]):
        await n.fails(USAGE, "nacre: ", "read", "r.ways", *wrong)
    await n.fails(USAGE, "what to read?", "read")
    await n.fails(REFUSED, "10003", "read", "r.ways", "--from-time", "yesterday")


async def test_read_by_type_category_tag_and_filter(c):
    n = Nacre.beside(c)
    await n.ok("append", "rc.1", "RcA", '{"n":1}', "--tag", "rc:x")
    await n.ok("append", "rc.2", "RcB", '{"n":20}', "--tag", "rc:x")
    await n.ok("append", "rd.1", "RcA", '{"n":300}')

    async def streams(*args):
        return [e["stream"] for e in (await n.ok("read", "--json", *args)).jsons()]

    equal(await streams("--type", "RcA"), ["rc.1", "rd.1"])
    equal(await streams("--category", "rc"), ["rc.1", "rc.2"])
    equal(await streams("--tag", "rc:x"), ["rc.1", "rc.2"])
    equal((await streams("--all", "-b", "-n", "1")), ["rd.1"])
    equal(await streams("--category", "rc", "--payload", '{"n":[{"numeric":[">",5]}]}'), ["rc.2"])
    equal(await streams("--all", "--plugin", "by_stream", "--selector", "rd.1"), ["rd.1"])
    await n.fails(USAGE, "one kind", "read", "--all", "--pattern", "a.*", "--payload", "{}")
    refused = await n.fails(REFUSED, "40004", "read", "--all", "--payload", '{"n":[{"numberic":1}]}')
    equal(refused.err.splitlines()[-1].index("^"), 3 + '{"n":[{"numberic":1}]}'.index('"numberic"'))
    await n.fails(NOT_FOUND, "40402", "read", "--all", "--plugin", "nosuch", "--selector", "x")


async def test_get_finds_one_event_or_says_that_there_is_none(c):
    n = Nacre.beside(c)
    made = (await n.ok("append", "g.1", "T", '{"a":1}', "--id", "g-id", "--json")).json()
    for words in ([str(made["pos"])], ["g.1@1"], ["--id", "g-id"], ["g.1", "--id", "g-id"], ["g.1@1", "--direct"]):
        equal((await n.ok("get", *words, "--data")).out, '{"a":1}\n', str(words))
    await n.fails(NOT_FOUND, "404/10037", "get", "g.1@2")
    await n.fails(NOT_FOUND, "404/10037", "get", "--id", "never")
    await n.fails(USAGE, "which event?", "get")
    await n.fails(USAGE, "STREAM@VERSION", "get", "g.1")


async def test_query_finds_by_types_and_tags_and_gives_the_head(c):
    n = Nacre.beside(c)
    for type, tags in (("QA", ["q:1"]), ("QB", ["q:1", "q:2"]), ("QC", ["q:2"])):
        await n.ok("append", "q.s", type, "{}", *[word for tag in tags for word in ("--tag", tag)])

    async def types(*args):
        return [e.get("type") for e in (await n.ok("query", "--json", *args)).jsons()]

    equal(await types("--tag", "q:1"), ["QA", "QB"])
    equal(await types("--tag", "q:1", "--tag", "q:2"), ["QB"])
    equal(await types("--type", "QA", "--type", "QC"), ["QA", "QC"])
    equal(await types("--type", "QA", "--or", "--type", "QC", "--tag", "q:2"), ["QA", "QC"])
    equal(await types("--items", '[{"types":["QB"]}]'), ["QB"])
    last = (await n.ok("query", "--json", "--tag", "q:1", "--head")).jsons()[-1]
    equal(last, {"head": (await n.ok("info", "--json")).json()["head"]})
    for wrong in ([], ["--or"], ["--tag", "x", "--or"]):
        await n.fails(USAGE, "nacre: ", "query", *wrong)


# ---- Filters and plugins ----------------------------------------------------------------------


async def test_filter_test_counts_what_would_match(c):
    n = Nacre.beside(c)
    for total in (5, 50, 500):
        await n.ok("append", "f.1", "FPlaced", json.dumps({"ftotal": total}))
    said = await n.ok("filter", "test", "by_payload", '{"ftotal":[{"numeric":[">",10]}]}')
    check(said.out.startswith("2 of "), said.out)
    equal(len(re.findall("FPlaced", said.out)), 2)
    answer = (await n.ok("filter", "test", "by_stream", "f.1", "--limit", "1", "--json")).json()
    equal((answer["matched"], len(answer["events"])), (3, 1))
    equal((await n.ok("filter", "test", "by_stream", "-", "--json", stdin=b'["f.1"]\n')).json()["matched"], 3)
    await n.fails(NOT_FOUND, "40402", "filter", "test", "nosuch", "x")


async def test_a_selector_error_has_a_caret_under_the_place(c):
    n = Nacre.beside(c)
    for selector, place, code in (
        ('{"total":[{"numeric":[">>",5]}]}', '">>"', REFUSED),
        ('{"total":[{"numeric":[">",5}]}', "}]}", INPUT),
        ('{"größe":[{"nope":1}]}', '"nope"', REFUSED),
    ):
        ended = await n.fails(code, "selector refused at byte", "filter", "test", "by_payload", selector)
        shown, caret = ended.err.splitlines()[-2:]
        equal(shown, "   " + selector)
        equal(caret, " " * shown.index(place) + "^")
    long = '{"a":[' + '"x",' * 200 + '{"nope":1}]}'
    shown, caret = (await n.fails(REFUSED, "refused", "filter", "test", "by_payload", long)).err.splitlines()[-2:]
    check(len(shown) < 90 and shown[caret.index("^"):].startswith('"nope"'), f"{shown}\n{caret}")


async def test_plugin_ls_lists_the_bundled_ones(c):
    n = Nacre.beside(c)
    check({"by_stream", "by_event_type", "by_pattern", "by_payload"} <= {line.split()[0] for line in (await n.ok("plugin", "ls")).lines}, "names")
    equal({p["state"] for p in (await n.ok("plugin", "ls", "--json")).json()["plugins"]}, {"loaded"})
    check("/by_stream.so" in (await n.ok("plugin", "ls", "--long")).out, "paths")


# ---- The store --------------------------------------------------------------------------------


async def test_info_health_and_any_verb(c):
    n = Nacre.beside(c)
    check(re.search(r"^head +\d+$", (await n.ok("info")).out, re.M), "info")
    equal((await n.ok("info", "--json")).json()["store"], "shop")
    check((await n.ok("health")).out.startswith("healthy"), "health")
    equal((await n.ok("health", "n1", "--json")).json()["healthy"], True)
    await n.fails(UNAVAILABLE, "is node 'n9' of store 'shop' up", "health", "n9", "--timeout", "300ms")
    equal((await n.ok("request", "node.n1.status", "--json")).json()["id"], "n1")
    await n.ok("append", "any.verb", "T", '{"a":1}')
    equal((await n.ok("request", "get", '{"stream":"any.verb","seq":1}')).out.splitlines()[0].split(), ["a", "1"])
    await n.fails(NOT_FOUND, "10037", "request", "get", '{"stream":"any.verb","seq":9}')


async def test_a_wrong_store_is_said_and_is_unavailable(c):
    n = Nacre.beside(c)
    await n.fails(UNAVAILABLE, "is a node of store 'other' up at", "info", "--store", "other", "--timeout", "300ms")
    await n.fails(UNAVAILABLE, "store 'shop'", "info", "--prefix", "xx", "--timeout", "300ms")
    ended = await n(*"info --store other --timeout 300ms --json".split())
    error = json.loads(ended.err)
    equal((ended.code, error["exit"]), (UNAVAILABLE, UNAVAILABLE))
    await n.fails(USAGE, "NACRE_STORE_ID", "info", NACRE_STORE_ID="")
    await n.fails(USAGE, "store", "info", "--store", "no such")


async def test_options_may_stand_before_the_command(c):
    n = Nacre.beside(c)
    equal((await n.ok("--store", "shop", "--json", "info")).json()["store"], "shop")
    equal((await n.ok("info", "--store=shop", "--json", NACRE_STORE_ID="other")).json()["store"], "shop")


# ---- Pipes, terminals, colours ----------------------------------------------------------------


async def test_colours_are_for_a_terminal_and_never_with_no_color(c):
    n = Nacre.beside(c)
    await fill(n, "c.1", 1)
    for args, env, coloured in (
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"TERM": "dumb"}, False),
        (["--color", "never"], {}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
    ):
        said = await n.on_terminal("read", "c.1", *args, **env)
        equal((said.code, "\033[" in said.out), (OK, coloured), f"{args} {env} {said.out!r}")
    for args, coloured in ([], False), (["--color=always"], True), (["--json"], False), (["--json", "--color=always"], False):
        equal("\033[" in (await n.ok("read", "c.1", *args)).out, coloured, str(args))
    await n.fails(USAGE, "auto|always|never", "read", "c.1", "--color", "yes")


async def test_what_others_wrote_does_not_steer_the_terminal(c):
    n = Nacre.beside(c)
    await c.append("evil.1", b"\x1b]0;owned\x07\x1b[2J\r\n\xc2\x9b", "T")
    await c.append("evil.1", b"\xff\x1b[2J", "T")
    for more in ([], ["--long"]):
        said = (await n.ok("read", "evil.1", *more)).out
        check(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said), repr(said))
    check("\\x1b]0;owned\\x07" in said and "<5 bytes: ff1b5b324a>" in said, said)


async def test_a_reader_that_leaves_ends_it_without_a_word(c):
    n = Nacre.beside(c)
    await n.ok("batch", "-", stdin=lines_of("pipe.1", 3000))
    process = await n.start("read", "pipe.1", "--json")
    await process.stdout.readline()
    process.stdout._transport.close()
    err = await asyncio.wait_for(process.stderr.read(), 20)
    code = await asyncio.wait_for(process.wait(), 20)
    equal((code, err), (-signal.SIGPIPE, b""))


async def test_an_output_that_cannot_be_written_is_said(c):
    n = Nacre.beside(c)
    await fill(n, "full.1", 1)
    full = os.open("/dev/full", os.O_WRONLY)
    process = await asyncio.create_subprocess_exec(NACRE, "read", "full.1", env=n.env, stdout=full, stderr=asyncio.subprocess.PIPE)
    os.close(full)
    err = await process.stderr.read()
    equal(await process.wait(), IO)
    check(b"No space left" in err, err.decode())


async def test_tail_follows_and_begins_with_what_was_last(c):
    n = Nacre.beside(c)
    await fill(n, "t.1", 5)
    process = await n.start("tail", "t.1", "--last", "2", "--json", "--limit", "2")

    async def seq():
        return json.loads(await asyncio.wait_for(process.stdout.readline(), 10))["seq"]

    equal([await seq(), await seq()], [4, 5])
    await n.ok("append", "t.2", "T", "{}")
    await n.ok("append", "t.1", "T", "{}")
    equal(await seq(), 6)
    await n.ok("append", "t.1", "T", "{}")
    equal(await seq(), 7)
    equal(await asyncio.wait_for(process.wait(), 10), OK)
    await n.fails(USAGE, "--last goes with", "tail", "t.*", "--last", "1")
    await n.fails(USAGE, "not a stream or a pattern", "tail", "t..1")


async def test_tail_takes_patterns_and_types_and_ends_well_when_told(c):
    n = Nacre.beside(c)
    process = await n.start("tail", "tp.>", "--type", "Tp.1 x", "--json")
    try:
        for _ in range(100):  # until the first is seen, it may not listen yet
            await c.append("tp.other", b"{}", "Other")
            await c.append("tp.a.b", b"{}", "Tp=2E1=20x")
            try:
                line = await asyncio.wait_for(process.stdout.readline(), 0.3)
                break
            except asyncio.TimeoutError:
                continue
        event = json.loads(line)
        equal((event["stream"], event["type"]), ("tp.a.b", "Tp.1 x"))
    finally:
        process.send_signal(signal.SIGINT)
    equal(await asyncio.wait_for(process.wait(), 10), OK)
