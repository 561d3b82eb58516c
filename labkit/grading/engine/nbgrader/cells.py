"""What the gradebook says an assignment consists of, and what is to be done with each cell of a submission.

The gradebook holds the source of every cell that counts, as it was released. It alone decides what a test is:
whatever a student did to a test cell, the trusted source runs in its place. There are three kinds of code cells:

- ``run``: an ordinary cell or the student's answer; it is executed and shown.
- ``check``: a grade cell that holds nothing but ``check("topic.name", expression)`` calls; judged outside.
- ``test``: any other grade cell, as nbgrader knows them: asserts, possibly hidden; judged by its own output,
  inside, so that a canary precedes it (see ``canaries``).
"""

import ast
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode

if TYPE_CHECKING:
    from nbgrader.api import Gradebook, Notebook
    from traitlets.config import Config

RUN, CHECK, TEST = "run", "check", "test"
HIDDEN = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")  # nbgrader's own marks, where the course chose no others


@dataclass(frozen=True)
class Trusted:
    """A cell of the released notebook, as the gradebook holds it. ``points`` is None where it earns none."""

    name: str
    cell_type: str
    source: str
    checksum: str | None
    locked: bool
    solution: bool
    task: bool
    points: float | None

    @property
    def graded(self) -> bool:
        """Whether the cell earns points by itself (a task is marked by hand and is no grade cell)."""
        return self.points is not None and not self.task

    @property
    def tests(self) -> bool:
        """Whether the cell is graded by running it."""
        return self.graded and not self.solution and self.cell_type == "code"

    def metadata(self) -> dict[str, Any]:
        """nbgrader's metadata of this cell."""
        made: dict[str, Any] = {
            "grade": self.graded,
            "grade_id": self.name,
            "locked": self.locked,
            "schema_version": 3,
            "solution": self.solution,
            "task": self.task,
        }
        made |= {} if self.points is None else {"points": self.points}
        return made | ({} if self.checksum is None else {"checksum": self.checksum})


@dataclass(frozen=True)
class Blueprint:
    """One notebook of an assignment.

    Attributes:
        cells: its trusted cells by ``grade_id``.
        language: that of its kernel.
        ordered: whether the cells are known to stand in the order of the release; the gradebook keeps none.
        hidden: what marks the beginning and the end of hidden tests.
    """

    name: str
    cells: dict[str, Trusted]
    language: str = "python"
    ordered: bool = False
    hidden: tuple[str, str] = HIDDEN

    def inorder(self, names: Iterable[str]) -> "Blueprint":
        """The same, its cells in the order of ``names``: the ``grade_id``s of the source notebook."""
        order = [name for name in dict.fromkeys(names) if name in self.cells]
        if len(order) < len(self.cells):
            return self
        return replace(self, cells={name: self.cells[name] for name in order}, ordered=True)


@dataclass(frozen=True)
class Call:
    """One ``check(key, expression)``; the expression is evaluated where the student's names are."""

    key: str
    expression: str


@dataclass(frozen=True)
class Step:
    """What to do with the code cell at ``index``: run its source, or judge its calls."""

    index: int
    kind: str
    source: str = ""
    name: str = ""
    calls: tuple[Call, ...] = ()
    canaries: tuple[str, ...] = field(default=(), compare=False)


def marks(config: "Config") -> tuple[str, str]:
    """What marks the beginning and the end of hidden tests, by nbgrader's settings."""
    from nbgrader.preprocessors import ClearHiddenTests

    settings = ClearHiddenTests(config=config)
    return settings.begin_test_delimeter, settings.end_test_delimeter


def blueprints(book: "Gradebook", assignment: str) -> dict[str, Blueprint]:
    """The notebooks of an assignment, by name.

    Raises:
        MissingEntry: of nbgrader, if the gradebook doesn't know the assignment.
    """
    return {notebook.name: blueprint(notebook) for notebook in book.find_assignment(assignment).notebooks}


def blueprint(notebook: "Notebook") -> Blueprint:
    """The trusted side of one notebook."""
    points = {cell.name: float(cell.max_score) for cell in (*notebook.grade_cells, *notebook.task_cells)}
    solutions = {cell.name for cell in notebook.solution_cells}
    tasks = {cell.name for cell in notebook.task_cells}
    cells = {
        cell.name: Trusted(
            name=cell.name,
            cell_type=str(cell.cell_type),
            source=cell.source or "",
            checksum=cell.checksum,
            locked=bool(cell.locked),
            solution=cell.name in solutions,
            task=cell.name in tasks,
            points=points.get(cell.name),
        )
        for cell in notebook.source_cells
    }
    kernel = json.loads(notebook.kernelspec or "{}")
    return Blueprint(notebook.name, cells, str(kernel.get("language") or kernel.get("name") or "python"))


def released(name: str, notebook: NotebookNode) -> Blueprint:
    """The trusted side of a notebook as it was given out: its cells that nbgrader knows, in their order."""
    given = [(cell, cell.metadata["nbgrader"]) for cell in notebook.cells if cell.metadata.get("nbgrader")]
    cells = {
        str(own["grade_id"]): Trusted(
            name=str(own["grade_id"]),
            cell_type=cell.cell_type,
            source=cell.source,
            checksum=own.get("checksum"),
            locked=bool(own.get("locked")),
            solution=bool(own.get("solution")),
            task=bool(own.get("task")),
            points=float(own["points"]) if "points" in own and (own.get("grade") or own.get("task")) else None,
        )
        for cell, own in given
    }
    return Blueprint(name, cells, ordered=True)


def grade_id(cell: NotebookNode) -> str:
    """The name nbgrader knows a cell by; "" if it has none."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def steps(notebook: NotebookNode, trusted: Blueprint) -> list[Step]:
    """What to do with each code cell of a sanitised notebook, in its order; blank cells are left out."""
    made = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        known = trusted.cells.get(grade_id(cell))
        if known is None or not known.tests:
            made.append(Step(index, RUN, cell.source, known.name if known else ""))
        elif calls := parse(known.source):
            made.append(Step(index, CHECK, name=known.name, calls=calls))
        else:
            made.append(Step(index, TEST, cell.source, known.name, canaries=canaries(known.source)))
    return made


def visible(source: str, marks: tuple[str, str] = HIDDEN) -> str:
    """A test cell as students get it, without its hidden tests."""
    kept, hidden = [], False
    for line in source.split("\n"):
        begins, ends = marks[0] in line, marks[1] in line
        if not (hidden or begins or ends):
            kept.append(line)
        hidden = (hidden or begins) and not ends
    return "\n".join(kept)


def parse(source: str) -> tuple[Call, ...]:
    """The calls of a cell that holds nothing but ``check("topic.name", expression)`` calls; else nothing."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return ()
    calls = [call_of(statement) for statement in body if not imports_check(statement)]
    return tuple(call for call in calls if call) if all(calls) else ()


def call_of(statement: ast.stmt) -> Call | None:
    """The check that a statement calls, if it does nothing else."""
    match statement:
        case ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(str(key)), expression], [])):
            return None if isinstance(expression, ast.Starred) else Call(key, ast.unparse(expression))
    return None


def imports_check(statement: ast.stmt) -> bool:
    """Whether a statement is ``from labkit.checks import check``."""
    match statement:
        case ast.ImportFrom("labkit.checks", [ast.alias("check", None)], 0):
            return True
    return False


def expressions(node: ast.AST) -> Iterable[str]:
    """The functions called in a tree, as written: ``np.allclose``, ``torch.testing.assert_close``."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute | ast.Name):
            yield ast.unparse(part.func)


ASSERTING = frozenset(
    (
        "assert_allclose",
        "assert_almost_equal",
        "assert_array_almost_equal",
        "assert_array_equal",
        "assert_close",
        "assert_equal",
        "assertAlmostEqual",
        "assertEqual",
    )
)
COMPARING = frozenset(("allclose", "array_equal", "array_equiv", "equal", "isclose"))


def canaries(source: str) -> tuple[str, ...]:
    """Cells that are known to be false, in the words of a test cell: if one runs without an error, something is wrong.

    They are tamper-evident, not tamper-proof: code that recognises them can still deceive the test after them.
    They define no name, so that an honest notebook behaves as it would without them.
    """
    a, b = secrets.randbelow(10**6), secrets.randbelow(10**6)
    made = [f"assert {a} == {a + 1 + b}", "assert False"]
    try:
        called = sorted(set(expressions(ast.parse(source))))
    except (SyntaxError, ValueError):
        return tuple(made)
    for function in called:
        name = function.rpartition(".")[2]
        if name in ASSERTING:
            made.append(f"{function}({unequal(function)})")
        elif name in COMPARING:
            made.append(f"assert {function}({unequal(function)}){'.all()' if name == 'isclose' else ''}")
    return tuple(made)


def unequal(function: str) -> str:
    """Two values that differ everywhere, of the kind a function compares."""
    n = 2 + secrets.randbelow(5)
    if "torch" in function:
        return f"__import__('torch').zeros({n}), __import__('torch').ones({n})"
    if function.startswith(("np.", "numpy.")):
        return f"__import__('numpy').zeros({n}), __import__('numpy').ones({n})"
    return f"[0] * {n}, [1] * {n}"
