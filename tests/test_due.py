"""When a submission is due again: a changed check, a new due date, another penalty; and what is left says so."""

import shutil
from datetime import datetime, timedelta

import pytest
from nbgrader.api import Gradebook

from labkit.grading import cli, grade, identity, marks, notebooks, release
from labkit.grading.course import Course
from tests import tiny
from tests.engine_double import contained
from tests.test_cli_grade import scores, solution

PER_DAY = """
import math
from nbgrader.plugins import BasePlugin


class PerDay(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return POINTS * math.ceil(total_seconds_late / 86400)


c.AssignLatePenalties.plugin_class = PerDay
"""


@pytest.fixture
def course(tmp_path):
    """ada handed in; her notebook calls a check of ``images``, which she has not written."""
    notebook = tiny.notebook()
    notebook.cells[-2:-2] = [tiny.check_of("colour", 'check("images.saturation", saturation)', 2)]
    (tmp_path / "course").mkdir()
    made = tiny.build(tmp_path / "course", notebook)
    release.release(made, tiny.NAME)
    answer = notebooks.read(made.exercises / tiny.NAME / tiny.FILE)
    tiny.cell(answer, "double").source, tiny.cell(answer, "mean").source = tiny.DOUBLE, tiny.MEAN
    tiny.cell(answer, "why").source = "Because."
    path = tiny.hand_in(made, "ada", answer)
    path.with_name("timestamp.txt").write_text("2026-03-03 13:00:00 UTC")
    return made


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of labkit's checks that a test may change."""
    home = tmp_path / "labkit"
    (home / "augment" / "image").mkdir(parents=True)
    shutil.copytree(tiny.ROOT / "labkit" / "checks", home / "checks", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "checks" / "answers").mkdir(exist_ok=True)
    for name in ("images", "attacks"):
        (home / "checks" / "answers" / f"{name}.py").write_text("from labkit.augment import image\n")
    (home / "augment" / "image" / "colour.py").write_text("weights = 0.299\n")
    monkeypatch.setattr(identity, "home", lambda: home)
    return home


def graded(course, **options):
    """Grade; how each submission came out of the run."""
    states = {}
    rows = grade.grade(course, tiny.NAME, jobs=1, sandboxed=contained(),
                       progress=lambda row, *_: states.update({row.student: row.state}), **options)  # fmt: skip
    return states, rows


def settings(course, text):
    with (course.root / "nbgrader_config.py").open("a") as file:
        file.write(text)


def due(course, when):
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        book.update_or_create_assignment(tiny.NAME, duedate=when)


@pytest.mark.parametrize("changed", ["checks/images.py", "checks/answers/images.py", "checks/protocol.py",
                                     "augment/image/colour.py"])  # fmt: skip
def test_a_changed_check_makes_its_submissions_due_again(course, package, changed):
    before = identity.identity(course, tiny.NAME)
    assert identity.identity(course, tiny.NAME) == before
    with (package / changed).open("a") as file:
        file.write("# corrected\n")
    assert identity.identity(course, tiny.NAME) != before


def test_a_changed_check_of_another_topic_does_not(course, package):
    before = identity.identity(course, tiny.NAME)
    for name in ("checks/attacks.py", "checks/answers/attacks.py"):
        with (package / name).open("a") as file:
            file.write("# corrected\n")
    assert identity.identity(course, tiny.NAME) == before


@pytest.mark.slow
def test_a_run_grades_again_after_a_check_was_corrected_and_not_otherwise(course, package):
    assert graded(course)[0] == {"ada": "graded"}
    assert graded(course)[0] == {"ada": "kept"}
    with (package / "checks" / "answers" / "images.py").open("a") as file:
        file.write("# corrected\n")
    assert graded(course)[0] == {"ada": "graded"}
    assert graded(course)[0] == {"ada": "kept"}


@pytest.mark.slow
def test_a_new_due_date_grades_again_and_the_row_says_why_the_points_are_fewer(course):
    settings(course, PER_DAY.replace("POINTS", "0.5"))
    [row] = graded(course)[1]
    assert (row.points, row.penalty, row.remarks) == (5, 0, ())
    due(course, datetime(2026, 3, 1, 10))
    states, [row] = graded(course)
    assert states == {"ada": "graded"}
    assert (row.points, row.penalty) == (3.5, 1.5)
    assert row.remarks == ("1.5 points less: handed in 2 days 3 hours late",)
    assert marks.rows(course)[0].remarks == row.remarks
    assert graded(course)[0] == {"ada": "kept"}
    due(course, datetime(2026, 3, 3, 12, 40))
    [row] = graded(course)[1]
    assert row.remarks == ("0.5 points less: handed in 20 minutes late",)
    due(course, datetime(2026, 3, 4))
    [row] = graded(course)[1]
    assert (row.points, row.remarks) == (5, ())


@pytest.mark.slow
def test_another_penalty_grades_again(course):
    settings(course, PER_DAY.replace("POINTS", "0.5"))
    graded(course)
    due(course, datetime(2026, 3, 1, 10))
    graded(course)
    settings(course, PER_DAY.replace("POINTS", "1"))
    states, [row] = graded(course)
    assert states == {"ada": "graded"}
    assert row.penalty == 3
    assert graded(course)[0] == {"ada": "kept"}
    settings(course, '\ndel c.AssignLatePenalties.plugin_class\nc.LateSubmissionPlugin.penalty_method = "zero"\n')
    [row] = graded(course)[1]
    assert row.points == 0


def test_how_late_it_was_is_said_in_two_units():
    cases = {
        timedelta(seconds=9): "less than a minute",
        timedelta(hours=1): "1 hour",
        timedelta(days=1, minutes=59): "1 day 59 minutes",
        timedelta(days=3, hours=1, minutes=2): "3 days 1 hour",
    }
    for late, words in cases.items():
        assert marks.late(late.total_seconds(), 1) == f"1 point less: handed in {words} late"


# Exit status


@pytest.fixture
def run(tmp_path, monkeypatch):
    made = tiny.build(tmp_path)
    release.release(made, tiny.NAME)
    monkeypatch.chdir(tmp_path)
    sandbox = [] if contained() else ["--no-sandbox"]
    return made, lambda: cli.run(["grade", "images", "--jobs", "1", *sandbox])


def test_a_class_of_which_only_written_answers_wait_ends_with_0(run):
    course, grading = run
    tiny.hand_in(course, "ada", solution())
    assert grading() == 0
    assert marks.rows(course)[0].pending == 1


def test_a_submission_that_could_not_be_graded_ends_with_1(run):
    course, grading = run
    tiny.hand_in(course, "ada", solution())
    tiny.hand_in(course, "ben", "no notebook")
    assert grading() == 1
    assert grading() == 1, "it is still not graded"


def test_a_flagged_submission_ends_with_1(run):
    course, grading = run
    cheat = solution()
    tiny.cell(cheat, "test_mean").metadata.nbgrader.grade = False
    tiny.hand_in(course, "eve", cheat)
    assert grading() == 1


def test_a_flag_that_somebody_has_taken_away_is_no_longer_left(run):
    course, grading = run
    tiny.hand_in(course, "ada", solution())
    grading()
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        notebook = book.find_submission_notebook(tiny.NAME, tiny.NAME, "ada")
        notebook.flagged = True
        book.db.commit()
        assert grading() == 1
        notebook.flagged = False
        book.db.commit()
    assert grading() == 0
    assert isinstance(course, Course)
    assert scores(marks.rows(course)[0])["test_mean"] == 2
