"""The gradebook as a table and as CSV."""

import csv
import io
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from labkit.grading.marks import Mark, Row
from labkit.grading.screen import OPEN, RIGHT, WRONG, count, number, plain, table


def assignment(rows: Sequence[Row]) -> Group:
    """One assignment: who has what, what the columns mean, and a sentence on the class."""
    head = Text(rows[0].assignment, style="bold")
    blank = Text()
    if not cells(rows):
        return Group(head, blank, by_check(rows), blank, Text(summary(rows)), blank)
    return Group(head, blank, by_check(rows), blank, legend(rows), blank, Text(summary(rows)), blank)


def sentences(rows: Sequence[Row]) -> Table:
    """What each failed check said, student by student."""
    made = table("student", "check", "")
    for row in rows:
        for name, sentence in row.wrong.items():
            made.add_row(plain(row.student), plain(name), plain(sentence))
    return made


def by_check(rows: Sequence[Row]) -> Table:
    """One assignment: a line a student, a column a graded cell (numbered; ``legend`` says which is which)."""
    names = cells(rows)
    numbers = [str(i) for i in range(1, len(names) + 1)]
    made = table("student", "points", *numbers, "by hand", "remarks", right=("points", "by hand"))
    for row in rows:
        marks = {mark.name: mark for mark in row.marks}
        shown = [symbol(marks.get(name)) for name in names]
        points = f"{number(row.points)}/{number(row.maximum)}" if row.graded else "–"
        remarks = "; ".join(row.remarks)
        made.add_row(plain(row.student), points, *shown, number(row.pending) if row.pending else "", plain(remarks))
    return made


def legend(rows: Sequence[Row]) -> Table:
    """What the numbers over the columns of ``by_check`` mean, and how many got it right."""
    made = table("", "check", "points", "right", right=("", "points"))
    for i, name in enumerate(cells(rows), start=1):
        marks = [mark for row in rows for mark in row.marks if mark.name == name]
        right = sum(mark.score is not None and mark.score >= mark.maximum for mark in marks)
        waiting = sum(mark.score is None for mark in marks)
        shown = f"{right} of {len(marks)}" + (f", {waiting} to mark" if waiting else "")
        made.add_row(str(i), plain(name), number(marks[0].maximum), shown)
    return made


def by_assignment(rows: Sequence[Row]) -> Table:
    """The whole course: a line a student, a column an assignment."""
    names = list(dict.fromkeys(row.assignment for row in rows))
    made = table("student", *names, "all", right=(*names, "all"))
    for student in sorted({row.student for row in rows}):
        own = {row.assignment: row for row in rows if row.student == student}
        shown = [points(own[name]) if name in own else "–" for name in names]
        total = number(sum(row.points or 0.0 for row in own.values()))
        made.add_row(plain(student), *shown, total)
    return made


def points(row: Row) -> str:
    """A row's points of all, with a mark where a person has still to look."""
    return f"{number(row.points)}/{number(row.maximum)}{' ' + OPEN if row.pending else ''}"


def symbol(mark: Mark | None) -> str:
    """A mark in one sign, or its points where it is neither all nor nothing."""
    if mark is None:
        return "–"
    if mark.score is None:
        return OPEN
    if mark.manual or 0 < mark.score < mark.maximum:
        return number(mark.score)
    return RIGHT if mark.score >= mark.maximum else WRONG


def cells(rows: Sequence[Row]) -> list[str]:
    """The graded cells in the order of the exercise."""
    return list(dict.fromkeys(mark.name for row in rows for mark in row.marks))


def as_csv(rows: Sequence[Row], *, checks: bool) -> str:
    """The rows as CSV; with ``checks`` (one assignment) a column for each graded cell. Open marks are left blank."""
    names = cells(rows) if checks else []
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["student", "assignment", "points", "maximum", "late_penalty", "to_mark_by_hand", *names])
    for row in rows:
        marks = {mark.name: mark.score for mark in row.marks}
        scores = ["" if marks.get(name) is None else number(marks[name]) for name in names]
        own = [number(row.points), number(row.maximum), number(row.penalty), row.pending]
        writer.writerow([row.student, row.assignment, *own, *scores])
    return file.getvalue()


def summary(rows: Sequence[Row]) -> str:
    """One sentence on a class."""
    graded = [row for row in rows if row.graded]
    text = f"{count(len(graded), 'submission')} graded"
    if graded:
        mean = sum(row.points or 0.0 for row in graded) / len(graded)
        text += f", {number(round(mean, 2))} points on average"
    if pending := sum(row.pending for row in graded):
        text += f", {count(pending, 'answer')} to mark by hand"
    if refused := len(rows) - len(graded):
        text += f", {count(refused, 'submission')} that could not be graded"
    return text + "."
