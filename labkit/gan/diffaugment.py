"""DiffAugment: whatever D sees, real or fake, is changed at random first, differentiably.

    D minimises its loss on T(x) and T(G(z)),     G minimises its loss on T(G(z))

With few images D memorises them, and G no longer learns anything. Augmenting the real ones alone would teach G to
make augmented images; changing both leaves the game's solution where it was. S. Zhao and others, "Differentiable
Augmentation for Data-Efficient GAN Training" (2020). In units of [0, 1] instead of their [−1, 1]::

    colour        + U(−0.25, 0.25); saturation times U(0, 2); contrast times U(0.5, 1.5)
    translation   by whole pixels up to an eighth of the side
    cutout        a square of half the side
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.shapes import Images, Int, PerSample

KINDS = ("colour", "translation", "cutout")


def recolour(x: Images, *, brightness: PerSample, saturation: PerSample, contrast: PerSample) -> Images:
    """Add ``brightness``, then scale distances to the grey of each pixel, then to the mean of each image."""
    brightness, saturation, contrast = (v[:, None, None, None] for v in (brightness, saturation, contrast))
    x = x + brightness
    grey = x.mean(dim=1, keepdim=True)
    x = grey + saturation * (x - grey)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + contrast * (x - mean)


def shift(x: Images, *, dx: Int[Tensor, " b"], dy: Int[Tensor, " b"], fill: float = 0.5) -> Images:
    """Move each image ``dx`` pixels to the right and ``dy`` down; what comes in is ``fill``."""
    b, _, h, w = x.shape
    rows = torch.arange(h, device=x.device) - dy[:, None]
    columns = torch.arange(w, device=x.device) - dx[:, None]
    inside = ((rows >= 0) & (rows < h))[:, :, None] & ((columns >= 0) & (columns < w))[:, None]
    batch = torch.arange(b, device=x.device)[:, None, None]
    moved = x.permute(0, 2, 3, 1)[batch, rows.clamp(0, h - 1)[:, :, None], columns.clamp(0, w - 1)[:, None]]
    return torch.where(inside[:, None], moved.permute(0, 3, 1, 2), fill)


def cut(x: Images, *, row: Int[Tensor, " b"], column: Int[Tensor, " b"], side: int, fill: float = 0.5) -> Images:
    """Paint a square of ``side`` pixels with ``fill``; (row, column) is its middle, and it may reach over the edge."""
    rows = torch.arange(x.shape[2], device=x.device) - row[:, None] + side // 2
    columns = torch.arange(x.shape[3], device=x.device) - column[:, None] + side // 2
    inside = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None]
    return torch.where(inside[:, None], fill, x)


@dataclass(frozen=True)
class DiffAugment:
    """Draws a change for each image and applies it.

    Args:
        kinds: some of ``colour``, ``translation``, ``cutout``, in the order of their application.
        fill: the value of pixels that come in from outside or are cut out: mid-grey, the paper's 0.

    Raises:
        ValueError: if there is no such kind.
    """

    kinds: Sequence[str] = KINDS
    fill: float = 0.5

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(f"a kind is {kind!r}; expected some of {', '.join(KINDS)}")

    def __call__(self, x: Images, *, generator: torch.Generator | None = None) -> Images:
        """The images, each changed by its own draw. The result may leave [0, 1]: D doesn't mind."""
        b, _, h, w = x.shape
        source = generator.device if generator is not None else x.device

        def uniform(low: float, high: float) -> Tensor:
            u = torch.rand(b, generator=generator, device=source, dtype=x.dtype)
            return (low + (high - low) * u).to(x.device)

        def whole(low: int, high: int) -> Tensor:
            return torch.randint(low, high + 1, (b,), generator=generator, device=source).to(x.device)

        for kind in self.kinds:
            if kind == "colour":
                x = recolour(x, brightness=uniform(-0.25, 0.25), saturation=uniform(0, 2), contrast=uniform(0.5, 1.5))
            elif kind == "translation":
                x = shift(x, dx=whole(-(w // 8), w // 8), dy=whole(-(h // 8), h // 8), fill=self.fill)
            else:
                x = cut(x, row=whole(0, h - 1), column=whole(0, w - 1), side=h // 2, fill=self.fill)
        return x
