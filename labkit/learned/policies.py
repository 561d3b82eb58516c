"""Policies: which operation a picture gets, and how much of it. Every picture has its own draw.

    RandAugment      n operations after one another, each uniform, all with one magnitude m            two numbers
    TrivialAugment   one operation, uniform, with a uniform magnitude                                  nothing to tune
    sub-policies     one of S pairs; each of its two operations with probability p and magnitude m     AutoAugment
    a distribution   one operation from given probabilities, uniform magnitude: what a bandit learns

Cubuk and others, "AutoAugment" (CVPR 2019): five sub-policies from 15,000 trained networks; "RandAugment" (2020): two
numbers do as well. Müller and Hutter, "TrivialAugment" (ICCV 2021): so does none. ``random_subpolicies`` is the control
that a searched policy has to beat: pairs drawn at random, for which nothing was searched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from labkit.augment import Params, Transform
from labkit.augment.arguments import member, within
from labkit.draws import uniform
from labkit.learned.operations import OPERATIONS, RANDAUGMENT, SPACES, apply_operations
from labkit.shapes import Float, Int


def signs(n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
    """−1 or 1 with equal chances, (n,)."""
    return torch.where(uniform((n,), like=like, generator=generator) < 0.5, -1.0, 1.0)


def categorical(p: Float[Tensor, " k"], n: int, *, like: Tensor, generator: Generator | None = None) -> Tensor:
    """n numbers from 0 to k − 1 with probabilities ``p``, int64 on ``like``'s device."""
    edges = p.to(like.device).double().cumsum(0)
    u = uniform((n,), like=like.new_empty(0, dtype=torch.float64), generator=generator)
    return torch.searchsorted(edges / edges[-1], u, right=True).clamp_max(len(p) - 1)


@dataclass(frozen=True, kw_only=True)
class RandAugment(Transform):
    """n operations after one another, each drawn uniformly for each picture, all with the same magnitude.

    Args:
        n: how many.
        magnitude: the share of the full strength, from 0 to 1; the usual M of 30 is M / 30.
        operations: to draw from.
        space: ``"standard"`` or ``"wide"``.

    Raises:
        ValueError: if ``n`` is negative, the magnitude is outside [0, 1], or there is no such operation or space.

    >>> x = torch.rand(4, 1, 8, 8)
    >>> RandAugment(n=2, magnitude=0.3)(x, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([4, 1, 8, 8])
    """

    n: int = 2
    magnitude: float = 0.3
    operations: Sequence[str] = RANDAUGMENT
    space: str = "standard"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_space(self.operations, self.space)
        within(self.magnitude, name="magnitude", low=0, high=1)
        if self.n < 0:
            raise ValueError(f"n is {self.n}; expected a number of operations, not below 0")

    def make_params(self, x: Tensor, *, generator: Generator | None = None) -> Params:
        """``operation`` and ``sign``, both (B, n)."""
        u = uniform((len(x), self.n), like=x, generator=generator)
        operation = (u * len(self.operations)).long().clamp_max(len(self.operations) - 1)
        sign = signs(len(x) * self.n, like=x, generator=generator).view(len(x), self.n)
        return {"operation": operation, "sign": sign}

    def apply(self, x: Tensor, params: Params) -> Tensor:
        """The pictures after their operations."""
        y = None
        for operation, sign in zip(params["operation"].T, params["sign"].T):
            # From the second on in place: fresh memory costs more than most operations.
            y = apply_operations(x if y is None else y, operation, magnitude=self.magnitude, sign=sign,
                                 space=self.space, operations=self.operations, into=y)  # fmt: skip
        return x if y is None else y


@dataclass(frozen=True, kw_only=True)
class OneOperation(Transform):
    """One operation a picture from given probabilities, with a uniform magnitude: TrivialAugment, if they are equal.

    Args:
        probabilities: one an operation, not negative, with a sum above 0; equal ones by default.
        magnitude: (lowest, highest) share of the full strength.
        operations: to draw from.
        space: ``"standard"`` or ``"wide"``; TrivialAugment's is ``"wide"``.

    Raises:
        ValueError: if probabilities, magnitudes, operations or space are none of these.

    >>> x = torch.rand(4, 1, 8, 8)
    >>> OneOperation(probabilities=[1, 0], operations=["identity", "rotate"])(x).equal(x)
    True
    """

    probabilities: Sequence[float] | None = None
    magnitude: tuple[float, float] = (0.0, 1.0)
    operations: Sequence[str] = RANDAUGMENT
    space: str = "wide"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_space(self.operations, self.space)
        low, high = self.magnitude
        if not 0 <= low <= high <= 1:
            raise ValueError(f"magnitude is {self.magnitude}; expected (lowest, highest) within [0, 1]")
        p = self.weights()
        if p.shape != (len(self.operations),) or not bool((p >= 0).all()) or not 0 < float(p.sum()) < float("inf"):
            raise ValueError(f"expected {len(self.operations)} probabilities, not negative, with a sum above 0")

    def weights(self) -> Float[Tensor, " k"]:
        """The probabilities, not normalised."""
        given = self.probabilities
        return torch.ones(len(self.operations)) if given is None else torch.as_tensor(given, dtype=torch.float32)

    def make_params(self, x: Tensor, *, generator: Generator | None = None) -> Params:
        """``operation``, ``magnitude`` and ``sign``, each (B,)."""
        return {
            "operation": categorical(self.weights(), len(x), like=x, generator=generator),
            "magnitude": uniform((len(x),), *self.magnitude, like=x, generator=generator),
            "sign": signs(len(x), like=x, generator=generator),
        }

    def apply(self, x: Tensor, params: Params) -> Tensor:
        """The pictures after their operation."""
        return apply_operations(x, **params, space=self.space, operations=self.operations)


@dataclass(frozen=True, kw_only=True)
class SubPolicies(Transform):
    """AutoAugment's form: each picture gets one of S sub-policies, two operations with probabilities and magnitudes.

    Args:
        operation: (S, 2) numbers in ``operations``.
        p: (S, 2) probabilities that they are applied.
        magnitude: (S, 2) shares of the full strength.
        operations: the names that the numbers stand for.
        space: ``"standard"`` or ``"wide"``.

    Raises:
        ValueError: if the three tables don't fit, or an entry is out of range.

    >>> policy = random_subpolicies(5, generator=torch.Generator().manual_seed(0))
    >>> policy(torch.rand(4, 3, 8, 8)).shape
    torch.Size([4, 3, 8, 8])
    """

    operation: Int[Tensor, "s 2"]
    p: Float[Tensor, "s 2"]
    magnitude: Float[Tensor, "s 2"]
    operations: Sequence[str] = OPERATIONS
    space: str = "standard"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_space(self.operations, self.space)
        shape = tuple(self.operation.shape)
        if len(shape) != 2 or shape[1] != 2 or not shape[0] or self.p.shape != shape or self.magnitude.shape != shape:
            raise ValueError(f"expected three tables (S, 2); these are {shape}, {tuple(self.p.shape)}, "
                             f"{tuple(self.magnitude.shape)}")  # fmt: skip
        within(self.p, name="p", low=0, high=1)
        within(self.magnitude, name="magnitude", low=0, high=1)
        if not 0 <= int(self.operation.min()) <= int(self.operation.max()) < len(self.operations):
            raise ValueError(f"operations are numbers from 0 to {len(self.operations) - 1}")

    def make_params(self, x: Tensor, *, generator: Generator | None = None) -> Params:
        """``sub`` (B,), the sub-policy of each, and ``applied`` and ``sign``, both (B, 2)."""
        u = uniform((len(x),), like=x, generator=generator)
        sub = (u * len(self.operation)).long().clamp_max(len(self.operation) - 1)
        applied = uniform((len(x), 2), like=x, generator=generator) < self.p.to(x.device)[sub]
        sign = signs(2 * len(x), like=x, generator=generator).view(-1, 2)
        return {"sub": sub, "applied": applied, "sign": sign}

    def apply(self, x: Tensor, params: Params) -> Tensor:
        """The pictures after their pair of operations."""
        for j in range(2):
            operation = self.operation.to(x.device)[params["sub"], j]
            m = self.magnitude.to(x)[params["sub"], j]
            y = apply_operations(x, operation, magnitude=m, sign=params["sign"][:, j], space=self.space,
                                 operations=self.operations)  # fmt: skip
            x = torch.where(params["applied"][:, j].view(-1, 1, 1, 1), y, x)
        return x


def random_subpolicies(
    count: int, *, operations: Sequence[str] = OPERATIONS, generator: Generator | None = None
) -> SubPolicies:
    """A policy for which nothing was searched: operations, probabilities (of 11) and magnitudes (of 10) at random.

    Raises:
        ValueError: if ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}; expected 1 sub-policy or more")

    def draw(n: int) -> Tensor:
        return (uniform((count, 2), generator=generator) * n).long().clamp_max(n - 1)

    operation, p, magnitude = draw(len(operations)), draw(11) / 10, draw(10) / 9
    return SubPolicies(operation=operation, p=p, magnitude=magnitude, operations=tuple(operations))


def check_space(operations: Sequence[str], space: str) -> None:
    """Refuse operations or a space that don't exist."""
    member(space, SPACES, name="space")
    if not operations:
        raise ValueError("there are no operations; expected one or more")
    for name in operations:
        member(name, OPERATIONS, name="operation")
