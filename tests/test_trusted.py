"""What counts of a notebook is one rule: ``labkit check`` and ``labkit grade`` say the same, in the same words."""

import shutil

import pytest
from nbformat import v4

from labkit.grading import grade, notebooks, release, selfcheck
from labkit.grading.course import Course
from labkit.grading.engine.nbgrader import cells
from labkit.grading.trusted import trusted
from tests import tiny
from tests.engine_double import contained
from tests.test_cli_grade import scores

SETUP = "limit = 10"
EDITED = "setup: the cell is part of the exercise and was edited; the original was run"


def exercise():
    """The tiny exercise with a locked cell and a locked text before its tasks."""
    made = tiny.notebook()
    text = v4.new_markdown_cell("Read this.")
    text.metadata["nbgrader"] = tiny.metadata("intro", locked=True)
    made.cells[1:1] = [text, tiny.code(SETUP, "setup", locked=True)]
    return made


@pytest.fixture
def course(tmp_path):
    made = tiny.build(tmp_path, exercise())
    release.release(made, tiny.NAME)
    return made


@pytest.fixture
def given(course):
    """The notebook as it was given out, to be answered."""
    made = notebooks.read(course.exercises / tiny.NAME / tiny.FILE)
    for name in ("double", "mean"):
        tiny.cell(made, name).source = {"double": tiny.DOUBLE, "mean": tiny.MEAN}[name]
    tiny.cell(made, "why").source = "Because."
    return made


def released(course):
    return cells.released(tiny.NAME, notebooks.read(course.exercises / tiny.NAME / tiny.FILE))


def names(notebook):
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]


def put_right(course, notebook):
    before = notebooks.normal(notebook)
    made, remarks = trusted(notebook, released(course))
    assert notebooks.normal(notebook) == before, "it is a pure function"
    return made, [str(remark) for remark in remarks]


def test_what_a_student_may_edit_is_the_students(course, given):
    given.cells.insert(4, v4.new_code_cell("extra = 1"))
    made, remarks = put_right(course, given)
    assert remarks == []
    assert [cell.source for cell in made.cells] == [cell.source for cell in given.cells]
    assert tiny.cell(made, "mean").source == tiny.MEAN


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("setup", "the cell is part of the exercise and was edited; the original was run"),
        ("intro", "the text is part of the exercise and was edited; the original is shown"),
        ("test_mean", "the test was edited; the original was run"),
    ],
)
def test_a_released_cell_is_the_releases(course, given, name, says):
    original = tiny.cell(given, name).source
    tiny.cell(given, name).source = "import math\n" + original
    made, remarks = put_right(course, given)
    assert tiny.cell(made, name).source == original
    assert remarks == [f"{name}: {says}"]


def test_blanks_at_the_ends_of_lines_are_no_change(course, given):
    tiny.cell(given, "setup").source = "\n" + SETUP + "  \n"
    assert put_right(course, given)[1] == []


def test_deleted_cells_come_back_where_they_stood(course, given):
    order = names(given)
    given.cells = [cell for cell in given.cells if cell.metadata.get("nbgrader", {}).get("grade_id") not in
                   ("intro", "setup", "test_double_empty", "why", "mean")]  # fmt: skip
    made, remarks = put_right(course, given)
    missing = "the cell was missing; the original was put back"
    assert remarks == [f"{name}: {missing}" for name in ("setup", "test_double_empty", "why")]
    kept = [name for name in names(made) if name]
    assert kept == [name for name in order if name and name != "mean"], "an answer may stand elsewhere"


def test_metadata_types_copies_and_places_are_the_releases(course, given):
    tiny.cell(given, "test_mean").metadata.nbgrader.points = 99
    tiny.cell(given, "double").metadata.nbgrader.grade = True
    tiny.cell(given, "setup").cell_type = "markdown"
    given.cells.append(
        v4.new_code_cell("pass", metadata={"nbgrader": dict(tiny.cell(given, "test_mean").metadata.nbgrader)})
    )
    given.cells.append(v4.new_code_cell("pass", metadata={"nbgrader": tiny.metadata("bonus", grade=True, points=50)}))
    made, remarks = put_right(course, given)
    assert tiny.cell(made, "setup").cell_type == "code"
    assert "bonus" not in names(made)
    assert [
        cell.metadata.nbgrader.points
        for cell in made.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "test_mean"
    ] == [2]
    assert sorted(remarks) == sorted([
        "double: the cell's nbgrader metadata was changed; the original's was used",
        "test_mean: the cell was there more than once; the last one counts",
        "test_mean: the test was edited; the original was run",
        "test_mean: the test cell was moved",
        *[f"{name}: the test cell was moved" for name in ()],
    ])  # fmt: skip


def both(course, notebook):
    """What ``labkit check`` and ``labkit grade`` say of a notebook: points, remarks."""
    path = tiny.hand_in(course, "ada", notebook) if course.submitted else None
    assert path is not None
    work = course.work / path.parent.name
    shutil.copytree(path.parent, work)
    verdict = selfcheck.examine(work / path.name, release=course.exercises / path.parent.name / path.name)
    [row] = grade.grade(course, path.parent.name, ["ada"], jobs=1, sandboxed=contained())
    return verdict, row


def test_check_and_grade_agree_on_an_edited_setup_and_say_so_in_the_same_words(course, given):
    tiny.cell(given, "setup").source = "import math\n" + SETUP
    tiny.cell(given, "mean").source = "def mean(numbers):\n    return math.fsum(numbers) / len(numbers)"
    verdict, row = both(course, given)
    assert verdict.points == sum(score for name, score in scores(row).items() if name.startswith("test")) == 3
    assert [result.status for result in verdict.results] == ["right", "right", "wrong"]
    assert EDITED in verdict.remarks
    assert EDITED in row.remarks


def test_check_and_grade_agree_on_a_deleted_setup(course, given):
    given.cells = [cell for cell in given.cells if cell.source != SETUP]
    tiny.cell(
        given, "mean"
    ).source = "def mean(numbers):\n    assert limit == 10\n    return sum(numbers) / len(numbers)"
    verdict, row = both(course, given)
    assert verdict.points == sum(score for name, score in scores(row).items() if name.startswith("test")) == 5
    [remark] = verdict.remarks
    assert remark == "setup: the cell was missing; the original was put back"
    assert remark in row.remarks


@pytest.mark.slow
def test_check_and_grade_agree_on_exercise_04(tmp_path, monkeypatch):
    """``import math`` was added to its locked cell and used in an answer."""
    name = "04_attacks"
    for folder in ("solutions", "exercises"):
        shutil.copytree(tiny.ROOT / folder / name, tmp_path / folder / name)
    shutil.copy(tiny.ROOT / "nbgrader_config.py", tmp_path)
    course = Course(tmp_path, tmp_path)
    notebook = notebooks.read(course.solutions / name / f"{name}.ipynb")
    tiny.cell(notebook, "setup").source += "\nimport math"
    answer = tiny.cell(notebook, "fgsm")
    answer.source = answer.source.replace("### BEGIN SOLUTION", "math.pi", 1)
    monkeypatch.setattr(tiny, "NAME", name)
    monkeypatch.setattr(tiny, "FILE", f"{name}.ipynb")
    verdict, row = both(course, notebook)
    checks = {mark.name: mark.score for mark in row.marks if not mark.manual}
    assert verdict.points == sum(checks.values()) < verdict.maximum
    assert EDITED in verdict.remarks
    assert EDITED in row.remarks
