"""Topic ``linkage``: what the answers of exercise 18 must satisfy."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from labkit import linkage
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close
from labkit.checks.protocol import describe as text
from labkit.checks.tensors import generator, tensor


def shuffled(rows: Tensor, g: torch.Generator) -> Tensor:
    """The rows in a random order."""
    return rows[torch.randperm(len(rows), generator=g)]


def whole(value: Tensor, *, name: str) -> int:
    """One whole number.

    Raises:
        Wrong: if it is something else.
    """
    if value.numel() != 1:
        raise Wrong(f"{name} gave {value.numel()} numbers; expected one for the whole table", given=text(value))
    if float(value) != round(float(value)):
        raise Wrong("that is no whole number", given=value)
    return round(float(value))


# ── k-anonymity ───────────────────────────────────────────────────────────────────────────────────────────────────────


def k_anonymity(quasi: Tensor) -> int:
    """The size of the smallest group: (n, d) → a number."""
    return linkage.k_anonymity(quasi)


def table(sizes: list[int], g: torch.Generator) -> Tensor:
    """Groups of rows of these sizes that agree in two columns of two or three values each, (n, 2), in random order."""
    cells = torch.cartesian_prod(torch.arange(-(-len(sizes) // 2)), torch.arange(2))[: len(sizes)]
    names = torch.randperm(9, generator=g)
    return shuffled(names[cells.repeat_interleave(torch.tensor(sizes), dim=0)], g)


class KAnonymity(Check):
    """The k of a table."""

    key = "linkage.k_anonymity"
    points = 1
    reference = staticmethod(k_anonymity)
    forbidden = (linkage.k_anonymity, linkage.group_sizes, linkage.groups)

    def inputs(self, seed: int) -> list[Case]:
        """Four groups whose sizes tell the usual mistakes apart; two; equal ones; a row that nobody else resembles."""
        g = generator(seed)
        o = (0, 3, 4, 5, 6, 8)[int(torch.randint(0, 6, (), generator=g))]
        return [
            {"case": "two columns, four groups", "quasi": table([7 + o, 3 + o, 9 + o, 5 + o], g)},
            {"case": "one column, two groups", "quasi": table([o + 4, o + 2], g)[:, 1:]},
            {"case": "equal groups", "quasi": table([o + 2] * 6, g)},
            {"case": "one row stands alone", "quasi": table([6, 1, 5, o + 3], g)},
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"k": tensor(answer(case["quasi"]), name="k_anonymity")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The smallest group of all columns together."""
        quasi, k = case["quasi"], whole(outputs["k"], name="k_anonymity")
        counts = quasi.unique(dim=0, return_counts=True)[1]
        single = min(int(column.unique(return_counts=True)[1].min()) for column in quasi.T)
        usual = {
            "that is the largest group: k is what the worst protected row has": int(counts.max()),
            "that is the number of groups: k is the number of rows in the smallest": len(counts),
            "that is the mean size of a group: one small group is enough to give somebody away": round(
                len(quasi) / len(counts)
            ),
            "each column by itself: rows must agree in *all* columns": single,
            "a row counts itself: one that is alone has k = 1": int(counts.min()) - 1,
        }
        expected = int(counts.min())
        if k == expected:
            return
        for sentence, other in usual.items():
            if k == other:
                raise Wrong(sentence, expected=expected, given=k)
        raise Wrong("that is not the size of the smallest group", expected=expected, given=k)


# ── l-diversity ───────────────────────────────────────────────────────────────────────────────────────────────────────


def l_diversity(quasi: Tensor, sensitive: Tensor) -> int:
    """The least number of different sensitive values in a group: (n, d), (n,) → a number."""
    return round(linkage.l_diversity(quasi, sensitive))


class LDiversity(Check):
    """The distinct l of a table."""

    key = "linkage.l_diversity"
    points = 2
    reference = staticmethod(l_diversity)
    forbidden = (linkage.l_diversity, linkage.groups)

    def inputs(self, seed: int) -> list[Case]:
        """Four groups that tell the usual mistakes apart; two; one in which all have the same; all different."""
        g = generator(seed)
        o = int(torch.randint(1, 5, (), generator=g))

        def members(different: int, size: int, first: int = 0) -> list[int]:
            values = list(range(first, first + different))
            return values + values[:1] * (size - different)

        def case(name: str, plan: list[list[int]]) -> Case:
            rows = torch.arange(len(plan)).repeat_interleave(torch.tensor([len(values) for values in plan]))
            cells = torch.cartesian_prod(torch.arange(2), torch.arange(2))[torch.randperm(4, generator=g)]
            order = torch.randperm(len(rows), generator=g)
            values = torch.randperm(12, generator=g)[torch.tensor([v for values in plan for v in values])]
            return {"case": name, "quasi": cells[rows][order], "sensitive": values[order]}

        # Least diverse o, smallest group o + 2 rows with o + 1 values, most diverse o + 3, in all o + 4.
        apart = [members(o, o + 7), members(o + 1, o + 2), members(o + 3, o + 5), members(o + 2, o + 6, first=2)]
        return [
            case("the largest group is the least diverse", apart),
            case("two groups", [members(o + 1, o + 2), members(o, o + 3)]),
            case("a group in which all have the same", [members(2, 2), members(1, 4, first=o), members(3, 4)]),
            case("everybody has another", [members(o + 2, o + 2), members(o + 1, o + 1), members(o + 3, o + 3)]),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"l": tensor(answer(case["quasi"], case["sensitive"]), name="l_diversity")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The least diverse group."""
        quasi, sensitive, l = case["quasi"], case["sensitive"], whole(outputs["l"], name="l_diversity")  # noqa: E741
        group = quasi.unique(dim=0, return_inverse=True)[1]
        members = [sensitive[group == i] for i in range(int(group.max()) + 1)]
        distinct = [len(m.unique()) for m in members]
        usual = {
            "that is the most diverse group: l is what the worst one has": max(distinct),
            "that is the number of different values in the whole table: count within each group": len(
                sensitive.unique()
            ),
            "that is k, the size of the smallest group: l counts *different* values of the sensitive column": min(
                map(len, members)
            ),
            "that counts the values of the smallest group: the least diverse one may be larger": distinct[
                min(range(len(members)), key=lambda i: len(members[i]))
            ],
        }
        expected = min(distinct)
        if l == expected:
            return
        for sentence, other in usual.items():
            if l == other:
                raise Wrong(sentence, expected=expected, given=l)
        raise Wrong("that is not the number of different values in the least diverse group", expected=expected, given=l)


# ── weight ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def weight(film: Tensor, films: int) -> Tensor:
    """1 / log of how many ratings each film has, at least 2: (N,) → (films,) float32."""
    return linkage.film_weights(torch.bincount(film, minlength=films))


class Weight(Check):
    """A rare film says more."""

    key = "linkage.weight"
    points = 2
    reference = staticmethod(weight)
    forbidden = (linkage.film_weights,)

    def inputs(self, seed: int) -> list[Case]:
        """Every film has several ratings; one has a single one; the last ones have none."""
        g = generator(seed)

        def case(name: str, support: list[int]) -> Case:
            film = torch.arange(len(support)).repeat_interleave(torch.tensor(support))
            return {"case": name, "film": shuffled(film, g), "films": len(support)}

        many = (3 + torch.randint(0, 90, (12,), generator=g)).tolist()
        return [
            case("four films", [2, 5, *many[:2]]),
            case("a film with one rating", [*many[:6], 1, 40]),
            case("films without any, at the end too", [3, 0, *many, 1, 0]),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"w": tensor(answer(case["film"], case["films"]), name="weight")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare, and name the usual mistakes."""
        film, films, w = case["film"], case["films"], outputs["w"]
        support = torch.bincount(film, minlength=films).float()
        if w.shape == film.shape and w.shape != support.shape:
            raise Wrong("that is one weight a rating; expected one for each of the films", given=tuple(w.shape))
        if w.ndim == 1 and len(w) < films and len(w) == int(film.max()) + 1:
            raise Wrong("the films at the end that nobody rated are missing: give bincount its minlength", given=len(w))
        least = support.clamp_min(2)
        usual = {
            "a film with one rating has log 1 = 0 and an infinite weight: count fewer than two as two": 1
            / support.log(),
            "log(support) is large for the hits: it is the rare film that says more, so 1 / log": least.log(),
            "this is 1 / support: the paper's weight falls off much more slowly, with the logarithm": 1 / least,
            "the logarithm is natural, not to the base 2": 1 / least.log2(),
            "the logarithm is natural, not to the base 10": 1 / least.log10(),
            "log(1 + support) is another weight: fewer than two count as two, and the others as they are": 1
            / support.log1p(),
        }
        close(w.float(), 1 / least.log(), what="the weight", mistaken=usual)


# ── score ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def score(
    stars: Tensor, day: Tensor, film: Tensor, known_stars: Tensor, known_day: Tensor, w: Tensor, rho0: float, d0: float
) -> Tensor:
    """Scoreboard-RH for one target: tables (users, films), three (m,), weights (films,) → (users,)."""
    known = linkage.AuxiliaryInfo(film[None], known_stars[None], known_day[None])
    return linkage.dense_scores(known, stars, day, rho0=rho0, d0=d0, weight=w)[0]


def tables(case: Case) -> Case:
    """The case with nan in its tables where a record lacks a film."""
    return case | {name: case[name].masked_fill(case["empty"], torch.nan) for name in ("stars", "day")}


def raw(case: Case, *, stars: float = 1.0, dates: float = 1.0, weights: bool = True, power: int = 1) -> Tensor:
    """The score with its parts weighted otherwise, for the mistakes."""
    film = case["film"]
    a = torch.exp(-((case["stars"][:, film] - case["known_stars"]).abs() ** power) / case["rho0"]).nan_to_num(0)
    b = torch.exp(-((case["day"][:, film] - case["known_day"]).abs() ** power) / case["d0"]).nan_to_num(0)
    w = case["w"][film] if weights else torch.ones_like(case["w"][film])
    return (w * (stars * a + dates * b)).sum(1)


class Score(Check):
    """The score of every record for one target."""

    key = "linkage.score"
    points = 3
    reference = staticmethod(score)
    forbidden = (linkage.scores, linkage.dense_scores, linkage.link)

    def inputs(self, seed: int) -> list[Case]:
        """One known film that all have; several with gaps; other scales; a record without any of them; float64."""
        g = generator(seed)

        def case(name: str, users: int, films: int, m: int, gaps: float, knobs: tuple[float, float] = (1.5, 30.0),
                 dtype: torch.dtype = torch.float32) -> Case:  # fmt: skip
            # Five records in a row never agree on a film: or some mistakes would look like each other.
            stars = ((torch.arange(users)[:, None] + torch.randint(0, 5, (films,), generator=g)) % 5 + 1).to(dtype)
            day = torch.randint(0, 300, (users, films), generator=g).to(dtype)
            film = torch.randperm(films, generator=g)[:m]
            empty = torch.rand(users, films, generator=g) < gaps
            if gaps:
                empty[1, film], empty[0, film] = True, False
            noise = torch.randint(-20, 21, (m,), generator=g).to(dtype)
            known = {"known_stars": stars[0, film].flip(0).contiguous(), "known_day": (day[0, film] + noise)}
            w = (0.2 + torch.rand(films, generator=g)).to(dtype)
            given = {"stars": stars, "day": day, "empty": empty, "film": film, "w": w}
            return {"case": name, **given, **known, "rho0": knobs[0], "d0": knobs[1]}

        return [
            case("one known film, which everybody has rated", 5, 2, 1, 0.0),
            case("four known films, with gaps", 6, 9, 4, 0.4),
            case("other scales", 5, 8, 3, 0.3, (0.6, 90.0)),
            case("float64", 7, 6, 5, 0.5, (2.0, 45.0), torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        names = ("stars", "day", "film", "known_stars", "known_day", "w", "rho0", "d0")
        given = tables(case)
        return {"score": tensor(answer(*(given[name] for name in names)), name="score")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with the formula, and with what each usual mistake gives."""
        case = tables(case)
        given, expected = outputs["score"], raw(case)
        if given.shape == case["film"].shape and given.shape != expected.shape:
            raise Wrong(
                "that is one number a film: add up over the known films, one score for each record", given=given
            )
        if given.shape == expected.shape and bool(given.isnan().any()):
            raise Wrong("a score is nan: a film that a record lacks adds nothing to it", given=given)
        film, empty = case["film"], case["stars"][:, case["film"]].isnan()
        w = case["w"][film]
        far = (case["stars"][:, film] - case["known_stars"]).abs() / case["rho0"]
        far = far + (case["day"][:, film] - case["known_day"]).abs() / case["d0"]
        product = (w * torch.exp(-far).nan_to_num(0)).sum(1)
        zeros = case | {"stars": case["stars"].nan_to_num(0), "day": case["day"].nan_to_num(0)}
        swapped = case | {"rho0": case["d0"], "d0": case["rho0"]}
        first = case["w"][: len(film)]
        usual = [
            ("the dates are missing: each film adds a term for its stars and one for its date", raw(case, dates=0)),
            ("the stars are missing: each film adds a term for its stars and one for its date", raw(case, stars=0)),
            ("the weights are missing: a rare film counts more", raw(case, weights=False)),
            ("the weights are those of the first films: take them at the known films", raw(
                case | {"w": case["w"].index_put((film,), first)})),
            ("the two likenesses are multiplied: the paper adds them, so that one wrong date is no disaster", product),
            ("the differences are squared: the paper takes their absolute values", raw(case, power=2)),
            ("rho0 and d0 are exchanged: rho0 belongs to the stars, d0 to the days", raw(swapped)),
            ("a film that a record lacks counts as 0 stars on day 0: it adds nothing", raw(zeros)),
            ("a film that a record lacks adds 1, as if it agreed: it adds nothing", expected + (w * empty).sum(1)),
            ("a film that a record lacks adds 2, as if it agreed: it adds nothing", expected + 2 * (w * empty).sum(1)),
            ("that is the mean over the known films: add them up", expected / len(film)),
        ]  # fmt: skip
        close(given, expected, what="the score", mistaken=usual)


# ── eccentricity_test ─────────────────────────────────────────────────────────────────────────────────────────────────


def eccentricity_test(scores: Tensor, phi: float) -> Tensor:
    """The record of each target, −1 where none stands out: (t, users) → (t,)."""
    return linkage.eccentricity_test(scores, phi=phi).matched_record()


class Decide(Check):
    """The eccentricity test."""

    key = "linkage.eccentricity_test"
    points = 2
    reference = staticmethod(eccentricity_test)
    forbidden = (linkage.eccentricity_test, linkage.link)

    def inputs(self, seed: int) -> list[Case]:
        """One clear target; targets of very different scales; two camps; a tie at the top; all scores equal."""
        g = generator(seed)

        def row(rest: Tensor, eccentricity: float, scale: float = 1.0) -> Tensor:
            # Find by halving the lead that gives this eccentricity: the best score moves σ as well.
            low, high = 0.0, 1e4
            for _ in range(80):
                lead = (low + high) / 2
                values = torch.cat([rest, rest.max()[None] + lead])
                low, high = (lead, high) if lead / float(values.std(correction=0)) < eccentricity else (low, lead)
            return scale * values[torch.randperm(len(values), generator=g)]

        def spread(n: int) -> Tensor:
            return 1 + 2 * torch.rand(n, generator=g, dtype=torch.float64)

        def case(name: str, phi: float, *rows: Tensor) -> Case:
            return {"case": name, "scores": shuffled(torch.stack(rows), g).float(), "phi": phi}

        # Kept well clear of φ: population and sample deviation are both right.
        camps = torch.cat([0.05 * spread(19), 3 + 0.05 * spread(20)])
        tie = torch.cat([spread(38), torch.tensor([9.0, 9.0])])[torch.randperm(40, generator=g)]
        wide = [row(spread(39), 1.5 * factor, scale) for scale in (0.01, 50.0) for factor in (2.0, 0.5)]
        return [
            case("one target", 1.5, row(spread(29), 3.0)),
            case("targets of very different scales", 1.5, *wide, row(camps, 0.2), tie),
            case("phi is 1", 1.0, *(row(spread(39), factor) for factor in (0.5, 1.5, 0.7, 2.5))),
            case("a tie, and all alike", 1.0, torch.tensor([1.0, 4, 2, 4, 0]), 9 * torch.ones(5), row(spread(4), 1.4)),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"record": tensor(answer(case["scores"], case["phi"]), name="eccentricity_test")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The same claims, or the sentence for what was compared instead."""
        scores, phi, given = case["scores"], case["phi"], outputs["record"]
        expected = eccentricity_test(scores, phi)
        if given.shape != expected.shape:
            raise Wrong("expected one record for each target", expected=tuple(expected.shape), given=tuple(given.shape))
        if given.dtype == torch.bool:
            raise Wrong("that is whether there is a match: expected the record's number, or −1", given=given)
        if agree(given, expected, atol=0, rtol=0):
            return
        (first, second), best = scores.topk(2, dim=1).values.unbind(1), scores.argmax(1)
        sigma, all_scores = scores.std(1, correction=0).clamp_min(1e-9), scores.std(correction=0)

        def claim(match: Tensor) -> Tensor:
            return torch.where(match, best, -1)

        usual = [
            ("everybody is claimed: where the best doesn't stand out by more than φ σ, the answer is −1", best),
            ("the lead is not divided by σ: φ counts standard deviations", claim(first - second > phi)),
            ("σ is that of the scores of one target, not of all together", claim((first - second) / all_scores > phi)),
            ("that is how far the best is from the mean: compare it with the second best",
             claim((first - scores.mean(1)) / sigma > phi)),
            ("the other way round: claim where the lead is *larger* than φ σ", claim((first - second) / sigma <= phi)),
            ("that is divided by the variance: σ is its root", claim((first - second) / sigma**2 > phi)),
        ]  # fmt: skip
        for sentence, other in usual:
            if agree(given, other, atol=0, rtol=0):
                raise Wrong(sentence, expected=expected, given=given)
        if bool((scores.max(1).values == scores.min(1).values).any()) and bool(given[expected < 0].ge(0).any()):
            raise Wrong("where scores are equal nobody stands out: mind a σ of 0", expected=expected, given=given)
        raise Wrong("these are not the records that stand out", expected=expected, given=given)


# ── attack_rates ──────────────────────────────────────────────────────────────────────────────────────────────────────


def attack_rates(record: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of all targets: identified, falsely claimed. (t,), (t,) with −1 for nobody → two numbers."""
    zero = torch.zeros(len(record))
    found = linkage.attack_rates(linkage.Matches(record, zero, record >= 0), truth)
    return torch.tensor(found.identified), torch.tensor(found.false)


class Rates(Check):
    """Right and false claims."""

    key = "linkage.attack_rates"
    points = 2
    reference = staticmethod(attack_rates)
    forbidden = (linkage.attack_rates,)

    def inputs(self, seed: int) -> list[Case]:
        """Everybody is in the release; some are not, of whom some are claimed, some left alone; nobody is claimed."""
        g = generator(seed)

        def case(name: str, right: int, mistaken: int, silent: int, stranger: int, ignored: int) -> Case:
            n = right + mistaken + silent + stranger + ignored
            number = torch.randperm(3 * n, generator=g)
            truth, record = number[:n].clone(), number[:n].clone()
            kind = torch.arange(n)
            a, b, c, d = right, right + mistaken, right + mistaken + silent, n - ignored
            record[(kind >= a) & (kind < b)] = number[n : n + mistaken]
            record[(kind >= b) & (kind < c)] = -1
            truth[kind >= c] = -1
            record[kind >= d] = -1
            order = torch.randperm(n, generator=g)
            return {"case": name, "record": record[order], "truth": truth[order]}

        return [
            case("all are in the release", 5, 2, 4, 0, 0),
            case("some are not in it", 6, 1, 2, 3, 5),
            case("nobody is claimed", 0, 0, 3, 0, 4),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; both shares."""
        given = answer(case["record"], case["truth"])
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise Wrong("attack_rates returns two numbers: `return identified, false`")
        return {name: tensor(value, name="attack_rates") for name, value in zip(("identified", "false"), given)}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Both shares, or what they are shares of instead."""
        record, truth = case["record"], case["truth"]
        claimed, n = record >= 0, len(record)
        hits, misses = int((claimed & (record == truth)).sum()), int((claimed & (record != truth)).sum())
        identified, false = (float(outputs[name].double().mean()) for name in ("identified", "false"))
        if any(outputs[name].numel() != 1 for name in outputs):
            raise Wrong("each of the two is one number, a share of all targets", given=text(outputs["identified"]))
        if math.isnan(identified) or math.isnan(false):
            raise Wrong("where nobody is claimed, both shares are 0, not nan: divide by the number of all targets")

        def same(a: float, b: float) -> bool:
            return abs(a - b) < 1e-4

        if same(identified, hits / n) and same(false, misses / n):
            return
        shown = {"expected": f"{hits / n:.3f}, {misses / n:.3f}", "given": f"{identified:.3f}, {false:.3f}"}
        equal, claims = int((record == truth).sum()), max(hits + misses, 1)
        usual = [
            (same(identified, equal / n) and equal > hits, "somebody who is not in the release and is left alone was "
             "not identified: −1 equals −1, but it is no claim"),
            (same(false, int((record != truth).sum()) / n), "silence is no false claim: count only where somebody "
             "is claimed"),
            (same(false, int((claimed & (record != truth) & (truth >= 0)).sum()) / n), "claiming somebody who is not "
             "in the release at all is a false claim too"),
            (same(identified, hits / claims), "these are shares of the claims: expected shares of all targets"),
            (same(identified, hits) and same(false, misses), "these are numbers of targets: expected shares"),
        ]  # fmt: skip
        for found, sentence in usual:
            if found:
                raise Wrong(sentence, **shown)
        raise Wrong("these are not the shares of right and of false claims", **shown)


CHECKS = (KAnonymity(), LDiversity(), Weight(), Score(), Decide(), Rates())
