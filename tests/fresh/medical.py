"""Answers to exercise 09, written afresh."""

import numpy as np
import torch
from torch.nn import functional as F

# ── dice ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def dice_with_a_small_epsilon(predicted, mask):
    p, m = predicted.flatten(1).float(), mask.flatten(1).float()
    return (2 * (p * m).sum(1)) / (p.sum(1) + m.sum(1) + 1e-6)


def dice_smoothed_in_both(predicted, mask):
    p, m = predicted.flatten(1).float(), mask.flatten(1).float()
    return (2 * (p * m).sum(1) + 1.0) / (p.sum(1) + m.sum(1) + 1.0)


def intersection_over_union(predicted, mask):
    both = (predicted & mask).flatten(1).sum(1).float()
    either = (predicted | mask).flatten(1).sum(1).float()
    return torch.where(either > 0, both / either, torch.ones_like(both))


def f1_of_the_whole_batch(predicted, mask):
    tp = (predicted & mask).sum()
    fp = (predicted & ~mask).sum()
    fn = (~predicted & mask).sum()
    return 2 * tp / (2 * tp + fp + fn)


def dice_averaged(predicted, mask):
    both = 2.0 * (predicted & mask).sum((1, 2))
    total = predicted.sum((1, 2)) + mask.sum((1, 2))
    return torch.nan_to_num(both / total, nan=1.0).mean()


def dice_without_two(predicted, mask):
    both = (predicted & mask).sum((1, 2))
    total = predicted.sum((1, 2)) + mask.sum((1, 2))
    return torch.where(total == 0, torch.tensor(1.0), both / total)


def dice_by_bool_arithmetic(predicted, mask):
    return 2 * (predicted * mask).sum((1, 2)) / (predicted + mask).sum((1, 2))


def dice_in_numpy(predicted, mask):
    p, m = predicted.numpy(), mask.numpy()
    total = p.sum((1, 2)) + m.sum((1, 2))
    return torch.from_numpy(np.where(total > 0, 2 * (p & m).sum((1, 2)) / np.maximum(total, 1), 1.0))


# ── augment_pair ──────────────────────────────────────────────────────────────────────────────────────────────────────


def bilinear_mask_thresholded(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    m = F.grid_sample(mask[:, None].to(x.dtype), grid, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False), (m > 0.5).long()[:, 0]


def rounds_the_mask(x, mask, theta):
    grid = F.affine_grid(theta, x.size(), align_corners=False)
    m = F.grid_sample(mask.unsqueeze(1).to(x.dtype), grid, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False), torch.round(m).squeeze(1).long()


def forgets_the_mask(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False), mask


def corners_everywhere(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=True)
    m = F.grid_sample(mask[:, None].to(x.dtype), grid, mode="nearest", align_corners=True)
    return F.grid_sample(x, grid, align_corners=True), m[:, 0].long()


def mask_as_floats(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    m = F.grid_sample(mask[:, None].to(x.dtype), grid, mode="nearest", align_corners=False)
    return F.grid_sample(x, grid, align_corners=False), m[:, 0]


def both_nearest(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    m = F.grid_sample(mask[:, None].to(x.dtype), grid, mode="nearest", align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", align_corners=False), m[:, 0].long()


def border_for_both(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    m = F.grid_sample(mask[:, None].to(x.dtype), grid, mode="nearest", padding_mode="border", align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False), m[:, 0].long()


def mask_with_its_channel(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    m = F.grid_sample(mask[:, None].to(x.dtype), grid, mode="nearest", align_corners=False)
    return F.grid_sample(x, grid, align_corners=False), m.long()


def integers_into_grid_sample(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False), F.grid_sample(mask[:, None], grid, mode="nearest")[:, 0]


def together_as_channels(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    hot = F.one_hot(mask, 6).movedim(-1, 1).to(x.dtype)
    near = F.grid_sample(hot, grid, mode="nearest", align_corners=False)
    weights = torch.arange(6, dtype=x.dtype)[None, :, None, None]
    return F.grid_sample(x, grid, align_corners=False), (near * weights).sum(1).round().long()


# ── paste ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pastes_by_where(x, mask, donor, donor_mask, organ):
    ok = ~(donor_mask & (~organ | mask)).flatten(1).any(1)
    there = donor_mask & ok[:, None, None]
    return torch.where(there[:, None], donor, x), mask | there


def pastes_all(x, mask, donor, donor_mask, organ):
    a = F.avg_pool2d(donor_mask[:, None].to(x.dtype), 3, 1, 1)
    return (1 - a) * x + a * donor, mask | donor_mask


def clips_to_the_organ(x, mask, donor, donor_mask, organ):
    there = donor_mask & organ & ~mask
    a = F.avg_pool2d(there[:, None].to(x.dtype), 3, 1, 1)
    return (1 - a) * x + a * donor, mask | there


def asks_the_batch(x, mask, donor, donor_mask, organ):
    if (donor_mask & (~organ | mask)).any():
        return x, mask
    a = F.avg_pool2d(donor_mask[:, None].to(x.dtype), 3, 1, 1)
    return (1 - a) * x + a * donor, mask | donor_mask


def forgets_the_union(x, mask, donor, donor_mask, organ):
    ok = ~(donor_mask & (~organ | mask)).flatten(1).any(1)
    there = donor_mask & ok[:, None, None]
    a = F.avg_pool2d(there[:, None].to(x.dtype), 3, 1, 1)
    return (1 - a) * x + a * donor, torch.where(ok[:, None, None], donor_mask, mask)


def mask_from_the_weights(x, mask, donor, donor_mask, organ):
    ok = ~(donor_mask & (~organ | mask)).flatten(1).any(1)
    there = donor_mask & ok[:, None, None]
    a = F.avg_pool2d(there[:, None].to(x.dtype), 3, 1, 1)
    return (1 - a) * x + a * donor, mask | (a[:, 0] > 0)


def writes_into_the_scan(x, mask, donor, donor_mask, organ):
    for i in range(len(x)):
        if not (donor_mask[i] & (~organ[i] | mask[i])).any():
            a = F.avg_pool2d(donor_mask[i][None, None].to(x.dtype), 3, 1, 1)[0]
            x[i] = (1 - a) * x[i] + a * donor[i]
            mask[i] |= donor_mask[i]
    return x, mask


def blends_twice(x, mask, donor, donor_mask, organ):
    ok = ~(donor_mask & (~organ | mask)).flatten(1).any(1)
    there = donor_mask & ok[:, None, None]
    a = F.avg_pool2d(F.avg_pool2d(there[:, None].to(x.dtype), 3, 1, 1), 3, 1, 1)
    return (1 - a) * x + a * donor, mask | there


def pastes_with_unfold(x, mask, donor, donor_mask, organ):
    ok = (donor_mask <= (organ & ~mask)).all(2).all(1)
    there = donor_mask & ok[:, None, None]
    a = F.unfold(there[:, None].to(x.dtype), 3, padding=1).mean(1).view(len(x), 1, *x.shape[2:])
    return x * (1 - a) + donor * a, there.logical_or(mask)


# ── differential ──────────────────────────────────────────────────────────────────────────────────────────────────────


def multiplies_by_masks(x, region, inside, outside):
    m = region[:, None].to(x.dtype)
    return m * inside(x) + (1 - m) * outside(x)


def masks_before_the_policy(x, region, inside, outside):
    m = region[:, None].to(x.dtype)
    return inside(x * m) * m + outside(x * (1 - m)) * (1 - m)


def one_after_the_other(x, region, inside, outside):
    y = outside(x)
    return torch.where(region[:, None], inside(y), y)


def without_a_channel(x, region, inside, outside):
    return torch.where(region, inside(x), outside(x))


def index_the_copy(x, region, inside, outside):
    y = x.clone()
    y.movedim(1, -1)[region] = inside(x).movedim(1, -1)[region]
    y.movedim(1, -1)[~region] = outside(x).movedim(1, -1)[~region]
    return y


# ── gamma ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def plain_power(x, gamma):
    return x ** gamma.view(-1, 1, 1, 1)


def range_put_back(x, gamma):
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return ((x - low) / (high - low + 1e-7)) ** gamma.view(-1, 1, 1, 1) * (high - low) + low


def statistics_of_the_batch(x, gamma):
    low, high = x.min(), x.max()
    z = ((x - low) / (high - low)) ** gamma.view(-1, 1, 1, 1)
    return (z - z.mean()) / z.std() * x.std() + x.mean()


def gamma_of_the_batch_size(x, gamma):
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    z = ((x - low) / (high - low)) ** gamma
    z = (z - z.mean((2, 3), keepdim=True)) / z.std((2, 3), keepdim=True)
    return torch.where(high == low, x, z * x.std((2, 3), keepdim=True) + x.mean((2, 3), keepdim=True))


def only_the_mean(x, gamma):
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    z = ((x - low) / (high - low)) ** gamma.view(-1, 1, 1, 1) * (high - low)
    y = z - z.mean((2, 3), keepdim=True) + x.mean((2, 3), keepdim=True)
    return torch.where(high == low, x, y)


def clamped_at_the_end(x, gamma):
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    z = ((x - low) / (high - low).clamp_min(1e-8)) ** gamma.view(-1, 1, 1, 1)
    z = (z - z.mean((2, 3), keepdim=True)) / z.std((2, 3), keepdim=True).clamp_min(1e-8)
    return (z * x.std((2, 3), keepdim=True) + x.mean((2, 3), keepdim=True)).clamp(0, 1)


def gamma_through_exp(x, gamma):
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    flat = high == low
    u = torch.where(flat, torch.ones_like(x), (x - low) / (high - low))
    z = torch.exp(gamma[:, None, None, None] * torch.log(u.clamp_min(1e-30)))
    std, mean = torch.std_mean(z, dim=(2, 3), keepdim=True)
    y = torch.addcmul(x.mean((2, 3), keepdim=True), z - mean, x.std((2, 3), keepdim=True) / std.clamp_min(1e-12))
    return torch.where(flat, x, y)


# ── consistency ───────────────────────────────────────────────────────────────────────────────────────────────────────


def plain_mse(student, teacher, grid):
    return F.mse_loss(student.sigmoid(), F.grid_sample(teacher.detach().sigmoid(), grid, align_corners=False))


def warps_logits(student, teacher, grid):
    t = F.grid_sample(teacher.detach(), grid, align_corners=False).sigmoid()
    seen = F.grid_sample(torch.ones_like(teacher), grid, align_corners=False) > 0.999
    return ((student.sigmoid() - t).square() * seen).sum() / seen.sum().clamp_min(1)


def does_not_detach(student, teacher, grid):
    t = F.grid_sample(teacher.sigmoid(), grid, align_corners=False)
    seen = F.grid_sample(torch.ones_like(teacher), grid, align_corners=False) > 0.999
    return ((student.sigmoid() - t) ** 2)[seen].sum() / seen.sum().clamp_min(1)


def nan_when_unseen(student, teacher, grid):
    t = F.grid_sample(teacher.detach().sigmoid(), grid, align_corners=False)
    seen = F.grid_sample(torch.ones_like(teacher), grid, align_corners=False) > 0.999
    return F.mse_loss(student.sigmoid()[seen], t[seen])


def hard_targets(student, teacher, grid):
    t = F.grid_sample((teacher.detach() > 0).to(student.dtype), grid, align_corners=False)
    seen = F.grid_sample(torch.ones_like(teacher), grid, align_corners=False) > 0.999
    return ((student.sigmoid() - t).square() * seen).sum() / seen.sum().clamp_min(1)


def cross_entropy_instead(student, teacher, grid):
    t = F.grid_sample(teacher.detach().sigmoid(), grid, align_corners=False)
    return F.binary_cross_entropy_with_logits(student, t)


def returns_a_python_number(student, teacher, grid):
    t = F.grid_sample(teacher.sigmoid(), grid, align_corners=False)
    seen = F.grid_sample(torch.ones_like(teacher), grid, align_corners=False) > 0.999
    return (((student.sigmoid() - t).square() * seen).sum() / seen.sum().clamp_min(1)).item()


def masked_select_loss(student, teacher, grid):
    t = F.grid_sample(torch.sigmoid(teacher.detach()), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    seen = F.grid_sample(torch.ones_like(student).detach(), grid, align_corners=False).gt(0.999)
    d = torch.masked_select(torch.sigmoid(student) - t, seen)
    return d.pow(2).sum() / max(d.numel(), 1)


def weighted_mean_loss(student, teacher, grid):
    with torch.no_grad():
        t = F.grid_sample(teacher.sigmoid(), grid, align_corners=False)
        w = (F.grid_sample(torch.ones_like(teacher), grid, align_corners=False) > 0.999).to(teacher.dtype)
        w = w / max(float(w.sum()), 1.0)
    return (w * (student.sigmoid() - t) ** 2).sum()


FRESH = [
    ("medical.dice", dice_with_a_small_epsilon, "wrong"),
    ("medical.dice", dice_smoothed_in_both, "wrong"),
    ("medical.dice", intersection_over_union, "wrong"),
    ("medical.dice", f1_of_the_whole_batch, "wrong"),
    ("medical.dice", dice_averaged, "wrong"),
    ("medical.dice", dice_without_two, "wrong"),
    ("medical.dice", dice_by_bool_arithmetic, "wrong"),
    ("medical.dice", dice_in_numpy, "right"),
    ("medical.augment_pair", bilinear_mask_thresholded, "wrong"),
    ("medical.augment_pair", rounds_the_mask, "wrong"),
    ("medical.augment_pair", forgets_the_mask, "wrong"),
    ("medical.augment_pair", corners_everywhere, "wrong"),
    ("medical.augment_pair", mask_as_floats, "wrong"),
    ("medical.augment_pair", both_nearest, "wrong"),
    ("medical.augment_pair", border_for_both, "wrong"),
    ("medical.augment_pair", mask_with_its_channel, "wrong"),
    ("medical.augment_pair", integers_into_grid_sample, "wrong"),
    ("medical.augment_pair", together_as_channels, "right"),
    ("medical.paste", pastes_by_where, "wrong"),
    ("medical.paste", pastes_all, "wrong"),
    ("medical.paste", clips_to_the_organ, "wrong"),
    ("medical.paste", asks_the_batch, "wrong"),
    ("medical.paste", forgets_the_union, "wrong"),
    ("medical.paste", mask_from_the_weights, "wrong"),
    ("medical.paste", writes_into_the_scan, "wrong"),
    ("medical.paste", blends_twice, "wrong"),
    ("medical.paste", pastes_with_unfold, "right"),
    ("medical.differential", multiplies_by_masks, "wrong"),
    ("medical.differential", masks_before_the_policy, "wrong"),
    ("medical.differential", one_after_the_other, "wrong"),
    ("medical.differential", without_a_channel, "wrong"),
    ("medical.differential", index_the_copy, "right"),
    ("medical.gamma", plain_power, "wrong"),
    ("medical.gamma", range_put_back, "wrong"),
    ("medical.gamma", statistics_of_the_batch, "wrong"),
    ("medical.gamma", gamma_of_the_batch_size, "wrong"),
    ("medical.gamma", only_the_mean, "wrong"),
    ("medical.gamma", clamped_at_the_end, "wrong"),
    ("medical.gamma", gamma_through_exp, "right"),
    ("medical.consistency", plain_mse, "wrong"),
    ("medical.consistency", warps_logits, "wrong"),
    ("medical.consistency", does_not_detach, "wrong"),
    ("medical.consistency", nan_when_unseen, "wrong"),
    ("medical.consistency", hard_targets, "wrong"),
    ("medical.consistency", cross_entropy_instead, "wrong"),
    ("medical.consistency", returns_a_python_number, "wrong"),
    ("medical.consistency", masked_select_loss, "right"),
    ("medical.consistency", weighted_mean_loss, "right"),
]
