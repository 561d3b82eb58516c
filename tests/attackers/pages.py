r"""Texts, displays and drawings that try to run a script, to call another host, or to pass for a part of the page.

``js(name)`` and ``far(name)`` leave a trace that a test sees: a request for ``/ran-NAME``, or to another host.
"""

from tests.hostile_pages import PIXEL, js

XHTML = "http://www.w3.org/1999/xhtml"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">'


def far(name: str) -> str:
    """An address of another host."""
    return f"https://elsewhere.invalid/{name}"


def markdown() -> dict[str, str]:
    """Texts in Markdown by trick."""
    return {
        "odd-case": f"<ScRiPt/x>{js('odd-case')}</sCrIpT >",
        "unclosed": f"Well <img src=x onerror={js('unclosed')} ",
        "cdata": f"<![CDATA[><script>{js('cdata')}</script>]]>",
        "instruction": f'<?xml-stylesheet href="javascript:{js("instruction")}"?><?php ?>',
        "conditional": f"<!--[if true]><script>{js('conditional')}</script><![endif]-->",
        "xmp": f"<xmp><p title='</xmp><img src=x onerror={js('xmp')}>'></xmp>",
        "shadow": f'<p><template shadowrootmode="open"><img src="x" onerror="{js("shadow")}"></template></p>',
        "popover": f'<button popovertarget="p">click</button><p popover id="p" onbeforetoggle="{js("popover")}">x</p>',
        "command": f'<button commandfor="d" command="show-modal">click</button><dialog ontoggle="{js("command")}">',
        "animation": f'<p style="animation-name: k" onanimationstart="{js("animation")}">x</p>',
        "content-visible": f'<p oncontentvisibilityautostatechange="{js("visible")}" style="contain: none">x</p>',
        "math-link": f'<math><mtext href="javascript:{js("math-link")}">click</mtext></math>',
        "math-action": f'<math><maction xlink:href="javascript:{js("math-action")}">click</maction></math>',
        "link-control": f'<a href="&#1;java&#10;script:{js("link-control")}">click</a>',
        "link-data": f'<a href="data:text/html,<script>{js("link-data")}</script>">click</a>',
        "link-view": f'<a href="view-source:javascript:{js("link-view")}">click</a>',
        "link-html": f"[click](data:text/html;base64,PHNjcmlwdD4= '{js('link-html')}')",
        "link-ping": f'<a href="#" ping="{far("ping")}">click</a>',
        "reference-lines": f"[click]\n\n[click]:\n  <java\n  script:{js('reference-lines')}>",
        "autolink-case": f"<JaVaScRiPt:{js('autolink-case')}>",
        "picture-set": f'<img src="x.png" srcset="{far("srcset")} 2x">',
        "picture-source": f'<picture><source srcset="{far("source")}"><img src="x.png"></picture>',
        "picture-far": f"![look]({far('picture')}) and ![look](//elsewhere.invalid/x.png)",
        "picture-lazy": f'<img loading="lazy" src="{far("lazy")}" lowsrc="{far("lowsrc")}" dynsrc="{far("dynsrc")}">',
        "poster": f'<video poster="{far("poster")}"></video><audio src="{far("audio")}" autoplay></audio>',
        "background": f'<table background="{far("background")}"><tr><td background="{far("td")}">x</td></tr></table>',
        "image-button": f'<input type="image" src="{far("input")}">',
        "stylesheet": f'<link rel="stylesheet" href="{far("css")}"><link rel="dns-prefetch" href="{far("dns")}">',
        "style-load": f'<p style="color: red; list-style-image: url({far("list")}); cursor: url({far("cur")})">x</p>',
        "style-import": f"<style>@import url({far('import')}); .panel {{ display: none }}</style>",
        "style-escape": f'<p style="background-c\\6flor: u\\72l({far("escape")})">x</p>',
        "style-calc": '<p style="margin-top: calc(9000px/-1); color: red">x</p>',
        "style-sign": '<p style="margin-left: calc(9px+-9000px); text-indent: min(9px,-1px)">x</p>',
        "style-fixed": '<p style="position: fixed; inset: 0; z-index: 9; transform: translate(9px)">x</p>',
        "clobber": '<a id="submission_id" name="cookie">x</a><form id="body"><input name="parentNode"></form>',
        "assigned": '<p slot="x" is="y" part="z" contenteditable="true" tabindex="1" accesskey="s">x</p>',
        "button-role": f'<span role="button" data-toggle="collapse" data-target="{js("button-role")}">click</span>',
        "formula-class": r"$\require{html}\class{panel}{\cssId{toc}{\style{position:fixed}{x}}}$",
        "formula-url": rf"$\url{{javascript:{js('formula-url')}}}$ and $\unicode{{x3c}}\text{{<script>}}$",
        "formula-entity": f"$\\text{{&lt;img src=x onerror={js('formula-entity')}&gt;}}$",
        "formula-macro": r"$\def\a{\a\a}\a$ and $\newcommand{\b}{\b\b}\b$",
        "mermaid-click": f'```mermaid\ngraph TD; A-->B; click A "javascript:{js("mermaid-click")}"\n```',
        "fence-words": f'``` {{.python onload="{js("fence-words")}"}}\ncode\n```',
        "table-cell": f"| <svg/onload={js('table-cell')}> |\n|---|\n| x |",
        "footnote": f"[^1]\n\n[^1]: <img/src=x/onerror={js('footnote')}>",
        "half-entity": f"<img src=x onerror&equals;&quot;{js('half-entity')}&quot;>",
        "direction": f"‮<script>{js('direction')}</script>‬",
    }  # fmt: skip


def displays() -> dict[str, tuple[dict[str, object], dict[str, object]]]:
    """Data and metadata of displays by trick."""
    drawn = {
        "svg-animate": f'<a><animate attributeName="href" values="javascript:{js("svg-animate")}"/></a>',
        "svg-set": f'<rect><set attributeName="onclick" to="{js("svg-set")}"/></rect>',
        "svg-foreign": f'<foreignObject><body xmlns="{XHTML}" onload="{js("svg-foreign")}"/></foreignObject>',
        "svg-handler": f'<image href="x" onerror="{js("svg-handler")}"/>',
        "svg-use": f'<use href="data:image/svg+xml,&lt;svg id=x onload={js("svg-use")}&gt;#x"/>',
        "svg-link": f'<a xlink:href="java&#115;cript:{js("svg-link")}"><text>click</text></a>',
        "svg-load": f'<image href="{far("svg")}"/><feImage href="{far("fe")}"/><rect fill="url({far("fill")}#a)"/>',
        "svg-style": f"<style>@import '{far('svg-import')}'; rect {{ fill: url({far('svg-fill')}) }}</style>",
        "svg-namespace": f'<x:script xmlns:x="http://www.w3.org/2000/svg">{js("svg-namespace")}</x:script>',
        "svg-html": f'<h:img xmlns:h="{XHTML}" src="x" onerror="{js("svg-html")}"/>',
        "svg-bomb": "".join(f'<g id="g{i + 1}">' + f'<use href="#g{i}"/>' * 9 + "</g>" for i in range(9)),
        "svg-deep": "<g>" * 3000 + "</g>" * 3000,
    }  # fmt: skip
    found: dict[str, tuple[dict[str, object], dict[str, object]]] = {
        name: ({"image/svg+xml": f"{SVG}{inside}</svg>"}, {}) for name, inside in drawn.items()
    }
    return found | {
        "svg-entity": ({"image/svg+xml": f'<!DOCTYPE svg [<!ENTITY e "{js("entity")}">]>{SVG}&e;</svg>'}, {}),
        "svg-no-svg": ({"image/svg+xml": f"<html><script>{js('svg-no-svg')}</script><svg/></html>"}, {}),
        "kind-case": ({"TEXT/HTML": f"<script>{js('kind-case')}</script>", "text/html ": f"<script>{js('kind')}"}, {}),
        "kind-list": ({"text/html": ["<scr", f"ipt>{js('kind-list')}</scr", "ipt>"]}, {}),
        "kind-breakout": ({f'text/html"><script>{js("kind-breakout")}</script>': "x", "text/plain": "x"}, {}),
        "vega": ({"application/vnd.vegalite.v5+json": {"data": {"url": far("vega")}}, "text/plain": "vega"}, {}),
        "plotly": ({"application/vnd.plotly.v1+json": {"title": f"<img src=x onerror={js('plotly')}>"}}, {}),
        "pdf-link": ({"application/pdf": f"javascript:{js('pdf-link')}", "text/plain": "pdf"}, {}),
        "png-lines": ({"image/png": PIXEL + f'"\nonerror="{js("png-lines")}'}, {}),
        "png-size": ({"image/png": PIXEL}, {"image/png": {"width": "1px;position:fixed", "height": 10**9}}),
        "markdown-link": ({"text/markdown": f"[click](javascript:{js('markdown-link')})"}, {}),
        "latex-close": ({"text/latex": f"$x$</script></div><img src=x onerror={js('latex-close')}>"}, {}),
        "ansi-link": ({"text/plain": f"\x1b]8;;javascript:{js('ansi-link')}\x1b\\click\x1b]8;;\x1b\\"}, {}),
        "ansi-colour": ({"text/plain": f"\x1b[38;2;1;2;3\"onload=\"{js('ansi-colour')}mx\x1b[0m"}, {}),
        "cover": ({"text/html": '<div style="height: 0; opacity: 0.9"><div style="background-color: red; width: 3000px;'
                                ' height: 3000px">All right: 17 of 17 points</div></div>'}, {}),
    }  # fmt: skip


ENDLESS = {
    "formulas that begin": ("text/html", "<p>" + r"\(" * 200_000 + "</p>"),
    "environments that begin": ("text/html", "<p>" + r"\begin{a}" * 100_000 + "</p>"),
    "letters of many sizes": ("text/html", "".join(f"<font size={i}>" for i in range(60_000))),
    "letters in each paragraph": ("text/html", "".join(f"<i title={i}>" for i in range(400)) + "<p>x" * 60_000),
    "boxes in boxes": ("text/html", "<div>" * 200_000),
    "attributes without end": ("text/html", "<p " + " ".join(f"a{i}" for i in range(150_000)) + ">"),
    "comments that begin": ("text/markdown", "<!--" * 200_000),
    "Markdown that begins": ("text/markdown", r"\begin{a}" * 100_000 + "](x)"),
    "brackets that begin": ("text/markdown", "[a](" * 100_000),
}  # fmt: skip
"""Displays whose cleaning once took a time that grew with the square of their length, so that nobody was graded."""
