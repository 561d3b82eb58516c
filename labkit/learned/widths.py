"""Augerino: the width of an augmentation as a number that learns.

    x̃ = T(θ u) x,    u ~ U(−1, 1),    θ = θ_max sigmoid(ρ)              (angles from U(−θ, θ): reparameterised)
    min_{w, θ}  E_u L(w; T(θ u) x, y) − λ θ/θ_max                        Benton and others 2020

The angle is θ times noise, so the gradient passes to θ. The task's loss alone pulls θ to 0, and the reward λ pushes it
up without end: here θ stays below θ_max. Which of the two wins depends on λ, not on the world: the validation loss
(``hypergradient``) or a teacher (``teacher``) asks a better question.

Benton, Finzi, Izmailov and Wilson, "Learning Invariances in Neural Networks" (NeurIPS 2020).
"""

import math

import torch
from torch import Generator, Tensor, nn

from labkit import train
from labkit.augment import image
from labkit.draws import uniform
from labkit.logits import cross_entropy
from labkit.shapes import Images, PerSample, Scalar, images, per_sample
from labkit.train import LabelledBatch, Step


def turned(x: Images, *, width: float | Scalar, u: PerSample) -> Images:
    """Each picture turned by ``width · u`` degrees, differentiable by the width.

    Args:
        x: (B, C, H, W).
        width: θ in degrees.
        u: (B,) from −1 to 1, one a picture.

    Raises:
        ValueError: if these are no pictures, or ``u`` isn't one number for each.

    >>> x = torch.rand(2, 1, 8, 8)
    >>> torch.allclose(turned(x, width=0.0, u=torch.ones(2)), x, atol=1e-6)
    True
    """
    return image.rotate(images(x), degrees=width * per_sample(u, x, name="u"))


class LearnedWidth(nn.Module):
    """A width θ between 0 and ``limit`` degrees, which learns.

    Args:
        start: θ at first, in degrees.
        limit: θ_max; angles beyond 180° are other angles.

    Raises:
        ValueError: if not 0 < start < limit.

    >>> width = LearnedWidth(start=5.0)
    >>> round(width().item(), 3), width.augment(torch.rand(3, 1, 8, 8)).shape
    (5.0, torch.Size([3, 1, 8, 8]))
    """

    def __init__(self, *, start: float, limit: float = 180.0) -> None:
        super().__init__()
        if not 0 < start < limit < math.inf:
            raise ValueError(f"start is {start:g} and limit {limit:g}; expected 0 < start < limit")
        self.limit = limit
        self.rho = nn.Parameter(torch.tensor(math.log(start / (limit - start))))

    def forward(self) -> Scalar:
        """θ in degrees."""
        return width_of(self.rho, limit=self.limit)

    def augment(self, x: Images, *, generator: Generator | None = None) -> Images:
        """Each picture turned by its own angle from U(−θ, θ)."""
        return turned(x, width=self(), u=uniform((len(x),), -1, 1, like=x, generator=generator))


def width_of(rho: Scalar, *, limit: float) -> Scalar:
    """θ = θ_max sigmoid(ρ)."""
    return limit * torch.sigmoid(rho)


def augerino_step(
    model: nn.Module,
    width: LearnedWidth,
    optimizer: torch.optim.Optimizer,
    *,
    lambda_: float,
    generator: Generator | None = None,
) -> Step[LabelledBatch]:
    """A step for ``train.fit``: weights and width go down the same loss, less the reward for width.

    Args:
        model: of logits; put into training mode.
        width: what learns beside it.
        optimizer: of both.
        lambda_: λ, the reward for a full width.
        generator: of the angles.

    Returns:
        A step that reports ``loss`` (the task's) and ``width`` in degrees.

    >>> net, width = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), LearnedWidth(start=10.0)
    >>> step = augerino_step(net, width, torch.optim.SGD([*net.parameters(), width.rho], lr=0.1), lambda_=0.1)
    >>> sorted(step((torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 0, 1]))))
    ['loss', 'width']
    """

    def step(batch: LabelledBatch) -> dict[str, Tensor]:
        x, y = batch
        model.train()
        loss = cross_entropy(model(width.augment(x, generator=generator)), y)
        theta = width()
        train.descend(optimizer, loss - lambda_ * theta / width.limit)
        return {"loss": loss.detach(), "width": theta.detach()}

    return step
