"""The model answers of an exercise, each shown to whoever has tried its task.

They are read from the solved notebooks: ``solutions/`` in a clone, ``answers/`` in an installed package. A grading
sandbox holds neither. A task counts as tried when a copy in ``work/`` holds something else there than the release.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from labkit.grading import leaks, notebooks, student
from labkit.grading.course import Course, CourseError
from labkit.grading.engine.nbgrader.cells import grade_id, parse

HEADING = re.compile(r"^##\s*(\d+)\s*·\s*(.+)$", re.MULTILINE)
POINTS = re.compile(r"\s*\([^()]*(point|minute)[^()]*\)\s*$")
SEEN = re.compile(r"<details>\s*<summary>What you should see</summary>(.*?)</details>", re.DOTALL)
REGION = re.compile(r"^[ \t]*###\s*(BEGIN|END) SOLUTION.*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """The model answer to one task.

    Args:
        number: of the task in its exercise; several answers may share one.
        title: of the task.
        name: of the answer's cell, which is the function's name or the written answer's.
        text: the answer: code, or Markdown if ``written``.
        reason: what the result shows, in Markdown; empty where ``text`` says it.
        check: the name of its check, as in ``attacks.fgsm``; empty for a written answer.
    """

    number: int
    title: str
    name: str
    text: str
    written: bool
    reason: str
    check: str

    def means(self, task: str) -> bool:
        """Whether ``task`` names it: by number, by its cell's name, or by its check's."""
        return task in {str(self.number), self.name, self.check, self.check.rpartition(".")[2]} - {""}


def shown(course: Course, topic: str, task: str | None = None) -> tuple[list[Answer], list[Answer]]:
    """The model answers that a student may see now, and those that wait for an attempt.

    Args:
        topic: an exercise's key, number or folder name.
        task: only those of this task: its number, the name of its function, or of its check; all by default.

    Raises:
        CourseError: if there are no model answers here, no such task, or none of these tasks was tried.
    """
    assignment = course.assignment(topic, course.released())
    answers = read(course, assignment)
    wanted = [answer for answer in answers if task is None or answer.means(task.strip())]
    key = student.key_of(assignment)
    if not wanted:
        names = ", ".join(f"{answer.number} ({answer.name})" for answer in answers)
        raise CourseError(f"{assignment} has no task {task!r}; there are: {names}")
    done = tried(course, assignment)
    ready = [answer for answer in wanted if answer.name in done]
    if not ready:
        which = f"task {wanted[0].number} ({wanted[0].name})" if task is not None else "any task"
        raise CourseError(
            f"you have not tried {which} of {assignment} yet: write an answer into your copy in work/ (`labkit start"
            f" {key}` makes one) and save it; then you can see the model answer"
        )
    return ready, [answer for answer in wanted if answer.name not in done]


def source(course: Course, assignment: str) -> Path:
    """The solved notebook of an exercise.

    Raises:
        CourseError: if this course has none.
    """
    for folder in (course.solutions, course.answers):
        if any((folder / assignment).glob("*.ipynb")):
            return student.first_notebook(folder / assignment)
    raise CourseError(
        f"{assignment} has no model answers here: they come with a clone or an installed package of labkit"
    )


def read(course: Course, assignment: str) -> list[Answer]:
    """The model answers of an exercise, in its order.

    Raises:
        CourseError: as ``source`` does, and if the notebook is broken.
    """
    answers: list[Answer] = []
    number, title = 0, ""
    cells = notebooks.read(source(course, assignment)).cells
    for position, cell in enumerate(cells):
        if (
            heading := HEADING.search(cell.source)
            if cell.cell_type == "markdown" and not leaks.solution(cell)
            else None
        ):
            number, title = int(heading[1]), POINTS.sub("", heading[2]).strip()
        if not leaks.solution(cell):
            continue
        after = following(cells[position + 1 :])
        checked = next((call.key for c in after if c.cell_type == "code" for call in parse(c.source)), "")
        seen = next((hit[1].strip() for c in after if (hit := SEEN.search(c.source))), "")
        written = cell.cell_type == "markdown"
        answers.append(
            Answer(
                number=number,
                title=title,
                name=grade_id(cell),
                text=unmarked(cell.source),
                written=written,
                reason="" if written else seen,
                check="" if written else checked,
            )
        )
    return answers


def unmarked(source: str) -> str:
    """A model answer without the marks around it."""
    return REGION.sub("", source).strip("\n")


def following(cells: list[NotebookNode]) -> list[NotebookNode]:
    """The cells up to the next answer or the next task."""
    for position, cell in enumerate(cells):
        if leaks.solution(cell) or (cell.cell_type == "markdown" and HEADING.search(cell.source)):
            return cells[:position]
    return cells


def tried(course: Course, assignment: str) -> set[str]:
    """The names of the answers that some copy in ``work/`` holds an attempt at.

    Raises:
        CourseError: if the release is broken, or the only copy is.
    """
    release = by_name(student.first_notebook(course.exercises / assignment))
    found: set[str] = set()
    for folder in student.copies(course, assignment):
        own = by_name(student.first_notebook(folder))
        found |= {name for name, cell in own.items() if name in release and attempt(cell, release[name])}
    return found


def by_name(path: Path) -> dict[str, NotebookNode]:
    """The answer cells of a notebook by their names."""
    return {grade_id(cell): cell for cell in notebooks.read(path).cells if leaks.solution(cell)}


def attempt(cell: NotebookNode, stub: NotebookNode) -> bool:
    """Whether a cell holds more than its stub: something is written, and blanks and comments do not count as that."""
    return bool(cell.source.strip()) and essence(cell) != essence(stub)


def essence(cell: NotebookNode) -> str:
    """What a cell says, whatever its layout; of code, what Python reads, where it can."""
    if cell.cell_type == "code":
        try:
            return ast.dump(ast.parse(cell.source))
        except (SyntaxError, ValueError):  # unfinished code is an attempt, and compared as text
            pass
    return leaks.squeeze(str(cell.source))
