# SPDX-License-Identifier: GPL-3.0-or-later
"""What R.sub.list says of subscriptions that other nodes run is what R.sub.info says, which the owner answers: each state and each
number; and of an owner that does not answer it says so, in time."""
import asyncio
import json
import signal
import time

from harness import Cluster, check, equal, wait_until
from test_subs_cluster import asked
from test_subs_spread import create, owners

# So many of each kind that each of three nodes has some, whatever their random numbers.
EACH, EVENTS, MANY = 9, 40, 1500
NOTHING = {"plugin": "by_pattern", "selector": "none.*"}
KINDS = {
    "live": {"filter": NOTHING},
    "behind": {"filter": {"plugin": "by_stream", "selector": "many"}, "max_in_flight": 5, "ack_wait_ms": 60000},
    "halted": {"max_deliver": 1, "on_exhausted": "stop"},
    "parked": {"ack_wait_ms": 60000},
    "paused": {},
    "waiting": {"filter": {"plugin": "by_stream", "selector": "k.1"}, "deliver": {"subject": "nobody.listens"}},
}
STATES = {"live": "live", "behind": "catching_up", "halted": "halted", "parked": "live", "paused": "paused", "waiting": "waiting"}
# What the list tells of each, so many at a time that there is room for it.
TOLD, PAGE = ["pending", "in_flight", "redelivered", "parked", "ack_floor", "last_delivered", "node", "epoch", "state"], 20


async def all_nodes_share(client, nodes):
    """What is made from now on has its owner at once, and stays there."""
    spare = [f"spare{i}" for i in range(30)]
    await asyncio.gather(*(create(client, name, filter=NOTHING) for name in spare))

    async def all_have_some():
        return set((await owners(client, spare)).values()) == set(nodes)

    await wait_until(all_have_some, 30, "all nodes have a share")
    await asyncio.gather(*(asked(client, f"sub.delete.{name}") for name in spare))


async def take(client, name, count):
    """Deliveries to one that asks for them."""
    inbox = client.nc.new_inbox()
    sub = await client.nc.subscribe(inbox)
    await client.nc.publish(f"es.shop.sub.next.{name}", json.dumps({"batch": count, "expires_ms": 5000}).encode(), reply=inbox)
    return [await sub.next_msg(5) for _ in range(count)]


async def put_in_state(client, kind, name):
    await create(client, name, **KINDS[kind])
    if kind == "behind":
        await take(client, name, 5)
    elif kind == "halted":
        (msg,) = await take(client, name, 1)
        await client.nc.publish(msg.reply, b"-NAK")
    elif kind == "parked":
        msgs = await take(client, name, 4)
        for msg in msgs[:2]:
            await client.nc.request(msg.reply, b"+TERM bad", timeout=5)
    elif kind == "paused":
        equal(await asked(client, f"sub.pause.{name}"), {"paused": True}, name)


async def listed(client, limit=None):
    entries, after, pages = {}, "", 0
    while after is not None:
        body = {"after": after, **({"limit": limit} if limit else {})}
        page = await asked(client, "sub.list", json.dumps(body).encode())
        entries.update({entry["name"]: entry for entry in page["subscriptions"]})
        after, pages = page.get("next"), pages + 1
    return entries


def kind_of(name):
    return name.rstrip("0123456789")


def same(info, entry):
    equal({m: entry.get(m) for m in TOLD}, {m: info[m] for m in TOLD}, f"{info['name']}: list and info")
    equal((entry["durable"], entry["push"], entry["plugin"]), (True, info["deliver"] is not None, info["filter"]["plugin"]), info["name"])


async def the_list_says_what_owners_say(client, names, leader):
    """Of each as it stands: numbers that move are compared when they have not moved meanwhile."""
    left, elsewhere = set(names), set()

    async def all_are_compared():
        before = {name: await asked(client, f"sub.info.{name}") for name in left}
        entries = await listed(client, PAGE)
        equal(sorted(entries), sorted(names), "all are listed, each once")
        for name, info in before.items():
            after = await asked(client, f"sub.info.{name}")
            if any(info[m] != after[m] for m in TOLD) or info["state"] != STATES[kind_of(name)] or "as_of" in entries[name]:
                continue  # it is on its way there, or a busy machine kept its owner from answering
            if info["state"] == "waiting" and entries[name].get("in_flight") != info["in_flight"]:
                continue  # an event was tried in between, to learn whether anybody listens, and has come back
            same(info, entries[name])
            check(info["lag_ms"] <= entries[name]["lag_ms"] <= after["lag_ms"], f"{name}: {info['lag_ms']}, {entries[name]['lag_ms']}, {after['lag_ms']}")
            left.discard(name)
            if info["node"] != leader:
                elsewhere.add(kind_of(name))
        return not left

    await wait_until(all_are_compared, 30, "list and info say the same")
    equal(elsewhere, set(KINDS), "some of each kind are run by others than who answers")
    equal(await asked(client, "sub.list", json.dumps({"after": max(names)}).encode()), {"subscriptions": [], "total": len(names)}, "behind the last")
    want = {name: {"name": name, "state": STATES[kind_of(name)]} for name in names}

    async def states_are_told():
        return await listed(client) == want

    await wait_until(states_are_told, 10, "the same with names and states alone")


async def a_plugin_names_all_that_use_it(client, names):
    told = await asked(client, "filter.info.by_pattern")
    want = sorted(name for name in names if KINDS[kind_of(name)].get("filter", NOTHING)["plugin"] == "by_pattern")
    equal((sorted(told["subscriptions"]), told["subscription_count"]), (want, len(want)), "on whichever node they run")


async def an_owner_that_is_silent_is_not_guessed(client, where, owner):
    node = owner.env["NACRE_NODE_ID"]
    owner.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        page = await asked(client, "sub.list", json.dumps({"after": "live", "limit": 3 * EACH}).encode())
        took = time.monotonic() - began
    finally:
        owner.process.send_signal(signal.SIGCONT)
    entries = {entry["name"]: entry for entry in page["subscriptions"]}
    silent = [name for name, entry in entries.items() if entry.get("as_of") == "log"]
    print(f"{len(silent)} of {len(entries)} as of the log, after {took:.2f} s")
    check(silent or took > 1, f"of those that it runs, as long as it is not taken for gone: {entries}")
    for name, entry in entries.items():
        if entry["node"] == node or where[name] != node:  # else it has moved meanwhile
            equal(name in silent, entry["node"] == node, f"{name}: {entry}")
    for name in [name for name in silent if entries[name]["node"] == node]:
        said = "paused" if kind_of(name) == "paused" else "unknown"  # the one is decided, and in the log
        equal((entries[name]["state"], entries[name]["node"]), (said, node), name)
        check(not {"pending", "parked", "lag_ms"} & set(entries[name]), f"nothing is guessed: {entries[name]}")


async def test_the_list_says_of_what_others_run_what_they_say():
    async with Cluster(3, server_config="max_payload: 16KB") as c:
        client = await c.client()
        leader = await c.leader(client)
        for i in range(EVENTS):
            await client.append(f"k.{i % 5}", b"{}")
        for _ in range(0, MANY, 100):
            await asked(client, "batch", json.dumps({"events": [{"stream": "many", "type": "T", "data": 1}] * 100}).encode())
        names = {f"{kind}{i}": kind for kind in KINDS for i in range(EACH)}
        await all_nodes_share(client, c.nodes)
        await asyncio.gather(*(put_in_state(client, kind, name) for name, kind in names.items()))
        await the_list_says_what_owners_say(client, list(names), leader)
        await a_plugin_names_all_that_use_it(client, names)
        where = {name: entry["node"] for name, entry in (await listed(client, PAGE)).items()}
        silent = next(node for node in where.values() if node != leader)
        await an_owner_that_is_silent_is_not_guessed(client, where, c.nodes[silent])
        await client.close()
