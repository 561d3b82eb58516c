"""Right answers to exercise 02, written differently."""

import math

import torch

from tests.rights import right

# ── mixup ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("mixing.mixup")
def pair_by_pair(x, y, partner, lambda_):
    new_x, new_y = torch.empty_like(x), torch.empty_like(y)
    for i, j in enumerate(partner.tolist()):
        new_x[i] = lambda_[i] * x[i] + (1 - lambda_[i]) * x[j]
        new_y[i] = lambda_[i] * y[i] + (1 - lambda_[i]) * y[j]
    return new_x, new_y


@right("mixing.mixup")
def as_a_matrix_of_weights(x, y, partner, lambda_):
    weight = torch.diag(lambda_)
    weight[torch.arange(len(x)), partner] += 1 - lambda_
    return (weight @ x.flatten(1)).view_as(x), weight @ y


# ── soft_cross_entropy ────────────────────────────────────────────────────────────────────────────────────────────────


@right("mixing.soft_cross_entropy")
def with_torchs_own(logits, y):
    return torch.nn.functional.cross_entropy(logits, y)


@right("mixing.soft_cross_entropy")
def with_logsumexp_in_a_loop(logits, y):
    losses = [torch.logsumexp(z, 0) - (p * z).sum() / p.sum() for z, p in zip(logits, y)]
    return sum(losses) / len(losses)


# ── cut_boxes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("mixing.cut_boxes")
def box_by_box(lambda_, centres, height, width):
    boxes, kept = [], []
    for value, (u, v) in zip(lambda_.tolist(), centres.tolist()):
        half_w, half_h = int(0.5 * math.sqrt(1 - value) * width), int(0.5 * math.sqrt(1 - value) * height)
        box = [max(u - half_w, 0), max(v - half_h, 0), min(u + half_w, width), min(v + half_h, height)]
        boxes.append(box)
        kept.append(1 - (box[2] - box[0]) * (box[3] - box[1]) / (height * width))
    return torch.tensor(boxes), torch.tensor(kept, dtype=lambda_.dtype)


@right("mixing.cut_boxes")
def by_counting_pixels(lambda_, centres, height, width):
    half_w = (0.5 * torch.sqrt(1 - lambda_) * width).floor().int()
    half_h = (0.5 * torch.sqrt(1 - lambda_) * height).floor().int()
    left, right_ = (centres[:, 0] - half_w).clamp(0, width), (centres[:, 0] + half_w).clamp(0, width)
    top, bottom = (centres[:, 1] - half_h).clamp(0, height), (centres[:, 1] + half_h).clamp(0, height)
    columns, rows = torch.arange(width), torch.arange(height)
    across = (columns >= left[:, None]) & (columns < right_[:, None])
    down = (rows >= top[:, None]) & (rows < bottom[:, None])
    inside = (down[:, :, None] & across[:, None]).to(lambda_.dtype)
    return torch.stack([left, top, right_, bottom], 1), 1 - inside.mean((1, 2))


# ── similarity ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("mixing.similarity")
def pair_of_targets_by_pair(y, sigma):
    out = torch.zeros(len(y), len(y), dtype=y.dtype)
    for i in range(len(y)):
        for j in range(len(y)):
            out[i, j] = math.exp(-float((y[i] - y[j]).square().sum()) / (2 * sigma**2))
    return out / out.sum(1, keepdim=True)


@right("mixing.similarity")
def by_distances_in_double_precision(y, sigma):
    wide = y.double()
    squared = (wide.unsqueeze(1) - wide.unsqueeze(0)).pow(2).sum(2)
    logs = -squared / (2 * sigma**2)
    return (logs - torch.logsumexp(logs, dim=1, keepdim=True)).exp().to(y.dtype)


# ── sampling_weights ──────────────────────────────────────────────────────────────────────────────────────────────────


@right("mixing.sampling_weights")
def class_by_class(y, classes):
    out = torch.zeros(len(y))
    present = [k for k in range(classes) if bool((y == k).any())]
    for k in present:
        out[y == k] = 1 / len(present) / float((y == k).sum())
    return out


@right("mixing.sampling_weights")
def by_normalising_the_weights(y, classes):
    same = (y[:, None] == y[None]).double().sum(1)
    return same.reciprocal() / same.reciprocal().sum()


# ── smote ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("mixing.smote")
def one_new_sample_at_a_time(x, base, rank, gap):
    new = []
    for i, r, g in zip(base.tolist(), rank.tolist(), gap.tolist()):
        distance = (x - x[i]).square().sum(1)
        distance[i] = math.inf
        j = int(distance.argsort()[r])
        new.append((1 - g) * x[i] + g * x[j])
    return torch.stack(new)


@right("mixing.smote")
def with_an_infinite_diagonal(x, base, rank, gap):
    distance = torch.cdist(x, x)
    distance.fill_diagonal_(math.inf)
    order = distance.topk(len(x) - 1, largest=False).indices
    neighbour = order[base].gather(1, rank.unsqueeze(1)).squeeze(1)
    return torch.lerp(x[base], x[neighbour], gap.unsqueeze(1))


# ── and some more of each ─────────────────────────────────────────────────────────────────────────────────────────────


@right("mixing.mixup")
def by_lerp_over_transposed_axes(x, y, partner, lambda_):
    mixed = torch.lerp(x[partner].movedim(0, -1), x.movedim(0, -1), lambda_).movedim(-1, 0)
    return mixed, torch.lerp(y[partner].T, y.T, lambda_).T


@right("mixing.mixup")
def by_einsum_into_a_list(x, y, partner, lambda_):
    other = 1 - lambda_
    return [
        torch.einsum("b,b...->b...", lambda_, v) + torch.einsum("b,b...->b...", other, v.index_select(0, partner))
        for v in (x, y)
    ]


@right("mixing.soft_cross_entropy")
def by_logsumexp_of_the_batch(logits, y):
    logs = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    return torch.einsum("bk,bk->", -y, logs) / logits.shape[0]


@right("mixing.soft_cross_entropy")
def with_a_module_of_torch(logits, y):
    return torch.nn.CrossEntropyLoss()(logits, y.detach())


@right("mixing.soft_cross_entropy")
def with_the_divergence_and_the_entropy(logits, y):
    entropy = -torch.special.xlogy(y, y).sum(1).mean()
    return torch.nn.functional.kl_div(logits.log_softmax(-1), y, reduction="batchmean") + entropy


@right("mixing.cut_boxes")
def with_numpy_and_integers_of_32_bits(lambda_, centres, height, width):
    import numpy as np

    r = np.sqrt(1 - lambda_.numpy().astype(np.float64))
    a, b = (r * width).astype(np.int32) // 2, (r * height).astype(np.int32) // 2
    u, v = centres.numpy().T
    boxes = np.stack([np.clip(u - a, 0, width), np.clip(v - b, 0, height),
                      np.clip(u + a, 0, width), np.clip(v + b, 0, height)], 1).astype(np.int32)  # fmt: skip
    inside = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return torch.from_numpy(boxes), torch.from_numpy(1.0 - inside / (height * width))


@right("mixing.cut_boxes")
def with_minimum_and_maximum(lambda_, centres, height, width):
    size = torch.tensor([width, height])
    half = torch.floor(torch.sqrt(1 - lambda_).unsqueeze(1) * size / 2).to(torch.int64)
    low, high = torch.clamp_min(centres - half, 0), torch.minimum(centres + half, size)
    sides = high - low
    return torch.cat((low, high), dim=1), 1 - sides[:, 0] * sides[:, 1] / (height * width)


@right("mixing.similarity")
def by_the_square_of_a_sum(y, sigma):
    wide = y.double() - y.double().mean(0)
    lengths = (wide**2).sum(1)
    squared = lengths[:, None] + lengths[None] - 2 * wide @ wide.T
    kernel = torch.exp(-squared / 2 / sigma**2)
    return (kernel / kernel.sum(dim=1, keepdim=True)).to(y.dtype)


@right("mixing.similarity")
def row_by_row(y, sigma):
    rows = []
    for one in y:
        k = torch.exp(-(torch.linalg.vector_norm(y - one, dim=1) ** 2) / (2 * sigma * sigma))
        rows.append(k / k.sum())
    return torch.stack(rows)


@right("mixing.sampling_weights")
def by_unique_values(y, classes):
    _, own, counts = y.unique(return_inverse=True, return_counts=True)
    return 1.0 / (counts[own].double() * len(counts))


@right("mixing.sampling_weights")
def with_a_counter(y, classes):
    from collections import Counter

    n = Counter(y.tolist())
    return torch.tensor([1 / (len(n) * n[k]) for k in y.tolist()])


@right("mixing.smote")
def with_norms_and_a_sort(x, base, rank, gap):
    distance = (x[base][:, None] - x[None]).norm(dim=2)
    distance[torch.arange(len(base)), base] = float("inf")
    j = distance.sort(dim=1).indices[torch.arange(len(base)), rank]
    return (1 - gap).unsqueeze(1) * x[base] + gap.unsqueeze(1) * x[j]


@right("mixing.smote")
def with_the_others_alone(x, base, rank, gap):
    new = torch.empty(len(base), x.shape[1], dtype=x.dtype)
    for m, i in enumerate(base):
        others = torch.cat([x[:i], x[i + 1 :]])
        near = others[((others - x[i]) ** 2).sum(1).argsort()[rank[m]]]
        new[m] = x[i] + gap[m] * (near - x[i])
    return new
