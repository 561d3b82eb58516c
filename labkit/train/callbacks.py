"""Callbacks: what watches training without taking part."""

import copy
import math
from collections.abc import Callable
from typing import Any

from torch import nn

from labkit.train.history import Best, History, Mode, sign

EpochCallback = Callable[[History], Any]
"""Called with the history after each epoch; the value ``True`` ends training."""


class Callback:
    """Something that watches training without taking part; pass it to ``fit`` as ``on_epoch``.

    A plain function of the history will do where only the epochs matter. Subclass this to hear of the start
    and the end too.
    """

    def start(self, history: History) -> None:
        """Called before the first epoch; the history is empty but for ``planned``."""

    def __call__(self, history: History) -> bool | None:
        """Called after each epoch. The value ``True`` ends training."""

    def finish(self, history: History) -> None:
        """Called once at the end, however training ended: also after Ctrl-C or an error."""


class EarlyStopping(Callback):
    """Ends training when ``monitor`` has not improved for ``patience`` epochs; the model keeps its best weights.

    The best weights are loaded back at the end however training ended: stopped, finished, or interrupted.

    Args:
        model: whose weights (and buffers) to keep; several models in an ``nn.ModuleList``.
        monitor: the name of the quantity to watch.
        patience: how many epochs without improvement to bear.
        mode: ``"min"`` for losses, ``"max"`` for accuracies.
        min_delta: what counts as an improvement is one by more than this.

    Attributes:
        best: the epoch, counted from 1, and the value whose weights are kept; None before the first epoch.

    Raises:
        ValueError: if ``patience`` is below 1 or there is no such mode; while training, if nothing is called
            ``monitor``.
    """

    def __init__(
        self, model: nn.Module, monitor: str, *, patience: int, mode: Mode = "min", min_delta: float = 0.0
    ) -> None:
        if patience < 1:
            raise ValueError(f"patience is {patience}; expected 1 epoch or more")
        self.model, self.monitor, self.patience, self.min_delta = model, monitor, patience, min_delta
        self._sign = sign(mode)
        self.best: Best | None = None
        self._weights: dict[str, Any] | None = None

    def start(self, history: History) -> None:
        """Forget an earlier training."""
        self.best = self._weights = None

    def __call__(self, history: History) -> bool:
        """Keep the weights if they are the best so far; ``True`` when patience is at an end."""
        if self.monitor not in history:
            raise ValueError(f"early stopping watches {self.monitor!r}, but the history has {', '.join(history)}")
        value = history.last[self.monitor]
        # nan compares as false: it is never an improvement.
        if self._sign * value < (math.inf if self.best is None else self._sign * self.best.value - self.min_delta):
            self._weights = copy.deepcopy(self.model.state_dict())
            self.best = Best(history.epoch, value)
        return history.epoch - (0 if self.best is None else self.best.epoch) >= self.patience

    def finish(self, history: History) -> None:
        """Load the best weights back."""
        if self._weights is not None:
            self.model.load_state_dict(self._weights)
            self._weights = None


class Progress(Callback):
    """A progress bar over the epochs with the last scalars beside it.

    It is a widget in a notebook, text in a terminal, and nothing in a log file.

    Args:
        total: the number of epochs; those asked of ``fit`` if it is not given.
        label: what stands before the bar.
    """

    def __init__(self, total: int | None = None, *, label: str = "") -> None:
        self.total, self.label = total, label
        self._bar: Any = None

    def start(self, history: History) -> None:
        """Show an empty bar."""
        from tqdm.auto import tqdm

        notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
        total = history.planned if self.total is None else self.total
        # With None tqdm is silent unless it writes to a terminal, for which it does not take a notebook.
        self._bar = tqdm(total=total, desc=self.label, unit="epoch", disable=False if notebook else None)

    def __call__(self, history: History) -> None:
        """Move on by one epoch."""
        self._bar.set_postfix({name: f"{value:.3g}" for name, value in history.last.items()}, refresh=False)
        self._bar.update(1)

    def finish(self, history: History) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
