"""Exercise 08, as a class might answer it."""

import numpy as np
import torch
from scipy.ndimage import convolve1d, label
from torch.nn import functional as F

# ── jitter ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def jitter_broadcast(x, sigma, unit, noise):
    return x + noise * sigma.reshape(-1, 1, 1) * unit.reshape(-1, 1)


def jitter_loop_over_channels(x, sigma, unit, noise):
    out = []
    for c in range(x.shape[1]):
        out.append(x[:, c] + sigma.unsqueeze(1) * unit[c] * noise[:, c])
    return torch.stack(out, dim=1)


def jitter_forgets_unit(x, sigma, unit, noise):
    return x + torch.einsum("b,bct->bct", sigma, noise)


def jitter_draws_itself(x, sigma, unit, noise):
    return x + torch.randn_like(x) * sigma[:, None, None] * unit[None, :, None]


def jitter_relative(x, sigma, unit, noise):
    return x + sigma[:, None, None] * x.abs() * noise


def jitter_in_place(x, sigma, unit, noise):
    x += sigma[:, None, None] * unit[:, None] * noise
    return x


def jitter_adds_sigma_and_unit(x, sigma, unit, noise):
    return x + (sigma[:, None, None] + unit[None, :, None]) * noise


def jitter_one_noise_a_step(x, sigma, unit, noise):
    return x + sigma[:, None, None] * unit[:, None] * noise.mean(1, keepdim=True)


# ── warp_positions ────────────────────────────────────────────────────────────────────────────────────────────────────


def warp_by_mean_speed(speed):
    v = speed / speed.mean(1, keepdim=True)
    return torch.cumsum(v, 1) - v[:, :1]


def warp_cumsum_from_zero(speed):
    p = speed.cumsum(1)
    p = p - p[:, :1]
    return p / p[:, -1:] * (speed.shape[1] - 1)


def warp_to_one(speed):
    p = torch.cumulative_trapezoid(speed, dim=1)
    p = F.pad(p, (1, 0))
    return p / p[:, -1:]


def warp_sorted(speed):
    return torch.sort(speed, dim=1).values * (speed.shape[1] - 1)


def warp_simpson_like(speed):
    middle = (speed[:, 1:] * speed[:, :-1]).sqrt()
    p = F.pad(middle.cumsum(1), (1, 0))
    return p / p[:, -1:] * (speed.shape[1] - 1)


def warp_softmaxed(speed):
    p = speed.softmax(1).cumsum(1)
    return p * (speed.shape[1] - 1)


def warp_with_matrix(speed):
    t = speed.shape[1]
    m = torch.tril(torch.ones(t, t, dtype=speed.dtype)) - 0.5 * torch.eye(t, dtype=speed.dtype)
    m[:, 0] = 0.5
    m[0] = 0
    way = speed @ m.T
    return way * (t - 1) / way[:, [-1]]


# ── window_slice ──────────────────────────────────────────────────────────────────────────────────────────────────────


def slice_with_interpolate(x, mask, start, length):
    pieces = torch.stack([x[i, :, s : s + length] for i, s in enumerate(start)])
    y = F.interpolate(pieces, size=x.shape[2], mode="linear", align_corners=False)
    m = torch.stack([mask[i, s : s + length] for i, s in enumerate(start)])
    return y, F.interpolate(m[:, None].float(), size=x.shape[2], mode="nearest")[:, 0].to(mask.dtype)


def slice_corners_but_default_nearest(x, mask, start, length):
    pieces = torch.stack([x[i, :, s : s + length] for i, s in enumerate(start)])
    y = F.interpolate(pieces, size=x.shape[2], mode="linear", align_corners=True)
    m = torch.stack([mask[i, s : s + length] for i, s in enumerate(start)])
    return y, F.interpolate(m[:, None].float(), size=x.shape[2], mode="nearest")[:, 0].to(mask.dtype)


def slice_only_series(x, mask, start, length):
    p = start[:, None] + torch.linspace(0, length - 1, x.shape[2])
    i = p.round().long()
    return x.gather(2, i[:, None].expand_as(x))


def slice_nearest(x, mask, start, length):
    p = start[:, None] + torch.linspace(0, length - 1, x.shape[2], dtype=torch.float64)
    i = p.round().long()
    return x.gather(2, i[:, None].expand_as(x)), mask.gather(1, i)


def slice_one_start(x, mask, start, length):
    s = int(start[0])
    p = np.linspace(s, s + length - 1, x.shape[2])
    y = np.stack([[np.interp(p, np.arange(x.shape[2]), c) for c in item] for item in x.numpy()])
    return torch.from_numpy(y).to(x.dtype), mask[:, torch.from_numpy(np.rint(p)).long()]


def slice_zero_elsewhere(x, mask, start, length):
    t = torch.arange(x.shape[2])
    inside = (t >= start[:, None]) & (t < start[:, None] + length)
    return x * inside[:, None], mask * inside


def slice_by_numpy(x, mask, start, length):
    ys, ms = [], []
    for item, m, s in zip(x.numpy(), mask.numpy(), start.tolist()):
        p = np.linspace(s, s + length - 1, x.shape[2])
        ys.append(np.stack([np.interp(p, np.arange(x.shape[2]), c) for c in item]))
        ms.append(m[np.rint(p).astype(int)])
    return torch.from_numpy(np.stack(ys)).to(x.dtype), torch.from_numpy(np.stack(ms))


# ── decimate ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def decimate_by_convolve(x, factor, kernel):
    y = convolve1d(x.numpy(), kernel.numpy(), axis=-1, mode="nearest")
    return torch.from_numpy(y[:, :, ::factor].copy())


def decimate_by_unfold(x, factor, kernel):
    n = len(kernel) // 2
    wide = torch.cat([x[..., :1].expand(-1, -1, n), x, x[..., -1:].expand(-1, -1, n)], dim=-1)
    return (wide.unfold(2, len(kernel), factor) * kernel).sum(-1)


def decimate_same_padding(x, factor, kernel):
    w = kernel.view(1, 1, -1).repeat(x.shape[1], 1, 1)
    return F.conv1d(x, w, padding=len(kernel) // 2, groups=x.shape[1])[:, :, ::factor]


def decimate_just_stride(x, factor, kernel):
    return x[:, :, ::factor].clone()


def decimate_average(x, factor, kernel):
    return F.avg_pool1d(x, kernel_size=factor, stride=factor)


def decimate_pads_one_side(x, factor, kernel):
    wide = F.pad(x, (len(kernel) - 1, 0), mode="replicate")
    return F.conv1d(wide.flatten(0, 1)[:, None], kernel[None, None]).view_as(x)[..., ::factor]


def decimate_last_of_each(x, factor, kernel):
    n = len(kernel) // 2
    wide = F.pad(x, (n, n), mode="replicate")
    y = F.conv1d(wide.flatten(0, 1)[:, None], kernel[None, None]).view_as(x)
    return y[..., factor - 1 :: factor]


# ── inject ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def inject_absolute(x, kind, start, length, strength):
    y, m = x.clone(), torch.zeros(x.shape[0], x.shape[2]).bool()
    for i, s in enumerate(start):
        m[i, s : s + length] = True
        if kind == "level":
            y[i, :, s : s + length] += strength
        elif kind == "trend":
            y[i, :, s : s + length] += strength * torch.linspace(0, 1, length)
        else:
            y[i, :, s : s + length] = x[i, :, s : s + 1]
    return y, m


def inject_unbiased(x, kind, start, length, strength):
    y, m = x.clone(), torch.zeros(x.shape[0], x.shape[2]).bool()
    sd = x.std(dim=-1, keepdim=True)
    for i, s in enumerate(start):
        m[i, s : s + length] = True
        if kind == "level":
            y[i, :, s : s + length] += strength * sd[i]
        elif kind == "trend":
            y[i, :, s : s + length] += strength * sd[i] * torch.linspace(0, 1, length)
        else:
            y[i, :, s : s + length] = x[i, :, s : s + 1]
    return y, m


def inject_inclusive_end(x, kind, start, length, strength):
    t = torch.arange(x.shape[2])[None]
    m = (t >= start[:, None]) & (t <= start[:, None] + length)
    sd = x.std(2, correction=0, keepdim=True) * strength
    if kind == "stuck":
        new = torch.stack([a[:, s : s + 1].expand_as(a) for a, s in zip(x, start)])
    elif kind == "level":
        new = x + sd
    else:
        new = x + sd * ((t - start[:, None]) / max(1, length - 1))[:, None].to(x.dtype)
    return torch.where(m[:, None], new, x), m


def inject_mask_with_channels(x, kind, start, length, strength):
    y, m = inject_right(x, kind, start, length, strength)
    return y, m[:, None].expand_as(x)


def inject_no_mask(x, kind, start, length, strength):
    return inject_right(x, kind, start, length, strength)[0]


def inject_trend_stays_up(x, kind, start, length, strength):
    y, m = inject_right(x, kind, start, length, strength)
    if kind == "trend":
        after = torch.arange(x.shape[2]) >= (start + length)[:, None]
        y = torch.where(after[:, None], x + strength * x.std(2, correction=0, keepdim=True), y)
    return y, m


def inject_right(x, kind, start, length, strength):
    t = torch.arange(x.shape[2]).expand(len(x), -1)
    begin = start.unsqueeze(1)
    m = torch.logical_and(t >= begin, t - begin < length)
    sd = (x.var(dim=2, unbiased=False, keepdim=True)).sqrt()
    u = (t - begin).to(x.dtype) / (length - 1 if length > 1 else 1)
    choices = {"level": lambda: x + strength * sd, "trend": lambda: x + strength * sd * u[:, None],
               "stuck": lambda: torch.take_along_dim(x, begin[:, None], 2).expand_as(x)}  # fmt: skip
    return torch.where(m.unsqueeze(1), choices[kind](), x), m


# ── point_adjust ──────────────────────────────────────────────────────────────────────────────────────────────────────


def adjust_by_scipy_labels(predicted, truth):
    out = predicted.clone()
    for i in range(len(truth)):
        runs, n = label(truth[i].numpy())
        for k in range(1, n + 1):
            inside = torch.from_numpy(runs == k)
            if predicted[i][inside].any():
                out[i][inside] = True
    return out


def adjust_forward_only(predicted, truth):
    out = predicted.clone()
    for i in range(truth.shape[0]):
        for t in range(1, truth.shape[1]):
            if truth[i, t] and truth[i, t - 1] and out[i, t - 1]:
                out[i, t] = True
    return out


def adjust_forgets_truth_at_the_end(predicted, truth):
    out = predicted.clone()
    for i in range(truth.shape[0]):
        begin = None
        for t in range(truth.shape[1]):
            if truth[i, t] and begin is None:
                begin = t
            if not truth[i, t] and begin is not None:
                if predicted[i, begin:t].any():
                    out[i, begin:t] = True
                begin = None
    return out


def adjust_any_row(predicted, truth):
    return torch.where((predicted & truth).any(dim=1, keepdim=True), truth, predicted)


def adjust_as_floats(predicted, truth):
    return adjust_by_scipy_labels(predicted, truth).float()


def adjust_in_place(predicted, truth):
    predicted |= adjust_by_scipy_labels(predicted, truth)
    return predicted


def adjust_by_loops(predicted, truth):
    out = []
    for p, t in zip(predicted.tolist(), truth.tolist()):
        row, i = list(p), 0
        while i < len(t):
            j = i
            while j < len(t) and t[j] == t[i]:
                j += 1
            if t[i] and any(p[i:j]):
                row[i:j] = [True] * (j - i)
            i = j
        out.append(row)
    return torch.tensor(out, dtype=torch.bool)


WRONG = {
    "jitter": (jitter_forgets_unit, jitter_draws_itself, jitter_relative, jitter_in_place, jitter_adds_sigma_and_unit,
               jitter_one_noise_a_step),
    "warp_positions": (warp_by_mean_speed, warp_cumsum_from_zero, warp_to_one, warp_sorted, warp_simpson_like,
                       warp_softmaxed),
    "window_slice": (slice_with_interpolate, slice_corners_but_default_nearest, slice_only_series, slice_nearest,
                     slice_one_start, slice_zero_elsewhere),
    "decimate": (decimate_same_padding, decimate_just_stride, decimate_average, decimate_pads_one_side,
                 decimate_last_of_each),
    "inject": (inject_absolute, inject_unbiased, inject_inclusive_end, inject_mask_with_channels, inject_no_mask,
               inject_trend_stays_up),
    "point_adjust": (adjust_forward_only, adjust_forgets_truth_at_the_end, adjust_any_row, adjust_as_floats,
                     adjust_in_place),
}  # fmt: skip
RIGHT = {
    "jitter": (jitter_broadcast, jitter_loop_over_channels),
    "warp_positions": (warp_with_matrix,),
    "window_slice": (slice_by_numpy,),
    "decimate": (decimate_by_convolve, decimate_by_unfold),
    "inject": (inject_right,),
    "point_adjust": (adjust_by_scipy_labels, adjust_by_loops),
}
FRESH = [(f"series.{name}", answer, "wrong") for name, answers in WRONG.items() for answer in answers]
FRESH += [(f"series.{name}", answer, "right") for name, answers in RIGHT.items() for answer in answers]
