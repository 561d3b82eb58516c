"""What a batch of series is, and the sentences that refuse anything else."""

from typing import Any

from torch import Tensor

from labkit.augment import arguments
from labkit.augment.arguments import describe
from labkit.shapes import Float

Series = Float[Tensor, "b c t"]
"""B series of C channels with T steps each."""


def series(x: Any, *, steps: int = 1) -> Tensor:
    """``x``, if it is a batch of float series (B, C, T) with at least ``steps`` steps.

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(x, Tensor) or x.ndim != 3:
        hint = ": of one series (C, T) take x[None]" if isinstance(x, Tensor) and x.ndim == 2 else ""
        raise ValueError(f"series are a tensor (B, C, T): items, channels, steps; this is {describe(x)}{hint}")
    if not x.is_floating_point():
        raise ValueError(f"series are floats; this is {describe(x)}: convert them with .float()")
    if x.shape[2] < steps:
        raise ValueError(f"the series have {x.shape[2]} steps; expected at least {steps}")
    return x


def fitting(value: Tensor, shape: tuple[int, ...], *, name: str) -> Tensor:
    """``value``, if it has exactly this shape: nothing is broadcast in silence.

    Raises:
        ValueError: saying which shape it has.
    """
    if not isinstance(value, Tensor) or tuple(value.shape) != tuple(shape):
        raise ValueError(f"{name} is a tensor {tuple(shape)}; this is {describe(value)}")
    return value


def whole(value: Any, x: Tensor, *, name: str, low: int, high: int) -> Tensor:
    """Whole numbers (B,) from ``low`` to ``high``, one an item, from one number or a tensor of them.

    Raises:
        ValueError: if it is neither, not whole, or out of range.
    """
    given = arguments.whole(value, name=name, low=low, high=high)
    if tuple(given.shape) not in ((), (len(x),)):
        raise ValueError(f"{name} is a whole number or one for each of the {len(x)} series; this is {describe(value)}")
    return given.to(x.device).expand(len(x))
