"""Marks over photographs: how MNIST-M is made of MNIST, with any photographs.

    x' = |p − x|        p: a patch of a photograph, drawn for each image; x: the mark, in each channel

Y. Ganin and others, "Domain-Adversarial Training of Neural Networks" (JMLR 17, 2016), section 5.2.4, with patches of
BSDS500. Where the mark is white the photograph is inverted, where it is black one sees through.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from labkit.data.dataset import DataError
from labkit.shapes import Float, Images, images

ENDINGS = (".jpg", ".jpeg", ".png")


def over_photographs(
    x: Images, photographs: Mapping[str, Tensor] | Sequence[Tensor], *, generator: torch.Generator | None = None
) -> Float[Tensor, "b 3 h w"]:
    """|p − x|: each image over a patch of a photograph of its own, (B, 3, H, W) in [0, 1].

    Args:
        x: the marks, (B, 1, H, W) or (B, 3, H, W) in [0, 1], say white digits on black.
        photographs: each (3, H', W') in [0, 1], at least as large as the marks. Each is as likely as another.
        generator: the source of the choice of photograph and place, on the CPU.

    Raises:
        ValueError: if there is no photograph, or one is smaller than the marks or has another number of channels.
    """
    n, channels, h, w = images(x).shape
    several = list(photographs.values()) if isinstance(photographs, Mapping) else list(photographs)
    if channels not in (1, 3) or not several:
        raise ValueError(f"there are {len(several)} photographs for marks of {channels} channels; expected one or more "
                         "photographs, and one channel or three")  # fmt: skip
    for p in several:
        if p.ndim != 3 or p.shape[0] != 3 or p.shape[1] < h or p.shape[2] < w:
            raise ValueError(f"a photograph has shape {tuple(p.shape)}; expected (3, {h} or more, {w} or more)")
    chosen = torch.randint(len(several), (n,), generator=generator)
    u = torch.rand(n, 2, generator=generator)
    blended = x.expand(n, 3, h, w).clone()
    rows, columns = torch.arange(h), torch.arange(w)
    # A loop over photographs, not over images: all patches of one photograph are cut at once.
    for k, p in enumerate(several):
        mine = (chosen == k).nonzero()[:, 0]
        top = (u[mine, 0] * (p.shape[1] - h + 1)).long()[:, None, None] + rows[:, None]
        left = (u[mine, 1] * (p.shape[2] - w + 1)).long()[:, None, None] + columns
        patches = p[:, top, left].movedim(0, 1).to(x)
        blended[mine.to(x.device)] = (patches - blended[mine.to(x.device)]).abs()
    return blended


def pictures(folder: str | Path) -> dict[str, Tensor]:
    """All photographs (``.jpg``, ``.jpeg``, ``.png``) of a folder by file name, each float32 (3, H, W) in [0, 1].

    Raises:
        DataError: if the folder holds none.
    """
    from PIL import Image

    paths = sorted(p for p in Path(folder).expanduser().glob("*") if p.suffix.lower() in ENDINGS)
    if not paths:
        raise DataError(f"{folder} holds no photograph; expected files ending in {', '.join(ENDINGS)}")
    photographs = {}
    for path in paths:
        with Image.open(path) as image:
            array = np.array(image.convert("RGB"))
        photographs[path.stem] = torch.from_numpy(array).permute(2, 0, 1).float().div(255).contiguous()
    return photographs


def under_lamp(
    x: Images, *, strength: float = 0.8, width: float = 0.25, generator: torch.Generator | None = None
) -> Float[Tensor, "b c h w"]:
    """x plus a round spot of light at a place drawn for each image: strength · exp(−r² / 2 s²), s = width · (H − 1).

    Nothing is clipped: an image under a lamp goes up to 1 + ``strength``.

    Args:
        x: images.
        strength: how bright the middle of the spot is.
        width: the spot's standard deviation as a share of the image's height.
        generator: the source of the places, on the CPU.

    Raises:
        ValueError: if the width is not above 0.
    """
    n, _, h, w = images(x).shape
    if width <= 0:
        raise ValueError(f"width is {width}; expected a share above 0")
    u = torch.rand(n, 2, generator=generator).to(x)
    rows, columns = torch.arange(h).to(x), torch.arange(w).to(x)
    down = (rows - u[:, :1] * (h - 1)).square()[:, :, None]
    across = (columns - u[:, 1:] * (w - 1)).square()[:, None]
    return x + strength * torch.exp(-(down + across) / (2 * (width * (h - 1)) ** 2))[:, None]
