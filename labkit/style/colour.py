"""Colour transfer, the *classic* transformation that style transfer is compared with: it ignores places.

    l α β = three axes of colour that hardly depend on each other in natural pictures (logarithms of cone responses)
    z = σ(s)/σ(c) (c − μ(c)) + μ(s)        on each axis, over all pixels

It is AdaIN on three numbers a pixel. Whatever it does is one map from colours to colours, the same for each pixel: it
can't make a texture. Reinhard, Ashikhmin, Gooch and Shirley, "Color Transfer between Images" (IEEE CG&A 2001).
"""

import torch
from torch import Tensor

from labkit.shapes import Images, images
from labkit.style.adaptive import adain
from labkit.style.losses import pixels
from labkit.style.statistics import StyleMaps

# The paper's equations 4 and 6, and their inverses.
LMS = ((0.3811, 0.5783, 0.0402), (0.1967, 0.7244, 0.0782), (0.0241, 0.1288, 0.8444))
AXES = ((1.0, 1.0, 1.0), (1.0, 1.0, -2.0), (1.0, -1.0, 0.0))
SCALES = (3**-0.5, 6**-0.5, 2**-0.5)
DARKEST = 1 / 255  # a logarithm needs a least response


def rgb_to_lab(x: Images) -> Images:
    """Pictures (B, 3, H, W) in [0, 1] as l, α, β of Reinhard and others (not CIE's L*a*b*).

    Raises:
        ValueError: if these are no pictures with three channels.

    >>> import torch
    >>> grey = rgb_to_lab(torch.full((1, 3, 1, 1), 0.5))
    >>> bool((grey[:, 1:].abs() < 0.02).all())
    True
    """
    logs = torch.einsum("ij,bjhw->bihw", x.new_tensor(LMS), images(x, channels=3)).clamp_min(DARKEST).log10()
    return torch.einsum("ij,bjhw->bihw", _axes(x), logs)


def lab_to_rgb(x: Images) -> Images:
    """The inverse of ``rgb_to_lab``; colours that no screen has are cut off at [0, 1].

    Raises:
        ValueError: if these are no pictures with three channels.

    >>> import torch
    >>> x = 0.1 + 0.8 * torch.rand(1, 3, 4, 4)
    >>> torch.allclose(lab_to_rgb(rgb_to_lab(x)), x, atol=1e-4)
    True
    """
    logs = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(_axes(x)), images(x, channels=3))
    return torch.einsum("ij,bjhw->bihw", torch.linalg.inv(x.new_tensor(LMS)), 10**logs).clamp(0, 1)


def colour_transfer(content: Images, style: StyleMaps) -> Images:
    """``content`` with the mean and deviation of each colour axis of ``style``.

    Args:
        content: (B, 3, H, W) in [0, 1].
        style: (B, 3, H', W'), or (1, 3, H', W') for all.

    Raises:
        ValueError: if these are no colour pictures in [0, 1], or there are not as many styles or one.

    >>> import torch
    >>> c, s = torch.rand(2, 3, 8, 8), 0.2 + 0.2 * torch.rand(1, 3, 8, 8)
    >>> bool((colour_transfer(c, s).mean() - s.mean()).abs() < 0.05)
    True
    """
    c, s = (rgb_to_lab(pixels(x, name=name)) for x, name in ((content, "content"), (style, "style")))
    return lab_to_rgb(adain(c, s))


def _axes(x: Tensor) -> Tensor:
    """The matrix from logarithms of cone responses to l, α, β."""
    return x.new_tensor(SCALES)[:, None] * x.new_tensor(AXES)
