"""Transforms of time that draw: each clip gets a map of its own, and what belongs to its frames follows.

Called with labels, masks (B, T, …), boxes (B, T, N, 4), keypoints (B, T, N, 2) or times (B, N) of events, in frames, a
transform returns them moved. An event that is not shown gets the time nan. A ``sound`` (B, N) or (B, channels, N),
heard while the clip is seen, is cut and joined as the frames are; at another speed it is faster and higher.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import Span, member, probability, span_field
from labkit.augment.transform import Params
from labkit.augment.video import frames
from labkit.augment.video._args import clips
from labkit.augment.video.clips import VideoTransform, table_of
from labkit.augment.video.labels import relabel
from labkit.augment.video.sound import sound_at_speed, sound_cut, sound_pieces, sound_reversed
from labkit.draws import chance, uniform, wide


class TimeTransform(VideoTransform):
    """A transform that shows frames at other times. A subclass gives ``index`` (B, S)."""

    def index(self, x: Tensor, params: Params) -> Tensor:
        """Which frame each frame of the result shows."""
        return params["index"]

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``resample``."""
        return frames.resample(x, index=self.index(clips(x), params))

    def _follow(self, value: Tensor, x: Tensor, params: Params) -> Tensor:
        """What belongs to each frame, in the new order."""
        index = self.index(x, params).to(value.device)
        return value[torch.arange(len(value), device=value.device)[:, None], index]

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The masks of the frames that are shown."""
        return self._follow(mask, x, params)

    def apply_boxes(self, boxes: Tensor, x: Tensor, params: Params) -> Tensor:
        """The boxes of the frames that are shown."""
        return self._follow(boxes, x, params)

    def apply_keypoints(self, keypoints: Tensor, x: Tensor, params: Params) -> Tensor:
        """The points of the frames that are shown."""
        return self._follow(keypoints, x, params)

    def apply_times(self, times: Tensor, x: Tensor, params: Params) -> Tensor:
        """See ``move_times``."""
        return frames.move_times(times, index=self.index(x, params).to(times.device))

    def apply_sound(self, sound: Tensor, x: Tensor, params: Params) -> Tensor:
        """See ``sound_pieces``."""
        return sound_pieces(sound, index=self.index(x, params), frames=x.shape[1])


@dataclass(frozen=True)
class DropFrames(TimeTransform):
    """Each frame is lost with a probability from ``p``, one of them always stays; see ``drop_index`` for ``fill``.

    Where lost frames are held, ``sound`` goes on as it was; where others move up, their sounds do.

    >>> x = torch.arange(6.0).view(1, 6, 1, 1, 1)
    >>> DropFrames((0.5, 0.5))(x, generator=torch.Generator().manual_seed(1)).flatten()
    tensor([2., 2., 2., 2., 4., 4.])
    """

    p: Span = span_field((0.0, 0.5), low=0.0, high=1.0)
    fill: str = "hold"

    def __post_init__(self) -> None:
        super().__post_init__()
        member(self.fill, frames.FILLS, name="fill")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``index`` (B, T)."""
        p = super().make_params(x, generator=generator)["p"]
        u = uniform(x.shape[:2], like=x, generator=generator)
        keep = (u >= p[:, None]) | (u >= u.amax(1, keepdim=True))
        return {"index": frames.drop_index(keep, fill=self.fill)}

    def apply_sound(self, sound: Tensor, x: Tensor, params: Params) -> Tensor:
        """As it was, where each frame keeps its time."""
        return sound if self.fill == "hold" else super().apply_sound(sound, x, params)


@dataclass(frozen=True)
class RepeatFrames(TimeTransform):
    """Each frame stands ``times`` times with a probability from ``p``; the clip is cut to its length."""

    p: Span = span_field((0.0, 0.5), low=0.0, high=1.0)
    times: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.times < 1:
            raise ValueError(f"times is {self.times}; expected at least 1")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``index`` (B, T)."""
        p = super().make_params(x, generator=generator)["p"]
        again = uniform(x.shape[:2], like=x, generator=generator) < p[:, None]
        return {"index": frames.repeat_index(1 + (self.times - 1) * again.long())}


@dataclass(frozen=True)
class Speed(TimeTransform):
    """``rate`` times as fast, as long as before: a fast clip stops at its last frame, a slow one shows a part of it.

    Args:
        rate: the span of rates; one number a is 1 ± a.
        smooth: whether frames are blended between neighbours, or the last one is shown that came.
        scales_y: whether the labels are speeds, which are multiplied by the rate. Classes of speed don't survive: leave
            this transform out there.
    """

    rate: Span = span_field(0.5, around=1.0, low=1e-3)
    smooth: bool = False
    scales_y: bool = False

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``rate`` and ``start``, (B,) each: a slow clip begins anywhere, a fast one at its beginning."""
        rate = super().make_params(x, generator=generator)["rate"]
        room = ((x.shape[1] - 1) * (1 - rate)).clamp(min=0)
        return {"rate": rate, "start": room * uniform((len(x),), like=x, generator=generator)}

    def index(self, x: Tensor, params: Params) -> Tensor:
        """The frames; those nearest, where pictures are blended."""
        at = frames.speed_positions(params["rate"], frames=x.shape[1], start=params["start"])
        return at.round().long() if self.smooth else at.floor().long()

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``blend`` and ``resample``."""
        if not self.smooth:
            return super().apply(x, params)
        return frames.blend(x, positions=frames.speed_positions(
            params["rate"], frames=clips(x).shape[1], start=params["start"]))  # fmt: skip

    def apply_y(self, y: Tensor, x: Tensor, params: Params) -> Tensor:
        """Speeds grow with the rate; other labels stay."""
        if not self.scales_y:
            return y
        if not y.is_floating_point() or y.shape != (len(x),):
            raise ValueError(f"speeds are a float tensor ({len(x)},); these are {y.dtype} {tuple(y.shape)}")
        return y * params["rate"].to(y)

    def apply_sound(self, sound: Tensor, x: Tensor, params: Params) -> Tensor:
        """See ``sound_at_speed``."""
        return sound_at_speed(sound, rate=params["rate"], frames=x.shape[1], start=params["start"])


@dataclass(frozen=True)
class TemporalCrop(TimeTransform):
    """``size`` frames, ``stride`` apart, from a random one on: the clip gets shorter."""

    size: int
    stride: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < 1 or self.stride < 1:
            raise ValueError(f"size is {self.size} and stride {self.stride}; expected both at least 1")

    @property
    def new_size(self) -> Hashable | None:
        """The number of frames, apart from a picture's size."""
        return ("frames", self.size)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``start`` (B,), whole."""
        places = clips(x).shape[1] - (self.size - 1) * self.stride
        if places < 1:
            raise ValueError(f"{self.size} frames {self.stride} apart don't fit into {x.shape[1]}")
        u = uniform((len(x),), like=x, generator=generator)
        return {"start": (u * places).long().clamp(max=places - 1)}

    def index(self, x: Tensor, params: Params) -> Tensor:
        """See ``crop_index``."""
        return frames.crop_index(params["start"], frames=self.size, stride=self.stride, of=x.shape[1])

    def apply_sound(self, sound: Tensor, x: Tensor, params: Params) -> Tensor:
        """See ``sound_cut``."""
        return sound_cut(sound, start=params["start"], size=self.size, stride=self.stride, frames=x.shape[1])


@dataclass(frozen=True)
class Reverse(TimeTransform):
    """Backwards with probability ``p``: what came comes back, and "left" is "right".

    Args:
        p: the probability.
        becomes: what each class becomes (see ``exchanged``), ``()`` if none changes. Without it, labels are refused.

    >>> x = torch.arange(3.0).view(1, 3, 1, 1, 1)
    >>> result = Reverse(1.0, becomes=(1, 0))(x, y=torch.tensor([0]), times=torch.tensor([[0.0]]))
    >>> result.x.flatten(), result.y, result.times
    (tensor([2., 1., 0.]), tensor([1]), tensor([[2.]]))
    """

    p: float = 0.5
    becomes: Sequence[int] | None = None

    keeps = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.p)

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``reverse`` (B,)."""
        return {"reverse": chance(self.p, clips(x), generator=generator)}

    def index(self, x: Tensor, params: Params) -> Tensor:
        """See ``reverse_index``."""
        return frames.reverse_index(params["reverse"], frames=x.shape[1])

    def apply_y(self, y: Tensor, x: Tensor, params: Params) -> Tensor:
        """The labels of what is seen now."""
        return relabel(y, becomes=table_of(self), changed=params["reverse"])

    def apply_sound(self, sound: Tensor, x: Tensor, params: Params) -> Tensor:
        """Backwards, sample by sample."""
        return sound_reversed(sound, reverse=params["reverse"])


@dataclass(frozen=True)
class TimeJitter(TimeTransform):
    """Each frame up to ``most`` frames too early or too late, never in the wrong order; ``sound`` stays."""

    most: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most < 0:
            raise ValueError(f"most is {self.most}; expected a number of frames, 0 or more")

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``index`` (B, T)."""
        u = uniform(clips(x).shape[:2], like=x, generator=generator).to(wide(x.dtype))
        offsets = (u * (2 * self.most + 1)).long().clamp(max=2 * self.most) - self.most
        return {"index": frames.jitter_index(offsets)}

    def apply_sound(self, sound: Tensor, x: Tensor, params: Params) -> Tensor:
        """As it was: pictures come too early or too late, sounds in time."""
        return sound


@dataclass(frozen=True)
class ShuffleFrames(TimeTransform):
    """The frames in a random order, which destroys every label that lies in the order: a control, not a policy."""

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``index`` (B, T)."""
        return {"index": uniform(clips(x).shape[:2], like=x, generator=generator).argsort(1)}
