"""Exercise 18, as a class might answer it."""

from collections import Counter, defaultdict
from itertools import groupby

import numpy as np
import torch

# ── k_anonymity ───────────────────────────────────────────────────────────────────────────────────────────────────────


def k_by_text(quasi):
    rows = ["".join(str(int(v)) for v in row) for row in quasi]
    return min(Counter(rows).values())


def k_by_groupby_without_sorting(quasi):
    return min(len(list(group)) for _, group in groupby(quasi.tolist()))


def k_by_product_of_columns(quasi):
    return min(Counter((quasi + 21).prod(1).tolist()).values())


def k_by_frozenset(quasi):
    return min(Counter(frozenset(row) for row in quasi.tolist()).values())


def k_most_common(quasi):
    return Counter(map(tuple, quasi.tolist())).most_common(1)[0][1]


def k_row_itself(quasi):
    return quasi[quasi.unique(dim=0, return_counts=True)[1].argmin()]


def k_without_dim(quasi):
    counts = quasi.unique(return_counts=True)[1]
    return int(counts.min())


def k_first_row(quasi):
    return int((quasi == quasi[0]).all(1).sum())


def k_any_column(quasi):
    return int((quasi[:, None] == quasi[None]).any(2).sum(1).min())


def k_share(quasi):
    return float(quasi.unique(dim=0, return_counts=True)[1].min() / len(quasi))


def right_k_by_sorting(quasi):
    rows = sorted(quasi.tolist())
    return min(len(list(group)) for _, group in groupby(rows))


def right_k_with_an_index(quasi):
    _, index = quasi.unique(dim=0, return_inverse=True)
    return torch.bincount(index).min().item()


# ── l_diversity ───────────────────────────────────────────────────────────────────────────────────────────────────────


def l_by_text(quasi, sensitive):
    values = defaultdict(set)
    for row, value in zip(quasi.tolist(), sensitive.tolist()):
        values["".join(map(str, row))].add(value)
    return min(map(len, values.values()))


def l_with_lists(quasi, sensitive):
    values = defaultdict(list)
    for row, value in zip(quasi.tolist(), sensitive.tolist()):
        values[tuple(row)].append(value)
    return min(map(len, values.values()))


def l_first_group(quasi, sensitive):
    return len(set(sensitive[(quasi == quasi[0]).all(1)].tolist()))


def l_of_rows(quasi, sensitive):
    both = torch.cat([quasi, sensitive[:, None]], dim=1)
    return both.unique(dim=0, return_counts=True)[1].min()


def l_share(quasi, sensitive):
    group = quasi.unique(dim=0, return_inverse=True)[1]
    return min(len(sensitive[group == i].unique()) / int((group == i).sum()) for i in group.unique())


def l_by_bincount(quasi, sensitive):
    group = quasi.unique(dim=0, return_inverse=True)[1]
    return min(len(torch.bincount(sensitive[group == i] + 5)) for i in group.unique())


def l_changes_table(quasi, sensitive):
    quasi[:, 0] = quasi[:, 0] * 1000 + quasi[:, -1]
    group = quasi.unique(dim=0, return_inverse=True)[1]
    return min(len(sensitive[group == i].unique()) for i in group.unique())


def right_l_with_a_table(quasi, sensitive):
    group = quasi.unique(dim=0, return_inverse=True)[1]
    value = sensitive.unique(return_inverse=True)[1]
    table = torch.zeros(int(group.max()) + 1, int(value.max()) + 1, dtype=torch.bool)
    table[group, value] = True
    return table.sum(1).amin()


# ── weight ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def weight_numpy_double(film, films):
    count = np.bincount(film.numpy(), minlength=films)
    return torch.from_numpy(1 / np.log(np.maximum(count, 2)))


def weight_of_unique(film, films):
    _, count = film.unique(return_counts=True)
    return 1 / count.clamp_min(2).float().log()


def weight_replaces_ones_only(film, films):
    count = torch.bincount(film, minlength=films).float()
    count[count == 1] = 2
    return 1 / count.log()


def weight_adds_two(film, films):
    return 1 / (torch.bincount(film, minlength=films).float() + 1).clamp_min(2).log()


def weight_maximum_after_log(film, films):
    return 1 / torch.bincount(film, minlength=films).float().log().clamp_min(2)


def weight_reversed(film, films):
    return (1 / torch.bincount(film, minlength=films).clamp_min(2).float().log()).flip(0)


def weight_as_list(film, films):
    return [1 / float(np.log(max(2, int((film == i).sum())))) for i in range(films)]


def weight_one_based(film, films):
    count = torch.tensor([int((film == i + 1).sum()) for i in range(films)])
    return 1 / count.clamp_min(2).float().log()


def weight_idf(film, films):
    return torch.log(len(film) / torch.bincount(film, minlength=films).clamp_min(1).float())


def right_weight_in_a_loop(film, films):
    w = torch.empty(films)
    for i in range(films):
        w[i] = 1 / np.log(max(int((film == i).sum()), 2))
    return w


# ── score ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def score_forgets_nan_in_numpy(stars, day, film, known_stars, known_day, w, rho0, d0):
    s, d = stars.numpy()[:, film], day.numpy()[:, film]
    near = np.exp(-np.abs(s - known_stars.numpy()) / rho0) + np.exp(-np.abs(d - known_day.numpy()) / d0)
    return torch.from_numpy((w.numpy()[film] * near).sum(1))


def score_nan_before(stars, day, film, known_stars, known_day, w, rho0, d0):
    s, d = stars[:, film].nan_to_num(), day[:, film].nan_to_num()
    a, b = (-(s - known_stars).abs() / rho0).exp(), (-(d - known_day).abs() / d0).exp()
    return ((a + b) * w[film]).sum(dim=1)


def score_negative_sign(stars, day, film, known_stars, known_day, w, rho0, d0):
    a = torch.exp((stars[:, film] - known_stars).abs() / -rho0)
    b = torch.exp((day[:, film] - known_day).abs() / d0)
    return (w[film] * (a + b).nan_to_num(0)).sum(1)


def score_divides_inside_abs(stars, day, film, known_stars, known_day, w, rho0, d0):
    a = torch.exp(-((stars[:, film] - known_stars) / d0).abs())
    b = torch.exp(-((day[:, film] - known_day) / d0).abs())
    return (w[film] * (a + b).nan_to_num(0)).sum(1)


def score_only_complete_records(stars, day, film, known_stars, known_day, w, rho0, d0):
    near = torch.exp(-(stars[:, film] - known_stars).abs() / rho0) + torch.exp(-(day[:, film] - known_day).abs() / d0)
    total = (w[film] * near).sum(1)
    total[total.isnan()] = 0
    return total


def score_of_all_films(stars, day, film, known_stars, known_day, w, rho0, d0):
    full_stars, full_day = torch.zeros(stars.shape[1]), torch.zeros(stars.shape[1])
    full_stars[film], full_day[film] = known_stars.float(), known_day.float()
    near = torch.exp(-(stars - full_stars).abs() / rho0) + torch.exp(-(day - full_day).abs() / d0)
    return (w * near.nan_to_num(0)).sum(1)


def score_exponent_of_sum(stars, day, film, known_stars, known_day, w, rho0, d0):
    far = (stars[:, film] - known_stars).abs() / rho0 + (day[:, film] - known_day).abs() / d0
    return (w[film] * torch.exp(-far).nan_to_num(0)).sum(1)


def score_weight_in_exponent(stars, day, film, known_stars, known_day, w, rho0, d0):
    a = torch.exp(-w[film] * (stars[:, film] - known_stars).abs() / rho0)
    b = torch.exp(-w[film] * (day[:, film] - known_day).abs() / d0)
    return (a + b).nan_to_num(0).sum(1)


def score_fills_the_tables(stars, day, film, known_stars, known_day, w, rho0, d0):
    stars[stars.isnan()] = 1e9
    day[day.isnan()] = 1e9
    a = torch.exp(-(stars[:, film] - known_stars).abs() / rho0)
    b = torch.exp(-(day[:, film] - known_day).abs() / d0)
    return (w[film] * (a + b)).sum(1)


def score_keeps_dimension(stars, day, film, known_stars, known_day, w, rho0, d0):
    near = torch.exp(-(stars[:, film] - known_stars).abs() / rho0) + torch.exp(-(day[:, film] - known_day).abs() / d0)
    return (w[film] * near.nan_to_num(0)).sum(1, keepdim=True)


def score_of_stars_only_where_days(stars, day, film, known_stars, known_day, w, rho0, d0):
    near = torch.exp(-((stars[:, film] - known_stars) ** 2) / (2 * rho0**2))
    near = near + torch.exp(-((day[:, film] - known_day) ** 2) / (2 * d0**2))
    return (w[film] * near.nan_to_num(0)).sum(1)


def score_in_a_loop_that_returns_early(stars, day, film, known_stars, known_day, w, rho0, d0):
    total = torch.zeros(len(stars), dtype=stars.dtype)
    for i, s, d in zip(film, known_stars, known_day):
        a = torch.exp(-(stars[:, i] - s).abs() / rho0) + torch.exp(-(day[:, i] - d).abs() / d0)
        total += w[i] * a.nan_to_num(0)
        return total


def right_score_with_where(stars, day, film, known_stars, known_day, w, rho0, d0):
    there = torch.isfinite(stars[:, film])
    a = torch.where(there, torch.exp(-torch.abs(stars[:, film] - known_stars[None]) / rho0), 0)
    b = torch.where(there, torch.exp(-torch.abs(day[:, film] - known_day[None]) / d0), 0)
    return torch.einsum("um,m->u", a + b, w[film])


def right_score_record_by_record(stars, day, film, known_stars, known_day, w, rho0, d0):
    scores = []
    for s, d in zip(stars[:, film], day[:, film]):
        kept = ~s.isnan()
        near = torch.exp(-(s - known_stars)[kept].abs() / rho0) + torch.exp(-(d - known_day)[kept].abs() / d0)
        scores.append((w[film][kept] * near).sum())
    return torch.stack(scores)


# ── eccentricity_test ─────────────────────────────────────────────────────────────────────────────────────────────────


def claim_as_list(scores, phi):
    out = []
    for row in scores.tolist():
        best, second = sorted(row)[-1], sorted(row)[-2]
        out.append(row.index(best) if best - second > phi * np.std(row) else -1)
    return out


def claim_none_for_nobody(scores, phi):
    top = scores.topk(2)
    claim = top.values[:, 0] - top.values[:, 1] > phi * scores.std(1)
    return [int(i) if c else None for i, c in zip(top.indices[:, 0], claim)]


def claim_one_for_all(scores, phi):
    top = scores.flatten().topk(2)
    return top.indices[0] if top.values[0] - top.values[1] > phi * scores.std() else torch.tensor(-1)


def claim_topk_of_targets(scores, phi):
    top = scores.topk(2, dim=0)
    return torch.where(top.values[0] - top.values[1] > phi * scores.std(0), top.indices[0], -1)


def claim_sorted_ascending(scores, phi):
    ordered, index = scores.sort(1)
    return torch.where(ordered[:, 0] - ordered[:, 1] > phi * scores.std(1), index[:, 0], -1)


def claim_unique_scores(scores, phi):
    out = []
    for row in scores:
        values = row.unique()
        if len(values) < 2:
            out.append(-1)
            continue
        out.append(int(row.argmax()) if values[-1] - values[-2] > phi * row.std() else -1)
    return torch.tensor(out)


def claim_z_score(scores, phi):
    z = (scores - scores.mean(1, keepdim=True)) / scores.std(1, keepdim=True)
    return torch.where(z.max(1).values > phi, scores.argmax(1), -1)


def claim_standardises_over_everything(scores, phi):
    z = (scores - scores.mean()) / scores.std()
    top = z.topk(2, dim=1)
    return torch.where(top.values[:, 0] - top.values[:, 1] > phi, top.indices[:, 0], -1)


def claim_raises_on_ties(scores, phi):
    top = scores.topk(2, dim=1)
    far = (top.values[:, 0] - top.values[:, 1]) / scores.std(1)
    assert not far.isnan().any()
    return torch.where(far > phi, top.indices[:, 0], -1)


def right_test_with_masks(scores, phi):
    best = scores.max(1)
    rest = scores.clone()
    rest[torch.arange(len(scores)), best.indices] = -torch.inf
    record = best.indices.clone()
    record[~(best.values - rest.max(1).values > phi * scores.std(1, unbiased=False))] = -1
    return record


# ── attack_rates ──────────────────────────────────────────────────────────────────────────────────────────────────────


def rates_as_a_list_of_counts(record, truth):
    return [int(((record == truth) & (record != -1)).sum()), int(((record != truth) & (record != -1)).sum())]


def rates_precision_recall(record, truth):
    hit = ((record == truth) & (truth >= 0)).float().sum()
    return hit / (truth >= 0).sum(), 1 - hit / (record >= 0).sum()


def rates_in_a_dictionary(record, truth):
    claimed = record >= 0
    right = (claimed & (record == truth)).double().mean()
    return {"identified": right, "false": claimed.double().mean() - right}


def rates_false_among_strangers(record, truth):
    claimed = record >= 0
    return (claimed & (record == truth)).double().mean(), (claimed & (truth < 0)).double().mean()


def rates_with_positive_only(record, truth):
    claimed = record > 0
    return (claimed & (record == truth)).double().mean(), (claimed & (record != truth)).double().mean()


def rates_false_is_the_rest(record, truth):
    right = ((record == truth) & (record >= 0)).double().mean()
    return right, 1 - right


def rates_three_numbers(record, truth):
    claimed, right = record >= 0, record == truth
    return (claimed & right).float().mean(), (claimed & ~right).float().mean(), (~claimed).float().mean()


def rates_integer_division(record, truth):
    claimed, right = record >= 0, record == truth
    return int((claimed & right).sum()) // len(record), int((claimed & ~right).sum()) // len(record)


def rates_per_target(record, truth):
    claimed, right = record >= 0, record == truth
    return (claimed & right).double(), (claimed & ~right).double()


def right_rates_from_a_table(record, truth):
    kinds = Counter((bool(r >= 0), bool(r == t)) for r, t in zip(record, truth))
    return kinds[(True, True)] / len(record), kinds[(True, False)] / len(record)


def wrong(key, *functions):
    return [(f"linkage.{key}", function, "wrong") for function in functions]


def right(key, *functions):
    return [(f"linkage.{key}", function, "right") for function in functions]


FRESH = [
    *wrong("k_anonymity", k_by_text, k_by_groupby_without_sorting, k_by_product_of_columns, k_by_frozenset,
           k_most_common, k_row_itself, k_without_dim, k_first_row, k_any_column, k_share),
    *wrong("l_diversity", l_by_text, l_with_lists, l_first_group, l_of_rows, l_share, l_by_bincount, l_changes_table),
    *wrong("weight", weight_numpy_double, weight_of_unique, weight_replaces_ones_only, weight_adds_two,
           weight_maximum_after_log, weight_reversed, weight_as_list, weight_one_based, weight_idf),
    *wrong("score", score_forgets_nan_in_numpy, score_nan_before, score_negative_sign, score_divides_inside_abs,
           score_only_complete_records, score_of_all_films, score_exponent_of_sum, score_weight_in_exponent,
           score_fills_the_tables, score_keeps_dimension, score_of_stars_only_where_days,
           score_in_a_loop_that_returns_early),
    *wrong("eccentricity_test", claim_as_list, claim_none_for_nobody, claim_one_for_all, claim_topk_of_targets,
           claim_sorted_ascending, claim_unique_scores, claim_z_score, claim_standardises_over_everything,
           claim_raises_on_ties),
    *wrong("attack_rates", rates_as_a_list_of_counts, rates_precision_recall, rates_in_a_dictionary,
           rates_false_among_strangers, rates_with_positive_only, rates_false_is_the_rest, rates_three_numbers,
           rates_integer_division, rates_per_target),
    *right("k_anonymity", right_k_by_sorting, right_k_with_an_index),
    *right("l_diversity", right_l_with_a_table),
    *right("weight", right_weight_in_a_loop),
    *right("score", right_score_with_where, right_score_record_by_record),
    *right("eccentricity_test", right_test_with_masks),
    *right("attack_rates", right_rates_from_a_table),
]  # fmt: skip
