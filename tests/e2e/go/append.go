// SPDX-License-Identifier: GPL-3.0-or-later

// Appending by JetStream's publish, reading and following by plain requests and subscriptions.
package main

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

func (c *client) jetStream() nats.JetStreamContext {
	js, err := c.nc.JetStream()
	must(err)
	return js
}

// All that answers a read, and the message that closes it.
func (c *client) read(subject, body string) ([]*nats.Msg, nats.Header) {
	sub, err := c.nc.SubscribeSync(nats.NewInbox())
	must(err)
	defer sub.Unsubscribe()
	must(c.nc.PublishRequest(root+"."+subject, sub.Subject, []byte(body)))
	events := []*nats.Msg{}
	for {
		msg, err := sub.NextMsg(patient)
		must(err)
		if msg.Header.Get("Status") != "" {
			equal(status(msg.Header), []string{"204", "EOB"}, "the end of a read")
			return events, msg.Header
		}
		events = append(events, msg)
	}
}

var appends = []scenario{
	{"js.Publish gets PubAcks, and a retry its first", func(c *client) {
		js := c.jetStream()
		first, err := js.Publish(root+".append.Placed.go.1", []byte(`{"a":1}`), nats.MsgId("g1"))
		must(err)
		equal([]any{first.Stream, first.Sequence, first.Duplicate}, []any{"go.1", 1, false}, "the first")
		again, err := js.Publish(root+".append.Placed.go.1", []byte(`{"a":1}`), nats.MsgId("g1"))
		must(err)
		equal([]any{again.Sequence, again.Duplicate}, []any{1, true}, "again")
		_, err = js.Publish(root+".append.Placed.go.1", []byte(`{"a":2}`), nats.MsgId("g1"))
		var fault *nats.APIError
		check(errors.As(err, &fault) && fault.ErrorCode == 40901, "an id used for other content", err)
	}},
	{"js.Publish with expected sequences and streams", func(c *client) {
		js := c.jetStream()
		for i := uint64(0); i < 5; i++ {
			ack, err := js.Publish(root+".append.N.go.2", []byte("1"), nats.ExpectLastSequencePerSubject(i))
			must(err)
			equal(ack.Sequence, i+1, "gapless")
		}
		_, err := js.Publish(root+".append.N.go.2", []byte("1"), nats.ExpectLastSequencePerSubject(2))
		var fault *nats.APIError
		check(errors.As(err, &fault) && fault.ErrorCode == nats.JSErrCodeStreamWrongLastSequence, "a stale version", err)
		equal(fault.Description, "wrong last sequence: 5", "says the version")
		_, err = js.Publish(root+".append.N.go.2", []byte("1"), nats.ExpectStream("other"))
		check(errors.As(err, &fault) && fault.ErrorCode == 10060, "another stream", err)
	}},
	{"js.PublishAsync keeps each stream gapless", func(c *client) {
		js := c.jetStream()
		futures := []nats.PubAckFuture{}
		for i := 0; i < 500; i++ {
			future, err := js.PublishAsync(fmt.Sprintf("%s.append.N.go.many.%d", root, i%5), []byte("1"))
			must(err)
			futures = append(futures, future)
		}
		<-js.PublishAsyncComplete()
		last := map[string]uint64{}
		for _, future := range futures {
			ack := <-future.Ok()
			last[ack.Stream]++
			equal(ack.Sequence, last[ack.Stream], ack.Stream)
		}
	}},
	{"reads end with 204 EOB, the feed mirrors what is appended", func(c *client) {
		feed := c.listen(root+".event.Fed.>", "")
		c.fill("go.3", 3, "Fed")
		events, end := c.read("read.go.3", "")
		equal(seqs(events), upTo(1, 3), "in order")
		equal(end.Get("Es-Head"), 3, "the head")
		for i, event := range feed.some(3) {
			equal([]any{event.Subject, seq(event)}, []any{root + ".event.Fed.go.3", i + 1}, "the feed")
			equal(string(event.Data), string(events[i].Data), "as it was read")
		}
		c.refused("append.T.go.4", "", 400, 40003)
		c.refused("get", object{"pos": 1 << 40}, 404, 10037)
	}},
}
