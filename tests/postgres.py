"""A PostgreSQL server of a test's own: Debian's programs, on loopback, in a temporary folder that goes away with it."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``; Debian keeps it off the path."""
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    named = shutil.which("initdb")
    return there[-1].parent if there else Path(named).resolve().parent if named else None


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A server with an empty database; its SQLAlchemy URL. The test is skipped where there is none to start."""
    bin_ = programs()
    if bin_ is None:
        pytest.skip("needs PostgreSQL's server: apt-get install postgresql")
    if find_spec("psycopg") is None:
        pytest.skip("needs psycopg: pip install 'labkit-course[postgres]'")
    # The server refuses to run as root: then it runs as the user that Debian's package made.
    as_user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    password = secrets.token_hex(16)
    folder = Path(tempfile.mkdtemp(prefix="labkit-postgres-"))
    try:
        (folder / "password").write_text(password)
        if as_user:
            shutil.chown(folder, **as_user)
            shutil.chown(folder / "password", **as_user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        run = {"cwd": folder, "stdout": subprocess.DEVNULL, "check": True, **as_user}
        subprocess.run(
            [bin_ / "initdb", "-D", folder / "data", "-U", "labkit", "--auth=scram-sha-256", "--encoding=UTF8",
             f"--pwfile={folder / 'password'}", "--locale=C.UTF-8", "--no-sync"], **run
        )  # fmt: skip
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -p {port} -c fsync=off"
        control = [bin_ / "pg_ctl", "-D", folder / "data", "-w"]
        subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], **run)
        try:
            yield f"postgresql+psycopg://labkit:{password}@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **run)
    finally:
        shutil.rmtree(folder)
