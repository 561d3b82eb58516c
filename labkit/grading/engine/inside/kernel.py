"""A Jupyter kernel in the sandbox: ``python -m labkit.grading.engine.inside.kernel FILE SOCKETS [ARGUMENT]…``

It speaks with its front end over Unix sockets that were made to listen outside and handed in: no network and no
common folder is needed. A listening Unix socket can be accepted from and nothing else; a TCP socket could be turned
round and connected to whatever the machine it comes from can reach.
"""

import base64
import json
import sys
from typing import Any

import zmq
from ipykernel.heartbeat import Heartbeat
from ipykernel.kernelapp import IPKernelApp

OWN = ("--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=ERROR")
MIME = "application/vnd.labkit.check+json"
LISTENING: dict[int, int] = {}  # descriptors by "port", 1 to 5 in the order of ``KERNEL_CHANNELS``


def adopt(sock: Any, port: int) -> None:
    """Have a ZeroMQ socket answer on the listening socket of a port."""
    sock.setsockopt(zmq.USE_FD, LISTENING[port])
    sock.bind(f"ipc:///{port}")  # a name that nothing opens


class Beat(Heartbeat):
    """The heartbeat on its own listening socket."""

    def _try_bind_socket(self) -> None:
        adopt(self.socket, self.port)


class Kernel(IPKernelApp):
    """ipykernel on listening sockets."""

    def _try_bind_socket(self, s: Any, port: int) -> int:
        adopt(s, port)
        return port

    def init_heartbeat(self) -> None:
        """Start the heartbeat, in a context of its own as ipykernel has it."""
        self.heartbeat = Beat(zmq.Context(), (self.transport, self.ip, self.hb_port))
        self.heartbeat.start()


def check(key: str, expression: str, seed: int, limit: int, prepared: str = "") -> None:
    """The half of a check that needs the student's function, for code that the engine runs between two cells."""
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    from labkit.grading.engine.inside.loop import examine

    shell: Any = get_ipython()
    data, failed = examine(shell.user_ns, key, expression, seed, limit, base64.b64decode(prepared))
    display({MIME: {"data": base64.b64encode(data).decode(), "failed": failed}}, raw=True)


def main() -> None:
    """Be the kernel, until it is killed."""
    file, sockets, *arguments = sys.argv[1:]
    LISTENING.update(enumerate(json.loads(sockets), start=1))
    sys.argv = sys.argv[:1]  # a student's argparse finds nothing, as in the engine's own shell
    given = {argument.partition("=")[0] for argument in arguments}
    own = [argument for argument in OWN if argument.partition("=")[0] not in given]  # traitlets takes each once
    Kernel.launch_instance(argv=["-f", file, *own, *arguments])


if __name__ == "__main__":
    main()
