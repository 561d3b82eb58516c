"""Right answers to exercise 16, written differently."""

import math

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from torch import nn
from torch.nn import functional as F

from tests.rights import right

# ── reversal ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.scale = scale
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient.neg() * ctx.scale, None


@right("domain.reversal")
def as_a_function(x, scale):
    return Reverse.apply(x, scale)


@right("domain.reversal")
def with_detach(x, scale):
    return (1 + scale) * x.detach() - scale * x


@right("domain.reversal")
def by_a_difference_that_is_zero(x, scale):
    return x.detach() + scale * (x.detach() - x)


@right("domain.reversal")
def with_a_hook(x, scale):
    y = x.clone()
    y.register_hook(lambda gradient: -scale * gradient)
    return y


# ── lambda_schedule ───────────────────────────────────────────────────────────────────────────────────────────────────


@right("domain.lambda_schedule")
def by_the_formula(p, gamma=10.0):
    return 2 / (1 + math.exp(-gamma * p)) - 1


@right("domain.lambda_schedule")
def by_the_hyperbolic_tangent(p, gamma=10.0):
    return torch.tanh(gamma * p / 2)


@right("domain.lambda_schedule")
def by_one_fraction(p, gamma=10.0):
    e = np.exp(-gamma * float(p))
    return (1 - e) / (1 + e)


# ── domain_loss ───────────────────────────────────────────────────────────────────────────────────────────────────────


def bce(logits, label):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


@right("domain.domain_loss")
def with_softplus(source, target):
    return (F.softplus(source).mean() + F.softplus(-target).mean()) / 2


@right("domain.domain_loss")
def with_bce(source, target):
    return 0.5 * (bce(source[:, 0], 0.0) + bce(target[:, 0], 1.0))


@right("domain.domain_loss")
def with_weights(source, target):
    logits, n, m = torch.cat([source, target]), len(source), len(target)
    labels = torch.cat([torch.zeros_like(source), torch.ones_like(target)])
    weight = torch.cat([torch.full_like(source, 0.5 / n), torch.full_like(target, 0.5 / m)])
    return nn.BCEWithLogitsLoss(weight=weight, reduction="sum")(logits, labels)


@right("domain.domain_loss")
def with_two_classes(source, target):
    both = [torch.cat([torch.zeros_like(v), v], 1) for v in (source, target)]
    means = [F.cross_entropy(v, torch.full((len(v),), k)) for k, v in enumerate(both)]
    return torch.stack(means).mean()


# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("domain.objective")
def in_one_pass(model, discriminator, x, y, z, lambda_):
    both = model.features(torch.cat([x, z]))
    says = discriminator(Reverse.apply(both, lambda_))
    return F.cross_entropy(model.head(both[: len(x)]), y) + with_softplus(says[: len(x)], says[len(x) :])


@right("domain.objective")
def two_losses_of_one_value(model, discriminator, x, y, z, lambda_):
    f, h = model.features(x), model.features(z)
    theirs = with_softplus(discriminator(f.detach()), discriminator(h.detach()))
    # The discriminator's share of the second loss is taken back: what is left of it reaches the features alone.
    for_features = theirs - with_softplus(discriminator(f), discriminator(h))
    return F.cross_entropy(model.head(f), y) + theirs + lambda_ * for_features


@right("domain.objective")
def with_the_models_logits(model, discriminator, x, y, z, lambda_):
    loss = nn.CrossEntropyLoss()(model(x), y)
    f, h = (with_detach(model.body(model.normalize(v)), lambda_) for v in (x, z))
    return (loss + with_bce(discriminator(f), discriminator(h))).reshape(1)


# ── distance ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def measured(model, source, target, source_test, target_test):
    model.fit(torch.cat([source, target]).numpy(), [0] * len(source) + [1] * len(target))
    errors = (model.predict(source_test.numpy()) == 1).mean(), (model.predict(target_test.numpy()) == 0).mean()
    return 2 * (1 - (errors[0] + errors[1]))


@right("domain.distance")
def with_logistic_regression(source, target, source_test, target_test):
    return measured(LogisticRegression(class_weight="balanced"), source, target, source_test, target_test)


@right("domain.distance")
def with_a_discriminant(source, target, source_test, target_test):
    model = LinearDiscriminantAnalysis(priors=[0.5, 0.5])
    return torch.tensor(max(0.0, measured(model, source, target, source_test, target_test)))


@right("domain.distance")
def with_bayes(source, target, source_test, target_test):
    return measured(GaussianNB(priors=[0.5, 0.5]), source, target, source_test, target_test)


@right("domain.distance")
def by_the_nearer_mean(source, target, source_test, target_test):
    a, b = source.mean(0), target.mean(0)
    far = [(torch.cdist(v, torch.stack([a, b]))).argmin(1) for v in (source_test, target_test)]
    return float(2 - 2 * (far[0] == 1).double().mean() - 2 * (far[1] == 0).double().mean())
