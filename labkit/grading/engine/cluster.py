"""Jobs on other machines: Dask distributed carries the bytes of a job there and those of its result back.

A Dask worker needs labkit installed and, for the sandbox, bubblewrap; it needs no shared disk and no database. Each
worker process keeps one warm sandbox and one judge. A worker that dies costs a retry elsewhere.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from labkit.grading.engine.decoys import Decoys
from labkit.grading.engine.job import Job, Result
from labkit.grading.engine.judge import Judges
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.trouble import GradingError, NotRun, describe
from labkit.grading.engine.worker import SEEDS, Court, work

RETRIES = 2
LOCK = threading.Lock()
ROOMS: dict[str, tuple[Any, Judges, Decoys]] = {}
"""In a worker process: its sandbox, judge and decoys, for each kind of job."""


class Cluster:
    """The workers of a Dask scheduler."""

    def __init__(self, client: Any, *, limits: Limits, sandboxed: bool, seeds: int = SEEDS) -> None:
        self.client = client
        self.count = max(1, sum(client.nthreads().values()))
        self.options = json.dumps({"limits": limits.as_dict(), "sandboxed": sandboxed, "seeds": seeds})
        self.sent: set[Any] = set()

    def submit(self, job: Job) -> "Future[Result]":
        """Send a job to a worker."""
        answer: Future[Result] = Future()
        answer.set_running_or_notify_cancel()
        sent = self.client.submit(remote, job.to_bytes(), self.options, pure=False, retries=RETRIES)
        self.sent.add(sent)

        def arrived(done: Any) -> None:
            self.sent.discard(done)
            try:
                answer.set_result(Result.from_json(done.result()))
            except Exception as error:  # noqa: BLE001  whatever failed there was no student's code
                answer.set_exception(NotRun(f"its notebooks could not be run on the cluster: {describe(error)}"))

        sent.add_done_callback(arrived)
        return answer


@contextlib.contextmanager
def connected(address: str, *, limits: Limits, sandboxed: bool, seeds: int, seconds: float = 30.0) -> Iterator[Cluster]:
    """A cluster for the time of a run.

    Raises:
        GradingError: if Dask is not installed, or no scheduler answers, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise GradingError("grading on a cluster needs Dask: pip install 'labkit[cluster]'") from None
    try:
        client = Client(address, timeout=seconds, set_as_default=False)
    except (OSError, ValueError) as error:
        raise GradingError(f"no Dask scheduler answers at {address}: {describe(error)}") from error
    try:
        if not client.nthreads():
            raise GradingError(f"the Dask scheduler at {address} has no workers")
        yield Cluster(client, limits=limits, sandboxed=sandboxed, seeds=seeds)
    finally:
        client.close()


def remote(data: bytes, options: str) -> str:
    """On a worker: run a job; the result as text.

    Raises:
        SandboxError: if the machinery fails there; Dask tries again, perhaps elsewhere.
    """
    sandbox, judges, decoys = room(options)
    return work(Job.from_bytes(data), Court(judges, sandbox, json.loads(options)["seeds"], decoys)).to_json()


def room(options: str) -> tuple[Any, Judges, Decoys]:
    """This process's sandbox, judge and decoys, made at the first job."""
    from labkit.grading.engine.sandbox import Sandbox

    with LOCK:
        if options not in ROOMS:
            wanted = json.loads(options)
            made = Sandbox(Limits(**wanted["limits"]), sandboxed=wanted["sandboxed"])
            ROOMS[options] = made, Judges(1), Decoys()
        return ROOMS[options]
