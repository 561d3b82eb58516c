"""Erasing that draws: where the rectangles lie."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import member, probability, span
from labkit.augment.image import erasing
from labkit.augment.image._args import constant
from labkit.augment.image.crop_transforms import random_boxes
from labkit.augment.image.transform import PhotometricTransform
from labkit.augment.transform import Params
from labkit.draws import chance, uniform
from labkit.shapes import images


@dataclass(frozen=True)
class RandomErasing(PhotometricTransform):
    """A rectangle erased with probability ``p``.

    Its share of the image is drawn from ``scale``, its width over height from ``ratio``; ``value`` is a number,
    ``"noise"`` or ``"mean"``: see ``erase``. (Zhong et al. 2017.)
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: float | str = 0.0

    def __post_init__(self) -> None:
        probability(self.p)
        span(self.scale, name="scale", low=0.0, high=1.0)
        span(self.ratio, name="ratio", low=1e-3, high=1e3)
        if isinstance(self.value, str):
            member(self.value, ("noise", "mean"), name="value")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``boxes`` (B, 4), without extent where nothing is erased, and ``noise`` if the value is that."""
        boxes = random_boxes(x, scale=self.scale, ratio=self.ratio, generator=generator)
        erased = chance(self.p, x, generator=generator)
        return {"boxes": boxes * erased[:, None], **_noise(self.value, x, generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``erase``."""
        return erasing.erase(x, **params, value=self.value)


@dataclass(frozen=True)
class Cutout(PhotometricTransform):
    """A square of ``size`` × ``size`` pixels erased around a random pixel, as far as it lies in the image.

    ``value`` is a number, ``"noise"`` or ``"mean"``: see ``erase``. (DeVries and Taylor 2017.)
    """

    size: int = 16
    value: float | str = 0.0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}; expected at least 1 pixel")
        if isinstance(self.value, str):
            member(self.value, ("noise", "mean"), name="value")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``boxes`` (B, 4), and ``noise`` if the value is that."""
        height, width = images(x).shape[2:]
        u = uniform((x.shape[0], 2), like=x, generator=generator)
        corner = (u * constant([width, height], u)).floor() - self.size // 2
        return {"boxes": torch.cat([corner, corner + self.size], 1), **_noise(self.value, x, generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``erase``."""
        return erasing.erase(x, **params, value=self.value)


def _noise(value: float | str, x: Tensor, generator: Generator | None) -> Params:
    """What to fill with, if it is to be drawn."""
    return {"noise": uniform(x.shape, like=x, generator=generator)} if value == "noise" else {}
