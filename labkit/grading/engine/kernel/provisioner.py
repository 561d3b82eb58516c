"""Jupyter kernels in the sandbox: for plain ``nbgrader autograde``, the formgrader's button, and Validate.

Jupyter asks a provisioner to start a kernel's process. This one starts it where the engine runs submissions: the same
bubblewrap command, account, namespaces, limits and filter of system calls. In there are copies of the regular files
of the folder it would have run in, but no notebook; nothing that is written there comes back.
"""

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import KernelProvisionerBase

from labkit.grading.engine import sandbox
from labkit.grading.engine.copy import reduced
from labkit.grading.engine.inside.submission import KERNEL_CHANNELS
from labkit.grading.engine.kernel.place import KernelPlace
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.nbgrader import intake
from labkit.grading.engine.sandbox.server import SandboxError, Server
from labkit.own_checks import SUFFIX

HANDED_ON = ("NBGRADER_EXECUTION", "NBGRADER_VALIDATING")  # all that a kernel gets of its front end's environment
LONGEST = 80  # bytes of a socket's folder: the kernel takes 107 for the whole path
NOTEBOOK = (".ipynb",)  # which would show tests that students have not seen


class Sandboxed(KernelProvisionerBase):
    """Starts one kernel in a sandbox of its own.

    Attributes:
        server: the fork server; its own, made with the first kernel, if none is given.
        files: what the kernel finds beside the notebook; the files of its working folder, if none are given.
    """

    server: Server | None = None
    files: Mapping[str, bytes] | None = None
    place: KernelPlace | None = None
    folder = ""
    own = False
    said = ""
    """Why the last kernel ended, in a sentence."""
    failed = ""
    """Why it did, where that was the machine's fault."""

    @property
    def manager(self) -> Any:
        """Jupyter's manager of this kernel, which holds the settings."""
        return self.parent

    @property
    def limits(self) -> Limits:
        """What the kernel may use: ``c.Limits`` of ``nbgrader_config.py``."""
        return self.server.limits if self.server else Limits(**self.manager.config.get("Limits", {}))

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel to look after."""
        return self.place is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose the sockets' names; Jupyter's own choice would be ports of the network."""
        self.folder = self.folder or tempfile.mkdtemp(prefix="labkit-kernel-", dir=short_folder())
        manager, arguments = self.manager, kwargs.pop("extra_arguments", [])
        manager.transport, manager.ip, manager.cache_ports = "ipc", f"{self.folder}/k", False
        for number, name in enumerate(KERNEL_CHANNELS, start=1):
            setattr(manager, f"{name}_port", number)
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        return await super().pre_launch(cmd=arguments, **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start it.

        Raises:
            SandboxError: if this machine allows no sandbox.
        """
        folder = Path(kwargs.get("cwd") or os.getcwd())
        env = {name: value for name, value in kwargs["env"].items() if name in HANDED_ON}
        self.place = await asyncio.to_thread(self.start, folder, env, list(cmd))
        return self.connection_info

    def start(self, folder: Path, env: dict[str, str], arguments: list[str]) -> KernelPlace:
        """A new kernel; see ``launch_kernel``."""
        if self.server is None or not self.server.alive():
            if reason := sandbox.missing(sandboxed=True):
                raise SandboxError(reason)
            root = self.manager.config.CourseDirectory.get("root") or os.getcwd()
            whole = reduced.archive(None, more=released(Path(root) / self.exercises()))
            self.server = Server(self.limits, sandboxed=True, preload=(), hide=[Path(root)], archive=whole)
            self.own = True
        files = self.files if self.files is not None else beside(folder, self.ignored())
        info = {**self.connection_info, "key": self.manager.session.key.decode()}
        listening = [listen(f"{self.folder}/k-{number}") for number, _ in enumerate(KERNEL_CHANNELS, start=1)]
        try:
            return KernelPlace(
                self.server, self.server.limits, files, env, connection=info, arguments=arguments, listening=listening
            )
        finally:
            for sock in listening:
                sock.close()

    def exercises(self) -> str:
        """The folder of what was released."""
        return str(self.manager.config.CourseDirectory.get("release_directory", "release"))

    def ignored(self) -> list[str]:
        """The patterns of files that nbgrader passes over."""
        return list(self.manager.config.CourseDirectory.get("ignore", [".*", "*.pyc", "__pycache__"]))

    async def poll(self) -> int | None:
        """None as long as it lives. Jupyter calls this every second, so that limits are looked after here."""
        if self.place is None:
            return 0
        lived = not self.place.died
        try:
            self.said = self.failed or self.place.look()
        except SandboxError as error:
            self.said = self.failed = str(error)
        if self.said and lived:
            self.log.error("the kernel in the sandbox ended: %s", self.said)
        return 1 if self.said else None

    async def wait(self) -> int | None:
        """Wait for its end."""
        while await self.poll() is None:
            await asyncio.sleep(0.1)
        self.end()
        return 0

    async def send_signal(self, signum: int) -> None:
        """An interrupt reaches the kernel; any other signal ends it, and all that it started."""
        if self.place is not None and signum == signal.SIGINT:
            self.place.interrupt()
        elif self.place is not None and signum != 0:
            self.place.close()

    async def kill(self, restart: bool = False) -> None:
        """End it, and every process in the sandbox."""
        if self.place is not None:
            self.place.close()

    terminate = kill

    async def shutdown_requested(self, restart: bool = False) -> None:
        """There is nothing worth waiting for: what it wrote is gone in any case."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Leave nothing behind."""
        self.end()
        if not restart:
            if self.server is not None and self.own:
                self.server.close()
                self.server = None
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = ""

    def end(self) -> None:
        """Let go of the kernel."""
        if self.place is not None:
            self.place.close()
            self.place = None


def released(exercises: Path) -> dict[str, str]:
    """The course's own checks as they were released, as files of labkit's copy: what a student changed is no matter."""
    files = sorted(exercises.glob(f"*/*{SUFFIX}"))
    return {f"checks/released/{path.name}": path.read_text(encoding="utf-8") for path in files}


def short_folder() -> str | None:
    """Where sockets are made: the folder for temporary files, or ``/tmp`` where that one's name is too long."""
    return "/tmp" if len(os.fsencode(tempfile.gettempdir())) > LONGEST else None


def listen(path: str) -> socket.socket:
    """A socket that listens under a name, whoever did before."""
    Path(path).unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen(16)
    return sock


def beside(folder: Path, ignored: list[str]) -> dict[str, bytes]:
    """The regular files of a folder by relative path, up to the engine's limits, without notebooks."""
    files: dict[str, bytes] = {}
    total = 0
    for number, path in enumerate(intake.walk(folder, ignored)):
        name = path.relative_to(folder).as_posix()
        if number >= intake.FILES:
            break
        if path.suffix in NOTEBOOK or intake.refusal(path, name):
            continue
        total += path.stat().st_size
        if total > intake.FILE:
            break
        files[name] = path.read_bytes()
    return files
