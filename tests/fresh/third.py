"""A third round over all topics, written from the exercises' text when the checks had learned from the second."""

import copy
import math
from collections import Counter, defaultdict

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from labkit import nets

# ── images ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def matrix_reshaped_across_the_batch(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    c, s = scale * a.cos(), scale * a.sin()
    return torch.stack([c, s, shift[:, 0], -s, c, shift[:, 1]]).reshape(-1, 2, 3)


def warp_subtracts_the_shift_last(x, matrix):
    h, w = x.shape[-2:]
    xs = torch.arange(w, dtype=x.dtype) - (w - 1) / 2
    ys = torch.arange(h, dtype=x.dtype) - (h - 1) / 2
    p = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(1, -1, 2)
    source = p @ torch.linalg.inv(matrix[:, :, :2]).mT - matrix[:, None, :, 2]
    half = torch.tensor([w / 2, h / 2], dtype=x.dtype)
    return F.grid_sample(x, (source / half).view(-1, h, w, 2), align_corners=False)


def warp_around_a_corner(x, matrix):
    h, w = x.shape[-2:]
    ys, xs = torch.meshgrid(torch.arange(h, dtype=x.dtype), torch.arange(w, dtype=x.dtype), indexing="ij")
    p = torch.stack([xs, ys], -1).reshape(1, -1, 2)
    source = (p - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[:, :, :2]).mT
    source = (2 * source + 1) / torch.tensor([w, h], dtype=x.dtype) - 1
    return F.grid_sample(x, source.view(-1, h, w, 2), align_corners=False)


def saturation_in_the_order_blue_green_red(x, factor):
    weights = torch.tensor([0.114, 0.587, 0.299], dtype=x.dtype)[:, None, None]
    grey = (x * weights).sum(1, keepdim=True)
    return (grey + factor[:, None, None, None] * (x - grey)).clamp(0, 1)


def salt_and_pepper_each_at_the_full_rate(x, rate, generator):
    u = torch.rand(x.shape[0], 1, *x.shape[2:], generator=generator)
    r = rate.view(-1, 1, 1, 1)
    return torch.where(u < r, 0.0, torch.where(u > 1 - r, 1.0, x)).to(x.dtype)


def filter_by_the_transposed_kernel(x, kernel):
    k, m = kernel.shape
    padded = F.pad(x, (k // 2, k // 2, m // 2, m // 2), mode="reflect")
    return F.conv2d(padded.flatten(0, 1)[:, None], kernel.T[None, None]).view_as(x)


def policy_of_noise_alone(x, generator):
    return (x + 0.2 * torch.randn(x.shape, generator=generator)).clamp(0, 1)


def right_salt_and_pepper_in_two_draws(x, rate, generator):
    shape = (len(x), 1, *x.shape[2:])
    hit = torch.rand(shape, generator=generator) < rate[:, None, None, None]
    white = torch.rand(shape, generator=generator) < 0.5
    return torch.where(hit, white.to(x.dtype), x)


def right_warp_by_four_neighbours(x, matrix):
    b, _, h, w = x.shape
    ys, xs = torch.meshgrid(torch.arange(h).to(x) - (h - 1) / 2, torch.arange(w).to(x) - (w - 1) / 2, indexing="ij")
    p = torch.stack([xs.flatten(), ys.flatten()])
    source = torch.linalg.solve(matrix[:, :, :2], p - matrix[:, :, 2:])
    sx, sy = source[:, 0] + (w - 1) / 2, source[:, 1] + (h - 1) / 2
    rows, y = torch.arange(b)[:, None], 0
    for dx in (0, 1):
        for dy in (0, 1):
            qx, qy = sx.floor().long() + dx, sy.floor().long() + dy
            share = (1 - (sx - qx).abs()) * (1 - (sy - qy).abs())
            inside = (qx >= 0) & (qx < w) & (qy >= 0) & (qy < h)
            value = x[rows, :, qy.clamp(0, h - 1), qx.clamp(0, w - 1)]
            y = y + (share * inside)[..., None] * value
    return y.mT.reshape(x.shape)


# ── mixing ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mixup_with_the_partners_sorted(x, y, partner, lambda_):
    other = partner.argsort()
    w = lambda_.reshape(-1, *[1] * (x.ndim - 1))
    return w * x + (1 - w) * x[other], lambda_[:, None] * y + (1 - lambda_[:, None]) * y[other]


def cross_entropy_over_the_batch(logits, y):
    return -(y * logits.log_softmax(0)).sum(1).mean()


def cut_boxes_keep_their_size(lambda_, centres, height, width):
    a = (0.5 * (1 - lambda_).sqrt() * width).long()
    b = (0.5 * (1 - lambda_).sqrt() * height).long()
    left, top = (centres[:, 0] - a).clamp(min=0), (centres[:, 1] - b).clamp(min=0)
    right, bottom = (left + 2 * a).clamp(max=width), (top + 2 * b).clamp(max=height)
    kept = 1 - (right - left) * (bottom - top) / (height * width)
    return torch.stack([left, top, right, bottom], 1), kept


def similarity_of_mean_squares(y, sigma):
    return torch.softmax(-(y[:, None] - y[None]).square().mean(-1) / (2 * sigma**2), 1)


def weights_by_the_share_of_the_others(y, classes):
    counts = torch.bincount(y, minlength=classes)
    weight = 1 - counts[y] / len(y)
    return weight / weight.sum()


def smote_by_ranks_for_an_order(x, base, rank, gap):
    place = torch.cdist(x, x).argsort(1).argsort(1)
    neighbour = place[base, rank + 1]
    return x[base] + gap[:, None] * (x[neighbour] - x[base])


def right_cut_boxes_in_a_loop(lambda_, centres, height, width):
    boxes, kept = [], []
    for share, (u, v) in zip(lambda_.tolist(), centres.tolist()):
        a, b = int(math.sqrt(1 - share) * width / 2), int(math.sqrt(1 - share) * height / 2)
        left, right = max(u - a, 0), min(u + a, width)
        top, bottom = max(v - b, 0), min(v + b, height)
        boxes.append([left, top, right, bottom])
        kept.append(1 - (right - left) * (bottom - top) / (height * width))
    return torch.tensor(boxes), torch.tensor(kept, dtype=lambda_.dtype)


def right_similarity_by_broadcasting_products(y, sigma):
    kernel = torch.ones(len(y), len(y), dtype=y.dtype)
    for column in y.T:
        kernel = kernel * torch.exp(-((column[:, None] - column) ** 2) / (2 * sigma**2))
    return kernel / kernel.sum(1, keepdim=True)


# ── selftrain ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def surest_with_an_unsorted_mask(c, yu, q):
    order = c.argsort(descending=True)
    return torch.cat([order[yu == k][:q] for k in yu.unique()])


def move_puts_labels_in_front(X, y, Xu, yu, h):
    keep = torch.ones(len(Xu), dtype=torch.bool)
    keep[h] = False
    return torch.cat([X, Xu[h]]), torch.cat([yu[h], y]), Xu[keep]


def calibration_of_signed_gaps(probabilities, y, bins):
    c, predicted = probabilities.max(1)
    right, error = (predicted == y).to(c.dtype), c.new_zeros(())
    for m in range(bins):
        there = (c > m / bins) & (c <= (m + 1) / bins)
        if there.any():
            error = error + there.to(c.dtype).mean() * (right[there].mean() - c[there].mean())
    return error.abs()


def calibration_as_a_mean_over_bins(probabilities, y, bins):
    c, predicted = probabilities.max(1)
    right, gaps = (predicted == y).to(c.dtype), []
    for m in range(bins):
        there = (c > m / bins) & (c <= (m + 1) / bins)
        if there.any():
            gaps.append((right[there].mean() - c[there].mean()).abs())
    return torch.stack(gaps).mean()


def alpha_divided_by_the_end(t, T1, T2, final):
    return final * ((t - T1) / T2).clamp(0, 1)


def fixmatch_sure_of_the_strong_view(weak, strong, tau):
    target = weak.detach().argmax(1)
    sure = strong.detach().softmax(1).amax(1) >= tau
    return (F.cross_entropy(strong, target, reduction="none") * sure).mean()


def ema_adds_the_whole_student(teacher, student, decay):
    return [decay * mine + given for mine, given in zip(teacher, student)]


def right_calibration_with_numpy(probabilities, y, bins):
    p, y = probabilities.double().numpy(), y.numpy()
    c, right = probabilities.amax(1).numpy(), p.argmax(1) == y
    edges = np.array([m / bins for m in range(bins + 1)], dtype=c.dtype)
    place = np.searchsorted(edges, c, side="left")
    total = sum(abs((right[place == m] - c[place == m].astype(float)).sum()) for m in np.unique(place))
    return torch.tensor(total / len(y), dtype=probabilities.dtype)


def right_fixmatch_by_hand(weak, strong, tau):
    q = weak.detach().exp() / weak.detach().exp().sum(1, keepdim=True)
    total = strong.new_zeros(())
    for i in range(len(weak)):
        if q[i].max() >= tau:
            total = total + strong[i].logsumexp(0) - strong[i, q[i].argmax()]
    return total / len(weak)


# ── attacks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def gradient_of_the_true_logit(model, x, y):
    z = x.detach().requires_grad_()
    score = -model(z).gather(1, y[:, None]).sum()
    return torch.autograd.grad(score, z)[0]


def input_gradient(model, x, y):
    z = x.detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(z), y, reduction="sum"), z)[0]


def fgsm_scaled_to_the_largest_entry(model, x, y, eps, targeted=False):
    g = input_gradient(model, x, y)
    g = g / g.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    return (x - eps * g if targeted else x + eps * g).clamp(0, 1)


def success_as_the_loss_of_accuracy(before, after, y):
    return (before.argmax(1) == y).double().mean() - (after.argmax(1) == y).double().mean()


def project_pixel_by_pixel(z, x, eps, norm):
    d = z - x
    shorter = d * (eps / d.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp(max=1)
    d = d.clamp(-eps, eps) if norm == "linf" else shorter
    return (x + d).clamp(0, 1)


def pgd_around_the_last_point(model, x, y, start, eps, alpha, steps):
    z = start
    for _ in range(steps):
        step = (alpha * input_gradient(model, z, y).sign()).clamp(-eps, eps)
        z = (z + step).clamp(0, 1)
    return z


def adversarial_step_on_both(model, optimizer, attack, x, y):
    z = attack(model, x, y)
    loss = (F.cross_entropy(model(x), y) + F.cross_entropy(model(z), y)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def right_gradient_one_by_one(model, x, y):
    rows = []
    for picture, label in zip(x.detach(), y):
        leaf = picture[None].clone().requires_grad_()
        logits = model(leaf)[0]
        loss = logits.logsumexp(0) - logits[label]
        rows.append(torch.autograd.grad(loss, leaf)[0])
    return torch.cat(rows)


def right_project_with_renorm(z, x, eps, norm):
    if norm == "linf":
        return torch.minimum(torch.maximum(z, x - eps), x + eps).clamp(0, 1)
    d = torch.stack([v * min(1.0, eps / max(float(v.norm()), 1e-12)) for v in z - x])
    return (x + d).clamp(0, 1)


# ── text ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def synonyms_for_a_share_of_the_able(words, alpha, synonyms, stop, u):
    able = [i for i, w in enumerate(words) if w.lower() in synonyms and w.lower() not in stop]
    n, new = max(1, int(alpha * len(able))), list(words)
    for i in sorted(able, key=lambda i: float(u[i, 0]))[:n]:
        options = synonyms[words[i].lower()]
        new[i] = options[int(u[i, 1] * len(options))]
    return new


def synonyms_for_lower_case_only(words, alpha, synonyms, stop, u):
    n, new = max(1, int(alpha * len(words))), list(words)
    able = [i for i, w in enumerate(words) if w in synonyms and w not in stop]
    for i in sorted(able, key=lambda i: float(u[i, 0]))[:n]:
        new[i] = synonyms[words[i]][int(u[i, 1] * len(synonyms[words[i]]))]
    return new


def insertion_from_the_growing_sentence(words, synonyms, stop, u):
    new = list(words)
    for a, b, c in u.tolist():
        able = [synonyms[w.lower()] for w in new if w.lower() in synonyms and w.lower() not in stop]
        if able:
            options = able[int(a * len(able))]
            new.insert(int(c * (len(new) + 1)), options[int(b * len(options))])
    return new


def swap_moves_on_only_when_greater(words, u):
    new, n = list(words), len(words)
    for a, b in u.tolist() if n > 1 else []:
        i, j = int(a * n), int(b * (n - 1))
        j += j > i
        new[i], new[j] = new[j], new[i]
    return new


def deletion_with_the_first_tags(words, tags, p, u):
    stay = [i for i in range(len(words)) if u[i] >= p] or [int(u.argmax())]
    return [words[i] for i in stay], tags[: len(stay)]


def conjuncts_of_any_middle(tree):
    if isinstance(tree, str):
        return tree
    below = [conjuncts_of_any_middle(child) for child in tree[1:]]
    if len(below) == 3 and all(isinstance(c, tuple) for c in below) and below[0][0] == below[2][0]:
        below = below[::-1]
    return (tree[0], *below)


def policy_falls_back_on_all_operations(batch, labels, operations, safe, p, u):
    new = []
    for words, label, (a, b) in zip(batch, labels.tolist(), u.tolist()):
        names = safe[label] or list(operations)
        new.append(operations[names[int(b * len(names))]](words) if a < p else list(words))
    return new


def right_swap_by_positions(words, u):
    places = np.arange(len(words))
    for a, b in u.tolist():
        if len(words) < 2:
            break
        i = math.floor(a * len(words))
        others = [k for k in range(len(words)) if k != i]
        places[[i, others[math.floor(b * len(others))]]] = places[[others[math.floor(b * len(others))], i]]
    return [words[k] for k in places]


def right_deletion_with_a_mask(words, tags, p, u):
    keep = (u >= p).tolist()
    if not any(keep):
        keep = [i == int(u.argmax()) for i in range(len(words))]
    pairs = [(w, t) for w, t, k in zip(words, tags, keep) if k]
    return [w for w, _ in pairs], [t for _, t in pairs]


# ── audio ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def noise_as_loud_as_the_batch(x, noise, snr):
    return x + x.norm() / noise.norm() * 10 ** (-snr / 20)[:, None] * noise


def shift_repeats_the_end(x, samples):
    source = torch.arange(x.shape[1]) - samples[:, None]
    return torch.where(source >= 0, x.gather(1, source.clamp(0, x.shape[1] - 1)), 0.0)


def speed_silences_the_last_sample(x, rate):
    last = x.shape[1] - 1
    p = torch.arange(last + 1, dtype=x.dtype) * rate[:, None]
    left = p.floor().long().clamp(max=last)
    share = p - left
    y = (1 - share) * x.gather(1, left) + share * x.gather(1, (left + 1).clamp(max=last))
    return torch.where(p < last, y, 0.0)


def vtlp_bends_without_the_factor(f, alpha, f_hi, nyquist):
    a = alpha[:, None]
    bend = f_hi * a.clamp(max=1)
    above = nyquist - (nyquist - a * bend) / (nyquist - bend) * (nyquist - f)
    return torch.where(f <= bend, a * f, above)


def spec_mask_where_both_cross(s, u, freq, time, lengths):
    w = (u[:, 0] * (freq + 1)).long()
    k0 = (u[:, 1] * (s.shape[1] - w + 1)).long()
    d = (u[:, 2] * (lengths.clamp(max=time) + 1)).long()
    s0 = (u[:, 3] * (lengths - d + 1)).long()
    row, frame = torch.arange(s.shape[1]), torch.arange(s.shape[2])
    rows = (row >= k0[:, None]) & (row < (k0 + w)[:, None])
    frames = (frame >= s0[:, None]) & (frame < (s0 + d)[:, None])
    return s.masked_fill(rows[:, :, None] & frames[:, None], 0.0)


def phase_turned_forward_only(phase, hop):
    own = torch.linspace(0, math.pi, phase.shape[1], dtype=phase.dtype)[:, None] * hop
    return own + (phase.diff(dim=-1) - own) % (2 * math.pi)


def right_speed_with_numpy(x, rate):
    t = np.arange(x.shape[1])
    rows = [np.interp(t * r, t, row, right=0.0) for row, r in zip(x.double().numpy(), rate.double().numpy())]
    return torch.from_numpy(np.stack(rows)).to(x.dtype)


def right_shift_in_slices(x, samples):
    y, size = torch.zeros_like(x), x.shape[1]
    for i, n in enumerate(samples.tolist()):
        n = max(-size, min(size, n))
        if n >= 0:
            y[i, n:] = x[i, : size - n]
        else:
            y[i, :n] = x[i, -n:]
    return y


# ── video ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def speed_starts_again(x, rate):
    b, t = x.shape[:2]
    index = (rate[:, None] * torch.arange(t)).floor().long() % t
    return x[torch.arange(b)[:, None], index]


def drop_frames_shows_the_nearest(x, keep):
    rows = []
    for clip, kept in zip(x, keep):
        places = kept.nonzero()[:, 0]
        away = (torch.arange(len(kept))[:, None] - places).abs()
        rows.append(clip[places[away.argmin(1)]])
    return torch.stack(rows)


def consistent_with_one_noise_a_clip(transform, x, value, sigma, noise):
    t = x.shape[1]
    y = transform(x.flatten(0, 1), value.repeat_interleave(t)).view_as(x)
    return y + sigma[:, None, None, None, None] * noise[:, :1]


def relabel_leaves_the_sizes(y, reverse, mirror):
    backwards = torch.tensor([1, 0, 3, 2, 5, 4, 6, 7])
    mirrored = torch.tensor([1, 0, 2, 3, 5, 4, 6, 7])
    y = torch.where(reverse, backwards[y], y)
    return torch.where(mirror, mirrored[y], y)


def crop_with_whole_moments(x, times, start, size, stride):
    index = start[:, None] + stride * torch.arange(size)
    return x[torch.arange(len(x))[:, None], index], ((times - start[:, None]) // stride).to(times.dtype)


def videomix_counts_the_area_only(x, y, partner, blocks):
    mixed, labels = x.clone(), y.clone()
    for b, (t0, top, left, t1, bottom, right) in enumerate(blocks.tolist()):
        p = int(partner[b])
        mixed[b, t0:t1, :, top:bottom, left:right] = x[p, t0:t1, :, top:bottom, left:right]
        v = (bottom - top) * (right - left) / (x.shape[3] * x.shape[4])
        labels[b] = (1 - v) * y[b] + v * y[p]
    return mixed, labels


def right_drop_frames_with_a_memory(x, keep):
    shown = torch.empty_like(x)
    for b in range(len(x)):
        last = x[b, int(keep[b].nonzero()[0])]
        for t in range(x.shape[1]):
            if keep[b, t]:
                last = x[b, t]
            shown[b, t] = last
    return shown


def right_videomix_with_a_mask(x, y, partner, blocks):
    t, h, w = x.shape[1], x.shape[3], x.shape[4]

    def between(size, low, high):
        place = torch.arange(size)
        return (place >= low[:, None]) & (place < high[:, None])

    inside = (
        between(t, blocks[:, 0], blocks[:, 3])[:, :, None, None, None]
        & between(h, blocks[:, 1], blocks[:, 4])[:, None, None, :, None]
        & between(w, blocks[:, 2], blocks[:, 5])[:, None, None, None]
    )
    v = inside.to(y.dtype).mean((1, 2, 3, 4))[:, None]
    return torch.where(inside, x[partner], x), y + v * (y[partner] - y)


# ── series ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def jitter_in_the_units_of_the_series(x, sigma, unit, noise):
    return x + sigma[:, None, None] * x.std(2, keepdim=True) * noise


def positions_by_the_left_speed(speed):
    way = F.pad(speed[:, :-1].cumsum(1), (1, 0))
    return (speed.shape[1] - 1) * way / way[:, -1:]


def window_of_steps_divided_by_t(x, mask, start, length):
    last = x.shape[2] - 1
    p = start[:, None] + torch.arange(last + 1, dtype=torch.float64) * length / (last + 1)
    left = p.long().clamp(max=last)
    right, share = (left + 1).clamp(max=last), (p - left).to(x.dtype)[:, None]
    low, high = (x.gather(2, i[:, None].expand_as(x)) for i in (left, right))
    return (1 - share) * low + share * high, mask.gather(1, p.round().long().clamp(max=last))


def decimate_before_the_filter(x, factor, kernel):
    half, x = len(kernel) // 2, x[..., ::factor]
    wide = F.pad(x, (half, half), mode="replicate")
    return F.conv1d(wide.flatten(0, 1)[:, None], kernel.view(1, 1, -1)).reshape(x.shape)


def inject_with_a_trend_that_stays_below_one(x, kind, start, length, strength):
    t = torch.arange(x.shape[2])
    mask = (t >= start[:, None]) & (t < start[:, None] + length)
    size = strength * x.std(2, correction=0, keepdim=True)
    if kind == "stuck":
        new = x.gather(2, start[:, None, None].expand(-1, x.shape[1], 1)).expand_as(x)
    else:
        ramp = ((t - start[:, None]) / length).to(x.dtype)[:, None]
        new = x + size * (ramp if kind == "trend" else 1)
    return torch.where(mask[:, None], new, x), mask


def adjust_the_whole_row(predicted, truth):
    hit = (predicted & truth).any(1, keepdim=True)
    return predicted | (truth & hit)


def right_adjust_run_by_run(predicted, truth):
    new = predicted.clone()
    for row, real in zip(new, truth.tolist()):
        start = None
        for t, value in enumerate([*real, False]):
            if value and start is None:
                start = t
            elif not value and start is not None:
                row[start:t] = row[start:t].any()
                start = None
    return new


def right_decimate_tap_by_tap(x, factor, kernel):
    size, half = x.shape[2], len(kernel) // 2
    centre = torch.arange(0, size, factor)
    return sum(h * x[:, :, (centre + i - half).clamp(0, size - 1)] for i, h in enumerate(kernel))


# ── medical ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def dice_smoothed_by_one(predicted, mask):
    both = (predicted & mask).sum((1, 2))
    return (2 * both + 1) / (predicted.sum((1, 2)) + mask.sum((1, 2)) + 1)


def pair_by_votes_of_the_classes(x, mask, theta):
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    layers = F.one_hot(mask).movedim(-1, 1).to(x.dtype)
    votes = F.grid_sample(layers, grid, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False), votes.argmax(1)


def paste_with_a_mean_of_what_is_there(x, mask, donor, donor_mask, organ):
    bad = (donor_mask & (~organ | mask)).flatten(1).any(1)
    there = donor_mask & ~bad[:, None, None]
    a = F.avg_pool2d(there[:, None].to(x.dtype), 3, stride=1, padding=1, count_include_pad=False)
    return (1 - a) * x + a * donor, mask | there


def differential_of_the_cut_pictures(x, region, inside, outside):
    r = region[:, None]
    return torch.where(r, inside(x * r), outside(x * ~r))


def gamma_back_to_the_range(x, gamma):
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    z = ((x - low) / (high - low)) ** gamma.view(-1, 1, 1, 1)
    return torch.where(high == low, x, z * (high - low) + low)


def consistency_moves_the_student(student, teacher, grid):
    moved = F.grid_sample(student.sigmoid(), grid, align_corners=False)
    seen = F.grid_sample(torch.ones_like(teacher), grid, align_corners=False) > 0.999
    squared = (moved - teacher.detach().sigmoid()).square() * seen
    return squared.sum() / seen.sum().clamp_min(1)


def right_dice_of_sets(predicted, mask):
    numbers = []
    for p, m in zip(predicted.flatten(1).numpy(), mask.flatten(1).numpy()):
        a, b = set(np.flatnonzero(p).tolist()), set(np.flatnonzero(m).tolist())
        numbers.append(2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0)
    return torch.tensor(numbers)


def right_gamma_channel_by_channel(x, gamma):
    y = x.clone()
    for b in range(len(x)):
        for c in range(x.shape[1]):
            v = x[b, c]
            if v.max() > v.min():
                z = ((v - v.min()) / (v.max() - v.min())).pow(gamma[b])
                y[b, c] = (z - z.mean()) * (v.std() / z.std()) + v.mean()
    return y


# ── learned ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def strength_with_bits_cut_off(name, magnitude, sign, side):
    if name == "rotate":
        return sign * 30 * magnitude
    if name == "translate_x":
        return sign * 150 / 331 * side * magnitude
    if name == "brightness":
        return 1 + sign * 0.9 * magnitude
    return (8 - 4 * magnitude).floor() if name == "posterize" else 1 - magnitude


def reinforce_with_the_mean_as_baseline(logits, actions, rewards, baseline):
    advantage = (rewards - rewards.mean()).detach()
    return -(advantage * logits.log_softmax(0)[actions]).mean()


def hypergradient_without_the_rate(train_loss, validation_loss, w, phi, lr):
    def after(numbers):
        return validation_loss(w - torch.func.grad(train_loss)(w, numbers))

    return torch.func.grad(after)(phi)


def angles_from_a_width_of_both_signs(rho, u, limit):
    return limit * torch.tanh(rho) * u


def posterize_up_to_white(x, bits):
    most = (2.0**bits).to(x.dtype).view(-1, 1, 1, 1) - 1
    return ((x * most).floor() / most).detach() + x - x.detach()


def teach_loss_with_a_frozen_teacher(model, teacher, x, y):
    with torch.no_grad():
        easy = F.cross_entropy(teacher(x), y)
    return easy - F.cross_entropy(model(x), y)


def right_reinforce_by_counting(logits, actions, rewards, baseline):
    advantage = rewards.detach() - torch.as_tensor(baseline).detach()
    pull = torch.zeros_like(logits).index_add(0, actions, advantage.to(logits.dtype)) / len(actions)
    return (pull * (logits.logsumexp(0) - logits)).sum()


def right_hypergradient_with_autograd(train_loss, validation_loss, w, phi, lr):
    w, phi = w.clone().requires_grad_(), phi.clone().requires_grad_()
    (g,) = torch.autograd.grad(train_loss(w, phi), w, create_graph=True)
    (v,) = torch.autograd.grad(validation_loss(w - lr * g), phi)
    return v


# ── style ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def gram(features):
    return torch.einsum("bchw,bdhw->bcd", features, features) / features[0, 0].numel()


def gram_of_centred_maps(features):
    rows = features.flatten(2)
    rows = rows - rows.mean(2, keepdim=True)
    return rows @ rows.mT / rows.shape[2]


def style_loss_over_four_c(features, targets):
    terms = [(gram(f) - a).square().sum((1, 2)) / (4 * f.shape[1]) for f, a in zip(features, targets)]
    return torch.stack(terms).mean(0)


def adain_of_the_whole_picture(x, y, strength):
    var_x, mean_x = torch.var_mean(x, dim=(1, 2, 3), keepdim=True, correction=0)
    var_y, mean_y = torch.var_mean(y, dim=(1, 2, 3), keepdim=True, correction=0)
    t = (x - mean_x) / (var_x + 1e-5).sqrt() * (var_y + 1e-5).sqrt() + mean_y
    return x + strength * (t - x)


def variation_of_the_gradient_length(x):
    down, across = x[:, :, 1:, :-1] - x[:, :, :-1, :-1], x[:, :, :-1, 1:] - x[:, :, :-1, :-1]
    return (down.square() + across.square() + 1e-12).sqrt().mean((1, 2, 3))


def mixstyle_centred_by_the_partner(x, partner, lambda_, training):
    if not training:
        return x
    var, mean = torch.var_mean(x.detach(), dim=(2, 3), keepdim=True, correction=0)
    std, w = (var + 1e-6).sqrt(), lambda_.view(-1, 1, 1, 1)
    gamma = w * std + (1 - w) * std[partner]
    beta = w * mean + (1 - w) * mean[partner]
    return gamma * (x - mean[partner]) / std[partner] + beta


def pixel_step_clamped_before_the_step(loss, z, rate):
    leaf = z.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf).sum(), leaf)
    return z.detach().clamp(0, 1) - rate * gradient


def right_adain_by_mixed_statistics(x, y, strength):
    def statistics(v):
        mean = v.mean((2, 3), keepdim=True)
        return mean, ((v - mean).square().mean((2, 3), keepdim=True) + 1e-5).sqrt()

    (mx, sx), (my, sy) = statistics(x), statistics(y)
    scale = (1 - strength) * sx + strength * sy
    return scale * (x - mx) / sx + (1 - strength) * mx + strength * my


def right_gram_pair_by_pair(features):
    c = features.shape[1]
    rows = [[(features[:, i] * features[:, j]).mean((1, 2)) for j in range(c)] for i in range(c)]
    return torch.stack([torch.stack(row, -1) for row in rows], 1)


# ── gan ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def discriminator_loss_both_real(real, fake):
    return F.softplus(-real).mean() + F.softplus(-fake).mean()


def slopes_of_the_other_sign(d):
    return -d, 1 - d


def players_both_on_detached_samples(G, D, x, z):
    fake = G(z).detach()
    return F.softplus(-D(x)).mean() + F.softplus(D(fake)).mean(), F.softplus(-D(fake)).mean()


def class_term_against_each_other(real, y, fake, y_fake):
    return F.cross_entropy(real, y) - F.cross_entropy(fake, y_fake)


def copy_score_without_the_one(generated, training, held_out):
    flat = training.flatten(1)
    d, e = (torch.cdist(v.flatten(1), flat).amin(1) for v in (generated, held_out))
    n, m = len(d), len(e)
    u = (d[:, None] > e).double().sum() + 0.5 * (d[:, None] == e).double().sum()
    return (u - n * m / 2) / (n * m * (n + m) / 12) ** 0.5


def cas_as_a_mean_over_classes(learn, x, y, test_x, test_y):
    right = learn(x, y)(test_x).argmax(1) == test_y
    return torch.stack([right[test_y == k].float().mean() for k in test_y.unique()]).mean()


def right_discriminator_loss_with_logaddexp(real, fake):
    zero = torch.zeros((), dtype=real.dtype)
    return torch.logaddexp(zero, -real).sum() / real.numel() + torch.logaddexp(zero, fake).sum() / fake.numel()


def right_copy_score_by_loops(generated, training, held_out):
    def nearest(rows):
        return [min(float((r - t).double().square().sum()) for t in training) for r in rows]

    d, e = nearest(generated), nearest(held_out)
    u = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in d for b in e)
    n, m = len(d), len(e)
    return torch.tensor((u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12))


# ── refine ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def local_loss_of_a_rounded_probability(logits, refined):
    each = -F.logsigmoid(logits) if refined else -torch.log(1 - torch.sigmoid(logits))
    return each.sum((1, 2)).mean()


def local_loss(logits, refined):
    return F.softplus(-logits if refined else logits).sum((1, 2)).mean()


def self_regularisation_of_the_difference(refined, synthetic, psi):
    return psi(refined - synthetic).abs().flatten(1).sum(1).mean()


def objective_minus_the_discriminators(refined, real, change, lambda_):
    return -local_loss(refined, True) + lambda_ * change, local_loss(refined, True) + local_loss(real, False)


def mix_draws_with_replacement(fresh, past, generator):
    m, n = len(fresh), len(past)
    drawn = torch.randint(n, (m,), generator=generator)
    new_past = past.clone()
    new_past[torch.randperm(n, generator=generator)[:m]] = fresh
    return torch.cat([fresh, past[drawn]]), new_past


def drift_adds_deviations(before, after):
    moved = after - before
    return moved.mean(0), moved.std(0, correction=0).sum()


def patch_size_enlarges_the_side(strides, kernel):
    side = 1
    for stride in reversed(strides):
        side = side * stride + kernel - 1
    return side


def right_patch_size_backwards(strides, kernel):
    side = 1
    for stride in strides[::-1]:
        side = (side - 1) * stride + kernel
    return side


def right_drift_with_numpy(before, after):
    d = (after - before).double().numpy()
    shift = np.mean(d, axis=0)
    scatter = math.sqrt(max(0.0, np.mean(np.sum((d - shift) ** 2, axis=1))))
    return torch.tensor(shift, dtype=before.dtype), torch.tensor(scatter, dtype=before.dtype)


# ── finetune ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def freeze_rests_with_one_frozen(model, where):
    model.train()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not where(name))
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d) and any(not p.requires_grad for p in layer.parameters()):
            layer.eval()
    return model


def new_head_without_a_bias(model, k):
    model.requires_grad_(False)
    old = model.classifier[-1]
    model.classifier[-1] = nn.Linear(old.in_features, k, bias=False, dtype=old.weight.dtype)
    return model


def cached_all_at_once(model, x, batch_size):
    training = model.training
    model.eval()
    with torch.no_grad():
        h = model.features(x)
    model.train(training)
    return h


def groups_fall_linearly(parts, lr, factor):
    groups = []
    for i, part in enumerate(reversed(parts)):
        learning = [p for p in part.parameters() if p.requires_grad]
        if learning:
            groups.append({"params": learning, "lr": lr / (factor * i) if i else lr})
    return groups


def stops_after_bad_epochs_in_all(model, step, loss, epochs, patience):
    best, bad, kept, trained = float("inf"), 0, None, 0
    while trained < epochs and bad < patience:
        step(model)
        trained, value = trained + 1, loss(model)
        if value < best:
            best, kept = value, copy.deepcopy(model.state_dict())
        else:
            bad += 1
    model.load_state_dict(kept)
    return trained


def stops_and_keeps_parameters_only(model, step, loss, epochs, patience):
    best, at = float("inf"), 0
    for epoch in range(1, epochs + 1):
        step(model)
        value = loss(model)
        if value < best:
            best, at, kept = value, epoch, [p.detach().clone() for p in model.parameters()]
        if epoch - at >= patience:
            break
    with torch.no_grad():
        for p, saved in zip(model.parameters(), kept):
            p.copy_(saved)
    return epoch


def right_groups_parameter_by_parameter(parts, lr, factor):
    groups, rate = [], lr
    for part in parts[::-1]:
        groups += [{"params": [p], "lr": rate} for p in part.parameters() if p.requires_grad]
        rate = rate / factor
    return groups


def right_cached_into_an_empty_tensor(model, x, batch_size):
    was = model.training
    model.train(False)
    with torch.inference_mode():
        h = torch.cat([model.features(x[i : i + batch_size]) for i in range(0, len(x), batch_size)])
    if was:
        model.train()
    return h.clone()


# ── transfer ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def setting_by_the_distributions_alone(source, target, labels):
    domains, tasks = source[1] != target[1], source[3] != target[3]
    here, there = (labels > 0).tolist()
    if not domains and not tasks:
        return "ordinary"
    if not here:
        return "inductive" if there else "unsupervised"
    if not tasks:
        return "transductive"
    return "inductive" if there else "zero-shot"


def importance_of_mean_one(p, n_source, n_target):
    w = p / (1 - p)
    return w / w.mean()


def sample_size_of_weights_that_sum_to_one(w):
    return 1 / w.square().sum()


def clip_the_weights_as_they_are(w, most):
    v = w.clamp(max=most)
    return v / v.mean()


def procrustes_the_other_way(x, y):
    u, _, vh = torch.linalg.svd(y.T @ x)
    return u @ vh


def csls_with_the_mean_of_all(x, y, k):
    cos = F.normalize(x, dim=1) @ F.normalize(y, dim=1).T
    return 2 * cos - cos.mean(1, keepdim=True) - cos.mean(0, keepdim=True)


def soft_sharing_without_biases(a, b, lambda_):
    pairs = zip(a.parameters(), b.parameters())
    return lambda_ * sum((p - q).square().sum() for p, q in pairs if p.ndim > 1)


def sgns_with_a_mean_over_negatives(v, u, centre, context, negatives):
    c = v[centre]
    positive = F.logsigmoid((c * u[context]).sum(1))
    negative = F.logsigmoid(-torch.einsum("bd,bkd->bk", c, u[negatives]))
    counts = (negatives != context[:, None]).to(v.dtype)
    return -(positive + (negative * counts).mean(1)).mean()


def right_setting_from_a_table(source, target, labels):
    if source == target:
        return "ordinary"
    table = {
        (False, False): ("unsupervised", "unsupervised"),
        (False, True): ("inductive", "inductive"),
        (True, False): ("transductive", "zero-shot"),
        (True, True): ("transductive", "inductive"),
    }
    has = (int(labels[0]) > 0, int(labels[1]) > 0)
    return table[has][tuple(source[2:]) != tuple(target[2:])]


def right_csls_row_by_row(x, y, k):
    cos = torch.stack([F.cosine_similarity(row[None], y) for row in x])
    near = cos.sort(1).values[:, -k:].sum(1) / k
    back = cos.sort(0).values[-k:].sum(0) / k
    return cos + cos - (near[:, None] + back[None])


# ── domain ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def reversal_that_still_passes(x, scale):
    return x - scale * (x - x.detach())


def schedule_as_a_steep_tanh(p, gamma=10.0):
    return torch.tanh(gamma * p)


def domain_loss(source, target):
    return (F.softplus(source).mean() + F.softplus(-target).mean()) / 2


def domain_loss_of_two_sigmoids(source, target):
    s, t = source.sigmoid(), target.sigmoid()
    zero = F.binary_cross_entropy_with_logits(s, torch.zeros_like(s))
    return (zero + F.binary_cross_entropy_with_logits(t, torch.ones_like(t))) / 2


def reversal(x, scale):
    return (1 + scale) * x.detach() - scale * x


def objective_weighs_the_discriminator(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    apart = domain_loss(discriminator(reversal(f, 1.0)), discriminator(reversal(h, 1.0)))
    return F.cross_entropy(model.head(f), y) + lambda_ * apart


def objective_reverses_before_the_head(model, discriminator, x, y, z, lambda_):
    f, h = reversal(model.features(x), lambda_), reversal(model.features(z), lambda_)
    return F.cross_entropy(model.head(f), y) + domain_loss(discriminator(f), discriminator(h))


def fisher_direction(source, target):
    within = (torch.cov(source.T) + torch.cov(target.T)) / 2 + 1e-6 * torch.eye(source.shape[1])
    direction = torch.linalg.solve(within, target.mean(0) - source.mean(0))
    return direction, (target.mean(0) + source.mean(0)) @ direction / 2


def distance_of_the_pooled_error(source, target, source_test, target_test):
    direction, bar = fisher_direction(source, target)
    wrong = (source_test @ direction > bar).sum() + (target_test @ direction <= bar).sum()
    return 2 * (1 - 2 * float(wrong / (len(source_test) + len(target_test))))


def distance_without_the_two(source, target, source_test, target_test):
    direction, bar = fisher_direction(source, target)
    wrong = (source_test @ direction > bar).float().mean() + (target_test @ direction <= bar).float().mean()
    return float(1 - wrong)


def right_schedule_as_a_tanh(p, gamma=10.0):
    return torch.tanh(gamma * p / 2)


def right_reversal_with_a_hook(x, scale):
    y = x * 1
    if y.requires_grad:
        y.register_hook(lambda gradient: -scale * gradient)
    return y


# ── fair ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def parity(yes, a):
    yes = yes.float()
    return (yes[a == 0].mean() - yes[a == 1].mean()).abs()


def parity_from_the_mean_of_all(yes, a):
    yes = yes.float()
    return max((yes[a == k].mean() - yes.mean()).abs() for k in (0, 1))


def opportunity_of_the_whole_group(yes, y, a):
    good = ((yes == 1) & (y == 1)).float()
    return (good[a == 0].mean() - good[a == 1].mean()).abs()


def odds_of_the_same_people(yes, y, a):
    good = y == 1
    return max(parity(yes[good], a[good]), parity(1 - yes[good], a[good]))


def adversary_loss(logits, a):
    each = F.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), reduction="none")
    return (each[a == 0].mean() + each[a == 1].mean()) / 2


def adversary_loss_with_the_weight_upside_down(logits, a):
    weight = (a == 1).sum() / (a == 0).sum()
    return F.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), pos_weight=weight)


def objectives_without_a_fight(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    against = adversary_loss(adversary(h.detach())[:, 0], a)
    return F.cross_entropy(model.head(h), y) - lambda_ * against, against


def probe_along_a_line(h, a, h_test):
    h, h_test = h.detach(), h_test.detach()
    net = nets.MLP(h.shape[1], 1, hidden=(), mean=0.0, std=1.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        adversary_loss(net(h)[:, 0], a).backward()
        optimizer.step()
    return (net(h_test)[:, 0] > 0).long()


def right_odds_from_a_table(yes, y, a):
    rate = torch.zeros(2, 2)
    for i in (0, 1):
        for j in (0, 1):
            chosen = [float(v) for v, u, w in zip(yes, y, a) if int(u) == i and int(w) == j]
            rate[i, j] = sum(chosen) / len(chosen)
    return (rate[:, 0] - rate[:, 1]).abs().amax()


def right_objectives_in_two_passes(model, adversary, x, y, a, lambda_):
    with torch.no_grad():
        still = model.features(x)
    h = model.features(x)
    second = adversary_loss(adversary(still).squeeze(1), a)
    return F.cross_entropy(model.head(h), y) + -lambda_ * adversary_loss(adversary(h).squeeze(1), a), second


# ── linkage ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def anonymity_of_neighbouring_rows(quasi):
    return int(quasi.unique_consecutive(dim=0, return_counts=True)[1].min())


def diversity_by_the_smallest_count(quasi, sensitive):
    table = torch.cat([quasi, sensitive[:, None]], 1)
    return int(table.unique(dim=0, return_counts=True)[1].min())


def weight_with_the_logarithm_raised(film, films):
    return 1 / torch.bincount(film, minlength=films).clamp_min(1).float().log().clamp_min(1)


def score_with_zero_for_no_rating(stars, day, film, known_stars, known_day, w, rho0, d0):
    stars, day = stars.nan_to_num(0), day.nan_to_num(0)
    alike = torch.exp(-(stars[:, film] - known_stars).abs() / rho0)
    near = torch.exp(-(day[:, film] - known_day).abs() / d0)
    return (w[film] * (alike + near)).sum(1)


def test_with_the_deviation_of_all_targets(scores, phi):
    top = scores.topk(2, 1)
    return torch.where(top.values[:, 0] - top.values[:, 1] > phi * scores.std(), top.indices[:, 0], -1)


def rates_of_those_who_are_there(record, truth):
    claimed, right, there = record >= 0, record == truth, truth >= 0
    return (claimed & right).sum() / there.sum(), (claimed & ~right).double().mean()


def right_diversity_with_sets(quasi, sensitive):
    seen = defaultdict(set)
    for row, value in zip(quasi.tolist(), sensitive.tolist()):
        seen[tuple(row)].add(value)
    return min(map(len, seen.values()))


def right_weight_with_a_counter(film, films):
    count = Counter(film.tolist())
    return torch.tensor([1 / math.log(max(2, count[i])) for i in range(films)], dtype=torch.float32)


# ── membership ────────────────────────────────────────────────────────────────────────────────────────────────────────


def advantage_either_way(scores, member):
    guess = scores >= scores.unique()[:, None]
    return (guess[:, member].double().mean(1) - guess[:, ~member].double().mean(1)).abs().max()


def loss_attack_on_the_predicted_label(logits, y, mean_loss):
    return F.cross_entropy(logits, logits.argmax(1), reduction="none") <= mean_loss


def tpr_with_a_share_of_everybody(scores, member, fpr):
    guess = scores >= scores.unique()[:, None]
    found, accused = guess[:, member].double().mean(1), (guess & ~member).double().mean(1)
    return torch.cat([found[accused <= fpr], found.new_zeros(1)]).max()


def lira_without_the_half(phi, shadow, members):
    score = torch.zeros_like(phi)
    for sign, kind in ((1, members), (-1, ~members)):
        columns = [shadow[kind[:, i], i] for i in range(len(phi))]
        mean, std = torch.stack([c.mean() for c in columns]), torch.stack([c.std() for c in columns])
        score = score + sign * (-((phi - mean) ** 2) / std**2 - std.log())
    return score


def eve_loss_exchanged(on_synthetic, on_fresh):
    return (F.softplus(on_synthetic).mean() + F.softplus(-on_fresh).mean()) / 2


def clipped_mean_to_exactly_c(gradients, C):
    lengths = torch.cat([g.flatten(1) for g in gradients], 1).norm(dim=1)
    factor = C / lengths.clamp(min=1e-12)
    return [(factor.view(-1, *[1] * (g.ndim - 1)) * g).mean(0) for g in gradients]


def right_lira_with_distributions(phi, shadow, members):
    rows = []
    for i in range(len(phi)):
        seen, other = shadow[members[:, i], i], shadow[~members[:, i], i]
        with_it, without = (torch.distributions.Normal(s.mean(), s.std()) for s in (seen, other))
        rows.append(with_it.log_prob(phi[i]) - without.log_prob(phi[i]))
    return torch.stack(rows)


def right_tpr_by_sorting(scores, member, fpr):
    best, hits, false = 0.0, 0, 0
    members, others = int(member.sum()), int((~member).sum())
    for tau in sorted(set(scores.tolist()), reverse=True):
        here = scores == tau
        hits, false = hits + int((here & member).sum()), false + int((here & ~member).sum())
        if false / others <= fpr:
            best = max(best, hits / members)
    return torch.tensor(best, dtype=torch.float64)


# ── dti ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def assign_by_the_largest_product(x, centres):
    return (x.flatten(1) @ centres.flatten(1).T).argmax(1)


def update_half_way(x, a, centres):
    new = centres.clone()
    for j in a.unique():
        new[j] = (centres[j] + x[a == j].mean(0)) / 2
    return new


def accuracy_named_by_first_appearance(clusters, y):
    names = {}
    for c, label in zip(clusters.tolist(), y.tolist()):
        if c not in names and label not in names.values():
            names[c] = label
    return sum(names.get(c) == label for c, label in zip(clusters.tolist(), y.tolist())) / len(y)


def invariant_as_a_mean_over_pixels(x, moved):
    return (x[:, None, None] - moved).square().flatten(3).mean(3).amin(2)


def grid_with_y_first(beta, h, w):
    x = ((2 * torch.arange(w) + 1) / w - 1).to(beta.dtype)
    y = ((2 * torch.arange(h) + 1) / h - 1).to(beta.dtype)[:, None]
    a, b, c, d, e, f = (v[:, None, None] for v in beta.unbind(1))
    return torch.stack([d * x + (1 + e) * y + f, (1 + a) * x + b * y + c], -1)


def reassign_with_the_noise_of_the_largest(prototypes, moment, share, noise, least):
    small, largest = share < least / len(share), share.argmax()
    new, moved = prototypes.clone(), moment.clone()
    new[small] = prototypes[largest] + noise[largest]
    moved[small] = moment[largest]
    return new, moved


def right_grid_with_torch(beta, h, w):
    identity = torch.eye(2, 3, dtype=beta.dtype)
    return F.affine_grid(beta.view(-1, 2, 3) + identity, [len(beta), 1, h, w], align_corners=False)


def right_update_with_one_hot(x, a, centres):
    chosen = F.one_hot(a, len(centres)).to(x.dtype)
    count = chosen.sum(0).view(-1, *[1] * (x.ndim - 1))
    return torch.where(count > 0, torch.einsum("nk,n...->k...", chosen, x) / count, centres)


def answers(kind, key, *functions):
    return [(key, function, kind) for function in functions]


FRESH = [
    *answers("wrong", "images.affine_matrix", matrix_reshaped_across_the_batch),
    *answers("wrong", "images.warp", warp_subtracts_the_shift_last, warp_around_a_corner),
    *answers("wrong", "images.saturation", saturation_in_the_order_blue_green_red),
    *answers("wrong", "images.salt_and_pepper", salt_and_pepper_each_at_the_full_rate),
    *answers("wrong", "images.filter2d", filter_by_the_transposed_kernel),
    *answers("wrong", "images.policy", policy_of_noise_alone),
    *answers("right", "images.salt_and_pepper", right_salt_and_pepper_in_two_draws),
    *answers("right", "images.warp", right_warp_by_four_neighbours),
    *answers("wrong", "mixing.mixup", mixup_with_the_partners_sorted),
    *answers("wrong", "mixing.soft_cross_entropy", cross_entropy_over_the_batch),
    *answers("wrong", "mixing.cut_boxes", cut_boxes_keep_their_size),
    *answers("wrong", "mixing.similarity", similarity_of_mean_squares),
    *answers("wrong", "mixing.sampling_weights", weights_by_the_share_of_the_others),
    *answers("wrong", "mixing.smote", smote_by_ranks_for_an_order),
    *answers("right", "mixing.cut_boxes", right_cut_boxes_in_a_loop),
    *answers("right", "mixing.similarity", right_similarity_by_broadcasting_products),
    *answers("wrong", "selftrain.surest", surest_with_an_unsorted_mask),
    *answers("wrong", "selftrain.move", move_puts_labels_in_front),
    *answers("wrong", "selftrain.calibration_error", calibration_of_signed_gaps, calibration_as_a_mean_over_bins),
    *answers("wrong", "selftrain.alpha", alpha_divided_by_the_end),
    *answers("wrong", "selftrain.fixmatch", fixmatch_sure_of_the_strong_view),
    *answers("wrong", "selftrain.ema_update", ema_adds_the_whole_student),
    *answers("right", "selftrain.calibration_error", right_calibration_with_numpy),
    *answers("right", "selftrain.fixmatch", right_fixmatch_by_hand),
    *answers("wrong", "attacks.input_gradient", gradient_of_the_true_logit),
    *answers("wrong", "attacks.fgsm", fgsm_scaled_to_the_largest_entry),
    *answers("wrong", "attacks.success_rate", success_as_the_loss_of_accuracy),
    *answers("wrong", "attacks.project", project_pixel_by_pixel),
    *answers("wrong", "attacks.pgd", pgd_around_the_last_point),
    *answers("wrong", "attacks.adversarial_step", adversarial_step_on_both),
    *answers("right", "attacks.input_gradient", right_gradient_one_by_one),
    *answers("right", "attacks.project", right_project_with_renorm),
    *answers("wrong", "text.synonym_replacement", synonyms_for_a_share_of_the_able, synonyms_for_lower_case_only),
    *answers("wrong", "text.random_insertion", insertion_from_the_growing_sentence),
    *answers("wrong", "text.random_swap", swap_moves_on_only_when_greater),
    *answers("wrong", "text.random_deletion", deletion_with_the_first_tags),
    *answers("wrong", "text.swap_conjuncts", conjuncts_of_any_middle),
    *answers("wrong", "text.safe_policy", policy_falls_back_on_all_operations),
    *answers("right", "text.random_swap", right_swap_by_positions),
    *answers("right", "text.random_deletion", right_deletion_with_a_mask),
    *answers("wrong", "audio.add_noise", noise_as_loud_as_the_batch),
    *answers("wrong", "audio.shift", shift_repeats_the_end),
    *answers("wrong", "audio.speed", speed_silences_the_last_sample),
    *answers("wrong", "audio.vtlp_map", vtlp_bends_without_the_factor),
    *answers("wrong", "audio.spec_mask", spec_mask_where_both_cross),
    *answers("wrong", "audio.phase_advance", phase_turned_forward_only),
    *answers("right", "audio.speed", right_speed_with_numpy),
    *answers("right", "audio.shift", right_shift_in_slices),
    *answers("wrong", "video.speed", speed_starts_again),
    *answers("wrong", "video.drop_frames", drop_frames_shows_the_nearest),
    *answers("wrong", "video.consistent", consistent_with_one_noise_a_clip),
    *answers("wrong", "video.relabel", relabel_leaves_the_sizes),
    *answers("wrong", "video.temporal_crop", crop_with_whole_moments),
    *answers("wrong", "video.videomix", videomix_counts_the_area_only),
    *answers("right", "video.drop_frames", right_drop_frames_with_a_memory),
    *answers("right", "video.videomix", right_videomix_with_a_mask),
    *answers("wrong", "series.jitter", jitter_in_the_units_of_the_series),
    *answers("wrong", "series.warp_positions", positions_by_the_left_speed),
    *answers("wrong", "series.window_slice", window_of_steps_divided_by_t),
    *answers("wrong", "series.decimate", decimate_before_the_filter),
    *answers("wrong", "series.inject", inject_with_a_trend_that_stays_below_one),
    *answers("wrong", "series.point_adjust", adjust_the_whole_row),
    *answers("right", "series.point_adjust", right_adjust_run_by_run),
    *answers("right", "series.decimate", right_decimate_tap_by_tap),
    *answers("wrong", "medical.dice", dice_smoothed_by_one),
    *answers("wrong", "medical.augment_pair", pair_by_votes_of_the_classes),
    *answers("wrong", "medical.paste", paste_with_a_mean_of_what_is_there),
    *answers("wrong", "medical.differential", differential_of_the_cut_pictures),
    *answers("wrong", "medical.gamma", gamma_back_to_the_range),
    *answers("wrong", "medical.consistency", consistency_moves_the_student),
    *answers("right", "medical.dice", right_dice_of_sets),
    *answers("right", "medical.gamma", right_gamma_channel_by_channel),
    *answers("wrong", "learned.strength", strength_with_bits_cut_off),
    *answers("wrong", "learned.reinforce_loss", reinforce_with_the_mean_as_baseline),
    *answers("wrong", "learned.unrolled_hypergradient", hypergradient_without_the_rate),
    *answers("wrong", "learned.angles", angles_from_a_width_of_both_signs),
    *answers("wrong", "learned.posterize", posterize_up_to_white),
    *answers("wrong", "learned.teach_loss", teach_loss_with_a_frozen_teacher),
    *answers("right", "learned.reinforce_loss", right_reinforce_by_counting),
    *answers("right", "learned.unrolled_hypergradient", right_hypergradient_with_autograd),
    *answers("wrong", "style.gram", gram_of_centred_maps),
    *answers("wrong", "style.style_loss", style_loss_over_four_c),
    *answers("wrong", "style.adain", adain_of_the_whole_picture),
    *answers("wrong", "style.total_variation", variation_of_the_gradient_length),
    *answers("wrong", "style.mixstyle", mixstyle_centred_by_the_partner),
    *answers("wrong", "style.pixel_step", pixel_step_clamped_before_the_step),
    *answers("right", "style.adain", right_adain_by_mixed_statistics),
    *answers("right", "style.gram", right_gram_pair_by_pair),
    *answers("wrong", "gan.discriminator_loss", discriminator_loss_both_real),
    *answers("wrong", "gan.slopes", slopes_of_the_other_sign),
    *answers("wrong", "gan.players", players_both_on_detached_samples),
    *answers("wrong", "gan.class_term", class_term_against_each_other),
    *answers("wrong", "gan.copy_score", copy_score_without_the_one),
    *answers("wrong", "gan.cas", cas_as_a_mean_over_classes),
    *answers("right", "gan.discriminator_loss", right_discriminator_loss_with_logaddexp),
    *answers("right", "gan.copy_score", right_copy_score_by_loops),
    *answers("wrong", "refine.local_loss", local_loss_of_a_rounded_probability),
    *answers("wrong", "refine.self_regularisation", self_regularisation_of_the_difference),
    *answers("wrong", "refine.objective", objective_minus_the_discriminators),
    *answers("wrong", "refine.mix", mix_draws_with_replacement),
    *answers("wrong", "refine.drift", drift_adds_deviations),
    *answers("wrong", "refine.patch_size", patch_size_enlarges_the_side),
    *answers("right", "refine.patch_size", right_patch_size_backwards),
    *answers("right", "refine.drift", right_drift_with_numpy),
    *answers("wrong", "finetune.freeze", freeze_rests_with_one_frozen),
    *answers("wrong", "finetune.new_head", new_head_without_a_bias),
    *answers("wrong", "finetune.cached_features", cached_all_at_once),
    *answers("wrong", "finetune.parameter_groups", groups_fall_linearly),
    *answers("wrong", "finetune.early_stopping", stops_after_bad_epochs_in_all, stops_and_keeps_parameters_only),
    *answers("right", "finetune.parameter_groups", right_groups_parameter_by_parameter),
    *answers("right", "finetune.cached_features", right_cached_into_an_empty_tensor),
    *answers("wrong", "transfer.setting", setting_by_the_distributions_alone),
    *answers("wrong", "transfer.importance_weights", importance_of_mean_one),
    *answers("wrong", "transfer.effective_sample_size", sample_size_of_weights_that_sum_to_one),
    *answers("wrong", "transfer.clip_weights", clip_the_weights_as_they_are),
    *answers("wrong", "transfer.procrustes", procrustes_the_other_way),
    *answers("wrong", "transfer.csls", csls_with_the_mean_of_all),
    *answers("wrong", "transfer.soft_sharing", soft_sharing_without_biases),
    *answers("wrong", "transfer.sgns_loss", sgns_with_a_mean_over_negatives),
    *answers("right", "transfer.setting", right_setting_from_a_table),
    *answers("right", "transfer.csls", right_csls_row_by_row),
    *answers("wrong", "domain.reversal", reversal_that_still_passes),
    *answers("wrong", "domain.lambda_schedule", schedule_as_a_steep_tanh),
    *answers("wrong", "domain.domain_loss", domain_loss_of_two_sigmoids),
    *answers("wrong", "domain.objective", objective_weighs_the_discriminator, objective_reverses_before_the_head),
    *answers("wrong", "domain.distance", distance_of_the_pooled_error, distance_without_the_two),
    *answers("right", "domain.lambda_schedule", right_schedule_as_a_tanh),
    *answers("right", "domain.reversal", right_reversal_with_a_hook),
    *answers("wrong", "fair.parity", parity_from_the_mean_of_all),
    *answers("wrong", "fair.opportunity", opportunity_of_the_whole_group),
    *answers("wrong", "fair.odds", odds_of_the_same_people),
    *answers("wrong", "fair.adversary_loss", adversary_loss_with_the_weight_upside_down),
    *answers("wrong", "fair.objectives", objectives_without_a_fight),
    *answers("wrong", "fair.probe", probe_along_a_line),
    *answers("right", "fair.odds", right_odds_from_a_table),
    *answers("right", "fair.objectives", right_objectives_in_two_passes),
    *answers("wrong", "linkage.k_anonymity", anonymity_of_neighbouring_rows),
    *answers("wrong", "linkage.l_diversity", diversity_by_the_smallest_count),
    *answers("wrong", "linkage.weight", weight_with_the_logarithm_raised),
    *answers("wrong", "linkage.score", score_with_zero_for_no_rating),
    *answers("wrong", "linkage.eccentricity_test", test_with_the_deviation_of_all_targets),
    *answers("wrong", "linkage.attack_rates", rates_of_those_who_are_there),
    *answers("right", "linkage.l_diversity", right_diversity_with_sets),
    *answers("right", "linkage.weight", right_weight_with_a_counter),
    *answers("wrong", "membership.advantage", advantage_either_way),
    *answers("wrong", "membership.loss_attack", loss_attack_on_the_predicted_label),
    *answers("wrong", "membership.tpr_at", tpr_with_a_share_of_everybody),
    *answers("wrong", "membership.lira", lira_without_the_half),
    *answers("wrong", "membership.eve_loss", eve_loss_exchanged),
    *answers("wrong", "membership.clipped_mean", clipped_mean_to_exactly_c),
    *answers("right", "membership.lira", right_lira_with_distributions),
    *answers("right", "membership.tpr_at", right_tpr_by_sorting),
    *answers("wrong", "dti.assign", assign_by_the_largest_product),
    *answers("wrong", "dti.update", update_half_way),
    *answers("wrong", "dti.accuracy", accuracy_named_by_first_appearance),
    *answers("wrong", "dti.invariant", invariant_as_a_mean_over_pixels),
    *answers("wrong", "dti.affine_grid", grid_with_y_first),
    *answers("wrong", "dti.reassign", reassign_with_the_noise_of_the_largest),
    *answers("right", "dti.affine_grid", right_grid_with_torch),
    *answers("right", "dti.update", right_update_with_one_hot),
]  # fmt: skip
