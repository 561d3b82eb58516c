"""Images to cluster that differ in ink, paper, pen, light and margin: most are digits of MNIST, 1,500 at most."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import kit
from benchmarks.kit import seeded
from labkit import data
from labkit.augment import image


def training_digits(first: int, size: int = 28) -> tuple[Tensor, Tensor]:
    """1,500 of MNIST's training digits from the first-th on, averaged down."""
    some = data.mnist("train", download=False).take(torch.arange(first, first + 1500))
    return functional.adaptive_avg_pool2d(some.x, size), some.y


def shrunk(x: Tensor, size: int) -> Tensor:
    """Pictures made smaller."""
    return functional.interpolate(x, size=size, mode="bilinear", antialias=True).clamp(0, 1)


def without_margin(x: Tensor, size: int) -> Tensor:
    """MNIST's pictures without their four pixels of margin, made smaller."""
    return shrunk(x[..., 4:24, 4:24], size)


def on_papers(x: Tensor, paper: Tensor, ink: Tensor) -> Tensor:
    """White signs on papers up to 0.4 bright, in inks from half as strong on; ``paper`` and ``ink`` are 0 to 1."""
    return 0.4 * paper + (1 - 0.4 * paper) * (0.5 + 0.5 * ink) * x


def tight() -> tuple[Tensor, Tensor]:
    """Without a margin: the middle 20 × 20 pixels as 16 × 16."""
    x, y = training_digits(0)
    return without_margin(x, 16), y


def inks() -> tuple[Tensor, Tensor]:
    """Each digit in an ink of its own, from 0.4 to 1."""
    x, y = training_digits(1500, 14)
    return (0.4 + 0.6 * torch.rand(len(x), 1, 1, 1, generator=seeded(3))) * x, y


def papers() -> tuple[Tensor, Tensor]:
    """Each digit on a paper of its own, from 0 to 0.4, in an ink of its own."""
    x, y = training_digits(3000, 14)
    paper, ink = (torch.rand(len(x), 1, 1, 1, generator=seeded(s)) for s in (4, 5))
    return on_papers(x, paper, ink), y


def pens() -> tuple[Tensor, Tensor]:
    """Half of the digits with a broad pen."""
    x, y = training_digits(4500)
    broad = torch.rand(len(x), 1, 1, 1, generator=seeded(6)) < 0.5
    return functional.adaptive_avg_pool2d(torch.where(broad, functional.max_pool2d(x, 3, 1, 1), x), 14), y


def scikit() -> tuple[Tensor, Tensor]:
    """scikit-learn's digits."""
    every = data.digits()
    return every.x, every.y


def lit() -> tuple[Tensor, Tensor]:
    """scikit-learn's digits, each in a light of its own."""
    x, y = scikit()
    g = seeded(0)
    gain = 0.2 + 0.5 * torch.rand(len(x), 1, 1, 1, generator=g)
    return (gain * x + 0.6 * torch.rand(len(x), 1, 1, 1, generator=g)).clamp(0, 1), y


def moved() -> tuple[Tensor, Tensor]:
    """Turned by up to ±20°, scaled by ±20 %, moved by ±3 pixels on sheets of 40 × 40; the middle at half the size."""
    x, y = training_digits(10500)
    sheet = functional.pad(x, (6, 6, 6, 6))
    policy = image.Affine(degrees=20, dx=3, dy=3, scale=0.2)
    return functional.avg_pool2d(policy(sheet, generator=seeded(0)), 2)[..., 1:-1, 1:-1], y


def clothes(size: int = 14) -> tuple[Tensor, Tensor]:
    """900 of Fashion-MNIST, 90 a class: the picture ``fashion-mnist-sprite.png`` of the data set's own repository."""
    from PIL import Image

    with Image.open(kit.real_data("fashion-mnist-sprite.png")) as sheet:
        grey = torch.tensor(list(sheet.convert("RGB").getdata(0))).view(30, 28, 30, 28) / 255
    x = grey.permute(0, 2, 1, 3).reshape(900, 1, 28, 28)
    # Three rows of 30 a class.
    return functional.adaptive_avg_pool2d(x, size), torch.arange(900) // 90


def rare() -> tuple[Tensor, Tensor]:
    """Digits from 5 on are five times rarer."""
    x, y = training_digits(12000, 14)
    keep = (y < 5) | (torch.arange(len(y)) % 5 == 0)
    return x[keep], y[keep]


SETS: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
    "scikit-learn's digits, 8²": scikit,
    "MNIST without a margin, 16²": tight,
    "MNIST in inks, 14²": inks,
    "MNIST on papers, 14²": papers,
    "MNIST in two pens, 14²": pens,
}
"""On these the default transformations were chosen."""

OTHERS: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
    "Fashion-MNIST, 900 images, 14²": clothes,
    "scikit-learn's digits in any light, 8²": lit,
    "MNIST moved and turned, 18²": moved,
    "MNIST, 5 to 9 five times rarer, 14²": rare,
    "Fashion-MNIST, 900 images, 28²": partial(clothes, 28),
}
