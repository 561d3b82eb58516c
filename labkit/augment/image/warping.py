"""Warps: images looked up at other places.

``y(p) = x(q(p))``: each output pixel p asks where in the input it comes from, q = M⁻¹ p for a matrix M that moves the
input, and takes the value there, between pixels by interpolation. Outside the input, ``fill`` decides:

============  ==================================================  =====================
``constant``  ``value``                                           v v v v | a b c d | v v v v
``edge``      the nearest pixel of the edge                       a a a a | a b c d | d d d d
``reflect``   mirrored in the centre of the edge's pixels         . d c b | a b c d | c b a .
``wrap``      the image again, as on a torus                      a b c d | a b c d | a b c d
============  ==================================================  =====================
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.augment.arguments import member
from labkit.augment.image._args import FILLS, INTERPOLATIONS, Fill, Resized, filling
from labkit.augment.image._blocks import IN_CACHE, all_in_blocks
from labkit.augment.image.matrices import Matrices, invert_matrix
from labkit.draws import wide
from labkit.shapes import Float, Images, images, readable

SMALL = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.float16, torch.bfloat16, torch.float32)
EXACT = {torch.float32: SMALL, torch.float64: (*SMALL, torch.int32, torch.float64)}
"""The dtypes of masks whose values a grid's dtype holds exactly."""

AT_ONCE = IN_CACHE
"""How many values are looked up at once."""

FAR = 1e-6  # the smallest denominator of a homography: what lies behind the horizon is very far away


def warp(
    x: Images,
    matrix: Matrices,
    *,
    size: tuple[int, int] | None = None,
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: Fill = 0.0,
) -> Resized:
    """The images moved by matrices (B, 3, 3), which take a point of the input to its place in the output.

    Args:
        x: images (B, C, H, W).
        matrix: one a sample, or (1, 3, 3) for all; see ``affine_matrix`` and ``homography``.
        size: height and width of the output; by default those of the input.
        interpolation: ``bilinear``, or ``nearest``, which has no gradient with respect to the matrix.
        fill: what lies outside the image: ``constant``, ``reflect``, ``edge`` or ``wrap``.
        value: the constant, one number or one a channel.

    Raises:
        ValueError: if x isn't a batch of float images, there isn't a 3×3 matrix for each, or a word is unknown.
    """
    if matrix.ndim != 3 or matrix.shape[1:] != (3, 3) or matrix.shape[0] not in (1, images(x).shape[0]):
        raise ValueError(f"expected matrices of shape ({x.shape[0]}, 3, 3); these have shape {tuple(matrix.shape)}")
    height, width = size or (x.shape[2], x.shape[3])
    member(interpolation, INTERPOLATIONS, name="interpolation")
    member(fill, FILLS, name="fill")
    rows = projection(x, matrix.to(wide(x.dtype)))
    grid = partial(project, height=height, width=width)
    return look_up(x, rows, grid, interpolation=interpolation, fill=fill, value=value)[0]


def projection(x: Tensor, matrix: Tensor) -> Tensor:
    """The inverse matrices (B, 3, 3), ending in grid_sample's coordinates: −1 and 1 are the outer edges of x."""
    h, w = x.shape[2:]
    u, v, one = invert_matrix(matrix).unbind(1)
    return torch.stack([u * (2 / w) + one * (1 / w - 1), v * (2 / h) + one * (1 / h - 1), one], 1)


def project(matrix: Tensor, height: int, width: int) -> Tensor:
    """Where each pixel of an image goes: (B, 2, H, W), x first.

    A row's part and a column's part are worked out apart and added: one pass over the pixels.
    """
    columns = torch.arange(width, dtype=matrix.dtype, device=matrix.device)
    rows = torch.arange(height, dtype=matrix.dtype, device=matrix.device)
    along = matrix[:, :, 0, None] * columns
    down = torch.addcmul(matrix[:, :, 2, None], matrix[:, :, 1, None], rows)
    if readable(matrix) and not (torch.is_grad_enabled() and matrix.requires_grad) and not matrix[:, 2, :2].any():
        # An affine map divides every pixel by the same number.
        uv = along[:, :2, None, :] + down[:, :2, :, None]
        return uv.div_(down[:, 2:, :1, None].clamp_min(FAR))
    uvw = along[:, :, None, :] + down[:, :, :, None]
    return uvw[:, :2] / uvw[:, 2:].clamp_min(FAR)


def sample(
    x: Images,
    grid: Float[Tensor, "b 2 h2 w2"],
    *,
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: Fill = 0.0,
) -> Resized:
    """The images looked up at ``grid``, (x, y) first, where −1 and 1 are the outer edges of the outer pixels.

    Raises:
        ValueError: if x isn't a batch of float images, there isn't a grid for each, or a word is unknown.
    """
    member(interpolation, INTERPOLATIONS, name="interpolation")
    member(fill, FILLS, name="fill")
    if grid.ndim != 4 or grid.shape[1] != 2 or grid.shape[0] not in (1, images(x).shape[0]):
        raise ValueError(f"expected a grid of shape ({x.shape[0]}, 2, H, W); it has shape {tuple(grid.shape)}")
    grid = grid.to(wide(x.dtype))
    return look_up(x, grid, identity, interpolation=interpolation, fill=fill, value=value)[0]


def identity(grid: Tensor) -> Tensor:
    """``grid`` itself: rows of ``look_up`` that are a grid already."""
    return grid


def look_up(
    x: Tensor,
    rows: Tensor,
    grid: Callable[[Tensor], Tensor],
    *,
    interpolation: str,
    fill: str,
    value: Fill,
    mask: Tensor | None = None,
    mask_value: float = 0,
) -> tuple[Tensor, Tensor | None]:
    """The images at ``grid(rows)``, and a mask (B, H, W) or (B, K, H, W) beside them in the same places.

    Nothing is examined here. The grid is made once, for a few samples at a time.
    """

    large = x.device.type == "cpu" and x.numel() > AT_ONCE

    def moved(x: Tensor, rows: Tensor, *layers: Tensor) -> tuple[Tensor, ...]:
        places = grid(rows)
        # A copy, made in order, lies in the cache; to look up all over what does not takes three times as long.
        source = x.clone() if large else x
        return _at(source, places, interpolation, fill, value), *(
            _nearest(mask, places, fill, mask_value) for mask in layers
        )

    if mask is None:
        return all_in_blocks(moved, x, rows, block=AT_ONCE)[0], None
    y, layers = all_in_blocks(moved, x, rows, mask if mask.ndim == 4 else mask[:, None], block=AT_ONCE)
    return y, layers if mask.ndim == 4 else layers[:, 0]


def _nearest(mask: Tensor, grid: Tensor, fill: str, value: float) -> Tensor:
    """The mask (B, K, H, W) at the nearest pixels, ``value`` outside where the fill is constant.

    Every dtype takes its values from the same pixels: those a float of the grid's dtype can't hold are gathered, and
    so are floats that another float would be taken from and added to.
    """
    if mask.dtype in EXACT[grid.dtype] and not (value != 0 and mask.is_floating_point()):
        # A byte becomes a float several times as fast as a bool does, and a float that is 0 or 1 a bool.
        numbers = mask.view(torch.uint8) if mask.dtype == torch.bool else mask
        return _at(numbers.to(grid.dtype), grid, "nearest", fill, float(value)).to(mask.dtype)
    b, k, h, w = mask.shape
    number = torch.arange(1, h * w + 1, device=mask.device)  # 0 is outside
    # Which pixel is next to each place: whole numbers up to 2^24 are exact in float32.
    precise = grid if h * w < 2**24 else grid.double()
    pixel = _at(number.to(precise.dtype).view(1, 1, h, w).expand(b, 1, h, w), precise, "nearest", fill, 0.0).long()
    padded = torch.cat([mask.new_full((b, k, 1), value), mask.flatten(2)], 2)
    return padded.gather(2, pixel.flatten(2).expand(-1, k, -1)).unflatten(2, pixel.shape[2:])


def _at(x: Tensor, grid: Tensor, interpolation: str, fill: str, value: Fill) -> Tensor:
    """``sample`` without its questions."""
    source = x.to(grid.dtype)
    if fill == "reflect":
        grid = _spread(grid, *(n / max(n - 1, 1e-9) for n in (x.shape[3], x.shape[2])))
    if fill == "wrap":
        source = F.pad(source, (1, 1, 1, 1), mode="circular")
        inside = grid - 2 * torch.floor((grid + 1) / 2)
        grid = _spread(inside, *(n / (n + 2) for n in (x.shape[3], x.shape[2])))
    outside = filling(value, source) if fill == "constant" else 0.0
    shifted = isinstance(outside, Tensor) or outside != 0
    y = F.grid_sample(
        source - outside if shifted else source,
        grid.expand(x.shape[0], -1, -1, -1).permute(0, 2, 3, 1),
        mode=interpolation,
        padding_mode={"constant": "zeros", "edge": "border", "reflect": "reflection", "wrap": "zeros"}[fill],
        align_corners=fill == "reflect",
    )
    return (y + outside if shifted else y).to(x.dtype)


def _spread(grid: Tensor, along: float, down: float) -> Tensor:
    return torch.stack([grid[:, 0] * along, grid[:, 1] * down], 1)


def shift_grid(x: Images, displacement: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """The grid of ``sample`` in which each pixel looks ``displacement`` pixels, (x, y) first, away from itself."""
    h, w = x.shape[2:]
    d = displacement.to(wide(x.dtype))
    columns = (2 * torch.arange(w, dtype=d.dtype, device=d.device) + 1) / w - 1
    rows = (2 * torch.arange(h, dtype=d.dtype, device=d.device) + 1) / h - 1
    return torch.stack([columns + d[:, 0] * (2 / w), rows[:, None] + d[:, 1] * (2 / h)], 1)
