"""Topic ``style``: what is right in exercise 11, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from labkit import style
from labkit.checks.bank import mistake, mistakes, reference

# ── gram ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("style.gram", instead_of=(style.gram, style.style_of))
def gram(features: Tensor) -> Tensor:
    """The Gram matrix of each sample's maps, divided by the number of places: (B, C, H, W) → (B, C, C)."""
    return style.gram(features)


def of_rows(rule: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """An answer that is ``rule`` of the maps as rows, (B, C, H·W)."""
    return lambda features: rule(features.flatten(2))


mistakes(
    "style.gram",
    {
        "it isn't divided: `F Fᵀ` grows with the picture, so divide by the number of places, H·W":
            lambda f: f @ f.mT,
        "it is divided by C·H·W: divide by the number of places, H·W, alone":
            lambda f: f @ f.mT / (f.shape[1] * f.shape[2]),
        "it is divided by the number of maps: divide by the number of places, H·W": lambda f: f @ f.mT / f.shape[1],
        "it is divided by the places twice": lambda f: f @ f.mT / f.shape[2] ** 2,
        "it is divided by C²: divide by the number of places, H·W": lambda f: f @ f.mT / f.shape[1] ** 2,
        "it compares places and not maps, (B, H·W, H·W): the Gram matrix is F Fᵀ, not Fᵀ F":
            lambda f: f.mT @ f / f.shape[2],
        "the mean of each map is taken away first: that is the covariance, the Gram matrix is of the maps as they are":
            lambda f: (f - f.mean(2, keepdim=True)) @ (f - f.mean(2, keepdim=True)).mT / f.shape[2],
        "the maps are made of length 1 first: that is their cosine, the Gram matrix is of the maps as they are": (
            lambda f: torch.nn.functional.normalize(f, dim=2) @ torch.nn.functional.normalize(f, dim=2).mT,
            lambda f: torch.nn.functional.normalize(f, dim=2) @ torch.nn.functional.normalize(f, dim=2).mT / f.shape[2],
        ),
        "only the diagonal is left: the products of *different* maps are what makes a texture":
            lambda f: torch.diag_embed((f @ f.mT).diagonal(dim1=1, dim2=2)) / f.shape[2],
        "all pictures of the batch are summed into one matrix: each picture has its own": (
            lambda f: torch.einsum("bcm,bdm->cd", f, f) / f.shape[2],
            lambda f: torch.einsum("bcm,bdm->cd", f, f) / (len(f) * f.shape[2]),
        ),
        "it is the Gram matrix of the pictures and not of the maps: keep the batch apart":
            lambda f: f.flatten(1) @ f.flatten(1).T / f.shape[2],
        "the maps of all pictures stand in one matrix, (B·C, B·C): use a batched product":
            lambda f: f.flatten(0, 1) @ f.flatten(0, 1).T / f.shape[2],
    },
    of=of_rows,
)  # fmt: skip
mistakes(
    "style.gram",
    {
        "rows stand for maps: flatten the last two dimensions, the height and the width":
            lambda features: gram(features.transpose(1, 2)),
        "something is added to the Gram matrix (an ε on its diagonal?): nothing is inverted here, so leave it out": (
            lambda features: gram(features) + 1e-3 * torch.eye(features.shape[1], dtype=features.dtype)
        ),
        "it is detached: the gradient has to reach the maps, or nothing could learn from it": (
            lambda features: gram(features.detach()),
            lambda features: gram(features).detach(),
        ),
        "rows and columns of places are mixed up with maps: `reshape` doesn't move dimensions; flatten the last two":
            lambda features: gram(features.permute(0, 2, 3, 1).reshape(features.shape)),
    },
)  # fmt: skip


# ── style_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "style.style_loss", instead_of=(style.style_loss, style.gram_distance, style.gram, style.PerceptualLoss.__call__)
)
def style_loss(features: list[Tensor], targets: list[Tensor]) -> Tensor:
    """The mean over layers of ‖G − A‖²/(4 C²) for each picture, (B,)."""
    return style.style_loss(features, targets)


Term = Callable[[Tensor, Tensor, int], Tensor]
"""One layer's loss of each picture, from the Gram matrix, the target and the number of maps."""


def squared(g: Tensor, a: Tensor, c: int) -> Tensor:
    """The right term."""
    return (g - a).square().sum((1, 2)) / (4 * c**2)


def of_terms(term: Term) -> Callable[..., Tensor]:
    """An answer whose terms are ``term`` and that takes their mean."""

    def answer(features: list[Tensor], targets: list[Tensor]) -> Tensor:
        return torch.stack([term(gram(f), a, f.shape[1]) for f, a in zip(features, targets)]).mean(0)

    return answer


mistakes(
    "style.style_loss",
    {
        "the terms are not divided by 4 C²": lambda g, a, c: (g - a).square().sum((1, 2)),
        "the terms are divided by C² and not by 4 C²": lambda g, a, c: (g - a).square().mean((1, 2)),
        "the terms are divided by 4 C, not by 4 C²": lambda g, a, c: (g - a).square().sum((1, 2)) / (4 * c),
        "the terms are divided by (4 C)²: the 4 is not squared": lambda g, a, c: squared(g, a, 4 * c) * 4,
        "it sums absolute differences: take their squares": lambda g, a, c: (g - a).abs().sum((1, 2)) / (4 * c**2),
        "it takes the root of the sum of squares: leave the squares": (
            lambda g, a, c: (g - a).square().sum((1, 2)).sqrt() / (4 * c**2)
        ),
        "the loss is averaged over the batch: each picture has its own, (B,)": (
            lambda g, a, c: squared(g, a, c).mean(),
            lambda g, a, c: squared(g, a, c).mean().expand(len(g)),
        ),
        "the loss is summed over the batch: each picture has its own, (B,)": lambda g, a, c: squared(g, a, c).sum(),
        "the target's sign is wrong: the loss is of the difference": lambda g, a, c: squared(g, -a, c),
        "only the diagonals are compared: all products of two maps count": lambda g, a, c: (
            (g - a).diagonal(dim1=1, dim2=2).square().sum(1) / (4 * c**2)
        ),
        "the Gram matrices of the batch are averaged before they are compared: each picture has its own": (
            lambda g, a, c: squared(g.mean(0, keepdim=True).expand_as(g), a, c)
        ),
        "the target of the first picture is used for all: there may be one for each": (
            lambda g, a, c: squared(g, a[:1], c)
        ),
        "the target is treated as maps: it is a Gram matrix already": (
            lambda g, a, c: squared(g, a @ a.mT / a.shape[2], c)
        ),
        "it is detached: the gradient has to reach the maps": lambda g, a, c: squared(g, a, c).detach(),
    },
    of=of_terms,
)


@mistake("style.style_loss", "the layers are summed: take their mean, so that their number doesn't matter")
def sums_the_layers(features, targets):
    return style_loss(features, targets) * len(features)


@mistake("style.style_loss", "the terms are divided by 4 H·W: divide by 4 C², C being the number of maps")
def divides_by_places(features, targets):
    terms = [(gram(f) - a).square().sum((1, 2)) / (4 * f[0, 0].numel()) for f, a in zip(features, targets)]
    return torch.stack(terms).mean(0)


@mistake("style.style_loss", "only the last layer counts: collect the terms of all layers")
def keeps_the_last_layer(features, targets):
    return style_loss(features[-1:], targets[-1:])


@mistake("style.style_loss", "only the first layer counts: is the `return` inside the loop?")
def returns_from_the_loop(features, targets):
    return style_loss(features[:1], targets[:1])


# ── adain ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("style.adain", instead_of=(style.adain, style.moments, style.mixstyle))
def adain(x: Tensor, y: Tensor, strength: float) -> Tensor:
    """x with the means and deviations of y's maps, as far as the strength says."""
    return style.adain(x, y, strength=strength)


def moments(
    v: Tensor, dims: tuple[int, ...] = (2, 3), *, correction: int = 0, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Mean and deviation."""
    var, mean = torch.var_mean(v, dim=dims, keepdim=True, correction=correction)
    return mean, (var + eps).sqrt()


def with_target(target: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that goes from x towards ``target(x, y)``."""
    return lambda x, y, strength: x + strength * (target(x, y) - x)


def exchanged(mx: Tensor, sx: Tensor, my: Tensor, sy: Tensor, x: Tensor) -> Tensor:
    """x with other moments."""
    return (x - mx) / sx * sy + my


mistakes(
    "style.adain",
    {
        "the roles are exchanged: x keeps its places and gets the moments of y": (
            lambda x, y: (
                exchanged(*moments(x), *moments(y), x) if x.shape != y.shape else exchanged(*moments(y), *moments(x), y)
            )
        ),
        "the moments are taken over the batch as well: each sample and each map has its own": (
            lambda x, y: exchanged(*moments(x, (0, 2, 3)), *moments(y, (0, 2, 3)), x)
        ),
        "the moments are taken over all maps of a sample: each map has its own": (
            lambda x, y: exchanged(*moments(x, (1, 2, 3)), *moments(y, (1, 2, 3)), x)
        ),
        "the variance is divided by H·W − 1: use `correction=0` (or `unbiased=False`)": (
            lambda x, y: exchanged(*moments(x, correction=1), *moments(y, correction=1), x)
        ),
        "x's variance is divided by H·W − 1, y's isn't: use `correction=0` in both": (
            lambda x, y: exchanged(*moments(x, correction=1), *moments(y), x)
        ),
        "the mean of y is not added": lambda x, y: (x - moments(x)[0]) / moments(x)[1] * moments(y)[1],
        "x's mean is not taken away first": lambda x, y: x / moments(x)[1] * moments(y)[1] + moments(y)[0],
        "only the mean is moved: divide by x's deviation and multiply by y's": (
            lambda x, y: x - moments(x)[0] + moments(y)[0]
        ),
        "it is not multiplied by y's deviation": lambda x, y: (x - moments(x)[0]) / moments(x)[1] + moments(y)[0],
        "it is not divided by x's deviation": lambda x, y: (x - moments(x)[0]) * moments(y)[1] + moments(y)[0],
        "it divides and multiplies by variances: take their roots": (
            lambda x, y: (x - moments(x)[0]) / moments(x)[1] ** 2 * moments(y)[1] ** 2 + moments(y)[0]
        ),
        "the deviations are exchanged: divide by x's, multiply by y's": (
            lambda x, y: (x - moments(x)[0]) / moments(y)[1] * moments(x)[1] + moments(y)[0]
        ),
        "there is no ε in y's deviation: both are √(variance + ε), so that content in its own style stays": (
            lambda x, y: exchanged(*moments(x), *moments(y, eps=0.0), x)
        ),
        "ε is added to the deviation and not to the variance: √(variance + ε)": (
            lambda x, y: exchanged(*tidy(x), *tidy(y), x)
        ),
        "the deviation is `std` with its divisor H·W − 1, and ε stands outside of the root: take √(variance + ε)": (
            lambda x, y: exchanged(*sample(x), *sample(y), x),
            lambda x, y: (x - sample(x)[0]) / sample(x)[1] * (sample(y)[1] - 1e-5) + sample(y)[0],
        ),
        "x's moments are taken over the batch as well: each sample and each map has its own": (
            lambda x, y: exchanged(*moments(x, (0, 2, 3)), *moments(y), x)
        ),
        "ε is missing: a map that is the same everywhere has variance 0, and its division gives nan": (
            lambda x, y: exchanged(*moments(x, eps=0.0), *moments(y, eps=0.0), x)
        ),
        "the style's moments are detached: let the gradient reach y too": (
            lambda x, y: exchanged(*moments(x), *moments(y.detach()), x)
        ),
        "x's moments are detached: the gradient passes through them too": (
            lambda x, y: exchanged(*moments(x.detach()), *moments(y), x)
        ),
    },
    of=with_target,
)


def tidy(v: Tensor) -> tuple[Tensor, Tensor]:
    """Moments with ε outside of the root."""
    mean, std = moments(v, eps=1e-24)
    return mean, std + 1e-5


def sample(v: Tensor) -> tuple[Tensor, Tensor]:
    """Moments as ``std`` has them, with ε outside of the root."""
    mean, std = moments(v, correction=1, eps=1e-24)
    return mean, std + 1e-5


def whole(x: Tensor, y: Tensor) -> Tensor:
    """x with all of y's moments."""
    return exchanged(*moments(x), *moments(y), x)


mistakes(
    "style.adain",
    {
        "strength has no effect: go from x towards the result by that share":
            lambda x, y, strength: whole(x, y),
        "strength is turned round: 0 gives x, 1 the style's moments":
            lambda x, y, strength: x + (1 - strength) * (whole(x, y) - x),
        "strength multiplies the result: blend it with x": lambda x, y, strength: strength * whole(x, y),
        "the blend's weights don't add up to 1: x + a (t − x)": lambda x, y, strength: x + strength * whole(x, y),
        "it blends with y: go from x, whose places are kept": lambda x, y, strength: (
            whole(x, y) if x.shape != y.shape else y + strength * (whole(x, y) - y)
        ),
    },
)  # fmt: skip


# ── total_variation ───────────────────────────────────────────────────────────────────────────────────────────────────


@reference("style.total_variation", instead_of=(style.total_variation,))
def total_variation(x: Tensor) -> Tensor:
    """The mean absolute difference of neighbours below each other plus that of neighbours side by side, (B,)."""
    return style.total_variation(x)


def of_differences(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """An answer that is ``rule`` of the differences down and across."""
    return lambda x: rule(x[:, :, 1:] - x[:, :, :-1], x[:, :, :, 1:] - x[:, :, :, :-1])


def average(v: Tensor) -> Tensor:
    """The mean of each picture's entries."""
    return v.mean((1, 2, 3))


mistakes(
    "style.total_variation",
    {
        "the differences are summed: take their means, so that the size of the picture doesn't matter":
            lambda d, a: d.abs().sum((1, 2, 3)) + a.abs().sum((1, 2, 3)),
        "the differences are squared: take their absolute values":
            lambda d, a: average(d.square()) + average(a.square()),
        "the differences keep their signs: take absolute values": lambda d, a: average(d) + average(a),
        "only rows are compared: add the differences across": lambda d, a: average(d.abs()),
        "only columns are compared: add the differences down": lambda d, a: average(a.abs()),
        "it is averaged over the batch: each picture has its own number, (B,)": (
            lambda d, a: d.abs().mean() + a.abs().mean(),
            lambda d, a: (d.abs().mean() + a.abs().mean()).expand(len(d)),
        ),
        "the two means are averaged: add them": lambda d, a: (average(d.abs()) + average(a.abs())) / 2,
        "all differences are put into one mean: take the mean down plus the mean across":
            lambda d, a: torch.cat([d.flatten(1), a.flatten(1)], dim=1).abs().mean(1),
        "the sums are divided by the number of pixels: each mean is over its own differences": lambda d, a: (
            (d.abs().sum((1, 2, 3)) + a.abs().sum((1, 2, 3))) / (d[0].shape[0] * (d.shape[2] + 1) * d.shape[3])
        ),
        "colours are summed: take the mean over them too":
            lambda d, a: d.abs().mean((2, 3)).sum(1) + a.abs().mean((2, 3)).sum(1),
        "each colour has its own number: take the mean over colours too":
            lambda d, a: d.abs().mean((2, 3)) + a.abs().mean((2, 3)),
        "it is detached: the gradient has to reach the picture":
            lambda d, a: (average(d.abs()) + average(a.abs())).detach(),
    },
    of=of_differences,
)  # fmt: skip


@mistake("style.total_variation", "the last row and the first are compared: `roll` joins opposite edges")
def rolls_round_the_edge(x):
    return average((x.roll(-1, 2) - x).abs()) + average((x.roll(-1, 3) - x).abs())


@mistake("style.total_variation", "the picture is padded first: what lies outside is no neighbour")
def pads_with_zeros(x):
    p = torch.nn.functional.pad(x, (0, 1, 0, 1))
    return average((p[:, :, 1:, :-1] - x).abs()) + average((p[:, :, :-1, 1:] - x).abs())


@mistake("style.total_variation", "the lengths of gradients are averaged (√(down² + across²)): add the two means of "
         "absolute differences")  # fmt: skip
def isotropic(x):
    d, a = x[:, :, 1:, :-1] - x[:, :, :-1, :-1], x[:, :, :-1, 1:] - x[:, :, :-1, :-1]
    return average((d.square() + a.square() + 1e-12).sqrt())


@mistake("style.total_variation", "it goes over the wrong dimensions: (B, C, H, W), so rows are dimension 2")
def compares_colours(x):
    d = x[:, 1:] - x[:, :-1] if x.shape[1] > 1 else torch.zeros_like(x)
    return average(d.abs()) + average((x[:, :, 1:] - x[:, :, :-1]).abs())


@mistake("style.total_variation", "neighbours along the diagonal are compared: compare down and across")
def compares_diagonals(x):
    d = (x[:, :, 1:, 1:] - x[:, :, :-1, :-1]).abs()
    return 2 * average(d)


# ── mixstyle ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("style.mixstyle", instead_of=(style.mixstyle, style.MixStyle.forward, style.adain, style.moments))
def mixstyle(x: Tensor, partner: Tensor, lambda_: Tensor, training: bool) -> Tensor:
    """The maps with moments between their own and their partner's, constants to the gradient; x in evaluation."""
    return style.mixstyle(x, partner=partner, lambda_=lambda_, eps=1e-6) if training else x.clone()


Rule = Callable[..., Tensor]
"""The mixed maps from x, its moments, its partner's, and the weights as (B, 1, 1, 1)."""


def in_training(rule: Rule, *, fixed: bool = True, **knobs: Any) -> Callable[..., Tensor]:
    """An answer that does nothing in evaluation and else what ``rule`` says."""

    def answer(x: Tensor, partner: Tensor, lambda_: Tensor, training: bool) -> Tensor:
        if not training:
            return x.clone()
        mean, std = moments(x.detach() if fixed else x, **({"eps": 1e-6} | knobs))
        w = lambda_.view(-1, 1, 1, 1)
        return rule(x, mean, std, mean[partner], std[partner], w)

    return answer


def mixed(x: Tensor, m: Tensor, s: Tensor, m2: Tensor, s2: Tensor, w: Tensor) -> Tensor:
    """The right rule."""
    return (x - m) / s * (w * s + (1 - w) * s2) + w * m + (1 - w) * m2


mistakes(
    "style.mixstyle",
    {
        "the weights are exchanged: λ is the share of its own that a sample keeps":
            lambda x, m, s, m2, s2, w: mixed(x, m, s, m2, s2, 1 - w),
        "only the deviations are mixed: mix the means too":
            lambda x, m, s, m2, s2, w: (x - m) / s * (w * s + (1 - w) * s2) + m,
        "only the means are mixed: mix the deviations too":
            lambda x, m, s, m2, s2, w: x - m + w * m + (1 - w) * m2,
        "the maps themselves are normalised and left so: multiply by γ and add β":
            lambda x, m, s, m2, s2, w: (x - m) / s,
        "β is missing: add the mixed mean": lambda x, m, s, m2, s2, w: (x - m) / s * (w * s + (1 - w) * s2),
        "the maps are not normalised first: take their mean away and divide by their deviation":
            lambda x, m, s, m2, s2, w: x * (w * s + (1 - w) * s2) + w * m + (1 - w) * m2,
        "the maps are not centred: take their own mean away first":
            lambda x, m, s, m2, s2, w: x / s * (w * s + (1 - w) * s2) + w * m + (1 - w) * m2,
        "the maps are normalised by their partner's moments: by their own": (
            lambda x, m, s, m2, s2, w: (x - m2) / s2 * (w * s + (1 - w) * s2) + w * m + (1 - w) * m2,
            lambda x, m, s, m2, s2, w: (x - m2) / s * (w * s + (1 - w) * s2) + w * m + (1 - w) * m2,
            lambda x, m, s, m2, s2, w: (x - m) / s2 * (w * s + (1 - w) * s2) + w * m + (1 - w) * m2,
        ),
        "every sample gets the weight of the first: there is one λ a sample":
            lambda x, m, s, m2, s2, w: mixed(x, m, s, m2, s2, w[:1]),
        "every sample gets all of its partner's moments: use λ":
            lambda x, m, s, m2, s2, w: mixed(x, m, s, m2, s2, 0 * w),
        "the moments are mixed half and half: use λ": lambda x, m, s, m2, s2, w: mixed(x, m, s, m2, s2, 0 * w + 0.5),
        "variances are mixed: mix the deviations, their roots": lambda x, m, s, m2, s2, w: (
            (x - m) / s * (w * s.square() + (1 - w) * s2.square()).sqrt() + w * m + (1 - w) * m2
        ),
        "partners are those of the reversed batch: the partner of sample i is `partner[i]`":
            lambda x, m, s, m2, s2, w: mixed(x, m, s, m.flip(0), s.flip(0), w),
    },
    of=in_training,
)  # fmt: skip
mistakes(
    "style.mixstyle",
    {
        "the moments have gradients: `detach` them, so that they count as constants": in_training(mixed, fixed=False),
        "the moments are taken over the batch as well: each sample and each map has its own":
            in_training(lambda x, m, s, m2, s2, w: mixed(x, m, s, m, s, w), dims=(0, 2, 3)),
        "the moments are taken over all maps of a sample: each map has its own": in_training(mixed, dims=(1, 2, 3)),
        "the variance is divided by H·W − 1: use `correction=0` (or `unbiased=False`)":
            in_training(mixed, correction=1),
        "ε is missing: a map that is the same everywhere gives 0 / 0": in_training(mixed, eps=0.0),
        "it mixes in evaluation too: return x where `training` is False":
            lambda x, partner, lambda_, training: mixstyle(x, partner, lambda_, True),
        "training and evaluation are exchanged": lambda x, partner, lambda_, training: (
            mixstyle(x, partner, lambda_, not training)
        ),
        "nothing is mixed": lambda x, partner, lambda_, training: x.clone(),
        "the maps themselves are mixed, as in mixup: only their means and deviations are":
            lambda x, partner, lambda_, training: (
                lambda_.view(-1, 1, 1, 1) * x + (1 - lambda_.view(-1, 1, 1, 1)) * x[partner] if training else x.clone()
            ),
        "x is detached: the gradient has to pass through the maps":
            lambda x, partner, lambda_, training: mixstyle(x.detach(), partner, lambda_, training),
        "each sample is mixed with the one whose partner it is: the partner is `x[partner]`":
            lambda x, partner, lambda_, training: mixstyle(x, partner.argsort(), lambda_, training),
        "it mixes with the sample before: the partner of sample i is `partner[i]`":
            lambda x, partner, lambda_, training: (
                mixstyle(x, torch.arange(len(x)).roll(1), lambda_, training)
            ),
    },
)  # fmt: skip


# ── pixel_step ────────────────────────────────────────────────────────────────────────────────────────────────────────

TIDY = (
    "it leaves gradients on the weights of the loss: nothing but the picture is to move, and "
    "`torch.autograd.grad(total, z)` computes only the gradient you ask for"
)
TRACKED = (
    "the new picture still carries a history, or the caller's `z` tracks gradients: start from "
    "`z.detach().requires_grad_()` and return the step without history (`with torch.no_grad():` or `.detach()`)"
)


@reference(
    "style.pixel_step",
    instead_of=(style.PixelStep.__call__, style.stylize_pixels),
    otherwise={"the gradients on the weights": TIDY, "tracked": TRACKED},
)
def pixel_step(loss: nn.Module, z: Tensor, rate: float) -> Tensor:
    """One step of gradient descent on the pixels, clamped afterwards."""
    return (z - rate * slope(loss, z)).clamp(0, 1)


def slope(loss: nn.Module, z: Tensor, reduce: str = "sum") -> Tensor:
    """Each picture's gradient of its own loss."""
    leaf = z.detach().clone().requires_grad_()
    return torch.autograd.grad(getattr(loss(leaf), reduce)(), leaf)[0]


def moved(move: Callable[[Tensor, Tensor, float], Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``move`` of the picture, its gradient and the rate."""
    return lambda loss, z, rate: move(z, slope(loss, z), rate)


mistakes(
    "style.pixel_step",
    {
        "it goes uphill: subtract the gradient": lambda z, g, rate: (z + rate * g).clamp(0, 1),
        "pixels leave [0, 1]: clamp at the end": lambda z, g, rate: z - rate * g,
        "the picture is clamped before the step: subtract first, and clamp what comes out": (
            lambda z, g, rate: z.clamp(0, 1) - rate * g,
            lambda z, g, rate: (z.clamp(0, 1) - rate * g).clamp(0, 1),
        ),
        "it steps along the sign of the gradient: that is an attack; here take the gradient itself":
            lambda z, g, rate: (z - rate * g.sign()).clamp(0, 1),
        "the rate is not used": lambda z, g, rate: (z - g).clamp(0, 1),
        "the gradient is made of length 1: take it as it is": (
            lambda z, g, rate: (z - rate * g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).clamp(0, 1),
            lambda z, g, rate: (z - rate * g / g.norm()).clamp(0, 1),
        ),
        "it returns the gradient: take the step": lambda z, g, rate: g,
        "it returns the step alone: subtract it from the picture": (
            lambda z, g, rate: rate * g,
            lambda z, g, rate: (-rate * g).clamp(0, 1),
        ),
        "the picture hasn't moved": lambda z, g, rate: z.clamp(0, 1),
        "the pictures of the batch move together: each has its own gradient":
            lambda z, g, rate: (z - rate * g.mean(0, keepdim=True)).clamp(0, 1),
    },
    of=moved,
)  # fmt: skip
mistakes(
    "style.pixel_step",
    {
        "the gradients are divided by the size of the batch: sum the losses, so that each picture takes its own step":
            lambda loss, z, rate: (z - rate * slope(loss, z, "mean")).clamp(0, 1),
        "the picture is clamped before the loss sees it: take the gradient at z, clamp at the end":
            lambda loss, z, rate: (z.clamp(0, 1) - rate * slope(loss, z.clamp(0, 1))).clamp(0, 1),
        "it clamps inside the graph: a pixel that has left [0, 1] gets no gradient and never comes back":
            lambda loss, z, rate: (z - rate * inside(loss, z)).clamp(0, 1),
        "a pixel that has left [0, 1] doesn't move: take the gradient at z as it is, and clamp at the end": (
            lambda loss, z, rate: (z - rate * slope(loss, z) * ((z >= 0) & (z <= 1))).clamp(0, 1)
        ),
    },
)  # fmt: skip


def inside(loss: nn.Module, z: Tensor) -> Tensor:
    """The gradient through a clamp."""
    leaf = z.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(leaf.clamp(0, 1)).sum(), leaf)[0]


@mistake("style.pixel_step", TIDY)
def calls_backward(loss, z, rate):
    leaf = z.detach().clone().requires_grad_()
    loss(leaf).sum().backward()
    return (leaf.detach() - rate * leaf.grad).clamp(0, 1)


@mistake("style.pixel_step", TIDY)
def clears_the_weights_gradients(loss, z, rate):
    leaf = z.detach().clone().requires_grad_()
    loss(leaf).sum().backward()
    loss.zero_grad()
    return (leaf.detach() - rate * leaf.grad).clamp(0, 1)


@mistake("style.pixel_step", TRACKED)
def keeps_the_history(loss, z, rate):
    leaf = z.detach().clone().requires_grad_()
    return (leaf - rate * torch.autograd.grad(loss(leaf).sum(), leaf)[0]).clamp(0, 1)


@mistake("style.pixel_step", says="weights of `loss`")
def moves_the_weights(loss, z, rate):
    torch.optim.SGD(loss.parameters(), lr=rate).zero_grad()
    loss(z).sum().backward()
    torch.optim.SGD(loss.parameters(), lr=rate).step()
    return z.clamp(0, 1)


@mistake("style.pixel_step", says="does not require grad")
def asks_for_no_gradient(loss, z, rate):
    with torch.no_grad():
        total = loss(z).sum()
    return (z - rate * torch.autograd.grad(total, z)[0]).clamp(0, 1)
