"""The same rows from a cluster; a worker that is killed costs a retry."""

import os
import shutil
import signal
from functools import partial

import pytest

from labkit.grading.engine import run
from labkit.grading.engine.job import Result
from tests import engine_class
from tests.engine_class import ASSIGNMENT, gradebook_rows
from tests.engine_double import contained
from tests.test_engine import course, grade, template  # noqa: F401  fixtures

distributed = pytest.importorskip("distributed", reason="a cluster needs Dask: pip install 'labkit[cluster]'")

pytestmark = [
    pytest.mark.slow,
    # Dask closes its sockets in its own time.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes on this machine."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made:
        yield made


def test_a_cluster_gives_the_same_rows(course, cluster):  # noqa: F811
    root, settings = course
    engine_class.pupils(root, 4)
    twin = root.parent / "here"
    shutil.copytree(root, twin)
    rows = run.grade(settings, ASSIGNMENT, cluster=cluster.scheduler_address, sandboxed=contained())
    assert all(row.state == "graded" for row in rows), rows
    grade(engine_class.config(twin))
    assert gradebook_rows(root) == gradebook_rows(twin)


def test_a_worker_killed_in_mid_run_costs_a_retry(course, cluster):  # noqa: F811
    root, settings = course
    engine_class.pupils(root, 4)
    killed = []

    def kill(row, done, total):
        if not killed:
            pid = next(iter(cluster.workers.values())).pid
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    rows = run.grade(settings, ASSIGNMENT, cluster=cluster.scheduler_address, sandboxed=contained(), progress=kill)
    assert killed
    assert all(row.state == "graded" for row in rows), rows


def test_no_scheduler_is_said(course, monkeypatch):  # noqa: F811
    root, settings = course
    engine_class.submit(root, "ada", engine_class.RIGHT)
    monkeypatch.setattr(run, "connected", partial(run.connected, seconds=1.0))
    with pytest.raises(run.GradingError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run.grade(settings, ASSIGNMENT, cluster="tcp://127.0.0.1:9")


def test_a_result_crosses_as_text():
    assert Result.from_json(Result({}, 1.0).to_json()) == Result({}, 1.0)
