"""Geometry that draws: flips, maps of the plane, elastic bending."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Span, probability, span_field
from labkit.augment.image import geometry
from labkit.augment.image._args import constant
from labkit.augment.image.filters import gaussian_blur
from labkit.augment.image.matrices import centring, compose_affine, compose_homography
from labkit.augment.image.transform import ImageTransform, Warp
from labkit.augment.image.warping import identity, sample, shift_grid
from labkit.augment.transform import Params
from labkit.draws import chance, uniform
from labkit.shapes import Float, Images, images

ELASTIC_STEPS = 20
Bounds = tuple[float, float]
STEEPEST = 89.0  # degrees by which a shear may tilt


@dataclass(frozen=True)
class HorizontalFlip(ImageTransform):
    """Left and right exchanged with probability ``p``."""

    p: float = 0.5

    def __post_init__(self) -> None:
        probability(self.p)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``flip`` (B,)."""
        return {"flip": chance(self.p, images(x), generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``hflip``."""
        return geometry.hflip(x, flip=params["flip"])

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """x becomes W − 1 − x."""
        mirrored = torch.stack([x.shape[3] - 1 - points[..., 0], points[..., 1]], -1)
        return torch.where(params["flip"][:, None, None], mirrored, points)


@dataclass(frozen=True)
class VerticalFlip(ImageTransform):
    """Top and bottom exchanged with probability ``p``."""

    p: float = 0.5

    def __post_init__(self) -> None:
        probability(self.p)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``flip`` (B,)."""
        return {"flip": chance(self.p, images(x), generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``vflip``."""
        return geometry.vflip(x, flip=params["flip"])

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """y becomes H − 1 − y."""
        mirrored = torch.stack([points[..., 0], x.shape[2] - 1 - points[..., 1]], -1)
        return torch.where(params["flip"][:, None, None], mirrored, points)


@dataclass(frozen=True)
class Rotate(Warp):
    """Turned by an angle from ``degrees``: one number a is ±a.

    With ``expand`` the canvas grows until no angle of the span loses a corner, so that its size depends on the span
    alone.
    """

    degrees: Span = span_field(20.0)
    expand: bool = False

    @property
    def new_size(self) -> Hashable | None:
        """The span, where the canvas grows with it."""
        return ("expand", *self.span("degrees")) if self.expand else None

    def canvas(self, x: Tensor) -> tuple[int, int]:
        """The size of the images, or the largest that an angle of the span needs."""
        size = (x.shape[2], x.shape[3])
        return spanned_size(size, degrees=self.span("degrees")) if self.expand else size

    def matrix(self, x: Tensor, params: Params) -> Tensor:
        """See ``affine_matrix``."""
        turn = compose_affine(x, degrees=params["degrees"])
        return centring(x, size=self.canvas(x)) @ turn if self.expand else turn


@dataclass(frozen=True)
class Scale(Warp):
    """Magnified by a number from ``factor``: one number a is 1 ± a."""

    factor: Span = span_field(0.2, around=1.0, low=1e-3)

    def matrix(self, x: Tensor, params: Params) -> Tensor:
        """See ``affine_matrix``."""
        return compose_affine(x, scale=params["factor"])


@dataclass(frozen=True)
class Translate(Warp):
    """Moved by numbers of pixels from ``dx`` and ``dy``: one number a is ±a."""

    dx: Span = span_field(4.0)
    dy: Span = span_field(4.0)

    def matrix(self, x: Tensor, params: Params) -> Tensor:
        """See ``affine_matrix``."""
        return compose_affine(x, **params)


@dataclass(frozen=True)
class Shear(Warp):
    """Sheared by angles in degrees from ``shear_x`` and ``shear_y``: one number a is ±a."""

    shear_x: Span = span_field(15.0, low=-STEEPEST, high=STEEPEST)
    shear_y: Span = span_field(0.0, low=-STEEPEST, high=STEEPEST)

    def matrix(self, x: Tensor, params: Params) -> Tensor:
        """See ``affine_matrix``."""
        return compose_affine(x, **params)


@dataclass(frozen=True)
class Affine(Warp):
    """Sheared, magnified, turned and moved at once, with the spans of ``Rotate``, ``Translate``, ``Scale`` and
    ``Shear``.

    With ``expand`` the canvas grows until no draw from the spans loses a corner; spans that shrink make it smaller.
    """

    degrees: Span = span_field(15.0)
    dx: Span = span_field(0.0)
    dy: Span = span_field(0.0)
    scale: Span = span_field(0.1, around=1.0, low=1e-3)
    shear_x: Span = span_field(0.0, low=-STEEPEST, high=STEEPEST)
    shear_y: Span = span_field(0.0, low=-STEEPEST, high=STEEPEST)
    expand: bool = False

    @property
    def new_size(self) -> Hashable | None:
        """The spans, where the canvas grows with them."""
        return ("expand", *self._spans.items()) if self.expand else None

    def canvas(self, x: Tensor) -> tuple[int, int]:
        """The size of the images, or the largest that a draw from the spans needs."""
        size = (x.shape[2], x.shape[3])
        return spanned_size(size, **self._spans) if self.expand else size

    def matrix(self, x: Tensor, params: Params) -> Tensor:
        """See ``affine_matrix``."""
        moved = compose_affine(x, **params)
        return centring(x, size=self.canvas(x)) @ moved if self.expand else moved


@lru_cache(maxsize=64)
def spanned_size(
    size: tuple[int, int],
    *,
    degrees: Bounds = (0.0, 0.0),
    dx: Bounds = (0.0, 0.0),
    dy: Bounds = (0.0, 0.0),
    scale: Bounds = (1.0, 1.0),
    shear_x: Bounds = (0.0, 0.0),
    shear_y: Bounds = (0.0, 0.0),
) -> tuple[int, int]:
    """Height and width of a canvas on which images of ``size`` (H, W) lose no corner, whatever the spans give.

    The place of a corner is linear in the tangent of either shear, so that the extremes lie at the ends of their spans.
    """
    right = down = 0.0
    tangents = [[math.tan(math.radians(a)) for a in tilt] for tilt in (shear_x, shear_y)]
    for tx, ty, y in product(*tangents, (size[0] / 2, -size[0] / 2)):
        u, v = size[1] / 2 - tx * y, y - ty * (size[1] / 2 - tx * y)
        length = math.hypot(u, v) * scale[1]
        right = max(right, length * _largest_cosine(degrees, math.degrees(math.atan2(v, u))))
        down = max(down, length * _largest_cosine(degrees, math.degrees(math.atan2(-u, v))))
    right, down = right + max(map(abs, dx)), down + max(map(abs, dy))
    # The cosine of 90° is 6e-17 and not 0, which must not cost a row of pixels.
    return math.ceil(2 * down - 1e-4), math.ceil(2 * right - 1e-4)


def _largest_cosine(degrees: Bounds, phase: float) -> float:
    """The largest |cos(θ − phase)| for θ within the bounds."""
    low, high = degrees
    if phase + 180 * math.ceil((low - phase) / 180) <= high:
        return 1.0
    return max(abs(math.cos(math.radians(angle - phase))) for angle in degrees)


@dataclass(frozen=True)
class Perspective(Warp):
    """Seen from elsewhere: each corner moves inward by up to ``distortion`` times half the width and height."""

    distortion: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.distortion < 1:
            raise ValueError(f"distortion is {self.distortion}; expected a number from 0 to 1, 1 excluded")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``end`` (B, 4, 2), where the corner pixels go, and ``matrix`` (B, 3, 3): see ``homography``."""
        start = geometry.corners(images(x))
        inward = uniform((x.shape[0], 4, 2), 0, self.distortion, like=x, generator=generator)
        end = torch.lerp(start, start.mean(1, keepdim=True), inward)
        return {"end": end, "matrix": compose_homography(start, end)}


def elastic_field(
    x: Images, *, alpha: float = 34.0, sigma: float = 4.0, generator: Generator | None = None
) -> Float[Tensor, "b 2 h w"]:
    """Smooth random displacements: ``alpha`` times noise, uniform on [−1, 1], under a Gaussian of ``sigma`` pixels.

    The default suits pictures of about 30 pixels (Simard, Steinkraus and Platt, Best Practices for Convolutional
    Neural Networks Applied to Visual Document Analysis, 2003); displacements then measure about ``0.16 · alpha /
    sigma`` pixels.

    Raises:
        ValueError: if x isn't a batch of float images, or sigma is negative.
    """
    noise = uniform((images(x).shape[0], 2, *x.shape[2:]), -1, 1, like=x, generator=generator)
    return alpha * gaussian_blur(noise, sigma=sigma, fill="wrap")


@dataclass(frozen=True)
class Elastic(Warp):
    """Bent by smooth random displacements: see ``elastic_field``."""

    alpha: float = 34.0
    sigma: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha < 0 or self.sigma < 0:
            raise ValueError(f"alpha is {self.alpha} and sigma {self.sigma}; expected numbers not below 0")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``displacement`` (B, 2, H, W)."""
        return {"displacement": elastic_field(x, alpha=self.alpha, sigma=self.sigma, generator=generator)}

    def places(self, x: Tensor, params: Params) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """See ``elastic``."""
        return shift_grid(x, params["displacement"].to(x.device)), identity

    def points(self, points: Tensor, x: Tensor, params: Params) -> Tensor:
        """Where points go: the field says where pixels come from, so ``q = p − d(q)`` is solved by iteration.

        It converges where neighbouring displacements differ by less than a pixel, where the picture doesn't fold.
        """
        size = constant([x.shape[3], x.shape[2]], points)
        field, q = params["displacement"].to(points), points
        for _ in range(ELASTIC_STEPS):
            grid = ((2 * q + 1) / size - 1).mT[:, :, None, :]
            q = points - sample(field, grid, fill="edge")[:, :, 0].mT
        return q
