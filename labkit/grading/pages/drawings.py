"""SVG drawings as matplotlib and other plotting libraries write them, without what could run or call another host."""

import re
import xml.etree.ElementTree as ElementTree

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
LARGEST = 4 * 2**20  # characters
DRAWING = """
    circle clipPath defs desc ellipse g image line linearGradient marker mask path pattern polygon polyline
    radialGradient rect stop style svg symbol text textPath title tspan use
"""
ELEMENTS = set(DRAWING.split())
REFERENCES = ("href", f"{{{XLINK}}}href")
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
ACTIVE = re.compile(r"url\(\s*['\"]?(?!#)|@import|expression\s*\(|javascript:|\\", re.IGNORECASE)


def clean(text: str) -> str | None:
    """The drawing, rebuilt from what only draws; None if it is no SVG."""
    start = text.find("<svg")
    if start < 0 or len(text) > LARGEST or "<!ENTITY" in text:
        return None
    try:
        root = ElementTree.fromstring(text[start:])
        if root.tag not in (f"{{{SVG}}}svg", "svg"):
            return None
        strip(root)
        unfold(root)
        ElementTree.register_namespace("", SVG)
        ElementTree.register_namespace("xlink", XLINK)
        return ElementTree.tostring(root, encoding="unicode")
    except (ElementTree.ParseError, ValueError, RecursionError):  # nested deeper than any drawing is
        return None


def strip(element: ElementTree.Element) -> None:
    """Take out of an element, in place, what does more than draw."""
    for name, value in list(element.attrib.items()):
        if not harmless(name, value):
            del element.attrib[name]
    for child in list(element):
        if draws(child):
            strip(child)
        else:
            element.remove(child)


def unfold(root: ElementTree.Element) -> None:
    """Take out of a drawing, in place, each ``use`` of a part that itself uses one: ten such levels draw a part ten
    billion times, and a browser never ends."""
    parts = {part.get("id"): part for part in root.iter() if part.get("id")}
    using = {name for name, part in parts.items() if any(is_use(inner) for inner in part.iter())}
    for parent in list(root.iter()):
        for child in list(parent):
            if is_use(child) and any(child.get(name, "").removeprefix("#") in using for name in REFERENCES):
                parent.remove(child)


def is_use(element: ElementTree.Element) -> bool:
    """Whether an element draws another part of the drawing again."""
    return element.tag.rpartition("}")[2] == "use"


def draws(element: ElementTree.Element) -> bool:
    """Whether an element is one that only draws."""
    if not isinstance(element.tag, str):  # a comment
        return False
    namespace, _, tag = element.tag.rpartition("}")
    styled = tag != "style" or not ACTIVE.search(element.text or "")
    return tag in ELEMENTS and namespace in ("", f"{{{SVG}") and styled


def harmless(name: str, value: str) -> bool:
    """Whether an attribute only draws: references stay within the drawing, or are pictures that stand in it."""
    if name in REFERENCES:
        return value.startswith("#") or bool(PICTURE.fullmatch(value))
    return not name.rpartition("}")[2].lower().startswith("on") and not ACTIVE.search(value)
