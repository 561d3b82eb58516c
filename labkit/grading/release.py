"""From ``solutions/`` to ``exercises/``: nbgrader's release, in normal form, and never with a solution in it."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from labkit.grading import classic, leaks, notebooks, own
from labkit.grading.course import CONFIG, Course, CourseError, files, unusable

if TYPE_CHECKING:
    from nbgrader.converters import GenerateAssignment


@dataclass(frozen=True)
class Change:
    """What a build would change in ``exercises/``: a file, and how it differs from what is there."""

    path: str
    how: str


def build(course: Course, assignment: str, into: Path) -> list[Path]:
    """Generate the release of an assignment in the folder ``into``; the files made, relative to it.

    Raises:
        CourseError: if the solution is broken, or the release would give it away.
    """
    origin = course.solutions / assignment
    refuse_names(assignment, [path.stem for path in origin.glob("*.ipynb")])
    source = {path: notebooks.read(origin / path) for path in files(origin) if path.suffix == ".ipynb"}
    refuse_undeclared(assignment, [p.as_posix() for p in files(origin) if p not in source], list(source.values()))
    with tempfile.TemporaryDirectory(prefix="labkit-release-") as folder:
        room = Course(Path(folder), Path(folder))
        shutil.copy(course.root / CONFIG, room.root / CONFIG)
        shutil.copytree(origin, room.solutions / assignment)
        ours = own.checks(course)
        for path, notebook in source.items():
            own.weigh(ours, assignment, notebook)
            notebooks.write(room.solutions / assignment / path, notebooks.normal(notebook))
        settings = room.config()
        settings.GenerateAssignment.no_database = True
        try:
            classic.convert(without_gradebook(), room, assignment, student=".", config=settings)
        except classic.Failed as error:
            raise CourseError(f"solutions/{assignment} can't be released: {error}") from error
        made = room.exercises / assignment
        for path in made.rglob("*.ipynb"):
            notebooks.write(path, notebooks.normal(notebooks.read(path)))
        if text := own.released(ours, list(source.values())):
            notebooks.write(made / own.file(assignment), text)
        refuse_leaks(assignment, list(source.values()), made)
        for path in files(made):
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made / path, into / path)
    return list(files(into))


def without_gradebook() -> "type[GenerateAssignment]":
    """nbgrader's generator less the step that writes to a gradebook: a release needs none."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import SaveCells
    from traitlets import List

    steps = GenerateAssignment.preprocessors.default_args[0]

    class Release(GenerateAssignment):
        preprocessors = List([step for step in steps if step is not SaveCells]).tag(config=True)

    return Release


def refuse_names(assignment: str, notebooks_: Sequence[str] = ()) -> None:
    """Raise ``CourseError`` if an assignment or one of its notebooks has a name that nbgrader could not handle."""
    for name in (assignment, *notebooks_):
        if reason := unusable(name):
            raise CourseError(f"solutions/{assignment}: {reason}")


def refuse_undeclared(assignment: str, names: list[str], source: list[NotebookNode]) -> None:
    """Raise ``CourseError`` if a file beside the notebooks is neither data nor declared."""
    if bad := leaks.undeclared(names, source):
        raise CourseError(
            f"solutions/{assignment}/{bad[0]} would be released as it is: name it under `labkit.files` in the "
            "notebook's metadata if students may have it (and not 'solution' in its name), or move it away"
        )


def refuse_leaks(assignment: str, source: list[NotebookNode], made: Path) -> None:
    """Raise ``CourseError`` if a built release shows a solution."""
    if found := leaks.leaks(source, contents(made)):
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise CourseError(f"{assignment} is not released: {found[0]}{more}")


def contents(folder: Path) -> dict[str, str]:
    """The texts in a release by where they stand: each cell of a notebook, and each file that is text."""
    texts: dict[str, str] = {}
    for path in files(folder):
        if path.suffix == ".ipynb":
            notebook = notebooks.read(folder / path)
            for position, cell in enumerate(notebook.cells):
                texts[f"{path}, cell {position} ({cell.id}),"] = cell.source
            texts[f"{path}, metadata,"] = json.dumps([notebook.metadata, *(c.metadata for c in notebook.cells)])
        else:
            texts[str(path)] = (folder / path).read_text(encoding="utf-8", errors="ignore")
    return texts


def changes(course: Course, assignment: str, built: Path) -> list[Change]:
    """How a build differs from what ``exercises/`` holds."""
    there = course.exercises / assignment
    new, old = set(files(built)), set(files(there)) if there.is_dir() else set()
    found = [Change(f"exercises/{assignment}/{p.as_posix()}", "was missing") for p in new - old]
    found += [Change(f"exercises/{assignment}/{p.as_posix()}", "had no source") for p in old - new]
    for path in new & old:
        if (built / path).read_bytes() != (there / path).read_bytes():
            found.append(Change(f"exercises/{assignment}/{path.as_posix()}", difference(built / path, there / path)))
    return sorted(found, key=lambda change: change.path)


def difference(built: Path, there: Path) -> str:
    """Where two versions of a file part, in a few words."""
    if built.suffix != ".ipynb":
        return "differed from its source"
    try:
        old = notebooks.read(there)
    except CourseError as error:
        return f"differed from its source: {error}"
    new = notebooks.read(built)
    if len(new.cells) != len(old.cells):
        return f"had {len(old.cells)} cells; its source gives {len(new.cells)}"
    for mine, theirs in zip(new.cells, old.cells):
        if mine != theirs:
            return f"differed from its source in cell {mine.id!r}"
    return "differed from its source in its metadata or layout"


def release(course: Course, assignment: str, *, check: bool = False) -> list[Change]:
    """Bring ``exercises/`` up to date with ``solutions/``, or only say what is not.

    Files in the release that no longer have a source are moved to ``.local/replaced/``, not deleted.

    Raises:
        CourseError: if the solution is broken, or the release would give it away; nothing is written then.
    """
    with tempfile.TemporaryDirectory(prefix="labkit-built-") as folder:
        built = Path(folder)
        made = build(course, assignment, built)
        found = changes(course, assignment, built)
        if check or not found:
            return found
        there = course.exercises / assignment
        aside = course.local / "replaced" / time.strftime("%Y%m%d-%H%M%S") / assignment
        for change in found:
            path = Path(change.path).relative_to(f"exercises/{assignment}")
            if path in made:
                put(built / path, there / path)
            else:
                (aside / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(there / path, aside / path)
    return found


def put(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, temporary)
    os.replace(temporary, target)


def stale(course: Course) -> list[str]:
    """The exercises without a source."""
    return sorted(set(course.released()) - set(course.sources()))
