"""Intensity, as scanners differ in it: gamma, the bias field of a coil, and the noise of a magnitude image.

    gamma   z = (x − min x) / (max x − min x)        y = (z^γ − mean z^γ) / std z^γ · std x + mean x
    bias    y = x · exp( Σ_{i+j ≤ n} c_ij u^i v^j )         u, v ∈ [−1, 1] across and down, n = 3
    Rician  y = √( (x + σ n₁)² + (σ n₂)² ),  n₁, n₂ ~ N(0, 1)

min, max, mean and std are those of one channel of one picture. Gamma keeps the mean and the deviation: else it would
be a change of brightness, which the first layer of a network takes back. No result is cut off at [0, 1]: pictures of
a scanner have no largest value, and a clamp would throw away what is above it. The noise of a magnitude image is not
symmetric where there is nothing: air becomes brighter, √(π/2) σ on average.

Sources: F. Isensee and others, "nnU-Net" (2021), for gamma with γ from 0.7 to 1.5; K. Van Leemput and others,
"Automated Model-Based Bias Field Correction of MR Images of the Brain" (1999), for the polynomial; H. Gudbjartsson and
S. Patz, "The Rician Distribution of Noisy MRI Data" (1995).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Span, Value, per_item, span_field, values
from labkit.augment.image._blocks import in_blocks
from labkit.augment.image.transform import PhotometricTransform
from labkit.augment.transform import Params
from labkit.draws import normal, uniform, wide
from labkit.shapes import Float, Images, images, readable

ORDER = 3
"""The order of a bias field's polynomial, unless another is asked for."""

AT_ONCE = 2**18
"""How many values are worked on at once: four pictures of 256 × 256."""


def gamma(x: Images, *, gamma: Value) -> Images:
    """The power γ of each channel between its least and its largest value, with its mean and deviation kept.

    Below 1 dark tissue gains contrast, above 1 bright tissue. A channel of a single value stays as it is.

    Args:
        x: images (B, C, H, W) of any range.
        gamma: γ above 0, one number or one a sample (B,).

    Raises:
        ValueError: if x isn't a batch of float images, or a γ is not above 0.

    >>> x = torch.tensor([[[[0.0, 0.5, 1.0]]]])
    >>> y = gamma(x, gamma=2.0)
    >>> y, y.mean(), y.std()
    (tensor([[[[0.0997, 0.3399, 1.0604]]]]), tensor(0.5000), tensor(0.5000))
    """
    power = per_item(values(gamma, images(x), name="gamma", low=0, above=True), x)
    return in_blocks(_gamma, x, power, block=AT_ONCE)


def _gamma(x: Tensor, power: Tensor) -> Tensor:
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    flat = high == low
    width = torch.where(flat, 1, high - low)
    if torch.is_grad_enabled() and (x.requires_grad or power.requires_grad):
        mean = x.mean((2, 3), keepdim=True)
        # The slope of a power below 1 is infinite at 0: the least value passes no gradient on.
        z = ((x - low) / width).clamp(0, 1)
        z = torch.where(z > 0, torch.where(z > 0, z, 1) ** power, 0)
        z = z - z.mean((2, 3), keepdim=True)
        # The ratio of deviations, with the same denominator in both.
        spread = torch.where(flat, 1, z.square().sum((2, 3), keepdim=True))
        ratio = (torch.where(flat, 1, (x - mean).square().sum((2, 3), keepdim=True)) / spread).sqrt()
        return torch.where(flat, x, z * ratio + mean)
    z = (x - low).div_(width)
    mean = z.mean((2, 3), keepdim=True)
    of_x = torch.linalg.vector_norm(z - mean, dim=(2, 3), keepdim=True).mul_(width)
    z = _power(z, power)
    z.sub_(z.mean((2, 3), keepdim=True))
    of_z = torch.linalg.vector_norm(z, dim=(2, 3), keepdim=True)
    z.mul_(of_x / torch.where(flat, 1, of_z)).add_(mean.mul_(width).add_(low))
    return z if readable(flat) and not bool(flat.any()) else torch.where(flat, x, z)


def _power(z: Tensor, power: Tensor) -> Tensor:
    """``z ** power`` for z from 0 to 1, in place."""
    if z.device.type != "cpu" or z.dtype not in (torch.float32, torch.float64):
        return z.pow_(power)
    # Through logarithms it takes half the time, and is off by no more than a rounding of 1.
    return z.log2_().mul_(power).exp2_()


def bias_terms(order: int) -> list[tuple[int, int]]:
    """The powers (i, j) of u and v in a polynomial of this order, in the order of its coefficients.

    Raises:
        ValueError: if the order is negative.

    >>> bias_terms(1), len(bias_terms(3))
    ([(0, 0), (0, 1), (1, 0)], 10)
    """
    if order < 0:
        raise ValueError(f"order is {order}; expected a whole number not below 0")
    return [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]


def bias_field(x: Images, *, coefficients: Float[Tensor, "b n"]) -> Images:
    """The images times exp of a polynomial of the place: one side of the coil receives more signal.

    Args:
        x: images (B, C, H, W).
        coefficients: (B, N) with N = (n + 1)(n + 2)/2 for the order n: see ``bias_terms``. With all 0 nothing changes.

    Raises:
        ValueError: if x isn't a batch of float images, or there are no coefficients of a polynomial for each.

    >>> bias_field(torch.ones(1, 1, 1, 3), coefficients=torch.tensor([[0.0, 0.0, 0.5]]))
    tensor([[[[0.6065, 1.0000, 1.6487]]]])
    """
    b, _, h, w = images(x).shape
    count = coefficients.shape[-1] if coefficients.ndim == 2 else 0
    order = (math.isqrt(8 * count + 1) - 3) // 2
    if coefficients.shape != (b, (order + 1) * (order + 2) // 2) or count < 1:
        raise ValueError(
            f"coefficients have shape ({b}, N) with N one of 1, 3, 6, 10, …; these have {tuple(coefficients.shape)}"
        )
    c = coefficients.to(x.device, wide(x.dtype))
    u, v = (torch.linspace(-1, 1, n, dtype=c.dtype, device=x.device) if n > 1 else c.new_zeros(1) for n in (w, h))
    terms = torch.stack([v[:, None] ** j * u[None, :] ** i for i, j in bias_terms(order)])
    field = torch.einsum("bn,nhw->bhw", c, terms)
    return x * field.exp()[:, None].to(x.dtype)


def rician_noise(
    x: Images, *, sigma: Value, noise: Float[Tensor, "2 b c h w"] | None = None, generator: Generator | None = None
) -> Images:
    """The magnitude of the image with noise in both channels of the receiver.

    Args:
        x: images (B, C, H, W), none of whose values is negative.
        sigma: the deviation of the noise in each channel, one number or one a sample.
        noise: standard normal (2, B, C, H, W): drawn from ``generator`` if it is not given.

    Raises:
        ValueError: if x isn't a batch of float images, a sigma is negative, or the noise has another shape.

    >>> rician_noise(torch.full((1, 1, 1, 1), 0.3), sigma=0.1, noise=torch.tensor([0.0, 4.0]).view(2, 1, 1, 1, 1))
    tensor([[[[0.5000]]]])
    """
    s = per_item(values(sigma, images(x), name="sigma", low=0), x)
    n = normal((2, *x.shape), like=x, generator=generator) if noise is None else noise
    if n.shape != (2, *x.shape):
        raise ValueError(f"noise has shape (2, B, C, H, W), here {(2, *x.shape)}; this has shape {tuple(n.shape)}")
    return in_blocks(_rician, x, s, n.to(x).transpose(0, 1), block=AT_ONCE)


def _rician(x: Tensor, s: Tensor, n: Tensor) -> Tensor:
    return torch.hypot((s * n[:, 0]).add_(x), s * n[:, 1])


@dataclass(frozen=True)
class Gamma(PhotometricTransform):
    """The power γ of the values, mean and deviation kept: see ``gamma``. nnU-Net draws γ from 0.7 to 1.5."""

    gamma: Span = span_field((0.7, 1.5), around=1.0, low=1e-3)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``gamma``."""
        return gamma(x, gamma=params["gamma"])


@dataclass(frozen=True)
class BiasField(PhotometricTransform):
    """Brightness that changes smoothly over the picture: coefficients from ±``strength``, see ``bias_field``."""

    strength: float = 0.5
    order: int = ORDER

    def __post_init__(self) -> None:
        bias_terms(self.order)
        if not 0 <= self.strength < math.inf:
            raise ValueError(f"strength is {self.strength}; expected a number not below 0")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``coefficients`` (B, N)."""
        shape = (len(images(x)), len(bias_terms(self.order)))
        return {"coefficients": uniform(shape, -self.strength, self.strength, like=x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``bias_field``."""
        return bias_field(x, coefficients=params["coefficients"])


@dataclass(frozen=True)
class RicianNoise(PhotometricTransform):
    """The noise of a magnitude image, its deviation from ``sigma``: see ``rician_noise``."""

    sigma: Span = span_field((0.0, 0.05), low=0.0)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``sigma`` (B,) and ``noise`` (B, 2, C, H, W)."""
        params = super().make_params(x, generator=generator)
        return {**params, "noise": normal((len(x), 2, *x.shape[1:]), like=x, generator=generator)}

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``rician_noise``."""
        return rician_noise(x, sigma=params["sigma"], noise=params["noise"].movedim(1, 0))
