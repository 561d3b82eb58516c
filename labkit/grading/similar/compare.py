"""Which submissions of an exercise are nearly the same: read, compared task by task, and put in order.

Nothing of a submission is run.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from labkit.grading import links, notebooks, roster
from labkit.grading.course import Course, CourseError
from labkit.grading.engine.nbgrader import cells, intake
from labkit.grading.similar import fingerprints, statements
from labkit.grading.similar.fingerprints import Answer, Match, Window
from labkit.grading.similar.statements import Statement
from labkit.grading.trusted import trusted

# Measured on the 471 pairs of independent right answers in tests/rights: none shares more than 0.58 of its own tokens.
# A copy with new names and another order shares all of them.
SHARE = 0.65  # of an answer's own tokens, from which on two answers are nearly the same
LEAST = 8.0  # tokens that an answer shares at least to count
LISTED = 20.0  # tokens that two submissions share at least, in all answers that are nearly the same

ADDED = "cells that were added"


@dataclass(frozen=True)
class Written:
    """What a student wrote for one task: the source, and how it is compared."""

    source: str
    answer: Answer


@dataclass(frozen=True)
class Shared:
    """A task for which two students wrote nearly the same."""

    task: str
    left: Written
    right: Written
    match: Match


@dataclass(frozen=True)
class Pair:
    """Two students, and the tasks for which they wrote nearly the same, most in common first."""

    left: str
    right: str
    tasks: tuple[Shared, ...]

    @property
    def weight(self) -> float:
        """How many tokens of their own they share; those that others share too weigh less."""
        return sum(task.match.weight for task in self.tasks)


@dataclass
class Class:
    """What was read of a class.

    Attributes:
        written: of each task what each student wrote.
        unread: why a submission could not be read, by student.
        teams: of each student the team; empty if there is none.
    """

    written: dict[str, dict[str, Written]] = field(default_factory=lambda: defaultdict(dict))
    students: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)


def read(course: Course, assignment: str) -> Class:
    """Read the submissions of an exercise.

    Raises:
        CourseError: if the exercise was not released, or nobody handed it in.
    """
    release = notebooks_in(course.exercises / assignment)
    if not release:
        raise CourseError(f"exercises/{assignment} has no notebook: `labkit release` makes it")
    folders = dict(links.handed_in(course.submitted / links.STUDENT / assignment))
    if not folders:
        raise CourseError(
            f"nobody handed in {assignment}: `labkit collect` or nbgrader's exchange puts submissions into submitted/"
        )
    people = roster.collected(course, assignment)[1]
    class_ = Class(teams={student: people[student].team if student in people else "" for student in folders})
    for name, notebook in release.items():
        given = everybody_has(course, assignment, name, notebook)
        for student, folder in folders.items():
            own = handed_in(course, class_, student, folder / f"{name}.ipynb")
            if own is not None:
                take(class_, student, own, cells.released(name, notebook), given)
    class_.students = sorted(set(folders) - set(class_.unread))
    return class_


def handed_in(course: Course, class_: Class, student: str, path: Path) -> NotebookNode | None:
    """A student's notebook; None, and a sentence in ``class_``, if there is none that can be read."""
    try:
        return intake.read(path, course.submitted)
    except intake.Unreadable as error:
        class_.unread[student] = str(error)
    except FileNotFoundError:
        class_.unread[student] = f"there is no {path.name}"
    except OSError as error:
        class_.unread[student] = f"{path.name} can't be read: {error.strerror or error}"
    return None


def notebooks_in(folder: Path) -> dict[str, NotebookNode]:
    """The notebooks of a folder by name; none where there is no folder."""
    return {path.stem: notebooks.read(path) for path in sorted(folder.glob("*.ipynb"))}


@dataclass(frozen=True)
class Given:
    """What everybody has: windows of code and of text, and what the imported names stand for."""

    code: frozenset[Window]
    text: frozenset[Window]
    aliases: Mapping[str, str]


def everybody_has(course: Course, assignment: str, name: str, release: NotebookNode) -> Given:
    """What the release, the model answers and the lecture of an exercise hold."""
    sources = [release, *notebooks_in(course.solutions / assignment).values()]
    lecture = course.lectures / f"{assignment}.ipynb"
    if lecture.is_file():
        sources.append(notebooks.read(lecture))
    everything = [cell for notebook in sources for cell in notebook.cells]
    code = [cell.source for cell in everything if cell.cell_type == "code"]
    texts = [cell.source for cell in everything if cell.cell_type != "code"]
    aliases = statements.aliases_in(code)
    found = [statement for source in code for statement in statements.of_code(source, aliases)]
    found += [statement for text in texts for statement in statements.of_snippets(text, aliases)]
    return Given(
        windows_of(found), windows_of([s for text in texts for s in statements.of_text(text)]), aliases
    )  # fmt: skip


def windows_of(found: Sequence[Statement]) -> frozenset[Window]:
    """All windows of some statements."""
    return frozenset(window for statement in found for window in fingerprints.windows(statement))


def take(class_: Class, student: str, notebook: NotebookNode, released: cells.Blueprint, given: Given) -> None:
    """Add what a student wrote to ``class_``: the answers, and what stands in cells that were added."""
    right, _ = trusted(notebook, released)
    aliases = {**given.aliases, **statements.aliases_in(c.source for c in right.cells if c.cell_type == "code")}
    for task, kind, source in answers(right, released):
        if kind == "code":
            written = fingerprints.answer(statements.of_code(source, aliases), given.code)
        else:
            written = fingerprints.answer(statements.of_text(source), given.text)
        class_.written[f"{released.name}/{task}"][student] = Written(source, written)


def answers(notebook: NotebookNode, released: cells.Blueprint) -> Iterator[tuple[str, str, str]]:
    """Each cell that is the student's: its name, its kind and its source; code in added cells is one answer."""
    added: list[str] = []
    for cell in notebook.cells:
        known = released.cells.get(cells.grade_id(cell))
        if known is None and cell.cell_type == "code":
            added.append(cell.source)
        elif known is not None and known.solution and not known.locked and cell.cell_type in ("code", "markdown"):
            yield known.name, cell.cell_type, cell.source
    if added:
        yield ADDED, "code", "\n\n".join(added)


def pairs(class_: Class) -> list[Pair]:
    """The students whose submissions are nearly the same, most in common first; members of one team are left out."""
    tasks: dict[tuple[str, str], list[Shared]] = defaultdict(list)
    for task, written in class_.written.items():
        name = task if len({key.partition("/")[0] for key in class_.written}) > 1 else task.partition("/")[2]
        compared = {student: one.answer for student, one in written.items()}
        for (left, right), match in fingerprints.matches(compared).items():
            team = class_.teams.get(left)
            if match.share >= SHARE and match.weight >= LEAST and not (team and team == class_.teams.get(right)):
                tasks[left, right].append(Shared(name, written[left], written[right], match))
    found = [
        Pair(left, right, tuple(sorted(shared, key=lambda one: -one.match.weight)))
        for (left, right), shared in tasks.items()
    ]
    return sorted(
        (pair for pair in found if pair.weight >= LISTED), key=lambda pair: (-pair.weight, pair.left, pair.right)
    )  # fmt: skip
