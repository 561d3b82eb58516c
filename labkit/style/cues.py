"""Shape against texture: pictures in which the two agree or don't, and which of the two a classifier uses.

Four shapes are filled with four textures. In training each shape has its own texture, so that either tells the class;
in a *cue conflict* the texture is another class's. The share of answers that name the shape, and the share that name
the texture, say what a classifier has learned. Colours are drawn at random and tell nothing.

Geirhos, Rubisch, Michaelis, Bethge, Wichmann and Brendel, "ImageNet-Trained CNNs Are Biased towards Texture" (ICLR
2019), with photographs and networks that are somewhat larger.
"""

from math import pi
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional

from labkit.data import Dataset
from labkit.data.dataset import About
from labkit.data.simulate import shapes
from labkit.shapes import Images, Int, Labels, images

SHAPES = ("circle", "triangle", "square", "star")
TEXTURES = ("stripes", "clouds", "checks", "grains")
"""The texture that goes with each shape."""

ABOUT = About("shapes filled with textures", "simulated: free of rights", "", "simulated")


class Cues(NamedTuple):
    """Shares of the answers to a cue conflict: for the shape, for the texture, for neither."""

    shape: float
    texture: float
    neither: float


def cue_pictures(n: int, *, conflict: bool = False, size: int = 32, generator: Generator | None = None) -> Dataset:
    """Shapes filled with textures, (n, 3, size, size) in [0, 1]; the label is the shape.

    Args:
        n: how many.
        conflict: whether the texture is one of the three that go with other shapes, instead of the shape's own.
        size: pixels along a side.
        generator: the source of all randomness.

    Returns:
        A data set whose ``extra`` holds ``texture`` (n,), the class that the texture stands for.

    Raises:
        ValueError: as ``labkit.data.simulate.shapes``.

    >>> import torch
    >>> d = cue_pictures(8, conflict=True, generator=torch.Generator().manual_seed(0))
    >>> tuple(d.x.shape), bool((d.extra["texture"] != d.y).all())
    ((8, 3, 32, 32), True)
    """
    drawn = shapes(n, generator=generator, size=size, classes=SHAPES, fill=True, paper=0.0, contrast=(1, 1), noise=0.0,
                   scale=(0.6, 0.85))  # fmt: skip
    y = drawn.y
    device = None if generator is None else generator.device
    other = torch.randint(1, len(SHAPES), (n,), generator=generator, device=device)
    texture = (y + other) % len(SHAPES) if conflict else y
    grain = textures(texture, size=size, generator=generator)
    colours = torch.rand((2, n, 3, 1, 1), generator=generator, device=device)
    inside, outside = 0.5 + 0.5 * colours[0], colours[1]
    x = drawn.x * grain * inside + (1 - drawn.x) * outside
    return Dataset(x.clamp(0, 1), y, SHAPES, ABOUT, {"texture": texture})


def textures(kinds: Int[Tensor, " b"], *, size: int, generator: Generator | None = None) -> Images:
    """A field of texture (B, 1, size, size) in [0, 1] for each kind, an index of ``TEXTURES``; every one is another.

    Raises:
        ValueError: if a kind is no index of ``TEXTURES``.

    >>> import torch
    >>> tuple(textures(torch.tensor([0, 1, 2, 3]), size=16).shape)
    (4, 1, 16, 16)
    """
    if len(kinds) and not 0 <= int(kinds.min()) <= int(kinds.max()) < len(TEXTURES):
        raise ValueError(f"kinds are numbers from 0 to {len(TEXTURES) - 1}; these go to {int(kinds.max())}")
    n, device = len(kinds), kinds.device
    u = torch.rand((4, n, 1, 1), generator=generator, device=device)
    angle, period = 2 * pi * u[0], 3.5 + 1.5 * u[1]
    row, column = torch.meshgrid(torch.arange(size, device=device), torch.arange(size, device=device), indexing="ij")
    a = column * angle.cos() + row * angle.sin() + size * u[2]
    b = row * angle.cos() - column * angle.sin() + size * u[3]
    wave = 2 * pi / period
    noise = torch.randn((n, 1, size, size), generator=generator, device=device)
    grains, clouds = (functional.avg_pool2d(noise, k, stride=1, padding=k // 2)[:, 0] * k for k in (3, 9))
    fields = torch.stack([(wave * a).sin(), clouds, (wave * a).sin() * (wave * b).sin(), grains])
    chosen = fields[kinds, torch.arange(n, device=device)]
    return (0.5 + 0.5 * chosen.clamp(-1, 1))[:, None]


def cue_shares(answers: Labels, shape: Labels, texture: Labels) -> Cues:
    """Which cue the answers to a cue conflict follow.

    Args:
        answers: the classes that a model names, (B,).
        shape: the class of each picture's shape.
        texture: the class that its texture stands for, another one.

    Raises:
        ValueError: if there is no picture, they are not as many, or a picture's cues agree.

    >>> import torch
    >>> a, s, t = torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1, 1, 1]), torch.tensor([1, 0, 2, 2])
    >>> cue_shares(a, s, t)
    Cues(shape=0.5, texture=0.25, neither=0.25)
    """
    if not len(answers) or answers.shape != shape.shape or shape.shape != texture.shape:
        raise ValueError(
            f"there are {len(answers)} answers, {len(shape)} shapes, {len(texture)} textures; expected as many"
        )
    if bool((shape == texture).any()):
        raise ValueError("shape and texture agree in some pictures; a conflict has two different cues")
    by_shape, by_texture = (float((answers == v).double().mean()) for v in (shape, texture))
    return Cues(by_shape, by_texture, max(0.0, 1 - by_shape - by_texture))


def edge_agreement(x: Images, z: Images) -> Tensor:
    """How far ``z`` has the edges of ``x``: the correlation of the gradients' lengths in the grey pictures. (B,)

    1 where every edge stayed, about 0 for unrelated pictures and for a picture without edges.

    Args:
        x, z: pictures (B, C, H, W), two pixels a side or more; channels are averaged.

    Raises:
        ValueError: if these are no pictures of one shape.

    >>> import torch
    >>> x = torch.rand(2, 3, 8, 8)
    >>> edge_agreement(x, 1 - x).round(decimals=4)
    tensor([1., 1.])
    """
    if images(x).shape != images(z).shape or min(x.shape[2:]) < 2:
        raise ValueError(
            f"edges are compared place by place: {tuple(x.shape)} with {tuple(z.shape)}, from 2 pixels a side"
        )

    def edges(v: Tensor) -> Tensor:
        grey = v.mean(1)
        down, across = grey[:, 1:, :-1] - grey[:, :-1, :-1], grey[:, :-1, 1:] - grey[:, :-1, :-1]
        length = torch.hypot(down, across).flatten(1)
        return length - length.mean(1, keepdim=True)

    a, b = edges(x), edges(z)
    return functional.cosine_similarity(a, b, dim=1, eps=1e-12)
