"""Which definitions of labkit an exercise goes without, and the source of a module without them.

Given are the functions that no answer may call. Away go they, the classes whose methods they are, and

- the private parts they are made of: names with an underscore in their own module, whoever else uses them;
- whatever refers to one of these, in any module: callers, subclasses, tables, constants made with them;
- what nobody else used and nobody is meant to import;
- of a check that holds both halves in one class, the half that knows what is right.

Each leaves a stub of its name. The first half of a check stays, whatever it refers to: it is what the grader runs.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from labkit.grading.engine.copy.names import Definition, Module, Name, Package, parsed
from labkit.own_checks import PLUMBING

LEFT_OUT = ("_course", "checks.answers", "grading")
CHECKS = "labkit.checks."
ANSWERS = {"reference": "None", "forbidden": "()", "verdict": "None", "mistakes": "()"}
"""The members of a check's class that are its second half, and what stands in their place."""

PUBLIC_ROOMS = ("labkit", "labkit.checks", "labkit.data", "labkit.nets", "labkit.plot", "labkit.train")
"""Packages whose modules' names are for everybody, whether the package names them again or not."""

Half = tuple[int, int, str, str]
"""A member of a check's class: first and last line, name, and what takes its place."""


@dataclass
class Reduction:
    """What goes, and why.

    Attributes:
        gone: names that go, each with the forbidden name that it belongs to.
        needs: checks that stay although they refer to something that goes, each with what.
    """

    package: Package
    gone: dict[Name, str] = field(default_factory=dict)
    needs: dict[Name, set[str]] = field(default_factory=dict)
    halves: dict[str, list[Half]] = field(default_factory=dict)


def read(root: Path) -> Package:
    """The package as ``reduce`` reads it, which takes most of its time, the first time."""
    return Package(root, LEFT_OUT)


def reduce(root: Path, forbidden: Iterable[Name]) -> Reduction:
    """Find out what goes.

    Args:
        root: labkit's folder.
        forbidden: modules and names in them; what isn't labkit's is passed over.
    """
    made = Reduction(read(root))
    for module in list(made.package.modules.values()):
        if halves := second_halves(module):
            made.halves[module.name] = halves
            made.package.modules[module.name] = replace(module, definitions=without(module, halves))
    users = used_by(made.package)
    made.gone = {name: name[1] for name in forbidden if defined(made.package, name)}
    for name in list(made.gone):
        made.gone |= {part: name[1] for part in private(made.package, name) if part not in made.gone}
    queue = list(made.gone)
    while queue:
        while queue:
            name = queue.pop()
            for user in users.get(name, ()):
                if is_check(made, user):
                    made.needs.setdefault((user.module, user.names[0]), set()).add(name[1])
                    continue
                for own in user.names or [f"line {user.first}"]:
                    if (user.module, own) not in made.gone:
                        made.gone[user.module, own] = made.gone[name]
                        queue.append((user.module, own))
        queue = parts(made, users)
    return made


def defined(package: Package, name: Name) -> bool:
    """Whether a package defines a name."""
    return name[0] in package.modules and package.modules[name[0]].defines(name[1])


def private(package: Package, name: Name) -> Iterator[Name]:
    """What a name is made of that has an underscore and stands in the same module."""
    for definition in package.modules[name[0]].definitions:
        if name[1] in definition.names:
            yield from (u for u in package.uses(definition) if u[0] == name[0] and u[1].startswith("_"))


def used_by(package: Package) -> dict[Name, list[Definition]]:
    """The definitions that refer to each name."""
    users: dict[Name, list[Definition]] = {}
    for module in package.modules.values():
        for definition in module.definitions:
            for name in set(package.uses(definition)):
                if name[0] != module.name or name[1] not in definition.names:
                    users.setdefault(name, []).append(definition)
    return users


def parts(made: Reduction, users: Mapping[Name, list[Definition]]) -> list[Name]:
    """Private names that only what goes has used; they go as well."""
    public = exported(made.package)
    found = []
    for name, own in users.items():
        if name in made.gone or name in public or is_public_room(name[0]) or not defined(made.package, name):
            continue
        roots = [made.gone.get((user.module, user.names[0] if user.names else f"line {user.first}")) for user in own]
        if all(roots):
            made.gone[name] = str(roots[0])
            found.append(name)
    return found


def exported(package: Package) -> set[Name]:
    """The names that packages name again in their ``__init__``, and those that modules list in ``__all__``."""
    found = set()
    for module in package.modules.values():
        names = list(module.imports) if module.package else []
        for definition in module.definitions:
            names += listed(module, definition) if "__all__" in definition.names else []
        for name in names:
            if target := package.find(module.name, (name,)):
                found.add(target)
    return found


def listed(module: Module, definition: Definition) -> list[str]:
    """The names in a list ``__all__``."""
    lines = module.source.splitlines()[definition.first - 1 : definition.last]
    tree = ast.parse("\n".join(lines))
    return [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def is_public_room(module: str) -> bool:
    """Whether a module's names are for everybody: it lies at the top, or in a package that is all such modules."""
    return module in PUBLIC_ROOMS or (module.rpartition(".")[0] in PUBLIC_ROOMS and not is_topic(module))


def is_topic(module: str) -> bool:
    """Whether a module is a topic's checks."""
    return module.startswith(CHECKS) and module.count(".") == 2 and module.rpartition(".")[2] not in PLUMBING


# ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_check(made: Reduction, definition: Definition) -> bool:
    """Whether a definition is the first half of a check, or the list of a topic's checks."""
    if not is_topic(definition.module):
        return False
    known = keyed(made.package.modules[definition.module].source)
    return definition.names == ["CHECKS"] or any(name in known for name in definition.names)


@cache
def keyed(source: str) -> set[str]:
    """The classes of a module that are checks: those that name a key, and those that these are made from."""
    tree = ast.parse(source)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = {name for name, node in classes.items() if any("key" in bound_here(s) for s in node.body)}
    todo = list(found)
    while todo:
        for base in classes[todo.pop()].bases:
            if isinstance(base, ast.Name) and base.id in classes and base.id not in found:
                found.add(base.id)
                todo.append(base.id)
    return found


def bound_here(statement: ast.stmt) -> set[str]:
    """The names that a statement of a class's body binds."""
    if isinstance(statement, ast.FunctionDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
    return {target.id for target in targets if isinstance(target, ast.Name)}


def second_halves(module: Module) -> list[Half]:
    """The members of a topic's checks that know what is right, where they stand in the same classes."""
    if not is_topic(module.name):
        return []
    found: list[Half] = []
    for node in ast.parse(module.source).body:
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            for name in bound_here(member) & ANSWERS.keys():
                first = min([member.lineno, *(d.lineno for d in getattr(member, "decorator_list", []))])
                indent = " " * member.col_offset
                found.append((first, member.end_lineno or first, name, f"{indent}{name} = {ANSWERS[name]}"))
    return found


def without(module: Module, halves: list[Half]) -> list[Definition]:
    """A module's definitions as if those members were not there."""
    text = replaced(module.source, [(first, last, new) for first, last, _, new in halves], keep=True)
    return parsed(module.name, module.path, text).definitions


# ── source ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def source(made: Reduction, module: Module) -> str:
    """The source of a module without what goes."""
    edits = [(first, last, text) for first, last, _, text in made.halves.get(module.name, [])]
    stubs = 0
    for definition in module.definitions:
        keys = [(module.name, name) for name in definition.names or [f"line {definition.first}"]]
        if not any(key in made.gone for key in keys):
            continue
        edits = [edit for edit in edits if not definition.first <= edit[0] <= definition.last]
        lines = [stub(name, made.gone.get((module.name, name), name)) for name in definition.names]
        stubs += len(lines)
        edits.append((definition.first, definition.last, "\n".join(lines)))
    if not edits:
        return module.source
    if stubs:
        edits.append((begins(module), begins(module) - 1, "from labkit.absent import absent as _absent"))
    return replaced(module.source, edits)


def stub(name: str, root: str) -> str:
    """The statement that puts a stub in the place of a name."""
    return f"{name} = _absent({name!r})" if name == root else f"{name} = _absent({name!r}, {root!r})"


def begins(module: Module) -> int:
    """The line of the first statement after the docstring and what must stand before all else."""
    for node in ast.parse(module.source).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return 1


def replaced(text: str, edits: list[tuple[int, int, str]], *, keep: bool = False) -> str:
    """A text with some of its lines replaced.

    Args:
        keep: leave empty lines behind, so that all others keep their numbers.
    """
    lines = text.splitlines()
    for first, last, new in sorted(edits, reverse=True):
        rest = [""] * (last - first - new.count("\n")) if keep else []
        lines[first - 1 : last] = [*new.split("\n"), *rest]
    return "\n".join(lines) + "\n"
