"""Regions: what is needed to cut something out of a picture and put it elsewhere.

    soft edge   a = G_w ∗ m, a Gaussian of w pixels over the mask, cut to zero where it is below 0.01
    inpainting  a pixel of the hole takes the mean of what is known near it: near is as small as possible, a power of 2
    places      the shifts s for which m shifted by s lies in the allowed region:  Σ_p m(p) [p + s not allowed] = 0,
                a correlation, worked out for all shifts at once by the fast Fourier transform

Sources: P. Burt, "Moment Images, Polynomial Fit Filters, and the Problem of Surface Interpolation" (1988), for the
pyramid that fills holes.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from labkit.augment.arguments import describe
from labkit.augment.image.filters import gaussian_blur
from labkit.draws import uniform
from labkit.masks import masks
from labkit.shapes import Bool, Float, Images, Int, Masks, images, readable

FAINT = 0.01
"""Below this a soft edge is cut to zero, so that most of the picture stays bit-equal."""

LARGE = 2**11
"""From so many pixels on, a picture on the CPU is moved as a block of rows and not pixel by pixel."""

AT_ONCE = 2**17
"""Random numbers that are drawn and compared at a time: half a megabyte."""


def fitting(region: Tensor, x: Tensor, *, name: str = "region") -> Tensor:
    """``region``, if it is a mask (B, H, W) for the images ``x``.

    Raises:
        ValueError: saying what it is instead.
    """
    b, _, h, w = images(x).shape
    if not isinstance(region, Tensor) or region.dtype != torch.bool or region.shape != (b, h, w):
        raise ValueError(f"{name} is bool ({b}, {h}, {w}) for these images; this is {describe(region)}")
    return region.to(x.device)


def soft_edge(mask: Masks, *, width: float, dtype: torch.dtype = torch.float32) -> Float[Tensor, "b h w"]:
    """The mask as weights from 0 to 1 that fall over about ``width`` pixels on either side of its edge.

    Args:
        mask: bool (B, H, W).
        width: the deviation of the Gaussian in pixels; 0 for a hard edge.
        dtype: of the weights.

    Raises:
        ValueError: if it is no mask, or width is negative.

    >>> soft_edge(torch.tensor([[[0, 0, 1, 1]]]).bool(), width=0.0)
    tensor([[[0., 0., 1., 1.]]])
    """
    weight = masks(mask).to(dtype)
    if width < 0:
        raise ValueError(f"width is {width:g}; expected a number of pixels not below 0")
    if width == 0:
        return weight
    blurred = gaussian_blur(weight[:, None], sigma=width, fill="edge")[:, 0]
    return torch.where(blurred < FAINT, 0, blurred)


def inpaint(x: Images, region: Masks) -> Images:
    """The images with what lies in the region replaced by a smooth continuation of what lies around it.

    Outside the region not a bit changes. Where the region is the whole picture it becomes 0.

    Raises:
        ValueError: if x isn't a batch of float images, or the region doesn't fit.

    >>> inpaint(torch.tensor([[[[0.2, 9.0, 0.4, 0.4]]]]), torch.tensor([[[0, 1, 0, 0]]]).bool())
    tensor([[[[0.2000, 0.2000, 0.4000, 0.4000]]]])
    """
    hole = fitting(region, x)[:, None]
    known = (~hole).to(x.dtype)
    return torch.where(hole, _pull(torch.where(hole, 0, x), known), x)


def _pull(total: Tensor, known: Tensor) -> Tensor:
    """The mean of what is known, where nothing is from the next coarser level; ``total`` is sums, ``known`` counts."""
    mean = total / known.clamp_min(1e-12)
    h, w = total.shape[2:]
    if h == w == 1:
        return torch.where(known > 0, mean, 0)
    pad = (0, w % 2, 0, h % 2)
    coarse_total, coarse_known = (4 * functional.avg_pool2d(functional.pad(t, pad), 2) for t in (total, known))
    coarse = _pull(coarse_total, coarse_known)
    fine = functional.interpolate(coarse, scale_factor=2)[:, :, :h, :w]
    return torch.where(known > 0, mean, fine)


def shift(x: Float[Tensor, "b c h w"], offset: Int[Tensor, "b 2"]) -> Float[Tensor, "b c h w"]:
    """Each picture moved by whole pixels, offset (down, right); 0 where nothing comes from.

    Raises:
        ValueError: if there isn't an offset for each.

    >>> shift(torch.tensor([[[[1.0, 2.0, 3.0]]]]), torch.tensor([[0, 1]]))
    tensor([[[[0., 1., 2.]]]])
    """
    b, _, h, w = images(x).shape
    if offset.shape != (b, 2) or offset.is_floating_point():
        raise ValueError(f"offset is whole numbers ({b}, 2), down and right; this is {describe(offset)}")
    return moved(x, offset.to(x.device))


def moved(x: Tensor, offset: Tensor) -> Tensor:
    """``shift`` without its questions, of (B, C, H, W) of any dtype."""
    h, w = x.shape[2:]
    if h * w >= LARGE and readable(x) and not (torch.is_grad_enabled() and x.requires_grad):
        y = torch.zeros_like(x)
        for there, here, (down, right) in zip(y, x, offset.tolist()):
            there[:, max(down, 0) : max(h + down, 0), max(right, 0) : max(w + right, 0)] = here[
                :, max(-down, 0) : max(h - down, 0), max(-right, 0) : max(w - right, 0)
            ]
        return y
    rows = torch.arange(h, device=x.device) - offset[:, :1]
    columns = torch.arange(w, device=x.device) - offset[:, 1:]
    inside = ((rows >= 0) & (rows < h))[:, :, None] & ((columns >= 0) & (columns < w))[:, None, :]
    index = rows.clamp(0, h - 1)[:, :, None] * w + columns.clamp(0, w - 1)[:, None, :]
    gathered = x.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, x.shape[1], -1)).view_as(x)
    return gathered.masked_fill(~inside[:, None], 0)


def places(shape: Masks, allowed: Masks) -> Bool[Tensor, "b h2 w2"]:
    """The shifts at which a shape lies wholly in the allowed region: (B, 2H − 1, 2W − 1).

    Entry (i, j) is the shift by i − (H − 1) down and j − (W − 1) to the right. An empty shape has no place.

    Args:
        shape, allowed: bool (B, H, W).

    Raises:
        ValueError: if they are no masks, or their shapes differ.

    >>> shape, allowed = torch.tensor([[[1, 1, 0, 0]]]).bool(), torch.tensor([[[0, 0, 1, 1]]]).bool()
    >>> places(shape, allowed).int()                       # by two to the right
    tensor([[[0, 0, 0, 0, 0, 1, 0]]], dtype=torch.int32)
    """
    if masks(shape, name="shape").shape != masks(allowed, name="allowed").shape:
        raise ValueError(f"shape is {tuple(shape.shape)}, allowed {tuple(allowed.shape)}; expected the same shape")
    h, w = shape.shape[1:]
    if shape.numel() == 0:
        return torch.zeros(len(shape), 2 * h - 1, 2 * w - 1, dtype=torch.bool, device=shape.device)
    landed = _landed(shape, allowed)
    # Of the shifts that keep the shape in the picture no two are the same modulo the size of the transform.
    for dim, n in ((1, h), (2, w)):
        period = landed.shape[dim]
        landed = torch.cat([landed.narrow(dim, period - n + 1, n - 1), landed.narrow(dim, 0, n)], dim)
    landed &= _staying(shape.any(2))[:, :, None]
    landed &= _staying(shape.any(1))[:, None, :]
    return landed


def _staying(covered: Bool[Tensor, "b n"]) -> Bool[Tensor, "b m"]:
    """For shifts by 1 − n to n − 1 along a side: whether all that is covered stays in; never where nothing is."""
    n = covered.shape[1]
    place, shift = torch.arange(n, device=covered.device), torch.arange(1 - n, n, device=covered.device)
    first = torch.where(covered, place, n).amin(1, keepdim=True)
    last = torch.where(covered, place, -1).amax(1, keepdim=True)
    return (first + shift >= 0) & (last + shift < n) & (last >= 0)


def _landed(shape: Masks, allowed: Masks) -> Bool[Tensor, "b h2 w2"]:
    """Whether every pixel lands in the allowed region, for shifts modulo a size that the transform is fast at."""
    size = tuple(_quick(n) for n in shape.shape[1:])
    a, s = (torch.fft.rfft2(m.float(), s=size) for m in (allowed, shape))
    return torch.fft.irfft2(a.mul_(s.conj_physical_()), s=size) > shape.sum((1, 2))[:, None, None] - 0.5


def _quick(n: int) -> int:
    """The least number from n on without a prime factor above 5."""
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def draw_place(
    possible: Bool[Tensor, "b h2 w2"], *, generator: Generator | None = None
) -> tuple[Int[Tensor, "b 2"], Bool[Tensor, " b"]]:
    """One of the possible shifts for each, all alike, (B, 2) down and right; and whether there was one (B,).

    >>> only = torch.tensor([[[0, 0, 0, 0, 0, 1, 0]]]).bool()
    >>> draw_place(only)
    (tensor([[0, 2]]), tensor([True]))
    """
    b, rows, columns = possible.shape
    flat = possible.flatten(1)
    # A few samples at a time where that draws the same, so that a number for each shift needn't go through memory.
    serial = readable(possible) and (generator is None or generator.device.type == "cpu")
    step = max(1, AT_ONCE // max(1, rows * columns)) if serial else max(1, b)
    draws = [
        torch.where(some, uniform(some.shape, like=some, generator=generator), -1.0).argmax(1)
        for some in flat.split(step)
    ]
    chosen = torch.cat(draws)
    half = torch.tensor([rows // 2, columns // 2], device=possible.device)
    offset = torch.stack([chosen // columns, chosen % columns], 1) - half
    there = flat.gather(1, chosen[:, None])[:, 0]  # no place is chosen only where there is none
    return torch.where(there[:, None], offset, 0), there
