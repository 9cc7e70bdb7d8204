# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what is stored: by a running node (R.node.<id>.verify) and of a stopped one (nacred --verify)."""
import asyncio
import json
import os
import random
import re
import signal
import subprocess
import tempfile

from harness import LONG, NACRED, Both, Node, check, equal, wait_until
from test_batch import batch, event
from test_subs import by_stream, create

GOOD, SETTINGS, CORRUPT, DIRECTORY = 0, 64, 65, 73


async def verified(c, start=True, node="n1"):
    """The answer when the check is over."""
    answer = await c.ask(f"node.{node}.verify", b'{"start":true}' if start else b"")
    while answer["state"] == "running":
        await asyncio.sleep(0.02)
        answer = await c.ask(f"node.{node}.verify")
    return answer


def offline(node):
    """Exit code and words of nacred --verify."""
    done = subprocess.run([NACRED, "--verify"], env=node.command_env(), capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr


async def some_history(c, batches=6):
    for i in range(batches):
        await batch(c, events=[event(f"s.{j % 37}", f"T{j % 5}", {"i": i, "j": j}, **({"id": f"{i}-{j}"} if j % 3 else {}),
                                     tags=[f"tag:{j % 11}", "all"], meta={"user": str(j)}) for j in range(500)])


async def test_a_running_node_checks_itself_and_shows_how_far_it_is():
    async with Both() as b:
        c = b.client
        equal(await c.ask("node.n1.verify"), {"node": "n1", "state": "none"})
        equal((await verified(c))["state"], "good", "of nothing")
        await some_history(c)
        info = await c.ask("store.info")
        equal((await c.ask("node.n1.verify"))["pos"], 0, "the last check's")
        seen = await c.ask("node.n1.verify", b'{"start":true}')
        check(seen["state"] in ("running", "good"), f"{seen}")
        report = await verified(c, start=False)
        equal((report["state"], report["pos"], report["head"]), ("good", info["head"], info["head"]))
        equal(report["digest"], info["digest"], "computed and kept")
        equal(report["marks"], info["head"] // 1024, "marks met")
        check(report["log"]["last"] == report["log"]["entry"] >= 6, f"{report['log']}")
        for body in (b"[]", b"{", b'{"start":1}', b'{"begin":true}', b'{"start":true,"x":1}', b'{"start":true} x'):
            equal((await c.ask("node.n1.verify", body))[:2], (400, 10003), f"{body}")
        for body, why in ((b'{"begin":true}', "member 'begin' is not known"), (b'{"start":null}', "member 'start' is neither true nor false"),
                          (b'{"start":true,"start":true}', "member 'start' is given twice")):
            equal(await c.ask("node.n1.verify", body), (400, 10003, why))
        b.node.restart()
        equal((await verified(c))["digest"], info["digest"], "after kill -9")


async def test_appends_and_reads_go_on_while_it_checks():
    async with Both(env={"NACRE_FEED": "off"}) as b:
        c = b.client
        await some_history(c, 40 if LONG else 12)
        await c.ask("node.n1.verify", b'{"start":true}')
        for i in range(50):
            equal((await c.append("more"))["seq"], i + 1)
            events, _ = await c.read("tag.all", b'{"limit":3}')
            equal(len(events), 3)
        report = await verified(c, start=False)
        equal(report["state"], "good", f"{report}")


async def test_a_stopped_node_s_directory_is_checked_from_end_to_end():
    async with Both(env={"NACRE_CHECKPOINT_S": "3600"}) as b:
        c = b.client
        await some_history(c)
        await create(c, "w", by_stream("s.1"))
        info = await c.ask("store.info")
        code, said = offline(b.node)
        equal(code, DIRECTORY, f"in use: {said}")
        b.node.term()
        code, said = offline(b.node)
        equal(code, GOOD, said)
        check(f"good: {info['head']} events" in said and info["digest"] in said, said)
        b.node.start()
        await c.append("s.1")
        b.node.kill()
        code, said = offline(b.node)
        equal(code, GOOD, f"after kill -9, with entries that the state does not have yet: {said}")
        identity = os.path.join(b.node.data_dir, "identity")
        os.unlink(identity)
        code, said = offline(b.node)
        equal(code, GOOD, f"its copy is there: {said}")
        with tempfile.TemporaryDirectory() as other:
            os.makedirs(os.path.join(other, "data", "log"))
            code, said = offline(Node(data_dir=other, start=False))
            equal(code, CORRUPT, said)
            check("holds data but no identity" in said and "nacre restore" in said, said)
        equal(offline(Node(data_dir=os.path.join(b.node.home, "none"), start=False))[0], DIRECTORY, "no store there")
        b.node.start()
        equal((await c.ask("store.info"))["head"], info["head"] + 1, "a check changes nothing")


async def test_damage_is_found_and_said_where():
    """A byte anywhere in the used part of the tables or the log: never `good` if a page or a record was hit."""
    rounds = 30 if LONG else 6
    random.seed(6)
    async with Both() as b:
        await some_history(b.client)
        b.node.term()
        state = os.path.join(b.node.data_dir, "state")
        events = os.path.join(state, "events.wt")
        whole = open(events, "rb").read()
        named = 0
        for _ in range(rounds):
            at = whole.find(b'"j": %d' % random.randint(10, 499), random.randint(8192, len(whole) // 2))
            check(at > 0, "the events are in the table as they are")
            spoilt = bytearray(whole)
            spoilt[at] ^= 0x20
            with open(events, "wb") as f:
                f.write(spoilt)
            code, said = offline(b.node)
            equal(code, CORRUPT, said)
            check("checkpoint" not in said and "nothing that was acknowledged is lost" not in said, said)
            place = re.search(r"bad: position (\d+): ", said)
            check(place or "state" in said, said)
            named += place is not None
        check(named > rounds // 2, f"{named} of {rounds} named by position")
        with open(events, "wb") as f:
            f.write(whole)
        equal(offline(b.node)[0], GOOD, "mended")
        log = os.path.join(b.node.data_dir, "log", "00000000000000000001.seg")
        data = bytearray(open(log, "rb").read())
        at = data.find(b'"j": 77')
        data[at] ^= 1
        with open(log, "wb") as f:
            f.write(data)
        code, said = offline(b.node)
        equal(code, CORRUPT, said)
        check("log" in said, said)


def spoil(path, what, other):
    """Part of an event, as it is in the file, becomes another."""
    with open(path, "r+b") as f:
        at = f.read().find(what)
        check(at > 0, f"{what} is in {path} as it is")
        f.seek(at)
        f.write(other)


async def test_a_running_node_that_finds_damage_says_so():
    """The table is spoilt under a node whose cache is too small to hold it."""
    async with Both(env={"NACRE_CACHE_MB": "16", "NACRE_FEED": "off", "NACRE_CHECKPOINT_S": "1"}) as b:
        c = b.client
        for i in range(60):
            await batch(c, events=[event("s", data={"pad": "x" * 900, "n": f"<{i * 500 + j}>"}) for j in range(500)])
        b.node.term()
        spoil(os.path.join(b.node.data_dir, "state", "events.wt"), b"<20000>", b"<20001>")
        b.node.start()
        heard = asyncio.Queue()
        await c.nc.subscribe(f"{c.root}.advisory.storage.corruption", cb=heard.put)
        await c.nc.flush()
        await c.ask("node.n1.verify", b'{"start":true}')
        try:
            msg = await asyncio.wait_for(heard.get(), 30)
            said = json.loads(msg.data)
            equal(said["type"], "io.nacre.advisory.v1.storage.corruption")
            check(19000 < said["bad"]["pos"] <= 20001, f"{said}")
        except asyncio.TimeoutError:
            raise AssertionError("no advisory: " + b.node.log_text()[-500:]) from None
        await wait_until(lambda: "verify: bad: position" in b.node.log_text(), 5, "said")
        b.node.process.send_signal(signal.SIGTERM)
        equal(b.node.process.wait(60), CORRUPT, "who supervises it sees it, too")


async def test_what_a_check_has_found_is_not_forgotten_by_who_asks_for_another():
    """Damage in the log of a node that runs, which reads it when it is checked alone: the repair of a cluster's node follows some seconds later."""
    async with Both() as b:
        c = b.client
        await some_history(c)
        spoil(os.path.join(b.node.data_dir, "log", "00000000000000000001.seg"), b'"j": 77', b'"j": 78')
        found = await verified(c)
        equal(found["state"], "bad", str(found))
        equal(await c.ask("node.n1.verify", b'{"start":true}'), found, "no other check is begun")
