"""What most steps need: shuffled batches, augmentation that may be none, and the plain update of a classifier."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from labkit.logits import cross_entropy, two_logits
from labkit.train.loop import Step

LabelledBatch = tuple[Tensor, Tensor]
"""Samples, and their labels."""

Augment = Callable[[Tensor], Tensor]
"""An augmentation of a batch, say ``lambda x: policy(x, generator=g)``."""


class Minibatches:
    """Batches of aligned tensors, in a new random order every time they are gone through.

    Args:
        tensors: one or more tensors with the same first dimension N, say images and labels.
        batch_size: the number of samples in a batch; the last one holds what is left.
        generator: where the order comes from; without one the samples keep theirs.
        drop_last: leave out a last batch that is smaller.

    Yields:
        Tuples of tensors, as many as were given. Indexing stays on the tensors' device.

    Raises:
        ValueError: if the tensors are not aligned, or ``batch_size`` is below 1.
    """

    def __init__(
        self, *tensors: Tensor, batch_size: int, generator: torch.Generator | None = None, drop_last: bool = False
    ) -> None:
        if not tensors or any(len(t) != len(tensors[0]) for t in tensors):
            raise ValueError(f"the tensors hold {[len(t) for t in tensors]} samples; expected as many in each")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; expected batches of 1 sample or more")
        self.tensors, self.batch_size, self.generator, self.drop_last = tensors, batch_size, generator, drop_last

    def __len__(self) -> int:
        n = len(self.tensors[0])
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        n = len(self.tensors[0])
        if self.generator is None:
            order = torch.arange(n)
        else:
            order = torch.randperm(n, generator=self.generator, device=self.generator.device)
        # One transfer an epoch: the order lies where the data lie.
        order = order.to(self.tensors[0].device)
        for i in range(len(self)):
            chosen = order[i * self.batch_size : (i + 1) * self.batch_size]
            yield tuple(t[chosen] for t in self.tensors)


def identity(x: Tensor) -> Tensor:
    """``x`` itself: the augmentation that changes nothing, or the pixels taken for features."""
    return x


def descend(optimizer: torch.optim.Optimizer, loss: Tensor, *, max_norm: float | None = None) -> None:
    """One step downhill: what every update of every method ends in.

    Args:
        optimizer: of the parameters to move; gradients they hold from before are dropped.
        loss: a scalar.
        max_norm: the gradient of all the optimiser's parameters together is made no longer than this.

    Raises:
        ValueError: if ``max_norm`` is not above 0.
    """
    if max_norm is not None and not max_norm > 0:
        raise ValueError(f"max_norm is {max_norm}; expected a length above 0, or None for no limit")
    optimizer.zero_grad()
    loss.backward()
    if max_norm is not None:
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], max_norm)
    optimizer.step()


def supervised_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    augment: Augment | None = None,
    max_norm: float | None = None,
) -> Step[LabelledBatch]:
    """The plain step: predict, compare, go downhill.

    Args:
        model: maps ``x`` of a batch ``(x, y)`` to predictions, which ``loss`` compares with ``y``; it is put into
            training mode.
        optimizer: of the model's parameters.
        loss: of predictions and targets; a scalar.
        augment: applied to ``x`` first, say ``lambda x: policy(x, generator=g)``.
        max_norm: of the gradient, see ``descend``.

    Returns:
        A step for ``fit`` that reports ``loss``, and ``accuracy`` where the targets are class numbers (B,).
    """

    def step(batch: LabelledBatch) -> dict[str, Tensor]:
        x, y = batch
        model.train()
        predictions = model(x if augment is None else augment(x))
        value = loss(predictions, y)
        descend(optimizer, value, max_norm=max_norm)
        if y.is_floating_point() or y.ndim != 1 or predictions.ndim != 2:
            return {"loss": value.detach()}
        return {"loss": value.detach(), "accuracy": (two_logits(predictions).argmax(1) == y).float().mean()}

    return step
