"""Synthetic anomalies: glitches as machines and sensors have them, put into normal series at a known place.

In the window of ``length`` steps from ``start``, with σ the channel's own deviation around that window, s the strength,
and u from 0 to 1 over the window:

===============  ================================================================================
``spike``        the first step of the window moves by s σ; the window is that step
``level``        all move by s σ
``trend``        they move by s σ u
``stuck``        the value at ``start`` is repeated
``gap``          they are 0
``noise``        they move by s σ n, n ~ N(0, 1)
``frequency``    what follows ``start`` runs ``speed`` times as fast
``drift``        this channel's clock lags by up to ``(speed − 1) · length / 4`` steps and catches up
``missing``      the channel is 0 from ``start`` to the end; the window is all of that
===============  ================================================================================

Such anomalies train detectors where real ones are rare (outlier exposure: D. Hendrycks and others, 2019, arXiv
1812.04606; for series: C. Carmona and others, *Neural Contextual Anomaly Detection*, 2022, arXiv 2107.07702). What they
resemble decides what the detector will find.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Value, member, values
from labkit.augment.series._args import Series, fitting, series, whole
from labkit.augment.series.timing import interpolate
from labkit.draws import normal
from labkit.shapes import Bool, Float, Int

KINDS = ("spike", "level", "trend", "stuck", "gap", "noise", "frequency", "drift", "missing")
LEAST_CONTEXT = 16  # steps at each side of a window over which its deviation is taken, at least


class Injected(NamedTuple):
    """Series with an anomaly each: ``x`` (B, C, T), where it is ``mask`` (B, T), and its ``kind`` (B,) in ``KINDS``."""

    x: Tensor
    mask: Tensor
    kind: Tensor


def inject(
    x: Series,
    kind: str | Sequence[str] | Int[Tensor, " b"],
    *,
    start: int | Tensor,
    length: int | Tensor,
    strength: Value = 5.0,
    channels: Bool[Tensor, "b c"] | None = None,
    speed: Value = 2.0,
    noise: Series | None = None,
    generator: Generator | None = None,
) -> Injected:
    """One anomaly in each series, in units of the series' local deviation. Outside of the mask nothing changes.

    Args:
        x: series (B, C, T).
        kind: one of ``KINDS`` for all, one an item, or numbers (B,) into ``KINDS``.
        start: the first step of the window, one or (B,).
        length: how many steps it has, one or (B,); a window ends with the series.
        strength: s, in local standard deviations; negative is downward. One or (B,).
        channels: (B, C), True for the channels with the anomaly; None means all.
        speed: of ``frequency`` and ``drift``; above 1, and up to 2.25, so that a clock that drifts never runs
            backwards.
        noise: (B, C, T), standard normal, for ``noise``; if it is None, it is drawn from ``generator``.
        generator: where the noise comes from.

    Raises:
        ValueError: if x isn't a batch of series, a kind is unknown, or a window or number is out of range.

    >>> x = torch.arange(8.0).view(1, 1, 8)
    >>> glitch = inject(x, "stuck", start=2, length=3)
    >>> glitch.x, glitch.mask[0].nonzero()[:, 0].tolist(), KINDS[glitch.kind[0]]
    (tensor([[[0., 1., 2., 2., 2., 5., 6., 7.]]]), [2, 3, 4], 'stuck')
    """
    b, c, t = series(x).shape
    codes = _codes(kind, x)
    begin = whole(start, x, name="start", low=0, high=t - 1)[:, None]
    long = whole(length, x, name="length", low=1, high=t)[:, None]
    rate = values(speed, x, name="speed", low=1, high=2.25)[:, None]
    at = torch.arange(t, device=x.device).expand(b, t)
    long = torch.where(codes[:, None] == KINDS.index("spike"), 1, long)
    long = torch.where(codes[:, None] == KINDS.index("missing"), t, long)
    mask = (at >= begin) & (at < begin + long)
    hit = torch.ones(b, c, dtype=torch.bool, device=x.device) if channels is None else channels
    hit = fitting(hit, (b, c), name="channels")
    size = values(strength, x, name="strength").to(x)[:, None, None] * local_std(x, mask)[..., None]

    u = ((at - begin) / (long - 1).clamp(min=1)).clamp(0, 1)
    changed = x.clone()
    for code in codes.unique().tolist():  # over kinds, not over series
        rows = (codes == code).nonzero()[:, 0]
        part = _Part(x[rows], at[rows], begin[rows], long[rows], u[rows], size[rows], rate[rows])
        n = None
        if KINDS[code] == "noise":
            n = normal(part.x.shape, like=x, generator=generator).to(x) if noise is None else noise[rows]
        changed[rows] = _changed(KINDS[code], part, n)
    return Injected(torch.where(mask[:, None] & hit[..., None], changed, x), mask, codes)


def local_std(x: Series, mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b c"]:
    """The deviation of each channel in the window and as far again to both sides (16 steps at least): (B, C).

    >>> x = torch.cat([torch.zeros(40), torch.tensor([1.0, -1.0]).repeat(20)]).view(1, 1, 80)
    >>> mask = torch.zeros(1, 80, dtype=torch.bool)
    >>> mask[0, 2:6] = True
    >>> local_std(x, mask), local_std(x, mask.flip(1)).round(decimals=1)
    (tensor([[0.]]), tensor([[1.]]))
    """
    t = x.shape[2]
    at = torch.arange(t, device=x.device)
    first = torch.where(mask, at, t).amin(1, keepdim=True)
    last = torch.where(mask, at, -1).amax(1, keepdim=True)
    reach = (last - first + 1).clamp(min=LEAST_CONTEXT)
    near = ((at >= first - reach) & (at <= last + reach)).to(x.dtype)[:, None]
    count = near.sum(2).clamp(min=1)
    mean = (x * near).sum(2) / count
    return (((x - mean[..., None]) * near).square().sum(2) / count).sqrt()


class _Part(NamedTuple):
    """The series of one kind, and what is known of their windows."""

    x: Tensor
    at: Tensor
    begin: Tensor
    long: Tensor
    u: Tensor
    size: Tensor
    rate: Tensor


def _changed(kind: str, part: _Part, noise: Tensor | None) -> Tensor:
    """The series as the anomaly makes them; what lies outside of the window is not looked at."""
    x, u = part.x, part.u.to(part.x.dtype)[:, None]
    if kind in ("spike", "level"):
        return x + part.size
    if kind == "trend":
        return x + part.size * u
    if kind == "stuck":
        return x.gather(2, part.begin[:, None].expand(*x.shape[:2], 1)).expand_as(x)
    if kind in ("gap", "missing"):
        return torch.zeros_like(x)
    if noise is not None:
        return x + part.size * noise
    at, last = part.at.to(part.rate.dtype), x.shape[2] - 1
    if kind == "frequency":
        ahead = part.begin + part.rate * (at - part.begin)
        return interpolate(x, positions=last - (last - ahead).abs())  # beyond the end it comes back
    lag = (part.rate - 1) * part.long / 4 * torch.sin(math.pi * part.u).square()
    return interpolate(x, positions=at - lag)


def _codes(kind: str | Sequence[str] | Tensor, x: Tensor) -> Tensor:
    """Kinds as numbers (B,)."""
    if isinstance(kind, Tensor):
        return whole(kind, x, name="kind", low=0, high=len(KINDS) - 1).long()
    names = [kind] * len(x) if isinstance(kind, str) else list(kind)
    if len(names) != len(x):
        raise ValueError(f"there are {len(names)} kinds for {len(x)} series; expected one, or one for each")
    for name in names:
        member(name, KINDS, name="kind")
    return torch.tensor([KINDS.index(name) for name in names], dtype=torch.int64, device=x.device)
