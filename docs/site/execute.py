"""Lectures with their outputs. What has been run is kept until the code that made it changes.

A kept run holds the hash of the lecture's code cells, and the hash of every file of this clone that its kernel had
imported at the end. So a change of the text costs nothing, and a change of ``labkit/attacks`` costs the lectures that
use it.
"""

import ast
import hashlib
import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from docs.site.settings import ROOT

SECONDS = 900  # of one cell: several builds may share a machine
BEFORE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from docs.site import recorded
recorded.install()
sys.path.remove({str(ROOT)!r})
del sys, recorded
"""
AFTER = f"""
import sys
from pathlib import Path
loaded = [Path(m.__file__) for m in list(sys.modules.values()) if getattr(m, "__file__", None)]
inside = [p.relative_to({str(ROOT)!r}) for p in loaded if p.is_relative_to({str(ROOT)!r})]
print(sorted(p.as_posix() for p in inside if p.parts[0] in ("labkit", "docs")))
"""


class FailedCell(Exception):
    """A cell of a lecture raised; the message names both and shows the traceback."""


def executed(path: Path, kept: Path, *, run: bool = True) -> NotebookNode:
    """The notebook at ``path`` with outputs: those in the file ``kept`` if they still hold, else fresh ones.

    Without ``run`` whatever was kept for the same code serves; where there is nothing, there are no outputs.

    Raises:
        FailedCell: if a cell raises.
    """
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    record = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    same = record.get("code") == fingerprint(code)
    if not (same and (not run or current(record))):
        if not run:
            return notebook
        record = fresh(notebook, code, path)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(record), encoding="utf-8")
    for cell, outputs in zip(code, record["outputs"], strict=True):
        cell.outputs = [nbformat.from_dict(output) for output in outputs]
    return notebook


def fresh(notebook: NotebookNode, code: list[NotebookNode], path: Path) -> dict[str, Any]:
    """Run a notebook in a kernel of its own: outputs, and what they depend on."""
    before, after = (nbformat.v4.new_code_cell(source) for source in (BEFORE, AFTER))
    copy = nbformat.v4.new_notebook(cells=[before, *map(copied, code), after], metadata=notebook.metadata)
    # The pages are the same whoever builds them: a folder with data sets would change some.
    environment = {name: value for name, value in os.environ.items() if name != "LABKIT_DATA"}
    client = NotebookClient(
        copy,
        timeout=SECONDS,
        kernel_name="python3",
        extra_arguments=["--Application.log_level=ERROR"],
        resources={"metadata": {"path": path.parent}},
    )
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        raise FailedCell(f"{path.name}: a cell failed, so there is no site.\n{error}") from error
    files = ast.literal_eval(copy.cells[-1].outputs[0].text)
    return {
        "code": fingerprint(code),
        "files": {name: digest(ROOT / name) for name in files},
        "data": bundled(),
        "outputs": [cell.outputs for cell in copy.cells[1:-1]],
    }


def copied(cell: NotebookNode) -> NotebookNode:
    """A code cell to run; its notebook keeps the one without outputs."""
    return nbformat.v4.new_code_cell(cell.source, id=cell.id)


def fingerprint(code: list[NotebookNode]) -> str:
    """The hash of code cells, and of the versions that run them."""
    versions = [sys.version, *map(metadata.version, ("matplotlib", "numpy", "torch", "torchvision"))]
    return hashlib.sha256(json.dumps([versions, [cell.source for cell in code]]).encode()).hexdigest()


def current(record: dict[str, Any]) -> bool:
    """Whether every file of this clone that a kept run depends on is as it was."""
    return record["data"] == bundled() and all(digest(ROOT / name) == was for name, was in record["files"].items())


def digest(path: Path) -> str:
    """The hash of a file, empty if it is gone."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def bundled() -> str:
    """The hash of the data that labkit brings along: a kernel does not tell what it has read."""
    files = (p for p in sorted((ROOT / "labkit").rglob("*")) if p.is_file() and p.suffix not in (".py", ".pyc"))
    return hashlib.sha256("".join(digest(path) for path in files).encode()).hexdigest()
