"""What stands in the place of nbgrader's ``Execute``: outputs that a worker returned are put into the cells."""

from typing import Any

from nbformat import NotebookNode, from_dict

from labkit.grading.engine.nbgrader.cells import Blueprint, Trusted, grade_id
from labkit.grading.engine.work import outputs as shape
from labkit.grading.engine.work.job import Cell, Outcome
from labkit.grading.pages import clean, exporting

LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


class Replay:
    """A preprocessor for one notebook after another; ``begin`` says which outputs come next."""

    def __init__(self, redact: shape.Redaction) -> None:
        self.redact = redact

    def begin(self, outcome: Outcome, blueprint: Blueprint) -> None:
        """Make ready for the next notebook."""
        self.outcome, self.blueprint = outcome, blueprint
        self.rendered = exporting.Renderings()

    def __call__(self, notebook: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Fill in the outputs. A code cell that has none coming never ran, and shows so."""
        count = 0
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            cell.outputs, cell.execution_count = [], None
            if not cell.source.strip():
                continue
            count += 1
            done = self.outcome.cells.get(index)
            if done is None:
                done = self.outcome.cells[index] = Cell([shape.stopped("NotRun", "this cell did not run")])
            known = self.blueprint.cells.get(grade_id(cell))
            if known is not None and known.tests:
                guard(known, done)
            shown = clean.outputs(self.redact(done.outputs), self.rendered)
            cell.outputs = [from_dict(numbered(output, count)) for output in shown]
            cell.execution_count = count
        notebook.metadata["language_info"] = from_dict(LANGUAGE)
        return notebook, resources


def numbered(output: dict[str, Any], count: int) -> dict[str, Any]:
    """An output with its cell's execution count, where it has one."""
    return output | {"execution_count": count} if output["output_type"] == "execute_result" else output


def guard(known: Trusted, cell: Cell) -> None:
    """Refuse a result that claims more points than a cell has, or that nbgrader can't take for a number of points."""
    for output in cell.outputs:
        if output["output_type"] == "error" or output.get("name") == "stderr":
            return
        if output["output_type"] == "execute_result":
            break
    else:
        return
    claim = str(output["data"].get("text/plain", "")).strip()
    try:
        bad = not 0 <= float(claim) <= (known.points or 0.0)
    except ValueError:
        bad = not claim
    if bad:
        cell.outputs.insert(
            0, shape.stopped("Refused", f"the result {claim[:40]!r} is no number of points of this cell")
        )
        cell.flags.append(f"{known.name}: its result {claim[:40]!r} is no number of points of this cell")
