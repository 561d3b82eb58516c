"""How the limits on all of a submission's processes are found and kept: control groups, and what does without."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.grading.engine.limits import GIB, MIB, Limits, duration, size
from labkit.grading.engine.sandbox import Sandbox, probe
from labkit.grading.engine.sandbox import cgroup as sandbox_cgroup
from labkit.grading.engine.sandbox import server as sandbox_server
from labkit.grading.engine.sandbox.cgroup import Branch, Group, MachineShort, branches, local

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
def test_memory_is_limited_without_a_control_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_server, "branches", list)
    with Sandbox(LIMITS, preload=()) as made, made.open() as neighbour, made.open() as session:
        assert session._group is None
        assert session.run_cell(MANY_PROCESSES).died == SENTENCE
        assert neighbour.run_cell("1").died == ""


@needs_sandbox
def test_memory_that_only_a_control_group_can_count_is_refused_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_server, "branches", list)
    with Sandbox(LIMITS, preload=()) as made, made.open() as session:
        assert [output["ename"] for output in session.run_cell(SHARED).outputs] == ["PermissionError"]
        assert session.run_cell("1").died == ""


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


# Whose fault it is ------------------------------------------------------------------------------------------------


def test_a_kill_of_version_2_without_the_own_limit_reached_is_the_machines(tmp_path: Path) -> None:
    group = Group(branches(version_2(tmp_path, "memory pids")), LIMITS)
    events = group.folders[0] / "memory.events"
    events.write_text("max 90\noom 3\noom_kill 3\n")
    group.enter(1)
    events.write_text("max 95\noom 3\noom_kill 4\n")
    with pytest.raises(MachineShort, match="the machine ran out of memory"):
        group.overspent()


def test_groups_below_are_not_counted_where_the_kernel_tells_them_apart(tmp_path: Path) -> None:
    group = Group(branches(version_2(tmp_path, "memory pids")), LIMITS)
    (group.folders[0] / "memory.events").write_text("oom 9\noom_kill 9\n")
    own = group.folders[0] / "memory.events.local"
    own.write_text("oom 0\noom_kill 0\n")
    group = Group.__new__(Group)
    group.events, group.peaks, group.folders = [local(own.with_name("memory.events"))], [], []
    group.enter(1)
    assert not group.overspent()
    own.write_text("oom 1\noom_kill 1\n")
    assert group.overspent()


def version_1(root: Path) -> Group:
    """A group of version 1 in a made-up tree."""
    for file in ("memory.oom_control", "memory.max_usage_in_bytes"):
        (root / file).write_text("0")
    group = Group.__new__(Group)
    group.events, group.peaks = [root / "memory.oom_control"], [root / "memory.max_usage_in_bytes"]
    group.folders, group.memory, group.reached = [], 100 * MIB, 0
    (root / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n")
    return group


def test_a_kill_of_version_1_is_judged_by_the_most_that_was_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(sandbox_cgroup.time, "monotonic", lambda: clock[0])
    kills, peak = tmp_path / "memory.oom_control", tmp_path / "memory.max_usage_in_bytes"
    group = version_1(tmp_path)
    peak.write_text(str(100 * MIB))
    group.enter(1)  # the submission before it was there
    assert peak.read_text() == "0"
    peak.write_text(str(90 * MIB))
    assert not group.overspent()
    kills.write_text("oom_kill 8\n")
    with pytest.raises(MachineShort):
        group.overspent()
    peak.write_text(str(100 * MIB - 4096))
    assert group.overspent()
    group = version_1(tmp_path)
    group.enter(1)
    peak.write_text(str(100 * MIB))  # files, which the kernel drops
    for clock[0] in (0.1, 0.2, 3.0, 3.1):
        assert not group.overspent()
    kills.write_text("oom_kill 8\n")
    with pytest.raises(MachineShort):
        group.overspent()


SHORT = """
import os, sys, threading, time
from labkit.grading.engine.sandbox import cgroup as sandbox_cgroup, server as sandbox_server
from labkit.grading.engine.limits import GIB, MIB, Limits
from labkit.grading.engine.sandbox import Sandbox, SandboxError

branch = next(b for b in sandbox_cgroup.branches() if "memory" in b.limits)
above = branch.folder / f"labkit-{os.getpid()}-above"
above.mkdir()
(above / branch.limits["memory"]).write_text(str(600 * MIB))
(above / "cgroup.procs").write_text(str(os.getpid()))
try:
    if sys.argv[1] == "no groups":
        sandbox_server.branches = list
    program = "block = b'x' * (400 << 20); import time; time.sleep(1)"
    other = lambda: (time.sleep(2), os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", program]))
    with Sandbox(Limits(memory_bytes=2 * GIB), preload=()) as made, made.open() as session:
        assert (session._group is None) == (sys.argv[1] == "no groups")
        thread = threading.Thread(target=other)
        thread.start()
        try:
            print("died:", session.run_cell(sys.argv[2]).died)
        except SandboxError as error:
            print(error)
        thread.join()
finally:
    (branch.folder / "cgroup.procs").write_text(str(os.getpid()))
    deadline = time.monotonic() + 20
    while (above / "cgroup.procs").read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    for folder in [*above.glob("*/"), above]:
        folder.rmdir()
"""
HOLDS = "block = b'x' * (200 << 20)\nimport time; time.sleep(60)"
CHILD = "import os, time\nif os.fork() == 0:\n    block = b'x' * (200 << 20)\n    time.sleep(60)\ntime.sleep(60)"


@needs_sandbox
@pytest.mark.skipif(not any(branch.peaks for branch in branches()), reason="no control groups of version 1 here")
@pytest.mark.parametrize("groups", ["groups", "no groups"])
@pytest.mark.parametrize("source", [HOLDS, CHILD], ids=["itself", "a process of its own"])
def test_who_is_killed_because_others_filled_the_machine_is_not_blamed(groups: str, source: str) -> None:
    """The machine is a group with 600 MiB; the submission holds 200 of the 2048 it may; another program wants 400."""
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", SHORT, groups, source], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the machine ran out of memory and killed a submission that was within its limits\n"


@needs_sandbox
@pytest.mark.parametrize("groups", [True, False])
def test_no_submission_makes_the_kernel_spare_it(groups: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not groups:
        monkeypatch.setattr(sandbox_server, "branches", list)
    source = """
import os, subprocess
for name in ("self", "1", "thread-self"):
    for value in ("0", "-1000", "500"):
        try:
            with open(f"/proc/{name}/oom_score_adj", "w") as file:
                file.write(value)
            print("lowered")
        except OSError as error:
            print(error.strerror)
print(subprocess.run("echo 0 > /proc/self/oom_score_adj; cat /proc/self/oom_score_adj", shell=True,
                     capture_output=True, text=True).stdout)
print(open("/proc/self/oom_score_adj").read())
"""
    with Sandbox(LIMITS, preload=()) as made, made.open() as session:
        text = "".join(output["text"] for output in session.run_cell(source).outputs)
    assert text.split() == ["Read-only", "file", "system"] * 9 + ["1000", "1000"]


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
