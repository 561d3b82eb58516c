"""Nothing is lost when a run, a worker or a judge is killed: started again it finishes, with the same gradebook."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labkit.grading.engine.journal import DONE
from tests import engine_class
from tests.engine_class import ASSIGNMENT, gradebook_rows
from tests.engine_double import contained
from tests.test_engine import template  # noqa: F401  a fixture

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import sys
from tests import engine_class
from labkit.grading.engine.run import grade
rows = grade(engine_class.config({root!r}), "ps1", jobs=2, sandboxed={sandboxed})
sys.exit(any(row.state == "ungraded" for row in rows))
"""


def start(root: Path) -> subprocess.Popen:
    """A run in a process of its own."""
    code = SCRIPT.format(root=str(root), sandboxed=contained())
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], env=env, cwd=root, start_new_session=True)


def finish(root: Path) -> None:
    """Run to the end."""
    assert start(root).wait(600) == 0


def children(pid: int) -> list[int]:
    """All processes below one, deepest last."""
    made = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(text.rpartition(")")[2].split()[1]) == pid:
            made += [int(path.parent.name), *children(int(path.parent.name))]
    return made


def command(pid: int) -> str:
    """A process's command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def kill(pid: int) -> None:
    """kill -9, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def graded(root: Path) -> int:
    """How many students the journal says are done."""
    states = [json.loads(p.read_text())["state"] for p in (root / ".local/grading" / ASSIGNMENT).glob("*.json")]
    return states.count(DONE)


def wait_for(run: subprocess.Popen, root: Path, count: int) -> None:
    """Wait until so many students are done, or the run has ended."""
    while run.poll() is None and graded(root) < count:
        time.sleep(0.01)


@pytest.fixture(scope="module")
def classroom(template, tmp_path_factory):  # noqa: F811
    """A course with a class, not graded yet, and the rows of an uninterrupted run."""
    root = tmp_path_factory.mktemp("kill") / "course"
    shutil.copytree(template, root)
    engine_class.pupils(root, 4, second=2)
    whole = root.parent / "whole"
    shutil.copytree(root, whole)
    begun = time.monotonic()
    finish(whole)
    return root, gradebook_rows(whole), time.monotonic() - begun


def check_resumes(root: Path, rows: dict) -> None:
    """A run that is started now ends with the rows of an uninterrupted one, and with every file in its place."""
    finish(root)
    assert gradebook_rows(root) == rows
    assert graded(root) == 4
    for folder in (root / "submitted").iterdir():
        names = {path.name for path in (folder / ASSIGNMENT).iterdir()}
        assert {path.name for path in (root / "autograded" / folder.name / ASSIGNMENT).iterdir()} == names


def victims(run: subprocess.Popen, kind: str) -> list[int]:
    """The processes of a kind below a run."""
    mark = {"judge": "labkit.grading.engine.judging.judge", "worker": "labkit.grading.engine.inside"}[kind]
    return [pid for pid in children(run.pid) if mark in command(pid)]


@pytest.mark.parametrize("done", [0, 2])
def test_a_killed_run_goes_on_where_it_was(classroom, tmp_path, done, record):
    root = tmp_path / "course"
    shutil.copytree(classroom[0], root)
    run = start(root)
    wait_for(run, root, done)
    if done == 0:
        time.sleep(random.Random(done).random())
    kill(run.pid)
    run.wait()
    before = {path: path.stat().st_mtime_ns for path in (root / "autograded").glob("*/*/*.ipynb")}
    finished = {json.loads(p.read_text())["student"] for p in (root / ".local/grading" / ASSIGNMENT).glob("*.json")
                if json.loads(p.read_text())["state"] == DONE}  # fmt: skip
    assert len(finished) >= done
    check_resumes(root, classroom[1])
    for path, when in before.items():
        if path.parts[-3] in finished:
            assert path.stat().st_mtime_ns == when, "what was done is not done again"
    note(record, "kill -9 of the run, before any student is done and after two")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["judge", "worker"])
def test_a_killed_helper_costs_a_retry_and_no_mark(classroom, tmp_path, kind, record):
    root = tmp_path / "course"
    shutil.copytree(classroom[0], root)
    run = start(root)
    killed = 0
    for done in (0, 1, 2):
        wait_for(run, root, done)
        while run.poll() is None and not (found := victims(run, kind)):
            time.sleep(0.05)
        if run.poll() is None:
            kill(found[0])
            killed += 1
    assert killed
    run.wait(600)
    check_resumes(root, classroom[1])
    note(record, f"kill -9 of a {'judge' if kind == 'judge' else 'sandbox'} in mid-run", stops=killed)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(20))
def test_twenty_random_moments(classroom, tmp_path, moment, record):
    draw = random.Random(moment)
    root = tmp_path / "course"
    before, rows, seconds = classroom
    shutil.copytree(before, root)
    run = start(root)
    time.sleep(draw.uniform(0.05, 0.95) * seconds)  # of an uninterrupted run on this machine, however busy it is
    below = children(run.pid)
    kill(draw.choice([run.pid, *below]))
    if draw.random() < 0.5:
        kill(run.pid)
    try:
        run.wait(600)
    finally:
        kill(run.pid)
    check_resumes(root, rows)
    note(record, "kill -9 of the run, of a process below it, or both, at a random moment")


def note(record, what, *, stops=1, said="–"):
    """For the table: one run in which nothing was lost."""
    record("lost", what=what, stops=stops, equal=True, said=said)


# ── where nothing can be written ──────────────────────────────────────────────────────────────────────────────────────

STOPPED = """
import sys
from labkit.grading.engine import run
from tests import engine_class
run.WAITS = 2
settings = engine_class.config({root!r})
settings.CourseDirectory.db_url = "sqlite:///{root}/gradebook.db?timeout=1"
try:
    run.grade(settings, "ps1", jobs=2, sandboxed={sandboxed})
except run.GradingError as error:
    print(error)
    sys.exit(2)
"""


def stopped(root: Path) -> str:
    """A run that can't go on: the sentence that it ends with."""
    code = STOPPED.format(root=str(root), sandboxed=contained())
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=env, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    (line,) = done.stdout.splitlines()
    return line.replace(str(root), "…")


@pytest.fixture
def small_disk(classroom, tmp_path):
    """The course on a disk of its own, with what mounts that disk again with other options."""
    point = tmp_path / "disk"
    point.mkdir()

    def mount(*options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "course", str(point)],
                              capture_output=True, text=True)  # fmt: skip

    if os.geteuid() != 0 or (refused := mount("size=64m").stderr):
        pytest.skip("making a small disk needs root" if os.geteuid() else f"no disk can be mounted here: {refused}")
    shutil.copytree(classroom[0], point / "course")
    try:
        yield point / "course", lambda *options: mount("remount", *options)
    finally:
        subprocess.run(["umount", "-l", str(point)], check=True)


def room(root: Path) -> int:
    """Bytes that are in use on the disk of a course."""
    found = os.statvfs(root)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


@pytest.mark.slow
@pytest.mark.parametrize("spare", [0, 16, 48, 96])
def test_a_full_disk_stops_the_run_with_a_sentence_and_loses_nothing(classroom, small_disk, spare, record):
    root, remount = small_disk
    assert not remount(f"size={room(root) + spare * 1024}").stderr
    sentence = stopped(root)
    assert "full" in sentence or "No space left on device" in sentence
    assert not remount("size=64m").stderr
    check_resumes(root, classroom[1])
    note(record, "the disk is full", said="it stopped: no space left, or: the gradebook can't be written, disk is full")


@pytest.mark.slow
def test_a_read_only_folder_stops_the_run_with_a_sentence_and_loses_nothing(classroom, small_disk, record):
    root, remount = small_disk
    assert not remount("ro").stderr
    assert "Read-only file system" in stopped(root)
    assert not remount("rw").stderr
    check_resumes(root, classroom[1])
    note(record, "the course is read-only", said="read-only file system, and which file")


@pytest.mark.slow
@pytest.mark.parametrize("done", [0, 2])
def test_a_gradebook_that_is_locked_stops_the_run_with_a_sentence_and_loses_nothing(classroom, tmp_path, done, record):
    root = tmp_path / "course"
    shutil.copytree(classroom[0], root)
    if done:
        run = start(root)
        wait_for(run, root, done)
        kill(run.pid)
        run.wait()
    other = sqlite3.connect(root / "gradebook.db", isolation_level=None, timeout=60)
    other.execute("BEGIN EXCLUSIVE")
    sentence = stopped(root)
    other.execute("ROLLBACK")
    other.close()
    assert "locked" in sentence
    check_resumes(root, classroom[1])
    note(
        record,
        "another program holds the gradebook locked",
        said="the gradebook can't be written or used: database is locked",
    )


@pytest.mark.slow
def test_a_killed_run_leaves_no_process_behind(classroom, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(classroom[0], root)
    run = start(root)
    wait_for(run, root, 1)
    left = children(run.pid)
    assert left
    kill(run.pid)
    run.wait()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any("labkit.grading" in command(pid) for pid in left):
        time.sleep(0.1)
    assert [command(pid) for pid in left if "labkit.grading" in command(pid)] == []
