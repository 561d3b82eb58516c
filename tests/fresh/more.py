"""A second round over all topics, written when all checks were done, again without a look at their banks."""

import copy
import itertools
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# ── images ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def matrix_scales_the_shift(degrees, scale, shift):
    a = torch.deg2rad(degrees)
    rotation = torch.stack([a.cos(), a.sin(), shift[:, 0], -a.sin(), a.cos(), shift[:, 1]], 1).view(-1, 2, 3)
    return scale[:, None, None] * rotation


def matrix_with_approximate_pi(degrees, scale, shift):
    a = degrees / 180 * 3.14
    c, s = scale * a.cos(), scale * a.sin()
    return torch.stack([torch.stack([c, s, shift[:, 0]], 1), torch.stack([-s, c, shift[:, 1]], 1)], 1)


def warp_zoomed_by_the_corners(x, matrix):
    h, w = x.shape[-2:]
    ys, xs = torch.meshgrid(torch.arange(h) - (h - 1) / 2, torch.arange(w) - (w - 1) / 2, indexing="ij")
    p = torch.stack([xs, ys], -1).view(1, -1, 2).to(x.dtype)
    q = torch.linalg.solve(matrix[:, :, :2], (p - matrix[:, None, :, 2]).transpose(1, 2)).transpose(1, 2)
    q = q / torch.tensor([(w - 1) / 2, (h - 1) / 2], dtype=x.dtype)
    return F.grid_sample(x, q.view(len(x), h, w, 2), align_corners=False)


def saturation_by_luma_of_the_batch(x, factor):
    w = torch.tensor([0.299, 0.587, 0.114]).to(x)
    grey = torch.einsum("bchw,c->hw", x, w) / len(x)
    return torch.clamp(grey + factor[:, None, None, None] * (x - grey), 0, 1)


def pepper_of_one_image_for_all(x, rate, generator):
    u = torch.rand(1, 1, *x.shape[2:], generator=generator)
    r = rate[:, None, None, None]
    y = torch.where(u < r / 2, 0.0, x)
    return torch.where(u > 1 - r / 2, 1.0, y).to(x.dtype)


def filter_with_zeros_outside(x, kernel):
    c = x.shape[1]
    weight = kernel.expand(c, 1, *kernel.shape)
    return F.conv2d(x, weight, padding=(kernel.shape[0] // 2, kernel.shape[1] // 2), groups=c)


def filter_divided_by_its_sum(x, kernel):
    k, m = kernel.shape
    c = x.shape[1]
    kernel = kernel / kernel.sum()
    padded = F.pad(x, (m // 2, m // 2, k // 2, k // 2), mode="reflect")
    return F.conv2d(padded, kernel.expand(c, 1, k, m), groups=c)


def right_matrix_row_by_row(degrees, scale, shift):
    m = torch.empty(len(degrees), 2, 3, dtype=shift.dtype)
    for i, (a, s) in enumerate(zip(degrees.tolist(), scale.tolist())):
        c, d = s * math.cos(math.radians(a)), s * math.sin(math.radians(a))
        m[i] = torch.tensor([[c, d, shift[i, 0]], [-d, c, shift[i, 1]]])
    return m


def right_filter_by_windows(x, kernel):
    k, m = kernel.shape
    padded = F.pad(x, (m // 2, m // 2, k // 2, k // 2), mode="reflect")
    return (padded.unfold(2, k, 1).unfold(3, m, 1) * kernel).sum((-1, -2))


def right_saturation_as_a_blend(x, factor):
    r, g, b = x.unbind(1)
    grey = (0.299 * r + 0.587 * g + 0.114 * b).unsqueeze(1).expand_as(x)
    return torch.lerp(grey, x, factor.reshape(-1, 1, 1, 1).to(x)).clip(0, 1)


# ── mixing ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mixup_with_larger_half(x, y, partner, lambda_):
    lam = torch.maximum(lambda_, 1 - lambda_)
    w = lam.view(-1, *[1] * (x.ndim - 1))
    return w * x + (1 - w) * x[partner], lam[:, None] * y + (1 - lam[:, None]) * y[partner]


def mixup_picks_the_harder_label(x, y, partner, lambda_):
    w = lambda_.view(-1, *[1] * (x.ndim - 1))
    labels = torch.where(lambda_[:, None] >= 0.5, y, y[partner])
    return w * x + (1 - w) * x[partner], labels


def cross_entropy_both_ways(logits, y):
    return F.kl_div(logits.log_softmax(1), y, reduction="batchmean")


def cut_boxes_with_float_edges(lambda_, centres, height, width):
    side = 0.5 * torch.sqrt(1 - lambda_)
    u, v = centres.unbind(1)
    left, right = (u - side * width).clamp(0, width), (u + side * width).clamp(0, width)
    top, bottom = (v - side * height).clamp(0, height), (v + side * height).clamp(0, height)
    boxes = torch.stack([left, top, right, bottom], 1)
    return boxes.long(), 1 - (right - left) * (bottom - top) / (height * width)


def similarity_without_oneself(y, sigma):
    squared = torch.cdist(y, y) ** 2
    k = torch.exp(-squared / (2 * sigma**2)).fill_diagonal_(0)
    return k / k.sum(1, keepdim=True)


def weights_by_root_of_counts(y, classes):
    w = 1 / torch.bincount(y, minlength=classes)[y].float().sqrt()
    return w / w.sum()


def weights_over_all_classes(y, classes):
    counts = torch.bincount(y, minlength=classes).float()
    return (1 / counts)[y] / classes


def smote_from_the_neighbour(x, base, rank, gap):
    d = (x[:, None] - x).norm(dim=-1).fill_diagonal_(torch.inf)
    j = d.argsort(1)[base, rank]
    return x[j] + gap[:, None] * (x[base] - x[j])


def smote_one_gap_for_all(x, base, rank, gap):
    d = torch.cdist(x, x).fill_diagonal_(torch.inf)
    j = d.argsort(1)[base, rank]
    return torch.lerp(x[base], x[j], float(gap[0]))


def right_smote_with_a_loop(x, base, rank, gap):
    new = []
    for i, r, share in zip(base.tolist(), rank.tolist(), gap):
        others = [j for j in range(len(x)) if j != i]
        others.sort(key=lambda j: float((x[i] - x[j]).square().sum()))
        new.append((1 - share) * x[i] + share * x[others[r]])
    return torch.stack(new)


def right_weights_in_a_loop(y, classes):
    present = sorted(set(y.tolist()))
    return torch.tensor([1 / (len(present) * int((y == label).sum())) for label in y])


# ── selftrain ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def surest_as_a_mask(c, yu, q):
    mask = torch.zeros(len(c), dtype=torch.bool)
    for k in yu.unique():
        own = (yu == k).nonzero()[:, 0]
        mask[own[c[own].argsort(descending=True)[:q]]] = True
    return mask


def surest_positions_within_the_class(c, yu, q):
    return torch.cat([c[yu == k].argsort(descending=True)[:q] for k in yu.unique()])


def move_without_taking_away(X, y, Xu, yu, h):
    return torch.cat([X, Xu[h]]), torch.cat([y, yu[h]]), Xu


def calibration_without_the_top_bin(probabilities, y, bins):
    c, guess = probabilities.max(1)
    number = (c * bins).floor()
    total = 0.0
    for m in range(bins):
        own = number == m
        if own.any():
            total += own.double().mean() * ((guess[own] == y[own]).double().mean() - c[own].double().mean()).abs()
    return total


def alpha_without_the_cap(t, T1, T2, final):
    return torch.where(t < T1, torch.zeros_like(t), final * (t - T1) / (T2 - T1))


def fixmatch_over_the_sure(weak, strong, tau):
    p = weak.detach().softmax(1)
    c, target = p.max(1)
    sure = c >= tau
    return F.cross_entropy(strong[sure], target[sure]) if sure.any() else strong.sum() * 0


def fixmatch_with_soft_targets(weak, strong, tau):
    p = weak.softmax(1).detach()
    sure = (p.amax(1) >= tau).to(strong.dtype)
    return (sure * -(p * strong.log_softmax(1)).sum(1)).mean()


def ema_writes_into_the_teacher(teacher, student, decay):
    for mine, given in zip(teacher, student):
        mine.mul_(decay).add_(given, alpha=1 - decay)
    return teacher


def right_ema_with_lerp(teacher, student, decay):
    return [torch.lerp(b, a, decay) for a, b in zip(teacher, student)]


def right_alpha_one_by_one(t, T1, T2, final):
    values = [0.0 if v < T1 else final if v >= T2 else final * (v - T1) / (T2 - T1) for v in t.tolist()]
    return torch.tensor(values, dtype=t.dtype)


def right_surest_with_sorted(c, yu, q):
    chosen = []
    for k in set(yu.tolist()):
        own = [i for i, label in enumerate(yu.tolist()) if label == k]
        chosen += sorted(own, key=lambda i: -float(c[i]))[:q]
    return torch.tensor(chosen, dtype=torch.long)


# ── gan ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def discriminator_loss_of_all_together(real, fake):
    logits = torch.cat([real, fake])
    target = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    return 2 * F.binary_cross_entropy_with_logits(logits, target)


def slopes_in_d(d):
    return -1 / (1 - d), -1 / d


def players_saturating(G, D, x, z):
    fake = G(z)
    d_loss = F.softplus(-D(x)).mean() + F.softplus(D(fake.detach())).mean()
    return d_loss, -F.softplus(D(fake)).mean()


def players_with_new_fakes(G, D, x, z):
    d_loss = F.softplus(-D(x)).mean() + F.softplus(D(G(z).detach())).mean()
    return d_loss, F.softplus(-D(G(torch.randn_like(z)))).mean()


def class_term_of_a_batch(real, y, fake, y_fake):
    return F.cross_entropy(torch.cat([real, fake]), torch.cat([y, y_fake]))


def copy_score_with_strict_pairs(generated, training, held_out):
    t = training.flatten(1)
    d = torch.cdist(generated.flatten(1), t).min(1).values
    e = torch.cdist(held_out.flatten(1), t).min(1).values
    n, m = len(d), len(e)
    u = sum(float(a > b) for a in d for b in e)
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def cas_trains_on_real(learn, x, y, test_x, test_y):
    model = learn(test_x, test_y)
    return (model(x).argmax(1) == y).double().mean()


# ── refine ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def local_loss_as_a_mean(logits, refined):
    target = torch.full_like(logits, float(refined))
    return F.binary_cross_entropy_with_logits(logits, target)


def local_loss_through_probabilities(logits, refined):
    p = torch.sigmoid(logits)
    return -torch.log(p if refined else 1 - p).sum((1, 2)).mean()


def self_regularisation_of_one_feature(refined, synthetic, psi):
    return F.l1_loss(psi(refined), psi(synthetic))


def objective_with_lambda_on_both(refined, real, change, lambda_):
    def loss(maps, sign):
        return F.softplus(sign * maps).sum((1, 2)).mean()

    return loss(refined, 1) + lambda_ * change, loss(refined, -1) + loss(real, 1) + lambda_ * change


def right_mix_fills_the_places_it_drew_from(fresh, past, generator):
    m = len(fresh)
    drawn = torch.randperm(len(past), generator=generator)[:m]
    new_past = past.clone()
    new_past[drawn] = fresh
    return torch.cat([fresh, past[drawn]]), new_past


def mix_takes_the_oldest_out(fresh, past, generator):
    m = len(fresh)
    drawn = torch.randperm(len(past), generator=generator)[:m]
    return torch.cat([fresh, past[drawn]]), torch.cat([past[m:], fresh])


def drift_of_lengths(before, after):
    d = (after - before).norm(dim=1)
    return (after - before).mean(0), d.std()


def patch_size_multiplies_first(strides, kernel):
    side, pixel = 1, 1
    for stride in strides:
        pixel *= stride
        side += (kernel - 1) * pixel
    return side


# ── finetune ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def freeze_only_adds(model, where):
    model.train()
    for name, p in model.named_parameters():
        if where(name):
            p.requires_grad = False
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and all(not p.requires_grad for p in m.parameters()):
            m.eval()
    return model


def freeze_then_train(model, where):
    for name, p in model.named_parameters():
        p.requires_grad = not where(name)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and not any(p.requires_grad for p in m.parameters()):
            m.eval()
    return model.train()


def new_head_replaces_the_classifier(model, k):
    for p in model.parameters():
        p.requires_grad = False
    old = model.classifier[-1]
    model.classifier = nn.Linear(model.classifier[0].in_features, k).to(old.weight.dtype)
    return model


def new_head_frozen_too(model, k):
    old = model.classifier[-1]
    model.classifier[-1] = nn.Linear(old.in_features, k, dtype=old.weight.dtype)
    return model.requires_grad_(False)


def cached_drops_the_rest(model, x, batch_size):
    was = model.training
    model.eval()
    with torch.no_grad():
        parts = [model.features(x[i : i + batch_size]) for i in range(0, len(x) - len(x) % batch_size, batch_size)]
    model.train(was)
    return torch.cat(parts) if parts else torch.empty(0)


def groups_count_only_learning_parts(parts, lr, factor):
    groups, rate = [], lr
    for part in reversed(parts):
        own = [p for p in part.parameters() if p.requires_grad]
        if own:
            groups.append({"params": own, "lr": rate})
            rate /= factor
    return groups


def stops_without_a_copy(model, step, loss, epochs, patience):
    best, since, kept = math.inf, 0, model.state_dict()
    for epoch in range(epochs):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, since, kept = value, 0, model.state_dict()
        else:
            since += 1
        if since == patience:
            break
    model.load_state_dict(kept)
    return epoch + 1


def stops_against_the_previous(model, step, loss, epochs, patience):
    best, last, since, kept = math.inf, math.inf, 0, None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        since = 0 if value < last else since + 1
        last = value
        if value < best:
            best, kept = value, copy.deepcopy(model.state_dict())
        if since >= patience:
            break
    model.load_state_dict(kept)
    return epoch


# ── domain ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def reversal_forward_as_well(x, scale):
    return -scale * x


def reversal_without_sign(x, scale):
    return x.detach() * (1 - scale) + scale * x


def schedule_without_gamma(p, gamma=10.0):
    return 2 / (1 + torch.exp(-10 * p)) - 1


def domain_loss_summed(source, target):
    return F.softplus(source).mean() + F.softplus(-target).mean()


def domain_loss_over_all(source, target):
    logits = torch.cat([source, target])
    labels = torch.cat([torch.zeros_like(source), torch.ones_like(target)])
    return F.binary_cross_entropy_with_logits(logits, labels)


def reversed_(x, scale):
    return x.detach() * (1 + scale) - scale * x


def both_domains(source, target):
    return (F.softplus(source).mean() + F.softplus(-target).mean()) / 2


def objective_reverses_the_source_only(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    return F.cross_entropy(model.head(f), y) + both_domains(discriminator(reversed_(f, lambda_)), discriminator(h))


def objective_subtracts(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    return F.cross_entropy(model.head(f), y) - lambda_ * both_domains(discriminator(f), discriminator(h))


def distance_on_training_samples(source, target, source_test, target_test):
    x = torch.cat([source, target]).double()
    x = torch.cat([x, torch.ones(len(x), 1).double()], 1)
    t = torch.cat([-torch.ones(len(source)), torch.ones(len(target))]).double()
    w = torch.linalg.lstsq(x, t[:, None]).solution
    wrong = ((x @ w)[:, 0] > 0) != (t > 0)
    error = (wrong[: len(source)].double().mean() + wrong[len(source) :].double().mean()) / 2
    return float(2 * (1 - 2 * error))


# ── fair ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def parity_as_a_ratio(yes, a):
    p, q = yes[a == 0].float().mean(), yes[a == 1].float().mean()
    return torch.minimum(p, q) / torch.maximum(p, q)


def opportunity_among_the_accepted(yes, y, a):
    y = y.float()
    return (y[(a == 0) & (yes == 1)].mean() - y[(a == 1) & (yes == 1)].mean()).abs()


def odds_as_a_mean(yes, y, a):
    def gap(k):
        return (yes[(a == 0) & (y == k)].float().mean() - yes[(a == 1) & (y == k)].float().mean()).abs()

    return (gap(0) + gap(1)) / 2


def odds_of_accuracy(yes, y, a):
    right = (yes == y).float()
    return (right[a == 0].mean() - right[a == 1].mean()).abs()


def adversary_loss_plain(logits, a):
    return F.binary_cross_entropy_with_logits(logits, a.to(logits.dtype))


def adversary_loss_other_way(logits, a):
    each = F.binary_cross_entropy_with_logits(logits, 1 - a.to(logits.dtype), reduction="none")
    return (each[a == 0].mean() + each[a == 1].mean()) / 2


def weighed(logits, a):
    return (F.softplus(logits[a == 0]).mean() + F.softplus(-logits[a == 1]).mean()) / 2


def objectives_detached_everywhere(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    theirs = weighed(adversary(h.detach())[:, 0], a)
    return F.cross_entropy(model.head(h), y) - lambda_ * theirs, theirs


def objectives_plus_lambda(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    ours = F.cross_entropy(model.head(h), y) + lambda_ * weighed(adversary(h)[:, 0], a)
    return ours, weighed(adversary(h.detach())[:, 0], a)


def right_parity_by_counting(yes, a):
    shares = [sum(int(v) for v, g in zip(yes, a) if g == k) / int((a == k).sum()) for k in (0, 1)]
    return torch.tensor(abs(shares[0] - shares[1]))


def right_adversary_loss_by_weights(logits, a):
    n = torch.bincount(a, minlength=2)
    weight = (0.5 / n)[a].to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), weight=weight, reduction="sum")


def right_odds_with_numpy(yes, y, a):
    yes, y, a = (np.asarray(v) for v in (yes, y, a))
    gaps = [abs(yes[(a == 0) & (y == k)].mean() - yes[(a == 1) & (y == k)].mean()) for k in (0, 1)]
    return max(gaps)


# ── linkage ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def anonymity_of_the_worst_column(quasi):
    return min(int(column.unique(return_counts=True)[1].min()) for column in quasi.T)


def anonymity_mean_group(quasi):
    return len(quasi) / len(quasi.unique(dim=0))


def diversity_of_the_smallest_group(quasi, sensitive):
    _, group, counts = quasi.unique(dim=0, return_inverse=True, return_counts=True)
    return len(sensitive[group == counts.argmin()].unique())


def weight_in_base_two(film, films):
    return 1 / torch.log2(torch.bincount(film, minlength=films).clamp(min=2).float())


def weight_without_minlength(film, films):
    return 1 / torch.log(torch.bincount(film).clamp(min=2).float())


def score_of_weights_by_position(stars, day, film, known_stars, known_day, w, rho0, d0):
    a = torch.exp(-(stars[:, film] - known_stars).abs() / rho0).nan_to_num(0)
    b = torch.exp(-(day[:, film] - known_day).abs() / d0).nan_to_num(0)
    return ((a + b) * w[: len(film)]).sum(1)


def test_with_mean_instead_of_second(scores, phi):
    best, who = scores.max(1)
    stands_out = (best - scores.mean(1)) / scores.std(1) > phi
    return torch.where(stands_out, who, -1)


def rates_of_claims(record, truth):
    claimed = record >= 0
    n = claimed.sum().clamp(min=1)
    right = claimed & (record == truth)
    return right.sum() / n, (claimed & ~right).sum() / n


def right_anonymity_with_a_dictionary(quasi):
    counts = {}
    for row in quasi.tolist():
        counts[tuple(row)] = counts.get(tuple(row), 0) + 1
    return min(counts.values())


def right_rates_in_a_loop(record, truth):
    hits = misses = 0
    for r, t in zip(record.tolist(), truth.tolist()):
        if r != -1:
            hits, misses = hits + (r == t), misses + (r != t)
    return hits / len(record), misses / len(record)


# ── membership ────────────────────────────────────────────────────────────────────────────────────────────────────────


def right_advantage_above_each_score(scores, member):
    best = torch.tensor(0.0).double()
    for t in scores:
        guess = scores > t
        best = max(best, guess[member].double().mean() - guess[~member].double().mean())
    return best


def advantage_as_best_accuracy(scores, member):
    guess = scores >= scores.unique()[:, None]
    return (guess == member).double().mean(1).max()


def loss_attack_strict(logits, y, mean_loss):
    return F.cross_entropy(logits, y, reduction="none") < mean_loss


def loss_attack_with_log_of_softmax(logits, y, mean_loss):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -p[torch.arange(len(y)), y].log() <= mean_loss


def tpr_by_quantile(scores, member, fpr):
    threshold = scores[~member].quantile(1 - fpr)
    return (scores[member] >= threshold).double().mean()


def tpr_strictly_below(scores, member, fpr):
    best = 0.0
    for t in scores.unique():
        if (scores[~member] >= t).double().mean() < fpr:
            best = max(best, float((scores[member] >= t).double().mean()))
    return best


def lira_one_deviation(phi, shadow, members):
    result = []
    for i in range(len(phi)):
        inside, outside = shadow[members[:, i], i], shadow[~members[:, i], i]
        s = shadow[:, i].std()
        result.append((-((phi[i] - inside.mean()) ** 2) + (phi[i] - outside.mean()) ** 2) / (2 * s**2))
    return torch.stack(result)


def eve_loss_of_all(on_synthetic, on_fresh):
    return torch.cat([F.softplus(-on_synthetic), F.softplus(on_fresh)]).mean()


def clipped_mean_per_layer(gradients, C):
    means = []
    for g in gradients:
        length = g.flatten(1).norm(dim=1).clamp_min(1e-12)
        f = (C / length).clamp(max=1).view(-1, *[1] * (g.ndim - 1))
        means.append((f * g).mean(0))
    return means


# ── dti ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def assign_by_the_first_sample(x, centres):
    d = torch.cdist(x.flatten(1), centres.flatten(1))
    return d.argmin()


def assign_after_centring(x, centres):
    a, c = x.flatten(1), centres.flatten(1)
    return torch.cdist(a - a.mean(0), c - c.mean(0)).argmin(1)


def update_divides_by_the_number_of_clusters(x, a, centres):
    new = centres.clone()
    for j in a.unique():
        new[j] = x[a == j].sum(0) / len(centres)
    return new


def update_from_zero(x, a, centres):
    new = torch.zeros_like(centres)
    for j in a.unique():
        new[j] = x[a == j].mean(0)
    return new


def accuracy_with_greedy_names(clusters, y):
    names, taken = {}, set()
    for j in clusters.unique().tolist():
        for label in torch.bincount(y[clusters == j]).argsort(descending=True).tolist():
            if label not in taken:
                names[j] = label
                taken.add(label)
                break
    return sum(names.get(c) == label for c, label in zip(clusters.tolist(), y.tolist())) / len(y)


def invariant_of_the_mean_image(x, moved):
    return ((x[:, None] - moved.mean(1)) ** 2).sum((2, 3, 4))


def grid_with_the_matrix_inverted(beta, h, w):
    m = torch.eye(3, dtype=beta.dtype).repeat(len(beta), 1, 1)
    m[:, :2] += beta.view(-1, 2, 3)
    m = torch.linalg.inv(m)[:, :2]
    x, y = (2 * torch.arange(w) + 1) / w - 1, (2 * torch.arange(h) + 1) / h - 1
    p = torch.stack([x.expand(h, w), y[:, None].expand(h, w), torch.ones(h, w)], -1).to(beta.dtype)
    return torch.einsum("hwk,njk->nhwj", p, m)


def reassign_copies_the_next_largest(prototypes, moment, share, noise, least):
    new, moved = prototypes.clone(), moment.clone()
    order = share.argsort(descending=True)
    for place, j in enumerate((share < least / len(share)).nonzero()[:, 0]):
        new[j], moved[j] = prototypes[order[place]] + noise[j], moment[order[place]]
    return new, moved


def right_assign_with_topk(x, centres):
    d = (x.unsqueeze(1) - centres.unsqueeze(0)).pow(2).flatten(2).sum(-1)
    return d.topk(1, dim=1, largest=False).indices.squeeze(1)


def right_accuracy_by_all_namings(clusters, y):
    have, want = clusters.unique().tolist(), y.unique().tolist()
    want += [-1 - i for i in range(max(0, len(have) - len(want)))]
    best = 0
    for names in itertools.permutations(want, len(have)):
        table = dict(zip(have, names))
        best = max(best, sum(table[c] == label for c, label in zip(clusters.tolist(), y.tolist())))
    return best / len(y)


def right_reassign_row_by_row(prototypes, moment, share, noise, least):
    best = max(range(len(share)), key=lambda j: float(share[j]))
    small = [bool(s < least / len(share)) for s in share]
    new = [prototypes[best] + noise[j] if small[j] else prototypes[j] for j in range(len(share))]
    moved = [moment[best] if small[j] else moment[j] for j in range(len(share))]
    return torch.stack(new), torch.stack(moved)


def right_invariant_by_products(x, moved):
    a, b = x.flatten(1).double(), moved.flatten(2).double()
    d = a.pow(2).sum(1)[:, None, None] - 2 * torch.einsum("np,ksp->nks", a, b) + b.pow(2).sum(2)
    return d.amin(2).to(x.dtype)


def answers(kind, key, *functions):
    return [(key, function, kind) for function in functions]


FRESH = [
    *answers("wrong", "images.affine_matrix", matrix_scales_the_shift, matrix_with_approximate_pi),
    *answers("wrong", "images.warp", warp_zoomed_by_the_corners),
    *answers("wrong", "images.saturation", saturation_by_luma_of_the_batch),
    *answers("wrong", "images.salt_and_pepper", pepper_of_one_image_for_all),
    *answers("wrong", "images.filter2d", filter_with_zeros_outside, filter_divided_by_its_sum),
    *answers("right", "images.affine_matrix", right_matrix_row_by_row),
    *answers("right", "images.filter2d", right_filter_by_windows),
    *answers("right", "images.saturation", right_saturation_as_a_blend),
    *answers("wrong", "mixing.mixup", mixup_with_larger_half, mixup_picks_the_harder_label),
    *answers("wrong", "mixing.soft_cross_entropy", cross_entropy_both_ways),
    *answers("wrong", "mixing.cut_boxes", cut_boxes_with_float_edges),
    *answers("wrong", "mixing.similarity", similarity_without_oneself),
    *answers("wrong", "mixing.sampling_weights", weights_by_root_of_counts, weights_over_all_classes),
    *answers("wrong", "mixing.smote", smote_from_the_neighbour, smote_one_gap_for_all),
    *answers("right", "mixing.smote", right_smote_with_a_loop),
    *answers("right", "mixing.sampling_weights", right_weights_in_a_loop),
    *answers("wrong", "selftrain.surest", surest_as_a_mask, surest_positions_within_the_class),
    *answers("wrong", "selftrain.move", move_without_taking_away),
    *answers("wrong", "selftrain.calibration_error", calibration_without_the_top_bin),
    *answers("wrong", "selftrain.alpha", alpha_without_the_cap),
    *answers("wrong", "selftrain.fixmatch", fixmatch_over_the_sure, fixmatch_with_soft_targets),
    *answers("wrong", "selftrain.ema_update", ema_writes_into_the_teacher),
    *answers("right", "selftrain.ema_update", right_ema_with_lerp),
    *answers("right", "selftrain.alpha", right_alpha_one_by_one),
    *answers("right", "selftrain.surest", right_surest_with_sorted),
    *answers("wrong", "gan.discriminator_loss", discriminator_loss_of_all_together),
    *answers("wrong", "gan.slopes", slopes_in_d),
    *answers("wrong", "gan.players", players_saturating, players_with_new_fakes),
    *answers("wrong", "gan.class_term", class_term_of_a_batch),
    *answers("wrong", "gan.copy_score", copy_score_with_strict_pairs),
    *answers("wrong", "gan.cas", cas_trains_on_real),
    *answers("wrong", "refine.local_loss", local_loss_as_a_mean, local_loss_through_probabilities),
    *answers("wrong", "refine.self_regularisation", self_regularisation_of_one_feature),
    *answers("wrong", "refine.objective", objective_with_lambda_on_both),
    *answers("wrong", "refine.mix", mix_takes_the_oldest_out),
    *answers("right", "refine.mix", right_mix_fills_the_places_it_drew_from),
    *answers("wrong", "refine.drift", drift_of_lengths),
    *answers("wrong", "refine.patch_size", patch_size_multiplies_first),
    *answers("wrong", "finetune.freeze", freeze_only_adds, freeze_then_train),
    *answers("wrong", "finetune.new_head", new_head_replaces_the_classifier, new_head_frozen_too),
    *answers("wrong", "finetune.cached_features", cached_drops_the_rest),
    *answers("wrong", "finetune.parameter_groups", groups_count_only_learning_parts),
    *answers("wrong", "finetune.early_stopping", stops_without_a_copy, stops_against_the_previous),
    *answers("wrong", "domain.reversal", reversal_forward_as_well, reversal_without_sign),
    *answers("wrong", "domain.lambda_schedule", schedule_without_gamma),
    *answers("wrong", "domain.domain_loss", domain_loss_summed, domain_loss_over_all),
    *answers("wrong", "domain.objective", objective_reverses_the_source_only, objective_subtracts),
    *answers("wrong", "domain.distance", distance_on_training_samples),
    *answers("wrong", "fair.parity", parity_as_a_ratio),
    *answers("wrong", "fair.opportunity", opportunity_among_the_accepted),
    *answers("wrong", "fair.odds", odds_as_a_mean, odds_of_accuracy),
    *answers("wrong", "fair.adversary_loss", adversary_loss_plain, adversary_loss_other_way),
    *answers("wrong", "fair.objectives", objectives_detached_everywhere, objectives_plus_lambda),
    *answers("right", "fair.parity", right_parity_by_counting),
    *answers("right", "fair.adversary_loss", right_adversary_loss_by_weights),
    *answers("right", "fair.odds", right_odds_with_numpy),
    *answers("wrong", "linkage.k_anonymity", anonymity_of_the_worst_column, anonymity_mean_group),
    *answers("wrong", "linkage.l_diversity", diversity_of_the_smallest_group),
    *answers("wrong", "linkage.weight", weight_in_base_two, weight_without_minlength),
    *answers("wrong", "linkage.score", score_of_weights_by_position),
    *answers("wrong", "linkage.eccentricity_test", test_with_mean_instead_of_second),
    *answers("wrong", "linkage.attack_rates", rates_of_claims),
    *answers("right", "linkage.k_anonymity", right_anonymity_with_a_dictionary),
    *answers("right", "linkage.attack_rates", right_rates_in_a_loop),
    *answers("wrong", "membership.advantage", advantage_as_best_accuracy),
    *answers("right", "membership.advantage", right_advantage_above_each_score),
    *answers("wrong", "membership.loss_attack", loss_attack_strict, loss_attack_with_log_of_softmax),
    *answers("wrong", "membership.tpr_at", tpr_by_quantile, tpr_strictly_below),
    *answers("wrong", "membership.lira", lira_one_deviation),
    *answers("wrong", "membership.eve_loss", eve_loss_of_all),
    *answers("wrong", "membership.clipped_mean", clipped_mean_per_layer),
    *answers("wrong", "dti.assign", assign_by_the_first_sample, assign_after_centring),
    *answers("wrong", "dti.update", update_divides_by_the_number_of_clusters, update_from_zero),
    *answers("wrong", "dti.accuracy", accuracy_with_greedy_names),
    *answers("wrong", "dti.invariant", invariant_of_the_mean_image),
    *answers("wrong", "dti.affine_grid", grid_with_the_matrix_inverted),
    *answers("wrong", "dti.reassign", reassign_copies_the_next_largest),
    *answers("right", "dti.assign", right_assign_with_topk),
    *answers("right", "dti.accuracy", right_accuracy_by_all_namings),
    *answers("right", "dti.reassign", right_reassign_row_by_row),
    *answers("right", "dti.invariant", right_invariant_by_products),
]  # fmt: skip
