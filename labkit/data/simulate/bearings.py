"""Bearings that run until they fail, as an accelerometer on the machine measures them.

A bearing lives for L cycles. Its wear at cycle t is ``w = (t / L)^p``: nothing for long, then much. In each cycle a
short record of vibration is taken: noise that grows with the load, and impulses at the ball-pass frequency whose height
is in proportion to the wear. What is kept of a record are numbers that engineers watch: root mean square, kurtosis,
peak; and the load, which moves the first and says nothing of the wear.
"""

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Range
from labkit.shapes import Float, Tensor

ABOUT = About(name="bearings", licence="simulated: free of rights", source="simulated")
CHANNELS = ("root mean square", "kurtosis", "peak", "load")
RECORD = 128  # values of a vibration record
PASSES = 8  # impulses in it


def bearings(
    n: int,
    *,
    generator: torch.Generator | None = None,
    cycles: int = 160,
    life: Range = (160, 400),
    power: Range = (2.0, 5.0),
    height: Range = (4.0, 10.0),
) -> Dataset:
    """The last ``cycles`` cycles of bearings that fail, (n, 4, cycles); the target (n, cycles) is the remaining life.

    The target falls by 1 a cycle and is 0 at the last. Capping it (at 125, as is usual) is left to you.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        cycles: how many cycles are recorded.
        life: range of L, in cycles; not below ``cycles``.
        power: range of p.
        height: range of the impulses' height at the end, in deviations of the noise without load.

    Returns:
        A data set with the channels as ``columns``; ``extra`` holds ``wear`` (n, cycles) and ``life`` (n,).

    Raises:
        ValueError: if a number is impossible.
    """
    draw.at_least_one(n)
    if cycles < 2:
        raise ValueError(f"cycles is {cycles}; expected 2 or more")
    draw.within("life", life, cycles, 1e6)
    draw.within("power", power, 0.1, 100)
    draw.within("height", height, 0, 1000)
    lives = draw.uniform(generator, (n, 1), life).round()
    remaining = torch.arange(cycles - 1, -1, -1.0, device=lives.device).expand(n, cycles)
    wear = ((lives - remaining) / lives) ** draw.uniform(generator, (n, 1), power)
    load = 1 + 0.3 * torch.sin(2 * torch.pi * (remaining / 40 + draw.uniform(generator, (n, 1), (0, 1))))
    load = load + 0.1 * draw.normal(generator, (n, cycles))
    tall = wear * draw.uniform(generator, (n, 1), height)
    x = torch.stack([*records(load, tall, generator), load], 1)
    return Dataset(x, remaining.clone(), (), ABOUT, {"wear": wear, "life": lives[:, 0]}, columns=CHANNELS)


def records(
    load: Float[Tensor, "n t"], height: Float[Tensor, "n t"], generator: torch.Generator | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Root mean square, kurtosis and peak (n, t) of a vibration record a cycle."""
    size = (*load.shape, RECORD)
    place = (torch.arange(PASSES, device=load.device) + 0.5) * (RECORD / PASSES)
    impulses = torch.zeros(RECORD, device=load.device)
    impulses[place.long()] = 1
    noise = load.clamp(min=0.1)[..., None] * draw.normal(generator, size)
    v = noise + height[..., None] * impulses * (1 + 0.3 * draw.normal(generator, size))
    square = (v - v.mean(-1, keepdim=True)).square()
    return v.square().mean(-1).sqrt(), square.square().mean(-1) / square.mean(-1).square(), v.abs().amax(-1)
