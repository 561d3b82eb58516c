"""Where two values of several parts part, for the sentence of last resort."""

from collections.abc import Callable, Mapping
from typing import Any

from labkit.checks.kinds import tables

Same = Callable[[Any, Any], bool]


def first(given: Any, expected: Any, same: Same) -> str:
    """The first place at which two values of one kind differ, as the end of a sentence; "" where there is none to tell.

    Args:
        same: whether two parts are the same.
    """
    if tables.is_table(given) and tables.is_table(expected):
        return of_table(given, expected, same)
    if isinstance(given, Mapping) and isinstance(expected, Mapping) and given.keys() == expected.keys():
        return next((f" under {key!r}" for key in expected if not same(given[key], expected[key])), "")
    if isinstance(given, list | tuple) and isinstance(expected, list | tuple) and len(given) == len(expected) > 1:
        return next((f" at index {i}" for i, (a, b) in enumerate(zip(given, expected)) if not same(a, b)), "")
    return ""


def of_table(given: Any, expected: Any, same: Same) -> str:
    """The first column that differs, where rows and columns have the names they should."""
    if len(given) != len(expected) or tables.names(given) != tables.names(expected) or tables.is_series(given):
        return ""
    pairs = zip(tables.names(given), tables.columns(given), tables.columns(expected))
    return next(
        (f" in the column {name!r}" for name, a, b in pairs if not same(tables.entries(a), tables.entries(b))), ""
    )


def dtype(given: Mapping[str, str], expected: Mapping[str, str]) -> str:
    """Which column of a table holds another kind of values than it should."""
    name = next(name for name in expected if given.get(name) != expected[name])
    return f"the column {name} holds {given.get(name)}; expected {expected[name]}"
