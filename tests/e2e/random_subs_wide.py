# SPDX-License-Identifier: GPL-3.0-or-later
"""Random programs made wider: the same actions, of more kinds of subscriptions, in more forms. All follows from a seed."""
import random

from random_subs_programs import a_filter

FORMATS = ["json", "msgpack"]


def a_way(rng, ack):
    """How it is delivered, pushed or pulled."""
    packs = ack in ("all", "none") and rng.random() < 0.5
    return {"push": rng.random() < 0.5, "format": rng.choice(FORMATS) if packs else None}


def widen_definition(rng, made):
    made = dict(made)
    if rng.random() < 0.2:
        made["ack"] = "none"
    if made["order"] == "tag:key:" and rng.random() < 0.5:
        made["order"] = "payload:n.k"
    if made["ack"] in ("all", "none") and rng.random() < 0.4:
        made["format"] = rng.choice(FORMATS)
    made["headers_only"] = rng.random() < 0.2
    return made


def widen_change(rng, action):
    """Of an update, half of them."""
    kind = rng.random()
    if kind < 0.5:
        return action
    _, sub, _, _, luck = action
    if kind < 0.6:
        members = {"headers_only": rng.random() < 0.5}
    elif kind < 0.7:
        members = {"durable": rng.random() < 0.5}
    elif kind < 0.75:
        members = {"placement": rng.choice(["leader", "spread"])}
    elif kind < 0.85:
        members = {"ack": rng.choice(["explicit", "all", "none"]), "order": rng.choice(["none", "global"])}
    elif kind < 0.9:
        members = {"order": "payload:n.k"}
    elif kind < 0.95:
        members = {"filter": a_filter(rng), "durable": rng.random() < 0.5}
    else:
        members = a_way(rng, "all")
    return ["update", sub, members, False, luck]


def widen_answer(rng, kind):
    if kind == "ack":
        return rng.choice(["ack", "ack", "next", "next", "batch", "batch", "puback"])
    if kind == "term":
        return rng.choice(["term", "term", "end"])
    if kind == "nak":
        return rng.choice(["nak", "nak", "soon", "nonsense"])
    return kind


def widen_next(rng, action):
    more = {}
    if rng.random() < 0.3:
        more["max_bytes"] = rng.choice([40, 200, 1000, 5000])
    if rng.random() < 0.3:
        more["format"] = rng.choice(FORMATS)
    return [*action, more]


def widen(program, seed):
    rng = random.Random(f"wide {seed}")
    wider = []
    for action in program:
        if action[0] in ("create", "again"):
            action = [*action[:2], widen_definition(rng, action[2])]
        elif action[0] == "update":
            action = widen_change(rng, action)
        elif action[0] == "next":
            action = widen_next(rng, action)
        elif action[0] == "answer":
            action = [action[0], action[1], widen_answer(rng, action[2]), *action[3:]]
        elif action[0] in ("wait", "sync") and rng.random() < 0.6:
            wider.append(["look", rng.randrange(3)])
        elif action[0] == "answers":
            action = [*action[:2], widen_answer(rng, action[2]), *action[3:]]
        wider.append(action)
    return wider
