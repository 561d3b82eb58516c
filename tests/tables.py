"""Tables of docs/grading.md, from figures that the tests themselves record.

    python -m pytest -m "" --tables docs/grading.md tests/test_engine_{contained,attacks,kill,hostile}.py \
        tests/test_attackers_second.py

A test that passes ``record`` says what it found; when all have passed, each table of which there are rows is
written between its marks. If a test failed, was skipped or deselected, nothing is written and the run fails.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

KEY = "row of a table"
Rows = list[dict[str, Any]]


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """``record(table, **figures)``: one row, or a part of one, from a test that found what it should."""

    def add(table: str, **figures: Any) -> None:
        assert table in TABLES, f"there is no table {table!r}; there are {', '.join(TABLES)}"
        request.node.user_properties.append((KEY, {"table": table, **figures}))

    return add


class Tables:
    """The plugin that collects what was recorded, also from the processes of xdist, and writes the page.

    Args:
        page: the file with a place for each table.
    """

    def __init__(self, page: Path) -> None:
        self.page = page
        self.rows: dict[str, Rows] = {}
        self.against: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what one test recorded, or that it did not pass."""
        if not report.passed:
            self.against.append(f"{report.nodeid} {report.outcome}")
        if report.when == "call":
            for name, row in report.user_properties:
                if name == KEY and isinstance(row, dict):
                    self.rows.setdefault(row["table"], []).append(row)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """A table of some of the tests would look like one of all."""
        self.against += [f"{item.nodeid} deselected" for item in items]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the page, or say why not."""
        if exitstatus and not self.against:
            self.against.append(f"the run ended with status {exitstatus}")
        if not self.rows and not self.against:
            self.against.append("no test recorded anything")
        if not self.against:
            text = self.page.read_text(encoding="utf-8")
            for table, rows in self.rows.items():
                text = placed(text, table, TABLES[table](rows))
            self.page.write_text(text, encoding="utf-8")
        elif not exitstatus:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What came of it."""
        terminalreporter.section("tables")
        if self.against:
            terminalreporter.line(f"NOT written to {self.page}, because:", red=True)
            for reason in self.against[:20]:
                terminalreporter.line(f"  {reason}")
        else:
            for table, rows in self.rows.items():
                terminalreporter.line(f"{table}: {len(rows)} rows, in {self.page}")


def placed(text: str, table: str, lines: Iterable[str]) -> str:
    """A page with a table in its place.

    Raises:
        ValueError: if the page has no place for it.
    """
    begin, end = f"<!-- begin: tests, {table} -->", f"<!-- end: tests, {table} -->"
    if begin not in text or end not in text:
        raise ValueError(f"the page has no place for the table; expected the lines {begin} and {end}")
    made = "\n".join([begin, *lines, end])
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: made, text, flags=re.S)


def grid(head: list[str], rows: Iterable[Iterable[object]], align: str) -> list[str]:
    """A table in Markdown. ``align`` has ``<`` or ``>`` for each column."""
    rules = [{"<": "---", ">": "--:"}[side] for side in align]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in [head, rules, *cells]]


def grouped(rows: Rows, *keys: str) -> dict[tuple[Any, ...], Rows]:
    """Rows with the same values together, in the order in which they came first."""
    found: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def listed(rows: Rows, key: str) -> str:
    """The values of several rows, each once."""
    return "; ".join(dict.fromkeys(str(row[key]) for row in rows))


def contained(rows: Rows) -> list[str]:
    """Attack → what the row says → the neighbours."""
    lines = [
        (group, listed(same, "attack"), says, "unchanged" if all(row["unchanged"] for row in same) else "CHANGED")
        for (group, says), same in grouped(rows, "group", "says").items()
    ]
    head = ["", "attack", "what the row says", "the others' marks"]
    return [f"{len(rows)} attacks, one a student, among {rows[0]['honest']} honest students, in one run of "
            "`labkit grade`, which ended with exit status 1: some rows are flagged.", "",
            *grid(head, lines, "<<<<")]  # fmt: skip


def marks(rows: Rows) -> list[str]:
    """Trick → marks deserved → marks given → flags."""
    lines = []
    for (judged, group), same in grouped(rows, "judged", "group").items():
        given = [row["given"] for row in same]
        person = sum(points is None for points in given)
        numbers = sorted({f"{points:g}" for points in given if points is not None})
        shown = ", ".join([*numbers, *(["left to a person"] if person else [])])
        flagged = sum(row["flagged"] for row in same)
        lines.append((judged, group, listed(same, "attack"), f"{same[0]['deserved']:g} of {same[0]['of']:g}", shown,
                      f"{flagged} of {len(same)}"))  # fmt: skip
    head = ["judged by", "", "tricks beside a wrong answer", "deserved", "given", "flagged"]
    return [f"{len(rows)} tricks.", "", *grid(head, lines, "<<<>>>")]


def lost(rows: Rows) -> list[str]:
    """What went wrong, how often → whether nothing was lost."""
    lines = [
        (
            what,
            len(same),
            sum(row["stops"] for row in same),
            f"{sum(row['equal'] for row in same)} of {len(same)}",
            said,
        )
        for (what, said), same in grouped(rows, "what", "said").items()
    ]
    head = ["what happens", "runs", "times", "gradebook equal row for row in the end", "what the run says"]
    return grid(head, lines, "<>>><")


def mutated(rows: Rows) -> list[str]:
    """Kind of damage → how it ended."""
    lines = [(row["kind"], row["notebooks"], row["graded"], row["sentence"]) for row in rows]
    total = ["all", *(sum(row[key] for row in rows) for key in ("notebooks", "graded", "sentence"))]
    head = ["damage", "notebooks", "graded", "a sentence instead"]
    return grid(head, [*lines, total], "<>>>")


TABLES: dict[str, Callable[[Rows], list[str]]] = {
    "contained": contained,
    "marks": marks,
    "second": marks,
    "lost": lost,
    "mutated": mutated,
}
