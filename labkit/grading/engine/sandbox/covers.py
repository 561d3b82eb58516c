"""What stays out of sight of the folders that are let in: the course, labkit itself, its peers.

A submission gets its own copy of labkit, with or without what its exercise asks to write. So nothing of the installed
one may be seen: the package, wherever it is installed; the clone it was installed from, where that lies in a folder
that is let in; and what tells where that is (``direct_url.json``, ``.pth`` files).
"""

import os
import site
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import labkit
from labkit.grading.engine.inside import isolate as inside_isolate
from labkit.grading.engine.sandbox import peers

PACKAGE = Path(labkit.__file__).resolve().parent
USR = Path("/usr")
OWN = "labkit"
SMALL = 4096  # bytes of a file that may hold nothing but a path
NOT_THERE = f"{inside_isolate.PLACE}/labkit/not_there.py"
"""What a hidden package consists of, where it is imported: an error that says why."""


def covers(folders: Iterable[Path], hide: Iterable[Path], keep: Iterable[str] = ()) -> dict[Path, str]:
    """What to put something else over, by its path on this machine.

    Args:
        folders: what is let in, besides ``/usr``.
        hide: the course's folders.
        keep: distributions that stay in sight although only tests need them.

    Returns:
        For each path ``folder`` for an empty folder, ``file`` for an empty file, ``package`` for one that isn't there.
    """
    let_in = [USR, *folders]
    found: dict[Path, str] = {}
    for path in [*hide, PACKAGE, *clone()]:
        path = Path(path).resolve()
        if any(path.is_relative_to(folder) for folder in let_in):
            found[path] = "folder"
    packages = places(let_in)
    names = peers.hidden(keep)
    for place in packages:
        for path in traces(place):
            found[path] = "folder" if path.is_dir() else "file"
        for path in (place / name for name in names):
            if path.is_dir():
                found[path] = "package"
            elif path.is_file():
                found[path] = "file"
    return {path: kind for path, kind in found.items() if not any(above in found for above in path.parents)}


def clone() -> list[Path]:
    """The folder that labkit was installed from, where that is not a folder of packages."""
    above = PACKAGE.parent
    packages = {os.path.realpath(name) for name in (*site.getsitepackages(), site.getusersitepackages())}
    return [] if str(above) in packages or above.name in ("site-packages", "dist-packages") else [above]


def places(let_in: Iterable[Path]) -> list[Path]:
    """The folders of packages among what is let in: of this Python, and of others beside it."""
    let_in = list(let_in)
    found = [Path(name) for name in (*site.getsitepackages(), site.getusersitepackages(), *sys.path) if name]
    for folder in (*let_in, USR / "local"):
        found += [*folder.glob("lib*/python*/site-packages"), *folder.glob("lib*/python*/dist-packages")]
    there = {path.resolve(): path for path in reversed(found) if path.is_dir()}  # each once, whatever links lead to it
    return [path for path in there.values() if any(path.is_relative_to(folder) for folder in let_in)]


def traces(place: Path) -> Iterator[Path]:
    """In a folder of packages, labkit itself and what tells where it comes from."""
    yield from place.glob(f"{OWN}*")
    home = [str(path) for path in (*clone(), PACKAGE)]
    for path in (*place.glob("*.pth"), *place.glob("*.egg-link"), *place.glob("__editable__*")):
        if path.is_file() and path.stat().st_size <= SMALL:
            text = path.read_text(encoding="utf-8", errors="replace")
            if any(name in text for name in home):
                yield path
