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

from torch import Generator, Tensor

from labkit.augment.arguments import probability
from labkit.augment.text import edits, typos
from labkit.augment.text.base import Draws, TextTransform, count, word_places
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

    def plans(self, x: Sequence[Words], generator: Generator | None) -> list[edits.Plan]:
        """Pairs of different places, exchanged."""
        places = [word_places(words) for words in x]
        numbers = [count(self.alpha, len(own)) if len(own) > 1 else 0 for own in places]
        draw = Draws(sum(2 * n for n in numbers), generator).numbers
        plans: list[edits.Plan] = []
        for words, own, n in zip(x, places, numbers):
            plan, most = list(range(len(words))), len(own)
            for _ in range(n):
                a = min(int(next(draw) * most), most - 1)
                b = min(int(next(draw) * (most - 1)), most - 2)
                i, j = own[a], own[b + (b >= a)]
                plan[i], plan[j] = plan[j], plan[i]
            plans.append(plan)
        return plans


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

    def plans(self, x: Sequence[Words], generator: Generator | None) -> list[edits.Plan]:
        """The places of what stays."""
        u = uniform((sum(map(len, x)),), generator=generator)
        lost = iter((u < self.p).nonzero()[:, 0].tolist())  # few, so that most words are never looked at
        plans: list[edits.Plan] = []
        end_of_all = len(u)
        begin, place = 0, next(lost, end_of_all)
        for words in x:
            end, gone = begin + len(words), []
            while place < end:
                gone.append(place - begin)
                place = next(lost, end_of_all)
            plans.append(self._kept(words, gone, u, begin) if gone else range(len(words)))
            begin = end
        return plans

    def _kept(self, words: Words, gone: Sequence[int], u: Tensor, begin: int) -> list[int]:
        """What stays: marks, protected words, and one word where none would."""
        kept = list(range(len(words)))
        for i in reversed(gone):
            if is_word(words[i]) and words[i].lower() not in self.protect:
                del kept[i]
        if len(kept) < len(words) and not any(is_word(words[i]) for i in kept):
            kept = sorted([*kept, max(word_places(words), key=lambda i: float(u[begin + i]))])
        return kept


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

    def plans(self, x: Sequence[Words], generator: Generator | None) -> list[edits.Plan]:
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

    def plans(self, x: Sequence[Words], generator: Generator | None) -> list[edits.Plan]:
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
        share: of the words, at most.
        marks: what is inserted.
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

    def plans(self, x: Sequence[Words], generator: Generator | None) -> list[edits.Plan]:
        """Marks between the words."""
        places = [word_places(words) for words in x]
        first = Draws(len(x), generator)
        numbers = [1 + first.below(most) if (most := count(self.share, len(own))) else 0 for own in places]
        draw, kinds = Draws(sum(2 * n for n in numbers), generator).numbers, len(self.marks)
        plans: list[edits.Plan] = []
        for words, able, n in zip(x, places, numbers):
            new, most = [], len(able)
            for left in range(most, most - n, -1):
                place = able.pop(min(int(next(draw) * left), left - 1))
                new.append((place, self.marks[min(int(next(draw) * kinds), kinds - 1)]))
            plans.append(edits.insertion_plan(len(words), new) if new else range(len(words)))
        return plans


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

    def plans(self, x: Sequence[Words], generator: Generator | None) -> list[edits.Plan]:
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

    def plans(self, x: Sequence[Words], generator: Generator | None) -> list[edits.Plan]:
        """Gaps at some places."""
        draw = Draws(sum(map(len, x)), generator)
        return [
            [(i, self.unknown) if draw() < self.p and is_word(word) else i for i, word in enumerate(words)]
            for words in x
        ]
