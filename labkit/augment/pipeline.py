"""Pipelines: one transform after the other, one of several, or only sometimes. Each item goes its own way.

They combine transforms of any kind of data, and are transforms themselves::

    augment = Compose([image.HorizontalFlip(), Sometimes(image.Rotate(20), p=0.5), mixing.Mixup(classes=10)])
    result = augment(x, y=labels, generator=g)
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from labkit.augment.transform import Params, Transform


@dataclass(frozen=True)
class Identity(Transform):
    """Leaves everything as it is."""

    def make_params(self, x: Any, *, generator: Generator | None = None) -> Params:
        """Nothing to draw."""
        return {}

    def apply(self, x: Any, params: Params) -> Any:
        """``x`` itself."""
        return x

    def takes(self, name: str) -> bool:
        """Any annotation."""
        return True

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Nothing: what it doesn't touch needn't fit."""


class _Combined(Transform):
    """What ``Compose`` and ``OneOf`` share: parts, which take the annotations that all of them take."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        kind = type(self).__name__
        if not transforms:
            raise ValueError(f"{kind} needs at least one transform; it was given none")
        for part in transforms:
            if not isinstance(part, Transform):
                raise ValueError(f"{kind} combines transforms; {part!r} is a {type(part).__name__}")
        self.transforms = tuple(transforms)
        self.depends_on = tuple({name: None for part in transforms for name in part.depends_on})

    def takes(self, name: str) -> bool:
        """Whether every part does."""
        return all(part.takes(name) for part in self.transforms)

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse what one of the parts refuses, whether or not it will be chosen."""
        for part in self.transforms:
            part.examine(x, annotations)
        super().examine(x, annotations)

    def apply(self, x: Any, params: Params) -> Any:
        """``x`` through the parts with an earlier draw."""
        return self.apply_all(x, params, {})[0]

    def _settings(self) -> tuple[Any, ...]:
        """What the pipeline was built from."""
        return (list(self.transforms),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Combined) and type(other) is type(self) and self._settings() == other._settings()

    def __hash__(self) -> int:
        return hash((type(self), self.transforms))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._settings()))})"


class Compose(_Combined):
    """One transform after the other.

    Raises:
        ValueError: if there are none, or one of them is not a ``Transform``.
    """

    @property
    def new_size(self) -> Hashable | None:
        """The size that the last part gives which sets one; with it, those that change it relatively."""
        sizes: list[Hashable] = []
        for size in (part.new_size for part in self.transforms):
            if size is not None:
                sizes = [size] if _absolute(size) else [*sizes, size]
        return None if not sizes else sizes[0] if len(sizes) == 1 else tuple(sizes)

    def examine(self, x: Any, annotations: Mapping[str, Any]) -> None:
        """Refuse what the first part refuses; the others get to see what those before them return."""
        self.transforms[0].examine(x, annotations)
        Transform.examine(self, x, annotations)

    def make_params(self, x: Any, *, generator: Generator | None = None, **annotations: Any) -> Params:
        """The draws of the parts, by position. A part may look at what it gets, so those before it are applied."""
        params: Params = {}
        for i, part in enumerate(self.transforms):
            needed = {name: annotations.get(name) for name in part.depends_on}
            params[str(i)] = part.make_params(x, generator=generator, **needed)
            if i + 1 < len(self.transforms):
                x, annotations = part.apply_all(x, params[str(i)], _present(annotations))
        return params

    def apply_all(self, x: Any, params: Params, annotations: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Each part in turn, with its own draw."""
        for i, part in enumerate(self.transforms):
            if i > 0 and annotations:
                part.examine(x, annotations)
            x, annotations = part.apply_all(x, params[str(i)], annotations)
        return x, annotations

    def _draw_and_apply(
        self, x: Any, annotations: dict[str, Any], generator: Generator | None
    ) -> tuple[Any, dict[str, Any]]:
        """Each part in turn, so that nothing is computed twice."""
        for i, part in enumerate(self.transforms):
            if i > 0 and annotations:
                part.examine(x, annotations)
            x, annotations = part._draw_and_apply(x, annotations, generator)
        return x, annotations


class OneOf(_Combined):
    """One of several transforms for each item, chosen with the given weights (equal ones by default).

    Only the chosen items pass through a part, so a part that is rarely chosen costs little. A choice must be
    known to the host to do that: with a generator on the CPU it is, with one on an accelerator it is waited for.

    Raises:
        ValueError: if there are no parts, or not one weight ≥ 0 a part with a positive sum, or some parts change the
            items' size and others don't.
    """

    def __init__(self, transforms: Sequence[Transform], weights: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        shares = [1.0] * len(self.transforms) if weights is None else [float(w) for w in weights]
        if len(shares) != len(self.transforms) or min(shares) < 0 or not 0 < sum(shares) < float("inf"):
            raise ValueError(
                f"{type(self).__name__} has {len(self.transforms)} transforms and the weights {shares}; "
                "expected one weight a transform, none negative, not all zero"
            )
        self.weights = tuple(shares)
        self._refuse_different_sizes()

    def _refuse_different_sizes(self) -> None:
        possible = [part for part, weight in zip(self.transforms, self.weights, strict=True) if weight > 0]
        if len({part.new_size for part in possible}) > 1:
            raise ValueError(
                f"in {self!r} some items would change their size and others not, but a batch has one size: all parts "
                "must return the same shape, as in OneOf([RandomCrop(size), Resize(size)], weights=[p, 1 - p])"
            )

    @property
    def new_size(self) -> Hashable | None:
        """That of any part: they agree."""
        return next(p.new_size for p, weight in zip(self.transforms, self.weights, strict=True) if weight > 0)

    def make_params(self, x: Any, *, generator: Generator | None = None, **annotations: Any) -> Params:
        """The choice (B,), and the draws of each part for the items that chose it, by position."""
        for part in self.transforms:  # or a batch that one of them can't take would be refused by luck
            part.examine(x, {})
        device = generator.device if generator is not None else torch.device("cpu")
        weights = torch.tensor(self.weights, dtype=torch.float64, device=device)
        choice = torch.multinomial(weights, max(len(x), 1), replacement=True, generator=generator)[: len(x)].cpu()
        params: Params = {"choice": choice}
        for i, part in enumerate(self.transforms):
            if len(index := (choice == i).nonzero()[:, 0]):
                needed = {name: annotations.get(name) for name in part.depends_on}
                needed = {name: None if value is None else rows(value, index) for name, value in needed.items()}
                params[str(i)] = part.make_params(rows(x, index), generator=generator, **needed)
        return params

    def apply_all(self, x: Any, params: Params, annotations: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Each group of items through its own part, and back into the order they came in."""
        chosen = [i for i in range(len(self.transforms)) if str(i) in params]
        if len(chosen) == 1:
            return self.transforms[chosen[0]].apply_all(x, params[str(chosen[0])], annotations)
        groups = [(params["choice"] == i).nonzero()[:, 0] for i in chosen]
        results = [
            self.transforms[i].apply_all(
                rows(x, index), params[str(i)], {name: rows(value, index) for name, value in annotations.items()}
            )
            for i, index in zip(chosen, groups, strict=True)
        ]
        back = torch.argsort(torch.cat(groups)) if groups else params["choice"]
        return (
            merge([y for y, _ in results], back, like=x),
            {name: merge([moved[name] for _, moved in results], back, like=annotations[name]) for name in annotations},
        )

    def _settings(self) -> tuple[Any, ...]:
        return list(self.transforms), list(self.weights)


class Sometimes(OneOf):
    """``transform`` with probability ``p`` for each item, else nothing.

    Raises:
        ValueError: if ``p`` is not between 0 and 1, or the transform changes the items' size.
    """

    def __init__(self, transform: Transform, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}; expected a probability, from 0 to 1")
        self.transform, self.p = transform, p
        super().__init__((transform, Identity()), (p, 1 - p))

    def _settings(self) -> tuple[Any, ...]:
        return self.transform, self.p


def _absolute(size: Hashable) -> bool:
    """Whether a ``new_size`` is a size, and no change of one."""
    return isinstance(size, int) or (isinstance(size, tuple) and all(isinstance(n, int) for n in size))


def _present(annotations: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in annotations.items() if value is not None}


def repeat_params(params: Params, times: int) -> Params:
    """A draw in which each item's row stands ``times`` times: one draw a clip, for the frames of all clips in a row.

    >>> repeat_params({"degrees": torch.tensor([5.0, -3.0])}, 2)
    {'degrees': tensor([ 5.,  5., -3., -3.])}
    """
    repeated: Params = {}
    for name, value in params.items():
        if isinstance(value, Tensor):
            repeated[name] = value.repeat_interleave(times, 0)
        elif isinstance(value, Mapping):
            repeated[name] = repeat_params(dict(value), times)
        else:
            repeated[name] = [row for row in value for _ in range(times)]
    return repeated


def rows(x: Any, index: Tensor) -> Any:
    """The items of a batch, a tensor or a sequence, at the positions ``index`` (n,)."""
    if isinstance(x, Tensor):
        return x.index_select(0, index.to(x.device, non_blocking=True))
    return [x[i] for i in index.tolist()]


def merge(parts: Sequence[Any], order: Tensor, *, like: Any) -> Any:
    """The items of several batches in one, in the given order; ``like`` says what an empty batch looks like.

    Raises:
        ValueError: if the items have different shapes.
    """
    if not parts:
        return like
    if not all(isinstance(part, Tensor) for part in parts):
        joined = [item for part in parts for item in part]
        return [joined[i] for i in order.tolist()]
    if len(shapes := {tuple(part.shape[1:]) for part in parts}) > 1:
        raise ValueError(
            f"items of one batch came back with the shapes {sorted(shapes)}; where each item takes its own "
            "transform, all of them must return the same shape"
        )
    return rows(torch.cat(list(parts)), order)
