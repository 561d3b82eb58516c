"""Answers to exercise 03 that students plausibly give."""

import math

import torch

from tests.mistakes import mistake, right

# ── surest ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("selftrain.surest", says="of *each* class")
def takes_the_q_surest_of_all(c, yu, q):
    return c.argsort(descending=True)[:q]


@mistake("selftrain.surest", says="least")
def sorts_upwards(c, yu, q):
    order = c.argsort()
    return torch.cat([order[yu[order] == k][:q] for k in yu.unique()])


@mistake("selftrain.surest", says="not the surest")
def takes_the_first_of_each_class(c, yu, q):
    # Nearly right: it forgets to sort, so that the last q of each class come.
    order = c.argsort(descending=True)
    half = len(order) // 2
    order = torch.cat([order[half:], order[:half]])
    return torch.cat([order[yu[order] == k][:q] for k in yu.unique()])


@mistake("selftrain.surest", says="whole numbers")
def gives_a_mask(c, yu, q):
    mask = torch.zeros(len(c), dtype=torch.bool)
    for k in yu.unique():
        mask[(yu == k).nonzero()[:, 0][c[yu == k].argsort(descending=True)[:q]]] = True
    return mask


@mistake("selftrain.surest", says="members of a class")
def gives_positions_within_the_class(c, yu, q):
    return torch.cat([c[yu == k].argsort(descending=True)[:q] for k in yu.unique()])


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


@mistake("selftrain.move", says="still in Xu")
def leaves_them_in_xu(X, y, Xu, yu, h):
    return torch.cat([X, Xu[h]]), torch.cat([y, yu[h]]), Xu


@mistake("selftrain.move", says="all of yu")
def appends_every_label(X, y, Xu, yu, h):
    keep = torch.ones(len(Xu), dtype=torch.bool)
    keep[h] = False
    return torch.cat([X, Xu[h]]), torch.cat([y, yu]), Xu[keep]


@mistake("selftrain.move", says="lost each other")
def labels_in_another_order(X, y, Xu, yu, h):
    moved = torch.zeros(len(Xu), dtype=torch.bool)
    moved[h] = True
    return torch.cat([X, Xu[h]]), torch.cat([y, yu[moved]]), Xu[~moved]


@mistake("selftrain.move", says="not grown")
def forgets_to_append_the_examples(X, y, Xu, yu, h):
    keep = torch.ones(len(Xu), dtype=torch.bool)
    keep[h] = False
    return X, torch.cat([y, yu[h]]), Xu[keep]


@mistake("selftrain.move", says="wrong shape")
def keeps_the_moved_and_drops_the_rest(X, y, Xu, yu, h):
    return torch.cat([X, Xu[h]]), torch.cat([y, yu[h]]), Xu[h]


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


@mistake("selftrain.alpha", says="`final` is missing")
def ends_at_one(t, T1, T2, final):
    return ((t - T1) / (T2 - T1)).clamp(0, 1)


@mistake("selftrain.alpha", says="negative before T1")
def forgets_the_beginning(t, T1, T2, final):
    return final * ((t - T1) / (T2 - T1)).clamp(max=1)


@mistake("selftrain.alpha", says="grows on after T2")
def forgets_the_end(t, T1, T2, final):
    return final * ((t - T1) / (T2 - T1)).clamp(min=0)


@mistake("selftrain.alpha", says="begins at T1")
def begins_at_zero(t, T1, T2, final):
    return final * (t / T2).clamp(0, 1)


@mistake("selftrain.alpha", says="jumps at T1")
def switches_on(t, T1, T2, final):
    return torch.where(t >= T1, torch.full_like(t, final), torch.zeros_like(t))


@mistake("selftrain.alpha", says="T2 − T1")
def divides_by_the_end(t, T1, T2, final):
    return (final * (t - T1) / T2).clamp(0, final)


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


@mistake("selftrain.fixmatch", says="sure samples only")
def means_over_the_sure(weak, strong, tau):
    c, target = weak.detach().softmax(1).max(1)
    return torch.nn.functional.cross_entropy(strong[c >= tau], target[c >= tau])


@mistake("selftrain.fixmatch", says="nothing is masked")
def trusts_everybody(weak, strong, tau):
    return torch.nn.functional.cross_entropy(strong, weak.detach().argmax(1))


@mistake("selftrain.fixmatch", says="likeliest class")
def takes_soft_targets(weak, strong, tau):
    q = weak.detach().softmax(1)
    each = torch.nn.functional.cross_entropy(strong, q, reduction="none")
    return (each * (q.max(1).values >= tau)).mean()


@mistake("selftrain.fixmatch", says="apply softmax first")
def compares_logits_with_a_probability(weak, strong, tau):
    c, target = weak.detach().max(1)
    return (torch.nn.functional.cross_entropy(strong, target, reduction="none") * (c >= tau)).mean()


@mistake("selftrain.fixmatch", says="exchanged")
def exchanges_the_views(weak, strong, tau):
    c, target = strong.softmax(1).max(1)
    return (torch.nn.functional.cross_entropy(weak, target, reduction="none") * (c >= tau)).mean()


@mistake("selftrain.fixmatch", says="gradient by the strong view")
def detaches_everything(weak, strong, tau):
    c, target = weak.softmax(1).max(1)
    each = torch.nn.functional.cross_entropy(strong.detach(), target, reduction="none")
    return (each * (c >= tau)).mean()


@mistake("selftrain.fixmatch", says="gradient flows to the weak view")
def weighs_by_a_confidence_that_learns(weak, strong, tau):
    c, target = weak.softmax(1).max(1)
    each = torch.nn.functional.cross_entropy(strong, target, reduction="none")
    return (each * (c >= tau) * c / c.detach()).mean()


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


@mistake("selftrain.ema_update", says="decay belongs to the teacher")
def exchanges_the_shares(teacher, student, decay):
    return [(1 - decay) * a + decay * b for a, b in zip(teacher, student)]


@mistake("selftrain.ema_update", says="student's weights")
def copies_the_student(teacher, student, decay):
    return [b.clone() for b in student]


@mistake("selftrain.ema_update", says="in place")
def changes_what_it_was_given(teacher, student, decay):
    for a, b in zip(teacher, student):
        a.mul_(decay).add_(b, alpha=1 - decay)
    return teacher


@mistake("selftrain.ema_update", says="counts in full")
def adds_the_student(teacher, student, decay):
    return [decay * a + b for a, b in zip(teacher, student)]


@right("selftrain.ema_update")
def by_the_difference(teacher, student, decay):
    return [a - (1 - decay) * (a - b) for a, b in zip(teacher, student)]


@right("selftrain.ema_update")
def as_a_tuple_of_sums(teacher, student, decay):
    return tuple(torch.stack([decay * a, (1 - decay) * b]).sum(0) for a, b in zip(teacher, student))


# ── calibration_error ─────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("selftrain.calibration_error", says="not weighted")
def means_over_bins(probabilities, y, bins):
    c, chosen = probabilities.max(1)
    index = (torch.ceil(c * bins) - 1).clamp(0, bins - 1)
    gaps = [
        ((chosen == y)[index == b].double().mean() - c[index == b].mean()).abs()
        for b in range(bins)
        if (index == b).any()
    ]
    return torch.stack(gaps).mean()


@mistake("selftrain.calibration_error", says="absolute value")
def keeps_the_sign(probabilities, y, bins):
    c, chosen = probabilities.max(1)
    index = (torch.ceil(c * bins) - 1).clamp(0, bins - 1)
    total = 0.0
    for b in range(bins):
        there = index == b
        if there.any():
            total += float(there.double().mean() * (c[there].mean() - (chosen == y)[there].double().mean()))
    return total


@mistake("selftrain.calibration_error", says="nan")
def forgets_that_bins_may_be_empty(probabilities, y, bins):
    c, chosen = probabilities.max(1)
    index = (torch.ceil(c * bins) - 1).clamp(0, bins - 1)
    total = 0.0
    for b in range(bins):
        there = index == b
        total += there.double().mean() * ((chosen == y)[there].double().mean() - c[there].mean()).abs()
    return total


@mistake("selftrain.calibration_error", says="exactly 1")
def loses_the_certain(probabilities, y, bins):
    c, chosen = probabilities.max(1)
    total = 0.0
    for b in range(bins):
        there = (c >= b / bins) & (c < (b + 1) / bins)
        if there.any():
            total += float(there.double().mean() * (c[there].mean() - (chosen == y)[there].double().mean()).abs())
    return total


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
