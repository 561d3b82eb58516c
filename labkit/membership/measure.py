"""How well an attack does. Scores s (n,) are higher for likelier members; ``member`` (n,) says who was one.

    TPR(τ) = share of members with s ≥ τ,   FPR(τ) = share of the others with s ≥ τ
    advantage = max_τ TPR(τ) − FPR(τ)                          Yeom and others (2018)
    AUC = P(s_member > s_other) + ½ P(s_member = s_other)
    TPR at 0.1 % and 1 % FPR                                   Carlini and others (2022): whom can Eve *name*?

An attack that is right on average about everybody may name nobody, and one that names ten people surely may look like
chance on average. So all three are reported. The interval of an AUC is that of E. DeLong, D. DeLong and D.
Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves" (1988).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from labkit import metrics
from labkit.shapes import Bool, Float, Labels, PerSample, labels


class Roc(NamedTuple):
    """The ROC curve from (0, 0) to (1, 1): a point for each threshold, the highest (infinite, nobody) first."""

    fpr: Float[Tensor, " m"]
    tpr: Float[Tensor, " m"]
    threshold: Float[Tensor, " m"]


def roc(scores: PerSample, member: Bool[Tensor, " b"]) -> Roc:
    """The curve with a point for each distinct score, in float64.

    Raises:
        ValueError: if a score is nan, all are members, or none.
    """
    scores, member = checked(scores, member)
    order = scores.argsort(descending=True, stable=True)
    s, true = scores[order].double(), member[order].double()
    # Equal scores are guessed alike: the curve has points only where the score changes.
    last = torch.cat([s[1:] != s[:-1], s.new_ones(1, dtype=torch.bool)])
    start = s.new_zeros(1)
    tpr = torch.cat([start, true.cumsum(0)[last] / true.sum()])
    fpr = torch.cat([start, (1 - true).cumsum(0)[last] / (1 - true).sum()])
    return Roc(fpr, tpr, torch.cat([s.new_full((1,), math.inf), s[last]]))


def advantage(scores: PerSample, member: Bool[Tensor, " b"]) -> float:
    """TPR − FPR at the best threshold: 0 for chance, 1 for a perfect attack.

    The threshold is chosen with hindsight: on m members and n others a useless score gains about 0.63 √(1/m + 1/n).

    Raises:
        ValueError: as ``roc``.
    """
    curve = roc(scores, member)
    return float((curve.tpr - curve.fpr).max())


def auc_interval(scores: PerSample, member: Bool[Tensor, " b"], *, level: float = 0.95) -> tuple[float, float]:
    """Where the AUC lies with probability ``level`` (DeLong's normal approximation), cut off at 0 and 1.

    For each member V = share of the others below it (ties half), for each other the share of members above it;
    the variance of the AUC is var(V_member)/m + var(V_other)/n.

    Raises:
        ValueError: as ``roc``; also with fewer than two of a kind, or a ``level`` not between 0 and 1.
    """
    scores, member = checked(scores, member)
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a probability between 0 and 1, say 0.95")
    ours, others = scores[member].double(), scores[~member].double()
    if min(len(ours), len(others)) < 2:
        raise ValueError(f"there are {len(ours)} members and {len(others)} others; expected two or more of each")
    above = _share_below(ours, others)
    below = 1 - _share_below(others, ours)
    std = float((above.var() / len(ours) + below.var() / len(others)).sqrt())
    half = float(torch.special.ndtri(torch.tensor((1 + level) / 2, dtype=torch.float64))) * std
    middle = float(above.mean())
    return max(0.0, middle - half), min(1.0, middle + half)


def _share_below(values: Tensor, among: Tensor) -> Tensor:
    """For each value the share of ``among`` that lies below it, ties counted half."""
    ordered = among.sort().values
    low, high = (torch.searchsorted(ordered, values, right=right) for right in (False, True))
    return (low + high).double() / (2 * len(among))


class Assessment(NamedTuple):
    """The figures by which attacks are compared, shares from 0 to 1. ``low`` and ``high`` bound the AUC with 95 %."""

    auc: float
    low: float
    high: float
    advantage: float
    tpr_at_01: float
    tpr_at_1: float

    def __str__(self) -> str:
        return (
            f"AUC {self.auc:.3f} ({self.low:.3f} to {self.high:.3f}), advantage {self.advantage:.3f}, "
            f"TPR {self.tpr_at_01:.2%} at 0.1 % FPR and {self.tpr_at_1:.2%} at 1 %"
        )


def assess(scores: PerSample, member: Bool[Tensor, " b"]) -> Assessment:
    """All of them. At 0.1 % FPR on fewer than 1,000 others not one false accusation is allowed.

    Raises:
        ValueError: as ``auc_interval``.
    """
    low, high = auc_interval(scores, member)
    strict, usual = (metrics.tpr_at_fpr(scores, member, fpr=rate) for rate in (0.001, 0.01))
    return Assessment(metrics.roc_auc(scores, member), low, high, advantage(scores, member), strict, usual)


class GuessMetrics(NamedTuple):
    """Guesses judged: of those called members how many are (nan where none is), of members how many are called so."""

    precision: float
    recall: float
    advantage: float


def evaluate_guesses(guess: Bool[Tensor, " b"], member: Bool[Tensor, " b"]) -> GuessMetrics:
    """Precision, recall and TPR − FPR of yes-or-no guesses. Precision is ½ for chance where half are members.

    Raises:
        ValueError: if all are members, or none.
    """
    guess, member = checked(guess, member)
    if guess.dtype != torch.bool:
        raise ValueError(f"guess is {guess.dtype}; expected bool: True for a record that is called a member")
    called, recall = guess.double().sum(), guess[member].double().mean()
    precision = guess[member].double().sum() / called
    return GuessMetrics(float(precision), float(recall), float(recall - guess[~member].double().mean()))


def precision_by_class(
    guess: Bool[Tensor, " b"], member: Bool[Tensor, " b"], y: Labels, *, classes: int
) -> Float[Tensor, " k"]:
    """For each class: of its records called members, how many are; nan where none is called so. In float64.

    Raises:
        ValueError: if a label is not from 0 to ``classes`` − 1.
    """
    for flags, name in ((guess, "guess"), (member, "member")):
        if flags.dtype != torch.bool or flags.shape != y.shape:
            raise ValueError(
                f"{name} is {flags.dtype} {tuple(flags.shape)}; expected a bool for each of {len(y)} records"
            )
    guess, member, y = guess.cpu(), member.cpu(), labels(y.cpu(), classes=classes)
    called = torch.bincount(y[guess], minlength=classes).double()
    return torch.bincount(y[guess & member], minlength=classes).double() / called


def checked(scores: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """Both on the CPU, which has float64, if there are a score and a truth for each record, and both kinds of records.

    Raises:
        ValueError: saying what is wrong otherwise.
    """
    if scores.shape != member.shape or scores.ndim != 1:
        raise ValueError(
            f"scores have shape {tuple(scores.shape)}, member {tuple(member.shape)}; expected (n,) of both"
        )
    if member.dtype != torch.bool:
        raise ValueError(f"member is {member.dtype}; expected bool: True for a member")
    if bool(member.all()) or not bool(member.any()):
        raise ValueError(f"{int(member.sum())} of {len(member)} records are members; expected both kinds")
    if scores.is_floating_point() and bool(scores.isnan().any()):
        raise ValueError("a score is nan; expected a number for every record")
    return scores.detach().cpu(), member.cpu()
