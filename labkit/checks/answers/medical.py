"""Topic ``medical``: what is right in exercise 09, and what is likely wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from labkit import masks
from labkit.augment import medical
from labkit.checks.bank import mistake, mistakes, reference

# ── dice ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("medical.dice", instead_of=(masks.dice, masks.soft_dice_loss))
def dice(predicted: Tensor, mask: Tensor) -> Tensor:
    """2 |P ∩ M| / (|P| + |M|) of each picture; 1 where both are empty."""
    return masks.dice(predicted, mask)


def counts(p: Tensor, m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels in both, in P, in M, of each picture."""
    return (p & m).sum((1, 2)).float(), p.sum((1, 2)).float(), m.sum((1, 2)).float()


def ratio(over: Tensor, under: Tensor, empty: float = 1.0) -> Tensor:
    """A quotient, and a number where nothing is divided by nothing."""
    return torch.where(under > 0, over / under.clamp_min(1e-9), empty)


Rule = Callable[..., Any]


def of_counts(rule: Rule) -> Rule:
    """An answer from the three counts."""
    return lambda p, m: rule(*counts(p, m))


mistakes(
    "medical.dice",
    {
        "0/0: where both masks are empty they agree, and the Dice is 1": (
            lambda n, a, b: 2 * n / (a + b),
            lambda n, a, b: ratio(2 * n, a + b, 0.0),
            lambda n, a, b: 2 * n / (a + b + 1e-8),
            lambda n, a, b: 2 * n / (a + b).clamp_min(1),
        ),
        "the factor 2 is missing: both masks are counted below": lambda n, a, b: ratio(n, a + b),
        "that is the Jaccard index, |P ∩ M| / |P ∪ M|: for Dice add the sizes of the two masks":
            lambda n, a, b: ratio(n, a + b - n),
        "it divides by the union: for Dice add the sizes of the two masks": (
            lambda n, a, b: ratio(2 * n, a + b - n),
            lambda n, a, b: 2 * n / (a + b - n),
        ),
        "that is the recall, |P ∩ M| / |M|: what was predicted too much must count too": lambda n, a, b: ratio(n, b),
        "that is the precision, |P ∩ M| / |P|: what was missed must count too": lambda n, a, b: ratio(n, a),
        "a 1 is added above and below: that changes every value; only for two empty masks the Dice is set to 1": (
            lambda n, a, b: (2 * n + 1) / (a + b + 1)
        ),
        "where one of the two masks is empty the Dice is 0: it is 1 only where both are":
            lambda n, a, b: torch.where((a == 0) | (b == 0), 1.0, ratio(2 * n, a + b)),
        "that is one minus the Dice, a loss": lambda n, a, b: 1 - ratio(2 * n, a + b),
    },
    of=of_counts,
)  # fmt: skip


def over_the_batch(p: Tensor, m: Tensor) -> Tensor:
    """One Dice of all pixels."""
    return ratio(2 * (p & m).sum(), p.sum() + m.sum())


mistakes(
    "medical.dice",
    {
        "the pixels of all pictures are counted together: a large lesion would hide the small ones; "
        "count each picture by itself": (
            over_the_batch,
            lambda p, m: over_the_batch(p, m).expand(len(p)),
        ),
        "the mean over the batch is returned: give one number a picture": lambda p, m: dice(p, m).mean(),
        "each row is counted by itself: sum over height and width": lambda p, m: ratio(
            2 * (p & m).sum(2), p.sum(2) + m.sum(2)
        ),
        "pixels where both masks are 0 count as agreement: Dice counts the lesion only": (
            lambda p, m: (p == m).float().mean((1, 2))
        ),
    },
)


# ── augment_pair ──────────────────────────────────────────────────────────────────────────────────────────────────────


def look_up(v: Tensor, theta: Tensor, *, mode: str = "bilinear", edge: str = "zeros", grid: bool = False,
            pixels: bool = False) -> Tensor:  # fmt: skip
    """Images (B, C, H, W) under the maps; ``grid``, ``pixels``: the other convention for corners in a step."""
    places = F.affine_grid(theta, list(v.shape), align_corners=grid)
    return F.grid_sample(v, places, mode=mode, padding_mode=edge, align_corners=pixels)


def classes(mask: Tensor, theta: Tensor, **knobs: Any) -> Tensor:
    """A mask of classes (B, H, W) under the maps, as floats."""
    return look_up(mask[:, None].to(theta.dtype), theta, **knobs)[:, 0]


@reference("medical.augment_pair")
def augment_pair(x: Tensor, mask: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Both under the same maps: the picture between pixels, the mask by the nearest."""
    return look_up(x, theta), classes(mask, theta, mode="nearest").to(mask.dtype)


def of_mask(rule: Rule) -> Rule:
    """An answer with a right picture."""
    return lambda x, mask, theta: (look_up(x, theta), rule(mask, theta))


def of_picture(rule: Rule) -> Rule:
    """An answer with a right mask."""
    return lambda x, mask, theta: (rule(x, theta), augment_pair(x, mask, theta)[1])


def of_maps(rule: Rule) -> Rule:
    """An answer under other maps."""
    return lambda x, mask, theta: augment_pair(x, mask, rule(theta))


def by_shares(mask: Tensor, theta: Tensor) -> Tensor:
    """The share of each class in each pixel, between pixels: (B, K, H, W)."""
    return look_up(F.one_hot(mask).movedim(-1, 1).to(theta.dtype), theta)


def inverse(theta: Tensor) -> Tensor:
    """The inverse maps."""
    last = torch.tensor([0.0, 0.0, 1.0], dtype=theta.dtype).expand(len(theta), 1, 3)
    return torch.linalg.inv(torch.cat([theta, last], 1))[:, :2]


mistakes(
    "medical.augment_pair",
    {
        "the mask is interpolated between classes, so that classes appear that are not there: look it up by the "
        "nearest pixel, mode='nearest'": (
            lambda m, t: classes(m, t).long(),
            lambda m, t: classes(m, t).round().long(),
        ),
        "the mask is interpolated and is no mask of classes any more: look it up by the nearest pixel, mode='nearest'":
            lambda m, t: classes(m, t),
        "each pixel takes the class that has most of its neighbourhood, not that of the nearest pixel: mode='nearest'":
            lambda m, t: by_shares(m, t).argmax(1),
        "the mask is not moved: the picture went without it": lambda m, t: m.clone(),
        "the mask became floats: classes are whole numbers, turn it back with `.to(mask.dtype)`":
            lambda m, t: classes(m, t, mode="nearest"),
        "the mask has a dimension too many: `mask[:, None]` goes in, take it off again":
            lambda m, t: classes(m, t, mode="nearest")[:, None].long(),
        "the mask continues beyond the picture's edge: there it is 0, as the picture is":
            lambda m, t: classes(m, t, mode="nearest", edge="border").long(),
        "the mask is bool: it has several classes": lambda m, t: classes(m, t, mode="nearest") > 0,
        "every class but 0 became 1: the mask keeps its classes": (
            lambda m, t: (classes(m, t) > 0.5).long(),
            lambda m, t: (classes(m, t, mode="nearest") > 0).long(),
        ),
    },
    of=of_mask,
)  # fmt: skip
mistakes(
    "medical.augment_pair",
    {
        "the picture is looked up by the nearest pixel: between pixels it is bilinear":
            lambda x, t: look_up(x, t, mode="nearest"),
        "the picture is not moved": lambda x, t: x.clone(),
        "the picture continues beyond its edge: there it is 0": lambda x, t: look_up(x, t, edge="border"),
        "the picture is looked up with align_corners=True in one of the two steps: use False in both": (
            lambda x, t: look_up(x, t, grid=True),
            lambda x, t: look_up(x, t, pixels=True),
        ),
    },
    of=of_picture,
)  # fmt: skip
mistakes(
    "medical.augment_pair",
    {
        "every picture gets the map of the first: there is one a picture": lambda t: t[:1].expand_as(t),
        "the maps are inverted: theta says where each pixel comes from, as affine_grid expects": inverse,
        "the turn goes the other way: theta is used as it is": lambda t: torch.cat([t[:, :, :2].mT, t[:, :, 2:]], 2),
        "only the shift is used: theta turns and magnifies as well":
            lambda t: torch.cat([torch.eye(2, dtype=t.dtype).expand(len(t), 2, 2), t[:, :, 2:]], 2),
    },
    of=of_maps,
)  # fmt: skip


@mistake("medical.augment_pair", "align_corners is True in both steps: use False in both")
def with_aligned_corners(x: Tensor, mask: Tensor, theta: Tensor) -> Any:
    """Both by the corners' centres."""
    knobs: dict[str, Any] = {"grid": True, "pixels": True}
    return look_up(x, theta, **knobs), classes(mask, theta, mode="nearest", **knobs).to(mask.dtype)


@mistake("medical.augment_pair", "picture and mask are moved by different maps: one draw for both")
def two_draws(x: Tensor, mask: Tensor, theta: Tensor) -> Any:
    """The mask under the inverse."""
    return look_up(x, theta), classes(mask, inverse(theta), mode="nearest").to(mask.dtype)


# ── paste ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mean_of_nine(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """The mean over 3 × 3 pixels, (B, 1, H, W); beyond the edge is 0."""
    return F.avg_pool2d(mask[:, None].to(dtype), 3, stride=1, padding=1)


def may(mask: Tensor, donor_mask: Tensor, organ: Tensor) -> Tensor:
    """Which samples may be pasted, (B, 1, 1)."""
    bad = donor_mask & (~organ | mask)
    return ~bad.flatten(1).any(1)[:, None, None]


@reference("medical.paste", instead_of=(medical.paste, medical.soft_edge, medical.carvemix))
def paste(x: Tensor, mask: Tensor, donor: Tensor, donor_mask: Tensor, organ: Tensor) -> tuple[Tensor, Tensor]:
    """The donor's lesion in each picture where it may be, its edge softened, and the union of the masks."""
    there = donor_mask & may(mask, donor_mask, organ)
    a = mean_of_nine(there, x.dtype)
    return torch.where(a > 0, (1 - a) * x + a * donor, x), mask | there


def of_weights(rule: Rule) -> Rule:
    """An answer with other weights a, from the masks that may be pasted."""

    def answer(x: Tensor, mask: Tensor, donor: Tensor, donor_mask: Tensor, organ: Tensor) -> Any:
        there = donor_mask & may(mask, donor_mask, organ)
        a = rule(there, x.dtype)
        return (1 - a) * x + a * donor, mask | there

    return answer


def of_permission(rule: Rule) -> Rule:
    """An answer with another rule for what is pasted: a mask from (mask, donor_mask, organ)."""

    def answer(x: Tensor, mask: Tensor, donor: Tensor, donor_mask: Tensor, organ: Tensor) -> Any:
        there = rule(mask, donor_mask, organ)
        a = mean_of_nine(there, x.dtype)
        return (1 - a) * x + a * donor, mask | there

    return answer


def of_result(rule: Rule) -> Rule:
    """An answer with a right picture and another mask, from (mask, what is pasted)."""

    def answer(x: Tensor, mask: Tensor, donor: Tensor, donor_mask: Tensor, organ: Tensor) -> Any:
        there = donor_mask & may(mask, donor_mask, organ)
        return paste(x, mask, donor, donor_mask, organ)[0], rule(mask, there)

    return answer


def of_blend(rule: Rule) -> Rule:
    """An answer that blends otherwise, from (x, donor, a)."""

    def answer(x: Tensor, mask: Tensor, donor: Tensor, donor_mask: Tensor, organ: Tensor) -> Any:
        there = donor_mask & may(mask, donor_mask, organ)
        return rule(x, donor, mean_of_nine(there, x.dtype)), mask | there

    return answer


def whole_batch(bad: Tensor) -> Tensor:
    """Whether any sample is bad."""
    return bad.any()


mistakes(
    "medical.paste",
    {
        "the edge is hard: a network learns such an edge instead of the lesion; blend with the mean over 3 × 3 pixels":
            lambda there, dtype: there[:, None].to(dtype),
        "at the picture's edge the mean is over fewer pixels: divide by 9 everywhere, beyond the edge is 0":
            lambda there, dtype: F.avg_pool2d(there[:, None].to(dtype), 3, 1, 1, count_include_pad=False),
        "the edge is blended inward only: the mean over 3 × 3 pixels reaches a pixel beyond the mask":
            lambda there, dtype: mean_of_nine(there, dtype) * there[:, None],
        "the weights are those of 5 × 5 pixels: 3 × 3":
            lambda there, dtype: F.avg_pool2d(there[:, None].to(dtype), 5, 1, 2),
        "the edge is softened twice: one mean over 3 × 3 pixels":
            lambda there, dtype: F.avg_pool2d(mean_of_nine(there, dtype), 3, 1, 1),
        "the sum over 3 × 3 pixels is taken, so that weights exceed 1: take the mean":
            lambda there, dtype: 9 * mean_of_nine(there, dtype),
        "the mask is widened instead of softened: take the mean over 3 × 3 pixels, not the largest":
            lambda there, dtype: F.max_pool2d(there[:, None].to(dtype), 3, 1, 1),
    },
    of=of_weights,
)  # fmt: skip
mistakes(
    "medical.paste",
    {
        "a lesion is pasted that leaves the organ: a sample is pasted only if all of its donor's lesion lies in it":
            lambda m, d, o: d & ~(d & m).flatten(1).any(1)[:, None, None],
        "a lesion is pasted over one that is there: then the sample stays as it is":
            lambda m, d, o: d & ~(d & ~o).flatten(1).any(1)[:, None, None],
        "everything is pasted: a lesion lies in the organ, and not on another one": lambda m, d, o: d,
        "the lesion is cut off at the organ's edge: paste it as a whole, or leave the sample as it is": (
            lambda m, d, o: d & o & may(m, d & o, o),
            lambda m, d, o: d & o & ~m,
            lambda m, d, o: d & o,
        ),
        "one sample that may not be pasted keeps all others from it: decide for each sample": (
            lambda m, d, o: d & ~whole_batch(d & (~o | m)),
        ),
        "all are pasted as soon as one may be: decide for each sample": lambda m, d, o: d & may(m, d, o).any(),
        "a lesion is pasted if some of it lies in the organ: all of it must":
            lambda m, d, o: d & ((d & o).flatten(1).any(1) & ~(d & m).flatten(1).any(1))[:, None, None],
        "nothing is pasted": lambda m, d, o: d & False,
    },
    of=of_permission,
)  # fmt: skip
mistakes(
    "medical.paste",
    {
        "the mask is not updated: the network would learn that what was pasted is no lesion": lambda m, t: m.clone(),
        "the old lesions are gone from the mask: the new mask is the union": lambda m, t: t,
        "the mask is where the two differ, or both: the new mask is the union of the two": lambda m, t: m & t,
        "the mask takes in the soft edge: what is pasted counts as lesion where the donor's mask is":
            lambda m, t: m | (mean_of_nine(t, torch.float32)[:, 0] > 0),
        "the mask is the soft weights, thresholded at ½: take the donor's mask as it is":
            lambda m, t: m | (mean_of_nine(t, torch.float32)[:, 0] > 0.5),
        "the mask became numbers: it is bool, `mask | donor_mask`": lambda m, t: m.float() + t.float(),
    },
    of=of_result,
)  # fmt: skip
mistakes(
    "medical.paste",
    {
        "the weights are exchanged: the donor counts where its mask is": lambda x, d, a: a * x + (1 - a) * d,
        "the donor is added to the picture: the picture's own part is (1 − a)": lambda x, d, a: x + a * d,
        "the donor's part is missing: add a times the donor": lambda x, d, a: (1 - a) * x,
        "only the donor's part is left: outside the lesion the picture stays": lambda x, d, a: a * d,
        "the picture is not changed": lambda x, d, a: x.clone(),
        "the result is cut off at 1: values of a scanner have no largest one": (
            lambda x, d, a: ((1 - a) * x + a * d).clamp(0, 1)
        ),
    },
    of=of_blend,
)


@mistake("medical.paste", "where something is pasted the old lesions are gone from the mask: the new mask is the union")
def replaced(x: Tensor, mask: Tensor, donor: Tensor, donor_mask: Tensor, organ: Tensor) -> Any:
    """The donor's mask in place of the union."""
    picture, _ = paste(x, mask, donor, donor_mask, organ)
    return picture, torch.where(may(mask, donor_mask, organ), donor_mask, mask)


# ── differential ──────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("medical.differential", instead_of=(medical.differential,))
def differential(x: Tensor, region: Tensor, inside: Rule, outside: Rule) -> Tensor:
    """Each pixel from the result of its side's policy."""
    return torch.where(region[:, None], inside(x), outside(x))


mistakes(
    "medical.differential",
    {
        "the two policies are exchanged": lambda x, r, i, o: torch.where(r[:, None], o(x), i(x)),
        "the outside policy is applied everywhere first: each side sees the picture as it was":
            lambda x, r, i, o: torch.where(r[:, None], i(o(x)), o(x)),
        "the inside policy is applied everywhere first: each side sees the picture as it was":
            lambda x, r, i, o: torch.where(r[:, None], i(x), o(i(x))),
        "outside the picture stays as it is: the outside policy is not used":
            lambda x, r, i, o: torch.where(r[:, None], i(x), x),
        "inside the picture stays as it is: the inside policy is not used":
            lambda x, r, i, o: torch.where(r[:, None], x, o(x)),
        "the results are multiplied by the mask, and what is infinite on one side becomes nan on the other: "
        "choose with `torch.where`":
            lambda x, r, i, o: r[:, None] * i(x) + ~r[:, None] * o(x),
        "each policy sees the picture with the other side set to 0, which changes means and blurs: give it the "
        "whole picture": (
            lambda x, r, i, o: torch.where(r[:, None], i(x * r[:, None]), o(x * ~r[:, None])),
            lambda x, r, i, o: i(x * r[:, None]) + o(x * ~r[:, None]),
            lambda x, r, i, o: r[:, None] * i(x * r[:, None]) + ~r[:, None] * o(x * ~r[:, None]),
        ),
        "the inside policy sees the picture with the outside set to 0: give it the whole picture":
            lambda x, r, i, o: torch.where(r[:, None], i(x * r[:, None]), o(x)),
        "the two results are averaged in the region: take the inside one there":
            lambda x, r, i, o: torch.where(r[:, None], (i(x) + o(x)) / 2, o(x)),
        "both sides get the inside policy": lambda x, r, i, o: i(x),
        "both sides get the outside policy": lambda x, r, i, o: o(x),
        "the region is the first picture's for all: there is one a picture":
            lambda x, r, i, o: torch.where(r[:1, None], i(x), o(x)),
        "the region is a box around the mask: choose pixel by pixel":
            lambda x, r, i, o: torch.where((r.any(1, keepdim=True) & r.any(2, keepdim=True))[:, None], i(x), o(x)),
    },
)  # fmt: skip


# ── gamma ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("medical.gamma", instead_of=(medical.gamma,))
def gamma(x: Tensor, gamma: Tensor) -> Tensor:
    """The power between the least and the largest value of each channel, mean and deviation kept."""
    return medical.gamma(x, gamma=gamma)


def powered(x: Tensor, power: Tensor, dims: tuple[int, ...] = (2, 3)) -> tuple[Tensor, Tensor, Tensor]:
    """z^γ, and the least value and the range of x."""
    low = x.amin(dims, keepdim=True)
    span = x.amax(dims, keepdim=True) - low
    z = (x - low) / torch.where(span > 0, span, 1)
    return z ** power.view(-1, 1, 1, 1), low, span


def kept(x: Tensor, z: Tensor, *, dims: tuple[int, ...] = (2, 3), mean: bool = True, std: bool = True) -> Tensor:
    """z with the mean or the deviation of x, or both; a flat picture stays."""
    m, s = z.mean(dims, keepdim=True), z.std(dims, keepdim=True)
    centre = x.mean(dims, keepdim=True) if mean else m
    factor = x.std(dims, keepdim=True) / torch.where(s > 0, s, 1) if std else 1.0
    flat = x.amax((2, 3), keepdim=True) == x.amin((2, 3), keepdim=True)
    return torch.where(flat, x, (z - m) * factor + centre)


def stretched(x: Tensor, power: Tensor) -> Tensor:
    """z^γ with the range of x."""
    z, low, span = powered(x, power)
    return z * span + low


mistakes(
    "medical.gamma",
    {
        "a power of values below 0 is no number: bring each channel to [0, 1] first":
            (lambda x, g: kept(x, x ** g.view(-1, 1, 1, 1)), lambda x, g: x ** g.view(-1, 1, 1, 1)),
        "mean and deviation are not those of the picture: afterwards only the range is put back": (
            lambda x, g: stretched(x, g),
        ),
        "the result is left between 0 and 1: give it the mean and the deviation of the picture":
            lambda x, g: powered(x, g)[0],
        "the mean is kept, the deviation is not": (
            lambda x, g: kept(x, powered(x, g)[0], std=False),
            lambda x, g: kept(x, stretched(x, g), std=False),
        ),
        "the deviation is kept, the mean is not": (
            lambda x, g: kept(x, powered(x, g)[0], mean=False),
            lambda x, g: kept(x, stretched(x, g), mean=False),
        ),
        "the root is taken: the exponent is γ, not 1/γ": lambda x, g: kept(x, powered(x, 1 / g)[0]),
        "every picture gets the first γ: there is one a picture":
            lambda x, g: kept(x, powered(x, g[:1].expand_as(g))[0]),
        "γ is used along the width: (B,) meets the last dimension; give it the shape (B, 1, 1, 1)":
            lambda x, g: kept(x, powered(x, torch.ones_like(g))[0] ** g),
        "the least and the largest value are those of the whole batch: take those of each channel of each picture":
            lambda x, g: kept(x, powered(x, g, (0, 1, 2, 3))[0]),
        "the least and the largest value are those of all channels together: each channel has its own":
            lambda x, g: kept(x, powered(x, g, (1, 2, 3))[0]),
        "mean and deviation are those of the whole batch: take those of each channel of each picture":
            lambda x, g: kept(x, powered(x, g)[0], dims=(0, 1, 2, 3)),
        "mean and deviation are those of all channels together: each channel has its own":
            lambda x, g: kept(x, powered(x, g)[0], dims=(1, 2, 3)),
        "the result is cut off at [0, 1]: pictures of a scanner have no largest value":
            lambda x, g: kept(x, powered(x, g)[0]).clamp(0, 1),
        "the variance is kept in place of the deviation: scale by the ratio of deviations":
            lambda x, g: (lambda z: (z - z.mean((2, 3), keepdim=True)) / z.var((2, 3), keepdim=True).clamp_min(1e-12)
                          * x.var((2, 3), keepdim=True) + x.mean((2, 3), keepdim=True))(powered(x, g)[0]),
    },
)  # fmt: skip


def unguarded(x: Tensor, gamma: Tensor) -> Tensor:
    """Without a thought for a flat picture."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    z = ((x - low) / (high - low)) ** gamma.view(-1, 1, 1, 1)
    z = (z - z.mean((2, 3), keepdim=True)) / z.std((2, 3), keepdim=True)
    return z * x.std((2, 3), keepdim=True) + x.mean((2, 3), keepdim=True)


mistake("medical.gamma", "a picture of a single value becomes nan: 0/0; it stays as it is")(unguarded)


# ── consistency ───────────────────────────────────────────────────────────────────────────────────────────────────────


def moved(v: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    """Pictures looked up."""
    return F.grid_sample(v, grid, mode=mode, align_corners=False)


def seen_at(v: Tensor, grid: Tensor) -> Tensor:
    """Where a pixel comes from inside the picture."""
    return moved(torch.ones_like(v), grid) > 0.999


@reference("medical.consistency", instead_of=(medical.consistency_loss, medical.warp_prediction))
def consistency(student: Tensor, teacher: Tensor, grid: Tensor) -> Tensor:
    """The mean squared difference of probabilities over the pixels that were seen."""
    target, seen = moved(teacher.detach().sigmoid(), grid.detach()), seen_at(teacher, grid)
    return ((student.sigmoid() - target).square() * seen).sum() / seen.sum().clamp_min(1)


def of_difference(rule: Rule) -> Rule:
    """An answer with another difference, from (student, the teacher without gradient, grid)."""

    def answer(student: Tensor, teacher: Tensor, grid: Tensor) -> Any:
        seen = seen_at(teacher, grid)
        return (rule(student, teacher.detach(), grid).square() * seen).sum() / seen.sum().clamp_min(1)

    return answer


def of_mean(rule: Rule) -> Rule:
    """An answer with another mean, from the squared differences and what was seen."""

    def answer(student: Tensor, teacher: Tensor, grid: Tensor) -> Any:
        target = moved(teacher.detach().sigmoid(), grid)
        return rule((student.sigmoid() - target).square(), seen_at(teacher, grid))

    return answer


mistakes(
    "medical.consistency",
    {
        "the teacher's prediction is not moved: the student saw a moved picture, so its target must move too":
            lambda s, t, grid: s.sigmoid() - t.sigmoid(),
        "the logits are moved, and the sigmoid comes after: beyond the edge that makes ½; move probabilities":
            lambda s, t, grid: s.sigmoid() - moved(t, grid).sigmoid(),
        "the student's prediction is moved again: it is of the moved picture already; move the teacher's":
            lambda s, t, grid: moved(s.sigmoid(), grid) - t.sigmoid(),
        "both predictions are moved: the student's is of the moved picture already":
            lambda s, t, grid: moved(s.sigmoid(), grid) - moved(t.sigmoid(), grid),
        "logits are compared: compare probabilities": lambda s, t, grid: s - moved(t, grid),
        "the teacher's prediction is moved by the nearest pixel: it is no mask, look it up between pixels":
            lambda s, t, grid: s.sigmoid() - moved(t.sigmoid(), grid, "nearest"),
        "the teacher's prediction is made a mask of 0 and 1: compare with its probabilities":
            lambda s, t, grid: s.sigmoid() - moved((t > 0).to(t.dtype), grid),
        "the student's logits are compared with probabilities: take their sigmoid":
            lambda s, t, grid: s - moved(t.sigmoid(), grid),
        "the difference is not squared, its absolute value is taken":
            lambda s, t, grid: (s.sigmoid() - moved(t.sigmoid(), grid)).abs().clamp_min(1e-12).sqrt(),
    },
    of=of_difference,
)  # fmt: skip
mistakes(
    "medical.consistency",
    {
        "pixels that come from beyond the edge count as background: leave out what the teacher has not seen":
            lambda d, seen: d.mean(),
        "the sum is divided by all pixels: divide by the number of those that were seen":
            lambda d, seen: (d * seen).sum() / d.numel(),
        "the sum is returned: take the mean over the pixels that were seen": lambda d, seen: (d * seen).sum(),
        "where no pixel was seen it is 0/0: the loss is 0 then": (
            lambda d, seen: (d * seen).sum() / seen.sum(),
            lambda d, seen: d[seen].mean(),
        ),
        "the mean is taken for each picture first: take it over all pixels of the batch that were seen":
            lambda d, seen: ((d * seen).sum((1, 2, 3)) / seen.sum((1, 2, 3)).clamp_min(1)).mean(),
        "the pixels that were not seen are counted, and the others left out":
            lambda d, seen: (d * ~seen).sum() / (~seen).sum().clamp_min(1),
        "the root of the mean is taken: the loss is the mean of the squares":
            lambda d, seen: ((d * seen).sum() / seen.sum().clamp_min(1) + 1e-12).sqrt(),
        "the loss is half of it: the mean of the squares, without a factor":
            lambda d, seen: 0.5 * (d * seen).sum() / seen.sum().clamp_min(1),
    },
    of=of_mean,
)  # fmt: skip


@mistake("medical.consistency", "the loss is a cross-entropy: take the mean of the squared differences")
def with_cross_entropy(student: Tensor, teacher: Tensor, grid: Tensor) -> Any:
    """Of all pixels."""
    return F.binary_cross_entropy_with_logits(student, moved(teacher.detach().sigmoid(), grid))


@mistake("medical.consistency", "a gradient reaches the teacher: it is a target, detach it")
def teaching_the_teacher(student: Tensor, teacher: Tensor, grid: Tensor) -> Any:
    """Nothing is detached."""
    target, seen = moved(teacher.sigmoid(), grid), seen_at(teacher, grid)
    return ((student.sigmoid() - target).square() * seen).sum() / seen.sum().clamp_min(1)


@mistake("medical.consistency", "the gradient goes to the teacher instead of the student: detach the teacher")
def detached_student(student: Tensor, teacher: Tensor, grid: Tensor) -> Any:
    """The wrong one is detached."""
    return teaching_the_teacher(student.detach(), teacher, grid)
