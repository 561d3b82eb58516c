"""Classes of unequal size: draw the rare ones more often, make more of them, and mend the probabilities afterwards.

    w_k = (1 − β) / (1 − β^{n_k}):  β = 0: alike,  β → 1: 1/n_k                  class-balanced weights (Cui 2019)
    x̃ = x_i + δ (x_j − x_i),  δ ~ U[0, 1),  j one of i's k nearest of its class         SMOTE (Chawla 2002)
    z'_k = z_k + log π_k − log q_k                              a classifier that learned under the prior q, under π

n_k: how many samples class k has. The first two change what a classifier believes of how frequent classes are; the
third puts that right without training (Saerens 2002, Elkan 2001).

Sources: N. Chawla et al., SMOTE: Synthetic Minority Over-sampling Technique (2002); Y. Cui et al., Class-Balanced Loss
    Based on Effective Number of Samples (2019); M. Saerens et al., Adjusting the Outputs of a Classifier to New a
    Priori Probabilities (2002).
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from labkit.augment.arguments import per_item
from labkit.augment.mixing.blend import batch
from labkit.distances import blocks
from labkit.draws import uniform, wide
from labkit.shapes import Float, Int, Labels, Logits, PerSample, finite, labels, readable


class Resampled(NamedTuple):
    """Samples and their classes, the original ones first."""

    x: Tensor
    y: Tensor


def class_counts(y: Labels, *, classes: int | None = None) -> Int[Tensor, " k"]:
    """n_k: how many samples each class has.

    Raises:
        ValueError: if the labels are not classes (B,), or one is not from 0 to ``classes`` − 1.
    """
    return torch.bincount(labels(y, classes=classes), minlength=classes or 0)


def class_weights(counts: Tensor, *, beta: float = 1.0) -> Float[Tensor, " k"]:
    """The weight of each class, with sum K; 0 for a class without samples.

    Args:
        counts: (K,) samples of each class.
        beta: β: 1 gives 1/n_k, 0 the same for all, 0.999 lets the weight saturate after about a thousand samples.

    Raises:
        ValueError: if β is not from 0 to 1, or a count is negative or all are 0 (on the CPU).
    """
    if not 0 <= beta <= 1:
        raise ValueError(f"beta is {beta:g}; expected a number from 0 to 1")
    if counts.ndim != 1:
        raise ValueError(f"counts have shape {tuple(counts.shape)}; expected one a class, (K,)")
    if readable(counts) and (counts.numel() == 0 or bool((counts < 0).any()) or not bool(counts.any())):
        raise ValueError(f"the counts are {counts.tolist()}; expected numbers from 0, not all of them 0")
    n = counts.to(torch.get_default_dtype())
    effective = n if beta == 1 else -torch.expm1(n * _log(beta)) / (1 - beta)
    weight = torch.where(n > 0, 1 / effective.clamp_min(torch.finfo(n.dtype).tiny), torch.zeros_like(n))
    return weight * len(n) / weight.sum()


def _log(beta: float) -> float:
    return float(torch.tensor(beta, dtype=torch.float64).log())


def balanced_sample(y: Labels, *, n: int, beta: float = 1.0, generator: Generator | None = None) -> Int[Tensor, " {n}"]:
    """n indices drawn with replacement, each with its class's weight: with β = 1 every class equally often.

    Drawn anew for every epoch this is class-balanced sampling.

    Raises:
        ValueError: if there is no sample, or as ``class_weights``.
    """
    y = labels(y)
    weight = class_weights(class_counts(y), beta=beta)[y]
    device = generator.device if generator is not None else y.device
    return torch.multinomial(weight.to(device), n, replacement=True, generator=generator).to(y.device)


def oversample(y: Labels, *, generator: Generator | None = None) -> Int[Tensor, " n"]:
    """Indices of all samples, then of repeated ones, so that every class has as many as the largest has.

    Raises:
        ValueError: if there is no sample.
    """
    y = labels(y)
    return torch.cat([torch.arange(len(y), device=y.device), _lacking(y, _counts(y), generator)])


def undersample(y: Labels, *, generator: Generator | None = None) -> Int[Tensor, " n"]:
    """Indices of as many samples of each class as the smallest has, drawn without replacement, in their order.

    Raises:
        ValueError: if there is no sample.
    """
    y = labels(y)
    counts = _counts(y)
    order = torch.randperm(len(y), generator=generator, device=generator.device if generator else y.device).to(y.device)
    order = order[y[order].sort(stable=True).indices]
    rank = torch.arange(len(y), device=y.device) - (counts.cumsum(0) - counts)[y[order]]
    return order[rank < counts[counts > 0].min()].sort().values


def neighbours(x: Float[Tensor, " n *rest"], *, k: int) -> Int[Tensor, "n {k}"]:
    """The k nearest other samples of each, nearest first, by Euclidean distance: (N, k).

    Raises:
        ValueError: if there are not more than k samples.
    """
    if not 1 <= k < len(x):
        raise ValueError(f"k is {k} with {len(x)} samples; expected from 1 to one less than there are samples")
    finite(x, name="x")
    flat = x.flatten(1) if x.ndim > 1 else x[:, None]
    flat = flat if flat.is_floating_point() else flat.double()
    nearest = []
    for rows, distance in blocks(flat, flat):
        distance[torch.arange(len(distance), device=x.device), torch.arange(rows.start, rows.stop, device=x.device)] = (
            torch.inf
        )
        nearest.append(distance.topk(k, largest=False).indices)
    return torch.cat(nearest)


def smote_step(
    x: Float[Tensor, " n *rest"], *, base: Int[Tensor, " m"], neighbour: Int[Tensor, " m"], gap: PerSample
) -> Float[Tensor, " m *rest"]:
    """x[base] + δ (x[neighbour] − x[base]): new samples (M, …) on the lines between old ones, δ = ``gap`` (M,).

    It is mixup with λ = 1 − δ within a class.

    Raises:
        ValueError: if there aren't as many bases, neighbours and gaps.
    """
    if not base.shape == neighbour.shape == gap.shape:
        raise ValueError(
            f"there are {len(base)} bases, {len(neighbour)} neighbours and {len(gap)} gaps; expected as many of each"
        )
    return x[base].lerp(x[neighbour], per_item(gap, x))


def smote(x: Float[Tensor, " n *rest"], y: Labels, *, k: int = 5, generator: Generator | None = None) -> Resampled:
    """All samples, and synthetic ones of each class until it has as many as the largest.

    Args:
        x: (N, …).
        y: classes (N,).
        k: from how many nearest neighbours of the same class one is chosen; fewer where a class has not more.

    Raises:
        ValueError: if there is no sample, k is below 1, or a class to be grown has a single sample.
    """
    if k < 1 or len(x) != len(y):
        raise ValueError(f"k is {k}, with {len(x)} samples and {len(y)} labels; expected 1 or more, and as many")
    y = labels(y, len(x))
    batch(x)
    counts = _counts(y)
    base = _lacking(y, counts, generator)
    draws = uniform((2, len(base)), like=x.new_empty(0, dtype=wide(x.dtype)), generator=generator)
    neighbour = torch.empty_like(base)
    for c in y[base].unique().tolist():
        if counts[c] < 2:
            raise ValueError(f"class {c} has a single sample, which has no neighbour; expected two or more")
        members = (y == c).nonzero()[:, 0]
        near = neighbours(x[members], k=min(k, len(members) - 1))
        mine = y[base] == c
        column = (draws[0, mine] * near.shape[1]).long().clamp_max(near.shape[1] - 1)
        neighbour[mine] = members[near[torch.searchsorted(members, base[mine]), column]]
    return Resampled(
        torch.cat([x, smote_step(x, base=base, neighbour=neighbour, gap=draws[1])]), torch.cat([y, y[base]])
    )


def with_prior(logits: Logits, *, trained: Tensor, prior: Tensor) -> Logits:
    """Logits of a classifier that learned under the class frequencies ``trained``, for a world with ``prior``.

    Oversampling makes ``trained`` uniform; here the frequencies of the world come back, and with them calibration.

    Args:
        logits: (B, K).
        trained, prior: (K,) frequencies or counts, above 0; each is divided by its sum.

    Raises:
        ValueError: if they are not K positive numbers.
    """
    for name, value in (("trained", trained), ("prior", prior)):
        if value.shape != logits.shape[1:] or (value.device.type == "cpu" and not bool((value > 0).all())):
            raise ValueError(f"{name} holds {logits.shape[1]} numbers above 0; it is {value.tolist()}")
    ratio = (prior / prior.sum()).log() - (trained / trained.sum()).log()
    return logits + ratio.to(logits)


def _counts(y: Labels) -> Tensor:
    """How many samples each class has; the labels are examined already."""
    if len(y) == 0:
        raise ValueError("there is no sample; expected at least one")
    return torch.bincount(y)


def _lacking(y: Labels, counts: Tensor, generator: Generator | None) -> Int[Tensor, " m"]:
    """Indices, with repetition, of samples of each class: as many as it lacks compared with the largest."""
    largest = int(counts.max())
    order = y.sort(stable=True).indices
    missing = torch.where(counts > 0, largest - counts, 0)
    classes = torch.arange(len(counts), device=y.device).repeat_interleave(missing)
    u = uniform((len(classes),), like=torch.empty(0, dtype=torch.float64, device=y.device), generator=generator)
    place = torch.minimum((u * counts[classes]).long(), counts[classes] - 1)
    return order[(counts.cumsum(0) - counts)[classes] + place]
