"""A small class is graded, told and listed; a broken submission costs the others nothing."""

import contextlib
import csv
import io
import os
import shutil
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import pytest
from nbgrader import dbutil
from nbgrader.api import get_alembic_version
from sqlalchemy import text

from labkit.grading import classic, cli, feedback, grade, grades, marks, notebooks, release, tracebacks
from labkit.grading.course import Course, CourseError
from labkit.grading.engine import run
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.work import workers
from labkit.grading.marks import Mark, Row
from tests import tiny
from tests.engine_double import contained, plain_nbgrader_runs

WHY = "Because a label must stay true."


# Marks are the same with and without a sandbox: where the machine allows none, the class is graded without.
# One sandbox is made, not two: that is most of what a class of four costs.
graded = partial(grade.grade, sandboxed=contained(), jobs=1)
WALL = [] if contained() else ["--no-sandbox"]


def solution():
    made = tiny.notebook()
    tiny.cell(made, "why").source = WHY
    return made


def half(course):
    made = notebooks.read(course.exercises / tiny.NAME / tiny.FILE)
    tiny.cell(made, "double").source = tiny.DOUBLE
    made.cells.remove(tiny.cell(made, "test_mean"))
    return made


def cheat(course):
    made = notebooks.read(course.exercises / tiny.NAME / tiny.FILE)
    for name in ("test_double", "test_double_empty", "test_mean"):
        tiny.cell(made, name).source = "pass"
        tiny.cell(made, name).metadata.nbgrader.points = 99
    return made


def hand_everything_in(course):
    tiny.hand_in(course, "ada", solution())
    tiny.hand_in(course, "ben", notebooks.read(course.exercises / tiny.NAME / tiny.FILE))
    tiny.hand_in(course, "chloé 🌱", half(course))
    tiny.hand_in(course, "dan", cheat(course))


@pytest.fixture(scope="module")
def class_(tmp_path_factory):
    """A course with a class that was graded: the course, and what ``grade`` said."""
    course = tiny.build(tmp_path_factory.mktemp("class"))
    release.release(course, tiny.NAME)
    hand_everything_in(course)
    tiny.hand_in(course, "hugo", notebooks.normal(solution())[:700])
    tiny.hand_in(course, "ida", solution()).unlink()
    renamed = tiny.hand_in(course, "kim", solution())
    renamed.rename(renamed.with_name("01_images (1).ipynb"))
    linked = tiny.hand_in(course, "lou", solution())
    linked.unlink()
    linked.symlink_to(course.solutions / tiny.NAME / tiny.FILE)
    return course, {row.student: row for row in graded(course, tiny.NAME)}


@pytest.fixture
def course(class_, tmp_path):
    """A copy of that course, to be changed."""
    folder = tmp_path / "course"
    shutil.copytree(class_[0].root, folder, symlinks=True)
    return Course(folder, folder)


def scores(row):
    return {mark.name: mark.score for mark in row.marks}


@pytest.fixture
def nothing_runs(monkeypatch):
    """A submission that is run fails the test."""

    def never(*_):
        raise AssertionError("this was to be graded no second time")

    monkeypatch.setattr(run.Workers, "submit", never)


# Marks


def test_the_solution_has_full_marks_and_the_release_none(class_):
    rows = class_[1]
    assert scores(rows["ada"]) == {"test_double": 2, "test_double_empty": 1, "test_mean": 2, "why": None}
    assert (rows["ada"].points, rows["ada"].maximum, rows["ada"].pending) == (5, 8, 1)
    assert set(scores(rows["ben"]).values()) == {0}
    assert rows["ben"].pending == 0


def test_deleted_and_changed_checks_count_as_they_were_given_out(class_):
    rows = class_[1]
    assert scores(rows["chloé 🌱"]) == {"test_double": 2, "test_double_empty": 1, "test_mean": 0, "why": 0}
    assert set(scores(rows["dan"]).values()) == {0}
    assert rows["dan"].maximum == 8


@pytest.mark.parametrize(
    ("student", "says"),
    [
        ("hugo", "01_images.ipynb is damaged"),
        ("ida", "there is no 01_images.ipynb in it"),
        ("kim", "there is no 01_images.ipynb in it"),
        ("lou", "01_images.ipynb is a link, not a file"),
    ],
)
def test_what_cannot_be_graded_is_told_and_is_no_zero(class_, student, says):
    course, rows = class_
    assert says in rows[student].remarks[0]
    assert rows[student].points is None
    assert student not in {row.student for row in marks.rows(course)}


def test_each_failed_check_has_its_sentence(class_):
    wrong = class_[1]["ben"].wrong
    assert wrong == dict.fromkeys(["test_double", "test_double_empty", "test_mean"], "not written yet")
    assert class_[1]["ada"].wrong == {}


@pytest.mark.parametrize(
    ("score", "manual", "left", "reports", "expected"),
    [
        (0.0, False, False, [("a", "wrong")], "the judge's"),
        (0.0, False, False, [("a", "right"), ("a", "wrong")], "the judge's"),
        (2.0, False, False, [("a", "right")], None),
        (0.0, False, False, [], "the notebook's"),  # a test of nbgrader's kind
        (0.0, False, False, [("a", "right")], "the notebook's"),  # graded again by other means, and worse
        (2.0, False, False, [("a", "wrong")], "the notebook's"),  # or better
        (0.0, False, True, [("a", "wrong")], "the notebook's"),  # flagged
        (None, True, False, [], None),  # a written answer that waits
    ],
)
def test_a_sentence_is_the_judges_where_verdicts_and_marks_agree(monkeypatch, score, manual, left, reports, expected):
    monkeypatch.setattr(grade, "shown", lambda course, row: {"a": "the notebook's"})
    row = Row("ada", "images", (Mark("a", score, 2.0, manual),), left=left)
    verdicts = [{"cell": cell, "status": status, "sentence": "the judge's"} for cell, status in reports]
    assert grade.explained(None, row, verdicts).wrong == ({"a": expected} if expected else {})


def test_plain_nbgrader_gives_the_same_marks(class_, tmp_path):
    course, rows = class_
    plain = Course(tmp_path, tmp_path)
    for name in ("solutions", "exercises"):
        shutil.copytree(course.root / name, tmp_path / name)
    shutil.copy(course.root / "nbgrader_config.py", tmp_path)
    plain_nbgrader_runs(tmp_path)
    hand_everything_in(plain)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", "autograde", tiny.NAME]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {row.student: row.marks for row in marks.rows(plain)}
    assert found == {name: rows[name].marks for name in ("ada", "ben", "chloé 🌱", "dan")}


@pytest.mark.slow
def test_plain_nbgrader_makes_the_same_release(class_, tmp_path):
    course, _ = class_
    shutil.copytree(course.solutions, tmp_path / "solutions")
    shutil.copy(course.root / "nbgrader_config.py", tmp_path)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", tiny.NAME]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "exercises" / tiny.NAME / tiny.FILE
    assert made.read_bytes() == (course.exercises / tiny.NAME / tiny.FILE).read_bytes()


# Grading again


def test_what_was_graded_is_not_graded_again(course, class_, nothing_runs):
    again = {row.student: row for row in graded(course, tiny.NAME)}
    assert again == class_[1]


def test_a_new_hand_in_a_new_check_and_force_are_graded_again(course):
    def names(**knobs):
        seen = []
        graded(course, tiny.NAME, ["ada", "ben"], progress=lambda row, *_: seen.append(row), **knobs)
        return sorted(row.student for row in seen if row.state == "graded")

    assert names() == []
    path = course.submitted / "ben" / tiny.NAME / tiny.FILE
    nbformat.write(solution(), path)
    assert names() == ["ben"]
    assert names() == []
    assert names(force=True) == ["ada", "ben"]
    source = course.solutions / tiny.NAME / tiny.FILE
    source.write_text(source.read_text().replace("[2, 4], 'each", "[2, 4], 'Each"))
    assert names() == ["ada", "ben"]


def test_a_killed_run_of_a_changed_exercise_goes_on_where_it_was(course):
    source = course.solutions / tiny.NAME / tiny.FILE
    source.write_text(source.read_text().replace("[2, 4], 'each", "[2, 4], 'Each"))
    seen = []

    def killed(row, *_):
        seen.append(row)
        if row.student == "ada":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        graded(course, tiny.NAME, ["ada", "ben"], jobs=1, progress=killed)
    graded(course, tiny.NAME, ["ada", "ben"], jobs=1, progress=lambda row, *_: seen.append(row))
    assert sorted((row.student, row.state) for row in seen) == [("ada", "graded"), ("ada", "kept"), ("ben", "graded")]


def test_nbformat_is_imported_without_its_slow_part():
    code = (
        "import sys, labkit.grading.grade, nbformat; print('nbformat' in sys.modules, 'rfc3987_syntax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


@pytest.fixture
def version(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\n")
    with classic.gradebook(Course(tmp_path, tmp_path)) as book:
        return book.db.execute(text("SELECT version_num FROM alembic_version")).scalar_one()


def test_a_new_gradebook_needs_no_program(version):
    assert list((Path(dbutil.ALEMBIC_DIR) / "versions").glob(f"{version}_*.py"))


@pytest.mark.slow  # it starts a program that imports nbgrader once more
def test_a_new_gradebook_has_the_version_that_nbgrader_gives_it(version, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert version == get_alembic_version()


def test_marks_given_by_hand_stay(course):
    with classic.gradebook(course) as book:
        given = book.find_grade("why", tiny.NAME, tiny.NAME, "ada")
        given.manual_score = 2.5
        given.needs_manual_grade = False
        book.db.commit()
    [row] = graded(course, tiny.NAME, ["ada"], force=True)
    assert scores(row)["why"] == 2.5
    assert row.points == 7.5


def test_a_broken_second_hand_in_keeps_the_first_ones_marks(course, nothing_runs):
    (course.submitted / "ada" / tiny.NAME / tiny.FILE).write_text("{")
    [row] = graded(course, tiny.NAME, ["ada"])
    assert row.points == 5
    assert "is damaged" in row.remarks[0]
    assert row.remarks[-1] == "the marks are those of an earlier submission"


def test_a_failure_of_the_machine_is_no_zero(course, monkeypatch):
    tiny.hand_in(course, "zoe", solution())

    def fail(*_):
        raise OSError("the sandbox is gone")

    monkeypatch.setattr(workers, "work", fail)
    rows = {row.student: row for row in graded(course, tiny.NAME, ["zoe", "ada"])}
    assert rows["zoe"].points is None
    assert "could not be run: the sandbox is gone" in rows["zoe"].remarks[0]
    assert rows["ada"].points == 5
    assert "zoe" not in {row.student for row in marks.rows(course)}


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, capsys):
    (tmp_path / ".local").write_text("a file where the folder would be")
    full = tmp_path / "full"
    (full / ".local").mkdir(parents=True)
    if Path("/dev/full").exists():
        (full / ".local" / "grading.log").symlink_to("/dev/full")

    def run(root):
        with tracebacks.kept(root, CourseError):
            tracebacks.LOG.error("what went wrong")
            raise CourseError("the run's own sentence")

    for root in (tmp_path, full):
        with pytest.raises(CourseError, match="the run's own sentence"):
            run(root)
    assert capsys.readouterr().err == ""


def test_what_went_wrong_keeps_its_traceback_and_debug_shows_it(course, nothing_runs, monkeypatch, capsys):
    tiny.hand_in(course, "zoe", solution())

    def slip(self, student):
        raise KeyError("\x1b[2Jx")

    monkeypatch.setattr(run.Engine, "prepare", slip)
    monkeypatch.chdir(course.root)
    words = ["grade", "images", "--student", "zoe", *WALL]
    assert cli.run(words) == 1
    quiet = capsys.readouterr()
    assert "it can't be read: KeyError" in " ".join(quiet.out.split())
    assert "Traceback" not in quiet.out + quiet.err
    assert ".local/grading.log" in quiet.err
    kept = (course.local / "grading.log").read_text(encoding="utf-8")
    assert "in slip\n" in kept
    assert "KeyError" in kept
    assert "\x1b" not in kept
    for debug in (["--debug", *words], [*words, "--debug"]):
        assert cli.run(debug) == 1
        assert "in slip\n" in capsys.readouterr().err
    assert cli.run(["--debug", "grade", "images", "--student", "nobody", *WALL]) == 2
    assert "in submissions\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["cell_seconds"], "expected a name and a number"),
        (["cell_seconds=soon"], "expected a name and a number"),
        (["cells=5"], "there is no limit 'cells'"),
        (["cell_seconds=-1"], "expected a positive number"),
    ],
)
def test_limits_that_are_none_are_one_sentence(course, monkeypatch, capsys, settings, says):
    monkeypatch.chdir(course.root)
    assert cli.run(["grade", "images", *WALL, *(word for text in settings for word in ("--limit", text))]) == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_limits_come_from_the_settings_and_the_command(course):
    with (course.root / "nbgrader_config.py").open("a") as settings:
        settings.write("c.Limits.cell_seconds = 7\nc.Limits.processes = 9\n")
    limits = grade.limits_of(course, {"processes": 5.0})
    assert (limits.cell_seconds, limits.processes, limits.file_bytes) == (7, 5, Limits().file_bytes)


def test_cells_added_after_grading_are_refused_with_a_sentence(course):
    path = course.solutions / tiny.NAME / tiny.FILE
    made = tiny.notebook()
    made.cells.append(tiny.check_of("one_more", "assert True", 1))
    nbformat.write(made, path)
    with pytest.raises(CourseError, match="can't go into the gradebook: Cannot add or remove cells"):
        graded(course, tiny.NAME, ["ada"])


def test_a_locked_gradebook_is_one_sentence(course, monkeypatch, capsys):
    monkeypatch.chdir(course.root)
    with (course.root / "nbgrader_config.py").open("a") as settings:
        settings.write(f'c.CourseDirectory.db_url = "sqlite:///{course.root}/gradebook.db?timeout=0"\n')
    with contextlib.closing(sqlite3.connect(course.root / "gradebook.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for command in (["grade", *WALL], ["grades"]):
            assert cli.run([*command, "images"]) == 2
            assert "database is locked" in capsys.readouterr().err
    assert marks.rows(course)[0].points == 5


def test_what_is_no_gradebook_is_one_sentence(course, monkeypatch, capsys):
    monkeypatch.chdir(course.root)
    (course.root / "gradebook.db").write_text("something else")
    assert cli.run(["grades"]) == 2
    assert "can't be opened: file is not a database" in capsys.readouterr().err


def test_settings_that_cannot_be_read_are_one_sentence(course, monkeypatch, capsys):
    monkeypatch.chdir(course.root)
    (course.root / "nbgrader_config.py").write_text("c = (")
    assert cli.run(["grades"]) == 2
    assert "nbgrader_config.py can't be read: SyntaxError" in capsys.readouterr().err


def test_grading_leaves_exercises_alone(class_):
    course, _ = class_
    assert release.release(course, tiny.NAME, check=True) == []


# What the command prints


@pytest.fixture
def shell(course, monkeypatch, capsys):
    """Run the command in the course; what it printed."""
    monkeypatch.chdir(course.root)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments, status=0):
        assert cli.run(list(arguments)) == status
        return capsys.readouterr().out

    return run


def test_grade_prints_the_class(shell, nothing_runs):
    shown = shell("grade", *WALL, status=1)
    assert "chloé 🌱     3/8" in shown
    assert "is damaged" in shown
    summary = "4 submissions graded, 2 points on average, 1 answer to mark by hand, 4 submissions that"
    assert summary in " ".join(shown.split())


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_screen(shell, monkeypatch, nothing_runs, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for arguments, status in ((["grade", *WALL], 1), (["grades"], 0), (["grades", "images"], 0)):
        assert max(len(line) for line in shell(*arguments, status=status).splitlines()) <= width


def test_grades_shows_the_gradebook(shell):
    shown = shell("grades")
    assert "ada           5/8 …    5\n" in shown
    shown = shell("grades", "images")
    assert "4  why                     3  0 of 4, 1 to mark" in shown


def test_grades_as_csv(shell, course):
    lines = list(csv.DictReader(io.StringIO(shell("grades", "images", "--csv", "-"))))
    assert [line["student"] for line in lines] == ["ada", "ben", "chloé 🌱", "dan"]
    assert lines[0] == {
        "student": "ada", "assignment": tiny.NAME, "points": "5", "maximum": "8", "late_penalty": "0",
        "to_mark_by_hand": "1", "test_double": "2", "test_double_empty": "1", "test_mean": "2", "why": "",
    }  # fmt: skip
    shell("grades", "--csv", "marks.csv")
    assert (course.root / "marks.csv").read_text(encoding="utf-8").startswith("student,assignment,points,maximum,")


def test_feedback_is_written_for_those_who_were_graded(shell, course):
    assert "4 files in feedback/STUDENT/01_images/" in shell("feedback")
    page = (course.root / "feedback" / "ben" / tiny.NAME / "01_images.html").read_text(encoding="utf-8")
    assert "Score: 0.0 / 8.0" in page
    assert str(course.root) not in page


def test_names_that_are_patterns_mean_themselves(tmp_path):
    course = tiny.build(tmp_path)
    release.release(course, tiny.NAME)
    names = ["*", "?", "[a]", "[!b]", "a", "x[1]"]
    for name in names:
        made = solution()
        tiny.cell(made, "why").source = f"I am {name}."
        tiny.hand_in(course, name, made)
    assert [row.points for row in graded(course, tiny.NAME)] == [5] * len(names)
    for name in names:  # one by one: whose feedback is written beside is nobody's business
        (page,) = feedback.feedback(course, tiny.NAME, [name])[name]
        assert f"I am {name}." in page.read_text(encoding="utf-8")
        assert {path.name for path in (tmp_path / "feedback").iterdir()} == {name}
        shutil.rmtree(tmp_path / "feedback")
    assert all(len(pages) == 1 for pages in feedback.feedback(course, tiny.NAME).values())


def test_feedback_of_one_student(course):
    assert list(feedback.feedback(course, tiny.NAME, ["ada"])) == ["ada"]
    assert not (course.root / "feedback" / "ben").exists()
    with pytest.raises(CourseError, match="'hugo' was not graded"):
        feedback.feedback(course, tiny.NAME, ["hugo"])


def test_lateness_costs_points_but_never_more_than_there_are():
    mark = Mark("a", 2, 3, False)
    assert Row("x", "y", (mark,), penalty=0.5).points == 1.5
    assert Row("x", "y", (mark,), penalty=9).points == 0


def test_a_name_is_shown_as_it_is_whatever_it_holds():
    from rich.console import Console

    console = Console(file=io.StringIO(), width=80)
    console.print(grades.by_check([Row("[red]\x1b[31mEve[/]", "a", remarks=("no [notebook]",))]))
    shown = console.file.getvalue()
    assert "[red]�[31mEve[/]" in shown
    assert "no [notebook]" in shown


def test_a_cells_time_limit_is_nbgraders_where_the_course_sets_no_other(course):
    assert grade.limits_of(course).cell_seconds == 30 == course.config().Execute.timeout
    with (course.root / "nbgrader_config.py").open("a") as settings:
        settings.write("c.Execute.timeout = 77\n")
    assert grade.limits_of(course).cell_seconds == 77
    assert grade.limits_of(course, {"cell_seconds": 9.0}).cell_seconds == 9
    with (course.root / "nbgrader_config.py").open("a") as settings:
        settings.write("c.Execute.timeout = -1\n")
    assert grade.limits_of(course).cell_seconds == Limits().notebook_seconds
    with (course.root / "nbgrader_config.py").open("a") as settings:
        settings.write("c.Limits.cell_seconds = 5\n")
    assert grade.limits_of(course).cell_seconds == 5


def test_feedback_before_marking_says_what_is_still_open(course, monkeypatch, capsys):
    monkeypatch.chdir(course.root)
    assert cli.run(["feedback", "images", "--student", "ada"]) == 0
    assert "1 student with answers still to mark by hand: their pages say which" in capsys.readouterr().err
    page = (course.root / "feedback" / "ada" / tiny.NAME / f"{tiny.NAME}.html").read_text()
    assert "Points still to be given by a person: 3, for <code>why</code>. The score above is without them." in page
    assert page.count("Not marked yet.") == 1
    with classic.gradebook(course) as book:
        mark = book.find_grade("why", tiny.NAME, tiny.NAME, "ada")
        mark.manual_score, mark.needs_manual_grade = 2.0, False
        book.db.commit()
    assert cli.run(["feedback", "images", "--student", "ada"]) == 0
    assert capsys.readouterr().err == ""
    page = (course.root / "feedback" / "ada" / tiny.NAME / f"{tiny.NAME}.html").read_text()
    assert "still to be given" not in page
    assert "Not marked yet." not in page


def test_feedback_runs_nothing_whatever_the_courses_settings_say(course):
    path = course.root / "nbgrader_config.py"
    path.write_text(path.read_text().replace("kernel.contain(c)", ""))
    graded = course.root / "autograded" / "ada" / tiny.NAME / tiny.FILE
    made = notebooks.read(graded)
    made.cells.append(nbformat.v4.new_markdown_cell("<script>alert(1)</script> $x$"))
    nbformat.write(made, graded)
    feedback.feedback(course, tiny.NAME, ["ada"])
    page = (course.root / "feedback" / "ada" / tiny.NAME / f"{tiny.NAME}.html").read_text()
    assert "<script" not in page
    assert "<math" in page
