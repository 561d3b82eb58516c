"""Topic ``refine``: what is right in exercise 13, and what is likely wrong."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.functional import softplus as plus

from labkit import refine
from labkit.checks.bank import mistake, mistakes, reference, verdict
from labkit.checks.protocol import Case, Outputs, Wrong
from labkit.checks.refine import CALLS

# ── local_loss ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "refine.local_loss",
    instead_of=(refine.patch_cross_entropy, refine.realism, refine.discriminator_loss),
    only={
        f"D is very sure, wanted: {kind}": "where D is very sure it is wrong or not finite: work with the logits, "
        "without the logarithm of a probability that was rounded to 0 or cut off"
        for kind in ("refined", "real")
    },
)
def local_loss(logits: Tensor, refined: bool) -> Tensor:
    """Cross-entropy of D's maps (b, h, w), summed over patches, averaged over images."""
    return refine.patch_cross_entropy(logits, refined=refined)


def patches(reduce: Callable[[Tensor], Any]) -> Callable[..., Any]:
    """An answer that is right for every patch, and reduces the losses (b, h, w) by ``reduce``."""
    return lambda z, refined: reduce(plus(-z if refined else z))


mistakes(
    "refine.local_loss",
    {
        "this is the loss of every patch: add up an image's patches and average over images": lambda each: each,
        "this is the loss of every image: average over images": lambda each: each.sum((1, 2)),
        "it is averaged over the patches: add them up, average over images alone": lambda each: each.mean(),
        "it is added up over the images too: average over images": lambda each: each.sum(),
        "the patches are averaged and the images added up: the other way round": lambda each: each.mean((1, 2)).sum(),
        "it is added up over an image's rows only: over rows and columns": (
            lambda each: each.sum(1).mean(),
            lambda each: each.sum(2).mean(),
        ),
        "the first dimension is that of the images: add up over the other two": (
            lambda each: each.sum((0, 1)).mean(),
            lambda each: each.sum((0, 2)).mean(),
        ),
        "the sign is wrong: a cross-entropy is positive": lambda each: -each.sum((1, 2)).mean(),
        "the sign is wrong, and the images are added up: a cross-entropy is positive, and a mean": (
            lambda each: -each.sum(),
            lambda each: -each.mean(),
        ),
        "this is the loss in bits: take the natural logarithm": lambda each: each.sum((1, 2)).mean() / math.log(2),
        "no gradient reaches all of the patches: only the largest loss counts": lambda each: each.amax((1, 2)).mean(),
    },
    of=patches,
)

mistakes(
    "refine.local_loss",
    {
        "σ(z) rounds to 0 or 1 where D is sure, and its logarithm is infinite: use `softplus` or `logsigmoid`": (
            lambda z, refined: -(z.sigmoid() if refined else 1 - z.sigmoid()).log().sum((1, 2)).mean()
        ),
        'the two answers are swapped: a logit is that of "refined"': lambda z, refined: local_loss(z, not refined),
        'the answer is always "refined": look at the argument': lambda z, refined: local_loss(z, True),
        'the answer is always "real": look at the argument': lambda z, refined: local_loss(z, False),
        "the logits are taken for probabilities' logarithms: a sigmoid is missing": (
            lambda z, refined: (-z if refined else z).sum((1, 2)).mean()
        ),
        "the logits are taken for probabilities: a sigmoid is missing": (
            lambda z, refined: -(z if refined else 1 - z).log().sum((1, 2)).mean(),
            lambda z, refined: -(z if refined else 1 - z).clamp(1e-7, 1).log().sum((1, 2)).mean(),
        ),
        "the sigmoid is taken twice: softplus and `binary_cross_entropy_with_logits` take logits": (
            lambda z, refined: local_loss(z.sigmoid(), refined),
            lambda z, refined: plus(-(z if refined else -z).sigmoid()).sum((1, 2)).mean(),
        ),
        "the logarithm is missing: this is the probability of the wrong answer": (
            lambda z, refined: (-z if refined else z).sigmoid().sum((1, 2)).mean()
        ),
        "the logits are summed before the loss is taken: every patch has a loss of its own": (
            lambda z, refined: local_loss(z.sum((1, 2), keepdim=True), refined)
        ),
        "this is a hinge loss: take the cross-entropy": (
            lambda z, refined: F.relu(1 - (z if refined else -z)).sum((1, 2)).mean()
        ),
        "the softmax runs over the patches: each patch has a probability of its own, a sigmoid": (
            lambda z, refined: -((lambda p: p if refined else 1 - p)(z.flatten(1).softmax(1)).log().sum(1).mean()),
            lambda z, refined: -z.flatten(1).log_softmax(1).sum(1).mean(),
        ),
        "this is the squared distance from the wanted answer: take the cross-entropy": (
            lambda z, refined: (z.sigmoid() - float(refined)).square().sum((1, 2)).mean(),
            lambda z, refined: (z - float(refined)).square().sum((1, 2)).mean(),
        ),
    },
)


# ── self_regularisation ───────────────────────────────────────────────────────────────────────────────────────────────


@reference("refine.self_regularisation", instead_of=(refine.self_regularisation, refine.refiner_loss))
def self_regularisation(refined: Tensor, synthetic: Tensor, psi: Callable[[Tensor], Tensor]) -> Tensor:
    """‖ψ(R(x)) − ψ(x)‖₁ summed over an image's features, averaged over images."""
    return refine.self_regularisation(refined, synthetic, psi=psi)


def of_change(measure: Callable[[Tensor], Any]) -> Callable[..., Any]:
    """An answer that is a function of the change of the features, (b, f)."""
    return lambda r, x, psi: measure((psi(r) - psi(x)).flatten(1))


mistakes(
    "refine.self_regularisation",
    {
        "the distance is squared, as on the slide: take absolute values": (
            lambda d: d.square().sum(1).mean(),
            lambda d: d.square().mean(),
            lambda d: d.square().sum(),
        ),
        "this is the Euclidean distance: ‖·‖₁ adds absolute values": (
            lambda d: d.norm(dim=1).mean(),
            lambda d: d.norm(),
            lambda d: d.norm() / len(d),
        ),
        "this is the largest change: ‖·‖₁ adds absolute values": (
            lambda d: d.abs().amax(1).mean(),
            lambda d: d.abs().max(),
        ),
        "it is averaged over the features: add them up, average over images alone": (
            lambda d: d.abs().mean(),
            lambda d: d.abs().mean(1).sum(),
        ),
        "it is added up over the images too: average over images": lambda d: d.abs().sum(),
        "this is one value for each image: average over images": (
            lambda d: d.abs().sum(1),
            lambda d: d.abs().mean(1),
        ),
        "changes up and down cancel: take absolute values first": (
            lambda d: d.sum(1).mean(),
            lambda d: d.sum(1).abs().mean(),
            lambda d: d.sum().abs(),
            lambda d: d.mean().abs(),
            lambda d: d.mean(),
        ),
        "only changes upwards count: take absolute values": lambda d: d.relu().sum(1).mean(),
        "the sign is wrong: what is small must be good": lambda d: -d.abs().sum(1).mean(),
        "this is the norm of a matrix, the largest of its columns' sums: add up each image's absolute values": (
            lambda d: torch.linalg.norm(d, ord=1),
            lambda d: torch.linalg.norm(d, ord=1) / len(d),
        ),
        "the root of the absolute values is taken: add up the values themselves": (
            lambda d: d.abs().sqrt().sum(1).mean()
        ),
        "small changes are squared (a smooth l1, or Huber, loss): take absolute values": (
            lambda d: F.smooth_l1_loss(d, torch.zeros_like(d), reduction="sum") / len(d)
        ),
    },
    of=of_change,
)

mistakes(
    "refine.self_regularisation",
    {
        "ψ is not used: the distance is between features": (
            lambda r, x, psi: self_regularisation(r, x, lambda v: v),
            lambda r, x, psi: (r - x).abs().mean(),
        ),
        "ψ belongs to each image, then the difference: this is ψ of the difference": (
            lambda r, x, psi: psi(r - x).abs().flatten(1).sum(1).mean(),
            lambda r, x, psi: psi((r - x).abs()).flatten(1).sum(1).mean(),
            lambda r, x, psi: psi((r - x).abs()).abs().flatten(1).sum(1).mean(),
        ),
        "ψ belongs to both: the synthetic image is compared without it": (
            lambda r, x, psi: (psi(r) - x).abs().flatten(1).sum(1).mean(),
        ),
        "sizes are taken before the difference: ‖ψ(R(x)) − ψ(x)‖₁ is that of the difference": (
            lambda r, x, psi: (psi(r).abs() - psi(x).abs()).flatten(1).sum(1).abs().mean(),
            lambda r, x, psi: psi(r).abs().flatten(1).sum(1).mean() - psi(x).abs().flatten(1).sum(1).mean(),
        ),
        "it is added up over one dimension only: over all features of an image": tuple(
            lambda r, x, psi, over=over: (psi(r) - psi(x)).abs().sum(over).mean() for over in (1, -1, (1, -1), (-2, -1))
        ),
        "refined images are cut to [0, 1] first: compare them as they are": (
            lambda r, x, psi: self_regularisation(r.clamp(0, 1), x, psi),
        ),
        "it compares the refined image with itself": lambda r, x, psi: 0 * r.sum(),
        "the mean image of the batch is compared: each image has its own change": (
            lambda r, x, psi: (psi(r).mean(0) - psi(x).mean(0)).abs().sum()
        ),
    },
)


# ── objective ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "refine.objective",
    instead_of=(refine.realism, refine.discriminator_loss, refine.refiner_loss, refine.patch_cross_entropy),
)
def objective(refined: Tensor, real: Tensor, change: Tensor, lambda_: float) -> tuple[Tensor, Tensor]:
    """The two losses from D's maps for refined and real images and the self-regularisation: L_R, L_D."""
    return refine.realism(refined) + lambda_ * change, refine.discriminator_loss(refined, real)


def instead(of_r: Callable[..., Any] | None = None, of_d: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """An answer one of whose losses is another function of D's maps, the self-regularisation and λ."""

    def answer(refined, real, change, lambda_):
        L_R, L_D = objective(refined, real, change, lambda_)
        arguments = (refined, real, change, lambda_)
        return (L_R if of_r is None else of_r(*arguments)), (L_D if of_d is None else of_d(*arguments))

    return answer


def yes(z: Tensor) -> Tensor:
    """What it costs not to say "refined"."""
    return local_loss(z, True)


def no(z: Tensor) -> Tensor:
    """What it costs not to say "real"."""
    return local_loss(z, False)


mistakes(
    "refine.objective",
    {
        'L_R asks D to say "refined": the refiner wants its images taken for real': lambda z, y, c, w: yes(z) + w * c,
        "L_R is without λ": lambda z, y, c, w: no(z) + c,
        "L_R is without self-regularisation": lambda z, y, c, w: no(z),
        "L_R is without realism": lambda z, y, c, w: w * c,
        "in L_R λ weighs the realism: it belongs to the self-regularisation": lambda z, y, c, w: w * no(z) + c,
        "L_R uses the real images: the refiner never sees them": (
            lambda z, y, c, w: no(y) + w * c,
            lambda z, y, c, w: no(z) + no(y) + w * c,
            lambda z, y, c, w: yes(y) + w * c,
            lambda z, y, c, w: no(z) + yes(y) + w * c,
        ),
        "λ multiplies both terms of L_R: only the self-regularisation": lambda z, y, c, w: w * (no(z) + c),
        "L_R subtracts D's loss, which saturates where D is sure: −log(1 − D), not + log D": (
            lambda z, y, c, w: w * c - yes(z)
        ),
        "L_R is minus D's loss on both kinds of images: the refiner only wants its own taken for real": (
            lambda z, y, c, w: w * c - yes(z) - no(y)
        ),
        "L_R subtracts the self-regularisation: it is a price, so add it": lambda z, y, c, w: no(z) - w * c,
        "the weights of L_R are 1 − λ and λ: realism has weight 1": lambda z, y, c, w: (1 - w) * no(z) + w * c,
        "no gradient reaches `change` from L_R: the refiner learns from it too": (
            lambda z, y, c, w: no(z) + w * c.detach()
        ),
        "no gradient reaches `refined` from L_R: the refiner learns nothing of realism": (
            lambda z, y, c, w: no(z.detach()) + w * c
        ),
        "L_R is averaged over the patches: add them up, as `local_loss` does": (
            lambda z, y, c, w: plus(z).mean() + w * c
        ),
    },
    of=lambda move: instead(of_r=move),
)

mistakes(
    "refine.objective",
    {
        "L_D has −log(1 − D) twice, as one line of the slide: for refined images it is −log D": (
            lambda z, y, c, w: no(z) + no(y)
        ),
        "in L_D the two kinds of images are swapped": lambda z, y, c, w: no(z) + yes(y),
        "L_D has −log D twice, as the last line of the slide": lambda z, y, c, w: yes(z) + yes(y),
        "L_D is without the real images": lambda z, y, c, w: yes(z),
        "L_D is without the refined images": lambda z, y, c, w: no(y),
        "L_D is halved: it is the sum of both terms": lambda z, y, c, w: (yes(z) + no(y)) / 2,
        "self-regularisation is no business of D's: it belongs to L_R alone": (
            lambda z, y, c, w: yes(z) + no(y) + w * c
        ),
        "L_D has the wrong sign: D makes its cross-entropy small": lambda z, y, c, w: -yes(z) - no(y),
        "λ is no business of D's: it belongs to L_R alone": (
            lambda z, y, c, w: w * (yes(z) + no(y)),
            lambda z, y, c, w: yes(z) + w * no(y),
            lambda z, y, c, w: w * yes(z) + no(y),
        ),
        "L_D subtracts one term from the other: add them": (
            lambda z, y, c, w: yes(z) - no(y),
            lambda z, y, c, w: no(y) - yes(z),
        ),
        "no gradient reaches `refined` from L_D: what is cut off is R, before D; the map must keep its graph": (
            lambda z, y, c, w: yes(z.detach()) + no(y)
        ),
        "all images are averaged together in L_D: each kind has a mean of its own": lambda z, y, c, w: (
            torch.cat([plus(-z), plus(y)]).sum((1, 2)).mean()
        ),
        "L_D is averaged over the patches: add them up, as `local_loss` does": (
            lambda z, y, c, w: plus(-z).mean() + plus(y).mean()
        ),
        "it is minus L_R: D has a loss of its own": lambda z, y, c, w: -no(z) - w * c,
    },
    of=lambda move: instead(of_d=move),
)

mistakes(
    "refine.objective",
    {
        "the two losses are in the wrong order: `return L_R, L_D`": lambda z, y, c, w: objective(z, y, c, w)[::-1],
        "`refined` and `real` are exchanged": lambda z, y, c, w: objective(y, z, c, w),
        "the losses have no gradient: nobody learns": (
            lambda z, y, c, w: tuple(v.detach() for v in objective(z, y, c, w)),
            lambda z, y, c, w: tuple(v.item() for v in objective(z, y, c, w)),
        ),
        'a logit is that of "refined", and D\'s losses are averaged over the patches': lambda z, y, c, w: (
            plus(-z).mean() + w * c,
            plus(z).mean() + plus(-y).mean(),
        ),
        "the losses are added up over the images: take their mean, as `local_loss` does": lambda z, y, c, w: (
            plus(z).sum() + w * c,
            plus(-z).sum() + plus(y).sum(),
        ),
        "the losses are averaged over the patches: add them up, as `local_loss` does": lambda z, y, c, w: (
            plus(z).mean() + w * c,
            plus(-z).mean() + plus(y).mean(),
        ),
    },
)


# ── mix ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("refine.mix", instead_of=(refine.mix, refine.ImageHistoryBuffer.query))
def mix(fresh: Tensor, past: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The batch with half of it from the past, and the past renewed."""
    return refine.mix(fresh, past, generator=generator)


# Each of 8 slots is hit in a quarter of 150 calls: 37.5 ± 5.3. Five deviations and more never stop a right answer.
LEAST, MOST = 9, 66


@verdict("refine.mix")
def judge_mix(outputs: Outputs, case: Case) -> None:
    """Call by call who is in the batch and in the past; then how often each slot was drawn and replaced."""
    fresh, past, batches, pasts = case["fresh"], case["past"], outputs["batch"], outputs["past"]
    m, n = len(fresh), len(past)
    for what, value, size in (("the batch", batches, 2 * m), ("the new past", pasts, n)):
        if value.shape[1:] != (size, *fresh.shape[1:]):
            hint = ""
            if what == "the batch" and value.shape[1:2] == (m,):
                hint = ": it holds m images; half of 2m are fresh, as many come from the past"
            if what == "the batch" and value.shape[1:2] == (m + n,):
                hint = ": it holds the whole past; draw m images from it"
            if what == "the new past" and value.shape[1:2] == (n + m,):
                hint = ": it has grown; the fresh images *replace* old ones"
            raise Wrong(f"{what} has the wrong shape{hint}", expected=(size, *fresh.shape[1:]), given=value.shape[1:])
    if not (torch.equal(batches[0], batches[-1]) and torch.equal(pasts[0], pasts[-1])):
        raise Wrong("the same generator's seed gives something else: draw with generator=generator")
    if batches.dtype != fresh.dtype or pasts.dtype != past.dtype:
        raise Wrong("the dtype is not that of the images", expected=fresh.dtype, given=batches.dtype)
    everyone = torch.cat([fresh, past])
    drawn, kept = who(batches, everyone), who(pasts, everyone)
    if bool((drawn < 0).any()) or bool((kept < 0).any()):
        raise Wrong("an image is in the result that was neither fresh nor in the past")
    composition(drawn, kept, m, n)
    if len(case["seeds"]) == CALLS:
        uniform(drawn[:-1], kept[:-1], m, n)


def who(images: Tensor, everyone: Tensor) -> Tensor:
    """For each image (calls, k, …) its number among everyone, −1 for a stranger."""
    same = (images.flatten(2)[:, :, None] == everyone.flatten(1)).all(-1)
    return torch.where(same.any(-1), same.int().argmax(-1), -1)


def composition(drawn: Tensor, kept: Tensor, m: int, n: int) -> None:
    """Exactly half, each once; exactly m replaced, all others where they were."""
    new = (drawn < m).sum(1)
    if any(len(set(row)) < len(row) for row in drawn.tolist()):
        if bool((new == m).all()):
            raise Wrong("an image is in the batch twice: draw without replacement (`torch.randperm`)")
        raise Wrong("an image is in the batch twice: draw from the past *before* the fresh images enter it")
    if bool((new != m).any()):
        raise Wrong("not exactly half of the batch is fresh: all m fresh images, and m of the past",
                    expected=m, given=int(new[new != m][0]))  # fmt: skip
    replaced = kept != torch.arange(m, m + n)
    if bool(((kept >= m) & replaced).any()):
        raise Wrong("what stays in the past has changed its place or its owner: replace m slots, leave the others")
    counts = replaced.sum(1)
    if bool((counts == 0).all()):
        raise Wrong("the past is never renewed: m of its images are replaced by the fresh ones")
    if bool((counts != m).any()):
        wrong = int(counts[counts != m][0])
        raise Wrong("not exactly m images of the past are replaced", expected=m, given=wrong)
    if any(len(set(row[row < m].tolist())) < m for row in kept):
        raise Wrong("one fresh image fills several slots: each of them is kept once")


def uniform(drawn: Tensor, kept: Tensor, m: int, n: int) -> None:
    """Every slot is drawn and replaced about as often as every other."""
    for what, counts in (
        ("drawn", torch.bincount(drawn[drawn >= m] - m, minlength=n)),
        ("replaced", (kept < m).sum(0)),
    ):
        if int(counts.min()) < LEAST or int(counts.max()) > MOST:
            times = f"about {len(drawn) * m // n} times each in {len(drawn)} calls"
            raise Wrong(f"some places of the past are {what} far more often than others: every place is as likely",
                        expected=times, given=counts)  # fmt: skip


def slots(n: int, m: int, g: torch.Generator | None) -> Tensor:
    """m different places of n."""
    return torch.randperm(n, generator=g)[:m]


def renewed(past: Tensor, places: Any, fresh: Tensor) -> Tensor:
    """The past with the fresh images at some places."""
    copy = past.clone()
    copy[places] = fresh
    return copy


def steps(move: Callable[..., Any]) -> Callable[..., Any]:
    """An answer that is ``move`` of fresh and past images, their numbers m and n, and the generator."""
    return lambda fresh, past, generator: move(fresh, past, len(fresh), len(past), generator)


for text, move in {
    "never renewed": lambda f, p, m, n, g: (torch.cat([f, p[slots(n, m, g)]]), p.clone()),
    "are replaced far more often": lambda f, p, m, n, g: (torch.cat([f, p[slots(n, m, g)]]), torch.cat([f, p[m:]])),
    "are drawn far more often": lambda f, p, m, n, g: (torch.cat([f, p[-m:]]), renewed(p, slots(n, m, g), f)),
    "batch twice: draw without": lambda f, p, m, n, g: (
        torch.cat([f, p[torch.randint(n, (m,), generator=g)]]), renewed(p, slots(n, m, g), f)),
    "batch twice: draw from the past *before*": lambda f, p, m, n, g: (
        lambda new: (torch.cat([f, new[slots(n, m, g)]]), new))(renewed(p, slots(n, m, g), f)),
    "not exactly half": lambda f, p, m, n, g: (
        torch.cat([f, p])[slots(m + n, 2 * m, g)], renewed(p, slots(n, m, g), f)),
    "seed gives something else": lambda f, p, m, n, g: (
        torch.cat([f, p[slots(n, m, None)]]), renewed(p, slots(n, m, None), f)),
    "it has grown": lambda f, p, m, n, g: (torch.cat([f, p[slots(n, m, g)]]), torch.cat([p, f])),
    "it holds m images": lambda f, p, m, n, g: (p[slots(n, m, g)], renewed(p, slots(n, m, g), f)),
    "it holds the whole past": lambda f, p, m, n, g: (torch.cat([f, p]), renewed(p, slots(n, m, g), f)),
    "changed its place or its owner": lambda f, p, m, n, g: (
        torch.cat([f, p[slots(n, m, g)]]), torch.cat([p[slots(n, n - m, g)], f])),
    "not exactly m images": lambda f, p, m, n, g: (
        torch.cat([f, p[slots(n, m, g)]]), renewed(p, slots(n, 1, g), f[:1])),
    "several slots": lambda f, p, m, n, g: (torch.cat([f, p[slots(n, m, g)]]), renewed(p, slots(n, m, g), f[0])),
    "neither fresh nor in the past": lambda f, p, m, n, g: (
        torch.cat([f, (f + p[slots(n, m, g)]) / 2]), renewed(p, slots(n, m, g), f)),
    "shape": lambda f, p, m, n, g: (
        torch.cat([f, p[torch.rand(n, generator=g) < m / n]]), renewed(p, slots(n, m, g), f)),
    "the dtype": lambda f, p, m, n, g: (torch.cat([f, p[slots(n, m, g)]]).half(), renewed(p, slots(n, m, g), f)),
    "input `past` in place": lambda f, p, m, n, g: (
        torch.cat([f, p[slots(n, m, g)]]), p.index_copy_(0, slots(n, m, g), f)),
    "two values": lambda f, p, m, n, g: torch.cat([f, p[slots(n, m, g)]]),
}.items():  # fmt: skip
    mistake("refine.mix", says=text)(steps(move))


# ── drift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("refine.drift", instead_of=(refine.drift,))
def drift(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """What all labels share of the way they moved (k,), and the root mean square of the rest, a scalar."""
    measured = refine.drift(before, after)
    return measured.shift, measured.scatter


def of_moved(
    shift: Callable[[Tensor], Any] | None = None, scatter: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """An answer of which one part is another function of the ways (n, k), or of the ways and of the rest."""

    def answer(before, after):
        moved = after - before
        mean, spread = drift(before, after)
        return (mean if shift is None else shift(moved)), (
            spread if scatter is None else scatter(moved, moved - moved.mean(0))
        )

    return answer


mistakes(
    "refine.drift",
    {
        "the shift points backwards: after − before": lambda d: -d.mean(0),
        "in the shift ways there and back cancel no more: take the mean of the ways, not of their sizes": (
            lambda d: d.abs().mean(0)
        ),
        "the shift is added up over the images: take the mean": lambda d: d.sum(0),
        "this is the median: the shift is the mean": lambda d: d.median(0).values,
        "the shift is averaged over a label's numbers: it has k of them": (
            lambda d: d.mean(),
            lambda d: d.mean(1),
            lambda d: d.mean().expand(d.shape[1]),
        ),
        "the shift is one length: it has k numbers": lambda d: d.mean(0).norm(),
        "these are the ways of each image: the shift is their mean": lambda d: d,
    },
    of=lambda move: of_moved(shift=move),
)

mistakes(
    "refine.drift",
    {
        "the scatter holds the shift as well: subtract it first": (
            lambda d, rest: d.square().sum(1).mean().sqrt(),
            lambda d, rest: d.norm(dim=1).mean(),
            lambda d, rest: d.square().mean().sqrt(),
        ),
        "this is the mean distance: the scatter is the root of the mean *square*": (
            lambda d, rest: rest.norm(dim=1).mean()
        ),
        "the square root of the scatter is missing": lambda d, rest: rest.square().sum(1).mean(),
        "an image's squares are averaged over its numbers: add them up": lambda d, rest: rest.square().mean().sqrt(),
        "an image's squares are averaged over its numbers, and the root is missing": lambda d, rest: (
            rest.square().mean()
        ),
        "divided by n − 1: here it is the mean over the n images": (
            lambda d, rest: (rest.square().sum() / (len(rest) - 1)).sqrt(),
            lambda d, rest: d.var(0).sum().sqrt(),
        ),
        "this is the standard deviation of all numbers together, divided by one less: follow the formula": (
            lambda d, rest: rest.std(),
            lambda d, rest: d.std(),
        ),
        "there is a scatter for each of the k numbers: add up their squares, it is one number": (
            lambda d, rest: rest.square().mean(0).sqrt(),
            lambda d, rest: d.std(0),
        ),
        "the roots are added up: add the squares, then take the root": (
            lambda d, rest: rest.square().mean(0).sqrt().sum(),
            lambda d, rest: d.std(0).sum(),
        ),
        "the deviations of the numbers are averaged: add up their squares, then take the root": (
            lambda d, rest: rest.square().mean(0).sqrt().mean(),
            lambda d, rest: d.std(0).mean(),
        ),
        "the scatter is added up over the images: take the mean of the squares": (
            lambda d, rest: rest.square().sum().sqrt()
        ),
        "sizes are added up: the scatter is the root of the mean *square*": (
            lambda d, rest: rest.abs().sum(1).mean(),
            lambda d, rest: rest.abs().mean(),
        ),
        "the root is taken of each image before the mean, and there is one for each": lambda d, rest: rest.norm(dim=1),
        "lengths are compared with the length of the shift: subtract the shift itself, then take lengths": (
            lambda d, rest: (d.norm(dim=1) - d.mean(0).norm()).square().mean().sqrt(),
            lambda d, rest: d.norm(dim=1).std(),
            lambda d, rest: d.norm(dim=1).std(unbiased=False),
        ),
        "squares are missing: the rest itself has mean 0": (
            lambda d, rest: rest.sum(1).mean().sqrt(),
            lambda d, rest: rest.sum(1).mean(),
            lambda d, rest: rest.mean(),
        ),
        "the mean over all of a label's numbers is subtracted: each of the k has its own": (
            lambda d, rest: (d - d.mean()).square().sum(1).mean().sqrt()
        ),
        "the mean of each image is subtracted: subtract the shift": (
            lambda d, rest: (d - d.mean(1, keepdim=True)).square().sum(1).mean().sqrt()
        ),
    },
    of=lambda move: of_moved(scatter=move),
)


@mistake(
    "refine.drift", "in the shift ways there and back cancel no more: take the mean of the ways, not of their sizes"
)
def sizes_everywhere(before, after):
    moved = (after - before).abs()
    return moved.mean(0), (moved - moved.mean(0)).square().sum(1).mean().sqrt()


@mistake("refine.drift", "it compares the two sets, not image with image: d_i is after_i − before_i")
def difference_of_deviations(before, after):
    spread = [v.var(0, unbiased=False).sum().sqrt() for v in (after, before)]
    return after.mean(0) - before.mean(0), spread[0] - spread[1]


# ── patch_size ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("refine.patch_size", instead_of=(refine.patch_size,))
def patch_size(strides: list[int], kernel: int) -> int:
    """The side in pixels of the patch that one logit sees."""
    return refine.patch_size(strides, kernel=kernel)


def layer_by_layer(widen: Callable[[int, int, int, int], tuple[int, int]], *, side: int = 1) -> Callable[..., int]:
    """An answer that keeps the side and the size of a pixel, updated by ``widen`` of both, kernel and stride."""

    def answer(strides, kernel):
        view, pixel = side, 1
        for stride in strides:
            view, pixel = widen(view, pixel, kernel, stride)
        return view

    return answer


def backwards(strides: list[int], widen: Callable[[int, int], int]) -> int:
    """The side from the last layer to the first, updated by ``widen`` of itself and the stride."""
    side = 1
    for stride in strides[::-1]:
        side = widen(side, stride)
    return side


mistakes(
    "refine.patch_size",
    {
        "strides are left out: after a stride of 2 the next layer's pixels are twice as large": (
            lambda v, p, k, s: (v + k - 1, p)
        ),
        "a layer's own stride counts for the layers after it, not for itself": (
            lambda v, p, k, s: (v + (k - 1) * p * s, p * s)
        ),
        "strides are multiplied, not added up": lambda v, p, k, s: (v + (k - 1) * p, p + s),
        "only the stride of the layer just before counts: all strides before it are multiplied": (
            lambda v, p, k, s: (v + (k - 1) * p, s)
        ),
        "only the layer's own stride counts: all strides *before* it are multiplied": (
            lambda v, p, k, s: (v + (k - 1) * s, p)
        ),
        "the view is multiplied from layer to layer: each layer adds (kernel − 1) pixels of its input": (
            lambda v, p, k, s: (v * k, p),
            lambda v, p, k, s: (v * k * p, p * s),
        ),
        "each layer adds kernel − stride pixels: it adds kernel − 1, times the strides before it": (
            lambda v, p, k, s: (v + (k - s) * p, p * s)
        ),
    },
    of=layer_by_layer,
)

mistakes(
    "refine.patch_size",
    {
        "the first pixel is missing: without a layer the view is 1": lambda strides, kernel: (
            patch_size(strides, kernel) - 1
        ),
        "the first layer counts twice: begin with 1, not with kernel": lambda strides, kernel: (
            patch_size(strides, kernel) + kernel - 1
        ),
        "each layer adds kernel − 1 pixels, not kernel": (
            layer_by_layer(lambda v, p, k, s: (v + k * p, p * s)),
            layer_by_layer(lambda v, p, k, s: (v + k * p, p * s), side=0),
        ),
        "this is how far the map is scaled down, not what one logit sees": lambda strides, kernel: math.prod(strides),
        "this is how far the map is scaled down, times the kernel: each layer widens the view by itself": (
            lambda strides, kernel: kernel * math.prod(strides)
        ),
        "from the last layer to the first the side is (side − 1) · stride + kernel: between two pixels there is one "
        "step less": (
            lambda strides, kernel: backwards(strides, lambda side, stride: side * stride + kernel - 1),
            lambda strides, kernel: backwards(strides, lambda side, stride: side * stride + kernel),
        ),
        "this is the area of the patch: its side is asked for": lambda strides, kernel: (
            patch_size(strides, kernel) ** 2
        ),
        "the kernels are added up: only the first layer sees a whole kernel more": (
            lambda strides, kernel: kernel * len(strides)
        ),
        "the kernel is always 3 here: use the argument": lambda strides, kernel: patch_size(strides, 3),
        "the strides are read from the last to the first: from the first to the last": lambda strides, kernel: (
            patch_size(strides[::-1], kernel)
        ),
        "only one layer is looked at: does `return` stand inside of the loop?": lambda strides, kernel: kernel,
        "half the kernel is added: a kernel widens the view on both sides, by kernel − 1 in all": layer_by_layer(
            lambda v, p, k, s: (v + k // 2 * p, p * s)
        ),
        "this is how large the map becomes: how much of the image one of its logits sees is asked for": layer_by_layer(
            lambda v, p, k, s: ((v - k) // s + 1, p)
        ),
        "the last layer is left out": lambda strides, kernel: patch_size(strides[:-1], kernel),
    },
)
