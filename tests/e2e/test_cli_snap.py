# SPDX-License-Identifier: GPL-3.0-or-later
"""`nacre snap …` and `nacre load`."""
import base64
import json
import os
import re
import tempfile

from cli import INPUT, NOT_FOUND, REFUSED, USAGE, Nacre, bash_completes
from harness import check, equal

SHARED = True


async def filled(c, name, count=5):
    for i in range(count):
        await c.append(name, json.dumps({"n": i + 1}).encode(), type="T")
    return Nacre.beside(c)


async def test_put_and_get(c):
    nacre = await filled(c, "cli.put")
    put = await nacre.ok("snap", "put", "cli.put", "3", '{"total":9}', "--content-type", "application/json", "--meta", "user=7", "-m", "user=8")
    equal(put.out, "cli.put@3  snapshot of 11 bytes\n")
    equal((await nacre.ok("snap", "put", "cli.put", "4", "--json", stdin=b"\x00\xff")).json(), {"stream": "cli.put", "seq": 4}, "from a pipe")
    got = (await nacre.ok("snap", "get", "cli.put", "--seq", "3", "--json")).json()
    equal({k: v for k, v in got.items() if k != "time"},
          {"stream": "cli.put", "seq": 3, "snapshot": True, "content_type": "application/json", "meta": {"user": ["7", "8"]}, "data": {"total": 9}})
    got = (await nacre.ok("snap", "get", "cli.put", "--json")).json()
    equal((got["seq"], base64.b64decode(got["data_base64"])), (4, b"\x00\xff"), "the newest, which is no JSON")
    line = (await nacre.ok("snap", "get", "cli.put", "--at-most", "3")).out
    check(line.startswith("cli.put@3  snapshot  2") and line.endswith('Z  {"total":9}\n'), line)
    equal((await nacre.ok("snap", "get", "cli.put", "--seq", "3", "--data")).out, '{"total":9}', "the bytes alone")
    with tempfile.NamedTemporaryFile(delete=False) as f:
        f.write(b"from a file")
    await nacre.ok("snap", "put", "cli.put", "5", "@" + f.name)
    os.unlink(f.name)
    equal((await nacre.ok("snap", "get", "cli.put", "--direct", "--data")).out, "from a file")


async def test_what_is_wrong_has_a_code_of_its_own(c):
    nacre = await filled(c, "cli.wrong", 2)
    await nacre.fails(NOT_FOUND, "snapshot not found", "snap", "get", "cli.wrong")
    await nacre.fails(NOT_FOUND, "snapshot not found", "snap", "rm", "cli.wrong", "--seq", "1")
    await nacre.fails(REFUSED, "above the stream's version: 2", "snap", "put", "cli.wrong", "3", "x")
    await nacre.fails(INPUT, "no data", "snap", "put", "cli.wrong", "1", "")
    for line, said in ((("put", "cli.wrong", "x", "1"), "version"), (("put", "cli.wrong", "0", "1"), "version"), (("put", "cli.wrong", "1", "x", "--meta", "y"), "--meta"),
                       (("get", "cli.wrong", "--seq", "0"), "from 1"), (("get", "cli.wrong", "--seq", "1", "--at-most", "2"), "one of these"),
                       (("rm", "cli.wrong"), "one of"), (("rm", "cli.wrong", "--all", "--seq", "1"), "one of"), (("rm", "cli.wrong", "--before", "0"), "from 1"),
                       (("ls", "cli.wrong", "--starts-with", "x"), "--starts-with")):
        await nacre.fails(USAGE, said, "snap", *line)
    await nacre.fails(USAGE, "--limit", "load", "cli.wrong", "--limit", "0")


async def test_lists_and_deletions(c):
    nacre = await filled(c, "cli.ls")
    for seq in range(1, 6):
        await nacre.ok("snap", "put", "cli.ls", str(seq), "x" * seq)
    table = (await nacre.ok("snap", "ls", "cli.ls")).lines
    equal(table[0].split(), ["VERSION", "BYTES", "SINCE", "CONTENT", "TYPE"])
    equal([line.split()[:2] for line in table[1:]], [[str(i), str(i)] for i in range(1, 6)])
    equal([s["seq"] for s in (await nacre.ok("snap", "ls", "cli.ls", "--json")).json()["snapshots"]], [1, 2, 3, 4, 5])
    equal((await nacre.ok("snap", "rm", "cli.ls", "--before", "3", "--json")).json(), {"stream": "cli.ls", "deleted": 2})
    await nacre.ok("snap", "rm", "cli.ls", "--seq", "4")
    equal((await nacre.ok("snap", "ls", "--starts-with", "cli.ls", "--json")).json(), {"streams": [{"stream": "cli.ls", "seq": 5, "count": 2, "bytes": 8}]})
    table = (await nacre.ok("snap", "ls", "--starts-with", "cli.ls")).lines
    equal([line.split() for line in table], [["STREAM", "NEWEST", "SNAPSHOTS", "BYTES"], ["cli.ls", "5", "2", "8"]])
    await nacre.ok("snap", "rm", "cli.ls", "--all")
    ended = await nacre.ok("snap", "ls", "cli.ls")
    equal((ended.out, "no snapshots" in ended.err), ("", True))


async def test_load_shows_the_snapshot_and_what_follows(c):
    nacre = await filled(c, "cli.load")
    equal([e["seq"] for e in (await nacre.ok("load", "cli.load", "--json")).jsons()], [1, 2, 3, 4, 5], "without one all events")
    await nacre.ok("snap", "put", "cli.load", "3", '{"sum":6}')
    first, *rest = (await nacre.ok("load", "cli.load", "--json", "--head")).jsons()
    equal((first["snapshot"], first["seq"], first["data"]), (True, 3, {"sum": 6}))
    equal(([e["seq"] for e in rest[:-1]], rest[-1]), ([4, 5], {"head": 5}))
    lines = (await nacre.ok("load", "cli.load", "--limit", "1")).lines
    check("cli.load@3  snapshot" in lines[0] and "cli.load@4" in lines[1] and len(lines) == 2, f"{lines}")
    equal((await nacre.ok("load", "cli.load", "--data", "--direct")).lines, ['{"sum":6}', '{"n": 4}', '{"n": 5}'])
    equal((await nacre.ok("load", "cli.never")).out, "")


async def test_what_others_put_does_not_steer_the_terminal(c):
    nacre = await filled(c, "cli.clean", 1)
    await nacre.ok("snap", "put", "cli.clean", "1", "\x1b[31mred\x07")
    said = (await nacre.ok("snap", "get", "cli.clean")).out
    check("\\x1b[31mred\\x07" in said and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", said), f"control characters are shown, not sent: {said!r}")


async def test_help_and_completion_know_them(c):
    nacre = Nacre.beside(c)
    for name in ("put", "get", "ls", "rm"):
        check(f"nacre snap {name}" in (await nacre.ok("snap", name, "--help")).out, name)
    check("newest snapshot" in (await nacre.ok("load", "--help")).out, "load")
    equal(await bash_completes(nacre, "nacre snap "), ["put", "get", "ls", "rm"])
    equal(await bash_completes(nacre, "nacre loa"), ["load"])
