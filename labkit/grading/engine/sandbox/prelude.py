"""The supervisor's hold on a copy of the server in which the first cells of a notebook have run."""

import socket
import threading
from collections.abc import Mapping, Sequence
from itertools import count

from labkit.grading.engine.frames import Channel, Closed, Stalled, Tampered
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.sandbox import launch as sandbox_launch
from labkit.grading.engine.sandbox import outputs as sandbox_outputs
from labkit.grading.engine.sandbox.cgroup import Group
from labkit.grading.engine.sandbox.results import CellResult
from labkit.grading.engine.sandbox.server import Orders, Server

MAX_HEADER = 1 << 28


class Unfit(Exception):
    """The state behind the cells is none that a fork inherits whole; the message says why."""


class Prelude(Orders):
    """Where the submissions that begin with some released cells are forked, behind them.

    Args:
        cells: the sources of the cells.
        env: environment variables, those of the submissions.

    Attributes:
        ran: what each cell gave.

    Raises:
        Unfit: if each submission must run the cells itself.
        SandboxError: if the server is gone.
    """

    def __init__(self, server: Server, limits: Limits, cells: Sequence[str], env: Mapping[str, str]) -> None:
        self.lock = threading.Lock()
        self.server, self.numbers = server, count()
        self.sandboxed, self.place = server.sandboxed, server.place
        ours, theirs = socket.socketpair()
        self.reports, their_reports = socket.socketpair()
        self.control = Channel(ours, max_header=MAX_HEADER)
        number = next(server.numbers)
        seconds = min(limits.cell_seconds * len(cells), limits.notebook_seconds)
        try:
            with theirs, their_reports:
                server.order(b"c", number, [theirs, their_reports])
            self.control.send({"cells": list(cells), "env": dict(env)}, seconds=seconds)
            reply, _ = self.control.receive(seconds=seconds)
            if "ran" not in reply:
                raise Unfit(str(reply.get("unfit")))
            private = sandbox_launch.private_paths(server.place)
            self.ran = [CellResult(sandbox_outputs.outputs(cell["outputs"], private)) for cell in reply["ran"]]
        except (Closed, Stalled, Tampered, OSError) as error:
            server.order(b"k", number)
            self.close()
            raise Unfit(f"the cells did not come to an end ({type(error).__name__})") from error
        except Unfit:
            self.close()
            raise

    @property
    def groups(self) -> list[Group]:
        """Idle control groups: the server's."""
        return self.server.groups

    def group(self) -> Group | None:
        """A control group for one submission, as ``Server.group``."""
        return self.server.group()

    def said(self) -> str:
        """What the server complained of."""
        return self.server.said()

    def close(self) -> None:
        """End the copy, and with it every submission it has forked."""
        self.control.close()
        self.reports.close()
