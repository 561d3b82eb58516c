"""A submission in a real Jupyter kernel, in the sandbox: what ``labkit grade --real-kernel`` runs notebooks in.

To the engine it is a session like any other: cells go in one at a time, outputs come back, checks are judged
outside. Inside is ipykernel with its event loop, comms and magics, and nbgrader's own ``Execute`` talks to it. Slower
by the start of a Python for each notebook.
"""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Coroutine, Mapping
from typing import Any

from labkit.grading.engine.nbgrader import lean  # noqa: F401  before nbgrader

# isort: split
import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, v4
from nbgrader.preprocessors import Execute

from labkit.grading.engine.frames import Tampered
from labkit.grading.engine.inside.kernel import MIME
from labkit.grading.engine.kernel.provisioner import Sandboxed
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.sandbox import Sandbox
from labkit.grading.engine.sandbox import launch as sandbox_launch
from labkit.grading.engine.sandbox import outputs as sandbox_outputs
from labkit.grading.engine.sandbox.server import SandboxError, Server
from labkit.grading.engine.sandbox.session import PATIENCE, TAMPERED, CellResult, CheckResult

START_SECONDS = 120
SHOWN = 1000  # outputs of a cell
CUT = "\n… cut off here\n"
CHECK = "__import__('labkit.grading.engine.inside.kernel', fromlist=['check']).check({!r}, {!r}, {!r}, {!r}, {!r})"
SPEC = KernelSpec(argv=["python"], language="python", display_name="Python in labkit's sandbox")


class Reader(Execute):
    """nbgrader's ``Execute``, which reads no more than it is told to, and notes when it interrupted."""

    left = 0  # characters that the cell may still show
    late = False

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Take in a message of the kernel's, unless the cell has shown too much."""
        if msg["msg_type"] not in ("status", "execute_input", "error"):
            before, self.left = self.left, self.left - size(msg["content"])
            if self.left < 0:
                if before >= 0:
                    text = str(msg["content"].get("text", ""))[:before]
                    cell.outputs.append(v4.new_output("stream", name="stdout", text=text + CUT))
                return None
        made: NotebookNode | None = super().process_message(msg, cell, cell_index)
        return made

    async def _async_handle_timeout(self, timeout: int, cell: NotebookNode | None = None) -> dict[str, Any] | None:
        self.late = True
        reply: dict[str, Any] | None = await super()._async_handle_timeout(timeout, cell)
        return reply


def size(content: dict[str, Any]) -> int:
    """How many characters a message holds."""
    text = content.get("text")
    return len(text) if isinstance(text, str) else len(json.dumps(content, default=str))


class Manager(AsyncKernelManager):
    """Jupyter's manager of a kernel whose messages are limited in size: the reader holds each in memory."""

    largest = 0

    def client(self, **options: Any) -> Any:
        """What talks to the kernel."""
        made = super().client(**options)
        made.context.setsockopt(zmq.MAXMSGSIZE, self.largest)  # of every socket to come
        return made


class KernelSession:
    """One notebook's kernel, as ``sandbox.Session`` is for the engine's own shell.

    Raises:
        SandboxError: if it can't be started.
    """

    def __init__(self, server: Server, limits: Limits, files: dict[str, bytes], env: dict[str, str]) -> None:
        self.limits, self.died, self.tampered, self.killed, self.taken = limits, "", False, False, 0.0
        self.loop = asyncio.new_event_loop()
        self.manager = Manager()
        self.manager.largest = limits.output_bytes + 3 * limits.reply_bytes
        self.manager._kernel_spec = SPEC
        self.kernel = Sandboxed(kernel_id="", kernel_spec=SPEC, parent=self.manager)
        self.kernel.server, self.kernel.files = server, files
        self.manager.provisioner = self.kernel
        patience = PATIENCE * limits.interrupt_seconds
        self.reader = Reader(timeout=limits.cell_seconds, startup_timeout=START_SECONDS, iopub_timeout=patience)
        self.reader.nb, self.reader.km = v4.new_notebook(), self.manager
        try:
            self.loop.run_until_complete(self.start(env))
        except Exception as error:
            reason = self.kernel.said or str(error)
            self.close()
            raise SandboxError(f"a kernel did not start: {reason}") from error

    async def start(self, env: dict[str, str]) -> None:
        """Start it, and wait until it answers."""
        await self.reader.async_start_new_kernel(env=env)
        await self.reader.async_start_new_kernel_client()

    def run_cell(self, source: str) -> CellResult:
        """Run a cell and wait for its outputs."""
        cell = self.ask(source, self.limits.output_bytes)
        if cell is None:
            return CellResult(died=self.died, tampered=self.tampered, seconds=self.taken)
        outputs = self.outputs(cell.outputs)
        count = cell.execution_count if isinstance(cell.execution_count, int) else None
        return CellResult(outputs, self.died, self.tampered, self.reader.late, count, self.taken)

    def run_check(self, key: str, expression: str, seed: int, prepared: bytes = b"") -> CheckResult:
        """Run the half of a check that needs the student's function; see ``sandbox.Session``."""
        source = CHECK.format(key, expression, seed, self.limits.reply_bytes, base64.b64encode(prepared).decode())
        cell = self.ask(source, self.limits.output_bytes + 3 * self.limits.reply_bytes, history=False)
        if cell is None:
            return CheckResult(None, died=self.died, tampered=self.tampered, seconds=self.taken)
        replies = [output.data[MIME] for output in cell.outputs if MIME in output.get("data", {})]
        outputs = self.outputs([output for output in cell.outputs if MIME not in output.get("data", {})])
        try:
            data, failed = reply(replies)
        except Tampered as error:
            self.over(error)
            return CheckResult(None, outputs, died=self.died, tampered=True, seconds=self.taken)
        return CheckResult(
            data or None, outputs, self.died, self.tampered, self.reader.late, failed=failed, seconds=self.taken
        )

    def files(self, given: Mapping[str, bytes]) -> dict[str, bytes]:
        """What the next notebook of the submission gets: in a kernel, what this one was given."""
        return dict(given)

    def ask(self, source: str, budget: int, *, history: bool = True) -> NotebookNode | None:
        """The cell after it ran; None if the kernel is gone, or what it sent can't be read."""
        self.taken = 0.0
        if self.died:
            return None
        cell = v4.new_code_cell(source)
        self.reader.nb.cells = [*self.reader.nb.cells, cell]
        self.reader.left, self.reader.late = budget, False
        start = time.monotonic()
        try:
            return self.finish(self.reader.async_execute_cell(
                cell, len(self.reader.nb.cells) - 1, store_history=history
            ))  # fmt: skip
        except (DeadKernelError, CellTimeoutError, TimeoutError) as error:
            self.over(error)
        except (OSError, SandboxError) as error:
            self.close()
            raise SandboxError(f"the kernel's sandbox failed: {error}") from error
        except Exception as error:  # noqa: BLE001  what a kernel sends may be anything, and Execute expects the best
            self.over(Tampered(str(error)))
        finally:
            self.taken = time.monotonic() - start
        return None

    def finish(self, work: Coroutine[Any, Any, NotebookNode]) -> NotebookNode:
        """Wait for a cell; not for ever, whatever the kernel sends."""
        limit = self.limits.cell_seconds + 2 * PATIENCE * self.limits.interrupt_seconds
        return self.loop.run_until_complete(asyncio.wait_for(work, limit))

    def outputs(self, given: list[NotebookNode]) -> list[dict[str, Any]]:
        """A cell's outputs, read with suspicion."""
        try:
            return sandbox_outputs.outputs([dict(one) for one in given[:SHOWN]], sandbox_launch.private_paths())
        except Tampered as error:
            self.over(error)
            return []

    def over(self, end: Exception) -> None:
        """The session is over, and says why.

        Raises:
            SandboxError: if that was the machine's fault.
        """
        self.loop.run_until_complete(self.kernel.poll())
        if self.kernel.failed:
            self.close()
            raise SandboxError(self.kernel.failed)
        self.tampered = self.tampered or isinstance(end, Tampered)
        self.killed = bool(self.kernel.place and self.kernel.place.killed)
        late = self.limits.cell_overrun() if self.reader.late else "its kernel stopped answering"
        why = self.kernel.said or late
        self.died = TAMPERED if self.tampered else why
        self.close()

    def close(self) -> None:
        """Kill every process of the submission, and wait until they are dead."""
        self.died = self.died or "the session is closed"
        if not self.loop.is_closed():
            self.loop.run_until_complete(self.stop())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    async def stop(self) -> None:
        """Let go of the kernel and of its sockets."""
        if self.reader.kc is not None:
            self.reader.kc.stop_channels()
            self.reader.kc = None
        self.kernel.end()
        await self.manager._async_cleanup_resources()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:  # of a cell that was given up
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def __enter__(self) -> "KernelSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def reply(replies: list[Any]) -> tuple[bytes, str]:
    """The bytes of a check, or why there are none.

    Raises:
        Tampered: if that is not what the check's cell shows.
    """
    match replies:
        case []:
            return b"", ""
        case [{"data": str(data), "failed": str(failed)}]:
            try:
                return base64.b64decode(data, validate=True), failed[:500]
            except (binascii.Error, ValueError):
                raise Tampered("a check's reply that is none") from None
    raise Tampered("more than one reply")


class KernelSandbox(Sandbox):
    """A sandbox whose sessions are Jupyter kernels. There is none outside a sandbox."""

    def __init__(self, limits: Limits | None = None, **options: Any) -> None:
        super().__init__(limits, preload=(), **options)

    def open(  # type: ignore[override]
        self, files: Mapping[str, bytes] | None = None, env: Mapping[str, str] | None = None
    ) -> KernelSession:
        """A kernel for one notebook; see ``Sandbox.open``."""
        return KernelSession(self._ready(files), self.limits, dict(files or {}), dict(env or {}))
