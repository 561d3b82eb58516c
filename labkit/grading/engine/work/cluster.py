"""Jobs on other machines: Dask distributed carries the bytes of a job there and the text of its result back.

A worker trusts who sends it jobs, as Dask itself does; a result is read as text, since students' code ran beside it.

A Dask worker needs labkit installed and, for the sandbox, bubblewrap; it needs no shared disk and no database. Each
worker process keeps one warm sandbox and one judge. A worker that dies costs a retry elsewhere.
"""

import contextlib
import json
import logging
import pickle
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import labkit
from labkit.grading.engine.judging.decoys import Decoys
from labkit.grading.engine.judging.judge import Judges
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.options import Options
from labkit.grading.engine.trouble import GradingError, NotRun, describe
from labkit.grading.engine.work.exercise import Uses
from labkit.grading.engine.work.job import Job, Result
from labkit.grading.engine.work.worker import ENV, Court, work

RETRIES = 2
LONELY = 60.0  # seconds without any worker after which a run gives up
LOOKS = 1.0  # seconds between two looks at who is there
LOST = "the connection to the Dask scheduler was lost"
LOCK = threading.Lock()
ROOMS: dict[str, tuple[Any, Judges, Decoys]] = {}
"""In a worker process: its sandbox, judge and decoys, for the exercise that it works on."""
BUSY: Counter[str] = Counter()
"""How many jobs run in each."""


class Cluster:
    """The workers of a Dask scheduler.

    Args:
        client: a ``distributed.Client``.
        options: what a worker must know besides the job, as text.
        lonely: seconds without any worker after which no more is hoped for.
    """

    def __init__(self, client: Any, options: str, *, lonely: float = LONELY) -> None:
        self.client, self.options, self.lonely = client, options, lonely
        self.count = max(1, sum(client.nthreads().values()))
        self.sent: dict[Any, Future[Result]] = {}
        self.lost = ""
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.watch = threading.Thread(target=self.look, name="cluster", daemon=True)
        self.watch.start()

    def submit(self, job: Job) -> "Future[Result]":
        """Send a job to a worker."""
        answer: Future[Result] = Future()
        answer.set_running_or_notify_cancel()
        try:
            sent = self.client.submit(remote, pickle.dumps(job), self.options, pure=False, retries=RETRIES)
        except Exception as error:  # noqa: BLE001  the connection is gone
            answer.set_exception(GradingError(f"the cluster takes no more work: {self.lost or describe(error)}"))
            return answer
        with self.lock:
            self.sent[sent] = answer
        sent.add_done_callback(self.arrived)
        return answer

    def arrived(self, sent: Any) -> None:
        """A job is done, or has failed for good."""
        with self.lock:
            answer = self.sent.pop(sent, None)
        if answer is None:
            return
        if sent.cancelled():  # nobody here cancels: the scheduler is gone, and with it all that was sent
            answer.set_exception(GradingError(f"{LOST}; start the run again when one answers"))
            return
        try:
            answer.set_result(Result.from_json(sent.result()))
        except Exception as error:  # noqa: BLE001  whatever failed there was no student's code
            trouble = NotRun(f"its notebooks could not be run on the cluster: {describe(error)}")
            trouble.__cause__ = error
            answer.set_exception(trouble)

    def look(self) -> None:
        """Until the end: look whether anybody is there. Dask itself would wait for a worker for ever."""
        seen = time.monotonic()
        while not self.ended.wait(LOOKS):
            try:
                there = bool(self.client.nthreads())
            except Exception:  # noqa: BLE001  no scheduler is nobody
                there = False
            seen = time.monotonic() if there else seen
            if time.monotonic() - seen > self.lonely:
                self.give_up(f"it has had no workers for {self.lonely:g} s")
                return

    def give_up(self, why: str) -> None:
        """Fail what was sent, so that the run ends."""
        self.lost = why
        with self.lock:
            left, self.sent = self.sent, {}
        for answer in left.values():
            answer.set_exception(
                GradingError(f"the cluster is of no more use: {why}; start the run again with workers")
            )

    def close(self) -> None:
        """Look no more."""
        self.ended.set()
        self.watch.join()


@contextlib.contextmanager
def connected(
    options: Options,
    *,
    seconds: float = 30.0,
    hide: Sequence[Path] = (),
    uses: Uses | None = None,
    keep: Sequence[str] = (),
) -> Iterator[Cluster]:
    """A cluster for the time of a run.

    Args:
        options: how the run goes; ``cluster`` is the scheduler's address.
        seconds: how long to wait for the scheduler.
        hide: folders of this machine that no submission may see, where a worker runs on it.
        uses: what of labkit the exercise uses: its functions aren't there.
        keep: distributions that submissions see although only labkit's tests need them.

    Raises:
        GradingError: if Dask is not installed, no scheduler answers, or its workers are none or can't grade.
    """
    try:
        from distributed import Client
    except ImportError:
        raise GradingError("grading on a cluster needs Dask: pip install 'labkit-course[cluster]'") from None
    address = options.cluster or ""
    known = settings(options.limits or Limits(), options.sandboxed, options.seeds, hide, uses or Uses(), keep)
    with quiet():
        try:
            if not address:  # Dask would start a cluster of its own
                raise ValueError("the address is empty; expected one as in tcp://scheduler:8786")
            client = Client(address, timeout=seconds, set_as_default=False)
        except Exception as error:
            raise GradingError(f"no Dask scheduler answers at {address!r}: {describe(error)}") from error
        cluster = None
        try:
            able(client, address, known)
            cluster = Cluster(client, known)
            yield cluster
        finally:
            if cluster is not None:
                cluster.close()
            client.close()


def settings(
    limits: Limits,
    sandboxed: bool,
    seeds: int,
    hide: Sequence[Path] = (),
    uses: Uses | None = None,
    keep: Sequence[str] = (),
) -> str:
    """What a worker must know besides the job, as text."""
    places = [str(path) for path in hide]
    known = {"limits": limits.as_dict(), "sandboxed": sandboxed, "seeds": seeds, "hide": places, "keep": list(keep)}
    return json.dumps(known | {"uses": asdict(uses or Uses()), "labkit": labkit.__version__})


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Dask's own log on the screen: what matters of it is said in a sentence."""
    log = logging.getLogger("distributed")
    before = log.level, log.propagate
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.level, log.propagate = before


def able(client: Any, address: str, options: str) -> None:
    """See that there are workers and that each can grade.

    Raises:
        GradingError: if not, with the first that can't.
    """
    if not client.nthreads():
        raise GradingError(f"the Dask scheduler at {address} has no workers: start some with `dask worker {address}`")
    try:
        lacks = client.run(lack, options, on_error="return")
    except Exception as error:
        raise GradingError(f"the workers at {address} don't answer: {describe(error)}") from error
    for worker, found in sorted(lacks.items()):
        reason = describe(found) if isinstance(found, BaseException) else found
        if reason:
            raise GradingError(f"the worker {worker} can't grade: {reason}")


def lack(options: str) -> str:
    """On a worker: what it lacks, in a sentence; "" if nothing."""
    from labkit.grading.engine import sandbox

    wanted = json.loads(options)
    if wanted["labkit"] != labkit.__version__:
        return f"it has labkit {labkit.__version__}, and {wanted['labkit']} was asked for"
    return sandbox.missing(wanted["sandboxed"])


def remote(data: bytes, options: str) -> str:
    """On a worker: run a job; the result as text.

    Raises:
        SandboxError: if the machinery fails there; Dask tries again, perhaps elsewhere.
    """
    sandbox, judges, decoys = room(options)
    with LOCK:
        BUSY[options] += 1
    try:
        return work(pickle.loads(data), Court(judges, sandbox, json.loads(options)["seeds"], decoys)).to_json()
    finally:
        with LOCK:
            BUSY[options] -= 1


def room(options: str) -> tuple[Any, Judges, Decoys]:
    """This process's sandbox, judge and decoys, made at the first job; those of another exercise go."""
    with LOCK:
        if options not in ROOMS:
            for other in [other for other in ROOMS if not BUSY[other]]:
                sandbox, judges, _ = ROOMS.pop(other)
                sandbox.close()
                judges.close()
            wanted = json.loads(options)
            judges = Judges(1, own=wanted["uses"]["own"], keys=wanted["uses"]["keys"])
            ROOMS[options] = furnished(wanted, judges), judges, Decoys()
        return ROOMS[options]


def furnished(wanted: dict[str, Any], judges: Judges) -> Any:
    """The sandbox for an exercise, as the settings want it.

    Raises:
        SandboxError, Broken, OSError: if it can't be made here.
    """
    from labkit.grading.engine.sandbox import Sandbox

    used = wanted["uses"]
    lists = {name: tuple(used[name]) for name in ("keys", "modules", "libraries")}
    preludes = tuple(map(tuple, used["preludes"]))
    uses = Uses(own=used["own"], torch=used["torch"], preludes=preludes, **lists)
    hide = [path for path in map(Path, wanted["hide"]) if path.is_dir()]
    return Sandbox(
        Limits(**wanted["limits"]), sandboxed=wanted["sandboxed"], preload=uses.preload, hide=hide,
        archive=partial(uses.archive, judges), keep=wanted["keep"], preludes=uses.preludes, env=ENV,
    )  # fmt: skip
