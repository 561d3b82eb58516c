"""Grading a class: trusted work and the gradebook in this thread, students' code in sandboxes, one a worker.

prepare (here) → work (a worker's sandbox, the judge) → store the result → finish (here) → done
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labkit.grading.engine.nbgrader import lean  # noqa: F401  before nbgrader

# isort: split
from sqlalchemy.exc import OperationalError
from traitlets.config import Config

from labkit.grading import alike, tracebacks
from labkit.grading.engine import journal
from labkit.grading.engine.journal import DONE, DUE, RAN, Entry, Journal
from labkit.grading.engine.judging.judge import Judges
from labkit.grading.engine.nbgrader import ledger
from labkit.grading.engine.nbgrader.autograde import Engine, Submission
from labkit.grading.engine.nbgrader.cells import grade_id
from labkit.grading.engine.nbgrader.shared import Shared
from labkit.grading.engine.opening import (
    find,
    kept,
    make_copy,
    nbgrader_warnings,
    open_engine,
    private,
    quiet,
    sandboxes,
    used_by,
)
from labkit.grading.engine.options import Options
from labkit.grading.engine.report import GRADED, KEPT, UNGRADED, Row
from labkit.grading.engine.trouble import GradingError, NotRun, describe, operational
from labkit.grading.engine.work.cluster import connected
from labkit.grading.engine.work.job import Result
from labkit.grading.engine.work.worker import Judge, Sandbox
from labkit.grading.engine.work.workers import Pool, Workers
from labkit.grading.tracebacks import LOG

WAITS = 5  # times a locked gradebook is tried; each waits as long as the database's own timeout

Progress = Callable[[Row, int, int], object]


def grade(
    config: Config,
    assignment: str,
    students: Sequence[str] | None = None,
    options: Options | None = None,
    *,
    exercise: Callable[[], str] = str,
    progress: Progress | None = None,
    make: Callable[[], Sandbox] | None = None,
    judge: Judge | None = None,
    log: logging.Logger | None = None,
    **more: Any,
) -> list[Row]:
    """Grade the submissions of an assignment that are due, and give a row for every one.

    Started again after a crash, it goes on where it was.

    Args:
        config: nbgrader's settings, with ``CourseDirectory.root``.
        assignment: its name; the gradebook must know it.
        students: whom to grade; everyone who handed in, by default.
        options: how the run goes.
        exercise: tells what identifies the exercise as it is now, while the workers get ready: who was graded against
            another is graded again.
        progress: called with a row, how many are finished, and how many there are.
        make: makes a worker's sandbox, for tests.
        judge: who gives the verdicts, for tests.
        log: where nbgrader's messages go.
        more: options by their names, in place of those in ``options``.

    Raises:
        GradingError: if it can't begin or can't go on: an unknown assignment, no submissions, no sandbox on this
            machine, a gradebook that is locked, a disk that is full.
    """
    chosen = replace(options or Options(), **more)
    with tracebacks.kept(Path(config.CourseDirectory.get("root") or "."), GradingError):
        engine = open_engine(config, assignment, log or quiet())
        wanted = find(engine, students)
        try:
            book = Journal(Journal.of(Path(engine.coursedir.root), assignment))
            with contextlib.ExitStack() as stack:
                stack.enter_context(book.lock())
                stack.enter_context(nbgrader_warnings())
                shared = stack.enter_context(Shared())
                pool = stack.enter_context(workers(engine, len(wanted), chosen, make, judge))
                return Run(engine, book, shared, pool, progress, chosen.force, exercise()).all(wanted)
        except journal.Busy as error:
            raise GradingError(str(error)) from None
        except OSError as error:
            raise GradingError(f"the run can't begin: {describe(error)}") from error


@contextlib.contextmanager
def workers(
    engine: Engine, wanted: int, options: Options, make: Callable[[], Sandbox] | None, judge: Judge | None
) -> Iterator[Pool]:
    """Where the notebooks run: on this machine, or on a cluster.

    Args:
        wanted: how many submissions there are: more workers than that would wait for nothing.

    Raises:
        GradingError: if that can't be.
    """
    if options.cluster is not None:
        if options.kernel:
            raise GradingError("a cluster's workers have no real kernel: leave out --real-kernel or --cluster")
        with connected(options, hide=private(engine), uses=used_by(engine), keep=kept(engine)) as cluster:
            yield cluster
        return
    if options.jobs is not None and options.jobs < 1:
        raise GradingError(f"there are {options.jobs} jobs; expected at least one")
    count = min(options.jobs or usual_jobs(), wanted)
    with contextlib.ExitStack() as stack:
        used = used_by(engine)
        judge = judge or stack.enter_context(Judges(judges_for(count), own=used.own, keys=used.keys))
        copy: Future[Path] = Future()
        box = make or sandboxes(engine, used, copy, options)
        pool = stack.enter_context(Workers(box, judge, count, options.seeds))
        if not make:
            make_copy(copy, used, judge)
        yield pool


def judges_for(jobs: int) -> int:
    """How many judges a number of submissions at a time needs."""
    return max(1, jobs // 4)


def usual_jobs() -> int:
    """How many submissions run at a time by default: one a processor, and as many as wait for a verdict meanwhile."""
    return processors() + judges_for(processors())


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        if not nameable(entry.student):
            return self.unusable(entry, "the folder's name is no text in UTF-8: rename it")
        try:
            made = self.engine.prepare(entry.student)
        except Exception as error:  # noqa: BLE001  nothing a student hands in may stop the class
            return self.fail(entry, f"it can't be read: {describe(error)}", error)
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
                self.fail(entry, str(error), error)
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
            return self.fail(entry, f"nbgrader failed on it: {describe(error)}", error)
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

    def fail(self, entry: Entry, sentence: str, error: Exception) -> None:
        """A failure of the machine: no mark, and the next run tries again."""
        LOG.error("%s of %s: %s", self.engine.assignment, ascii(entry.student), sentence, exc_info=error)
        self.report(Row(entry.student, self.engine.assignment, UNGRADED, flags=entry.flags, sentence=sentence))

    def report(self, row: Row) -> None:
        """One more student is finished."""
        if nameable(row.student):
            with self.engine.book() as book:
                ledger.fill(book, row)
        self.rows[row.student] = row
        if self.progress is not None:
            self.progress(row, len(self.rows), self.total)


def nameable(student: str) -> bool:
    """Whether a database can hold this name: a folder's may be any bytes."""
    try:
        student.encode()
    except UnicodeEncodeError:
        return False
    return True


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
