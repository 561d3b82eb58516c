"""Other packages that compute what the course teaches: labkit's tests and benchmarks compare with them.

A student's machine has what labkit needs, and no more. An instructor's, where the tests ran, also has the packages
of the extras ``test`` and ``bench``, and among them some that solve exercises in one call. Nothing of those is in
sight of a submission, unless ``nbgrader_config.py`` says that an exercise needs one::

    c.Sandbox.keep = ["kornia"]
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

import labkit

TESTED_WITH = ("test", "bench")
DISTRIBUTION = "labkit-course"  # what labkit is called on the package index
NO_MODULES = (".dist-info", ".egg-info", ".data", ".pth", ".egg-link")


def normal(name: str) -> str:
    """A distribution's name in its one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(lines: Iterable[str]) -> Iterator[Requirement]:
    """The requirements that can be read."""
    for line in lines:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue


def wanted(requirement: Requirement, extra: str = "") -> bool:
    """Whether a requirement holds with an extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def own() -> list[str]:
    """What labkit requires, with the extras; nothing where that can't be told."""
    try:
        return metadata.distribution(DISTRIBUTION).requires or []
    except metadata.PackageNotFoundError:
        file = Path(labkit.__file__).resolve().parents[1] / "pyproject.toml"
    if not file.is_file():
        return []
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).items()
    return [*project["dependencies"], *(of_extra(line, name) for name, lines in extras for line in lines)]


def of_extra(line: str, extra: str) -> str:
    """A requirement that holds with an extra only, besides what it says itself."""
    text, _, condition = line.partition(";")
    return f"{text} ; ({condition}) and extra == {extra!r}" if condition else f"{text} ; extra == {extra!r}"


def needed(names: Iterable[str]) -> set[str]:
    """The installed distributions of some names, and of all that they need."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = normal(todo.pop())
        if name in found:
            continue
        try:
            lines = metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        todo += [requirement.name for requirement in requirements(lines) if wanted(requirement)]
    return found


@cache
def peers() -> dict[str, tuple[str, ...]]:
    """The distributions that are here for tests and benchmarks only, each with its modules' and packages' names."""
    lines = list(requirements(own()))
    tests = {normal(r.name) for r in lines for extra in TESTED_WITH if wanted(r, extra) and not wanted(r)}
    others = {extra for r in lines if r.marker for extra in re.findall(r"extra == .(\w+).", str(r.marker))}
    stays = needed(r.name for r in lines if wanted(r) or any(wanted(r, e) for e in others - {*TESTED_WITH}))
    alone = needed(tests) - stays
    # Of what only the peers need, that which is a part of one.
    chosen = {name for name in alone if any(name == peer or name.startswith(f"{peer}-") for peer in tests)}
    return {name: modules(name) for name in sorted(chosen)}


def modules(name: str) -> tuple[str, ...]:
    """What of a distribution can be imported, as files and folders beside each other."""
    files = metadata.distribution(name).files or ()
    tops = {file.parts[0] for file in files if len(file.parts) > 1 or file.suffix in (".py", ".so")}
    return tuple(sorted(top for top in tops if top not in ("..", "__pycache__") and not top.endswith(NO_MODULES)))


def hidden(keep: Iterable[str] = ()) -> list[str]:
    """The names of files and folders beside other packages that are to be out of sight.

    Args:
        keep: distributions that an exercise needs.
    """
    kept = needed(keep)
    return sorted({top for name, tops in peers().items() if name not in kept for top in tops})
