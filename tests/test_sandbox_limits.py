"""How the limits on all of a submission's processes are found and kept: control groups, and what does without."""

import os
from pathlib import Path

import pytest

from labkit.grading.engine import sandbox_server
from labkit.grading.engine.limits import GIB, MIB, Limits, duration, size
from labkit.grading.engine.sandbox import Sandbox, probe
from labkit.grading.engine.sandbox_cgroup import Branch, Group, branches

REASON = probe()
needs_sandbox = pytest.mark.skipif(bool(REASON), reason=f"no sandbox here: {REASON}")
LIMITS = Limits(cell_seconds=300, memory_bytes=256 * MIB, disk_bytes=32 * MIB, processes=16)
SENTENCE = "it used more than the 256 MiB of memory it may and was stopped"

MANY_PROCESSES = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        block = b"x" * (150 << 20)
        time.sleep(600)
        os._exit(0)
time.sleep(600)
"""
SHARED = "import mmap, time\nm = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096): m[i] = 1\ntime.sleep(600)"


@needs_sandbox
@pytest.mark.parametrize("source", [MANY_PROCESSES, SHARED])
def test_memory_is_limited_without_a_control_group(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_server, "branches", list)
    with Sandbox(LIMITS, preload=()) as made, made.open() as neighbour, made.open() as session:
        assert session._group is None
        assert session.run_cell(source).died == SENTENCE
        assert neighbour.run_cell("1").died == ""


@needs_sandbox
@pytest.mark.skipif(not branches(), reason="this account may make no control groups here")
@pytest.mark.parametrize("source", [MANY_PROCESSES, SHARED])
def test_memory_is_limited_by_a_control_group(source: str) -> None:
    with Sandbox(LIMITS, preload=()) as made, made.open() as neighbour, made.open() as session:
        assert session._group is not None
        session._watch.limit = 1 << 60  # the other guard looks away
        folders = session._group.folders
        assert session.run_cell(source).died == SENTENCE
        assert neighbour.run_cell("1").died == ""
        with made.open() as again:  # in the same group
            assert again._group is not None
            assert again._group.folders == folders
            assert again.run_cell("1").died == ""
    assert not any(folder.exists() for folder in folders)


@needs_sandbox
@pytest.mark.skipif(not branches(), reason="this account may make no control groups here")
def test_processes_are_limited_by_a_control_group_too() -> None:
    with Sandbox(LIMITS, preload=()) as made, made.open() as session:
        assert session._group is not None
        pids = next(folder for folder in session._group.folders if (folder / "pids.max").exists())
        assert (pids / "pids.max").read_text().strip() == "16"
        assert (pids / "pids.current").read_text().strip() == "1"


def version_2(root: Path, controllers: str, own: str = "user.slice/app.slice/shell.scope") -> Path:
    """A made-up /proc/self and a made-up tree of version 2, whose files hold what is written to them."""
    group = root / "cgroup" / own
    group.mkdir(parents=True)
    (group.parent / "cgroup.subtree_control").write_text(controllers)
    proc = root / "proc"
    proc.mkdir()
    (proc / "mountinfo").write_text(f"30 23 0:26 / {root}/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n")
    (proc / "cgroup").write_text(f"0::/{own}\n")
    return proc


def test_groups_of_version_2_are_made_beside_ours(tmp_path: Path) -> None:
    found = branches(version_2(tmp_path, "cpu memory pids"))
    assert [branch.folder for branch in found] == [tmp_path / "cgroup/user.slice/app.slice"]
    group = Group(found, LIMITS)
    (folder,) = group.folders
    assert (folder / "memory.max").read_text() == str(288 * MIB)
    assert (folder / "pids.max").read_text() == "16"
    (folder / "memory.events").write_text("low 0\noom 3\noom_kill 3\n")
    group.enter(1234)
    assert (folder / "cgroup.procs").read_text() == "1234"
    assert not group.overspent()
    (folder / "memory.events").write_text("low 0\noom 4\noom_kill 4\n")
    assert group.overspent()


@pytest.mark.parametrize("controllers", ["", "cpu memory", "pids"])
def test_a_branch_that_lacks_a_controller_is_no_use(tmp_path: Path, controllers: str) -> None:
    assert branches(version_2(tmp_path, controllers)) == []


def test_groups_of_version_1_need_both_controllers(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    proc.mkdir()
    for name in ("memory", "pids"):
        (tmp_path / name / "me").mkdir(parents=True)
    lines = [f"30 23 0:26 / {tmp_path}/{name} rw - cgroup cgroup rw,{name}\n" for name in ("memory", "pids")]
    (proc / "mountinfo").write_text("".join(lines))
    (proc / "cgroup").write_text("4:memory:/me\n3:pids:/me\n0::/me\n")
    assert [branch.folder for branch in branches(proc)] == [tmp_path / "memory/me", tmp_path / "pids/me"]
    (proc / "mountinfo").write_text(lines[0])
    assert branches(proc) == []


def test_groups_of_the_dead_are_swept_away(tmp_path: Path) -> None:
    proc = version_2(tmp_path, "memory pids")
    folder = tmp_path / "cgroup/user.slice/app.slice"
    dead, alive = folder / "labkit-4194999-0", folder / f"labkit-{os.getpid()}-99"
    dead.mkdir()
    alive.mkdir()
    branches(proc)
    assert not dead.exists()
    assert alive.exists()


def test_a_machine_without_groups_has_no_branch(tmp_path: Path) -> None:
    assert branches(tmp_path) == []


@needs_sandbox
def test_a_group_that_can_not_be_made_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = [Branch(tmp_path / "gone", {"memory": "memory.max", "pids": "pids.max"}, "memory.events")]
    monkeypatch.setattr(sandbox_server, "branches", lambda: missing)
    with Sandbox(LIMITS, preload=()) as made, made.open() as session:
        assert session._group is None
        assert session.run_cell("1").died == ""


def test_sizes_and_times_read_well() -> None:
    assert [size(n) for n in (10, 2048, 3 * MIB // 2, 4 * GIB)] == ["10 bytes", "2 KiB", "1.5 MiB", "4 GiB"]
    assert [duration(s) for s in (30, 1.5, 300.0)] == ["30 s", "1.5 s", "300 s"]
