"""One submission's session: cells go in one at a time, and what comes back is believed as far as it must be.

The protocol: a request carries a nonce, exactly one reply with that nonce is accepted, and the channel must be
silent before a request. A second channel leads to the server and to the submission's process before any of its
code ran; the student's code never holds it, so what it says is true.
"""

import contextlib
import os
import secrets
import select
import signal
import socket
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from labkit.grading.engine.frames import READY, Channel, Closed, Frame, Stalled, Tampered
from labkit.grading.engine.limits import Limits, duration, size
from labkit.grading.engine.sandbox import files as sandbox_files
from labkit.grading.engine.sandbox import launch as sandbox_launch
from labkit.grading.engine.sandbox import outputs as sandbox_outputs
from labkit.grading.engine.sandbox.cgroup import Group, MachineShort, Recently
from labkit.grading.engine.sandbox.prelude import Prelude
from labkit.grading.engine.sandbox.results import CellResult, CheckResult
from labkit.grading.engine.sandbox.server import SandboxError, Server, pass_credentials, sender
from labkit.grading.engine.sandbox.watch import TICK, Watch

SETUP_SECONDS = 60.0
END_SECONDS = 10
PATIENCE = 4  # times its limit that a cell may take in all, where it spent the rest waiting for a processor
SLACK = 1 << 20  # of a reply's header beyond the outputs' budget: an error finds a place even when that is spent
TIMEOUT = {
    "output_type": "error",
    "ename": "CellTimeoutError",
    "evalue": "",
    "traceback": ["\x1b[0;31mCellTimeoutError\x1b[0m: the cell was interrupted at its time limit"],
}
TAMPERED = "the reply channel was tampered with"


class Died(Exception):
    """The submission is over; the sentence says why."""


class Session:
    """One submission's process, and all its cells see of the world. Made by ``Sandbox.open``.

    Attributes:
        ran: what the notebook's first cells gave, where they have run already.
    """

    def __init__(
        self,
        server: Server | Prelude,
        limits: Limits,
        files: dict[str, bytes],
        env: dict[str, str],
        more: dict[str, Any] | None = None,
    ) -> None:
        self.limits = limits
        self.ran = server.ran if isinstance(server, Prelude) else []
        self.died = ""
        self.tampered = False
        self.killed = False  # by a signal that explains nothing: the submission's own, or somebody's outside
        self._kills, self._short = out_of_memory_kills(), Recently(out_of_memory_kills)
        self._spent = self._own = 0.0  # seconds of cells and checks, and those without their waiting
        self._taken = self._idle = 0.0
        self._starved = False
        self._server, self._number = server, next(server.numbers)
        self._process: int | None = None  # its first process, as a descriptor that can't come to mean another
        self._watch = Watch(None, 0)
        self._group: Group | None = None
        replies, their_replies = socket.socketpair()
        reports, their_reports = socket.socketpair()
        header, body = limits.output_bytes + SLACK, 2 * limits.reply_bytes + SLACK
        self._replies = Channel(replies, max_header=header, max_body=body)
        self._reports = Channel(reports, max_header=1 << 16, single=False)
        try:
            with their_replies, their_reports:
                pass_credentials(reports)
                server.order(b"f", self._number, [their_replies, their_reports])
            self._settle(files, {"env": env, **(more or {})})
        except (Closed, Stalled, OSError) as error:
            reason = server.said() or type(error).__name__
            self.close()
            raise SandboxError(f"a submission's process did not start: {reason}") from error
        except SandboxError:
            self.close()
            raise

    def _settle(self, files: dict[str, bytes], setup: dict[str, Any]) -> None:
        """Wait for the process, hand it the files, wait until it has shut itself in."""
        pid = sender(self._reports.sock, SETUP_SECONDS)
        if self._server.sandboxed:
            self._process = os.pidfd_open(pid)
            self._group = self._server.group()
            if self._group:
                self._group.enter(pid)
        table = [[name, len(data)] for name, data in files.items()]
        counted = self._group is not None
        with contextlib.suppress(Closed):  # where it failed before it took all, its report says why
            self._reports.send(
                {"files": table, "counted": counted, **setup}, b"".join(files.values()), seconds=SETUP_SECONDS
            )
        self._reports.sock.settimeout(SETUP_SECONDS)
        word, views, _, _ = socket.recv_fds(self._reports.sock, 1, 1)
        if word != READY:
            self._reports.buffer += word
            report, _ = self._reports.receive(seconds=SETUP_SECONDS)
            raise SandboxError(
                f"a submission's process did not start: {report.get('failed') or sentence(report, self.limits)}"
            )
        if self._server.sandboxed and not views:
            raise SandboxError("a submission's process did not show its memory: too many files are open here")
        self._watch = Watch(views[0] if views else None, self.limits.memory_bytes, kernel=self._group is None)

    def run_cell(self, source: str) -> CellResult:
        """Run a cell and wait for its outputs."""
        try:
            (header, body), late = self._ask({"do": "cell", "source": source})
            if body:
                raise Tampered("a cell's reply with a body")
            outputs, count = self._outputs(header, late), sandbox_outputs.number(header.get("count"))
        except (Died, Tampered) as end:
            return CellResult(died=self._over(end), tampered=self.tampered, **self._times())
        return CellResult(outputs, timed_out=late, count=count, **self._times())

    def run_check(self, key: str, expression: str, seed: int, prepared: bytes = b"") -> CheckResult:
        """Run the half of a check that needs the student's function: ``expression``, in the notebook's namespace.

        Args:
            prepared: the check's cases, where only the judge can make them.
        """
        try:
            request = {"do": "check", "key": key, "expression": expression, "seed": seed}
            (header, body), late = self._ask(request, prepared)
            outputs, failed = self._outputs(header, late), sandbox_outputs.text(header.get("failed", ""), ())
        except (Died, Tampered) as end:
            return CheckResult(None, died=self._over(end), tampered=self.tampered, **self._times())
        return CheckResult(body or None, outputs, timed_out=late, failed=failed, **self._times())

    def files(self, given: Mapping[str, bytes]) -> dict[str, bytes]:
        """What lies in the notebook's folder now: for the next notebook of the same submission.

        Args:
            given: the files it was opened with, which are also the answer where its process is gone.
        """
        try:
            (header, body), late = self._ask({"do": "files"})
            if late:
                return dict(given)
            return sandbox_files.received(header.get("files"), body, given, self.limits.disk_bytes)
        except (Died, Tampered) as end:
            self._over(end)
            return dict(given)

    def _times(self) -> dict[str, Any]:
        """What a result says of the time that it took."""
        return {"seconds": self._taken, "waited": self._idle, "starved": self._starved}

    def _outputs(self, header: dict[str, Any], late: bool) -> list[dict[str, Any]]:
        """The validated outputs of a reply, with nbgrader's mark where the cell was interrupted."""
        private = sandbox_launch.private_paths(self._server.place)
        outputs = sandbox_outputs.outputs(header.get("outputs"), private)
        return [*outputs, dict(TIMEOUT)] if late else outputs

    def _ask(self, request: dict[str, Any], data: bytes = b"") -> tuple[Frame, bool]:
        """Send a request and wait for the one reply to it; whether it had to be interrupted.

        Raises:
            Died: if none comes.
            Tampered: if something else comes.
        """
        self._taken, self._idle, self._starved = 0.0, 0.0, False
        if self.died:
            raise Died(self.died)
        if self._replies.pending():
            raise Tampered("a reply before its request")
        allowed = min(self.limits.cell_seconds, self.limits.notebook_seconds - self._spent)
        if allowed <= 0:
            self._starved = self._own < self.limits.notebook_seconds
            raise Died(self.limits.notebook_overrun())
        nonce = secrets.token_hex(16)
        start, waited = time.monotonic(), self._watch.waited()
        try:
            self._replies.send({"nonce": nonce, **request}, data, seconds=allowed)
            frame, late = self._wait(allowed)
        except Closed:
            raise Died(self._last_words()) from None
        except Stalled:
            raise Died("its process stopped listening") from None
        finally:
            self._taken, self._idle = time.monotonic() - start, max(self._watch.waited() - waited, 0.0)
            self._own += self._taken - self._idle
            self._spent += max(self._taken - self._idle, self._taken / PATIENCE)
        if frame[0].get("nonce") != nonce:
            raise Tampered("a reply to another request")
        return frame, late

    def _wait(self, allowed: float) -> tuple[Frame, bool]:
        """The next frame of the student's process, interrupted when its time is over and killed a little later."""
        watch, late = select.poll(), False
        watch.register(self._replies, select.POLLIN)
        watch.register(self._reports, select.POLLIN)
        start, waited = time.monotonic(), self._watch.waited()
        deadline = start + allowed
        while True:
            remaining = deadline - time.monotonic()
            ready = dict(watch.poll(max(min(remaining, TICK), 0) * 1000))
            if self._replies.fileno() in ready:
                frame = self._replies.pump()
                if frame:
                    return frame, late
            elif self._reports.fileno() in ready:
                raise Died(self._last_words())
            if self._overspent():
                raise Died(self._spent_memory())
            if remaining > 0:
                continue
            idle = self._watch.waited() - waited
            own = start + min(allowed + idle, allowed * PATIENCE)
            if own - deadline > TICK:
                deadline = own
                continue
            self._starved |= idle > allowed * (PATIENCE - 1)
            if late:
                raise Died(self.limits.cell_overrun())
            self._server.order(b"i", self._number)
            late, allowed = True, self.limits.interrupt_seconds
            start, waited = time.monotonic(), self._watch.waited()
            deadline = start + allowed

    def _last_words(self) -> str:
        """Why the student's process is gone, from the server, which is out of its reach."""
        try:
            report, _ = self._reports.receive(seconds=self.limits.interrupt_seconds)
        except Closed:
            self.close()
            raise SandboxError("the sandbox's server was killed, and with it the submissions in it") from None
        except Stalled:
            return "its process closed its reply channel"
        if self._overspent():
            return self._spent_memory()
        if report.get("exit") == -signal.SIGKILL and not self._group and out_of_memory_kills() > self._kills:
            self._machine_short()
        self.killed = unexplained(report, self.limits)
        return sentence(report, self.limits)

    def _overspent(self) -> bool:
        """Whether it holds more memory than it may, or was killed for that.

        Raises:
            SandboxError: if the kernel killed one of its processes because the machine had no memory left.
        """
        if self._watch.overspent():
            return True
        if self._group:
            try:
                return self._group.overspent()
            except MachineShort:
                self._machine_short()
        # Whom the kernel killed nobody tells. Where somebody and a process in here went, nobody else is blamed.
        elif self._short.grew() and self._watch.lost:
            self._machine_short()
        return False

    def _machine_short(self) -> NoReturn:
        """Give up: it was within its limits, and runs again elsewhere or later."""
        self.close()
        raise SandboxError("the machine ran out of memory and killed a submission that was within its limits")

    def _spent_memory(self) -> str:
        """The sentence for who takes too much of it."""
        return f"it used more than the {size(self.limits.memory_bytes)} of memory it may and was stopped"

    def _over(self, end: Exception) -> str:
        """Close the session for good; the sentence that says why."""
        if isinstance(end, Tampered):
            self.tampered = True
        if not self.died:
            self.died = TAMPERED if self.tampered else str(end)
        self.close()
        return self.died

    def close(self) -> None:
        """Kill every process of the submission, and wait until they are dead."""
        self.died = self.died or "the session is closed"
        self._watch.close()
        if self._process is not None:  # the end of a namespace's init is the end of all in it
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)
            watch = select.poll()
            watch.register(self._process, select.POLLIN)
            watch.poll(END_SECONDS * 1000)
            os.close(self._process)
            self._process = None
            if self._group:
                self._server.groups.append(self._group)
                self._group = None
        elif self._reports.fileno() >= 0:  # no namespace: the server kills whom it knows, and then hangs up
            with contextlib.suppress(SandboxError, Closed, Stalled):
                self._server.order(b"k", self._number)
                while True:
                    self._reports.receive(seconds=END_SECONDS)
        self._reports.close()
        self._replies.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sentence(report: dict[str, Any], limits: Limits) -> str:
    """How a process ended, in words."""
    code = report.get("exit")
    if unexplained(report, limits):
        return "its process was killed"
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"it used more than the {duration(limits.cpu_seconds)} of processor time it may"
    if code == -signal.SIGXFSZ:
        return f"it wrote a file larger than the {size(limits.file_bytes)} it may"
    if type(code) is int and code < 0:
        return f"its process crashed ({signal.strsignal(-code) or -code})"
    return f"it ended its own process (exit status {code}) instead of its cell"


def unexplained(report: dict[str, Any], limits: Limits) -> bool:
    """Whether a process was killed, and not for its processor time."""
    return report.get("exit") == -signal.SIGKILL and report["cpu_seconds"] <= limits.cpu_seconds


def out_of_memory_kills() -> int:
    """How often this machine's kernel has killed a process for want of memory, ever; 0 where it doesn't say."""
    try:
        with open("/proc/vmstat") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
    except OSError:
        return 0
