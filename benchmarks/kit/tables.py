"""Tables in Markdown, from rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.kit.store import Row
from labkit import metrics


def table(head: Sequence[object], lines: Iterable[Sequence[object]], *, left: int = 1) -> str:
    """A table; the first ``left`` columns begin at their left, the numbers in the others end at their right."""
    cells = [[f" {cell} " if str(cell) else " " for cell in line] for line in [head, *lines]]
    text = [f"|{'|'.join(line)}|" for line in cells]
    rule = "|---" * left + "|--:" * (len(head) - left) + "|"
    return "\n".join([text[0], rule, *text[1:]])


def groups(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows with the same settings together, in the order in which these first occur."""
    together: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        together.setdefault(tuple(row.get(name) for name in names), []).append(row)
    return together


def values(rows: Iterable[Row], figure: str) -> list[float]:
    """A figure of every row that has it."""
    return [row[figure] for row in rows if row.get(figure) is not None]


def mean(rows: Iterable[Row], figure: str, *, percent: bool = False, digits: int | None = None) -> str:
    """Mean ± standard deviation of a figure over the rows that have it; a dash where none has.

    The deviation has two digits; or both have ``digits`` decimals. Runs that were not kept one by one are a single row
    without a seed: ``{"method": "plain", "seeds": 5, "accuracy": 0.752, "accuracy ±": 0.036}`` has the mean and the
    deviation of five.
    """
    together = [row for row in rows if row.get(figure) is not None]
    if not together:
        return "–"
    scale = 100 if percent else 1
    if f"{figure} ±" in together[0]:
        first = together[0]
        summary = metrics.Summary(scale * first[figure], scale * first[f"{figure} ±"], first["seeds"])
    else:
        summary = metrics.summary(values(together, figure), percent=percent)
    return str(summary) if digits is None else summary.text(digits)


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
    digits: int | None = None,
    corner: str = "",
) -> str:
    """A line for each value of the setting ``down``: mean ± standard deviation of figures over its rows.

    Args:
        rows: one a run.
        down: the setting that the lines differ in.
        columns: the heading of each column, and its figure.
        percent: the figures that are shares, to be shown in per cent; ``True`` for all.
        digits: decimals of all; None: so many that the deviation has two digits.
        corner: the heading of the first column.
    """
    shares = set(columns.values()) if percent is True else set(percent or ())
    lines = [
        [name, *(mean(same, figure, percent=figure in shares, digits=digits) for figure in columns.values())]
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
    digits: int | None = None,
    best: bool = False,
    corner: str = "",
) -> str:
    """One figure by two settings, mean ± standard deviation; with ``best``, the largest mean of a column is bold."""
    cells = groups(rows, down, across)
    names, columns = (list(dict.fromkeys(key[i] for key in cells)) for i in (0, 1))
    level = {key: metrics.summary(values(same, figure)).mean for key, same in cells.items()}
    top = {column: max(level[key] for key in cells if key[1] == column) for column in columns}

    def cell(*key: Any) -> str:
        if key not in cells:
            return ""
        bold = "**" if best and level[key] == top[key[1]] else ""
        return f"{bold}{mean(cells[key], figure, percent=percent, digits=digits)}{bold}"

    return table([corner, *columns], [[name, *(cell(name, column) for column in columns)] for name in names])
