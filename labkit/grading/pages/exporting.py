"""nbconvert's side: how a submission's page is made in the formgrader and in feedback, and what plain nbgrader writes.

These are nbconvert's own extension points, set by name in ``nbgrader_config.py`` (``pages.protect``): two filters, and
a preprocessor for each of the two programs that need one.
"""

import functools
import html as entities
import re
from typing import Any

from labkit.grading.engine.nbgrader import lean  # noqa: F401  before nbgrader

# isort: split
from jinja2 import pass_context
from nbconvert.filters import ansi
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode, from_dict
from nbgrader.preprocessors import NbGraderPreprocessor

from labkit.grading.pages import clean, formulas

LONGEST = 20_000  # characters of one text that is rendered: some texts take a time that grows with their square
MOST = 10 * LONGEST  # and of all texts of a notebook
COLOURED = 5000  # changes of colour in one text
QUIET = re.compile(r"[^<]*")
LINKED = re.compile(r"\]\s*[(:\[]")
NAMED = re.compile(r"[\w.-]{1,100}( \w+)?")
LANGUAGE = ("name", "pygments_lexer", "version", "file_extension", "mimetype", "codemirror_mode", "nbconvert_exporter")


class Renderer(IPythonRenderer):
    """nbconvert's renderer, for which an attachment that isn't there is no reason to show nothing at all."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture, or the words that stand for it."""
        try:
            return str(super().image(text, url, title))
        except InvalidNotebook:
            return entities.escape(text or "a picture that is not there")


def render(text: str, attachments: dict[str, dict[str, str]] | None = None) -> str:
    """The HTML of a text in Markdown as nbconvert makes it, with all that is in it."""
    renderer = Renderer(escape=False, attachments=attachments or {}, exclude_anchor_links=True)
    return str(MarkdownWithMath(renderer=renderer).render(text))


@pass_context
def markdown2html(context: Any, text: str) -> str:
    """The filter of that name: Markdown to HTML that runs nothing, with its formulas drawn."""
    cell = context.get("cell") or {}
    if len(text) > LONGEST:
        return f"<pre>{entities.escape(text)}</pre>"
    return clean_html(render(text, clean.attachments(cell.get("attachments"))))


def clean_html(text: str | bytes) -> str:
    """The filter of that name: HTML that runs nothing, with its formulas drawn."""
    return formulas.typeset(clean.html(text.decode() if isinstance(text, bytes) else str(text)))


def ansi2html(text: str) -> str:
    """The filter of that name, which takes a time that grows with the square of the number of colours."""
    return str(ansi.ansi2html(text if text.count("\x1b") <= COLOURED else ansi.strip_ansi(text)))


@functools.lru_cache(maxsize=4000)
def markdown(text: str) -> str:
    """A text in Markdown; where it holds what could run, as a block that shows what was typed."""
    if quiet(text):
        return text
    return clean.fenced(text) if len(text) > LONGEST else clean.markdown(text, render)


def quiet(text: str) -> bool:
    """Whether a text has neither a tag nor a link, so that nothing in it can run."""
    return bool(QUIET.fullmatch(text)) and not LINKED.search(text)


class Renderings:
    """Renders the texts in the outputs of one notebook, as long as they are not too long altogether."""

    def __init__(self) -> None:
        self.left = MOST

    def __call__(self, text: str) -> str | None:
        self.left -= len(text)
        return render(text) if len(text) <= LONGEST and self.left >= 0 else None


class Harmless(Preprocessor):
    """For ``HTMLExporter``: leaves of a notebook what a page may show of it. The filters do the rest."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Change the notebook in place."""
        tidy(nb)
        rendered = Renderings()
        for cell in nb.cells:
            for output in cell.get("outputs", []):
                if data := output.get("data"):
                    output["data"] = from_dict(typesettable(data, rendered))
            if "outputs" in cell:  # of a display that only a program could show nothing is left
                cell.outputs = [output for output in cell.outputs if output.get("data", True)]
        return nb, resources


class Sanitized(NbGraderPreprocessor):
    """For ``nbgrader autograde``: what it writes holds nothing that runs, whoever opens it."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Change the notebook in place."""
        tidy(nb)
        texts(nb)
        return nb, resources


def typesettable(data: dict[str, Any], rendered: clean.Render) -> dict[str, Any]:
    """A display's data with TeX and Markdown as HTML, which one filter cleans and typesets."""
    made = dict(data)
    if "text/html" not in made and "text/markdown" in made:
        source = str(made["text/markdown"])
        made["text/html"] = rendered(source) or f"<pre>{entities.escape(source)}</pre>"
    if "text/html" not in made and "text/latex" in made:
        made["text/html"] = f"<div>{entities.escape(str(made['text/latex']))}</div>"
    return {kind: value for kind, value in made.items() if kind not in ("text/markdown", "text/latex")}


def texts(nb: NotebookNode) -> list[NotebookNode]:
    """Have the texts of a notebook hold nothing that could run, in place; those that did, which are markdown then."""
    changed, left = [], MOST
    for cell in nb.cells:
        if cell.cell_type in ("markdown", "raw") and not quiet(cell.source):
            left -= len(cell.source)
            made = markdown(cell.source) if left >= 0 else clean.fenced(cell.source)
            if made != cell.source:
                cell.source, cell.cell_type = made, "markdown"
                cell.metadata.pop("raw_mimetype", None)
                changed.append(cell)
    return changed


def tidy(nb: NotebookNode) -> None:
    """Leave of a notebook, in place, what shows without running: outputs, attachments, the metadata that is needed."""
    given, rendered = nb.get("metadata", {}), Renderings()
    nb.metadata = from_dict({key: given[key] for key in ("kernelspec", "language_info") if plain(given.get(key))})
    for cell in nb.cells:
        metadata = cell.get("metadata", {})
        own = metadata.get("nbgrader")
        cell.metadata = from_dict({"nbgrader": own} if isinstance(own, dict) and named(own) else {})
        if not (isinstance(cell.get("id"), str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell["id"])):
            cell.pop("id", None)
        if cell.cell_type == "code":
            count(cell)
            kept = [output for output in cell.get("outputs", []) if known(output)]
            cell.outputs = [from_dict(output) for output in clean.outputs(kept, rendered)]
        elif "attachments" in cell:
            cell.attachments = from_dict(clean.attachments(cell.attachments))


def plain(given: object) -> bool:
    """Whether a part of a notebook's metadata names a language or a kernel and nothing else."""
    if not isinstance(given, dict):
        return False
    texts = [value for value in given.values() if not isinstance(value, dict)]
    return all(isinstance(value, str | int) and not re.search(r"[<>\"&]", str(value)) for value in texts)


def named(given: dict[str, Any]) -> bool:
    """Whether a cell's nbgrader metadata has a name that a page can hold."""
    return isinstance(given.get("grade_id"), str) and not re.search(r"[<>\"'&\\\x00-\x1f]", given["grade_id"])


def known(output: dict[str, Any]) -> bool:
    """Whether an output is one that nbformat knows; what counts it is made a number."""
    count(output)
    kind = output.get("output_type")
    if kind == "error":
        return isinstance(output.get("traceback"), list)
    if kind == "stream":
        return output.get("name") in ("stdout", "stderr")
    return kind in ("display_data", "execute_result")


def count(part: dict[str, Any]) -> None:
    """Make an execution count a number or nothing, in place."""
    if not isinstance(part.get("execution_count"), int) and "execution_count" in part:
        part["execution_count"] = None
