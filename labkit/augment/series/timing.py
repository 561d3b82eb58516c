"""Transforms of time: where each step of the result is read in the series.

Such a transform is a map of positions: step t of the result shows the series at ``p(t)``, between two steps by a
straight line. *One* map serves all channels of an item, so that axes of a sensor stay in step; a mask is read at the
nearest step, and an event at time s happens at ``p⁻¹(s)`` afterwards.

The time warp draws speeds ``v(t) > 0`` (the exponential of a spline) and sets

    p(t) = (T − 1) ∫₀ᵗ v / ∫₀ᵀ⁻¹ v,

which never turns back and keeps both ends. (The code published with the survey of Iwana and Uchida multiplies the
*places* of knots by noise and draws another map for each channel: time may run backwards, and axes fall out of step.)
Window slicing: A. Le Guennec and others, *Data Augmentation for Time Series Classification using CNNs*, 2016. The
others: Um and others, 2017 (arXiv 1706.00527).
"""

import torch
from torch import Tensor

from labkit.augment.arguments import Value, values, within
from labkit.augment.series._args import Series, series, whole
from labkit.augment.series.splines import spline
from labkit.draws import wide
from labkit.shapes import Float, Int

Positions = Float[Tensor, "b s"]
"""Where each step of the result is read, in steps of the series: 0 is the first, T − 1 the last."""


def interpolate(x: Series, *, positions: Positions) -> Float[Tensor, "b c s"]:
    """The series at positions between its steps, by straight lines: (B, C, T) and (B, S) → (B, C, S).

    Beyond the ends the first and the last value go on.

    Raises:
        ValueError: if x isn't a batch of series, or there isn't a row of positions for each.

    >>> interpolate(torch.tensor([[[0.0, 10.0, 30.0]]]), positions=torch.tensor([[0.5, 2.0, 9.0]]))
    tensor([[[ 5., 30., 30.]]])
    """
    b, c, t = series(x).shape
    if not isinstance(positions, Tensor) or positions.ndim != 2 or len(positions) != b:
        raise ValueError(f"positions are (B, S) with B = {b}; these are {tuple(getattr(positions, 'shape', ()))}")
    p = positions.to(x.device).clamp(0, t - 1)
    left = p.floor().clamp(max=max(t - 2, 0))
    # One flat index of 32 bits for both neighbours: two of 64 along an axis are slower and take more new memory.
    whole = torch.int32 if x.numel() < 2**31 else torch.int64
    rows = torch.arange(0, b * c * t, t, dtype=whole, device=x.device).view(b, c, 1)
    index, flat = (rows + left.to(whole)[:, None]).flatten(), x.flatten()
    a, b_ = (part.index_select(0, index).view(b, c, p.shape[1]) for part in (flat, flat[1:] if t > 1 else flat))
    return a.lerp_(b_, (p - left).to(x.dtype)[:, None].expand_as(a))  # in place: new memory costs more than the sum


def nearest(mask: Tensor, *, positions: Positions) -> Tensor:
    """A mask (B, T) or (B, K, T) of any dtype at the nearest step to each position; ties go to the later step.

    >>> nearest(torch.tensor([[1, 2, 3]]), positions=torch.tensor([[0.2, 0.5, 1.9]]))
    tensor([[1, 2, 3]])
    """
    index = (positions + 0.5).floor().long().clamp(0, mask.shape[-1] - 1)
    return mask.gather(-1, index if mask.ndim == 2 else index[:, None].expand(-1, mask.shape[1], -1))


def move_times(times: Float[Tensor, "b n"], *, positions: Positions) -> Float[Tensor, "b n"]:
    """When events at ``times`` (B, N) happen in the result: the inverse of an increasing map of positions.

    An event outside of what is shown gets a time before 0 or after the last step.

    >>> move_times(torch.tensor([[2.0, 5.0]]), positions=torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 4.]])
    """
    p = positions.to(times)
    if p.shape[1] < 2:
        return times - p
    right = torch.searchsorted(p.contiguous(), times.contiguous()).clamp(1, p.shape[1] - 1)
    low, high = p.gather(1, right - 1), p.gather(1, right)
    return right - 1 + (times - low) / (high - low)


def warp_positions(log_speed: Float[Tensor, "b k"], *, steps: int) -> Positions:
    """The positions p (B, T) of a time warp: increasing, from exactly 0 to exactly T − 1.

    Args:
        log_speed: (B, K), the logarithm of the speed at K moments from the first step to the last; all equal is no
            warp.
        steps: T.

    Raises:
        ValueError: if there are fewer than two knots or steps, or a number is not finite.

    >>> warp_positions(torch.tensor([[0.0, 0.0]]), steps=3)
    tensor([[0., 1., 2.]])
    """
    within(log_speed, name="log_speed")
    speed = spline(log_speed.to(wide(log_speed.dtype)), steps=steps)
    speed = (speed - speed.amax(1, keepdim=True)).exp()
    walked = torch.cumsum((speed[:, 1:] + speed[:, :-1]) / 2, 1)
    p = (steps - 1) * walked / walked[:, -1:]
    return torch.cat([torch.zeros_like(p[:, :1]), p], 1)


def time_warp(x: Series, *, log_speed: Float[Tensor, "b k"]) -> Series:
    """Time that runs faster here and slower there, alike for all channels; both ends stay where they are.

    Args:
        x: series (B, C, T), T ≥ 2.
        log_speed: (B, K), see ``warp_positions``.

    Raises:
        ValueError: if x isn't a batch of series or there isn't a row of speeds for each.

    >>> x = torch.arange(5.0).view(1, 1, 5)
    >>> time_warp(x, log_speed=torch.tensor([[1.0, -1.0]])).round(decimals=1)
    tensor([[[0.0000, 1.8000, 2.9000, 3.6000, 4.0000]]])
    """
    t = series(x, steps=2).shape[2]
    if not isinstance(log_speed, Tensor) or log_speed.ndim != 2 or len(log_speed) != len(x):
        raise ValueError(
            f"log_speed is (B, K) with B = {len(x)}; this is {tuple(getattr(log_speed, 'shape', ()))}: "
            "one map an item, which all its channels share"
        )
    return interpolate(x, positions=warp_positions(log_speed, steps=t))


def slice_positions(x: Series, *, start: Value, length: Value, size: int | None = None) -> Positions:
    """The positions of ``window_slice``: ``length`` steps from ``start``, spread over ``size`` steps."""
    t = series(x).shape[2]
    size = t if size is None else size
    if size < 1:
        raise ValueError(f"size is {size}; expected at least 1 step")
    long = values(length, x, name="length", low=1, high=t)
    begin = values(start, x, name="start", low=0, high=t - 1)
    if begin.device.type == "cpu" and bool((begin + long > t + 1e-4).any()):
        raise ValueError(f"a window ends at step {float((begin + long).max()):g}, and the series have {t}")
    return begin[:, None] + torch.linspace(0, 1, size, device=x.device, dtype=begin.dtype) * (long - 1)[:, None]


def window_slice(x: Series, *, start: Value, length: Value, size: int | None = None) -> Float[Tensor, "b c s"]:
    """The ``length`` steps from ``start``, stretched to ``size`` steps (to T, where that is None).

    Where ``size`` equals ``length`` it is a crop. Stretching slows everything down: a cadence comes out lower.

    Raises:
        ValueError: if x isn't a batch of series, or a window reaches beyond the series.

    >>> window_slice(torch.arange(6.0).view(1, 1, 6), start=2, length=3, size=3)
    tensor([[[2., 3., 4.]]])
    """
    return interpolate(x, positions=slice_positions(x, start=start, length=length, size=size))


def window_warp_positions(x: Series, *, start: Value, length: Value, factor: Value) -> Positions:
    """The positions of ``window_warp``."""
    t = series(x, steps=2).shape[2]
    begin = values(start, x, name="start", low=0, high=t - 1)
    end = (begin + values(length, x, name="length", low=0, high=t)).clamp(max=t - 1)
    stretch = values(factor, x, name="factor", low=0, above=True)
    zero, last = torch.zeros_like(begin), torch.full_like(begin, t - 1)
    old = torch.stack([zero, begin, end, last], 1)
    lasts = torch.stack([begin, (end - begin) * stretch, last - end], 1)
    new = torch.cat([zero[:, None], lasts.cumsum(1)], 1)
    new = new * (t - 1) / new[:, -1:]
    at = torch.arange(t, device=x.device, dtype=new.dtype).expand(len(x), t)
    right = torch.searchsorted(new.contiguous(), at.contiguous()).clamp(1, 3)
    low, high = new.gather(1, right - 1), new.gather(1, right)
    share = (at - low) / (high - low).clamp(min=torch.finfo(new.dtype).tiny)
    return torch.lerp(old.gather(1, right - 1), old.gather(1, right), share.clamp(0, 1))


def window_warp(x: Series, *, start: Value, length: Value, factor: Value) -> Series:
    """A window lasts ``factor`` times as long as before; the whole is then fitted to T steps again.

    Raises:
        ValueError: if x isn't a batch of series, or a window or factor is out of range.

    >>> window_warp(torch.arange(5.0).view(1, 1, 5), start=0, length=2, factor=3.0).round(decimals=2)
    tensor([[[0.0000, 0.6700, 1.3300, 2.0000, 4.0000]]])
    """
    return interpolate(x, positions=window_warp_positions(x, start=start, length=length, factor=factor))


def roll_index(x: Series, *, steps: int | Tensor) -> Int[Tensor, "b t"]:
    """Which step of the series each step of ``roll`` shows."""
    t = series(x).shape[2]
    by = whole(steps, x, name="steps", low=-t, high=t)
    return (torch.arange(t, device=x.device) - by[:, None]) % t


def roll(x: Series, *, steps: int | Tensor) -> Series:
    """The series turned in a circle: what leaves at the end comes in at the beginning. The times of events are lost.

    Raises:
        ValueError: if x isn't a batch of series, or the steps are not whole or more than T.

    >>> roll(torch.arange(4.0).view(1, 1, 4), steps=1)
    tensor([[[3., 0., 1., 2.]]])
    """
    return x.gather(2, roll_index(x, steps=steps)[:, None].expand_as(x))


def permute_index(x: Series, *, order: Int[Tensor, "b k"]) -> Int[Tensor, "b t"]:
    """Which step of the series each step of ``permute`` shows."""
    b, _, t = series(x).shape
    if not isinstance(order, Tensor) or order.ndim != 2 or len(order) != b or not 1 <= order.shape[1] <= t:
        raise ValueError(f"order is (B, K) with B = {b} and K up to {t}; this is {tuple(getattr(order, 'shape', ()))}")
    k = order.shape[1]
    if order.device.type == "cpu" and not bool((order.sort(1).values == torch.arange(k)).all()):
        raise ValueError(f"each row of order holds 0 to {k - 1} once; these rows don't: {order.tolist()!r:.60}")
    edges = (torch.arange(k + 1, device=x.device) * t) // k
    begin, lasts = edges[:-1][order], (edges[1:] - edges[:-1])[order]
    ends = lasts.cumsum(1)
    at = torch.arange(t, device=x.device).expand(b, t)
    which = torch.searchsorted(ends, at.contiguous(), right=True)
    return begin.gather(1, which) + at - (ends - lasts).gather(1, which)


def permute(x: Series, *, order: Int[Tensor, "b k"]) -> Series:
    """The series cut into K pieces of (almost) equal length, which are put together in another order.

    Raises:
        ValueError: if x isn't a batch of series, or a row of ``order`` isn't a permutation of 0 … K − 1.

    >>> permute(torch.arange(6.0).view(1, 1, 6), order=torch.tensor([[2, 0, 1]]))
    tensor([[[4., 5., 0., 1., 2., 3.]]])
    """
    return x.gather(2, permute_index(x, order=order)[:, None].expand_as(x))


def move_times_by_index(times: Float[Tensor, "b n"], *, index: Int[Tensor, "b t"]) -> Float[Tensor, "b n"]:
    """When events at ``times`` (B, N) happen after a shuffle of steps that ``index`` (B, T) describes.

    >>> move_times_by_index(torch.tensor([[0.0, 2.25]]), index=torch.tensor([[2, 0, 1]]))
    tensor([[1.0000, 0.2500]])
    """
    step = times.round().long().clamp(0, index.shape[1] - 1)
    return index.argsort(1).gather(1, step) + (times - step)
