"""Which exercise a notebook belongs to, by the cells that nbgrader knows: a file's name can be anything."""

import json
from collections.abc import Mapping

from labkit.grading.course import Course
from labkit.grading.notebooks import LARGEST

Plan = Mapping[str, frozenset[str]]


def exercises(course: Course) -> dict[str, frozenset[str]]:
    """The names of the cells of each exercise in ``solutions/``; a notebook that can't be read has none."""
    return {
        assignment: frozenset().union(
            *(names(path.read_bytes()) for path in (course.solutions / assignment).glob("*.ipynb"))
        )
        for assignment in course.sources()
    }


def names(data: bytes) -> frozenset[str]:
    """The ``grade_id``s in a notebook's bytes; none if it is no notebook."""
    if len(data) > LARGEST:
        return frozenset()
    try:
        cells = json.loads(data.decode("utf-8-sig"))["cells"]
        found = [cell["metadata"]["nbgrader"]["grade_id"] for cell in cells if "nbgrader" in cell.get("metadata", {})]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()
    return frozenset(name for name in found if isinstance(name, str))


def other(data: bytes, assignment: str, plan: Plan) -> str:
    """The exercise that a notebook is of, if that is plainly another than ``assignment``; else nothing."""
    own = names(data)
    if not own or own & plan.get(assignment, frozenset()):
        return ""
    best = max(plan, key=lambda name: len(own & plan[name]), default="")
    return best if best and len(own & plan[best]) > len(own) / 2 else ""
