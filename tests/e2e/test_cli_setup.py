# SPDX-License-Identifier: GPL-3.0-or-later
"""nacre: where it connects to, contexts and credentials; help, man pages and completion, which are made from one source."""
import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile

from cli import CONNECTION, FAILED, INPUT, NACRE, OK, UNAVAILABLE, USAGE, Home, Nacre, bash_completes
from harness import Both, Client, NatsServer, Node, Skip, check, equal, free_port

LOCKED = 'authorization { users: [ {user: "u1", password: "p1"}, {user: "node", password: "pn"} ] }'


class Locked:
    """A server that wants a password, and a node that has one."""

    async def __aenter__(self):
        self.server = NatsServer(LOCKED)
        self.node = Node(self.server, env={"NATS_USER": "node", "NATS_PASSWORD": "pn"})
        return self

    async def __aexit__(self, *_):
        self.node.remove()
        self.server.remove()


async def test_credentials_come_by_environment_option_or_context():
    async with Locked() as b:
        with Home() as home:
            url = b.server.url
            n = Nacre(HOME=home.path)
            home.context("good", url=url, user="u1", password="p1", description="x", nsc="", color_scheme="blue")
            home.context("wrong", url=url, user="u1", password="secret-word")
            await n.ok("info", NATS_URL=url, NATS_USER="u1", NATS_PASSWORD="p1")
            await n.ok("info", "--server", url, "--user", "u1", NATS_PASSWORD="p1")
            await n.ok("info", "--context", "good")
            await n.ok("info", NATS_CONTEXT="good")
            home.select("good")
            await n.ok("info")
            # The one that is named wins over the environment, all its credentials with it.
            await n.ok("info", "--context", "good", NATS_URL="nats://127.0.0.1:1", NATS_TOKEN="t")
            ended = await n.fails(CONNECTION, "connect to", "info", "--context", "wrong")
            check("secret-word" not in ended.err, ended.err)
            # A context that is merely selected is not for a server that is named otherwise.
            await n.fails(CONNECTION, "Auth", "info", "--server", url)
            await n.fails(CONNECTION, "Auth", "info", NATS_URL=url)
            ended = await n.fails(CONNECTION, "connect to", "info", "--server", url.replace("//", "//u1:secret-word@"))
            check("secret-word" not in ended.err, ended.err)
            await n.ok("info", "--server", url.replace("//", "//u1:p1@"))


async def test_a_context_that_does_not_hold_is_refused_by_name():
    with Home() as home:
        n = Nacre(HOME=home.path)
        for name, text, said in (
            ("nsc", '{"nsc":"nsc://o/a/u"}', "'nsc' is not done"),
            ("jwt", '{"user_jwt":"eyJ-secret"}', "'user_jwt' is not done"),
            ("first", '{"tls_first":true}', "'tls_first' is not done"),
            ("list", "[]", "is not a JSON object"),
            ("torn", '{"url":"nats://x', "expected"),
            ("type", '{"url":7}', "a string is expected"),
        ):
            home.context(name, text)
            ended = await n.fails(USAGE, said, "info", "--context", name)
            check("secret" not in ended.err, ended.err)
        await n.fails(USAGE, "No such file", "info", "--context", "nosuch")
        for name in ("../x", "", ".hidden"):
            await n.fails(USAGE, "is not the name of a context", "info", f"--context={name}")
        home.context("fine", '{"url":"nats://127.0.0.1:1","tls_first":false,"user_jwt":""}')
        await n.fails(CONNECTION, "connect to nats://127.0.0.1:1: No server available for connection; --server, NATS_URL", "info", "--context", "fine")
        # $XDG_CONFIG_HOME takes the place of ~/.config.
        await n.fails(CONNECTION, "connect to", "info", "--context", "fine", HOME="/nonexistent", XDG_CONFIG_HOME=os.path.join(home.path, ".config"))


async def test_files_of_credentials_that_cannot_be_read_are_said():
    for option in ("--creds", "--nkey", "--ca"):
        await Nacre().fails(USAGE, "/nonexistent", "info", option, "/nonexistent", NATS_URL="nats://127.0.0.1:1")


async def test_nobody_there_is_a_connection_error_and_a_node_away_is_unavailable():
    n = Nacre(f"nats://127.0.0.1:{free_port()}")
    await n.fails(CONNECTION, "connect to", "append", "a", "T", "{}")
    async with Both() as b:
        n = Nacre(b.server.url)
        b.node.kill()
        for command in (["append", "a", "T", "{}"], ["read", "a"], ["info"], ["health"], ["sub", "ls"]):
            await n.fails(UNAVAILABLE, "is a node of store 'shop' up", *command, "--timeout", "300ms")
        waiting = asyncio.create_task(n("append", "a", "T", "{}", "--timeout", "60s", seconds=60))
        await asyncio.sleep(0.3)
        b.node.start()
        equal((await waiting).code, OK)


async def test_health_says_no_when_the_node_does():
    async with Both() as b:
        n = Nacre(b.server.url)
        stopping = await Client.connect(b.server.url)

        async def draining(msg):
            await stopping.nc.publish(msg.reply, b'{"status":"draining"}')

        await stopping.nc.subscribe("es.shop.node.n7.healthz", cb=draining)
        await stopping.nc.flush()
        ended = await n("health", "n7")
        equal((ended.code, ended.out), (FAILED, "not healthy  draining\n"))
        await stopping.close()


# ---- Help, man pages, completion --------------------------------------------------------------


async def commands(n):
    listed = (await n.ok("--help")).out.split("commands:\n")[1].split("\n\n")[0]
    return [re.match(r"  (\S+(?: \S+)?)  ", line).group(1).strip() for line in listed.splitlines()]


async def test_every_command_has_help_with_examples_that_parse():
    n = Nacre()
    names = await commands(n)
    check(len(names) > 25 and "sub run" in names and "append" in names, str(names))
    for name in names:
        text = (await n.ok(*name.split(), "--help")).out
        check(text.startswith(f"nacre {name} -- "), text[:60])
        equal((await n.ok("help", *name.split())).out, text)
        lines = re.findall(r"^  # .*\n  (.*)$", text, re.M)
        check(lines, f"{name}: no examples")
        options = re.findall(r"^  (?:-., |    )(--[a-z-]+)", text, re.M) + re.findall(r"^  (-[a-z]), --", text, re.M)
        equal(len(options), len(set(options)), f"{name}: two options of one name: {sorted(options)}")
        check(all(len(x) <= 80 for x in text.split("\nexamples:\n")[0].splitlines()), f"{name}: too wide")
        for line in lines:
            check(re.search(rf"\bnacre {name}\b", line), f"{name}: {line}")
        # Each example is understood: it fails only since nobody is there, or since its file is not.
        for line in lines:
            call = re.search(r"nacre [^|;)&]*(?:'[^']*'[^|;)&]*)*", line).group(0)
            done = subprocess.run(["bash", "-c", call], env={**n.env, "NATS_URL": "nats://127.0.0.1:1", "PATH": os.path.dirname(NACRE) + ":/usr/bin:/bin"},
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False, cwd=tempfile.gettempdir())
            said = done.stderr.decode()
            expected = {OK, CONNECTION} | ({USAGE} if "there is no command './" in said or "cannot be watched" in said else set()) | ({73, 74} if "No such file" in said else set())
            expected |= {INPUT} if "no data" in said else set()
            expected |= {USAGE} if "/etc/nacre.conf: No such file" in said else set()
            check(done.returncode in expected, f"{line}: {done.returncode}: {said}")


async def test_help_of_a_group_and_of_what_is_not_there():
    n = Nacre()
    check("sub create" in (await n.ok("sub", "--help")).out, "group")
    check("append" not in (await n.ok("help", "sub")).out, "group alone")
    equal((await n("sub")).code, USAGE)
    equal((await n()).code, USAGE)
    await n.fails(USAGE, "did you mean 'append'?", "apend")
    await n.fails(USAGE, "did you mean 'sub create'?", "sub", "craete")
    await n.fails(USAGE, "there is no command 'zzzzzzzzz'; see", "zzzzzzzzz")
    await n.fails(USAGE, "no command", "--json")
    check(re.fullmatch(r"nacre \d+\.\d+\.\d+\n", (await n.ok("--version")).out), "version")
    ended = await n("read", "--json", "--nosuch")
    equal(json.loads(ended.err)["exit"], USAGE)


async def test_other_programs_are_commands_too():
    n = Nacre()
    with tempfile.TemporaryDirectory() as home:
        for name, says in (("nacre-hello", "hello $*"), ("nacre-plugin-frob", "frob $*")):
            path = os.path.join(home, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write(f"#!/bin/sh\necho \"{says}\"\nexit 7\n")
            os.chmod(path, 0o755)
        path = f"{home}:/usr/bin:/bin"
        ended = await n("hello", "a", "--b", PATH=path)
        equal((ended.code, ended.out), (7, "hello a --b\n"))
        ended = await n("plugin", "frob", "x", PATH=path)
        equal((ended.code, ended.out), (7, "frob x\n"))
        await n.fails(USAGE, "no command", "../hello", PATH=path)


async def test_man_pages_say_what_help_says():
    n = Nacre()
    with tempfile.TemporaryDirectory() as home:
        await n.ok("manual", "--into", home)
        names = await commands(n)
        equal(sorted(os.listdir(home)), sorted(["nacre.1"] + [f"nacre-{name.replace(' ', '-')}.1" for name in names]))
        for name in names:
            page = os.path.join(home, f"nacre-{name.replace(' ', '-')}.1")
            with open(page, encoding="utf-8") as f:
                equal((await n.ok("manual", *name.split())).out, f.read())
            if not shutil.which("man"):
                continue
            shown = subprocess.run(["man", "--warnings", "-l", page], env={**n.env, "MANWIDTH": "300", "MANPAGER": "cat", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
                                   capture_output=True, check=True)
            equal(shown.stderr, b"", name)
            text = re.sub(r".\x08", "", shown.stdout.decode())
            help = (await n.ok(*name.split(), "--help")).out
            for option in re.findall(r"--[a-z][a-z-]+", help.split("examples:")[0].split("\noptions:")[-1]):
                check(option in text, f"{name}: {option} is not in the page")
            for line in re.findall(r"^  # .*\n  (.*)$", help, re.M):
                check(line in text, f"{name}: the page has not: {line}")


async def test_bash_completes_commands_options_values_and_contexts():
    n = Nacre()
    check({"append", "sub", "cluster"} <= set(await bash_completes(n, "nacre ")), "first words")
    equal(await bash_completes(n, "nacre app"), ["append"])
    check({"create", "run", "watch"} <= set(await bash_completes(n, "nacre sub ")), "second words")
    check("--max-deliver" in await bash_completes(n, "nacre sub create x --m"), "options")
    equal(await bash_completes(n, "nacre sub create x --ack "), ["explicit", "all", "none"])
    equal(await bash_completes(n, "nacre read x --color a"), ["auto", "always"])
    equal(await bash_completes(n, "nacre append a T x --expect "), ["any", "none", "exists"])
    check({"join", "recover"} <= set(await bash_completes(n, "nacre cluster ")), "what another program does is one too")
    equal(await bash_completes(n, "nacre cluster recover --"), ["--yes", "--config", "--data-dir", "--store-id", "--node-id"])
    with Home() as home:
        home.context("prod", url="x")
        home.context("dev", url="x")
        equal(sorted(await bash_completes(n, "nacre info --context ", HOME=home.path)), ["dev", "prod"])
    await n.fails(USAGE, "no completion for 'fish'", "completion", "fish")


async def test_zsh_takes_its_completion():
    n = Nacre()
    script = (await n.ok("completion", "zsh")).out
    check(script.startswith("#compdef nacre\n"), "its first line")
    zsh = shutil.which("zsh")
    if zsh is None:
        raise Skip("zsh is not installed")
    with tempfile.TemporaryDirectory() as home:
        with open(os.path.join(home, "_nacre"), "w", encoding="utf-8") as f:
            f.write(script)
        program = f"fpath=({home} $fpath); autoload -Uz compinit; compinit -u -d {home}/dump; autoload +X _nacre; print ${{_comps[nacre]}}; functions _nacre | head -1"
        done = subprocess.run([zsh, "-fc", program], env={**n.env, "PATH": os.environ["PATH"]}, capture_output=True, check=False)
        equal((done.returncode, done.stdout.decode().split()[0], done.stderr), (0, "_nacre", b""))
