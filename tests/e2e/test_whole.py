# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that have lost something, or are far behind, made whole by the others, while clients go on."""
import asyncio
import json
import os
import re
import shutil

from harness import LONG, Cluster, Skip, check, equal, wait_until
from history import History, Load, same_digests


def long_only():
    if not LONG:
        raise Skip("with --long")


# Little log and many checkpoints, so that a node is soon behind the log.
SMALL = {"NACRE_LOG_KEEP_MB": "1", "NACRE_LOG_SEGMENT_MB": "1", "NACRE_CHECKPOINT_LOG_MB": "1", "NACRE_CHECKPOINT_S": "2", "NACRE_DISK_RESERVE_MB": "64"}


async def status_of(client, name):
    return json.loads((await client.request(f"node.{name}.status", timeout=3)).data)


async def votes_again(c, name, times=1, seconds=60):
    """It was taken up as a learner, has caught up, and counts."""
    said = f"{name} has caught up, and votes from now on"
    await wait_until(lambda: sum(node.log_text().count(said) for node in c.nodes.values()) >= times, seconds, said)


async def finals(history, c, client):
    """Every node's state, once all have applied the same; then judged."""
    names = c.alive()

    async def same():
        try:
            got = [await status_of(client, name) for name in names]
        except Exception:  # noqa: BLE001 -- one is just starting
            return False
        return len({(s["applied"], s["position"]) for s in got}) == 1

    await wait_until(same, 30, "all have applied the same")
    await same_digests(client, names)
    print((await history.judge_nodes(client, names)).split("\n")[0])


def wipe(node):
    node.kill()
    shutil.rmtree(node.data_dir)


async def gets_the_state(node, seconds=60):
    """Of a peer, since it lacks more than the others' logs keep."""
    await wait_until(lambda: "starting again with it" in node.log_text(), seconds, "a state is fetched")


async def loses_its_disk_and_is_whole_again(c, name):
    wipe(c.nodes[name])
    c.nodes[name].start()
    await gets_the_state(c.nodes[name])
    await votes_again(c, name)


class Trial:
    """Three nodes, some load that a history is kept of, and the judgement at the end."""

    def __init__(self, env=None, clients=4, filled=2500, server_config=""):
        self.env, self.clients, self.filled = {**SMALL, **(env or {})}, clients, filled
        self.server_config = server_config

    async def __aenter__(self):
        self.c = Cluster(3, env=self.env, server_config=self.server_config)
        try:
            self.client = await self.c.client()
            self.history = History()
            await self.c.leader(self.client)
            self.loaders = [await self.c.client() for _ in range(self.clients)]
            self.load = Load(self.history, self.loaders, patience=30, pause=0.01)
            if self.filled:
                await self.fill(self.filled)
        except BaseException:
            self.c.remove()
            raise
        return self

    async def fill(self, count, name="fill"):
        """Through the history, or the judge would not know these events."""
        data = json.dumps({"fill": "x" * 3000})

        async def one(start):
            for i in range(start, count, 16):
                await self.history.append(self.client, f"{name}.{i % 5}", f"{name}-{i}", data, timeout=10)

        await asyncio.gather(*(one(i) for i in range(16)))

    async def follower(self):
        leader = await self.c.leader(self.client)
        return next(name for name in self.c.nodes if name != leader)

    def has_done_some(self):
        self.load.check_alive()
        return self.load.done > 50

    async def end(self):
        await wait_until(self.has_done_some, 20, "appends under way")
        await self.load.stop()
        await finals(self.history, self.c, self.client)

    async def __aexit__(self, kind, *_):
        self.load.going = False
        for task in self.load.tasks:
            task.cancel()
        if kind is not None:
            for name, node in self.c.nodes.items():
                print(f"-- {name}:\n{node.log_text()[-3000:]}")
        self.c.remove()


async def test_a_wiped_node_is_whole_again_under_load():
    async with Trial() as t:
        name = await t.follower()
        await loses_its_disk_and_is_whole_again(t.c, name)
        await t.end()
        equal(t.c.nodes[name].alive(), True, "the wiped node runs")
        stats = await t.client.ask("store.stats")
        equal(sum(stats["types"].values()), stats["events"])
        await t.client.ask("cluster.transfer", json.dumps({"to": name}).encode())
        equal(await t.c.leader(t.client), name)
        equal(await t.client.ask("store.stats"), stats, "what it has fetched is counted")


async def backups_stand_still(t, names):
    """Each of these nodes holds a checkpoint for a backup that nobody takes from it."""
    inbox = t.client.nc.new_inbox()
    await t.client.nc.subscribe(inbox)

    async def all_hold_one():
        await t.client.request("backup", json.dumps({"deliver": inbox}).encode(), timeout=30)
        return all([(await status_of(t.client, name))["backup"] is not None for name in names])

    await wait_until(all_hold_one, 60, "each of them gives one")


async def test_a_wiped_node_goes_before_backups():
    async with Trial() as t:
        name = await t.follower()
        await backups_stand_still(t, [n for n in t.c.nodes if n != name])
        await t.fill(600, name="meanwhile")  # the log leaves what is held behind
        await loses_its_disk_and_is_whole_again(t.c, name)
        await t.end()


async def test_a_node_that_is_only_behind_gets_events():
    async with Trial(env={"NACRE_LOG_KEEP_MB": "256"}, filled=300) as t:
        name = await t.follower()
        node = t.c.nodes[name]
        node.kill()
        await t.fill(800, name="meanwhile")
        node.start()
        await t.end()
        check("fetching" not in node.log_text(), "files were fetched by a node that lacked only events")


async def test_a_node_behind_the_log_is_made_whole():
    async with Trial(filled=300) as t:
        name = await t.follower()
        node = t.c.nodes[name]
        node.kill()
        await t.fill(2500, name="meanwhile")
        node.start()
        await gets_the_state(node)
        await t.end()
        equal(sum(n.log_text().count("votes from now on") for n in t.c.nodes.values()), 0, "it was a voter all the time")


def bit_flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


async def test_a_flipped_bit_in_a_followers_log_is_repaired():
    async with Trial(env={"NACRE_LOG_KEEP_MB": "64"}, filled=600) as t:
        name = await t.follower()
        node = t.c.nodes[name]
        node.kill()
        segments = sorted(f for f in os.listdir(os.path.join(node.data_dir, "log")) if f.endswith(".seg"))
        bit_flip(os.path.join(node.data_dir, "log", segments[0]), 300000)
        node.start()
        check("the log is corrupt" in node.log_text(), "the damage was not seen: " + node.log_text()[-500:])
        check("joins its cluster anew" in node.log_text(), node.log_text()[-1000:])
        await votes_again(t.c, name)
        await t.end()


async def test_a_flipped_bit_in_a_followers_state_is_repaired():
    # with all of the log, or the node might be given a state in place of the damaged one before that is read
    async with Trial(env={"NACRE_LOG_KEEP_MB": "256"}, filled=2500) as t:
        name = await t.follower()
        node = t.c.nodes[name]
        advisories = await t.client.nc.subscribe("es.shop.advisory.storage.>")
        node.kill()
        table = os.path.join(node.data_dir, "state", "events.wt")
        for part in range(2, 9):  # pages that hold rows, somewhere in the file
            bit_flip(table, os.path.getsize(table) * part // 10)
        node.start()
        seen_damage = asyncio.Event()

        async def read_all():  # until the bad page is met; what is answered is judged
            while not seen_damage.is_set():
                for at in range(1, 2500, 100):
                    await t.history.read(t.client, start_at=at, direct=True, limit=100, timeout=3)
                    if "joins its cluster anew" in node.log_text():
                        seen_damage.set()
                        break

        await asyncio.wait_for(read_all(), 60)
        await votes_again(t.c, name)
        advisory = json.loads((await advisories.next_msg(30)).data)
        equal((advisory["type"], advisory["node"]), ("io.nacre.advisory.v1.storage.corruption", name), "advisory")
        await t.end()


async def test_damage_that_a_check_finds_is_repaired():
    long_only()
    async with Trial(env={"NACRE_LOG_KEEP_MB": "64", "NACRE_CHECK_S": "5"}, filled=600) as t:
        name = await t.follower()
        node = t.c.nodes[name]
        segments = sorted(f for f in os.listdir(os.path.join(node.data_dir, "log")) if f.endswith(".seg"))
        bit_flip(os.path.join(node.data_dir, "log", segments[0]), 300000)  # of a node that runs, and does not read there

        async def bad():
            return (await t.client.ask(f"node.{name}.verify"))["state"] == "bad"

        await wait_until(bad, 30, "a check that nobody asked for says bad")
        await wait_until(lambda: "joins its cluster anew" in node.log_text(), 30, "it is set aside")
        await votes_again(t.c, name)
        await t.end()


async def test_a_rolling_restart_fails_no_write():
    async with Trial(env={"NACRE_LOG_KEEP_MB": "256"}, filled=200) as t:
        for name in list(t.c.nodes):
            t.c.nodes[name].term()
            t.c.nodes[name].start()
            await asyncio.sleep(1)
            t.load.check_alive()
        print(f"longest wait for an append: {t.history.slowest_s:.2f} s of {len(t.history.waits_s)}")
        check(t.history.slowest_s < 10, f"an append waited {t.history.slowest_s:.1f} s")
        await t.end()


def size_of(folder):
    try:
        return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    except FileNotFoundError:
        return 0


async def test_a_fetch_goes_on_when_either_end_is_killed():
    long_only()
    async with Trial(env={"NACRE_LOG_KEEP_MB": "16"}, filled=0) as t:
        data = "x" * 400000
        await asyncio.gather(*(t.history.append(t.client, f"big.{i % 3}", f"big-{i}", data + str(i), timeout=20) for i in range(180)))
        name = await t.follower()
        node = t.c.nodes[name]
        incoming = os.path.join(node.data_dir, "incoming", "files")
        wipe(node)
        node.spawn()
        await wait_until(lambda: size_of(incoming) > 24e6, 60, "a third of it is there")
        node.kill()
        node.spawn()
        await wait_until(lambda: "of it are here" in node.log_text(), 60, "it is fetched again")
        here = int(re.search(r"(\d+) MiB of it are here", node.log_text())[1])
        check(here >= 16, f"it began anew: {here} MiB were there")
        leader = await t.c.leader(t.client)
        t.c.nodes[leader].kill()
        t.c.nodes[leader].start()
        await gets_the_state(node, 120)
        await votes_again(t.c, name, seconds=120)
        await t.end()
