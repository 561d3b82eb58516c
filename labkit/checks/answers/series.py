"""Topic ``series``: what is right in exercise 08, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from labkit.augment import series
from labkit.checks.bank import mistake, mistakes, reference

# ── jitter ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("series.jitter", instead_of=(series.jitter, series.Jitter.apply))
def jitter(x: Tensor, sigma: Tensor, unit: Tensor, noise: Tensor) -> Tensor:
    """Noise of sigma units of each channel: (B, C, T), (B,), (C,), (B, C, T) → (B, C, T)."""
    return series.jitter(x, sigma=sigma, unit=unit, noise=noise)


mistakes(
    "series.jitter",
    {
        "sigma is in units of each channel: multiply the noise by `unit` too": (
            lambda x, sigma, unit, noise: x + sigma.view(-1, 1, 1) * noise
        ),
        "sigma is missing: multiply the noise by it": lambda x, sigma, unit, noise: x + unit.view(1, -1, 1) * noise,
        "the noise is divided by the unit: multiply, so that a large channel gets large noise": (
            lambda x, sigma, unit, noise: x + sigma.view(-1, 1, 1) * noise / unit.view(1, -1, 1)
        ),
        "`unit` has one number a channel, the second dimension of (B, C, T); this one goes along the steps: "
        "`unit[:, None]`": (lambda x, sigma, unit, noise: x + sigma.view(-1, 1, 1) * unit * noise),
        "`sigma` has one number a series, the first dimension of (B, C, T); this one goes along the steps: "
        "`sigma[:, None, None]`": (lambda x, sigma, unit, noise: x + sigma * unit[:, None] * noise),
        "`sigma` and `unit` go along the steps: `sigma[:, None, None] * unit[:, None]` goes with (B, C, T)": (
            lambda x, sigma, unit, noise: x + sigma * unit * noise
        ),
        "the two are exchanged: `sigma` has one number a series, `unit` one a channel": (
            lambda x, sigma, unit, noise: x + sigma[:, None] * unit[:, None, None] * noise
        ),
        "it returns the noise alone: add it to `x`": (
            lambda x, sigma, unit, noise: sigma.view(-1, 1, 1) * unit.view(1, -1, 1) * noise
        ),
        "the noise multiplies the series: add it": (
            lambda x, sigma, unit, noise: x * (1 + sigma.view(-1, 1, 1) * unit.view(1, -1, 1) * noise)
        ),
        "sigma is squared: it is a deviation, not a variance": (
            lambda x, sigma, unit, noise: x + (sigma**2).view(-1, 1, 1) * unit.view(1, -1, 1) * noise
        ),
        "sigma and unit are taken under a root: they are deviations, not variances": (
            lambda x, sigma, unit, noise: x + sigma.sqrt().view(-1, 1, 1) * unit.sqrt().view(1, -1, 1) * noise
        ),
        "all series get the first sigma: each has its own": (
            lambda x, sigma, unit, noise: x + sigma[0] * unit.view(1, -1, 1) * noise
        ),
        "all series get the mean sigma: each has its own": (
            lambda x, sigma, unit, noise: x + sigma.mean() * unit.view(1, -1, 1) * noise
        ),
        "all channels get the same noise: use all of `noise`": (
            lambda x, sigma, unit, noise: x + sigma.view(-1, 1, 1) * unit.view(1, -1, 1) * noise.mean(1, keepdim=True)
        ),
        "sigma and unit are added: multiply them": (
            lambda x, sigma, unit, noise: x + (sigma.view(-1, 1, 1) + unit.view(1, -1, 1)) * noise
        ),
        "the noise grows with the value of the series: its size is sigma units of the channel everywhere": (
            lambda x, sigma, unit, noise: x + sigma.view(-1, 1, 1) * x.abs() * noise,
            lambda x, sigma, unit, noise: x * (1 + sigma.view(-1, 1, 1) * noise),
        ),
        "all channels get the first channel's noise: use all of `noise`": (
            lambda x, sigma, unit, noise: x + sigma.view(-1, 1, 1) * unit.view(1, -1, 1) * noise[:, :1]
        ),
        "a sign is wrong: add the noise": (
            lambda x, sigma, unit, noise: x - sigma.view(-1, 1, 1) * unit.view(1, -1, 1) * noise
        ),
        "the unit is computed from `x`: use the one that is given, which comes from the training set": (
            lambda x, sigma, unit, noise: x + sigma.view(-1, 1, 1) * x.std(2, keepdim=True) * noise,
            lambda x, sigma, unit, noise: x + sigma.view(-1, 1, 1) * x.std((0, 2), keepdim=True) * noise,
        ),
    },
)


# ── warp_positions ────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("series.warp_positions", instead_of=(series.warp_positions, series.time_warp))
def warp_positions(speed: Tensor) -> Tensor:
    """The map of time of speeds (B, T) by the trapezoid rule, from 0 to T − 1: (B, T)."""
    return fitted(between(speed))


def between(speed: Tensor) -> Tensor:
    """How far time has gone at each step, from 0."""
    walked = ((speed[:, 1:] + speed[:, :-1]) / 2).cumsum(1)
    return F.pad(walked, (1, 0))


def fitted(walked: Tensor) -> Tensor:
    """The same from 0 to T − 1."""
    return (walked.shape[1] - 1) * walked / walked[:, -1:]


mistakes(
    "series.warp_positions",
    {
        "the last position is not T − 1: divide by the whole way, and multiply by T − 1": (
            between,
            lambda v: between(v) / between(v)[:, -1:],
        ),
        "it ends at T: the last step of T steps is T − 1": lambda v: v.shape[1] * between(v) / between(v)[:, -1:],
        "the first position is not 0: the way begins at 0, before any speed is added": (
            lambda v: (v.shape[1] - 1) * v.cumsum(1) / v.sum(1, keepdim=True),
            lambda v: v.shape[1] * v.cumsum(1) / v.sum(1, keepdim=True),
            lambda v: v.cumsum(1),
        ),
        "it adds the speed at the beginning of each step: the trapezoid rule takes the mean of both ends": (
            lambda v: fitted(F.pad(v[:, :-1].cumsum(1), (1, 0)))
        ),
        "it adds the speed at the end of each step: the trapezoid rule takes the mean of both ends": (
            lambda v: fitted(F.pad(v[:, 1:].cumsum(1), (1, 0)))
        ),
        "the speeds are divided by their mean and summed, which ends near T − 1, not at it: divide by the whole way": (
            lambda v: (v / v.mean(1, keepdim=True)).cumsum(1) - (v / v.mean(1, keepdim=True))[:, :1],
            lambda v: between(v / v.mean(1, keepdim=True)),
        ),
        "the speeds are sorted, which loses where time is fast and where slow: sum them up": (
            lambda v: v.sort(1).values,
            lambda v: v.sort(1).values * (v.shape[1] - 1),
            lambda v: (v.shape[1] - 1) * v.sort(1).values / v.amax(1, keepdim=True),
        ),
        "the softmax is taken of the speeds: they are positive already, so divide by their sum alone": (
            lambda v: v.softmax(1).cumsum(1) * (v.shape[1] - 1),
        ),
        "each step takes the geometric mean of both speeds: the trapezoid rule takes half their sum": (
            lambda v: fitted(F.pad((v[:, 1:] * v[:, :-1]).sqrt().cumsum(1), (1, 0)))
        ),
        "the whole way is taken over the batch: each series has its own": (
            lambda v: (v.shape[1] - 1) * between(v) / between(v)[:, -1].sum(),
            lambda v: (v.shape[1] - 1) * between(v) / between(v).amax(),
            lambda v: (v.shape[1] - 1) * between(v) / between(v)[:, -1].mean(),
        ),
        "the speeds are summed over the batch: sum along the steps, dimension 1": (
            lambda v: fitted(F.pad(((v[:, 1:] + v[:, :-1]) / 2).cumsum(0), (1, 0)))
        ),
        "the way is divided by speeds: time that runs fast goes far in one step, so multiply": (
            lambda v: fitted(between(1 / v))
        ),
        "the speeds are taken as they are, not added up: positions are the way, the sum of speeds": (
            lambda v: (v.shape[1] - 1) * v / v[:, -1:],
            lambda v: v,
        ),
        "it is squeezed from its smallest to its largest speed: positions are the way, the sum of speeds": (
            lambda v: (
                (v.shape[1] - 1) * (v - v.amin(1, keepdim=True)) / (v.amax(1, keepdim=True) - v.amin(1, keepdim=True))
            )
        ),
        "it runs backwards: the first position is 0, the last T − 1": lambda v: fitted(between(v)).flip(1),
        "it is no warp: the speeds are not used": (
            lambda v: torch.arange(v.shape[1], dtype=v.dtype).expand_as(v).clone()
        ),
        "the exponential is taken once more: the speeds are positive already": lambda v: fitted(between(v.exp())),
        "positions are rounded: they may lie between two steps": (
            lambda v: fitted(between(v)).round(),
            lambda v: fitted(between(v)).floor(),
        ),
        "one position too few: begin with 0": lambda v: (v.shape[1] - 1) * between(v)[:, 1:] / between(v)[:, -1:],
    },
)


# ── window_slice ──────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "series.window_slice",
    instead_of=(series.window_slice, series.interpolate, series.nearest, series.WindowSlice.apply),
)
def window_slice(x: Tensor, mask: Tensor, start: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The window stretched to T steps by straight lines, and the mask at the nearest steps."""
    return read(x, mask, start[:, None] + steps(x) * (length - 1) / (x.shape[2] - 1))


def steps(x: Tensor) -> Tensor:
    """0 … T − 1, as exact numbers."""
    return torch.arange(x.shape[2], dtype=torch.float64)


def read(x: Tensor, mask: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Series and mask at positions (B, T)."""
    return line(x, p), at(mask[:, None], p.round())[:, 0]


def at(x: Tensor, p: Tensor) -> Tensor:
    """The values (B, C, T) at whole positions."""
    index = p.long().clamp(0, x.shape[2] - 1)[:, None]
    return x.gather(2, index.expand(-1, x.shape[1], -1))


def line(x: Tensor, p: Tensor) -> Tensor:
    """The values at positions, by straight lines."""
    share = (p - p.floor()).to(x.dtype)[:, None]
    return (1 - share) * at(x, p.floor()) + share * at(x, p.floor() + 1)


def sliced(place: Callable[..., Tensor]) -> Callable[..., Any]:
    """An answer that reads at other positions: ``place`` of the steps 0 … T − 1, the start, the length and T."""

    def answer(x, mask, start, length):
        return read(x, mask, place(steps(x), start[:, None], length, x.shape[2]).expand(len(x), -1))

    return answer


mistakes(
    "series.window_slice",
    {
        "the last step of the window is missed: step T − 1 shows position start + length − 1": (
            lambda t, start, length, T: start + t * length / T,
            lambda t, start, length, T: start + t * (length - 1) / T,
        ),
        "it reads one step beyond the window: the last is start + length − 1": (
            lambda t, start, length, T: start + t * length / (T - 1)
        ),
        "the window is shifted, not stretched: `length` steps fill all T": lambda t, start, length, T: start + t,
        "all windows begin at the first one's start: each series has its own": (
            lambda t, start, length, T: start[:1] + t * (length - 1) / (T - 1)
        ),
        "every window begins at 0: add `start`": lambda t, start, length, T: t * (length - 1) / (T - 1) + 0 * start,
        "the stretch is the wrong way round: divide by T − 1, multiply by length − 1": (
            lambda t, start, length, T: start + t * (T - 1) / max(length - 1, 1)
        ),
        "the window is mirrored: step 0 shows `start`": (
            lambda t, start, length, T: start + (T - 1 - t) * (length - 1) / (T - 1)
        ),
        "it reads between the centres of wide steps: step 0 shows exactly `start`, step T − 1 exactly the last": (
            lambda t, start, length, T: start + ((t + 0.5) * length / T - 0.5).clamp(0, length - 1)
        ),
    },
    of=sliced,
)


def inside_of(x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Whether a step lies in the window, for series and mask."""
    inside = (steps(x) >= p[:, :1]) & (steps(x) <= p[:, -1:] + 1e-9)
    return inside[:, None], inside


def joined(combine: Callable[..., Any]) -> Callable[..., Any]:
    """An answer whose positions are right, and which makes something else of them."""

    def answer(x, mask, start, length):
        return combine(x, mask, start[:, None] + steps(x) * (length - 1) / (x.shape[2] - 1))

    return answer


mistakes(
    "series.window_slice",
    {
        "the mask stays behind: it must be read at the same positions": lambda x, mask, p: (line(x, p), mask),
        "the mask is read at the step before each position: take the nearest": (
            lambda x, mask, p: (line(x, p), at(mask[:, None], p.floor())[:, 0])
        ),
        "the mask is read at the step after each position: take the nearest": (
            lambda x, mask, p: (line(x, p), at(mask[:, None], p.ceil())[:, 0])
        ),
        "values are taken from the nearest step: read them off the straight line between two": (
            lambda x, mask, p: (at(x, p.round()), at(mask[:, None], p.round())[:, 0])
        ),
        "values are taken from the step before: read them off the straight line between two": (
            lambda x, mask, p: (at(x, p.floor()), at(mask[:, None], p.round())[:, 0]),
            lambda x, mask, p: (at(x, p.floor()), at(mask[:, None], p.floor())[:, 0]),
        ),
        "the two neighbours are exchanged: at share s between them the value is (1 − s) left + s right": (
            lambda x, mask, p: (line(x, p.floor() + (p.floor() + 1 - p)), at(mask[:, None], p.round())[:, 0])
        ),
        'the mask is read at floor(t · length / T), as `mode="nearest"` does: read it at the nearest step to each '
        "position": (
            lambda x, mask, p: (
                line(x, p),
                at(mask[:, None], p[:, :1] + torch.floor(steps(x) * ((p[:, -1:] - p[:, :1]).round() + 1) / x.shape[2]))[
                    :, 0
                ],
            )
        ),
        "what lies outside of the window is set to 0, and nothing is stretched": (
            lambda x, mask, p: tuple(v * w for v, w in zip((x, mask), inside_of(x, p)))
        ),
        "only the first channel is shown: all channels share the positions": (
            lambda x, mask, p: (line(x, p)[:, :1].expand_as(x).clone(), at(mask[:, None], p.round())[:, 0])
        ),
        "the two results are exchanged: first the series, then the mask": lambda x, mask, p: read(x, mask, p)[::-1],
        "the mask is a mixture of neighbouring labels, cut to whole numbers: take the nearest step's label": (
            lambda x, mask, p: (line(x, p), line(mask[:, None].double(), p)[:, 0].to(mask.dtype))
        ),
    },
    of=joined,
)


@mistake(
    "series.window_slice",
    says="has the wrong dtype",
)
def mixes_labels(x, mask, start, length):
    p = start[:, None] + steps(x) * (length - 1) / (x.shape[2] - 1)
    return line(x, p), line(mask[:, None].to(x.dtype), p)[:, 0]


@mistake("series.window_slice", says="wrong length")
def crops(x, mask, start, length):
    rows = [slice(int(s), int(s) + length) for s in start]
    return torch.stack([a[:, r] for a, r in zip(x, rows)]), torch.stack([m[r] for m, r in zip(mask, rows)])


# ── decimate ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("series.decimate", instead_of=(series.resample,))
def decimate(x: Tensor, factor: int, kernel: Tensor) -> Tensor:
    """The filtered series at every ``factor``-th step, with the first and last value repeated at the ends."""
    return filtered(x, kernel)[..., ::factor]


def filtered(x: Tensor, kernel: Tensor, mode: str = "replicate") -> Tensor:
    """Each channel under the kernel, as long as before."""
    half = len(kernel) // 2
    wide = F.pad(x, (half, half), mode=mode) if half else x
    return F.conv1d(wide.flatten(0, 1)[:, None], kernel.view(1, 1, -1)).reshape(x.shape)


def one_sided(x: Tensor, kernel: Tensor, pad: tuple[int, int]) -> Tensor:
    """Each channel under the kernel, padded by so many values."""
    wide = F.pad(x, pad, mode="replicate") if len(kernel) > 1 else x
    return F.conv1d(wide.flatten(0, 1)[:, None], kernel.view(1, 1, -1)).reshape(x.shape)


mistakes(
    "series.decimate",
    {
        "nothing is filtered: what is faster than the new rate can hold comes back as something slow": (
            lambda x, factor, kernel: x[..., ::factor]
        ),
        "it filters after it has thrown steps away, when the false frequencies are there already: filter first": (
            lambda x, factor, kernel: filtered(x[..., ::factor], kernel)
        ),
        "it filters and keeps all steps: take every `factor`-th": lambda x, factor, kernel: filtered(x, kernel),
        "beyond the ends it puts zeros, which draws a series with an offset towards 0: repeat the end values": (
            lambda x, factor, kernel: filtered(x, kernel, "constant")[..., ::factor]
        ),
        "beyond the ends it mirrors the series: repeat the first and the last value": (
            lambda x, factor, kernel: filtered(x, kernel, "reflect")[..., ::factor]
        ),
        "beyond one end it goes on with the other: repeat the first and the last value": (
            lambda x, factor, kernel: filtered(x, kernel, "circular")[..., ::factor]
        ),
        "it begins at another step than the first: take steps 0, factor, 2 · factor, …": (
            lambda x, factor, kernel: filtered(x, kernel).roll(-(factor // 2), 2)[..., ::factor],
            lambda x, factor, kernel: filtered(x, kernel).roll(1 - factor, 2)[..., ::factor],
        ),
        "all channels are filtered into one: each channel keeps to itself": (
            lambda x, factor, kernel: (
                filtered(x, kernel).sum(1, keepdim=True)[..., ::factor].expand(-1, x.shape[1], -1)
            ),
            lambda x, factor, kernel: (
                filtered(x, kernel).mean(1, keepdim=True)[..., ::factor].expand(-1, x.shape[1], -1)
            ),
        ),
        "each block of steps is averaged: use the kernel that is given": (
            lambda x, factor, kernel: F.avg_pool1d(x, factor, ceil_mode=True)
        ),
        "the kernel is normalised by its largest entry: it sums to 1 already": (
            lambda x, factor, kernel: filtered(x, kernel / kernel.max())[..., ::factor]
        ),
        "the result is multiplied by the factor: a constant stays what it is": (
            lambda x, factor, kernel: factor * filtered(x, kernel)[..., ::factor]
        ),
        "the ends are padded at one side only: (K − 1)/2 values at each, so that nothing is shifted": (
            lambda x, factor, kernel: one_sided(x, kernel, (len(kernel) - 1, 0))[..., ::factor],
            lambda x, factor, kernel: one_sided(x, kernel, (0, len(kernel) - 1))[..., ::factor],
        ),
        "the filter is used twice: once is enough": (
            lambda x, factor, kernel: filtered(filtered(x, kernel), kernel)[..., ::factor]
        ),
        "the filter runs over the series of the batch, not along the steps": (
            lambda x, factor, kernel: filtered(x.transpose(0, 2), kernel).transpose(0, 2)[..., ::factor]
        ),
    },
)


@mistake("series.decimate", "the result is too short: pad the ends, so that step 0 of the result is at step 0")
def without_padding(x, factor, kernel):
    inner = F.conv1d(x.flatten(0, 1)[:, None], kernel.view(1, 1, -1)).reshape(*x.shape[:2], -1)
    return inner[..., ::factor]


@mistake("series.decimate", "a part of the end is cut off: the result has T / factor steps, rounded up")
def rounds_down(x, factor, kernel):
    return decimate(x, factor, kernel)[..., : x.shape[2] // factor]


# ── inject ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("series.inject", instead_of=(series.inject, series.InjectAnomaly.apply))
def inject(x: Tensor, kind: str, start: Tensor, length: int, strength: float) -> tuple[Tensor, Tensor]:
    """The anomaly in units of each channel's own deviation, and its mask (B, T)."""
    return put(x, kind, window(x, start, length), deviation(x), start, length, strength)


def deviation(x: Tensor) -> Tensor:
    """Of each channel of each series, (B, C, 1)."""
    return x.std(2, correction=0, keepdim=True)


def window(x: Tensor, start: Tensor, length: int) -> Tensor:
    """The mask (B, T)."""
    t = torch.arange(x.shape[2])
    return (t >= start[:, None]) & (t < start[:, None] + length)


def put(
    x: Tensor, kind: str, mask: Tensor, size: Tensor, start: Tensor, length: int, strength: float
) -> tuple[Tensor, Tensor]:
    """The anomaly where the mask is."""
    at_start = x.gather(2, start.clamp(min=0).view(-1, 1, 1).expand(-1, x.shape[1], 1))
    u = ((torch.arange(x.shape[2]) - start[:, None]) / max(length - 1, 1)).to(x.dtype)[:, None]
    changed = {"level": x + strength * size, "stuck": at_start.expand_as(x), "trend": x + strength * size * u}[kind]
    return torch.where(mask[:, None], changed, x), mask


def injected(size: Callable[[Tensor], Any]) -> Callable[..., Any]:
    """An answer whose unit is something else."""
    return lambda x, kind, start, length, strength: put(
        x, kind, window(x, start, length), size(x), start, length, strength
    )


mistakes(
    "series.inject",
    {
        "strength is in units of each channel's deviation: multiply it by the standard deviation": (
            lambda x: torch.ones(())
        ),
        "the deviation is taken over the whole batch: each channel of each series has its own": (
            lambda x: x.std(correction=0),
            lambda x: x.std((0, 2), correction=0, keepdim=True),
        ),
        "the deviation is taken over all channels of a series: each channel has its own": (
            lambda x: x.std((1, 2), correction=0, keepdim=True)
        ),
        "the variance is taken for the deviation: take its root": lambda x: x.var(2, correction=0, keepdim=True),
        "the deviation is divided by T − 1: divide by T (`correction=0`)": lambda x: x.std(2, keepdim=True),
        "the unit is the mean of the channel: take its standard deviation": lambda x: x.mean(2, keepdim=True),
        "the unit is the channel's range: take its standard deviation": (
            lambda x: x.amax(2, keepdim=True) - x.amin(2, keepdim=True)
        ),
    },
    of=injected,
)


def varied(change: Callable[..., Any]) -> Callable[..., Any]:
    """An answer that is ``change`` of the arguments and the right result."""
    return lambda x, kind, start, length, strength: change(
        x, kind, start, length, strength, *inject(x, kind, start, length, strength)
    )


mistakes(
    "series.inject",
    {
        "the whole series is changed: change the window alone": (
            lambda x, kind, start, length, strength, y, mask: (
                put(x, kind, torch.ones_like(mask), deviation(x), start, length, strength)[0],
                mask,
            )
        ),
        "the mask is the opposite: True where the anomaly is": lambda x, kind, start, length, strength, y, mask: (
            y,
            ~mask,
        ),
        "the mask is empty: True on the steps of the window": lambda x, kind, start, length, strength, y, mask: (
            y,
            torch.zeros_like(mask),
        ),
        "the mask marks the first step only: True on all steps of the window": (
            lambda x, kind, start, length, strength, y, mask: (y, window(x, start, 1))
        ),
        "the mask covers one step more than the window: it ends before start + length": (
            lambda x, kind, start, length, strength, y, mask: (y, window(x, start, length + 1))
        ),
        "the mask covers one step less than the window: it has `length` steps": (
            lambda x, kind, start, length, strength, y, mask: (y, window(x, start, length - 1))
        ),
        "the mask is found where values differ, so that the first step of `stuck` and `trend` is missed: take the "
        "window": lambda x, kind, start, length, strength, y, mask: (y, (y != x).any(1)),
        "the window has one step more: it ends before start + length": (
            lambda x, kind, start, length, strength, y, mask: put(
                x, kind, window(x, start, length + 1), deviation(x), start, length, strength
            )
        ),
        "the window has one step less: it has `length` steps": (
            lambda x, kind, start, length, strength, y, mask: put(
                x, kind, window(x, start, length - 1), deviation(x), start, length, strength
            )
        ),
        "all series get the first one's window: each has its own start": (
            lambda x, kind, start, length, strength, y, mask: inject(
                x, kind, start[:1].expand(len(x)), length, strength
            )
        ),
        "the window begins one step late: it begins at `start`": (
            lambda x, kind, start, length, strength, y, mask: put(
                x, kind, window(x, start + 1, length), deviation(x), start, length, strength
            )
        ),
        "the value before the window is repeated: repeat the one at `start`": (
            lambda x, kind, start, length, strength, y, mask: (
                put(x, kind, mask, deviation(x), start - 1, length, strength) if kind == "stuck" else (y, mask)
            )
        ),
        "`stuck` is filled with the mean of the window: repeat the value at `start`": (
            lambda x, kind, start, length, strength, y, mask: (
                torch.where(
                    mask[:, None] & (kind == "stuck"),
                    (x * mask[:, None]).sum(2, keepdim=True) / mask.sum(1).view(-1, 1, 1),
                    y,
                ),
                mask,
            )
        ),
        "`stuck` is filled with zeros: repeat the value at `start`": (
            lambda x, kind, start, length, strength, y, mask: (
                y.masked_fill(mask[:, None], 0) if kind == "stuck" else y,
                mask,
            )
        ),
        "`level` replaces the values: add to them": lambda x, kind, start, length, strength, y, mask: (
            torch.where(mask[:, None] & (kind == "level"), strength * deviation(x).expand_as(x), y),
            mask,
        ),
        "`trend` begins at the beginning of the series: u is 0 at `start`": (
            lambda x, kind, start, length, strength, y, mask: (
                put(x, kind, mask, deviation(x), 0 * start, length, strength) if kind == "trend" else (y, mask)
            )
        ),
        "`trend` does not reach its full strength: u is 1 at the last step, so divide by length − 1": (
            lambda x, kind, start, length, strength, y, mask: (
                put(x, kind, mask, deviation(x), start, length + 1, strength) if kind == "trend" else (y, mask)
            )
        ),
        "`trend` has no ramp: multiply by u, from 0 to 1 over the window": (
            lambda x, kind, start, length, strength, y, mask: (
                inject(x, "level", start, length, strength) if kind == "trend" else (y, mask)
            )
        ),
        "`trend` falls: u is 0 at the first step of the window and 1 at the last": (
            lambda x, kind, start, length, strength, y, mask: (
                torch.where(mask[:, None] & (kind == "trend"), 2 * x + strength * deviation(x) - y, y),
                mask,
            )
        ),
        "after a trend the level stays up: outside of the window nothing changes": (
            lambda x, kind, start, length, strength, y, mask: (
                torch.where(
                    (torch.arange(x.shape[2]) >= (start + length)[:, None])[:, None] & (kind == "trend"),
                    x + strength * deviation(x),
                    y,
                ),
                mask,
            )
        ),
        "the mask has channels: it is (B, T), one for all channels": (
            lambda x, kind, start, length, strength, y, mask: (y, mask[:, None].expand_as(x))
        ),
        "the sign of the strength is lost: negative is downward": (
            lambda x, kind, start, length, strength, y, mask: inject(x, kind, start, length, abs(strength))
        ),
        "only the first channel is hit: all are": (
            lambda x, kind, start, length, strength, y, mask: (torch.cat([y[:, :1], x[:, 1:]], 1), mask)
        ),
        "it returns the change alone: return the series with it": (
            lambda x, kind, start, length, strength, y, mask: (y - x, mask)
        ),
        "the series is as before: put the anomaly into it": (
            lambda x, kind, start, length, strength, y, mask: (x.clone(), mask)
        ),
        "the two results are exchanged: first the series, then the mask": (
            lambda x, kind, start, length, strength, y, mask: (mask, y)
        ),
        "`kind` is not used: it is 'level' always": (
            lambda x, kind, start, length, strength, y, mask: inject(x, "level", start, length, strength)
        ),
    },
    of=varied,
)


@mistake("series.inject", says="changes")
def in_place(x, kind, start, length, strength):
    y, mask = inject(x, kind, start, length, strength)
    x.copy_(y)
    return x, mask


@mistake("series.inject", says="has the wrong dtype")
def mask_of_floats(x, kind, start, length, strength):
    y, mask = inject(x, kind, start, length, strength)
    return y, mask.float()


# ── point_adjust ──────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("series.point_adjust", instead_of=(series.point_adjust,))
def point_adjust(predicted: Tensor, truth: Tensor) -> Tensor:
    """The prediction, with every true run that it touches filled."""
    return series.point_adjust(predicted, truth)


def runs(row: Tensor) -> list[slice]:
    """The runs of one row."""
    edges = torch.diff(row.int(), prepend=torch.zeros(1, dtype=torch.int32), append=torch.zeros(1, dtype=torch.int32))
    return [slice(int(a), int(b)) for a, b in zip((edges == 1).nonzero(), (edges == -1).nonzero())]


def by_rows(fill: Callable[[Tensor, Tensor, Tensor, slice], None]) -> Callable[..., Tensor]:
    """An answer that does something to each true run of each row."""

    def answer(predicted, truth):
        out = predicted.clone()
        for p, t, o in zip(predicted, truth, out):
            for run in runs(t):
                fill(o, p, t, run)
        return out

    return answer


def fill_after(o: Tensor, p: Tensor, t: Tensor, run: slice) -> None:
    """Fill from the first hit on."""
    if p[run].any():
        o[run.start + int(p[run].int().argmax()) : run.stop] = True


def fill_if_all(o: Tensor, p: Tensor, t: Tensor, run: slice) -> None:
    """Fill where the first step of a run is hit."""
    if p[run.start]:
        o[run] = True


def flat(predicted: Tensor, truth: Tensor) -> Tensor:
    """The batch as one long row."""
    return point_adjust(predicted.reshape(1, -1), truth.reshape(1, -1)).reshape(truth.shape)


def fill_but_the_last(o: Tensor, p: Tensor, t: Tensor, run: slice) -> None:
    """Fill, unless the run goes to the end of the row."""
    if p[run].any() and run.stop < len(t):
        o[run] = True


mistakes(
    "series.point_adjust",
    {
        "a run is filled from its first hit on only: fill all of it, also the steps before": by_rows(fill_after),
        "a run is filled only where its first step is hit: any step counts": by_rows(fill_if_all),
        "all true runs are filled: only those that the prediction touches": lambda p, t: p | t,
        "all true runs of a series are filled once one is touched: each run by itself": (
            lambda p, t: p | (t & (p & t).any(1, keepdim=True))
        ),
        "a run that goes to the last step of a row is not filled: the end of the row ends it, too": by_rows(
            fill_but_the_last
        ),
        "a series that is touched gets its truth, without its false alarms and with runs that were missed: go run by "
        "run": lambda p, t: torch.where((p & t).any(1, keepdim=True), t, p),
        "false alarms are lost: what is predicted outside of true runs stays": (lambda p, t: point_adjust(p, t) & t),
        "only the filled runs are there, and hits alone: false alarms stay, and touched runs are filled": (
            lambda p, t: p & t
        ),
        "nothing is filled: a true run that the prediction touches becomes True as a whole": lambda p, t: p.clone(),
        "the predicted runs are filled, or the two are exchanged: the runs of `truth` are filled where `predicted` "
        "touches them": lambda p, t: point_adjust(t, p),
        "a run at the end of one series is joined with the next series' first: each row by itself": (flat),
        "only the step beside a hit is filled: fill the whole run": (
            lambda p, t: p | (t & (F.max_pool1d((p & t).float()[:, None], 3, 1, 1)[:, 0] > 0))
        ),
    },
)


@mistake("series.point_adjust", says="returns `truth` as it came in")
def returns_the_truth(predicted, truth):
    return truth.clone()
