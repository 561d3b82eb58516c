"""The refiner and its discriminators.

    R(x) = x + C(x)        C: a convolution, residual blocks, a 1×1 convolution that begins at zero

so that R begins as the identity, which the paper reaches by pretraining (``skip=False`` is the paper's form, R = C).
R keeps the resolution and has no pooling: it can repaint, hardly move. D is convolutional to its end: each logit of
its map sees a patch of the image and nothing else, so that D can't ask what the image shows as a whole, only whether
it looks real everywhere. Shrivastava and others (2017), section 2.1 and 2.2.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from labkit.refine.losses import Maps
from labkit.shapes import Images, images


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, kernel, padding=kernel // 2)
        self.second = nn.Conv2d(width, width, kernel, padding=kernel // 2)

    def forward(self, x: Images) -> Images:
        """Features of the same shape."""
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class Refiner(nn.Module):
    """R: images to images of the same size, any size.

    Args:
        channels: of the images.
        width: feature maps; 64 in the paper.
        blocks: residual blocks; 4 for the paper's eyes, 10 for its hands.
        kernel: of their convolutions; odd.
        skip: whether R(x) = x + C(x), which begins as the identity; False: R(x) = C(x), to be pretrained.

    Raises:
        ValueError: if a number is below 1 or ``kernel`` is even; when called, if x are no images with ``channels``.
    """

    def __init__(
        self, channels: int = 1, *, width: int = 64, blocks: int = 4, kernel: int = 3, skip: bool = True
    ) -> None:
        super().__init__()
        if min(channels, width, blocks) < 1 or kernel < 1 or kernel % 2 == 0:
            raise ValueError(
                f"channels is {channels}, width {width}, blocks {blocks}, kernel {kernel}; "
                "expected 1 or more of each, and an odd kernel"
            )
        self.channels, self.skip = channels, skip
        # Zeros beyond the border would be black to look at, and R would repaint what lies beside them.
        self.enter = nn.Conv2d(channels, width, kernel, padding=kernel // 2, padding_mode="replicate")
        self.blocks = nn.Sequential(*(Block(width, kernel) for _ in range(blocks)))
        self.leave = nn.Conv2d(width, channels, 1)
        if skip:
            nn.init.zeros_(self.leave.weight)
            nn.init.zeros_(torch.as_tensor(self.leave.bias))

    def forward(self, x: Images) -> Images:
        """R(x), (B, C, H, W). Not clipped: where it leaves [0, 1], D can see that, and so R learns to stay."""
        change = self.leave(self.blocks(functional.relu(self.enter(images(x, channels=self.channels)))))
        return x + change if self.skip else change


class LocalDiscriminator(nn.Module):
    """D: a map of logits, one for each patch, positive for "refined".

    3×3 convolutions, then two of 1×1. ``patch_size(strides)`` is the side of a patch.

    Args:
        channels: of the images.
        widths: feature maps of each 3×3 convolution; (96, 64, 32) with strides (2, 2, 1) is close to the paper's.
        strides: of each.

    Raises:
        ValueError: if there are not as many strides as widths, or one is below 1; when called, if x are no images
            with ``channels``.
    """

    def __init__(
        self, channels: int = 1, *, widths: Sequence[int] = (96, 64, 32), strides: Sequence[int] = (2, 2, 1)
    ) -> None:
        super().__init__()
        if len(widths) != len(strides) or min([*widths, *strides], default=0) < 1:
            raise ValueError(f"widths are {tuple(widths)} and strides {tuple(strides)}; expected as many, 1 or more")
        self.channels, self.strides = channels, tuple(strides)
        layers: list[nn.Module] = []
        for before, after, stride in zip([channels, *widths], widths, strides):
            layers += [nn.Conv2d(before, after, 3, stride, padding=1), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(widths[-1], widths[-1], 1), nn.LeakyReLU(0.2), nn.Conv2d(widths[-1], 1, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Images) -> Maps:
        """Logits (B, h, w) of "this patch was refined"."""
        return self.layers(images(x, channels=self.channels))[:, 0]


class GlobalDiscriminator(nn.Module):
    """D without the local loss: one logit for the image, a map of 1×1. For comparison.

    Args:
        size: (H, W) of the images.
        channels: of the images.
        widths: feature maps of the 3×3 convolutions.
        strides: of each.

    Raises:
        ValueError: as ``LocalDiscriminator``.
    """

    def __init__(
        self,
        size: tuple[int, int],
        channels: int = 1,
        *,
        widths: Sequence[int] = (96, 64, 32),
        strides: Sequence[int] = (2, 2, 1),
    ) -> None:
        super().__init__()
        local = LocalDiscriminator(channels, widths=widths, strides=strides)
        self.channels, self.layers = channels, local.layers[:-1]
        height, width = size
        for stride in strides:
            height, width = -(-height // stride), -(-width // stride)
        self.head = nn.Linear(widths[-1] * height * width, 1)

    def forward(self, x: Images) -> Maps:
        """Logits (B, 1, 1) of "this image was refined"."""
        return self.head(self.layers(images(x, channels=self.channels)).flatten(1))[:, :, None]


def patch_size(strides: Sequence[int], *, kernel: int = 3) -> int:
    """The side in pixels of what one logit sees after convolutions of ``kernel`` with these ``strides``.

    Each layer widens the view by kernel − 1 of *its* pixels, which are as large as the strides before it multiply to.

    Raises:
        ValueError: if ``kernel`` or a stride is below 1.
    """
    if min([*strides, kernel]) < 1:
        raise ValueError(f"strides are {tuple(strides)} and kernel {kernel}; expected 1 or more")
    side, pixel = 1, 1
    for stride in strides:
        side, pixel = side + (kernel - 1) * pixel, pixel * stride
    return side
