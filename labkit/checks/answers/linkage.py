"""Topic ``linkage``: what is right in exercise 18, and what is likely wrong."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from labkit import linkage
from labkit.checks.bank import mistake, mistakes, reference

# ── k_anonymity ───────────────────────────────────────────────────────────────────────────────────────────────────────

FIRST_GROUP = "only the rows that are like the first one are looked at: look at every group"
NO_ORDER = "(1, 12) looks like (12, 1): a value belongs to its column, so don't add up, multiply or sort a row"
GLUED = "rows are glued into one text or number, and (1, 12) looks like (11, 2): compare column by column"


@reference("linkage.k_anonymity", instead_of=(linkage.k_anonymity, linkage.group_sizes, linkage.groups))
def k_anonymity(quasi: Tensor) -> int:
    """The size of the smallest group: (n, d) → a number."""
    return linkage.k_anonymity(quasi)


def glued(quasi: Tensor) -> Tensor:
    """Each row as one number, its digits side by side."""
    return torch.tensor([int("".join(map(str, row)).replace("-", "8")) for row in quasi.tolist()])


def counts(rows: Tensor) -> Tensor:
    """How often each different row occurs."""
    return rows.unique(dim=0, return_counts=True)[1]


mistakes("linkage.k_anonymity", {
    "that is the largest group: k is what the worst protected row has": lambda quasi: counts(quasi).max(),
    "that is the number of groups: k is the number of rows in the smallest": lambda quasi: len(counts(quasi)),
    "that is the mean size of a group: one small group is enough to give somebody away": (
        lambda quasi: counts(quasi).double().mean(), lambda quasi: round(float(counts(quasi).double().mean())),
        lambda quasi: len(quasi) // len(counts(quasi))),
    "that is the median size of a group: one small group is enough to give somebody away":
        lambda quasi: counts(quasi).median(),
    "each column by itself: rows must agree in *all* columns": (
        lambda quasi: min(int(counts(column).min()) for column in quasi.T),
        lambda quasi: max(int(counts(column).min()) for column in quasi.T)),
    "only one column is looked at: rows must agree in *all* columns":
        (lambda quasi: counts(quasi[:, 0]).min(), lambda quasi: counts(quasi[:, -1]).min()),
    "all entries are counted together: it is rows that are alike or not": lambda quasi: counts(quasi.flatten()).min(),
    "a row counts itself: one that is alone has k = 1": lambda quasi: counts(quasi).min() - 1,
    "that is the number of rows": len,
    "that is the number of people who stand alone: k is the size of the smallest group":
        lambda quasi: (counts(quasi) == 1).sum(),
    "that is the number of values in the columns: count rows": lambda quasi: min(len(c.unique()) for c in quasi.T),
    "only neighbouring rows are compared: equal rows may lie anywhere in the table":
        lambda quasi: quasi.unique_consecutive(dim=0, return_counts=True)[1].min(),
    GLUED: lambda quasi: counts(glued(quasi)).min(),
    NO_ORDER: (lambda quasi: counts(quasi.sum(1)).min(), lambda quasi: counts(quasi.prod(1)).min(),
               lambda quasi: counts(quasi.sort(1).values).min()),
    FIRST_GROUP: lambda quasi: (quasi == quasi[0]).all(1).sum(),
    "one equal column is enough here: rows must agree in *all* columns":
        lambda quasi: (quasi[:, None] == quasi).any(2).sum(1).min(),
    "that is the share of the smallest group: its size is asked for": lambda quasi: counts(quasi).min() / len(quasi),
})  # fmt: skip


@mistake("linkage.k_anonymity", says="expected one number")
def gives_every_size(quasi):
    return torch.cat([counts(quasi), counts(quasi)])


# ── l_diversity ───────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("linkage.l_diversity", instead_of=(linkage.l_diversity, linkage.groups))
def l_diversity(quasi: Tensor, sensitive: Tensor) -> int:
    """The least number of different sensitive values in a group: (n, d), (n,) → a number."""
    return round(linkage.l_diversity(quasi, sensitive))


def by_group(combine: Callable[[Sequence[Tensor]], float]) -> Callable[..., float]:
    """An answer that is ``combine`` of the sensitive values in each group."""

    def answer(quasi, sensitive):
        group = quasi.unique(dim=0, return_inverse=True)[1]
        return combine([sensitive[group == i] for i in range(int(group.max()) + 1)])

    return answer


def different(values: Tensor) -> int:
    """How many different ones there are."""
    return len(values.unique())


def entropy(values: Tensor) -> float:
    """e to the entropy."""
    p = counts(values).double() / len(values)
    return float((-(p * p.log()).sum()).exp())


mistakes("linkage.l_diversity", {
    "that is the most diverse group: l is what the worst one has": lambda groups: max(map(different, groups)),
    "that is the number of different values in the whole table: count within each group":
        lambda groups: different(torch.cat(list(groups))),
    "that is k, the size of the smallest group: l counts *different* values of the sensitive column":
        lambda groups: min(map(len, groups)),
    "that counts the values of the smallest group: the least diverse one may be larger":
        lambda groups: different(min(groups, key=len)),
    "that counts the values of the largest group: any group may be the least diverse":
        lambda groups: different(max(groups, key=len)),
    "that is the mean over the groups: one group that is not diverse gives its people away":
        lambda groups: sum(map(different, groups)) / len(groups),
    "that is the sum over the groups, or the number of different rows of the whole table: take the least diverse group":
        lambda groups: sum(map(different, groups)),
    "that is the number of groups: count different values in each": len,
    "that is the size of the smallest group of rows that agree in the sensitive column, too: count different values "
    "within the groups of the others":
        lambda groups: min(int(counts(group).min()) for group in groups),
    "that is how often a value is repeated: count the different values":
        (lambda groups: min(len(group) - different(group) for group in groups),
         lambda groups: max(len(group) - different(group) for group in groups)),
    "that is e to the entropy: another kind of diversity. Count the different values":
        lambda groups: min(map(entropy, groups)),
    "that is how often the commonest value occurs: count the different values":
        (lambda groups: min(int(counts(group).max()) for group in groups),
         lambda groups: max(int(counts(group).max()) for group in groups)),
    "that is a share of the group's size: count the different values":
        lambda groups: min(different(group) / len(group) for group in groups),
    "that is the number of a group, as argmin gives it: how many values has it?":
        lambda groups: min(range(len(groups)), key=lambda i: different(groups[i])),
    "the first value does not count here: a group in which all have the same has l = 1":
        lambda groups: min(map(different, groups)) - 1,
}, of=by_group)  # fmt: skip
mistakes("linkage.l_diversity", {
    "these are the groups of one column: rows must agree in *all* columns":
        (lambda quasi, sensitive: min(l_diversity(column[:, None], sensitive) for column in quasi.T),
         lambda quasi, sensitive: l_diversity(quasi[:, :1], sensitive),
         lambda quasi, sensitive: l_diversity(quasi[:, -1:], sensitive)),
    GLUED: lambda quasi, sensitive: l_diversity(glued(quasi)[:, None], sensitive),
    NO_ORDER: (lambda quasi, sensitive: l_diversity(quasi.sum(1, keepdim=True), sensitive),
               lambda quasi, sensitive: l_diversity(quasi.sort(1).values, sensitive)),
    FIRST_GROUP: lambda quasi, sensitive: different(sensitive[(quasi == quasi[0]).all(1)]),
})  # fmt: skip


@mistake("linkage.l_diversity", says="expected one number")
def gives_one_a_group(quasi, sensitive):
    return by_group(lambda groups: torch.tensor([*map(different, groups), 1]))(quasi, sensitive)


# ── weight ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("linkage.weight", instead_of=(linkage.film_weights,))
def weight(film: Tensor, films: int) -> Tensor:
    """1 / log of how many ratings each film has, at least 2: (N,) → (films,) float32."""
    return linkage.film_weights(torch.bincount(film, minlength=films))


def of_support(combine: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is a function of how many ratings each film has."""
    return lambda film, films: combine(torch.bincount(film, minlength=films).float())


mistakes("linkage.weight", {
    "a film with one rating has log 1 = 0 and an infinite weight: count fewer than two as two":
        (lambda s: 1 / s.log(), lambda s: 1 / s.clamp(min=1).log(), lambda s: 1 / s.log().clamp(min=0)),
    "a film with one rating gets an enormous weight: count fewer than two as two":
        (lambda s: 1 / s.log().clamp(min=1e-12), lambda s: 1 / (s.log() + 1e-8)),
    "log(support) is large for the hits: it is the rare film that says more, so 1 / log":
        lambda s: s.clamp_min(2).log(),
    "this is 1 / support: the paper's weight falls off much more slowly, with the logarithm":
        lambda s: 1 / s.clamp_min(2),
    "this is the support: how many ratings a film has": (lambda s: s, lambda s: s.clamp_min(2)),
    "the logarithm is natural, not to the base 2": lambda s: 1 / s.clamp_min(2).log2(),
    "the logarithm is natural, not to the base 10": lambda s: 1 / s.clamp_min(2).log10(),
    "log(1 + support) is another weight: fewer than two count as two, and the others as they are":
        (lambda s: 1 / s.log1p(), lambda s: 1 / s.clamp_min(1).log1p(), lambda s: 1 / s.clamp_min(2).log1p(),
         lambda s: 1 / (s + 2).log(), lambda s: 1 / (s.clamp_min(2) + 2).log()),
    "a film with fewer than two ratings gets no weight: count them as two": (
        lambda s: torch.where(s < 2, 0, 1 / s.clamp_min(2).log()),
        lambda s: torch.where(s < 1, 0, 1 / s.clamp_min(2).log())),
    "the logarithm of 1 / support is negative: it is one divided by the logarithm": (
        lambda s: (1 / s.clamp_min(2)).log(), lambda s: (1 / s).log()),
    "this is the logarithm of a share, as in tf-idf: the paper takes 1 / log of the number of ratings":
        (lambda s: -(s.clamp_min(2) / s.sum()).log(), lambda s: (s.sum() / s).log(),
         lambda s: (s.sum() / s.clamp_min(1)).log(),
         lambda s: (s.sum() / (1 + s)).log(), lambda s: 1 / (s.clamp_min(2) / s.sum()).log()),
    "the logarithm is cut at 2, not the number: count fewer than two ratings as two, then take the logarithm":
        (lambda s: 1 / s.log().clamp_min(2), lambda s: 1 / s.log().clamp_min(1)),
    "films are numbered from 0: here film i gets the weight of film i + 1":
        lambda s: 1 / torch.cat([s[1:], 0 * s[:1]]).clamp_min(2).log(),
    "this is the square root's reciprocal: take the logarithm": lambda s: s.clamp_min(2).rsqrt(),
    "the weights are divided by their sum: give them as they are":
        lambda s: 1 / s.clamp_min(2).log() / (1 / s.clamp_min(2).log()).sum(),
    "the weights are divided by the largest: give them as they are":
        lambda s: 1 / s.clamp_min(2).log() / (1 / s.clamp_min(2).log()).max(),
    "1 is added to the weight: give 1 / log as it is": lambda s: 1 + 1 / s.clamp_min(2).log(),
    "these are float64: return float32, with `.float()` before the logarithm":
        lambda s: 1 / s.clamp_min(2).double().log(),
    "this is log 2 divided by the support: the logarithm is of the support": lambda s: math.log(2) / s.clamp_min(2),
}, of=of_support)  # fmt: skip
mistakes("linkage.weight", {
    "that is one weight a rating; expected one for each of the films": lambda film, films: weight(film, films)[film],
    "the films at the end that nobody rated are missing: give bincount its minlength":
        lambda film, films: weight(film, int(film.max()) + 1),
    "films that nobody rated are left out: expected a weight for each of the films":
        lambda film, films: 1 / film.unique(return_counts=True)[1].clamp_min(2).float().log(),
    "this counts the film's number, not its ratings: `torch.bincount` counts them":
        lambda film, films: 1 / torch.arange(films).clamp_min(2).float().log(),
    "there is a weight too many: films are numbered from 0": lambda film, films: weight(film, films + 1),
    "the weights are sorted: weight i belongs to film i": (
        lambda film, films: weight(film, films).sort().values,
        lambda film, films: weight(film, films).sort(descending=True).values),
    "the number of all ratings stands for that of each film":
        lambda film, films: 1 / torch.full((films,), len(film)).float().log(),
})  # fmt: skip

# ── score ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("linkage.score", instead_of=(linkage.scores, linkage.dense_scores, linkage.link))
def score(
    stars: Tensor, day: Tensor, film: Tensor, known_stars: Tensor, known_day: Tensor, w: Tensor, rho0: float, d0: float
) -> Tensor:
    """Scoreboard-RH for one target: tables (users, films), three (m,), weights (films,) → (users,)."""
    alike = torch.exp(-(stars[:, film] - known_stars).abs() / rho0)
    near = torch.exp(-(day[:, film] - known_day).abs() / d0)
    return (w[film] * (alike + near).nan_to_num(0)).sum(1)


def with_parts(combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``combine`` of the differences in stars and in days over their scales, and of the weights."""

    def answer(stars, day, film, known_stars, known_day, w, rho0, d0):
        return combine((stars[:, film] - known_stars) / rho0, (day[:, film] - known_day) / d0, w[film])

    return answer


def e(d: Tensor) -> Tensor:
    """The likeness of two values whose difference is ``d`` scales; 0 where there is none."""
    return torch.exp(-d.abs()).nan_to_num(0)


NAN = "a score is nan: a film that a record lacks adds nothing to it"

mistakes("linkage.score", {
    "the dates are missing: each film adds a term for its stars and one for its date":
        lambda s, d, w: (w * e(s)).sum(1),
    "the stars are missing: each film adds a term for its stars and one for its date":
        lambda s, d, w: (w * e(d)).sum(1),
    "the weights are missing: a rare film counts more": lambda s, d, w: (e(s) + e(d)).sum(1),
    "only the stars are weighed: the weight belongs to both terms": lambda s, d, w: (w * e(s) + e(d)).sum(1),
    "only the dates are weighed: the weight belongs to both terms": lambda s, d, w: (e(s) + w * e(d)).sum(1),
    "each film is divided by its weight: multiply": lambda s, d, w: ((e(s) + e(d)) / w).sum(1),
    "the weights are taken twice": (lambda s, d, w: (w * w * (e(s) + e(d))).sum(1)),
    "the two likenesses are multiplied: the paper adds them, so that one wrong date is no disaster":
        lambda s, d, w: (w * e(s) * e(d)).sum(1),
    "the date's likeness is taken away: add both": lambda s, d, w: (w * (e(s) - e(d))).sum(1),
    "that is the mean of the two likenesses: add them": lambda s, d, w: (w * (e(s) + e(d)) / 2).sum(1),
    "only the better of the two likenesses counts: add both": lambda s, d, w: (w * torch.maximum(e(s), e(d))).sum(1),
    "the signs cancel: take absolute values of the differences": (
        lambda s, d, w: (w * (torch.exp(-s) + torch.exp(-d)).nan_to_num(0)).sum(1),
        lambda s, d, w: (w * (torch.exp(s) + torch.exp(d)).nan_to_num(0)).sum(1)),
    "the exponents are positive: likeness falls with the difference, so e to the *minus*":
        (lambda s, d, w: (w * (torch.exp(s.abs()) + torch.exp(d.abs())).nan_to_num(0)).sum(1),
         lambda s, d, w: (w * (torch.exp(-s.abs()) + torch.exp(d.abs())).nan_to_num(0)).sum(1),
         lambda s, d, w: (w * (torch.exp(s.abs()) + torch.exp(-d.abs())).nan_to_num(0)).sum(1)),
    "the weight stands in the exponent: multiply the likeness by it": lambda s, d, w: (e(w * s) + e(w * d)).sum(1),
    "the differences are squared: the paper takes their absolute values": (
        lambda s, d, w: (w * (e(s**2) + e(d**2))).sum(1), lambda s, d, w: (w * (e(s**2 / 2) + e(d**2 / 2))).sum(1)),
    "the exponential is missing: these are the differences themselves": (
        lambda s, d, w: (w * (s.abs() + d.abs()).nan_to_num(0)).sum(1),
        lambda s, d, w: -(w * (s.abs() + d.abs()).nan_to_num(0)).sum(1)),
    "1 − difference stands where an exponential is asked for":
        lambda s, d, w: (w * (2 - s.abs() - d.abs()).nan_to_num(0)).sum(1),
    "1 / (1 + difference) stands where an exponential is asked for":
        lambda s, d, w: (w * (1 / (1 + s.abs()) + 1 / (1 + d.abs())).nan_to_num(0)).sum(1),
    NAN: (lambda s, d, w: (w * (torch.exp(-s.abs()) + torch.exp(-d.abs()))).sum(1),
          lambda s, d, w: (torch.exp(-s.abs()) + torch.exp(-d.abs())) @ w),
    "a record that lacks one of the films gets no score at all: only that film adds nothing":
        lambda s, d, w: (w * (torch.exp(-s.abs()) + torch.exp(-d.abs()))).sum(1).nan_to_num(0),
    "a film that a record lacks adds 2, as if it agreed: it adds nothing":
        lambda s, d, w: (w * (e(s.nan_to_num(0)) + e(d.nan_to_num(0)))).sum(1),
    "a film that a record lacks adds 1, as if it agreed: it adds nothing":
        lambda s, d, w: (w * (e(s) + e(d) + s.isnan())).sum(1),
    "that is the mean over the known films: add them up": lambda s, d, w: (w * (e(s) + e(d))).mean(1),
    "that is the mean over the films that the record has: add them up":
        lambda s, d, w: (w * (e(s) + e(d))).sum(1) / (~s.isnan()).sum(1),
    "that is divided by the sum of the weights: add up, no more": lambda s, d, w: (w * (e(s) + e(d))).sum(1) / w.sum(),
    "only the best film counts: add them up": lambda s, d, w: (w * (e(s) + e(d))).amax(1),
    "that is one number a film: add up over the known films, one score for each record":
        lambda s, d, w: (w * (e(s) + e(d))).sum(0),
    "that is a number for each record and film: add up over the known films": lambda s, d, w: w * (e(s) + e(d)),
    "that is one number: each record has its own score": lambda s, d, w: (w * (e(s) + e(d))).sum(),
    "the sign is the other way round: a record that is alike has a large score":
        lambda s, d, w: -(w * (e(s) + e(d))).sum(1),
}, of=with_parts)  # fmt: skip


def with_changes(change: Callable[..., dict[str, object]]) -> Callable[..., Tensor]:
    """An answer that is right but for some of its arguments, which ``change`` gives anew."""

    def answer(stars, day, film, known_stars, known_day, w, rho0, d0):
        given = {"stars": stars, "day": day, "film": film, "known_stars": known_stars, "known_day": known_day, "w": w,
                 "rho0": rho0, "d0": d0}  # fmt: skip
        return score(**(given | change(**given)))

    return answer


mistakes("linkage.score", {
    "the weights are those of the first films: take them at the known films":
        lambda film, w, **_: {"w": w.index_put((film,), w[: len(film)])},
    "the first columns are compared: take those of the known films":
        lambda stars, day, film, **_: {name: table.index_copy(1, film, table[:, : len(film)])
                                       for name, table in (("stars", stars), ("day", day))},
    "rho0 and d0 are exchanged: rho0 belongs to the stars, d0 to the days":
        lambda rho0, d0, **_: {"rho0": d0, "d0": rho0},
    "rho0 scales the days, too: d0 belongs to them": lambda rho0, **_: {"d0": rho0},
    "d0 scales the stars, too: rho0 belongs to them": lambda d0, **_: {"rho0": d0},
    "rho0 and d0 are not used": lambda **_: {"rho0": 1.0, "d0": 1.0},
    "rho0 is not used": lambda **_: {"rho0": 1.0},
    "d0 is not used": lambda **_: {"d0": 1.0},
    "the scales multiply the differences: they divide them": lambda rho0, d0, **_: {"rho0": 1 / rho0, "d0": 1 / d0},
    "a film that a record lacks counts as 0 stars on day 0: it adds nothing":
        lambda stars, day, **_: {"stars": stars.nan_to_num(0), "day": day.nan_to_num(0)},
    "only the first of the known films counts: add up over all of them": lambda film, known_stars, known_day, **_: {
        "film": film[:1], "known_stars": known_stars[:1], "known_day": known_day[:1]},
}, of=with_changes)  # fmt: skip


@mistake("linkage.score", "films of which nothing is known are compared, too: only the known films count")
def compares_all_films(stars, day, film, known_stars, known_day, w, rho0, d0):
    s, d = (torch.zeros_like(w).index_put((film,), v) for v in (known_stars, known_day))
    return score(stars, day, torch.arange(len(w)), s, d, w, rho0, d0)


@mistake("linkage.score", "the differences are squared: the paper takes their absolute values")
def squares(stars, day, film, known_stars, known_day, w, rho0, d0):
    alike = torch.exp(-((stars[:, film] - known_stars) ** 2) / rho0)
    near = torch.exp(-((day[:, film] - known_day) ** 2) / d0)
    return (w[film] * (alike + near).nan_to_num(0)).sum(1)


# ── eccentricity_test ─────────────────────────────────────────────────────────────────────────────────────────────────

EVERYBODY = "everybody is claimed: where the best doesn't stand out by more than φ σ, the answer is −1"
ALL_ALIKE = "where scores are equal nobody stands out: the lead must be *larger* than φ σ, also where both are 0"


@reference("linkage.eccentricity_test", instead_of=(linkage.eccentricity_test, linkage.link))
def eccentricity_test(scores: Tensor, phi: float) -> Tensor:
    """The record of each target, −1 where none stands out: (t, users) → (t,)."""
    return linkage.eccentricity_test(scores, phi=phi).matched_record()


def claiming(stands_out: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer that claims the best where ``stands_out`` of best and second-best scores, all scores, σ and φ."""

    def answer(scores, phi):
        first, second = scores.topk(2, dim=1).values.unbind(1)
        return torch.where(stands_out(first, second, scores, scores.std(1), phi), scores.argmax(1), -1)

    return answer


mistakes("linkage.eccentricity_test", {
    EVERYBODY: lambda first, second, scores, sigma, phi: first == first,
    "the lead is not divided by σ: φ counts standard deviations":
        lambda first, second, scores, sigma, phi: first - second > phi,
    "σ is that of the scores of one target, not of all together": (
        lambda first, second, scores, sigma, phi: first - second > phi * scores.std(),
        lambda first, second, scores, sigma, phi: first - second > phi * scores.std(0, correction=0).mean()),
    "σ is that of all scores of a target, the best one included": (
        lambda first, second, scores, sigma, phi: first - second > phi * scores.sort(1).values[:, :-1].std(1),
        lambda first, second, scores, sigma, phi: (
            first - second > phi * scores.sort(1).values[:, :-1].std(1, correction=0))),
    "that is how far the best is from the mean, or the median: compare it with the second best": (
        lambda first, second, scores, sigma, phi: first - scores.median(1).values > phi * sigma,
        lambda first, second, scores, sigma, phi: first - scores.mean(1) > phi * sigma,
        lambda first, second, scores, sigma, phi: first - scores.mean(1) > phi * scores.std(1, correction=0)),
    "that is how far the best is from the worst: compare it with the second best":
        lambda first, second, scores, sigma, phi: first - scores.min(1).values > phi * sigma,
    "the best score itself is compared with φ σ: take its lead over the second best":
        lambda first, second, scores, sigma, phi: first > phi * sigma,
    "the best score is divided by the second best: the paper takes the difference, in units of σ":
        (lambda first, second, scores, sigma, phi: first / second > phi,
         lambda first, second, scores, sigma, phi: first > phi * second),
    "the other way round: claim where the lead is *larger* than φ σ": (
        lambda first, second, scores, sigma, phi: first - second <= phi * sigma,
        lambda first, second, scores, sigma, phi: first - second < phi * sigma),
    "nobody is ever claimed: is the lead second best less best, or are the scores sorted the other way round?":
        lambda first, second, scores, sigma, phi: second - first > phi * sigma,
    "that is divided by the variance: σ is its root": (
        lambda first, second, scores, sigma, phi: first - second > phi * scores.var(1),
        lambda first, second, scores, sigma, phi: first - second > phi * scores.var(1, correction=0)),
    "that is divided by the mean of the scores: σ is their standard deviation":
        lambda first, second, scores, sigma, phi: first - second > phi * scores.mean(1),
    "the lead is multiplied by σ: divide it": lambda first, second, scores, sigma, phi: (first - second) * sigma > phi,
    "φ is not used": (lambda first, second, scores, sigma, phi: first - second > 1.5 * sigma,
                      lambda first, second, scores, sigma, phi: first - second > sigma,
                      lambda first, second, scores, sigma, phi: first > second),
    "equal best scores count as one here: the second best may be as good as the best":
        lambda first, second, scores, sigma, phi: (
            first - scores.masked_fill(scores == first[:, None], -torch.inf).max(1).values > phi * sigma) & (sigma > 0),
    ALL_ALIKE: (lambda first, second, scores, sigma, phi: first - second >= phi * sigma,
                lambda first, second, scores, sigma, phi: ~((first - second) / sigma <= phi)),
}, of=claiming)  # fmt: skip
mistakes("linkage.eccentricity_test", {
    "that is whether there is a match: expected the record's number, or −1": (
        lambda scores, phi: eccentricity_test(scores, phi) >= 0,
        lambda scores, phi: (eccentricity_test(scores, phi) >= 0).long()),
    "that is the second-best record: claim the best": lambda scores, phi: torch.where(
        eccentricity_test(scores, phi) >= 0, scores.topk(2, dim=1).indices[:, 1], -1),
    "that is the record with the smallest score: claim the best":
        lambda scores, phi: torch.where(eccentricity_test(scores, phi) >= 0, scores.argmin(1), -1),
    "that is the best score: expected the number of its record": lambda scores, phi: torch.where(
        eccentricity_test(scores, phi) >= 0, scores.max(1).values, -1),
    "records are numbered from 0": lambda scores, phi: torch.where(
        eccentricity_test(scores, phi) >= 0, eccentricity_test(scores, phi) + 1, -1),
    "where nobody stands out the answer is −1, not 0": lambda scores, phi: eccentricity_test(scores, phi).clamp_min(0),
    "where nobody stands out the answer is −1, not the last record: an index of −1 is taken from the end":
        lambda scores, phi: eccentricity_test(scores, phi) % scores.shape[1],
    "that is one record for all: expected one for each target": (
        lambda scores, phi: eccentricity_test(scores.flatten()[None], phi)[0],
        lambda scores, phi: eccentricity_test(scores, phi)[0]),
    "targets whom nobody matches are left out: expected one record for each target":
        lambda scores, phi: eccentricity_test(scores, phi)[eccentricity_test(scores, phi) >= 0],
    "that is the eccentricity: compare it with φ, and say which record it is":
        (lambda scores, phi: (scores.topk(2).values[:, 0] - scores.topk(2).values[:, 1]) / scores.std(1),
         lambda scores, phi: (scores.topk(2).values[:, 0] - scores.topk(2).values[:, 1]) / scores.std(1, correction=0)),
})  # fmt: skip

# ── attack_rates ──────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("linkage.attack_rates", instead_of=(linkage.attack_rates,))
def attack_rates(record: Tensor, truth: Tensor) -> tuple[float, float]:
    """Both shares of all targets: (t,), (t,) with −1 for nobody → two numbers."""
    rates = linkage.attack_rates(linkage.Matches(record, torch.zeros(len(record)), record >= 0), truth)
    return rates.identified, rates.false


def counted(combine: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer that is ``combine`` of who is claimed, whose record is the truth, and who is in the release: 0 or 1."""
    return lambda record, truth: combine((record >= 0).double(), (record == truth).double(), (truth >= 0).double())


mistakes("linkage.attack_rates", {
    "somebody who is not in the release and is left alone was not identified: −1 equals −1, but it is no claim": (
        lambda c, same, there: (same.mean(), (c * (1 - same)).mean()),
        lambda c, same, there: (same.mean(), 1 - same.mean())),
    "silence is no false claim: count only where somebody is claimed":
        lambda c, same, there: ((c * same).mean(), 1 - same.mean()),
    "silence is no false claim: what is not identified is either falsely claimed or left alone":
        lambda c, same, there: ((c * same).mean(), 1 - (c * same).mean()),
    "claiming somebody who is not in the release at all is a false claim too":
        lambda c, same, there: ((c * same).mean(), (c * (1 - same) * there).mean()),
    "only claims about people who are not in the release count as false here: wrong records of others do, too":
        lambda c, same, there: ((c * same).mean(), (c * (1 - there)).mean()),
    "these are shares of the claims: expected shares of all targets": (
        lambda c, same, there: ((c * same).sum() / c.sum().clamp_min(1), (c * (1 - same)).sum() / c.sum().clamp_min(1)),
        lambda c, same, there: ((c * same).mean(), (c * (1 - same)).sum() / c.sum().clamp_min(1)),
        lambda c, same, there: ((c * same).sum() / c.sum().clamp_min(1), (c * (1 - same)).mean())),
    "these are shares of the claims, and nan where nobody is claimed: both shares are of the number of all targets": (
        lambda c, same, there: ((c * same).sum() / c.sum(), (c * (1 - same)).sum() / c.sum()),
        lambda c, same, there: ((c * same).mean(), (c * (1 - same)).sum() / c.sum()),
        lambda c, same, there: ((c * same).sum() / c.sum(), (c * (1 - same)).mean())),
    "these are shares of the people in the release: expected shares of all targets": (
        lambda c, same, there: ((c * same).sum() / there.sum(), (c * (1 - same)).mean()),
        lambda c, same, there: ((c * same).sum() / there.sum(), (c * (1 - same)).sum() / there.sum()),
        lambda c, same, there: ((c * same).sum() / there.sum().clamp_min(1), (c * (1 - same)).mean()),
        lambda c, same, there: ((c * same).sum() / there.sum().clamp_min(1),
                                (c * (1 - same)).sum() / (1 - there).sum().clamp_min(1)),
        lambda c, same, there: ((c * same).sum() / there.sum(), (c * (1 - there)).sum() / (1 - there).sum()),
        lambda c, same, there: ((c * same).sum() / there.sum(), 1 - (c * same).sum() / c.sum())),
    "`//` divides without the rest: take `/`":
        lambda c, same, there: ((c * same).sum() // len(c), (c * (1 - same)).sum() // len(c)),
    "these are numbers of targets: expected shares": lambda c, same, there: ((c * same).sum(), (c * (1 - same)).sum()),
    "these are in per cent: expected shares from 0 to 1":
        lambda c, same, there: (100 * (c * same).mean(), 100 * (c * (1 - same)).mean()),
    "the two are in the other order: first the identified, then the falsely claimed":
        lambda c, same, there: ((c * (1 - same)).mean(), (c * same).mean()),
    "the first is the share of all claims, right or wrong: count the right ones":
        lambda c, same, there: (c.mean(), (c * (1 - same)).mean()),
    "the second is the share of all claims, right or wrong: count the false ones":
        lambda c, same, there: ((c * same).mean(), c.mean()),
    "the second is the share that is left alone: count the false claims":
        lambda c, same, there: ((c * same).mean(), 1 - c.mean()),
    "the second is the share of people in the release who are not identified: count the false claims":
        lambda c, same, there: ((c * same).mean(), (there * (1 - same)).mean()),
}, of=counted)  # fmt: skip
mistakes("linkage.attack_rates", {
    "record 0 counts as nobody here: only −1 does": (
        lambda record, truth: attack_rates(record.masked_fill(record == 0, -1), truth),
        lambda record, truth: attack_rates(record.masked_fill((record == 0) & (truth != 0), -1), truth)),
})  # fmt: skip


@mistake("linkage.attack_rates", says="expected 2 values")
def returns_one(record, truth):
    return attack_rates(record, truth)[0]
