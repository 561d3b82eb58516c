"""What a notebook leaves in its folder for the next notebook of the same submission.

This half runs in the student's process; ``sandbox.files`` reads its reply with suspicion.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

Stamp = tuple[int, int, int]


def stamps(home: str) -> dict[str, Stamp]:
    """What tells whether a file was written to since, for each file in a folder."""
    return {name: stamp for name, _, stamp in regular(home)}


def left(home: str, before: Mapping[str, Stamp], most: int) -> tuple[dict[str, Any], bytes]:
    """The names of the files in a folder, with the bytes of those that are new or were changed.

    Args:
        most: how many bytes may be sent; what goes beyond is left out.
    """
    table: list[list[Any]] = []
    bodies, room = [], most
    for name, path, stamp in regular(home):
        if before.get(name) == stamp:
            table.append([name, None])
        elif stamp[0] <= room:
            with open(path, "rb") as file:
                data = file.read(room)
            table.append([name, len(data)])
            bodies.append(data)
            room -= len(data)
    return {"files": table}, b"".join(bodies)


def regular(home: str) -> Iterator[tuple[str, str, Stamp]]:
    """The files in a folder and below, but links and pipes: relative path, path, stamp."""
    for folder, _, names in os.walk(home):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                found = os.stat(path)
                yield os.path.relpath(path, home), path, (found.st_size, found.st_ino, found.st_ctime_ns)
