"""Sounds in files of the WAV format, 16 bits a sample, by Python's own reader: to hear what was done to them."""

import io
import wave
from os import PathLike

import numpy as np
import torch
from torch import Tensor

from labkit.augment.arguments import describe
from labkit.augment.audio._args import positive
from labkit.shapes import Float


def wav_bytes(x: Float[Tensor, "*c t"], *, rate: int) -> bytes:
    """One sound, (T,) or (C, T) in [-1, 1], as the bytes of a WAV file; what is louder is cut off.

    Raises:
        ValueError: if it is no single sound, or the rate is not above 0.

    >>> len(wav_bytes(torch.zeros(100), rate=8000))
    244
    """
    positive(rate, name="rate")
    if x.ndim not in (1, 2) or not x.is_floating_point():
        raise ValueError(f"a single sound is float (T,) or (C, T); this is {describe(x)}")
    channels = x if x.ndim == 2 else x[None]
    samples = (channels.detach().cpu().double().clamp(-1, 1) * 32767).round().to(torch.int16)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.T.contiguous().numpy().astype("<i2").tobytes())
    return buffer.getvalue()


def read_wav(path: str | PathLike[str]) -> tuple[Float[Tensor, "c t"], int]:
    """The sound (C, T) in [-1, 1] of a WAV file with 16 bits a sample, and its rate.

    Raises:
        ValueError: if the file is no such file.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".wav") as file:
    ...     _ = file.write(wav_bytes(torch.zeros(2, 100), rate=8000))
    ...     file.flush()
    ...     sound, rate = read_wav(file.name)
    >>> sound.shape, rate
    (torch.Size([2, 100]), 8000)
    """
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is no WAV file that can be read: {error}") from error
    if width != 2:
        raise ValueError(f"{path} has {8 * width} bits a sample; expected 16")
    samples = np.frombuffer(raw, dtype="<i2").astype(np.float32).reshape(-1, channels)
    return torch.from_numpy(samples.T / 32768), rate
