"""One call does everything: it makes a model, trains it in several runs, and keeps one of the runs.

A bad run has two prototypes for one sign (twins), and one prototype for two other signs. Its loss is not always higher:
a prototype that bends well explains two signs at little cost. But one of the twins is not needed: the loss would hardly
grow without it. So ``cluster`` finds the least needed cluster of each run, and keeps the run where that cluster is
needed most. A rare kind is also needed little, so this rule favours clusters of similar size. The paper keeps the run
with the lowest loss; the results page compares both rules.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from labkit.dti.kmeans import kmeans_plus_plus
from labkit.dti.model import DTIGMM, DTIKMeans, pooled
from labkit.dti.schedule import Schedule
from labkit.dti.swaps import utility_and_error
from labkit.dti.training import learn
from labkit.nets import seeded_weights
from labkit.shapes import Features, Float, Images, Labels, pixels
from labkit.train import EpochCallback, History

GREY = ("affine", "morphology", "thin_plate")
"""The paper's choice for MNIST."""
COLOURED = ("colour", "affine", "thin_plate")
"""The paper's choice for USPS, photographs and coloured digits, and the default."""
LARGE = 24
"""Pixels from which on images are halved at first, and bent at more points."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """The result of ``cluster``.

    Attributes:
        assignments: the cluster of each image, (N,).
        prototypes: (k, C, H, W).
        loss: the mean over all images at the end. For k-means it is the squared difference of pixels (or of features);
            for the mixture it is −log p(x).
        history: ``loss`` and ``reassigned`` of each epoch of training.
        model: the trained model. Use it on other images: ``model.predict``, ``model.aligned``, ``model.reconstruct``.
        utility: how much the loss would grow without the least needed cluster. For k-means it is a share of the loss;
            for the mixture it is in nats an image. It is near 0 where two clusters are twins.
        losses: the loss of each run.
        utilities: the utility of each run.
    """

    assignments: Labels
    prototypes: Float[Tensor, "k c h w"]
    loss: float
    history: History
    model: DTIKMeans
    utility: float = 0.0
    losses: list[float] = field(default_factory=list)
    utilities: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Networks:
    """The networks that predict transformations, and how fine the transformations are.

    Attributes:
        encoder: makes a module images → (b, width) with an attribute ``width``; a single layer by default.
        hidden: width of the two hidden layers of each head.
        kernel: side of morphology's neighbourhood; a fifth of the image's smaller side, odd, from 3 to 7 by default.
        control: points along a side of thin_plate's grid; by default 4, and 6 where the images' smaller side has
            24 pixels or more.
    """

    encoder: Callable[[], torch.nn.Module] | None = None
    hidden: int = 32
    kernel: int | None = None
    control: int | None = None

    def knobs(self, side: int) -> dict[str, Any]:
        """The arguments of a model for images with this smaller side: a new encoder, and all sizes."""
        return {
            "encoder": self.encoder() if self.encoder is not None else None,
            "hidden": self.hidden,
            "kernel": self.kernel or min(7, max(3, side // 5 // 2 * 2 + 1)),
            "control": (6 if side >= LARGE else 4) if self.control is None else self.control,
        }


def cluster(
    x: Images,
    k: int,
    *,
    transforms: Sequence[str] | None = None,
    mixture: bool = False,
    features: Features | None = None,
    runs: int = 1,
    keep: str = "utility",
    coarse: int | None = None,
    schedule: Schedule | None = None,
    networks: Networks | None = None,
    generator: torch.Generator | None = None,
    on_epoch: EpochCallback | Sequence[EpochCallback] | None = None,
) -> Clusters:
    """Cluster images whatever their pose: deep transformation-invariant k-means, or the Gaussian mixture.

    Args:
        x: the images, (N, C, H, W), in [0, 1].
        k: the number of clusters.
        transforms: the transformations to ignore, in the order of the curriculum: ``colour``, ``affine``,
            ``projective``, ``morphology``, ``thin_plate``. The default is ``COLOURED``, for grey images as well: they
            may differ in ink, paper or light. The paper uses that for USPS. For MNIST it uses ``GREY``, which ignores
            the width of the pen instead; see the results. An empty sequence gives k-means by gradients.
        mixture: use the Gaussian mixture instead of k-means.
        features: compare features instead of pixels (k-means only).
        runs: how many trainings, each from a new start; one of them is returned. Five runs find a good one far more
            often than one run does.
        keep: which run to return. ``"utility"``: compare the least needed cluster of each run, and keep the run where
            it is needed most. ``"loss"``: keep the run with the lowest loss, as in the paper. Neither looks at labels.
            Where some kinds are several times rarer than others, the loss is the better choice; elsewhere it was no
            better than a draw.
        coarse: how many times smaller the images are until the first transformation that bends shapes is switched on.
            The default is 2 where their smaller side has 24 pixels or more, else 1. An ``Encoder`` sees the smaller
            images throughout.
        schedule: how the training runs, such as ``Schedule(steps=1500, batch_size=64)``; the default one if None.
        networks: the networks that predict the transformations; the default ones if None.
        generator: draws starts, weights and batches; torch's global one if None.
        on_epoch: see ``train.fit``; called in every run.

    Raises:
        ValueError: if ``x`` is not finite images in [0, 1], ``k`` is not from 1 to N, or a knob is out of its range.
    """
    _check(x, k, runs, keep, coarse, mixture, features)
    if transforms is None:
        transforms = COLOURED
    side = min(x.shape[2:])
    if coarse is None:
        coarse = 2 if transforms and side >= LARGE else 1
    small = pooled(x, [max(1, n // coarse) for n in x.shape[2:]])
    results = []
    for _ in range(runs):
        with seeded_weights(generator):
            knobs = (networks or Networks()).knobs(side)
            first = kmeans_plus_plus(small, k, generator=generator)
            if mixture:
                model: DTIKMeans = DTIGMM(first, transforms, **knobs)
            else:
                model = DTIKMeans(first, transforms, features=features, **knobs)
        model = model.to(x)
        results.append(_result(model, x, learn(model, x, schedule, generator=generator, on_epoch=on_epoch)))
    best = max(results, key=lambda run: (run.utility if keep == "utility" else 0.0, -run.loss))
    best.losses.extend(run.loss for run in results)
    best.utilities.extend(run.utility for run in results)
    return best


@torch.no_grad()
def _result(model: DTIKMeans, x: Images, history: History) -> Clusters:
    """The clusters that a trained model finds in the images."""
    costs = torch.cat([model.costs(part) for part in x.split(500)])
    loss = float(model.loss(costs))
    utility = float(utility_and_error(costs)[0].min()) / len(x)
    if not isinstance(model, DTIGMM):
        utility /= max(loss, torch.finfo(costs.dtype).tiny)
    return Clusters(costs.argmin(1), model.prototypes.detach().clone(), loss, history, model, utility)


def _check(
    x: Tensor, k: int, runs: int, keep: str, coarse: int | None, mixture: bool, features: Features | None
) -> None:
    """Refuse arguments that cannot work, in one sentence."""
    pixels(x)
    if not 1 <= k <= len(x):
        raise ValueError(f"k is {k} for {len(x)} images; expected 1 to {len(x)} clusters")
    if runs < 1:
        raise ValueError(f"runs is {runs}; expected 1 or more")
    if keep not in ("utility", "loss"):
        raise ValueError(f"keep is {keep!r}; expected 'utility' or 'loss'")
    if coarse is not None and coarse < 1:
        raise ValueError(f"coarse is {coarse}; expected a whole number from 1 on")
    if mixture and features is not None:
        raise ValueError("features are compared by k-means alone; the mixture models pixels")
