"""Where a course is, and what lies where in it.

solutions/01_images/01_images.ipynb     the source, for instructors
exercises/01_images/01_images.ipynb     the release, generated from it
lectures/01_images.ipynb
work/lectures/01_images.ipynb           a student's own copies
work/01_images/01_images.ipynb
submitted/STUDENT/01_images/…           nbgrader's folders, with autograded/, feedback/ and gradebook.db
nbgrader_config.py                      nbgrader's settings, which the labkit command follows as well
labkit.toml                             which exercises count, and what checks are worth (``labkit.settings``)
checks/, checks/answers/                a course's own checks (``labkit.checks.own``)
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labkit import settings, topics

if TYPE_CHECKING:
    from traitlets.config import Config

CONFIG = settings.NBGRADER


class CourseError(ValueError):
    """Something a person can put right; the message is one sentence that says how."""


@dataclass(frozen=True)
class Course:
    """A course folder.

    Args:
        root: where lectures, exercises and, for an instructor, solutions lie.
        place: where this person's files go: the root itself, but not if that belongs to an installed package.
    """

    root: Path
    place: Path

    @property
    def lectures(self) -> Path:
        """The lecture notebooks."""
        return self.root / "lectures"

    @property
    def solutions(self) -> Path:
        """nbgrader's source directory."""
        return self.root / "solutions"

    @property
    def answers(self) -> Path:
        """The solved notebooks of an installed package, which is read from and not taught from."""
        return self.root / "answers"

    @property
    def exercises(self) -> Path:
        """nbgrader's release directory."""
        return self.root / "exercises"

    @property
    def work(self) -> Path:
        """A student's own copies."""
        return self.place / "work"

    @property
    def reading(self) -> Path:
        """A person's own copies of the lectures."""
        return self.work / "lectures"

    @property
    def submitted(self) -> Path:
        """What students handed in: ``submitted/STUDENT/ASSIGNMENT/``."""
        return self.root / "submitted"

    @property
    def local(self) -> Path:
        """Logs and notes of the command itself."""
        return self.place / ".local"

    def released(self) -> list[str]:
        """The exercises there are, in order."""
        return self.taken(folders(self.exercises))

    def sources(self) -> list[str]:
        """The assignments with solutions, in order."""
        return self.taken(folders(self.solutions))

    def settings(self) -> settings.Settings:
        """What ``labkit.toml`` says.

        Raises:
            CourseError: if it can't be used.
        """
        try:
            return settings.read(self.root)
        except ValueError as error:
            raise CourseError(str(error)) from error

    def taken(self, there: list[str]) -> list[str]:
        """Those of some exercises that the course takes.

        Raises:
            CourseError: if it takes one that isn't there.
        """
        wanted = self.settings().exercises
        if wanted is None or not there:
            return there
        known = {alias for name in {*there, *folders(self.solutions)} for alias in (name.lower(), *keys(name))}
        if unknown := [name for name in wanted if name.lower() not in known]:
            raise CourseError(f"{settings.FILE} names the exercise {unknown[0]!r}; there are {', '.join(there)}")
        return [name for name in there if any(w.lower() in (name.lower(), *keys(name)) for w in wanted)]

    def assignment(self, name: str, among: list[str]) -> str:
        """The folder name of the assignment that ``name`` (a key, a number or a folder name) means.

        A course's own exercises have keys and numbers as the topics have: ``30_own`` is ``own`` and ``30``.

        Raises:
            CourseError: if it is none of those in ``among``, with those there are, or several.
        """
        wanted = name.strip().rstrip("/")
        there = ", ".join(among) or "none yet"
        try:
            topic = topics.find(wanted)
        except ValueError:
            topic = None
        for exact in (wanted, topic.slug if topic else ""):
            if exact in among:
                return exact
        meant = [candidate for candidate in among if wanted.lower() in keys(candidate)]
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise CourseError(f"{name!r} may be {' or '.join(meant)}: give the whole name")
        if topic and topic.planned:
            raise CourseError(f"the topic {name!r} is planned and not written yet; there are: {there}")
        if topic:
            raise CourseError(f"the topic {name!r} has no exercise here; there are: {there}")
        raise CourseError(f"no exercise is called {name!r}; there are: {there}")

    def config(self) -> "Config":
        """nbgrader's settings: those of ``nbgrader_config.py``, with this folder as the course.

        Raises:
            CourseError: if the folder has none, or it can't be read.
        """
        from traitlets.config import Config
        from traitlets.config.loader import PyFileConfigLoader

        if not (self.root / CONFIG).is_file():
            raise CourseError(f"{self.root} has no {CONFIG}: grading needs a clone of the course, not the package")
        try:
            loaded = PyFileConfigLoader(CONFIG, path=str(self.root)).load_config()
        except Exception as error:
            raise CourseError(f"{self.root / CONFIG} can't be read: {type(error).__name__}: {error}") from error
        settings = Config(loaded)
        settings.CourseDirectory.root = str(self.root)
        return settings


def find(start: Path | None = None) -> Course:
    """The course that ``start`` (the current folder) lies in; else ``$LABKIT_COURSE``; else the package's own.

    A clone that labkit was installed from is not meant by a command that is typed somewhere else.

    Raises:
        CourseError: if there is none, saying what one needs.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if is_course(folder):
            return Course(folder, folder)
    named = os.environ.get("LABKIT_COURSE")
    if named:
        folder = Path(named).expanduser().resolve()
        if not is_course(folder):
            raise CourseError(f"LABKIT_COURSE is {named!r}, which is no course: it has neither {CONFIG} nor exercises/")
        return Course(folder, folder)
    package = Path(__file__).resolve().parents[1]
    if (package / "_course").is_dir():
        home = os.environ.get("LABKIT_HOME")
        return Course(package / "_course", Path(home).expanduser().resolve() if home else Path.home() / "labkit")
    raise CourseError(
        f"there is no course here: a course is a folder with {CONFIG} (and solutions/, to teach from), or with"
        " exercises/ such as exercises/01_images/; change to it, or set LABKIT_COURSE to it"
    )


def keys(assignment: str) -> tuple[str, ...]:
    """The short names of an assignment whose name begins with a number: ``own``, ``30`` for ``30_own``."""
    found = re.fullmatch(r"(\d+)[_ -](.+)", assignment.lower())
    return (found[2], found[1], str(int(found[1]))) if found else ()


def unusable(name: str) -> str:
    """Why an assignment or a notebook can't have a name, in a sentence; nothing if it can.

    nbgrader takes names for patterns and for parts of addresses.
    """
    if re.fullmatch(r"[^\W_][\w .-]{0,99}", name) and not name.endswith((" ", ".")):
        return ""
    return (
        f"{name!r} can't be the name of an exercise or of its notebook: letters, digits, blanks, _, - and . are"
        " allowed, and it begins with a letter or a digit"
    )


def is_course(folder: Path) -> bool:
    """Whether a folder is a course: it has nbgrader's settings or labkit's, or exercises named as topics are."""
    if (folder / CONFIG).is_file() or (folder / settings.FILE).is_file():
        return True
    return any((folder / "exercises" / topic.slug).is_dir() for topic in topics.SYLLABUS)


def folders(parent: Path) -> list[str]:
    """The names of the folders in ``parent`` that hold a notebook, in order."""
    if not parent.is_dir():
        return []
    return sorted(f.name for f in parent.iterdir() if f.is_dir() and f.name[0] != "." and any(f.glob("*.ipynb")))


def files(folder: Path) -> Iterator[Path]:
    """The files of an assignment's folder, relative to it, in order, without caches and checkpoints."""
    skipped = re.compile(r"(^|/)(\.|__pycache__)|\.pyc$")
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not skipped.search(relative.as_posix()):
            yield relative
