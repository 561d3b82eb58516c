"""Signs in shapes and positions: a dimension too many, another order of dimensions, an index off by one."""

from itertools import combinations, permutations

import numpy as np

from labkit.checks.diagnosis.evidence import Evidence, Figures


def misshapen(e: Evidence) -> Figures | None:
    """The first case whose shape is wrong."""
    return next((f for f in e.wrong if f.given.shape != f.expected.shape), None)


def results_exchanged(e: Evidence) -> str:
    """Two of several results in each other's place."""
    names = e.check.returned
    for a, b in combinations(names, 2):
        in_place = [name for name in names if name not in (a, b)]
        if all(
            e.agree(p.given.get(a), p.expected.get(b))
            and e.agree(p.given.get(b), p.expected.get(a))
            and all(e.same(p, name) for name in in_place)
            for p in e.pairs
        ):
            return f"the results are in the wrong order: {', then '.join(names)}"
    return ""


def broadcast(e: Evidence) -> str:
    """(B, 1) met (B,): the result is (B, B)."""
    f = misshapen(e)
    if f is None or f.expected.ndim != 1 or len(f.expected) < 2 or f.given.shape != f.expected.shape * 2:
        return ""
    n = len(f.expected)
    return (
        f"{e.what} {e.are} of shape ({n}, {n}), where ({n},) is expected: a tensor of shape ({n}, 1) met one of shape "
        f"({n},), and both were broadcast"
    )


def reduced(e: Evidence) -> str:
    """A sum or a mean too many, or too few."""
    f = misshapen(e)
    if f is None or not all(x.given.size and x.expected.size for x in e.wrong):
        return ""
    for axis in range(f.expected.ndim):
        for name in ("mean", "sum", "max", "min"):
            if all(e.agree(x.given, getattr(x.expected, name)(axis)) for x in e.wrong if x.expected.ndim > axis):
                over = "the batch" if axis == 0 else f"dimension {axis}"
                return f"it returns the {name} over {over}: expected shape {f.expected.shape}, given {f.given.shape}"
    if f.expected.ndim and f.given.ndim == 0:
        for name in ("mean", "sum"):
            if all(e.agree(x.given, getattr(x.expected, name)()) for x in e.wrong):
                return f"it returns the {name} of all entries: expected shape {f.expected.shape}"
    for axis in range(f.given.ndim):
        for name in ("mean", "sum", "max", "min"):
            if all(x.given.ndim > axis and e.agree(getattr(x.given, name)(axis), x.expected) for x in e.wrong):
                over = "the batch" if axis == 0 else f"dimension {axis}"
                return f"the {name} over {over} is missing: expected shape {f.expected.shape}, given {f.given.shape}"
    for name in ("mean", "sum"):
        if f.expected.ndim == 0 and all(e.agree(getattr(x.given, name)(), x.expected) for x in e.wrong):
            return f"the {name} over all entries is missing: one number is expected, given shape {f.given.shape}"
    return ""


def extra_dimension(e: Evidence) -> str:
    """The values are right but for dimensions of size 1, or the numbers are in the right order in another shape."""
    f = misshapen(e)
    if f is None or not all(x.given.size == x.expected.size for x in e.wrong):
        return ""
    if not all(e.agree(x.given.ravel(), x.expected.ravel()) for x in e.wrong):
        return ""
    return f"the values are right, but the shape is {f.given.shape}; expected {f.expected.shape}"


def rearranged(e: Evidence) -> str:
    """The dimensions in another order."""
    f = misshapen(e)
    if f is None or not 2 <= f.expected.ndim <= 4 or f.given.ndim != f.expected.ndim:
        return ""
    for order in permutations(range(f.expected.ndim)):
        if all(x.given.ndim == x.expected.ndim and e.agree(x.given, x.expected.transpose(order)) for x in e.figures):
            return f"the dimensions are in another order: expected shape {f.expected.shape}, given {f.given.shape}"
    return ""


def length(e: Evidence) -> str:
    """Entries too few or too many at an end."""
    f = misshapen(e)
    if f is None or f.given.ndim == 0 or f.given.ndim != f.expected.ndim or f.given.shape[1:] != f.expected.shape[1:]:
        return ""
    n, m = len(f.given), len(f.expected)
    shorter, longer, how = (f.given, f.expected, "missing") if n < m else (f.expected, f.given, "too many")
    gap = abs(n - m)
    for side, part in (("last", longer[: len(shorter)]), ("first", longer[gap:])):
        if e.agree(shorter, part):
            which = f"the {side} one is" if gap == 1 else f"the {side} {gap} are"
            return f"{entries(n)} for {m}: {which} {how}"
    return f"{entries(n)}; expected {m}"


def entries(n: int) -> str:
    """``there is 1 entry``, ``there are 2 entries``."""
    return "there is 1 entry" if n == 1 else f"there are {n} entries"


def dimensions(e: Evidence) -> str:
    """Another number of dimensions, or one dimension of another length."""
    f = misshapen(e)
    if f is None:
        return ""
    shapes = f"expected shape {f.expected.shape}, given {f.given.shape}"
    if f.given.ndim != f.expected.ndim:
        n, m = f.given.ndim, f.expected.ndim
        return f"{e.what} {has(e)} {n} dimension{'' if n == 1 else 's'} instead of {m}: {shapes}"
    wrong = [d for d, (n, m) in enumerate(zip(f.given.shape, f.expected.shape)) if n != m]
    if len(wrong) > 1:
        return ""
    names = {4: ("the batch", "the channels", "the height", "the width")}.get(f.expected.ndim)
    where = names[wrong[0]] if names else f"dimension {wrong[0]}"
    return f"{e.what} {has(e)} the wrong length along {where}: {shapes}"


def has(e: Evidence) -> str:
    """``has``, or ``have``."""
    return "have" if e.are == "are" else "has"


def turned(e: Evidence) -> str:
    """Transposed or flipped."""
    if not e.aligned or not e.telling:
        return ""
    rank = min(f.expected.ndim for f in e.figures)
    if rank >= 2 and all(e.agree(f.given, f.expected.swapaxes(-1, -2)) for f in e.figures):
        return f"{e.what} {e.are} transposed: rows and columns are exchanged"
    if rank >= 3 and all(e.agree(f.given, f.expected.swapaxes(0, 1)) for f in e.figures):
        return f"{e.what} {e.are} transposed: the first two dimensions are exchanged"
    for axis in range(1, rank + 1):
        if all(e.agree(f.given, np.flip(f.expected, -axis)) for f in e.figures):
            ways = {1: "from right to left", 2: "upside down"} if rank >= 2 else {1: "from the last to the first"}
            return f"{e.what} {e.are} reversed {ways.get(axis, f'along dimension {rank - axis}')}"
    return ""


def shifted(e: Evidence) -> str:
    """Off by one index."""
    if not e.aligned or not e.telling:
        return ""
    for axis in range(min(f.expected.ndim for f in e.figures)):
        long = [f for f in e.wrong if f.expected.shape[axis] > 2 and np.ptp(f.expected, axis=axis).max() > 1e-6]
        for later in (True, False):
            if len(long) == len(e.wrong) and all(moved(e, f, axis, later=later) for f in long):
                where = "" if all(f.expected.ndim == 1 for f in long) else f" along dimension {axis}"
                side = "late" if later else "early"
                return f"{e.what} {e.are} off by one index{where}: each entry comes one place too {side}"
    return ""


def moved(e: Evidence, f: Figures, axis: int, *, later: bool) -> bool:
    """Whether each entry stands one place later, or earlier, than expected."""
    given, expected = np.moveaxis(f.given, axis, 0), np.moveaxis(f.expected, axis, 0)
    return e.agree(given[1:], expected[:-1]) if later else e.agree(given[:-1], expected[1:])
