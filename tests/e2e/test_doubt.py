# SPDX-License-Identifier: GPL-3.0-or-later
"""The power goes in the middle of a write: a log ends in half a record, and its node cannot know what it has forgotten."""
import asyncio
import os
import struct

from harness import Both, Cluster, check, equal, wait_until
from history import History, same_digests
from test_cluster import same_state_everywhere

HEAD, RECORD = 4096, 40  # docs/formats-log.md
COUNTS_LESS = "its vote counts only if all vote"
WHOLE = "the log is whole again"


def records(data):
    """(offset, size) of each record of a segment."""
    at = HEAD
    while at + RECORD <= len(data) and data[at : at + RECORD] != bytes(RECORD):
        size = RECORD + (struct.unpack_from("<I", data, at + 8)[0] + 7) // 8 * 8
        yield at, size
        at += size


def last_segment(node):
    folder = os.path.join(node.data_dir, "log")
    return os.path.join(folder, max(name for name in os.listdir(folder) if name.endswith(".seg")))


def tear(node):
    """A header of a record, and nothing behind it: this much of the write under way has reached the disk."""
    path = last_segment(node)
    with open(path, "r+b") as f:
        data = f.read()
        end = max(at + size for at, size in records(data))
        place = int(os.path.basename(path)[:20]) << 32 | end
        f.seek(end)
        f.write(struct.pack("<IIIBBHQQQ", 1, 1, 100, 1, 2, 0, 1, 1, place))


def forget_last_entry(node):
    """What holds no more is the last entry and what came behind it, none of which says that the entry was durable."""
    path = last_segment(node)
    with open(path, "r+b") as f:
        data = f.read()
        entries = [(at, size) for at, size in records(data) if data[at + 12] == 1]
        at, _ = entries[-1]
        end = max(at + size for at, size in records(data))
        f.seek(at + RECORD)
        f.write(bytes(end - at - RECORD))


def marker(node):
    return os.path.exists(os.path.join(node.data_dir, "log", "doubtful"))


async def judge(c, client, history):
    """Nothing that was acknowledged is missing, and all nodes have the same."""
    await same_state_everywhere(c, client)
    await same_digests(client, list(c.nodes))
    await history.judge_nodes(client, c.nodes)


async def test_a_power_cut_that_tears_every_log():
    async with Cluster(3) as c:
        client = await c.client()
        history = History()
        await c.leader(client)
        await history.append_many(client, 40, "a")
        for node in c.nodes.values():
            node.kill()
        for node in c.nodes.values():
            tear(node)
        for name in ("n1", "n2"):
            c.nodes[name].spawn()
        await wait_until(lambda: all(COUNTS_LESS in c.nodes[n].log_text() for n in ("n1", "n2")), 20, "both say that they may have forgotten something")
        await asyncio.sleep(2)  # nothing may come of it: some four election timeouts
        check(not any("leads, term" in c.nodes[n].log_text() for n in ("n1", "n2")), "two in doubt have elected one")
        c.nodes["n2"].kill()  # a second start does not make it forget that it may have forgotten something
        c.nodes["n2"].spawn()
        await wait_until(lambda: COUNTS_LESS in c.nodes["n2"].log_text(), 20, "it says so again")
        c.nodes["n3"].start()
        await c.leader(client)
        await history.append_many(client, 40, "b")
        await wait_until(lambda: all(WHOLE in node.log_text() and not marker(node) for node in c.nodes.values()), 20, "all are whole again")
        await judge(c, client, history)
        c.nodes["n1"].kill()
        c.nodes["n1"].start()
        check(COUNTS_LESS not in c.nodes["n1"].log_text(), "whole, it does not doubt any more")
        await client.close()


async def test_a_log_that_has_lost_what_it_had_acknowledged():
    async with Cluster(3) as c:
        client = await c.client()
        history = History()
        leader = await c.leader(client)
        name = next(n for n in c.nodes if n != leader)
        await history.append_many(client, 40, "a")
        c.nodes[name].kill()
        forget_last_entry(c.nodes[name])
        await history.append_many(client, 20, "b")
        c.nodes[name].start()
        log = c.nodes[name].log_text
        check(COUNTS_LESS in log(), log())
        await wait_until(lambda: WHOLE in log() and not marker(c.nodes[name]), 20, "it is whole again")
        await judge(c, client, history)
        await client.close()


async def test_a_torn_log_does_not_stop_a_single_node():
    async with Both() as b:
        for i in range(10):
            check("pos" in await b.client.ask(f"append.T.s.{i}", b"{}"), "appended")
        b.node.kill()
        tear(b.node)
        b.node.start()
        check(COUNTS_LESS in b.node.log_text(), b.node.log_text())
        await wait_until(lambda: not marker(b.node), 20, "alone, it knows all there is to know")
        equal((await b.client.ask("store.info"))["head"], 10)
