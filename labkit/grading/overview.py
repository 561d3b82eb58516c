"""How an exercise went: the points as a histogram, and the checks most failed with the sentence most were told."""

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from labkit.grading.marks import Row
from labkit.grading.screen import number, plain, table

BINS, BAR, WORST = 11, 40, 5


def overview(rows: Sequence[Row]) -> Group:
    """Both, for the graded rows of one assignment whose ``wrong`` holds the sentences."""
    graded = [row for row in rows if row.graded]
    parts: list[object] = [histogram(graded)] if graded else []
    if any(failed(row) for row in graded):
        parts += [Text(), worst(graded)]
    return Group(*parts, Text())  # type: ignore[arg-type]


def histogram(rows: Sequence[Row]) -> Table:
    """How many have how many points, in at most eleven steps of whole points."""
    width = max(1, math.ceil(max(row.maximum for row in rows) / (BINS - 1)))
    counts = Counter(int((row.points or 0.0) // width) for row in rows)
    most = max(counts.values())
    made = table("points", "", "students", right=("points", "students"))
    for step in range(int(max(row.maximum for row in rows) // width) + 1):
        label = number(step * width) if width == 1 else f"{step * width}–{(step + 1) * width - 1}"
        made.add_row(
            label, "█" * math.ceil(counts[step] / max(most / BAR, 1)), number(counts[step]) if counts[step] else ""
        )
    return made


def worst(rows: Sequence[Row]) -> Table:
    """The checks that most failed, and of each the commonest sentence with how many were told it."""
    misses = Counter(name for row in rows for name in failed(row))
    made = table("most failed", "by", "mostly because", right=("by",))
    for name, count in misses.most_common(WORST):
        told = Counter(row.wrong[name] for row in rows if name in row.wrong).most_common(1)
        sentence = plain(f"{told[0][0]} ({told[0][1]}×)") if told else Text()
        made.add_row(plain(name), f"{count} of {len(rows)}", sentence)
    return made


def failed(row: Row) -> list[str]:
    """The checks that did not give a row all their points; what a person marks is none."""
    return [mark.name for mark in row.marks if not mark.manual and mark.score is not None and mark.score < mark.maximum]
