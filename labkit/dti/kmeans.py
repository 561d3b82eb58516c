"""Classical k-means, on samples of any shape.

    minimise  L(c_1, …, c_k) = Σ_i min_j ‖x_i − c_j‖²

by Lloyd's two steps in turn: assign every x_i to its nearest centre; move every centre to the mean of its samples.
Neither step can raise L. Sources: S. Lloyd, "Least Squares Quantization in PCM" (1982); D. Arthur and
S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding" (2007).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from labkit import distances
from labkit.shapes import Float, Int, Labels, finite, labels


class Clustering(NamedTuple):
    """The result of k-means.

    Attributes:
        assignments: the number of each sample's centre, (N,).
        centres: (k, …), shaped like the samples.
        inertia: L, the sum of squared distances to the nearest centres.
        iterations: the number of updates until nothing moved any more, or until the limit.
    """

    assignments: Tensor
    centres: Tensor
    inertia: float
    iterations: int


def squared_distances(x: Float[Tensor, " b *rest"], centres: Float[Tensor, " k *rest"]) -> Float[Tensor, "b k"]:
    """‖x_i − c_j‖² for every pair."""
    return distances.squared_distances(x.flatten(1), centres.flatten(1))


def assign(x: Float[Tensor, " b *rest"], centres: Float[Tensor, " k *rest"]) -> Labels:
    """The number of each sample's nearest centre; in a tie the first one."""
    _comparable(x, centres)
    return distances.Rows(x.flatten(1)).nearest(centres.flatten(1))


def update(
    x: Float[Tensor, " b *rest"], assignments: Labels, centres: Float[Tensor, " k *rest"]
) -> Float[Tensor, " k *rest"]:
    """The mean of the samples of each cluster; a cluster without samples keeps its old centre."""
    _alike(x, centres)
    assignments = labels(assignments, len(x), classes=len(centres), name="assignments")
    return _means(x.flatten(1), assignments, centres.flatten(1)).view_as(centres)


def _means(rows: Tensor, assignments: Tensor, centres: Tensor) -> Tensor:
    """``update`` of rows, (n, d) and (k, d)."""
    return _divided(torch.zeros_like(centres).index_add_(0, assignments, rows), assignments, centres)


def _divided(total: Tensor, assignments: Tensor, centres: Tensor) -> Tensor:
    """Sums divided by the numbers of samples; the old centres where there are none."""
    count = torch.bincount(assignments, minlength=len(centres)).to(total.dtype)[:, None]
    return torch.where(count > 0, total / count.clamp_min(1), centres).to(centres.dtype)


def kmeans_plus_plus(
    x: Float[Tensor, " b *rest"], k: int, *, generator: torch.Generator | None = None
) -> Float[Tensor, " k *rest"]:
    """k samples as first centres, each drawn in proportion to D², the squared distance to those before it.

    Raises:
        ValueError: if ``k`` is not from 1 to the number of samples.
    """
    _enough(finite(x, name="x"), k)
    chosen = [_draw(x.new_ones(len(x)), generator)]
    nearest = squared_distances(x, x[chosen[0]])[:, 0]
    for _ in range(k - 1):
        # Where all samples coincide with centres there is nothing to prefer.
        weights = torch.where(nearest.sum() > 0, nearest, torch.ones_like(nearest))
        chosen.append(_draw(weights, generator))
        nearest = torch.minimum(nearest, squared_distances(x, x[chosen[-1]])[:, 0])
    return x[torch.cat(chosen)].clone()


def lloyd(x: Float[Tensor, " b *rest"], centres: Float[Tensor, " k *rest"], *, iterations: int = 300) -> Clustering:
    """Lloyd's two steps from given centres, until no sample changes its centre.

    Raises:
        ValueError: if a centre and a sample differ in shape.
    """
    _comparable(x, centres)
    flat, means = x.flatten(1), centres.flatten(1)
    # A mean of numbers far from 0 is rounded to their size: near 0 that of copies is the copy.
    origin = means[:1].clone()
    flat, means = flat - origin, means - origin
    rows = distances.Rows(flat)
    total = means.new_zeros(means.shape, dtype=rows.x.dtype)
    assignments, done, settled = rows.nearest(means, sums=total), 0, False
    while done < iterations and not settled:
        done += 1
        means, total = _divided(total, assignments, means), torch.zeros_like(total)
        new = rows.nearest(means, sums=total)
        settled = torch.equal(new, assignments)
        assignments = new
    return Clustering(assignments, (means + origin).view_as(centres), _inertia(flat, means, assignments), done)


def _inertia(rows: Tensor, centres: Tensor, assignments: Tensor) -> float:
    """The sum of squared distances of rows to their centres. It takes some rows at a time, which fit in the cache."""
    wide = torch.float32 if rows.dtype in (torch.float16, torch.bfloat16) else rows.dtype
    step = max(1, distances.IN_CACHE // max(1, rows.shape[1]))
    squares = [
        (some - centres.index_select(0, which)).to(wide).square_().sum(1)
        for some, which in zip(rows.split(step), assignments.split(step), strict=True)
    ]
    return float(torch.cat(squares).double().sum())


def kmeans(
    x: Float[Tensor, " b *rest"],
    k: int,
    *,
    runs: int = 1,
    iterations: int = 300,
    generator: torch.Generator | None = None,
) -> Clustering:
    """k-means from ``runs`` starts of k-means++; the one with the lowest inertia.

    Args:
        x: the samples.
        k: the number of clusters.
        runs: how many starts.
        iterations: the largest number of updates in a run.
        generator: draws the starts.

    Raises:
        ValueError: if ``k`` is not from 1 to the number of samples, ``runs`` is below 1, or a sample is not finite.
    """
    if runs < 1:
        raise ValueError(f"runs is {runs}; expected 1 or more")
    finite(x, name="x")
    clusterings = (lloyd(x, kmeans_plus_plus(x, k, generator=generator), iterations=iterations) for _ in range(runs))
    return min(clusterings, key=lambda run: run.inertia)


def _alike(x: Tensor, centres: Tensor) -> None:
    if centres.shape[1:] != x.shape[1:] or len(centres) == 0:
        raise ValueError(
            f"centres have shape {tuple(centres.shape)}, samples {tuple(x.shape)}; expected one shape each"
        )
    if x.dtype != centres.dtype or not x.is_floating_point():
        raise ValueError(f"x is {x.dtype} and centres are {centres.dtype}; expected floats of one type")


def _comparable(x: Tensor, centres: Tensor) -> None:
    _alike(x, centres)
    finite(x, name="x")
    finite(centres, name="centres")


def _enough(x: Tensor, k: int) -> None:
    if not 1 <= k <= len(x):
        raise ValueError(f"k is {k} for {len(x)} samples; expected 1 to {len(x)} clusters")


def _draw(weights: Tensor, generator: torch.Generator | None) -> Int[Tensor, " 1"]:
    """One index, drawn in proportion to the weights. (``multinomial`` stops at 2²⁴ of them.)"""
    where = generator.device if generator is not None else weights.device
    u = torch.rand(1, generator=generator, device=where, dtype=torch.float64).to(weights.device)
    edges = weights.double().cumsum(0)
    return torch.searchsorted(edges, u * edges[-1], right=True).clamp_max(len(weights) - 1)
