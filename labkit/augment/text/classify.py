"""Small classifiers of sentences: one that counts words, and one that sees their order.

A vocabulary numbers the words of a training set; 0 is padding and 1 any word it doesn't hold. The bag of words adds
up the weights of the words it sees, ``logits = b + Σ_i w(x_i)``: a permutation of the words changes nothing. The
convolutional network looks at k neighbours at a time and keeps the strongest answer of each filter::

    h_i = relu(W [e(x_i); …; e(x_{i+k−1})] + c),    logits = U max_i h_i + d

Source: Y. Kim, *Convolutional Neural Networks for Sentence Classification*, 2014 (https://arxiv.org/abs/1408.5882).
"""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from labkit.augment.text.tokens import Words, examined
from labkit.shapes import Float, Int

PADDING, UNKNOWN = 0, 1


class Vocabulary:
    """The words of some sentences, numbered from 2, the most frequent first.

    Args:
        sentences: to take the words from; capitals don't count.
        least: how often a word must occur.

    Raises:
        ValueError: if a sentence isn't a token list.

    >>> v = Vocabulary([["A", "film"], ["a", "plot"]])
    >>> len(v), v.encode([["a", "Plot", "?"], ["film"]])
    (5, tensor([[2, 4, 1],
            [3, 0, 0]]))
    >>> v.decode(torch.tensor([[2, 4, 1], [3, 0, 0]]))
    [['a', 'plot', '?'], ['film']]
    """

    def __init__(self, sentences: Sequence[Words], *, least: int = 1) -> None:
        counts = Counter(word.lower() for words in examined(sentences) for word in words)
        frequent = sorted((word for word, c in counts.items() if c >= least), key=lambda word: (-counts[word], word))
        self.numbers = {word: i + 2 for i, word in enumerate(frequent)}
        forms = Counter(word for words in sentences for word in words)
        spelling = {form.lower(): form for form, _ in sorted(forms.items(), key=lambda item: (item[1], item[0]))}
        self.spelling = ["", "?", *(str(spelling[word]) for word in frequent)]

    def __len__(self) -> int:
        return len(self.numbers) + 2

    def encode(self, sentences: Sequence[Words]) -> Int[Tensor, "b t"]:
        """The numbers of the words (B, T), filled up with 0 to the longest sentence."""
        rows = [[self.numbers.get(word.lower(), UNKNOWN) for word in words] for words in examined(sentences)]
        longest = max((len(row) for row in rows), default=0)
        filled = [row + [PADDING] * (longest - len(row)) for row in rows]
        return torch.tensor(filled, dtype=torch.long).view(len(rows), longest)

    def decode(self, codes: Int[Tensor, "b t"]) -> list[list[str]]:
        """The words (B lists) of rows of numbers, each as it was mostly written; "?" for 1, and nothing for 0."""
        return [[self.spelling[k] for k in row if k != PADDING] for row in codes.tolist()]


class BagOfWords(nn.Module):
    """A linear classifier of word counts.

    Args:
        words: the size of the vocabulary.
        classes: how many.

    >>> BagOfWords(7, 2)(torch.tensor([[2, 3, 0]])).shape
    torch.Size([1, 2])
    """

    def __init__(self, words: int, classes: int) -> None:
        super().__init__()
        self.weights = nn.EmbeddingBag(words, classes, mode="sum", padding_idx=PADDING)
        self.bias = nn.Parameter(torch.zeros(classes))
        nn.init.zeros_(self.weights.weight)

    def forward(self, x: Int[Tensor, "b t"]) -> Float[Tensor, "b k"]:
        """Logits (B, K)."""
        logits: Tensor = self.weights(x) + self.bias
        return logits


class WordCNN(nn.Module):
    """A convolution over word vectors, and the maximum over the sentence.

    Args:
        words: the size of the vocabulary.
        classes: how many.
        width: of the word vectors and the number of filters.
        kernel: how many neighbours a filter sees.
        dropout: the share of filters that are dropped in training.

    >>> WordCNN(7, 2)(torch.tensor([[2, 3, 0]])).shape
    torch.Size([1, 2])
    """

    def __init__(self, words: int, classes: int, *, width: int = 32, kernel: int = 3, dropout: float = 0.2) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, width, padding_idx=PADDING)
        self.filters = nn.Conv1d(width, width, kernel, padding=kernel - 1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Int[Tensor, "b t"]) -> Float[Tensor, "b k"]:
        """Logits (B, K)."""
        h = self.filters(self.vectors(x).transpose(1, 2)).relu()
        logits: Tensor = self.head(self.dropout(h.amax(dim=2)))
        return logits
