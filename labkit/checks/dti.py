"""Topic ``dti``: what the answers of exercise 20 must satisfy."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from labkit import dti, metrics
from labkit.checks.protocol import Case, Check, Outputs, Wrong, agree, close
from labkit.checks.protocol import describe as text
from labkit.checks.tensors import generator, tensor


def untouched(outputs: Outputs, case: Case, *names: str) -> None:
    """Raise ``Wrong`` if the answer changed an argument in place."""
    for name in names:
        if not torch.equal(outputs[f"{name} afterwards"], case[name]):
            raise Wrong(f"your function changed its argument `{name}`: work on a copy and return it")


# ── assign ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def assign(x: Tensor, centres: Tensor) -> Tensor:
    """The nearest centre of each sample: (n, …), (k, …) → (n,)."""
    return dti.assign(x, centres)


class Assign(Check):
    """The assignment of k-means."""

    key = "dti.assign"
    points = 2
    reference = staticmethod(assign)
    forbidden = (dti.assign, dti.squared_distances, dti.lloyd, dti.kmeans)

    def inputs(self, seed: int) -> list[Case]:
        """Points of the plane; a long centre that wins by its length; images; one sample; more centres; float64."""
        g = generator(seed)

        def case(name: str, n: int, k: int, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Case:
            centres = torch.randn(k, *shape, generator=g, dtype=dtype)
            # Centres of unequal length, and samples about them: an inner product is no distance.
            length = torch.linspace(0.5, 3.0, k, dtype=dtype).view(-1, *(1 for _ in shape))
            centres = centres * length
            own = torch.arange(n) % k
            x = centres[own] + 0.6 * torch.randn(n, *shape, generator=g, dtype=dtype)
            return {"case": name, "x": x, "centres": centres}

        return [
            case("twelve points, four centres", 12, 4, (3,)),
            case("sixty points, five centres", 60, 5, (2,)),
            case("images", 30, 4, (1, 3, 4)),
            case("one sample", 1, 6, (5,)),
            case("more centres than samples", 4, 9, (3,)),
            case("float64", 20, 4, (2,), torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"a": tensor(answer(case["x"], case["centres"]), name="assign")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """The same numbers, or the sentence for the usual mistakes."""
        x, c, a = case["x"].flatten(1), case["centres"].flatten(1), outputs["a"]
        if a.shape == (len(x), len(c)) and a.shape[1] != 1:
            raise Wrong(
                "these are distances or flags for every pair: one number of a centre for each sample", given=text(a)
            )
        if a.shape == (len(c),) and len(c) != len(x):
            raise Wrong("this is the nearest sample of each centre: the nearest centre of each sample is asked for")
        if a.is_floating_point():
            raise Wrong("expected numbers of centres, whole numbers", given=text(a))
        difference = x[:, None] - c
        nearest = difference.square().sum(2).argmin(1)
        close(
            a,
            nearest,
            what="the assignment",
            mistaken=[
                ("this is the *farthest* centre", difference.square().sum(2).argmax(1)),
                ("this is the largest inner product: a long centre wins it from afar", (x @ c.T).argmax(1)),
                ("distances are sums of squares, not of absolute values", difference.abs().sum(2).argmin(1)),
                ("differences of either sign cancel: square them first", difference.sum(2).abs().argmin(1)),
                ("signed differences are no distance: square them", difference.sum(2).argmin(1)),
                (
                    "this is the largest difference in one number: add up all squares",
                    difference.abs().amax(2).argmin(1),
                ),
            ],
        )


# ── update ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def update(x: Tensor, a: Tensor, centres: Tensor) -> Tensor:
    """The mean of each cluster; an empty one keeps its centre."""
    return dti.update(x, a, centres)


class Update(Check):
    """The update of k-means."""

    key = "dti.update"
    points = 2
    reference = staticmethod(update)
    forbidden = (dti.update, dti.lloyd, dti.kmeans)

    def inputs(self, seed: int) -> list[Case]:
        """Two clusters; several of unequal size; an empty one in the middle; the last one empty; images; float64."""
        g = generator(seed)

        def case(name: str, counts: list[int], shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Case:
            k, n = len(counts), sum(counts)
            a = torch.arange(k).repeat_interleave(torch.tensor(counts))[torch.randperm(n, generator=g)]
            x = 2 + torch.randn(n, *shape, generator=g, dtype=dtype)
            return {"case": name, "x": x, "a": a, "centres": 5 + torch.randn(k, *shape, generator=g, dtype=dtype)}

        return [
            case("two clusters", [2, 3], (2,)),
            case("clusters of unequal size", [1, 12, 5, 7], (3,)),
            case("an empty cluster in the middle", [4, 0, 5], (2,)),
            case("the last cluster is empty", [4, 3, 0], (2,)),
            case("images", [3, 4], (1, 3, 2)),
            case("float64", [3, 6], (2,), torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        centres = case["centres"].clone()
        return {"new": tensor(answer(case["x"], case["a"], centres), name="update"), "centres afterwards": centres}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        x, a, centres, new = case["x"], case["a"], case["centres"], outputs["new"]
        expected = update(x, a, centres)
        there = torch.bincount(a, minlength=len(centres)) > 0
        if new.shape[1:] == centres.shape[1:] and len(new) == int(there.sum()) < len(centres):
            raise Wrong("an empty cluster got lost: it keeps its old centre", given=text(new))
        if new.shape == centres.shape and not bool(there.all()):
            if not bool(new[~there].isfinite().all()):
                raise Wrong("the mean of no sample is nan: an empty cluster keeps its old centre", given=new)
            if agree(new[there], expected[there]) and not agree(new, expected):
                raise Wrong("an empty cluster keeps its old centre", expected=expected[~there], given=new[~there])
        count = torch.bincount(a, minlength=len(centres)).to(x.dtype).view(-1, *(1 for _ in x.shape[1:]))
        total = torch.stack([x[a == j].sum(0) for j in range(len(centres))])
        close(
            new,
            expected,
            what="the centres",
            mistaken=[
                ("these are sums: divide by the size of each cluster", total),
                ("each sum is divided by the number of all samples: divide by its own cluster's", total / len(x)),
                ("the centres have not moved", centres),
                ("this is the mean of all samples: each cluster has its own", x.mean(0).expand_as(centres)),
                ("the old centre counts as a sample: the mean is over samples alone", (total + centres) / (count + 1)),
            ],
        )
        untouched(outputs, case, "centres")


# ── invariant ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def invariant(x: Tensor, moved: Tensor) -> Tensor:
    """min over T of ‖x_i − T c_j‖²: (n, c, h, w), (k, s, c, h, w) → (n, k)."""
    k, s = moved.shape[:2]
    return dti.squared_distances(x, moved.flatten(0, 1)).unflatten(1, (k, s)).amin(2)


class Invariant(Check):
    """The inner minimum over transformations."""

    key = "dti.invariant"
    points = 3
    reference = staticmethod(invariant)
    forbidden = (dti.squared_distances, dti.assign, dti.shift_mixture)

    def inputs(self, seed: int) -> list[Case]:
        """Two images, two centres, three shifts; more; one transformation; one image; colour; float64."""
        g = generator(seed)

        def case(name: str, n: int, k: int, shape: tuple[int, int, int], radius: int, kind: torch.dtype) -> Case:
            shifts = dti.shifts.shifts_within(radius)
            centres = torch.rand(k, *shape, generator=g, dtype=kind)
            moved = dti.shifted(centres, shifts)[:, torch.randperm(len(shifts), generator=g)]
            who = torch.randint(0, k, (n,), generator=g), torch.randint(0, len(shifts), (n,), generator=g)
            x = moved[who] + 0.1 * torch.randn(n, *shape, generator=g, dtype=kind)
            return {"case": name, "x": x, "moved": moved}

        return [
            case("two images, two centres, nine shifts", 2, 2, (1, 3, 3), 1, torch.float32),
            case("twelve images, four centres, 25 shifts", 12, 4, (1, 6, 5), 2, torch.float32),
            case("the identity alone", 5, 3, (1, 4, 4), 0, torch.float32),
            case("one image", 1, 5, (1, 4, 4), 1, torch.float32),
            case("colour", 4, 3, (3, 4, 5), 1, torch.float32),
            case("float64", 6, 2, (1, 4, 4), 1, torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"d": tensor(answer(case["x"], case["moved"]), name="invariant")}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        x, moved, d = case["x"], case["moved"], outputs["d"]
        n, (k, s) = len(x), moved.shape[:2]
        squares = (x[:, None, None] - moved).square()
        every = squares.flatten(3).sum(3)
        if d.shape == (n, k, s) and s > 1:
            raise Wrong("these are the distances of every transformation: take the smallest of them", given=text(d))
        if d.shape == (n, s) and s != k:
            raise Wrong("the minimum is over centres here: take it over transformations, and keep the centres")
        if d.shape == (n,) and k > 1:
            raise Wrong("the minimum over centres is one too many: a distance to *each* centre is asked for")
        if d.shape == (k, n) and n != k:
            raise Wrong("rows are images and columns centres: it is the other way round")
        close(
            d,
            every.amin(2),
            what="the distances",
            mistaken=[
                ("this is the mean over transformations: each image may choose the best one", every.mean(2)),
                ("this is the largest distance: the best transformation has the smallest", every.amax(2)),
                ("this is the sum over transformations: take the smallest", every.sum(2)),
                ("this is the first transformation's distance: look at all", every[..., 0]),
                (
                    "each *pixel* chooses its own transformation here: add up the squares of a picture first",
                    squares.amin(2).flatten(2).sum(2),
                ),
                ("take squared distances: no root", every.amin(2).sqrt()),
                ("squares are added up, not averaged over pixels", squares.flatten(3).mean(3).amin(2)),
                ("squares, not absolute differences", (x[:, None, None] - moved).abs().flatten(3).sum(3).amin(2)),
            ],
        )


# ── affine_grid ───────────────────────────────────────────────────────────────────────────────────────────────────────


def affine_grid(beta: Tensor, h: int, w: int) -> Tensor:
    """Six numbers an image → where each pixel looks: (n, 6) → (n, h, w, 2)."""
    return dti.affine_grid(beta[None], h, w)[0]


class AffineGrid(Check):
    """The grid of an affine transformation."""

    key = "dti.affine_grid"
    points = 3
    reference = staticmethod(affine_grid)
    forbidden = (dti.affine_grid, functional.affine_grid, dti.projective_grid)

    def inputs(self, seed: int) -> list[Case]:
        """One small image; the identity; a batch; float64."""
        g = generator(seed)

        def case(name: str, n: int, h: int, w: int, scale: float = 0.4, dtype: torch.dtype = torch.float32) -> Case:
            return {"case": name, "beta": scale * torch.randn(n, 6, generator=g, dtype=dtype), "h": h, "w": w}

        return [
            case("one image of 2×3 pixels", 1, 2, 3),
            case("β = 0, 3×5 pixels", 1, 3, 5, 0.0),
            case("3×5 pixels", 1, 3, 5),
            case("a batch", 7, 4, 6),
            case("float64", 2, 5, 3, dtype=torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer, and differentiate it."""
        beta = case["beta"].clone().requires_grad_()
        grid = answer(beta, case["h"], case["w"])
        outputs = {"grid": tensor(grid, name="affine_grid")}
        slope = None
        if isinstance(grid, Tensor) and grid.requires_grad:
            weight = torch.arange(grid.numel(), dtype=grid.dtype).view_as(grid)
            (slope,) = torch.autograd.grad((grid * weight).sum(), beta, allow_unused=True)
        outputs["slope"] = torch.zeros_like(beta) if slope is None else slope
        return outputs

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives; then the gradient."""
        beta, h, w, grid = case["beta"].clone().requires_grad_(), case["h"], case["w"], outputs["grid"]
        expected = affine_grid(beta, h, w)
        if grid.shape == (len(beta), w, h, 2) and h != w:
            raise Wrong("height and width are exchanged: the grid is (n, h, w, 2)", given=tuple(grid.shape))
        close(grid, expected.detach(), what="the grid", mistaken=usual_grids(case["beta"], h, w))
        weight = torch.arange(grid.numel(), dtype=grid.dtype).view_as(grid)
        (slope,) = torch.autograd.grad((expected * weight).sum(), beta)
        if not agree(outputs["slope"], slope):
            raise Wrong("the grid is right, but has no gradient by β: keep to torch, without detach or item")


def usual_grids(beta: Tensor, h: int, w: int) -> list[tuple[str, Tensor]]:
    """The grid with each of the usual mistakes."""
    matrix = beta.view(-1, 2, 3)
    one = torch.eye(2, 3, dtype=beta.dtype)

    def places(x: Tensor, y: Tensor) -> Tensor:
        """(h, w, 3): x, y, 1 at every pixel."""
        x, y = x.to(beta.dtype).expand(h, w), y.to(beta.dtype)[:, None].expand(h, w)
        return torch.stack([x, y, torch.ones_like(x)], -1)

    def look(at: Tensor, m: Tensor) -> Tensor:
        return torch.einsum("hwi,nji->nhwj", at, m)

    at = places((2 * torch.arange(w) + 1) / w - 1, (2 * torch.arange(h) + 1) / h - 1)
    corners = places(torch.linspace(-1, 1, w), torch.linspace(-1, 1, h))
    columns = beta.view(-1, 3, 2).transpose(1, 2)
    return [
        ("the identity is missing: β = 0 must leave every pixel where it is", look(at, matrix)),
        (
            "−1 and 1 are the *edges* of the image, not the centres of its outermost pixels (align_corners=False)",
            look(corners, one + matrix),
        ),
        ("the last dimension is (x, y): x to the right first", look(at, one + matrix).flip(-1)),
        ("x and y are exchanged before the matrix is applied", look(at[..., [1, 0, 2]], one + matrix)),
        ("the six numbers fill the matrix row by row", look(at, one + columns)),
        ("the shift is missing: the point is (x, y, 1)", look(at * at.new_tensor([1, 1, 0]), one + matrix)),
        ("coordinates are pixels here: they run from −1 to 1",
         look(places(torch.arange(w), torch.arange(h)), one + matrix)),
        ("coordinates run from 0 to 1 here: from −1 to 1 is asked for",
         look(places((torch.arange(w) + 0.5) / w, (torch.arange(h) + 0.5) / h), one + matrix)),
    ]  # fmt: skip


# ── reassign ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def reassign(prototypes: Tensor, moment: Tensor, share: Tensor, noise: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """Clusters under ``least / k`` become copies of the largest one, with its moment, plus their noise."""
    small, largest = share < least / len(share), share.argmax()
    column = small.view(-1, *(1 for _ in prototypes.shape[1:]))
    new = torch.where(column, prototypes[largest] + noise, prototypes)
    return new, torch.where(column, moment[largest], moment)


class Reassign(Check):
    """Empty clusters start again."""

    key = "dti.reassign"
    points = 2
    reference = staticmethod(reassign)
    forbidden = (dti.reassign,)

    def inputs(self, seed: int) -> list[Case]:
        """One empty of three; several; none; just above the threshold; images; float64."""
        g = generator(seed)

        def case(name: str, share: list[float], shape: tuple[int, ...], kind: torch.dtype = torch.float32) -> Case:
            k = len(share)
            order = torch.randperm(k, generator=g)
            made = {n: torch.randn(k, *shape, generator=g, dtype=kind) for n in ("prototypes", "moment", "noise")}
            portions = torch.tensor(share, dtype=kind)[order]
            return {"case": name, **made, "share": portions, "least": 0.2}

        return [
            case("one empty of three", [0.0, 0.3, 0.7], (2,)),
            case("two of five are small", [0.5, 0.02, 0.29, 0.18, 0.01], (3,)),
            case("none is small", [0.2, 0.3, 0.5], (2,)),
            case("small, but not under 0.2 / 4 = 0.05", [0.07, 0.1, 0.43, 0.4], (2,)),
            case("images", [0.0, 0.6, 0.4], (1, 2, 3)),
            case("float64", [0.01, 0.59, 0.4], (2,), torch.float64),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer; both results."""
        prototypes, moment = case["prototypes"].clone(), case["moment"].clone()
        given = answer(prototypes, moment, case["share"], case["noise"], case["least"])
        if given is None or isinstance(given, Tensor) or len(given) != 2:
            what = "nothing" if given is None else "one tensor" if isinstance(given, Tensor) else f"{len(given)} values"
            raise Wrong(f"reassign returned {what}: `return prototypes, moment`, two tensors")
        outputs = {n: tensor(v, name="reassign") for n, v in zip(("prototypes", "moment"), given)}
        return outputs | {"prototypes afterwards": prototypes, "moment afterwards": moment}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with a direct computation, and with what each common mistake gives."""
        p, m, share, noise, least = (case[n] for n in ("prototypes", "moment", "share", "noise", "least"))
        untouched(outputs, case, "prototypes", "moment")
        expected, moment = reassign(p, m, share, noise, least)

        def other(threshold: float, source: Tensor, added: Tensor) -> Tensor:
            column = (share < threshold).view(-1, *(1 for _ in p.shape[1:]))
            return torch.where(column, source + added, p)

        under, largest = least / len(share), p[share.argmax()]
        close(
            outputs["prototypes"],
            expected,
            what="the prototypes",
            mistaken=[
                ("the empty clusters are still where they were", p),
                ("the threshold is least / k: a fair share is 1 / k", other(least, largest, noise)),
                ("the noise is missing: two equal prototypes get equal gradients and never part",
                 other(under, largest, 0 * noise)),
                ("the copy is of the *largest* cluster", other(under, p[share.argmin()], noise)),
                ("this is the noise alone: add it to a copy of the largest cluster", other(under, 0 * largest, noise)),
                ("every prototype got noise: only the copies get it", other(under, largest, 0 * noise) + noise),
                ("this is the noise of the largest cluster: each copy has its own",
                 other(under, largest, noise[share.argmax()])),
                ("empty clusters begin at the mean of all prototypes here: they begin at a copy of the largest",
                 other(under, p.mean(0), noise)),
            ],
        )  # fmt: skip
        column = (share < under).view(-1, *(1 for _ in p.shape[1:]))
        close(
            outputs["moment"],
            moment,
            what="the optimiser's moment",
            mistaken=[
                ("the moment stays behind: Adam would push the copy where the empty cluster was heading", m),
                ("the copy's moment is zero: it is the largest cluster's", torch.where(column, 0 * m, m)),
                (
                    "the moment gets no noise: only the prototype does",
                    torch.where(column, m[share.argmax()] + noise, m),
                ),
            ],
        )


# ── accuracy ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def accuracy(clusters: Tensor, y: Tensor) -> Tensor:
    """The share of samples that are right under the best one-to-one naming of the clusters."""
    return torch.tensor(metrics.clustering_accuracy(clusters, y), dtype=torch.float64)


class Accuracy(Check):
    """Accuracy up to a permutation."""

    key = "dti.accuracy"
    points = 2
    reference = staticmethod(accuracy)
    forbidden = (metrics.clustering_accuracy,)

    def inputs(self, seed: int) -> list[Case]:
        """Three clusters; a table that fools the greedy; five; fewer clusters than classes."""
        g = generator(seed)

        def case(name: str, table: list[list[int]]) -> Case:
            counts = torch.tensor(table)  # row: a cluster; column: a class
            counts = counts[torch.randperm(len(counts), generator=g)]
            # Numbers alone say nothing here: cluster i being class i is neither the best naming nor the worst.
            turns = [counts.roll(i, 1) for i in range(counts.shape[1])]
            counts = sorted(turns, key=lambda turned: int(turned.diagonal().sum()))[len(turns) // 2]
            pairs = counts.nonzero().repeat_interleave(counts[counts > 0], 0)
            pairs = pairs[torch.randperm(len(pairs), generator=g)]
            return {"case": name, "clusters": pairs[:, 0], "y": pairs[:, 1]}

        five = (torch.randint(0, 6, (5, 5), generator=g) + 9 * torch.eye(5, dtype=torch.int64)).tolist()
        return [
            case("three clusters", [[0, 2, 7], [6, 4, 1], [2, 5, 3]]),
            case("three clusters with one majority", [[9, 8, 1], [8, 1, 3], [1, 2, 5]]),
            case("five clusters", five),
            case("two clusters, three classes", [[6, 1, 2], [1, 2, 7]]),
        ]

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer."""
        return {"accuracy": tensor(answer(case["clusters"], case["y"]), name="accuracy").double()}

    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Compare with labkit's, and with what each common mistake gives."""
        clusters, y = case["clusters"], case["y"]
        if outputs["accuracy"].numel() != 1:
            raise Wrong("expected one number", given=text(outputs["accuracy"]))
        n, size = len(y), int(torch.maximum(clusters, y).max()) + 1
        table = torch.zeros(size, size, dtype=torch.float64)
        table.index_put_((clusters, y), torch.ones(n, dtype=torch.float64), accumulate=True)
        expected = accuracy(clusters, y)
        close(
            outputs["accuracy"].reshape(()),
            expected,
            what="the accuracy",
            mistaken=[
                ("clusters have no names: cluster 3 need not be class 3. Rename them as well as possible first",
                 (clusters == y).double().mean()),
                ("several clusters are called by one class here: the naming is one-to-one", table.amax(1).sum() / n),
                ("several classes go to one cluster here: the naming is one-to-one", table.amax(0).sum() / n),
                ("taking the largest number first can cost more later: look for the best naming of all",
                 greedy(table) / n),
                ("this is the number of right samples: divide by all", expected * n),
                ("this is the *worst* naming", fewest(table) / n),
                ("this is in per cent: a share from 0 to 1 is asked for", expected * 100),
            ],
        )  # fmt: skip


def greedy(table: Tensor) -> Tensor:
    """The largest entry, then the largest of what its row and column leave, and so on."""
    left, total = table.clone(), table.new_zeros(())
    for _ in range(len(table)):
        best = int(left.argmax())
        total = total + left.flatten()[best].clamp_min(0)
        left[best // len(table)] = -1
        left[:, best % len(table)] = -1
    return total


def fewest(table: Tensor) -> Tensor:
    """The total under the naming that is right least often."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table.numpy())
    return table[rows, columns].sum()


CHECKS = (Assign(), Update(), Invariant(), AffineGrid(), Reassign(), Accuracy())
