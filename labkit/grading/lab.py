"""JupyterLab, opened at the first lecture."""

import os
import secrets
import shlex
import shutil
import socket
import sys
import sysconfig
import webbrowser
from dataclasses import dataclass
from pathlib import Path

from labkit.grading.course import Course, CourseError

FIRST = "00_start.ipynb"
PORT = 8888
# JupyterLab's settings as they are until a person changes them: a classroom without a network has no news, and no
# question about it; an explorer's last picture is saved with the notebook.
SETTINGS = Path(__file__).parent / "jupyter"
# What a shell reads when it starts may reset PATH, so the folder of the labkit command is put in front afterwards.
BASH = ["--rcfile", str(SETTINGS / "bashrc")]
AFTER_LOGIN = 'exec env PATH="$LABKIT_BIN:$PATH" {}'


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
    own = environment(course)
    first = start_page(course)
    options = {
        "ServerApp.root_dir": str(course.place),
        "ServerApp.port": str(chosen),
        "ServerApp.port_retries": "0",
        "ServerApp.log_level": "WARN",
        "LabApp.default_url": f"/lab{first}",
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "FileContentsManager.pre_save_hook": "labkit.grading.lectures.before_saving",
    }
    if shell := terminal(own):
        options["ServerApp.terminado_settings"] = repr({"shell_command": shell})
    arguments = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    if not (browser and has_browser()):
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    return Server(arguments, own, f"http://localhost:{chosen}/lab{first}?token={own['JUPYTER_TOKEN']}")


def start_page(course: Course) -> str:
    """The part of the address that opens the first lecture, if the course has one."""
    for folder in (course.reading, course.lectures):
        if (folder / FIRST).is_file() and folder.is_relative_to(course.place):
            return f"/tree/{(folder / FIRST).relative_to(course.place).as_posix()}"
    return ""


def environment(course: Course) -> dict[str, str]:
    """The environment variables of the server, and so of its kernels and terminals."""
    own = dict(os.environ)
    # The token goes by the environment: every user of the machine can read a command line.
    own["JUPYTER_TOKEN"] = os.environ.get("JUPYTER_TOKEN") or secrets.token_urlsafe(24)
    own["JUPYTER_CONFIG_PATH"] = joined(str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH"))
    if course.place == course.root:
        own["LABKIT_COURSE"] = str(course.root)
    else:
        own["LABKIT_HOME"] = str(course.place)
    # `labkit` is typed in terminals, and in cells after `!` and `%%bash`, also where no environment is activated.
    own["LABKIT_BIN"] = programs()
    own["PATH"] = joined(own["LABKIT_BIN"], os.environ.get("PATH"))
    return own


def programs() -> str:
    """The folder of the labkit command: that of this installation, whatever the PATH says."""
    user = f"{os.name}_user"
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    if user in sysconfig.get_scheme_names():
        folders.append(sysconfig.get_path("scripts", scheme=user))
    for folder in folders:
        if any((Path(folder) / name).is_file() for name in ("labkit", "labkit.exe")):
            return folder
    return folders[0]


def joined(first: str, rest: str | None) -> str:
    """A search path with one folder in front."""
    return os.pathsep.join([first, *(part for part in (rest or "").split(os.pathsep) if part and part != first)])


def terminal(own: dict[str, str]) -> list[str]:
    """The command of a terminal in which ``labkit`` is found; empty where Jupyter's own will do.

    As Jupyter has it, a shell reads the person's login files only if the server was not started from a terminal.
    """
    if os.name == "nt":
        return []
    shell = own.get("SHELL") or shutil.which("bash") or "/bin/sh"
    name = Path(shell).name
    command = [shell, *BASH] if name == "bash" else [shell]
    if sys.stdout.isatty() or name in ("csh", "tcsh"):  # those two take no command after -l
        return command
    return [shell, "-l", "-c", AFTER_LOGIN.format(shlex.join(command))]


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
    """Be the server until it ends; its exit status. Where a process can become another, whoever ends it ends it all."""
    import subprocess

    sys.stdout.flush()
    if os.name == "posix":
        os.chdir(folder)
        os.execve(prepared.arguments[0], prepared.arguments, prepared.environment)
    with subprocess.Popen(prepared.arguments, env=prepared.environment, cwd=folder) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the server got it too, and asks whether to stop
                continue
