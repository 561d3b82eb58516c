"""The process beside the student's: init of the submission's namespaces, so that its end is the end of them all.

It takes the assignment's files from the supervisor, starts the student's process, passes interrupts on, watches
the memory of all processes together, and says how the student's process ended. The kernel lets no process inside
the namespace signal it, and it holds nothing that a student's code could reach.
"""

import contextlib
import os
import select
import shutil
import signal
import socket
from typing import Any

from labkit.grading.engine.frames import Channel, Closed
from labkit.grading.engine.limits import Limits

TICK = 0.05  # seconds between two looks at the memory


def work(home: str) -> str:
    """Where a submission runs."""
    return f"{home}/assignment"


def prepare(control: socket.socket, home: str) -> dict[str, Any]:
    """Receive the setup of a submission and write its files; the setup's header."""
    channel = Channel(control, max_header=1 << 26, max_body=(1 << 32) - 1, single=False)
    header, body = channel.receive()
    os.makedirs(f"{home}/.ipython/profile_default", exist_ok=True)
    os.makedirs(work(home))
    start = 0
    for name, size in header["files"]:
        path = os.path.join(work(home), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(memoryview(body)[start : start + size])
        start += size
    return header


def keep(control: socket.socket, child: int, limits: Limits) -> None:
    """Stand by until the student's process ends, the supervisor goes away, or the memory is spent."""
    channel = Channel(control, max_header=1 << 16, single=False)
    channel.send({"ready": True})
    watch = select.poll()
    watch.register(control, select.POLLIN)
    if hasattr(os, "pidfd_open"):
        watch.register(os.pidfd_open(child), select.POLLIN)
    while True:
        watch.poll(TICK * 1000)
        try:
            frame = channel.pump()
        except Closed:
            break
        if frame and frame[0].get("do") == "interrupt":
            os.killpg(child, signal.SIGINT)
        if frame and frame[0].get("do") == "end":
            break
        report = ended(child) or overspent(limits)
        if report:
            channel.send(report)
            break


def ended(child: int) -> dict[str, Any] | None:
    """How the student's process ended, if it did. Orphans that ended are cleared away on the way."""
    report = None
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return report or {"exit": None}
        if pid == 0:
            return report
        if pid == child:
            seconds = usage.ru_utime + usage.ru_stime
            report = {"exit": os.waitstatus_to_exitcode(status), "cpu_seconds": seconds}


def overspent(limits: Limits) -> dict[str, Any] | None:
    """Whether the processes of the submission together hold more memory than they may.

    The limit on each process is the kernel's; this one is for many small processes and for shared memory.
    """
    if os.getpid() != 1:  # not init of a namespace: /proc shows the whole machine
        return None
    pids = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    if sum(map(resident, pids)) <= limits.memory_bytes:
        return None
    # Pages that forks share were counted once for each. The kernel knows better, and takes longer.
    return {"memory": True} if sum(map(proportional, pids)) > limits.memory_bytes + baseline() else None


def resident(pid: str) -> int:
    """Bytes of memory that a process holds, files aside: the quick figure."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return 1024 * sum(int(line.split()[1]) for line in file if line.startswith(("RssAnon", "RssShmem")))
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended meanwhile


def proportional(pid: str) -> int:
    """Bytes of memory that a process holds, shared pages divided among those who share them."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return 1024 * sum(int(line.split()[1]) for line in file if line.startswith(("Pss_Anon", "Pss_Shmem")))
    except PermissionError:
        return resident(pid)  # it closed itself to others: the figure that is not in its favour
    except (FileNotFoundError, ProcessLookupError):
        return 0


def baseline() -> int:
    """What the server's memory, of which every process is a copy, contributes."""
    return resident("self")


def clear_away(child: int, home: str) -> None:
    """Without namespaces, whose end would do it: stop the student's processes and remove their files.

    A process that made itself a group of its own survives. That is what the sandbox is for.
    """
    with contextlib.suppress(ProcessLookupError):  # it ended by itself
        os.killpg(child, signal.SIGKILL)
    shutil.rmtree(home, ignore_errors=True)
