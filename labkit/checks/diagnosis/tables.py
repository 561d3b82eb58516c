"""Signs in data frames and series: names, rows, index, and the first column that is wrong."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from labkit.checks.diagnosis.evidence import Evidence
from labkit.checks.kinds import tables


def pairs_of(e: Evidence) -> list[tuple[Any, Any]]:
    """Given and expected of the cases that failed, if all of them are tables of the same kind."""
    found = [(e.pairs[i].given.get(e.output), e.pairs[i].expected.get(e.output)) for i in e.failing]
    same = all(
        tables.is_table(a) and tables.is_table(b) and tables.is_series(a) == tables.is_series(b) for a, b in found
    )
    return found if same else []


def named(e: Evidence) -> str:
    """Columns that are missing, too many, or in another order."""
    for given, expected in pairs_of(e):
        if tables.is_series(given):
            continue
        mine, theirs = tables.names(given), tables.names(expected)
        if missing := [name for name in theirs if name not in mine]:
            indexed = ": it is in the index, is a `reset_index()` missing?" if missing[0] in given.index.names else ""
            return f"the column {missing[0]!r} is missing in {e.what}{indexed}"
        if more := [name for name in mine if name not in theirs]:
            return f"the column {more[0]!r} does not belong in {e.what}"
        if mine != theirs:
            return f"the columns of {e.what} are in another order: expected {', '.join(map(repr, theirs))}"
    return ""


def indexed(e: Evidence) -> str:
    """The right rows under another index."""
    found = pairs_of(e)
    if not found or any(len(a) != len(b) for a, b in found):
        return ""
    if not all(e.agree(tables.entries(x), tables.entries(y)) for a, b in found for x, y in columns_of(a, b)):
        return ""
    wrong = [(a, b) for a, b in found if not e.agree(tables.labels(a.index), tables.labels(b.index))]
    if not wrong:
        return ""
    given, expected = (tables.labels(table.index) for table in wrong[0])
    text = f"the values of {e.what} are right, but the index is not: expected {tables.listed(expected)}"
    counted = all(tables.labels(b.index) == list(range(len(b))) for _, b in found)
    return f"{text}; is a `reset_index(drop=True)` missing?" if counted else f"{text}, given {tables.listed(given)}"


def ordered(e: Evidence) -> str:
    """Rows that are missing, too many, or in another order."""
    found = pairs_of(e)
    if not found:
        return ""
    for given, expected in found:
        if len(given) != len(expected):
            n = len(given)
            return f"there {'is 1 row' if n == 1 else f'are {n} rows'} in {e.what}; expected {len(expected)}"
    rows = [(rows_of(a), rows_of(b)) for a, b in found]
    if all(a == b[::-1] for a, b in rows):
        return f"the rows of {e.what} are in reverse order"
    if all(sorted(a, key=repr) == sorted(b, key=repr) for a, b in rows):
        return f"the rows of {e.what} are right, but in another order"
    return ""


def rows_of(table: Any) -> list[tuple[Any, ...]]:
    """The rows as tuples, their numbers rounded."""
    lists = [[cell(value) for value in np.asarray(tables.entries(c), dtype=object)] for c in tables.columns(table)]
    return list(zip(*lists))


def cell(value: Any) -> Any:
    """One entry, to be compared."""
    return f"{value:.6g}" if isinstance(value, int | float | np.number) and not isinstance(value, bool) else value


def columns_of(a: Any, b: Any) -> Iterator[tuple[Any, Any]]:
    """The columns of two tables, side by side."""
    return zip(tables.columns(a), tables.columns(b))


def columns(e: Evidence) -> Iterator[Evidence]:
    """The columns that are wrong, each by itself."""
    found = pairs_of(e)
    if not found:
        return
    for i, name in enumerate(tables.names(found[0][1])):
        title = e.output if tables.is_series(found[0][1]) else f"the column {name!r} of {e.output}"
        if part := e.part(title, partial(taken, position=i)):
            yield part


def taken(table: Any, *, position: int) -> Any:
    """The entries of a column."""
    return tables.entries(tables.columns(table)[position])
