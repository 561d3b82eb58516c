"""A help in the notebook: a student whose answer calls labkit's own function is told to write that function.

The watch shares its process with the answer, so an answer can evade it. In the grader's sandbox, where marks are given,
those functions do not exist at all.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any


class Copied(Exception):
    """Raised inside an answer that calls the labkit function that it should implement."""


@contextmanager
def watching(functions: Sequence[Callable[..., Any]], answer: Any) -> Iterator[None]:
    """Raise ``Copied`` the moment one of ``functions`` is called."""
    if any(answer is function for function in functions):
        raise Copied(copied(answer))
    codes = {code: function for function in functions for code in codes_of(function)}

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in codes:
            sys.setprofile(previous)
            raise Copied(copied(codes[frame.f_code]))

    previous = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(previous)


def codes_of(function: Callable[..., Any]) -> list[CodeType]:
    """The code objects by which a call of a function, or of a class's methods, is recognised."""
    if isinstance(function, type):
        return [f.__code__ for f in vars(function).values() if inspect.isfunction(f)]
    code = getattr(inspect.unwrap(function), "__code__", None)
    return [code] if isinstance(code, CodeType) else []


def copied(function: Callable[..., Any]) -> str:
    """The sentence for an answer that calls the function that it should implement."""
    return f"it calls labkit's own `{getattr(function, '__name__', 'function')}`: write it yourself"
