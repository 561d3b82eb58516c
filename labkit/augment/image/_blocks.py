"""Large batches a few samples at a time, so that what is computed on the way stays in the processor's cache.

A transform of several steps writes an intermediate result for each. On a CPU, where those of a large batch measure
tens of megabytes, most of the time goes into moving them through memory, and into asking the operating system for it.
"""

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 3 * 2**18
"""How many values a thread works on at once: 3 MB in float32, which is 5 colour images of 224×224 pixels."""

IN_CACHE = 2**16
"""The same for what takes many steps of a few operations a value: a quarter of a megabyte."""


def in_blocks(function: Callable[..., Tensor], x: Tensor, *rows: Tensor, block: int = BLOCK) -> Tensor:
    """``function(x, *rows)``, worked out for some samples at a time where that pays.

    Args:
        function: works sample by sample, so that the blocks don't matter.
        x: a batch, samples first.
        rows: tensors with one row a sample, or one row for all.
        block: how many values a thread works on at once.
    """
    return all_in_blocks(lambda *some: (function(*some),), x, *rows, block=block)[0]


def all_in_blocks(
    function: Callable[..., tuple[Tensor, ...]], x: Tensor, *rows: Tensor, block: int = BLOCK
) -> tuple[Tensor, ...]:
    """``in_blocks`` for a function that returns several batches."""
    if torch.compiler.is_compiling():
        return function(x, *rows)
    size = block * torch.get_num_threads()
    if x.device.type != "cpu" or x.numel() <= size:
        return function(x, *rows)
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, *rows)):
        return function(x, *rows)
    n = max(1, size // x[0].numel())
    batches: tuple[Tensor, ...] = ()
    for i in range(0, x.shape[0], n):
        parts = function(x[i : i + n], *(t if t.shape[0] == 1 else t[i : i + n] for t in rows))
        batches = batches or tuple(part.new_empty((x.shape[0], *part.shape[1:])) for part in parts)
        for batch, part in zip(batches, parts, strict=True):
            batch[i : i + n] = part
    return batches
