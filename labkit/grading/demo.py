"""A class of eight, graded before your eyes: the release, the submissions, the gradebook, the feedback."""

import ast
import importlib
import inspect
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from labkit import settings
from labkit.grading import feedback, grade, notebooks, outcome, release, student
from labkit.grading.course import CONFIG, Course, CourseError
from labkit.grading.marks import Row
from labkit.grading.own import checks

ANSWER = "A transform must keep the label true: a digit turned upside down is another digit."


def course(source: Course, assignment: str, folder: Path) -> Course:
    """A course in ``folder`` with one assignment of ``source``, and its release.

    Raises:
        CourseError: if ``source`` has no solutions (an installed package has none), or the folder is in use.
    """
    if assignment not in source.sources():
        raise CourseError("the demo needs the solutions: run it in a clone of the course, not with the package alone")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise CourseError(f"{folder} is not empty: the demo wants a folder of its own")
    shutil.copy(source.root / CONFIG, folder / CONFIG)
    if (source.root / settings.FILE).is_file():
        shutil.copy(source.root / settings.FILE, folder / settings.FILE)
    if (source.root / "checks").is_dir():
        shutil.copytree(source.root / "checks", folder / "checks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(source.solutions / assignment, folder / "solutions" / assignment)
    made = Course(folder.resolve(), folder.resolve())
    release.release(made, assignment)
    return made


def hand_in(made: Course, source: Course, assignment: str) -> dict[str, str]:
    """Eight submissions; what each is, by student.

    Raises:
        CourseError: if the exercise has no check with a function to write.
    """
    name = student.first_notebook(made.solutions / assignment).name
    solved = answered(notebooks.read(made.solutions / assignment / name))
    given = notebooks.read(made.exercises / assignment / name)
    functions = answers_of(solved)
    if not functions:
        raise CourseError(f"{assignment} has no check of the form check('topic.name', function)")
    wrong = mistaken(source, solved, functions)
    class_ = {
        "ada": ("the solution", solved),
        "ben": ("untouched", given),
        "chloe": ("the first half", partly(solved, given, functions, len(functions) // 2)),
        **{who: found for who, found in zip(("dmitri", "eve", "farid"), wrong)},
        "grace": ("a cell that does not parse", broken_cell(solved, functions)),
    }
    for who, (_, notebook) in class_.items():
        submit(made, assignment, who, name, notebooks.normal(notebook))
    text = notebooks.normal(solved)
    submit(made, assignment, "hugo", name, text[: len(text) // 2])
    return {who: what for who, (what, _) in class_.items()} | {"hugo": "a file cut off in the middle"}


def submit(made: Course, assignment: str, who: str, name: str, text: str) -> None:
    """Put a notebook and the exercise's helper files into ``submitted/``."""
    folder = made.submitted / who / assignment
    shutil.copytree(made.exercises / assignment, folder)
    notebooks.write(folder / name, text)


def run(made: Course, assignment: str, progress: grade.Progress | None = None, *, sandboxed: bool = True) -> list[Row]:
    """Grade the class and write its feedback."""
    rows = grade.grade(made, assignment, progress=progress, sandboxed=sandboxed)
    feedback.feedback(made, assignment, [row.student for row in rows if row.graded])
    return rows


def answers_of(notebook: NotebookNode) -> dict[str, tuple[str, int]]:
    """The functions to write: the name by check, with the position of the cell that defines it."""
    found = {}
    for cell in notebook.cells:
        call = re.search(r"""check\(\s*["']([\w.]+)["']\s*,\s*(\w+)\s*\)""", cell.source)
        if call and outcome.kind(cell) == "check":
            for position, other in enumerate(notebook.cells):
                if outcome.kind(other) == "solution" and re.search(
                    rf"^(def|class) {call.group(2)}\b|^{call.group(2)} =", other.source, re.MULTILINE
                ):
                    found[call.group(1)] = (call.group(2), position)
    return found


def answered(solved: NotebookNode) -> NotebookNode:
    """The solution with the written answers given."""
    notebook = copy(solved)
    for cell in notebook.cells:
        if outcome.kind(cell) == "written" and cell.cell_type == "markdown":
            cell.source = ANSWER
    return notebook


def partly(
    solved: NotebookNode, given: NotebookNode, functions: dict[str, tuple[str, int]], count: int
) -> NotebookNode:
    """The release with the first ``count`` functions written."""
    notebook = copy(given)
    for _, position in list(functions.values())[:count]:
        notebook.cells[position].source = solved.cells[position].source
    return notebook


def broken_cell(solved: NotebookNode, functions: dict[str, tuple[str, int]]) -> NotebookNode:
    """The solution with a bracket left open in its last function."""
    notebook = copy(solved)
    _, position = list(functions.values())[-1]
    notebook.cells[position].source += "\nprint((1, 2)"
    return notebook


def mistaken(
    source: Course, solved: NotebookNode, functions: dict[str, tuple[str, int]]
) -> list[tuple[str, NotebookNode]]:
    """Three solutions with a well-known mistake each, or with a function that returns nothing where none is known."""
    found: list[tuple[str, NotebookNode]] = []
    for key, (name, position) in functions.items():
        for entry in known_mistakes(source, key.partition(".")[0]):
            if entry.key == key and len(found) < 3:
                found.append(
                    (f"{name}: {entry.name.replace('_', ' ')}", replaced(solved, position, entry.source(name)))
                )
                break
    for name, position in functions.values():
        if len(found) < 3:
            nothing = f"def {name}(*inputs, **knobs):\n    return None"
            found.append((f"{name} returns nothing", replaced(solved, position, nothing)))
    while len(found) < 3:
        found.append(found[0])
    return found


def replaced(notebook: NotebookNode, position: int, text: str) -> NotebookNode:
    """A copy of a notebook in which one cell defines its function otherwise."""
    made = copy(notebook)
    cell = made.cells[position]
    alone = sum(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.parse(cell.source).body) == 1
    # A cell that defines more than this function keeps the rest: the new definition then follows the old.
    cell.source = text if alone else f"{cell.source}\n\n{text}"
    return made


class Mistake(NamedTuple):
    """A wrong answer to a check, and the source of a cell that gives it."""

    key: str
    name: str
    text: str

    def source(self, name: str) -> str:
        """The cell, with the answer called ``name``."""
        return f"{self.text}\n{name} = {self.name}"


def known_mistakes(source: Course, topic: str) -> list[Mistake]:
    """The wrong answers of ``tests/fresh/<topic>.py``, or the mistakes of a course's own check; else none."""
    if topic in (own := checks(source)).answers:
        return list(own_mistakes(own.answers[topic]))
    if not (source.root / "tests" / "fresh" / f"{topic}.py").is_file():
        return []
    if str(source.root) not in sys.path:
        sys.path.insert(0, str(source.root))
    module = importlib.import_module(f"tests.fresh.{topic}")  # a folder of the clone, not a part of the package
    imports = [line for line in inspect.getsource(module).splitlines() if line.startswith(("import ", "from "))]
    found = []
    for key, function, kind in module.FRESH:
        if kind == "wrong":
            lines = inspect.getsource(function).splitlines()
            start = next(i for i, line in enumerate(lines) if line.startswith("def "))  # after its decorators
            found.append(Mistake(key, function.__name__, "\n".join([*imports, "", *lines[start:]])))
    return found


def own_mistakes(source: str) -> Iterator[Mistake]:
    """The functions that a course marks as mistakes, with all that its file imports and defines besides."""
    tree = ast.parse(source)
    shared = [node for node in tree.body if not is_marked(node) and "labkit.checks" not in ast.unparse(node)]
    for node in tree.body:
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            match decorator:
                case ast.Call(ast.Name("mistake") | ast.Attribute(attr="mistake"), [ast.Constant(str(key)), *_]):
                    assert isinstance(node, ast.FunctionDef)
                    plain = ast.unparse(node).partition("def ")
                    text = "\n\n".join([*map(ast.unparse, shared), plain[1] + plain[2]])
                    yield Mistake(key, node.name, text)


def is_marked(node: ast.stmt) -> bool:
    """Whether a statement defines a reference or a mistake, or a table of them, or is a docstring."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return bool(node.decorator_list)
    return isinstance(node, ast.Expr)


def copy(notebook: NotebookNode) -> NotebookNode:
    """A copy of a notebook that shares nothing with it."""
    return notebooks.parse(notebooks.normal(notebook), "a notebook")
