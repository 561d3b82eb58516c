"""Control groups: where the machine lets us make one, the kernel itself counts what a submission uses altogether.

Without one, limits on each process and a look at the memory twenty times a second do (``sandbox_watch``). A group
is exact and quicker, and counts what belongs to no process: buffers of sockets, files in the sandbox's own disk.
Root may make groups; a user may where the session manager hands the branch over, as systemd does for programs
started by a desktop or by ``systemd-run --user --scope``.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from labkit.grading.engine.limits import Limits

NAMES = count()


@dataclass(frozen=True)
class Branch:
    """A folder in which groups can be made, and how its version calls the limits.

    Attributes:
        limits: the file of each limit that it knows.
        events: the file that counts processes killed for want of memory.
    """

    folder: Path
    limits: Mapping[str, str]
    events: str


def branches(proc: Path = Path("/proc/self")) -> list[Branch]:
    """Where this process may make groups: one branch under version 2, up to two under version 1, or none."""
    found = []
    for version, controllers, folder in own_folders(proc):
        if version == 2:
            # A group with processes in it can have none below it that are limited: make them beside ours.
            allowed = read(folder.parent / "cgroup.subtree_control").split()
            if {"memory", "pids"} <= set(allowed):
                files = {"memory": "memory.max", "swap": "memory.swap.max", "pids": "pids.max"}
                found.append(Branch(folder.parent, files, "memory.events"))
        elif "memory" in controllers:
            found.append(Branch(folder, {"memory": "memory.limit_in_bytes"}, "memory.oom_control"))
        elif "pids" in controllers:
            found.append(Branch(folder, {"pids": "pids.max"}, ""))
        elif "cpu" in controllers:  # no limit, but a fair share: a group counts as one, however many are in it
            found.append(Branch(folder, {}, ""))
    usable = [branch for branch in found if os.access(branch.folder, os.W_OK)]
    for branch in usable:
        sweep(branch.folder)
    complete = {"memory", "pids"} <= {limit for branch in usable for limit in branch.limits}
    return usable if complete else []


def sweep(folder: Path) -> None:
    """Remove the groups of supervisors that were killed before they could."""
    for group in folder.glob("labkit-*-*"):
        if not Path("/proc", group.name.split("-")[1]).exists():
            with contextlib.suppress(OSError):
                group.rmdir()


def own_folders(proc: Path) -> Iterator[tuple[int, set[str], Path]]:
    """The folders of the groups that this process is in: version, controllers, folder."""
    mounts = {}
    for line in read(proc / "mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, point = left.split()[3:5]
            mounts["" if kind == "cgroup2" else ",".join(controllers_of(options))] = (root, point)
    for line in read(proc / "cgroup").splitlines():
        _, names, path = line.split(":", 2)
        key = ",".join(sorted(names.split(","))) if names else ""
        if key in mounts and not path.startswith("/.."):
            root, point = mounts[key]
            yield 1 if names else 2, set(names.split(",")), Path(point) / os.path.relpath(path, root)


def controllers_of(options: str) -> list[str]:
    """The controllers among the options of a version 1 mount."""
    return sorted(name for name in options.split(",") if name not in ("rw", "ro", "xattr", "clone_children"))


class Group:
    """A group for one submission at a time.

    Raises:
        OSError: if it can't be made after all.
    """

    def __init__(self, where: list[Branch], limits: Limits) -> None:
        name = f"labkit-{os.getpid()}-{next(NAMES)}"
        self.folders = [branch.folder / name for branch in where]
        self.events = [folder / b.events for folder, b in zip(self.folders, where, strict=True) if b.events]
        # The submission's disk is memory too.
        values = {"memory": limits.memory_bytes + limits.disk_bytes, "swap": 0, "pids": limits.processes}
        for branch, folder in zip(where, self.folders, strict=True):
            folder.mkdir()
            for limit, file in branch.limits.items():
                if limit != "swap" or (folder / file).exists():  # absent where there is no swap
                    (folder / file).write_text(str(values[limit]))

    def enter(self, pid: int) -> None:
        """Put a process in it, and all it will start."""
        self.before = self.kills()
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def overspent(self) -> bool:
        """Whether the kernel has killed for want of memory in it since a process entered."""
        return self.kills() > self.before

    def kills(self) -> int:
        """How often the kernel has killed for want of memory in it."""
        lines = [line.split() for file in self.events for line in read(file).splitlines()]
        return sum(int(words[1]) for words in lines if words[0] == "oom_kill")

    def remove(self) -> None:
        """Remove it, unless a process that is about to end is still in it."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


def read(path: Path) -> str:
    """A file's text; "" if there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""
