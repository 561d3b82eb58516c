"""The second layer of image transforms: what draws parameters, and what follows the geometry.

A transform of images is a frozen dataclass. Most of its fields are spans, from which each sample's parameter is drawn
uniformly, and ``apply`` hands the draw to the function of the first layer. A call may bring annotations, which move
with the picture:

``mask``       (B, H, W) or (B, K, H, W), any dtype: looked up by the nearest pixel;
               0 where the picture is filled with a constant;
``boxes``      (B, N, 4): (left, top, right, bottom) by the edges of pixels, so that ``x[..., t:b, l:r]`` has
               the box (l, t, r, b); the result is the smallest box around the four moved corners, cut off
               at the edges of the picture;
``keypoints``  (B, N, 2): (x, y) by the centres of pixels; they may leave the picture.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, overload

import torch
from torch import Generator, Tensor

from labkit.augment.image._args import FILLS, INTERPOLATIONS, member, span
from labkit.augment.image.matrices import box_corners, hull_boxes, warp_points
from labkit.augment.image.warping import warp
from labkit.augment.pipeline import Params, Transform, uniform
from labkit.shapes import images


class Annotated(NamedTuple):
    """Images and what belongs to them: what a transform returns when it is given annotations."""

    image: Tensor
    mask: Tensor | None = None
    boxes: Tensor | None = None
    keypoints: Tensor | None = None


class Range(NamedTuple):
    """What a field's span may be: the value ``around`` which one number spans, and the bounds."""

    around: float = 0.0
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class ImageTransform(Transform):
    """A transform of images (B, C, H, W) whose fields named in ``ranges`` are drawn uniformly for each sample.

    A field is ``(low, high)``, or one number a for the span ±a around the value that changes nothing.

    Raises:
        ValueError: if a span is out of range; in a call, if x isn't a batch of float images or an annotation doesn't
            fit it.
    """

    ranges: ClassVar[Mapping[str, Range]] = {}

    def __post_init__(self) -> None:
        for name in self.ranges:
            self.span(name)

    @property
    def record(self) -> Any:
        """``Annotated``: image, mask, boxes, keypoints."""
        return Annotated

    def span(self, name: str) -> tuple[float, float]:
        """The bounds between which the parameter ``name`` is drawn."""
        return span(getattr(self, name), name=name, **self.ranges[name]._asdict())

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """One uniform number a sample and span, (B,) each."""
        return {name: draw_one(images(x), *self.span(name), generator=generator) for name in self.ranges}

    @overload  # type: ignore[override]
    def __call__(self, x: Tensor, *, generator: Generator | None = None) -> Tensor: ...

    @overload
    def __call__(
        self,
        x: Tensor,
        *,
        generator: Generator | None = None,
        mask: Tensor | None = None,
        boxes: Tensor | None = None,
        keypoints: Tensor | None = None,
    ) -> Annotated: ...

    def __call__(self, x: Any, *, generator: Generator | None = None, **annotations: Any) -> Any:
        """Draw and apply: images, or ``Annotated`` ones where a mask, boxes or keypoints are given."""
        return super().__call__(x, generator=generator, **annotations)


def draw_one(x: Tensor, low: float, high: float, *, generator: Generator | None) -> Tensor:
    """One number in [low, high) for each sample of ``x``: (B,)."""
    return uniform((x.shape[0],), low, high, like=x, generator=generator)


def chance(x: Tensor, p: float, *, generator: Generator | None) -> Tensor:
    """True with probability p for each sample of ``x``: bool (B,)."""
    return uniform((x.shape[0],), like=x, generator=generator) < p


def probability(p: float, *, name: str = "p") -> None:
    """Refuse what is no probability.

    Raises:
        ValueError: if p isn't between 0 and 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"{name} is {p}; expected a probability, from 0 to 1")


@dataclass(frozen=True)
class GeometricTransform(ImageTransform):
    """A transform that moves things: it knows where points go, and annotations follow."""

    def canvas(self, x: Tensor) -> tuple[int, int]:
        """Height and width of the result."""
        return x.shape[2], x.shape[3]

    def points(self, points: Tensor, x: Tensor, *_: Any, **params: Any) -> Tensor:
        """Where the points (B, N, 2) of ``x`` are afterwards."""
        raise NotImplementedError

    def apply_mask(self, mask: Tensor, *_: Any, **params: Any) -> Tensor:
        """A mask (B, K, H, W), as floats, under the same draw."""
        return self.apply(mask, **params)

    def follow(self, annotations: Mapping[str, Any], x: Any, **params: Any) -> dict[str, Any]:
        """The mask, boxes and keypoints where the picture went."""
        moved = dict(annotations)
        for name, value in annotations.items():
            fits(name, value, x)
        if "mask" in moved:
            moved["mask"] = self._mask(moved["mask"], params)
        if "boxes" in moved:
            corners = box_corners(moved["boxes"])
            there = self.points(corners.flatten(1, 2), x, **params).unflatten(1, corners.shape[1:3])
            moved["boxes"] = hull_boxes(there, size=self.canvas(x))
        if "keypoints" in moved:
            moved["keypoints"] = self.points(moved["keypoints"], x, **params)
        return moved

    def _mask(self, mask: Tensor, params: Params) -> Tensor:
        layers = mask if mask.ndim == 4 else mask[:, None]
        # Whole numbers up to 2^24 are exact in float32, up to 2^53 in float64.
        exact = torch.float64 if mask.dtype in (torch.int64, torch.float64) else torch.float32
        there = self.apply_mask(layers.to(exact), **params)
        there = there > 0.5 if mask.dtype == torch.bool else there.to(mask.dtype)
        return there if mask.ndim == 4 else there[:, 0]


def fits(name: str, value: Tensor, x: Tensor) -> None:
    """Refuse an annotation that doesn't go with the images ``x``.

    Raises:
        ValueError: saying which shape was expected.
    """
    b, _, h, w = images(x).shape
    if name == "mask" and (value.ndim not in (3, 4) or value.shape[0] != b or value.shape[-2:] != (h, w)):
        raise ValueError(
            f"the mask of these images has shape ({b}, {h}, {w}) or ({b}, K, {h}, {w}); it has {tuple(value.shape)}"
        )
    last = {"boxes": 4, "keypoints": 2}.get(name)
    if last and (value.ndim != 3 or value.shape[0] != b or value.shape[2] != last or not value.is_floating_point()):
        raise ValueError(
            f"{name} are float with shape ({b}, N, {last}); these are {value.dtype} with {tuple(value.shape)}"
        )


@dataclass(frozen=True, kw_only=True)
class Sampling(GeometricTransform):
    """A geometric transform that looks values up between pixels and outside the picture: see ``warp``."""

    interpolation: str = "bilinear"
    fill: str = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        member(self.interpolation, INTERPOLATIONS, name="interpolation")
        member(self.fill, FILLS, name="fill")

    @property
    def lookup(self) -> dict[str, Any]:
        """The last three arguments of ``warp``."""
        return {"interpolation": self.interpolation, "fill": self.fill, "value": self.value}

    def apply_mask(self, mask: Tensor, *_: Any, **params: Any) -> Tensor:
        """The mask, by the nearest pixel, and 0 where the picture is filled with a constant."""
        return dataclasses.replace(self, interpolation="nearest", value=0.0).apply(mask, **params)


@dataclass(frozen=True, kw_only=True)
class Warp(Sampling):
    """A geometric transform by a matrix."""

    def matrix(self, x: Tensor, *_: Any, **params: Any) -> Tensor:
        """The matrices (B, 3, 3) that move the points of ``x``."""
        raise NotImplementedError

    def apply(self, x: Any, *_: Any, **params: Any) -> Tensor:
        """The images moved by ``matrix``."""
        return warp(x, self.matrix(images(x), **params), size=self.canvas(x), **self.lookup)

    def points(self, points: Tensor, x: Tensor, *_: Any, **params: Any) -> Tensor:
        """The points moved by ``matrix``."""
        return warp_points(points, self.matrix(x, **params))
