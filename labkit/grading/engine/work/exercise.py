"""What of labkit an exercise uses, as its released cells tell: its checks, and the modules that it imports."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from labkit.grading.engine.copy import reduced
from labkit.grading.engine.judging.judge import forbidden
from labkit.grading.engine.nbgrader.cells import Blueprint
from labkit.grading.engine.sandbox import LIBRARIES
from labkit.grading.engine.sandbox.covers import PACKAGE
from labkit.own_checks import Own

# Other libraries that are imported before the first fork.
SLOW = ("PIL", "pandas", "scipy", "skimage", "sklearn", "torchvision")
TRAINING = {"optim", "train"}  # names that tell of an optimizer, whose first step imports half of torch


@dataclass(frozen=True)
class Uses:
    """What an exercise uses.

    Attributes:
        keys: of its checks, as in ``attacks.fgsm``.
        modules: of labkit, that its cells import.
        own: the course's own checks, as ``Own.to_json`` writes them.
        torch: whether it needs torch.
        libraries: of others, that its cells import, or functions of labkit that they name when they are called; with
            ``torch.optim`` where they train.
        preludes: the sources of the released cells that each notebook begins with.
    """

    keys: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    own: str = ""
    torch: bool = True
    libraries: tuple[str, ...] = ()
    preludes: tuple[tuple[str, ...], ...] = ()

    @property
    def preload(self) -> tuple[str, ...]:
        """What every submission of it finds imported already."""
        topics = sorted({key.partition(".")[0] for key in self.keys})
        libraries = [name for name in (*LIBRARIES, *self.libraries) if self.torch or not name.startswith("torch")]
        return (
            *libraries,
            *self.modules,
            "labkit.checks.wire",
            *(f"labkit.checks.{topic}" for topic in topics),
        )

    @property
    def cases(self) -> dict[str, str]:
        """The first half of the course's own checks that it calls, as files of labkit."""
        own = Own.from_json(self.own).cases if self.own else {}
        called = {key.partition(".")[0] for key in self.keys}
        return {f"checks/{topic}.py": own[topic] for topic in sorted(called & own.keys())}

    def archive(self, judge: Any) -> Path:
        """labkit without what it asks to write.

        Args:
            judge: who knows what that is, as ``judge.Judges`` does.

        Raises:
            Broken: if it can't be told.
            OSError: if the archive can't be made.
        """
        asked = getattr(judge, "forbidden", forbidden)
        return reduced.archive(reduced.forbidden(self.keys, asked, own=self.own), more=self.cases)


def uses(blueprints: Mapping[str, Blueprint], own: str = "") -> Uses:
    """What the notebooks of an exercise use.

    Args:
        own: the checks of the course that it is in.
    """
    trees = list(parsed(blueprints.values()))
    keys = {key for tree in trees for key in checks(tree)}
    modules = {module for tree in trees for module in imports(tree)}
    libraries = {name for tree in trees for name in (*others(tree), *deferred(tree, modules), *training(tree))}
    begun = tuple(cells for cells in map(prelude, blueprints.values()) if cells)
    made = Uses(tuple(sorted(keys)), tuple(sorted(modules)), own, True, tuple(sorted(libraries)), begun)
    return replace(made, torch=not own or needs_torch(made, trees))


def prelude(notebook: Blueprint) -> tuple[str, ...]:
    """The sources of the code cells before the first that a student may edit or that is a test; none where their order
    isn't known."""
    code = [cell for cell in notebook.cells.values() if cell.cell_type == "code" and cell.source.strip()]
    first = takewhile(lambda cell: cell.locked and not (cell.solution or cell.tests), code)
    return tuple(cell.source for cell in first) if notebook.ordered else ()


def needs_torch(used: Uses, trees: Iterable[ast.Module]) -> bool:
    """Whether an exercise needs torch: labkit's topics do, a course's own need not."""
    sources = used.cases.values()
    if len(used.cases) < len({key.partition(".")[0] for key in used.keys}):
        return True
    if any("torch" in source or "rng" not in source for source in sources):
        return True
    own = [name for name in used.modules if name != "labkit" and not name.startswith("labkit.checks")]
    return bool(own) or any("torch" in ast.unparse(tree) for tree in trees)


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


def imported(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """The modules that are imported, and what of each is imported by its name."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from ((alias.name, []) for alias in names)
            case ast.ImportFrom(str(module), names, 0):
                yield module, [alias.name for alias in names]


def imports(tree: ast.AST) -> Iterator[str]:
    """The modules of labkit that are imported."""
    for module, names in imported(tree):
        yield from (name for name in (module, *(f"{module}.{name}" for name in names)) if there(name))


def others(tree: ast.AST) -> Iterator[str]:
    """The modules of other libraries that are imported, of those that are slow to import and safe to fork after."""
    yield from (module for module, _ in imported(tree) if module.partition(".")[0] in SLOW)


def deferred(tree: ast.AST, modules: Iterable[str]) -> Iterator[str]:
    """What functions of labkit import when they are called: those of ``modules`` whose names stand in a cell."""
    named = set(names(tree))
    for path in {path for module in modules for path in files(module)}:
        yield from (library for function, library in late_imports(path) if function in named)


def names(tree: ast.AST) -> Iterator[str]:
    """The names and attributes that stand in a tree."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(name) | ast.Attribute(attr=name):
                yield name


def training(tree: ast.AST) -> Iterator[str]:
    """torch's optimizers, where a tree names them or labkit's own loop."""
    if TRAINING.intersection(names(tree)):
        yield "torch.optim"


@cache
def late_imports(path: Path) -> tuple[tuple[str, str], ...]:
    """The functions of a file that import a slow library when they are called, with what they import."""
    source = path.read_text(encoding="utf-8")
    if not any(f"import {library}" in source or f"from {library}" in source for library in SLOW):
        return ()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    direct = {function.name: set(others(function)) for function in functions}
    named = {function.name: direct.keys() & {*names(function)} for function in functions}
    return tuple((name, library) for name in direct for one in (name, *named[name]) for library in direct[one])


def files(module: str) -> list[Path]:
    """The files of a module of labkit: of a package all that lie in it, but of labkit itself none."""
    _, *parts = module.split(".")
    path = PACKAGE.joinpath(*parts)
    if not parts:
        return []
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def there(name: str) -> bool:
    """Whether this is a module of labkit's."""
    first, *parts = name.split(".")
    path = PACKAGE.joinpath(*parts)
    return first == PACKAGE.name and (path.with_suffix(".py").is_file() or (path / "__init__.py").is_file())
