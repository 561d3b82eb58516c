"""Geometry that draws: flips, maps of the plane, elastic bending."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
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
        if not self.expand:
            return size
        low, high = self.span("degrees")
        # Extremes lie at the ends of the span, where a side lies flat, or where a diagonal does.
        diagonals = [math.degrees(math.atan2(*pair)) for pair in (size, size[::-1])]
        still = [90 * k + a for k in range(-5, 6) for a in (0.0, *diagonals)]
        angles = [low, high, *(a for a in still if low < a < high)]
        return geometry.rotated_size(size, torch.tensor(angles, dtype=torch.float64))

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
    ``Shear``."""

    degrees: Span = span_field(15.0)
    dx: Span = span_field(0.0)
    dy: Span = span_field(0.0)
    scale: Span = span_field(0.1, around=1.0, low=1e-3)
    shear_x: Span = span_field(0.0, low=-STEEPEST, high=STEEPEST)
    shear_y: Span = span_field(0.0, low=-STEEPEST, high=STEEPEST)

    def matrix(self, x: Tensor, params: Params) -> Tensor:
        """See ``affine_matrix``."""
        return compose_affine(x, **params)


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
