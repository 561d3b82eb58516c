r"""Formulas without a script: TeX in a page becomes MathML, which browsers draw themselves, with or without a network.

``typeset`` takes what ``clean.html`` gave and replaces ``$…$``, ``$$…$$``, ``\(…\)``, ``\[…\]`` and
``\begin{…}…\end{…}`` outside of code. A formula that can't be read is shown as it was typed.
"""

import functools
import html as entities
import re
import xml.etree.ElementTree as ElementTree

from latex2mathml import converter

CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2, "msubsup": 3, "munderover": 3}
LONGEST = 5000  # characters of a formula
TAG = re.compile(r'(<(?:[^">]|"[^"]*")*>)')  # as nh3 writes them: values in double quotes, no < in a text
VERBATIM = {"pre", "code", "kbd", "samp"}
OPENING = re.compile(r"\$\$|\\\[|\\\(|\\begin\{[a-z]+\*?\}|(?<![\\$])\$(?!\s)")
CLOSING = {"$$": "$$", "\\[": "\\]", "\\(": "\\)"}
INLINE = re.compile(r"\$(?P<tex>(?:\\.|[^$\\]){1,5000}?)(?<!\s)\$(?!\d)", re.DOTALL)
MATHML = """
    math menclose merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt
    mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none
"""
ELEMENTS = set(MATHML.split())
LAYOUT = """
    accent accentunder columnalign columnlines columnspacing depth display displaystyle fence form height linethickness
    lspace mathvariant maxsize minsize movablelimits notation rowlines rowspacing rspace scriptlevel separator stretchy
    symmetric voffset width
"""
ATTRIBUTES = set(LAYOUT.split())
# What latex2mathml does not know, in words that it does.
ALIGNED = re.compile(r"\\(begin|end)\{(aligned|alignedat|split|eqnarray\*?|gathered|gather\*?|multline\*?|align)\}")
REWRITTEN = (
    (ALIGNED, r"\\\1{align*}"),
    (re.compile(r"\\(begin|end)\{equation\*?\}"), ""),
    (re.compile(r"\\operatorname\*?"), r"\\mathrm"),
    (re.compile(r"\\(arg|injlim|projlim|varlimsup|varliminf)\b"), r"\\mathrm{\1}"),
    (re.compile(r"\\(nonumber|notag|limits|nolimits|allowbreak)\b"), ""),
    (re.compile(r"\\label\{[^{}]*\}"), ""),
    (re.compile(r"\\(tag)\*?\{([^{}]*)\}"), r"\\qquad\\text{(\2)}"),
)


def typeset(page: str) -> str:
    """Cleaned HTML with its formulas drawn."""
    if "$" not in page and "\\" not in page:
        return page
    parts, verbatim = TAG.split(page), 0
    for number, part in enumerate(parts):
        if number % 2:
            tag = part.strip("</>").split(maxsplit=1)[0].lower() if part.strip("</>") else ""
            if tag in VERBATIM:
                verbatim += -1 if part.startswith("</") else 1
        elif not verbatim and ("$" in part or "\\" in part):
            parts[number] = in_text(part)
    return "".join(parts)


def in_text(text: str) -> str:
    """A text with its formulas drawn. Each opening is looked at once, and no further than a formula is long."""
    made, done, at = [], 0, 0
    ends: dict[str, int] = {}
    while opening := OPENING.search(text, at):
        at = opening.start() + 1
        if found := formula(text, opening, ends):
            end, tex, display = found
            made += [text[done : opening.start()], drawn(text[opening.start() : end], tex, display)]
            done = at = end
    return "".join([*made, text[done:]])


def formula(text: str, opening: re.Match[str], ends: dict[str, int]) -> tuple[int, str, bool] | None:
    """The formula that begins there: its end, its TeX, and whether it stands by itself; None if there is none.

    Args:
        ends: where the next closing of each kind was found, or -1; kept from one opening to the next.
    """
    mark, start, inside = opening.group(), opening.start(), opening.end()
    if mark == "$":
        inline = INLINE.match(text, start)
        return (inline.end(), inline["tex"], False) if inline else None
    if mark not in CLOSING:  # an environment, of which the words that begin and end it are a part
        closing = mark.replace("begin", "end")
        end = text.find(closing, inside, inside + LONGEST) + len(closing)
        return (end, text[start:end], True) if end >= inside else None
    closing = CLOSING[mark]
    if 0 <= ends.get(closing, 0) <= inside:
        ends[closing] = text.find(closing, inside + 1)
    at = ends[closing]
    return (at + len(closing), text[inside:at], mark != "\\(") if 0 <= at - inside <= LONGEST else None


def drawn(typed: str, tex: str, display: bool) -> str:
    """A formula as MathML, or as it was typed."""
    return mathml(entities.unescape(tex), display=display) or f"<code>{typed}</code>"


@functools.lru_cache(maxsize=2000)
def mathml(tex: str, *, display: bool) -> str:
    """A formula in MathML; "" if it can't be read."""
    if len(tex) > LONGEST or not tex.strip():
        return ""
    for pattern, words in REWRITTEN:
        tex = pattern.sub(words, tex)
    try:
        root = converter.convert_to_element(tex, display="block" if display else "inline")
        return ElementTree.tostring(root, encoding="unicode") if tidy(root) else ""
    except Exception:  # noqa: BLE001  it raises many things, and each means that it can't read the formula
        return ""


def tidy(element: ElementTree.Element) -> bool:
    """Keep of an element, in place, what only draws; False if it was not understood whole."""
    # latex2mathml writes characters as entities and relies on nobody escaping them: here the text is text.
    element.text = entities.unescape(element.text) if element.text else element.text
    if element.tag not in ELEMENTS or (element.tag != "mtext" and re.match(r"\\[A-Za-z]|&$", element.text or "")):
        return False
    if len(element) != CHILDREN.get(element.tag, len(element)):
        return False
    for name in list(element.attrib):
        if name not in ATTRIBUTES and name != "xmlns" and not colour(name, element.attrib[name]):
            del element.attrib[name]
    return all([tidy(child) for child in element])


def colour(name: str, value: str) -> bool:
    """Whether an attribute is a colour."""
    return name in ("mathcolor", "mathbackground") and bool(re.fullmatch(r"#?\w{1,30}", value))
