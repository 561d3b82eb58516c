"""Generators and discriminators for images of 8², 16², 32², 64² and so on, after DCGAN; with labels, after AC-GAN.

A generator doubles 4×4 maps until they are as large as the image, a discriminator halves the image until it is 4×4::

    G: z (with one-hot y) → linear → 4×4 → [transposed convolution 4×4, stride 2; batch norm; ReLU] … → sigmoid
    D: 2x − 1 → [convolution 4×4, stride 2; norm; leaky ReLU 0.2] … → 4×4 → convolution 3×3; norm; leaky ReLU
       → one logit, and a logit for each class

``generator(z)`` or ``generator(z, y)`` gives images in [0, 1]; ``discriminator(x)`` gives logits (B,), positive for
what it takes for real; ``discriminator.both(x)`` those and the class logits (B, k). Widths halve and double along with
the size: ``width`` is that of the largest maps.

Sources: A. Radford and others, "Unsupervised Representation Learning with DCGANs" (2016); A. Odena and others,
"Auxiliary Classifier GANs" (2017); T. Miyato and others, "Spectral Normalization for GANs" (2018), by torch's
parametrization.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from labkit.shapes import Float, Images, Labels, Logits, PerSample, images

NORMS = ("batch", "spectral", "none")


def doublings(size: int) -> int:
    """How often 4 must be doubled to give ``size``.

    Raises:
        ValueError: if ``size`` is not 8, 16, 32, 64, …
    """
    if size < 8 or size & (size - 1):
        raise ValueError(f"size is {size}; expected 8, 16, 32, 64 or another power of two")
    return size.bit_length() - 3


class Generator(nn.Module):
    """Noise, and a label where there are classes, to images in [0, 1].

    Args:
        size: of the images, pixels a side: 8, 16, 32, 64, …
        channels: of the images.
        latent: the length of z.
        width: channels of the largest hidden maps.
        classes: of the labels; 0 for a generator without labels.

    Raises:
        ValueError: if ``size`` is no power of two from 8.
    """

    def __init__(self, size: int, channels: int = 1, *, latent: int = 64, width: int = 16, classes: int = 0) -> None:
        super().__init__()
        self.size, self.latent, self.classes = size, latent, classes
        widths = [width * 2**i for i in reversed(range(doublings(size)))]
        self.begin = nn.Linear(latent + classes, widths[0] * 16, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for before, after in pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1), nn.Sigmoid()]
        self.grow = nn.Sequential(*layers)
        self.apply(small_weights)

    def forward(self, z: Float[Tensor, "b n"], y: Labels | None = None) -> Images:
        if (y is None) == bool(self.classes):
            wants = f"a label from 0 to {self.classes - 1} for each z" if self.classes else "no labels"
            raise ValueError(f"this generator takes {wants}; it got {'none' if y is None else 'labels'}")
        if y is not None:
            z = torch.cat([z, functional.one_hot(y, self.classes).to(z.dtype)], dim=1)
        return self.grow(self.begin(z).unflatten(1, (-1, 4, 4)))


class Discriminator(nn.Module):
    """Images to logits: real or not, and of which class.

    Args:
        size: of the images, pixels a side: 8, 16, 32, 64, …
        channels: of the images.
        width: channels of the largest hidden maps.
        classes: of the labels; 0 for a discriminator without labels.
        norm: ``"spectral"``: every layer has slope 1 at most; ``"batch"``: from the second layer on, as in DCGAN;
            ``"none"``: as gradient penalties want it.
        dropout: probability of dropping an entry of the features before the last layer.

    Raises:
        ValueError: if ``size`` is no power of two from 8, or there is no such norm.
    """

    def __init__(
        self,
        size: int,
        channels: int = 1,
        *,
        width: int = 16,
        classes: int = 0,
        norm: str = "spectral",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"norm is {norm!r}; expected one of {', '.join(NORMS)}")
        self.size, self.classes = size, classes
        widths = [channels, *(width * 2**i for i in range(doublings(size)))]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(before, after, 4, 2, 1))
            layers += [nn.BatchNorm2d(after)] if norm == "batch" and i else []
            layers.append(nn.LeakyReLU(0.2))
        layers += [nn.Conv2d(widths[-1], widths[-1], 3, padding=1)]
        layers += [nn.BatchNorm2d(widths[-1])] if norm == "batch" else []
        layers += [nn.LeakyReLU(0.2), nn.Flatten(), *([nn.Dropout(dropout)] if dropout else [])]
        self.shrink = nn.Sequential(*layers)
        self.source = nn.Linear(widths[-1] * 16, 1)
        self.label = nn.Linear(widths[-1] * 16, classes) if classes else None
        self.apply(small_weights)
        if norm == "spectral":
            for layer in [*self.shrink, self.source]:
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    spectral_norm(layer)

    def features(self, x: Images) -> Float[Tensor, "b n"]:
        """What the last layers see.

        Raises:
            ValueError: if x isn't a batch of images, or they have another size.
        """
        if images(x).shape[-2:] != (self.size, self.size):
            raise ValueError(
                f"this discriminator takes {self.size}×{self.size} pixels; these are {tuple(x.shape[-2:])}"
            )
        return self.shrink(2 * x - 1)

    def forward(self, x: Images) -> PerSample:
        return self.source(self.features(x))[:, 0]

    def both(self, x: Images) -> tuple[PerSample, Logits]:
        """Whether x is real, as logits (B,), and its class, as logits (B, k).

        Raises:
            ValueError: if it knows no classes.
        """
        if self.label is None:
            raise ValueError("this discriminator knows no classes; expected one made with classes=k")
        f = self.features(x)
        return self.source(f)[:, 0], self.label(f)


def small_weights(module: nn.Module) -> None:
    """DCGAN's start: weights normal with deviation 0.02, scales of batch norms around 1, no biases."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
