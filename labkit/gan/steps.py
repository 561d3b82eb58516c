"""One update of both players, for ``train.fit``.

    fake = G(z)
    D goes downhill on discriminator_loss(D(x), D(fake)), through which no gradient flows to G
    G goes downhill on generator_loss(D(fake)), with D held still

One batch of fakes serves both. Real and fake go through D one after the other, as batch normalisation wants it. For a
GPU: ``generator.to(memory_format=torch.channels_last)``, the same for the discriminator, and
``autocast=torch.bfloat16``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit.gan import losses
from labkit.gan.nets import Discriminator, Generator
from labkit.gan.sampling import noise
from labkit.nets import ema_update, frozen
from labkit.train import Augment, Step, descend, identity


def gan_step(
    G: Generator,
    D: Discriminator,
    optimizer: torch.optim.Optimizer,
    optimizer_d: torch.optim.Optimizer,
    *,
    generator: torch.Generator,
    game: str = "non-saturating",
    augment: Augment = identity,
    class_weight: float = 1.0,
    class_on_fakes: bool = True,
    lambda_: float = 0.0,
    average: nn.Module | None = None,
    decay: float = 0.99,
    autocast: torch.dtype | None = None,
) -> Step[Sequence[Tensor]]:
    """The step of a GAN; of an AC-GAN where G and D know classes.

    Args:
        G, D: trained in place.
        optimizer, optimizer_d: of their parameters.
        generator: where z (and the labels asked for) come from; on any device.
        game: one of ``losses.GAMES``.
        augment: applied to all that D sees, real and fake; must be differentiable: ``DiffAugment``.
        class_weight: of AC-GAN's class terms, 1 in the paper. With little data less keeps samples of a class apart: an
            easy way to please a classifier is to show it the same clear example every time.
        class_on_fakes: whether D learns classes from fakes too, as in the paper. G and D may then agree on a code of
            their own for the classes, the sooner the fewer real labels there are.
        lambda_: λ of the gradient penalty; 10 in the paper, 0 for none.
        average: a copy of G that follows it, to sample from afterwards.
        decay: of that average.
        autocast: compute in this dtype where that is safe: ``torch.bfloat16``.

    Returns:
        A step for batches (x, …) or (x, y) that reports ``d_loss``, ``g_loss``, and ``d_real``, ``d_fake``, the mean of
        D(x) and D(G(z)); with classes also ``agreement``, the share of fakes that D gives the class they were asked
        for.

    Raises:
        ValueError: if there is no such game, G and D disagree about classes, or ``autocast`` is float16, which needs
            its loss scaled.
    """
    losses.game_called(game)
    if G.classes != D.classes:
        raise ValueError(f"the generator has {G.classes} classes, the discriminator {D.classes}; expected as many")
    if autocast == torch.float16:
        raise ValueError("autocast is float16, whose gradients underflow unscaled; expected torch.bfloat16")

    def discriminate(x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """D's logits (in float32), its class loss, and how often it names the class."""
        if y is None:
            return D(augment(x)).float(), x.new_zeros(()), x.new_zeros(())
        source, classes = D.both(augment(x))
        return source.float(), functional.cross_entropy(classes.float(), y), (classes.argmax(1) == y).float().mean()

    def step(batch: Sequence[Tensor]) -> dict[str, Tensor]:
        x = batch[0]
        y = batch[1] if G.classes else None
        G.train()
        D.train()
        with torch.autocast(x.device.type, dtype=autocast or torch.bfloat16, enabled=autocast is not None):
            z, wanted = noise(G, len(x), generator=generator, device=x.device)
            fake = G(z, wanted).to(x.dtype)
            real_logit, real_class, _ = discriminate(x, y)
            fake_logit, fake_class, named = discriminate(fake.detach(), wanted)
            d_loss = losses.discriminator_loss(real_logit, fake_logit, game=game)
            d_total = d_loss + class_weight * (real_class + fake_class if class_on_fakes else real_class)
        if lambda_:
            d_total = d_total + lambda_ * losses.gradient_penalty(D, x, fake, generator=generator)
        descend(optimizer_d, d_total)
        with frozen(D), torch.autocast(x.device.type, dtype=autocast or torch.bfloat16, enabled=autocast is not None):
            logit, classes, _ = discriminate(fake, wanted)
            g_loss = losses.generator_loss(logit, game=game)
        descend(optimizer, g_loss + class_weight * classes)
        if average is not None:
            ema_update(average, G, decay=decay)
        scalars = {"d_loss": d_loss, "g_loss": g_loss, "d_real": real_logit.sigmoid().mean(),
                "d_fake": fake_logit.sigmoid().mean()}  # fmt: skip
        scalars |= {"agreement": named} if G.classes else {}
        return {name: value.detach() for name, value in scalars.items()}

    return step
