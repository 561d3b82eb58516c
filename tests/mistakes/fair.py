"""Answers to exercise 17 that students plausibly give."""

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.nn import functional

from labkit import nets
from tests.mistakes import mistake, right

# ── parity ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("fair.parity", says="absolute value")
def parity_with_a_sign(yes, a):
    yes = yes.float()
    return yes[a == 0].mean() - yes[a == 1].mean()


@mistake("fair.parity", says="with everybody")
def group_one_against_everybody(yes, a):
    yes = yes.float()
    return (yes[a == 1].mean() - yes.mean()).abs()


@mistake("fair.parity", says="among those who were told yes")
def the_groups_among_the_yeses(yes, a):
    share = a[yes == 1].float().mean()
    return (share - (1 - share)).abs()


@mistake("fair.parity", says="ratio")
def the_eighty_percent_rule(yes, a):
    zero, one = yes[a == 0].float().mean(), yes[a == 1].float().mean()
    return min(zero / one, one / zero)


@mistake("fair.parity", says="numbers of people")
def counts_instead_of_shares(yes, a):
    return (yes[a == 0].sum() - yes[a == 1].sum()).abs().float()


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


# ── opportunity ───────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("fair.opportunity", says="parity gap")
def forgets_the_outcome(yes, y, a):
    yes = yes.float()
    return (yes[a == 0].mean() - yes[a == 1].mean()).abs()


@mistake("fair.opportunity", says="precision")
def conditions_on_the_decision(yes, y, a):
    y = y.float()
    return (y[(a == 0) & (yes == 1)].mean() - y[(a == 1) & (yes == 1)].mean()).abs()


@mistake("fair.opportunity", says="with y = 1")
def the_undeserving(yes, y, a):
    yes = yes.float()
    return (yes[(a == 0) & (y == 0)].mean() - yes[(a == 1) & (y == 0)].mean()).abs()


@mistake("fair.opportunity", says="divide by those of them")
def divides_by_the_whole_group(yes, y, a):
    both = (yes * y).float()
    return (both[a == 0].mean() - both[a == 1].mean()).abs()


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


# ── odds ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def both_gaps(yes, y, a):
    yes = yes.float()
    return [yes[(a == 0) & (y == k)].mean() - yes[(a == 1) & (y == k)].mean() for k in (1, 0)]


@mistake("fair.odds", says="y = 1 alone")
def opportunity_again(yes, y, a):
    return both_gaps(yes, y, a)[0].abs()


@mistake("fair.odds", says="mean of the two")
def the_mean_gap(yes, y, a):
    true, false = both_gaps(yes, y, a)
    return (true.abs() + false.abs()) / 2


@mistake("fair.odds", says="sum of the two")
def the_sum_of_the_gaps(yes, y, a):
    true, false = both_gaps(yes, y, a)
    return true.abs() + false.abs()


@mistake("fair.odds", says="absolute value")
def the_larger_with_its_sign(yes, y, a):
    true, false = both_gaps(yes, y, a)
    return torch.maximum(true, false)


@right("fair.odds")
def the_larger_of_two(yes, y, a):
    return max(gap.abs() for gap in both_gaps(yes, y, a))


@right("fair.odds")
def over_a_table(yes, y, a):
    told, there = torch.zeros(2, 2), torch.zeros(2, 2)
    for decision, outcome, group in zip(yes.tolist(), y.tolist(), a.tolist()):
        told[outcome, group] += decision
        there[outcome, group] += 1
    rates = told / there
    return (rates[:, 0] - rates[:, 1]).abs().max()


# ── adversary_loss ────────────────────────────────────────────────────────────────────────────────────────────────────


def bce(logits, a):
    return functional.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), reduction="none")


@mistake("fair.adversary_loss", says="larger group decides")
def lets_the_larger_group_decide(logits, a):
    return bce(logits, a).mean()


@mistake("fair.adversary_loss", says="sum of the two groups")
def adds_the_groups(logits, a):
    each = bce(logits, a)
    return each[a == 0].mean() + each[a == 1].mean()


@mistake("fair.adversary_loss", says="finite and exact")
def takes_the_log_of_the_sigmoid(logits, a):
    p = logits.sigmoid()
    return -(p[a == 1].log().mean() + (1 - p[a == 0]).log().mean()) / 2


@mistake("fair.adversary_loss", says="twice")
def puts_the_sigmoid_in_twice(logits, a):
    each = bce(logits.sigmoid(), a)
    return (each[a == 0].mean() + each[a == 1].mean()) / 2


@mistake("fair.adversary_loss", says="mixed up")
def mixes_up_the_groups(logits, a):
    each = bce(logits, 1 - a)
    return (each[a == 0].mean() + each[a == 1].mean()) / 2


@mistake("fair.adversary_loss", says="gradient")
def gives_a_number_away(logits, a):
    each = bce(logits, a)
    return ((each[a == 0].mean() + each[a == 1].mean()) / 2).item()


@right("fair.adversary_loss")
def with_softplus(logits, a):
    return (functional.softplus(-logits[a == 1]).mean() + functional.softplus(logits[a == 0]).mean()) / 2


@right("fair.adversary_loss")
def with_weights(logits, a):
    weight = torch.where(a == 1, 0.5 / (a == 1).sum(), 0.5 / (a == 0).sum()).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, a.to(logits.dtype), weight=weight, reduction="sum")


@right("fair.adversary_loss")
def with_two_logits(logits, a):
    counts = torch.bincount(a).to(logits.dtype)
    both = torch.stack([torch.zeros_like(logits), logits], dim=1)
    return functional.cross_entropy(both, a, weight=1 / counts)


# ── objectives ────────────────────────────────────────────────────────────────────────────────────────────────────────


def leak(adversary, h, a):
    return with_softplus(adversary(h)[:, 0], a)


@mistake("fair.objectives", says="has a minus")
def helps_the_adversary(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    return functional.cross_entropy(model.head(h), y) + lambda_ * leak(adversary, h, a), leak(adversary, h.detach(), a)


@mistake("fair.objectives", says="reaches the model")
def does_not_detach(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    return functional.cross_entropy(model.head(h), y) - lambda_ * leak(adversary, h, a), leak(adversary, h, a)


@mistake("fair.objectives", says="must not be detached")
def detaches_in_both(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    seen = leak(adversary, h.detach(), a)
    return functional.cross_entropy(model.head(h), y) - lambda_ * seen, seen


@mistake("fair.objectives", says="only the model goes up")
def turns_the_adversary_round(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    return functional.cross_entropy(model.head(h), y) - lambda_ * leak(adversary, h, a), -leak(adversary, h.detach(), a)


@mistake("fair.objectives", says="where is λ")
def forgets_lambda(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    return functional.cross_entropy(model.head(h), y) - leak(adversary, h, a), leak(adversary, h.detach(), a)


@mistake("fair.objectives", says="alike")
def weighs_people_not_groups(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    return functional.cross_entropy(model.head(h), y) - lambda_ * bce(adversary(h)[:, 0], a).mean(), leak(
        adversary, h.detach(), a
    )


@mistake("fair.objectives", says="two scalars")
def gives_one_sum(model, adversary, x, y, a, lambda_):
    h = model.features(x)
    return functional.cross_entropy(model.head(h), y) - lambda_ * leak(adversary, h, a)


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
    task = functional.cross_entropy(model.head(h), y)
    reversed_ = leak(adversary, nets.reverse_gradient(h, scale=lambda_), a)
    # The value is the task's plus the adversary's; what is subtracted has no gradient for the model.
    constant = reversed_.detach() * (1 + lambda_)
    return [task + reversed_ - constant, leak(adversary, h.detach(), a)]


# ── probe ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def trained(h, a, h_test, *, hidden, balanced=True, steps=200):
    torch.manual_seed(1)
    layers, width = [], h.shape[1]
    for n in hidden:
        layers += [nn.Linear(width, n), nn.ReLU()]
        width = n
    net = nn.Sequential(*layers, nn.Linear(width, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        z = net(h)[:, 0]
        loss = with_softplus(z, a) if balanced else bce(z, a).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net(h_test)[:, 0].detach()


@mistake("fair.probe", says="overlooks the rare group")
def a_probe_that_overlooks_the_rare(h, a, h_test):
    return (trained(h, a, h_test, hidden=(32, 32), balanced=False) > 0).long()


@mistake("fair.probe", says="no straight line")
def a_straight_probe(h, a, h_test):
    return (trained(h, a, h_test, hidden=(), steps=400) > 0).long()


@mistake("fair.probe", says="cut the logits")
def gives_logits(h, a, h_test):
    return trained(h, a, h_test, hidden=(32, 32))


@mistake("fair.probe", says="the same for everybody")
def says_zero(h, a, h_test):
    return torch.zeros(len(h_test), dtype=torch.int64)


@mistake("fair.probe", says="each row of h_test")
def guesses_the_training_set(h, a, h_test):
    return (trained(h, a, h, hidden=(32, 32)) > 0).long()[:-1]


@right("fair.probe")
def with_neighbours(h, a, h_test):
    few = min(int((a == k).sum()) for k in (0, 1))
    index = torch.cat([(a == k).nonzero()[:, 0][:few] for k in (0, 1)])
    neighbours = KNeighborsClassifier(15).fit(h[index].numpy(), a[index].numpy())
    return torch.from_numpy(neighbours.predict(h_test.numpy()))


@right("fair.probe")
def with_a_net_of_its_own(h, a, h_test):
    return trained(h, a, h_test, hidden=(64,), steps=300) > 0
