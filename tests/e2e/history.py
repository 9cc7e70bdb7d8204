# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients did and were answered, written down as tests/e2e/checker wants it, and judged by it."""
import asyncio
import json
import os
import re
import subprocess
import tempfile
import time

from harness import TOP, Failure, check

CHECKER = os.environ.get("NCTEST_CHECKER") or os.path.join(TOP, "build/release/tests/check_history")
WRONG_LAST_SEQUENCE = 10071
UNKNOWN = 10008  # 503: the outcome is not known


def now():
    return time.monotonic_ns()


class History:
    """Any number of clients of one process write to it at once."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile("w", prefix="nacre-history-", suffix=".jsonl", delete=False)
        self.acked = 0  # appends
        self.slowest_s = 0.0  # from the first try of an append to its answer
        self.waits_s = []

    def write(self, **line):
        self.file.write(json.dumps(line, separators=(",", ":")) + "\n")

    async def append_once(self, client, stream, event_id, data, expect="any", timeout=5, type="T"):
        """One try. What it came to: the answer, ("refused", err_code), or None: not known."""
        event = {"stream": stream, "id": event_id, "data": data, "expect": expect}
        headers = {"Nats-Msg-Id": event_id}
        if expect != "any":
            headers["Es-Expect"] = str(expect)
        start = now()
        try:
            answer = await client.ask(f"append.{type}.{stream}", data.encode(), headers, timeout)
        except Failure:
            raise
        except Exception as fault:  # noqa: BLE001 -- of the connection: nobody knows
            if "no responders" in str(fault).lower():
                self.write(op="append", start=start, end=now(), events=[event], refused=503)
                return "refused", 503
            self.write(op="append", start=start, end=now(), events=[event], unknown=True)
            return None
        if isinstance(answer, dict):
            self.acked += 1
            self.write(op="append", start=start, end=now(), events=[event], results=[{"seq": answer["seq"], "pos": answer["pos"]}])
            return answer
        _, err_code, description = answer
        if err_code == UNKNOWN:
            self.write(op="append", start=start, end=now(), events=[event], unknown=True)
            return None
        line = {"refused": err_code}
        if err_code == WRONG_LAST_SEQUENCE:
            line.update(actual=int(re.fullmatch(r"wrong last sequence: (\d+)", description)[1]), actual_stream=stream)
        self.write(op="append", start=start, end=now(), events=[event], **line)
        return "refused", err_code

    async def append(self, client, stream, event_id, data, expect="any", timeout=2, patience=60):
        """With retries under the same id, as a client does that wants it done: the answer, or a refusal that will not change."""
        began = time.monotonic()
        while True:
            got = await self.append_once(client, stream, event_id, data, expect, timeout)
            waited = time.monotonic() - began
            if isinstance(got, dict) or (got is not None and got[1] not in (503, 10023)):
                self.slowest_s = max(self.slowest_s, waited)
                self.waits_s.append(waited)
                return got
            check(waited < patience, f"no answer to an append within {patience} s")
            await asyncio.sleep(0.02)

    async def append_many(self, client, count, ids):
        """So many, over three streams, one after the other; each id begins with `ids`."""
        for i in range(count):
            await self.append(client, f"s.{i % 3}", f"{ids}{i}", "{}")

    async def read(self, client, stream=None, start_at=1, direct=False, min_pos=0, limit=10000, timeout=10):
        """One read to the head, or as far as `limit` goes; the events, or None if there was no answer."""
        subject = ("direct." if direct else "") + (f"read.{stream}" if stream else "all")
        headers = {"Es-Min-Position": str(min_pos)} if min_pos else None
        start = now()
        try:
            events, closing = await client.read(subject, json.dumps({"from": start_at, "limit": limit}).encode(), headers, timeout)
        except (asyncio.TimeoutError, Exception) as fault:  # noqa: BLE001 -- an answer that did not come says nothing
            if isinstance(fault, Failure):
                raise
            return None
        if events is None:
            return None
        line = {"op": "read", "start": start, "end": now(), "from": start_at, "head": int(closing.headers["Es-Head"])}
        if stream:
            line["stream"] = stream
        if direct:
            line.update(direct=True, min_pos=min_pos)
        line["complete"] = "Es-Next" not in closing.headers
        line["events"] = [seen(event) for event in events]
        self.write(**line)
        return line["events"]

    async def final(self, client, node, subject="all"):
        """All that the store holds; with a subject of R.direct, as `node` holds it. How many events that is."""
        at, end = 1, time.monotonic() + 60
        while True:
            check(time.monotonic() < end, f"{node}: no final read within a minute")
            try:
                events, closing = await client.read(subject, json.dumps({"from": at, "limit": 500}).encode(), timeout=10)
            except Failure:
                raise
            except Exception:  # noqa: BLE001 -- who was asked has just gone
                continue
            if events is None or (subject.startswith("direct.") and closing.headers["Es-Node"] != node):
                await asyncio.sleep(0.01)
                continue  # any node may answer: ask until the wanted one does
            self.write(op="final", node=node, events=[seen(event) for event in events])
            if "Es-Next" not in closing.headers:
                return int(closing.headers["Es-Head"])
            at = int(closing.headers["Es-Next"])

    def deliver(self, sub, msg):
        self.write(op="deliver", sub=sub, at=now(), attempt=int(msg.headers["Es-Delivery"]), **seen(msg))

    async def judge_nodes(self, client, names):
        """What the checker says when it has seen what each of these nodes holds."""
        for name in names:
            await self.final(client, name, "direct.all")
        return self.judge()

    def judge(self):
        """What the checker says; its file stays when it is not content."""
        self.file.flush()
        done = subprocess.run([CHECKER, self.file.name], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"{self.file.name}: {done.stdout[-3000:]}{done.stderr[-500:]}")
        self.file.close()
        os.unlink(self.file.name)
        return done.stdout


async def same_digests(client, names, seconds=60):
    """Every node checks all that it keeps, finds nothing bad, and comes to the same digest."""
    digests = {}
    end = time.monotonic() + seconds
    for name in names:
        await client.ask(f"node.{name}.verify", b'{"start":true}')
    while len(digests) < len(names):
        for name in set(names) - set(digests):
            said = await client.ask(f"node.{name}.verify")
            check(said["state"] in ("running", "good"), f"{name}: {said}")
            if said["state"] == "good":
                digests[name] = (said["head"], said["digest"])
        check(time.monotonic() < end, f"not checked within {seconds} s: {set(names) - set(digests)}")
        await asyncio.sleep(0.05)
    check(len(set(digests.values())) == 1, f"digests differ: {digests}")


def seen(msg):
    headers = msg.headers
    return {
        "stream": headers["Es-Stream"],
        "seq": int(headers["Nats-Sequence"]),
        "pos": int(headers["Es-Position"]),
        "id": headers["Nats-Msg-Id"],
        "data": msg.data.decode(),
    }


class Load:
    """Clients that append and read until they are stopped, with a pause of so many seconds; they share streams."""

    def __init__(self, history, clients, streams=8, reads=True, name="w", patience=60, pause=0):
        self.history, self.clients, self.streams, self.reads, self.name = history, clients, streams, reads, name
        self.pause = pause
        self.patience = patience
        self.going = True
        self.done = 0
        self.tasks = [asyncio.create_task(self.work(i, c)) for i, c in enumerate(clients)]

    async def work(self, number, client):
        count = 0
        versions = {}
        while self.going:
            await asyncio.sleep(self.pause)
            count += 1
            stream = f"load.{(count * 7 + number) % self.streams}"
            expect = versions.get(stream, 0) if count % 5 == 0 else "any"
            got = await self.history.append(client, stream, f"{self.name}{number}-{count}", json.dumps({"n": count}), expect or "any", patience=self.patience)
            if isinstance(got, dict):
                versions[stream] = got["seq"]
                self.done += 1
            if self.reads and count % 10 == 0:
                await self.history.read(client, stream, start_at=max(1, versions.get(stream, 1) - 20))
            if self.reads and count % 25 == 0 and isinstance(got, dict):
                await self.history.read(client, start_at=got["pos"], direct=True, min_pos=got["pos"])

    async def stop(self):
        self.going = False
        await asyncio.gather(*self.tasks)

    def check_alive(self):
        for task in self.tasks:
            if task.done():
                task.result()


class Consumer:
    """A durable pull subscription to everything, in order by stream; each delivery is acknowledged by a request."""

    def __init__(self, history, client, name="b"):
        self.history, self.client, self.name = history, client, name
        self.going = True
        self.delivered = set()

    async def start(self):
        definition = {"filter": {"plugin": "by_stream", "selector": "$all"}, "order": "stream", "ack_wait_ms": 3000, "max_deliver": 1000}
        await self.client.ask(f"sub.create.{self.name}", json.dumps(definition).encode())
        self.inbox = self.client.nc.new_inbox()
        self.messages = await self.client.nc.subscribe(self.inbox, pending_msgs_limit=-1, pending_bytes_limit=-1)
        self.task = asyncio.create_task(self.work())

    async def work(self):
        while self.going:
            want = json.dumps({"batch": 50, "expires_ms": 1000}).encode()
            await self.client.nc.publish(f"{self.client.root}.sub.next.{self.name}", want, reply=self.inbox)
            try:
                while True:
                    msg = await self.messages.next_msg(1.5)
                    if (msg.headers or {}).get("Status"):
                        break
                    await self.take(msg)
            except Exception:  # noqa: BLE001 -- nobody answers at the moment: ask again
                await asyncio.sleep(0.05)

    async def take(self, msg):
        self.history.deliver(self.name, msg)
        pos = int(msg.headers["Es-Position"])
        self.delivered.add(pos)
        try:
            answer = await self.client.nc.request(msg.reply, b"+ACK", timeout=2)
        except Exception:  # noqa: BLE001 -- nobody knows: it comes again, or not
            return
        if not answer.data and not answer.headers:
            self.history.write(op="ack", sub=self.name, pos=pos, end=now())

    async def stop(self, head, seconds=60):
        """When everything through `head` was delivered; it may take long, but never so long without a delivery."""
        end, before = time.monotonic() + seconds, 0
        while len([pos for pos in self.delivered if pos <= head]) < head:
            if len(self.delivered) > before:
                end, before = time.monotonic() + seconds, len(self.delivered)
            check(time.monotonic() < end, f"of {head} events {before} were delivered, and none within {seconds} s")
            check(not self.task.done(), "the consumer ended")
            await asyncio.sleep(0.1)
        self.going = False
        await self.task
        self.history.write(op="sub", name=self.name, match="all", order="stream", until=head)
