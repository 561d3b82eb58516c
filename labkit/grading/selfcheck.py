"""Restart, run all, and say how it stands: what ``labkit check`` does. The notebook's file is not touched."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from labkit.grading import notebooks
from labkit.grading.course import CourseError

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CHECK = re.compile(r"""\bcheck\(\s*["']([\w.]+)["']""")
WARNED = re.compile(r"\w*Warning: ")  # as in nbgrader_config.py: a warning costs no points
KERNEL = "python3"


@dataclass(frozen=True)
class Result:
    """One check: ``status`` is ``right``, ``wrong``, ``stub`` (not written yet) or ``unrun``."""

    name: str
    status: str
    sentence: str
    points: float
    maximum: float


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
        release: the notebook it is a copy of: its check cells are the ones that count, as they are for the grader.
        timeout: seconds a cell may take; the run ends at one that takes longer.
        on_cell: called with the number of each code cell before it runs, and how many there are.

    Raises:
        CourseError: if the file is not a notebook, or Python's Jupyter kernel can't be started.
    """
    notebook = notebooks.read(path)
    verdict = Verdict()
    if release is not None:
        verdict.remarks += restore(notebook, notebooks.read(release))
    began = time.perf_counter()
    ran = execute(notebook, path.parent, timeout, on_cell, verdict)
    verdict.seconds = time.perf_counter() - began
    for position, cell in enumerate(notebook.cells):
        judge(cell, verdict, ran=position < ran)
    if not verdict.results and not verdict.written:
        verdict.remarks.append("This notebook has no checks.")
    return verdict


def restore(notebook: NotebookNode, original: NotebookNode) -> list[str]:
    """Put the original's check cells in place of those of the copy, as the grader will; what was done, in sentences."""
    remarks = []
    positions = {grade_id(cell): i for i, cell in enumerate(notebook.cells) if grade_id(cell)}
    last = -1
    for given in original.cells:
        name = grade_id(given)
        if not name:
            continue
        position = positions.get(name)
        if position is None and kind(given) == "check":
            last += 1
            notebook.cells.insert(last, given)
            positions = {grade_id(cell): i for i, cell in enumerate(notebook.cells) if grade_id(cell)}
            remarks.append(f"The check cell {name!r} is gone; the grader will put it back, and so does this run.")
        elif position is not None:
            last = position
            cell = notebook.cells[position]
            if kind(given) == "check" and cell.source != given.source:
                remarks.append(f"The check cell {name!r} was changed; the grader uses the original, as this run does.")
            if kind(given) != "solution":
                notebook.cells[position] = given if kind(given) == "check" else cell
            notebook.cells[position].metadata["nbgrader"] = given.metadata["nbgrader"]
    return remarks


def execute(
    notebook: NotebookNode, folder: Path, timeout: int, on_cell: Callable[[int, int], None] | None, verdict: Verdict
) -> int:
    """Run the cells in place; how many positions were reached. One that is endless or kills the kernel ends the run."""
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    reached = 0
    numbers: dict[int, int] = {}
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            numbers[position] = len(numbers) + 1

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
        client.execute()
    except NoSuchKernel:
        raise CourseError(f"Jupyter has no kernel {KERNEL!r}: `labkit doctor` says how to get it") from None
    except CellTimeoutError:
        verdict.remarks.append(
            f"In [{numbers[reached]}] did not end within {timeout} seconds: is there an endless loop? "
            "Nothing after it was run."
        )
        return reached
    except DeadKernelError:
        verdict.remarks.append(
            f"Python died in In [{numbers[reached]}]: it may have run out of memory. Nothing after it was run."
        )
        return reached
    return len(notebook.cells)


def judge(cell: NotebookNode, verdict: Verdict, *, ran: bool) -> None:
    """Add what one cell says to the verdict."""
    what = kind(cell)
    if what == "written":
        empty = unanswered(cell)
        verdict.written.append(Written(grade_id(cell), points_of(cell), empty))
    elif what == "check":
        verdict.results.append(result(cell) if ran else unrun(cell))
    if what != "check" and ran and (error := error_of(cell)):
        if error.ename == "NotImplementedError":
            verdict.waiting += 1
        else:
            verdict.raised.append(f"In [{cell.execution_count}] {describe(cell, error)}")


def result(cell: NotebookNode) -> Result:
    """The result of a check cell that ran, with the points that nbgrader gives it."""
    from nbgrader.utils import determine_grade

    cell.outputs = [o for o in cell.outputs if not (o.get("name") == "stderr" and WARNED.search(o.text))]
    name, maximum, error = name_of(cell), points_of(cell), error_of(cell)
    if error is not None:
        status = "stub" if not_written(error) else "wrong"
        return Result(name, status, "not written yet" if status == "stub" else explain(error, cell), 0.0, maximum)
    try:
        earned, _ = determine_grade(cell)
    except ValueError as problem:
        return Result(name, "wrong", str(problem), 0.0, maximum)
    if earned is None or earned >= maximum:
        return Result(name, "right", "", maximum, maximum)
    sentence = f"{earned:g} of {maximum:g} points" if earned else "it wrote to stderr, which earns no points"
    return Result(name, "wrong", sentence, float(earned), maximum)


def unrun(cell: NotebookNode) -> Result:
    """The result of a check cell that the run did not reach."""
    return Result(name_of(cell), "unrun", "not run", 0.0, points_of(cell))


def not_written(error: NotebookNode) -> bool:
    """Whether an error says that the code is still to be written."""
    return error.ename == "NotImplementedError" or (
        error.ename == "Rejected" and error.evalue.endswith("is not written yet")
    )


def explain(error: NotebookNode, cell: NotebookNode) -> str:
    """The sentence of a failed check."""
    text = first_line(error.evalue)
    if error.ename in ("Rejected", "Wrong"):
        return text.removeprefix(f"{name_of(cell).partition('.')[2]}: ")
    if error.ename == "NameError" and (name := re.search(r"name '(\w+)' is not defined", text)):
        return f"`{name.group(1)}` is not defined: is the cell above that defines it in order?"
    if error.ename == "AssertionError":
        return text or f"this is not so: {asserted(error, cell)}"
    return f"{error.ename}: {text}"


def asserted(error: NotebookNode, cell: NotebookNode) -> str:
    """The line of a bare ``assert`` that failed."""
    lines = cell.source.split("\n")
    number = line_of(error)
    return lines[number - 1].strip().removeprefix("assert ") if number and number <= len(lines) else "an assertion"


def describe(cell: NotebookNode, error: NotebookNode) -> str:
    """What a cell that is no check raised, and where."""
    line = line_of(error)
    where = f" (line {line})" if line else ""
    return f"{error.ename}: {first_line(error.evalue)}{where}"


def line_of(error: NotebookNode) -> int | None:
    """The line of the cell at which an error arose."""
    text = ANSI.sub("", "\n".join(error.traceback))
    found = re.search(r"(?:Cell In\s?\[\d+\]|File <ipython-input[^>]*>)[:,] line (\d+)", text)
    return int(found.group(1)) if found else None


def error_of(cell: NotebookNode) -> NotebookNode | None:
    """The error among a cell's outputs."""
    return next((o for o in cell.get("outputs", []) if o.output_type == "error"), None)


def first_line(text: str) -> str:
    """The first line of a message, not too long."""
    line = next(iter(ANSI.sub("", text).strip().splitlines()), "")
    return line if len(line) <= 200 else line[:199] + "…"


def unanswered(cell: NotebookNode) -> bool:
    """Whether a written answer is as it was given out, or blank."""
    from nbgrader.utils import compute_checksum

    return not cell.source.strip() or cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)


def kind(cell: NotebookNode) -> str:
    """``check``, ``written`` (graded by a person), ``solution``, or nothing."""
    nbgrader = cell.metadata.get("nbgrader", {})
    if nbgrader.get("grade") and nbgrader.get("solution"):
        return "written"
    if nbgrader.get("grade"):
        return "check"
    return "solution" if nbgrader.get("solution") else ""


def grade_id(cell: NotebookNode) -> str:
    """The name nbgrader knows a cell by."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def points_of(cell: NotebookNode) -> float:
    """What a graded cell is worth."""
    return float(cell.metadata.nbgrader.get("points", 0))


def name_of(cell: NotebookNode) -> str:
    """What a check is called: by its key where it has one."""
    found = CHECK.search(cell.source)
    return found.group(1) if found else grade_id(cell)


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
