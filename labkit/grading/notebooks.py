"""Notebooks as files: read with a sentence when they are broken, written whole or not at all, in one normal form.

The normal form makes a rebuild byte-identical: no outputs, no execution counts, and only the metadata that the course
needs. A graded cell's id is its ``grade_id``. Any other cell keeps the id it has, so that a new cell changes no other
cell; only a cell without an id gets one from its position.
"""

import json
import os
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

from labkit.grading.engine.nbgrader import lean  # noqa: F401  before nbformat

# isort: split
import nbformat
import nbformat.reader
from nbformat import NotebookNode

from labkit.grading.course import CourseError

LARGEST = 50 * 2**20  # bytes; a notebook of the course has some 50 thousand
CELL_METADATA = ("deletable", "editable", "jupyter", "nbgrader", "slideshow", "tags")
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def read(path: Path) -> NotebookNode:
    """The notebook in a file, in nbformat 4.

    Raises:
        CourseError: if there is none or it is broken, saying in one sentence what is wrong with it.
    """
    if not path.is_file():
        raise CourseError(f"{path} is not a file" if path.exists() else f"there is no file {path}")
    if path.suffix != ".ipynb":
        raise CourseError(f"{path.name} is not a notebook: its name does not end in .ipynb")
    if path.stat().st_size > LARGEST:
        raise CourseError(f"{path.name} has {path.stat().st_size / 2**20:.0f} MB: clear its outputs and save it again")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CourseError(f"{path.name} is not a notebook: it is no text in UTF-8") from None
    except OSError as error:
        raise CourseError(f"{path} can't be read: {error.strerror}") from error
    return parse(text, path.name)


def parse(text: str, name: str) -> NotebookNode:
    """The notebook in a text.

    Raises:
        CourseError: as ``read`` does.
    """
    if not text.strip():
        raise CourseError(f"{name} is empty")
    try:
        raw = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its nesting"
        raise CourseError(f"{name} is damaged: it is no valid JSON (see {where}); was it saved completely?") from None
    if not isinstance(raw, dict) or "nbformat" not in raw:
        raise CourseError(f"{name} is not a notebook: it has no nbformat")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing and double cell ids, which it repairs
            notebook = nbformat.convert(nbformat.reader.reads(text), 4)
            name_cells(notebook, raw)
            nbformat.validate(notebook)
    except Exception as error:
        raise CourseError(f"{name} is damaged: {brief(error)}") from error
    return notebook


def name_cells(notebook: NotebookNode, raw: dict[str, Any]) -> None:
    """Give each cell the id that it has in the file, else one from its position; nbformat would invent random ones."""
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        return  # cells have no ids yet; ``normal`` names them
    given = [cell.get("id") if isinstance(cell, dict) else None for cell in raw["cells"]]
    taken = {name for name in given if isinstance(name, str)}
    for position, (cell, name) in enumerate(zip(notebook.cells, given)):
        cell.id = name if isinstance(name, str) else free(f"cell-{position:02d}", taken)


def brief(error: Exception) -> str:
    """The first line of a message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]


def normal(notebook: NotebookNode) -> str:
    """The text of a notebook in normal form; the notebook itself stays as it is.

    Sources are left alone to the last blank: nbgrader's checksums cover them.
    """
    made = nbformat.from_dict(json.loads(json.dumps(notebook)))
    labkit = made.metadata.get("labkit")
    made.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    if labkit:
        made.metadata["labkit"] = labkit
    made.nbformat, made.nbformat_minor = 4, 5
    used: set[str] = set()
    for position, cell in enumerate(made.cells):
        cell.id = identity(cell, position, used)
        cell.metadata = {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return str(nbformat.writes(made)).rstrip("\n") + "\n"


def identity(cell: NotebookNode, position: int, used: set[str]) -> str:
    """A cell's id: its ``grade_id``, else the id it has, else its position; unique among ``used``, and added to it."""
    name = cell.metadata.get("nbgrader", {}).get("grade_id") or cell.get("id") or f"cell-{position:02d}"
    return free(re.sub(r"[^A-Za-z0-9_-]", "-", str(name))[:56], used)


def free(name: str, used: set[str]) -> str:
    """``name``, or ``name`` with the first number that makes it unique among ``used``; it is added to ``used``."""
    unique, copy = name, 2
    while unique in used:
        unique, copy = f"{name}-{copy}", copy + 1
    used.add(unique)
    return unique


def write(path: Path, text: str) -> None:
    """Write a file whole: the old one stays until the new one is complete.

    Raises:
        CourseError: if it can't be written.
    """
    handle = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~umask()
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except OSError as error:
        if handle is not None:
            Path(temporary).unlink(missing_ok=True)
        raise CourseError(f"{path} can't be written: {error.strerror}") from error


def umask() -> int:
    """The permissions this process takes away from new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
