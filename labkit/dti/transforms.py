"""Transformations T_β of prototypes, differentiable, each the identity at β = 0.

========== =============================== ====================================================
name       parameters of one image         what it does
========== =============================== ====================================================
colour     2 C: gains − 1, offsets         each channel times a gain, plus an offset
affine     6: A − (identity | 0)           the output's pixel p shows the input at A (p, 1)
projective 8: H − identity, but its last   the output's pixel p shows the input at H (p, 1), divided by its last entry
morphology 1 + k²: α, weights of a kernel  a soft maximum (α > 0), mean, or soft minimum (α < 0) of the neighbourhood
thin_plate 2 g²: moves of g × g points     the output's pixel p shows the input at t(p), t smooth through the points
========== =============================== ====================================================

Coordinates run from −1 to 1 between the *edges* of the image (``align_corners=False``), x to the right and y down.
Beyond its edge an image continues with the colour of the edge. Shapes: prototypes ``z`` are (k, 1, c, h, w), or
(k, b, c, h, w) after an earlier transformation. β is (k, b, parameters): every prototype is transformed for every
image at once. Sources: M. Jaderberg and others, "Spatial Transformer Networks" (2015); F. Bookstein, "Principal
Warps" (1989); the set and the soft morphology are those of T. Monnier and others, "Deep Transformation-Invariant
Clustering" (2020).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from labkit.shapes import Float, finite

Prototypes = Float[Tensor, "k m c h w"]
Transformed = Float[Tensor, "k n c h w"]
Beta = Float[Tensor, "k b d"]
Grid = Float[Tensor, "k b h w 2"]

PEAK = 5.0
"""Logits of the kernel of ``morphology`` at rest: +5 in the middle, −5 around it."""

BETA = "the parameters of a transformation"

STEEPEST = 60.0
"""The largest |α| of ``morphology``."""


def pixel_centres(h: int, w: int, like: Tensor) -> Float[Tensor, "h w 2"]:
    """The positions (x, y) of the centres of an image's pixels."""
    y, x = ((torch.arange(n, dtype=like.dtype, device=like.device) * 2 + 1) / n - 1 for n in (h, w))
    return torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), -1)


def sample_grid(z: Prototypes, grid: Grid) -> Transformed:
    """The images read at the places of the grid, with bilinear interpolation: (k, b, c, h, w).

    Raises:
        ValueError: if a place of the grid is not finite.
    """
    return _sampled(z, finite(grid, name="the grid"))


def _sampled(z: Prototypes, grid: Grid) -> Transformed:
    b, h = grid.shape[1:3]
    if z.shape[1] == 1:
        # All of a prototype's grids lie below each other: one tall picture of it, and no copies of the prototype.
        tall = _look(z[:, 0], grid.flatten(1, 2))
        return tall.unflatten(2, (b, h)).transpose(1, 2)
    return _look(z.flatten(0, 1), grid.flatten(0, 1)).unflatten(0, (len(z), b))


def _look(images: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def colour(z: Prototypes, beta: Beta) -> Transformed:
    """(1 + gain) z + offset in each channel; β holds the gains, then the offsets."""
    gain, offset = beta[..., None, None].chunk(2, dim=2)
    return z * (1 + gain) + offset


def _moved(matrix: Float[Tensor, "k b r 3"], h: int, w: int) -> Float[Tensor, "k b h w r"]:
    """The matrix times (x, y, 1) of every pixel."""
    rows = matrix.shape[2]
    columns = matrix.transpose(2, 3).flatten(2)
    return (columns @ _homogeneous(h, w, rows, matrix.dtype, matrix.device)).unflatten(2, (h, w, rows))


@lru_cache(maxsize=16)
def _homogeneous(h: int, w: int, rows: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "r3 pr"]:
    """(x, y, 1) of every pixel, spread by ``_spread``."""
    at = functional.pad(pixel_centres(h, w, torch.empty(0, dtype=dtype, device=device)), (0, 1), value=1.0)
    return _spread(at.flatten(0, 1), rows)


def _spread(weights: Float[Tensor, "p n"], size: int) -> Float[Tensor, "n_size p_size"]:
    """The matrix that turns n vectors, written one after another, into their weighted sum for each pixel.

    At least half of its entries are zero. But one large product takes a twentieth of the time of many with two columns.
    """
    return torch.kron(weights, torch.eye(size, dtype=weights.dtype, device=weights.device)).T.contiguous()


def affine_grid(beta: Beta, h: int, w: int) -> Grid:
    """Where each pixel looks, from six numbers: A = (1 0 0; 0 1 0) + (β₁ β₂ β₃; β₄ β₅ β₆)."""
    matrix = finite(beta, name=BETA).unflatten(-1, (2, 3)) + torch.eye(2, 3, dtype=beta.dtype, device=beta.device)
    return _moved(matrix, h, w)


def affine(z: Prototypes, beta: Beta) -> Transformed:
    """Turn, scale, shear and move the prototypes by ``affine_grid``."""
    return _sampled(z, affine_grid(beta, *z.shape[-2:]))


def projective_grid(beta: Beta, h: int, w: int) -> Grid:
    """Where each pixel looks, from eight numbers: a homography whose last entry is 1."""
    rest = torch.eye(3, dtype=beta.dtype, device=beta.device)
    matrix = functional.pad(finite(beta, name=BETA), (0, 1)).unflatten(-1, (3, 3)) + rest
    x, y, depth = _moved(matrix, h, w).unbind(-1)
    # What comes to lie behind the eye is kept far away instead of being divided by zero.
    depth = torch.where(depth.abs() < 1e-3, torch.full_like(depth, 1e-3), depth)
    return torch.stack([x / depth, y / depth], -1)


def projective(z: Prototypes, beta: Beta) -> Transformed:
    """Show the prototypes in another perspective, by ``projective_grid``."""
    return _sampled(z, projective_grid(beta, *z.shape[-2:]))


def morphology(z: Prototypes, beta: Beta) -> Transformed:
    """Σ_u w_u x_u exp(α x_u) / Σ_u w_u exp(α x_u) over the neighbours u of each pixel; w = sigmoid(weights).

    α → ∞ gives the largest of the neighbours (strokes grow), α → −∞ the smallest (they shrink), α = 0 their weighted
    mean. Outside the image is zero. α is held within ±STEEPEST, where exp does not overflow in float32.
    """
    k, b, d = finite(beta, name=BETA).shape
    side = math.isqrt(d - 1)
    x = z.expand(k, b, *z.shape[2:])
    rest = torch.full((side, side), -PEAK, dtype=beta.dtype, device=beta.device)
    rest[side // 2, side // 2] = PEAK
    alpha = beta[..., :1, None, None].clamp(-STEEPEST, STEEPEST)
    kernel = torch.sigmoid(beta[..., 1:].unflatten(-1, (side, side)) + rest)
    # The quotient stays as it is when both sums are scaled, so that nothing overflows.
    largest = (alpha * x).detach().amax((2, 3, 4), keepdim=True).clamp_min(0)
    e = torch.exp(alpha * x - largest)
    edge = torch.exp(-largest)
    # Where the whole neighbourhood lies far below the largest pixel, the sums round to 0, and so does the quotient.
    return _neighbours(e * x, kernel, None) / _neighbours(e, kernel, edge).clamp_min(torch.finfo(e.dtype).tiny)


def _neighbours(x: Prototypes, kernel: Float[Tensor, "k b s s"], edge: Tensor | None) -> Transformed:
    """Σ_u w_u x_u with a kernel for each image; ``edge`` (k, b, 1, 1, 1) lies outside of it, zero if None."""
    k, b, c, h, w = x.shape
    margin = kernel.shape[-1] // 2
    # A constant edge: pad what remains after subtracting it, and add its part of the sum again.
    inner = x if edge is None else x - edge
    flat = inner.permute(2, 0, 1, 3, 4).reshape(c, k * b, h, w)
    out = functional.conv2d(flat, kernel.reshape(k * b, 1, *kernel.shape[2:]), padding=margin, groups=k * b)
    out = out.view(c, k, b, h, w).permute(1, 2, 0, 3, 4)
    return out if edge is None else out + edge * kernel.sum((2, 3))[..., None, None, None]


def thin_plate_grid(beta: Beta, h: int, w: int) -> Grid:
    """Where each pixel looks: the thin-plate spline that moves g × g points, spread over [−1, 1]², by β.

    β holds the moves (x, y) of the points row by row. Of all maps through the moved points this spline bends least.
    """
    influence = _influence(math.isqrt(beta.shape[2] // 2), h, w, beta.dtype, beta.device)
    return (finite(beta, name=BETA) @ influence).unflatten(2, (h, w, 2)) + pixel_centres(h, w, beta)


@lru_cache(maxsize=16)
def _influence(g: int, h: int, w: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "n2 p2"]:
    """How far each pixel follows each control point, spread by ``_spread``: the spline is linear in the moves."""
    line = torch.linspace(-1, 1, g, dtype=torch.float64)
    points = torch.cartesian_prod(line, line).flip(1)
    at = pixel_centres(h, w, line).flatten(0, 1)
    n = len(points)
    system = torch.zeros(n + 3, n + 3, dtype=torch.float64)
    system[:n, :n] = _bending(points, points)
    system[:n, n:] = functional.pad(points, (1, 0), value=1.0)
    system[n:, :n] = system[:n, n:].T
    basis = torch.cat([_bending(at, points), functional.pad(at, (1, 0), value=1.0)], 1)
    return _spread((basis @ torch.linalg.inv(system))[:, :n].to(dtype).to(device), 2)


def _bending(a: Tensor, b: Tensor) -> Tensor:
    """U(r) = r² log r of every distance."""
    squares = (a[:, None] - b[None]).square().sum(-1)
    return torch.xlogy(squares, squares) / 2


def thin_plate(z: Prototypes, beta: Beta) -> Transformed:
    """Bend the prototypes smoothly, by ``thin_plate_grid``."""
    return _sampled(z, thin_plate_grid(beta, *z.shape[-2:]))


@dataclass(frozen=True)
class Family:
    """One kind of transformation: its name, how many numbers it takes, its function, and whether it moves places."""

    name: str
    parameters: int
    apply: Callable[[Tensor, Tensor], Tensor]
    spatial: bool


def family(name: str, *, channels: int, kernel: int = 7, control: int = 4) -> Family:
    """The family called ``name`` for images with this number of channels.

    Args:
        name: ``colour``, ``affine``, ``projective``, ``morphology`` or ``thin_plate``.
        channels: the number of channels of the images.
        kernel: side of the neighbourhood of ``morphology``, odd.
        control: points along a side of ``thin_plate``'s grid.

    Raises:
        ValueError: if there is no such family, ``kernel`` is not odd, or ``control`` is below 2.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"kernel is {kernel}; expected an odd number of pixels")
    if control < 2:
        raise ValueError(f"control is {control}; expected 2 or more points along a side")
    families = {
        "colour": Family("colour", 2 * channels, colour, False),
        "affine": Family("affine", 6, affine, True),
        "projective": Family("projective", 8, projective, True),
        "morphology": Family("morphology", 1 + kernel**2, morphology, False),
        "thin_plate": Family("thin_plate", 2 * control**2, thin_plate, True),
    }
    if name not in families:
        raise ValueError(f"there is no transformation {name!r}; expected some of {', '.join(families)}")
    return families[name]
