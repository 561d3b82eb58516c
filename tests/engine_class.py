"""A course with one assignment and a class of students, written into a folder: what the engine's tests grade."""

import logging
import random
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import BasePlugin
from traitlets.config import Config

from labkit.grading import classic

ASSIGNMENT = "ps1"
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}

NAMES = ["ada", "müller", "zoë 🎓", "bob", "o'neil", "grace", "Łukasz", "多田", "carl", "dora", "emil", "frida"]

RIGHT = {
    "squares": "def squares(n):\n    return [i ** 2 for i in range(1, n + 1)]",
    "half": "def half(x):\n    return x / 2",
    "drawing": "value = 41 + 1\nvalue",
    "essay": "Because the variance falls.",
    "reader": "import csv\nwith open('data.csv') as file:\n    rows = list(csv.reader(file))\nlen(rows)",
    "saturation": """import torch


def saturation(x, factor):
    grey = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)""",
}

WRONG = {
    "squares": ["def squares(n):\n    return [i for i in range(1, n + 1)]", "def squares(n): syntax error", ""],
    "half": [
        "def half(x):\n    return x",
        "import sys\ndef half(x):\n    print('odd', file=sys.stderr)\n    return x / 2",
    ],
    "drawing": ["value = 0\nraise RuntimeError('no drawing')", "value = 'emoji 🎓'\nprint(value)"],
    "essay": ["", "I don't know."],
    "reader": ["rows = open('nothing.csv').read()", "rows = []"],
    "saturation": [
        "def saturation(x, factor):\n    m = x.mean(1, keepdim=True)\n"
        "    return (m + factor.view(-1, 1, 1, 1) * (x - m)).clamp(0, 1)",
        "def saturation(x, factor):\n    raise NotImplementedError",
        "def saturation(x, factor):\n    print('here')\n    return None",
        "import warnings\n" + RIGHT["saturation"].replace("    grey", "    warnings.warn('take care')\n    grey", 1),
        "import labkit.augment.image as im\ndef saturation(x, factor):\n    return im.saturation(x, factor=factor)",
    ],
}


class Hourly(BasePlugin):
    """A late submission costs half a point an hour."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        return 0.5 * (total_seconds_late // 3600)


def cell(kind: str, name: str, source: str, **meta: object) -> NotebookNode:
    """A cell with nbgrader's metadata."""
    new = new_code_cell if kind == "code" else new_markdown_cell
    nbgrader = {
        "grade": False,
        "locked": False,
        "solution": False,
        "task": False,
        "schema_version": 3,
        "grade_id": name,
    }
    return new(source, metadata={"nbgrader": nbgrader | meta})


def solution(name: str, source: str) -> NotebookNode:
    """A code cell that students fill in."""
    return cell("code", name, f"### BEGIN SOLUTION\n{source}\n### END SOLUTION", solution=True)


def tests(name: str, source: str, points: float) -> NotebookNode:
    """A grade cell."""
    return cell("code", name, source, grade=True, locked=True, points=points)


def problem1() -> NotebookNode:
    """Every kind of cell that nbgrader knows."""
    return new_notebook(
        metadata=KERNEL,
        cells=[
            new_markdown_cell("# Problem 1"),
            cell("code", "imports", "import math", locked=True),
            solution("squares", RIGHT["squares"]),
            tests("test_squares", "assert squares(3) == [1, 4, 9]\nassert squares(1) == [1]", 2),
            tests(
                "test_hidden",
                "assert squares(2) == [1, 4]\n### BEGIN HIDDEN TESTS\nassert squares(5)[-1] == 25, 'secretmessage'\n"
                "### END HIDDEN TESTS",
                3,
            ),
            solution("half", RIGHT["half"]),
            tests(
                "test_half",
                "points = 0\nif half(4) == 2:\n    points += 1\nif half(5) == 2.5:\n    points += 0.5\npoints",
                2,
            ),
            cell(
                "code",
                "drawing",
                "### BEGIN SOLUTION\nvalue = 42\n### END SOLUTION",
                solution=True,
                grade=True,
                points=4,
            ),
            cell("markdown", "essay", "YOUR ANSWER HERE", solution=True, grade=True, points=5),
            cell("markdown", "task", "Draw something below.", task=True, locked=True, points=3),
            new_code_cell("print('free cell', math.pi)"),
        ],
    )


def problem2() -> NotebookNode:
    """Checks of labkit, and a data file."""
    return new_notebook(
        metadata=KERNEL,
        cells=[
            cell("code", "header", "from labkit.checks import check", locked=True),
            solution("saturation", RIGHT["saturation"]),
            tests("check_saturation", 'check("images.saturation", saturation)', 2),
            solution("reader", RIGHT["reader"]),
            tests("test_reader", "assert len(rows) == 3", 1),
        ],
    )


def course(root: Path, *, notebooks: Sequence[str] = ("problem1", "problem2")) -> Config:
    """A course folder with the assignment generated and in the gradebook; its settings."""
    source = root / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    makers = {"problem1": problem1, "problem2": problem2}
    for name in notebooks:
        nbformat.write(makers[name](), source / f"{name}.ipynb")
    (source / "data.csv").write_text("a,b\n1,2\n3,4\n")
    (root / "nbgrader_config.py").write_text("c = get_config()\n")
    settings = config(root)
    with classic.in_process():
        convert(GenerateAssignment, settings, student=".")
    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        book.update_or_create_assignment(ASSIGNMENT, duedate="2024-02-01 12:00:00")
    return settings


def config(root: Path) -> Config:
    """The settings of a course in a folder; lateness costs a point an hour."""
    made = Config()
    made.CourseDirectory.root = str(root)
    made.CourseDirectory.assignment_id = ASSIGNMENT
    made.AssignLatePenalties.plugin_class = "tests.engine_class.Hourly"
    return made


def convert(converter: type, settings: Config, *, student: str = "*", **options: object) -> None:
    """Run one of nbgrader's converters, quietly."""
    settings = Config(settings)
    settings.CourseDirectory.student_id = student
    log = logging.Logger("nbgrader", logging.ERROR)
    log.addHandler(logging.StreamHandler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        directory = CourseDirectory(config=settings, log=log)
        converter(coursedir=directory, config=settings, log=log, **options).start()


def autograde(settings: Config, **options: object) -> None:
    """Plain ``nbgrader autograde`` of everyone."""
    convert(Autograde, settings, **options)


def submit(root: Path, student: str, answers: dict[str, str], *, at: str = "", leave_out: Sequence[str] = ()) -> Path:
    """Hand in the released notebooks with answers in the solution cells."""
    target = root / "submitted" / student / ASSIGNMENT
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root / "release" / ASSIGNMENT, target)
    for path in sorted(target.glob("*.ipynb")):
        if path.stem in leave_out:
            path.unlink()
            continue
        notebook = nbformat.read(path, as_version=4)
        for each in notebook.cells:
            name = each.metadata.get("nbgrader", {}).get("grade_id")
            if name in answers:
                each.source = answers[name]
        nbformat.write(notebook, path)
    if at:
        (target / "timestamp.txt").write_text(at)
    return target


def pupils(root: Path, count: int, seed: int = 0, *, second: int = 1) -> list[str]:
    """A class that hands in right, wrong, partial, late and blank answers; every ``second``-th hands in problem2."""
    draw = random.Random(seed)
    names = [NAMES[i % len(NAMES)] + (str(i // len(NAMES)) if i >= len(NAMES) else "") for i in range(count)]
    for i, name in enumerate(names):
        answers = dict(RIGHT) if i % 3 == 0 else {}
        for key, wrong in WRONG.items():
            if i % 3 == 1 or (i % 3 == 2 and draw.random() < 0.5):
                answers[key] = draw.choice(wrong)
            elif i % 3 == 2:
                answers[key] = RIGHT[key]
        at = ["", "2024-02-01 10:00:00 UTC", "2024-02-01 14:30:00 UTC"][i % 3 if i % 5 else 2]
        leave = ["problem2"] if i % 7 == 3 or i % second else []
        submit(root, name, answers, at=at, leave_out=leave)
        (root / "submitted" / name / ASSIGNMENT / "notes é.txt").write_text("own file")
    return names


def gradebook_rows(where: Path | str, assignment: str = ASSIGNMENT) -> dict[tuple[str, ...], tuple[object, ...]]:
    """Every row that grading writes, by student, notebook and cell, without the random ids.

    Args:
        where: the folder of a course, or a database's URL.
    """
    rows: dict[tuple[str, ...], tuple[object, ...]] = {}
    with Gradebook(where if isinstance(where, str) else f"sqlite:///{where}/gradebook.db") as book:
        for submission in book.assignment_submissions(assignment):
            student = submission.student.id
            rows[student,] = (submission.timestamp, submission.score, submission.total_seconds_late)
            for notebook in submission.notebooks:
                rows[student, notebook.name] = (notebook.late_submission_penalty, notebook.score, notebook.flagged)
                for grade in notebook.grades:
                    rows[student, notebook.name, grade.name, "grade"] = (
                        grade.auto_score,
                        grade.manual_score,
                        grade.extra_credit,
                        bool(grade.needs_manual_grade),
                    )
                for comment in notebook.comments:
                    rows[student, notebook.name, comment.name, "comment"] = (
                        comment.auto_comment,
                        comment.manual_comment,
                    )
    return rows
