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
from labkit.augment.image._blocks import in_blocks
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
    b = len(images(x))
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


def windows(mask: Masks, reach: int) -> list[tuple[slice, slice]]:
    """For each mask rows and columns that hold it and ``reach`` pixels around it, where there are any: all as many."""
    sides = []
    for covered in (mask.any(2), mask.any(1)):
        n, (first, last) = covered.shape[1], _ends(covered)
        size = min(n, max(int((last - first).max()), 0) + 1 + 2 * reach)
        starts = (first - reach).clamp(0, n - size)[:, 0].tolist()
        sides.append([slice(start, start + size) for start in starts])
    return list(zip(*sides))


def cut_out(x: Tensor, boxes: list[tuple[slice, slice]]) -> Tensor:
    """The ``windows`` of each, one above the other."""
    return torch.stack([one[..., rows, columns] for one, (rows, columns) in zip(x, boxes)])


def put_back(pieces: Tensor, boxes: list[tuple[slice, slice]], x: Tensor) -> Tensor:
    """``x`` with the pieces in its ``windows``; it is changed."""
    for piece, one, (rows, columns) in zip(pieces, x, boxes):
        one[..., rows, columns] = piece
    return x


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
    first, last = _ends(covered)
    shift = torch.arange(1 - n, n, device=covered.device)
    return (first + shift >= 0) & (last + shift < n) & (last >= 0)


def _ends(covered: Bool[Tensor, "b n"]) -> tuple[Int[Tensor, "b 1"], Int[Tensor, "b 1"]]:
    """The first and the last place that is covered; n and −1 where none is."""
    n = covered.shape[1]
    place = torch.arange(n, device=covered.device)
    first, last = torch.where(covered, place, n), torch.where(covered, place, -1)
    return first.amin(1, keepdim=True), last.amax(1, keepdim=True)


def _landed(shape: Masks, allowed: Masks) -> Bool[Tensor, "b h2 w2"]:
    """Whether every pixel lands in the allowed region, for shifts modulo a size that the transform is fast at."""
    return in_blocks(_some_landed, shape, allowed, block=AT_ONCE)


def _some_landed(shape: Tensor, allowed: Tensor) -> Tensor:
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


def a_place(
    shape: Masks, allowed: Masks, *, generator: Generator | None = None
) -> tuple[Int[Tensor, "b 2"], Bool[Tensor, " b"]]:
    """``draw_place`` of the ``places``; in large pictures with one random number a picture in place of one a shift."""
    h, w = shape.shape[1:]
    if shape.numel() == 0 or h * w < LARGE:
        return draw_place(places(shape, allowed), generator=generator)
    possible, ends = _landed(shape, allowed), (_ends(shape.any(2)), _ends(shape.any(1)))
    for (first, last), n, dim in zip(ends, (h, w), (1, 2)):
        period = possible.shape[dim]
        place = torch.arange(period, device=shape.device)
        staying = ((last + place < n) | (first + place >= period)) & (last >= 0)
        possible &= staying.unsqueeze(3 - dim)
    row, column, there = _one_of(possible, generator)
    offset = [
        torch.where(last + place < n, place, place - period)  # up or to the left: a period farther
        for place, (_, last), n, period in zip((row, column), ends, (h, w), possible.shape[1:])
    ]
    return torch.where(there[:, None], torch.cat(offset, 1), 0), there


def _one_of(possible: Bool[Tensor, "b h w"], generator: Generator | None) -> tuple[Tensor, Tensor, Bool[Tensor, " b"]]:
    """The row (B, 1) and the column (B, 1) of one of the true entries, all alike, and whether there is one (B,)."""
    before = possible.sum(2).cumsum(1)
    count = before[:, -1:]
    u = uniform(count.shape, like=possible, generator=generator)
    number = torch.minimum((u * count).long(), count - 1).clamp_min(0)
    row = torch.searchsorted(before, number, right=True).clamp_max(before.shape[1] - 1)
    along = possible.gather(1, row[:, :, None].expand(-1, 1, possible.shape[2]))[:, 0].cumsum(1)
    number = number - (before.gather(1, row) - along[:, -1:])
    column = torch.searchsorted(along, number, right=True).clamp_max(along.shape[1] - 1)
    return row, column, count[:, 0] > 0
