# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of random programs: data and tags follow from stream, type and tag, so that each delivery can be looked at by itself."""
import json

import msgpack

READ = {"application/json": json.loads, "application/msgpack": msgpack.unpackb}
NO_KEY = {"a": {"n": {}}, "b": {"n": {"k": None}}, "c": {"n": {"k": ""}}}
KEYS = {("x", "A"): "x", ("x", "B"): "x", ("y", "A"): 7, ("y", "B"): 7.0}  # equal numbers are one key
PADS = [0, 30, 300, 700]


def value_of(stream, type, tag):
    made = NO_KEY[stream] if tag is None else {"n": {"k": KEYS[tag, type]}}
    return {**made, "pad": "p" * PADS[(ord(stream) + ord(type) + ord(tag or "a")) % len(PADS)]}


def data_of(stream, type, tag):
    return json.dumps(value_of(stream, type, tag)).encode()


def tags_of(tag):
    """Of several with the prefix the first counts."""
    return ["other:1", f"key:{tag}", "key:z"] if tag else ["other:1"]


def tag_in(tags):
    return next((t.split(":")[1] for t in tags if t.startswith("key:")), None)


class Given:
    """An event as it was delivered."""

    def __init__(self, pos, attempt, stream, type, tags, data, size):
        self.pos, self.attempt, self.stream, self.type, self.tag = pos, attempt, stream, type, tag_in(tags)
        self.data, self.size = data, size  # None: not told

    def bytes(self):
        return len(data_of(self.stream.split(".")[1], self.type.split("-")[1], self.tag))

    def wrong(self):
        """What is wrong with the data."""
        want = data_of(self.stream.split(".")[1], self.type.split("-")[1], self.tag)
        if self.size is not None:
            return None if self.size == len(want) and self.data in (None, b"{}") else f"of {len(want)} bytes it says {self.size}, {self.data}"
        same = json.loads(self.data if isinstance(self.data, (bytes, str)) else json.dumps(self.data)) == json.loads(want)
        return None if same else f"its data are {self.data}"


def given_in(msg):
    """The events of a message, packed or one by itself."""
    h = msg.headers
    if "Es-Stream" in h:
        size = h.get("Nats-Msg-Size")
        return [Given(int(msg.reply.split(".")[-2]), int(h["Es-Delivery"]), h["Es-Stream"], h["Es-Type"], h.get("Es-Tags", "").split(","), msg.data, size and int(size))]
    return [Given(e["pos"], e["delivery"], e["stream"], e["type"], e.get("tags", []), e.get("data"), e.get("size")) for e in READ[h["Content-Type"]](msg.data)]
