"""Plans of a whole batch, written shortly: only what changes, until somebody asks for a plan.

Most changes touch one or two words of a sentence. A plan names every token (see ``edits``), so to write it down and to
read it again costs more than the change. A batch of short plans holds the changes alone, and makes the new sentences
from them; as a sequence it is the plans: ``plans[k]`` is the plan of sentence k, worked out when it is asked for.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, overload

from labkit.augment.text.edits import Plan, insertion_plan
from labkit.augment.text.tokens import Words


class ShortPlans(Sequence[Plan]):
    """Plans for sentences of the given ``lengths``, of which ``changes`` holds what is different.

    >>> list(Swaps([2, 3], [(), (0, 2)]))
    [[0, 1], [2, 1, 0]]
    """

    def __init__(self, lengths: Sequence[int], changes: Sequence[Any]) -> None:
        self.lengths, self.changes = lengths, changes

    def __len__(self) -> int:
        return len(self.changes)

    @overload
    def __getitem__(self, k: int) -> Plan: ...

    @overload
    def __getitem__(self, k: slice) -> "ShortPlans": ...

    def __getitem__(self, k: int | slice) -> "Plan | ShortPlans":
        if isinstance(k, slice):
            return type(self)(self.lengths[k], self.changes[k])
        return self.plan(self.lengths[k], self.changes[k])

    def __iter__(self) -> Iterator[Plan]:
        return map(self.plan, self.lengths, self.changes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))

    @abstractmethod
    def plan(self, length: int, change: Any) -> list[Any]:
        """The plan of one sentence."""

    @abstractmethod
    def rewrite(self, x: Sequence[Words]) -> list[list[str]]:
        """The sentences that the plans make."""


class Swaps(ShortPlans):
    """Places whose tokens are exchanged, pair after pair: (i, j, i, j, …)."""

    def plan(self, length: int, change: Sequence[int]) -> list[int]:
        """The places, exchanged."""
        return _exchanged(list(range(length)), change)

    def rewrite(self, x: Sequence[Words]) -> list[list[str]]:
        """The words, exchanged."""
        sentences = list(map(list, x))
        for words, change in zip(sentences, self.changes):
            if len(change) == 2:
                i, j = change
                words[i], words[j] = words[j], words[i]
            elif change:
                _exchanged(words, change)
        return sentences


class Deletions(ShortPlans):
    """Places whose tokens are left out, the last one first."""

    def plan(self, length: int, change: Sequence[int]) -> list[int]:
        """The places that stay."""
        return _without(list(range(length)), change)

    def rewrite(self, x: Sequence[Words]) -> list[list[str]]:
        """The words that stay."""
        sentences = list(map(list, x))
        for words, change in zip(sentences, self.changes):
            for i in change:
                del words[i]
        return sentences


class Insertions(ShortPlans):
    """New tokens, (place, token) each, before the old token at that place, in the order in which they stand."""

    def plan(self, length: int, change: Sequence[tuple[int, str]]) -> list[Any]:
        """The old places, and the new tokens between them."""
        return insertion_plan(length, change)

    def rewrite(self, x: Sequence[Words]) -> list[list[str]]:
        """The words, and the new tokens between them."""
        sentences = list(map(list, x))
        for words, change in zip(sentences, self.changes):
            for place, token in reversed(change):
                words.insert(place, token)
        return sentences


def _exchanged(items: list[Any], pairs: Sequence[int]) -> list[Any]:
    """The list with the entries at some pairs of places exchanged, one pair after the other."""
    for i, j in zip(pairs[::2], pairs[1::2]):
        items[i], items[j] = items[j], items[i]
    return items


def _without(items: list[Any], places: Sequence[int]) -> list[Any]:
    """The list without the entries at some places, the last one first."""
    for i in places:
        del items[i]
    return items
