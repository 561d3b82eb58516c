"""A class with an attacker of every kind in it is graded by ``labkit grade``: some are flagged (exit status 1), the
others' marks are as they would be without the attackers, and each attacker's row says what happened.

``test_sandbox.py`` holds the same attacks, and more of them, against one sandbox; here they meet the whole engine.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest

from labkit.grading.engine.journal import Journal
from tests import engine_class
from tests.engine_class import ASSIGNMENT, RIGHT, gradebook_rows, submit
from tests.engine_double import contained
from tests.processes import sleeping

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not contained(), reason="attacks run in a sandbox only, and this machine allows none"),
]

ROOT = Path(__file__).resolve().parents[1]
SECRET = "xylophone"
SLEEP = f"47{os.getpid()}.5"  # a time to sleep that names this test's process
LIMITS = {
    "cell_seconds": 8,
    "interrupt_seconds": 10,
    "memory_bytes": 1 << 30,
    "file_bytes": 64 << 20,
    "disk_bytes": 128 << 20,
    "output_bytes": 1 << 20,
    "processes": 48,
}

LOOK = """
import os
def look(*paths):
    for path in paths:
        try:
            with open(path, "rb") as file:
                if b"xylo" + b"phone" in file.read():
                    print("REACHED", path)
        except OSError as error:
            print(type(error).__name__)
"""
OPEN = """
def write(*paths):
    for path in paths:
        try:
            open(path, "a").write("x")
            print("REACHED", path)
        except OSError:
            print("refused")
"""
CONNECT = """
import socket
def attempt(family, address):
    try:
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(2)
            s.connect(address)
        print("REACHED", address)
    except OSError as error:
        print(type(error).__name__)
"""
BOMB = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
OVER_TIME = "a cell ran longer than the 8 s it may take, and did not stop when it was interrupted"
INTERRUPTED = "squares was interrupted at its time limit"
MEMORY = "it used more than the 1 GiB of memory it may and was stopped"
PIPE = "the reply channel was tampered with"

# By group: what is tried, how, and what the row says; or, where the system refused and the cell went on, what the
# cell shows. COURSE, HOME, PORT and SLEEP are filled in.
ATTACKS: dict[str, list[tuple[str, str, str]]] = {
    "reading": [
        ("the solutions", LOOK + "look('COURSE/solutions/ps1/problem1.ipynb')", "FileNotFoundError"),
        ("the gradebook", LOOK + "look('COURSE/gradebook.db')", "FileNotFoundError"),
        ("another submission", LOOK + "look('COURSE/submitted/s00-honest/ps1/problem1.ipynb')", "FileNotFoundError"),
        ("the instructor's home", LOOK + "look('HOME/.labkit-mark', 'HOME/.bashrc')", "FileNotFoundError"),
        ("the instructor's environment variables",
         LOOK + "look('/proc/1/environ', '/proc/self/environ', f'/proc/{os.getppid()}/environ')\n"
         "print('REACHED' if 'INSTRUCTOR' in os.environ else 'not there')",
         "not there"),
    ],
    "writing": [
        ("into the course", OPEN + "write('COURSE/gradebook.db', 'COURSE/submitted/x', 'COURSE/x')",
         "refused"),
        ("into the system and Python's packages",
         OPEN + "import os, labkit\nwrite('/usr/x', '/etc/passwd', '/x', os.__file__, labkit.__file__)", "refused"),
    ],
    "the network": [
        ("a host outside", CONNECT + "attempt(socket.AF_INET, ('192.0.2.1', 80))", "OSError"),
        ("a service of this machine", CONNECT + "attempt(socket.AF_INET, ('127.0.0.1', PORT))",
         "ConnectionRefusedError"),
    ],
    "using too much": [
        ("a fork bomb that ignores interrupts",
         "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + BOMB, OVER_TIME),
        ("10 GB in one piece", "block = bytearray(10 << 30)", "MemoryError"),
        ("10 GB in many processes", "import os, time\nfor _ in range(20):\n    if os.fork() == 0:\n"
         "        block = b'x' * (500 << 20); time.sleep(60); os._exit(0)\ntime.sleep(60)", MEMORY),
        ("an endless loop", "while True: pass", INTERRUPTED),
        ("an endless loop that swallows interrupts",
         "import signal\nsignal.signal(signal.SIGINT, lambda *_: None)\nwhile True: pass", OVER_TIME),
        ("a 1.5 GB file", "with open('large', 'wb', buffering=0) as file:\n"
         "    for _ in range(1500): file.write(b'x' * (1 << 20))", "OSError"),
        ("100 MB printed", "print('x' * 100_000_000)", "[The rest is left out: a cell may print and show 1 MiB.]"),
    ],
    "ending": [
        ("os._exit(0)", "import os; os._exit(0)", "it ended its own process (exit status 0) instead of its cell"),
        ("kill -9 of itself", "import os, resource; resource.setrlimit(0, (0, 0))\nwhile True: pass",
         "its process was killed"),
        ("a crash", "import ctypes; ctypes.string_at(0)", "its process crashed (Segmentation fault)"),
    ],
    "others' processes": [
        ("kill the parent, and everybody", "import os\nos.kill(os.getppid(), 9)\ntry:\n    os.kill(-1, 9)\n"
         "except OSError as error:\n    print(type(error).__name__)", "ProcessLookupError"),
        ("signal or trace a neighbour or the fork server", """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
reached = [pid for pid in range(2, 70_000) if libc.kill(pid, 0) == 0]
print("REACHED" if reached or libc.ptrace(16, 1, 0, 0) == 0 else "nobody there")
""", "nobody there"),
        ("leave a process behind", "import subprocess\n"
         "_ = subprocess.Popen(['setsid', 'nohup', 'sleep', 'SLEEP'])\nprint('started')", "started"),
    ],
    "the next submission": [
        ("leave a file for it", "for place in ('.', '/tmp', '/dev/shm', '/var/tmp', '/home/student'):\n"
         "    open(place + '/left-behind', 'w').write('x')\nprint('written')", "written"),
        ("look for such a file", "import os\nprint([os.path.join(p, f) for top in ('/home', '/tmp', '/dev/shm', "
         "'/var/tmp') for p, _, fs in os.walk(top) for f in fs if 'left' in f] or 'nothing there')", "nothing there"),
    ],
    "the reply channel": [
        ("garbage", "import os\nfor fd in range(3, 1024):\n    try:\n        os.write(fd, b'\\xff' * 64)\n"
         "    except OSError:\n        pass", PIPE),
        ("a second reply", "from labkit.grading.engine.frames import Channel\nhonest = Channel.send\n"
         "def send(self, header, body=b'', **_):\n    honest(self, header, body); honest(self, header, body)\n"
         "Channel.send = send", PIPE),
        ("outputs of no known shape", "from labkit.grading.engine.frames import Channel\nhonest = Channel.send\n"
         "Channel.send = lambda self, header, body=b'', **_: honest(self, {**header, 'outputs': [{}]}, body)", PIPE),
        ("closing it", "import os, time\nos.closerange(3, 1024)\ntime.sleep(60)",
         "its process closed its reply channel"),
    ],
}  # fmt: skip
NAMES = [(group, *attack) for group, attacks in ATTACKS.items() for attack in attacks]
HONEST = {
    0: RIGHT,
    7: {},
    14: {"squares": engine_class.WRONG["squares"][0], "half": RIGHT["half"]},
    21: RIGHT,
    27: RIGHT,
}


def student(number: int) -> str:
    """The name of an attacker, in whose order they are graded; the honest ones stand among them."""
    return f"s{number:02d}-attacker"


def honest(number: int) -> str:
    return f"s{number:02d}-honest"


def labkit_grade(root: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """``labkit grade ps1`` in a course."""
    limits = [word for name, value in LIMITS.items() for word in ("--limit", f"{name}={value}")]
    command = [sys.executable, "-W", "ignore", "-m", "labkit.grading.cli", "grade", ASSIGNMENT, "--jobs", "2", *limits]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)


def digests(folder: Path) -> dict[str, str]:
    """The contents of a folder's files."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class after ``labkit grade``, and what the tests ask about it."""
    root = tmp_path_factory.mktemp("contained") / "course"
    root.mkdir()
    engine_class.course(root, notebooks=["problem1"])
    (root / "source").rename(root / "solutions")
    (root / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.source_directory = "solutions"\nc.CourseDirectory.db_assignments = []\n'
    )
    for number, answers in HONEST.items():
        submit(root, honest(number), answers)
    twin = root.parent / "without"
    shutil.copytree(root, twin)
    home = root.parent / "home"
    home.mkdir()
    (home / ".labkit-mark").write_text(SECRET)
    (root / "solutions" / ASSIGNMENT / "notes.txt").write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reached = threading.Event()

        def listen():
            try:
                listener.accept()
                reached.set()
            except OSError:
                return

        threading.Thread(target=listen, daemon=True).start()
        fill = {"COURSE": str(root), "HOME": str(home), "PORT": str(listener.getsockname()[1]), "SLEEP": SLEEP}
        for number, (_, _, code, _) in enumerate(NAMES):
            for name, value in fill.items():
                code = code.replace(name, value)
            submit(root, student(number), {**RIGHT, "squares": code})
        before = digests(root / "solutions"), digests(root / "submitted")
        done = labkit_grade(root, INSTRUCTOR=SECRET, HOME=str(home))
        listener.shutdown(socket.SHUT_RDWR)
    plain = labkit_grade(twin)
    return {
        "root": root,
        "done": done,
        "reached": reached.is_set(),
        "untouched": before == (digests(root / "solutions"), digests(root / "submitted")),
        "rows": gradebook_rows(root),
        "without": gradebook_rows(twin),
        "plain": plain,
    }


def said(root: Path, name: str) -> str:
    """What a student's row says; where it says nothing, the last that the attack's cell shows."""
    entry = Journal(root / ".local/grading" / ASSIGNMENT).get(name)
    if entry.sentence:
        return entry.sentence
    path = root / "autograded" / name / ASSIGNMENT / "problem1.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    cell = next(cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "squares")
    output = cell.outputs[-1]
    if output.output_type == "error":
        return str(output.ename)
    return str(output.text).strip().splitlines()[-1]


def test_the_batch_ends_well_and_everybody_has_a_row(graded):
    assert graded["done"].returncode == 1, graded["done"].stderr  # some are flagged
    assert graded["plain"].returncode == 0, graded["plain"].stderr
    states = [
        json.loads(p.read_text())["state"] for p in (graded["root"] / ".local/grading" / ASSIGNMENT).glob("*.json")
    ]
    assert states == ["done"] * (len(NAMES) + len(HONEST))
    assert {key[0] for key in graded["rows"]} == {*map(student, range(len(NAMES))), *map(honest, HONEST)}


def test_nothing_of_the_course_or_the_machine_was_touched(graded):
    assert graded["untouched"]
    assert not graded["reached"], "a submission reached a service of this machine"
    assert not any(Path(place, "left-behind").exists() for place in ("/tmp", "/dev/shm", "/var/tmp"))
    deadline = time.monotonic() + 60
    while (left := sleeping(SLEEP)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []


def of(rows, names):
    return {key: value for key, value in rows.items() if key[0] in names}


@pytest.mark.parametrize("number", range(len(NAMES)), ids=[name for _, name, _, _ in NAMES])
def test_an_attack_is_told_and_the_others_have_the_marks_they_would_have(graded, number, record):
    group, name, _, expected = NAMES[number]
    says = said(graded["root"], student(number))
    assert says == expected
    outputs = (graded["root"] / "autograded" / student(number) / ASSIGNMENT / "problem1.ipynb").read_text()
    assert "REACHED /" not in outputs
    assert "REACHED\\n" not in outputs
    names = {honest(n) for n in HONEST}
    unchanged = of(graded["rows"], names) == of(graded["without"], names)
    assert unchanged
    shown = (
        says
        if says == Journal(graded["root"] / ".local/grading" / ASSIGNMENT).get(student(number)).sentence
        else (f"nothing; its cell shows `{says}`")
    )
    record("contained", group=group, attack=name, says=shown, unchanged=unchanged, honest=len(HONEST))
