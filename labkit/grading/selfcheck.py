"""Restart, run all, and say how it stands: what ``labkit check`` does. The notebook's file is not touched."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from labkit.grading import notebooks
from labkit.grading.course import CourseError
from labkit.grading.engine.nbgrader import cells
from labkit.grading.outcome import Result, describe, error_of, kind, points_of, result, unanswered, unrun
from labkit.grading.trusted import trusted

if TYPE_CHECKING:
    from nbclient import NotebookClient

KERNEL = "python3"


@dataclass(frozen=True)
class Written:
    """One written answer, which a person reads."""

    name: str
    maximum: float
    empty: bool


@dataclass
class Verdict:
    """How a notebook stands."""

    results: list[Result] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    waiting: int = 0
    seconds: float = 0.0

    @property
    def points(self) -> float:
        """The points of the checks so far."""
        return sum(result.points for result in self.results)

    @property
    def maximum(self) -> float:
        """The points all checks are worth."""
        return sum(result.maximum for result in self.results)

    @property
    def done(self) -> bool:
        """Whether every check is right and every written answer is there."""
        return all(r.status == "right" for r in self.results) and not any(w.empty for w in self.written)


def examine(
    path: Path,
    *,
    release: Path | None = None,
    timeout: int = 120,
    on_cell: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Run a notebook from the top in a fresh kernel, in its own folder, and judge its checks.

    Args:
        release: the notebook it is a copy of: its cells are the ones that count, as they are for the grader.
        timeout: seconds a cell may take; the run ends at one that takes longer.
        on_cell: called with the number of each code cell before it runs, and how many there are.

    Raises:
        CourseError: if the file is not a notebook, or Python's Jupyter kernel can't be started.
    """
    notebook = notebooks.read(path)
    verdict = Verdict()
    if release is not None:
        notebook, remarks = trusted(notebook, cells.released(release.stem, notebooks.read(release)))
        verdict.remarks += [str(remark) for remark in remarks]
    began = time.perf_counter()
    ran = execute(notebook, path.parent, timeout, on_cell, verdict)
    verdict.seconds = time.perf_counter() - began
    for position, cell in enumerate(notebook.cells):
        judge(cell, verdict, ran=position < ran)
    return verdict


def has_checks(path: Path) -> bool:
    """Whether a notebook holds anything that earns points.

    Raises:
        CourseError: if the file is not a notebook.
    """
    return any(kind(cell) in ("check", "written") for cell in notebooks.read(path).cells)


def execute(
    notebook: NotebookNode, folder: Path, timeout: int, on_cell: Callable[[int, int], None] | None, verdict: Verdict
) -> int:
    """Run the cells in place; how many positions were reached. One that is endless or kills the kernel ends the run."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    reached = 0
    numbers = number(notebook)

    def starting(cell: NotebookNode, cell_index: int) -> None:
        nonlocal reached
        reached = cell_index
        if on_cell is not None and cell_index in numbers:
            on_cell(numbers[cell_index], len(numbers))

    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name=KERNEL,
        allow_errors=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=starting,
    )
    try:
        run(client)
    except CellTimeoutError:
        sentence = f"did not end within {timeout} seconds: is there an endless loop?"
    except DeadKernelError:
        sentence = "ended Python: did it run out of memory?"
    else:
        return len(notebook.cells)
    verdict.remarks.append(f"In [{numbers[reached]}] {sentence} Nothing after it was run.")
    return reached


def number(notebook: NotebookNode) -> dict[int, int]:
    """The ``In [n]`` of each code cell by its position, after what earlier runs left is cleared."""
    numbers: dict[int, int] = {}
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            numbers[position] = len(numbers) + 1
    return numbers


def run(client: "NotebookClient") -> None:
    """Execute, or say that there is no kernel to execute with."""
    from jupyter_client.kernelspec import NoSuchKernel

    try:
        client.execute()
    except NoSuchKernel:
        raise CourseError(f"Jupyter has no kernel {KERNEL!r}: `labkit doctor` says how to get it") from None


def judge(cell: NotebookNode, verdict: Verdict, *, ran: bool) -> None:
    """Add what one cell says to the verdict."""
    what = kind(cell)
    if what == "written":
        empty = unanswered(cell)
        verdict.written.append(Written(cells.grade_id(cell), points_of(cell), empty))
    elif what == "check":
        verdict.results.append(result(cell) if ran else unrun(cell))
    if what != "check" and ran and (error := error_of(cell)):
        if error.ename == "NotImplementedError":
            verdict.waiting += 1
        else:
            verdict.raised.append(f"In [{cell.execution_count}] {describe(cell, error)}")


def record(verdict: Verdict) -> dict[str, object]:
    """A verdict as ``labkit progress`` remembers it."""
    return {
        "done": verdict.done,
        "right": sum(result.status == "right" for result in verdict.results),
        "checks": len(verdict.results),
        "points": verdict.points,
        "maximum": verdict.maximum,
        "unanswered": sum(written.empty for written in verdict.written),
    }
