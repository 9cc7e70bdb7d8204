// SPDX-License-Identifier: GPL-3.0-or-later

// The few shapes in which the scenarios speak: a request and its JSON answer, a consumer of pushed events, a pull.
package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	root    = "es.shop"
	patient = 5 * time.Second
)

type object map[string]any

type client struct {
	nc   *nats.Conn
	subs []*nats.Subscription // of this scenario
}

func (c *client) leave() {
	for _, sub := range c.subs {
		_ = sub.Unsubscribe()
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(holds bool, what string, about ...any) {
	if !holds {
		panic(fmt.Sprintf("%s: %v", what, about))
	}
}

// By what they look like: numbers of JSON are floats.
func equal(got, want any, what string) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		panic(fmt.Sprintf("%s: got %v, not %v", what, got, want))
	}
}

func (c *client) until(condition func() bool, what string) {
	for end := time.Now().Add(2 * patient); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return
		}
	}
	panic("not in time: " + what)
}

// ---- Requests -----------------------------------------------------------------------------------

func encoded(body any) []byte {
	if body == nil {
		return nil
	}
	if text, is := body.(string); is {
		return []byte(text)
	}
	bytes, err := json.Marshal(body)
	must(err)
	return bytes
}

func (c *client) request(subject string, body any) *nats.Msg {
	msg, err := c.nc.Request(root+"."+subject, encoded(body), patient)
	must(err)
	return msg
}

func decoded(msg *nats.Msg) object {
	var answer object
	must(json.Unmarshal(msg.Data, &answer))
	return answer
}

// The answer of a request that is served.
func (c *client) ask(subject string, body any) object {
	msg := c.request(subject, body)
	answer := decoded(msg)
	check(answer["error"] == nil && msg.Header.Get("Nats-Service-Error") == "", subject, answer)
	return answer
}

// The description of a refusal, of which header and body must agree.
func refusal(msg *nats.Msg, code, errCode int, what string) string {
	fault, is := decoded(msg)["error"].(map[string]any)
	check(is, what+" is refused", string(msg.Data))
	equal([]any{fault["code"], fault["err_code"]}, []any{code, errCode}, what)
	equal(msg.Header.Get("Nats-Service-Error-Code"), code, what)
	equal(msg.Header.Get("Nats-Service-Error"), fault["description"], what)
	return fault["description"].(string)
}

func (c *client) refused(subject string, body any, code, errCode int) string {
	return refusal(c.request(subject, body), code, errCode, fmt.Sprintf("%s %s", subject, encoded(body)))
}

func byStream(selector any) object { return object{"plugin": "by_stream", "selector": selector} }
func byType(selector any) object   { return object{"plugin": "by_event_type", "selector": selector} }

// A definition: the filter, and members as name, value, …
func define(filter object, members ...any) object {
	body := object{"filter": filter}
	for i := 0; i < len(members); i += 2 {
		body[members[i].(string)] = members[i+1]
	}
	return body
}

func push(subject string) object { return object{"subject": subject} }

func (c *client) create(name string, filter object, members ...any) object {
	return c.ask("sub.create."+name, define(filter, members...))
}

func (c *client) info(name string) object { return c.ask("sub.info."+name, nil) }

func (c *client) fill(stream string, count int, kind ...string) {
	for i := 0; i < count; i++ {
		c.ask("append."+append(kind, "T")[0]+"."+stream, object{"i": i})
	}
}

// ---- Events -------------------------------------------------------------------------------------

func number(msg *nats.Msg, header string) int {
	value, err := strconv.Atoi(msg.Header.Get(header))
	check(err == nil, "a number in "+header, msg.Header)
	return value
}

func seq(msg *nats.Msg) int      { return number(msg, "Nats-Sequence") }
func pos(msg *nats.Msg) int      { return number(msg, "Es-Position") }
func attempts(msg *nats.Msg) int { return number(msg, "Es-Delivery") }

func seqs(events []*nats.Msg) []int {
	found := []int{}
	for _, event := range events {
		found = append(found, seq(event))
	}
	return found
}

func upTo(from, to int) []int {
	numbers := []int{}
	for i := from; i <= to; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

// The answer to an acknowledgement sent as a request.
func (c *client) acknowledge(event *nats.Msg, body string) *nats.Msg {
	msg, err := c.nc.Request(event.Reply, []byte(body), patient)
	must(err)
	return msg
}

func (c *client) done(event *nats.Msg) {
	equal(len(c.acknowledge(event, "+ACK").Data), 0, "an ack is answered with an empty message")
}

// ---- Pushed -------------------------------------------------------------------------------------

type consumer struct {
	c   *client
	sub *nats.Subscription
}

func (c *client) listen(subject, queue string) *consumer {
	subscribe := func() (*nats.Subscription, error) { return c.nc.QueueSubscribeSync(subject, queue) }
	if queue == "" {
		subscribe = func() (*nats.Subscription, error) { return c.nc.SubscribeSync(subject) }
	}
	sub, err := subscribe()
	must(err)
	must(c.nc.Flush())
	c.subs = append(c.subs, sub)
	return &consumer{c, sub}
}

// The next event within `wait`, or nil; status messages are answered and left out.
func (k *consumer) next(wait time.Duration) *nats.Msg {
	for {
		msg, err := k.sub.NextMsg(wait)
		if err == nats.ErrTimeout {
			return nil
		}
		must(err)
		if msg.Header.Get("Status") == "" {
			return msg
		}
		must(msg.Respond(nil))
	}
}

func (k *consumer) some(count int) []*nats.Msg {
	events := []*nats.Msg{}
	for len(events) < count {
		event := k.next(patient)
		check(event != nil, "events come", len(events), count)
		events = append(events, event)
	}
	return events
}

func (k *consumer) silent() {
	event := k.next(200 * time.Millisecond)
	check(event == nil, "nothing comes", event)
}

// ---- Pulled -------------------------------------------------------------------------------------

// Events, and the status that ended the request: nil if all that were asked for came.
func (c *client) pull(name string, body object) ([]*nats.Msg, nats.Header) {
	wanted := 1
	if batch, is := body["batch"].(int); is {
		wanted = batch
	}
	sub, err := c.nc.SubscribeSync(nats.NewInbox())
	must(err)
	defer sub.Unsubscribe()
	must(c.nc.PublishRequest(root+".sub.next."+name, sub.Subject, encoded(body)))
	events := []*nats.Msg{}
	for len(events) < wanted {
		msg, err := sub.NextMsg(2 * patient)
		must(err)
		if msg.Header.Get("Status") != "" {
			return events, msg.Header
		}
		check(msg.Header.Get("Nats-Service-Error") == "", "a pull is served", msg.Header)
		events = append(events, msg)
	}
	return events, nil
}

func (c *client) one(name string) *nats.Msg {
	events, status := c.pull(name, object{})
	check(len(events) == 1, "one event", status)
	return events[0]
}

func status(header nats.Header) []string {
	return []string{header.Get("Status"), header.Get("Description")}
}
