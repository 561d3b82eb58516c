"""The supervisor's hold on one fork server."""

import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path

from labkit.grading.engine.copy import reduced
from labkit.grading.engine.frames import ORDER, Channel, Closed, Stalled
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.places import HOME, PLACE
from labkit.grading.engine.sandbox import launch as sandbox_launch
from labkit.grading.engine.sandbox.cgroup import Group, branches

START_SECONDS = 300.0
# As root, each server runs as an account of its own, so that what the kernel counts by account (processes, pipes,
# watches) is no neighbour's. Numbers from a range that neither people, services nor containers are given.
FIRST_ACCOUNT = 1_900_000_000
SERVERS = count()
CREDENTIALS = struct.Struct("iII")


class SandboxError(RuntimeError):
    """The machinery failed, not the student. Never a zero: say so and try again."""


class Orders:
    """What carries out orders: the server, and its copies."""

    lock: threading.Lock
    control: Channel

    def order(self, order: bytes, number: int, sockets: Sequence[socket.socket] = ()) -> None:
        """Have the server fork a submission under a number and with two sockets (``f``), or interrupt (``i``) or
        kill (``k``) one; have it fork a copy of itself (``c``), as it forks a submission.

        Raises:
            SandboxError: if the server is gone.
        """
        try:
            with self.lock:
                self.control.sock.settimeout(START_SECONDS)
                socket.send_fds(self.control.sock, [ORDER.pack(order, number)], [s.fileno() for s in sockets])
        except OSError as error:
            raise SandboxError(f"the sandbox's server is gone: {self.said() or error}") from error

    def said(self) -> str:
        """The last line of what it complained of."""
        raise NotImplementedError

    def alive(self) -> bool:
        """Whether it still runs."""
        watch = select.poll()
        watch.register(self.control, 0)
        return not watch.poll(0)  # a hang-up comes before the process is gone


class Server(Orders):
    """A fork server, running.

    Args:
        sandboxed: start it in bubblewrap.
        preload: modules to import before the first fork, those that are installed.
        hide: folders to keep out of sight.
        archive: the copy of labkit that it unpacks, as ``reduced.archive`` gives it, or what makes it: that runs while
            the server begins. All of labkit if none is given.
        keep: distributions that stay in sight although only labkit's tests need them.

    Raises:
        SandboxError: if it can't be started, with the reason.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        sandboxed: bool,
        preload: Sequence[str],
        hide: Iterable[Path],
        archive: Path | Callable[[], Path] | None = None,
        keep: Iterable[str] = (),
    ) -> None:
        self.lock = threading.Lock()
        self.sandboxed = sandboxed
        self.numbers = count()
        self.limits = limits
        self.branches = branches() if sandboxed else []
        self.groups: list[Group] = []  # idle ones: making one takes longer than a fork
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the server
        self.place = PLACE if sandboxed else tempfile.mkdtemp(prefix="labkit-copy-")
        (ours, theirs), (copy, their_copy) = socket.socketpair(), socket.socketpair()
        with theirs, their_copy:
            pass_credentials(ours)
            self.process = self.spawn(theirs.fileno(), their_copy.fileno(), preload, hide, keep)
        self.control = Channel(ours, max_header=1 << 16)
        try:
            deliver(archive, copy)
            self.pid = sender(ours, START_SECONDS) or self.process.pid
            setup = {"limits": limits.as_dict(), "sandboxed": sandboxed, "preload": list(preload)}
            setup |= {"folders": [sandbox_launch.seen_at(folder) for folder in sandbox_launch.python_folders()]}
            self.control.send({**setup, "account": account() if sandboxed else 0})
            reply, _ = self.control.receive(seconds=START_SECONDS)
        except (Closed, Stalled, OSError) as error:
            self.process.wait(5)  # its complaint may still be on its way
            reason = self.said() or type(error).__name__
            self.close()
            raise SandboxError(f"the sandbox's server did not start: {reason}") from error
        except BaseException:
            self.close()
            raise
        if not reply.get("ready"):
            self.close()
            raise SandboxError(f"the sandbox's server did not start: {reply.get('failed')}")

    def spawn(
        self, control: int, copy: int, preload: Sequence[str], hide: Iterable[Path], keep: Iterable[str]
    ) -> subprocess.Popen[bytes]:
        """Start the process. Not in our session: the instructor's Ctrl-C is for us alone."""
        inherited = [control, copy]
        if self.sandboxed:
            texts = {path: readable(text) for path, text in sandbox_launch.ACCOUNTS.items()}
            inherited += texts.values()
            command = sandbox_launch.bubblewrap(control, copy, texts, preload, hide, keep)
            home = HOME
        else:
            command = sandbox_launch.python(control, copy, self.place, preload)
            home = tempfile.gettempdir()
        try:
            return subprocess.Popen(
                command,
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self.log,
                env=sandbox_launch.environment(home, self.place, sandboxed=self.sandboxed),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"the sandbox's server did not start: {error}") from error
        finally:
            for descriptor in inherited[2:]:
                os.close(descriptor)

    def group(self) -> Group | None:
        """A control group for one submission, or None where we may make none."""
        if not self.branches:
            return None
        with self.lock:
            if self.groups:
                return self.groups.pop()
        try:
            return Group(self.branches, self.limits)
        except OSError:
            self.branches = []  # a folder that looks writable is not always: do without
            return None

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None and super().alive()

    def said(self) -> str:
        """The last line of what the server or bubblewrap complained of."""
        self.log.seek(0)
        lines = self.log.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def close(self) -> None:
        """End it, and with it every submission it has forked."""
        self.control.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            if hasattr(self, "pid"):
                os.kill(self.pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        for group in self.groups:
            group.remove()
        if not self.sandboxed:
            shutil.rmtree(self.place, ignore_errors=True)
        self.log.close()


def deliver(archive: Path | Callable[[], Path] | None, sock: socket.socket) -> None:
    """Send a server the copy of labkit, which is made first where it must be.

    Raises:
        SandboxError: if there is none to send.
        OSError: if the server does not take it.
    """
    with sock:
        try:
            data = (archive() if callable(archive) else archive or reduced.archive(None)).read_bytes()
        except OSError as error:
            raise SandboxError(f"the sandbox's copy of labkit can't be made: {error}") from error
        sock.settimeout(START_SECONDS)
        sock.sendall(data)


def account() -> int:
    """The account that a server started by root turns into; 0 where we are not root."""
    if os.geteuid() != 0:
        return 0
    return FIRST_ACCOUNT + (os.getpid() % 2**22) * 16 + next(SERVERS) % 16


def readable(text: str) -> int:
    """A descriptor from which a short text can be read."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    return reader


def pass_credentials(sock: socket.socket, wanted: bool = True) -> None:
    """Have the kernel tell who sends. Linux only; elsewhere senders stay unknown."""
    if sys.platform == "linux":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, int(wanted))


def sender(sock: socket.socket, seconds: float) -> int:
    """Wait for the one byte a process greets with; its number as this process sees it, 0 where unknown.

    Raises:
        Closed: if it went without a greeting.
    """
    sock.settimeout(seconds)
    data, ancillary, _, _ = sock.recvmsg(1, socket.CMSG_SPACE(CREDENTIALS.size))
    if not data:
        raise Closed
    pass_credentials(sock, False)
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == getattr(socket, "SCM_CREDENTIALS", None):
            return int(CREDENTIALS.unpack(content[: CREDENTIALS.size])[0])
    return 0
