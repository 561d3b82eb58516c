"""A class is graded: each submission by itself, so that a broken one costs the others nothing.

What runs a submission is ``executor``: nbgrader's own autograde, in this process and without a sandbox.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from labkit.grading import classic, marks, notebooks, outcome, student
from labkit.grading.course import Course, CourseError, files
from labkit.grading.marks import Row

Executor = Callable[[Course, str, str], None]
"""Grades one student's submission of an assignment into ``autograded/`` and the gradebook, or raises ``Failed``."""


def grade(
    course: Course,
    assignment: str,
    students: Sequence[str] | None = None,
    *,
    force: bool = False,
    executor: Executor | None = None,
    on_student: Callable[[str, int, int], None] | None = None,
) -> list[Row]:
    """Grade the submissions of an assignment. One that was graded as it is now is not graded again.

    Args:
        course: a course with ``solutions/`` and ``submitted/``.
        assignment: a folder's name in ``solutions/``.
        students: whom to grade; everyone who handed in, by default.
        force: grade again what was graded before. Marks given by hand stay.
        executor: what grades one submission; nbgrader's autograde by default.
        on_student: called with a student, a number and how many there are, before each.

    Raises:
        CourseError: if there are no such submissions, or the assignment itself is broken.
    """
    wanted = submissions(course, assignment, students)
    classic.register(course, assignment)
    rows = []
    for number, name in enumerate(wanted, start=1):
        if on_student is not None:
            on_student(name, number, len(wanted))
        rows.append(grade_one(course, assignment, name, force=force, executor=executor or autograde))
    return rows


def submissions(course: Course, assignment: str, students: Sequence[str] | None = None) -> list[str]:
    """Who handed an assignment in, or those of ``students``.

    Raises:
        CourseError: if nobody did, or one of ``students`` did not.
    """
    there = sorted(f.parent.name for f in course.submitted.glob("*/*") if f.name == assignment and f.is_dir())
    if students:
        for name in students:
            if name not in there:
                raise CourseError(f"{name!r} handed in no {assignment}: there is no submitted/{name}/{assignment}/")
        return sorted(set(students))
    if not there:
        raise CourseError(f"nobody handed in {assignment}: put the notebooks into submitted/STUDENT/{assignment}/")
    return there


def grade_one(course: Course, assignment: str, name: str, *, force: bool, executor: Executor) -> Row:
    """Grade one submission, unless that was done already; what is wrong with it is said in the row's remarks."""
    folder = course.submitted / name / assignment
    try:
        remarks = inspect(course, assignment, folder)
    except CourseError as error:
        return refused(course, assignment, name, str(error))
    fingerprint = student.digest_of(folder) + student.digest_of(course.solutions / assignment)
    receipt = course.local / "graded" / assignment / f"{name}.json"
    before = marks_of(course, assignment, name)
    if before is not None and not force and graded_before(receipt, fingerprint, course, assignment, name):
        return explained(course, replace(before, remarks=remarks))
    receipt.unlink(missing_ok=True)
    try:
        executor(course, assignment, name)
    except classic.Failed as error:
        if before is None:
            withdraw(course, assignment, name)
        return refused(course, assignment, name, f"it could not be graded: {error}")
    notebooks.write(receipt, json.dumps({"fingerprint": fingerprint}) + "\n")
    after = marks_of(course, assignment, name)
    if after is None:
        return refused(course, assignment, name, "it could not be graded: the gradebook holds no marks for it")
    return explained(course, replace(after, remarks=remarks))


def autograde(course: Course, assignment: str, name: str) -> None:
    """Grade one submission by nbgrader's own autograde. The student's code runs in a kernel with this user's rights."""
    from nbgrader.converters import Autograde

    classic.convert(Autograde, course, assignment, student=name, force=True)


def inspect(course: Course, assignment: str, folder: Path) -> tuple[str, ...]:
    """Look at a submission before it is graded; remarks on what is odd about it.

    Raises:
        CourseError: if it can't be graded, saying why.
    """
    if folder.name != folder.name.strip() or folder.parent.name != folder.parent.name.strip():
        raise CourseError("the folder's name begins or ends with a blank: nbgrader can't grade that; rename it")
    if set(folder.parent.name) & set("*?["):
        raise CourseError("the student's name holds one of * ? [, which nbgrader can't find again; rename the folder")
    if links := [path.name for path in folder.rglob("*") if path.is_symlink()]:
        raise CourseError(f"{links[0]} is a link, not a file")
    expected = {path.name for path in files(course.solutions / assignment) if path.suffix == ".ipynb"}
    given = {path.name for path in folder.glob("*.ipynb")}
    if not given & expected:
        found = f"there is {', '.join(sorted(given))}" if given else "there is no notebook at all"
        raise CourseError(f"{' and '.join(sorted(expected))} is missing: {found}")
    for name in sorted(given & expected):
        notebooks.read(folder / name)
    missing = [f"{name} was not handed in" for name in sorted(expected - given)]
    return (*missing, *(f"{name} is not part of the exercise" for name in sorted(given - expected)))


def graded_before(receipt: Path, fingerprint: str, course: Course, assignment: str, name: str) -> bool:
    """Whether this very submission was graded to its end against this very exercise."""
    if not (course.root / "autograded" / name / assignment).is_dir():
        return False
    try:
        return bool(json.loads(receipt.read_text(encoding="utf-8"))["fingerprint"] == fingerprint)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def marks_of(course: Course, assignment: str, name: str) -> Row | None:
    """What the gradebook says about one submission."""
    from nbgrader.api import MissingEntry

    with classic.gradebook(course) as book:
        try:
            return marks.row(book.find_submission(assignment, name))
        except MissingEntry:
            return None


def withdraw(course: Course, assignment: str, name: str) -> None:
    """Take a submission that could not be graded out of the gradebook: it would count as zero points there."""
    from nbgrader.api import MissingEntry

    with classic.gradebook(course) as book:
        try:
            book.remove_submission(assignment, name)
        except MissingEntry:
            return


def refused(course: Course, assignment: str, name: str, sentence: str) -> Row:
    """The row of a submission that was not graded. Marks from an earlier hand-in stay, and the row says so."""
    before = marks_of(course, assignment, name)
    if before is None:
        return Row(name, assignment, remarks=(sentence,))
    return replace(before, remarks=(sentence, "the marks are those of an earlier submission"))


def explained(course: Course, row: Row) -> Row:
    """A row with the sentence of each check that failed, from the graded notebook."""
    wrong = {}
    for path in sorted((course.root / "autograded" / row.student / row.assignment).glob("*.ipynb")):
        for cell in notebooks.read(path).cells:
            if outcome.kind(cell) == "check" and cell.cell_type == "code":
                result = outcome.result(cell)
                if result.status != "right":
                    wrong[outcome.grade_id(cell)] = result.sentence
    return replace(row, wrong=wrong)
