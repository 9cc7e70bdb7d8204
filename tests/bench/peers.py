# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks measure beside Nacre, each a context manager with its own processes on loopback; what is not
installed raises Absent, and is skipped by name."""
import asyncio
import contextlib
import json
import os
import pwd
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build/release")
sys.path.insert(0, os.path.join(TOP, "tests/e2e"))
os.environ.setdefault("NACRED", os.path.join(BUILD, "bin/nacred"))
VENV = os.path.join(TOP, "build/venv/bin/python")
try:
    from harness import free_port, nats, wait_for  # noqa: E402
except ModuleNotFoundError:
    if sys.executable == VENV or not os.path.exists(VENV):
        sys.exit("the benchmarks need nats-py: python3 -m venv build/venv && build/venv/bin/pip install nats-py nkeys msgpack")
    os.execv(VENV, [VENV, *sys.argv])
import servers  # noqa: E402

SIZE, STREAMS = 256, 10000


class Absent(Exception):
    """A peer that this machine does not have."""


def program(name, *args, timeout=600):
    """What one of the C programs here prints."""
    done = subprocess.run([f"{BUILD}/tests/bench_{name}", *map(str, args)], capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise RuntimeError(f"{name} {args}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def newer_server():
    """A nats-server that has sync_interval: always; Debian's has not."""
    path = os.path.join(TOP, "build/go/bin/nats-server")
    if not os.path.exists(path) and shutil.which("go"):
        env = {**os.environ, "GOBIN": os.path.dirname(path), "GOFLAGS": "-modcacherw"}
        subprocess.run(["go", "install", "github.com/nats-io/nats-server/v2@latest"], env=env, capture_output=True, timeout=900, check=False)
    if not os.path.exists(path):
        raise Absent("a nats-server with sync_interval: always (the Go toolchain installs one)")
    return path


class Processes:
    """A directory and processes that end with it."""

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="nacre-bench-", dir=os.environ.get("BENCH_DIR"))
        self.running = []

    def start(self, *command, **options):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        self.running.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.running):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Server(Processes):
    """A nats-server, with an echo service on it; js: with JetStream."""

    def __init__(self, js=False, sync_always=False):
        super().__init__()
        self.port = free_port()
        self.leaf_port = free_port() if servers.leaf else 0
        config = os.path.join(self.home, "server.conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(f'listen: "127.0.0.1:{self.port}"\n{servers.more_config}')
            if self.leaf_port:
                f.write(f'leafnodes {{ listen: "127.0.0.1:{self.leaf_port}" }}\n')
            if js:
                sync = ", sync_interval: always" if sync_always else ""
                f.write(f'jetstream {{ store_dir: "{self.home}/js"{sync} }}\n')
        self.start(newer_server() if sync_always else "nats-server", "-c", config)
        wait_for(lambda: answers(self.port), 20, "nats-server listens")
        self.url = f"nats://127.0.0.1:{self.port}"
        if js:
            create_stream(self.url, 1)
        else:
            self.start(f"{BUILD}/tests/bench_echo_service", self.url)
            time.sleep(0.3)

    @property
    def pid(self):
        return self.running[0].pid

    def request(self, subject, outstanding, count):
        return program("request_load", self.url, subject, STREAMS, SIZE, outstanding, count)


def answers_to(url, requests):
    """What is answered to (subject, body), as JSON."""

    async def asked():
        nc = await nats.connect(url)
        try:
            return [json.loads((await nc.request(subject, body.encode(), timeout=10)).data) for subject, body in requests]
        finally:
            await nc.close()

    return asyncio.run(asked())


def ask_all(url, requests):
    """The same; an error ends the run."""
    answers = answers_to(url, requests)
    for (subject, _), answer in zip(requests, answers):
        if answer.get("error"):
            raise RuntimeError(f"{subject}: {answer['error']}")
    return answers


def ask(url, subject):
    """The answer to an empty request."""
    return ask_all(url, [(subject, "")])[0]


def create_stream(url, replicas):
    stream = {"name": "BENCH", "subjects": ["js.>"], "storage": "file", "retention": "limits", "num_replicas": replicas}
    for _ in range(60):
        with contextlib.suppress(RuntimeError):
            program("push_consumer", url, "none", 0, "$JS.API.STREAM.CREATE.BENCH", json.dumps(stream))
            return
        time.sleep(0.5)
    raise RuntimeError("JetStream does not make its stream")


class JetStream3(Processes):
    """Three nats-servers with a stream of three replicas."""

    def __init__(self):
        super().__init__()
        routes = [free_port() for _ in range(3)]
        ports = [free_port() for _ in range(3)]
        urls = ", ".join(f"nats-route://127.0.0.1:{p}" for p in routes)
        for i in range(3):
            config = os.path.join(self.home, f"s{i}.conf")
            with open(config, "w", encoding="utf-8") as f:
                f.write(f'listen: "127.0.0.1:{ports[i]}"\nserver_name: s{i}\njetstream {{ store_dir: "{self.home}/js{i}" }}\n'
                        f'cluster {{ name: c, listen: "127.0.0.1:{routes[i]}", routes: [{urls}] }}\n{servers.more_config}')
            self.start("nats-server", "-c", config)
        wait_for(lambda: all(answers(p) for p in ports), 20, "three nats-servers listen")
        self.url = f"nats://127.0.0.1:{ports[0]}"
        create_stream(self.url, 3)
        leader = ask(self.url, "$JS.API.STREAM.INFO.BENCH")["cluster"]["leader"]
        self.url = f"nats://127.0.0.1:{ports[int(leader[1:])]}"  # as who wants it fast would ask

    def request(self, subject, outstanding, count):
        return program("request_load", self.url, subject, STREAMS, SIZE, outstanding, count)


def fsync_us(folder, size=4096, count=300):
    """What a write and fdatasync of so many bytes into a file full of zeros takes: the median."""
    path = os.path.join(folder, "probe")
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.write(fd, b"\0" * (size * count))
    os.fsync(fd)
    took = []
    for i in range(count):
        began = time.perf_counter()
        os.pwrite(fd, b"x" * size, i * size)
        os.fdatasync(fd)
        took.append((time.perf_counter() - began) * 1e6)
    os.close(fd)
    os.unlink(path)
    return statistics.median(took)


def disk_written(folder):
    """Bytes that the disk under `folder` has been told to write so far: by everybody. What the kernel charges to a process counts whole
    folios for each byte that is touched in them, and so tells of no disk."""
    device = os.stat(folder).st_dev
    with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat", encoding="utf-8") as f:
        return int(f.read().split()[6]) * 512


class Postgres(Processes):
    """PostgreSQL with an append function that expects a version; as a user of its own, since it refuses root."""

    SCHEMA = """
create table streams (id bigint primary key, version bigint not null);
create table events (pos bigserial primary key, stream bigint not null, version bigint not null, data text not null, unique (stream, version));
create function append(s bigint, expected bigint, d text) returns bigint language plpgsql as $$
declare v bigint;
begin
  insert into streams values (s, 0) on conflict do nothing;
  update streams set version = version + 1 where id = s and (expected < 0 or version = expected) returning version into v;
  if v is null then raise exception 'wrong version'; end if;
  insert into events (stream, version, data) values (s, v, d);
  return v;
end $$;
"""

    def __init__(self):
        super().__init__()
        found = sorted(p for p in (f"/usr/lib/postgresql/{v}/bin" for v in range(9, 30)) if os.path.exists(p + "/initdb"))
        if not found:
            raise Absent("postgresql")
        self.bin, self.port = found[-1], free_port()
        self.user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if os.getuid() == 0:
            os.chown(self.home, pwd.getpwnam("postgres").pw_uid, -1)
        self.run([f"{self.bin}/initdb", "-D", f"{self.home}/data", "-A", "trust", "-U", "postgres"])
        self.start(*self.user, f"{self.bin}/postgres", "-D", f"{self.home}/data", "-p", str(self.port), "-k", self.home,
                   "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB", cwd=self.home)
        ready = [f"{self.bin}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, 30, "PostgreSQL is ready")
        self.run([f"{self.bin}/psql", *self.where(), "-v", "ON_ERROR_STOP=1", "-q", "-f", "-"], self.SCHEMA)
        self.script = os.path.join(self.home, "append.sql")
        with open(self.script, "w", encoding="utf-8") as f:
            f.write(f"\\set s random(1, {STREAMS})\nselect append(:s, -1, '{'x' * SIZE}');\n")

    def where(self):
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "postgres"]

    def run(self, command, text=None):
        done = subprocess.run([*self.user, *command], input=text, capture_output=True, text=True, timeout=180, cwd=self.home)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout

    def rate(self, clients, seconds):
        out = self.run([f"{self.bin}/pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds),
                        "-f", self.script, *self.where()])
        return float(re.search(r"tps = ([0-9.]+)", out).group(1))


class Redis(Processes):
    """Redis streams, appended and fsynced before the answer."""

    def __init__(self):
        super().__init__()
        if not shutil.which("redis-server"):
            raise Absent("redis-server")
        self.port = free_port()
        self.start("redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.home, "--save", "",
                   "--appendonly", "yes", "--appendfsync", "always")
        wait_for(lambda: answers(self.port), 20, "Redis listens")

    def rate(self, count):
        out = subprocess.run(["redis-benchmark", "-p", str(self.port), "-n", str(count), "-c", "50", "-P", "20", "-r", str(STREAMS), "--csv",
                              "XADD", "s:__rand_int__", "*", "d", "x" * SIZE], capture_output=True, text=True, timeout=300, check=True).stdout
        return float(out.strip().split("\n")[-1].split('","')[1].strip('"'))
