"""What comes into this package is examined here, once: features, pairs of domains, labels, weights.

Values on an accelerator are trusted: reading them back would make the host wait.
"""

import torch
from torch import Tensor


def features(x: Tensor, *, name: str = "x", least: int = 1) -> Tensor:
    """``x``, if it is a table of floats (n, d) with ``least`` rows or more, all of them finite.

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(x, Tensor) or x.ndim != 2 or not x.is_floating_point():
        kind = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{name} holds features, floats of shape (n, d); this is {kind}")
    if len(x) < least or x.shape[1] < 1:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; expected {least} or more rows and 1 or more columns")
    if x.device.type == "cpu" and not bool(x.isfinite().all()):
        raise ValueError(f"{name} holds values that are not finite (nan or inf); expected numbers")
    return x


def domains(source: Tensor, target: Tensor, *, least: int = 1) -> None:
    """Refuse two tables that are not features of the same columns.

    Raises:
        ValueError: saying what they are instead.
    """
    features(source, name="source", least=least)
    features(target, name="target", least=least)
    if source.shape[1] != target.shape[1]:
        raise ValueError(
            f"source has {source.shape[1]} columns and target {target.shape[1]}; expected the same features: "
            "where the feature spaces differ, map one onto the other first"
        )


def paired(x: Tensor, y: Tensor, *, least: int = 1) -> None:
    """Refuse two tables whose rows are not pairs; their columns may differ.

    Raises:
        ValueError: saying what they are instead.
    """
    features(x, name="x", least=least)
    features(y, name="y", least=least)
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} rows and y {len(y)}; expected pairs: row i of y belongs to row i of x")


def classes(y: Tensor, x: Tensor, *, k: int | None = None, name: str = "y") -> int:
    """The number of classes, if ``y`` holds one for each row of ``x``: ``k``, or one more than the largest.

    Raises:
        ValueError: if there is not one whole number from 0 to k − 1 for each row.
    """
    if y.ndim != 1 or len(y) != len(x) or y.is_floating_point() or y.dtype == torch.bool:
        raise ValueError(f"{name} holds one class for each of {len(x)} rows; this is {y.dtype} {tuple(y.shape)}")
    smallest, largest = (int(v) for v in torch.aminmax(y))
    if smallest < 0 or (k is not None and largest >= k):
        raise ValueError(
            f"the classes in {name} go from {smallest} to {largest}; expected 0 to {(k or largest + 1) - 1}"
        )
    return k if k is not None else largest + 1


def weights(w: Tensor, *, n: int | None = None, name: str = "w") -> Tensor:
    """``w``, if it holds weights (n,): 0 or more, finite, and not all 0.

    Raises:
        ValueError: saying what it is instead.
    """
    if not isinstance(w, Tensor) or w.ndim != 1 or not w.is_floating_point() or len(w) != (len(w) if n is None else n):
        kind = f"{w.dtype} of shape {tuple(w.shape)}" if isinstance(w, Tensor) else type(w).__name__
        raise ValueError(f"{name} holds weights, floats of shape ({'n' if n is None else n},); this is {kind}")
    if w.device.type == "cpu" and not (bool((w >= 0).all()) and bool(w.isfinite().all()) and bool((w > 0).any())):
        raise ValueError(f"{name} holds {len(w)} weights; expected numbers of 0 or more, not all of them 0")
    return w


def above_zero(value: float, name: str) -> float:
    """``value``, if it is a number above 0.

    Raises:
        ValueError: if it isn't.
    """
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value}; expected a number above 0")
    return float(value)


def components(d: int, *, most: int) -> int:
    """``d``, if so many components can be had.

    Raises:
        ValueError: if there are fewer.
    """
    if not 1 <= d <= most:
        raise ValueError(f"d is {d}; expected 1 to {most} components")
    return d
