"""What every loader and simulator of this package returns: samples, labels, and where they come from.

A ``Dataset`` is a pair of tensors small enough to lie in memory, so a batch is an indexing operation and needs
no worker processes. Everything random takes a ``torch.Generator``: the same seed gives the same samples.

It is a data set of torch as well: ``DataLoader(dataset, batch_size=32, num_workers=2)`` works, with workers that are
forked and with workers that are spawned. What is drawn there, ``labkit.augment.workers`` says how to draw.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from torch import Tensor

AnyLabelled = TypeVar("AnyLabelled", bound="Labelled")


class DataError(OSError):
    """Data are missing, damaged or can't be fetched. The message says what to do."""


@dataclass(frozen=True)
class About:
    """Where data come from and what may be done with them.

    Attributes:
        name: what a person calls the data.
        licence: the terms, as their owner states them.
        citation: what to cite; empty where there is nothing to cite.
        source: where the data were published, or "simulated".
    """

    name: str
    licence: str
    citation: str = ""
    source: str = ""


class Labelled(ABC):
    """What a set of tensors and a set of texts have in common: drawing and splitting by class."""

    y: Tensor
    classes: tuple[str, ...]
    about: About

    @abstractmethod
    def take(self: AnyLabelled, index: Tensor) -> AnyLabelled:
        """The samples at ``index``, (M,) int64, in that order."""

    def __len__(self) -> int:
        return len(self.y)

    def subset(self: AnyLabelled, *, per_class: int, generator: torch.Generator | None = None) -> AnyLabelled:
        """``per_class`` samples of every class that occurs, drawn without replacement and shuffled.

        Raises:
            ValueError: if a class has fewer samples than that.
        """
        order, rank, counts = self._ranked(generator)
        smallest = int(counts[counts > 0].min())
        if not 1 <= per_class <= smallest:
            raise ValueError(f"per_class is {per_class}; expected 1 to {smallest}, the size of the smallest class")
        return self.take(order[rank < per_class])

    def split(
        self: AnyLabelled, *, test: float | int, generator: torch.Generator | None = None
    ) -> tuple[AnyLabelled, AnyLabelled]:
        """Training and test samples: shuffled, disjoint, together everything, and stratified where there are classes.

        Args:
            test: a float between 0 and 1: that share of every class; a whole number: so many samples of every
                class. A class that does not occur is left alone.
                Where ``y`` is no class, the share or the number of all samples.
            generator: where the shuffle comes from; torch's global one if None.

        Raises:
            ValueError: if ``test`` leaves a class without a training or without a test sample.
        """
        order, rank, counts = self._ranked(generator)
        wanted = torch.full_like(counts, test) if isinstance(test, int) else (counts * test).round().long()
        if bool(((counts > 0) & ((wanted < 1) | (wanted >= counts))).any()):
            raise ValueError(
                f"test is {test}; expected a share or a number that leaves every class "
                f"(sizes {counts.tolist()}) at least one sample on either side"
            )
        stratum = self._strata()[order]
        in_test = rank < wanted[stratum]
        return self.take(order[~in_test]), self.take(order[in_test])

    def _strata(self) -> Tensor:
        """The class of each sample on the CPU; one stratum where ``y`` is no class."""
        if self.classes and self.y.ndim == 1 and not self.y.is_floating_point():
            return (self.y - self.y.min().clamp_max(0)).cpu()  # a label below 0 means: not known
        return torch.zeros(len(self), dtype=torch.int64)

    def _ranked(self, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        """A shuffled order, each sample's rank within its class in that order, and the sizes of the classes."""
        if len(self) == 0:
            raise ValueError("the data set is empty; expected at least one sample")
        order = permutation(len(self), generator)
        stratum = self._strata()[order]
        counts = torch.bincount(stratum)
        by_class = stratum.argsort(stable=True)
        start = counts.cumsum(0) - counts
        rank = torch.empty_like(order)
        rank[by_class] = torch.arange(len(self)) - start[stratum[by_class]]
        return order, rank, counts


@dataclass(frozen=True, eq=False)
class Dataset(Labelled):
    """Samples as one tensor, with their labels.

    Images are float (N, C, H, W) in [0, 1], clips (N, T, C, H, W) in [0, 1], sounds (N, T) in [-1, 1], series
    (N, C, T), tables (N, K). Every tensor's first dimension counts the samples.

    Attributes:
        x: the samples.
        y: the labels: (N,) int64 into ``classes``, or float targets.
        classes: names of the classes; empty where ``y`` is no class.
        about: name, licence, citation, source.
        extra: whatever else is known of each sample, by name: a mask, an angle, a protected attribute.
        columns: names of the columns of a table ``x``; empty otherwise.
    """

    x: Tensor
    y: Tensor
    classes: tuple[str, ...]
    about: About
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lengths = {"x": len(self.x), "y": len(self.y)} | {name: len(value) for name, value in self.extra.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"a data set has as many labels as samples; these have lengths {lengths}")

    def __repr__(self) -> str:
        what = f"classes {', '.join(self.classes)}" if self.classes else f"targets {tuple(self.y.shape)}"
        return f"<{self.about.name}: {str(self.x.dtype).removeprefix('torch.')} {tuple(self.x.shape)}, {what}>"

    def take(self, index: Tensor) -> "Dataset":
        """The samples at ``index``, (M,) int64, in that order."""
        index = index.to(self.x.device)
        return replace(
            self, x=self.x[index], y=self.y[index], extra={name: value[index] for name, value in self.extra.items()}
        )

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        """Sample ``i`` and its label, as a ``torch.utils.data.DataLoader`` asks for them.

        ``batches`` is faster, because it takes a batch at once; several samples are ``take``.

        Raises:
            IndexError: if there is no such sample, or ``i`` is no whole number.
        """
        return self.x[_position(i, len(self))], self.y[i]

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data on another device."""
        extra = {name: value.to(device) for name, value in self.extra.items()}
        return replace(self, x=self.x.to(device), y=self.y.to(device), extra=extra)

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> "Batches":
        """Batches (x, y) of ``batch_size`` samples, to iterate over as often as you like.

        Args:
            batch_size: samples in a batch; the last batch of an epoch may be smaller.
            generator: where the order comes from; torch's global one if None.
            shuffle: whether each epoch has a fresh order.
            drop_last: leave out the last batch where it is smaller.

        Raises:
            ValueError: if ``batch_size`` is below 1.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; expected at least 1")
        return Batches(self.x, self.y, batch_size, generator, shuffle, drop_last)


@dataclass(frozen=True, eq=False)
class Batches:
    """Batches of a data set; every ``for`` over it is one epoch."""

    x: Tensor
    y: Tensor
    batch_size: int
    generator: torch.Generator | None
    shuffle: bool
    drop_last: bool

    def __len__(self) -> int:
        whole, rest = divmod(len(self.x), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = permutation(len(self.x), self.generator) if self.shuffle else torch.arange(len(self.x))
        order = order.to(self.x.device)
        for i in range(len(self)):
            index = order[i * self.batch_size : (i + 1) * self.batch_size]
            yield self.x[index], self.y[index]


@dataclass(frozen=True, eq=False)
class Texts(Labelled):
    """Sentences with labels. ``x`` is a tuple of strings; the rest is as in ``Dataset``."""

    x: tuple[str, ...]
    y: Tensor
    classes: tuple[str, ...]
    about: About

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"every text has one label; here are {len(self.x)} texts and {len(self.y)} labels")

    def __repr__(self) -> str:
        return f"<{self.about.name}: {len(self)} texts, classes {', '.join(self.classes)}>"

    def __getitem__(self, i: int) -> tuple[str, Tensor]:
        """Text ``i`` and its label, as a ``torch.utils.data.DataLoader`` asks for them.

        Raises:
            IndexError: if there is no such text, or ``i`` is no whole number.
        """
        return self.x[_position(i, len(self))], self.y[i]

    def take(self, index: Tensor) -> "Texts":
        """The texts at ``index``, (M,) int64, in that order."""
        return replace(self, x=tuple(self.x[i] for i in index.tolist()), y=self.y[index.to(self.y.device)])


def _position(i: int, n: int) -> int:
    """``i``, if it is the place of one of ``n`` samples, counted from 0 or backwards from −1.

    Raises:
        IndexError: saying what it is instead.
    """
    if not hasattr(i, "__index__") or (isinstance(i, Tensor) and i.ndim):
        raise IndexError(f"{i!r:.40} is no whole number; several samples are take(index)")
    if not -n <= (place := operator.index(i)) < n:
        raise IndexError(f"there is no sample {place}; expected {-n} to {n - 1}")
    return place


def permutation(n: int, generator: torch.Generator | None) -> Tensor:
    """A random order of ``n`` samples as an index on the CPU, wherever the generator lives."""
    device = generator.device if generator is not None else torch.device("cpu")
    return torch.randperm(n, generator=generator, device=device).cpu()
