"""How the prototypes and their networks are learnt: a step, a curriculum, clusters that come back, the best of runs.

Learning everything at once ends in bad minima: a network that may bend anything into anything needs no good prototype.
So transformations are switched on one after another, simple ones first. A prototype that hardly any image chooses
gets no gradient and would stay where it is for ever; it becomes a copy of the one that most choose, with its networks
and its optimiser's moments, plus a little noise that lets the two part. And since a run may still end badly, there are
several, and the one with the lowest *loss* is kept: no label is needed for that. All after Monnier and others (2020).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import torch
from torch import Tensor

from labkit import train
from labkit.dti.kmeans import plus_plus
from labkit.dti.model import DTIGMM, DTIKMeans, Features
from labkit.shapes import Float, Images, Labels, images
from labkit.train import History, Minibatches

Observer = Callable[[History], object]


def reassign(
    model: DTIKMeans,
    optimizer: torch.optim.Optimizer,
    share: Float[Tensor, "k"],
    *,
    least: float = 0.2,
    noise: float = 1e-4,
    generator: torch.Generator | None = None,
) -> list[int]:
    """Turn clusters with hardly any image into copies of the largest one; which ones they were.

    The copy has the prototype plus noise, the heads of the transformer, and the optimiser's state of both. The
    largest one gets noise, too. Changes the model and the optimiser.

    Args:
        model: k clusters.
        optimizer: of its parameters; tensors of its state that are shaped like a parameter are copied.
        share: of the images that chose each prototype lately.
        least: below ``least / k`` a cluster counts as empty.
        noise: standard deviation on the copied prototypes (official value 1e-4).
        generator: where the noise comes from.
    """
    small = (share < least / model.k).nonzero()[:, 0].tolist()
    largest = int(share.argmax())
    if not small or largest in small:
        return []
    own = [*model.clusters(), *(p for head in model.transformer.heads for p in head.parameters())]
    with torch.no_grad():
        for parameter in own:
            for tensor in (parameter, *_like(optimizer.state.get(parameter, {}), parameter)):
                tensor[small] = tensor[largest].clone()
        for i in [*small, largest]:
            model.prototypes[i] += noise * _normal(model.prototypes[i], generator)
    return small


def _like(state: dict, parameter: Tensor) -> list[Tensor]:
    """What the optimiser remembers of every entry of a parameter."""
    return [v for v in state.values() if isinstance(v, Tensor) and v.shape == parameter.shape]


def _normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    where = generator.device if generator is not None else like.device
    return torch.randn(like.shape, generator=generator, device=where, dtype=like.dtype).to(like.device)


def step(
    model: DTIKMeans,
    optimizer: torch.optim.Optimizer,
    *,
    every: int = 50,
    least: float = 0.2,
    noise: float = 1e-4,
    generator: torch.Generator | None = None,
) -> Callable[[tuple[Tensor, ...]], dict[str, Tensor | float]]:
    """The step for ``train.fit``: go down the loss; every so often look for empty clusters.

    Args:
        model: changed in place.
        optimizer: of its parameters.
        every: steps between two looks; 0 for none.
        least, noise, generator: see ``reassign``.

    Returns:
        A step on batches ``(x, …)`` of images that reports ``loss`` and ``reassigned``, the mean number of clusters
        that a step turned into copies.
    """
    chosen = torch.zeros(model.k, device=model.prototypes.device)
    steps = 0

    def update(batch: tuple[Tensor, ...]) -> dict[str, Tensor | float]:
        nonlocal steps
        model.train()
        costs = model.costs(batch[0])
        loss = model.loss(costs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        chosen.add_(torch.bincount(costs.argmin(1), minlength=model.k))
        steps += 1
        again: list[int] = []
        if every and steps % every == 0:
            share = chosen / chosen.sum()
            again = reassign(model, optimizer, share, least=least, noise=noise, generator=generator)
            chosen.zero_()
        return {"loss": loss.detach(), "reassigned": float(len(again))}

    return update


def curriculum(
    model: DTIKMeans,
    optimizer: torch.optim.Optimizer,
    *,
    starts: Sequence[float],
    drop: float = 0.93,
    gamma: float = 0.1,
) -> Callable[[int, int], None]:
    """What to do before step t of n: switch on transformation i from ``starts[i]·n`` on, lower the rate at ``drop·n``.

    Raises:
        ValueError: if there is not one start for each transformation, or they are not growing from 0 up to 1.
    """
    kinds = len(model.transformer.families)
    if len(starts) != kinds or list(starts) != sorted(starts) or any(not 0 <= s <= 1 for s in starts):
        raise ValueError(
            f"the starts are {tuple(starts)}; expected {kinds} growing shares of the training, from 0 to 1"
        )
    rates = [group["lr"] for group in optimizer.param_groups]

    def before(t: int, n: int) -> None:
        model.transformer.active = sum(t >= s * n for s in starts)
        for group, rate in zip(optimizer.param_groups, rates):
            group["lr"] = rate * (gamma if t >= drop * n else 1)

    return before


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


def default_starts(kinds: int) -> tuple[float, ...]:
    """Prototypes alone for a fifth of the training, then the transformations one by one, the last after four fifths."""
    return tuple(0.2 + 0.6 * i / max(kinds - 1, 1) for i in range(kinds))


def cluster(
    x: Images,
    k: int,
    *,
    transforms: Sequence[str] = ("affine", "thin_plate"),
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
    control: int = 4,
    every: int = 50,
    generator: torch.Generator | None = None,
    on_epoch: Observer | Sequence[Observer] | None = None,
) -> Clusters:
    """Cluster images whatever their pose: deep transformation-invariant k-means, or the Gaussian mixture.

    Args:
        x: the images, (N, C, H, W), in [0, 1].
        k: the number of clusters.
        transforms: what is to be ignored, in the order of the curriculum: ``colour``, ``affine``, ``projective``,
            ``morphology``, ``thin_plate``. Empty: k-means by gradients. For grey handwriting ("affine", "morphology",
            "thin_plate") is the paper's choice, for colour pictures ("colour", "affine", "thin_plate").
        mixture: the Gaussian mixture instead of k-means.
        runs: trainings from new starts; the one with the lowest loss is returned.
        steps: updates a run, where ``epochs`` is not given; rounded up to whole epochs.
        epochs: passes through the images.
        batch_size: images an update, at most.
        lr: Adam's step size.
        starts: when each transformation is switched on, as a share of the training; see ``default_starts``.
        encoder: makes a module images → (b, width) with an attribute ``width``; a single layer by default.
        hidden: width of the two hidden layers of each head.
        features: compare features instead of pixels (k-means alone).
        kernel: side of morphology's neighbourhood; a quarter of the image's smaller side, odd, from 3 to 7 by default.
        control: points along a side of thin_plate's grid.
        every: steps between two looks for empty clusters; 0 for none.
        generator: of starts, weights and batches; torch's global one if None.
        on_epoch: see ``train.fit``; called in every run.

    Raises:
        ValueError: if ``x`` is not images or not finite, ``k`` is not from 1 to N, or a knob is out of its range.
    """
    _check(images(x), k, runs, steps if epochs is None else epochs, batch_size, mixture, features)
    batches_a_pass = -(-len(x) // batch_size)
    passes = epochs if epochs is not None else -(-steps // batches_a_pass)
    side = min(x.shape[2:])
    knobs = {"kernel": kernel or min(7, max(3, side // 4 // 2 * 2 + 1)), "control": control, "hidden": hidden}
    found = []
    for _ in range(runs):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
            own = encoder() if encoder is not None else None
            first = plus_plus(x, k, generator=generator)
            if mixture:
                model: DTIKMeans = DTIGMM(first, transforms, encoder=own, **knobs)
            else:
                model = DTIKMeans(first, transforms, encoder=own, features=features, **knobs)
        model = model.to(x)
        history = learn(
            model, x, epochs=passes, batch_size=batch_size, lr=lr, starts=starts, every=every, generator=generator,
            on_epoch=on_epoch,
        )  # fmt: skip
        found.append(_found(model, x, history))
    best = min(found, key=lambda run: run.loss)
    best.losses.extend(run.loss for run in found)
    return best


def learn(
    model: DTIKMeans,
    x: Images,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 5e-3,
    starts: Sequence[float] | None = None,
    every: int = 50,
    generator: torch.Generator | None = None,
    on_epoch: Observer | Sequence[Observer] | None = None,
) -> History:
    """Train a model in place with Adam, the curriculum and reassignment. The knobs are those of ``cluster``."""
    networks = list(model.transformer.parameters())
    groups = (
        [{"params": model.clusters()}, {"params": networks, "weight_decay": 1e-6}] if networks else model.clusters()
    )
    optimizer = torch.optim.Adam(groups, lr=lr)
    order = generator if generator is not None else torch.default_generator
    batches = Minibatches(x, size=min(batch_size, len(x)), generator=order)
    update = step(model, optimizer, every=every, generator=generator)
    if starts is None:
        starts = default_starts(len(model.transformer.families))
    prepare = curriculum(model, optimizer, starts=starts)
    steps, total = count(), epochs * len(batches)

    def scheduled(batch: tuple[Tensor, ...]) -> dict[str, Tensor | float]:
        prepare(next(steps), total)
        return update(batch)

    return train.fit(scheduled, batches, epochs=epochs, on_epoch=on_epoch)


def _found(model: DTIKMeans, x: Images, history: History) -> Clusters:
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
