"""A course of one small exercise without torch: two functions, three checks, one written answer, a data file."""

import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from labkit.grading.course import Course

ROOT = Path(__file__).resolve().parents[1]
NAME = "01_images"
FILE = f"{NAME}.ipynb"

DOUBLE = '''def double(numbers):
    """Twice each number."""
    ### BEGIN SOLUTION
    doubled = [2 * number for number in numbers]
    return doubled
    ### END SOLUTION'''

MEAN = """def mean(numbers):
    ### BEGIN SOLUTION
    return sum(numbers) / len(numbers)
    ### END SOLUTION"""


def code(source: str, name: str = "", **nbgrader: object) -> NotebookNode:
    """A code cell, graded or a solution if so told."""
    cell = v4.new_code_cell(source)
    if name:
        cell.metadata["nbgrader"] = metadata(name, **nbgrader)
    return cell


def metadata(name: str, **given: object) -> dict[str, object]:
    """nbgrader's metadata of a cell."""
    return {
        "grade": False,
        "solution": False,
        "locked": False,
        "task": False,
        "schema_version": 3,
        "grade_id": name,
    } | given


def check_of(name: str, source: str, points: int = 1) -> NotebookNode:
    """A check cell."""
    return code(source, name, grade=True, locked=True, points=points)


def notebook() -> NotebookNode:
    """The exercise with its solution, as an author leaves it: with outputs, counts and a tool's metadata."""
    written = v4.new_markdown_cell("Because a label must stay true under every transform.")
    written.metadata["nbgrader"] = metadata("why", grade=True, solution=True, points=3)
    made = v4.new_notebook()
    made.metadata["kernelspec"] = {"display_name": "my env", "language": "python", "name": "python3"}
    made.cells = [
        v4.new_markdown_cell("# Numbers"),
        code("import csv\n\nnumbers = [float(row[0]) for row in csv.reader(open('numbers.csv'))]"),
        code(DOUBLE, "double", solution=True),
        check_of("test_double", "assert double([1, 2]) == [2, 4], 'each number counts twice'", 2),
        check_of("test_double_empty", "assert double([]) == []"),
        code(MEAN, "mean", solution=True),
        code("mean(numbers)"),
        check_of("test_mean", "assert mean([1, 2]) == 1.5", 2),
        v4.new_markdown_cell("Why?"),
        written,
    ]
    for number, each in enumerate(made.cells):
        each["id"] = f"author-{number}"
    made.cells[1]["execution_count"] = 7
    made.cells[6]["outputs"] = [v4.new_output("stream", text="2.0\n")]
    made.cells[6].metadata["execution"] = {"iopub.status.busy": "2024-01-01T00:00:00"}
    return made


def build(folder: Path, solution: NotebookNode | None = None) -> Course:
    """The course in a folder: settings and solution, not released yet."""
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    home = folder / "solutions" / NAME
    home.mkdir(parents=True)
    (home / "numbers.csv").write_text("1\n2\n3\n")
    nbformat.write(solution or notebook(), home / FILE)
    return Course(folder, folder)


def cell(made: NotebookNode, name: str) -> NotebookNode:
    """The cell of a notebook with this ``grade_id``."""
    return next(c for c in made.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def hand_in(course: Course, student: str, made: NotebookNode | str) -> Path:
    """Put a submission into the course; its notebook's file."""
    folder = course.submitted / student / NAME
    shutil.copytree(course.exercises / NAME, folder)
    text = made if isinstance(made, str) else nbformat.writes(made)
    (folder / FILE).write_text(text, encoding="utf-8")
    return folder / FILE
