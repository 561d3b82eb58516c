"""An answer as statements of tokens that do not change when variables are renamed or lines are laid out differently.

Comments, docstrings, annotations and imports are left out; ``x += 1`` is ``x = x + 1``; ``F`` and ``nn.functional`` are
both ``torch.nn.functional``. A name that the answer itself binds becomes ``LOCAL`` and a letter that stays the same in
the whole answer; who compares gives it a number by its first place in what is compared.
"""

import ast
import copy
import io
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

LOCAL = "\0"
"""The first character of a token that stands for a name which the answer itself binds."""

WORD = re.compile(r"[\w']+")
SENTENCE = re.compile(r"[^.!?;\s][^.!?;\n]*(?:\n(?!\s*\n)[^.!?;\n]+)*")
LOOSE = re.compile(r"\.?\s*[^\W\d]\w*|\d[\w.]*|\"[^\"\n]*\"|'[^'\n]*'|[^\s\w]")
SNIPPET = re.compile(r"```(?:python|py)?\n(.*?)```|`([^`\n]+)`", re.DOTALL)
MAGIC = re.compile(r"^[ \t]*[%!?].*$|^.*\?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Statement:
    """One statement, or the head of one that holds others, and its lines in the source, from 1."""

    tokens: tuple[str, ...]
    first: int
    last: int


def of_code(source: str, aliases: Mapping[str, str] | None = None) -> list[Statement]:
    """The statements of a code cell; of one that Python cannot read, its lines.

    Args:
        aliases: what imported names stand for in the notebook, as ``{"F": "torch.nn.functional"}``.
    """
    tree = parsed(source)
    if tree is None:
        return loose(source)
    names = Names(bound(tree), {**(aliases or {}), **imported(tree)})
    return [
        Statement(tokens(names.visit(head)), first, last)
        for head, first, last in heads(tree.body)
        if not skipped(head)
    ]  # fmt: skip


def of_snippets(text: str, aliases: Mapping[str, str]) -> list[Statement]:
    """The code that a text shows, in blocks and between backticks; a name that is not imported may be anybody's."""
    found: list[Statement] = []
    for block, span in SNIPPET.findall(text):
        tree = parsed(block or span)
        if tree is not None:
            own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - set(aliases)
            names = Names(own | bound(tree), aliases)
            found += [Statement(tokens(names.visit(head)), 0, 0) for head, _, _ in heads(tree.body)]
    return found


def of_text(text: str) -> list[Statement]:
    """The sentences of a written answer; one may go on in the next line."""
    found = []
    for part in SENTENCE.finditer(text):
        if words := tuple(word.casefold() for word in WORD.findall(part[0])):
            first = 1 + text.count("\n", 0, part.start())
            found.append(Statement(words, first, first + part[0].count("\n")))
    return found


def aliases_in(sources: Iterable[str]) -> dict[str, str]:
    """What the names that some cells import stand for."""
    trees = (parsed(source) for source in sources)
    return {name: full for tree in trees if tree is not None for name, full in imported(tree).items()}


def parsed(source: str) -> ast.Module | None:
    """The tree of a cell without its magics; None if Python cannot read it."""
    try:
        return ast.parse(MAGIC.sub("", source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def imported(tree: ast.Module) -> dict[str, str]:
    """What the names that a tree imports stand for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.asname: name.name for name in node.names if name.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    # ``from torch import nn`` and then ``nn.functional``; ``import torch as t`` and then ``from torch import …``.
    return {name: full for name, full in found.items() if name != full}


def bound(tree: ast.AST) -> set[str]:
    """The names that an answer binds itself: arguments, variables, functions, attributes that it sets."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(name, ast.Store()) | ast.arg(name) | ast.ExceptHandler(_, str(name)):
                found.add(name)
            case ast.FunctionDef(name) | ast.ClassDef(name) | ast.AsyncFunctionDef(name):
                found.add(name)
            case ast.Attribute(_, name, ast.Store()):
                found.add("." + name)
    return found


def heads(body: Sequence[ast.stmt]) -> Iterator[tuple[ast.stmt, int, int]]:
    """Each statement with its first and last line; one that holds others without them, and then those."""
    for statement in body:
        inner = [part for name in ("body", "orelse", "finalbody") for part in getattr(statement, name, [])]
        inner += [part for handler in getattr(statement, "handlers", []) for part in handler.body]
        inner += [part for case in getattr(statement, "cases", []) for part in case.body]
        if not inner:
            yield copy.deepcopy(statement), statement.lineno, statement.end_lineno or statement.lineno
            continue
        head = copy.copy(statement)
        for name in ("orelse", "finalbody", "handlers", "cases"):
            if hasattr(head, name):
                setattr(head, name, [])
        head.body = [ast.Pass()]  # type: ignore[attr-defined]
        if not isinstance(head, ast.Try | ast.Match):
            yield copy.deepcopy(head), statement.lineno, max(statement.lineno, inner[0].lineno - 1)
        yield from heads(inner)


def skipped(statement: ast.stmt) -> bool:
    """Whether a statement says nothing: an import, ``pass``, a docstring."""
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass | ast.Global | ast.Nonlocal)


class Names(ast.NodeTransformer):
    """Writes a statement with normal names, and without annotations."""

    def __init__(self, own: set[str], aliases: Mapping[str, str]) -> None:
        self.own, self.aliases = own, aliases

    def normal(self, name: str) -> str:
        """A name as it is compared."""
        return f"_own_{name}" if name in self.own else self.aliases.get(name, name)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A variable."""
        return ast.Name(self.normal(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """An argument of a function."""
        return ast.arg(self.normal(node.arg))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """An attribute; one that the answer sets has a name of its own."""
        value = self.visit(node.value)
        return ast.Attribute(value, f"_own_{node.attr}" if "." + node.attr in self.own else node.attr, node.ctx)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """The head of a function."""
        node.returns = None
        self.generic_visit(node)
        node.name = self.normal(node.name)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """The head of a class."""
        self.generic_visit(node)
        node.name = self.normal(node.name)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """``x: int = 1`` is ``x = 1``."""
        return self.visit(ast.Assign([node.target], node.value or ast.Constant(None), lineno=0))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """``x += 1`` is ``x = x + 1``."""
        read = copy.deepcopy(node.target)
        read.ctx = ast.Load()
        return self.visit(ast.Assign([node.target], ast.BinOp(read, node.op, node.value), lineno=0))


def tokens(statement: ast.stmt) -> tuple[str, ...]:
    """The tokens of a statement that ``Names`` wrote."""
    text = ast.unparse(statement).removesuffix("pass")
    blank = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    try:
        parts = [t.string for t in tokenize.generate_tokens(io.StringIO(text + "\n").readline) if t.type not in blank]
    except (tokenize.TokenError, IndentationError):  # the head of a block that is empty now
        parts = LOOSE.findall(text)
    return tuple(LOCAL + part[5:] if part.startswith("_own_") else part for part in parts)


def loose(source: str) -> list[Statement]:
    """The lines of code that Python cannot read: every name but a function's, an attribute's and a keyword is local."""
    found = []
    for number, line in enumerate(source.splitlines(), start=1):
        parts = [part.replace(" ", "") for part in LOOSE.findall(line.partition("#")[0])]
        after = [*parts[1:], ""]
        kept = [
            LOCAL + part
            if part[0] not in "'\"." and part.isidentifier() and not keyword.iskeyword(part) and follower != "("
            else part
            for part, follower in zip(parts, after)
        ]
        if kept:
            found.append(Statement(tuple(kept), number, number))
    return found
