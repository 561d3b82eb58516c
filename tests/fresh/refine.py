"""Answers to exercise 13, written as students of several years might, without a look at the bank."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

FRESH = []


def wrong(key):
    return lambda function: FRESH.append((f"refine.{key}", function, "wrong")) or function


def right(key):
    return lambda function: FRESH.append((f"refine.{key}", function, "right")) or function


# ── local_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("local_loss")
def default_reduction(logits, refined):
    target = torch.ones_like(logits) if refined else torch.zeros_like(logits)
    return F.binary_cross_entropy_with_logits(logits, target)


@wrong("local_loss")
def targets_reversed(logits, refined):
    target = torch.zeros_like(logits) if refined else torch.ones_like(logits)
    return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(logits)


@wrong("local_loss")
def bce_on_sigmoid(logits, refined):
    target = torch.full_like(logits, float(refined))
    return F.binary_cross_entropy(torch.sigmoid(logits), target, reduction="sum") / logits.shape[0]


@wrong("local_loss")
def epsilon(logits, refined):
    p = torch.sigmoid(logits)
    p = p if refined else 1 - p
    return -(p + 1e-6).log().flatten(1).sum(1).mean()


@wrong("local_loss")
def sum_of_first_two_dimensions(logits, refined):
    return F.softplus(-logits if refined else logits).sum(0).sum(0).mean()


@wrong("local_loss")
def divided_by_patches_not_images(logits, refined):
    each = F.softplus(-logits if refined else logits)
    return each.sum() / each[0].numel()


@wrong("local_loss")
def divided_by_height(logits, refined):
    each = F.softplus(-logits if refined else logits)
    return each.sum() / logits.shape[1]


@wrong("local_loss")
def forgot_return_in_else(logits, refined):
    if refined:
        return F.softplus(-logits).sum((1, 2)).mean()


@wrong("local_loss")
def refined_compared_to_one(logits, refined):
    if refined == "refined":
        return F.softplus(-logits).sum((1, 2)).mean()
    return F.softplus(logits).sum((1, 2)).mean()


@wrong("local_loss")
def through_numpy(logits, refined):
    z = logits.detach().numpy()
    return float(np.logaddexp(0, -z if refined else z).sum(axis=(1, 2)).mean())


@wrong("local_loss")
def log_of_softplus_missing_mean(logits, refined):
    return F.logsigmoid(logits if refined else -logits).sum()


@wrong("local_loss")
def hinge(logits, refined):
    return F.relu(1 - logits if refined else 1 + logits).sum((1, 2)).mean()


@wrong("local_loss")
def softmax_over_patches(logits, refined):
    p = logits.flatten(1).softmax(1)
    return -(p if refined else 1 - p).log().sum(1).mean()


@right("local_loss")
def with_pos_and_neg(logits, refined):
    sign = 1.0 if refined else -1.0
    z = sign * logits
    return (torch.clamp(-z, min=0) + torch.log1p(torch.exp(-z.abs()))).reshape(len(z), -1).sum(-1).mean()


@right("local_loss")
def with_map_of_targets(logits, refined):
    loss = nn.BCEWithLogitsLoss(reduction="none")(logits, torch.tensor(float(refined)).to(logits).expand_as(logits))
    return torch.stack([image.sum() for image in loss]).mean()


# ── self_regularisation ───────────────────────────────────────────────────────────────────────────────────────────────


@wrong("self_regularisation")
def mse(refined, synthetic, psi):
    return F.mse_loss(psi(refined), psi(synthetic), reduction="sum") / len(refined)


@wrong("self_regularisation")
def l1_loss_default(refined, synthetic, psi):
    return nn.L1Loss()(psi(refined), psi(synthetic))


@wrong("self_regularisation")
def sum_over_channels_only(refined, synthetic, psi):
    return (psi(refined) - psi(synthetic)).abs().sum(1).mean()


@wrong("self_regularisation")
def matrix_norm(refined, synthetic, psi):
    return torch.linalg.norm((psi(refined) - psi(synthetic)).flatten(1), ord=1)


@wrong("self_regularisation")
def detaches_the_refined(refined, synthetic, psi):
    with torch.no_grad():
        a, b = psi(refined), psi(synthetic)
    return (a - b).abs().flatten(1).sum(1).mean()


@wrong("self_regularisation")
def psi_only_for_refined(refined, synthetic, psi):
    return (psi(refined) - synthetic).abs().flatten(1).sum(1).mean()


@wrong("self_regularisation")
def l_half(refined, synthetic, psi):
    return (psi(refined) - psi(synthetic)).abs().sqrt().flatten(1).sum(1).mean()


@wrong("self_regularisation")
def sqrt_of_eps(refined, synthetic, psi):
    return ((psi(refined) - psi(synthetic)).square() + 1e-2).sqrt().flatten(1).sum(1).mean()


@wrong("self_regularisation")
def changes_refined(refined, synthetic, psi):
    refined.data.clamp_(0, 1)
    return (psi(refined) - psi(synthetic)).abs().flatten(1).sum(1).mean()


@wrong("self_regularisation")
def clamps_first(refined, synthetic, psi):
    return (psi(refined.clamp(0, 1)) - psi(synthetic)).abs().flatten(1).sum(1).mean()


@right("self_regularisation")
def with_pairwise_distance(refined, synthetic, psi):
    a, b = psi(refined).flatten(1), psi(synthetic).flatten(1)
    return torch.diagonal(torch.cdist(a, b, p=1)).mean()


@right("self_regularisation")
def with_sign(refined, synthetic, psi):
    d = psi(refined) - psi(synthetic).detach()
    return (d * d.detach().sign()).sum() / d.size(0)


# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def map_loss(z, refined):
    return F.softplus(-z if refined else z).sum((1, 2)).mean()


@wrong("objective")
def forgets_change(refined, real, change, lambda_):
    return map_loss(refined, False), map_loss(refined, True) + map_loss(real, False)


@wrong("objective")
def lambda_on_both(refined, real, change, lambda_):
    return lambda_ * (map_loss(refined, False) + change), map_loss(refined, True) + map_loss(real, False)


@wrong("objective")
def real_for_refiner(refined, real, change, lambda_):
    return map_loss(real, True) + lambda_ * change, map_loss(refined, True) + map_loss(real, False)


@wrong("objective")
def change_item(refined, real, change, lambda_):
    L_R = map_loss(refined, False) + lambda_ * float(change)
    return L_R, map_loss(refined, True) + map_loss(real, False)


@wrong("objective")
def everything_swapped(refined, real, change, lambda_):
    return map_loss(refined, True) + lambda_ * change, map_loss(refined, False) + map_loss(real, True)


@wrong("objective")
def mean_reduction_everywhere(refined, real, change, lambda_):
    bce = F.binary_cross_entropy_with_logits
    L_R = bce(refined, torch.zeros_like(refined)) + lambda_ * change
    return L_R, bce(refined, torch.ones_like(refined)) + bce(real, torch.zeros_like(real))


@wrong("objective")
def adds_change_to_d(refined, real, change, lambda_):
    reg = lambda_ * change
    return map_loss(refined, False) + reg, map_loss(refined, True) + map_loss(real, False) + reg


@wrong("objective")
def lambda_squared(refined, real, change, lambda_):
    return map_loss(refined, False) + lambda_**2 * change, map_loss(refined, True) + map_loss(real, False)


@wrong("objective")
def detached_refined_in_d(refined, real, change, lambda_):
    return map_loss(refined, False) + lambda_ * change, map_loss(refined.detach(), True) + map_loss(real, False)


@wrong("objective")
def one_loss(refined, real, change, lambda_):
    return map_loss(refined, False) + lambda_ * change + map_loss(refined, True) + map_loss(real, False)


@wrong("objective")
def sums(refined, real, change, lambda_):
    s = F.softplus
    return s(refined).sum() + lambda_ * change, s(-refined).sum() + s(real).sum()


@right("objective")
def with_dictionary_inside(refined, real, change, lambda_):
    losses = {
        name: map_loss(z, want) for name, z, want in [("a", refined, False), ("b", refined, True), ("c", real, False)]
    }
    return torch.add(losses["a"], change, alpha=lambda_), losses["b"] + losses["c"]


# ── mix ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("mix")
def past_shuffled(fresh, past, generator):
    m, n = len(fresh), len(past)
    order = torch.randperm(n, generator=generator)
    shuffled = past[order]
    batch = torch.cat([fresh, shuffled[:m]])
    return batch, torch.cat([fresh, shuffled[m:]])


@wrong("mix")
def drops_oldest(fresh, past, generator):
    m, n = len(fresh), len(past)
    drawn = torch.randperm(n, generator=generator)[:m]
    return torch.cat([fresh, past[drawn]]), torch.cat([past[m:], fresh])


@wrong("mix")
def forgets_generator(fresh, past, generator):
    m, n = len(fresh), len(past)
    new_past = past.clone()
    new_past[torch.randperm(n)[:m]] = fresh
    return torch.cat([fresh, past[torch.randperm(n)[:m]]]), new_past


@wrong("mix")
def without_clone(fresh, past, generator):
    m, n = len(fresh), len(past)
    drawn = past[torch.randperm(n, generator=generator)[:m]]
    new_past = past
    new_past[torch.randperm(n, generator=generator)[:m]] = fresh
    return torch.cat([fresh, drawn]), new_past


@wrong("mix")
def randint(fresh, past, generator):
    m, n = len(fresh), len(past)
    drawn = torch.randint(0, n, (m,), generator=generator)
    replaced = torch.randint(0, n, (m,), generator=generator)
    new_past = past.clone()
    new_past[replaced] = fresh
    return torch.cat([fresh, past[drawn]]), new_past


@wrong("mix")
def swapped_return(fresh, past, generator):
    m, n = len(fresh), len(past)
    drawn = torch.randperm(n, generator=generator)[:m]
    new_past = past.clone()
    new_past[torch.randperm(n, generator=generator)[:m]] = fresh
    return new_past, torch.cat([fresh, past[drawn]])


@wrong("mix")
def half_of_m(fresh, past, generator):
    m, n = len(fresh), len(past)
    drawn = torch.randperm(n, generator=generator)[: m // 2]
    new_past = past.clone()
    new_past[torch.randperm(n, generator=generator)[:m]] = fresh
    return torch.cat([fresh[: m - m // 2], past[drawn]]), new_past


@wrong("mix")
def draws_from_renewed(fresh, past, generator):
    m, n = len(fresh), len(past)
    new_past = past.clone()
    new_past[torch.randperm(n, generator=generator)[:m]] = fresh
    return torch.cat([fresh, new_past[torch.randperm(n, generator=generator)[:m]]]), new_past


@wrong("mix")
def seeded_inside(fresh, past, generator):
    m, n = len(fresh), len(past)
    generator.manual_seed(0)
    drawn = torch.randperm(n, generator=generator)[:m]
    new_past = past.clone()
    new_past[torch.randperm(n, generator=generator)[:m]] = fresh
    return torch.cat([fresh, past[drawn]]), new_past


@wrong("mix")
def never_last_place(fresh, past, generator):
    m, n = len(fresh), len(past)
    drawn = torch.randperm(n, generator=generator)[:m]
    new_past = past.clone()
    new_past[torch.randperm(max(m, n - 1), generator=generator)[:m]] = fresh
    return torch.cat([fresh, past[drawn]]), new_past


@wrong("mix")
def stores_the_drawn(fresh, past, generator):
    m, n = len(fresh), len(past)
    drawn = past[torch.randperm(n, generator=generator)[:m]]
    new_past = past.clone()
    new_past[torch.randperm(n, generator=generator)[:m]] = drawn
    return torch.cat([fresh, drawn]), new_past


@right("mix")
def with_scatter(fresh, past, generator):
    m, n = len(fresh), len(past)
    order = torch.randperm(n, generator=generator)
    picked = past.index_select(0, order[:m])
    mask = torch.zeros(n, dtype=torch.bool)
    mask[torch.randperm(n, generator=generator)[:m]] = True
    renewed = past.clone()
    renewed[mask] = fresh
    return torch.cat([picked, fresh]), renewed


@right("mix")
def with_two_orders(fresh, past, generator):
    m = fresh.size(0)
    first, second = (torch.randperm(past.size(0), generator=generator) for _ in range(2))
    new = past.detach().clone()
    for j in range(m):
        new[second[j]] = fresh[j]
    return torch.concat([past[first[:m]], fresh]), new


# ── drift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("drift")
def std_default(before, after):
    d = after - before
    return d.mean(0), d.std(0).norm()


@wrong("drift")
def shift_of_means_reversed(before, after):
    shift = before.mean(0) - after.mean(0)
    return shift, ((after - before - shift) ** 2).sum(1).mean().sqrt()


@wrong("drift")
def scatter_per_dimension(before, after):
    d = after - before
    return d.mean(0), ((d - d.mean(0)) ** 2).mean(0).sqrt()


@wrong("drift")
def only_shift(before, after):
    return (after - before).mean(0)


@wrong("drift")
def swapped(before, after):
    d = after - before
    return (d - d.mean(0)).square().sum(1).mean().sqrt(), d.mean(0)


@wrong("drift")
def without_square(before, after):
    d = after - before
    return d.mean(0), (d - d.mean(0)).sum(1).mean().sqrt()


@wrong("drift")
def keepdim(before, after):
    d = after - before
    shift = d.mean(0, keepdim=True)
    return shift, (d - shift).square().sum(1).mean().sqrt()


@wrong("drift")
def mean_over_axis_one(before, after):
    d = after - before
    shift = d.mean(1, keepdim=True)
    return shift.squeeze(1), (d - shift).square().sum(1).mean().sqrt()


@wrong("drift")
def scatter_from_norms(before, after):
    d = after - before
    shift = d.mean(0)
    return shift, (d.norm(dim=1) - shift.norm()).square().mean().sqrt()


@right("drift")
def with_cov(before, after):
    d = after - before
    covariance = torch.cov(d.T, correction=0).reshape(d.shape[1], d.shape[1])
    return d.mean(0), covariance.trace().sqrt()


# ── patch_size ────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("patch_size")
def classic_output_size(strides, kernel):
    size = 1
    for s in strides:
        size = (size - kernel) // s + 1
    return size


@wrong("patch_size")
def forward_recurrence(strides, kernel):
    side = 1
    for s in strides:
        side = (side - 1) * s + kernel
    return side


@wrong("patch_size")
def product_after(strides, kernel):
    side, pixel = kernel, 1
    for s in strides:
        side += (kernel - 1) * pixel
        pixel *= s
    return side


@wrong("patch_size")
def pops_the_list(strides, kernel):
    side, pixel = 1, 1
    while strides:
        side += (kernel - 1) * pixel
        pixel *= strides.pop(0)
    return side


@wrong("patch_size")
def returns_in_the_loop(strides, kernel):
    side, pixel = 1, 1
    for s in strides:
        side += (kernel - 1) * pixel
        pixel *= s
        return side


@wrong("patch_size")
def half_kernel(strides, kernel):
    side, pixel = 1, 1
    for s in strides:
        side += kernel // 2 * pixel
        pixel *= s
    return side


@right("patch_size")
def with_zip_and_cumulative_products(strides, kernel):
    pixels = np.cumprod([1, *strides])[:-1]
    return int(1 + (kernel - 1) * pixels.sum())


@right("patch_size")
def with_first_layer_apart(strides, kernel):
    side = kernel
    for i in range(1, len(strides)):
        side = side + (kernel - 1) * math.prod(strides[:i])
    return float(side)
