"""Pictures for explorers: PNG files by Pillow, made in a few milliseconds, and what explorers take pictures of."""

import base64
import html
import io
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from labkit import data
from labkit.augment import image
from labkit.shapes import Float, Images

CRISP = 96  # pixels: smaller pictures are blown up by whole numbers, so that their pixels stay squares
SHOWN = 480  # pixels: how large small pictures become at least
PHOTOGRAPHS = ("astronaut", "cat", "coffee", "flower", "china", "motorcycle", "rocket", "retina")


@dataclass(frozen=True)
class Picture:
    """An image (C, H, W) in [0, 1] with one or three channels, and what it shows in words."""

    x: Tensor
    alt: str

    def png(self) -> bytes:
        """The image as a PNG file; one of few pixels is blown up without smoothing."""
        values = self.x.detach().cpu().clamp(0, 1).mul(255).round().byte()
        array = values.permute(1, 2, 0).contiguous().numpy()
        picture = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
        largest = max(picture.size)
        if largest <= CRISP:
            factor = -(-SHOWN // largest)
            picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
        buffer = io.BytesIO()
        picture.save(buffer, format="png", compress_level=1)
        return buffer.getvalue()

    def html(self) -> str:
        """The image within HTML, for a view that shows words as well, or may have to wait."""
        source = f"data:image/png;base64,{base64.b64encode(self.png()).decode('ascii')}"
        return f'<img alt="{html.escape(self.alt, quote=True)}" src="{source}" style="width: 100%"/>'


def rgb(colour: str) -> Float[Tensor, "3 1 1"]:
    """A colour ``#rrggbb`` for pixels."""
    return torch.tensor([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])[:, None, None]


def typical_digit(k: int) -> Images:
    """The most typical of the digits k that no network of an explorer has seen, (1, 1, 8, 8)."""
    digits = data.digits("test")
    same = digits.x[digits.y == k]
    return same[(same - same.mean(0)).square().flatten(1).sum(1).argmin()][None]


def square_photograph(name: str, side: int) -> Images:
    """The middle of a photograph, (1, 3, side, side)."""
    x = data.photograph(name)[None]
    shortest = min(x.shape[2:])
    top, left = (x.shape[2] - shortest) // 2, (x.shape[3] - shortest) // 2
    return image.resize(x[:, :, top : top + shortest, left : left + shortest], size=(side, side))
