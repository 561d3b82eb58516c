"""Choosing λ without any target label: adapt to the target, and back again.

    source (x, y) ──learn──▶ η ──labels──▶ target (z, η(z)) ──learn──▶ η' ──is asked about──▶ held-back source

If η were wrong about the target, η' would have learnt wrong things, and the source's true labels would tell. It is no
proof: an η that is wrong in a consistent way (all labels changed round) may come back right. E. Zhong and others,
"Cross Validation Framework to Choose amongst Models and Datasets for Transfer Learning" (2010); Ganin and others
(2016), section 5.1.2.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from labkit import metrics
from labkit.shapes import Labels

Learn = Callable[[Tensor, Tensor, Tensor], nn.Module]


def reverse_validation_risk(
    learn: Learn, x: Tensor, y: Labels, z: Tensor, *, held: float = 0.2, generator: torch.Generator
) -> float:
    """The error on held-back source samples of a classifier that was taught by the target's guessed labels.

    Args:
        learn: from labelled samples, their labels and unlabelled samples of the other domain to a trained model.
        x, y: the source.
        z: the target.
        held: the share of the source that is held back.
        generator: the source of who that is, on the CPU.

    Raises:
        ValueError: if ``held`` leaves nobody on one side.
    """
    n = round(len(x) * held)
    if not 0 < n < len(x):
        raise ValueError(f"held is {held} of {len(x)} samples; expected a share that leaves some on either side")
    order = torch.randperm(len(x), generator=generator).to(x.device)
    back, here = order[:n], order[n:]
    there = metrics.predict(learn(x[here], y[here], z), z).argmax(1)
    returned = learn(z, there, x[here])
    return 1 - metrics.accuracy(metrics.predict(returned, x[back]), y[back])
