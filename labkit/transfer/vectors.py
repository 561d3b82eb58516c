"""Word vectors as one has them: neighbours, analogies, files, and a classifier of texts that begins with them.

    analogy     a : b = c : ?      argmax over words w ∉ {a, b, c} of cos(w, b − a + c)
    a text      the mean of the vectors of its known words, then a linear layer

The three words of the question must be excluded: without that the answer is c itself, or b, most of the time
(T. Linzen, "Issues in Evaluating Semantic Spaces Using Word Analogies", 2016).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit.shapes import Float, Int, Logits


@dataclass(frozen=True, eq=False)
class WordVectors:
    """A vector for each word.

    Attributes:
        words: the words, each once.
        x: (V, d).

    >>> vectors = WordVectors(("a", "b"), torch.eye(2))
    >>> vectors["b"]
    tensor([0., 1.])
    """

    words: tuple[str, ...]
    x: Float[Tensor, "v d"]

    def __post_init__(self) -> None:
        if len(self.words) != len(self.x):
            raise ValueError(f"there are {len(self.words)} words and {len(self.x)} vectors; expected as many")

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self.index

    @cached_property
    def index(self) -> dict[str, int]:
        """The number of each word."""
        return {word: i for i, word in enumerate(self.words)}

    def __getitem__(self, word: str) -> Float[Tensor, " d"]:
        if word not in self.index:
            raise KeyError(f"there is no vector for {word!r} among {len(self)} words")
        return self.x[self.index[word]]

    def nearest(
        self, query: str | Float[Tensor, " d"], *, k: int = 5, exclude: Sequence[str] = ()
    ) -> list[tuple[str, float]]:
        """The k words with the largest cosine, and it; a word that is asked about is not its own neighbour.

        Args:
            query: a word, or a vector.
            k: how many.
            exclude: words that are no answer.

        Raises:
            KeyError: if there is no vector for a word.

        >>> WordVectors(("a", "b", "c"), torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])).nearest("a", k=1)
        [('b', 0.995...)]
        """
        out = {query, *exclude} if isinstance(query, str) else set(exclude)
        q = self[query] if isinstance(query, str) else query
        cosine = functional.normalize(self.x, dim=1) @ functional.normalize(q.to(self.x), dim=0)
        cosine[[self.index[word] for word in out if word in self.index]] = -torch.inf
        best = cosine.topk(min(k, max(0, len(self) - len(out & set(self.words)))))
        return [(self.words[i], float(c)) for i, c in zip(best.indices.tolist(), best.values)]

    def analogy(self, a: str, b: str, c: str, *, k: int = 5, exclude: bool = True) -> list[tuple[str, float]]:
        """``a`` is to ``b`` as ``c`` is to …: the words nearest to b − a + c of the vectors of length 1.

        Args:
            a, b, c: the question.
            k: how many answers.
            exclude: whether its own words are no answer; switch it off to see why they must not be.

        Raises:
            KeyError: if there is no vector for a word.

        >>> x = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.1], [0.0, 1.0]])
        >>> WordVectors(("man", "king", "woman", "queen"), x).analogy("man", "king", "woman", k=1)[0][0]
        'queen'
        """
        left, right, other = (functional.normalize(self[word], dim=0) for word in (a, b, c))
        return self.nearest(right - left + other, k=k, exclude=(a, b, c) if exclude else ())

    def rows(self, words: Sequence[str], *, generator: Generator | None = None) -> Float[Tensor, "v d"]:
        """The vectors of other words in their order; a word without one gets a random one of the usual length.

        >>> WordVectors(("a", "b"), torch.eye(2)).rows(["b", "a"])
        tensor([[0., 1.],
                [1., 0.]])
        """
        found = torch.tensor([self.index.get(word, -1) for word in words], dtype=torch.int64)
        table = torch.randn(len(words), self.x.shape[1], generator=generator).to(self.x) * self.x.std()
        known = (found >= 0).to(self.x.device)
        table[known] = self.x[found[found >= 0].to(self.x.device)]
        return table


def load_vectors(path: str | Path, *, most: int | None = None) -> WordVectors:
    """Pretrained vectors from a file, the first ``most`` of them.

    Args:
        path: text as GloVe and fastText write it (a word and its numbers in each line, with or without a line of sizes
            first), or word2vec's binary format (a name that ends in ``.bin``).
        most: how many; files have the frequent words first.

    Raises:
        ValueError: if the file is neither; FileNotFoundError if there is none.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("cat 1.0 2.0\\ndog 3.0 4.0\\n")
    ...     file.flush()
    ...     load_vectors(file.name)["dog"]
    tensor([3., 4.])
    """
    path = Path(path)
    words, table = _binary(path, most) if path.suffix == ".bin" else _text(path, most)
    if not words:
        raise ValueError(
            f"{path.name} holds no vectors; expected a word and its numbers in each line, or word2vec's .bin"
        )
    first: dict[str, int] = {}
    for i, word in enumerate(words):
        first.setdefault(word, i)
    return WordVectors(tuple(first), torch.from_numpy(table[list(first.values())]))


def _text(path: Path, most: int | None) -> tuple[list[str], np.ndarray]:
    """Words and vectors of a text file."""
    words: list[str] = []
    rows: list[np.ndarray] = []
    width = 0
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines):
            head, *numbers = line.rstrip().split(" ")
            if number == 0 and len(numbers) == 1:
                continue  # fastText says how many words and dimensions there are
            width = width or len(numbers)
            if len(numbers) < width or width < 2:
                raise ValueError(f"line {number + 1} of {path.name} is no word with {width or 'some'} numbers")
            # A word of GloVe's largest file may hold blanks.
            words.append(" ".join([head, *numbers[: len(numbers) - width]]))
            try:
                rows.append(np.array(numbers[len(numbers) - width :], dtype=np.float32))
            except ValueError:
                raise ValueError(f"line {number + 1} of {path.name} is no word with {width} numbers") from None
            if len(words) == most:
                break
    return words, np.stack(rows) if rows else np.zeros((0, 1), np.float32)


def _binary(path: Path, most: int | None) -> tuple[list[str], np.ndarray]:
    """Words and vectors of a file in word2vec's binary format."""
    with path.open("rb") as file:
        sizes = file.readline().split()
        if len(sizes) != 2 or not all(size.isdigit() for size in sizes):
            raise ValueError(
                f"{path.name} does not begin with the number of words and dimensions, as word2vec's .bin does"
            )
        n, d = (int(size) for size in sizes)
        words: list[str] = []
        rows: list[np.ndarray] = []
        for _ in range(min(n, most or n)):
            letters = bytearray()
            while (letter := file.read(1)) not in (b" ", b""):
                letters += letter
            numbers = file.read(4 * d)
            if len(numbers) < 4 * d:
                raise ValueError(f"{path.name} ends after {len(words)} of {n} words")
            words.append(letters.decode("utf-8", "replace").lstrip("\n"))
            rows.append(np.frombuffer(numbers, dtype="<f4"))
    return words, np.stack(rows).copy() if rows else np.zeros((0, 1), np.float32)


class BagOfVectors(nn.Module):
    """A classifier of texts: the mean of the words' vectors, then a linear layer.

    Args:
        vectors: (V, d), what to begin with: pretrained ones, or random ones for learning from scratch.
        classes: the number of logits.
        frozen: whether the vectors stay as they are.

    >>> model = BagOfVectors(torch.eye(3), classes=2)
    >>> model.features(torch.tensor([[0, 2, -1], [-1, -1, -1]]))
    tensor([[0.5000, 0.0000, 0.5000],
            [0.0000, 0.0000, 0.0000]])
    """

    def __init__(self, vectors: Float[Tensor, "v d"], *, classes: int, frozen: bool = True) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors.detach().clone(), requires_grad=not frozen)
        self.head = nn.Linear(vectors.shape[1], classes, device=vectors.device, dtype=vectors.dtype)

    def features(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b d"]:
        """The mean vector of each row's words; −1 is no word."""
        there = (ids >= 0).to(self.vectors)
        total = torch.einsum("bl,bld->bd", there, self.vectors[ids.clamp_min(0)])
        return total / there.sum(1, keepdim=True).clamp_min(1)

    def forward(self, ids: Int[Tensor, "b l"]) -> Logits:
        """Logits (B, classes)."""
        return self.head(self.features(ids))
