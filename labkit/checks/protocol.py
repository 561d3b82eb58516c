"""What a check is: one specification of a right answer, in two halves.

The first half stands in ``labkit/checks/<topic>.py`` and goes wherever students' code runs: it makes ``cases`` from a
seed and ``run``s the answer on one. The second half stands in ``labkit/checks/answers/<topic>.py`` and stays with the
judge: the reference, the mistakes that students make, and how outputs are judged where comparing is not enough
(``labkit.checks.bank``). Only values travel between the halves, so the verdict can be given elsewhere: in the notebook,
in pytest, or outside the sandbox under a seed that the student's code could not know.

    class Double(Compare):
        "Each number twice."

        key = "sample.double"
        returns = "the doubled numbers"

        def cases(self, g):
            yield {"case": "one number", "x": torch.randn(1, generator=g)}
            yield {"case": "a table", "x": torch.randn(2, 3, generator=g)}
"""

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labkit.checks import traces
from labkit.checks.kinds import figures, tables
from labkit.checks.values import (
    Unsendable,
    Value,
    agree,
    array,
    describe,
    dtype_of,
    is_array,
    is_module,
    is_number,
    is_tensor,
)

Case = dict[str, Any]
"""One call's arguments by name, in the order of the answer's parameters, and under ``"case"`` what is special in it."""

Outputs = dict[str, Value]
"""What one call gave back, by name: values that can travel and nothing else."""

PUBLIC_SEEDS = (1, 2, 3)
"""The seeds that the notebook uses. The grader draws its own."""


class Wrong(AssertionError):
    """An answer is wrong; the sentence names the mistake.

    Args:
        sentence: the mistake, in one or two sentences that a student understands.
        expected: what was expected, if it helps to see it.
        given: what the answer gave instead.
    """

    named = True
    """Whether the sentence names the mistake, or only says that something differs."""

    of_gradient = False
    """Whether values are right and only a gradient is not."""

    def __init__(self, sentence: str, *, expected: object = None, given: object = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.expected = None if expected is None else describe(expected)
        self.given = None if given is None else describe(given)


class Differs(Wrong):
    """An output differs, and no sentence names the mistake yet."""

    named = False


class Check(ABC):
    """The half of a check that runs where the student's code lives. One instance is made of each class.

    Attributes:
        key: ``"<topic>.<name>"``, as the notebook's check cell writes it.
        points: what it is worth in the exercise.
        seeds: how many seeds a verdict needs; one is enough if a run is costly and looks at many samples.
        changes: the arguments that the exercise asks to change, or one aspect of them (``"model.weights"``). Their new
            values are compared; any other change of an argument is a mistake.
        ignores: the arguments, or aspects of them, that may change freely (``"model.modes"``).
        atol, rtol: how far numbers of a right answer may be from the reference's.
        dtype: whether an array must have the reference's dtype.
        rng: what ``cases`` draws from: ``"torch"`` for a ``torch.Generator``, ``"numpy"`` for NumPy's, ``"python"`` for
            a ``random.Random``.
        answer_key: gives the other half of a course's own check, which isn't among labkit's.
    """

    key: ClassVar[str]
    points: ClassVar[int] = 1
    seeds: ClassVar[int] = 3
    changes: ClassVar[Sequence[str]] = ()
    ignores: ClassVar[Sequence[str]] = ()
    atol: ClassVar[float] = 1e-5
    rtol: ClassVar[float] = 1e-4
    dtype: ClassVar[bool] = True
    rng: ClassVar[str] = "torch"
    answer_key: ClassVar[Any] = None

    @property
    def public_seeds(self) -> tuple[int, ...]:
        """The seeds under which a notebook tries an answer."""
        return PUBLIC_SEEDS[: self.seeds]

    @property
    def name(self) -> str:
        """The name of the student's function in sentences."""
        return self.key.partition(".")[2]

    @property
    def returned(self) -> tuple[str, ...]:
        """The names of the outputs that the answer returns; empty where they are not known."""
        return ()

    def inputs(self, seed: int) -> list[Case]:
        """The cases of a seed, the smallest first; the same for the same seed."""
        return list(self.cases(generator(self.rng, seed)))

    def cases(self, g: Any) -> Iterable[Case]:
        """The cases to try, with numbers drawn from ``g``. A check defines either ``cases`` or ``inputs``."""
        raise NotImplementedError(f"{type(self).__name__} has neither cases nor inputs")

    @abstractmethod
    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the student's answer on one case. It runs where the student's code lives, and it decides nothing."""


def generator(kind: str, seed: int) -> Any:
    """A source of random numbers; see ``Check.rng``."""
    if kind == "torch":
        import torch

        return torch.Generator().manual_seed(seed)
    if kind == "numpy":
        import numpy as np

        return np.random.default_rng(seed)
    if kind == "python":
        return random.Random(seed)
    raise ValueError(f"`rng` is {kind!r}; expected 'torch', 'numpy' or 'python'")


class Compare(Check):
    """A check whose answer must agree with the reference on every case. ``run`` calls the answer once.

    Attributes:
        returns: the name of the output in sentences (``"the attacked picture"``); several names if the answer returns
            a tuple.
        keywords: the arguments that are passed by name; all others go by position, in the order of the case.
        drawn: the parts that count if the answer is a figure; see ``labkit.checks.kinds.figures``.
        number: whether the answer is one number, in any form: its shape and dtype don't matter.
        gradients: the tensors among the arguments that must get a gradient where they get one in the reference. The
            weights of modules among the arguments are always included.
        no_gradients: the reason why no gradient is asked for, although the reference has one.
    """

    returns: ClassVar[str | tuple[str, ...]] = "the result"
    keywords: ClassVar[Sequence[str]] = ()
    number: ClassVar[bool] = False
    drawn: ClassVar[Sequence[str]] = figures.PARTS
    gradients: ClassVar[Sequence[str]] = ()
    no_gradients: ClassVar[str] = ""

    @property
    def returned(self) -> tuple[str, ...]:
        """The names of the outputs that the answer returns."""
        return (self.returns,) if isinstance(self.returns, str) else tuple(self.returns)

    def arguments(self, case: Case) -> dict[str, Any]:
        """The arguments of the answer, by name: everything in the case but its title."""
        return {name: value for name, value in case.items() if name != "case"}

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the answer. Return its outputs, the gradients through them, and the arguments that it should change."""
        arguments = self.arguments(case)
        arguments |= traces.leaves(arguments, self.gradients)
        own = {name: value for name, value in arguments.items() if value is not case.get(name)}
        changed = traces.watch(own, (*self.changes, *self.ignores))  # who runs the check looks at the case's own values
        positional = [value for name, value in arguments.items() if name not in self.keywords]
        result = answer(*positional, **{name: arguments[name] for name in self.keywords if name in arguments})
        outputs = self.outputs(result)
        if sentence := changed():
            raise Wrong(sentence)
        slopes = traces.gradients(outputs, arguments, self.gradients)
        return outputs | slopes | traces.states(arguments, self.changes)

    def outputs(self, result: Any) -> Outputs:
        """The answer's outputs, by the names in ``returns``.

        Raises:
            Wrong: if something else came back, most often None because a ``return`` is missing.
        """
        names = self.returned
        if len(names) == 1:
            return {names[0]: self.entry(result)}
        if result is None:
            raise Wrong(f"{self.name} returned nothing: is a `return` missing?")
        expected = ", ".join(name.removeprefix("the ") for name in names)
        if not isinstance(result, tuple | list):
            raise Wrong(f"{self.name} returned {one(result)}; expected {len(names)} values: {expected}")
        if len(result) != len(names):
            raise Wrong(f"{self.name} returned {len(result)} values; expected {len(names)}: {expected}")
        return {name: self.entry(value) for name, value in zip(names, result)}

    def entry(self, value: Any) -> Value:
        """One value in the form in which it is compared."""
        if value is None:
            raise Wrong(f"{self.name} returned nothing: is a `return` missing?")
        if figures.is_figure(value) or figures.is_axes_array(value):
            return figures.part_of(figures.picture(value), self.drawn)
        if not self.number:
            return value
        return number(value, name=self.name)


@dataclass(frozen=True)
class Report:
    """The verdict on an answer.

    ``status`` is one of ``right``, ``wrong``, ``stub`` (not written yet), ``error`` (it raised), ``copied`` (it calls
    labkit's own function). ``named`` says whether the sentence names the mistake or only says that something differs.
    """

    key: str
    points: int
    status: str
    sentence: str
    case: str = ""
    expected: str | None = None
    given: str | None = None
    named: bool = True

    @property
    def right(self) -> bool:
        """Whether the answer earns its points."""
        return self.status == "right"


def one(value: object) -> str:
    """A value's type with its article, as in ``a tensor``, ``an int``."""
    kind = "tensor" if is_tensor(value) else "array" if is_array(value) else type(value).__name__
    kind = "figure" if isinstance(value, figures.Picture) else kind
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def number(value: Any, *, name: str = "your function") -> Value:
    """``value`` as one number, if it is a number or an array of one entry; a tensor keeps its gradient.

    Raises:
        Wrong: if it is something else; the sentence says what came back.
    """
    if value is None:
        raise Wrong(f"{name} returned nothing: is a `return` missing?")
    if isinstance(value, bool):
        raise Wrong(f"{name} returned {value}; expected a number")
    if is_number(value):
        return float(value)
    if is_array(value) and dtype_of(value) == "bool":
        raise Wrong(f"{name} returned {describe(value)}; expected a number")
    if is_array(value) and len(value.shape) >= 0 and array(value).size == 1 and array(value).dtype.kind in "iuf":
        return value.reshape(()).double() if is_tensor(value) else float(array(value).reshape(()))
    what = describe(value) if is_array(value) else one(value)
    raise Wrong(f"{name} returned {what}; expected one number")


def close(
    given: Any,
    expected: Any,
    *,
    what: str = "the result",
    atol: float = 1e-5,
    rtol: float = 1e-4,
    dtype: bool = True,
) -> None:
    """Raise ``Wrong`` unless ``given`` has the shape, the dtype and the values of ``expected``."""
    if not is_array(given) or not is_array(expected):
        if agree(given, expected, atol=atol, rtol=rtol):
            return
        raise Differs(differs(what, "wrong values" if is_array(expected) else "wrong value"),
                      expected=expected, given=given)  # fmt: skip
    if tuple(given.shape) != tuple(expected.shape):
        raise Differs(differs(what, "wrong shape"), expected=tuple(expected.shape), given=tuple(given.shape))
    if dtype and dtype_of(given) != dtype_of(expected):
        raise Wrong(f"{differs(what, 'wrong dtype')}: it should follow its input's",
                    expected=dtype_of(expected), given=dtype_of(given))  # fmt: skip
    if agree(given, expected, atol=atol, rtol=rtol):
        return
    if not finite(given) and finite(expected):
        raise Wrong(f"{holds(what)} values that are not finite (nan or inf)", expected=expected, given=given)
    raise Differs(differs(what, "wrong values"), expected=expected, given=given)


def finite(value: Any) -> bool:
    """Whether an array's entries are finite."""
    import numpy as np

    numbers = array(value)
    return numbers.dtype.kind not in "f" or bool(np.isfinite(numbers).all())


def differs(what: str, how: str) -> str:
    """``the result has the wrong values``, ``the distances have the wrong shape``."""
    return f"{what} {'have' if plural(what) else 'has'} the {how}"


def holds(what: str) -> str:
    """``the result holds``, ``the distances hold``."""
    return f"{what} {'hold' if plural(what) else 'holds'}"


def plural(what: str) -> bool:
    """Whether a noun phrase is plural, by the last word before its first preposition."""
    head = re.split(r"\b(?:of|for|in|on|at|after|before|that|which|who|to|from|with|between|by|per|whose)\b", what)[0]
    word = (head.split() or [what])[-1].strip("`.,").lower()
    return (word.endswith("s") and not word.endswith(("ss", "us", "is"))) or word in ("indices", "data", "both")


def describe_case(case: Case) -> str:
    """One line about a failing input: its name, and those of its values that are short."""
    parts = [f"{name} = {describe(value)}" for name, value in case.items() if name != "case" and short(value)]
    return f"{case.get('case', '')}: {', '.join(parts)}" if parts else str(case.get("case", ""))


def short(value: object) -> bool:
    """Whether a value of a case can be shown: a model or a generator tells a reader nothing."""
    if is_module(value):
        return False
    return is_array(value) or tables.is_table(value) or isinstance(value, int | float | str | tuple | list | dict)


__all__ = [
    "PUBLIC_SEEDS", "Case", "Check", "Compare", "Differs", "Outputs", "Report", "Unsendable", "Wrong", "agree", "close",
    "describe", "describe_case", "differs", "finite", "holds", "number", "one", "plural",
]  # fmt: skip
