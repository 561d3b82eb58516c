"""What every augmentation is: parameters drawn for a batch, and applied to it and to all that belongs to it.

An augmentation is a family of maps ``t(·; θ)`` with a law ``p(θ)``. Two methods write one: ``make_params`` draws θ, one
for each item of the batch, and ``apply`` computes ``t(x; θ)``. To call the transform does both::

    y = t(x, generator=g)
    params = t.make_params(x, generator=g); y = t.apply(x, params)      # the same, and params may be used again

What belongs to an item is named in the call and follows the same θ. The call then returns an ``Annotated``::

    result = t(x, generator=g, mask=m, y=labels)
    result.x, result.mask, result.y
    t.replay(x, params, mask=m).mask                                    # the same, with an earlier draw

A batch is a tensor whose first dimension counts the items, or a list with one item an entry: lists in, lists out.

Write your own
--------------

The items here are series (B, C, T), and ``times`` (B, N) are the steps at which something happens. A field made by
``span_field`` is drawn for each item without further code; ``apply`` uses what was drawn, and so does
``apply_times``:

>>> import torch
>>> from dataclasses import dataclass
>>> from labkit.augment import Span, Transform, span_field
>>> @dataclass(frozen=True)
... class Roll(Transform):
...     steps: Span = span_field(3.0)
...
...     def apply(self, x, params):
...         index = torch.arange(x.shape[-1]) - params["steps"].round().long()[:, None]
...         return x.gather(-1, (index % x.shape[-1])[:, None].expand_as(x))
...
...     def apply_times(self, times, x, params):
...         return (times + params["steps"].round()[:, None]) % x.shape[-1]
>>> x = torch.arange(6.0).expand(2, 1, 6)
>>> result = Roll((1, 2))(x, times=torch.tensor([[4.0], [5.0]]), generator=torch.Generator().manual_seed(0))
>>> result.x[:, 0], result.times
(tensor([[5., 0., 1., 2., 3., 4.],
        [4., 5., 0., 1., 2., 3.]]), tensor([[5.],
        [1.]]))

The same for other kinds of data:

*What is drawn.* Override ``make_params`` and return a dictionary with one row an item in each of its values. Ragged
items get a list of rows: with n words in each sentence, ``uniform((sum(n),), generator=g).split(n)``.

*Clips* (B, T, C, H, W), *waves* (B, T) and (B, C, T): one row an item is one draw a clip, for all frames and channels.
Ask for more by the shape of what is drawn: ``normal(x.shape, like=x, generator=g)`` is other noise in each frame.

*Annotations.* ``apply_NAME(value, x, params)`` moves the annotation NAME; ``x`` is the batch before the transform.
``keeps`` lists those that stay as they are, by default ``("y",)``, the items' labels. Every other annotation is
refused, so that none stays behind by mistake. A mirrored "left" is "right": such a transform has an ``apply_y``, or
sets ``keeps = ()`` and refuses labels.

*Draws that depend on annotations*, on labels or a mask: name them in ``depends_on = ("y",)``, and ``make_params`` gets
them as keywords.

*A batch that doesn't fit.* ``examine`` is called once, at the door, with what was given.

*Samples that change their size*: say so in ``new_size``, so that ``Sometimes`` and ``OneOf`` refuse what can't be put
back into one tensor when they are built, and not for some seeds only.

In a ``Dataset`` that worker processes load, draw without a generator: ``labkit.augment.workers`` says why, and how.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NoReturn, TypeVar, overload

from torch import Generator, Tensor

from labkit.augment.arguments import Range, Span, describe, span, span_field
from labkit.augment.workers import refuse_copied_generator
from labkit.draws import uniform

__all__ = ["Annotated", "Params", "Range", "Span", "Transform", "span_field"]

Params = dict[str, Any]
"""A draw: tensors or lists with one row an item; dictionaries of them where transforms are nested."""

Batch = TypeVar("Batch", Tensor, Sequence[Any])


@dataclass(frozen=True, eq=False, repr=False)
class Annotated:
    """A batch and what belongs to it: what a transform returns when it is called with annotations.

    It is read by name, and can't be unpacked: the order of its fields means nothing. What wasn't given is None.

    Attributes:
        x: the batch; for pictures also ``image``.
        y: a label for each item, or its probabilities, or a target.
        mask: a label for each pixel of a picture, or for each step of a series or wave.
        boxes: (left, top, right, bottom) of things in a picture.
        keypoints: (x, y) of points in a picture.
        times: when something happens in a clip, a wave or a series.
        tags: a label for each word or token of a text.
        sound: what is heard while a clip is seen.

    >>> import torch
    >>> Annotated(torch.zeros(2, 1, 4, 4), mask=torch.ones(2, 4, 4, dtype=torch.bool))
    Annotated(x: float32 (2, 1, 4, 4), mask: bool (2, 4, 4))
    """

    x: Any
    y: Any = None
    mask: Any = None
    boxes: Any = None
    keypoints: Any = None
    times: Any = None
    tags: Any = None
    sound: Any = None

    @property
    def image(self) -> Any:
        """``x``, where it is pictures."""
        return self.x

    def __iter__(self) -> NoReturn:
        """Refuse to be unpacked."""
        raise TypeError("what a transform returns with annotations is read by name (result.x, result.mask, result.y …)")

    def __repr__(self) -> str:
        present = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        return f"Annotated({', '.join(f'{name}: {describe(value)}' for name, value in present.items())})"


ANNOTATIONS = tuple(f.name for f in fields(Annotated))[1:]
"""The names that annotations have in this house."""


class Transform(ABC):
    """An augmentation: a frozen dataclass of its knobs that draws parameters and applies them.

    The module's docstring shows how to write one.

    Raises:
        ValueError: if a span is out of range; in a call, if there is no such annotation or one doesn't fit the batch.
    """

    keeps: tuple[str, ...] = ("y",)
    """The annotations that stay as they are."""

    depends_on: tuple[str, ...] = ()
    """The annotations that ``make_params`` takes as keywords, because the draw depends on them."""

    def __post_init__(self) -> None:
        _ = self._spans

    @cached_property
    def _spans(self) -> dict[str, tuple[float, float]]:
        """The bounds of each field made by ``span_field``."""
        knobs: Mapping[str, Any] = getattr(self, "__dataclass_fields__", {})
        ranges: dict[str, Range] = {name: f.metadata["range"] for name, f in knobs.items() if "range" in f.metadata}
        return {name: span(getattr(self, name), name=name, **r._asdict()) for name, r in ranges.items()}

    def span(self, name: str) -> tuple[float, float]:
        """The bounds between which the parameter ``name`` is drawn."""
        return self._spans[name]

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """Parameters for each item of ``x``, drawn from ``generator`` (by default from torch's own).

        Unless overridden: a uniform number (B,) from each span, in the order of the fields.
        """
        like, shape = x if isinstance(x, Tensor) else None, (len(x),)
        return {n: uniform(shape, *bounds, like=like, generator=generator) for n, bounds in self._spans.items()}

    @abstractmethod
    def apply(self, x: Any, params: Params) -> Any:
        """``x`` transformed with the given parameters: nothing is drawn here."""

    @property
    def new_size(self) -> Hashable | None:
        """None where items keep their size; else what decides it, and is equal for transforms that agree."""
        return None

    def takes(self, name: str) -> bool:
        """Whether the transform knows what becomes of the annotation ``name``."""
        return name in self.keeps or getattr(self, f"apply_{name}", None) is not None

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse annotations that don't fit the batch.

        Raises:
            ValueError: if one doesn't have an entry for each item.
        """
        for name, value in annotations.items():
            if not hasattr(value, "__len__") or getattr(value, "ndim", 1) == 0 or len(value) != len(x):
                raise ValueError(f"{name} has one entry for each of the {len(x)} items; this is {describe(value)}")

    @overload
    def __call__(self, x: Batch, *, generator: Generator | None = None) -> Batch: ...

    @overload
    def __call__(
        self,
        x: Any,
        *,
        generator: Generator | None = None,
        y: Any = None,
        mask: Any = None,
        boxes: Any = None,
        keypoints: Any = None,
        times: Any = None,
        tags: Any = None,
        sound: Any = None,
    ) -> Annotated: ...

    def __call__(self, x: Any, *, generator: Generator | None = None, **annotations: Any) -> Any:
        """Draw and apply: the transformed ``x``, or ``Annotated`` where annotations are named, be they None.

        Raises:
            ValueError: if there is no such annotation, or one doesn't fit.
        """
        if generator is not None:
            refuse_copied_generator(generator)
        if not annotations:
            return self._draw_and_apply(x, {}, generator)[0]
        y, moved = self._draw_and_apply(x, self._examined(x, annotations), generator)
        return Annotated(y, **moved)

    def replay(self, x: Any, params: Params, **annotations: Any) -> Annotated:
        """``x`` and its annotations under an earlier draw.

        Raises:
            ValueError: as in a call.
        """
        y, moved = self.apply_all(x, params, self._examined(x, annotations))
        return Annotated(y, **moved)

    def _examined(self, x: Any, annotations: Mapping[str, Any]) -> dict[str, Any]:
        """The annotations that are given, if the transform takes them all and they fit."""
        for name in annotations:
            if name not in ANNOTATIONS or not self.takes(name):
                able = [name for name in ANNOTATIONS if self.takes(name)]
                raise ValueError(f"{type(self).__name__} knows no annotation {name!r}; it knows {able}")
        given = {name: value for name, value in annotations.items() if value is not None}
        self.examine(x, given)
        return given

    def _draw_and_apply(
        self, x: Any, annotations: dict[str, Any], generator: Generator | None
    ) -> tuple[Any, dict[str, Any]]:
        """What a call does; ``Compose`` has its own."""
        needed = {name: annotations.get(name) for name in self.depends_on} if self.depends_on else {}
        return self.apply_all(x, self.make_params(x, generator=generator, **needed), annotations)

    def apply_all(self, x: Any, params: Params, annotations: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """``x`` and its annotations under one draw. Override it where they share work; nothing is examined here."""
        y = self.apply(x, params)
        return y, {n: self._moved(n, value, x, params) for n, value in annotations.items()} if annotations else {}

    def _moved(self, name: str, value: Any, x: Any, params: Params) -> Any:
        """One annotation under the draw."""
        move = getattr(self, f"apply_{name}", None)
        return value if move is None else move(value, x, params)
