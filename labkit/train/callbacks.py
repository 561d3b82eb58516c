"""Callbacks: what watches training without taking part."""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from labkit.train.history import Best, History, Mode, sign

EpochCallback = Callable[[History], Any]
"""Called with the history after each epoch (or step); the value ``True`` ends training, as ``history.stop`` does."""

Hook = EpochCallback | LRScheduler
"""What ``on_epoch`` and ``on_step`` take: a function of the history, or a schedule of the learning rate."""


class Callback:
    """Something that watches training without taking part; pass it to ``fit`` as ``on_epoch`` or ``on_step``.

    A plain function of the history will do where only the epochs (or steps) matter. Subclass this to hear of the start
    and the end too.
    """

    def start(self, history: History) -> None:
        """Called before the first epoch; the history is empty but for ``planned``."""

    def __call__(self, history: History) -> bool | None:
        """Called after each epoch (or step). The value ``True`` ends training; ``history.stop`` says why as well."""

    def finish(self, history: History) -> None:
        """Called once at the end, however training ended: also after Ctrl-C or an error."""


def hooks(given: Hook | Sequence[Hook] | None, name: str) -> list[EpochCallback]:
    """``on_epoch`` or ``on_step`` as a list of functions of the history.

    Raises:
        ValueError: if a class stands there instead of one of it, or a schedule that must be told a quantity.
    """
    listed = [] if given is None else [given] if callable(given) or isinstance(given, LRScheduler) else list(given)
    for hook in listed:
        if isinstance(hook, type):
            raise ValueError(f"{name} holds the class {hook.__name__}; expected one of it: {hook.__name__}()")
        if isinstance(hook, ReduceLROnPlateau):
            raise ValueError(f"{name} holds a ReduceLROnPlateau; expected a function that calls it with its quantity")
    return [Scheduled(hook) if isinstance(hook, LRScheduler) else hook for hook in listed]


def call(callbacks: Sequence[EpochCallback], history: History) -> None:
    """Call all of them; training is to end where one returns ``True``."""
    for callback in callbacks:
        if callback(history) is True:
            history.stop(f"{getattr(callback, '__name__', type(callback).__name__)} returned True")


class Scheduled:
    """A schedule of the learning rate as a function of the history."""

    def __init__(self, schedule: LRScheduler) -> None:
        self.schedule = schedule

    def __call__(self, history: History) -> None:
        """Go on to the next rate."""
        self.schedule.step()


class EarlyStopping(Callback):
    """Ends training when ``monitor`` has not improved for ``patience`` epochs; the model keeps its best weights.

    The best weights are loaded back at the end however training ended: stopped, finished, or interrupted.

    Args:
        model: whose weights (and buffers) to keep; several models in an ``nn.ModuleList``.
        monitor: the name of the quantity to watch.
        patience: how many epochs without improvement to bear.
        mode: ``"min"`` for losses, ``"max"`` for accuracies.
        min_delta: an improvement counts only if it is larger than this.

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
        if history.epoch - (0 if self.best is None else self.best.epoch) >= self.patience:
            best = "" if self.best is None else f"; its best is {self.best.value:.4g}, of epoch {self.best.epoch}"
            history.stop(f"{self.monitor} has not improved for {self.patience} epochs{best}")
        return history.stopped

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
        label: the text before the bar.
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
