"""A Jupyter kernel as a session of the sandbox: the same place as any submission's, with ipykernel in it."""

import select
import socket
import time
from collections.abc import Mapping
from typing import Any

from labkit.grading.engine.frames import Tampered
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.sandbox.server import Server
from labkit.grading.engine.sandbox.session import Died, Session


class KernelPlace(Session):
    """A kernel's process. It is talked to by Jupyter's protocol, not by ``run_cell``.

    Args:
        connection: what a kernel's connection file says.
        arguments: of the kernel's program.
        listening: its sockets, in the order of ``inside.submission.KERNEL_CHANNELS``.
    """

    def __init__(
        self,
        server: Server,
        limits: Limits,
        files: Mapping[str, bytes],
        env: Mapping[str, str],
        *,
        connection: dict[str, Any],
        arguments: list[str],
        listening: list[socket.socket],
    ) -> None:
        kernel = {"connection": connection, "arguments": arguments}
        super().__init__(server, limits, dict(files), dict(env), {"kernel": kernel})
        self.started = time.monotonic()
        socket.send_fds(self._replies.sock, [b"k"], [sock.fileno() for sock in listening])

    def look(self) -> str:
        """Why it is over, in a sentence; "" as long as it lives. Whoever uses more than it may is ended here.

        Raises:
            SandboxError: if the machine ran out of memory and it was killed within its limits.
        """
        if self.died:
            return self.died
        gone = select.poll()
        gone.register(self._reports, select.POLLIN)
        try:
            if gone.poll(0):
                raise Died(self._last_words())
            if self._overspent():
                raise Died(self._spent_memory())
            waited = self._watch.waited()
            if time.monotonic() - self.started - waited > self.limits.notebook_seconds:
                raise Died(self.limits.notebook_overrun())
        except (Died, Tampered) as end:
            return self._over(end)
        return ""

    def interrupt(self) -> None:
        """As Ctrl-C: its process group gets a SIGINT.

        Raises:
            SandboxError: if the server is gone.
        """
        self._server.order(b"i", self._number)
