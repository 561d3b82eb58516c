"""Exercise 17, as a class might answer it."""

import numpy as np
import torch
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.nn import functional as F

# ── parity ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def parity_without_float(yes, a):
    return (yes[a == 0].mean() - yes[a == 1].mean()).abs()


def parity_rounded(yes, a):
    p, q = yes[a == 0].float().mean(), yes[a == 1].float().mean()
    return round(abs(float(p - q)), 2)


def parity_in_percent(yes, a):
    p, q = yes[a == 0].float().mean(), yes[a == 1].float().mean()
    return abs(p - q) * 100


def parity_of_both_rates(yes, a):
    return torch.stack([yes[a == k].float().mean() for k in (0, 1)])


def parity_squared(yes, a):
    return (yes[a == 0].float().mean() - yes[a == 1].float().mean()) ** 2


def parity_integer_division(yes, a):
    return abs(int(yes[a == 0].sum()) // int((a == 0).sum()) - int(yes[a == 1].sum()) // int((a == 1).sum()))


def parity_relative(yes, a):
    p, q = yes[a == 0].float().mean(), yes[a == 1].float().mean()
    return abs(p - q) / max(p, q)


def parity_as_correlation(yes, a):
    return abs(np.corrcoef(yes.numpy(), a.numpy())[0, 1])


def parity_with_groups_one_and_two(yes, a):
    return (yes[a == 1].float().mean() - yes[a == 2].float().mean()).abs()


def parity_in_place(yes, a):
    yes[a == 1] = 1 - yes[a == 1]
    p = yes.double()
    return (p[a == 0].mean() - (1 - p[a == 1]).mean()).abs()


def right_parity_by_least_squares(yes, a):
    slope = np.linalg.lstsq(np.stack([np.ones(len(a)), a.numpy()], 1), yes.double().numpy(), rcond=None)[0][1]
    return abs(slope)


# ── opportunity ───────────────────────────────────────────────────────────────────────────────────────────────────────


def opportunity_with_and(yes, y, a):
    rates = [yes[a == k and y == 1].float().mean() for k in (0, 1)]
    return abs(rates[0] - rates[1])


def opportunity_with_or(yes, y, a):
    rates = [yes[(a == k) | (y == 1)].float().mean() for k in (0, 1)]
    return abs(rates[0] - rates[1])


def opportunity_of_misses(yes, y, a):
    return sum(((yes == 0) & (y == 1) & (a == k)).sum() for k in (0, 1)) / (y == 1).sum()


def opportunity_with_precedence(yes, y, a):
    yes = yes.float()
    return (yes[(a == 0) & y].mean() - yes[(a == 1) & y].mean()).abs()


def opportunity_as_accuracy(yes, y, a):
    return abs((yes == y)[a == 0].float().mean() - (yes == y)[a == 1].float().mean())


def opportunity_with_signs_squared(yes, y, a):
    yes = yes.float()
    p, q = yes[(a == 0) & (y == 1)].mean(), yes[(a == 1) & (y == 1)].mean()
    return torch.sqrt(p - q)


def right_opportunity_with_a_loop(yes, y, a):
    hits, people = {0: 0, 1: 0}, {0: 0, 1: 0}
    for d, outcome, group in zip(yes, y, a):
        if outcome == 1:
            people[int(group)] += 1
            hits[int(group)] += int(d)
    return torch.tensor(abs(hits[0] / people[0] - hits[1] / people[1]))


# ── odds ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def gap(yes, a):
    yes = yes.float()
    return (yes[a == 0].mean() - yes[a == 1].mean()).abs()


def odds_as_a_pair(yes, y, a):
    return gap(yes[y == 0], a[y == 0]), gap(yes[y == 1], a[y == 1])


def odds_ratio(yes, y, a):
    p, q = (yes[a == k].float().mean() for k in (0, 1))
    return (p / (1 - p)) / (q / (1 - q))


def odds_over_groups(yes, y, a):
    return max(gap(yes[a == k], y[a == k]) for k in (0, 1))


def odds_over_decisions(yes, y, a):
    return max(gap(y[yes == k], a[yes == k]) for k in (0, 1))


def odds_averaged(yes, y, a):
    return torch.stack([gap(yes[y == k], a[y == k]) for k in (0, 1)]).mean()


def odds_by_argmax(yes, y, a):
    return torch.stack([gap(yes[y == k], a[y == k]) for k in (0, 1)]).argmax()


def odds_weighted(yes, y, a):
    return sum(gap(yes[y == k], a[y == k]) * (y == k).float().mean() for k in (0, 1))


def right_odds_by_sorting(yes, y, a):
    return sorted(float(gap(yes[y == k], a[y == k])) for k in (0, 1))[-1]


# ── adversary_loss ────────────────────────────────────────────────────────────────────────────────────────────────────


def adversary_with_pos_weight(logits, a):
    n, m = (a == 0).sum(), (a == 1).sum()
    return F.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), pos_weight=(n / m).to(logits.dtype))


def adversary_long_targets(logits, a):
    each = F.binary_cross_entropy_with_logits(logits, a, reduction="none")
    return (each[a == 0].mean() + each[a == 1].mean()) / 2


def adversary_by_median(logits, a):
    each = F.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), reduction="none")
    return (each[a == 0].median() + each[a == 1].median()) / 2


def adversary_clamped(logits, a):
    p = logits.sigmoid().clamp(1e-7, 1 - 1e-7)
    return -(torch.log(p[a == 1]).mean() + torch.log(1 - p[a == 0]).mean()) / 2


def adversary_larger_group(logits, a):
    each = F.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), reduction="none")
    return torch.maximum(each[a == 0].mean(), each[a == 1].mean())


def adversary_hard_sigmoid(logits, a):
    each = (logits > 0).float() * (1 - a) + (logits <= 0).float() * a
    return (each[a == 0].mean() + each[a == 1].mean()) / 2


def adversary_through_numpy(logits, a):
    z = torch.tensor(logits.detach().numpy())
    return (F.softplus(-z[a == 1]).mean() + F.softplus(z[a == 0]).mean()) / 2


def adversary_detaches_the_rare(logits, a):
    return (F.softplus(-logits[a == 1].detach()).mean() + F.softplus(logits[a == 0]).mean()) / 2


def right_adversary_by_logaddexp(logits, a):
    zero = torch.zeros((), dtype=logits.dtype)
    each = torch.logaddexp(zero, (1 - 2 * a) * logits)
    means = [each.masked_select(a == k).sum() / (a == k).sum() for k in range(2)]
    return 0.5 * means[0] + 0.5 * means[1]


# ── objectives ────────────────────────────────────────────────────────────────────────────────────────────────────────


def loss(z, a):
    return (F.softplus(-z[a == 1]).mean() + F.softplus(z[a == 0]).mean()) / 2


def objectives_as_a_dictionary(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    leak = loss(adversary(h)[:, 0], a)
    return {"model": F.cross_entropy(model.head(h), y) - lambda_ * leak, "adversary": leak}


def objectives_reads_the_input(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    return F.cross_entropy(model.head(h), y) - lambda_ * loss(adversary(x)[:, 0], a), loss(adversary(x)[:, 0], a)


def objectives_under_no_grad(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    with torch.no_grad():
        leak = loss(adversary(h)[:, 0], a)
    return F.cross_entropy(model.head(h), y) - lambda_ * leak, loss(adversary(h.detach())[:, 0], a)


def objectives_adversary_without_graph(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    leak = loss(adversary(h)[:, 0], a)
    return F.cross_entropy(model.head(h), y) - lambda_ * leak, leak.detach()


def objectives_entropy(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    p = adversary(h)[:, 0].sigmoid()
    entropy = -(p * p.log() + (1 - p) * (1 - p).log()).mean()
    return F.cross_entropy(model.head(h), y) - lambda_ * entropy, loss(adversary(h.detach())[:, 0], a)


def objectives_flipped_labels(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    task = F.cross_entropy(model.head(h), y)
    return task + lambda_ * loss(adversary(h)[:, 0], 1 - a), loss(adversary(h.detach())[:, 0], a)


def objectives_steps(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    leak = loss(adversary(h.detach())[:, 0], a)
    leak.backward()
    return F.cross_entropy(model.head(h), y) - lambda_ * loss(adversary(h)[:, 0], a), leak


def objectives_twice_lambda(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    leak = lambda_ * loss(adversary(h)[:, 0], a)
    return F.cross_entropy(model.head(h), y) - lambda_ * leak, loss(adversary(h.detach())[:, 0], a)


def objectives_adds_group_to_input(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    task = F.binary_cross_entropy_with_logits(model.head(h)[:, 0], y.to(h.dtype))
    return task - lambda_ * loss(adversary(h)[:, 0], a), loss(adversary(h.detach())[:, 0], a)


def right_objectives_with_clone(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    cut = h.detach().clone()
    losses = [right_adversary_by_logaddexp(adversary(v).reshape(-1), a) for v in (h, cut)]
    return torch.sub(F.nll_loss(F.log_softmax(model.head(h), 1), y), losses[0], alpha=lambda_), losses[1]


# ── probe ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def probe_linear(h, a, h_test):
    model = LogisticRegression(class_weight="balanced").fit(h.numpy(), a.numpy())
    return torch.from_numpy(model.predict(h_test.numpy()))


def probe_unbalanced_net(h, a, h_test):
    model = MLPClassifier((32,), max_iter=60, random_state=0).fit(h.numpy(), a.numpy())
    return torch.from_numpy(model.predict(h_test.numpy()))


def probe_probabilities(h, a, h_test):
    model = GaussianNB().fit(h.numpy(), a.numpy())
    return torch.from_numpy(model.predict_proba(h_test.numpy()))[:, 1]


def probe_random(h, a, h_test):
    return torch.randint(0, 2, (len(h_test),), generator=torch.Generator().manual_seed(1))


def probe_list(h, a, h_test):
    model = KNeighborsClassifier(5).fit(h.numpy(), a.numpy())
    return model.predict(h_test.numpy()).tolist()


def probe_two_columns(h, a, h_test):
    model = GaussianNB(priors=[0.5, 0.5]).fit(h.numpy(), a.numpy())
    return torch.from_numpy(model.predict_proba(h_test.numpy())).round().long()


def probe_barely_trained(h, a, h_test):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(h.shape[1], 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001)
    for _ in range(10):
        optimizer.zero_grad()
        loss(net(h)[:, 0], a).backward()
        optimizer.step()
    return (net(h_test)[:, 0] > 0).long()


def right_probe_with_boosting(h, a, h_test):
    weight = torch.where(a == 1, 0.5 / (a == 1).sum(), 0.5 / (a == 0).sum()).numpy()
    model = GradientBoostingClassifier(n_estimators=40).fit(h.numpy(), a.numpy(), sample_weight=weight)
    return torch.as_tensor(model.predict(h_test.numpy()))


def right_probe_with_bayes(h, a, h_test):
    model = GaussianNB(priors=[0.5, 0.5]).fit(h.numpy(), a.numpy())
    return torch.from_numpy(model.predict(h_test.numpy()))


def wrong(key, *functions):
    return [(f"fair.{key}", function, "wrong") for function in functions]


FRESH = [
    *wrong("parity", parity_without_float, parity_rounded, parity_in_percent, parity_of_both_rates, parity_squared,
           parity_integer_division, parity_relative, parity_as_correlation, parity_with_groups_one_and_two,
           parity_in_place),
    *wrong("opportunity", opportunity_with_and, opportunity_with_or, opportunity_of_misses,
           opportunity_as_accuracy, opportunity_with_signs_squared),
    *wrong("odds", odds_as_a_pair, odds_ratio, odds_over_groups, odds_over_decisions, odds_averaged, odds_by_argmax,
           odds_weighted),
    *wrong("adversary_loss", adversary_with_pos_weight, adversary_long_targets, adversary_by_median, adversary_clamped,
           adversary_larger_group, adversary_hard_sigmoid, adversary_through_numpy, adversary_detaches_the_rare),
    *wrong("objectives", objectives_as_a_dictionary, objectives_reads_the_input, objectives_under_no_grad,
           objectives_adversary_without_graph, objectives_entropy, objectives_flipped_labels, objectives_steps,
           objectives_twice_lambda, objectives_adds_group_to_input),
    *wrong("probe", probe_linear, probe_unbalanced_net, probe_probabilities, probe_random, probe_list,
           probe_two_columns, probe_barely_trained),
    ("fair.parity", right_parity_by_least_squares, "right"),
    ("fair.opportunity", right_opportunity_with_a_loop, "right"),
    ("fair.opportunity", opportunity_with_precedence, "wrong"),
    ("fair.odds", right_odds_by_sorting, "right"),
    ("fair.adversary_loss", right_adversary_by_logaddexp, "right"),
    ("fair.objectives", right_objectives_with_clone, "right"),
    ("fair.probe", right_probe_with_boosting, "right"),
    ("fair.probe", right_probe_with_bayes, "right"),
]  # fmt: skip
