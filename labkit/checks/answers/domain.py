"""Topic ``domain``: what is right in exercise 16, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit import domain, nets
from labkit.checks.bank import mistake, mistakes, reference, verdict
from labkit.checks.protocol import Case, Outputs, Wrong

# ── reversal ──────────────────────────────────────────────────────────────────────────────────────────────────────────

OTHERS = (
    "the gradient that others send to `x` is turned as well: a hook on `x` itself sees all of them. Put it on a new "
    "tensor, `x.clone()`, and return that"
)


@reference(
    "domain.reversal",
    instead_of=(nets.reverse_gradient,),
    otherwise={"the gradient that others send to `x`": OTHERS},
)
def reversal(x: Tensor, scale: float) -> Tensor:
    """``x`` itself; what flows back through it is multiplied by ``-scale``."""
    return nets.reverse_gradient(x, scale=scale)


def going_back(backward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that does nothing forward; back goes ``backward`` of the gradient that arrives, of x and of λ."""

    class Passed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
            ctx.save_for_backward(x)
            ctx.scale = scale
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, *arriving: Any) -> Any:
            return backward(arriving[0], *ctx.saved_tensors, ctx.scale), None

    return lambda x, scale: Passed.apply(x, scale)


mistakes("domain.reversal", {
    "the gradient comes back unchanged: where is the reversal?": lambda u, x, scale: u,
    "the gradient is scaled, but its sign is not turned": lambda u, x, scale: scale * u,
    "the gradient's sign is turned, but it is not scaled by λ": lambda u, x, scale: -u,
    "multiply the gradient that *arrives*, not the input":
        (lambda u, x, scale: -scale * x, lambda u, x, scale: -scale * u * x),
    "the gradient that arrives gets lost: −λ is its factor, not what goes back":
        lambda u, x, scale: -scale * torch.ones_like(x),
    "the gradient is divided by λ: multiply it": lambda u, x, scale: -u / scale,
    "the gradient that goes back is scaled to length 1, or cut: it is −λ times what arrives, whatever its size":
        (lambda u, x, scale: -scale * u / u.norm(), lambda u, x, scale: (-scale * u).clamp(-1, 1),
         lambda u, x, scale: -scale * u.clamp(-1, 1), lambda u, x, scale: -scale * u.sign()),
    "λ is taken twice: once is enough": lambda u, x, scale: -(scale**2) * u,
    "λ is taken from the gradient: it is a factor": lambda u, x, scale: -(u + scale),
    "the gradient that was there comes back with the new one: use `x.detach()` where only the value is wanted":
        lambda u, x, scale: u - scale * u,
}, of=going_back)  # fmt: skip
mistakes("domain.reversal", {
    "on the way forward nothing happens: the sign is turned on the way back alone": lambda x, scale: -x,
    "on the way forward nothing happens: the scaling is done on the way back alone": lambda x, scale: scale * x,
    "on the way forward nothing happens: sign and scale are for the way back": lambda x, scale: -scale * x,
    "what comes out is not x: the factors of `x` and of `x.detach()` must add up to 1":
        (lambda x, scale: (1 - scale) * x, lambda x, scale: (1 + scale) * x, lambda x, scale: (1 - 2 * scale) * x,
         lambda x, scale: (1 + 2 * scale) * x, lambda x, scale: 2 * x, lambda x, scale: 0 * x),
})  # fmt: skip


@mistake("domain.reversal", OTHERS)
def hooks_the_input(x, scale):
    x.register_hook(lambda gradient: -scale * gradient)
    return x


@mistake("domain.reversal", says="no gradient reaches `x`")
def detaches(x, scale):
    return x.detach().requires_grad_()


# ── lambda_schedule ───────────────────────────────────────────────────────────────────────────────────────────────────


@reference("domain.lambda_schedule", instead_of=(domain.lambda_schedule,))
def lambda_schedule(p: Tensor, gamma: float = 10.0) -> Tensor:
    """λ at the share p of training."""
    return domain.lambda_schedule(p, gamma=gamma)


mistakes("domain.lambda_schedule", {
    "this is the sigmoid itself, which begins at ½: twice it, less 1": lambda p, gamma=10.0: (gamma * p).sigmoid(),
    "at p = 0 λ is 0, so something must be taken away: twice the sigmoid, less 1":
        lambda p, gamma=10.0: 2 * (gamma * p).sigmoid(),
    "this is the sigmoid less 1: twice it, less 1": lambda p, gamma=10.0: (gamma * p).sigmoid() - 1,
    "the sign in the exponent is the other way round: λ grows": lambda p, gamma=10.0: 2 * (-gamma * p).sigmoid() - 1,
    "this is a straight line": lambda p, gamma=10.0: p,
    "this is γ p alone: put it into the formula": lambda p, gamma=10.0: gamma * p,
    "γ is not used": (lambda p, gamma=10.0: torch.tanh(5 * p), lambda p, gamma=10.0: torch.tanh(p / 2)),
    "p is a share from 0 to 1, not per cent": lambda p, gamma=10.0: torch.tanh(50 * gamma * p),
    "this is a ramp that is cut at 1: put γ p into the formula": lambda p, gamma=10.0: (gamma * p).clamp(max=1),
    "γ divides p: it multiplies it": lambda p, gamma=10.0: torch.tanh(p / gamma / 2),
    "the base of the power is e, not 10": lambda p, gamma=10.0: 2 / (1 + 10 ** (-gamma * p)) - 1,
    "the exponential is subtracted below the line: there stands 1 + e^(−γ p)":
        lambda p, gamma=10.0: 2 / (1 - torch.exp(-gamma * p)) - 1,
    "tanh is the same curve, but of γ p / 2": lambda p, gamma=10.0: torch.tanh(gamma * p),
    "this is 1 − e^(−γ p): the exponential stands below the line, in 1 + e^(−γ p)":
        lambda p, gamma=10.0: 1 - torch.exp(-gamma * p),
    "the brackets are missing: all of 1 + e^(−γ p) stands below the line":
        lambda p, gamma=10.0: 2 / 1 + torch.exp(-gamma * p) - 1,
    "the 1 is taken away below the line: it is taken from the whole fraction":
        lambda p, gamma=10.0: 2 / (1 + torch.exp(-gamma * p) - 1),
    "this is one minus λ, which grows from 0 to 1": lambda p, gamma=10.0: 1 - torch.tanh(gamma * p / 2),
})  # fmt: skip

# ── domain_loss ───────────────────────────────────────────────────────────────────────────────────────────────────────

EXACT = (
    "for a discriminator that is very sure the loss must stay finite and exact: log(sigmoid(z)) rounds to log(0); "
    "PyTorch has one function that does both from the logit"
)


@reference(
    "domain.domain_loss",
    instead_of=(domain.domain_loss,),
    only={"a discriminator that is very sure": EXACT},
)
def domain_loss(source: Tensor, target: Tensor) -> Tensor:
    """The discriminator's cross-entropy; both domains weigh the same: (n, 1), (m, 1) → one number."""
    return domain.domain_loss(source, target)


mistakes("domain.domain_loss", {
    "the larger domain decides: take each domain's mean first, then the mean of the two":
        lambda zero, one: torch.cat([zero, one]).mean(),
    "this is the sum of the two means; asked is their mean": lambda zero, one: zero.mean() + one.mean(),
    "these are sums over the samples: take each domain's mean":
        (lambda zero, one: zero.sum() + one.sum(), lambda zero, one: (zero.sum() + one.sum()) / 2),
    "the target is left out: the discriminator must learn from both":
        (lambda zero, one: zero.mean(), lambda zero, one: zero.mean() / 2),
    "the source is left out: the discriminator must learn from both":
        (lambda zero, one: one.mean(), lambda zero, one: one.mean() / 2),
    "a loss goes down where the discriminator is right: the sign is the other way round":
        lambda zero, one: -(zero.mean() + one.mean()) / 2,
    "one domain's loss is subtracted: the discriminator goes down both":
        (lambda zero, one: (zero.mean() - one.mean()) / 2, lambda zero, one: (one.mean() - zero.mean()) / 2,
         lambda zero, one: zero.mean() - one.mean(), lambda zero, one: one.mean() - zero.mean()),
}, of=lambda combine: lambda source, target: combine(F.softplus(source), F.softplus(-target)))  # fmt: skip
mistakes("domain.domain_loss", {
    "the domains are mixed up: a logit above 0 says target": lambda source, target: domain_loss(-source, -target),
    "the logits went through the sigmoid twice: one of the two functions does that by itself":
        lambda source, target: domain_loss(source.sigmoid(), target.sigmoid()),
    EXACT: lambda source, target: -((1 - source.sigmoid()).log().mean() + target.sigmoid().log().mean()) / 2,
    "some samples of the larger domain are left out: take the mean over all":
        (lambda source, target: F.softplus(torch.cat([source[: len(target)], -target[: len(source)]])).mean(),
         lambda source, target: F.softplus(torch.cat([source[-len(target) :], -target[-len(source) :]])).mean()),
    "this is the share of mistakes, or of right answers: it has no gradient. Take the cross-entropy":
        (lambda source, target: ((source > 0).double().mean() + (target <= 0).double().mean()) / 2,
         lambda source, target: ((source <= 0).double().mean() + (target > 0).double().mean()) / 2),
    "this is a hinge, no cross-entropy":
        lambda source, target: (F.relu(1 + source).mean() + F.relu(1 - target).mean()) / 2,
    "squares of the errors are no cross-entropy":
        (lambda source, target: (source.square().mean() + (target - 1).square().mean()) / 2,
         lambda source, target: (source.sigmoid().square().mean() + (target.sigmoid() - 1).square().mean()) / 2),
    "`F.cross_entropy` wants a logit for each class; of one alone it is always 0. For one logit a sample take "
    "`F.binary_cross_entropy_with_logits`": lambda source, target: F.cross_entropy(source, source[:, 0].long() * 0),
})  # fmt: skip


@mistake("domain.domain_loss", says="no gradient reaches `source`")
def gives_a_number(source, target):
    return domain_loss(source, target).item()


@mistake("domain.domain_loss", says="no gradient reaches `target`")
def detaches_the_target(source, target):
    return domain_loss(source, target.detach())


# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────

BACKWARD = "it calls `backward` itself: return the scalar, and leave its gradients to the optimiser's step"


@reference(
    "domain.objective",
    instead_of=(domain.dann, nets.reverse_gradient),
    otherwise={"the gradients on the weights": BACKWARD},
)
def objective(model: nets.MLP, discriminator: nn.Module, x: Tensor, y: Tensor, z: Tensor, lambda_: float) -> Tensor:
    """The scalar that everybody goes down."""
    f, h = (reversal(model.features(part), lambda_) for part in (x, z))
    return F.cross_entropy(model(x), y) + domain_loss(discriminator(f), discriminator(h))


def scalar(combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``combine`` of the features f and h of both domains, the two losses, and λ.

    The losses are functions of features: the label's ``label(f)``, and ``apart(f, h)``, the discriminator's; with a
    third argument it is behind a reversal by that much.
    """

    def answer(model, discriminator, x, y, z, lambda_):
        def label(f: Tensor) -> Tensor:
            return F.cross_entropy(model.head(f), y)

        def apart(f: Tensor, h: Tensor, by: float | None = None) -> Tensor:
            f, h = (f, h) if by is None else (reversal(f, by), reversal(h, by))
            return domain_loss(discriminator(f), discriminator(h))

        return combine(model.features(x), model.features(z), label, apart, lambda_)

    return answer


UP_AND_FAST = "the discriminator goes up its loss, and λ times as fast: only what goes on to the features is turned"

mistakes("domain.objective", {
    "the discriminator must go *down* its own loss; here it goes up. Only what goes on to the features is turned":
        lambda f, h, label, apart, c: label(f) - apart(f, h),
    UP_AND_FAST: lambda f, h, label, apart, c: label(f) - c * apart(f, h),
    "the discriminator's own learning is scaled by λ: λ is for what goes on to the features":
        lambda f, h, label, apart, c: label(f) + c * apart(f, h, 1.0),
    "λ is taken twice, and scales the discriminator's own learning: reverse by λ, and add the loss as it is":
        lambda f, h, label, apart, c: label(f) + c * apart(f, h, c),
    "the discriminator's own learning is scaled by λ, and the features help it: reverse by λ, and add the loss as it "
    "is": lambda f, h, label, apart, c: label(f) + c * apart(f, h),
    "the discriminator learns nothing: its loss is missing, or its way back is cut":
        lambda f, h, label, apart, c: label(f),
    "the discriminator learns nothing, and the label's loss is weighed by λ: the discriminator's loss is missing":
        lambda f, h, label, apart, c: c * label(f),
    "the discriminator learns from the source alone: where is z?":
        lambda f, h, label, apart, c: label(f) + apart(f, f, c),
    "the discriminator takes the source for the target: in domain_loss the source comes first":
        lambda f, h, label, apart, c: label(f) + apart(h, f, c),
    "the label's head learns nothing: is its loss in the sum?": lambda f, h, label, apart, c: apart(f, h, c),
    "the label's loss is weighed by λ: λ is for what the discriminator sends to the features":
        (lambda f, h, label, apart, c: c * label(f) + apart(f, h, 1.0),
         lambda f, h, label, apart, c: c * label(f) + apart(f, h, c),
         lambda f, h, label, apart, c: (1 - c) * label(f) + apart(f, h, c)),
    "the features help the discriminator: the gradient isn't reversed":
        lambda f, h, label, apart, c: label(f) + apart(f, h),
    "the features help the discriminator: the gradient is scaled, not reversed":
        lambda f, h, label, apart, c: label(f) + apart(f, h, -c),
    "the features help the discriminator: reversed twice is not reversed":
        lambda f, h, label, apart, c: label(f) + apart(reversal(f, c), reversal(h, c), c),
    "the features receive the discriminator's gradient at full strength: where is λ?":
        lambda f, h, label, apart, c: label(f) + apart(f, h, 1.0),
    "the features receive nothing from the discriminator: are they detached?":
        lambda f, h, label, apart, c: label(f) + apart(f.detach(), h.detach()),
    "λ works twice on the way to the features": lambda f, h, label, apart, c: label(f) + apart(f, h, c * c),
    "the label's gradient is turned round as well: reverse in front of the discriminator only":
        lambda f, h, label, apart, c: label(reversal(f, c)) + apart(f, h, c),
    "the label's loss does not reach the features: they must learn the labels, too":
        lambda f, h, label, apart, c: label(f.detach()) + apart(f, h, c),
    "only the target's features are reversed; both domains move":
        lambda f, h, label, apart, c: label(f) + apart(f.detach(), h, c),
    "only the source's features are reversed; both domains move":
        lambda f, h, label, apart, c: label(f) + apart(f, h.detach(), c),
    "the target's features are reversed and the source's are not: reverse both":
        lambda f, h, label, apart, c: label(f) + apart(f, reversal(h, c)),
    "the source's features are reversed and the target's are not: reverse both":
        lambda f, h, label, apart, c: label(f) + apart(reversal(f, c), h),
}, of=scalar)  # fmt: skip


@mistake("domain.objective", UP_AND_FAST)
def reverses_the_logits(model, discriminator, x, y, z, lambda_):
    logits = (reversal(discriminator(model.features(part)), lambda_) for part in (x, z))
    return F.cross_entropy(model(x), y) + domain_loss(*logits)


@mistake("domain.objective", "the discriminator learns from the source alone: where is z?")
def leaves_out_the_target(model, discriminator, x, y, z, lambda_):
    return F.cross_entropy(model(x), y) + F.softplus(discriminator(reversal(model.features(x), lambda_))).mean()


@mistake("domain.objective", "the softmax of the label's logits is taken twice: `cross_entropy` takes it itself")
def takes_the_softmax_twice(model, discriminator, x, y, z, lambda_):
    f, h = (reversal(model.features(part), lambda_) for part in (x, z))
    return F.cross_entropy(model(x).softmax(1), y) + domain_loss(discriminator(f), discriminator(h))


@mistake("domain.objective", BACKWARD)
def calls_backward(model, discriminator, x, y, z, lambda_):
    loss = objective(model, discriminator, x, y, z, lambda_)
    loss.backward()
    return loss


@mistake("domain.objective", says="no gradient flows from the scalar")
def gives_the_value(model, discriminator, x, y, z, lambda_):
    return objective(model, discriminator, x, y, z, lambda_).item()


# ── distance ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SLACK = 0.25
"""Within this of the truth a distance is right; ``tests/test_checks_chance.py`` measures it."""


@reference("domain.distance", instead_of=(domain.a_distance, domain.proxy_a_distance))
def distance(source: Tensor, target: Tensor, source_test: Tensor, target_test: Tensor) -> float:
    """The proxy A-distance: learn on the first two, measure on the last two."""
    return 2 * (1 - sum(errors(line(source, target), source_test, target_test)))


def line(source: Tensor, target: Tensor, loss: Callable[..., Tensor] = domain_loss) -> nn.Module:
    """A classifier that tells the two apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nets.MLP(source.shape[1], 1, hidden=(), mean=0.0, std=1.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        loss(net(source), net(target)).backward()
        optimizer.step()
    return net


@torch.no_grad()
def errors(net: nn.Module, source: Tensor, target: Tensor) -> tuple[float, float]:
    """Its error on each domain."""
    return float((net(source) > 0).double().mean()), float((net(target) <= 0).double().mean())


@verdict("domain.distance")
def near_the_truth(outputs: Outputs, case: Case) -> None:
    """The truth is known for these clouds."""
    given, title, error = float(outputs["the distance"]), case["case"], case["error"]
    right = 2 * (1 - 2 * error)
    if abs(given - right) <= SLACK:
        return
    if not abs(given) < float("inf"):
        text = "the distance is not a finite number"
    elif not -2.0 - SLACK <= given <= 2.0 + SLACK:
        text = "a proxy A-distance lies between 0 and 2: is it made of an error, a share from 0 to 1?"
    elif title in TOO_LARGE and given > right:
        text = TOO_LARGE[title]
    elif title.startswith("half"):
        text = "here the error is small for the source and about a half for the target: ε is the mean of both"
    else:
        text = "the classifier finds less than a straight line does: is it trained on both domains, and long enough?"
        if given > right:
            text = (
                "this is more than anybody can know of these clouds: is the error measured on samples it has not seen?"
            )
    looks = {
        "this looks like the error; the distance is 2 (1 − 2 ε)": error,
        "this looks like the accuracy; the distance is 2 (1 − 2 ε)": 1 - error,
        "this looks like 1 − 2 ε; the distance is twice that": 1 - 2 * error,
        "this looks like 2 (1 − ε); the distance is 2 (1 − 2 ε)": 2 * (1 - error),
        "this looks like 2 (1 − 4 ε): ε is the mean of the two errors, not their sum": 2 * (1 - 4 * error),
        "the sign is the other way round: have the domains changed places?": -right,
    }
    nearest = min(looks, key=lambda text: abs(given - looks[text]))
    if title == "clouds that overlap" and abs(given - looks[nearest]) < 0.1:
        text = nearest
    raise Wrong(text, expected=right, given=given)


TOO_LARGE = {
    "eight times as many of the source": (
        "the larger domain decides: whoever says 'source' to everything is right eight times in nine. Train and "
        "measure so that both domains weigh the same"
    ),
    "no difference, and more features than a few samples can bear": (
        "there is no difference between these clouds, but a classifier can learn sixty samples by heart: measure its "
        "error on the test samples, which it has not seen"
    ),
    "no difference, and few samples to measure on": (
        "there is no difference between these clouds, but a classifier can learn the test samples by heart: learn on "
        "the first two, and measure on the last two"
    ),
}


for part, formula in {
    "looks like the error": lambda s, t: (s + t) / 2,
    "looks like the accuracy": lambda s, t: 1 - (s + t) / 2,
    "looks like 1 − 2 ε": lambda s, t: 1 - s - t,
    "looks like 2 (1 − ε)": lambda s, t: 2 - s - t,
    "have the domains changed places": lambda s, t: 2 * (s + t - 1),
    "between 0 and 2": lambda s, t: 2 * (1 - 100 * (s + t)),
    "not their sum": lambda s, t: 2 * (1 - 2 * (s + t)),
    "finds less than a straight line": lambda s, t: 0.0,
    "more than anybody can know": lambda s, t: 2 - s / 2,
    "ε is the mean of both": lambda s, t: 2 * (1 - 2 * s),
    "not a finite number": lambda s, t: float("nan"),
}.items():
    mistake("domain.distance", says=part)(lambda a, b, c, d, formula=formula: formula(*errors(line(a, b), c, d)))


@mistake("domain.distance", says="by heart")
def measures_where_it_learnt(source, target, source_test, target_test):
    return 2 * (1 - sum(errors(line(source, target), source, target)))


@mistake("domain.distance", says="learn on the first two")
def learns_on_the_test_samples(source, target, source_test, target_test):
    return 2 * (1 - sum(errors(line(source_test, target_test), source_test, target_test)))


@mistake("domain.distance", says="ε is the mean of both")
def measures_on_the_target_alone(source, target, source_test, target_test):
    return 2 * (1 - 2 * errors(line(source, target), source_test, target_test)[1])


@mistake("domain.distance", says="larger domain decides")
def counts_samples_not_domains(source, target, source_test, target_test):
    def pooled(zero: Tensor, one: Tensor) -> Tensor:
        return torch.cat([F.softplus(zero), F.softplus(-one)]).mean()

    wrong, n, m = errors(line(source, target, pooled), source_test, target_test), len(source_test), len(target_test)
    return 2 * (1 - 2 * (wrong[0] * n + wrong[1] * m) / (n + m))
