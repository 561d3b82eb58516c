"""All of it in one call: a model, its training, several runs, and the one with the lowest loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from labkit.dti.kmeans import kmeans_plus_plus
from labkit.dti.model import DTIGMM, DTIKMeans, pooled
from labkit.dti.training import learn
from labkit.nets import seeded_weights
from labkit.shapes import Features, Float, Images, Labels, images
from labkit.train import EpochCallback, History

GREY = ("affine", "morphology", "thin_plate")
COLOURED = ("colour", "affine", "thin_plate")
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
        losses: of all runs; the smallest is this one's.
    """

    assignments: Labels
    prototypes: Float[Tensor, "k c h w"]
    loss: float
    history: History
    model: DTIKMeans
    losses: list[float] = field(default_factory=list)


def cluster(
    x: Images,
    k: int,
    *,
    transforms: Sequence[str] | None = None,
    mixture: bool = False,
    runs: int = 1,
    steps: int = 3000,
    epochs: int | None = None,
    batch_size: int = 128,
    lr: float = 5e-3,
    starts: Sequence[float] | None = None,
    encoder: Callable[[], torch.nn.Module] | None = None,
    hidden: int = 32,
    features: Features | None = None,
    kernel: int | None = None,
    control: int | None = None,
    every: int = 50,
    swaps: bool = True,
    coarse: int | None = None,
    generator: torch.Generator | None = None,
    on_epoch: EpochCallback | Sequence[EpochCallback] | None = None,
) -> Clusters:
    """Cluster images whatever their pose: deep transformation-invariant k-means, or the Gaussian mixture.

    Args:
        x: the images, (N, C, H, W), in [0, 1].
        k: the number of clusters.
        transforms: what is to be ignored, in the order of the curriculum: ``colour``, ``affine``, ``projective``,
            ``morphology``, ``thin_plate``. By default the paper's choice: ``GREY`` for images with one channel,
            ``COLOURED`` for others. Empty: k-means by gradients.
        mixture: the Gaussian mixture instead of k-means.
        runs: trainings from new starts; the one with the lowest loss is returned.
        steps: updates a run, where ``epochs`` is not given; rounded up to whole epochs.
        epochs: passes through the images.
        batch_size: images an update, at most.
        lr: Adam's step size.
        starts: when each transformation is switched on, as a share of the training; see ``training.default_starts``.
        encoder: makes a module images → (b, width) with an attribute ``width``; a single layer by default.
        hidden: width of the two hidden layers of each head.
        features: compare features instead of pixels (k-means alone).
        kernel: side of morphology's neighbourhood; a fifth of the image's smaller side, odd, from 3 to 7 by default.
        control: points along a side of thin_plate's grid; by default 4, and 6 where the images' smaller side has
            24 pixels or more.
        every: steps between two looks for empty clusters; 0 for none.
        swaps: move clusters that are hardly needed, where that wins a race; see ``swaps``.
        coarse: how many times smaller the images are made until the first transformation that bends shapes comes in;
            by default 2 where their smaller side has 24 pixels or more, else 1. An ``Encoder`` sees them so all along.
        generator: of starts, weights and batches; torch's global one if None.
        on_epoch: see ``train.fit``; called in every run.

    Raises:
        ValueError: if ``x`` is not images or not finite, ``k`` is not from 1 to N, or a knob is out of its range.
    """
    _check(images(x), k, runs, steps if epochs is None else epochs, batch_size, mixture, features)
    if coarse is not None and coarse < 1:
        raise ValueError(f"coarse is {coarse}; expected a whole number from 1 on")
    if transforms is None:
        transforms = GREY if x.shape[1] == 1 else COLOURED
    batches_a_pass = -(-len(x) // batch_size)
    passes = epochs if epochs is not None else -(-steps // batches_a_pass)
    side = min(x.shape[2:])
    knobs = {
        "kernel": kernel or min(7, max(3, side // 5 // 2 * 2 + 1)),
        "control": (6 if side >= LARGE else 4) if control is None else control,
        "hidden": hidden,
    }
    if coarse is None:
        coarse = 2 if transforms and side >= LARGE else 1
    small = pooled(x, [max(1, n // coarse) for n in x.shape[2:]])
    results = []
    for _ in range(runs):
        with seeded_weights(generator):
            own = encoder() if encoder is not None else None
            first = kmeans_plus_plus(small, k, generator=generator)
            if mixture:
                model: DTIKMeans = DTIGMM(first, transforms, encoder=own, **knobs)
            else:
                model = DTIKMeans(first, transforms, encoder=own, features=features, **knobs)
        model = model.to(x)
        history = learn(
            model, x, epochs=passes, batch_size=batch_size, lr=lr, starts=starts, every=every, swaps=swaps,
            generator=generator, on_epoch=on_epoch,
        )  # fmt: skip
        results.append(_result(model, x, history))
    best = min(results, key=lambda run: run.loss)
    best.losses.extend(run.loss for run in results)
    return best


def _result(model: DTIKMeans, x: Images, history: History) -> Clusters:
    """What a trained model makes of the images."""
    assignments, costs = model.predict(x)
    with torch.no_grad():
        loss = float(_whole_loss(model, x, costs))
    return Clusters(assignments, model.prototypes.detach().clone(), loss, history, model)


def _whole_loss(model: DTIKMeans, x: Images, costs: Tensor) -> Tensor:
    """The loss of all images."""
    if not isinstance(model, DTIGMM):
        return costs.mean()
    parts = [model.loss(model.costs(part)) * len(part) for part in x.split(500)]
    return torch.stack(parts).sum() / len(x)


def _check(
    x: Tensor, k: int, runs: int, length: int, batch_size: int, mixture: bool, features: Features | None
) -> None:
    """Refuse what can't work, in a sentence."""
    if not 1 <= k <= len(x):
        raise ValueError(f"k is {k} for {len(x)} images; expected 1 to {len(x)} clusters")
    if runs < 1 or batch_size < 1 or length < 0:
        raise ValueError(f"runs is {runs}, batch_size {batch_size}, the length {length}; expected 1 or more, 1, and 0")
    if not bool(x.isfinite().all()):
        raise ValueError("an image holds nan or inf; expected numbers")
    if mixture and features is not None:
        raise ValueError("features are compared by k-means alone; the mixture models pixels")
