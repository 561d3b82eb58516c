"""AutoAugment's operations, with a magnitude that means the same everywhere: a share m of the full strength.

    y_i = T_{o_i}(x_i; s_i · m_i · full strength)          operation o_i, magnitude m_i ∈ [0, 1], sign s_i ∈ {−1, 1}

m = 0 is the weakest and m = 1 the strongest that an operation does. (Papers and libraries count to 9, 10, 30 or 31, and
the same "M = 10" is full strength in one and a third in another; RandAugment's M of 30 is m = M / 30 here.) Two spaces:

===============  =====================================  ====================================
operation        ``standard`` (AutoAugment)             ``wide`` (TrivialAugment)
===============  =====================================  ====================================
shears           ± 0.3                                  ± 0.99
translations     ± 150/331 of the picture's side        ± 32 pixels
rotate           ± 30°                                  ± 135°
brightness …     1 ± 0.9                                1 ± 0.99
posterize        8 bits down to 4                       8 bits down to 2
solarize         from threshold 1 down to 0             the same
===============  =====================================  ====================================

The others (identity, auto_contrast, equalize, invert, hflip, vflip) have no magnitude. Posterize and solarize are the
famous slips: they must get *stronger* with m, so bits and threshold fall.

Cubuk and others, "AutoAugment" (CVPR 2019) and "RandAugment" (2020); Müller and Hutter, "TrivialAugment" (ICCV 2021).
Their SamplePairing and Cutout are in ``augment.mixing`` and ``augment.image``. A shear leaves the picture's centre
where it is; in Pillow and torchvision's policies it leaves the corner, and so moves the picture as well. The wide
space is for pictures larger than 32 pixels a side: a smaller one may be moved out of itself.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from labkit.augment import image
from labkit.augment.arguments import member, values
from labkit.logits import straight_through
from labkit.shapes import Images, Int, PerSample, images, labels

GEOMETRIC = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
BLENDS = ("brightness", "color", "contrast", "sharpness")
SIGNED = (*GEOMETRIC, *BLENDS)
"""The operations to which the sign matters."""

RANDAUGMENT = ("identity", *SIGNED, "posterize", "solarize", "auto_contrast", "equalize")
"""The fourteen operations of RandAugment and TrivialAugment."""

OPERATIONS = (*RANDAUGMENT, "invert", "hflip", "vflip")
"""All seventeen, in the order of their numbers."""

SPACES = ("standard", "wide")


def strength(operation: str, magnitude: float | Tensor, *, size: tuple[int, int], space: str = "standard") -> Tensor:
    """What a magnitude means to an operation, without its sign: a slope, pixels, degrees, a change of factor, bits …

    Args:
        operation: one of ``OPERATIONS``.
        magnitude: the share m of the full strength, from 0 to 1, of any shape.
        size: height and width of the pictures; translations need it.
        space: ``"standard"`` or ``"wide"``.

    Raises:
        ValueError: if there is no such operation or space, or a magnitude is outside [0, 1].

    >>> strength("rotate", 1.0, size=(32, 32)), strength("solarize", 0.25, size=(32, 32))
    (tensor(30.), tensor(0.7500))
    >>> strength("posterize", torch.tensor([0.0, 0.5, 1.0]), size=(32, 32))
    tensor([8., 6., 4.])
    """
    member(operation, OPERATIONS, name="operation")
    member(space, SPACES, name="space")
    m = torch.as_tensor(magnitude)
    m = m if m.is_floating_point() else m.float()
    m = values(m.reshape(-1), m.reshape(-1), name="magnitude", low=0, high=1).reshape(m.shape)
    wide = space == "wide"
    if operation.startswith("translate"):
        side = size[1] if operation == "translate_x" else size[0]
        return m * (32.0 if wide else 150 / 331 * side)
    if operation == "posterize":
        return (8 - m * (6 if wide else 4)).round()
    if operation == "solarize":
        return 1 - m
    full = {"shear_x": 0.99 if wide else 0.3, "shear_y": 0.99 if wide else 0.3, "rotate": 135.0 if wide else 30.0}
    return m * full.get(operation, (0.99 if wide else 0.9) if operation in BLENDS else 0.0)


def auto_contrast(x: Images) -> Images:
    """Each channel stretched so that its darkest value is 0 and its lightest 1; a flat channel stays as it is.

    Raises:
        ValueError: if x isn't a batch of float images.

    >>> auto_contrast(torch.tensor([[[[0.2, 0.4, 0.7]]]]))
    tensor([[[[0.0000, 0.4000, 1.0000]]]])
    """
    low, high = images(x).amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    flat = high == low
    return torch.where(flat, x, ((x - low) / torch.where(flat, 1.0, high - low)).clamp(0, 1))


def apply_operations(
    x: Images,
    operation: Int[Tensor, " b"],
    *,
    magnitude: float | PerSample,
    sign: float | PerSample = 1.0,
    space: str = "standard",
    operations: Sequence[str] = OPERATIONS,
    into: Images | None = None,
) -> Images:
    """Each picture under an operation of its own; steps (posterize, equalize) pass gradients straight through.

    All geometry is one warp, and every other operation one call for the pictures that it meets.

    Args:
        x: (B, C, H, W) in [0, 1], with 1 or 3 channels.
        operation: (B,) the number of each picture's operation in ``operations``.
        magnitude: the share of the full strength, from 0 to 1: one, or one a picture.
        sign: −1 or 1, for the operations in ``SIGNED``: one, or one a picture.
        space: ``"standard"`` or ``"wide"``.
        operations: the names that the numbers stand for.
        into: where the result is written: ``x`` itself, if nobody needs it any more. By default a new tensor.

    Raises:
        ValueError: if these are no pictures, numbers, magnitudes or signs that fit, or there is no such operation.

    >>> x = torch.tensor([0.2, 0.9]).view(2, 1, 1, 1).expand(2, 1, 4, 4)
    >>> apply_operations(x, torch.tensor([14, 11]), magnitude=0.5)[:, 0, 0, 0]   # invert, solarize
    tensor([0.8000, 0.1000])
    """
    for name in operations:
        member(name, OPERATIONS, name="operation")
    labels(operation, len(images(x)), classes=len(operations), name="operation")
    m = values(magnitude, x, name="magnitude", low=0, high=1)
    s = values(sign, x, name="sign", low=-1, high=1)
    # Each picture has one operation: it is read once, and written once.
    y = torch.empty_like(x) if into is None else into
    for k, name in enumerate(operations):
        if name in GEOMETRIC:
            continue
        index = (operation == k).nonzero()[:, 0]
        if len(index):
            these = x.index_select(0, index)
            changed = these if name == "identity" else photometric(these, name, m[index], s[index], space)
            y.index_copy_(0, index, changed.to(y.dtype))
    moved = torch.stack([operation == k for k, name in enumerate(operations) if name in GEOMETRIC] or [operation < 0])
    index = moved.any(0).nonzero()[:, 0]
    if len(index):
        y.index_copy_(
            0, index, geometric(x.index_select(0, index), operation[index], m[index], s[index], space, operations)
        )
    return y


def geometric(x: Tensor, operation: Tensor, m: Tensor, s: Tensor, space: str, operations: Sequence[str]) -> Tensor:
    """One affine warp for all of the pictures, each with its own operation."""
    size = (x.shape[2], x.shape[3])

    def amount(name: str) -> Tensor:
        chosen = torch.zeros_like(operation, dtype=torch.bool)
        for k, other in enumerate(operations):
            chosen = chosen | (operation == k) if other == name else chosen
        return torch.where(chosen, s * strength(name, m, size=size, space=space), 0.0)

    # torchvision's sense: a positive slope moves what is below the centre to the left.
    tilt = {name: torch.rad2deg(amount(name).atan()) for name in ("shear_x", "shear_y")}
    dx, dy, degrees = amount("translate_x"), amount("translate_y"), amount("rotate")
    return image.affine(x, dx=dx, dy=dy, degrees=degrees, shear_x=tilt["shear_x"], shear_y=tilt["shear_y"])


def photometric(x: Tensor, name: str, m: Tensor, s: Tensor, space: str) -> Tensor:
    """One operation that moves nothing (or flips), on all of the pictures."""
    amount = strength(name, m, size=(x.shape[2], x.shape[3]), space=space)
    if name in BLENDS:
        blend = {"brightness": image.brightness, "color": image.saturation, "contrast": image.contrast}
        return blend.get(name, image.sharpen)(x, factor=1 + s * amount)
    if name == "posterize":
        return straight_through(image.posterize(x.detach(), bits=amount), x)
    if name == "solarize":
        return image.solarize(x, threshold=amount)
    plain: dict[str, Callable[[Tensor], Tensor]] = {
        "auto_contrast": auto_contrast, "invert": image.invert, "hflip": image.hflip, "vflip": image.vflip,
        "equalize": lambda v: straight_through(image.equalize(v), v),
    }  # fmt: skip
    return plain[name](x)
