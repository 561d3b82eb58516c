"""Geometry: where things are in the picture.

Every map but the flips is a ``warp`` with a matrix (or, for ``elastic``, a field of displacements). Parameters are
one number or a tensor with one for each sample (B,). Points are (x, y) in pixels and (0, 0) is the centre of the top
left pixel; angles are in degrees, anticlockwise. All are differentiable in the image, and under bilinear
interpolation in their parameters. The last three arguments of each say how values between pixels and outside the
image come about: see ``warp``.
"""

import math

import torch
from torch import Tensor

from labkit.augment.arguments import Value
from labkit.augment.image._args import Fill, Resized, which
from labkit.augment.image.matrices import affine_matrix, box_corners, centring, homography, warp_points
from labkit.augment.image.warping import sample, shift_grid, warp
from labkit.draws import wide
from labkit.shapes import Bool, Float, Images, images, readable

LARGE = 2**14
"""More values than this in an image: then each image is turned alone, and those that stay are copied once."""


def hflip(x: Images, *, flip: Bool[Tensor, " b"] | None = None) -> Images:
    """The images mirrored left to right: all of them, or those for which ``flip`` (B,) is true.

    Raises:
        ValueError: if x isn't a batch of float images, or ``flip`` isn't one bool a sample.
    """
    return _mirrored(images(x), flip, 3)


def vflip(x: Images, *, flip: Bool[Tensor, " b"] | None = None) -> Images:
    """The images mirrored top to bottom: all of them, or those for which ``flip`` (B,) is true.

    Raises:
        ValueError: if x isn't a batch of float images, or ``flip`` isn't one bool a sample.
    """
    return _mirrored(images(x), flip, 2)


def _mirrored(x: Tensor, flip: Tensor | None, dim: int) -> Tensor:
    """Those images turned round along a dimension for which ``flip`` is true; without it all."""
    if flip is None:
        return x.flip(dim)
    chosen = which(flip, x, name="flip")
    if not readable(x):
        return torch.where(chosen, x.flip(dim), x)
    if len(x) and x[0].numel() > LARGE:
        y = torch.empty_like(x)
        for i, turn in enumerate(flip.tolist()):
            y[i] = x[i].flip(dim - 1) if turn else x[i]
        return y
    kept = (~chosen).flatten().nonzero()[:, 0]
    return x.flip(dim).index_copy_(0, kept, x.index_select(0, kept))


def rotate(
    x: Images,
    *,
    degrees: Value,
    expand: bool = False,
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: Fill = 0.0,
) -> Resized:
    """The images turned anticlockwise by ``degrees`` about their centre.

    With ``expand`` the canvas grows until no corner is lost: one canvas for the batch, as large as the sample that
    needs most. (With angles on an accelerator the host has to wait for them; ``warp`` with a given size does not.)

    Raises:
        ValueError: if x isn't a batch of float images, the angles aren't one number or one a sample, or a word is
            unknown.
    """
    matrix = affine_matrix(images(x), degrees=degrees)
    size = None
    if expand:
        size = rotated_size((x.shape[2], x.shape[3]), degrees)
        matrix = centring(x, size=size) @ matrix
    return warp(x, matrix, size=size, interpolation=interpolation, fill=fill, value=value)


def rotated_size(size: tuple[int, int], degrees: Value) -> tuple[int, int]:
    """Height and width of a canvas that holds images of ``size`` (H, W) turned by any of the given angles."""
    height, width = size
    angles = degrees.detach().flatten().tolist() if isinstance(degrees, Tensor) else [float(degrees)]
    turns = [(abs(math.cos(math.radians(a))), abs(math.sin(math.radians(a)))) for a in angles] or [(1.0, 0.0)]
    # The cosine of 90° is 6e-17 and not 0, which must not cost a row of pixels.
    return (
        max(math.ceil(width * sin + height * cos - 1e-4) for cos, sin in turns),
        max(math.ceil(width * cos + height * sin - 1e-4) for cos, sin in turns),
    )


def scale(
    x: Images, *, factor: Value, interpolation: str = "bilinear", fill: str = "constant", value: Fill = 0.0
) -> Images:
    """The images magnified by ``factor`` about their centre, on a canvas of the same size.

    Raises:
        ValueError: if x isn't a batch of float images, or a factor is not above 0.
    """
    matrix = affine_matrix(images(x), scale=factor)
    return warp(x, matrix, interpolation=interpolation, fill=fill, value=value)


def translate(
    x: Images,
    *,
    dx: Value | None = None,
    dy: Value | None = None,
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: Fill = 0.0,
) -> Images:
    """The images moved ``dx`` pixels to the right and ``dy`` pixels downward; fractions of a pixel count.

    Raises:
        ValueError: if x isn't a batch of float images, or a parameter isn't one number or one a sample.
    """
    matrix = affine_matrix(images(x), dx=dx, dy=dy)
    return warp(x, matrix, interpolation=interpolation, fill=fill, value=value)


def shear(
    x: Images,
    *,
    shear_x: Value | None = None,
    shear_y: Value | None = None,
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: Fill = 0.0,
) -> Images:
    """The images sheared about their centre: vertical lines tilt by ``shear_x`` degrees, level ones by ``shear_y``.

    Raises:
        ValueError: if x isn't a batch of float images, or a parameter isn't one number or one a sample.
    """
    matrix = affine_matrix(images(x), shear_x=shear_x, shear_y=shear_y)
    return warp(x, matrix, interpolation=interpolation, fill=fill, value=value)


def affine(
    x: Images,
    *,
    degrees: Value | None = None,
    dx: Value | None = None,
    dy: Value | None = None,
    scale: Value | None = None,
    shear_x: Value | None = None,
    shear_y: Value | None = None,
    expand: bool = False,
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: Fill = 0.0,
) -> Resized:
    """The images sheared, magnified, turned and moved at once: see ``affine_matrix``.

    As torchvision's ``affine``, but for the angle, which is anticlockwise here as in ``rotate``. With ``expand`` the
    canvas grows (or shrinks) about its centre until no corner is lost, as in ``rotate``.

    Raises:
        ValueError: if x isn't a batch of float images, a parameter isn't one number or one a sample, or a scale is
            not above 0.
    """
    matrix = affine_matrix(images(x), degrees=degrees, dx=dx, dy=dy, scale=scale, shear_x=shear_x, shear_y=shear_y)
    size = None
    if expand:
        size = _moved_size(x, matrix)
        matrix = centring(x, size=size) @ matrix
    return warp(x, matrix, size=size, interpolation=interpolation, fill=fill, value=value)


def _moved_size(x: Tensor, matrix: Tensor) -> tuple[int, int]:
    """Height and width of a canvas that holds every moved image, with the same centre."""
    height, width = x.shape[2:]
    edges = matrix.new_tensor([[[0, 0, width, height]]], dtype=torch.float64)
    moved = warp_points(box_corners(edges)[:, 0].expand(len(x), -1, -1), matrix.detach().double())
    centre = moved.new_tensor([(width - 1) / 2, (height - 1) / 2])
    reach = (moved - centre).abs().flatten(0, 1)
    right, down = reach.amax(0).tolist() if len(x) else (width / 2, height / 2)
    # A float32 matrix is off by a few 1e-8 of the size, which must not cost a row of pixels.
    slack = 1e-4 + 1e-6 * max(height, width)
    return math.ceil(2 * down - slack), math.ceil(2 * right - slack)


def corners(x: Images) -> Float[Tensor, "b 4 2"]:
    """The centres of the corner pixels: top left, top right, bottom right, bottom left."""
    right, bottom = x.shape[3] - 1.0, x.shape[2] - 1.0
    points = torch.tensor([[0, 0], [right, 0], [right, bottom], [0, bottom]], dtype=wide(x.dtype))
    return points.to(x.device, non_blocking=True).expand(x.shape[0], 4, 2)


def perspective(
    x: Images,
    *,
    start: Float[Tensor, "b 4 2"] | None = None,
    end: Float[Tensor, "b 4 2"],
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: Fill = 0.0,
) -> Images:
    """The images seen from elsewhere: the homography that moves the points ``start`` to ``end``, (B, 4, 2).

    ``start`` is by default the four corner pixels, top left, top right, bottom right, bottom left. (torchvision's
    points are half a pixel further to the right and down.)

    Raises:
        ValueError: if x isn't a batch of float images, or three points of a quadrilateral lie on a line.
    """
    begin = corners(images(x)) if start is None else start.to(x.device, wide(x.dtype))
    matrix = homography(begin, end.to(x.device, wide(x.dtype)))
    return warp(x, matrix, interpolation=interpolation, fill=fill, value=value)


def elastic(
    x: Images,
    *,
    displacement: Float[Tensor, "b 2 h w"],
    interpolation: str = "bilinear",
    fill: str = "constant",
    value: Fill = 0.0,
) -> Images:
    """The images bent: each output pixel takes the value that lies ``displacement`` pixels, (x, y) first, away from it.

    ``elastic_field`` makes such fields (Simard, Steinkraus and Platt 2003).

    Raises:
        ValueError: if x isn't a batch of float images, or there isn't a field of their size for each.
    """
    if displacement.shape not in ((images(x).shape[0], 2, *x.shape[2:]), (1, 2, *x.shape[2:])):
        raise ValueError(
            f"a displacement has shape (B, 2, H, W), here {(x.shape[0], 2, *x.shape[2:])}; "
            f"this has shape {tuple(displacement.shape)}"
        )
    return sample(x, shift_grid(x, displacement.to(x.device)), interpolation=interpolation, fill=fill, value=value)
