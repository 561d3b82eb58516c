"""Topic ``gan``: what is right in exercise 12, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.functional import softplus as plus

from labkit import gan
from labkit.checks.bank import mistake, mistakes, reference
from labkit.gan import evaluate, losses

# ── discriminator_loss ────────────────────────────────────────────────────────────────────────────────────────────────


@reference("gan.discriminator_loss", instead_of=(gan.discriminator_loss, losses.log_loss))
def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z))), from logits (n,) and (m,)."""
    return gan.discriminator_loss(real, fake)


def cut(tiny: float) -> tuple[Callable[..., Tensor], ...]:
    """The loss of probabilities that are kept away from 0, in three ways."""
    return (
        lambda r, f: -(r.sigmoid() + tiny).log().mean() - (1 - f.sigmoid() + tiny).log().mean(),
        lambda r, f: -r.sigmoid().clamp(min=tiny).log().mean() - (1 - f.sigmoid()).clamp(min=tiny).log().mean(),
        lambda r, f: (
            -r.sigmoid().clamp(tiny, 1 - tiny).log().mean() - (1 - f.sigmoid().clamp(tiny, 1 - tiny)).log().mean()
        ),
    )


def probabilities(r: Tensor, f: Tensor) -> Tensor:
    """The loss with binary cross-entropy, which cuts its logarithms at −100."""
    p, q = r.sigmoid(), f.sigmoid()
    return F.binary_cross_entropy(p, torch.ones_like(p)) + F.binary_cross_entropy(q, torch.zeros_like(q))


CUT = (
    "probabilities are cut off or rounded before the logarithm: that changes the loss of a D that is sure and wrong, "
    "and kills its gradient"
)

mistakes(
    "gan.discriminator_loss",
    {
        "it is not finite: log of a probability that rounds to 0. Is there a form without that log?": (
            lambda r, f: -r.sigmoid().log().mean() - (1 - f.sigmoid()).log().mean(),
            lambda r, f: (1 + (-r).exp()).log().mean() + (1 + f.exp()).log().mean(),
            lambda r, f: -(r.sigmoid().log().mean() + (1 - f.sigmoid()).log().mean()).nan_to_num(-100.0),
            lambda r, f: (-r.sigmoid().log()).mean() - (-f).sigmoid().log().mean(),
        ),
        CUT: (probabilities, *(answer for n in (3, 4, 5, 6, 7, 8, 9, 10, 12, 16) for answer in cut(10.0**-n))),
        "the logits are cut off: there is a form that is right for any logit": tuple(
            lambda r, f, most=most: discriminator_loss(r.clamp(-most, most), f.clamp(-most, most))
            for most in (10, 20, 30, 50, 80)
        ),
        "the sign is turned round: this grows as D gets better": (
            lambda r, f: -discriminator_loss(r, f),
            lambda r, f: r.sigmoid().log().mean() + (1 - f.sigmoid()).log().mean(),
        ),
        "real and fake are exchanged": lambda r, f: plus(r).mean() + plus(-f).mean(),
        "this is half of it: the two means are added up": lambda r, f: discriminator_loss(r, f) / 2,
        "the terms are added up over the batch: take the mean of each": lambda r, f: plus(-r).sum() + plus(f).sum(),
        "this is a mean over all together: each kind has its own mean": (
            lambda r, f: 2 * torch.cat([plus(-r), plus(f)]).mean(),
            lambda r, f: torch.cat([plus(-r), plus(f)]).mean(),
            lambda r, f: (plus(-r).sum() + plus(f).sum()) / len(r),
        ),
        "only the real samples count here: the fakes are missing": lambda r, f: plus(-r).mean(),
        "only the fakes count here: the real samples are missing": lambda r, f: plus(f).mean(),
        "the fakes are to be called fake: log(1 − D), not log D": lambda r, f: plus(-r).mean() + plus(-f).mean(),
        "the real samples are to be called real: log D, not log(1 − D)": lambda r, f: plus(r).mean() + plus(f).mean(),
        "the two terms are subtracted from each other: add them": (
            lambda r, f: plus(-r).mean() - plus(f).mean(),
            lambda r, f: plus(f).mean() - plus(-r).mean(),
        ),
        "the sigmoid is taken twice: softplus(−s) is −log σ(s) already, so give it the logits": (
            lambda r, f: discriminator_loss(r.sigmoid(), f.sigmoid()),
            lambda r, f: plus(-r.sigmoid()).mean() + plus(-(-f).sigmoid()).mean(),
            lambda r, f: -r.sigmoid().sigmoid().log().mean() - (1 - f.sigmoid().sigmoid()).log().mean(),
        ),
        "the arguments are logits, not probabilities: σ(s) is what D says": (
            lambda r, f: -r.log().mean() - (1 - f).log().mean(),
            lambda r, f: -r.clamp(1e-7, 1 - 1e-7).log().mean() - (1 - f.clamp(1e-7, 1 - 1e-7)).log().mean(),
        ),
        "the mean is taken of the logits: take it of the losses": lambda r, f: plus(-r.mean()) + plus(f.mean()),
        "this is the hinge loss: the logarithms are asked for": (
            lambda r, f: F.relu(1 - r).mean() + F.relu(1 + f).mean()
        ),
        "this is the least-squares loss: the logarithms are asked for": (
            lambda r, f: 0.5 * (r - 1).square().mean() + 0.5 * f.square().mean(),
            lambda r, f: (r - 1).square().mean() + f.square().mean(),
            lambda r, f: (r.sigmoid() - 1).square().mean() + f.sigmoid().square().mean(),
        ),
        "this is the Wasserstein loss: the logarithms are asked for": lambda r, f: f.mean() - r.mean(),
        "the logarithm is missing: this is how wrong D is on average": (
            lambda r, f: (1 - r.sigmoid()).mean() + f.sigmoid().mean()
        ),
        "the logarithm is missing: D(x) itself is averaged": (
            lambda r, f: -r.sigmoid().mean() - (1 - f.sigmoid()).mean()
        ),
        "the logarithm has base 2: the natural one is asked for": (
            lambda r, f: discriminator_loss(r, f) / torch.tensor(2.0).log()
        ),
        "the labels are smoothed: real samples are called real without reserve here": tuple(
            lambda r, f, u=u: u * plus(-r).mean() + (1 - u) * plus(r).mean() + plus(f).mean() for u in (0.8, 0.9, 0.95)
        ),
        "the terms are added up over the batch and halved: take the mean of each": (
            lambda r, f: (plus(-r).sum() + plus(f).sum()) / 2
        ),
        "the median is taken: the expectation is a mean": lambda r, f: plus(-r).median() + plus(f).median(),
        "real and fake are compared with each other: each has a logarithm of its own": (
            lambda r, f: plus(-(r.mean() - f.mean())),
            lambda r, f: plus(f.mean() - r).mean() + plus(f - r.mean()).mean(),
        ),
    },
)


# ── slopes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

SATURATING, STEEP = "the slope of log(1 − D)", "the slope of −log D"


@reference("gan.slopes")
def slopes(d: Tensor) -> tuple[Tensor, Tensor]:
    """The slopes of log(1 − D) and of −log D in D's logit, where D says d."""
    return -d, d - 1


WRONG_SLOPES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "{} the wrong sign: G goes downhill, which is where the logit grows": (lambda d: d, lambda d: 1 - d),
    "{} taken in D, not in its logit s: multiply by dD/ds = D (1 − D)": (lambda d: -1 / (1 - d), lambda d: -1 / d),
    "{} taken in D, with the wrong sign: multiply by dD/ds = D (1 − D)": (lambda d: 1 / (1 - d), lambda d: 1 / d),
    "{} taken for d as a logit: it is a probability already, what D says": (
        lambda d: -d.sigmoid(), lambda d: d.sigmoid() - 1),
    "{} the value of the loss: its slope is asked for": (lambda d: (1 - d).log(), lambda d: -d.log()),
    "{} the square of what it should be": (lambda d: d**2, lambda d: (d - 1) ** 2),
    "{} minus the square of what it should be": (lambda d: -(d**2), lambda d: -((1 - d) ** 2)),
    "{} divided by dD/ds: multiply by it": (lambda d: -1 / (1 - d) / (d * (1 - d)), lambda d: -1 / d / (d * (1 - d))),
    "{} the mean over the batch: there is one for each d": (
        lambda d: -d.mean().expand_as(d), lambda d: (d - 1).mean().expand_as(d)),
}  # fmt: skip


def pair(first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """An answer of two slopes."""
    return lambda d: (first(d), second(d))


for text, (flat, sharp) in WRONG_SLOPES.items():
    has = " has" if "sign" in text[:20] else " is"
    mistake("gan.slopes", text.format(SATURATING + has))(pair(flat, lambda d: d - 1))
    mistake("gan.slopes", text.format(STEEP + has))(pair(lambda d: -d, sharp))
    mistake("gan.slopes", text.format("each slope" + has))(pair(flat, sharp))

SIGMOID = "{} D (1 − D) or its negative, the slope of the sigmoid: that of the logarithm is missing"
for p in (lambda d: d * (1 - d), lambda d: -d * (1 - d)):
    mistake("gan.slopes", SIGMOID.format(SATURATING + " is"))(pair(p, lambda d: d - 1))
    mistake("gan.slopes", SIGMOID.format(STEEP + " is"))(pair(lambda d: -d, p))

mistakes(
    "gan.slopes",
    {
        SIGMOID.format("each slope is"): (
            pair(lambda d: d * (1 - d), lambda d: d * (1 - d)),
            pair(lambda d: -d * (1 - d), lambda d: -d * (1 - d)),
            pair(lambda d: -d * (1 - d), lambda d: d * (1 - d)),
        ),
        "the two are exchanged: the saturating one is flat where d is near 0": (
            lambda d: (d - 1, -d),
            lambda d: (1 - d, d),
        ),
        f"{STEEP} is −D: its logit is 0 where D = ½, and the slope −½": lambda d: (-d, -d),
        f"{SATURATING} is the slope of log D: the chain rule gives a minus for 1 − D": lambda d: (1 - d, d - 1),
        "both are slopes of the same loss: log(1 − D) has −D": lambda d: (d - 1, d - 1),
        f"{SATURATING} is −(1 − D): that is the other one's": lambda d: (-(1 - d), -(1 - d).neg()),
    },
)


# ── players ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "gan.players",
    instead_of=(gan.discriminator_loss, gan.generator_loss, losses.log_loss, losses.non_saturating, gan.gan_step),
)
def players(G: nn.Module, D: nn.Module, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Both losses of one round: the discriminator's, which doesn't reach G, and the generator's non-saturating one."""
    fake = G(z)
    return losses.discriminator_loss(D(x), D(fake.detach())), losses.generator_loss(D(fake))


def logits(play: Callable[..., Any]) -> Callable[..., Any]:
    """An answer that makes its losses of three logits: of real samples, of cut-off fakes, and of fakes with history."""

    def answer(G, D, x, z):
        fake = G(z)
        return play(D(x), D(fake.detach()), D(fake))

    return answer


def d_loss(s: Tensor, t: Tensor) -> Tensor:
    """The discriminator's loss."""
    return plus(-s).mean() + plus(t).mean()


REACHES = "d_loss has a gradient for G: while D learns, the fakes are data; cut them off from G"
NOTHING = "g_loss has no gradient for G: here the fakes must keep their graph, or G learns nothing"

mistakes(
    "gan.players",
    {
        "d_loss has real and fake exchanged": lambda s, t, f: (plus(s).mean() + plus(-t).mean(), plus(-f).mean()),
        "d_loss forgets the fakes": lambda s, t, f: (plus(-s).mean(), plus(-f).mean()),
        "d_loss forgets the real samples": lambda s, t, f: (plus(t).mean(), plus(-f).mean()),
        "d_loss has its sign turned round": lambda s, t, f: (-d_loss(s, t), plus(-f).mean()),
        "d_loss is divided by two: it is that of task 1": lambda s, t, f: (d_loss(s, t) / 2, plus(-f).mean()),
        "d_loss calls the fakes real": lambda s, t, f: (plus(-s).mean() + plus(-t).mean(), plus(-f).mean()),
        "d_loss calls the real samples fake": lambda s, t, f: (plus(s).mean() + plus(t).mean(), plus(-f).mean()),
        "the two losses are exchanged: d_loss comes first": lambda s, t, f: (plus(-f).mean(), d_loss(s, t)),
        "g_loss is the saturating one, log(1 − D): the exercise asks for the other": (
            lambda s, t, f: (d_loss(s, t), -plus(f).mean())
        ),
        "g_loss calls the fakes fake: with it G would help D": lambda s, t, f: (d_loss(s, t), plus(f).mean()),
        "g_loss has its sign turned round: G would make fakes that D sees through": (
            lambda s, t, f: (d_loss(s, t), -plus(-f).mean())
        ),
        "g_loss looks at the real samples; they are not G's": (
            lambda s, t, f: (d_loss(s, t), plus(-s).mean()),
            lambda s, t, f: (d_loss(s, t), plus(s).mean()),
            lambda s, t, f: (d_loss(s, t), plus(-f).mean() + plus(s).mean()),
            lambda s, t, f: (d_loss(s, t), plus(-f).mean() + plus(-s).mean()),
            lambda s, t, f: (d_loss(s, t), plus(-f).mean() - plus(-s).mean()),
            lambda s, t, f: (d_loss(s, t), plus(-f).mean() - plus(-s).mean().detach()),
        ),
        "g_loss is minus d_loss: that is the saturating game, and the real samples are not G's": (
            lambda s, t, f: (d_loss(s, t), -d_loss(s, f)),
            lambda s, t, f: (d_loss(s, t), -d_loss(s, t)),
        ),
        "the losses are added up over the batch: take the mean of each": (
            lambda s, t, f: (plus(-s).sum() + plus(t).sum(), plus(-f).sum())
        ),
        "the losses of each sample are not averaged: take the mean of each": (
            lambda s, t, f: (plus(-s) + plus(t), plus(-f))
        ),
        "these are Wasserstein losses: the logarithms are asked for": (
            lambda s, t, f: (t.mean() - s.mean(), -f.mean())
        ),
        "the two are alike: g_loss is the generator's own": lambda s, t, f: (d_loss(s, t), d_loss(s, f)),
        REACHES: (lambda s, t, f: (d_loss(s, f), plus(-f).mean())),
        NOTHING: (
            lambda s, t, f: (d_loss(s, t), plus(-t).mean()),
            lambda s, t, f: (d_loss(s, t), plus(-f).mean().detach()),
            lambda s, t, f: (d_loss(s, t), plus(-f).mean().item()),
        ),
        "the two are mixed up: d_loss must not reach G, and g_loss must": (
            lambda s, t, f: (d_loss(s, f), plus(-t).mean())
        ),
        "d_loss has no gradient for D: the fakes are cut off from G, the loss itself keeps its graph": (
            lambda s, t, f: (d_loss(s, t).detach(), plus(-f).mean()),
            lambda s, t, f: (d_loss(s, t).item(), plus(-f).mean()),
        ),
        "neither loss has a gradient: nobody learns": (
            lambda s, t, f: (d_loss(s, t).detach(), plus(-f).mean().detach()),
            lambda s, t, f: (d_loss(s, t).item(), plus(-f).mean().item()),
        ),
        "D learns nothing from the fakes: detach what G makes, not what D says of it": (
            lambda s, t, f: (d_loss(s, t.detach()), plus(-f).mean())
        ),
        "D learns nothing from the real samples: only the fakes are detached": (
            lambda s, t, f: (d_loss(s.detach(), t), plus(-f).mean())
        ),
    },
    of=logits,
)


# ── class_term ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("gan.class_term", instead_of=(gan.class_loss,))
def class_term(real: Tensor, y: Tensor, fake: Tensor, y_fake: Tensor) -> Tensor:
    """−E log P(C = y | x) − E log P(C = y' | G(z, y')), from class logits."""
    return gan.class_loss(real, y, fake, y_fake)


def two(of_both: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer made of the losses of each sample, real and generated."""

    def answer(real, y, fake, y_fake):
        return of_both(F.cross_entropy(real, y, reduction="none"), F.cross_entropy(fake, y_fake, reduction="none"))

    return answer


mistakes(
    "gan.class_term",
    {
        "the fakes are missing: they have the labels they were asked for": lambda a, b: a.mean(),
        "the real samples are missing": lambda a, b: b.mean(),
        "the sign is turned round: both players want the class to be recognised": lambda a, b: -a.mean() - b.mean(),
        "this is half of it: the two means are added up": lambda a, b: (a.mean() + b.mean()) / 2,
        "one minus the other: *both* are to be recognised, by D and by G": (
            lambda a, b: a.mean() - b.mean(),
            lambda a, b: b.mean() - a.mean(),
        ),
        "the terms are added up over the batch: take the mean of each": lambda a, b: a.sum() + b.sum(),
        "one mean over all samples: each kind has its own mean": (
            lambda a, b: 2 * torch.cat([a, b]).mean(),
            lambda a, b: torch.cat([a, b]).mean(),
            lambda a, b: (a.sum() + b.sum()) / len(a),
        ),
        "no gradient reaches the fakes: G learns its classes from this term, so don't detach them": (
            lambda a, b: a.mean() + b.mean().detach()
        ),
        "no gradient reaches the real samples: D learns from them, so don't detach them": (
            lambda a, b: a.mean().detach() + b.mean()
        ),
        "the two means are multiplied: add them": lambda a, b: a.mean() * b.mean(),
        "the two means have different weights: add them as they are": (
            lambda a, b: a.mean() + 0.5 * b.mean(),
            lambda a, b: 0.5 * a.mean() + b.mean(),
            lambda a, b: a.mean() + 0.1 * b.mean(),
        ),
    },
    of=two,
)

mistakes(
    "gan.class_term",
    {
        "softmax twice: cross_entropy takes logits": (
            lambda r, y, f, t: class_term(r.softmax(1), y, f.softmax(1), t),
            lambda r, y, f, t: class_term(r.sigmoid(), y, f.sigmoid(), t),
        ),
        "the labels are exchanged: fakes have y_fake": lambda r, y, f, t: class_term(r, t, f, y),
        "the fakes have the labels y_fake, not those of the real batch": lambda r, y, f, t: class_term(r, y, f, y),
        "the real samples have the labels y, not y_fake": lambda r, y, f, t: class_term(r, t, f, t),
        "the fakes are compared with D's own opinion: the labels are those they were asked for": (
            lambda r, y, f, t: class_term(r, y, f, f.argmax(1)),
            lambda r, y, f, t: class_term(r, r.argmax(1), f, f.argmax(1)),
        ),
        "the softmax is missing: nll_loss takes logarithms of probabilities, cross_entropy takes logits": (
            lambda r, y, f, t: F.nll_loss(r, y) + F.nll_loss(f, t)
        ),
        "the logarithm is missing: nll_loss takes logarithms of probabilities, cross_entropy takes logits": (
            lambda r, y, f, t: F.nll_loss(r.softmax(1), y) + F.nll_loss(f.softmax(1), t),
            lambda r, y, f, t: 2 + F.nll_loss(r.softmax(1), y) + F.nll_loss(f.softmax(1), t),
        ),
        "the labels are smoothed: the classes are given": tuple(
            lambda r, y, f, t, u=u: F.cross_entropy(r, y, label_smoothing=u) + F.cross_entropy(f, t, label_smoothing=u)
            for u in (0.05, 0.1, 0.2)
        ),
        "`[:, y]` takes all columns of y for every row: take one entry of each row, with `gather`": (
            lambda r, y, f, t: -r.log_softmax(1)[:, y].mean() - f.log_softmax(1)[:, t].mean()
        ),
        "this is a squared difference from the labels: the logarithm of the probability is asked for": (
            lambda r, y, f, t: sum(
                F.mse_loss(v.softmax(1), F.one_hot(k, v.shape[1]).to(v)) for v, k in ((r, y), (f, t))
            ),
            lambda r, y, f, t: sum(F.mse_loss(v, F.one_hot(k, v.shape[1]).to(v)) for v, k in ((r, y), (f, t))),
        ),
        "the softmax runs over the batch: it runs over the classes of each sample": (
            lambda r, y, f, t: F.nll_loss(r.log_softmax(0), y) + F.nll_loss(f.log_softmax(0), t)
        ),
        "it is not finite: log of a probability that rounds to 0; `log_softmax` and `cross_entropy` take logits": (
            lambda r, y, f, t: F.nll_loss(r.softmax(1).log(), y) + F.nll_loss(f.softmax(1).log(), t)
        ),
        "probabilities are cut off before the logarithm: `log_softmax` and `cross_entropy` take logits": tuple(
            lambda r, y, f, t, n=n: (
                F.nll_loss((r.softmax(1) + 10.0**-n).log(), y) + F.nll_loss((f.softmax(1) + 10.0**-n).log(), t)
            )
            for n in range(5, 13)
        ),
        "each class is taken for a yes or no of its own: the classes share one softmax": (
            lambda r, y, f, t: (
                F.binary_cross_entropy_with_logits(r, F.one_hot(y, r.shape[1]).to(r))
                + F.binary_cross_entropy_with_logits(f, F.one_hot(t, f.shape[1]).to(f))
            )
        ),
    },
)


# ── copy_score ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("gan.copy_score", instead_of=(gan.data_copying_test, gan.mann_whitney, gan.nearest_neighbours))
def copy_score(generated: Tensor, training: Tensor, held_out: Tensor) -> Tensor:
    """The z-score of "generated samples are further from the training data than held-out ones are"."""
    d, e = (evaluate.nearest_neighbours(v, training).distance for v in (generated, held_out))
    return evaluate.mann_whitney(d, e)


def distances(a: Tensor, b: Tensor, p: float = 2.0) -> Tensor:
    """All distances, flattened."""
    return torch.cdist(a.flatten(1), b.flatten(1), p=p)


def nearest(a: Tensor, b: Tensor) -> Tensor:
    """The distance of each of ``a`` to the nearest of ``b``."""
    return distances(a, b).amin(1)


def farther(d: Tensor, e: Tensor, ties: float = 0.5) -> Tensor:
    """In how many pairs the first is the larger; ties count half."""
    return (d[:, None] > e).double().sum() + ties * (d[:, None] == e).double().sum()


def z_score(d: Tensor, e: Tensor, ties: float = 0.5) -> Tensor:
    """The z-score of U."""
    return z_with(farther(d, e, ties), len(d), len(e))


def of_distances(score: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of the two lists of nearest distances."""
    return lambda g, t, h: score(nearest(g, t), nearest(h, t))


def of_u(score: Callable[..., Any]) -> Callable[..., Tensor]:
    """An answer that is a function of U, n and m."""
    return of_distances(lambda d, e: score(farther(d, e), len(d), len(e)))


BACKWARDS = (
    "the sign is turned round: copies must come out far *below* 0, so count where the *generated* one is farther"
)

mistakes(
    "gan.copy_score",
    {
        BACKWARDS: lambda u, n, m: -(u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5,
        "this is U itself: subtract its mean n m / 2 and divide by its deviation": lambda u, n, m: u,
        "this is U − n m / 2: divide it by its deviation √(n m (n + m + 1) / 12)": lambda u, n, m: u - n * m / 2,
        "divide by the deviation, the *root* of n m (n + m + 1) / 12": (
            lambda u, n, m: (u - n * m / 2) / (n * m * (n + m + 1) / 12)
        ),
        "this is the share of pairs: make a z-score of it": lambda u, n, m: u / (n * m),
        "this is the share of pairs, less ½: make a z-score of it": lambda u, n, m: u / (n * m) - 0.5,
        "this is the share of the other pairs: make a z-score of U": lambda u, n, m: 1 - u / (n * m),
        "the mean n m / 2 is not subtracted": lambda u, n, m: u / (n * m * (n + m + 1) / 12) ** 0.5,
        "the mean of U is n m / 2, not n m": lambda u, n, m: (u - n * m) / (n * m * (n + m + 1) / 12) ** 0.5,
        "the deviation lacks the + 1": lambda u, n, m: (u - n * m / 2) / (n * m * (n + m) / 12) ** 0.5,
        "the 12 belongs below the root: √(n m (n + m + 1) / 12)": (
            lambda u, n, m: (u - n * m / 2) / ((n * m * (n + m + 1)) ** 0.5 / 12)
        ),
        "the division by 12 is missing in the deviation": lambda u, n, m: (
            (u - n * m / 2) / (n * m * (n + m + 1)) ** 0.5
        ),
        "the deviation is that of n and m added up: it is √(n m (n + m + 1) / 12)": (
            lambda u, n, m: (u - n * m / 2) / ((n + m) * (n + m + 1) / 12) ** 0.5
        ),
        "U − n m / 2 *as a whole* is divided by the deviation: mind the brackets": (
            lambda u, n, m: u - n * m / 2 / (n * m * (n + m + 1) / 12) ** 0.5
        ),
        "this is a probability: the score is Z itself": (
            lambda u, n, m: torch.special.ndtr((u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5),
            lambda u, n, m: 2 * torch.special.ndtr(-((u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5).abs()),
        ),
        "the absolute value is taken: copies must come out far *below* 0": (
            lambda u, n, m: (u - n * m / 2).abs() / (n * m * (n + m + 1) / 12) ** 0.5
        ),
        "n stands for both numbers: n generated samples, m held-out ones": (
            lambda u, n, m: (u - n * n / 2) / (n * n * (2 * n + 1) / 12) ** 0.5
        ),
        "m stands for both numbers: n generated samples, m held-out ones": (
            lambda u, n, m: (u - m * m / 2) / (m * m * (2 * m + 1) / 12) ** 0.5
        ),
        "the share of pairs is divided by the deviation of U": (
            lambda u, n, m: (u / (n * m) - 0.5) / (n * m * (n + m + 1) / 12) ** 0.5
        ),
    },
    of=of_u,
)

mistakes(
    "gan.copy_score",
    {
        "equal distances are left out: ties count ½": lambda d, e: z_score(d, e, 0),
        "equal distances count as wins of the generated one: ties count ½": lambda d, e: z_score(d, e, 1),
        "equal distances are left out, and the sign is turned round": lambda d, e: -z_score(d, e, 1),
        "equal distances count 1, and the sign is turned round": lambda d, e: -z_score(d, e, 0),
        "this is U without its ties: they count ½; then subtract its mean and divide by its deviation": (
            lambda d, e: farther(d, e, 0)
        ),
        "this is the share of pairs without ties: count those ½, then make a z-score of U": (
            lambda d, e: farther(d, e, 0) / (len(d) * len(e))
        ),
        "samples are compared in order, the first with the first: count *all* pairs": (
            lambda d, e: z_of_pairs(d[: len(e)], e[: len(d)])
        ),
        "it compares mean distances: count the pairs in which the generated sample is farther": (
            lambda d, e: d.mean() - e.mean(),
            lambda d, e: d.mean() / e.mean(),
            lambda d, e: (d.mean() - e.mean()) / e.std(),
            lambda d, e: (d.mean() - e.mean()) / (d.var() / len(d) + e.var() / len(e)).sqrt(),
        ),
        "it is the mean distance of the generated samples: compare it with the held-out ones', pair by pair": (
            lambda d, e: d.mean()
        ),
        "there is one number for each sample: the score is one for all samples together": (
            lambda d, e: d,
            lambda d, e: (d[:, None] > e).double().sum(1),
            lambda d, e: (d[:, None] > e).double().mean(1),
        ),
    },
    of=of_distances,
)


def p_value(d: Tensor, e: Tensor, **knobs: str) -> float:
    """The p-value of a Mann–Whitney test."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(d.numpy(), e.numpy(), **knobs).pvalue)


def z_with(u: Tensor, n: int, m: int) -> Tensor:
    """The z-score of U for some n and m."""
    return (u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5


def z_of_pairs(d: Tensor, e: Tensor) -> Tensor:
    """U of samples compared in their order, as if it were that of all pairs."""
    return z_with((d > e).double().sum() + 0.5 * (d == e).double().sum(), len(d), len(e))


mistakes(
    "gan.copy_score",
    {
        "the distances are *from* the training samples: for each generated one, its nearest in training": (
            lambda g, t, h: z_score(nearest(t, g), nearest(t, h))
        ),
        "the generated samples are compared with the held-out ones: copies are near to *training* samples": (
            lambda g, t, h: z_score(nearest(g, h), nearest(h, t))
        ),
        "training and held-out samples are exchanged": lambda g, t, h: copy_score(g, h, t),
        BACKWARDS: lambda g, t, h: copy_score(h, t, g),
        "the mean distance to all training samples sees no copy: take the nearest": (
            lambda g, t, h: z_score(distances(g, t).mean(1), distances(h, t).mean(1))
        ),
        "the largest distance sees no copy: take that to the nearest": (
            lambda g, t, h: z_score(distances(g, t).amax(1), distances(h, t).amax(1))
        ),
        "all distances are compared, not only those to the nearest training sample": (
            lambda g, t, h: z_score(distances(g, t).flatten(), distances(h, t).flatten())
        ),
        "the distance is taken to the mean of the training samples: take that to the nearest one": (
            lambda g, t, h: z_score(distances(g, t.mean(0)[None])[:, 0], distances(h, t.mean(0)[None])[:, 0])
        ),
        "m is the number of held-out samples, not of training samples": (
            lambda g, t, h: z_with(farther(nearest(g, t), nearest(h, t)), len(g), len(t))
        ),
        "this is the p-value: the score is Z itself": (
            lambda g, t, h: p_value(nearest(g, t), nearest(h, t)),
            lambda g, t, h: p_value(nearest(g, t), nearest(h, t), alternative="less"),
            lambda g, t, h: p_value(nearest(g, t), nearest(h, t), alternative="greater"),
        ),
        "`argmin` says *which* training sample is nearest: take the distance to it, `min` or `amin`": (
            lambda g, t, h: z_score(distances(g, t).argmin(1), distances(h, t).argmin(1))
        ),
        "the distance is the sum of absolute differences: take the Euclidean one": (
            lambda g, t, h: z_score(distances(g, t, 1).amin(1), distances(h, t, 1).amin(1))
        ),
        "the distance is the largest difference of an entry: take the Euclidean one": (
            lambda g, t, h: z_score(distances(g, t, torch.inf).amin(1), distances(h, t, torch.inf).amin(1))
        ),
    },
)


# ── cas ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("gan.cas", instead_of=(gan.classification_accuracy_score,))
def cas(learn: Callable[[Tensor, Tensor], nn.Module], x: Tensor, y: Tensor, test_x: Tensor, test_y: Tensor) -> Any:
    """The share of real samples that a classifier trained on generated ones is right about."""
    return gan.classification_accuracy_score(learn, x, y, test_x, test_y)


def from_hits(score: Callable[[Tensor, Tensor], Any]) -> Callable[..., Any]:
    """An answer that is a function of what the right classifier says of the real samples, and of their labels."""
    return lambda learn, x, y, test_x, test_y: score(learn(x, y)(test_x), test_y)


mistakes(
    "gan.cas",
    {
        "this is the share of *wrong* answers": lambda out, y: (out.argmax(1) != y).double().mean(),
        "this is the number of right answers: divide by how many there are": (
            lambda out, y: (out.argmax(1) == y).double().sum()
        ),
        "this is in per cent; expected a share from 0 to 1": lambda out, y: 100 * (out.argmax(1) == y).double().mean(),
        "there is a yes or no for each sample: expected one number, the share of right answers": (
            lambda out, y: (out.argmax(1) == y).double(),
            lambda out, y: out.argmax(1) == y,
        ),
        "these are the classifier's answers: count how often they are right": lambda out, y: out.argmax(1),
        "the mean over the classes is taken: count every sample once": lambda out, y: torch.stack(
            [(out.argmax(1)[y == k] == k).double().mean() for k in y.unique()]
        ).mean(),
        "this is the mean probability of the right class: count the right answers": (
            lambda out, y: out.softmax(1).gather(1, y[:, None]).mean()
        ),
        "this is the loss on real samples: count the right answers": lambda out, y: F.cross_entropy(out, y),
        "the class with the *smallest* logit is taken: take the largest": (
            lambda out, y: (out.argmin(1) == y).double().mean()
        ),
        "the score is 0 in every case: compare the *class* with the largest logit, and divide without rounding": (
            lambda out, y: (out.max(1).values == y).double().mean(),
            lambda out, y: (out.argmax(1) == y).sum() // len(y),
        ),
        "the first two classes count: the answer is the class with the largest logit": (
            lambda out, y: (out.topk(2, dim=1).indices == y[:, None]).any(1).double().mean()
        ),
        "every sample is asked for every class: compare the class of each sample with its label": (
            lambda out, y: ((out == out.amax(1, keepdim=True)) == F.one_hot(y, out.shape[1])).double().mean()
        ),
    },
    of=from_hits,
)


def share(right: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]) -> Callable[..., Tensor]:
    """An answer that trains on the first two and tests on the others of what ``right`` gives."""

    def answer(learn, x, y, test_x, test_y):
        a, b, c, d = right(x, y, test_x, test_y)
        return (learn(a, b)(c).argmax(1) == d).double().mean()

    return answer


mistakes(
    "gan.cas",
    {
        "it is trained on real samples and tested on generated ones: the other way round": (
            lambda x, y, test_x, test_y: (test_x, test_y, x, y)
        ),
        "it is tested on generated samples: they are what it learned from": (lambda x, y, test_x, test_y: (x, y, x, y)),
        "it is trained on the real samples that it is tested on": (
            lambda x, y, test_x, test_y: (test_x, test_y, test_x, test_y)
        ),
        "it is trained on generated and real samples: on generated ones alone": (
            lambda x, y, test_x, test_y: (torch.cat([x, test_x]), torch.cat([y, test_y]), test_x, test_y)
        ),
        "it is tested on generated and real samples: on real ones alone": (
            lambda x, y, test_x, test_y: (x, y, torch.cat([x, test_x]), torch.cat([y, test_y]))
        ),
    },
    of=share,
)


@mistake("gan.cas", "`learn` trains on samples *and* labels, and gives a classifier: `learn(x, y)(test_x)`")
def calls_the_learner_on_the_test(learn, x, y, test_x, test_y):
    return (learn(x, y, test_x).argmax(1) == test_y).double().mean()
