"""All of it in one call: a model, its training, several runs, and which of them to keep.

A run that ends badly has two prototypes for one sign and one prototype for two. Its loss is not always higher: what
bends well explains two signs with one prototype at little cost. But one of the two twins is not needed: the loss would
hardly grow without it. So the run is kept whose least needed cluster is needed most. A rare kind is needed little, too,
so this favours clusters of like size. The paper keeps the run with the lowest loss; the results page has both.
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
    """What ``cluster`` found.

    Attributes:
        assignments: the cluster of each image, (N,).
        prototypes: (k, C, H, W).
        loss: of all images at the end: the mean squared difference of pixels (of features); −log p(x) of the mixture.
        history: of training: ``loss`` and ``reassigned`` by epoch.
        model: for other images: ``model.predict``, ``model.aligned``, ``model.reconstruct``.
        utility: by what share of itself the loss would grow without the cluster that is needed least; near 0 where two
            clusters are twins. Of the mixture: by how many nats an image.
        losses: of all runs.
        utilities: of all runs.
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
    """What predicts transformations, and how finely they move.

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
        """What a model for images with this smaller side is made with: a new encoder, and all sizes."""
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
        transforms: what is to be ignored, in the order of the curriculum: ``colour``, ``affine``, ``projective``,
            ``morphology``, ``thin_plate``. By default ``COLOURED``, for grey images as well: what they differ in may
            be ink, paper or light. The paper has that for USPS, and for MNIST ``GREY``, which bears pens of any width
            instead; see the results. Empty: k-means by gradients.
        mixture: the Gaussian mixture instead of k-means.
        features: compare features instead of pixels (k-means alone).
        runs: trainings from new starts; one of them is returned. Five find a good one far more often than one does.
        keep: which: ``"utility"``, the one whose least needed cluster is needed most, or ``"loss"``, the one with the
            lowest loss, as in the paper. Neither looks at labels. Where some kinds are several times rarer than others,
            the loss is the better choice; elsewhere it was no better than a draw.
        coarse: how many times smaller the images are made until the first transformation that bends shapes comes in;
            by default 2 where their smaller side has 24 pixels or more, else 1. An ``Encoder`` sees them so all along.
        schedule: of the training, ``Schedule(steps=1500, batch_size=64)``; the default one if None.
        networks: that predict the transformations; the default ones if None.
        generator: of starts, weights and batches; torch's global one if None.
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
    """What a trained model makes of the images."""
    costs = torch.cat([model.costs(part) for part in x.split(500)])
    loss = float(model.loss(costs))
    utility = float(utility_and_error(costs)[0].min()) / len(x)
    if not isinstance(model, DTIGMM):
        utility /= max(loss, torch.finfo(costs.dtype).tiny)
    return Clusters(costs.argmin(1), model.prototypes.detach().clone(), loss, history, model, utility)


def _check(
    x: Tensor, k: int, runs: int, keep: str, coarse: int | None, mixture: bool, features: Features | None
) -> None:
    """Refuse what can't work, in a sentence."""
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
