"""Right answers to exercise 08, written differently."""

import itertools

import numpy as np
import torch
from scipy.interpolate import interp1d
from scipy.ndimage import correlate1d

from tests.rights import right


@right("series.jitter")
def one_series_and_channel_at_a_time(x, sigma, unit, noise):
    out = x.clone()
    for b in range(len(x)):
        for c in range(x.shape[1]):
            out[b, c] += sigma[b] * unit[c] * noise[b, c]
    return out


@right("series.jitter")
def by_einsum(x, sigma, unit, noise):
    return x + torch.einsum("b,c,bct->bct", sigma, unit, noise)


@right("series.jitter")
def with_an_outer_product(x, sigma, unit, noise):
    return torch.addcmul(x, torch.outer(sigma, unit).unsqueeze(-1), noise)


# ── warp_positions ────────────────────────────────────────────────────────────────────────────────────────────────────


@right("series.warp_positions")
def by_torchs_trapezoids(speed):
    way = torch.cumulative_trapezoid(speed, dim=1)
    way = torch.cat([way.new_zeros(len(way), 1), way], dim=1)
    return way / way[:, -1:] * (speed.shape[1] - 1)


@right("series.warp_positions")
def step_by_step(speed):
    p = torch.zeros_like(speed)
    for t in range(1, speed.shape[1]):
        p[:, t] = p[:, t - 1] + 0.5 * (speed[:, t] + speed[:, t - 1])
    return p * (speed.shape[1] - 1) / p.max(dim=1, keepdim=True).values


@right("series.warp_positions")
def by_numpy(speed):
    v = speed.numpy()
    way = np.concatenate([np.zeros((len(v), 1), v.dtype), np.cumsum(v[:, 1:] + v[:, :-1], axis=1)], axis=1)
    return torch.from_numpy((way / way[:, -1:] * (v.shape[1] - 1)).astype(v.dtype))


# ── window_slice ──────────────────────────────────────────────────────────────────────────────────────────────────────


@right("series.window_slice")
def by_linspace_and_lerp(x, mask, start, length):
    t = x.shape[-1]
    p = start[:, None].double() + torch.linspace(0, length - 1, t, dtype=torch.float64)
    left = p.floor().long().clamp(max=t - 1)
    right_ = (left + 1).clamp(max=t - 1)
    rows = torch.arange(len(x))[:, None]
    a, b = x.transpose(1, 2)[rows, left], x.transpose(1, 2)[rows, right_]
    y = a + (p - left).to(x.dtype)[..., None] * (b - a)
    return y.transpose(1, 2), mask[rows, (p + 0.5).long().clamp(max=t - 1)]


@right("series.window_slice")
def by_torchs_own_interpolation(x, mask, start, length):
    t, ys, ms = x.shape[2], [], []
    for i, s in enumerate(start.tolist()):
        piece = x[i : i + 1, :, s : s + length]
        ys.append(
            torch.nn.functional.interpolate(piece.double(), size=t, mode="linear", align_corners=True)[0].to(x.dtype)
        )
        ms.append(mask[i, s + torch.linspace(0, length - 1, t, dtype=torch.float64).round().long()])
    return torch.stack(ys), torch.stack(ms)


@right("series.window_slice")
def by_scipy(x, mask, start, length):
    ys, ms = np.empty_like(x.numpy()), np.empty_like(mask.numpy())
    for i, s in enumerate(start.tolist()):
        at = np.linspace(s, s + length - 1, x.shape[2])
        ys[i] = interp1d(np.arange(x.shape[2]), x[i].numpy())(at)
        ms[i] = mask[i].numpy()[np.rint(at).astype(int)]
    return torch.from_numpy(ys), torch.from_numpy(ms)


# ── decimate ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("series.decimate")
def by_scipys_correlation(x, factor, kernel):
    y = correlate1d(x.numpy(), kernel.numpy(), axis=2, mode="nearest")
    return torch.from_numpy(np.ascontiguousarray(y[..., ::factor]))


@right("series.decimate")
def with_a_stride_and_groups(x, factor, kernel):
    half = kernel.numel() // 2
    ends = [x[..., :1].repeat(1, 1, half), x, x[..., -1:].repeat(1, 1, half)]
    weight = kernel.expand(x.shape[1], 1, -1)
    return torch.nn.functional.conv1d(torch.cat(ends, 2), weight, stride=factor, groups=x.shape[1])


@right("series.decimate")
def as_a_sum_over_taps(x, factor, kernel):
    half, t = len(kernel) // 2, x.shape[2]
    at = torch.arange(0, t, factor)
    return sum(k * x[..., (at + i - half).clamp(0, t - 1)] for i, k in enumerate(kernel))


# ── inject ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("series.inject")
def with_loops(x, kind, start, length, strength):
    y, mask = x.clone(), torch.zeros(x.shape[0], x.shape[2], dtype=torch.bool)
    for b, s in enumerate(start.tolist()):
        n = min(length, x.shape[2] - s)
        mask[b, s : s + n] = True
        for c in range(x.shape[1]):
            size = strength * x[b, c].std(unbiased=False)
            if kind == "level":
                y[b, c, s : s + n] += size
            elif kind == "stuck":
                y[b, c, s : s + n] = x[b, c, s]
            else:
                y[b, c, s : s + n] += size * torch.linspace(0, 1, length, dtype=x.dtype)[:n]
    return y, mask


@right("series.inject")
def with_indices(x, kind, start, length, strength):
    at = start[:, None] + torch.arange(length)
    mask = torch.zeros(len(x), x.shape[2], dtype=torch.bool).scatter(1, at, True)
    index = at[:, None].expand(-1, x.shape[1], -1)
    inside = x.gather(2, index)
    size = strength * (x - x.mean(2, keepdim=True)).square().mean(2, keepdim=True).sqrt()
    if kind == "stuck":
        new = inside[..., :1].expand_as(inside)
    else:
        new = inside + size * (torch.linspace(0, 1, length, dtype=x.dtype) if kind == "trend" else 1)
    return x.scatter(2, index, new), mask


# ── point_adjust ──────────────────────────────────────────────────────────────────────────────────────────────────────


@right("series.point_adjust")
def by_groups_of_neighbours(predicted, truth):
    out = []
    for p, t in zip(predicted.tolist(), truth.tolist()):
        row = []
        for inside, steps in itertools.groupby(zip(t, p), key=lambda pair: pair[0]):
            said = [s for _, s in steps]
            row += [True] * len(said) if inside and any(said) else said
        out.append(row)
    return torch.tensor(out)


@right("series.point_adjust")
def by_spreading_until_nothing_changes(predicted, truth):
    hits = predicted & truth
    while True:
        wider = hits.clone()
        wider[:, 1:] |= hits[:, :-1]
        wider[:, :-1] |= hits[:, 1:]
        wider &= truth
        if torch.equal(wider, hits):
            return predicted | hits
        hits = wider


@right("series.point_adjust")
def by_numpys_way_back_and_forth(predicted, truth):
    out, t = predicted.numpy().copy(), truth.numpy()
    for i in range(len(out)):
        for j in range(1, t.shape[1]):
            out[i, j] |= t[i, j] and t[i, j - 1] and out[i, j - 1]
        for j in range(t.shape[1] - 2, -1, -1):
            out[i, j] |= t[i, j] and t[i, j + 1] and out[i, j + 1]
    return torch.from_numpy(out)
