# SPDX-License-Identifier: GPL-3.0-or-later
"""`nacre stream …` and `nacre stats`."""
import json

from cli import CONFLICT, NOT_FOUND, REFUSED, UNAVAILABLE, USAGE, Nacre, bash_completes
from harness import check, equal

SHARED = True


async def filled(c, prefix, count, type="T"):
    for first in range(0, count, 1000):
        events = [{"stream": f"{prefix}.{i:05}", "type": type, "data": 12} for i in range(first, min(count, first + 1000))]
        check("results" in await c.ask("batch", json.dumps({"events": events}).encode()), "appended")
    return Nacre.beside(c)


async def test_info_shows_one(c):
    nacre = await filled(c, "cli.info", 1)
    await c.append("cli.info.00000", b'"more"')
    shown = (await nacre.ok("stream", "info", "cli.info.00000")).lines
    equal([line.split() for line in shown if line.startswith(("seq", "bytes", "state"))], [["seq", "2"], ["bytes", "8"], ["state", "live"]])
    equal((await nacre.ok("stream", "info", "cli.info.00000", "--json")).json(), await c.ask("stream.info.cli.info.00000"))
    await c.append("cli.=C3=A9t=C3=A9 b".replace(" ", "=20"))
    equal((await nacre.ok("stream", "info", "cli.été b", "--json")).json()["stream"], "cli.été b", "spelled as subjects have it")
    await nacre.fails(NOT_FOUND, "stream not found", "stream", "info", "cli.nobody")
    await nacre.fails(USAGE, "", "stream", "info")
    for bad in ("a..b", "a*"):
        failed = await nacre("stream", "info", bad)
        check(failed.code in (REFUSED, USAGE) and failed.out == "", f"{failed.code} {failed.err}")


async def test_ls_follows_every_page(c):
    nacre = await filled(c, "cli.ls", 12000)
    names = [f"cli.ls.{i:05}" for i in range(12000)]
    listed = (await nacre.ok("stream", "ls", "cli.ls.", "--json")).json()["streams"]
    equal([s["stream"] for s in listed], names)
    equal((listed[0]["seq"], listed[0]["events"], listed[0]["bytes"], listed[0]["state"]), (1, 1, 2, "live"))
    lines = (await nacre.ok("stream", "ls", "cli.ls.")).lines
    equal(lines[0].split(), ["VERSION", "EVENTS", "BYTES", "LAST", "STREAM"])
    equal([line.split()[-1] for line in lines[1:]], names)
    equal(lines[1].split()[:3], ["1", "1", "2"])
    few = (await nacre.ok("stream", "ls", "cli.ls.", "--after", "cli.ls.11", "--limit", "3", "--json")).json()["streams"]
    equal([s["stream"] for s in few], names[11000:11003])
    equal(len((await nacre.ok("stream", "ls", "cli.ls.", "-n", "11000")).lines), 11001)
    none = await nacre.ok("stream", "ls", "cli.nothing")
    equal((none.out, "no streams" in none.err), ("", True))
    equal((await nacre.ok("stream", "ls", "cli.nothing", "--json")).json(), {"streams": []})
    await nacre.fails(USAGE, "--limit", "stream", "ls", "--limit", "0")
    await nacre.fails(REFUSED, "255 bytes", "stream", "ls", "x" * 300)


async def test_ls_says_nothing_on_stdout_when_it_fails(c):
    nacre = Nacre.beside(c)
    failed = await nacre("stream", "ls", "--json", "--store", "nobody", "--timeout", "300ms")
    equal((failed.code, failed.out), (UNAVAILABLE, ""))


async def test_stats_show_types_and_categories(c):
    nacre = await filled(c, "stats", 3, "Stat.ed")
    await filled(c, "stats", 2, "Other")
    got = (await nacre.ok("stats", "--json")).json()
    equal(got, await c.ask("store.stats"))
    equal((got["types"]["Stat.ed"], got["types"]["Other"], got["categories"]["stats"]), (3, 2, 5))
    lines = [line.split() for line in (await nacre.ok("stats")).lines]
    check(["types.Stat.ed", "3"] in lines and ["categories.stats", "5"] in lines, f"{lines}")
    equal(len((await nacre.ok("stats", "--limit", "1", "--json")).json()["types"]), 1)
    await nacre.fails(USAGE, "--limit: from 1", "stats", "--limit", "0")


async def test_what_others_name_does_not_steer_the_terminal(c):
    """Names have no control characters, but may have what looks like one to JSON."""
    await c.ask("batch", json.dumps({"events": [{"stream": 'clean."\\u001b[31m', "type": "T", "data": 1}]}).encode())
    out = (await Nacre.beside(c).ok("stream", "ls", "clean.")).out
    check("\x1b" not in out and '"\\u001b[31m' in out, out)


async def test_help_and_completion_know_them(c):
    nacre = Nacre.beside(c)
    for words in (("stream", "ls"), ("stream", "info"), ("stats",)):
        check(f"nacre {' '.join(words)}" in (await nacre.ok(*words, "--help")).out, words)
    equal(await bash_completes(nacre, "nacre stream "), ["ls", "info", "delete", "meta"])
    equal(await bash_completes(nacre, "nacre stat"), ["stats"])


async def test_delete_and_meta(c):
    nacre = await filled(c, "cli.del", 2)
    for _ in range(3):
        await c.append("cli.del.00000")
    await nacre.fails(CONFLICT, "wrong last sequence: 4", "stream", "delete", "cli.del.00000", "--expect", "3")
    shown = (await nacre.ok("stream", "meta", "cli.del.00000", "--max-count", "3", "--expect", "4", "--json")).json()
    equal((shown["first_seq"], shown["meta"]), (2, {"max_count": 3}))
    shown = (await nacre.ok("stream", "meta", "cli.del.00000", "--max-count", "0", "--max-age", "86400", "--truncate-before", "3", "--json")).json()
    equal((shown["first_seq"], shown["meta"]), (3, {"max_age_s": 86400, "truncate_before": 3}))
    shown = (await nacre.ok("stream", "delete", "cli.del.00000", "-e", "exists")).lines
    equal([line.split() for line in shown if line.startswith(("seq", "state"))], [["seq", "4"], ["state", "deleted"]])
    equal((await nacre.ok("stream", "delete", "cli.del.00000", "--json")).json()["duplicate"], True)
    equal((await nacre.ok("stream", "delete", "cli.del.00000", "--tombstone", "--json")).json()["state"], "tombstoned")
    failed = await nacre("stream", "delete", "cli.del.00000")
    check(failed.code != 0 and "tombstoned" in failed.err, f"{failed.code} {failed.err}")
    await nacre.fails(NOT_FOUND, "stream not found", "stream", "delete", "cli.nobody")
    await nacre.fails(USAGE, "--expect", "stream", "delete", "cli.del.00001", "--expect", "x")
    await nacre.fails(USAGE, "--max-count", "stream", "meta", "cli.del.00001")
    await nacre.fails(USAGE, "--max-age", "stream", "meta", "cli.del.00001", "--max-age", "1d")
    equal((await c.ask("stream.info.cli.del.00001"))["state"], "live")
