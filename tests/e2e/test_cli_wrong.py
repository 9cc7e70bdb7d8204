# SPDX-License-Identifier: GPL-3.0-or-later
"""nacre, asked for what cannot be: what is wrong is said in the words that were typed, with the exit code of its kind."""
import asyncio
import json

from cli import INPUT, IO, OK, UNAVAILABLE, USAGE, Nacre
from harness import check, equal

SHARED = True


async def test_what_counts_from_one_is_not_none(c):
    n = Nacre.beside(c)
    for said, words in (("positions count from 1", "get 0"), ("versions count from 1", "get w.none@0"), ("--limit", "read w.none --limit 0"),
                        ("--limit", "tail --limit 0"), ("--limit", "stats --limit 0"), ("--limit", "stream ls --limit 0"), ("--limit", "load w.none --limit 0"),
                        ("--count", "bench append --count 0"), ("--timeout", "info --timeout 0")):
        await n.fails(USAGE, said, *words.split())


async def test_a_pattern_that_no_stream_matches_is_not_waited_for(c):
    n = Nacre.beside(c)
    for pattern in ("orders-*", "a>", "a.>.b", ">.b", "*b", "a..b", "a.", ""):
        await n.fails(USAGE, "is not a stream or a pattern", "tail", pattern, seconds=10)
    await n.ok("append", "w.seen.a", "T", "{}")
    for pattern in ("w.seen.a", "w.*.a", "*.seen.a", "w.>", ">"):
        tail = await n.start("tail", pattern, "--limit", "1", "--json")
        while tail.returncode is None:
            await n.ok("append", "w.seen.a", "T", "{}")
            try:
                await asyncio.wait_for(tail.wait(), 0.2)
            except asyncio.TimeoutError:
                pass
        out, _ = await tail.communicate()
        equal((tail.returncode, json.loads(out)["type"]), (OK, "T"), pattern)


async def test_of_words_that_are_missing_those_are_named(c):
    n = Nacre.beside(c)
    for said, words in (("missing: STREAM TYPE;", "append"), ("missing: TYPE;", "append a"), ("missing: VERSION;", "snap put a"), ("missing: SELECTOR|@FILE|-;", "filter test by_stream"),
                        ("missing: first|new|pos:N|TIME;", "sub seek s"), ("missing: POSITION;", "sub explain s"), ("missing: VERB;", "request")):
        await n.fails(USAGE, said, *words.split())


async def test_a_directory_whose_name_is_longer_than_names_may_be_is_refused(c):
    n = Nacre.beside(c)
    for directory in ("d" * 5000, "d/" * 2045):
        await n.fails(IO, "File name too long", "manual", "--into", directory)


async def test_where_nobody_answers_it_says_who_or_what_was_asked(c):
    n = Nacre.beside(c)
    for words in ("health n9", "verify n9", "cluster drain n9"):
        await n.fails(UNAVAILABLE, "is node 'n9' of store 'shop' up at", *words.split(), "--timeout", "300ms")
    await n.fails(UNAVAILABLE, "is 'store.inf' a verb, and a node of store 'shop' up at", "request", "store.inf", "--timeout", "300ms")
    await n.fails(USAGE, "'foo.bar' is not the reply subject of a delivery of store 'shop'", "sub", "ack", "foo.bar", "--timeout", "300ms")


async def test_input_without_an_end_is_not_read_for_ever(c):
    n = Nacre.beside(c)
    for words in (("append", "w.zeros", "T"), ("request", "store.info", "-"), ("snap", "put", "w.zeros", "1")):
        with open("/dev/zero", "rb") as zeros:
            process = await n.start(*words, stdin=zeros)
            out, err = await asyncio.wait_for(process.communicate(), 30)
        equal((process.returncode, out), (INPUT, b""), str(words))
        check(b"more than 64 MiB" in err, err)
    with open("/dev/zero", "rb") as zeros:
        process = await n.start("batch", "-", stdin=zeros)
        _, err = await asyncio.wait_for(process.communicate(), 30)
    equal(process.returncode, INPUT)
    check(b"line 1, byte 67108864: expected the line's end before" in err, err)


async def test_errors_are_objects_for_programs_whatever_is_wrong(c):
    n = Nacre.beside(c)
    for words in ("craete", "sub craete", "get", "read --nosuch", "read w.none --limit x", "", "get 0", "info --context nosuch"):
        ended = await n(*words.split(), "--json")
        equal((ended.code, ended.out), (USAGE, ""), words)
        said = json.loads(ended.err)
        equal((set(said), set(said["error"]), said["exit"]), ({"error", "exit"}, {"code", "err_code", "description"}, USAGE), words)
