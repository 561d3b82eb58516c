"""What a run says: a row a student, and a bar while it goes on."""

from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from labkit.grading.marks import Row as Marks

GRADED, KEPT, UNGRADED = "graded", "kept", "ungraded"


@dataclass
class Row:
    """One student's submission after a run.

    Attributes:
        state: ``graded`` in this run; ``kept``, because it was graded before and hasn't changed since; ``ungraded``.
        marks: what the gradebook says of it, if anything.
        flags: sentences about what a person should look at.
        notes: sentences about what was put right or left out, for information.
        sentence: what happened, in one sentence.
        reports: the verdicts of the checks, each with its ``notebook`` and ``cell``.
        seconds: how long its notebooks ran.
    """

    student: str
    assignment: str
    state: str = UNGRADED
    marks: Marks | None = None
    flags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sentence: str = ""
    reports: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def score(self) -> float | None:
        """Points so far, less what lateness costs; None where there are none."""
        if self.marks is None:
            return None
        return max(0.0, sum(mark.given or 0.0 for mark in self.marks.marks) - self.marks.penalty)

    @property
    def max_score(self) -> float:
        """Points there are."""
        return self.marks.maximum if self.marks else 0.0

    @property
    def cells(self) -> dict[str, float | None]:
        """The points of each graded cell, as ``notebook/cell``; None where a person must give them."""
        return {f"{mark.notebook}/{mark.name}": mark.given for mark in self.marks.marks} if self.marks else {}

    @property
    def needs_manual(self) -> bool:
        """Whether a person has cells to grade or to look at."""
        return self.marks is not None and any(mark.waits for mark in self.marks.marks)


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
