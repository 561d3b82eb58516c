"""A fork of the server becomes a submission: isolation, the assignment's files, limits, then the loop."""

import json
import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labkit.grading.engine.frames import READY, Channel, Closed
from labkit.grading.engine.inside import isolate as inside_isolate
from labkit.grading.engine.inside import loop as inside_loop
from labkit.grading.engine.inside import syscalls as inside_syscalls
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.places import HOME, KERNEL_CHANNELS

KERNEL = "labkit.grading.engine.inside.kernel"
MAX_SETUP = 1 << 26  # bytes of the list of files and of environment variables
MAX_FILES = (1 << 32) - 1


@dataclass(frozen=True)
class Submission:
    """What a submission starts from.

    Attributes:
        replies: its cells' channel, all that stays open.
        reports: the supervisor's own, which the student's code never sees.
        resume: goes on behind cells that ran before the fork, if some did.
    """

    shell: Any
    limits: Limits
    replies: socket.socket
    reports: socket.socket
    resume: Callable[[dict[str, int]], None] | None = None

    def fork(
        self, account: tuple[int, int], folders: list[str] | None, control: socket.socket
    ) -> tuple[int, str | None] | None:
        """Fork it: in the server, its pid and a folder to remove when it ends; None if that failed.

        Args:
            account: the server's user and group.
            folders: what this Python is made of, or None without a sandbox.
            control: the server's channel, closed in the fork.
        """
        home = tempfile.mkdtemp(prefix="labkit-") if folders is None else None
        try:
            pid = os.fork() if folders is None else inside_syscalls.fork_into_namespaces()
        except OSError as error:
            Channel(self.reports, max_header=0).send({"failed": str(error)})
            return None
        if pid == 0:
            control.close()
            self.live(account, folders, home)
        return pid, home

    def live(self, account: tuple[int, int], folders: list[str] | None, home: str | None) -> None:
        """In the fork. Never returns: it is a copy of the server, and must not become a second one."""
        try:
            os.setsid()
            self.reports.sendall(b"!")  # its credentials tell the supervisor which process this is
            if folders is not None:
                inside_isolate.settle(self.limits, account, folders)
            setup = self.prepare(home or HOME)
            files = inside_loop.descriptors(keep=(self.replies.fileno(), self.reports.fileno()))
            inside_isolate.confine(self.limits, sandboxed=folders is not None, counted=setup["counted"])
            os.environ.update(setup["env"], HOME=home or HOME)
            ready(self.reports)
            if "kernel" in setup:
                become_kernel(self.replies, **setup["kernel"])
        except Closed:
            os._exit(0)  # the supervisor is gone, and nobody is left to tell
        except BaseException as error:  # noqa: BLE001  told to the supervisor, which raises it
            Channel(self.reports, max_header=0).send({"failed": f"{type(error).__name__}: {error}"})
            os._exit(1)
        try:
            channel = Channel(self.replies, max_header=1 << 28, max_body=MAX_FILES)
            inside_loop.serve(channel, self.shell, self.limits, files, self.resume)
        except BaseException:  # noqa: BLE001  the exit status tells
            traceback.print_exc()
        os._exit(1)

    def prepare(self, home: str) -> dict[str, Any]:
        """Receive the setup, write the assignment's files, and go where they are; the setup's header."""
        header, body = Channel(self.reports, max_header=MAX_SETUP, max_body=MAX_FILES).receive()
        os.makedirs(f"{home}/.ipython/profile_default", exist_ok=True)
        os.makedirs(f"{home}/assignment")
        os.chdir(f"{home}/assignment")
        start = 0
        for name, size in header["files"]:
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            with open(name, "wb") as file:
                file.write(memoryview(body)[start : start + size])
            start += size
        return header


def become_kernel(replies: socket.socket, connection: dict[str, Any], arguments: list[str]) -> None:
    """Make this process a Jupyter kernel, which finds the same walls and limits. Returns only if that fails.

    Args:
        replies: where its listening sockets come from.
        connection: what a kernel's connection file says.
        arguments: of the kernel's program.
    """
    _, listening, _, _ = socket.recv_fds(replies, 1, len(KERNEL_CHANNELS))
    replies.close()
    file = os.path.expanduser("~/.kernel.json")
    with open(file, "w", encoding="utf-8") as out:
        json.dump(connection, out)
    for descriptor in listening:
        os.set_inheritable(descriptor, True)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what is ignored stays ignored in a new program
    os.execv(sys.executable, [sys.executable, "-P", "-m", KERNEL, file, json.dumps(listening), *arguments])


def ready(reports: socket.socket) -> None:
    """Say so, hand over a view of the own processes for the memory to be watched from outside, and hang up."""
    views = [os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)] if os.getpid() == 1 else []
    socket.send_fds(reports, [READY], views)
    for view in views:
        os.close(view)
    reports.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
