"""What a label becomes when a clip runs backwards or is seen in a mirror.

"Left" played backwards is "right", and so it is in a mirror; "up" in a mirror stays "up". Such a rule is a table
``becomes``: class k is class ``becomes[k]`` afterwards. Twice backwards is as before, so the table is its own inverse.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from labkit import shapes
from labkit.augment.arguments import describe
from labkit.shapes import Bool

REVERSED = (("left", "right"), ("up", "down"), ("clockwise", "counter-clockwise"), ("growing", "shrinking"))
"""Motions that are each other's when time runs backwards."""

MIRRORED = (("left", "right"), ("clockwise", "counter-clockwise"))
"""Motions that are each other's in a mirror with left and right exchanged."""


def exchanged(classes: Sequence[str], pairs: Sequence[tuple[str, str]]) -> tuple[int, ...]:
    """The table that exchanges the two classes of each pair; all others stay. Pairs without a class are left out.

    Raises:
        ValueError: if only one of a pair is a class, so that its clips would have no class afterwards.

    >>> exchanged(("left", "right", "up"), MIRRORED)
    (1, 0, 2)
    """
    names, becomes = list(classes), list(range(len(classes)))
    for a, b in pairs:
        if (a in names) != (b in names):
            alone, other = (a, b) if a in names else (b, a)
            raise ValueError(f"{alone!r} becomes {other!r}, which is none of the classes {', '.join(names)}")
        if a in names:
            becomes[names.index(a)], becomes[names.index(b)] = names.index(b), names.index(a)
    return tuple(becomes)


def relabel(y: Tensor, *, becomes: Sequence[int], changed: Bool[Tensor, " b"]) -> Tensor:
    """The labels after the clips in ``changed`` were reversed or mirrored.

    Args:
        y: classes (B,), or probabilities (B, K).
        becomes: what each class becomes; empty, if no class changes.
        changed: (B,), which clips it happened to.

    Raises:
        ValueError: if the table isn't its own inverse, or the labels don't fit it.

    >>> relabel(torch.tensor([0, 0, 2]), becomes=(1, 0, 2), changed=torch.tensor([True, False, True]))
    tensor([1, 0, 2])
    """
    k = len(becomes)
    if not k:
        return y
    if any(not 0 <= n < k or becomes[n] != i for i, n in enumerate(becomes)):
        raise ValueError(f"becomes is {tuple(becomes)}; expected a table in which classes change places in pairs")
    to = torch.tensor(becomes, device=y.device)
    if not y.is_floating_point():
        y = shapes.labels(y, len(changed), classes=k)
        return torch.where(changed.to(y.device), to[y], y)
    if y.shape != (len(changed), k):
        raise ValueError(f"probabilities are ({len(changed)}, {k}); these are {describe(y)}")
    return torch.where(changed.to(y.device)[:, None], y[:, to], y)
