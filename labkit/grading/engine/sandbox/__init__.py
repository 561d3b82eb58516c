"""The sandbox, as the engine sees it: trusted code that runs a student's cells somewhere safe.

    with Sandbox(Limits()) as sandbox:                        # about two seconds, once a worker
        with sandbox.open({"data.csv": data}) as session:     # a submission: a fork in its own namespaces
            result = session.run_cell("print(6 * 7)")
            result.outputs                                     # nbformat v4 outputs, validated and capped
            result.died                                        # "" or one sentence; then the session is over
            check = session.run_check("attacks.fgsm", "fgsm", seed)
            check.data                                         # bytes for labkit.checks.wire.judge, or None
            files = session.files({"data.csv": data})          # what its cells left, for the next notebook
        sandbox.behind(cells, env)                             # a session whose first cells have run; or None

Names: ``Limits``, ``CellResult``, ``CheckResult``, ``Sandbox``, ``Session``, ``SandboxError``, ``probe``.

- A session that ``died`` answers every further ``run_cell`` and ``run_check`` with the same sentence: no cell runs
  and no outputs come. ``tampered`` is set besides where the reply channel was misused: flag it for a person.
- ``timed_out`` cells were interrupted and the session lives on; the outputs end in nbgrader's ``CellTimeoutError``.
- Time that a cell spent waiting for a processor (``waited``) is not held against it, up to four times its limit.
- ``SandboxError`` is raised where the machinery failed (server gone and not restartable, disk full, no namespaces):
  never a student's fault, never a zero. The next ``open`` starts a new server if the old one is gone.
- Sessions of one ``Sandbox`` may be open side by side and used from different threads, one thread a session.
- A ``CheckResult`` with neither ``data`` nor ``died`` says in ``failed`` why: an unknown key, a broken check.
"""

import os
import platform
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from labkit.grading.engine.limits import Limits
from labkit.grading.engine.sandbox import bwrap as sandbox_bwrap
from labkit.grading.engine.sandbox.prelude import Prelude, Unfit
from labkit.grading.engine.sandbox.results import CellResult, CheckResult
from labkit.grading.engine.sandbox.server import SandboxError, Server
from labkit.grading.engine.sandbox.session import Session

__all__ = ["CellResult", "CheckResult", "Limits", "Sandbox", "SandboxError", "Session", "probe"]

LIBRARIES = ("torch", "numpy", "matplotlib.pyplot", "matplotlib_inline.backend_inline")
PRELOAD = (*LIBRARIES, "torch.optim", "labkit.checks")


class Sandbox:
    """One warm fork server. Made once a worker; ``open`` gives a session for each submission.

    Args:
        limits: what a submission may use.
        sandboxed: False runs students' code as the instructor, with limits on its use of the machine and no
            wall around it: only where nobody else's code is graded.
        preload: modules that every submission finds imported already.
        hide: folders to keep out of sight where they lie beside this Python's packages, such as the course's.
        archive: the copy of labkit that submissions see, as ``reduced.archive`` gives it, or what makes it; all of it
            by default.
        keep: distributions that stay in sight although only labkit's tests need them; see ``peers``.
        preludes: what notebooks begin with: the sources of released cells, which are run once for all submissions.
        env: environment variables that these cells find.

    Raises:
        SandboxError: if it can't be started, with the reason.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        sandboxed: bool = True,
        preload: Sequence[str] = PRELOAD,
        hide: Iterable[Path] = (),
        archive: Path | Callable[[], Path] | None = None,
        keep: Iterable[str] = (),
        preludes: Iterable[Sequence[str]] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        reason = missing(sandboxed)
        if reason:
            raise SandboxError(reason)
        self.limits = limits or Limits()
        self.sandboxed = sandboxed
        self._lock = threading.Lock()
        self._make = partial(
            Server, self.limits, sandboxed=sandboxed, preload=preload, hide=list(hide), archive=archive, keep=list(keep)
        )
        self._env = dict(env or {})
        self._cells = [tuple(cells) for cells in preludes if cells] if sandboxed else []
        self.unfit: dict[tuple[str, ...], str] = {}  # why each submission must run its first cells itself
        self._start()

    def _start(self) -> None:
        """A fresh server, and its copies behind the cells that notebooks begin with."""
        self._server, self._preludes = self._make(), dict[tuple[str, ...], Prelude]()
        for cells in self._cells:
            try:
                self._preludes[cells] = Prelude(self._server, self.limits, cells, self._env)
            except Unfit as error:
                self.unfit[cells] = str(error)

    def behind(self, cells: Sequence[str], env: Mapping[str, str]) -> Session | None:
        """A place for a submission without files that begins with released cells, which have run already.

        Args:
            cells: the sources of its first cells.
            env: environment variables besides the sandbox's own few.

        Returns:
            A session whose ``ran`` says what those cells gave; None if the submission must run all cells itself.

        Raises:
            SandboxError: if the machinery fails.
        """
        self._ready(None)
        for known, prelude in self._preludes.items():
            if tuple(cells[: len(known)]) == known and dict(env) == self._env and prelude.alive():
                return Session(prelude, self.limits, {}, dict(env))
        return None

    def open(self, files: Mapping[str, bytes] | None = None, env: Mapping[str, str] | None = None) -> Session:
        """A fresh place for one submission.

        Args:
            files: the assignment's files, by their path relative to where the notebook runs.
            env: environment variables besides the sandbox's own few.

        Raises:
            ValueError: if a path leaves the notebook's folder.
            SandboxError: if the machinery fails.
        """
        return Session(self._ready(files), self.limits, dict(files or {}), dict(env or {}))

    def _ready(self, files: Mapping[str, bytes] | None) -> Server:
        """A server that runs, for files that may be put beside a notebook; see ``open``."""
        for name in files or {}:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
                raise ValueError(f"the file {name!r} lies outside the notebook's folder; expected a relative path")
        with self._lock:
            if not self._server.alive():
                self.close()
                self._start()
            return self._server

    def close(self) -> None:
        """End the server and every session."""
        for prelude in self._preludes.values():
            prelude.close()
        self._server.close()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def missing(sandboxed: bool) -> str:
    """What this machine lacks outright, in a sentence; "" if nothing."""
    if not hasattr(os, "fork"):
        return "labkit's grading engine forks, which this system can't: grade on Linux, macOS or in WSL"
    if not sandboxed:
        return ""
    if sys.platform != "linux":
        return f"there is no sandbox on {platform.system()}: grade on Linux, or pass --no-sandbox if you trust the code"
    if platform.machine() not in ("x86_64", "aarch64"):
        return f"the sandbox knows x86-64 and arm64, not {platform.machine()}: pass --no-sandbox if you trust the code"
    if sandbox_bwrap.program() is None:
        return (
            f"bubblewrap is missing, which makes the sandbox: {sandbox_bwrap.INSTALL}; "
            "or pass --no-sandbox if you trust the code"
        )
    return ""


def probe() -> str:
    """Whether the sandbox works here, by trying it: "" if so, else a sentence with what is missing and what to do."""
    reason = missing(sandboxed=True)
    if reason:
        return reason
    try:
        with Sandbox(Limits(), preload=()) as sandbox, sandbox.open() as session:
            result = session.run_cell("6 * 7")
    except SandboxError as error:
        return (
            f"the sandbox can't be set up here: {error}. It needs user namespaces: in a container, start that with "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --cap-add SYS_ADMIN; on Ubuntu "
            "24.04 or later, sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if result.died or result.outputs[0].get("data", {}).get("text/plain") != "42":
        return f"the sandbox started, but a cell in it did not run: {result.died or result.outputs}"
    return ""
