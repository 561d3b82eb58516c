"""CutMix: a box of the partner's picture pasted into each, and labels mixed by area.

    box: centre (u, v) uniform over the pixels, sides √(1 − λ) W and √(1 − λ) H, cut off at the picture's edges
    x̃ = x_j inside the box, x_i outside        ỹ = λ' y_i + (1 − λ') y_j        λ' = 1 − area of the box / (H W)

λ ~ Beta(α, α) sets the size asked for; λ' is what is left of it after the box was cut off and made of whole pixels, and
it is λ' that the labels take.

Source: S. Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features (2019).
"""

import torch
from torch import Tensor

from labkit import shapes
from labkit.augment.image.erasing import box_masks, box_sides
from labkit.augment.mixing.blend import partners, weights
from labkit.shapes import Float, Images, Int, PerSample, readable

Boxes = Int[Tensor, "b 4"]

LARGE = 2**14
"""More values than this in a picture: then boxes are pasted one by one, and nothing else is touched."""


def cutmix(x: Images, *, partner: Int[Tensor, " b"], boxes: Tensor) -> Images:
    """Each picture with a box of its partner's in the same place.

    Args:
        x: images (B, C, H, W).
        partner: (B,) whose box each gets.
        boxes: (B, 4), (left, top, right, bottom): ``x[..., top:bottom, left:right]`` comes from the partner.

    Raises:
        ValueError: if x isn't a batch of float images, or there isn't a partner and a box for each.
    """
    if boxes.shape != (shapes.images(x).shape[0], 4):
        raise ValueError(f"boxes have shape ({x.shape[0]}, 4), one a picture; these have {tuple(boxes.shape)}")
    source = partners(partner, x)
    if len(x) and x[0].numel() > LARGE and readable(x) and readable(boxes) and not boxes.is_floating_point():
        mixed = x.clone()
        for i, (j, (left, top, right, bottom)) in enumerate(zip(source.tolist(), boxes.clamp_min(0).tolist())):
            mixed[i, :, top:bottom, left:right] = x[j, :, top:bottom, left:right]
        return mixed
    other = x.index_select(0, source)
    if readable(x) and not (torch.is_grad_enabled() and x.requires_grad):
        return _put_in(other, x, *box_sides(boxes, x))
    return torch.where(box_masks(boxes, x), other, x)


def _put_in(other: Tensor, x: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """``other`` inside and ``x`` outside, by bits, which is several times as fast as a choice for each value."""
    bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()]
    # All bits are 1 inside. p ^ ((p ^ q) & 1) = q, and p ^ ((p ^ q) & 0) = p.
    inside = down[:, :, :, None].to(bits).neg_() & across[:, :, None, :].to(bits).neg_()
    old = x.detach().view(bits)
    return other.view(bits).bitwise_xor_(old).bitwise_and_(inside).bitwise_xor_(old).view(x.dtype)


def cutmix_boxes(lambda_: PerSample, *, centres: Int[Tensor, "b 2"], size: tuple[int, int]) -> Boxes:
    """The boxes (left, top, right, bottom) for λ, in whole pixels, cut off at the edges: (B, 4).

    A box reaches int(½ √(1 − λ) W) pixels to the left and right of its centre and int(½ √(1 − λ) H) up and down, so
    that its share of the picture is at most 1 − λ.

    Args:
        lambda_: λ, (B,).
        centres: (B, 2) pixels (x, y).
        size: (H, W) of the pictures.

    Raises:
        ValueError: if λ leaves [0, 1], there isn't a centre for each, or the pictures have no size.
    """
    if centres.shape != (len(lambda_), 2):
        raise ValueError(f"centres have shape ({len(lambda_)}, 2), (x, y) each; these have {tuple(centres.shape)}")
    if min(size) < 1:
        raise ValueError(f"size is {size}; expected (height, width) of at least one pixel")
    sides = torch.tensor([size[1], size[0]], device=lambda_.device)
    half = ((1 - weights(lambda_, lambda_, name="lambda_").double()).sqrt()[:, None] * 0.5 * sides).long()
    at = centres.to(lambda_.device)
    return torch.cat([at - half, at + half], 1).clamp_min_(0).minimum(sides.repeat(2))


def share_kept(boxes: Tensor, *, size: tuple[int, int]) -> Float[Tensor, " b"]:
    """λ' = 1 − area / (H W): the share of its own pixels that each picture keeps, (B,).

    Args:
        boxes: (B, 4), (left, top, right, bottom) within the picture.
        size: (H, W) of the pictures.

    Raises:
        ValueError: if the boxes don't have that shape.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes have shape (B, 4); these have {tuple(boxes.shape)}")
    left, top, right, bottom = boxes.unbind(1)
    return 1 - ((right - left) * (bottom - top)).to(torch.get_default_dtype()) / (size[0] * size[1])
