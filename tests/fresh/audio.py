"""Answers to exercise 06, written afresh."""

import math

import numpy as np
import torch
from torch.nn import functional as F

# ── add_noise ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def noise_with_linear_ratio(x, noise, snr):
    p_x = (x**2).mean(dim=1, keepdim=True)
    p_n = (noise**2).mean(dim=1, keepdim=True)
    return x + noise * torch.sqrt(p_x / (p_n * snr[:, None].clamp(min=1e-3)))


def noise_power_scale_not_rooted(x, noise, snr):
    wanted = x.pow(2).mean(1) / 10 ** (snr / 10)
    k = wanted / noise.pow(2).mean(1)
    return x + k[:, None] * noise


def noise_with_the_unit_variance_assumed(x, noise, snr):
    sigma = x.pow(2).mean(1).sqrt() / 10 ** (snr / 20)
    return x + sigma.unsqueeze(-1) * noise


def noise_with_norm_of_all(x, noise, snr):
    eps = torch.norm(x) / torch.norm(noise) * 10 ** (-snr / 20)
    return x + eps.view(-1, 1) * noise


def noise_without_reshape(x, noise, snr):
    eps = x.norm(dim=1) / noise.norm(dim=1) * 10 ** (-snr / 20)
    return x + eps * noise


def noise_in_place(x, noise, snr):
    eps = x.norm(dim=1) / noise.norm(dim=1) * 10 ** (-snr / 20)
    x += eps[:, None] * noise
    return x


def noise_by_einsum(x, noise, snr):
    px, pn = torch.einsum("bt,bt->b", x, x), torch.einsum("bt,bt->b", noise, noise)
    return x + torch.einsum("b,bt->bt", (px / pn * 10 ** (-snr / 10)).sqrt(), noise)


def noise_scaled_to_unit_first(x, noise, snr):
    unit = F.normalize(noise, dim=1)
    return x + unit * torch.linalg.norm(x, dim=1, keepdim=True) / (10 ** (snr / 20)).reshape(-1, 1)


# ── shift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def shift_by_roll(x, samples):
    return torch.stack([torch.roll(row, int(s)) for row, s in zip(x, samples)])


def shift_by_negative_roll_with_zeros(x, samples):
    out = torch.zeros_like(x)
    for i, s in enumerate(samples.tolist()):
        if s >= 0:
            out[i, : x.shape[1] - s] = x[i, s:]
        else:
            out[i, -s:] = x[i, :s]
    return out


def shift_all_by_the_first(x, samples):
    s = int(samples[0])
    return F.pad(x, (s, -s))


def shift_with_slices_that_forget_zero(x, samples):
    y = torch.zeros_like(x)
    for i, s in enumerate(samples.tolist()):
        if s > 0:
            y[i, s:] = x[i, :-s]
        elif s < 0:
            y[i, :s] = x[i, -s:]
    return y


def shift_keeps_edges(x, samples):
    t = torch.arange(x.shape[1])[None] - samples[:, None]
    return x.gather(1, t.clamp(0, x.shape[1] - 1))


def shift_by_pad_one_at_a_time(x, samples):
    n = x.shape[1]
    rows = []
    for row, s in zip(x, samples.tolist()):
        s = max(-n, min(n, s))
        rows.append(F.pad(row, (s, -s)))
    return torch.stack(rows)


def shift_as_a_list(x, samples):
    return [F.pad(row, (int(s), -int(s))) if abs(int(s)) < len(row) else row * 0 for row, s in zip(x, samples)]


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def speed_by_interpolate(x, rate):
    rows = []
    for row, r in zip(x, rate.tolist()):
        size = max(1, round(len(row) / r))
        y = F.interpolate(row[None, None], size=size, mode="linear")[0, 0]
        rows.append(F.pad(y, (0, max(0, len(row) - size)))[: len(row)])
    return torch.stack(rows)


def speed_with_division(x, rate):
    t = torch.arange(x.shape[1], dtype=x.dtype) / rate[:, None]
    left = t.floor().long()
    share = t - left
    right = (left + 1).clamp(max=x.shape[1] - 1)
    inside = left < x.shape[1]
    left = left.clamp(max=x.shape[1] - 1)
    return ((1 - share) * x.gather(1, left) + share * x.gather(1, right)) * inside


def speed_takes_whole_samples(x, rate):
    p = (torch.arange(x.shape[1]) * rate[:, None]).long()
    return torch.where(p < x.shape[1], x.gather(1, p.clamp(max=x.shape[1] - 1)), 0.0)


def speed_out_of_range(x, rate):
    p = torch.arange(x.shape[1]) * rate[:, None]
    left = p.long()
    return x.gather(1, left) * (1 - (p - left)) + x.gather(1, left + 1) * (p - left)


def speed_repeats_the_end(x, rate):
    last = x.shape[1] - 1
    p = (torch.arange(last + 1, dtype=x.dtype) * rate[:, None]).clamp(max=last)
    left = p.floor().long()
    return torch.lerp(x.gather(1, left), x.gather(1, (left + 1).clamp(max=last)), p - left)


def speed_in_numpy(x, rate):
    t = np.arange(x.shape[1], dtype=np.float64)
    out = [np.interp(t * float(r), t, row, right=0) for row, r in zip(x.numpy(), rate)]
    return np.stack(out).astype(x.numpy().dtype)


# ── vtlp_map ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def vtlp_only_scales_below(f, alpha, f_hi, nyquist):
    a = alpha[:, None]
    return torch.where(f < f_hi, a * f, f.expand(len(alpha), -1))


def vtlp_with_max(f, alpha, f_hi, nyquist):
    a = alpha[:, None]
    m = torch.maximum(a, torch.ones_like(a))
    f0 = f_hi * m / a
    return torch.where(f <= f0, a * f, nyquist - (nyquist - f_hi * m) / (nyquist - f0) * (nyquist - f))


def vtlp_with_sample_rate(f, alpha, f_hi, nyquist):
    a = alpha[:, None]
    m, s = a.clamp(max=1), nyquist / 2
    f0 = f_hi * m / a
    return torch.where(f <= f0, a * f, s - (s - f_hi * m) / (s - f0) * (s - f))


def vtlp_transposed(f, alpha, f_hi, nyquist):
    m = alpha.clamp(max=1)
    f0 = f_hi * m / alpha
    g = f[:, None]
    return torch.where(g <= f0, alpha * g, nyquist - (nyquist - f_hi * m) / (nyquist - f0) * (nyquist - g))


def vtlp_for_the_first_only(f, alpha, f_hi, nyquist):
    a = float(alpha[0])
    f0 = f_hi * min(a, 1) / a
    return torch.where(f <= f0, a * f, nyquist - (nyquist - f_hi * min(a, 1)) / (nyquist - f0) * (nyquist - f))


def vtlp_by_the_slope(f, alpha, f_hi, nyquist):
    a = alpha.reshape(-1, 1)
    old = f_hi / a.clamp(min=1)
    new = a * old
    return torch.minimum(f, old) * a + (f - old).clamp(min=0) * (nyquist - new) / (nyquist - old)


# ── spec_mask ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def mask_without_plus_one(s, u, freq, time, lengths):
    y = s.clone()
    for i in range(len(s)):
        n = int(lengths[i])
        f, t = int(u[i, 0] * freq), int(u[i, 2] * min(time, n))
        f0, t0 = int(u[i, 1] * (s.shape[1] - f)), int(u[i, 3] * (n - t))
        y[i, f0 : f0 + f, :n] = 0
        y[i, :, t0 : t0 + t] = 0
    return y


def mask_ignores_lengths(s, u, freq, time, lengths):
    y = s.clone()
    for i in range(len(s)):
        f, t = int(u[i, 0] * (freq + 1)), int(u[i, 2] * (time + 1))
        f0, t0 = int(u[i, 1] * (s.shape[1] - f + 1)), int(u[i, 3] * (s.shape[2] - t + 1))
        y[i, f0 : f0 + f] = 0
        y[i, :, t0 : t0 + t] = 0
    return y


def mask_hides_padding_rows(s, u, freq, time, lengths):
    y = s.clone()
    for i in range(len(s)):
        n = int(lengths[i])
        f, t = int(u[i, 0] * (freq + 1)), int(u[i, 2] * (min(time, n) + 1))
        f0, t0 = int(u[i, 1] * (s.shape[1] - f + 1)), int(u[i, 3] * (n - t + 1))
        y[i, f0 : f0 + f] = 0
        y[i, :, t0 : t0 + t] = 0
    return y


def mask_in_place(s, u, freq, time, lengths):
    for i in range(len(s)):
        n = int(lengths[i])
        f, t = int(u[i, 0] * (freq + 1)), int(u[i, 2] * (min(time, n) + 1))
        f0, t0 = int(u[i, 1] * (s.shape[1] - f + 1)), int(u[i, 3] * (n - t + 1))
        s[i, f0 : f0 + f, :n] = 0
        s[i, :, t0 : t0 + t] = 0
    return s


def mask_with_the_mean(s, u, freq, time, lengths):
    y = s.clone()
    for i in range(len(s)):
        n = int(lengths[i])
        f, t = int(u[i, 0] * (freq + 1)), int(u[i, 2] * (min(time, n) + 1))
        f0, t0 = int(u[i, 1] * (s.shape[1] - f + 1)), int(u[i, 3] * (n - t + 1))
        y[i, f0 : f0 + f, :n] = s[i].mean()
        y[i, :, t0 : t0 + t] = s[i].mean()
    return y


def mask_by_outer_products(s, u, freq, time, lengths):
    f = torch.floor(u[:, 0] * (freq + 1))
    f0 = torch.floor(u[:, 1] * (s.shape[1] - f + 1))
    d = torch.floor(u[:, 2] * (torch.clamp(lengths, max=time) + 1))
    s0 = torch.floor(u[:, 3] * (lengths - d + 1))
    k, t = torch.arange(s.shape[1]), torch.arange(s.shape[2])
    keep_f = 1 - ((k - f0[:, None] >= 0) & (k - f0[:, None] < f[:, None])).to(s.dtype)
    keep_t = 1 - ((t - s0[:, None] >= 0) & (t - s0[:, None] < d[:, None])).to(s.dtype)
    keep = torch.einsum("bf,bt->bft", keep_f, keep_t)
    pad = (t >= lengths[:, None])[:, None]
    return torch.where(pad, s, s * keep)


# ── phase_advance ─────────────────────────────────────────────────────────────────────────────────────────────────────


def advance_with_modulo(phase, hop):
    w = torch.linspace(0, math.pi, phase.shape[1], dtype=phase.dtype)[:, None] * hop
    d = phase.diff(dim=-1) - w
    return w + d % (2 * math.pi)


def advance_forgets_to_add(phase, hop):
    w = torch.linspace(0, math.pi, phase.shape[1], dtype=phase.dtype)[:, None] * hop
    d = phase.diff(dim=-1) - w
    return d - 2 * math.pi * torch.round(d / (2 * math.pi))


def advance_with_bins_over_f(phase, hop):
    w = 2 * math.pi * torch.arange(phase.shape[1], dtype=phase.dtype)[:, None] / phase.shape[1] * hop
    d = phase.diff(dim=-1) - w
    return w + d - 2 * math.pi * torch.round(d / (2 * math.pi))


def advance_with_unwrap(phase, hop):
    return torch.from_numpy(np.diff(np.unwrap(phase.numpy(), axis=-1), axis=-1)).to(phase.dtype)


def advance_along_bins(phase, hop):
    w = torch.linspace(0, math.pi, phase.shape[1], dtype=phase.dtype)[:, None] * hop
    d = phase.diff(dim=1) - w[1:]
    return w[1:] + d - 2 * math.pi * torch.round(d / (2 * math.pi))


def advance_through_complex_numbers(phase, hop):
    w = torch.linspace(0, math.pi, phase.shape[1], dtype=phase.dtype)[:, None] * hop
    turn = torch.polar(torch.ones_like(phase[..., 1:]), phase[..., 1:] - phase[..., :-1] - w)
    return w + turn.angle()


FRESH = [
    ("audio.add_noise", noise_with_linear_ratio, "wrong"),
    ("audio.add_noise", noise_power_scale_not_rooted, "wrong"),
    ("audio.add_noise", noise_with_the_unit_variance_assumed, "wrong"),
    ("audio.add_noise", noise_with_norm_of_all, "wrong"),
    ("audio.add_noise", noise_without_reshape, "wrong"),
    ("audio.add_noise", noise_in_place, "wrong"),
    ("audio.add_noise", noise_by_einsum, "right"),
    ("audio.add_noise", noise_scaled_to_unit_first, "right"),
    ("audio.shift", shift_by_roll, "wrong"),
    ("audio.shift", shift_by_negative_roll_with_zeros, "wrong"),
    ("audio.shift", shift_all_by_the_first, "wrong"),
    ("audio.shift", shift_with_slices_that_forget_zero, "wrong"),
    ("audio.shift", shift_keeps_edges, "wrong"),
    ("audio.shift", shift_by_pad_one_at_a_time, "right"),
    ("audio.shift", shift_as_a_list, "wrong"),
    ("audio.speed", speed_by_interpolate, "wrong"),
    ("audio.speed", speed_with_division, "wrong"),
    ("audio.speed", speed_takes_whole_samples, "wrong"),
    ("audio.speed", speed_out_of_range, "wrong"),
    ("audio.speed", speed_repeats_the_end, "wrong"),
    ("audio.speed", speed_in_numpy, "right"),
    ("audio.vtlp_map", vtlp_only_scales_below, "wrong"),
    ("audio.vtlp_map", vtlp_with_max, "wrong"),
    ("audio.vtlp_map", vtlp_with_sample_rate, "wrong"),
    ("audio.vtlp_map", vtlp_transposed, "wrong"),
    ("audio.vtlp_map", vtlp_for_the_first_only, "wrong"),
    ("audio.vtlp_map", vtlp_by_the_slope, "right"),
    ("audio.spec_mask", mask_without_plus_one, "wrong"),
    ("audio.spec_mask", mask_ignores_lengths, "wrong"),
    ("audio.spec_mask", mask_hides_padding_rows, "wrong"),
    ("audio.spec_mask", mask_in_place, "wrong"),
    ("audio.spec_mask", mask_with_the_mean, "wrong"),
    ("audio.spec_mask", mask_by_outer_products, "right"),
    ("audio.phase_advance", advance_with_modulo, "wrong"),
    ("audio.phase_advance", advance_forgets_to_add, "wrong"),
    ("audio.phase_advance", advance_with_bins_over_f, "wrong"),
    ("audio.phase_advance", advance_with_unwrap, "wrong"),
    ("audio.phase_advance", advance_along_bins, "wrong"),
    ("audio.phase_advance", advance_through_complex_numbers, "right"),
]
