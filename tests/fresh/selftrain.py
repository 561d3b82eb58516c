"""Answers to exercise 03, written afresh."""

import numpy as np
import torch
from torch.nn import functional as F

# ── surest ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def topk_without_min(c, yu, q):
    out = []
    for k in yu.unique():
        members = torch.where(yu == k)[0]
        out.append(members[c[members].topk(q).indices])
    return torch.cat(out)


def multiplies_with_the_mask(c, yu, q):
    out = []
    for k in yu.unique():
        out.append((c * (yu == k)).topk(min(q, len(c))).indices)
    return torch.cat(out)


def range_of_the_maximum(c, yu, q):
    out = []
    for k in range(yu.max()):
        members = (yu == k).nonzero().flatten()
        out.append(members[c[members].argsort(descending=True)[:q]])
    return torch.cat(out)


def threshold_instead_of_count(c, yu, q):
    return (c > c.mean()).nonzero().flatten()


def looks_up_the_value(c, yu, q):
    out = []
    for k in yu.unique():
        for v in c[yu == k].sort(descending=True).values[:q]:
            out.append(int((c == v).nonzero()[0]))
    return torch.tensor(out)


def returns_sorted_confidences(c, yu, q):
    return torch.cat([c[yu == k].sort(descending=True).values[:q] for k in yu.unique()])


def q_in_all_divided_by_classes(c, yu, q):
    classes = yu.unique()
    return torch.cat([(yu == k).nonzero().flatten()[c[yu == k].argsort(descending=True)[: q // len(classes) + 1]]
                      for k in classes])  # fmt: skip


def keeps_the_column(c, yu, q):
    out = []
    for k in yu.unique():
        members = (yu == k).nonzero()
        out.append(members[c[members[:, 0]].argsort(descending=True)[:q]])
    return torch.cat(out)


def a_dictionary_of_indices(c, yu, q):
    return {int(k): (yu == k).nonzero()[:, 0][c[yu == k].argsort(descending=True)[:q]] for k in yu.unique()}


def surest_in_numpy(c, yu, q):
    c, yu = c.numpy(), yu.numpy()
    out = []
    for k in np.unique(yu):
        members = np.flatnonzero(yu == k)
        out.append(members[np.argsort(-c[members], kind="stable")[:q]])
    return torch.from_numpy(np.concatenate(out))


# ── move ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def deletes_one_after_another(X, y, Xu, yu, h):
    for i in h.tolist():
        X = torch.cat([X, Xu[i : i + 1]])
        y = torch.cat([y, yu[i : i + 1]])
        Xu = torch.cat([Xu[:i], Xu[i + 1 :]])
        yu = torch.cat([yu[:i], yu[i + 1 :]])
    return X, y, Xu


def stacks_instead_of_cat(X, y, Xu, yu, h):
    keep = torch.ones(len(Xu), dtype=bool)
    keep[h] = False
    return torch.stack([X, Xu[h]]), torch.stack([y, yu[h]]), Xu[keep]


def inverts_integers(X, y, Xu, yu, h):
    return torch.cat([X, Xu[h]]), torch.cat([y, yu[h]]), Xu[~h]


def returns_yu_too(X, y, Xu, yu, h):
    keep = torch.ones(len(Xu), dtype=bool)
    keep[h] = False
    return torch.cat([X, Xu[h]]), torch.cat([y, yu[h]]), Xu[keep], yu[keep]


def swaps_the_results(X, y, Xu, yu, h):
    keep = torch.ones(len(Xu), dtype=bool)
    keep[h] = False
    return torch.cat([X, Xu[h]]), Xu[keep], torch.cat([y, yu[h]])


def labels_of_the_kept(X, y, Xu, yu, h):
    moved = torch.zeros(len(Xu), dtype=bool)
    moved[h] = True
    return torch.cat([X, Xu[moved]]), torch.cat([y, yu[~moved]]), Xu[~moved]


def prepends_examples_only(X, y, Xu, yu, h):
    keep = torch.ones(len(Xu), dtype=bool)
    keep[h] = False
    return torch.cat([Xu[h], X]), torch.cat([y, yu[h]]), Xu[keep]


def marks_yu_in_place(X, y, Xu, yu, h):
    new_y = torch.cat([y, yu[h]])
    yu[h] = -1
    return torch.cat([X, Xu[h]]), new_y, Xu[yu >= 0]


def move_by_difference_of_sets(X, y, Xu, yu, h):
    chosen = set(h.tolist())
    rest = [i for i in range(len(Xu)) if i not in chosen]
    rest = torch.tensor(rest, dtype=torch.long)
    return torch.cat((X, Xu[h]), dim=0), torch.cat((y, yu[h]), dim=0), Xu[rest]


# ── calibration_error ─────────────────────────────────────────────────────────────────────────────────────────────────


def bins_from_minimum(probabilities, y, bins):
    c, p = probabilities.max(1)
    edges = torch.linspace(float(c.min()), 1, bins + 1)
    e = 0.0
    for lo, hi in zip(edges[:-1].tolist(), edges[1:].tolist()):
        m = (c > lo) & (c <= hi)
        if m.any():
            e += m.float().mean() * ((p == y)[m].float().mean() - c[m].mean()).abs()
    return e


def accuracy_against_middle_of_bin(probabilities, y, bins):
    c, p = probabilities.max(1)
    e = 0.0
    for m in range(bins):
        there = (c > m / bins) & (c <= (m + 1) / bins)
        if there.any():
            e += float(there.double().mean() * ((p == y)[there].double().mean() - (m + 0.5) / bins).abs())
    return e


def both_ends_closed(probabilities, y, bins):
    c, p = probabilities.max(1)
    e = torch.tensor(0.0)
    for m in range(bins):
        there = (c >= m / bins) & (c <= (m + 1) / bins)
        if there.sum() > 0:
            e = e + there.float().mean() * ((p == y)[there].float().mean() - c[there].mean()).abs()
    return e


def divides_by_the_bins(probabilities, y, bins):
    c, p = probabilities.max(1)
    total, n = 0.0, 0
    for m in range(bins):
        there = (c > m / bins) & (c <= (m + 1) / bins)
        if there.any():
            total += float(((p == y)[there].double().mean() - c[there].mean()).abs())
            n += 1
    return total / n


def python_histogram(probabilities, y, bins):
    c, p = probabilities.max(1)
    index = torch.bucketize(c, torch.linspace(0, 1, bins + 1).to(c), right=True) - 1
    e = 0.0
    for m in range(bins):
        there = index == m
        if there.any():
            e += float(there.double().mean() * ((p == y)[there].double().mean() - c[there].double().mean()).abs())
    return e


def in_per_cent(probabilities, y, bins):
    return 100 * ece_from_sums(probabilities, y, bins)


def mean_of_the_probabilities(probabilities, y, bins):
    c = probabilities.mean(1)
    p = probabilities.argmax(1)
    e = 0.0
    for m in range(bins):
        there = (c > m / bins) & (c <= (m + 1) / bins)
        if there.any():
            e += float(there.double().mean() * ((p == y)[there].double().mean() - c[there].mean()).abs())
    return e


def returns_each_bin(probabilities, y, bins):
    c, p = probabilities.max(1)
    gaps = []
    for m in range(bins):
        there = (c > m / bins) & (c <= (m + 1) / bins)
        gaps.append(
            there.double().mean() * ((p == y)[there].double().mean() - c[there].mean()).abs()
            if there.any()
            else torch.tensor(0.0)
        )
    return torch.stack([g.double() for g in gaps])


def ece_from_sums(probabilities, y, bins):
    c, p = probabilities.double().max(dim=1)
    hits = (p == y).double()
    m = torch.clamp(torch.ceil(c * bins).long() - 1, min=0)
    gap = torch.zeros(bins, dtype=torch.float64).index_add(0, m, hits - c)
    return gap.abs().sum() / len(y)


# ── alpha ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def if_on_a_tensor(t, T1, T2, final):
    if t < T1:
        return torch.zeros_like(t)
    if t < T2:
        return final * (t - T1) / (T2 - T1)
    return torch.full_like(t, final)


def paper_numbers_inside(t, T1, T2, final):
    return final * ((t - 100) / 500).clamp(0, 1)


def final_of_three(t, T1, T2, final=3.0):
    return 3.0 * ((t - T1) / (T2 - T1)).clamp(0, 1)


def list_of_floats(t, T1, T2, final):
    return [0.0 if v < T1 else final * (v - T1) / (T2 - T1) if v < T2 else final for v in t.tolist()]


def where_in_the_wrong_order(t, T1, T2, final):
    a = torch.where(t >= T2, torch.full_like(t, final), torch.zeros_like(t))
    return torch.where(t >= T1, final * (t - T1) / (T2 - T1), a)


def modulo(t, T1, T2, final):
    return final * (((t - T1) / (T2 - T1)) % 1)


def sorts_the_times(t, T1, T2, final):
    return final * ((t.sort().values - T1) / (T2 - T1)).clamp(0, 1)


def loses_float64(t, T1, T2, final):
    return torch.tensor([min(max((v - T1) / (T2 - T1), 0), 1) * final for v in t.tolist()])


def alpha_by_interpolation(t, T1, T2, final):
    return torch.from_numpy(np.interp(t.numpy(), [T1, T2], [0.0, final])).to(t.dtype)


# ── fixmatch ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def no_detach_but_argmax(weak, strong, tau):
    q = weak.softmax(1)
    c, target = q.max(1)
    return (F.cross_entropy(strong, target, reduction="none") * (c >= tau)).mean()


def mean_before_mask(weak, strong, tau):
    c, target = weak.detach().softmax(1).max(1)
    return F.cross_entropy(strong, target) * (c >= tau)


def soft_labels_of_both(weak, strong, tau):
    q = weak.detach().softmax(1)
    return -((q.amax(1) >= tau) * (q * strong.log_softmax(1)).sum(1)).mean()


def softmax_over_dim_zero(weak, strong, tau):
    c, target = weak.detach().softmax(0).max(1)
    return (F.cross_entropy(strong, target, reduction="none") * (c >= tau)).mean()


def tau_ignored(weak, strong, tau=0.95):
    c, target = weak.detach().softmax(1).max(1)
    return (F.cross_entropy(strong, target, reduction="none") * (c >= 0.95)).mean()


def mean_over_the_sure_with_a_guard(weak, strong, tau):
    c, target = weak.detach().softmax(1).max(1)
    mask = (c >= tau).float()
    return (F.cross_entropy(strong, target, reduction="none") * mask).sum() / mask.sum().clamp(min=1)


def consistency_in_squares(weak, strong, tau):
    q, p = weak.detach().softmax(1), strong.softmax(1)
    return ((q - p).pow(2).mean(1) * (q.amax(1) >= tau)).mean()


def copies_the_slow_one(weak, strong, tau):
    total = 0.0
    for a, b in zip(weak, strong):
        q = torch.exp(a) / torch.exp(a).sum()
        if q.max() >= tau:
            p = torch.exp(b) / torch.exp(b).sum()
            total -= torch.log(p[q.argmax()]).item()
    return total / len(weak)


def loss_with_no_grad_around(weak, strong, tau):
    with torch.no_grad():
        c, target = weak.softmax(1).max(1)
        each = F.cross_entropy(strong, target, reduction="none")
    return (each * (c >= tau)).mean()


def strictly_greater(weak, strong, tau):
    c, target = weak.detach().softmax(1).max(1)
    return (F.cross_entropy(strong, target, reduction="none") * (c > tau)).mean()


def fixmatch_by_gather(weak, strong, tau):
    q = F.softmax(weak.detach(), dim=-1)
    c, target = torch.max(q, dim=-1)
    logs = F.log_softmax(strong, dim=-1).gather(1, target.unsqueeze(1)).squeeze(1)
    return -(logs * c.ge(tau).float()).mean()


# ── ema_update ────────────────────────────────────────────────────────────────────────────────────────────────────────


def ema_of_the_first_weight(teacher, student, decay):
    return decay * teacher[0] + (1 - decay) * student[0]


def ema_with_data(teacher, student, decay):
    for a, b in zip(teacher, student):
        a.data = decay * a.data + (1 - decay) * b.data
    return teacher


def ema_as_a_generator(teacher, student, decay):
    return (decay * a + (1 - decay) * b for a, b in zip(teacher, student))


def ema_with_a_fixed_decay(teacher, student, decay):
    return [0.99 * a + 0.01 * b for a, b in zip(teacher, student)]


def ema_of_all_pairs(teacher, student, decay):
    return [decay * a + (1 - decay) * b for a in teacher for b in student if a.shape == b.shape] * 2


def ema_that_replaces_the_list(teacher, student, decay):
    for i in range(len(teacher)):
        teacher[i] = decay * teacher[i] + (1 - decay) * student[i]
    return teacher


def ema_divided_by_two(teacher, student, decay):
    return [(decay * a + (1 - decay) * b) / 2 for a, b in zip(teacher, student)]


def ema_with_map(teacher, student, decay):
    return list(map(lambda a, b: torch.add(a * decay, b, alpha=1 - decay), teacher, student))


FRESH = [
    ("selftrain.surest", topk_without_min, "wrong"),
    ("selftrain.surest", multiplies_with_the_mask, "wrong"),
    ("selftrain.surest", range_of_the_maximum, "wrong"),
    ("selftrain.surest", threshold_instead_of_count, "wrong"),
    ("selftrain.surest", looks_up_the_value, "wrong"),
    ("selftrain.surest", returns_sorted_confidences, "wrong"),
    ("selftrain.surest", q_in_all_divided_by_classes, "wrong"),
    ("selftrain.surest", keeps_the_column, "wrong"),
    ("selftrain.surest", a_dictionary_of_indices, "wrong"),
    ("selftrain.surest", surest_in_numpy, "right"),
    ("selftrain.move", deletes_one_after_another, "wrong"),
    ("selftrain.move", stacks_instead_of_cat, "wrong"),
    ("selftrain.move", inverts_integers, "wrong"),
    ("selftrain.move", returns_yu_too, "wrong"),
    ("selftrain.move", swaps_the_results, "wrong"),
    ("selftrain.move", labels_of_the_kept, "wrong"),
    ("selftrain.move", prepends_examples_only, "wrong"),
    ("selftrain.move", marks_yu_in_place, "wrong"),
    ("selftrain.move", move_by_difference_of_sets, "right"),
    ("selftrain.calibration_error", bins_from_minimum, "wrong"),
    ("selftrain.calibration_error", accuracy_against_middle_of_bin, "wrong"),
    ("selftrain.calibration_error", both_ends_closed, "wrong"),
    ("selftrain.calibration_error", divides_by_the_bins, "wrong"),
    ("selftrain.calibration_error", python_histogram, "wrong"),
    ("selftrain.calibration_error", in_per_cent, "wrong"),
    ("selftrain.calibration_error", mean_of_the_probabilities, "wrong"),
    ("selftrain.calibration_error", returns_each_bin, "wrong"),
    ("selftrain.calibration_error", ece_from_sums, "right"),
    ("selftrain.alpha", if_on_a_tensor, "wrong"),
    ("selftrain.alpha", paper_numbers_inside, "wrong"),
    ("selftrain.alpha", final_of_three, "wrong"),
    ("selftrain.alpha", list_of_floats, "wrong"),
    ("selftrain.alpha", where_in_the_wrong_order, "wrong"),
    ("selftrain.alpha", modulo, "wrong"),
    ("selftrain.alpha", sorts_the_times, "wrong"),
    ("selftrain.alpha", loses_float64, "wrong"),
    ("selftrain.alpha", alpha_by_interpolation, "right"),
    ("selftrain.fixmatch", no_detach_but_argmax, "right"),
    ("selftrain.fixmatch", mean_before_mask, "wrong"),
    ("selftrain.fixmatch", soft_labels_of_both, "wrong"),
    ("selftrain.fixmatch", softmax_over_dim_zero, "wrong"),
    ("selftrain.fixmatch", tau_ignored, "wrong"),
    ("selftrain.fixmatch", mean_over_the_sure_with_a_guard, "wrong"),
    ("selftrain.fixmatch", consistency_in_squares, "wrong"),
    ("selftrain.fixmatch", copies_the_slow_one, "wrong"),
    ("selftrain.fixmatch", loss_with_no_grad_around, "wrong"),
    ("selftrain.fixmatch", strictly_greater, "wrong"),
    ("selftrain.fixmatch", fixmatch_by_gather, "right"),
    ("selftrain.ema_update", ema_of_the_first_weight, "wrong"),
    ("selftrain.ema_update", ema_with_data, "wrong"),
    ("selftrain.ema_update", ema_as_a_generator, "wrong"),
    ("selftrain.ema_update", ema_with_a_fixed_decay, "wrong"),
    ("selftrain.ema_update", ema_of_all_pairs, "wrong"),
    ("selftrain.ema_update", ema_that_replaces_the_list, "wrong"),
    ("selftrain.ema_update", ema_divided_by_two, "wrong"),
    ("selftrain.ema_update", ema_with_map, "right"),
]
