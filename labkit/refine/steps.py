"""Algorithm 1 as a step for ``labkit.train.fit``, the iterations it is given, and the pretraining.

    one iteration:   K_g times   θ ← θ − ∇ L_R(θ)    on b synthetic images
                     K_d times   φ ← φ − ∇ L_D(φ)    on b/2 refined images, b/2 of the buffer, and b real ones

Labels never occur: whatever has been simulated with an image is its label afterwards as well. Shrivastava and others
(2017), algorithm 1; pretraining as in their section 3.1: R on self-regularisation alone, then D with R held.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from labkit.nets import frozen
from labkit.refine.buffer import ImageHistoryBuffer
from labkit.refine.losses import Maps, discriminator_loss, refiner_loss, self_regularisation
from labkit.shapes import Features, Float, Images, images
from labkit.train import Step, descend, identity

Many = Float[Tensor, "r b c h w"]


class RefineBatch(NamedTuple):
    """What one iteration is trained on: K_g synthetic batches for R; K_d synthetic and K_d real ones for D."""

    x: Many
    x_d: Many
    y: Many


class RefineBatches:
    """One epoch: so many iterations, every batch drawn with replacement from all images.

    Args:
        synthetic: x.
        real: y; their labels are not asked for.
        batch_size: b, images a batch; even, because half of D's come from the buffer.
        iterations: how many iterations an epoch has.
        K_g: updates of R in an iteration.
        K_d: updates of D in an iteration.
        generator: where the draws come from.

    Raises:
        ValueError: if ``batch_size`` is odd or a number is below 1, or the images differ in shape.
    """

    def __init__(
        self,
        synthetic: Images,
        real: Float[Tensor, "n c h w"],
        *,
        batch_size: int,
        iterations: int,
        K_g: int = 2,
        K_d: int = 1,
        generator: torch.Generator,
    ) -> None:
        if batch_size < 2 or batch_size % 2 or min(iterations, K_g, K_d) < 1:
            raise ValueError(
                f"batch_size is {batch_size}, iterations {iterations}, K_g {K_g}, K_d {K_d}; "
                "expected an even batch_size, and 1 or more of the rest"
            )
        if images(synthetic).shape[1:] != images(real).shape[1:]:
            raise ValueError(
                f"synthetic images have shape {tuple(synthetic.shape[1:])}, real ones {tuple(real.shape[1:])}; "
                "expected the same"
            )
        self.synthetic, self.real, self.batch_size, self.iterations = synthetic, real, batch_size, iterations
        self.K_g, self.K_d, self.generator = K_g, K_d, generator

    def __len__(self) -> int:
        return self.iterations

    def __iter__(self) -> Iterator[RefineBatch]:
        for _ in range(self.iterations):
            yield RefineBatch(
                self._draw(self.synthetic, self.K_g),
                self._draw(self.synthetic, self.K_d),
                self._draw(self.real, self.K_d),
            )

    def _draw(self, x: Tensor, k: int) -> Tensor:
        chosen = torch.randint(len(x), (k, self.batch_size), generator=self.generator, device=self.generator.device)
        return x[chosen.to(x.device)]


def update_refiner(
    refiner: nn.Module,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Images,
    *,
    lambda_: float,
    psi: Features,
) -> tuple[Tensor, Tensor]:
    """One update of θ with φ held: the loss, and the share of patches that passed for real."""
    refiner.train()
    with frozen(discriminator):  # gradients pass through D to R; none is kept for φ
        refined = refiner(x)
        logits = discriminator(refined)
        loss = refiner_loss(logits, refined, x, lambda_=lambda_, psi=psi)
        descend(optimizer, loss)
    return loss.detach(), (logits < 0).float().mean()


def update_discriminator(
    refiner: nn.Module,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Images,
    y: Images,
    *,
    buffer: ImageHistoryBuffer | None,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """One update of φ with θ held: the loss, and the share of patches, refined and real, that D got right."""
    discriminator.train()
    with torch.no_grad():
        fresh = refiner(x if buffer is None else x[: len(x) // 2])
    batch = fresh if buffer is None else buffer.query(fresh, generator=generator)
    logits, real = discriminator(torch.cat([batch, y])).split([len(batch), len(y)])
    loss = discriminator_loss(logits, real)
    descend(optimizer, loss)
    return loss.detach(), discriminator_accuracy(logits, real)


def discriminator_accuracy(refined: Maps, real: Float[Tensor, "n p q"]) -> Tensor:
    """The share of patches that D tells right, refined and real ones weighing the same: ½ where it can only guess."""
    return ((refined > 0).float().mean() + (real < 0).float().mean()) / 2


def simgan(
    refiner: nn.Module,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    optimizer_d: torch.optim.Optimizer,
    *,
    lambda_: float,
    psi: Features = identity,
    buffer: ImageHistoryBuffer | None = None,
    generator: torch.Generator,
) -> Step[RefineBatch]:
    """Algorithm 1: a step that trains R, then D, on one ``RefineBatch``.

    Args:
        refiner: R.
        discriminator: D, a map of logits (B, h, w), positive for "refined".
        optimizer: of R's parameters.
        optimizer_d: of D's parameters.
        lambda_: λ.
        psi: the features that are to stay; the pixels.
        buffer: images of earlier refiners; without one D sees fresh images alone.
        generator: of the buffer's draws.

    Returns:
        A step that reports ``refiner`` and ``discriminator``, the two losses; ``fooled``, the share of refined patches
        that D took for real; and ``d_accuracy``, the share of all patches that D told right, ½ at chance.
    """

    def step(batch: RefineBatch) -> dict[str, Tensor]:
        of_r = [update_refiner(refiner, discriminator, optimizer, x, lambda_=lambda_, psi=psi) for x in batch.x]
        of_d = [
            update_discriminator(refiner, discriminator, optimizer_d, x, y, buffer=buffer, generator=generator)
            for x, y in zip(batch.x_d, batch.y)
        ]
        (loss_r, fooled), (loss_d, accuracy) = (torch.stack([torch.stack(p) for p in u]).mean(0) for u in (of_r, of_d))
        return {"refiner": loss_r, "discriminator": loss_d, "fooled": fooled, "d_accuracy": accuracy}

    return step


def pretrain_refiner(
    refiner: nn.Module, optimizer: torch.optim.Optimizer, *, psi: Features = identity
) -> Step[RefineBatch]:
    """Train R on self-regularisation alone: it learns to leave images as they are. 1,000 updates in the paper.

    Needless for a refiner with ``skip``, which begins there.

    Returns:
        A step on a ``RefineBatch`` that reports ``change``, the self-regularisation.
    """

    def step(batch: RefineBatch) -> dict[str, Tensor]:
        refiner.train()
        losses = []
        for x in batch.x:
            loss = self_regularisation(refiner(x), x, psi=psi)
            descend(optimizer, loss)
            losses.append(loss.detach())
        return {"change": torch.stack(losses).mean()}

    return step


def pretrain_discriminator(
    refiner: nn.Module,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    buffer: ImageHistoryBuffer | None = None,
    generator: torch.Generator,
) -> Step[RefineBatch]:
    """Train D while R stays fixed: it learns what is wrong with the images as they are. 200 updates in the paper.

    Returns:
        A step on a ``RefineBatch`` that reports ``discriminator``, its loss, and ``d_accuracy``, the share of patches
        told right.
    """

    def step(batch: RefineBatch) -> dict[str, Tensor]:
        done = [
            update_discriminator(refiner, discriminator, optimizer, x, y, buffer=buffer, generator=generator)
            for x, y in zip(batch.x_d, batch.y)
        ]
        loss, accuracy = torch.stack([torch.stack(pair) for pair in done]).mean(0)
        return {"discriminator": loss, "d_accuracy": accuracy}

    return step
