"""Copies of an answer by somebody who hides where it comes from: new names, another order, another layout."""

import ast
import inspect
import random
import textwrap
from collections.abc import Callable


def source(function: Callable[..., object], name: str) -> str:
    """The source of a right answer without its decorator, under the name that the exercise gives it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    head = tree.body[0]
    assert isinstance(head, ast.FunctionDef)
    head.decorator_list, head.name = [], name
    return ast.unparse(tree)


def disguised(source: str, seed: int = 0) -> tuple[str, int]:
    """A copy that does the same, and how many statements changed their places."""
    random_ = random.Random(seed)
    tree = ast.parse(source)
    kept = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    bound = sorted(stored(tree) | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} - kept)
    words = ["thing", "temp", "value", "result", "my_data"]
    names = {name: f"{random_.choice(words)}_{number}" for number, name in enumerate(bound)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = names.get(node.arg, node.arg)
    moved = sum(reorder(node.body) for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list))
    return "# all my own work\n" + ast.unparse(tree).replace("    ", "  "), moved


def reorder(body: list[ast.stmt]) -> int:
    """Let neighbours that do not need each other change places, in place; how often."""
    moved = 0
    for i in range(len(body) - 1):
        first, second = body[i], body[i + 1]
        if isinstance(first, ast.Assign) and isinstance(second, ast.Assign):
            uses = [{n.id for n in ast.walk(s) if isinstance(n, ast.Name)} for s in (first, second)]
            if not (stored(first) & uses[1] or stored(second) & uses[0]):
                body[i], body[i + 1] = second, first
                moved += 1
    return moved


def stored(tree: ast.AST) -> set[str]:
    """The names that a tree binds."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
