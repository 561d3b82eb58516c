"""How the strength λ_p and the learning rate μ_p change while training goes from p = 0 to p = 1.

    λ_p = 2 / (1 + exp(−γ p)) − 1            γ = 10
    μ_p = μ_0 / (1 + α p)^β                  α = 10, β = 0.75, μ_0 = 0.01

λ_p acts on the feature extractor alone. The discriminator learns at full strength from the start: the features should
follow it only once it has learnt something. Source: Y. Ganin and others (2016), section 5.2.2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from labkit.shapes import Float


def lambda_schedule(p: Float[Tensor, " *n"], *, gamma: float = 10.0) -> Float[Tensor, " *n"]:
    """λ_p: 0 at p = 0, and with γ = 10 nearly 1 from the middle on.

    Args:
        p: how much of training is done, 0 to 1; ``progress(steps)`` gives the p of each step.
        gamma: γ.

    Raises:
        ValueError: if a p is not from 0 to 1.
    """
    # tanh is the same curve, and does not overflow.
    return torch.tanh(checked_progress(p) * (gamma / 2))


def lr_decay(p: Float[Tensor, " *n"], *, alpha: float = 10.0, beta: float = 0.75) -> Float[Tensor, " *n"]:
    """μ_p / μ_0: the factor of the learning rate.

    Raises:
        ValueError: if a p is not from 0 to 1.
    """
    return (1 + alpha * checked_progress(p)) ** -beta


def progress(steps: int) -> Float[Tensor, " n"]:
    """p before each of ``steps`` updates: 0, 1/steps, …, in double precision.

    Raises:
        ValueError: if there is no step.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; expected 1 or more")
    return torch.arange(steps, dtype=torch.float64) / steps


def checked_progress(p: Tensor) -> Tensor:
    """p, if it lies between 0 and 1.

    Raises:
        ValueError: if it does not.
    """
    if not bool(((p >= 0) & (p <= 1)).all()):
        raise ValueError("p is the share of training that is done, from 0 to 1; there are values outside")
    return p


def at(values: Sequence[float], t: int) -> float:
    """The value for the t-th update, counted from 0; later updates get the last value.

    >>> [at([0.25, 0.5], t) for t in range(3)]
    [0.25, 0.5, 0.5]
    """
    return values[min(t, len(values) - 1)]


def anneal_lr(
    optimizer: torch.optim.Optimizer, *, steps: int, alpha: float = 10.0, beta: float = 0.75
) -> torch.optim.lr_scheduler.LambdaLR:
    """The learning rate μ_p = μ_0 / (1 + α p)^β, a schedule for ``train.fit``'s ``on_step``.

    μ_0 is the rate that the optimiser has now, in each of its groups. Updates after ``steps`` have the last rate.

    Args:
        optimizer: the optimiser that the step uses.
        steps: how many updates there will be.
        alpha, beta: α and β of the decay; β = 0 changes nothing.

    Raises:
        ValueError: if ``steps`` is below 1.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    >>> schedule = anneal_lr(optimizer, steps=2)
    >>> for _ in range(2):
    ...     print(f"{optimizer.param_groups[0]['lr']:.4f}")
    ...     optimizer.step()
    ...     schedule.step()
    0.0100
    0.0026
    """
    factors = lr_decay(progress(steps), alpha=alpha, beta=beta).tolist()
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: at(factors, t))
