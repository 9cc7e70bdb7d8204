# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every `async def test_*` of the modules beside this one, or those whose names hold an argument; never those
whose names hold an argument that is written with a hyphen before it (-test_cli).

A module may have SHARED = True: its tests share one server and one node, made once, and run one after the other. --jobs N
runs so many of the others at a time, each in a process of its own; what it says is shown when it has ended. Ends with
"RESULT passed failed skipped"."""
import asyncio
import contextlib
import importlib
import inspect
import os
import re
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from harness import Client, NatsServer, Node, Skip, callback_faults, dies_with_us  # noqa: E402

tally = {"passed": 0, "failed": 0, "skipped": 0, "now": "nothing"}


def limit_seconds():
    return 7200 if os.environ.get("NCTEST_LONG") == "yes" else 300


def blocked(_signal, _frame):
    raise TimeoutError("the test blocks the whole process")


async def within(seconds, test):
    """Runs a test; one that is not done in time fails, also when it does not heed its cancelling or waits for a child without
    asyncio's knowledge: then the alarm ends its call."""
    signal.setitimer(signal.ITIMER_REAL, seconds + 40)
    try:
        task = asyncio.ensure_future(test)
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if done:
            return await task
        where = "".join("".join(traceback.format_stack(frame)) for frame in task.get_stack())
        task.cancel()
        await asyncio.wait({task}, timeout=20)
        raise TimeoutError(f"not done within {seconds} s; it stood at\n{where}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


async def with_client(url, test):
    client = await Client.connect(url)
    try:
        await test(client)
    finally:
        await client.close()


async def run_one(test, shared):
    """A check that does not hold within a callback counts as one that does not hold in the test."""
    callback_faults.clear()
    try:
        if shared:
            await within(limit_seconds(), with_client(shared[1].url, test))
        else:
            await within(limit_seconds(), test())
    finally:
        if callback_faults:  # beside what the test has met, which may have come of it
            raise callback_faults[0]


def result():
    return f"RESULT {tally['passed']} {tally['failed']} {tally['skipped']}\n"


def ended_from_outside(_signal, _frame):
    """The suite's time is up: what ran counts, and what ran last is named."""
    tally["failed"] += 1
    os.write(1, f"{tally['now']}: FAILED: the suite's time was up\n{result()}".encode())  # not print: the signal may have come within one
    os._exit(1)


def chosen(arguments):
    """The tests that are wanted: (module, its name, [(name, test)...]) each, of one module that shares nothing one test each."""
    unwanted = [a[1:] for a in arguments if a.startswith("-")]
    wanted = [a for a in arguments if not a.startswith("-")]
    for name in sorted(n[:-3] for n in os.listdir(HERE) if n.startswith("test_") and n.endswith(".py")):
        module = importlib.import_module(name)
        tests = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and inspect.iscoroutinefunction(f)]
        tests = [(n, f) for n, f in tests if not wanted or any(w in f"{name}.{n}" for w in wanted)]
        tests = [(n, f) for n, f in tests if not any(w in f"{name}.{n}" for w in unwanted)]
        if getattr(module, "SHARED", False) and tests:
            yield module, name, tests
        else:
            yield from ((module, name, [test]) for test in tests)


async def run_group(module, name, tests):
    shared = None
    try:
        if getattr(module, "SHARED", False):
            server = NatsServer()
            shared = (server, Node(server))
        for test_name, test in tests:
            tally["now"] = f"{name}.{test_name}"
            began = time.monotonic()
            try:
                await run_one(test, shared)
                tally["passed"] += 1
                verdict = "ok"
            except Skip as why:
                tally["skipped"] += 1
                verdict = f"skipped: {why}"
            except BaseException as fault:  # noqa: BLE001
                if isinstance(fault, KeyboardInterrupt):
                    raise
                tally["failed"] += 1
                verdict = "FAILED"
                traceback.print_exc()
            print(f"{name}.{test_name}: {verdict} ({time.monotonic() - began:.1f} s)", flush=True)
        if shared and not shared[1].alive():
            tally["failed"] += 1
            print(f"{name}: FAILED: the node ended: {shared[1].log_text()[-800:]}")
    finally:
        if shared:
            shared[1].remove()
            shared[0].remove()


async def run_groups(groups):
    for group in groups:
        await run_group(*group)
    sys.stdout.write(result())
    sys.stdout.flush()
    # Not by way of asyncio's own end, which waits for ever for a task that a test or a client has left behind and that does not
    # heed its cancelling: all that counts is done and printed, and servers and nodes end with this process.
    os._exit(1 if tally["failed"] or not tally["passed"] else 0)


class Jobs:
    """Groups of tests side by side. A process each: what a test leaves behind, and the time it blocks, are its own."""

    def __init__(self):
        self.running = {}  # process id: (name, file with what it says)
        self.over = False

    def begin(self, group):
        name, said = f"{group[1]}.{group[2][0][0]}", tempfile.TemporaryFile()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until each of the two knows what to do then
        pid = os.fork()
        if pid == 0:
            self.become(group, name, said)
        self.running[pid] = (name, said)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def become(self, group, name, said):
        """This process is the group's from now on."""
        dies_with_us(signal.SIGTERM)()
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        tally.update(passed=0, failed=0, skipped=0, now=name)
        signal.signal(signal.SIGTERM, ended_from_outside)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        try:
            asyncio.run(run_groups([group]))
        except BaseException:  # noqa: BLE001: its end is not the end of the others
            traceback.print_exc()
        finally:
            os._exit(1)

    def take_one(self):
        """One that has ended, or ends: what it said is shown, and counts."""
        pid, status = os.wait()
        name, file = self.running.pop(pid)
        file.seek(0)
        said = file.read().decode(errors="replace")
        file.close()
        counts = re.search(r"^RESULT (\d+) (\d+) (\d+)\n\Z", said, re.MULTILINE)
        if counts:
            for what, count in zip(("passed", "failed", "skipped"), counts.groups()):
                tally[what] += int(count)
            said = said[: counts.start()]
        else:
            tally["failed"] += 1
            said += f"{name}: FAILED: its process ended without a result, with {os.waitstatus_to_exitcode(status)}\n"
        sys.stdout.write(said)
        sys.stdout.flush()

    def end_from_outside(self, _signal, _frame):
        """The suite's time is up: those that run say so themselves, and no others are begun."""
        self.over = True
        for pid in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def run(self, groups, at_a_time):
        signal.signal(signal.SIGTERM, self.end_from_outside)
        for group in groups:
            if len(self.running) == at_a_time:
                self.take_one()
            if self.over:
                break
            self.begin(group)
        while self.running:
            self.take_one()


def main(arguments):
    jobs = 1
    if arguments[:1] == ["--jobs"]:
        jobs, arguments = int(arguments[1]), arguments[2:]
    groups = list(chosen(arguments))
    signal.signal(signal.SIGALRM, blocked)
    signal.signal(signal.SIGTERM, ended_from_outside)
    if jobs > 1:
        Jobs().run(groups, jobs)
        groups = []
    asyncio.run(run_groups(groups))


main(sys.argv[1:])
