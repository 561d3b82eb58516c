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
FORMULA = re.compile(
    r"\$\$(?P<block>.+?)\$\$|\\\[(?P<display>.+?)\\\]|\\\((?P<inline>.+?)\\\)"
    r"|(?P<environment>\\begin\{(?P<name>[a-z]+\*?)\}.*?\\end\{(?P=name)\})"
    r"|(?<![\\$])\$(?!\s)(?P<tex>(?:\\.|[^$\\])+?)(?<!\s)\$(?!\d)",
    re.DOTALL,
)
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
            parts[number] = FORMULA.sub(drawn, part)
    return "".join(parts)


def drawn(found: re.Match[str]) -> str:
    """A formula as MathML, or as it was typed."""
    inner = found["inline"] or found["tex"]
    tex = entities.unescape(inner or found["block"] or found["display"] or found["environment"] or "")
    return mathml(tex, display=inner is None) or f"<code>{found.group()}</code>"


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
