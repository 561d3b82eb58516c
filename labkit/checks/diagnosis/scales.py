"""Signs in the values: the negative, a factor, an offset, a function too many or too few."""

import math
from collections.abc import Callable
from functools import partial
from itertools import permutations

import numpy as np

from labkit.checks.diagnosis.evidence import Evidence, Figures, Numbers, truths
from labkit.checks.protocol import Case
from labkit.checks.traces import BEGIN
from labkit.checks.values import is_number

CONSTANTS = {
    2.0: "twice what is expected",
    0.5: "half of what is expected",
    100.0: "100 times what is expected: a share, not per cent, is asked for",
    0.01: "a hundredth of what is expected: per cent, not a share, is asked for",
    255.0: "255 times what is expected: is it in grey levels from 0 to 255?",
    1 / 255: "a 255th of what is expected: values are from 0 to 1 already",
    math.log(2): "ln 2 times what is expected: check the base of a logarithm",
    1 / math.log(2): "1 / ln 2 times what is expected: the natural logarithm is asked for, not that to base 2",
    1
    / math.log(
        10
    ): "1 / ln 10 times what is expected: a logarithm to base 10 stands where the natural one is asked for",
    math.log(10): "ln 10 times what is expected: check the base of a logarithm",
    math.pi / 180: "π/180 times what is expected: check degrees and radians",
    180 / math.pi: "180/π times what is expected: check degrees and radians",
    math.sqrt(2): "√2 times what is expected",
    1 / math.sqrt(2): "1/√2 times what is expected",
    2 * math.pi: "2π times what is expected",
    4.0: "four times what is expected",
    0.25: "a quarter of what is expected",
}


def cut_off(e: Evidence) -> str:
    """A gradient that is right where there is one, and missing elsewhere."""
    if not e.output.startswith(BEGIN) or not e.aligned:
        return ""
    if not e.fits(lambda f: np.where(f.given == 0, 0, f.expected)):
        return ""
    part = "a part of the gradient" if any(f.given.any() for f in e.wrong) else "the gradient"
    return (
        f"its value is right, but {part} for {e.output.partition(' for ')[2]} is missing: something on the way is cut "
        "off, by `.detach()`, `.item()`, `torch.no_grad()` or NumPy"
    )


def constant(e: Evidence) -> str:
    """The same number everywhere, whatever the arguments."""
    if not e.aligned or len(e.figures) < 2 or not e.telling:
        return ""
    values = {float(v) for f in e.figures for v in f.given.ravel()[:256]}
    if len(values) != 1:
        return ""
    return f"{e.what} {e.are} {values.pop():.4g} everywhere, whatever the arguments"


def opposite(e: Evidence) -> str:
    """The negative, or the other way round."""
    if not e.aligned:
        return ""
    if all(truths(f.expected) and truths(f.given) for f in e.figures):
        fits = e.fits(lambda f: 1 - f.expected)
        return f"{e.what} {e.are} the wrong way round: yes where no is expected, and no where yes is" if fits else ""
    if not e.fits(lambda f: -f.expected):
        return ""
    return f"the sign is wrong: {e.what} {e.are} the negative of what is expected"


def ratio(f: Figures) -> float:
    """The one factor between given and expected; nan if there is none."""
    there = np.abs(f.expected) > 1e-12
    if not there.any() or not np.isfinite(f.given).all():
        return math.nan
    quotients = f.given[there] / f.expected[there]
    middle = float(np.median(quotients))
    same = np.allclose(f.given, middle * f.expected, rtol=1e-3, atol=1e-7 * max(1.0, float(np.abs(f.given).max())))
    return middle if same else math.nan


POWERS = {
    1: "multiplied by",
    -1: "divided by",
    0.5: "multiplied by the root of",
    -0.5: "divided by the root of",
    2: "multiplied by the square of",
    -2: "divided by the square of",
}


def factor(e: Evidence) -> str:
    """A constant factor, and which number of the case it is."""
    if not e.aligned:
        return ""
    nonzero = [f for f in e.figures if np.abs(f.expected).max(initial=0.0) > 1e-12]
    ratios = [ratio(f) for f in nonzero]
    zeros_kept = all(not f.given.any() for f in e.figures if not np.abs(f.expected).max(initial=0.0) > 1e-12)
    if not ratios or not zeros_kept or not all(math.isfinite(r) and r != 0 for r in ratios):
        return ""
    if all(math.isclose(r, ratios[0], rel_tol=1e-3) for r in ratios):
        for value, text in CONSTANTS.items():
            if math.isclose(ratios[0], value, rel_tol=1e-3):
                return f"{e.what} {e.are} {text}"
        steady = len(e.wrong) > 1 and e.telling
        return f"{e.what} {e.are} {ratios[0]:.4g} times what is expected, in every case" if steady else ""
    for name in amounts(e, nonzero[0].case):
        sizes = [amounts(e, f.case).get(name, 0.0) for f in nonzero]
        for power, text in POWERS.items():
            if all(n > 0 and math.isclose(r, n**power, rel_tol=1e-3) for n, r in zip(sizes, ratios)):
                return f"{e.what} {e.are} {text} {name} where that is not asked for"
    return quotient(e, nonzero, ratios)


def quotient(e: Evidence, nonzero: list[Figures], ratios: list[float]) -> str:
    """A factor that is one number of the case divided by another."""
    sizes = [amounts(e, f.case) for f in nonzero]
    for a, b in permutations(sizes[0], 2) if len(ratios) > 2 else ():
        pairs = [(of.get(a, 0.0), of.get(b, 0.0)) for of in sizes]
        if all(n > 0 and m > 0 and math.isclose(r, n / m, rel_tol=1e-3) for (n, m), r in zip(pairs, ratios)):
            return f"{e.what} {e.are} {a} / {b} times what is expected: is it divided by the right number?"
    return ""


def amounts(e: Evidence, case: Case) -> dict[str, float]:
    """The numbers of a case that may have slipped in: its scalars, and the sizes of its arrays, by name."""
    sizes: dict[str, float] = {}
    arrays = list(e.arrays(case))
    if arrays:
        sizes["the size of the batch"] = float(e.batch(case))
    for name, value in e.call(case).items():
        if is_number(value) and not isinstance(value, bool):
            sizes[f"`{name}`"] = float(value)
            sizes[f"1 − `{name}`"] = 1 - float(value)
    for name, value in arrays:
        shape = tuple(value.shape)
        if len(shape) >= 2:
            sizes[f"the number of columns of `{name}`"] = float(shape[-1])
            sizes[f"the number of entries of each sample of `{name}`"] = float(np.prod(shape[1:]))
        if len(shape) == 4:
            sizes[f"the number of pixels of `{name}`"] = float(shape[2] * shape[3])
            sizes[f"the number of channels of `{name}`"] = float(shape[1])
        sizes[f"the number of entries of `{name}`"] = float(np.prod(shape))
    return sizes


def offset(e: Evidence) -> str:
    """A constant difference, and which number of the case it is."""
    if not e.aligned or not e.telling:
        return ""
    gaps = [f.given - f.expected for f in e.figures]
    if not all(g.size and np.allclose(g, g.flat[0], rtol=1e-3, atol=1e-6) for g in gaps):
        return ""
    steps = [float(g.flat[0]) for g in gaps]
    near = partial(math.isclose, rel_tol=1e-3, abs_tol=1e-6)
    if abs(steps[0]) > 1e-6 and all(near(step, steps[0]) for step in steps):
        side = "large" if steps[0] > 0 else "small"
        return f"{e.what} {e.are} too {side} by {abs(steps[0]):.4g}, everywhere and in every case"
    for name in amounts(e, e.figures[0].case):
        sizes = [amounts(e, f.case).get(name, 0.0) for f in e.figures]
        for sign, side in ((1, "large"), (-1, "small")):
            if all(near(step, sign * size) for step, size in zip(steps, sizes)):
                return f"{e.what} {e.are} too {side} by {name}, everywhere"
    return ""


def softmax(x: Numbers) -> Numbers:
    """Along the last dimension."""
    shifted = np.exp(x - x.max(-1, keepdims=True)) if x.ndim else np.ones(())
    return np.asarray(shifted / shifted.sum(-1, keepdims=True) if x.ndim else shifted)


FUNCTIONS: dict[str, Callable[[Numbers], Numbers]] = {
    "softmax": softmax,
    "the logarithm of the softmax": lambda x: np.log(softmax(x)),
    "the sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "the logarithm": np.log,
    "the exponential": np.exp,
    "the square root": np.sqrt,
    "the square": np.square,
    "the absolute value": np.abs,
    "the sign": np.sign,
    "one minus": lambda x: 1 - x,
    "the reciprocal": lambda x: 1 / x,
    "tanh": np.tanh,
    "rounding": np.round,
    "one decimal": lambda x: np.round(x, 1),
    "two decimals": lambda x: np.round(x, 2),
    "three decimals": lambda x: np.round(x, 3),
    "four decimals": lambda x: np.round(x, 4),
    "rounding down": np.floor,
    "rounding up": np.ceil,
    "cutting to [0, 1]": lambda x: np.clip(x, 0, 1),
    "cutting below 0": lambda x: np.maximum(x, 0),
    "summing up along the last dimension": lambda x: np.cumsum(x, -1) if x.ndim else x,
}

TOO_MANY = {
    "softmax": "softmax is applied once too often",
    "one minus": "it is one minus what is expected",
    "rounding": "it is rounded, or cast to whole numbers",
    "one decimal": "it is rounded to one decimal: give all of them",
    "two decimals": "it is rounded to two decimals: give all of them",
    "three decimals": "it is rounded to three decimals: give all of them",
    "four decimals": "it is rounded to four decimals: give all of them",
    "rounding down": "it is rounded down, or cast to whole numbers",
    "rounding up": "it is rounded up",
    "cutting to [0, 1]": "it is cut to [0, 1], and should not be",
    "cutting below 0": "it is cut at 0, and should not be",
    "the sign": "only the sign is left of it",
    "the reciprocal": "it is one divided by what is expected",
}


def function(e: Evidence) -> str:
    """The answer is a function of what is expected."""
    if not e.aligned or not e.telling:
        return ""
    for name, apply in FUNCTIONS.items():
        if all(e.agree(f.given, applied(apply, f.expected)) for f in e.figures):
            text = f"{e.what} {e.are} {name} of what is expected"
            return text if e.output.startswith(BEGIN) else TOO_MANY.get(name, text)
    return ""


def inverse(e: Evidence) -> str:
    """What is expected is a function of the answer."""
    if not e.aligned or not e.telling:
        return ""
    for name, apply in FUNCTIONS.items():
        if all(e.agree(applied(apply, f.given), f.expected) for f in e.figures):
            return f"{name} is missing: that of what you return is what is expected"
    return ""


def applied(apply: Callable[[Numbers], Numbers], numbers: Numbers) -> Numbers:
    """A function's values, nan where there is none."""
    with np.errstate(all="ignore"):
        return np.asarray(apply(numbers))


def normalised(e: Evidence) -> str:
    """Divided by its own sum, length or largest entry, or not."""
    if not e.aligned or not e.telling or any(f.expected.ndim == 0 for f in e.figures):
        return ""
    for place, axis in (("", None), (" of each row", -1), (" of each column", 0)):
        for measure, size in SIZES.items():
            divide = partial(divided, size=size, axis=axis)
            if all(e.agree(f.given, divide(f.expected)) for f in e.figures):
                return f"{e.what} {e.are} divided by {measure}{place}, and should not be"
            if all(e.agree(divide(f.given), f.expected) for f in e.figures):
                return f"{e.what} {e.are} not divided by {measure}{place}"
    return ""


SIZES: dict[str, Callable[..., Numbers]] = {
    "the sum": np.sum,
    "the largest entry": np.max,
    "the length": lambda x, **knobs: np.sqrt(np.square(x).sum(**knobs)),
}


def divided(x: Numbers, *, size: Callable[..., Numbers], axis: int | None) -> Numbers:
    """An array divided by its own size."""
    with np.errstate(all="ignore"):
        return np.asarray(x / size(x, axis=axis, keepdims=True))
