"""Membership in the training set of a generative model, from less and less access.

    with D             s = D(x): what the GAN's own discriminator takes for real, it may have seen        (the deck)
    samples only       train a discriminator of one's own: synthetic → 1, fresh data → 0;  s = D'(x)      (the deck)
    samples only       s = −min_j ‖x − x̃_j‖: is there a near copy among the samples?

A GAN's discriminator is a classifier of its training set against fakes, and can overfit like any other: J. Hayes, L.
Melis, G. Danezis and E. De Cristofaro, "LOGAN: Membership Inference Attacks Against Generative Models" (2019). The
distance to the nearest sample: D. Chen, N. Yu, Y. Zhang and M. Fritz, "GAN-Leaks" (2020).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit import distances, metrics, train
from labkit.shapes import Float, PerSample


def discriminator_scores(discriminator: nn.Module, x: Float[Tensor, " b *rest"], *, batch_size: int = 512) -> PerSample:
    """The discriminator's logit for each record, in evaluation mode, without gradients.

    Raises:
        ValueError: if it gives more than one number a record.
    """
    logits = metrics.predict(discriminator, x, batch_size=batch_size)
    if logits.numel() != len(x):
        raise ValueError(
            f"the discriminator gives shape {tuple(logits.shape)} for {len(x)} records; expected one number each"
        )
    return logits.reshape(-1)


def discriminator_loss(on_synthetic: Tensor, on_fresh: Tensor) -> Float[Tensor, ""]:
    """Eve's loss: ½ mean −log σ(D'(x̃)) + ½ mean −log(1 − σ(D'(x̂))), from logits.

    "Real" is not asked: synthetic is 1, because the generator's samples resemble what it learned from, and members of
    the training set therefore get a high score.
    """
    return (functional.softplus(-on_synthetic).mean() + functional.softplus(on_fresh).mean()) / 2


def own_discriminator(
    discriminator: nn.Module,
    synthetic: Float[Tensor, " n *rest"],
    fresh: Float[Tensor, " m *rest"],
    *,
    epochs: int,
    batch_size: int = 64,
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    generator: torch.Generator,
) -> Callable[[Tensor], Tensor]:
    """The deck's attack on a release of samples: train D' on synthetic against fresh data; the score is D'(x).

    Args:
        discriminator: a network that gives one logit a record; trained in place.
        synthetic: samples of the generator.
        fresh: brand new data of the same kind that neither the GAN nor the attack's verdict has seen.
        epochs: passes over the smaller of the two sets.
        batch_size: records of each kind in a batch.
        lr, weight_decay: of AdamW.
        generator: of the batches.

    Returns:
        The scores, a function of records.

    Raises:
        ValueError: if records of the two sets differ in shape, or there are none.
    """
    if synthetic.shape[1:] != fresh.shape[1:] or min(len(synthetic), len(fresh)) == 0:
        raise ValueError(
            f"synthetic has shape {tuple(synthetic.shape)}, fresh {tuple(fresh.shape)}; expected records of one shape"
        )
    optimizer = torch.optim.AdamW(discriminator.parameters(), lr=lr, weight_decay=weight_decay)

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        discriminator.train()
        value = discriminator_loss(discriminator(batch[0]), discriminator(batch[1]))
        train.descend(optimizer, value)
        return {"loss": value.detach()}

    n = min(len(synthetic), len(fresh))

    def batches() -> train.Minibatches:
        # Of the larger set another part in every epoch.
        drawn = [s[torch.randperm(len(s), generator=generator, device=generator.device).to(s.device)[:n]]
                 for s in (synthetic, fresh)]  # fmt: skip
        return train.Minibatches(*drawn, batch_size=batch_size)

    train.fit(step, batches, epochs=epochs)
    return lambda x: discriminator_scores(discriminator, x)


def nearest_sample_scores(x: Float[Tensor, " b *rest"], synthetic: Float[Tensor, " n *rest"]) -> PerSample:
    """The negative Euclidean distance of each record to the nearest synthetic one: 0 for an exact copy.

    Raises:
        ValueError: if records differ in shape, or there are no samples.
    """
    return -distances.nearest(x, synthetic).distance
