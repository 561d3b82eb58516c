"""Adaptive instance normalisation: the style of any picture in one forward pass.

    AdaIN(x, y) = σ(y) (x − μ(x)) / σ(x) + μ(y)              μ, σ of each sample and map, over its places
    t = AdaIN(f(c), f(s)),    z = g(f(c) + a (t − f(c)))      f a frozen encoder, g a decoder, a the strength
    L(g) = ‖f(g(t)) − t‖² + λ Σ_l ‖μ_l(z) − μ_l(s)‖² + ‖σ_l(z) − σ_l(s)‖²

Only the decoder learns. The style has no network of its own: both pictures pass through one encoder, and the "style
code" is the pair (μ, σ). Huang and Belongie, "Arbitrary Style Transfer in Real-Time with Adaptive Instance
Normalization" (ICCV 2017).
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from labkit import train
from labkit.shapes import Images, PerSample, per_sample
from labkit.style.losses import Encoder, content_loss
from labkit.style.statistics import Maps, StyleMaps, maps, moments


def adain(x: Maps, y: StyleMaps, *, strength: float | Tensor = 1.0, eps: float = 1e-5) -> Maps:
    """The maps ``x`` with the mean and deviation of each map of ``y``.

    Args:
        x: the content's maps (B, C, H, W).
        y: the style's, (B, C, H', W'), or (1, C, H', W') for all.
        strength: a: 0 gives x, 1 the style's statistics, numbers between what lies between; one, or one a sample (B,).
        eps: see ``moments``.

    Raises:
        ValueError: if these are no feature maps, or channels or samples don't match.

    >>> import torch
    >>> x, y = torch.tensor([[[[0.0, 2.0]]]]), torch.tensor([[[[10.0, 30.0]]]])
    >>> adain(x, y).round(), adain(x, y, strength=0.0)
    (tensor([[[[10., 30.]]]]), tensor([[[[0., 2.]]]]))
    """
    if maps(x).shape[1] != maps(y).shape[1] or len(y) not in (1, len(x)):
        raise ValueError(
            f"style maps have the channels of x and one or as many samples: {tuple(x.shape)}, {tuple(y.shape)}"
        )
    (mean_x, std_x), (mean_y, std_y) = moments(x, eps=eps), moments(y, eps=eps)
    t = (x - mean_x) / std_x * std_y + mean_y
    if isinstance(strength, float | int) and strength == 1:
        return t
    a = per_sample(strength, x, name="strength").view(-1, 1, 1, 1)
    return x + a * (t - x)


def moment_loss(features: Sequence[Tensor], style: Sequence[Tensor]) -> PerSample:
    """How far the means and deviations of some layers are from a style's: mean squared differences, summed over layers.

    Args:
        features: of what is made, (B, C, H, W) a layer.
        style: of the style pictures, (B or 1, C, H', W') a layer.

    Raises:
        ValueError: if there is no layer, or there are not as many.

    >>> import torch
    >>> x = torch.rand(2, 3, 4, 4)
    >>> moment_loss([x], [x.flip(-1)]).round(decimals=5)
    tensor([0., 0.])
    """
    if not features or len(features) != len(style):
        raise ValueError(f"there are {len(features)} layers and {len(style)} of the style; expected as many")
    total = features[0].new_zeros(len(features[0]))
    for f, s in zip(features, style):
        for ours, theirs in zip(moments(f), moments(s)):
            total = total + (ours - theirs).square().mean((1, 2, 3))
    return total


def stylize(
    encoder: Encoder,
    decoder: nn.Module,
    content: Images,
    style: StyleMaps,
    *,
    layer: int = -1,
    strength: float | Tensor = 1.0,
) -> Images:
    """One forward pass: ``content`` in the style of ``style``, (B, C, H, W) each, or one style for all.

    Args:
        encoder: f.
        decoder: g, from maps of that layer to pictures; see ``Decoder``.
        content, style: pictures in [0, 1]; their sizes may differ.
        layer: which of the encoder's maps the decoder reads.
        strength: a of ``adain``.

    Raises:
        ValueError: as ``adain``.
    """
    return decoder(adain(encoder(content)[layer], encoder(style)[layer], strength=strength))


def adain_step(
    decoder: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    encoder: Encoder,
    layer: int = -1,
    style_weight: float = 10.0,
    generator: Generator | None = None,
) -> train.Step[tuple[Tensor, ...]]:
    """A step for ``train.fit`` that teaches the decoder: each picture of a batch in the style of another one of it.

    Args:
        decoder: g; put into training mode.
        optimizer: of its parameters.
        encoder: f; it is not trained.
        layer: which of the encoder's maps the decoder reads.
        style_weight: λ.
        generator: of the partners.

    Returns:
        A step for batches whose first entry is pictures; it reports ``loss``, ``content`` and ``style``.

    Raises:
        ValueError: if the weight is negative.
    """
    if not style_weight >= 0:
        raise ValueError(f"style_weight is {style_weight}; expected 0 or more")

    def step(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        x = batch[0]
        device = x.device if generator is None else generator.device
        partner = torch.randperm(len(x), generator=generator, device=device).to(x.device)
        with torch.no_grad():
            encoded = encoder(x)
            style = [f[partner] for f in encoded]
            t = adain(encoded[layer], style[layer])
        decoder.train()
        seen = encoder(decoder(t))
        content, styled = content_loss(seen[layer], t).mean(), moment_loss(seen, style).mean()
        loss = content + style_weight * styled
        train.descend(optimizer, loss)
        return {"loss": loss.detach(), "content": content.detach(), "style": styled.detach()}

    return step
