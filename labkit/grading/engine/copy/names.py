"""Which definitions of a package refer to which, read from its source: nothing of it is imported.

A definition is a statement at the top of a module: a function, a class, an assignment. What a definition refers to is
told by the names in it, as Python would look them up: through imports, re-exports and modules' attributes. A name that
a function binds itself is none of the module's; what an annotation names is not used.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

Name = tuple[str, str]
"""A module, and a name that it defines."""

Import = tuple[str, str | None]
"""What an import binds: a module, and a name in it; None for the module itself."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Definition:
    """A statement at the top of a module, or several that share a line.

    Attributes:
        names: what it defines; nothing for a statement that only does something.
        first, last: its lines, from 1.
        chains: what it refers to, as written: each the parts of a dotted name; with an import in front where that
            binds the first part within a function.
    """

    module: str
    names: list[str]
    first: int
    last: int
    chains: set[tuple[Import | None, tuple[str, ...]]] = field(default_factory=set)


@dataclass
class Module:
    """A module's source, definitions and imports."""

    name: str
    path: Path
    package: bool
    source: str
    definitions: list[Definition] = field(default_factory=list)
    imports: dict[str, Import] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def defines(self, name: str) -> bool:
        """Whether a name is defined here."""
        return any(name in definition.names for definition in self.definitions)


def read(name: str, path: Path) -> Module:
    """The module in a file.

    Raises:
        SyntaxError: if it is none.
    """
    return parsed(name, path, path.read_text(encoding="utf-8"))


@cache
def parsed(name: str, path: Path, source: str) -> Module:
    """The module of a source text; see ``read``. Nobody changes it."""
    module = Module(name, path, path.name == "__init__.py", source)
    for statement in ast.parse(module.source).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            module.imports |= imported(module, statement)
            continue
        for inner in ast.walk(statement) if not isinstance(statement, Function | ast.ClassDef) else ():
            if isinstance(inner, ast.Import | ast.ImportFrom):
                module.imports |= imported(module, inner)
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
        definition = Definition(name, sorted(bound([statement])), first, statement.end_lineno or first)
        Chains(module, definition).visit(statement)
        add(module, definition)
    return module


def add(module: Module, definition: Definition) -> None:
    """Take a definition up, into the one before it where they share a line."""
    before = module.definitions[-1] if module.definitions else None
    if before is None or before.last < definition.first:
        module.definitions.append(definition)
        return
    before.names += definition.names
    before.last = max(before.last, definition.last)
    before.chains |= definition.chains


def imported(module: Module, statement: ast.Import | ast.ImportFrom) -> dict[str, Import]:
    """What an import statement binds; star imports are noted in the module."""
    if isinstance(statement, ast.Import):
        return {a.asname or a.name.partition(".")[0]: (a.name if a.asname else a.name.partition(".")[0], None)
                for a in statement.names}  # fmt: skip
    above = module.name.split(".")[: None if module.package else -1]
    above = above[: len(above) - (statement.level - 1)] if statement.level else []
    source = ".".join([*above, *([statement.module] if statement.module else [])])
    module.stars += [source for a in statement.names if a.name == "*"]
    return {a.asname or a.name: (source, a.name) for a in statement.names if a.name != "*"}


def bound(statements: list[ast.stmt]) -> set[str]:
    """The names that statements bind where they stand, imports aside."""
    names: set[str] = set()
    todo: list[ast.AST] = list(statements)
    while todo:
        node = todo.pop()
        if isinstance(node, Function | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping):
            names |= {name for key in ("name", "rest") if (name := getattr(node, key, None))}
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            names |= {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
            continue
        todo += ast.iter_child_nodes(node)
    return names


def parameters(arguments: ast.arguments) -> set[str]:
    """The names of a function's parameters."""
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return {a.arg for a in [*plain, *filter(None, [arguments.vararg, arguments.kwarg])]}


class Chains(ast.NodeVisitor):
    """Collects what a definition refers to."""

    def __init__(self, module: Module, definition: Definition) -> None:
        self.module, self.definition = module, definition
        self.scopes: list[dict[str, Import | None]] = []

    def chain(self, parts: tuple[str, ...]) -> None:
        """A dotted name, unless a function binds its first part."""
        for scope in reversed(self.scopes):
            if parts[0] in scope:
                if (source := scope[parts[0]]) is not None:
                    self.definition.chains.add((source, parts[1:]))
                return
        self.definition.chains.add((None, parts))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.chain((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts: list[str] = []
        below: ast.expr = node
        while isinstance(below, ast.Attribute):
            parts.insert(0, below.attr)
            below = below.value
        if isinstance(below, ast.Name):
            self.chain((below.id, *parts))
        else:
            self.visit(below)

    def within(self, names: set[str], nodes: list[ast.AST], imports: dict[str, Import] | None = None) -> None:
        """Visit what lies in a scope of its own."""
        self.scopes.append(dict.fromkeys(names) | (imports or {}))
        for node in nodes:
            self.visit(node)
        self.scopes.pop()

    def visit_function(self, node: Function) -> None:
        for part in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(part)
        outer = {name for n in ast.walk(node) if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
        imports: dict[str, Import] = {}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                imports |= imported(self.module, inner)
        self.definition.chains |= {(source, ()) for source in imports.values()}
        self.within((bound(node.body) | parameters(node.args)) - outer, list(node.body), imports)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_function

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for part in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(part)
        self.within(parameters(node.args), [node.body])

    def visit_comprehension_(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        names = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        self.within(names, list(ast.iter_child_nodes(node)))

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_Import(self, node: ast.AST) -> None:
        """Noted already."""

    visit_ImportFrom = visit_Import


class Package:
    """The modules of a package, and where names in them lead.

    Args:
        root: its folder.
        left_out: folders and modules below it that are not read, as in ``checks.answers``.
    """

    def __init__(self, root: Path, left_out: tuple[str, ...] = ()) -> None:
        self.modules: dict[str, Module] = {}
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            inner = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if not any(f"{inner}.".startswith(f"{out}.") for out in left_out):
                name = f"{root.name}.{inner}".rstrip(".")
                self.modules[name] = read(name, path)

    def uses(self, definition: Definition) -> Iterator[Name]:
        """What a definition refers to within the package."""
        for source, parts in definition.chains:
            found = self.follow(source, parts) if source else self.find(definition.module, parts)
            if found:
                yield found

    def follow(self, source: Import, parts: tuple[str, ...]) -> Name | None:
        """Where a dotted name leads whose first part an import binds."""
        module, name = source
        return self.find(module, parts if name is None else (name, *parts))

    def find(self, module: str, parts: tuple[str, ...], seen: frozenset[Name] = frozenset()) -> Name | None:
        """Where a dotted name leads as seen from a module; None where that is no definition of the package."""
        known = self.modules.get(module)
        if known is None or not parts or (module, parts[0]) in seen:
            return None
        seen |= {(module, parts[0])}
        if known.defines(parts[0]):
            return module, parts[0]
        if parts[0] in known.imports:
            source, name = known.imports[parts[0]]
            below = parts[1:] if name is None else (name, *parts[1:])
            if found := self.find(source, below, seen):
                return found
        if f"{module}.{parts[0]}" in self.modules:
            return self.find(f"{module}.{parts[0]}", parts[1:], seen)
        return next((found for star in known.stars if (found := self.find(star, parts, seen))), None)
