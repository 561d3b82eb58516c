"""Short clips of a moving shape; the label is the motion, never the shape.

A shape (circle, triangle, square or star) starts somewhere and moves evenly: left, right, up or down; clockwise or
counter-clockwise, about itself; or it grows or shrinks. A clip played backwards is a clip of the opposite motion, so
it is the order of the frames that tells the two apart; one frame alone gives little away.
"""

from math import pi

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number, Range
from labkit.data.simulate.shapes import SHAPES, outline
from labkit.shapes import Float, Labels, Tensor

MOTIONS = ("left", "right", "up", "down", "clockwise", "counter-clockwise", "growing", "shrinking")
ABOUT = About(name="moving", licence="simulated: free of rights", source="simulated")


def moving(
    n: int,
    *,
    generator: torch.Generator | None = None,
    frames: int = 12,
    size: int = 32,
    motions: tuple[str, ...] = MOTIONS,
    speed: Range = (0.2, 0.4),
    scale: Range = (0.25, 0.5),
    noise: Number = 0.02,
) -> Dataset:
    """Clips of a light shape on a dark ground, (n, frames, 1, size, size) in [0, 1]; the label is the motion.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        frames: how many frames a clip has.
        size: pixels along a side.
        motions: some of ``MOTIONS``. Circles turn unseen: with a turning motion the shape is never a circle.
        speed: range of the way from the first to the last frame: as a share of the image for a shift, of a quarter
            turn for a turn, of the size for growing.
        scale: range of the shape's radius, on average over the clip, as a share of half the image.
        noise: standard deviation of the noise on each pixel.

    Returns:
        A data set whose ``extra`` holds ``shape`` (n,) int64: 0 circle, 1 triangle, 2 square, 3 star; ``path``
        (n, frames, 4): centre x and y in pixels from the middle, y down, angle in radians counter-clockwise, radius
        in pixels.

    Raises:
        ValueError: if a motion is unknown or a number impossible.
    """
    draw.at_least_one(n)
    draw.within("speed", speed, 0, 1)
    draw.within("scale", scale, 0.05, 1)
    unknown = [name for name in motions if name not in MOTIONS]
    if unknown or not motions or frames < 2:
        raise ValueError(f"the motions are {motions} in {frames} frames; expected some of {MOTIONS} in 2 or more")
    labels = draw.balanced(generator, n, len(motions))
    kind = torch.tensor([MOTIONS.index(name) for name in motions], device=labels.device)[labels]
    corners = 1 + draw.integers(generator, (n,), 3)
    shape = torch.where((draw.uniform(generator, (n,), (0, 1)) < 0.25) & (kind // 2 != 2), 0, corners)
    path = paths(kind, frames, size, speed, scale, generator)
    x, y = draw.pixels(size, labels.device)
    flat = path.reshape(-1, 4)
    x, y = draw.turned(x - draw.column(flat[:, 0]), y - draw.column(flat[:, 1]), -flat[:, 2])
    distance = torch.empty_like(x)
    for k, name in enumerate(SHAPES[:4]):
        of = shape.repeat_interleave(frames) == k
        distance[of] = outline(name, x[of], y[of], flat[of, 3])
    light = draw.uniform(generator, (n, 1, 1, 1, 1), (0.6, 1.0))
    ground = draw.uniform(generator, (n, 1, 1, 1, 1), (0.0, 0.25))
    clip = ground + (light - ground) * draw.cover(distance).reshape(n, frames, 1, size, size)
    clip = clip + noise * draw.normal(generator, tuple(clip.shape))
    return Dataset(clip.clamp(0, 1), labels, tuple(motions), ABOUT, {"shape": shape, "path": path})


def paths(
    kind: Labels, frames: int, size: int, speed: Range, scale: Range, generator: torch.Generator | None
) -> Float[Tensor, "b t 4"]:
    """Centre x, y, angle and radius in every frame, (n, frames, 4), symmetric in time about a drawn middle."""
    n = len(kind)
    way = draw.uniform(generator, (n,), speed)
    radius = draw.uniform(generator, (n,), scale) * size / 2
    pair, sign = kind // 2, (2 * (kind % 2) - 1).float()
    time = torch.linspace(-0.5, 0.5, frames, device=kind.device)
    moved = (sign * way)[:, None] * time  # from -way/2 to way/2, backwards for left, up, clockwise and growing
    zero = torch.zeros_like(moved)

    def when(number: int, value: Tensor) -> Tensor:
        return torch.where((pair == number)[:, None], value, zero)

    room = ((0.5 - way / 2) * size - radius).clamp_min(0)
    middle = draw.uniform(generator, (n, 2), (-1, 1)) * room[:, None]
    turn = draw.uniform(generator, (n,), (0, 2 * pi))
    x = middle[:, :1] + when(0, moved * size)
    y = middle[:, 1:] + when(1, moved * size)
    angle = turn[:, None] + when(2, moved * pi / 2)
    return torch.stack([x, y, angle, radius[:, None] * (1 - when(3, moved))], -1)
