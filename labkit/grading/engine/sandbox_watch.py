"""What the processes of a submission use, as its own /proc tells, a view of which was handed out before any of
its code ran.

The kernel limits the memory of each process; ``overspent`` is for many small ones and for memory they share.
``waited`` is for justice: a cell's time limit counts wall time, and on a busy machine, or beside somebody's fork
bomb, an honest cell spends most of that waiting for a processor.
"""

import os

TICK = 0.05  # seconds between two looks while a cell runs


class Watch:
    """The watch on one submission.

    Args:
        view: a descriptor of its /proc, or None where there is none to look at.
        limit: bytes that it may hold beyond what it starts with.
    """

    def __init__(self, view: int | None, limit: int) -> None:
        self.view = view
        # A process starts as a copy of the server and shares the server's pages.
        self.limit = limit + (self.resident("1") if view is not None else 0)

    def overspent(self) -> bool:
        """Whether it holds more than it may."""
        if self.view is None:
            return False
        pids = [name for name in os.listdir(self.view) if name.isdigit()]
        if sum(map(self.resident, pids)) <= self.limit:
            return False
        # Pages that forks share were counted once for each. The kernel knows better, and takes longer.
        return sum(map(self.proportional, pids)) > self.limit

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
        return self.read(f"{pid}/status", ("RssAnon", "RssShmem"))

    def proportional(self, pid: str) -> int:
        """Bytes that a process holds, shared pages divided among those who share them."""
        try:
            return self.read(f"{pid}/smaps_rollup", ("Pss_Anon", "Pss_Shmem"))
        except PermissionError:
            return self.resident(pid)  # it closed itself to others: the figure that is not in its favour

    def read(self, path: str, fields: tuple[str, ...]) -> int:
        """The sum of some fields, given in kB, of a file in /proc; 0 of a process that ended."""
        try:
            lines = self.text(path).splitlines()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(fields))

    def text(self, path: str) -> str:
        """A file in its /proc."""
        with open(path, opener=lambda name, flags: os.open(name, flags, dir_fd=self.view)) as file:
            return file.read()

    def close(self) -> None:
        """Look no more."""
        if self.view is not None:
            os.close(self.view)
            self.view = None
