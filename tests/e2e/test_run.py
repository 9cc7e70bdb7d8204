# SPDX-License-Identifier: GPL-3.0-or-later
"""run.py itself, on tests that are made up: each counts as what it is, alone or beside others."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import check, dies_with_us, equal, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
EVERY_END = """
import os
from harness import Skip, callback_faults
async def test_holds(): print("it said this")
async def test_does_not_hold(): raise AssertionError("it does not")
async def test_is_not_for_here(): raise Skip("not here")
async def test_fails_in_a_callback(): callback_faults.append(AssertionError("later"))
async def test_holds_too(): print("and that")
"""
ITS_PROCESS_ENDS = "import os\nasync def test_ends(): os._exit(7)\n"
ONE_ENDS_NEVER = """
import asyncio, os, time
async def test_ends(): open("ended", "w").close()
async def test_waits(): await blocked_by("waits", asyncio.sleep)
async def test_blocks(): await blocked_by("blocks", time.sleep)
async def blocked_by(name, sleep):
    open(name, "w").close()
    got = sleep(1000)
    if got: await got
"""


class Made:
    """run.py beside modules of these tests alone."""

    def __init__(self, **modules):
        self.modules = modules

    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="nacre-run-")
        for name in ("run.py", "harness.py"):
            shutil.copy(os.path.join(HERE, name), self.home)
        for name, text in self.modules.items():
            with open(os.path.join(self.home, f"test_{name}.py"), "w", encoding="utf-8") as f:
                f.write(text)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.home)

    def has(self, *names):
        return all(os.path.exists(os.path.join(self.home, name)) for name in names)

    def start(self, *args):
        return subprocess.Popen([sys.executable, "run.py", *args], cwd=self.home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                preexec_fn=dies_with_us(signal.SIGTERM))  # fmt: skip


def verdicts(said):
    return dict(re.findall(r"^(test_\w+\.test_\w+): (ok|FAILED|skipped)", said, re.MULTILINE))


async def test_each_counts_as_what_it_is():
    with Made(a=EVERY_END, b=EVERY_END) as made:
        for args in ((), ("--jobs", "2"), ("--jobs", "20")):
            process = made.start(*args)
            said, _ = process.communicate(timeout=60)
            equal((process.returncode, said.splitlines()[-1]), (1, "RESULT 4 4 2"), said)
            for module in ("test_a", "test_b"):
                ends = {"holds": "ok", "does_not_hold": "FAILED", "is_not_for_here": "skipped", "fails_in_a_callback": "FAILED", "holds_too": "ok"}
                equal({n: v for n, v in verdicts(said).items() if n.startswith(module)}, {f"{module}.test_{n}": v for n, v in ends.items()})
            equal((said.count("it said this"), said.count("AssertionError: it does not"), said.count("RESULT ")), (2, 2, 1), said)
        process = made.start("--jobs", "2", "test_a.", "-does", "-callback")
        said, _ = process.communicate(timeout=60)
        equal((process.returncode, said.splitlines()[-1]), (0, "RESULT 2 0 1"), said)
        process = made.start("--jobs", "2", "no_such_test")
        said, _ = process.communicate(timeout=60)
        equal((process.returncode, said), (1, "RESULT 0 0 0\n"))


async def test_a_process_that_ends_is_a_failure_and_not_the_end_of_the_others():
    with Made(a=ITS_PROCESS_ENDS, b=EVERY_END) as made:
        process = made.start("--jobs", "2", "test_ends", "holds")
        said, _ = process.communicate(timeout=60)
        equal((process.returncode, said.splitlines()[-1]), (1, "RESULT 2 1 0"), said)
        check("test_a.test_ends: FAILED: its process ended without a result, with 7" in said, said)


async def test_when_its_time_is_up_it_says_what_ran():
    with Made(a=ONE_ENDS_NEVER, b=EVERY_END) as made:
        for args, began in (((), ["waits"]), (("--jobs", "2"), ["waits", "blocks"])):
            process = made.start(*args)
            wait_for(lambda names=("ended", *began): made.has(*names), 60, "they run")
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=60)
            equal((process.returncode, said.splitlines()[-1]), (1, f"RESULT 1 {len(began)} 0"), said)
            equal(verdicts(said), {"test_a.test_ends": "ok", **{f"test_a.test_{name}": "FAILED" for name in began}}, said)
            check("the suite's time was up" in said, said)
            for name in ("ended", *began):
                os.remove(os.path.join(made.home, name))
