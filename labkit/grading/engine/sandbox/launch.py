"""How the fork server is started: the bubblewrap command, and what of the machine it lets in.

Let in, read-only: the system's programs and libraries, this Python, its packages. Left out: homes, the course folder,
the host's processes, network, devices, settings and environment variables. A virtual environment, which may lie in
the course, is seen elsewhere than it lies. The server unpacks the copy of labkit that it is given.
"""

import os
import site
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from labkit.grading.engine.places import HOME, PLACE, STAGE
from labkit.grading.engine.sandbox import bwrap as sandbox_bwrap
from labkit.grading.engine.sandbox import covers as sandbox_covers
from labkit.grading.engine.sandbox.covers import PACKAGE

VENV = "/opt/venv"
"""Where a submission sees the virtual environment."""

LAUNCHER = Path(__file__).with_name("launcher.py")
START = """
import contextlib, importlib, io, os, sys, zipfile
control, archive, place, *libraries = sys.argv[1:]
os.umask(0o022)
for name in libraries:  # the copy may not be made yet
    with contextlib.suppress(ImportError):  # the server says it, which imports them again
        importlib.import_module(name)
with open(int(archive), "rb") as file:
    zipfile.ZipFile(io.BytesIO(file.read())).extractall(place)
sys.argv[1:] = [control]
from labkit.grading.engine.inside import server
server.main()
"""
SLOWEST = {"torch": "torch", "torch.optim": "torch._dynamo"}  # with what an optimizer imports when it is first made
SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# What programs read in /etc: where libraries and fonts are, which time it is. Nothing that names a person.
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "fonts", "mime.types")
ROOT_NEEDS = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID")  # to mount /proc and to stop being root
ACCOUNTS = {
    "/etc/passwd": "student:x:1000:1000:student:/home/student:/bin/sh\n",
    "/etc/group": "student:x:1000:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}


def environment(home: str, place: str, *, sandboxed: bool = True) -> dict[str, str]:
    """The environment variables of a submission: none of the instructor's.

    Args:
        place: where its copy of labkit lies.
    """
    program = seen_at(Path(sys.executable)) if sandboxed else sys.executable
    path = [os.path.dirname(program), "/usr/local/bin", "/usr/bin", "/bin"]
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "PATH": ":".join(path),
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "PYTHONPATH": place,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "TERM": "xterm-color",
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "CLICOLOR": "1",
        "FORCE_COLOR": "1",
        "CLICOLOR_FORCE": "1",
        **dict.fromkeys(threads, "1"),
    }


def python(
    control: int, archive: int, place: str, preload: Iterable[str] = (), program: str = sys.executable
) -> list[str]:
    """The server's own command line.

    Args:
        control: the descriptor it listens on.
        archive: the descriptor where a zip with labkit arrives, as ``reduced.archive`` makes it.
        place: the folder where that is unpacked.
        preload: what the server will import: what is slow of it is imported while the zip is on its way.
    """
    names = [name for wanted, name in SLOWEST.items() if wanted in preload]
    return [program, "-P", "-c", START, str(control), str(archive), place, *names]


def bubblewrap(
    control: int,
    archive: int,
    texts: dict[str, int],
    preload: Iterable[str] = (),
    hide: Iterable[Path] = (),
    keep: Iterable[str] = (),
) -> list[str]:
    """The command line that starts the server in bubblewrap; ``control``, ``archive``, ``preload`` as in ``python``.

    Args:
        texts: descriptors from which the small files of ``ACCOUNTS`` are read, by their path.
        hide: folders that stay out of sight even where they lie in one that is let in.
        keep: distributions that stay in sight although only labkit's tests need them.
    """
    command = [sandbox_bwrap.program() or "bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    # As init of its namespace the server takes every submission along when it ends, however it ends.
    command += ["--unshare-cgroup-try", "--hostname", "sandbox", "--as-pid-1"]
    if os.geteuid() == 0:
        command += ["--cap-drop", "ALL", *(word for name in ROOT_NEEDS for word in ("--cap-add", name))]
    else:
        command += ["--unshare-user"]
    # /dev/zero can be mapped as memory that no limit counts; /dev/full reads alike and can't.
    command += ["--proc", "/proc", "--dev", "/dev", "--dev-bind-try", "/dev/full", "/dev/zero", *server_places()]
    command += system() + packages()
    for path, descriptor in texts.items():
        command += ["--ro-bind-data", str(descriptor), path]
    command += covered(hide, keep)
    command += [*parents(Path(PLACE)), "--perms", "0755", "--tmpfs", PLACE]
    # bubblewrap's own file systems belong to the server's account, which every fork shares.
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]
    server = python(control, archive, PLACE, preload, seen_at(Path(sys.executable)))
    return [*launcher(), *command, *server]


def launcher() -> list[str]:
    """What is started first, where a virtual environment is seen elsewhere than it lies."""
    if seen_at(Path(sys.prefix)) == sys.prefix:
        return []
    return [sys.executable, "-I", "-S", str(LAUNCHER), os.path.realpath(sys.prefix)]


def seen_at(path: Path) -> str:
    """Where a submission sees a file or folder of this machine that is let in."""
    for prefix in dict.fromkeys((sys.prefix, os.path.realpath(sys.prefix))):
        if sys.prefix != sys.base_prefix and path.is_relative_to(prefix) and not Path(prefix).is_relative_to("/usr"):
            return str(Path(VENV) / path.relative_to(prefix))
    return str(path)


def server_places() -> list[str]:
    """Arguments that make the folders each fork puts empty ones over. The server's imports write to two of them."""
    arguments = []
    for place in (HOME, "/tmp"):
        arguments += [*parents(Path(place)), "--perms", "1777", "--tmpfs", place]
    for place in ("/var/tmp", STAGE, "/dev/shm", "/etc"):
        arguments += [*parents(Path(place)), "--perms", "0755", "--dir", place]
    return arguments


def system() -> list[str]:
    """Arguments that let in programs, libraries and a few settings."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in SETTINGS:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return [*arguments, "--ro-bind-try", "/nix/store", "/nix/store"]


def packages() -> list[str]:
    """Arguments that let in this Python and its packages, each folder where it is."""
    arguments = []
    for path in python_folders():
        seen = seen_at(path)
        arguments += [*parents(Path(seen)), "--ro-bind", os.path.realpath(path), seen]
    return arguments + links()


def links() -> list[str]:
    """Arguments that lay the links from this Python's name to its program where they are in no folder that is let in:
    an installer may have left one in ``~/.local/bin``, from which a virtual environment was made."""
    arguments, path = [], Path(sys.executable)
    while path.is_symlink():
        if not any(path.is_relative_to(folder) for folder in [Path("/usr"), *python_folders()]):
            arguments += [*parents(path), "--symlink", os.readlink(path), str(path)]
        path = Path(os.path.normpath(path.parent / os.readlink(path)))
    return arguments


def parents(path: Path) -> list[str]:
    """Arguments that make the folders above a path. Made unasked, they would be closed to all but root."""
    return [word for above in list(path.parents)[-2::-1] for word in ("--perms", "0755", "--dir", str(above))]


def python_folders() -> list[Path]:
    """The folders of this Python and of its packages, without those inside another."""
    names = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        names.add(site.getusersitepackages())
    names |= {os.path.realpath(name) for name in names}
    kept: list[Path] = []
    for path in sorted(Path(name) for name in names):
        if path.is_dir() and not any(path.is_relative_to(other) for other in [Path("/usr"), *kept]):
            kept.append(path)
    return kept


def covered(hide: Iterable[Path], keep: Iterable[str] = ()) -> list[str]:
    """Arguments that put something empty over what is let in and must not be seen."""
    arguments = []
    for path, kind in sandbox_covers.covers(python_folders(), hide, keep).items():
        seen = seen_at(path)
        if kind == "file":
            arguments += ["--ro-bind", "/dev/null", seen]
            continue
        arguments += ["--tmpfs", seen]
        arguments += ["--symlink", sandbox_covers.NOT_THERE, f"{seen}/__init__.py"] if kind == "package" else []
        arguments += ["--remount-ro", seen]
    return arguments


@cache
def private_paths(place: str = PLACE) -> tuple[tuple[str, str], ...]:
    """What an output says in place of paths that only this machine has, longest first.

    Args:
        place: where the submission's copy of labkit lies.
    """
    shown = {name: "site-packages" for name in site.getsitepackages()}
    shown[os.path.dirname(os.__file__)] = "python"
    shown |= {sys.prefix: "python", sys.base_prefix: "python"}
    inside = {seen_at(Path(path)): name for path, name in shown.items()} | {f"{place}/labkit": "labkit"}
    shown[str(PACKAGE)] = "labkit"
    every = {**{os.path.realpath(path): name for path, name in shown.items()}, **shown, **inside}
    outside = [(path, name) for path, name in every.items() if not Path(path).is_relative_to("/usr")]
    return tuple(sorted(outside, key=lambda pair: -len(pair[0])))
