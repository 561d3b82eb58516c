"""Noise: what a sensor, a cable or a small number of photons adds to a picture.

=================  ==================================  ======================================
additive Gaussian  ``x + σ n``, n ~ N(0, 1)            electronics
additive Cauchy    ``x + γ n``, n ~ Cauchy(0, 1)       rare and very large errors
speckle            ``x (1 + σ n)``, n ~ N(0, 1)        coherent waves: radar, ultrasound
Poisson            ``k / λ``, k ~ Poisson(λ x)         counted photons, λ of them at full light
salt and pepper    0 or 1 at a share of the pixels     broken sensors and bits
=================  ==================================  ======================================

Results are clamped to [0, 1]. Each function takes its random numbers ready-made, or draws them from ``generator`` on
the generator's device; with the numbers given it is a plain function, differentiable in x and in its strength.
"""

import math

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Value, per_item, values
from labkit.draws import normal, uniform
from labkit.shapes import Float, Images, images


def add_gaussian_noise(
    x: Images, *, sigma: Value, noise: Images | None = None, generator: Generator | None = None
) -> Images:
    """``x + sigma · noise``, clamped; ``noise`` (B, C, H, W) is standard normal.

    Raises:
        ValueError: if x isn't a batch of float images, a sigma is negative, or the noise has another shape.
    """
    s = per_item(values(sigma, images(x), name="sigma", low=0), x)
    n = normal(x.shape, like=x, generator=generator) if noise is None else noise
    return torch.addcmul(x, _fitting(n, x), s).clamp_(0, 1)


def standard_cauchy(x: Images, *, generator: Generator | None = None) -> Images:
    """Standard Cauchy noise of ``x``'s shape, by its quantile function ``tan π(u − ½)``."""
    return torch.tan(math.pi * (uniform(x.shape, like=x, generator=generator) - 0.5))


def add_cauchy_noise(
    x: Images, *, gamma: Value, noise: Images | None = None, generator: Generator | None = None
) -> Images:
    """``x + gamma · noise``, clamped; ``noise`` (B, C, H, W) is standard Cauchy, which has neither mean nor variance.

    Raises:
        ValueError: if x isn't a batch of float images, a gamma is negative, or the noise has another shape.
    """
    s = per_item(values(gamma, images(x), name="gamma", low=0), x)
    n = standard_cauchy(x, generator=generator) if noise is None else noise
    return torch.addcmul(x, _fitting(n, x), s).clamp_(0, 1)


def speckle(x: Images, *, sigma: Value, noise: Images | None = None, generator: Generator | None = None) -> Images:
    """``x (1 + sigma · noise)``, clamped; ``noise`` (B, C, H, W) is standard normal: bright places suffer most.

    Raises:
        ValueError: if x isn't a batch of float images, a sigma is negative, or the noise has another shape.
    """
    s = per_item(values(sigma, images(x), name="sigma", low=0), x)
    n = normal(x.shape, like=x, generator=generator) if noise is None else noise
    return torch.addcmul(x, x * s, _fitting(n, x)).clamp_(0, 1)


def photon_counts(x: Images, *, peak: Value, generator: Generator | None = None) -> Images:
    """Counts (B, C, H, W) of photons, Poisson with mean ``peak · x``; zero where x is negative.

    Raises:
        ValueError: if x isn't a batch of float images, or a peak is not above 0.
    """
    rate = (images(x).detach() * per_item(values(peak, x, name="peak", low=0, above=True), x)).clamp_(min=0)
    device = generator.device if generator is not None else x.device
    return torch.poisson(rate.to(device), generator=generator).to(x.device)


def poisson_noise(
    x: Images, *, peak: Value, counts: Images | None = None, generator: Generator | None = None
) -> Images:
    """``counts / peak``, clamped, where the counts are Poisson with mean ``peak · x``: the fewer photons, the noisier.

    Not differentiable in x. Given ``counts`` replace the drawing, and with it any dependence on x.

    Raises:
        ValueError: if x isn't a batch of float images, a peak is not above 0, or the counts have another shape.
    """
    light = per_item(values(peak, images(x), name="peak", low=0, above=True), x)
    drawn = photon_counts(x, peak=peak, generator=generator) if counts is None else counts
    return (_fitting(drawn, x) / light).clamp_(0, 1)


def salt_and_pepper(
    x: Images,
    *,
    amount: Value,
    salt: Value = 0.5,
    u: Float[Tensor, "b 1 h w"] | None = None,
    generator: Generator | None = None,
) -> Images:
    """Each pixel is lost with probability ``amount``, all its channels at once.

    A share ``salt`` of the lost turns white, the rest black. ``u`` (B, 1, H, W) is uniform on [0, 1): pepper
    where it is below ``amount (1 − salt)``, salt where it is not below ``1 − amount · salt``.

    Raises:
        ValueError: if x isn't a batch of float images, a share is outside [0, 1], or u has another shape.
    """
    lost = values(amount, images(x), name="amount", low=0, high=1)
    white = lost * values(salt, x, name="salt", low=0, high=1)
    shape = (x.shape[0], 1, *x.shape[2:])
    drawn = uniform(shape, like=x, generator=generator) if u is None else u
    if drawn.shape != shape:
        raise ValueError(f"u has shape (B, 1, H, W), here {shape}; this has shape {tuple(drawn.shape)}")
    drawn = drawn.to(x.device)
    black = drawn < (lost - white)[:, None, None, None]
    return x.masked_fill(black, 0).masked_fill(drawn >= 1 - white[:, None, None, None], 1)


def _fitting(noise: Tensor, x: Tensor) -> Tensor:
    if noise.shape != x.shape:
        raise ValueError(f"noise has the images' shape, here {tuple(x.shape)}; this has shape {tuple(noise.shape)}")
    return noise.to(x)
