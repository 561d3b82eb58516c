"""What of labkit an exercise uses, as its released cells tell: its checks, and the modules that it imports."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.grading.engine import reduced
from labkit.grading.engine.cells import Blueprint
from labkit.grading.engine.judge import forbidden
from labkit.grading.engine.sandbox import LIBRARIES
from labkit.grading.engine.sandbox_covers import PACKAGE


@dataclass(frozen=True)
class Uses:
    """What an exercise uses.

    Attributes:
        keys: of its checks, as in ``attacks.fgsm``.
        modules: of labkit, that its cells import.
    """

    keys: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def preload(self) -> tuple[str, ...]:
        """What every submission of it finds imported already."""
        topics = sorted({key.partition(".")[0] for key in self.keys})
        return (*LIBRARIES, *self.modules, "labkit.checks.wire", *(f"labkit.checks.{topic}" for topic in topics))

    def archive(self, judge: Any) -> Path:
        """labkit without what it asks to write.

        Args:
            judge: who knows what that is, as ``judge.Judges`` does.

        Raises:
            Broken: if it can't be told.
            OSError: if the archive can't be made.
        """
        return reduced.archive(reduced.forbidden(self.keys, getattr(judge, "forbidden", forbidden)))


def uses(blueprints: Mapping[str, Blueprint]) -> Uses:
    """What the notebooks of an exercise use."""
    trees = list(parsed(blueprints.values()))
    keys = {key for tree in trees for key in checks(tree)}
    modules = {module for tree in trees for module in imports(tree)}
    return Uses(tuple(sorted(keys)), tuple(sorted(modules)))


def parsed(notebooks: Iterable[Blueprint]) -> Iterator[ast.Module]:
    """The code cells that can be read as Python; a line of IPython's own is left out."""
    for notebook in notebooks:
        for cell in notebook.cells.values():
            if cell.cell_type == "code":
                lines = [line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!"))]
                try:
                    yield ast.parse("\n".join(lines))
                except (SyntaxError, ValueError):
                    continue


def checks(tree: ast.AST) -> Iterator[str]:
    """The keys of all calls of ``check``, wherever they stand."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Name("check") | ast.Attribute(attr="check"), [ast.Constant(str(key)), *_]):
                yield key


def imports(tree: ast.AST) -> Iterator[str]:
    """The modules of labkit that are imported."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                candidates = [alias.name for alias in names]
            case ast.ImportFrom(str(module), names, 0):
                candidates = [module, *(f"{module}.{alias.name}" for alias in names)]
            case _:
                continue
        yield from (name for name in candidates if there(name))


def there(name: str) -> bool:
    """Whether this is a module of labkit's."""
    first, *parts = name.split(".")
    path = PACKAGE.joinpath(*parts)
    return first == PACKAGE.name and (path.with_suffix(".py").is_file() or (path / "__init__.py").is_file())
