"""Pages that show a submission: nothing of it runs, nothing honest is lost, no other host is asked."""

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from nbconvert.exporters import HTMLExporter
from nbformat import v4
from traitlets.config import Config

from labkit.grading import pages
from labkit.grading.engine.nbgrader import intake
from labkit.grading.pages import clean, drawings, exporting, formulas
from tests import browser, hostile_pages
from tests.hostile_pages import DRAWING, PIXEL, js

ROOT = Path(__file__).resolve().parents[1]
MARKDOWN, DISPLAYS = hostile_pages.markdown(), hostile_pages.displays()
ACTIVE = {
    "script",
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "style",
    "link",
    "meta",
    "base",
    "svg",
    "math",
}
# As a reader clicks on every word "click" that is a link or a button, wherever a formula holds it.
CLICK = """() => [...document.querySelectorAll("a, button, [href]")].filter(e => /click/.test(e.textContent))
    .forEach(e => e.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true})))"""
needs_browser = pytest.mark.skipif(browser.chromium() is None, reason="needs Chromium: apt-get install chromium")


def exporter(*, protected, template="feedback"):
    """nbconvert's exporter as nbgrader makes it for feedback."""
    config = Config()
    if protected:
        pages.protect(config)
    config.HTMLExporter.template_name = template
    config.HTMLExporter.setdefault("extra_template_basedirs", [str(pages.nbgrader_templates())])
    css = pages.nbgrader_templates().parent / "static" / "node_modules" / "bootstrap" / "dist" / "css"
    config.HTMLExporter.extra_template_paths = [str(css)]
    return HTMLExporter(config=config)


def page_of(notebook, *, protected=True):
    about = {"notebook": "n", "score": 1, "max_score": 2, "late_penalty": 0}
    return exporter(protected=protected).from_notebook_node(notebook, {"nbgrader": about})[0]


class Found(HTMLParser):
    """What a page holds that could run, by what Python's parser sees."""

    def __init__(self, text):
        super().__init__()
        self.active, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ACTIVE:
            self.active.append(tag)
        for name, value in attrs:
            target = re.sub(r"[\s\x00-\x1f]", "", value or "").lower()
            bad = target.startswith(("javascript:", "vbscript:", "data:text"))
            if name.startswith(("on", "data-", "formaction", "srcdoc")) or bad:
                self.active.append(f"{tag} {name}")


@pytest.mark.parametrize("name", MARKDOWN)
def test_a_text_that_could_run_runs_nothing_and_is_not_lost(name):
    text = MARKDOWN[name]
    shown = exporting.clean_html(exporting.render(text))
    assert not set(Found(shown).active) - {"math"}
    kept = exporting.markdown(text)
    assert kept in (text, clean.fenced(text))
    assert not set(Found(exporting.render(kept)).active) - {"math"} or kept == text


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_display_that_could_run_runs_nothing(name):
    data, metadata = DISPLAYS[name]
    made = clean.output({"output_type": "display_data", "data": data, "metadata": metadata}, exporting.render)
    assert set(made["data"]) <= {"text/plain", "text/html", "text/markdown", "text/latex", "image/png", "image/svg+xml"}
    assert not Found(str(made["data"].get("text/html", ""))).active
    assert "ran-" not in json.dumps(
        [made["metadata"], made["data"].get("image/svg+xml"), made["data"].get("image/png")]
    )


def test_a_notebook_that_an_instructor_opens_holds_no_widget_state_title_tag_or_odd_name():
    notebook = hostile_pages.notebook()
    notebook.cells[-1]["execution_count"] = f'<img src="x" onerror="{js("count")}">'
    exporting.Sanitized().preprocess(notebook, {})
    assert set(notebook.metadata) == {"language_info"}
    assert all(not cell.metadata for cell in notebook.cells)
    assert notebook.cells[-1].execution_count is None
    kinds = {kind for cell in notebook.cells for out in cell.get("outputs", []) for kind in out.get("data", {})}
    assert not kinds & {"application/javascript", "application/vnd.jupyter.widget-view+json", "text/vnd.mermaid"}
    texts = [cell for cell in notebook.cells if cell.cell_type != "code"]
    assert not any(clean.alters(exporting.render(cell.source)) for cell in texts if cell.cell_type == "markdown")
    assert json.dumps(notebook).count("attachment:a.png") == 1
    assert "onerror" not in json.dumps([cell.get("attachments") for cell in texts])


HONEST = (
    "Plain words, *emphasis*, `code < b`, 3 < 4 & 5 > 2.",
    "A [link](https://arxiv.org/abs/1412.6572) and <https://example.org>, mail <a@b.org>",
    "![plot](plot.png) and ![pasted](attachment:a.png)",
    "<details>\n<summary>Hint</summary>\n\nfolded\n\n</details>",
    '<table border="1"><tr><td align="right">1</td></tr></table>',
    '<div style="color: red; text-align: center">x</div><br>',
    '<font color="red">careful</font> <sub>2</sub> <img src="plot.png" width="300" alt="a plot">',
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "$$\\begin{aligned}a &= b \\\\ c &< d\\end{aligned}$$",
    "```python\nif a < b:\n    print('<script>')\n```",
    "# A heading\n\n1. one\n2. two\n\n> quoted",
    "<!-- a comment -->\nwords",
    "What `<script>` does; and \\<b\\>",
)


@pytest.mark.parametrize("text", HONEST)
def test_an_honest_text_stays_to_the_letter(text):
    assert exporting.markdown(text) == text


def test_every_text_of_the_course_stays_to_the_letter():
    for path in [*ROOT.glob("lectures/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb"), *ROOT.glob("exercises/*/*.ipynb")]:
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "markdown":
                text = "".join(cell["source"])
                assert exporting.markdown(text) == text, (path.name, text[:80])


def test_a_style_can_not_move_what_it_styles_or_load_a_file():
    for bad in (
        "position: fixed",
        "margin: -90px",
        "background: url(//x)",
        "color: red; width: expression(1)",
        "inset: 0",
    ):
        shown = clean.html(f'<p style="{bad}">x</p>')
        assert shown in ("<p>x</p>", '<p style="color: red">x</p>'), bad
    assert (
        clean.html('<p style="color: #123; margin-left: 2em">x</p>') == '<p style="color: #123; margin-left: 2em">x</p>'
    )


def test_pictures_come_from_the_page_or_from_beside_the_notebook_and_from_nowhere_else():
    for good in (f"data:image/png;base64,{PIXEL}", "plot.png", "figures/a b.svg"):
        assert f'src="{good}"' in clean.html(f'<img src="{good}">')
    for bad in ("https://x.org/a.png", "//x.org/a.png", "/formgrader?path=x", "../../a.png", "a.html", "a.png?b",
                "data:text/html;base64,QQ==", "http://localhost:8888/a.png", "%2e%2e/a.png"):  # fmt: skip
        assert "src" not in clean.html(f'<img src="{bad}">'), bad


ACTIVE_PARTS = (
    "<script>1</script>",
    "<foreignObject><p/></foreignObject>",
    '<a href="javascript:1"/>',
    '<use href="//x.org/a.svg#b"/>',
    '<image href="https://x.org/a.png"/>',
    "<style>@import url(//x.org)</style>",
    '<set attributeName="onload" to="1"/>',
    '<path onclick="1"/>',
    '<path fill="url(//x.org/a)"/>',
)


@pytest.mark.parametrize("bad", ACTIVE_PARTS)
def test_a_drawing_keeps_its_lines_and_nothing_else(bad):
    made = drawings.clean(DRAWING.replace("<circle", f"{bad}<circle"))
    assert made is not None
    tags = [element.tag.rpartition("}")[2] for element in ElementTree.fromstring(made).iter()]
    assert "circle" in tags
    assert not {"script", "foreignObject", "a", "set", "style"} & set(tags)
    assert "x.org" not in made
    assert "onclick" not in made


def test_a_drawing_of_matplotlib_stays_and_what_is_no_drawing_does_not():
    import io

    from matplotlib.figure import Figure

    figure, file = Figure(figsize=(1, 1)), io.StringIO()
    figure.add_subplot().plot([1, 2])
    figure.savefig(file, format="svg")
    made = drawings.clean(file.getvalue())
    assert made is not None
    assert made.count("<path") == file.getvalue().count("<path")
    assert "clip-path" in made
    for junk in (
        "",
        "no svg",
        "<svg",
        "<svg></b>",
        '<!DOCTYPE x [<!ENTITY a "b">]><svg>&a;</svg>',
        "<html><svg/></html>",
    ):
        assert drawings.clean(junk) is None or "<svg" in junk


def test_every_formula_of_the_course_is_drawn():
    tex = re.compile(r"\$\$.+?\$\$|\$[^$]+\$", re.DOTALL)
    for path in [*ROOT.glob("lectures/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")]:
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "markdown":
                text = re.sub(r"```.*?```|`[^`]*`", "", "".join(cell["source"]), flags=re.DOTALL)
                for formula in tex.findall(text):
                    assert formulas.mathml(formula.strip("$"), display=True), (path.name, formula)


def test_formulas_are_drawn_outside_of_code_and_unreadable_ones_stay():
    made = formulas.typeset(
        clean.html(r"<p>$a&lt;b$ <code>$c$</code> \[d\] \begin{align}e&amp;=f\end{align} $\nosuch{g}$ 5$ 6$</p>")
    )
    assert made.count("<math") == 3
    assert "<mo>&lt;</mo>" in made
    assert "<code>$c$</code>" in made
    assert r"<code>$\nosuch{g}$</code>" in made
    assert made.endswith("5$ 6$</p>")
    ElementTree.fromstring(made)
    assert formulas.mathml("{" * 4000, display=True) == ""
    assert formulas.mathml(r"\frac{1", display=True) == ""


def test_a_text_written_to_take_for_ever_is_shown_as_it_was_typed():
    for text in ("[" * 60_000, "<" * 60_000, "*a" * 40_000):
        assert exporting.markdown(text) in (text, clean.fenced(text))


def test_names_hold_nothing_that_means_something_in_a_page():
    assert clean.name('O\'Neil <script>\x1b[31m"x" & Söhne') == "O'Neil script[31mx  Söhne"


def opened(text, folder):
    """Open a page in Chromium, click what asks for it; what ran, and which hosts were asked."""
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    asked = []
    with browser.browser() as page:
        page.on("request", lambda request: asked.append(request.url))
        page.route(re.compile("^https?://"), lambda route: route.abort())
        page.goto(path.as_uri())
        page.wait_for_timeout(300)
        page.evaluate(CLICK)
        page.wait_for_timeout(500)
    ran = {found[1] for url in asked if (found := re.search(r"/ran-([\w-]+)", url))}
    return ran, {url for url in asked if url.startswith(("http:", "https:", "//"))}


@pytest.mark.browser
@needs_browser
def test_feedback_runs_nothing_and_asks_no_other_host_whatever_is_in_it(tmp_path):
    ran, asked = opened(page_of(hostile_pages.notebook()), tmp_path)
    assert ran == set()
    assert asked == set()


@pytest.mark.browser
@needs_browser
def test_the_cleaning_holds_without_the_policy_too(tmp_path):
    page = re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", page_of(hostile_pages.notebook()))
    assert "Content-Security-Policy" not in page
    assert opened(page, tmp_path) == (set(), set())


@pytest.mark.browser
@needs_browser
@pytest.mark.filterwarnings("ignore:Your element with mimetype")
def test_nbgrader_alone_runs_them(tmp_path):
    """The tricks are none if nothing falls for them."""
    notebook = hostile_pages.notebook()
    notebook.cells = [cell for cell in notebook.cells[:-1] if "attachments" not in cell and "<base" not in cell.source]
    ran, asked = opened(page_of(notebook, protected=False), tmp_path)
    assert len(ran) >= 12, ran
    assert asked


@pytest.mark.browser
@needs_browser
def test_what_is_honest_shows(tmp_path):
    text = page_of(hostile_pages.shown())
    assert text.count("<math") == 4
    assert '<table border="1" class="dataframe">' in text
    assert 'style="text-align: right; color: #0a7d33"' in text
    assert "static view" in text
    assert "ansi-red-fg" in text
    path = tmp_path / "page.html"
    path.write_text(text)
    with browser.browser() as page:
        page.goto(path.as_uri())
        widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
        assert widths == [1, 1, 40]
        assert page.get_by_role("link", name="paper").get_attribute("rel") == "noopener noreferrer nofollow"
        heights = page.evaluate("[...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().height)")
        assert min(heights) > 8


def test_feedback_holds_no_script_and_no_address_of_another_host():
    text = page_of(v4.new_notebook())
    assert "<script" not in text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert "default-src 'none'" in text


def test_a_notebook_of_long_texts_with_links_holds_up_nobody():
    long = "\\begin{a}" * 2000 + "](x)"
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(f"{number} {long}") for number in range(40)])
    short = v4.new_markdown_cell("No link here, so it stays.")
    notebook.cells.append(short)
    assert len(exporting.texts(notebook)) >= 40 - exporting.MOST // len(long) - 1
    assert notebook.cells[-1].source == short.source


def test_the_row_names_the_texts_that_are_shown_as_they_were_typed():
    answer = v4.new_markdown_cell("<script>1</script>", metadata={"nbgrader": {"grade_id": "why"}})
    added = [v4.new_markdown_cell(f"<script>{number}</script>") for number in range(2)]
    honest = v4.new_markdown_cell("a <b>b</b>")
    said = "shown as typed, because it holds what could run in a browser"
    assert intake.harmless(v4.new_notebook(cells=[honest])) == []
    assert intake.harmless(v4.new_notebook(cells=[honest, answer])) == [f"why: {said}"]
    answer.source = "<script>1</script>"
    assert intake.harmless(v4.new_notebook(cells=[answer, *added])) == [f"why, 2 texts that were added: {said}"]
