"""Exercise 07, as a class might answer it."""

import numpy as np
import torch

# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def speed_slow_loop(x, rate):
    out = torch.zeros_like(x)
    for b in range(x.size(0)):
        for t in range(x.size(1)):
            out[b, t] = x[b, min(int(rate[b].item() * t), x.size(1) - 1)]
    return out


def speed_minimum(x, rate):
    steps = torch.arange(x.shape[1], dtype=rate.dtype)
    index = torch.minimum(torch.floor(torch.outer(rate, steps)), torch.tensor(x.shape[1] - 1.0)).to(torch.int64)
    return torch.stack([clip.index_select(0, i) for clip, i in zip(x, index)])


def speed_divides(x, rate):
    index = (torch.arange(x.shape[1])[None] / rate[:, None]).long().clamp(max=x.shape[1] - 1)
    return x[torch.arange(len(x))[:, None], index]


def speed_rounds(x, rate):
    index = torch.round(rate[:, None] * torch.arange(x.shape[1])).long().clamp(0, x.shape[1] - 1)
    return torch.take_along_dim(x, index[:, :, None, None, None], dim=1)


def speed_wraps(x, rate):
    index = (rate[:, None] * torch.arange(x.shape[1])).long() % x.shape[1]
    return x[torch.arange(len(x))[:, None], index]


def speed_shorter(x, rate):
    index = (rate[0] * torch.arange(x.shape[1])).long()
    return x[:, index[index < x.shape[1]]]


def speed_one_for_all(x, rate):
    index = (rate[0] * torch.arange(x.shape[1])).long().clamp(max=x.shape[1] - 1)
    return x[:, index]


def speed_forgets_the_end(x, rate):
    index = (rate[:, None] * torch.arange(x.shape[1])).long()
    return x[torch.arange(len(x))[:, None], index]


def speed_interpolates(x, rate):
    p = (rate[:, None] * torch.arange(x.shape[1])).clamp(max=x.shape[1] - 1)
    low, high, rows = p.floor().long(), p.ceil().long(), torch.arange(len(x))[:, None]
    w = (p - low)[:, :, None, None, None].to(x.dtype)
    return (1 - w) * x[rows, low] + w * x[rows, high]


# ── drop_frames ───────────────────────────────────────────────────────────────────────────────────────────────────────


def drop_backfill_then_hold(x, keep):
    out = x.clone()
    for b in range(len(x)):
        t0 = int(keep[b].nonzero()[0])
        out[b, :t0] = x[b, t0]
        for t in range(t0 + 1, x.shape[1]):
            if not keep[b, t]:
                out[b, t] = out[b, t - 1]
    return out


def drop_by_numpy_maximum(x, keep):
    k = keep.numpy()
    index = np.maximum.accumulate(np.where(k, np.arange(k.shape[1]), 0), axis=1)
    index = np.maximum(index, k.argmax(1)[:, None])
    return x[torch.arange(len(x))[:, None], torch.from_numpy(index)]


def drop_zero_in_front(x, keep):
    out = x.clone()
    for t in range(1, x.shape[1]):
        lost = ~keep[:, t]
        out[lost, t] = out[lost, t - 1]
    return out


def drop_previous_only(x, keep):
    before = torch.cat([x[:, :1], x[:, :-1]], 1)
    return torch.where(keep[..., None, None, None], x, before)


def drop_black(x, keep):
    return x.masked_fill(~keep[..., None, None, None], 0)


def drop_pads_at_the_end(x, keep):
    rows = []
    for clip, k in zip(x, keep):
        kept = clip[k]
        rows.append(torch.cat([kept, kept[-1:].repeat(len(clip) - len(kept), 1, 1, 1)]))
    return torch.stack(rows)


def drop_in_place(x, keep):
    for b in range(len(x)):
        first = int(keep[b].int().argmax())
        for t in range(x.shape[1]):
            if not keep[b, t]:
                x[b, t] = x[b, max(t - 1, first) if t > first else first]
    return x


def drop_really(x, keep):
    return [clip[k] for clip, k in zip(x, keep)]


def drop_looks_ahead(x, keep):
    out = x.clone()
    for b in range(len(x)):
        for t in range(x.shape[1]):
            later = keep[b, t:].nonzero()
            out[b, t] = x[b, t + int(later[0])] if len(later) else x[b, int(keep[b].nonzero()[-1])]
    return out


# ── consistent ────────────────────────────────────────────────────────────────────────────────────────────────────────


def consistent_reshape(transform, x, value, sigma, noise):
    b, t, c, h, w = x.shape
    y = transform(x.reshape(-1, c, h, w), torch.repeat_interleave(value, t))
    return y.reshape(b, t, c, h, w) + sigma.reshape(b, 1, 1, 1, 1) * noise


def consistent_over_frames(transform, x, value, sigma, noise):
    out = torch.empty_like(x)
    for t in range(x.shape[1]):
        out[:, t] = transform(x[:, t], value)
    return out + noise * sigma[:, None, None, None, None]


def consistent_repeat(transform, x, value, sigma, noise):
    y = transform(x.flatten(0, 1), value.repeat(x.shape[1])).view_as(x)
    return y + sigma.view(-1, 1, 1, 1, 1) * noise


def consistent_frozen_noise(transform, x, value, sigma, noise):
    frames = [transform(x[:, t], value) + sigma.view(-1, 1, 1, 1) * noise[:, 0] for t in range(x.shape[1])]
    return torch.stack(frames, 1)


def consistent_first_value(transform, x, value, sigma, noise):
    y = transform(x.flatten(0, 1), value[:1].expand(x.shape[0] * x.shape[1])).view_as(x)
    return y + sigma.view(-1, 1, 1, 1, 1) * noise


def consistent_noise_first(transform, x, value, sigma, noise):
    x = x + sigma[:, None, None, None, None] * noise
    return torch.stack([transform(x[:, t], value) for t in range(x.shape[1])], 1)


def consistent_draws_noise(transform, x, value, sigma, noise):
    y = torch.stack([transform(x[:, t], value) for t in range(x.shape[1])], 1)
    return y + sigma[:, None, None, None, None] * torch.randn_like(x)


def consistent_stacks_wrong(transform, x, value, sigma, noise):
    y = torch.stack([transform(x[:, t], value) for t in range(x.shape[1])])
    return y.reshape(x.shape) + sigma[:, None, None, None, None] * noise


def consistent_clamped(transform, x, value, sigma, noise):
    y = torch.stack([transform(x[:, t], value) for t in range(x.shape[1])], 1)
    return (y + sigma[:, None, None, None, None] * noise).clamp(0, 1)


# ── relabel ───────────────────────────────────────────────────────────────────────────────────────────────────────────

OPPOSITE = torch.tensor([1, 0, 3, 2, 5, 4, 7, 6])


def relabel_loop(y, reverse, mirror):
    new = y.clone()
    for i in range(len(y)):
        k = int(y[i])
        if reverse[i]:
            k = k + 1 if k % 2 == 0 else k - 1
        if mirror[i] and k in (0, 1, 4, 5):
            k = k + 1 if k % 2 == 0 else k - 1
        new[i] = k
    return new


def relabel_only_sideways(y, reverse, mirror):
    flip = reverse ^ mirror
    return torch.where(flip & (y < 2), 1 - y, y)


def relabel_mirror_keeps_turns(y, reverse, mirror):
    y = torch.where(reverse, OPPOSITE[y], y)
    return torch.where(mirror & (y < 2), OPPOSITE[y], y)


def relabel_all_in_a_mirror(y, reverse, mirror):
    return torch.where(reverse ^ mirror, OPPOSITE[y], y)


def relabel_either(y, reverse, mirror):
    new = []
    for k, r, m in zip(y.tolist(), reverse, mirror):
        if r or (m and k in (0, 1, 4, 5)):
            new.append(k ^ 1)
        else:
            new.append(k)
    return torch.tensor(new)


def relabel_list(y, reverse, mirror):
    return relabel_loop(y, reverse, mirror).tolist()


def relabel_vertical_mirror(y, reverse, mirror):
    y = torch.where(reverse, OPPOSITE[y], y)
    return torch.where(mirror & (y >= 2) & (y < 6), OPPOSITE[y], y)


# ── temporal_crop ─────────────────────────────────────────────────────────────────────────────────────────────────────


def crop_by_loop(x, times, start, size, stride):
    out = []
    for b in range(len(x)):
        out.append(torch.stack([x[b, int(start[b]) + k * stride] for k in range(size)]))
    return torch.stack(out), torch.sub(times, start[:, None]).div(stride)


def crop_floor_division(x, times, start, size, stride):
    index = start[:, None] + stride * torch.arange(size)
    return x[torch.arange(len(x))[:, None], index], (times - start[:, None]) // stride


def crop_without_stride(x, times, start, size, stride):
    rows = [x[b, s : s + size] for b, s in enumerate(start.tolist())]
    return torch.stack(rows), times - start[:, None]


def crop_times_unmoved(x, times, start, size, stride):
    index = start[:, None] + stride * torch.arange(size)
    return x[torch.arange(len(x))[:, None], index], times


def crop_clamps_times(x, times, start, size, stride):
    index = start[:, None] + stride * torch.arange(size)
    return x[torch.arange(len(x))[:, None], index], ((times - start[:, None]) / stride).clamp(0, size - 1)


def crop_only_the_clip(x, times, start, size, stride):
    index = start[:, None] + stride * torch.arange(size)
    return x[torch.arange(len(x))[:, None], index]


def crop_first_start(x, times, start, size, stride):
    s = int(start[0])
    return x[:, s : s + size * stride : stride][:, :size], (times - s) / stride


# ── videomix ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def mix_with_mask(x, y, partner, blocks):
    mask = torch.zeros(len(x), x.shape[1], 1, *x.shape[3:], dtype=x.dtype)
    for b, (a, top, left, e, bottom, right) in enumerate(blocks.tolist()):
        mask[b, a:e, :, top:bottom, left:right] = 1
    v = mask.flatten(1).mean(1)[:, None]
    return torch.where(mask > 0, x[partner], x), y + v * (y[partner] - y)


def mix_area_only(x, y, partner, blocks):
    out, _ = mix_with_mask(x, y, partner, blocks)
    area = (blocks[:, 4] - blocks[:, 1]) * (blocks[:, 5] - blocks[:, 2]) / (x.shape[3] * x.shape[4])
    v = area[:, None].to(y.dtype)
    return out, (1 - v) * y + v * y[partner]


def mix_swapped_shares(x, y, partner, blocks):
    out, labels = mix_with_mask(x, y, partner, blocks)
    return out, y + y[partner] - labels


def mix_from_the_mixed(x, y, partner, blocks):
    out, labels = x.clone(), mix_with_mask(x, y, partner, blocks)[1]
    for b, (a, top, left, e, bottom, right) in enumerate(blocks.tolist()):
        out[b, a:e, :, top:bottom, left:right] = out[partner[b], a:e, :, top:bottom, left:right]
    return out, labels


def mix_into_x(x, y, partner, blocks):
    old, labels = x.clone(), mix_with_mask(x, y, partner, blocks)[1]
    for b, (a, top, left, e, bottom, right) in enumerate(blocks.tolist()):
        x[b, a:e, :, top:bottom, left:right] = old[partner[b], a:e, :, top:bottom, left:right]
    return x, labels


def mix_pairs_of_edges(x, y, partner, blocks):
    out, labels = x.clone(), y.clone()
    for b, (a, e, top, bottom, left, right) in enumerate(blocks.tolist()):
        out[b, a:e, :, top:bottom, left:right] = x[partner[b], a:e, :, top:bottom, left:right]
        v = (e - a) * (bottom - top) * (right - left) / (x.shape[1] * x.shape[3] * x.shape[4])
        labels[b] = (1 - v) * y[b] + v * y[partner[b]]
    return out, labels


def mix_forgets_channels(x, y, partner, blocks):
    out = mix_with_mask(x, y, partner, blocks)[0]
    v = (blocks[:, 3:] - blocks[:, :3]).prod(1)[:, None] / x[0].numel()
    return out, ((1 - v) * y + v * y[partner]).to(y.dtype)


def mix_labels_kept(x, y, partner, blocks):
    return mix_with_mask(x, y, partner, blocks)[0], y.clone()


WRONG = {
    "speed": (speed_divides, speed_rounds, speed_wraps, speed_shorter, speed_one_for_all, speed_forgets_the_end,
              speed_interpolates),
    "drop_frames": (drop_zero_in_front, drop_previous_only, drop_black, drop_pads_at_the_end, drop_in_place,
                    drop_really, drop_looks_ahead),
    "consistent": (consistent_repeat, consistent_frozen_noise, consistent_first_value, consistent_noise_first,
                   consistent_draws_noise, consistent_stacks_wrong, consistent_clamped),
    "relabel": (relabel_only_sideways, relabel_mirror_keeps_turns, relabel_all_in_a_mirror, relabel_either,
                relabel_list, relabel_vertical_mirror),
    "temporal_crop": (crop_floor_division, crop_without_stride, crop_times_unmoved, crop_clamps_times,
                      crop_only_the_clip, crop_first_start),
    "videomix": (mix_area_only, mix_swapped_shares, mix_from_the_mixed, mix_into_x, mix_pairs_of_edges,
                 mix_forgets_channels, mix_labels_kept),
}  # fmt: skip
RIGHT = {
    "speed": (speed_slow_loop, speed_minimum),
    "drop_frames": (drop_backfill_then_hold, drop_by_numpy_maximum),
    "consistent": (consistent_reshape, consistent_over_frames),
    "relabel": (relabel_loop,),
    "temporal_crop": (crop_by_loop,),
    "videomix": (mix_with_mask,),
}
FRESH = [(f"video.{name}", answer, "wrong") for name, answers in WRONG.items() for answer in answers]
FRESH += [(f"video.{name}", answer, "right") for name, answers in RIGHT.items() for answer in answers]
