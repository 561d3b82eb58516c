"""What plain ``nbgrader`` calls by ``nbgrader_config.py``, so that it and ``labkit`` do the same."""

from pathlib import Path
from typing import Any

from labkit.grading import classic, course, notebooks


def register(assignment: str, **_: Any) -> None:
    """Before autograding: put the assignment into the gradebook, unless it is there."""
    from nbgrader.api import MissingEntry

    here = course.find(Path.cwd())
    with classic.gradebook(here) as book:
        try:
            if book.find_assignment(assignment).notebooks:
                return
        except MissingEntry:
            pass
    classic.register(here, assignment)


def normalise(assignment: str, **_: Any) -> None:
    """After generating a release: give its notebooks their normal form."""
    for path in (course.find(Path.cwd()).exercises / assignment).glob("*.ipynb"):
        notebooks.write(path, notebooks.normal(notebooks.read(path)))
