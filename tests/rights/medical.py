"""Right answers to exercise 09, written differently."""

import torch
from torch.nn import functional as F

from tests.rights import right

# ── dice ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("medical.dice")
def picture_by_picture(predicted, mask):
    values = []
    for p, m in zip(predicted, mask):
        total = int(p.sum()) + int(m.sum())
        values.append(1.0 if total == 0 else 2 * int((p & m).sum()) / total)
    return torch.tensor(values)


@right("medical.dice")
def with_floats_and_einsum(predicted, mask):
    p, m = predicted.double(), mask.double()
    both, total = torch.einsum("bhw,bhw->b", p, m), p.flatten(1).sum(1) + m.flatten(1).sum(1)
    return torch.nan_to_num(2 * both / total, nan=1.0)


# ── augment_pair ──────────────────────────────────────────────────────────────────────────────────────────────────────


@right("medical.augment_pair")
def one_class_after_the_other(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    moved = torch.zeros_like(mask)
    for k in mask.unique().tolist():
        here = F.grid_sample((mask == k)[:, None].to(x.dtype), grid, mode="nearest", align_corners=False)[:, 0]
        moved[here > 0.5] = k
    return F.grid_sample(x, grid, align_corners=False), moved


@right("medical.augment_pair")
def sample_by_sample(x, mask, theta):
    xs, ms = [], []
    for i in range(len(x)):
        grid = F.affine_grid(theta[i : i + 1], [1, 1, *x.shape[2:]], align_corners=False)
        xs.append(F.grid_sample(x[i : i + 1], grid, mode="bilinear", padding_mode="zeros", align_corners=False))
        ms.append(F.grid_sample(mask[i : i + 1, None].to(x), grid, mode="nearest", align_corners=False).round().long())
    return torch.cat(xs), torch.cat(ms)[:, 0]


# ── paste ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("medical.paste")
def in_a_loop(x, mask, donor, donor_mask, organ):
    x, mask = x.clone(), mask.clone()
    for i in range(len(x)):
        if (donor_mask[i] & ~organ[i]).any() or (donor_mask[i] & mask[i]).any():
            continue
        kernel = torch.full((1, 1, 3, 3), 1 / 9, dtype=x.dtype)
        a = F.conv2d(donor_mask[i][None, None].to(x.dtype), kernel, padding=1)[0]
        x[i] = x[i] + a * (donor[i] - x[i])
        mask[i] |= donor_mask[i]
    return x, mask


@right("medical.paste")
def with_lerp_and_counts(x, mask, donor, donor_mask, organ):
    area = donor_mask.sum((1, 2))
    good = (donor_mask & organ & ~mask).sum((1, 2)) == area
    m = donor_mask * good.view(-1, 1, 1)
    padded = F.pad(m.to(x.dtype), (1, 1, 1, 1))
    a = sum(padded[:, i : i + x.shape[2], j : j + x.shape[3]] for i in range(3) for j in range(3)) / 9
    return torch.lerp(x, donor, a[:, None].expand_as(x)), torch.logical_or(mask, m)


# ── differential ──────────────────────────────────────────────────────────────────────────────────────────────────────


@right("medical.differential")
def written_into_a_copy(x, region, inside, outside):
    result = outside(x).clone()
    where = region[:, None].expand_as(x)
    result[where] = inside(x)[where]
    return result


@right("medical.differential")
def with_masked_scatter(x, region, inside, outside):
    where = region.unsqueeze(1).expand_as(x)
    return outside(x).masked_scatter(where, inside(x).masked_select(where))


# ── gamma ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("medical.gamma")
def channel_by_channel(x, gamma):
    y = x.clone()
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            v = x[i, c]
            if v.max() == v.min():
                continue
            z = ((v - v.min()) / (v.max() - v.min())) ** gamma[i]
            y[i, c] = (z - z.mean()) / z.std() * v.std() + v.mean()
    return y


@right("medical.gamma")
def flattened(x, gamma):
    v = x.flatten(2)
    low, high = v.min(-1, keepdim=True).values, v.max(-1, keepdim=True).values
    z = torch.pow((v - low) / (high - low), gamma[:, None, None]) * (high - low) + low
    z = (z - z.mean(-1, keepdim=True)) / z.std(-1, unbiased=False, keepdim=True)
    y = z * v.std(-1, unbiased=False, keepdim=True) + v.mean(-1, keepdim=True)
    return torch.where(high == low, v, y).view_as(x)


# ── consistency ───────────────────────────────────────────────────────────────────────────────────────────────────────


@right("medical.consistency")
def with_no_grad_and_indexing(student, teacher, grid):
    with torch.no_grad():
        target = F.grid_sample(torch.sigmoid(teacher), grid, align_corners=False)
        seen = F.grid_sample(torch.ones_like(teacher), grid, align_corners=False) >= 0.999
    if not seen.any():
        return 0 * student.sum()
    return F.mse_loss(torch.sigmoid(student)[seen], target[seen])


@right("medical.consistency")
def weighted(student, teacher, grid):
    both = torch.cat([teacher.detach().sigmoid(), torch.ones_like(teacher)], dim=1)
    target, seen = F.grid_sample(both, grid, align_corners=False).split(1, dim=1)
    weight = (seen > 0.999).to(student.dtype)
    return (weight * (student.sigmoid() - target) ** 2).sum() / weight.sum().clamp(min=1)
