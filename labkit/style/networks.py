"""Networks that make a picture in one forward pass.

``StyleNet`` is the transformation network of Johnson, Alahi and Li (ECCV 2016) with instance normalisation (Ulyanov,
Vedaldi and Lempitsky 2017) and, instead of transposed convolutions, nearest upsampling before a convolution, which
leaves no checkerboard (Odena, Dumoulin and Olah 2016). With several styles each has its own scale and shift in every
normalisation, and all else is shared (Dumoulin, Shlens and Kudlur, "A Learned Representation for Artistic Style",
ICLR 2017). ``Decoder`` turns maps of an encoder, or noise, into a picture.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit.shapes import Float, Images, Int, images
from labkit.style.statistics import Maps


class StyleNorm(nn.Module):
    """Instance normalisation with a scale and a shift for each style and channel.

    Args:
        channels: of the maps.
        styles: how many.
    """

    def __init__(self, channels: int, styles: int = 1) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Maps, index: Tensor | None = None) -> Maps:
        """The maps, normalised, with the scale and shift of each sample's style."""
        if len(self.scale) == 1 and index is None:
            return functional.instance_norm(x, weight=self.scale[0], bias=self.shift[0])
        which = torch.zeros(len(x), dtype=torch.long, device=x.device) if index is None else index
        scale, shift = self.scale[which][..., None, None], self.shift[which][..., None, None]
        return torch.addcmul(shift, functional.instance_norm(x), scale)


class Block(nn.Module):
    """Upsample, convolve with reflected borders, normalise, ReLU; each part but the convolution may be left out."""

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        up: int = 1,
        styles: int = 1,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.up, self.relu = up, relu
        self.conv = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, padding_mode="reflect")
        self.norm = StyleNorm(after, styles)

    def forward(self, x: Maps, index: Tensor | None = None) -> Float[Tensor, "b c2 h2 w2"]:
        """The maps after the block."""
        if self.up > 1:
            x = functional.interpolate(x, scale_factor=self.up, mode="nearest")
        x = self.norm(self.conv(x), index)
        return functional.relu_(x) if self.relu else x


class ResidualBlock(nn.Module):
    """``x + g(x)`` with g two blocks, the second without ReLU."""

    def __init__(self, channels: int, styles: int = 1) -> None:
        super().__init__()
        self.first = Block(channels, channels, styles=styles)
        self.second = Block(channels, channels, styles=styles, relu=False)

    def forward(self, x: Maps, index: Tensor | None = None) -> Maps:
        """The maps after the block."""
        return x + self.second(self.first(x, index), index)


class StyleNet(nn.Module):
    """From a picture to the same picture in a style, or in one of several: (B, C, H, W) in [0, 1].

    Args:
        channels: of the pictures.
        width: channels of the first convolution; the paper's network has 32 and 5 residual blocks.
        blocks: residual blocks at a quarter of the size.
        styles: how many styles it knows.
        residual: whether the network's result is added to the picture, before the sigmoid. Then training begins near
            the picture itself and takes fewer steps. The paper's network has no such path.

    Raises:
        ValueError: in a call, if the pictures' sides are not multiples of 4, from 8 pixels on, or ``index`` names a
            style that there isn't.

    >>> import torch
    >>> net = StyleNet(width=8, blocks=1, styles=3)
    >>> tuple(net(torch.rand(2, 3, 16, 20), torch.tensor([2, 0])).shape)
    (2, 3, 16, 20)
    """

    def __init__(
        self, channels: int = 3, *, width: int = 32, blocks: int = 5, styles: int = 1, residual: bool = False
    ) -> None:
        super().__init__()
        if min(channels, width, styles) < 1 or blocks < 0:
            raise ValueError(
                f"channels {channels}, width {width}, styles {styles}, blocks {blocks}; expected 1 or more"
            )
        self.channels, self.styles, self.residual = channels, styles, residual
        self.blocks = nn.ModuleList(
            [
                Block(channels, width, 9, styles=styles),
                Block(width, 2 * width, stride=2, styles=styles),
                Block(2 * width, 4 * width, stride=2, styles=styles),
                *(ResidualBlock(4 * width, styles) for _ in range(blocks)),
                Block(4 * width, 2 * width, up=2, styles=styles),
                Block(2 * width, width, up=2, styles=styles),
            ]
        )
        self.last = nn.Conv2d(width, channels, 9, padding=4, padding_mode="reflect")

    def forward(self, x: Images, index: Int[Tensor, " b"] | None = None) -> Images:
        """The stylised pictures; ``index`` says in which style each, 0 if it is not given."""
        h, w = images(x, channels=self.channels).shape[2:]
        if min(h, w) < 8 or h % 4 or w % 4:
            raise ValueError(f"this network takes sides that are multiples of 4, from 8 pixels on; these are {h} × {w}")
        if index is not None and (
            index.shape != (len(x),) or not 0 <= int(index.min()) <= int(index.max()) < self.styles
        ):
            raise ValueError(f"index holds a style from 0 to {self.styles - 1} for each of {len(x)} pictures")
        y = (x - 0.5) / 0.25
        for block in self.blocks:
            y = block(y, index)
        y = self.last(y)
        return torch.sigmoid(y + torch.logit(x, eps=0.02) if self.residual else y)


class Decoder(nn.Sequential):
    """From maps (B, N, H, W) to pictures (B, C, 2ᵈ H, 2ᵈ W) in [0, 1]; without normalisation, which would undo a style.

    Args:
        inputs: N.
        channels: of the pictures.
        width: channels of its first convolution; halved at each doubling.
        doublings: d.

    Raises:
        ValueError: if a number is below 1 (``doublings``: 0).

    >>> import torch
    >>> tuple(Decoder(16, doublings=2)(torch.rand(1, 16, 8, 8)).shape)
    (1, 3, 32, 32)
    """

    def __init__(self, inputs: int, *, channels: int = 3, width: int = 64, doublings: int = 1) -> None:
        if min(inputs, channels, width) < 1 or doublings < 0:
            raise ValueError(f"inputs {inputs}, channels {channels}, width {width}: expected 1 or more of each")

        def conv(before: int, after: int) -> nn.Conv2d:
            return nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect")

        layers: list[nn.Module] = [conv(inputs, width), nn.ReLU()]
        for i in range(doublings):
            before, after = (max(8, width // 2**j) for j in (i, i + 1))
            layers += [nn.Upsample(scale_factor=2), conv(before if i else width, after), nn.ReLU()]
        last = max(8, width // 2**doublings) if doublings else width
        super().__init__(*layers, conv(last, last), nn.ReLU(), conv(last, channels), nn.Sigmoid())
