"""Three ways in which a decision can treat groups unequally, and what they can't have at once.

    rate_a          = P(ŷ = 1 | a)
    parity          = max_a rate_a − min_a rate_a                                     (demographic parity)
    opportunity     = the same of P(ŷ = 1 | a, y = 1)                                   (equal opportunity)
    odds            = the larger of that and of the same of P(ŷ = 1 | a, y = 0)         (equalised odds)

Sources: Dwork et al., "Fairness Through Awareness" (2012); Hardt, Price and Srebro, "Equality of Opportunity in
Supervised Learning" (2016). The limits: Zhao and Gordon, "Inherent Tradeoffs in Learning Fair Representations" (2019);
Chouldechova, "Fair prediction with disparate impact" (2017).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from labkit.shapes import Bool, Float, Int, labels


class Gaps(NamedTuple):
    """The three gaps, each a tensor with one number from 0 (alike) to 1."""

    parity: Float[Tensor, ""]
    opportunity: Float[Tensor, ""]
    odds: Float[Tensor, ""]


def selection_rates(
    decision: Tensor, a: Int[Tensor, " n"], *, condition: Bool[Tensor, " n"] | None = None, groups: int | None = None
) -> Float[Tensor, " k"]:
    """How often each group gets a yes: the mean decision of each, (k,).

    Args:
        decision: (n,): 0 and 1, bool, or probabilities of a 1 (then the rates are differentiable).
        a: the group of each sample, 0 … k − 1.
        condition: only samples where it is True count, as in P(ŷ = 1 | a, y = 1).
        groups: k; one more than the largest that occurs if it is not given.

    Raises:
        ValueError: if the lengths differ, decisions are outside 0 to 1, groups are no whole numbers, or a group has no
            sample that counts.
    """
    if decision.shape != a.shape or a.ndim != 1 or (condition is not None and condition.shape != a.shape):
        raise ValueError(
            f"decision and a have shapes {tuple(decision.shape)} and {tuple(a.shape)}; expected (n,) for both"
            + ("" if condition is None else f", and for condition, which has {tuple(condition.shape)}")
        )
    a = labels(a, name="a", values=False)
    if len(a) == 0 or int(a.min()) < 0:
        raise ValueError("groups are numbered from 0, and there must be at least one sample")
    soft = decision if decision.is_floating_point() else decision.to(torch.get_default_dtype())
    if not bool(((soft >= 0) & (soft <= 1)).all()):
        raise ValueError("decisions are 0, 1 or a probability; there are values outside 0 to 1 (are these logits?)")
    counts = torch.ones_like(soft) if condition is None else condition.to(soft.dtype)
    k = groups if groups is not None else int(a.max()) + 1
    size = counts.new_zeros(k).index_add(0, a, counts)
    if bool((size == 0).any()):
        empty = (size == 0).nonzero()[:, 0].tolist()
        raise ValueError(f"no sample of group {empty} meets the condition: its rate is not defined")
    return soft.new_zeros(k).index_add(0, a, soft * counts) / size


def parity_gap(decision: Tensor, a: Int[Tensor, " n"]) -> Float[Tensor, ""]:
    """Demographic parity difference: the largest rate of yes less the smallest.

    Raises:
        ValueError: as ``selection_rates``.
    """
    return spread(selection_rates(decision, a))


def opportunity_gap(decision: Tensor, y: Int[Tensor, " n"], a: Int[Tensor, " n"]) -> Float[Tensor, ""]:
    """Equal opportunity difference: the gap among those who deserve a yes (y = 1), of true positive rates.

    Raises:
        ValueError: as ``selection_rates``, or if an outcome is neither 0 nor 1.
    """
    return spread(selection_rates(decision, a, condition=_outcomes(y) == 1))


def odds_gap(decision: Tensor, y: Int[Tensor, " n"], a: Int[Tensor, " n"]) -> Float[Tensor, ""]:
    """Equalised odds difference: the larger of the gaps of true positive and false positive rates.

    Raises:
        ValueError: as ``selection_rates``.
    """
    no = spread(selection_rates(decision, a, condition=_outcomes(y) == 0))
    return torch.maximum(opportunity_gap(decision, y, a), no)


def gaps(decision: Tensor, y: Int[Tensor, " n"], a: Int[Tensor, " n"]) -> Gaps:
    """All three.

    Raises:
        ValueError: as ``selection_rates``.
    """
    return Gaps(parity_gap(decision, a), opportunity_gap(decision, y, a), odds_gap(decision, y, a))


def _outcomes(y: Tensor) -> Tensor:
    """``y``, if it holds outcomes 0 and 1 of any type."""
    return labels(y, classes=2)


def spread(rate: Float[Tensor, " k"]) -> Float[Tensor, ""]:
    """The largest rate less the smallest."""
    return rate.max() - rate.min()


def least_error(base: Float[Tensor, " 2"], *, parity: float = 0.0) -> Float[Tensor, ""]:
    """What parity costs at least where base rates differ: ε₀ + ε₁ ≥ |p₀ − p₁| − parity.

    The sum of the two groups' error rates, for any decision, by any method (Zhao and Gordon, theorem 3.1).

    Args:
        base: p₀ and p₁, the share of y = 1 in each group.
        parity: the decision's parity gap.

    Raises:
        ValueError: if a number is not from 0 to 1.
    """
    if not bool(((base >= 0) & (base <= 1)).all()) or not 0 <= parity <= 1:
        raise ValueError(f"shares lie between 0 and 1; base is {base.tolist()} and parity {parity}")
    return (spread(base) - parity).clamp_min(0)


def implied_false_positive_rate(base: Float[Tensor, " k"], *, precision: float, recall: float) -> Float[Tensor, " k"]:
    """The false positive rate that a base rate forces on a decision: p/(1 − p) · (1 − PPV)/PPV · TPR.

    Two groups that get the same precision ("a yes means the same for both") and the same recall, but differ in
    their base rate, can't have the same false positive rate (Chouldechova, equation 2.6).

    Args:
        base: p, the share of y = 1 in each group, below 1.
        precision: PPV, above 0.
        recall: TPR.

    Raises:
        ValueError: if a number is outside its range.
    """
    if not bool(((base >= 0) & (base < 1)).all()) or not 0 < precision <= 1 or not 0 <= recall <= 1:
        raise ValueError(
            f"base is {base.tolist()}, precision {precision}, recall {recall}; expected 0 ≤ base < 1, "
            "0 < precision ≤ 1, 0 ≤ recall ≤ 1"
        )
    return base / (1 - base) * (1 - precision) / precision * recall
