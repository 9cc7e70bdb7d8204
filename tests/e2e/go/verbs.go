// SPDX-License-Identifier: GPL-3.0-or-later

// Section 8: what is asked of subscriptions, and what is refused.
package main

import (
	"fmt"
	"strings"
)

var verbs = []scenario{
	{"create: every start is inclusive, one that lies ahead is waited for", func(c *client) {
		c.fill("gov.1", 5)
		c.create("gov1", byStream("gov.1"))
		events, _ := c.pull("gov1", object{"batch": 5})
		equal(seqs(events), upTo(1, 5), "from the first on")
		for name, of := range map[string]struct {
			start any
			want  int
		}{"pos": {object{"pos": pos(events[2])}, 3}, "seq": {object{"seq": 4}, 4}, "time": {object{"time": events[2].Header.Get("Nats-Time-Stamp")}, 3}, "first": {"first", 1}} {
			c.create("gov1"+name, byStream("gov.1"), "start", of.start)
			equal(seq(c.one("gov1"+name)), of.want, name)
		}
		c.create("gov1new", byStream("gov.1"), "start", "new")
		c.create("gov1ahead", byStream("gov.1"), "start", object{"seq": 8})
		c.create("gov1never", byStream("gov.1"), "start", object{"time": "2400-01-01T00:00:00.000000000Z"})
		c.fill("gov.1", 3)
		equal(seq(c.one("gov1new")), 6, "new")
		equal(seq(c.one("gov1ahead")), 8, "ahead")
		_, end := c.pull("gov1never", object{"no_wait": true})
		equal(end.Get("Status"), 404, "a time that has not come")
	}},
	{"create: the same is fine, another or a bad one is refused by its name", func(c *client) {
		made := c.create("gov2", byStream("gov.2"), "max_in_flight", 7)
		equal(c.create("gov2", byStream("gov.2"), "max_in_flight", 7), made, "the same once more")
		c.refused("sub.create.gov2", define(byStream("gov.2")), 409, 40903)
		c.refused("sub.create.gov2x", define(byStream("a.*")), 400, 40004)
		c.refused("sub.create.gov2x", define(object{"plugin": "moon", "selector": 1}), 404, 40402)
		c.refused("sub.create.no=20name", define(byStream("a")), 400, 10003)
		c.refused("sub.create.gov2x", define(byStream([]string{"a", "b"}), "start", object{"seq": 1}), 400, 10003)
		for member, values := range map[string][]any{
			"start": {"middle", object{}, object{"pos": 0}, object{"time": "yesterday"}}, "durable": {"no"}, "inactive_ms": {99}, "ack": {"some"},
			"ack_wait_ms": {0}, "backoff_ms": {100, []int{-1}}, "max_deliver": {0}, "max_in_flight": {0}, "on_exhausted": {"cry"},
			"order": {"random", "tag:", "payload:"}, "placement": {"moon"}, "headers_only": {1}, "nonsense": {1},
			"deliver": {object{"queue": "q"}, push("work.*"), push("$SYS.x"), push(root + ".append.T.s")},
		} {
			for _, value := range values {
				why := c.refused("sub.create.gov2x", define(byStream("s"), member, value), 400, 10003)
				check(strings.Contains(why, member), "says which member", member, why)
			}
		}
		c.refused("sub.info.gov2x", nil, 404, 10014)
	}},
	{"info, list and delete", func(c *client) {
		c.fill("gov.3", 3)
		c.create("gov3", byStream("gov.3"), "order", "global", "max_in_flight", 5)
		c.done(c.one("gov3"))
		c.one("gov3")
		have := c.info("gov3")
		equal([]any{have["name"], have["filter"], have["order"], have["start"], have["durable"]}, []any{"gov3", byStream("gov.3"), "global", "first", true}, "the definition")
		equal([]any{have["in_flight"], have["pending"], have["parked"], have["redelivered"], have["node"]}, []any{1, 1, 0, 0, "n1"}, "where it stands")
		for _, member := range []string{"ack_floor", "last_delivered", "lag_ms", "epoch", "state", "max_deliver", "backoff_ms", "placement"} {
			check(have[member] != nil, "info has "+member, have)
		}
		listed := c.ask("sub.list", object{"after": "gov2", "limit": 1})
		equal([]any{len(listed["subscriptions"].([]any)), listed["subscriptions"].([]any)[0].(map[string]any)["name"], listed["next"] != nil}, []any{1, "gov3", false}, "a page of the list")
		c.refused("sub.list", object{"limit": 0}, 400, 10003)
		equal(c.ask("sub.delete.gov3", nil), object{"deleted": true}, "deleted")
		for _, verb := range []string{"info", "delete", "pause", "resume", "seek", "update", "parked", "replay", "explain"} {
			body := any(nil)
			if verb == "seek" {
				body = `"new"`
			} else if verb == "explain" {
				body = object{"pos": 1}
			}
			c.refused("sub."+verb+".gov3", body, 404, 10014)
		}
	}},
	{"pause and resume", func(c *client) {
		k := c.listen("work.gov4", "")
		c.create("gov4", byStream("gov.4"), "deliver", push("work.gov4"))
		equal(c.ask("sub.pause.gov4", nil), object{"paused": true}, "paused")
		c.fill("gov.4", 2)
		k.silent()
		equal([]any{c.info("gov4")["state"], c.info("gov4")["pending"]}, []any{"paused", 2}, "it waits")
		equal(c.ask("sub.resume.gov4", nil), object{"paused": false}, "resumed")
		equal(seqs(k.some(2)), upTo(1, 2), "and goes on")
		c.refused("sub.pause.gov4", object{"for": 1}, 400, 10003)
		c.refused("sub.resume.gov4", object{"for": 1}, 400, 10003)
	}},
	{"seek back and forward begins a new epoch", func(c *client) {
		c.fill("gov.5", 4)
		c.create("gov5", byStream("gov.5"))
		events, _ := c.pull("gov5", object{"batch": 4})
		for i, of := range []struct {
			to   any
			want int
		}{{`"first"`, 1}, {object{"pos": pos(events[2])}, 3}, {object{"time": events[1].Header.Get("Nats-Time-Stamp")}, 2}} {
			told := c.ask("sub.seek.gov5", of.to)
			event := c.one("gov5")
			equal(seq(event), of.want, fmt.Sprint(of.to))
			equal(strings.Split(event.Reply, ".")[4], fmt.Sprint(told["epoch"]), fmt.Sprint("epoch ", i))
		}
		refusal(c.acknowledge(events[0], ""), 409, 40904, "an ack of the first epoch")
		c.ask("sub.seek.gov5", `"new"`)
		c.fill("gov.5", 1)
		equal(seq(c.one("gov5")), 5, "new")
		for _, bad := range []any{object{"seq": 1}, object{"pos": 0}, object{}, `"middle"`, nil} {
			c.refused("sub.seek.gov5", bad, 400, 10003)
		}
	}},
	{"update at a position that the reply names, with and without a backfill", func(c *client) {
		k := c.listen("work.gov6", "")
		c.fill("gov.6", 1, "GovA")
		c.fill("gov.6", 1, "GovB")
		c.create("gov6", byType("GovA"), "deliver", push("work.gov6"))
		c.done(k.some(1)[0])
		told := c.ask("sub.update.gov6", object{"filter": byType("GovB")})
		head := int(c.ask("store.info", nil)["head"].(float64))
		check(int(told["pos"].(float64)) <= head+1, "a position", told, head)
		k.silent()
		c.fill("gov.6", 1, "GovA")
		c.fill("gov.6", 1, "GovB")
		event := k.some(1)[0]
		equal([]any{seq(event), event.Header.Get("Es-Type")}, []any{4, "GovB"}, "by the new filter")
		c.done(event)
		c.ask("sub.update.gov6", object{"filter": byType([]string{"GovA", "GovB"}), "backfill": true, "ack_wait_ms": 60000})
		missed := map[int]bool{}
		for _, event := range k.some(2) { // those that the filter before did not match
			missed[seq(event)] = true
			c.done(event)
		}
		equal(missed, map[int]bool{1: true, 3: true}, "what newly matches")
		k.silent()
		equal(c.info("gov6")["ack_wait_ms"], 60000, "a member")
		for _, bad := range []any{object{"nonsense": 1}, object{"max_in_flight": 0}, object{"name": "x"}, "[]"} {
			c.refused("sub.update.gov6", bad, 400, 10003)
		}
		c.refused("sub.update.gov6", object{"filter": byStream("a.*")}, 400, 40004)
		c.refused("sub.update.gov6", object{"filter": object{"plugin": "moon", "selector": 1}}, 404, 40402)
	}},
	{"parked in pages, replay of some", func(c *client) {
		c.fill("gov.7", 4)
		c.create("gov7", byStream("gov.7"))
		events, _ := c.pull("gov7", object{"batch": 4})
		for _, event := range events {
			c.acknowledge(event, "+TERM "+fmt.Sprint("no ", seq(event)))
		}
		c.parked("gov7", 4)
		page := c.ask("sub.parked.gov7", object{"limit": 3})
		equal(rows(page["parked"].([]any)), []string{"1 1 no 1", "2 1 no 2", "3 1 no 3"}, "a page")
		rest := c.ask("sub.parked.gov7", object{"after": page["next"]})
		equal(rows(rest["parked"].([]any)), []string{"4 1 no 4"}, "the rest")
		equal(c.ask("sub.replay.gov7", object{"pos": []int{pos(events[1]), pos(events[3])}})["replayed"], 2, "two of them")
		events, _ = c.pull("gov7", object{"batch": 2})
		equal(seqs(events), []int{2, 4}, "those two")
		c.refused("sub.parked.gov7", object{"limit": 0}, 400, 10003)
		c.refused("sub.replay.gov7", object{"pos": []int{1}, "key": "x"}, 400, 10003)
	}},
	{"explain says why", func(c *client) {
		early := c.ask("append.T.gov.8", "1")["pos"]
		c.create("gov8", byStream("gov.8"), "start", "new", "order", "stream")
		foreign := c.ask("append.T.gov.other", "1")["pos"]
		c.fill("gov.8", 2)
		event := c.one("gov8")
		why := func(place any, want string) {
			c.until(func() bool { return c.ask("sub.explain.gov8", object{"pos": place})["state"] == want }, fmt.Sprint(place, " is ", want))
		}
		why(early, "before_start")
		why(foreign, "not_matching")
		why(pos(event), "in_flight")
		why(pos(event)+1, "held")
		c.done(event)
		why(pos(event), "done")
		told := c.ask("sub.explain.gov8", object{"pos": pos(event)})
		equal([]any{told["matches"], told["key"], told["stream"], told["seq"]}, []any{true, "gov.8", "gov.8", 2}, "verdict and key")
		c.refused("sub.explain.gov8", object{"pos": 1 << 40}, 404, 10037)
		c.refused("sub.explain.gov8", object{}, 400, 10003)
	}},
}
