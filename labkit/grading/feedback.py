"""Feedback: the html that nbgrader makes of a graded notebook, without what students must not see."""

import glob
from collections.abc import Callable, Sequence
from pathlib import Path

from labkit.grading import classic, links
from labkit.grading.course import Course, CourseError


def feedback(
    course: Course,
    assignment: str,
    students: Sequence[str] | None = None,
    *,
    on_student: Callable[[str, int, int], None] | None = None,
) -> dict[str, list[Path] | str]:
    """Write ``feedback/STUDENT/ASSIGNMENT/*.html`` for those who were graded.

    Returns:
        For each student the files that were written, or a sentence that says why there are none.

    Raises:
        CourseError: if nobody was graded, or one of ``students`` was not.
    """
    from labkit.grading.engine.nbgrader.feedback import Feedback

    graded = course.root / "autograded"
    there = dict(links.handed_in(graded / links.STUDENT / assignment))
    for name in students or ():
        if name not in there:
            raise CourseError(f"{name!r} was not graded for {assignment}; `labkit grade` comes first")
    if not there:
        raise CourseError(f"nobody was graded for {assignment}; `labkit grade` comes first")
    wanted = sorted(set(students or there))
    results: dict[str, list[Path] | str] = {}
    for number, name in enumerate(wanted, start=1):
        if on_student is not None:
            on_student(name, number, len(wanted))
        if linked := links.on_the_way(there[name], graded):
            results[name] = f"no feedback could be written: {linked.relative_to(course.root)} is a link"
            continue
        try:
            classic.convert(Feedback, course, assignment, student=glob.escape(name), force=True)
            results[name] = sorted((course.root / "feedback" / name / assignment).glob("*.html"))
        except classic.Failed as error:
            results[name] = f"no feedback could be written: {error}"
    return results
