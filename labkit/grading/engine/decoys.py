"""Answers that are known to be wrong, sent through the same check in the same process as the student's.

Whoever replaces parts of ``labkit.checks``, torch or Python in the process where answers run can make any answer
look right there. So after an answer was found right, two decoys follow it: one that gives a constant, and one that
calls labkit's own function, which a check refuses. If a decoy comes out right, the process was tampered with.
Like canaries before test cells, decoys give tampering away; code that recognises them can still hide it.
"""

import threading
from typing import Any

from labkit.grading.engine.judge import Broken, Forged

CONSTANT = "lambda *a, **k: 0"
REFERENCE = "lambda *a, **k: __import__('labkit.checks', fromlist=['find']).find({key!r}).reference(*a, **k)"
TEMPLATES = (CONSTANT, REFERENCE)


class Decoys:
    """The decoys that work for each check: tried once in a session of their own, where nobody tampers."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, ...]] = {}
        self.lock = threading.Lock()

    def of(self, key: str, sandbox: Any, judge: Any, seed: int) -> tuple[str, ...]:
        """The decoys for a check; a decoy that an honest process finds right is none."""
        with self.lock:
            if key not in self.known:
                made = (template.format(key=key) for template in TEMPLATES)
                with sandbox.open({}, {}) as session:
                    self.known[key] = tuple(text for text in made if not right(key, text, session, judge, seed))
            return self.known[key]


def right(key: str, expression: str, session: Any, judge: Any, seed: int) -> bool:
    """Whether an answer comes out right."""
    ran = session.run_check(key, expression, seed)
    if ran.data is None:
        return False
    try:
        return bool(judge.judge(key, ran.data, seed).right)
    except (Forged, Broken):
        return False


def named(decoy: str, expression: str) -> str:
    """A decoy that bears the name of the answer it stands for."""
    name = expression if expression.isidentifier() else "answer"
    return f"(lambda f: (setattr(f, '__name__', {name!r}), setattr(f, '__qualname__', {name!r}), f)[-1])({decoy})"
