"""A page for each deck: what its slides claim, each claim with links to the cells that show it."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from labkit.topics import SYLLABUS, Topic

ROW = re.compile(r"^\| (\d+) \| ")
CODE = re.compile(r"(`[^`]*`)")
# A lecture, a cell or a span of cells of the lecture named last, a section, a page of results.
PLACE = re.compile(
    r"(?<![\d/§.])(?P<lecture>\d\d)(?= [c§])"
    r"|(?<!\w)c(?P<cell>\d+)(?:–c?(?P<last>\d+))?"
    r"|(?<!/)results/(?P<results>\w+)"
)


@dataclass(frozen=True)
class Claim:
    """A row of ``docs/coverage.md``."""

    nr: int
    deck: str
    slide: str
    words: str
    where: str
    state: str


@dataclass(frozen=True)
class Place:
    """What a row names: a cell of a lecture, or, with an empty cell, the lecture; or a page of results."""

    topic: Topic | None = None
    cell: str = ""
    results: str = ""


def claims(text: str) -> list[Claim]:
    """The rows of ``docs/coverage.md``, in their order.

    Raises:
        ValueError: if a row has not five columns.
    """
    deck, rows = "", []
    for line in text.splitlines():
        if line.startswith("## Deck "):
            deck = line.removeprefix("## Deck ").strip()
        if deck and (match := ROW.match(line)):
            parts = [part.strip() for part in line.strip().removeprefix("|").removesuffix("|").split(" | ")]
            if len(parts) != 5:
                raise ValueError(f"row {match[1]} of docs/coverage.md has {len(parts)} columns; expected five")
            rows.append(Claim(int(parts[0]), deck, *parts[1:]))
    return rows


def places(where: str) -> Iterator[tuple[str, Place | None]]:
    """The pieces of a row's place: each with what it names, or nothing."""
    topics = {topic.nr: topic for topic in SYLLABUS}
    topic: Topic | None = None
    for part in CODE.split(where):
        if part.startswith("`"):
            yield part, None
            continue
        end = 0
        for match in PLACE.finditer(part):
            yield part[end : match.start()], None
            end = match.end()
            if match["results"]:
                yield match[0], Place(results=match["results"])
            elif match["lecture"]:
                topic = topics.get(int(match["lecture"]))
                yield match[0], Place(topic)
            else:
                first, dash, last = match[0].partition("–")
                yield first, Place(topic, f"cell-{int(match['cell']):02d}")
                if dash:
                    yield dash, None
                    yield last, Place(topic, f"cell-{int(match['last']):02d}")
        yield part[end:], None


def linked(where: str, address: Callable[[Place], str]) -> str:
    """The place of a claim with a link wherever ``address`` gives one."""
    pieces = []
    for words, place in places(where):
        target = address(place) if place else ""
        pieces.append(f'<a href="{target}">{words}</a>' if target else words)
    return "".join(pieces)


def page(deck: str, rows: Collection[Claim], address: Callable[[Place], str]) -> str:
    """The page of a deck as Markdown."""
    counts = {state: sum(row.state == state for row in rows) for state in dict.fromkeys(row.state for row in rows)}
    shown = ", ".join(f"{n} {state}" for state, n in counts.items())
    lines = [
        f"# Deck {deck}, slide by slide",
        "",
        f"{len(rows)} claims, methods, figures and formulas: {shown}.",
        "A link leads to the cell that runs or measures it.",
        "",
        ":::{container} deck",
        "",
        "| nr | slide | claim, method, figure, formula | where it is shown | state |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        mark = f'<span id="claim-{row.nr}">{row.nr}</span>'
        state = f'<span class="state state-{row.state.replace("/", "")}">{row.state}</span>'
        lines.append(f"| {mark} | {row.slide} | {row.words} | {linked(row.where, address)} | {state} |")
    return "\n".join([*lines, "", ":::", ""])


def front(text: str, decks: Collection[str]) -> str:
    """The page that lists the decks: what the states mean, and how many claims have which."""
    words = text[: text.index("## Deck")].splitlines()[1:]
    rows = [
        f"[{line[2:5]}]({line[2:5]}.md)".join(line.split(line[2:5], 1)) if line[2:5] in decks else line
        for line in words
    ]
    contents = ["```{toctree}", ":hidden:", "", *(f"{deck}.md" for deck in decks), "```"]
    return "\n".join(["# Slide by slide", *rows, "", *contents, ""])
