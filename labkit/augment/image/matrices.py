"""Matrices of the plane: affine maps and homographies that move pixel (x, y) of an image.

A map is a 3×3 matrix M in homogeneous coordinates, one a sample, and moves a point of the input to
``(u/w, v/w)`` with ``(u, v, w) = M (x, y, 1)``. Points are in pixels: x to the right, y downward, and the centre of
the top left pixel is (0, 0). The centre of an image, about which maps turn, is ``((W−1)/2, (H−1)/2)``.

The homography through four pairs of points is put together from two maps of the unit square, each in closed form
(Heckbert, Fundamentals of Texture Mapping and Image Warping, 1989, section 2.2.3): no linear system is solved, so
no accelerator makes the host wait, and it can be differentiated.
"""

import torch
from torch import Tensor

from labkit.augment.arguments import Value, values
from labkit.augment.image._args import constant
from labkit.draws import wide
from labkit.shapes import Float

Matrices = Float[Tensor, "b 3 3"]
Points = Float[Tensor, "b n 2"]
Boxes = Float[Tensor, "b n 4"]


def affine_matrix(
    x: Float[Tensor, "b c h w"],
    *,
    degrees: Value | None = None,
    dx: Value | None = None,
    dy: Value | None = None,
    scale: Value | None = None,
    shear_x: Value | None = None,
    shear_y: Value | None = None,
) -> Matrices:
    """The matrices that shear, scale, turn and then move the images of ``x`` about their centre.

    ``M = T(centre + (dx, dy)) · R(degrees) · scale · S(shear_x, shear_y) · T(−centre)`` with
    ``S = [[1, −tan shear_x], [−tan shear_y, 1 + tan shear_x tan shear_y]]``, as in torchvision. A step whose
    parameter isn't given is left out.

    Args:
        x: the images: their number, size, dtype and device count, not their values.
        degrees: the angle, anticlockwise as one looks at the picture.
        dx: pixels to the right.
        dy: pixels downward.
        scale: above 1 magnifies.
        shear_x: the angle in degrees by which vertical lines tilt.
        shear_y: the angle in degrees by which horizontal lines tilt.

    Raises:
        ValueError: if a parameter is neither one number nor one a sample, or a scale is not above 0.
    """
    shifts = {"degrees": degrees, "dx": dx, "dy": dy, "shear_x": shear_x, "shear_y": shear_y}
    given = {name: values(value, x, name=name) for name, value in shifts.items() if value is not None}
    if scale is not None:
        given["scale"] = values(scale, x, name="scale", low=0.0, above=True)
    return compose_affine(x, **given)


def compose_affine(
    x: Tensor,
    *,
    degrees: Tensor | None = None,
    dx: Tensor | None = None,
    dy: Tensor | None = None,
    scale: Tensor | None = None,
    shear_x: Tensor | None = None,
    shear_y: Tensor | None = None,
) -> Matrices:
    """``affine_matrix`` without its questions: each parameter is (B,), in at least float32."""
    one = x.new_ones((x.shape[0],), dtype=wide(x.dtype))
    zero = torch.zeros_like(one)
    cos, sin = one, zero
    if degrees is not None:
        angle = torch.deg2rad(degrees)
        cos, sin = angle.cos(), angle.sin()
    if scale is not None:
        cos, sin = cos * scale, sin * scale
    a, b, c, d = cos, sin, -sin, cos
    if shear_x is not None or shear_y is not None:
        tx, ty = (zero if tilt is None else torch.deg2rad(tilt).tan() for tilt in (shear_x, shear_y))
        corner = 1 + tx * ty
        a, b, c, d = cos - sin * ty, sin * corner - cos * tx, -sin - cos * ty, sin * tx + cos * corner
    x0, y0 = (x.shape[3] - 1) / 2, (x.shape[2] - 1) / 2
    right = (x0 if dx is None else dx + x0) - a * x0 - b * y0
    down = (y0 if dy is None else dy + y0) - c * x0 - d * y0
    return torch.stack([a, b, right, c, d, down, zero, zero, one], -1).unflatten(-1, (3, 3))


def homography(start: Float[Tensor, "b 4 2"], end: Float[Tensor, "b 4 2"]) -> Matrices:
    """The matrices of the homographies that move four points ``start`` to four points ``end``.

    The points go round a quadrilateral, say top left, top right, bottom right, bottom left.

    Raises:
        ValueError: if the shapes differ or aren't (B, 4, 2), or three points of a quadrilateral lie on a line.
    """
    if start.shape != end.shape or start.ndim != 3 or start.shape[1:] != (4, 2):
        raise ValueError(
            f"corners have shape (B, 4, 2), four (x, y) a sample; start has {tuple(start.shape)}, "
            f"end has {tuple(end.shape)}"
        )
    for name, corners in (("start", start), ("end", end)):
        _refuse_collinear(corners, name=name)
    return compose_homography(start, end)


def compose_homography(start: Tensor, end: Tensor) -> Matrices:
    """``homography`` without its questions."""
    return _from_unit_square(end) @ invert_matrix(_from_unit_square(start))


def _from_unit_square(corners: Tensor) -> Tensor:
    """The homography that moves (0,0), (1,0), (1,1), (0,1) to ``corners``."""
    p0, p1, p2, p3 = corners.unbind(1)
    d1, d2, s = p1 - p2, p3 - p2, p0 - p1 + p2 - p3
    det = _cross(d1, d2)
    g, h = _cross(s, d2) / det, _cross(d1, s) / det
    across, along = p1 - p0 + g[:, None] * p1, p3 - p0 + h[:, None] * p3
    top = torch.stack([across, along, p0], -1)
    return torch.cat([top, torch.stack([g, h, torch.ones_like(g)], -1)[:, None]], 1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _refuse_collinear(corners: Tensor, *, name: str) -> None:
    if corners.device.type != "cpu" or not corners.numel():
        return
    side = (corners.detach().roll(-1, 1) - corners.detach()).double()
    turn = _cross(side, side.roll(-1, 1)).abs()
    length = side.norm(dim=-1)
    # Twice the area of the triangle at each corner, against the sides that span it.
    flat = turn <= 1e-6 * length * length.roll(-1, 1)
    if bool(flat.any()):
        bad = int(flat.any(1).nonzero()[0])
        raise ValueError(
            f"three of the {name} corners {corners.detach()[bad].tolist()} of sample {bad} lie on one line: "
            "no homography goes through them; expected the four corners of a quadrilateral"
        )


def invert_matrix(matrix: Matrices) -> Matrices:
    """The inverse matrices, by cofactors: nothing waits for an accelerator. Singular ones give inf or nan."""
    r0, r1, r2 = matrix.unbind(1)
    columns = torch.stack([torch.linalg.cross(r1, r2), torch.linalg.cross(r2, r0), torch.linalg.cross(r0, r1)], -1)
    return columns / (r0 * columns[..., 0]).sum(-1)[:, None, None]


def warp_points(points: Points, matrix: Matrices) -> Points:
    """Points (B, N, 2) of the input, (x, y) in pixels, where the maps move them. They may leave the image."""
    moved = points.to(matrix.dtype) @ matrix[:, :, :2].mT + matrix[:, None, :, 2]
    return (moved[..., :2] / moved[..., 2:]).to(points.dtype)


def box_corners(boxes: Boxes) -> Float[Tensor, "b n 4 2"]:
    """The corners of boxes, as points. A box (left, top, right, bottom) is given by the edges of pixels.

    The box of the slice ``x[..., t:b, l:r]`` is (l, t, r, b); its corners are the points (l − ½, t − ½) and so on.
    """
    left, top, right, bottom = (boxes - 0.5).unbind(-1)
    return torch.stack(
        [torch.stack(pair, -1) for pair in ((left, top), (right, top), (right, bottom), (left, bottom))], -2
    )


def hull_boxes(corners: Float[Tensor, "b n k 2"], *, size: tuple[int, int]) -> Boxes:
    """The smallest boxes around sets of points, cut off at the edges of an image of ``size`` (H, W)."""
    limits = constant([size[1], size[0], size[1], size[0]], corners)
    hull = torch.cat([corners.amin(-2), corners.amax(-2)], -1) + 0.5
    return torch.minimum(hull.clamp_min(0), limits)


def warp_boxes(boxes: Boxes, matrix: Matrices, *, size: tuple[int, int]) -> Boxes:
    """Boxes (B, N, 4) of the input, (left, top, right, bottom), where the maps move them.

    Each is the smallest box around its four moved corners, cut off at the edges of the output of ``size`` (H, W). One
    that left the image altogether has no width or no height.
    """
    corners = box_corners(boxes)
    moved = warp_points(corners.flatten(1, 2), matrix).unflatten(1, corners.shape[1:3])
    return hull_boxes(moved, size=size)


def centring(x: Tensor, *, size: tuple[int, int]) -> Matrices:
    """The shift (1, 3, 3) that puts the centre of ``x``'s images at the centre of an image of ``size`` (H, W)."""
    right, down = (size[1] - x.shape[3]) / 2, (size[0] - x.shape[2]) / 2
    shift = torch.tensor([[[1, 0, right], [0, 1, down], [0, 0, 1]]], dtype=wide(x.dtype))
    return shift.to(x.device, non_blocking=True)
