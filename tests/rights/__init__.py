"""Right answers to the exercises that are written differently from labkit's: each check must accept all of its own."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Right:
    """A right answer to one check."""

    key: str
    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """What it does differently."""
        return self.function.__name__


ANSWERS: dict[str, Right] = {}


def right(key: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a right answer to the check ``key``."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        ANSWERS[f"{key}:{function.__name__}"] = Right(key, function)
        return function

    return register


def rights(topic: str) -> list[Right]:
    """Every answer of ``tests/rights/<topic>.py``, in its order."""
    importlib.import_module(f"tests.rights.{topic}")
    return [answer for answer in ANSWERS.values() if answer.key.partition(".")[0] == topic]
