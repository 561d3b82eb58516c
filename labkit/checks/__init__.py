"""Checks: what a right answer must satisfy, one file a topic; the answers themselves stand apart, in ``answers/``.

``check("attacks.fgsm", fgsm)`` in a notebook runs the specification called ``attacks.fgsm`` on the student's
function and shows ✓ with its points, or the sentence that names the mistake.
"""

import contextlib
import difflib
import importlib
import importlib.util
import io
import pkgutil
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

from labkit.checks import own, session, wire
from labkit.checks.kinds.objects import Calls
from labkit.checks.protocol import PUBLIC_SEEDS, Case, Check, Compare, Outputs, Report, Wrong, close
from labkit.checks.show import Accepted, Rejected

__all__ = [
    "PUBLIC_SEEDS", "Accepted", "Calls", "Case", "Check", "Compare", "Outputs", "Rejected", "Report", "Wrong",
    "check", "close", "examine", "find", "of", "topics",
]  # fmt: skip


def check(key: str, answer: Any, *, seeds: Sequence[int] | None = None) -> None:
    """Check an answer and show the verdict: ✓ with its points where it is right.

    The answer's prints are shown. Its warnings are shown beside the verdict and cost no points. In a notebook, an
    answer that takes more than a minute is stopped (``LABKIT_CHECK_SECONDS`` sets another limit).

    Raises:
        Rejected: if the answer is wrong or not written yet; Jupyter shows the sentence that names the mistake.
        ValueError: if there is no such check.
    """
    specification = find(key)
    # nbgrader gives no points to a cell that wrote to stderr, and a warning of torch is no mistake.
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("default")
        report = session.limited(specification, lambda: examine(specification, answer, seeds=seeds))
    remarks = session.remarks(report, answer)
    if not report.right:
        raise Rejected(report, remarks)
    show(Accepted(report, tuple(dict.fromkeys(str(warning.message) for warning in caught)), remarks))


def examine(specification: Check, answer: Any, *, seeds: Sequence[int] | None = None, watch: bool = True) -> Report:
    """The verdict on an answer. The outputs travel as the same bytes that an outside judge gets.

    Args:
        seeds: the seeds to use; by default as many of the public ones as the check needs.
        watch: refuse an answer that calls labkit's own function; the tests of the reference turn it off.
    """
    for seed in specification.public_seeds if seeds is None else seeds:
        report = wire.judge(specification, wire.execute(specification, answer, seed, watch=watch), seed)
        if not report.right:
            break
    return report


def show(result: object) -> None:
    """Display a result in the notebook, or print it where there is none."""
    from IPython.display import display

    display(result)  # prints the repr outside of IPython


def find(key: str) -> Check:
    """The check called ``key``, as in ``"attacks.fgsm"``: one of the current course, or labkit's own.

    Raises:
        ValueError: if there is none; the message lists the nearest names.
    """
    topic = key.partition(".")[0]
    known = {c.key: c for c in of(topic)} if topic in topics() else {}
    if key in known:
        return known[key]
    every = [c.key for topic in topics() for c in of(topic)]
    near = difflib.get_close_matches(key, every, n=3) or list(known) or topics()
    hint = "" if known else "; a check of a course's own comes in a file *.check, which lies beside the notebook"
    raise ValueError(f"there is no check called {key!r}; did you mean {', '.join(near)}?{hint}")


def of(topic: str) -> list[Check]:
    """The checks of a topic, in the order of its exercise.

    Raises:
        ValueError: if the topic has none.
    """
    course = own.current()
    if topic in course.topics():
        return course.of(topic)
    if topic not in packaged():
        raise ValueError(f"the topic {topic!r} has no checks; there are checks of {', '.join(topics())}")
    return [course.worth(check) for check in own.listed(importlib.import_module(f"labkit.checks.{topic}"))]


def topics() -> list[str]:
    """The topics that have checks."""
    return sorted({*packaged(), *own.current().topics()})


@cache
def packaged() -> tuple[str, ...]:
    """The topics that have checks in this package; the list doesn't change while a process lives."""
    return tuple(m.name for m in pkgutil.iter_modules(__path__) if m.name not in own.PLUMBING)
