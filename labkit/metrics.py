"""How good is it: numbers from tensors.

Classes are ``y`` (B,) of integers 0 … k-1, ``predicted`` likewise; ``logits`` and ``probabilities`` are (B, k);
``scores`` (B,) are higher for what is more likely positive. Numbers come back as floats. What scikit-learn and
scipy have is theirs; they are imported when first needed, since that takes a second.

    ECE = sum_m |B_m| / n * |acc(B_m) - conf(B_m)|            Guo et al., "On Calibration" (2017)
    clustering accuracy = max_pi mean_i [y_i = pi(c_i)]         over one-to-one maps pi, Kuhn (1955)
    TPR at FPR = max {TPR(t) : FPR(t) <= fpr}                 Carlini et al., "Membership Inference" (2022)
    mean ± s,   s^2 = sum (v_i - mean)^2 / (n - 1)            over seeds

How well masks agree (``dice``, ``hausdorff``, ``lesion_detection``, ``soft_dice_loss``) is written in ``labkit.masks``.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from labkit.logits import decide, two_logits
from labkit.masks import Detection as Detection
from labkit.masks import dice as dice
from labkit.masks import hausdorff as hausdorff
from labkit.masks import lesion_detection as lesion_detection
from labkit.masks import soft_dice_loss as soft_dice_loss
from labkit.nets import eval_mode
from labkit.shapes import Float, Int, Labels, PerSample, finite, labels

LARGEST = 10_000
"""Classes that ``confusion_matrix`` makes a table for without being told their number."""


def predict(model: nn.Module, x: Float[Tensor, " b *rest"], *, batch_size: int = 512) -> Tensor:
    """The model's outputs for all of ``x``, in evaluation mode, without gradients, ``batch_size`` at a time.

    Each part of the model is put back into the mode it was in.

    Raises:
        ValueError: if ``batch_size`` is below 1, ``x`` is empty, or its values are bytes from 0 to 255.
    """
    if batch_size < 1 or len(x) < 1:
        raise ValueError(f"there are {len(x)} samples in batches of {batch_size}; expected 1 or more of each")
    _not_bytes(x)
    with eval_mode(model), torch.no_grad():
        return torch.cat([model(part) for part in x.split(batch_size)])


def accuracy(predicted: Tensor, y: Labels) -> float:
    """The share of right answers, from classes (B,) or from logits or probabilities (B, k).

    One column (B, 1) holds the logits of a model with one output: above 0 for class 1.

    Raises:
        ValueError: if the labels are no classes (B,), one of them is not from 0 to k − 1, or a logit is nan.

    >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    0.5
    """
    chosen, y = _classes(predicted, y)
    return float((chosen == y).double().mean())


def confusion_matrix(predicted: Tensor, y: Labels, *, classes: int | None = None) -> Int[Tensor, "k k"]:
    """How often each class (row) was taken for each class (column), from classes (B,) or logits (B, k).

    Args:
        predicted: classes, or logits whose largest decides.
        y: the true classes.
        classes: their number k; one more than the largest that occurs if it is not given.

    Raises:
        ValueError: if a class is not from 0 to k - 1, or above 9,999 where ``classes`` is not given.
    """
    columns = 2 if predicted.ndim == 2 and predicted.shape[1] == 1 else predicted.shape[1] if predicted.ndim == 2 else 0
    chosen, y = _classes(predicted, y)
    largest, smallest = int(torch.maximum(chosen, y).max()), int(torch.minimum(chosen, y).min())
    k = classes if classes is not None else columns or largest + 1
    if classes is None and k > LARGEST:
        raise ValueError(f"the largest class is {largest}; expected classes numbered from 0 on, or say `classes`")
    if smallest < 0 or largest >= k:
        raise ValueError(f"the classes go from {smallest} to {largest}; expected 0 to {k - 1}")
    return torch.bincount(y.long() * k + chosen, minlength=k * k).reshape(k, k)


def sensitivity(predicted: Tensor, y: Labels, *, positive: int = 1) -> float:
    """Recall: the share of the samples of class ``positive`` that were recognised as such.

    From classes (B,) or logits (B, k); with more than two classes it is one against the rest.

    Raises:
        ValueError: if no sample is of that class.
    """
    chosen, y = _classes(predicted, y)
    return _share(chosen == positive, y == positive, f"is of class {positive}")


def specificity(predicted: Tensor, y: Labels, *, positive: int = 1) -> float:
    """The share of the samples of other classes that were not taken for class ``positive``.

    Raises:
        ValueError: if all samples are of that class.
    """
    chosen, y = _classes(predicted, y)
    return _share(chosen != positive, y != positive, f"is of another class than {positive}")


class Reliability(NamedTuple):
    """For each bin of confidence: the mean confidence, the accuracy, the share of samples. nan in an empty bin."""

    confidence: Float[Tensor, " m"]
    accuracy: Float[Tensor, " m"]
    share: Float[Tensor, " m"]


def reliability(probabilities: Float[Tensor, "b k"], y: Labels, *, bins: int = 15) -> Reliability:
    """The reliability curve: is a model right as often as it is sure? (Guo et al. 2017, figure 1)

    Args:
        probabilities: of the classes, each row adding up to 1.
        y: the true classes.
        bins: equally wide bins ``(m/bins, (m+1)/bins]`` of the largest probability.

    Raises:
        ValueError: if a row is not probabilities, there is none, a label is no class, or ``bins`` is below 1.
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}; expected 1 or more")
    if probabilities.ndim != 2 or len(probabilities) == 0:
        raise ValueError(f"probabilities have shape {tuple(probabilities.shape)}; expected (B, k), one sample or more")
    y = labels(y, len(probabilities), classes=probabilities.shape[1])
    p = finite(probabilities, name="a probability").double()
    if not bool((p >= 0).all()) or not torch.allclose(p.sum(1), torch.ones_like(p[:, 0]), atol=1e-3):
        raise ValueError("each row of probabilities adds up to 1 and has none below 0; pass logits through a softmax")
    confidence, chosen = p.max(1)
    # Right-closed bins, as in the paper: a confidence of exactly 1 belongs to the last one.
    bin_ = ((confidence * bins).ceil().long() - 1).clamp(0, bins - 1)
    count = torch.bincount(bin_, minlength=bins).double()
    right = torch.bincount(bin_, (chosen == y).double(), minlength=bins)
    return Reliability(torch.bincount(bin_, confidence, minlength=bins) / count, right / count, count / len(y))


def calibration_error(probabilities: Float[Tensor, "b k"], y: Labels, *, bins: int = 15) -> float:
    """The expected calibration error (ECE): the mean gap between confidence and accuracy, 0 at best.

    Raises:
        ValueError: as ``reliability``.
    """
    curve = reliability(probabilities, y, bins=bins)
    return float((curve.share * (curve.accuracy - curve.confidence).abs()).nansum())


def roc_auc(scores: PerSample, positive: Tensor) -> float:
    """The area under the ROC curve: how often a positive sample scores above a negative one; ties count half.

    Raises:
        ValueError: if all samples are positive, or none.
    """
    from sklearn.metrics import roc_auc_score

    flags = _both(positive, scores)
    return float(roc_auc_score(flags, _scores(scores)))


def tpr_at_fpr(scores: PerSample, positive: Tensor, *, fpr: float) -> float:
    """The largest true positive rate a threshold on ``scores`` reaches with a false positive rate up to ``fpr``.

    Raises:
        ValueError: if all samples are positive, or none, or ``fpr`` is not from 0 to 1.
    """
    from sklearn.metrics import roc_curve

    if not 0 <= fpr <= 1:
        raise ValueError(f"fpr is {fpr}; expected a rate from 0 to 1")
    flags = _both(positive, scores)
    false, true, _ = roc_curve(flags, _scores(scores), drop_intermediate=False)
    return float(true[false <= fpr].max())


def clustering_accuracy(clusters: Labels, y: Labels) -> float:
    """The accuracy of the best one-to-one naming of clusters by classes (the Hungarian method).

    There may be more clusters than classes or fewer; those left without a partner count as wrong. Clusters may have any
    whole numbers as their names.

    Raises:
        ValueError: if there is no sample, or not one cluster and one class for each.
    """
    from scipy.optimize import linear_sum_assignment

    clusters, y = _groupings(clusters, y)
    named = [group.unique(return_inverse=True) for group in (clusters, y)]
    rows, columns = (len(names) for names, _ in named)
    counts = torch.bincount(named[0][1] * columns + named[1][1], minlength=rows * columns).view(rows, columns)
    together = counts.cpu().numpy()
    rows, columns = linear_sum_assignment(together, maximize=True)
    return float(together[rows, columns].sum() / len(y))


def nmi(clusters: Labels, y: Labels) -> float:
    """Normalised mutual information of two groupings: 0 if independent, 1 if the same up to names."""
    from sklearn.metrics import normalized_mutual_info_score

    clusters, y = _groupings(clusters, y)
    return float(normalized_mutual_info_score(y.cpu().numpy(), clusters.cpu().numpy()))


def ari(clusters: Labels, y: Labels) -> float:
    """The adjusted Rand index of two groupings: 0 on average for random ones, 1 if the same up to names."""
    from sklearn.metrics import adjusted_rand_score

    clusters, y = _groupings(clusters, y)
    return float(adjusted_rand_score(y.cpu().numpy(), clusters.cpu().numpy()))


class Summary(NamedTuple):
    """Mean and sample standard deviation of n values; as text ``87.2 ± 1.3``. The deviation of one value is nan."""

    mean: float
    std: float
    n: int

    @property
    def digits(self) -> int | None:
        """Decimals that show two digits of the deviation, which say all there is to say; None without one."""
        return max(0, 1 - math.floor(math.log10(self.std))) if self.std > 0 else None

    def text(self, digits: int | None) -> str:
        """``mean ± std`` with so many decimals; with None four digits of the mean."""
        mean = f"{self.mean:.4g}" if digits is None else f"{self.mean:.{digits}f}"
        if math.isnan(self.std):
            return mean
        return f"{mean} ± 0" if digits is None else f"{mean} ± {self.std:.{digits}f}"

    def __str__(self) -> str:
        return self.text(self.digits)


def summary(values: Sequence[float] | Tensor, *, percent: bool = False) -> Summary:
    """Mean ± standard deviation over seeds.

    Args:
        values: one a seed.
        percent: multiply by 100 first.

    Raises:
        ValueError: if there is no value.
    """
    v = _vector(values) * (100 if percent else 1)
    return Summary(float(v.mean()), float(v.std(correction=1)) if len(v) > 1 else math.nan, len(v))


def confidence_interval(values: Sequence[float] | Tensor, *, level: float = 0.95) -> tuple[float, float]:
    """Where the mean over all seeds lies with probability ``level``: Student's t interval from a few seeds.

    Raises:
        ValueError: if there are fewer than two values, or ``level`` is not between 0 and 1.
    """
    from scipy.stats import t

    v = _vector(values)
    if len(v) < 2:
        raise ValueError(f"there is {len(v)} value; expected two or more, one says nothing about the spread")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a probability between 0 and 1, say 0.95")
    half = float(t.ppf((1 + level) / 2, len(v) - 1)) * float(v.std(correction=1)) / math.sqrt(len(v))
    return float(v.mean()) - half, float(v.mean()) + half


def _classes(predicted: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Predicted classes (B,) from themselves or from logits (B, k), and the true ones."""
    if len(y) == 0:
        raise ValueError("there are no samples; expected at least one")
    if predicted.ndim not in (1, 2) or predicted.shape[0] != y.shape[0]:
        raise ValueError(f"predicted has shape {tuple(predicted.shape)} for {len(y)} samples; expected (B,) or (B, k)")
    if predicted.ndim == 1:
        if predicted.is_floating_point():
            raise ValueError("predicted holds one float a sample; expected classes, or logits (B, k): threshold scores")
        return predicted.long(), labels(y, len(predicted))
    logits = two_logits(predicted if predicted.is_floating_point() else predicted.double())
    return decide(logits), labels(y, len(predicted), classes=logits.shape[1])


def _groupings(clusters: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Names of clusters and of classes, if there is one of each for every sample."""
    if clusters.ndim != 1 or clusters.is_floating_point() or len(clusters) == 0:
        raise ValueError(f"clusters are whole numbers (B,); these are {clusters.dtype} {tuple(clusters.shape)}")
    return clusters.long(), labels(y, len(clusters))


def _not_bytes(x: Tensor) -> None:
    """Refuse pictures of bytes: every network here takes values from 0 to 1.

    Raises:
        ValueError: saying what to do.
    """
    if x.dtype == torch.uint8:
        raise ValueError("x holds bytes from 0 to 255 (uint8); expected floats from 0 to 1: use x.float() / 255")


def _scores(scores: Tensor) -> np.ndarray:
    """Scores as an array of float64, none of them nan."""
    return finite(scores, name="a score").detach().cpu().double().numpy()


def _share(right: Tensor, among: Tensor, what: str) -> float:
    """How many of those samples ``among`` are ``right``."""
    if not bool(among.any()):
        raise ValueError(f"no sample {what}, so there is no share of them")
    return float(right[among].double().mean())


def _both(positive: Tensor, scores: Tensor) -> np.ndarray:
    """Which samples are positive, as an array, if there are both kinds, and a score for each."""
    if positive.shape != scores.shape or positive.ndim != 1:
        raise ValueError(
            f"scores have shape {tuple(scores.shape)}, positive {tuple(positive.shape)}; expected (B,) of both"
        )
    if not bool(((positive == 0) | (positive == 1)).all()):
        raise ValueError("positive holds other values than 0 and 1; expected True for a positive sample")
    flags = positive.bool()
    if bool(flags.all()) or not bool(flags.any()):
        raise ValueError(f"{int(flags.sum())} of {flags.numel()} samples are positive; expected both kinds")
    return flags.cpu().numpy()


def _vector(values: Sequence[float] | Tensor) -> Tensor:
    """Numbers as a tensor of float64."""
    v = torch.as_tensor(values, dtype=torch.float64).detach().cpu().reshape(-1)
    if len(v) == 0:
        raise ValueError("there are no values; expected one a seed")
    return v
