"""Topic ``selftrain``: what is right in exercise 03, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from labkit import metrics, nets, selftrain
from labkit.checks.bank import mistake, mistakes, reference, verdict
from labkit.checks.protocol import Case, Outputs, Wrong

# ── surest ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("selftrain.surest", instead_of=(selftrain.select, selftrain.loop.rank_in_class))
def surest(c: Tensor, yu: Tensor, q: int) -> Tensor:
    """Indices of the q highest confidences of each pseudo-class: (n,), (n,) → (m,)."""
    return selftrain.select(c, yu, q=q, per_class=True)


@verdict("selftrain.surest")
def chosen_rightly(outputs: Outputs, case: Case) -> None:
    """The same indices, in any order."""
    c, yu, q, h = case["c"], case["yu"], case["q"], outputs["the indices"]
    if len(h) and (h.min() < 0 or h.max() >= len(c)):
        raise Wrong(f"an index is outside 0 to {len(c) - 1}", given=h)
    if len(h.unique()) != len(h):
        raise Wrong("an index occurs twice: every example is moved once", given=h)
    expected = surest(c, yu, q).sort().values
    for k in yu.unique().tolist():
        there, wanted = int((yu[h] == k).sum()), int((yu[expected] == k).sum())
        if there != wanted:
            members = int((yu == k).sum())
            raise Wrong(f"it chooses {there} of pseudo-class {k}, which has {members} members, and q is {q}",
                        expected=wanted, given=there)  # fmt: skip
    if not torch.equal(h, expected):
        raise Wrong("as many of each class, but not the surest ones", expected=expected, given=h)


def of_each(choose: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that chooses in each class by itself: from all confidences, the members' indices, and q."""
    return lambda c, yu, q: torch.cat([choose(c, (yu == k).nonzero()[:, 0], q) for k in yu.unique()])


mistakes(
    "selftrain.surest",
    {
        "these are the *least* sure of each class": lambda c, i, q: i[c[i].argsort()][:q],
        "these are the first of each class: sort them by their confidence": lambda c, i, q: i[:q],
        "these are the last of each class: sort them by their confidence": lambda c, i, q: i[-q:],
        "these are positions among the members of a class: turn them into positions in c":
            lambda c, i, q: c[i].argsort(descending=True)[:q],
        "these are all members of each class, sorted: keep the first q":
            lambda c, i, q: i[c[i].argsort(descending=True)],
        "one is chosen of each class: choose q": lambda c, i, q: i[c[i].argmax()][None],
        "it chooses one too many of each class": lambda c, i, q: i[c[i].argsort(descending=True)][: q + 1],
        "it chooses one too few of each class": lambda c, i, q: i[c[i].argsort(descending=True)][: q - 1],
        "the surest of each class is left out": lambda c, i, q: i[c[i].argsort(descending=True)][1 : q + 1],
        "a class with fewer than q members is left out: take all of them":
            lambda c, i, q: i[c[i].argsort(descending=True)][:q] if len(i) >= q else i[:0],
        "classes are filled up with members of others, where they have fewer than q":
            lambda c, i, q: torch.zeros_like(c).index_fill(0, i, 1.0).mul(c).argsort(descending=True, stable=True)[:q],
        "these are examples that have one of the highest confidences, whatever their class: look within the class":
            lambda c, i, q: torch.isin(c, c[i].topk(min(q, len(i))).values).nonzero()[:, 0],
    },
    of=of_each,
)  # fmt: skip
mistakes(
    "selftrain.surest",
    {
        "these are the q surest of all: q of *each* class are asked for": lambda c, yu, q: selftrain.select(c, q=q),
        "these are the surest of all, as many as all classes together may have: q of *each* class are asked for":
            lambda c, yu, q: selftrain.select(c, q=q * len(yu.unique())),
        "classes are counted from 0 without a gap: go through the classes that occur, `yu.unique()`":
            lambda c, yu, q: torch.cat([surest(c, yu, q)[yu[surest(c, yu, q)] == k] for k in range(len(yu.unique()))]),
        "the last class is left out": lambda c, yu, q: surest(c, yu, q)[yu[surest(c, yu, q)] < yu.max()],
        "these are positions in the sorted order, not in c: index the order with them":
            lambda c, yu, q: torch.cat([(yu[c.argsort(descending=True)] == k).nonzero()[:q, 0] for k in yu.unique()]),
        "the confidences are sorted, but the labels are not: index `yu` with the same order":
            lambda c, yu, q: torch.cat([c.argsort(descending=True)[yu == k][:q] for k in yu.unique()]),
    },
)  # fmt: skip
for says, wrong in {
    "whole numbers": (
        lambda c, yu, q: torch.zeros(len(c), dtype=torch.bool).index_fill(0, surest(c, yu, q), True),
        lambda c, yu, q: c[surest(c, yu, q)],
        lambda c, yu, q: torch.stack([c.masked_fill(yu != k, -1).topk(1).indices for k in yu.unique()]),
    ),
    "occurs twice": (lambda c, yu, q: surest(c, yu, q).repeat(2),),
    "list; expected a tensor": (lambda c, yu, q: surest(c, yu, q).tolist(),),
}.items():
    for function in wrong:
        mistake("selftrain.surest", says=says)(function)


# ── move ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "selftrain.move",
    instead_of=(selftrain.self_train, selftrain.loop.without),
    otherwise={
        "X": "X holds other examples than the old X and Xu[h]",
        "y": "examples and labels have lost each other: X and y must be put together in the same order",
        "Xu": "Xu holds other examples than those that were not moved",
    },
)
def move(X: Tensor, y: Tensor, Xu: Tensor, yu: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The last two lines of the deck's loop: the new X, y and X_u."""
    rest = selftrain.loop.without(h, len(Xu))
    return torch.cat([X, Xu[h]]), torch.cat([y, yu[h]]), Xu[rest]


def moved(which: int) -> Callable[[Callable[..., Tensor]], Callable[..., Any]]:
    """Makes an answer whose results are right but for one, which is a function of the arguments."""

    def of(function: Callable[..., Tensor]) -> Callable[..., Any]:
        def answer(*arguments):
            results = list(move(*arguments))
            results[which] = function(*arguments)
            return tuple(results)

        return answer

    return of


def chosen(h: Tensor, n: int) -> Tensor:
    """A mask of what is moved."""
    return torch.zeros(n, dtype=torch.bool).index_fill(0, h, True)


mistakes(
    "selftrain.move",
    {
        "X has not grown: Xh belongs below it": lambda X, y, Xu, yu, h: X.clone(),
        "all of Xu is appended to X: only what is moved, Xu[h]": lambda X, y, Xu, yu, h: torch.cat([X, Xu]),
        "X holds only what was moved: append it to the old X": lambda X, y, Xu, yu, h: Xu[h],
        "what was *not* moved is appended to X: append Xu[h]":
            lambda X, y, Xu, yu, h: torch.cat([X, Xu[~chosen(h, len(Xu))]]),
        "the first examples of Xu are appended to X, not those at h":
            lambda X, y, Xu, yu, h: torch.cat([X, Xu[: len(h)]]),
    },
    of=moved(0),
)  # fmt: skip
mistakes(
    "selftrain.move",
    {
        "y has not grown: the labels of what is moved, yu[h], belong below it": lambda X, y, Xu, yu, h: y.clone(),
        "all of yu is appended to y: only the labels of what is moved, yu[h]":
            lambda X, y, Xu, yu, h: torch.cat([y, yu]),
        "the positions h are appended to y: append the labels yu[h]": lambda X, y, Xu, yu, h: torch.cat([y, h]),
        "the labels of what was *not* moved are appended to y: append yu[h]":
            lambda X, y, Xu, yu, h: torch.cat([y, yu[~chosen(h, len(Xu))]]),
        "the first labels of yu are appended to y, not those at h":
            lambda X, y, Xu, yu, h: torch.cat([y, yu[: len(h)]]),
        "the new labels stand in another order than the examples: take both at h, in the same order": (
            lambda X, y, Xu, yu, h: torch.cat([y, yu[chosen(h, len(Xu))]]),
            lambda X, y, Xu, yu, h: torch.cat([y, yu[h].sort().values]),
        ),
        "the new labels come first in y, and the new examples last in X: put both in the same order":
            lambda X, y, Xu, yu, h: torch.cat([yu[h], y]),
        "y has become decimal numbers: labels are whole ones": lambda X, y, Xu, yu, h: torch.cat([y, yu[h]]).float(),
    },
    of=moved(1),
)  # fmt: skip
mistakes(
    "selftrain.move",
    {
        "what was moved is still in Xu: it would be moved again and again": lambda X, y, Xu, yu, h: Xu.clone(),
        "Xu holds what was moved, and the rest is gone: the other way round": lambda X, y, Xu, yu, h: Xu[h],
        "the first examples are taken out of Xu, not those at h": lambda X, y, Xu, yu, h: Xu[len(h) :],
        "the last examples are taken out of Xu, not those at h": lambda X, y, Xu, yu, h: Xu[: len(Xu) - len(h)],
        "only one example is taken out of Xu: all at h are moved":
            lambda X, y, Xu, yu, h: Xu[~chosen(h[:1], len(Xu))],
        "`~h` of positions is no mask: make one of True, with False at h": lambda X, y, Xu, yu, h: Xu[~h],
        "moved examples are set to 0 in Xu: take them out": lambda X, y, Xu, yu, h: Xu.index_fill(0, h, 0.0),
        "Xu holds the positions of what is left: index Xu with them":
            lambda X, y, Xu, yu, h: (~chosen(h, len(Xu))).nonzero()[:, 0],
        "Xu is a mask of what is left: index Xu with it": lambda X, y, Xu, yu, h: ~chosen(h, len(Xu)),
    },
    of=moved(2),
)  # fmt: skip


@mistake("selftrain.move", "`h` holds positions in Xu, not labels: don't look for it among the labels")
def moves_by_label(X, y, Xu, yu, h):
    keep = ~torch.isin(yu, h)
    return torch.cat([X, Xu[~keep]]), torch.cat([y, yu[~keep]]), Xu[keep]


@mistake(
    "selftrain.move",
    "examples are taken out of Xu one after another, and each time the positions shift: take all at once",
)
def takes_out_one_after_another(X, y, Xu, yu, h):
    for i in h.tolist():
        X, y = torch.cat([X, Xu[i : i + 1]]), torch.cat([y, yu[i : i + 1]])
        Xu, yu = (torch.cat([v[:i], v[i + 1 :]]) for v in (Xu, yu))
    return X, y, Xu


@mistake("selftrain.move", "Xu comes before y: return X, y, Xu")
def returns_the_rest_second(X, y, Xu, yu, h):
    X, y, Xu = move(X, y, Xu, yu, h)
    return X, Xu, y


@mistake("selftrain.move", says="expected 3: X, y, Xu")
def returns_a_pair(X, y, Xu, yu, h):
    return move(X, y, Xu, yu, h)[:2]


@mistake("selftrain.move", says="it raises")
def puts_them_side_by_side(X, y, Xu, yu, h):
    return torch.cat([X, Xu[h]], dim=1), torch.cat([y, yu[h]]), Xu[~chosen(h, len(Xu))]


# ── calibration_error ─────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "selftrain.calibration_error",
    instead_of=(metrics.calibration_error, metrics.reliability),
    only={
        "on the edges of 4 bins": "it is right but for confidences on an edge of bins: they belong to the bin *below*",
        "some are certain, 5 bins": "it is right but for confidences of exactly 1: those belong to the last bin",
    },
)
def calibration_error(probabilities: Tensor, y: Tensor, bins: int) -> Tensor:
    """The expected calibration error: (n, k), (n,) → a scalar."""
    return torch.tensor(metrics.calibration_error(probabilities, y, bins=bins), dtype=torch.float64)


def of_gaps(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of accuracy minus confidence in each bin, nan where it is empty, and its share."""

    def answer(probabilities, y, bins):
        curve = metrics.reliability(probabilities, y, bins=bins)
        return rule(curve.accuracy - curve.confidence, curve.share)

    return answer


def of_confidence(
    confidence: Callable[..., Tensor] = lambda p, y: p.amax(1),
    index: Callable[..., Tensor] = lambda c, bins: ((c * bins).ceil() - 1).clamp(0, bins - 1),
    right: Callable[..., Tensor] = lambda p, y: p.argmax(1) == y,
) -> Callable[..., Tensor]:
    """An answer that is right but for what it takes for confidence, the number of a sample's bin, or who is right.

    A sample whose bin is none of 0 … bins − 1 is lost.
    """

    def answer(probabilities, y, bins):
        p = probabilities.double()
        c, hit = confidence(p, y), right(p, y).double()
        there = index(c, bins) == torch.arange(bins)[:, None]
        return (there.double() @ (hit - c)).abs().sum() / len(y)

    return answer


mistakes(
    "selftrain.calibration_error",
    {
        "it is nan: an empty bin has no mean; give it no weight": lambda gap, share: (share * gap.abs()).sum(),
        "the gaps are not weighted: a bin counts by its share of the samples": lambda gap, share: gap.abs().nanmean(),
        "the gaps are averaged over all bins, empty ones too: a bin counts by its share":
            lambda gap, share: gap.abs().nansum() / len(gap),
        "the gaps are added up without weights: a bin counts by its share": lambda gap, share: gap.abs().nansum(),
        "gaps of two signs cancel, so that this is the gap of all samples together: take the absolute value in every "
        "bin": (
            lambda gap, share: (share * gap).nansum(),
            lambda gap, share: -(share * gap).nansum(),
            lambda gap, share: (share * gap).nansum().abs(),
        ),
        "the gaps are squared: take their absolute values": lambda gap, share: (share * gap.square()).nansum(),
        "it is the root of the mean squared gap: take absolute values":
            lambda gap, share: (share * gap.square()).nansum().sqrt(),
        "this is the largest gap: add up all, each weighed by its share":
            lambda gap, share: gap.abs().nan_to_num().max(),
        "gaps of bins where the model is not sure enough are left out: take absolute values":
            lambda gap, share: (share * (-gap).clamp_min(0)).nansum(),
        "gaps of bins where the model is too sure are left out: take absolute values":
            lambda gap, share: (share * gap.clamp_min(0)).nansum(),
        "it is one minus the error": lambda gap, share: 1 - (share * gap.abs()).nansum(),
    },
    of=of_gaps,
)  # fmt: skip


def twice_on_edges(probabilities: Tensor, y: Tensor, bins: int) -> Tensor:
    """Bins that are closed on both sides."""
    c, place = probabilities.double().amax(1), torch.arange(bins)[:, None] / bins
    there = (c >= place) & (c <= place + 1 / bins)
    return (there.double() @ ((probabilities.argmax(1) == y).double() - c)).abs().sum() / len(y)


def with_middles(probabilities: Tensor, y: Tensor, bins: int) -> Tensor:
    """What is compared in each bin is its middle."""
    curve = metrics.reliability(probabilities, y, bins=bins)
    return (curve.share * (curve.accuracy - (torch.arange(bins) + 0.5) / bins).abs()).nansum()


mistakes(
    "selftrain.calibration_error",
    {
        "samples with a confidence of exactly 1 are in no bin: they belong to the last one":
            of_confidence(index=lambda c, bins: (c * bins).floor()),
        "bins are open on the right here: a confidence on an edge belongs to the bin *below* it":
            of_confidence(index=lambda c, bins: (c * bins).floor().clamp_max(bins - 1)),
        "a confidence on an edge is counted in two bins: bins are open on the left": twice_on_edges,
        "a confidence on an edge belongs to no bin: bins are closed on the right":
            of_confidence(index=lambda c, bins: torch.where((c * bins).frac() == 0, -1, (c * bins).floor())),
        "a confidence on an edge is rounded into a bin: bins are cut at m / bins, not between":
            of_confidence(index=lambda c, bins: (c * bins).round().clamp_max(bins - 1)),
        "the last bin is left out": of_confidence(index=lambda c, bins: torch.where(
            c * bins > bins - 1, -1, (c * bins).ceil() - 1)),
        "there is one bin less than asked for: the edges are m / bins for m from 0 to bins": of_confidence(
            index=lambda c, bins: ((c * (bins - 1)).ceil() - 1).clamp(0)),
        "confidence is the largest probability, not that of the true class":
            of_confidence(lambda p, y: p.gather(1, y[:, None])[:, 0]),
        "confidence is the largest probability, not that of one class": (
            of_confidence(lambda p, y: p[:, 0]),
            of_confidence(lambda p, y: p[:, 1]),
        ),
        "confidence is the largest probability, not its distance to the second":
            of_confidence(lambda p, y: p.topk(2, 1).values.diff(dim=1).neg()[:, 0]),
        "probabilities go through a softmax again: they are probabilities already":
            of_confidence(lambda p, y: p.softmax(1).amax(1)),
        "right and wrong are exchanged": of_confidence(right=lambda p, y: p.argmax(1) != y),
        "bins run from the smallest confidence on: they run over 0 to 1": (
            of_confidence(index=lambda c, bins: ((c - c.min()) / (c.max() - c.min()) * bins).ceil().sub(1).clamp(0)),
            of_confidence(index=lambda c, bins: ((c - c.min()) / (c.max() - c.min()) * bins).ceil().sub(1)),
            of_confidence(index=lambda c, bins: ((c - c.min()) / (1 - c.min()) * bins).ceil().sub(1).clamp(0)),
            of_confidence(index=lambda c, bins: ((c - c.min()) / (1 - c.min()) * bins).ceil().sub(1)),
        ),
        "accuracy is compared with the middle of the bin: with the mean confidence in it": with_middles,
        "confidence is the largest probability, not the mean of all": of_confidence(lambda p, y: p.mean(1)),
        "bins hold equally many samples each: they are equally wide": of_confidence(
            index=lambda c, bins: c.argsort().argsort() * bins // len(c)),
        "this is the mean distance of confidence and right or wrong, sample by sample":
            lambda p, y, bins: ((p.argmax(1) == y).double() - p.amax(1)).abs().mean(),
        "this is the accuracy": lambda probabilities, y, bins: (probabilities.argmax(1) == y).double().mean(),
        "this is the error rate": lambda probabilities, y, bins: (probabilities.argmax(1) != y).double().mean(),
        "this is the mean confidence": lambda probabilities, y, bins: probabilities.amax(1).mean(),
    },
)  # fmt: skip


# ── alpha ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("selftrain.alpha", instead_of=(selftrain.linear_ramp,))
def alpha(t: Tensor, T1: float, T2: float, final: float) -> Tensor:
    """Lee's weight at each of the times t: (n,) → (n,)."""
    return torch.stack([t.new_tensor(selftrain.linear_ramp(float(v), T1=T1, T2=T2, final=final)) for v in t])


mistakes(
    "selftrain.alpha",
    {
        "`final` is missing: the ramp ends at 1": lambda t, a, b, f: ((t - a) / (b - a)).clamp(0, 1),
        "the weight is negative before T1: it is 0 there": lambda t, a, b, f: f * ((t - a) / (b - a)).clamp(max=1),
        "the weight grows on after T2: it stays at `final`": lambda t, a, b, f: f * ((t - a) / (b - a)).clamp(min=0),
        "the line is neither cut off before T1 nor after T2": lambda t, a, b, f: f * (t - a) / (b - a),
        "the weight is 0 after T2: it stays at `final`":
            lambda t, a, b, f: f * ((t - a) / (b - a)).clamp(0, 1) * (t < b),
        "the weight is 1 after T2: it stays at `final`":
            lambda t, a, b, f: torch.where(t < b, f * ((t - a) / (b - a)).clamp(min=0), torch.ones_like(t)),
        "the weight is `final` before T1, too: it is 0 there":
            lambda t, a, b, f: torch.where(t < a, torch.full_like(t, f), f * ((t - a) / (b - a)).clamp(max=1)),
        "it jumps at T1: between T1 and T2 it grows along a line": lambda t, a, b, f: f * (t >= a).to(t.dtype),
        "it jumps at T2: between T1 and T2 it grows along a line": lambda t, a, b, f: f * (t >= b).to(t.dtype),
        "it is half of `final` between T1 and T2: there it grows along a line":
            lambda t, a, b, f: f * ((t >= a).to(t) + (t >= b).to(t)) / 2,
        "the ramp begins at 0: it begins at T1": lambda t, a, b, f: f * (t / b).clamp(0, 1),
        "t − T1 is divided by T2 alone: divide by T2 − T1": (
            lambda t, a, b, f: (f * (t - a) / b).clamp(0, f),
            lambda t, a, b, f: torch.where(t < a, 0 * t, torch.where(t < b, f * (t - a) / b, f + 0 * t)),
        ),
        "T1 is not subtracted: t − T1 is divided by T2 − T1": (
            lambda t, a, b, f: f * (t / (b - a)).clamp(0, 1),
            lambda t, a, b, f: torch.where(t < a, 0 * t, torch.where(t < b, f * t / (b - a), f + 0 * t)),
        ),
        "it is a curve between T1 and T2: it grows along a line": (
            lambda t, a, b, f: f * ((t - a) / (b - a)).clamp(0, 1) ** 2,
            lambda t, a, b, f: f * (-5 * (1 - ((t - a) / (b - a)).clamp(0, 1)) ** 2).exp(),
            lambda t, a, b, f: f * ((t - a) / (b - a) * 12 - 6).sigmoid(),
            lambda t, a, b, f: f * (1 - (torch.pi * ((t - a) / (b - a)).clamp(0, 1)).cos()) / 2,
        ),
        "the weight falls instead of growing: T1 comes before T2":
            lambda t, a, b, f: f * (1 - ((t - a) / (b - a)).clamp(0, 1)),
        "the line is cut off at 1 after it is multiplied by `final`: cut it off before":
            lambda t, a, b, f: (f * (t - a) / (b - a)).clamp(0, 1),
        "it is divided by T1 − T2: the ramp rises": lambda t, a, b, f: (f * (t - a) / (a - b)).clamp(0, f),
        "the times are cut off, but no weight is made of them: (t − T1) / (T2 − T1)": lambda t, a, b, f: t.clamp(a, b),
        "it is a mask of the times on the ramp": lambda t, a, b, f: ((t >= a) & (t < b)).to(t.dtype),
        "T1 and T2 are those of the paper, whatever is passed": lambda t, a, b, f: f * ((t - 100) / 500).clamp(0, 1),
        "the ramp begins anew at T2: it stays at `final`": lambda t, a, b, f: f * ((t - a) / (b - a) % 1),
        "each time is compared with the mean of all: treat each by itself":
            lambda t, a, b, f: f * ((t.mean() - a) / (b - a)).clamp(0, 1).expand_as(t),
    },
)  # fmt: skip


# ── fixmatch ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "selftrain.fixmatch",
    instead_of=(selftrain.fixmatch_loss, selftrain.pseudo_label_loss, selftrain.fixmatch),
    only={
        "one confidence of exactly tau = 1": "it is right but for a confidence of exactly tau: that counts, ≥",
        "nobody is sure": "it is right but where nobody is sure: the loss is 0 there",
    },
)
def fixmatch(weak: Tensor, strong: Tensor, tau: float) -> Tensor:
    """FixMatch's unlabelled loss from the logits of two views, (n, k) each."""
    return selftrain.fixmatch_loss(weak, strong, tau=tau).loss


def of_losses(rule: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of the mask of the sure and each sample's loss."""

    def answer(weak, strong, tau):
        c, target = weak.detach().softmax(1).max(1)
        return rule((c >= tau).to(strong.dtype), F.cross_entropy(strong, target, reduction="none"))

    return answer


def apart(weak: Tensor, strong: Tensor) -> Tensor:
    """The squared distances of the two views' probabilities."""
    return (strong.softmax(1) - weak.detach().softmax(1)).square()


def of_parts(target: Callable[..., Tensor] = lambda weak, strong: weak.argmax(1),
             mask: Callable[..., Tensor] = lambda weak, strong, tau: weak.softmax(1).amax(1) >= tau,
             learn: Callable[..., Tensor] = lambda weak, strong: strong) -> Callable[..., Tensor]:  # fmt: skip
    """An answer that is right but for the targets, the mask, or the logits that learn."""

    def answer(weak, strong, tau):
        each = F.cross_entropy(learn(weak, strong), target(weak.detach(), strong.detach()), reduction="none")
        return (each * mask(weak.detach(), strong.detach(), tau)).mean()

    return answer


mistakes(
    "selftrain.fixmatch",
    {
        "the mean is over the sure samples only: divide by the number of all": lambda mask, each: (
            mask * each).sum() / mask.sum().clamp_min(1),
        "it is nan where nobody is sure: the mean is over *all* samples, sure or not":
            lambda mask, each: each[mask > 0].mean(),
        "it adds up: take the mean": lambda mask, each: (mask * each).sum(),
        "it returns a loss for each sample: take the mean over all": lambda mask, each: mask * each,
        "nothing is masked: samples whose weak view is unsure must not count": lambda mask, each: each.mean(),
        "the unsure ones are learned and the sure ones left out": lambda mask, each: ((1 - mask) * each).mean(),
        "the loss of all samples is multiplied by the share of the sure: mask each sample's own loss":
            lambda mask, each: each.mean() * mask.mean(),
        "the sign is wrong: a loss falls as the strong view agrees": lambda mask, each: -(mask * each).mean(),
        "a sample that is masked out costs 1: it costs nothing": lambda mask, each: (mask * each + 1 - mask).mean(),
        "unless all are sure, nothing counts: mask each sample by itself": lambda mask, each: mask.prod() * each.mean(),
        "if one is sure, all count: mask each sample by itself": lambda mask, each: mask.amax() * each.mean(),
    },
    of=of_losses,
)  # fmt: skip
mistakes(
    "selftrain.fixmatch",
    {
        "the target is the weak view's probabilities: take its likeliest class": of_parts(lambda w, s: w.softmax(1)),
        "the target is the weak view's logits: take the likeliest class": of_parts(lambda w, s: w),
        "the strong view is its own target: the pseudo-label comes from the weak view":
            of_parts(lambda w, s: s.argmax(1)),
        "the target is the weak view's least likely class": of_parts(lambda w, s: w.argmin(1)),
        "the mask looks at the strong view: it asks whether the *weak* one is sure":
            of_parts(mask=lambda w, s, tau: s.softmax(1).amax(1) >= tau),
        "the views are exchanged: the weak one gives the label, the strong one learns it":
            of_parts(lambda w, s: s.argmax(1), lambda w, s, tau: s.softmax(1).amax(1) >= tau, lambda w, s: w),
        "the weak view learns: the strong one is to learn the weak one's label": of_parts(learn=lambda w, s: w),
        "tau is compared with logits: it is a probability, so apply softmax first":
            of_parts(mask=lambda w, s, tau: w.amax(1) >= tau),
        "tau is compared with log-probabilities: take probabilities":
            of_parts(mask=lambda w, s, tau: w.log_softmax(1).amax(1) >= tau),
        "tau is compared with the margin between the two likeliest classes: take the largest probability":
            of_parts(mask=lambda w, s, tau: w.softmax(1).topk(2, 1).values.diff(dim=1)[:, 0].neg() >= tau),
        "the softmax runs over the batch: it runs over the classes, dim=1": (
            of_parts(mask=lambda w, s, tau: w.softmax(0).amax(1) >= tau),
            of_parts(lambda w, s: w.softmax(0).argmax(1), lambda w, s, tau: w.softmax(0).amax(1) >= tau),
        ),
        "a sample whose confidence is exactly tau counts: ≥, not >": of_parts(
            mask=lambda w, s, tau: w.softmax(1).amax(1) > tau),
        "tau is not used: the threshold is always 0.95": of_parts(mask=lambda w, s, tau: w.softmax(1).amax(1) >= 0.95),
        "tau is not used: the threshold is always 0.9": of_parts(mask=lambda w, s, tau: w.softmax(1).amax(1) >= 0.9),
        "tau is not used: the threshold is always 0.8": of_parts(mask=lambda w, s, tau: w.softmax(1).amax(1) >= 0.8),
        "tau is not used: the threshold is always ½": of_parts(mask=lambda w, s, tau: w.softmax(1).amax(1) >= 0.5),
        "the losses are weighed by the confidence: a sure sample counts in full":
            of_parts(mask=lambda w, s, tau: (w.softmax(1).amax(1) >= tau) * w.softmax(1).amax(1)),
        "both views must be sure: the weak one decides": of_parts(
            mask=lambda w, s, tau: (w.softmax(1).amax(1) >= tau) & (s.softmax(1).amax(1) >= tau)),
        "both views must agree: the weak one decides alone": of_parts(
            mask=lambda w, s, tau: (w.softmax(1).amax(1) >= tau) & (w.argmax(1) == s.argmax(1))),
        "the softmax is taken twice: `cross_entropy` takes it itself, so give it the logits":
            of_parts(learn=lambda w, s: s.softmax(1)),
        "it is the probability of the class: the cross-entropy is the negative logarithm of it": lambda w, s, tau: (
            s.softmax(1).gather(1, w.argmax(1)[:, None])[:, 0] * (w.softmax(1).amax(1) >= tau)).mean(),
        "it is the squared distance of the two views' probabilities: take the cross-entropy": (
            lambda w, s, tau: (apart(w, s).sum(1) * (w.softmax(1).amax(1) >= tau)).mean(),
            lambda w, s, tau: (apart(w, s).mean(1) * (w.softmax(1).amax(1) >= tau)).mean(),
        ),
        "no gradient flows to the strong view: only the *weak* view is detached": (
            of_parts(learn=lambda w, s: s.detach()),
            lambda weak, strong, tau: fixmatch(weak, strong, tau).item(),
        ),
    },
)  # fmt: skip


@mistake("selftrain.fixmatch", says="gradient flows to `weak`")
def weighs_by_a_confidence_that_learns(weak, strong, tau):
    c = weak.softmax(1).amax(1)
    each = F.cross_entropy(strong, weak.argmax(1), reduction="none")
    return (each * (c >= tau) * c / c.detach()).mean()


# ── ema_update ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "selftrain.ema_update",
    instead_of=(nets.ema_update,),
    otherwise={"shared": "these are tensors that were handed in: return new ones, that change with none of those"},
)
def ema_update(teacher: list[Tensor], student: list[Tensor], decay: float) -> list[Tensor]:
    """The teacher's weights after one step of the moving average."""
    return [decay * mine + (1 - decay) * given for mine, given in zip(teacher, student)]


def of_layers(rule: Callable[..., Tensor]) -> Callable[..., list[Tensor]]:
    """An answer that goes through the layers."""
    return lambda teacher, student, decay: [rule(a, b, decay) for a, b in zip(teacher, student)]


mistakes(
    "selftrain.ema_update",
    {
        "decay belongs to the teacher, 1 − decay to the student": lambda a, b, d: (1 - d) * a + d * b,
        "these are the student's weights: the teacher moves only a little towards them": lambda a, b, d: b.clone(),
        "these are the teacher's old weights": lambda a, b, d: a.clone(),
        "the student counts in full: its part is 1 − decay": lambda a, b, d: d * a + b,
        "the teacher counts in full: its part is decay": lambda a, b, d: a + (1 - d) * b,
        "the student's part is missing: add (1 − decay) times it": lambda a, b, d: d * a,
        "this is the student's part alone: add decay times the teacher": lambda a, b, d: (1 - d) * b,
        "this is the plain mean of the two": lambda a, b, d: (a + b) / 2,
        "the student is subtracted: add its part": lambda a, b, d: d * a - (1 - d) * b,
        "both are multiplied by decay: the student's part is 1 − decay": lambda a, b, d: d * a + d * b,
        "it moves away from the student": lambda a, b, d: a + (1 - d) * (a - b),
        "all weights of a layer get the mean: average weight by weight":
            lambda a, b, d: (d * a + (1 - d) * b).mean().expand_as(a),
    },
    of=of_layers,
)  # fmt: skip
mistakes(
    "selftrain.ema_update",
    {
        "the teacher's weights are changed in place: return new ones":
            lambda teacher, student, decay: [a.mul_(decay).add_(b, alpha=1 - decay) for a, b in zip(teacher, student)],
        "the student's weights were changed: the teacher follows, never the student":
            lambda teacher, student, decay: [b.mul_(1 - decay).add_(a, alpha=decay) for a, b in zip(teacher, student)],
        "only the first layer is returned: return a list with a tensor for each layer": (
            lambda teacher, student, decay: ema_update(teacher, student, decay)[:1],
            lambda teacher, student, decay: ema_update(teacher, student, decay)[0],
        ),
        "the layers are glued to one tensor: return a list with a tensor for each layer":
            lambda teacher, student, decay: torch.cat([v.flatten() for v in ema_update(teacher, student, decay)]),
        "the layers are in reverse order": lambda teacher, student, decay: ema_update(teacher, student, decay)[::-1],
    },
)  # fmt: skip


@mistake("selftrain.ema_update", says="tensors that were handed in")
def hands_the_student_back_where_nothing_is_kept(teacher, student, decay):
    return student if decay == 0 else ema_update(teacher, student, decay)
