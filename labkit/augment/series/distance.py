"""How far apart series are: by the same step, by the best warp of time, and from their nearest normal window.

Dynamic time warping (H. Sakoe and S. Chiba, 1978) allows time to run at any speed:

    D[i, j] = |a_i − b_j|² + min(D[i−1, j], D[i, j−1], D[i−1, j−1]),    dtw(a, b) = √D[T, S],

where |a_i − b_j|² sums over channels. A warped series is near by it, and far by the plain L2 distance.

A *discord* is the window whose nearest other window is farthest (E. Keogh and others, 2005). The distances of all
windows to their nearest are the matrix profile (C.-C. M. Yeh and others, 2016), here between windows with mean 0 and
deviation 1.
"""

import torch
from torch import Tensor
from torch.nn import functional

from labkit import distances
from labkit.augment.series._args import Series, series
from labkit.shapes import Float


def dtw(a: Float[Tensor, "b c t"], b: Float[Tensor, "b c s"]) -> Float[Tensor, " b"]:
    """Dynamic time warping between each series of ``a`` and its partner in ``b``: (B, C, T), (B, C, S) → (B,).

    Time grows with T · S; the table is filled a diagonal at a time, for all pairs at once.

    Raises:
        ValueError: if the batches don't have as many series of as many channels.

    >>> a = torch.tensor([[[0.0, 1.0, 2.0, 2.0]]])
    >>> dtw(a, torch.tensor([[[0.0, 0.0, 1.0, 2.0]]])), dtw(a, a + 1)
    (tensor([0.]), tensor([1.7321]))
    """
    if series(a).shape[:2] != series(b).shape[:2]:
        raise ValueError(f"series are compared in pairs; these have shapes {tuple(a.shape)} and {tuple(b.shape)}")
    n, t, s = len(a), a.shape[2], b.shape[2]
    cost = (a[:, :, :, None] - b[:, :, None, :]).square().sum(1)
    table = cost.new_full((n, t + 1, s + 1), torch.inf)
    table[:, 0, 0] = 0
    for diagonal in range(t + s - 1):
        i = torch.arange(max(0, diagonal - s + 1), min(t, diagonal + 1), device=a.device)
        j = diagonal - i
        before = torch.minimum(torch.minimum(table[:, i, j + 1], table[:, i + 1, j]), table[:, i, j])
        table[:, i + 1, j + 1] = cost[:, i, j] + before
    return table[:, t, s].sqrt()


def windows(x: Series, *, length: int, stride: int = 1) -> Float[Tensor, "b n c length"]:
    """All windows of ``length`` steps, ``stride`` steps apart: (B, C, T) → (B, N, C, length).

    Windows that share steps must not lie on both sides of a split: cut the series first.

    Raises:
        ValueError: if x isn't a batch of series or a window is longer than they are.

    >>> windows(torch.arange(5.0).view(1, 1, 5), length=3, stride=2)[0, :, 0]
    tensor([[0., 1., 2.],
            [2., 3., 4.]])
    """
    if not 1 <= length <= series(x).shape[2] or stride < 1:
        raise ValueError(f"windows of {length} steps, {stride} apart, in series of {x.shape[2]}; expected 1 or more")
    return x.unfold(2, length, stride).transpose(1, 2)


def nearest_window(x: Float[Tensor, " t"], reference: Float[Tensor, " s"] | None = None, *, length: int) -> Tensor:
    """How far each window of a series is from the nearest window of another, both standardised: (T − length + 1,).

    Args:
        x: one channel of one series, (T,).
        reference: another series, (S,), for example one that is known to be normal. Without it, x is compared with
            itself (the matrix profile); windows that overlap by more than three quarters are no neighbours then.
        length: of the windows, at least 2.

    Raises:
        ValueError: if a series is shorter than a window, or has another shape.

    >>> wave = torch.sin(torch.arange(60.0) * torch.pi / 5)
    >>> wave[34] = 3.0
    >>> profile = nearest_window(wave, length=10)
    >>> 25 <= int(profile.argmax()) <= 34
    True
    """
    other = x if reference is None else reference
    if x.ndim != 1 or other.ndim != 1 or not 2 <= length <= min(len(x), len(other)):
        raise ValueError(
            f"windows of {length} steps in series of shapes {tuple(x.shape)} and {tuple(other.shape)}; expected (T,) "
            "and (S,), and windows of 2 steps up to the shorter"
        )
    mine, theirs = (_standardised(v.unfold(0, length, 1)) for v in (x, other))
    best = []
    for rows, distance in distances.blocks(mine, theirs):
        if reference is None:
            i = torch.arange(rows.start, rows.stop, device=x.device)[:, None]
            near = (i - torch.arange(len(theirs), device=x.device)).abs() <= -(-length // 4)
            distance = distance.masked_fill(near, torch.inf)
        best.append(distance.amin(1))
    return torch.cat(best).sqrt()


def discord_scores(
    x: Series, reference: Float[Tensor, "n c s"], *, length: int, stride: int = 1
) -> Float[Tensor, "b t"]:
    """How unlike anything normal each step is: the mean distance of the windows around it to their nearest normal ones.

    Each channel is compared with the same channel of all reference series; of the channels the farthest counts. Nothing
    is trained, so it can't be taught the wrong thing.

    Args:
        x: series (B, C, T).
        reference: normal series (N, C, S).
        length: of the windows.
        stride: between windows of the reference.

    Raises:
        ValueError: if one isn't a batch of series, the channels differ, or a window is longer than a series.

    >>> wave = torch.sin(torch.arange(60.0) * torch.pi / 5).view(1, 1, 60)
    >>> odd = wave.clone()
    >>> odd[..., 30:33] = 3.0
    >>> 25 <= int(discord_scores(odd, wave, length=10).argmax()) <= 37
    True
    """
    if series(x).shape[1] != series(reference).shape[1]:
        raise ValueError(f"the series have {x.shape[1]} channels, the reference {reference.shape[1]}")
    mine, normal = windows(x, length=length), windows(reference, length=length, stride=stride)
    worst = mine.new_zeros(mine.shape[:2])
    for channel in range(x.shape[1]):  # over channels, whose windows are not compared with each other's
        a, b = (_standardised(part[:, :, channel]).flatten(0, 1) for part in (mine, normal))
        worst = torch.maximum(worst, distances.nearest(a, b).distance.view(worst.shape))
    padded = functional.pad(worst[:, None], (length - 1, length - 1), mode="replicate")
    return functional.avg_pool1d(padded, length, 1)[:, 0]


def _standardised(v: Tensor) -> Tensor:
    """Rows with mean 0 and deviation 1; a row that never changes is 0."""
    std, mean = torch.std_mean(v, dim=-1, correction=0, keepdim=True)
    flat = std <= 1e-6 * v.abs().amax(-1, keepdim=True).clamp(min=torch.finfo(v.dtype).tiny)
    return torch.where(flat, 0, (v - mean) / torch.where(flat, 1, std))
