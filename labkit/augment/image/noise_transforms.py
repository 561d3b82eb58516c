"""Noise that draws: its strength for each sample, and the noise itself."""

from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor

from labkit.augment.arguments import span_field
from labkit.augment.image import noise as functions
from labkit.augment.image.transform import PhotometricTransform
from labkit.augment.transform import Params
from labkit.draws import normal, uniform


@dataclass(frozen=True)
class GaussianNoise(PhotometricTransform):
    """Additive Gaussian noise with a standard deviation from ``sigma``."""

    sigma: tuple[float, float] = span_field((0.0, 0.1), low=0.0)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``sigma`` (B,) and ``noise`` (B, C, H, W)."""
        return {**super().make_params(x, generator=generator), "noise": normal(x.shape, like=x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``add_gaussian_noise``."""
        return functions.add_gaussian_noise(x, **params)


@dataclass(frozen=True)
class CauchyNoise(PhotometricTransform):
    """Additive Cauchy noise with a scale from ``gamma``."""

    gamma: tuple[float, float] = span_field((0.0, 0.02), low=0.0)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``gamma`` (B,) and ``noise`` (B, C, H, W)."""
        params = super().make_params(x, generator=generator)
        return {**params, "noise": functions.standard_cauchy(x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``add_cauchy_noise``."""
        return functions.add_cauchy_noise(x, **params)


@dataclass(frozen=True)
class Speckle(PhotometricTransform):
    """Multiplicative Gaussian noise with a standard deviation from ``sigma``."""

    sigma: tuple[float, float] = span_field((0.0, 0.2), low=0.0)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``sigma`` (B,) and ``noise`` (B, C, H, W)."""
        return {**super().make_params(x, generator=generator), "noise": normal(x.shape, like=x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``speckle``."""
        return functions.speckle(x, **params)


@dataclass(frozen=True)
class PoissonNoise(PhotometricTransform):
    """The noise of counted photons: at full light a number from ``peak`` of them."""

    peak: tuple[float, float] = span_field((20.0, 200.0), low=1e-3)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``peak`` (B,) and ``counts`` (B, C, H, W), which depend on the images: replayed they bring those back."""
        params = super().make_params(x, generator=generator)
        return {**params, "counts": functions.photon_counts(x, generator=generator, **params)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``poisson_noise``."""
        return functions.poisson_noise(x, **params)


@dataclass(frozen=True)
class SaltAndPepper(PhotometricTransform):
    """A share of the pixels from ``amount`` lost; a share ``salt`` of the lost turns white, the rest black."""

    amount: tuple[float, float] = span_field((0.0, 0.1), low=0.0, high=1.0)
    salt: float = 0.5

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``amount`` (B,) and ``u`` (B, 1, H, W)."""
        params = super().make_params(x, generator=generator)
        return {**params, "u": uniform((x.shape[0], 1, *x.shape[2:]), like=x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``salt_and_pepper``."""
        return functions.salt_and_pepper(x, **params, salt=self.salt)
