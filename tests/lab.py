"""JupyterLab, started as a user starts it: ``labkit lab``, with a home of its own; its terminals and its kernels."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

TOKEN = "only-for-this-test"
# What says where a person's own settings are. A new user has none of these, and an empty home.
PERSONAL = ("JUPYTER_", "JUPYTERLAB_", "IPYTHON", "XDG_", "LABKIT_COURSE", "LABKIT_HOME", "VIRTUAL_ENV", "CONDA_")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def user(home: Path, **more: str) -> dict[str, str]:
    """The environment of a person with this home, and ``more``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PERSONAL)}
    return kept | {"HOME": str(home), "JUPYTER_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"} | more


@contextmanager
def started(
    folder: Path,
    home: Path,
    *,
    labkit: Sequence[str] = (sys.executable, "-m", "labkit"),
    terminal: bool = False,
    **more: str,
) -> Iterator[str]:
    """``labkit lab``, started in a folder; the address it prints, without its token.

    Args:
        labkit: the command.
        terminal: whether it is started from a terminal, else by another program.
        more: environment variables.

    Raises:
        RuntimeError: if the server does not come up.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / "jupyter.log"
    main, other = os.openpty() if terminal else (None, None)
    with log.open("wb") as file:
        out = file if other is None else other
        command = [*labkit, "lab", "--no-browser", "--port", str(free_port())]
        server = subprocess.Popen(
            command, cwd=folder, env=user(home, **more), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    if other is not None:
        os.close(other)
    try:
        yield address(server, log, main)
    finally:
        # On SIGTERM the server stops its kernels and terminals before it goes.
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if main is not None:
            os.close(main)


def address(server: subprocess.Popen[bytes], log: Path, terminal: int | None, *, seconds: float = 120) -> str:
    """The address that was printed, once the server answers there.

    Raises:
        RuntimeError: if it ends or takes too long, with the end of what it said.
    """
    end, said = time.monotonic() + seconds, ""
    while time.monotonic() < end and server.poll() is None:
        if terminal is None:
            said = log.read_text()
        elif "token=" not in said:
            said += os.read(terminal, 4096).decode()
        if found := re.search(r"(http://\S+?)/lab\S*\?token=", said):
            try:
                get(found.group(1), "api/status")
                return found.group(1)
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{said[-3000:]}")


def get(url: str, path: str, method: str = "GET", body: object = None) -> Any:
    """What the server answers."""
    request = urllib.request.Request(
        f"{url}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def connect(url: str, path: str) -> Any:
    """A connection to a terminal or a kernel."""
    import websocket

    return websocket.create_connection(
        f"{url.replace('http', 'ws', 1)}/{path}", header=[f"Authorization: token {TOKEN}"], timeout=120
    )


def typed(url: str, line: str, *, seconds: float = 120) -> str:
    """What a new terminal shows after a line was typed into it, up to the end of what the line does."""
    name = get(url, "api/terminals", "POST")["name"]
    try:
        with closing(connect(url, f"terminals/websocket/{name}")) as shell:
            shell.send(json.dumps(["set_size", 40, 300]))
            # The end is recognised by what the shell computes, not by the echo of what was typed.
            shell.send(json.dumps(["stdin", f"{line}; echo end-$((6*7))-$?\r"]))
            shown, end = "", time.monotonic() + seconds
            while not re.search(r"end-42-\d+", shown):
                if time.monotonic() > end:
                    raise TimeoutError(f"the line did not end; the terminal shows:\n{shown}")
                kind, *words = json.loads(shell.recv())
                shown += words[0] if kind == "stdout" else ""
    finally:
        get(url, f"api/terminals/{name}", "DELETE")
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", shown).replace("\r", "")


def run(url: str, kernel: str, code: str) -> str:
    """What a cell prints in a kernel of the server, its errors included."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex}
    request = {
        "header": header | {"version": "5.3"}, "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": [],
        "content": {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                    "allow_stdin": False, "stop_on_error": False},
    }  # fmt: skip
    shown = ""
    with closing(connect(url, f"api/kernels/{kernel}/channels")) as channels:
        channels.send(json.dumps(request))
        while True:
            message = json.loads(channels.recv())
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                shown += content["text"]
            elif message["msg_type"] == "error":
                shown += f"{content['ename']}: {content['evalue']}"
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return shown


@contextmanager
def kernel(url: str, path: str) -> Iterator[str]:
    """A kernel for a notebook of the server."""
    session = get(url, "api/sessions", "POST", {
        "path": path, "type": "notebook", "name": "", "kernel": {"name": "python3"},
    })  # fmt: skip
    try:
        yield session["kernel"]["id"]
    finally:
        get(url, f"api/sessions/{session['id']}", "DELETE")
