"""How far a changed text is from the first one.

**chrF**: the F-score of the n-grams of characters that two texts share, for n = 1 … N, blanks left out::

    P_n = |common n-grams| / |n-grams of the candidate|      R_n = |common n-grams| / |n-grams of the reference|
    P, R = the means over those n for which both texts have n-grams
    chrF_β = (1 + β²) P R / (β² P + R)                        N = 6, β = 2

Source: M. Popović, *chrF: character n-gram F-score for automatic MT evaluation*, 2015
(https://aclanthology.org/W15-3049), with P and R averaged over n first.
"""

from collections import Counter
from collections.abc import Sequence


def chrf(candidate: str, reference: str, *, order: int = 6, beta: float = 2.0) -> float:
    """How alike two texts are, from 0 (no character in common) to 1 (the same but for blanks).

    Args:
        candidate: the changed text.
        reference: the text it was made of.
        order: the length of the longest n-grams.
        beta: how much more recall counts than precision; chrF2 has 2.

    Raises:
        ValueError: if ``order`` is below 1, or ``beta`` not above 0.

    >>> round(chrf("what a good film", "what a great film"), 3), chrf("abc", "abc"), chrf("abc", "xyz")
    (0.424, 1.0, 0.0)
    """
    if order < 1 or not beta > 0:
        raise ValueError(f"order is {order} and beta {beta}; expected at least 1, and a number above 0")
    a, b = "".join(candidate.split()), "".join(reference.split())
    precisions, recalls = [], []
    for n in range(1, order + 1):
        ours, theirs = (Counter(t[i : i + n] for i in range(len(t) - n + 1)) for t in (a, b))
        if not ours or not theirs:
            break
        common = (ours & theirs).total()
        precisions.append(common / ours.total())
        recalls.append(common / theirs.total())
    if not precisions:
        return float(a == b)
    p, r = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 0.0 if p + r == 0 else (1 + beta**2) * p * r / (beta**2 * p + r)


def share_unchanged(candidates: Sequence[str], references: Sequence[str]) -> float:
    """The share of texts that came back unchanged, apart from capitals and blanks.

    Raises:
        ValueError: if there are none, or not as many of both.

    >>> share_unchanged(["A film", "b"], ["a  film", "c"])
    0.5
    """
    if len(candidates) != len(references) or not references:
        raise ValueError(f"there are {len(candidates)} texts and {len(references)} to compare with; expected pairs")
    same = [a.lower().split() == b.lower().split() for a, b in zip(candidates, references)]
    return sum(same) / len(same)
