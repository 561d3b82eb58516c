"""A GAN of text: the experiment behind the part ``text`` of ``benchmarks/results/gan.md``.

The language has 110 sentences of five letters: 3+4=7, 9-2=7, and so on, with results from 0 to 9. Eighty are known.
"""

import time

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import kit
from benchmarks.kit import Row, seeded
from labkit import gan, nets, train

LETTERS = "0123456789+-="
SUMS = [f"{a}+{b}={a + b}" for a in range(10) for b in range(10 - a)]
SUMS += [f"{a}-{b}={a - b}" for a in range(10) for b in range(a + 1)]
LENGTH, KINDS = 5, len(LETTERS)
WRITTEN = 1000


def coded(sentences: list[str]) -> Tensor:
    """Sentences as numbers of letters, (n, 5)."""
    return torch.tensor([[LETTERS.index(letter) for letter in sentence] for sentence in sentences])


def read(codes: Tensor) -> list[str]:
    """Numbers of letters as sentences."""
    return ["".join(LETTERS[i] for i in row) for row in codes.tolist()]


def letters(known: Tensor, g: torch.Generator) -> Tensor:
    """Each letter drawn alone, as often as it stands at its place."""
    return torch.stack([known[torch.randint(len(known), (WRITTEN,), generator=g), i] for i in range(LENGTH)], 1)


def bigrams(known: Tensor, g: torch.Generator) -> Tensor:
    """Each letter drawn by the one before it, as often as it follows that one at its place."""
    text = letters(known, g)[:, :1]
    for i in range(1, LENGTH):
        follows = torch.zeros(KINDS, KINDS)
        follows.index_put_((known[:, i - 1], known[:, i]), torch.ones(len(known)), accumulate=True)
        text = torch.cat([text, torch.multinomial(follows[text[:, -1]], 1, generator=g)], 1)
    return text


class Reader(nn.Module):
    """A GRU that gives the logits of each next letter."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(KINDS, 64, batch_first=True), nn.Linear(64, KINDS)

    def forward(self, codes: Tensor) -> Tensor:
        before = functional.pad(functional.one_hot(codes, KINDS).float(), (0, 0, 1, 0))
        return self.head(self.gru(before)[0])


def language_model(known: Tensor, g: torch.Generator, *, steps: int) -> Tensor:
    """Maximum likelihood: a GRU that has learned the next letter."""
    net = Reader()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(steps):
        batch = known[torch.randint(len(known), (64,), generator=g)]
        train.descend(optimizer, functional.cross_entropy(net(batch)[:, :-1].flatten(0, 1), batch.flatten()))
    text = torch.zeros(WRITTEN, 0, dtype=torch.int64)
    with torch.no_grad():
        for _ in range(LENGTH):
            text = torch.cat([text, torch.multinomial(net(text)[:, -1].softmax(-1), 1, generator=g)], 1)
    return text


def text_gan(known: Tensor, g: torch.Generator, *, steps: int, tau: float = 0.5) -> Tensor:
    """A GAN whose generator chooses its letters by ``gan.gumbel_softmax``."""
    leaky = nn.LeakyReLU(0.2)
    G = nn.Sequential(nn.Linear(16, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, LENGTH * KINDS))
    D = nn.Sequential(
        nn.Flatten(), nn.Linear(LENGTH * KINDS, 128), leaky, nn.Linear(128, 128), leaky, nn.Linear(128, 1)
    )
    optimizer, optimizer_d = (torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.999)) for net in (G, D))

    def write(n: int) -> Tensor:
        logits = G(torch.randn(n, 16, generator=g)).unflatten(1, (LENGTH, KINDS))
        return gan.gumbel_softmax(logits, tau=tau, generator=g)

    x = functional.one_hot(known, KINDS).float()
    for _ in range(steps):
        real, fake = x[torch.randint(len(x), (64,), generator=g)], write(64)
        train.descend(optimizer_d, gan.discriminator_loss(D(real)[:, 0], D(fake.detach())[:, 0]))
        train.descend(optimizer, gan.generator_loss(D(fake)[:, 0]))
    with torch.no_grad():
        return write(WRITTEN).argmax(-1)


def measures(codes: Tensor, known: set[str]) -> Row:
    """Of a thousand sentences: the share that is true, how many true ones differ, and how many of these are new."""
    true = [sentence for sentence in read(codes) if sentence in SUMS]
    return {
        "true": len(true) / len(codes),
        "different": len(set(true)),
        "new": len(set(true) - known),
        "true and new": sum(sentence not in known for sentence in true) / len(codes),
    }


def text(seed: int) -> list[Row]:
    """A row for each way to write: eighty known sentences, drawn anew with each seed."""
    known = coded(SUMS)[torch.randperm(len(SUMS), generator=seeded(seed))[:80]]
    ways = {
        "known sentences": lambda g: known[torch.randint(80, (WRITTEN,), generator=g)],
        "letters alone": lambda g: letters(known, g),
        "bigrams": lambda g: bigrams(known, g),
        "language model (GRU), 500 steps": lambda g: language_model(known, g, steps=500),
        "GAN, 1500 steps, τ = 0.5": lambda g: text_gan(known, g, steps=1500),
        "GAN, 1500 steps, τ = 2": lambda g: text_gan(known, g, steps=1500, tau=2.0),
    }
    rows = []
    for name, write in ways.items():
        begun = time.process_time()
        with nets.seeded_weights(seed):
            codes = write(seeded(seed))
        seconds = time.process_time() - begun
        rows.append({"writer": name} | measures(codes, set(read(known))) | {"cpu seconds": seconds})
    return rows


WORDS = """A language of 110 sentences: sums and differences of digits whose result is a digit, such as 3+4=7. Eighty
are known, drawn anew with each of {} seeds; each way writes a thousand. True: the share that is right. Different: how
many of the 110 are among these. New: how many of the 30 that were not known. Letters alone have the right frequencies
at each place. The language model learns the next letter by maximum likelihood. The GAN chooses by the straight-through
Gumbel-softmax at temperature τ."""


def show_text(rows: list[Row]) -> str:
    """A line for each way to write."""
    columns = {name: name for name in ("true", "different", "new", "cpu seconds")}
    table = kit.means(rows, "writer", columns, percent=("true",), corner="writer")
    return f"{kit.flow(WORDS.format(len(kit.groups(rows, 'seed'))))}\n\n{table}"
