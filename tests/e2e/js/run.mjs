// SPDX-License-Identifier: GPL-3.0-or-later
// The stock JavaScript clients against a real nacred: js.publish() gets PubAcks and error 10071, reads and the feed
// work with plain requests. Ends with "RESULT passed failed skipped".
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, headers, createInbox } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";
import { tests as subscriptions } from "./subs.mjs";

const top = process.env.NCTEST_TOP ?? process.cwd();
const home = mkdtempSync(join(tmpdir(), "nacre-js-"));
const log = join(home, "node.log");
const text = (bytes) => new TextDecoder().decode(bytes);

async function startNode() {
  const out = openSync(log, "w");
  const node = spawn(join(top, "build/release/bin/nacred"), ["--store-id", "shop", "--data-dir", join(home, "data")], {
    stdio: ["ignore", out, out],
  });
  for (let i = 0; i < 600; i++) {
    if (readFileSync(log, "utf8").includes(" ready: ")) return node;
    if (node.exitCode !== null) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("nacred is not ready: " + readFileSync(log, "utf8"));
}

async function read(nc, subject, body = "") {
  const inbox = createInbox();
  const sub = nc.subscribe(inbox);
  nc.publish(subject, body, { reply: inbox });
  const events = [];
  for await (const m of sub) {
    if (m.headers?.code === 204) return { events, end: m.headers };
    if (m.headers?.has("Nats-Service-Error")) throw new Error(m.headers.get("Nats-Service-Error"));
    events.push(m);
  }
}

const tests = {
  async "js.publish gets PubAcks"(nc) {
    const js = jetstream(nc);
    const first = await js.publish("es.shop.append.Placed.js.1", '{"a":1}', { msgID: "j1" });
    assert.deepEqual([first.stream, first.seq, first.duplicate], ["js.1", 1, false]);
    const again = await js.publish("es.shop.append.Placed.js.1", '{"a":1}', { msgID: "j1" });
    assert.deepEqual([again.seq, again.duplicate], [1, true]);
  },
  async "js.publish with expected sequences"(nc) {
    const js = jetstream(nc);
    for (let i = 0; i < 5; i++) {
      const ack = await js.publish("es.shop.append.N.js.2", String(i), { expect: { lastSubjectSequence: i } });
      assert.equal(ack.seq, i + 1);
    }
    await assert.rejects(
      js.publish("es.shop.append.N.js.2", "x", { expect: { lastSubjectSequence: 2 } }),
      (err) => (err.code === 10071 || err.apiError?.()?.err_code === 10071) && /wrong last sequence: 5/.test(err.message),
    );
  },
  async "js.publish with an expected stream"(nc) {
    const js = jetstream(nc);
    assert.equal((await js.publish("es.shop.append.N.js.3", "1", { expect: { streamName: "shop" } })).seq, 1);
    await assert.rejects(js.publish("es.shop.append.N.js.3", "1", { expect: { streamName: "other" } }));
  },
  async "many publishes at once keep each stream gapless"(nc) {
    const js = jetstream(nc);
    const acks = await Promise.all([...Array(500).keys()].map((i) => js.publish(`es.shop.append.N.js.many.${i % 5}`, "1")));
    for (let s = 0; s < 5; s++) {
      const seqs = acks.filter((a) => a.stream === `js.many.${s}`).map((a) => a.seq);
      assert.deepEqual(seqs.sort((a, b) => a - b), [...Array(100).keys()].map((i) => i + 1));
    }
  },
  async "reads end with 204 EOB"(nc) {
    const { events, end } = await read(nc, "es.shop.read.js.2");
    assert.deepEqual(events.map((e) => text(e.data)), ["0", "1", "2", "3", "4"]);
    assert.equal(end.description, "EOB");
    assert.equal(end.get("Es-Head"), "5");
  },
  async "packed reads are JSON"(nc) {
    const { events } = await read(nc, "es.shop.read.js.1", '{"format":"json"}');
    assert.deepEqual(events[0].json()[0].data, { a: 1 });
  },
  async "requests with headers get errors in both forms"(nc) {
    const h = headers();
    h.set("Es-Expect", "9");
    const m = await nc.request("es.shop.append.N.js.4", "1", { headers: h, timeout: 5000 });
    assert.equal(m.headers.get("Nats-Service-Error-Code"), "400");
    assert.equal(m.json().error.err_code, 10071);
  },
  async "the feed mirrors what is appended"(nc) {
    const sub = nc.subscribe("es.shop.event.Fed.>", { max: 2 });
    await nc.flush();
    await nc.request("es.shop.append.Fed.js.5", "1", { timeout: 5000 });
    await nc.request("es.shop.append.Fed.js.5", "2", { timeout: 5000 });
    const got = [];
    for await (const m of sub) got.push([m.subject, text(m.data), m.headers.get("Nats-Sequence")]);
    assert.deepEqual(got, [["es.shop.event.Fed.js.5", "1", "1"], ["es.shop.event.Fed.js.5", "2", "2"]]);
  },
};

let passed = 0;
let failed = 0;
const node = await startNode();
try {
  const nc = await connect({ servers: readFileSync(join(home, "data/nats.url"), "utf8").trim() });
  for (const [name, test] of Object.entries({ ...tests, ...subscriptions })) {
    try {
      await test(nc);
      passed++;
      console.log(`${name}: ok`);
    } catch (err) {
      failed++;
      console.log(`${name}: FAILED`, err);
    }
  }
  await nc.close();
} finally {
  const ended = new Promise((done) => node.once("exit", done));
  node.kill("SIGTERM");
  if ((await ended) !== 0) failed++;
  rmSync(home, { recursive: true, force: true });
}
console.log(`RESULT ${passed} ${failed} 0`);
