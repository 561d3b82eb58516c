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

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.augment.image._args import FILLS, INTERPOLATIONS, Resized, member
from labkit.augment.image._blocks import in_blocks
from labkit.augment.image.matrices import Matrices, invert_matrix
from labkit.augment.pipeline import wide
from labkit.shapes import Float, Images, images

FAR = 1e-6  # the smallest denominator of a homography: what lies behind the horizon is very far away


def warp(
    x: Images,
    matrix: Matrices,
    *,
    size: tuple[int, int] | None = None,
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: float = 0.0,
) -> Resized:
    """The images moved by matrices (B, 3, 3), which take a point of the input to its place in the output.

    Args:
        x: images (B, C, H, W).
        matrix: one a sample, or (1, 3, 3) for all; see ``affine_matrix`` and ``homography``.
        size: height and width of the output; by default those of the input.
        interpolation: ``bilinear``, or ``nearest``, which has no gradient with respect to the matrix.
        fill: what lies outside the image: ``constant``, ``reflect``, ``edge`` or ``wrap``.
        value: the constant.

    Raises:
        ValueError: if x isn't a batch of float images, there isn't a 3×3 matrix for each, or a word is unknown.
    """
    if matrix.ndim != 3 or matrix.shape[1:] != (3, 3) or matrix.shape[0] not in (1, images(x).shape[0]):
        raise ValueError(f"expected matrices of shape ({x.shape[0]}, 3, 3); these have shape {tuple(matrix.shape)}")
    height, width = size or (x.shape[2], x.shape[3])
    member(interpolation, INTERPOLATIONS, name="interpolation")
    member(fill, FILLS, name="fill")

    def moved(x: Tensor, inverse: Tensor) -> Tensor:
        return _look_up(x, _project(inverse, height, width), interpolation, fill, value)

    return in_blocks(moved, x, _to_unit(x, invert_matrix(matrix.to(wide(x.dtype)))))


def _to_unit(x: Tensor, inverse: Tensor) -> Tensor:
    """The matrices that end in grid_sample's coordinates: −1 and 1 are the outer edges of the outer pixels."""
    h, w = x.shape[2:]
    u, v, one = inverse.unbind(1)
    return torch.stack([u * (2 / w) + one * (1 / w - 1), v * (2 / h) + one * (1 / h - 1), one], 1)


def _project(matrix: Tensor, height: int, width: int) -> Tensor:
    """Where each pixel of an image goes: (B, 2, H, W), x first.

    A row's part and a column's part are worked out apart and added: one pass over the pixels.
    """
    columns = torch.arange(width, dtype=matrix.dtype, device=matrix.device)
    rows = torch.arange(height, dtype=matrix.dtype, device=matrix.device)
    along = matrix[:, :, 0, None] * columns
    down = torch.addcmul(matrix[:, :, 2, None], matrix[:, :, 1, None], rows)
    uvw = along[:, :, None, :] + down[:, :, :, None]
    return uvw[:, :2] / uvw[:, 2:].clamp_min(FAR)


def sample(
    x: Images,
    grid: Float[Tensor, "b 2 h2 w2"],
    *,
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: float = 0.0,
) -> Resized:
    """The images looked up at ``grid``, (x, y) first, where −1 and 1 are the outer edges of the outer pixels.

    Raises:
        ValueError: if x isn't a batch of float images, there isn't a grid for each, or a word is unknown.
    """
    member(interpolation, INTERPOLATIONS, name="interpolation")
    member(fill, FILLS, name="fill")
    if grid.ndim != 4 or grid.shape[1] != 2 or grid.shape[0] not in (1, images(x).shape[0]):
        raise ValueError(f"expected a grid of shape ({x.shape[0]}, 2, H, W); it has shape {tuple(grid.shape)}")

    def looked_up(x: Tensor, grid: Tensor) -> Tensor:
        return _look_up(x, grid, interpolation, fill, value)

    return in_blocks(looked_up, x, grid)


def _look_up(x: Tensor, grid: Tensor, interpolation: str, fill: str, value: float) -> Tensor:
    """``sample`` without its questions."""
    source = x.to(wide(x.dtype))
    if fill == "reflect":
        grid = _spread(grid, *(n / max(n - 1, 1e-9) for n in (x.shape[3], x.shape[2])))
    if fill == "wrap":
        source = F.pad(source, (1, 1, 1, 1), mode="circular")
        inside = grid - 2 * torch.floor((grid + 1) / 2)
        grid = _spread(inside, *(n / (n + 2) for n in (x.shape[3], x.shape[2])))
    shifted = fill == "constant" and value != 0
    y = F.grid_sample(
        source - value if shifted else source,
        grid.expand(x.shape[0], -1, -1, -1).permute(0, 2, 3, 1),
        mode=interpolation,
        padding_mode={"constant": "zeros", "edge": "border", "reflect": "reflection", "wrap": "zeros"}[fill],
        align_corners=fill == "reflect",
    )
    return (y + value if shifted else y).to(x.dtype)


def _spread(grid: Tensor, along: float, down: float) -> Tensor:
    return torch.stack([grid[:, 0] * along, grid[:, 1] * down], 1)


def shift_grid(x: Images, displacement: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """The grid of ``sample`` in which each pixel looks ``displacement`` pixels, (x, y) first, away from itself."""
    h, w = x.shape[2:]
    d = displacement.to(wide(x.dtype))
    columns = (2 * torch.arange(w, dtype=d.dtype, device=d.device) + 1) / w - 1
    rows = (2 * torch.arange(h, dtype=d.dtype, device=d.device) + 1) / h - 1
    return torch.stack([columns + d[:, 0] * (2 / w), rows[:, None] + d[:, 1] * (2 / h)], 1)
