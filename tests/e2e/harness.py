# SPDX-License-Identifier: GPL-3.0-or-later
"""A real nats-server and a real nacred on free loopback ports, each ended by its own process id."""
import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

import nats
from nats.errors import NoRespondersError

TOP = os.environ.get("NCTEST_TOP") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NACRED = os.environ.get("NACRED") or os.path.join(TOP, "build/release/bin/nacred")
LONG = os.environ.get("NCTEST_LONG") == "yes"
STORE = "shop"
# How a node ends that has met its own assertion, a signal of the processor's, or what a sanitizer reports: never as it means to.
CRASHES = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE, 1, 66}


class Failure(AssertionError):
    pass


class Skip(Exception):
    """The test says why it is not run: run.py counts it as skipped."""


def dies_with_us(signal_number):
    """For Popen's preexec_fn: a run that is killed leaves no server and no node behind."""
    PR_SET_PDEATHSIG = 1
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, signal_number)


def check(condition, what):
    if not condition:
        raise Failure(what)


def equal(have, want, what=""):
    if have != want:
        raise Failure(f"{what}: have {have!r}, want {want!r}")


callback_faults = []  # what callbacks of subscriptions have met: run.py looks at it when a test has ended


async def on_error(fault):
    """nats-py tells this what a callback has raised, as it tells what becomes of connections, and goes on: of a check that does not
    hold nobody else would hear."""
    if isinstance(fault, (AssertionError, LookupError, ValueError, TypeError, AttributeError)) and not isinstance(fault, OSError):
        callback_faults.append(fault)


given_ports = set()
# A byte for each port: who has given it locks it until the end of its process, so that two runs at once give none twice.
ports_file = open(os.path.join(tempfile.gettempdir(), f"nacre-test-ports-{os.getuid()}"), "ab")


def is_given(port):
    """By this process or another; from now on by this one."""
    if port in given_ports:
        return True
    try:
        fcntl.lockf(ports_file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return True
    given_ports.add(port)
    return False


def free_port():
    """Not given before: whoever got it may not listen yet."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if not is_given(port):
            return port


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.02)


async def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if asyncio.iscoroutine(got):
            got = await got
        if got:
            return
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.02)


def kernel_state(pid):
    """The letter of a process in /proc; X: there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


def has_ended(pid):
    return kernel_state(pid) in "ZX"


def knows_who_is_gone(server):
    """Whether it has closed each connection whose other end is closed. Until then it gives requests to a node that was killed."""
    here, close_wait = f"0100007F:{server.port:04X}", "08"
    with open("/proc/net/tcp", encoding="utf-8") as f:
        sockets = [line.split() for line in f]
    return not any(socket[1] == here and socket[3] == close_wait for socket in sockets)


class NatsServer:
    """nats-server with lines of configuration. leaf: with a port for leaf nodes, which nodes are told of; {leaf_port} in `config` is
    the number of one."""

    def __init__(self, config="", port=None, scheme="nats", leaf=False):
        self.port = port or free_port()
        self.leaf_port = free_port() if leaf else 0
        config = config.replace("{leaf_port}", str(self.leaf_port))
        if leaf and "leafnodes" not in config:
            config += f"\nleafnodes {{ listen: '127.0.0.1:{self.leaf_port}' }}"
        self.home = tempfile.mkdtemp(prefix="nacre-nats-")
        self.config = os.path.join(self.home, "server.conf")
        self.configure(config)
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.process = None
        self.start()

    def start(self):
        self.log = open(os.path.join(self.home, "server.log"), "ab")
        self.process = subprocess.Popen(["nats-server", "-c", self.config], stdout=self.log, stderr=self.log, preexec_fn=dies_with_us(signal.SIGKILL))
        wait_for(self.answers, 10, "nats-server answers")

    def configure(self, config):
        """For the next start."""
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"host: 127.0.0.1\nport: {self.port}\n{config}\n")

    def answers(self):
        if self.process.poll() is not None:
            raise Failure("nats-server ended: " + open(os.path.join(self.home, "server.log")).read()[-500:])
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                return s.recv(5) == b"INFO "
        except OSError:
            return False

    def monitor(self):
        """The URL of its monitoring, where that is configured on a port of its own choice."""
        with open(os.path.join(self.home, "server.log"), encoding="utf-8") as f:
            return "http://" + f.read().rsplit("Starting http monitor on ", 1)[1].split()[0]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def remove(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)


class Node:
    """nacred with a data directory of its own."""

    def __init__(self, nats_server=None, data_dir=None, env=None, args=(), start=True, program=NACRED):
        self.server = nats_server
        self.program = program
        self.home = data_dir or tempfile.mkdtemp(prefix="nacre-node-")
        self.own_home = data_dir is None
        self.data_dir = os.path.join(self.home, "data")
        # Never beside the data: that disk may be full, and two nodes may be given one directory.
        self.log_dir = tempfile.TemporaryDirectory(prefix="nacre-log-")
        self.env = dict(env or {})
        self.args = list(args)
        self.process = None
        self.logs = 0
        if start:
            self.start()

    def command_env(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("NACRE_", "NATS_"))}
        env.update({"NACRE_STORE_ID": STORE, "NACRE_DATA_DIR": self.data_dir, "NACRE_CACHE_MB": "64"})
        if self.server:
            env["NACRE_NATS_URL"] = self.server.url
            if self.server.leaf_port:
                env["NACRE_NATS_LEAF_PORT"] = str(self.server.leaf_port)
        env.update(self.env)
        return env

    def spawn(self):
        self.check_no_crash()
        self.logs += 1
        self.log_path = os.path.join(self.log_dir.name, f"node-{self.logs}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([self.program, *self.args], env=self.command_env(), stdout=log, stderr=log, preexec_fn=dies_with_us(signal.SIGTERM))

    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def start(self, seconds=60):
        self.spawn()
        wait_for(self.is_ready, seconds, "nacred is ready")

    def is_ready(self):
        if self.process.poll() is not None:
            raise Failure(f"nacred ended with {self.process.returncode}: {self.log_text()[-800:]}")
        return " ready: " in self.log_text()

    def refuses(self, seconds=30):
        """Start, expect it to end; the exit code and what it said."""
        self.spawn()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise Failure("nacred started, it should have refused: " + self.log_text()[-400:]) from late
        return code, self.log_text()

    @property
    def url(self):
        if self.server:
            return self.server.url
        with open(os.path.join(self.data_dir, "nats.url"), encoding="utf-8") as f:
            return f.read().strip()

    def alive(self):
        return self.process.poll() is None

    def check_no_crash(self):
        """Others go on without it, and it may have been started again since: so each of its lives is looked at when it is over."""
        if self.process and not self.alive() and self.process.returncode in CRASHES:
            raise Failure(f"nacred crashed, with {self.process.returncode}: {self.log_text()[-6000:]}")

    def kill(self):
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.server:
            wait_for(lambda: knows_who_is_gone(self.server), 10, "the server knows that it is gone")

    def term(self, seconds=60):
        """Ask it to end; what it said goes with a wrong exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        if code != 0:
            raise Failure(f"nacred ended with {code}: {self.log_text()[-6000:]}")
        return code

    def restart(self):
        self.kill()
        self.start()

    def remove(self):
        if self.process and self.alive():
            try:
                self.term(30)
            except subprocess.TimeoutExpired:
                self.kill()
        try:
            self.check_no_crash()
        finally:
            if self.own_home:
                shutil.rmtree(self.home, ignore_errors=True)


class Client:
    """A stock nats-py connection, and the few shapes in which the tests speak."""

    def __init__(self, nc, root=f"es.{STORE}"):
        self.nc = nc
        self.root = root

    @classmethod
    async def connect(cls, url, **options):
        options.setdefault("max_reconnect_attempts", -1)
        options.setdefault("reconnect_time_wait", 0.1)

        options.setdefault("error_cb", on_error)
        return cls(await nats.connect(url, **options))

    async def close(self):
        await self.nc.close()

    async def request(self, subject, data=b"", headers=None, timeout=10):
        return await self.nc.request(f"{self.root}.{subject}", data, headers=headers, timeout=timeout)

    async def is_heard(self, subject):
        """Whether anybody listens there. A node says that it is connected before its server has all its subscriptions."""
        try:
            await self.request(subject)
        except NoRespondersError:
            return False
        return True

    async def ask(self, subject, data=b"", headers=None, timeout=10):
        """The JSON answer, or (code, err_code, description) of an error; both forms of which must agree."""
        msg = await self.request(subject, data, headers, timeout)
        body = json.loads(msg.data)
        if "error" not in body:
            check(not msg.headers, f"a success has headers: {msg.headers}")
            return body
        error = body["error"]
        equal(set(error), {"code", "err_code", "description"}, "members of error")
        equal(msg.headers.get("Nats-Service-Error"), error["description"], "header and body")
        equal(msg.headers.get("Nats-Service-Error-Code"), str(error["code"]), "header and body")
        return error["code"], error["err_code"], error["description"]

    async def append(self, stream, data=b"{}", type="T", headers=None):
        return await self.ask(f"append.{type}.{stream}", data, headers)

    async def read(self, subject, body=b"", headers=None, timeout=10):
        """Events as messages, and the closing message; an error as (None, error message)."""
        inbox = self.nc.new_inbox()
        sub = await self.nc.subscribe(inbox, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await self.nc.publish(f"{self.root}.{subject}", body, reply=inbox, headers=headers)
        events = []
        try:
            while True:
                msg = await sub.next_msg(timeout)
                msg.headers = msg.headers or {}
                if msg.headers.get("Status") == "503":  # nobody subscribes: nothing was done
                    return None, msg
                if msg.headers.get("Status"):
                    equal(msg.data, b"", "data of the closing message")
                    equal(str(msg.headers["Status"]), "204", "status")
                    return events, msg
                if "Nats-Service-Error" in msg.headers:
                    return None, msg
                events.append(msg)
        finally:
            await sub.unsubscribe()

    async def read_all(self, subject, start=1):
        """Every event from there on, however many answers that takes."""
        all_of_them, ask = [], {"from": start, "limit": 10000, "max_bytes": 8 << 20}
        while True:
            events, closing = await self.read(subject, json.dumps(ask).encode(), timeout=60)
            check(events is not None, closing.data)
            all_of_them += events
            if "Es-Next" not in closing.headers:
                return all_of_them
            ask["from"] = int(closing.headers["Es-Next"])


class Both:
    """A server, a node and a client, removed at the end. user: how the client connects."""

    def __init__(self, server_config="", leaf=False, scheme="nats", user=None, **node):
        self.server_options = {"config": server_config, "leaf": leaf, "scheme": scheme}
        self.user, self.node_options = user or {}, node

    async def __aenter__(self):
        self.server = NatsServer(**self.server_options)
        self.node = self.client = None
        try:
            self.node = Node(self.server, **self.node_options)
            self.client = await Client.connect(self.server.url, **self.user)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        try:
            if self.client:
                await self.client.close()
            if self.node:
                self.node.remove()
        finally:
            self.server.remove()


def error_of(msg):
    error = json.loads(msg.data)["error"]
    return error["code"], error["err_code"], error["description"]


@contextlib.contextmanager
def small_disk(megabytes):
    """A directory with so much room."""
    if os.geteuid() != 0:
        raise Skip("needs root to mount a small tmpfs")
    home = tempfile.mkdtemp(prefix="nacre-disk-")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", home], check=False).returncode != 0:
        shutil.rmtree(home, ignore_errors=True)
        raise Skip("cannot mount a tmpfs here")
    try:
        yield home
    finally:
        subprocess.run(["umount", "-l", home], check=False)
        shutil.rmtree(home, ignore_errors=True)


def fill_up(path):
    """A disk to the last byte, as another program does: a file at `path` on it takes the rest."""
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096):
            try:
                while True:
                    f.write(bytes(size))
            except OSError:
                pass


class Wires:
    """TCP lines that can be cut: what goes over them stops, and nobody is told, as when a cable is pulled. A thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.cut_ends, self.open = set(), []
        self.ports = set()  # of all that is at an end of a line
        self.mark = None  # where a connection is to be torn
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def line(self, end, to_port):
        """A port that leads to `to_port`; `end` names the line."""
        return asyncio.run_coroutine_threadsafe(self.listen(end, to_port), self.loop).result()

    async def listen(self, end, to_port):
        server = await asyncio.start_server(lambda r, w: self.connect(end, to_port, r, w), "127.0.0.1", free_port())
        self.ports.add(server.sockets[0].getsockname()[1])
        return server.sockets[0].getsockname()[1]

    async def connect(self, end, to_port, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to_port)
        except OSError:
            writer.close()
            return
        self.ports.add(far_writer.get_extra_info("sockname")[1])
        self.open.append((end, writer, far_writer))
        with contextlib.suppress(asyncio.CancelledError):  # stop(): of a callback that was cancelled asyncio prints a traceback
            await asyncio.gather(self.carry(end, reader, far_writer), self.carry(end, far_reader, writer))

    async def carry(self, end, reader, writer):
        try:
            while data := await reader.read(65536):
                while end in self.cut_ends:
                    await asyncio.sleep(0.01)
                if self.mark and self.mark in data:
                    writer.write(data[: data.index(self.mark)])
                    self.mark = None
                    break
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    def tear(self, mark):
        """The connection over which these bytes would go next is closed just before them. Once."""
        self.mark = mark

    def cut(self, ends):
        self.cut_ends = set(ends)

    def heal(self):
        """What was held back is lost: the connections are made anew, and only then is anything carried again."""

        async def close():
            for end, near, far in self.open:
                if end in self.cut_ends:
                    near.transport.abort()
                    far.transport.abort()
            self.open = [line for line in self.open if line[0] not in self.cut_ends]
            self.cut_ends = set()

        asyncio.run_coroutine_threadsafe(close(), self.loop).result()

    def stop(self):
        async def end():
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join()


class Probe:
    """Clients of several servers that tell what passes between these: which a test has to know that cuts them."""

    SUBJECT = "probe.lines"

    def __init__(self, **clients):
        self.clients = clients
        self.heard = []  # (who, from whom, what)

    async def start(self):
        """Until each hears the others: from then on silence means something."""
        for name, client in self.clients.items():

            async def hear(msg, name=name):
                sender, what = msg.data.decode().split(" ", 1)
                if sender != name:
                    self.heard.append((name, sender, what))

            await client.nc.subscribe(self.SUBJECT, cb=hear)
            await client.nc.flush()

        async def all_hear_all():
            await self.say("before")
            return len({pair[:2] for pair in self.heard}) == len(self.clients) * (len(self.clients) - 1)

        await wait_until(all_hear_all, 10, "the servers are joined")

    async def say(self, what):
        for name, client in self.clients.items():
            await client.nc.publish(self.SUBJECT, f"{name} {what}".encode())
            await client.nc.flush()

    def crossings(self, what, apart):
        """Who heard `what` of whom, of those of which one is in `apart` and the other is not."""
        return [(who, sender) for who, sender, said in self.heard if said == what and (who in apart) != (sender in apart)]


class Cluster:
    """Nodes n1, n2, … of one store. servers=1: on one nats-server; more: node i on server i, joined by routes, which can be cut unless
    they go straight. Straight is for benchmarks: what carries the others is a thread of ours, and costs as much as a server."""

    SECRET = "a secret of the tests"

    def __init__(self, count=3, servers=1, expect=None, env=None, start=True, server_config="", straight=False, leaf=False):
        self.count, self.expect = count, expect or count
        self.wires = None
        self.env = dict(env or {})
        self.servers = self.make_servers(servers, server_config, straight, leaf)
        self.nodes = {}
        for i in range(1, count + 1):
            self.add(f"n{i}", start=False)
        if start:
            self.start()

    def make_servers(self, count, config, straight, leaf):
        if count == 1:
            return [NatsServer(config, leaf=leaf)]
        self.wires = None if straight else Wires()
        routes = [free_port() for _ in range(count)]
        servers = []
        for i, port in enumerate(routes):
            # Server i speaks to j over a line of its own, called (i, j); a route is made from either end. What servers tell each
            # other of third ones leads nowhere: a route that went by itself would not be cut with the lines.
            lines = [far if straight else self.wires.line((i, j), far) for j, far in enumerate(routes) if j != i]
            urls = ", ".join(f"nats-route://127.0.0.1:{line}" for line in lines)
            joined = f"cluster {{ name: c, listen: 127.0.0.1:{port}, no_advertise: true, advertise: '127.0.0.1:1', routes: [{urls}] }}"
            servers.append(NatsServer(f"server_name: s{i + 1}\nhttp: 127.0.0.1:-1\n{joined}\n{config}", leaf=leaf))
        return servers

    def stray_routes(self):
        """Routes that go past the lines, by what the servers say: (server, to which, port)."""
        stray = []
        for i, server in enumerate(self.servers):
            with urllib.request.urlopen(f"{server.monitor()}/routez", timeout=10) as answer:
                routes = json.load(answer)["routes"] or []
            stray += [(f"s{i + 1}", route["remote_id"], route["port"]) for route in routes if route["port"] not in self.wires.ports]
        return stray

    def isolate(self, *names):
        """Cut the servers of these nodes, with the nodes on them, from the others."""
        order = list(self.nodes)
        apart = {order.index(name) % len(self.servers) for name in names}
        others = set(range(len(self.servers))) - apart
        self.wires.cut({(i, j) for i in apart for j in others} | {(j, i) for i in apart for j in others})

    def heal(self):
        self.wires.heal()

    def add(self, name, start=True, server=None, **node):
        """Another node, not yet started unless told to."""
        server = server or self.servers[len(self.nodes) % len(self.servers)]
        env = {"NACRE_DB_TYPE": "cluster", "NACRE_CLUSTER_SECRET": self.SECRET, "NACRE_NODE_ID": name, "NACRE_BOOTSTRAP_EXPECT": str(self.expect)}
        self.nodes[name] = Node(server, env={**env, **self.env, **node.pop("env", {})}, start=start, **node)
        return self.nodes[name]

    def start(self, seconds=60):
        for node in self.nodes.values():
            node.spawn()
        self.wait_ready(seconds)

    def wait_ready(self, seconds=60, names=None):
        for name in names or self.nodes:
            wait_for(self.nodes[name].is_ready, seconds, f"{name} is ready")

    async def leader(self, client, seconds=20):
        """The name of who answers as the leader."""
        found = []

        async def ask():
            try:
                found[:] = [(await client.ask("store.info", timeout=1))["leader"]]
            except Exception:  # noqa: BLE001: no leader, no server: ask again
                return False
            return True

        await wait_until(ask, seconds, "somebody leads")
        return found[0]

    def log_texts(self):
        """What each node has said, in each of its lives."""
        for node in self.nodes.values():
            for life in range(1, node.logs + 1):
                with open(os.path.join(node.log_dir.name, f"node-{life}.log"), encoding="utf-8", errors="replace") as f:
                    yield f.read()

    def alive(self):
        return [name for name, node in self.nodes.items() if node.process and node.alive()]

    @property
    def url(self):
        return ",".join(server.url for server in self.servers)

    async def client(self, server=0, **options):
        return await Client.connect(self.servers[server].url, **options)

    def remove(self):
        for node in self.nodes.values():
            if node.process and node.alive():
                node.process.send_signal(signal.SIGCONT)
                node.kill()
        try:
            for node in self.nodes.values():
                node.remove()
        finally:
            for server in self.servers:
                server.remove()
            if self.wires:
                self.wires.stop()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.remove()
