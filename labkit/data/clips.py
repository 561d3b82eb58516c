"""A clip from a file of your own: its pictures, and its sound where it has one.

Films are read by PyAV, which is an extra: ``pip install 'labkit-course[video]'``. Animated GIF files need nothing more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from labkit.data.dataset import DataError
from labkit.shapes import Float, Tensor


@dataclass(frozen=True, eq=False)
class Clip:
    """Pictures that follow each other, and what is heard meanwhile. ``clip.x[None]`` is a batch of one clip.

    Attributes:
        x: (T, C, H, W) in [0, 1], colours red, green, blue.
        times: (T,), when each frame is shown, in seconds from the first one.
        fps: how many of these frames are shown in a second.
        sound: (channels, N) in [-1, 1], from the first frame to the end of the last one; None where there is none.
        rate: samples of the sound in a second; 0 where there is none.
    """

    x: Float[Tensor, "t c h w"]
    times: Float[Tensor, " t"]
    fps: float
    sound: Float[Tensor, "k n"] | None = None
    rate: int = 0


class _Frame(NamedTuple):
    """A picture (H, W, 3) of bytes, and when it is shown."""

    pixels: np.ndarray
    seconds: float


def read_clip(
    path: str | PathLike[str],
    *,
    start: float = 0.0,
    frames: int | None = None,
    every: int = 1,
    size: tuple[int, int] | None = None,
) -> Clip:
    """The clip in a file: all of it, or some frames from a moment on.

    Args:
        path: a film (MP4, WebM, AVI, whatever FFmpeg reads), or an animated GIF.
        start: the moment from which frames are taken, in seconds.
        frames: how many at most; None for all until the end, which need 4·3·H·W bytes each.
        every: 1 takes each frame, 2 every other one, and so on.
        size: (rows, columns) to which pictures are brought; None as they are.

    Raises:
        DataError: one sentence with what to do, if PyAV is missing, there is no such file, it can't be read, or
            nothing is shown from ``start`` on.
        ValueError: if a number is impossible.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.NamedTemporaryFile(suffix=".gif") as file:
    ...     first, *others = [Image.new("RGB", (8, 6), colour) for colour in ("black", "red", "white")]
    ...     first.save(file.name, save_all=True, append_images=others, duration=40)
    ...     clip = read_clip(file.name)
    >>> clip.x.shape, round(clip.fps), clip.x[1, :, 0, 0]
    (torch.Size([3, 3, 6, 8]), 25, tensor([1., 0., 0.]))
    """
    if start < 0 or every < 1 or (frames is not None and frames < 1) or (size is not None and min(size) < 1):
        raise ValueError(
            f"start is {start}, frames {frames}, every {every} and size {size}; expected start ≥ 0 and the others ≥ 1"
        )
    file = Path(path)
    if not file.is_file():
        raise DataError(f"there is no file {file}")
    gif = file.suffix.lower() == ".gif"
    shown = (frame for frame in (_gif(file) if gif else _film(file)) if frame.seconds > start - 1e-6)
    chosen = islice(shown, 0, None if frames is None else (frames - 1) * every + 1, every)
    taken = [(_picture(frame.pixels, size), frame.seconds) for frame in chosen]
    if not taken:
        raise DataError(f"{file} shows nothing from second {start:g} on")
    first, last = taken[0][1], taken[-1][1]
    step = max((last - first) / (len(taken) - 1), 1e-3) if len(taken) > 1 else 1.0
    sound, rate = (None, 0) if gif else _heard(file, first, last + step)
    times = torch.tensor([seconds - first for _, seconds in taken])
    return Clip(torch.stack([picture for picture, _ in taken]), times, 1 / step, sound, rate)


def _picture(pixels: np.ndarray, size: tuple[int, int] | None) -> Tensor:
    """Bytes (H, W, 3) as (3, H, W) in [0, 1], brought to the size."""
    x = torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float() / 255
    return x if size is None else F.interpolate(x[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)


def _gif(file: Path) -> Iterator[_Frame]:
    """The pictures of an animated GIF, as whole pictures."""
    from PIL import Image, UnidentifiedImageError

    seconds = 0.0
    try:
        with Image.open(file) as animation:
            for k in range(getattr(animation, "n_frames", 1)):
                animation.seek(k)
                yield _Frame(np.asarray(animation.convert("RGB")), seconds)
                seconds += animation.info.get("duration", 100) / 1000
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DataError(f"{file} is no GIF that can be read: {error}") from error


def _av(file: Path) -> Any:
    """PyAV.

    Raises:
        DataError: if it isn't installed.
    """
    try:
        import av
    except ImportError as error:
        sentence = f"{file} is read by PyAV, which is not installed: pip install 'labkit-course[video]'"
        raise DataError(sentence) from error
    return av


def _film(file: Path) -> Iterator[_Frame]:
    """The pictures of a film."""
    av = _av(file)
    try:
        with av.open(str(file)) as film:
            if not film.streams.video:
                raise DataError(f"{file} has no pictures")
            for k, frame in enumerate(film.decode(video=0)):
                yield _Frame(frame.to_ndarray(format="rgb24"), float(frame.time if frame.time is not None else k))
    except av.error.FFmpegError as error:
        raise DataError(f"{file} can't be read: {error.strerror}") from error


def _heard(file: Path, first: float, last: float) -> tuple[Tensor | None, int]:
    """The sound between two moments, (channels, N), silent where the file has none, and its rate."""
    av = _av(file)
    try:
        with av.open(str(file)) as film:
            if not film.streams.audio:
                return None, 0
            stream = film.streams.audio[0]
            rate, layout = int(stream.rate), stream.layout
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
            blocks = [b for frame in film.decode(audio=0) for b in resampler.resample(frame)]
    except av.error.FFmpegError as error:
        raise DataError(f"the sound of {file} can't be read: {error.strerror}") from error
    length = round((last - first) * rate)
    sound = torch.zeros(len(layout.channels), length)
    for block in blocks:
        samples = torch.from_numpy(block.to_ndarray().astype(np.float32))
        at = round((float(block.time or 0.0) - first) * rate)
        low, high = max(at, 0), min(at + samples.shape[1], length)
        if low < high:
            sound[:, low:high] = samples[:, low - at : high - at]
    return sound, rate
