"""Explorers: one a topic, each opened by one call in a notebook.

``from labkit import explore; explore.images()``

An explorer is a panel of sliders beside pictures of what they do. Importing this package imports none of them.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from labkit.topics import SYLLABUS

TOPICS = tuple(topic.key for topic in SYLLABUS if find_spec(f"{__name__}.{topic.key}"))


class _Package(ModuleType):
    """Python binds ``labkit.explore.images`` to the module once that is imported; what a reader wants is the function
    of that name inside, whichever import came first."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in TOPICS and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name not in TOPICS:
        raise AttributeError(f"there is no explorer {name!r}; expected one of {', '.join(TOPICS)}")
    return getattr(import_module(f"{__name__}.{name}"), name)


def __dir__() -> list[str]:
    return ["TOPICS", *TOPICS]


sys.modules[__name__].__class__ = _Package
