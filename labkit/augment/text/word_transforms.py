"""Changes of sentences that need no thesaurus: swap, deletion, shuffling, marks, typing errors, gaps.

One draw a sentence. The lists that come in stay as they are.

Sources: swap and deletion: J. Wei and K. Zou, *EDA*, 2019 (https://arxiv.org/abs/1901.11196). Marks: A. Karimi and
others, *AEDA*, 2021 (https://arxiv.org/abs/2108.13230). The window of a shuffle: G. Lample and others, *Unsupervised
Machine Translation Using Monolingual Corpora Only*, 2018 (https://arxiv.org/abs/1711.00043). Word dropout: M. Iyyer
and others, *Deep Unordered Composition Rivals Syntactic Methods for Text Classification*, 2015
(https://aclanthology.org/P15-1162).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Generator

from labkit.augment.arguments import probability
from labkit.augment.text import edits, typos
from labkit.augment.text.base import Draws, TextTransform, all_word_places, counts, word_places
from labkit.augment.text.edits import place_of
from labkit.augment.text.short_plans import Deletions, Insertions, Swaps
from labkit.augment.text.tokens import Words, is_word
from labkit.draws import uniform


@dataclass(frozen=True)
class RandomSwap(TextTransform):
    """n times: the words at two different places change places. A sentence of one word stays as it is.

    Raises:
        ValueError: if α is not from 0 to 1.

    >>> import torch
    >>> RandomSwap()([["reds", "beat", "blues"]], generator=torch.Generator().manual_seed(1))
    [['blues', 'beat', 'reds']]
    """

    alpha: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.alpha, name="alpha")

    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """Pairs of different places, exchanged."""
        places, sizes = all_word_places(x)
        numbers = np.where(sizes > 1, counts(self.alpha, sizes), 0)
        u = uniform((2 * int(numbers.sum()),), generator=generator).numpy().astype(np.float64).reshape(-1, 2)
        most, begin = sizes.repeat(numbers), (sizes.cumsum() - sizes).repeat(numbers)
        first = np.minimum((u[:, 0] * most).astype(np.int64), most - 1)
        second = np.minimum((u[:, 1] * (most - 1)).astype(np.int64), most - 2)
        second += second >= first
        pairs = iter(zip(places[begin + first].tolist(), places[begin + second].tolist()))
        changes: list[Sequence[int]] = [
            next(pairs) if n == 1 else [k for _ in range(n) for k in next(pairs)] for n in numbers.tolist()
        ]
        return Swaps(list(map(len, x)), changes)


@dataclass(frozen=True)
class RandomDeletion(TextTransform):
    """Each word lost with probability ``p``; where all would go, one stays.

    Args:
        p: the probability.
        protect: words, in lower case, that are never lost: ``NEGATIONS`` where the label is an opinion.

    Raises:
        ValueError: if p is no probability.
    """

    p: float = 0.1
    protect: Collection[str] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.p)

    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """The places of what stays."""
        lengths = list(map(len, x))
        u = uniform((sum(lengths),), generator=generator).numpy()
        lost = np.flatnonzero(u < np.float32(self.p))[::-1]  # few, so that most words are never looked at
        ends = np.cumsum(lengths)
        rows = np.searchsorted(ends, lost, side="right")
        places = lost - (ends - lengths)[rows]
        changes: list[Sequence[int]] = [()] * len(x)
        for k, i in zip(rows.tolist(), places.tolist()):
            word = x[k][i]
            if is_word(word) and not (self.protect and word.lower() in self.protect):
                changes[k] = [*changes[k], i]
        for k, gone in enumerate(changes):
            if gone and (gone[-1] == 0 or not x[k][0].isalnum()):
                begin = int(ends[k]) - lengths[k]
                changes[k] = self._but_one(x[k], gone, u[begin : begin + lengths[k]])
        return Deletions(lengths, changes)

    def _but_one(self, words: Words, gone: Sequence[int], u: np.ndarray) -> Sequence[int]:
        """What is lost; where no word would be left, without the one that came nearest to staying."""
        if any(is_word(word) for i, word in enumerate(words) if i not in gone):
            return gone
        stays = max(word_places(words), key=lambda i: float(u[i]))
        return [i for i in gone if i != stays]


@dataclass(frozen=True)
class WordShuffle(TextTransform):
    """The words of each sentence in another order; marks stay where they are.

    Args:
        window: how far a word may move; any distance with None. With w, word i is sorted by i + U(0, w + 1).

    Raises:
        ValueError: if the window is below 1.
    """

    window: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window is not None and self.window < 1:
            raise ValueError(f"window is {self.window}; expected how far a word may move, at least 1, or None")

    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """The words sorted by what was drawn."""
        places = [word_places(words) for words in x]
        draw = Draws(sum(map(len, places)), generator)
        plans: list[edits.Plan] = []
        for words, own in zip(x, places):
            keys = [draw() if self.window is None else k + draw() * (self.window + 1) for k in range(len(own))]
            plan = list(range(len(words)))
            for place, k in zip(own, sorted(range(len(own)), key=keys.__getitem__)):
                plan[place] = own[k]
            plans.append(plan)
        return plans


@dataclass(frozen=True)
class SentenceShuffle(TextTransform):
    """The sentences of each text in another order. Right only for labels that don't depend on it."""

    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """The sentences sorted by what was drawn."""
        parts = [edits.sentences_of(words) for words in x]
        draw = Draws(sum(map(len, parts)), generator)
        plans: list[edits.Plan] = []
        for own in parts:
            keys = [draw() for _ in own]
            order = sorted(range(len(own)), key=keys.__getitem__)
            plans.append([i for k in order for i in own[k]])
        return plans


@dataclass(frozen=True)
class PunctuationInsertion(TextTransform):
    """AEDA: from 1 to ``share`` · l marks before words drawn at random; all words stay, in their order.

    Args:
        share: the largest number of marks, as a share of the words.
        marks: the marks to insert.
        new_tag: the tag of a mark.

    Raises:
        ValueError: if ``share`` is not from 0 to 1, or there are no marks.
    """

    share: float = 1 / 3
    marks: Sequence[str] = (".", ";", "?", ":", "!", ",")
    new_tag: Any = "O"

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.share, name="share")
        if not self.marks:
            raise ValueError("marks is empty; expected at least one mark to insert")

    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """Marks between the words."""
        marks, (places, sizes) = self.marks, all_word_places(x)
        most = counts(self.share, sizes)[sizes > 0]
        u = uniform((len(x),), generator=generator).numpy().astype(np.float64)[: len(most)]
        numbers = np.zeros_like(sizes)
        numbers[sizes > 0] = 1 + np.minimum((u * most).astype(np.int64), most - 1)
        u = uniform((2 * int(numbers.sum()),), generator=generator).numpy().astype(np.float64).reshape(-1, 2)
        kinds = np.minimum((u[:, 1] * len(marks)).astype(np.int64), len(marks) - 1)
        draws, able_of_all = iter(zip(u[:, 0].tolist(), kinds.tolist())), places.tolist()
        changes: list[Sequence[tuple[int, str]]] = []
        end = 0
        for size, n in zip(sizes.tolist(), numbers.tolist()):
            begin, end, new = end, end + size, []
            if n == 1:
                where, kind = next(draws)
                new.append((able_of_all[begin + min(int(where * size), size - 1)], marks[kind]))
            elif n:
                able = able_of_all[begin:end]
                for left in range(size, size - n, -1):
                    where, kind = next(draws)
                    new.append((able.pop(min(int(where * left), left - 1)), marks[kind]))
                new.sort(key=place_of)
            changes.append(new)
        return Insertions(list(map(len, x)), changes)


@dataclass(frozen=True)
class Typos(TextTransform):
    """A typing error in each word with probability ``p``; the first letter stays.

    Args:
        p: the probability.
        shortest: words with fewer characters stay.
        protect: words, in lower case, that stay.

    Raises:
        ValueError: if p is no probability, or ``shortest`` below 3.

    >>> import torch
    >>> Typos(p=1.0)([["wonderful", "film"]], generator=torch.Generator().manual_seed(0))
    [['woonderful', 'fillm']]
    """

    p: float = 0.1
    shortest: int = 4
    protect: Collection[str] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.p)
        if self.shortest < 3:
            raise ValueError(f"shortest is {self.shortest}; expected at least 3, as the first letter stays")

    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """Mistyped words at some places."""
        draw = Draws(4 * sum(map(len, x)), generator)
        return [edits.substitution_plan(len(words), self._errors(words, draw)) for words in x]

    def _errors(self, words: Words, draw: Draws) -> dict[int, str]:
        errors = {}
        for i, word in enumerate(words):
            u, kind, place, key = draw(), typos.KINDS[draw.below(len(typos.KINDS))], draw(), draw()
            if u < self.p and len(word) >= self.shortest and word.isalpha() and word.lower() not in self.protect:
                last = len(word) - (2 if kind == "exchange" else 1)
                errors[i] = typos.mistype(word, place=1 + int(place * last), kind=kind, key=int(60 * key))
        return errors


@dataclass(frozen=True)
class WordDropout(TextTransform):
    """Each word replaced by ``unknown`` with probability ``p``: unlike a deletion, it leaves a gap.

    Raises:
        ValueError: if p is no probability.
    """

    p: float = 0.1
    unknown: str = "<unk>"

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.p)

    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """Gaps at some places."""
        draw = Draws(sum(map(len, x)), generator)
        return [
            [(i, self.unknown) if draw() < self.p and is_word(word) else i for i, word in enumerate(words)]
            for words in x
        ]
