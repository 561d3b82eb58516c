"""A course's own checks at work: found, imported, and put beside labkit's."""

import copy
import inspect
import linecache
import sys
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType

from labkit import settings
from labkit.checks import bank, wire
from labkit.checks.own import record
from labkit.checks.protocol import Check
from labkit.own_checks import FOLDER, SUFFIX, Own, Unusable, is_course, read

LOOK = True
"""Whether to look for checks where the notebook lies. In a grader's copy of labkit it is False: what a student hands in
decides nothing there."""

RELEASED = Path(__file__).parents[1] / "released"
"""In such a copy: the checks that the course has released, where they judge themselves."""


class Loaded:
    """The checks of a course, imported when they are asked for."""

    def __init__(self, own: Own) -> None:
        self.own = own
        self.checks: dict[str, list[Check]] = {}
        self.keys: dict[str, dict[str, bank.AnswerKey]] = {}
        self.weighed: dict[Check, Check] = {}

    def topics(self) -> list[str]:
        """The topics whose checks are the course's own."""
        return sorted(self.own.cases)

    def of(self, topic: str) -> list[Check]:
        """The checks of one of ``topics``.

        Raises:
            Unusable: if they can't be imported.
        """
        if topic not in self.checks:
            module = imported(f"labkit_own_{topic}", self.own.cases[topic], self.own.file(topic))
            self.checks[topic] = [self.dressed(check, topic) for check in listed(module)]
            if not self.checks[topic]:
                raise Unusable(f"{self.own.file(topic)} holds no check: a class with a `key`, made from `Compare`")
        return self.checks[topic]

    def dressed(self, check: Check, topic: str) -> Check:
        """A check that knows where its other half is, and what it is worth here."""
        if not check.key.startswith(f"{topic}."):
            raise Unusable(f"{self.own.file(topic)}: the key {check.key!r} does not begin with '{topic}.'")
        made = copy.copy(check)
        worth = self.own.points.get(check.key, check.points)
        made.__class__ = variant(check, points=worth, answer_key=staticmethod(partial(self.answers, check)))
        return made

    def worth(self, check: Check) -> Check:
        """One of labkit's checks with the points that it has in this course."""
        points = self.own.points.get(check.key, check.points)
        if points == check.points:
            return check
        if check not in self.weighed:
            made = copy.copy(check)
            made.__class__ = variant(check, points=points)
            self.weighed[check] = made
        return self.weighed[check]

    def answers(self, check: Check) -> bank.AnswerKey:
        """The other half of a check of the course.

        Raises:
            Unusable: if there is none, or it can't be imported.
        """
        topic = check.key.partition(".")[0]
        if topic not in self.keys:
            self.keys[topic] = self.released(topic) if topic not in self.own.answers else self.second(topic)
        key = self.keys[topic].get(check.key)
        if key is None or key.reference is None:
            raise Unusable(f"{self.own.file(topic, answers=True)} has no reference for {check.key}")
        rule = getattr(check, "verdict", None)
        if rule is not None and key.verdict is None:
            key.verdict = rule
        return key

    def second(self, topic: str) -> dict[str, bank.AnswerKey]:
        """The answers of a topic, from their source."""
        file = self.own.file(topic, answers=True)
        return bank.collected(lambda: imported(f"labkit_own_answers_{topic}", self.own.answers[topic], file))

    def released(self, topic: str) -> dict[str, bank.AnswerKey]:
        """The answers of a topic, as they were recorded."""
        return {
            key: record.answer_key(key, raw) for key, raw in self.own.recorded.items() if key.startswith(f"{topic}.")
        }


def variant(check: Check, **members: object) -> type[Check]:
    """A check's class with some members of its own."""
    base = type(check)
    return type(base.__name__, (base,), {"__module__": base.__module__, "__doc__": base.__doc__, **members})


def listed(module: ModuleType) -> list[Check]:
    """The checks of a module: its list ``CHECKS``, or else one of each class that has a key, in their order."""
    if (declared := getattr(module, "CHECKS", None)) is not None:
        return list(declared)
    own = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Check)]
    return [
        cls() for cls in own
        if cls.__module__ == module.__name__ and hasattr(cls, "key") and not inspect.isabstract(cls)
    ]  # fmt: skip


def imported(name: str, source: str, file: str) -> ModuleType:
    """A module from its source.

    Raises:
        Unusable: if that fails, with the line.
    """
    module = ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    wire.NOT_STUDENTS.add(file)
    try:
        exec(compile(source, file, "exec", dont_inherit=True), vars(module))
    except Exception as error:
        raise Unusable(f"{file} can't be imported: {type(error).__name__}: {error}{line_of(error, file)}") from error
    return module


def line_of(error: Exception, file: str) -> str:
    """At which line of a file it happened, in brackets."""
    if isinstance(error, SyntaxError):
        return ""  # its text has it
    trace, line = error.__traceback__, None
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == file else line
        trace = trace.tb_next
    return f" (line {line})" if line else ""


# ── which course ──────────────────────────────────────────────────────────────────────────────────────────────────────

_used: list[Loaded] = []


def use(own: Own | None) -> None:
    """Take the checks of this course, wherever the process stands; None: look for them again."""
    _used[:] = [] if own is None else [Loaded(own)]


def current() -> Loaded:
    """The checks that count here: those in use, or those found where the process stands.

    Raises:
        Unusable: if there are some that can't be used.
    """
    return _used[0] if _used else loaded(stamps())


def stamps() -> tuple[tuple[str, int, int], ...]:
    """The files that hold a course's checks here, each with what tells whether it has changed."""
    try:
        here = Path.cwd() if LOOK else RELEASED
    except OSError:  # the folder is gone
        return ()
    files = sorted(here.glob(f"*{SUFFIX}"))
    if not files and LOOK:
        files = next((files_of(folder) for folder in (here, *here.parents) if is_course(folder)), [])
    return tuple((str(path), (stat := path.stat()).st_mtime_ns, stat.st_size) for path in files if path.exists())


def files_of(folder: Path) -> list[Path]:
    """The files that a course's own checks consist of, its settings first: they stand in its folder."""
    return [folder / settings.FILE, folder / settings.NBGRADER, *sorted((folder / FOLDER).rglob("*.py"))]


@lru_cache(maxsize=8)
def loaded(files: tuple[tuple[str, int, int], ...]) -> Loaded:
    """The checks in some files."""
    paths = [Path(name) for name, _, _ in files]
    if not paths:
        return Loaded(Own())
    if paths[0].suffix != SUFFIX:
        return Loaded(read(paths[0].parent))
    merged = Own()
    for path in paths:
        try:
            found = Own.from_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, Unusable) as error:
            raise Unusable(f"{path.name} can't be used: {error}") from error
        merged = Own({**merged.cases, **found.cases}, recorded={**merged.recorded, **found.recorded},
                     points={**merged.points, **found.points})  # fmt: skip
    return Loaded(merged)
