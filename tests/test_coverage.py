"""``docs/coverage.md`` says where each claim of the decks is shown: the places exist."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

from labkit.topics import SYLLABUS

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d+) \| ")
STATES = ("done", "partly", "wrong", "missing", "n/a")


def rows():
    """Number, place and state of every row."""
    text = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    for line in text[text.index("## Deck") :].splitlines():
        if match := ROW.match(line):
            parts = [part.strip() for part in line.split(" | ")]
            if len(parts) >= 5:
                yield int(match[1]), parts[-2], parts[-1].removesuffix(" |")


@cache
def cells(nr):
    """The ids of a lecture's cells."""
    slug = next(topic.slug for topic in SYLLABUS if topic.nr == nr)
    return {
        cell["id"] for cell in json.loads((ROOT / "lectures" / f"{slug}.ipynb").read_text(encoding="utf-8"))["cells"]
    }


def named_cells(place):
    """Lecture and cell of all that a place names: ``01 c8–c10, c12; 02 c3`` names five."""
    for lecture, text in re.findall(r"(?<![\d/§])(\d\d) (c\d+[^;]*)", place):
        # Further lectures begin with a number of two digits again.
        own = re.split(r"(?<![\dc–])\d\d (?=[c§])", text)[0]
        for first, last in re.findall(r"\bc(\d+)(?:–c?(\d+))?", own):
            for number in range(int(first), int(last or first) + 1):
                yield int(lecture), f"cell-{number:02d}"


def cells_by_name(place):
    """Lecture and cell of those that a place names: ``01 §4 c22, cells `median`, `spectrum` `` names two."""
    for part in place.split(";"):
        lecture = None
        for found in re.finditer(r"(?<![\d/§])(\d\d)(?= [c§])|\bcells? ((?:`[\w-]+`(?:, )?)+)", part):
            lecture = int(found[1]) if found[1] else lecture
            for name in re.findall(r"`([\w-]+)`", found[2] or ""):
                yield lecture, name


def test_every_claim_has_a_row_and_a_state():
    found = list(rows())
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))
    assert len(found) >= 290
    assert {state for _, _, state in found} <= set(STATES)


def test_every_cell_that_a_row_names_exists():
    named = [(number, lecture, cell) for number, place, _ in rows() for lecture, cell in named_cells(place)]
    assert len(named) >= 300
    assert [entry for entry in named if entry[2] not in cells(entry[1])] == []


def test_every_cell_with_a_name_exists():
    named = [(number, lecture, cell) for number, place, _ in rows() for lecture, cell in cells_by_name(place)]
    assert len(named) >= 55
    assert [entry for entry in named if entry[1] is None or entry[2] not in cells(entry[1])] == []


def test_every_page_of_results_that_a_row_names_exists():
    pages = {page for _, place, _ in rows() for page in re.findall(r"results/(\w+)", place)}
    assert pages
    assert [page for page in pages if not (ROOT / "benchmarks" / "results" / f"{page}.md").is_file()] == []


def test_what_is_done_says_where():
    places = re.compile(r"\b\d\d\b|results/\w|exercise|`\w+|course structure")  # a lecture's number at least
    assert [number for number, place, state in rows() if state == "done" and not places.search(place)] == []


def test_the_table_at_the_top_counts_the_rows():
    text = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("| all |"))
    counts = Counter(state for _, _, state in rows())
    assert [int(n) for n in re.findall(r"\d+", line)] == [sum(counts.values()), *(counts[state] for state in STATES)]
