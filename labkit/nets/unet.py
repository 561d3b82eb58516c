"""A small U-Net: a class for every pixel, from features of several sizes.

    down:  f_0 = conv(z),   f_i = conv(halve(f_{i-1}))          each level sees twice as far, at half the resolution
    up:    g_L = f_L,       g_{i-1} = conv([double(g_i), f_{i-1}])      what was seen, and where exactly it was
    logits = head(g_0)

z is the normalised image and [·, ·] puts channels beside each other.

Source: O. Ronneberger, P. Fischer and T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation"
(2015).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit.nets.models import Normalize
from labkit.shapes import Float, Images, images


class UNet(nn.Module):
    """Logits for every pixel of images of any size from 2^depth pixels a side, odd sizes too.

    A level is twice: convolution 3×3, group normalisation, ReLU. Samples never see each other, so that it is the same
    network in training and evaluation. With the defaults it has about 30,000 parameters.

    Args:
        channels: of the images.
        classes: the number of logits a pixel; 1 for a mask, whose probability is the sigmoid.
        width: the channels of the first level; each level has twice as many as the one above.
        depth: the number of halvings.
        prior: the probability that every pixel begins with. Where lesions are small, begin near their share of the
            pixels: from ½ the first steps run down to "nothing anywhere", and may stay there.
        mean, std: of the normalisation, in pixel units.

    Raises:
        ValueError: if a number is below 1, the prior is not between 0 and 1, or in a call the images are too small.

    >>> UNet(1)(torch.rand(2, 1, 33, 20)).shape
    torch.Size([2, 1, 33, 20])
    """

    def __init__(
        self,
        channels: int,
        classes: int = 1,
        *,
        width: int = 8,
        depth: int = 2,
        prior: float | None = None,
        mean: float | Sequence[float] = 0.5,
        std: float | Sequence[float] = 0.5,
    ) -> None:
        super().__init__()
        if min(channels, classes, width, depth) < 1:
            raise ValueError(
                f"channels, classes, width and depth are {channels}, {classes}, {width} and {depth}; "
                "expected 1 or more of each"
            )
        widths = [width * 2**i for i in range(depth + 1)]
        self.normalize = Normalize(mean, std)
        self.down = nn.ModuleList(level(b, a) for b, a in zip([channels, *widths], widths, strict=False))
        self.up = nn.ModuleList(level(widths[i] + widths[i + 1], widths[i]) for i in range(depth))
        self.head = nn.Conv2d(width, classes, 1)
        if prior is not None:
            if not 0 < prior < 1:
                raise ValueError(f"prior is {prior}; expected a probability between 0 and 1")
            nn.init.constant_(self.head.bias, math.log(prior / (1 - prior)))  # type: ignore[arg-type]
        self.smallest = 2**depth

    def forward(self, x: Images) -> Float[Tensor, "b k h w"]:
        """The logits (B, K, H, W)."""
        if min(images(x).shape[-2:]) < self.smallest:
            raise ValueError(f"this U-Net needs {self.smallest} pixels a side; these are {tuple(x.shape[-2:])}")
        features = [self.down[0](self.normalize(x))]
        for block in self.down[1:]:
            features.append(block(functional.max_pool2d(features[-1], 2)))
        g = features.pop()
        for block in reversed(self.up):
            skip = features.pop()
            g = block(torch.cat([functional.interpolate(g, size=skip.shape[-2:]), skip], 1))
        return self.head(g)


def level(before: int, after: int) -> nn.Sequential:
    """Twice: convolution, group normalisation, ReLU."""
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [nn.Conv2d(channels, after, 3, padding=1, bias=False), nn.GroupNorm(groups(after), after), nn.ReLU()]
    return nn.Sequential(*layers)


def groups(channels: int) -> int:
    """Four groups where the channels can be divided by four, else one."""
    return 4 if channels % 4 == 0 else 1
