# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread of a living node, stopped by ptrace: what waits for it waits, all else of the process goes on."""
import ctypes
import errno
import os

from harness import Failure, Skip, wait_for

PTRACE_CONT, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 7, 17, 0x4206, 0x4207
WALL = 0x40000000  # waitpid: a thread, too

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def thread_of(pid, name):
    """The one thread of a process that has this name."""
    found = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm", encoding="utf-8") as f:
            if f.read().strip() == name:
                found.append(int(tid))
    if len(found) != 1:
        raise Failure(f"threads {name} of {pid}: {found}")
    return found[0]


class Stalled:
    """`with Stalled(node, "nacre-apply"):` Only the thread that has attached may detach: of the test too there is one. The node
    must not be killed within: its end would wait for us to let go."""

    def __init__(self, node, name):
        self.tid = thread_of(node.process.pid, name)
        self.held = False

    def call(self, request):
        if libc.ptrace(request, self.tid, None, None) != 0:
            code = ctypes.get_errno()
            if request == PTRACE_SEIZE and code == errno.EPERM:
                raise Skip("ptrace is not permitted here")
            raise OSError(code, f"ptrace {request:#x}: {os.strerror(code)}")

    def __enter__(self):
        self.call(PTRACE_SEIZE)
        self.held = True
        self.call(PTRACE_INTERRUPT)
        wait_for(self.has_stopped, 10, "the thread has stopped")
        return self

    def has_stopped(self):
        """The interrupt, or a signal that came before it: in either case it stands still."""
        pid, status = os.waitpid(self.tid, WALL | os.WNOHANG)
        if pid == 0:
            return False
        if not os.WIFSTOPPED(status):
            raise Failure(f"the thread has ended: {status:#x}")
        return True

    def go_on(self):
        if self.held:
            self.held = False
            self.call(PTRACE_DETACH)

    def __exit__(self, *_):
        self.go_on()
