"""Topic ``learned``: what is right in exercise 10, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit import learned
from labkit.checks.bank import mistake, mistakes, reference

# ── strength ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("learned.strength", instead_of=(learned.strength, learned.apply_operations))
def strength(name: str, magnitude: Tensor, sign: Tensor, side: int) -> Tensor:
    """Degrees, pixels, a factor, bits or a threshold, (B,)."""
    return table(name, magnitude, sign, side)


def table(
    name: str,
    m: Tensor,
    s: Tensor,
    side: float,
    *,
    rotate: float = 30.0,
    shift: float = 150 / 331,
    bright: Callable[[Tensor], Tensor] = lambda v: 1 + 0.9 * v,
    bits: Callable[[Tensor], Tensor] = lambda v: (8 - 4 * v).round(),
    threshold: Callable[[Tensor], Tensor] = lambda v: 1 - v,
) -> Tensor:
    """The table, and what may be wrong in it."""
    if name == "rotate":
        return s * m * rotate
    if name == "translate_x":
        return s * m * shift * side
    if name == "brightness":
        return bright(s * m)
    return bits(m) if name == "posterize" else threshold(m)


def wrong(**change: Any) -> Callable[..., Tensor]:
    """The table with one entry wrong."""
    return lambda name, magnitude, sign, side: table(name, magnitude, sign, side, **change)


mistakes(
    "learned.strength",
    {
        "solarize weakens with the magnitude: the threshold has to fall from 1 to 0, since values above it are turned":
            wrong(threshold=lambda m: m),
        "posterize weakens with the magnitude: bits have to fall from 8 to 4": (
            wrong(bits=lambda m: (4 + 4 * m).round()), wrong(bits=lambda m: (4 * m).round()),
        ),
        "posterize goes down to 0 bits, a black picture: it ends at 4": wrong(bits=lambda m: (8 - 8 * m).round()),
        "bits are whole numbers: round them": wrong(bits=lambda m: 8 - 4 * m),
        "bits are cut off and not rounded": (
            wrong(bits=lambda m: (8 - 4 * m).floor()), wrong(bits=lambda m: 8 - (4 * m).floor()),
        ),
        "the threshold goes from 255: pictures are in [0, 1]": (
            wrong(threshold=lambda m: 255 * (1 - m)), wrong(threshold=lambda m: 256 * (1 - m)),
        ),
        "a translation is a share of the picture's side, and what is asked for is pixels: multiply by `side`":
            lambda name, magnitude, sign, side: table(name, magnitude, sign, 1),
        "a translation of full strength is the whole side: it is 150/331 of it": wrong(shift=1.0),
        "150 pixels belong to pictures of 331: take 150/331 of the side":
            lambda name, magnitude, sign, side: table(name, magnitude, sign, 331),
        "the factor of brightness is 1 at magnitude 0, where nothing changes: add 1": wrong(bright=lambda v: 0.9 * v),
        "the factor of brightness goes to 1 ± 1: full strength is 0.9": wrong(bright=lambda v: 1 + v),
        "the angle is in radians: degrees are asked for": wrong(rotate=30 * torch.pi / 180),
        "the sign is not used": lambda name, magnitude, sign, side: table(name, magnitude, torch.ones_like(sign), side),
        "brightness doesn't use the sign: it goes both ways": (
            lambda name, magnitude, sign, side: (
                1 + 0.9 * magnitude if name == "brightness" else table(name, magnitude, sign, side)
            )
        ),
        "the sign belongs to rotations, translations and brightness: posterize and solarize have none": (
            lambda name, magnitude, sign, side: (
                table(name, magnitude, sign, side) * (sign if name in ("posterize", "solarize") else 1)
            )
        ),
        "the sign multiplies the whole factor of brightness: it is 1 + sign · 0.9 · m": (
            lambda name, magnitude, sign, side: (
                sign * (1 + 0.9 * magnitude) if name == "brightness" else table(name, magnitude, sign, side)
            )
        ),
        "the magnitude is divided once more: it is a share of the full strength already": (
            lambda name, magnitude, sign, side: table(name, magnitude / 10, sign, side),
            lambda name, magnitude, sign, side: table(name, magnitude / 30, sign, side),
            lambda name, magnitude, sign, side: table(name, magnitude / 31, sign, side),
        ),
    },
)  # fmt: skip


@mistake("learned.strength", "a translation may be a fraction of a pixel: don't cut it off")
def moves_by_whole_pixels(name, magnitude, sign, side):
    value = table(name, magnitude, sign, side)
    return value.trunc() if name == "translate_x" else value


@mistake("learned.strength", "the factor of brightness may be above 1: don't cut it off")
def cuts_the_factor_off(name, magnitude, sign, side):
    value = table(name, magnitude, sign, side)
    return value.clamp(max=1) if name == "brightness" else value


@mistake("learned.strength", "solarize has no sign: the threshold is 1 − m")
def signs_the_threshold(name, magnitude, sign, side):
    return 1 - sign * magnitude if name == "solarize" else table(name, magnitude, sign, side)


# ── reinforce_loss ────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("learned.reinforce_loss", instead_of=(learned.reinforce_loss, learned.exact_policy_gradient))
def reinforce_loss(logits: Tensor, actions: Tensor, rewards: Tensor, baseline: Tensor) -> Tensor:
    """−mean of (R − b) log π(a)."""
    return learned.reinforce_loss(logits, actions, rewards, baseline=baseline)


def of_terms(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``rule`` of advantages and log-probabilities, (B,)."""

    def answer(logits: Tensor, actions: Tensor, rewards: Tensor, baseline: Tensor) -> Tensor:
        return rule(rewards.detach() - baseline.detach(), logits.log_softmax(0)[actions])

    return answer


mistakes(
    "learned.reinforce_loss",
    {
        "the sign is wrong: an optimiser goes down, and the reward has to go up": lambda a, lp: (a * lp).mean(),
        "the terms are summed: take their mean over the actions": lambda a, lp: -(a * lp).sum(),
        "each action has its term: take their mean": lambda a, lp: -(a * lp),
        "it takes the probability and not its logarithm": lambda a, lp: -(a * lp.exp()).mean(),
        "mean advantage times mean log-probability: multiply first, for each action":
            lambda a, lp: -a.mean() * lp.mean(),
        "the log-probability is detached: the gradient has to reach the logits":
            lambda a, lp: -(a * lp.detach()).mean(),
        "the rewards are not used": lambda a, lp: -lp.mean(),
        "the square of the advantage loses its sign": lambda a, lp: -(a.square() * lp).mean(),
    },
    of=of_terms,
)  # fmt: skip


def chosen(logits: Tensor, actions: Tensor) -> Tensor:
    """log π of the actions."""
    return logits.log_softmax(0)[actions]


mistakes(
    "learned.reinforce_loss",
    {
        "the baseline is not taken away": lambda logits, actions, rewards, baseline: (
            -(rewards.detach() * chosen(logits, actions)).mean()
        ),
        "the baseline is added: take it away": lambda logits, actions, rewards, baseline: (
            -((rewards.detach() + baseline.detach()) * chosen(logits, actions)).mean()
        ),
        "the baseline is taken away from the log-probability: it belongs to the reward":
            lambda logits, actions, rewards, baseline: (
                -(rewards.detach() * (chosen(logits, actions) - baseline.detach())).mean()
            ),
        "the baseline is taken away outside of the mean: it multiplies log π too":
            lambda logits, actions, rewards, baseline: (
                -((rewards.detach() * chosen(logits, actions)).mean() - baseline.detach())
            ),
        "logits are no log-probabilities: take `log_softmax`": lambda logits, actions, rewards, baseline: (
            -((rewards.detach() - baseline.detach()) * logits[actions]).mean()
        ),
        "the softmax is over the drawn actions: it is over all K of the policy": (
            lambda logits, actions, rewards, baseline: (
                -((rewards.detach() - baseline.detach()) * logits[actions].log_softmax(0)).mean()
            )
        ),
        "the logarithm of a softmax is −inf for large logits: use `log_softmax`": (
            lambda logits, actions, rewards, baseline: (
                -((rewards.detach() - baseline.detach()) * logits.softmax(0).log()[actions]).mean()
            )
        ),
        "the mean is over all K log-probabilities: take those of the actions": (
            lambda logits, actions, rewards, baseline: (
                -((rewards.detach() - baseline.detach()).mean() * logits.log_softmax(0)).mean()
            ),
            lambda logits, actions, rewards, baseline: (
                -((rewards.detach() - baseline.detach())[:, None] * logits.log_softmax(0)).mean()
            ),
        ),
        "the advantages are standardised by their deviation: here only the baseline is taken away": (
            lambda logits, actions, rewards, baseline: (
                -((rewards - baseline).detach() / (rewards.detach().std(correction=0) + 1e-8)
                  * chosen(logits, actions)).mean()
            )
        ),
        "the baseline is the mean of these rewards: take the one that is given": (
            lambda logits, actions, rewards, baseline: (
                -((rewards.detach() - rewards.detach().mean()) * chosen(logits, actions)).mean()
            )
        ),
    },
)  # fmt: skip


@mistake("learned.reinforce_loss", "the baseline is moved towards the mean of these rewards: take it as it is given")
def moves_the_baseline(logits, actions, rewards, baseline):
    moved = 0.9 * baseline + 0.1 * rewards.mean()
    return -((rewards - moved).detach() * chosen(logits, actions)).mean()


@mistake("learned.reinforce_loss", "the value is that of a ratio of probabilities: the loss has log π itself")
def takes_a_ratio(logits, actions, rewards, baseline):
    p = logits.softmax(0)[actions]
    return -((rewards - baseline).detach() * p / p.detach()).mean()


@mistake(
    "learned.reinforce_loss", "negative advantages are cut off: a decision worse than the baseline must become rarer"
)
def cuts_advantages_off(logits, actions, rewards, baseline):
    return -((rewards - baseline).detach().clamp_min(0.2) * chosen(logits, actions)).mean()


CONSTANT = "a gradient reaches the rewards or the baseline: both are constants, so `detach` them"


@mistake("learned.reinforce_loss", CONSTANT)
def leaves_the_baseline_in_the_graph(logits, actions, rewards, baseline):
    return -((rewards.detach() - baseline) * chosen(logits, actions)).mean()


@mistake("learned.reinforce_loss", CONSTANT)
def leaves_the_rewards_in_the_graph(logits, actions, rewards, baseline):
    return -((rewards - baseline.detach()) * chosen(logits, actions)).mean()


@mistake("learned.reinforce_loss", CONSTANT)
def leaves_both_in_the_graph(logits, actions, rewards, baseline):
    return -((rewards - baseline) * chosen(logits, actions)).mean()


# ── unrolled_hypergradient ────────────────────────────────────────────────────────────────────────────────────────────


@reference("learned.unrolled_hypergradient", instead_of=(learned.unrolled_hypergradient, learned.darts_hypergradient))
def unrolled_hypergradient(
    train_loss: nn.Module, validation_loss: nn.Module, w: Tensor, phi: Tensor, lr: float
) -> Tensor:
    """dL_val(w − η ∇_w L_train(w, φ))/dφ."""
    return slope(train_loss, validation_loss, w, phi, lr)


def slope(
    train_loss: nn.Module, validation_loss: Callable[[Tensor], Tensor], w: Tensor, phi: Tensor, lr: float,
    *, steps: int = 1, plus: bool = False, at: str = "after",
) -> Tensor:  # fmt: skip
    """The hypergradient, and what may be wrong in it."""
    numbers = phi.detach().clone().requires_grad_()
    current = w.detach().clone().requires_grad_()
    for _ in range(steps):
        (g,) = torch.autograd.grad(train_loss(current, numbers), current, create_graph=True)
        current = current + lr * g if plus else current - lr * g
    if at == "before":
        before = w.detach().clone().requires_grad_()
        (v,) = torch.autograd.grad(validation_loss(before), before)
        return torch.autograd.grad((current * v).sum(), numbers)[0]
    return torch.autograd.grad(validation_loss(current), numbers)[0]


def after(train_loss: nn.Module, w: Tensor, phi: Tensor, lr: float) -> Tensor:
    """w′, without a graph."""
    leaf = w.detach().clone().requires_grad_()
    return (w - lr * torch.autograd.grad(train_loss(leaf, phi), leaf)[0]).detach()


def direct(train_loss: nn.Module, w: Tensor, phi: Tensor) -> Tensor:
    """∇_φ of the training loss at fixed weights."""
    numbers = phi.detach().clone().requires_grad_()
    return torch.autograd.grad(train_loss(w.detach(), numbers), numbers)[0]


def through(train_loss: nn.Module, w: Tensor, phi: Tensor, lr: float) -> Tensor:
    """The gradient of the training loss after the step."""
    numbers, leaf = phi.detach().clone().requires_grad_(), w.detach().clone().requires_grad_()
    (g,) = torch.autograd.grad(train_loss(leaf, numbers), leaf, create_graph=True)
    return torch.autograd.grad(train_loss(leaf - lr * g, numbers), numbers)[0]


def by_weights(validation_loss: nn.Module, w: Tensor) -> Tensor:
    """∇_w of the validation loss."""
    leaf = w.detach().clone().requires_grad_()
    return torch.autograd.grad(validation_loss(leaf), leaf)[0]


mistakes(
    "learned.unrolled_hypergradient",
    {
        "the step is taken uphill: w′ = w − lr · gradient":
            lambda train_loss, validation_loss, w, phi, lr: slope(train_loss, validation_loss, w, phi, lr, plus=True),
        "two steps are unrolled: take one":
            lambda train_loss, validation_loss, w, phi, lr: slope(train_loss, validation_loss, w, phi, lr, steps=2),
        "lr is not used in the step":
            lambda train_loss, validation_loss, w, phi, lr: slope(train_loss, validation_loss, w, phi, 1.0),
        "the validation gradient is taken at w: take it at w′, after the step":
            lambda train_loss, validation_loss, w, phi, lr: (
                slope(train_loss, validation_loss, w, phi, lr, at="before")
            ),
        "it is the gradient of the training loss with respect to φ: that trains the augmentation away": (
            lambda train_loss, validation_loss, w, phi, lr: direct(train_loss, w, phi),
            lambda train_loss, validation_loss, w, phi, lr: direct(train_loss, after(train_loss, w, phi, lr), phi),
        ),
        "the training loss after the step stands for the validation loss":
            lambda train_loss, validation_loss, w, phi, lr: through(train_loss, w, phi, lr),
        "the sign is wrong: return the gradient of the validation loss itself":
            lambda train_loss, validation_loss, w, phi, lr: -slope(train_loss, validation_loss, w, phi, lr),
        "it is divided by lr: the rate belongs to the chain rule": lambda train_loss, validation_loss, w, phi, lr: (
            slope(train_loss, validation_loss, w, phi, lr) / lr
        ),
        "it is the gradient with respect to the weights: differentiate by φ":
            lambda train_loss, validation_loss, w, phi, lr: (
                by_weights(validation_loss, after(train_loss, w, phi, lr))
            ),
        "it returns φ after a step: return the gradient": lambda train_loss, validation_loss, w, phi, lr: (
            phi - lr * slope(train_loss, validation_loss, w, phi, lr)
        ),
        "no gradient passes through the step: keep its graph with `create_graph=True`, and detach nothing":
            lambda train_loss, validation_loss, w, phi, lr: torch.zeros_like(phi),
    },
)  # fmt: skip


@mistake("learned.unrolled_hypergradient", "the training loss is added: only the validation loss counts after the step")
def adds_the_training_loss(train_loss, validation_loss, w, phi, lr):
    return slope(train_loss, validation_loss, w, phi, lr) + through(train_loss, w, phi, lr)


@mistake("learned.unrolled_hypergradient", "differences of this width are too coarse: differentiate through the step")
def takes_differences(train_loss, validation_loss, w, phi, lr):
    def after_step(numbers):
        return validation_loss(w - lr * torch.func.grad(train_loss)(w, numbers))

    shifts = 0.1 * torch.eye(len(phi), dtype=phi.dtype)
    return torch.stack([(after_step(phi + h) - after_step(phi - h)) / 0.2 for h in shifts])


# ── angles ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("learned.angles", instead_of=(learned.width_of, learned.turned))
def angles(rho: Tensor, u: Tensor, limit: float) -> Tensor:
    """limit · sigmoid(ρ) · u."""
    return limit * torch.sigmoid(rho) * u


mistakes(
    "learned.angles",
    {
        "ρ is detached: the gradient has to reach it, or the width can't learn": (
            lambda rho, u, limit: limit * torch.sigmoid(rho.detach()) * u,
            lambda rho, u, limit: float(limit * torch.sigmoid(rho.detach())) * u,
        ),
        "the width is not below the limit: take the sigmoid of ρ": lambda rho, u, limit: limit * rho * u,
        "the limit is not used": (
            lambda rho, u, limit: torch.sigmoid(rho) * u, lambda rho, u, limit: 180 * torch.sigmoid(rho) * u,
        ),
        "all pictures turn by the same angle: multiply by each one's u": (
            lambda rho, u, limit: limit * torch.sigmoid(rho) * u[0].expand_as(u),
            lambda rho, u, limit: (limit * torch.sigmoid(rho)).expand(len(u)),
            lambda rho, u, limit: limit * torch.sigmoid(rho) * u.mean().expand_as(u),
        ),
        "u goes through the sigmoid too: only ρ does": lambda rho, u, limit: limit * torch.sigmoid(rho * u),
        "u is from −1 to 1 already: don't move it": lambda rho, u, limit: limit * torch.sigmoid(rho) * (2 * u - 1),
        "the angles are cut off at the limit: scale by the sigmoid":
            lambda rho, u, limit: (rho * u).clamp(-limit, limit),
        "the width is ρ, cut off at the limit: scale the limit by the sigmoid of ρ":
            lambda rho, u, limit: rho.clamp(0, limit) * u,
        "the angles are in radians: ρ's limit is in degrees, and so are they":
            lambda rho, u, limit: torch.deg2rad(limit * torch.sigmoid(rho) * u),
        "tanh of ρ may be negative: take the sigmoid": lambda rho, u, limit: limit * torch.tanh(rho) * u,
        "softplus has no upper limit: take the sigmoid": lambda rho, u, limit: limit * F.softplus(rho) * u,
        "the sigmoid is that of −ρ": lambda rho, u, limit: limit * torch.sigmoid(-rho) * u,
        "the angles go to one side only: u has both signs": lambda rho, u, limit: limit * torch.sigmoid(rho) * u.abs(),
    },
)  # fmt: skip

# ── posterize ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("learned.posterize", instead_of=(learned.straight_through, learned.apply_operations))
def posterize(x: Tensor, bits: Tensor) -> Tensor:
    """floor(x · 2^bits)/2^bits, at most the highest level, with the gradient of x."""
    return through_step(levels(x, bits), x)


def each(bits: Tensor, x: Tensor) -> Tensor:
    """2^bits, (B, 1, 1, 1)."""
    return (2.0**bits).to(x.dtype).view(-1, 1, 1, 1)


def levels(x: Tensor, bits: Tensor) -> Tensor:
    """The posterised pictures."""
    n = each(bits, x)
    return torch.minimum((x.detach() * n).floor(), n - 1) / n


def rounded(x: Tensor, n: Tensor, rule: Callable[[Tensor], Tensor], less: int = 0) -> Tensor:
    """Levels by another rule."""
    return through_step(torch.minimum(rule(x * n), n - 1) / (n - less), x)


def through_step(hard: Tensor, x: Tensor) -> Tensor:
    """The values of ``hard`` with the gradient of ``x``."""
    return x + (hard - x).detach()


mistakes(
    "learned.posterize",
    {
        "the rounding kills the gradient: add `x − x.detach()`, so that it passes straight through": (
            lambda x, bits: levels(x, bits), lambda x, bits: levels(x, bits) + 0 * x,
        ),
        "values are rounded: posterise rounds them down, with `floor`": (
            lambda x, bits: rounded(x, each(bits, x), torch.round),
            lambda x, bits: through_step((x * each(bits, x)).round() / each(bits, x), x),
        ),
        "white gets a level of its own, 1: the highest level is (2^bits − 1)/2^bits":
            lambda x, bits: through_step((x * each(bits, x)).floor() / each(bits, x), x),
        "levels are k/2^bits: don't divide by 2^bits − 1": (
            lambda x, bits: rounded(x, each(bits, x), torch.floor, less=1),
            lambda x, bits: through_step((x * (each(bits, x) - 1)).round() / (each(bits, x) - 1), x),
            lambda x, bits: through_step((x * (each(bits, x) - 1)).floor() / (each(bits, x) - 1), x),
        ),
        "there are 2^bits levels, not `bits`": lambda x, bits: (
            rounded(x, bits.to(x.dtype).view(-1, 1, 1, 1), torch.floor)
        ),
        "the first picture's bits are used for all: each has its own": lambda x, bits: (
            through_step(levels(x, bits[:1].expand_as(bits)), x)
        ),
        "the picture comes back as it was: the values are to be posterised": lambda x, bits: x.clone(),
        "the gradient is multiplied by the number of levels: it passes as it is": lambda x, bits: (
            levels(x, bits) + each(bits, x) * (x - x.detach())
        ),
        "the bits of a byte are cut off and divided by 255: levels are k/2^bits": lambda x, bits: (
            through_step(
                ((x.detach() * 255).long() >> (8 - bits.view(-1, 1, 1, 1)) << (8 - bits.view(-1, 1, 1, 1))).to(x.dtype)
                / 255,
                x,
            )
        ),
        "the levels are returned as whole numbers: divide by 2^bits again": lambda x, bits: (
            through_step(levels(x, bits) * each(bits, x), x)
        ),
        "the values are those of x, the gradient of the rounding: exchange `hard` and `x`":
            lambda x, bits: levels(x, bits) + (x - levels(x, bits)).detach(),
        "bits go with the width of the picture: give them the shape (B, 1, 1, 1)": lambda x, bits: (
            through_step(torch.minimum((x * 2.0**bits).floor(), 2.0**bits - 1) / 2.0**bits, x)
            if x.shape[3] in (1, len(bits)) or len(bits) == 1
            else x * float("nan")
        ),
    },
)  # fmt: skip

# ── teach_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("learned.teach_loss", instead_of=(learned.teach_loss,))
def teach_loss(model: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The teacher's cross-entropy less the network's."""
    return F.cross_entropy(teacher(x), y) - F.cross_entropy(model(x), y)


def of_logits(rule: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``rule`` of the network's logits, the teacher's, and the labels."""
    return lambda model, teacher, x, y: rule(model(x), teacher(x), y)


ce = F.cross_entropy
mistakes(
    "learned.teach_loss",
    {
        "the sign is wrong: this makes pictures easy for the network and hard for its teacher; an optimiser goes down":
            lambda m, t, y: ce(m, y) - ce(t, y),
        "the two losses are added: one is to fall, the other to rise": lambda m, t, y: ce(t, y) + ce(m, y),
        "the teacher is not asked: without its loss the augmentation runs away": lambda m, t, y: -ce(m, y),
        "only the teacher is asked: nothing makes the pictures hard": lambda m, t, y: ce(t, y),
        "it is the network's own loss: that trains the augmentation away": lambda m, t, y: ce(m, y),
        "the losses are summed over the batch: take means":
            lambda m, t, y: ce(t, y, reduction="sum") - ce(m, y, reduction="sum"),
        "each picture has its own: take the mean":
            lambda m, t, y: ce(t, y, reduction="none") - ce(m, y, reduction="none"),
        "the teacher's loss is detached: the picture has to stay plain to it, so its gradient counts":
            lambda m, t, y: ce(t, y).detach() - ce(m, y),
        "the network's loss is detached: the gradient has to make pictures hard for it":
            lambda m, t, y: ce(t, y) - ce(m, y).detach(),
        "it compares the two networks with each other: each is compared with the labels":
            lambda m, t, y: ce(m, t.softmax(1)),
        "the softmax is taken twice: `cross_entropy` has one inside":
            lambda m, t, y: ce(t.softmax(1), y) - ce(m.softmax(1), y),
        "logits are compared, not losses": lambda m, t, y: (t - m).mean(),
        "it compares the two networks by their KL divergence: each is compared with the labels":
            lambda m, t, y: F.kl_div(m.log_softmax(1), t.softmax(1), reduction="batchmean"),
        "`nll_loss` wants log-probabilities: use `cross_entropy` on the logits":
            lambda m, t, y: F.nll_loss(t.softmax(1), y) - F.nll_loss(m.softmax(1), y),
        "it is halved: take the plain difference": lambda m, t, y: (ce(t, y) - ce(m, y)) / 2,
    },
    of=of_logits,
)  # fmt: skip
