# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugins of strangers against a live node: in processes of their own, hostile, dropped in, replaced, removed."""
import asyncio
import json
import os
import shutil
import signal
import tempfile

from harness import LONG, NACRED, Both, Cluster, Skip, check, equal, error_of, has_ended, kernel_state, wait_until
from test_subs_verbs import sent_together

BUILD = os.path.dirname(os.path.dirname(NACRED))
HOSTILE = os.path.join(BUILD, "tests/hostile/hostile.so")


class PluginDir:
    """A directory of plugins, and a node that looks into it."""

    def __init__(self, *files, **env):
        self.files, self.env = files, env

    def make(self):
        self.path = tempfile.mkdtemp(prefix="nacre-plugins-")
        os.chmod(self.path, 0o755)
        for f in self.files:
            self.put(f)
        return self.path

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)

    async def __aenter__(self):
        self.make()
        self.both = Both(env={"NACRE_PLUGIN_DIR": self.path, **self.env})
        await self.both.__aenter__()
        self.client, self.node = self.both.client, self.both.node
        return self

    async def __aexit__(self, *_):
        await self.both.__aexit__(*_)
        self.remove()

    def put(self, source, name=None):
        """As a careful writer does: under another name, then renamed."""
        target = os.path.join(self.path, name or os.path.basename(source))
        shutil.copy(source, target + ".new")
        os.chmod(target + ".new", 0o644)
        os.rename(target + ".new", target)

    async def listed(self, name, state="loaded"):
        for p in (await self.client.ask("filter.list"))["plugins"]:
            if p["name"] == name and p["state"] == state:
                return p
        return None


class Got:
    """What comes on a subject, by position; acknowledged."""

    def __init__(self, c, subject):
        self.c, self.subject, self.streams, self.seqs = c, subject, [], []

    async def __aenter__(self):
        async def on_message(msg):
            if msg.headers and "Es-Stream" in msg.headers:
                self.streams.append(msg.headers["Es-Stream"])
                self.seqs.append(int(msg.headers["Nats-Sequence"]))
            if msg.reply:
                await self.c.nc.publish(msg.reply, b"")

        self.sub = await self.c.nc.subscribe(self.subject, cb=on_message, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await self.c.nc.flush()
        return self

    async def __aexit__(self, *_):
        await self.sub.unsubscribe()


async def create(c, name, plugin, selector, subject, **more):
    body = {"filter": {"plugin": plugin, "selector": selector}, "deliver": {"subject": subject}, **more}
    return await c.ask(f"sub.create.{name}", json.dumps(body).encode(), timeout=20)


async def created(c, name, plugin, selector, subject, **more):
    """Also of a plugin that is being started anew: 503 says so, and to try again."""

    async def made():
        answer = await create(c, name, plugin, selector, subject, **more)
        check(isinstance(answer, dict) or answer[:2] == (503, 10008), f"{answer}")
        return isinstance(answer, dict)

    await wait_until(made, 60, f"{name} is created")


async def state(c, name):
    return await c.ask(f"sub.info.{name}")


async def is_state(c, name, *states):
    return (await state(c, name))["state"] in states


# ---- In a process of its own ------------------------------------------------------------------


async def test_a_strangers_plugin_runs_in_a_process_of_its_own():
    async with PluginDir(HOSTILE) as d:
        c, plugin = d.client, await d.listed("hostile")
        check(plugin["isolated"] and plugin["pid"] > 0 and plugin["restarts"] == 0, f"{plugin}")
        with open(f"/proc/{plugin['pid']}/cmdline", "rb") as f:
            check(b"--plugin-host" in f.read(), "its process")
        with open(f"/proc/{plugin['pid']}/environ", "rb") as f:
            equal(f.read(), b"", "nothing of the node's environment")
        await c.append("past.1")
        async with Got(c, "out.h") as got:
            made = await create(c, "h", "hostile", {}, "out.h")
            equal(made.get("name"), "h", f"{made}")
            for _ in range(20):
                await c.append("live.1")
            await wait_until(lambda: len(got.seqs) == 21, 10, f"all are delivered: {got.streams}")
        tried = await c.ask("filter.test", json.dumps({"filter": {"plugin": "hostile", "selector": {}}}).encode())
        equal(tried["matched"], 21)
        events, _ = await c.read("all", json.dumps({"filter": {"plugin": "hostile", "selector": {}}}).encode())
        equal(len(events), 21)
        # Errors of its compiling come through with their place.
        refused = await create(c, "h2", "hostile", 7, "out.h2")
        equal(refused[:2], (400, 40004), f"{refused}")
        check("at byte 0" in refused[2], refused[2])
        check(refused[2].isprintable() and "Evil" in refused[2], f"it ends no header: {refused[2]!r}")
        # It goes with its node, however that ends; and serves again after a restart.
        pid = (await d.listed("hostile"))["pid"]
        d.node.restart()
        await wait_until(lambda: has_ended(pid), 10, "its process has ended")
        async with Got(c, "out.h") as got:
            await c.append("live.2")
            await wait_until(lambda: "live.2" in got.streams, 20, "goes on after a restart")


async def test_in_the_node_where_the_operator_says_so():
    async with PluginDir(HOSTILE, NACRE_PLUGIN_ISOLATION="none") as d:
        plugin = await d.listed("hostile")
        equal(plugin["isolated"], False)
        async with Got(d.client, "out.h") as got:
            await create(d.client, "h", "hostile", {}, "out.h")
            await d.client.append("live.1")
            await wait_until(lambda: got.streams == ["live.1"], 10, "delivered")


async def test_hostile_plugins_harm_nobody_else():
    """Each kind of harm, while others append and consume: the node lives, and nothing of the others is missing."""
    deeds = ["negative", "segfault", "fork", "allocate", "loop"]
    if LONG:  # each makes the pause before the process is started anew longer
        deeds += ["exit", "abort", "forge", "network", "execute", "thread", "kill"]
    async with PluginDir(HOSTILE) as d:
        c, pid = d.client, d.node.process.pid
        stop, appended = asyncio.Event(), 0

        async def load():
            nonlocal appended
            while not stop.is_set():
                await c.append("good.1", json.dumps({"i": appended}).encode())
                appended += 1

        advisories = []

        async def on_advisory(msg):
            advisories.append(json.loads(msg.data))

        listener = await c.nc.subscribe(f"{c.root}.advisory.sub.halted", cb=on_advisory)
        async with Got(c, "out.good") as good, Got(c, "out.payload") as payload, Got(c, "out.bad.>") as bad:
            await create(c, "good", "by_stream", "good.1", "out.good")
            await create(c, "payload", "by_payload", {"i": [{"numeric": [">=", 0]}]}, "out.payload")
            loader = asyncio.create_task(load())
            for deed in ("slow", "bits"):  # who is slow is waited for; bits behind the last event are nobody's
                await created(c, f"bad_{deed}", "hostile", {"on": f"bad.{deed}", "do": deed}, f"out.bad.{deed}", start="new")
                await c.append(f"bad.{deed}")
                await wait_until(lambda: f"bad.{deed}" in bad.streams, 30, f"{deed} is delivered")
                check(not await is_state(c, f"bad_{deed}", "halted"), f"{deed} halts nothing")
                await c.ask(f"sub.delete.bad_{deed}")
            equal((await d.listed("hostile"))["restarts"], 0)
            for deed in deeds:
                await created(c, f"bad_{deed}", "hostile", {"on": f"bad.{deed}", "do": deed}, f"out.bad.{deed}", start="new")
                await c.append(f"bad.{deed}")
                await wait_until(lambda: is_state(c, f"bad_{deed}", "halted"), 30, f"{deed} halts visibly")
                about = await state(c, f"bad_{deed}")
                check("no answer" in about["reason"], f"{about}")
                await c.ask(f"sub.delete.bad_{deed}")
            stop.set()
            await loader
            check(d.node.alive() and d.node.process.pid == pid, "the node lives")
            equal((await c.ask("filter.info.hostile"))["name"], "hostile")
            await wait_until(lambda: len(good.seqs) == appended and len(payload.seqs) == appended, 20, "the others have all")
            equal(good.seqs, list(range(1, appended + 1)), "without a gap, in order")
            equal({a["subscription"] for a in advisories} >= {f"bad_{deed}" for deed in deeds}, True, "an advisory each")
            check(appended > 20, f"{appended} appends went on meanwhile")
        await listener.unsubscribe()


async def test_one_that_loops_runs_in_turns_and_ends_with_its_node():
    async with PluginDir(HOSTILE) as d:
        c = d.client
        await create(c, "h", "hostile", {"on": "bad.1", "do": "loop"}, "out.h")
        pid = (await d.listed("hostile"))["pid"]
        await c.append("bad.1")
        await wait_until(lambda: kernel_state(pid) == "T", 120, "it is stopped at times")  # on a busy machine it hardly runs
        d.node.kill()
        await wait_until(lambda: has_ended(pid), 60, "it is not left behind, stopped")


async def test_a_selector_that_harms_while_it_is_compiled_is_refused():
    async with PluginDir(HOSTILE) as d:
        c = d.client
        for deed in ("loop", "segfault"):
            slow = asyncio.create_task(create(c, f"x_{deed}", "hostile", {"do": deed}, "out.x"))
            for _ in range(5):
                await c.append("meanwhile.1")
            refused = await slow
            equal(refused[:2], (503, 10008), f"{refused}")
            check("hostile" in refused[2], refused[2])
        tried = await c.request("filter.test", json.dumps({"filter": {"plugin": "hostile", "selector": {"do": "exit"}}}).encode(), timeout=20)
        equal(error_of(tried)[:2], (503, 10008))
        events, refused = await c.read("all", json.dumps({"filter": {"plugin": "hostile", "selector": {"on": "meanwhile.1", "do": "loop"}}}).encode(), timeout=20)
        equal(events, None)
        equal(error_of(refused)[:2], (503, 10008))


async def test_an_update_is_done_while_others_append():
    """It waits for what was appended before it, and for its filter to be compiled; not for what comes meanwhile, of which there is no end."""
    async with PluginDir(HOSTILE) as d:
        c, stop = d.client, asyncio.Event()
        equal((await create(c, "h", "hostile", {"on": "nobody"}, "out.h", start="new")).get("name"), "h")

        async def load():
            while not stop.is_set():
                for _ in range(100):
                    await c.nc.publish(f"{c.root}.append.T.others", b"{}")
                await c.nc.flush()

        loaders = [asyncio.create_task(load()) for _ in range(4)]
        try:
            for i in range(5):
                changed = json.dumps({"filter": {"plugin": "hostile", "selector": {"on": f"nobody.{i}"}}}).encode()
                answer = await c.ask("sub.update.h", changed, timeout=20)
                check("pos" in answer, f"{i}: {answer}")
        finally:
            stop.set()
            await asyncio.gather(*loaders)


async def test_a_list_has_what_was_being_made_when_it_was_asked_for():
    """A filter of a stranger's plugin is compiled first, and only then is its subscription put into the log."""
    async with PluginDir(HOSTILE) as d:
        c = d.client
        for durable in (True, False):
            made = {"filter": {"plugin": "hostile", "selector": {"do": "slow"}}, "durable": durable}
            plain = {"filter": {"plugin": "by_stream", "selector": "s"}}
            answers = await sent_together(c, ("sub.create.slow", made), ("sub.create.plain", plain), ("sub.list", None))
            equal([s["name"] for s in answers[2]["subscriptions"]], ["plain", "slow"], f"durable {durable}: {answers}")
            for name in ("plain", "slow"):
                equal(await c.ask(f"sub.delete.{name}"), {"deleted": True})


async def test_a_subscription_goes_on_when_its_process_is_back():
    async with PluginDir(HOSTILE) as d:
        c, heard = d.client, []

        async def on_advisory(msg):
            heard.append(json.loads(msg.data))

        listener = await c.nc.subscribe(f"{c.root}.advisory.sub.*", cb=on_advisory)

        def told():
            return [a["type"].rsplit(".", 1)[1] for a in heard if a["subscription"] == "h" and a["type"].rsplit(".", 1)[1] in ("halted", "resumed")]

        async with Got(c, "out.h") as got:
            await create(c, "h", "hostile", {}, "out.h")
            await c.append("a.1")
            await wait_until(lambda: len(got.seqs) == 1, 10, "the first")
            for round in range(2):
                os.kill((await d.listed("hostile"))["pid"], signal.SIGKILL)
                for _ in range(10):
                    await c.append("a.1")
                await wait_until(lambda: len(got.seqs) == 1 + 10 * (round + 1), 30, f"all came: {got.seqs}")
            equal(got.seqs, list(range(1, 22)))
            await wait_until(lambda: is_state(c, "h", "live"), 10, "live again")
            plugin = await d.listed("hostile")
            equal(plugin["restarts"], 2)
            check("killed" in plugin["trouble"], f"{plugin}")
            await wait_until(lambda: told() == ["halted", "resumed"] * 2, 5, f"an advisory each time: {told()}")
        await listener.unsubscribe()


async def test_one_that_halts_is_said_to_go_on_when_another_filter_judges():
    async with PluginDir(HOSTILE) as d:
        c, told = d.client, []

        async def on_advisory(msg):
            told.append(msg.subject.rsplit(".", 1)[1])

        listener = await c.nc.subscribe(f"{c.root}.advisory.sub.*", cb=on_advisory)
        await c.append("bad.1")
        await create(c, "h", "hostile", {"on": "bad.1", "do": "segfault"}, "out.h")
        await wait_until(lambda: is_state(c, "h", "halted"), 20, "halted")
        changed = json.dumps({"filter": {"plugin": "by_stream", "selector": "bad.1"}}).encode()
        check("pos" in await c.ask("sub.update.h", changed), "updated")
        async with Got(c, "out.h") as got:
            await wait_until(lambda: got.seqs == [1], 20, f"it goes on: {got.seqs}")
        await wait_until(lambda: "resumed" in told, 5, f"and that is told: {told}")
        check(told.index("halted") < told.index("resumed"), f"{told}")
        await listener.unsubscribe()


async def test_hints_save_calls_also_after_a_restart():
    """Who is asked nothing need not be there: its process is killed, and nobody starts it anew for events that its hints rule out."""
    async with PluginDir(os.path.join(BUILD, "tests/examples/by_tag.so")) as d:
        c = d.client
        async with Got(c, "out.t") as got:
            made = await create(c, "t", "by_tag", "red", "out.t")
            equal(made.get("name"), "t", f"{made}")
            for round in range(2):
                if round > 0:
                    d.node.restart()
                first = (await c.append("a.1", headers={"Es-Tags": "red"}))["seq"]
                await wait_until(lambda: first in got.seqs, 20, f"round {round}: it serves: {got.seqs}")
                await wait_until(lambda: is_state(c, "t", "live"), 10, "live")
                os.kill((await d.listed("by_tag"))["pid"], signal.SIGKILL)
                for _ in range(10):
                    await c.append("a.1", headers={"Es-Tags": "blue"})
                last = (await c.append("a.1", headers={"Es-Tags": "red"}))["seq"]
                await wait_until(lambda: last in got.seqs, 20, f"goes on: {got.seqs}")
                plugin = await d.listed("by_tag")
                equal((plugin["restarts"], "trouble" in plugin), (0, False), f"round {round}: {plugin}")
                equal((await state(c, "t"))["state"], "live")


async def test_events_before_the_one_that_kills_it_are_delivered():
    async with PluginDir(HOSTILE) as d:
        c = d.client
        for _ in range(30):
            await c.append("a.1")
        await c.append("bad.1")
        await c.append("a.1")
        async with Got(c, "out.h") as got:
            await create(c, "h", "hostile", {"on": "bad.1", "do": "segfault"}, "out.h")
            await wait_until(lambda: len(got.seqs) == 30, 30, f"what stands before: {len(got.seqs)}")
            await wait_until(lambda: is_state(c, "h", "halted"), 10, "halted")
            equal(len(got.seqs), 30)

            async def why(position):
                return await c.ask("sub.explain.h", json.dumps({"pos": position}).encode(), timeout=20)

            async def is_done():  # while the process is not there the filter cannot be asked
                return (await why(30))["state"] == "done"

            await wait_until(is_done, 30, "what was delivered is done")
            bad = await why(31)
            equal((bad["state"], bad["matches"]), ("not_reached", None))
            check("crashed" in bad["why"], f"{bad}")


# ---- Dropped in, replaced, removed ------------------------------------------------------------


async def test_a_plugin_that_is_dropped_in_is_found():
    async with PluginDir() as d:
        c = d.client
        equal((await create(c, "early", "hostile", {}, "out.h"))[:2], (404, 40402))
        # Written slowly: it is looked at when its writer has closed it.
        with open(HOSTILE, "rb") as f:
            code = f.read()
        with open(os.path.join(d.path, "slow.so"), "wb") as f:
            f.write(code[:5000])
            f.flush()
            await asyncio.sleep(0.4)
            for p in (await c.ask("filter.list"))["plugins"]:
                check(not p["path"].endswith("slow.so"), f"half of it is looked at: {p}")
            f.write(code[5000:])
        await wait_until(lambda: d.listed("hostile"), 10, "found")
        async with Got(c, "out.h") as got:
            await create(c, "h", "hostile", {}, "out.h")
            await c.append("a.1")
            await wait_until(lambda: len(got.seqs) == 1, 10, "it serves")


async def test_a_replaced_plugin_is_taken_at_a_position():
    async with PluginDir(HOSTILE) as d:
        c, heard = d.client, []

        async def on_advisory(msg):
            heard.append(json.loads(msg.data))

        listeners = [await c.nc.subscribe(f"{c.root}.advisory.sub.plugin_{what}", cb=on_advisory) for what in ("changed", "refused")]
        async with Got(c, "out.h") as got:
            await create(c, "h", "hostile", {}, "out.h")
            first = (await state(c, "h"))["plugin"]
            equal(first["build"], "1")
            for _ in range(5):
                await c.append("a.1")
            await wait_until(lambda: len(got.seqs) == 5, 10, "the old one serves")
            d.put(os.path.join(BUILD, "tests/hostile/two/hostile.so"))

            async def taken():
                return (await state(c, "h"))["plugin"]["build"] == "2"

            await wait_until(taken, 10, "the new one is taken")
            now = (await state(c, "h"))["plugin"]
            equal(now["from"], 6)
            check(now["sha256"] != first["sha256"], "another build")
            await c.append("a.1")
            await wait_until(lambda: len(got.seqs) == 6, 10, "the new one serves")
            await wait_until(lambda: heard, 5, "an advisory")
            equal((heard[0]["type"], heard[0]["subscription"], heard[0]["pos"]), ("io.nacre.advisory.v1.sub.plugin_changed", "h", 6))
            check(now["sha256"] in heard[0]["reason"], f"{heard}")
            check(await d.listed("hostile", "replaced"), "the old one is listed as such")
            # One that refuses the selector is told of, and not taken.
            d.put(os.path.join(BUILD, "tests/hostile/three/hostile.so"))
            await wait_until(lambda: len(heard) > 1, 10, "another advisory")
            equal((heard[1]["type"], heard[1]["subscription"]), ("io.nacre.advisory.v1.sub.plugin_refused", "h"))
            check(heard[1]["reason"].startswith("the new plugin cannot be taken: ") and "expected an object" in heard[1]["reason"], f"{heard}")
            equal((await state(c, "h"))["plugin"]["build"], "2")
            await c.append("a.1")
            await wait_until(lambda: len(got.seqs) == 7, 10, "the one before still serves")
            d.put(os.path.join(BUILD, "tests/hostile/two/hostile.so"))
            # The log has it: after a kill nobody wonders about another build.
            d.node.restart()
            then = (await state(c, "h"))["plugin"]
            equal((then["build"], then["sha256"], "recorded" in then), ("2", now["sha256"], False))
        for listener in listeners:
            await listener.unsubscribe()


async def test_a_node_with_another_build_says_so():
    async with PluginDir(HOSTILE) as d:
        c = d.client
        await create(c, "h", "hostile", {}, "out.h")
        made = (await state(c, "h"))["plugin"]
        check("recorded" not in made, f"the same: {made}")
        d.node.kill()
        d.put(os.path.join(BUILD, "tests/hostile/two/hostile.so"))
        d.node.start()
        now = (await state(c, "h"))["plugin"]
        equal(now["recorded"], {"build": "1", "sha256": made["sha256"]})
        equal(now["build"], "2")
        check(f"subscription h was made with hostile 1, SHA-256 {made['sha256']}" in d.node.log_text(), "and in the log")


async def test_a_removed_plugin_serves_whom_it_has():
    async with PluginDir(HOSTILE) as d:
        c = d.client
        async with Got(c, "out.h") as got:
            await create(c, "h", "hostile", {}, "out.h")
            os.remove(os.path.join(d.path, "hostile.so"))
            await wait_until(lambda: d.listed("hostile", "removed"), 10, "noticed")
            equal((await create(c, "late", "hostile", {}, "out.l"))[:2], (404, 40402))
            await c.append("a.1")
            await wait_until(lambda: len(got.seqs) == 1, 10, "it goes on")
            d.put(HOSTILE)
            await wait_until(lambda: d.listed("hostile"), 10, "it is back")
            await create(c, "late", "hostile", {}, "out.l")


async def test_a_subscription_whose_plugin_comes_goes_on():
    async with PluginDir(HOSTILE) as d:
        c = d.client
        async with Got(c, "out.h") as got:
            await create(c, "h", "hostile", {}, "out.h")
            d.node.kill()
            os.remove(os.path.join(d.path, "hostile.so"))
            d.node.start()
            await c.append("a.1")
            await wait_until(lambda: is_state(c, "h", "halted"), 10, "halted")
            check("not loaded" in (await state(c, "h"))["reason"], "why")
            d.put(HOSTILE)
            await wait_until(lambda: len(got.seqs) == 1, 20, "it goes on")


async def test_what_must_not_be_loaded_is_refused_with_a_reason():
    async with PluginDir() as d:
        c = d.client

        async def reason(name):
            for p in (await c.ask("filter.list"))["plugins"]:
                if p["path"].endswith("/" + name) and p["state"] == "refused":
                    return p["reason"]
            return ""

        async def says(name, word):
            async def said():
                return word in await reason(name)

            await wait_until(said, 10, f"{name} is refused: {word}; it says: {await reason(name)}")
            check(f"{name}: {await reason(name)}" in d.node.log_text(), "in the log too")

        with open(os.path.join(d.path, "text.so"), "wb") as f:
            f.write(b"not a library")
        await says("text.so", "no ELF header")
        d.put(HOSTILE, "open.so")
        os.chmod(os.path.join(d.path, "open.so"), 0o666)
        # Loaded first, refused when it is written anew while everybody may.
        with open(os.path.join(d.path, "open2.so"), "wb") as f:
            os.fchmod(f.fileno(), 0o666)
            with open(HOSTILE, "rb") as from_file:
                f.write(from_file.read() + b" ")
        await says("open2.so", "writable for everybody")
        refused = os.path.join(BUILD, "tests/refused")
        for name, word in (("other_abi.so", "wrong ABI"), ("no_symbol.so", "no symbol"), ("clashes.so", "is taken by"), ("refuses_host.so", "refuses this host")):
            d.put(os.path.join(refused, name))
            await says(name, word)


async def test_a_node_with_another_build_says_so_of_what_it_takes_over():
    """Two nodes of three have one build, the third another: whoever owns a shared subscription and has not the one that it was made with."""
    if not LONG:
        raise Skip("only with --long")
    dirs = [PluginDir(HOSTILE), PluginDir(HOSTILE), PluginDir(os.path.join(BUILD, "tests/hostile/two/hostile.so"))]
    cluster = Cluster(3, start=False)
    try:
        for node, d in zip(cluster.nodes.values(), dirs):
            node.env["NACRE_PLUGIN_DIR"] = d.make()
        cluster.start()
        client = await cluster.client()
        leader = await cluster.leader(client)
        names, owners = [f"s{i}" for i in range(24)], {}
        for name in names:
            await created(client, name, "hostile", {}, f"out.{name}", placement="spread")

        async def all_own_some():
            for name in names:
                owners[name] = (await state(client, name))["node"]
            return set(owners.values()) == set(cluster.nodes)

        await wait_until(all_own_some, 30, "each has a share")
        for name, node in owners.items():
            other = (node == "n3") != (leader == "n3")
            text = f"subscription {name} was made with hostile"
            await wait_until(lambda: (text in cluster.nodes[node].log_text()) == other, 10, f"{node} {'tells' if other else 'does not tell'} of {name}, which {leader} made")
    finally:
        cluster.remove()
        for d in dirs:
            d.remove()
