"""A training set with changed copies of its sentences, as the papers on text build one."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from labkit.augment.text.tokens import Words
from labkit.augment.transform import Transform
from labkit.shapes import Labels


def with_copies(
    x: Sequence[Words], y: Labels, transform: Transform, *, copies: int, generator: Generator | None = None
) -> tuple[list[Words], Tensor]:
    """The sentences, then ``copies`` changed ones of each, all with the labels of what they were made of.

    Args:
        x: n token lists.
        y: their labels (n,).
        transform: keeps labels; each copy is its own draw.
        copies: how many of each.

    Raises:
        ValueError: if there isn't one label a sentence, or ``copies`` is below 0.

    >>> from labkit.augment.text import RandomSwap
    >>> x, y = with_copies([["a", "b"]], torch.tensor([3]), RandomSwap(), copies=2)
    >>> x, y
    ([['a', 'b'], ['b', 'a'], ['b', 'a']], tensor([3, 3, 3]))
    """
    if len(x) != len(y):
        raise ValueError(f"there are {len(y)} labels for {len(x)} sentences; expected one each")
    if copies < 0:
        raise ValueError(f"copies is {copies}; expected how many of each sentence, at least 0")
    more = [transform(list(x), generator=generator) for _ in range(copies)]
    return [*x, *(words for batch in more for words in batch)], torch.cat([y] * (copies + 1))
