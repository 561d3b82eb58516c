"""Arguments of image transforms, and the sentences that refuse bad ones; those of every kind: ``augment.arguments``."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from labkit import shapes
from labkit.shapes import Float

Resized = Float[Tensor, "b c h2 w2"]
"""Images whose height and width may differ from those that were given."""

Fill = float | tuple[float, ...]
"""What lies outside of a picture: one number, or one for each channel."""

FILLS = ("constant", "reflect", "edge", "wrap")
INTERPOLATIONS = ("bilinear", "nearest")


Function = TypeVar("Function", bound=Callable[..., Tensor])


def but_for_alpha(function: Function) -> Function:
    """The function on red, green and blue, where there is a fourth channel, which stays."""

    @functools.wraps(function)
    def on_colours(x: Tensor, **parameters: Any) -> Tensor:
        if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[1] != 4:
            return function(x, **parameters)
        return torch.cat([function(x[:, :3], **parameters), x[:, 3:]], 1)

    return cast(Function, on_colours)


def odd(value: int, *, name: str) -> None:
    """Refuse a kernel size that has no middle.

    Raises:
        ValueError: if it is not an odd whole number above 0.
    """
    if value < 1 or value % 2 == 0:
        raise ValueError(f"{name} is {value}; expected an odd number: a kernel needs a middle")


def colours(x: Tensor) -> Tensor:
    """``x``, if it is a batch of images with 3 channels (red, green, blue) or 1 (grey); alpha is taken off before.

    Raises:
        ValueError: saying what it is instead.
    """
    if shapes.images(x).shape[1] not in (1, 3):
        raise ValueError(f"colour images have 3 channels, or 4 with alpha, grey ones 1; these have {x.shape[1]}")
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


def filling(value: Fill, x: Tensor) -> float | Tensor:
    """``value`` as a number, or as a tensor (C, 1, 1) with one number for each channel of ``x``.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, list | tuple | Tensor) or len(value) not in (1, x.shape[1]):
        raise ValueError(f"value is {value}; expected one number, or one for each of the {x.shape[1]} channels")
    return torch.as_tensor(value, dtype=x.dtype).to(x.device, non_blocking=True).view(-1, 1, 1)


def constant(entries: Any, like: Tensor) -> Tensor:
    """A small tensor of given numbers with ``like``'s dtype and device, for which the host doesn't wait."""
    return torch.tensor(entries, dtype=like.dtype).to(like.device, non_blocking=True)
