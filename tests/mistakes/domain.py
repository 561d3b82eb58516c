"""Answers to exercise 16 that students plausibly give."""

import math

import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from tests.mistakes import mistake, right

# ── reversal ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.scale = scale
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.scale * gradient, None


class Kept(Reverse):
    @staticmethod
    def backward(ctx, gradient):
        return ctx.scale * gradient, None


class Unscaled(Reverse):
    @staticmethod
    def backward(ctx, gradient):
        return -gradient, None


class Made(Reverse):
    @staticmethod
    def backward(ctx, gradient):
        return -ctx.scale * torch.ones_like(gradient), None


@mistake("domain.reversal", says="on the way back alone")
def turns_the_value(x, scale):
    return -x


@mistake("domain.reversal", says="sign and scale are for the way back")
def multiplies_forward(x, scale):
    return -scale * x


@mistake("domain.reversal", says="detached")
def detaches(x, scale):
    return x.detach()


@mistake("domain.reversal", says="its sign is not turned")
def keeps_the_sign(x, scale):
    return Kept.apply(x, scale)


@mistake("domain.reversal", says="not scaled by λ")
def forgets_the_scale(x, scale):
    return Unscaled.apply(x, scale)


@mistake("domain.reversal", says="unchanged")
def does_nothing(x, scale):
    return x


@mistake("domain.reversal", says="gets lost")
def sends_a_constant_back(x, scale):
    return Made.apply(x, scale)


@right("domain.reversal")
def as_a_function(x, scale):
    return Reverse.apply(x, scale)


@right("domain.reversal")
def with_detach(x, scale):
    return (1 + scale) * x.detach() - scale * x


@right("domain.reversal")
def with_a_hook(x, scale):
    y = x.clone()
    y.register_hook(lambda gradient: -scale * gradient)
    return y


# ── lambda_schedule ───────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("domain.lambda_schedule", says="begins at ½")
def the_sigmoid(p, gamma=10.0):
    return 1 / (1 + math.exp(-gamma * p))


@mistake("domain.lambda_schedule", says="taken away")
def twice_the_sigmoid(p, gamma=10.0):
    return 2 / (1 + math.exp(-gamma * p))


@mistake("domain.lambda_schedule", says="the other way round")
def with_the_wrong_sign(p, gamma=10.0):
    return 2 / (1 + math.exp(gamma * p)) - 1


@mistake("domain.lambda_schedule", says="straight line")
def a_line(p, gamma=10.0):
    return p


@mistake("domain.lambda_schedule", says="γ is not used")
def always_ten(p, gamma=10.0):
    return 2 / (1 + math.exp(-10 * p)) - 1


@right("domain.lambda_schedule")
def by_the_formula(p, gamma=10.0):
    return 2 / (1 + math.exp(-gamma * p)) - 1


@right("domain.lambda_schedule")
def by_the_hyperbolic_tangent(p, gamma=10.0):
    return torch.tanh(gamma * p / 2)


# ── domain_loss ───────────────────────────────────────────────────────────────────────────────────────────────────────


def bce(logits, label):
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


@mistake("domain.domain_loss", says="larger domain decides")
def pools_the_samples(source, target):
    logits = torch.cat([source, target])
    labels = torch.cat([torch.zeros_like(source), torch.ones_like(target)])
    return functional.binary_cross_entropy_with_logits(logits, labels)


@mistake("domain.domain_loss", says="sum of the two means")
def adds_the_means(source, target):
    return bce(source, 0.0) + bce(target, 1.0)


@mistake("domain.domain_loss", says="mixed up")
def mixes_up_the_domains(source, target):
    return (bce(source, 1.0) + bce(target, 0.0)) / 2


@mistake("domain.domain_loss", says="twice")
def puts_the_sigmoid_in_twice(source, target):
    return (bce(source.sigmoid(), 0.0) + bce(target.sigmoid(), 1.0)) / 2


@mistake("domain.domain_loss", says="target is left out")
def leaves_out_the_target(source, target):
    return bce(source, 0.0)


@mistake("domain.domain_loss", says="finite and exact")
def takes_the_log_of_the_sigmoid(source, target):
    return -((1 - source.sigmoid()).log().mean() + target.sigmoid().log().mean()) / 2


@mistake("domain.domain_loss", says="no gradient")
def gives_a_number(source, target):
    return torch.tensor(((bce(source, 0.0) + bce(target, 1.0)) / 2).item(), dtype=source.dtype)


@right("domain.domain_loss")
def with_softplus(source, target):
    return (functional.softplus(source).mean() + functional.softplus(-target).mean()) / 2


@right("domain.domain_loss")
def with_bce(source, target):
    return 0.5 * (bce(source[:, 0], 0.0) + bce(target[:, 0], 1.0))


@right("domain.domain_loss")
def with_log_sigmoid(source, target):
    return -(functional.logsigmoid(-source).mean() + functional.logsigmoid(target).mean()) / 2


# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def three(model, x, y, z):
    f, h = model.features(x), model.features(z)
    return f, h, functional.cross_entropy(model.head(f), y)


@mistake("domain.objective", says="go *down* its own loss")
def subtracts_instead_of_reversing(model, discriminator, x, y, z, lambda_):
    f, h, label = three(model, x, y, z)
    return label - with_softplus(discriminator(f), discriminator(h))


@mistake("domain.objective", says="λ times as fast")
def subtracts_lambda_times(model, discriminator, x, y, z, lambda_):
    f, h, label = three(model, x, y, z)
    return label - lambda_ * with_softplus(discriminator(f), discriminator(h))


@mistake("domain.objective", says="scaled by λ")
def scales_the_discriminator(model, discriminator, x, y, z, lambda_):
    f, h, label = three(model, x, y, z)
    return label + lambda_ * with_softplus(discriminator(Reverse.apply(f, 1.0)), discriminator(Reverse.apply(h, 1.0)))


@mistake("domain.objective", says="isn't reversed")
def does_not_reverse(model, discriminator, x, y, z, lambda_):
    f, h, label = three(model, x, y, z)
    return label + with_softplus(discriminator(f), discriminator(h))


@mistake("domain.objective", says="where is λ")
def reverses_without_lambda(model, discriminator, x, y, z, lambda_):
    f, h, label = three(model, x, y, z)
    return label + with_softplus(discriminator(Reverse.apply(f, 1.0)), discriminator(Reverse.apply(h, 1.0)))


@mistake("domain.objective", says="are they detached")
def detaches_the_features(model, discriminator, x, y, z, lambda_):
    f, h, label = three(model, x, y, z)
    return label + with_softplus(discriminator(f.detach()), discriminator(h.detach()))


@mistake("domain.objective", says="learns nothing")
def forgets_the_discriminator(model, discriminator, x, y, z, lambda_):
    return three(model, x, y, z)[2]


@mistake("domain.objective", says="takes the source for the target")
def puts_the_target_first(model, discriminator, x, y, z, lambda_):
    f, h, label = three(model, x, y, z)
    return label + with_softplus(discriminator(Reverse.apply(h, lambda_)), discriminator(Reverse.apply(f, lambda_)))


@mistake("domain.objective", says="only the target's features")
def reverses_the_target_alone(model, discriminator, x, y, z, lambda_):
    f, h, label = three(model, x, y, z)
    return label + with_softplus(discriminator(f.detach()), discriminator(Reverse.apply(h, lambda_)))


@mistake("domain.objective", says="in front of the discriminator only")
def reverses_too_early(model, discriminator, x, y, z, lambda_):
    f, h = (Reverse.apply(model.features(part), lambda_) for part in (x, z))
    return functional.cross_entropy(model.head(f), y) + with_softplus(discriminator(f), discriminator(h))


@right("domain.objective")
def in_one_pass(model, discriminator, x, y, z, lambda_):
    both = model.features(torch.cat([x, z]))
    said = discriminator(Reverse.apply(both, lambda_))
    return functional.cross_entropy(model.head(both[: len(x)]), y) + with_softplus(said[: len(x)], said[len(x) :])


@right("domain.objective")
def two_losses_of_one_value(model, discriminator, x, y, z, lambda_):
    f, h, label = three(model, x, y, z)
    theirs = with_softplus(discriminator(f.detach()), discriminator(h.detach()))
    with_graph = with_softplus(discriminator(f), discriminator(h))
    # The discriminator's share of the second loss is taken back: what is left of it reaches the features alone.
    for_features = -lambda_ * (with_graph - with_softplus(discriminator(f.detach()), discriminator(h.detach())))
    return label + theirs + for_features


# ── distance ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def fitted(source, target, **knobs):
    x = torch.cat([source, target]).numpy()
    return LogisticRegression(**knobs).fit(x, [0] * len(source) + [1] * len(target))


def errors(model, source, target):
    return (model.predict(source.numpy()) == 1).mean(), (model.predict(target.numpy()) == 0).mean()


@mistake("domain.distance", says="looks like the error")
def gives_the_error(source, target, source_test, target_test):
    return sum(errors(fitted(source, target, class_weight="balanced"), source_test, target_test)) / 2


@mistake("domain.distance", says="looks like the accuracy")
def gives_the_accuracy(source, target, source_test, target_test):
    return 1 - sum(errors(fitted(source, target, class_weight="balanced"), source_test, target_test)) / 2


@mistake("domain.distance", says="by heart")
def measures_where_it_learnt(source, target, source_test, target_test):
    e = errors(fitted(source, target, class_weight="balanced"), source, target)
    return 2 * (1 - (e[0] + e[1]))


@mistake("domain.distance", says="larger domain decides")
def counts_samples_not_domains(source, target, source_test, target_test):
    model = fitted(source, target)
    wrong = (model.predict(source_test.numpy()) == 1).sum() + (model.predict(target_test.numpy()) == 0).sum()
    return 2 * (1 - 2 * wrong / (len(source_test) + len(target_test)))


@mistake("domain.distance", says="have the domains changed places")
def mixes_up_right_and_wrong(source, target, source_test, target_test):
    e = errors(fitted(source, target, class_weight="balanced"), source_test, target_test)
    return 2 * (1 - 2 * (1 - (e[0] + e[1]) / 2))


@right("domain.distance")
def with_logistic_regression(source, target, source_test, target_test):
    e = errors(fitted(source, target, class_weight="balanced"), source_test, target_test)
    return 2 * (1 - (e[0] + e[1]))


@right("domain.distance")
def with_a_discriminant(source, target, source_test, target_test):
    x = torch.cat([source, target]).numpy()
    model = LinearDiscriminantAnalysis(priors=[0.5, 0.5]).fit(x, [0] * len(source) + [1] * len(target))
    e = errors(model, source_test, target_test)
    return torch.tensor(max(0.0, 2 * (1 - (e[0] + e[1]))))
