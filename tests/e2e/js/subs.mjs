// SPDX-License-Identifier: GPL-3.0-or-later
// Subscriptions (PROTOCOL.md section 8) by the stock JavaScript client: plain subscribe, request and respond.
import assert from "node:assert/strict";
import { createInbox, headers } from "@nats-io/transport-node";

const root = "es.shop";
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function ask(nc, subject, body) {
  const m = await nc.request(`${root}.${subject}`, body === undefined ? "" : JSON.stringify(body), { timeout: 5000 });
  const answer = m.json();
  if (answer.error) {
    assert.equal(m.headers.get("Nats-Service-Error-Code"), String(answer.error.code));
    return [answer.error.code, answer.error.err_code];
  }
  return answer;
}
const create = (nc, name, filter, more = {}) => ask(nc, `sub.create.${name}`, { filter, ...more });
const info = (nc, name) => ask(nc, `sub.info.${name}`);
const byStream = (selector) => ({ plugin: "by_stream", selector });
const byType = (selector) => ({ plugin: "by_event_type", selector });

async function fill(nc, stream, count, type = "T", first = 0) {
  for (let i = first; i < first + count; i++) {
    await nc.request(`${root}.append.${type}.${stream}`, JSON.stringify({ i }), { timeout: 5000 });
  }
}

async function until(condition, what) {
  for (let i = 0; i < 500; i++) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error(`not within 10 s: ${what}`);
}

// A subscriber on a delivery subject: events one by one, status lines answered and left out.
function consumer(nc, subject, queue) {
  const sub = nc.subscribe(subject, queue ? { queue } : {});
  const messages = sub[Symbol.asyncIterator]();
  let ahead = null;
  return {
    sub,
    async next(ms = 5000) {
      for (;;) {
        ahead ??= messages.next();
        const got = await Promise.race([ahead, sleep(ms)]);
        if (got === undefined) return null;
        ahead = null;
        const m = got.value;
        if (m.headers?.code) {
          m.respond("");
          continue;
        }
        return m;
      }
    },
    async some(count) {
      const events = [];
      while (events.length < count) {
        const m = await this.next();
        assert.ok(m, `${events.length} of ${count} events came`);
        events.push(m);
      }
      return events;
    },
  };
}

const seq = (m) => Number(m.headers.get("Nats-Sequence"));
const attempt = (m) => Number(m.headers.get("Es-Delivery"));

// Events and the status that ended the request (undefined: all were given).
async function pull(nc, name, body = { batch: 1 }) {
  const inbox = createInbox();
  const sub = nc.subscribe(inbox);
  nc.publish(`${root}.sub.next.${name}`, JSON.stringify(body), { reply: inbox });
  const events = [];
  for await (const m of sub) {
    if (m.headers?.code) {
      sub.unsubscribe();
      return { events, status: m.headers };
    }
    if (m.headers?.has("Nats-Service-Error")) throw new Error(m.headers.get("Nats-Service-Error"));
    events.push(m);
    if (events.length === body.batch) {
      sub.unsubscribe();
      return { events };
    }
  }
}

export const tests = {
  async "subscriptions: push with msg.respond('+ACK')"(nc) {
    await fill(nc, "sjs.1", 5);
    const c = consumer(nc, "work.sjs1");
    await create(nc, "sjs1", byStream("sjs.1"), { deliver: { subject: "work.sjs1", queue: "w" } });
    for (const m of await c.some(5)) {
      assert.equal(m.headers.get("Es-Subscription"), "sjs1");
      assert.ok(m.headers.has("Es-Pending"));
      m.respond("+ACK");
    }
    await until(async () => (await info(nc, "sjs1")).in_flight === 0, "acknowledged");
    assert.equal(await c.next(200), null);
    c.sub.unsubscribe();
  },
  async "subscriptions: an ack as a request, and a stale one"(nc) {
    await fill(nc, "sjs.2", 1);
    const c = consumer(nc, "work.sjs2");
    await create(nc, "sjs2", byStream("sjs.2"), { deliver: { subject: "work.sjs2" } });
    const m = await c.next();
    assert.equal((await nc.request(m.reply, "", { timeout: 5000 })).data.length, 0);
    await ask(nc, "sub.seek.sjs2", "new");
    const stale = await nc.request(m.reply, "+ACK", { timeout: 5000 });
    assert.deepEqual([stale.json().error.code, stale.json().error.err_code], [409, 40904]);
    c.sub.unsubscribe();
  },
  async "subscriptions: -NAK, a pause, +WPI and a lost consumer"(nc) {
    await fill(nc, "sjs.3", 1);
    const c = consumer(nc, "work.sjs3");
    await create(nc, "sjs3", byStream("sjs.3"), { deliver: { subject: "work.sjs3" }, ack_wait_ms: 700, max_deliver: -1 });
    let m = await c.next();
    m.respond("-NAK");
    m = await c.next();
    assert.equal(attempt(m), 2);
    let at = Date.now();
    m.respond('-NAK {"delay_ms":300}');
    m = await c.next();
    assert.ok(Date.now() - at >= 290 && attempt(m) === 3);
    for (let i = 0; i < 4; i++) {
      await sleep(300);
      m.respond("+WPI");
    }
    at = Date.now();
    const again = await c.next(); // nobody answered any more
    assert.ok(Date.now() - at >= 300 && attempt(again) === 4);
    m.respond(); // the ack of any attempt counts
    await until(async () => (await info(nc, "sjs3")).in_flight === 0, "acknowledged");
    c.sub.unsubscribe();
  },
  async "subscriptions: +TERM parks, replay delivers again"(nc) {
    await fill(nc, "sjs.4", 2);
    const c = consumer(nc, "work.sjs4");
    await create(nc, "sjs4", byStream("sjs.4"), { deliver: { subject: "work.sjs4" }, order: "stream" });
    (await c.next()).respond("+TERM no such customer");
    await until(async () => (await ask(nc, "sub.parked.sjs4")).total === 2, "both are parked");
    const { parked } = await ask(nc, "sub.parked.sjs4");
    assert.deepEqual(parked.map((p) => [p.seq, p.key, p.reason]), [[1, "sjs.4", "no such customer"], [2, "sjs.4", "its key is parked"]]);
    assert.deepEqual(await ask(nc, "sub.replay.sjs4", { pos: [parked[1].pos] }), [409, 40904]);
    assert.deepEqual(await ask(nc, "sub.replay.sjs4", {}), { replayed: 2, more: false });
    for (const want of [1, 2]) {
      const m = await c.next();
      assert.deepEqual([seq(m), attempt(m)], [want, 1]);
      m.respond();
    }
    assert.equal((await ask(nc, "sub.explain.sjs4", { pos: parked[0].pos })).matches, true);
    c.sub.unsubscribe();
  },
  async "subscriptions: two in a queue group share, a slow one slows nobody"(nc) {
    const [one, two] = [consumer(nc, "work.sjs5", "w"), consumer(nc, "work.sjs5", "w")];
    await create(nc, "sjs5", byStream("sjs.5"), { deliver: { subject: "work.sjs5", queue: "w" } });
    await create(nc, "sjs5slow", byStream("sjs.5"), { deliver: { subject: "work.sjs5slow" }, max_in_flight: 1 });
    const slow = consumer(nc, "work.sjs5slow");
    await nc.flush();
    await fill(nc, "sjs.5", 100);
    const seen = new Set();
    const drain = async (c) => {
      let count = 0;
      for (let m; seen.size < 100 && (m = await c.next(1000)); count++) {
        seen.add(seq(m));
        m.respond();
      }
      return count;
    };
    const counts = await Promise.all([drain(one), drain(two)]);
    assert.equal(seen.size, 100);
    assert.ok(counts[0] > 0 && counts[1] > 0, `${counts}`);
    assert.equal(seq(await slow.next()), 1);
    assert.equal((await info(nc, "sjs5slow")).in_flight, 1);
    for (const c of [one, two, slow]) c.sub.unsubscribe();
  },
  async "subscriptions: pull with JetStream's status lines, and +NXT"(nc) {
    await fill(nc, "sjs.6", 4);
    await create(nc, "sjs6", byStream("sjs.6"));
    let got = await pull(nc, "sjs6", { batch: 2 });
    assert.deepEqual(got.events.map(seq), [1, 2]);
    assert.equal(seq(await nc.request(got.events[0].reply, "+NXT", { timeout: 5000 })), 3);
    got = await pull(nc, "sjs6", { batch: 5, no_wait: true });
    assert.deepEqual([got.events.map(seq), got.status.code, got.status.get("Nats-Pending-Messages")], [[4], 408, "4"]);
    got = await pull(nc, "sjs6", { batch: 5, no_wait: true });
    assert.deepEqual([got.events.length, got.status.code], [0, 404]);
    got = await pull(nc, "sjs6", { batch: 5, expires_ms: 200 });
    assert.deepEqual([got.events.length, got.status.code, got.status.get("Nats-Pending-Messages")], [0, 408, "5"]);
    assert.deepEqual(await ask(nc, "sub.next.sjs6", { batch: 0 }), [400, 10003]);
    assert.deepEqual(await ask(nc, "sub.next.nobody", {}), [404, 10014]);
  },
  async "subscriptions: pause, update, seek and delete, and what is refused"(nc) {
    await fill(nc, "sjs.7", 2, "SjsA");
    const c = consumer(nc, "work.sjs7");
    await create(nc, "sjs7", byType("SjsA"), { deliver: { subject: "work.sjs7" } });
    for (const m of await c.some(2)) m.respond();
    assert.deepEqual(await ask(nc, "sub.pause.sjs7"), { paused: true });
    await fill(nc, "sjs.7", 1, "SjsA", 2);
    assert.equal(await c.next(200), null);
    assert.deepEqual(await ask(nc, "sub.resume.sjs7"), { paused: false });
    (await c.some(1))[0].respond();
    await fill(nc, "sjs.7", 1, "SjsB");
    const { pos } = await ask(nc, "sub.update.sjs7", { filter: byType(["SjsA", "SjsB"]), backfill: true });
    assert.ok(pos >= 1);
    assert.equal((await c.next()).headers.get("Es-Type"), "SjsB");
    await ask(nc, "sub.seek.sjs7", "first");
    assert.deepEqual((await c.some(4)).map(seq), [1, 2, 3, 4]);
    assert.deepEqual(await create(nc, "sjs7", byType("Other")), [409, 40903]);
    assert.deepEqual(await create(nc, "sjs8", byStream("a.*")), [400, 40004]);
    assert.deepEqual(await create(nc, "sjs8", { plugin: "moon", selector: 1 }), [404, 40402]);
    assert.deepEqual(await create(nc, "sjs8", byStream("a"), { nonsense: 1 }), [400, 10003]);
    assert.deepEqual(await ask(nc, "sub.seek.sjs7", { seq: 1 }), [400, 10003]);
    await ask(nc, "sub.delete.sjs7");
    assert.deepEqual(await info(nc, "sjs7"), [404, 10014]);
    c.sub.unsubscribe();
  },
  async "subscriptions: ack none in bursts, ack all, headers only, a transient one"(nc) {
    await fill(nc, "sjs.9", 60);
    const none = consumer(nc, "work.sjs9none");
    await create(nc, "sjs9none", byStream("sjs.9"), { deliver: { subject: "work.sjs9none" }, ack: "none", max_in_flight: 10, durable: false, inactive_ms: 1000 });
    assert.deepEqual((await none.some(60)).map(seq), [...Array(60).keys()].map((i) => i + 1));
    const all = consumer(nc, "work.sjs9all");
    await create(nc, "sjs9all", byStream("sjs.9"), { deliver: { subject: "work.sjs9all" }, ack: "all", headers_only: true });
    const events = await all.some(60);
    assert.deepEqual([events[0].string(), events[0].headers.get("Nats-Msg-Size")], ["{}", "7"]);
    await nc.request(events[49].reply, "", { timeout: 5000 });
    assert.equal((await info(nc, "sjs9all")).in_flight, 10);
    none.sub.unsubscribe();
    await until(async () => Array.isArray(await info(nc, "sjs9none")), "the transient one is gone");
    all.sub.unsubscribe();
  },
  async "subscriptions: every start is inclusive"(nc) {
    await fill(nc, "sjs.11", 5);
    await create(nc, "sjs11", byStream("sjs.11"), { start: "first" });
    const { events } = await pull(nc, "sjs11", { batch: 5 });
    assert.deepEqual(events.map(seq), [1, 2, 3, 4, 5]);
    const third = events[2].headers;
    const starts = { pos: [{ pos: Number(third.get("Es-Position")) }, 3], seq: [{ seq: 4 }, 4], time: [{ time: third.get("Nats-Time-Stamp") }, 3] };
    for (const [kind, [start, want]] of Object.entries(starts)) {
      await create(nc, `sjs11${kind}`, byStream("sjs.11"), { start });
      assert.equal(seq((await pull(nc, `sjs11${kind}`)).events[0]), want, kind);
    }
    await create(nc, "sjs11new", byStream("sjs.11"), { start: "new" });
    await fill(nc, "sjs.11", 1);
    assert.equal(seq((await pull(nc, "sjs11new")).events[0]), 6);
  },
  async "subscriptions: backoff_ms is the pause after each -NAK, its last value repeats"(nc) {
    await fill(nc, "sjs.12", 1);
    await create(nc, "sjs12", byStream("sjs.12"), { backoff_ms: [20, 200], max_deliver: 4 });
    let { events } = await pull(nc, "sjs12");
    for (const [i, pause] of [20, 200, 200].entries()) {
      const at = Date.now();
      events[0].respond("-NAK");
      ({ events } = await pull(nc, "sjs12"));
      assert.equal(attempt(events[0]), i + 2);
      assert.ok(Date.now() - at >= pause - 10, `attempt ${i + 2} after ${Date.now() - at} ms`);
    }
  },
  async "subscriptions: on_exhausted parks, skips or stops"(nc) {
    for (const [how, told, state] of [["park", "parked", "live"], ["skip", "skipped", "live"], ["stop", "halted", "halted"]]) {
      const name = `sjs13${how}`;
      await fill(nc, name, 2);
      const advisory = nc.subscribe(`${root}.advisory.sub.${told}`, { max: 1 });
      await create(nc, name, byStream(name), { max_deliver: 2, on_exhausted: how, max_in_flight: 1 });
      for (const want of [1, 2]) {
        const { events } = await pull(nc, name);
        assert.deepEqual([seq(events[0]), attempt(events[0])], [1, want]);
        events[0].respond("-NAK");
      }
      for await (const m of advisory) assert.equal(m.json().subscription, name);
      await until(async () => (await info(nc, name)).state === state, `${name} is ${state}`);
      const { parked } = await ask(nc, `sub.parked.${name}`);
      assert.deepEqual(parked.map((p) => [p.seq, p.attempts]), how === "park" ? [[1, 2]] : []);
      if (how === "stop") assert.deepEqual(await ask(nc, `sub.resume.${name}`), { paused: false });
      const { events } = await pull(nc, name);
      assert.deepEqual([seq(events[0]), attempt(events[0])], [how === "stop" ? 1 : 2, 1]);
    }
  },
  async "subscriptions: order global, by tag and by payload keeps one of a key in flight"(nc) {
    const flows = { global: [1], "tag:customer:": [1, 3], "payload:customer.id": [1, 3] };
    for (const [i, [order, flow]] of Object.entries(flows).entries()) {
      const name = `sjs14n${i}`;
      const places = [];
      for (const id of ["a", "a", "b"]) {
        const h = headers();
        h.set("Es-Tags", `customer:${id}`);
        const m = await nc.request(`${root}.append.T.${name}`, JSON.stringify({ customer: { id } }), { headers: h, timeout: 5000 });
        places.push(m.json().pos);
      }
      await create(nc, name, byStream(name), { order });
      const { events } = await pull(nc, name, { batch: flow.length });
      assert.deepEqual(events.map(seq), flow, order);
      await until(async () => (await ask(nc, `sub.explain.${name}`, { pos: places[1] })).state === "held", `${order}: the second waits`);
      assert.equal((await info(nc, name)).in_flight, flow.length);
      await nc.request(events[0].reply, "", { timeout: 5000 });
      assert.equal(seq((await pull(nc, name)).events[0]), 2, order);
    }
  },
  async "subscriptions: a bad value of a member is refused by its name"(nc) {
    const members = {
      start: ["middle", {}, { pos: 0 }, { seq: 0 }, { time: "yesterday" }, { pos: 1, seq: 1 }],
      durable: ["no"], inactive_ms: [99], ack: ["some"], ack_wait_ms: [0], backoff_ms: [100, [-1]], max_deliver: [0],
      max_in_flight: [0], on_exhausted: ["cry"], order: ["random", "tag:", "payload:"], placement: ["moon"], headers_only: [1],
      deliver: [{ queue: "q" }, { subject: "work.*" }],
    };
    for (const [member, values] of Object.entries(members)) {
      for (const value of values) {
        const body = JSON.stringify({ filter: byStream("s"), [member]: value });
        const { error } = (await nc.request(`${root}.sub.create.sjs15`, body, { timeout: 5000 })).json();
        assert.deepEqual([error?.code, error?.err_code], [400, 10003], body);
        assert.ok(error.description.startsWith(member), `${body}: ${error.description}`);
      }
    }
    assert.deepEqual(await create(nc, "sjs15", byStream(["s", "t"]), { start: { seq: 1 } }), [400, 10003]);
    assert.deepEqual(await create(nc, "sjs15", byStream("s"), { ack: "all", order: "stream" }), [400, 10003]);
    assert.deepEqual(await info(nc, "sjs15"), [404, 10014]);
  },
  async "subscriptions: a status line is no acknowledgement"(nc) {
    await fill(nc, "sjs.10", 1);
    await create(nc, "sjs10", byStream("sjs.10"));
    const { events } = await pull(nc, "sjs10");
    const h = headers();
    h.set("Status", "404");
    nc.publish(events[0].reply, "", { headers: h });
    await nc.flush();
    assert.equal((await info(nc, "sjs10")).in_flight, 1);
  },
};
