"""Reading what students handed in: no link is followed, at any level.

A student's folder, an exercise's folder in it, a folder below that, a file: each may be a link, to another student's
work, to the gradebook, to itself. Here every step from the folder that holds the students down to a file is opened by
itself and refused if it is a link, so that nothing changes even where a link is put in place between a look and a
reading. The folder that holds the students is the instructor's, and may be a link.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

WHY = "it is a link, which could point at files that aren't the student's"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Linked(OSError):
    """A path leads over a link, or to what is no file."""


def on_the_way(path: Path, base: Path) -> Path | None:
    """The first link on the way from ``base`` down to ``path``; None if there is none. ``base`` itself may be one."""
    here = base
    for part in path.relative_to(base).parts:
        here = here / part
        if here.is_symlink():
            return here
    return None


def read(path: Path, base: Path) -> bytes:
    """The contents of a file.

    Raises:
        Linked: if there is a link on the way from ``base`` to it, or it is no file.
        OSError: if it can't be read.
    """
    with open(descriptor(path, base), "rb") as file:
        return file.read()


def descriptor(path: Path, base: Path) -> int:
    """A descriptor of a file, to be closed; see ``read``."""
    *above, name = path.relative_to(base).parts
    here = os.open(base, DIRECTORY)
    try:
        for part in above:
            below = step(part, DIRECTORY, here, path)
            os.close(here)
            here = below
        # A pipe without a writer would be waited for.
        found = step(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, here, path)
    finally:
        os.close(here)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise Linked(f"{path.name} is no file")
    return found


def step(part: str, flags: int, here: int, path: Path) -> int:
    """Open one entry of an open folder.

    Raises:
        Linked: if it is a link.
    """
    try:
        return os.open(part, flags | os.O_NOFOLLOW, dir_fd=here)
    except OSError as error:
        if stat.S_ISLNK(os.stat(part, dir_fd=here, follow_symlinks=False).st_mode):
            raise Linked(f"{part} is a link, on the way to {path.name}") from error
        raise


STUDENT = "\0"
"""Stands for a student in a path: no name of a folder holds it."""


def base(pattern: Path) -> Path:
    """The folder that holds the students, in a path of a submission with ``STUDENT`` in it."""
    parts = pattern.parts
    return Path(*parts[: next(i for i, part in enumerate(parts) if STUDENT in part)])


def handed_in(pattern: Path) -> Iterator[tuple[str, Path]]:
    """Who has a folder for an assignment: names and paths.

    A student whose own folder is a link counts: nobody looks whether there is such an assignment behind it.

    Args:
        pattern: the path of a submission with ``STUDENT`` in it.
    """
    top = base(pattern)
    own, *below = pattern.relative_to(top).parts
    before, _, after = own.partition(STUDENT)
    for folder in sorted(top.iterdir()) if top.is_dir() else ():
        name = folder.name.removeprefix(before).removesuffix(after)
        path = folder.joinpath(*(part.replace(STUDENT, name) for part in below))
        if before + name + after != folder.name or not name:
            continue
        if path.is_dir() or (name[0] != "." and on_the_way(path, top)):
            yield name, path


def some(pattern: Path) -> bool:
    """Whether anybody has a folder for an assignment that no link leads to, or a link in its place."""
    top = base(pattern)
    return any(on_the_way(path.parent, top) is None for _, path in handed_in(pattern))
