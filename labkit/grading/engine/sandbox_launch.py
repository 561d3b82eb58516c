"""How the fork server is started: the bubblewrap command, and what of the machine it lets in.

Let in, read-only: the system's programs and libraries, this Python, its packages, the labkit package. Left out:
homes, the course folder, the host's processes, network, devices, settings and environment variables.
"""

import os
import shutil
import site
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import labkit
from labkit.grading.engine import inside_isolate

PACKAGE = Path(labkit.__file__).resolve().parent
MODULE = "labkit.grading.engine.inside"
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


def environment(home: str) -> dict[str, str]:
    """The environment variables of a submission: none of the instructor's."""
    path = [os.path.dirname(sys.executable), "/usr/local/bin", "/usr/bin", "/bin"]
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "PATH": ":".join(path),
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(PACKAGE.parent),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "TERM": "xterm-color",
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "CLICOLOR": "1",
        "FORCE_COLOR": "1",
        "CLICOLOR_FORCE": "1",
        **dict.fromkeys(threads, "1"),
    }


def python(control: int) -> list[str]:
    """The server's own command line.

    Args:
        control: the descriptor it listens on.
    """
    return [sys.executable, "-P", "-m", MODULE, str(control)]


def bubblewrap(control: int, texts: dict[str, int], hide: Iterable[Path] = ()) -> list[str]:
    """The command line that starts the server in bubblewrap.

    Args:
        texts: descriptors from which the small files of ``ACCOUNTS`` are read, by their path.
        hide: folders that stay out of sight even where they lie in one that is let in.
    """
    command = [shutil.which("bwrap") or "bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
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
    command += covered(hide)
    # bubblewrap's own file systems belong to the server's account, which every fork shares.
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--", *python(control)]


def server_places() -> list[str]:
    """Arguments that make the folders each fork puts empty ones over. The server's imports write to two of them."""
    arguments = []
    for place in (inside_isolate.HOME, "/tmp"):
        arguments += [*parents(Path(place)), "--perms", "1777", "--tmpfs", place]
    for place in ("/var/tmp", inside_isolate.STAGE, "/dev/shm", "/etc"):
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
        arguments += [*parents(path), "--ro-bind", str(path), str(path)]
    return arguments


def parents(path: Path) -> list[str]:
    """Arguments that make the folders above a path. Made unasked, they would be closed to all but root."""
    return [word for above in list(path.parents)[-2::-1] for word in ("--perms", "0755", "--dir", str(above))]


def python_folders() -> list[Path]:
    """The folders of this Python, of its packages and of labkit, without those inside another."""
    names = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        names.add(site.getusersitepackages())
    names |= {os.path.realpath(name) for name in names} | {str(PACKAGE)}
    kept: list[Path] = []
    for path in sorted(Path(name) for name in names):
        if path.is_dir() and not any(path.is_relative_to(other) for other in [Path("/usr"), *kept]):
            kept.append(path)
    return kept


def covered(hide: Iterable[Path]) -> list[str]:
    """Arguments that put an empty folder over each of ``hide`` that is let in."""
    arguments = []
    for path in hide:
        path = Path(path).resolve()
        if any(path.is_relative_to(folder) for folder in [Path("/usr"), *python_folders()]):
            arguments += ["--tmpfs", str(path), "--remount-ro", str(path)]
    return arguments


@cache
def private_paths() -> tuple[tuple[str, str], ...]:
    """What an output says in place of paths that only this machine has, longest first."""
    shown = {name: "site-packages" for name in site.getsitepackages()}
    shown[os.path.dirname(os.__file__)] = "python"
    shown[str(PACKAGE)] = "labkit"
    shown |= {sys.prefix: "python", sys.base_prefix: "python"}
    every = {**{os.path.realpath(path): name for path, name in shown.items()}, **shown}
    outside = [(path, name) for path, name in every.items() if not Path(path).is_relative_to("/usr")]
    return tuple(sorted(outside, key=lambda pair: -len(pair[0])))
