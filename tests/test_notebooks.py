"""Every lecture runs from a clean kernel; every exercise gives its solution all the points and its release none."""

import io
import os
import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from labkit import checks
from labkit.grading import grade, lectures, release
from labkit.grading.course import Course
from labkit.topics import SYLLABUS
from tests import claims
from tests.engine_double import contained, plain_nbgrader_runs
from tests.test_pages import page_of
from tests.tiers import few

ROOT = Path(__file__).resolve().parents[1]
LECTURES = sorted((ROOT / "lectures").glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((ROOT / "solutions").glob("*/[0-9]*.ipynb"))
EXERCISES = sorted(path.name for path in (ROOT / "exercises").iterdir() if path.is_dir())
KEYS = {topic.slug: topic.key for topic in SYLLABUS}


@pytest.mark.parametrize("path", few(LECTURES, "00_start", "18_linkage"))
def test_a_lecture_runs_from_a_clean_kernel(path, tmp_path):
    shutil.copy(path, tmp_path)
    notebook = nbformat.read(tmp_path / path.name, as_version=4)
    claims.bind(notebook)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [(cell.source, output) for cell in notebook.cells for output in cell.get("outputs", [])]
    loud = [(source, o.text) for source, o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert not loud, "a lecture warns its reader of something"
    pictures = [o.data for _, o in outputs if "text/html" in o.get("data", {}) and "<img" in o.data["text/html"]]
    assert pictures, "a lecture without a picture"
    assert all('alt="' in data["text/html"] for data in pictures)
    assert claims.broken(notebook) == [], "the text claims a number that the run does not give"


# What ``full = True`` would train for minutes, a little of it: what to replace in a lecture's cells.
LITTLE = {
    "01_images": {"(5, 32) if full": "(1, 8) if full"},
    "02_mixing": {"(2000 if full": "(20 if full"},
    "03_selftrain": {"52 if full": "2 if full"},
    "04_attacks": {},
    "05_text": {"20 if full": "2 if full"},
    "09_medical": {"(64, 400) if": "(64, 2) if"},
    "11_style": {
        "(160, 200) if full": "(40, 2) if full",
        'finetune.load("squeezenet")': 'finetune.load("squeezenet", weights=None)',
    },
    "06_audio": {"20 if full": "1 if full", "steps=80": "steps=4"},
    "08_series": {"10 if full": "2 if full", "range(3)]": "range(2)]"},
    "10_learned": {"(10, 600) if full": "(1, 2) if full"},
    "07_video": {"10 if full": "1 if full"},
    "12_gan": {"5 if full else 1": "2 if full else 1", "steps=240": "steps=10"},
    "13_refine": {
        "10_000, 2000": "64, 15",
        "width=64 if": "width=8 if",
        "iterations=50": "iterations=2",
        "iterations=180": "iterations=3",
    },
    "14_finetune": {"(1, 5, 20, 100), 5 if full else 1, 150": "(1,), 1 if full else 1, 2"},
    "16_domain": {"data.photographs(), 12000": "data.photographs(), 4"},
    "17_fair": {"            epochs=10,\n        )": "            epochs=1,\n        )"},
    "18_linkage": {},
    "19_membership": {"15 if full": "2 if full", "66 if full": "4 if full", "4000 if full": "20 if full"},
    "20_dti": {"10 if full": "2 if full", "1500 if full": "30 if full"},
}
REAL_DATA = ("17_fair", "18_linkage")  # their full size reads what LABKIT_DATA names
# Real handwriting in the shape of MNIST's, only smaller: 16×16 pixels, 1,297 and 500 of them.
SMALL_MNIST = """
from dataclasses import replace
from labkit import data

def mnist(split):
    digits = data.digits(split)
    return replace(digits, x=digits.x.repeat_interleave(2, 2).repeat_interleave(2, 3))

data.mnist = mnist
"""


@pytest.mark.slow
@pytest.mark.parametrize("slug", LITTLE)
def test_the_full_size_of_a_lecture_runs(slug, tmp_path):
    """Its code, on a little: what would go wrong is a shape, a device, or a set of digits that lacks something."""
    if slug in REAL_DATA and "LABKIT_DATA" not in os.environ:
        pytest.skip("needs real data sets: set LABKIT_DATA to the folder that holds them")
    notebook = nbformat.read(ROOT / "lectures" / f"{slug}.ipynb", as_version=4)
    for before, after in ({"full = False": "full = True"} | LITTLE[slug]).items():
        holding = [cell for cell in notebook.cells if cell.cell_type == "code" and before in cell.source]
        assert holding, f"the lecture no longer holds {before!r}"
        for cell in holding:
            cell.source = cell.source.replace(before, after)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SMALL_MNIST))
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_cells_of_a_lecture_are_short(path):
    """At most 30 lines of code, however many rows a long one is laid out in."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and not cell.source.startswith("%"):
            words = tokenize.generate_tokens(io.StringIO(cell.source).readline)
            assert sum(word.type == tokenize.NEWLINE for word in words) <= 30, cell.source


TASK = re.compile(r"^## \d+ · .*\((\d+) points?, (\d+) minutes(, (?:easy|medium|hard))?\)$", re.MULTILINE)
TIME = re.compile(r"\*\*Time\.\*\* About (an hour|(\d+) minutes); each task says how long it takes\.")


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_an_exercise_says_what_each_task_takes(path):
    """Points, minutes and difficulty in its heading; the minutes add up to what the opening says."""
    texts = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    headings = [line for text in texts for line in text.splitlines() if re.match(r"## \d+ · ", line)]
    tasks = [TASK.fullmatch(line) for line in headings]
    assert all(tasks), [line for line, task in zip(headings, tasks, strict=True) if not task]
    assert [bool(task[3]) for task in tasks] == [True] * (len(tasks) - 1) + [False], "all but the answer in words"
    opening = TIME.search(texts[0])
    assert opening
    assert abs(sum(int(task[2]) for task in tasks) - int(opening[2] or 60)) <= 5
    assert f"../../lectures/{path.stem}.ipynb" in texts[0]


COLUMNS = 100  # what a code cell shows at JupyterLab's usual width without scrolling


@pytest.mark.parametrize("path", [*LECTURES, *SOLUTIONS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_code_needs_no_scrolling_sideways(path):
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [line for source in cells for line in source.splitlines() if len(line) > COLUMNS] == []


PAGES = [
    *LECTURES,
    *SOLUTIONS,
    *sorted((ROOT / "exercises").glob("*/[0-9]*.ipynb")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks" / "results").glob("*.md")),
]
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)?)\)")


def dead_links(text, folder):
    """The links of a text to files that are not there, for a text that lies in a folder."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    links = [link for link in LINK.findall(text) if not re.match(r"[a-z]+:|#|attachment:", link)]
    return [link for link in links if not os.path.exists(os.path.normpath(folder / link.partition("#")[0]))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_of_the_course(path):
    """A lecture's links do so from a person's copy, too."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert dead_links(text, path.parent) == []
    if path in LECTURES:
        copied = dead_links(lectures.moved(text), ROOT / "work" / "lectures")
        assert [link for link in copied if not (path.parent / link).is_file()] == [], "not even a neighbour"


def test_a_dead_link_is_found():
    assert dead_links("[a](README.md) [b](nowhere.md) `[c](x.md)` [d](https://x.org) [e](#top)", ROOT) == ["nowhere.md"]


@pytest.fixture
def handed_in(tmp_path, request):
    """A course with one exercise, handed in solved and untouched."""
    slug = request.param
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    shutil.copytree(ROOT / "solutions" / slug, tmp_path / "solutions" / slug)
    course = Course(tmp_path, tmp_path)
    release.release(course, slug)
    shutil.copytree(course.solutions / slug, course.submitted / "solved" / slug)
    shutil.copytree(ROOT / "exercises" / slug, course.submitted / "untouched" / slug)
    return course, slug


def total(slug):
    """The points of an exercise's checks."""
    return sum(check.points for check in checks.of(KEYS[slug]))


# One of each kind of exercise; the others run with `make test-all` and in CI.
SOME = ("01_images", "04_attacks", "05_text")


@pytest.mark.parametrize("handed_in", few(EXERCISES, *SOME), indirect=True)
def test_the_solution_earns_all_and_the_release_nothing(handed_in):
    course, slug = handed_in
    rows = {row.student: row for row in grade.grade(course, slug, sandboxed=contained())}
    assert rows["solved"].points == total(slug), rows["solved"].wrong
    assert rows["untouched"].points == 0
    assert rows["solved"].pending == 1, "one answer in words waits for a person"
    graded = nbformat.read(course.root / "autograded" / "solved" / slug / f"{slug}.ipynb", as_version=4)
    failed = [(c.source, o.evalue) for c in graded.cells for o in c.get("outputs", []) if o.output_type == "error"]
    assert failed == [], "a cell needs what isn't in the grader's sandbox"


@pytest.mark.slow
@pytest.mark.parametrize("handed_in", EXERCISES, indirect=True)
def test_plain_nbgrader_agrees(handed_in):
    course, slug = handed_in
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}

    def nbgrader(*words):
        command = [sys.executable, "-m", "nbgrader", *words]
        done = subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-2000:]

    plain_nbgrader_runs(course.root)
    nbgrader("autograde", slug)
    nbgrader("export", "--to", "grades.csv")
    lines = [line.split(",") for line in (course.root / "grades.csv").read_text().splitlines()]
    scores = {row["student_id"]: float(row["score"]) for row in (dict(zip(lines[0], line)) for line in lines[1:])}
    assert scores == {"solved": total(slug), "untouched": 0}


def test_an_exercise_names_each_check_of_its_topic_once():
    for slug in EXERCISES:
        text = (ROOT / "exercises" / slug / f"{slug}.ipynb").read_text(encoding="utf-8")
        for check in checks.of(KEYS[slug]):
            assert text.count(f'check(\\"{check.key}\\",') == 1


TWO_CHECKS = {"15_transfer": 2}  # checks whose picture and prediction stand at the next one of the same task
FOLDED = re.compile(r"<details>\n?<summary>(Hint|What you should see)</summary>\n\n(.+?)\n</details>", re.DOTALL)


def tasks_of(path):
    """The tasks of an exercise with a check: for each its text, and what is folded in it by its summary."""
    tasks, text = [], ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            text = ""
        text += cell.source + "\n" if cell.cell_type == "markdown" else ""
        if cell.source.startswith("check("):
            tasks.append((cell.source, text, dict(FOLDED.findall(text))))
    return tasks


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_each_task_has_a_hint_and_what_one_should_see(path):
    """Folded in both: Markdown within ``details`` is read as such only after an empty line."""
    tasks = tasks_of(path)
    assert len(tasks) == len(checks.of(KEYS[path.stem]))
    for source, text, folded in tasks:
        assert len(folded.get("Hint", "")) > 20, source
        assert text.count("<details>") == text.count("</details>") == len(FOLDED.findall(text)), source
    seen = [folded["What you should see"] for _, _, folded in tasks if "What you should see" in folded]
    asked = {source for source, text, _ in tasks if "**Predict.**" in text}
    answered = [source for source, _, folded in tasks if "**The prediction.**" in folded.get("What you should see", "")]
    assert len(seen) >= len(tasks) - TWO_CHECKS.get(path.stem, 0)
    assert len(asked - set(answered)) == TWO_CHECKS.get(path.stem, 0)


def test_a_hint_shows_as_text_in_a_page():
    """The pages keep what is folded, and its Markdown is read."""
    [path] = [path for path in SOLUTIONS if path.stem == "01_images"]
    cell = next(c for c in nbformat.read(path, as_version=4).cells if c.id == "task-affine")
    page = page_of(nbformat.v4.new_notebook(cells=[cell]))
    assert re.search(r"<details>\s*<summary>Hint</summary>\s*<p><code>torch.deg2rad</code>", page), page[-3000:]
