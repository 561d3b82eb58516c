"""How the prototypes and their networks are learnt: a step, a curriculum, clusters that come back, the best of runs.

Learning everything at once ends in bad minima: a network that may bend anything into anything needs no good prototype.
So transformations are switched on one after another, simple ones first. A prototype that hardly any image chooses
gets no gradient and would stay where it is for ever; it becomes a copy of the one that most choose, with its networks
and its optimiser's moments, plus a little noise that lets the two part. And since a run may still end badly, there are
several, and the one with the lowest *loss* is kept: no label is needed for that. All after Monnier and others (2020).
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import torch
from torch import Tensor

from labkit import train
from labkit.dti.model import DTIKMeans
from labkit.shapes import Float, Images
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
        train.descend(optimizer, loss)
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


def default_starts(kinds: int) -> tuple[float, ...]:
    """Prototypes alone for a fifth of the training, then the transformations one by one, the last after four fifths."""
    return tuple(0.2 + 0.6 * i / max(kinds - 1, 1) for i in range(kinds))


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
    groups: list[dict[str, Any]] = [{"params": model.clusters()}]
    if networks:
        groups.append({"params": networks, "weight_decay": 1e-6})
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
