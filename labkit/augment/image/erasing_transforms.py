"""Erasing that draws: where the rectangles lie.

A mask stays as it is: what is hidden is still to be found. With ``mask_value`` it is erased as well, say with 255, the
label that a loss ignores. Boxes and keypoints stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import member, probability, span
from labkit.augment.image import erasing
from labkit.augment.image._args import constant
from labkit.augment.image.crop_transforms import random_boxes
from labkit.augment.image.transform import PhotometricTransform, refuse_mask_value
from labkit.augment.transform import Params
from labkit.draws import chance, uniform
from labkit.shapes import images


class _Erasing(PhotometricTransform):
    """What both share: the boxes of a draw are filled in the picture, and in the mask where that is asked for."""

    value: float | str
    mask_value: float | None

    def __post_init__(self) -> None:
        if isinstance(self.value, str):
            member(self.value, ("noise", "mean"), name="value")

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``erase``."""
        return erasing.erase(x, **params, value=self.value)

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The mask itself, or with ``mask_value`` in the boxes."""
        if self.mask_value is None:
            return mask
        return mask.masked_fill(erasing.boxes_of_mask(params["boxes"], x, mask), self.mask_value)

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the images, and masks that can't hold ``mask_value``."""
        super().examine(x, annotations)
        refuse_mask_value(self.mask_value, annotations.get("mask"))


@dataclass(frozen=True)
class RandomErasing(_Erasing):
    """A rectangle erased with probability ``p``.

    Its share of the image is drawn from ``scale``, its width over height from ``ratio``; ``value`` is a number,
    ``"noise"`` or ``"mean"``: see ``erase``. (Zhong et al. 2017.)
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: float | str = 0.0
    mask_value: float | None = None

    def __post_init__(self) -> None:
        probability(self.p)
        span(self.scale, name="scale", low=0.0, high=1.0)
        span(self.ratio, name="ratio", low=1e-3, high=1e3)
        super().__post_init__()

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``boxes`` (B, 4), without extent where nothing is erased, and ``noise`` if the value is that."""
        boxes = random_boxes(x, scale=self.scale, ratio=self.ratio, generator=generator)
        erased = chance(self.p, x, generator=generator)
        return {"boxes": boxes * erased[:, None], **_noise(self.value, x, generator)}


@dataclass(frozen=True)
class Cutout(_Erasing):
    """A square of ``size`` × ``size`` pixels erased around a random pixel, as far as it lies in the image.

    ``value`` is a number, ``"noise"`` or ``"mean"``: see ``erase``. (DeVries and Taylor 2017.)
    """

    size: int = 16
    value: float | str = 0.0
    mask_value: float | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}; expected at least 1 pixel")
        super().__post_init__()

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``boxes`` (B, 4), and ``noise`` if the value is that."""
        height, width = images(x).shape[2:]
        u = uniform((x.shape[0], 2), like=x, generator=generator)
        corner = (u * constant([width, height], u)).floor() - self.size // 2
        return {"boxes": torch.cat([corner, corner + self.size], 1), **_noise(self.value, x, generator)}


def _noise(value: float | str, x: Tensor, generator: Generator | None) -> Params:
    """What to fill with, if it is to be drawn."""
    return {"noise": uniform(x.shape, like=x, generator=generator)} if value == "noise" else {}
