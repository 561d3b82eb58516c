"""Windows and sizes: pad, crop, resize, and both at once.

Resizing is separable and linear: ``Y = A_y X A_xᵀ`` with one sparse matrix of weights for each axis. Row i of A
spreads a triangle around the place in the input that output pixel i looks at,

    A[i, j] ∝ max(0, 1 − |j + ½ − c_i| / r),   c_i = x₀ + (i + ½) s,   s = (x₁ − x₀) / n,   r = max(s, 1),

for a box from x₀ to x₁ brought to n pixels. That is linear interpolation where the image grows; where it shrinks the
triangle widens with it, so that no detail is skipped (antialiasing), as in Pillow and torchvision.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.augment.arguments import Value, member, values
from labkit.augment.image._args import FILLS, INTERPOLATIONS, Fill, Resized, constant, filling
from labkit.augment.image._blocks import in_blocks
from labkit.draws import wide
from labkit.shapes import Float, Images, Int, images, readable

MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def pad(x: Images, *, padding: int | tuple[int, int, int, int], fill: str = "constant", value: Fill = 0.0) -> Resized:
    """The images with a border: ``padding`` pixels on every side, or (left, top, right, bottom).

    ``fill`` is ``constant`` (of the given value, one number or one a channel), ``reflect``, ``edge`` or ``wrap``; a
    border may be wider than the image.

    Raises:
        ValueError: if x isn't a batch of float images, a border is negative, or ``fill`` is unknown.
    """
    left, top, right, bottom = (padding,) * 4 if isinstance(padding, int) else padding
    if min(left, top, right, bottom) < 0:
        raise ValueError(f"padding is {padding}; expected whole numbers not below 0 (to cut pixels off, crop)")
    member(fill, FILLS, name="fill")
    height, width = images(x).shape[2:]
    if fill == "constant":
        border, outside = (left, right, top, bottom), filling(value, x)
        return F.pad(x - outside, border) + outside if isinstance(outside, Tensor) else F.pad(x, border, value=outside)
    if max(left, right) < width and max(top, bottom) < height:
        return F.pad(x, (left, right, top, bottom), mode=MODES[fill])
    rows = _outside(torch.arange(-top, height + bottom, device=x.device), height, fill)
    columns = _outside(torch.arange(-left, width + right, device=x.device), width, fill)
    return x.index_select(2, rows).index_select(3, columns)


def _outside(index: Tensor, n: int, fill: str) -> Tensor:
    """Which pixel of a row of n stands for each index, which may lie outside."""
    if fill == "edge" or n == 1:
        return index.clamp(0, n - 1)
    if fill == "wrap":
        return index % n
    period = 2 * (n - 1)
    return n - 1 - (index % period - (n - 1)).abs()


def crop(
    x: Images,
    *,
    top: int | Int[Tensor, " b"],
    left: int | Int[Tensor, " b"],
    height: int,
    width: int,
) -> Resized:
    """Windows of one size, whose top left pixel is at row ``top`` and column ``left``: one place, or one a sample (B,).

    Raises:
        ValueError: if x isn't a batch of float images, or a window reaches out of its image (``pad`` first).
    """
    rows, columns = images(x).shape[2:]
    if not 0 < height <= rows or not 0 < width <= columns:
        raise ValueError(f"the window is {height}×{width}; expected one that fits into the {rows}×{columns} image")
    values(_number(top), x, name="top", low=0, high=rows - height)
    values(_number(left), x, name="left", low=0, high=columns - width)
    if isinstance(top, int) and isinstance(left, int):
        return x[:, :, top : top + height, left : left + width].clone()
    sample = torch.arange(x.shape[0], device=x.device)
    windows = x.unfold(2, height, 1).unfold(3, width, 1)
    return windows[sample, :, _index(top, x), _index(left, x)]


def _number(value: int | Tensor) -> Value:
    return value if isinstance(value, Tensor) else float(value)


def _index(value: int | Tensor, x: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(x.device, torch.int64).expand(x.shape[0])
    return torch.full((x.shape[0],), value, device=x.device)


def resize(x: Images, *, size: tuple[int, int], interpolation: str = "bilinear", antialias: bool = True) -> Resized:
    """The images brought to ``size`` (H, W), linearly (with antialiasing where they shrink) or by the nearest pixel.

    Raises:
        ValueError: if x isn't a batch of float images, the size isn't positive, or ``interpolation`` is unknown.
    """
    member(interpolation, INTERPOLATIONS, name="interpolation")
    positive(size)
    if interpolation == "nearest":
        return F.interpolate(images(x), size, mode="nearest-exact")
    if min(size) == 1:  # torch's antialiasing forgets the rows where the width becomes 1 (torch 2.13)
        whole = constant([[0.0, 0.0, x.shape[3], x.shape[2]]], images(x).float()).expand(x.shape[0], 4)
        return crop_resize(x, boxes=whole, size=size, antialias=antialias)
    return F.interpolate(images(x).to(wide(x.dtype)), size, mode="bilinear", antialias=antialias).to(x.dtype)


def crop_resize(
    x: Images,
    *,
    boxes: Float[Tensor, "b 4"],
    size: tuple[int, int],
    interpolation: str = "bilinear",
    antialias: bool = True,
) -> Resized:
    """One box of each image, (left, top, right, bottom) in pixels, brought to ``size`` (H, W).

    As if the box were cut out and then resized: pixels outside it have no influence. Boxes may end within a pixel,
    and the result is differentiable in them.

    Raises:
        ValueError: if x isn't a batch of float images, there isn't a box for each, or one is narrower than a pixel.
    """
    member(interpolation, INTERPOLATIONS, name="interpolation")
    positive(size)
    if boxes.shape != (images(x).shape[0], 4):
        raise ValueError(f"boxes have shape (B, 4), here ({x.shape[0]}, 4); these have shape {tuple(boxes.shape)}")
    edges = boxes.to(x.device, wide(x.dtype))
    for name, low, high, n in (("width", 0, 2, x.shape[3]), ("height", 1, 3, x.shape[2])):
        values(edges[:, high] - edges[:, low], x, name=f"the {name} of a box", low=1.0, high=float(n))
    if interpolation == "nearest":
        columns = _nearest(edges[:, 0], edges[:, 2], x.shape[3], size[1])[:, None, :]
        rows = _nearest(edges[:, 1], edges[:, 3], x.shape[2], size[0])[:, :, None]
        pixel = (rows * x.shape[3] + columns).flatten(1)[:, None].expand(-1, x.shape[1], -1)
        return x.flatten(2).gather(2, pixel).unflatten(2, size)
    axes = [(edges[:, side], edges[:, side + 2], size[1 - side], antialias) for side in (1, 0)]
    with_gradient = torch.is_grad_enabled() and (x.requires_grad or boxes.requires_grad)
    if readable(x) and not with_gradient and bool(x.sum().isfinite()):
        if bool((edges[:, 2:] - edges[:, :2] <= constant(size[::-1], edges)).all()):
            return _grown(x.to(edges.dtype), edges, size).to(x.dtype)
        bags = [entries for axis, n in zip(axes, x.shape[2:]) for entries in _bags(*axis, before=n)]
        return in_blocks(_summed, x, *bags, block=2**18).contiguous()
    # Whole matrices: slower, but differentiable as often as one likes; nothing is read from an accelerator.
    down, across = (_matrix(*axis, before=n)[:, None] for axis, n in zip(axes, x.shape[2:]))
    return _weighted(down, x.to(down.dtype), across.mT).to(x.dtype)


def _grown(x: Tensor, edges: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes that don't shrink: linear interpolation between the pixels whose centres they hold."""
    places = []
    for low, high, after, before in zip(edges.T[:2], edges.T[2:], size[::-1], x.shape[:1:-1]):
        first, last = (low - 0.5).ceil()[:, None] + 0.5, (high - 0.5).ceil()[:, None] - 0.5
        place = torch.minimum(torch.maximum(_places(low, high, after)[1], first), last)
        places.append(place * (2 / before) - 1)
    grid = torch.stack(torch.broadcast_tensors(places[0][:, None, :], places[1][:, :, None]), -1)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _bags(low: Tensor, high: Tensor, after: int, antialias: bool, *, before: int) -> tuple[Tensor, Tensor]:
    """The few entries of each row of A that may differ from 0, (B, after, n): their columns, and the entries."""
    step, centre = _places(low, high, after)
    reach = step.clamp_min(1) if antialias else torch.ones_like(step)
    n = math.floor(2 * float(reach.max())) + 1 if len(reach) else 1
    column = (centre - reach + 0.5).floor()[:, :, None] + torch.arange(n, dtype=low.dtype)
    weight = _weights(low, high, column + 0.5, after, antialias)
    return column.long().clamp(0, before - 1), weight


def _summed(x: Tensor, row: Tensor, down: Tensor, column: Tensor, across: Tensor) -> Tensor:
    """A_y X A_xᵀ by ``_bags``: sums of a few rows of X, then of a few columns of those."""
    y = _sums(x.to(down.dtype), row, down).mT.contiguous()
    return _sums(y, column, across).mT.to(x.dtype)


def _sums(x: Tensor, row: Tensor, weight: Tensor) -> Tensor:
    """A X (B, C, after, W), where A has these entries in these columns."""
    b, c, before, width = x.shape
    rows = row[:, None] + before * torch.arange(b * c).view(b, c, 1, 1)
    weights = weight[:, None].expand_as(rows).flatten(0, 2)
    table = x.reshape(-1, width)
    return F.embedding_bag(rows.flatten(0, 2), table, per_sample_weights=weights, mode="sum").view(b, c, -1, width)


def _weighted(down: Tensor, x: Tensor, across: Tensor) -> Tensor:
    """A_y X A_xᵀ, where a value that is no number has influence only where its weight isn't 0."""
    if not readable(x) or bool(x.detach().sum().isfinite()):
        return down @ x @ across
    y = down @ torch.where(x.isfinite(), x, 0.0) @ across
    for value, holes in ((torch.inf, x == torch.inf), (-torch.inf, x == -torch.inf), (torch.nan, x.isnan())):
        y = torch.where(down @ holes.to(x.dtype) @ across > 0, y + value, y)
    return y


def _places(low: Tensor, high: Tensor, after: int) -> tuple[Tensor, Tensor]:
    """The step s and the centres c_i of the module's equation, (B, 1) and (B, after)."""
    step = ((high - low) / after)[:, None]
    return step, low[:, None] + (torch.arange(after, dtype=low.dtype, device=low.device) + 0.5) * step


def _nearest(low: Tensor, high: Tensor, before: int, after: int) -> Tensor:
    """Which of ``before`` pixels each of ``after`` looks at: (B, after)."""
    return _places(low, high, after)[1].floor().clamp(0, before - 1).long()


def _matrix(low: Tensor, high: Tensor, after: int, antialias: bool, *, before: int) -> Tensor:
    """The matrices A (B, after, before) of the module's equation."""
    pixels = torch.arange(before, dtype=low.dtype, device=low.device) + 0.5
    return _weights(low, high, pixels, after, antialias)


def _weights(low: Tensor, high: Tensor, pixels: Tensor, after: int, antialias: bool) -> Tensor:
    """Entries of A for pixels with these centres, (n,) or (B, after, n), all that aren't 0; rows sum to 1."""
    step, centre = _places(low, high, after)
    reach = step.clamp_min(1)[:, :, None] if antialias else 1.0
    inside = (pixels >= low[:, None, None]) & (pixels < high[:, None, None])
    weight = (1 - (pixels - centre[:, :, None]).abs() / reach).clamp_min(0) * inside
    return weight / weight.sum(-1, keepdim=True)


def positive(size: object) -> None:
    """Refuse what is no size.

    Raises:
        ValueError: if it isn't two whole numbers from 1 on.
    """
    if not (isinstance(size, Sequence) and len(size) == 2 and all(isinstance(n, int) and n >= 1 for n in size)):
        raise ValueError(f"size is {size}; expected (height, width), two whole numbers from 1 on")
