"""Exercise 15, as a class might answer it."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# ── setting ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def setting_by_domain_only(source, target, labels):
    if source[:2] == target[:2]:
        return "inductive"
    return "transductive" if labels[1] == 0 else "inductive"


def setting_without_zero_shot(source, target, labels):
    if source == target:
        return "ordinary"
    if labels.sum() == 0:
        return "unsupervised"
    return "inductive" if labels[1] > 0 else "transductive"


def setting_forgets_ordinary(source, target, labels):
    if labels[0] == 0 and labels[1] == 0:
        return "unsupervised"
    if labels[0] == 0:
        return "inductive"
    if source[2:] == target[2:]:
        return "transductive"
    return "inductive" if labels[1] else "zero-shot"


def setting_returns_a_pair(source, target, labels):
    return ("inductive", "multi-task")


def right_setting_with_match(source, target, labels):
    same_task = source[2:] == target[2:]
    match (source == target, bool(labels[0]), bool(labels[1]), same_task):
        case (True, _, _, _):
            return "ordinary"
        case (_, False, False, _):
            return "unsupervised"
        case (_, True, _, True):
            return "transductive"
        case (_, _, True, _):
            return "inductive"
    return "zero-shot"


# ── importance_weights ────────────────────────────────────────────────────────────────────────────────────────────────


def weights_normalised(p, n_source, n_target):
    w = p / (1 - p) * n_source / n_target
    return w / w.sum()


def weights_no_parentheses(p, n_source, n_target):
    return p / 1 - p * n_source / n_target


def weights_of_target(p, n_source, n_target):
    return (1 - p) / p


def weights_sum_of_sizes(p, n_source, n_target):
    return p / (1 - p) * (n_source + n_target) / n_target


def weights_as_list(p, n_source, n_target):
    return [v / (1 - v) * n_source / n_target for v in p.tolist()]


def right_weights_numpy(p, n_source, n_target):
    q = p.numpy()
    return torch.from_numpy(np.divide(q, 1 - q)).to(p.dtype) * (n_source / n_target)


# ── effective_sample_size ─────────────────────────────────────────────────────────────────────────────────────────────


def size_of_squares(w):
    return (w**2).sum() / w.sum()


def size_with_std(w):
    return len(w) / (1 + w.std() / w.mean())


def size_unsquared(w):
    return w.sum() ** 2 / w.norm()


def size_as_share(w):
    return w.mean() ** 2 / (w**2).mean()


def right_size_loop(w):
    total = squares = 0.0
    for v in w.tolist():
        total, squares = total + v, squares + v * v
    return total * total / squares


# ── clip_weights ──────────────────────────────────────────────────────────────────────────────────────────────────────


def clip_at_raw_cap(w, most):
    return torch.clamp(w, 0, most)


def clip_mean_only_once(w, most):
    return torch.minimum(w / w.mean(), torch.tensor(most, dtype=w.dtype))


def clip_sum(w, most):
    v = torch.clamp(w / w.mean(), max=most)
    return v / v.sum()


def clip_iterates(w, most):
    v = w / w.mean()
    for _ in range(50):
        v = v.clamp(max=most)
        v = v / v.mean()
    return v


def right_clip_numpy(w, most):
    v = np.minimum(w.numpy() / w.numpy().mean(), most)
    return torch.from_numpy(v / v.mean()).to(w.dtype)


# ── procrustes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def procrustes_transposed(x, y):
    u, _, v = torch.linalg.svd(y.T @ x)
    return u @ v


def procrustes_svd_convention(x, y):
    u, _, v = torch.linalg.svd(x.T @ y)
    return u @ v.mT


def procrustes_rotation_only(x, y):
    u, _, vt = torch.linalg.svd(x.T @ y)
    d = torch.eye(x.shape[1], dtype=x.dtype)
    d[-1, -1] = torch.linalg.det(u @ vt)
    return u @ d @ vt


def procrustes_solve(x, y):
    return torch.linalg.solve(x.T @ x, x.T @ y)


def procrustes_centred(x, y):
    a, b = x - x.mean(0), y - y.mean(0)
    u, _, vt = torch.linalg.svd(a.T @ b)
    return u @ vt


def right_procrustes_full_matrices(x, y):
    u, _, vt = torch.linalg.svd(torch.tensordot(x, y, dims=([0], [0])), full_matrices=False)
    return torch.matmul(u, vt)


def right_procrustes_polar(x, y):
    m = (x.T @ y).double()
    values, vectors = torch.linalg.eigh(m.T @ m)
    return (m @ vectors @ torch.diag(values.rsqrt()) @ vectors.T).to(x.dtype)


# ── csls ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def csls_one_r(x, y, k):
    cos = F.normalize(x) @ F.normalize(y).T
    return 2 * cos - cos.topk(k, 1)[0].mean(1, keepdim=True)


def csls_broadcast_wrong(x, y, k):
    cos = F.normalize(x) @ F.normalize(y).T
    return 2 * cos - cos.topk(k, 0)[0].mean(0, keepdim=True) - cos.topk(k, 1)[0].mean()


def csls_dot(x, y, k):
    s = x @ y.T
    return 2 * s - s.topk(k, 1)[0].mean(1, keepdim=True) - s.topk(k, 0)[0].mean(0, keepdim=True)


def csls_without_two(x, y, k):
    cos = F.normalize(x) @ F.normalize(y).T
    return cos - cos.topk(k, 1)[0].mean(1, keepdim=True) - cos.topk(k, 0)[0].mean(0, keepdim=True)


def csls_distances(x, y, k):
    d = torch.cdist(F.normalize(x), F.normalize(y))
    return 2 * d - d.topk(k, 1)[0].mean(1, keepdim=True) - d.topk(k, 0)[0].mean(0, keepdim=True)


def right_csls_with_heapq(x, y, k):
    import heapq

    c = (F.normalize(x) @ F.normalize(y).T).tolist()
    r = [sum(heapq.nlargest(k, row)) / k for row in c]
    s = [sum(heapq.nlargest(k, [row[j] for row in c])) / k for j in range(len(c[0]))]
    out = [[2 * v - r[i] - s[j] for j, v in enumerate(row)] for i, row in enumerate(c)]
    return torch.tensor(out, dtype=x.dtype)


# ── soft_sharing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def sharing_mse(a, b, lambda_):
    return lambda_ * sum(F.mse_loss(p, q) for p, q in zip(a.parameters(), b.parameters()))


def sharing_weights_only(a, b, lambda_):
    total = 0
    for m, n in zip(a.modules(), b.modules()):
        if isinstance(m, nn.Linear):
            total = total + ((m.weight - n.weight) ** 2).sum()
    return lambda_ * total


def sharing_data(a, b, lambda_):
    return lambda_ * sum(((p.data - q.data) ** 2).sum() for p, q in zip(a.parameters(), b.parameters()))


def sharing_norm(a, b, lambda_):
    return lambda_ * sum(torch.norm(p - q) for p, q in zip(a.parameters(), b.parameters()))


def right_sharing_stack(a, b, lambda_):
    parts = [(p - q).flatten() for p, q in zip(a.parameters(), b.parameters())]
    long = torch.cat(parts)
    return lambda_ * (long @ long)


# ── sgns_loss ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def sgns_mean_of_negatives(v, u, centre, context, negatives):
    c = v[centre]
    n = F.logsigmoid(-(c[:, None] * u[negatives]).sum(-1)) * (negatives != context[:, None])
    return -(F.logsigmoid((c * u[context]).sum(-1)) + n.mean(1)).mean()


def sgns_log_of_sigmoid(v, u, centre, context, negatives):
    c, mask = v[centre], negatives != context[:, None]
    p = torch.sigmoid((c * u[context]).sum(-1)).clamp_min(1e-7).log()
    n = torch.sigmoid(-(c[:, None] * u[negatives]).sum(-1)).clamp_min(1e-7).log()
    return -(p + (n * mask).sum(1)).mean()


def sgns_no_mask(v, u, centre, context, negatives):
    c = v[centre]
    n = F.logsigmoid(-torch.bmm(u[negatives], c.unsqueeze(2)).squeeze(2)).sum(1)
    return -(F.logsigmoid((c * u[context]).sum(1)) + n).mean()


def sgns_sum(v, u, centre, context, negatives):
    c, mask = v[centre], negatives != context[:, None]
    n = F.logsigmoid(-(c[:, None] * u[negatives]).sum(-1)) * mask
    return -(F.logsigmoid((c * u[context]).sum(-1)).sum() + n.sum())


def sgns_positive_sign(v, u, centre, context, negatives):
    c, mask = v[centre], negatives != context[:, None]
    n = F.logsigmoid((c[:, None] * u[negatives]).sum(-1)) * mask
    return -(F.logsigmoid((c * u[context]).sum(-1)) + n.sum(1)).mean()


def sgns_one_table(v, u, centre, context, negatives):
    c, mask = v[centre], negatives != context[:, None]
    n = F.logsigmoid(-(c[:, None] * v[negatives]).sum(-1)) * mask
    return -(F.logsigmoid((c * v[context]).sum(-1)) + n.sum(1)).mean()


def sgns_bce_unweighted(v, u, centre, context, negatives):
    words = torch.cat([context[:, None], negatives], 1)
    scores = (u[words] * v[centre][:, None]).sum(-1)
    target = torch.zeros_like(scores)
    target[:, 0] = 1
    return F.binary_cross_entropy_with_logits(scores, target)


def right_sgns_softplus(v, u, centre, context, negatives):
    c = F.embedding(centre, v)
    p = F.softplus(-(c * F.embedding(context, u)).sum(1))
    n = F.softplus((c.unsqueeze(1) * F.embedding(negatives, u)).sum(2))
    return (p + torch.where(negatives == context.unsqueeze(1), torch.zeros_like(n), n).sum(1)).mean()


def right_sgns_logaddexp(v, u, centre, context, negatives):
    scores = v[centre] @ u.T
    zero = torch.zeros((), dtype=v.dtype)
    p = torch.logaddexp(zero, -scores[torch.arange(len(centre)), context])
    n = torch.logaddexp(zero, scores.gather(1, negatives))
    n = n.masked_fill(negatives == context[:, None], 0)
    return p.mean() + n.sum() / len(centre)


def right_weights_logit(p, n_source, n_target):
    return (torch.logit(p) + math.log(n_source / n_target)).exp()


FRESH = [
    (f"transfer.{key}", function, "right" if function.__name__.startswith("right_") else "wrong")
    for key, functions in {
        "setting": (setting_by_domain_only, setting_without_zero_shot, setting_forgets_ordinary,
                    setting_returns_a_pair, right_setting_with_match),
        "importance_weights": (weights_normalised, weights_no_parentheses, weights_of_target, weights_sum_of_sizes,
                               weights_as_list, right_weights_numpy, right_weights_logit),
        "effective_sample_size": (size_of_squares, size_with_std, size_unsquared, size_as_share, right_size_loop),
        "clip_weights": (clip_at_raw_cap, clip_mean_only_once, clip_sum, clip_iterates, right_clip_numpy),
        "procrustes": (procrustes_transposed, procrustes_svd_convention, procrustes_rotation_only, procrustes_solve,
                       procrustes_centred, right_procrustes_full_matrices, right_procrustes_polar),
        "csls": (csls_one_r, csls_broadcast_wrong, csls_dot, csls_without_two, csls_distances, right_csls_with_heapq),
        "soft_sharing": (sharing_mse, sharing_weights_only, sharing_data, sharing_norm, right_sharing_stack),
        "sgns_loss": (sgns_mean_of_negatives, sgns_log_of_sigmoid, sgns_no_mask, sgns_sum, sgns_positive_sign,
                      sgns_one_table, sgns_bce_unweighted, right_sgns_softplus, right_sgns_logaddexp),
    }.items()
    for function in functions
]  # fmt: skip
