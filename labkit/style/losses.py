"""The loss of style transfer, for whatever makes the picture: its own pixels, or a network.

    L(z) = α ‖F(z) − F(c)‖²/(N M)  +  β Σ_l w_l E_l(z, s)  +  γ TV(z)

``F`` are the maps of a frozen encoder, c is the content picture, s the style picture, z what is made. Content is
compared place by place, in few layers; style by Gram matrices, in several. TV is the mean absolute difference of
neighbours.

In Gatys's paper the content term is the *sum* ½‖F(z) − F(c)‖², so his α/β = 10⁻³ doesn't carry over. Here every term is
a mean over places, so that weights mean the same for every size of picture. One number a picture, never one a batch:
pictures that are made together don't change each other.

Gatys, Ecker and Bethge (CVPR 2016), equations 1 to 7; Johnson, Alahi and Li (ECCV 2016) for TV and for the network.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from labkit.shapes import Float, Images, PerSample, images
from labkit.style.statistics import Maps, gram, gram_distance, maps, style_of

Encoder = Callable[[Tensor], list[Tensor]]
"""From pictures (B, C, H, W) to a list of maps, the first layer first. Any module that returns such a list will do."""


def content_loss(features: Maps, target: Float[Tensor, "n c h w"]) -> PerSample:
    """The mean squared difference of two pictures' maps, place by place. (B,)

    Args:
        features: of what is made, (B, C, H, W).
        target: of the content picture, the same shape, or (1, C, H, W) for all.

    Raises:
        ValueError: if the shapes differ.

    >>> import torch
    >>> content_loss(torch.ones(2, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    tensor([1., 1.])
    """
    if maps(features).shape[1:] != maps(target, name="targets").shape[1:] or len(target) not in (1, len(features)):
        raise ValueError(f"content is compared place by place: {tuple(features.shape)} with {tuple(target.shape)}")
    return (features - target).square().mean((1, 2, 3))


def style_loss(
    features: Sequence[Tensor], targets: Sequence[Tensor], *, weights: Sequence[float] | None = None
) -> PerSample:
    """Σ_l w_l E_l: how far the Gram matrices of some layers are from a style's. (B,)

    Args:
        features: of what is made: the maps of each layer, (B, C, H, W).
        targets: the style's Gram matrices of the same layers, (B, C, C) or (1, C, C) for all; detach them.
        weights: w_l of each layer; all the same, 1 in sum, if they are not given.

    Raises:
        ValueError: if there is no layer, or there are not as many maps, matrices and weights.

    >>> import torch
    >>> x = torch.rand(2, 3, 4, 4)
    >>> style_loss([x], [gram(x)])
    tensor([0., 0.])
    """
    if not features or len(features) != len(targets) or (weights is not None and len(weights) != len(features)):
        n = len(features if weights is None else weights)
        raise ValueError(f"there are {len(features)} layers, {len(targets)} targets and {n} weights; expected as many")
    w = [1 / len(features)] * len(features) if weights is None else weights
    terms = [weight * gram_distance(gram(f), a) for weight, f, a in zip(w, features, targets)]
    return torch.stack(terms).sum(0)


def total_variation(x: Images) -> PerSample:
    """The mean absolute difference of neighbours, down plus across. (B,)

    Args:
        x: pictures (B, C, H, W), two pixels a side or more.

    Raises:
        ValueError: if these are no pictures, or a side has less than two pixels.

    >>> import torch
    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]))
    tensor([1.])
    """
    if min(images(x).shape[2:]) < 2:
        raise ValueError(f"neighbours need two pixels a side; these pictures have {tuple(x.shape[2:])}")
    down, across = x[:, :, 1:] - x[:, :, :-1], x[:, :, :, 1:] - x[:, :, :, :-1]
    return down.abs().mean((1, 2, 3)) + across.abs().mean((1, 2, 3))


class Terms(NamedTuple):
    """The loss of each picture and its three parts without their weights, (B,) each."""

    loss: PerSample
    content: PerSample
    style: PerSample
    variation: PerSample


class PerceptualLoss:
    """The whole loss of pictures ``z``, with everything that doesn't change computed once.

    Args:
        encoder: from pictures to a list of maps; nothing here trains it.
        style: the style picture (1, 3, H, W) of any size, or several, (K, 3, H, W).
        content_layers: the places in the encoder's list that are compared place by place.
        style_layers: those whose Gram matrices are compared; all of them if they are not given.
        content_weight, style_weight, tv_weight: α, β and γ.
        layer_weights: w_l of each style layer.

    Raises:
        ValueError: if a layer is not in the encoder's list, or a weight is negative.

    >>> import torch
    >>> from labkit.style import FilterBank
    >>> style, z = torch.rand(1, 3, 24, 24), torch.rand(2, 3, 24, 32)
    >>> PerceptualLoss(FilterBank(), style)(z, z).content
    tensor([0., 0.])
    """

    def __init__(
        self,
        encoder: Encoder,
        style: Images,
        *,
        content_layers: Sequence[int] = (1,),
        style_layers: Sequence[int] | None = None,
        content_weight: float = 1.0,
        style_weight: float = 1000.0,
        tv_weight: float = 0.0,
        layer_weights: Sequence[float] | None = None,
    ) -> None:
        weights = {"content_weight": content_weight, "style_weight": style_weight, "tv_weight": tv_weight}
        for name, value in weights.items():
            if not value >= 0:
                raise ValueError(f"{name} is {value}; expected 0 or more")
        with torch.no_grad():
            encoded = encoder(pixels(style, name="style"))
        self.style_layers = tuple(range(len(encoded))) if style_layers is None else tuple(style_layers)
        self.content_layers = tuple(content_layers)
        for i in (*self.style_layers, *self.content_layers):
            if not 0 <= i < len(encoded):
                raise ValueError(
                    f"there is no layer {i}; the encoder gives {len(encoded)}, from 0 to {len(encoded) - 1}"
                )
        self.encoder, self.layer_weights = encoder, layer_weights
        self.content_weight, self.style_weight, self.tv_weight = content_weight, style_weight, tv_weight
        self.targets = style_of(encoded, self.style_layers)

    def content(self, x: Images) -> list[Tensor]:
        """The maps of content pictures, which ``z`` is to keep: no gradient reaches them."""
        if not self.content_weight:
            return []
        with torch.no_grad():
            encoded = self.encoder(x)
        return [encoded[i] for i in self.content_layers]

    def __call__(self, z: Images, content: Tensor | Sequence[Tensor] = (), *, index: Tensor | None = None) -> Terms:
        """The loss of each picture.

        Args:
            z: what is made, (B, C, H, W).
            content: the content pictures, or what ``content`` gave for them; not needed where its weight is 0.
            index: (B,) which of several styles each picture is to have; one style is for all.

        Raises:
            ValueError: if the content is missing, or there are several styles and no index.
        """
        kept = self.content(content) if isinstance(content, Tensor) else list(content)
        if self.content_weight and not kept:
            raise ValueError("the content picture is missing; pass it, or set content_weight=0")
        if index is None and len(self.targets[0]) not in (1, len(z)):
            raise ValueError(f"there are {len(self.targets[0])} styles for {len(z)} pictures; say which with index")
        encoded = self.encoder(z)
        targets = self.targets if index is None else [a[index] for a in self.targets]
        none = z.new_zeros(len(z))
        terms = [content_loss(encoded[i], f) for i, f in zip(self.content_layers, kept)]
        c = torch.stack(terms).mean(0) if terms else none
        s = style_loss([encoded[i] for i in self.style_layers], targets, weights=self.layer_weights)
        tv = total_variation(z) if self.tv_weight else none
        return Terms(self.content_weight * c + self.style_weight * s + self.tv_weight * tv, c, s, tv)


def pixels(x: Tensor, *, name: str) -> Tensor:
    """``x``, if it is pictures with values in [0, 1].

    Raises:
        ValueError: saying what it is instead; values on an accelerator are trusted.
    """
    images(x)
    if not len(x):
        raise ValueError(f"{name} holds no picture; expected at least one")
    if x.device.type == "cpu":
        low, high = (float(v) for v in torch.aminmax(x.detach()))
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            raise ValueError(f"the values of {name} go from {low:.3g} to {high:.3g}; expected 0 to 1")
    return x
