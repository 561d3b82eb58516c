"""What the processes of a submission use, as its own /proc tells, a view of which was handed out before any of
its code ran.

The kernel limits the memory of each process; ``overspent`` is for many small ones, for memory they share, and where
there is no control group for what the kernel keeps on their behalf: tables of pages, what lies in sockets that nobody
reads, locks, mappings. ``waited`` is for justice: a cell's time limit counts wall time, and on a busy machine, or
beside somebody's fork bomb, an honest cell spends most of that waiting for a processor.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

TICK = 0.05  # seconds between two looks while a cell runs
SLOW = 1.0  # seconds between two looks at what takes longer to look at
RECENT = 1.0  # seconds for which an end is remembered

# What a process can make the kernel hold beyond what is counted one by one: its own descriptions, files that it
# waits for, pipes, all bounded by its limits. Measured by the tests.
PROCESS = 8 << 20
LOCKS = 1 << 16  # bytes of a list of locks that are read: a thousand locks are no honest program's
MAPPING = 256  # bytes that the kernel takes to describe one
MAPPINGS = 65_536  # as many as a process may have


def buffers(folder: Path = Path("/proc/sys/net/core")) -> int:
    """Bytes that can lie in a socket, sent and received, as far as nobody may ask for more; 0 where it isn't known."""
    try:
        return sum(int((folder / name).read_text()) for name in ("rmem_default", "wmem_default"))
    except OSError:
        return 0


class Watch:
    """The watch on one submission.

    Args:
        view: a descriptor of its /proc, or None where there is none to look at.
        limit: bytes that it may hold beyond what it starts with.
        kernel: whether to count what the kernel keeps, too: no control group does.

    Attributes:
        lost: whether one of its processes ended a short while ago.
    """

    def __init__(self, view: int | None, limit: int, *, kernel: bool = True) -> None:
        self.view, self.kernel = view, kernel
        self.pids: set[str] = set()
        self.ended = self.slow = float("-inf")
        self.mapped = 0
        self.socket = buffers() if kernel else 0
        self.limit = limit
        if view is not None:
            # A process starts as a copy of the server and shares the server's pages.
            self.first = self.sockets()
            self.limit += self.resident("1") + self.kept(["1"])

    @property
    def lost(self) -> bool:
        return time.monotonic() - self.ended < RECENT

    def overspent(self) -> bool:
        """Whether it holds more than it may."""
        if self.view is None:
            return False
        try:
            pids = [name for name in os.listdir(self.view) if name.isdigit()]
        except OSError:  # it is over
            pids = []
        held = {pid: bytes for pid in pids if (bytes := self.resident(pid))}  # who ended holds nothing
        if not self.pids <= held.keys():
            self.ended = time.monotonic()
        self.pids = set(held)
        kept = self.kept(pids)
        if sum(held.values()) + kept <= self.limit:
            return False
        # Pages that forks share were counted once for each. The kernel knows better, and takes longer.
        return sum(map(self.proportional, pids)) + kept > self.limit

    def waited(self) -> float:
        """Seconds that its first process has been ready to run while something else did."""
        if self.view is None:
            return 0.0
        try:
            return int(self.text("1/schedstat").split()[1]) / 1e9
        except (OSError, IndexError):  # a kernel that doesn't count this, or a process that ended
            return 0.0

    def resident(self, pid: str) -> int:
        """Bytes that a process holds, files aside: the quick figure."""
        return self.read(f"{pid}/status", ("RssAnon", "RssShmem", "VmSwap", "VmPTE", "HugetlbPages"))

    def proportional(self, pid: str) -> int:
        """Bytes that a process holds, shared pages divided among those who share them."""
        try:
            exact = self.read(f"{pid}/smaps_rollup", ("Pss_Anon", "Pss_Shmem", "SwapPss", "Private_Hugetlb"))
        except PermissionError:
            return self.resident(pid)  # it closed itself to others: the figure that is not in its favour
        return exact + self.read(f"{pid}/status", ("VmPTE",))

    def kept(self, pids: Iterable[str]) -> int:
        """Bytes that the kernel may keep for processes, beyond their pages."""
        if not self.kernel:
            return 0
        pids = list(pids)
        now = time.monotonic()
        if now - self.slow > SLOW:
            self.slow, self.mapped = now, sum(map(self.mappings, pids)) * MAPPING + self.locks()
        return PROCESS * len(pids) + self.socket * max(self.sockets() - self.first, 0) + self.mapped

    def sockets(self) -> int:
        """How many sockets there are in its network, also those that no process has open any more."""
        try:
            words = self.text("1/net/sockstat").split()
            return int(words[words.index("used") + 1]) if self.kernel else 0
        except (OSError, ValueError, IndexError):
            return 0

    def mappings(self, pid: str) -> int:
        """How many mappings a process has."""
        try:
            return self.text(f"{pid}/maps").count("\n")
        except PermissionError:
            return MAPPINGS
        except OSError:
            return 0

    def locks(self) -> int:
        """Bytes that the kernel may keep for locks on files: more than there is, where there are very many."""
        try:
            with open("locks", opener=self.within) as file:
                return 0 if len(file.read(LOCKS)) < LOCKS else self.limit
        except OSError:
            return 0

    def read(self, path: str, fields: tuple[str, ...]) -> int:
        """The sum of some fields, given in kB, of a file in /proc; 0 of a process that ended."""
        try:
            lines = self.text(path).splitlines()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(fields))

    def text(self, path: str) -> str:
        """A file in its /proc."""
        with open(path, opener=self.within) as file:
            return file.read()

    def within(self, name: str, flags: int) -> int:
        """Open a file in its /proc."""
        return os.open(name, flags, dir_fd=self.view)

    def close(self) -> None:
        """Look no more."""
        if self.view is not None:
            os.close(self.view)
            self.view = None
