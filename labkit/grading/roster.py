"""Who is who: a student's folder name, and what the learning platform calls the same person.

A roster is a csv with a head line, one of three:
    number,student[,name]           the platform's number, and the folder name you want
    Student,ID,…,SIS Login ID,…     Canvas's gradebook, exported: the login is the folder name
    Identifier,Full name,…          Moodle's grading worksheet: its user name, ID number, or the address before the @
                                    with the column Group, as a team assignment's has, also who is in which team
"""

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.grading import classic, notebooks
from labkit.grading.course import Course, CourseError
from labkit.grading.pages import clean

LONGEST = 60  # characters of a folder's name


@dataclass(frozen=True)
class Person:
    """A student as a learning platform has them. ``version`` says which upload was collected last."""

    number: str
    name: str
    login: str = ""
    sis: str = ""
    section: str = ""
    version: float = 0.0
    team: str = ""


def folder_name(name: str, number: str) -> str:
    """A readable folder name that stays the same: ``ada-lovelace-123456``."""
    words = re.sub(r"[\W_]+", "-", name.casefold()).strip("-")[:LONGEST].strip("-")
    return "-".join(filter(None, [words, re.sub(r"[\W_]+", "-", number)]))


def read(path: Path) -> dict[str, tuple[str, Person]]:
    """Folder names and persons by the platform's number.

    Raises:
        CourseError: if it is no such csv, or a folder name is impossible or given twice.
    """
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except FileNotFoundError:
        raise CourseError(f"there is no file {path}") from None
    except (UnicodeDecodeError, csv.Error, IsADirectoryError):
        raise CourseError(f"{path} is no csv in UTF-8") from None
    found: dict[str, tuple[str, Person]] = {}
    for row in rows:
        student, person = entry(
            {key.strip(): (value or "").strip() for key, value in row.items() if isinstance(key, str)}
        )
        if not person.number or not student:
            continue
        if student[0] in ".-" or not student.isprintable() or set(student) & set('/\\:*?"<>|') or len(student) > 100:
            raise CourseError(f"{path.name} calls a student {student!r}, which can't be the name of a folder")
        if person.number in found or any(student == other for other, _ in found.values()):
            raise CourseError(f"{path.name} has {student!r} or the number {person.number} twice")
        found[person.number] = (student, person)
    if not found:
        raise CourseError(
            f"{path.name} names nobody: it needs the columns number,student or is an export of the platform"
        )
    return found


def entry(row: dict[str, str]) -> tuple[str, Person]:
    """One line of a roster: the folder name, and the person."""
    if "SIS Login ID" in row:
        login, sis = row["SIS Login ID"], row.get("SIS User ID", "")
        return login, Person(row.get("ID", ""), row.get("Student", ""), login, sis, row.get("Section", ""))
    if "Identifier" in row:
        number = re.sub(r"\D", "", row["Identifier"])
        own = row.get("Username") or row.get("ID number") or row.get("Email address", "").partition("@")[0]
        name = row.get("Full name", "")
        return own or folder_name(name, number), Person(number, name, team=row.get("Group", ""))
    return row.get("student", ""), Person(row.get("number", ""), row.get("name", ""))


def collected(course: Course, assignment: str) -> tuple[str, dict[str, Person]]:
    """Which platform an assignment was collected from, and the persons by folder name; nobody if it was not.

    Raises:
        CourseError: if the note of it is damaged.
    """
    path = note(course, assignment)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return str(kept["lms"]), {name: Person(**person) for name, person in kept["students"].items()}
    except FileNotFoundError:
        return "", {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(f"{path} is damaged: delete it and collect {assignment} again") from error


def remember(course: Course, assignment: str, lms: str, people: dict[str, Person]) -> None:
    """Keep what ``collected`` reads."""
    kept = {"lms": lms, "students": {name: asdict(person) for name, person in sorted(people.items())}}
    notebooks.write(note(course, assignment), json.dumps(kept, ensure_ascii=False, indent=1) + "\n")


def enter(course: Course, assignment: str, students: Iterable[str]) -> None:
    """Give the gradebook the names of students who have none there, for the formgrader; as the platform has them.

    Args:
        students: by the names of their folders.
    """
    _, people = collected(course, assignment)
    with classic.gradebook(course) as book:
        named = {student.id for student in book.students if student.first_name or student.last_name}
        for student in students:
            if student in people and student not in named and (name := split(people[student].name)):
                book.update_or_create_student(student, first_name=name[0], last_name=name[1])


def split(name: str) -> tuple[str, str] | None:
    """A first and a last name, without what means something in a page; None if it has no two parts."""
    last, comma, first = clean.name(name).partition(",")
    if not comma:
        first, _, last = clean.name(name).rpartition(" ")
    return (first.strip(), last.strip()) if first.strip() and last.strip() else None


def note(course: Course, assignment: str) -> Path:
    """The file that holds it."""
    return course.local / "collected" / f"{assignment}.json"
