"""Right answers to exercise 19, written differently."""

import math

import torch
from sklearn.metrics import roc_curve
from torch.nn import functional

from tests.rights import right

# ── advantage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


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


@right("membership.advantage")
def by_searching_sorted_scores(scores, member):
    inside, outside = scores[member].sort().values, scores[~member].sort().values
    tau = torch.cat([inside, outside])
    hits = 1 - torch.searchsorted(inside, tau).double() / len(inside)
    false = 1 - torch.searchsorted(outside, tau).double() / len(outside)
    return float((hits - false).amax().clamp(min=0))


@right("membership.advantage")
def as_kolmogorov_and_smirnov_do(scores, member):
    best = torch.zeros(())
    for tau in sorted(set(scores.tolist()), reverse=True):
        guess = (scores >= tau).float()
        gain = (guess * member).sum() / member.sum() - (guess * ~member).sum() / (~member).sum()
        best = torch.maximum(best, gain)
    return best


# ── loss_attack ───────────────────────────────────────────────────────────────────────────────────────────────────────


@right("membership.loss_attack")
def record_by_record(logits, y, mean_loss):
    guesses = []
    for row, k in zip(logits, y.tolist()):
        guesses.append(float(torch.logsumexp(row, 0) - row[k]) <= mean_loss)
    return torch.tensor(guesses)


@right("membership.loss_attack")
def by_the_probability_it_corresponds_to(logits, y, mean_loss):
    return logits.log_softmax(1)[torch.arange(len(y)), y].exp() >= math.exp(-mean_loss)


@right("membership.loss_attack")
def with_nll_and_log_softmax(logits, y, mean_loss):
    losses = torch.nn.NLLLoss(reduction="none")(functional.log_softmax(logits, dim=-1), y)
    return ~(losses > mean_loss)


@right("membership.loss_attack")
def with_one_hot_labels(logits, y, mean_loss):
    chosen = torch.einsum("nk,nk->n", logits.double(), functional.one_hot(y, logits.shape[1]).double())
    return torch.le(torch.logsumexp(logits.double(), 1) - chosen, mean_loss)


# ── tpr_at ────────────────────────────────────────────────────────────────────────────────────────────────────────────


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


@right("membership.tpr_at")
def from_scikit_learns_points(scores, member, fpr):
    false, true, _ = roc_curve(member.numpy(), scores.numpy(), drop_intermediate=False)
    return true[false <= fpr][-1]


@right("membership.tpr_at")
def by_counting_accusations(scores, member, fpr):
    n, rate = int((~member).sum()), 0.0
    for tau in scores.unique().flip(0):
        if ((scores >= tau) & ~member).sum() > fpr * n:
            break
        rate = float(((scores >= tau) & member).sum() / member.sum())
    return rate


# ── lira ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def two_kinds(shadow, members):
    for which in (members, ~members):
        columns = [shadow[which[:, i], i] for i in range(shadow.shape[1])]
        yield torch.stack([c.mean() for c in columns]), torch.stack([c.std() for c in columns])


def log_normal(phi, mean, std):
    return torch.distributions.Normal(mean, std).log_prob(phi)


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


@right("membership.lira")
def record_by_record_in_plain_python(phi, shadow, members):
    scores = []
    for i in range(phi.shape[0]):
        logs = []
        for kind in (True, False):
            values = [v for v, m in zip(shadow[:, i].tolist(), members[:, i].tolist()) if m is kind]
            mean = sum(values) / len(values)
            var = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
            logs.append(-((phi[i].item() - mean) ** 2) / (2 * var) - 0.5 * math.log(2 * math.pi * var))
        scores.append(logs[0] - logs[1])
    return torch.tensor(scores, dtype=phi.dtype)


@right("membership.lira")
def with_nan_where_it_does_not_count(phi, shadow, members):
    parts = []
    for which in (members, ~members):
        values = shadow.masked_fill(~which, math.nan)
        mean = values.nanmean(0)
        var = (values - mean).square().nansum(0) / (which.sum(0) - 1)
        parts.append(-(phi - mean).square() / (2 * var) - 0.5 * torch.log(2 * math.pi * var))
    return parts[0] - parts[1]


# ── eve_loss ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def against(z, label):
    return functional.binary_cross_entropy_with_logits(z, torch.full_like(z, label))


@right("membership.eve_loss")
def with_softplus(on_synthetic, on_fresh):
    return (functional.softplus(-on_synthetic).mean() + functional.softplus(on_fresh).mean()) / 2


@right("membership.eve_loss")
def with_logsigmoid(on_synthetic, on_fresh):
    return -0.5 * functional.logsigmoid(on_synthetic).mean() - 0.5 * functional.logsigmoid(-on_fresh).mean()


@right("membership.eve_loss")
def by_the_two_criteria(on_synthetic, on_fresh):
    criterion = torch.nn.BCEWithLogitsLoss()
    one, zero = on_synthetic.new_ones(len(on_synthetic)), on_fresh.new_zeros(len(on_fresh))
    return torch.stack([criterion(on_synthetic, one), criterion(on_fresh, zero)]).mean()


@right("membership.eve_loss")
def with_weights_in_one_call(on_synthetic, on_fresh):
    n, m = len(on_synthetic), len(on_fresh)
    z = torch.cat([-on_synthetic, on_fresh])
    weight = torch.cat([torch.full((n,), 0.5 / n), torch.full((m,), 0.5 / m)]).to(z)
    return torch.dot(weight, torch.logaddexp(z, torch.zeros_like(z)))


# ── clipped_mean ──────────────────────────────────────────────────────────────────────────────────────────────────────


def lengths(gradients):
    return torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1).clamp_min(1e-12)


def scaled(gradients, factor):
    return [torch.einsum("n,n...->...", factor, g) / len(g) for g in gradients]


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


@right("membership.clipped_mean")
def with_renorm(gradients, C):
    rows = torch.cat([g.reshape(len(g), -1) for g in gradients], dim=1)
    mean = rows.renorm(2, 0, C).mean(0)
    return [part.view(g.shape[1:]) for part, g in zip(mean.split([g[0].numel() for g in gradients]), gradients)]


@right("membership.clipped_mean")
def with_squares_of_each_layer(gradients, C):
    squares = sum((g**2).sum(dim=tuple(range(1, g.ndim))) for g in gradients)
    factor = torch.where(squares > C**2, C / squares.sqrt(), torch.ones_like(squares))
    return tuple((g.movedim(0, -1) * factor).movedim(-1, 0).sum(0) / len(factor) for g in gradients)
