"""Control groups: where the machine lets us make one, the kernel itself counts what a submission uses altogether.

A process in a group can be killed for want of memory because the group used up its own, or because all of the machine's
(or that of a group above) was used up, by whomever. The kernel counts both kills alike; the first is the submission's
excess, the second says nothing about it. So a kill counts against a submission only where the group's own limit was
reached: in version 2 ``oom`` in ``memory.events`` counts that, in version 1 the most that it used tells.

Without one, limits on each process and a look at the memory twenty times a second do (``watch``). A group
is exact and quicker, and counts what belongs to no process: buffers of sockets, files in the sandbox's own disk.
Root may make groups; a user may where the session manager hands the branch over, as systemd does for programs
started by a desktop or by ``systemd-run --user --scope``.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from labkit.grading.engine.limits import Limits

NAMES = count()
BATCH = 1 << 20  # bytes: the kernel gives memory out to processors in batches, and is short when none is left
RECENT = 1.0  # seconds between the reaching of a limit and the killing for it, at most


@dataclass(frozen=True)
class Branch:
    """A folder in which groups can be made, and how its version calls the limits.

    Attributes:
        limits: the file of each limit that it knows.
        events: the file that counts processes killed for want of memory.
        peaks: the files that hold the most that was used, where no file counts how often the own limit was reached.
    """

    folder: Path
    limits: Mapping[str, str]
    events: str = ""
    peaks: tuple[str, ...] = ()


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
            files = {"memory": "memory.limit_in_bytes", "both": "memory.memsw.limit_in_bytes"}
            peaks = ("memory.max_usage_in_bytes", "memory.memsw.max_usage_in_bytes")
            found.append(Branch(folder, files, "memory.oom_control", peaks))
        elif "pids" in controllers:
            found.append(Branch(folder, {"pids": "pids.max"}))
        elif "cpu" in controllers:  # no limit, but a fair share: a group counts as one, however many are in it
            found.append(Branch(folder, {}))
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


class Recently:
    """Whether a count has grown within the last second or so: long enough for the kernel to kill for what it counts.

    Args:
        count: gives it.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        self.count = count
        self.looks = deque([(time.monotonic(), count())])

    def grew(self) -> bool:
        """Look. To be called often."""
        now, count = time.monotonic(), self.count()
        self.looks.append((now, count))
        while len(self.looks) > 1 and self.looks[1][0] < now - RECENT:
            self.looks.popleft()
        return count > self.looks[0][1]


class MachineShort(RuntimeError):
    """The machine had no memory left, and the kernel killed a process that was within its limits."""


class Group:
    """A group for one submission at a time.

    Raises:
        OSError: if it can't be made after all.
    """

    def __init__(self, where: list[Branch], limits: Limits) -> None:
        name = f"labkit-{os.getpid()}-{next(NAMES)}"
        self.folders = [branch.folder / name for branch in where]
        # The submission's disk is memory too.
        memory = limits.memory_bytes + limits.disk_bytes
        values = {"memory": memory, "both": memory, "swap": 0, "pids": limits.processes}
        for branch, folder in zip(where, self.folders, strict=True):
            folder.mkdir()
            for limit, file in branch.limits.items():
                if limit not in ("swap", "both") or (folder / file).exists():  # absent where there is no swap
                    (folder / file).write_text(str(values[limit]))
        pairs = list(zip(self.folders, where, strict=True))
        self.events = [local(folder / branch.events) for folder, branch in pairs if branch.events]
        self.peaks = [folder / file for folder, branch in pairs for file in branch.peaks if (folder / file).exists()]
        self.memory, self.reached = memory, 0

    def enter(self, pid: int) -> None:
        """Put a process in it, and all it will start."""
        self.before, self.full = self.kills(), Recently(self.hits)
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def overspent(self) -> bool:
        """Whether the kernel has killed in it, since a process entered, because it used up what the group may use.

        Raises:
            MachineShort: if the kernel has killed in it for another want of memory.
        """
        killed = self.kills() > self.before  # first: a limit is reached before the kernel kills for it
        # It is reached, too, where the kernel finds pages of files to drop and kills nobody: long ago is no reason.
        full = self.full.grew()
        if killed and not full:
            raise MachineShort("the machine ran out of memory and killed a submission that was within its limits")
        return killed

    def kills(self) -> int:
        """How often the kernel has killed for want of memory in it."""
        return sum(counted(file, "oom_kill") for file in self.events)

    def hits(self) -> int:
        """How often its own limit was reached; in version 1, at how many looks."""
        if not self.peaks:
            return sum(counted(file, "oom") for file in self.events)
        for peak in self.peaks:
            if int(read(peak) or 0) > self.memory - BATCH:
                self.reached += 1
                peak.write_text("0")  # the most from now on
        return self.reached

    def remove(self) -> None:
        """Remove it, unless a process that is about to end is still in it."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


def local(file: Path) -> Path:
    """The file that counts the same without the groups below, where the kernel has one."""
    own = file.with_name(f"{file.name}.local")
    return own if own.exists() else file


def counted(file: Path, name: str) -> int:
    """A number in a file of the kernel's that has a name and a number in each line; 0 if it isn't there."""
    return sum(int(words[1]) for words in map(str.split, read(file).splitlines()) if words[0] == name)


def read(path: Path) -> str:
    """A file's text; "" if there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""
