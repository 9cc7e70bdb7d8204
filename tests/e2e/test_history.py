# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker itself, on a million operations; and what a single node answers while it is killed."""
import asyncio
import os
import subprocess
import tempfile
import time

from harness import TOP, Both, Client, Failure, check
from history import CHECKER, History, Load

MAKER = os.path.join(TOP, "build/release/tests/make_history")


async def test_a_million_operations_are_judged():
    with tempfile.NamedTemporaryFile("wb", suffix=".jsonl") as file:
        subprocess.run([MAKER, "1000000"], stdout=file, check=True)
        file.flush()
        began = time.monotonic()
        said = subprocess.run([CHECKER, file.name], capture_output=True, text=True, check=False)
        print(f"a million operations were judged in {time.monotonic() - began:.1f} s")
    check(said.returncode == 0 and "HOLDS" in said.stdout, said.stdout[-500:])


async def test_a_node_that_is_killed_keeps_its_promises():
    async with Both() as it:
        history = History()
        clients = [await Client.connect(it.server.url) for _ in range(6)]
        load = Load(history, clients)
        for _ in range(3):
            await asyncio.sleep(0.7)
            await asyncio.to_thread(it.node.restart)
            load.check_alive()
        await asyncio.sleep(0.5)
        await load.stop()
        head = await history.final(it.client, "n1")
        check(head >= load.done > 100, f"head {head}, {load.done} answered")
        history.judge()
        for client in clients:
            await client.close()


async def test_a_lost_answer_is_found():
    """The judge must not be content with a store that forgot one event."""
    async with Both() as it:
        history = History()
        for i in range(5):
            await history.append(it.client, "a", f"e{i}", "{}")
        history.write(op="append", start=1, end=2, events=[{"stream": "a", "id": "gone", "data": "{}"}], results=[{"seq": 6, "pos": 6}])
        await history.final(it.client, "n1")
        try:
            history.judge()
        except Failure as fault:
            check("lost" in str(fault), str(fault))
            os.unlink(history.file.name)
            return
        raise Failure("a lost event was not found")
