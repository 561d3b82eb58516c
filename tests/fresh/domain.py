"""Exercise 16, as a class might answer it."""

import math

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from torch import nn
from torch.nn import functional as F

# ── reversal ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class GRL(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class ForgotNone(GRL):
    @staticmethod
    def backward(ctx, grad_output):
        return -ctx.alpha * grad_output


class Clipped(GRL):
    @staticmethod
    def backward(ctx, grad_output):
        return torch.clamp(-ctx.alpha * grad_output, -1, 1), None


class Normalised(GRL):
    @staticmethod
    def backward(ctx, grad_output):
        return -ctx.alpha * grad_output / grad_output.norm(), None


def reversal_no_grad(x, scale):
    with torch.no_grad():
        y = x.clone()
    return y


def reversal_multiplies_after_detach(x, scale):
    return x.detach() * (1 - scale) + x * scale


def reversal_half(x, scale):
    return x - (1 + scale) * x.detach() + x


def reversal_forgets_none(x, scale):
    return ForgotNone.apply(x, scale)


def reversal_clips(x, scale):
    return Clipped.apply(x, scale)


def reversal_normalises(x, scale):
    return Normalised.apply(x, scale)


def reversal_with_minus_one_minus(x, scale):
    return (1 - scale) * x.detach() - scale * x


def reversal_in_numpy(x, scale):
    return torch.from_numpy(x.detach().numpy() * 1.0)


def reversal_changes_x(x, scale):
    y = x.clone()
    x.mul_(-scale)
    return y


def right_reversal_numbered(x, scale):
    return GRL.apply(x, scale)


def right_reversal_as_difference(x, scale):
    return x.detach() - scale * (x - x.detach())


# ── lambda_schedule ───────────────────────────────────────────────────────────────────────────────────────────────────


def schedule_in_degrees_of_percent(p, gamma=10.0):
    return 2 / (1 + torch.exp(-gamma * p * 100)) - 1


def schedule_with_power(p, gamma=10.0):
    return 2 / (1 + 10 ** (-gamma * p)) - 1


def schedule_with_minus_inside(p, gamma=10.0):
    return 2 / (1 - torch.exp(-gamma * p)) - 1


def schedule_divides_gamma(p, gamma=10.0):
    return 2 / (1 + torch.exp(-p / gamma)) - 1


def schedule_ramps(p, gamma=10.0):
    return torch.clamp(gamma * p, max=1.0)


def schedule_prints(p, gamma=10.0):
    print(2 / (1 + torch.exp(-gamma * p)) - 1)


def schedule_logistic_minus_half(p, gamma=10.0):
    return torch.sigmoid(gamma * p) - 0.5


def right_schedule_with_expm1(p, gamma=10.0):
    e = math.expm1(-gamma * float(p))
    return -e / (2 + e)


# ── domain_loss ───────────────────────────────────────────────────────────────────────────────────────────────────────


def loss_in_torch_with_swapped_targets(source, target):
    criterion = nn.BCEWithLogitsLoss()
    return 0.5 * criterion(source, torch.ones_like(source)) + 0.5 * criterion(target, torch.zeros_like(target))


def loss_with_bce_and_sigmoid(source, target):
    s, t = torch.sigmoid(source), torch.sigmoid(target)
    return (F.binary_cross_entropy(s, torch.zeros_like(s)) + F.binary_cross_entropy(t, torch.ones_like(t))) / 2


def loss_with_bce_alone(source, target):
    zero = F.binary_cross_entropy(source, torch.zeros_like(source))
    return (zero + F.binary_cross_entropy(target, torch.ones_like(target))) / 2


def loss_with_eps(source, target):
    s, t = source.sigmoid(), target.sigmoid()
    return -0.5 * (torch.log(1 - s + 1e-8).mean() + torch.log(t + 1e-8).mean())


def loss_weighted_by_size(source, target):
    n, m = len(source), len(target)
    zero = F.binary_cross_entropy_with_logits(source, torch.zeros_like(source))
    one = F.binary_cross_entropy_with_logits(target, torch.ones_like(target))
    return (n * zero + m * one) / (n + m)


def loss_truncates_the_larger(source, target):
    n = min(len(source), len(target))
    logits = torch.cat([source[:n], target[:n]])
    labels = torch.cat([torch.zeros(n, 1), torch.ones(n, 1)]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, labels)


def loss_in_numpy(source, target):
    s, t = source.detach().numpy(), target.detach().numpy()
    return torch.tensor((np.logaddexp(0, s).mean() + np.logaddexp(0, -t).mean()) / 2)


def loss_as_accuracy(source, target):
    return ((source > 0).float().mean() + (target <= 0).float().mean()) / 2


def loss_hinge(source, target):
    return (F.relu(1 + source).mean() + F.relu(1 - target).mean()) / 2


def loss_in_single_precision(source, target):
    return (F.softplus(source.float()).mean() + F.softplus(-target.float()).mean()) / 2 / math.log(2)


def right_loss_sample_by_sample(source, target):
    zero = sum(torch.logaddexp(torch.zeros_like(v), v) for v in source) / len(source)
    one = sum(torch.logaddexp(torch.zeros_like(v), -v) for v in target) / len(target)
    return (zero + one).squeeze() / 2


# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def dloss(a, b):
    return (F.softplus(a).mean() + F.softplus(-b).mean()) / 2


def objective_with_lambda_in_the_wrong_place(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    return lambda_ * F.cross_entropy(model.head(f), y) + dloss(discriminator(GRL.apply(f, 1)), discriminator(GRL.apply(h, 1)))  # fmt: skip  # noqa: E501


def objective_reverses_the_input(model, discriminator, x, y, z, lambda_):
    f, h = model.features(GRL.apply(x, lambda_)), model.features(GRL.apply(z, lambda_))
    return F.cross_entropy(model.head(f), y) + dloss(discriminator(f), discriminator(h))


def objective_puts_the_discriminator_on_the_logits(model, discriminator, x, y, z, lambda_):
    f, h = model(x), model(z)
    return F.cross_entropy(f, y) + dloss(discriminator(GRL.apply(f, lambda_)), discriminator(GRL.apply(h, lambda_)))


def objective_steps_itself(model, discriminator, x, y, z, lambda_):
    optimizer = torch.optim.SGD([*model.parameters(), *discriminator.parameters()], lr=0.1)
    f, h = model.features(x), model.features(z)
    apart = dloss(discriminator(GRL.apply(f, lambda_)), discriminator(GRL.apply(h, lambda_)))
    loss = F.cross_entropy(model.head(f), y) + apart
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def objective_in_training_mode(model, discriminator, x, y, z, lambda_):
    model.train()
    f, h = model.features(x), model.features(z)
    apart = dloss(discriminator(GRL.apply(f, lambda_)), discriminator(GRL.apply(h, lambda_)))
    return F.cross_entropy(model.head(f), y) + apart


def objective_returns_both(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    apart = dloss(discriminator(GRL.apply(f, lambda_)), discriminator(GRL.apply(h, lambda_)))
    return F.cross_entropy(model.head(f), y), apart


def objective_forgets_the_target(model, discriminator, x, y, z, lambda_):
    f = model.features(x)
    return F.cross_entropy(model.head(f), y) + F.softplus(discriminator(GRL.apply(f, lambda_))).mean()


def objective_with_softmaxed_logits(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    apart = dloss(discriminator(GRL.apply(f, lambda_)), discriminator(GRL.apply(h, lambda_)))
    return F.cross_entropy(model.head(f).softmax(1), y) + apart


def objective_with_the_sum(model, discriminator, x, y, z, lambda_):
    f, h = GRL.apply(model.features(x), lambda_), GRL.apply(model.features(z), lambda_)
    apart = F.softplus(discriminator(f)).mean() + F.softplus(-discriminator(h)).mean()
    return F.cross_entropy(model(x), y) + apart


def objective_with_absolute_lambda(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    return F.cross_entropy(model.head(f), y) + (1 + lambda_) * dloss(discriminator(f.detach()), discriminator(h.detach())) - lambda_ * dloss(discriminator(f), discriminator(h))  # fmt: skip  # noqa: E501


def objective_min_max(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    for p in discriminator.parameters():
        p.requires_grad_(False)
    return F.cross_entropy(model.head(f), y) - lambda_ * dloss(discriminator(f), discriminator(h))


def right_objective_with_a_hook(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    turned = [v.clone() for v in (f, h)]
    for v in turned:
        v.register_hook(lambda u: -lambda_ * u)
    return F.nll_loss(model.head(f).log_softmax(1), y) + dloss(*map(discriminator, turned))


# ── distance ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def with_sklearn(model, source, target, source_test, target_test):
    x, y = torch.cat([source, target]), [0] * len(source) + [1] * len(target)
    model.fit(x.numpy(), y)
    return model.predict(source_test.numpy()), model.predict(target_test.numpy())


def distance_learns_on_the_test_samples(source, target, source_test, target_test):
    a, b = with_sklearn(LogisticRegression(class_weight="balanced"), source_test, target_test, source_test, target_test)
    return 2 * (1 - 2 * ((a == 1).mean() + (b == 0).mean()) / 2)


def distance_with_pooled_accuracy(source, target, source_test, target_test):
    a, b = with_sklearn(LogisticRegression(), source, target, source_test, target_test)
    error = np.concatenate([a == 1, b == 0]).mean()
    return 2 * (1 - 2 * error)


def distance_with_a_deep_tree_on_its_own_data(source, target, source_test, target_test):
    a, b = with_sklearn(DecisionTreeClassifier(class_weight="balanced"), source, target, source, target)
    return 2 * (1 - (a == 1).mean() - (b == 0).mean())


def distance_between_means(source, target, source_test, target_test):
    return float((source_test.mean(0) - target_test.mean(0)).norm())


def distance_of_one_domain(source, target, source_test, target_test):
    a, _ = with_sklearn(LogisticRegression(class_weight="balanced"), source, target, source_test, target_test)
    return 4 * (1 - 2 * (a == 1).mean())


def distance_hardly_trained(source, target, source_test, target_test):
    torch.manual_seed(3)
    net = nn.Linear(source.shape[1], 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        dloss(net(source), net(target)).backward()
        optimizer.step()
    error = ((net(source_test) > 0).float().mean() + (net(target_test) <= 0).float().mean()) / 2
    return 2 * (1 - 2 * error.item())


def right_distance_with_an_svm(source, target, source_test, target_test):
    model = LinearSVC(class_weight="balanced", dual=False)
    a, b = with_sklearn(model, source, target, source_test, target_test)
    return float(2 * (1 - 2 * np.mean([(a == 1).mean(), (b == 0).mean()])))


def right_distance_with_neighbours(source, target, source_test, target_test):
    n = min(len(source), len(target))
    a, b = with_sklearn(KNeighborsClassifier(31), source[:n], target[:n], source_test, target_test)
    return torch.tensor([2 * (1 - (a == 1).mean() - (b == 0).mean())])


def right_distance_with_a_forest(source, target, source_test, target_test):
    model = RandomForestClassifier(60, min_samples_leaf=5, class_weight="balanced", random_state=0)
    a, b = with_sklearn(model, source, target, source_test, target_test)
    return 2 * (1 - (a == 1).mean() - (b == 0).mean())


def right_distance_with_stochastic_steps(source, target, source_test, target_test):
    model = SGDClassifier(loss="log_loss", class_weight="balanced", average=True, random_state=1)
    a, b = with_sklearn(model, source, target, source_test, target_test)
    return 2 * (1 - (a == 1).mean() - (b == 0).mean())


def right_distance_with_a_net_of_its_own(source, target, source_test, target_test):
    torch.manual_seed(5)
    net = nn.Sequential(nn.Linear(source.shape[1], 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(60):
        loss = dloss(net(source), net(target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    error = ((net(source_test) > 0).float().mean() + (net(target_test) <= 0).float().mean()) / 2
    return 2 * (1 - 2 * error)


def wrong(key, *functions):
    return [(f"domain.{key}", function, "wrong") for function in functions]


FRESH = [
    *wrong("reversal", reversal_no_grad, reversal_multiplies_after_detach, reversal_half, reversal_forgets_none,
           reversal_clips, reversal_normalises, reversal_with_minus_one_minus, reversal_in_numpy, reversal_changes_x),
    *wrong("lambda_schedule", schedule_in_degrees_of_percent, schedule_with_power, schedule_with_minus_inside,
           schedule_divides_gamma, schedule_ramps, schedule_prints, schedule_logistic_minus_half),
    *wrong("domain_loss", loss_in_torch_with_swapped_targets, loss_with_bce_and_sigmoid, loss_with_bce_alone,
           loss_with_eps, loss_weighted_by_size, loss_truncates_the_larger, loss_in_numpy, loss_as_accuracy, loss_hinge,
           loss_in_single_precision),
    *wrong("objective", objective_with_lambda_in_the_wrong_place, objective_reverses_the_input,
           objective_puts_the_discriminator_on_the_logits, objective_steps_itself, objective_in_training_mode,
           objective_returns_both, objective_forgets_the_target, objective_with_softmaxed_logits,
           objective_with_the_sum, objective_min_max),
    *wrong("distance", distance_learns_on_the_test_samples, distance_with_pooled_accuracy,
           distance_with_a_deep_tree_on_its_own_data, distance_between_means, distance_of_one_domain,
           distance_hardly_trained),
    ("domain.reversal", right_reversal_numbered, "right"),
    ("domain.reversal", right_reversal_as_difference, "right"),
    ("domain.lambda_schedule", right_schedule_with_expm1, "right"),
    ("domain.domain_loss", right_loss_sample_by_sample, "right"),
    ("domain.objective", objective_with_absolute_lambda, "right"),
    ("domain.objective", right_objective_with_a_hook, "right"),
    *(("domain.distance", function, "right") for function in (
        right_distance_with_an_svm, right_distance_with_neighbours, right_distance_with_a_forest,
        right_distance_with_stochastic_steps, right_distance_with_a_net_of_its_own)),
]  # fmt: skip
