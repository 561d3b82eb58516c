"""A class is graded: the engine runs each submission in a sandbox and judges it outside; here is what it found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from labkit.grading import classic, links, notebooks, outcome, roster
from labkit.grading.course import Course, CourseError
from labkit.grading.engine.nbgrader.cells import grade_id
from labkit.grading.identity import identity
from labkit.grading.marks import Row
from labkit.grading.release import refuse_names

if TYPE_CHECKING:
    from labkit.grading.engine import report
    from labkit.grading.engine.limits import Limits
    from labkit.grading.engine.options import Options

Progress = Callable[["report.Row", int, int], object]
"""Called with a student's row, how many are finished, and how many there are."""


def grade(
    course: Course,
    assignment: str,
    students: Sequence[str] | None = None,
    options: "Options | None" = None,
    *,
    progress: Progress | None = None,
    **more: Any,
) -> list[Row]:
    """Grade the submissions of an assignment. One that was graded as it is now is not graded again.

    Args:
        course: a course with ``solutions/`` and ``submitted/``.
        assignment: a folder's name in ``solutions/``.
        students: whom to grade; everyone who handed in, by default.
        options: how the run goes.
        progress: called after each submission.
        more: options by their names, in place of those in ``options``, as in ``jobs=4``.

    Raises:
        CourseError: if there are no such submissions, the assignment itself is broken, this machine allows no
            sandbox, the cluster can't be used, or the run can't go on (a locked gradebook, a full disk): what was
            graded stays graded.
    """
    refuse_names(assignment)
    wanted = submissions(course, assignment, students)
    from labkit.grading.engine import run
    from labkit.grading.engine.options import Options

    chosen = replace(options or Options(), **more)
    chosen = replace(chosen, limits=chosen.limits or limits_of(course))
    if chosen.kernel:
        refuse_kernel(chosen.sandboxed)
    classic.register(course, assignment)
    roster.enter(course, assignment, wanted)
    try:
        with classic.logged(course) as (log, _):
            found = run.grade(
                course.config(), assignment, wanted, chosen, log=log, progress=progress,
                exercise=partial(identity, course, assignment),
            )  # fmt: skip
    except run.GradingError as error:
        raise CourseError(str(error)) from error
    return [told(course, row) for row in found]


def refuse_kernel(sandboxed: bool) -> None:
    """Raise ``CourseError`` if no Jupyter kernel can be contained here."""
    from labkit.grading.engine import sandbox

    if not sandboxed:
        raise CourseError("a real kernel runs in the sandbox only: leave out --real-kernel or --no-sandbox")
    if problem := sandbox.missing(sandboxed=True):
        raise CourseError(f"no kernel can be contained here: {problem}")


def submissions(course: Course, assignment: str, students: Sequence[str] | None = None) -> list[str]:
    """Who handed an assignment in, or those of ``students``.

    Raises:
        CourseError: if nobody did, or one of ``students`` did not.
    """
    there = [name for name, _ in links.handed_in(course.submitted / links.STUDENT / assignment)]
    if students:
        for name in students:
            if name not in there:
                raise CourseError(f"{name!r} handed in no {assignment}: there is no submitted/{name}/{assignment}/")
        return sorted(set(students))
    if not there:
        raise CourseError(f"nobody handed in {assignment}: put the notebooks into submitted/STUDENT/{assignment}/")
    return there


def limits_of(course: Course, given: Mapping[str, float] | None = None) -> "Limits":
    """What a submission may use: ``given``, then the settings' ``c.Limits``, then for a cell ``c.Execute.timeout``.

    Raises:
        CourseError: if a limit is unknown, or no positive number.
    """
    from labkit.grading.engine.limits import Limits

    settings, known = course.config(), Limits().as_dict()
    chosen = {**settings.get("Limits", {}), **(given or {})}
    if "timeout" in settings.Execute:  # nbgrader's word for it; without end, where it is none or negative
        seconds = settings.Execute.timeout
        endless = chosen.get("notebook_seconds", known["notebook_seconds"])
        chosen.setdefault("cell_seconds", seconds if seconds and seconds > 0 else endless)
    if unknown := sorted(chosen.keys() - known.keys()):
        raise CourseError(f"there is no limit {unknown[0]!r}; there are {', '.join(known)}")
    try:
        return Limits(**{name: type(known[name])(value) for name, value in chosen.items()})
    except (TypeError, ValueError) as error:
        raise CourseError(f"the limits can't be used: {error}") from error


def told(course: Course, row: "report.Row") -> Row:
    """The gradebook's row of a submission with what the engine says of it, and the sentence of each failed check."""
    before = row.marks
    said = [row.sentence] if row.sentence else []
    remarks = (*said, *(f"look at it: {flag}" for flag in row.flags), *row.notes)
    if before is None:
        return Row(row.student, row.assignment, remarks=remarks, left=True)
    ungraded = row.state == "ungraded"
    if ungraded:
        remarks = (*remarks, "the marks are those of an earlier submission")
    left = ungraded or before.left or bool(row.flags and row.state == "graded")
    return explained(course, replace(before, remarks=(*before.remarks, *remarks), left=left), row.reports)


def explained(course: Course, row: Row, reports: Sequence[Mapping[str, Any]]) -> Row:
    """A row with the sentence of each check that failed: the judge's own.

    Where verdicts and marks don't go together, the graded notebook tells: of tests of nbgrader's kind, of what a
    person must look at, and of what was graded again by other means.

    Args:
        reports: the verdicts, each with its ``cell``, as the engine stored them.
    """
    wrong = {
        report["cell"]: outcome.first_line(report["sentence"]) for report in reports if report["status"] != "right"
    }
    marks = [mark for mark in row.marks if not mark.manual]
    short = {mark.name for mark in marks if mark.score is None or mark.score < mark.maximum or not mark.maximum}
    if row.left or short != {mark.name for mark in marks if mark.name in wrong}:
        return replace(row, wrong=shown(course, row))
    return replace(row, wrong=wrong)


def stored(course: Course, row: Row) -> list[dict[str, Any]]:
    """The verdicts on a submission that the engine stored when it graded it."""
    from labkit.grading.engine.journal import Journal

    folder = Journal.of(course.root, row.assignment)
    entry = Journal(folder).get(row.student) if folder.is_dir() else None
    return entry.reports if entry else []


def shown(course: Course, row: Row) -> dict[str, str]:
    """The sentence of each check that failed, as the graded notebook shows it."""
    wrong = {}
    base = course.root / "autograded"
    for path in sorted((base / row.student / row.assignment).glob("*.ipynb")):
        if links.on_the_way(path, base):
            continue
        for cell in notebooks.read(path).cells:
            if outcome.kind(cell) == "check" and cell.cell_type == "code":
                result = outcome.result(cell)
                if result.status != "right":
                    wrong[grade_id(cell)] = result.sentence
    return wrong
