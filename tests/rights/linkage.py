"""Right answers to exercise 18, written differently."""

from collections import Counter

import numpy as np
import torch

from tests.rights import right

# ── k_anonymity ───────────────────────────────────────────────────────────────────────────────────────────────────────


@right("linkage.k_anonymity")
def with_a_counter(quasi):
    return min(Counter(map(tuple, quasi.tolist())).values())


@right("linkage.k_anonymity")
def by_comparing_all_pairs(quasi):
    return (quasi[:, None] == quasi[None]).all(2).sum(1).min()


@right("linkage.k_anonymity")
def with_numpy(quasi):
    return np.unique(quasi.numpy(), axis=0, return_counts=True)[1].min()


# ── l_diversity ───────────────────────────────────────────────────────────────────────────────────────────────────────


@right("linkage.l_diversity")
def with_sets(quasi, sensitive):
    values = {}
    for row, value in zip(quasi.tolist(), sensitive.tolist()):
        values.setdefault(tuple(row), set()).add(value)
    return min(len(of_one) for of_one in values.values())


@right("linkage.l_diversity")
def by_counting_different_rows(quasi, sensitive):
    both = torch.cat([quasi, sensitive[:, None]], 1).unique(dim=0)
    return both[:, :-1].unique(dim=0, return_counts=True)[1].min()


@right("linkage.l_diversity")
def row_by_row(quasi, sensitive):
    return min(float(len(set(sensitive[(quasi == row).all(1)].tolist()))) for row in quasi)


# ── weight ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("linkage.weight")
def with_scatter(film, films):
    count = torch.zeros(films).scatter_add_(0, film, torch.ones(len(film)))
    return count.clamp(min=2).log().reciprocal()


@right("linkage.weight")
def in_a_loop(film, films):
    count = Counter(film.tolist())
    return torch.tensor([1 / torch.tensor(float(max(count[i], 2))).log() for i in range(films)])


@right("linkage.weight")
def by_comparing_with_every_film(film, films):
    support = (film[:, None] == torch.arange(films)).sum(0)
    support[support < 2] = 2
    return 1.0 / torch.log(support)


# ── score ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


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
    a = torch.exp(-(stars[:, film] - known_stars).abs() / rho0)
    b = torch.exp(-(day[:, film] - known_day).abs() / d0)
    return torch.nan_to_num(a + b) @ w[film]


@right("linkage.score")
def with_a_sum_that_skips_nan(stars, day, film, known_stars, known_day, w, rho0, d0):
    far = torch.stack([(stars[:, film] - known_stars) / rho0, (day[:, film] - known_day) / d0])
    return torch.nansum(w.index_select(0, film) * torch.exp(-torch.abs(far)), dim=(0, 2))


# ── eccentricity_test ─────────────────────────────────────────────────────────────────────────────────────────────────


@right("linkage.eccentricity_test")
def with_the_sample_deviation(scores, phi):
    top = scores.topk(2, dim=1).values
    return torch.where(top[:, 0] - top[:, 1] > phi * scores.std(1), scores.argmax(1), -1)


@right("linkage.eccentricity_test")
def target_by_target(scores, phi):
    result = []
    for row in scores:
        ordered = row.sort(descending=True)
        lead, sigma = ordered.values[0] - ordered.values[1], row.std(correction=0)
        stands_out = sigma > 0 and lead / sigma > phi
        result.append(int(ordered.indices[0]) if stands_out else -1)
    return torch.tensor(result)


@right("linkage.eccentricity_test")
def by_dividing_in_numpy(scores, phi):
    ordered = np.sort(scores.numpy(), 1)
    with np.errstate(all="ignore"):
        far = (ordered[:, -1] - ordered[:, -2]) / scores.numpy().std(1)
    return np.where(far > phi, scores.numpy().argmax(1), -1)


# ── attack_rates ──────────────────────────────────────────────────────────────────────────────────────────────────────


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


@right("linkage.attack_rates")
def by_what_is_left(record, truth):
    n, silent = len(truth), int((record == -1).sum())
    hits = int(((record == truth) & (truth != -1)).sum())
    return [torch.tensor([hits / n]), np.float32((n - silent - hits) / n)]
