"""Red, green and blue, each on its own: what a lamp, a white balance or a camera does to a picture.

With one number a channel and sample, ``gain`` multiplies, ``shift`` adds, and a shuffle permutes:

    y_c = clamp(g_c x_c),        y_c = clamp(x_c + s_c),        y_c = x_π(c)

Gains are the model of von Kries (1902) for the colour of the light. Images have 3 channels, or 4 with alpha, which
stays; grey ones have no channels to tell apart and stay as they are.
"""

import torch
from torch import Tensor

from labkit.augment.arguments import Value, per_item, values
from labkit.augment.image._args import but_for_alpha, colours
from labkit.shapes import Images, Int, readable


@but_for_alpha
def rgb_gain(x: Images, *, red: Value = 1.0, green: Value = 1.0, blue: Value = 1.0) -> Images:
    """Each channel times its own factor, clamped: a light of another colour. Factors of 1 change nothing.

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or a factor is negative.

    >>> rgb_gain(torch.full((1, 3, 1, 1), 0.5), red=1.5, blue=0.0).flatten()
    tensor([0.7500, 0.5000, 0.0000])
    """
    x = colours(x)
    factors = [values(v, x, name=name, low=0) for name, v in (("red", red), ("green", green), ("blue", blue))]
    return x.clone() if x.shape[1] == 1 else (x * _columns(factors, x)).clamp_(0, 1)


@but_for_alpha
def rgb_shift(x: Images, *, red: Value = 0.0, green: Value = 0.0, blue: Value = 0.0) -> Images:
    """A number added to each channel, clamped: a haze of some colour. Shifts of 0 change nothing.

    Raises:
        ValueError: if x isn't a batch of float images with 1, 3 or 4 channels, or a shift is outside [−1, 1].

    >>> rgb_shift(torch.full((1, 3, 1, 1), 0.5), red=0.25, blue=-0.75).flatten()
    tensor([0.7500, 0.5000, 0.0000])
    """
    shifts = [
        values(v, colours(x), name=name, low=-1, high=1) for name, v in (("red", red), ("green", green), ("blue", blue))
    ]
    return x.clone() if x.shape[1] == 1 else (x + _columns(shifts, x)).clamp_(0, 1)


@but_for_alpha
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
    x, rows = colours(x), torch.as_tensor(order)
    if rows.is_floating_point() or rows.shape not in ((3,), (len(x), 3)):
        raise ValueError(
            f"order is a permutation of 0, 1, 2, or one for each sample in a tensor of whole numbers with shape "
            f"({len(x)}, 3); this is {str(rows.dtype).removeprefix('torch.')} of shape {tuple(rows.shape)}"
        )
    if readable(rows) and rows.numel() and not bool((rows.sort(-1).values == torch.arange(3)).all()):
        raise ValueError(f"order is {rows.tolist()}; expected 0, 1 and 2, each once")
    if x.shape[1] == 1:
        return x.clone()
    index = rows.long().to(x.device).expand(len(x), 3)[:, :, None, None].expand_as(x)
    return x.gather(1, index)


def _columns(channels: list[Tensor], x: Tensor) -> Tensor:
    """Three parameters (B,) each as (B, 3, 1, 1)."""
    return torch.cat([per_item(one, x) for one in channels], 1)
