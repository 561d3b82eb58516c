"""The fork server: ``python -m labkit.grading.engine.inside.server DESCRIPTOR``, started by ``sandbox.server``.

It imports what notebooks need, once, and then forks a warm copy of itself for each submission. It never runs a
student's code, reads nothing a student wrote, and must stay single-threaded: a fork takes one thread along, and
torch waits for the others for ever.
"""

import gc
import os
import signal
import socket
import sys
import traceback
from typing import Any

from labkit.grading.engine.frames import ORDER, Channel
from labkit.grading.engine.inside import isolate as inside_isolate
from labkit.grading.engine.inside import shell as inside_shell
from labkit.grading.engine.inside import submission as inside_submission
from labkit.grading.engine.inside import syscalls as inside_syscalls
from labkit.grading.engine.inside.children import Children
from labkit.grading.engine.inside.prelude import Prelude
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
            inside_isolate.become_unprivileged(setup["account"], setup["folders"])
        shell = warm_up(setup["preload"])
    except Exception as error:  # noqa: BLE001  told to the supervisor, which raises it
        traceback.print_exc()
        channel.send({"failed": f"{type(error).__name__}: {error}"})
        return
    channel.send({"ready": True})
    serve(control, shell, Limits(**setup["limits"]), setup["folders"] if setup["sandboxed"] else None)


def warm_up(names: list[str]) -> Any:
    """Import, and leave the process fit to be forked often.

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
    inside_syscalls.use_huge_pages()
    return shell


def serve(
    control: socket.socket, shell: Any, limits: Limits, folders: list[str] | None, prelude: Prelude | None = None
) -> None:
    """Carry out the supervisor's orders: fork a submission, interrupt it, kill it; fork a copy of this server.

    Args:
        folders: what this Python is made of, or None without a sandbox.
        prelude: what ran here before, where this is such a copy.
    """
    control.settimeout(None)
    account = (os.getuid(), os.getgid())
    children = Children(control)
    while children.wait():
        try:
            data, descriptors, _, _ = socket.recv_fds(control, ORDER.size, 2)
        except OSError:
            break
        if len(data) < ORDER.size:
            break
        order, number = ORDER.unpack(data)
        if order == b"f":
            replies, reports = (socket.socket(fileno=descriptor) for descriptor in descriptors)
            resume = prelude.resume if prelude else None
            child = inside_submission.Submission(shell, limits, replies, reports, resume)
            children.add(number, reports, child.fork(account, folders, control))
            replies.close()
        elif order == b"c":
            own, reports = (socket.socket(fileno=descriptor) for descriptor in descriptors)
            children.add(number, reports, (copy(own, shell, limits, folders), None))
            own.close()
        else:
            children.signal(number, {b"i": signal.SIGINT, b"k": signal.SIGKILL}[order])
    children.end()


def copy(control: socket.socket, shell: Any, limits: Limits, folders: list[str] | None) -> int:
    """Fork a copy of this server that runs the first cells of a notebook and then serves by itself; its pid.

    Args:
        control: the copy's own channel.
        folders: what this Python is made of.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        prelude = Prelude(control, shell, limits)
        if prelude.run():
            serve(control, shell, limits, folders, prelude)
        os._exit(0)
    finally:  # a copy must not become a second server; its end tells
        os._exit(1)


if __name__ == "__main__":
    main()
