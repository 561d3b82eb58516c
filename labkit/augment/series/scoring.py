"""How well anomalies are found, and how well the time to failure is guessed.

Masks are (B, T), True where something is, or is said to be, wrong. Four counts, from the most to the least honest:

*plain*: precision, recall and F1 of steps.

*range*: of runs. The recall of a true run is half for touching it and half the share of it that is covered; the
precision of a predicted run is the share of it that is true; both are means over runs (N. Tatbul and others, 2018,
arXiv 1803.03639, with α = ½, a flat bias and cardinality 1).

*peak inside*: one anomaly a series; is the highest score within it, or within a few steps? (R. Wu and E. Keogh, 2021,
arXiv 2009.13807.)

*point-adjusted*: if one step of a true run is found, all its steps count as found. It flatters: of a long run a random
score finds one step nearly always (S. Kim and others, 2022, arXiv 2109.05257). It stands here to be compared with.

Remaining life: with d = predicted − true, the score of A. Saxena and others (2008) sums ``e^{−d/13} − 1`` for d < 0 and
``e^{d/10} − 1`` otherwise: to expect a failure too late costs more than too early.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from labkit.shapes import Bool, Float, PerSample, Scalar

Mask = Bool[Tensor, "b t"]


class Found(NamedTuple):
    """Precision, recall, and their harmonic mean."""

    precision: float
    recall: float
    f1: float


def detection(predicted: Mask, truth: Mask) -> Found:
    """Precision, recall and F1 of single steps; 0 where nothing is predicted or nothing is true.

    Raises:
        ValueError: if both aren't bool masks (B, T) of one shape.

    >>> detection(torch.tensor([[True, True, False]]), torch.tensor([[True, False, False]]))
    Found(precision=0.5, recall=1.0, f1=0.6666666666666666)
    """
    _alike(predicted, truth)
    hits = float((predicted & truth).sum())
    return _found(hits / max(float(predicted.sum()), 1.0), hits / max(float(truth.sum()), 1.0))


def range_detection(predicted: Mask, truth: Mask) -> Found:
    """Precision, recall and F1 of runs of steps, see above.

    Raises:
        ValueError: if both aren't bool masks (B, T) of one shape.

    >>> truth = torch.tensor([[False, True, True, True, True, False]])
    >>> range_detection(torch.tensor([[False, True, False, False, False, False]]), truth)
    Found(precision=1.0, recall=0.625, f1=0.7692307692307693)
    """
    _alike(predicted, truth)
    covered, true_runs = _share_of_runs(truth, predicted)
    right, predicted_runs = _share_of_runs(predicted, truth)
    recall = float((0.5 * (covered > 0) + 0.5 * covered).sum()) / max(true_runs, 1)
    return _found(float(right.sum()) / max(predicted_runs, 1), recall)


def point_adjust(predicted: Mask, truth: Mask) -> Mask:
    """The prediction, with every true run that it touches filled. Never report this score alone: luck is enough for it.

    Raises:
        ValueError: if both aren't bool masks (B, T) of one shape.

    >>> truth = torch.tensor([[False, True, True, True, False, True]])
    >>> point_adjust(torch.tensor([[True, False, True, False, False, False]]), truth)
    tensor([[ True,  True,  True,  True, False, False]])
    """
    _alike(predicted, truth)
    run = _runs(truth)
    touched = torch.zeros(int(run.max()) + 1 if run.numel() else 1, dtype=torch.bool, device=truth.device)
    touched[run[predicted & truth]] = True
    return predicted | (touched[run] & truth)


def peak_inside(score: Float[Tensor, "b t"], truth: Mask, *, tolerance: int = 0) -> Bool[Tensor, " b"]:
    """Whether the highest score of each series is in its true run, or at most ``tolerance`` steps from it: (B,).

    Raises:
        ValueError: if the shapes differ or the tolerance is negative.

    >>> peak_inside(torch.tensor([[0.0, 1.0, 9.0]]), torch.tensor([[False, True, False]]), tolerance=1)
    tensor([True])
    """
    _alike(truth, truth)
    if score.shape != truth.shape or tolerance < 0:
        raise ValueError(f"scores of shape {tuple(score.shape)}, masks {tuple(truth.shape)}, tolerance {tolerance}")
    near = torch.nn.functional.max_pool1d(truth.float()[:, None], 2 * tolerance + 1, 1, tolerance)[:, 0] > 0
    return near.gather(1, score.argmax(1, keepdim=True))[:, 0]


def remaining_life_score(predicted: PerSample, true: PerSample) -> Scalar:
    """The mean of the asymmetric score over samples: 0 is perfect, too late is worse than too early.

    (Saxena and others give the sum, which grows with the number of samples.)

    Raises:
        ValueError: if the shapes differ or there is no sample.

    >>> remaining_life_score(torch.tensor([110.0]), torch.tensor([100.0]))
    tensor(1.7183)
    """
    if predicted.shape != true.shape or not predicted.numel():
        raise ValueError(
            f"lives of shapes {tuple(predicted.shape)} and {tuple(true.shape)}; expected as many, not none"
        )
    d = predicted - true
    return torch.where(d < 0, torch.expm1(-d / 13), torch.expm1(d / 10)).mean()


def _alike(predicted: Tensor, truth: Tensor) -> None:
    if predicted.shape != truth.shape or predicted.ndim != 2 or {predicted.dtype, truth.dtype} != {torch.bool}:
        raise ValueError(
            f"masks are bool (B, T), both alike; these are {predicted.dtype} {tuple(predicted.shape)} "
            f"and {truth.dtype} {tuple(truth.shape)}"
        )


def _found(precision: float, recall: float) -> Found:
    return Found(precision, recall, 2 * precision * recall / max(precision + recall, 1e-12))


def _runs(mask: Tensor) -> Tensor:
    """Each step's run by number, from 1 on through the batch; steps outside have the number of the run before."""
    first = mask.clone()
    first[:, 1:] &= ~mask[:, :-1]
    return first.flatten().cumsum(0).view(mask.shape)


def _share_of_runs(mask: Tensor, other: Tensor) -> tuple[Tensor, int]:
    """For each run of ``mask`` the share of its steps where ``other`` is true, and how many runs there are."""
    run = _runs(mask)[mask] - 1
    count = int(run.max()) + 1 if run.numel() else 0
    size = torch.zeros(count, dtype=torch.float64, device=mask.device)
    both = size.clone()
    size.index_add_(0, run, torch.ones_like(run, dtype=torch.float64))
    both.index_add_(0, run, other[mask].double())
    return both / size, count
