"""Right answers to exercise 03, written differently."""

import math

import torch

from tests.rights import right

# ── surest ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("selftrain.surest")
def with_topk_in_a_loop(c, yu, q):
    chosen = []
    for k in yu.unique():
        members = (yu == k).nonzero()[:, 0]
        chosen.append(members[c[members].topk(min(q, len(members))).indices])
    return torch.cat(chosen)


@right("selftrain.surest")
def in_plain_python(c, yu, q):
    taken, count = [], {}
    for i in sorted(range(len(c)), key=lambda i: -float(c[i])):
        k = int(yu[i])
        if count.get(k, 0) < q:
            taken.append(i)
            count[k] = count.get(k, 0) + 1
    return torch.tensor(sorted(taken))


# ── move ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("selftrain.move")
def with_a_mask_throughout(X, y, Xu, yu, h):
    moved = torch.zeros(len(Xu), dtype=torch.bool)
    moved[h] = True
    return torch.cat([Xu[moved], X]), torch.cat([yu[moved], y]), Xu[~moved]


@right("selftrain.move")
def one_example_at_a_time(X, y, Xu, yu, h):
    for i in h.tolist():
        X, y = torch.cat([X, Xu[i : i + 1]]), torch.cat([y, yu[i : i + 1]])
    left = [i for i in range(len(Xu)) if i not in h.tolist()]
    return X, y, Xu[left]


# ── alpha ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("selftrain.alpha")
def in_three_cases(t, T1, T2, final):
    values = []
    for v in t.tolist():
        values.append(0.0 if v < T1 else final if v >= T2 else (v - T1) / (T2 - T1) * final)
    return torch.tensor(values, dtype=t.dtype)


@right("selftrain.alpha")
def with_where(t, T1, T2, final):
    ramp = final * (t - T1) / (T2 - T1)
    return torch.where(t < T1, torch.zeros_like(t), torch.where(t < T2, ramp, torch.full_like(t, final)))


# ── fixmatch ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("selftrain.fixmatch")
def sample_by_sample(weak, strong, tau):
    total = 0 * strong.sum()
    for a, b in zip(weak.detach(), strong):
        q = a.softmax(0)
        if float(q.max()) >= tau:
            total = total - b.log_softmax(0)[int(q.argmax())]
    return total / len(weak)


@right("selftrain.fixmatch")
def with_one_hot_targets(weak, strong, tau):
    with torch.no_grad():
        q = weak.softmax(1)
        target = torch.nn.functional.one_hot(q.argmax(1), weak.shape[1]).to(strong.dtype)
        target = target * (q.amax(1, keepdim=True) >= tau)
    return -(target * strong.log_softmax(1)).sum(1).mean()


# ── ema_update ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("selftrain.ema_update")
def by_the_difference(teacher, student, decay):
    return [a - (1 - decay) * (a - b) for a, b in zip(teacher, student)]


@right("selftrain.ema_update")
def as_a_tuple_of_sums(teacher, student, decay):
    return tuple(torch.stack([decay * a, (1 - decay) * b]).sum(0) for a, b in zip(teacher, student))


# ── calibration_error ─────────────────────────────────────────────────────────────────────────────────────────────────


@right("selftrain.calibration_error")
def bin_by_bin(probabilities, y, bins):
    c, chosen = probabilities.max(1)
    total = torch.tensor(0.0, dtype=torch.float64)
    for b in range(bins):
        there = (c > b / bins) & (c <= (b + 1) / bins)
        if there.any():
            total += there.double().mean() * (c[there].mean() - (chosen == y)[there].double().mean()).abs()
    return total


@right("selftrain.calibration_error")
def from_sums_of_gaps(probabilities, y, bins):
    c, chosen = probabilities.max(1)
    sums = [0.0] * bins
    for confidence, hit in zip(c.tolist(), (chosen == y).tolist()):
        sums[min(bins - 1, max(0, math.ceil(confidence * bins) - 1))] += hit - confidence
    return sum(abs(v) for v in sums) / len(y)


# ── and some more of each ─────────────────────────────────────────────────────────────────────────────────────────────


@right("selftrain.surest")
def by_two_stable_sorts(c, yu, q):
    order = c.argsort(descending=True)
    order = order[yu[order].argsort(stable=True)]
    _, counts = torch.unique_consecutive(yu[order], return_counts=True)
    place = torch.cat([torch.arange(n) for n in counts])
    return order[place < q].int()


@right("selftrain.surest")
def by_masking_with_minus_infinity(c, yu, q):
    chosen = []
    for k in set(yu.tolist()):
        alone = torch.where(yu == k, c, torch.full_like(c, -math.inf))
        values, indices = alone.topk(min(q, len(c)))
        chosen.extend(i for v, i in zip(values.tolist(), indices.tolist()) if v > -math.inf)
    return torch.tensor(chosen)


@right("selftrain.move")
def with_sets_of_positions(X, y, Xu, yu, h):
    left = torch.tensor(sorted(set(range(len(Xu))) - set(h.tolist())), dtype=torch.long)
    return torch.vstack((X, Xu.index_select(0, h))), torch.hstack((y, yu.index_select(0, h))), Xu.index_select(0, left)


@right("selftrain.move")
def with_isin_and_the_new_ones_first(X, y, Xu, yu, h):
    stays = ~torch.isin(torch.arange(len(Xu)), h)
    return [torch.cat((Xu[~stays].flip(0), X)), torch.cat((yu[~stays].flip(0), y)), Xu[stays].flip(0)]


@right("selftrain.calibration_error")
def with_bucketize(probabilities, y, bins):
    c, predicted = probabilities.double().max(dim=1)
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    m = torch.bucketize(c, edges[1:-1])
    error = 0.0
    for b in m.unique():
        there = m == b
        error = error + there.sum() / len(y) * (c[there] - (predicted == y)[there].double()).mean().abs()
    return error


@right("selftrain.calibration_error")
def in_numpy(probabilities, y, bins):
    import numpy as np

    p, y = probabilities.numpy(), y.numpy()
    c, hit = p.max(axis=1).astype(float), p.argmax(axis=1) == y
    m = np.clip(np.ceil(c * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(m, weights=hit - c, minlength=bins)
    return np.abs(gaps).sum() / len(y)


@right("selftrain.alpha")
def by_minimum_and_maximum(t, T1, T2, final):
    ramp = torch.maximum((t - T1) / (T2 - T1), torch.zeros_like(t))
    return torch.minimum(ramp, torch.ones_like(t)) * final


@right("selftrain.alpha")
def with_masks_in_place(t, T1, T2, final):
    out = torch.zeros_like(t)
    on = (t >= T1) & (t < T2)
    out[on] = (t[on] - T1) * final / (T2 - T1)
    out[t >= T2] = final
    return out


@right("selftrain.fixmatch")
def with_indices_and_a_sum(weak, strong, tau):
    with torch.no_grad():
        confidence, label = torch.softmax(weak, dim=-1).max(dim=-1)
    sure = (confidence >= tau).nonzero()[:, 0]
    return torch.nn.functional.cross_entropy(strong[sure], label[sure], reduction="sum") / weak.shape[0]


@right("selftrain.fixmatch")
def with_an_ignored_class(weak, strong, tau):
    q = weak.data.softmax(1)
    label = q.argmax(1).masked_fill(q.amax(1) < tau, -100)
    each = torch.nn.CrossEntropyLoss(reduction="none", ignore_index=-100)(strong, label)
    return each.mean()


@right("selftrain.fixmatch")
def a_plain_zero_where_nobody_is_sure(weak, strong, tau):
    q = torch.softmax(weak.detach(), 1)
    mask = q.max(1)[0].ge(tau)
    if not mask.any():
        return torch.tensor(0.0)
    logs = torch.log_softmax(strong, 1)
    return -logs[mask, q[mask].argmax(1)].sum() / len(mask)


@right("selftrain.ema_update")
def by_lerp(teacher, student, decay):
    new = []
    for i in range(len(teacher)):
        new.append(torch.lerp(student[i], teacher[i], decay))
    return new


@right("selftrain.ema_update")
def in_place_on_copies(teacher, student, decay):
    copies = [a.clone() for a in teacher]
    for copy, b in zip(copies, student):
        copy.mul_(decay).add_(b, alpha=1 - decay)
    return copies
