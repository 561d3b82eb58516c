"""Answers that are known to be wrong, sent through the same check in the same process as the student's.

Whoever replaces parts of ``labkit.checks``, torch or Python in the process where answers run can send what the check
never computed, whatever the answer is. So decoys go through the check among the answers that come out right, at a
moment that is drawn anew: one gives a constant, and one raises an error with a number that nobody could know before.
An honest process reports of each what it did, in one reply and in time. Whatever else comes (a right result, the
wrong error, a reply that is none or is forged, no reply, the end of the process) is what only a process does that was
tampered with. Like canaries before test cells, decoys give tampering away; code that recognises them can hide it.
"""

import secrets
import threading
from dataclasses import dataclass, replace
from typing import Any

from labkit.grading.engine.judging.judge import Broken, Forged

DIGITS = 10  # of the number in an error: few enough to look like data, too many to guess


@dataclass(frozen=True)
class Decoy:
    """A wrong answer.

    Attributes:
        expression: the answer, as a check's cell would name it.
        statuses: what the verdict on it may be.
        proof: what the verdict on it must tell, where it tells something that only a call of it gives away.
    """

    expression: str
    statuses: tuple[str, ...]
    proof: str = ""


def constant() -> Decoy:
    """An answer that always gives 0."""
    return Decoy("lambda *a, **k: 0", ("wrong", "error"))


def error() -> Decoy:
    """An answer that fails, each time with another number."""
    number = 10 ** (DIGITS - 1) + secrets.randbelow(9 * 10 ** (DIGITS - 1))
    return Decoy(f"lambda *a, **k: {{}}[{number}]", ("error",), f"KeyError: {number}")


KINDS = (constant, error)


class Decoys:
    """The decoys that work for each check: tried once in a session of their own, where nobody tampers."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, ...]] = {}
        self.lock = threading.Lock()

    def of(self, key: str, sandbox: Any, judge: Any, seed: int) -> list[Decoy]:
        """New decoys for a check; one that an honest process seems to betray is none.

        What a machine is too busy to try out is tried out again for the next submission: this one may have made it so.
        """
        with self.lock:
            if key in self.known:
                return [KINDS[i]() for i in self.known[key]]
            with sandbox.open({}, {}) as session:
                tried = [betrayed(key, kind(), session, judge, seed) for kind in KINDS]
            honest = tuple(i for i, one in enumerate(tried) if not one.reason)
            if not any(one.busy for one in tried):
                self.known[key] = honest
            return [KINDS[i]() for i in honest]


@dataclass(frozen=True)
class Tried:
    """What came of a decoy.

    Attributes:
        reason: what an honest process does not do, as the end of a sentence; "" if it was honest.
        starved: whether the machine was too busy to let it answer in time.
        late: whether its reply did not come in time.
    """

    reason: str
    starved: bool = False
    late: bool = False

    @property
    def busy(self) -> bool:
        """Whether the machine may be why nothing is known."""
        return self.starved or self.late


def betrayed(key: str, decoy: Decoy, session: Any, judge: Any, seed: int) -> Tried:
    """Try a decoy in a process: what gives it away, if it was tampered with."""
    ran = asked(session, judge, key, decoy.expression, seed)
    starved = bool(getattr(ran, "starved", False))
    if ran.died:
        return Tried(f"the process did not outlive it: {ran.died}", starved)
    if ran.tampered:
        return Tried("more than one reply came", starved)
    if getattr(ran, "timed_out", False):
        return Tried("its reply did not come in time", starved, late=True)
    if ran.data is None:
        return Tried("no outputs of it came")
    try:
        verdict = getattr(judge, "glance", judge.judge)(key, ran.data, seed)
    except (Forged, Broken) as error:
        return Tried(f"what came is not what a check sends ({error})")
    if verdict.right:
        return Tried("it came out right")
    if verdict.status not in decoy.statuses or decoy.proof not in verdict.sentence:
        return Tried("what it did was not told")
    return Tried("")


def asked(session: Any, judge: Any, key: str, expression: str, seed: int) -> Any:
    """What a session gives for an answer to a check; cases that only a judge can make go along.

    Raises:
        Broken: if the judge can't make them.
    """
    prepare = getattr(judge, "prepare", None)
    prepared = prepare(key, seed) if prepare else b""
    return session.run_check(key, expression, seed, *([prepared] if prepared else []))


def named(decoy: Decoy, expression: str) -> Decoy:
    """A decoy that bears the name of the answer it stands for."""
    name = expression if expression.isidentifier() else "answer"
    dressed = f"(lambda f: (setattr(f, '__name__', {name!r}), setattr(f, '__qualname__', {name!r}), f)[-1])"
    return replace(decoy, expression=f"{dressed}({decoy.expression})")
