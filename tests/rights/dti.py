"""Right answers to exercise 20, written differently."""

import itertools
from collections import Counter

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from tests.rights import right

# ── assign ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("dti.assign")
def one_sample_at_a_time(x, centres):
    return torch.tensor([min(range(len(centres)), key=lambda j: float(((v - centres[j]) ** 2).sum())) for v in x])


@right("dti.assign")
def by_expanding_the_square(x, centres):
    a, c = x.flatten(1), centres.flatten(1)
    return (a @ c.T - c.pow(2).sum(1) / 2).argmax(1)


@right("dti.assign")
def with_cdist(x, centres):
    return torch.cdist(x.reshape(len(x), -1), centres.reshape(len(centres), -1)).min(dim=1).indices


@right("dti.assign")
def keeping_the_nearest_so_far(x, centres):
    nearest, number = torch.full((len(x),), torch.inf, dtype=x.dtype), torch.zeros(len(x), dtype=torch.long)
    for j, c in enumerate(centres):
        d = (x - c).square().flatten(1).sum(1)
        number[d < nearest] = j
        nearest = torch.minimum(nearest, d)
    return number


# ── update ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("dti.update")
def cluster_by_cluster(x, a, centres):
    new = centres.clone()
    for j in a.unique():
        new[j] = x[a == j].mean(0)
    return new


@right("dti.update")
def with_one_hot_vectors(x, a, centres):
    one = torch.nn.functional.one_hot(a, len(centres)).to(x.dtype)
    count = one.sum(0)
    mean = (one.T @ x.flatten(1) / count.clamp(min=1)[:, None]).view_as(centres)
    return torch.where((count > 0).view(-1, *[1] * (x.ndim - 1)), mean, centres)


@right("dti.update")
def as_a_list_of_rows(x, a, centres):
    return torch.stack([x[a == j].mean(dim=0) if j in a else centres[j] for j in range(len(centres))])


@right("dti.update")
def with_index_reduce(x, a, centres):
    return centres.clone().index_reduce_(0, a, x, "mean", include_self=False)


# ── accuracy ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("dti.accuracy")
def tries_every_naming(clusters, y):
    size = int(max(clusters.max(), y.max())) + 1
    names = (torch.tensor(p) for p in itertools.permutations(range(size)))
    return max((name[clusters] == y).double().mean() for name in names)


@right("dti.accuracy")
def with_the_hungarian_method(clusters, y):
    size = int(max(clusters.max(), y.max())) + 1
    table = torch.bincount(clusters * size + y, minlength=size * size).view(size, size).numpy()
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum()) / len(y)


@right("dti.accuracy")
def with_an_oblong_table(clusters, y):
    pairs = Counter(zip(clusters.tolist(), y.tolist()))
    table = np.array([[pairs[(a, b)] for b in y.unique().tolist()] for a in clusters.unique().tolist()])
    return table[linear_sum_assignment(table, maximize=True)].sum() / table.sum()


# ── invariant ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("dti.invariant")
def pair_by_pair(x, moved):
    return torch.stack([torch.stack([min(((v - t) ** 2).sum() for t in of_one) for of_one in moved]) for v in x])


@right("dti.invariant")
def with_cdist_of_versions(x, moved):
    k, s = moved.shape[:2]
    a, c = x.flatten(1).double(), moved.flatten(0, 1).flatten(1).double()
    each = torch.cdist(a, c, compute_mode="donot_use_mm_for_euclid_dist") ** 2
    return each.view(len(x), k, s).min(dim=2).values.to(x.dtype)


@right("dti.invariant")
def by_expanding_the_square_of_versions(x, moved):
    a, c = x.flatten(1), moved.flatten(2)
    each = (a**2).sum(1)[:, None, None] - 2 * torch.einsum("nd,ksd->nks", a, c) + (c**2).sum(2)
    return each.amin(dim=-1)


# ── affine_grid ───────────────────────────────────────────────────────────────────────────────────────────────────────


@right("dti.affine_grid")
def coordinate_by_coordinate(beta, h, w):
    x = (torch.arange(w, dtype=beta.dtype) * 2 + 1) / w - 1
    y = ((torch.arange(h, dtype=beta.dtype) * 2 + 1) / h - 1)[:, None]
    a, b, e, c, d, f = (v[:, None, None] for v in beta.unbind(1))
    return torch.stack([(1 + a) * x + b * y + e, c * x + (1 + d) * y + f], -1)


@right("dti.affine_grid")
def with_meshgrid_and_matmul(beta, h, w):
    ys = -1 + 1 / h + 2 / h * torch.arange(h, dtype=beta.dtype)
    xs = -1 + 1 / w + 2 / w * torch.arange(w, dtype=beta.dtype)
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3)
    matrix = beta.view(-1, 2, 3) + torch.eye(3, dtype=beta.dtype)[:2]
    return (points @ matrix.transpose(1, 2)).view(-1, h, w, 2)


@right("dti.affine_grid")
def pixel_by_pixel(beta, h, w):
    rows = []
    for matrix in beta.reshape(-1, 2, 3):
        for i, j in itertools.product(range(h), range(w)):
            x, y = -1 + (2 * j + 1) / w, -1 + (2 * i + 1) / h
            rows += [x + matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]]
            rows += [y + matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]]
    return torch.stack(rows).reshape(len(beta), h, w, 2)


# ── reassign ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("dti.reassign")
def in_a_loop(prototypes, moment, share, noise, least):
    best = max(range(len(share)), key=lambda j: float(share[j]))
    new, moved = [], []
    for j in range(len(share)):
        empty = float(share[j]) * len(share) < least
        new.append(prototypes[best] + noise[j] if empty else prototypes[j])
        moved.append(moment[best] if empty else moment[j])
    return torch.stack(new), torch.stack(moved)


@right("dti.reassign")
def with_an_index(prototypes, moment, share, noise, least):
    small = share < least / len(share)
    source = torch.where(small, share.argmax(), torch.arange(len(share)))
    return prototypes[source] + noise * small.view(-1, *[1] * (noise.ndim - 1)), moment[source]


@right("dti.reassign")
def as_a_list_with_numbers_of_rows(prototypes, moment, share, noise, least):
    p, m = prototypes.clone(), moment.clone()
    for j in torch.nonzero(share < least / share.numel()).flatten().tolist():
        p[j].copy_(prototypes[int(share.argmax())]).add_(noise[j])
        m[j] = moment[int(share.argmax())]
    return [p, m]
