"""LiRA: how likely is the model's confidence in *this* record if it was a member, and how likely if not?

    Λ(x, y) = p(φ(f(x)_y) | N(μ_in, σ²_in)) / p(φ(f(x)_y) | N(μ_out, σ²_out))

φ is the scaled confidence (``scores``); the means and variances of each record come from shadow models that were, and
were not, trained on it. The same 99 % is remarkable for an odd digit and nothing for a plain one: a common threshold
can't see that. N. Carlini, S. Chien, M. Nasr, S. Song, A. Terzis and F. Tramèr, "Membership Inference Attacks From
First Principles" (2022).
"""

import math

import torch
from torch import Tensor

from labkit.shapes import Bool, Float, PerSample, finite

FEW = 64  # below this number of shadow models the paper advises one variance for all records


def lira(
    phi: PerSample, shadow: Float[Tensor, "m b"], members: Bool[Tensor, "m b"], *, pooled: bool | None = None
) -> PerSample:
    """log Λ on line: shadow models with and without each record.

    Args:
        phi: the target model's scaled confidence in each record.
        shadow: the same of m shadow models.
        members: which records each shadow model was trained on.
        pooled: one variance of all records (about their own means) for "in", one for "out"; by default where there are
            fewer than 64 shadow models.

    Raises:
        ValueError: if the shapes don't fit, or a record has fewer than 2 models that have seen it, or that have not
            (1, where variances are pooled), or a score is not finite.
    """
    m = _check(phi, shadow, members, offline=False)
    pooled = m < FEW if pooled is None else pooled
    inside, outside = _gaussian(shadow, members, pooled), _gaussian(shadow, ~members, pooled)
    return _log_density(phi, *inside) - _log_density(phi, *outside)


def lira_offline(
    phi: PerSample, shadow: Float[Tensor, "m b"], members: Bool[Tensor, "m b"] | None = None, *,
    pooled: bool | None = None,
) -> PerSample:  # fmt: skip
    """Off line: only models that have *not* seen the record; how far is the target above them?

    The paper's score is Φ(z) with z = (φ − μ_out)/σ_out. z is returned: it orders records alike, and doesn't round to
    1.

    Args:
        phi: the target model's scaled confidence in each record.
        shadow: the same of m shadow models.
        members: which records each shadow model was trained on, to leave those models out; none of them if not given.
        pooled: one variance for all records; by default where there are fewer than 64 shadow models.

    Raises:
        ValueError: if the shapes don't fit, too few models have not seen a record, or a score is not finite.
    """
    members = torch.zeros_like(shadow, dtype=torch.bool) if members is None else members
    m = _check(phi, shadow, members, offline=True)
    mean, std = _gaussian(shadow, ~members, m < FEW if pooled is None else pooled)
    return (phi - mean) / std


def _gaussian(shadow: Tensor, which: Tensor, pooled: bool) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each record's φ over the models ``which`` marks."""
    weight = which.to(shadow.dtype)
    count = weight.sum(0)
    if int(count.min()) < (1 if pooled else 2):
        raise ValueError(
            f"a record has {int(count.min())} shadow models of one kind; expected {1 if pooled else 2} or more"
        )
    mean = (weight * shadow).sum(0) / count
    square = (weight * (shadow - mean).square()).sum(0)
    # Degrees of freedom: every record's mean took one.
    variance = square.sum() / (count - 1).sum().clamp_min(1) if pooled else square / (count - 1)
    return mean, variance.clamp_min(1e-12).sqrt().expand_as(mean)


def _log_density(phi: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return -0.5 * ((phi - mean) / std).square() - std.log() - 0.5 * math.log(2 * math.pi)


def _check(phi: Tensor, shadow: Tensor, members: Tensor, *, offline: bool) -> int:
    """The number of shadow models, if everything fits."""
    if shadow.shape != members.shape or shadow.ndim != 2 or shadow.shape[1:] != phi.shape:
        raise ValueError(
            f"phi has shape {tuple(phi.shape)}, shadow {tuple(shadow.shape)}, members {tuple(members.shape)}; "
            "expected (n,), (m, n) and (m, n)"
        )
    if members.dtype != torch.bool:
        raise ValueError(f"members is {members.dtype}; expected bool: True where a model was trained on a record")
    finite(phi, name="phi")
    finite(shadow, name="shadow")
    if not offline and bool(members.all() or not members.any()):
        raise ValueError("shadow models saw all records or none; on line both are needed (lira_offline needs none)")
    return len(shadow)
