"""JupyterLab, opened at the first lecture."""

import os
import secrets
import shutil
import socket
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path

from labkit.grading.course import Course, CourseError

FIRST = "lectures/00_start.ipynb"
PORT = 8888


@dataclass(frozen=True)
class Server:
    """How to start JupyterLab: its command line, its environment, and the address it will answer at."""

    arguments: list[str]
    environment: dict[str, str]
    url: str


def server(course: Course, *, port: int | None = None, browser: bool = True) -> Server:
    """How to start JupyterLab at the first lecture of a course.

    Args:
        port: the port to listen on; the first free one from 8888 by default.
        browser: open a browser, if this machine has one.

    Raises:
        CourseError: if the port is taken or is no port.
    """
    chosen = free_port() if port is None else port
    if port is not None and not is_free(port):
        raise CourseError(f"port {port} is taken or not allowed; leave --port out and a free one is found")
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_urlsafe(24)
    first = f"/tree/{FIRST}" if (course.root / FIRST).is_file() else ""
    options = {
        "ServerApp.root_dir": str(course.place),
        "ServerApp.port": str(chosen),
        "ServerApp.port_retries": "0",
        "ServerApp.log_level": "WARN",
        "LabApp.default_url": f"/lab{first}",
        # A classroom without a network: no news, and no question about it.
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
    }
    arguments = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    if not (browser and has_browser()):
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    # The token goes by the environment: every user of the machine can read a command line.
    environment = {**os.environ, "JUPYTER_TOKEN": token, "LABKIT_COURSE": str(course.root)}
    return Server(arguments, environment, f"http://localhost:{chosen}/lab{first}?token={token}")


def unpack(course: Course) -> None:
    """Where the course lies in an installed package: copy its lectures to the person's own place, once."""
    if course.place == course.root:
        return
    for source in sorted(course.lectures.glob("*")):
        target = course.place / "lectures" / source.name
        if source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def free_port() -> int:
    """The first free port from 8888."""
    for port in range(PORT, PORT + 100):
        if is_free(port):
            return port
    raise CourseError(f"no port from {PORT} to {PORT + 99} is free; name one with --port")


def is_free(port: int) -> bool:
    """Whether this user can listen on a port of this machine."""
    if not 0 < port < 65536:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def has_browser() -> bool:
    """Whether a browser window can open here."""
    if sys.platform not in ("win32", "darwin") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def run(prepared: Server, folder: Path) -> int:
    """Start the server and stay until it ends; its exit status."""
    import subprocess

    with subprocess.Popen(prepared.arguments, env=prepared.environment, cwd=folder) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the server got it too, and asks whether to stop
                continue
