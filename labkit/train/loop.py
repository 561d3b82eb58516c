"""The loop."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import torch
from torch import Tensor

from labkit.train.callbacks import Callback, EpochCallback, Hook, call, hooks
from labkit.train.history import History

B = TypeVar("B")

Scalars = Mapping[str, Tensor | float]
Step = Callable[[B], dict[str, Any]]
"""One update on a batch of type B; it returns named scalars."""


def fit(
    step: Callable[[Any], Scalars],
    batches: Iterable[Any] | Callable[[], Iterable[Any]],
    *,
    epochs: int,
    evaluate: Callable[[], Scalars] | None = None,
    on_epoch: Hook | Sequence[Hook] | None = None,
    on_step: Hook | Sequence[Hook] | None = None,
) -> History:
    """Train: call ``step`` on every batch of every epoch, and return what it reported.

    Args:
        step: does one update on one batch and returns named scalars, as numbers or tensors with one element,
            which should stay on the device (no ``.item()``). It puts the model into training mode itself.
        batches: the batches of one epoch: anything that can be iterated again and again (a list, a
            ``DataLoader``, ``Minibatches``), or a function that returns a new iterable for each epoch.
        epochs: how often to go through the batches.
        evaluate: returns more named scalars after each epoch, say on held-back data.
        on_epoch: one or several functions or ``Callback``s, called with the history after each epoch. All of
            them are called; training ends if one returns ``True`` or calls ``history.stop("why")``. A schedule of
            ``torch.optim.lr_scheduler`` goes one step on.
        on_step: the same after each step: schedules, averages, curricula. Where one ends training, the epoch
            ends there, and counts as one.

    Returns:
        The history, whose ``reason`` says why training ended. Ctrl-C ends it at once and keeps the epochs that were
        finished.

    Raises:
        ValueError: if ``epochs`` is negative, ``batches`` is empty or can be gone through only once, a scalar
            is not a scalar, or ``step`` and ``evaluate`` report the same name.
        FloatingPointError: at the end of the first epoch in which a mean is nan or infinite.
    """
    if epochs < 0:
        raise ValueError(f"epochs is {epochs}; expected 0 or more")
    if isinstance(batches, Iterator):
        raise ValueError("batches is an iterator, empty after one epoch; pass a list, or a function that makes it anew")
    after_epoch, after_step = hooks(on_epoch, "on_epoch"), hooks(on_step, "on_step")
    history = History(epochs)
    with ExitStack() as at_the_end:
        for callback in [*after_step, *after_epoch]:
            if isinstance(callback, Callback):
                at_the_end.callback(callback.finish, history)
                callback.start(history)
        try:
            while history.epoch < epochs and not history.stopped:
                history.append(_epoch(step, batches, evaluate, history, after_step))
                call(after_epoch, history)
            history.reason = history.reason or f"all {epochs} epochs are done"
        except KeyboardInterrupt:
            history.interrupted, history.reason = True, "it was interrupted"
    return history


def _epoch(
    step: Callable[[Any], Scalars],
    batches: Iterable[Any] | Callable[[], Iterable[Any]],
    evaluate: Callable[[], Scalars] | None,
    history: History,
    after_step: Sequence[EpochCallback],
) -> dict[str, float]:
    """All steps of one epoch, then the evaluation: the epoch's scalars by name."""
    epoch = history.epoch + 1
    sums: dict[str, Tensor | float] = {}
    counts: dict[str, int] = {}
    empty = True
    for batch in batches if isinstance(batches, Iterable) else batches():
        empty = False
        for name, value in _scalars(step(batch), "step").items():
            counts[name] = counts.get(name, 0) + 1
            sums[name] = _add(sums.get(name), value)
        history.step += 1
        call(after_step, history)
        if history.stopped:
            break
    if empty:
        raise ValueError(f"batches holds nothing in epoch {epoch}; expected at least one batch")
    means = {name: total / counts[name] for name, total in _numbers(sums).items()}
    for name, mean in means.items():
        if not math.isfinite(mean):
            raise FloatingPointError(
                f"the mean of {name!r} is {mean} in epoch {epoch}: training diverged; try a smaller learning rate"
            )
    evaluated = _numbers(_scalars(evaluate(), "evaluate")) if evaluate is not None else {}
    for name in evaluated.keys() & means.keys():
        raise ValueError(f"step and evaluate both report {name!r}; give evaluate's another name, say 'val_{name}'")
    return means | evaluated


def _add(total: Tensor | float | None, value: Tensor | float) -> Tensor | float:
    """``total + value`` without waiting for the device, in float64 where it has that."""
    if not isinstance(value, Tensor):
        return value if total is None else total + value
    if total is None:
        exact = torch.float32 if value.device.type == "mps" else torch.float64
        # A copy: the step may reuse its tensor for the next batch.
        return value.detach().reshape(()).to(exact, copy=True)
    return total + value.detach().reshape(())


def _scalars(scalars: Any, giver: str) -> dict[str, Tensor | float]:
    """``scalars``, if they are named scalars; a ``ValueError`` that says what they are otherwise."""
    if not isinstance(scalars, Mapping):
        raise ValueError(f"{giver} returned a {type(scalars).__name__}; expected named scalars, as in {{'loss': loss}}")
    for name, value in scalars.items():
        if isinstance(value, Tensor):
            if value.numel() != 1:
                raise ValueError(f"{giver} returned {name!r} of shape {tuple(value.shape)}; expected one number")
        elif not hasattr(value, "__float__"):
            raise ValueError(f"{giver} returned {name!r} as a {type(value).__name__}; expected one number")
    return {name: v if isinstance(v, Tensor) else float(v) for name, v in scalars.items()}


def _numbers(values: Mapping[str, Tensor | float]) -> dict[str, float]:
    """The values as floats, with a single transfer for all that lie on one device."""
    numbers = {name: value for name, value in values.items() if not isinstance(value, Tensor)}
    tensors = {name: value.detach().reshape(()) for name, value in values.items() if isinstance(value, Tensor)}
    for device in {value.device for value in tensors.values()}:
        here = [name for name, value in tensors.items() if value.device == device]
        numbers |= zip(here, torch.stack([tensors[name] for name in here]).tolist())
    return {name: float(numbers[name]) for name in values}
