"""Weights that depend on a seed: ``torch.nn`` draws them from torch's global random numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded_weights(seed: int | torch.Generator | None) -> Iterator[None]:
    """Within the block modules draw their weights from ``seed``; torch's global random numbers are left as they were.

    Args:
        seed: a number, or a generator that draws one; torch's global generator draws it if None.

    >>> from labkit import nets
    >>> with seeded_weights(0):
    ...     a = nets.MLP(4, 2)
    >>> with seeded_weights(0):
    ...     b = nets.MLP(4, 2)
    >>> torch.equal(a.head.weight, b.head.weight)
    True
    """
    if not isinstance(seed, int):
        device = "cpu" if seed is None else seed.device
        seed = int(torch.randint(2**31, (), generator=seed, device=device))
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
