"""Signs in where an answer is right: for one sample only, inside of the border only, in all cases but one."""

import numpy as np

from labkit.checks.diagnosis.evidence import Evidence, Figures, Pair, numbers, numeric, truths
from labkit.checks.values import array, is_array


def batched(e: Evidence) -> list[Figures]:
    """The wrong cases with more than one sample, whose results have an entry for each; empty if others failed too."""
    several = [f for f in e.wrong if e.batch(f.case) > 1 and f.expected.ndim and len(f.expected) == e.batch(f.case)]
    return several if e.aligned and len(several) == len(e.wrong) else []


def permuted(e: Evidence) -> str:
    """The samples' results in another order."""
    several = batched(e)
    if not several or not e.telling:
        return ""
    for f in several:
        rows, wanted = (x.reshape(len(x), -1) for x in (f.given, f.expected))
        order = [np.lexsort(x.T[::-1].round(6)) for x in (rows, wanted)]
        if not e.agree(rows[order[0]], wanted[order[1]]):
            return ""
    return f"{e.what} {e.are} right, but in another order: entry i must belong to sample i"


def averaged(e: Evidence) -> str:
    """Each sample gets the mean or the sum over the batch, or the first one's result."""
    several = batched(e)
    if not several or not e.telling:
        return ""
    for text, rule in (
        ("the mean over the batch", lambda x: x.mean(0)),
        ("the sum over the batch", lambda x: x.sum(0)),
        ("what the first one should have", lambda x: x[0]),
        ("what the last one should have", lambda x: x[-1]),
    ):
        if all(e.agree(f.given, np.broadcast_to(rule(f.expected), f.expected.shape)) for f in several):
            return f"each sample is given {text}: every sample has its own"
    if all(np.ptp(f.given, axis=0).max() < 1e-9 for f in several):
        return "all samples of a batch get the same: every sample has its own"
    return ""


def first_only(e: Evidence) -> str:
    """Right for the first sample of a batch."""
    several = batched(e)
    if not several:
        return ""
    if all(e.agree(f.given[0], f.expected[0]) and not e.agree(f.given[1:], f.expected[1:]) for f in several):
        wrong = [[not e.agree(g, x) for g, x in zip(f.given[1:], f.expected[1:])] for f in several]
        if all(all(row) for row in wrong):
            return "it is right for the first sample of a batch only"
    return ""


def one_only(e: Evidence) -> str:
    """Right for batches of one."""
    sizes = [(e.batch(p.case), i in e.failing) for i, p in enumerate(e.pairs)]
    ones, more = [bad for n, bad in sizes if n == 1], [bad for n, bad in sizes if n > 1]
    if all(trivial(e, p) for p, (n, _) in zip(e.pairs, sizes) if n == 1):
        return ""
    if any(share_right(e, e.pairs[i]) > 0.25 for i in e.failing):
        return ""
    if ones and more and not any(ones) and all(more):
        return "it is right for one sample, and wrong for a batch of several"
    return ""


def share_right(e: Evidence, pair: Pair) -> float:
    """The share of a batch's samples whose results are right."""
    given, expected = pair.given.get(e.output), pair.expected.get(e.output)
    if not all(is_array(v) and v.ndim for v in (given, expected)) or given.shape != expected.shape:
        return 0.0
    return float(np.mean([e.agree(g, x) for g, x in zip(array(given), array(expected))]))


def trivial(e: Evidence, pair: Pair) -> bool:
    """Whether a case is easily right: what is expected is an argument as it came in, or only zeros and ones."""
    expected = pair.expected.get(e.output)
    if numeric(expected) and truths(numbers(expected)):
        return True
    return any(e.agree(expected, value) for _, value in e.arrays(pair.case))


def border(e: Evidence) -> str:
    """Right but for the outermost rows and columns."""
    if not e.aligned or min(f.expected.ndim for f in e.figures) < 2:
        return ""
    for width in (1, 2):
        inside = (..., slice(width, -width), slice(width, -width))
        if all(min(f.expected.shape[-2:]) > 2 * width for f in e.wrong) and all(
            e.agree(f.given[inside], f.expected[inside]) for f in e.wrong
        ):
            return f"{e.what} {e.are} right but for the border"
    return ""


def single_case(e: Evidence) -> str:
    """Right on all cases but one."""
    if len(e.failing) != 1 or len(e.pairs) < 3:
        return ""
    return f"it is right on all cases but this one: {e.pairs[e.failing[0]].case.get('case', '')}"
