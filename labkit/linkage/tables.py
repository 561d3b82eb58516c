"""Anonymous tables: k-anonymity, l-diversity, and a generalisation that reaches them.

Columns that somebody else may know as well (age, postcode, sex) are *quasi-identifiers*. Rows that agree in all of them
form a group.

    k = the size of the smallest group
    l = the least number of different sensitive values in a group    (entropy: the least e^{H(group)})

Mondrian cuts the space of quasi-identifiers at medians, the widest column first, as long as both halves keep k rows
(and l values); every row then shows its box instead of its values. What that costs is the normalised certainty penalty:
the mean width of a box relative to its column's range, 0 for exact values, 1 for nothing at all.

L. Sweeney, "k-anonymity" (2002); A. Machanavajjhala and others, "l-diversity" (2006); K. LeFevre, D. DeWitt and
R. Ramakrishnan, "Mondrian Multidimensional k-Anonymity" (2006); J. Xu and others, "Utility-Based Anonymization" (2006).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Num
from torch import Tensor

from labkit.shapes import Bool, Float, Int


def groups(quasi: Num[Tensor, "n d"]) -> Int[Tensor, " n"]:
    """The group of each row, numbered from 0: rows that agree in every column have the same number.

    Raises:
        ValueError: if the table is empty, has no columns, or holds nan.
    """
    if quasi.ndim != 2 or 0 in quasi.shape:
        raise ValueError(f"the table has shape {tuple(quasi.shape)}; expected at least one row and one column")
    if quasi.is_floating_point() and bool(quasi.isnan().any()):
        raise ValueError(
            "a quasi-identifier is nan; expected a value in every row: give what is missing a value of its own"
        )
    return quasi.unique(dim=0, return_inverse=True)[1]


def group_sizes(quasi: Num[Tensor, "n d"]) -> Int[Tensor, " n"]:
    """How many rows, itself included, look like each row. Raises as ``groups``."""
    group = groups(quasi)
    return torch.bincount(group)[group]


def k_anonymity(quasi: Num[Tensor, "n d"]) -> int:
    """The size of the smallest group. Raises as ``groups``."""
    return int(group_sizes(quasi).min())


def l_diversity(quasi: Num[Tensor, "n d"], sensitive: Int[Tensor, " n"], *, kind: str = "distinct") -> float:
    """How many sensitive values the least diverse group has.

    Args:
        quasi: the quasi-identifiers.
        sensitive: the value of each row that nobody should learn.
        kind: ``"distinct"``: their number. ``"entropy"``: e^H, the number of equally frequent values with the same
            entropy; a group in which nearly everybody has the same value is near 1.

    Raises:
        ValueError: as ``groups``; also if there is not one sensitive value a row, or no such kind.
    """
    if kind not in ("distinct", "entropy"):
        raise ValueError(f"kind is {kind!r}; expected 'distinct' or 'entropy'")
    if sensitive.shape != quasi.shape[:1]:
        raise ValueError(
            f"there are {tuple(sensitive.shape)} sensitive values for {len(quasi)} rows; expected one a row"
        )
    group, count = _counts(groups(quasi), sensitive)
    if kind == "distinct":
        return float(torch.bincount(group).min())
    p = count.double() / torch.bincount(group, count.double())[group]
    return float(torch.bincount(group, -torch.special.xlogy(p, p)).exp().min())


def _counts(group: Int[Tensor, " n"], sensitive: Int[Tensor, " n"]) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"]]:
    """Of each pair of a group and a sensitive value that occurs: the group, and how often it occurs.

    A table of groups × values could be far larger than the rows.
    """
    values, value = sensitive.unique(return_inverse=True)
    pairs, count = (group * len(values) + value).unique(return_counts=True)
    return pairs.div(len(values), rounding_mode="floor"), count


@dataclass(frozen=True, eq=False)
class GeneralisedTable:
    """A generalised table: every row shows the box of its group.

    Attributes:
        low, high: (n, d), the smallest and the largest value of each column in the row's group.
        group: (n,) int64, numbered from 0.
        span: (d,), the range of each column in the whole table.
    """

    low: Float[Tensor, "n d"]
    high: Float[Tensor, "n d"]
    group: Int[Tensor, " n"]
    span: Float[Tensor, " d"]

    def quasi(self) -> Float[Tensor, "n columns"]:
        """The table as it is released, (n, 2d): lower bounds, then upper bounds."""
        return torch.cat([self.low, self.high], 1)

    def penalty(self) -> float:
        """The normalised certainty penalty, from 0 to 1. A column that is constant in the whole table costs nothing."""
        width = torch.where(self.span > 0, (self.high - self.low) / self.span.clamp_min(1e-30), 0)
        return float(width.mean())

    def middle(self) -> Float[Tensor, "n d"]:
        """The middle of each row's box: what somebody who wants to compute with the table would take."""
        return (self.low + self.high) / 2


def mondrian(
    x: Float[Tensor, "n d"],
    *,
    k: int,
    sensitive: Int[Tensor, " n"] | None = None,
    l: int = 1,  # noqa: E741
) -> GeneralisedTable:
    """Generalise a table of numbers until every row shares its box with k − 1 others or more.

    Args:
        x: the quasi-identifiers as numbers; classes in an order that makes sense, or one column for each.
        k: the least size of a group.
        sensitive: the sensitive value of each row; needed where ``l`` is above 1.
        l: the least number of different sensitive values in a group.

    Raises:
        ValueError: as ``groups``; also if there are fewer than k rows or l values, or values are missing.
    """
    _possible(x, k, sensitive, l)
    span = x.max(0).values - x.min(0).values
    group = torch.empty(len(x), dtype=torch.int64, device=x.device)
    waiting, done = [torch.arange(len(x), device=x.device)], 0
    while waiting:
        rows = waiting.pop()
        halves = _cut(x[rows], span, k, None if sensitive is None or l < 2 else sensitive[rows], l)
        if halves is None:
            group[rows], done = done, done + 1
        else:
            waiting += [rows[~halves], rows[halves]]
    index = group[:, None].expand_as(x)
    low, high = (
        x.new_zeros(done, x.shape[1]).scatter_reduce(0, index, x, how, include_self=False) for how in ("amin", "amax")
    )
    return GeneralisedTable(low[group], high[group], group, span)


def _cut(x: Tensor, span: Tensor, k: int, sensitive: Tensor | None, l: int) -> Bool[Tensor, " n"] | None:  # noqa: E741
    """Which rows go to the upper half, by the widest column that can be cut; None if none can."""
    if len(x) < 2 * k:
        return None
    width = (x.max(0).values - x.min(0).values) / span.clamp_min(1e-30)
    for column in width.argsort(descending=True, stable=True).tolist():
        if width[column] <= 0:
            return None
        values = x[:, column]
        median = values.sort().values[len(values) // 2]
        # Equal values stay together: the cut is below the median, or above where the lower half would be too small.
        for upper in (values >= median, values > median):
            halves = (upper, ~upper)
            if all(
                int(half.sum()) >= k and (sensitive is None or len(sensitive[half].unique()) >= l) for half in halves
            ):
                return upper
    return None


def _possible(x: Tensor, k: int, sensitive: Tensor | None, l: int) -> None:  # noqa: E741
    if x.ndim != 2 or 0 in x.shape or bool(x.isnan().any()):
        raise ValueError(f"the table has shape {tuple(x.shape)} and may hold nan; expected rows and columns of numbers")
    if not 1 <= k <= len(x):
        raise ValueError(f"k is {k}; expected 1 to {len(x)}, the number of rows")
    if l > 1 and sensitive is None:
        raise ValueError(f"l is {l}, but there are no sensitive values; expected one a row")
    if sensitive is not None and (sensitive.shape != x.shape[:1] or len(sensitive.unique()) < l):
        raise ValueError(
            f"there are {len(sensitive)} sensitive values, {len(sensitive.unique())} of them different, for {len(x)} "
            f"rows and l = {l}; expected one a row and l different ones"
        )
