"""Arguments of image transforms, and the sentences that refuse bad ones; those of every kind: ``augment.arguments``."""

from typing import Any

import torch
from torch import Tensor

from labkit import shapes
from labkit.shapes import Float

Resized = Float[Tensor, "b c h2 w2"]
"""Images whose height and width may differ from those that were given."""

FILLS = ("constant", "reflect", "edge", "wrap")
INTERPOLATIONS = ("bilinear", "nearest")


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


def constant(entries: Any, like: Tensor) -> Tensor:
    """A small tensor of given numbers with ``like``'s dtype and device, for which the host doesn't wait."""
    return torch.tensor(entries, dtype=like.dtype).to(like.device, non_blocking=True)
