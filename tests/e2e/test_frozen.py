# SPDX-License-Identifier: GPL-3.0-or-later
"""Data directories that earlier builds left (tests/frozen) are opened, read to the last byte, checked, and gone on with;
what a later build left is refused by name."""
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile

from harness import TOP, Client, NatsServer, Node, check, equal
from test_verify import CORRUPT, GOOD, offline, verified

FROZEN = os.path.join(TOP, "tests/frozen")
sys.path.append(FROZEN)
import frozen  # noqa: E402

NAMES = sorted(n[: -len(".tar.xz")] for n in os.listdir(FROZEN) if n.endswith(".tar.xz"))


class Thawed:
    """A frozen directory, unpacked."""

    def __init__(self, name, kind):
        self.home = tempfile.mkdtemp(prefix="nacre-frozen-")
        with tarfile.open(os.path.join(FROZEN, f"{name}.tar.xz")) as tar:
            tar.extractall(self.home)
        os.rename(os.path.join(self.home, kind), os.path.join(self.home, "data"))
        with open(os.path.join(FROZEN, f"{name}.json"), encoding="utf-8") as f:
            self.want = json.load(f)[kind]

    async def __aenter__(self):
        self.server = NatsServer()
        self.node = Node(self.server, data_dir=self.home, env={"NACRE_LOG_SEGMENT_MB": "1", "NACRE_CACHE_MB": "16"}, start=False)
        self.client = await Client.connect(self.server.url)
        return self

    async def __aexit__(self, *_):
        await self.client.close()
        self.node.remove() if self.node.process else None
        self.server.remove()
        shutil.rmtree(self.home, ignore_errors=True)


async def test_what_earlier_builds_left_is_read_to_the_last_byte_and_gone_on_with():
    check(NAMES, "something is frozen")
    for name in NAMES:
        for kind in ("clean", "killed"):
            async with Thawed(name, kind) as t:
                want, c = t.want, t.client
                code, said = offline(t.node)
                equal(code, GOOD, f"{name} {kind}: {said}")
                t.node.start()
                have = await frozen.read_back(c)
                stats = await c.ask("store.stats")
                for counts in ("types", "categories"):
                    equal(sum(stats[counts].values()), stats["events"], f"{name} {kind}: events by {counts}, counted anew")
                old, new = want["store"].pop("engine_version"), have["store"].pop("engine_version")
                said = f"upgraded: engine version {new} from here on, {old} before"
                check(new == old or new > old and said in t.node.log_text(), f"{name} {kind}: from {old} to {new}, and it is said")
                check(set(want) >= {"events", "sha256", "by", "store", "worker", "parked", "subscriptions"}, f"{name}.json says what it holds")
                for key in have.keys() & want.keys():  # what is looked at since is not in an older one's page
                    equal(have[key], want[key], f"{name} {kind}: {key}")
                report = await verified(c)
                equal((report["state"], report["digest"]), ("good", want["store"]["digest"]), f"{name} {kind}: {report}")
                again = await c.append("orders.42", b'{"total": 9}', "OrderPlaced", {"Nats-Msg-Id": "first"})
                equal(again, {"stream": "orders.42", "seq": 1, "pos": 1, "duplicate": True}, "ids are known for ever")
                stale = await c.ask("batch", json.dumps({"events": [frozen.event("out", "T", 1)], "ack": {"reply": want["again"]}}).encode())
                equal(stale[:2], (409, 40904), f"{name} {kind}: a batch acknowledged it")
                next_up = await frozen.take(c, "worker", len(want["in_flight"]))
                equal([int(m.headers["Es-Position"]) for m in next_up], want["in_flight"], "what was on its way comes again")
                check(want["by_batch"] not in [int(m.headers["Es-Position"]) for m in next_up], "what is acknowledged does not")
                equal((await c.append("orders.42"))["seq"], 4)
                t.node.restart()
                equal((await c.ask("store.info"))["head"], want["store"]["head"] + 1, "after kill -9")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def of_a_later_format(path, crc_at, covered):
    """The file with its format, at byte 8, one higher, and its checksum made right."""
    with open(path, "r+b") as f:
        head = bytearray(f.read(crc_at + 4))
        (known,) = struct.unpack_from("<I", head, crc_at)
        equal(crc32c(head[:covered]), known, f"{path}: what the checksum covers")
        struct.pack_into("<I", head, 8, struct.unpack_from("<I", head, 8)[0] + 1)
        struct.pack_into("<I", head, crc_at, crc32c(head[:covered]))
        f.seek(0)
        f.write(head)


async def test_what_a_later_build_left_is_refused_and_not_touched():
    for what in ("identity", "log"):
        async with Thawed(NAMES[-1], "clean") as t:
            data = t.node.data_dir
            if what == "identity":
                for copy in ("identity", "identity.copy"):
                    of_a_later_format(os.path.join(data, copy), 252, 252)
            else:
                of_a_later_format(os.path.join(data, "log", sorted(os.listdir(os.path.join(data, "log")))[0]), 80, 80)
            before = {root: sorted(files) for root, _, files in os.walk(os.path.join(data, "state"))}
            code, said = t.node.refuses()
            equal(code, CORRUPT, said)
            check("newer" in said, f"{what}: {said}")
            equal({root: sorted(files) for root, _, files in os.walk(os.path.join(data, "state"))}, before, "the state's files")
