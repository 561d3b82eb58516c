"""What a student may put into a notebook so that it runs in the browser of whoever opens it: one marker a trick.

``js(name)`` is what each tries to run: it asks the page's own server for ``/ran-NAME``, which a test can see.
"""

import base64
import json

from nbformat import NotebookNode, from_dict, v4

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><circle cx="20" cy="20" r="9"/></svg>'


def js(name: str) -> str:
    """A script that leaves a trace, without quotes of either kind."""
    return f"void((new(Image)).src=`/ran-{name}`)"


def quoted(text: str) -> str:
    """A text as it stands in an attribute."""
    return text.replace('"', "&quot;")


def single(text: str) -> str:
    """A text with the other kind of quotes."""
    return text.replace('"', "'")


def markdown() -> dict[str, str]:
    """Texts in Markdown by trick."""

    def image(name: str) -> str:
        return f'<img src="x" onerror="{js(name)}">'

    return {
        "script": f"Well.\n\n<script>{js('script')}</script>",
        "inline-script": f"Well <script>{js('inline-script')}</script> then.",
        "handler": f"Look {image('handler')}",
        "svg-handler": f'<svg onload="{js("svg-handler")}"></svg>',
        "svg-script": f"<svg><script>{js('svg-script')}</script></svg>",
        "frame": f'<iframe srcdoc="<script>{js("frame")}</script>"></iframe>',
        "frame-address": f'<iframe src="javascript:{js("frame-address")}"></iframe>',
        "details": f'<details open ontoggle="{js("details")}">x</details>',
        "video": f'<video><source onerror="{js("video")}"></video>',
        "focus": f'<input autofocus onfocus="{js("focus")}">',
        "link": f"[click](<javascript:{js('link')}>)",
        "link-entities": f'<a href="java&#115;cript:{js("link-entities")}">click</a>',
        "link-tab": f'<a href="java\tscript:{js("link-tab")}">click</a>',
        "link-reference": f"[click][1]\n\n[1]: <javascript:{js('link-reference')}>",
        "autolink": f"<javascript:{js('autolink')}>",
        "form": f'<form action="javascript:{js("form")}"><button>click</button></form>',
        "formula-link": rf"$\href{{javascript:{js('formula-link')}}}{{click}}$",
        "formula-text": rf"$\text{{<img src=x onerror={js('formula-text')}>}}$",
        "formula-config": f'<script type="text/x-mathjax-config">{js("formula-config")}</script>',
        "formula-environment": rf"\begin{{equation}}\text{{{image('formula-environment')}}}\end{{equation}}",
        "picture-title": f"![a](b.png 'c\" onerror=\"{js('picture-title')}')",
        "picture-words": f'![a" onerror="{js("picture-words")}](b.png)',
        "tooltip": f'<a href="#" data-toggle="tooltip" data-html="true" title="{quoted(image("tooltip"))}">click</a>',
        "fence": f"```<img/src=x/onerror={js('fence')}>\ncode\n```",
        "mermaid": f"```mermaid\n{image('mermaid')}\n```",
        "heading": f"# {image('heading')}",
        "comment": f"<!--><img src=x onerror=\"{js('comment')}\">-->",
        "mutation": "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror="
        + js("mutation") + '&gt;">',
        "mutation-noscript": f'<noscript><p title="</noscript>{single(image("mutation-noscript"))}"></noscript>',
        "mutation-svg": f'<svg></p><style><a id="</style>{single(image("mutation-svg"))}">',
        "object": f'<object data="javascript:{js("object")}"></object>',
        "embed": f'<embed src="javascript:{js("embed")}">',
        "base": '<base href="javascript:/a/-"><a href="#">click</a>',
        "table": f"| a |\n|---|\n| {image('table')} |",
        "settings": '<img src="/ran-settings?path=submitted/eve">',
        "refresh": f'<meta http-equiv="refresh" content="0;url=javascript:{js("refresh")}">',
        "full-credit": '<span class="full-credit mark-graded">click</span>',
    }  # fmt: skip


def displays() -> dict[str, tuple[dict[str, object], dict[str, object]]]:
    """Data and metadata of displays by trick."""

    def image(name: str) -> str:
        return f'<img src="x" onerror="{js(name)}">'

    made: dict[str, tuple[dict[str, object], dict[str, object]]] = {
        "html-script": ({"text/html": f"<b>b</b><script>{js('html-script')}</script>"}, {}),
        "html-handler": ({"text/html": image("html-handler")}, {}),
        "html-link": ({"text/html": f'<a href="javascript:{js("html-link")}">click</a>'}, {}),
        "html-isolated": ({"text/html": f"<script>{js('html-isolated')}</script>"}, {"text/html": {"isolated": True}}),
        "html-style": ({"text/html": f'<style onload="{js("html-style")}"></style>'}, {}),
        "markdown-script": ({"text/markdown": f"<script>{js('markdown-script')}</script>"}, {}),
        "markdown-handler": ({"text/markdown": image("markdown-handler")}, {}),
        "javascript": ({"application/javascript": js("javascript")}, {}),
        "latex": ({"text/latex": rf"$\href{{javascript:{js('latex')}}}{{click}}$"}, {}),
        "latex-script": ({"text/latex": f"$x$</div><script>{js('latex-script')}</script>"}, {}),
        "svg": ({"image/svg+xml": DRAWING.replace("<circle", f'<script>{js("svg")}</script><circle')}, {}),
        "png-breakout": ({"image/png": f'x" onerror="{js("png-breakout")}'}, {}),
        "jpeg-breakout": ({"image/jpeg": f'x" onerror="{js("jpeg-breakout")}'}, {}),
        "png-width": ({"image/png": PIXEL}, {"image/png": {"width": f'1 onload={js("png-width")} x="'}}),
        "mermaid-html": ({"text/vnd.mermaid": image("mermaid-html")}, {}),
        "widget": ({"application/vnd.jupyter.widget-view+json": {"model_id": "</script>" + image("widget"),
                                                                 "version_major": 2}}, {}),
        "json": ({"application/json": {"a": image("json")}, "text/plain": "json"}, {}),
        "custom": ({"application/x-custom+html": image("custom"), "text/plain": "custom"}, {}),
        "pdf": ({"application/pdf": base64.b64encode(b"%PDF-1.4").decode(), "text/plain": "pdf"}, {}),
        "plain": ({"text/plain": image("plain")}, {}),
        "ansi": ({"text/plain": "\x1b[31m" + image("ansi") + "\x1b[<m"}, {}),
    }  # fmt: skip
    return made


def texts() -> list[NotebookNode]:
    """Outputs of text: a stream, an error."""
    picture = f'<img src="x" onerror="{js("stream")}">'
    return [
        v4.new_output("stream", text=picture + "\x1b[1m<script>" + js("stream-script") + "</script>"),
        v4.new_output("stream", name="stderr", text=picture),
        v4.new_output("error", ename=picture, evalue=picture, traceback=["\x1b[0;31m" + picture, picture]),
    ]


def notebook() -> NotebookNode:
    """A notebook with every trick, as plain nbgrader would leave it: outputs, attachments, metadata and all."""
    made = v4.new_notebook()
    state = {"state": {"a": f"</script><script>{js('state')}</script>"}}
    made.metadata = from_dict(
        {
            "kernelspec": {"display_name": "<script>", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "title": f"</title><script>{js('title')}</script>",
            "authors": [{"name": f"<script>{js('author')}</script>"}],
            "widgets": {"application/vnd.jupyter.widget-state+json": state},
        }
    )  # fmt: skip
    for name, text in markdown().items():
        cell = v4.new_markdown_cell(text)
        cell.metadata["tags"] = [f'"><script>{js("tag")}</script>']
        made.cells.append(cell)
        made.cells.append(v4.new_raw_cell(text.replace(name, f"raw-{name}")))
    pasted = v4.new_markdown_cell("![pasted](attachment:a.png) ![gone](attachment:gone.png)")
    pasted["attachments"] = {"a.png": {f'image/png" onerror="{js("attachment")}': "x"}}
    made.cells.append(pasted)
    for data, metadata in displays().values():
        made.cells.append(v4.new_code_cell("show()", outputs=[v4.new_output("display_data", data, metadata=metadata)]))
    made.cells.append(v4.new_code_cell("print('</textarea><script>')", outputs=texts()))
    named = {"grade": True, "solution": True, "locked": False, "task": False, "points": 1, "schema_version": 3}
    made.cells[-1].metadata["nbgrader"] = {**named, "grade_id": f'"><img src="x" onerror="{js("name")}">'}
    return made


def shown() -> NotebookNode:
    """An honest notebook whose pictures, tables, formulas and colours a page must show."""
    made = v4.new_notebook()
    answer = v4.new_markdown_cell(
        "**Because** $x < 1$ and\n\n$$\\frac{a}{b}$$\n\n| n | m |\n|---|---|\n| 1 | 2 |\n\n"
        "![pasted](attachment:a.png)\n\n<details><summary>more</summary>folded</details>\n\n"
        "A [paper](https://arxiv.org/abs/1412.6572), `a < b`, <kbd>Ctrl</kbd>\n\n```python\nif a < b: pass\n```"
    )
    answer["attachments"] = {"a.png": {"image/png": PIXEL}}
    table = (
        '<table border="1" class="dataframe"><tr><td style="text-align: right; color: #0a7d33">1.5</td></tr></table>'
    )
    datas = [
        {"image/png": PIXEL},
        {"image/svg+xml": DRAWING},
        {"text/html": table},
        {"text/latex": r"$\displaystyle \int_0^1 x\,dx$"},
        {"text/markdown": "**bold** and $y^2$"},
        {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/html": "<p>static view</p>"},
        {"text/plain": "\x1b[31mred\x1b[0m plain"},
    ]
    cells = [v4.new_code_cell("show()", outputs=[v4.new_output("display_data", data)]) for data in datas]
    made.cells = [answer, *cells]
    return made


def displaying() -> str:
    """Code that displays every trick from a student's process."""
    cases = json.dumps(list(displays().values()))
    return (
        "from IPython.display import display\nimport json, sys\n"
        f"for data, metadata in json.loads({cases!r}):\n    display(data, metadata=metadata, raw=True)\n"
        f"print({texts()[0].text!r})\nprint({texts()[0].text!r}, file=sys.stderr)"
    )
