"""Sections of a page between marks that no reader sees: each can be written anew, and the others stay."""

import re


def flow(text: str) -> str:
    """Each paragraph on one line, whatever lines the source broke it into."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text.strip()))


def sections(text: str) -> dict[str, str]:
    """What stands between the marks of a page, by name."""
    return {m[1]: m[2].strip() for m in re.finditer(r"<!-- begin: (.+?) -->\n(.*?)<!-- end: \1 -->", text, re.S)}


def marked(name: str, body: str) -> str:
    """A section between its marks."""
    return f"<!-- begin: {name} -->\n{body.strip()}\n<!-- end: {name} -->"


def replace_section(text: str, name: str, body: str) -> str:
    """A page with another body in the section of that name.

    Raises:
        ValueError: if the page has no such section.
    """
    if name not in sections(text):
        raise ValueError(f"the page has no section {name!r}; expected the lines <!-- begin: {name} --> and end: {name}")
    between = re.escape(f"<!-- begin: {name} -->") + ".*?" + re.escape(f"<!-- end: {name} -->")
    return re.sub(between, lambda _: marked(name, body), text, flags=re.S)
