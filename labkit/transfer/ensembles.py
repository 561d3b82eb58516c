"""Learners of the source, re-weighted for the target: mixed by few target samples, or boosted.

    mixture     p(y|x) = Σ_m a_m p_m(y|x),   a ≥ 0, Σ a = 1,   max Σ_t log p(y_t|x_t)  over few target samples
    TrAdaBoost  ε_t = Σ_T w_i [h_t(x_i) ≠ y_i] / Σ_T w_i,   β_t = ε_t / (1 − ε_t),   β = 1 / (1 + √(2 ln n_S / N))
                wrong samples of the target grow:      w_i ← w_i β_t^{−[h_t(x_i) ≠ y_i]}
                wrong samples of the source shrink:    w_i ← w_i β^{[h_t(x_i) ≠ y_i]}
                answer 1 where Π_{t ≥ N/2} β_t^{−h_t(x)} ≥ Π_{t ≥ N/2} β_t^{−½}

The first is the deck's "multiple source learner models, optimally combining the re-weighted learners similar to
ensemble learners". W. Dai, Q. Yang, G.-R. Xue and Y. Yu, "Boosting for Transfer Learning", 2007.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.shapes import Float, Int, Labels
from labkit.transfer import inputs
from labkit.transfer.learners import stump
from labkit.transfer.matching import mixture_shares

Decide = Callable[[Tensor], Tensor]
"""From features (m, d) to classes (m,), 0 or 1."""
Learn = Callable[[Tensor, Tensor, Tensor], Decide]
"""From features, classes and weights to a decision."""


def ensemble_weights(probabilities: Float[Tensor, "m n k"], y: Labels) -> Float[Tensor, " m"]:
    """The weight of each of m learners, from n labelled samples of the target; the weights add up to 1.

    Args:
        probabilities: what each learner gives each class of each sample.
        y: the true classes (n,).

    Raises:
        ValueError: if a learner's probabilities don't add up to 1, or there is not one class for each sample.

    >>> good, bad = torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.tensor([[0.5, 0.5], [0.5, 0.5]])
    >>> ensemble_weights(torch.stack([good, bad]), torch.tensor([0, 1])).round(decimals=2)
    tensor([1., 0.])
    """
    if probabilities.ndim != 3 or not torch.allclose(probabilities.sum(2), probabilities.new_ones(()), atol=1e-3):
        raise ValueError("probabilities have shape (m, n, k) and add up to 1 over k; pass logits through a softmax")
    inputs.classes(y, probabilities[0], k=probabilities.shape[2])
    right = probabilities.gather(2, y.long().expand(len(probabilities), -1)[:, :, None])[:, :, 0].T
    return mixture_shares(right.clamp_min(1e-6), tolerance=1e-8)


def mix(probabilities: Float[Tensor, "m n k"], weights: Float[Tensor, " m"]) -> Float[Tensor, "n k"]:
    """The ensemble's probabilities, Σ_m a_m p_m.

    >>> mix(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), torch.tensor([0.75, 0.25]))
    tensor([[0.7500, 0.2500]])
    """
    return torch.einsum("m,mnk->nk", weights, probabilities)


@dataclass(frozen=True, eq=False)
class TrAdaBoost:
    """A boosted decision.

    Attributes:
        learners: h_t of every round.
        betas: β_t of every round.
        source_weights: (rounds + 1, n_S), how the source's weights went, each row with the target's adding up to 1.
        errors: ε_t, the weighted errors on the target.
    """

    learners: Sequence[Decide]
    betas: Sequence[float]
    source_weights: Tensor
    errors: Sequence[float]

    def scores(self, x: Float[Tensor, "m d"]) -> Float[Tensor, " m"]:
        """Above 0 for class 1, (m,): Σ (h_t(x) − ½) ln 1/β_t over the second half of the rounds."""
        first = len(self.learners) // 2
        votes = zip(self.learners[first:], self.betas[first:])
        return torch.stack([(learner(x).to(x) - 0.5) * -math.log(beta) for learner, beta in votes]).sum(0)

    def __call__(self, x: Float[Tensor, "m d"]) -> Labels:
        """Classes (m,), 0 or 1."""
        return (self.scores(x) >= 0).long()


def weak_learner(x: Tensor, y: Tensor, weights: Tensor) -> Decide:
    """The best stump."""
    return stump(x, y, weights=weights)


def tradaboost(
    source: Float[Tensor, "n d"],
    y_source: Int[Tensor, " n"],
    target: Float[Tensor, "m d"],
    y_target: Int[Tensor, " m"],
    *,
    rounds: int = 50,
    learn: Learn = weak_learner,
) -> TrAdaBoost:
    """Boost on much labelled source and little labelled target; source samples that keep being wrong lose their weight.

    Args:
        source, y_source: the source's samples and their classes, 0 or 1.
        target, y_target: the target's.
        rounds: N. A learner that is wrong on half of the weighted target samples has nearly no say.
        learn: how to learn from weighted samples; by default a stump.

    Raises:
        ValueError: if the domains have other columns, or a class is not 0 or 1.

    >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    >>> boosted = tradaboost(x, torch.tensor([1, 1, 0, 0]), x, torch.tensor([0, 0, 1, 1]), rounds=6)
    >>> boosted(x).tolist()
    [0, 0, 1, 1]
    """
    inputs.domains(source, target)
    inputs.classes(y_source, source, k=2, name="y_source")
    inputs.classes(y_target, target, k=2, name="y_target")
    if rounds < 2:
        raise ValueError(f"there are {rounds} rounds; expected 2 or more, of which the second half votes")
    n, m = len(source), len(target)
    x, y = torch.cat([source, target.to(source)]), torch.cat([y_source, y_target]).long()
    w = x.new_full((n + m,), 1 / (n + m))
    beta_source = 1 / (1 + math.sqrt(2 * math.log(n) / rounds))
    learners: list[Decide] = []
    betas: list[float] = []
    errors: list[float] = []
    history = [w[:n]]
    for _ in range(rounds):
        h = learn(x, y, w)
        wrong = (h(x) != y).to(w)
        error = float((w * wrong)[n:].sum() / w[n:].sum())
        # A learner that is never or too often wrong would have an infinite, or a negative, say. The rounds go on, since
        # the source's weights still have to learn.
        error = min(max(error, 1e-6), 0.499)
        beta = error / (1 - error)
        w = w * torch.cat([beta_source ** wrong[:n], beta ** -wrong[n:]])
        w = w / w.sum()
        learners.append(h)
        betas.append(beta)
        errors.append(error)
        history.append(w[:n])
    return TrAdaBoost(learners, betas, torch.stack(history), errors)
