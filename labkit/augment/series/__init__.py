"""Time series and sensors: functions that apply given parameters, and small classes that draw them.

Series are ``float (B, C, T)``: items, channels, steps. A parameter is one number, or a tensor (B,) with one an item::

    from labkit.augment import series

    series.time_warp(x, log_speed=v)                               # (B, K) knots: one map for all channels
    series.TimeWarp(0.2)(x, generator=g)                           # each by its own draw
    result = series.TimeWarp(0.2)(x, generator=g, mask=m, times=s) # labels of steps and moments of events follow
    series.inject(x, "spike", start=40, length=1, strength=6)      # .x, .mask, .kind

To mix two series and their labels, ``labkit.augment.mixing.Mixup`` takes them as they are.
"""

from labkit.augment.series.anomalies import KINDS, Injected, inject, local_std
from labkit.augment.series.distance import discord_scores, dtw, nearest_window, windows
from labkit.augment.series.resampling import low_pass, resample
from labkit.augment.series.scoring import (
    Found,
    detection,
    peak_inside,
    point_adjust,
    range_detection,
    remaining_life_score,
)
from labkit.augment.series.splines import spline
from labkit.augment.series.timing import (
    interpolate,
    move_times,
    nearest,
    permute,
    roll,
    time_warp,
    warp_positions,
    window_slice,
    window_warp,
)
from labkit.augment.series.transforms import (
    DropChannels,
    DropSteps,
    InjectAnomaly,
    Jitter,
    MagnitudeWarp,
    Permute,
    Resample,
    Roll,
    Rotate,
    Scale,
    SeriesTransform,
    TimeWarp,
    WindowSlice,
    WindowWarp,
)
from labkit.augment.series.values import (
    channel_std,
    drop_channels,
    drop_steps,
    jitter,
    magnitude_warp,
    rotate,
    rotation_matrix,
    scale,
)

__all__ = [
    "KINDS", "DropChannels", "DropSteps", "Found", "InjectAnomaly", "Injected", "Jitter", "MagnitudeWarp",
    "Permute", "Resample", "Roll", "Rotate", "Scale", "SeriesTransform", "TimeWarp", "WindowSlice", "WindowWarp",
    "channel_std", "detection", "discord_scores", "drop_channels", "drop_steps", "dtw", "inject", "interpolate",
    "jitter", "local_std", "low_pass", "magnitude_warp", "move_times", "nearest", "nearest_window", "peak_inside",
    "permute", "point_adjust", "range_detection", "remaining_life_score", "resample", "roll", "rotate",
    "rotation_matrix", "scale", "spline", "time_warp", "warp_positions", "window_slice", "window_warp", "windows",
]  # fmt: skip
