"""When each transformation is switched on, and how long and how fast a model is trained.

Learning everything at once ends in bad minima: a network that can bend anything into anything needs no good prototype.
So transformations are switched on one after another, simple ones first, as in Monnier and others (2020).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from labkit.dti.model import DTIKMeans

BENDING = ("morphology", "thin_plate")
"""What can turn one shape into another, and so must come last."""

FIRST, LATE = 0.1, 0.65
"""When by default the first transformation is switched on, and when those that bend, as shares of the training."""


@dataclass(frozen=True)
class Schedule:
    """How long, how fast and in which order a model is trained. The defaults suit some thousands of images.

    Attributes:
        steps: the number of updates, rounded up to whole epochs; ignored where ``epochs`` is given.
        epochs: the number of passes through the images.
        batch_size: the largest number of images in an update.
        lr: Adam's step size.
        starts: when each transformation is switched on, as a share of the training; see ``default_starts``.
        every: how many steps pass between two searches for empty clusters; 0 for no search.
        swaps: move clusters that are hardly needed, if the move wins a race; see ``swaps``.

    Raises:
        ValueError: if there is no image in a batch, or a length is negative.
    """

    steps: int = 3000
    epochs: int | None = None
    batch_size: int = 128
    lr: float = 5e-3
    starts: Sequence[float] | None = None
    every: int = 50
    swaps: bool = True

    def __post_init__(self) -> None:
        length = self.steps if self.epochs is None else self.epochs
        if self.batch_size < 1 or length < 0:
            raise ValueError(f"batch_size is {self.batch_size}, the length {length}; expected 1 or more, and 0 or more")

    def passes(self, images: int) -> int:
        """Epochs for so many images.

        >>> Schedule(steps=100, batch_size=20).passes(300)
        7
        """
        return self.epochs if self.epochs is not None else -(-self.steps // -(-images // self.batch_size))


class Curriculum:
    """Before update t of n, switch on the transformations that are due, and lower the learning rate near the end.

    Transformation i is on from update ``starts[i]·n``. From update ``settle·n`` the rate falls along half a cosine,
    down to ``gamma`` times its first value.

    Raises:
        ValueError: if there is not one start for each transformation, or the starts don't rise from 0 up to 1.
    """

    def __init__(
        self,
        model: DTIKMeans,
        optimizer: torch.optim.Optimizer,
        *,
        starts: Sequence[float],
        settle: float = LATE,
        gamma: float = 0.01,
    ) -> None:
        kinds = len(model.transformer.families)
        if len(starts) != kinds or list(starts) != sorted(starts) or any(not 0 <= s <= 1 for s in starts):
            raise ValueError(
                f"the starts are {tuple(starts)}; expected {kinds} growing shares of the training, from 0 to 1"
            )
        self.model, self.optimizer, self.starts, self.settle, self.gamma = model, optimizer, starts, settle, gamma
        self.rates = [group["lr"] for group in optimizer.param_groups]

    def __call__(self, t: int, n: int) -> None:
        """Make the model and the optimiser ready for update t of n."""
        self.model.transformer.active = sum(t >= s * n for s in self.starts)
        way = max(0.0, (t - self.settle * n) / max(n - self.settle * n, 1))
        factor = self.gamma + (1 - self.gamma) * (1 + math.cos(math.pi * way)) / 2
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * factor


def default_starts(names: Sequence[str]) -> tuple[float, ...]:
    """Prototypes alone come first, then transformations that keep shapes, one by one, then those that bend shapes."""
    early = sum(name not in BENDING for name in names)
    return tuple(FIRST + 0.1 * i if i < early else LATE for i in range(len(names)))


def rigid_phase(names: Sequence[str], starts: Sequence[float]) -> tuple[float, float]:
    """When all shape-keeping transformations are on, and none that bends: start and end, as shares of the training."""
    kept = [s for name, s in zip(names, starts) if name not in BENDING]
    end = min([s for name, s in zip(names, starts) if name in BENDING], default=max([LATE, *starts]))
    return max(kept, default=end), end
