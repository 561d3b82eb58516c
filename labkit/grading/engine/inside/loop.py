"""The loop in the student's process: a request, a cell or a check, a reply.

Everything here shares its process with the student's code and may be tampered with; nothing outside trusts it.
"""

import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from labkit.grading.engine.frames import Channel, Closed
from labkit.grading.engine.inside import files as inside_files
from labkit.grading.engine.inside import shell as inside_shell
from labkit.grading.engine.inside.outputs import STREAMS, Outputs
from labkit.grading.engine.limits import Limits


def serve(
    channel: Channel,
    shell: inside_shell.Shell,
    limits: Limits,
    files: dict[str, int],
    resume: Callable[[dict[str, int]], None] | None = None,
) -> None:
    """Answer requests until the other side is gone.

    Args:
        resume: goes on behind cells that ran before the fork.
    """
    if resume:
        resume(files)
    else:
        inside_shell.adopt(shell, Outputs(limits.output_bytes, files))
    own, home = os.getpid(), os.getcwd()
    before = inside_files.stamps(home)
    while True:
        try:
            request, prepared = channel.receive()
        except Closed:
            return
        # Interrupts are for the cell, never for this loop.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            if request["do"] == "files":
                header, body = inside_files.left(home, before, limits.reply_bytes)
            else:
                header, body = answer(shell, request, prepared, limits)
        except KeyboardInterrupt:
            header, body = {"outputs": [interrupted()]}, b""
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if os.getpid() != own:
            os._exit(0)  # a fork that ran on to the end of its cell; a cell has one reply
        channel.send({"nonce": request["nonce"], **header}, body)


def interrupted() -> dict[str, Any]:
    """The output of a cell that was interrupted between its end and its reply."""
    return {"output_type": "error", "ename": "KeyboardInterrupt", "evalue": "", "traceback": ["KeyboardInterrupt"]}


Reply = tuple[dict[str, Any], bytes]


def answer(shell: inside_shell.Shell, request: dict[str, Any], prepared: bytes, limits: Limits) -> Reply:
    """Do what a request asks: a reply's header and body."""
    if request["do"] == "cell":
        return {"outputs": shell.execute(request["source"]), "count": shell.number}, b""
    return check(shell, request, prepared, limits)


def check(shell: inside_shell.Shell, request: dict[str, Any], prepared: bytes, limits: Limits) -> Reply:
    """Run a check's half that needs the student's function; its outputs as bytes."""
    shell.outputs.start()
    sys.stdout = inside_shell.Stream("stdout", shell.outputs)
    sys.stderr = inside_shell.Stream("stderr", shell.outputs)
    asked = request["key"], request["expression"], request["seed"]
    data, failed = examine(shell.user_ns, *asked, limits.reply_bytes, prepared)
    return {"outputs": shell.outputs_with(None), "failed": failed}, data


def examine(
    names: dict[str, Any], key: str, expression: str, seed: int, limit: int, prepared: bytes = b""
) -> tuple[bytes, str]:
    """Run a check's half on the answer that ``expression`` gives among ``names``.

    What the student's code does wrong is part of the bytes; what is said in the text is the check's own fault.

    Args:
        prepared: the check's cases, where only the judge can make them.
    """
    try:
        from labkit import absent, checks
        from labkit.checks import wire

        more: dict[str, Any] = {"prepared": prepared} if prepared else {}
        given = value(names, expression)
        return wire.execute(checks.find(key), given, seed, watch=not absent.REDUCED, limit=limit, **more), ""
    except (Exception, SystemExit) as error:  # noqa: BLE001  said in the reply
        return b"", f"{type(error).__name__}: {inside_shell.said(error)}"


class Missing:
    """Stands for an answer that can't be had, such as a name that is not defined: every use raises why."""

    def __init__(self, error: BaseException) -> None:
        self.__dict__["_error"] = error

    def __call__(self, *_: object, **__: object) -> Any:
        raise self._error

    def __getattr__(self, name: str) -> Any:
        raise self.__dict__["_error"]


def value(names: dict[str, Any], expression: str) -> Any:
    """The answer that a check's cell names, in the student's namespace."""
    try:
        return eval(expression, names)
    except (Exception, SystemExit) as error:  # noqa: BLE001  the answer's fault, told through the check
        return Missing(error)


def descriptors(keep: tuple[int, ...]) -> dict[str, int]:
    """Leave nothing open but ``keep``, an empty input, and two files for what is printed.

    Returns:
        Descriptors of the files behind 1 and 2, by the stream's name.
    """
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for name, number in STREAMS.items():
        os.dup2(scratch(name), number)
    kept = [2, *sorted(keep), os.sysconf("SC_OPEN_MAX")]
    for low, high in pairwise(kept):
        os.closerange(low + 1, high)
    return dict(STREAMS)


def scratch(name: str) -> int:
    """A nameless file that all writers append to."""
    descriptor, path = tempfile.mkstemp(prefix=name)
    os.unlink(path)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor
