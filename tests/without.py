"""A machine that has fewer programs: a PATH without them. Nothing else is set: a test sees what a user there sees."""

import os
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def path_without(folder: Path, *hidden: str) -> str:
    """A PATH of one folder with links to every program of this machine, but those that a pattern of ``hidden`` fits."""
    folder.mkdir(parents=True)
    for place in (*os.environ["PATH"].split(os.pathsep), *FOLDERS):
        for program in sorted(Path(place).glob("*")):
            link = folder / program.name
            if not any(fnmatch(program.name, name) for name in hidden) and not link.is_symlink() and program.is_file():
                link.symlink_to(program)
    return str(folder)


def main() -> None:
    """Print such a PATH: the folder comes first, then what to hide."""
    folder, *hidden = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    print(path_without(Path(folder), *hidden))


if __name__ == "__main__":
    main()
