"""Right answers to exercise 17, written differently."""

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from torch import nn
from torch.nn import functional as F

from labkit import nets
from tests.rights import right

# ── parity ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("fair.parity")
def parity_as_a_float(yes, a):
    rates = [yes.double()[a == group].mean().item() for group in (0, 1)]
    return max(rates) - min(rates)


@right("fair.parity")
def parity_in_numpy(yes, a):
    yes, a = yes.numpy(), a.numpy()
    return abs(np.mean(yes[a == 1]) - np.mean(yes[a == 0]))


@right("fair.parity")
def parity_by_counting(yes, a):
    told, there = [0, 0], [0, 0]
    for decision, group in zip(yes.tolist(), a.tolist()):
        told[group] += decision
        there[group] += 1
    return torch.tensor(told[0] / there[0] - told[1] / there[1]).abs()


@right("fair.parity")
def parity_by_the_nos(yes, a):
    counts = torch.bincount(2 * a + yes, minlength=4).view(2, 2)
    return (counts / counts.sum(1, keepdim=True))[:, 0].diff().abs()


# ── opportunity ───────────────────────────────────────────────────────────────────────────────────────────────────────


@right("fair.opportunity")
def with_masks(yes, y, a):
    yes = yes.double()
    rates = [yes[(a == group) & (y == 1)].mean() for group in (0, 1)]
    return abs(rates[0] - rates[1])


@right("fair.opportunity")
def as_a_weighted_sum(yes, y, a):
    weights = torch.stack([(1 - a) * y, a * y]).float()
    rates = (weights * yes).sum(1) / weights.sum(1)
    return (rates[0] - rates[1]).abs()


@right("fair.opportunity")
def by_keeping_those_who_repay(yes, y, a):
    kept = y.nonzero().squeeze(1)
    return parity_as_a_float(yes[kept], a[kept])


# ── odds ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("fair.odds")
def the_larger_of_two(yes, y, a):
    return max(as_a_weighted_sum(yes, y, a), as_a_weighted_sum(yes, 1 - y, a))


@right("fair.odds")
def over_a_table(yes, y, a):
    told, there = torch.zeros(2, 2), torch.zeros(2, 2)
    for decision, outcome, group in zip(yes.tolist(), y.tolist(), a.tolist()):
        told[outcome, group] += decision
        there[outcome, group] += 1
    rates = told / there
    return (rates[:, 0] - rates[:, 1]).abs().max()


@right("fair.odds")
def by_averages_of_numpy(yes, y, a):
    yes, y, a = (v.numpy() for v in (yes, y, a))
    return np.max([abs(np.diff([yes[(a == k) & (y == v)].mean() for k in (0, 1)])) for v in (0, 1)])


# ── adversary_loss ────────────────────────────────────────────────────────────────────────────────────────────────────


@right("fair.adversary_loss")
def with_softplus(logits, a):
    return (F.softplus(-logits[a == 1]).mean() + F.softplus(logits[a == 0]).mean()) / 2


@right("fair.adversary_loss")
def with_weights(logits, a):
    weight = torch.where(a == 1, 0.5 / (a == 1).sum(), 0.5 / (a == 0).sum()).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), weight=weight, reduction="sum")


@right("fair.adversary_loss")
def with_two_logits(logits, a):
    counts = torch.bincount(a).to(logits.dtype)
    both = torch.stack([torch.zeros_like(logits), logits], dim=1)
    return F.cross_entropy(both, a, weight=1 / counts)


@right("fair.adversary_loss")
def one_person_at_a_time(logits, a):
    groups = [[], []]
    for z, group in zip(logits, a.tolist()):
        groups[group].append(-F.logsigmoid(z if group else -z))
    return sum(torch.stack(losses).mean() for losses in groups).div(2)


# ── objectives ────────────────────────────────────────────────────────────────────────────────────────────────────────


def leak(adversary, h, a):
    return with_softplus(adversary(h)[:, 0], a)


@right("fair.objectives")
def runs_the_model_twice(model, adversary, x, y, a, lambda_):
    h = model.body(model.normalize(x))
    for_model = nn.CrossEntropyLoss()(model(x), y) - lambda_ * leak(adversary, h, a)
    with torch.no_grad():
        frozen = model.features(x)
    return for_model, leak(adversary, frozen, a)


@right("fair.objectives")
def with_the_reversal_layer(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    task = F.cross_entropy(model.head(h), y)
    reversed_ = leak(adversary, nets.reverse_gradient(h, scale=lambda_), a)
    # The value is the task's plus the adversary's; what is subtracted has no gradient for the model.
    constant = reversed_.detach() * (1 + lambda_)
    return [task + reversed_ - constant, leak(adversary, h.detach(), a)]


@right("fair.objectives")
def with_a_frozen_adversary(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    weights = {name: p.detach() for name, p in adversary.named_parameters()}
    seen = torch.func.functional_call(adversary, weights, (h,)).squeeze(1)
    task = -model.head(h).log_softmax(1).gather(1, y[:, None]).mean()
    return task - lambda_ * with_two_logits(seen, a), with_weights(adversary(h.data).flatten(), a)


# ── probe ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("fair.probe")
def with_neighbours(h, a, h_test):
    few = min(int((a == k).sum()) for k in (0, 1))
    index = torch.cat([(a == k).nonzero()[:, 0][:few] for k in (0, 1)])
    neighbours = KNeighborsClassifier(15).fit(h[index].numpy(), a[index].numpy())
    return torch.from_numpy(neighbours.predict(h_test.numpy()))


@right("fair.probe")
def with_a_net_of_its_own(h, a, h_test):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(h.shape[1], 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(250):
        loss = with_softplus(net(h)[:, 0], a)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net(h_test)[:, 0] > 0


@right("fair.probe")
def with_a_kernel(h, a, h_test):
    return SVC(class_weight="balanced").fit(h.numpy(), a.numpy()).predict(h_test.numpy())


@right("fair.probe")
def with_trees(h, a, h_test):
    forest = RandomForestClassifier(60, min_samples_leaf=20, class_weight="balanced", random_state=0)
    return torch.tensor(forest.fit(h.numpy(), a.numpy()).predict(h_test.numpy()), dtype=torch.float32)
