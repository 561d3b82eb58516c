"""Data frames and series of pandas: as plain data, in words, and compared column by column.

A column is its numbers, or a list of plain values in which ``None`` stands for what is missing. Texts are texts,
however pandas stores them.
"""

import re
import sys
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

SHOWN = 6  # entries of a column, or names of columns, in a description
PLAIN = {"object": "text", "str": "text", "string": "text", "category": "category"}
"""What a column's dtype is called, where that isn't its name; categories are compared by their values."""

CAST = re.compile(
    r"category|bool|boolean|string|str|U?Int\d+|Float\d+|datetime64\[(ns|us|ms|s)(, UTC)?\]|timedelta64\[(ns|us|ms|s)\]"
)


def pandas() -> Any:
    """pandas, if somebody has imported it."""
    return sys.modules.get("pandas")


def is_table(value: object) -> TypeGuard[Any]:
    """Whether a value is a data frame or a series; pandas itself is not imported for the question."""
    there = pandas()
    return there is not None and isinstance(value, there.DataFrame | there.Series)


def is_series(value: object) -> bool:
    """Whether a value is a series."""
    there = pandas()
    return there is not None and isinstance(value, there.Series)


def label(value: Any) -> Any:
    """The label of a row or a column, as a plain value."""
    if isinstance(value, tuple):
        return tuple(label(part) for part in value)
    if isinstance(value, np.generic):
        value = value.item()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def labels(index: Any) -> list[Any]:
    """The labels of rows or columns."""
    return [label(value) for value in index.tolist()]


def columns(table: Any) -> list[Any]:
    """The columns of a data frame in their order; of a series, itself."""
    return [table] if is_series(table) else [table.iloc[:, i] for i in range(table.shape[1])]


def names(table: Any) -> list[Any]:
    """What the columns are called."""
    return [label(table.name)] if is_series(table) else labels(table.columns)


def dtype(column: Any) -> str:
    """What a column holds: ``int64``, ``text``, ``datetime64``, …"""
    name = str(column.dtype)
    return PLAIN.get(name, name.partition("[")[0])


def entries(column: Any) -> Any:
    """A column as an array of numbers, or as a list of plain values."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return np.array(column.to_numpy(), copy=True)
    missing = column.isna().tolist()
    return [None if gone else label(value) for gone, value in zip(missing, column.tolist())]


# ── as plain data ─────────────────────────────────────────────────────────────────────────────────────────────────────


def freeze(table: Any, inner: Callable[[Any, str], Any]) -> dict[str, Any]:
    """A table as JSON can hold it.

    Args:
        inner: freezes a part of it under a name.
    """
    return {
        "t": "series" if is_series(table) else "frame",
        "names": inner(names(table), "names"),
        "index": inner(labels(table.index), "index"),
        "levels": inner([label(name) for name in table.index.names], "levels"),
        "columns": [inner(entries(column), str(i)) for i, column in enumerate(columns(table))],
        "dtypes": [str(column.dtype) for column in columns(table)],
    }


def thaw(node: dict[str, Any], inner: Callable[[Any], Any]) -> Any:
    """What ``freeze`` froze. The node comes from an untrusted process.

    Raises:
        ValueError: if ``freeze`` never makes such a node, or pandas isn't here.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ValueError("a table, and pandas isn't installed") from error
    named, index, dtypes = inner(node["names"]), inner(node["index"]), node["dtypes"]
    data = [inner(column) for column in node["columns"]]
    if not isinstance(named, list) or not isinstance(index, list) or not len(named) == len(data) == len(dtypes):
        raise ValueError("not a table")
    made = [series(pd, values, index, str(kind)) for values, kind in zip(data, dtypes)]
    table = pd.concat(made, axis=1) if made else pd.DataFrame(index=index_of(pd, index))
    table.index = table.index.set_names(inner(node["levels"]))
    if node["t"] == "series":
        return table.iloc[:, 0].rename(named[0])
    table.columns = index_of(pd, named)
    return table


def series(pd: Any, values: Any, index: list[Any], kind: str) -> Any:
    """One column."""
    if not isinstance(values, list | np.ndarray) or len(values) != len(index):
        raise ValueError("a column of another length than its table")
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise ValueError("a column that is none")
        return pd.Series(values, index=index_of(pd, index))
    made = pd.Series(values, index=index_of(pd, index), dtype=object)
    if not CAST.fullmatch(kind):
        return made
    try:
        return made.astype(kind)
    except (TypeError, ValueError, OverflowError):
        return made


def index_of(pd: Any, values: list[Any]) -> Any:
    """An index with these labels; rows and columns that are named by tuples have several levels."""
    if values and all(isinstance(value, tuple) and len(value) == len(values[0]) > 1 for value in values):
        return pd.MultiIndex.from_tuples(values)
    return pd.Index(values, dtype=None if values else object)


# ── in words, and compared ────────────────────────────────────────────────────────────────────────────────────────────


def describe(table: Any) -> str:
    """A table in a line."""
    rows = f"{len(table)} row{'' if len(table) == 1 else 's'}"
    if is_series(table):
        return f"a Series of {rows}: {listed(entries(table))}, index {listed(labels(table.index))}"
    parts = [f"{name!r}: {listed(entries(column))}" for name, column in list(zip(names(table), columns(table)))[:SHOWN]]
    more = f", and {table.shape[1] - SHOWN} more columns" if table.shape[1] > SHOWN else ""
    return f"a DataFrame of {rows}, index {listed(labels(table.index))}; {'; '.join(parts) or 'no columns'}{more}"


def listed(values: Any) -> str:
    """The first entries of a column."""
    shown = [f"{v:.4g}" if isinstance(v, float) else repr(v) for v in np.asarray(values, dtype=object)[:SHOWN].tolist()]
    return f"[{', '.join(shown)}{', …' if len(values) > SHOWN else ''}]"


def agree(a: Any, b: Any, same: Callable[[Any, Any], bool]) -> bool:
    """Whether two tables hold the same under the same names, in the same order; dtypes may differ.

    Args:
        same: whether two columns, or lists of labels, are the same.
    """
    return (
        is_series(a) == is_series(b)
        and len(a) == len(b)
        and (is_series(a) or same(names(a), names(b)))
        and same(labels(a.index), labels(b.index))
        and all(same(entries(x), entries(y)) for x, y in zip(columns(a), columns(b)))
    )


def dtypes(table: Any) -> dict[str, str]:
    """What each column holds."""
    return {repr(name): dtype(column) for name, column in zip(names(table), columns(table))}


def plain(table: Any) -> list[Any]:
    """All of a table as plain values, to be compared later."""
    return [names(table), labels(table.index), *(dtype(c) for c in columns(table)), *map(entries, columns(table))]
