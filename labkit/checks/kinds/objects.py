"""A check of a class: an object of it is made, and its methods are called in turn.

class Stack(Calls):
    "A pile of values."

    key = "stacks.Stack"

    def cases(self, g):
        yield {"case": "one value", "calls": [("push", 3), ("pop",)]}
        yield {"case": "nothing to take", "calls": [("pop",)]}
        yield {"case": "a stack with room for two", "new": (2,), "calls": [("push", 1), ("push", 2), ("size",)]}

An attribute is asked for as a method without arguments is. A method that raises gives the name of what it raises.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from labkit.checks.protocol import Case, Compare, Outputs, Wrong

RAISES = "raises "


class Calls(Compare):
    """A check of a class. A case has what to call under ``"calls"``, and what makes the object under ``"new"``."""

    returns: ClassVar[str | tuple[str, ...]] = "what its methods give"

    def run(self, answer: Callable[..., Any], case: Case) -> Outputs:
        """Make an object and call its methods: what each gives."""
        made = answer(*case.get("new", ()))
        return {self.returned[0]: [called(self.name, made, name, rest) for name, *rest in case["calls"]]}


def called(title: str, made: Any, name: str, arguments: Sequence[Any]) -> Any:
    """What one method gives, or the name of what it raises."""
    if not hasattr(type(made), name) and name not in getattr(made, "__dict__", {}):
        raise Wrong(f"{title} has no `{name}`")
    try:
        found = getattr(made, name)
        result = found(*copy.deepcopy(list(arguments))) if callable(found) else found
        return copy.deepcopy(result)  # what it gives may be a part of it, and change with it
    except NotImplementedError:
        raise
    except Exception as error:  # noqa: BLE001  it may be what is asked for
        return f"{RAISES}{type(error).__name__}"


def shown(call: Sequence[Any]) -> str:
    """A call as one writes it."""
    return f"`{call[0]}({', '.join(map(repr, call[1:]))})`"
