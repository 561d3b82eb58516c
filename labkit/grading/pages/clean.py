"""What a student hands in, made harmless: nothing of it runs, calls another host, or passes for a part of the page.

A page that shows a submission is read by an instructor who may change every mark, so HTML is kept only as far as it
formats text: no script, handler, form, frame, style sheet, class, id or ``data-`` attribute; links lead to other
sites, pictures stand in the page itself or beside the notebook. The work is done by nh3, which parses as a browser
does; what is decided here is what is kept.
"""

import base64
import binascii
import functools
import html as entities
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import nh3
from pygments.token import STANDARD_TYPES

from labkit.grading.pages import drawings

BLOCKS = """
    blockquote caption center col colgroup dd details div dl dt figcaption figure h1 h2 h3 h4 h5 h6 hr li ol p pre
    summary table tbody td tfoot th thead tr ul
"""
WORDS = "a abbr b br cite code del em font i img ins kbd mark q s samp small span strike strong sub sup tt u var"
KEPT = {*BLOCKS.split(), *WORDS.split()}
WITH_CONTENT = """
    applet audio canvas embed form iframe math noembed noframes noscript object plaintext script select style svg
    template textarea title video xmp
"""
GONE = set(WITH_CONTENT.split())
ATTRIBUTES = {
    "*": {"align", "dir", "lang", "role", "style", "title", "valign"},
    "a": {"href"},
    "col": {"span"},
    "colgroup": {"span"},
    "details": {"open"},
    "font": {"color", "face", "size"},
    "img": {"alt", "height", "src", "width"},
    "li": {"value"},
    "ol": {"reversed", "start", "type"},
    "table": {"border", "cellpadding", "cellspacing", "width"},
    "td": {"colspan", "headers", "rowspan", "width"},
    "th": {"colspan", "headers", "rowspan", "scope", "width"},
}
SHADES = {name for name in STANDARD_TYPES.values() if name}  # the classes of highlighted code
PALETTE = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
COLOURS = {f"ansi-{name}{kind}-{side}" for name in PALETTE for kind in ("", "-intense") for side in ("fg", "bg")}
CLASSES = {
    "code": {"hljs"},
    "div": {"highlight", "hl-ipython3", "codehilite"},
    "pre": {"mermaid"},
    "span": SHADES | COLOURS | {"ansi-bold", "ansi-underline", "ansi-default-inverse-fg", "ansi-default-inverse-bg"},
    "table": {"dataframe"},
}
STYLES = re.compile(
    r"(background-color|border(-(top|right|bottom|left|collapse|spacing|width|style|color|radius))?|caption-side|color"
    r"|display|empty-cells|float|font(-(family|size|style|variant|weight))?|gap|grid-template-columns|height"
    r"|justify-content|letter-spacing|line-height|margin(-(top|right|bottom|left))?|max-(width|height)"
    r"|min-(width|height)|opacity|overflow(-[xy])?|padding(-(top|right|bottom|left))?|text-(align|decoration|indent"
    r"|transform)|vertical-align|white-space|width|word-break)"
)
# Colours and grids are made by functions; `calc` and its like would make a length negative in ways without end.
FUNCTIONS = r"(?!.*(?<!rgb)(?<!rgba)(?<!hsl)(?<!hsla)(?<!repeat)(?<!minmax)\s*\()"
NEGATIVE = r"(?!.*-\s*[\d.(])"
VALUE = re.compile(FUNCTIONS + NEGATIVE + r"[\w\s.,%#()\"'!/+-]{1,200}", re.IGNORECASE)
LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
BESIDE = re.compile(r"(?!.*\.\.)(?![/.])([\w ./-]|%20)+\.(png|jpe?g|gif|webp|svg)", re.IGNORECASE)
EMBEDDED = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]+")
RASTER = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
SVG = "image/svg+xml"
IMPLIED = {"tbody", "tr", "colgroup", "p"}  # which a browser adds where they are left out
# What makes work that grows with the square of a text, or pages that are many times its length: elements that are
# open at one time, those that a browser opens again in every paragraph, the attributes of one.
START = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)([^>]*)")
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
EMPTY = "area base br col embed hr img input link meta param source track wbr"
ENDED = "colgroup dd dt li option p tbody td tfoot th thead tr"  # by the next of their kind
PASSED = {*EMPTY.split(), *ENDED.split()}
FORMATTING = "a b big code em font i nobr s small strike strong tt u"
AGAIN = {*FORMATTING.split()}
MOST_OPEN, MOST_AGAIN, MOST_ATTRIBUTES = 500, 30, 200
TEXTS = {"text/plain", "text/latex"}

AS_TYPED = "shown as typed, because it holds what could run in a browser"


def html(text: str) -> str:
    """HTML of which the formatting is kept and nothing else; what no program writes is shown as it was typed."""
    if knotted(text):
        return f"<pre>{entities.escape(text)}</pre>"
    return nh3.clean(
        text,
        tags=KEPT,
        clean_content_tags=GONE,
        attributes=ATTRIBUTES,
        attribute_filter=attribute,
        allowed_classes=CLASSES,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer nofollow",
    )


def knotted(text: str) -> bool:
    """Whether HTML leaves more elements open, or gives one more attributes, than a program that writes it does."""
    open_now: Counter[str] = Counter()
    total = again = 0
    for found in START.finditer(text):
        rest, name = found[3], found[2].lower()
        if len(rest) > 2 * MOST_ATTRIBUTES and len(QUOTED.sub("", rest).split()) > MOST_ATTRIBUTES:
            return True
        if name in PASSED:
            continue
        step = -1 if found[1] else 1
        if step < 0 and not open_now[name]:
            continue
        open_now[name] += step
        total += step
        again += step if name in AGAIN else 0
        if total > MOST_OPEN or again > MOST_AGAIN:
            return True
    return False


def attribute(tag: str, name: str, value: str) -> str | None:
    """An attribute's value as it may stay, or None."""
    if name == "style":
        return "; ".join(kept for part in value.split(";") if (kept := declaration(part))) or None
    if name == "href":
        return value if LINK.match(value.strip()) else None
    if name == "src":
        return value if source(value) else None
    return value


def declaration(text: str) -> str:
    """One ``property: value`` of a style, if it can't move what it styles out of its place or load a file."""
    name, colon, value = (part.strip() for part in text.partition(":"))
    return f"{name}: {value}" if colon and STYLES.fullmatch(name.lower()) and VALUE.fullmatch(value) else ""


def source(value: str) -> bool:
    """Whether a picture may come from there: the page itself, or the folder of the notebook."""
    return bool(EMBEDDED.fullmatch(value.strip()) or BESIDE.fullmatch(value))


class Marks(HTMLParser):
    """The tags of a piece of HTML with their attributes, to see whether a cleaning took something away."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.marks: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        marks = [(name, (value or "").strip()) for name, value in attrs if name not in ("rel", "id", "class", "style")]
        self.marks.append((tag, tuple(sorted(mark for mark in marks if not address(*mark)))))

    def handle_comment(self, data: str) -> None:
        """A comment is no mark, and does nothing."""

    def handle_decl(self, decl: str) -> None:
        """A declaration has no place in a text."""
        self.marks.append(("!", ()))

    def handle_pi(self, data: str) -> None:
        """Nor has an instruction for a program."""
        self.handle_decl(data)

    def unknown_decl(self, data: str) -> None:
        """Nor has any other declaration."""
        self.handle_decl(data)


def address(name: str, value: str) -> bool:
    """Whether an attribute is the address of a page or a picture, which runs nothing, whether it is kept or not."""
    return name in ("href", "src") and not re.match(r"[^/?#]*:", re.sub(r"[\x00-\x20]|https?:|mailto:", "", value))


def alters(text: str) -> bool:
    """Whether ``html`` takes a tag or an attribute away that does more than name or style something."""
    try:
        before, after = Counter(Marks(text).marks), Counter(Marks(html(text)).marks)
    except (AssertionError, ValueError):  # markup that Python's parser gives up on
        return True
    return bool(before - after) or any(tag not in IMPLIED for tag, _ in after - before)


Render = Callable[[str], str | None]
"""How pages make HTML of Markdown; None of a text that would take too long."""


def markdown(text: str, render: Render) -> str:
    """A text in Markdown, which stays as it is unless it holds HTML that could run; then it is shown as it was typed.

    Args:
        render: how pages make HTML of it.
    """
    rendered = None if "\x00" in text else render(text)
    return fenced(text) if rendered is None or alters(rendered) else text


def fenced(text: str) -> str:
    """A text as a block of code in Markdown."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def picture(kind: str, value: object) -> str | None:
    """A picture in base64 that is one of its kind, or None."""
    if not isinstance(value, str):
        return None
    if kind == SVG:
        return drawings.clean(value)
    try:
        data = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if data.startswith(RASTER.get(kind, ())) else None


def attachments(given: object) -> dict[str, dict[str, str]]:
    """The pictures that were pasted into a text: by a plain name, one kind each."""
    kept: dict[str, dict[str, str]] = {}
    for name, bundle in given.items() if isinstance(given, dict) else ():
        if isinstance(bundle, dict) and isinstance(name, str) and not re.search(r"[<>\"'&\\\x00-\x1f]", name):
            good = {kind: value for kind, value in bundle.items() if kind in RASTER and picture(kind, value)}
            if good:
                kept[name] = good
    return kept


def outputs(given: list[dict[str, Any]], render: Render) -> list[dict[str, Any]]:
    """A cell's outputs of which nothing runs, wherever they are shown."""
    return [output(one, render) for one in given]


def output(given: dict[str, Any], render: Render) -> dict[str, Any]:
    """One output: a display keeps what shows without running; text stays text."""
    if given.get("output_type") not in ("display_data", "execute_result"):
        return given
    data = {}
    for kind, value in given.get("data", {}).items():
        shown = content(kind, value, render)
        if shown is not None:
            data[kind] = shown
    sizes = {kind: kept for kind, about in given.get("metadata", {}).items() if kind in data and (kept := size(about))}
    return {**given, "data": data, "metadata": sizes}


def content(kind: str, value: Any, render: Render) -> Any:
    """What a page may show of one kind of data in a display; None of a kind that only a program could show."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if kind in RASTER or kind == SVG:
        return picture(kind, value)
    if not isinstance(value, str):
        return None
    if kind == "text/html":
        return html(value)
    if kind == "text/markdown":
        return markdown(value, render)
    return value if kind in TEXTS else None


def size(about: object) -> dict[str, float]:
    """The width and height that a picture's metadata gives it."""
    if not isinstance(about, dict):
        return {}
    return {k: v for k, v in about.items() if k in ("width", "height") and type(v) in (int, float) and 0 < v < 1e4}


def name(text: object) -> str:
    """A person's or a file's name without the characters that mean something in HTML, in a script or on a terminal."""
    return "".join(c for c in str(text or "") if c.isprintable() and c not in '<>&"`\\').strip()


@functools.cache
def escaped(text: str) -> str:
    """A text as HTML shows it."""
    return entities.escape(text)
