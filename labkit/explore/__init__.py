"""Explorers: one a topic, each opened by one call in a notebook.

``from labkit import explore; explore.images()``

An explorer is a panel of sliders beside pictures of what they do. Importing this package imports none of them.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from labkit.topics import SYLLABUS

# The modules have private names, so that ``explore.images`` is the function whatever was imported before.
TOPICS = tuple(topic.key for topic in SYLLABUS if find_spec(f"{__name__}._{topic.key}"))


def __getattr__(name: str) -> Any:
    if name not in TOPICS:
        raise AttributeError(
            f"there is no explorer {name!r}; there is one for each topic of labkit.topics: {', '.join(TOPICS)}"
        )
    return getattr(import_module(f"{__name__}._{name}"), name)


def __dir__() -> list[str]:
    return ["TOPICS", *TOPICS]
