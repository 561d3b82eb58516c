"""Leave a bad minimum: move a cluster that is hardly needed to where one is missing, if that lowers the loss.

    utility_j = Σ_{i in j} (second smallest − smallest distance of x_i),    error_j = Σ_{i in j} smallest

over the images i of cluster j. A bad run has two prototypes for one sign (twins), and one prototype for two others.
None of these clusters is small, so reassignment doesn't see them. But the loss would hardly rise without one of the
twins: its utility is small. And the overloaded prototype carries most of the loss: its error is large. Fritzke's LBG-U
moves the centres of k-means by these two numbers (B. Fritzke, "The LBG-U Method for Vector Quantization", 1997). Here
each move must win a race: the same model learns the same batches once without the move and once with it. The one
with the lower loss at the end is kept.
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
    """Each cluster's utility (how much the sum of smallest costs would grow without it) and error (its part of it)."""
    two = costs.topk(min(2, costs.shape[1]), dim=1, largest=False)
    least, owner = two.values[:, 0], two.indices[:, 0]
    zero = costs.new_zeros(costs.shape[1])
    return zero.index_add(0, owner, two.values[:, -1] - least), zero.index_add(0, owner, least)


class Swaps:
    """Races between the model as it is and the same model with one cluster moved.

    Every ``window`` updates make a race; the second half of them counts. The least needed cluster moves to the cluster
    with the largest error; after a defeat, to the one with the next largest. After ``tries`` defeats in a row there are
    no more races.

    Args:
        model: k clusters, changed in place.
        optimizer: the optimiser of its parameters.
        update: does one update.
        copy: moves a cluster.
        window: the number of updates in a race.
        tries: the number of defeats in a row that ends the races.

    Attributes:
        won: the moves that were kept, as (from, to).
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
        """Do one update; the last update of a window also decides a race."""
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
        """Repeat the window with a cluster moved, and keep the better of the two models."""
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
