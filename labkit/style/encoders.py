"""Encoders: frozen networks that turn a picture into a list of maps, the finest first.

``FilterBank`` needs no training and no download: one layer of random filters at several sizes of the picture. For
textures that is enough (Ustyuzhaninov, Brendel, Gatys and Bethge, "What Does It Take to Generate Natural Textures?",
ICLR 2017); it knows nothing of what a picture shows. ``FeatureMaps`` takes the layers of a network that has learned
something: the course's own small one, or VGG-19 and SqueezeNet where a user has their weights.

An encoder normalises by itself: it takes pictures in [0, 1]. It is always in evaluation mode, and its weights are
frozen; gradients pass through it to the picture.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit.nets import Normalize
from labkit.shapes import Images, images


class Frozen(nn.Module):
    """A module that stays in evaluation mode, whatever contains it."""

    def train(self, mode: bool = True) -> "Frozen":
        """Stay in evaluation mode."""
        return super().train(False)


class FilterBank(Frozen):
    """Random filters without mean at 1, ½, ¼, … of the size: their positive and negative parts, and the colours.

    Args:
        channels: of the pictures.
        filters: at each size; a layer has ``2 filters + channels`` maps.
        kernel: pixels along a side of a filter, odd.
        scales: how many sizes, and so layers. A picture needs ``2^(scales - 1)`` pixels a side for each pixel of
            ``kernel // 2 + 1``.
        seed: of the filters.

    Raises:
        ValueError: if a number is below 1, or ``kernel`` is even; in a call, if pictures are too small.

    >>> import torch
    >>> [tuple(f.shape) for f in FilterBank(scales=3)(torch.rand(1, 3, 32, 48))]
    [(1, 67, 32, 48), (1, 67, 16, 24), (1, 67, 8, 12)]
    """

    weight: Tensor

    def __init__(
        self, channels: int = 3, *, filters: int = 32, kernel: int = 5, scales: int = 4, seed: int = 0
    ) -> None:
        super().__init__()
        if min(channels, filters, kernel, scales) < 1 or kernel % 2 == 0:
            numbers = f"channels {channels}, filters {filters}, kernel {kernel}, scales {scales}"
            raise ValueError(f"these are {numbers}; expected 1 or more of each, and an odd kernel")
        g = torch.Generator().manual_seed(seed)
        w = torch.randn(scales, filters, channels, kernel, kernel, generator=g)
        w = w - w.mean((3, 4), keepdim=True)
        length = w.flatten(2).norm(dim=2).clamp_min(1e-12)
        self.register_buffer("weight", w / length[..., None, None, None])
        self.normalize = Normalize(0.5, 0.25)
        self.smallest = (kernel // 2 + 1) * 2 ** (scales - 1)
        self.eval()

    def forward(self, x: Images) -> list[Tensor]:
        """The maps, a tensor (B, 2 filters + channels, H / 2ˡ, W / 2ˡ) a layer l."""
        if min(images(x, channels=self.weight.shape[2]).shape[2:]) < self.smallest:
            raise ValueError(
                f"these filters need {self.smallest} pixels a side; the pictures have {tuple(x.shape[2:])}"
            )
        x = self.normalize(x)
        half = self.weight.shape[-1] // 2
        layers = []
        for w in self.weight.to(x.dtype):
            f = functional.conv2d(functional.pad(x, [half] * 4, mode="reflect"), w)
            layers.append(torch.cat([functional.relu(f), functional.relu(-f), x], dim=1))
            x = functional.avg_pool2d(x, 2) if min(x.shape[2:]) > 1 else x
        return layers


class FeatureMaps(Frozen):
    """Some layers of a network that is a sequence, as an encoder.

    Args:
        body: the network's layers; they are frozen in place and used, not copied.
        layers: the numbers of the layers in ``body`` whose outputs are wanted, from the first on.
        mean, std: of the normalisation, in pixel units; ``labkit.finetune.zoo.IMAGENET`` for torchvision's networks.
        grey: whether the network takes one channel: then colours are averaged first.

    Raises:
        ValueError: if the body is no sequence, there is no layer, or their numbers don't increase within the body.

    >>> import torch
    >>> from torch import nn
    >>> body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    >>> [tuple(f.shape) for f in FeatureMaps(body, [0, 2])(torch.rand(1, 3, 8, 8))]
    [(1, 4, 6, 6), (1, 4, 3, 3)]
    """

    def __init__(
        self,
        body: nn.Sequential,
        layers: Sequence[int],
        *,
        mean: float | Sequence[float] = 0.5,
        std: float | Sequence[float] = 0.5,
        grey: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(body, nn.Sequential):
            raise ValueError(f"the body is a {type(body).__name__}; expected an nn.Sequential of layers")
        if not layers or sorted(set(layers)) != list(layers) or layers[0] < 0 or layers[-1] >= len(body):
            raise ValueError(f"layers are {list(layers)}; expected growing numbers from 0 to {len(body) - 1}")
        self.normalize = Normalize(mean, std)
        self.body = nn.ModuleList(list(body)[: layers[-1] + 1]).requires_grad_(False)
        self.layers, self.grey = tuple(layers), grey
        self.eval()

    def forward(self, x: Images) -> list[Tensor]:
        """The maps (B, C, H, W) of the layers."""
        x = self.normalize(images(x).mean(1, keepdim=True) if self.grey else images(x))
        outputs = []
        for i, layer in enumerate(self.body):
            x = layer(x)
            if i in self.layers:
                # A layer that works in place would change the map that was just kept.
                following = self.body[i + 1] if i + 1 < len(self.body) else None
                outputs.append(x.clone() if getattr(following, "inplace", False) else x)
        return outputs
