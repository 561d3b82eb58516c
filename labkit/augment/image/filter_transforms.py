"""Kernels that draw: blurs and sharpening, their strength for each sample."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from labkit.augment.image import filters
from labkit.augment.image._args import Span
from labkit.augment.image.transform import ImageTransform, Range


@dataclass(frozen=True)
class GaussianBlur(ImageTransform):
    """A Gaussian blur of a number of pixels from ``sigma``."""

    sigma: tuple[float, float] = (0.1, 2.0)
    ranges: ClassVar[Mapping[str, Range]] = {"sigma": Range(low=0.0)}

    def apply(self, x: Any, *, sigma: Tensor) -> Tensor:
        """See ``gaussian_blur``; the kernel is large enough for the widest sigma of the span."""
        return filters.gaussian_blur(x, sigma=sigma, kernel_size=2 * math.ceil(3 * self.sigma[1]) + 1)


@dataclass(frozen=True)
class MotionBlur(ImageTransform):
    """A straight stroke of a number of pixels from ``length``, in a direction from ``degrees``."""

    length: tuple[float, float] = (1.0, 7.0)
    degrees: Span = 90.0
    ranges: ClassVar[Mapping[str, Range]] = {"length": Range(low=1.0), "degrees": Range()}

    def apply(self, x: Any, *, length: Tensor, degrees: Tensor) -> Tensor:
        """See ``motion_blur``; the kernel is large enough for the longest stroke of the span."""
        size = 2 * math.ceil((self.length[1] - 1) / 2) + 1
        return filters.motion_blur(x, length=length, degrees=degrees, kernel_size=size)


@dataclass(frozen=True)
class Sharpen(ImageTransform):
    """Softened (below 1) or sharpened (above 1) by a number from ``factor``: one number a is 1 ± a."""

    factor: Span = (0.0, 2.0)
    ranges: ClassVar[Mapping[str, Range]] = {"factor": Range(around=1.0, low=0.0)}

    def apply(self, x: Any, *, factor: Tensor) -> Tensor:
        """See ``sharpen``."""
        return filters.sharpen(x, factor=factor)


@dataclass(frozen=True)
class Emboss(ImageTransform):
    """A relief added, of a strength from ``strength``."""

    strength: tuple[float, float] = (0.0, 1.0)
    ranges: ClassVar[Mapping[str, Range]] = {"strength": Range(low=0.0)}

    def apply(self, x: Any, *, strength: Tensor) -> Tensor:
        """See ``emboss``."""
        return filters.emboss(x, strength=strength)
