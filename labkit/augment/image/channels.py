"""Red, green and blue, each on its own: what a lamp, a white balance or a camera does to a picture.

With one number a channel and sample, ``gain`` multiplies, ``shift`` adds, and a shuffle permutes:

    y_c = clamp(g_c x_c),        y_c = clamp(x_c + s_c),        y_c = x_π(c)

Gains are the model of von Kries (1902) for the colour of the light. Images have 3 channels, or 4 with alpha, which
stays; grey ones have no channels to tell apart and stay as they are.
"""

import torch
from torch import Tensor

from labkit.augment.arguments import Value, per_item, values
from labkit.augment.image._args import colours
from labkit.shapes import Images, Int, images, readable


def rgb_gain(x: Images, *, red: Value = 1.0, green: Value = 1.0, blue: Value = 1.0) -> Images:
    """Each channel times its own factor, clamped: a light of another colour. Factors of 1 change nothing.

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or a factor is negative.

    >>> rgb_gain(torch.full((1, 3, 1, 1), 0.5), red=1.5, blue=0.0).flatten()
    tensor([0.7500, 0.5000, 0.0000])
    """
    rgb = _rgb(x)
    factors = [values(v, rgb, name=name, low=0) for name, v in (("red", red), ("green", green), ("blue", blue))]
    return _with_alpha(x, rgb.clone() if rgb.shape[1] == 1 else (rgb * _columns(factors, rgb)).clamp_(0, 1))


def rgb_shift(x: Images, *, red: Value = 0.0, green: Value = 0.0, blue: Value = 0.0) -> Images:
    """A number added to each channel, clamped: a haze of some colour. Shifts of 0 change nothing.

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or a shift is outside [−1, 1].

    >>> rgb_shift(torch.full((1, 3, 1, 1), 0.5), red=0.25, blue=-0.75).flatten()
    tensor([0.7500, 0.5000, 0.0000])
    """
    rgb = _rgb(x)
    shifts = [values(v, rgb, name=name, low=-1, high=1) for name, v in (("red", red), ("green", green), ("blue", blue))]
    return _with_alpha(x, rgb.clone() if rgb.shape[1] == 1 else (rgb + _columns(shifts, rgb)).clamp_(0, 1))


def channel_shuffle(x: Images, *, order: Int[Tensor, " b 3"] | tuple[int, int, int]) -> Images:
    """The channels in another order: channel c of the result is channel ``order[c]`` of the images.

    Args:
        x: the images.
        order: a permutation of 0, 1, 2, for all images or (B, 3) with one for each; (0, 1, 2) changes nothing.

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or an order is no permutation.

    >>> channel_shuffle(torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1), order=(2, 0, 1)).flatten()
    tensor([0.3000, 0.1000, 0.2000])
    """
    rgb = _rgb(x)
    rows = torch.as_tensor(order)
    if rows.is_floating_point() or rows.shape not in ((3,), (len(rgb), 3)):
        raise ValueError(
            f"order is a permutation of 0, 1, 2, or one for each sample in a tensor of whole numbers with shape "
            f"({len(rgb)}, 3); this is {str(rows.dtype).removeprefix('torch.')} of shape {tuple(rows.shape)}"
        )
    if readable(rows) and rows.numel() and not bool((rows.sort(-1).values == torch.arange(3)).all()):
        raise ValueError(f"order is {rows.tolist()}; expected 0, 1 and 2, each once")
    if rgb.shape[1] == 1:
        return _with_alpha(x, rgb.clone())
    index = rows.long().to(rgb.device).expand(len(rgb), 3)[:, :, None, None].expand_as(rgb)
    return _with_alpha(x, rgb.gather(1, index))


def _rgb(x: Tensor) -> Tensor:
    """The colours of the images, without alpha."""
    return colours(x[:, :3] if images(x).shape[1] == 4 else x)


def _with_alpha(x: Tensor, rgb: Tensor) -> Tensor:
    """The new colours with the old alpha, where there is one."""
    return torch.cat([rgb, x[:, 3:]], 1) if x.shape[1] == 4 else rgb


def _columns(channels: list[Tensor], x: Tensor) -> Tensor:
    """Three parameters (B,) each as (B, 3, 1, 1)."""
    return torch.cat([per_item(one, x) for one in channels], 1)
