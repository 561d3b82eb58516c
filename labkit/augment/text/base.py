"""What all changes of sentences share: plans are drawn for a batch, and words and tags follow them.

A batch is a list of token lists. Every transform draws a *plan* for each sentence (see ``edits``), so that the words,
the tags of the words and spans all follow the same draw. With l words in a sentence and the strength α, n of them
change::

    n = max(1, ⌊α l⌋)

Marks are not words: they do not count in l, and only the shuffling of sentences moves them.

Source: J. Wei and K. Zou, *EDA*, 2019 (https://arxiv.org/abs/1901.11196), for n.
"""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from torch import Generator

from labkit.augment.text import edits
from labkit.augment.text.short_plans import ShortPlans
from labkit.augment.text.tokens import Words, examined, is_word
from labkit.augment.transform import Params, Transform
from labkit.draws import uniform


class Draws:
    """Uniform numbers in [0, 1), drawn in one go for a whole batch and taken one after the other."""

    def __init__(self, n: int, generator: Generator | None) -> None:
        self.numbers: Iterator[float] = iter(uniform((n,), generator=generator).tolist() if n else [])

    def __call__(self) -> float:
        return next(self.numbers)

    def below(self, n: int) -> int:
        """A whole number from 0 to n − 1."""
        return min(int(next(self.numbers) * n), n - 1)


class TextTransform(Transform):
    """A transform of token lists by plans.

    Attributes:
        new_tag: the tag of a new token that replaces no other one.
    """

    new_tag: Any = "O"

    @abstractmethod
    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """A plan for each sentence."""

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """``plan``: one for each sentence.

        Raises:
            ValueError: if the batch holds texts that are not split into tokens.
        """
        return {"plan": self.plans(examined(x), generator)}

    def apply(self, x: Any, params: Params) -> Any:
        """The sentences that the plans make."""
        plans = params["plan"]
        if isinstance(plans, ShortPlans) and len(plans) == len(x):
            return plans.rewrite(x)
        return [edits.rewrite(words, plan) for words, plan in zip(x, plans, strict=True)]

    def apply_tags(self, tags: Any, x: Any, params: Params) -> Any:
        """The tags of the new tokens.

        Raises:
            ValueError: if a sentence has not one tag a token.
        """
        for words, own in zip(x, tags, strict=True):
            if len(words) != len(own):
                raise ValueError(f"there are {len(own)} tags for {len(words)} tokens; expected one a token")
        return [edits.move_tags(own, plan, new=self.new_tag) for own, plan in zip(tags, params["plan"], strict=True)]


def count(alpha: float, length: int) -> int:
    """n = max(1, ⌊αl⌋), and 0 where there are no words.

    >>> count(0.1, 5), count(0.1, 25), count(0.1, 0)
    (1, 2, 0)
    """
    return min(length, max(1, math.floor(alpha * length + 1e-9)))


def counts(alpha: float, lengths: np.ndarray) -> np.ndarray:
    """``count`` for many sentences.

    >>> counts(0.1, np.array([5, 25, 0]))
    array([1, 2, 0])
    """
    return np.minimum(lengths, np.maximum(1, np.floor(alpha * lengths + 1e-9).astype(np.int64)))


def word_places(words: Words) -> list[int]:
    """The places of the words, without the marks."""
    return [i for i, word in enumerate(words) if is_word(word)]


def all_word_places(x: Sequence[Words]) -> tuple[np.ndarray, np.ndarray]:
    """``word_places`` of all sentences in one row, and how many each sentence has (B,).

    >>> all_word_places([["so", "good", "!"], [], ["?", "yes"]])
    (array([0, 1, 1]), array([2, 0, 1]))
    """
    flat = list(chain.from_iterable(x))
    lengths = np.fromiter(map(len, x), np.int64, len(x))
    words = np.fromiter(map(str.isalnum, flat), np.bool_, len(flat))
    for i in np.flatnonzero(~words).tolist():
        words[i] = is_word(flat[i])
    place = np.arange(len(flat)) - (lengths.cumsum() - lengths).repeat(lengths)
    sentence = np.arange(len(x)).repeat(lengths)
    return place[words], np.bincount(sentence[words], minlength=len(x))
