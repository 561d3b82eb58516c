"""A course's own checks as text: read from its folder, or from the files that were released."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit import settings

PLUMBING = {
    "answers", "bank", "diagnosis", "kinds", "own", "protocol", "released", "session", "show", "tensors", "traces",
    "values", "verdict", "watch", "wire",
}  # fmt: skip
"""The names in ``labkit.checks`` that no topic can have."""

FOLDER, ANSWERS = "checks", "answers"
SUFFIX = ".check"
FORM = 1
"""Of the files that are released; a later labkit may write others."""


class Unusable(ValueError):
    """A course's own checks can't be used; the message is a sentence that says why."""


@dataclass(frozen=True)
class Own:
    """What a course brings along.

    Attributes:
        cases: the first half of each topic's checks, as Python's source.
        answers: the second half; of a released check there is none.
        recorded: of released checks, what stands in place of the second half, by key; see ``record``.
        points: what checks are worth, by key, in place of what they say themselves.
        folder: where the sources lie; "" for what was sent or released.
    """

    cases: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    recorded: Mapping[str, Any] = field(default_factory=dict)
    points: Mapping[str, int] = field(default_factory=dict)
    folder: str = ""

    def __bool__(self) -> bool:
        return bool(self.cases or self.points)

    def file(self, topic: str, *, answers: bool = False) -> str:
        """What a traceback calls a source."""
        name = f"{FOLDER}/{ANSWERS}/{topic}.py" if answers else f"{FOLDER}/{topic}.py"
        return str(Path(self.folder, name)) if self.folder else f"<{name} of the course>"

    def to_json(self) -> str:
        """As text; the same for the same checks."""
        return json.dumps({"form": FORM, **asdict(self)}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Own":
        """What ``to_json`` wrote.

        Raises:
            Unusable: if it is something else.
        """
        try:
            raw = json.loads(text)
            form = raw.pop("form")
            made = cls(**raw)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unusable("it is damaged: take it again from where you got the exercise") from error
        if form != FORM:
            raise Unusable("it was made by another version of labkit: bring labkit up to date")
        return made


def read(folder: Path) -> Own:
    """The checks of the course in a folder.

    Raises:
        Unusable: if there is something that can't be used, saying what.
    """
    try:
        points = settings.read(folder).points
    except ValueError as error:
        raise Unusable(str(error)) from error
    if not (folder / FOLDER / ANSWERS).is_dir():  # a folder of that name that is something else
        return Own(points=points, folder=str(folder))
    cases, answers = sources(folder / FOLDER), sources(folder / FOLDER / ANSWERS)
    for topic in cases:
        if topic in PLUMBING:
            raise Unusable(f"{FOLDER}/{topic}.py can't have this name, which a part of labkit has: rename it")
        if not topic.isidentifier() or not topic.islower():
            raise Unusable(
                f"{FOLDER}/{topic}.py: the name of a topic has small letters, digits and _, and begins with a letter"
            )
        if topic not in answers:
            raise Unusable(f"{FOLDER}/{topic}.py has no other half: write {FOLDER}/{ANSWERS}/{topic}.py")
    if alone := sorted(answers.keys() - cases.keys()):
        raise Unusable(f"{FOLDER}/{ANSWERS}/{alone[0]}.py has no other half: write {FOLDER}/{alone[0]}.py")
    return Own(cases, answers, points=points, folder=str(folder))


def sources(folder: Path) -> dict[str, str]:
    """The Python files of a folder by name, without those that begin with an underscore."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith(("_", ".")):
            try:
                found[path.stem] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise Unusable(f"{path} can't be read: {error}") from error
    return found


def is_course(folder: Path) -> bool:
    """Whether a folder is a course with checks of its own, or with points of its own."""
    marked = (folder / settings.NBGRADER).is_file() or (folder / settings.FILE).is_file()
    return marked and ((folder / FOLDER / ANSWERS).is_dir() or (folder / settings.FILE).is_file())
