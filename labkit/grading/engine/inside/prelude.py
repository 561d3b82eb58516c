"""The released cells before a student's first one: run once, in a copy of the server that forks the submissions.

A fork inherits memory, and nothing else for itself alone. Where the cells leave anything besides (a thread, a process,
an open file, shared memory, a timer, a file on the disk, another folder), or one of them fails, the copy says so and
ends: then each submission runs them itself. What they draw at random every fork goes on from, as after them; where they
left python's or numpy's shared generator alone, each fork begins with its own.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import sys
from typing import Any

from labkit.grading.engine.frames import Channel
from labkit.grading.engine.inside import isolate as inside_isolate
from labkit.grading.engine.inside import loop as inside_loop
from labkit.grading.engine.inside import syscalls as inside_syscalls
from labkit.grading.engine.inside.outputs import Outputs
from labkit.grading.engine.inside.shell import Shell, adopt
from labkit.grading.engine.limits import Limits

MAX_SETUP = 1 << 26
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


class Prelude:
    """What ran before a fork.

    Args:
        control: the copy's own channel, on which the cells come.
    """

    def __init__(self, control: socket.socket, shell: Shell, limits: Limits) -> None:
        self.shell, self.limits = shell, limits
        self.channel = Channel(control, max_header=MAX_SETUP)
        self.set: dict[str, Any] = {}

    def run(self) -> bool:
        """Run the cells and tell what came of them; whether submissions may be forked from here."""
        os.setsid()
        files = inside_loop.descriptors(keep=(self.channel.fileno(),))
        setup, _ = self.channel.receive()
        settle(setup["env"])
        adopt(self.shell, Outputs(self.limits.output_bytes, files))
        before, chance = traces(), states()
        replies, wrong = (
            [],
            "" if inside_syscalls.thread_number() else "the kernel doesn't say where threads are numbered",
        )
        for source in setup["cells"]:
            replies.append(self.cell(source))
            wrong = wrong or failure(replies[-1])
        after = traces()
        wrong = wrong or next((f"it leaves other {what}" for what in before if before[what] != after[what]), "")
        self.set = {name: state for name, state in states().items() if same(state) != same(chance[name])}
        gc.collect()
        gc.freeze()
        self.channel.send({"unfit": wrong} if wrong else {"ran": replies})
        return not wrong

    def cell(self, source: str) -> dict[str, Any]:
        """Run one, as in a submission."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return inside_loop.answer(self.shell, {"do": "cell", "source": source}, b"", self.limits)[0]
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def resume(self, files: dict[str, int]) -> None:
        """In a fork: go on behind the cells.

        Args:
            files: descriptors of the files behind 1 and 2, by the stream's name.
        """
        self.shell.outputs.move(files)
        importlib.invalidate_caches()
        numpy = sys.modules.get("numpy")
        if numpy is not None and "numpy" not in self.set:
            numpy.random.seed()
        if "python" in self.set:  # Python gives each fork its own
            random.setstate(self.set["python"])


def settle(env: dict[str, str]) -> None:
    """Go where a submission's cells run, with its environment."""
    place = f"{inside_isolate.HOME}/assignment"
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    os.chdir(place)
    os.environ.update(env, HOME=inside_isolate.HOME)


def failure(reply: dict[str, Any]) -> str:
    """Why a cell's reply is none to build on; "" if it is."""
    errors = [output["ename"] for output in reply["outputs"] if output["output_type"] == "error"]
    return f"a cell ends in {errors[0]}" if errors else ""


def states() -> dict[str, Any]:
    """The states of the generators that everybody shares and that are begun anew in each fork."""
    numpy = sys.modules.get("numpy")
    more = {"numpy": numpy.random.get_state()} if numpy is not None else {"numpy": None}
    return {"python": random.getstate(), **more}


def same(state: Any) -> str:
    """A state in a form that can be compared."""
    return repr([getattr(part, "tolist", lambda part=part: part)() for part in state or ()])


def traces() -> dict[str, Any]:
    """What a fork does not inherit, or not for itself alone."""
    with open("/proc/self/maps") as file:
        maps = [line.split(maxsplit=5) for line in file]
    return {
        "threads": os.listdir("/proc/self/task"),
        "processes": processes(),
        "open files": open_files(),
        "shared memory": sorted((words[0], words[-1]) for words in maps if words[1].endswith("s")),
        "timers": [signal.getitimer(timer)[0] > 0 for timer in TIMERS],
        "limits": [resource.getrlimit(limit) for limit in LIMITS],
        "files": {place: written(place) for place in inside_isolate.WRITABLE.values()},
        "folder": (os.getcwd(), masked()),
    }


def processes() -> bool:
    """Whether this process has children, dead or alive."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def open_files() -> dict[str, str]:
    """What each descriptor leads to in a fork: in each, matplotlib for one closes its fonts and reads them anew."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.write(writer, json.dumps(leading(writer)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        found = file.read()
    os.waitpid(child, 0)
    return dict(json.loads(found))


def leading(own: int) -> dict[str, str]:
    """What each descriptor of this process but one leads to."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one that lists them is closed again
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return {name: target for name, target in found.items() if int(name) != own}


def written(place: str) -> list[tuple[str, int, int]]:
    """The files and folders below a place, as far as they lie on its own disk, with what a change of them changes."""
    found, disk = [], os.stat(place).st_dev
    for folder, folders, files in os.walk(place):
        folders[:] = [name for name in folders if os.lstat(os.path.join(folder, name)).st_dev == disk]
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            stat = os.lstat(path)
            found.append((path, stat.st_size, stat.st_ctime_ns))
    return sorted(found)


def masked() -> int:
    """The mask of new files' rights."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
