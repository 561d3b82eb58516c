"""What the pages need beyond Sphinx: formulas by the KaTeX that lies beside them, and a place for each cell."""

import html
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from docs.site.docstrings import marked_up


def inline_formula(self: Any, node: nodes.math) -> None:
    """A formula in a line, as TeX: ``labkit.js`` draws it."""
    self.body.append(f'<span class="math">{html.escape(node.astext())}</span>')
    raise nodes.SkipNode


def displayed_formula(self: Any, node: nodes.math_block) -> None:
    """A formula on lines of its own, as TeX."""
    self.body.append(f'<div class="math">{html.escape(node.astext())}</div>')
    raise nodes.SkipNode


def give_places(app: Sphinx, document: nodes.document) -> None:
    """The cells of code get the ids under which the pages of the decks link to them."""
    for cell in document.findall(nodes.container):
        place = cell.get("cell_metadata", {}).get("place")
        if place and cell.get("nb_element") == "cell_code":
            cell["ids"].append(place)


def add_formulas(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: nodes.document | None
) -> None:
    """KaTeX, for the pages that have formulas."""
    if document is not None and any(True for kind in (nodes.math, nodes.math_block) for _ in document.findall(kind)):
        app.add_css_file("katex/katex.min.css")
        app.add_js_file("katex/katex.min.js", loading_method="defer", priority=100)


def mark_up(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """A docstring as reStructuredText."""
    lines[:] = marked_up(lines, module=what == "module")


def only_our_own(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """What a class has from torch or matplotlib is documented there."""
    module = getattr(value, "__module__", None)
    return True if module and not str(module).startswith("labkit") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all this with Sphinx."""
    app.add_html_math_renderer("katex", (inline_formula, None), (displayed_formula, None))
    app.connect("doctree-read", give_places)
    app.connect("html-page-context", add_formulas)
    app.connect("autodoc-process-docstring", mark_up, priority=400)  # before napoleon reads the sections
    app.connect("autodoc-skip-member", only_our_own)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
