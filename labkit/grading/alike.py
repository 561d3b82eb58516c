"""The class speaks: wrong answers that do the same and that no sentence names.

The worker runs such an answer once more under a public seed; its outputs are kept in ``.local/grading/EXERCISE/alike``,
a file a student. Here they are put together: two answers are alike if they did the same on every case, as the judge
compares an answer with the mistakes it knows.
"""

import ast
import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from labkit.grading.engine.work.job import Result
from labkit.grading.screen import plain

FOLDER = "alike"
SHOWN = 8  # students that are named, a group
LINES = 16  # of an answer that are shown


@dataclass(frozen=True)
class Alike:
    """Students whose answers to a check do the same, and what one of them wrote."""

    key: str
    students: tuple[str, ...]
    source: str


# ── while the class is graded ─────────────────────────────────────────────────────────────────────────────────────────


def keep(file: Path, student: str, notebooks: dict[str, Any], result: Result) -> None:
    """Write down what a submission's unnamed wrong answers gave; nothing is left of an earlier run.

    Args:
        file: the student's, in the journal's ``FOLDER``.
        notebooks: the submission's, by name.
    """
    answers = [
        {**answer, "source": written(notebooks[name], index, answer["expression"])}
        for name, outcome in result.outcomes.items()
        for index, cell in outcome.cells.items()
        for answer in cell.alike
    ]
    if not answers:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps({"student": student, "answers": answers}), encoding="utf-8")
    os.replace(fresh, file)


def written(notebook: Any, index: int, expression: str) -> str:
    """The last cell before a check that defines its answer; "" if none does."""
    sources = [cell.source for cell in notebook.cells[:index] if cell.cell_type == "code"]
    return next((source for source in reversed(sources) if expression in defined(source)), "")


def defined(source: str) -> list[str]:
    """The functions and classes that a cell defines at its top level."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return []
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


# ── when the instructor looks ─────────────────────────────────────────────────────────────────────────────────────────


def groups(folder: Path) -> list[Alike]:
    """The answers that two or more students share, the largest group first.

    Args:
        folder: the journal's of one exercise.
    """
    files = sorted((folder / FOLDER).glob("*.json"))
    entries = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    found: list[tuple[str, Any, list[str], str]] = []  # check, what the first one gave, students, what the first wrote
    for entry in sorted(entries, key=lambda entry: str(entry["student"])):
        for answer in entry["answers"]:
            records = opened(answer["key"], base64.b64decode(answer["data"]))
            for key, first, students, _ in found:
                if key == answer["key"] and same(key, first, records):
                    students.append(entry["student"])
                    break
            else:
                found.append((answer["key"], records, [entry["student"]], answer["source"]))
    shared = [Alike(key, tuple(students), source) for key, _, students, source in found if len(students) > 1]
    return sorted(shared, key=lambda group: -len(group.students))


def opened(key: str, data: bytes) -> Sequence[Any]:
    """What an answer gave, case by case. The judge has seen these bytes before: they are well formed."""
    from labkit import checks
    from labkit.checks import wire

    return wire.unpack(checks.find(key), data)


def same(key: str, a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether two answers did the same on every case."""
    from labkit import checks
    from labkit.checks.verdict import equal

    return len(a) == len(b) and all(equal(checks.find(key), x, y) for x, y in zip(a, b))


def shown(alike: Sequence[Alike]) -> Group:
    """A few lines a group: how many, who, and one of their answers."""
    parts: list[Text] = []
    for group in alike:
        more = len(group.students) - SHOWN
        who = ", ".join(group.students[:SHOWN]) + (f", and {more} more" if more > 0 else "")
        lines = group.source.strip().splitlines()
        source = [*lines[:LINES], *(["…"] if len(lines) > LINES else [])]
        parts.append(plain(f"{group.key}: {len(group.students)} alike, not named: {who}. One of them:"))
        parts += [plain("\n".join(f"    {line}" for line in source)), Text()]
    return Group(*parts)
