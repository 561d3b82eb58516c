"""A student's own copies of the exercises, and how far they have come. Nothing here overwrites a student's file."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit import topics
from labkit.grading import notebooks
from labkit.grading.course import Course, CourseError, files


@dataclass(frozen=True)
class Copy:
    """A student's copy of an exercise: its folder, its first notebook, whether it was made just now, and is current."""

    folder: Path
    notebook: Path
    made: bool
    current: bool


@dataclass(frozen=True)
class State:
    """How far one notebook has come. ``checked`` is the record of its last check, if there was one."""

    assignment: str
    notebook: Path
    checked: dict[str, Any] | None
    changed: bool

    @property
    def touched(self) -> float:
        """When the notebook's file was last written."""
        return self.notebook.stat().st_mtime

    @property
    def done(self) -> bool:
        """Whether its last check found everything right, and it has not changed since."""
        return bool(self.checked and self.checked["done"]) and not self.changed


def start(course: Course, name: str, *, fresh: bool = False) -> Copy:
    """Give the student a copy of an exercise in ``work/``. One that is there stays, whatever is in it.

    Args:
        fresh: make another copy beside those there are, as in ``work/01_images-2/``.

    Raises:
        CourseError: if there is no such exercise, or ``work/`` can't be written.
    """
    assignment = course.assignment(name, course.released())
    release = course.exercises / assignment
    before = copies(course, assignment)
    if before and not fresh:
        return Copy(before[-1], first_notebook(before[-1]), False, current(course, before[-1], assignment))
    taken = course.work / assignment
    number = 2
    while taken.exists():
        taken, number = course.work / f"{assignment}-{number}", number + 1
    try:
        course.work.mkdir(parents=True, exist_ok=True)
        # Copied aside and renamed: a copy that is cut short is never taken for the student's.
        with tempfile.TemporaryDirectory(dir=course.work, prefix=".start-") as aside:
            for path in files(release):
                (Path(aside) / "copy" / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(release / path, Path(aside) / "copy" / path)
            os.rename(Path(aside) / "copy", taken)
    except OSError as error:
        raise CourseError(f"no copy could be made in {course.work}: {error.strerror}") from error
    remember(course, taken.name, {"release": digest_of(release)})
    return Copy(taken, first_notebook(taken), True, True)


def copies(course: Course, assignment: str) -> list[Path]:
    """The student's copies of an exercise, the oldest first."""
    if not course.work.is_dir():
        return []
    numbered = [(1, course.work / assignment)]
    for folder in course.work.glob(f"{assignment}-*"):
        number = folder.name.removeprefix(f"{assignment}-")
        if number.isdigit():
            numbered.append((int(number), folder))
    return [folder for _, folder in sorted(numbered) if any(folder.glob("*.ipynb"))]


def first_notebook(folder: Path) -> Path:
    """The notebook of a copy that is named as the exercise is, else the first."""
    found = sorted(folder.glob("*.ipynb"))
    return next((path for path in found if folder.name.startswith(path.stem)), found[0])


def current(course: Course, folder: Path, assignment: str) -> bool:
    """Whether the exercise is still the one this copy was made from."""
    record = recall(course).get(folder.name, {})
    return record.get("release") in (None, digest_of(course.exercises / assignment))


def locate(course: Course, name: str) -> Path:
    """The notebook that ``name`` means: a file, a folder with one, or an exercise that was started.

    Raises:
        CourseError: if there is none.
    """
    path = Path(name).expanduser()
    if not path.exists() and (course.place / path).exists() and len(path.parts) > 1:
        path = course.place / path  # as README writes it, in a terminal that stands elsewhere
    if path.is_file():
        return path.resolve()
    if path.is_dir():
        found = sorted(path.glob("*.ipynb"))
        if len(found) != 1:
            raise CourseError(f"{name} holds {len(found)} notebooks; name the one to check")
        return found[0].resolve()
    if path.suffix or len(path.parts) > 1:
        raise CourseError(f"there is no file {name}")
    assignment = course.assignment(name, course.released())
    started = copies(course, assignment)
    if not started:
        raise CourseError(f"{assignment} is not started yet: `labkit start {key_of(assignment)}` gives you a copy")
    return first_notebook(max(started, key=lambda folder: first_notebook(folder).stat().st_mtime))


def released_notebook(course: Course, notebook: Path) -> Path | None:
    """The notebook of the release that ``notebook`` is a copy of, by its name; a lecture's name is the same."""
    if notebook.parent in (course.lectures.resolve(), course.reading.resolve()):
        return None
    return next((path for path in sorted(course.exercises.glob(f"*/{notebook.name}"))), None)


def states(course: Course) -> list[State]:
    """The state of every notebook that was started, in the order of the course."""
    records = recall(course)
    found = []
    for assignment in course.released():
        for folder in copies(course, assignment):
            for notebook in sorted(folder.glob("*.ipynb")):
                record = records.get(folder.name, {}).get("checks", {}).get(notebook.name)
                changed = bool(record) and record["digest"] != digest_sources(notebook.read_bytes())
                found.append(State(assignment, notebook, record, changed))
    return found


def note(course: Course, notebook: Path, record: dict[str, Any]) -> None:
    """Keep the result of a check for ``labkit progress``, if the notebook is one of the student's copies."""
    if notebook.parent.parent != course.work.resolve() or released_notebook(course, notebook) is None:
        return
    records = recall(course).get(notebook.parent.name, {})
    checks = records.get("checks", {}) | {notebook.name: {**record, "when": time.strftime("%Y-%m-%d %H:%M")}}
    remember(course, notebook.parent.name, {**records, "checks": checks})


def memory(course: Course) -> Path:
    """The file that ``progress`` is read from."""
    return course.work / ".labkit.json"


def recall(course: Course) -> dict[str, Any]:
    """What is known about each copy. A damaged file counts as none: it can be made again by checking."""
    try:
        records = json.loads(memory(course).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in records.items() if isinstance(v, dict)} if isinstance(records, dict) else {}


def remember(course: Course, name: str, record: dict[str, Any]) -> None:
    """Keep what is known about one copy."""
    notebooks.write(memory(course), json.dumps(recall(course) | {name: record}, indent=1, sort_keys=True) + "\n")


def digest(path: Path) -> str:
    """A fingerprint of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest_sources(data: bytes) -> str:
    """A fingerprint of what a person wrote in a notebook's file: to run and save it again changes none of that."""
    try:
        cells = [[cell["cell_type"], "".join(cell["source"])] for cell in json.loads(data)["cells"]]
    except (ValueError, KeyError, TypeError):  # no notebook that can be read: every byte counts
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def digest_of(folder: Path) -> str:
    """A fingerprint of a folder's files."""
    parts = [f"{path.as_posix()} {digest(folder / path)}" for path in files(folder)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def key_of(assignment: str) -> str:
    """The short name of an exercise: its topic's key where it has one."""
    return next((topic.key for topic in topics.SYLLABUS if topic.slug == assignment), assignment)
