"""Changes of sentences by a thesaurus: synonyms in the place of words, and synonyms between them.

EDA's text is followed rather than its code, which replaces every occurrence of a word by the same synonym, and
inserts synonyms of stop words, too. A sentence in which no word has a synonym stays as it is.

Source: J. Wei and K. Zou, *EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification
Tasks*, 2019 (https://arxiv.org/abs/1901.11196).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Generator

from labkit.augment.arguments import probability
from labkit.augment.pipeline import OneOf
from labkit.augment.text import edits
from labkit.augment.text.base import Draws, TextTransform, count, word_places
from labkit.augment.text.stopwords import STOP_WORDS
from labkit.augment.text.thesaurus import Thesaurus
from labkit.augment.text.tokens import Words, is_word
from labkit.augment.text.word_transforms import RandomDeletion, RandomSwap

Tagger = Callable[[Words], Sequence[str | None]]
"""Gives the part of speech of each token, None where it isn't known."""


@dataclass(frozen=True)
class _WithThesaurus(TextTransform):
    thesaurus: Thesaurus
    alpha: float = 0.1
    stop: Collection[str] = field(default=STOP_WORDS, repr=False)
    tagger: Tagger | None = None
    new_tag: Any = "O"

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self.alpha, name="alpha")

    @cached_property
    def _remembered(self) -> dict[tuple[str, str | None], Sequence[str]]:
        """Synonyms that were looked up before: words come again and again."""
        return {}

    @cached_property
    def _of_any_sense(self) -> dict[str, Sequence[str]]:
        return {}

    def synonyms(self, word: str, pos: str | None) -> Sequence[str]:
        """What may stand for a word: nothing for stop words."""
        key = (word, pos)
        if key not in self._remembered:
            stops = word.lower() in self.stop or not is_word(word)
            self._remembered[key] = () if stops else tuple(self.thesaurus.synonyms(word, pos))
        return self._remembered[key]

    def choices(self, words: Words) -> list[tuple[int, Sequence[str]]]:
        """The places at which something may happen, with the synonyms of the words there."""
        if self.tagger is None:
            of = self._of_any_sense
            found = [of[word] if word in of else of.setdefault(word, self.synonyms(word, None)) for word in words]
        else:
            found = [self.synonyms(word, pos) for word, pos in zip(words, self.tagger(words), strict=True)]
        return [(i, synonyms) for i, synonyms in enumerate(found) if synonyms]


@dataclass(frozen=True)
class SynonymReplacement(_WithThesaurus):
    """n words of each sentence replaced by a synonym, each by its own; where fewer have one, those.

    Args:
        thesaurus: knows the synonyms.
        alpha: α, the share of the words to replace.
        stop: words that stay.
        tagger: gives the parts of speech, so that a word gets no synonym of another part of speech.

    Raises:
        ValueError: if α is not from 0 to 1.

    >>> import torch
    >>> from labkit.augment.text import FILMS, SynonymReplacement, join, tokenize
    >>> replace = SynonymReplacement(FILMS, alpha=0.3)
    >>> join(replace([tokenize("A very funny film!")], generator=torch.Generator().manual_seed(0))[0])
    'A very comical film!'
    """

    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """Other words at n of the places that have a synonym."""
        choices = [self.choices(words) for words in x]
        numbers = [min(len(c), count(self.alpha, len(word_places(words)))) for c, words in zip(choices, x)]
        draw = Draws(sum(2 * n for n in numbers), generator)
        plans: list[edits.Plan] = []
        for words, able, n in zip(x, choices, numbers):
            new = {}
            for k in range(n):  # the first steps of a shuffle: places without replacement
                j = k + draw.below(len(able) - k)
                able[k], able[j] = able[j], able[k]
                place, synonyms = able[k]
                new[place] = synonyms[draw.below(len(synonyms))]
            plans.append(edits.substitution_plan(len(words), new))
        return plans


@dataclass(frozen=True)
class RandomInsertion(_WithThesaurus):
    """n times: a synonym of a word of the sentence, at any place of it.

    A sentence without a word that has a synonym stays as it is. The arguments are those of ``SynonymReplacement``,
    and ``new_tag`` is the tag of what was inserted.

    Raises:
        ValueError: if α is not from 0 to 1.
    """

    def plans(self, x: Sequence[Words], generator: Generator | None) -> Sequence[edits.Plan]:
        """New words between the old ones."""
        choices = [self.choices(words) for words in x]
        numbers = [count(self.alpha, len(word_places(words))) if c else 0 for c, words in zip(choices, x)]
        draw = Draws(sum(3 * n for n in numbers), generator)
        plans: list[edits.Plan] = []
        for words, able, n in zip(x, choices, numbers):
            new = []
            for _ in range(n):
                synonyms = able[draw.below(len(able))][1]
                new.append((draw.below(len(words) + 1), synonyms[draw.below(len(synonyms))]))
            plans.append(edits.insertion_plan(len(words), new) if new else range(len(words)))
        return plans


def eda(thesaurus: Thesaurus, *, alpha: float = 0.1, stop: Collection[str] = STOP_WORDS) -> OneOf:
    """EDA's policy: one of its four operations for each sentence.

    >>> import torch
    >>> from labkit.augment.text import FILMS, eda
    >>> len(eda(FILMS)([["a", "funny", "film"]] * 4, generator=torch.Generator().manual_seed(0)))
    4
    """
    return OneOf([
        SynonymReplacement(thesaurus, alpha=alpha, stop=stop), RandomInsertion(thesaurus, alpha=alpha, stop=stop),
        RandomSwap(alpha=alpha), RandomDeletion(p=alpha),
    ])  # fmt: skip
