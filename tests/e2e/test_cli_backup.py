# SPDX-License-Identifier: GPL-3.0-or-later
"""nacre backup and nacre restore: what is written, what comes back of it, and whatever may happen in between."""
import asyncio
import hashlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from cli import IO, NACRE, UNAVAILABLE, USAGE, Nacre
from harness import NACRED, Both, Client, Cluster, Failure, Node, check, equal, small_disk, wait_for, wait_until
from test_backup import begin, fill, is_over, listen, status
from test_upgrade import LATER

DAMAGED, DIRECTORY = 65, 73


class Place:
    """A directory for backups, removed at the end."""

    def __enter__(self):
        self.top = tempfile.mkdtemp(prefix="nacre-backup-")
        return lambda name: os.path.join(self.top, name)

    def __exit__(self, *_):
        shutil.rmtree(self.top)


def restore(backup, node, *args, **env):
    done = subprocess.run([NACRE, "restore", backup, *args], env={**node.command_env(), **env}, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def verify(node):
    done = subprocess.run([NACRED, "--verify"], env=node.command_env(), capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stderr


async def all_events(client):
    events, at = [], 1
    while True:
        got, end = await client.read("direct.all", json.dumps({"from": at, "limit": 10000}).encode(), timeout=30)
        events += [(int(m.headers["Es-Position"]), m.headers["Es-Stream"], m.headers["Nats-Sequence"], m.headers["Nats-Msg-Id"], m.data) for m in got]
        if "Es-Next" not in (end.headers or {}):
            return events
        at = int(end.headers["Es-Next"])


async def test_a_backup_under_load_comes_back():
    with Place() as place:
        async with Both() as b:
            client, n = b.client, Nacre.beside(b.client)
            await client.ask("sub.create.billing", json.dumps({"filter": {"plugin": "by_stream", "selector": "orders.1"}}).encode())
            for i in range(20):
                await client.append("orders.1", b'{"n":%d}' % i, headers={"Nats-Msg-Id": f"id-{i}"})
            msg = await client.nc.request("es.shop.sub.next.billing", b"", timeout=10)
            await client.nc.request(msg.reply, b"+ACK", timeout=10)
            await client.nc.request((await client.nc.request("es.shop.sub.next.billing", b"", timeout=10)).reply, b"+TERM broken", timeout=10)
            await client.request("snap.put.orders.1", b"state", headers={"Es-Snapshot-Seq": "7"})
            await client.append("gone", b"{}")
            await client.ask("stream.delete.gone", b'{"mode":"tombstone"}')
            await fill(client, 300)
            acknowledged, going = {}, True

            async def load(name):
                while going:
                    data = json.dumps({"of": name, "n": len(acknowledged)}).encode()
                    acknowledged[(await client.append(name, data))["pos"]] = (name, data)

            tasks = [asyncio.create_task(load(f"load.{i}")) for i in range(8)]
            await asyncio.sleep(0.5)
            before = max(acknowledged)
            said = (await n.ok("backup", place("one"), "--json")).json()
            going = False
            await asyncio.gather(*tasks)
            check(said["pos"] >= before, f"{before} was acknowledged, {said['pos']} is what it stands for")
            equal(json.load(open(place("one/backup.json"), encoding="utf-8")), said)
            subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=place("one"), check=True)
            equal({*os.listdir(place("one"))}, {"backup.json", "SHA256SUMS", *(f["name"] for f in said["files"])})
            equal(os.listdir(place("")), ["one"])
            theirs = [e for e in await all_events(client) if e[0] <= said["pos"]]
            cluster_id = (await client.ask("cluster.status"))["cluster_id"]
            b.node.kill()

            again = Node(b.server, start=False)
            try:
                code, told = restore(place("one"), again)
                equal(code, 0, told)
                check(f"through position {said['pos']}, digest {said['digest']}" in told, told)
                code, told = verify(again)
                equal(code, 0, told)
                again.start()
                equal(await all_events(client), theirs)
                for pos, (name, data) in acknowledged.items():
                    if pos <= said["pos"]:
                        equal([(e[1], e[4]) for e in theirs if e[0] == pos], [(name, data)])
                info = await client.ask("store.info")
                equal((info["head"], info["digest"]), (said["pos"], said["digest"]))
                equal(await client.append("orders.1", b'{"n":3}', headers={"Nats-Msg-Id": "id-3"}), {"stream": "orders.1", "seq": 4, "pos": theirs[3][0], "duplicate": True})
                equal((await client.append("gone"))[:2], (410, 41001))
                snap = await client.request("snap.get.orders.1")
                equal((snap.data, snap.headers["Es-Snapshot-Seq"]), (b"state", "7"))
                sub = await client.ask("sub.info.billing")
                equal((sub["parked"], sub["ack_floor"]), (1, 2), sub)
                msg = await client.nc.request("es.shop.sub.next.billing", b"", timeout=10)
                equal(msg.headers["Nats-Sequence"], "3")
                equal((await client.append("orders.1"))["pos"], said["pos"] + 1)
                check((await client.ask("cluster.status"))["cluster_id"] != cluster_id, "it is another cluster")
                await n.ok("backup", place("two"))
                await n.ok("verify")
                again.kill()
                again.start()
                equal((await client.ask("store.info"))["head"], said["pos"] + 1)
            finally:
                again.remove()


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 1]))


def sums_again(directory):
    """Somebody who makes the sums fit what was damaged."""
    lines = []
    for line in open(os.path.join(directory, "SHA256SUMS"), encoding="utf-8").read().splitlines():
        name = line[66:]
        with open(os.path.join(directory, name), "rb") as f:
            lines.append(f"{hashlib.sha256(f.read()).hexdigest()}  {name}\n")
    with open(os.path.join(directory, "SHA256SUMS"), "w", encoding="utf-8") as f:
        f.writelines(lines)


async def test_a_damaged_backup_is_refused_and_leaves_nothing():
    with Place() as place:
        async with Both() as b:
            await fill(b.client, 200)
            await Nacre.beside(b.client).ok("backup", place("good"))

        def truncate(name, size):
            return lambda d: os.truncate(os.path.join(d, name), size)

        def lose(name):
            return lambda d: os.remove(os.path.join(d, name))

        def grow(directory):
            with open(os.path.join(directory, "events.wt"), "ab") as f:
                f.write(b"x")

        def damage_and_hide(directory):
            flip(os.path.join(directory, "events.wt"), 9000)
            sums_again(directory)

        node = Node(start=False)
        try:
            for what, damage in {
                "a byte of the events": lambda d: flip(os.path.join(d, "events.wt"), 9000),
                "a byte of the marks": lambda d: flip(os.path.join(d, "marks.wt"), 4500),
                "a byte of the manifest": lambda d: flip(os.path.join(d, "manifest"), 40),
                "a byte that fits its sum": damage_and_hide,
                "a sum": lambda d: flip(os.path.join(d, "SHA256SUMS"), 70),
                "sums that end too soon": truncate("SHA256SUMS", 300),
                "a file that is cut": truncate("events.wt", 8192),
                "a file that is empty": truncate("meta.wt", 0),
                "a file that grew": grow,
                "a file that is gone": lose("streams.wt"),
                "the manifest is gone": lose("manifest"),
                "its description is gone": lose("backup.json"),
            }.items():
                shutil.copytree(place("good"), place("bad"))
                damage(place("bad"))
                code, told = restore(place("bad"), node)
                equal(code, DAMAGED, f"{what}: {told}")
                check("not restored" in told, f"{what}: {told}")
                equal(os.listdir(node.data_dir) if os.path.exists(node.data_dir) else [], [], what)
                shutil.rmtree(place("bad"))
            shutil.copytree(place("good"), place("bad"))
            os.remove(place("bad/SHA256SUMS"))
            code, told = restore(place("bad"), node)
            equal((code, "SHA256SUMS: No such file" in told), (DIRECTORY, True), told)
            code, told = restore(place("nowhere"), node)
            equal((code, "No such file" in told), (DIRECTORY, True), told)
            code, told = restore(place("good"), node)
            equal(code, 0, told)
        finally:
            node.remove()


async def test_a_backup_of_a_newer_build_is_refused_and_leaves_nothing():
    with Place() as place:
        async with Both(program=LATER) as b:
            await wait_until(lambda: "upgraded: engine version" in b.node.log_text(), 20, "it means something newer")
            await b.client.append("s")
            await Nacre.beside(b.client).ok("backup", place("one"))
        node = Node(start=False)
        try:
            code, told = restore(place("one"), node)
            equal(code, DAMAGED, told)
            check("this build knows up to" in told and "not restored" in told, told)
            equal(os.listdir(node.data_dir), [])
            done = subprocess.run([LATER, "restore", place("one")], env=node.command_env(), capture_output=True, text=True, check=False, timeout=120)
            equal(done.returncode, 0, done.stderr)
        finally:
            node.remove()


async def test_the_backup_may_stand_anywhere_among_the_settings():
    with Place() as place:
        async with Both() as b:
            await b.client.append("s")
            await Nacre.beside(b.client).ok("backup", place("one"))

        def run(*args):
            done = subprocess.run([NACRE, "restore", *args], env={**os.environ, "NACRE_STORE_ID": "shop"}, capture_output=True, text=True, check=False, timeout=120)
            return done.returncode, done.stdout + done.stderr

        for i, args in enumerate((("--data-dir", "TO", "FROM"), ("--data-dir=TO", "FROM"), ("FROM", "--data-dir", "TO"), ("--cache-mb", "64", "FROM", "--data-dir=TO"))):
            code, told = run(*(a.replace("TO", place(f"to{i}")).replace("FROM", place("one")) for a in args))
            equal((code, "Done." in told), (0, True), f"{args}: {told}")
        for args, why in (
            ((), "name the backup's directory"),
            (("--data-dir", place("none")), "name the backup's directory"),
            ((place("one"), place("two"), "--data-dir", place("none")), place("two")),
            (("--nonsense", place("one"), "--data-dir", place("none")), "--nonsense"),
        ):
            code, told = run(*args)
            equal((code, why in told), (USAGE, True), f"{args}: {told}")
        check(not os.path.exists(place("none")), "nothing is made")


async def test_a_directory_that_holds_something_is_left_alone():
    with Place() as place:
        async with Both() as b:
            await b.client.append("s")
            await Nacre.beside(b.client).ok("backup", place("one"))
            code, told = restore(place("one"), b.node)
            equal((code, "is not empty" in told), (DIRECTORY, True), told)
        node = Node(start=False)
        try:
            os.makedirs(node.data_dir)
            with open(os.path.join(node.data_dir, "restoring"), "w", encoding="utf-8"):
                pass
            node.spawn()
            code, said = node.refuses()
            equal(code, DIRECTORY, said)
            check("a restore was begun here and did not end" in said, said)
            code, told = restore(place("one"), node)
            equal((code, "is not empty" in told), (DIRECTORY, True), told)
        finally:
            node.remove()


async def test_a_restore_that_is_killed_leaves_nothing_that_starts():
    with Place() as place:
        async with Both() as b:
            await fill(b.client, 1500)
            await Nacre.beside(b.client).ok("backup", place("one"))
        ends = set()
        for pause in (0.0, 0.05, 0.2, 0.5):
            node = Node(start=False)
            try:
                process = subprocess.Popen([NACRED, "restore", place("one")], env=node.command_env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                wait_for(lambda: process.poll() is not None or os.path.exists(os.path.join(node.data_dir, "restoring")), 20, "it has begun")
                time.sleep(pause)
                process.kill()
                process.wait()
                if os.path.exists(os.path.join(node.data_dir, "restoring")):
                    code, said = node.refuses()
                    equal((code, "a restore was begun here" in said), (DIRECTORY, True), said)
                    code, said = verify(node)
                    equal(code, DIRECTORY, said)
                    shutil.rmtree(node.data_dir)
                    ends.add("half")
                    code, said = restore(place("one"), node)
                    equal(code, 0, said)
                code, said = verify(node)
                equal((code, "1500 events" in said), (0, True), said)
            finally:
                node.remove()
        check("half" in ends, "none was killed in its middle")


async def test_a_target_is_never_written_over():
    with Place() as place:
        async with Both() as b:
            n = Nacre.beside(b.client)
            await b.client.append("s")
            await n.ok("backup", place("one/"), "--rate", "1")
            await n.ok("backup", place("fast"), "--rate", "0")
            await n.fails(USAGE, "--rate", "backup", place("two"), "--rate", "much")
            await n.fails(USAGE, "is there already", "backup", place("one"))
            os.mkdir(place("empty"))
            await n.fails(USAGE, "is there already", "backup", place("empty"))
            with open(place("file"), "w", encoding="utf-8"):
                pass
            await n.fails(USAGE, "is there already", "backup", place("file"))
            await n.fails(IO, "No such file or directory", "backup", place("none/one"))
            await n.fails(USAGE, "DIRECTORY", "backup")
            write(place("two.partial/backup.json"), "{}")  # as one leaves it that was killed
            write(place("two.partial/events.wt"), "half")
            await n.ok("backup", place("two"))
            equal(sorted(os.listdir(place(""))), ["empty", "fast", "file", "one", "two"])
            subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=place("two"), check=True)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def all_below(top):
    return {os.path.join(at, name) for at, dirs, files in os.walk(top) for name in dirs + files}


async def test_what_is_no_backups_is_never_emptied():
    with Place() as place:
        async with Both() as b:
            n = Nacre.beside(b.client)
            await b.client.append("s")
            write(place("notes.partial/plan.txt"), "somebody's")
            write(place("dump.partial/events.wt"), "somebody's")
            write(place("deep.partial/backup.json"), "{}")
            write(place("deep.partial/more/plan.txt"), "somebody's")
            write(place("kept/backup.json"), "{}")
            write(place("kept/events.wt"), "a backup's")
            os.symlink(place("kept"), place("link.partial"))
            os.symlink(place("kept/events.wt"), place("into.partial"))
            os.symlink(place("nowhere"), place("dangling.partial"))
            write(place("file.partial"), "somebody's")
            names = ["notes", "dump", "deep", "link", "into", "dangling", "file"]
            if os.geteuid() == 0:
                write(place("theirs.partial/backup.json"), "{}")
                os.chown(place("theirs.partial"), 12345, -1)
                names.append("theirs")
            before = all_below(place(""))
            for name in names:
                await n.fails(USAGE, "is not what a backup of yours has left", "backup", place(name))
            equal(all_below(place("")), before)


async def test_of_many_at_once_into_one_directory_one_is_there():
    with Place() as place:
        async with Both() as b:
            n = Nacre.beside(b.client)
            await b.client.append("s")
            for i in range(6):
                processes = [await n.start("backup", place(f"b{i}"), "--timeout", "10s") for _ in range(4)]
                ends = []
                for process in processes:
                    _, err = await process.communicate()
                    ends.append(process.returncode)
                    check(process.returncode in (0, USAGE), err)
                equal(ends.count(0), 1, ends)
                subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=place(f"b{i}"), check=True)
                check(not os.path.exists(place(f"b{i}.partial")), "nothing is left")


async def half(n, place, client):
    """A backup that has begun, and stands still."""
    for _ in range(20):
        process = await n.start("backup", place("one"))
        await asyncio.to_thread(wait_for_begun, place, process.pid)
        if (await status(client))["backup"] is not None:
            return process
        process.send_signal(signal.SIGCONT)  # it was faster than us
        await process.communicate()
        shutil.rmtree(place("one"))
    raise Failure("no backup could be stopped in its middle")


def wait_for_begun(place, pid):
    """Without a pause: it is about to be over."""
    end = time.monotonic() + 20
    while not os.path.exists(place("one.partial/manifest")):
        check(time.monotonic() < end, "it has not begun")
    os.kill(pid, signal.SIGSTOP)


async def test_who_is_killed_in_the_middle():
    with Place() as place:
        async with Both() as b:
            n = Nacre.beside(b.client)
            await fill(b.client, 6000)
            for how in (signal.SIGKILL, signal.SIGTERM):
                process = await half(n, place, b.client)
                if how == signal.SIGKILL:
                    await n.fails(USAGE, "is being written by another backup", "backup", place("one"))
                process.send_signal(how)
                process.send_signal(signal.SIGCONT)
                await process.communicate()
                equal(process.returncode, -9 if how == signal.SIGKILL else 128 + how)
                check(not os.path.exists(place("one")), "there is none")
                equal(os.path.exists(place("one.partial")), how == signal.SIGKILL)
                await wait_until(lambda: is_over(b.client), 10, "the node has let go")
            await n.ok("backup", place("one"))


async def test_who_is_ended_before_it_is_connected_leaves_nothing():
    silent = socket.create_server(("127.0.0.1", 0))  # takes the connection, and says nothing
    with Place() as place:
        n = Nacre(f"nats://127.0.0.1:{silent.getsockname()[1]}")
        process = await n.start("backup", place("one"), "--timeout", "2s")
        await wait_until(lambda: os.path.exists(place("one.partial")), 10, "it has begun")
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(process.communicate(), 30)
        equal((process.returncode, os.listdir(place(""))), (128 + signal.SIGTERM, []), err)
    silent.close()


async def test_who_is_ended_while_the_node_says_nothing_leaves_nothing():
    with Place() as place:
        async with Both() as b:
            n = Nacre.beside(b.client)
            await fill(b.client, 3000)

            async def ends(process):
                process.send_signal(signal.SIGTERM)
                _, err = await asyncio.wait_for(process.communicate(), 30)
                b.node.process.send_signal(signal.SIGCONT)
                equal((process.returncode, os.listdir(place(""))), (128 + signal.SIGTERM, []), err)

            process = await n.start("backup", place("one"), "--rate", "1", "--timeout", "1s")
            await wait_until(lambda: os.path.exists(place("one.partial/manifest")), 10, "it has begun")
            b.node.process.send_signal(signal.SIGSTOP)
            await ends(process)
            b.node.process.send_signal(signal.SIGSTOP)
            process = await n.start("backup", place("one"), "--timeout", "1s")
            await wait_until(lambda: os.path.exists(place("one.partial")), 10, "it asks for one")
            await ends(process)


async def test_a_node_that_is_killed_in_the_middle():
    with Place() as place:
        async with Both() as b:
            n = Nacre.beside(b.client)
            await fill(b.client, 6000)
            process = await half(n, place, b.client)
            b.node.kill()
            process.send_signal(signal.SIGCONT)
            _, err = await asyncio.wait_for(process.communicate(), 30)
            equal(process.returncode, UNAVAILABLE, err)
            equal(os.listdir(place("")), [])
            b.node.start()
            process = await half(n, place, b.client)
            b.node.term()
            process.send_signal(signal.SIGCONT)
            _, err = await asyncio.wait_for(process.communicate(), 30)
            equal(process.returncode, UNAVAILABLE, err)
            check(b"stops" in err, err)
            equal(os.listdir(place("")), [])


async def test_nobody_is_there_or_somebody_is_given_one():
    with Place() as place:
        async with Both() as b:
            n = Nacre.beside(b.client)
            await fill(b.client, 400)
            inbox, _ = await listen(b.client)
            await begin(b.client, inbox)
            await n.fails(UNAVAILABLE, "(429/10023)", "backup", place("one"), "--timeout", "1s")
            b.node.kill()
            await n.fails(UNAVAILABLE, "is a node of store 'shop' up", "backup", place("one"), "--timeout", "1s")
            equal(os.listdir(place("")), [])


async def test_what_cannot_be_written_is_said():
    with Place() as place:
        async with Both() as b:
            await fill(b.client, 400)
            n = Nacre.beside(b.client)

            def small_files():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))

            done = await asyncio.to_thread(subprocess.run, [NACRE, "backup", place("one")], env=n.env, capture_output=True, text=True, check=False, timeout=60, preexec_fn=small_files)
            equal((done.returncode, "File too large" in done.stderr), (IO, True), done.stderr)
            equal(os.listdir(place("")), [])
            await wait_until(lambda: is_over(b.client), 5, "the node has heard of it")


async def test_it_takes_no_more_a_second_than_is_said():
    with Place() as place:
        async with Both() as b:
            n = Nacre.beside(b.client)
            await fill(b.client, 1000)
            began = time.monotonic()
            said = (await n.ok("backup", place("slow"), "--rate", "1", "--json", seconds=120)).json()
            check(time.monotonic() - began > said["bytes"] / 1e6 - 1, "a megabyte a second")


async def test_room_is_looked_for_before_anything_is_written():
    with small_disk(2) as home, Place() as place:
        async with Both() as b:
            n = Nacre.beside(b.client)
            await fill(b.client, 1000)
            target = os.path.join(home, "one")
            await n.fails(IO, "and the disk has room for", "backup", target)
            equal(os.listdir(home), [])
            await wait_until(lambda: is_over(b.client), 5, "the node has heard of it")
            await n.ok("backup", place("one"), "--rate", "0")
        node = Node(start=False)
        node.data_dir = os.path.join(home, "data")
        try:
            code, told = restore(place("one"), node)
            equal((code, "the disk has no room for it" in told), (DIRECTORY, True), told)
            equal(os.listdir(node.data_dir), [])
        finally:
            node.remove()


async def test_a_store_that_is_read_only_is_backed_up():
    with Place() as place:
        async with Both() as b:
            await b.client.append("s")
            b.node.term()
            b.node.env["NACRE_DISK_RESERVE_MB"] = "1048576"
            b.node.start()
            await wait_until(lambda: read_only(b.client), 10, "it is read-only")
            said = (await Nacre.beside(b.client).ok("backup", place("one"), "--json")).json()
            equal(said["pos"], 1)


async def read_only(client):
    return (await status(client))["read_only"]


async def test_a_cluster_comes_back_of_one_node():
    with Place() as place:
        async with Cluster(3) as c:
            client = await c.client()
            await c.leader(client)
            await client.ask("sub.create.work", json.dumps({"filter": {"plugin": "by_stream", "selector": "$all"}, "placement": "spread"}).encode())
            await fill(client, 100)
            n = Nacre(c.servers[0].url)
            said = (await n.ok("backup", place("one"), "--json")).json()
            equal(said["pos"], 100)
            await client.append("after")
            for node in c.nodes.values():
                node.kill()
                shutil.rmtree(node.data_dir)
            code, told = restore(place("one"), c.nodes["n2"])
            equal(code, 0, told)
            c.nodes["n2"].start()
            equal(await c.leader(client), "n2")
            equal((await client.ask("store.info"))["head"], 100)
            for name in ("n1", "n3"):
                c.nodes[name].start()
            said = [f"{name} has caught up, and votes from now on" for name in ("n1", "n3")]
            await wait_until(lambda: all(s in c.nodes["n2"].log_text() for s in said), 60, "they vote")
            equal((await client.append("again"))["pos"], 101)
            got = await client.nc.request("es.shop.sub.next.work", b"", timeout=20)
            equal(got.headers["Es-Position"], "1")
            await client.close()


async def test_a_backup_of_a_cluster_is_a_single_node_too():
    with Place() as place:
        async with Cluster(3) as c:
            client = await c.client()
            await c.leader(client)
            await fill(client, 50)
            await Nacre(c.servers[0].url).ok("backup", place("one"))
            await client.close()
        node = Node(start=False, env={"NACRE_STORE_ID": "look"})
        try:
            code, told = restore(place("one"), node)
            equal(code, 0, told)
            node.start()
            client = await Client.connect(node.url)
            client.root = "es.look"
            equal((await client.ask("store.info"))["head"], 50)
            equal((await client.append("s"))["pos"], 51)
            await client.close()
        finally:
            node.remove()
