"""Getting out of a bad minimum: a cluster that is hardly needed moves to where one is missing, if that pays.

    utility_j = Σ_{i in j} (second smallest − smallest distance of x_i),    error_j = Σ_{i in j} smallest

over the images i of cluster j. A run that ends badly has two prototypes for one sign and one prototype for two. None of
these clusters is small, so reassignment doesn't see them; but the loss would hardly rise without one of the twins (its
utility), and the overloaded one carries most of the loss (its error). That is how Fritzke's LBG-U moves the centres of
k-means (B. Fritzke, "The LBG-U Method for Vector Quantization", 1997). Here each move must win a race: the same batches
are learnt from the same model without it and with it, and what has the lower loss in the end goes on.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from labkit.dti.model import DTIKMeans
from labkit.shapes import Float

Update = Callable[[Tensor], tuple[Tensor, Tensor]]
"""One update with a batch: its loss and its costs."""

Copy = Callable[[int, int], object]
"""Turns one cluster into a copy of another: (from where it is taken, to where it goes)."""


def utility_and_error(costs: Float[Tensor, "b k"]) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
    """By how much the sum of the smallest costs would grow without each cluster, and what part of it is each one's."""
    two = costs.topk(min(2, costs.shape[1]), dim=1, largest=False)
    least, owner = two.values[:, 0], two.indices[:, 0]
    zero = costs.new_zeros(costs.shape[1])
    return zero.index_add(0, owner, two.values[:, -1] - least), zero.index_add(0, owner, least)


class Swaps:
    """Races between going on and going on with one cluster moved.

    Every ``window`` updates make a race; the second half of them counts. The cluster that is needed least is moved to
    the one with the largest error, after a defeat to the next one, and after ``tries`` defeats in a row the races end.

    Args:
        model: k clusters, changed in place.
        optimizer: of its parameters.
        update: one update.
        copy: moves a cluster.
        window: updates of a race.
        tries: defeats in a row that end it all.

    Attributes:
        won: moves that were kept, as (from, to).
    """

    def __init__(
        self,
        model: DTIKMeans,
        optimizer: torch.optim.Optimizer,
        update: Update,
        copy: Copy,
        *,
        window: int = 100,
        tries: int = 3,
    ) -> None:
        self.model, self.optimizer, self.update, self.copy = model, optimizer, update, copy
        self.window, self.tries = window, tries
        self.won: list[tuple[int, int]] = []
        self._defeats: list[int] = []
        self._batches: list[Tensor] = []
        self._records: list[tuple[Tensor, Tensor]] = []
        self._before: tuple[Tensor, Tensor] | None = None
        self._start: Any = None

    @property
    def over(self) -> bool:
        """Whether no move is tried any more."""
        return len(self._defeats) >= min(self.tries, self.model.k - 1)

    def __call__(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """One update; the last of a window decides a race."""
        if self.over:
            return self.update(batch)
        if not self._batches:
            self._start = self._state()
        self._batches.append(batch)
        self._records.append(self.update(batch))
        out = self._records[-1]
        if len(self._batches) == self.window:
            self._race()
        return out

    def _race(self) -> None:
        """Do the window again with a cluster moved, and keep what did better."""
        loss, utility, error = self._sums(self._records)
        if self._before is not None:
            # Whom to move was known at the start of the window.
            taken, to = self._candidate(*self._before)
            end = self._state()
            self._restore(self._start)
            self.copy(taken, to)
            moved, *others = self._sums([self.update(batch) for batch in self._batches])
            if moved < loss:
                utility, error = others
                self.won.append((taken, to))
                self._defeats = []
            else:
                self._restore(end)
                self._defeats.append(to)
        self._before, self._batches, self._records, self._start = (utility, error), [], [], None

    def _candidate(self, utility: Tensor, error: Tensor) -> tuple[int, int]:
        taken = int(utility.argmin())
        error = error.clone()
        error[[taken, *self._defeats]] = -1
        return taken, int(error.argmax())

    def _sums(self, records: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
        """The loss, the utilities and the errors over the second half of a window."""
        late = records[len(records) // 2 :]
        utility, error = utility_and_error(torch.cat([costs for _, costs in late]))
        return torch.stack([loss for loss, _ in late]).sum(), utility, error

    def _state(self) -> tuple[dict, dict]:
        return deepcopy(self.model.state_dict()), deepcopy(self.optimizer.state_dict())

    def _restore(self, state: tuple[dict, dict]) -> None:
        self.model.load_state_dict(state[0])
        # The optimiser keeps what it is given; the state may be needed again.
        self.optimizer.load_state_dict(deepcopy(state[1]))
