"""The submissions that the server has forked: who they are, how they end."""

import contextlib
import os
import select
import shutil
import signal
import socket
from dataclasses import dataclass

from labkit.grading.engine.frames import Channel, Closed

IMPATIENCE = 0.05  # seconds between two looks, where the system can't tell when a process ends


@dataclass
class Child:
    """A submission's first process. In a sandbox it is init of its namespaces, and its end is the end of all."""

    pid: int
    reports: socket.socket
    home: str | None
    watch: int | None  # a descriptor that becomes readable when it ends


class Children:
    """The table of them.

    Args:
        control: where the supervisor's orders come from.
    """

    def __init__(self, control: socket.socket) -> None:
        self.table: dict[int, Child] = {}
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.control = control.fileno()

    def add(self, number: int, reports: socket.socket, forked: tuple[int, str | None] | None) -> None:
        """Enter a fork under the supervisor's number; nothing if it failed."""
        if forked is None:
            reports.close()
            return
        pid, home = forked
        watch = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        if watch is not None:
            self.poll.register(watch, select.POLLIN)
        self.table[number] = Child(pid, reports, home, watch)

    def wait(self) -> bool:
        """Wait for an order, and clear away children that end meanwhile; False where there is nothing to wait for."""
        while True:
            blind = any(child.watch is None for child in self.table.values())
            ready = dict(self.poll.poll(IMPATIENCE * 1000 if blind else None))
            for number in [n for n, c in self.table.items() if c.watch is None or c.watch in ready]:
                self.reap(number)
            if self.control in ready:
                return True

    def reap(self, number: int, options: int = os.WNOHANG) -> None:
        """Report how a child ended, if it did."""
        child = self.table[number]
        pid, status, usage = os.wait4(child.pid, options)
        if pid == 0:
            return
        report = {"exit": os.waitstatus_to_exitcode(status), "cpu_seconds": usage.ru_utime + usage.ru_stime}
        with contextlib.suppress(Closed):  # the supervisor killed it and is not interested
            Channel(child.reports, max_header=0).send(report)
        child.reports.close()
        if child.watch is not None:
            self.poll.unregister(child.watch)
            os.close(child.watch)
        if child.home:
            self.signal(number, signal.SIGKILL)  # who is left of its group
            shutil.rmtree(child.home, ignore_errors=True)
        del self.table[number]

    def signal(self, number: int, kind: int) -> None:
        """Send a signal to a child and the processes of its group, those that made no group of their own."""
        if number in self.table:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.table[number].pid, kind)

    def end(self) -> None:
        """Kill and clear away all of them."""
        for number in list(self.table):
            self.signal(number, signal.SIGKILL)
            self.reap(number, 0)
