"""What every kind of augmentation shares: to draw, to apply, and to combine.

An augmentation is a family of maps ``t(·; θ)`` with a law ``p(θ)``. ``draw`` takes one θ a sample, ``apply``
computes ``t(x; θ)``, and calling the transform does both::

    y = t(x, generator=g)                                     # draw and apply
    θ = t.draw(x, generator=g); y = t.apply(x, **θ)           # the same, and θ may be used again

What belongs to a sample (masks, boxes, labels of time) is named in the call, follows the same θ, and comes back
with the result in the named tuple that the kind of data defines (``Transform.record``)::

    image, mask, *_ = t(x, generator=g, mask=m)

``x`` is a batch: a tensor whose first dimension counts samples, or a sequence of samples.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

Params = dict[str, Any]
"""A draw: tensors with one row a sample; dictionaries of them where transforms are nested."""


class Transform(ABC):
    """An augmentation: a frozen dataclass of its knobs that draws parameters and applies them.

    A kind of data derives its own base class from this one and sets ``record``, the named tuple that a call with
    annotations returns; its first field is the data, the others are the annotations.
    """

    @property
    def record(self) -> Any:
        """The named tuple returned where annotations are given; None where the data has none."""
        return None

    @abstractmethod
    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """Parameters for each sample of ``x``, drawn from ``generator`` (by default from torch's own)."""

    @abstractmethod
    def apply(self, x: Any, *_: Any, **params: Any) -> Any:
        """``x`` transformed with the given parameters: nothing is drawn here."""

    def follow(self, annotations: Mapping[str, Any], x: Any, *_: Any, **params: Any) -> dict[str, Any]:
        """The annotations of ``x`` after the transform with the given parameters: unchanged, unless overridden."""
        return dict(annotations)

    def replay(self, x: Any, params: Params, annotations: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """``apply`` and ``follow`` with one draw."""
        return self.apply(x, **params), self.follow(annotations, x, **params)

    def step(
        self, x: Any, annotations: Mapping[str, Any], *, generator: Generator | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Draw, and ``replay`` the draw: what a call does, with the annotations in a dictionary."""
        return self.replay(x, self.draw(x, generator=generator), annotations)

    def __call__(self, x: Any, *, generator: Generator | None = None, **annotations: Any) -> Any:
        """Draw and apply: the transformed ``x``, or a ``record`` of it where annotations are given.

        Raises:
            ValueError: if the kind of data has no annotation of that name.
        """
        present = {name: value for name, value in annotations.items() if value is not None}
        names = getattr(self.record, "_fields", ("data",))[1:]
        if unknown := sorted(present.keys() - set(names)):
            raise ValueError(f"{type(self).__name__} knows no annotation {unknown[0]!r}; it knows {list(names)}")
        y, moved = self.step(x, present, generator=generator)
        return self.record(y, **moved) if moved else y


@dataclass(frozen=True)
class Identity(Transform):
    """Leaves everything as it is."""

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """Nothing to draw."""
        return {}

    def apply(self, x: Any, *_: Any, **params: Any) -> Any:
        """``x`` itself."""
        return x


class _Combined(Transform):
    """What ``Compose`` and ``OneOf`` share: parts, and ``apply`` and ``follow`` by way of ``replay``."""

    transforms: Sequence[Transform]

    @property
    def record(self) -> Any:
        """That of the first part that has one."""
        return next((part.record for part in self.transforms if part.record is not None), None)

    def apply(self, x: Any, *_: Any, **params: Any) -> Any:
        """``x`` through the parts with the parameters of an earlier draw."""
        return self.replay(x, params, {})[0]

    def follow(self, annotations: Mapping[str, Any], x: Any, *_: Any, **params: Any) -> dict[str, Any]:
        """The annotations of ``x`` through the parts with the parameters of an earlier draw."""
        return self.replay(x, params, annotations)[1]

    def _keep_parts(self, transforms: Sequence[Transform]) -> None:
        kind = type(self).__name__
        if not transforms:
            raise ValueError(f"{kind} needs at least one transform; it was given none")
        for part in transforms:
            if not isinstance(part, Transform):
                raise ValueError(f"{kind} combines transforms; {part!r} is a {type(part).__name__}")
        object.__setattr__(self, "transforms", tuple(transforms))


@dataclass(frozen=True)
class Compose(_Combined):
    """One transform after the other.

    Raises:
        ValueError: if there are none, or one of them is not a ``Transform``.
    """

    transforms: Sequence[Transform]

    def __post_init__(self) -> None:
        self._keep_parts(self.transforms)

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """The draws of the parts, by position. A part may look at what it gets, so those before it are applied."""
        params: Params = {}
        for i, part in enumerate(self.transforms):
            params[str(i)] = part.draw(x, generator=generator)
            if i + 1 < len(self.transforms):
                x = part.apply(x, **params[str(i)])
        return params

    def replay(self, x: Any, params: Params, annotations: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Each part with its own draw."""
        for i, part in enumerate(self.transforms):
            x, annotations = part.replay(x, params[str(i)], annotations)
        return x, dict(annotations)

    def step(
        self, x: Any, annotations: Mapping[str, Any], *, generator: Generator | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Each part in turn, so that nothing is computed twice."""
        for part in self.transforms:
            x, annotations = part.step(x, annotations, generator=generator)
        return x, dict(annotations)


@dataclass(frozen=True)
class OneOf(_Combined):
    """One of several transforms for each sample, chosen with the given weights (equal ones by default).

    Only the chosen samples pass through a part, so a part that is rarely chosen costs little. A choice must be
    known to the host to do that: with a generator on the CPU it is, with one on an accelerator it is waited for.

    Raises:
        ValueError: if there are no parts, or not one weight ≥ 0 a part with a positive sum; and in a call,
            if the parts return samples of different shapes.
    """

    transforms: Sequence[Transform]
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        self._keep_parts(self.transforms)
        weights = [1.0] * len(self.transforms) if self.weights is None else [float(w) for w in self.weights]
        if len(weights) != len(self.transforms) or min(weights) < 0 or not 0 < sum(weights) < float("inf"):
            raise ValueError(
                f"OneOf has {len(self.transforms)} transforms and the weights {weights}; "
                "expected one weight a transform, none negative, not all zero"
            )
        object.__setattr__(self, "weights", tuple(weights))

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """The choice (B,), and the draws of each part for the samples that chose it, by position."""
        device = generator.device if generator is not None else torch.device("cpu")
        weights = torch.tensor(self.weights, dtype=torch.float64, device=device)
        choice = torch.multinomial(weights, max(len(x), 1), replacement=True, generator=generator)[: len(x)].cpu()
        params: Params = {"choice": choice}
        for i, part in enumerate(self.transforms):
            if len(index := (choice == i).nonzero()[:, 0]):
                params[str(i)] = part.draw(rows(x, index), generator=generator)
        return params

    def replay(self, x: Any, params: Params, annotations: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Each group of samples through its own part, and back into the order they came in."""
        chosen = [i for i in range(len(self.transforms)) if str(i) in params]
        groups = [(params["choice"] == i).nonzero()[:, 0] for i in chosen]
        if len(chosen) == 1:
            return self.transforms[chosen[0]].replay(x, params[str(chosen[0])], annotations)
        results = [
            self.transforms[i].replay(
                rows(x, index), params[str(i)], {name: rows(value, index) for name, value in annotations.items()}
            )
            for i, index in zip(chosen, groups, strict=True)
        ]
        back = torch.argsort(torch.cat(groups)) if groups else params["choice"]
        return (
            merge([y for y, _ in results], back, like=x),
            {name: merge([moved[name] for _, moved in results], back, like=annotations[name]) for name in annotations},
        )


@dataclass(frozen=True)
class Sometimes(_Combined):
    """``transform`` with probability ``p`` for each sample, else nothing.

    Raises:
        ValueError: if ``p`` is not between 0 and 1; and in a call, if the transform changes the samples' shape.
    """

    transform: Transform
    p: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p is {self.p}; expected a probability, from 0 to 1")
        self._keep_parts((self.transform, Identity()))

    def draw(self, x: Any, *, generator: Generator | None = None) -> Params:
        """The choice (B,), 0 where the transform is applied, and its draw for those samples."""
        return OneOf(self.transforms, (self.p, 1 - self.p)).draw(x, generator=generator)

    def replay(self, x: Any, params: Params, annotations: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The chosen samples through the transform, and back into the order they came in."""
        return OneOf(self.transforms).replay(x, params, annotations)


def rows(x: Any, index: Tensor) -> Any:
    """The samples of a batch, a tensor or a sequence, at the positions ``index`` (n,)."""
    if isinstance(x, Tensor):
        return x.index_select(0, index.to(x.device, non_blocking=True))
    return [x[i] for i in index.tolist()]


def merge(parts: Sequence[Any], order: Tensor, *, like: Any) -> Any:
    """The samples of several batches in one, in the given order; ``like`` says what an empty batch looks like.

    Raises:
        ValueError: if the samples have different shapes.
    """
    if not parts:
        return like
    if not isinstance(parts[0], Tensor):
        joined = [sample for part in parts for sample in part]
        return [joined[i] for i in order.tolist()]
    if len(shapes := {tuple(part.shape[1:]) for part in parts}) > 1:
        raise ValueError(
            f"samples of one batch came back with the shapes {sorted(shapes)}; where each sample takes its own "
            "transform, all of them must return the same shape"
        )
    return rows(torch.cat(list(parts)), order)


def uniform(
    shape: Sequence[int],
    low: float | Tensor = 0.0,
    high: float | Tensor = 1.0,
    *,
    like: Tensor,
    generator: Generator | None = None,
) -> Tensor:
    """Uniform numbers in [low, high) with ``like``'s dtype (at least float32) and device.

    They are drawn on the generator's device: with one on the CPU they are the same whatever ``like``'s device.
    """
    device = generator.device if generator is not None else like.device
    u = torch.rand(tuple(shape), dtype=wide(like.dtype), device=device, generator=generator)
    u = u.to(like.device, non_blocking=True)
    return u if isinstance(low, int | float) and (low, high) == (0, 1) else u * (high - low) + low


def normal(shape: Sequence[int], *, like: Tensor, generator: Generator | None = None) -> Tensor:
    """Standard normal numbers with ``like``'s dtype (at least float32) and device; see ``uniform``."""
    device = generator.device if generator is not None else like.device
    z = torch.randn(tuple(shape), dtype=wide(like.dtype), device=device, generator=generator)
    return z.to(like.device, non_blocking=True)


def wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype to keep parameters in: ``dtype``, but no narrower than float32 and never an integer."""
    return torch.float64 if dtype == torch.float64 else torch.float32
