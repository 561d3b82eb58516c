"""Image transforms for clips: one draw a clip.

What a camera does to one frame it does to the next: a clip is turned by the *same* angle in all of its frames. Another
draw for each frame makes things jump that didn't move, and hides those that did. What a sensor does is new in each
frame: noise that stands still would be a pattern on the lens. So

    θ_b ~ p(θ)  once a clip,          y[b, t] = transform(x[b, t]; θ_b, n_bt),          n_bt  new in each frame

and nothing here is new mathematics: the transforms are those of ``labkit.augment.image``. Geometry is worked out once a
clip: its frames are handed over as the channels of one picture.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment import image
from labkit.augment.arguments import describe, probability
from labkit.augment.image.transform import Warp, refuse_mask_value
from labkit.augment.pipeline import Compose, Identity, OneOf, Sometimes, repeat_params
from labkit.augment.transform import Params, Transform
from labkit.augment.video._args import clips
from labkit.augment.video.labels import relabel
from labkit.augment.video.sound import sounds

PER_FRAME = ("noise", "u", "counts")
"""The draws of image transforms that are noise."""

TURNS = (image.HorizontalFlip, image.VerticalFlip)
ALIKE = (Warp, *TURNS, image.Elastic, image.RandomCrop, image.RandomResizedCrop, image.Resize)
"""Transforms that do the same to all channels."""

LAST = {"mask": (4, 5), "boxes": (4,), "keypoints": (4,)}
"""How many dimensions each annotation has."""


class VideoTransform(Transform):
    """A transform of clips (B, T, C, H, W): it knows which annotations fit them.

    Raises:
        ValueError: in a call, if x isn't a batch of float clips or an annotation doesn't fit it.
    """

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """One uniform number a clip and span, (B,) each."""
        return super().make_params(clips(x), generator=generator)

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the clips.

        Raises:
            ValueError: saying which shape was expected.
        """
        b, t = clips(x).shape[:2]
        for name in LAST.keys() & annotations.keys():
            value = annotations[name]
            if not isinstance(value, Tensor) or value.ndim not in LAST[name] or value.shape[:2] != (b, t):
                raise ValueError(f"{name} of clips have shape ({b}, {t}, …), one a frame; this is {describe(value)}")
        times = annotations.get("times")
        if times is not None and not (isinstance(times, Tensor) and times.ndim == 2 and times.is_floating_point()):
            raise ValueError(f"times are a float tensor ({b}, N), in frames; these are {describe(times)}")
        if annotations.get("sound") is not None:
            sounds(annotations["sound"], clips=b, frames=t)
        super().examine(x, annotations)


@dataclass(frozen=True)
class PerClip(VideoTransform):
    """An image transform with one draw a clip, its noise new in each frame. ``per_clip`` makes it, of pipelines too.

    Args:
        transform: of ``labkit.augment.image``.
        frozen: whether noise, too, is drawn once a clip.

    Raises:
        ValueError: if it is no transform of images, one that mixes the items of a batch, or ``SanitizeBoxes``.

    >>> import torch
    >>> x = torch.rand(1, 1, 1, 4, 4).expand(2, 3, 1, 4, 4)
    >>> y = PerClip(image.Rotate(40))(x, generator=torch.Generator().manual_seed(0))
    >>> bool((y[:, 0] == y[:, 2]).all()), bool((y[0] == y[1]).all())
    (True, False)
    """

    transform: Transform
    frozen: bool = False

    keeps = ("y", "times", "sound")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.transform, image.ImageTransform):
            raise ValueError(f"expected a transform of labkit.augment.image; this is {describe(self.transform)}")
        if isinstance(self.transform, image.SanitizeBoxes):
            raise ValueError("every frame of a clip keeps all of its boxes: use visible_boxes to see which are left")

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the clips, and masks that can't hold the transform's ``mask_value``."""
        super().examine(x, annotations)
        refuse_mask_value(getattr(self.transform, "mask_value", None), annotations.get("mask"))

    @property
    def new_size(self) -> Hashable | None:
        """That of the transform."""
        return self.transform.new_size

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """What the transform draws for one picture a clip; noise for all frames, (B, T, …)."""
        b, t = clips(x).shape[:2]
        params = self.transform.make_params(x[:, 0], generator=generator)
        noisy = [name for name in PER_FRAME if name in params]
        if not noisy or (self.frozen and "counts" not in params):
            return params
        frames = x.flatten(0, 1)
        if "counts" in params:
            peak = params["peak"].repeat_interleave(t, 0)
            params["counts"] = image.photon_counts(frames, peak=peak, generator=generator).unflatten(0, (b, t))
        else:
            drawn = self.transform.make_params(frames, generator=generator)
            params |= {name: drawn[name].unflatten(0, (b, t)) for name in noisy}
        return params

    def apply(self, x: Any, params: Params) -> Tensor:
        """All frames under the draw of their clip."""
        b, t, c = clips(x).shape[:3]
        if isinstance(self.transform, ALIKE) and isinstance(getattr(self.transform, "value", 0.0), int | float):
            return self.transform.apply(x.flatten(1, 2), params).unflatten(1, (t, c))
        return self.transform.apply(x.flatten(0, 1), self._of_frames(params, t)).unflatten(0, (b, t))

    def _of_frames(self, params: Params, frames: int) -> Params:
        """The draw with a row for each frame."""
        new = {name: params[name].flatten(0, 1) for name in PER_FRAME if name in params and params[name].ndim == 5}
        return repeat_params({name: value for name, value in params.items() if name not in new}, frames) | new

    def _move(self, name: str, value: Tensor, x: Tensor, params: Params) -> Tensor:
        """An annotation of each frame, as the transform moves it."""
        b, t = x.shape[:2]
        move = getattr(self.transform, f"apply_{name}")
        return move(value.flatten(0, 1), x.flatten(0, 1), self._of_frames(params, t)).unflatten(0, (b, t))

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """Masks (B, T, H, W) or (B, T, K, H, W)."""
        return self._move("mask", mask, x, params)

    def apply_boxes(self, boxes: Tensor, x: Tensor, params: Params) -> Tensor:
        """Boxes (B, T, N, 4)."""
        return self._move("boxes", boxes, x, params)

    def apply_keypoints(self, keypoints: Tensor, x: Tensor, params: Params) -> Tensor:
        """Points (B, T, N, 2)."""
        return self._move("keypoints", keypoints, x, params)


@dataclass(frozen=True)
class Mirror(VideoTransform):
    """Left and right exchanged in all frames of a clip, with probability ``p``; what moves left moves right then.

    The two channels of a stereo ``sound=`` (B, 2, N) change places, too.

    Args:
        p: the probability.
        becomes: what each class becomes (see ``exchanged``); ``()``, if no class changes. Without it, labels are
            refused: only you know whether yours have a left and a right.
        vertical: whether it is top and bottom instead.

    >>> import torch
    >>> x = torch.rand(1, 2, 1, 3, 3)
    >>> Mirror(1.0, becomes=(1, 0))(x, y=torch.tensor([0])).y
    tensor([1])
    """

    p: float = 0.5
    becomes: Sequence[int] | None = None
    vertical: bool = False

    keeps = ("times",)

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.p)

    def _frames(self) -> PerClip:
        return PerClip(TURNS[self.vertical](self.p))

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``flip`` (B,)."""
        return self._frames().make_params(x, generator=generator)

    def apply(self, x: Any, params: Params) -> Tensor:
        """See ``image.hflip``."""
        return self._frames().apply(x, params)

    def apply_y(self, y: Tensor, x: Tensor, params: Params) -> Tensor:
        """The labels of what is seen now."""
        return relabel(y, becomes=table_of(self), changed=params["flip"])

    def apply_sound(self, sound: Tensor, x: Tensor, params: Params) -> Tensor:
        """What was heard on the left is heard on the right; other sounds stay."""
        if self.vertical or sound.ndim == 2 or sound.shape[1] != 2:
            return sound
        return torch.where(params["flip"].to(sound.device)[:, None, None], sound.flip(1), sound)

    def apply_mask(self, mask: Tensor, x: Tensor, params: Params) -> Tensor:
        """The masks, mirrored."""
        return self._frames().apply_mask(mask, x, params)

    def apply_boxes(self, boxes: Tensor, x: Tensor, params: Params) -> Tensor:
        """The boxes, mirrored."""
        return self._frames().apply_boxes(boxes, x, params)

    def apply_keypoints(self, keypoints: Tensor, x: Tensor, params: Params) -> Tensor:
        """The points, mirrored."""
        return self._frames().apply_keypoints(keypoints, x, params)


def table_of(transform: Any) -> Sequence[int]:
    """What classes become.

    Raises:
        ValueError: if the transform wasn't told.
    """
    if transform.becomes is None:
        name = type(transform).__name__
        raise ValueError(f"{name} may change labels: say becomes=exchanged(classes, pairs), or () if none changes")
    return transform.becomes


def per_clip(
    transform: Transform, *, becomes: Sequence[int] | None = None, upside_down: Sequence[int] | None = None,
    frozen: bool = False,
) -> Transform:  # fmt: skip
    """An image transform, or a pipeline of some, for clips: one draw a clip, noise new in each frame.

    Args:
        transform: of ``labkit.augment.image``, or ``Compose``, ``OneOf``, ``Sometimes`` of such.
        becomes: what each class becomes if ``transform`` flips horizontally; see ``Mirror``.
        upside_down: what each class becomes if it flips vertically.
        frozen: whether noise is drawn once a clip, too.

    Raises:
        ValueError: if a part is no transform of images.

    >>> per_clip(Compose([image.HorizontalFlip(), image.Rotate(10)]))
    Compose([Mirror(p=0.5, becomes=None, vertical=False), PerClip(transform=Rotate(interpolation='bilinear', \
fill='constant', value=0.0, mask_value=0, degrees=10, expand=False), frozen=False)])
    """

    def lift(part: Transform) -> Transform:
        return per_clip(part, becomes=becomes, upside_down=upside_down, frozen=frozen)

    if isinstance(transform, Sometimes):
        return Sometimes(lift(transform.transform), transform.p)
    if isinstance(transform, OneOf):
        return OneOf([lift(part) for part in transform.transforms], transform.weights)
    if isinstance(transform, Compose):
        return Compose([lift(part) for part in transform.transforms])
    if isinstance(transform, image.HorizontalFlip):
        return Mirror(transform.p, becomes)
    if isinstance(transform, image.VerticalFlip):
        return Mirror(transform.p, upside_down, vertical=True)
    return transform if isinstance(transform, Identity | VideoTransform) else PerClip(transform, frozen)
