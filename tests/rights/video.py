"""Right answers to exercise 07, written differently."""

import itertools

import numpy as np
import torch

from tests.rights import right


@right("video.speed")
def clip_by_clip(x, rate):
    last = x.shape[1] - 1
    return torch.stack([torch.stack([clip[min(int(float(r) * t), last)] for t in range(last + 1)])
                        for clip, r in zip(x, rate)])  # fmt: skip


@right("video.speed")
def by_gather(x, rate):
    index = (rate[:, None] * torch.arange(x.shape[1])).long().clamp(max=x.shape[1] - 1)
    return x.gather(1, index[:, :, None, None, None].expand_as(x))


@right("video.speed")
def by_numpys_take_along_axis(x, rate):
    at = np.floor(np.outer(rate.numpy(), np.arange(x.shape[1]))).clip(0, x.shape[1] - 1).astype(int)
    return torch.from_numpy(np.take_along_axis(x.numpy(), at[:, :, None, None, None], axis=1))


# ── drop_frames ───────────────────────────────────────────────────────────────────────────────────────────────────────


@right("video.drop_frames")
def with_a_memory(x, keep):
    y = torch.empty_like(x)
    for b in range(len(x)):
        shown = x[b][keep[b]][0]
        for t in range(x.shape[1]):
            if keep[b, t]:
                shown = x[b, t]
            y[b, t] = shown
    return y


@right("video.drop_frames")
def by_counting_what_came(x, keep):
    number = (keep.long().cumsum(1) - 1).clamp(min=0)
    order = torch.argsort(~keep, dim=1, stable=True)
    return x[torch.arange(len(x))[:, None], order.gather(1, number)]


@right("video.drop_frames")
def by_accumulate(x, keep):
    rows = []
    for k in keep.tolist():
        first = k.index(True)
        rows.append(list(itertools.accumulate(range(len(k)), lambda a, t, k=k: t if k[t] else a, initial=first))[1:])
    return torch.stack([x[b, row] for b, row in enumerate(rows)])


# ── consistent ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("video.consistent")
def frame_by_frame(transform, x, value, sigma, noise):
    frames = [transform(x[:, t], value) + sigma[:, None, None, None] * noise[:, t] for t in range(x.shape[1])]
    return torch.stack(frames, dim=1)


@right("video.consistent")
def clip_after_clip(transform, x, value, sigma, noise):
    out = []
    for b in range(len(x)):
        out.append(transform(x[b], value[b].repeat(x.shape[1])) + sigma[b] * noise[b])
    return torch.stack(out)


@right("video.consistent")
def with_einsum_and_expand(transform, x, value, sigma, noise):
    b, t = x.shape[:2]
    y = transform(x.reshape(b * t, *x.shape[2:]), value[:, None].expand(b, t).reshape(-1))
    return y.reshape(x.shape) + torch.einsum("b,btchw->btchw", sigma, noise)


# ── relabel ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("video.relabel")
def by_bits(y, reverse, mirror):
    sideways = (y // 2 == 0) | (y // 2 == 2)
    return y ^ (reverse ^ (mirror & sideways)).long()


@right("video.relabel")
def by_dictionaries(y, reverse, mirror):
    opposite = {0: 1, 1: 0, 2: 3, 3: 2, 4: 5, 5: 4, 6: 7, 7: 6}
    seen = {0: 1, 1: 0, 4: 5, 5: 4}
    out = []
    for label, r, m in zip(y.tolist(), reverse.tolist(), mirror.tolist()):
        label = opposite[label] if r else label
        out.append(seen.get(label, label) if m else label)
    return torch.tensor(out)


@right("video.relabel")
def by_arithmetic(y, reverse, mirror):
    turned = torch.where(reverse, y + 1 - 2 * (y % 2), y)
    both = torch.isin(turned, torch.tensor([0, 1, 4, 5])) & mirror
    return torch.where(both, turned + 1 - 2 * (turned % 2), turned)


# ── temporal_crop ─────────────────────────────────────────────────────────────────────────────────────────────────────


@right("video.temporal_crop")
def by_slices(x, times, start, size, stride):
    rows = [x[b, s : s + (size - 1) * stride + 1 : stride] for b, s in enumerate(start.tolist())]
    return torch.stack(rows), (times - start.unsqueeze(1)) / stride


@right("video.temporal_crop")
def by_take_along_dim(x, times, start, size, stride):
    index = torch.arange(size).mul(stride) + start.view(-1, 1)
    y = torch.take_along_dim(x, index.view(*index.shape, 1, 1, 1), dim=1)
    return y, times / stride - start.view(-1, 1) / stride


# ── videomix ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("video.videomix")
def paste_block_by_block(x, y, partner, blocks):
    out, labels = x.clone(), y.clone()
    for b, (t0, top, left, t1, bottom, right_) in enumerate(blocks.tolist()):
        p = int(partner[b])
        out[b, t0:t1, :, top:bottom, left:right_] = x[p, t0:t1, :, top:bottom, left:right_]
        part = (t1 - t0) * (bottom - top) * (right_ - left) / (x.shape[1] * x.shape[3] * x.shape[4])
        labels[b] = (1 - part) * y[b] + part * y[p]
    return out, labels


@right("video.videomix")
def by_masks_and_lerp(x, y, partner, blocks):
    def span(n, a, b):
        at = torch.arange(n)
        return ((at >= a[:, None]) & (at < b[:, None])).to(x.dtype)

    t = span(x.shape[1], blocks[:, 0], blocks[:, 3])
    h = span(x.shape[3], blocks[:, 1], blocks[:, 4])
    w = span(x.shape[4], blocks[:, 2], blocks[:, 5])
    mask = torch.einsum("bt,bh,bw->bthw", t, h, w)
    taken = mask.mean((1, 2, 3))
    mask = mask.unsqueeze(2)
    return x * (1 - mask) + x[partner] * mask, torch.lerp(y, y[partner], taken[:, None])
