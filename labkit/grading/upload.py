"""Marks as csv that a learning platform takes back.

Moodle: the offline grading worksheet. Its importer (mod/assign/feedback/offline, importgradeslib.php) refuses a file
without the columns Identifier, Grade and "Last modified (grade)"; it reads the number after "Participant ". A date of
"-", which is also Moodle's own for no grade yet, keeps it from replacing a grade given in Moodle unless you tick
"Allow updating records that have been modified more recently in Moodle than in the spreadsheet".

Canvas: the gradebook's csv. Its importer (canvas-lms, gradebook_importer.rb) wants Student, ID, SIS User ID, SIS Login
ID, Section in this order and then assignments, each headed "Title (id)", or by its title alone; a line whose first cell
holds "Points Possible" gives the maxima. It finds a student by ID first.
"""

import csv
import io
from collections.abc import Mapping, Sequence

from labkit.grading.course import CourseError
from labkit.grading.marks import Row
from labkit.grading.roster import Person
from labkit.grading.screen import number

MOODLE = ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)"]
CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]


def moodle(rows: Sequence[Row], people: Mapping[str, Person], *, partial: bool = False) -> str:
    """One assignment's points for Moodle: a line for each row whose student is among ``people``."""
    lines = [
        [
            f"Participant {people[row.student].number}",
            people[row.student].name,
            value(row, partial),
            number(row.maximum),
            "-",
        ]
        for row in rows
        if row.student in people
    ]
    return as_csv([MOODLE, *lines])


def canvas(rows: Sequence[Row], people: Mapping[str, Person], column: str, *, partial: bool = False) -> str:
    """The same for Canvas; ``column`` is the assignment's heading there."""
    possible = ["    Points Possible", "", "", "", "", number(max(row.maximum for row in rows))]
    lines = []
    for row in rows:
        if person := people.get(row.student):
            lines.append([person.name, person.number, person.sis, person.login, person.section, value(row, partial)])
    return as_csv([[*CANVAS, column], possible, *lines])


def value(row: Row, partial: bool) -> str:
    """A row's points; blank, which both platforms leave alone, where it was not graded or, unless ``partial``, where
    a person has still to mark an answer: what is missing would count as nothing."""
    return "" if row.points is None or (row.pending and not partial) else number(row.points)


def as_csv(lines: Sequence[Sequence[str]]) -> str:
    """Lines as csv."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def made(
    rows: Sequence[Row], kind: str, lms: str, people: Mapping[str, Person], column: str, *, partial: bool = False
) -> str:
    """The csv of ``kind``, for an assignment that was collected from ``lms``.

    Args:
        partial: give the points so far of those who have answers still to be marked by hand.

    Raises:
        CourseError: if there is no such kind, or the assignment was not collected from it.
    """
    if kind not in ("moodle", "canvas"):
        raise CourseError(f"--format is {kind!r}; expected moodle or canvas")
    if lms != kind:
        before = f"{column} was collected from {lms}" if lms else f"{column} was not collected from a platform"
        raise CourseError(f"{before}, so nobody's number in {kind.capitalize()} is known; `labkit collect` notes them")
    if kind == "moodle":
        return moodle(rows, people, partial=partial)
    return canvas(rows, people, column, partial=partial)
