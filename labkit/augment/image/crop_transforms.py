"""Windows that draw: where a picture is cut, and the size it is brought to."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import member, span
from labkit.augment.image import resizing
from labkit.augment.image._args import FILLS, INTERPOLATIONS, Fill, constant
from labkit.augment.image.transform import ImageTransform, refuse_mask_value
from labkit.augment.transform import Params
from labkit.draws import uniform
from labkit.shapes import Float, Images, images


def random_boxes(
    x: Images,
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    generator: Generator | None = None,
) -> Float[Tensor, "b 4"]:
    """One random box for each image, (left, top, right, bottom) in whole pixels.

    Its share of the image is uniform on ``scale``; its width over height is drawn from ``ratio``, evenly on a
    logarithmic scale; its place is uniform. Sides are cut off at the image's, so that nothing is drawn twice.
    """
    height, width = images(x).shape[2:]
    area = uniform((x.shape[0],), *scale, like=x, generator=generator) * (height * width)
    shape = uniform((x.shape[0],), math.log(ratio[0]), math.log(ratio[1]), like=x, generator=generator).exp()
    w = (area * shape).sqrt().round().clamp(1, width)
    h = (area / shape).sqrt().round().clamp(1, height)
    u = uniform((2, x.shape[0]), like=x, generator=generator)
    left, top = (u[0] * (width - w + 1)).floor(), (u[1] * (height - h + 1)).floor()
    return torch.stack([left, top, left + w, top + h], -1)


@dataclass(frozen=True)
class RandomCrop(ImageTransform):
    """A window of ``size`` (H, W) at a random place, after a border of ``padding`` pixels is added: see ``pad``.

    A mask has ``mask_value`` in a constant border.
    """

    size: tuple[int, int]
    padding: int = 0
    fill: str = "constant"
    value: Fill = 0.0
    mask_value: float = 0

    def __post_init__(self) -> None:
        member(self.fill, FILLS, name="fill")
        resizing.positive(self.size)
        if self.padding < 0:
            raise ValueError(
                f"size is {self.size} and padding {self.padding}; expected (height, width) ≥ 1 and padding ≥ 0"
            )

    @property
    def new_size(self) -> Hashable | None:
        """The window's size."""
        return self.size

    def canvas(self, x: Tensor) -> tuple[int, int]:
        """The window's size."""
        return self.size

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``top`` and ``left`` (B,), whole numbers, in the padded image."""
        places = [n + 2 * self.padding - m + 1 for n, m in zip(images(x).shape[2:], self.size, strict=True)]
        if min(places) < 1:
            raise ValueError(
                f"a window of {self.size} doesn't fit into images of {tuple(x.shape[2:])} padded by {self.padding}"
            )
        u = uniform((2, x.shape[0]), like=x, generator=generator)
        return {"top": (u[0] * places[0]).long(), "left": (u[1] * places[1]).long()}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``pad`` and ``crop``."""
        return self._window(x, params, self.value)

    def apply_nearest(self, mask: Tensor, params: Params) -> Tensor:
        """The same window of the mask, with ``mask_value`` in a constant border."""
        return self._window(mask, params, self.mask_value)

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the images, and masks that can't hold ``mask_value``."""
        super().examine(x, annotations)
        refuse_mask_value(self.mask_value, annotations.get("mask"))

    def _window(self, x: Tensor, params: Params, value: Fill) -> Tensor:
        padded = resizing.pad(x, padding=self.padding, fill=self.fill, value=value) if self.padding else x
        return resizing.crop(padded, **params, height=self.size[0], width=self.size[1])

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """Counted from the window's first pixel."""
        corner = torch.stack([params["left"], params["top"]], -1)[:, None]
        return points + (self.padding - corner).to(points)


@dataclass(frozen=True)
class RandomResizedCrop(ImageTransform):
    """A box of random area and shape, brought to ``size`` (H, W).

    The box covers a share of the image from ``scale`` and has a width over height from ``ratio`` (drawn evenly on a
    logarithmic scale), cut off at the image's sides.
    """

    size: tuple[int, int]
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        member(self.interpolation, INTERPOLATIONS, name="interpolation")
        resizing.positive(self.size)
        span(self.scale, name="scale", low=1e-6, high=1.0)
        span(self.ratio, name="ratio", low=1e-3, high=1e3)

    @property
    def new_size(self) -> Hashable | None:
        """``size``."""
        return self.size

    def canvas(self, x: Tensor) -> tuple[int, int]:
        """``size``."""
        return self.size

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``boxes`` (B, 4), whole pixels."""
        return {"boxes": random_boxes(x, scale=self.scale, ratio=self.ratio, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``crop_resize``."""
        return resizing.crop_resize(
            x, **params, size=self.size, interpolation=self.interpolation, antialias=self.antialias
        )

    def apply_nearest(self, mask: Tensor, params: Params) -> Tensor:
        """The same box of the mask, by the nearest pixel."""
        return resizing.crop_resize(mask, **params, size=self.size, interpolation="nearest")

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """Counted from the box's corner and scaled with it."""
        edges = params["boxes"].to(points)[:, None]
        zoom = constant([self.size[1], self.size[0]], points) / (edges[..., 2:] - edges[..., :2])
        return (points + 0.5 - edges[..., :2]) * zoom - 0.5


@dataclass(frozen=True)
class Resize(ImageTransform):
    """Brought to ``size`` (H, W): nothing is drawn, but annotations follow."""

    size: tuple[int, int]
    interpolation: str = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        member(self.interpolation, INTERPOLATIONS, name="interpolation")
        resizing.positive(self.size)

    @property
    def new_size(self) -> Hashable | None:
        """``size``."""
        return self.size

    def canvas(self, x: Tensor) -> tuple[int, int]:
        """``size``."""
        return self.size

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``resize``."""
        return resizing.resize(x, size=self.size, interpolation=self.interpolation, antialias=self.antialias)

    def apply_nearest(self, mask: Tensor, params: Params) -> Tensor:
        """The mask, by the nearest pixel."""
        return resizing.resize(mask, size=self.size, interpolation="nearest")

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """Scaled with the picture."""
        zoom = constant([self.size[1] / x.shape[3], self.size[0] / x.shape[2]], points)
        return (points + 0.5) * zoom - 0.5
