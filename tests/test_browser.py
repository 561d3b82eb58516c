"""The course in a real browser, as a student uses it: a lecture with its explorer, an exercise with its checks."""

import shutil
import time
from pathlib import Path

import pytest

from labkit import explore
from labkit.topics import SYLLABUS
from tests import browser
from tests import lab as server

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browser.chromium() is None, reason="needs Chromium: apt-get install chromium"),
]

WRONG = """
def saturation(x, factor):
    grey = x.mean(dim=1, keepdim=True)
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)
"""

RIGHT = """
def saturation(x, factor):
    weights = x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (weights * x).sum(dim=1, keepdim=True)
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the course: nothing in the repository changes."""
    course, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("home")
    for folder in ("lectures", "exercises", "solutions"):
        shutil.copytree(ROOT / folder, course / folder, ignore=shutil.ignore_patterns(".*"))
    shutil.copytree(course / "exercises" / "01_images", course / "work" / "01_images")
    with browser.jupyterlab(course, home) as url:
        yield url


@pytest.fixture(scope="module")
def page():
    with browser.browser() as page:
        yield page


def source(picture):
    """The bytes of a picture in the page, as numbers in one string."""
    script = "async image => Array.from(new Uint8Array(await (await fetch(image.src)).arrayBuffer())).join()"
    return picture.evaluate(script)


def test_a_lecture_runs_and_its_explorer_follows_the_sliders(lab, page):
    notebook = browser.Notebook(page, lab, "work/lectures/01_images.ipynb")
    notebook.run_all()
    assert notebook.errors() == []
    assert notebook.unrun() == []
    explorer = notebook.output(notebook.find("explore.images()"))
    original, result = (explorer.locator("img.widget-image").nth(i) for i in (0, 1))
    explorer.get_by_text("✓ true").wait_for()
    assert source(original) == source(result)
    before = source(result)
    slider = explorer.get_by_role("slider").first
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    explorer.get_by_text("image.affine(x, degrees=20.0)").wait_for()
    assert source(result) != before
    assert source(original) == before
    assert slider.get_attribute("aria-valuenow") == "20.0"
    assert result.get_attribute("title") == "The result: digit 6 after affine."
    explorer.get_by_role("button", name="Reset").click()
    explorer.get_by_text("nothing yet").wait_for()
    assert source(result) == before


def test_a_newcomer_is_asked_nothing(lab):
    with browser.browser() as page:
        browser.Notebook(page, lab, "work/lectures/00_start.ipynb")
        page.wait_for_timeout(5000)  # a question would come after the page is up
        assert page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts() == []


def test_a_saved_lecture_shows_the_explorers_last_picture_when_it_is_opened_again(lab):
    path = "work/lectures/01_images.ipynb"
    with browser.browser() as page:
        notebook = browser.Notebook(page, lab, path)
        cell = notebook.find("explore.images()")
        notebook.run(cell)
        slider = notebook.output(cell).get_by_role("slider").first
        slider.focus()
        for _ in range(20):
            page.keyboard.press("ArrowRight")
        notebook.output(cell).get_by_text("image.affine(x, degrees=20.0)").wait_for()
        shown = settled(page, notebook.output(cell))
        notebook.save()
        notebook.shut_down()
    with browser.browser() as page:
        notebook = browser.Notebook(page, lab, path)
        again = notebook.output(cell)
        again.locator("img.widget-image").first.wait_for()
        assert settled(page, again) == shown
        assert again.get_by_text("image.affine(x, degrees=20.0)").count() == 1
        assert "not found" not in page.locator("body").inner_text()


def test_a_hint_is_folded_and_its_markdown_is_read(lab, page):
    notebook = browser.Notebook(page, lab, "work/01_images/01_images.ipynb")
    notebook.run(notebook.find("from labkit.checks import check"))
    hint = page.locator("details", has=page.locator("summary", has_text="Hint")).first
    hint.wait_for()
    assert hint.locator("code", has_text="torch.deg2rad").count() == 1
    assert not hint.locator("code").first.is_visible()
    hint.locator("summary").click()
    hint.locator("code").first.wait_for(state="visible")
    seen = page.locator("details", has=page.locator("summary", has_text="What you should see")).first
    assert seen.locator("strong", has_text="The prediction.").count() == 1


def a_stub(notebook, key):
    """The cells of a task and of its check, and what the check shows: that the task is not written yet."""
    notebook.run(notebook.find("from labkit.checks import check"))
    answer, check = notebook.find(f"def {key.partition('.')[2]}("), notebook.find(f'check("{key}"')
    verdict = notebook.output(check)
    for cell in (answer, check):
        notebook.run(cell)
    verdict.get_by_text("Not written yet").wait_for()
    return answer, check, verdict


def test_an_exercise_says_what_is_wrong_and_what_is_right(lab, page):
    notebook = browser.Notebook(page, lab, "work/01_images/01_images.ipynb")
    answer, check, verdict = a_stub(notebook, "images.saturation")

    notebook.write(answer, WRONG)
    for cell in (answer, check):
        notebook.run(cell)
    verdict.get_by_text("0.299").wait_for()
    assert "✗ images.saturation" in verdict.inner_text()
    assert "0 of 2 points" in verdict.inner_text()
    assert "Traceback" not in verdict.inner_text()

    notebook.write(answer, RIGHT)
    for cell in (answer, check):
        notebook.run(cell)
    verdict.get_by_text("✓ images.saturation").wait_for()
    assert "2 points" in verdict.inner_text()
    assert notebook.errors() == []


GRADIENT = """
def input_gradient(model, x, y):
    z = x.detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(z), y, reduction="{}"), z)[0]
"""


def easy_to_read(notebook, part):
    """Nothing is cut off or too faint in a part of a notebook, on a dark page and on a light one."""
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.theme(theme)
        contrasts = browser.contrasts(part)
        assert contrasts
        assert {words: ratio for words, ratio in contrasts.items() if ratio < 4.5} == {}, theme
        assert browser.misfits(part) == [], theme


@pytest.mark.slow
def test_the_way_of_a_student(lab, page):
    """From `labkit start` to the model answer: a stub, a wrong answer and its message, the hint, the right answer."""
    assert "Your copy is" in server.typed(lab, "labkit start attacks")
    assert "you have not tried task 1 (input_gradient)" in server.typed(lab, "labkit solution attacks 1")

    notebook = browser.Notebook(page, lab, "work/04_attacks/04_attacks.ipynb")
    answer, check, verdict = a_stub(notebook, "attacks.input_gradient")
    easy_to_read(notebook, verdict)
    for reduction, says in (("mean", "divided by the size of the batch"), ("sum", "✓ attacks.input_gradient")):
        notebook.write(answer, GRADIENT.format(reduction))
        for cell in (answer, check):
            notebook.run(cell)
        verdict.get_by_text(says).wait_for()
        easy_to_read(notebook, verdict)
    assert "2 points" in verdict.inner_text()
    notebook.save()

    model_answer = server.typed(lab, "labkit solution attacks 1")
    assert 'reduction="sum"' in model_answer
    assert "The prediction." in model_answer
    assert "2 of 14 points so far" in server.typed(lab, "labkit check attacks", seconds=300)
    assert "go on with 04_attacks" in server.typed(lab, "labkit progress")


def pictures(explorer):
    """The pictures and drawings of an explorer, without its words."""
    drawn = [source(image) for image in explorer.locator("img.widget-image").all()]
    return drawn + [drawing.inner_html() for drawing in explorer.locator(".widget-html-content svg").all()]


def settled(page, explorer, *, but=None, seconds=60):
    """What an explorer shows once it has come to rest, ``but`` excepted."""
    last, end = None, time.monotonic() + seconds
    while time.monotonic() < end:
        now = pictures(explorer)
        if now and now == last and now != but:
            return now
        last = now
        page.wait_for_timeout(500)
    raise AssertionError("no picture changed" if last == but else "the pictures never came to rest")


def comes_back(page, explorer, wanted, *, seconds=60):
    """Wait until an explorer shows what is wanted."""
    end = time.monotonic() + seconds
    while pictures(explorer) != wanted:
        assert time.monotonic() < end, "the pictures of the beginning never came back"
        page.wait_for_timeout(500)


def fits(notebook, explorer):
    """Nothing is cut off or too faint, beside the list of files and without it, on a light and on a dark page."""
    for sides in ("collapse", "expand"):
        notebook.page.evaluate(f"() => window.jupyterapp.shell.{sides}Left()")
        easy_to_read(notebook, explorer)


@pytest.mark.slow
@pytest.mark.parametrize("key", explore.TOPICS)
def test_every_explorer_follows_its_controls(lab, page, key):
    """In its own lecture's notebook; of that only the explorer's cell runs. The page is 900 pixels wide."""
    page.set_viewport_size({"width": 900, "height": 1000})
    notebook = browser.Notebook(page, lab, f"work/lectures/{next(t.slug for t in SYLLABUS if t.key == key)}.ipynb")
    cell = notebook.find(f"explore.{key}()")
    notebook.run(cell)
    explorer = notebook.output(cell).locator(".labkit-explorer")
    first = settled(page, explorer)
    tabs = explorer.locator(".lm-TabBar-tab")
    for tab in range(tabs.count()):
        tabs.nth(tab).click()
        fits(notebook, explorer)
        for slider in [s for s in explorer.get_by_role("slider").all() if s.is_visible() and s.is_enabled()][:3]:
            slider.focus()
            for _ in range(5):
                page.keyboard.press("ArrowRight")
    settled(page, explorer, but=first)
    explorer.get_by_role("button", name="Reset").click()
    comes_back(page, explorer, first)
    page.wait_for_timeout(2000)
    assert pictures(explorer) == first, "a late move has overtaken the reset"
    assert notebook.errors() == []
    assert "Traceback" not in explorer.inner_text()
