"""Topic ``mixing``: what is right in exercise 02, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from labkit.augment import mixing
from labkit.checks.bank import mistake, mistakes, reference

# ── mixup ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "mixing.mixup",
    instead_of=(mixing.mixup, mixing.manifold_mixup, mixing.synthetic_classification, mixing.synthetic_regression),
)
def mixup(x: Tensor, y: Tensor, partner: Tensor, lambda_: Tensor) -> tuple[Tensor, Tensor]:
    """A batch (B, …) and its soft labels (B, K) mixed with their partners, one λ a pair."""
    return mixing.mixup(x, partner=partner, lambda_=lambda_), mixing.mixup(y, partner=partner, lambda_=lambda_)


def columns(weight: Tensor, x: Tensor) -> Tensor:
    """(B,) shaped to go with x (B, …)."""
    return weight.view(-1, *[1] * (x.ndim - 1))


Rule = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Mixes a batch with a weight a sample, shaped to go with it, and partners (B,)."""


def inputs(rule: Rule) -> Callable[..., Any]:
    """An answer that mixes the labels rightly, and the inputs by a rule."""
    return lambda x, y, partner, lambda_: (rule(x, columns(lambda_, x), partner), mixup(x, y, partner, lambda_)[1])


def labels(rule: Rule) -> Callable[..., Any]:
    """An answer that mixes the inputs rightly, and the labels by a rule."""
    return lambda x, y, partner, lambda_: (mixup(x, y, partner, lambda_)[0], rule(y, columns(lambda_, y), partner))


def both(rule: Rule) -> Callable[..., Any]:
    """An answer that mixes inputs and labels by one rule."""
    return lambda x, y, partner, lambda_: tuple(rule(v, columns(lambda_, v), partner) for v in (x, y))


def along(v: Tensor, w: Tensor, j: Tensor) -> Tensor:
    """The weights along the last dimension; an error, where that isn't as long as the batch."""
    return w.flatten() * v + (1 - w.flatten()) * v[j]


def one_after_another(v: Tensor, w: Tensor, j: Tensor) -> Tensor:
    """Each sample mixed with what has become of its partner."""
    v = v.clone()
    for i, k in enumerate(j.tolist()):
        v[i] = w[i] * v[i] + (1 - w[i]) * v[k]
    return v


ALONG = "λ is multiplied along the {}: (B,) meets the *last* dimension; give it the shape {}"

mistakes("mixing.mixup", {ALONG.format("width", "(B, 1, …, 1)"): along}, of=inputs)
mistakes("mixing.mixup", {ALONG.format("classes", "(B, 1)"): along}, of=labels)
mistakes("mixing.mixup", {ALONG.format("width and the classes", "(B, 1, …, 1)"): along}, of=both)
mistakes(
    "mixing.mixup",
    {
        "the weights of x are exchanged: λ is how much of its own each sample keeps":
            lambda x, w, j: (1 - w) * x + w * x[j],
        "every pair gets the weight of the first: there is one λ a pair":
            lambda x, w, j: w[:1] * x + (1 - w[:1]) * x[j],
        "it mixes with the batch in reverse order: the partner of sample i is x[partner[i]]":
            lambda x, w, j: w * x + (1 - w) * x.flip(0),
        "each sample is mixed with the one whose partner it is: the partner is x[partner]":
            lambda x, w, j: w * x + (1 - w) * x[j.argsort()],
        "it mixes with the sample before: the partner of sample i is x[partner[i]]":
            lambda x, w, j: w * x + (1 - w) * x.roll(1, 0),
        "x is mixed sample after sample in one tensor, so that later ones get mixed partners: take them from the old x":
            one_after_another,
        "the partner keeps its full weight: the two weights add up to 1": lambda x, w, j: w * x + x[j],
        "the sample keeps its full weight: the two weights add up to 1": lambda x, w, j: x + (1 - w) * x[j],
        "the partner's part is missing: add (1 − λ) times the partner": lambda x, w, j: w * x,
        "the partner is weighed by its own λ: both weights are those of the pair i":
            lambda x, w, j: w * x + (1 - w[j]) * x[j],
        "the inputs are not mixed": lambda x, w, j: x.clone(),
        "the inputs are those of the partners": lambda x, w, j: x[j],
        "the larger of λ and 1 − λ goes to the sample itself: take λ as it is":
            lambda x, w, j: torch.maximum(w, 1 - w) * x + torch.minimum(w, 1 - w) * x[j],
        "the inputs are mixed half and half: use λ": lambda x, w, j: (x + x[j]) / 2,
    },
    of=inputs,
)  # fmt: skip
mistakes(
    "mixing.mixup",
    {
        "the labels are not mixed: the picture is half another, and its label must say so": lambda y, w, j: y.clone(),
        "the weights of the labels are exchanged: the same λ for inputs and labels":
            lambda y, w, j: (1 - w) * y + w * y[j],
        "the labels are those of the partners": lambda y, w, j: y[j],
        "every label gets the weight of the first: there is one λ a pair":
            lambda y, w, j: w[:1] * y + (1 - w[:1]) * y[j],
        "the labels are mixed half and half: use λ, as for the inputs": lambda y, w, j: (y + y[j]) / 2,
        "the labels are made hard: keep the probabilities":
            lambda y, w, j: F.one_hot((w * y + (1 - w) * y[j]).argmax(1), y.shape[1]).to(y.dtype),
        "the label is that of the sample with the larger weight: mix both, with λ":
            lambda y, w, j: torch.where(w >= 0.5, y, y[j]),
        "the partner's label keeps its full weight: the two weights add up to 1": lambda y, w, j: w * y + y[j],
        "the partner's label is missing: add (1 − λ) times it": lambda y, w, j: w * y,
        "the labels are classes, not probabilities: keep the shape (B, K)":
            lambda y, w, j: (w * y + (1 - w) * y[j]).argmax(1),
    },
    of=labels,
)  # fmt: skip
mistakes(
    "mixing.mixup",
    {
        "all weights are exchanged: λ is how much of its own each sample keeps": lambda v, w, j: (1 - w) * v + w * v[j],
        "every pair gets the weight of the first, in inputs and labels: there is one λ a pair":
            lambda v, w, j: w[:1] * v + (1 - w[:1]) * v[j],
        "inputs and labels are mixed in one tensor, so that later samples get mixed partners: take the old ones":
            one_after_another,
        "the partner of sample i is x[partner[i]], not the partner of its partner":
            lambda v, w, j: w * v + (1 - w) * v[j[j]],
        "every pair gets the mean weight: there is one λ a pair": lambda v, w, j: w.mean() * v + (1 - w.mean()) * v[j],
        "it mixes inputs and labels with the batch in reverse order: the partner of sample i is x[partner[i]]":
            lambda v, w, j: w * v + (1 - w) * v.flip(0),
        "the partners keep their full weight, in inputs and labels: the two weights add up to 1":
            lambda v, w, j: w * v + v[j],
    },
    of=both,
)  # fmt: skip


@mistake("mixing.mixup", "the labels come first: return the inputs, then the labels")
def returns_the_labels_first(x, y, partner, lambda_):
    return mixup(x, y, partner, lambda_)[::-1]


@mistake("mixing.mixup", says="expected 2 values: mixed input, mixed label")
def forgets_to_return_the_labels(x, y, partner, lambda_):
    return mixup(x, y, partner, lambda_)[0]


@mistake("mixing.mixup", says="changes its input `x` in place")
def writes_into_the_batch(x, y, partner, lambda_):
    mixed = mixup(x, y, partner, lambda_)
    return x.copy_(mixed[0]), mixed[1]


# ── soft_cross_entropy ────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "mixing.soft_cross_entropy",
    instead_of=(mixing.soft_cross_entropy,),
    only={
        "large logits": "it is right for small logits: `exp` of large ones overflows. Use `log_softmax`",
        "labels of 0 and 1": "it is right for labels between 0 and 1: look at labels of exactly 0 and 1",
    },
)
def soft_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy of logits (B, K) with labels that are probabilities (B, K): one number."""
    return mixing.soft_cross_entropy(logits, y)


def of_logs(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of the labels and the logarithms of the softmax."""
    return lambda logits, y: loss(y, logits.log_softmax(1))


mistakes(
    "mixing.soft_cross_entropy",
    {
        "the minus is missing: log-probabilities are below 0, a loss is above":
            lambda y, logs: (y * logs).sum(1).mean(),
        "it averages over the classes too: sum over the classes, then take the mean over the batch":
            lambda y, logs: -(y * logs).mean(),
        "it adds up the batch: take the mean over the samples": lambda y, logs: -(y * logs).sum(),
        "it sums over the batch and averages over the classes: the other way round":
            lambda y, logs: -(y * logs).sum(0).mean(),
        "it returns a loss for each sample: take the mean over the batch": lambda y, logs: -(y * logs).sum(1),
        "it returns a loss for each class of each sample: sum over the classes, take the mean over the batch":
            lambda y, logs: -y * logs,
        "it takes the most probable class for the label: sum over all classes, weighted by y":
            lambda y, logs: F.nll_loss(logs, y.argmax(1)),
        "the entropy of the labels is subtracted: that is the Kullback-Leibler divergence":
            lambda y, logs: (torch.special.xlogy(y, y) - y * logs).sum(1).mean(),
        "the entropy of the labels is subtracted, and it averages over the classes too: that is another divergence":
            lambda y, logs: (torch.special.xlogy(y, y) - y * logs).mean(),
        "labels and predictions are exchanged in the Kullback-Leibler divergence; the cross-entropy is asked for":
            lambda y, logs: (logs.exp() * (logs - y.log())).sum(1).mean(),
        "the logarithm is taken of the labels: it belongs to the predictions":
            lambda y, logs: -(logs.exp() * y.log()).sum(1).mean(),
        "the logarithm is missing": lambda y, logs: -(y * logs.exp()).sum(1).mean(),
        "the logarithm is to base 2: take the natural one":
            lambda y, logs: -(y * logs).sum(1).mean() / torch.tensor(2.0).log(),
        "the softmax is taken twice": lambda y, logs: -(y * logs.exp().log_softmax(1)).sum(1).mean(),
        "each class has a yes and a no (binary cross-entropy): here the classes share one softmax":
            lambda y, logs: F.binary_cross_entropy(logs.exp(), y, reduction="none").sum(1).mean(),
        "it is the squared distance of probabilities and labels: take the cross-entropy": (
            lambda y, logs: (y - logs.exp()).square().sum(1).mean(),
            lambda y, logs: F.mse_loss(logs.exp(), y),
        ),
        "each class has a weight of 1: weigh the logarithms by y": lambda y, logs: -logs.sum(1).mean(),
        "the largest label alone counts: sum over all classes":
            lambda y, logs: -(y * logs).gather(1, y.argmax(1)[:, None]).mean(),
    },
    of=of_logs,
)  # fmt: skip
mistakes(
    "mixing.soft_cross_entropy",
    {
        "the softmax runs over the batch: it runs over the classes, dim=1":
            lambda logits, y: -(y * logits.log_softmax(0)).sum(1).mean(),
        "the softmax and the sum run over the batch: they run over the classes, dim=1":
            lambda logits, y: -(y * logits.log_softmax(0)).sum(0).mean(),
        "it is the squared distance of logits and labels: take the cross-entropy": F.mse_loss,
        "the softmax is missing: logits are no probabilities": lambda logits, y: -(y * logits).sum(1).mean(),
        "the logarithm of a softmax is infinite where a probability rounds to 0: `log_softmax` stays finite": (
            lambda logits, y: -(y * logits.softmax(1).log()).sum(1).mean(),
            lambda logits, y: -(y * (logits.exp() / logits.exp().sum(1, keepdim=True)).log()).sum(1).mean(),
            lambda logits, y: -(y * (logits - logits.exp().sum(1, keepdim=True).log())).sum(1).mean(),
        ),
        "a small number is added inside the logarithm: for large logits the loss is cut. `log_softmax` needs none": (
            lambda logits, y: -(y * (logits.softmax(1) + 1e-8).log()).sum(1).mean(),
            lambda logits, y: -(y * (logits.softmax(1) + 1e-9).log()).sum(1).mean(),
            lambda logits, y: -(y * (logits.softmax(1) + 1e-10).log()).sum(1).mean(),
            lambda logits, y: -(y * (logits.softmax(1) + 1e-12).log()).sum(1).mean(),
            lambda logits, y: -(y * logits.softmax(1).clamp_min(1e-8).log()).sum(1).mean(),
            lambda logits, y: -(y * logits.softmax(1).clamp_min(1e-12).log()).sum(1).mean(),
        ),
        "the labels are put through a softmax: they are probabilities already":
            lambda logits, y: soft_cross_entropy(logits, y.softmax(1)),
        "logits and labels are exchanged": lambda logits, y: -(logits.softmax(1) * y.log_softmax(1)).sum(1).mean(),
    },
)  # fmt: skip

for without_gradient in (
    lambda logits, y: soft_cross_entropy(logits, y).detach(),
    lambda logits, y: soft_cross_entropy(logits, y).item(),
    lambda logits, y: torch.tensor(soft_cross_entropy(logits.detach(), y).numpy()),
    torch.no_grad()(lambda logits, y: soft_cross_entropy(logits, y)),
):
    mistake("mixing.soft_cross_entropy", says="no gradient reaches `logits`")(without_gradient)


# ── cut_boxes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "mixing.cut_boxes",
    instead_of=(mixing.cutmix_boxes, mixing.share_kept, mixing.cutmix),
    only={
        "λ = 0 and λ = 1": "it is right but for λ = 0 (sides as long as the picture's) or λ = 1 (an empty box)",
        "a box at a corner": "it is right where the box lies in the picture: look at one that is cut off",
    },
)
def cut_boxes(lambda_: Tensor, centres: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """CutMix's boxes (B, 4) and the share of its own pixels that each picture keeps (B,)."""
    boxes = mixing.cutmix_boxes(lambda_, centres=centres, size=(height, width))
    return boxes, mixing.share_kept(boxes, size=(height, width)).to(lambda_.dtype)


def reach(lambda_: Tensor, centres: Tensor, height: int, width: int, *, factor: float = 0.5,
          whole: Callable[[Tensor], Tensor] = torch.floor) -> Tensor:  # fmt: skip
    """The boxes before they are cut off."""
    half = whole(factor * (1 - lambda_.double()).sqrt()[:, None] * torch.tensor([width, height])).long()
    return torch.cat([centres - half, centres + half], 1)


def edges(lambda_: Tensor, centres: Tensor, height: int, width: int) -> Tensor:
    """The boxes before they are cut off, with decimals."""
    half = 0.5 * (1 - lambda_.double()).sqrt()[:, None] * torch.tensor([width, height])
    return torch.cat([centres - half, centres + half], 1)


def moved_inside(lambda_: Tensor, centres: Tensor, height: int, width: int) -> Tensor:
    """The boxes, moved so that nothing lies outside."""
    half = reach(lambda_, centres, height, width)[:, 2:] - centres
    inside = torch.minimum(torch.maximum(centres, half), torch.tensor([width, height]) - half)
    return torch.cat([inside - half, inside + half], 1)


def cut(boxes: Tensor, width: int, height: int) -> Tensor:
    """Boxes (left, top, right, bottom), cut off."""
    return torch.minimum(boxes.clamp_min(0), torch.tensor([width, height, width, height]))


def area(boxes: Tensor) -> Tensor:
    """The area of each box."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def boxes_by(rule: Callable[..., Tensor]) -> Callable[..., Any]:
    """An answer whose boxes come from a rule, and whose shares fit them."""

    def answer(lambda_, centres, height, width):
        boxes = rule(lambda_, centres, height, width)
        return boxes, 1 - area(boxes).to(lambda_.dtype) / (height * width)

    return answer


def shares_by(rule: Callable[..., Tensor]) -> Callable[..., Any]:
    """An answer with the right boxes, and shares by a rule: λ, the area before and after cutting off, all pixels."""

    def answer(lambda_, centres, height, width):
        boxes = cut_boxes(lambda_, centres, height, width)[0]
        uncut = area(reach(lambda_, centres, height, width)).to(lambda_.dtype)
        return boxes, rule(lambda_, uncut, area(boxes).to(lambda_.dtype), height * width)

    return answer


mistakes(
    "mixing.cut_boxes",
    {
        "the box reaches out of the picture: cut it off at 0 and at the width and height": reach,
        "the box is cut off on the left and above only: `clamp(0, width)`, `clamp(0, height)`":
            lambda v, c, h, w: reach(v, c, h, w).clamp_min(0),
        "the box is cut off on the right and below only: `clamp(0, width)`, `clamp(0, height)`":
            lambda v, c, h, w: torch.minimum(reach(v, c, h, w), torch.tensor([w, h, w, h])),
        "the edges are cut off at the last pixel: right and bottom may be the width and the height":
            lambda v, c, h, w: cut(reach(v, c, h, w), w - 1, h - 1),
        "the box is twice as wide and high: it reaches *half* a side to each side of its centre":
            lambda v, c, h, w: cut(reach(v, c, h, w, factor=1.0), w, h),
        "the box is half as wide and high: half a side is ½ √(1 − λ), from the centre to each edge":
            lambda v, c, h, w: cut(reach(v, c, h, w, factor=0.25), w, h),
        "the sides shrink with 1 − λ, so the area with its square: they are √(1 − λ) of the picture's":
            lambda v, c, h, w: cut(reach(1 - (1 - v) ** 2, c, h, w), w, h),
        "the box has the area λ: the partner's share is 1 − λ": lambda v, c, h, w: cut(reach(1 - v, c, h, w), w, h),
        "the sides are 1 − √λ: take √(1 − λ)": lambda v, c, h, w: cut(reach(1 - (1 - v.sqrt()) ** 2, c, h, w), w, h),
        "height and width are exchanged: x and the left and right edges go with the width": (
            lambda v, c, h, w: cut(reach(v, c, w, h), h, w),
            lambda v, c, h, w: cut(reach(v, c, w, h), w, h),
        ),
        "the edges are cut off at the wrong side: x at the width, y at the height":
            lambda v, c, h, w: cut(reach(v, c, h, w), h, w),
        "the order is (left, top, right, bottom): x first": (
            lambda v, c, h, w: cut(reach(v, c, h, w), w, h)[:, [1, 0, 3, 2]],
            lambda v, c, h, w: cut(reach(v, c, h, w)[:, [1, 0, 3, 2]], h, w),
        ),
        "the centre is (x, y): x first": lambda v, c, h, w: cut(reach(v, c.flip(1), h, w), w, h),
        "the edges are cut to whole numbers, not half a side: cut off the decimals of a and b first": (
            lambda v, c, h, w: cut(edges(v, c, h, w), w, h).long(),
            lambda v, c, h, w: cut(edges(v, c, h, w).long(), w, h),
        ),
        "half a side is rounded: cut off its decimals":
            lambda v, c, h, w: cut(reach(v, c, h, w, whole=torch.round), w, h),
        "half a side is rounded up: cut off its decimals":
            lambda v, c, h, w: cut(reach(v, c, h, w, whole=torch.ceil), w, h),
        "the box begins at (u, v): that is its centre": lambda v, c, h, w: cut(
            torch.cat([c, 2 * reach(v, c, h, w)[:, 2:] - c], 1), w, h),
        "the box is moved into the picture: leave it where it is, and cut off what lies outside": moved_inside,
        "the far edges are counted from the near ones after these were cut off: count all four from the centre":
            lambda v, c, h, w: cut(reach(v, c, h, w) - reach(v, c, h, w)[:, [0, 1, 0, 1]].clamp(max=0), w, h),
        "the pixel of the centre comes on top: the box is x[..., top:bottom, left:right], 2a wide":
            lambda v, c, h, w: cut(reach(v, c, h, w) + torch.tensor([0, 0, 1, 1]), w, h),
        "the box is a square: a goes with the width, b with the height": (
            lambda v, c, h, w: cut(reach(v, c, w, w), w, h),
            lambda v, c, h, w: cut(reach(v, c, h, h), w, h),
        ),
        "every box is made with the first λ: each picture has its own":
            lambda v, c, h, w: cut(reach(v[:1].expand_as(v), c, h, w), w, h),
    },
    of=boxes_by,
)  # fmt: skip
mistakes(
    "mixing.cut_boxes",
    {
        "the label takes λ: it must go by the area that is left after cutting off":
            lambda v, uncut, inside, n: v.clone(),
        "it is the share of the *partner*: return 1 minus it": lambda v, uncut, inside, n: inside / n,
        "the area is that of the box before it was cut off": lambda v, uncut, inside, n: 1 - uncut / n,
        "it is the share of the *partner*, before it was cut off: return 1 minus the area that is left":
            lambda v, uncut, inside, n: uncut / n,
        "it is a number of pixels: divide by height · width": lambda v, uncut, inside, n: n - inside,
        "it is the box's number of pixels: divide by height · width and subtract from 1":
            lambda v, uncut, inside, n: inside,
        "every picture gets the mean share: each has its own":
            lambda v, uncut, inside, n: (1 - inside / n).mean().expand_as(v),
        "it is rounded to whole numbers: divide as decimals": lambda v, uncut, inside, n: 1 - inside // n,
    },
    of=shares_by,
)  # fmt: skip


@mistake("mixing.cut_boxes", "it gives (left, top, width, height): the last two are the right and the bottom edge")
def gives_sides_for_edges(lambda_, centres, height, width):
    boxes, kept = cut_boxes(lambda_, centres, height, width)
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1), kept


@mistake("mixing.cut_boxes", "the box's shares of the width and of the height are averaged: multiply them")
def averages_the_sides(lambda_, centres, height, width):
    boxes = cut_boxes(lambda_, centres, height, width)[0]
    return boxes, 1 - ((boxes[:, 2:] - boxes[:, :2]) / torch.tensor([width, height])).mean(1)


@mistake("mixing.cut_boxes", "the order is (left, top, right, bottom): both corners, one after the other")
def gives_left_right_top_bottom(lambda_, centres, height, width):
    boxes, kept = cut_boxes(lambda_, centres, height, width)
    return boxes[:, [0, 2, 1, 3]], kept


@mistake("mixing.cut_boxes", "the four edges are rows: stack them along dim=1, so that each picture has a row")
def stacks_along_the_batch(lambda_, centres, height, width):
    boxes, kept = cut_boxes(lambda_, centres, height, width)
    return boxes.T, kept


@mistake("mixing.cut_boxes", says="whole numbers")
def leaves_decimals(lambda_, centres, height, width):
    boxes, kept = cut_boxes(lambda_, centres, height, width)
    return boxes.float(), kept


# ── similarity ────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "mixing.similarity",
    instead_of=(mixing.similarity, mixing.similar_partners),
    only={"targets far apart": "it is right for targets near each other: far apart, exponentials round to 0"},
)
def similarity(y: Tensor, sigma: float) -> Tensor:
    """C-Mixup's probabilities of partners (B, B) from targets (B, T)."""
    return mixing.similarity(y, sigma=sigma)


def of_exponent(rule: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of what stands in the exponent."""
    return lambda y, sigma: rule(-squared(y) / (2 * sigma**2))


def squared(y: Tensor) -> Tensor:
    """The squared distances (B, B)."""
    return (y[:, None] - y[None]).square().sum(-1)


mistakes(
    "mixing.similarity",
    {
        "the rows don't add up to 1: divide each by its sum": torch.exp,
        "the columns add up to 1: row i holds the partners of sample i, so divide each row by its sum, "
        "`sum(dim=1, keepdim=True)`": (lambda e: e.softmax(0), lambda e: e.exp() / e.exp().sum(1)),
        "the whole matrix adds up to 1: each row must": lambda e: e.exp() / e.exp().sum(),
        "the 2 is missing: divide the squared distance by 2σ²": lambda e: (2 * e).softmax(1),
        "the 2 is squared too: divide the squared distance by 2σ², not by (2σ)²": lambda e: (e / 2).softmax(1),
        "the squared distance is divided by σ²/2: write `/ (2 * sigma**2)`": lambda e: (4 * e).softmax(1),
        "the minus is missing: it prefers partners that are far away": lambda e: (-e).softmax(1),
        "a sample can't be its own partner here: keep the diagonal": (
            lambda e: e.exp().fill_diagonal_(0) / e.exp().fill_diagonal_(0).sum(1, keepdim=True),
            lambda e: e.masked_fill(torch.eye(len(e), dtype=torch.bool), -torch.inf).softmax(1),
            lambda e: e.softmax(1) * (1 - torch.eye(len(e), dtype=e.dtype)),
        ),
        "the softmax is taken of the exponential: take it of the exponent": lambda e: e.exp().softmax(1),
        "the exponential is missing": (lambda e: e / e.sum(1, keepdim=True), lambda e: e),
        "the logarithms of the probabilities are returned": lambda e: e.log_softmax(1),
        "each row is divided by its length: divide by its sum": lambda e: F.normalize(e.exp(), dim=1),
        "each row is divided by the number of samples: divide by its sum": lambda e: e.exp() / len(e),
    },
    of=of_exponent,
)  # fmt: skip
mistakes(
    "mixing.similarity",
    {
        "σ is not squared": lambda y, s: (-squared(y) / (2 * s)).softmax(1),
        "σ is missing": lambda y, s: (-squared(y) / 2).softmax(1),
        "it multiplies by 2σ²: divide": lambda y, s: (-squared(y) * 2 * s**2).softmax(1),
        "it divides by 2 and multiplies by σ²: write `/ (2 * sigma**2)`":
            lambda y, s: (-squared(y) / 2 * s**2).softmax(1),
        "the distance is not squared": lambda y, s: (-squared(y).sqrt() / (2 * s**2)).softmax(1),
        "the distance is the sum of absolute values: add up squares":
            lambda y, s: (-(y[:, None] - y[None]).abs().sum(-1) / (2 * s**2)).softmax(1),
        "the distance is the sum of absolute values, squared: add up squares":
            lambda y, s: (-(y[:, None] - y[None]).abs().sum(-1).square() / (2 * s**2)).softmax(1),
        "the differences of a target's numbers are added up before they are squared: square each":
            lambda y, s: (-(y[:, None] - y[None]).sum(-1).square() / (2 * s**2)).softmax(1),
        "the squares are averaged over the numbers of a target: add them up":
            lambda y, s: (-(y[:, None] - y[None]).square().mean(-1) / (2 * s**2)).softmax(1),
        "only the first number of a target is compared: add up the squared differences of all":
            lambda y, s: similarity(y[:, :1], s),
        "each number of a target has a softmax of its own: add up the squares first, then take one softmax": (
            lambda y, s: (-(y[:, None] - y[None]).square() / (2 * s**2)).softmax(1).mean(-1),
            lambda y, s: (-(y[:, None] - y[None]).square() / (2 * s**2)).softmax(1),
        ),
        "it compares by the inner product: take the squared distance": lambda y, s: (y @ y.T / (2 * s**2)).softmax(1),
        "there is a factor before the exponential, as in the normal density: a probability needs the row's sum":
            lambda y, s: (-squared(y) / (2 * s**2)).exp() / (s * (2 * torch.pi) ** 0.5),
    },
)  # fmt: skip


# ── sampling_weights ──────────────────────────────────────────────────────────────────────────────────────────────────


@reference("mixing.sampling_weights", instead_of=(mixing.class_weights, mixing.balanced_sample))
def sampling_weights(y: Tensor, classes: int) -> Tensor:
    """The probability (N,) of drawing each sample so that all classes that occur are drawn equally often."""
    weight = mixing.class_weights(mixing.class_counts(y, classes=classes))[y]
    return weight / weight.sum()


def of_counts(rule: Callable[[Tensor, Tensor, int], Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of how many samples each class has, the labels, and the number of classes."""
    return lambda y, classes: rule(torch.bincount(y, minlength=classes).float(), y, classes)


def normal(weight: Tensor) -> Tensor:
    """Weights divided by their sum."""
    return weight / weight.sum()


mistakes(
    "mixing.sampling_weights",
    {
        "the probabilities don't add up to 1: divide by their sum": (
            lambda n, y, k: 1 / n[y],
            lambda n, y, k: len(y) / n[y],
            lambda n, y, k: len(y) / (k * n[y]),
        ),
        "it returns one number a class: give every *sample* its class's weight, `weight[y]`": (
            lambda n, y, k: normal(1 / n.clamp_min(1)),
            lambda n, y, k: normal(1 / n),
            lambda n, y, k: 1 / n,
            lambda n, y, k: normal(torch.where(n > 0, 1 / n, 0 * n)),
            lambda n, y, k: n / n.sum(),
        ),
        "a class without samples takes a share that nobody gets: count the classes that *occur*":
            lambda n, y, k: 1 / n[y] / k,
        "a class without samples has the weight 1 / 0, and the sum is infinite: divide by the sum over the *samples*":
            lambda n, y, k: normal(1 / n)[y],
        "the weights add up to 1 over the classes: divide by the sum over the *samples*": (
            lambda n, y, k: normal(torch.where(n > 0, 1 / n, 0 * n))[y],
            lambda n, y, k: normal(1 / n.clamp_min(1))[y],
        ),
        "frequent classes are drawn even more often: the weight is 1 / n, not n": lambda n, y, k: normal(n[y]),
        "all samples are drawn alike, so frequent classes more often": lambda n, y, k: normal(torch.ones(len(y))),
        "each sample has its class's share: the weight is 1 / n": lambda n, y, k: n[y] / len(y),
        "the weight of a class is shared among its samples twice: 1 / n, not 1 / n²":
            lambda n, y, k: normal(n[y] ** -2),
        "1 − n/N does not balance the classes: 1 / n does": lambda n, y, k: normal(1 - n[y] / len(y)),
        "n_max − n does not balance the classes: 1 / n does": lambda n, y, k: normal(n.max() - n[y]),
        "the square root of 1 / n balances the classes only halfway": lambda n, y, k: normal(n[y] ** -0.5),
        "the logarithm does not balance the classes: 1 / n does": lambda n, y, k: normal(1 / (1 + n[y]).log()),
        "exp(−n) does not balance the classes: 1 / n does": lambda n, y, k: normal((-n[y]).exp()),
        "a softmax of 1 / n does not balance the classes: divide 1 / n by its sum":
            lambda n, y, k: (1 / n[y]).softmax(0),
        "1 / n is a whole-number division: divide as decimals": lambda n, y, k: normal((n.sum() // n.clamp(min=1))[y]),
        "weights by the effective number of samples balance the classes only in part: 1 / n does": (
            lambda n, y, k: normal(1 / (1 - 0.9 ** n[y])),
            lambda n, y, k: normal(1 / (1 - 0.99 ** n[y])),
            lambda n, y, k: normal(1 / (1 - 0.999 ** n[y])),
        ),
        "it adds 1 to the counts: the classes are not drawn equally often": lambda n, y, k: normal(1 / (n[y] + 1)),
        "each sample has the weight 1 / classes: divide that by the number of its class's samples":
            lambda n, y, k: torch.full((len(y),), 1 / k),
        "the weights are in the order of the classes: index with `y`, so that each sample has its own":
            lambda n, y, k: normal(1 / n[y])[y.argsort()],
    },
    of=of_counts,
)  # fmt: skip


# ── smote ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "mixing.smote",
    instead_of=(mixing.neighbours, mixing.smote_step, mixing.smote, mixing.mixup),
    only={"equal samples": "it is right where all samples differ: another one at distance 0 is a neighbour, too"},
)
def smote(x: Tensor, base: Tensor, rank: Tensor, gap: Tensor) -> Tensor:
    """New samples (M, D): from x[base] a share ``gap`` of the way to its neighbour number ``rank``, 0 the nearest."""
    return towards(x, base, neighbour(x, base, rank), gap[:, None])


def order(x: Tensor) -> Tensor:
    """All samples by their distance from each, itself first: (N, N)."""
    distance = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distance.fill_diagonal_(-1).argsort(1)


def neighbour(x: Tensor, base: Tensor, rank: Tensor) -> Tensor:
    """The indices of the neighbours, for a rank from −1 (itself) to N − 2."""
    return order(x)[base, (rank + 1).clamp(0, len(x) - 1)]


def towards(x: Tensor, base: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """From x[base] a share of the way to x[other]."""
    return x[base] + share * (x[other] - x[base])


def without_equals(x: Tensor, base: Tensor, rank: Tensor) -> Tensor:
    """The neighbours at a distance above 0; the farthest where there are too few."""
    chosen = []
    for b, r in zip(base.tolist(), rank.tolist()):
        others = [j for j in order(x)[b].tolist() if not torch.equal(x[j], x[b])]
        chosen.append(others[min(r, len(others) - 1)])
    return torch.tensor(chosen)


def by_neighbour(choose: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that goes the right share of the way to a neighbour, which ``choose`` gives."""
    return lambda x, base, rank, gap: towards(x, base, choose(x, base, rank), gap[:, None])


def by_step(step: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that chooses the right neighbour; the new sample is a function of both samples and the gap (M, 1)."""
    return lambda x, base, rank, gap: step(x[base], x[neighbour(x, base, rank)], gap[:, None])


mistakes(
    "mixing.smote",
    {
        "a sample counts as its own nearest neighbour: leave it out":
            lambda x, base, rank: neighbour(x, base, rank - 1),
        "it always goes towards the nearest neighbour: towards number `rank`":
            lambda x, base, rank: neighbour(x, base, 0 * rank),
        "it counts neighbours from 1: number 0 is the nearest": lambda x, base, rank: neighbour(x, base, rank + 1),
        "it goes towards the farthest: sort the distances from small to large": (
            lambda x, base, rank: order(x).flip(1)[base, rank],
            lambda x, base, rank: order(x).flip(1).roll(1, 1)[base, rank],
        ),
        "it takes the neighbours of sample number i, not of sample base[i]":
            lambda x, base, rank: neighbour(x, torch.arange(len(base)) % len(x), rank),
        "all new samples go to the neighbour of the first rank: each has its own":
            lambda x, base, rank: neighbour(x, base, rank[:1].expand_as(rank)),
        "it goes towards sample number `rank`: towards the neighbour with that rank": lambda x, base, rank: rank,
        "it goes towards sample number `rank` of the others: sort them by their distance":
            lambda x, base, rank: rank + (rank >= base),
        "equal samples are left out: another sample at distance 0 is the nearest neighbour": without_equals,
        "the ranks of the samples are taken for their indices: `argsort` once": (
            lambda x, base, rank: order(x).argsort(1)[base, rank + 1],
            lambda x, base, rank: torch.cdist(x, x).argsort(1).argsort(1)[base, rank + 1],
        ),
        "distances are sums of absolute differences: take Euclidean ones, `torch.cdist(x, x)`":
            lambda x, base, rank: torch.cdist(x, x, p=1).fill_diagonal_(-1).argsort(1)[base, rank + 1],
        "it compares by the first feature alone": lambda x, base, rank: neighbour(x[:, :1], base, rank),
    },
    of=by_neighbour,
)  # fmt: skip
mistakes(
    "mixing.smote",
    {
        "the gap is measured from the neighbour: start at x[base]": lambda a, b, w: b + w * (a - b),
        "every new sample gets the gap of the first: there is one gap a sample": lambda a, b, w: a + w[:1] * (b - a),
        "it adds a share of the neighbour: add a share of the *difference*": lambda a, b, w: a + w * b,
        "it goes away from the neighbour: the difference is x_j − x_i": lambda a, b, w: a + w * (a - b),
        "x[base] is missing: add the share of the difference to it": lambda a, b, w: w * (b - a),
        "it returns the neighbours": lambda a, b, w: b.clone(),
        "it returns the old samples": lambda a, b, w: a.clone(),
        "it goes half of the way: go the share `gap`": lambda a, b, w: (a + b) / 2,
        "the gap is multiplied along the features: give it the shape (M, 1)":
            lambda a, b, w: a + w.T * (b - a),
    },
    of=by_step,
)  # fmt: skip


@mistake("mixing.smote", "it starts at sample number i: start at x[base[i]]")
def starts_at_the_wrong_sample(x, base, rank, gap):
    i = torch.arange(len(base)) % len(x)
    return x[i] + gap[:, None] * (x[neighbour(x, base, rank)] - x[i])


@mistake("mixing.smote", "the old samples come with the new ones: return the new ones alone")
def returns_the_old_ones_too(x, base, rank, gap):
    return torch.cat([x, smote(x, base, rank, gap)])
