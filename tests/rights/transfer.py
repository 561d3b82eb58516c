"""Right answers to exercise 15, written differently."""

import math

import numpy as np
import scipy.linalg
import torch
from torch.nn import functional as F

from tests.rights import right

# ── setting ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("transfer.setting")
def in_nested_questions(source, target, labels):
    same_domain = source[0] == target[0] and source[1] == target[1]
    same_task = source[2] == target[2] and source[3] == target[3]
    here, there = labels.tolist()
    if same_domain and same_task:
        return "ordinary"
    if here == 0 and there == 0:
        return "unsupervised"
    if here == 0:
        return "inductive"
    if same_task:
        return "transductive"
    return "inductive" if there else "zero-shot"


@right("transfer.setting")
def by_a_table(source, target, labels):
    if source == target:
        return "ordinary"
    table = {
        (True, True, True): "inductive",
        (True, True, False): "zero-shot",
        (False, True, True): "transductive",
        (False, True, False): "transductive",
    }
    here, there = (bool(n) for n in labels)
    return table.get((source[2:] != target[2:], here, there), "inductive" if there else "unsupervised")


# ── importance_weights ────────────────────────────────────────────────────────────────────────────────────────────────


@right("transfer.importance_weights")
def by_bayes_rule(p, n_source, n_target):
    prior = n_target / (n_source + n_target)
    return (p / prior) / ((1 - p) / (1 - prior))


@right("transfer.importance_weights")
def by_logarithms(p, n_source, n_target):
    return torch.exp(torch.log(p) - torch.log1p(-p) + math.log(n_source) - math.log(n_target))


@right("transfer.importance_weights")
def one_sample_after_another(p, n_source, n_target):
    return torch.tensor([v / (1 - v) * n_source / n_target for v in p.tolist()], dtype=p.dtype)


# ── effective_sample_size ─────────────────────────────────────────────────────────────────────────────────────────────


@right("transfer.effective_sample_size")
def of_shares(w):
    return 1 / (w / w.sum()).pow(2).sum()


@right("transfer.effective_sample_size")
def in_numpy(w):
    w = w.numpy().astype(float)
    return w.sum() ** 2 / (w @ w)


@right("transfer.effective_sample_size")
def by_the_variance(w):
    return len(w) / (1 + w.var(correction=0) / w.mean() ** 2)


# ── clip_weights ──────────────────────────────────────────────────────────────────────────────────────────────────────


@right("transfer.clip_weights")
def with_minimum(w, most):
    cut = torch.minimum(w, most * w.mean())
    return cut / cut.mean()


@right("transfer.clip_weights")
def with_where_and_a_sum(w, most):
    v = w * len(w) / w.sum()
    v = torch.where(v > most, torch.full_like(v, most), v)
    return len(v) * v / v.sum()


# ── procrustes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("transfer.procrustes")
def with_scipy(x, y):
    return torch.from_numpy(scipy.linalg.orthogonal_procrustes(x.numpy(), y.numpy())[0])


@right("transfer.procrustes")
def of_the_transposed_product(x, y):
    v, _, uh = torch.linalg.svd(y.T @ x)
    return uh.T @ v.T


@right("transfer.procrustes")
def with_the_old_svd(x, y):
    u, _, v = torch.svd(torch.einsum("ni,nj->ij", x, y))
    return u @ v.t()


# ── csls ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("transfer.csls")
def with_sort(x, y, k):
    a, b = x / x.norm(dim=1, keepdim=True), y / y.norm(dim=1, keepdim=True)
    cos = torch.einsum("nd,md->nm", a, b)
    r = cos.sort(dim=1, descending=True).values[:, :k].mean(1)
    s = cos.T.sort(dim=1, descending=True).values[:, :k].mean(1)
    return 2 * cos - r.unsqueeze(1) - s.unsqueeze(0)


@right("transfer.csls")
def word_by_word(x, y, k):
    cos = [[float(F.cosine_similarity(a, b, dim=0)) for b in y] for a in x]
    r = [sum(sorted(row)[-k:]) / min(k, len(row)) for row in cos]
    s = [sum(sorted(column)[-k:]) / min(k, len(column)) for column in zip(*cos)]
    return torch.tensor([[2 * c - r[i] - s[j] for j, c in enumerate(row)] for i, row in enumerate(cos)], dtype=x.dtype)


@right("transfer.csls")
def in_numpy_with_partition(x, y, k):
    a, b = (v.numpy() / np.linalg.norm(v.numpy(), axis=1, keepdims=True) for v in (x, y))
    cos = a @ b.T
    r = -np.sort(-cos, axis=1)[:, :k].mean(axis=1, keepdims=True)
    s = -np.sort(-cos, axis=0)[:k].mean(axis=0, keepdims=True)
    return torch.from_numpy(2 * cos - r - s)


# ── soft_sharing ──────────────────────────────────────────────────────────────────────────────────────────────────────


@right("transfer.soft_sharing")
def with_one_long_vector(a, b, lambda_):
    p, q = (torch.nn.utils.parameters_to_vector(m.parameters()) for m in (a, b))
    return lambda_ * F.mse_loss(p, q, reduction="sum")


@right("transfer.soft_sharing")
def by_names(a, b, lambda_):
    theirs = dict(b.named_parameters())
    total = torch.zeros((), dtype=next(a.parameters()).dtype)
    for name, p in a.named_parameters():
        total = total + torch.linalg.vector_norm(p - theirs[name]) ** 2
    return lambda_ * total


# ── sgns_loss ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("transfer.sgns_loss")
def pair_by_pair(v, u, centre, context, negatives):
    losses = []
    for c, o, row in zip(centre, context, negatives):
        loss = F.softplus(-u[o] @ v[c])
        for k in row:
            if k != o:
                loss = loss + F.softplus(u[k] @ v[c])
        losses.append(loss)
    return torch.stack(losses).mean()


@right("transfer.sgns_loss")
def as_a_binary_cross_entropy(v, u, centre, context, negatives):
    words = torch.cat([context[:, None], negatives], dim=1)
    scores = torch.bmm(u[words], v[centre][:, :, None])[:, :, 0]
    labels = torch.zeros_like(scores)
    labels[:, 0] = 1
    weight = torch.ones_like(scores)
    weight[:, 1:] = (negatives != context[:, None]).to(scores.dtype)
    total = F.binary_cross_entropy_with_logits(scores, labels, weight=weight, reduction="sum")
    return total / len(centre)


@right("transfer.sgns_loss")
def from_all_scores(v, u, centre, context, negatives):
    scores = v[centre] @ u.T
    positive = F.logsigmoid(scores.gather(1, context[:, None]))[:, 0]
    negative = F.logsigmoid(-scores.gather(1, negatives)).masked_fill(negatives == context[:, None], 0.0)
    return -(positive + negative.sum(dim=1)).mean()
