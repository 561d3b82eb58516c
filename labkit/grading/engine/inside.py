"""The fork server: ``python -m labkit.grading.engine.inside DESCRIPTOR``, started by ``sandbox_server``.

It imports what notebooks need, once, and then forks a warm copy of itself for each submission. It never runs a
student's code, reads nothing a student wrote, and must stay single-threaded: a fork takes one thread along, and
torch waits for the others for ever.
"""

import gc
import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from labkit.grading.engine import inside_isolate, inside_keeper, inside_loop, inside_shell, inside_syscalls
from labkit.grading.engine.frames import Channel, Closed
from labkit.grading.engine.limits import Limits

MAX_HEADER = 1 << 20


def main() -> None:
    """Serve until the supervisor is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.sendall(b"!")  # its credentials tell the supervisor which process this is
    channel = Channel(control, max_header=MAX_HEADER)
    setup, _ = channel.receive()
    try:
        if setup["account"]:
            inside_isolate.become_unprivileged(setup["account"])
        shell = warm_up(setup["preload"])
    except Exception as error:  # noqa: BLE001  told to the supervisor, which raises it
        traceback.print_exc()
        channel.send({"failed": f"{type(error).__name__}: {error}"})
        return
    channel.send({"ready": True})
    serve(control, shell, Limits(**setup["limits"]), setup["folders"] if setup["sandboxed"] else None)


def warm_up(names: list[str]) -> Any:
    """Import, and leave the process fit to be forked.

    Raises:
        RuntimeError: if an import started a thread.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shell = inside_shell.make()
    inside_shell.preload(names)
    if os.path.isdir("/proc/self/task") and len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError(f"an import among {', '.join(names)} started a thread; the server can't fork safely")
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every page of every fork
    return shell


def serve(control: socket.socket, shell: Any, limits: Limits, folders: list[str] | None) -> None:
    """Fork for each pair of sockets that arrives.

    Args:
        folders: what this Python is made of, or None without a sandbox.
    """
    control.settimeout(None)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended submissions need no farewell
    account = (os.getuid(), os.getgid())
    while True:
        try:
            data, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        except OSError:
            return
        if not data:
            return
        replies, keeper = (socket.socket(fileno=number) for number in descriptors)
        try:
            forked = inside_syscalls.fork_into_namespaces() if folders is not None else os.fork()
        except OSError as error:
            Channel(keeper, max_header=0).send({"failed": str(error)})
            forked = -1
        if forked == 0:
            control.close()
            isolate = partial(inside_isolate.settle, limits, account, folders) if folders is not None else None
            submission(shell, limits, replies, keeper, isolate)
        replies.close()
        keeper.close()


def submission(
    shell: Any, limits: Limits, replies: socket.socket, keeper: socket.socket, isolate: Callable[[], None] | None
) -> None:
    """In the fork: isolate it, fork the student's process, keep it. Never returns: it is a copy of the server.

    Args:
        isolate: what makes the sandbox, or None without one.
    """
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        keeper.sendall(b"!")
        if isolate:
            isolate()
            home = inside_isolate.HOME
        else:
            home = tempfile.mkdtemp(prefix="labkit-")
        setup = inside_keeper.prepare(keeper, home)
        child = os.fork()
        if child == 0:
            keeper.close()
            student(shell, limits, replies, setup["env"], home, sandboxed=isolate is not None)
        replies.close()
        inside_keeper.keep(keeper, child, limits)
        if not isolate:
            inside_keeper.clear_away(child, home)
    except Closed:
        pass  # the supervisor is gone, and nobody is left to tell
    except BaseException as error:  # noqa: BLE001  told to the supervisor, which raises it
        Channel(keeper, max_header=0).send({"failed": f"{type(error).__name__}: {error}"})
    os._exit(0)


def student(
    shell: Any, limits: Limits, replies: socket.socket, env: dict[str, str], home: str, *, sandboxed: bool
) -> None:
    """In the second fork: give up everything that is not the student's, then answer. Never returns."""
    try:
        os.setsid()
        files = inside_loop.descriptors(keep=replies.fileno())
        os.chdir(inside_keeper.work(home))
        os.environ.update(env, HOME=home)
        inside_isolate.confine(limits, sandboxed=sandboxed)
        inside_loop.serve(Channel(replies, max_header=1 << 28), shell, limits, files)
    except BaseException:  # noqa: BLE001  read by who looks into the sandbox's own log
        traceback.print_exc()
    os._exit(1)


if __name__ == "__main__":
    main()
