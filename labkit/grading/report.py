"""What ``labkit check``, ``labkit solution`` and ``labkit progress`` print."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from labkit import topics
from labkit.grading.course import Course
from labkit.grading.model_answers import Answer
from labkit.grading.screen import OPEN, RIGHT, WRONG, count, number, plain, table
from labkit.grading.selfcheck import Verdict
from labkit.grading.student import State, key_of

SIGNS = {"right": RIGHT, "wrong": WRONG, "stub": OPEN, "unrun": OPEN}


def verdict(found: Verdict) -> RenderableType:
    """How a notebook stands: its checks, its written answers, what else happened, and the points."""
    parts: list[RenderableType] = []
    if found.results:
        checks = table("", "check", "points", "", right=("points",))
        for result in found.results:
            earned = f"{number(result.points)}/{number(result.maximum)}"
            checks.add_row(SIGNS[result.status], plain(result.name), earned, plain(result.sentence))
        parts.append(checks)
    for written in found.written:
        sign = OPEN if written.empty else RIGHT
        state = "still empty" if written.empty else "there; a person reads it"
        parts.append(Text.from_markup(f"{sign} written answer ") + plain(f"{written.name}: {state}"))
    if found.raised:
        parts.append(Text("\nCells that raised an error:"))
        parts += [plain(f"  {line}") for line in found.raised]
    if found.waiting:
        verb = "waits" if found.waiting == 1 else "wait"
        parts.append(Text(f"\n{count(found.waiting, 'other cell')} {verb} for code that is not written yet."))
    parts += [plain(f"\n{remark}") for remark in found.remarks]
    parts.append(Text(f"\n{total(found)}", style="bold green" if found.done else "bold"))
    return Group(*parts)


def nothing(course: Course, notebook: Path) -> RenderableType:
    """What to say of a notebook without checks; of a lecture, where its exercise is."""
    text = f"{notebook.name} has no checks: there is nothing to check in it."
    if notebook.stem in course.released():
        text += f" Its exercise has: `labkit start {key_of(notebook.stem)}` gives you a copy."
    return plain(text)


def total(found: Verdict) -> str:
    """The points so far, in a sentence."""
    by_hand = sum(written.maximum for written in found.written)
    text = f"{number(found.points)} of {count(found.maximum, 'point')} so far"
    if by_hand:
        text += f"; {count(by_hand, 'point')} more for written answers"
    return f"{text} ({found.seconds:.0f} s)." if not found.done else f"All right: {text} ({found.seconds:.0f} s)."


def answer(model: Answer) -> Iterator[tuple[RenderableType, bool]]:
    """A model answer in parts: its task, what to write, and what one sees then; and whether each is code."""
    heading = plain(f"{model.number} · {model.title}\n")
    heading.stylize("bold")
    yield heading, False
    if model.written:
        yield plain(f"{flowing(model.text)}\n"), False
    else:
        yield Syntax("", "python", theme="ansi_dark", background_color="default").highlight(model.text), True
    if model.reason:
        yield Text("What you should see", style="bold"), False
        yield plain(f"{flowing(model.reason)}\n"), False


def flowing(markdown: str) -> str:
    """Markdown whose paragraphs are one line each, so that they fit a window of any width; lists stay lists."""
    loud = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
    stressed = re.compile(r"(?<![\w*^`$])\*(?![\s*])([^*`$]+?)(?<!\s)\*(?![\w*])")  # not a product, a power or code
    words = stressed.sub(r"\1", loud.sub(r"\1", markdown.strip()))
    return re.sub(r"(?<!\n)\n(?!\n|\s*([-*|>] |\d+\. |\$\$))", " ", words)


def progress(course: Course, states: Sequence[State]) -> RenderableType:
    """The exercises there are and how far each has come."""
    made = table("", "exercise", "checks", "points", "", right=("checks", "points"))
    for assignment in course.released():
        own = [state for state in states if state.assignment == assignment]
        if not own:
            made.add_row("", f"{assignment}", "", "", Text(title(assignment), style="dim"))
        for state in own:
            name = state.notebook.parent.name
            if len([s for s in own if s.notebook.parent == state.notebook.parent]) > 1:
                name = f"{name}/{state.notebook.name}"
            made.add_row(*line(state, name))
    return made


def line(state: State, name: str) -> tuple[RenderableType, ...]:
    """One started notebook."""
    if state.checked is None:
        return OPEN, plain(name), "", "", Text("started, not checked yet")
    record = state.checked
    remark = "changed since it was checked" if state.changed else ""
    if record["unanswered"]:
        remark = f"{count(record['unanswered'], 'written answer')} still empty" + (f"; {remark}" if remark else "")
    checks = f"{record['right']}/{record['checks']}"
    earned = f"{number(record['points'])}/{number(record['maximum'])}"
    return RIGHT if state.done else OPEN, plain(name), checks, earned, Text(remark)


def title(assignment: str) -> str:
    """What an exercise is about."""
    return next((topic.title for topic in topics.SYLLABUS if topic.slug == assignment), "")


def next_step(course: Course, states: Sequence[State]) -> RenderableType:
    """What to do next, in a sentence: go on with what was begun, else begin the first that was not."""
    done = {state.assignment for state in states if state.done}
    begun = [state for state in states if state.assignment not in done]
    if begun:
        latest = max(begun, key=lambda state: state.touched)
        return plain(
            f"\nNext: go on with {latest.notebook.parent.name}, and `labkit check {key_of(latest.assignment)}`."
        )
    for assignment in course.released():
        if assignment not in done:
            return plain(f"\nNext: `labkit start {key_of(assignment)}`.")
    if not course.released():
        return plain("There are no exercises here yet.")
    return Text("\nAll done.", style="bold green")
