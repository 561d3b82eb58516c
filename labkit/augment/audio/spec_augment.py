"""SpecAugment with a draw for each spectrogram; the functions that apply it stand in ``masks``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import describe, probability
from labkit.augment.audio import masks
from labkit.augment.transform import Params, Transform
from labkit.draws import uniform

WARP = ("center", "goal")
"""What is drawn for the warp."""


@dataclass(frozen=True)
class SpecAugment(Transform):
    """A spectrogram (B, F, S) or (B, C, F, S) warped in time, and bands of it hidden. (Park and others 2019.)

    Args:
        freq: F, the widest band of frequencies.
        time: T, the widest band of frames.
        freq_masks, time_masks: how many of each.
        share: p, no band of frames is wider than this share of the item.
        fill: what hidden values become; None for the item's mean.
        warp: W, how many frames a frame in the middle is moved at most, earlier or later, before bands are hidden; 0
            for no warp. An item of fewer than 2W + 3 frames is warped by as much as it has room for.

    With ``mask=`` (B, S), true for the frames that belong to an item (the first ones), bands and warp lie in these
    alone. ``times=`` (B, N), in frames, follow the warp.

    Raises:
        ValueError: if a number is negative, or ``share`` no probability.

    >>> s = torch.randn(8, 32, 60)
    >>> hidden = SpecAugment(freq=6, time=10, fill=0.0)(s, generator=torch.Generator().manual_seed(0)) == 0
    >>> int(hidden.all(2).sum(1).max()) <= 6, int(hidden.all(1).sum(1).max()) <= 10
    (True, True)
    >>> ramp = torch.arange(60.0).expand(8, 32, 60)
    >>> warped = SpecAugment(freq=0, time=0, warp=10)(ramp, generator=torch.Generator().manual_seed(0))
    >>> bool((warped.diff(dim=2) > 0).all()), int((warped - ramp).abs().max()) <= 10
    (True, True)
    """

    freq: int = 6
    time: int = 10
    freq_masks: int = 1
    time_masks: int = 1
    share: float = 1.0
    fill: float | None = None
    warp: int = 0
    keeps = ("y", "mask")
    depends_on = ("mask",)

    def __post_init__(self) -> None:
        for name in ("freq", "time", "freq_masks", "time_masks", "warp"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a whole number not below 0")
        probability(self.share, name="share")

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse a mask that doesn't fit.

        Raises:
            ValueError: saying which shape was expected, or that frames of an item aren't the first ones.
        """
        masks.spectra(x)
        super().examine(x, annotations)
        mask, times = annotations.get("mask"), annotations.get("times")
        if times is not None and not (isinstance(times, Tensor) and times.ndim == 2 and times.is_floating_point()):
            raise ValueError(f"times are a float tensor ({len(x)}, N), in frames; these are {describe(times)}")
        if mask is None:
            return
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != (len(x), x.shape[-1]):
            raise ValueError(f"a mask is a bool tensor ({len(x)}, {x.shape[-1]}); this is {describe(mask)}")
        if mask.device.type == "cpu" and not (mask[:, :1].all() and (mask[:, 1:] <= mask[:, :-1]).all()):
            raise ValueError("the frames that belong to an item are its first ones, at least one: pad at the end")

    def make_params(self, x: Any, *, generator: Generator | None = None, mask: Tensor | None = None) -> Params:
        """Starts and widths (B, K), and ``lengths`` (B,); with a warp ``center`` and ``goal`` (B,), too."""
        masks.spectra(x)
        lengths = torch.full((len(x),), x.shape[-1], device=x.device) if mask is None else mask.sum(1)
        size = torch.full_like(lengths, x.shape[-2])
        longest = torch.minimum((lengths * self.share).long(), torch.full_like(lengths, self.time))
        widest = size.clamp(max=self.freq)

        def draw(most: Tensor, of: Tensor, count: int) -> tuple[Tensor, Tensor]:
            u = uniform((2, len(x), count), like=x, generator=generator)
            width = (u[0] * (most[:, None] + 1)).long().minimum(most[:, None])
            return (u[1] * (of[:, None] - width + 1)).long().minimum(of[:, None] - width), width

        f, t = draw(widest, size, self.freq_masks), draw(longest, lengths, self.time_masks)
        hidden = {
            "freq_start": f[0], "freq_width": f[1], "time_start": t[0], "time_width": t[1], "lengths": lengths
        }  # fmt: skip
        return hidden | self._warp(x, lengths, generator) if self.warp else hidden

    def _warp(self, x: Tensor, lengths: Tensor, generator: Generator | None) -> Params:
        """``center`` (B,), the warp and a frame away from both ends or more, and ``goal``, the warp from it or less."""
        u = uniform((2, len(x)), like=x, generator=generator)
        last = (lengths - 1).to(u)
        most = ((last - 2) / 2).clamp(0, self.warp)
        room = last - 2 - 2 * most
        center = torch.where(room >= 0, 1 + most + u[0] * room, last / 2)
        return {"center": center, "goal": center + (2 * u[1] - 1) * most}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``time_warp`` and ``spec_mask``."""
        bands = {name: value for name, value in params.items() if name not in WARP}
        if self.warp:
            x = masks.time_warp(x, **{name: params[name] for name in WARP}, lengths=params["lengths"])
        return masks.spec_mask(x, **bands, fill=self.fill)

    def apply_times(self, times: Tensor, x: Tensor, params: Params) -> Tensor:
        """Times, in frames, where the warp brings them."""
        if not self.warp:
            return times
        last = (params["lengths"] - 1).to(times)
        return masks.warp_source(times, center=params["goal"], goal=params["center"], last=last)
