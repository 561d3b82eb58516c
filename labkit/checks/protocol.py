"""What a check is: one specification of a right answer, used in three places.

A check makes ``inputs`` from a seed, ``run``s the student's answer on them, and passes a ``verdict`` on what
came back. Only ``run`` touches the student's code, and it returns nothing but tensors, so the verdict can be
given elsewhere: in the notebook, in pytest, or in a judge outside the sandbox under a seed the student's code
could not know. There is nothing to hide in a check but the seed.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

Case = dict[str, Any]
"""The named inputs of one call: tensors, numbers, strings, or small models built from the seed."""

Outputs = dict[str, Tensor]
"""What one call gave back, by name: tensors and nothing else."""

PUBLIC_SEEDS = (1, 2, 3)
"""The seeds that the notebook uses. The grader draws its own."""


class Wrong(AssertionError):
    """An answer is wrong; the sentence names the mistake.

    Args:
        sentence: what is wrong, in one or two sentences a student understands.
        expected: what was expected, if it helps to see it.
        given: what the answer gave instead.
    """

    def __init__(self, sentence: str, *, expected: object = None, given: object = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.expected = None if expected is None else describe(expected)
        self.given = None if given is None else describe(given)


class Check(ABC):
    """One specification of a right answer. Subclass it in ``labkit/checks/<topic>.py``; one instance is made.

    Attributes:
        key: ``"<topic>.<name>"``, as the notebook's check cell writes it.
        points: what it is worth in the exercise.
        seeds: how many seeds a verdict needs: one, where a run is costly and looks at many samples.
        reference: a right answer: labkit's own function.
        forbidden: functions of labkit that an answer must not call, because writing them is the exercise.
            The reference always belongs to them.
    """

    key: ClassVar[str]
    points: ClassVar[int] = 1
    seeds: ClassVar[int] = 3
    forbidden: ClassVar[Sequence[Callable[..., Any]]] = ()

    @property
    @abstractmethod
    def reference(self) -> Callable[..., Any]:
        """A right answer."""

    @abstractmethod
    def inputs(self, seed: int) -> list[Case]:
        """The cases to try, the smallest first, the same for the same seed. Each has a ``"case"``: its name."""

    @abstractmethod
    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Call the student's answer on one case. Runs where the student's code lives; decides nothing."""

    @abstractmethod
    def verdict(self, outputs: Outputs, case: Case) -> None:
        """Raise ``Wrong`` if the outputs are not those of a right answer. Never needs the student's process."""


@dataclass(frozen=True)
class Report:
    """The verdict on an answer.

    ``status`` is one of ``right``, ``wrong``, ``stub`` (not written yet), ``error`` (it raised),
    ``copied`` (it calls labkit's own function).
    """

    key: str
    points: int
    status: str
    sentence: str
    case: str = ""
    expected: str | None = None
    given: str | None = None

    @property
    def right(self) -> bool:
        """Whether the answer earns its points."""
        return self.status == "right"


def generator(seed: int) -> torch.Generator:
    """A source of random numbers of its own, for the inputs of a check."""
    return torch.Generator().manual_seed(seed)


def tensor(value: Any, *, name: str = "your function") -> Tensor:
    """``value`` as a plain tensor, where it is one or can be taken for one (a number, a NumPy array).

    Raises:
        Wrong: saying what came back instead, most often nothing for want of a ``return``.
    """
    if isinstance(value, Tensor):
        return value.detach().as_subclass(Tensor)
    if isinstance(value, bool | int | float | np.ndarray | np.number):
        return torch.as_tensor(value)
    if value is None:
        raise Wrong(f"{name} returned nothing: is a `return` missing?")
    raise Wrong(f"{name} returned a {type(value).__name__}; expected a tensor")


def close(
    given: Tensor,
    expected: Tensor,
    *,
    what: str = "the result",
    mistaken: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] = (),
    atol: float = 1e-5,
    rtol: float = 1e-4,
    dtype: bool = True,
) -> None:
    """Raise ``Wrong`` unless ``given`` has the shape, the dtype and the values of ``expected``.

    ``mistaken`` maps sentences to what each well-known mistake would have given. Where ``given`` equals one of
    those, and that one differs from ``expected``, its sentence is what the student reads.
    """
    if given.shape != expected.shape:
        raise Wrong(f"{what} has the wrong shape", expected=tuple(expected.shape), given=tuple(given.shape))
    if dtype and given.dtype != expected.dtype:
        raise Wrong(
            f"{what} has the wrong dtype: it should follow its input's",
            expected=expected.dtype,
            given=given.dtype,
        )
    if agree(given, expected, atol=atol, rtol=rtol):
        return
    for sentence, other in mistaken.items() if isinstance(mistaken, Mapping) else mistaken:
        if other.shape == given.shape and agree(given, other, atol=atol, rtol=rtol):
            raise Wrong(sentence, expected=expected, given=given)
    if not torch.isfinite(given.double()).all() and torch.isfinite(expected.double()).all():
        raise Wrong(f"{what} holds values that are not finite (nan or inf)", expected=expected, given=given)
    raise Wrong(f"{what} has the wrong values", expected=expected, given=given)


def agree(a: Tensor, b: Tensor, *, atol: float = 1e-5, rtol: float = 1e-4) -> bool:
    """Whether two tensors of one shape hold the same values within the tolerance; nan equals nan."""
    return bool(torch.allclose(a.double(), b.double(), atol=atol, rtol=rtol, equal_nan=True))


def gradient(value: Any, net: nn.Module) -> Tensor:
    """The gradient of what an answer gave for a net's parameters, as one vector; zeros where there is none."""
    parameters = list(net.parameters())
    if not isinstance(value, Tensor) or not value.requires_grad:
        return torch.cat([torch.zeros_like(p).flatten() for p in parameters])
    found = torch.autograd.grad(value.sum(), parameters, retain_graph=True, allow_unused=True)
    return torch.cat([(torch.zeros_like(p) if f is None else f).flatten() for f, p in zip(found, parameters)])


def describe(value: object) -> str:
    """A short description of a value: the numbers of a small tensor, the shape and range of a large one."""
    if not isinstance(value, Tensor):
        return str(value)
    head = f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if value.numel() == 0:
        return f"{head}, empty"
    if value.numel() <= 12:
        return f"{head} {numbers(value)}"
    low, high, mean = value.double().min(), value.double().max(), value.double().mean()
    return f"{head}, from {low:.4g} to {high:.4g}, mean {mean:.4g}, begins {numbers(value.flatten()[:4])}"


def numbers(value: Tensor) -> str:
    """The entries of a small tensor, with four digits."""

    def text(entry: Any) -> str:
        if isinstance(entry, list):
            return "[" + ", ".join(text(e) for e in entry) + "]"
        return f"{entry:.4g}" if isinstance(entry, float) else str(entry)

    return text(value.tolist())


def describe_case(case: Case) -> str:
    """One line about a failing input: its name, and its values as far as they are short."""
    parts = [f"{name} = {describe(value)}" for name, value in case.items() if name != "case" and short(value)]
    return f"{case.get('case', '')}: {', '.join(parts)}" if parts else str(case.get("case", ""))


def short(value: object) -> bool:
    """Whether a value of a case can be shown: a model or a generator says nothing to a reader."""
    return isinstance(value, Tensor | int | float | str | tuple)
