"""Answers to exercise 19, written as students of several years might, without a look at the bank."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

FRESH = []


def wrong(key):
    return lambda function: FRESH.append((f"membership.{key}", function, "wrong")) or function


def right(key):
    return lambda function: FRESH.append((f"membership.{key}", function, "right")) or function


# ── advantage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("advantage")
def best_of_hundred_thresholds(scores, member):
    best = 0.0
    for tau in torch.linspace(float(scores.min()), float(scores.max()), 20):
        guess = scores >= tau
        best = max(best, float(guess[member].double().mean() - guess[~member].double().mean()))
    return best


@wrong("advantage")
def only_members_scores_first_best(scores, member):
    tau = scores[member].min()
    guess = scores >= tau
    return guess[member].double().mean() - guess[~member].double().mean()


@wrong("advantage")
def precision_minus(scores, member):
    best = torch.tensor(-1.0)
    for tau in scores.unique():
        guess = scores >= tau
        best = torch.maximum(best, member[guess].float().mean() - (~member[guess]).float().mean())
    return best


@wrong("advantage")
def absolute(scores, member):
    best = 0
    for tau in scores:
        guess = scores >= tau
        best = max(best, abs(guess[member].double().mean() - guess[~member].double().mean()))
    return best


@wrong("advantage")
def strictly_above_without_extremes(scores, member):
    best = -1.0
    for tau in scores.unique()[1:]:
        guess = scores <= tau
        best = max(best, float(guess[member].double().mean() - guess[~member].double().mean()))
    return best


@wrong("advantage")
def returns_threshold(scores, member):
    best, at = -1.0, None
    for tau in scores.unique():
        guess = scores >= tau
        gain = guess[member].double().mean() - guess[~member].double().mean()
        if gain > best:
            best, at = gain, tau
    return at


@wrong("advantage")
def integer_means(scores, member):
    best = 0
    for tau in scores.unique():
        guess = (scores >= tau).long()
        best = max(best, guess[member].sum() // member.sum() - guess[~member].sum() // (~member).sum())
    return best


@wrong("advantage")
def argmax_of_scores(scores, member):
    order = scores.argsort(descending=True)
    m = member[order].float()
    tpr = torch.cumsum(m, 0) / m.sum()
    fpr = torch.cumsum(1 - m, 0) / (1 - m).sum()
    return (tpr - fpr).max()


@wrong("advantage")
def tuple_of_rates(scores, member):
    best = (0.0, 0.0)
    for tau in scores.unique():
        guess = scores >= tau
        pair = (guess[member].double().mean(), guess[~member].double().mean())
        if pair[0] - pair[1] > best[0] - best[1]:
            best = pair
    return best


@right("advantage")
def with_broadcasting(scores, member):
    table = (scores.view(1, -1) >= scores.view(-1, 1)).double()
    tpr = (table * member.double()).sum(1) / member.double().sum()
    fpr = (table * (~member).double()).sum(1) / (~member).double().sum()
    return torch.max(tpr - fpr)


@right("advantage")
def with_numpy_roc(scores, member):
    s, m = scores.numpy(), member.numpy()
    taus = np.sort(np.unique(s))[::-1]
    gains = [(s[m] >= t).mean() - (s[~m] >= t).mean() for t in taus]
    return float(max(gains))


# ── loss_attack ───────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("loss_attack")
def reduction_forgotten(logits, y, mean_loss):
    return F.cross_entropy(logits, y) <= mean_loss


@wrong("loss_attack")
def strict(logits, y, mean_loss):
    return F.cross_entropy(logits, y, reduction="none") < mean_loss


@wrong("loss_attack")
def clamp_probability(logits, y, mean_loss):
    p = logits.softmax(1)[torch.arange(len(y)), y]
    return -torch.log(p.clamp(min=1e-3)) <= mean_loss


@wrong("loss_attack")
def max_probability(logits, y, mean_loss):
    p = logits.softmax(1).max(1).values
    return -torch.log(p) <= mean_loss


@wrong("loss_attack")
def probability_above(logits, y, mean_loss):
    p = logits.softmax(1)[torch.arange(len(y)), y]
    return p >= mean_loss


@wrong("loss_attack")
def log10(logits, y, mean_loss):
    return -torch.log10(logits.softmax(1)[torch.arange(len(y)), y]) <= mean_loss


@wrong("loss_attack")
def integers(logits, y, mean_loss):
    return (F.cross_entropy(logits, y, reduction="none") <= mean_loss).int()


@wrong("loss_attack")
def as_list(logits, y, mean_loss):
    return [bool(v <= mean_loss) for v in F.cross_entropy(logits, y, reduction="none")]


@wrong("loss_attack")
def own_mean(logits, y, mean_loss):
    losses = F.cross_entropy(logits, y, reduction="none")
    return losses <= losses.mean()


@wrong("loss_attack")
def column(logits, y, mean_loss):
    return (-logits.log_softmax(1).gather(1, y[:, None])) <= mean_loss


@wrong("loss_attack")
def all_pairs(logits, y, mean_loss):
    return -logits.log_softmax(1)[:, y] <= mean_loss


@wrong("loss_attack")
def naive_exp(logits, y, mean_loss):
    e = torch.exp(logits)
    return -torch.log(e[torch.arange(len(y)), y] / e.sum(1)) <= mean_loss


@right("loss_attack")
def shifted_by_hand(logits, y, mean_loss):
    z = logits - logits.max(dim=1, keepdim=True).values
    losses = z.exp().sum(1).log() - z[torch.arange(len(z)), y]
    return losses <= mean_loss


@right("loss_attack")
def by_criterion(logits, y, mean_loss):
    return nn.CrossEntropyLoss(reduction="none")(logits, y).le(mean_loss)


# ── tpr_at ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("tpr_at")
def first_threshold_that_fits(scores, member, fpr):
    for tau in scores.unique().flip(0):
        guess = scores >= tau
        if guess[~member].double().mean() <= fpr:
            return guess[member].double().mean()
    return 0.0


@wrong("tpr_at")
def crashes_when_empty(scores, member, fpr):
    guess = scores >= scores.unique()[:, None]
    found, accused = guess[:, member].double().mean(1), guess[:, ~member].double().mean(1)
    return found[accused <= fpr].max()


@wrong("tpr_at")
def strictly_below(scores, member, fpr):
    best = 0.0
    for tau in scores.unique():
        guess = scores >= tau
        if guess[~member].double().mean() < fpr:
            best = max(best, float(guess[member].double().mean()))
    return best


@wrong("tpr_at")
def torch_quantile(scores, member, fpr):
    tau = torch.quantile(scores[~member], 1 - fpr)
    return (scores[member] >= tau).double().mean()


@wrong("tpr_at")
def np_interp(scores, member, fpr):
    taus = scores.unique().flip(0)
    guess = scores >= taus[:, None]
    t, f = guess[:, member].double().mean(1).numpy(), guess[:, ~member].double().mean(1).numpy()
    return np.interp(fpr, np.r_[0, f], np.r_[0, t])


@wrong("tpr_at")
def top_k(scores, member, fpr):
    k = int(fpr * len(scores))
    top = scores.topk(k).indices
    return member[top].double().sum() / member.sum()


@wrong("tpr_at")
def kth_other(scores, member, fpr):
    k = int(fpr * (~member).sum())
    tau = scores[~member].sort(descending=True).values[k]
    return (scores[member] >= tau).double().mean()


@wrong("tpr_at")
def swapped_masks(scores, member, fpr):
    best = 0.0
    for tau in scores.unique():
        guess = scores >= tau
        if guess[member].double().mean() <= fpr:
            best = max(best, float(guess[~member].double().mean()))
    return best


@wrong("tpr_at")
def returns_fpr(scores, member, fpr):
    best = 0.0
    for tau in scores.unique():
        guess = scores >= tau
        if guess[~member].double().mean() <= fpr:
            best = max(best, float(guess[~member].double().mean()))
    return best


@wrong("tpr_at")
def divides_accused_by_all(scores, member, fpr):
    best = 0.0
    for tau in scores.unique():
        guess = scores >= tau
        if (guess & ~member).double().mean() <= fpr:
            best = max(best, float(guess[member].double().mean()))
    return best


@wrong("tpr_at")
def sorted_cumsum(scores, member, fpr):
    m = member[scores.argsort(descending=True)].double()
    tpr, false = m.cumsum(0) / m.sum(), (1 - m).cumsum(0) / (1 - m).sum()
    ok = tpr[false <= fpr]
    return ok.max() if len(ok) else torch.tensor(0.0)


@right("tpr_at")
def infinite_threshold_added(scores, member, fpr):
    taus = torch.cat([scores, torch.tensor([float("inf")])])
    results = []
    for tau in taus:
        named = scores >= tau
        if named[~member].sum().item() <= fpr * (~member).sum().item():
            results.append(named[member].double().mean())
    return torch.stack(results).max()


# ── lira ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("lira")
def global_std(phi, shadow, members):
    score = torch.zeros_like(phi)
    for sign, kind in ((1, members), (-1, ~members)):
        std = shadow[kind].std()
        for i in range(len(phi)):
            mean = shadow[kind[:, i], i].mean()
            score[i] += sign * (-((phi[i] - mean) ** 2) / (2 * std**2) - std.log())
    return score


@wrong("lira")
def variance_as_scale(phi, shadow, members):
    score = torch.zeros_like(phi)
    for i in range(len(phi)):
        a, b = shadow[members[:, i], i], shadow[~members[:, i], i]
        score[i] = torch.distributions.Normal(a.mean(), a.var()).log_prob(phi[i]) - torch.distributions.Normal(
            b.mean(), b.var()
        ).log_prob(phi[i])
    return score


@wrong("lira")
def out_minus_in(phi, shadow, members):
    score = torch.zeros_like(phi)
    for i in range(len(phi)):
        a, b = shadow[members[:, i], i], shadow[~members[:, i], i]
        la = -((phi[i] - a.mean()) ** 2) / (2 * a.std() ** 2) - a.std().log()
        lb = -((phi[i] - b.mean()) ** 2) / (2 * b.std() ** 2) - b.std().log()
        score[i] = lb - la
    return score


@wrong("lira")
def biased_std(phi, shadow, members):
    score = torch.zeros_like(phi)
    for i in range(len(phi)):
        a, b = shadow[members[:, i], i], shadow[~members[:, i], i]
        sa, sb = a.std(unbiased=False), b.std(unbiased=False)
        score[i] = (-((phi[i] - a.mean()) ** 2) / (2 * sa**2) - sa.log()) - (
            -((phi[i] - b.mean()) ** 2) / (2 * sb**2) - sb.log()
        )
    return score


@wrong("lira")
def rows_instead_of_columns(phi, shadow, members):
    score = torch.zeros(len(shadow), dtype=phi.dtype)
    for j in range(len(shadow)):
        a, b = shadow[j, members[j]], shadow[j, ~members[j]]
        score[j] = a.mean() - b.mean()
    return score


@wrong("lira")
def multiply_by_mask(phi, shadow, members):
    a, b = shadow * members, shadow * (~members)
    la = -((phi - a.mean(0)) ** 2) / (2 * a.std(0) ** 2) - a.std(0).log()
    lb = -((phi - b.mean(0)) ** 2) / (2 * b.std(0) ** 2) - b.std(0).log()
    return la - lb


@wrong("lira")
def no_square_in_denominator(phi, shadow, members):
    score = torch.zeros_like(phi)
    for i in range(len(phi)):
        a, b = shadow[members[:, i], i], shadow[~members[:, i], i]
        score[i] = (-((phi[i] - a.mean()) ** 2) / (2 * a.std()) - a.std().log()) - (
            -((phi[i] - b.mean()) ** 2) / (2 * b.std()) - b.std().log()
        )
    return score


@wrong("lira")
def precedence(phi, shadow, members):
    score = torch.zeros_like(phi)
    for i in range(len(phi)):
        a, b = shadow[members[:, i], i], shadow[~members[:, i], i]
        score[i] = (-((phi[i] - a.mean()) ** 2) / 2 * a.std() ** 2 - a.std().log()) - (
            -((phi[i] - b.mean()) ** 2) / 2 * b.std() ** 2 - b.std().log()
        )
    return score


@wrong("lira")
def gives_probability(phi, shadow, members):
    score = torch.zeros_like(phi)
    for i in range(len(phi)):
        a, b = shadow[members[:, i], i], shadow[~members[:, i], i]
        la = torch.distributions.Normal(a.mean(), a.std()).log_prob(phi[i])
        lb = torch.distributions.Normal(b.mean(), b.std()).log_prob(phi[i])
        score[i] = torch.sigmoid(la - lb)
    return score


@wrong("lira")
def offline_z(phi, shadow, members):
    score = torch.zeros_like(phi)
    for i in range(len(phi)):
        b = shadow[~members[:, i], i]
        score[i] = (phi[i] - b.mean()) / b.std()
    return score


@right("lira")
def by_normal_distributions(phi, shadow, members):
    out = torch.empty_like(phi)
    for i in range(phi.numel()):
        inside, outside = shadow[:, i][members[:, i]], shadow[:, i][members[:, i].logical_not()]
        p = torch.distributions.Normal(inside.mean(), inside.std())
        q = torch.distributions.Normal(outside.mean(), outside.std())
        out[i] = p.log_prob(phi[i]) - q.log_prob(phi[i])
    return out


@right("lira")
def with_weights(phi, shadow, members):
    logs = []
    for w in (members.to(shadow.dtype), 1 - members.to(shadow.dtype)):
        k = w.sum(0)
        mu = torch.einsum("mn,mn->n", w, shadow) / k
        sigma = (torch.einsum("mn,mn->n", w, (shadow - mu).pow(2)) / (k - 1)).sqrt()
        logs.append(-0.5 * ((phi - mu) / sigma).pow(2) - torch.log(sigma))
    return torch.sub(*logs)


# ── eve_loss ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("eve_loss")
def gan_labels(on_synthetic, on_fresh):
    bce = nn.BCEWithLogitsLoss()
    return 0.5 * (bce(on_synthetic, torch.zeros_like(on_synthetic)) + bce(on_fresh, torch.ones_like(on_fresh)))


@wrong("eve_loss")
def without_half(on_synthetic, on_fresh):
    return F.softplus(-on_synthetic).mean() + F.softplus(on_fresh).mean()


@wrong("eve_loss")
def joined(on_synthetic, on_fresh):
    z = torch.cat([on_synthetic, on_fresh])
    t = torch.cat([torch.ones_like(on_synthetic), torch.zeros_like(on_fresh)])
    return F.binary_cross_entropy_with_logits(z, t)


@wrong("eve_loss")
def bce_probabilities(on_synthetic, on_fresh):
    a, b = torch.sigmoid(on_synthetic), torch.sigmoid(on_fresh)
    return (F.binary_cross_entropy(a, torch.ones_like(a)) + F.binary_cross_entropy(b, torch.zeros_like(b))) / 2


@wrong("eve_loss")
def logs_with_eps(on_synthetic, on_fresh):
    a, b = torch.sigmoid(on_synthetic), torch.sigmoid(on_fresh)
    return -0.5 * (a + 1e-7).log().mean() - 0.5 * (1 - b + 1e-7).log().mean()


@wrong("eve_loss")
def half_only_on_first(on_synthetic, on_fresh):
    return 0.5 * F.softplus(-on_synthetic).mean() + F.softplus(on_fresh).mean()


@wrong("eve_loss")
def no_grad_at_all(on_synthetic, on_fresh):
    with torch.no_grad():
        return (F.softplus(-on_synthetic).mean() + F.softplus(on_fresh).mean()) / 2


@wrong("eve_loss")
def pairwise(on_synthetic, on_fresh):
    return F.softplus(on_fresh[None] - on_synthetic[:, None]).mean()


@right("eve_loss")
def with_where_and_log1p(on_synthetic, on_fresh):
    def nll(z):
        return z.clamp(max=0).neg() + torch.log1p(torch.exp(-z.abs()))

    return nll(on_synthetic).mean().div(2) + nll(-on_fresh).mean().div(2)


# ── clipped_mean ──────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("clipped_mean")
def clip_grad_norm_of_the_mean(gradients, C):
    means = [g.mean(0) for g in gradients]
    total = torch.sqrt(sum((m**2).sum() for m in means))
    return [m * min(1, C / (total + 1e-6)) for m in means]


@wrong("clipped_mean")
def per_layer(gradients, C):
    out = []
    for g in gradients:
        norms = g.flatten(1).norm(dim=1).clamp(min=1e-12)
        factor = (C / norms).clamp(max=1)
        out.append((factor.view(-1, *[1] * (g.ndim - 1)) * g).mean(0))
    return out


@wrong("clipped_mean")
def always_scaled(gradients, C):
    norms = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1).clamp(min=1e-12)
    return [(g * (C / norms).view(-1, *[1] * (g.ndim - 1))).mean(0) for g in gradients]


@wrong("clipped_mean")
def torch_clamp(gradients, C):
    return [torch.clamp(g, -C, C).mean(0) for g in gradients]


@wrong("clipped_mean")
def changes_the_gradients(gradients, C):
    norms = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1).clamp(min=1e-12)
    factor = (C / norms).clamp(max=1)
    for g in gradients:
        g.mul_(factor.view(-1, *[1] * (g.ndim - 1)))
    return [g.mean(0) for g in gradients]


@wrong("clipped_mean")
def sum_over_samples(gradients, C):
    norms = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1).clamp(min=1e-12)
    factor = (C / norms).clamp(max=1)
    return [torch.einsum("n,n...->...", factor, g) for g in gradients]


@wrong("clipped_mean")
def norm_over_samples(gradients, C):
    norms = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=0).clamp(min=1e-12)
    return [g.mean(0) * min(1.0, C / float(norms.norm())) for g in gradients]


@wrong("clipped_mean")
def broadcasting_slip(gradients, C):
    norms = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1).clamp(min=1e-12)
    factor = (C / norms).clamp(max=1)
    return [(factor[:, None] * g).mean(0) for g in gradients]


@wrong("clipped_mean")
def adds_noise(gradients, C):
    norms = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1).clamp(min=1e-12)
    factor = (C / norms).clamp(max=1)
    means = [(factor.view(-1, *[1] * (g.ndim - 1)) * g).mean(0) for g in gradients]
    return [m + C * torch.randn_like(m) / len(factor) for m in means]


@wrong("clipped_mean")
def nan_for_zero(gradients, C):
    norms = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1)
    unit = [g / norms.view(-1, *[1] * (g.ndim - 1)) for g in gradients]
    length = norms.clamp(max=C)
    return [(u * length.view(-1, *[1] * (u.ndim - 1))).mean(0) for u in unit]


@wrong("clipped_mean")
def max_instead_of_min(gradients, C):
    norms = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1).clamp(min=1e-12)
    factor = torch.maximum(torch.ones_like(norms), norms / C)
    return [(factor.view(-1, *[1] * (g.ndim - 1)) * g).mean(0) for g in gradients]


@right("clipped_mean")
def dividing_by_a_maximum(gradients, C):
    norms = sum(g.flatten(1).pow(2).sum(1) for g in gradients).sqrt()
    divisor = torch.maximum(torch.ones_like(norms), norms / C)
    return [(g / divisor.reshape([-1] + [1] * (g.dim() - 1))).mean(dim=0) for g in gradients]


@right("clipped_mean")
def with_python_loops(gradients, C):
    n = gradients[0].shape[0]
    total = [0 for _ in gradients]
    for i in range(n):
        sample = [g[i] for g in gradients]
        length = torch.sqrt(sum(torch.sum(s * s) for s in sample)).item()
        if length > C:
            sample = [s * (C / length) for s in sample]
        total = [t + s for t, s in zip(total, sample)]
    return [t / n for t in total]
