# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of a program on a real node, and what is heard of it, told to the models in the order in which it came."""
import asyncio
import json
import random
import time

from harness import Failure
from random_subs_model import Event, Sub

ANSWER_S = 15  # by then a node that is well has answered whatever it is asked


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
