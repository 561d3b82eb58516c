"""Answers that students plausibly give: wrong ones, each with its mistake named, and right ones written differently.

``tests/mistakes/<topic>.py`` holds plain functions, decorated::

    @mistake("images.affine_matrix", says="radians")
    def degrees_taken_for_radians(...): ...

    @right("images.affine_matrix")
    def by_complex_numbers(...): ...

``says`` is a piece of the sentence that the check must answer with. A function must stand alone (its imports are
``torch`` and ``math``, at the top of the file), because the demo and the grader's tests paste its source into
notebooks.
"""

import importlib
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer to one check; ``says`` is empty for a right one."""

    key: str
    function: Callable[..., Any]
    says: str = ""

    @property
    def name(self) -> str:
        """What it does differently."""
        return self.function.__name__

    def source(self, name: str) -> str:
        """Its source as a cell of a notebook that defines ``name``, without the decorator."""
        lines = textwrap.dedent(inspect.getsource(self.function)).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith(("def ", "class ")))
        return "\n".join(["import math", "import torch", *lines[start:], f"{name} = {self.function.__name__}"])


def mistake(key: str, *, says: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a wrong answer to the check ``key``, which must say ``says``."""
    return lambda function: register(Answer(key, function, says))


def right(key: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a right answer to the check ``key``."""
    return lambda function: register(Answer(key, function))


ANSWERS: dict[str, Answer] = {}


def register(answer: Answer) -> Callable[..., Any]:
    """Keep an answer under its check and name, and give its function back."""
    ANSWERS[f"{answer.key}:{answer.name}"] = answer
    return answer.function


def answers(topic: str) -> list[Answer]:
    """Every answer of ``tests/mistakes/<topic>.py``, in its order."""
    importlib.import_module(f"tests.mistakes.{topic}")
    return [answer for answer in ANSWERS.values() if answer.key.partition(".")[0] == topic]


def mistakes(topic: str) -> list[Answer]:
    """The wrong answers of a topic."""
    return [answer for answer in answers(topic) if answer.says]


def rights(topic: str) -> list[Answer]:
    """The right answers of a topic that are written differently from labkit's."""
    return [answer for answer in answers(topic) if not answer.says]
