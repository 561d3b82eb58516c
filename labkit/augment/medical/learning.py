"""Learning to segment: a supervised step, a mean teacher with a policy for each kind of data, labels by a rule.

    supervised      L = BCE(f(x̃), ỹ) + soft Dice(f(x̃), ỹ)                         (x̃, ỹ) = strong(x, y)
    mean teacher    L + w · mean over seen p of ( σ(f(g u))(p) − (g σ(f'(u)))(p) )²     f' ← β f' + (1 − β) f

u: unlabelled pictures, g: the light policy's map. A picture's class doesn't change when the picture is turned; a mask
does. So the teacher's *prediction* has to be turned as the student's view was: consistency is equivariance. Pixels that
come from beyond the edge have no teacher and are left out.

    labels by a rule    y = the largest connected piece of {x > t} ∩ organ, if it has at least k pixels

Sources: A. Tarvainen and H. Valpola, "Mean Teachers Are Better Role Models" (2017); L. Yu and others,
"Uncertainty-Aware Self-Ensembling Model" (2019), for segmentation; X. Li and others (2020), for the equivariance.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit import train
from labkit.augment.medical.regions import fitting
from labkit.augment.medical.spatial import AffineElastic, warp_prediction
from labkit.augment.transform import Transform
from labkit.masks import largest_component, soft_dice_loss
from labkit.nets import ema_update
from labkit.shapes import Float, Images, Masks, Scalar

Labelled = tuple[Tensor, Tensor]
"""Images (B, 1, H, W), and masks: bool (B, H, W), or (B, K, H, W) with the lesion first."""


def segmentation_loss(logits: Float[Tensor, "b 1 h w"], mask: Masks) -> Scalar:
    """Cross-entropy of the pixels plus the soft Dice loss.

    Raises:
        ValueError: if the shapes don't fit.

    >>> segmentation_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 2, 2, dtype=torch.bool))      # ln 2 + 1/6
    tensor(0.8598)
    """
    dice = soft_dice_loss(logits, mask)
    return functional.binary_cross_entropy_with_logits(logits[:, 0], mask.to(logits.dtype)) + dice


def lesion_layer(mask: Tensor) -> Masks:
    """The lesion of a mask with one layer or several."""
    return mask[:, 0] if mask.ndim == 4 else mask


def segmentation_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    policy: Transform | None = None,
    generator: Generator | None = None,
) -> Callable[[Labelled], dict[str, Tensor]]:
    """A step for ``train.fit``: augment picture and mask together, and descend.

    Args:
        model: from images to logits (B, 1, H, W).
        optimizer: of its weights.
        policy: a transform that takes masks; none by default.
        generator: where it draws from.

    Returns:
        A step on batches (x, mask), which reports ``loss``.
    """

    def step(batch: Labelled) -> dict[str, Tensor]:
        loss = segmentation_loss(*_augmented(model, batch, policy, generator))
        train.descend(optimizer, loss)
        return {"loss": loss.detach()}

    return step


def _augmented(
    model: nn.Module, batch: Labelled, policy: Transform | None, generator: Generator | None
) -> tuple[Tensor, Masks]:
    """The logits of the augmented pictures, and their lesions."""
    x, mask = batch
    if policy is not None:
        moved = policy(x, mask=mask, generator=generator)
        x, mask = moved.x, moved.mask
    return model(x), lesion_layer(mask)


def consistency_loss(
    logits: Float[Tensor, "b 1 h w"], teacher_logits: Float[Tensor, "b 1 h w"], *, grid: Float[Tensor, "b 2 h w"]
) -> Scalar:
    """The mean squared difference of probabilities between the student's view and the teacher's, moved as the view was.

    Args:
        logits: the student's, of the moved picture.
        teacher_logits: of the picture as it was. No gradient flows to them.
        grid: where each pixel of the view comes from: see ``warp_prediction``.

    Returns:
        The mean over the pixels that come from inside the picture; 0 if there are none.

    Raises:
        ValueError: if the shapes don't fit.

    >>> from labkit.augment.medical import affine_elastic_grid
    >>> same = affine_elastic_grid(torch.zeros(1, 1, 2, 2), matrix=torch.eye(3)[None])
    >>> consistency_loss(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 20.0), grid=same)
    tensor(0.2500)
    """
    if logits.shape != teacher_logits.shape:
        raise ValueError(
            f"both networks give the same shape; these are {tuple(logits.shape)} and {tuple(teacher_logits.shape)}"
        )
    target, seen = warp_prediction(teacher_logits.detach().sigmoid(), grid=grid)
    squared = (logits.sigmoid() - target).square()[:, 0] * seen
    return squared.sum() / seen.sum().clamp_min(1)


class MeanTeacherStep:
    """A step on batches ((x, mask), unlabelled): see the module's equation. The teacher follows after each step.

    Args:
        model: the student, from images to logits (B, 1, H, W).
        teacher: a copy of it, which no optimiser touches.
        optimizer: of the student's weights.
        labelled: the policy for labelled pictures; none by default.
        unlabelled: the geometry of the student's view of an unlabelled picture.
        values: a transform of values applied to that view as well, if any.
        weight: w.
        decay: β.
        warm_up: over so many steps w grows from 0 to its value.
        generator: where everything is drawn from.

    Returns:
        In a call: ``loss`` and ``consistency``.
    """

    def __init__(
        self,
        model: nn.Module,
        teacher: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        labelled: Transform | None = None,
        unlabelled: AffineElastic,
        values: Transform | None = None,
        weight: float = 1.0,
        decay: float = 0.95,
        warm_up: int = 1,
        generator: Generator | None = None,
    ) -> None:
        self.model, self.teacher, self.optimizer = model, teacher, optimizer
        self.labelled, self.unlabelled, self.values = labelled, unlabelled, values
        self.weight, self.decay, self.warm_up, self.generator = weight, decay, warm_up, generator
        self.steps = 0

    def __call__(self, batch: tuple[Labelled, Tensor]) -> dict[str, Any]:
        """One update of the student, and one of the teacher."""
        pair, u = batch
        self.steps += 1
        weight = self.weight * min(self.steps / self.warm_up, 1.0)
        supervised = segmentation_loss(*_augmented(self.model, pair, self.labelled, self.generator))
        params = self.unlabelled.make_params(u, generator=self.generator)
        view = self.unlabelled.apply(u, params)
        if self.values is not None:
            view = self.values(view, generator=self.generator)
        with torch.no_grad():
            theirs = self.teacher(u)
        consistency = consistency_loss(self.model(view), theirs, grid=self.unlabelled.grid(u, params))
        train.descend(self.optimizer, supervised + weight * consistency)
        ema_update(self.teacher, self.model, decay=self.decay)
        return {"loss": supervised.detach(), "consistency": consistency.detach()}


def label_by_rule(x: Images, organ: Masks, *, threshold: float, least: int = 4) -> Masks:
    """The deck's "labels by heuristics": the largest bright piece inside the organ, or nothing.

    Args:
        x: grey images (B, 1, H, W).
        organ: bool (B, H, W): where a lesion may be.
        threshold: pixels above it are bright.
        least: pieces of fewer pixels don't count.

    Raises:
        ValueError: if x is not grey, or the organ doesn't fit.

    >>> x, organ = torch.tensor([[[[0.9, 0.2, 0.9, 0.9]]]]), torch.ones(1, 1, 4, dtype=torch.bool)
    >>> label_by_rule(x, organ, threshold=0.5, least=2).int()
    tensor([[[0, 0, 1, 1]]], dtype=torch.int32)
    """
    where = fitting(organ, x, name="organ")
    if x.shape[1] != 1:
        raise ValueError(f"a threshold needs grey images (B, 1, H, W); these have {x.shape[1]} channels")
    return largest_component((x[:, 0] > threshold) & where, least=least)
