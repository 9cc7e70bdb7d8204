# SPDX-License-Identifier: GPL-3.0-or-later
"""Random programs: definitions of a few subscriptions, and what is done to them. All follows from a seed."""
import random

STREAMS, TYPES, TAGS = ["a", "b", "c"], ["A", "B"], ["x", "y", None]


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


def an_end(rng):
    """Of a node, or of its leading."""
    return [rng.choice(["kill", "transfer"]), rng.random()]


def a_program(seed, kills):
    rng = random.Random(seed)
    count = rng.randint(1, 3)
    program = [["create", i, a_definition(rng)] for i in range(count)]
    program[rng.randint(0, count) : 0] = [["batch", [an_event(rng) for _ in range(rng.randint(1, 40))]]]
    for _ in range(rng.randint(20, 70)):
        action = an_action(rng, count)
        if action[0] != "kill":
            program.append(action)
    if kills:
        rng = random.Random(f"ends {seed}")
        for _ in range(rng.randint(1, 3)):
            program.insert(rng.randint(count + 1, len(program)), an_end(rng))
    return program
