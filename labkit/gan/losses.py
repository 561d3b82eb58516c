"""The losses of a generative adversarial network, as functions of the discriminator's logits.

The discriminator says ``D(x) = σ(s(x))``: how likely x is real. G makes x = G(z) from noise z. With mean E over a
batch::

    game             the discriminator minimises                          the generator minimises
    saturating       −E log D(x) − E log(1 − D(G(z)))                      E log(1 − D(G(z)))
    non-saturating   the same                                             −E log D(G(z))
    least squares    ½ E (s(x) − 1)² + ½ E s(G(z))²                        ½ E (s(G(z)) − 1)²
    hinge            E max(0, 1 − s(x)) + E max(0, 1 + s(G(z)))            −E s(G(z))
    wasserstein      E s(G(z)) − E s(x) + λ gradient_penalty               −E s(G(z))

For densities p of the data and q of the generator the best discriminator of the first two games is D* = p / (p + q),
its logit ``s* = log p − log q``; where p = q D* is ½ and the discriminator's loss 2 log 2. By softplus, log D(x) =
−softplus(−s) and log(1 − D(x)) = −softplus(s): no logarithm of 0, however sure D is.

Sources: I. Goodfellow and others, "Generative Adversarial Nets" (2014); X. Mao and others, "Least Squares GANs" (2017);
M. Arjovsky and others, "Wasserstein GAN", and I. Gulrajani and others, "Improved Training of Wasserstein GANs" (2017);
J. H. Lim and J. C. Ye, "Geometric GAN" (2017: hinge); A. Odena and others, "Conditional Image Synthesis with Auxiliary
Classifier GANs" (2017).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from labkit.logits import cross_entropy
from labkit.shapes import Float, Int, Labels, Logits, PerSample, Scalar


class Game(NamedTuple):
    """The discriminator's loss of (logits of real samples, logits of fakes), the generator's of (logits of fakes)."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def log_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z)))."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def saturating(fake: Tensor) -> Tensor:
    """E log(1 − D(G(z))): flat where D is sure of a fake, just when the generator has most to learn."""
    return -functional.softplus(fake).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """−E log D(G(z)): the same optimum, and a steep slope where D is sure of a fake."""
    return functional.softplus(-fake).mean()


def squares(real: Tensor, fake: Tensor) -> Tensor:
    """½ E (s(x) − 1)² + ½ E s(G(z))²."""
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


def square(fake: Tensor) -> Tensor:
    """½ E (s(G(z)) − 1)²."""
    return 0.5 * (fake - 1).square().mean()


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 − s(x)) + E max(0, 1 + s(G(z)))."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def difference(real: Tensor, fake: Tensor) -> Tensor:
    """E s(G(z)) − E s(x): minus an estimate of the Wasserstein distance, if s has slope 1 at most."""
    return fake.mean() - real.mean()


def negative_mean(fake: Tensor) -> Tensor:
    """−E s(G(z))."""
    return -fake.mean()


GAMES = {
    "saturating": Game(log_loss, saturating),
    "non-saturating": Game(log_loss, non_saturating),
    "least squares": Game(squares, square),
    "hinge": Game(hinge, negative_mean),
    "wasserstein": Game(difference, negative_mean),
}


def game_called(name: str) -> Game:
    """The game of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in GAMES:
        raise ValueError(f"game is {name!r}; expected one of {', '.join(GAMES)}")
    return GAMES[name]


def discriminator_loss(real: PerSample, fake: Float[Tensor, " m"], *, game: str = "non-saturating") -> Scalar:
    """What the discriminator minimises.

    Args:
        real: its logits for real samples.
        fake: its logits for generated ones; as many, or not.
        game: one of ``GAMES``.

    Raises:
        ValueError: if there is no such game.
    """
    return game_called(game).discriminator(real, fake)


def generator_loss(fake: PerSample, *, game: str = "non-saturating") -> Scalar:
    """What the generator minimises.

    Args:
        fake: the discriminator's logits for generated samples.
        game: one of ``GAMES``.

    Raises:
        ValueError: if there is no such game.
    """
    return game_called(game).generator(fake)


def class_loss(real: Logits, y: Labels, fake: Float[Tensor, "m k"], y_fake: Int[Tensor, " m"]) -> Scalar:
    """AC-GAN's class term: −E log P(C = y | x) − E log P(C = y' | G(z, y')), which *both* players minimise.

    Args:
        real: class logits of real samples.
        y: their labels.
        fake: class logits of generated samples.
        y_fake: the labels that they were asked for.
    """
    return cross_entropy(real, y) + cross_entropy(fake, y_fake)


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Float[Tensor, " b *rest"],
    fake: Float[Tensor, " b *rest"],
    *,
    generator: torch.Generator | None = None,
) -> Scalar:
    """E (‖∇s(x̂)‖ − 1)² at points x̂ = u x + (1 − u) G(z), u uniform, one for each pair (Gulrajani and others, eq. 3).

    Keeps its graph, so that it can be minimised. Multiply it by λ, 10 in the paper. A critic with batch normalisation
    mixes the samples of a batch, and the penalty is then not that of a sample: use none, as the paper says.

    Args:
        critic: samples to logits (B,).
        real: (B, …): images, tables, sequences.
        fake: as many; no gradient flows to them.
        generator: where u comes from.

    Raises:
        ValueError: if there are not as many fakes as real images.
    """
    if real.shape != fake.shape:
        raise ValueError(f"real has shape {tuple(real.shape)}, fake {tuple(fake.shape)}; expected the same")
    where = generator.device if generator is not None else real.device
    u = torch.rand(len(real), generator=generator, device=where, dtype=real.dtype).to(real.device)
    u = u.view(-1, *[1] * (real.ndim - 1))
    between = torch.lerp(fake.detach(), real.detach(), u).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()
