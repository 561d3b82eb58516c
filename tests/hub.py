"""A JupyterHub of a test's own, as docs/hub sets it up, with system users that go away with it."""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parents[1]
GROUP = "labkit-students"
TEACHER = "labkit-teacher"
PUPILS = ("labkit-ann", "labkit-ben", "labkit-cem")


def lack() -> str:
    """Why no hub can be started here; nothing if one can."""
    if os.geteuid() != 0:
        return "needs root: the hub starts servers of several users"
    for module in ("jupyterhub", "jupyterhub_idle_culler"):
        if find_spec(module) is None:
            return f"needs {module}: pip install jupyterhub jupyterhub-idle-culler"
    if shutil.which("configurable-http-proxy") is None:
        return "needs configurable-http-proxy: npm install -g configurable-http-proxy"
    if as_user("nobody", [sys.executable, "-c", "import labkit"]).returncode:
        return f"needs an environment that everybody can read, as one in /opt: {sys.executable} is not"
    return ""


def as_user(name: str, command: list[str], **environment: str) -> subprocess.CompletedProcess:
    """What a user's own shell does."""
    home = pwd.getpwnam(name).pw_dir
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    env = {"HOME": home, "USER": name, "PATH": path, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        command, user=name, group=pwd.getpwnam(name).pw_gid, extra_groups=[], env=env, text=True, capture_output=True,
        cwd=environment.get("PWD", "/"), timeout=600, check=False,
    )  # fmt: skip


@dataclass
class Person:
    """Somebody who logged in with a password, in a browser's place: cookies at the hub, a token at the servers."""

    hub: str
    name: str
    token: str

    def call(self, method: str, path: str, owner: str = "", **options: Any) -> requests.Response:
        """A call of a server's interface, of one's own or of somebody else's."""
        url = f"{self.hub}/user/{owner or self.name}/{path}"
        return requests.request(method, url, headers={"Authorization": f"token {self.token}"}, timeout=300, **options)

    def start(self) -> None:
        """Start one's own server, and wait for it."""
        url, headers = f"{self.hub}/hub/api/users/{self.name}", {"Authorization": f"token {self.token}"}
        answer = requests.post(f"{url}/server", headers=headers, timeout=300)
        assert answer.status_code in (201, 202), answer.text
        until = time.monotonic() + 300
        while not requests.get(url, headers=headers, timeout=300).json()["servers"].get("", {}).get("ready"):
            assert time.monotonic() < until, f"the server of {self.name} did not start"
            time.sleep(0.5)


def log_in(hub: str, name: str, password: str) -> Person | None:
    """Log in over the hub's form; None if the hub refuses."""
    with requests.Session() as session:
        session.get(f"{hub}/hub/login", timeout=300)
        form = {"username": name, "password": password, "_xsrf": session.cookies["_xsrf"]}
        answer = session.post(f"{hub}/hub/login", data=form, allow_redirects=False, timeout=300)
        if answer.status_code != 302:
            return None
        session.get(f"{hub}/hub/home", timeout=300)
        xsrf = next(cookie.value for cookie in session.cookies if cookie.name == "_xsrf" and cookie.path == "/hub/")
        url = f"{hub}/hub/api/users/{name}/tokens"
        answer = session.post(url, headers={"X-XSRFToken": xsrf, "Referer": f"{hub}/hub/token"}, json={}, timeout=300)
        assert answer.status_code == 201, answer.text
        return Person(hub, name, answer.json()["token"])


@dataclass
class Hub:
    """A running hub."""

    url: str
    place: Path
    passwords: dict[str, str]

    def log_in(self, name: str, password: str = "") -> Person | None:
        """Somebody logs in, by default with the right password."""
        return log_in(self.url, name, password or self.passwords[name])


@contextlib.contextmanager
def users() -> Iterator[dict[str, str]]:
    """A teacher and three students of this machine, with their passwords; they and their homes go away."""
    subprocess.run(["groupadd", GROUP], check=True)
    made = []
    try:
        for name in (TEACHER, *PUPILS):
            groups = [] if name == TEACHER else ["--groups", GROUP]
            subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", *groups, name], check=True)
            made.append(name)
        passwords = {name: secrets.token_hex(8) for name in made}
        lines = "".join(f"{name}:{password}\n" for name, password in passwords.items())
        subprocess.run(["chpasswd"], input=lines, text=True, check=True)
        yield passwords
    finally:
        for name in made:
            subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)
        subprocess.run(["groupdel", GROUP], check=False)


@contextlib.contextmanager
def running() -> Iterator[Hub]:
    """A hub with docs/hub's settings on a free port, and an empty place for a course; skips where it can't be."""
    if reason := lack():
        pytest.skip(reason)
    place = Path(tempfile.mkdtemp(prefix="labkit-hub-"))
    place.chmod(0o755)
    with users() as passwords:
        try:
            for name, mode in (("hub", 0o700), ("exchange", 0o1777), ("course", 0o700)):
                (place / name).mkdir()
                (place / name).chmod(mode)
            shutil.chown(place / "course", TEACHER, TEACHER)
            shutil.copytree(ROOT / "docs" / "hub", place / "settings")
            with started(place) as url:
                yield Hub(url, place, passwords)
        finally:
            shutil.rmtree(place)


@contextlib.contextmanager
def started(place: Path) -> Iterator[str]:
    """The hub's process; its address."""
    port, inner, api = free_ports(3)
    (place / "hub" / "test_config.py").write_text(
        f"load_subconfig('jupyterhub_config.py', path={str(place / 'settings')!r})\n"
        f"c = get_config()\n"
        f"c.JupyterHub.bind_url = 'http://127.0.0.1:{port}'\n"
        f"c.JupyterHub.hub_bind_url = 'http://127.0.0.1:{inner}'\n"
        f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{api}'\n"
    )
    names = {"LABKIT_HUB": str(place), "LABKIT_INSTRUCTOR": TEACHER, "LABKIT_STUDENTS": GROUP}
    env = {**os.environ, **names}
    command = [sys.executable, "-m", "jupyterhub", "-f", place / "hub" / "test_config.py"]
    with open(place / "hub" / "log", "w") as log:
        process = subprocess.Popen(command, cwd=place / "hub", env=env, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/hub/health", process, place / "hub" / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()  # it stops its servers, its proxy and its culler
            process.wait(120)


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    """Wait until an address answers."""
    until = time.monotonic() + 180
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(url, timeout=30).ok:
                return
        time.sleep(0.5)
    raise AssertionError(f"the hub did not start:\n{log.read_text()[-3000:]}")


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
