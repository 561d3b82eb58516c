"""Differential augmentation: one policy for the region of interest, another for what lies around it.

    y(p) = x_in(p) where p ∈ r_in, else x_out(p)        (x_in, r_in) = inside(x, r),   x_out = outside(fill(x, r))

r: the region, say a tumour; fill: the hole it leaves, inpainted, where the inside policy moves things. Where it changes
values only, r_in = r and nothing is filled: with the identity outside, the picture stays bit-equal outside the region.
The deck asks for an aggressive policy inside and a light one outside; KeepAugment asks for the opposite, which is the
same function with the two policies exchanged.

Sources: J. Zhang, Y. Zhang and X. Xu, "ObjectAug: Object-level Data Augmentation for Semantic Image Segmentation"
(2021): cut, inpaint, augment apart; C. Gong and others, "KeepAugment: A Simple Information-Preserving Data Augmentation
Approach" (2021).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.image.transform import PhotometricTransform
from labkit.augment.medical.regions import fitting, inpaint
from labkit.augment.pipeline import Identity, _Combined
from labkit.augment.transform import Params, Transform
from labkit.shapes import Images, Masks, images


def differential(
    x: Images, region: Masks, *, inside: Callable[[Tensor], Tensor], outside: Callable[[Tensor], Tensor]
) -> Images:
    """``inside(x)`` in the region, ``outside(x)`` elsewhere: for policies that change values and move nothing.

    Both see the whole picture. Each pixel is taken from one of the two results, so that nothing of the other gets into
    it, be it infinite.

    Args:
        x: images (B, C, H, W).
        region: bool (B, H, W).
        inside, outside: from images to images of the same shape.

    Raises:
        ValueError: if the region doesn't fit, or a policy changes the shape.

    >>> region = torch.tensor([[[1, 0]]]).bool()
    >>> differential(torch.tensor([[[[0.5, 0.5]]]]), region, inside=lambda x: 1 - x / 2, outside=lambda x: x)
    tensor([[[[0.7500, 0.5000]]]])
    """
    where = fitting(region, x)[:, None]
    here, there = inside(x), outside(x)
    if here.shape != x.shape or there.shape != x.shape:
        raise ValueError(
            f"both policies keep the shape {tuple(x.shape)}; they gave {tuple(here.shape)} and {tuple(there.shape)}"
        )
    return torch.where(where, here, there)


@dataclass(frozen=True)
class Differential(Transform):
    """One transform inside a region and one outside, each with its own draw; the mask follows the one inside.

    Call it with ``mask``: bool (B, H, W), the region; or (B, K, H, W), whose first layer is the region, and whose other
    layers stay as they are. What the region covered before and no longer covers is filled from around it.

    Args:
        inside: for the region; it may move things.
        outside: for the rest; it changes values only.

    Raises:
        ValueError: if the outside transform moves things; in a call, without a mask that fits.

    >>> from labkit.augment import image
    >>> t = Differential(inside=image.Brightness((2.0, 2.0)))
    >>> t(torch.full((1, 1, 1, 2), 0.25), mask=torch.tensor([[[1, 0]]]).bool()).x
    tensor([[[[0.5000, 0.2500]]]])
    """

    inside: Transform = field(default_factory=Identity)
    outside: Transform = field(default_factory=Identity)

    depends_on = ("mask",)

    def __post_init__(self) -> None:
        if moves(self.outside):
            raise ValueError(
                f"outside is {self.outside!r}, which moves things; expected one that changes values only: put what "
                "moves the whole picture before or behind this transform"
            )

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse masks that don't fit.

        Raises:
            ValueError: saying what was expected.
        """
        if annotations.get("mask") is not None:
            _region(annotations["mask"], images(x))
        super().examine(x, annotations)

    def make_params(self, x: Any, *, generator: Generator | None = None, mask: Tensor | None = None) -> Params:
        """The ``region`` (B, H, W), and the draws of the two transforms."""
        if mask is None:
            raise ValueError("Differential needs to know the region: call it with mask=…")
        region = _region(mask, images(x))
        draws = {}
        for name, part in (("inside", self.inside), ("outside", self.outside)):
            needed = {"mask": region} if "mask" in part.depends_on else {}
            draws[name] = part.make_params(x, generator=generator, **needed)
        return {"region": region, **draws}

    def apply(self, x: Any, params: Params) -> Tensor:
        """``x`` under both."""
        region = params["region"]
        here, moved = self._inside(x, params)
        hole = inpaint(x, region) if moves(self.inside) else x
        there = self.outside.apply(hole, params["outside"])
        return torch.where(moved[:, None], here, there)

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The region as it is afterwards; other layers stay."""
        moved = self._inside(x, params)[1]
        return moved if mask.ndim == 3 else torch.cat([moved[:, None], mask[:, 1:]], 1)

    def _inside(self, x: Tensor, params: Params) -> tuple[Tensor, Masks]:
        y, annotations = self.inside.apply_all(x, params["inside"], {"mask": params["region"]})
        return y, annotations["mask"]


def moves(transform: Transform) -> bool:
    """Whether a transform may move things: what isn't known to change values only.

    >>> from labkit.augment import Compose, image
    >>> moves(image.Rotate()), moves(Compose([image.Contrast(), image.GaussianNoise()]))
    (True, False)
    """
    if isinstance(transform, _Combined):
        return any(moves(part) for part in transform.transforms)
    return not isinstance(transform, PhotometricTransform | Identity)


def _region(mask: Any, x: Tensor) -> Masks:
    """The region: the mask, or its first layer."""
    layer = mask[:, 0] if isinstance(mask, Tensor) and mask.ndim == 4 else mask
    return fitting(layer, x, name="mask")
