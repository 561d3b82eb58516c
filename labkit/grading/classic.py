"""nbgrader's own converters and gradebook, run from Python, quietly: their log goes to a file."""

import contextlib
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.grading.course import Course, CourseError

if TYPE_CHECKING:
    from nbgrader.api import Gradebook
    from nbgrader.converters.base import BaseConverter
    from traitlets.config import Config

NORMALISE = "labkit.grading.hooks.normalise"


class Failed(CourseError):
    """A converter of nbgrader gave up; the message is the last thing it complained of."""


def convert(
    converter: type["BaseConverter"],
    course: Course,
    assignment: str,
    *,
    student: str = "*",
    config: "Config | None" = None,
    force: bool = False,
) -> None:
    """Run one of nbgrader's converters for one assignment, and for one student where it takes students.

    Args:
        student: a pattern as nbgrader takes it; ``glob.escape`` makes one of a name.

    Raises:
        Failed: if it gives up.
    """
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory

    settings = config or course.config()
    settings.CourseDirectory.assignment_id = assignment
    settings.CourseDirectory.student_id = student
    with logged(course) as (log, complaints):
        directory = CourseDirectory(config=settings, log=log)
        try:
            converter(coursedir=directory, config=settings, log=log, force=force).start()
        except (NbGraderException, SystemExit) as error:
            raise Failed(reason(complaints) or str(error)) from error


@contextlib.contextmanager
def logged(course: Course) -> Iterator[tuple[logging.Logger, list[str]]]:
    """A logger that writes to ``.local/nbgrader.log``, and the errors it was given, the latest last."""
    complaints: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complaints.append(record.getMessage())

    course.local.mkdir(parents=True, exist_ok=True)
    log = logging.Logger("labkit.nbgrader", logging.INFO)
    file = logging.FileHandler(course.local / "nbgrader.log", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(file)
    log.addHandler(Keep(logging.ERROR))
    try:
        with warnings.catch_warnings(), in_process():
            warnings.simplefilter("ignore")
            yield log, complaints
    finally:
        file.close()


@contextlib.contextmanager
def in_process() -> Iterator[None]:
    """Let nbgrader find out in this process which version of its tables a new gradebook has: on its own it starts
    ``alembic``, by its name and for three seconds."""
    from nbgrader import api

    before = api.get_alembic_version
    api.get_alembic_version = newest
    try:
        yield
    finally:
        api.get_alembic_version = before


def newest() -> str:
    """The newest version of nbgrader's tables, by its list of changes."""
    from alembic.script import ScriptDirectory
    from nbgrader import dbutil

    return str(ScriptDirectory(dbutil.ALEMBIC_DIR).get_current_head())


def reason(complaints: list[str]) -> str:
    """The line that says why: the first exception of the first traceback that was logged, else the first complaint."""
    for text in complaints:
        if "Traceback (most recent call last)" in text and (found := re.search(r"^[A-Za-z_][\w.]*: (.+)$", text, re.M)):
            return found.group(1)
    return " ".join(complaints[0].split()) if complaints else ""


def url(course: Course) -> str:
    """The gradebook's SQLAlchemy URL."""
    settings = course.config().CourseDirectory
    return str(settings.get("db_url") or f"sqlite:///{course.root / 'gradebook.db'}")


def refuse_nameless(course: Course) -> None:
    """Raise ``CourseError`` if the gradebook is on a server and the course has no id.

    nbgrader's tables refer to the course; SQLite does not look whether there is one, a server does.
    """
    if not url(course).startswith("sqlite") and not course_id(course):
        raise CourseError(
            "a gradebook on a database server needs the course's id: set c.CourseDirectory.course_id in"
            " nbgrader_config.py, as in 'labkit'"
        )


def without_password(address: str) -> str:
    """A database's URL as it may be shown."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(address).render_as_string(hide_password=True)
    except ArgumentError:
        return "in CourseDirectory.db_url"


def course_id(course: Course) -> str:
    """The course's id in the gradebook, as nbgrader's converters use it."""
    return str(course.config().CourseDirectory.get("course_id", "") or "")


@contextlib.contextmanager
def gradebook(course: Course) -> Iterator["Gradebook"]:
    """The course's gradebook, closed in the end.

    Raises:
        CourseError: if it can't be opened, read or written (it is locked, or no gradebook).
    """
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    refuse_nameless(course)
    address = url(course)
    try:
        with in_process():
            book = Gradebook(address, course_id(course))
    except (SQLAlchemyError, ImportError) as error:
        raise CourseError(
            f"the gradebook {without_password(address)} can't be opened: {getattr(error, 'orig', error)}"
        ) from error
    try:
        yield book
    except DBAPIError as error:
        raise CourseError(f"the gradebook {without_password(address)} can't be used: {error.orig}") from error
    finally:
        book.close()


def register(course: Course, assignment: str) -> None:
    """Put an assignment's cells into the gradebook, as they are in ``solutions/`` now; ``exercises/`` isn't touched.

    Raises:
        CourseError: if the gradebook can't be used, if the solution is broken, or if cells were added or removed
            after submissions were graded.
    """
    from nbgrader.converters import GenerateAssignment

    from labkit.grading import own

    refuse_nameless(course)
    settings = course.config()
    with tempfile.TemporaryDirectory(prefix="labkit-release-") as folder:
        settings.CourseDirectory.release_directory = str(Path(folder) / "release")
        if settings.GenerateAssignment.get("post_convert_hook") == NORMALISE:
            del settings.GenerateAssignment.post_convert_hook  # it would write to exercises/
        own.weighed(course, assignment, settings, Path(folder))
        try:
            convert(GenerateAssignment, course, assignment, student=".", config=settings)
        except Failed as error:
            raise CourseError(f"solutions/{assignment} can't go into the gradebook: {error}") from error
