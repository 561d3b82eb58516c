"""The moving averages behind the warnings of ``domain`` and ``selftrain``, against a loop."""

import pytest
import torch

from labkit.train.shares import ClassShares


def batches(seed: int, n: int, classes: int):
    g = torch.Generator().manual_seed(seed)
    for _ in range(n):
        right = torch.rand(12, generator=g) < 0.9
        yield right, torch.randint(classes, (12,), generator=g), torch.randint(classes, (20,), generator=g)


def shares(values: torch.Tensor, classes: int) -> list[float]:
    return [float((values == c).double().mean()) for c in range(classes)]


def mixed(before: list[float], now: list[float]) -> list[float]:
    return [0.9 * a + 0.1 * b for a, b in zip(before, now)]


def test_the_averages_are_a_loops():
    watch, right, labels, guesses = ClassShares(), [0.0], [0.0] * 3, [0.0] * 3
    for i, (hits, y, seen) in enumerate(batches(0, 30, 3)):
        watch.add(hits, y, seen, classes=3)
        now = [float(hits.double().mean())], shares(y, 3), shares(seen, 3)
        right, labels, guesses = now if i == 0 else map(mixed, (right, labels, guesses), now)
    look = watch.look()
    assert look.right == pytest.approx(right[0], abs=1e-5)
    assert look.apart == pytest.approx(sum(abs(a - b) for a, b in zip(labels, guesses)) / 2, abs=1e-5)
    assert look.batches == 30


def test_what_a_model_guesses_before_it_is_right_is_forgotten():
    watch, y = ClassShares(restart_below=0.8), torch.tensor([0, 1])
    for _ in range(5):
        watch.add(torch.tensor([True, False]), y, torch.tensor([1, 1]), classes=2)
    assert watch.look() == (0.5, 0.5, 1)
    watch.add(torch.tensor([True, True]), y, torch.tensor([0, 1]), classes=2)
    assert watch.look() == (1.0, 0.0, 1)
    watch.add(torch.tensor([True, True]), y, torch.tensor([0, 1]), classes=2)
    assert watch.look().batches == 2


def test_nothing_to_look_at_is_named():
    with pytest.raises(ValueError, match="there was no batch yet"):
        ClassShares().look()
