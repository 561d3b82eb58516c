"""Batch normalisation with the statistics of both domains, or of the target: from one handwriting to another."""

import statistics
import warnings

import torch
from torch import Tensor

from benchmarks import kit
from benchmarks.domain_pairs import EPOCHS, PAIRS
from benchmarks.kit import Row, seeded
from labkit import domain, metrics, nets, train


def learned(x: Tensor, y: Tensor, z: Tensor, *, adapt: bool, seed: int) -> nets.Classifier:
    """A small network with batch normalisation, trained with DANN or on the source alone."""
    torch.manual_seed(seed)
    model = nets.CNN(1, 10, width=16, depth=2, mean=0.3, std=0.4)
    discriminator = domain.domain_discriminator(model.width, hidden=(64,))
    optimizer = torch.optim.SGD([*model.parameters(), *discriminator.parameters()], 0.01, momentum=0.9)
    batches = domain.DomainBatches(x, y, z, batch_size=64, generator=seeded(seed))
    step = domain.dann(model, discriminator, optimizer) if adapt else domain.source_only(model, optimizer)
    decay = domain.anneal_lr(optimizer, steps=EPOCHS * len(batches))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*other shares.*")
        train.fit(step, batches, epochs=EPOCHS, on_step=decay)
    return model


def measured(pair: str, seed: int) -> Row:
    """The accuracy in the target of each of the four."""
    (x, y), (z, w) = (draw(s) for draw, s in zip(PAIRS[pair], (seed, seed + 500)))
    x, y, z, test, truth = x[:1300], y[:1300], z[:1300], z[1300:], w[1300:]
    row: Row = {}
    for name, adapt in (("source", False), ("dann", True)):
        model = learned(x, y, z, adapt=adapt, seed=seed)
        row[name] = metrics.accuracy(metrics.predict(model, test), truth)
        domain.adapt_batch_norm(model, z)
        row[f"{name}, target"] = metrics.accuracy(metrics.predict(model, test), truth)
    return row


def measure(runs: kit.Runs) -> None:
    """All pairs, from every seed."""
    kit.real_data("MNIST")
    for name in PAIRS:
        for seed in runs.seeds:
            runs.once(measured, pair=name, seed=seed)


def show(rows: list[Row]) -> str:
    """A line a pair."""
    lines = []
    for (name,), same in kit.groups(rows, "pair").items():
        cells = [kit.mean(same, key, percent=True, digits=1) for key in KEYS]
        gains = [100 * statistics.mean(row[f"{key}, target"] - row[key] for row in same) for key in ("source", "dann")]
        lines.append([name, *cells, *(f"{gain:+.1f}" for gain in gains)])
    head = ["", "source only", "target's statistics", "DANN", "target's statistics", "gain", "gain with DANN"]
    return f"{kit.flow(WORDS)}\n\n{kit.table(head, lines)}"


KEYS = ("source", "source, target", "dann", "dann, target")
WORDS = """
    The same pairs, with a network of two convolutions (16 and 32 channels) and batch normalisation, trained for 15
    epochs (600 steps) on 1,300 images of each domain; DANN as it is by default. Per cent right of about 500 others of
    the target, predicted with the running statistics of training (of the source, with DANN of both domains), and with
    those of the target by `domain.adapt_batch_norm`. *Gain*: what the target's statistics add, the mean.
    """
