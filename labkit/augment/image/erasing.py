"""Erasing: rectangles taken out of the picture, so that no single part of it decides.

Sources: Zhong et al., Random Erasing Data Augmentation (2017); DeVries and Taylor, Improved Regularization of
    Convolutional Neural Networks with Cutout (2017).
"""

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import member
from labkit.draws import uniform, wide
from labkit.shapes import Bool, Float, Images, images

BOXES = "boxes have shape (B, 4) or (B, N, 4), (left, top, right, bottom) each"


def erase(
    x: Images,
    *,
    boxes: Tensor,
    value: float | str = 0.0,
    noise: Images | None = None,
    generator: Generator | None = None,
) -> Images:
    """The images with boxes (B, 4), or several for each sample (B, N, 4), filled in.

    Args:
        x: images (B, C, H, W).
        boxes: (left, top, right, bottom) in pixels: ``x[..., top:bottom, left:right]`` is lost. They may reach out of
            the image, and one without width or height erases nothing.
        value: what is put there: a number, ``"noise"`` (uniform on [0, 1), a fresh number for each value), or
            ``"mean"`` (the mean of the channel in that image).
        noise: the noise (B, C, H, W), if it is given; else it is drawn from ``generator``.
        generator: where noise is drawn from.

    Raises:
        ValueError: if x isn't a batch of float images, there aren't boxes for each, or ``value`` is unknown.
    """
    inside = box_masks(boxes, x)
    if isinstance(value, str):
        member(value, ("noise", "mean"), name="value")
    if value == "mean":
        return torch.where(inside, images(x).mean((2, 3), keepdim=True), x)
    if value == "noise":
        drawn = uniform(x.shape, like=x, generator=generator) if noise is None else noise
        if drawn.shape != x.shape:
            raise ValueError(f"noise has the images' shape, here {tuple(x.shape)}; it has {tuple(drawn.shape)}")
        return torch.where(inside, drawn.to(x), x)
    return torch.where(inside, float(value), images(x))


def boxes_of_mask(boxes: Tensor, x: Images, mask: Tensor) -> Tensor:
    """``box_masks`` for a mask of the images, (B, H, W) or (B, K, H, W), with as many dimensions."""
    inside = box_masks(boxes, x)
    return inside if mask.ndim == 4 else inside[:, 0]


def box_masks(boxes: Tensor, x: Images) -> Bool[Tensor, "b 1 h w"]:
    """True where the centre of a pixel lies in one of its sample's boxes (B, 4) or (B, N, 4).

    Raises:
        ValueError: if x isn't a batch of float images, or there aren't boxes for each.
    """
    down, across = box_sides(boxes, x)
    inside = down[:, :, :, None] & across[:, :, None, :]
    return inside if inside.shape[1] == 1 else inside.any(1, keepdim=True)


def box_sides(boxes: Tensor, x: Images) -> tuple[Bool[Tensor, "b n h"], Bool[Tensor, "b n w"]]:
    """The rows and the columns whose centres lie in each box: a pixel is in it where both are.

    Raises:
        ValueError: as ``box_masks``.
    """
    if boxes.ndim not in (2, 3) or boxes.shape[-1] != 4 or boxes.shape[0] != images(x).shape[0]:
        raise ValueError(f"{BOXES}, here with B = {x.shape[0]}; these have shape {tuple(boxes.shape)}")
    edges = boxes.to(x.device, wide(x.dtype))[..., None]
    edges = edges if edges.ndim == 4 else edges[:, None]
    columns = torch.arange(x.shape[3], device=x.device) + 0.5
    rows = torch.arange(x.shape[2], device=x.device) + 0.5
    across = (columns >= edges[:, :, 0]) & (columns < edges[:, :, 2])
    down = (rows >= edges[:, :, 1]) & (rows < edges[:, :, 3])
    return down, across


def cutout(
    x: Images,
    *,
    centres: Float[Tensor, "b 2"],
    size: int,
    value: float | str = 0.0,
    noise: Images | None = None,
    generator: Generator | None = None,
) -> Images:
    """The images without the square of ``size`` × ``size`` pixels around a pixel (x, y) of each.

    Parts of the square that lie outside the image are ignored; ``centres`` are whole numbers.
    ``value``, ``noise`` and ``generator`` are those of ``erase``.

    Raises:
        ValueError: if x isn't a batch of float images, there isn't a centre for each, or the size isn't positive.
    """
    if centres.shape != (images(x).shape[0], 2):
        raise ValueError(f"centres have shape ({x.shape[0]}, 2), (x, y) each; these have {tuple(centres.shape)}")
    if size < 1:
        raise ValueError(f"size is {size}; expected at least 1 pixel")
    corner = centres - (size // 2)
    return erase(x, boxes=torch.cat([corner, corner + size], 1), value=value, noise=noise, generator=generator)
