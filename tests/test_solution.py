"""``labkit solution``: the model answer after an attempt, in a clone and from a package, and never in a sandbox."""

import importlib.util
import shutil

import nbformat
import pytest

from labkit import checks
from labkit.grading import cli, model_answers, notebooks, release, screen, student
from labkit.grading.course import Course
from labkit.grading.engine.copy import reduced
from labkit.topics import SYLLABUS
from tests import tiny

ROOT = tiny.ROOT
TOPICS = {topic.slug: topic.key for topic in SYLLABUS if (ROOT / "exercises" / topic.slug).is_dir()}
MARKDOWN = nbformat.v4.new_markdown_cell


def notebook():
    """The small exercise with headings, and what one should see."""
    made = tiny.notebook()
    cells = made.cells
    seen = MARKDOWN(
        "<details><summary>What you should see</summary>\n\n"
        "Twice each\nnumber, **always**,\n*not* `a * b * c`.\n</details>"
    )
    headings = [
        MARKDOWN(f"## {n} · {title}  (2 points)") for n, title in ((1, "Twice"), (2, "The mean"), (3, "In words"))
    ]
    made.cells = [
        *cells[:2],
        headings[0],
        cells[2],
        seen,
        *cells[3:5],
        headings[1],
        *cells[5:8],
        headings[2],
        *cells[8:],
    ]
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"
    return made


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A released course, to be copied."""
    made = tiny.build(tmp_path_factory.mktemp("course"), notebook())
    release.release(made, tiny.NAME)
    return made.root


@pytest.fixture(params=["a clone", "a package"])
def here(request, released, tmp_path, monkeypatch):
    """A released course with the exercise started, as a clone and as a package hold it."""
    shutil.copytree(released, tmp_path, dirs_exist_ok=True)
    made = Course(tmp_path, tmp_path)
    if request.param == "a package":
        (made.root / "solutions").rename(made.root / "answers")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    student.start(made, "images")
    return made


def write(here, name, source):
    """Write into an answer's cell of the student's copy."""
    path = here.work / tiny.NAME / tiny.FILE
    own = notebooks.read(path)
    tiny.cell(own, name).source = source
    nbformat.write(own, path)


def solution(capsys, *words):
    """The exit status of the command, and what it shows."""
    status = cli.run(["solution", "images", *words])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_a_model_answer_comes_after_an_attempt(here, capsys):
    status, out, err = solution(capsys, "1")
    assert (status, out) == (2, "")
    assert err.startswith("labkit: you have not tried task 1 (double) of 01_images yet")
    assert err.count("\n") == 1
    stub = tiny.cell(notebooks.read(here.work / tiny.NAME / tiny.FILE), "double").source
    for blank in (stub + "\n\n# a remark", "", "   "):
        write(here, "double", blank)
        assert solution(capsys, "double")[0] == 2, "what Python does not read is no attempt"
    for wrong in ("def double(numbers):\n    return numbers", "def double(numbers:\n"):
        write(here, "double", wrong)
        status, out, err = solution(capsys, "double")
        assert (status, err) == (0, "")
    assert "doubled = [2 * number for number in numbers]" in out
    assert "Twice each number, **" not in out
    assert "Twice each number, always, not `a * b * c`." in out, "the reason flows"
    assert "SOLUTION" not in out
    assert "sum(numbers)" not in out


def test_without_a_task_all_that_were_tried_are_shown(here, capsys):
    assert solution(capsys)[0] == 2
    write(here, "mean", "def mean(numbers):\n    return 0")
    write(here, "why", "I think so.")
    status, out, _ = solution(capsys)
    assert status == 0
    assert "sum(numbers) / len(numbers)" in out
    assert "Because a label must stay true under every transform." in out
    assert out.endswith("Not tried yet: 1 (double).\n")
    student.start(here, "images", fresh=True)
    assert solution(capsys, "2")[0] == 0, "an attempt in an older copy counts"


def test_bad_input_is_one_sentence(here, capsys):
    assert "has no task '9'; there are: 1 (double), 2 (mean), 3 (why)" in solution(capsys, "9")[2]
    for folder in ("solutions", "answers"):
        shutil.rmtree(here.root / folder, ignore_errors=True)
    status, _, err = solution(capsys, "1")
    assert status == 2
    assert "01_images has no model answers here" in err
    assert cli.run(["solution", "cooking"]) == 2


def test_a_line_of_code_stays_one_line_in_a_narrow_window(here, capsys, monkeypatch):
    monkeypatch.setattr(screen.out, "width", 30)
    write(here, "double", "def double(numbers):\n    return numbers")
    assert "    doubled = [2 * number for number in numbers]\n" in solution(capsys, "double")[1]


@pytest.mark.parametrize("slug", TOPICS)
def test_every_task_of_the_course_has_one(slug):
    answers = model_answers.read(Course(ROOT, ROOT), slug)
    assert {answer.check for answer in answers if not answer.written} == {c.key for c in checks.of(TOPICS[slug])}
    assert [answer.number for answer in answers] == sorted(answer.number for answer in answers)
    assert all(answer.number and answer.title and answer.text for answer in answers)
    [written] = [answer for answer in answers if answer.written]
    assert written.means(str(written.number))


def test_a_package_holds_them_and_no_sandbox_does(tmp_path):
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    held = {hook.laid(path).as_posix() for path in hook.course(ROOT)}
    assert {f"answers/{slug}/{slug}.ipynb" for slug in TOPICS} <= held
    assert not any(name.startswith("solutions/") for name in held)
    package = tmp_path / "labkit"
    (package / "_course" / "answers").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "_course" / "answers" / "a.ipynb").write_text("the model answer")
    for forbidden in (None, ()):
        names = [name for name, _ in reduced.contents(forbidden, package)]
        assert "labkit/__init__.py" in names
        assert not [name for name in names if "_course" in name]
