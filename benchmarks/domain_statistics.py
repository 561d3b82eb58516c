"""Batch normalisation with the statistics of both domains, or of the target: from one handwriting to another."""

import statistics
import warnings

from torch import Tensor

from benchmarks import kit
from benchmarks.domain_pairs import drawn, learned
from benchmarks.kit import Row
from labkit import domain, metrics, nets


def convolutional(x: Tensor) -> nets.Classifier:
    """A small network with batch normalisation."""
    return nets.CNN(x.shape[1], 10, width=16, depth=2, mean=0.3, std=0.4)


def measured(pair: str, seed: int) -> Row:
    """The accuracy in the target of each of the four."""
    x, y, z, test, truth = drawn(pair, seed)
    row: Row = {}
    for name, lambda_ in (("source", 0.0), ("dann", 1.0)):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*other shares.*")
            model = learned(x, y, z, lambda_, seed=seed, network=convolutional)
        row[name] = metrics.accuracy(metrics.predict(model, test), truth)
        domain.adapt_batch_norm(model, z)
        row[f"{name}, target"] = metrics.accuracy(metrics.predict(model, test), truth)
    return row


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
