# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says of processes: memory, and the processor time that each takes for an operation."""
import os

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def memory_mb(pid, field="VmRSS"):
    """VmRSS: now; VmHWM: at most, since it began."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next((int(line.split()[1]) >> 10 for line in f if line.startswith(field + ":")), 0)


def cpu_s(pid):
    """Processor time of all its threads so far."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


class Meter:
    """Processor time within a block: of processes by their part, as part=[pid, ...], and as `client` that of the programs which this one
    ran to their end meanwhile."""

    def __init__(self, **parts):
        self.parts = parts
        self.took = {}

    def read(self):
        times = os.times()
        return {"client": times.children_user + times.children_system,
                **{part: sum(map(cpu_s, pids)) for part, pids in self.parts.items()}}

    def __enter__(self):
        self.took = self.read()
        return self

    def __exit__(self, *_):
        self.took = {part: s - self.took[part] for part, s in self.read().items()}

    def us(self, operations):
        """Microseconds an operation, by part."""
        return {part: round(s * 1e6 / operations, 2) for part, s in self.took.items()}
