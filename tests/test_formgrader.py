"""nbgrader's formgrader in a real browser, after ``labkit grade``: what was flagged is found, marked, and stays so."""

import os

import pytest

from labkit.grading import grade, marks, notebooks, release
from tests import browser, tiny
from tests.engine_double import contained
from tests.test_cli_grade import scores, solution
from tests.test_kernel import environment  # noqa: F401  a fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(browser.chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.skipif(not contained(), reason="needs bubblewrap and user namespaces"),
]

STRIP = """
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Strip())
"""
WHERE = "\nimport os\nprint(os.getcwd())"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course in which ada and a cheat were graded, and kim handed in since."""
    folder = tmp_path_factory.mktemp("course")
    made = tiny.build(folder)
    release.release(made, tiny.NAME)
    tiny.hand_in(made, "ada", solution())
    cheat = solution()
    tiny.cell(cheat, "double").source += STRIP
    tiny.hand_in(made, "eve", cheat)
    grade.grade(made, tiny.NAME, jobs=1)
    late = solution()
    tiny.cell(late, "mean").source += WHERE
    tiny.hand_in(made, "kim", late)
    return made


@pytest.fixture(scope="module")
def formgrader(course, environment, tmp_path_factory):  # noqa: F811
    """The address of the formgrader of that course."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PYTHONPATH", "PATH", "INSTRUCTORS"):
            patch.setitem(os.environ, name, environment[name])
        with browser.jupyterlab(course.root, tmp_path_factory.mktemp("home")) as url:
            yield f"{url}/formgrader"


@pytest.fixture
def page(formgrader):
    with browser.browser() as page:
        page.set_default_timeout(120_000)
        page.goto(f"{formgrader}?token={browser.TOKEN}")
        page.get_by_role("link", name=tiny.NAME).first.wait_for()
        yield page


def test_a_flagged_submission_is_found_and_marked_and_stays_so(course, formgrader, page):
    page.get_by_role("link", name="Manual Grading").click()
    page.get_by_role("link", name=tiny.NAME).click()
    page.get_by_role("link", name=tiny.NAME).click()
    page.locator(".glyphicon-flag").first.wait_for()
    rows = page.locator("tbody tr", has=page.locator(".glyphicon-flag"))
    assert rows.count() == 1

    rows.get_by_role("link").first.click()
    field = page.locator("input#test_double")
    field.wait_for()
    page.get_by_text("Tampered").first.wait_for()
    page.locator("input#test_double.needs_manual_grade").wait_for()
    with page.expect_response(lambda r: "/formgrader/api/grade/" in r.url and r.request.method == "PUT") as saved:
        field.fill("1.5")
        field.blur()
    assert saved.value.ok

    [row] = grade.grade(course, tiny.NAME, ["eve"], force=True, jobs=1)
    assert scores(row)["test_double"] == 1.5
    [row] = grade.grade(course, tiny.NAME, ["ada"], force=True, jobs=1)
    assert scores(row)["test_double"] == 2.0
    page.reload()
    assert page.locator("input#test_double").input_value() == "1.5"


def test_the_autograde_button_runs_in_the_sandbox(course, formgrader, page):
    page.goto(f"{formgrader}/manage_submissions/{tiny.NAME}")
    page.locator("tr", has_text="kim").locator(".autograde a").click()
    page.get_by_text("Successfully autograded").wait_for()
    graded = tiny.cell(notebooks.read(course.root / "autograded" / "kim" / tiny.NAME / tiny.FILE), "mean")
    assert [output.text for output in graded.outputs] == ["/home/student/assignment\n"]
    [row] = [row for row in marks.rows(course) if row.student == "kim"]
    assert scores(row) == {"test_double": 2.0, "test_double_empty": 1.0, "test_mean": 2.0, "why": None}
