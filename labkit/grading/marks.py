"""What the gradebook says, as plain values."""

from dataclasses import dataclass, field
from pathlib import Path

from labkit.grading import classic
from labkit.grading.course import Course
from labkit.grading.screen import count


@dataclass(frozen=True)
class Mark:
    """One graded cell of one student.

    Attributes:
        score: the points; ``None`` as long as a person has still to give them, or to look at them.
        given: the points that the gradebook holds meanwhile, if any.
        waits: whether the formgrader has it on its list.
    """

    name: str
    score: float | None
    maximum: float
    manual: bool
    notebook: str = ""
    given: float | None = None
    waits: bool = False


@dataclass(frozen=True)
class Row:
    """One student's submission of one assignment. It has no marks if it was not graded; the remarks say why."""

    student: str
    assignment: str
    marks: tuple[Mark, ...] = ()
    penalty: float = 0.0
    remarks: tuple[str, ...] = ()
    wrong: dict[str, str] = field(default_factory=dict)
    """The sentence of each check that failed, by the name of its cell."""
    left: bool = False
    """Whether something in it is left for a person to look at: it is flagged, or was not graded."""

    @property
    def graded(self) -> bool:
        """Whether the gradebook holds marks for it."""
        return bool(self.marks)

    @property
    def points(self) -> float | None:
        """The points so far, less what lateness costs."""
        return max(0.0, sum(mark.score or 0.0 for mark in self.marks) - self.penalty) if self.marks else None

    @property
    def maximum(self) -> float:
        """The points there are."""
        return sum(mark.maximum for mark in self.marks)

    @property
    def pending(self) -> int:
        """How many cells a person has still to look at."""
        return sum(mark.score is None for mark in self.marks)


def rows(course: Course, assignment: str | None = None) -> list[Row]:
    """The gradebook's submissions of one assignment, or of all, by assignment and student.

    Raises:
        CourseError: if the gradebook can't be opened.
    """
    found = []
    with classic.gradebook(course) as book:
        for entry in book.assignments:
            if assignment is None or entry.name == assignment:
                for submission in book.assignment_submissions(entry.name):
                    found.append(row(submission))
    return sorted(found, key=lambda r: (r.assignment, r.student))


def row(submission: object) -> Row:
    """One ``nbgrader.api.SubmittedAssignment`` as a row."""
    marks, penalty = [], 0.0
    for notebook in sorted(submission.notebooks, key=lambda n: n.name):  # type: ignore[attr-defined]
        penalty += notebook.late_submission_penalty or 0.0
        order = {cell.name: i for i, cell in enumerate(notebook.notebook.source_cells)}
        for grade in sorted(notebook.grades, key=lambda g: (order.get(g.name, 0), g.name)):
            missing = grade.manual_score is None and (grade.auto_score is None or grade.needs_manual_grade)
            given = None if grade.auto_score is None and grade.manual_score is None else float(grade.score)
            manual = grade.cell_type != "code" or grade.auto_score is None
            score, waits = None if missing else float(grade.score), bool(grade.needs_manual_grade)
            marks.append(Mark(grade.name, score, float(grade.max_score), manual, notebook.name, given, waits))
    student, assignment = submission.student.id, submission.assignment.name  # type: ignore[attr-defined]
    flagged = any(notebook.flagged for notebook in submission.notebooks)  # type: ignore[attr-defined]
    remarks = (late(submission.total_seconds_late, penalty),) if penalty else ()  # type: ignore[attr-defined]
    return Row(student, assignment, tuple(marks), penalty, remarks, left=flagged)


def late(seconds: float, penalty: float) -> str:
    """Why a late submission has fewer points, in a sentence."""
    days, hours, minutes = int(seconds // 86400), int(seconds % 86400 // 3600), int(seconds % 3600 // 60)
    parts = [count(number, unit) for number, unit in ((days, "day"), (hours, "hour"), (minutes, "minute")) if number]
    return f"{count(penalty, 'point')} less: handed in {' '.join(parts[:2]) or 'less than a minute'} late"


def assignments(course: Course) -> list[str]:
    """The assignments the gradebook knows."""
    with classic.gradebook(course) as book:
        return sorted(entry.name for entry in book.assignments)


def exists(course: Course) -> bool:
    """Whether there is a gradebook: looking for marks must not make an empty one."""
    from sqlalchemy.engine import make_url

    address = make_url(classic.url(course))
    return address.get_backend_name() != "sqlite" or bool(address.database and Path(address.database).is_file())
