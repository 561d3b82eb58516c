"""Kernels that draw: blurs and sharpening, their strength for each sample."""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from labkit.augment.arguments import Span, span_field
from labkit.augment.image import filters
from labkit.augment.image.transform import PhotometricTransform
from labkit.augment.transform import Params


@dataclass(frozen=True)
class GaussianBlur(PhotometricTransform):
    """A Gaussian blur of a number of pixels from ``sigma``."""

    sigma: tuple[float, float] = span_field((0.1, 2.0), low=0.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``gaussian_blur``; the kernel is large enough for the widest sigma of the span."""
        return filters.gaussian_blur(x, sigma=params["sigma"], kernel_size=2 * math.ceil(3 * self.sigma[1]) + 1)


@dataclass(frozen=True)
class MotionBlur(PhotometricTransform):
    """A straight stroke of a number of pixels from ``length``, in a direction from ``degrees``."""

    length: tuple[float, float] = span_field((1.0, 7.0), low=1.0)
    degrees: Span = span_field(90.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``motion_blur``; the kernel is large enough for the longest stroke of the span."""
        size = 2 * math.ceil((self.length[1] - 1) / 2) + 1
        return filters.motion_blur(x, **params, kernel_size=size)


@dataclass(frozen=True)
class Sharpen(PhotometricTransform):
    """Softened (below 1) or sharpened (above 1) by a number from ``factor``: one number a is 1 ± a."""

    factor: Span = span_field((0.0, 2.0), around=1.0, low=0.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``sharpen``."""
        return filters.sharpen(x, factor=params["factor"])


@dataclass(frozen=True)
class Emboss(PhotometricTransform):
    """A relief added, of a strength from ``strength``."""

    strength: tuple[float, float] = span_field((0.0, 1.0), low=0.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``emboss``."""
        return filters.emboss(x, strength=params["strength"])
