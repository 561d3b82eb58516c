"""What a run says: a row a student, and a bar while it goes on."""

from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

GRADED, KEPT, UNGRADED = "graded", "kept", "ungraded"


@dataclass
class Row:
    """One student's submission after a run.

    Attributes:
        state: ``graded`` in this run; ``kept``, because it was graded before and hasn't changed since; ``ungraded``.
        score: points so far, less what lateness costs; None where there are none.
        max_score: points there are.
        cells: the points of each graded cell, as ``notebook/cell``; None where a person must give them.
        needs_manual: whether a person has cells to grade or to look at.
        flags: sentences about what a person should look at.
        notes: sentences about what was put right or left out, for information.
        sentence: what happened, in one sentence.
        reports: the verdicts of the checks, each with its ``notebook`` and ``cell``.
        seconds: how long its notebooks ran.
    """

    student: str
    assignment: str
    state: str = UNGRADED
    score: float | None = None
    max_score: float = 0.0
    cells: dict[str, float | None] = field(default_factory=dict)
    needs_manual: bool = False
    flags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sentence: str = ""
    reports: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


class Bar:
    """A progress bar: the student, the marks, the rate and the time left. Give it to ``grade`` as ``progress``."""

    def __init__(self) -> None:
        self.bar = Progress(
            TextColumn("{task.fields[student]:<20.20}"),
            TextColumn("{task.fields[marks]:>9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>8}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),  # what is printed is the table
        )
        self.task = self.bar.add_task("", total=None, student="", marks="", rate="")

    def __enter__(self) -> "Bar":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, row: Row, done: int, total: int) -> None:
        """One more student is finished."""
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in row.student)
        marks = "–" if row.score is None else f"{row.score:g}/{row.max_score:g}"
        speed = self.bar.tasks[self.task].speed
        rate = f"{60 * speed:.0f}/min" if speed else ""
        student = shown.replace("[", "\\[")
        self.bar.update(self.task, completed=done, total=total, student=student, marks=marks, rate=rate)
