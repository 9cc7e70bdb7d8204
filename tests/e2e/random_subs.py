# SPDX-License-Identifier: GPL-3.0-or-later
"""Random programs over a few subscriptions of a real node, one connection, mostly without waiting for answers; random_subs_model.py
says what they owe. A program follows from its seed, is a list of JSON lines, and can be run again and made smaller:

    NCTEST_TOP=$PWD python tests/e2e/random_subs.py [--seeds FIRST COUNT] [--for SECONDS] [--kills] [--nodes 3 [--placement spread]] [--wide] [--keep-on] [--shrink]
    NCTEST_TOP=$PWD python tests/e2e/random_subs.py --program FILE

With --kills nodes are killed, and leaders hand over; with --placement spread several nodes share what is durable.
"""
import argparse
import asyncio
import json
import random
import sys
import time

from harness import Both, Cluster, Failure
from random_subs_programs import a_program
from random_subs_run import Run
from random_subs_wide import widen

DRAIN_S = 20
LAST = {"max_deliver": -1, "ack_wait_ms": 20000, "on_exhausted": "park", "backoff_ms": []}


class Judged(Run):
    """A run, and its end: all is acknowledged, and then nothing is owed."""

    async def told(self, verb, sub, body=b""):
        """Asked again while it moves, or nobody leads."""
        end = time.monotonic() + DRAIN_S
        while True:
            answer = await self.client.ask(f"sub.{verb}.{self.tag}s{sub}", body)
            if not (isinstance(answer, tuple) and answer[0] == 503) or time.monotonic() > end:
                return answer
            await asyncio.sleep(0.05)

    async def drain(self, what):
        end = time.monotonic() + DRAIN_S
        left, calm = {}, 0
        while calm < 2:
            if time.monotonic() > end:
                raise Failure(f"{what}: not through within {DRAIN_S} s: {left}")
            for _ in range(6):
                await self.take_all()
            left = {}
            for sub in self.models:
                info = await self.told("info", sub)
                if info["state"] in ("halted", "paused"):
                    await self.do_resume(sub)
                if info["pending"] or info["in_flight"] or info.get("backfill_through") or info["state"] in ("halted", "paused"):
                    left[sub] = info
            calm = 0 if left or self.held else calm + 1
        if any(model.definition["ack"] == "none" for model in self.models.values()):
            await asyncio.sleep(0.25)  # nobody waited for it to be in the log

    async def take_all(self):
        """One more request each, where none waits, and all that came acknowledged."""
        for sub, model in self.models.items():
            mine = [pull for pull in self.pulls.values() if f" of s{sub} " in pull.text and not pull.ended and not pull.forsaken]
            if not model.definition["push"] and not mine:
                await self.do_next(sub, 20, 200, False)
        while self.held:
            await self.answer(self.held.pop(0), "ack", True)
        await asyncio.sleep(0.005)

    async def rows(self, sub):
        got = await self.told("parked", sub, b'{"limit":1000}')
        if got["total"] != len(got["parked"]):
            self.fault(f"s{sub}: parked says {got['total']}, and lists {len(got['parked'])}")
        return got["parked"]

    async def judge(self, sub, model):
        rows = await self.rows(sub)
        for text in model.faults(rows):
            self.fault(f"s{sub}: {text}")
        parked = {row["pos"] for row in rows}
        for pos in random.Random(1).sample(sorted(self.events), min(5, len(self.events))):
            told = await self.told("explain", sub, json.dumps({"pos": pos}).encode())
            passing = told["state"] == "not_reached" and not told["matches"]  # what it waits for lies elsewhere
            if (told["state"] == "parked") != (pos in parked) or not passing and told["state"] not in ("parked", "done", "not_matching", "before_start"):
                self.fault(f"s{sub}: explain of {pos}, parked {pos in parked}: {told}")
        return parked

    async def replay_all(self, sub):
        """Asked again while it moves, or something else is under way."""
        end = time.monotonic() + DRAIN_S
        while sub in self.models:
            asked, told = await self.replay(sub, {})
            await self.within(asked)
            if "error" not in told[0]:
                return
            if told[0]["error"]["code"] not in (409, 429, 503) or time.monotonic() > end:
                raise Failure(f"replay of s{sub}: {told[0]}")
            await asyncio.sleep(0.05)

    async def finish(self):
        """All is acknowledged, then all that is parked replayed and acknowledged, too."""
        for sub in list(self.changes):
            await self.settled(sub)
        for sub in list(self.models):
            await self.settled(sub)
            if sub in self.models and self.models[sub].definition["ack"] == "none":  # else half a second each
                await self.do_update(sub, {"order": "none", "max_in_flight": 1000}, False, 0)
                await self.settled(sub)
        await self.do_sync()
        await self.drain("the end")
        await self.do_sync()
        for sub, model in self.models.items():
            await self.judge(sub, model)
        for sub in list(self.models):
            await self.do_update(sub, LAST, False, 0)
            await self.settled(sub)
            await self.replay_all(sub)
        await self.do_sync()
        await self.drain("the replay")
        await self.do_sync()
        for sub, model in self.models.items():
            left = await self.judge(sub, model)
            if left:
                self.fault(f"s{sub}: parked after all was replayed and acknowledged: {sorted(left)}")
        await asyncio.sleep(0.3)
        await self.drain("what waits")
        await self.ends()

    async def ends(self):
        """Each pull request has its end, each request its answer."""
        end = time.monotonic() + 3
        while time.monotonic() < end and not all(pull.ended or pull.forsaken for pull in self.pulls.values()):
            await asyncio.sleep(0.02)
        for pull in self.pulls.values():
            if not pull.ended and not pull.forsaken:
                self.fault(f"{pull.text}: {pull.got} of {pull.batch} came, and no end")
        await self.do_sync()
        await self.consequences_wrong()

    async def run(self, program):
        """What was wrong, as lines."""
        listening = await self.nc.subscribe(f"rnd.{self.tag}.>", cb=self.hear, pending_msgs_limit=-1, pending_bytes_limit=-1)
        try:
            for action in program:
                await getattr(self, f"do_{action[0]}")(*action[1:])
                if self.wrong:
                    break
            if not self.wrong:
                await self.finish()
        except Exception as fault:  # noqa: BLE001: it is shown with the program
            self.fault(repr(fault) if not isinstance(fault, Failure) else str(fault))
        finally:
            for sub in set(self.names.values()):
                try:
                    await self.client.request(f"sub.delete.{self.tag}s{sub}")
                except Exception as fault:  # noqa: BLE001: that is shown with the program, too
                    self.fault(f"delete of s{sub}: {fault!r}")
            await listening.unsubscribe()
        return self.wrong


# ---- Many -------------------------------------------------------------------------------------


async def attempt(it, program, placement="leader"):
    run = Judged(it, placement)
    return await run.run(program), run.trace


async def shrunk(it, program, placement, tries=4):
    """Without what it fails without; what fails at times only is tried a few times."""
    size = max(1, len(program) // 2)
    while True:
        at = 0
        while at < len(program):
            less = program[:at] + program[at + size :]
            if any([(await attempt(it, less, placement))[0] for _ in range(tries)]):
                program = less
            else:
                at += size
        if size == 1:
            return program
        size //= 2


def show(seed, program, wrong, trace=()):
    print(f"seed {seed}: " + "\n  ".join(wrong[:10]))
    print("\n".join(json.dumps(action) for action in program))
    print("\n".join(trace), flush=True)


class Kind:
    """Of programs."""

    def __init__(self, kills=False, wide=False, placement="leader"):
        self.kills, self.wide, self.placement = kills, wide, placement


async def check_seeds(it, seeds, kind=Kind(), shrink=False, seconds=None):
    """Stops at the first that fails, and shows it. How many held."""
    began, held = time.monotonic(), 0
    for seed in seeds:
        if seconds and time.monotonic() - began > seconds:
            break
        program = a_program(seed, kind.kills)
        if kind.wide:
            program = widen(program, seed)
        wrong, trace = await attempt(it, program, kind.placement)
        if wrong:
            show(seed, program, wrong, trace if not shrink else ())
            if shrink:
                program = await shrunk(it, program, kind.placement)
                for _ in range(10):
                    wrong, trace = await attempt(it, program, kind.placement)
                    if wrong:
                        break
                show(seed, program, wrong, trace)
            raise Failure(f"seed {seed}: {wrong[0] if wrong else 'not again'}")
        held += 1
    return held


class Several:
    """As Both, of several nodes."""

    def __init__(self, count):
        self.count = count

    async def __aenter__(self):
        self.cluster = Cluster(self.count)
        self.client = await self.cluster.client()
        await self.cluster.leader(self.client)
        return self

    async def __aexit__(self, *_):
        await self.client.close()
        self.cluster.remove()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", nargs=2, type=int, default=[1, 100])
    parser.add_argument("--for", dest="seconds", type=float)
    parser.add_argument("--kills", action="store_true")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--keep-on", action="store_true")
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--placement", default="leader")
    parser.add_argument("--program")
    given = parser.parse_args()
    seeds = range(given.seeds[0], sum(given.seeds))
    kind = Kind(given.kills, given.wide, given.placement)
    async with Both() if given.nodes == 1 else Several(given.nodes) as it:
        if given.program:
            with open(given.program, encoding="utf-8") as f:
                program = [json.loads(line) for line in f if line.strip()]
            for _ in range(10):
                wrong, trace = await attempt(it, program, given.placement)
                if wrong:
                    break
            show("given", program, wrong, trace)
            return 1 if wrong else 0
        if not given.keep_on:
            print(await check_seeds(it, seeds, kind, given.shrink, given.seconds), "programs held")
            return 0
        failed, tried, began = 0, 0, time.monotonic()
        for seed in seeds:
            if given.seconds and time.monotonic() - began > given.seconds:
                break
            tried += 1
            try:
                await check_seeds(it, [seed], kind, given.shrink)
            except Failure as fault:
                failed += 1
                print("FAILED", fault, flush=True)
        print(tried, "tried", failed, "failed")
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
