# SPDX-License-Identifier: GPL-3.0-or-later
"""`nacre` as a person or a script calls it: arguments, environment, pipes, a terminal of its own."""
import asyncio
import json
import os
import pty
import shutil
import subprocess
import tempfile

from harness import STORE, TOP, check, equal

NACRE = os.environ.get("NACRE") or os.path.join(TOP, "build/release/bin/nacre")

OK, FAILED, NOT_FOUND, CONFLICT, REFUSED = 0, 1, 3, 4, 5
USAGE, INPUT, CONNECTION, IO, UNAVAILABLE = 64, 65, 69, 74, 75


class Ended:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def lines(self):
        return self.out.splitlines()

    def json(self):
        return json.loads(self.out)

    def jsons(self):
        return [json.loads(line) for line in self.lines]


def environment(url=None, **more):
    """Nothing of whoever runs the tests: no context, no colour setting."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("NACRE_", "NATS_", "NO_COLOR", "ES_"))}
    env.update({"HOME": "/nonexistent", "NACRE_STORE_ID": STORE, "TERM": "xterm"})
    env.pop("XDG_CONFIG_HOME", None)
    if url:
        env["NATS_URL"] = url
    env.update({k: v for k, v in more.items() if v is not None})
    for name in [k for k, v in more.items() if v is None]:
        env.pop(name, None)
    return env


class Nacre:
    """Calls it with one store's environment."""

    def __init__(self, url=None, **env):
        self.env = environment(url, **env)

    @classmethod
    def beside(cls, client):
        return cls(f"nats://{client.nc.connected_url.netloc}")

    async def start(self, *args, stdin=None, **env):
        return await asyncio.create_subprocess_exec(
            NACRE, *args, env={**self.env, **env}, stdin=asyncio.subprocess.PIPE if stdin is None else stdin,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1 << 24)

    async def __call__(self, *args, stdin=b"", seconds=30, **env):
        process = await self.start(*args, **env)
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin), seconds)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
            raise AssertionError(f"nacre {' '.join(args)}: not within {seconds} s") from None
        return Ended(process.returncode, out.decode(), err.decode())

    async def ok(self, *args, **options):
        ended = await self(*args, **options)
        check(ended.code == 0, f"nacre {' '.join(args)}: {ended.code}: {ended.err}")
        return ended

    async def fails(self, code, said, *args, **options):
        """That exit code, one line on stderr that holds `said`, nothing on stdout."""
        ended = await self(*args, **options)
        equal(ended.code, code, f"nacre {' '.join(args)}: {ended.err}")
        check(said in ended.err, f"nacre {' '.join(args)}: {said!r} is not in {ended.err!r}")
        equal(ended.out, "", f"nacre {' '.join(args)}: stdout")
        return ended

    async def on_terminal(self, *args, seconds=30, **env):
        """Both outputs on a pseudo terminal: what was written, and the exit code."""
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(NACRE, *args, env={**self.env, **env}, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        code = await asyncio.wait_for(process.wait(), seconds)
        written = b""
        try:
            while part := os.read(ours, 65536):
                written += part
        except OSError:  # the other end has gone
            pass
        os.close(ours)
        return Ended(code, written.decode(), "")


async def bash_completes(n, line, **env):
    """The words that bash offers at the end of this line."""
    script = (await n.ok("completion", "bash")).out
    words = line.split(" ")
    quoted = " ".join("'" + word + "'" for word in words)
    program = f"{script}\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words) - 1}\n_nacre\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-uc", program], env={**n.env, **env, "PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    equal((done.returncode, done.stderr), (0, b""), line)
    return done.stdout.decode().split()


class Home:
    """A home directory with natscli's contexts."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="nacre-home-")
        os.makedirs(os.path.join(self.path, ".config/nats/context"))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def context(self, name, text=None, **members):
        with open(os.path.join(self.path, f".config/nats/context/{name}.json"), "w", encoding="utf-8") as f:
            f.write(text if text is not None else json.dumps(members))

    def select(self, name):
        with open(os.path.join(self.path, ".config/nats/context.txt"), "w", encoding="utf-8") as f:
            f.write(name + "\n")
