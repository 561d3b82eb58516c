"""What one cell says after it ran: its check's verdict in a sentence, and the points that nbgrader gives for it."""

import re
from dataclasses import dataclass

from labkit.grading.engine.nbgrader import lean  # noqa: F401  before nbformat

# isort: split
from nbformat import NotebookNode

from labkit.grading.engine.nbgrader.cells import grade_id

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CHECK = re.compile(r"""\bcheck\(\s*["']([\w.]+)["']""")
WARNED = re.compile(r"\w*Warning: ")  # as in nbgrader_config.py: a warning costs no points


@dataclass(frozen=True)
class Result:
    """One check: ``status`` is ``right``, ``wrong``, ``stub`` (not written yet) or ``unrun``."""

    name: str
    status: str
    sentence: str
    points: float
    maximum: float


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
    said = re.sub(r" \(\d+\.py, line \d+\)$", "", first_line(error.evalue))  # a cell's file name says nothing
    return f"{error.ename}: {said}{where}"


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


def points_of(cell: NotebookNode) -> float:
    """What a graded cell is worth."""
    return float(cell.metadata.nbgrader.get("points", 0))


def name_of(cell: NotebookNode) -> str:
    """What a check is called: by its key where it has one."""
    found = CHECK.search(cell.source)
    return found.group(1) if found else grade_id(cell)
