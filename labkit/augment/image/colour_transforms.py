"""Colour that draws. One number a as a factor stands for 1 ± a (not below 0), as in torchvision's ``ColorJitter``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from labkit.augment.image import colour
from labkit.augment.image._args import Span
from labkit.augment.image.transform import ImageTransform, Range, chance, draw_one, probability
from labkit.augment.pipeline import Params
from labkit.shapes import images

FACTOR = Range(around=1.0, low=0.0)
TURN = Range(low=-0.5, high=0.5)


@dataclass(frozen=True)
class Brightness(ImageTransform):
    """Brightness times a number from ``factor``."""

    factor: Span = 0.4
    ranges: ClassVar[Mapping[str, Range]] = {"factor": FACTOR}

    def apply(self, x: Any, *, factor: Tensor) -> Tensor:
        """See ``brightness``."""
        return colour.brightness(x, factor=factor)


@dataclass(frozen=True)
class Contrast(ImageTransform):
    """Contrast times a number from ``factor``."""

    factor: Span = 0.4
    ranges: ClassVar[Mapping[str, Range]] = {"factor": FACTOR}

    def apply(self, x: Any, *, factor: Tensor) -> Tensor:
        """See ``contrast``."""
        return colour.contrast(x, factor=factor)


@dataclass(frozen=True)
class Saturation(ImageTransform):
    """Saturation times a number from ``factor``."""

    factor: Span = 0.4
    ranges: ClassVar[Mapping[str, Range]] = {"factor": FACTOR}

    def apply(self, x: Any, *, factor: Tensor) -> Tensor:
        """See ``saturation``."""
        return colour.saturation(x, factor=factor)


@dataclass(frozen=True)
class Hue(ImageTransform):
    """The colour circle turned by a share from ``shift``: one number a is ±a."""

    shift: Span = 0.1
    ranges: ClassVar[Mapping[str, Range]] = {"shift": TURN}

    def apply(self, x: Any, *, shift: Tensor) -> Tensor:
        """See ``hue``."""
        return colour.hue(x, shift=shift)


@dataclass(frozen=True)
class ColorJitter(ImageTransform):
    """Brightness, contrast, saturation and hue, in this order."""

    brightness: Span = 0.4
    contrast: Span = 0.4
    saturation: Span = 0.4
    hue: Span = 0.1
    ranges: ClassVar[Mapping[str, Range]] = {
        "brightness": FACTOR,
        "contrast": FACTOR,
        "saturation": FACTOR,
        "hue": TURN,
    }

    def apply(self, x: Any, **params: Tensor) -> Tensor:
        """See ``color_jitter``."""
        return colour.color_jitter(x, **params)


@dataclass(frozen=True)
class Grayscale(ImageTransform):
    """Without colour with probability ``p``."""

    p: float = 0.1

    def __post_init__(self) -> None:
        probability(self.p)

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``gray`` (B,)."""
        return {"gray": chance(images(x), self.p, generator=generator)}

    def apply(self, x: Any, *, gray: Tensor) -> Tensor:
        """See ``grayscale``."""
        return colour.grayscale(x, gray=gray)


@dataclass(frozen=True)
class Invert(ImageTransform):
    """The negative; nothing is drawn (``Sometimes(Invert(), p)`` does)."""

    def apply(self, x: Any) -> Tensor:
        """See ``invert``."""
        return colour.invert(x)


@dataclass(frozen=True)
class Posterize(ImageTransform):
    """A whole number of bits kept, from ``bits`` (low, high), both included."""

    bits: tuple[int, int] = (3, 6)

    def __post_init__(self) -> None:
        if len(self.bits) != 2 or not 0 <= self.bits[0] <= self.bits[1] <= 8:
            raise ValueError(f"bits is {self.bits}; expected (low, high) in order, each from 0 to 8")

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``bits`` (B,)."""
        low, high = self.bits
        drawn = draw_one(images(x), low, high + 1, generator=generator)
        return {"bits": torch.floor(drawn).clamp(low, high)}

    def apply(self, x: Any, *, bits: Tensor) -> Tensor:
        """See ``posterize``."""
        return colour.posterize(x, bits=bits)


@dataclass(frozen=True)
class Solarize(ImageTransform):
    """Inverted above a threshold from ``threshold``."""

    threshold: tuple[float, float] = (0.5, 1.0)
    ranges: ClassVar[Mapping[str, Range]] = {"threshold": Range(low=0.0, high=1.0)}

    def apply(self, x: Any, *, threshold: Tensor) -> Tensor:
        """See ``solarize``."""
        return colour.solarize(x, threshold=threshold)


@dataclass(frozen=True)
class Equalize(ImageTransform):
    """Histograms evened out; nothing is drawn (``Sometimes(Equalize(), p)`` does)."""

    def apply(self, x: Any) -> Tensor:
        """See ``equalize``."""
        return colour.equalize(x)
