"""Random numbers and pictures for the simulators: everything drawn from one generator, on its device.

Pictures are drawn by signed distance. A shape is a function d(p), in pixels, negative inside; the share of a pixel
it covers is close to clip(½ − d(p), 0, 1), which is what makes an edge smooth without supersampling. A line of
width w along the outline covers clip(½ + w/2 − |d(p)|, 0, 1).
"""

import torch
from jaxtyping import Shaped

from labkit.shapes import Float, Labels, PerSample, Tensor

Number = float | int
Range = tuple[Number, Number]
"""The lowest and the highest value of a knob that is drawn for each sample."""

Planes = Float[Tensor, "#b h w"]
Points = Float[Tensor, "b 2"]

CHUNK = 256
"""Images drawn at a time where many steps are taken over each: more would leave the processor's cache."""


def device_of(generator: torch.Generator | None) -> torch.device:
    """The device that a simulator works on: its generator's."""
    return generator.device if generator is not None else torch.device("cpu")


def uniform(generator: torch.Generator | None, size: tuple[int, ...], limits: Range) -> Tensor:
    """Numbers drawn evenly between the two limits, which may be equal."""
    low, high = limits
    return low + (high - low) * torch.rand(size, generator=generator, device=device_of(generator))


def normal(generator: torch.Generator | None, size: tuple[int, ...]) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(size, generator=generator, device=device_of(generator))


def integers(generator: torch.Generator | None, size: tuple[int, ...], high: int) -> Tensor:
    """Whole numbers from 0 to ``high - 1``."""
    return torch.randint(high, size, generator=generator, device=device_of(generator))


def balanced(generator: torch.Generator | None, n: int, classes: int) -> Labels:
    """(n,) class labels in random order, every class as often as every other, give or take one."""
    order = torch.randperm(n, generator=generator, device=device_of(generator))
    return (torch.arange(n, device=order.device) % classes)[order]


def at_least_one(n: int) -> None:
    """Raise ValueError unless ``n`` samples can be drawn."""
    if n < 1:
        raise ValueError(f"n is {n}; expected at least one sample")


def within(name: str, limits: Range, low: Number, high: Number) -> None:
    """Raise ValueError unless ``limits`` is an ordered pair between ``low`` and ``high``."""
    if not low <= limits[0] <= limits[1] <= high:
        raise ValueError(f"{name} is {limits}; expected a pair (lowest, highest) within {low} and {high}")


def pixels(size: int | tuple[int, int], device: torch.device) -> tuple[Planes, Planes]:
    """The centres of the pixels as x and y, each (1, H, W), in pixels from the middle of the image; y points down.

    ``size`` is the side of a square or (H, W).
    """
    height, width = (size, size) if isinstance(size, int) else size
    rows = torch.arange(height, device=device) - (height - 1) / 2
    columns = torch.arange(width, device=device) - (width - 1) / 2
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return x[None], y[None]


def turned(x: Planes, y: Planes, angle: PerSample) -> tuple[Planes, Planes]:
    """Coordinates (B, H, W) seen from a frame turned by ``angle`` (B,) radians, clockwise on the screen."""
    c, s = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return c * x + s * y, c * y - s * x


def cover(distance: Tensor) -> Tensor:
    """The share of each pixel inside a shape, from the signed distance in pixels."""
    return (0.5 - distance).clamp(0, 1)


def segment(x: Planes, y: Planes, start: Points, end: Points) -> Planes:
    """Distance (B, H, W) from the pixels to the line segment from ``start`` to ``end``, both (B, 2) as (x, y)."""
    ax, ay = column(start[:, 0]), column(start[:, 1])
    dx, dy = column(end[:, 0]) - ax, column(end[:, 1]) - ay
    along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).clamp_min(1e-9)).clamp(0, 1)
    return torch.hypot(x - ax - along * dx, y - ay - along * dy)


def polygon(x: Planes, y: Planes, corners: Float[Tensor, "b k 2"]) -> Planes:
    """Signed distance (B, H, W) to closed polygons with corners (B, K, 2) as (x, y); negative inside."""
    chunks = zip(x.split(CHUNK), y.split(CHUNK), corners.split(CHUNK))
    return torch.cat([polygon_of_few(*few) for few in chunks])


def polygon_of_few(x: Planes, y: Planes, corners: Float[Tensor, "b k 2"]) -> Planes:
    """As ``polygon``, for as many images as the processor's cache holds."""
    distance = torch.full_like(x, torch.inf)
    inside = torch.zeros_like(x, dtype=torch.bool)
    for k in range(corners.shape[1]):
        start, end = corners[:, k - 1], corners[:, k]
        distance = torch.minimum(distance, segment(x, y, start, end))
        ay, by = column(start[:, 1]), column(end[:, 1])
        ax, bx = column(start[:, 0]), column(end[:, 0])
        crosses = (ay > y) != (by > y)
        inside ^= crosses & (x < ax + (y - ay) * (bx - ax) / torch.where(crosses, by - ay, 1.0))
    return torch.where(inside, -distance, distance)


def texture(generator: torch.Generator | None, n: int, size: int | tuple[int, int], *, grain: Number) -> Planes:
    """(n, H, W) smooth random texture, mean 0 and spread 1: white noise blurred to about ``grain`` pixels."""
    height, width = (size, size) if isinstance(size, int) else size
    smooth = blurred(normal(generator, (n, height, width)), grain)
    smooth = smooth - smooth.mean((1, 2), keepdim=True)
    return smooth / smooth.std((1, 2), keepdim=True).clamp_min(1e-9)


def blurred(x: Planes, sigma: Number | PerSample) -> Planes:
    """(B, H, W) blurred by a Gaussian of ``sigma`` pixels, one number or (B,), as if the image went on periodically."""
    sigma = torch.as_tensor(sigma, device=x.device, dtype=x.dtype).reshape(-1, 1, 1)
    v = torch.fft.fftfreq(x.shape[1], device=x.device)[:, None]
    u = torch.fft.rfftfreq(x.shape[2], device=x.device)[None]
    keep = torch.exp(-2 * (torch.pi * sigma) ** 2 * (u**2 + v**2))
    return torch.fft.irfft2(torch.fft.rfft2(x) * keep, s=x.shape[1:])


def column(value: Shaped[Tensor, " b"]) -> Shaped[Tensor, "b 1 1"]:
    """(B,) as (B, 1, 1), to meet images."""
    return value[:, None, None]


def smoothed(fraction: Tensor) -> Tensor:
    """0 below 0, 1 above 1, and a smooth step between: 3t² − 2t³."""
    t = fraction.clamp(0, 1)
    return t * t * (3 - 2 * t)
