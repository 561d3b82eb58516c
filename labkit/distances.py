"""Euclidean distances of all pairs: as fast as a matrix product, and exact where that is not.

    ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b          one product; rounding errs by about ε (‖a‖² + ‖b‖²)

Far from the origin that error is larger than the distance itself. So the points are moved to their common mean first,
and pairs that are near to each other for their length are computed anew from the difference a − b. A copy is exactly 0
away, and nothing is negative.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from labkit.shapes import Float, Int, PerSample

AT_ONCE = 2**22
"""Numbers that are computed at a time."""

IN_CACHE = 2**20
"""Numbers that a processor keeps at hand for a few steps: four megabytes."""


def squared_distances(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """‖a_i − b_j‖² of every pair, never below 0, and exactly 0 for copies.

    Differentiable in both. Half precision is computed in float32, and comes back as it was.

    Raises:
        ValueError: if the two are not rows of as many numbers of one float type.

    >>> x = torch.tensor([[1e4, 0.0], [1e4, 3.0]])
    >>> squared_distances(x, x)
    tensor([[0., 9.],
            [9., 0.]])
    """
    return Rows(_comparable(a, b)).squared_distances(a)


def _comparable(a: Tensor, b: Tensor) -> Tensor:
    """``b``, if distances to ``a`` can be taken."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or a.dtype != b.dtype or not a.is_floating_point():
        raise ValueError(
            f"distances are taken between rows (n, d) and (m, d) of one float type; these are {a.dtype} "
            f"{tuple(a.shape)} and {b.dtype} {tuple(b.shape)}"
        )
    return b


class Rows:
    """Rows x (m, d) of floats that others are compared with, again and again: x − mean and its lengths are kept."""

    def __init__(self, x: Float[Tensor, "m d"]) -> None:
        self.x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        self.centre = self.x.detach().mean(0) if len(x) else self.x.new_zeros(x.shape[1])
        self.moved = self.x - self.centre
        self.lengths = _sums_of_squares(self.moved)

    def squared_distances(self, a: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """See the function ``squared_distances``."""
        wide = a.to(self.x.dtype)
        p = wide - self.centre
        lengths = p.square().sum(1)[:, None] + self.lengths
        out = torch.addmm(lengths, p, self.moved.T, alpha=-2).clamp_min_(0)
        # Where at least a quarter of the digits of the sum cancel.
        near = out.detach() < lengths.detach().mul_(torch.finfo(out.dtype).eps ** 0.25)
        rows, columns = near.nonzero(as_tuple=True)
        if not len(rows):
            return out.to(a.dtype)
        step = max(1, AT_ONCE // max(1, a.shape[1]))
        exact = [
            (wide.index_select(0, i) - self.x.index_select(0, j)).square().sum(1)
            for i, j in zip(rows.split(step), columns.split(step))
        ]
        return out.index_put_((rows, columns), torch.cat(exact)).to(a.dtype)

    def nearest(self, a: Float[Tensor, "n d"], *, sums: Float[Tensor, "n d"] | None = None) -> Int[Tensor, " m"]:
        """Which of ``a`` is nearest to each row of x; of equally near ones the first.

        Args:
            a: what the rows are compared with.
            sums: to these, one for each of ``a``, the rows that are nearest to it are added.
        """
        p = a.to(self.x.dtype) - self.centre
        lengths = p.square().sum(1)
        parts = []
        for moved, x in zip(_split(self.moved), _split(self.x), strict=True):
            # Less ‖x_j − mean‖², which is the same for all.
            parts.append(_least(torch.addmm(lengths[:, None], p, moved.T, alpha=-2)))
            if sums is not None:
                sums.index_add_(0, parts[-1][1], x)
        least, which = (torch.cat(part) for part in zip(*parts, strict=True))
        close = least + self.lengths < (self.lengths + lengths.max()) * torch.finfo(least.dtype).eps ** 0.25
        if not bool(close.any()):
            return which
        which = self.squared_distances(a).min(0).indices
        if sums is not None:
            sums.zero_().index_add_(0, which, self.x)
        return which


def _split(x: Float[Tensor, "m d"]) -> tuple[Tensor, ...]:
    """On the CPU a few rows at a time, so that what is done with them is done in the cache."""
    return x.split(max(1, IN_CACHE // max(1, x.shape[1])) if x.device.type == "cpu" else max(1, len(x)))


def _least(products: Float[Tensor, "n m"]) -> tuple[Float[Tensor, " m"], Int[Tensor, " m"]]:
    """The least of each column, and in which row it is, the first of equals. The products are overwritten."""
    if products.device.type != "cpu" or products.requires_grad:
        least, which = products.min(0)
        return least, which
    # A minimum alone is found many times as fast as one with its place.
    least = products.amin(0)
    ones = products.eq_(least)
    if not bool((ones.sum(0) == 1).all()):
        return least, ones.argmax(0)
    return least, (torch.arange(len(ones), dtype=ones.dtype) @ ones).long()


def _sums_of_squares(x: Float[Tensor, "n d"]) -> PerSample:
    """The sum of the squares of each row, of some rows at a time, so that the squares needn't go through memory."""
    return torch.cat([rows.square().sum(1) for rows in _split(x)])


def blocks(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> Iterator[tuple[slice, Float[Tensor, "_ m"]]]:
    """``squared_distances`` of some rows of ``a`` at a time: the rows, and the distances to all of ``b``."""
    others = Rows(_comparable(a, b))
    step = max(1, AT_ONCE // max(1, len(b)))
    for start in range(0, len(a), step):
        rows = slice(start, min(start + step, len(a)))
        yield rows, others.squared_distances(a[rows])


class NearestNeighbours(NamedTuple):
    """For each sample the distance to the nearest of others, and which one that is."""

    distance: PerSample
    which: Int[Tensor, " b"]


def nearest(x: Float[Tensor, " n *rest"], others: Float[Tensor, " m *rest"]) -> NearestNeighbours:
    """The nearest of ``others`` to each sample, in memory that grows with n + m.

    Args:
        x: (n, …).
        others: (m, …), at least one.

    Raises:
        ValueError: if there are no others, or samples differ in shape.

    >>> nearest(torch.tensor([[0.0], [4.0]]), torch.tensor([[1.0], [4.0]]))
    NearestNeighbours(distance=tensor([1., 0.]), which=tensor([0, 1]))
    """
    if len(others) == 0 or x.shape[1:] != others.shape[1:]:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, the others {tuple(others.shape)}; expected samples of one shape, and at "
            "least one other"
        )
    flat, them = (t.flatten(1) if t.ndim > 1 else t[:, None] for t in (x, others))
    found = [part.min(1) for _, part in blocks(flat, them)]
    if not found:
        return NearestNeighbours(x.new_zeros(0), torch.zeros(0, dtype=torch.int64, device=x.device))
    return NearestNeighbours(torch.cat([f.values for f in found]).sqrt(), torch.cat([f.indices for f in found]))
