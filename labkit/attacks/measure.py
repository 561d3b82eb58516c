"""What an attack achieves, in numbers and in maps.

    success rate = share of wrong answers after, among the samples answered rightly before
    robust accuracy = share of right answers after, among all

An attack is a function ``attack(model, x, y)``, say ``partial(pgd, eps=0.3, steps=40)``.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from labkit import metrics
from labkit.attacks.balls import Bounds, Inputs
from labkit.logits import decide, two_logits
from labkit.shapes import Float, Labels, labels

Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]


def adversarial_examples(model: nn.Module, x: Inputs, y: Labels, attack: Attack, *, batch_size: int = 500) -> Inputs:
    """The attack on all of ``x``, ``batch_size`` samples at a time.

    Raises:
        ValueError: if ``batch_size`` is below 1 or ``x`` is empty.
    """
    if batch_size < 1 or len(x) < 1:
        raise ValueError(f"there are {len(x)} samples in batches of {batch_size}; expected 1 or more of each")
    return torch.cat([attack(model, part, labels) for part, labels in zip(x.split(batch_size), y.split(batch_size))])


def robust_accuracy(model: nn.Module, x: Inputs, y: Labels, attack: Attack, *, batch_size: int = 500) -> float:
    """The share of samples that are still answered rightly under the attack.

    Raises:
        ValueError: as ``adversarial_examples``.
    """
    return metrics.accuracy(metrics.predict(model, adversarial_examples(model, x, y, attack, batch_size=batch_size)), y)


def success_rate(before: Tensor, after: Tensor, y: Labels, *, target: Labels | None = None) -> float:
    """The share of attacks that succeed, among the samples that were answered rightly before.

    Args:
        before: answers to the clean samples: classes (B,) or logits (B, k).
        after: answers to the attacked ones.
        y: the true classes.
        target: with it an attack succeeds only where the answer is the target's class, and samples of that class
            don't count.

    Raises:
        ValueError: if no sample counts, so that there is nothing to succeed at.
    """
    was, now = (decide(v) if v.ndim == 2 else v for v in (before, after))
    y = labels(y, len(was))
    target = None if target is None else labels(target, len(was), name="target")
    counts = (was == y) & (True if target is None else target != y)
    if not bool(counts.any()):
        raise ValueError("no sample was answered rightly before, so no attack could succeed")
    fooled = now != y if target is None else now == target
    return float(fooled[counts].double().mean())


def probabilities_along(
    model: nn.Module,
    x: Float[Tensor, " 1 *rest"],
    direction: Float[Tensor, " 1 *rest"],
    eps: Float[Tensor, " e"],
    *,
    bounds: Bounds = (0.0, 1.0),
) -> Float[Tensor, "e k"]:
    """What the model believes on the way: the probabilities at ``x + eps · direction``, clamped, for each eps.

    Raises:
        ValueError: if there is no eps.
    """
    steps = eps.to(x).view(-1, *[1] * (x.ndim - 1))
    return two_logits(metrics.predict(model, (x + steps * direction).clamp(*bounds))).softmax(1)


def logit_surface(
    model: nn.Module,
    x: Float[Tensor, " 1 *rest"],
    first: Float[Tensor, " 1 *rest"],
    second: Float[Tensor, " 1 *rest"],
    eps: Float[Tensor, " e"],
    *,
    bounds: Bounds = (0.0, 1.0),
) -> Float[Tensor, "e e k"]:
    """The logits on the plane through x: at ``[i, j]`` those of ``x + eps_i · second + eps_j · first``, clamped.

    Raises:
        ValueError: if there is no eps.
    """
    shape = (-1, *[1] * (x.ndim - 1))
    steps = eps.to(x)
    down = steps.repeat_interleave(len(steps)).view(shape)
    right = steps.repeat(len(steps)).view(shape)
    logits = metrics.predict(model, (x + down * second + right * first).clamp(*bounds))
    return logits.unflatten(0, (len(steps), len(steps)))
