"""Feedback that gives nothing away: nbgrader's html, without hidden tests and what can be known from them.

nbgrader's graded notebooks hold the hidden tests, and its feedback shows them. Here a cell with hidden tests shows
what students were given of it and whether it passed. And since code that runs after a hidden test could have read
it, outputs that came after one are withheld: students have their own. Checks hide nothing and show everything.
"""

import glob
import os
from pathlib import Path
from typing import Any

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_markdown_cell
from nbgrader.api import Grade, Gradebook
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import GetGrades, NbGraderPreprocessor
from nbgrader.utils import has_failed, is_grade, is_solution
from traitlets import Bool, List
from traitlets.config import Config

from labkit.grading import pages
from labkit.grading.engine.nbgrader import autograde, cells
from labkit.grading.engine.work import outputs as shape

Marks = tuple[str, str]
NOT_MARKED = "**Not marked yet.**"
OPEN = (
    "**Not final yet.** Points still to be given by a person: {points}, for {names}. The score above is without them."
)
NOTE = "(An output that came after hidden tests is not shown here.)\n"
UNSAID = "(What it did is not said here, as it came after hidden tests.)"
BESIDE = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".txt")  # nbgrader's exchange needs two files of text
SHORT = 8  # characters: a line of a hidden test below this length says nothing, and occurs anywhere


class Discreet(NbGraderPreprocessor):
    """Takes hidden tests, what could tell of them, and paths of this machine out of a graded notebook."""

    withhold = Bool(True, help="Whether outputs that came after a hidden test are left out of feedback.").tag(
        config=True
    )

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Change the notebook in place."""
        marks, redact = cells.marks(self.config), self.redaction()
        secrets = hidden_lines(nb, marks)
        after = False
        for cell in nb.cells:
            if cell.cell_type != "code":
                continue
            if is_hidden(cell, marks):
                conceal(cell, marks)
                after = True
            elif after and self.withhold and is_check(cell):
                cell.outputs = [from_dict(verdict(output)) for output in cell.outputs if "text" not in output]
            elif after and self.withhold:
                cell.outputs = [from_dict(note)] if cell.outputs and (note := withheld(cell)) else []
            cell.outputs = [from_dict(redact(strip(output, secrets))) for output in cell.outputs]
        return nb, resources

    def redaction(self) -> shape.Redaction:
        """What replaces this machine's paths."""
        return shape.Redaction(autograde.paths(self.parent.parent.coursedir))


class Pending(NbGraderPreprocessor):
    """Says, above the notebook and at each such answer, what a person has still to mark."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Change the notebook in place; after ``GetGrades``, which writes comments."""
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as book:
            notebook = book.find_submission_notebook(about["notebook"], about["assignment"], about["student"])
            waiting = {grade.name: float(grade.max_score) for grade in notebook.grades if unmarked(grade)}
        for cell in nb.cells:
            own = cell.metadata.get("nbgrader", {})
            if own.get("grade_id") in waiting and (own.get("solution") or own.get("task")):
                own["comment"] = "\n\n".join(filter(None, [NOT_MARKED, own.get("comment")]))
        if waiting:
            points = sum(waiting.values())
            names = ", ".join(f"`{name}`" for name in waiting)
            nb.cells.insert(0, new_markdown_cell(OPEN.format(points=f"{points:g}", names=names)))
        return nb, resources


class Feedback(GenerateFeedback):
    """nbgrader's ``GenerateFeedback``, discreet."""

    preprocessors = List([GetGrades, Pending, Discreet, CSSHTMLHeaderPreprocessor]).tag(config=True)

    def __init__(self, coursedir: CourseDirectory | None = None, **kwargs: Any) -> None:
        settings = Config(kwargs.pop("config", None) or {})
        pages.protect(settings)  # whatever the course's own settings say
        super().__init__(coursedir=coursedir, config=settings, **kwargs)

    def init_notebooks(self) -> None:
        """nbgrader's, which takes a folder that it has found for a pattern, and so misses a student called ``[a]``."""
        pattern = self._format_source(self.coursedir.assignment_id, self.coursedir.student_id)
        names = f"{self.coursedir.notebook_id}.ipynb"
        found = {folder: glob.glob(os.path.join(glob.escape(folder), names)) for folder in glob.glob(pattern)}
        self.assignments = {folder: paths for folder, paths in found.items() if paths}
        if not self.assignments:
            super().init_notebooks()  # says what was looked for

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """nbgrader's, less the files that a browser would run: what is handed out is its pages, and pictures."""
        super().init_assignment(assignment_id, student_id)
        for path in Path(self._format_dest(assignment_id, student_id)).rglob("*"):
            if path.is_file() and path.suffix.lower() not in BESIDE:
                path.unlink()


def unmarked(grade: Grade) -> bool:
    """Whether a person has still to mark a cell, or to look at it."""
    return grade.manual_score is None and (grade.auto_score is None or bool(grade.needs_manual_grade))


def is_hidden(cell: NotebookNode, marks: Marks) -> bool:
    """Whether a cell holds hidden tests."""
    return bool(is_grade(cell)) and not is_solution(cell) and cells.visible(cell.source, marks) != cell.source


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell's outputs are the judge's, not the student's."""
    return bool(is_grade(cell)) and not is_solution(cell) and bool(cells.parse(cell.source))


def hidden_lines(notebook: NotebookNode, marks: Marks) -> list[str]:
    """The lines of all hidden tests that are long enough to be told from others."""
    lines: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and is_hidden(cell, marks):
            shown = {line.strip() for line in cells.visible(cell.source, marks).split("\n")}
            hidden = (line.strip() for line in cell.source.split("\n") if line.strip() not in shown)
            lines += [line for line in hidden if len(line) >= SHORT]
    return lines


def conceal(cell: NotebookNode, marks: Marks) -> None:
    """Leave of a cell with hidden tests what students were given, and whether it passed."""
    failed = has_failed(cell)
    cell.source = f"{cells.visible(cell.source, marks).rstrip()}\n# … and hidden tests".lstrip()
    text = "a test of this cell failed; hidden tests are not shown"
    cell.outputs = [from_dict(shape.stopped("Failed", text))] if failed else []


def verdict(output: NotebookNode) -> dict[str, Any]:
    """What is shown of a check that ran after a hidden test: its verdict, without a word that an answer may have
    chosen, as the text of what it raised and the numbers that it gave."""
    if output.output_type != "error":
        return dict(output)
    return {**output, "evalue": UNSAID, "traceback": [*output.traceback[:1], f"  {UNSAID}"]}


def withheld(cell: NotebookNode) -> dict[str, Any]:
    """What stands in place of outputs: an error stays an error, without its words."""
    errors = [output.ename for output in cell.outputs if output.output_type == "error"]
    if errors and errors[0].isidentifier():
        return shape.stopped("Error", "this cell raised an error; its text is not shown, as it came after hidden tests")
    return {"output_type": "stream", "name": "stdout", "text": NOTE}


def strip(output: Any, secrets: list[str]) -> Any:
    """An output without the lines of hidden tests, wherever a text in it repeats one."""
    if isinstance(output, str):
        for line in secrets:
            output = output.replace(line, "…")
        return output
    if isinstance(output, list):
        return [strip(part, secrets) for part in output]
    if isinstance(output, dict):
        return {key: strip(value, secrets) for key, value in output.items()}
    return output
