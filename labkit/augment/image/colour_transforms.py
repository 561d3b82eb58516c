"""Colour that draws. One number a as a factor stands for 1 ± a (not below 0), as in torchvision's ``ColorJitter``."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Span, probability, span_field
from labkit.augment.image import colour
from labkit.augment.image.transform import PhotometricTransform
from labkit.augment.transform import Params
from labkit.draws import chance, uniform
from labkit.shapes import images


@dataclass(frozen=True)
class Brightness(PhotometricTransform):
    """Brightness times a number from ``factor``."""

    factor: Span = span_field(0.4, around=1.0, low=0.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``brightness``."""
        return colour.brightness(x, factor=params["factor"])


@dataclass(frozen=True)
class Contrast(PhotometricTransform):
    """Contrast times a number from ``factor``."""

    factor: Span = span_field(0.4, around=1.0, low=0.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``contrast``."""
        return colour.contrast(x, factor=params["factor"])


@dataclass(frozen=True)
class Saturation(PhotometricTransform):
    """Saturation times a number from ``factor``."""

    factor: Span = span_field(0.4, around=1.0, low=0.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``saturation``."""
        return colour.saturation(x, factor=params["factor"])


@dataclass(frozen=True)
class Hue(PhotometricTransform):
    """The colour circle turned by a share from ``shift``: one number a is ±a."""

    shift: Span = span_field(0.1, low=-0.5, high=0.5)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``hue``."""
        return colour.hue(x, shift=params["shift"])


@dataclass(frozen=True)
class ColorJitter(PhotometricTransform):
    """Brightness, contrast, saturation and hue, in this order."""

    brightness: Span = span_field(0.4, around=1.0, low=0.0)
    contrast: Span = span_field(0.4, around=1.0, low=0.0)
    saturation: Span = span_field(0.4, around=1.0, low=0.0)
    hue: Span = span_field(0.1, low=-0.5, high=0.5)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``color_jitter``."""
        return colour.color_jitter(x, **params)


@dataclass(frozen=True)
class Grayscale(PhotometricTransform):
    """Without colour with probability ``p``."""

    p: float = 0.1

    def __post_init__(self) -> None:
        probability(self.p)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``gray`` (B,)."""
        return {"gray": chance(self.p, images(x), generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``grayscale``."""
        return colour.grayscale(x, gray=params["gray"])


@dataclass(frozen=True)
class Invert(PhotometricTransform):
    """The negative; nothing is drawn (``Sometimes(Invert(), p)`` does)."""

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``invert``."""
        return colour.invert(x)


@dataclass(frozen=True)
class Posterize(PhotometricTransform):
    """A whole number of bits kept, from ``bits`` (low, high), both included."""

    bits: tuple[int, int] = (3, 6)

    def __post_init__(self) -> None:
        if len(self.bits) != 2 or not 0 <= self.bits[0] <= self.bits[1] <= 8:
            raise ValueError(f"bits is {self.bits}; expected (low, high) in order, each from 0 to 8")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``bits`` (B,)."""
        low, high = self.bits
        bits = uniform((images(x).shape[0],), low, high + 1, like=x, generator=generator)
        return {"bits": torch.floor(bits).clamp(low, high)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``posterize``."""
        return colour.posterize(x, bits=params["bits"])


@dataclass(frozen=True)
class Solarize(PhotometricTransform):
    """Inverted above a threshold from ``threshold``."""

    threshold: tuple[float, float] = span_field((0.5, 1.0), around=None, low=0.0, high=1.0)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``solarize``."""
        return colour.solarize(x, threshold=params["threshold"])


@dataclass(frozen=True)
class Equalize(PhotometricTransform):
    """Histograms evened out; nothing is drawn (``Sometimes(Equalize(), p)`` does)."""

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``equalize``."""
        return colour.equalize(x)
