"""What a submission is graded against, as one fingerprint: when it changes, every submission is due again.

It covers the exercise in ``solutions/``, the checks that it calls with all that decides them, the due date and what
lateness costs.
"""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from labkit import topics
from labkit.grading import classic, notebooks, own, student
from labkit.grading.course import Course, files
from labkit.grading.engine.nbgrader import cells

if TYPE_CHECKING:
    from traitlets.config import Config

LATENESS = ("AssignLatePenalties", "LateSubmissionPlugin")
CHECKS = "checks"


def identity(course: Course, assignment: str) -> str:
    """The fingerprint of an assignment as it would be graded now.

    Raises:
        CourseError: if one of its notebooks is broken, or the gradebook can't be read.
    """
    origin = course.solutions / assignment
    called = {topic for path in sorted(origin.glob("*.ipynb")) for topic in topics_of(path)}
    ours = own.checks(course)
    parts = [
        student.digest_of(origin),
        *map(checks, sorted(called)),
        *(part for topic in sorted(called) if topic in ours.cases for part in (ours.cases[topic], ours.answers[topic])),
        *(f"{key} {worth}" for key, worth in sorted(ours.points.items()) if key.partition(".")[0] in called),
        due(course, assignment),
        lateness(course.config()),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def topics_of(path: Path) -> set[str]:
    """The topics whose checks a notebook calls."""
    calls = [
        call for cell in notebooks.read(path).cells if cell.cell_type == "code" for call in cells.parse(cell.source)
    ]
    return {call.key.partition(".")[0] for call in calls}


def checks(topic: str) -> str:
    """A fingerprint of what decides the checks of a topic: their files, what all checks share, the code they use."""
    package = home()
    own = [path for folder in (CHECKS, f"{CHECKS}/answers") for path in of_checks(package / folder, topic)]
    used = {path for source in own for name in imported(source) if (path := module(package, name)) is not None}
    digest = hashlib.sha256(topic.encode())
    for path in (*own, *(file for place in sorted(used) for file in contents(place))):
        digest.update(f"\n{path.relative_to(package).as_posix()} {student.digest(path)}".encode())
    return digest.hexdigest()


def home() -> Path:
    """Where labkit's files lie; nothing of it is imported for that."""
    spec = importlib.util.find_spec("labkit")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def of_checks(folder: Path, topic: str) -> list[Path]:
    """The files in a folder of checks that belong to a topic, or to all of them."""
    others = {other.key for other in topics.SYLLABUS} - {topic}
    return [path for path in contents(folder) if not others & {part.partition(".")[0] for part in path.parts[-2:]}]


def contents(place: Path) -> list[Path]:
    """A file, or the files of a folder, in order."""
    if place.is_file():
        return [place]
    return [place / path for path in files(place)] if place.is_dir() else []


def imported(path: Path) -> Iterator[str]:
    """The modules of labkit that a Python file imports, by their names after ``labkit.``, without the checks."""
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            head, _, rest = name.partition(".")
            if head == "labkit" and rest.partition(".")[0] not in ("", CHECKS):
                yield rest


def module(package: Path, name: str) -> Path | None:
    """The file or folder of ``labkit.NAME``, or of the module that holds a name of that kind."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = package.joinpath(*parts[:length])
        if place.is_dir():
            return place
        if place.with_suffix(".py").is_file():
            return place.with_suffix(".py")
    return None


def due(course: Course, assignment: str) -> str:
    """When an assignment is due, by the gradebook."""
    from nbgrader.api import MissingEntry

    with classic.gradebook(course) as book:
        try:
            return str(book.find_assignment(assignment).duedate)
        except MissingEntry:
            return ""


def lateness(settings: "Config") -> str:
    """What the settings say about late submissions, the code of a course's own rule with it."""
    plugin = settings.AssignLatePenalties.get("plugin_class")
    sections = (*LATENESS, *([plugin.__name__] if isinstance(plugin, type) else []))
    return json.dumps(
        {name: settings[name] for name in sections if name in settings}, default=described, sort_keys=True
    )


def described(value: Any) -> str:
    """A setting that JSON has no form for: a class by its code."""
    if not isinstance(value, type):
        return repr(value)
    codes = [code for member in vars(value).values() if (code := getattr(member, "__code__", None))]
    return " ".join([value.__name__, *map(instructions, codes)])


def instructions(code: CodeType) -> str:
    """What a function does, in words that are the same in every process."""
    constants = [instructions(part) if isinstance(part, CodeType) else repr(part) for part in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"
