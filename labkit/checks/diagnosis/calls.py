"""A sign in what the methods of an object give: the first call that gives something else."""

from labkit.checks.diagnosis.evidence import Evidence
from labkit.checks.kinds.objects import RAISES, Calls, shown
from labkit.checks.values import describe

BEFORE = 4  # calls that a sentence tells of


def first(e: Evidence) -> str:
    """The first call that gives something else than it should, with what was called before."""
    if not isinstance(e.check, Calls) or e.output not in e.check.returned:
        return ""
    pair = e.pairs[e.failing[0]]
    given, expected, calls = pair.given.get(e.output), pair.expected.get(e.output), pair.case["calls"]
    if not isinstance(given, list) or not isinstance(expected, list) or not len(given) == len(expected) == len(calls):
        return ""
    place = next((i for i, (a, b) in enumerate(zip(given, expected)) if not e.agree(a, b)), None)
    if place is None:
        return ""
    before = [shown(call) for call in calls[max(0, place - BEFORE) : place]]
    more = "… " if place > BEFORE else ""
    when = f"after {more}{', '.join(before)}, " if before else ""
    return f"{when}{shown(calls[place])} {told(given[place])}; expected: it {told(expected[place])}"


def told(value: object) -> str:
    """What a call does, in words."""
    text = str(value)
    return text if text.startswith(RAISES) else f"gives {repr(value) if isinstance(value, str) else describe(value)}"
