"""What all functions on sounds share: the shape at the door, and the length of each wave of a padded batch."""

import torch
from torch import Tensor

from labkit import shapes
from labkit.shapes import Bool, Float, Int, PerSample

Waves = Float[Tensor, "b *c t"]
"""Sounds: (B, T), or (B, C, T) with C channels of one recording."""

Resampled = Float[Tensor, "b *c t2"]
"""Sounds whose length may differ from that of those that were given."""

Value = float | int | Tensor
Lengths = Int[Tensor, " b"]


def waves(x: Tensor) -> Tensor:
    """``x``, if it is a batch of sounds: float, (B, T) or (B, C, T), at least one sample long.

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"sounds are a torch tensor; this is a {type(x).__name__}")
    if x.ndim not in (2, 3):
        hint = ": of one sound (T,) take x[None]" if x.ndim == 1 else ""
        raise ValueError(f"sounds have shape (B, T) or (B, C, T); this has shape {tuple(x.shape)}{hint}")
    if not x.is_floating_point():
        raise ValueError(f"sounds are float in [-1, 1]; this is {x.dtype}: divide 16-bit samples by 32768 first")
    if x.shape[-1] == 0 or (x.ndim == 3 and x.shape[1] == 0):
        raise ValueError(f"a sound has at least one channel and one sample; this has shape {tuple(x.shape)}")
    return x


def spectra(s: Tensor, *, complex_: bool = False) -> Tensor:
    """``s``, if it is a batch of spectrograms (B, F, S) or (B, C, F, S): F frequencies, S frames.

    Raises:
        ValueError: saying what it is instead.
    """
    kind = "complex" if complex_ else "float"
    if not isinstance(s, Tensor):
        raise ValueError(f"spectrograms are a torch tensor; this is a {type(s).__name__}")
    if s.ndim not in (3, 4):
        raise ValueError(f"spectrograms have shape (B, F, S) or (B, C, F, S); this has shape {tuple(s.shape)}")
    if not (s.is_complex() if complex_ else s.is_floating_point()):
        raise ValueError(f"this spectrogram must be {kind}; it is {s.dtype}")
    return s


def positive(value: int | float, *, name: str) -> None:
    """Refuse a size or a rate that is not above 0.

    Raises:
        ValueError: saying what it is.
    """
    if not value > 0:
        raise ValueError(f"{name} is {value}; expected a number above 0")


def present(x: Tensor, lengths: Tensor | None) -> Bool[Tensor, "b t"] | None:
    """Which steps of the last dimension belong to each item: True before its length; None where all do.

    Raises:
        ValueError: unless there is one whole number from 1 to the last dimension for each item.
    """
    if lengths is None:
        return None
    size = x.shape[-1]
    if lengths.is_floating_point() or lengths.dtype == torch.bool or lengths.shape != (len(x),):
        raise ValueError(
            f"lengths are whole numbers, one for each of the {len(x)} items; "
            f"these are {lengths.dtype} {tuple(lengths.shape)}"
        )
    if lengths.device.type == "cpu" and len(x) and not (int(lengths.min()) >= 1 and int(lengths.max()) <= size):
        raise ValueError(f"a length is from 1 to {size}; these are from {int(lengths.min())} to {int(lengths.max())}")
    return torch.arange(size, device=x.device) < lengths.to(x.device)[:, None]


def along(value: Tensor, x: Tensor) -> Tensor:
    """What belongs to an item and a step, (B, T), shaped for ``x`` (B, …, T).

    >>> along(torch.ones(2, 5), torch.ones(2, 3, 5)).shape
    torch.Size([2, 1, 5])
    """
    return value if x.ndim == 2 else value.view(len(value), *[1] * (x.ndim - 2), value.shape[-1])


def rms(x: Waves, *, lengths: Lengths | None = None) -> PerSample:
    """The root mean square (B,) of each item over all its channels and samples: its loudness.

    >>> rms(torch.tensor([[3.0, -3.0, 0.0, 0.0]]), lengths=torch.tensor([2]))
    tensor([3.])

    Raises:
        ValueError: if x is no batch of sounds, or ``lengths`` don't fit.
    """
    mask = present(waves(x), lengths)
    if mask is None:
        return x.flatten(1).square().mean(1).sqrt()
    inside = along(mask, x).expand_as(x).to(x.dtype)
    return ((x.square() * inside).flatten(1).sum(1) / inside.flatten(1).sum(1)).sqrt()


def batch(value: Value, x: Tensor, *, name: str) -> Tensor:
    """A parameter as (B,), one number for all or one an item."""
    return shapes.per_sample(value, x, name=name)
