# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every `async def test_*` of the modules beside this one, or those whose names hold an argument; never those
whose names hold an argument that is written with a hyphen before it (-test_cli).

A module may have SHARED = True: its tests share one server and one node, made once. Ends with
"RESULT passed failed skipped"."""
import asyncio
import importlib
import inspect
import os
import signal
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from harness import Client, NatsServer, Node, Skip, callback_faults  # noqa: E402

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


def ended_from_outside(_signal, _frame):
    """The suite's time is up: what ran counts, and what ran last is named."""
    said = f"{tally['now']}: FAILED: the suite's time was up\nRESULT {tally['passed']} {tally['failed'] + 1} {tally['skipped']}\n"
    os.write(1, said.encode())  # not print: the signal may have come within one
    os._exit(1)


async def main(wanted):
    unwanted = [w[1:] for w in wanted if w.startswith("-")]
    wanted = [w for w in wanted if not w.startswith("-")]
    names = sorted(n[:-3] for n in os.listdir(HERE) if n.startswith("test_") and n.endswith(".py"))
    for name in names:
        module = importlib.import_module(name)
        tests = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and inspect.iscoroutinefunction(f)]
        tests = [(n, f) for n, f in tests if not wanted or any(w in f"{name}.{n}" for w in wanted)]
        tests = [(n, f) for n, f in tests if not any(w in f"{name}.{n}" for w in unwanted)]
        if not tests:
            continue
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
    print(f"RESULT {tally['passed']} {tally['failed']} {tally['skipped']}")
    return 1 if tally["failed"] or not tally["passed"] else 0


async def run_all(wanted):
    code = await main(wanted)
    sys.stdout.flush()
    # Not by way of asyncio's own end, which waits for ever for a task that a test or a client has left behind and that does not
    # heed its cancelling: all that counts is done and printed, and servers and nodes end with this process.
    os._exit(code)


signal.signal(signal.SIGALRM, blocked)
signal.signal(signal.SIGTERM, ended_from_outside)
asyncio.run(run_all(sys.argv[1:]))
