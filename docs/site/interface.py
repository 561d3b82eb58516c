"""The pages of the library, from its docstrings: one for each public module."""

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from labkit.topics import SYLLABUS, Topic

COMMON = (
    "labkit.augment",
    "labkit.data",
    "labkit.data.simulate",
    "labkit.train",
    "labkit.nets",
    "labkit.metrics",
    "labkit.plot",
    "labkit.shapes",
    "labkit.device",
    "labkit.masks",
    "labkit.distances",
    "labkit.draws",
    "labkit.topics",
)


def public(module: ModuleType) -> list[str]:
    """The names that a module offers: those of ``__all__``, else its own functions and classes."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]
    own = vars(module).items()
    return [
        name
        for name, value in own
        if not name.startswith("_") and documented(value) and value.__module__ == module.__name__
    ]


def documented(value: Any) -> bool:
    """Whether a value is a function or a class of labkit's own."""
    ours = str(getattr(value, "__module__", "")).startswith("labkit")
    return ours and (inspect.isclass(value) or inspect.isroutine(value))


def home(value: Any) -> str:
    """The public module that a function or a class is written in, or within: its page describes it. Empty for none."""
    every = {module for listed in modules(SYLLABUS, common=True).values() for module in listed}
    around = [module for module in every if f"{value.__module__}.".startswith(f"{module}.")]
    around = [module for module in around if getattr(import_module(module), value.__name__, None) is value]
    return max(around, key=len, default="")


def page(name: str) -> str:
    """The page of a module as reStructuredText: its docstring, a table of what it offers, and each of these."""
    module = import_module(name)
    entries = [entry for entry in public(module) if documented(getattr(module, entry))]
    homes = {entry: home(getattr(module, entry)) or name for entry in entries}
    offered = [entry for entry in entries if homes[entry] == name]
    lines = [name, "=" * len(name), "", f".. automodule:: {name}", "", f".. currentmodule:: {name}", ""]
    if offered:
        lines += [".. autosummary::", "", *(f"   {entry}" for entry in offered), ""]
    elsewhere = [f":py:obj:`{entry} <{there}.{entry}>`" for entry, there in homes.items() if there != name]
    if elsewhere:
        lines += ["Also here: " + ", ".join(elsewhere) + ".", ""]
    for entry in offered:
        kind = "class" if inspect.isclass(getattr(module, entry)) else "function"
        members = ["   :members:"] if kind == "class" else []
        lines += [f".. auto{kind}:: {entry}", *members, ""]
    return "\n".join(lines)


def modules(topics: Sequence[Topic], *, common: bool) -> dict[str, tuple[str, ...]]:
    """The public modules below their headings: those of topics, and, if asked for, what these stand on."""
    own = tuple(f"labkit.{topic.module}" for topic in topics if topic.module and not topic.planned)
    return {"The topics": own} | ({"What they stand on": COMMON} if common else {})


def front(headings: Mapping[str, Sequence[str]]) -> str:
    """The page that lists the modules."""
    lines = ["The library", "===========", ""]
    for title, modules in headings.items():
        lines += [title, "-" * len(title), "", ".. toctree::", "   :maxdepth: 1", "", *(f"   {m}" for m in modules), ""]
    return "\n".join(lines)
