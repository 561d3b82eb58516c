"""Noise that draws: its strength for each sample, and the noise itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Generator, Tensor

from labkit.augment.image import noise as functions
from labkit.augment.image.transform import ImageTransform, Range
from labkit.augment.pipeline import Params, normal, uniform

STRENGTH = Range(low=0.0)
SHARE = Range(low=0.0, high=1.0)


@dataclass(frozen=True)
class GaussianNoise(ImageTransform):
    """Additive Gaussian noise with a standard deviation from ``sigma``."""

    sigma: tuple[float, float] = (0.0, 0.1)
    ranges: ClassVar[Mapping[str, Range]] = {"sigma": STRENGTH}

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``sigma`` (B,) and ``noise`` (B, C, H, W)."""
        return {**super().draw(x, generator=generator), "noise": normal(x.shape, like=x, generator=generator)}

    def apply(self, x: Any, *, sigma: Tensor, noise: Tensor) -> Tensor:
        """See ``add_gaussian_noise``."""
        return functions.add_gaussian_noise(x, sigma=sigma, noise=noise)


@dataclass(frozen=True)
class CauchyNoise(ImageTransform):
    """Additive Cauchy noise with a scale from ``gamma``."""

    gamma: tuple[float, float] = (0.0, 0.02)
    ranges: ClassVar[Mapping[str, Range]] = {"gamma": STRENGTH}

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``gamma`` (B,) and ``noise`` (B, C, H, W)."""
        params = super().draw(x, generator=generator)
        return {**params, "noise": functions.standard_cauchy(x, generator=generator)}

    def apply(self, x: Any, *, gamma: Tensor, noise: Tensor) -> Tensor:
        """See ``add_cauchy_noise``."""
        return functions.add_cauchy_noise(x, gamma=gamma, noise=noise)


@dataclass(frozen=True)
class Speckle(ImageTransform):
    """Multiplicative Gaussian noise with a standard deviation from ``sigma``."""

    sigma: tuple[float, float] = (0.0, 0.2)
    ranges: ClassVar[Mapping[str, Range]] = {"sigma": STRENGTH}

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``sigma`` (B,) and ``noise`` (B, C, H, W)."""
        return {**super().draw(x, generator=generator), "noise": normal(x.shape, like=x, generator=generator)}

    def apply(self, x: Any, *, sigma: Tensor, noise: Tensor) -> Tensor:
        """See ``speckle``."""
        return functions.speckle(x, sigma=sigma, noise=noise)


@dataclass(frozen=True)
class PoissonNoise(ImageTransform):
    """The noise of counted photons: at full light a number from ``peak`` of them."""

    peak: tuple[float, float] = (20.0, 200.0)
    ranges: ClassVar[Mapping[str, Range]] = {"peak": Range(low=1e-3)}

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``peak`` (B,) and ``counts`` (B, C, H, W), which depend on the images: replayed they bring those back."""
        params = super().draw(x, generator=generator)
        return {**params, "counts": functions.photon_counts(x, generator=generator, **params)}

    def apply(self, x: Any, *, peak: Tensor, counts: Tensor) -> Tensor:
        """See ``poisson_noise``."""
        return functions.poisson_noise(x, peak=peak, counts=counts)


@dataclass(frozen=True)
class SaltAndPepper(ImageTransform):
    """A share of the pixels from ``amount`` lost; a share ``salt`` of the lost turns white, the rest black."""

    amount: tuple[float, float] = (0.0, 0.1)
    salt: float = 0.5
    ranges: ClassVar[Mapping[str, Range]] = {"amount": SHARE}

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``amount`` (B,) and ``u`` (B, 1, H, W)."""
        params = super().draw(x, generator=generator)
        return {**params, "u": uniform((x.shape[0], 1, *x.shape[2:]), like=x, generator=generator)}

    def apply(self, x: Any, *, amount: Tensor, u: Tensor) -> Tensor:
        """See ``salt_and_pepper``."""
        return functions.salt_and_pepper(x, amount=amount, salt=self.salt, u=u)
