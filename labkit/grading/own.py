"""A course's own checks on their way: what is released of them, and what they are worth."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from labkit import own_checks
from labkit.grading import notebooks
from labkit.grading.course import Course, CourseError, files
from labkit.grading.engine.nbgrader import cells
from labkit.own_checks import SUFFIX, Own, Unusable

if TYPE_CHECKING:
    from traitlets.config import Config

    from labkit.checks.own import Loaded
    from labkit.checks.protocol import Check


def checks(course: Course) -> Own:
    """The checks that a course brings along; without any, what comes back is false.

    Raises:
        CourseError: if they can't be used.
    """
    try:
        return own_checks.read(course.root.resolve())
    except Unusable as error:
        raise CourseError(str(error)) from error


def use(course: Course) -> None:
    """In this process, take the checks of a course, wherever it was started."""
    from labkit.checks import own as courses

    courses.use(checks(course) or None)


def file(assignment: str) -> str:
    """The name of the file with the checks of a released exercise."""
    return assignment + SUFFIX


def called(source: Sequence[NotebookNode]) -> list[str]:
    """The keys of the checks that notebooks call."""
    calls = [call for book in source for cell in book.cells if cell.cell_type == "code"
             for call in cells.parse(cell.source)]  # fmt: skip
    return sorted({call.key for call in calls})


def released(own: Own, source: Sequence[NotebookNode]) -> str:
    """What goes beside the notebooks of a released exercise; "" if they need nothing.

    Raises:
        CourseError: if a check can't be released.
    """
    keys = called(source)
    topics = {key.partition(".")[0] for key in keys} & own.cases.keys()
    points = {key: worth for key, worth in own.points.items() if key in keys}
    if not topics and not points:
        return ""
    recorded = {key: answers_of(own, key) for key in keys if key.partition(".")[0] in topics}
    return Own({topic: own.cases[topic] for topic in topics}, recorded=recorded, points=points).to_json()


def answers_of(own: Own, key: str) -> dict[str, object]:
    """What is released of the answers to one of the course's own checks."""
    from labkit.checks.own import Loaded, record
    from labkit.checks.wire import CheckBroken

    try:
        return record.record(found(Loaded(own), key))
    except (Unusable, CheckBroken) as error:
        raise CourseError(str(error)) from error
    except Exception as error:
        raise CourseError(f"the cases of {key} can't be made: {type(error).__name__}: {error}") from error


def found(loaded: "Loaded", key: str) -> "Check":
    """A check of the course's own.

    Raises:
        Unusable: if there is none with this key.
    """
    topic = key.partition(".")[0]
    own = {check.key: check for check in loaded.of(topic)}
    if key not in own:
        raise Unusable(f"a notebook calls the check {key!r}; checks/{topic}.py has {', '.join(own)}")
    return own[key]


# ── a trial ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def all_checks(course: Course, topic: str | None = None) -> list["Check"]:
    """The checks of a course's own; or those of one topic, or one of them by its key, which may be labkit's, too.

    Raises:
        CourseError: if there are none, or they can't be used.
    """
    from labkit import checks as labkits
    from labkit.checks.own import Loaded

    loaded = Loaded(checks(course))
    if topic is None and not loaded.topics():
        raise CourseError(
            f"{course.root} has no checks of its own: they stand in checks/ and checks/answers/. To try labkit's, "
            f"name a topic: {', '.join(labkits.topics())}"
        )
    name = topic.partition(".")[0] if topic else ""
    if topic and name not in loaded.topics() and name not in labkits.topics():
        here = ", ".join((*loaded.topics(), *labkits.topics()))
        raise CourseError(f"there are no checks of {name!r} here; there are some of {here}")
    try:
        if not topic:
            return [check for each in loaded.topics() for check in loaded.of(each)]
        found = loaded.of(name) if name in loaded.topics() else labkits.of(name)
        wanted = [check for check in found if topic in (name, check.key)]
        if not wanted:
            raise CourseError(f"there is no check {topic!r}; there are {', '.join(check.key for check in found)}")
        return wanted
    except Unusable as error:
        raise CourseError(str(error)) from error


def problem(check: "Check") -> str:
    """What is wrong with a check, in a sentence; "" if nothing.

    Raises:
        CourseError: if it can't be tried.
    """
    from labkit.checks.own import prove
    from labkit.checks.wire import CheckBroken

    try:
        prove(check)
    except AssertionError as error:
        return str(error)
    except (Unusable, CheckBroken) as error:
        raise CourseError(str(error)) from error
    except Exception as error:
        raise CourseError(f"{check.key} can't be tried: {type(error).__name__}: {error}") from error
    return ""


def summary(check: "Check") -> str:
    """What a check consists of."""
    from labkit.checks import bank, wire
    from labkit.grading.screen import count

    cases, mistakes = len(wire.cases_of(check, 1)), len(bank.answer_key(check).mistakes)
    return f"{count(cases, 'case')}, {count(mistakes, 'mistake')}, {count(check.points, 'point')}"


# ── points ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def weigh(own: Own, assignment: str, notebook: NotebookNode) -> bool:
    """Give the check cells of a notebook the points of ``labkit.toml``, in place; whether any has changed.

    Raises:
        CourseError: if a cell and the course's own check that it calls disagree on what it is worth.
    """
    changed = False
    for cell in notebook.cells:
        grader = cell.metadata.get("nbgrader", {})
        calls = cells.parse(cell.source) if cell.cell_type == "code" and grader.get("grade") else ()
        if calls and any(call.key in own.points or call.key.partition(".")[0] in own.cases for call in calls):
            worth = sum(points(own, call.key) for call in calls)
            if any(call.key in own.points for call in calls):
                changed |= grader.get("points") != worth
                grader["points"] = worth
            elif float(grader.get("points", 0)) != worth:
                cell_ = f"the cell {grader.get('grade_id')!r} is worth {grader.get('points', 0)}"
                raise CourseError(
                    f"solutions/{assignment}: {cell_} and its check {calls[0].key} {worth}: give both the same "
                    "`points`, or name them in labkit.toml"
                )
    return changed


def points(own: Own, key: str) -> int:
    """What a check is worth in the course.

    Raises:
        CourseError: if there is no such check.
    """
    from labkit.checks import find
    from labkit.checks import own as courses

    if key in own.points:
        return own.points[key]
    loaded = courses.Loaded(own)
    try:
        return found(loaded, key).points if key.partition(".")[0] in own.cases else find(key).points
    except ValueError as error:
        raise CourseError(str(error)) from error


def weighed(course: Course, assignment: str, settings: "Config", room: Path) -> None:
    """Have nbgrader read an exercise with the points of ``labkit.toml``, from a copy in ``room``."""
    own, origin = checks(course), course.solutions / assignment
    if not own:
        return
    read = {path: notebooks.read(origin / path) for path in files(origin) if path.suffix == ".ipynb"}
    if not any([weigh(own, assignment, notebook) for notebook in read.values()]):
        return
    copy = room / "source" / assignment
    shutil.copytree(origin, copy)
    for path, notebook in read.items():
        notebooks.write(copy / path, notebooks.normal(notebook))
    settings.CourseDirectory.source_directory = str(copy.parent)
