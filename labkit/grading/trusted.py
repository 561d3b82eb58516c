"""What counts of a student's notebook: one rule for ``labkit check``, ``labkit grade`` and the tests.

The released cells are the release's, whatever an editor let through: texts, setup, tests and checks are put back as
they were given out, in place, and those that were deleted come back. What a student may edit is the student's, and so
are cells that were added. Every difference that could matter is a remark, in the same words wherever it is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from labkit.grading.engine.nbgrader.cells import Blueprint, Trusted, grade_id, visible


@dataclass(frozen=True)
class Remark:
    """What was put right in a cell; ``flag`` if a person should look at it."""

    cell: str
    text: str
    flag: bool = False

    def __str__(self) -> str:
        return f"{self.cell}: {self.text}"


def trusted(notebook: NotebookNode, released: Blueprint) -> tuple[NotebookNode, list[Remark]]:
    """A notebook in which the released cells are the release's, and what was put right.

    Args:
        notebook: the student's; it stays as it is.
        released: the cells that were given out, from the gradebook (``cells.blueprint``) or from the released notebook
            (``cells.released``).
    """
    remarks: list[Remark] = []
    made = NotebookNode(notebook)
    made.cells = []
    seen: set[str] = set()
    for given in reversed(notebook.cells):
        cell = NotebookNode(given)
        cell.metadata = NotebookNode(given.metadata)
        claimed = cell.metadata.pop("nbgrader", None)
        name = claimed.get("grade_id") if isinstance(claimed, dict) else None
        known = released.cells.get(name) if isinstance(name, str) else None
        if known is not None and known.name in seen:  # of copies the last one counts, as nbgrader has it
            twice = Remark(known.name, "the cell was there more than once; the last one counts", True)
            remarks += [twice] * known.graded
        elif known is not None:
            seen.add(known.name)
            remarks += put_right(cell, claimed, known, released)
        made.cells.insert(0, cell)
    remarks += restore(made, released)
    return made, remarks + moved(made, released)


def put_right(cell: NotebookNode, claimed: NotebookNode, known: Trusted, released: Blueprint) -> list[Remark]:
    """Give one cell the release's metadata, and its source where students may not write; in place."""
    remarks = []
    if any(bool(claimed.get(key)) != value for key, value in (("grade", known.graded), ("solution", known.solution))):
        remarks.append(Remark(known.name, "the cell's nbgrader metadata was changed; the original's was used", True))
    if known.locked:
        if changed(cell.source, known, released):
            remarks.append(Remark(known.name, edited(known)))
        cell.source = known.source
    cell.metadata["nbgrader"] = NotebookNode(known.metadata())
    if cell.cell_type != known.cell_type:
        retype(cell, known.cell_type)
    return remarks


def changed(source: str, known: Trusted, released: Blueprint) -> bool:
    """Whether a source differs from what was given out; a test that nbgrader writes anew for everyone can't be told."""
    return "AUTOTEST" not in known.source and lines(source) != lines(visible(known.source, released.hidden))


def lines(source: str) -> Sequence[str]:
    """The lines of a source as editors leave them alike."""
    return [line.rstrip() for line in source.strip().splitlines()]


def edited(known: Trusted) -> str:
    """The remark on a cell that was given out and came back different."""
    if known.tests:
        return "the test was edited; the original was run"
    if known.cell_type == "code":
        return "the cell is part of the exercise and was edited; the original was run"
    return "the text is part of the exercise and was edited; the original is shown"


def retype(cell: NotebookNode, kind: str) -> None:
    """Make a cell a code or markdown cell, in place."""
    cell.cell_type = kind
    for key in ("outputs", "execution_count", "attachments"):
        cell.pop(key, None)
    if kind == "code":
        cell.outputs, cell.execution_count = [], None


def restore(notebook: NotebookNode, released: Blueprint) -> list[Remark]:
    """Put deleted cells back after the released cell that preceded them, in place.

    An answer that earns nothing by itself stays away: its student may have written it elsewhere.
    """
    places = {name: i for i, cell in enumerate(notebook.cells) if (name := grade_id(cell))}
    remarks, before = [], ""
    for known in released.cells.values():
        if known.name not in places and (known.graded or known.task or (known.locked and not known.solution)):
            first = 0 if released.ordered else len(notebook.cells)
            at = places[before] + 1 if before else first
            notebook.cells.insert(at, cell_of(known, notebook))
            places = {name: i + (i >= at) for name, i in places.items()} | {known.name: at}
            if known.graded or known.task or known.cell_type == "code":
                remarks.append(Remark(known.name, "the cell was missing; the original was put back"))
        before = known.name if known.name in places else before
    return remarks


def cell_of(known: Trusted, notebook: NotebookNode) -> NotebookNode:
    """A trusted cell, new."""
    new = nbformat.v4.new_code_cell if known.cell_type == "code" else nbformat.v4.new_markdown_cell
    cell = new(known.source, metadata={"nbgrader": known.metadata()})
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        cell.pop("id", None)
    return cell


def moved(notebook: NotebookNode, released: Blueprint) -> list[Remark]:
    """Which test cells no longer stand where they stood among the cells of the release."""
    if not released.ordered:
        return []
    order = [name for cell in notebook.cells if (name := grade_id(cell)) in released.cells]
    wanted = [name for name in released.cells if name in order]
    return [
        Remark(name, "the test cell was moved", True)
        for name, other in zip(wanted, order)
        if name != other and released.cells[name].tests
    ]
