"""One submission in a sandbox: cell by cell, with the checks judged outside. Knows no disk and no database."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol, runtime_checkable

from labkit.checks.protocol import Report
from labkit.grading.engine import outputs as shape
from labkit.grading.engine.cells import CHECK, TEST, Step
from labkit.grading.engine.job import Cell, Job, Outcome, Part, Result
from labkit.grading.engine.judge import Broken, Forged

ENV = {"NBGRADER_EXECUTION": "autograde"}
SEEDS = 3  # secret seeds a check is run under, as many as the notebook has public ones
ENOUGH = 2.0  # seconds: a check that has taken longer is not run under another seed
BITS = 31  # of a seed: every generator takes it


@runtime_checkable
class Session(Protocol):
    """One notebook's process, as ``sandbox.Session`` is."""

    def run_cell(self, source: str) -> Any: ...
    def run_check(self, key: str, expression: str, seed: int) -> Any: ...


@runtime_checkable
class Sandbox(Protocol):
    """A warm place to run notebooks in, as ``sandbox.Sandbox`` is."""

    def open(self, files: Mapping[str, bytes], env: Mapping[str, str] = ...) -> Any: ...
    def close(self) -> None: ...


@runtime_checkable
class Judge(Protocol):
    """Who gives the verdicts, as ``judge.Judges`` does."""

    def judge(self, key: str, data: bytes, seed: int) -> Report: ...


def work(job: Job, sandbox: Sandbox, judge: Judge, *, seeds: int = SEEDS) -> Result:
    """Run a job. What a student's code does ends as an outcome; what the machine does, as an exception."""
    start = time.monotonic()
    outcomes = {}
    for part in job.parts:
        with sandbox.open(job.files, dict(ENV)) as session:
            outcomes[part.name] = notebook(part, session, judge, seeds)
    return Result(outcomes, time.monotonic() - start)


def notebook(part: Part, session: Session, judge: Judge, seeds: int) -> Outcome:
    """Run the cells of one notebook in order, errors or not, as long as its process lives."""
    outcome = Outcome()
    for step in part.steps:
        if outcome.died:
            outcome.cells[step.index] = Cell([shape.stopped("NotRun", f"this cell did not run: {outcome.died}")])
            continue
        run = {CHECK: checked, TEST: tested}.get(step.kind, plain)
        cell, outcome.died = run(step, session, judge, seeds)
        if outcome.died and not shape.failed(cell.outputs):
            cell.outputs.append(shape.stopped("Stopped", outcome.died))
        outcome.cells[step.index] = cell
    return outcome


def plain(step: Step, session: Session, judge: Judge, seeds: int) -> tuple[Cell, str]:
    """Run an ordinary cell."""
    ran = session.run_cell(step.source)
    cell = Cell(shape.clean(ran.outputs))
    if ran.tampered:
        cell.flags.append(flag(step, "its process sent replies that no honest notebook sends"))
    return cell, ran.died


def tested(step: Step, session: Session, judge: Judge, seeds: int) -> tuple[Cell, str]:
    """Run a test cell of nbgrader's kind, after cells that must fail."""
    flags: list[str] = []
    for canary in step.canaries:
        ran = session.run_cell(canary)
        if ran.died:
            return Cell(flags=flags), ran.died
        if ran.tampered or not shape.failed(shape.clean(ran.outputs)):
            flags = [flag(step, "a test that is always wrong passed here, so this cell's result means nothing")]
    cell, died = plain(step, session, judge, seeds)
    cell.flags = flags + cell.flags
    if flags and not shape.failed(cell.outputs):
        cell.outputs.insert(0, shape.stopped("Tampered", "tests can't fail in this notebook; a person will look at it"))
    return cell, died


def checked(step: Step, session: Session, judge: Judge, seeds: int) -> tuple[Cell, str]:
    """Run the checks of a cell under secret seeds, and let the judge say what the cell shows."""
    cell = Cell()
    for call in step.calls:
        died = one(step, call.key, call.expression, cell, session, judge, seeds)
        if died or shape.failed(cell.outputs):
            return cell, died
    return cell, ""


def one(step: Step, key: str, expression: str, cell: Cell, session: Session, judge: Judge, seeds: int) -> str:
    """One call of ``check``: its verdict goes to ``cell``. Returns why the process died, if it did."""
    start, report = time.monotonic(), None
    for round in range(seeds):
        seed = secrets.randbits(BITS)
        ran = session.run_check(key, expression, seed)
        printed = [o for o in shape.clean(ran.outputs) if (o["output_type"], o.get("name")) == ("stream", "stdout")]
        cell.outputs += printed if round == 0 else []
        if ran.data is None or ran.tampered:
            refused(step, ran, cell)
            return str(ran.died)
        try:
            report = judge.judge(key, ran.data, seed)
        except Forged as error:
            cell.flags.append(flag(step, f"the answer's process sent what no check sends ({error})"))
            cell.outputs.append(shape.stopped("Refused", "the outputs of this check are not those of a check"))
            return str(ran.died)
        except Broken as error:
            cell.flags.append(flag(step, f"it could not be judged, so a person must: {error}"))
            cell.person = True
            cell.outputs.append(shape.stopped("NotJudged", "this check could not be judged; a person will"))
            return str(ran.died)
        if not report.right or ran.died or time.monotonic() - start > ENOUGH:
            break
    if report is not None:
        cell.reports.append(asdict(report))
        cell.outputs.append(shape.verdict(report))
    return str(ran.died)


def refused(step: Step, ran: Any, cell: Cell) -> None:
    """No outputs came: the answer doesn't exist or its process died; or they were forged."""
    errors = [o for o in shape.clean(ran.outputs) if o["output_type"] == "error"]
    if ran.tampered:
        cell.flags.append(flag(step, "its process sent replies that no honest notebook sends"))
        errors = [shape.stopped("Refused", "the replies of this check were forged")]
    elif not errors and not ran.died:
        why = getattr(ran, "failed", "") or "its process sent nothing"
        cell.flags.append(flag(step, f"it could not be judged, so a person must: {why}"))
        cell.person = True
    cell.outputs += errors or [shape.stopped("Stopped", ran.died or "the check gave no outputs")]


def flag(step: Step, text: str) -> str:
    """A sentence about a cell for a person who grades."""
    return f"{step.name}: {text}" if step.name else text
