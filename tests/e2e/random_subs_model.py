# SPDX-License-Identifier: GPL-3.0-or-later
"""What a subscription owes, by PROTOCOL.md section 8 alone: of each event whether it must still come, may come, must be parked, may
be parked. What is not known is None, and forbids nothing; so a fault that is found is one."""
import time

TRANSIENT = 1 << 31  # epochs beyond are of no log
SETTLED_S = 1.0  # a delivery that was on its way when its event was confirmed has come by then


class Event:
    def __init__(self, pos, stream, type, tag):
        self.pos, self.stream, self.type, self.tag = pos, stream, type, tag

    def key(self, order):
        return {"none": None, "global": "*", "stream": self.stream, "tag:key:": self.tag, "payload:n.k": self.tag}[order]


def matches(filter, event):
    selector = filter["selector"]
    return event.type == selector if filter["plugin"] == "by_event_type" else event.stream in selector


class Sub:
    """One subscription, from its creation on."""

    def __init__(self, definition, events, epoch, first):
        self.definition, self.events = definition, events
        self.reset_all, self.crashed, self.replays = set(), False, 0
        self.anew, self.old, self.came_since, self.spread = set(), set(), False, False
        self.most, self.window, self.extra, self.floor = self.most_of(definition), definition["max_in_flight"], 0, 0
        self.orders = {definition["order"]}
        self.need, self.may = {}, set()
        self.must_park, self.termed, self.exhausted = set(), {}, set()
        self.confirmed, self.acked_in = {}, {}
        self.skipping = self.changing = False
        self.loose, self.late, self.left, self.in_batches = set(), set(), set(), set()
        self.epochs = 0
        self.begin(epoch, first)

    @property
    def moves(self):
        """Its epoch may change without being asked for, also when it is no longer shared: back to the leader is a move."""
        self.spread |= self.definition["placement"] == "spread"
        return self.spread

    @staticmethod
    def most_of(definition):
        return definition["max_deliver"] if definition["max_deliver"] > 0 else 1 << 40

    # ---- Epochs ------------------------------------------------------------------------------

    def forget(self, pos):
        self.must_park.discard(pos)
        self.termed.pop(pos, None)
        self.exhausted.discard(pos)

    def enter(self, epoch, moved=False):
        if moved:
            self.given_anew()
        else:
            self.floor = 0
        if self.epochs:
            self.old.add(self.epoch)
        self.epoch = epoch
        self.epochs += 1
        self.attempts = {}
        self.came_since = False

    def begin(self, epoch, first):
        """Made anew, sought, or with another start: what is parked before that stays so, the rest comes again."""
        self.enter(epoch)
        self.confirmed = {}
        self.first = self.sure = first
        self.segments, self.past = [(0, self.definition["filter"])], []
        self.left |= {pos for pos in self.may if pos < first and self.behind_refused(pos)}
        for pos, need in self.need.items():
            if pos >= first:
                self.forget(pos)
            elif need is False:
                self.may.discard(pos)
            else:
                self.need[pos] = None
        for event in self.events.values():
            if event.pos >= first:
                self.know(event)

    def know(self, event):
        """An event that nobody had told of yet, or that is judged anew."""
        owed = event.pos >= self.first and matches(self.filter_at(event.pos, self.segments), event)
        found = any(event.pos < to and matches(self.filter_at(event.pos, segments), event) for segments, to in self.past)
        before = event.pos < self.first and self.epochs > 1  # it may have been parked, and nobody had told of it
        self.need[event.pos] = owed or (None if before or found and event.pos >= self.first else False)
        (self.may.add if self.need[event.pos] is not False else self.may.discard)(event.pos)

    @staticmethod
    def filter_at(pos, segments):
        return [filter for start, filter in segments if start <= pos][-1]

    def updated(self, definition, epoch, pos, restarted, backfill):
        before, self.definition = self.definition, definition
        self.spread |= "spread" in (before["placement"], definition["placement"])
        self.orders.add(definition["order"])
        self.most, self.window = max(self.most, self.most_of(definition)), max(self.window, definition["max_in_flight"])
        self.use_up()
        if before["order"] != definition["order"] and self.refused():  # a replay under way stands before what was not done
            self.loose |= {pos for pos in self.may if self.need[pos] is not False}
        if restarted:
            self.begin(epoch, pos)
            return
        if before["durable"] != definition["durable"]:
            self.rehomed(before, epoch, pos)
            return
        if before["ack"] != definition["ack"] and "none" in (before["ack"], definition["ack"]):
            self.unknown(pos for pos in self.attempts)
        if before["order"] != definition["order"] or before["push"] != definition["push"]:
            self.given_anew()
        if epoch != self.epoch:
            self.enter(epoch)
            self.confirmed = {}
        if before["filter"] != definition["filter"]:
            if backfill:  # what was found before it is delivered all the same
                self.past.append((self.segments, pos))
            past = [s for s in self.segments if s[0] < pos]
            self.segments = [(0, definition["filter"])] if backfill else past + [(pos, definition["filter"])]
            self.judge_anew(before, pos, backfill)

    def unknown(self, positions):
        for pos in positions:
            if self.need.get(pos) is True:
                self.need[pos] = None

    def rehomed(self, before, epoch, pos):
        """Between the log and a node's memory: it goes on where it is, in a new epoch; a later backfill goes from behind the ack floor on."""
        self.enter(epoch)
        self.given_anew()
        self.anew |= set(self.may)
        self.sure = max(self.sure, pos)
        if before["filter"] != self.definition["filter"]:
            self.segments = [s for s in self.segments if s[0] < pos] + [(pos, self.definition["filter"])]
            self.judge_anew(before, pos, False)

    def judge_anew(self, before, pos, backfill):
        filter = self.definition["filter"]
        for event in self.events.values():
            if event.pos >= pos:
                self.know(event)
            elif backfill and event.pos >= self.first and matches(filter, event) and self.need[event.pos] is not True:
                known = event.pos in self.may or matches(before["filter"], event) or event.pos < self.sure
                self.need[event.pos] = None if known else True
                self.late.add(event.pos)
                self.may.add(event.pos)

    def killed(self):
        """What was not confirmed may be lost; attempts lag."""
        self.handed_over()

    def handed_over(self):
        """Another leads: what is on its way is given anew, what was not confirmed may come again."""
        self.crashed = True
        self.given_anew()
        self.must_park = {pos for pos in self.must_park if self.termed.get(pos, (None, False))[1]}

    def given_anew(self):
        """What is on its way is, also where that was its last attempt."""
        self.anew |= set(self.attempts)
        self.extra += 1

    def is_old(self, epoch):
        """In the log they ascend; those of transient ones have numbers of their own."""
        both = (epoch < TRANSIENT) == (self.epoch < TRANSIENT)
        return epoch in self.old or both and epoch < self.epoch

    def is_new(self, epoch):
        return epoch != self.epoch and not self.is_old(epoch)

    # ---- Deliveries --------------------------------------------------------------------------

    def came(self, pos, epoch, attempt):
        """What is wrong with a delivery, or None."""
        if epoch != self.epoch:
            if self.is_old(epoch) or not (self.moves or self.crashed):
                return f"it is of epoch {epoch}, not {self.epoch}"
            self.enter(epoch, moved=True)
        self.came_since = True
        if pos not in self.may:
            return "it does not match, or lies before the start"
        if pos in self.confirmed and time.monotonic() - self.confirmed[pos] > SETTLED_S:
            return "it came after its acknowledgement was confirmed"
        wrong = self.early(pos) or self.attempt_wrong(pos, attempt)
        self.attempts[pos] = attempt
        self.anew.discard(pos)
        self.use_up()
        if self.definition["ack"] == "none":
            self.unknown([pos])
        return wrong

    def use_up(self):
        """What may be parked, or left out, without another delivery."""
        most = self.definition["max_deliver"]
        if most > 0:
            self.exhausted |= {pos for pos, attempt in self.attempts.items() if attempt >= most and self.need.get(pos) is not False}
        self.skipping |= self.definition["on_exhausted"] == "skip"

    def early(self, pos):
        key = self.events[pos].key(self.definition["order"])
        if key is None or pos in self.loose:
            return None
        for event in self.events.values():
            if event.pos < pos and event.key(self.definition["order"]) == key and self.need.get(event.pos) is True:
                if not (self.skipping and event.pos in self.exhausted or event.pos in self.in_batches or self.parked_before(event.pos, pos)):
                    return f"event {event.pos} of its key, {key}, is not done"
        return None

    def parked_before(self, found, pos):
        """A replay may go before what a backfill finds only then."""
        return found in self.late and self.behind_refused(pos)

    def attempt_wrong(self, pos, attempt):
        if attempt > self.most + self.extra:
            return f"it is attempt {attempt}, of {self.most} and {self.extra} times that all was given anew"
        last = self.attempts.get(pos, 0)
        if attempt == last + 1 or (attempt == 1 and pos in self.reset_all) or self.crashed and attempt <= last + 1:
            if not self.replays:
                self.reset_all.discard(pos)
            return None
        if (self.crashed or self.moves or pos in self.anew) and last == 0:
            return None
        return f"attempt {attempt} came after {last}"

    # ---- Answers -----------------------------------------------------------------------------

    def with_it(self, pos):
        several = self.definition["ack"] == "all"
        return [p for p in self.need if p == pos or several and p < pos and p in self.attempts]

    def acking(self, pos):
        """By a batch: it may be so before that is known, and is refused where another has done it."""
        self.in_batches |= set(self.with_it(pos))

    def acked(self, pos):
        for at in self.with_it(pos):
            beside = at != pos and at in self.refused()  # parked already, it stays so
            self.need[at] = None if self.changing or beside else False
            self.acked_in[at] = self.epoch
            self.must_park.discard(at)

    def unacked(self, pos, epoch):
        """It was refused: of an epoch before, unless it is done already, or was acknowledged in a later one."""
        if self.need.get(pos) is False and pos not in self.confirmed and epoch != self.epoch and self.acked_in.get(pos) == epoch:
            self.need[pos] = True

    def confirm(self, pos, epoch):
        if epoch == self.epoch and self.need.get(pos) is False:
            self.confirmed.setdefault(pos, time.monotonic())

    def nakked(self, pos, attempt):
        last = attempt == self.attempts.get(pos) and 0 < self.definition["max_deliver"] <= attempt
        if last and not self.changing and pos not in self.anew and not self.moves and self.definition["on_exhausted"] == "park" and self.need.get(pos) is True:
            self.must_park.add(pos)

    def term(self, pos, reason):
        self.termed[pos] = (self.termed.get(pos, (set(),))[0] | {reason}, False)
        skipped = self.skipping and pos in self.exhausted  # perhaps, before this came
        if self.need.get(pos) is True and not self.changing and not self.moves and not skipped:
            self.must_park.add(pos)

    def term_confirmed(self, pos, epoch):
        if epoch == self.epoch and pos in self.termed:
            self.termed[pos] = (self.termed[pos][0], True)

    def replayed(self):
        self.must_park.clear()
        self.reset_all |= set(self.attempts) | self.may

    def refused(self):
        return self.exhausted | set(self.termed)

    def behind_refused(self, pos):
        """By any order that it has had, also behind what stands behind a refused one."""
        reached, more = set(), self.refused() | self.left
        while more:
            reached |= more
            keys = {(o, self.events[p].key(o)) for p in more for o in self.orders if self.events[p].key(o) is not None}
            more = {p for p in self.may - reached if any((o, self.events[p].key(o)) in keys for o in self.orders)}
        return pos in reached

    # ---- What info says ----------------------------------------------------------------------

    def looked(self, info):
        """What is wrong with it, or None."""
        floor = info["ack_floor"]
        if info["epoch"] != self.epoch or self.changing:
            return None
        if info["in_flight"] > self.window:
            return f"{info['in_flight']} are in flight"
        if floor < self.floor and not self.crashed:
            return f"the floor was at {self.floor}"
        self.floor = floor
        for pos, need in self.need.items():
            if need is True and self.first <= pos <= floor and pos not in self.in_batches and pos not in self.exhausted and not self.behind_refused(pos):
                return f"event {pos} is not done"
        return None

    # ---- The end -----------------------------------------------------------------------------

    def faults(self, rows):
        """When all has come to rest; `rows` are those of `parked`."""
        parked, said = {row["pos"] for row in rows}, []
        for row in rows:
            wrong = self.row_wrong(row)
            if wrong:
                said.append(f"{row}: {wrong}")
        for pos, need in sorted(self.need.items()):
            if need is True and pos not in parked and not (self.skipping and pos in self.exhausted):
                said.append(f"event {pos} is lost: neither acknowledged nor parked")
        said += [f"event {pos} was refused, and is not parked" for pos in sorted(self.must_park - parked)]
        return said

    def row_wrong(self, row):
        pos, reason = row["pos"], row["reason"]
        if pos not in self.may:
            return "it was not to be delivered"
        if self.need[pos] is False and pos in self.confirmed:
            return "it was acknowledged, and that was confirmed"
        if reason == "its key is parked":
            if not self.behind_refused(pos):
                return "nothing of its key was refused"
        elif reason == "max_deliver reached":
            return None if pos in self.exhausted else "its attempts were not used up"
        elif reason not in self.termed.get(pos, (set(),))[0]:
            return f"it was not terminated so: {self.termed.get(pos)}"
        return None
