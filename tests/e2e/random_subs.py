# SPDX-License-Identifier: GPL-3.0-or-later
"""Random programs over a few subscriptions of a real node, one connection, mostly without waiting for answers; random_subs_model.py
says what they owe. A program follows from its seed, is a list of JSON lines, and can be run again and made smaller:

    NCTEST_TOP=$PWD python tests/e2e/random_subs.py [--seeds FIRST COUNT] [--for SECONDS] [--shrink] [--program FILE]
"""
import argparse
import asyncio
import json
import random
import sys
import time

from harness import Both, Failure
from random_subs_model import Event, Sub

STREAMS, TYPES, TAGS = ["a", "b", "c"], ["A", "B"], ["x", "y", None]
ANSWER_S = 15  # by then a node that is well has answered whatever it is asked
DRAIN_S = 20
LAST = {"max_deliver": -1, "ack_wait_ms": 20000, "on_exhausted": "park", "backoff_ms": []}


# ---- Programs ---------------------------------------------------------------------------------


def a_filter(rng):
    if rng.random() < 0.25:
        return {"plugin": "by_event_type", "selector": rng.choice(TYPES)}
    return {"plugin": "by_stream", "selector": sorted(rng.sample(STREAMS, rng.randint(1, 3)))}


def some_limits(rng):
    return {
        "max_in_flight": rng.choice([1, 2, 5, 1000]),
        "max_deliver": rng.choice([1, 2, 3, -1]),
        "ack_wait_ms": rng.choice([300, 1000, 20000, 20000]),
        "backoff_ms": rng.choice([[], [50], [20, 200]]),
        "on_exhausted": rng.choice(["park", "park", "skip", "stop"]),
    }


def a_definition(rng, push=None):
    order = rng.choice(["none", "global", "stream", "tag:key:"])
    ack = rng.choice(["explicit", "explicit", "all"]) if order in ("none", "global") else "explicit"
    made = {"filter": a_filter(rng), "start": rng.choice(["first", "first", "new"]), "order": order, "ack": ack, **some_limits(rng)}
    made["push"] = rng.random() < 0.4 if push is None else push
    made["durable"] = rng.random() < 0.75
    return made


def a_change(rng):
    kind = rng.random()
    if kind < 0.45:
        return {"filter": a_filter(rng)}, rng.random() < 0.6
    if kind < 0.6:
        return some_limits(rng), False
    if kind < 0.75:
        return {"order": rng.choice(["none", "global", "stream", "tag:key:"]), "ack": "explicit"}, False
    if kind < 0.9:
        return {"push": rng.random() < 0.5}, False
    return {"start": rng.choice(["first", "new", "pos"])}, False


def an_event(rng):
    return [rng.choice(STREAMS), rng.choice(TYPES), rng.choice(TAGS)]


def an_action(rng, count):
    sub, luck = rng.randrange(count), rng.random
    kinds = {
        "append": lambda: [[an_event(rng)] for _ in range(rng.randint(1, 6))],
        "batch": lambda: [[an_event(rng) for _ in range(rng.randint(2, 30))]],
        "next": lambda: [sub, rng.choice([1, 1, 2, 3, 10, 200]), rng.choice([50, 300, 800]), luck() < 0.3],
        "answer": lambda: [luck(), rng.choice(["ack", "ack", "nak", "later", "term", "wpi"]), luck() < 0.5],
        "answers": lambda: [sub, rng.choice(["ack", "nak", "term", "mixed"]), rng.randint(1, 20), luck()],
        "wait": lambda: [rng.choice([0, 0.001, 0.01, 0.05, 0.1, 0.35])],
        "sync": lambda: [],
        "pause": lambda: [sub],
        "resume": lambda: [sub],
        "seek": lambda: [sub, rng.choice(["first", "new", "pos", "pos", "pos"]), luck()],
        "update": lambda: [sub, *a_change(rng), luck()],
        "replay": lambda: [sub, rng.choice(["all", "all", "key", "pos"]), luck()],
        "again": lambda: [sub, a_definition(rng)],
        "kill": lambda: [],
    }
    weights = [14, 3, 16, 14, 14, 12, 5, 2, 3, 6, 9, 7, 1.5, 0.4]
    kind = rng.choices(list(kinds), weights)[0]
    return [kind, *kinds[kind]()]


def a_program(seed, kills):
    rng = random.Random(seed)
    count = rng.randint(1, 3)
    program = [["create", i, a_definition(rng)] for i in range(count)]
    program[rng.randint(0, count) : 0] = [["batch", [an_event(rng) for _ in range(rng.randint(1, 40))]]]
    for _ in range(rng.randint(20, 70)):
        action = an_action(rng, count)
        if kills or action[0] != "kill":
            program.append(action)
    return program


# ---- Running one ------------------------------------------------------------------------------


class Delivery:
    def __init__(self, sub, model, pos, epoch, attempt, reply):
        self.sub, self.model, self.pos, self.epoch, self.attempt, self.reply = sub, model, pos, epoch, attempt, reply


class Pull:
    def __init__(self, batch, text):
        self.batch, self.got, self.text, self.ended = batch, 0, text, None


class Run:
    """Of a program; names, streams and types are those of this run alone."""

    serial = 0

    def __init__(self, it, placement="leader"):
        Run.serial += 1
        self.it, self.client, self.nc, self.placement = it, it.client, it.client.nc, placement
        self.tag = f"r{Run.serial}"
        self.events, self.models, self.names = {}, {}, {}
        self.asked, self.pulls, self.changes = {}, {}, {}
        self.held, self.early, self.wrong, self.trace = [], [], [], []
        self.number, self.gone = 0, set()
        self.began = time.monotonic()

    def say(self, text):
        self.trace.append(f"{time.monotonic() - self.began:7.3f} {text}")

    def fault(self, text):
        self.say(f"FAULT {text}")
        self.wrong.append(text)

    # ---- What comes ----------------------------------------------------------------------

    async def hear(self, msg):
        try:
            kind, token = msg.subject.split(".")[2:]
            if kind == "a":
                self.answer_came(token, msg)
            elif kind == "p":
                self.pull_came(token, msg)
            elif msg.headers and msg.headers.get("Status"):
                await self.nc.publish(msg.reply, b"")
            else:
                self.delivery_came(msg)
        except Exception as fault:  # noqa: BLE001: else nats-py would hide it
            self.fault(f"{msg.subject} {msg.headers} {msg.data[:200]}: {fault!r}")

    def answer_came(self, token, msg):
        text, on_answer, future = self.asked.pop(token, (None, None, None))
        if text is None:
            self.fault(f"a second answer: {msg.data[:200]}")
            return
        self.say(f"  {text} -> {msg.headers or ''} {msg.data[:200]!r}")
        if on_answer:
            on_answer(None if not msg.data else json.loads(msg.data))
        future.set_result(None)

    def pull_came(self, token, msg):
        pull = self.pulls.get(token)
        if pull is None:  # asked of a node that was killed
            return
        if pull.ended and "Consumer Deleted" not in pull.ended:
            self.fault(f"{pull.text}: something came behind its end, {pull.ended}: {msg.headers}")
        if msg.headers and "Es-Subscription" in msg.headers:
            pull.got += 1
            if pull.got == pull.batch:
                pull.ended = "all given"
            self.delivery_came(msg)
        else:
            pull.ended = str(msg.headers)
            self.say(f"  {pull.text} ended: {msg.headers}")

    def delivery_came(self, msg):
        h = msg.headers
        epoch, pos, attempt = (int(x) for x in msg.reply.split(".")[-3:])
        sub = self.names.get(h["Es-Subscription"])
        self.know(pos, h["Es-Stream"], h["Es-Type"], h.get("Es-Tags"))
        change = self.changes.get(sub)
        if (sub, epoch) not in self.gone and change and not change.done() and (sub not in self.models or epoch > self.models[sub].epoch):
            self.early.append((sub, msg))
            return
        model = self.models.get(sub)
        self.say(f"    {h['Es-Subscription']} gets {pos} ({h['Es-Stream']} {h['Es-Type']} {h.get('Es-Tags', '')}) epoch {epoch} attempt {attempt}")
        if model is None or (sub, epoch) in self.gone:  # on its way when that was deleted
            return
        wrong = model.came(pos, epoch, attempt)
        if wrong:
            self.fault(f"{h['Es-Subscription']} was given {pos} (epoch {epoch}, attempt {attempt}): {wrong}")
        self.held.append(Delivery(sub, model, pos, epoch, attempt, msg.reply))

    def change_done(self, sub):
        waiting = [msg for of, msg in self.early if of == sub]
        self.early = [pair for pair in self.early if pair[0] != sub]
        self.changes.pop(sub, None)
        for msg in waiting:
            self.delivery_came(msg)

    def know(self, pos, stream, type, tag):
        if pos in self.events:
            return
        self.events[pos] = Event(pos, stream.split(".")[1], type.split("-")[1], tag and tag.split(":")[1])
        for model in self.models.values():
            model.know(self.events[pos])

    # ---- What goes -----------------------------------------------------------------------

    async def ask(self, subject, body, on_answer=None, headers=None, text=None):
        """A future that is done when the answer was looked at."""
        self.number += 1
        token = str(self.number)
        future = asyncio.get_running_loop().create_future()
        self.asked[token] = (text or f"{subject} {body.decode()[:300]}", on_answer, future)
        self.say(f"{subject} {body.decode()[:300]}")
        await self.nc.publish(subject, body, reply=f"rnd.{self.tag}.a.{token}", headers=headers)
        return future

    async def verb(self, verb, sub, body=None, on_answer=None):
        name = f"{self.tag}s{sub}"
        return await self.ask(f"{self.client.root}.sub.{verb}.{name}", b"" if body is None else json.dumps(body).encode(), on_answer)

    async def change(self, verb, sub, body, on_made):
        """One at a time; what is refused has changed nothing."""
        await self.settled(sub)
        if sub in self.models:
            self.models[sub].changing = True

        def on_answer(answer):
            if sub in self.models:
                self.models[sub].changing = False
            if "error" not in answer:
                on_made(answer)
            elif answer["error"]["code"] not in (409, 429, 400):
                self.fault(f"{verb} {body}: {answer}")
            self.change_done(sub)

        self.changes[sub] = asyncio.get_running_loop().create_future()  # something comes early already
        self.changes[sub] = await self.verb(verb, sub, body, on_answer)

    async def settled(self, sub):
        while self.changes.get(sub):
            await self.within(self.changes[sub])

    async def within(self, future):
        await asyncio.wait([future], timeout=ANSWER_S)
        if not future.done():
            raise Failure("unanswered: " + "; ".join(text for text, _, of in self.asked.values() if of is future))

    def names_of(self, filter):
        own = [f"{self.tag}.{s}" for s in filter["selector"]] if filter["plugin"] == "by_stream" else f"{self.tag}-{filter['selector']}"
        return {"plugin": filter["plugin"], "selector": own}

    def wire(self, sub, members):
        """As the node takes them."""
        sent = dict(members)
        if "filter" in sent:
            sent["filter"] = self.names_of(sent["filter"])
        if "push" in sent:
            sent["deliver"] = {"subject": f"rnd.{self.tag}.w.s{sub}"} if sent.pop("push") else None
        return sent

    # ---- Actions -------------------------------------------------------------------------

    async def do_create(self, sub, definition):
        if sub in self.models:
            return
        definition = {**definition, "placement": self.placement if definition["durable"] else "leader"}
        self.names[f"{self.tag}s{sub}"] = sub

        def made(answer):
            self.models[sub] = Sub(definition, self.events, answer["epoch"], answer["pos"])

        await self.change("create", sub, self.wire(sub, definition), made)

    async def do_again(self, sub, definition):
        if sub in self.models or self.changes.get(sub):
            await self.change("delete", sub, None, lambda _: self.deleted(sub))
            await self.settled(sub)
        await self.do_create(sub, definition)

    def deleted(self, sub):
        model = self.models.pop(sub, None)
        if model:
            self.gone.add((sub, model.epoch))

    async def do_append(self, *events):
        for event in events:
            await self.do_one(*event[0])

    async def do_one(self, stream, type, tag):
        stream, type = f"{self.tag}.{stream}", f"{self.tag}-{type}"
        headers = {"Es-Tags": f"key:{tag}"} if tag else None

        def on_answer(answer):
            self.know(answer["pos"], stream, type, tag and f"key:{tag}")

        await self.ask(f"{self.client.root}.append.{type}.{stream}", b"{}", on_answer, headers)

    async def do_batch(self, events):
        sent = [{"stream": f"{self.tag}.{s}", "type": f"{self.tag}-{t}", "data": {}, "tags": [f"key:{k}"] if k else []} for s, t, k in events]

        def on_answer(answer):
            for event, result in zip(sent, answer["results"]):
                self.know(result["pos"], event["stream"], event["type"], event["tags"][0] if event["tags"] else None)

        await self.ask(f"{self.client.root}.batch", json.dumps({"events": sent}).encode(), on_answer, text=f"batch of {len(sent)}")

    async def do_next(self, sub, batch, expires_ms, no_wait):
        model = self.models.get(sub)
        if model is None or model.definition["push"] and not self.changes.get(sub):
            return
        self.number += 1
        body = {"batch": batch, "expires_ms": expires_ms, **({"no_wait": True} if no_wait else {})}
        text = f"next {self.number} of s{sub} {json.dumps(body)}"
        self.pulls[str(self.number)] = Pull(batch, text)
        self.say(text)
        await self.nc.publish(f"{self.client.root}.sub.next.{self.tag}s{sub}", json.dumps(body).encode(), reply=f"rnd.{self.tag}.p.{self.number}")

    async def do_answer(self, luck, kind, asked):
        if self.held:
            await self.answer(self.held.pop(int(luck * len(self.held))), kind, asked)

    async def do_answers(self, sub, kind, count, luck):
        rng = random.Random(luck)
        mine = [d for d in self.held if d.sub == sub][:count]
        for delivery in mine:
            self.held.remove(delivery)
            await self.answer(delivery, rng.choice(["ack", "nak", "term", "later"]) if kind == "mixed" else kind, rng.random() < 0.5)

    async def answer(self, delivery, kind, asked):
        model, pos = delivery.model, delivery.pos
        reason = f"no {pos}"
        body = {"ack": b"", "nak": b"-NAK", "later": b'-NAK {"delay_ms":150}', "term": f"+TERM {reason}".encode(), "wpi": b"+WPI"}[kind]
        confirm = None
        if delivery.epoch == model.epoch and self.models.get(delivery.sub) is model:
            if kind == "ack":
                model.acked(pos)
                confirm = model.confirm
            elif kind == "term":
                model.term(pos, reason)
                confirm = model.term_confirmed
            elif kind in ("nak", "later"):
                model.nakked(pos, delivery.attempt)

        def on_answer(answer):
            if answer is None and confirm:
                confirm(pos, delivery.epoch)

        if asked and kind in ("ack", "term"):
            await self.ask(delivery.reply, body, on_answer)
        else:
            self.say(f"{delivery.reply} {body.decode()}")
            await self.nc.publish(delivery.reply, body)
        if kind == "wpi":
            self.held.append(delivery)

    async def do_wait(self, seconds):
        await asyncio.sleep(seconds)

    async def do_sync(self):
        for _, _, future in list(self.asked.values()):
            await self.within(future)

    async def do_pause(self, sub):
        if sub in self.models:
            await self.verb("pause", sub)

    async def do_resume(self, sub):
        if sub in self.models:
            self.models[sub].reset_all |= self.models[sub].exhausted
            await self.verb("resume", sub)

    def somewhere(self, luck):
        known = sorted(self.events)
        return known[int(luck * len(known))] if known else 1

    async def do_seek(self, sub, kind, luck):
        await self.settled(sub)
        model = self.models.get(sub)
        if model is not None:
            body = {"pos": self.somewhere(luck)} if kind == "pos" else kind
            await self.change("seek", sub, body, lambda answer: model.begin(answer["epoch"], answer["pos"]))

    async def do_update(self, sub, members, backfill, luck):
        await self.settled(sub)
        model = self.models.get(sub)
        if model is None:
            return
        members = {**members, **({"start": {"pos": self.somewhere(luck)}} if members.get("start") == "pos" else {})}
        definition = {**model.definition, **members}
        restarted = definition["start"] != model.definition["start"]

        def made(answer):
            model.updated(definition, answer["epoch"], answer["pos"], restarted, backfill)

        await self.change("update", sub, {**self.wire(sub, members), "backfill": backfill}, made)

    async def do_replay(self, sub, kind, luck):
        model = self.models.get(sub)
        if model is None:
            return
        some = sorted(model.must_park) or sorted(model.may)
        if kind != "all" and not some:
            return
        pos = some[int(luck * len(some))] if some else 0
        key = model.events[pos].key(model.definition["order"]) if some else None
        if key and model.definition["order"] == "stream":
            key = f"{self.tag}.{key}"
        body = {"all": {}, "pos": {"pos": [pos]}, "key": {"key": key}}[kind]
        if kind == "key" and key in (None, "*"):
            return
        model.replayed()
        await self.verb("replay", sub, body)

    async def do_kill(self):
        await self.do_sync()
        self.pulls.clear()
        for sub, model in list(self.models.items()):
            model.killed()
            if not model.definition["durable"]:
                self.deleted(sub)
        await asyncio.to_thread(self.it.node.restart)
        self.asked.clear()
        self.held = [d for d in self.held if d.sub in self.models]
        await self.nc.flush()

    # ---- The end -------------------------------------------------------------------------

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
                info = await self.client.ask(f"sub.info.{self.tag}s{sub}")
                if info["state"] in ("halted", "paused"):
                    await self.do_resume(sub)
                if info["pending"] or info["in_flight"] or info.get("backfill_through") or info["state"] in ("halted", "paused"):
                    left[sub] = info
            calm = 0 if left or self.held else calm + 1

    async def take_all(self):
        """One more request each, where none waits, and all that came acknowledged."""
        for sub, model in self.models.items():
            mine = [pull for pull in self.pulls.values() if f" of s{sub} " in pull.text and not pull.ended]
            if not model.definition["push"] and not mine:
                await self.do_next(sub, 20, 200, False)
        while self.held:
            await self.answer(self.held.pop(0), "ack", True)
        await asyncio.sleep(0.005)

    async def rows(self, sub):
        got = await self.client.ask(f"sub.parked.{self.tag}s{sub}", b'{"limit":1000}')
        if got["total"] != len(got["parked"]):
            self.fault(f"s{sub}: parked says {got['total']}, and lists {len(got['parked'])}")
        return got["parked"]

    async def judge(self, sub, model):
        rows = await self.rows(sub)
        for text in model.faults(rows):
            self.fault(f"s{sub}: {text}")
        parked = {row["pos"] for row in rows}
        for pos in random.Random(1).sample(sorted(self.events), min(5, len(self.events))):
            told = await self.client.ask(f"sub.explain.{self.tag}s{sub}", json.dumps({"pos": pos}).encode())
            if (told["state"] == "parked") != (pos in parked) or told["state"] not in ("parked", "done", "not_matching", "before_start"):
                self.fault(f"s{sub}: explain of {pos}, parked {pos in parked}: {told}")
        return parked

    async def finish(self):
        """All is acknowledged, then all that is parked replayed and acknowledged, too."""
        for sub in list(self.models):
            await self.settled(sub)
        await self.do_sync()
        await self.drain("the end")
        await self.do_sync()
        for sub, model in self.models.items():
            await self.judge(sub, model)
        for sub in self.models:
            await self.do_update(sub, LAST, False, 0)
            await self.settled(sub)
            self.models[sub].replayed()
            await self.verb("replay", sub, {})
        await self.do_sync()
        await self.drain("the replay")
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
        while time.monotonic() < end and not all(pull.ended for pull in self.pulls.values()):
            await asyncio.sleep(0.02)
        for pull in self.pulls.values():
            if not pull.ended:
                self.fault(f"{pull.text}: {pull.got} of {pull.batch} came, and no end")
        await self.do_sync()

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
                await self.client.request(f"sub.delete.{self.tag}s{sub}")
            await listening.unsubscribe()
        return self.wrong


# ---- Many -------------------------------------------------------------------------------------


async def attempt(it, program):
    run = Run(it)
    return await run.run(program), run.trace


async def shrunk(it, program, tries=4):
    """Without what it fails without; what fails at times only is tried a few times."""
    size = max(1, len(program) // 2)
    while True:
        at = 0
        while at < len(program):
            less = program[:at] + program[at + size :]
            if any([(await attempt(it, less))[0] for _ in range(tries)]):
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


async def check_seeds(it, seeds, kills=False, shrink=False, seconds=None):
    """Stops at the first that fails, and shows it. How many held."""
    began, held = time.monotonic(), 0
    for seed in seeds:
        if seconds and time.monotonic() - began > seconds:
            break
        program = a_program(seed, kills)
        wrong, trace = await attempt(it, program)
        if wrong:
            show(seed, program, wrong, trace if not shrink else ())
            if shrink:
                program = await shrunk(it, program)
                for _ in range(10):
                    wrong, trace = await attempt(it, program)
                    if wrong:
                        break
                show(seed, program, wrong, trace)
            raise Failure(f"seed {seed}: {wrong[0] if wrong else 'not again'}")
        held += 1
    return held


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", nargs=2, type=int, default=[1, 100])
    parser.add_argument("--for", dest="seconds", type=float)
    parser.add_argument("--kills", action="store_true")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--keep-on", action="store_true")
    parser.add_argument("--program")
    given = parser.parse_args()
    seeds = range(given.seeds[0], sum(given.seeds))
    async with Both() as it:
        if given.program:
            with open(given.program, encoding="utf-8") as f:
                program = [json.loads(line) for line in f if line.strip()]
            for _ in range(10):
                wrong, trace = await attempt(it, program)
                if wrong:
                    break
            show("given", program, wrong, trace)
            return 1 if wrong else 0
        if not given.keep_on:
            print(await check_seeds(it, seeds, given.kills, given.shrink, given.seconds), "programs held")
            return 0
        failed, began = 0, time.monotonic()
        for seed in seeds:
            if given.seconds and time.monotonic() - began > given.seconds:
                break
            try:
                await check_seeds(it, [seed], given.kills, given.shrink)
            except Failure as fault:
                failed += 1
                print("FAILED", fault, flush=True)
        print(seed - seeds[0] + 1, "tried", failed, "failed")
        return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
