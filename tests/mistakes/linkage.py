"""Answers to exercise 18 that students plausibly give."""

from collections import Counter

import torch

from tests.mistakes import mistake, right

# ── k_anonymity ───────────────────────────────────────────────────────────────────────────────────────────────────────


def sizes(quasi):
    return quasi.unique(dim=0, return_counts=True)[1]


@mistake("linkage.k_anonymity", says="largest group")
def takes_the_largest_group(quasi):
    return int(sizes(quasi).max())


@mistake("linkage.k_anonymity", says="number of groups")
def counts_the_groups(quasi):
    return len(sizes(quasi))


@mistake("linkage.k_anonymity", says="mean size")
def takes_the_mean(quasi):
    return round(float(sizes(quasi).double().mean()))


@mistake("linkage.k_anonymity", says="*all* columns")
def looks_at_each_column_by_itself(quasi):
    return min(int(c.unique(return_counts=True)[1].min()) for c in quasi.T)


@mistake("linkage.k_anonymity", says="counts itself")
def leaves_the_row_itself_out(quasi):
    return int(sizes(quasi).min()) - 1


@mistake("linkage.k_anonymity", says="expected one for the whole table")
def gives_every_size(quasi):
    return sizes(quasi)


@right("linkage.k_anonymity")
def with_a_counter(quasi):
    return min(Counter(map(tuple, quasi.tolist())).values())


@right("linkage.k_anonymity")
def by_comparing_all_pairs(quasi):
    return (quasi[:, None] == quasi[None]).all(2).sum(1).min()


# ── l_diversity ───────────────────────────────────────────────────────────────────────────────────────────────────────


def members(quasi, sensitive):
    group = quasi.unique(dim=0, return_inverse=True)[1]
    return [sensitive[group == i] for i in range(int(group.max()) + 1)]


@mistake("linkage.l_diversity", says="most diverse")
def takes_the_most_diverse_group(quasi, sensitive):
    return max(len(m.unique()) for m in members(quasi, sensitive))


@mistake("linkage.l_diversity", says="whole table")
def counts_in_the_whole_table(quasi, sensitive):
    return len(sensitive.unique())


@mistake("linkage.l_diversity", says="that is k")
def gives_k(quasi, sensitive):
    return min(len(m) for m in members(quasi, sensitive))


@mistake("linkage.l_diversity", says="may be larger")
def looks_at_the_smallest_group(quasi, sensitive):
    return len(min(members(quasi, sensitive), key=len).unique())


@mistake("linkage.l_diversity", says="expected one for the whole table")
def gives_one_a_group(quasi, sensitive):
    return torch.tensor([len(m.unique()) for m in members(quasi, sensitive)])


@right("linkage.l_diversity")
def with_sets(quasi, sensitive):
    found = {}
    for row, value in zip(quasi.tolist(), sensitive.tolist()):
        found.setdefault(tuple(row), set()).add(value)
    return min(len(values) for values in found.values())


@right("linkage.l_diversity")
def by_counting_different_rows(quasi, sensitive):
    both = torch.cat([quasi, sensitive[:, None]], 1).unique(dim=0)
    return both[:, :-1].unique(dim=0, return_counts=True)[1].min()


# ── weight ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def support(film, films):
    return torch.bincount(film, minlength=films).float()


@mistake("linkage.weight", says="infinite")
def forgets_the_film_with_one_rating(film, films):
    return 1 / support(film, films).log()


@mistake("linkage.weight", says="1 / log")
def turns_it_around(film, films):
    return support(film, films).clamp_min(2).log()


@mistake("linkage.weight", says="falls off")
def leaves_the_logarithm_out(film, films):
    return 1 / support(film, films).clamp_min(2)


@mistake("linkage.weight", says="base 2")
def takes_the_binary_logarithm(film, films):
    return 1 / support(film, films).clamp_min(2).log2()


@mistake("linkage.weight", says="another weight")
def adds_one(film, films):
    return 1 / support(film, films).log1p()


@mistake("linkage.weight", says="one weight a rating")
def gives_one_a_rating(film, films):
    return 1 / support(film, films).clamp_min(2).log()[film]


@mistake("linkage.weight", says="minlength")
def loses_the_last_films(film, films):
    return 1 / torch.bincount(film).clamp_min(2).float().log()


@right("linkage.weight")
def with_scatter(film, films):
    count = torch.zeros(films).scatter_add_(0, film, torch.ones(len(film)))
    return count.clamp(min=2).log().reciprocal()


@right("linkage.weight")
def in_a_loop(film, films):
    count = Counter(film.tolist())
    return torch.tensor([1 / torch.tensor(float(max(count[i], 2))).log() for i in range(films)])


# ── score ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def terms(stars, day, film, known_stars, known_day, rho0, d0):
    a = torch.exp(-(stars[:, film] - known_stars).abs() / rho0)
    b = torch.exp(-(day[:, film] - known_day).abs() / d0)
    return a, b


@mistake("linkage.score", says="dates are missing")
def forgets_the_dates(stars, day, film, known_stars, known_day, w, rho0, d0):
    a, _ = terms(stars, day, film, known_stars, known_day, rho0, d0)
    return (w[film] * a.nan_to_num(0)).sum(1)


@mistake("linkage.score", says="weights are missing")
def forgets_the_weights(stars, day, film, known_stars, known_day, w, rho0, d0):
    a, b = terms(stars, day, film, known_stars, known_day, rho0, d0)
    return (a + b).nan_to_num(0).sum(1)


@mistake("linkage.score", says="first films")
def weighs_the_first_films(stars, day, film, known_stars, known_day, w, rho0, d0):
    a, b = terms(stars, day, film, known_stars, known_day, rho0, d0)
    return (w[: len(film)] * (a + b).nan_to_num(0)).sum(1)


@mistake("linkage.score", says="multiplied")
def multiplies(stars, day, film, known_stars, known_day, w, rho0, d0):
    a, b = terms(stars, day, film, known_stars, known_day, rho0, d0)
    return (w[film] * (a * b).nan_to_num(0)).sum(1)


@mistake("linkage.score", says="nan")
def lets_nan_through(stars, day, film, known_stars, known_day, w, rho0, d0):
    a, b = terms(stars, day, film, known_stars, known_day, rho0, d0)
    return (w[film] * (a + b)).sum(1)


@mistake("linkage.score", says="as if it agreed")
def takes_a_missing_film_for_agreement(stars, day, film, known_stars, known_day, w, rho0, d0):
    a = torch.exp(-(stars[:, film] - known_stars).nan_to_num(0).abs() / rho0)
    b = torch.exp(-(day[:, film] - known_day).nan_to_num(0).abs() / d0)
    return (w[film] * (a + b)).sum(1)


@mistake("linkage.score", says="0 stars")
def takes_a_missing_film_for_zero_stars(stars, day, film, known_stars, known_day, w, rho0, d0):
    a, b = terms(stars.nan_to_num(0), day.nan_to_num(0), film, known_stars, known_day, rho0, d0)
    return (w[film] * (a + b)).sum(1)


@mistake("linkage.score", says="exchanged")
def exchanges_the_scales(stars, day, film, known_stars, known_day, w, rho0, d0):
    a, b = terms(stars, day, film, known_stars, known_day, d0, rho0)
    return (w[film] * (a + b).nan_to_num(0)).sum(1)


@mistake("linkage.score", says="squared")
def squares(stars, day, film, known_stars, known_day, w, rho0, d0):
    a = torch.exp(-((stars[:, film] - known_stars) ** 2) / rho0)
    b = torch.exp(-((day[:, film] - known_day) ** 2) / d0)
    return (w[film] * (a + b).nan_to_num(0)).sum(1)


@mistake("linkage.score", says="mean")
def takes_the_mean_over_films(stars, day, film, known_stars, known_day, w, rho0, d0):
    a, b = terms(stars, day, film, known_stars, known_day, rho0, d0)
    return (w[film] * (a + b).nan_to_num(0)).mean(1)


@right("linkage.score")
def film_by_film(stars, day, film, known_stars, known_day, w, rho0, d0):
    total = torch.zeros(len(stars), dtype=stars.dtype)
    for i, s, t in zip(film.tolist(), known_stars, known_day):
        there = ~stars[:, i].isnan()
        total[there] += w[i] * torch.exp(-(stars[there, i] - s).abs() / rho0)
        total[there] += w[i] * torch.exp(-(day[there, i] - t).abs() / d0)
    return total


@right("linkage.score")
def as_a_matrix_product(stars, day, film, known_stars, known_day, w, rho0, d0):
    a, b = terms(stars, day, film, known_stars, known_day, rho0, d0)
    return torch.nan_to_num(a + b) @ w[film]


# ── eccentricity_test ─────────────────────────────────────────────────────────────────────────────────────────────────


def leads(scores):
    top = scores.topk(2, dim=1).values
    return top[:, 0] - top[:, 1]


@mistake("linkage.eccentricity_test", says="everybody is claimed")
def claims_everybody(scores, phi):
    return scores.argmax(1)


@mistake("linkage.eccentricity_test", says="not divided")
def forgets_sigma(scores, phi):
    return torch.where(leads(scores) > phi, scores.argmax(1), -1)


@mistake("linkage.eccentricity_test", says="all together")
def takes_sigma_over_everything(scores, phi):
    return torch.where(leads(scores) > phi * scores.std(), scores.argmax(1), -1)


@mistake("linkage.eccentricity_test", says="second best")
def compares_with_the_mean(scores, phi):
    z = (scores.max(1).values - scores.mean(1)) / scores.std(1, correction=0).clamp_min(1e-9)
    return torch.where(z > phi, scores.argmax(1), -1)


@mistake("linkage.eccentricity_test", says="other way round")
def turns_the_test_around(scores, phi):
    return torch.where(leads(scores) > phi * scores.std(1, correction=0), -1, scores.argmax(1))


@mistake("linkage.eccentricity_test", says="variance")
def divides_by_the_variance(scores, phi):
    return torch.where(leads(scores) > phi * scores.var(1), scores.argmax(1), -1)


@mistake("linkage.eccentricity_test", says="whether there is a match")
def says_only_whether(scores, phi):
    return leads(scores) > phi * scores.std(1)


@right("linkage.eccentricity_test")
def with_the_sample_deviation(scores, phi):
    return torch.where(leads(scores) > phi * scores.std(1), scores.argmax(1), -1)


@right("linkage.eccentricity_test")
def row_by_row(scores, phi):
    result = []
    for row in scores:
        ordered = row.sort(descending=True)
        lead, sigma = ordered.values[0] - ordered.values[1], row.std(correction=0)
        stands_out = sigma > 0 and lead / sigma > phi
        result.append(int(ordered.indices[0]) if stands_out else -1)
    return torch.tensor(result)


# ── attack_rates ──────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("linkage.attack_rates", says="−1 equals −1")
def counts_silence_as_a_hit(record, truth):
    return (record == truth).double().mean(), ((record != truth) & (record >= 0)).double().mean()


@mistake("linkage.attack_rates", says="silence is no false claim")
def counts_silence_as_false(record, truth):
    return ((record == truth) & (record >= 0)).double().mean(), (record != truth).double().mean()


@mistake("linkage.attack_rates", says="not in the release at all")
def forgets_strangers(record, truth):
    claimed = record >= 0
    hits, misses = claimed & (record == truth), claimed & (record != truth) & (truth >= 0)
    return hits.double().mean(), misses.double().mean()


@mistake("linkage.attack_rates", says="shares of the claims")
def divides_by_the_claims(record, truth):
    claimed = record >= 0
    n = max(int(claimed.sum()), 1)
    return int((claimed & (record == truth)).sum()) / n, int((claimed & (record != truth)).sum()) / n


@mistake("linkage.attack_rates", says="numbers of targets")
def gives_numbers(record, truth):
    claimed = record >= 0
    return (claimed & (record == truth)).sum(), (claimed & (record != truth)).sum()


@mistake("linkage.attack_rates", says="two numbers")
def returns_one(record, truth):
    return ((record == truth) & (record >= 0)).double().mean()


@right("linkage.attack_rates")
def with_means(record, truth):
    claimed = record >= 0
    return (claimed & (record == truth)).double().mean(), (claimed & (record != truth)).double().mean()


@right("linkage.attack_rates")
def in_plain_python(record, truth):
    identified = false = 0
    for r, t in zip(record.tolist(), truth.tolist()):
        identified += r >= 0 and r == t
        false += r >= 0 and r != t
    return identified / len(record), false / len(record)
