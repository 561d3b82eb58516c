"""Tables in Markdown, from rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.kit.store import Row
from labkit import metrics


def table(head: Sequence[object], lines: Iterable[Sequence[object]], *, left: int = 1) -> str:
    """A table; the first ``left`` columns begin at their left, the numbers in the others end at their right."""
    lines = [f"| {' | '.join(str(cell) for cell in line)} |" for line in [head, *lines]]
    rule = "|---" * left + "|--:" * (len(head) - left) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def groups(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows with the same settings together, in the order in which these first occur."""
    together: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        together.setdefault(tuple(row.get(name) for name in names), []).append(row)
    return together


def values(rows: Iterable[Row], figure: str) -> list[float]:
    """A figure of every row that has it."""
    return [row[figure] for row in rows if row.get(figure) is not None]


def mean(rows: Iterable[Row], figure: str, *, percent: bool = False) -> str:
    """Mean ± standard deviation of a figure over the rows that have it; a dash where none has."""
    numbers = values(rows, figure)
    return str(metrics.summary(numbers, percent=percent)) if numbers else "–"


def average(rows: Iterable[Row], figure: str, *, digits: int = 1) -> str:
    """The mean alone, such as that of seconds; a dash where no row has the figure."""
    numbers = values(rows, figure)
    return f"{sum(numbers) / len(numbers):.{digits}f}" if numbers else "–"


def means(
    rows: Iterable[Row],
    down: str,
    columns: Mapping[str, str],
    *,
    percent: Collection[str] | bool = (),
    corner: str = "",
) -> str:
    """A line for each value of the setting ``down``: mean ± standard deviation of figures over its rows.

    Args:
        rows: one a run.
        down: the setting that the lines differ in.
        columns: the heading of each column, and its figure.
        percent: the figures that are shares, to be shown in per cent; ``True`` for all.
        corner: the heading of the first column.
    """
    shares = set(columns.values()) if percent is True else set(percent or ())
    lines = [
        [name, *(mean(same, figure, percent=figure in shares) for figure in columns.values())]
        for (name,), same in groups(rows, down).items()
    ]
    return table([corner, *columns], lines)


def grid(
    rows: Iterable[Row],
    down: str,
    across: str,
    figure: str,
    *,
    percent: bool = True,
    best: bool = False,
    corner: str = "",
) -> str:
    """One figure by two settings, mean ± standard deviation; with ``best``, the largest mean of a column is bold."""
    cells = {key: metrics.summary(values(v, figure), percent=percent) for key, v in groups(rows, down, across).items()}
    names, columns = (list(dict.fromkeys(key[i] for key in cells)) for i in (0, 1))
    top = {c: max(cells[name, c].mean for name in names if (name, c) in cells) for c in columns}

    def cell(name: Any, column: Any) -> str:
        if (name, column) not in cells:
            return ""
        bold = "**" if best and cells[name, column].mean == top[column] else ""
        return f"{bold}{cells[name, column]}{bold}"

    return table([corner, *columns], [[name, *(cell(name, column) for column in columns)] for name in names])
