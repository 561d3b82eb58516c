"""Pages, attacked a second time: by texts, displays, drawings and names of the class in ``tests/attackers``."""

import json
import re
import unicodedata

import pytest
from jupyter_client.manager import KernelManager
from jupyter_server.services.sessions.sessionmanager import SessionManager
from nbformat import v4

from labkit.grading import roster, screen
from labkit.grading.engine.nbgrader import intake
from labkit.grading.pages import clean, drawings, exporting, server
from tests.attackers import pages
from tests.test_pages import Found, needs_browser, opened, page_of

MARKDOWN, DISPLAYS = pages.markdown(), pages.displays()
CALLS = re.compile(
    r"(src|srcset|poster|background|action|ping|data|lowsrc|dynsrc)=[\"']?\s*(https?:|//)", re.IGNORECASE
)


class Attributes(Found):
    """What a page holds that could run, call another host, or be found by a page's own script."""

    def handle_starttag(self, tag, attrs):
        super().handle_starttag(tag, attrs)
        for name, value in attrs:
            odd = name in (
                "id",
                "name",
                "slot",
                "part",
                "is",
                "tabindex",
                "accesskey",
                "contenteditable",
                "ping",
                "target",
            )
            moves = name == "style" and re.search(
                r"url|calc|min\(|max\(|-\s*\d|position|transform|inset|anim", value or ""
            )
            if (
                odd
                or moves
                or (name == "class" and value not in {"", "highlight", "mermaid", "dataframe"} | clean.SHADES)
            ):
                self.active.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("name", MARKDOWN)
def test_a_text_runs_nothing_calls_nobody_and_stays_in_its_place(name):
    shown = exporting.clean_html(exporting.render(MARKDOWN[name]))
    assert set(Attributes(shown).active) <= {"math"}
    assert not CALLS.search(shown)
    kept = exporting.markdown(MARKDOWN[name])
    assert kept in (MARKDOWN[name], clean.fenced(MARKDOWN[name]))


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_display_runs_nothing_calls_nobody_and_stays_in_its_place(name):
    data, metadata = DISPLAYS[name]
    kept = clean.output({"output_type": "display_data", "data": data, "metadata": metadata}, exporting.render)
    assert set(kept["data"]) <= {*clean.TEXTS, "text/html", "text/markdown", "image/png", "image/svg+xml"}
    assert not Attributes(str(kept["data"].get("text/html", ""))).active
    drawing = str(kept["data"].get("image/svg+xml", ""))
    assert not re.search(r"script|onload|onerror|animate|<set|foreign|elsewhere|javascript|xhtml|@import", drawing)
    assert drawing.count("<use") <= 10
    assert "ran-" not in json.dumps([kept["metadata"], kept["data"].get("image/png")])


def test_an_honest_drawing_uses_its_letters_again():
    letters = '<defs><path id="a" d="M 0 0"/></defs><g id="b"><use href="#a"/></g><use xlink:href="#a" x="9"/>'
    assert drawings.clean(f"{pages.SVG}{letters}</svg>").count("use") == 2


@pytest.mark.parametrize("name", pages.ENDLESS)
def test_what_has_no_end_is_shown_as_typed_or_not_at_all_and_soon(name):
    """Each took minutes to hours before, in the one process that writes marks: the next line would not be reached."""
    kind, text = pages.ENDLESS[name]
    notebook = v4.new_notebook(cells=[v4.new_code_cell("", outputs=[v4.new_output("display_data", {kind: text})])])
    exporting.Sanitized().preprocess(notebook, {})
    [output] = notebook.cells[0].outputs
    shown = output.data[kind]
    assert len(shown) <= 6 * len(text)
    if kind == "text/html":
        assert len(exporting.clean_html(shown)) <= 6 * len(text)
        assert shown.startswith("<p")
    else:
        assert shown == clean.fenced(text)


def test_many_long_texts_in_outputs_have_one_budget():
    begins = r"\begin{a}" * 2000 + "](x)"
    outputs = [v4.new_output("display_data", {"text/markdown": f"{i} {begins}"}) for i in range(60)]
    notebook = v4.new_notebook(cells=[v4.new_code_cell("", outputs=outputs)])
    rendered = exporting.Renderings()
    clean.outputs(notebook.cells[0].outputs, rendered)
    assert rendered.left < 0
    assert [rendered(text) for text in ("short", begins)] == [None, None]


def test_a_text_that_changes_its_colour_without_end_has_none():
    outputs = [v4.new_output("stream", text="\x1b[31ma" * 200_000), v4.new_output("stream", text="\x1b[31ma\x1b[0m")]
    page = page_of(v4.new_notebook(cells=[v4.new_code_cell("print()", outputs=[output]) for output in outputs]))
    assert "a" * 200_000 in page
    assert page.count('ansi-red-fg"') == 1


@pytest.mark.parametrize(
    "text",
    [
        '<span style="color: rgb(1 2 3 / 50%); background-color: hsl(9, 1%, 2%)">x</span>',
        '<div style="display: grid; grid-template-columns: repeat(2, minmax(0px, 1fr))">x</div>',
        '<p style="font-family: sans-serif; font-size: x-large">x</p>',
        "<ul>" + "<li>x" * 3000 + "</ul>",
        "<table>" + "<tr><td>1</td><td><b>2</b></td></tr>" * 3000 + "</table>",
    ],
)
def test_what_honest_programs_write_stays(text):
    kept = clean.html(text)
    assert kept.count("style=") == text.count("style=")
    assert kept.count(";") == text.count(";")
    assert not clean.knotted(text)


NAMES = (
    "<img src=x onerror=1> Eve",
    "Eve\u202e\u2066 live",
    "Eve\x1b[2J\x1b[H17/17",
    "Eve`;\\x",
    'Eve" onload="1',
    "Eve\u200b\ufeff A",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_persons_name_is_words_on_a_page_and_on_a_terminal(name):
    first, last = roster.split(f"{name}, Ada") or ("", "")
    for part in (first, last, screen.plain(name).plain.replace("\N{REPLACEMENT CHARACTER}", "")):
        assert not any(unicodedata.category(c) in ("Cc", "Cf") for c in part)
    assert not set(first + last) & set('<>&"`\\')


@pytest.mark.browser
@needs_browser
@pytest.mark.filterwarnings("ignore:Your element with mimetype")
@pytest.mark.parametrize("policy", ["with its policy", "without"])
def test_all_of_them_at_once_run_nothing_and_ask_nobody(policy, tmp_path):
    notebook = v4.new_notebook()
    for text in MARKDOWN.values():
        notebook.cells += [v4.new_markdown_cell(text), v4.new_raw_cell(text)]
    for data, metadata in DISPLAYS.values():
        output = v4.new_output("display_data", {k: v for k, v in data.items() if "/" in k}, metadata=metadata)
        notebook.cells.append(v4.new_code_cell("show()", outputs=[output]))
    page = page_of(notebook)
    if policy == "without":
        page = re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", page)
    assert opened(page, tmp_path) == (set(), set())


@pytest.mark.browser
@needs_browser
def test_nothing_of_a_cell_is_painted_over_the_next(tmp_path):
    from tests import browser

    data, _ = DISPLAYS["cover"]
    cells = [v4.new_code_cell("show()", outputs=[v4.new_output("display_data", data)]), v4.new_markdown_cell("next")]
    path = tmp_path / "page.html"
    path.write_text(page_of(v4.new_notebook(cells=cells)))
    with browser.browser() as page:
        page.goto(path.as_uri())
        box = page.get_by_text("next", exact=True).bounding_box()
        at = [box["x"] + 5, box["y"] + box["height"] / 2]
        assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).textContent", at) == "next"


# ── opening a notebook ────────────────────────────────────────────────────────────────────────────────────────────────

PROGRAMS = ("ipykernel_launcher.py", "pathlib.py", "runpy.py")


@pytest.fixture
def careful(monkeypatch):
    """Jupyter's sessions as a server of a course has them."""
    monkeypatch.setattr(SessionManager, "get_kernel_env", SessionManager.get_kernel_env)
    server.kernels(frozenset({"submitted", "autograded"}))
    return SessionManager.get_kernel_env


def test_a_kernel_that_is_opened_beside_a_submission_runs_no_file_of_it(careful, tmp_path):
    for name in PROGRAMS:
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit")
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path), env=careful(None, "submitted/eve/ps1/p.ipynb"))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        assert not (tmp_path / "ran").exists()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_elsewhere_a_notebook_finds_the_files_beside_it(careful):
    assert "PYTHONSAFEPATH" not in careful(None, "work/04_attacks.ipynb")
    assert careful(None, "autograded/eve/ps1/p.ipynb")["PYTHONSAFEPATH"] == "1"


@pytest.mark.parametrize("name", ["ipykernel_launcher.py", "ipykernel_launcher/__main__.py", "ipykernel_launcher.so"])
def test_a_file_that_passes_for_jupyters_program_is_left_out(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("1")
    (tmp_path / "helper.py").write_text("1")
    found = intake.scan(tmp_path)
    assert list(found.files) == ["helper.py"]
    assert found.refused == [f"{name} was left out: a Jupyter kernel that is started beside it would run it"]


# ── files beside a notebook ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_in_the_place_of_one_of_the_exercise_is_left_out(tmp_path):
    """A folder called as the course's own file kept a submission from being run, as if the machine had failed."""
    for name in ("data.csv/x", "more", "mine/x", "kept.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    found = intake.scan(tmp_path)
    found.make_room(["data.csv", "more/a/b.png", "kept.txt"])
    assert sorted(found.files) == ["kept.txt", "mine/x"]
    assert len(found.refused) == 2
    assert all("in the place of a file of the exercise" in sentence for sentence in found.refused)


def test_a_path_that_would_be_too_long_elsewhere_is_left_out(tmp_path):
    """What can be read in submitted/ and not be written in autograded/ stopped the run of the class."""
    folder = tmp_path.joinpath(*["d" * 200] * 5)
    folder.mkdir(parents=True)
    (folder / "x").write_text("1")
    assert intake.scan(tmp_path).files == {}
    assert "its path is too long" in intake.scan(tmp_path).refused[0]
