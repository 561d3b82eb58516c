"""What every explorer is made of: a state, a pure function for each picture of it, and the panel around both.

A topic writes two things. Its *state* is a frozen dataclass whose fields say how they are controlled::

    @dataclass(frozen=True)
    class Settings(State):
        noise: float = slider(0.0, 0.0, 0.5, step=0.01, label="noise σ", group="Noise", draw=(0.02, 0.1))

and its *views* are functions from a state to a picture or to HTML. Neither knows of widgets, so both are tested
without a browser. ``Explorer(Settings(), rows=[[Pane("result", show)]])`` makes the panel: it moves the state when a
control moves, and redraws what has changed.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch

R = TypeVar("R")
S = TypeVar("S", bound="State")
MISSING: Any = object()


@runtime_checkable
class Renderable(Protocol):
    """A picture: ``labkit.plot.Figure`` is one, and ``pictures.Picture``, which is faster."""

    @property
    def alt(self) -> str:
        """What it shows, in words."""

    def png(self) -> bytes:
        """The picture as a PNG file."""


@dataclass(frozen=True)
class Control:
    """How a field of a state is controlled: its kind, label, values, and what chance may make of it."""

    kind: str
    label: str
    group: str = ""
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    options: tuple[str, ...] = ()
    draw: tuple[float, float] | None = None
    help: str = ""

    def check(self, name: str, value: Any) -> None:
        """Raise ``ValueError`` unless the control can show ``value``."""
        if self.kind == "choice" and value not in self.options:
            raise ValueError(f"{name} is {value!r}; expected one of {', '.join(self.options)}")
        if self.kind in ("slider", "number") and not self.low <= value <= self.high:
            raise ValueError(f"{name} is {value:g}; expected a number from {self.low:g} to {self.high:g}")

    def snap(self, value: Any) -> Any:
        """The value on the slider's grid that is meant: a browser says 9.999999 for the tenth of ten."""
        if self.kind != "slider":
            return value
        return round(float(min(self.low + round((value - self.low) / self.step) * self.step, self.high)), 10)

    def chance(self, generator: torch.Generator) -> Any:
        """A value within ``draw``, on the slider's grid; yes or no for a switch."""
        u = float(torch.rand((), generator=generator, dtype=torch.float64))
        if self.kind == "switch":
            return u < 0.5
        low, high = self.draw or (self.low, self.high)
        return self.snap(low + u * (high - low))


def slider(
    default: float,
    low: float,
    high: float,
    *,
    step: float,
    label: str,
    group: str,
    draw: tuple[float, float] | None = None,
    help: str = "",
) -> Any:
    """A field controlled by a slider from ``low`` to ``high``; chance draws from the span ``draw``, if it has one."""
    control = Control("slider", label, group, low, high, step, draw=draw, help=help)
    return field(default=default, metadata={"control": control})


def choice(options: Sequence[str], *, label: str, group: str = "", help: str = "") -> Any:
    """A field controlled by a menu; the first option is the default. Without a group it stands above the panel."""
    return field(
        default=options[0], metadata={"control": Control("choice", label, group, options=tuple(options), help=help)}
    )


def switch(*, label: str, group: str, draw: bool = False, help: str = "") -> Any:
    """A field controlled by a tick box, off at first; chance may tick it if ``draw``."""
    control = Control("switch", label, group, draw=(0, 1) if draw else None, help=help)
    return field(default=False, metadata={"control": control})


@dataclass(frozen=True, kw_only=True)
class State:
    """What the controls of an explorer say: frozen, so that it can be compared, hashed and remembered.

    Attributes:
        seed: of everything random in the views, and of the button that draws the other fields.

    Raises:
        ValueError: if a field is outside its control's range.
    """

    seed: int = field(default=0, metadata={"control": Control("number", "seed", "", 0, 9999, help="of all chance")})

    def __post_init__(self) -> None:
        for name, control in controls(self).items():
            control.check(name, getattr(self, name))

    def generator(self) -> torch.Generator:
        """A fresh generator: the same state always shows the same picture."""
        return torch.Generator().manual_seed(self.seed)


def controls(state: State | type[State]) -> dict[str, Control]:
    """The controls of a state's fields by name, in their order."""
    return {f.name: f.metadata["control"] for f in fields(state) if "control" in f.metadata}


def randomise(state: S, *, seed: int) -> S:
    """The state with ``seed``, and each field that chance may move drawn with probability ½, else at its default."""
    generator = torch.Generator().manual_seed(seed)
    defaults, values = type(state)(), {}
    for name, control in controls(state).items():
        if control.draw:
            moved = float(torch.rand((), generator=generator)) < 0.5
            value = control.chance(generator)
            values[name] = value if moved else getattr(defaults, name)
    return replace(state, seed=seed, **values)


def reset(state: S) -> S:
    """The state with every field of a group, and the seed, at its default; what stands above the panel stays."""
    defaults = type(state)()
    return replace(
        state, seed=defaults.seed, **{n: getattr(defaults, n) for n, c in controls(state).items() if c.group}
    )


class Remembered(Generic[R]):
    """A function of hashable arguments whose last results are kept, and which can say whether it has one.

    Attributes:
        results: those that are kept, by arguments.
    """

    def __init__(self, function: Callable[..., R], most: int) -> None:
        self.function, self.most = function, most
        self.results: dict[tuple[Any, ...], R] = {}

    def __call__(self, *args: Any) -> R:
        """The result, computed if it is not there; the one that was asked for longest ago makes room."""
        # Views may be drawn on several threads: what is missing here may be there a moment later.
        result = self.results.pop(args, MISSING)
        if result is MISSING:
            result = self.function(*args)
        self.results[args] = result
        if len(self.results) > self.most:
            del self.results[next(iter(self.results))]
        return result

    def knows(self, *args: Any) -> bool:
        """Whether there is a result, so that nothing has to be waited for."""
        return args in self.results

    def clear(self) -> None:
        """Forget all results."""
        self.results.clear()


def remembered(most: int) -> Callable[[Callable[..., R]], Remembered[R]]:
    """Decorate a function: its last ``most`` results are kept. An explorer remembers in no other way."""
    return lambda function: Remembered(function, most)


def nothing(state: Any) -> str:
    """No sentence."""
    return ""


def none(state: Any) -> Collection[str]:
    """No names."""
    return ()


@dataclass(frozen=True)
class View:
    """One part of what an explorer shows.

    Attributes:
        title: the line above it.
        render: from a state to a picture, or to HTML.
        html: whether it is HTML.
        wait: a sentence to show while ``render`` takes long for a state, empty where it doesn't.
    """

    title: str
    render: Callable[[Any], Renderable | str]
    html: bool = False
    wait: Callable[[Any], str] = nothing
