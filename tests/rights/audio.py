"""Right answers to exercise 06, written differently."""

import math

import numpy as np
import torch

from tests.rights import right

# ── add_noise ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("audio.add_noise")
def one_sound_at_a_time_by_powers(x, noise, snr):
    out = []
    for wave, n, d in zip(x, noise, snr.tolist()):
        wanted = (wave**2).mean() / 10 ** (d / 10)
        out.append(wave + n * torch.sqrt(wanted / (n**2).mean()))
    return torch.stack(out)


@right("audio.add_noise")
def by_norms(x, noise, snr):
    epsilon = torch.linalg.vector_norm(x, dim=1) / torch.linalg.vector_norm(noise, dim=1) * torch.pow(10, -snr / 20)
    return torch.addcmul(x, epsilon.unsqueeze(1), noise)


@right("audio.add_noise")
def in_numpy(x, noise, snr):
    a, b, d = x.numpy(), noise.numpy(), snr.numpy()[:, None]
    scale = np.sqrt((a**2).sum(1, keepdims=True) / (b**2).sum(1, keepdims=True)) * 10 ** (-d / 20)
    return (a + scale * b).astype(a.dtype)


# ── shift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("audio.shift")
def sample_by_sample(x, samples):
    y = torch.zeros_like(x)
    for i, s in enumerate(samples.tolist()):
        for t in range(x.shape[1]):
            if 0 <= t - s < x.shape[1]:
                y[i, t] = x[i, t - s]
    return y


@right("audio.shift")
def roll_and_silence(x, samples):
    rows = []
    for wave, s in zip(x, samples.tolist()):
        moved = torch.roll(wave, s).clone()
        if s > 0:
            moved[:s] = 0
        elif s < 0:
            moved[max(s, -len(wave)) :] = 0
        rows.append(moved)
    return torch.stack(rows)


@right("audio.shift")
def with_padding_on_both_sides(x, samples):
    t = x.shape[1]
    wide = torch.nn.functional.pad(x, (t, t))
    index = torch.arange(t) + t - samples.clamp(-t, t).unsqueeze(1)
    return torch.take_along_dim(wide, index, dim=1)


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("audio.speed")
def with_numpys_interp(x, rate):
    t = np.arange(x.shape[1])
    rows = [np.interp(t * r, t, wave, right=0.0) for wave, r in zip(x.double().numpy(), rate.double().tolist())]
    return torch.tensor(np.stack(rows), dtype=x.dtype)


@right("audio.speed")
def with_a_silent_sample_behind(x, rate):
    size = x.shape[1]
    p = torch.outer(rate, torch.arange(size, dtype=x.dtype))
    over = p > size - 1
    p = p.masked_fill(over, 0)
    left = p.trunc()
    behind = torch.nn.functional.pad(x, (0, 1))
    a, b = behind.gather(1, left.long()), behind.gather(1, left.long() + 1)
    return torch.lerp(a, b, p - left).masked_fill(over, 0)


@right("audio.speed")
def as_a_matrix_of_hats(x, rate):
    size = x.shape[1]
    p = torch.arange(size, dtype=x.dtype)[None, :, None] * rate[:, None, None]
    hats = (1 - (p - torch.arange(size, dtype=x.dtype)).abs()).clamp(min=0)
    return torch.einsum("bts,bs->bt", hats * (p <= size - 1), x)


# ── vtlp_map ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("audio.vtlp_map")
def one_frequency_at_a_time(f, alpha, f_hi, nyquist):
    rows = []
    for a in alpha.tolist():
        bend = f_hi * min(a, 1) / a
        row = []
        for v in f.tolist():
            if v <= bend:
                row.append(a * v)
            else:
                slope = (nyquist - f_hi * min(a, 1)) / (nyquist - bend)
                row.append(nyquist - slope * (nyquist - v))
        rows.append(row)
    return torch.tensor(rows, dtype=f.dtype)


@right("audio.vtlp_map")
def by_numpys_interp_through_three_points(f, alpha, f_hi, nyquist):
    rows = []
    for a in alpha.double().tolist():
        new = f_hi * min(a, 1)
        rows.append(np.interp(f.double().numpy(), [0, new / a, nyquist], [0, new, nyquist]))
    return torch.tensor(np.stack(rows), dtype=f.dtype)


@right("audio.vtlp_map")
def from_the_bend_upward(f, alpha, f_hi, nyquist):
    a = alpha.unsqueeze(1)
    new = f_hi * torch.minimum(a, torch.ones_like(a))
    old = new / a
    slope = (nyquist - new) / (nyquist - old)
    y = a * f.unsqueeze(0)
    above = f.unsqueeze(0) > old
    return y * ~above + (new + slope * (f.unsqueeze(0) - old)) * above


# ── spec_mask ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("audio.spec_mask")
def with_slices(s, u, freq, time, lengths):
    out = s.clone()
    for i in range(len(s)):
        n = int(lengths[i])
        f = int(u[i, 0] * (freq + 1))
        f0 = int(u[i, 1] * (s.shape[1] - f + 1))
        t = int(u[i, 2] * (min(time, n) + 1))
        t0 = int(u[i, 3] * (n - t + 1))
        out[i, f0 : f0 + f, :n] = 0
        out[i, :, t0 : t0 + t] = 0
    return out


@right("audio.spec_mask")
def by_multiplication(s, u, freq, time, lengths):
    _, bins, frames = s.shape
    f = torch.floor(u[:, 0] * (freq + 1))
    f0 = torch.floor(u[:, 1] * (bins - f + 1))
    t = torch.floor(u[:, 2] * (torch.minimum(lengths, torch.tensor(time)) + 1))
    t0 = torch.floor(u[:, 3] * (lengths - t + 1))
    k, j = torch.arange(bins), torch.arange(frames)
    hide_f = (k >= f0[:, None]) & (k < (f0 + f)[:, None])
    hide_t = (j >= t0[:, None]) & (j < (t0 + t)[:, None])
    hide = (hide_f[:, :, None] | hide_t[:, None, :]) & (j < lengths[:, None])[:, None, :]
    return s * (~hide).to(s.dtype)


@right("audio.spec_mask")
def in_place_on_a_copy(s, u, freq, time, lengths):
    y = s.clone()
    width = (u[:, [0, 2]] * (torch.stack([torch.full_like(lengths, freq), lengths.clamp(max=time)], 1) + 1)).int()
    room = torch.stack([torch.full_like(lengths, s.shape[1]), lengths], 1) - width + 1
    start = (u[:, [1, 3]] * room).int()
    k = torch.arange(s.shape[1]).view(1, -1, 1)
    j = torch.arange(s.shape[2]).view(1, 1, -1)
    (a, b), (w, v) = start.unbind(1), width.unbind(1)
    a, b, w, v, n = (q.view(-1, 1, 1) for q in (a, b, w, v, lengths))
    y.masked_fill_((k >= a) & (k < a + w) & (j < n), 0.0)
    return y.masked_fill_((j >= b) & (j < b + v), 0.0)


# ── phase_advance ─────────────────────────────────────────────────────────────────────────────────────────────────────


@right("audio.phase_advance")
def bin_by_bin(phase, hop):
    n = 2 * (phase.shape[1] - 1)
    rows = []
    for k in range(phase.shape[1]):
        own = 2 * math.pi * k / n * hop
        deviation = phase[:, k, 1:] - phase[:, k, :-1] - own
        rows.append(own + torch.remainder(deviation + math.pi, 2 * math.pi) - math.pi)
    return torch.stack(rows, dim=1)


@right("audio.phase_advance")
def by_sine_and_cosine(phase, hop):
    own = (torch.arange(phase.shape[1], dtype=phase.dtype) * (math.pi / (phase.shape[1] - 1) * hop)).view(1, -1, 1)
    deviation = phase[..., 1:] - phase[..., :-1] - own
    return own + torch.atan2(torch.sin(deviation), torch.cos(deviation))


@right("audio.phase_advance")
def as_whole_turns(phase, hop):
    d = torch.diff(phase, dim=2)
    own = torch.linspace(0, math.pi, phase.shape[1], dtype=phase.dtype)[None, :, None] * hop
    return d + 2 * math.pi * torch.round((own - d) / (2 * math.pi))
