"""Exercise 20, as a class might answer it."""

import itertools

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score
from torch.nn import functional as F

# ── assign ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def assign_without_flatten(x, centres):
    return ((x[:, None] - centres[None]) ** 2).sum(-1).argmin(1)


def assign_mean_difference(x, centres):
    return (x.flatten(1).mean(1)[:, None] - centres.flatten(1).mean(1)).abs().argmin(1)


def assign_normalised(x, centres):
    a, c = F.normalize(x.flatten(1)), F.normalize(centres.flatten(1))
    return torch.cdist(a, c).argmin(1)


def assign_list(x, centres):
    return torch.cdist(x.flatten(1), centres.flatten(1)).argmin(1).tolist()


def assign_min(x, centres):
    return torch.cdist(x.flatten(1), centres.flatten(1)).min(1)


def assign_keeps_dimension(x, centres):
    return torch.cdist(x.flatten(1), centres.flatten(1)).argmin(1, keepdim=True)


def assign_to_first_close_one(x, centres):
    d = torch.cdist(x.flatten(1), centres.flatten(1))
    return (d < d.mean()).int().argmax(1)


def assign_sum_of_roots(x, centres):
    return (x.flatten(1)[:, None] - centres.flatten(1)).abs().sqrt().sum(2).argmin(1)


def assign_wrong_axis_of_images(x, centres):
    return torch.cdist(centres.flatten(1), x.flatten(1)).argmin(1)


def right_assign_with_numpy(x, centres):
    a, c = x.numpy().reshape(len(x), -1), centres.numpy().reshape(len(centres), -1)
    return torch.from_numpy(np.linalg.norm(a[:, None] - c[None], axis=2).argmin(axis=1))


# ── update ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def update_unique_order(x, a, centres):
    return torch.stack([x[a == j].mean(0) for j in set(a.tolist())])


def update_with_epsilon(x, a, centres):
    one = F.one_hot(a, len(centres)).to(x.dtype)
    return torch.einsum("nk,nd->kd", one, x.flatten(1)).view_as(centres) / (one.sum(0) + 1e-8).view(
        -1, *[1] * (x.ndim - 1)
    )


def update_nan_to_zero(x, a, centres):
    return torch.stack([x[a == j].mean(0) for j in range(len(centres))]).nan_to_num(0)


def update_until_first_empty(x, a, centres):
    new = centres.clone()
    for j in range(len(centres)):
        if not (a == j).any():
            break
        new[j] = x[a == j].mean(0)
    return new


def update_with_momentum(x, a, centres):
    new = centres.clone()
    for j in a.unique():
        new[j] = 0.9 * centres[j] + 0.1 * x[a == j].mean(0)
    return new


def update_scalar_mean(x, a, centres):
    new = centres.clone()
    for j in a.unique():
        new[j] = x[a == j].mean()
    return new


def update_max(x, a, centres):
    new = centres.clone()
    for j in a.unique():
        new[j] = x[a == j].amax(0)
    return new


def update_nearest_sample(x, a, centres):
    new = centres.clone()
    for j in a.unique():
        own = x[a == j]
        new[j] = own[(own - own.mean(0)).flatten(1).norm(dim=1).argmin()]
    return new


def update_random_sample_for_empty(x, a, centres):
    new = centres.clone()
    for j in range(len(centres)):
        own = x[a == j]
        new[j] = own.mean(0) if len(own) else x[torch.randint(len(x), ())]
    return new


def update_forgets_return(x, a, centres):
    new = centres.clone()
    for j in a.unique():
        new[j] = x[a == j].mean(0)


def right_update_with_scatter(x, a, centres):
    total = torch.zeros_like(centres).index_add(0, a, x)
    count = torch.zeros(len(centres), dtype=x.dtype).index_add(0, a, torch.ones(len(a), dtype=x.dtype))
    count = count.reshape(-1, *[1] * (x.ndim - 1))
    return torch.where(count == 0, centres, total / count.clamp(min=1))


# ── accuracy ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def accuracy_by_mode(clusters, y):
    right = sum(int((y[clusters == j] == y[clusters == j].mode().values).sum()) for j in clusters.unique())
    return right / len(y)


def accuracy_minimises(clusters, y):
    size = int(max(clusters.max(), y.max())) + 1
    table = torch.bincount(clusters * size + y, minlength=size * size).view(size, size).numpy()
    rows, columns = linear_sum_assignment(table)
    return table[rows, columns].sum() / len(y)


def accuracy_wrong_offset(clusters, y):
    size = int(max(clusters.max(), y.max())) + 1
    table = torch.bincount(clusters + size * y, minlength=size * size).view(size, size).numpy()
    return table.max(0).sum() / len(y)


def accuracy_with_size_of_y(clusters, y):
    size = int(y.max()) + 1
    table = torch.zeros(size, size)
    for a, b in zip(clusters, y):
        table[a, b] += 1
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return float(table[rows, columns].sum()) / len(y)


def accuracy_of_pairs(clusters, y):
    return ((clusters[:, None] == clusters) == (y[:, None] == y)).double().mean()


def accuracy_mutual(clusters, y):
    return normalized_mutual_info_score(y.numpy(), clusters.numpy())


def accuracy_one_swap(clusters, y):
    size = int(max(clusters.max(), y.max())) + 1
    names = torch.arange(size)
    for i, j in itertools.combinations(range(size), 2):
        swapped = names.clone()
        swapped[[i, j]] = names[[j, i]]
        if (swapped[clusters] == y).sum() > (names[clusters] == y).sum():
            names = swapped
    return float((names[clusters] == y).double().mean())


def accuracy_counts(clusters, y):
    size = int(max(clusters.max(), y.max())) + 1
    table = torch.bincount(clusters * size + y, minlength=size * size).view(size, size).numpy()
    return int(table[linear_sum_assignment(table, maximize=True)].sum())


def accuracy_rounds(clusters, y):
    size = int(max(clusters.max(), y.max())) + 1
    table = torch.bincount(clusters * size + y, minlength=size * size).view(size, size).numpy()
    return round(table[linear_sum_assignment(table, maximize=True)].sum() / len(y), 1)


def right_accuracy_as_a_cost(clusters, y):
    size = 1 + max(int(clusters.max()), int(y.max()))
    cost = np.zeros((size, size))
    for a, b in zip(clusters.numpy(), y.numpy()):
        cost[a, b] -= 1
    i, j = linear_sum_assignment(cost)
    return torch.tensor(-cost[i, j].sum() / len(y), dtype=torch.float32)


# ── invariant ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def invariant_pixelwise_min(x, moved):
    return ((x[:, None, None] - moved) ** 2).min(2).values.flatten(2).sum(2)


def invariant_norm(x, moved):
    return (x[:, None, None] - moved).flatten(3).norm(dim=3).min(2).values


def invariant_first_channel(x, moved):
    return ((x[:, None, None, 0] - moved[:, :, 0]) ** 2).sum((-1, -2)).amin(2)


def invariant_min_object(x, moved):
    return ((x[:, None, None] - moved) ** 2).flatten(3).sum(3).min(2)


def invariant_over_wrong_axis(x, moved):
    return ((x[:, None, None] - moved) ** 2).flatten(3).sum(3).amin(1)


def invariant_of_everything(x, moved):
    return ((x[:, None, None] - moved) ** 2).flatten(1).sum(1)


def invariant_mean_squared(x, moved):
    return F.mse_loss(x[:, None, None].expand(-1, *moved.shape), moved.expand(len(x), -1, -1, -1, -1, -1),
                      reduction="none").mean((3, 4, 5)).amin(2)  # fmt: skip


def invariant_softmin(x, moved):
    d = ((x[:, None, None] - moved) ** 2).flatten(3).sum(3)
    return -torch.logsumexp(-d, 2)


def invariant_flattened_in_the_wrong_order(x, moved):
    k, s = moved.shape[:2]
    d = torch.cdist(x.flatten(1), moved.flatten(0, 1).flatten(1)) ** 2
    return d.view(len(x), s, k).amin(1)


def invariant_cdist_without_square(x, moved):
    k, s = moved.shape[:2]
    return torch.cdist(x.flatten(1), moved.flatten(0, 1).flatten(1)).view(len(x), k, s).amin(2)


def invariant_with_half(x, moved):
    return 0.5 * ((x[:, None, None] - moved) ** 2).flatten(3).sum(3).amin(2)


def right_invariant_transformation_by_transformation(x, moved):
    d = torch.full((len(x), len(moved)), torch.inf, dtype=x.dtype)
    for version in moved.unbind(1):
        d = torch.minimum(d, (x[:, None] - version).pow(2).sum(dim=(2, 3, 4)))
    return d


# ── affine_grid ───────────────────────────────────────────────────────────────────────────────────────────────────────


def axes(h, w, like):
    x = ((2 * torch.arange(w) + 1) / w - 1).to(like.dtype)
    y = ((2 * torch.arange(h) + 1) / h - 1).to(like.dtype)
    return x, y


def grid_in_single_precision(beta, h, w):
    x, y = (2 * torch.arange(w) + 1) / w - 1, ((2 * torch.arange(h) + 1) / h - 1)[:, None]
    a, b, c, d, e, f = (v[:, None, None].float() for v in beta.unbind(1))
    return torch.stack([(1 + a) * x + b * y + c, d * x + (1 + e) * y + f], dim=-1)


def grid_corners(beta, h, w):
    x, y = torch.linspace(-1, 1, w, dtype=beta.dtype), torch.linspace(-1, 1, h, dtype=beta.dtype)[:, None]
    a, b, c, d, e, f = (v[:, None, None] for v in beta.unbind(1))
    return torch.stack([(1 + a) * x + b * y + c, d * x + (1 + e) * y + f], dim=-1)


def grid_indexing_xy(beta, h, w):
    x, y = torch.meshgrid(*axes(h, w, beta), indexing="ij")
    a, b, c, d, e, f = (v[:, None, None] for v in beta.unbind(1))
    return torch.stack([(1 + a) * x + b * y + c, d * x + (1 + e) * y + f], dim=-1)


def grid_one_identity(beta, h, w):
    x, y = axes(h, w, beta)
    a, b, c, d, e, f = (v[:, None, None] for v in beta.unbind(1))
    return torch.stack([(1 + a) * x + b * y[:, None] + c, d * x + e * y[:, None] + f], dim=-1)


def grid_stacks_in_front(beta, h, w):
    x, y = axes(h, w, beta)
    a, b, c, d, e, f = (v[:, None, None] for v in beta.unbind(1))
    return torch.stack([(1 + a) * x + b * y[:, None] + c, d * x + (1 + e) * y[:, None] + f], dim=1)


def grid_swaps_c_and_f(beta, h, w):
    x, y = axes(h, w, beta)
    a, b, c, d, e, f = (v[:, None, None] for v in beta.unbind(1))
    return torch.stack([(1 + a) * x + b * y[:, None] + f, d * x + (1 + e) * y[:, None] + c], dim=-1)


def grid_in_pairs(beta, h, w):
    x, y = axes(h, w, beta)
    a, d, b, e, c, f = (v[:, None, None] for v in beta.unbind(1))
    return torch.stack([(1 + a) * x + b * y[:, None] + c, d * x + (1 + e) * y[:, None] + f], dim=-1)


def grid_from_data(beta, h, w):
    x, y = axes(h, w, beta)
    rows = []
    for a, b, c, d, e, f in beta.tolist():
        rows.append(torch.stack([(1 + a) * x + b * y[:, None] + c, d * x + (1 + e) * y[:, None] + f], -1))
    return torch.stack(rows)


def grid_in_pixels_of_shift(beta, h, w):
    x, y = axes(h, w, beta)
    a, b, c, d, e, f = (v[:, None, None] for v in beta.unbind(1))
    return torch.stack([(1 + a) * x + b * y[:, None] + 2 * c / w, d * x + (1 + e) * y[:, None] + 2 * f / h], dim=-1)


def right_grid_by_torch(beta, h, w):
    theta = torch.eye(2, 3, dtype=beta.dtype) + beta.view(-1, 2, 3)
    return torch.nn.functional.affine_grid(theta, (len(beta), 1, h, w), align_corners=False)


def right_grid_with_bmm(beta, h, w):
    x, y = axes(h, w, beta)
    points = torch.cat([torch.cartesian_prod(y, x).flip(1), torch.ones(h * w, 1, dtype=beta.dtype)], 1)
    matrix = beta.reshape(-1, 2, 3) + torch.eye(3, dtype=beta.dtype)[None, :2]
    return torch.bmm(points.expand(len(beta), -1, -1), matrix.mT).unflatten(1, (h, w))


# ── reassign ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def reassign_changes_only_prototypes(prototypes, moment, share, noise, least):
    new = prototypes.clone()
    new[share < least / len(share)] = prototypes[share.argmax()] + noise[share < least / len(share)]
    return new, moment


def reassign_without_division(prototypes, moment, share, noise, least):
    small = share < least
    new, moved = prototypes.clone(), moment.clone()
    new[small], moved[small] = prototypes[share.argmax()] + noise[small], moment[share.argmax()]
    return new, moved


def reassign_adds_noise_to_both(prototypes, moment, share, noise, least):
    small = share < least / len(share)
    new, moved = prototypes.clone(), moment.clone()
    new[small], moved[small] = prototypes[share.argmax()] + noise[small], moment[share.argmax()] + noise[small]
    return new, moved


def reassign_first_only(prototypes, moment, share, noise, least):
    new, moved, best = prototypes.clone(), moment.clone(), int(share.argmax())
    for j in range(len(share)):
        if share[j] < least / len(share):
            new[j], moved[j] = prototypes[best] + noise[j], moment[best]
            break
    return new, moved


def reassign_returns_inside_the_loop(prototypes, moment, share, noise, least):
    new, moved, best = prototypes.clone(), moment.clone(), int(share.argmax())
    for j in range(len(share)):
        if share[j] < least / len(share):
            new[j], moved[j] = prototypes[best] + noise[j], moment[best]
            return new, moved


def reassign_fresh_noise(prototypes, moment, share, noise, least):
    small = share < least / len(share)
    new, moved = prototypes.clone(), moment.clone()
    new[small] = prototypes[share.argmax()] + 1e-4 * torch.randn_like(prototypes[small])
    moved[small] = moment[share.argmax()]
    return new, moved


def reassign_first_noise_rows(prototypes, moment, share, noise, least):
    small = share < least / len(share)
    new, moved = prototypes.clone(), moment.clone()
    new[small] = prototypes[share.argmax()] + noise[: int(small.sum())]
    moved[small] = moment[share.argmax()]
    return new, moved


def reassign_prototype_as_moment(prototypes, moment, share, noise, least):
    small = share < least / len(share)
    new, moved = prototypes.clone(), moment.clone()
    new[small], moved[small] = prototypes[share.argmax()] + noise[small], prototypes[share.argmax()]
    return new, moved


def reassign_aliases(prototypes, moment, share, noise, least):
    small, new, moved = share < least / len(share), prototypes, moment
    new[small], moved[small] = prototypes[share.argmax()] + noise[small], moment[share.argmax()].clone()
    return new, moved


def reassign_percent(prototypes, moment, share, noise, least):
    small = 100 * share < least / len(share)
    new, moved = prototypes.clone(), moment.clone()
    new[small], moved[small] = prototypes[share.argmax()] + noise[small], moment[share.argmax()]
    return new, moved


def reassign_share_of_rows(prototypes, moment, share, noise, least):
    small = share < least / prototypes[0].numel()
    new, moved = prototypes.clone(), moment.clone()
    new[small], moved[small] = prototypes[share.argmax()] + noise[small], moment[share.argmax()]
    return new, moved


def right_reassign_with_lerp(prototypes, moment, share, noise, least):
    small = (share * len(share) < least).to(prototypes.dtype).reshape(-1, *[1] * (prototypes.ndim - 1))
    best = torch.argsort(share)[-1]
    new = prototypes * (1 - small) + (prototypes[best] + noise) * small
    return new, moment * (1 - small) + moment[best] * small


def wrong(key, *functions):
    return [(f"dti.{key}", function, "wrong") for function in functions]


FRESH = [
    *wrong("assign", assign_without_flatten, assign_mean_difference, assign_normalised, assign_list, assign_min,
           assign_keeps_dimension, assign_to_first_close_one, assign_sum_of_roots, assign_wrong_axis_of_images),
    *wrong("update", update_unique_order, update_with_epsilon, update_nan_to_zero, update_until_first_empty,
           update_with_momentum, update_scalar_mean, update_max, update_nearest_sample, update_random_sample_for_empty,
           update_forgets_return),
    *wrong("accuracy", accuracy_by_mode, accuracy_minimises, accuracy_wrong_offset, accuracy_with_size_of_y,
           accuracy_of_pairs, accuracy_mutual, accuracy_one_swap, accuracy_counts, accuracy_rounds),
    *wrong("invariant", invariant_pixelwise_min, invariant_norm, invariant_first_channel, invariant_min_object,
           invariant_over_wrong_axis, invariant_of_everything, invariant_mean_squared, invariant_softmin,
           invariant_flattened_in_the_wrong_order, invariant_cdist_without_square, invariant_with_half),
    *wrong("affine_grid", grid_in_single_precision, grid_corners, grid_indexing_xy, grid_one_identity,
           grid_stacks_in_front, grid_swaps_c_and_f, grid_in_pairs, grid_from_data, grid_in_pixels_of_shift),
    *wrong("reassign", reassign_changes_only_prototypes, reassign_without_division, reassign_adds_noise_to_both,
           reassign_first_only, reassign_returns_inside_the_loop, reassign_fresh_noise, reassign_first_noise_rows,
           reassign_prototype_as_moment, reassign_aliases, reassign_percent, reassign_share_of_rows),
    ("dti.assign", right_assign_with_numpy, "right"),
    ("dti.update", right_update_with_scatter, "right"),
    ("dti.accuracy", right_accuracy_as_a_cost, "right"),
    ("dti.invariant", right_invariant_transformation_by_transformation, "right"),
    ("dti.affine_grid", right_grid_with_bmm, "right"),
    ("dti.affine_grid", right_grid_by_torch, "right"),
    ("dti.reassign", right_reassign_with_lerp, "right"),
]  # fmt: skip
