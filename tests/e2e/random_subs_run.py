# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of a program on a real node, and what is heard of it, told to the models in the order in which it came."""
import asyncio
import json
import time

from harness import Failure, wait_until
from random_subs_answers import Answers, Delivery
from random_subs_chaos import Chaos
from random_subs_events import data_of, given_in, tag_in, tags_of, value_of
from random_subs_model import Event, Sub

DYING_S = 0.3  # behind a kill an acknowledgement may not be answered
DOUBTS_MAX = 3  # changes of unknown outcome, in a program
ANSWER_S = 15  # by then a node that is well has answered whatever it is asked


class Pull:
    """A request for events; its end is awaited."""

    def __init__(self, body, text):
        self.batch, self.max_bytes = body.get("batch", 1), body.get("max_bytes")
        self.got, self.bytes, self.text, self.ended = 0, 0, text, None
        self.forsaken = False  # asked of a node that was killed: perhaps it has no end

    def wrong(self, given):
        """What is wrong with what it was given, or None."""
        self.got += len(given)
        self.bytes += sum(event.bytes() for event in given)
        if self.got >= self.batch:
            self.ended = "all given"
        if self.got > self.batch:
            return f"{self.got} came"
        if self.max_bytes and self.bytes > self.max_bytes:
            return f"{self.bytes} bytes came"
        return None

    def end_wrong(self, headers):
        """408 and 404 say how much of it is left."""
        status, left = str(headers.get("Status")), headers.get("Nats-Pending-Messages")
        if status not in ("404", "408"):
            return False
        return left != str(self.batch - self.got) or (status == "404" and self.got > 0)


class Run(Answers, Chaos):
    """Of a program; names, streams and types are those of this run alone."""

    serial = 0

    def __init__(self, it, placement="leader"):
        Run.serial += 1
        self.it, self.client, self.nc, self.placement = it, it.client, it.client.nc, placement
        self.tag = f"r{Run.serial}"
        self.events, self.models, self.names = {}, {}, {}
        self.asked, self.answered, self.pulls, self.changes = {}, {}, {}, {}
        self.held, self.early, self.wrong, self.trace, self.consequences = [], [], [], [], []
        self.number, self.gone, self.forsaken = 0, set(), set()
        self.doubted, self.doubts, self.killed_at = set(), 0, 0.0
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
            self.fault(f"a second answer to {self.answered.get(token)}: {msg.headers or ''} {msg.data[:200]!r}")
            return
        self.answered[token] = text
        self.say(f"  {text} -> {msg.headers or ''} {msg.data[:200]!r}")
        nobody = not msg.data and msg.headers and str(msg.headers.get("Status")) == "503"
        if on_answer:
            on_answer({"error": {"code": 503}} if nobody else None if not msg.data else json.loads(msg.data))
        self.forsaken.discard(token)
        future.set_result(None)

    def pull_came(self, token, msg):
        pull = self.pulls[token]
        if pull.ended:
            self.fault(f"{pull.text}: something came behind its end, {pull.ended}: {msg.headers}")
        if msg.headers and "Es-Subscription" in msg.headers:
            wrong = pull.wrong(given_in(msg))
            if wrong:
                self.fault(f"{pull.text}: {wrong}")
            self.delivery_came(msg)
        else:
            pull.ended = str(msg.headers)
            if not pull.forsaken and pull.end_wrong(msg.headers):
                self.fault(f"{pull.text}, {pull.got} came: {msg.headers}")
            self.say(f"  {pull.text} ended: {msg.headers}")

    def delivery_came(self, msg, late=False):
        """`late`: it came while a change was under way."""
        name = msg.headers["Es-Subscription"]
        epoch, pos, attempt = (int(x) for x in msg.reply.split(".")[-3:])
        sub, given = self.names.get(name), given_in(msg)
        if (given[-1].pos, given[-1].attempt) != (pos, attempt):
            self.fault(f"{name}: {msg.reply} is of {given[-1].pos}, attempt {given[-1].attempt}")
        for event in given:
            self.know(event.pos, event.stream, event.type, event.tag)
        change = self.changes.get(sub)
        if not late and (sub, epoch) not in self.gone and change and not change.done() and (sub not in self.models or self.models[sub].is_new(epoch)):
            self.early.append((sub, msg))
            return
        model = self.models.get(sub)
        for event in given:
            self.say(f"    {name} gets {event.pos} ({event.stream} {event.type} {event.tag}) epoch {epoch} attempt {event.attempt}")
        if model is None or (sub, epoch) in self.gone:  # on its way when that was deleted
            return
        if self.strays(model, epoch):
            return
        for event in given:
            wrong = event.wrong() or model.came(event.pos, epoch, event.attempt)
            if wrong:
                self.fault(f"{name} was given {event.pos} (epoch {epoch}, attempt {event.attempt}): {wrong}")
        if model.definition["ack"] != "none":
            self.held.append(Delivery(sub, model, epoch, given, msg.reply))

    @staticmethod
    def strays(model, epoch):
        """Of an owner that was, behind what another node answered."""
        return (model.moves or model.crashed) and model.is_old(epoch) and not model.came_since

    def before_change(self, sub, epoch):
        """What came under way of epochs up to this one came before the change: they are a move's."""
        before = [msg for of, msg in self.early if of == sub and int(msg.reply.split(".")[-3]) <= epoch]
        self.early = [pair for pair in self.early if pair[1] not in before]
        for msg in before:
            self.delivery_came(msg, late=True)

    def change_done(self, sub):
        waiting = [msg for of, msg in self.early if of == sub]
        self.early = [pair for pair in self.early if pair[0] != sub]
        self.changes.pop(sub, None)
        for msg in waiting:
            self.delivery_came(msg)

    def know(self, pos, stream, type, tag):
        if pos in self.events:
            return
        self.events[pos] = Event(pos, stream.split(".")[1], type.split("-")[1], tag)
        for model in self.models.values():
            model.know(self.events[pos])

    # ---- What goes -----------------------------------------------------------------------

    async def ask(self, subject, body, on_answer=None, headers=None, text=None):
        """A future that is done when the answer was looked at."""
        self.number += 1
        token = str(self.number)
        future = asyncio.get_running_loop().create_future()
        self.asked[token] = (text or f"{subject} {body.decode()[:300]}", on_answer, future)
        if subject.startswith(f"{self.client.root}.ack.") and time.monotonic() - self.killed_at < DYING_S:
            self.forsaken.add(token)  # its owner may just have died
        self.say(f"{subject} {body.decode()[:300]}")
        await self.nc.publish(subject, body, reply=f"rnd.{self.tag}.a.{token}", headers=headers)
        return future

    async def verb(self, verb, sub, body=None, on_answer=None):
        name = f"{self.tag}s{sub}"
        return await self.ask(f"{self.client.root}.sub.{verb}.{name}", b"" if body is None else json.dumps(body).encode(), on_answer)

    async def change(self, verb, sub, body, on_made, begins=True):
        """One at a time; what is refused has changed nothing. `begins`: an epoch begins with it."""
        await self.settled(sub)
        if sub in self.models:
            self.models[sub].changing = True

        def on_answer(answer):
            if sub in self.models:
                self.models[sub].changing = False
            if "error" not in answer:
                if sub in self.models and "epoch" in answer:
                    self.before_change(sub, answer["epoch"] - begins)
                on_made(answer)
            elif answer["error"]["code"] == 503 and self.may_move(sub):
                self.doubted.add(sub)
            elif answer["error"]["code"] not in (409, 429, 400):
                self.fault(f"{verb} {body}: {answer}")
            self.change_done(sub)

        self.changes[sub] = asyncio.get_running_loop().create_future()  # something comes early already
        self.changes[sub] = await self.verb(verb, sub, body, on_answer)

    def may_move(self, sub):
        return self.placement == "spread" or sub in self.models and (self.models[sub].moves or self.models[sub].crashed)

    async def settled(self, sub):
        while self.changes.get(sub):
            await self.within(self.changes[sub])
        if sub in self.doubted:
            self.doubted.discard(sub)
            await self.forget(sub)

    async def forget(self, sub):
        """Nobody knows what became of a change while it moved: it is deleted, and judged no more."""
        self.doubts += 1
        if self.doubts > DOUBTS_MAX:
            self.fault(f"{self.doubts} changes of unknown outcome")

        async def deleted():
            told = await self.client.ask(f"sub.delete.{self.tag}s{sub}")
            return not isinstance(told, tuple) or told[0] == 404

        await wait_until(deleted, ANSWER_S, f"s{sub}, of which a change is not known, is deleted")
        self.deleted(sub)
        self.held = [d for d in self.held if d.sub != sub]

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
        push, format = sent.pop("push", None), sent.pop("format", None)
        if push is not None:
            sent["deliver"] = {"subject": f"rnd.{self.tag}.w.s{sub}", **({"format": format} if format else {})} if push else None
        return sent

    # ---- Actions -------------------------------------------------------------------------

    async def do_create(self, sub, definition):
        if sub in self.models:
            return
        definition = {"headers_only": False, "format": None, **definition, "placement": self.placement if definition["durable"] else "leader"}
        self.names[f"{self.tag}s{sub}"] = sub

        def made(answer):
            self.models[sub] = Sub(definition, self.events, answer["epoch"], answer["pos"])

        await self.change("create", sub, self.wire(sub, definition), made)

    async def do_again(self, sub, definition):
        await self.settled(sub)  # then it may have been deleted already
        if sub in self.models:
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
        bare, stream, type = (stream, type, tag), f"{self.tag}.{stream}", f"{self.tag}-{type}"
        headers, data = {"Es-Tags": ",".join(tags_of(tag))}, data_of(*bare)

        def on_answer(answer):
            self.know(answer["pos"], stream, type, tag)

        await self.ask(f"{self.client.root}.append.{type}.{stream}", data, on_answer, headers)

    async def do_batch(self, events):
        sent = [{"stream": f"{self.tag}.{s}", "type": f"{self.tag}-{t}", "data": value_of(s, t, k), "tags": tags_of(k)} for s, t, k in events]

        def on_answer(answer):
            for event, result in zip(sent, answer["results"]):
                self.know(result["pos"], event["stream"], event["type"], tag_in(event["tags"]))

        await self.ask(f"{self.client.root}.batch", json.dumps({"events": sent}).encode(), on_answer, text=f"batch of {len(sent)}")

    def pull_new(self, sub, body, how=""):
        self.number += 1
        text = f"next {self.number} of s{sub} {json.dumps(body)}{how}"
        self.pulls[str(self.number)] = Pull(body, text)
        self.say(text)
        return self.number

    async def do_next(self, sub, batch, expires_ms, no_wait, more=None):
        model = self.models.get(sub)
        if model is None or model.definition["push"] and not self.changes.get(sub):
            return
        body = {"batch": batch, "expires_ms": expires_ms, **({"no_wait": True} if no_wait else {}), **(more or {})}
        token = self.pull_new(sub, body)
        await self.nc.publish(f"{self.client.root}.sub.next.{self.tag}s{sub}", json.dumps(body).encode(), reply=f"rnd.{self.tag}.p.{token}")

    async def do_wait(self, seconds):
        await asyncio.sleep(seconds)

    async def do_sync(self):
        for token, (_, _, future) in list(self.asked.items()):
            if token not in self.forsaken:
                await self.within(future)

    async def do_look(self, sub):
        model = self.models.get(sub)

        def on_answer(info):
            wrong = model.looked(info) if "error" not in info and self.models.get(sub) is model else None
            if wrong:
                self.fault(f"s{sub}: {info}: {wrong}")

        if model is not None:
            await self.verb("info", sub, None, on_answer)

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
        if "push" in members:
            members = {"format": None, **members}
        members = {**members, **({"start": {"pos": self.somewhere(luck)}} if members.get("start") == "pos" else {})}
        definition = {**model.definition, **members}
        restarted = definition["start"] != model.definition["start"]

        def made(answer):
            model.updated(definition, answer["epoch"], answer["pos"], restarted, backfill)

        begins = restarted or backfill or definition["durable"] != model.definition["durable"]
        await self.change("update", sub, {**self.wire(sub, members), "backfill": backfill}, made, begins)

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
        await self.replay(sub, body)

    async def replay(self, sub, body):
        model = self.models[sub]

        told = []

        def on_answer(answer):
            model.replays -= 1
            model.replayed()
            told.append(answer)

        model.replayed()
        model.replays += 1
        return await self.verb("replay", sub, body, on_answer), told
