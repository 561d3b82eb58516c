"""The site: pages name cells that exist, give no solution away, and lead somewhere; a build serves itself alone."""

import functools
import http.server
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from docs.site import decks, execute, interface, notebooks, pages, pictures
from docs.site.docstrings import marked_up
from docs.site.settings import ROOT, Settings, from_environment
from labkit.explore.svg import DARK
from labkit.topics import SYLLABUS, find
from tests import browser

EXERCISES = [topic for topic in SYLLABUS if (ROOT / pages.exercise(topic)).is_file()]
HIDDEN = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)


@pytest.fixture
def settings(tmp_path):
    """A site of all topics that runs nothing."""
    return Settings(execute=False, output=tmp_path / "site", work=tmp_path / "work")


def notebook(*sources):
    cells = [nbformat.v4.new_markdown_cell("# One\n\nwords"), *map(nbformat.v4.new_code_cell, sources)]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number:02d}"
    return nbformat.v4.new_notebook(cells=cells)


# ── What is asked for ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_environment_chooses_topics_by_any_of_their_names():
    chosen = from_environment({"SITE_ONLY": "04, dti", "SITE_SOLUTIONS": "1", "SITE_REPOSITORY": "ada/labkit"})
    assert [topic.key for topic in chosen.topics] == ["attacks", "dti"]
    assert (chosen.execute, chosen.solutions, chosen.repository, chosen.whole) == (True, True, "ada/labkit", False)
    assert from_environment({}).whole
    with pytest.raises(ValueError, match="no topic is called 'nothing'"):
        from_environment({"SITE_ONLY": "nothing"})


def test_a_topic_that_does_not_exist_is_a_sentence_and_not_a_traceback():
    command = [sys.executable, "-m", "docs.site"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"SITE_ONLY": "x"}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("SITE_ONLY: no topic is called 'x'")
    assert "Traceback" not in done.stderr


# ── Decks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Links(HTMLParser):
    """The addresses of all links of a page."""

    def __init__(self, text):
        super().__init__()
        self.addresses = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.addresses.append(dict(attributes)["href"])


def test_the_pages_of_the_decks_hold_every_claim_and_link_to_cells_that_exist(settings):
    written = pages.deck_pages(settings)
    text = (ROOT / pages.CLAIMS).read_text(encoding="utf-8")
    rows = decks.claims(text)
    everything = "".join(written.values())
    assert len(rows) == len(re.findall(r"^\| \d+ \| .* \|$", text[text.index("## Deck") :], re.MULTILINE)) >= 290
    assert all(f'id="claim-{row.nr}"' in everything for row in rows)
    addresses = Links(everything).addresses
    cells = 0
    for address in addresses:
        path, _, cell = address.removeprefix("../").partition("#")
        source = ROOT / path.replace(".html", ".md" if path.startswith("benchmarks") else ".ipynb")
        assert source.is_file(), address
        if cell:
            assert cell in {c["id"] for c in json.loads(source.read_text(encoding="utf-8"))["cells"]}, address
            cells += 1
    assert cells >= 300


def test_a_place_is_read_as_a_person_reads_it():
    named = [(words, place) for words, place in decks.places("01 c8–c10, c12; 02 §6 `c3` results/gan") if place]
    images, mixing = find("images"), find("mixing")
    assert named == [
        ("01", decks.Place(images)),
        ("c8", decks.Place(images, "cell-08")),
        ("c10", decks.Place(images, "cell-10")),
        ("c12", decks.Place(images, "cell-12")),
        ("02", decks.Place(mixing)),
        ("results/gan", decks.Place(results="gan")),
    ]
    assert "".join(words for words, _ in decks.places("see 01 c8, `x` and 14.")) == "see 01 c8, `x` and 14."


def test_a_row_that_is_no_row_is_refused():
    with pytest.raises(ValueError, match=r"row 1 of docs/coverage.md has 3 columns"):
        decks.claims("## Deck 000\n| 1 | 2 | 3 |\n")


# ── Exercises ─────────────────────────────────────────────────────────────────────────────────────────────────────


def page_of(settings, topic):
    name = pages.exercise(topic)
    made = nbformat.reads(pages.notebook_page(settings, topic, name, {name: ""}), as_version=4)
    return "\n".join(cell.source for cell in made.cells)


@pytest.mark.parametrize("topic", EXERCISES, ids=lambda t: t.key)
def test_an_exercise_page_shows_a_model_answer_only_where_asked_for(settings, topic):
    name = pages.exercise(topic)
    released = (ROOT / name).read_text(encoding="utf-8")
    solution = nbformat.read(ROOT / "solutions" / name.removeprefix("exercises/"), as_version=4)
    hidden = [
        line.strip() for cell in solution.cells for part in HIDDEN.findall(cell.source) for line in part.split("\n")
    ]
    telling = [line for line in hidden if len(line) > 12 and json.dumps(line)[1:-1] not in released]
    assert telling
    plain, answered = page_of(settings, topic), page_of(replace(settings, solutions=True), topic)
    assert [line for line in telling if line in plain] == []
    assert "A model answer" not in plain
    assert [line for line in telling if line not in answered] == []
    assert "SOLUTION" not in answered


# ── Notebooks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_cell_of_a_page_can_be_linked_to():
    made = notebooks.page(notebook("1 + 1"), "DOORS", Path("unused"), up="../")
    words, code = made.cells
    assert words.source == '# One\n\n<span id="cell-00" class="place"></span>\n\nDOORS\n\nwords'
    assert code.metadata["place"] == "cell-01"


def test_pictures_leave_the_page_and_stay_what_they_are(tmp_path):
    import base64
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.effect_noise((40, 30), 60).save(buffer, format="png")
    data = base64.b64encode(buffer.getvalue()).decode()
    moved = pictures.moved_out(f'<img alt="noise" src="data:image/png;base64,{data}">', tmp_path, up="../")
    (file,) = (tmp_path / "figures").iterdir()
    assert moved == f'<img alt="noise" width="40" height="30" loading="lazy" src="../figures/{file.name}">'
    half = f'<img width="20" src="data:image/png;base64,{data}">'
    assert pictures.moved_out(half, tmp_path, up="").startswith('<img width="20" height="15" loading="lazy" ')
    same = Image.open(file).convert("L")
    assert same.tobytes() == Image.open(buffer).tobytes()


def test_links_lead_to_a_page_to_github_or_nowhere():
    texts = {"lectures/01_images.ipynb": "", "docs/teaching.md": ""}

    def follow(text, repository=""):
        return pages.followed(text, "lectures/00_start.ipynb", texts, repository)

    assert follow("[a](01_images.ipynb#x) [b](https://c.d/e)") == "[a](01_images.ipynb#x) [b](https://c.d/e)"
    assert follow("[a](../docs/coverage.md)") == "[a](../decks/index.md)"
    assert follow("[the `licence`](../LICENSE)") == "the `licence`"
    assert follow("[a](../LICENSE)", "ada/labkit") == "[a](https://github.com/ada/labkit/blob/HEAD/LICENSE)"
    assert follow("`[a](b)`\n```\n[a](b)\n```") == "`[a](b)`\n```\n[a](b)\n```"


def test_badges_open_what_the_workflow_publishes(settings):
    asked = replace(settings, repository="ada/labkit", topics=(find("start"),))
    pages.elsewhere(asked)
    badges = notebooks.badges("lectures/00_start.ipynb", "ada/labkit")
    branch, path = badges["Open in Colab"].split("/blob/")[1].split("/", 1)
    assert f"--initial-branch {branch}" in (ROOT / ".github" / "workflows" / "site.yml").read_text()
    colab = nbformat.read(asked.extra / path, as_version=4)
    assert colab.cells[0].source == "%pip install --quiet git+https://github.com/ada/labkit"
    nbformat.validate(colab)
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(badges["Open in Binder"]).query)
    assert (ROOT / query["urlpath"][0].removeprefix("lab/tree/")).is_file()
    assert notebooks.badges("lectures/00_start.ipynb", "") == {}


# ── What was run is kept ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def plain_kernel(monkeypatch):
    """A kernel that does not load labkit to record explorers."""
    monkeypatch.setattr(execute, "BEFORE", "")


def test_a_change_of_the_text_runs_nothing_and_a_change_of_the_code_does(tmp_path, monkeypatch, plain_kernel):
    path, kept = tmp_path / "a.ipynb", tmp_path / "kept.json"
    nbformat.write(notebook("print(6 * 7)"), path)
    assert execute.executed(path, kept).cells[1].outputs[0].text == "42\n"

    def refused(*_):
        raise AssertionError("it ran again")

    monkeypatch.setattr(execute, "fresh", refused)
    changed = notebook("print(6 * 7)")
    changed.cells[0].source = "# Two"
    nbformat.write(changed, path)
    assert execute.executed(path, kept).cells[1].outputs[0].text == "42\n"
    nbformat.write(notebook("print(6 * 8)"), path)
    assert execute.executed(path, kept, run=False).cells[1].get("outputs") == []
    with pytest.raises(AssertionError, match="it ran again"):
        execute.executed(path, kept)


def test_a_change_of_a_module_that_was_used_runs_the_lecture_again():
    module = "docs/site/recorded.py"
    record = {"data": execute.bundled(), "files": {module: execute.digest(ROOT / module)}}
    assert execute.current(record)
    assert not execute.current(record | {"files": {module: "other"}})
    assert not execute.current(record | {"files": {"labkit/gone.py": "was here"}})


def test_a_cell_that_fails_fails_the_build(tmp_path, plain_kernel):
    path = tmp_path / "a.ipynb"
    nbformat.write(notebook("1 / 0"), path)
    with pytest.raises(execute.FailedCell, match=r"a\.ipynb: a cell failed[\s\S]*ZeroDivisionError"):
        execute.executed(path, tmp_path / "kept.json")
    assert not (tmp_path / "kept.json").exists()


def test_every_explorer_has_settings_that_its_controls_allow():
    from importlib import import_module

    from docs.site import recorded
    from labkit import explore

    assert set(recorded.SETTINGS) == set(explore.TOPICS)
    for key, settings in recorded.SETTINGS.items():
        first = import_module(f"labkit.explore._{key}").Settings()
        states = [replace(first, **changes) for changes in settings]
        assert len({first, *states}) == 4, f"two states of {key} are the same"


# ── The library and the first page ────────────────────────────────────────────────────────────────────────────────


def test_docstrings_keep_their_signs_their_formulas_and_their_columns():
    lines = ["One: |x| and x_.", "", "    y = |x|", "", "``a``  the first_", "``b``, ``c``   the *second*", "``d``², x"]
    assert marked_up(lines, module=True) == [
        "One: \\|x\\| and x\\_.",
        "",
        "::",
        "",
        "    y = |x|",
        "",
        "",
        "- ``a``: the first\\_",
        "- ``b``, ``c``: the \\*second\\*",
        "``d``\\ ², x",
    ]
    example = ["Runs::", "", "    f(*x)", "", "    >>> g(x_)", "    |1|", "", "``x_`` |y|"]
    assert marked_up(example, module=False) == [*example[:-1], "``x_`` \\|y\\|"]


def test_the_library_has_a_page_for_each_topic_that_names_what_it_offers():
    from labkit import attacks

    listed = interface.modules(SYLLABUS, common=True)
    assert set(listed["The topics"]) == {f"labkit.{topic.module}" for topic in SYLLABUS if topic.module}
    text = interface.page("labkit.attacks")
    assert ".. autofunction:: fgsm" in text
    assert ".. autoclass:: Linf" in text
    assert "Tensor" not in text
    assert {"fgsm", "pgd"} <= set(interface.public(attacks))


def test_every_function_and_class_is_described_on_one_page():
    from importlib import import_module

    described = {}
    for name in (name for names in interface.modules(SYLLABUS, common=True).values() for name in names):
        for entry in re.findall(r"^\.\. auto(?:class|function):: (\w+)$", interface.page(name), re.MULTILINE):
            described.setdefault(getattr(import_module(name), entry), []).append(name)
    assert len(described) > 400
    assert {value: names for value, names in described.items() if len(names) > 1} == {}
    assert ":py:obj:`Compose <labkit.augment.Compose>`" in interface.page("labkit.augment.image")


def test_the_table_of_peers_says_what_the_readme_says():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = pages.peers(readme).splitlines()[2:]
    assert len(rows) == len(SYLLABUS) - 1
    for topic, row in zip(SYLLABUS[1:], rows, strict=True):
        link, equal, measured = (part.strip() for part in row.strip("| ").split(" | "))
        assert link.startswith(f"[{topic.nr:02d} · {topic.title}](lectures/{topic.slug}.ipynb)")
        assert equal in readme
        assert measured.partition(" ([page]")[0] in readme
        assert f"({pages.results(topic)})" in measured


# ── The pages themselves ──────────────────────────────────────────────────────────────────────────────────────────


def built(folder, **environment):
    """``python -m docs.site`` into a folder."""
    asked = {"SITE_OUTPUT": str(folder / "site"), "SITE_WORK": str(folder / "work"), "SITE_REPOSITORY": "ada/labkit"}
    command = [sys.executable, "-m", "docs.site"]
    environment = os.environ | asked | environment
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


needs_sphinx = pytest.mark.skipif(
    importlib.util.find_spec("furo") is None, reason="needs Sphinx: pip install -e '.[docs]'"
)


@needs_sphinx
def test_a_small_site_builds_without_a_warning_and_asks_no_other_host(tmp_path):
    site = built(tmp_path, SITE_ONLY="start", SITE_EXECUTE="0")
    lecture = (site / "lectures" / "00_start.html").read_text(encoding="utf-8")
    assert 'id="cell-02"' in lecture
    assert "Open in Colab" in lecture
    assert (site / "notebooks" / "lectures" / "00_start.ipynb").is_file()
    assert (site / "searchindex.js").is_file()
    assert all(colour in (site / "_static" / "explorers.css").read_text() for colour in DARK)
    fetched = re.compile(r'<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)="(?:https?:)?//')
    for path in site.rglob("*.html"):
        assert not fetched.search(path.read_text(encoding="utf-8")), path.name
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", path.read_text(encoding="utf-8")), path.name


PAGES = (
    "index.html",
    "README.html",
    "lectures/00_start.html",
    "lectures/04_attacks.html",
    "exercises/04_attacks/04_attacks.html",
    "benchmarks/results/attacks.html",
    "decks/001.html",
    "api/labkit.attacks.html",
    "docs/teaching.html",
    "search.html?q=gradient",
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A site of two lectures, with everything that they show, on loopback."""
    site = built(tmp_path_factory.mktemp("site"), SITE_ONLY="start attacks")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


in_a_browser = [
    needs_sphinx,
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(browser.chromium() is None, reason="needs Chromium: apt-get install chromium"),
]


def refuse_the_network(page, own):
    """Only ``own`` addresses are answered; what else is asked for is refused and listed."""
    foreign = []

    def answer(route):
        if route.request.url.startswith((own, "data:", "blob:")):
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    page.route("**/*", answer)
    return foreign


class TestInABrowser:
    pytestmark = in_a_browser

    def test_ten_pages_ask_no_other_host_and_throw_no_error(self, served):
        _, address = served
        with browser.browser() as page:
            foreign, errors = refuse_the_network(page, address), []
            page.on("pageerror", lambda error: errors.append(str(error)))
            for name in PAGES:
                page.goto(f"{address}/{name}", wait_until="networkidle")
                wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                assert not page.evaluate(wide), f"{name} scrolls sideways"
                if name.startswith("lectures/04"):
                    assert page.locator(".katex").count() > 10
                    assert page.locator(".katex-error").count() == 0
                if name.startswith("search"):
                    page.locator("#search-results li a").first.wait_for()
        assert (foreign, errors) == ([], [])

    def test_pages_open_from_a_folder_without_a_server(self, served):
        site, _ = served
        with browser.browser() as page:
            foreign = refuse_the_network(page, "file://")
            page.goto((site / "lectures" / "04_attacks.html").as_uri())
            page.locator(".katex").first.wait_for()
        assert foreign == []

    def test_a_recorded_explorer_shows_another_state_by_keyboard(self, served):
        _, address = served
        with browser.browser() as page:
            page.goto(f"{address}/lectures/04_attacks.html")
            panels = page.locator(".recorded .panel")
            assert [panels.nth(i).is_visible() for i in range(4)] == [True, False, False, False]
            page.locator(".recorded input").first.focus()
            page.keyboard.press("ArrowRight")
            assert [panels.nth(i).is_visible() for i in range(4)] == [False, True, False, False]

    @pytest.mark.parametrize(("scheme", "width"), [("light", 1300), ("dark", 390)])
    def test_ten_pages_pass_axe_at_aa(self, served, scheme, width):
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        _, address = served
        found = {}
        with browser.browser(width=width) as page:
            page.emulate_media(color_scheme=scheme)
            for name in PAGES:
                page.goto(f"{address}/{name}", wait_until="networkidle")
                tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
                for violation in axe.run(page, options={"runOnly": tags}).response["violations"]:
                    found[name, violation["id"]] = [node["html"][:200] for node in violation["nodes"][:3]]
        assert found == {}


@needs_sphinx
@pytest.mark.slow
@pytest.mark.timeout(6000)
def test_the_whole_site_builds(tmp_path):
    """Twenty lectures run: about twenty minutes of CPU."""
    site = built(tmp_path)
    missing = [t.slug for t in SYLLABUS if not (site / "lectures" / f"{t.slug}.html").is_file()]
    assert missing == []
