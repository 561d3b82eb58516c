"""Steps for ``train.fit``: one update from a labelled and an unlabelled batch together.

Each function returns a step for ``fit``. Policies are functions of a batch of images, such as
``lambda x: policy(x, generator=g)``. The networks are trained in place.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from labkit.logits import cross_entropy, decide
from labkit.metrics import predict
from labkit.nets import ema_update
from labkit.selftrain.consistency import consistency_loss, fixmatch_loss, pseudo_label_loss
from labkit.shapes import Float, Int, Labels, Logits
from labkit.train import Augment, Step, descend, identity
from labkit.train.shares import ClassShares


class SemiSupervisedBatch(NamedTuple):
    """Labelled samples with their labels, and unlabelled samples."""

    x: Float[Tensor, " b *rest"]
    y: Labels
    xu: Float[Tensor, " m *rest"]


class SemiSupervisedBatches:
    """One epoch goes through X_u once, in a new order; the labelled samples are repeated as often as needed.

    Args:
        X: labelled samples.
        y: their labels.
        Xu: samples without labels.
        batch_size: the number of labelled samples in a batch, B; all of them where there are fewer.
        ratio: the number of unlabelled samples for each labelled one, FixMatch's μ.
        generator: draws the orders.

    Raises:
        ValueError: if ``batch_size`` or ``ratio`` is below 1, or there are not enough unlabelled samples for one batch.
    """

    def __init__(
        self,
        X: Float[Tensor, " n *rest"],
        y: Int[Tensor, " n"],
        Xu: Float[Tensor, " m *rest"],
        *,
        batch_size: int,
        ratio: int = 1,
        generator: torch.Generator,
    ) -> None:
        if batch_size < 1 or ratio < 1:
            raise ValueError(f"batch_size is {batch_size} and ratio {ratio}; expected 1 or more of each")
        if not 1 <= batch_size * ratio <= len(Xu) or len(y) == 0:
            raise ValueError(
                f"a batch needs {batch_size * ratio} unlabelled samples and a labelled one; "
                f"there are {len(Xu)} and {len(y)}"
            )
        self.X, self.y, self.Xu = X, y, Xu
        self.batch_size, self.ratio, self.generator = batch_size, ratio, generator

    def __len__(self) -> int:
        return len(self.Xu) // (self.batch_size * self.ratio)

    def __iter__(self) -> Iterator[SemiSupervisedBatch]:
        batch_size = min(self.batch_size, len(self.y))
        unlabelled = self._order(len(self.Xu)).split(self.batch_size * self.ratio)
        rounds = -(-len(self) // (len(self.y) // batch_size))
        labelled = [
            part
            for _ in range(rounds)
            for part in self._order(len(self.y)).split(batch_size)
            if len(part) == batch_size
        ]
        for i, u in zip(labelled, unlabelled[: len(self)]):
            yield SemiSupervisedBatch(self.X[i], self.y[i], self.Xu[u])

    def _order(self, n: int) -> Tensor:
        return torch.randperm(n, generator=self.generator, device=self.generator.device).to(self.X.device)


def pseudo_label(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    alpha: Callable[[int], float],
    augment: Augment = identity,
    eval_mode: bool = False,
) -> Step[SemiSupervisedBatch]:
    """Lee's step: cross-entropy to the labels, plus α(t) times cross-entropy to the model's own pseudo-labels.

    With few labels let α grow slowly. A weight of 1 from the start made convolutional networks call nearly everything
    one class: 39 % of digits were right with 5 labels a class. Labels alone gave 86 %, and a ramp gave 91 %.

    Args:
        model: gives logits; its dropout is part of the method.
        optimizer: the optimiser of the model's parameters.
        alpha: the weight after t updates, for example ``lambda t: linear_ramp(t, T1=100, T2=600)``.
        augment: applied to both batches.
        eval_mode: make the pseudo-labels in an extra pass in evaluation mode, by the whole network. Otherwise they come
            from the same pass that learns them, dropout included: this saves a pass, and more of them are wrong.

    Warns:
        UserWarning: once, if the shares of the classes differ between pseudo-labels and labels, while the model is
            right about the labels.
    """
    return PseudoLabelStep(model, optimizer, alpha, augment, eval_mode)


@dataclass(eq=False)
class PseudoLabelStep:
    """The step of ``pseudo_label``; ``updates`` counts the updates that are done."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    alpha: Callable[[int], float]
    augment: Augment
    eval_mode: bool
    updates: int = 0
    watch: "LeanWatch" = field(default_factory=lambda: LeanWatch())

    def __call__(self, batch: SemiSupervisedBatch) -> dict[str, Tensor | float]:
        """One update, which reports ``loss`` and ``alpha``."""
        model, weight = self.model, self.alpha(self.updates)
        self.updates += 1
        model.train()
        if weight == 0:
            loss = cross_entropy(model(self.augment(batch.x)), batch.y)
        else:
            # One pass for both: batch normalisation then sees the same mixture throughout.
            both = self.augment(torch.cat([batch.x, batch.xu]))
            own, free = model(both).split([len(batch.x), len(batch.xu)])
            opinion = predict(model, both[len(batch.x) :], batch_size=len(batch.xu)) if self.eval_mode else free
            loss = cross_entropy(own, batch.y) + weight * pseudo_label_loss(free, opinion)
            self.watch(own.detach(), batch.y, opinion.detach())
        descend(self.optimizer, loss)
        return {"loss": loss.detach(), "alpha": weight}


class LeanWatch:
    """Warns once if the shares of the classes differ between the pseudo-labels and the labels.

    The shares are moving averages. They are compared every ``LOOKS`` updates, but only while the model is right about
    the labels: before that its pseudo-labels say nothing.

    Attributes:
        lean: ½ Σ |share among pseudo-labels − share among labels|, at the last look; 0 before the first.
    """

    MEMORY, LOOKS, GOOD, LIMIT = 0.9, 20, 0.8, 0.35

    def __init__(self) -> None:
        self.calls, self.lean, self.warned = 0, 0.0, False
        self.shares = ClassShares(memory=self.MEMORY)

    def __call__(self, logits: Logits, y: Labels, opinion: Float[Tensor, "m k"]) -> None:
        """Look at a batch: the labelled samples' logits and labels, and the logits that give pseudo-labels."""
        self.calls += 1
        if self.warned:
            return
        self.shares.add(decide(logits) == y, y, decide(opinion), classes=max(2, logits.shape[1]))
        if self.calls % self.LOOKS == 0:
            look = self.shares.look()
            self.lean = look.apart
            if look.right > self.GOOD and look.apart > self.LIMIT:
                self._warn()

    def _warn(self) -> None:
        self.warned = True
        warnings.warn(
            f"the pseudo-labels are one-sided: {self.lean:.0%} of them would have to change for the classes to be as "
            "frequent as among the labels; unless that is so, the network is learning its own mistakes: let alpha grow "
            "slowly (linear_ramp), and compare with supervised training",
            UserWarning,
            stacklevel=4,
        )


def fixmatch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    labelled: Augment,
    weak: Augment,
    strong: Augment,
    tau: float = 0.95,
    lambda_: float = 1.0,
    teacher: nn.Module | None = None,
    decay: float = 0.99,
) -> Step[SemiSupervisedBatch]:
    """FixMatch's step, with one policy for labelled and two for unlabelled samples.

    The pseudo-label comes from the ``weak`` view of a sample, and is learned on its ``strong`` view. It is FixMatch if
    ``labelled`` and ``weak`` are weak policies and ``strong`` is a strong one.

    Args:
        model: gives logits.
        optimizer: the optimiser of the model's parameters.
        labelled: the policy of labelled samples.
        weak: the policy of unlabelled samples for the view that gives the pseudo-label.
        strong: the policy of unlabelled samples for the view that is trained.
        tau: the least probability of a pseudo-label.
        lambda_: λ of the unlabelled loss.
        teacher: a copy of the model. Its weights are a moving average of the model's. Use it after training: FixMatch's
            own results are those of such an average.
        decay: γ of that average.
    """

    def step(batch: SemiSupervisedBatch) -> dict[str, Tensor | float]:
        model.train()
        with torch.no_grad():
            weak_logits = model(weak(batch.xu))
        logits = model(torch.cat([labelled(batch.x), strong(batch.xu)]))
        labelled_logits, strong_logits = logits.split([len(batch.x), len(batch.xu)])
        unlabelled = fixmatch_loss(weak_logits, strong_logits, tau=tau)
        loss = cross_entropy(labelled_logits, batch.y) + lambda_ * unlabelled.loss
        descend(optimizer, loss)
        if teacher is not None:
            ema_update(teacher, model, decay=decay)
        return {"loss": loss.detach(), "used": unlabelled.used}

    return step


def mean_teacher(
    model: nn.Module,
    teacher: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    augment: Augment,
    weight: Callable[[int], float],
    decay: float = 0.99,
) -> Step[SemiSupervisedBatch]:
    """Mean teacher's step: the model should predict on one view what its average over time predicts on another view.

    Args:
        model: the student.
        teacher: a copy of it; only ``ema_update`` changes it.
        optimizer: the optimiser of the student's parameters.
        augment: draws a new view in every call.
        weight: of the consistency loss after t updates.
        decay: γ. Early updates use 1 − 1/(t + 1) while that is smaller, so that the teacher forgets the random start.
    """
    return MeanTeacherStep(model, teacher, optimizer, augment, weight, decay)


@dataclass(eq=False)
class MeanTeacherStep:
    """The step of ``mean_teacher``; ``updates`` counts the updates that are done."""

    model: nn.Module
    teacher: nn.Module
    optimizer: torch.optim.Optimizer
    augment: Augment
    weight: Callable[[int], float]
    decay: float
    updates: int = 0

    def __call__(self, batch: SemiSupervisedBatch) -> dict[str, Tensor | float]:
        """One update of student and teacher, which reports ``loss`` and ``consistency``."""
        t = self.updates
        self.updates += 1
        self.model.train()
        self.teacher.train()
        everything = torch.cat([batch.x, batch.xu])
        student = self.model(self.augment(everything))
        with torch.no_grad():
            target = self.teacher(self.augment(everything))
        consistency = consistency_loss(student, target)
        loss = cross_entropy(student[: len(batch.x)], batch.y) + self.weight(t) * consistency
        descend(self.optimizer, loss)
        ema_update(self.teacher, self.model, decay=min(self.decay, 1 - 1 / (t + 1)))
        return {"loss": loss.detach(), "consistency": consistency.detach()}
