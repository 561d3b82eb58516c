"""Clips: functions that apply given maps of time, and small classes that draw them; image transforms, one draw a clip.

Clips are ``float (B, T, C, H, W)`` in [0, 1]: clips, frames, channels, rows, columns::

    from labkit.augment import image, video

    video.per_clip(image.Rotate(20))(x, generator=g)               # each clip by one angle, in all its frames
    video.DropFrames((0.0, 0.5))(x, generator=g)                   # lost frames: the last that came is shown again
    video.resample(x, index=video.drop_index(keep))                # the same with given frames
    becomes = video.exchanged(classes, video.REVERSED)
    result = video.Reverse(0.5, becomes=becomes)(x, y=y, times=s, generator=g)
    result.x, result.y, result.times                               # "left" backwards is "right"
    video.Speed(0.5)(x, sound=w, generator=g).sound                # w (B, N): faster clips sound higher
"""

from labkit.augment.video.clips import Mirror, PerClip, VideoTransform, per_clip
from labkit.augment.video.flicker import flicker, static_mask, temporal_loss
from labkit.augment.video.frames import (
    blend,
    crop_index,
    drop_index,
    jitter_index,
    move_times,
    repeat_index,
    resample,
    reverse_index,
    speed_index,
    speed_positions,
)
from labkit.augment.video.labels import MIRRORED, REVERSED, exchanged, relabel
from labkit.augment.video.mixing import VideoMix, block_masks, videomix, volume_kept
from labkit.augment.video.sound import sound_at_speed, sound_cut, sound_pieces, sound_reversed
from labkit.augment.video.transforms import (
    DropFrames,
    RepeatFrames,
    Reverse,
    ShuffleFrames,
    Speed,
    TemporalCrop,
    TimeJitter,
    TimeTransform,
)

__all__ = [
    "MIRRORED", "REVERSED", "DropFrames", "Mirror", "PerClip", "RepeatFrames", "Reverse", "ShuffleFrames", "Speed",
    "TemporalCrop", "TimeJitter", "TimeTransform", "VideoMix", "VideoTransform", "blend", "block_masks", "crop_index",
    "drop_index", "exchanged", "flicker", "jitter_index", "move_times", "per_clip", "relabel", "repeat_index",
    "resample", "reverse_index", "sound_at_speed", "sound_cut", "sound_pieces", "sound_reversed", "speed_index",
    "speed_positions", "static_mask", "temporal_loss", "videomix", "volume_kept",
]  # fmt: skip
