"""What a batch of clips is, and the sentences that refuse anything else."""

from typing import Any

from torch import Tensor

from labkit.augment.arguments import describe
from labkit.shapes import Float, Int

Clips = Float[Tensor, "b t c h w"]
"""B clips of T frames with C channels, H rows and W columns each."""

Index = Int[Tensor, "b s"]
"""For each clip the frame that each of the S frames of the result shows."""


def clips(x: Any, *, frames: int = 1) -> Tensor:
    """``x``, if it is a batch of float clips (B, T, C, H, W) with at least ``frames`` frames.

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(x, Tensor) or x.ndim != 5:
        hint = ": of one clip (T, C, H, W) take x[None]" if isinstance(x, Tensor) and x.ndim == 4 else ""
        raise ValueError(f"clips are a tensor (B, T, C, H, W): clips, frames, channels, …; this is {describe(x)}{hint}")
    if not x.is_floating_point():
        raise ValueError(f"clips are float in [0, 1]; this is {describe(x)}: divide by 255 first")
    if x.shape[1] < frames or 0 in x.shape[2:]:
        raise ValueError(f"clips have {frames} frames or more, and pixels in them; these are {tuple(x.shape)}")
    return x


def table(value: Any, *, clips: int | None = None, frames: int | None = None, name: str) -> Tensor:
    """``value``, if it is a tensor with a row for each clip and an entry for each frame.

    Raises:
        ValueError: saying what it is instead.
    """
    rows = "B" if clips is None else clips
    columns = "T" if frames is None else frames
    fits = isinstance(value, Tensor) and value.ndim == 2 and value.shape[1] > 0
    if not fits or clips not in (None, len(value)) or frames not in (None, value.shape[1]):
        raise ValueError(f"{name} is a tensor ({rows}, {columns}); this is {describe(value)}")
    return value
