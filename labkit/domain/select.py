"""Choosing λ without any target label: adapt to the target, and back again.

    source (x, y) ──learn──▶ η ──labels──▶ target (z, η(z)) ──learn──▶ η' ──is asked about──▶ held-back source

If η were wrong about the target, η' would have learnt wrong things, and the source's true labels would show it. This is
no proof: an η that is wrong in a consistent way (all labels swapped) may come back right. Sources: E. Zhong and others,
"Cross Validation Framework to Choose amongst Models and Datasets for Transfer Learning" (2010); Ganin and others
(2016), section 5.1.2.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from labkit import metrics
from labkit.shapes import Labels

Learn = Callable[[Tensor, Tensor, Tensor], nn.Module]
LearnWith = Callable[[Tensor, Tensor, Tensor, float], nn.Module]


def reverse_validation_risk(
    learn: Learn, x: Tensor, y: Labels, z: Tensor, *, held: float = 0.2, generator: torch.Generator
) -> float:
    """The error, on held-back source samples, of a classifier that learned from the target's predicted labels.

    Args:
        learn: gets labelled samples, their labels and unlabelled samples of the other domain; returns a trained model.
        x, y: the source samples and their labels.
        z: the target samples.
        held: the share of the source that is held back.
        generator: draws the samples that are held back; on the CPU.

    Raises:
        ValueError: if ``held`` leaves no sample on one side.
    """
    n = round(len(x) * held)
    if not 0 < n < len(x):
        raise ValueError(f"held is {held} of {len(x)} samples; expected a share that leaves some on either side")
    order = torch.randperm(len(x), generator=generator).to(x.device)
    back, here = order[:n], order[n:]
    there = metrics.predict(learn(x[here], y[here], z), z).argmax(1)
    returned = learn(z, there, x[here])
    return 1 - metrics.accuracy(metrics.predict(returned, x[back]), y[back])


class Choice(NamedTuple):
    """The λ that was chosen, and the reverse risk of each λ that was tried."""

    lambda_: float
    risks: dict[float, float]


def choose_lambda(
    learn: LearnWith,
    x: Tensor,
    y: Labels,
    z: Tensor,
    *,
    lambdas: Sequence[float] = (0.0, 0.3, 1.0),
    held: float = 0.2,
    generator: torch.Generator,
) -> Choice:
    """The largest λ whose reverse risk is within one standard error of the lowest risk.

    Put 0 among the λ; it means source only. It is chosen where alignment harms so much that the reverse risk shows it.
    Risks that differ by less are a tie, which says nothing for or against alignment; a tie goes to the larger λ. The
    results page shows what this rule gains and where it errs. Every λ costs two trainings. The rule of one standard
    error is that of L. Breiman and others, "Classification and Regression Trees" (1984).

    Args:
        learn: gets labelled samples, their labels, unlabelled samples of the other domain, and λ; returns a trained
            model.
        x, y: the source samples and their labels.
        z: the target samples.
        lambdas: the λ to choose from.
        held: the share of the source that is held back, the same samples for each λ.
        generator: draws the samples that are held back; on the CPU.

    Raises:
        ValueError: as ``reverse_validation_risk``; also if there are not two λ or more.

    >>> from labkit import nets
    >>> x, y, z = torch.randn(40, 2), torch.arange(40) % 2, torch.randn(30, 2)
    >>> learn = lambda x, y, z, lambda_: nets.MLP(2, 2)  # train it here, with dann(…, lambda_=lambda_)
    >>> choice = choose_lambda(learn, x, y, z, lambdas=(0.0, 1.0), generator=torch.Generator().manual_seed(0))
    >>> sorted(choice.risks)
    [0.0, 1.0]
    """
    if len(set(lambdas)) < 2:
        raise ValueError(f"lambdas is {tuple(lambdas)}; expected two or more to choose from")
    state = generator.get_state()
    risks = {}
    for lambda_ in sorted(set(lambdas)):
        generator.set_state(state)
        risks[lambda_] = reverse_validation_risk(
            partial(_with_lambda, learn, lambda_), x, y, z, held=held, generator=generator
        )
    least, n = min(risks.values()), round(len(x) * held)
    # A risk of 0 or 1 in the sample is not known more exactly than one of a single mistake.
    error = math.sqrt(max(least * (1 - least), (1 - 1 / n) / n) / n)
    return Choice(max(lambda_ for lambda_, risk in risks.items() if risk <= least + error), risks)


def _with_lambda(learn: LearnWith, lambda_: float, x: Tensor, y: Tensor, z: Tensor) -> nn.Module:
    return learn(x, y, z, lambda_)
