# SPDX-License-Identifier: GPL-3.0-or-later
"""What the consumer of a random program answers, and what the models are told of it."""
import json
import random

BODIES = {
    "ack": b"",
    "puback": b'{"stream":"X","seq":3}',
    "nak": b"-NAK",
    "soon": b'-NAK {"delay":1000000}',
    "later": b'-NAK {"delay_ms":150}',
    "nonsense": b"hello",
    "wpi": b"+WPI",
    "end": b"+TERM",
}
DONE = ("ack", "puback", "next", "batch")
MIXED = ["ack", "nak", "term", "later"]


class Delivery:
    """A message: of one event, or packed of several; its answers are about all."""

    def __init__(self, sub, model, epoch, given, reply):
        self.sub, self.model, self.epoch, self.given, self.reply = sub, model, epoch, given, reply

    @property
    def pos(self):
        return self.given[-1].pos


class Answers:
    """Of a run."""

    async def do_answer(self, luck, kind, asked):
        if self.held:
            await self.answer(self.held.pop(int(luck * len(self.held))), kind, asked)

    async def do_answers(self, sub, kind, count, luck):
        rng = random.Random(luck)
        mine = [d for d in self.held if d.sub == sub][:count]
        for delivery in mine:
            self.held.remove(delivery)
            await self.answer(delivery, rng.choice(MIXED) if kind == "mixed" else kind, rng.random() < 0.5)

    def tell(self, delivery, kind, reason):
        """The model; and what to tell it when the answer is confirmed."""
        model = delivery.model
        if delivery.epoch != model.epoch or self.models.get(delivery.sub) is not model:
            return None
        if kind in DONE:
            model.acked(delivery.pos)
            return model.confirm
        for given in delivery.given:
            if kind in ("term", "end"):
                model.term(given.pos, reason)
            elif kind in ("nak", "later", "soon"):
                model.nakked(given.pos, given.attempt)
        return model.term_confirmed if kind in ("term", "end") else None

    async def answer(self, delivery, kind, asked):
        model, pos = delivery.model, delivery.pos
        if kind == "batch" and (not model.definition["durable"] or self.changes.get(delivery.sub)):
            kind = "ack"  # those of transient ones are not in the log
        if kind == "next" and (model.definition["push"] or self.changes.get(delivery.sub)):
            kind = "ack"
        if kind == "batch":
            await self.answer_by_batch(delivery)
            return
        if len(delivery.given) > 1 and kind not in DONE and pos % 2:
            delivery = self.split(delivery)
            pos = delivery.pos
        reason = "terminated" if kind == "end" else f"no {pos}"
        confirm = self.tell(delivery, kind, reason)
        if kind == "next":
            await self.answer_by_next(delivery)
            return
        body = BODIES.get(kind) or (f"+TERM {reason}".encode() if kind == "term" else b"")

        def on_answer(answer):
            if confirm and answer is not None and kind in DONE and model.moves:
                model.unacked(pos, delivery.epoch)
            for given in delivery.given:
                if answer is None and confirm and (kind not in DONE or given.pos == pos):
                    confirm(given.pos, delivery.epoch)

        if asked and kind in ("ack", "puback", "term", "end"):
            await self.ask(delivery.reply, body, on_answer)
        else:
            self.say(f"{delivery.reply} {body.decode()}")
            await self.nc.publish(delivery.reply, body)
        if kind in ("wpi", "nonsense"):
            self.held.append(delivery)

    def split(self, delivery):
        """Its first event, to be answered by itself; the others stay in hand."""
        first = delivery.given.pop(0)
        self.held.append(delivery)
        own = delivery.reply.rsplit(".", 2)[0]
        return Delivery(delivery.sub, delivery.model, delivery.epoch, [first], f"{own}.{first.pos}.{first.attempt}")

    async def answer_by_next(self, delivery):
        body = {"expires_ms": 300}
        token = self.pull_new(delivery.sub, body, f" by {delivery.reply}")
        await self.nc.publish(delivery.reply, b"+NXT " + json.dumps(body).encode(), reply=f"rnd.{self.tag}.p.{token}")

    # ---- Exactly once ----------------------------------------------------------------------

    async def answer_by_batch(self, delivery):
        """A consequence, committed with the acknowledgement: told to the model when that is known."""
        self.number += 1
        model, pos, of = delivery.model, delivery.pos, self.number
        event = {"stream": f"{self.tag}.out", "type": f"{self.tag}-Z", "data": of}
        body = json.dumps({"events": [event], "ack": {"reply": delivery.reply}}).encode()
        current = delivery.epoch == model.epoch and self.models.get(delivery.sub) is model
        if current:
            model.acking(pos)

        def on_answer(answer):
            if "error" not in answer:
                self.consequences.append(of)
                if current:
                    model.acked(pos)
                    model.confirm(pos, delivery.epoch)
            elif answer["error"]["code"] not in (400, 409, 429):
                self.fault(f"a batch with the ack of {delivery.reply}: {answer}")

        await self.ask(f"{self.client.root}.batch", body, on_answer, text=f"batch {of}, ack {delivery.reply}")

    async def consequences_wrong(self):
        """Each of those that were confirmed is there, once; no other is."""
        events, _ = await self.client.read(f"read.{self.tag}.out", b'{"limit":10000}')
        have, want = sorted(int(e.data) for e in events), sorted(self.consequences)
        if have != want:
            self.fault(f"consequences: {have}, and confirmed were {want}")
