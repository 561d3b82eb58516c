"""SpecAugment: time warped, then bands of a spectrogram hidden, across frequencies and across time.

    c ~ U(W, τ − W),  g ~ U(c − W, c + W)         frame c goes to g; the first frame and the last stay where they are
    f ~ U{0, …, F},  f₀ ~ U{0, …, ν − f}          frequencies f₀ … f₀ + f − 1 are hidden, of ν
    t ~ U{0, …, min(T, pτ)},  t₀ ~ U{0, …, τ − t}          frames t₀ … t₀ + t − 1, of the τ that belong to the item

Each item has a warp and masks of its own, and they lie where its sound is: in a padded batch τ is the item's length,
not the batch's. What is hidden becomes the item's mean, or a number. Between the three fixed frames the warp is linear,
so it never turns time back; the authors' spline through the same points is smoother, and they say that the warp matters
least. (D. Park and others, SpecAugment, 2019, arXiv 1904.08779.)
"""

import torch
from torch import Tensor

from labkit.augment.arguments import describe, values
from labkit.augment.audio._args import Lengths, present, spectra
from labkit.augment.series.timing import interpolate
from labkit.draws import wide
from labkit.shapes import Bool, Float, Int, PerSample, readable


def bands(start: Int[Tensor, "b k"], width: Int[Tensor, "b k"], *, size: int) -> Bool[Tensor, "b n"]:
    """Which of ``size`` rows lie in one of the K bands of each item, (B, size).

    Raises:
        ValueError: if starts and widths are not whole numbers (B, K) each.

    >>> bands(torch.tensor([[1], [0]]), torch.tensor([[2], [0]]), size=4)
    tensor([[False,  True,  True, False],
            [False, False, False, False]])
    """
    if start.shape != width.shape or start.ndim != 2 or start.is_floating_point() or width.is_floating_point():
        raise ValueError(
            f"bands have whole starts and widths, both (B, K); these are {describe(start)} and {describe(width)}"
        )
    row = torch.arange(size, device=start.device)
    return ((row >= start[..., None]) & (row < (start + width)[..., None])).any(1)


def spec_mask(
    s: Float[Tensor, "b *c f s"],
    *,
    freq_start: Int[Tensor, "b k"],
    freq_width: Int[Tensor, "b k"],
    time_start: Int[Tensor, "b m"],
    time_width: Int[Tensor, "b m"],
    fill: float | None = None,
    lengths: Lengths | None = None,
) -> Float[Tensor, "b *c f s"]:
    """Spectrograms with bands hidden.

    Args:
        s: (B, F, S) or (B, C, F, S).
        freq_start, freq_width: (B, K), the first row of each band and how many.
        time_start, time_width: (B, M), the same for frames.
        fill: what hidden values become; None for the mean of the item.
        lengths: (B,) frames that belong to each item, for its mean; the padding after them is left as it is.

    Raises:
        ValueError: if shapes or lengths don't fit.

    >>> s = torch.arange(6.0).view(1, 2, 3)
    >>> one, none = torch.tensor([[1]]), torch.tensor([[0]])
    >>> spec_mask(s, freq_start=none, freq_width=none, time_start=one, time_width=one, fill=-1.0)
    tensor([[[ 0., -1.,  2.],
             [ 3., -1.,  5.]]])
    """
    rows = bands(freq_start.to(s.device), freq_width.to(s.device), size=spectra(s).shape[-2])
    columns = bands(time_start.to(s.device), time_width.to(s.device), size=s.shape[-1])
    if len(rows) != len(s) or len(columns) != len(s):
        raise ValueError(f"there are {len(s)} items, and bands for {len(rows)} and {len(columns)}")
    inside = present(s, lengths)
    hidden = rows[:, :, None] | columns[:, None, :]
    hidden = hidden if inside is None else hidden & inside[:, None]
    hidden = hidden if s.ndim == 3 else hidden[:, None]
    value = item_mean(s, inside) if fill is None else s.new_full((len(s),), fill)
    return torch.where(hidden, value.view(-1, *[1] * (s.ndim - 1)), s)


def time_warp(
    s: Float[Tensor, "b *c f s"], *, center: PerSample, goal: PerSample, lengths: Lengths | None = None
) -> Float[Tensor, "b *c f s"]:
    """Spectrograms whose frame ``center`` is seen at ``goal``: what is before it is stretched, what is after squeezed.

    Args:
        s: (B, F, S) or (B, C, F, S).
        center: (B,), in frames: where it was.
        goal: (B,), in frames: where it goes to. Both lie between the first and the last frame of the item, or are
            equal: then nothing moves.
        lengths: (B,) frames that belong to each item; the padding after them is left as it is.

    Raises:
        ValueError: if shapes, lengths or positions don't fit.

    >>> s = torch.tensor([[[0.0, 1.0, 2.0, 3.0, 4.0]]])
    >>> time_warp(s, center=torch.tensor([1.0]), goal=torch.tensor([2.0]))
    tensor([[[0.0000, 0.5000, 1.0000, 2.5000, 4.0000]]])
    """
    inside = present(spectra(s), lengths)
    size = torch.full((len(s),), s.shape[-1]) if lengths is None else lengths
    last = size.to(device=s.device, dtype=wide(s.dtype)) - 1
    c, g = values(center, last, name="center", low=0), values(goal, last, name="goal", low=0)
    _stays_inside(c, g, last)
    frame = torch.arange(s.shape[-1], device=s.device, dtype=wide(s.dtype)).expand(len(s), -1)
    source = warp_source(frame, center=c, goal=g, last=last)
    warped = interpolate(s.flatten(1, -2), positions=source).view_as(s)
    return warped if inside is None else torch.where(_of_frames(inside, s), warped, s)


def warp_source(t: Float[Tensor, "b n"], *, center: PerSample, goal: PerSample, last: PerSample) -> Tensor:
    """Where the frames ``t`` (B, N) of a warped item were: 0 and ``last`` stay, ``goal`` was at ``center``.

    Frames outside 0 … ``last`` stay, too. The inverse exchanges ``center`` and ``goal``.

    >>> one = torch.tensor([1.0])
    >>> warp_source(torch.tensor([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]), center=one, goal=2 * one, last=4 * one)
    tensor([[0.0000, 0.5000, 1.0000, 2.5000, 4.0000, 5.0000]])
    """
    c, g, end = (v.to(t)[:, None] for v in (center, goal, last))
    before = t * (c / g.clamp_min(torch.finfo(t.dtype).tiny))
    after = c + (t - g) * ((end - c) / (end - g).clamp_min(torch.finfo(t.dtype).tiny))
    moved = torch.where(t < g, before, after)
    return torch.where((c == g) | (t < 0) | (t > end), t, moved)


def _stays_inside(center: Tensor, goal: Tensor, last: Tensor) -> None:
    """Refuse frames that would pass the first one or the last one, where that is free to see: on the CPU.

    Raises:
        ValueError: if one does.
    """
    lost = (center != goal) & ((torch.minimum(center, goal) <= 0) | (torch.maximum(center, goal) >= last))
    if readable(lost) and bool(lost.any()):
        raise ValueError("center and goal lie between the first and the last frame of their item, or are equal")


def _of_frames(value: Tensor, s: Tensor) -> Tensor:
    """What belongs to an item and a frame, (B, S), shaped for ``s``."""
    return value.view(len(s), *[1] * (s.ndim - 2), -1)


def item_mean(s: Tensor, inside: Tensor | None) -> PerSample:
    """The mean (B,) of each spectrogram over the frames that belong to it."""
    if inside is None:
        return s.flatten(1).mean(1)
    weight = inside.view(len(s), *[1] * (s.ndim - 2), -1).expand_as(s).to(s.dtype)
    return (s * weight).flatten(1).sum(1) / weight.flatten(1).sum(1)
