r"""A translator that learns from pairs of sentences: a recurrent network with attention, small enough for a laptop.

    h_i = GRU(e(x_i), h_{i−1})                            what was read up to word i
    s_t = GRU(e(y_{t−1}), s_{t−1}),  s_0 = h_last         what was written up to word t
    a_ti ∝ exp(s_t · A h_i),  c_t = Σ_i a_ti h_i          where to look for the next word
    P(y_t | y_<t, x) = softmax(U tanh(W [s_t; c_t]))

Number 0 begins and ends a translation. Written word by word, it is the most probable word each time, or one drawn from
P^(1/τ): then a sentence has other translations in each call, which is what back-translation wants.

Source: M.-T. Luong, H. Pham, C. Manning, *Effective Approaches to Attention-based Neural Machine Translation*, 2015
(https://arxiv.org/abs/1508.04025).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from labkit.augment.text.classify import PADDING, UNKNOWN, Vocabulary
from labkit.augment.text.tokens import join, tokenize
from labkit.draws import uniform
from labkit.shapes import Float, Int


class TranslationNetwork(nn.Module):
    """Logits for the next word of a translation.

    Args:
        source: the size of the vocabulary that is read.
        target: the size of the vocabulary that is written.
        width: of the word vectors and of the memory.

    >>> x, y = torch.tensor([[2, 3, 0]]), torch.tensor([[4, 2]])
    >>> TranslationNetwork(5, 7)(x, y).shape        # one more: after the last word it may end
    torch.Size([1, 3, 7])
    """

    def __init__(self, source: int, target: int, *, width: int = 64) -> None:
        super().__init__()
        self.read, self.written = (nn.Embedding(n, width, padding_idx=PADDING) for n in (source, target))
        self.reader, self.writer = (nn.GRU(width, width, batch_first=True) for _ in range(2))
        self.attention = nn.Linear(width, width, bias=False)
        self.mix, self.head = nn.Linear(2 * width, width), nn.Linear(width, target)

    def memory(self, x: Int[Tensor, "b s"]) -> tuple[Tensor, Tensor, Tensor]:
        """h (B, S + 1, width), the state after the last word (1, B, width), where there are words (B, S + 1)."""
        x = F.pad(x, (0, 1), value=PADDING)  # a sentence may have no word
        words = x != PADDING
        h, _ = self.reader(self.read(x))
        last = (words.sum(1) - 1).clamp(min=0)
        return h, h[torch.arange(len(x), device=x.device), last][None], words

    def continue_(self, y: Tensor, state: Tensor, h: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, T, target) after each of the words ``y`` (B, T), and the state after the last."""
        s, state = self.writer(self.written(y), state)
        scores = (s @ self.attention(h).transpose(1, 2)).masked_fill(~words[:, None], -1e9)
        mixed = torch.tanh(self.mix(torch.cat([s, scores.softmax(2) @ h], 2)))
        return self.head(mixed), state

    def forward(self, x: Int[Tensor, "b s"], y: Int[Tensor, "b t"]) -> Float[Tensor, "b t1 k"]:
        """Logits (B, T + 1, target): entry t for the word that follows the first t words of ``y``."""
        h, state, words = self.memory(x)
        return self.continue_(F.pad(y, (1, 0), value=PADDING), state, h, words)[0]

    @torch.no_grad()
    def translate(
        self, x: Int[Tensor, "b s"], *, length: int = 40, temperature: float = 0.0, generator: Generator | None = None
    ) -> Int[Tensor, "b t"]:
        """Translations (B, T), T ≤ ``length``, filled up with 0.

        Args:
            x: (B, S), the numbers of the words, filled up with 0.
            length: the most words.
            temperature: τ; 0 takes the most probable word.
            generator: draws the words, where the temperature is above 0.

        Raises:
            ValueError: if the length is below 1 or the temperature below 0.
        """
        if length < 1 or not temperature >= 0:
            raise ValueError(f"length is {length} and temperature {temperature}; expected at least 1 and 0")
        h, state, words = self.memory(x)
        word, ended, written = x.new_zeros(len(x), 1), x.new_zeros(len(x), 1, dtype=torch.bool), []
        for _ in range(length):
            logits, state = self.continue_(word, state, h, words)
            logits[..., UNKNOWN] = -torch.inf
            if temperature:  # Gumbel's trick: the largest of logits/τ − ln(−ln u) is a draw from the softmax
                u = uniform(logits.shape, like=logits, generator=generator).clamp(1e-9, 1 - 1e-7)
                logits = logits / temperature - (-u.log()).log()
            word = logits.argmax(2).masked_fill(ended, PADDING)
            ended = ended | (word == PADDING)
            if bool(ended.all()):
                break
            written.append(word)
        return torch.cat(written, 1) if written else x.new_zeros(len(x), 0)


def translation_loss(network: nn.Module, x: Int[Tensor, "b s"], y: Int[Tensor, "b t"]) -> Float[Tensor, ""]:
    """The mean of −log P over all words of the translations ``y`` and their ends; both are filled up with 0.

    >>> net = TranslationNetwork(5, 7)
    >>> translation_loss(net, torch.tensor([[2, 3, 0]]), torch.tensor([[4, 2, 0]])).ndim
    0
    """
    logits = network(x, y)
    wanted = F.pad(y, (0, 1), value=PADDING)
    counts = F.pad(y != PADDING, (1, 0), value=True)
    return F.cross_entropy(logits[counts], wanted[counts])


@dataclass(frozen=True, repr=False)
class NetworkTranslator:
    """A trained network as a translator of texts, for ``BackTranslation``.

    Args:
        network: a ``TranslationNetwork``.
        source: the words it reads.
        target: the words it writes.
        temperature: 0 for the most probable words; above 0 they are drawn.
        generator: draws them.
    """

    network: TranslationNetwork
    source: Vocabulary
    target: Vocabulary
    temperature: float = 0.0
    generator: Generator | None = None

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The translations, one a text."""
        if not texts:
            return []
        device = next(self.network.parameters()).device
        x = self.source.encode([tokenize(text) for text in texts]).to(device)
        y = self.network.translate(x, temperature=self.temperature, generator=self.generator)
        return [join(words) for words in self.target.decode(y)]
