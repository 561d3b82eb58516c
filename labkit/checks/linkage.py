"""Topic ``linkage``: the cases on which the answers of exercise 18 are tried.

Rows of tables come in random order. The numbers of groups, values and claims are exact, never a matter of chance; the
seed decides how many there are.
"""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from labkit.checks.protocol import Case, Compare

DOUBLE = torch.float64


def shuffled(rows: Tensor, g: Generator) -> Tensor:
    """The rows in a random order."""
    return rows[torch.randperm(len(rows), generator=g)]


def number(g: Generator, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    return int(torch.randint(low, high + 1, (), generator=g))


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────

ALIKE = torch.tensor([[1, 12], [11, 2], [12, 1], [2, 11]])
"""Rows that glued together, added up or sorted are the same as another."""


def table(sizes: list[int], g: Generator, columns: int = 2) -> Tensor:
    """Groups of rows of these sizes that agree in all columns, (n, columns), in random order."""
    first = -(-len(sizes) // 2 ** (columns - 1))
    cells = torch.cartesian_prod(torch.arange(first), *[torch.arange(2)] * (columns - 1)).view(-1, columns)
    names = torch.randperm(90, generator=g) - 20
    return shuffled(names[cells[: len(sizes)].repeat_interleave(torch.tensor(sizes), 0)], g)


class KAnonymity(Compare):
    """The k of k-anonymity of a table."""

    key = "linkage.k_anonymity"
    returns = "k"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """Four groups; one column; equal groups of three columns; a single row; codes that look alike; all alike."""
        o = number(g, 0, 8)
        yield {"case": "two columns, four groups", "quasi": table([7 + o, 3 + o, 10 + o, 5 + o], g)}
        yield {"case": "one column, two groups", "quasi": table([o + 5, o + 2], g, 1)}
        yield {"case": "three columns, equal groups", "quasi": table([o + 2] * 6, g, 3)}
        yield {"case": "one row stands alone", "quasi": table([6, 1, 5, o + 3], g)}
        sizes = torch.cat([torch.tensor([o + 2]), o + 3 + torch.randperm(3, generator=g)])
        yield {"case": "codes that look alike", "quasi": shuffled(ALIKE.repeat_interleave(sizes, 0), g)}
        yield {"case": "all rows are alike", "quasi": torch.tensor([[40, 7, 1]]).repeat(o + 4, 1)}


class LDiversity(Compare):
    """The l of distinct l-diversity of a table."""

    key = "linkage.l_diversity"
    points = 2
    returns = "l"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """Four groups; two; one in which all have the same; all different; codes that look alike; a single group."""
        o = number(g, 1, 5)

        def members(different: int, size: int, first: int = 0) -> list[int]:
            values = list(range(first, first + different))
            return values + values[:1] * (size - different)

        def case(name: str, plan: list[list[int]], rows: Tensor | None = None) -> Case:
            sizes = torch.tensor([len(values) for values in plan])
            cells = shuffled(torch.cartesian_prod(torch.arange(2), torch.arange(3, 5)), g) if rows is None else rows
            quasi = cells[: len(plan)].repeat_interleave(sizes, 0)
            values = (torch.randperm(14, generator=g) - 3)[torch.tensor([v for values in plan for v in values])]
            order = torch.randperm(len(quasi), generator=g)
            return {"case": name, "quasi": quasi[order], "sensitive": values[order]}

        # Least diverse o, smallest group o + 2 rows with o + 1 values, most diverse o + 3, in all o + 4.
        apart = [members(o, o + 7), members(o + 1, o + 2), members(o + 3, o + 5), members(o + 2, o + 6, first=2)]
        yield case("the largest group is the least diverse", apart)
        yield case("two groups", [members(o + 1, o + 2), members(o, o + 3)])
        yield case("a group in which all have the same", [members(2, 2), members(1, 4, first=o), members(3, 4)])
        yield case("everybody has another", [members(o + 2, o + 2), members(o + 1, o + 1), members(o + 3, o + 3)])
        plan = [members(o, o + 2), members(o + 1, o + 1, first=o + 1), members(o + 2, o + 3)]
        yield case("codes that look alike", plan, ALIKE[torch.tensor([[0, 1, 2], [1, 0, 3]])[number(g, 0, 1)]])
        yield case("one group", [members(o + 1, o + 4)], torch.tensor([[9, 8, 7]]))


# ── ratings ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Weight(Compare):
    """The weight of a film: a rare film says more about a person."""

    key = "linkage.weight"
    points = 2
    returns = "the weight"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Every film has several ratings; one has a single one; the last ones have none; a single film."""

        def case(name: str, support: list[int]) -> Case:
            film = torch.arange(len(support)).repeat_interleave(torch.tensor(support))
            return {"case": name, "film": shuffled(film, g), "films": len(support)}

        many = (3 + torch.randint(0, 90, (12,), generator=g)).tolist()
        yield case("four films", [2, 5, *many[:2]])
        yield case("a film with one rating", [*many[:6], 1, 40])
        yield case("films without any, at the end too", [3, 0, *many, 1, 0])
        yield case("one film", many[:1])


class Score(Compare):
    """The score of every record for one target."""

    key = "linkage.score"
    points = 3
    returns = "the score"
    no_gradients = "an attack on a table is not learned"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One known film in all records; gaps; other scales; as many records as films; all films known; float64."""

        def case(name: str, users: int, films: int, m: int, gaps: float, rho0: float, d0: float,
                 dtype: torch.dtype = torch.float32) -> Case:  # fmt: skip
            # Five records in a row never agree on a film: or some mistakes would look like each other.
            stars = ((torch.arange(users)[:, None] + torch.randint(0, 5, (films,), generator=g)) % 5 + 1).to(dtype)
            day = torch.randint(0, 300, (users, films), generator=g).to(dtype)
            film = torch.randperm(films, generator=g)[:m]
            known_stars, near = stars[0, film].flip(0), torch.randint(-20, 21, (m,), generator=g)
            known_day = day[0, film] + near.to(dtype)
            empty = torch.rand(users, films, generator=g) < gaps
            if gaps:
                empty[1, film], empty[0, film] = True, False
            stars, day = stars.masked_fill(empty, torch.nan), day.masked_fill(empty, torch.nan)
            known = {"film": film, "known_stars": known_stars, "known_day": known_day}
            w = (0.2 + torch.rand(films, generator=g)).to(dtype)
            return {"case": name, "stars": stars, "day": day, **known, "w": w, "rho0": rho0, "d0": d0}

        yield case("one known film, which everybody has rated", 5, 2, 1, 0.0, 1.5, 30.0)
        yield case("four known films, with gaps", 6, 9, 4, 0.4, 1.5, 30.0)
        yield case("other scales", 5, 8, 3, 0.3, 0.6, 90.0)
        yield case("as many records as known films", 4, 7, 4, 0.3, 3, 50)
        yield case("double precision, all films are known", 7, 5, 5, 0.5, 2.0, 45.0, DOUBLE)


class EccentricityTest(Compare):
    """Which record the attack claims, by the eccentricity test."""

    key = "linkage.eccentricity_test"
    points = 2
    returns = "the record"
    dtype = False

    def cases(self, g: Generator) -> Iterator[Case]:
        """One target; very different scales; φ from 0 to 4; two records; a tie at the top; all scores equal.

        Every target is well clear of φ, so that it does not matter whether σ is divided by n or by n − 1.
        """

        def row(n: int, lead: float, scale: float = 1.0) -> Tensor:
            """Scores from 1 to 3, and one score above them."""
            rest = torch.cat([1 + 2 * torch.rand(n - 2, generator=g, dtype=DOUBLE), torch.tensor([3.0]).double()])
            return scale * shuffled(torch.cat([rest, 3.0 + torch.tensor([lead]).double()]), g)

        def case(name: str, phi: float, *rows: Tensor, dtype: torch.dtype = torch.float32) -> Case:
            return {"case": name, "scores": shuffled(torch.stack(rows), g).to(dtype), "phi": phi}

        camps = torch.cat([1 + 0.1 * torch.rand(19, generator=g), 3 + 0.1 * torch.rand(20, generator=g)])
        two_camps = shuffled(torch.cat([camps, torch.tensor([3.4])]), g).double()
        tie = shuffled(torch.cat([1 + 2 * torch.rand(38, generator=g), torch.tensor([9.0, 9.0])]), g).double()
        wide = [row(40, lead, scale) for scale in (0.01, 50.0) for lead in (3.0, 0.4)]
        yield case("one target", 1.5, row(30, 3.0))
        yield case("targets of very different scales", 1.5, *wide, two_camps, tie)
        yield case("φ = 1", 1.0, *(row(40, lead) for lead in (0.2, 1.2, 0.3, 3.0)), dtype=DOUBLE)
        alike = 9 * torch.ones(5).double()
        yield case("a tie, and all alike", 1.0, torch.tensor([1.0, 4, 2, 4, 0]).double(), alike, row(5, 4.0))
        yield case("φ = 0", 0, row(6, 0.5), shuffled(torch.tensor([2.0, 2, 2, 1, 1, 0]).double(), g), row(6, 0.1))
        yield case("two records", 0.9, *(shuffled(torch.tensor([1.0, 1 + u]).double(), g) for u in (0.3, 2.0, 0.0)))
        yield case("nobody of twelve can stand out so far", 4, row(12, 50.0), row(12, 5.0), row(12, 0.1))


class AttackRates(Compare):
    """The rates of right and false claims."""

    key = "linkage.attack_rates"
    points = 2
    returns = ("the share that is identified", "the share that is falsely claimed")
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """All are in the release; some are not; nobody is claimed; nobody is in it; a single target."""

        def case(name: str, right: int, mistaken: int, silent: int, stranger: int, ignored: int) -> Case:
            """Counts of targets in the release (claimed rightly, wrongly, not) and outside it (claimed, not)."""
            counts = torch.tensor([right, mistaken, silent, stranger, ignored])
            kind, n = torch.arange(5).repeat_interleave(counts), int(counts.sum())
            names = 1 + torch.randperm(3 * n, generator=g)
            names[[0] * (right > 0) + [n + right] * (mistaken > 0)] = 0  # claimed once rightly and once falsely
            truth = names[:n].masked_fill(kind >= 3, -1)
            record = torch.where(kind == 1, names[n : 2 * n], names[:n]).masked_fill((kind == 2) | (kind == 4), -1)
            order = torch.randperm(n, generator=g)
            return {"case": name, "record": record[order], "truth": truth[order]}

        a, b, c = (number(g, 1, 4) for _ in range(3))
        yield case("all are in the release", 3 + a, a, 2 + b, 0, 0)
        yield case("some are not in it", 4 + a + b, b, 1 + c, 2 + c, 3 + a)
        yield case("nobody is claimed", 0, 0, b, 0, a)
        yield case("nobody is in the release", 0, 0, 0, a, b + c)
        yield case("one target", 1, 0, 0, 0, 0)


CHECKS = (KAnonymity(), LDiversity(), Weight(), Score(), EccentricityTest(), AttackRates())
