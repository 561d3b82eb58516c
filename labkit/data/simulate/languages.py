"""Two languages that speak about one world, and never in the same sentence.

Each of n things has a place z in a space of meanings. A sentence has a theme c, and names what is near to it:

    P(thing | c) ∝ r^−0.7 exp(κ z · c)          |z| = |c| = 1, r: its rank by how often it is named

Both languages name the same things, each in its own words and its own sentences; in the second one, things are spoken
of somewhat differently (``drift``). So the two spaces of word vectors, each learned from its own sentences alone, have
the same shape, and differ by a rotation. After S. Arora and others, "A Latent Variable Model Approach to PMI-based Word
Embeddings", 2016.
"""

from dataclasses import dataclass

import torch

from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number
from labkit.shapes import Int, Tensor


@dataclass(frozen=True, eq=False)
class Languages:
    """Sentences of both languages, and what a bilingual person knows.

    Attributes:
        first, second: (sentences, length), numbers of words; the frequent words have small numbers in both.
        translation: (n,), entry i is the word of the second language that means what word i of the first one does.
    """

    first: Int[Tensor, "s l"]
    second: Int[Tensor, "s l"]
    translation: Int[Tensor, " n"]


def languages(
    words: int = 300,
    *,
    generator: torch.Generator | None = None,
    sentences: int = 6000,
    length: int = 10,
    dimensions: int = 16,
    sharpness: Number = 9.0,
    drift: Number = 0.1,
) -> Languages:
    """Two languages of as many ``words`` each, and sentences in both.

    Args:
        words: how many things have a name.
        generator: the source of all randomness, and the device.
        sentences: of each language.
        length: words in a sentence.
        dimensions: of the space of meanings.
        sharpness: κ, how closely a sentence keeps to its theme.
        drift: from 0 to 1, how far meanings in the second language are from those in the first.

    Raises:
        ValueError: if a number is impossible.
    """
    for number in (words, sentences, length, dimensions):
        draw.at_least_one(number)
    draw.within("drift", (drift, drift), 0, 1)
    z = torch.nn.functional.normalize(draw.normal(generator, (words, dimensions)), dim=1)
    other = torch.nn.functional.normalize(draw.normal(generator, (words, dimensions)), dim=1)
    moved = torch.nn.functional.normalize((1 - drift) * z + drift * other, dim=1)
    rank = torch.arange(1, words + 1, device=z.device)
    # A thing that is often spoken of here is so there, too, but the order differs a little.
    there = (rank.log() + 0.3 * draw.normal(generator, (words,))).argsort()
    spoken = [_spoken(m, sentences, length, float(sharpness), generator) for m in (z, moved[there])]
    return Languages(spoken[0], spoken[1], there.argsort())


def _spoken(z: Tensor, sentences: int, length: int, sharpness: float, generator: torch.Generator | None) -> Tensor:
    """Sentences about things at z, in the order of their frequency."""
    theme = torch.nn.functional.normalize(draw.normal(generator, (sentences, z.shape[1])), dim=1)
    frequency = -0.7 * torch.arange(1, len(z) + 1, device=z.device).log()
    p = (frequency + sharpness * theme @ z.T).softmax(1)
    return torch.multinomial(p, length, replacement=True, generator=generator)
