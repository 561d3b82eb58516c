"""Numbers in a lecture's text, bound to its run.

A number is followed by a comment that no reader sees::

    The digits lost 0.43 <!--= float(moved.mean()): 0.43 ± 0.05 --> of their accuracy.

Left of the colon stands where the number comes from. It is a Python expression, computed where the text stands, after
all cells above it; or a text in quotes, after which the nearest cell above printed the number (… in it stands for
anything). ``<!--=below`` means the next cell below instead. Right of the colon stand the number as the text has it, and
by how much a run may differ. Where the text has a %, the expression gives a percentage too.
"""

import re
from dataclasses import dataclass

import nbformat

CLAIM = re.compile(r"<!--=(below)?\s+(.+?)\s*:\s*([-−+]?[\d,.]+)\s*±\s*([\d.]+)\s*-->", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
NUMBER = re.compile(r"[-−+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
VALUES = re.compile(r"nan|-?inf|-?\d[\d.]*(?:e[-+]?\d+)?")
QUOTED = re.compile(r"(['\"])(.+)\1", re.DOTALL)
TAG = "claims"


@dataclass(frozen=True)
class Claim:
    """One bound number: of which cell, from where, as it is written, and by how much a run may differ."""

    cell: str
    source: str
    written: str
    spread: float
    below: bool

    @property
    def printed_after(self) -> str:
        """The printed text after which the number stands; empty if it comes from an expression."""
        quoted = QUOTED.fullmatch(self.source)
        return quoted[2] if quoted else ""

    def broken(self, measured: float) -> str:
        """What is wrong with it, if something is."""
        if abs(measured - number(self.written)) <= self.spread + 1e-12:
            return ""
        return f"{self.cell}: the text says {self.written} ± {self.spread:g} for {self.source}, the run {measured:.6g}"


def number(text):
    """A number as a text has it, with a true minus and commas between thousands."""
    return float(text.replace("−", "-").replace(",", ""))


def claims(cell):
    """The bound numbers of a Markdown cell.

    Raises:
        ValueError: if a comment isn't written as one should be, or the text doesn't hold its number.
    """
    found = [
        Claim(cell.id, source, written, float(spread), bool(below))
        for below, source, written, spread in CLAIM.findall(cell.source)
    ]
    if len(found) != cell.source.count("<!--="):
        raise ValueError(f"{cell.id}: a bound number reads <!--= expression: number ± spread -->")
    visible = set(NUMBER.findall(COMMENT.sub("", cell.source)))
    for claim in found:
        if not {claim.written, claim.written.lstrip("+")} & visible:
            raise ValueError(f"{cell.id}: the text does not hold the number {claim.written} that is bound in it")
    return found


def of(notebook):
    """The bound numbers of a notebook with the positions of their cells."""
    texts = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"]
    return [(i, claim) for i, cell in texts for claim in claims(cell)]


def place(notebook, position, claim):
    """The position of the code cell whose run decides about a claim."""
    steps = range(position + 1, len(notebook.cells)) if claim.below else range(position - 1, -1, -1)
    for i in steps:
        if notebook.cells[i].cell_type == "code" and TAG not in notebook.cells[i].metadata:
            return i
    raise ValueError(f"{claim.cell}: there is no cell {'below' if claim.below else 'above'} for {claim.source}")


def bind(notebook):
    """Add a cell after each whose numbers are bound by expressions; to be called before the notebook is run."""
    asked = {}
    for position, claim in of(notebook):
        if not claim.printed_after:
            asked.setdefault(place(notebook, position, claim), []).append(claim)
    for position in sorted(asked, reverse=True):
        values = ", ".join(f"float({claim.source})" for claim in asked[position])
        cell = nbformat.v4.new_code_cell(f"print([{values}])")
        cell.metadata[TAG] = True
        notebook.cells.insert(position + 1, cell)


def broken(notebook):
    """Of a notebook that was bound and run, what its text claims and the run does not give: a sentence each."""
    sentences, expected = [], {}
    for position, claim in of(notebook):
        cell = place(notebook, position, claim)
        if claim.printed_after:
            measured = printed(notebook.cells[cell], claim)
        else:
            expected.setdefault(cell, []).append(claim)
            values = printed_text(notebook.cells[cell + 1])
            measured = [float(value) for value in VALUES.findall(values)][len(expected[cell]) - 1]
        sentences.append(claim.broken(measured))
    return [sentence for sentence in sentences if sentence]


def printed_text(cell):
    """What a cell printed."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def printed(cell, claim):
    """The number that a cell printed after the claim's text."""
    text = " ".join(printed_text(cell).split())
    parts = (re.escape(" ".join(part.split())) for part in claim.printed_after.split("…"))
    there = re.search(".*?".join(parts), text)
    found = NUMBER.search(text, there.end()) if there else None
    if not found:
        raise ValueError(f"{claim.cell}: the cell printed no number after {claim.printed_after!r}: {text[:300]!r}")
    return number(found[0])
