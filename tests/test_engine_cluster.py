"""The same rows from a cluster, on one machine and on two; a worker that is killed costs a retry."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from labkit.grading import cli, notebooks, release
from labkit.grading.engine import run
from labkit.grading.engine.judging.decoys import Decoys
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.work import cluster as clusters
from labkit.grading.engine.work.job import Job, Result
from tests import engine_class, tiny
from tests.engine_class import ASSIGNMENT, RIGHT, gradebook_rows, submit
from tests.engine_double import Double, contained
from tests.test_engine import Here, course, grade, template  # noqa: F401  fixtures

distributed = pytest.importorskip("distributed", reason="a cluster needs Dask: pip install 'labkit-course[cluster]'")

pytestmark = [
    pytest.mark.timeout(1800),
    # Dask closes its sockets in its own time.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def processes():
    """Two worker processes on this machine."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made:
        yield made


@contextlib.contextmanager
def in_threads(workers):
    """A scheduler, and workers in threads of this process; bytes go over TCP all the same."""
    with distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as made:
        yield made.scheduler_address


@pytest.fixture
def threads(monkeypatch):
    """A scheduler with one such worker, which uses the sandbox that these tests share; the scheduler's address."""
    rooms = []

    def room(options):
        rooms.append(json.loads(options))
        return Double(), Here(), Decoys()

    monkeypatch.setattr(clusters, "room", room)
    with in_threads(1) as address:
        yield address
    assert rooms, "no job came to the cluster"


# ── the same rows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_jobs_that_crossed_as_bytes_give_the_same_rows(course, threads):  # noqa: F811
    root, settings = course
    engine_class.pupils(root, 3, second=2)
    twin = root.parent / "here"
    shutil.copytree(root, twin)
    rows = run.grade(settings, ASSIGNMENT, cluster=threads, sandboxed=contained())
    assert all(row.state == "graded" for row in rows), rows
    grade(engine_class.config(twin))
    assert gradebook_rows(root) == gradebook_rows(twin)


@pytest.mark.slow
def test_a_cluster_of_processes_gives_the_same_rows(course, processes):  # noqa: F811
    root, settings = course
    engine_class.pupils(root, 4)
    twin = root.parent / "here"
    shutil.copytree(root, twin)
    rows = run.grade(settings, ASSIGNMENT, cluster=processes.scheduler_address, sandboxed=contained())
    assert all(row.state == "graded" for row in rows), rows
    grade(engine_class.config(twin))
    assert gradebook_rows(root) == gradebook_rows(twin)


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_costs_a_retry(course, processes):  # noqa: F811
    root, settings = course
    engine_class.pupils(root, 6)
    twin = root.parent / "here"
    shutil.copytree(root, twin)
    killed = []

    def kill(row, done, total):
        if not killed:
            pid = next(iter(processes.workers.values())).pid
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    address = processes.scheduler_address
    rows = run.grade(settings, ASSIGNMENT, cluster=address, sandboxed=contained(), progress=kill)
    assert killed
    assert all(row.state == "graded" for row in rows), rows
    grade(engine_class.config(twin))
    assert gradebook_rows(root) == gradebook_rows(twin)


def test_a_result_crosses_as_text():
    assert Result.from_json(Result({}, 1.0).to_json()) == Result({}, 1.0)


# ── two machines ──────────────────────────────────────────────────────────────────────────────────────────────────────

GRADE = """
import json, sys
from distributed import Client
from labkit.grading.engine.run import grade
from tests import engine_class
import tests.test_engine_cluster as here
address, root = sys.argv[1:]
rows = grade(engine_class.config(root), "ps1", cluster=address)
with Client(address) as client:
    saw = client.run(here.seen, root)
print(json.dumps({"states": [row.state for row in rows], "workers": saw}))
"""


def seen(root: str) -> dict[str, object]:
    """On a worker: whether it graded, what it sees of the course, and the network that it is in."""
    addresses = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    return {"graded": len(clusters.ROOMS), "sees": sorted(os.listdir(root)), "network": addresses}


def why_not_two_hosts() -> str:
    """Why this machine allows no two hosts made of network namespaces; "" if it does."""
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    if shutil.which("ip") is None:
        return "making network namespaces needs ip (Debian: apt install iproute2)"
    name = f"labkit-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if tried.returncode:
        return f"no network namespaces here: {tried.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return "" if contained() else "no sandbox here"


@pytest.fixture
def hosts():
    """Two network namespaces joined by a cable, each with an address of its own and nothing else."""
    if reason := why_not_two_hosts():
        pytest.skip(reason)
    number = os.getpid() % 250
    names = [f"labkit-{os.getpid()}-{side}" for side in "ab"]
    ends = [f"lk{number}{side}" for side in "ab"]

    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)

    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", ends[0], "netns", names[0], "type", "veth", "peer", "name", ends[1], "netns", names[1])
        for i, (name, end) in enumerate(zip(names, ends, strict=True), start=1):
            ip("-n", name, "addr", "add", f"10.213.{number}.{i}/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield [(name, f"10.213.{number}.{i}") for i, name in enumerate(names, start=1)]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def on(host, root, *words, hidden=False):
    """A command of Python's on a host, with an empty folder in the course's place if that is ``hidden``."""
    line = [sys.executable, "-W", "ignore", *words]
    if hidden:  # ``ip netns exec`` gives each command mounts of its own
        line = ["sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(root), *line]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        ["ip", "netns", "exec", host, *line],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.slow
def test_two_hosts_that_share_no_folder_give_the_same_rows(course, hosts):  # noqa: F811
    root, _ = course
    engine_class.pupils(root, 6)
    twin = root.parent / "here"
    shutil.copytree(root, twin)
    (first, address), (second, _) = hosts
    scheduler = f"tcp://{address}:8786"
    worker = ["-m", "distributed.cli.dask_worker", scheduler, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    worker += ["--death-timeout", "120"]
    started = [on(first, root, "-m", "distributed.cli.dask_scheduler", "--host", address, "--no-dashboard")]
    try:
        started += [on(host, root, *worker, hidden=True) for host in (first, second)]
        wait = f"from distributed import Client; Client({scheduler!r}, timeout=120).wait_for_workers(2, timeout=120)"
        assert on(first, root, "-c", wait).wait(300) == 0
        grading = on(first, root, "-c", GRADE, scheduler, str(root))
        told, _ = grading.communicate(timeout=500)
        assert grading.returncode == 0
    finally:
        for process in started:
            process.kill()
            process.communicate()
    found = json.loads(told.splitlines()[-1])
    assert found["states"] == ["graded"] * 6
    saw = list(found["workers"].values())
    assert [one["graded"] for one in saw] == [1, 1], "both hosts graded"
    assert [one["sees"] for one in saw] == [[], []], "neither sees anything of the course"
    assert len({one["network"] for one in saw}) == 2, "they are in networks of their own"
    grade(engine_class.config(twin))
    assert gradebook_rows(root) == gradebook_rows(twin)


# ── what goes wrong is said ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small course and one submission."""
    made = tiny.build(tmp_path_factory.mktemp("small"))
    release.release(made, tiny.NAME)
    tiny.hand_in(made, "ada", notebooks.read(made.solutions / tiny.NAME / tiny.FILE))
    return made.root


@pytest.fixture
def command(small, monkeypatch, capsys):
    """``labkit grade --cluster ADDRESS`` in that course: exit status and what it said."""
    monkeypatch.chdir(small)
    monkeypatch.setattr(run, "connected", partial(run.connected, seconds=2.0))
    sandbox = [] if contained() else ["--no-sandbox"]

    def told(*words):
        capsys.readouterr()
        status = cli.run(["grade", *sandbox, *words])
        found = capsys.readouterr()
        return status, found.out, found.err

    return told


def test_the_command_grades_on_a_cluster(command, threads):
    status, out, _ = command("--cluster", threads)
    assert status == 0
    assert "ada" in out
    assert "5" in out


@pytest.mark.parametrize(
    "address", ["here", "tcp://127.0.0.1:9", "tcp://nowhere.invalid:8786", "gopher://x:1", "", "tls://x:1"]
)
def test_an_address_where_no_scheduler_answers_is_one_sentence(command, address):
    status, _, err = command("--cluster", address)
    assert status == 2
    assert f"labkit: no Dask scheduler answers at {address!r}: " in err
    assert "Traceback" not in err


def test_a_scheduler_without_workers_is_one_sentence(command):
    with in_threads(0) as address:
        status, _, err = command("--cluster", address)
    assert status == 2
    assert f"labkit: the Dask scheduler at {address} has no workers: start some with `dask worker {address}`" in err


def test_a_worker_that_can_not_grade_is_one_sentence(command, monkeypatch):
    monkeypatch.setattr(clusters, "lack", lambda options: "bubblewrap is missing")
    with in_threads(1) as address:
        status, _, err = command("--cluster", address)
    assert status == 2
    assert "can't grade: bubblewrap is missing" in err


def test_a_worker_of_another_version_can_not_grade(monkeypatch):
    options = clusters.settings(Limits(), False, 3)
    assert clusters.lack(options) == ""
    monkeypatch.setattr(clusters.labkit, "__version__", "9.9")
    assert clusters.lack(options) == "it has labkit 9.9, and 0.1.0 was asked for"


def test_without_dask_it_is_one_sentence(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _, err = command("--cluster", "tcp://127.0.0.1:8786")
    assert status == 2
    assert "labkit: grading on a cluster needs Dask: pip install 'labkit-course[cluster]'" in err


def test_jobs_and_a_cluster_exclude_each_other(command):
    status, _, err = command("--cluster", "tcp://127.0.0.1:8786", "--jobs", "2")
    assert status == 2
    assert "--jobs is for this machine" in err


def test_a_run_whose_workers_all_left_ends_with_a_sentence():
    with in_threads(0) as address, distributed.Client(address, set_as_default=False) as client:
        made = clusters.Cluster(client, clusters.settings(Limits(), False, 3), lonely=1.0)
        waiting = made.submit(Job("ada", ASSIGNMENT, ()))
        with pytest.raises(run.GradingError, match="it has had no workers for 1 s; start the run again"):
            waiting.result(60)
        made.close()


HELD = """
import time
import distributed
from labkit.grading.engine.work import cluster

def remote(data, options):
    print("begun", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    cluster.remote = remote  # which is what a job names
    made = distributed.LocalCluster(n_workers=1, processes=False, protocol="tcp", dashboard_address=None)
    print(made.scheduler_address, flush=True)
    time.sleep(600)
"""


def test_a_scheduler_killed_in_mid_run_ends_it_with_a_sentence_and_no_marks(course):  # noqa: F811
    root, settings = course
    submit(root, "ada", RIGHT)
    line = [sys.executable, "-W", "ignore", "-c", HELD]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as scheduler:
        address = scheduler.stdout.readline().strip()

        def kill():
            scheduler.stdout.readline()
            scheduler.kill()

        killing = threading.Thread(target=kill)
        killing.start()
        try:
            with pytest.raises(
                run.GradingError, match="connection to the Dask scheduler was lost; start the run again"
            ):
                run.grade(settings, ASSIGNMENT, cluster=address, sandboxed=False)
        finally:
            scheduler.kill()
            killing.join()
    assert gradebook_rows(root) == {}
