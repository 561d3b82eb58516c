"""Whether a release gives a solution away.

A line of a solution leaks if it stands, whatever its blanks, anywhere in the release: in a cell, a hint, an
attachment's name, a helper file. Lines that say nothing (``return x``, ``else:``, an import) don't count, and an
author who means to show a line ends it with ``# given``.
"""

import io
import keyword
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence

from nbformat import NotebookNode

REGIONS = ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME")
MARKER = re.compile(rf"\b(BEGIN|END)\s+({'|'.join(REGIONS)})S?\b", re.IGNORECASE)
DATA = {".csv", ".gif", ".jpeg", ".jpg", ".json", ".md", ".npy", ".npz", ".pdf", ".png", ".safetensors", ".svg", ".tsv",
        ".txt", ".wav", ".webp"}  # fmt: skip
SAYS_NOTHING = re.compile(r"(import|from|global|nonlocal|def|class)\b|@")


def leaks(source: Sequence[NotebookNode], texts: Mapping[str, str]) -> list[str]:
    """What a release gives away, a sentence each.

    Args:
        source: the assignment's notebooks with their solutions.
        texts: what the release holds, by where it stands.
    """
    found = [
        f"{where} holds the marker `{hit.group(0)}`: it would show where the solution was"
        for where, text in texts.items()
        if (hit := MARKER.search(text))
    ]
    dense = {where: squeeze(text) for where, text in texts.items()}
    for line in dict.fromkeys(line for notebook in source for line in secrets(notebook)):
        places = [where for where, text in dense.items() if squeeze(line) in text]
        if places:
            found.append(f"{places[0]} shows a line of a solution: `{line.strip()}`")
    for notebook in source:
        found += [
            f"the answer cell {cell.metadata.nbgrader.grade_id!r} has an attached picture, which the release would keep"
            for cell in notebook.cells
            if solution(cell) and cell.get("attachments")
        ]
    return found


def undeclared(files: Sequence[str], source: Sequence[NotebookNode]) -> list[str]:
    """The helper files that may not be released: neither data nor named in a notebook's ``labkit.files`` metadata."""
    declared = {name for notebook in source for name in notebook.metadata.get("labkit", {}).get("files", [])}
    return [
        name
        for name in files
        if "solution" in name.lower() or not (name in declared or any(name.lower().endswith(s) for s in DATA))
    ]


def secrets(notebook: NotebookNode) -> Iterator[str]:
    """The lines that a student must not see, without those that say nothing."""
    for cell in notebook.cells:
        hidden = list(regions(cell.source))
        if solution(cell) and not hidden:
            hidden = cell.source.split("\n")
        yield from (line for line in hidden if telling(line, code=cell.cell_type == "code"))


def regions(text: str) -> Iterator[str]:
    """The lines between BEGIN and END markers."""
    inside = False
    for line in text.split("\n"):
        if marker := MARKER.search(line):
            inside = marker.group(1).upper() == "BEGIN"
        elif inside:
            yield line


def telling(line: str, *, code: bool) -> bool:
    """Whether a line of a solution says something about it."""
    if not code:
        return len(line.split()) > 3
    if line.rstrip().endswith("# given") or SAYS_NOTHING.match(line.strip()):
        return False
    return sum(bool(re.match(r"[\w\"']", word)) and not keyword.iskeyword(word) for word in tokens(line)) > 2


def tokens(line: str) -> list[str]:
    """The Python tokens of a line, without its comment."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(line.strip()).readline):
            if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER):
                found.append(token.string)
    except (tokenize.TokenError, IndentationError):
        pass  # an unfinished statement: what was read of it counts
    return found


def squeeze(text: str) -> str:
    """A text without blanks."""
    return re.sub(r"\s+", "", text)


def solution(cell: NotebookNode) -> bool:
    """Whether a cell is a student's answer."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))
