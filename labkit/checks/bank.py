"""The bank: right answers and likely mistakes. It is kept apart from the cases because it never enters a sandbox.

In ``labkit/checks/answers/<topic>.py``, a check's other half reads:

    @reference("attacks.fgsm", instead_of=(attacks.fgsm, attacks.pgd))
    def fgsm(model, x, y, eps, targeted=False): ...

    @mistake("attacks.fgsm", "pixels leave [0, 1]: cut them with `clamp`")
    def without_clamp(model, x, y, eps, targeted=False): ...

A mistake is a function as a student would write it. The judge runs it on the cases that failed. If it gives the same
as the student's answer, the student reads its sentence. The tests go through the same list.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.checks.protocol import Case, Check, Outputs, describe

Answer = Callable[..., Any]
Verdict = Callable[[Outputs, Case], None]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that students plausibly give.

    ``sentence`` names it, with ``{eps}`` for an argument of the failing case. Some mistakes are named by the verdict or
    the diagnosis: they have no sentence, and ``says`` is a part of the sentence that these must give.
    """

    function: Answer
    sentence: str = ""
    says: str = ""

    @property
    def name(self) -> str:
        """The name of the mistake: what it does wrong."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def text(self, case: Case) -> str:
        """Its sentence for one case."""
        if "{" not in self.sentence:
            return self.sentence
        return self.sentence.format_map({name: Shown(value) for name, value in case.items()})


class Shown:
    """A value of a case within a sentence. It is short, whatever format the sentence asks for."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __format__(self, specification: str) -> str:
        return format(self.value, specification) if specification else describe(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass
class AnswerKey:
    """The half of a check that stays outside: all that is known about right and wrong answers.

    Attributes:
        reference: a right answer.
        instead_of: functions of labkit that an answer must not call, because writing them is the exercise.
        otherwise: a sentence for each output that the answer doesn't return; it is used where that output differs from
            the reference's.
        only: a sentence for each title of a case. It is used for an answer that is wrong on cases with that sentence
            alone: they test one promise.
        mistakes: wrong answers, each with its sentence.
        verdict: raises ``Wrong`` on outputs of a wrong answer, where comparing with the reference is not enough.
        prepare: makes the cases of a seed if this needs data that no student may have; the cases are sent into the
            sandbox.
        recorded: the outputs of the answers, for a released check of a course; the answers' code isn't there.
    """

    key: str
    reference: Answer | None = None
    instead_of: Sequence[Answer] = ()
    otherwise: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    verdict: Verdict | None = None
    prepare: Callable[[int], list[Case]] | None = None
    recorded: Any = None

    @property
    def forbidden(self) -> tuple[Answer, ...]:
        """What an answer must not call, the reference included."""
        return (*(() if self.reference is None else (self.reference,)), *self.instead_of)


KEYS: dict[str, AnswerKey] = {}


def entry(key: str) -> AnswerKey:
    """The answer key under construction."""
    return KEYS.setdefault(key, AnswerKey(key))


def reference(
    key: str,
    *,
    instead_of: Sequence[Answer] = (),
    otherwise: Mapping[str, str] | None = None,
    only: Mapping[str, str] | None = None,
) -> Callable[[Answer], Answer]:
    """Mark a function as the right answer to the check ``key``.

    Args:
        instead_of: functions of labkit that an answer must not call.
        otherwise: a sentence for each output that the answer doesn't return. It is used where that output differs and
            nothing else names the mistake.
        only: a sentence for each title of a case. It is used where an answer is right on all other cases and nothing
            else names the mistake. Cases that test the same promise have the same sentence.
    """

    def register(function: Answer) -> Answer:
        mine = entry(key)
        mine.reference, mine.instead_of = function, tuple(instead_of)
        mine.otherwise, mine.only = otherwise or {}, only or {}
        return function

    return register


def mistake(key: str, sentence: str = "", *, says: str = "") -> Callable[[Answer], Answer]:
    """Mark a function as a wrong answer to the check ``key``; ``sentence`` names the mistake.

    Args:
        says: instead of a sentence: a part of the sentence that the check's own verdict or the diagnosis gives.
    """
    if bool(sentence) == bool(says):
        raise ValueError("a mistake has either a sentence or, where the verdict names it, `says`")

    def register(function: Answer) -> Answer:
        entry(key).mistakes.append(Mistake(function, sentence, says))
        return function

    return register


def mistakes(
    key: str, table: Mapping[str, Answer | tuple[Answer, ...]], *, of: Callable[[Answer], Answer] | None = None
) -> None:
    """Mark the functions of a table as wrong answers to the check ``key``, one or several under each sentence.

    Args:
        of: makes an answer from an entry, if the mistakes differ only in a part of the answer.
    """
    for sentence, functions in table.items():
        for function in functions if isinstance(functions, tuple) else (functions,):
            mistake(key, sentence)(function if of is None else of(function))


def verdict(key: str) -> Callable[[Verdict], Verdict]:
    """Mark a function as the judge of the outputs of the check ``key``, one case at a time."""

    def register(function: Verdict) -> Verdict:
        entry(key).verdict = function
        return function

    return register


def prepare(key: str) -> Callable[[Callable[[int], list[Case]]], Callable[[int], list[Case]]]:
    """Mark a function that makes the cases of the check ``key``, if they hold what students should compute."""

    def register(function: Callable[[int], list[Case]]) -> Callable[[int], list[Case]]:
        entry(key).prepare = function
        return function

    return register


def collected(run: Callable[[], object]) -> dict[str, AnswerKey]:
    """The answer keys that ``run`` registers, kept apart from all others: those of a course of your own."""
    global KEYS
    before, KEYS = KEYS, {}
    try:
        run()
        return KEYS
    finally:
        KEYS = before


def answer_key(check: Check) -> AnswerKey:
    """The other half of a check.

    Raises:
        LookupError: where it isn't there, as in a sandbox.
    """
    if check.answer_key is not None:
        key: AnswerKey = check.answer_key()
        return key
    topic = check.key.partition(".")[0]
    if check.key not in KEYS:
        load(topic)
    if check.key not in KEYS:
        raise LookupError(f"the answers of {check.key} are not here")
    return KEYS[check.key]


def load(topic: str) -> None:
    """Import the answers of a topic, if they are there."""
    name = f"labkit.checks.answers.{topic}"
    try:
        there = importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the folder as a whole
        there = False
    if there:
        importlib.import_module(name)
