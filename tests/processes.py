"""Processes that tests look for on this machine."""

from pathlib import Path


def sleeping(mark: str) -> list[str]:
    """The numbers of those that ``sleep`` for a time that only the test would name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text().split("\0")
        except OSError:
            continue
        if words[0].endswith("sleep") and mark in words:
            found.append(path.parent.name)
    return found
