"""Whether a check does what it promises: for the tests of a course."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labkit.checks import bank, wire
from labkit.checks.own.loading import Loaded
from labkit.checks.protocol import Check, Report
from labkit.own_checks import read

SEEDS = tuple(range(1, 11))


def checks_of(folder: Path | str) -> list[Check]:
    """All checks of the course in a folder, in order.

    Raises:
        Unusable: if they can't be imported.
    """
    loaded = Loaded(read(Path(folder).resolve()))
    return [check for topic in loaded.topics() for check in loaded.of(topic)]


def prove(check: Check, *, rights: Sequence[Callable[..., Any]] = (), seeds: Sequence[int] = SEEDS) -> None:
    """See that a check accepts what is right and names what is wrong.

    Args:
        rights: right answers, written otherwise than the reference.
        seeds: those under which each answer is tried.

    Raises:
        AssertionError: if it doesn't, with the first answer that shows it.
    """
    key = bank.answer_key(check)
    named = [("the reference", key.reference), *((f"the right answer {title(answer)}", answer) for answer in rights)]
    for name, answer in named:
        for seed in seeds:
            report = verdict(check, answer, seed)
            assert report.right, f"{check.key} refuses {name} (seed {seed}): {report.sentence}; case: {report.case}"
    report = verdict(check, stub(), seeds[0])
    assert report.status == "stub", f"{check.key} does not see that nothing is written yet: {report.sentence}"
    report = verdict(check, nothing, seeds[0])
    assert not report.right, f"{check.key} accepts an answer that returns None"
    for mistake in key.mistakes:
        for seed in seeds:
            report = verdict(check, mistake.function, seed)
            what = f"the mistake {mistake.sentence or mistake.name!r} (seed {seed})"
            assert not report.right, f"{check.key} accepts {what}: add a case on which it gives something else"
            sentences = {mistake.text(case) for case in wire.cases_of(check, seed)}
            right = mistake.says.lower() in report.sentence.lower() if mistake.says else report.sentence in sentences
            assert right, f"{check.key} says of {what}: {report.sentence}"


def verdict(check: Check, answer: Any, seed: int) -> Report:
    """The verdict under one seed."""
    return wire.judge(check, wire.execute(check, answer, seed, watch=False), seed)


def title(function: Callable[..., Any]) -> str:
    """What a function is called."""
    return str(getattr(function, "__name__", type(function).__name__))


def nothing(*_: object, **__: object) -> None:
    """An answer without a ``return``."""


def stub() -> Any:
    """What students are given, as code of theirs: the same error raised by labkit is none of a stub."""
    names: dict[str, Any] = {}
    exec(compile("def stub(*_, **__):\n    raise NotImplementedError", "<stub>", "exec"), names)
    return names["stub"]
