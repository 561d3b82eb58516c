"""Transforms that change values and leave time alone.

===============  =======================================  =====================================================
jitter           ``x + σ s n``, n ~ N(0, 1)               a noisier sensor; s is the channel's unit
scale            ``a x``                                  another gain, a stronger wearer
magnitude warp   ``x(t) a(t)``, a spline around 1         a gain that drifts
rotation         ``R x`` on each triple of channels       a sensor worn otherwise
dropped steps    ``0``, or the last value held            lost packets
dropped channel  ``0``                                    a broken wire
===============  =======================================  =====================================================

Series are (B, C, T). T. T. Um and others, *Data Augmentation of Wearable Sensor Data for Parkinson's Disease
Monitoring*, 2017 (arXiv 1706.00527), has all but the last two; B. K. Iwana and S. Uchida, *An Empirical Survey of Data
Augmentation for Time Series Classification*, 2021 (arXiv 2007.15951), compares them.
"""

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Value, member, per_item, values, within
from labkit.augment.series._args import Series, fitting, series
from labkit.augment.series.splines import spline
from labkit.draws import normal
from labkit.shapes import Bool, Float

FILLS = ("zero", "hold")


def channel_std(x: Series) -> Float[Tensor, " c"]:
    """The standard deviation of each channel over all items and steps, (C,): take it of the training set alone.

    A channel that never changes gets 1, so that nothing is divided by 0.

    Raises:
        ValueError: if x isn't a batch of series, or has fewer than two values a channel.

    >>> channel_std(torch.tensor([[[0.0, 2.0], [5.0, 5.0]]]))
    tensor([1.4142, 1.0000])
    """
    if series(x).shape[0] * x.shape[2] < 2:
        raise ValueError(f"a deviation needs two values a channel; the series have shape {tuple(x.shape)}")
    std = x.transpose(0, 1).flatten(1).std(1)
    return torch.where(std > 0, std, torch.ones_like(std))


def jitter(
    x: Series, *, sigma: Value, unit: Tensor | None = None, noise: Series | None = None,
    generator: Generator | None = None,
) -> Series:  # fmt: skip
    """``x + sigma · unit · noise``: other noise at each step and channel.

    Args:
        x: series (B, C, T).
        sigma: one number, or (B,): how strong, in units of ``unit``.
        unit: (C,), the size of each channel, as ``channel_std`` gives it; 1 where it is None, which is right for
            standardised series only: 0.03 g is little, and 0.03 of a channel that ranges over 0.01 drowns it.
        noise: (B, C, T), standard normal; drawn from ``generator`` where it is None.
        generator: where the noise comes from.

    Raises:
        ValueError: if x isn't a batch of series, a sigma is negative, or a shape doesn't fit.

    >>> x = torch.zeros(1, 2, 3)
    >>> jitter(x, sigma=0.5, unit=torch.tensor([1.0, 10.0]), noise=torch.ones(1, 2, 3))
    tensor([[[0.5000, 0.5000, 0.5000],
             [5.0000, 5.0000, 5.0000]]])
    """
    strength = per_item(values(sigma, series(x), name="sigma", low=0), x)
    if unit is not None:
        strength = strength * fitting(unit, (x.shape[1],), name="unit").to(x)[:, None]
    n = normal(x.shape, like=x, generator=generator) if noise is None else fitting(noise, x.shape, name="noise")
    return x + strength * n.to(x)


def scale(x: Series, *, factor: Value) -> Series:
    """``factor · x``: one factor, one an item (B,), or one an item and channel (B, C).

    Raises:
        ValueError: if x isn't a batch of series, or the factors don't fit or are not finite.

    >>> scale(torch.ones(2, 1, 2), factor=torch.tensor([2.0, 3.0]))
    tensor([[[2., 2.]],
    <BLANKLINE>
            [[3., 3.]]])
    """
    series(x)
    if isinstance(factor, Tensor) and factor.ndim == 2:
        within(factor, name="factor")
        return x * fitting(factor, x.shape[:2], name="factor").to(x)[..., None]
    return x * per_item(values(factor, x, name="factor"), x)


def magnitude_warp(x: Series, *, factors: Float[Tensor, "b k"]) -> Series:
    """``x(t) · a(t)``: the gain a follows a cubic spline through K factors spread over the series.

    Args:
        x: series (B, C, T), T ≥ 2.
        factors: (B, K), the gain at K moments from the first step to the last, usually near 1.

    Raises:
        ValueError: if x isn't a batch of series, or the factors don't fit.

    >>> magnitude_warp(torch.ones(1, 1, 5), factors=torch.tensor([[1.0, 2.0]]))
    tensor([[[1.0000, 1.2500, 1.5000, 1.7500, 2.0000]]])
    """
    t = series(x, steps=2).shape[2]
    if not isinstance(factors, Tensor) or factors.ndim != 2 or len(factors) != len(x):
        raise ValueError(
            f"factors are (B, K) with B = {len(x)}; these have shape {tuple(getattr(factors, 'shape', ()))}"
        )
    within(factors, name="factors")
    return x * spline(factors.to(x), steps=t)[:, None]


def rotation_matrix(rotation: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3 3"]:
    """Rotations (B, 3, 3) by the length of ``rotation`` (B, 3), in radians, about the axis it points along.

    >>> rotation_matrix(torch.tensor([[0.0, 0.0, torch.pi / 2]])).round()[0]
    tensor([[ 0., -1.,  0.],
            [ 1.,  0.,  0.],
            [ 0.,  0.,  1.]])
    """
    x, y, z = rotation.unbind(1)
    zero = torch.zeros_like(x)
    return torch.linalg.matrix_exp(torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3))


def rotate(x: Series, *, matrix: Float[Tensor, "b 3 3"]) -> Series:
    """Each triple of channels turned by its item's rotation: an accelerometer and a gyroscope in one case turn alike.

    Args:
        x: series (B, C, T), where C is a multiple of 3.
        matrix: (B, 3, 3), as ``rotation_matrix`` gives it.

    Raises:
        ValueError: if x isn't a batch of series, C is no multiple of 3, or the matrices don't fit.

    >>> turn = rotation_matrix(torch.tensor([[0.0, 0.0, torch.pi / 2]]))
    >>> rotate(torch.tensor([[[1.0], [0.0], [5.0]]]), matrix=turn).round()[0, :, 0]
    tensor([0., 1., 5.])
    """
    b, c, t = series(x).shape
    if c % 3:
        raise ValueError(f"a rotation turns triples of channels (x, y, z); these series have {c} channels")
    turn = fitting(matrix, (b, 3, 3), name="matrix").to(x)
    return (turn[:, None] @ x.reshape(b, c // 3, 3, t)).reshape(b, c, t)


def drop_steps(x: Series, *, drop: Bool[Tensor, "b t"], fill: str = "hold") -> Series:
    """Steps that never arrived, in all channels at once.

    Args:
        x: series (B, C, T).
        drop: (B, T), True where a step is lost.
        fill: ``"hold"`` repeats the last step that arrived (0 before the first); ``"zero"`` writes 0.

    Raises:
        ValueError: if x isn't a batch of series, ``drop`` doesn't fit, or the fill is unknown.

    >>> lost = torch.tensor([[False, True, True, False]])
    >>> drop_steps(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]), drop=lost)
    tensor([[[1., 1., 1., 4.]]])
    """
    member(fill, FILLS, name="fill")
    b, _, t = series(x).shape
    lost = _truth(drop, (b, t), name="drop")
    if fill == "zero":
        return x.masked_fill(lost[:, None], 0)
    steps = torch.arange(t, device=x.device)
    last = torch.where(lost, -1, steps).cummax(1).values
    held = x.gather(2, last.clamp(min=0)[:, None].expand_as(x))
    return held.masked_fill((last < 0)[:, None], 0)


def drop_channels(x: Series, *, drop: Bool[Tensor, "b c"]) -> Series:
    """Channels that are silent: 0 for the whole series. ``drop`` is (B, C), True where one is lost.

    Raises:
        ValueError: if x isn't a batch of series or ``drop`` doesn't fit.

    >>> drop_channels(torch.ones(1, 2, 2), drop=torch.tensor([[True, False]]))
    tensor([[[0., 0.],
             [1., 1.]]])
    """
    return x.masked_fill(_truth(drop, series(x).shape[:2], name="drop")[..., None], 0)


def _truth(value: Tensor, shape: tuple[int, ...], *, name: str) -> Tensor:
    if fitting(value, shape, name=name).dtype != torch.bool:
        raise ValueError(f"{name} is True where something is lost; this is {value.dtype}")
    return value
