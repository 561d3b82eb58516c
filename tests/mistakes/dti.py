"""Answers to exercise 20 that students plausibly give."""

import torch

from tests.mistakes import mistake, right

# ── assign ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("dti.assign", says="farthest")
def takes_the_farthest(x, centres):
    return torch.cdist(x.flatten(1), centres.flatten(1)).argmax(1)


@mistake("dti.assign", says="inner product")
def takes_the_largest_inner_product(x, centres):
    return (x.flatten(1) @ centres.flatten(1).T).argmax(1)


@mistake("dti.assign", says="nearest sample of each centre")
def minimises_over_samples(x, centres):
    return torch.cdist(x.flatten(1), centres.flatten(1)).argmin(0)


@mistake("dti.assign", says="every pair")
def returns_the_distances(x, centres):
    return torch.cdist(x.flatten(1), centres.flatten(1))


@mistake("dti.assign", says="cancel")
def forgets_to_square(x, centres):
    return (x.flatten(1)[:, None] - centres.flatten(1)).sum(2).abs().argmin(1)


@mistake("dti.assign", says="whole numbers")
def returns_the_smallest_distance(x, centres):
    return torch.cdist(x.flatten(1), centres.flatten(1)).min(1).values


@right("dti.assign")
def one_sample_at_a_time(x, centres):
    return torch.tensor([min(range(len(centres)), key=lambda j: float(((v - centres[j]) ** 2).sum())) for v in x])


@right("dti.assign")
def by_expanding_the_square(x, centres):
    a, c = x.flatten(1), centres.flatten(1)
    return (a @ c.T - c.pow(2).sum(1) / 2).argmax(1)


# ── update ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("dti.update", says="sums")
def forgets_to_divide(x, a, centres):
    return torch.stack([x[a == j].sum(0) if (a == j).any() else centres[j] for j in range(len(centres))])


@mistake("dti.update", says="nan")
def takes_the_mean_of_nothing(x, a, centres):
    return torch.stack([x[a == j].mean(0) for j in range(len(centres))])


@mistake("dti.update", says="empty cluster got lost")
def drops_empty_clusters(x, a, centres):
    return torch.stack([x[a == j].mean(0) for j in a.unique()])


@mistake("dti.update", says="keeps its old centre")
def puts_empty_clusters_at_zero(x, a, centres):
    return torch.stack([x[a == j].sum(0) / max(int((a == j).sum()), 1) for j in range(len(centres))])


@mistake("dti.update", says="changed its argument")
def writes_into_the_old_centres(x, a, centres):
    for j in range(len(centres)):
        if (a == j).any():
            centres[j] = x[a == j].mean(0)
    return centres


@mistake("dti.update", says="mean of all samples")
def ignores_the_assignment(x, a, centres):
    return x.mean(0).expand_as(centres)


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


# ── invariant ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("dti.invariant", says="mean over transformations")
def averages_over_transformations(x, moved):
    return (x[:, None, None] - moved).pow(2).flatten(3).sum(3).mean(2)


@mistake("dti.invariant", says="each *pixel* chooses")
def minimises_pixel_by_pixel(x, moved):
    return (x[:, None, None] - moved).pow(2).amin(2).flatten(2).sum(2)


@mistake("dti.invariant", says="over centres here")
def minimises_over_centres(x, moved):
    return (x[:, None, None] - moved).pow(2).flatten(3).sum(3).amin(1)


@mistake("dti.invariant", says="one too many")
def minimises_over_both(x, moved):
    return (x[:, None, None] - moved).pow(2).flatten(1, 2).flatten(2).sum(2).amin(1)


@mistake("dti.invariant", says="every transformation")
def forgets_the_minimum(x, moved):
    return (x[:, None, None] - moved).pow(2).flatten(3).sum(3)


@mistake("dti.invariant", says="not averaged")
def averages_over_pixels(x, moved):
    return (x[:, None, None] - moved).pow(2).flatten(3).mean(3).amin(2)


@right("dti.invariant")
def pair_by_pair(x, moved):
    return torch.stack([torch.stack([min(((v - t) ** 2).sum() for t in of_one) for of_one in moved]) for v in x])


@right("dti.invariant")
def with_cdist(x, moved):
    k, s = moved.shape[:2]
    a, c = x.flatten(1).double(), moved.flatten(0, 1).flatten(1).double()
    each = torch.cdist(a, c, compute_mode="donot_use_mm_for_euclid_dist") ** 2
    return each.view(len(x), k, s).min(dim=2).values.to(x.dtype)


# ── affine_grid ───────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("dti.affine_grid", says="identity is missing")
def forgets_the_identity(beta, h, w):
    y, x = (((torch.arange(n) + 0.5) / n * 2 - 1).to(beta.dtype) for n in (h, w))
    at = torch.stack([x.expand(h, w), y[:, None].expand(h, w), torch.ones(h, w, dtype=beta.dtype)], -1)
    return torch.einsum("hwi,nji->nhwj", at, beta.view(-1, 2, 3))


@mistake("dti.affine_grid", says="*edges* of the image")
def puts_pixels_on_the_edges(beta, h, w):
    y, x = (torch.linspace(-1, 1, n, dtype=beta.dtype) for n in (h, w))
    at = torch.stack([x.expand(h, w), y[:, None].expand(h, w), torch.ones(h, w, dtype=beta.dtype)], -1)
    return torch.einsum("hwi,nji->nhwj", at, beta.view(-1, 2, 3) + torch.eye(2, 3, dtype=beta.dtype))


@mistake("dti.affine_grid", says="x to the right first")
def returns_y_and_x(beta, h, w):
    y, x = (((torch.arange(n) + 0.5) / n * 2 - 1).to(beta.dtype) for n in (h, w))
    at = torch.stack([x.expand(h, w), y[:, None].expand(h, w), torch.ones(h, w, dtype=beta.dtype)], -1)
    grid = torch.einsum("hwi,nji->nhwj", at, beta.view(-1, 2, 3) + torch.eye(2, 3, dtype=beta.dtype))
    return grid.flip(-1)


@mistake("dti.affine_grid", says="row by row")
def fills_columns_first(beta, h, w):
    y, x = (((torch.arange(n) + 0.5) / n * 2 - 1).to(beta.dtype) for n in (h, w))
    at = torch.stack([x.expand(h, w), y[:, None].expand(h, w), torch.ones(h, w, dtype=beta.dtype)], -1)
    matrix = beta.view(-1, 3, 2).transpose(1, 2) + torch.eye(2, 3, dtype=beta.dtype)
    return torch.einsum("hwi,nji->nhwj", at, matrix)


@mistake("dti.affine_grid", says="height and width")
def exchanges_height_and_width(beta, h, w):
    y, x = (((torch.arange(n) + 0.5) / n * 2 - 1).to(beta.dtype) for n in (h, w))
    at = torch.stack([x.expand(h, w), y[:, None].expand(h, w), torch.ones(h, w, dtype=beta.dtype)], -1)
    grid = torch.einsum("hwi,nji->nhwj", at, beta.view(-1, 2, 3) + torch.eye(2, 3, dtype=beta.dtype))
    return grid.transpose(1, 2)


@mistake("dti.affine_grid", says="no gradient")
def detaches_beta(beta, h, w):
    y, x = (((torch.arange(n) + 0.5) / n * 2 - 1).to(beta.dtype) for n in (h, w))
    at = torch.stack([x.expand(h, w), y[:, None].expand(h, w), torch.ones(h, w, dtype=beta.dtype)], -1)
    matrix = beta.detach().view(-1, 2, 3) + torch.eye(2, 3, dtype=beta.dtype)
    return torch.einsum("hwi,nji->nhwj", at, matrix)


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


# ── reassign ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("dti.reassign", says="least / k")
def compares_with_least_itself(prototypes, moment, share, noise, least):
    new, moved = prototypes.clone(), moment.clone()
    small = share < least
    new[small] = prototypes[share.argmax()] + noise[small]
    moved[small] = moment[share.argmax()]
    return new, moved


@mistake("dti.reassign", says="never part")
def copies_exactly(prototypes, moment, share, noise, least):
    new, moved = prototypes.clone(), moment.clone()
    small = share < least / len(share)
    new[small], moved[small] = prototypes[share.argmax()], moment[share.argmax()]
    return new, moved


@mistake("dti.reassign", says="moment stays behind")
def forgets_the_moment(prototypes, moment, share, noise, least):
    new = prototypes.clone()
    small = share < least / len(share)
    new[small] = prototypes[share.argmax()] + noise[small]
    return new, moment


@mistake("dti.reassign", says="it is the largest cluster's")
def resets_the_moment(prototypes, moment, share, noise, least):
    new, moved = prototypes.clone(), moment.clone()
    small = share < least / len(share)
    new[small] = prototypes[share.argmax()] + noise[small]
    moved[small] = 0
    return new, moved


@mistake("dti.reassign", says="changed its argument")
def writes_in_place(prototypes, moment, share, noise, least):
    small = share < least / len(share)
    prototypes[small] = prototypes[share.argmax()] + noise[small]
    moment[small] = moment[share.argmax()].clone()
    return prototypes, moment


@mistake("dti.reassign", says="*largest* cluster")
def copies_the_smallest(prototypes, moment, share, noise, least):
    new, moved = prototypes.clone(), moment.clone()
    small = share < least / len(share)
    new[small] = prototypes[share.argmin()] + noise[small]
    moved[small] = moment[share.argmax()]
    return new, moved


@mistake("dti.reassign", says="two tensors")
def returns_the_prototypes_alone(prototypes, moment, share, noise, least):
    new = prototypes.clone()
    small = share < least / len(share)
    new[small] = prototypes[share.argmax()] + noise[small]
    return new


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


# ── accuracy ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("dti.accuracy", says="have no names")
def compares_numbers(clusters, y):
    return (clusters == y).double().mean()


@mistake("dti.accuracy", says="several clusters are called by one class")
def measures_purity(clusters, y):
    return torch.cat([y[clusters == j] == y[clusters == j].mode().values for j in clusters.unique()]).double().mean()


@mistake("dti.accuracy", says="taking the largest number first")
def names_greedily(clusters, y):
    size = int(max(clusters.max(), y.max())) + 1
    table = torch.zeros(size, size)
    for a, b in zip(clusters.tolist(), y.tolist()):
        table[a, b] += 1
    total = 0.0
    for _ in range(size):
        best = int(table.argmax())
        total += max(float(table.flatten()[best]), 0.0)
        table[best // size] = -1
        table[:, best % size] = -1
    return torch.tensor(total / len(y))


@mistake("dti.accuracy", says="number of right samples")
def forgets_to_divide_by_all(clusters, y):
    import itertools

    size = int(max(clusters.max(), y.max())) + 1
    names = (torch.tensor(p) for p in itertools.permutations(range(size)))
    return max((name[clusters] == y).sum() for name in names)


@mistake("dti.accuracy", says="*worst* naming")
def forgets_to_maximise(clusters, y):
    from scipy.optimize import linear_sum_assignment

    size = int(max(clusters.max(), y.max())) + 1
    table = torch.zeros(size, size).index_put_((clusters, y), torch.ones(len(y)), accumulate=True).numpy()
    return torch.tensor(table[linear_sum_assignment(table)].sum() / len(y))


@right("dti.accuracy")
def tries_every_naming(clusters, y):
    import itertools

    size = int(max(clusters.max(), y.max())) + 1
    names = (torch.tensor(p) for p in itertools.permutations(range(size)))
    return max((name[clusters] == y).double().mean() for name in names)


@right("dti.accuracy")
def with_the_hungarian_method(clusters, y):
    from scipy.optimize import linear_sum_assignment

    size = int(max(clusters.max(), y.max())) + 1
    table = torch.bincount(clusters * size + y, minlength=size * size).view(size, size).numpy()
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum()) / len(y)
