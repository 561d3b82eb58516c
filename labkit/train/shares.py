"""Whether a model's guesses hold the classes in other shares than the labels do: for steps that warn of it."""

from typing import NamedTuple

import torch
from torch import Tensor

from labkit.shapes import Int


class Look(NamedTuple):
    """What the averages say: how often the model is right, ½ Σ |share among guesses − share among labels|, and over how
    many batches."""

    right: float
    apart: float
    batches: int


class ClassShares:
    """Moving averages of how often a model is right, and of the shares of the classes among labels and among guesses.

    The averages stay on the device; only ``look`` waits for it.

    Args:
        memory: the weight of the past against one batch.
        restart_below: while the model is right less often, the past is forgotten: what it guesses then says nothing.

    >>> shares = ClassShares()
    >>> shares.add(torch.tensor([True, True]), torch.tensor([0, 1]), torch.tensor([1, 1]), classes=2)
    >>> shares.look()
    Look(right=1.0, apart=0.5, batches=1)
    """

    def __init__(self, *, memory: float = 0.9, restart_below: float = 0.0) -> None:
        self.memory, self.restart_below = memory, restart_below
        self._averages: Tensor | None = None
        self._batches: Tensor | None = None

    def add(self, right: Tensor, y: Int[Tensor, " b"], guesses: Int[Tensor, " n"], *, classes: int) -> None:
        """Take in a batch.

        Args:
            right: for each labelled sample whether the model is right.
            y: their labels.
            guesses: the classes that the model gives to other samples.
        """
        counts = [torch.bincount(each, minlength=classes)[:classes] / len(each) for each in (y, guesses)]
        now = torch.cat([right.to(counts[0].dtype).mean()[None], *counts])
        if self._averages is None or self._batches is None:
            self._averages, self._batches = now, now.new_zeros(())
        forget = self._averages[0] < self.restart_below
        self._averages = self.memory * torch.where(forget, now, self._averages) + (1 - self.memory) * now
        self._batches = torch.where(forget, 0, self._batches) + 1

    def look(self) -> Look:
        """What the averages say now.

        Raises:
            ValueError: if no batch was taken in.
        """
        if self._averages is None or self._batches is None:
            raise ValueError("there was no batch yet: call add first")
        labels, guesses = self._averages[1:].chunk(2)
        right, apart, batches = torch.stack(
            [self._averages[0], (guesses - labels).abs().sum() / 2, self._batches]
        ).tolist()
        return Look(right, apart, int(batches))
