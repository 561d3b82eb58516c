"""Started before bubblewrap, as a script: let a virtual environment be seen without telling where it lies.

A list of mounts tells of each folder that is let in where it lies on its own disk, and a virtual environment often
lies in the course. Of an overlay it tells what its maker wrote, which is "here". Where no overlay can be made,
bubblewrap finds the folder itself.
"""

import ctypes
import os
import sys
import tempfile

NEW_MOUNTS, NEW_USERS = 0x00020000, 0x10000000
READ_ONLY, RECURSIVE, PRIVATE = 1, 16384, 1 << 18


def cover(folder: str) -> None:
    """Put an overlay of a folder over itself, in this process's own list of mounts.

    Raises:
        OSError: if that isn't possible.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    checked(libc.unshare(NEW_MOUNTS | (NEW_USERS if user else 0)))
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    checked(libc.mount(b"none", b"/", None, ctypes.c_ulong(RECURSIVE | PRIVATE), None))
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    with tempfile.TemporaryDirectory() as nothing:  # an overlay has at least two layers
        layer = os.open(nothing, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.chdir(folder)
            options = f"lowerdir=.:/proc/self/fd/{layer}".encode()
            checked(libc.mount(b"overlay", b".", b"overlay", ctypes.c_ulong(READ_ONLY), options))
        finally:
            os.fchdir(here)
            os.close(layer)
            os.close(here)


def checked(result: int) -> None:
    """Raise ``OSError`` if a call failed."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def possible(folder: str) -> bool:
    """Whether it is, as a process finds out that nobody needs any more: half of it would be worse than nothing."""
    child = os.fork()
    if child == 0:
        try:
            cover(folder)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    if possible(sys.argv[1]):
        cover(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
