"""Training against attacks, and training a copy to attack from: steps for ``train.fit``.

    c J(θ, x, y) + (1 − c) J(θ, x', y),   x' = attack(θ, x, y)      Goodfellow (2015): FGSM, c = ½
                                                                    Madry (2018): PGD, c = 0
    x' one step of 1.25 ε from a random start, c = 0                fast: Wong, Rice and Kolter (2020)
    δ ← Π(δ + ε sign ∇ₓJ), θ ← θ − η ∇_θ J from one backward        free: Shafahi and others (2019)
    J(θ, x, black box's answer to x)                                a substitute: Papernot and others (2017)

Attacks on the model being trained are made anew for each batch; they see it in evaluation mode.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor, nn

from labkit.attacks.balls import Bounds, ball
from labkit.attacks.gradient import pgd
from labkit.attacks.measure import Attack
from labkit.logits import cross_entropy
from labkit.train import LabelledBatch, Step, descend


def adversarial_training(
    model: nn.Module, optimizer: torch.optim.Optimizer, attack: Attack, *, clean: float = 0.0
) -> Step[LabelledBatch]:
    """Adversarial training: attack each batch, learn from what comes out.

    Args:
        model: the classifier; put into training mode for the update.
        optimizer: of its parameters.
        attack: ``attack(model, x, y)`` gives the examples, say ``partial(pgd, eps=0.3, steps=10)``.
        clean: the weight c of the loss on the samples as they are; both kinds then pass through the model in one
            batch, as batch normalisation should see them.

    Returns:
        A step for ``fit`` that reports ``loss`` and the accuracy ``robust`` on the attacked samples.

    Raises:
        ValueError: if ``clean`` is not from 0 to 1, 1 excluded.
    """
    if not 0 <= clean < 1:
        raise ValueError(f"clean is {clean}; expected a weight from 0 to 1, 1 excluded: then there is no attack")

    def step(batch: LabelledBatch) -> dict[str, Tensor]:
        x, y = batch
        z = attack(model, x, y)
        model.train()
        logits = model(torch.cat([z, x]) if clean else z)
        attacked = logits[: len(x)]
        loss = (1 - clean) * cross_entropy(attacked, y)
        if clean:
            loss = loss + clean * cross_entropy(logits[len(x) :], y)
        descend(optimizer, loss)
        return {"loss": loss.detach(), "robust": (attacked.argmax(1) == y).float().mean()}

    return step


def fast_adversarial_training(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    eps: float,
    alpha: float | None = None,
    generator: Generator | None = None,
) -> Step[LabelledBatch]:
    """Adversarial training at the price of two ordinary steps: FGSM from a random start, l∞.

    Args:
        model: the classifier.
        optimizer: of its parameters.
        eps: the radius.
        alpha: the size of the one step; ``1.25 eps`` if it is not given. With 2 eps and more it is known to collapse.
        generator: of the random starts.

    Returns:
        As ``adversarial_training``.
    """
    alpha = 1.25 * eps if alpha is None else alpha
    return adversarial_training(model, optimizer, partial(pgd, eps=eps, alpha=alpha, steps=1, generator=generator))


def free_adversarial_training(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    eps: float,
    replays: int = 8,
    bounds: Bounds = (0.0, 1.0),
) -> Step[LabelledBatch]:
    """Adversarial training for free, l∞: each batch is replayed, and one backward pass moves weights and pictures.

    The perturbation is kept from replay to replay and from batch to batch. Train for ``replays`` times fewer epochs.

    Args:
        model: the classifier; in training mode throughout, since its update and its attack are one pass.
        optimizer: of its parameters.
        eps: the radius and the size of a step.
        replays: m of the paper.
        bounds: what values an input may have.

    Returns:
        As ``adversarial_training``, means over the replays.

    Raises:
        ValueError: if there is no replay.
    """
    if replays < 1:
        raise ValueError(f"replays is {replays}; expected 1 or more")
    return FreeAdversarialStep(model, optimizer, eps, replays, bounds)


@dataclass(eq=False)
class FreeAdversarialStep:
    """The step of ``free_adversarial_training``, with what it takes from batch to batch.

    Attributes:
        delta: the perturbation, as large as the largest batch so far; None before the first one.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    eps: float
    replays: int
    bounds: Bounds
    delta: Tensor | None = None

    def __call__(self, batch: LabelledBatch) -> dict[str, Tensor]:
        """Replay the batch: means over the replays of ``loss`` and ``robust``."""
        x, y = batch
        eps_ball = ball(x, eps=self.eps, bounds=self.bounds)
        # The last batch of an epoch may be smaller; its successors are whole again.
        if self.delta is None or self.delta[: len(x)].shape != x.shape:
            self.delta = torch.zeros_like(x)
        z = eps_ball.project(x + self.delta[: len(x)])
        self.model.train()
        losses, right = [], []
        for _ in range(self.replays):
            z = z.detach().requires_grad_(True)
            logits = self.model(z)
            loss = cross_entropy(logits, y)
            descend(self.optimizer, loss)
            with torch.no_grad():
                gradient = z.grad if z.grad is not None else torch.zeros_like(z)
                z = eps_ball.step(z, eps_ball.direction(gradient), eps_ball.eps)
            losses.append(loss.detach())
            right.append((logits.argmax(1) == y).float().mean())
        self.delta = torch.cat([z - x, self.delta[len(x) :]])
        return {"loss": torch.stack(losses).mean(), "robust": torch.stack(right).mean()}


def substitute_training(
    model: nn.Module, optimizer: torch.optim.Optimizer, black_box: Callable[[Tensor], Tensor]
) -> Step[tuple[Tensor, ...]]:
    """Train a substitute on a black box's answers: all that is asked of the victim is its class for each picture.

    Args:
        model: the substitute; what fools it is then tried on the victim.
        optimizer: of its parameters.
        black_box: from x to classes (B,), say ``lambda x: metrics.predict(victim, x).argmax(1)``.

    Returns:
        A step for ``fit`` that takes batches whose first entry is x, and reports ``loss`` and ``agreement``.
    """

    def step(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        x = batch[0]
        answers = black_box(x)
        model.train()
        logits = model(x)
        loss = cross_entropy(logits, answers)
        descend(optimizer, loss)
        return {"loss": loss.detach(), "agreement": (logits.argmax(1) == answers).float().mean()}

    return step
