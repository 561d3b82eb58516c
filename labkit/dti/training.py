"""How the prototypes and their networks learn: one step, the revival of empty clusters, and a whole training.

A prototype that hardly any image chooses gets no gradient and would never move again. So it becomes a copy of the
prototype that most images choose, together with its networks and its optimiser's moments. A little noise lets the two
drift apart. A run may still end badly; so there are several, and the one with the lowest *loss* is kept, which needs no
label. All of this follows Monnier and others (2020). Two things are added. Clusters that are hardly *needed* move, too
(``swaps``). Large images are averaged down until the first transformation that bends shapes is switched on
(``cluster``'s ``coarse``).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from labkit import train
from labkit.dti.model import DTIKMeans
from labkit.dti.schedule import LATE, Curriculum, Schedule, default_starts, rigid_phase
from labkit.dti.swaps import Swaps
from labkit.shapes import Float, Images
from labkit.train import EpochCallback, History, Minibatches


def reassign(
    model: DTIKMeans,
    optimizer: torch.optim.Optimizer,
    share: Float[Tensor, " k"],
    *,
    least: float = 0.2,
    noise: float = 1e-4,
    generator: torch.Generator | None = None,
) -> list[int]:
    """Turn clusters with hardly any image into copies of the largest one, and return which ones they were.

    The copy has the prototype plus noise, the heads of the transformer, and the optimiser's state of both. The
    largest one gets noise, too. Changes the model and the optimiser.

    Args:
        model: k clusters.
        optimizer: the optimiser of its parameters; tensors of its state that are shaped like a parameter are copied.
        share: the share of the recent images that chose each prototype.
        least: a cluster with a share below ``least / k`` counts as empty.
        noise: the standard deviation of the noise on the copied prototypes (official value 1e-4).
        generator: draws the noise.
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
    """Turn clusters into copies of another one, with its optimiser's state, and add noise to all of them."""
    own = [*model.clusters(), *(p for head in model.transformer.heads for p in head.parameters())]
    with torch.no_grad():
        for parameter in own:
            for tensor in (parameter, *_like(optimizer.state.get(parameter, {}), parameter)):
                tensor[clusters] = tensor[of].clone()
        for i in [*clusters, of]:
            model.prototypes[i] += noise * _normal(model.prototypes[i], generator)


def _like(state: dict, parameter: Tensor) -> list[Tensor]:
    """The tensors of an optimiser's state that are shaped like the parameter: one number for each of its entries."""
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
    generator: torch.Generator | None = None,
) -> "DTIStep":
    """The step for ``train.fit``: reduce the loss; from time to time look for empty clusters.

    Args:
        model: changed in place.
        optimizer: the optimiser of its parameters.
        every: how many steps pass between two searches; 0 for no search.
        least, noise, generator: see ``reassign``.

    Returns:
        A step on batches ``(x, …)`` of images that reports ``loss`` and ``reassigned``, the mean number of clusters
        that a step turned into copies.
    """
    return DTIStep(model, optimizer, every, least, noise, generator)


class DTIStep:
    """The step of ``dti_step``, with what it remembers from batch to batch.

    Attributes:
        chosen: how many images chose each cluster since the last look.
        updates: how many updates are done, those of lost races included.
        copied: how many clusters the last step turned into copies.
        swaps: the races that decide whether a cluster moves.
        racing: whether the next steps belong to races; they don't at first.
    """

    def __init__(
        self,
        model: DTIKMeans,
        optimizer: torch.optim.Optimizer,
        every: int,
        least: float,
        noise: float,
        generator: torch.Generator | None,
    ) -> None:
        self.model, self.optimizer, self.every = model, optimizer, every
        self.least, self.noise, self.generator = least, noise, generator
        self.chosen = torch.zeros(model.k, device=model.prototypes.device)
        self.updates, self.copied, self.racing = 0, 0, False
        self.swaps = Swaps(model, optimizer, self.update, self.move, window=2 * every or 100)

    def __call__(self, batch: tuple[Tensor, ...]) -> dict[str, Tensor | float]:
        """One update, or one of a race."""
        self.model.train()
        self.copied = 0
        loss, _ = self.swaps(batch[0]) if self.racing else self.update(batch[0])
        return {"loss": loss, "reassigned": float(self.copied)}

    def update(self, x: Images) -> tuple[Tensor, Tensor]:
        """Reduce the loss of these images, look for empty clusters if it is time, and return the loss and the costs."""
        loss, costs = self.model.objective(x)
        train.descend(self.optimizer, loss)
        self.chosen.add_(torch.bincount(costs.argmin(1), minlength=self.model.k))
        self.updates += 1
        if self.every and self.updates % self.every == 0:
            share, knobs = self.chosen / self.chosen.sum(), {"least": self.least, "noise": self.noise}
            self.copied += len(reassign(self.model, self.optimizer, share, generator=self.generator, **knobs))
            self.chosen.zero_()
        return loss.detach(), costs

    def move(self, taken: int, to: int) -> None:
        """Turn a cluster into a copy of another one."""
        copy(self.model, self.optimizer, [taken], to, noise=self.noise, generator=self.generator)


def learn(
    model: DTIKMeans,
    x: Images,
    schedule: Schedule | None = None,
    *,
    generator: torch.Generator | None = None,
    on_epoch: EpochCallback | Sequence[EpochCallback] | None = None,
) -> History:
    """Train a model in place with Adam, the curriculum, reassignment and swaps.

    Prototypes may be smaller than the images. They grow to the images' size when the first transformation that bends
    shapes is switched on.

    Args:
        model: a ``DTIKMeans`` or ``DTIGMM``.
        x: the images.
        schedule: how long, how fast and in which order to train; the default one if None.
        generator: draws batches and noise; torch's global one if None.
        on_epoch: see ``train.fit``.
    """
    schedule = schedule or Schedule()
    order = generator if generator is not None else torch.default_generator
    batches = Minibatches(x, batch_size=min(schedule.batch_size, len(x)), generator=order)
    epochs = schedule.passes(len(x))
    training = Training(model, x.shape[-2:], schedule, epochs * len(batches), generator)
    history = train.fit(training, batches, epochs=epochs, on_epoch=on_epoch)
    refine(model, training.optimizer, x.shape[-2:])
    return history


class Training:
    """The step of ``learn``: it follows the schedule before each update.

    Attributes:
        updates: how many updates are done.
    """

    def __init__(
        self, model: DTIKMeans, size: torch.Size, schedule: Schedule, total: int, generator: torch.Generator | None
    ) -> None:
        names = [kind.name for kind in model.transformer.families]
        starts = default_starts(names) if schedule.starts is None else schedule.starts
        begin, end = rigid_phase(names, starts)
        self.model, self.size, self.total, self.optimizer = model, size, total, adam(model, schedule.lr)
        self.curriculum = Curriculum(model, self.optimizer, starts=starts, settle=max([LATE, *starts]))
        self.step = dti_step(model, self.optimizer, every=schedule.every, generator=generator)
        # A fifth of the phase first, so that the races are about clusters that know their transformations.
        first = int((begin + (end - begin) / 5) * total)
        window = self.step.swaps.window
        last = first + (int(end * total) - first) // window * window
        self.races = range(first, last if schedule.swaps else first)
        self.updates, self.bends = 0, end * total

    def __call__(self, batch: tuple[Tensor, ...]) -> dict[str, Tensor | float]:
        """One update."""
        self.curriculum(self.updates, self.total)
        if self.updates >= self.bends:
            refine(self.model, self.optimizer, self.size)
        self.step.racing = self.updates in self.races
        self.updates += 1
        return self.step(batch)


def adam(model: DTIKMeans, lr: float) -> torch.optim.Adam:
    """The optimiser of prototypes and networks; only the networks have weight decay."""
    networks = list(model.transformer.parameters())
    groups: list[dict[str, Any]] = [{"params": model.clusters()}]
    if networks:
        groups.append({"params": networks, "weight_decay": 1e-6})
    # One kernel for all the small tensors, where there is one.
    return torch.optim.Adam(groups, lr=lr, fused=model.prototypes.device.type in ("cpu", "cuda"))


def refine(model: DTIKMeans, optimizer: torch.optim.Optimizer, size: torch.Size) -> None:
    """Enlarge the prototypes to the images' size; the optimiser forgets what it held of them."""
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
