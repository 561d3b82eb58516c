"""One submission in a sandbox: cell by cell, with the checks judged outside. Knows no disk and no database."""

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile, zip_longest
from typing import Any, Protocol, runtime_checkable

from labkit.grading.engine.judging.decoys import Decoy, Decoys, asked, betrayed, named
from labkit.grading.engine.judging.judge import Broken, Forged, Verdict
from labkit.grading.engine.nbgrader.cells import CHECK, RUN, TEST, Call, Step
from labkit.grading.engine.options import SEEDS
from labkit.grading.engine.sandbox.outputs import outputs as validated
from labkit.grading.engine.work import outputs as shape
from labkit.grading.engine.work.job import Cell, Job, Outcome, Part, Result

ENV = {"NBGRADER_EXECUTION": "autograde"}
ENOUGH = 2.0  # seconds: a check that has taken longer is not run under another seed
STRANGE = "its process sent replies that no honest notebook sends"
BUSY = "it ran out of time while this machine was too busy to run it; grade it again with --force when that is over"
PUBLIC = 1  # the seed under which wrong answers of a class are compared: the notebook's first
ALIKE = 64 * 2**10  # bytes of outputs that are kept of one
BITS = 31  # of a seed: every generator takes it


@runtime_checkable
class Session(Protocol):
    """One notebook's process, as ``sandbox.Session`` is. ``killed`` says that nobody knows who ended it."""

    died: str
    killed: bool
    tampered: bool

    def run_cell(self, source: str) -> Any: ...
    def run_check(self, key: str, expression: str, seed: int) -> Any: ...
    def files(self, given: Mapping[str, bytes]) -> dict[str, bytes]: ...


@runtime_checkable
class Sandbox(Protocol):
    """A warm place to run notebooks in, as ``sandbox.Sandbox`` is."""

    def open(self, files: Mapping[str, bytes], env: Mapping[str, str] = ...) -> Any: ...
    def close(self) -> None: ...


@runtime_checkable
class Judge(Protocol):
    """Who gives the verdicts, as ``judge.Judges`` does."""

    def judge(self, key: str, data: bytes, seed: int) -> Verdict: ...


@dataclass
class Court:
    """All that a verdict takes but the answer.

    Attributes:
        judge: who gives it.
        sandbox: where decoys are tried out.
        seeds: under how many secret seeds each check runs.
    """

    judge: Judge
    sandbox: Sandbox
    seeds: int = SEEDS
    decoys: Decoys = field(default_factory=Decoys)


def work(job: Job, court: Court) -> Result:
    """Run a job. What a student's code does ends as an outcome; what the machine does, as an exception."""
    start = time.monotonic()
    outcomes = {}
    files: Mapping[str, bytes] = job.files
    for number, part in enumerate(job.parts, start=1):
        more = number < len(job.parts)
        outcome, left, unlucky = attempt(part, files, court, more)
        if unlucky:
            # By itself or by the machine? What a submission does to itself it will do again.
            outcome, left, _ = attempt(part, files, court, more)
            blame(part, outcome)
        outcomes[part.name], files = outcome, left
    return Result(outcomes, time.monotonic() - start)


Attempt = tuple[Outcome, Mapping[str, bytes], bool]


def attempt(part: Part, files: Mapping[str, bytes], court: Court, more: bool) -> Attempt:
    """Run one notebook in a session of its own.

    nbgrader runs the notebooks of a submission in one folder, in order: what one writes the next may read.

    Returns:
        Its outcome; the files for the notebook after it, if there are ``more``; whether the machine may be to blame
        for how it ended: its process was killed by nobody knows whom, or got no processor.
    """
    with opened(part, files, court.sandbox) as session:
        outcome = notebook(part, session, court)
        if more and not outcome.died:
            files = session.files(files)
            if session.died:
                after(part, outcome, session)
        return outcome, files, session.killed or any(cell.starved for cell in outcome.cells.values())


def opened(part: Part, files: Mapping[str, bytes], sandbox: Sandbox) -> Any:
    """A session for a notebook, behind its first cells where they are released ones that the sandbox has run."""
    behind = getattr(sandbox, "behind", None)
    session = None
    if behind and not files:  # a file may be a module that the cells import
        session = behind([step.source for step in takewhile(lambda step: step.kind == RUN, part.steps)], ENV)
    return session or sandbox.open(files, dict(ENV))


def after(part: Part, outcome: Outcome, session: Session) -> None:
    """Say that a notebook's process ended when its cells had run already."""
    outcome.died = session.died
    if session.tampered and part.steps:
        outcome.cells[part.steps[-1].index].flags.append(flag(part.steps[-1], STRANGE))


def blame(part: Part, outcome: Outcome) -> None:
    """Have a person look at cells that the machine gave too little time, twice."""
    for step in part.steps:
        if step.index in outcome.cells and outcome.cells[step.index].starved:
            outcome.cells[step.index].flags.append(flag(step, BUSY))


def notebook(part: Part, session: Session, court: Court) -> Outcome:
    """Run the cells of one notebook in order, errors or not, as long as its process lives."""
    outcome = Outcome()
    ran = getattr(session, "ran", ())
    for step, before in zip_longest(part.steps, ran):
        if before:
            outcome.cells[step.index] = Cell(list(before.outputs))
            continue
        if outcome.died:
            outcome.cells[step.index] = Cell([shape.stopped("NotRun", f"this cell did not run: {outcome.died}")])
            continue
        run = {CHECK: checked, TEST: tested}.get(step.kind, plain)
        cell, outcome.died = run(step, session, court)
        if outcome.died and not shape.failed(cell.outputs):
            cell.outputs.append(shape.stopped("Stopped", outcome.died))
        outcome.cells[step.index] = cell
    return outcome


def plain(step: Step, session: Session, court: Court) -> tuple[Cell, str]:
    """Run an ordinary cell."""
    ran = session.run_cell(step.source)
    cell = Cell(list(ran.outputs))
    late(step, ran, cell)
    if ran.tampered:
        cell.flags.append(flag(step, STRANGE))
    return cell, ran.died


def tested(step: Step, session: Session, court: Court) -> tuple[Cell, str]:
    """Run a test cell of nbgrader's kind, after cells that must fail."""
    flags: list[str] = []
    for canary in step.canaries:
        ran = session.run_cell(canary)
        if ran.died:
            return Cell(flags=flags, starved=bool(getattr(ran, "starved", False))), ran.died
        if ran.tampered or not shape.failed(ran.outputs):
            flags = [flag(step, "a test that is always wrong passed here, so this cell's result means nothing")]
    cell, died = plain(step, session, court)
    cell.flags = flags + cell.flags
    if flags and not shape.failed(cell.outputs):
        cell.outputs.insert(0, shape.stopped("Tampered", "tests can't fail in this notebook; a person will look at it"))
    return cell, died


def checked(step: Step, session: Session, court: Court) -> tuple[Cell, str]:
    """Run the checks of a cell under secret seeds, and let the judge say what the cell shows."""
    cell = Cell()
    for call in step.calls:
        died = one(step, call, cell, session, court)
        if died or shape.failed(cell.outputs):
            return cell, died
    return cell, ""


def one(step: Step, call: Call, cell: Cell, session: Session, court: Court) -> str:
    """One call of ``check``: its verdict goes to ``cell``. Returns why the process died, if it did."""
    try:
        found, died = verdict(step, call, cell, session, court)
    except Deceived as error:
        cell.flags.append(flag(step, f"an answer that is always wrong was tried in its process, and {error}"))
        cell.outputs.append(shape.stopped("Tampered", "checks can't fail in this notebook; a person will look at it"))
        return session.died
    except Forged as error:
        cell.flags.append(flag(step, f"its process sent what no check sends ({error})"))
        cell.outputs.append(shape.stopped("Refused", "the outputs of this check are not those of a check"))
        return session.died
    except Broken as error:
        cell.flags.append(flag(step, f"it could not be judged, so a person must: {error}"))
        cell.person = True
        cell.outputs.append(shape.stopped("NotJudged", "this check could not be judged; a person will"))
        return session.died
    if found is None:
        return died
    cell.reports.append(found.report())
    cell.outputs += validated([found.output]) if found.output else []
    return died


class Deceived(Exception):
    """A decoy found out that the process was tampered with; the message is the end of a sentence."""


def verdict(step: Step, call: Call, cell: Cell, session: Session, court: Court) -> tuple[Verdict | None, str]:
    """The judge's verdict under one seed after another, up to the first that isn't right; why the process died.

    There is none where no outputs came: then ``cell`` shows why. Decoys follow right answers, some at once and some
    later, so that the process can't count which question is one. Where a check needs fewer seeds than the court has,
    one may come first.

    Raises:
        Deceived: if a decoy was not answered as an honest process answers it.
        Forged: if what came is not what a check sends.
        Broken: if no verdict can be had.
    """
    start = time.monotonic()
    count = seeds(call, court)
    waiting: list[Decoy] | None = None
    if count < court.seeds:
        waiting = ask(decoys_of(call, court), count + 1, call, cell, session, court)
    for round in range(count):
        seed = secrets.randbits(BITS)
        ran = asked(session, court.judge, call.key, call.expression, seed)
        late(step, ran, cell)
        cell.outputs += [o for o in ran.outputs if o.get("name") == "stdout"] if round == 0 else []
        if ran.tampered:
            raise Forged(ran.died or "more than one reply")
        if ran.data is None:
            errors = [output for output in ran.outputs if output["output_type"] == "error"]
            if not errors and not ran.died:
                raise Broken(getattr(ran, "failed", "") or "its process sent nothing")
            cell.outputs += errors or [shape.stopped("Stopped", ran.died)]
            return None, ran.died
        found = court.judge.judge(call.key, ran.data, seed)
        if not (found.right or found.named or ran.died):
            remember(call, cell, session, court)
        if not found.right or ran.died:
            return found, ran.died or session.died
        waiting = decoys_of(call, court) if waiting is None else waiting
        last = round == count - 1 or time.monotonic() - start > ENOUGH
        waiting = ask(waiting, 1 if last else count, call, cell, session, court)
        if last:
            break
    return found, session.died


def seeds(call: Call, court: Court) -> int:
    """Under how many secret seeds a check runs: as many as a verdict on it needs, and the court allows."""
    needed = getattr(court.judge, "seeds", None)
    return int(needed(call.key, court.seeds)) if needed else court.seeds


def decoys_of(call: Call, court: Court) -> list[Decoy]:
    """New decoys for a check."""
    return court.decoys.of(call.key, court.sandbox, court.judge, secrets.randbits(BITS))


def ask(waiting: list[Decoy], chance: int, call: Call, cell: Cell, session: Session, court: Court) -> list[Decoy]:
    """Ask one in ``chance`` of the decoys that wait, drawn anew; those that go on waiting.

    Raises:
        Deceived: if one was not answered as an honest process answers it.
    """
    left = []
    for decoy in waiting:
        if secrets.randbelow(chance):
            left.append(decoy)
            continue
        tried = betrayed(call.key, named(decoy, call.expression), session, court.judge, secrets.randbits(BITS))
        cell.starved |= tried.starved
        if tried.reason:
            raise Deceived(tried.reason)
    return left


def remember(call: Call, cell: Cell, session: Session, court: Court) -> None:
    """Keep what a wrong answer gives under a public seed: others in the class may give the same.

    Raises:
        Forged: if what came is not what a check sends.
        Broken: if it can't be judged.
    """
    ran = asked(session, court.judge, call.key, call.expression, PUBLIC)
    if ran.tampered:
        raise Forged(ran.died or "more than one reply")
    if ran.data is None or len(ran.data) > ALIKE or court.judge.judge(call.key, ran.data, PUBLIC).right:
        return
    data = base64.b64encode(ran.data).decode()
    cell.alike.append({"key": call.key, "expression": call.expression, "data": data})


def late(step: Step, ran: Any, cell: Cell) -> None:
    """Say so if a cell was interrupted at its time limit."""
    cell.starved |= bool(getattr(ran, "starved", False))
    if getattr(ran, "timed_out", False):
        cell.said = f"{step.name or f'cell {step.index + 1}'} was interrupted at its time limit"


def flag(step: Step, text: str) -> str:
    """A sentence about a cell for a person who grades."""
    return f"{step.name}: {text}" if step.name else text
