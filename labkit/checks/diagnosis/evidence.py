"""What the signs look at: the first output that differs, as numbers, over all cases."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.checks.protocol import Case, Check, Compare, Outputs, plural
from labkit.checks.traces import BEGIN
from labkit.checks.values import agree, array, is_array, is_number

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """One case, what the answer gave, and what was expected."""

    case: Case
    given: Outputs
    expected: Outputs


@dataclass(frozen=True)
class Figures:
    """One case, with the output in question as numbers."""

    case: Case
    given: Numbers
    expected: Numbers


@dataclass(frozen=True)
class Evidence:
    """All that is known about a wrong answer.

    Attributes:
        pairs: every case on which there were outputs.
        failing: the positions among them of those that are wrong.
        reference: a right answer, to be called with other arguments.
        tried: runs an answer on the cases; see ``verdict.decide``.
        drew: whether it drew random numbers from a source of its own, and the reference did not.
    """

    check: Check
    pairs: Sequence[Pair]
    failing: Sequence[int]
    reference: Callable[..., Any] | None
    tried: Callable[[Any], Sequence[Any]]
    drew: bool = False

    @cached_property
    def output(self) -> str:
        """The name of the first output that differs; values before gradients."""
        names = [name for i in self.failing for name in self.pairs[i].expected]
        for name in sorted(dict.fromkeys(names), key=lambda n: n.startswith(BEGIN)):
            if any(not self.same(self.pairs[i], name) for i in self.failing):
                return name
        return ""

    @property
    def what(self) -> str:
        """How a sentence calls it."""
        prefix = "its value is right, but " if self.output.startswith(BEGIN) else ""
        return prefix + self.output

    @property
    def are(self) -> str:
        """``is``, or ``are``."""
        return "are" if plural(self.output) else "is"

    def same(self, pair: Pair, name: str) -> bool:
        """Whether an output is right on a case."""
        return name in pair.given and self.agree(pair.given[name], pair.expected.get(name))

    def agree(self, a: Any, b: Any) -> bool:
        """Whether two values are the same for this check."""
        return agree(a, b, atol=self.check.atol, rtol=self.check.rtol)

    @cached_property
    def figures(self) -> list[Figures]:
        """The output as numbers, case by case; empty unless it is numbers in every case."""
        pairs = [(p.case, p.given.get(self.output), p.expected.get(self.output)) for p in self.pairs]
        if not self.output or not all(numeric(given) and numeric(expected) for _, given, expected in pairs):
            return []
        return [Figures(case, numbers(given), numbers(expected)) for case, given, expected in pairs]

    @cached_property
    def wrong(self) -> list[Figures]:
        """The figures of the cases that failed in this output."""
        return [f for i, f in enumerate(self.figures) if i in self.failing and not self.agree(f.given, f.expected)]

    @cached_property
    def aligned(self) -> bool:
        """Whether there are figures, and all have the shape that was expected."""
        return bool(self.wrong) and all(f.given.shape == f.expected.shape for f in self.figures)

    @cached_property
    def telling(self) -> bool:
        """Whether the figures that are wrong are enough to see a rule in: four distinct numbers at least."""
        return len({round(float(v), 9) for f in self.wrong for v in f.expected.ravel()[:64]}) >= 4

    def fits(self, rule: Callable[[Figures], Any]) -> bool:
        """Whether ``rule(figures)`` gives what the answer gave, in every case."""
        for f in self.figures:
            with np.errstate(all="ignore"):
                result = rule(f)
            if result is None or not self.agree(f.given, np.asarray(result)):
                return False
        return bool(self.wrong)

    def part(self, name: str, pick: Callable[[Any], Any]) -> "Evidence | None":
        """What is known about one part of the output, such as a column; None if that part is right, or not everywhere.

        Args:
            name: what a sentence calls the part.
            pick: takes it from the output.
        """
        pairs = []
        for pair in self.pairs:
            if self.output not in pair.given or self.output not in pair.expected:
                return None
            try:
                given, expected = pick(pair.given[self.output]), pick(pair.expected[self.output])
            except (LookupError, TypeError, ValueError, AttributeError):
                return None
            pairs.append(Pair(pair.case, {name: given}, {name: expected}))
        wrong = [i for i, pair in enumerate(pairs) if not self.agree(pair.given[name], pair.expected[name])]
        if not wrong:
            return None
        return replace(self, pairs=pairs, failing=wrong, reference=None)  # who calls it gets the whole

    def arrays(self, case: Case) -> Iterator[tuple[str, Any]]:
        """The arguments of a case that are arrays with at least one dimension."""
        for name, value in self.call(case).items():
            if is_array(value) and len(value.shape) > 0:
                yield name, value

    def call(self, case: Case) -> dict[str, Any]:
        """The arguments of a case, by name."""
        if isinstance(self.check, Compare):
            return {k: v for k, v in case.items() if k in self.check.arguments(case)}
        return {k: v for k, v in case.items() if k != "case"}

    def batch(self, case: Case) -> int:
        """How many samples a case has: the length of its first array."""
        return next((int(value.shape[0]) for _, value in self.arrays(case)), 1)


def numeric(value: Any) -> bool:
    """Whether a value is real numbers, or truth values; so is a list of arrays of them."""
    if isinstance(value, list | tuple):
        return bool(value) and all(is_array(entry) and numeric(entry) for entry in value)
    return (is_array(value) and array(value).dtype.kind in "biuf") or is_number(value)


def truths(numbers: Numbers) -> bool:
    """Whether all entries are 0 or 1."""
    return bool(numbers.size) and bool(np.isin(numbers, (0.0, 1.0)).all())


def numbers(value: Any) -> Numbers:
    """A value as doubles; a list of arrays as one vector."""
    if isinstance(value, list | tuple):
        return np.concatenate([numbers(entry).ravel() for entry in value])
    return array(value).astype(np.float64)
