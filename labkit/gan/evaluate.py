"""Is generated data any good? Five questions that looking at the samples does not answer.

    copies        d(x) = min over training t of ‖x − t‖
                  C_T = Σ P(π) Z(π) / Σ P(π) over cells π; Z: z-score of the number of pairs d(generated) > d(held-out)
    precision     share of generated samples within the k-NN balls of real ones:       do they look right?
    recall        share of real samples within the k-NN balls of generated ones:       is everything there?
    Fréchet       ‖μ − μ'‖² + tr(Σ + Σ' − 2 (Σ Σ')^½) of features: FID, if the features are Inception's
    CAS           accuracy on real samples of a classifier trained on generated ones alone: is it of any use?

C_T ≪ 0: closer to the training data than new real samples are: copies. About 0: as far. ≫ 0: further, which says that
the samples are off, not that they are new. Sources: C. Meehan and others, "A Non-Parametric Test to Detect
Data-Copying in Generative Models" (2020); T. Kynkäänniemi and others, "Improved Precision and Recall Metric" (2019);
M. Heusel and others, "GANs Trained by a Two Time-Scale Update Rule" (2017: FID); S. Ravuri and O. Vinyals,
"Classification Accuracy Score" (2019).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from labkit import distances, metrics
from labkit.distances import NearestNeighbours
from labkit.shapes import Float, Int, PerSample, finite

LEAST = 10  # samples of either kind in a cell, below which its z-score says nothing


def nearest_neighbours(x: Float[Tensor, " b *rest"], others: Float[Tensor, " m *rest"]) -> NearestNeighbours:
    """The nearest of ``others`` to each sample, by Euclidean distance of their entries (pixels, or features).

    Raises:
        ValueError: if there are no others, or samples differ in shape.
    """
    return distances.nearest(x, others)


def _rows(x: Tensor, name: str) -> Tensor:
    """Samples as rows of numbers.

    Raises:
        ValueError: if there is no first dimension that counts them, or a value is not finite.
    """
    if x.ndim < 2:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; expected samples (n, …)")
    return finite(x, name=name).flatten(1)


def mann_whitney(a: PerSample, b: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """The z-score of U, the number of pairs with ``a`` above ``b`` (ties count half), under "no difference".

        z = (U − n m / 2) / √(n m (n + m + 1) / 12)

    Raises:
        ValueError: if one of the two is empty.
    """
    for part, name in ((a, "a"), (b, "b")):
        if part.ndim != 1:
            raise ValueError(f"{name} has shape {tuple(part.shape)}; expected one number a sample")
        finite(part, name=name)
    n, m = len(a), len(b)
    if n == 0 or m == 0:
        raise ValueError(f"there are {n} and {m} values; expected at least one of each")
    ordered = b.contiguous().sort().values
    below = torch.searchsorted(ordered, a.contiguous())
    up_to = torch.searchsorted(ordered, a.contiguous(), right=True)
    u = (below + up_to).double().sum() / 2
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def data_copying_test(
    generated: Float[Tensor, " n *rest"],
    training: Float[Tensor, " t *rest"],
    held_out: Float[Tensor, " m *rest"],
    *,
    cells: int = 3,
    seed: int = 0,
) -> float:
    """C_T: far below 0 where the samples are nearer to the training data than held-out real ones are.

    The space is cut into ``cells`` by k-means on the training data, so that copying one kind of sample is not hidden by
    another kind that is off. Cells with fewer than ten samples of either kind are left out. Copies exact or nearly so
    give about −√(3 n m / (n + m + 1)), the least there is.

    Samples that are merely too typical, smooth or in the middle of the data, come out below 0 as well. The control: C_T
    with as many real samples that no model was trained on, in place of ``training``. Copies are near 0 there; typical
    samples are as far below 0 as before.

    Args:
        generated: samples, as images or features.
        training: what the generator was trained on.
        held_out: real samples it was not trained on.
        cells: k of k-means.
        seed: of k-means.

    Raises:
        ValueError: if ``cells`` is not from 1 to the number of training samples, or no cell has enough samples.
    """
    if not 1 <= cells <= len(training):
        raise ValueError(f"cells is {cells}; expected 1 to {len(training)}, the number of training samples")
    for part, name in ((generated, "generated"), (training, "training"), (held_out, "held_out")):
        finite(part, name=name)
    q, p = nearest_neighbours(generated, training).distance, nearest_neighbours(held_out, training).distance
    own, others = (torch.zeros(len(v), dtype=torch.int64) for v in (q, p))
    if cells > 1:
        from sklearn.cluster import KMeans

        rooms = KMeans(cells, n_init=3, random_state=seed).fit(training.flatten(1).double().cpu().numpy())
        own, others = (
            torch.from_numpy(rooms.predict(v.flatten(1).double().cpu().numpy())).long() for v in (generated, held_out)
        )
    total, weight = 0.0, 0
    for cell in range(cells):
        mine, theirs = q.cpu()[own == cell], p.cpu()[others == cell]
        if min(len(mine), len(theirs)) >= LEAST:
            total += len(theirs) * float(mann_whitney(mine, theirs))
            weight += len(theirs)
    if weight == 0:
        raise ValueError(f"no cell has {LEAST} generated and {LEAST} held-out samples; expected more, or fewer cells")
    return total / weight


class PrecisionRecall(NamedTuple):
    """Shares from 0 to 1: of generated samples that look real, of real ones that are covered."""

    precision: float
    recall: float


def precision_recall(
    generated: Float[Tensor, " n *rest"], real: Float[Tensor, " m *rest"], *, k: int = 3
) -> PrecisionRecall:
    """Precision and recall of samples, by balls around each that reach to its ``k``-th nearest neighbour.

    Args:
        generated: samples, as features, or images where those are small.
        real: as many at best: balls grow as samples get rarer.
        k: 3 in the paper.

    Raises:
        ValueError: if there are not more than ``k`` samples of each.
    """
    a, b = _rows(generated, "generated"), _rows(real, "real")
    if not 1 <= k < min(len(a), len(b)):
        raise ValueError(f"k is {k} for {len(a)} generated and {len(b)} real samples; expected 1 or more, below both")

    def covered(points: Tensor, by: Tensor) -> float:
        # The nearest of all is the sample itself.
        reach = torch.cat([part.kthvalue(k + 1, dim=1).values for _, part in distances.blocks(by, by)])
        inside = [(part <= reach).any(dim=1) for _, part in distances.blocks(points, by)]
        return float(torch.cat(inside).double().mean())

    return PrecisionRecall(covered(a, b), covered(b, a))


def frechet(a: Float[Tensor, "n f"], b: Float[Tensor, "m f"]) -> float:
    """The squared Fréchet distance of two sets of features, each taken for a normal distribution.

    (Σ Σ')^½ has the trace of (Rᵀ Σ' R)^½ for any R with R Rᵀ = Σ, which is symmetric: no complex numbers, no iteration.

    Args:
        a: features (n, f), of generated samples, say.
        b: features (m, f). The distance is biased upwards for few samples: compare at equal numbers.

    Raises:
        ValueError: if one of the two has fewer than two samples.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features have shapes {tuple(a.shape)} and {tuple(b.shape)}; expected (n, f) and (m, f)")
    if min(len(a), len(b)) < 2:
        raise ValueError(f"there are {len(a)} and {len(b)} samples; a covariance needs two or more of each")
    a, b = (finite(part, name="a feature").double() for part in (a, b))
    first, second = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(a.shape[1], -1)
    root, failed = torch.linalg.cholesky_ex(first)
    if bool(failed):  # fewer samples than features, say
        values, vectors = torch.linalg.eigh(first)
        root = vectors * values.clamp_min(0).sqrt()
    cross = torch.linalg.eigvalsh(root.T @ second @ root).clamp_min(0).sqrt().sum()
    # Rounding may take it a little below zero.
    return max(0.0, float((a.mean(0) - b.mean(0)).square().sum() + first.trace() + second.trace() - 2 * cross))


def diversity(generated: Float[Tensor, " n *rest"], real: Float[Tensor, " m *rest"]) -> float:
    """Mean distance to the nearest other sample, of generated ones relative to as many real ones.

    About 1 where samples differ as real ones do, 0 where they are all the same, near 0 where they are many of a few:
    the statistic of the collapse alarm. It is below 1 for blurred samples too, and it can't see what is missing
    altogether.

    Raises:
        ValueError: if one of the two has fewer than two samples.
    """
    a, b = _rows(generated, "generated"), _rows(real, "real")
    n = min(len(a), len(b))
    if n < 2:
        raise ValueError(f"there are {len(a)} and {len(b)} samples; expected two or more of each")

    def apart(rows: Tensor) -> Tensor:
        least = []
        for some, between in distances.blocks(rows, rows):
            between[:, some].fill_diagonal_(math.inf)
            least.append(between.min(dim=1).values)
        return torch.cat(least).sqrt().mean()

    return float(apart(a[:n]) / apart(b[:n]))


def classification_accuracy_score(
    learn: Callable[[Tensor, Tensor], nn.Module],
    x: Float[Tensor, " n *rest"],
    y: Int[Tensor, " n"],
    test_x: Float[Tensor, " m *rest"],
    test_y: Int[Tensor, " m"],
) -> float:
    """CAS: the share of real test samples that a classifier gets right which has seen generated samples alone.

    Args:
        learn: trains a fresh classifier on samples and labels, and returns it.
        x, y: generated samples, with the labels they were asked for.
        test_x, test_y: real ones.

    Raises:
        ValueError: if there are no generated samples.
    """
    if len(x) == 0:
        raise ValueError("there are no generated samples to learn from; expected some")
    return metrics.accuracy(metrics.predict(learn(x, y), test_x), test_y)
