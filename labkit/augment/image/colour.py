"""Colour: what the values of a pixel are.

Grey is ``Y = 0.2989 R + 0.587 G + 0.114 B`` (ITU-R BT.601). Brightness, contrast and saturation are blends ``f x + (1
− f) x̄`` with black, with the image's mean grey and with its own grey; a factor of 1 changes nothing. Hue turns the
colour circle and leaves the largest and smallest channel of each pixel where they are. Meanings, names and ranges are
those of torchvision's ``transforms.v2.functional``; results are clamped to [0, 1]. Images have 3 channels, 1
(grey), or 4: red, green, blue and alpha. Alpha, how opaque a pixel is, is no colour: every function here leaves it
as it is. (Four bands of a satellite are no colours either: there take ``x[:, :3]`` and ``x[:, 3:]``.)

Hue without branches: with V the largest channel, m the smallest, C = V − m, and h ∈ [0, 1) the pixel's hue, channel n
of the colour whose hue is turned by δ is ``m + C clamp(6 |d| − 1, 0, 1)`` where d ∈ [−½, ½] is ``h + δ + o_n − ½``
less the nearest whole number, and o = (0, 2/3, 1/3).
"""

import torch
from torch import Tensor

from labkit.augment.arguments import Value, per_item, values
from labkit.augment.image._args import but_for_alpha, colours, which
from labkit.augment.image._blocks import in_blocks
from labkit.shapes import Bool, Images, finite, images

LUMA = (0.2989, 0.587, 0.114)


@but_for_alpha
def grayscale(x: Images, *, gray: Bool[Tensor, " b"] | None = None) -> Images:
    """The images without colour, with as many channels as before: all, or those for which ``gray`` (B,) is true.

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or ``gray`` isn't one bool a sample.
    """
    plain = _luma(colours(x)).expand_as(x)
    return plain.clone() if gray is None else torch.where(which(gray, x, name="gray"), plain, x)


def _luma(x: Tensor) -> Tensor:
    """The grey (B, 1, H, W) of images."""
    if x.shape[1] == 1:
        return x
    r, g, b = LUMA
    return torch.add(x[:, :1] * r, x[:, 1:2], alpha=g).add_(x[:, 2:], alpha=b)


@but_for_alpha
def brightness(x: Images, *, factor: Value) -> Images:
    """``factor · x``, clamped: 0 is black, 1 the image.

    Raises:
        ValueError: if x isn't a batch of float images, or a factor is negative.
    """
    return (images(x) * per_item(values(factor, x, name="factor", low=0), x)).clamp_(0, 1)


@but_for_alpha
def contrast(x: Images, *, factor: Value) -> Images:
    """A blend with the image's mean grey, clamped: 0 is that grey, 1 the image.

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or a factor is negative.
    """
    f = per_item(values(factor, colours(x), name="factor", low=0), x)
    return _contrast(x, f)


def _contrast(x: Tensor, f: Tensor) -> Tensor:
    mean = _luma(x.mean((2, 3), keepdim=True))
    return torch.addcmul((1 - f) * mean, x, f).clamp_(0, 1)


@but_for_alpha
def saturation(x: Images, *, factor: Value) -> Images:
    """A blend of each pixel with its own grey, clamped: 0 is grey, 1 the image. Grey images stay as they are.

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or a factor is negative.
    """
    f = per_item(values(factor, colours(x), name="factor", low=0), x)
    if x.shape[1] == 1:
        return x.clone()
    return in_blocks(_saturate, x, f)


def _saturate(x: Tensor, f: Tensor) -> Tensor:
    return torch.lerp(_luma(x), x, f).clamp_(0, 1)


@but_for_alpha
def hue(x: Images, *, shift: Value) -> Images:
    """The colours turned by ``shift`` of the colour circle: ±0.5 is the opposite colour. Grey images stay as they are.

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or a shift is outside [−0.5, 0.5].
    """
    turn = per_item(values(shift, colours(x), name="shift", low=-0.5, high=0.5), x)
    if x.shape[1] == 1:
        return x.clone()
    return in_blocks(_turn, x, turn)


def _turn(x: Tensor, turn: Tensor) -> Tensor:
    low = x.amin(1, keepdim=True)
    chroma = x.amax(1, keepdim=True) - low
    # (B, 3, H, W): where each channel's ramp is looked up, less the nearest whole turn.
    place = _from_red(x, low, chroma).div(6).add(turn) + _thirds(x)
    ramp = (place - place.round()).abs_().mul_(6).sub_(1).clamp_(0, 1)
    return torch.addcmul(low, chroma, ramp)


def _thirds(x: Tensor) -> Tensor:
    """The constants o_n − ½ of the module's equation, for red, green and blue: (3, 1, 1)."""
    channel = torch.arange(3, dtype=x.dtype, device=x.device)
    return (((3 - channel) % 3) / 3 - 0.5)[:, None, None]


def _from_red(x: Tensor, low: Tensor, chroma: Tensor) -> Tensor:
    """Six times the hue (B, 1, H, W), from −3 to 3: the distance from red, negative on blue's side."""
    r, g, b = x[:, :1], x[:, 1:2], x[:, 2:]
    distance = (g - r).add_(b - low) / chroma.clamp_min(torch.finfo(x.dtype).tiny)
    return torch.copysign(distance.add_(1), g - b)


@but_for_alpha
def color_jitter(
    x: Images,
    *,
    brightness: Value = 1.0,
    contrast: Value = 1.0,
    saturation: Value = 1.0,
    hue: Value = 0.0,
) -> Images:
    """Brightness, contrast, saturation and hue, in this order, with the parameters of the functions of those names.

    (torchvision's ``ColorJitter`` draws an order for the whole batch; here it is fixed, so that a sample's result
    depends on its own parameters only.)

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or a parameter is out of range.
    """
    factors = [
        per_item(values(value, colours(x), name=name, low=0), x)
        for name, value in (("brightness", brightness), ("contrast", contrast), ("saturation", saturation))
    ]
    turn = per_item(values(hue, x, name="hue", low=-0.5, high=0.5), x)
    return in_blocks(_jitter, x, *factors, turn)


def _jitter(x: Tensor, bright: Tensor, contrast: Tensor, saturation: Tensor, turn: Tensor) -> Tensor:
    y = _contrast((x * bright).clamp_(0, 1), contrast)
    return y if x.shape[1] == 1 else _turn(_saturate(y, saturation), turn)


@but_for_alpha
def invert(x: Images) -> Images:
    """``1 − x``: the negative.

    Raises:
        ValueError: if x isn't a batch of float images.
    """
    return 1 - images(x)


@but_for_alpha
def posterize(x: Images, *, bits: Value) -> Images:
    """The values rounded down to one of ``2^bits`` levels k / 2^bits, bits from 0 to 8. Its gradient is zero.

    Raises:
        ValueError: if x isn't a batch of float images, or bits are outside [0, 8].
    """
    levels = per_item(values(bits, images(x), name="bits", low=0, high=8).round().exp2(), x)
    # Below 1, and then times powers of 2: all of it is exact.
    return x.clamp(0, 1 - torch.finfo(x.dtype).eps / 2).mul_(levels).floor_().mul_(1 / levels)


@but_for_alpha
def solarize(x: Images, *, threshold: Value) -> Images:
    """``1 − x`` where x reaches the threshold, else x.

    Raises:
        ValueError: if x isn't a batch of float images, or a threshold is outside [0, 1].
    """
    t = per_item(values(threshold, images(x), name="threshold", low=0, high=1), x)
    return in_blocks(_solarize, x, t)


def _solarize(x: Tensor, t: Tensor) -> Tensor:
    """w + (1 − 2w) x with w = 1 or 0, which is exact: several times as fast as a choice for each pixel."""
    w = x.detach().clone().ge_(t)
    return w.addcmul_(x, torch.rsub(w, 1, alpha=2))


@but_for_alpha
def equalize(x: Images) -> Images:
    """Each channel of each image with its histogram evened out, so that every shade is about equally frequent.

    Values are counted in 256 bins and moved to multiples of 1/255 by the running count of the bins below, as in
    Pillow and torchvision; as there, a channel of a single shade stays as it is, and so do pictures
    of fewer than 256 pixels (but for the rounding). Its gradient is zero.

    Raises:
        ValueError: if x isn't a batch of float images, or a value is nan.
    """
    return in_blocks(_equalize, finite(images(x), name="x").detach())


def _equalize(x: Tensor) -> Tensor:
    shade = x.mul(255.999).clamp_(0, 255).to(torch.int32).flatten(2).flatten(0, 1)
    # Each channel counts in 256 places of its own. (32 bits: half the memory, and torch indexes with them.)
    place = shade.add_(256 * torch.arange(len(shade), dtype=torch.int32, device=x.device)[:, None]).flatten()
    one = torch.ones((), dtype=torch.int32, device=x.device)
    count = torch.zeros(256 * len(shade), dtype=torch.int32, device=x.device)
    count.index_add_(0, place, one.expand(place.shape))
    table = _even_out(count.view(-1, 256)).to(x.dtype) / 255
    return table.flatten().index_select(0, place).view(x.shape)


def _even_out(count: Tensor) -> Tensor:
    """The new shade, 0 to 255, of each of the 256 old ones, from the counts (n, 256) of a channel's pixels."""
    total = count.cumsum(1)
    below = total - count
    step = below.gather(1, total.argmax(1, keepdim=True)) // 255
    # Below 2^24 pixels the quotient in float32 rounds down as that of whole numbers does, and several times faster.
    table = (below.float() + step // 2).div_(step.clamp_min(1)).floor_().clamp_(max=255)
    return torch.where(step == 0, torch.arange(256.0, device=count.device), table)
