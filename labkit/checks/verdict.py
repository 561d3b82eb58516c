"""The verdict: whether an answer is right on every case, and if not, the sentence that its author reads.

The sentence comes from the first of these that has one:

1. a mistake of the bank that gives the same outputs as the answer on every case;
2. an event before there were outputs: the answer raised an error, or changed its input;
3. the check's own verdict, if it has one, or the promise that the failed cases test;
4. the diagnosis: it compares given and expected over all cases, for any exercise;
5. a plain statement that the values are wrong.
"""

import contextlib
import io
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labkit.checks import diagnosis
from labkit.checks.bank import AnswerKey, Mistake
from labkit.checks.kinds import figures, tables, where
from labkit.checks.protocol import (
    Case,
    Check,
    Compare,
    Differs,
    Outputs,
    Report,
    Wrong,
    close,
    describe_case,
    differs,
    one,
)
from labkit.checks.traces import BEGIN, SLOPE
from labkit.checks.values import agree, array, describe, dtype_of, is_array, is_number, is_texts

DETACHED = (
    "its value is right, but no gradient reaches {target}: something on the way is cut off, by `.detach()`, `.item()`, "
    "`torch.no_grad()` or NumPy"
)
STRAY = "its value is right, but a gradient flows to {target}, where none should: `detach` what comes from there"


@dataclass(frozen=True)
class Record:
    """The result of an answer on one case: its outputs, or why there are none.

    ``error`` is the type of the error that it raised; ``drew`` names the shared sources of random numbers that it used.
    """

    status: str
    values: Outputs = field(default_factory=dict)
    sentence: str = ""
    error: str = ""
    drew: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One case, and the answer's result on it."""

    case: Case
    record: Record


Tried = Callable[..., list[Record]]
"""Runs another answer on the same cases: ``tried(answer)``, or ``tried(answer, which)`` on those at some positions."""


def decide(check: Check, key: AnswerKey, trials: Sequence[Trial], tried: Tried, *, explain: bool = True) -> Report:
    """The report on an answer.

    Args:
        trials: each case, and the answer's result on it.
        tried: gives the records of another answer on the same cases: the reference or a mistake.
        explain: look for the mistake that was made; not needed for a decoy, as nobody reads its sentence.
    """
    last = trials[-1]
    if last.record.status in ("stub", "copied"):
        return report(check, last.record.status, Wrong(last.record.sentence), last.case)
    with quietly():
        compared = key.verdict is None and (explain or any(trial.record.status == "ok" for trial in trials))
        right = tried(key.reference) if compared else []
        problems = [problem(check, key, trials, i, right, tried) for i in range(len(trials))]
        wrongs = {i: wrong for i, wrong in enumerate(problems) if wrong is not None}
        if not wrongs:
            return Report(check.key, check.points, "right", "right")
        # "Its value is right, but" is true only if it is in every case.
        failing = sorted(wrongs, key=lambda i: wrongs[i].of_gradient)
        first, wrong = failing[0], wrongs[failing[0]]
        named = sentence(check, key, trials, failing, right, tried) if explain else None
    if named and (not wrong.named or named[1]):
        wrong = renamed(wrong, named[0])
    elif not wrong.named and (stopped := [i for i in failing if trials[i].record.status != "ok"]):
        first, wrong = stopped[0], wrongs[stopped[0]]  # what stops it elsewhere says more than that values are wrong
    status = trials[first].record.status
    return report(check, "wrong" if status == "ok" or (named and named[1]) else status, wrong, trials[first].case)


def renamed(wrong: Wrong, text: str) -> Wrong:
    """The same problem with a sentence that names it."""
    better = Wrong(text)
    better.expected, better.given = wrong.expected, wrong.given
    return better


def report(check: Check, status: str, wrong: Wrong, case: Case) -> Report:
    """A report on an answer that is not right."""
    return Report(check.key, check.points, status, wrong.sentence, describe_case(case), wrong.expected, wrong.given,
                  wrong.named)  # fmt: skip


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Hide prints and warnings of labkit's own answers, and leave the notebook's random numbers as they were."""
    torch = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            if torch:
                torch.set_rng_state(states[2])


# ── one case ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def problem(
    check: Check, key: AnswerKey, trials: Sequence[Trial], i: int, right: Sequence[Record], tried: Tried
) -> Wrong | None:
    """What is wrong with an answer on case ``i``."""
    trial = trials[i]
    if trial.record.status != "ok":
        return Wrong(trial.record.sentence)
    if key.verdict is None:
        if right[i].status != "ok":
            raise RuntimeError(f"the reference of {check.key} fails: {right[i].sentence}")
        return compare(check, trial.record.values, right[i].values, key.otherwise)
    try:
        key.verdict(trial.record.values, trial.case)
    except Wrong as wrong:
        return wrong
    except Exception as error:  # noqa: BLE001  raised again unless the answer's outputs explain it
        return misshapen(check, key, trial, tried(key.reference)[i], error)
    return None


def misshapen(check: Check, key: AnswerKey, trial: Trial, right: Record, error: Exception) -> Wrong:
    """Explain an error of the check's verdict: if the reference passes, the answer's outputs have an impossible form.

    Raises:
        Exception: the same error, if it is the check's own fault.
    """
    assert key.verdict is not None
    try:
        key.verdict(right.values, trial.case)
    except Exception:  # noqa: BLE001  the check is broken, and says so
        raise error from None
    for name, expected in right.values.items():
        if name not in trial.record.values:
            raise error  # no honest run leaves an output out
        if wrong := mismatch(check, name, trial.record.values[name], expected, values=False):
            return wrong
    return Wrong("its result has not the form that was asked for", given=error)


def compare(check: Check, given: Outputs, expected: Outputs, otherwise: Mapping[str, str]) -> Wrong | None:
    """The first difference between the outputs of an answer and the reference's: values, then gradients."""
    for what in sorted(expected, key=lambda name: name.startswith(BEGIN)):
        if what.startswith(BEGIN) and what not in given:
            if not array(expected[what]).any():  # none flows: a plain number is as good
                continue
            return of_gradient(Wrong(DETACHED.format(target=what.partition(" for ")[2])))
        if what not in given:
            raise KeyError(f"there is no output called {what!r}")
        if wrong := mismatch(check, what, given[what], expected[what]):
            if what in otherwise:
                wrong = renamed(wrong, otherwise[what])
            elif what.startswith(BEGIN):
                wrong.sentence = f"its value is right, but {wrong.sentence}"
            return of_gradient(wrong) if what.startswith(BEGIN) else wrong
    return stray(check, given, expected)


def stray(check: Check, given: Outputs, expected: Outputs) -> Wrong | None:
    """A gradient that reaches a named argument, where the reference has none."""
    for name in getattr(check, "gradients", ()):
        for what in (SLOPE.format(output=output, argument=name) for output in check.returned):
            if what in given and what not in expected and np.abs(array(given[what])).max(initial=0.0) > check.atol:
                return of_gradient(Wrong(STRAY.format(target=f"`{name}`"), given=given[what]))
    return None


def of_gradient(wrong: Wrong) -> Wrong:
    """The same problem, marked as one of a gradient."""
    wrong.of_gradient = True
    return wrong


def mismatch(check: Check, what: str, given: Any, expected: Any, *, values: bool = True) -> Wrong | None:
    """What is wrong with one output: its kind, its shape, its dtype or its values.

    Args:
        values: whether to compare values, too.
    """
    if (is_array(expected) and (is_array(given) or (is_number(given) and not array(expected).shape))) or (
        is_number(expected) and is_scalar(given) and (dtype_of(given) == "bool") == isinstance(expected, bool)
    ):
        if not values:
            shape = tuple(getattr(expected, "shape", ()))
            same = tuple(getattr(given, "shape", ())) == shape
            return None if same else Wrong(differs(what, "wrong shape"), expected=shape, given=given)
        try:
            close(given, expected, what=what, atol=check.atol, rtol=check.rtol, dtype=check.dtype)
        except Wrong as wrong:
            return wrong
        return None
    if other := other_kind(check, given, expected):
        return other
    if values and not agree(given, expected, atol=check.atol, rtol=check.rtol):
        place = where.first(given, expected, lambda x, y: agree(x, y, atol=check.atol, rtol=check.rtol))
        return Differs(differs(what, "wrong value") + place, expected=expected, given=given)
    if values and check.dtype and tables.is_table(expected) and dtypes(given) != dtypes(expected):
        return Wrong(f"the values are right, but {where.dtype(dtypes(given), dtypes(expected))}")
    if values and check.dtype and dtypes(given) != dtypes(expected):
        return Wrong(f"{differs(what, 'wrong dtype')}: it should follow its input's", expected=str(dtypes(expected)),
                     given=str(dtypes(given)))  # fmt: skip
    return None


def is_scalar(value: Any) -> bool:
    """Whether a value is an array without dimensions."""
    return is_array(value) and not value.shape


def other_kind(check: Check, given: Any, expected: Any) -> Wrong | None:
    """Whether an output has a different kind from the expected one."""
    if kind(given) == kind(expected):
        return None
    if given is None:
        return Wrong(f"{check.name} returned nothing: is a `return` missing?")
    shape = f" of shape {tuple(expected.shape)}" if is_array(expected) else ""
    return Wrong(f"{check.name} returned {one(given)}; expected {one(expected)}{shape}", given=describe(given))


def kind(value: Any) -> str:
    """The kind of a value; forms that can replace each other are one kind."""
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, figures.Picture):
        return "figure"
    for name, types in (("number", int | float | np.number), ("text", str), ("list", list | tuple), ("table", dict)):
        if isinstance(value, types):
            return name
    return "array" if is_array(value) else type(value).__name__


# ── the sentence ──────────────────────────────────────────────────────────────────────────────────────────────────────


def sentence(
    check: Check, key: AnswerKey, trials: Sequence[Trial], failing: list[int], right: Sequence[Record], tried: Tried
) -> tuple[str, bool] | None:
    """The sentence that names what is wrong, and whether it comes from the bank; None if nothing names it."""
    if text := from_bank(check, key, trials, failing, right, tried):
        return text, True
    first = trials[failing[0]]
    if first.record.status != "ok" or not right:
        return None
    promises = {key.only.get(str(trials[i].case.get("case"))) for i in failing}
    if len(failing) < len(trials) and len(promises) == 1 and (promise := promises.pop()):
        return promise, True
    pairs = [
        diagnosis.Pair(trial.case, trial.record.values, expected.values)
        for trial, expected in zip(trials, right)
        if trial.record.status == "ok"
    ]
    bad = [i for i, trial in enumerate(trials) if trial.record.status == "ok"]
    drew = any(set(trials[i].record.drew) - set(right[i].drew) for i in failing)
    seen = diagnosis.Evidence(check, pairs, [bad.index(i) for i in failing if i in bad], key.reference, tried, drew)
    text = diagnosis.diagnose(seen)
    return (text, False) if text else None


def from_bank(
    check: Check, key: AnswerKey, trials: Sequence[Trial], failing: list[int], right: Sequence[Record], tried: Tried
) -> str:
    """The sentence of the one mistake that gives the same outputs as the answer; "" if there is none, or several.

    The mistake must agree on every case that failed, and on half of all cases. If several mistakes do, only one that
    agrees on all cases counts. If the answer returns several outputs and no mistake gives all of them, only the first
    wrong output is compared.
    """
    parts = looked_at(check, trials, right)
    for outputs in (parts, first_wrong(check, trials, right, parts)):
        candidates = fitting(check, key, trials, failing, outputs, tried) if outputs != set() else []
        # Where several return the same, what else they do may tell them apart.
        exact = [entry for entry in candidates if entry[1]]
        sentences = {mistake.text(trials[failing[0]].case) for mistake, _ in exact or candidates}
        if sentences:
            return sentences.pop() if len(sentences) == 1 else ""
    return ""


def fitting(
    check: Check, key: AnswerKey, trials: Sequence[Trial], failing: list[int], parts: Set[str] | None, tried: Tried
) -> list[tuple[Mistake, bool]]:
    """The mistakes that agree with the answer in the outputs ``parts``, and whether they agree in all outputs."""
    everywhere: list[tuple[Mistake, bool]] = []
    on_failing: list[tuple[Mistake, bool]] = []
    for mistake in key.mistakes:
        if not mistake.sentence:
            continue
        if not equal(check, tried(mistake.function, failing[:1])[0], trials[failing[0]].record, parts):
            continue
        records = tried(mistake.function)
        same = [equal(check, record, trial.record, parts) for record, trial in zip(records, trials)]
        in_all = parts is None or all(equal(check, r, t.record) for r, t in zip(records, trials))
        if all(same):
            everywhere.append((mistake, in_all))
        # One that differs in most cases meets the answer by chance, as 1 − p does where there are two names to give.
        elif (
            all(same[i] for i in failing)
            and len(failing) > 1
            and 2 * sum(same) >= len(same)
            and any(telling(trials[i].record) for i in failing)
        ):
            on_failing.append((mistake, in_all))
    return everywhere or on_failing


def telling(record: Record) -> bool:
    """Whether there are outputs with a finite number; outputs of nan alone don't tell mistakes apart."""
    return any(np.isfinite(array(value)).any() for value in record.values.values() if is_array(value)) or any(
        not is_array(value) and (not is_number(value) or np.isfinite(value)) for value in record.values.values()
    )


def first_wrong(
    check: Check, trials: Sequence[Trial], right: Sequence[Record], parts: Set[str] | None
) -> Set[str] | None:
    """The first returned output that is wrong in some case; empty if the answer returns only one output."""
    if parts is None or len(check.returned) < 2:
        return set()
    for name in check.returned:
        if any(t.record.status == "ok" and not equal(check, t.record, r, {name}) for t, r in zip(trials, right)):
            return {name}
    return set()


def looked_at(check: Check, trials: Sequence[Trial], right: Sequence[Record]) -> Set[str] | None:
    """The outputs that identify a mistake: the returned ones, or all (None) if the returned ones are right."""
    returned = set(check.returned)
    if not returned or not right:
        return None
    for trial, expected in zip(trials, right):
        if trial.record.status != "ok" or not equal(check, trial.record, expected, returned):
            return returned
    return None


def equal(check: Check, a: Record, b: Record, parts: Set[str] | None = None) -> bool:
    """Whether two answers did the same on a case, judged by the outputs ``parts``, or by all if None."""
    if a.status != b.status:
        return False
    if a.status == "error":
        return a.error == b.error and message(a) == message(b)
    if a.status != "ok":
        return a.sentence == b.sentence
    x, y = ({k: v for k, v in r.values.items() if parts is None or k in parts} for r in (a, b))
    one_number = isinstance(check, Compare) and check.number  # whose form does not matter
    if check.dtype and not one_number and dtypes(x) != dtypes(y):
        return False
    return agree(x, y, atol=check.atol, rtol=check.rtol)


def message(record: Record) -> str:
    """The message of an error, without the line of code."""
    return record.sentence.partition(" (in line ")[0]


def dtypes(value: Any) -> Any:
    """The dtypes of all arrays in a value."""
    if isinstance(value, dict):
        return {key: dtypes(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [dtypes(entry) for entry in value]
    if tables.is_table(value):
        return tables.dtypes(value)
    if is_texts(value):
        return "text"
    return dtype_of(value) if is_array(value) else ""
