"""ROC curves as the privacy literature draws them: once plainly, once with logarithmic axes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from labkit.plot.style import SOFT, WIDTH, Figure, array, colours, heading, house, panels

POINTS = 241


def roc(curves: Mapping[str, Any], *, floor: float = 1e-3, title: str = "", alt: str = "") -> Figure:
    """True against false positive rates: to the left on plain axes, to the right on logarithmic ones.

    The plain picture shows the average case, the logarithmic one what can be said with few false accusations. Dashed is
    chance. What a curve does below ``floor`` is drawn at the edge: its height there is the rate at no more than so many
    false positives.

    Args:
        curves: for each label a pair (fpr, tpr), (n,) each and rising, as ``membership.roc`` gives them (what comes
            after the two is left out); or a list of such pairs, over which the true positive rate is averaged.
        floor: where the logarithmic axes begin; below 1.
        title: above the panels.
        alt: the description, if the one made from the numbers is not good enough.

    Raises:
        ValueError: if there is no curve, a curve's rates are not equally many from 0 to 1, or ``floor`` is not between
            0 and 1.
    """
    if not curves or not 0 < floor < 1:
        raise ValueError(
            f"there are {len(curves)} curves and floor is {floor}; expected one or more, and 0 < floor < 1"
        )
    plain, low = np.linspace(0, 1, POINTS), np.geomspace(floor, 1, POINTS)
    sentences = []
    with house():
        figure, (left, right) = panels(2, height=3.3, width=WIDTH)
        for ax in (left, right):
            ax.plot(
                [floor * (ax is right), 1], [floor * (ax is right), 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3))
            )
        for colour, (label, curve) in zip(colours(curves), curves.items()):
            pairs = list(curve) if isinstance(curve, list) else [curve]
            left.plot(plain, _height(label, pairs, plain), color=colour, label=label)
            right.plot(low, np.maximum(_height(label, pairs, low), floor / 10), color=colour, drawstyle="steps-post")
            at = _height(label, pairs, np.array([0.01, 0.1, 0.5]))
            sentences.append(f"{label}: TPR {at[0]:.1%} at 1 % FPR, {at[1]:.1%} at 10 %, {at[2]:.1%} at 50 %.")
        left.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01))
        right.set(xscale="log", yscale="log", xlim=(floor, 1), ylim=(floor, 1.1), xlabel="the same, logarithmic")
        heading(figure, left, title)
    figure.alt = alt or f"{title or 'ROC curves'}, plain and logarithmic. {' '.join(sentences)}"
    return figure


def _height(label: str, pairs: list[Any], at: np.ndarray) -> np.ndarray:
    """The mean of the curves' true positive rates where the false ones are at most ``at``."""
    heights = []
    for pair in pairs:
        fpr, tpr = array(pair[0]), array(pair[1])
        if fpr.ndim != 1 or fpr.shape != tpr.shape or len(fpr) == 0 or not ((fpr >= 0) & (fpr <= 1)).all():
            raise ValueError(
                f"{label!r} has rates of shapes {fpr.shape} and {tpr.shape}; expected as many, from 0 to 1"
            )
        index = np.searchsorted(fpr, at + 1e-12, side="right") - 1
        heights.append(np.where(index >= 0, tpr[index.clip(0)], 0.0))
    return np.mean(heights, axis=0)
