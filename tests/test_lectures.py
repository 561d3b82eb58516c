"""A person's copies of the lectures: an update reaches those that were only run, and never meets a change."""

import json
import os
import shutil
import subprocess
from urllib.error import HTTPError

import nbformat
import pytest

from labkit.grading import cli, lab, lectures, notebooks, release, student
from labkit.grading.course import Course
from tests import lab as server
from tests import tiny

SOURCE = "# One\n\nSee [the results](../benchmarks/results/images.md)."


def lecture(*sources):
    """A lecture in normal form."""
    cells = [nbformat.v4.new_markdown_cell(SOURCE), *map(nbformat.v4.new_code_cell, sources)]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number:02d}"
    return notebooks.normal(nbformat.v4.new_notebook(cells=cells))


@pytest.fixture
def course(tmp_path):
    """A released course with two lectures."""
    folder = tmp_path / "course"
    folder.mkdir()
    made = tiny.build(folder)
    release.release(made, tiny.NAME)
    solution = made.solutions / tiny.NAME / tiny.FILE
    solution.write_text(notebooks.normal(notebooks.read(solution)))
    made.lectures.mkdir()
    for name in (lab.FIRST, "01_images.ipynb"):
        (made.lectures / name).write_text(lecture("6 * 7"))
    return made


def run(path):
    """Run a notebook and save it, as JupyterLab leaves it."""
    made = notebooks.read(path)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.execution_count = 3
            cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "42"}, execution_count=3)]
    made.metadata["language_info"]["version"] = "3.11.2"
    nbformat.write(made, path)


def test_each_lecture_has_a_copy_whose_links_lead_where_they_led(course):
    assert lectures.refresh(course) == []
    assert sorted(path.name for path in course.reading.iterdir()) == [lab.FIRST, "01_images.ipynb"]
    text = (course.reading / lab.FIRST).read_text()
    assert "](../../benchmarks/results/images.md)" in text
    assert (course.reading / "../../benchmarks").resolve() == (course.root / "benchmarks").resolve()


def test_a_copy_that_was_only_run_gets_the_update(course):
    lectures.refresh(course)
    copy = course.reading / lab.FIRST
    run(copy)
    saved = copy.read_bytes()
    assert lectures.refresh(course) == []
    assert copy.read_bytes() == saved, "its outputs stay until there is an update"
    (course.lectures / lab.FIRST).write_text(lecture("6 * 8"))
    assert lectures.refresh(course) == []
    assert copy.read_text() == lectures.moved(lecture("6 * 8"))


def test_a_copy_with_changes_stays_and_is_named_once_there_is_an_update(course, monkeypatch, capsys):
    lectures.refresh(course)
    copy = course.reading / lab.FIRST
    copy.write_text(copy.read_text().replace("6 * 7", "6 * 7  # mine"))
    assert lectures.refresh(course) == []
    (course.lectures / lab.FIRST).write_text(lecture("6 * 8"))
    assert lectures.refresh(course) == [lab.FIRST]
    assert "# mine" in copy.read_text()
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(lab, "run", lambda *_: 0)
    assert cli.run(["lab", "--no-browser"]) == 0
    assert "work/lectures/00_start.ipynb has your changes and stays." in capsys.readouterr().err
    copy.rename(copy.with_name("mine.ipynb"))
    assert lectures.refresh(course) == []
    assert "6 * 8" in copy.read_text()


def test_a_lost_memory_costs_no_copy(course):
    lectures.refresh(course)
    student.memory(course).unlink()
    assert lectures.refresh(course) == []
    (course.lectures / lab.FIRST).write_text(lecture("6 * 8"))
    assert lectures.refresh(course) == []
    assert "6 * 8" in (course.reading / lab.FIRST).read_text()


def test_a_course_that_cannot_be_written_is_read_all_the_same(course, monkeypatch, capsys):
    def refused(*_):
        raise notebooks.CourseError("work/lectures/00_start.ipynb can't be written: Permission denied")

    monkeypatch.setattr(lectures.notebooks, "write", refused)
    monkeypatch.setattr(lab, "run", lambda *_: 0)
    monkeypatch.chdir(course.root)
    assert cli.run(["lab", "--no-browser"]) == 0
    shown = capsys.readouterr()
    assert "no copies of the lectures: work/lectures/00_start.ipynb can't be written" in shown.err
    assert "/lab/tree/lectures/00_start.ipynb?" in shown.out


def git(folder, *words):
    """What git says; it knows the author, and nothing else of this machine."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    environment = os.environ | settings | dict.fromkeys(names, "ada@example.org")
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def save(url, path, add=""):
    """Run a notebook that is on the server, and save it there as JupyterLab does; what was saved.

    Args:
        add: what a person writes into each cell of code.
    """
    model = server.get(url, f"api/contents/{path}")
    for cell in model["content"]["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] += add
            cell["execution_count"] = 1
            result = {"output_type": "execute_result", "data": {"text/plain": "42"}, "metadata": {}}
            cell["outputs"] = [result | {"execution_count": 1}]
    server.get(url, f"api/contents/{path}", "PUT", {"type": "notebook", "format": "json", "content": model["content"]})
    return [cell.get("outputs") for cell in server.get(url, f"api/contents/{path}")["content"]["cells"]]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git: apt-get install git")
def test_a_pull_after_running_a_lecture_brings_the_new_one(course, tmp_path):
    shutil.copy(tiny.ROOT / ".gitignore", course.root)
    git(course.root, "init", "--quiet", "--initial-branch", "main")
    git(course.root, "add", "--all")
    git(course.root, "commit", "--quiet", "--message", "the course")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(course.root), str(clone))

    with server.started(clone, tmp_path / "home") as url:
        assert any(save(url, f"work/lectures/{lab.FIRST}")), "what was run in a copy is kept"
        for path in (
            f"lectures/{lab.FIRST}",
            f"exercises/{tiny.NAME}/{tiny.FILE}",
            f"solutions/{tiny.NAME}/{tiny.FILE}",
        ):
            assert not any(save(url, path)), "what was run in a file of git's is not"
        with pytest.raises(HTTPError) as refused:
            save(url, f"exercises/{tiny.NAME}/{tiny.FILE}", "\n# an answer")
        sentence = json.loads(refused.value.read())["message"]
        assert f"`labkit start {student.key_of(tiny.NAME)}` gives you your own copy" in sentence
        assert f"work/{tiny.NAME}/{tiny.FILE}" in sentence
    assert git(clone, "status", "--porcelain") == ""

    for name in (lab.FIRST, "01_images.ipynb"):
        (course.lectures / name).write_text(lecture("6 * 8"))
    git(course.root, "commit", "--quiet", "--all", "--message", "a new version")
    git(clone, "pull", "--quiet")
    with server.started(clone, tmp_path / "home") as url:
        cells = server.get(url, f"api/contents/work/lectures/{lab.FIRST}")["content"]["cells"]
    assert cells[-1]["source"] == "6 * 8"


def test_an_installed_package_lays_out_what_its_notebooks_link_to(tmp_path):
    text = lecture("6 * 7").replace(
        "benchmarks/results/images.md)", "benchmarks/results/images.md) [do](../exercises/01_images/01_images.ipynb)"
    )
    package = Course(tmp_path / "package", tmp_path / "mine")
    for name, content in (("lectures/01_images.ipynb", text), ("benchmarks/results/images.md", "# Measured\n")):
        notebooks.write(package.root / name, content)
    lectures.refresh(package)
    mine = package.reading / "01_images.ipynb"
    copied = mine.read_text()
    assert "](../../benchmarks/results/images.md)" in copied
    assert (mine.parent / "../../benchmarks/results/images.md").resolve().read_text() == "# Measured\n"
    assert "](../01_images/01_images.ipynb)" in copied, "one's own copy of the exercise"
    original = package.place / "lectures" / "01_images.ipynb"
    original.write_text(lecture("my own note"))
    notebooks.write(package.lectures / "01_images.ipynb", lecture("6 * 8"))
    assert lectures.refresh(package) == []
    assert "my own note" in original.read_text(), "a change is nobody's to throw away"
    assert "6 * 8" in mine.read_text()
