"""Words that mean the same: a thesaurus is any object with one method.

``synonyms(word, pos)`` gives the words that may stand for ``word``, in lower case and without the word itself; none
where the thesaurus doesn't know it. The part of speech ``pos`` is ``"noun"``, ``"verb"``, ``"adj"`` or ``"adv"``;
with None all parts of speech count. ``Dictionary`` holds what is written down here, ``Vectors`` takes neighbours in a
space of word vectors; ``WordNet`` and ``MyThes`` (in ``wordnet.py``) read what a machine has installed.

With vectors v, the similarity of two words is the cosine ⟨v, w⟩ / ‖v‖‖w‖. It says how alike the company of two words
is, not what they mean: *good* and *bad* keep the same company, so antonyms are near neighbours.

Source: J. Firth, *A Synopsis of Linguistic Theory*, 1957, for the company that words keep.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.nn import functional as F

from labkit.shapes import Float

PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")


@runtime_checkable
class Thesaurus(Protocol):
    """What knows synonyms."""

    def synonyms(self, word: str, pos: str | None = None) -> Sequence[str]:
        """The words that may stand for ``word``; none where it isn't known."""


@dataclass(frozen=True, repr=False)
class Dictionary:
    """A thesaurus that is written down: for each word, for each part of speech, its synonyms.

    >>> d = Dictionary.of_groups([("adj", ("good", "great")), ("noun", ("good", "benefit"))])
    >>> d.synonyms("Good"), d.synonyms("good", "noun"), d.synonyms("film")
    (('great', 'benefit'), ('benefit',), ())
    """

    entries: Mapping[str, Mapping[str, Sequence[str]]]

    @classmethod
    def of_groups(cls, groups: Iterable[tuple[str, Sequence[str]]]) -> "Dictionary":
        """A dictionary of groups of words that mean the same, each with its part of speech.

        Raises:
            ValueError: if there is no such part of speech.
        """
        entries: dict[str, dict[str, list[str]]] = {}
        for pos, group in groups:
            a_part_of_speech(pos)
            for word in group:
                others = entries.setdefault(word.lower(), {}).setdefault(pos, [])
                others += [other for other in group if other != word and other not in others]
        return cls(entries)

    def synonyms(self, word: str, pos: str | None = None) -> tuple[str, ...]:
        """The synonyms of a word, in the order they were written down."""
        if pos is not None:
            a_part_of_speech(pos)
        senses = self.entries.get(word.lower(), {})
        lists = [senses.get(pos, ())] if pos else senses.values()
        return tuple(dict.fromkeys(synonym for found in lists for synonym in found))

    def __repr__(self) -> str:
        return f"Dictionary({len(self.entries)} words)"

    def part_of_speech(self, word: str) -> str | None:
        """The first part of speech that is written down for a word."""
        return next(iter(self.entries.get(word.lower(), {})), None)


@dataclass(frozen=True, eq=False)
class Vectors:
    """A thesaurus of nearest neighbours among word vectors.

    Args:
        words: the V words.
        vectors: theirs (V, D).
        k: at most so many neighbours.
        least: the smallest cosine.

    Raises:
        ValueError: if there isn't one vector a word.

    >>> import torch
    >>> space = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> Vectors(("good", "bad", "film"), space, k=1).synonyms("good")
    ('bad',)
    """

    words: Sequence[str]
    vectors: Float[Tensor, "v d"]
    k: int = 5
    least: float = 0.0

    def __post_init__(self) -> None:
        if len(self.words) != len(self.vectors):
            raise ValueError(f"there are {len(self.words)} words and {len(self.vectors)} vectors; expected one a word")

    @cached_property
    def _places(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def _directions(self) -> Tensor:
        return F.normalize(self.vectors, dim=1)

    def synonyms(self, word: str, pos: str | None = None) -> tuple[str, ...]:
        """The nearest words, the nearest first. Vectors know no part of speech."""
        place = self._places.get(word.lower())
        if place is None:
            return ()
        cosines = self._directions @ self._directions[place]
        cosines[place] = -2.0
        values, places = cosines.topk(min(self.k, len(cosines)))
        return tuple(self.words[i] for v, i in zip(values.tolist(), places.tolist()) if v >= max(self.least, -1.0))


def a_part_of_speech(pos: str) -> None:
    """Refuse what is none.

    Raises:
        ValueError: with those there are.
    """
    if pos not in PARTS_OF_SPEECH:
        raise ValueError(f"pos is {pos!r}; expected one of {', '.join(PARTS_OF_SPEECH)}")


# ── for the simulated sentences ───────────────────────────────────────────────────────────────────────────────────────

FILMS = Dictionary.of_groups([
    ("noun", ("film", "movie", "picture")),
    ("noun", ("plot", "storyline")),
    ("noun", ("cast", "actors")),
    ("noun", ("ending", "finale")),
    ("noun", ("script", "screenplay")),
    ("noun", ("critics", "reviewers")),
    ("noun", ("friends", "pals")),
    ("adv", ("very", "really", "truly")),
    ("adj", ("good", "great", "fine")),
    ("adj", ("wonderful", "brilliant", "marvellous")),
    ("adj", ("funny", "amusing", "comical")),
    ("adj", ("clever", "smart")),
    ("adj", ("moving", "touching")),
    ("adj", ("charming", "delightful")),
    ("adj", ("bad", "awful", "terrible")),
    ("adj", ("boring", "dull", "tedious")),
    ("adj", ("silly", "foolish")),
    ("adj", ("weak", "feeble")),
    ("adj", ("clumsy", "awkward")),
    ("verb", ("loved", "adored", "admired")),
    ("verb", ("enjoyed", "liked")),
    ("verb", ("hated", "disliked", "detested")),
    ("verb", ("expected", "awaited")),
    # The other senses of some of these words: what goes wrong without a part of speech.
    ("verb", ("picture", "imagine")),
    ("verb", ("plot", "scheme")),
    ("verb", ("cast", "throw")),
    ("verb", ("moving", "walking")),
    ("verb", ("film", "record")),
    ("noun", ("fine", "penalty")),
    ("adj", ("smart", "elegant")),
])  # fmt: skip
"""A thesaurus for the words of ``simulate.sentences``, with some second senses."""
