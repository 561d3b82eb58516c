"""The loop, in the letters of the course's deck::

    repeat
        model.fit(X, y)
        yu, c = model.predict(Xu)        c[i]: how sure the model is of yu[i]
        (Xh, yh): those of (Xu, yu) with the highest c
        move Xh from Xu to X, append yh to y

What "highest" means is up to ``select``: the q highest, all above a threshold, the q highest of each class. Sources:
H. Scudder, "Probability of Error of Some Adaptive Pattern-Recognition Machines" (1965); D. Yarowsky, "Unsupervised
Word Sense Disambiguation Rivaling Supervised Methods" (1995).
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit import metrics
from labkit.logits import two_logits
from labkit.shapes import Float, Int, Labels, PerSample, finite, labels

KINDS = ("max", "margin", "entropy")
LEANING, FEW = 0.05, 20
"""By how much pseudo-labels may come to lean to some classes before ``self_train`` warns; how few say nothing."""


@runtime_checkable
class Learner(Protocol):
    """The model that the loop trains: the deck's ``model``."""

    def fit(self, X: Tensor, y: Tensor) -> Any:
        """Learn from the examples (n, …) and their labels (n,) alone; forget what earlier calls learned."""

    def predict(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the classes (n,) of examples (n, …), and the confidence in each class (n,)."""


def confidence(probabilities: Float[Tensor, "b k"], *, kind: str = "max") -> tuple[Labels, PerSample]:
    """The likeliest class of each sample, and how sure the model is of it.

    Args:
        probabilities: of the classes, each row adding up to 1.
        kind: ``"max"``: the largest probability. ``"margin"``: its distance to the second largest, from 0 to 1.
            ``"entropy"``: the negative entropy in nats, from −log k to 0.

    Raises:
        ValueError: if there is no such kind, or fewer than two classes.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ValueError(
            f"probabilities have shape {tuple(probabilities.shape)}; expected (B, k), with two or more classes"
        )
    best, chosen = finite(probabilities, name="a probability").max(1)
    if kind == "margin":
        first, second = probabilities.topk(2, dim=1).values.unbind(1)
        best = first - second
    elif kind == "entropy":
        best = torch.special.xlogy(probabilities, probabilities).sum(1)
    return chosen, best


def select(
    c: PerSample,
    yu: Labels | None = None,
    *,
    q: int | None = None,
    threshold: float | None = None,
    per_class: bool = False,
) -> Int[Tensor, " m"]:
    """Which examples to move: indices into ``c``, the surest first; in a tie the earlier one comes first.

    Args:
        c: the confidence in each pseudo-label.
        yu: the pseudo-labels; needed with ``per_class``.
        q: the largest number of examples to move; all, if it is not given.
        threshold: move only examples whose confidence is above it.
        per_class: move ``q`` of each pseudo-class, so that easy classes can't crowd out the others.

    Raises:
        ValueError: if neither ``q`` nor ``threshold`` is given, ``q`` is below 1, ``per_class`` lacks ``q`` or
            ``yu``, or a confidence is nan.
    """
    if q is None and threshold is None:
        raise ValueError("neither q nor threshold is given; expected one of them, or everything would be moved at once")
    if q is not None and q < 1:
        raise ValueError(f"q is {q}; expected 1 or more examples a round")
    if per_class and (q is None or yu is None):
        raise ValueError("per_class takes the q surest of each class: it needs both q and yu")
    if bool(c.isnan().any()):
        raise ValueError("a confidence is nan; expected a number for every example")
    order = c.argsort(descending=True, stable=True)
    if threshold is not None:
        order = order[c[order] > threshold]
    if per_class and yu is not None and q is not None:
        order = order[rank_in_class(yu[order]) < q]
    elif q is not None:
        order = order[:q]
    return order


def rank_in_class(y: Labels) -> Int[Tensor, " b"]:
    """How many earlier entries have the same class: 0 for the first of its class."""
    if len(y) == 0:
        return torch.zeros_like(y)
    classes, own = y.unique(return_inverse=True)
    before = functional.one_hot(own, len(classes)).cumsum(0)
    return before.gather(1, own[:, None])[:, 0] - 1


@dataclass(frozen=True, eq=False)
class Round:
    """The examples that one round moved, the surest first: their indices in X_u, pseudo-labels and confidence."""

    moved: Int[Tensor, " m"]
    y: Labels
    c: PerSample


@dataclass(frozen=True, eq=False)
class Trace:
    """The record of a run of the loop.

    Attributes:
        X, y: the training set of the last fit: first the given examples, then the moved ones in the order of moving.
        rounds: the examples that each round moved.
        left: indices into X_u of the examples that were never moved, in their order.
        scores: the results of ``evaluate`` after each fit: one more than there are rounds.
        reason: why the loop ended, in words.
    """

    X: Tensor
    y: Labels
    rounds: list[Round]
    left: Int[Tensor, " m"]
    scores: list[float] = field(default_factory=list)
    reason: str = ""

    def pseudo_labels(self) -> Labels:
        """The pseudo-label of each example of X_u, −1 where there is none."""
        return self._scattered([r.y for r in self.rounds])

    def when(self) -> Labels:
        """The round that moved each example of X_u, counted from 1; −1 where none did."""
        return self._scattered([torch.full_like(r.moved, i) for i, r in enumerate(self.rounds, 1)])

    def _scattered(self, values: list[Tensor]) -> Tensor:
        moved = [r.moved for r in self.rounds]
        result = self.left.new_full((len(self.left) + sum(map(len, moved)),), -1)
        for index, value in zip(moved, values):
            result[index] = value.to(result.dtype)
        return result


def self_train(
    model: Learner,
    X: Float[Tensor, " n *rest"],
    y: Int[Tensor, " n"],
    Xu: Float[Tensor, " m *rest"],
    *,
    q: int | None = None,
    threshold: float | None = None,
    per_class: bool = False,
    rounds: int | None = None,
    evaluate: Callable[[], float] | None = None,
) -> Trace:
    """The deck's loop. It ends after ``rounds``, when X_u is empty, or when nothing is sure enough to be moved.

    The model is fitted once more at the end, so that it has learned from every moved example.

    Args:
        model: fits and predicts; it is trained in place.
        X: labelled examples.
        y: their labels.
        Xu: examples without labels.
        q, threshold, per_class: which examples to move, see ``select``.
        rounds: the largest number of rounds; by default the loop runs until nothing is left to move.
        evaluate: called after each fit, for example to measure the accuracy of ``model`` on held-back data.

    Warns:
        UserWarning: if the pseudo-labels came to lean towards some classes, see ``lean``. This is a sign of a loop that
            harms: it moved examples that it was sure of, mostly of a few classes, and became surer of these classes.

    Raises:
        ValueError: as ``select``; also if ``rounds`` is negative, there are no labelled examples, or a label is below
            0. scikit-learn marks examples without a label so: those belong in ``Xu``.
    """
    if rounds is not None and rounds < 0:
        raise ValueError(f"rounds is {rounds}; expected 0 or more")
    if len(y) == 0:
        raise ValueError("there are no labelled examples; expected at least one to begin with")
    y = labels(y, len(X))
    left = torch.arange(len(Xu), device=Xu.device)
    done: list[Round] = []
    scores: list[float] = []
    first: Labels | None = None
    while True:
        model.fit(X, y)
        if evaluate is not None:
            scores.append(float(evaluate()))
        if len(left) == 0 or len(done) == rounds:
            reason = "every example has been moved" if len(left) == 0 else f"all {rounds} rounds are done"
            break
        yu, c = model.predict(Xu[left])
        first = yu if first is None else first
        h = select(c, yu, q=q, threshold=threshold, per_class=per_class)
        if len(h) == 0:
            reason = f"the model is not sure enough of any of the {len(left)} examples that are left"
            break
        done.append(Round(left[h], yu[h], c[h]))
        X, y = torch.cat([X, Xu[left[h]]]), torch.cat([y, yu[h].to(y.dtype)])
        left = left[without(h, len(left))]
    given = len(y) - sum(len(r.y) for r in done)
    if first is not None:
        warn_if_one_sided(y[:given], first, y[given:])
    return Trace(X, y, done, left, scores, reason)


def lean(y: Int[Tensor, " n"], pseudo: Int[Tensor, " m"]) -> float:
    """How much the shares p_j of the classes differ between pseudo-labels and labels (q_j): ½ Σ_j |p_j − q_j|, 0 to 1.

    >>> lean(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]))
    0.0
    >>> lean(torch.tensor([0, 0, 1, 1]), torch.tensor([1, 1, 1]))
    0.5
    """
    classes, own = torch.cat([y, pseudo.to(y.dtype)]).unique(return_inverse=True)
    shares = [
        torch.bincount(part, minlength=len(classes)).double() / max(len(part), 1)
        for part in (own[: len(y)], own[len(y) :])
    ]
    return float((shares[0] - shares[1]).abs().sum() / 2)


def warn_if_one_sided(y: Int[Tensor, " n"], first: Int[Tensor, " m"], pseudo: Int[Tensor, " u"]) -> None:
    """Warn if the pseudo-labels lean towards some classes more than the first model's predictions on all of X_u did.

    Those predictions lean already if the classes are not equally frequent in X_u and in the labels; this does no harm.
    With few pseudo-labels chance adds to the lean. That part is allowed for: √(2/π) standard deviations of each share.
    """
    if len(pseudo) < FEW:
        return
    before, after = lean(y, first), lean(y, pseudo)
    shares = y.unique(return_counts=True)[1].double() / len(y)
    chance = float((2 / math.pi * shares * (1 - shares) / len(pseudo)).sqrt().sum() / 2)
    if after - before > LEANING + chance:
        warnings.warn(
            f"the pseudo-labels became one-sided: {after:.0%} of them would have to change for the classes to be as "
            f"frequent as among the labels, and {before:.0%} of what the first model said; the loop often harms then: "
            "compare with the model before it, or, where classes are equally frequent, take q of each (per_class=True)",
            UserWarning,
            stacklevel=3,
        )


def without(index: Int[Tensor, " m"], n: int) -> Tensor:
    """A mask (n,) that is false at ``index``."""
    mask = torch.ones(n, dtype=torch.bool, device=index.device)
    mask[index] = False
    return mask


class EstimatorLearner:
    """A classifier of scikit-learn as the loop's model: anything with ``fit``, ``predict_proba`` and ``classes_``.

    Args:
        estimator: the classifier; fitted in place. Its classes are whole numbers.
        kind: the kind of confidence, see ``confidence``.
    """

    def __init__(self, estimator: Any, *, kind: str = "max") -> None:
        self.estimator, self.kind = estimator, kind

    def fit(self, X: Tensor, y: Tensor) -> None:
        """Fit the estimator to X (n, …), flattened, and y (n,)."""
        self.estimator.fit(_table(X), y.cpu().numpy())

    def probabilities(self, X: Tensor) -> Float[Tensor, "b k"]:
        """The probabilities of the classes that ``fit`` has seen, in their order, on X's device."""
        return torch.from_numpy(np.asarray(self.estimator.predict_proba(_table(X)))).to(X.device)

    def predict(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Classes (n,) and confidences (n,)."""
        chosen, c = confidence(self.probabilities(X), kind=self.kind)
        return torch.as_tensor(self.estimator.classes_, device=X.device)[chosen], c


def _table(X: Tensor) -> Any:
    return X.flatten(1).detach().cpu().numpy()


class NetworkLearner:
    """A neural network as the loop's model: a fresh one for every fit.

    Args:
        train: makes a network that gives logits, trains it on (X, y) and returns it: ``train(X, y) -> nn.Module``.
        kind: the kind of confidence, see ``confidence``.
        temperature: the logits are divided by it before the softmax, see ``fit_temperature``.

    Attributes:
        module: the network of the last fit.
    """

    def __init__(
        self, train: Callable[[Tensor, Tensor], nn.Module], *, kind: str = "max", temperature: float = 1.0
    ) -> None:
        self.train, self.kind, self.temperature = train, kind, temperature
        self.module: nn.Module | None = None

    def fit(self, X: Tensor, y: Tensor) -> None:
        """Train a fresh network on X (n, …) and y (n,)."""
        self.module = self.train(X, y)

    def probabilities(self, X: Tensor) -> Float[Tensor, "b k"]:
        """The probabilities of all classes.

        Raises:
            ValueError: if nothing has been fitted yet.
        """
        if self.module is None:
            raise ValueError("the network has not been trained yet: call fit first")
        return functional.softmax(two_logits(metrics.predict(self.module, X)) / self.temperature, dim=1)

    def predict(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Classes (n,) and confidences (n,)."""
        return confidence(self.probabilities(X), kind=self.kind)
