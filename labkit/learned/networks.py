"""The augmentation network: a picture and a random transformation code in, an augmented picture out, differentiable.

    colour     x̃ = t(α ⊙ x + β),      (α, β) = c_φ(pixel, z) for every pixel,   t(v) = |v − 2 round(v/2)|
    geometry   x̃ = x ∘ A(z),           A = I + g_φ(z), a 2×3 matrix in coordinates from −1 to 1
    code       z ~ N(0, I), one a picture

The triangle wave t keeps every value in [0, 1] and, unlike a clamp, has a slope everywhere. The last layers begin at
zero, so that at first the network does nothing (α = 1, β = 0, A = I), whatever the code.

Suzuki, "TeachAugment: Data Augmentation Optimization Using Teacher Knowledge" (CVPR 2022). Here the code alone decides
on the geometry, and pixels on their colour, without the paper's context vector.
"""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit.draws import normal
from labkit.shapes import Float, Images, images

Codes = Float[Tensor, "b d"]


def triangle_wave(v: Float[Tensor, " *rest"]) -> Float[Tensor, " *rest"]:
    """|v − 2 round(v/2)|: v itself within [0, 1], folded back into it elsewhere.

    >>> triangle_wave(torch.tensor([-0.25, 0.5, 1.25, 2.5]))
    tensor([0.2500, 0.5000, 0.7500, 0.5000])
    """
    return (v - 2 * (v / 2).round().detach()).abs()


class ColourNet(nn.Module):
    """A network that scales and shifts every pixel's colour, as the code says.

    Args:
        channels: of the pictures.
        code: the number of entries of a code.
        width: of its hidden layer.

    >>> x, z = torch.rand(2, 3, 8, 8), torch.randn(2, 4)
    >>> torch.allclose(ColourNet(3, code=4)(x, z), x, atol=1e-6)
    True
    """

    def __init__(self, channels: int, *, code: int, width: int = 16) -> None:
        super().__init__()
        self.pixel, self.code = nn.Conv2d(channels, width, 1), nn.Linear(code, width)
        self.last = zeroed(nn.Conv2d(width, 2 * channels, 1))

    def forward(self, x: Images, z: Codes) -> Images:
        """The pictures in other colours."""
        hidden = functional.leaky_relu(self.pixel(x) + self.code(z)[:, :, None, None], 0.2)
        scale, shift = self.last(hidden).chunk(2, dim=1)
        return triangle_wave((1 + scale) * x + shift)


class GeometryNet(nn.Module):
    """A network that turns a code into an affine map, and the picture with it.

    Args:
        code: the number of entries of a code.
        width: of its hidden layer.

    >>> x, z = torch.rand(2, 1, 8, 8), torch.randn(2, 4)
    >>> torch.allclose(GeometryNet(code=4)(x, z), x, atol=1e-5)
    True
    """

    def __init__(self, *, code: int, width: int = 16) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(code, width), zeroed(nn.Linear(width, 6))

    def matrices(self, z: Codes) -> Float[Tensor, "b 2 3"]:
        """A = I + g(z): from places in the output to places in the input."""
        change = self.last(functional.leaky_relu(self.first(z), 0.2)).view(-1, 2, 3)
        return change + torch.eye(2, 3, dtype=z.dtype, device=z.device)

    def forward(self, x: Images, z: Codes) -> Images:
        """The pictures, moved; outside of them it is dark."""
        grid = functional.affine_grid(self.matrices(z), list(x.shape), align_corners=False)
        return functional.grid_sample(x, grid, align_corners=False)


class AugmentationNetwork(nn.Module):
    """Colour, then geometry, both conditioned on the same code.

    Args:
        channels: of the pictures.
        code: the number of entries of a code.
        width: of the hidden layers.
        colour, geometry: whether to have the part.

    Raises:
        ValueError: if a count is below 1; in a call, if there isn't one code for each picture.

    >>> net = AugmentationNetwork(1, code=3)
    >>> net.augment(torch.rand(2, 1, 8, 8), generator=torch.Generator().manual_seed(0)).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(
        self, channels: int, *, code: int = 8, width: int = 16, colour: bool = True, geometry: bool = True
    ) -> None:
        super().__init__()
        if min(channels, code, width) < 1:
            raise ValueError(f"channels {channels}, code {code}, width {width}; expected counts of 1 or more")
        self.length = code
        self.colour = ColourNet(channels, code=code, width=width) if colour else None
        self.geometry = GeometryNet(code=code, width=width) if geometry else None

    def forward(self, x: Images, z: Codes) -> Images:
        """The pictures under their codes."""
        if z.shape != (len(images(x)), self.length):
            raise ValueError(f"codes have shape {tuple(z.shape)}; expected one a picture, ({len(x)}, {self.length})")
        y = x if self.colour is None else self.colour(x, z)
        return y if self.geometry is None else self.geometry(y, z)

    def codes(self, x: Images, *, generator: Generator | None = None) -> Codes:
        """A new code z ~ N(0, I) for each picture."""
        return normal((len(x), self.length), like=x, generator=generator)

    def augment(self, x: Images, *, generator: Generator | None = None) -> Images:
        """Each picture under a code of its own."""
        return self(x, self.codes(x, generator=generator))


def zeroed(layer: nn.Module) -> nn.Module:
    """The layer with weights and biases 0."""
    for p in layer.parameters():
        nn.init.zeros_(p)
    return layer
