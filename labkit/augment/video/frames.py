"""Maps of time: which frame of the clip each frame of the result shows.

A map is a table ``i`` (B, S) of whole numbers, and the result is ``y[b, s] = x[b, i[b, s]]``:

===========  ============================================================================================
drop         i(t) = the last frame up to t that was kept; or the kept frames in order, then the last again
repeat       each frame t stands n(t) times, cut to T frames
speed        i(t) = ⌊start + r t⌋, held at the last frame; or a blend of both neighbours
crop         i(s) = start + stride · s
reverse      i(t) = T − 1 − t
jitter       i(t) = max over t' ≤ t of t' + offset(t'): it may stand still, and never turns back
shuffle      i a permutation: the order is lost
===========  ============================================================================================

What belongs to a frame follows the same table. All maps but the blend are exact: no frame is changed, and none mixed.
"""

import torch
from torch import Tensor

from labkit.augment.arguments import Value, describe, member, whole, within
from labkit.augment.video._args import Clips, Index, clips, table
from labkit.shapes import Bool, Float, Int, readable

FILLS = ("hold", "end")


def resample(x: Clips, *, index: Index) -> Float[Tensor, "b s c h w"]:
    """The frames of each clip that a map of time names: (B, T, C, H, W) → (B, S, C, H, W).

    Raises:
        ValueError: if x isn't a batch of clips, there isn't a row for each, or a frame doesn't exist.

    >>> x = torch.tensor([10.0, 20.0, 30.0]).view(1, 3, 1, 1, 1)
    >>> resample(x, index=torch.tensor([[2, 2, 0]])).flatten()
    tensor([30., 30., 10.])
    """
    t = clips(x).shape[1]
    frames = whole(table(index, clips=len(x), name="index"), low=0, high=t - 1, name="index")
    return x[torch.arange(len(x), device=x.device)[:, None], frames.to(x.device)]


def blend(x: Clips, *, positions: Float[Tensor, "b s"]) -> Float[Tensor, "b s c h w"]:
    """The clips at moments between their frames: both neighbours, weighted by how near they are.

    Beyond the ends the first and the last frame stay. A blend is smooth, and shows ghosts where things move far.

    Raises:
        ValueError: if x isn't a batch of clips or there isn't a row of positions for each.

    >>> x = torch.tensor([10.0, 20.0, 30.0]).view(1, 3, 1, 1, 1)
    >>> blend(x, positions=torch.tensor([[0.5, 1.75, 9.0]])).flatten()
    tensor([15.0000, 27.5000, 30.0000])
    """
    t = clips(x).shape[1]
    within(table(positions, clips=len(x), name="positions"), name="positions")
    p = positions.to(x.device).clamp(0, t - 1)
    left = p.floor()
    share = (p - left).to(x.dtype)[..., None, None, None]
    a, b = resample(x, index=left.long()), resample(x, index=(left.long() + 1).clamp(max=t - 1))
    return torch.lerp(a, b, share.expand_as(a))


def drop_index(keep: Bool[Tensor, "b t"], *, fill: str = "hold") -> Index:
    """Which frames are shown where some are lost: (B, T), as long as before.

    Args:
        keep: (B, T), False where a frame is lost; one frame a clip must be left.
        fill: ``hold`` repeats the last kept frame (at the beginning the first one), so that kept frames stay where they
            are in time; ``end`` moves the kept frames together and repeats the last one, so that all happens earlier.

    Raises:
        ValueError: if it isn't bool (B, T), a clip keeps nothing, or the word is unknown.

    >>> keep = torch.tensor([[False, True, False, True, False]])
    >>> drop_index(keep), drop_index(keep, fill="end")
    (tensor([[1, 1, 1, 3, 3]]), tensor([[1, 3, 3, 3, 3]]))
    """
    member(fill, FILLS, name="fill")
    if table(keep, name="keep").dtype != torch.bool:
        raise ValueError(f"keep is True where a frame stays; this is {describe(keep)}")
    if readable(keep) and not bool(keep.any(1).all()):
        raise ValueError("a clip keeps no frame; expected at least one in each")
    at = torch.arange(keep.shape[1], device=keep.device).expand_as(keep)
    if fill == "hold":
        first = keep.int().argmax(1, keepdim=True)
        return torch.where(keep, at, -1).cummax(1).values.maximum(first)
    order = torch.where(keep, at, keep.shape[1]).sort(1).values
    return order.minimum(torch.where(keep, at, -1).amax(1, keepdim=True))


def repeat_index(counts: Int[Tensor, "b t"]) -> Index:
    """Which frames are shown where frame t stands ``counts[b, t]`` times: (B, T), cut off at the end.

    Where fewer than T frames result, the last that is shown goes on.

    Raises:
        ValueError: if the counts are not whole, one is negative, or a clip has none above 0.

    >>> repeat_index(torch.tensor([[1, 3, 1, 1], [2, 0, 1, 0]]))
    tensor([[0, 1, 1, 1],
            [0, 0, 2, 2]])
    """
    n = whole(table(counts, name="counts"), low=0, name="counts")
    if readable(n) and not bool((n > 0).any(1).all()):
        raise ValueError("a clip repeats every frame 0 times; expected a count above 0 in each")
    at = torch.arange(n.shape[1], device=n.device).expand_as(n)
    shown = torch.searchsorted(n.cumsum(1), at.contiguous(), right=True)
    return shown.minimum(torch.where(n > 0, at, -1).amax(1, keepdim=True))


def speed_positions(rate: Float[Tensor, " b"], *, frames: int, start: Value = 0.0) -> Float[Tensor, "b {frames}"]:
    """The moments ``start + rate · t`` that a clip at another speed shows, held at the last frame: (B, T).

    Args:
        rate: (B,), above 0: 2 is twice as fast, so that the second half of the result stands still.
        frames: T.
        start: the moment with which it begins, (B,) or one for all.

    Raises:
        ValueError: if a rate isn't above 0, or a start lies outside.

    >>> speed_positions(torch.tensor([2.0, 0.5]), frames=4)
    tensor([[0.0000, 2.0000, 3.0000, 3.0000],
            [0.0000, 0.5000, 1.0000, 1.5000]])
    """
    within(rate, name="rate", low=0, above=True)
    within(start, name="start", low=0, high=frames - 1)
    begin = start.to(rate)[:, None] if isinstance(start, Tensor) and start.ndim else start
    return (begin + rate[:, None] * torch.arange(frames, device=rate.device)).clamp(max=frames - 1)


def speed_index(rate: Float[Tensor, " b"], *, frames: int, start: Value = 0.0) -> Index:
    """The frames ⌊start + rate · t⌋ of ``speed_positions``: no frame is mixed.

    >>> speed_index(torch.tensor([1.5, 0.5]), frames=4)
    tensor([[0, 1, 3, 3],
            [0, 0, 1, 1]])
    """
    return speed_positions(rate, frames=frames, start=start).floor().long()


def crop_index(start: Int[Tensor, " b"], *, frames: int, stride: int = 1, of: int) -> Int[Tensor, "b {frames}"]:
    """Every ``stride``-th frame from ``start`` on, ``frames`` of them: (B, S).

    Args:
        start: (B,), the first frame of each.
        frames: S.
        stride: how many frames of the clip one step takes.
        of: T, how many frames the clip has.

    Raises:
        ValueError: if a window reaches beyond the clip.

    >>> crop_index(torch.tensor([0, 3]), frames=3, stride=2, of=8)
    tensor([[0, 2, 4],
            [3, 5, 7]])
    """
    if frames < 1 or stride < 1 or (frames - 1) * stride + 1 > of:
        raise ValueError(f"{frames} frames {stride} apart don't fit into {of}; expected (frames − 1) · stride < {of}")
    begin = whole(start, low=0, high=of - 1 - (frames - 1) * stride, name="start")
    return begin[:, None] + stride * torch.arange(frames, device=begin.device)


def reverse_index(reverse: Bool[Tensor, " b"], *, frames: int) -> Int[Tensor, "b {frames}"]:
    """Time backwards where ``reverse`` (B,) is True, else as it was: (B, T).

    >>> reverse_index(torch.tensor([True, False]), frames=3)
    tensor([[2, 1, 0],
            [0, 1, 2]])
    """
    at = torch.arange(frames, device=reverse.device)
    return torch.where(reverse[:, None], frames - 1 - at, at)


def jitter_index(offsets: Int[Tensor, "b t"]) -> Index:
    """Frames shown too early or too late, but never in the wrong order: (B, T).

    Args:
        offsets: (B, T): step t would like to show frame t + offset.

    >>> jitter_index(torch.tensor([[0, 2, -1, 0, 5]]))
    tensor([[0, 3, 3, 3, 4]])
    """
    t = table(offsets, name="offsets").shape[1]
    wanted = torch.arange(t, device=offsets.device) + whole(offsets, name="offsets")
    return wanted.clamp(0, t - 1).cummax(1).values


def move_times(
    times: Float[Tensor, "b n"], *, index: Int[Tensor, "b s"] | Float[Tensor, "b s"]
) -> Float[Tensor, "b n"]:
    """At which step events at ``times`` (B, N), in frames, are seen; nan where they are not shown.

    That is the first of the steps whose frame lies nearest. An event before the earliest frame shown or after the
    latest, by more than half a frame, is not shown.

    >>> move_times(torch.tensor([[1.0, 4.0]]), index=torch.tensor([[3, 2, 1, 0]]))
    tensor([[2., nan]])
    """
    shown = index.to(times)
    step = (times[:, :, None] - shown[:, None]).abs().argmin(2).to(times)
    inside = (times >= shown.amin(1, keepdim=True) - 0.5) & (times <= shown.amax(1, keepdim=True) + 0.5)
    return step.masked_fill(~inside, float("nan"))
