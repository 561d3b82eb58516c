"""Words as numbers: a vocabulary, a corpus, what stands near what.

    keep      P(keep w) = min(1, √(t / f_w))              frequent words are thinned out, f_w their share of the corpus
    noise     P_n(w) ∝ count_w^¾                          what negative examples are drawn from
    pairs     (centre, context): each word with those at most r places away, r drawn from 1 to the window

T. Mikolov and others, "Distributed Representations of Words and Phrases and their Compositionality", 2013. (Its program
keeps a word with √(t / f) + t / f instead.)
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from labkit.shapes import Bool, Float, Int
from labkit.transfer import inputs

PAD = -1
"""Stands in a table of sentences where a sentence has ended."""


def tokenize(text: str) -> list[str]:
    """The words and signs of a text, in lower case.

    >>> tokenize("What's the film about? Love!")
    ["what's", 'the', 'film', 'about', '?', 'love', '!']
    """
    return re.findall(r"\w+(?:['’-]\w+)*|[^\w\s]", text.lower())


@dataclass(frozen=True, eq=False)
class Corpus:
    """The known words of some sentences, one after the other.

    Attributes:
        ids: (n,) the words, into a vocabulary.
        sentence: (n,) which sentence each is in, in rising order.
    """

    ids: Int[Tensor, " n"]
    sentence: Int[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, kept: Bool[Tensor, " n"]) -> "Corpus":
        """The words that are kept; neighbours move together."""
        return Corpus(self.ids[kept], self.sentence[kept])


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words by number, the most frequent first.

    Attributes:
        words: the words.
        counts: (V,) how often each occurred.
    """

    words: tuple[str, ...]
    counts: Int[Tensor, " v"]

    @classmethod
    def of(cls, sentences: Iterable[str], *, least: int = 1, most: int | None = None) -> "Vocabulary":
        """The words that occur ``least`` times or more, at most ``most`` of them.

        Raises:
            ValueError: if there are none.

        >>> Vocabulary.of(["a b a", "b a c"], least=2).words
        ('a', 'b')
        """
        counter = Counter(word for text in sentences for word in tokenize(text))
        kept = sorted(((-n, word) for word, n in counter.items() if n >= least))[:most]
        if not kept:
            raise ValueError(f"no word occurs {least} times or more; expected at least one")
        return cls(tuple(word for _, word in kept), torch.tensor([-n for n, _ in kept]))

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """The number of each word."""
        return {word: i for i, word in enumerate(self.words)}

    def corpus(self, sentences: Iterable[str]) -> Corpus:
        """The known words of the sentences; unknown ones are left out.

        >>> Vocabulary.of(["a b a"]).corpus(["b a", "x a"]).ids
        tensor([1, 0, 0])
        """
        rows = [[self.index[word] for word in tokenize(text) if word in self.index] for text in sentences]
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        ids = torch.tensor([i for row in rows for i in row], dtype=torch.int64)
        return Corpus(ids, torch.arange(len(rows)).repeat_interleave(lengths))

    def table(self, sentences: Sequence[str], *, length: int | None = None) -> Int[Tensor, "b l"]:
        """Sentences as rows of one table, filled up with −1: (B, L), L that of the longest, or ``length``.

        >>> Vocabulary.of(["a b a"]).table(["b", "a a"])
        tensor([[ 1, -1],
                [ 0,  0]])
        """
        rows = [[self.index[word] for word in tokenize(text) if word in self.index][:length] for text in sentences]
        width = max(1, length or max((len(row) for row in rows), default=1))
        return torch.tensor([row + [PAD] * (width - len(row)) for row in rows], dtype=torch.int64).reshape(-1, width)


def keep_probability(counts: Int[Tensor, " v"], *, t: float = 1e-3) -> Float[Tensor, " v"]:
    """How likely each word is kept when frequent words are thinned out.

    Args:
        counts: of the words.
        t: a word with a larger share than this is thinned out; 1e-5 for a corpus of billions, 1e-3 for a small one.

    Raises:
        ValueError: if t is not above 0.

    >>> keep_probability(torch.tensor([75, 25]), t=0.25)
    tensor([0.5774, 1.0000])
    """
    if not t > 0:
        raise ValueError(f"t is {t}; expected a share above 0")
    return (t * counts.sum() / counts).sqrt().clamp(max=1)


def noise_distribution(counts: Int[Tensor, " v"], *, power: float = 0.75) -> Float[Tensor, " v"]:
    """What negatives are drawn from: the shares of ``counts ** power``.

    >>> noise_distribution(torch.tensor([16, 1]))
    tensor([0.8889, 0.1111])
    """
    weights = counts.double() ** power
    return (weights / weights.sum()).to(torch.get_default_dtype())


def skipgram_pairs(corpus: Corpus, *, window: int = 5, generator: Generator | None = None) -> Int[Tensor, "p 2"]:
    """Every (centre, context) within one sentence: (P, 2).

    Args:
        corpus: the words.
        window: the furthest context. With a generator each centre draws its own reach from 1 to ``window``, so that
            near contexts come more often; without one every reach is ``window``.
        generator: of the reaches, on the CPU.

    Raises:
        ValueError: if the window is below 1.

    >>> skipgram_pairs(Corpus(torch.tensor([7, 8, 9]), torch.tensor([0, 0, 1])), window=2)
    tensor([[7, 8],
            [8, 7]])
    """
    if window < 1:
        raise ValueError(f"the window is {window}; expected 1 or more")
    n = len(corpus)
    reach = torch.full((n,), window)
    if generator is not None:
        reach = torch.randint(1, window + 1, (n,), generator=generator)
    pairs = []
    for distance in range(1, min(window, max(1, n - 1)) + 1):
        left = torch.arange(max(0, n - distance))
        left = left[corpus.sentence[left] == corpus.sentence[left + distance]]
        right = left + distance
        pairs += [torch.stack(side, 1)[reach[side[0]] >= distance] for side in ((left, right), (right, left))]
    return corpus.ids[torch.cat(pairs)] if pairs else corpus.ids.new_zeros(0, 2)


def cooccurrences(
    corpus: Corpus, *, size: int, window: int = 5, harmonic: bool = True
) -> tuple[Int[Tensor, "e 2"], Float[Tensor, " e"]]:
    """How often words stand near each other: the places (E, 2) of the entries above 0, in order, and those (E,).

    Args:
        corpus: the words.
        size: of the vocabulary.
        window: the furthest neighbour.
        harmonic: count a neighbour at distance k as 1/k, as GloVe does, rather than as 1.

    Raises:
        ValueError: if the window is below 1.

    >>> cooccurrences(Corpus(torch.tensor([0, 1, 2]), torch.zeros(3, dtype=torch.int64)), size=3, window=2)[1]
    tensor([1.0000, 0.5000, 1.0000, 1.0000, 0.5000, 1.0000])
    """
    if window < 1:
        raise ValueError(f"the window is {window}; expected 1 or more")
    places, values = [], []
    for distance in range(1, window + 1):
        left = torch.arange(max(0, len(corpus) - distance))
        left = left[corpus.sentence[left] == corpus.sentence[left + distance]]
        a, b = corpus.ids[left], corpus.ids[left + distance]
        places += [a * size + b, b * size + a]
        values += [torch.full((2 * len(left),), 1 / distance if harmonic else 1.0, dtype=torch.float64)]
    flat, inverse = torch.cat(places).unique(return_inverse=True)
    total = torch.zeros(len(flat), dtype=torch.float64).index_add_(0, inverse, torch.cat(values))
    return torch.stack([flat // size, flat % size], 1), total.to(torch.get_default_dtype())


def pmi_vectors(counts: Float[Tensor, "v v"], *, d: int, shift: float = 0.0) -> Float[Tensor, "v d"]:
    """Vectors without training: the positive part of PMI − shift, factorised; U √Σ of its d largest singular values.

    Args:
        counts: symmetric cooccurrences.
        d: components.
        shift: log k for skip-gram's.

    Raises:
        ValueError: if counts are not (V, V), or there are no d components.

    >>> pmi_vectors(torch.eye(3) + 1, d=2).shape
    torch.Size([3, 2])
    """
    inputs.features(counts, name="counts")
    inputs.components(d, most=min(counts.shape))
    c = counts.double()
    expected = c.sum(1, keepdim=True) * c.sum(0) / c.sum()
    pmi = torch.where(c > 0, (c / expected.clamp_min(1e-300)).clamp_min(1e-300).log() - shift, 0.0).clamp_min(0)
    u, s, _ = torch.linalg.svd(pmi, full_matrices=False)
    return (u[:, :d] * s[:d].sqrt()).to(counts)
