"""Answers to exercise 02, written afresh."""

import math

import numpy as np
import torch
from torch.nn import functional as F

# ── mixup ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def view_for_images_only(x, y, partner, lambda_):
    l = lambda_.view(-1, 1, 1, 1)  # noqa: E741
    return l * x + (1 - l) * x[partner], lambda_.view(-1, 1) * y + (1 - lambda_.view(-1, 1)) * y[partner]


def permutes_at_random(x, y, partner, lambda_):
    index = torch.randperm(len(x))
    l = lambda_.reshape(-1, *[1] * (x.dim() - 1))  # noqa: E741
    return l * x + (1 - l) * x[index], lambda_[:, None] * y + (1 - lambda_[:, None]) * y[index]


def forgets_the_unsqueeze_of_the_labels(x, y, partner, lambda_):
    l = lambda_.reshape(-1, *[1] * (x.dim() - 1))  # noqa: E741
    return l * x + (1 - l) * x[partner], lambda_ * y + (1 - lambda_) * y[partner]


def partner_of_the_partner(x, y, partner, lambda_):
    l = lambda_.reshape(-1, *[1] * (x.dim() - 1))  # noqa: E741
    j = partner[partner]
    return l * x + (1 - l) * x[j], lambda_[:, None] * y + (1 - lambda_[:, None]) * y[j]


def draws_its_own_weights(x, y, partner, lambda_):
    lam = torch.distributions.Beta(1.0, 1.0).sample((len(x),)).to(x.dtype)
    l = lam.reshape(-1, *[1] * (x.dim() - 1))  # noqa: E741
    return l * x + (1 - l) * x[partner], lam[:, None] * y + (1 - lam[:, None]) * y[partner]


def mixes_twice(x, y, partner, lambda_):
    l = lambda_.reshape(-1, *[1] * (x.dim() - 1))  # noqa: E741
    once = l * x + (1 - l) * x[partner]
    return l * once + (1 - l) * once[partner], lambda_[:, None] * y + (1 - lambda_[:, None]) * y[partner]


def uses_the_mixed_batch_for_the_partner(x, y, partner, lambda_):
    x, y = x.clone(), y.clone()
    for i in range(len(x)):
        j = int(partner[i])
        x[i] = lambda_[i] * x[i] + (1 - lambda_[i]) * x[j]
        y[i] = lambda_[i] * y[i] + (1 - lambda_[i]) * y[j]
    return x, y


def float_of_a_tensor(x, y, partner, lambda_):
    w = float(lambda_)
    return w * x + (1 - w) * x[partner], w * y + (1 - w) * y[partner]


def returns_the_loss_pair(x, y, partner, lambda_):
    l = lambda_.reshape(-1, *[1] * (x.dim() - 1))  # noqa: E741
    return l * x + (1 - l) * x[partner], y, y[partner], lambda_


def mixup_by_addcmul(x, y, partner, lambda_):
    def mix(v):
        w = lambda_.reshape((-1,) + (1,) * (v.ndim - 1))
        return torch.addcmul((1 - w) * v[partner], w.expand_as(v), v)

    return mix(x), mix(y)


# ── soft_cross_entropy ────────────────────────────────────────────────────────────────────────────────────────────────


def cross_entropy_of_probabilities(logits, y):
    return F.cross_entropy(logits.softmax(1), y)


def cross_entropy_without_reduction(logits, y):
    return F.cross_entropy(logits, y, reduction="sum") / y.numel()


def kl_with_the_wrong_reduction(logits, y):
    return F.kl_div(F.log_softmax(logits, dim=1), y, reduction="mean")


def exp_and_log_by_hand(logits, y):
    e = torch.exp(logits)
    p = e / e.sum(dim=1, keepdim=True)
    return -(y * torch.log(p)).sum(1).mean()


def squared_error(logits, y):
    return F.mse_loss(logits, y)


def takes_numpy(logits, y):
    z = logits.detach().numpy()
    z = z - z.max(axis=1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return torch.tensor(-(y.numpy() * logp).sum(1).mean())


def nll_of_the_best_class(logits, y):
    return F.nll_loss(F.log_softmax(logits, 1), y.max(1)[1])


def dim_zero_everywhere(logits, y):
    return -(y * F.log_softmax(logits, dim=0)).sum(0).mean()


def returns_a_float(logits, y):
    total = 0.0
    for z, p in zip(logits, y):
        logs = F.log_softmax(z, dim=0)
        for k in range(len(p)):
            total -= float(p[k]) * float(logs[k])
    return total / len(y)


def loss_as_list_of_losses(logits, y):
    losses = []
    for k in range(y.shape[1]):
        target = torch.full((len(y),), k)
        losses.append((y[:, k] * F.cross_entropy(logits, target, reduction="none")).mean())
    return torch.stack(losses).sum()


def loss_by_vecdot(logits, y):
    return -torch.linalg.vecdot(y, torch.nn.LogSoftmax(dim=1)(logits)).mean()


# ── cut_boxes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def like_the_paper_with_randint(lambda_, centres, height, width):
    cut = torch.sqrt(1.0 - lambda_)
    cut_w, cut_h = (width * cut).int(), (height * cut).int()
    x1 = (centres[:, 0] - cut_w // 2).clamp(0, width)
    y1 = (centres[:, 1] - cut_h // 2).clamp(0, height)
    x2 = (centres[:, 0] + cut_w // 2).clamp(0, width)
    y2 = (centres[:, 1] + cut_h // 2).clamp(0, height)
    return torch.stack([x1, y1, x2, y2], 1), 1 - (x2 - x1) * (y2 - y1) / (width * height)


def moves_the_box_inside(lambda_, centres, height, width):
    a = (0.5 * torch.sqrt(1 - lambda_) * width).long()
    b = (0.5 * torch.sqrt(1 - lambda_) * height).long()
    u = torch.minimum(torch.maximum(centres[:, 0], a), width - a)
    v = torch.minimum(torch.maximum(centres[:, 1], b), height - b)
    boxes = torch.stack([u - a, v - b, u + a, v + b], dim=1)
    return boxes, 1 - (4 * a * b).float() / (height * width)


def rows_and_columns(lambda_, centres, height, width):
    a = (0.5 * torch.sqrt(1 - lambda_) * height).long()
    b = (0.5 * torch.sqrt(1 - lambda_) * width).long()
    top, bottom = (centres[:, 0] - a).clamp(0, height), (centres[:, 0] + a).clamp(0, height)
    left, right = (centres[:, 1] - b).clamp(0, width), (centres[:, 1] + b).clamp(0, width)
    kept = 1 - ((right - left) * (bottom - top)).float() / (height * width)
    return torch.stack([left, top, right, bottom], dim=1), kept


def no_halves(lambda_, centres, height, width):
    a = ((1 - lambda_) * width).long() // 2
    b = ((1 - lambda_) * height).long() // 2
    left, right = (centres[:, 0] - a).clamp(0, width), (centres[:, 0] + a).clamp(0, width)
    top, bottom = (centres[:, 1] - b).clamp(0, height), (centres[:, 1] + b).clamp(0, height)
    return torch.stack([left, top, right, bottom], 1), lambda_


def box_as_python_lists(lambda_, centres, height, width):
    boxes, kept = [], []
    for l, (u, v) in zip(lambda_.tolist(), centres.tolist()):  # noqa: E741
        a, b = int(0.5 * math.sqrt(1 - l) * width), int(0.5 * math.sqrt(1 - l) * height)
        box = (max(0, u - a), max(0, v - b), min(width, u + a), min(height, v + b))
        boxes.append(box)
        kept.append(1 - (box[2] - box[0]) * (box[3] - box[1]) / height / width)
    return boxes, kept


def share_of_sides(lambda_, centres, height, width):
    a = (0.5 * torch.sqrt(1 - lambda_) * width).long()
    b = (0.5 * torch.sqrt(1 - lambda_) * height).long()
    left, right = (centres[:, 0] - a).clamp(0, width), (centres[:, 0] + a).clamp(0, width)
    top, bottom = (centres[:, 1] - b).clamp(0, height), (centres[:, 1] + b).clamp(0, height)
    return torch.stack([left, top, right, bottom], 1), 1 - ((right - left) / width + (bottom - top) / height) / 2


def clamps_the_wrong_way(lambda_, centres, height, width):
    a = (0.5 * torch.sqrt(1 - lambda_) * width).long()
    b = (0.5 * torch.sqrt(1 - lambda_) * height).long()
    left, right = (centres[:, 0] - a).clamp(max=0), (centres[:, 0] + a).clamp(min=width)
    top, bottom = (centres[:, 1] - b).clamp(max=0), (centres[:, 1] + b).clamp(min=height)
    return torch.stack([left, top, right, bottom], 1), 1 - ((right - left) * (bottom - top)).float() / (height * width)


def boxes_with_numpy(lambda_, centres, height, width):
    r = np.sqrt(1 - lambda_.double().numpy())
    half = np.stack([r * width / 2, r * height / 2], 1).astype(int)
    c = centres.numpy()
    low, high = np.maximum(c - half, 0), np.minimum(c + half, [width, height])
    boxes = torch.from_numpy(np.concatenate([low, high], 1))
    return boxes, torch.from_numpy(1 - np.prod(high - low, axis=1) / (height * width)).to(lambda_.dtype)


# ── similarity ────────────────────────────────────────────────────────────────────────────────────────────────────────


def half_of_the_square(y, sigma):
    d = torch.cdist(y, y) ** 2
    k = torch.exp(-(d / 2 * sigma**2))
    return k / k.sum(1, keepdim=True)


def two_sigma_squared(y, sigma):
    d = torch.cdist(y, y) ** 2
    k = torch.exp(-d / (2 * sigma) ** 2)
    return k / k.sum(1, keepdim=True)


def sums_the_wrong_axis(y, sigma):
    d = (y.unsqueeze(0) - y.unsqueeze(1)).pow(2).sum(-1)
    k = (-d / (2 * sigma**2)).exp()
    return k / k.sum(dim=0)


def pairs_of_batches(y, sigma):
    return torch.softmax(-((y[:, None] - y[None]) ** 2) / (2 * sigma**2), dim=1).mean(-1)


def without_itself(y, sigma):
    d = torch.cdist(y, y).square()
    d.fill_diagonal_(float("inf"))
    return torch.softmax(-d / (2 * sigma**2), dim=1)


def inverse_distance(y, sigma):
    w = 1 / (1 + torch.cdist(y, y) / sigma)
    return w / w.sum(1, keepdim=True)


def adds_a_little(y, sigma):
    k = torch.exp(-torch.cdist(y, y).pow(2) / (2 * sigma**2)) + 1e-3
    return k / k.sum(1, keepdim=True)


def similarity_in_log_space(y, sigma):
    e = -(y.unsqueeze(1) - y.unsqueeze(0)).pow(2).sum(2).div(2 * sigma * sigma)
    e = e - e.max(dim=1, keepdim=True).values
    return e.exp() / e.exp().sum(dim=1, keepdim=True)


# ── sampling_weights ──────────────────────────────────────────────────────────────────────────────────────────────────


def share_of_each_class(y, classes):
    return torch.bincount(y, minlength=classes) / len(y)


def effective_number(y, classes, beta=0.999):
    counts = torch.bincount(y, minlength=classes).float()
    weight = (1 - beta) / (1 - beta**counts)
    return weight[y] / weight[y].sum()


def softmax_of_minus_counts(y, classes):
    counts = torch.bincount(y, minlength=classes).float()
    return torch.softmax(-counts[y], dim=0)


def dictionary_of_weights(y, classes):
    counts = torch.bincount(y, minlength=classes)
    return {k: 1 / int(counts[k]) for k in range(classes) if counts[k]}


def divides_by_all_classes(y, classes):
    counts = torch.bincount(y, minlength=classes).double()
    return (1.0 / classes) / counts[y]


def divides_by_the_number_of_samples(y, classes):
    counts = torch.bincount(y, minlength=classes).float()
    w = 1 / counts[y]
    return w / len(y)


def integer_division(y, classes):
    counts = torch.bincount(y, minlength=classes)
    w = counts.sum() // counts.clamp(min=1)
    return w[y] / w[y].sum()


def weights_class_by_class(y, classes):
    p = torch.zeros(len(y), dtype=torch.float64)
    occurring = y.unique()
    for k in occurring:
        members = y == k
        p[members] = 1 / (members.sum() * len(occurring))
    return p


# ── smote ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def smote_with_topk_of_the_largest(x, base, rank, gap):
    d = torch.cdist(x, x)
    d.fill_diagonal_(float("inf"))
    near = d.topk(len(x) - 1).indices
    j = near[base, rank]
    return x[base] + gap.unsqueeze(1) * (x[j] - x[base])


def smote_with_itself_included(x, base, rank, gap):
    near = torch.cdist(x, x).topk(len(x), largest=False).indices
    return torch.lerp(x[base], x[near[base, rank]], gap.unsqueeze(1))


def smote_for_the_first_rank(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)[:, 1:]
    j = near[base][:, rank[0]]
    return x[base] + gap.unsqueeze(1) * (x[j] - x[base])


def smote_without_unsqueeze(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)[:, 1:]
    j = near[base, rank]
    return x[base] + gap * (x[j] - x[base])


def smote_that_fills_zero_distances(x, base, rank, gap):
    d = torch.cdist(x, x)
    d[d == 0] = float("inf")
    j = d.argsort(1)[base, rank]
    return x[base] + gap[:, None] * (x[j] - x[base])


def smote_backwards(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)[:, 1:]
    j = near[base, rank]
    return gap[:, None] * x[base] + (1 - gap[:, None]) * x[j]


def smote_with_all_ranks(x, base, rank, gap):
    near = torch.cdist(x, x).argsort(1)[:, 1:]
    j = near[base][:, rank]
    return x[base][:, None] + gap[:, None, None] * (x[j] - x[base][:, None])


def smote_with_squares_in_a_loop(x, base, rank, gap):
    new = []
    for b, r, g in zip(base, rank, gap):
        d = ((x - x[b]) ** 2).sum(dim=1)
        d[b] = -1
        neighbour = x[d.argsort()[1 + r]]
        new.append(x[b] * (1 - g) + neighbour * g)
    return torch.stack(new)


FRESH = [
    ("mixing.mixup", view_for_images_only, "wrong"),
    ("mixing.mixup", permutes_at_random, "wrong"),
    ("mixing.mixup", forgets_the_unsqueeze_of_the_labels, "wrong"),
    ("mixing.mixup", partner_of_the_partner, "wrong"),
    ("mixing.mixup", draws_its_own_weights, "wrong"),
    ("mixing.mixup", mixes_twice, "wrong"),
    ("mixing.mixup", uses_the_mixed_batch_for_the_partner, "wrong"),
    ("mixing.mixup", float_of_a_tensor, "wrong"),
    ("mixing.mixup", returns_the_loss_pair, "wrong"),
    ("mixing.mixup", mixup_by_addcmul, "right"),
    ("mixing.soft_cross_entropy", cross_entropy_of_probabilities, "wrong"),
    ("mixing.soft_cross_entropy", cross_entropy_without_reduction, "wrong"),
    ("mixing.soft_cross_entropy", kl_with_the_wrong_reduction, "wrong"),
    ("mixing.soft_cross_entropy", exp_and_log_by_hand, "wrong"),
    ("mixing.soft_cross_entropy", squared_error, "wrong"),
    ("mixing.soft_cross_entropy", takes_numpy, "wrong"),
    ("mixing.soft_cross_entropy", nll_of_the_best_class, "wrong"),
    ("mixing.soft_cross_entropy", dim_zero_everywhere, "wrong"),
    ("mixing.soft_cross_entropy", returns_a_float, "wrong"),
    ("mixing.soft_cross_entropy", loss_as_list_of_losses, "right"),
    ("mixing.soft_cross_entropy", loss_by_vecdot, "right"),
    ("mixing.cut_boxes", like_the_paper_with_randint, "right"),
    ("mixing.cut_boxes", moves_the_box_inside, "wrong"),
    ("mixing.cut_boxes", rows_and_columns, "wrong"),
    ("mixing.cut_boxes", no_halves, "wrong"),
    ("mixing.cut_boxes", box_as_python_lists, "wrong"),
    ("mixing.cut_boxes", share_of_sides, "wrong"),
    ("mixing.cut_boxes", clamps_the_wrong_way, "wrong"),
    ("mixing.cut_boxes", boxes_with_numpy, "right"),
    ("mixing.similarity", half_of_the_square, "wrong"),
    ("mixing.similarity", two_sigma_squared, "wrong"),
    ("mixing.similarity", sums_the_wrong_axis, "wrong"),
    ("mixing.similarity", pairs_of_batches, "wrong"),
    ("mixing.similarity", without_itself, "wrong"),
    ("mixing.similarity", inverse_distance, "wrong"),
    ("mixing.similarity", adds_a_little, "wrong"),
    ("mixing.similarity", similarity_in_log_space, "right"),
    ("mixing.sampling_weights", share_of_each_class, "wrong"),
    ("mixing.sampling_weights", effective_number, "wrong"),
    ("mixing.sampling_weights", softmax_of_minus_counts, "wrong"),
    ("mixing.sampling_weights", dictionary_of_weights, "wrong"),
    ("mixing.sampling_weights", divides_by_all_classes, "wrong"),
    ("mixing.sampling_weights", divides_by_the_number_of_samples, "wrong"),
    ("mixing.sampling_weights", integer_division, "wrong"),
    ("mixing.sampling_weights", weights_class_by_class, "right"),
    ("mixing.smote", smote_with_topk_of_the_largest, "wrong"),
    ("mixing.smote", smote_with_itself_included, "wrong"),
    ("mixing.smote", smote_for_the_first_rank, "wrong"),
    ("mixing.smote", smote_without_unsqueeze, "wrong"),
    ("mixing.smote", smote_that_fills_zero_distances, "wrong"),
    ("mixing.smote", smote_backwards, "wrong"),
    ("mixing.smote", smote_with_all_ranks, "wrong"),
    ("mixing.smote", smote_with_squares_in_a_loop, "right"),
]
