"""How a verdict looks: a line of HTML in the notebook, a few coloured lines where it is a failure."""

import html
from dataclasses import dataclass

from labkit.checks.protocol import Report, Wrong

GREEN, RED, AMBER, DIM, BOLD, END = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"

HEADS = {
    "right": (GREEN, "✓"),
    "wrong": (RED, "✗"),
    "error": (RED, "✗"),
    "copied": (RED, "✗"),
    "stub": (AMBER, "…"),
}


class Rejected(Wrong):
    """A verdict that is not ``right``. Raised by ``check``, so that nbgrader gives the cell no points.

    In Jupyter it shows as a few lines instead of a traceback.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(sentence(report))
        self.report = report

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return lines(self.report)


@dataclass(frozen=True)
class Accepted:
    """A right answer, as the notebook shows it."""

    report: Report
    warned: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "\n".join([f"✓ {self.report.key}: right, {points(self.report)}", *self.notes()])

    def _repr_html_(self) -> str:
        head = f'<span style="color:#0a7d33;font-weight:600">✓ {html.escape(self.report.key)}</span>'
        notes = "".join(f'<div style="opacity:.7">{html.escape(note)}</div>' for note in self.notes())
        return f'<div role="status">{head} right, {points(self.report)}{notes}</div>'

    def notes(self) -> list[str]:
        """What the answer warned of, a line each: shown, and worth no points either way."""
        return [f"It warned: {text}" for text in self.warned]


def sentence(report: Report) -> str:
    """The verdict in one line."""
    name = report.key.partition(".")[2]
    if report.status == "stub":
        return f"{name} is not written yet"
    return f"{name}: {report.sentence}"


def lines(report: Report) -> list[str]:
    """A rejected answer in a few coloured lines: the sentence, expected against given, the failing input."""
    colour, mark = HEADS[report.status]
    earned = f"{DIM}0 of {points(report)}{END}"
    out = [f"{colour}{BOLD}{mark} {report.key}{END}  {earned}", f"  {colour}{text_of(report)}{END}"]
    for label, value in (("expected", report.expected), ("given", report.given)):
        if value is not None:
            out.append(f"  {label:<9} {value}")
    if report.case and report.status != "stub":
        out.append(f"  {DIM}{'on':<9} {report.case}{END}")
    return out


def text_of(report: Report) -> str:
    """The sentence, with a capital and a full stop."""
    if report.status == "stub":
        return "Not written yet: put your code in place of `raise NotImplementedError`."
    text = report.sentence[:1].upper() + report.sentence[1:]
    return text if text.endswith((".", "!", "?", ")")) else text + "."


def points(report: Report) -> str:
    """The points a check is worth, in words."""
    return f"{report.points} point" + ("" if report.points == 1 else "s")
