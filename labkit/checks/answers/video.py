"""Topic ``video``: what is right in exercise 07, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from labkit.augment import video
from labkit.checks.bank import mistake, mistakes, reference


def at(x: Tensor, index: Tensor) -> Tensor:
    """The frames of each clip that the rows of ``index`` name."""
    return x[torch.arange(len(x))[:, None], index.long()]


def steps(x: Tensor) -> Tensor:
    """The numbers of the frames, (T,)."""
    return torch.arange(x.shape[1])


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

TIME = (video.speed_index, video.speed_positions, video.resample, video.Speed.apply, video.Speed.index)


@reference("video.speed", instead_of=TIME)
def speed(x: Tensor, rate: Tensor) -> Tensor:
    """The frames ⌊rate · t⌋ of each clip, held at the last one."""
    return video.resample(x, index=video.speed_index(rate, frames=x.shape[1]))


def by_index(index: Callable[[Tensor, Tensor, int], Tensor]) -> Callable[..., Tensor]:
    """An answer that shows other frames, which are a function of rate · t, the rates and T."""

    def answer(x, rate):
        t = x.shape[1]
        return at(x, index(rate[:, None] * steps(x), rate[:, None], t).clamp(0, t - 1))

    return answer


mistakes(
    "video.speed",
    {
        "the rate is inverted: at rate 2 step t shows frame 2t, so multiply": by_index(
            lambda p, r, t: (torch.arange(t) / r).floor()
        ),
        "it rounds to the nearest frame: ⌊rate · t⌋ is `floor`": by_index(lambda p, r, t: p.round()),
        "it rounds up: ⌊rate · t⌋ is `floor`": by_index(lambda p, r, t: p.ceil()),
        "a fast clip begins anew: after its last frame it stands still, so use `clamp` and not `%`": by_index(
            lambda p, r, t: p.floor() % t
        ),
        "a fast clip runs back again: after its last frame it stands still": by_index(
            lambda p, r, t: t - 1 - ((p.floor() % (2 * max(t - 1, 1))) - (t - 1)).abs()
        ),
        "a clip stands still on its last frame but one: the last frame is T − 1": by_index(
            lambda p, r, t: p.floor().clamp(max=max(t - 2, 0))
        ),
        "all clips get the first rate: each has its own": by_index(lambda p, r, t: p[:1].floor().expand(len(r), t)),
        "all clips get the mean rate: each has its own": by_index(
            lambda p, r, t: (r.mean() * torch.arange(t)).floor().expand(len(r), t)
        ),
        "the rate is made a whole number before it is used: ⌊rate · t⌋ rounds the product": by_index(
            lambda p, r, t: r.floor() * torch.arange(t)
        ),
        "it begins with frame ⌊rate⌋: step 0 shows frame 0": by_index(
            lambda p, r, t: (r * (torch.arange(t) + 1)).floor()
        ),
        "the rate is added: multiply the step by it": by_index(lambda p, r, t: (r + torch.arange(t)).floor()),
        "it fits the clip to its length again, which undoes the speed": by_index(
            lambda p, r, t: (p / p[:, -1:].clamp(min=1e-9) * (t - 1)).floor()
        ),
        "the frames are put at their new places, and others stay: ask for each step which frame it shows": (
            lambda x, rate: scattered(x, rate)
        ),
        "channels are taken for frames: clips are (B, T, C, H, W)": (
            lambda x, rate: speed(x.transpose(1, 2), rate).transpose(1, 2)
        ),
        "neighbouring frames are blended: show whole frames, ⌊rate · t⌋": (
            lambda x, rate: video.blend(x, positions=video.speed_positions(rate, frames=x.shape[1]))
        ),
    },
)


def scattered(x: Tensor, rate: Tensor) -> Tensor:
    """Each frame put where it belongs in time."""
    y = x.clone()
    for b in range(len(x)):
        for t in range(x.shape[1]):
            if (new := int(t / rate[b])) < x.shape[1]:
                y[b, new] = x[b, t]
    return y


# ── drop_frames ───────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("video.drop_frames", instead_of=(video.drop_index, video.resample, video.DropFrames.apply))
def drop_frames(x: Tensor, keep: Tensor) -> Tensor:
    """The last frame that was kept up to each step; before it, the first that was kept."""
    return video.resample(x, index=video.drop_index(keep))


def held(keep: Tensor, first: str = "kept") -> Tensor:
    """The last kept frame up to each step; before the first: it, frame 0, or the last frame."""
    before = {"kept": keep.int().argmax(1, keepdim=True), "zero": torch.zeros(len(keep), 1, dtype=torch.long),
              "last": torch.full((len(keep), 1), keep.shape[1] - 1)}[first]  # fmt: skip
    last = torch.where(keep, torch.arange(keep.shape[1]), -1).cummax(1).values
    return torch.where(last < 0, before, last)


def next_kept(keep: Tensor) -> Tensor:
    """The first kept frame from each step on; after the last: it."""
    t = keep.shape[1]
    return t - 1 - held(keep.flip(1)).flip(1)


def once_back(x: Tensor, keep: Tensor) -> Tensor:
    """The frame before a lost one, whether it was kept or not."""
    before = (torch.arange(keep.shape[1]) - 1).clamp(min=0)
    return at(x, torch.where(keep, torch.arange(keep.shape[1]), before))


def kept_then(x: Tensor, keep: Tensor, fill: str) -> Tensor:
    """The kept frames in order, then the last of them, or zeros, or all of them again."""
    rows = []
    for clip, k in zip(x, keep):
        left = clip[k]
        missing = len(clip) - len(left)
        if fill == "zeros":
            more = torch.zeros_like(clip[:missing])
        elif fill == "again":
            more = left[torch.arange(missing) % len(left)]
        elif fill == "end of the clip":
            more = clip[-1:].expand(missing, -1, -1, -1)
        else:
            more = left[-1:].expand(missing, -1, -1, -1)
        rows.append(torch.cat([left, more]))
    return torch.stack(rows)


def nearest_kept(x: Tensor, keep: Tensor) -> Tensor:
    """The kept frame that is nearest in time."""
    t = keep.shape[1]
    far = (torch.arange(t)[:, None] - torch.arange(t)).abs().expand(len(x), t, t).masked_fill(~keep[:, None], 10**6)
    return at(x, far.argmin(2))


mistakes(
    "video.drop_frames",
    {
        "lost frames are black: show the last frame that came": lambda x, keep: x * keep[:, :, None, None, None],
        "the kept frames move together, which makes everything happen earlier: each keeps its time, and a lost one "
        "shows the last that came": lambda x, keep: kept_then(x, keep, "last"),
        "the kept frames move together, and the clip ends in black: a lost frame shows the last that came": (
            lambda x, keep: kept_then(x, keep, "zeros")
        ),
        "the kept frames move together and begin anew: a lost frame shows the last that came": (
            lambda x, keep: kept_then(x, keep, "again")
        ),
        "the kept frames move together, and the clip's own last frame fills the rest: a lost frame shows the last that "
        "came": lambda x, keep: kept_then(x, keep, "end of the clip"),
        "`keep` is read the wrong way round: True stays": (
            lambda x, keep: at(x, held(~keep)),
            lambda x, keep: at(x, held(~keep, "zero")),
        ),
        "a lost frame shows the next that comes: it isn't there yet, so show the last that came": (
            lambda x, keep: at(x, next_kept(keep))
        ),
        "a lost frame shows the frame just before it, which may be lost, too: go back to the last one that was kept": (
            once_back
        ),
        "before the first kept frame a lost one is shown: show the first kept frame there": (
            lambda x, keep: at(x, held(keep, "zero"))
        ),
        "before the first kept frame the last frame of the clip is shown (index −1): show the first kept frame there": (
            lambda x, keep: at(x, held(keep, "last"))
        ),
        "a lost frame shows the nearest that was kept, also one to come: show the last that came": nearest_kept,
        "all clips lose the first clip's frames: each has its own row": (
            lambda x, keep: at(x, held(keep[:1]).expand(len(x), -1))
        ),
        "a frame that one clip loses is lost in all: each clip has its own row": (
            lambda x, keep: at(x, held(keep.all(0, keepdim=True).expand_as(keep)))
        ),
        "lost frames show the clip's mean: show the last frame that came": (
            lambda x, keep: torch.where(keep[:, :, None, None, None], x, x.mean(1, keepdim=True))
        ),
        "lost frames show the clip's first frame: show the last frame that came": (
            lambda x, keep: torch.where(keep[:, :, None, None, None], x, x[:, :1])
        ),
        "nothing is lost: use `keep`": lambda x, keep: x.clone(),
    },
)


@mistake("video.drop_frames", says="changes")
def drops_in_place(x, keep):
    x.copy_(drop_frames(x, keep))
    return x


# ── consistent ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("video.consistent", instead_of=(video.per_clip, video.PerClip.apply))
def consistent(transform: Callable[..., Tensor], x: Tensor, value: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
    """Every frame under its clip's value, then noise of the clip's strength, new in each frame."""
    b, t = x.shape[:2]
    moved = transform(x.flatten(0, 1), value.repeat_interleave(t)).unflatten(0, (b, t))
    return moved + sigma.view(-1, 1, 1, 1, 1) * noise


def moved(transform: Callable[..., Tensor], x: Tensor, values: Tensor) -> Tensor:
    """The frames of all clips under values (B, T)."""
    return transform(x.flatten(0, 1), values.flatten()).unflatten(0, x.shape[:2])


def of_parts(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer made of the transform, x, value, σ (B, 1, 1, 1, 1), the noise, and the rightly moved clips."""

    def answer(transform, x, value, sigma, noise):
        values = value[:, None].expand(x.shape[:2])
        return make(transform, x, value, sigma.view(-1, 1, 1, 1, 1), noise, moved(transform, x, values))

    return answer


mistakes(
    "video.consistent",
    {
        "the values are in the wrong order: after `flatten(0, 1)` the frames of the first clip come first, so repeat "
        "each value T times in a row (`repeat_interleave`), not the whole row T times (`repeat`)": (
            lambda f, x, v, s, n, y: f(x.flatten(0, 1), v.repeat(x.shape[1])).unflatten(0, x.shape[:2]) + s * n
        ),
        "all clips get the first clip's value: each has its own": (
            lambda f, x, v, s, n, y: moved(f, x, v[:1, None].expand(x.shape[:2])) + s * n
        ),
        "only the first frame is transformed: all frames of a clip are": (
            lambda f, x, v, s, n, y: torch.cat([y[:, :1], x[:, 1:]], 1) + s * n
        ),
        "the value grows from frame to frame: a clip has one value": (
            lambda f, x, v, s, n, y: moved(f, x, v[:, None] * (1 + steps(x))) + s * n,
            lambda f, x, v, s, n, y: moved(f, x, v[:, None] * steps(x)) + s * n,
        ),
        "the noise is frozen, the first frame's in all frames: it is new in each, use all of `noise`": (
            lambda f, x, v, s, n, y: y + s * n[:, :1]
        ),
        "the noise is averaged over the frames: it is new in each, use all of `noise`": (
            lambda f, x, v, s, n, y: y + s * n.mean(1, keepdim=True)
        ),
        "all clips get the first clip's noise: use all of `noise`": lambda f, x, v, s, n, y: y + s * n[:1],
        "the noise is moved, too: the sensor adds it after the camera has turned, so add it last": (
            lambda f, x, v, s, n, y: moved(f, x + s * n, v[:, None].expand(x.shape[:2]))
        ),
        "`sigma` is missing: multiply the noise by it": lambda f, x, v, s, n, y: y + n,
        "`sigma` goes along another dimension than the clips: give it the shape (B, 1, 1, 1, 1)": (
            lambda f, x, v, s, n, y: y + s.view(1, -1, 1, 1, 1) * n,
            lambda f, x, v, s, n, y: y + s.view(-1, 1, 1) * n,
            lambda f, x, v, s, n, y: y + s.view(-1) * n,
            lambda f, x, v, s, n, y: y + s.view(-1, 1) * n,
        ),
        "`sigma` is squared or under a root: it is a deviation": (
            lambda f, x, v, s, n, y: y + s**2 * n,
            lambda f, x, v, s, n, y: y + s.sqrt() * n,
        ),
        "all clips get the first or the mean `sigma`: each has its own": (
            lambda f, x, v, s, n, y: y + s[:1] * n,
            lambda f, x, v, s, n, y: y + s.mean() * n,
        ),
        "there is no noise: add sigma · noise": lambda f, x, v, s, n, y: y,
        "nothing is transformed: call `transform` on the frames": lambda f, x, v, s, n, y: x + s * n,
        "the noise is subtracted: add it": lambda f, x, v, s, n, y: y - s * n,
        "the noise multiplies the frames: add it": lambda f, x, v, s, n, y: y * (1 + s * n),
        "it is cut to [0, 1], which the exercise doesn't ask for": lambda f, x, v, s, n, y: (y + s * n).clamp(0, 1),
        "clips and frames are exchanged on the way back: undo `flatten(0, 1)` with `unflatten(0, (B, T))`": (
            lambda f, x, v, s, n, y: y.flatten(0, 1).unflatten(0, (x.shape[1], len(x))).transpose(0, 1) + s * n
        ),
        "clips and frames are exchanged when the frames are put together again: stack B clips of T frames each, with "
        "`dim=1` where you go through the frames": (
            lambda f, x, v, s, n, y: y.transpose(0, 1).reshape(x.shape) + s * n
        ),
        "the transform is applied twice: once is enough": (
            lambda f, x, v, s, n, y: moved(f, y, v[:, None].expand(x.shape[:2])) + s * n
        ),
        "it returns the noise alone, or the change: add it to the transformed frames": (
            lambda f, x, v, s, n, y: s * n,
            lambda f, x, v, s, n, y: y - x,
        ),
    },
    of=of_parts,
)


@mistake("video.consistent", says="the values are right, but the shape")
def leaves_frames_in_a_row(transform, x, value, sigma, noise):
    return consistent(transform, x, value, sigma, noise).flatten(0, 1)


# ── relabel ───────────────────────────────────────────────────────────────────────────────────────────────────────────

LABELS = (video.relabel, video.exchanged, video.Reverse.apply_y, video.Mirror.apply_y)


@reference("video.relabel", instead_of=LABELS)
def relabel(y: Tensor, reverse: Tensor, mirror: Tensor) -> Tensor:
    """All motions turn round backwards; in a mirror left, right and the two turns do."""
    backwards = video.relabel(y, becomes=(1, 0, 3, 2, 5, 4, 7, 6), changed=reverse)
    return video.relabel(backwards, becomes=(1, 0, 2, 3, 5, 4, 6, 7), changed=mirror)


def with_tables(backwards: str, mirrored: str) -> Callable[..., Tensor]:
    """An answer with other rules: in which pairs the classes change places."""

    def table(pairs: str) -> Tensor:
        return torch.tensor([k ^ 1 if pairs[k // 2] == "1" else k for k in range(8)])

    def answer(y, reverse, mirror):
        y = torch.where(reverse, table(backwards)[y], y)
        return torch.where(mirror, table(mirrored)[y], y)

    return answer


mistakes(
    "video.relabel",
    {
        "the labels stay as they were: what runs backwards, or is seen in a mirror, is another motion": (
            lambda y, reverse, mirror: y.clone(),
        ),
        "`mirror` is forgotten": with_tables("1111", "0000"),
        "`reverse` is forgotten": with_tables("0000", "1010"),
        "a mirror exchanges up and down, too: left and right are exchanged, and what rises still rises": (
            with_tables("1111", "1110"),
            with_tables("1111", "1100"),
        ),
        "in a mirror a turn keeps its sense: a clock in a mirror runs counter-clockwise": with_tables("1111", "1000"),
        "a mirror changes every motion: only left, right, and the sense of a turn": with_tables("1111", "1111"),
        "top and bottom are exchanged instead of left and right: in a mirror what rises still rises": (
            with_tables("1111", "0110"),
            with_tables("1111", "0100"),
        ),
        "only left and right are exchanged: think of turns in a mirror, and backwards of everything": (
            with_tables("1000", "1000")
        ),
        "a mirror makes growing shrinking: sizes stay what they are": (
            with_tables("1111", "1011"),
            with_tables("1111", "1001"),
        ),
        "backwards only left and right are exchanged: everything runs backwards, up and down, turns and sizes, too": (
            with_tables("1000", "1010"),
        ),
        "backwards a turn keeps its sense: played backwards, clockwise is counter-clockwise": (
            with_tables("1101", "1010"),
            with_tables("1101", "1000"),
        ),
        "backwards sizes are left out: what grew shrinks": with_tables("1110", "1010"),
        "backwards up and down are left out: what rose falls": with_tables("1011", "1010"),
        "backwards and mirrored are exchanged: look which of the two changes up and down": with_tables("1010", "1111"),
        "where both happen only one is applied: a clip that is mirrored and backwards takes both changes": (
            lambda y, r, m: torch.where(r, relabel(y, r, r & False), relabel(y, m & False, m)),
            lambda y, r, m: torch.where(m, relabel(y, r & False, m), relabel(y, r, r & False)),
            lambda y, r, m: relabel(y, r & ~m, m & ~r),
        ),
        "all labels change as soon as one clip is reversed: each clip by its own flag": (
            lambda y, r, m: relabel(y, r.any().expand_as(r), m.any().expand_as(m))
        ),
        "a label moves to the next pair: left is 0, right 1, up 2, down 3, …": (
            lambda y, r, m: torch.where(r, (y + 1) % 8, y),
            lambda y, r, m: torch.where(r, 7 - y, y),
        ),
    },
)


@mistake("video.relabel", says="wrong dtype")
def labels_as_floats(y, reverse, mirror):
    return relabel(y, reverse, mirror).float()


@mistake("video.relabel", says="changes")
def relabels_in_place(y, reverse, mirror):
    y.copy_(relabel(y, reverse, mirror))
    return y


# ── temporal_crop ─────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("video.temporal_crop", instead_of=(video.crop_index, video.resample, video.TemporalCrop.apply))
def temporal_crop(x: Tensor, times: Tensor, start: Tensor, size: int, stride: int) -> tuple[Tensor, Tensor]:
    """Frames start, start + stride, …, and the times counted from there in steps of the result."""
    index = video.crop_index(start, frames=size, stride=stride, of=x.shape[1])
    return video.resample(x, index=index), (times - start[:, None]) / stride


def cropped(x: Tensor, start: Tensor, size: int, stride: int, shift: int = 0) -> Tensor:
    """The frames, some frames later."""
    index = start[:, None] + stride * torch.arange(size) + shift
    return at(x, index.clamp(0, x.shape[1] - 1))


def of_crop(make: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., Any]:
    """An answer that differs from the right one, y and t, in one line."""

    def answer(x, times, start, size, stride):
        y, t = temporal_crop(x, times, start, size, stride)
        return make(x, times, start, size, stride, y, t)

    return answer


mistakes(
    "video.temporal_crop",
    {
        "the times stay as they were: count them from the first frame that is shown, in steps of the result": (
            lambda x, times, start, size, stride, y, t: (y, times.clone())
        ),
        "the times aren't divided by the stride: one step of the result is `stride` frames": (
            lambda x, times, start, size, stride, y, t: (y, times - start[:, None])
        ),
        "the times are multiplied by the stride: divide": (
            lambda x, times, start, size, stride, y, t: (y, (times - start[:, None]) * stride)
        ),
        "the times don't begin at `start`: subtract it first": (
            lambda x, times, start, size, stride, y, t: (y, times / stride)
        ),
        "`start` is subtracted after the division: it is in frames of the clip, so subtract first": (
            lambda x, times, start, size, stride, y, t: (y, times / stride - start[:, None])
        ),
        "`start` is added to the times: an event comes earlier in a clip that begins later": (
            lambda x, times, start, size, stride, y, t: (y, (times + start[:, None]) / stride)
        ),
        "the times are rounded: they are no whole numbers": (
            lambda x, times, start, size, stride, y, t: (y, t.round()),
            lambda x, times, start, size, stride, y, t: (y, t.floor()),
            lambda x, times, start, size, stride, y, t: (y, t.trunc()),
        ),
        "times outside of the window are moved into it: leave them outside, so that one sees it": (
            lambda x, times, start, size, stride, y, t: (y, t.clamp(0, size - 1)),
            lambda x, times, start, size, stride, y, t: (y, t.clamp(min=0)),
        ),
        "`stride` is not used for the frames: take every stride-th": (
            lambda x, times, start, size, stride, y, t: (cropped(x, start, size, 1), t),
            lambda x, times, start, size, stride, y, t: (cropped(x, start, size, 1), times - start[:, None]),
        ),
        "all clips begin at the first clip's `start`: each has its own": (
            lambda x, times, start, size, stride, y, t: (cropped(x, start[:1].expand_as(start), size, stride), t),
            lambda x, times, start, size, stride, y, t: (
                cropped(x, start[:1].expand_as(start), size, stride),
                (times - start[0]) / stride,
            ),
        ),
        "`start` is not used: the first frame shown is frame `start`": (
            lambda x, times, start, size, stride, y, t: (cropped(x, 0 * start, size, stride), t),
            lambda x, times, start, size, stride, y, t: (cropped(x, 0 * start, size, stride), times / stride),
        ),
        "`start` is multiplied by the stride: it is in frames of the clip": (
            lambda x, times, start, size, stride, y, t: (cropped(x, start * stride, size, stride), t),
        ),
        "it begins one frame too late: the first frame shown is frame `start`": (
            lambda x, times, start, size, stride, y, t: (cropped(x, start, size, stride, 1), t)
        ),
        "it begins one frame too early: the first frame shown is frame `start`": (
            lambda x, times, start, size, stride, y, t: (cropped(x, start, size, stride, -1), t)
        ),
        "the frames are in the wrong order: time goes on": (lambda x, times, start, size, stride, y, t: (y.flip(1), t)),
        "the two results are exchanged: first the clip, then the times": (
            lambda x, times, start, size, stride, y, t: (t, y)
        ),
    },
    of=of_crop,
)


@mistake("video.temporal_crop", says="wrong length along dimension 1")
def takes_size_frames_of_time(x, times, start, size, stride):
    y, t = temporal_crop(x, times, start, size, stride)
    return y[:, ::stride], t


# ── videomix ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("video.videomix", instead_of=(video.videomix, video.block_masks, video.volume_kept, video.VideoMix.apply))
def videomix(x: Tensor, y: Tensor, partner: Tensor, blocks: Tensor) -> tuple[Tensor, Tensor]:
    """The partner's block in each clip, and the labels by volume."""
    size = (x.shape[1], x.shape[3], x.shape[4])
    kept = video.volume_kept(blocks, size=size).to(y.dtype)[:, None]
    return video.videomix(x, partner=partner, blocks=blocks), kept * y + (1 - kept) * y[partner]


def inside(x: Tensor, blocks: Tensor) -> Tensor:
    """True in the block, (B, T, 1, H, W)."""
    return video.block_masks(blocks, x)


def share(x: Tensor, blocks: Tensor) -> Tensor:
    """The share of the clip that the block takes, (B, 1)."""
    return inside(x, blocks).flatten(1).double().mean(1)[:, None]


def mixed(y: Tensor, partner: Tensor, taken: Tensor) -> Tensor:
    """Labels of which the partner has ``taken`` (B, 1)."""
    return ((1 - taken) * y + taken * y[partner]).to(y.dtype)


def whole(blocks: Tensor, x: Tensor, *sides: int) -> Tensor:
    """The blocks, spread over all of some sides: 0 time, 1 height, 2 width."""
    new, size = blocks.clone(), (x.shape[1], x.shape[3], x.shape[4])
    for k in sides:
        new[:, k], new[:, k + 3] = 0, size[k]
    return new


def of_mix(make: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., Any]:
    """An answer that differs from the right one, v and q, in one line."""

    def answer(x, y, partner, blocks):
        return make(x, y, partner, blocks, *videomix(x, y, partner, blocks))

    return answer


def exclusive(x: Tensor, partner: Tensor, blocks: Tensor) -> Tensor:
    """The mixture with blocks that go one too far at the end of each side."""
    further = blocks.clone()
    further[:, 3:] += 1
    return torch.where(inside(x, further), x[partner], x)


mistakes(
    "video.videomix",
    {
        "the labels stay as they were: the partner's label gets the share of the volume that its block takes": (
            lambda x, y, p, k, v, q: (v, y.clone())
        ),
        "the shares of the labels are exchanged: the block's volume belongs to the partner": (
            lambda x, y, p, k, v, q: (v, mixed(y, p, 1 - share(x, k)))
        ),
        "the labels are mixed half and half: take the block's share of the volume": (
            lambda x, y, p, k, v, q: (v, mixed(y, p, torch.full((len(x), 1), 0.5)))
        ),
        "the share is the block's area alone: a block that doesn't last for the whole clip has less volume": (
            lambda x, y, p, k, v, q: (v, mixed(y, p, share(x, whole(k, x, 0))))
        ),
        "the share is the block's time alone: a box that doesn't fill the frame has less volume": (
            lambda x, y, p, k, v, q: (v, mixed(y, p, share(x, whole(k, x, 1, 2))))
        ),
        "the share is an average over the batch: each clip has its own": (
            lambda x, y, p, k, v, q: (v, mixed(y, p, share(x, k).mean(0, keepdim=True)))
        ),
        "all clips get the first block's share: each has its own": (
            lambda x, y, p, k, v, q: (v, mixed(y, p, share(x, k)[:1]))
        ),
        "the share is divided by the number of channels, too: a volume has T · H · W places": (
            lambda x, y, p, k, v, q: (v, mixed(y, p, share(x, k) / x.shape[2]))
        ),
        "the labels are exchanged as a whole: mix them by volume": (
            lambda x, y, p, k, v, q: (v, y[p]),
            lambda x, y, p, k, v, q: (v, torch.where(share(x, k) > 0.5, y[p], y)),
        ),
        "the block's content is the clip's own, and the rest the partner's: it is the other way round": (
            lambda x, y, p, k, v, q: (torch.where(inside(x, k), x, x[p]), q),
            lambda x, y, p, k, v, q: (torch.where(inside(x, k), x, x[p]), mixed(y, p, 1 - share(x, k))),
        ),
        "the block is black: put the partner's content there": lambda x, y, p, k, v, q: (
            torch.where(inside(x, k), torch.zeros_like(x), x),
            q,
        ),
        "the block is blended: inside it the partner alone is seen": lambda x, y, p, k, v, q: (
            torch.where(inside(x, k), (x + x[p]) / 2, x),
            q,
        ),
        "the clips are blended as in mixup: paste the block": (
            lambda x, y, p, k, v, q: (mixed(x.flatten(1), p, share(x, k)).view_as(x), q)
        ),
        "the block's time is not used: it begins with frame blocks[:, 0] and ends before blocks[:, 3]": (
            lambda x, y, p, k, v, q: (torch.where(inside(x, whole(k, x, 0)), x[p], x), q),
            lambda x, y, p, k, v, q: (
                torch.where(inside(x, whole(k, x, 0)), x[p], x),
                mixed(y, p, share(x, whole(k, x, 0))),
            ),
        ),
        "the block covers whole frames: it has rows from blocks[:, 1] and columns from blocks[:, 2] on": (
            lambda x, y, p, k, v, q: (torch.where(inside(x, whole(k, x, 1, 2)), x[p], x), q),
            lambda x, y, p, k, v, q: (
                torch.where(inside(x, whole(k, x, 1, 2)), x[p], x),
                mixed(y, p, share(x, whole(k, x, 1, 2))),
            ),
        ),
        "rows and columns are exchanged: a block is (first frame, top, left, last frame, bottom, right)": (
            lambda x, y, p, k, v, q: (torch.where(inside(x, k[:, [0, 2, 1, 3, 5, 4]]), x[p], x), q)
        ),
        "the block is read as (from, to) for each side: it is (t0, top, left, t1, bottom, right)": (
            lambda x, y, p, k, v, q: (torch.where(inside(x, k[:, [0, 2, 4, 1, 3, 5]]), x[p], x), q)
        ),
        "the block goes one too far: it ends before t1, bottom and right": (
            lambda x, y, p, k, v, q: (exclusive(x, p, k), q)
        ),
        "all clips get the first block: each has its own": (
            lambda x, y, p, k, v, q: (torch.where(inside(x, k[:1].expand_as(k)), x[p], x), q),
            lambda x, y, p, k, v, q: (
                torch.where(inside(x, k[:1].expand_as(k)), x[p], x),
                mixed(y, p, share(x, k[:1].expand_as(k))),
            ),
        ),
        "the block comes from the clip that has this one as its partner: it comes from x[partner]": (
            lambda x, y, p, k, v, q: (torch.where(inside(x, k), x[p.argsort()], x), q),
            lambda x, y, p, k, v, q: (torch.where(inside(x, k), x[p.argsort()], x), mixed(y, p.argsort(), share(x, k))),
        ),
        "the block comes from clips that are mixed already: take them from `x`, not from what you are filling": (
            lambda x, y, p, k, v, q: (one_by_one(x, p, k), q)
        ),
        "nothing is pasted: put the partner's block in": lambda x, y, p, k, v, q: (x.clone(), q),
    },
    of=of_mix,
)


def one_by_one(x: Tensor, partner: Tensor, blocks: Tensor) -> Tensor:
    """Clip after clip, from the clips that have been filled already."""
    y, masks = x.clone(), inside(x, blocks)
    for b, p in enumerate(partner.tolist()):
        y[b] = torch.where(masks[b], y[p], y[b])
    return y


@mistake("video.videomix", says="changes")
def pastes_in_place(x, y, partner, blocks):
    v, labels = videomix(x, y, partner, blocks)
    x.copy_(v)
    return x, labels
