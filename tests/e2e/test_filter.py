# SPDX-License-Identifier: GPL-3.0-or-later
"""PROTOCOL.md section 9 from outside: R.filter.list, info and test; the member `filter` of reads."""
import json

from harness import check, equal, error_of

SHARED = True


def payload(selector):
    return {"plugin": "by_payload", "selector": selector}


async def fill(c, stream, count, type="Counted"):
    for i in range(count):
        await c.append(stream, json.dumps({"i": i, "even": i % 2 == 0}).encode(), type=type)


async def refused(c, subject, body, code):
    msg = await c.request(subject, json.dumps(body).encode())
    have = error_of(msg)
    equal(have[:2], code, f"{subject} {body}: {have[2]}")
    return have[2]


async def test_the_bundled_plugins_are_listed_and_told_of(c):
    plugins = {p["name"]: p for p in (await c.ask("filter.list"))["plugins"]}
    for name in ("by_stream", "by_event_type", "by_pattern", "by_payload"):
        check(name in plugins, f"{name} is listed")
        equal(plugins[name]["state"], "loaded")
        told = await c.ask(f"filter.info.{name}")
        for member in ("name", "build", "abi_minor", "summary", "sha256", "bundled", "path"):
            equal(told[member], plugins[name][member], member)
        equal(len(told["sha256"]), 64)
        equal(told["subscriptions"], [])
    code, err, text = error_of(await c.request("filter.info.by_nothing", b""))
    equal((code, err), (404, 40402), text)


async def test_info_names_who_uses_a_plugin(c):
    await c.ask("sub.create.uses_it", json.dumps({"filter": {"plugin": "by_event_type", "selector": "Never"}}).encode())
    told = await c.ask("filter.info.by_event_type")
    equal(told["subscriptions"], ["uses_it"])
    await c.ask("sub.delete.uses_it")


async def test_a_dry_run_counts_and_shows_the_first(c):
    await fill(c, "dry.run", 40)
    filter = payload({"even": [True]})
    narrow = await c.ask("filter.test", json.dumps({"filter": filter, "limit": 3}).encode())
    equal(narrow["matched"], 20)
    check(narrow["scanned"] >= 40, f"{narrow}")
    equal(narrow["complete"], True)
    equal([e["stream"] for e in narrow["events"]], ["dry.run"] * 3)
    equal([e["seq"] for e in narrow["events"]], [1, 3, 5])
    check(narrow["events_per_s"] > 0, f"{narrow}")
    from_third = narrow["events"][2]["pos"]
    later = await c.ask("filter.test", json.dumps({"filter": filter, "from": from_third}).encode())
    equal(later["matched"], 18)
    equal(len(later["events"]), 10, "shown by default")
    none = await c.ask("filter.test", json.dumps({"filter": payload({"even": ["no"]})}).encode())
    equal((none["matched"], none["events"]), (0, []))
    by_type = await c.ask("filter.test", json.dumps({"filter": {"plugin": "by_event_type", "selector": "Counted"}}).encode())
    equal((by_type["matched"], by_type["scanned"]), (40, 40), "by the index of types")
    by_stream = await c.ask("filter.test", json.dumps({"filter": {"plugin": "by_stream", "selector": "dry.run"}, "from": from_third}).encode())
    equal((by_stream["matched"], by_stream["scanned"]), (36, 36), "by the index of streams")


async def test_bad_filters_say_what_and_where(c):
    for subject in ("filter.test", "all", "read.a.b", "direct.all", "type.T"):
        text = await refused(c, subject, {"filter": payload({"a": [{"prefx": "x"}]})}, (400, 40004))
        check("at byte 8" in text, text)
        await refused(c, subject, {"filter": {"plugin": "by_nothing", "selector": 1}}, (404, 40402))
        await refused(c, subject, {"filter": {"plugin": "by_payload"}}, (400, 10003))
        await refused(c, subject, {"filter": {"selector": 1}}, (400, 10003))
        await refused(c, subject, {"filter": "by_payload"}, (400, 10003))
        await refused(c, subject, {"filter": {"plugin": "a b", "selector": 1}}, (400, 10003))
        await refused(c, subject, {"filter": {"plugin": "by_stream", "selector": "a", "x": 1}}, (400, 10003))
    for verb in ("filter.test", "sub.create.again"):
        again = b'{"filter":{"plugin":"by_payload","selector":{"a":{"b":[1]},"a":{"c":[2]}}}}'
        got = await c.ask(verb, again)
        equal(got[:2], (400, 40004), "a name twice in one object")
        check("at byte 15" in got[2], got[2])
    await refused(c, "filter.test", {}, (400, 10003))
    await refused(c, "filter.test", {"filter": payload({"a": [1]}), "dir": "backward"}, (400, 10003))
    await refused(c, "filter.test", {"filter": payload({"a": [1]}), "limit": 0}, (400, 10003))


async def test_reads_give_what_the_filter_matches(c):
    await fill(c, "sift.1", 30, type="Sifted")
    filter = payload({"i": [{"numeric": [">=", 10, "<", 20]}]})
    for subject in ("read.sift.1", "direct.read.sift.1", "type.Sifted", "category.sift"):
        events, end = await c.read(subject, json.dumps({"filter": filter}).encode())
        equal([json.loads(e.data)["i"] for e in events], list(range(10, 20)), subject)
        check("Es-Next" not in end.headers, f"{subject}: {end.headers}")
    backward, _ = await c.read("read.sift.1", json.dumps({"filter": filter, "dir": "backward", "limit": 3}).encode())
    equal([json.loads(e.data)["i"] for e in backward], [19, 18, 17])
    all_of_it, _ = await c.read("all", json.dumps({"filter": {"plugin": "by_stream", "selector": "sift.1"}}).encode())
    equal(len(all_of_it), 30)


async def test_a_filtered_read_pages_by_next(c):
    await fill(c, "page.1", 25)
    filter, at, got = payload({"even": [True]}), 1, []
    while at:
        events, end = await c.read("read.page.1", json.dumps({"filter": filter, "limit": 4, "from": at}).encode())
        check(len(events) <= 4, "limit counts what is given")
        got += [json.loads(e.data)["i"] for e in events]
        at = int(end.headers["Es-Next"]) if "Es-Next" in end.headers else 0
    equal(got, list(range(0, 25, 2)))


async def test_a_filtered_read_packs(c):
    await fill(c, "pack.1", 10)
    msgs, _ = await c.read("read.pack.1", json.dumps({"filter": payload({"i": [3, 4]}), "format": "json"}).encode())
    equal([e["data"]["i"] for m in msgs for e in json.loads(m.data)], [3, 4])


async def test_a_filtered_read_goes_on_past_many_that_do_not_match(c):
    events = [{"stream": f"hay.{i}", "type": "Hay", "data": {"n": i}} for i in range(999)]
    for _ in range(12):
        await c.ask("batch", json.dumps({"events": events}).encode())
    await c.append("hay.needle", b'{"needle":true}', type="Hay")
    for subject in ("all", "type.Hay", "category.hay"):
        found, end = await c.read(subject, json.dumps({"filter": payload({"needle": [True]}), "limit": 10}).encode())
        equal(len(found), 1, subject)
        check("Es-Next" not in end.headers, f"{subject}: {end.headers}")
    dry = await c.ask("filter.test", json.dumps({"filter": payload({"n": [{"numeric": [">=", 0]}]})}).encode())
    equal(dry["matched"], 12 * 999)
