"""What plain ``nbgrader`` calls by ``nbgrader_config.py``, so that it and ``labkit`` do the same."""

import sys
from pathlib import Path
from typing import Any

from labkit.grading import classic, course, links, own
from labkit.grading import notebooks as files


def register(assignment: str, notebooks: list[str] | None = None, **_: Any) -> None:
    """Before autograding: put the assignment into the gradebook, unless it is there; and follow no link.

    nbgrader hands its own list of a submission's notebooks over. Where there is a link among the submission's files
    or on the way to them, the list is emptied: nbgrader says that it finds no notebooks, and goes on with the next.
    """
    from nbgrader.api import MissingEntry

    here = course.find(Path.cwd())
    if notebooks and (found := linked(here, assignment, Path(notebooks[0]).parent)):
        print(f"{found} is a link, which is not followed: this submission is not graded", file=sys.stderr)
        notebooks.clear()
    with classic.gradebook(here) as book:
        try:
            if book.find_assignment(assignment).notebooks:
                return
        except MissingEntry:
            pass
    classic.register(here, assignment)


def normalise(assignment: str, **_: Any) -> None:
    """After generating a release: give its notebooks their normal form, and the course's own checks along."""
    here = course.find(Path.cwd())
    for path in (here.exercises / assignment).glob("*.ipynb"):
        files.write(path, files.normal(files.read(path)))
    source = [files.read(path) for path in sorted((here.solutions / assignment).rglob("*.ipynb"))]
    if text := own.released(own.checks(here), source):
        files.write(here.exercises / assignment / own.file(assignment), text)


def linked(here: course.Course, assignment: str, folder: Path) -> Path | None:
    """The first link on the way to a submission, or among its files."""
    from nbgrader.coursedir import CourseDirectory

    directory = CourseDirectory(config=here.config())
    base = links.base(Path(directory.format_path(directory.submitted_directory, links.STUDENT, assignment)))
    return links.on_the_way(folder, base) or next((path for path in folder.rglob("*") if path.is_symlink()), None)
