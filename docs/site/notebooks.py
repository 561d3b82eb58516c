"""A notebook as a page: doors to its neighbours, a place to link to for each cell, light pictures."""

import html
import re
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from docs.site.pictures import moved_out
from labkit.grading import leaks
from labkit.grading.model_answers import unmarked

HEADING = re.compile(r"^(#+ .*\n?)")


def page(notebook: NotebookNode, doors: str, folder: Path, *, up: str) -> NotebookNode:
    """The notebook as Sphinx reads it: ``doors`` below its title, an id for each cell, pictures in ``folder``."""
    cells = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cells.append(nbformat.v4.new_markdown_cell(anchored(cell.source, cell.id, "" if number else doors)))
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = moved_out("".join(data["text/html"]), folder, up=up)
        shown = nbformat.v4.new_code_cell(cell.source, outputs=cell.get("outputs", []))
        shown.metadata["place"] = cell.id
        cells.append(shown)
    for number, cell in enumerate(cells):
        cell.id = f"page-{number}"
    language = {"name": "python", "pygments_lexer": "ipython3"}
    kernel = {"kernelspec": notebook.metadata.kernelspec} if "kernelspec" in notebook.metadata else {}
    metadata = kernel | {"language_info": language}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def anchored(source: str, name: str, after: str = "") -> str:
    """Markdown with a place to link to, below its heading if it begins with one: headings open sections."""
    place = f'<span id="{html.escape(name)}" class="place"></span>\n\n'
    match = HEADING.match(source)
    heading = match[1].rstrip("\n") + "\n\n" if match else ""
    return heading + place + (f"{after}\n\n" if after else "") + source[match.end() if match else 0 :].lstrip("\n")


def with_answers(exercise: NotebookNode, solution: NotebookNode) -> NotebookNode:
    """The exercise with a folded model answer below each cell that is to be written."""
    answers = {cell.id: cell.source for cell in solution.cells if leaks.solution(cell)}
    cells = []
    for cell in exercise.cells:
        cells.append(cell)
        if leaks.solution(cell) and cell.id in answers:
            cells.append(nbformat.v4.new_markdown_cell(folded(answers[cell.id], cell.cell_type)))
    return nbformat.v4.new_notebook(cells=cells, metadata=exercise.metadata)


def folded(source: str, kind: str) -> str:
    """A model answer, to be opened by who wants it."""
    answer = unmarked(source)
    shown = f"```python\n{answer}\n```" if kind == "code" else answer
    return f"<details><summary>A model answer</summary>\n\n{shown}\n\n</details>"


def badges(path: str, repository: str) -> dict[str, str]:
    """What opens a notebook elsewhere, by name; nothing without a repository on GitHub."""
    if not repository:
        return {}
    colab = f"https://colab.research.google.com/github/{repository}/blob/gh-pages/colab/{path}"
    binder = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/{path}"
    return {"Open in Colab": colab, "Open in Binder": binder}


def doors(links: Mapping[str, str]) -> str:
    """The row of links below a title."""
    items = "".join(f'<li><a href="{html.escape(to)}">{html.escape(name)}</a></li>' for name, to in links.items())
    return f'<nav class="doors" aria-label="This notebook elsewhere"><ul>{items}</ul></nav>'


def for_colab(notebook: NotebookNode, repository: str) -> NotebookNode:
    """The notebook with a first cell that installs labkit: Colab opens a notebook without its clone."""
    source = f"%pip install --quiet git+https://github.com/{repository}"
    first = nbformat.v4.new_code_cell(source, id="install")
    return nbformat.v4.new_notebook(cells=[first, *notebook.cells], metadata=notebook.metadata)
