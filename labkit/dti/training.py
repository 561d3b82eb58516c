"""How the prototypes and their networks are learnt: a step, a curriculum, clusters that come back, the best of runs.

Learning everything at once ends in bad minima: a network that may bend anything into anything needs no good prototype.
So transformations are switched on one after another, simple ones first. A prototype that hardly any image chooses
gets no gradient and would stay where it is for ever; it becomes a copy of the one that most choose, with its networks
and its optimiser's moments, plus a little noise that lets the two part. And since a run may still end badly, there are
several, and the one with the lowest *loss* is kept: no label is needed for that. All after Monnier and others (2020).
Two things are added: clusters that are hardly *needed* move, too (``swaps``), and large images are averaged down
until the transformations that bend shapes come in (``cluster``'s ``coarse``).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from labkit import train
from labkit.dti.model import DTIKMeans
from labkit.dti.swaps import Swaps
from labkit.shapes import Float, Images
from labkit.train import EpochCallback, History, Minibatches, Step

BENDING = ("morphology", "thin_plate")
"""What can turn one shape into another, and so must come last."""

FIRST, LATE = 0.1, 0.65
"""When by default the first transformation is switched on, and when those that bend, as shares of the training."""


def reassign(
    model: DTIKMeans,
    optimizer: torch.optim.Optimizer,
    share: Float[Tensor, " k"],
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
    copy(model, optimizer, small, largest, noise=noise, generator=generator)
    return small


def copy(
    model: DTIKMeans,
    optimizer: torch.optim.Optimizer,
    clusters: list[int],
    of: int,
    *,
    noise: float = 1e-4,
    generator: torch.Generator | None = None,
) -> None:
    """Turn clusters into copies of another one, optimiser's state and all, and put noise on it and on them."""
    own = [*model.clusters(), *(p for head in model.transformer.heads for p in head.parameters())]
    with torch.no_grad():
        for parameter in own:
            for tensor in (parameter, *_like(optimizer.state.get(parameter, {}), parameter)):
                tensor[clusters] = tensor[of].clone()
        for i in [*clusters, of]:
            model.prototypes[i] += noise * _normal(model.prototypes[i], generator)


def _like(state: dict, parameter: Tensor) -> list[Tensor]:
    """What the optimiser remembers of every entry of a parameter."""
    return [v for v in state.values() if isinstance(v, Tensor) and v.shape == parameter.shape]


def _normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    where = generator.device if generator is not None else like.device
    return torch.randn(like.shape, generator=generator, device=where, dtype=like.dtype).to(like.device)


def dti_step(
    model: DTIKMeans,
    optimizer: torch.optim.Optimizer,
    *,
    every: int = 50,
    least: float = 0.2,
    noise: float = 1e-4,
    racing: Callable[[], bool] | None = None,
    generator: torch.Generator | None = None,
) -> Step[tuple[Tensor, ...]]:
    """The step for ``train.fit``: go down the loss; every so often look for empty clusters.

    Args:
        model: changed in place.
        optimizer: of its parameters.
        every: steps between two looks; 0 for none.
        least, noise, generator: see ``reassign``.
        racing: whether this step belongs to a race of ``Swaps``; never, if None.

    Returns:
        A step on batches ``(x, …)`` of images that reports ``loss`` and ``reassigned``, the mean number of clusters
        that a step turned into copies.
    """
    chosen = torch.zeros(model.k, device=model.prototypes.device)
    steps, again = 0, 0

    def down(x: Images) -> tuple[Tensor, Tensor]:
        nonlocal steps, again
        loss, costs = model.objective(x)
        train.descend(optimizer, loss)
        chosen.add_(torch.bincount(costs.argmin(1), minlength=model.k))
        steps += 1
        if every and steps % every == 0:
            share = chosen / chosen.sum()
            again += len(reassign(model, optimizer, share, least=least, noise=noise, generator=generator))
            chosen.zero_()
        return loss.detach(), costs

    def move(taken: int, to: int) -> None:
        copy(model, optimizer, [taken], to, noise=noise, generator=generator)

    swaps = Swaps(model, optimizer, down, move, window=2 * every or 100)

    def update(batch: tuple[Tensor, ...]) -> dict[str, Tensor | float]:
        nonlocal again
        model.train()
        again = 0
        loss, _ = swaps(batch[0]) if racing is not None and racing() else down(batch[0])
        return {"loss": loss, "reassigned": float(again)}

    return update


def curriculum(
    model: DTIKMeans,
    optimizer: torch.optim.Optimizer,
    *,
    starts: Sequence[float],
    settle: float = LATE,
    gamma: float = 0.01,
) -> Callable[[int, int], None]:
    """What to do before step t of n: switch on transformation i from ``starts[i]·n`` on, lower the rate at the end.

    From ``settle·n`` on the rate falls along half a cosine, to ``gamma`` times what it was.

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
        way = max(0.0, (t - settle * n) / max(n - settle * n, 1))
        for group, rate in zip(optimizer.param_groups, rates):
            group["lr"] = rate * (gamma + (1 - gamma) * (1 + math.cos(math.pi * way)) / 2)

    return before


def default_starts(names: Sequence[str]) -> tuple[float, ...]:
    """Prototypes alone for a tenth of the training; then what keeps shapes, one by one; what bends them, in the end."""
    early = sum(name not in BENDING for name in names)
    return tuple(FIRST + 0.1 * i if i < early else LATE for i in range(len(names)))


def rigid_phase(names: Sequence[str], starts: Sequence[float]) -> tuple[float, float]:
    """From when to when what keeps shapes is on and nothing that bends them, as shares of the training."""
    kept = [s for name, s in zip(names, starts) if name not in BENDING]
    end = min([s for name, s in zip(names, starts) if name in BENDING], default=max([LATE, *starts]))
    return max(kept, default=end), end


def learn(
    model: DTIKMeans,
    x: Images,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 5e-3,
    starts: Sequence[float] | None = None,
    every: int = 50,
    swaps: bool = True,
    generator: torch.Generator | None = None,
    on_epoch: EpochCallback | Sequence[EpochCallback] | None = None,
) -> History:
    """Train a model in place with Adam, the curriculum, reassignment and swaps. The knobs are those of ``cluster``.

    Prototypes smaller than the images get their size when the first transformation that bends shapes is switched on.
    """
    optimizer = _adam(model, lr)
    order = generator if generator is not None else torch.default_generator
    batches = Minibatches(x, batch_size=min(batch_size, len(x)), generator=order)
    names = [kind.name for kind in model.transformer.families]
    if starts is None:
        starts = default_starts(names)
    prepare = curriculum(model, optimizer, starts=starts, settle=max([LATE, *starts]))
    total, now = epochs * len(batches), -1
    begin, end = rigid_phase(names, starts)
    window = 2 * every or 100
    # A fifth of the phase first, so that the races are about clusters that know their transformations.
    first = int((begin + (end - begin) / 5) * total)
    last = first + (int(end * total) - first) // window * window
    update = dti_step(model, optimizer, every=every, racing=lambda: swaps and first <= now < last, generator=generator)

    def scheduled(batch: tuple[Tensor, ...]) -> dict[str, Tensor | float]:
        nonlocal now
        now += 1
        prepare(now, total)
        if now >= end * total:
            _refine(model, optimizer, x.shape[-2:])
        return update(batch)

    history = train.fit(scheduled, batches, epochs=epochs, on_epoch=on_epoch)
    _refine(model, optimizer, x.shape[-2:])
    return history


def _adam(model: DTIKMeans, lr: float) -> torch.optim.Adam:
    networks = list(model.transformer.parameters())
    groups: list[dict[str, Any]] = [{"params": model.clusters()}]
    if networks:
        groups.append({"params": networks, "weight_decay": 1e-6})
    # One kernel for all the small tensors, where there is one.
    return torch.optim.Adam(groups, lr=lr, fused=model.prototypes.device.type in ("cpu", "cuda"))


def _refine(model: DTIKMeans, optimizer: torch.optim.Optimizer, size: torch.Size) -> None:
    """Prototypes of the images' size; the optimiser begins anew with them."""
    if model.prototypes.shape[-2:] == size:
        return
    before = model.clusters()
    model.refine((size[0], size[1]))
    new = dict(zip(before, model.clusters()))
    for group in optimizer.param_groups:
        group["params"] = [new.get(p, p) for p in group["params"]]
    for old, now in new.items():
        if now is not old:
            optimizer.state.pop(old, None)
