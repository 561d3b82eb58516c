"""How a verdict looks: one line of HTML in the notebook; for a failure a few coloured lines."""

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from labkit.checks.protocol import Report, Wrong

# Each mark brings its own ground, so that it is as easy to read on a dark page as on a light one: white on red, black
# on amber.
RED, AMBER, BOLD, END = "\x1b[1;38;5;231;48;5;160m", "\x1b[1;38;5;16;48;5;214m", "\x1b[1m", "\x1b[0m"
GREEN = "background-color:#0a7d33;color:#ffffff;font-weight:600"
WIDTH = 100  # characters: JupyterLab breaks longer lines in the middle of a word

HEADS = {
    "wrong": (RED, "✗"),
    "error": (RED, "✗"),
    "copied": (RED, "✗"),
    "stub": (AMBER, "…"),
}


class Rejected(Wrong):
    """A verdict that is not ``right``. Raised by ``check``, so that nbgrader gives the cell no points.

    Jupyter shows it as a few lines instead of a traceback, with the remarks on the answer below.
    """

    def __init__(self, report: Report, remarks: Sequence[str] = ()) -> None:
        super().__init__(sentence(report))
        self.report, self.remarks = report, tuple(remarks)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return lines(self.report) + [line for remark in self.remarks for line in wrapped(remark, "  ")]


@dataclass(frozen=True)
class Accepted:
    """A right answer, as the notebook shows it."""

    report: Report
    warned: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "\n".join([f"✓ {self.report.key}: right, {points(self.report)}", *self.notes()])

    def _repr_html_(self) -> str:
        head = f'<span style="{GREEN}">✓</span> <strong>{html.escape(self.report.key)}</strong>'
        notes = "".join(f'<div style="opacity:.7">{html.escape(note)}</div>' for note in self.notes())
        return f'<div role="status">{head} right, {points(self.report)}{notes}</div>'

    def notes(self) -> list[str]:
        """The warnings of the answer and the remarks on it, one line each. They change no points."""
        return [*(f"It warned: {text}" for text in self.warned), *self.remarks]


def sentence(report: Report) -> str:
    """The verdict in one line."""
    name = report.key.partition(".")[2]
    if report.status == "stub":
        return f"{name} is not written yet"
    return f"{name}: {report.sentence}"


def lines(report: Report) -> list[str]:
    """A rejected answer in a few coloured lines: the sentence, expected against given, the failing input."""
    colour, mark = HEADS[report.status]
    # Words keep the notebook's own text colour: red on Jupyter's pale red is hard to read.
    out = [f"{colour}{mark}{END} {BOLD}{report.key}{END}  0 of {points(report)}"]
    out += [f"{BOLD}{line}{END}" for line in wrapped(text_of(report), "  ")]
    for label, value in (("expected", report.expected), ("given", report.given)):
        if value is not None:
            out += wrapped(value, f"  {label:<10}")
    if report.case and report.status != "stub":
        out += wrapped(report.case, f"  {'on':<10}")
    return out


def wrapped(text: str, first: str) -> list[str]:
    """``text`` after ``first``, broken between words; later lines are indented by the width of ``first``."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_long_words=False
    ) or [first]


def text_of(report: Report) -> str:
    """The sentence, with a capital and a full stop. A sentence that begins with a name from the code keeps its case."""
    if report.status == "stub":
        return "Not written yet: put your code in place of `raise NotImplementedError`."
    text = report.sentence
    if not begins_with_name(text, report.key):
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", ")")) else text + "."


def begins_with_name(text: str, key: str) -> bool:
    """Whether a sentence begins with a function's or an argument's name, as in ``input_gradient returned nothing``."""
    word, _, rest = text.partition(" ")
    return word == key.partition(".")[2] or any(c in "_(" or c.isdigit() for c in word) or rest.startswith("returned ")


def points(report: Report) -> str:
    """The points a check is worth, in words."""
    return f"{report.points} point" + ("" if report.points == 1 else "s")
