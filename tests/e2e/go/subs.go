// SPDX-License-Identifier: GPL-3.0-or-later

// Section 8: how events come, and what is answered to them.
package main

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const ms = time.Millisecond

func (c *client) settled(name string) {
	c.until(func() bool { return fmt.Sprint(c.info(name)["in_flight"]) == "0" }, name+": all is acknowledged")
}

func (c *client) parked(name string, count int) []any {
	var answer object
	c.until(func() bool {
		answer = c.ask("sub.parked."+name, nil)
		return fmt.Sprint(answer["total"]) == fmt.Sprint(count)
	}, fmt.Sprintf("%s: %d are parked", name, count))
	return answer["parked"].([]any)
}

// Of each: its version, attempts and reason.
func rows(parked []any) []string {
	found := []string{}
	for _, row := range parked {
		r := row.(map[string]any)
		found = append(found, fmt.Sprint(r["seq"], " ", r["attempts"], " ", r["reason"]))
	}
	return found
}

var subscriptions = []scenario{
	{"push to one subscriber, msg.Respond(+ACK)", func(c *client) {
		c.fill("gos.1", 5)
		k := c.listen("work.gos1", "")
		c.create("gos1", byStream("gos.1"), "deliver", push("work.gos1"))
		for i, event := range k.some(5) {
			equal([]any{seq(event), attempts(event), event.Header.Get("Es-Subscription")}, []any{i + 1, 1, "gos1"}, "a delivery")
			check(event.Header.Get("Es-Pending") != "" && event.Header.Get("Nats-Subject") == root+".append.T.gos.1", "its headers", event.Header)
			must(event.Respond([]byte("+ACK")))
		}
		c.settled("gos1")
		k.silent()
		c.refused("sub.next.gos1", object{}, 400, 10003) // a push is not pulled
	}},
	{"JetStream's own verbs of a message: Ack, Nak, NakWithDelay, InProgress, Term, AckSync", func(c *client) {
		c.fill("gos.2", 4)
		k := c.listen("work.gos2", "")
		c.create("gos2", byStream("gos.2"), "deliver", push("work.gos2"), "max_deliver", -1)
		events := k.some(4)
		must(events[0].Ack())
		must(events[1].Nak())
		again := k.next(patient)
		equal([]int{seq(again), attempts(again)}, []int{2, 2}, "after Nak")
		must(again.InProgress())
		must(again.NakWithDelay(200 * ms))
		at := time.Now()
		again = k.next(patient)
		check(attempts(again) == 3 && time.Since(at) >= 190*ms, "after NakWithDelay", time.Since(at))
		must(again.AckSync())
		must(events[2].Term())
		must(events[3].AckSync())
		c.settled("gos2")
		equal(rows(c.parked("gos2", 1)), []string{"3 1 terminated"}, "terminated is parked")
	}},
	{"a queue group shares, and a slow consumer slows nobody", func(c *client) {
		one, two, slow := c.listen("work.gos3", "w"), c.listen("work.gos3", "w"), c.listen("work.gos3slow", "")
		c.create("gos3", byStream("gos.3"), "deliver", object{"subject": "work.gos3", "queue": "w"})
		c.create("gos3slow", byStream("gos.3"), "deliver", push("work.gos3slow"), "max_in_flight", 1)
		c.fill("gos.3", 100)
		seen, counts := map[int]bool{}, [2]int{}
		for idle := 0; len(seen) < 100 && idle < 100; {
			idle++
			for i, k := range []*consumer{one, two} {
				if event := k.next(50 * ms); event != nil {
					seen[seq(event)] = true
					counts[i]++
					idle = 0
					must(event.Respond(nil))
				}
			}
		}
		check(len(seen) == 100 && counts[0] > 0 && counts[1] > 0, "both are given some", len(seen), counts)
		equal(seq(slow.next(patient)), 1, "the slow one")
		slow.silent()
		equal(c.info("gos3slow")["in_flight"], 1, "no more than max_in_flight")
	}},
	{"an ack as a request, a stale one, a foreign one", func(c *client) {
		c.fill("gos.4", 1)
		c.create("gos4", byStream("gos.4"))
		event := c.one("gos4")
		c.done(event)
		c.done(event) // done before, and answered alike
		c.ask("sub.seek.gos4", `"first"`)
		refusal(c.acknowledge(event, "+ACK"), 409, 40904, "an ack of the epoch before")
		refusal(c.request("ack.nobody.1.1.1", ""), 409, 40904, "an ack of no subscription's")
		c.done(c.one("gos4"))
	}},
	{"-NAK with a delay, +WPI, a lost consumer, the ack of an earlier attempt", func(c *client) {
		c.fill("gos.5", 1)
		k := c.listen("work.gos5", "")
		c.create("gos5", byStream("gos.5"), "deliver", push("work.gos5"), "ack_wait_ms", 600, "max_deliver", -1)
		first := k.next(patient)
		must(first.Respond([]byte(`-NAK {"delay_ms":300}`)))
		at := time.Now()
		event := k.next(patient)
		check(attempts(event) == 2 && time.Since(at) >= 290*ms, "after the pause", time.Since(at))
		for i := 0; i < 4; i++ {
			time.Sleep(250 * ms)
			must(event.Respond([]byte("+WPI")))
		}
		at = time.Now()
		event = k.next(patient)
		check(attempts(event) == 3 && time.Since(at) >= 300*ms, "nobody answered any more", time.Since(at))
		must(event.Respond([]byte("what?"))) // ignored
		equal(c.info("gos5")["in_flight"], 1, "that is no answer")
		must(first.Respond(nil))
		c.settled("gos5")
	}},
	{"+TERM parks with its reason, replay delivers again, a late ack counts", func(c *client) {
		c.fill("gos.6", 3)
		c.create("gos6", byStream("gos.6"), "order", "stream")
		first := c.one("gos6")
		c.acknowledge(first, "+TERM no such customer")
		parked := c.parked("gos6", 3)
		equal(rows(parked), []string{"1 1 no such customer", "2 0 its key is parked", "3 0 its key is parked"}, "what waits behind it is parked with it")
		second := parked[1].(map[string]any)["pos"]
		c.refused("sub.replay.gos6", object{"pos": []any{second}}, 409, 40904)
		c.refused("sub.replay.gos6", object{"pos": []any{1 << 40}}, 404, 10037)
		c.refused("sub.replay.gos6", object{"key": "none"}, 404, 10037)
		equal(c.ask("sub.replay.gos6", object{"key": "gos.6"}), object{"more": false, "replayed": 3}, "all of a key")
		event := c.one("gos6")
		equal([]int{seq(event), attempts(event)}, []int{1, 1}, "attempts from 1")
		c.acknowledge(event, "+TERM")
		c.parked("gos6", 3)
		c.done(first) // of the attempt before
		equal(rows(c.parked("gos6", 2))[0][:1], "2", "it is parked no more")
		equal(c.ask("sub.replay.gos6", object{})["replayed"], 2, "the others come again")
		for want := 2; want <= 3; want++ {
			event = c.one("gos6")
			equal(seq(event), want, "in order")
			c.done(event)
		}
	}},
	{"pull: batch, expiry, no_wait, max_bytes, status lines, +NXT", func(c *client) {
		c.fill("gos.7", 4)
		c.create("gos7", byStream("gos.7"))
		events, _ := c.pull("gos7", object{"batch": 2})
		equal(seqs(events), upTo(1, 2), "a batch")
		equal(seq(c.acknowledge(events[0], "+NXT")), 3, "the next is the answer")
		events, end := c.pull("gos7", object{"batch": 5, "no_wait": true})
		equal([]any{seqs(events), status(end), end.Get("Nats-Pending-Messages")}, []any{[]int{4}, []string{"408", "Request Timeout"}, 4}, "fewer than asked for")
		events, end = c.pull("gos7", object{"batch": 5, "no_wait": true})
		equal([]any{len(events), status(end)}, []any{0, []string{"404", "No Messages"}}, "none")
		at := time.Now()
		events, end = c.pull("gos7", object{"batch": 5, "expires_ms": 300})
		equal([]any{len(events), end.Get("Status"), end.Get("Nats-Pending-Messages")}, []any{0, 408, 5}, "an expiry")
		check(time.Since(at) >= 290*ms, "not before its time", time.Since(at))
		c.fill("gos.7", 2)
		events, end = c.pull("gos7", object{"batch": 2, "max_bytes": 7, "no_wait": true})
		equal([]any{len(events), end.Get("Status")}, []any{1, 409}, "as many as fit")
		_, end = c.pull("gos7", object{"batch": 1, "max_bytes": 1})
		equal(status(end), []string{"409", "Message Size Exceeds MaxBytes"}, "one that fits in none")
		for _, bad := range []any{object{"batch": 0}, object{"batch": "1"}, object{"nonsense": 1}, "[]"} {
			c.refused("sub.next.gos7", bad, 400, 10003)
		}
		c.refused("sub.next.nobody", object{}, 404, 10014)
	}},
	{"ack none in bursts, ack all, headers only, a transient one that goes", func(c *client) {
		c.fill("gos.8", 60)
		none, all := c.listen("work.gos8none", ""), c.listen("work.gos8all", "")
		c.create("gos8none", byStream("gos.8"), "deliver", push("work.gos8none"), "ack", "none", "max_in_flight", 10, "durable", false, "inactive_ms", 1000)
		equal(seqs(none.some(60)), upTo(1, 60), "all, as flow control is answered")
		c.create("gos8all", byStream("gos.8"), "deliver", push("work.gos8all"), "ack", "all", "headers_only", true)
		events := all.some(60)
		equal([]any{string(events[0].Data), number(events[0], "Nats-Msg-Size")}, []any{"{}", 7}, "headers only")
		c.done(events[49])
		equal(c.info("gos8all")["in_flight"], 10, "all before it are done")
		c.refused("sub.create.gos8bad", define(byStream("x"), "ack", "all", "order", "stream"), 400, 10003)
		must(none.sub.Unsubscribe())
		c.until(func() bool { return decoded(c.request("sub.info.gos8none", nil))["error"] != nil }, "the transient one is gone")
		c.refused("sub.info.gos8none", nil, 404, 10014)
	}},
	{"order global, by stream, by tag and by payload: one of a key in flight", func(c *client) {
		flows := []struct {
			order string
			flow  []int
		}{{"none", []int{1, 2, 3}}, {"global", []int{1}}, {"stream", []int{1}}, {"tag:customer:", []int{1, 3}}, {"payload:customer.id", []int{1, 3}}}
		for i, of := range flows {
			name := fmt.Sprintf("gos9n%d", i)
			places := []any{}
			for _, id := range []string{"a", "a", "b"} {
				msg := nats.NewMsg(root + ".append.T." + name)
				msg.Data = encoded(object{"customer": object{"id": id}})
				msg.Header.Set("Es-Tags", "customer:"+id)
				answer, err := c.nc.RequestMsg(msg, patient)
				must(err)
				places = append(places, decoded(answer)["pos"])
			}
			c.create(name, byStream(name), "order", of.order)
			events, _ := c.pull(name, object{"batch": len(of.flow)})
			equal(seqs(events), of.flow, of.order)
			if of.order == "none" {
				continue
			}
			c.until(func() bool { return c.ask("sub.explain."+name, object{"pos": places[1]})["state"] == "held" }, of.order+": the second waits")
			_, end := c.pull(name, object{"batch": 1, "no_wait": true})
			equal(end.Get("Status"), 404, of.order)
			c.done(events[0])
			equal(seq(c.one(name)), 2, of.order)
		}
	}},
	{"backoff_ms is the pause after each -NAK, on_exhausted parks, skips or stops", func(c *client) {
		c.fill("gos.10", 1)
		c.create("gos10", byStream("gos.10"), "backoff_ms", []int{20, 200}, "max_deliver", 4)
		event := c.one("gos10")
		for i, pause := range []time.Duration{20 * ms, 200 * ms, 200 * ms} {
			at := time.Now()
			must(event.Respond([]byte("-NAK")))
			event = c.one("gos10")
			check(attempts(event) == i+2 && time.Since(at) >= pause-10*ms, "the last value repeats", attempts(event), time.Since(at))
		}
		for how, then := range map[string]struct{ advisory, state string }{"park": {"parked", "live"}, "skip": {"skipped", "live"}, "stop": {"halted", "halted"}} {
			name := "gos10" + how
			told := c.listen(root+".advisory.sub."+then.advisory, "")
			c.fill(name, 2)
			c.create(name, byStream(name), "max_deliver", 1, "on_exhausted", how, "max_in_flight", 1)
			must(c.one(name).Respond([]byte("-NAK")))
			c.until(func() bool { return decoded(told.some(1)[0])["subscription"] == name }, "it is told")
			c.until(func() bool { return c.info(name)["state"] == then.state }, name+" is "+then.state)
			want := 2
			if how == "stop" {
				want = 1
				c.ask("sub.resume."+name, nil)
			}
			equal(seq(c.one(name)), want, "what comes next after "+how)
		}
	}},
	{"a batch commits the ack of what it follows from, once", func(c *client) {
		c.fill("gos.11", 1)
		c.create("gos11", byStream("gos.11"))
		event := c.one("gos11")
		follows := func(id string) object {
			return object{"events": []object{{"stream": "gos.out", "type": "Billed", "data": 1, "id": id}}, "ack": object{"reply": event.Reply}}
		}
		first := c.ask("batch", follows("b1"))
		c.settled("gos11")
		equal(c.ask("batch", follows("b1"))["duplicate"], true, "a retry is known")
		c.refused("batch", follows("b2"), 409, 40904)
		events, _ := c.read("read.gos.out", "")
		equal(len(events), 1, "one consequence")
		equal(pos(events[0]), int(first["pos"].(float64)), "that of the first batch")
	}},
}
