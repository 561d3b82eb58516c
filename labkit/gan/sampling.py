"""From noise to pictures: sampling, by label, and walking through the latent space.

    z ~ N(0, I),      x = G(z) or G(z, y)
    lerp(a, b, t) = (1 − t) a + t b
    slerp(a, b, t) = sin((1 − t) ω)/sin ω · a + sin(t ω)/sin ω · b,     ω the angle between a and b

Almost all of N(0, I) in n dimensions lies near the sphere of radius √n. A straight line between two of its points cuts
through the inside, where G never was; a walk along the sphere stays where it was trained. T. White, "Sampling
Generative Networks" (2016).
"""

import torch
from torch import Tensor

from labkit.gan.nets import Generator
from labkit.nets import eval_mode
from labkit.shapes import Float, Images, Int, Labels


def noise(
    G: Generator, n: int, *, generator: torch.Generator | None, device: torch.device | str | None = None
) -> tuple[Float[Tensor, "n latent"], Int[Tensor, " n"] | None]:
    """Noise for ``n`` images, and as many labels, drawn evenly, where the generator takes some."""
    source = generator.device if generator is not None else torch.device("cpu")
    z = torch.randn(n, G.latent, generator=generator, device=source)
    y = torch.randint(G.classes, (n,), generator=generator, device=source) if G.classes else None
    return z.to(device), None if y is None else y.to(device)


def sample(G: Generator, y: int | Labels, *, generator: torch.Generator | None = None, batch_size: int = 512) -> Images:
    """Images from noise, in evaluation mode, without gradients.

    Args:
        G: any generator.
        y: the labels wanted, one an image; or the number of images, whose labels are then drawn evenly.
        generator: where the noise comes from; without one torch's global one.
        batch_size: images at a time.

    Raises:
        ValueError: if ``y`` is below 1 or empty, or holds labels for a generator without classes.
    """
    n = y if isinstance(y, int) else len(y)
    if n < 1:
        raise ValueError(f"{n} images are asked for; expected 1 or more")
    device = next(G.parameters()).device
    z, drawn = noise(G, n, generator=generator, device=device)
    labels = drawn if isinstance(y, int) else y.to(device)
    with eval_mode(G), torch.no_grad():
        parts = zip(z.split(batch_size), labels.split(batch_size) if labels is not None else [None] * n)
        return torch.cat([G(part, label) for part, label in parts])


def lerp(a: Float[Tensor, " n"], b: Float[Tensor, " n"], t: Float[Tensor, " m"]) -> Float[Tensor, "m n"]:
    """Points on the straight line from ``a`` (t = 0) to ``b`` (t = 1)."""
    return torch.lerp(a, b, t[:, None].to(a.dtype))


def slerp(a: Float[Tensor, " n"], b: Float[Tensor, " n"], t: Float[Tensor, " m"]) -> Float[Tensor, "m n"]:
    """Points on the arc from ``a`` (t = 0) to ``b`` (t = 1); on the line where the two point the same way.

    Raises:
        ValueError: if one is zero, or they point in opposite ways: no arc is then the shortest.
    """
    if not bool(a.norm() > 0) or not bool(b.norm() > 0):
        raise ValueError("one end of the arc is zero, which has no direction; expected two vectors that are not")
    angle = torch.acos((a @ b / (a.norm() * b.norm())).clamp(-1, 1))
    if float(angle) < 1e-4:
        return lerp(a, b, t)
    if float(angle) > torch.pi - 1e-4:
        raise ValueError("the ends point in opposite ways, so that every arc is as short; expected other ends")
    t = t[:, None].to(a.dtype)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
