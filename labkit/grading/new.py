"""A new course in a folder: settings, one small exercise with its check, a test, and a page that says what to type."""

import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from labkit.grading import notebooks
from labkit.grading.course import CONFIG, Course, CourseError
from labkit.settings import FILE

TEMPLATE = Path(__file__).parent / "template"
NAME = "01_median"
FILES = {
    CONFIG: "nbgrader_config.py.txt",
    FILE: "labkit.toml.txt",
    "README.md": "README.md.txt",
    "checks/median.py": "cases.py.txt",
    "checks/answers/median.py": "answers.py.txt",
    "tests/test_checks.py": "test_checks.py.txt",
}

GOAL = """# Exercise 01 · The median

**Goal.** Write the median of some numbers. **Time.** 10 minutes. **Points.** 2 from a check, 1 for one answer in words.

Put your code in place of `raise NotImplementedError`, then run the check as often as you like: it says what is wrong.
Leave the list that you are given as it is."""

TASK = """## 1 · The middle one  (2 points)

Half of the numbers are smaller than the median, half are larger. Of an even count it is the mean of the two in the
middle.

<details><summary>Hint</summary>

`sorted(numbers)` gives a new list. </details>"""

ANSWER = '''def median(numbers):
    """The median of a list of numbers."""
    ### BEGIN SOLUTION
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    ### END SOLUTION'''

QUESTION = """## 2 · In words  (1 point)

One number of a hundred is mistyped with a zero too many. What happens to the mean, and what to the median?"""

WORDS = "The mean may move far, as every number counts. The median moves by one place at most, or not at all."


def new(folder: Path) -> Course:
    """Make a course.

    Raises:
        CourseError: if there is something in the folder, or it can't be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CourseError(f"{folder} is not empty: a new course wants a folder of its own")
    for name, source in FILES.items():
        notebooks.write(folder / name, (TEMPLATE / source).read_text(encoding="utf-8"))
    notebooks.write(folder / "solutions" / NAME / f"{NAME}.ipynb", notebooks.normal(exercise()))
    return Course(folder.resolve(), folder.resolve())


def take(made: Course, source: Course, assignment: str) -> None:
    """Copy one of another course's exercises.

    Raises:
        CourseError: if it is there already.
    """
    target = made.solutions / assignment
    if target.exists():
        raise CourseError(f"{target} is there already")
    shutil.copytree(source.solutions / assignment, target)


def exercise() -> NotebookNode:
    """The exercise with its solution."""
    made = nbformat.v4.new_notebook()
    made.cells = [
        cell("markdown", GOAL, "goal", locked=True),
        cell("code", "from labkit.checks import check", "setup", locked=True),
        cell("markdown", TASK, "task-median", locked=True),
        cell("code", ANSWER, "median", solution=True),
        cell("code", 'check("median.median", median)', "check_median", grade=True, locked=True, points=2),
        cell("markdown", QUESTION, "task-words", locked=True),
        cell("markdown", WORDS, "words", grade=True, solution=True, points=1),
    ]
    return made


def cell(kind: str, source: str, name: str, **given: object) -> NotebookNode:
    """A cell with nbgrader's metadata."""
    made = v4.new_code_cell(source) if kind == "code" else v4.new_markdown_cell(source)
    plain = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, "grade_id": name}
    made.metadata["nbgrader"] = NotebookNode(plain | given)
    return made
