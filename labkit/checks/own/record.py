"""What a released check holds in place of its second half: no code, only what that code gives under the public seeds.

A student's notebook compares with the recorded outputs of the reference and names the mistake whose recorded outputs
are the answer's. So it gives the verdict that the author's notebook gives, short of those signs of the diagnosis that
would call the reference with other arguments. The arguments of each case are recorded as well: another version of a
library may draw other numbers from the same seed.
"""

import base64
import importlib
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from labkit.checks import bank, wire
from labkit.checks import verdict as verdicts
from labkit.checks.bank import AnswerKey, Mistake
from labkit.checks.protocol import Case, Check
from labkit.checks.values import Unsendable, agree, freeze, thaw
from labkit.checks.verdict import Record
from labkit.own_checks import Unusable

# ── where the course is released ──────────────────────────────────────────────────────────────────────────────────────


def record(check: Check) -> dict[str, Any]:
    """A check's second half as it is released.

    Raises:
        Unusable: if the check can't do without the code, or its reference fails.
    """
    key = bank.answer_key(check)
    if key.prepare is not None or (key.verdict is not None and not hasattr(check, "verdict")):
        part = "cases" if key.prepare is not None else "verdict"
        raise Unusable(
            f"the {part} of {check.key} stand{'s' if part == 'verdict' else ''} among the answers, which students "
            f"don't get: make {'`verdict`' if part == 'verdict' else '`cases`'} a method of the check's class"
        )
    return {
        "otherwise": dict(key.otherwise),
        "only": dict(key.only),
        "mistakes": [{"sentence": mistake.sentence, "says": mistake.says} for mistake in key.mistakes],
        "instead_of": [name for function in key.instead_of if (name := name_of(function))],
        "seeds": {str(seed): base64.b64encode(under(check, key, seed)).decode() for seed in check.public_seeds},
    }


def under(check: Check, key: AnswerKey, seed: int) -> bytes:
    """What the reference and the mistakes give under a seed, case by case, and the cases' arguments."""
    arrays: wire.Arrays = {}
    message: dict[str, Any] = {"cases": [], "answers": []}
    for i, case in enumerate(wire.cases_of(check, seed)):
        message["cases"].append({})
        for name, value in case.items():
            try:
                message["cases"][i][name] = freeze(value, f"case/{i}/{name}", arrays)
            except Unsendable:
                continue  # a function, a model: made by the cases alone
    for a, answer in enumerate((key.reference, *(mistake.function for mistake in key.mistakes))):
        rows = []
        for i, case in enumerate(wire.cases_of(check, seed)):
            with verdicts.quietly():
                sow(seed)
                row, own = wire.attempt(check, answer, case, (), f"{a}/{i}/")
            if a == 0 and row["status"] != "ok":
                raise Unusable(f"the reference of {check.key} fails on {case.get('case', i)!r}: {row['sentence']}")
            rows.append(row | ({"drew": []} if row["status"] == "ok" and a else {}))
            arrays |= own
        message["answers"].append(rows)
    return wire.pack(message, arrays)


def sow(seed: int) -> None:
    """Have a mistake that draws from everybody's random numbers give the same each time."""
    random.seed(seed)
    np.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def name_of(function: Any) -> str:
    """A function as ``module:name``; "" for one that can't be imported by its name."""
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    return f"{module}:{name}" if module and name.isidentifier() else ""


# ── where the student works ───────────────────────────────────────────────────────────────────────────────────────────


class Code:
    """Stands for the code of an answer that was recorded and isn't here."""

    def __call__(self, *_: object, **__: object) -> Any:
        raise LookupError("this answer was recorded; its code isn't here")


@dataclass(frozen=True)
class Recorded:
    """What was recorded of a check, under each public seed."""

    key: str
    answers: tuple[Any, ...]
    seeds: Mapping[str, str]

    def opened(self, seed: int) -> tuple[dict[str, Any], wire.Arrays]:
        """What was recorded under a seed.

        Raises:
            Unusable: if that is nothing.
        """
        if str(seed) not in self.seeds:
            there = ", ".join(self.seeds)
            raise Unusable(f"the check {self.key} knows the answers under the seeds {there} only, not under {seed}")
        return parsed(self.seeds[str(seed)])

    def cases(self, seed: int, made: list[Case]) -> list[Case]:
        """Cases as they were when they were recorded: what this machine draws otherwise is replaced."""
        message, arrays = self.opened(seed)
        for case, nodes in zip(made, message["cases"]):
            for name, node in nodes.items():
                value = thaw(node, arrays)
                if not agree(case.get(name), value):
                    case[name] = value
        return made[: len(message["cases"])]

    def records(self, seed: int) -> dict[tuple[Any, int], Record]:
        """What the reference and the mistakes gave, by answer and case."""
        return records(self, seed)


@lru_cache(maxsize=32)
def parsed(text: str) -> tuple[dict[str, Any], wire.Arrays]:
    """What ``under`` packed, in base 64."""
    return wire.opened(base64.b64decode(text))


def records(recorded: Recorded, seed: int) -> dict[tuple[Any, int], Record]:
    """See ``Recorded.records``."""
    message, arrays = recorded.opened(seed)
    return {
        (answer, i): wire.record_of(row, arrays, f"{a}/{i}/")
        for a, (answer, rows) in enumerate(zip(recorded.answers, message["answers"]))
        for i, row in enumerate(rows)
    }


def answer_key(key: str, raw: Mapping[str, Any]) -> AnswerKey:
    """The answer key that was recorded.

    Raises:
        Unusable: if it was damaged.
    """
    try:
        mistakes = [Mistake(Code(), entry["sentence"], entry["says"]) for entry in raw["mistakes"]]
        reference = Code()
        recorded = Recorded(key, (reference, *(mistake.function for mistake in mistakes)), dict(raw["seeds"]))
        return AnswerKey(key, reference, tuple(functions(raw["instead_of"])), raw["otherwise"], raw["only"],
                         mistakes, recorded=recorded)  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"the check {key} is damaged: take it again from where you got the exercise") from error


def functions(names: list[str]) -> list[Any]:
    """The functions of some names that are installed here."""
    found = []
    for module, _, name in (entry.partition(":") for entry in names):
        try:
            found.append(getattr(importlib.import_module(module), name))
        except (ImportError, AttributeError):
            continue
    return found
