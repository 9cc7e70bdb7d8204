# SPDX-License-Identifier: GPL-3.0-or-later
"""compose/cluster: what it says it does; and with its real cuts, a partition whose history is judged."""
import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time

from harness import TOP, Client, Skip, check, equal, wait_until
from history import History, Load


def ports_base():
    """Six ports that are free, below those that systems give out by themselves."""
    while True:
        base = 15000 + secrets.randbelow(16000)
        try:
            for port in [base + i + j for i in (1, 2, 3) for j in (0, 100)]:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue


class Local:
    """A cluster of compose/cluster with names, addresses and ports of its own."""

    def __init__(self, network):
        self.home = tempfile.mkdtemp(prefix="nacre-local-")
        mark = secrets.randbelow(200) + 20
        self.env = {**os.environ, "CLUSTER_DIR": os.path.join(self.home, "cluster"), "CLUSTER_NAME": "t" + secrets.token_hex(2), "CLUSTER_NETWORK": network,
                    "CLUSTER_NET": f"10.{mark}.{secrets.randbelow(250)}", "CLUSTER_PORT": str(ports_base())}  # fmt: skip
        self.env.pop("NACRE_STORE_ID", None)

    def run(self, *args, code=0, stdin=""):
        done = subprocess.run([os.path.join(TOP, "compose/cluster"), *args], env=self.env, capture_output=True, text=True, input=stdin, timeout=120, check=False)
        equal(done.returncode, code, f"cluster {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def states(self):
        lines = [line.split() for line in self.run("status").splitlines()]
        return {words[0]: words[1] for words in lines if len(words) > 2 and words[1] in ("running", "paused", "down")}

    async def client(self, node):
        return await Client.connect(self.run("url", node).strip())

    async def leader(self, client, seconds=30):
        found = []

        async def ask():
            try:
                found[:] = [(await client.ask("store.info", timeout=1))["leader"]]
            except Exception:  # noqa: BLE001 -- nobody leads at the moment
                return False
            return True

        await wait_until(ask, seconds, "somebody leads")
        return found[0]

    def remove(self):
        subprocess.run([os.path.join(TOP, "compose/cluster"), "clean"], env=self.env, capture_output=True, timeout=120, check=False)
        shutil.rmtree(self.home, ignore_errors=True)


async def test_its_words_do_what_they_say():
    local = Local("ports")
    try:
        said = local.run("up", "3")
        check("3 of 3 nodes are ready" in said and "store shop" in said, said)
        equal(local.states(), {"n1": "running", "n2": "running", "n3": "running"})
        client = await local.client("n1")
        await local.leader(client)
        equal((await client.append("s"))["seq"], 1)
        local.run("kill", "n2")
        local.run("pause", "n3")
        equal(local.states(), {"n1": "running", "n2": "down", "n3": "paused"})
        local.run("resume", "n3")
        local.run("start", "n2")
        await wait_until(lambda: set(local.states().values()) == {"running"}, 20, "all run")
        await local.leader(client)
        equal((await client.append("s"))["seq"], 2)
        local.run("stop", "n1")
        equal(local.states()["n1"], "down")
        local.run("start", "n1")
        local.run("wipe", "n2")
        await wait_until(lambda: any("n2 has caught up, and votes" in local.run("logs", n) for n in ("n1", "n2", "n3")), 60, "n2 votes again")
        check("nacred" in local.run("resources"), "resources")
        check("CLUSTER_SECRET" in local.run("env", "n1"), "env")
        check("partitions need network namespaces" in local.run("partition", "n1", code=1), "no cuts on ports")
        check("there is no node 'n9'" in local.run("kill", "n9", code=1), "an unknown node")
        check("no command 'dance'" in local.run("dance", code=64), "an unknown word")
        menu = local.run(stdin="1\n2\n11\n0\n")
        check("Nacre cluster in" in menu and "n1" in menu and "kill n" in menu, menu)
        check("down" in local.states().values(), "one was killed by chance")
        await client.close()
        local.run("down")
        equal(set(local.states().values()), {"down"})
    finally:
        local.remove()


def namespaces_or_skip():
    probe = "t" + secrets.token_hex(2)
    made = os.geteuid() == 0 and subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode == 0
    if not made:
        raise Skip("no network namespaces here: needs root")
    subprocess.run(["ip", "netns", "del", probe], check=True)


async def test_a_leader_that_is_cut_off_answers_nothing_and_agrees_when_healed():
    namespaces_or_skip()
    local = Local("netns")
    try:
        local.run("up", "3")
        clients = {name: await local.client(name) for name in ("n1", "n2", "n3")}
        leader = await local.leader(clients["n1"])
        rest = [name for name in clients if name != leader]
        history = History()
        load = Load(history, [await local.client(name) for name in (leader, *rest, *rest)], patience=90)
        await asyncio.sleep(2)
        local.run("partition", leader)
        began = time.monotonic()
        side = {}

        async def majority_goes_on():
            try:
                side["leader"] = (await clients[rest[0]].ask("store.info", timeout=1))["leader"]
            except Exception:  # noqa: BLE001 -- not yet
                return False
            return side["leader"] in rest

        await wait_until(majority_goes_on, 30, "the majority has a leader")
        print(f"the majority answers {time.monotonic() - began:.1f} s after the cut")
        done = load.done
        await wait_until(lambda: load.done > done + 50, 30, "the majority goes on")
        got = await history.append_once(clients[leader], "alone", "alone-1", "{}", timeout=6)
        check(not isinstance(got, dict), f"the minority took an append: {got}")
        events = await history.read(clients[leader], timeout=6)
        check(events is None, "the minority answered a linearizable read")
        local.run("heal")

        async def agrees():
            try:
                return (await clients[leader].ask("store.info", timeout=1))["leader"] in clients
            except Exception:  # noqa: BLE001 -- not yet
                return False

        await wait_until(agrees, 30, "who was cut off hears the leader")
        done = load.done
        await wait_until(lambda: load.done > done + 50, 30, "all go on")
        await load.stop()

        async def same():
            got = [json.loads((await clients["n1"].request(f"node.{name}.status", timeout=2)).data) for name in clients]
            return len({(s["applied"], s["position"]) for s in got}) == 1

        await wait_until(same, 30, "all have applied the same")
        print((await history.judge_nodes(clients["n1"], clients)).split("\n")[0])
        for client in clients.values():
            await client.close()
    finally:
        local.remove()
