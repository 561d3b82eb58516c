"""The sound of a clip: what becomes of it when frames are shown at other times.

Sounds are ``float (B, N)`` or ``(B, K, N)`` with K channels: N samples that sound while T frames are shown, so that
frame t lasts from sample tN/T to (t + 1)N/T. A clip that runs ``rate`` times as fast sounds so, with every frequency
times the rate: that is topic 06's ``audio.speed``. Where frames change their places, their pieces of sound do:

    y(n) = x(n + round((i(s) − s) N/T)),      s = ⌊nT/N⌋  the frame that is shown,  i(s)  the frame that it was

No sample is mixed, so two pieces that weren't neighbours meet with a click.
"""

from typing import Any

import torch
from torch import Tensor

from labkit.augment import audio
from labkit.augment.arguments import Value, describe, whole
from labkit.augment.video._args import Index, table
from labkit.shapes import Bool, Float, Int

Sounds = Float[Tensor, "b *k n"]
"""B sounds of N samples, with or without channels."""

Resounded = Float[Tensor, "b *k n2"]
"""Sounds whose length may differ from that of those that were given."""


def sounds(value: Any, *, clips: int, frames: int) -> Tensor:
    """``value``, if it is a sound for each of so many clips, with a sample or more for each of so many frames.

    Raises:
        ValueError: saying what it is instead.
    """
    fits = isinstance(value, Tensor) and value.ndim in (2, 3) and value.is_floating_point() and len(value) == clips
    if not fits or value.shape[-1] < frames or 0 in value.shape[1:]:
        raise ValueError(
            f"sound is a float tensor ({clips}, N) or ({clips}, channels, N) with at least {frames} samples, one a "
            f"frame; this is {describe(value)}"
        )
    return value


def sound_pieces(sound: Sounds, *, index: Index, frames: int) -> Resounded:
    """The pieces of sound that belong to the frames of a map, in its order: (B, …, N·S/T).

    Args:
        sound: (B, N) or (B, K, N).
        index: (B, S), which frame is shown, as in ``resample``.
        frames: T, how many frames the clip had.

    Raises:
        ValueError: if there isn't a sound and a row of the map for each clip, or a frame doesn't exist.

    >>> sound_pieces(torch.arange(6.0)[None], index=torch.tensor([[2, 2, 0]]), frames=3)
    tensor([[4., 5., 4., 5., 0., 1.]])
    """
    n = sounds(sound, clips=len(sound), frames=frames).shape[-1]
    shown = whole(table(index, clips=len(sound), name="index"), low=0, high=frames - 1, name="index")
    steps = shown.shape[1]
    sample = torch.arange(round(n * steps / frames), device=sound.device)
    frame = (sample * frames // n).clamp(max=steps - 1)
    moved = ((shown.to(sound.device)[:, frame] - frame) * (n / frames)).round().long()
    return _taken(sound, (sample + moved).clamp(0, n - 1))


def sound_at_speed(sound: Sounds, *, rate: Value, frames: int, start: Value = 0.0) -> Sounds:
    """The sound of a clip that is shown ``rate`` times as fast from the frame ``start`` on: as long as before.

    Every frequency is multiplied by the rate, as on a tape. Where a fast clip stands still at its end it is silent.

    Args:
        sound: (B, N) or (B, K, N).
        rate: from 0.1 to 10, one number or (B,).
        frames: T.
        start: in frames, one number or (B,).

    Raises:
        ValueError: if a rate is outside its range.

    >>> sound_at_speed(torch.ones(1, 8), rate=2.0, frames=4).round(decimals=3).abs()[:, 5:]
    tensor([[0., 0., 0.]])
    """
    n = sounds(sound, clips=len(sound), frames=frames).shape[-1]
    begin = torch.as_tensor(start, device=sound.device).double().reshape(-1).expand(len(sound)) * (n / frames)
    return audio.speed(audio.shift(sound, samples=-begin.round().long()), rate=rate)


def sound_cut(sound: Sounds, *, start: Int[Tensor, " b"], size: int, stride: int = 1, frames: int) -> Resounded:
    """The sound of ``size`` frames, ``stride`` apart, from the frame ``start`` on: (B, …, N·size/T).

    Raises:
        ValueError: if it reaches beyond the end.

    >>> sound_cut(torch.arange(8.0)[None], start=torch.tensor([1]), size=2, frames=4)
    tensor([[2., 3., 4., 5.]])
    """
    n = sounds(sound, clips=len(sound), frames=frames).shape[-1]
    begin = whole(start, low=0, high=frames - 1 - (size - 1) * stride, name="start").to(sound.device)
    length = round(n * size / frames)
    first = (begin.double() * (n / frames)).round().long()
    if stride == 1:
        sample = torch.arange(length, device=sound.device)
        return _taken(sound, (first[:, None] + sample).clamp(max=n - 1))
    return audio.speed(audio.shift(sound, samples=-first), rate=float(stride), length=length)


def sound_reversed(sound: Sounds, *, reverse: Bool[Tensor, " b"]) -> Sounds:
    """Each sound backwards where ``reverse`` (B,) is True.

    >>> sound_reversed(torch.arange(3.0).expand(2, 3), reverse=torch.tensor([True, False]))
    tensor([[2., 1., 0.],
            [0., 1., 2.]])
    """
    chosen = reverse.to(sound.device).view(-1, *[1] * (sound.ndim - 1))
    return torch.where(chosen, sound.flip(-1), sound)


def _taken(sound: Tensor, source: Tensor) -> Tensor:
    """The samples of each item at the positions ``source`` (B, N2)."""
    at = source if sound.ndim == 2 else source[:, None].expand(-1, sound.shape[1], -1)
    return sound.gather(-1, at)
