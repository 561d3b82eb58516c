"""Signs in lists, texts and dictionaries."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import numpy as np

from labkit.checks.diagnosis.evidence import Evidence, Pair
from labkit.checks.values import is_array, is_number


def wrong(e: Evidence, kind: type | tuple[type, ...]) -> list[tuple[Any, Any]]:
    """Given and expected of the cases that failed, if all of them are of a kind."""
    pairs: list[Pair] = [e.pairs[i] for i in e.failing]
    values = [(p.given.get(e.output), p.expected.get(e.output)) for p in pairs]
    return values if values and all(isinstance(v, kind) for pair in values for v in pair) else []


def plain(lists: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The pairs of lists, if no entry is an array: arrays are not equal or unequal as a whole."""
    return [] if any(is_array(v) for pair in lists for values in pair for v in values) else lists


def keys(e: Evidence) -> str:
    """Keys of a dictionary that are missing, or too many."""
    for given, expected in wrong(e, dict):
        missing, more = [k for k in expected if k not in given], [k for k in given if k not in expected]
        if missing:
            return f"the key {missing[0]!r} is missing in {e.what}"
        if more:
            return f"the key {more[0]!r} is too many in {e.what}"
    return ""


def order(e: Evidence) -> str:
    """The right entries in another order."""
    lists = plain(wrong(e, (list, tuple)))
    if not lists:
        return ""
    if all(list(given) == list(expected)[::-1] for given, expected in lists):
        return f"{e.what} {e.are} in reverse order"
    if all(sorted(map(repr, given)) == sorted(map(repr, expected)) for given, expected in lists):
        return f"{e.what} {e.are} right, but in another order"
    return ""


def entries(e: Evidence) -> str:
    """Entries that are missing, too many, or twice there."""
    lists = wrong(e, (list, tuple))
    if not lists:
        return ""
    given, expected = (list(values) for values in lists[0])
    if not plain(lists):
        return differing_lengths(e, given, expected)
    unique = list(dict.fromkeys(map(repr, given)))
    if all(len(set(map(repr, g))) < len(g) for g, _ in lists) and unique == list(map(repr, expected)):
        return f"some entries of {e.what} are there twice"
    for text, part in (("last", slice(None, -1)), ("first", slice(1, None))):
        if all(list(g) == list(x)[part] for g, x in lists):
            return f"the {text} entry of {e.what} is missing"
        if all(list(g)[part] == list(x) for g, x in lists):
            return f"{e.what} {e.are} one entry too long: the {text} one is too many"
    missing = [x for x in expected if repr(x) not in unique]
    more = [g for g in given if repr(g) not in set(map(repr, expected))]
    if missing and not more:
        return f"{missing[0]!r} is missing in {e.what}"
    if more and not missing:
        return f"{more[0]!r} does not belong in {e.what}"
    return differing_lengths(e, given, expected)


def differing_lengths(e: Evidence, given: list[Any], expected: list[Any]) -> str:
    """How long a list is, and should be."""
    return f"{e.what} {e.are} of length {len(given)}; expected {len(expected)}" if len(given) != len(expected) else ""


def values(e: Evidence) -> Iterator[Evidence]:
    """The values of a dictionary one by one, and a list of numbers as an array."""
    pairs = wrong(e, dict)
    if pairs and all(given.keys() == expected.keys() for given, expected in pairs):
        for key in pairs[0][1]:
            if part := e.part(f"the value under {key!r} of {e.what}", itemgetter(key)):
                yield part
    if lists := wrong(e, (list, tuple)):
        alike = all(numbers(given) and numbers(expected) and len(given) == len(expected) for given, expected in lists)
        if alike and (part := e.part(e.output, np.asarray)):
            yield part


def numbers(entries: Any) -> bool:
    """Whether all entries of a list are numbers."""
    return all(is_number(entry) and not isinstance(entry, bool) for entry in entries)


def text(e: Evidence) -> str:
    """A text that is right but for case or blanks."""
    texts = wrong(e, str)
    if not texts:
        return ""
    if all(given.lower() == expected.lower() for given, expected in texts):
        return f"{e.what} {e.are} right but for capital letters"
    if all("".join(given.split()) == "".join(expected.split()) for given, expected in texts):
        return f"{e.what} {e.are} right but for blanks"
    if all(given == expected[::-1] for given, expected in texts):
        return f"{e.what} {e.are} reversed"
    return ""
