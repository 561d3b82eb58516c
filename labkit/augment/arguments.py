"""Arguments of augmentations: numbers for each item, spans to draw them from, and the sentences that refuse bad ones.

The values of a tensor are examined where that is free, which is on the CPU: reading one back from an
accelerator would make the host wait for it, so there they are trusted.
"""

import math
from collections.abc import Sequence
from dataclasses import field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from labkit import shapes
from labkit.draws import wide

Value = float | Tensor
"""A parameter: one number, or a tensor with one for each item (B,)."""

Span = float | tuple[float, float]
"""What a parameter is drawn from: ``(low, high)``, or one number for the span around its neutral value."""


class Range(NamedTuple):
    """What a span may be: the value ``around`` which one number spans, if there is one, and the bounds."""

    around: float | None = 0.0
    low: float = -math.inf
    high: float = math.inf


def span_field(default: Span, *, around: float | None = 0.0, low: float = -math.inf, high: float = math.inf) -> Any:
    """A field of a ``Transform`` that holds a span: one number is drawn from it for each item.

    Args:
        default: the span where none is given.
        around: the value that changes nothing; one number a stands for [around − a, around + a]. One number is
            refused where there is none, or it lies outside the bounds.
        low: no bound of the span may be lower.
        high: no bound of the span may be higher.
    """
    return field(default=default, metadata={"range": Range(around, low, high)})


def span(
    value: Span, *, name: str, around: float | None = 0.0, low: float = -math.inf, high: float = math.inf
) -> tuple[float, float]:
    """``value`` as (low, high): one number a ≥ 0 stands for [around − a, around + a], cut off at ``low``.

    Raises:
        ValueError: if the number is negative, or there is nothing to span around, or the bounds are not in order and
            within [low, high].

    >>> span(0.4, name="factor", around=1.0), span((2, 3), name="sigma")
    ((0.6, 1.4), (2.0, 3.0))
    """
    if isinstance(value, int | float):
        if around is None or not low <= around <= high:
            raise ValueError(f"{name} is {value}; expected (low, high): it has no value around which one number spans")
        if not 0 <= value < math.inf or around + value > high:
            raise ValueError(f"{name} is {value}; expected {_range(0, high - around, False)}, or (low, high)")
        return max(around - value, low), around + value
    bounds = tuple(float(v) for v in value)
    if len(bounds) != 2 or not low <= bounds[0] <= bounds[1] <= high or not all(map(math.isfinite, bounds)):
        raise ValueError(f"{name} is {value}; expected (low, high) in order, each {_range(low, high, False)}")
    return bounds[0], bounds[1]


def values(
    value: Value, x: Tensor, *, name: str, low: float = -math.inf, high: float = math.inf, above: bool = False
) -> Tensor:
    """``value`` as (B,), with ``x``'s device and dtype (at least float32), within [low, high], or (low, high].

    Raises:
        ValueError: if it is neither one number nor one an item, not finite, or outside the range.
    """
    value = torch.tensor(value) if isinstance(value, list | tuple) else value
    like = x if x.dtype == wide(x.dtype) else x.new_empty((x.shape[0],), dtype=wide(x.dtype))
    within(value, name=name, low=low, high=high, above=above)
    return shapes.per_sample(value, like, name=name)


def within(value: Value, *, name: str, low: float = -math.inf, high: float = math.inf, above: bool = False) -> None:
    """Refuse a value, or a tensor on the CPU that holds one, that is not finite or outside the range.

    Raises:
        ValueError: saying what it is and what was expected.
    """
    if not isinstance(value, Tensor):
        fine, worst = math.isfinite(value) and low <= value <= high and not (above and value == low), float(value)
    elif value.numel() and shapes.readable(value):
        least, most = (float(bound) for bound in value.detach().aminmax())
        fine = low <= least and most <= high and math.isfinite(most - least) and not (above and least == low)
        worst = most if most > high or most == math.inf else least
    else:
        return
    if not fine:
        raise ValueError(f"{name} is {worst:g}; expected {_range(low, high, above)}")


def whole(value: Any, *, name: str, low: float = -math.inf, high: float = math.inf) -> Tensor:
    """``value``, a whole number or a tensor of such, as int64: all of them from ``low`` to ``high``.

    Raises:
        ValueError: if it is something else, or one of them lies outside.

    >>> whole(3, name="steps", low=0, high=5)
    tensor(3)
    """
    given = torch.tensor(value) if isinstance(value, int | list | tuple) else value
    if not isinstance(given, Tensor) or given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
        raise ValueError(f"{name} is a whole number, or a tensor of whole numbers; this is {describe(value)}")
    if given.numel() and shapes.readable(given):
        least, most = (int(bound) for bound in given.aminmax())
        if least < low or most > high:
            what = f"is {value}" if isinstance(value, int) else f"goes from {least} to {most}"
            raise ValueError(f"{name} {what}; expected whole numbers {_between(low, high)}")
    return given.long()


def _between(low: float, high: float) -> str:
    return f"from {low:.0f} to {high:.0f}" if high < math.inf else f"from {low:.0f} on"


def _range(low: float, high: float, above: bool) -> str:
    if low == -math.inf and high == math.inf:
        return "a finite number"
    if high == math.inf:
        return f"a number above {low:g}" if above else f"a number not below {low:g}"
    if low == -math.inf:
        return f"a number not above {high:g}"
    return f"a number from {low:g} to {high:g}" + (f", {low:g} excluded" if above else "")


def per_item(value: Tensor, x: Tensor) -> Tensor:
    """A parameter (B,) in ``x``'s dtype, shaped (B, 1, …) so that it goes with every value of its item.

    >>> import torch
    >>> per_item(torch.tensor([2.0, 3.0]), torch.ones(2, 1, 4)).shape
    torch.Size([2, 1, 1])
    """
    return value.to(x.dtype).view(-1, *[1] * (x.ndim - 1))


def describe(value: Any) -> str:
    """What a value is, in a few words.

    >>> import torch
    >>> describe(torch.zeros(2, 3)), describe([1, 2]), describe(4)
    ('float32 (2, 3)', 'a list of 2', 'the int 4')
    """
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    kind = type(value).__name__
    return f"a {kind} of {len(value)}" if hasattr(value, "__len__") else f"the {kind} {value!r:.40}"


def probability(p: float, *, name: str = "p") -> None:
    """Refuse what is no probability.

    Raises:
        ValueError: if p isn't between 0 and 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"{name} is {p}; expected a probability, from 0 to 1")


def member(value: str, choices: Sequence[str], *, name: str) -> None:
    """Refuse a word that is not one of ``choices``.

    Raises:
        ValueError: with the choices.
    """
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(choices)}")
