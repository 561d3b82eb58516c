"""What the adversary sees, and how well it does.

    parity          the adversary sees h                  every group weighs the same
    opportunity     it sees h of samples with y = 1       every group weighs the same
    odds            it sees h and y                       every pair of group and outcome weighs the same

If no adversary beats chance on h, no decision made from h can have that gap: what can't be told apart can't be
treated apart. Sources: Edwards and Storkey, "Censoring Representations with an Adversary" (2016); Beutel et al., "Data
Decisions and Theoretical Implications when Adversarially Learning Fair Representations" (2017); Madras et al.,
"Learning Adversarially Fair and Transferable Representations" (2018), called LAFTR.
"""

import torch
from torch import Tensor
from torch.nn import functional

from labkit.shapes import Float, Int, Logits, labels

CRITERIA = ("parity", "opportunity", "odds")
LOSSES = ("cross-entropy", "l1")


def adversary_input(h: Float[Tensor, "n d"], y: Int[Tensor, " n"], *, criterion: str) -> Float[Tensor, "n m"]:
    """What the adversary sees of each sample: h, and for equalised odds y beside it.

    Raises:
        ValueError: if the criterion is unknown, h is no table, or there isn't an outcome 0 or 1 for each sample.
    """
    if h.ndim != 2:
        raise ValueError(f"h has shape {tuple(h.shape)}; expected what the adversary sees of each sample, (n, d)")
    if checked_criterion(criterion) == "odds":
        return torch.cat([h, labels(y, len(h), classes=2).to(h.dtype)[:, None]], dim=1)
    return h


def cells(y: Int[Tensor, " n"], a: Int[Tensor, " n"], *, criterion: str) -> Int[Tensor, " n"]:
    """The cell of each sample whose mean weighs as much as every other's; −1 for a sample that doesn't count.

    Args:
        y: outcomes, 0 or 1; for parity any classes.
        a: groups, 0 or 1.
        criterion: see the module's table.

    Raises:
        ValueError: if the criterion is unknown, or an outcome or group is neither 0 nor 1.
    """
    parity = checked_criterion(criterion) == "parity"
    y, a = labels(y, classes=None if parity else 2), labels(a, len(y), classes=2, name="a")
    if parity:
        return a
    if criterion == "opportunity":
        return torch.where(y == 1, a, torch.full_like(a, -1))
    return 2 * a + y


def cell_mean(values: Float[Tensor, " n"], cell: Int[Tensor, " n"]) -> Float[Tensor, ""]:
    """The mean over cells 0 … 3 of the mean within each that occurs; cell −1 is left out. 0 if nothing is left.

    Raises:
        ValueError: if there isn't a cell from −1 to 3 for each value.
    """
    if values.ndim != 1:
        raise ValueError(f"values have shape {tuple(values.shape)}; expected one a sample, (n,)")
    # Room for two groups and two outcomes: a size asked of the data would be a wait for the device.
    place = labels(cell + 1, len(values), classes=5, name="cell + 1")
    sums = values.new_zeros(5).index_add(0, place, values)[1:]
    sizes = values.new_zeros(5).index_add(0, place, torch.ones_like(values))[1:]
    there = (sizes > 0).to(values.dtype)
    return (sums / sizes.clamp_min(1)).sum() / there.sum().clamp_min(1)


def adversary_loss(
    logits: Tensor,
    y: Int[Tensor, " n"],
    a: Int[Tensor, " n"],
    *,
    criterion: str = "parity",
    loss: str = "cross-entropy",
) -> Float[Tensor, ""]:
    """How badly the adversary tells the groups apart; it goes down this, the encoder goes up.

    Args:
        logits: the adversary's, (n,), above 0 where it says group 1.
        y: outcomes, 0 or 1.
        a: groups, 0 or 1.
        criterion: which gap is to close: see the module's table.
        loss: ``"cross-entropy"`` (log 2 at chance), or ``"l1"``: LAFTR's mean of |σ(logit) − a| (½ at chance),
            which is 1 less the adversary's balanced accuracy where its σ is 0 or 1, and so bounds the gap itself.

    Raises:
        ValueError: if shapes differ, a name is unknown, or an outcome or group is neither 0 nor 1.
    """
    if not logits.shape == y.shape == a.shape or logits.ndim != 1:
        raise ValueError(
            f"logits, y and a have shapes {tuple(logits.shape)}, {tuple(y.shape)}, {tuple(a.shape)}; expected (n,)"
        )
    if loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}; expected one of {', '.join(LOSSES)}")
    target = a.to(logits.dtype)
    if loss == "l1":
        each = (logits.sigmoid() - target).abs()
    else:
        each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return cell_mean(each, cells(y, a, criterion=criterion))


def decision_leak(
    logits: Logits, y: Int[Tensor, " n"], a: Int[Tensor, " n"], *, criterion: str = "parity"
) -> Float[Tensor, ""]:
    """What the best linear adversary learns of the group from the decision's probability p, in nats.

        −½ log(1 − ρ²),     ρ² = d² / (d² + v),     d = (mean_1 p − mean_0 p) / 2,     v: the variance of p in a group

    both groups weighing the same. It is the information of two normal distributions with one variance, 0 where both
    groups have the same mean. For opportunity those with y = 1 count, for odds it is the mean over both outcomes.
    Where a batch lacks a group it is 0.

    Args:
        logits: of the two outcomes, (n, 2).
        y: outcomes, 0 or 1.
        a: groups, 0 or 1.
        criterion: see the module's table.

    Raises:
        ValueError: as ``cells``, or if there aren't two logits a sample.

    >>> y, a = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
    >>> float(decision_leak(torch.tensor([[0.0, 1], [0, 2], [0, 2], [0, 1]]), y, a))
    0.0
    """
    if logits.ndim != 2 or logits.shape[1] != 2:
        raise ValueError(f"logits have shape {tuple(logits.shape)}; expected two a sample, (n, 2)")
    cell = cells(y, a, criterion=criterion)
    pairs = {"parity": [(0, 1)], "opportunity": [(0, 1)], "odds": [(0, 2), (1, 3)]}[criterion]
    p = logits.softmax(1)[:, 1]
    return torch.stack([_information(p, (cell == i).to(p.dtype), (cell == j).to(p.dtype)) for i, j in pairs]).mean()


def _information(p: Float[Tensor, " n"], first: Float[Tensor, " n"], second: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """−½ log(1 − ρ²) of two groups, given as weights of 0 and 1; 0 where one of them has no sample."""
    sizes = [group.sum() for group in (first, second)]
    means = [(group * p).sum() / size.clamp_min(1) for group, size in zip((first, second), sizes)]
    spread = [
        (group * (p - mean).square()).sum() / size.clamp_min(1)
        for group, mean, size in zip((first, second), means, sizes)
    ]
    d = (means[1] - means[0]).square() / 4
    v = (spread[0] + spread[1]) / 2 + 1e-4  # where all decisions are alike, they tell nothing
    return torch.log1p(d / v) / 2 * ((sizes[0] > 0) & (sizes[1] > 0)).to(p.dtype)


def checked_criterion(criterion: str) -> str:
    """The criterion, if it is one.

    Raises:
        ValueError: if it is not.
    """
    if criterion not in CRITERIA:
        raise ValueError(f"criterion is {criterion!r}; expected one of {', '.join(CRITERIA)}")
    return criterion
