"""SpecAugment: bands of a spectrogram hidden, across frequencies and across time.

    f ~ U{0, …, F},  f₀ ~ U{0, …, ν − f}          frequencies f₀ … f₀ + f − 1 are hidden, of ν
    t ~ U{0, …, min(T, pτ)},  t₀ ~ U{0, …, τ − t}          frames t₀ … t₀ + t − 1, of the τ that belong to the item

Each item has masks of its own, and they lie where its sound is: in a padded batch τ is the item's length, not the
batch's. What is hidden becomes the item's mean, or a number. (D. Park and others, SpecAugment, 2019. Its warp of the
time axis, which the authors say matters least, is not here.)
"""

import torch
from torch import Tensor

from labkit.augment.arguments import describe
from labkit.augment.audio._args import Lengths, present, spectra
from labkit.shapes import Bool, Float, Int, PerSample


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


def item_mean(s: Tensor, inside: Tensor | None) -> PerSample:
    """The mean (B,) of each spectrogram over the frames that belong to it."""
    if inside is None:
        return s.flatten(1).mean(1)
    weight = inside.view(len(s), *[1] * (s.ndim - 2), -1).expand_as(s).to(s.dtype)
    return (s * weight).flatten(1).sum(1) / weight.flatten(1).sum(1)
