"""Topic ``dti``: what is right in exercise 20, and what is likely wrong."""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from labkit import dti, metrics
from labkit.checks.bank import mistake, mistakes, reference
from labkit.distances import nearest, squared_distances

# ── assign ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference(
    "dti.assign",
    instead_of=(dti.assign, dti.squared_distances, dti.lloyd, dti.kmeans, nearest, squared_distances),
    only={title: "the distance runs over all numbers of a sample, whatever its shape: `x.flatten(1)` makes rows of them"
          for title in ("images", "colour, double precision")},
)  # fmt: skip
def assign(x: Tensor, centres: Tensor) -> Tensor:
    """The nearest centre of each sample: (n, …), (k, …) → (n,)."""
    return (x.flatten(1)[:, None] - centres.flatten(1)).square().sum(2).argmin(1)


def by_difference(choose: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that is ``choose`` of the differences of every sample and every centre, (n, k, d)."""
    return lambda x, centres: choose(x.flatten(1)[:, None] - centres.flatten(1))


PAIRS = "these are distances or flags for every pair: one number of a centre for each sample"

mistakes("dti.assign", {
    "this is the *farthest* centre": lambda d: d.norm(dim=2).argmax(1),
    "distances are sums of squares, not of absolute values": lambda d: d.abs().sum(2).argmin(1),
    "distances are sums of squares, not of other powers":
        (lambda d: d.abs().sqrt().sum(2).argmin(1), lambda d: d.abs().pow(3).sum(2).argmin(1),
         lambda d: d.pow(4).sum(2).argmin(1)),
    "differences of either sign cancel: square them first":
        (lambda d: d.sum(2).abs().argmin(1), lambda d: d.sum(2).square().argmin(1)),
    "signed differences are no distance: square them": lambda d: d.sum(2).argmin(1),
    "this is the largest difference in one number: add up all squares": lambda d: d.abs().amax(2).argmin(1),
    "this is the smallest difference in one number: add up all squares": lambda d: d.abs().amin(2).argmin(1),
    "only the first number of each sample is compared: add up all squares": lambda d: d[..., 0].abs().argmin(1),
    "only the last number of each sample is compared: add up all squares": lambda d: d[..., -1].abs().argmin(1),
    "this is the nearest sample of each centre: the nearest centre of each sample is asked for":
        lambda d: d.norm(dim=2).argmin(0),
    PAIRS: (lambda d: d.norm(dim=2), lambda d: d.square().sum(2),
            lambda d: d.norm(dim=2) == d.norm(dim=2).amin(1, True),
            lambda d: F.one_hot(d.norm(dim=2).argmin(1), d.shape[1])),
    "expected numbers of centres, whole numbers: this is the smallest distance, `argmin` gives its place":
        (lambda d: d.norm(dim=2).amin(1), lambda d: d.square().sum(2).amin(1)),
    "expected numbers of centres, whole numbers: these are floats": lambda d: d.norm(dim=2).argmin(1).to(d.dtype),
    "expected numbers of centres of type int64, as argmin gives them": lambda d: d.norm(dim=2).argmin(1).int(),
    "this is the smallest of all distances: each sample has a nearest centre of its own":
        lambda d: d.norm(dim=2).argmin().expand(len(d)),
    "this is a place among all pairs of samples and centres: take the smallest of each row":
        lambda d: d.norm(dim=2).argmin(1) + d.shape[1] * torch.arange(len(d)),
    "centres are numbered from 0": lambda d: d.norm(dim=2).argmin(1) + 1,
    "this is the second-nearest centre": lambda d: d.norm(dim=2).argsort(1)[:, 1],
    "this is the order of all centres: only the nearest one of each sample is asked for":
        lambda d: d.norm(dim=2).argsort(1),
}, of=by_difference)  # fmt: skip
mistakes("dti.assign", {
    "this is the largest inner product: a long centre wins it from afar. The square of its length belongs to it, "
    "‖x − c‖² = ‖x‖² − 2 x·c + ‖c‖²": lambda x, centres: (x.flatten(1) @ centres.flatten(1).T).argmax(1),
    "this is the smallest inner product: take the smallest distance":
        lambda x, centres: (x.flatten(1) @ centres.flatten(1).T).argmin(1),
    "this is the smallest angle: lengths count, too": lambda x, centres: F.cosine_similarity(
        x.flatten(1)[:, None], centres.flatten(1)[None], dim=2).argmax(1),
    "the inner product counts twice: ‖x − c‖² = ‖x‖² − 2 x·c + ‖c‖²":
        lambda x, centres: (centres.flatten(1).square().sum(1) - x.flatten(1) @ centres.flatten(1).T).argmin(1),
    "samples and centres are each moved to a mean of 0 of their own, which changes the distances": lambda x, centres: (
        assign(x - x.mean(0), centres - centres.mean(0))),
    "this is the centre itself: its number is asked for": lambda x, centres: centres[assign(x, centres)],
})  # fmt: skip

# ── update ────────────────────────────────────────────────────────────────────────────────────────────────────────────

KEEPS = "an empty cluster keeps its old centre"


@reference(
    "dti.update",
    instead_of=(dti.update, dti.lloyd, dti.kmeans),
    only={title: KEEPS for title in (
        "an empty cluster in the middle", "the last clusters are empty", "all in one cluster")},
)  # fmt: skip
def update(x: Tensor, a: Tensor, centres: Tensor) -> Tensor:
    """The mean of each cluster; an empty one keeps its centre."""
    return dti.update(x, a, centres)


def by_cluster(move: Callable[..., Tensor], empty: Callable[..., Tensor] = lambda x, c: c) -> Callable[..., Tensor]:
    """An answer whose centres are ``move`` of their samples, all samples, and the old one; ``empty`` of the latter."""

    def answer(x, a, centres):
        clusters = [x[a == j] for j in range(len(centres))]
        return torch.stack([move(own, x, c) if len(own) else empty(x, c) for own, c in zip(clusters, centres)])

    return answer


mistakes("dti.update", {
    "these are sums: divide by the size of each cluster": lambda own, x, c: own.sum(0),
    "each sum is divided by the number of all samples: divide by its own cluster's":
        lambda own, x, c: own.sum(0) / len(x),
    "the centres have not moved": lambda own, x, c: c,
    "the sum is divided by the number of numbers in a sample: divide by that of the cluster's samples":
        lambda own, x, c: own.sum(0) / c.numel(),
    "this is the mean of all samples: each cluster has its own": lambda own, x, c: x.mean(0),
    "the old centre counts as a sample: the mean is over samples alone":
        lambda own, x, c: (own.sum(0) + c) / (len(own) + 1),
    "the sum is divided by one more than there are samples": lambda own, x, c: own.sum(0) / (len(own) + 1),
    "the sum is divided by one less than there are samples": lambda own, x, c: own.sum(0) / (len(own) - 1),
    "the centre goes only a part of the way from the old one to the mean: it goes all the way": (
        lambda own, x, c: (own.mean(0) + c) / 2, lambda own, x, c: 0.1 * own.mean(0) + 0.9 * c,
        lambda own, x, c: 0.9 * own.mean(0) + 0.1 * c),
    "this is the largest, or the smallest, of each number: take the mean":
        (lambda own, x, c: own.amax(0), lambda own, x, c: own.amin(0)),
    "the mean is added to the old centre: put it in its place": lambda own, x, c: c + own.mean(0),
    "this is the median: the mean has the least squared distances": lambda own, x, c: own.median(0).values,
    "this is one of the samples: the mean is asked for": (
        lambda own, x, c: own[0], lambda own, x, c: own[-1],
        lambda own, x, c: own[(own - own.mean(0)).flatten(1).norm(dim=1).argmin()]),
    "this is one mean of all numbers: each place in a sample has its own": lambda own, x, c: own.mean().expand_as(c),
    "this is the mean of the other clusters' samples": lambda own, x, c: (
        (x.sum(0) - own.sum(0)) / max(len(x) - len(own), 1)),
}, of=by_cluster)  # fmt: skip
mistakes("dti.update", {
    KEEPS: (lambda x, c: 0 * c, lambda x, c: x[0], lambda x, c: x[-1], lambda x, c: x.mean(0), lambda x, c: 1 + 0 * c),
    "the mean of no sample is nan: an empty cluster keeps its old centre": lambda x, c: c / 0 * 0,
}, of=lambda empty: by_cluster(lambda own, x, c: own.mean(0), empty))  # fmt: skip
mistakes("dti.update", {
    "these are sums: divide by the size of each cluster, and let an empty one keep its old centre":
        by_cluster(lambda own, x, c: own.sum(0), lambda x, c: 0 * c),
    "each sum is divided by the number of all samples: divide by its own cluster's, and let an empty one keep its old "
    "centre": by_cluster(lambda own, x, c: own.sum(0) / len(x), lambda x, c: 0 * c),
    "this is the mean of all samples: each cluster has its own, and an empty one keeps its old centre":
        lambda x, a, centres: x.mean(0).expand_as(centres),
    "an empty cluster got lost: it keeps its old centre":
        lambda x, a, centres: torch.stack([x[a == j].mean(0) for j in a.unique()]),
    "each sum is divided by the number of clusters: divide by its own cluster's samples": (
        lambda x, a, centres: by_cluster(lambda own, x, c: own.sum(0) / len(centres))(x, a, centres)),
    "these are the first samples: `x[a == j]` are those of cluster j":
        lambda x, a, centres: update(x, a.sort().values, centres),
    "this is each sample's centre: one row for each centre is asked for":
        lambda x, a, centres: update(x, a, centres)[a],
    "the centres are sorted by the size of their cluster: centre j belongs to cluster j":
        lambda x, a, centres: update(x, a, centres)[torch.bincount(a, minlength=len(centres)).argsort(descending=True)],
})  # fmt: skip


@mistake("dti.update", says="changes its input `centres` in place")
def writes_into_the_old_centres(x, a, centres):
    for j in a.unique():
        centres[j] = x[a == j].mean(0)
    return centres


# ── accuracy ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("dti.accuracy", instead_of=(metrics.clustering_accuracy,))
def accuracy(clusters: Tensor, y: Tensor) -> float:
    """The share of samples that are right under the best one-to-one naming of the clusters."""
    return metrics.clustering_accuracy(clusters, y)


def of_table(count: Callable[[Tensor], float | Tensor]) -> Callable[..., float | Tensor]:
    """An answer that is ``count`` of how often each cluster (row) meets each class, over the number of samples."""

    def answer(clusters, y):
        size = int(max(clusters.max(), y.max())) + 1
        table = torch.bincount(clusters * size + y, minlength=size * size).view(size, size).double()
        return count(table) / len(y)

    return answer


def best(table: Tensor, maximize: bool = True) -> float:
    """The largest sum of entries of which no two share a row or a column."""
    from scipy.optimize import linear_sum_assignment

    return float(table.numpy()[linear_sum_assignment(table.numpy(), maximize=maximize)].sum())


def greedy(table: Tensor, rows: bool = False) -> float:
    """The largest entry, then the largest of what its row and column leave; with ``rows`` one row after the other."""
    left, total = table.clone(), 0.0
    for i in range(len(table)):
        largest = int(left[i].argmax()) + i * len(table) if rows else int(left.argmax())
        total += max(float(left.flatten()[largest]), 0.0)
        left[largest // len(table)] = -1
        left[:, largest % len(table)] = -1
    return total


def as_they_appear(clusters: Tensor, y: Tensor) -> float:
    """The share of right samples where each new cluster is named by its first sample, if that name is free."""
    names: dict[int, int] = {}
    for cluster, label in zip(clusters.tolist(), y.tolist()):
        if cluster not in names and label not in names.values():
            names[cluster] = label
    return sum(names.get(c) == label for c, label in zip(clusters.tolist(), y.tolist())) / len(y)


mistakes("dti.accuracy", {
    "clusters have no names: cluster 3 need not be class 3. Rename them as well as possible first":
        lambda table: table.trace(),
    "several clusters are called by one class here: the naming is one-to-one": lambda table: table.amax(1).sum(),
    "several classes go to one cluster here: the naming is one-to-one": lambda table: table.amax(0).sum(),
    "taking the largest number first can cost more later: look for the best naming of all": greedy,
    "each cluster in turn takes the best class that is left: look for the best naming of all":
        (lambda table: greedy(table, rows=True), lambda table: greedy(table.T, rows=True)),
    "this is the *worst* naming: `maximize=True` is missing": lambda table: best(table, maximize=False),
    "this is the number of right samples: divide by all": lambda table: best(table) * table.sum(),
    "this is in per cent: a share from 0 to 1 is asked for": lambda table: 100 * best(table),
    "this is the share of mistakes: one minus it is asked for": lambda table: table.sum() - best(table),
    "only the largest number of all counts: add up one for each cluster": lambda table: table.max(),
    "the sum is divided by the number of classes: divide it by that of the samples":
        lambda table: best(table) * table.sum() / len(table),
    "these are shares of each class, averaged: count samples":
        lambda table: (best(table / table.sum(0).clamp_min(1)) / (table.sum(0) > 0).sum()) * table.sum(),
    "these are shares of each cluster, averaged: count samples":
        lambda table: (best(table / table.sum(1, True).clamp_min(1)) / (table.sum(1) > 0).sum()) * table.sum(),
}, of=of_table)  # fmt: skip
mistakes("dti.accuracy", {
    "clusters are named in the order in which they appear: look for the best naming of all": as_they_appear,
    "this is the mutual information: the accuracy under the best naming is asked for": metrics.nmi,
    "this is the Rand index: the accuracy under the best naming is asked for": (
        metrics.ari, lambda clusters, y: ((clusters[:, None] == clusters) == (y[:, None] == y)).double().mean(),
        lambda clusters, y: (
            ((clusters[:, None] == clusters) == (y[:, None] == y)).double().sum() - len(y)) / (len(y) * (len(y) - 1))),
    "the best of all namings need not be reached by exchanging two names at a time": lambda clusters, y: swapped(
        clusters, y, torch.arange(int(max(clusters.max(), y.max())) + 1)),
    "there may be more classes than clusters, or fewer: the table needs room for the larger number of both":
        (lambda clusters, y: too_small(clusters, y, int(clusters.max()) + 1),
         lambda clusters, y: too_small(clusters, y, int(y.max()) + 1),
         lambda clusters, y: too_small(clusters, y, len(y.unique())),
         lambda clusters, y: too_small(clusters, y, len(clusters.unique()))),
    "the numbers of clusters and classes may have gaps: a name is any of the classes there are":
        lambda clusters, y: max(
            (torch.tensor(names)[clusters % len(names)] == y).double().mean()
            for names in itertools.permutations(range(len(y.unique())))),
})  # fmt: skip


def swapped(clusters: Tensor, y: Tensor, names: Tensor) -> float:
    """The accuracy when two names at a time are exchanged where that helps."""
    for i, j in itertools.combinations(range(len(names)), 2):
        other = names.clone()
        other[[i, j]] = names[[j, i]]
        names = other if (other[clusters] == y).sum() > (names[clusters] == y).sum() else names
    return float((names[clusters] == y).double().mean())


def too_small(clusters: Tensor, y: Tensor, size: int) -> float:
    """The accuracy from a table of ``size`` rows and columns, which may be too few."""
    table = torch.bincount(clusters * size + y, minlength=size * size).view(size, size)
    return best(table) / len(y)


# ── invariant ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("dti.invariant", instead_of=(dti.squared_distances, dti.assign, dti.shift_mixture, squared_distances))
def invariant(x: Tensor, moved: Tensor) -> Tensor:
    """min over T of ‖x_i − T c_j‖²: (n, c, h, w), (k, s, c, h, w) → (n, k)."""
    return (x[:, None, None] - moved).square().flatten(3).sum(3).amin(2)


mistakes("dti.invariant", {
    "this is the mean over transformations: each image may choose the best one":
        lambda d: d.square().sum((3, 4, 5)).mean(2),
    "this is the median over transformations: each image may choose the best one":
        lambda d: d.square().sum((3, 4, 5)).median(2).values,
    "this is the largest distance: the best transformation has the smallest":
        lambda d: d.square().sum((3, 4, 5)).amax(2),
    "this is the sum over transformations: take the smallest": lambda d: d.square().sum((2, 3, 4, 5)),
    "this is one number an image: add up over a picture, not over versions and centres": (
        lambda d: d.square().sum((1, 2, 3, 4, 5)), lambda d: d.square().sum((1, 3, 4, 5)).amin(1)),
    "this is a soft minimum: take the smallest": lambda d: -torch.logsumexp(-d.square().sum((3, 4, 5)), 2),
    "versions and centres are mixed up: `moved` has all versions of the first centre before those of the second": (
        lambda d: d.square().sum((3, 4, 5)).flatten(1).unflatten(1, (d.shape[2], d.shape[1])).amin(1)),
    "this is the first transformation's distance: look at all": lambda d: d[:, :, 0].square().sum((2, 3, 4)),
    "this is the last transformation's distance: look at all": lambda d: d[:, :, -1].square().sum((2, 3, 4)),
    "each *pixel* chooses its own transformation here: add up the squares of a picture first":
        (lambda d: d.square().amin(2).sum((2, 3, 4)), lambda d: d.square().sum(3).amin(2).sum((2, 3)),
         lambda d: d.abs().amin(2).square().sum((2, 3, 4))),
    "each *row* or *channel* chooses its own transformation here: add up the squares of a picture first":
        (lambda d: d.square().sum(5).amin(2).sum((2, 3)), lambda d: d.square().sum(4).amin(2).sum((2, 3)),
         lambda d: d.square().sum((4, 5)).amin(2).sum(2)),
    "take squared distances: no root": lambda d: d.square().sum((3, 4, 5)).amin(2).sqrt(),
    "squares are added up, not averaged over pixels": (
        lambda d: d.square().mean((3, 4, 5)).amin(2), lambda d: d.square().sum(3).mean((3, 4)).amin(2)),
    "squares, not absolute differences": lambda d: d.abs().sum((3, 4, 5)).amin(2),
    "differences of either sign cancel: square them before you add them up":
        (lambda d: d.sum((3, 4, 5)).square().amin(2), lambda d: d.sum((3, 4, 5)).abs().amin(2),
         lambda d: d.sum((3, 4, 5)).amin(2)),
    "these are the distances of every transformation: take the smallest of them": lambda d: d.square().sum((3, 4, 5)),
    "the minimum is over centres here: take it over transformations, and keep the centres":
        lambda d: d.square().sum((3, 4, 5)).amin(1),
    "the minimum is over images here: take it over transformations, and keep the images":
        lambda d: d.square().sum((3, 4, 5)).amin(0),
    "the minimum over centres is one too many: a distance to *each* centre is asked for":
        lambda d: d.square().sum((3, 4, 5)).amin((1, 2)),
    "rows are images and columns centres: it is the other way round": lambda d: d.square().sum((3, 4, 5)).amin(2).T,
    "this is the number of the best transformation: its distance is asked for":
        (lambda d: d.square().sum((3, 4, 5)).argmin(2), lambda d: d.square().sum((3, 4, 5)).argmin(2).to(d.dtype)),
    "the sum over rows and columns, and not over channels: add up all of a picture":
        (lambda d: d.square().sum((4, 5)).amin(2), lambda d: d.square().sum((4, 5)).amin(2)[:, :, 0],
         lambda d: d[:, :, :, 0].square().sum((3, 4)).amin(2)),
    "the versions of a centre are averaged first: compare with each, and take the smallest distance":
        lambda d: d.mean(2).square().sum((2, 3, 4)),
    "the sign is the other way round: a distance is not negative": lambda d: -d.square().sum((3, 4, 5)).amin(2),
    "this is the second-smallest distance": lambda d: d.square().sum((3, 4, 5)).sort(2).values[..., :2].amax(2),
}, of=lambda reduce: lambda x, moved: reduce(x[:, None, None] - moved))  # fmt: skip
mistakes("dti.invariant", {
    "these are inner products: take the difference, and square it":
        lambda x, moved: torch.einsum("nchw,kschw->nks", x, moved).amax(2),
    "the distances are divided by their largest: give them as they are":
        lambda x, moved: invariant(x, moved) / invariant(x, moved).max(),
})  # fmt: skip

# ── affine_grid ───────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("dti.affine_grid", instead_of=(dti.affine_grid, dti.projective_grid))
def affine_grid(beta: Tensor, h: int, w: int) -> Tensor:
    """Six numbers an image → where each pixel looks: (n, 6) → (n, h, w, 2)."""
    return look(centres_of(beta, h, w), beta.view(-1, 2, 3) + identity(beta))


def look(at: Tensor, matrix: Tensor) -> Tensor:
    """The matrices (n, 2, 3) times (x, y, 1) of every pixel, (h, w, 3)."""
    return torch.einsum("hwi,nji->nhwj", at, matrix)


def identity(beta: Tensor) -> Tensor:
    """What β = 0 leaves."""
    return torch.eye(2, 3, dtype=beta.dtype)


def places(beta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(x, y, 1) at every pixel, (h, w, 3)."""
    x, y = torch.broadcast_tensors(x.to(beta.dtype), y.to(beta.dtype)[:, None])
    return torch.stack([x, y, torch.ones_like(x)], -1)


def centres_of(beta: Tensor, h: int, w: int) -> Tensor:
    """(x, y, 1) of the centres of all pixels."""
    return places(beta, (2 * torch.arange(w) + 1) / w - 1, (2 * torch.arange(h) + 1) / h - 1)


def with_matrix(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer whose matrix is ``change`` of β."""
    return lambda beta, h, w: look(centres_of(beta, h, w), change(beta))


def with_places(line: Callable[[int], Tensor]) -> Callable[..., Tensor]:
    """An answer that has pixels at ``line`` of the number of them in a row or column."""
    return lambda beta, h, w: look(places(beta, line(w), line(h)), beta.view(-1, 2, 3) + identity(beta))


def inverse(matrix: Tensor) -> Tensor:
    """Of maps (n, 2, 3), those that undo them."""
    last = torch.tensor([0, 0, 1]).to(matrix).expand(len(matrix), 1, 3)
    return torch.linalg.inv(torch.cat([matrix, last], 1))[:, :2]


mistakes("dti.affine_grid", {
    "the identity is missing: β = 0 must leave every pixel where it is": lambda b: b.view(-1, 2, 3),
    "the six numbers fill the matrix row by row": lambda b: b.view(-1, 3, 2).mT + identity(b),
    "1 is added to all six numbers: the identity has two ones": lambda b: b.view(-1, 2, 3) + 1,
    "the ones of the identity are in the wrong places: they belong to β₁ and β₅": (
        lambda b: b.view(-1, 2, 3) + identity(b).flip(0), lambda b: b.view(-1, 2, 3) + identity(b).flip(1),
        lambda b: b.view(-1, 2, 3) + torch.tensor([[1.0, 0, 0], [1, 0, 0]]).to(b)),
    "one of the two ones of the identity is missing: they belong to β₁ and β₅": (
        lambda b: b.view(-1, 2, 3) + torch.tensor([[1.0, 0, 0], [0, 0, 0]]).to(b),
        lambda b: b.view(-1, 2, 3) + torch.tensor([[0.0, 0, 0], [0, 1, 0]]).to(b)),
    "β₃ and β₆ are exchanged: each row of the matrix ends with its own shift":
        lambda b: b[:, [0, 1, 5, 3, 4, 2]].view(-1, 2, 3) + identity(b),
    "the shift is missing: the point is (x, y, 1)":
        lambda b: (b.view(-1, 2, 3) + identity(b)) * b.new_tensor([1, 1, 0]),
    "only the shift is used: β₁, β₂, β₄ and β₅ turn, scale and shear":
        lambda b: b.view(-1, 2, 3) * b.new_tensor([0, 0, 1]) + identity(b),
    "β is taken away from the identity: add it": lambda b: identity(b) - b.view(-1, 2, 3),
    "the shift is taken away: add it": lambda b: b.view(-1, 2, 3) * b.new_tensor([1, 1, -1]) + identity(b),
    "the shift stands first: it comes last in each row": lambda b: b.view(-1, 2, 3).roll(-1, 2) + identity(b),
    "β₂ and β₄ are exchanged: the six numbers fill the matrix row by row":
        lambda b: b[:, [0, 3, 2, 1, 4, 5]].view(-1, 2, 3) + identity(b),
    "the first image's numbers are used for all: each image has its own":
        lambda b: b[:1].expand_as(b).reshape(-1, 2, 3) + identity(b),
    "β is not used: every pixel stays": lambda b: 0 * b.view(-1, 2, 3) + identity(b),
    "the two rows of the matrix are exchanged: the first gives u, the second v":
        lambda b: (b.view(-1, 2, 3).flip(1) + identity(b)),
}, of=with_matrix)  # fmt: skip
mistakes("dti.affine_grid", {
    "−1 and 1 are the *edges* of the image, not the centres of its outermost pixels (align_corners=False)": (
        lambda n: torch.linspace(-1, 1, n), lambda n: 2 * torch.arange(n) / max(n - 1, 1) - 1),
    "these are the left and upper edges of the pixels: their centres are half a pixel farther": (
        lambda n: 2 * torch.arange(n) / n - 1, lambda n: torch.linspace(-1, 1, n + 1)[:-1]),
    "these are the right and lower edges of the pixels: their centres are half a pixel before": (
        lambda n: 2 * torch.arange(1, n + 1) / n - 1, lambda n: torch.linspace(-1, 1, n + 1)[1:]),
    "coordinates are pixels here: they run from −1 to 1": (torch.arange, lambda n: torch.arange(n) + 0.5),
    "coordinates run from 0 to 1 here: from −1 to 1 is asked for": (
        lambda n: (torch.arange(n) + 0.5) / n, lambda n: torch.linspace(0, 1, n), lambda n: torch.arange(n) / n),
    "coordinates run from −½ to ½ here: from −1 to 1 is asked for": lambda n: (torch.arange(n) + 0.5) / n - 0.5,
    "coordinates run from 1 down to −1 here: from −1 up to 1 is asked for": lambda n: 1 - (2 * torch.arange(n) + 1) / n,
    "the centres lie two pixels apart here: the step is 2 / n": lambda n: (2 * torch.arange(n) + 1) / n * 2 - 1,
}, of=with_places)  # fmt: skip
mistakes("dti.affine_grid", {
    "the shift is taken for pixels: β₃ and β₆ are in the coordinates from −1 to 1": (
        lambda beta, h, w: affine_grid(beta * beta.new_tensor([1, 1, 2 / w, 1, 1, 2 / h]), h, w),
        lambda beta, h, w: affine_grid(beta * beta.new_tensor([1, 1, 1 / w, 1, 1, 1 / h]), h, w)),
    "this is the inverse of the map: the matrix itself says where a pixel looks": lambda beta, h, w: look(
        centres_of(beta, h, w), inverse(beta.view(-1, 2, 3) + identity(beta))),
    "y points up here: it points down": lambda beta, h, w: look(
        centres_of(beta, h, w) * beta.new_tensor([1, -1, 1]), beta.view(-1, 2, 3) + identity(beta)),
    "the last dimension is (x, y): x to the right first": lambda beta, h, w: affine_grid(beta, h, w).flip(-1),
    "x and y are exchanged before the matrix is applied": lambda beta, h, w: look(
        centres_of(beta, h, w)[..., [1, 0, 2]], beta.view(-1, 2, 3) + identity(beta)),
    "height and width are exchanged: the grid is (n, h, w, 2)": (
        lambda beta, h, w: affine_grid(beta, h, w).transpose(1, 2), lambda beta, h, w: affine_grid(beta, w, h)),
    "(u, v) stands before the places: it is the last dimension, (n, h, w, 2)":
        lambda beta, h, w: affine_grid(beta, h, w).movedim(-1, 1),
    "the places are in one row: the grid is (n, h, w, 2)": lambda beta, h, w: affine_grid(beta, h, w).flatten(1, 2),
    "there is a third coordinate, the 1: the grid is (n, h, w, 2)":
        lambda beta, h, w: F.pad(affine_grid(beta, h, w), (0, 1), value=1.0),
    "β is added to the place as well as multiplied":
        lambda beta, h, w: affine_grid(beta, h, w) + centres_of(beta, h, w)[..., :2],
    "the grid is cut to [−1, 1]: a pixel may look outside": lambda beta, h, w: affine_grid(beta, h, w).clamp(-1, 1),
    "this is one image's grid: the grid is (n, h, w, 2)": lambda beta, h, w: affine_grid(beta, h, w)[0],
    "this is float32: the grid has β's dtype": lambda beta, h, w: affine_grid(beta, h, w).float(),
})  # fmt: skip


@mistake("dti.affine_grid", says="no gradient reaches `beta`")
def detaches_beta(beta, h, w):
    return affine_grid(beta.detach(), h, w)


# ── reassign ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("dti.reassign", instead_of=(dti.reassign,))
def reassign(prototypes: Tensor, moment: Tensor, share: Tensor, noise: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """Clusters under ``least / k`` become copies of the largest one, with its moment, plus their noise."""
    return copied(share < least / len(share), prototypes, moment, share, noise)


def copied(
    small: Tensor, prototypes: Tensor, moment: Tensor, share: Tensor, noise: Tensor,
    copy: Callable[..., Tensor] = lambda p, largest, noise: p[largest] + noise,
    state: Callable[..., Tensor] = lambda m, largest, noise: m[largest],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Some rows are made anew of all prototypes, or moments, the number of the largest cluster, and the noise."""
    column, largest = small.view(-1, *(1 for _ in prototypes.shape[1:])), share.argmax()
    new = torch.where(column, copy(prototypes, largest, noise), prototypes)
    return new, torch.where(column, state(moment, largest, noise), moment)


def with_threshold(small: Callable[[Tensor, float], Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer to which those clusters are small."""
    return lambda prototypes, moment, share, noise, least: copied(
        small(share, least), prototypes, moment, share, noise)  # fmt: skip


def with_copy(copy: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer that makes another copy of the prototype."""
    return lambda prototypes, moment, share, noise, least: copied(
        share < least / len(share), prototypes, moment, share, noise, lambda p, i, e: copy(p, i, e, share))  # fmt: skip


def with_state(state: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer that makes another copy of the moment."""
    return lambda prototypes, moment, share, noise, least: copied(
        share < least / len(share), prototypes, moment, share, noise, state=state)  # fmt: skip


mistakes("dti.reassign", {
    "the threshold is least / k: a fair share is 1 / k": lambda share, least: share < least,
    "the threshold is least / k: divide by the number of clusters, don't multiply":
        lambda share, least: share < least * len(share),
    "a cluster of exactly least / k is not *below* it": lambda share, least: share <= least / len(share),
    "the empty clusters are still where they were": lambda share, least: share < -1,
    "only a share of 0, or hardly more, counts as empty here: below least / k is asked for":
        (lambda share, least: share == 0, lambda share, least: 100 * share < least / len(share)),
    "only one cluster starts again: all below least / k do": (
        lambda share, least: (share < least / len(share)) & (torch.arange(len(share)) == share.argmin()),
        lambda share, least: (share < least / len(share)) & ((share < least / len(share)).cumsum(0) == 1)),
    "the smallest cluster starts again whatever its share is: only those below least / k do":
        lambda share, least: torch.arange(len(share)) == share.argmin(),
    "the threshold is a share of the largest cluster's: it is least / k":
        lambda share, least: share < least * share.max(),
    "the threshold is least times the mean of the shares that are not 0: it is least / k":
        lambda share, least: share < least * share[share > 0].mean(),
    "the other way round: the clusters *below* least / k start again": lambda share, least: share >= least / len(share),
    "all clusters start again: only those below least / k do": lambda share, least: share >= 0,
    "`least` is not used": (lambda share, least: share < 0.2 / len(share), lambda share, least: share < 1 / len(share)),
}, of=with_threshold)  # fmt: skip
mistakes("dti.reassign", {
    "the noise is missing: two equal prototypes get equal gradients and never part": lambda p, i, e, share: p[i],
    "the copy is of the *largest* cluster": (
        lambda p, i, e, share: p[share.argmin()] + e,
        lambda p, i, e, share: p[0] + e, lambda p, i, e, share: p[-1] + e),
    "this is the noise alone: add it to a copy of the largest cluster": lambda p, i, e, share: e,
    "the noise is added to the empty prototype itself: add it to a copy of the largest cluster":
        lambda p, i, e, share: p + e,
    "this is the noise of the largest cluster: each copy has its own": lambda p, i, e, share: p[i] + e[i],
    "this is the first row of noise: each copy has its own": lambda p, i, e, share: p[i] + e[0],
    "the noise is taken away: add it": lambda p, i, e, share: p[i] - e,
    "the copy is multiplied by the noise: add it": lambda p, i, e, share: p[i] * e,
    "the copy is multiplied by one plus the noise: add the noise": lambda p, i, e, share: p[i] * (1 + e),
    "empty clusters begin at the mean of all prototypes here: they begin at a copy of the largest":
        lambda p, i, e, share: p.mean(0) + e,
    "the copy is halfway between the two: it starts at the largest": lambda p, i, e, share: (p + p[i]) / 2 + e,
}, of=with_copy)  # fmt: skip
mistakes("dti.reassign", {
    "the moment stays behind: Adam would push the copy where the empty cluster was heading": lambda m, i, e: m,
    "the copy's moment is zero: it is the largest cluster's": lambda m, i, e: 0 * m,
    "the moment gets no noise: only the prototype does": lambda m, i, e: m[i] + e,
    "the copy's moment is added to the old one: it takes its place": lambda m, i, e: m + m[i],
    "the copy's moment is the mean of all: it is the largest cluster's": lambda m, i, e: m.mean(0),
    "the copy's moment is half of the largest cluster's: copy it": lambda m, i, e: m[i] / 2,
}, of=with_state)  # fmt: skip


def afterwards(change: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer that is right, and then changed: ``change`` of both results, and of what was given."""
    return lambda prototypes, moment, share, noise, least: change(
        *reassign(prototypes, moment, share, noise, least), prototypes, moment, share, noise)  # fmt: skip


def put(rows: Tensor, i: Tensor, value: Tensor) -> Tensor:
    """A copy with another row ``i``."""
    return rows.index_copy(0, i[None], value[None])


mistakes("dti.reassign", {
    "every prototype got noise: only the copies get it":
        lambda new, moved, p, m, share, e: (torch.where(new == p, p + e, new), moved),
    "the largest cluster gets noise, too: only the copies get it":
        lambda new, moved, p, m, share, e: (put(new, share.argmax(), p[share.argmax()] + e[share.argmax()]), moved),
    "the moments of all clusters are zero: only the copies' change": lambda new, moved, p, m, share, e: (new, 0 * m),
    "all moments become the largest cluster's: only the copies' do":
        lambda new, moved, p, m, share, e: (new, m[share.argmax()].expand_as(m)),
    "the two are in the other order: first the prototypes, then the moment":
        lambda new, moved, p, m, share, e: (moved, new),
}, of=afterwards)  # fmt: skip


def by_mask(change: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer that is right, and then changed by ``change`` of both results, the small clusters and the inputs."""
    return lambda prototypes, moment, share, noise, least: change(
        *reassign(prototypes, moment, share, noise, least), share < least / len(share), prototypes, noise,
        share.argmax())  # fmt: skip


mistakes("dti.reassign", {
    "the first rows of the noise are used: each copy has the row of its own number":
        lambda new, moved, small, p, e, i: (
        new.index_copy(0, small.nonzero()[:, 0], p[i] + e[: int(small.sum())]), moved),
    "the copy's moment is the prototype: it is the largest cluster's moment": lambda new, moved, small, p, e, i: (
        new, moved.index_copy(0, small.nonzero()[:, 0], p[i].expand(int(small.sum()), *p.shape[1:]))),
}, of=by_mask)  # fmt: skip


@mistake("dti.reassign", "the second small cluster copies the second-largest: all copy the largest")
def copies_one_after_the_other(prototypes, moment, share, noise, least):
    new, moved, order = prototypes.clone(), moment.clone(), share.argsort(descending=True)
    small = (share < least / len(share)).nonzero()[:, 0]
    new[small], moved[small] = prototypes[order[: len(small)]] + noise[small], moment[order[: len(small)]]
    return new, moved


@mistake("dti.reassign", "k is the number of clusters, not of the numbers in one: `len(share)`")
def divides_by_the_numbers_in_a_prototype(prototypes, moment, share, noise, least):
    return copied(share < least / prototypes[0].numel(), prototypes, moment, share, noise)


@mistake("dti.reassign", says="changes its input `prototypes` in place")
def writes_in_place(prototypes, moment, share, noise, least):
    small = share < least / len(share)
    prototypes[small] = prototypes[share.argmax()] + noise[small]
    moment[small] = moment[share.argmax()].clone()
    return prototypes, moment


@mistake("dti.reassign", says="expected 2 values: prototypes, optimiser's moment")
def returns_the_prototypes_alone(prototypes, moment, share, noise, least):
    return reassign(prototypes, moment, share, noise, least)[0]
