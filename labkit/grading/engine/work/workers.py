"""Where jobs run: threads of this process and their warm sandbox, or whatever else gives a future for a job."""

import queue
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from labkit.grading.engine.judging.decoys import Decoys
from labkit.grading.engine.options import SEEDS
from labkit.grading.engine.trouble import GradingError, NotRun, describe
from labkit.grading.engine.work.job import Job, Result
from labkit.grading.engine.work.worker import Court, Judge, Sandbox, work
from labkit.grading.tracebacks import LOG

TRIES = 3  # runs of a job before the machine is blamed


@runtime_checkable
class Pool(Protocol):
    """What a run needs of its workers: how many there are, and a future for a job."""

    count: int

    def submit(self, job: Job) -> "Future[Result]": ...


@dataclass
class Workers:
    """Threads that share a sandbox, which warms up while the run begins: a start takes seconds and much memory.

    A thread that it fails gets one of its own: nobody else's work is ended for that.

    Args:
        make: makes a sandbox.
        judge: who gives the verdicts.
        count: how many jobs run at a time.
        seeds: under how many secret seeds each check runs.
    """

    make: Callable[[], Sandbox]
    judge: Judge
    count: int
    seeds: int = SEEDS
    decoys: Decoys = field(default_factory=Decoys)
    boxes: "queue.LifoQueue[Sandbox | None]" = field(default_factory=queue.LifoQueue)
    made: list[Sandbox] = field(default_factory=list)
    common: Sandbox | None = None
    ending: bool = False

    def __enter__(self) -> "Workers":
        self.pool = ThreadPoolExecutor(self.count, thread_name_prefix="grading")
        self.first = self.pool.submit(self.fresh)
        self.first.add_done_callback(self.ready)
        return self

    def ready(self, future: "Future[Sandbox]") -> None:
        """The sandbox is warm, or there will be another attempt."""
        error = None if future.cancelled() else future.exception()
        if error:
            LOG.warning("a sandbox could not be made; each worker tries by itself", exc_info=error)
        self.common = None if future.cancelled() or error else future.result()
        for _ in range(self.count):
            self.boxes.put(self.common)

    def __exit__(self, *_: object) -> None:
        self.ending = True  # what still runs, when a run is broken off, ends with its sandbox
        for box in self.made:
            box.close()
        self.pool.shutdown(wait=True, cancel_futures=True)
        for box in self.made:
            box.close()

    def fresh(self) -> Sandbox:
        """A new sandbox."""
        self.made.append(self.make())
        return self.made[-1]

    def submit(self, job: Job) -> "Future[Result]":
        """Run a job when a worker is free."""
        return self.pool.submit(self.run, job)

    def run(self, job: Job) -> Result:
        """Run a job, again if the machinery fails.

        Raises:
            NotRun: if it fails each time.
            GradingError: if there is no sandbox to be had at all.
        """
        for left in reversed(range(TRIES)):
            box = self.boxes.get()
            try:
                box = box or self.renew()
                return work(job, Court(self.judge, box, self.seeds, self.decoys))
            except GradingError:
                raise
            except Exception as error:
                # What a student's code does is a result; this is the machine.
                if box and box is not self.common:
                    box.close()
                box = None
                LOG.warning("a worker failed; tries left: %s", left, exc_info=error)
                if not left or self.ending:
                    raise NotRun(f"its notebooks could not be run: {describe(error)}") from error
                time.sleep(0.2)
            finally:
                self.boxes.put(box)
        raise AssertionError("unreachable")

    def renew(self) -> Sandbox:
        """A sandbox in place of one that failed.

        Raises:
            GradingError: if none ever worked.
        """
        try:
            return self.fresh()
        except Exception as error:
            if not self.made and self.first.done():
                raise GradingError(f"no sandbox can be made here: {describe(error)}") from error
            raise
