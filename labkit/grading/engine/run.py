"""Grading a class: trusted work and the gradebook in this thread, students' code in sandboxes, one a worker.

prepare (here) → work (a worker's sandbox, the judge) → store the result → finish (here) → done
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.grading.engine.nbgrader import lean  # noqa: F401  before nbgrader

# isort: split
from sqlalchemy.exc import OperationalError
from traitlets.config import Config

from labkit.grading import alike
from labkit.grading.engine import journal
from labkit.grading.engine.journal import DONE, DUE, RAN, Entry, Journal
from labkit.grading.engine.judging.judge import Judges
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.nbgrader import ledger
from labkit.grading.engine.nbgrader.autograde import Engine, Submission
from labkit.grading.engine.nbgrader.cells import grade_id
from labkit.grading.engine.nbgrader.shared import Shared
from labkit.grading.engine.opening import (
    find,
    kept,
    nbgrader_warnings,
    open_engine,
    private,
    quiet,
    sandboxes,
    used_by,
)
from labkit.grading.engine.report import GRADED, KEPT, UNGRADED, Row
from labkit.grading.engine.trouble import GradingError, NotRun, describe, operational
from labkit.grading.engine.work.cluster import connected
from labkit.grading.engine.work.job import Result
from labkit.grading.engine.work.worker import SEEDS, Judge, Sandbox
from labkit.grading.engine.work.workers import Pool, Workers

WAITS = 5  # times a locked gradebook is tried; each waits as long as the database's own timeout

UNNAMEABLE = "the folder's name is no text in UTF-8: rename it"

Progress = Callable[[Row, int, int], object]


def grade(
    config: Config,
    assignment: str,
    students: Sequence[str] | None = None,
    *,
    jobs: int | None = None,
    limits: Any = None,
    sandboxed: bool = True,
    kernel: bool = False,
    force: bool = False,
    exercise: str = "",
    progress: Progress | None = None,
    seeds: int = SEEDS,
    make: Callable[[], Sandbox] | None = None,
    judge: Judge | None = None,
    cluster: str | None = None,
    log: logging.Logger | None = None,
) -> list[Row]:
    """Grade the submissions of an assignment that are due, and give a row for every one.

    Started again after a crash, it goes on where it was.

    Args:
        config: nbgrader's settings, with ``CourseDirectory.root``.
        assignment: its name; the gradebook must know it.
        students: whom to grade; everyone who handed in, by default.
        jobs: how many submissions run at a time; as many as there are processors, by default.
        limits: a ``limits.Limits``; what a submission may use.
        sandboxed: whether students' code is contained. Without, it runs with the rights of this user.
        kernel: whether each notebook runs in a Jupyter kernel instead of the engine's own shell.
        force: grade what was graded before as well. Marks given by hand stay.
        exercise: what identifies the exercise as it is now: who was graded against another is graded again.
        progress: called with a row, how many are finished, and how many there are.
        seeds: under how many secret seeds each check runs.
        make: makes a worker's sandbox, for tests.
        judge: who gives the verdicts, for tests.
        cluster: the address of a Dask scheduler, whose workers run the notebooks instead of this machine.
        log: where nbgrader's messages go.

    Raises:
        GradingError: if it can't begin or can't go on: an unknown assignment, no submissions, no sandbox on this
            machine, a gradebook that is locked, a disk that is full.
    """
    engine = open_engine(config, assignment, log or quiet())
    wanted = find(engine, students)
    try:
        book = Journal(Journal.of(Path(engine.coursedir.root), assignment))
        with contextlib.ExitStack() as stack:
            stack.enter_context(book.lock())
            stack.enter_context(nbgrader_warnings())
            shared = stack.enter_context(Shared())
            if cluster is not None and kernel:
                raise GradingError("a cluster's workers have no real kernel: leave out --real-kernel or --cluster")
            if cluster is not None:
                pool: Pool = stack.enter_context(connected(
                    cluster, limits=limits or Limits(), sandboxed=sandboxed, seeds=seeds, hide=private(engine),
                    uses=used_by(engine), keep=kept(engine),
                ))  # fmt: skip
            else:
                count = min(workers(jobs), len(wanted))
                used = used_by(engine)
                judge = judge or stack.enter_context(Judges(max(1, count // 4), own=used.own, keys=used.keys))
                box = make or sandboxes(engine, used, judge, limits, sandboxed, kernel)
                pool = stack.enter_context(Workers(box, judge, count, seeds))
            return Run(engine, book, shared, pool, progress, force, exercise).all(wanted)
    except journal.Busy as error:
        raise GradingError(str(error)) from None
    except OSError as error:
        raise GradingError(f"the run can't begin: {describe(error)}") from error


def workers(jobs: int | None) -> int:
    """How many submissions run at a time.

    Raises:
        GradingError: if that is none.
    """
    if jobs is not None and jobs < 1:
        raise GradingError(f"there are {jobs} jobs; expected at least one")
    return jobs or len(os.sched_getaffinity(0))


@dataclass
class Run:
    """One run over a class."""

    engine: Engine
    book: Journal
    shared: Shared
    pool: Pool
    progress: Progress | None
    force: bool
    exercise: str = ""
    rows: dict[str, Row] = field(default_factory=dict)
    pending: dict["Future[Result]", tuple[Submission, Entry]] = field(default_factory=dict)
    total: int = 0

    def all(self, students: Sequence[str]) -> list[Row]:
        """Grade those who are due; rows for all.

        Raises:
            GradingError: if the run can't go on.
        """
        self.total = len(students)
        try:
            for entry in [entry for student in students if (entry := self.look(student))]:
                while len(self.pending) >= self.pool.count + 2:
                    self.settle()
                self.begin(entry)
            while self.pending:
                self.settle()
        except OSError as error:
            raise GradingError(f"the run stopped: {describe(error)}; start it again when that is put right") from error
        except (OperationalError, sqlite3.Error) as error:
            raise GradingError(f"the run stopped, the gradebook can't be written: {describe(error)}") from error
        return [self.rows[student] for student in students]

    def look(self, student: str) -> Entry | None:
        """Whether a submission is due; if not, its row is made."""
        print_ = journal.fingerprint(self.engine.submitted(student), self.engine.base)
        entry = self.book.get(student)
        if not self.force and not self.due(student, entry, print_):
            known = entry or Entry(student, DONE)
            self.report(Row(student, self.engine.assignment, KEPT, flags=known.flags, notes=known.notes,
                            sentence=known.sentence, reports=known.reports))  # fmt: skip
            return None
        if entry is None or entry.state == DONE or self.force or entry.fingerprint != print_:
            entry = Entry(student, DUE, print_)
            if self.force:
                self.book.put(entry)  # a forced run that is killed is not forced when it goes on
        entry.exercise = self.exercise
        return entry

    def due(self, student: str, entry: Entry | None, print_: str) -> bool:
        """Whether to grade a submission: as nbgrader decides it by timestamps, or because its files or the exercise
        have changed."""
        if entry is not None and (entry.state != DONE or self.exercise not in ("", entry.exercise)):
            return True
        if not self.engine.autograded(student).exists():
            return entry is None or entry.fingerprint != print_ or not entry.sentence
        if entry is not None:
            return entry.fingerprint != print_
        return self.engine.newer(student)

    def begin(self, entry: Entry) -> None:
        """Prepare a submission and hand it out, or say why it can't be."""
        try:
            entry.student.encode()
            made = self.engine.prepare(entry.student)
        except UnicodeEncodeError:
            return self.unusable(entry, UNNAMEABLE)
        except Exception as error:  # noqa: BLE001  nothing a student hands in may stop the class
            return self.fail(entry, f"it can't be read: {describe(error)}")
        entry.flags, entry.notes = made.flags, made.notes
        if not made.notebooks:
            return self.unusable(entry, "; ".join(dict.fromkeys(made.broken.values())) or self.absent())
        work = made.job.digest()
        stored = result_of(entry) if entry.state == RAN and entry.work == work else None
        entry.work = work
        if stored is not None:
            return self.complete(made, entry, stored)
        self.pending[self.pool.submit(made.job)] = made, entry

    def absent(self) -> str:
        """The sentence for a submission without any notebook of the assignment."""
        return f"there is no {' or '.join(f'{name}.ipynb' for name in self.engine.blueprints)} in it"

    def settle(self) -> None:
        """Wait for a worker, and take in what it returns."""
        ready, _ = wait(self.pending, return_when=FIRST_COMPLETED)
        for future in ready:
            made, entry = self.pending.pop(future)
            try:
                result = future.result()
            except NotRun as error:
                self.fail(entry, str(error))
                continue
            entry.state, entry.result = RAN, result.to_json()
            self.book.put(entry)
            self.complete(made, entry, result)

    def complete(self, made: Submission, entry: Entry, result: Result) -> None:
        """Write a submission's marks; it is done only when they are in the gradebook."""
        try:
            self.write(made, result)
        except (OSError, OperationalError):
            raise
        except Exception as error:  # noqa: BLE001  one submission's failure must not stop the class
            with self.engine.book() as book:
                ledger.withdraw(book, self.engine.assignment, made.student)
            self.engine.remove(made.student)
            return self.fail(entry, f"nbgrader failed on it: {describe(error)}")
        entry.flags = [
            *made.flags,
            *(text for o in result.outcomes.values() for c in o.cells.values() for text in c.flags),
        ]
        entry.reports = reports(made, result)
        alike.keep(self.book.folder / alike.FOLDER / self.book.path(made.student).name, made.student, made.notebooks,
                   result)  # fmt: skip
        entry.sentence = "; ".join(
            [*made.broken.values(), *(text for o in result.outcomes.values() for text in o.said())]
        )
        entry.state, entry.result = DONE, ""
        self.book.put(entry)
        row = Row(made.student, self.engine.assignment, GRADED, flags=entry.flags, notes=entry.notes,
                  sentence=entry.sentence, reports=entry.reports, seconds=result.seconds)  # fmt: skip
        self.report(row)

    def write(self, made: Submission, result: Result) -> None:
        """Write to the gradebook and ``autograded/``; a gradebook that another program holds is waited for."""
        for left in reversed(range(WAITS)):
            try:
                self.engine.start_over(made)
                with self.shared.transaction():
                    self.engine.finish(made, result)
                    with self.engine.book() as book:
                        ledger.annotate(book, self.engine.assignment, made, result)
                return self.engine.end(made)
            except Exception as error:
                trouble = operational(error)
                if trouble is None:
                    raise
                if not left or "locked" not in str(trouble):
                    raise trouble from error

    def unusable(self, entry: Entry, sentence: str) -> None:
        """A submission that can't be graded as it is: nothing is written, and it isn't tried again unchanged."""
        entry.state, entry.sentence, entry.result = DONE, sentence, ""
        self.book.put(entry)
        self.report(Row(entry.student, self.engine.assignment, UNGRADED, flags=entry.flags, sentence=sentence))

    def fail(self, entry: Entry, sentence: str) -> None:
        """A failure of the machine: no mark, and the next run tries again."""
        self.report(Row(entry.student, self.engine.assignment, UNGRADED, flags=entry.flags, sentence=sentence))

    def report(self, row: Row) -> None:
        """One more student is finished."""
        if row.sentence != UNNAMEABLE:
            with self.engine.book() as book:
                ledger.fill(book, row)
        self.rows[row.student] = row
        if self.progress is not None:
            self.progress(row, len(self.rows), self.total)


def result_of(entry: Entry) -> Result | None:
    """The stored result of an entry, if it can be read."""
    try:
        return Result.from_json(entry.result)
    except ValueError:
        return None


def reports(made: Submission, result: Result) -> list[dict[str, Any]]:
    """The verdicts of all checks with where they stand."""
    return [
        {"notebook": name, "cell": grade_id(made.notebooks[name].cells[index]), **report}
        for name, outcome in result.outcomes.items()
        for index, cell in outcome.cells.items()
        for report in cell.reports
    ]
