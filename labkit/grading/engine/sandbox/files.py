"""What a notebook left in its folder, as its process tells: read with suspicion, for the next notebook alone."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from labkit.grading.engine.frames import Tampered

FILES = 5000
NAME = 1000  # bytes of a path
PART = 255  # bytes of one name in it
BLOCK = 4096  # bytes that a file takes at least


def received(table: object, body: bytes, given: Mapping[str, bytes], room: int) -> dict[str, bytes]:
    """The files that lie in the notebook's folder now.

    Args:
        table: names, each with its bytes in ``body`` counted, or None if it is as it was given.
        given: the files that lay there at first.
        room: bytes that all of them may take; without that room, the next notebook gets what the first was given.

    Raises:
        Tampered: if this is not what the sandbox sends.
    """
    if not isinstance(table, list) or len(table) > FILES:
        raise Tampered("a folder that is no list of files")
    found: dict[str, bytes] = {}
    start = 0
    for entry in table:
        name, size = pair(entry)
        if size is None:
            if name not in given:
                raise Tampered("a file that was never given")
            found[name] = given[name]
        else:
            found[name] = body[start : start + size]
            start += size
    if start != len(body) or any(str(above) in found for name in found for above in PurePosixPath(name).parents):
        raise Tampered("files that can't lie in one folder")
    taken = sum(BLOCK + len(data) for data in found.values())
    return found if taken <= room else dict(given)


def pair(entry: Any) -> tuple[str, int | None]:
    """A name that stays in the notebook's folder, and a size."""
    if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
        raise Tampered("a file without a name")
    name, size = entry
    path = PurePosixPath(name)
    short = len(name.encode(errors="replace")) <= NAME and all(
        len(p.encode(errors="replace")) <= PART for p in path.parts
    )
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name or not short or str(path) != name:
        raise Tampered("a file outside the folder")
    if size is not None and (type(size) is not int or size < 0):
        raise Tampered("a size that is none")
    return name, size
