"""Answers to exercise 19 that students plausibly give."""

import math

import numpy as np
import torch
from sklearn.metrics import roc_auc_score, roc_curve
from torch.nn import functional

from tests.mistakes import mistake, right

# ── advantage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def every_threshold(scores, member):
    for tau in scores.unique():
        guess = scores >= tau
        yield guess[member].double().mean(), guess[~member].double().mean()


@mistake("membership.advantage", says="distance")
def takes_the_absolute_value(scores, member):
    return max(abs(t - f) for t, f in every_threshold(scores, member))


@mistake("membership.advantage", says="exchanged")
def exchanges_the_rates(scores, member):
    return max(f - t for t, f in every_threshold(scores, member))


@mistake("membership.advantage", says="best accuracy")
def gives_the_accuracy(scores, member):
    # Guessing "member" for nobody is an attack, too.
    shares = [((scores >= tau) == member).double().mean() for tau in scores.unique()]
    return max(*shares, (~member).double().mean())


@mistake("membership.advantage", says="AUC")
def gives_the_area(scores, member):
    return roc_auc_score(member, scores)


@mistake("membership.advantage", says="subtract the FPR")
def forgets_the_others(scores, member):
    return max(t for t, _ in every_threshold(scores, member))


@mistake("membership.advantage", says="try every score")
def fixes_the_threshold(scores, member):
    guess = scores >= 0.5
    return guess[member].double().mean() - guess[~member].double().mean()


@mistake("membership.advantage", says="split")
def walks_through_the_sorted_scores(scores, member):
    true = member[scores.argsort(descending=True, stable=True)].double()
    steps = true.cumsum(0) / true.sum() - (1 - true).cumsum(0) / (1 - true).sum()
    return steps.max().clamp_min(0)


@right("membership.advantage")
def in_a_loop(scores, member):
    best = 0.0
    for tau in scores.tolist():
        above = [s >= tau for s in scores.tolist()]
        hits = sum(a for a, m in zip(above, member.tolist()) if m) / int(member.sum())
        false = sum(a for a, m in zip(above, member.tolist()) if not m) / int((~member).sum())
        best = max(best, hits - false)
    return best


@right("membership.advantage")
def from_scikit_learns_curve(scores, member):
    fpr, tpr, _ = roc_curve(member, scores)
    return (tpr - fpr).max()


# ── loss_attack ───────────────────────────────────────────────────────────────────────────────────────────────────────


def each_loss(logits, y):
    return functional.cross_entropy(logits, y, reduction="none")


@mistake("membership.loss_attack", says="turned around")
def calls_large_losses_members(logits, y, mean_loss):
    return each_loss(logits, y) > mean_loss


@mistake("membership.loss_attack", says="class in `y`")
def takes_the_surest_class(logits, y, mean_loss):
    return -logits.log_softmax(1).max(1).values <= mean_loss


@mistake("membership.loss_attack", says="negative logarithm")
def compares_the_probability(logits, y, mean_loss):
    return logits.softmax(1).gather(1, y[:, None])[:, 0] >= mean_loss


@mistake("membership.loss_attack", says="same guess")
def forgets_the_minus(logits, y, mean_loss):
    return logits.log_softmax(1).gather(1, y[:, None])[:, 0] >= mean_loss


@mistake("membership.loss_attack", says="same guess")
def compares_the_mean(logits, y, mean_loss):
    return (functional.cross_entropy(logits, y) <= mean_loss).expand(len(y))


@mistake("membership.loss_attack", says="yes or no")
def returns_the_losses(logits, y, mean_loss):
    return each_loss(logits, y)


@mistake("membership.loss_attack", says="overflows")
def computes_the_softmax_by_hand(logits, y, mean_loss):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -p[torch.arange(len(y)), y].log() <= mean_loss


@mistake("membership.loss_attack", says="whatever the loss")
def calls_the_right_ones_members(logits, y, mean_loss):
    return logits.argmax(1) == y


@right("membership.loss_attack")
def record_by_record(logits, y, mean_loss):
    guesses = []
    for row, k in zip(logits, y.tolist()):
        guesses.append(float(torch.logsumexp(row, 0) - row[k]) <= mean_loss)
    return torch.tensor(guesses)


@right("membership.loss_attack")
def by_the_probability_it_corresponds_to(logits, y, mean_loss):
    return logits.log_softmax(1)[torch.arange(len(y)), y].exp() >= math.exp(-mean_loss)


# ── tpr_at ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("membership.tpr_at", says="one false accusation too many")
def takes_the_score_of_the_first_one_too_many(scores, member, fpr):
    others = scores[~member].sort(descending=True).values
    return (scores[member] > others[int(fpr * len(others)) + 1]).double().mean()


@mistake("membership.tpr_at", says="between two points")
def interpolates(scores, member, fpr):
    false, true, _ = roc_curve(member, scores, drop_intermediate=False)
    return np.interp(fpr, false, true)


@mistake("membership.tpr_at", says="split")
def splits_ties(scores, member, fpr):
    true = member[scores.argsort(descending=True, stable=True)].double()
    tpr, false = true.cumsum(0) / true.sum(), (1 - true).cumsum(0) / (1 - true).sum()
    allowed = tpr[false <= fpr + 1e-12]
    return allowed.max() if len(allowed) else 0.0


@mistake("membership.tpr_at", says="exchanged")
def limits_the_members(scores, member, fpr):
    false, true, _ = roc_curve(member, scores, drop_intermediate=False)
    return false[true <= fpr].max()


@mistake("membership.tpr_at", says="share of *members* above it")
def takes_a_quantile_of_the_members(scores, member, fpr):
    return (scores[member] >= scores[member].quantile(1 - fpr)).double().mean()


@mistake("membership.tpr_at", says="number of members")
def divides_by_everybody(scores, member, fpr):
    best = 0.0
    for tau in scores.unique():
        guess = scores >= tau
        if guess[~member].double().mean() <= fpr:
            best = max(best, float((guess & member).double().mean()))
    return best


@right("membership.tpr_at")
def over_all_thresholds(scores, member, fpr):
    best = torch.tensor(0.0, dtype=torch.float64)
    for tau in scores.unique():
        if (scores[~member] >= tau).double().mean() <= fpr:
            best = torch.maximum(best, (scores[member] >= tau).double().mean())
    return best


@right("membership.tpr_at")
def above_the_first_score_that_is_too_many(scores, member, fpr):
    others = scores[~member].sort(descending=True).values
    return (scores[member] > others[int(fpr * len(others) + 1e-9)]).double().mean()


# ── lira ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def two_kinds(shadow, members):
    for which in (members, ~members):
        columns = [shadow[which[:, i], i] for i in range(shadow.shape[1])]
        yield torch.stack([c.mean() for c in columns]), torch.stack([c.std() for c in columns])


def log_normal(phi, mean, std):
    return torch.distributions.Normal(mean, std).log_prob(phi)


@mistake("membership.lira", says="exchanged")
def exchanges_in_and_out(phi, shadow, members):
    inside, outside = two_kinds(shadow, members)
    return log_normal(phi, *outside) - log_normal(phi, *inside)


@mistake("membership.lira", says="logarithm")
def gives_the_ratio(phi, shadow, members):
    inside, outside = two_kinds(shadow, members)
    return (log_normal(phi, *inside) - log_normal(phi, *outside)).exp()


@mistake("membership.lira", says="log σ")
def compares_squared_distances(phi, shadow, members):
    (m1, s1), (m0, s0) = two_kinds(shadow, members)
    return 0.5 * ((phi - m0) / s0) ** 2 - 0.5 * ((phi - m1) / s1) ** 2


@mistake("membership.lira", says="½ of the exponent")
def forgets_the_half(phi, shadow, members):
    (m1, s1), (m0, s0) = two_kinds(shadow, members)
    return ((phi - m0) / s0) ** 2 + s0.log() - ((phi - m1) / s1) ** 2 - s1.log()


@mistake("membership.lira", says="each record has its own")
def takes_one_gaussian_for_everybody(phi, shadow, members):
    inside, outside = shadow[members], shadow[~members]
    return log_normal(phi, inside.mean(), inside.std()) - log_normal(phi, outside.mean(), outside.std())


@mistake("membership.lira", says="those that didn't")
def forgets_the_models_without_it(phi, shadow, members):
    inside, _ = two_kinds(shadow, members)
    return log_normal(phi, *inside)


@mistake("membership.lira", says="n − 1")
def divides_by_n(phi, shadow, members):
    score = 0
    for sign, which in ((1, members), (-1, ~members)):
        columns = [shadow[which[:, i], i] for i in range(shadow.shape[1])]
        mean, std = torch.stack([c.mean() for c in columns]), torch.stack([c.std(correction=0) for c in columns])
        score = score + sign * log_normal(phi, mean, std)
    return score


@right("membership.lira")
def column_by_column(phi, shadow, members):
    inside, outside = two_kinds(shadow, members)
    return log_normal(phi, *inside) - log_normal(phi, *outside)


@right("membership.lira")
def with_masks_and_without_a_loop(phi, shadow, members):
    total = torch.zeros_like(phi)
    for sign, which in ((1.0, members), (-1.0, ~members)):
        w = which.to(shadow.dtype)
        mean = (w * shadow).sum(0) / w.sum(0)
        var = (w * (shadow - mean) ** 2).sum(0) / (w.sum(0) - 1)
        total = total + sign * (-((phi - mean) ** 2) / (2 * var) - var.log() / 2)
    return total


# ── eve_loss ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def against(z, label):
    return functional.binary_cross_entropy_with_logits(z, torch.full_like(z, label))


@mistake("membership.eve_loss", says="usual way round")
def as_in_a_gan(on_synthetic, on_fresh):
    return (against(on_synthetic, 0.0) + against(on_fresh, 1.0)) / 2


@mistake("membership.eve_loss", says="added")
def adds_the_halves(on_synthetic, on_fresh):
    return against(on_synthetic, 1.0) + against(on_fresh, 0.0)


@mistake("membership.eve_loss", says="outweighs")
def puts_them_together(on_synthetic, on_fresh):
    z = torch.cat([on_synthetic, on_fresh])
    label = (torch.arange(len(z)) < len(on_synthetic)).to(z.dtype)
    return functional.binary_cross_entropy_with_logits(z, label)


@mistake("membership.eve_loss", says="only the synthetic half")
def forgets_the_fresh(on_synthetic, on_fresh):
    return against(on_synthetic, 1.0)


@mistake("membership.eve_loss", says="overflows")
def takes_the_log_of_the_sigmoid(on_synthetic, on_fresh):
    return (-on_synthetic.sigmoid().log().mean() - (1 - on_fresh.sigmoid()).log().mean()) / 2


@mistake("membership.eve_loss", says="twice")
def applies_the_sigmoid_first(on_synthetic, on_fresh):
    return (against(on_synthetic.sigmoid(), 1.0) + against(on_fresh.sigmoid(), 0.0)) / 2


@mistake("membership.eve_loss", says="nothing may be detached")
def forgets_that_it_has_to_learn(on_synthetic, on_fresh):
    return (against(on_synthetic, 1.0) + against(on_fresh.detach(), 0.0)) / 2


@right("membership.eve_loss")
def with_softplus(on_synthetic, on_fresh):
    return (functional.softplus(-on_synthetic).mean() + functional.softplus(on_fresh).mean()) / 2


@right("membership.eve_loss")
def with_logsigmoid(on_synthetic, on_fresh):
    return -0.5 * functional.logsigmoid(on_synthetic).mean() - 0.5 * functional.logsigmoid(-on_fresh).mean()


# ── clipped_mean ──────────────────────────────────────────────────────────────────────────────────────────────────────


def lengths(gradients):
    return torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1).clamp_min(1e-12)


def scaled(gradients, factor):
    return [torch.einsum("n,n...->...", factor, g) / len(g) for g in gradients]


@mistake("membership.clipped_mean", says="nothing is clipped")
def means_only(gradients, C):
    return [g.mean(0) for g in gradients]


@mistake("membership.clipped_mean", says="*mean* is clipped")
def clips_the_mean(gradients, C):
    means = [g.mean(0) for g in gradients]
    length = torch.cat([m.flatten() for m in means]).norm()
    return [m * min(1.0, C / float(length)) for m in means]


@mistake("membership.clipped_mean", says="over all layers together")
def clips_every_layer(gradients, C):
    return [scaled([g], (C / lengths([g])).clamp_max(1))[0] for g in gradients]


@mistake("membership.clipped_mean", says="short ones too")
def normalises(gradients, C):
    return scaled(gradients, C / lengths(gradients))


@mistake("membership.clipped_mean", says="each number")
def clamps_the_numbers(gradients, C):
    return [g.clamp(-C, C).mean(0) for g in gradients]


@mistake("membership.clipped_mean", says="sums")
def sums_up(gradients, C):
    factor = (C / lengths(gradients)).clamp_max(1)
    return [torch.einsum("n,n...->...", factor, g) for g in gradients]


@mistake("membership.clipped_mean", says="take the root")
def forgets_the_root(gradients, C):
    return scaled(gradients, (C / lengths(gradients) ** 2).clamp_max(1))


@mistake("membership.clipped_mean", says="left out")
def leaves_the_long_out(gradients, C):
    return scaled(gradients, (lengths(gradients) <= C).to(gradients[0].dtype))


@mistake("membership.clipped_mean", says="wrong shape")
def forgets_the_mean(gradients, C):
    factor = (C / lengths(gradients)).clamp_max(1)
    return [factor.view(-1, *[1] * (g.ndim - 1)) * g for g in gradients]


@right("membership.clipped_mean")
def with_einsum(gradients, C):
    return scaled(gradients, (C / lengths(gradients)).clamp_max(1))


@right("membership.clipped_mean")
def sample_by_sample(gradients, C):
    total = [torch.zeros_like(g[0]) for g in gradients]
    for i in range(len(gradients[0])):
        length = math.sqrt(sum(float(g[i].square().sum()) for g in gradients))
        scale = 1.0 if length <= C else C / length
        total = [t + scale * g[i] for t, g in zip(total, gradients)]
    return [t / len(gradients[0]) for t in total]
