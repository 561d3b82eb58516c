"""Arguments of image transforms: parameters per sample, and the sentences that refuse bad ones.

The values of a tensor are examined where that is free, which is on the CPU: reading one back from an
accelerator would make the host wait for it, so there they are trusted.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from labkit import shapes
from labkit.augment.pipeline import wide
from labkit.shapes import Float

Value = float | Tensor
"""A parameter: one number, or a tensor with one for each sample (B,)."""

Span = float | tuple[float, float]
"""What a parameter is drawn from: ``(low, high)``, or one number for the span around its neutral value."""

Resized = Float[Tensor, "b c h2 w2"]
"""Images whose height and width may differ from those that were given."""

FILLS = ("constant", "reflect", "edge", "wrap")
INTERPOLATIONS = ("bilinear", "nearest")


def values(
    value: Value, x: Tensor, *, name: str, low: float = -math.inf, high: float = math.inf, above: bool = False
) -> Tensor:
    """``value`` as (B,), with ``x``'s device and dtype (at least float32), within [low, high], or (low, high].

    Raises:
        ValueError: if it is neither one number nor one a sample, not finite, or outside the range.
    """
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
    elif value.device.type == "cpu" and value.numel():
        least, most = (float(bound) for bound in value.detach().aminmax())
        fine = low <= least and most <= high and math.isfinite(most - least) and not (above and least == low)
        worst = most if most > high or most == math.inf else least
    else:
        return
    if not fine:
        raise ValueError(f"{name} is {worst:g}; expected {_range(low, high, above)}")


def _range(low: float, high: float, above: bool) -> str:
    if low == -math.inf and high == math.inf:
        return "a finite number"
    if high == math.inf:
        return f"a number above {low:g}" if above else f"a number not below {low:g}"
    if low == -math.inf:
        return f"a number not above {high:g}"
    return f"a number from {low:g} to {high:g}" + (f", {low:g} excluded" if above else "")


def member(value: str, choices: Sequence[str], *, name: str) -> None:
    """Refuse a word that is not one of ``choices``.

    Raises:
        ValueError: with the choices.
    """
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(choices)}")


def odd(value: int, *, name: str) -> None:
    """Refuse a kernel size that has no middle.

    Raises:
        ValueError: if it is not an odd whole number above 0.
    """
    if value < 1 or value % 2 == 0:
        raise ValueError(f"{name} is {value}; expected an odd number: a kernel needs a middle")


def colours(x: Tensor) -> Tensor:
    """``x``, if it is a batch of images with 3 channels (red, green, blue) or 1 (grey).

    Raises:
        ValueError: saying what it is instead.
    """
    if shapes.images(x).shape[1] not in (1, 3):
        raise ValueError(f"colour images have 3 channels, grey ones 1; these have {x.shape[1]}")
    return x


def which(flags: Tensor, x: Tensor, *, name: str) -> Tensor:
    """``flags``, if it says yes or no for each sample of ``x``: bool (B,).

    Raises:
        ValueError: saying what it is instead.
    """
    if flags.dtype != torch.bool or flags.shape != (x.shape[0],):
        raise ValueError(
            f"{name} is bool with one entry for each of the {x.shape[0]} samples; "
            f"this is {flags.dtype} with shape {tuple(flags.shape)}"
        )
    return flags.to(x.device)[:, None, None, None]


def span(
    value: Span, *, name: str, around: float = 0.0, low: float = -math.inf, high: float = math.inf
) -> tuple[float, float]:
    """``value`` as (low, high): one number a ≥ 0 stands for [around − a, around + a], cut off at ``low``.

    Raises:
        ValueError: if the number is negative, or the bounds are not in order and within [low, high].
    """
    if isinstance(value, int | float):
        if not 0 <= value < math.inf or around + value > high:
            raise ValueError(f"{name} is {value}; expected {_range(0, high - around, False)}, or (low, high)")
        return max(around - value, low), around + value
    bounds = tuple(float(v) for v in value)
    if len(bounds) != 2 or not low <= bounds[0] <= bounds[1] <= high or not all(map(math.isfinite, bounds)):
        raise ValueError(f"{name} is {value}; expected (low, high) in order, each {_range(low, high, False)}")
    return bounds[0], bounds[1]


def constant(entries: Any, like: Tensor) -> Tensor:
    """A small tensor of given numbers with ``like``'s dtype and device, for which the host doesn't wait."""
    return torch.tensor(entries, dtype=like.dtype).to(like.device, non_blocking=True)


def columns(value: Tensor, x: Tensor) -> Tensor:
    """A parameter (B,) in ``x``'s dtype, shaped (B, 1, 1, 1) to go with images."""
    return value.to(x.dtype)[:, None, None, None]
