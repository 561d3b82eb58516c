"""What a training reported, epoch by epoch."""

import math
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

Mode = Literal["min", "max"]


class Best(NamedTuple):
    """The best value of a quantity, and the epoch that had it, counted from 1."""

    epoch: int
    value: float


def sign(mode: str) -> float:
    """1 where lower is better, -1 where higher is better."""
    if mode not in ("min", "max"):
        raise ValueError(f"mode is {mode!r}; expected 'min' or 'max'")
    return 1.0 if mode == "min" else -1.0


class History(Mapping[str, list[float]]):
    """What training reported: ``history["loss"]`` has one float an epoch.

    A quantity that was not reported in an epoch is nan there, so that all lists are equally long.

    Attributes:
        planned: the number of epochs asked for.
        epoch: the number of epochs done.
        step: the number of steps done.
        interrupted: whether Ctrl-C (or the notebook's stop button) ended it.
        stopped: whether a callback ended it.
        reason: why it ended, in words; empty while it goes on.
    """

    def __init__(self, planned: int = 0) -> None:
        self.planned = planned
        self.epoch = 0
        self.step = 0
        self.interrupted = False
        self.stopped = False
        self.reason = ""
        self._values: dict[str, list[float]] = {}

    def append(self, scalars: Mapping[str, float]) -> None:
        """Add one epoch."""
        for name in scalars:
            self._values.setdefault(name, [math.nan] * self.epoch)
        for name, values in self._values.items():
            values.append(float(scalars.get(name, math.nan)))
        self.epoch += 1

    def stop(self, reason: str) -> None:
        """End training, after this epoch or, from ``on_step``, with it; the first reason given is kept.

        >>> history = History(planned=9)
        >>> history.stop("the loss is below 0.1")
        >>> history.stopped, history.reason
        (True, 'the loss is below 0.1')
        """
        self.reason = self.reason or reason
        self.stopped = True

    @property
    def last(self) -> dict[str, float]:
        """The scalars of the last epoch."""
        return {name: values[-1] for name, values in self._values.items()}

    def best(self, name: str, mode: Mode) -> Best:
        """The first epoch in which ``name`` was lowest (``"min"``) or highest (``"max"``). nan is never best.

        Raises:
            KeyError: if there is no such quantity.
            ValueError: if there is no such mode, or no epoch with a number.
        """
        better = sign(mode)
        numbers = [(better * v, e) for e, v in enumerate(self[name], start=1) if not math.isnan(v)]
        if not numbers:
            raise ValueError(f"{name!r} has no number in any of {self.epoch} epochs, so it has no best")
        value, epoch = min(numbers)
        return Best(epoch, better * value)

    def __getitem__(self, name: str) -> list[float]:
        if name not in self._values:
            names = ", ".join(self._values) or "none: no epoch was finished"
            raise KeyError(f"nothing is called {name!r} in this history; it has {names}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        ended = ", interrupted" if self.interrupted else f", stopped: {self.reason}" if self.stopped else ""
        head = f"{self.epoch} of {self.planned} epochs{ended}"
        lines = [f"{name} {values[0]:.4g} → {values[-1]:.4g}" for name, values in self._values.items()]
        return f"History({'; '.join([head, *lines])})"
