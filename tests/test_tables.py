"""The tables of the guide are written when every test has passed, and otherwise not at all."""

from types import SimpleNamespace

import pytest

from tests.tables import KEY, TABLES, Tables, grid, placed

PAGE = "before\n<!-- begin: tests, mutated -->\nold\n<!-- end: tests, mutated -->\nafter\n"
ROW = {"table": "mutated", "kind": "a | b", "notebooks": 3, "graded": 1, "sentence": 2}


def report(outcome="passed", when="call", rows=()):
    properties = [(KEY, row) for row in rows] + [("other", 3)]
    return SimpleNamespace(
        passed=outcome == "passed", outcome=outcome, when=when, nodeid="test_x", user_properties=properties
    )


def ended(path, reports, *, status=0, deselected=()):
    """A session with these reports: its exit status."""
    path.write_text(PAGE)
    session = SimpleNamespace(exitstatus=status)
    plugin = Tables(path)
    for one in reports:
        plugin.pytest_runtest_logreport(one)
    plugin.pytest_deselected([SimpleNamespace(nodeid=name) for name in deselected])
    plugin.pytest_sessionfinish(session, status)
    return session.exitstatus


def test_a_table_is_written_in_its_place(tmp_path):
    page = tmp_path / "page.md"
    assert ended(page, [report(when="setup"), report(rows=[ROW]), report(rows=[{**ROW, "kind": "c"}])]) == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- begin: tests, mutated -->\n| damage |")
    assert (
        "| a \\| b | 3 | 1 | 2 |\n| c | 3 | 1 | 2 |\n| all | 6 | 2 | 4 |\n<!-- end: tests, mutated -->\nafter" in text
    )


@pytest.mark.parametrize(
    ("reports", "options"),
    [
        ([report(rows=[ROW]), report("failed")], {}),
        ([report(rows=[ROW]), report("skipped", when="setup")], {}),
        ([report(rows=[ROW]), report("failed", when="teardown")], {"status": 1}),
        ([report(rows=[ROW])], {"deselected": ["test_y"]}),
        ([report(rows=[ROW])], {"status": 2}),
        ([report()], {}),
        ([], {}),
    ],
)
def test_nothing_is_written_where_a_test_did_not_pass(tmp_path, reports, options):
    page = tmp_path / "page.md"
    assert ended(page, reports, **options) != 0
    assert page.read_text() == PAGE


def test_a_page_without_a_place_for_the_table_is_refused():
    with pytest.raises(ValueError, match="no place for the table"):
        placed(PAGE, "marks", [])


def test_every_table_has_its_place_in_the_guide(request):
    text = (request.config.rootpath / "docs/grading.md").read_text(encoding="utf-8")
    for table in TABLES:
        assert f"<!-- begin: tests, {table} -->" in text


def test_a_grid_is_markdown():
    assert grid(["a", "b"], [(1, "x\ny")], "<>") == ["| a | b |", "| --- | --: |", "| 1 | x y |"]
