"""Nothing a submission does reaches the course, the machine or a neighbour, and each attempt ends in a sentence.

Every attack here runs between two honest neighbours: one opened before it, one after. Limits are small, so that
the attacks are too. ``test_sandbox_cells.py`` holds what honest cells expect.
"""

import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.grading.engine.limits import MIB, Limits
from labkit.grading.engine.sandbox import CellResult, Sandbox, SandboxError, Session, probe
from labkit.grading.engine.sandbox import launch as sandbox_launch
from labkit.grading.engine.sandbox import server as sandbox_server
from tests.processes import sleeping

REASON = probe()
pytestmark = pytest.mark.skipif(bool(REASON), reason=f"no sandbox here: {REASON}")

# Where this Python and its packages lie below /tmp, they stay in sight there; a virtual environment is seen elsewhere.
SEEN = [Path(sandbox_launch.seen_at(folder)) for folder in sandbox_launch.python_folders()]
IN_TMP = sorted({folder.parts[2] for folder in SEEN if folder.is_relative_to("/tmp")})

LIMITS = Limits(
    cell_seconds=20,
    interrupt_seconds=2,
    notebook_seconds=120,
    cpu_seconds=60,
    memory_bytes=512 * MIB,
    processes=32,
    file_bytes=16 * MIB,
    disk_bytes=64 * MIB,
    output_bytes=1 * MIB,
    reply_bytes=4 * MIB,
)
# Limits that must fire are short, those that must not are long: a busy machine may take its time over anything.
IMPATIENT = Limits(**{**LIMITS.as_dict(), "cell_seconds": 1.5, "interrupt_seconds": 1.0})
LENIENT = Limits(**{**LIMITS.as_dict(), "cell_seconds": 1.5, "interrupt_seconds": 60})
PATIENT = Limits(**{**LIMITS.as_dict(), "cell_seconds": 300, "notebook_seconds": 900, "cpu_seconds": 300})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(LIMITS, preload=()) as made:
        yield made


@pytest.fixture(scope="module")
def impatient() -> Iterator[Sandbox]:
    """A sandbox whose cells get a second and a half."""
    with Sandbox(IMPATIENT, preload=()) as made:
        yield made


@pytest.fixture(scope="module")
def lenient() -> Iterator[Sandbox]:
    """The same, and time to stop once interrupted."""
    with Sandbox(LENIENT, preload=()) as made:
        yield made


@pytest.fixture(scope="module")
def patient() -> Iterator[Sandbox]:
    """A sandbox in which only memory ends a cell."""
    with Sandbox(PATIENT, preload=()) as made:
        yield made


@pytest.fixture
def neighbour(sandbox: Sandbox) -> Iterator[Session]:
    """A session opened before the attack, which must not notice it."""
    with sandbox.open({"mine.txt": b"neighbour's"}) as session:
        assert printed(session.run_cell("secret = 42; print('here')")) == "here\n"
        yield session
        check_untouched(session)


def check_untouched(session: Session) -> None:
    """The neighbour's process, memory and files are what they were."""
    assert printed(session.run_cell("print(secret, open('mine.txt').read())")) == "42 neighbour's\n"


def printed(result: CellResult) -> str:
    """What a cell wrote to stdout."""
    assert not result.died, result.died
    return "".join(output["text"] for output in result.outputs if output.get("name") == "stdout")


def errors(result: CellResult) -> list[str]:
    """The names of a cell's errors."""
    return [output["ename"] for output in result.outputs if output["output_type"] == "error"]


def check_next_works(sandbox: Sandbox) -> None:
    """A session opened after the attack finds a fresh world."""
    with sandbox.open({"x.txt": b"x"}) as session:
        assert (
            printed(session.run_cell("import os; print(os.listdir(), sorted(os.listdir('/tmp')))"))
            == f"['x.txt'] {IN_TMP}\n"
        )


# Reading ---------------------------------------------------------------------------------------------------------

SEARCH = """
import os
found, tried = [], 0
def look(path):
    global tried
    try:
        with open(path, "rb") as file:
            tried += 1
            if MARK.encode() in file.read(1 << 20):
                found.append(path)
    except OSError:
        pass
MARK = "".join(["xylo", "phone"])
for path in PATHS:
    look(path)
for top in ("/root", "/home", "/etc", "/var", "/tmp", "/run", "/mnt", "/srv", "/opt", "/media", "/dev/shm"):
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if f not in ("site-packages", "python3.11", "include", "share")]
        for name in files:
            look(os.path.join(folder, name))
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline", "maps", "mountinfo", "fd/0", "fd/1", "fd/2", "fd/3"):
        if pid != str(os.getpid()):
            look(f"/proc/{pid}/{name}")
look("/proc/1/environ")
print(MARK in str(dict(os.environ)), found, tried > 3)
"""


def test_cannot_read_the_course_the_home_or_the_environment(
    sandbox: Sandbox, neighbour: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = "xylophone"
    monkeypatch.setenv("GRADEBOOK_PASSWORD", mark)
    paths = [tmp_path / name for name in ("gradebook.db", "source/01/01.ipynb", "submitted/other/01/01.ipynb")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mark)
    home = Path.home() / ".labkit-test-marker"
    home.write_text(mark)
    try:
        with Sandbox(LIMITS, preload=()) as fresh, fresh.open() as session:
            source = f"PATHS = {[str(path) for path in [*paths, home]]}\n" + SEARCH
            assert printed(session.run_cell(source)) == "False [] True\n"
    finally:
        home.unlink()


def test_the_course_is_hidden_even_inside_this_python(tmp_path: Path) -> None:
    course = Path(sys.prefix) / "share"
    assert any(course.iterdir())
    with Sandbox(LIMITS, preload=(), hide=[course]) as hiding, hiding.open() as session:
        assert printed(session.run_cell("import os, sys; print(os.listdir(sys.prefix + '/share'))")) == "[]\n"
        result = session.run_cell("open(sys.prefix + '/share/new', 'w')")
        assert errors(result) == ["OSError"]


def test_a_python_in_a_folder_that_is_covered_stays_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        (folder / "lib").mkdir()
        (folder / "lib/there.txt").write_text("there")
        folder.chmod(0o755)
        real = sandbox_launch.python_folders()
        monkeypatch.setattr(sandbox_launch, "python_folders", lambda: [*real, folder / "lib"])
        with Sandbox(LIMITS, preload=()) as made, made.open() as session:
            assert printed(session.run_cell(f"print(open('{name}/lib/there.txt').read())")) == "there\n"
            assert errors(session.run_cell(f"open('{name}/lib/new', 'w')")) == ["OSError"]
            shown = printed(session.run_cell("import os; print(sorted(os.listdir('/tmp')))"))
            assert shown == f"{sorted([folder.name, *IN_TMP])}\n"
        assert not (folder / "lib/new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sandbox changes the account")
def test_a_python_that_others_can_not_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    real = sandbox_launch.python_folders()
    monkeypatch.setattr(sandbox_launch, "python_folders", lambda: [*real, tmp_path])
    with pytest.raises(SandboxError, match=f"can't read {tmp_path}: chmod"):
        Sandbox(LIMITS, preload=())


def test_sees_only_its_own_processes(sandbox: Sandbox, neighbour: Session) -> None:
    with sandbox.open() as session:
        source = (
            "import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()), os.getpid(), os.getuid())"
        )
        assert printed(session.run_cell(source)) == "[1] 1 1000\n"


def test_no_capabilities_no_privileges_and_no_way_to_get_them(sandbox: Sandbox, neighbour: Session) -> None:
    source = """
import ctypes, os, subprocess
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print([status[k] for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == ["0" * 16] * 5)
print(status["NoNewPrivs"], status["Seccomp"])
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, *arguments):
    result = getattr(libc, name)(*arguments)
    return result if result >= 0 else os.strerror(ctypes.get_errno())
print(attempt("unshare", 0x10000000), attempt("mount", b"none", b"/tmp", b"tmpfs", 0, None), attempt("chroot", b"/"))
print(attempt("setns", os.open("/proc/1/ns/pid", os.O_RDONLY) if os.access("/proc/1/ns/pid", os.R_OK) else 0, 0))
print(subprocess.run(["unshare", "--user", "true"], capture_output=True).returncode != 0)
"""
    with sandbox.open() as session:
        refused = "Operation not permitted"
        expected = f"True\n1 2\n{refused} {refused} {refused}\n{refused}\nTrue\n"
        assert printed(session.run_cell(source)) == expected


# Writing ---------------------------------------------------------------------------------------------------------


def test_can_write_nowhere_but_in_its_own_places(sandbox: Sandbox, neighbour: Session) -> None:
    source = """
import os
open_ = set()
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc/", "/usr/", "/sys/")):
        folders[:] = []
    if folder.count("/") > 6:
        folders[:] = []
    if os.access(folder, os.W_OK):
        open_.add(folder)
        folders[:] = []
mounts = [line.split() for line in open("/proc/self/mountinfo")]
writable = sorted({m[4] for m in mounts if "rw" in m[5].split(",")})
print(sorted(open_))
print([m for m in writable if not m.startswith("/dev/") or m in ("/dev/shm", "/dev/pts")])
for path in ("/usr/bin/python3", "/etc/passwd", "/work", "/dev/x", "/root/x", os.__file__, "/x"):
    try:
        open(path, "a")
        print("opened", path)
    except OSError as error:
        pass
"""
    with sandbox.open() as session:
        lines = printed(session.run_cell(source)).splitlines()
        places = ["/dev/shm", "/home/student", "/tmp", "/var/tmp"]
        assert lines[0] == str(places)
        assert lines[1] == str(sorted([*places, "/dev/pts", "/proc"]))
        assert len(lines) == 2


def test_leaves_no_file_for_the_next_submission(sandbox: Sandbox, neighbour: Session) -> None:
    source = """
for folder in (".", "/tmp", "/home/student", "/dev/shm", "/var/tmp"):
    open(folder + "/left-behind", "w").write("the answers")
import os
os.makedirs("/home/student/.ipython/profile_default/startup", exist_ok=True)
open("/home/student/.ipython/profile_default/startup/left-behind.py", "w").write("import os; os.environ['LEFT'] = '1'")
None
"""
    with sandbox.open() as session:
        assert session.run_cell(source).outputs == []
    with sandbox.open() as session:
        look = """
import os
for top in ("/home", "/tmp", "/dev/shm", "/var/tmp"):
    print([file for _, _, files in os.walk(top) for file in files if "left-behind" in file])
print(os.listdir(), "LEFT" in os.environ)
"""
        assert printed(session.run_cell(look)) == "[]\n" * 4 + "[] False\n"


def test_leaves_no_memory_for_the_next_submission(sandbox: Sandbox, neighbour: Session) -> None:
    with sandbox.open() as session:
        session.run_cell("import builtins, sys; builtins.leak = 1; sys.leak = 1; import json; json.leak = 1")
    with sandbox.open() as session:
        source = "import builtins, sys, json; print([hasattr(m, 'leak') for m in (builtins, sys, json)])"
        assert printed(session.run_cell(source)) == "[False, False, False]\n"


def test_keyrings_and_shared_memory_segments_are_out_of_reach(sandbox: Sandbox, neighbour: Session) -> None:
    source = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
add_key, shmget, memfd = 248, 29, 319
import platform
if platform.machine() == "aarch64":
    add_key, shmget, memfd = 217, 194, 279
def attempt(*arguments):
    return errno.errorcode[ctypes.get_errno()] if libc.syscall(*arguments) < 0 else "done"
print(attempt(add_key, b"user", b"name", b"data", 4, -3), attempt(shmget, 0, 4096, 0o1600), attempt(memfd, b"x", 0))
"""
    with sandbox.open() as session:
        assert printed(session.run_cell(source)) == "EPERM ENOSYS ENOSYS\n"


# The network -----------------------------------------------------------------------------------------------------


def test_cannot_reach_the_network_or_services_of_the_host(sandbox: Sandbox, neighbour: Session) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    reached = threading.Event()

    def listen() -> None:
        try:
            listener.accept()
            reached.set()
        except OSError:
            return

    waiting = threading.Thread(target=listen)
    waiting.start()
    source = f"""
import socket
import sys
def attempt(family, address):
    try:
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(2)
            s.connect(address)
        return "reached"
    except OSError as error:
        return type(error).__name__
print(attempt(socket.AF_INET, ("127.0.0.1", {port})))
print(attempt(socket.AF_INET, ("192.0.2.1", 80)), attempt(socket.AF_INET6, ("::1", {port})))
print(attempt(40, (2, 1024)), attempt(socket.AF_UNIX, "/run/dbus/system_bus_socket"))
try:
    print(socket.getaddrinfo("example.org", 80))
except OSError as error:
    print(type(error).__name__)
print([name for _, name in socket.if_nameindex()])
"""
    with sandbox.open() as session:
        lines = printed(session.run_cell(source)).splitlines()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    waiting.join()
    assert not reached.is_set()
    assert lines[0] == "ConnectionRefusedError"
    assert lines[1] == "OSError ConnectionRefusedError"
    assert lines[2].startswith("OSError ")  # AF_VSOCK, which no network namespace confines
    assert "reached" not in lines[2]
    assert lines[3] == "gaierror"
    assert lines[4] == "['lo']"


# Using more than there is ----------------------------------------------------------------------------------------


BOMB = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"


# A bomb that heeds interrupts may end either way: Python swallows one that arrives in a hook it runs at a fork.
BURST = """
import os, signal, time
try:
    while True:
        if os.fork() == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            while True:
                signal.pause()
except OSError:
    time.sleep(600)
"""


def test_a_burst_of_forks_is_interrupted_at_its_time_limit(lenient: Sandbox, neighbour: Session) -> None:
    with lenient.open({"mine.txt": b"neighbour's"}) as beside:
        assert beside.run_cell("secret = 42").outputs == []
        with lenient.open() as session:
            result = session.run_cell(BURST)
            assert (result.died, result.timed_out, result.tampered) == ("", True, False)
            assert errors(result) == ["KeyboardInterrupt", "CellTimeoutError"]
            assert printed(session.run_cell("print('alive')")) == "alive\n"
        check_untouched(beside)
    check_next_works(lenient)


def test_a_fork_bomb_that_ignores_interrupts_is_killed(impatient: Sandbox, neighbour: Session) -> None:
    with impatient.open({"mine.txt": b"neighbour's"}) as beside:
        assert beside.run_cell("secret = 42").outputs == []
        with impatient.open() as session:
            result = session.run_cell("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + BOMB)
            assert result.died == (
                "a cell ran longer than the 1.5 s it may take, and did not stop when it was interrupted"
            )
        check_untouched(beside)
    check_next_works(impatient)


def test_a_fork_that_runs_on_to_the_end_of_its_cell_sends_no_second_reply(sandbox: Sandbox) -> None:
    with sandbox.open() as session:
        assert printed(session.run_cell("import os\nchild = os.fork()\nprint(child > 0)")).count("True") == 1
        assert printed(session.run_cell("_ = os.waitpid(child, 0)\nprint(os.getpid())")) == "1\n"


@pytest.mark.slow
@pytest.mark.parametrize("groups", [True, False])
def test_a_fork_bomb_takes_no_neighbours_time(groups: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that needs half of its time limit beside a bomb of 32 processes on every processor."""
    if not groups:
        monkeypatch.setattr(sandbox_server, "branches", list)
    limits = Limits(**{**LIMITS.as_dict(), "cell_seconds": 4})
    with Sandbox(limits, preload=()) as made, made.open() as honest, made.open() as hostile:
        thread = threading.Thread(target=hostile.run_cell, args=(BOMB,))
        thread.start()
        busy = "import time\nwhile time.process_time() - start < 2: pass"
        result = honest.run_cell("import time\nstart = time.process_time()\n" + busy)
        thread.join()
        assert not result.timed_out
        assert result.outputs == []


def test_the_number_of_processes_is_limited(sandbox: Sandbox, neighbour: Session) -> None:
    source = """
import os, time
children = []
try:
    while len(children) < 200:
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        children.append(child)
except OSError as error:
    print(type(error).__name__, len(children))
"""
    with sandbox.open() as session:
        assert printed(session.run_cell(source)) == f"BlockingIOError {LIMITS.processes - 1}\n"


def test_a_large_allocation_is_a_memory_error(sandbox: Sandbox, neighbour: Session) -> None:
    with sandbox.open() as session:
        assert errors(session.run_cell("block = bytearray(10 << 30)")) == ["MemoryError"]
        assert printed(session.run_cell("print('alive')")) == "alive\n"


def test_many_small_allocations_are_a_memory_error(sandbox: Sandbox, neighbour: Session) -> None:
    with sandbox.open() as session:
        result = session.run_cell("blocks = []\nwhile True:\n    blocks.append(bytearray(1 << 20))")
        assert result.died or errors(result) == ["MemoryError"]


def test_memory_of_many_processes_counts_together(patient: Sandbox, neighbour: Session) -> None:
    source = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        block = b"x" * (200 << 20)
        time.sleep(600)
        os._exit(0)
time.sleep(600)
"""
    with patient.open() as session:
        result = session.run_cell(source)
        assert result.died == "it used more than the 512 MiB of memory it may and was stopped"
        assert not result.tampered
    check_next_works(patient)


def test_shared_memory_counts(patient: Sandbox, neighbour: Session) -> None:
    source = "import mmap\nm = mmap.mmap(-1, 2 << 30)\nfor i in range(0, 2 << 30, 4096): m[i] = 1\nwhile True: pass"
    with patient.open() as session:
        assert session.run_cell(source).died == "it used more than the 512 MiB of memory it may and was stopped"


def test_a_large_file_is_refused(sandbox: Sandbox, neighbour: Session) -> None:
    source = """
import os
block = b"x" * (1 << 20)
with open("large", "wb", buffering=0) as file:
    for _ in range(1500):
        file.write(block)
"""
    with sandbox.open() as session:
        assert errors(session.run_cell(source)) == ["OSError"]
        assert printed(session.run_cell("import os; print(os.path.getsize('large'))")) == f"{16 * MIB}\n"


def test_many_files_fill_only_their_own_disk(sandbox: Sandbox, neighbour: Session) -> None:
    source = """
block = b"x" * (1 << 20)
for i in range(1500):
    open(f"/tmp/{i}", "wb").write(block)
"""
    with sandbox.open() as session:
        result = session.run_cell(source)
        assert errors(result) == ["OSError"]
        assert "No space left" in result.outputs[-1]["evalue"]
    check_next_works(sandbox)


@pytest.mark.parametrize(
    "source",
    [
        "print('x' * 100_000_000)",
        "for _ in range(1000): print('x' * 100_000)",
        "import os\nfor _ in range(12): os.write(1, b'x' * 1_000_000)",
        "import sys\nsys.stdout.write('\\x01' * 100_000_000)\nNone",
    ],
)
def test_what_is_printed_is_cut_off(sandbox: Sandbox, neighbour: Session, source: str) -> None:
    with sandbox.open() as session:
        result = session.run_cell(source)
        text = printed(result)
        assert text.endswith("[The rest is left out: a cell may print and show 1 MiB.]\n")
        assert len(text) <= LIMITS.output_bytes + 100
        assert printed(session.run_cell("print('next')")) == "next\n"


def test_a_subprocess_may_print_100_megabytes_into_the_void(sandbox: Sandbox, neighbour: Session) -> None:
    with sandbox.open() as session:
        result = session.run_cell("import subprocess; subprocess.run(['head', '-c', '100000000', '/dev/zero']); 'done'")
        assert result.outputs[-1]["data"] == {"text/plain": "'done'"}
        assert sum(len(str(output)) for output in result.outputs) < 2 * LIMITS.output_bytes + 1000


def test_large_and_many_displays_are_left_out(sandbox: Sandbox, neighbour: Session) -> None:
    with sandbox.open() as session:
        large = session.run_cell("from IPython.display import HTML, display; display(HTML('x' * 20_000_000))")
        assert "left out" in printed(large)
        many = session.run_cell("for i in range(2_000): display(i)")
        assert len(many.outputs) <= 1001
        assert printed(session.run_cell("print('next')")) == "next\n"


def test_an_endless_loop_is_interrupted_and_the_notebook_goes_on(lenient: Sandbox, neighbour: Session) -> None:
    with lenient.open() as session:
        result = session.run_cell("print('start')\nwhile True: pass")
        assert result.timed_out
        assert result.died == ""
        assert errors(result) == ["KeyboardInterrupt", "CellTimeoutError"]
        assert printed(session.run_cell("print('alive')")) == "alive\n"


@pytest.mark.parametrize(
    "source",
    [
        "import signal; signal.signal(signal.SIGINT, lambda *_: None)\nwhile True: pass",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\nwhile True: pass",
        "sum(range(10**13))",
    ],
)
def test_an_endless_loop_that_swallows_interrupts_is_killed(
    impatient: Sandbox, neighbour: Session, source: str
) -> None:
    with impatient.open() as session:
        result = session.run_cell(source)
        assert result.outputs == []
        assert result.died == "a cell ran longer than the 1.5 s it may take, and did not stop when it was interrupted"
        assert session.run_cell("1").died == result.died


def test_a_cell_that_waited_for_the_machine_until_its_end_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(**{**IMPATIENT.as_dict(), "cell_seconds": 0.5, "interrupt_seconds": 30})
    with Sandbox(limits, preload=()) as made, made.open() as session:
        monkeypatch.setattr(session._watch, "waited", lambda: 0.0)
        own = session.run_cell("while True: pass")
        assert (own.timed_out, own.starved) == (True, False)
        # From here on the machine seems to be busy with other things all the time.
        monkeypatch.setattr(session._watch, "waited", lambda: 10 * time.monotonic())
        waiting = session.run_cell("while True: pass")
        assert (waiting.timed_out, waiting.starved) == (True, True)
        assert session.run_cell("pass").starved is False


def test_a_notebook_has_a_time_limit_of_its_own() -> None:
    limits = Limits(**{**LENIENT.as_dict(), "cell_seconds": 60, "notebook_seconds": 3})
    with Sandbox(limits, preload=()) as hurried, hurried.open() as session:
        assert session.run_cell("import time; time.sleep(0.6)").outputs == []
        while not (result := session.run_cell("time.sleep(60)")).died:  # a look at the clock may come a moment early
            assert result.timed_out
        assert result.died == "the notebook ran longer than the 3 s it may take"


def test_processor_time_is_limited() -> None:
    limits = Limits(**{**PATIENT.as_dict(), "cpu_seconds": 1})
    with Sandbox(limits, preload=()) as hurried, hurried.open() as session:
        assert session.run_cell("while True: pass").died == "it used more than the 1 s of processor time it may"


# Killing and steering --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "died"),
    [
        ("import os; os._exit(0)", "it ended its own process (exit status 0) instead of its cell"),
        ("import os; os._exit(7)", "it ended its own process (exit status 7) instead of its cell"),
        (
            "import os, resource; resource.setrlimit(0, (0, 0))\nwhile True: pass",
            "its process was killed",
        ),
        ("import os; os.abort()", "its process crashed"),
        ("import ctypes; ctypes.string_at(0)", "its process crashed (Segmentation fault)"),
        ("import os; os.execv('/bin/true', ['true'])", "it ended its own process (exit status 0)"),
    ],
)
def test_ending_the_own_process_ends_the_own_session(
    sandbox: Sandbox, neighbour: Session, source: str, died: str
) -> None:
    with sandbox.open() as session:
        result = session.run_cell(source)
        assert result.died.startswith(died)
        assert result.outputs == []
        assert not result.tampered
        assert session.killed == (died == "its process was killed")
        assert session.run_cell("1").died == result.died
        assert session.run_check("a.b", "f", 1).died == result.died
    check_next_works(sandbox)


@pytest.mark.parametrize(
    "source",
    [
        "import os; os.kill(os.getppid(), 9); os.kill(1, 9); os.kill(1, 15); os.kill(1, 19)",
        "import os\ntry:\n    os.kill(-1, 9)\nexcept ProcessLookupError:\n    pass",
        "import os, signal\nfor s in signal.valid_signals() - {signal.SIGINT}:\n    os.kill(1, s)",
        "import os\nfor p in range(3, 5000):\n    try:\n        os.kill(p, 9)\n    except ProcessLookupError: pass",
        "import os\ntry:\n    os.killpg(0, 0); os.killpg(1, 9)\nexcept OSError: pass",
    ],
)
def test_killing_others_reaches_nobody(sandbox: Sandbox, neighbour: Session, source: str) -> None:
    with sandbox.open() as session:
        result = session.run_cell(source + "\nprint('alive')")
        assert printed(result) == "alive\n"
        assert printed(session.run_cell("print('still')")) == "still\n"
    check_next_works(sandbox)


def test_other_processes_cannot_be_traced_and_limits_cannot_be_raised(sandbox: Sandbox, neighbour: Session) -> None:
    source = """
import ctypes, os, resource
libc = ctypes.CDLL(None, use_errno=True)
def attempt(call, *arguments):
    try:
        return call(*arguments)
    except (OSError, ValueError) as error:
        return type(error).__name__
def raw(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
print(attempt(raw, "ptrace", 16, 1, 0, 0), attempt(raw, "process_vm_readv", 2, None, 0, None, 0, 0))
print({attempt(os.kill, pid, 0) for pid in range(2, 40_000)}, attempt(os.getpgid, 2), attempt(os.listdir, "/proc/2"))
print({attempt(resource.setrlimit, kind, (-1, -1)) for kind in (resource.RLIMIT_NPROC, resource.RLIMIT_DATA)})
"""
    with sandbox.open() as session:
        lines = printed(session.run_cell(source)).splitlines()
        assert lines[0] == "PermissionError PermissionError"
        assert lines[1] == "{'ProcessLookupError'} ProcessLookupError FileNotFoundError"
        assert lines[2] == "{'ValueError'}"


def test_no_process_outlives_its_session(sandbox: Sandbox, neighbour: Session) -> None:
    mark = f"48{os.getpid()}.25"  # a time to sleep that names this test's process
    source = f"""
import os, subprocess
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/bin/sleep", ["sleep", "{mark}"])
        os._exit(0)
subprocess.Popen(["setsid", "nohup", "sleep", "{mark}"])
import time
def sleeps(pid):
    try:
        return open(f"/proc/{{pid}}/cmdline").read().split("\\0")[0].endswith("sleep")
    except OSError:  # gone between the listing and the look
        return False
while sum(sleeps(pid) for pid in os.listdir("/proc") if pid.isdigit()) < 4:
    time.sleep(0.05)
print("started")
"""
    with sandbox.open() as session:
        assert printed(session.run_cell(source)) == "started\n"
        assert len(sleeping(mark)) == 4
    assert sleeping(mark) == []


# The reply channel -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attack",
    [
        "os.write(fd, b'\\xff' * 64)",  # lengths beyond all limits
        "os.write(fd, b'\\x00\\x00\\x00\\x02\\x00\\x00\\x00\\x00[]')",  # a header that is no object
        "os.write(fd, b'\\x00\\x00\\x00\\x02\\x00\\x00\\x00\\x00{}')",  # a reply without the nonce
        "os.write(fd, b'\\x00\\x10\\x00\\x00\\x00\\x00\\x00\\x00' + b'[' * (1 << 20))",  # deep nesting
        "os.write(fd, b'\\x00')",  # garbage before the real reply
    ],
)
def test_garbage_in_the_reply_channel_ends_the_session_and_is_flagged(
    sandbox: Sandbox, neighbour: Session, attack: str
) -> None:
    source = f"""
import os
for fd in range(3, 1024):
    try:
        {attack}
    except OSError:
        pass
"""
    with sandbox.open() as session:
        result = session.run_cell(source)
        assert result.died == "the reply channel was tampered with"
        assert result.tampered
        assert session.tampered
        assert session.run_cell("1").died == result.died
    check_next_works(sandbox)


FORGE = """
from labkit.grading.engine.frames import Channel
honest = Channel.send
def forge(*headers):
    def send(self, header, body=b"", **_):
        for forged in headers:
            honest(self, {**header, **forged})
    Channel.send = send
"""


def test_a_forged_reply_makes_the_next_one_early(sandbox: Sandbox, neighbour: Session) -> None:
    with sandbox.open() as session:
        first = session.run_cell(FORGE + "forge({}, {})")  # the second reply may arrive with the first, or later
        result = session.run_cell("print('too late')")
        assert first.tampered or first.outputs == []
        assert result.died == "the reply channel was tampered with"
        assert result.tampered


@pytest.mark.parametrize(
    "outputs",
    [
        "None",
        "{}",
        "[1]",
        "[{'output_type': 'rootkit'}]",
        "[{'output_type': 'stream', 'name': '/etc/passwd', 'text': ''}]",
        "[{'output_type': 'stream', 'name': 'stdout', 'text': 5}]",
        "[{'output_type': 'error', 'ename': [], 'evalue': '', 'traceback': []}]",
        "[{'output_type': 'display_data', 'data': [], 'metadata': {}}]",
        "[{'output_type': 'execute_result', 'execution_count': 1e400, 'data': {}, 'metadata': {}}]",
        "[{'output_type': 'execute_result', 'execution_count': True, 'data': {}, 'metadata': {}}]",
        "[{'output_type': 'stream', 'name': 'stdout', 'text': ''}] * 5000",
    ],
)
def test_a_forged_reply_of_a_strange_shape_is_tampering(sandbox: Sandbox, neighbour: Session, outputs: str) -> None:
    with sandbox.open() as session:
        result = session.run_cell(FORGE + f"forge({{'outputs': {outputs}}})")
        assert result.tampered
        assert result.died == "the reply channel was tampered with"


HALF = """
def send(self, *_, **__):
    import time
    self.sock.sendall(bytes([0, 0, 16, 0, 0, 0, 0, 0]) + b"{")
    while True:
        time.sleep(60)
Channel.send = send
"""


def test_half_a_reply_is_waited_for_no_longer_than_a_cell(impatient: Sandbox, neighbour: Session) -> None:
    with impatient.open() as session:
        source = FORGE + HALF
        result = session.run_cell(source)
        assert result.died.startswith("a cell ran longer than the 1.5 s it may take")


def test_closing_the_reply_channel_ends_the_session(sandbox: Sandbox, neighbour: Session) -> None:
    with sandbox.open() as session:
        result = session.run_cell("import os, time; os.closerange(3, 1024); time.sleep(600)")
        assert result.died == "its process closed its reply channel"
    check_next_works(sandbox)


def test_a_reply_cannot_carry_open_files(sandbox: Sandbox, neighbour: Session) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with sandbox.open() as session:
        session.run_cell(
            "import os, socket\n"
            "for fd in range(3, 64):\n"
            "    try:\n"
            "        socket.send_fds(socket.socket(fileno=os.dup(fd)), [b'x'] * 50, [0, 1, 2])\n"
            "    except OSError:\n"
            "        pass"
        )
    assert len(set(os.listdir("/proc/self/fd")) - before) <= 1
