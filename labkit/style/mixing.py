"""Styles exchanged within a batch: augmentation without any style picture.

    γ = λ σ(x) + (1 − λ) σ(x̃),   β = λ μ(x) + (1 − λ) μ(x̃)
    MixStyle(x) = γ (x − μ(x)) / σ(x) + β                            λ ~ Beta(α, α), one a sample

x are maps of an early layer and x̃ those of another sample of the batch; labels are *not* mixed, since the content is
x's own. Zhou, Yang, Qiao and Xiang, "Domain Generalization with MixStyle" (ICLR 2021): α 0.1, with probability ½, in
training only; statistics are constants to the gradient.

``exchange_texture`` is the bluntest tool: every picture gets the fine structure (all but a Gaussian blur) of another.
"""

import math

import torch
from torch import Generator, Tensor, nn

from labkit.draws import beta
from labkit.shapes import Images, Int, PerSample, images, labels, per_sample
from labkit.style.statistics import Maps, maps, moments


def mixstyle(x: Maps, *, partner: Int[Tensor, " b"], lambda_: float | Tensor, eps: float = 1e-6) -> Maps:
    """The maps with means and deviations between their own and their partner's.

    Args:
        x: maps (B, C, H, W).
        partner: (B,) the number of each sample's partner.
        lambda_: the share of its own that each keeps, from 0 to 1: one number, or one a sample (B,).
        eps: see ``moments``.

    Raises:
        ValueError: if these are no feature maps, or partners or weights don't fit.

    >>> import torch
    >>> x = torch.tensor([[[[0.0, 2.0]]], [[[10.0, 30.0]]]])
    >>> mixstyle(x, partner=torch.tensor([1, 0]), lambda_=0.0).flatten(1).round().abs()
    tensor([[10., 30.],
            [ 0.,  2.]])
    """
    partner = labels(partner, len(maps(x)), classes=len(x), name="partner")
    weight = per_sample(lambda_, x, name="lambda_").view(-1, 1, 1, 1)
    mean, std = (v.detach() for v in moments(x, eps=eps))
    gamma = weight * std + (1 - weight) * std[partner]
    beta = weight * mean + (1 - weight) * mean[partner]
    return (x - mean) / std * gamma + beta


class MixStyle(nn.Module):
    """A layer that mixes styles within the batch in training, and does nothing in evaluation.

    Args:
        alpha: α of λ ~ Beta(α, α); the paper's 0.1 gives weights near 0 or 1.
        p: the probability that a sample is mixed. (The paper decides once a batch; here each sample has its own draw.)
        generator: of partners and weights; torch's own if it is not given.

    Raises:
        ValueError: if ``alpha`` is not above 0, or ``p`` is no probability.

    >>> import torch
    >>> layer, x = MixStyle().eval(), torch.rand(4, 3, 8, 8)
    >>> torch.equal(layer(x), x)
    True
    """

    def __init__(self, *, alpha: float = 0.1, p: float = 0.5, generator: Generator | None = None) -> None:
        super().__init__()
        if not 0 < alpha < math.inf or not 0 <= p <= 1:
            raise ValueError(f"alpha is {alpha:g} and p is {p:g}; expected alpha above 0 and a probability")
        self.alpha, self.p, self.generator = alpha, p, generator

    def forward(self, x: Maps) -> Maps:
        """The maps, mixed where the layer is in training mode."""
        if not self.training or not self.p:
            return x
        device = x.device if self.generator is None else self.generator.device
        partner = torch.randperm(len(x), generator=self.generator, device=device)
        weight = beta(len(x), alpha=self.alpha, like=torch.empty(0, device=device), generator=self.generator)
        kept = torch.rand(len(x), generator=self.generator, device=device) >= self.p
        weight = torch.where(kept, 1.0, weight)
        return mixstyle(x, partner=partner.to(x.device), lambda_=weight.to(x))

    def extra_repr(self) -> str:
        """Its knobs."""
        return f"alpha={self.alpha}, p={self.p}"


def exchange_texture(x: Images, *, partner: Int[Tensor, " b"], sigma: float | Tensor) -> Images:
    """Each picture's blur plus its partner's fine structure, clamped to [0, 1].

    Args:
        x: pictures (B, C, H, W) in [0, 1].
        partner: (B,) the number of each picture's partner.
        sigma: of the Gaussian blur, in pixels; below it structure counts as texture. One, or one a picture (B,).

    Raises:
        ValueError: if these are no pictures, or partners don't fit.

    >>> import torch
    >>> x = torch.rand(2, 3, 8, 8)
    >>> torch.allclose(exchange_texture(x, partner=torch.tensor([0, 1]), sigma=1.0), x, atol=1e-6)
    True
    """
    partner = labels(partner, len(images(x)), classes=len(x), name="partner")
    blurred = lowpass(x, per_sample(sigma, x, name="sigma"))
    return (blurred + (x - blurred)[partner]).clamp(0, 1)


def lowpass(x: Images, sigma: PerSample) -> Images:
    """A Gaussian blur with reflected borders, as a product in the frequency domain."""
    h, w = x.shape[2:]
    mirrored = torch.cat([x, x.flip(-1)], dim=-1)
    mirrored = torch.cat([mirrored, mirrored.flip(-2)], dim=-2)
    fy = torch.fft.fftfreq(2 * h, device=x.device, dtype=x.dtype)[:, None]
    fx = torch.fft.rfftfreq(2 * w, device=x.device, dtype=x.dtype)[None]
    response = torch.exp(-2 * math.pi**2 * sigma.view(-1, 1, 1, 1) ** 2 * (fx**2 + fy**2))
    return torch.fft.irfft2(torch.fft.rfft2(mirrored) * response, s=mirrored.shape[2:])[..., :h, :w]
