"""Topic ``dti``: the cases on which the answers of exercise 20 are tried.

Samples lie near their centres. Centres differ in length, and no two distances are nearly equal.
"""

from collections.abc import Iterator

import torch
from torch import Generator

from labkit.checks.protocol import Case, Compare

DOUBLE = torch.float64

# ── k-means ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Assign(Compare):
    """The assignment step of k-means."""

    key = "dti.assign"
    points = 2
    returns = "the assignment"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Points; a long centre that wins by its length; images, also in colour; one sample; n = k; far from all."""

        def case(
            name: str, n: int, k: int, *shape: int, dtype: torch.dtype = torch.float32, noise: float = 0.6
        ) -> Case:
            length = torch.linspace(0.5, 3.0, k, dtype=dtype).view(-1, *(1 for _ in shape))
            centres = torch.randn(k, *shape, generator=g, dtype=dtype) * length
            centres = centres[torch.randperm(k, generator=g)]
            own = torch.randint(k, (n,), generator=g)
            return {"case": name, "x": centres[own] + noise * torch.randn(n, *shape, generator=g, dtype=dtype),
                    "centres": centres}  # fmt: skip

        yield case("twelve points, four centres", 12, 4, 3)
        yield case("sixty points, five centres", 60, 5, 2)
        yield case("images", 30, 4, 1, 3, 4)
        yield case("one sample", 1, 6, 5)
        yield case("as many centres as samples", 9, 9, 3)
        yield case("more centres than samples", 4, 9, 3)
        yield case("samples far from every centre, double precision", 90, 6, 5, dtype=DOUBLE, noise=2.0)
        yield case("colour, double precision", 20, 4, 3, 2, 2, dtype=DOUBLE)


class Update(Compare):
    """The update step of k-means."""

    key = "dti.update"
    points = 2
    returns = "the centres"
    no_gradients = "k-means goes down without gradients"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two clusters; unequal sizes; an empty one in the middle, at the end, all but one; images; float64."""

        def case(name: str, counts: list[int], *shape: int, dtype: torch.dtype = torch.float32) -> Case:
            k, n = len(counts), sum(counts)
            a = torch.arange(k).repeat_interleave(torch.tensor(counts))[torch.randperm(n, generator=g)]
            x = 2 + torch.randn(n, *shape, generator=g, dtype=dtype)
            return {"case": name, "x": x, "a": a, "centres": 5 + torch.randn(k, *shape, generator=g, dtype=dtype)}

        yield case("two clusters", [2, 3], 2)
        yield case("clusters of unequal size", [1, 12, 5, 7], 3)
        yield case("an empty cluster in the middle", [4, 0, 5], 2)
        yield case("the last clusters are empty", [4, 3, 0, 0], 2)
        yield case("all in one cluster", [0, 6, 0], 4)
        yield case("images", [3, 4], 1, 3, 2)
        yield case("double precision", [3, 6], 2, dtype=DOUBLE)


class Accuracy(Compare):
    """Clustering accuracy, up to a permutation of the clusters."""

    key = "dti.accuracy"
    points = 2
    returns = "the accuracy"
    number = True

    def cases(self, g: Generator) -> Iterator[Case]:
        """Three clusters; a table that fools the greedy; five; fewer and more clusters than classes; numbers left out.

        Rows of the tables are clusters, columns are classes; both are renamed at random.
        """

        def case(
            name: str, table: list[list[int]], rows: list[int] | None = None, columns: list[int] | None = None
        ) -> Case:
            counts = torch.tensor(table)
            row, column = (torch.tensor(v or torch.randperm(n, generator=g).tolist())
                           for v, n in zip((rows, columns), counts.shape))  # fmt: skip
            pairs = counts.nonzero().repeat_interleave(counts[counts > 0], 0)
            pairs = pairs[torch.randperm(len(pairs), generator=g)]
            return {"case": name, "clusters": row[pairs[:, 0]], "y": column[pairs[:, 1]]}

        more = torch.randint(0, 4, (), generator=g)
        five = (torch.randint(0, 6, (5, 5), generator=g) + 9 * torch.eye(5, dtype=torch.int64)).tolist()
        yield case("three clusters", [[0, 2, 7 + int(more)], [6, 4, 1], [2, 5, 3]])
        yield case("three clusters with one majority", [[9, 8, 1], [8, 1, 3], [1, 2, 5 + int(more)]])
        yield case("five clusters", five)
        yield case("two clusters, three classes", [[6, 1, 2], [1, 2, 7]])
        yield case("four clusters, two classes", [[5, 1], [1, 6], [4 + int(more), 0], [0, 3]])
        yield case("numbers that nothing has", [[7, 2], [3, 6]], [1, 5], [4, 0])
        same = torch.randperm(3, generator=g).tolist()
        yield case("to exchange two names makes it worse", [[5, 6, 0], [0, 5, 6], [6, 0, 5]], same, same)
        yield case("one cluster", [[3, 5, 1]])


# ── transformations ───────────────────────────────────────────────────────────────────────────────────────────────────


class Invariant(Compare):
    """The distance to each centre: the minimum over transformations."""

    key = "dti.invariant"
    points = 3
    returns = "the distances"
    no_gradients = "here distances are compared; nothing is learned from them"

    def cases(self, g: Generator) -> Iterator[Case]:
        """Two images, two centres, nine shifts; more; the identity; one image; as many of all; colour; float64."""

        def case(name: str, n: int, k: int, shape: tuple[int, int, int], radius: int, dtype: torch.dtype) -> Case:
            centres = torch.rand(k, *shape, generator=g, dtype=dtype)
            steps = torch.cartesian_prod(*[torch.arange(-radius, radius + 1)] * 2)
            steps = steps[torch.randperm(len(steps), generator=g)]
            moved = torch.stack([centres.roll(tuple(step), (-2, -1)) for step in steps.tolist()], 1)
            who = torch.randint(k, (n,), generator=g), torch.randint(len(steps), (n,), generator=g)
            return {"case": name, "x": moved[who] + 0.1 * torch.randn(n, *shape, generator=g, dtype=dtype),
                    "moved": moved}  # fmt: skip

        yield case("two images, two centres, nine shifts", 2, 2, (1, 3, 3), 1, torch.float32)
        yield case("twelve images, four centres, 25 shifts", 12, 4, (1, 6, 5), 2, torch.float32)
        yield case("the identity alone", 5, 3, (1, 4, 4), 0, torch.float32)
        yield case("one image", 1, 5, (1, 4, 4), 1, torch.float32)
        yield case("as many images and centres as shifts", 9, 9, (1, 4, 3), 1, torch.float32)
        yield case("colour", 4, 3, (3, 4, 5), 1, torch.float32)
        yield case("double precision", 6, 2, (1, 4, 4), 1, DOUBLE)


class AffineGrid(Compare):
    """The grid of an affine transformation."""

    key = "dti.affine_grid"
    points = 3
    returns = "the grid"
    gradients = ("beta",)

    def cases(self, g: Generator) -> Iterator[Case]:
        """One small image; the identity; a batch; square; a single pixel; float64."""

        def case(name: str, n: int, h: int, w: int, scale: float = 0.4, dtype: torch.dtype = torch.float32) -> Case:
            return {"case": name, "beta": scale * torch.randn(n, 6, generator=g, dtype=dtype), "h": h, "w": w}

        yield case("one image of 2×3 pixels", 1, 2, 3)
        yield case("β = 0, 3×5 pixels", 1, 3, 5, 0.0)
        yield case("a batch", 7, 4, 6)
        yield case("square images", 3, 4, 4)
        yield case("a single pixel", 2, 1, 1)
        yield case("double precision", 2, 5, 3, dtype=DOUBLE)


class Reassign(Compare):
    """Empty clusters start again as copies of the largest one."""

    key = "dti.reassign"
    points = 2
    returns = ("the prototypes", "the optimiser's moment")
    no_gradients = "rows are copied between two steps of the optimiser"

    def cases(self, g: Generator) -> Iterator[Case]:
        """One empty of three; several; none; above and on the threshold; other thresholds; images; float64."""

        def case(name: str, share: list[float], least: float, *shape: int, dtype: torch.dtype = torch.float32) -> Case:
            k = len(share)
            portions = torch.tensor(share, dtype=dtype)[torch.randperm(k, generator=g)]
            p, m, noise = (torch.randn(k, *shape, generator=g, dtype=dtype) for _ in range(3))
            return {"case": name, "prototypes": p, "moment": m, "share": portions, "noise": noise, "least": least}

        yield case("one empty of three", [0.0, 0.3, 0.7], 0.2, 2)
        yield case("three of five are small", [0.55, 0.03, 0.38, 0.02, 0.02], 0.2, 3)
        yield case("none is small", [0.2, 0.3, 0.5], 0.3, 2)
        yield case("small, but not under 0.2 / 4 = 0.05", [0.07, 0.1, 0.43, 0.4], 0.2, 2)
        yield case("one of 0.125 = 0.5 / 4, which is not below it", [0.125, 0.0625, 0.5625, 0.25], 0.5, 2)
        yield case("a high threshold", [0.05, 0.2, 0.25, 0.5], 0.9, 5)
        yield case("images", [0.0, 0.6, 0.4], 0.1, 1, 2, 3)
        yield case("double precision, one empty of four", [0.0, 0.12, 0.4, 0.48], 0.4, 2, dtype=DOUBLE)


CHECKS = (Assign(), Update(), Accuracy(), Invariant(), AffineGrid(), Reassign())
