"""Signs in figures: what is missing in them, what is written in them, and the first line or bar that is wrong."""

from collections.abc import Iterator
from functools import partial
from itertools import zip_longest
from typing import Any

from labkit.checks.diagnosis.evidence import Evidence
from labkit.checks.kinds.figures import DRAWN, WRITTEN, Picture

CALLED = {
    "title": "the title",
    "xlabel": "the label of the x axis",
    "ylabel": "the label of the y axis",
    "legend": "the legend",
    "names": "the names along an axis",
    "xscale": "the scale of the x axis",
    "yscale": "the scale of the y axis",
}
ROWS = {"lines": ("x", "y")}


def axes_of(e: Evidence) -> list[tuple[Any, Any]]:
    """Given and expected axes of the cases that failed, side by side, if all outputs are figures."""
    found = [(e.pairs[i].given.get(e.output), e.pairs[i].expected.get(e.output)) for i in e.failing]
    pairs = [(a, b) for a, b in found if isinstance(a, Picture) and isinstance(b, Picture)]
    if len(pairs) < len(found):
        return []
    return [pair for a, b in pairs for pair in zip_longest(a["axes"], b["axes"])]


def counted(e: Evidence) -> str:
    """Axes, lines, bars, … that are missing or too many."""
    for given, expected in axes_of(e):
        if given is None or expected is None:
            return f"the figure has {'too few' if given is None else 'too many'} axes"
        for name in DRAWN:
            n, m = len(given.get(name, ())), len(expected.get(name, ()))
            if n != m:
                there = "there is 1" if n == 1 else f"there are {n or 'no'}"
                return f"{there} {name[:-1] if n == 1 else name} in the figure; expected {m}"
    return ""


def written(e: Evidence) -> str:
    """A title, a label or a legend that is missing or says something else."""
    for given, expected in axes_of(e):
        for name in WRITTEN:
            mine, theirs = (given or {}).get(name), (expected or {}).get(name)
            if mine != theirs:
                says = "is missing" if theirs and not mine else f"is {mine!r}"
                return f"{CALLED[name]} {says}; expected {repr(theirs) if theirs else 'none'}"
    return ""


def drawn(e: Evidence) -> Iterator[Evidence]:
    """What is drawn and wrong, each by itself."""
    found = axes_of(e)
    if not found or any(given is None or expected is None for given, expected in found):
        return
    for name in DRAWN:
        count = len(found[0][1].get(name, ()))
        if name == "bars" and count:
            yield from filter(None, [e.part("the heights of the bars", heights)])
        for i in range(count if name != "bars" else 0):
            for row, axis in enumerate(ROWS.get(name, ("",))):
                line = "the line" if count == 1 else f"line {i + 1}"
                title = f"the {axis} of {line}" if axis else f"the {name}"
                if part := e.part(title, partial(taken, name=name, i=i, row=row if axis else None)):
                    yield part


def taken(seen: Picture, *, name: str, i: int, row: int | None) -> Any:
    """One thing that is drawn in the first axes."""
    thing = seen["axes"][0][name][i]
    return thing if row is None else thing[row]


def heights(seen: Picture) -> Any:
    """The heights of the bars in the first axes."""
    return seen["axes"][0]["bars"][:, 3]
