"""Topic ``membership``: what is right in exercise 19, and what is likely wrong."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.functional import softplus as plus

from labkit import membership, metrics
from labkit.checks.bank import mistake, mistakes, reference

# ── thresholds ────────────────────────────────────────────────────────────────────────────────────────────────────────


def rates(scores: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """TPR and FPR at each record's score as threshold, the lowest first, and last for nobody."""
    above = scores[None] >= torch.cat([scores.unique(), scores.new_full((1,), math.inf)])[:, None]
    return above[:, member].double().mean(1), above[:, ~member].double().mean(1)


def one_by_one(scores: Tensor, member: Tensor, order: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """The same with ties broken by order, which splits records that no threshold can split."""
    true = member[order(scores)].double()
    zero = true.new_zeros(1)
    tpr, fpr = true.cumsum(0) / true.sum(), (1 - true).cumsum(0) / (1 - true).sum()
    return torch.cat([zero, tpr]), torch.cat([zero, fpr])


ORDERS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda scores: scores.argsort(descending=True, stable=True),
    lambda scores: scores.argsort(descending=True),
    lambda scores: scores.argsort(stable=True).flip(0),
    lambda scores: scores.argsort().flip(0),
)
SPLIT = "records with the same score are split: a threshold takes all of them or none"


# ── advantage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("membership.advantage", instead_of=(membership.advantage, membership.roc, membership.assess))
def advantage(scores: Tensor, member: Tensor) -> float:
    """The largest TPR − FPR of all thresholds: (n,), (n,) → one number."""
    return membership.advantage(scores, member)


def of_rates(score: Callable[[Tensor, Tensor], Any]) -> Callable[..., Any]:
    """An answer that is a function of TPR and FPR at all thresholds."""
    return lambda scores, member: score(*rates(scores, member))


mistakes(
    "membership.advantage",
    {
        "this is the largest *distance* of the rates: an attack that points at the others has no advantage": (
            lambda tpr, fpr: (tpr - fpr).abs().max()
        ),
        "the two rates are exchanged: TPR is the share of *members* at or above the threshold": (
            lambda tpr, fpr: (fpr - tpr).max(),
            lambda tpr, fpr: (tpr - fpr).min(),
            lambda tpr, fpr: (fpr - tpr)[1:].max(),
            lambda tpr, fpr: (fpr - tpr)[2:].max(),
        ),
        "this is the largest TPR: subtract the FPR at the same threshold": lambda tpr, fpr: tpr.max(),
        "the largest TPR and the largest FPR belong to different thresholds: subtract at the same one": (
            lambda tpr, fpr: tpr.max() - fpr.max()
        ),
        "this is the difference at the *average* threshold: take the largest": lambda tpr, fpr: (tpr - fpr).mean(),
        "there is a difference for each threshold: return the largest of them": lambda tpr, fpr: tpr - fpr,
        "this is a sum of the rates: subtract the FPR": lambda tpr, fpr: (tpr + fpr).max(),
        "it is in per cent: give a share from 0 to 1": lambda tpr, fpr: 100 * (tpr - fpr).max(),
        "the rates are divided by each other: subtract the FPR": lambda tpr, fpr: (tpr / fpr)[fpr > 0].max(),
    },
    of=of_rates,
)


def at(tau: Callable[[Tensor], Tensor | float]) -> Callable[..., Tensor]:
    """An answer with one threshold, a function of the scores."""

    def answer(scores, member):
        guess = (scores >= tau(scores)).double()
        return guess[member].mean() - guess[~member].mean()

    return answer


def on_grid(scores: Tensor, member: Tensor, grid: Tensor) -> Tensor:
    """The best of some thresholds."""
    above = (scores >= grid.to(scores)[:, None]).double()
    return (above[:, member].mean(1) - above[:, ~member].mean(1)).max()


mistakes(
    "membership.advantage",
    {
        "this is the best accuracy; the advantage is TPR − FPR": (
            lambda scores, member: weighed(scores, member).max(),
            lambda scores, member: weighed(scores, member)[:-1].max(),
        ),
        "this is twice the best accuracy less 1: TPR and FPR are shares of members and of the others": (
            lambda scores, member: 2 * weighed(scores, member).max() - 1
        ),
        "this is the AUC; the advantage is TPR − FPR at the best threshold": (
            lambda scores, member: metrics.roc_auc(scores, member),
            lambda scores, member: 2 * metrics.roc_auc(scores, member) - 1,
        ),
        "a threshold of ½ is fixed: try every score as the threshold": at(lambda scores: 0.5),
        "a single threshold is fixed: try every score as the threshold": (
            at(lambda scores: scores.mean()),
            at(lambda scores: scores.median()),
            lambda scores, member: at(lambda scores: scores[member].min())(scores, member),
            lambda scores, member: at(lambda scores: scores[member].mean())(scores, member),
        ),
        "thresholds lie on a grid: scores may be anything, so try every score": (
            *(
                lambda s, member, n=n: on_grid(s, member, torch.linspace(0, 1, n))
                for n in (10, 11, 100, 101, 1000, 1001)
            ),
            *(
                lambda s, member, n=n: on_grid(s, member, torch.linspace(float(s.min()), float(s.max()), n))
                for n in (10, 20, 50, 100)
            ),
        ),
        "these are shares of those called members: TPR is a share of the members, FPR of the others": (
            lambda scores, member: max(2 * member[scores >= tau].double().mean() - 1 for tau in scores.unique()),
            lambda scores, member: max(member[scores >= tau].double().mean() for tau in scores.unique()),
        ),
        "this is the threshold itself: return what it gains": (
            lambda scores, member: scores.unique()[gain(rates(scores, member))[:-1].argmax()]
        ),
        SPLIT: tuple(
            lambda scores, member, o=o, i=i: gain(one_by_one(scores, member, o))[i:].max()
            for o in ORDERS
            for i in (0, 1)
        ),
        "the counts are divided by the number of all records: TPR is a share of the members, FPR of the others": (
            lambda scores, member: of_all(scores, member).max()
        ),
        "these are numbers of records: divide each by how many members, or others, there are": (
            lambda scores, member: len(member) * of_all(scores, member).max()
        ),
        "it is the difference of the mean scores: try every score as a threshold": (
            lambda scores, member: scores[member].mean() - scores[~member].mean()
        ),
    },
)


def gain(curve: tuple[Tensor, Tensor]) -> Tensor:
    """TPR − FPR."""
    return curve[0] - curve[1]


def weighed(scores: Tensor, member: Tensor) -> Tensor:
    """The accuracy at each threshold."""
    tpr, fpr = rates(scores, member)
    return tpr * member.double().mean() + (1 - fpr) * (~member).double().mean()


def of_all(scores: Tensor, member: Tensor) -> Tensor:
    """Members at or above each threshold less others, as a share of all records."""
    above = (scores >= scores.unique()[:, None]).double()
    return (above[:, member].sum(1) - above[:, ~member].sum(1)) / len(member)


# ── loss_attack ───────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "membership.loss_attack",
    instead_of=(membership.loss_attack, membership.loss),
    only={
        "losses of exactly 0, and a mean loss of 0": "a loss *equal* to the mean counts as a member's: ≤, not <",
        "logits of hundreds": "large logits overflow, or a probability rounds to 0: use log_softmax or cross_entropy",
    },
)
def loss_attack(logits: Tensor, y: Tensor, mean_loss: float) -> Tensor:
    """Yeom's guesses: (n, k), (n,), a number → bool (n,)."""
    return membership.loss_attack(logits, y, mean_loss=mean_loss)


def each(logits: Tensor, y: Tensor) -> Tensor:
    """The loss of each record."""
    return F.cross_entropy(logits, y, reduction="none")


def by_losses(guess: Callable[[Tensor, float], Any]) -> Callable[..., Any]:
    """An answer that is a function of the records' losses and the mean loss."""
    return lambda logits, y, mean_loss: guess(each(logits, y), mean_loss)


mistakes(
    "membership.loss_attack",
    {
        "it is turned around: members are those with a *small* loss": (
            lambda own, mean: own >= mean,
            lambda own, mean: own > mean,
        ),
        "everybody gets the same guess: each record has its own loss, −log p (mind the minus sign)": (
            lambda own, mean: -own >= mean,
            lambda own, mean: -own <= mean,
            lambda own, mean: (own.mean() <= mean).expand(len(own)),
            lambda own, mean: torch.ones_like(own, dtype=torch.bool),
            lambda own, mean: torch.zeros_like(own, dtype=torch.bool),
        ),
        "the *probability* is compared with the mean loss: take its negative logarithm": (
            lambda own, mean: (-own).exp() >= mean,
            lambda own, mean: (-own).exp() <= mean,
            lambda own, mean: (-own).exp() > mean,
            lambda own, mean: (-own).exp() < mean,
        ),
        "expected a yes or no for each record: a bool tensor of shape (n,), not losses": lambda own, mean: own,
        "expected a yes or no for each record: a bool tensor, not 0 and 1": (
            lambda own, mean: (own <= mean).float(),
            lambda own, mean: (own <= mean).long(),
            lambda own, mean: (own <= mean).double(),
            lambda own, mean: (own <= mean).int(),
        ),
        "the mean loss is computed from these records: use `mean_loss`, that of the training set": (
            lambda own, mean: own <= own.mean(),
            lambda own, mean: own < own.mean(),
        ),
        "the median of the losses is the threshold: use `mean_loss`": lambda own, mean: own <= own.median(),
        "these are the numbers of the members: expected a yes or no for each record": (
            lambda own, mean: (own <= mean).nonzero()[:, 0]
        ),
        "one guess is returned for all records together: each has its own": (
            lambda own, mean: (own <= mean).all(),
            lambda own, mean: bool((own <= mean).any()),
            lambda own, mean: own.mean() <= mean,
        ),
        "the logarithm has base 2 or 10: take the natural one": (
            lambda own, mean: own / math.log(10) <= mean,
            lambda own, mean: own / math.log(2) <= mean,
        ),
        "a probability is cut off from 0 before its logarithm: use log_softmax or cross_entropy": tuple(
            lambda own, mean, tiny=tiny: own.clamp(max=-math.log(tiny)) <= mean
            for tiny in (1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
        ),
        "`mean_loss` isn't used as it is: it is a loss already": (
            lambda own, mean: own <= math.exp(-mean),
            lambda own, mean: own <= math.exp(mean),
        ),
    },
    of=by_losses,
)


def by_hand(logits: Tensor) -> Tensor:
    """A softmax that overflows."""
    return logits.exp() / logits.exp().sum(1, keepdim=True)


mistakes(
    "membership.loss_attack",
    {
        "it says “member” where the model is right, whatever the loss": (
            lambda logits, y, mean: logits.argmax(1) == y,
            lambda logits, y, mean: (logits.argmax(1) == y) & (each(logits, y) <= 1e9),
        ),
        "the loss is that of the class in `y`, not of the class the model likes best": (
            lambda logits, y, mean: each(logits, logits.argmax(1)) <= mean
        ),
        "exp overflows for large logits: use log_softmax or cross_entropy": (
            lambda logits, y, mean: F.nll_loss(by_hand(logits).log(), y, reduction="none") <= mean
        ),
        "the softmax is taken twice: cross_entropy takes logits": (
            lambda logits, y, mean: each(logits.softmax(1), y) <= mean
        ),
        "the softmax is missing: −logit is no loss; use cross_entropy": (
            lambda logits, y, mean: -logits.gather(1, y[:, None])[:, 0] <= mean
        ),
        "the logarithm is missing: 1 − p is no cross-entropy": (
            lambda logits, y, mean: 1 - (-each(logits, y)).exp() <= mean
        ),
        "the softmax runs over the records: it runs over the classes of each": (
            lambda logits, y, mean: F.nll_loss(logits.log_softmax(0), y, reduction="none") <= mean
        ),
        "the entropy of the model's answer is compared: take −log p of the class in `y`": (
            lambda logits, y, mean: -(logits.softmax(1) * logits.log_softmax(1)).sum(1) <= mean
        ),
        "the highest confidence is compared, as in the deck's attack: take −log p of the class in `y`": (
            lambda logits, y, mean: logits.softmax(1).amax(1) >= mean,
            lambda logits, y, mean: logits.softmax(1).amax(1) <= mean,
        ),
    },
)


# ── tpr_at ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("membership.tpr_at", instead_of=(metrics.tpr_at_fpr, membership.roc, membership.assess))
def tpr_at(scores: Tensor, member: Tensor, fpr: float) -> float:
    """The largest TPR of a threshold whose FPR is at most ``fpr``."""
    return metrics.tpr_at_fpr(scores, member, fpr=fpr)


def among(choose: Callable[[Tensor, Tensor, float], Any]) -> Callable[..., Any]:
    """An answer that is a function of TPR and FPR at all thresholds, the lowest first, and of the limit."""
    return lambda scores, member, fpr: choose(*rates(scores, member), fpr)


def best(tpr: Tensor) -> Tensor | float:
    """The largest, or 0 where there is none."""
    return tpr.max() if len(tpr) else 0.0


def crossing(tpr: Tensor, fpr: Tensor, limit: float) -> float:
    """The curve's height at ``limit``, with straight lines between its points."""
    import numpy as np

    order = (fpr + 1e-6 * tpr).argsort()
    return float(np.interp(limit, fpr[order].numpy(), tpr[order].numpy()))


ONE_TOO_MANY = "one false accusation too many: the FPR must stay at or below `fpr`"

mistakes(
    "membership.tpr_at",
    {
        "the line between two points of the curve is no threshold: take the highest point with FPR ≤ `fpr`": crossing,
        "an FPR of exactly `fpr` is allowed": lambda tpr, fpr, limit: best(tpr[fpr < limit]),
        "the two rates are exchanged: `fpr` limits the share of the *others*": (
            lambda tpr, fpr, limit: best(fpr[tpr <= limit])
        ),
        "`fpr` is a limit from above: take thresholds whose FPR is at *most* `fpr`": (
            lambda tpr, fpr, limit: best(tpr[fpr >= limit])
        ),
        "the FPR is returned: the TPR at that threshold is asked for": lambda tpr, fpr, limit: best(fpr[fpr <= limit]),
        "this is the advantage among the allowed thresholds: the FPR isn't subtracted": (
            lambda tpr, fpr, limit: best((tpr - fpr)[fpr <= limit])
        ),
        "this is the *smallest* TPR of the allowed thresholds: take the largest": (
            lambda tpr, fpr, limit: tpr[fpr <= limit].min()
        ),
        "the TPR at the best threshold of all is taken: only those with an FPR up to `fpr` are allowed": (
            lambda tpr, fpr, limit: tpr[(tpr - fpr).argmax()]
        ),
        ONE_TOO_MANY: lambda tpr, fpr, limit: tpr[fpr > limit].min(),
        "this is the share of members that are *not* found": lambda tpr, fpr, limit: 1 - best(tpr[fpr <= limit]),
        "there is a rate for each threshold: return the largest of them": lambda tpr, fpr, limit: tpr[fpr <= limit],
        "it is in per cent: give a share from 0 to 1": lambda tpr, fpr, limit: 100 * best(tpr[fpr <= limit]),
    },
    of=among,
)


def beyond(rank: Callable[[int, float], int], *, strictly: bool = True) -> Callable[..., Any]:
    """An answer whose threshold is the score of one of the others, the highest first."""

    def answer(scores, member, fpr):
        others = scores[~member].sort(descending=True).values
        tau = others[min(rank(len(others), fpr), len(others) - 1)]
        return (scores[member] > tau if strictly else scores[member] >= tau).double().mean()

    return answer


def split(order: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """An answer that breaks ties by order."""

    def answer(scores, member, fpr):
        tpr, false = one_by_one(scores, member, order)
        return best(tpr[false <= fpr + 1e-12])

    return answer


mistakes(
    "membership.tpr_at",
    {
        SPLIT: tuple(split(order) for order in ORDERS),
        ONE_TOO_MANY: (
            beyond(lambda n, fpr: math.floor(fpr * n + 1e-9) + 1),
            beyond(lambda n, fpr: math.floor(fpr * n + 1e-9), strictly=False),
        ),
        "one accusation too few: fpr · (number of others) may be accused": (
            beyond(lambda n, fpr: max(0, math.floor(fpr * n + 1e-9) - 1)),
        ),
        "the nearest FPR is taken, or the number of accusations is rounded: it must stay at or *below* `fpr`": (
            beyond(lambda n, fpr: round(fpr * n)),
            beyond(lambda n, fpr: math.ceil(fpr * n - 1e-9)),
            among(lambda tpr, fpr, limit: tpr[(fpr - limit).abs().argmin()]),
        ),
        "the threshold leaves a share of *members* above it: it is the others whose share is limited": (
            lambda scores, member, fpr: (scores[member] >= scores[member].quantile(1 - fpr)).double().mean(),
            lambda scores, member, fpr: (scores[member] > scores[member].quantile(1 - fpr)).double().mean(),
        ),
        "the threshold leaves a share of *all* records above it: it is the others whose share is limited": (
            lambda scores, member, fpr: (scores[member] >= scores.quantile(1 - fpr)).double().mean(),
            lambda scores, member, fpr: (scores[member] > scores.quantile(1 - fpr)).double().mean(),
        ),
        "a quantile lies between two scores: the FPR may come out above `fpr`, or lower than it need be": (
            lambda scores, member, fpr: (scores[member] >= scores[~member].quantile(1 - fpr)).double().mean(),
            lambda scores, member, fpr: (scores[member] > scores[~member].quantile(1 - fpr)).double().mean(),
        ),
        "this is the share among all records: divide by the number of members": (
            lambda scores, member, fpr: tpr_at(scores, member, fpr) * member.double().mean()
        ),
        "this is a number of members: divide by how many there are": (
            lambda scores, member, fpr: tpr_at(scores, member, fpr) * member.sum()
        ),
        "the accused are counted among all records: the FPR is a share of the *others*": (
            lambda scores, member, fpr: tpr_at(scores, member, min(1.0, fpr / float((~member).double().mean())))
        ),
        "`fpr` is taken for per cent: it is a share from 0 to 1": (
            lambda scores, member, fpr: tpr_at(scores, member, fpr / 100)
        ),
        "the first threshold that is allowed is taken: go on to the one with the largest TPR": among(
            lambda tpr, fpr, limit: best(tpr[:-1][fpr[:-1] <= limit][-1:])
        ),
        "a share of *all* records is called members: it is the others whose share is limited": (
            lambda scores, member, fpr: (
                member[scores.topk(int(fpr * len(scores))).indices].double().sum() / member.sum()
            ),
            lambda scores, member, fpr: member[scores.topk(int(fpr * len(scores))).indices].double().mean(),
        ),
        "a threshold of `fpr`, or of 1 − `fpr`, is compared with the scores: it limits the FPR": (
            lambda scores, member, fpr: (scores[member] >= fpr).double().mean(),
            lambda scores, member, fpr: (scores[member] >= 1 - fpr).double().mean(),
        ),
    },
)


# ── lira ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("membership.lira", instead_of=(membership.lira, membership.lira_offline))
def lira(phi: Tensor, shadow: Tensor, members: Tensor) -> Tensor:
    """log Λ of each record, each with its own two Gaussians: (n,), (m, n), (m, n) → (n,)."""
    return membership.lira(phi, shadow, members, pooled=False)


def two_kinds(shadow: Tensor, members: Tensor, correction: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean and deviation of each record over the models with it, then over those without."""
    found = []
    for which in (members, ~members):
        columns = [shadow[which[:, i], i] for i in range(shadow.shape[1])]
        found += [
            torch.stack([c.mean() for c in columns]),
            torch.stack([c.std(correction=correction) for c in columns]),
        ]
    return found[0], found[1], found[2], found[3]


def density(phi: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """log N, without its constant."""
    return -0.5 * ((phi - mean) / std).square() - std.log()


def of_moments(score: Callable[..., Tensor], correction: int = 1) -> Callable[..., Tensor]:
    """An answer that is a function of φ, μ₁, σ₁, μ₀, σ₀."""
    return lambda phi, shadow, members: score(phi, *two_kinds(shadow, members, correction))


CONSTANT = 0.5 * math.log(2 * math.pi)

mistakes(
    "membership.lira",
    {
        "“in” and “out” are exchanged: a member should get a *high* score": (
            lambda phi, m, s, n, t: density(phi, n, t) - density(phi, m, s)
        ),
        "this is the ratio: its logarithm is asked for, which doesn't overflow": (
            lambda phi, m, s, n, t: (density(phi, m, s) - density(phi, n, t)).exp()
        ),
        "the log σ of the densities is missing: without it the wider Gaussian always looks likelier": (
            lambda phi, m, s, n, t: ((phi - n) / t) ** 2 / 2 - ((phi - m) / s) ** 2 / 2
        ),
        "log σ has the wrong sign: it is subtracted in each density": (
            lambda phi, m, s, n, t: ((phi - n) / t) ** 2 / 2 - ((phi - m) / s) ** 2 / 2 + s.log() - t.log()
        ),
        "σ is used where σ² belongs, or the other way round: (φ − μ)²/2σ²": (
            lambda phi, m, s, n, t: -0.5 * (phi - m) ** 2 / s - s.log() + 0.5 * (phi - n) ** 2 / t + t.log(),
            lambda phi, m, s, n, t: -0.5 * (phi - m) ** 2 / s**4 - s.log() + 0.5 * (phi - n) ** 2 / t**4 + t.log(),
            lambda phi, m, s, n, t: (
                -0.5 * ((phi - m) / s) ** 2 - 2 * s.log() + 0.5 * ((phi - n) / t) ** 2 + 2 * t.log()
            ),
        ),
        "the variance is taken for the deviation: `Normal` and log σ take σ": (
            lambda phi, m, s, n, t: density(phi, m, s**2) - density(phi, n, t**2)
        ),
        "the exponent is multiplied by σ²: divide by 2σ², in brackets": (
            lambda phi, m, s, n, t: -0.5 * (phi - m) ** 2 * s**2 - s.log() + 0.5 * (phi - n) ** 2 * t**2 + t.log(),
            lambda phi, m, s, n, t: -0.5 * (phi - m) ** 2 * s - s.log() + 0.5 * (phi - n) ** 2 * t + t.log(),
        ),
        "the ½ of the exponent is missing: (φ − μ)²/2σ²": (
            lambda phi, m, s, n, t: -(((phi - m) / s) ** 2) - s.log() + ((phi - n) / t) ** 2 + t.log()
        ),
        "the exponent is not squared: (φ − μ)²/2σ²": (
            lambda phi, m, s, n, t: -0.5 * (phi - m) / s - s.log() + 0.5 * (phi - n) / t + t.log(),
            lambda phi, m, s, n, t: -0.5 * (phi - m).abs() / s - s.log() + 0.5 * (phi - n).abs() / t + t.log(),
        ),
        "only the models that saw the record are used: compare with those that didn't": (
            lambda phi, m, s, n, t: density(phi, m, s),
            lambda phi, m, s, n, t: density(phi, m, s) - CONSTANT,
            lambda phi, m, s, n, t: (phi - m) / s,
        ),
        "only the models that did not see the record are used": (
            lambda phi, m, s, n, t: -density(phi, n, t),
            lambda phi, m, s, n, t: CONSTANT - density(phi, n, t),
            lambda phi, m, s, n, t: (phi - n) / t,
        ),
        "the log densities are divided by each other: subtract them": (
            lambda phi, m, s, n, t: (density(phi, m, s) - CONSTANT) / (density(phi, n, t) - CONSTANT),
            lambda phi, m, s, n, t: density(phi, m, s) / density(phi, n, t),
        ),
        "the log densities are added: the ratio's logarithm is a difference": (
            lambda phi, m, s, n, t: density(phi, m, s) + density(phi, n, t),
            lambda phi, m, s, n, t: density(phi, m, s) + density(phi, n, t) - 2 * CONSTANT,
        ),
        "this is the difference of the densities: take that of their logarithms": (
            lambda phi, m, s, n, t: (density(phi, m, s) - CONSTANT).exp() - (density(phi, n, t) - CONSTANT).exp()
        ),
        "both densities have the deviation of the models that saw the record: each has its own": (
            lambda phi, m, s, n, t: density(phi, m, s) - density(phi, n, s)
        ),
        "both densities have the deviation of the models that did not see the record: each has its own": (
            lambda phi, m, s, n, t: density(phi, m, t) - density(phi, n, t)
        ),
        "the scores are averaged: there is one for each record": (
            lambda phi, m, s, n, t: (density(phi, m, s) - density(phi, n, t)).mean(),
            lambda phi, m, s, n, t: (density(phi, m, s) - density(phi, n, t)).sum(),
        ),
        "the logarithm has base 2 or 10: take the natural one": (
            lambda phi, m, s, n, t: density(phi, m, s) / math.log(2) - density(phi, n, t) / math.log(2),
            lambda phi, m, s, n, t: density(phi, m, s) / math.log(10) - density(phi, n, t) / math.log(10),
        ),
        "φ is compared with the middle of the two means: the densities are asked for": (
            lambda phi, m, s, n, t: phi - (m + n) / 2,
            lambda phi, m, s, n, t: m - n,
        ),
    },
    of=of_moments,
)


def common(deviation: bool = True) -> Callable[..., Tensor]:
    """An answer with one Gaussian of each kind for all records, or with means of their own and one deviation."""

    def answer(phi, shadow, members):
        m, _, n, _ = two_kinds(shadow, members)
        if deviation:
            m, n = shadow[members].mean(), shadow[~members].mean()
        return density(phi, m, shadow[members].std()) - density(phi, n, shadow[~members].std())

    return answer


def masked(phi: Tensor, shadow: Tensor, members: Tensor) -> Tensor:
    """Zeros in place of what doesn't count, and counted."""
    inside, outside = shadow * members, shadow * ~members
    return density(phi, inside.mean(0), inside.std(0)) - density(phi, outside.mean(0), outside.std(0))


mistakes(
    "membership.lira",
    {
        "all records share one mean and deviation: each record has its own, a column of `shadow`": common(),
        "all records share one deviation: each record has its own, a column of `shadow`": (
            common(deviation=False),
            lambda phi, shadow, members: membership.lira(phi, shadow, members, pooled=True),
        ),
        "the deviations divide by n: the sample deviation, which `std` gives by default, divides by n − 1": (
            of_moments(lambda phi, m, s, n, t: density(phi, m, s) - density(phi, n, t), correction=0)
        ),
        "models that don't count are counted as zeros: leave them out, and divide by how many count": masked,
        "all shadow models are used for “out”, also those that saw the record": lambda phi, shadow, members: (
            density(phi, *two_kinds(shadow, members)[:2]) - density(phi, shadow.mean(0), shadow.std(0))
        ),
        "all shadow models are used for “in”, also those that didn't see the record": lambda phi, shadow, members: (
            density(phi, shadow.mean(0), shadow.std(0)) - density(phi, *two_kinds(shadow, members)[2:])
        ),
        "half of the models are taken to have seen every record: ask `members` for each record": (
            lambda phi, shadow, members: (
                density(phi, shadow[: len(shadow) // 2].mean(0), shadow[: len(shadow) // 2].std(0))
                - density(phi, shadow[len(shadow) // 2 :].mean(0), shadow[len(shadow) // 2 :].std(0))
            )
        ),
    },
)


# ── eve_loss ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "membership.eve_loss",
    instead_of=(membership.discriminator_loss, membership.own_discriminator),
    only={
        "logits of hundreds": "log σ(z) overflows, or is cut off, for large logits: use softplus, logsigmoid or the "
        "loss *with logits*"
    },
)
def eve_loss(on_synthetic: Tensor, on_fresh: Tensor) -> Tensor:
    """The loss of Eve's own discriminator from its logits on both kinds: (n,), (m,) → one number."""
    return membership.discriminator_loss(on_synthetic, on_fresh)


mistakes(
    "membership.eve_loss",
    {
        "it is the usual way round: here *synthetic* is 1 and fresh is 0": (
            lambda a, b: (plus(a).mean() + plus(-b).mean()) / 2,
            lambda a, b: plus(a).mean() + plus(-b).mean(),
        ),
        "both kinds are called 1: fresh data are 0": lambda a, b: (plus(-a).mean() + plus(-b).mean()) / 2,
        "both kinds are called 0: synthetic data are 1": lambda a, b: (plus(a).mean() + plus(b).mean()) / 2,
        "the two halves are added: take their mean, ½ of each": lambda a, b: plus(-a).mean() + plus(b).mean(),
        "only one of the halves is halved: ½ of each": (
            lambda a, b: plus(-a).mean() / 2 + plus(b).mean(),
            lambda a, b: plus(-a).mean() + plus(b).mean() / 2,
        ),
        "the two kinds are compared with each other: each has a logarithm of its own": (
            lambda a, b: plus(b[None] - a[:, None]).mean(),
            lambda a, b: plus(b.mean() - a.mean()),
        ),
        "the larger set outweighs the other: take the mean of each kind first": (
            lambda a, b: torch.cat([plus(-a), plus(b)]).mean(),
            lambda a, b: (plus(-a).sum() + plus(b).sum()) / len(a),
            lambda a, b: (plus(-a).sum() + plus(b).sum()) / (2 * len(a)),
        ),
        "the losses are added up over the samples: take the mean of each kind": (
            lambda a, b: plus(-a).sum() + plus(b).sum(),
            lambda a, b: (plus(-a).sum() + plus(b).sum()) / 2,
        ),
        "only the synthetic half is there": (lambda a, b: plus(-a).mean() / 2, lambda a, b: plus(-a).mean()),
        "only the fresh half is there": (lambda a, b: plus(b).mean() / 2, lambda a, b: plus(b).mean()),
        "the sign is wrong: a cross-entropy is positive, and D makes it small": (
            lambda a, b: -(plus(-a).mean() + plus(b).mean()) / 2,
            lambda a, b: -plus(-a).mean() - plus(b).mean(),
        ),
        "the halves are subtracted from each other: add them": (
            lambda a, b: (plus(-a).mean() - plus(b).mean()) / 2,
            lambda a, b: (plus(b).mean() - plus(-a).mean()) / 2,
        ),
        "log σ(z) overflows for large logits: use softplus, logsigmoid or the loss *with logits*": (
            lambda a, b: (-a.sigmoid().log().mean() - (1 - b.sigmoid()).log().mean()) / 2,
            lambda a, b: ((1 + (-a).exp()).log().mean() + (1 + b.exp()).log().mean()) / 2,
        ),
        "these are squared errors: take the cross-entropy": (
            lambda a, b: ((a.sigmoid() - 1).square().mean() + b.sigmoid().square().mean()) / 2,
            lambda a, b: ((a - 1).square().mean() + b.square().mean()) / 2,
        ),
        "the logits have gone through the sigmoid twice": (
            lambda a, b: (plus(-a.sigmoid()).mean() + plus(b.sigmoid()).mean()) / 2
        ),
        "the value is right, but its gradient is not: nothing may be detached": (
            lambda a, b: (plus(-a).mean() + plus(b.detach()).mean()) / 2,
            lambda a, b: (plus(-a.detach()).mean() + plus(b).mean()) / 2,
            lambda a, b: ((plus(-a).mean() + plus(b).mean()) / 2).detach(),
        ),
        "this is the Wasserstein loss: take the cross-entropy": lambda a, b: b.mean() - a.mean(),
        "this is a hinge loss: take the cross-entropy": (
            lambda a, b: (F.relu(1 - a).mean() + F.relu(1 + b).mean()) / 2,
            lambda a, b: F.relu(1 - a).mean() + F.relu(1 + b).mean(),
        ),
        "the mean is taken of the logits: take it of the losses": lambda a, b: (plus(-a.mean()) + plus(b.mean())) / 2,
        "the logarithm is missing: this is how wrong D is on average": (
            lambda a, b: ((1 - a.sigmoid()).mean() + b.sigmoid().mean()) / 2
        ),
    },
)


# ── clipped_mean ──────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "membership.clipped_mean",
    instead_of=(membership.clip, membership.private_gradient, membership.gradient_norms),
    only={"a gradient of zero": "a gradient of length 0 stays 0, and must not be divided by its length"},
)
def clipped_mean(gradients: list[Tensor], C: float) -> list[Tensor]:
    """The mean over samples of their gradients, each shortened to length C over all layers: [(n, …)] → [(…)]."""
    clipped = membership.clip({str(i): g for i, g in enumerate(gradients)}, C=C)
    return [g.mean(0) for g in clipped.values()]


def spread(factor: Tensor, g: Tensor) -> Tensor:
    """A number for each sample, to be multiplied with its gradient."""
    return factor.view(-1, *[1] * (g.ndim - 1))


def flat(gradients: list[Tensor]) -> Tensor:
    """Each sample's gradient as one row."""
    return torch.cat([g.flatten(1) for g in gradients], dim=1)


def scaled(
    factor: Callable[[Tensor, float], Tensor], *, length: Callable[..., Tensor] | None = None
) -> Callable[..., Any]:
    """An answer that multiplies each sample's gradient by ``factor`` of its length and C, then takes the mean."""

    def answer(gradients, C):
        lengths = flat(gradients).norm(dim=1) if length is None else length(flat(gradients))
        return [(spread(factor(lengths.clamp_min(1e-12), C), g) * g).mean(0) for g in gradients]

    return answer


def right(lengths: Tensor, C: float) -> Tensor:
    """The factor."""
    return (C / lengths).clamp_max(1)


mistakes(
    "membership.clipped_mean",
    {
        "nothing is clipped": scaled(lambda norm, C: torch.ones_like(norm)),
        "every gradient is brought to length C, short ones too: they stay as they are": scaled(
            lambda norm, C: C / norm
        ),
        "every gradient is brought to length 1, whatever C is": scaled(lambda norm, C: 1 / norm),
        "gradients are shortened to length 1, whatever C is": scaled(lambda norm, C: (1 / norm).clamp_max(1)),
        "short gradients are made longer, and long ones stay: the smaller of 1 and C / length is the factor": (
            scaled(lambda norm, C: (C / norm).clamp_min(1))
        ),
        "the fraction is upside down: C / length": (
            scaled(lambda norm, C: (norm / C).clamp_max(1)),
            scaled(lambda norm, C: (norm / C).clamp_min(1)),
            scaled(lambda norm, C: norm / C),
        ),
        "long gradients are left out: shorten them": scaled(lambda norm, C: (norm <= C).to(norm)),
        "the length is squared: take the root": scaled(right, length=lambda v: v.square().sum(1)),
        "the length is the sum of absolute values: take the root of the sum of squares": (
            scaled(right, length=lambda v: v.abs().sum(1))
        ),
        "the length is the largest entry: take the root of the sum of squares": (
            scaled(right, length=lambda v: v.abs().amax(1))
        ),
        "the length is the root of the *mean* square: take the sum of the squares": (
            scaled(right, length=lambda v: v.square().mean(1).sqrt())
        ),
        "one length is taken for the whole batch: each sample has its own": (
            scaled(right, length=lambda v: v.norm().expand(len(v))),
            scaled(right, length=lambda v: v.norm(dim=1).mean().expand(len(v))),
            scaled(right, length=lambda v: v.norm(dim=1).amax().expand(len(v))),
        ),
        "divided by C: the result has the gradients' own scale": (
            scaled(lambda norm, C: right(norm, C) / C),
            scaled(lambda norm, C: 1 / norm.clamp_min(C)),
        ),
        "multiplied by C once more: the factor is min(1, C / length)": scaled(lambda norm, C: C * right(norm, C)),
        "C is compared with the square of the length": scaled(lambda norm, C: torch.where(norm**2 > C, C / norm, 1.0)),
    },
)

mistakes(
    "membership.clipped_mean",
    {
        "the *mean* is clipped: one long gradient has moved it already; clip each sample's": (
            lambda gradients, C: [
                g.mean(0) * min(1.0, C / max(float(flat(gradients).mean(0).norm()), 1e-12)) for g in gradients
            ],
            lambda gradients, C: [g.mean(0) * (C / g.mean(0).norm().clamp_min(1e-12)).clamp_max(1) for g in gradients],
        ),
        "every layer is clipped by its own length: take the length over all layers together": (
            lambda gradients, C: [clipped_mean([g], C)[0] for g in gradients]
        ),
        "each number is clipped by itself: it is the length of the gradient that is limited": (
            lambda gradients, C: [g.clamp(-C, C).mean(0) for g in gradients],
            lambda gradients, C: [g.clamp(max=C).mean(0) for g in gradients],
        ),
        "these are sums: divide by the number of samples": (
            lambda gradients, C: [len(g) * m for g, m in zip(gradients, clipped_mean(gradients, C))]
        ),
        "the mean is taken over the layers too: each layer has its own": (
            lambda gradients, C: [m / len(gradients) for m in clipped_mean(gradients, C)]
        ),
        "the mean is taken over each layer's numbers: it is over samples, and numbers stay apart": (
            lambda gradients, C: [m.mean().expand_as(m) for m in clipped_mean(gradients, C)]
        ),
        "the lengths of the layers are added up: add their squares, then take the root": lambda gradients, C: [
            (spread(right(sum(v.flatten(1).norm(dim=1) for v in gradients), C), g) * g).mean(0) for g in gradients
        ],
        "only the first layer's length counts: take the length over all layers together": lambda gradients, C: [
            (spread(right(gradients[0].flatten(1).norm(dim=1).clamp_min(1e-12), C), g) * g).mean(0) for g in gradients
        ],
        "a gradient of length 0 stays 0, and must not be divided by its length": lambda gradients, C: [
            (spread(flat(gradients).norm(dim=1).clamp(max=C) / flat(gradients).norm(dim=1), g) * g).mean(0)
            for g in gradients
        ],
        "a gradient of 0 is left out of the mean: it counts as a sample": lambda gradients, C: [
            m * len(g) / max(1, int(flat(gradients).any(1).sum()))
            for g, m in zip(gradients, clipped_mean(gradients, C))
        ],
    },
)  # fmt: skip


@mistake("membership.clipped_mean", says="wrong shape")
def forgets_the_mean(gradients, C):
    return [spread(right(flat(gradients).norm(dim=1).clamp_min(1e-12), C), g) * g for g in gradients]


@mistake("membership.clipped_mean", says="expected a list")
def returns_one_vector(gradients, C):
    return torch.cat([m.flatten() for m in clipped_mean(gradients, C)])
