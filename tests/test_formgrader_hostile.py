"""A hostile submission in a real formgrader, its feedback and JupyterLab: nothing of it runs, and no mark changes."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from nbformat import v4

from labkit.grading import feedback, grade, marks, release
from tests import browser, hostile_pages, tiny
from tests.engine_double import contained
from tests.hostile_pages import js
from tests.test_cli_grade import scores, solution
from tests.test_kernel import environment  # noqa: F401  a fixture
from tests.test_pages import CLICK

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(browser.chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.skipif(not contained(), reason="needs bubblewrap and user namespaces"),
]

THIEF = """<script>
fetch('/formgrader/api/grades?submission_id=' + window.submission_id).then(r => r.json()).then(all => all.forEach(g =>
  fetch('/formgrader/api/grade/' + g.id, {method: 'PUT', body: JSON.stringify({manual_score: 99}),
    headers: {'X-XSRFToken': document.cookie.match(/_xsrf=([^;]*)/)[1]}})));
new Image().src = '/ran-thief';
</script>"""
EVIL = {
    "evil.html": f"<body><script>{js('file-html')}</script></body>",
    "evil.svg": f'<svg xmlns="http://www.w3.org/2000/svg"><script>{js("file-svg")}</script></svg>',
    "evil.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><body><script>{js("file-xhtml")}</script></body></html>',
    "evil.md": f"<script>{js('file-md')}</script>",
    "evil.js": js("file-js"),
    "nbgrader_config.py": "open('/tmp/labkit-ran-settings', 'w').close()",
}
NAME = f"<img src=x onerror={js('name')}>"


def hostile():
    made = solution()
    tiny.cell(made, "why").source = THIEF
    for name, text in hostile_pages.markdown().items():
        made.cells.append(v4.new_markdown_cell(text))
        made.cells.append(v4.new_raw_cell(text.replace(f"ran-{name}", f"ran-raw-{name}")))
    pasted = v4.new_markdown_cell("![pasted](attachment:a.png) ![gone](attachment:gone.png)")
    pasted["attachments"] = {"a.png": {f'image/png" onerror="{js("attachment")}': "x"}}
    made.cells += [
        pasted,
        v4.new_code_cell(hostile_pages.displaying()),
        v4.new_code_cell(f"raise ValueError({NAME!r})"),
    ]
    made.metadata["title"] = f"</title><script>{js('title')}</script>"
    return made


@pytest.fixture(scope="module")
def course(tmp_path_factory, environment):  # noqa: F811
    """ada is honest; eve was graded by labkit, max by plain nbgrader; mal is left to the formgrader's button."""
    made = tiny.build(tmp_path_factory.mktemp("course"))
    release.release(made, tiny.NAME)
    honest = solution()
    honest.cells += hostile_pages.shown().cells[:1]
    tiny.hand_in(made, "ada", honest)
    for name in ("eve", "mal", "max"):
        path = tiny.hand_in(made, name, hostile())
        for file, text in EVIL.items():
            path.with_name(file).write_text(text)
    grade.grade(made, tiny.NAME, ["ada", "eve"], jobs=1)
    plain = [sys.executable, "-m", "nbgrader", "autograde", tiny.NAME, "--student", "max"]
    done = subprocess.run(plain, cwd=made.root, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(made.root / "gradebook.db") as book:
        book.execute("update student set first_name = ?, last_name = ? where id = 'eve'", (NAME, NAME))
    return made


@pytest.fixture(scope="module")
def server(course, environment, tmp_path_factory):  # noqa: F811
    """The address of Jupyter on that course."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PYTHONPATH", "PATH", "INSTRUCTORS"):
            patch.setitem(os.environ, name, environment[name])
        with browser.jupyterlab(course.root, tmp_path_factory.mktemp("home")) as url:
            yield url


@contextmanager
def watched(server) -> Iterator[tuple[object, list[str]]]:
    """A page of somebody who is logged in, and every address that it asks for."""
    asked: list[str] = []
    with browser.browser() as page:
        page.set_default_timeout(120_000)
        page.goto(f"{server}/formgrader?token={browser.TOKEN}")
        page.get_by_role("link", name=tiny.NAME).first.wait_for()
        page.context.on("request", lambda request: asked.append(request.url))
        page.context.on("page", lambda other: other.on("request", lambda request: asked.append(request.url)))
        yield page, asked


def ran(asked):
    return {found[1] for url in asked if (found := re.search(r"/ran-([\w-]+)", url))} - {"settings"}


def others(asked, server):
    return {url for url in asked if not url.startswith((server, "data:", "blob:", "about:"))}


def submission(course, student):
    with sqlite3.connect(course.root / "gradebook.db") as book:
        [[found]] = book.execute(
            "select n.id from submitted_notebook n join submitted_assignment a on n.assignment_id = a.id"
            " where a.student_id = ?", (student,)).fetchall()  # fmt: skip
    return found


def test_the_button_and_the_pages_of_a_hostile_submission_run_nothing(course, server):
    with watched(server) as (page, asked):
        page.goto(f"{server}/formgrader/manage_submissions/{tiny.NAME}")
        page.locator("tr", has_text="mal").locator(".autograde a").click()
        page.get_by_text("Successfully autograded").wait_for()
        for student in ("eve", "mal"):
            page.goto(f"{server}/formgrader/submissions/{submission(course, student)}/?index=0")
            page.locator("input#why").wait_for()
            page.wait_for_timeout(1000)
            page.evaluate(CLICK)
            page.locator("body").press("Tab")
            page.wait_for_timeout(1000)
        for address in ("manage_students", "manage_students/eve", f"gradebook/{tiny.NAME}/{tiny.NAME}",
                        f"manage_submissions/{tiny.NAME}", f"manage_students/eve/{tiny.NAME}"):  # fmt: skip
            page.goto(f"{server}/formgrader/{address}")
            page.locator("tbody a").first.wait_for()
            page.wait_for_timeout(300)
        assert ran(asked) == set()
        assert others(asked, server) == set()
    rows = {row.student: row for row in marks.rows(course)}
    assert scores(rows["eve"]) == scores(rows["mal"]) | {"why": None}
    assert scores(rows["eve"])["why"] is None
    assert not os.path.exists("/tmp/labkit-ran-settings")


def test_marking_by_hand_still_works_under_the_policy(course, server):
    with watched(server) as (page, _):
        errors = []
        page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
        page.goto(f"{server}/formgrader/submissions/{submission(course, 'ada')}/?index=0")
        field = page.locator("input#why")
        field.wait_for()
        with page.expect_response(lambda r: "/formgrader/api/grade/" in r.url and r.request.method == "PUT") as saved:
            field.fill("2.5")
            field.blur()
        assert saved.value.ok
        page.locator(".glyphicon-eye-open").first.click()
        page.locator("a.name-shown").wait_for()
        assert page.locator("math").count() == 2
        assert page.locator(".rendered_html img").last.evaluate("image => image.naturalWidth") == 1
        assert errors == []
    assert scores(next(row for row in marks.rows(course) if row.student == "ada"))["why"] == 2.5


def test_files_beside_a_submission_are_downloads_and_run_nothing(course, server):
    identity = submission(course, "eve")
    with watched(server) as (page, asked):
        xsrf = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "_xsrf")
        for file in EVIL:
            for place in (
                f"formgrader/submissions/{identity}",
                f"files/submitted/eve/{tiny.NAME}",
                f"files/autograded/eve/{tiny.NAME}",
            ):
                answer = page.request.get(f"{server}/{place}/{file}?_xsrf={xsrf}")
                assert answer.ok or file == "nbgrader_config.py"
                assert "sandbox" in answer.headers["content-security-policy"]
                assert "allow-scripts" not in answer.headers["content-security-policy"]
                if place.startswith("formgrader") and answer.ok and not file.endswith("svg"):
                    assert answer.headers["content-type"].startswith("application/octet-stream")
                    assert answer.headers["content-disposition"] == "attachment"
        page.goto(f"{server}/formgrader/submissions/{identity}/evil.svg")
        page.wait_for_timeout(500)
        answer = page.goto(f"{server}/files/submitted/eve/{tiny.NAME}/evil.html?_xsrf={xsrf}")
        assert answer.ok
        page.wait_for_timeout(500)
        assert ran(asked) == set()


def test_no_address_of_the_formgrader_runs_a_students_settings_or_words(course, server):
    folder = f"submitted/eve/{tiny.NAME}"
    with watched(server) as (page, asked):
        for path in (folder, str(course.root / folder), "/tmp", f"work/../{folder}"):
            assert page.request.get(f"{server}/formgrader", params={"path": path}).status == 403
        for address in (
            "manage_students/%22%3B(new%20Image).src%3D%60%2Fran-address%60%3B%22",
            "gradebook/%3Cscript%3E",
            "manage_submissions/%22%3E%3Cimg%3E",
        ):
            assert page.goto(f"{server}/formgrader/{address}").status == 404
        assert ran(asked) == set()
    assert not os.path.exists("/tmp/labkit-ran-settings")


@pytest.mark.parametrize("place", ["autograded/eve", "autograded/max", "submitted/eve"])
def test_jupyterlab_shows_it_and_runs_nothing(course, server, place):
    with watched(server) as (page, asked):
        page.goto(f"{server}/lab/tree/{place}/{tiny.NAME}/{tiny.FILE}?token={browser.TOKEN}&reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_timeout(4000)
        for _ in range(8):
            page.keyboard.press("PageDown")
            page.wait_for_timeout(200)
        page.evaluate(CLICK)
        page.wait_for_timeout(1000)
        assert ran(asked) == set()


def test_feedback_runs_nothing_and_asks_nobody(course, server):
    pages = feedback.feedback(course, tiny.NAME)
    with browser.browser() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in [path for paths in pages.values() for path in paths]:
            page.goto(path.as_uri())
            page.evaluate(CLICK)
            page.wait_for_timeout(300)
        assert sorted(path.name for paths in pages.values() for path in paths) == [f"{tiny.NAME}.html"] * len(pages)
        assert len(asked) >= 2
        assert ran(asked) == set()
        assert all(url.startswith(("file:", "data:")) for url in asked)


def test_plain_nbgrader_writes_feedback_that_runs_nothing(course, environment, tmp_path):  # noqa: F811
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_feedback", tiny.NAME, "--force"],
        cwd=course.root, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for path in course.root.glob(f"feedback/*/{tiny.NAME}/{tiny.NAME}.html"):
        text = path.read_text()
        assert "<script" not in text
        assert "default-src 'none'" in text
