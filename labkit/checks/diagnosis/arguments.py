"""Signs in the arguments: handed back, exchanged, changed on their way, without influence."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, islice
from typing import Any

from labkit.checks.diagnosis.evidence import Evidence
from labkit.checks.protocol import Compare
from labkit.checks.values import is_array, is_number

MOST = 16  # other answers that are tried, a sign


def handed_back(e: Evidence) -> str:
    """An argument as it came in."""
    outputs = [(p.case, p.given.get(e.output)) for p in e.pairs]
    for name, value in e.call(e.pairs[0].case).items():
        if not is_array(value) or not value.shape:
            continue
        if all(is_array(given) and e.agree(given, case.get(name)) for case, given in outputs):
            return f"it returns `{name}` as it came in"
    return ""


def exchanged(e: Evidence) -> str:
    """Two arguments exchanged."""
    pairs = [
        (a, b) for a, b in combinations(e.call(e.pairs[0].case), 2) if all(alike(p.case[a], p.case[b]) for p in e.pairs)
    ]
    for a, b in pairs[:MOST]:
        if matches(e, partial(swapped, a=a, b=b)):
            return f"`{a}` and `{b}` are exchanged"
    return ""


def swapped(values: dict[str, Any], *, a: str, b: str) -> dict[str, Any]:
    """Arguments with two of them exchanged."""
    return values | {a: values[b], b: values[a]}


def without_influence(e: Evidence) -> str:
    """An argument that is the same whatever was passed: always the value it has in one of the cases, or a plain one."""
    for name, value in islice(plain_values(e), MOST):
        if matches(e, partial(replaced, name=name, value=value)):
            return f"it answers as if `{name}` were {value!r} in every case: is the argument used?"
    return ""


TRANSFORMS: dict[str, Callable[[float], float]] = {
    "its negative": lambda v: -v,
    "its square": lambda v: v**2,
    "its root": lambda v: v**0.5,
    "one minus it": lambda v: 1 - v,
    "one divided by it": lambda v: 1 / v,
    "twice it": lambda v: 2 * v,
    "half of it": lambda v: v / 2,
}


def transformed(e: Evidence) -> str:
    """A number among the arguments that is squared, inverted, halved, … on its way."""
    for name in list(e.call(e.pairs[0].case))[:MOST]:
        values = [p.case.get(name) for p in e.pairs]
        if not all(isinstance(v, float) for v in values) or len(set(values)) < 2:
            continue
        for text, rule in TRANSFORMS.items():
            if matches(e, partial(changed, name=name, rule=rule)):
                return f"it answers as if `{name}` were {text}"
    return ""


def changed(values: dict[str, Any], *, name: str, rule: Callable[[float], float]) -> dict[str, Any]:
    """Arguments with a function of one of them in its place."""
    return values | {name: rule(values[name])}


def replaced(values: dict[str, Any], *, name: str, value: Any) -> dict[str, Any]:
    """Arguments with another value for one of them."""
    return values | {name: value}


def plain_values(e: Evidence) -> Iterator[tuple[str, Any]]:
    """The arguments that are numbers, texts or truth values and differ from case to case, with values to try."""
    for name, first in e.call(e.pairs[0].case).items():
        values = [p.case.get(name) for p in e.pairs]
        if not all(is_number(v) or isinstance(v, str) for v in values) or len({repr(v) for v in values}) < 2:
            continue
        usual = [] if isinstance(first, bool | str) else [type(first)(0), type(first)(1)]
        yield from ((name, value) for value in dict.fromkeys([*values, *usual]))


def alike(a: Any, b: Any) -> bool:
    """Whether two arguments may be mistaken for each other."""
    if is_array(a) and is_array(b):
        return len(a.shape) == len(b.shape)
    return type(a) is type(b) and isinstance(a, int | float | str)


def matches(e: Evidence, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
    """Whether the reference gives what the answer gave, in every case, if its arguments are changed like this."""
    reference, check = e.reference, e.check
    if reference is None or not isinstance(check, Compare):
        return False
    names = [name for name in e.call(e.pairs[0].case) if name not in check.keywords]

    def other(*positional: Any, **named: Any) -> Any:
        values = change(dict(zip(names, positional)) | named)
        return reference(*(values[name] for name in names), **{k: v for k, v in values.items() if k not in names})

    records = e.tried(other)
    if len(records) != len(e.pairs):
        return False
    return all(r.status == "ok" and e.agree(r.values.get(e.output), p.given.get(e.output))
               for r, p in zip(records, e.pairs))  # fmt: skip
