"""The gradebook in PostgreSQL: two people mark while a class is graded, the grader is killed, and nothing is lost."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from nbgrader.api import Gradebook, MissingEntry

from labkit.grading import classic, cli, notebooks, release
from labkit.grading.course import Course
from tests import tiny
from tests.engine_class import gradebook_rows
from tests.engine_double import contained
from tests.postgres import server

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).resolve().parents[1]
COURSE = "labkit"
STUDENTS = [f"s{number:02}" for number in range(8)]
WALL = [] if contained() else ["--no-sandbox"]


@pytest.fixture(scope="module")
def database():
    with server() as url:
        yield url


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """A class of eight whose marks differ; everybody wrote an answer that a person marks."""
    course = tiny.build(tmp_path_factory.mktemp("postgres"))
    release.release(course, tiny.NAME)
    for number, student in enumerate(STUDENTS):
        made = notebooks.read(course.exercises / tiny.NAME / tiny.FILE)
        tiny.cell(made, "why").source = f"Because of {number}."
        if number % 2:
            tiny.cell(made, "double").source = tiny.DOUBLE
        if number % 3 == 0:
            tiny.cell(made, "mean").source = tiny.MEAN
        tiny.hand_in(course, student, made)
    return course


def copied(course, root, url=""):
    """A copy of a course, with its gradebook in a database."""
    shutil.copytree(course.root, root)
    if url:
        with open(root / "nbgrader_config.py", "a") as file:
            file.write(f"\nc.CourseDirectory.db_url = {url!r}\nc.CourseDirectory.course_id = {COURSE!r}\n")
    return Course(root, root)


def grader(course, *arguments):
    """``labkit grade`` in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "labkit", "grade", "images", "-j", "1", *WALL, *arguments]
    return subprocess.Popen(command, cwd=course.root, env=env, start_new_session=True, stdout=subprocess.DEVNULL)


class Marker(threading.Thread):
    """Somebody who marks a part of a class in the formgrader, as soon as a student is graded, until ``enough``."""

    def __init__(self, url, students, points):
        super().__init__()
        self.url, self.students, self.points = url, students, points
        self.rounds, self.enough, self.error = 0, threading.Event(), None

    def run(self):
        try:
            while not self.enough.is_set() or not self.rounds:
                with Gradebook(self.url, COURSE) as book:
                    self.rounds += all([self.mark(book, student) for student in self.students])
                time.sleep(0.02)
        except Exception as error:  # noqa: BLE001  the test shows it
            self.error = error

    def mark(self, book, student):
        """What the formgrader's page does when a mark and a comment are typed; whether the student was there."""
        try:
            grade = book.find_grade("why", "01_images", tiny.NAME, student)
            comment = book.find_comment("why", "01_images", tiny.NAME, student)
        except MissingEntry:
            return False
        grade.manual_score = self.points + int(student[1:]) % 2
        grade.needs_manual_grade = False
        comment.manual_comment = f"{self.points} for {student}"
        book.db.commit()
        return True


def markers(url, points):
    """Two people, each with half of the class."""
    both = [Marker(url, STUDENTS[0::2], points), Marker(url, STUDENTS[1::2], points)]
    for marker in both:
        marker.start()
    return both


def finished(both):
    for marker in both:
        marker.enough.set()
    for marker in both:
        marker.join(300)
        assert not marker.is_alive()
        assert marker.error is None
        assert marker.rounds >= 1


def graded(url):
    with Gradebook(url, COURSE) as book:
        return len(book.assignment_submissions(tiny.NAME)) if book.assignments else 0


def rows(url):
    return gradebook_rows(url, tiny.NAME)


def test_two_mark_while_a_class_is_graded_and_the_grader_is_killed(handed_in, database, tmp_path):
    plain = copied(handed_in, tmp_path / "plain")
    assert grader(plain).wait(900) == 0
    sqlite = f"sqlite:///{plain.root}/gradebook.db"
    calm = markers(sqlite, 1)
    finished(calm)

    course = copied(handed_in, tmp_path / "course", database)
    with classic.in_process():  # whoever comes first makes the tables
        Gradebook(database, COURSE).close()
    both = markers(database, 1)
    run = grader(course)
    while run.poll() is None and graded(database) < 3:
        time.sleep(0.05)
    assert run.poll() is None, "it was to be killed in the middle"
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert 3 <= graded(database) < len(STUDENTS)

    assert grader(course).wait(900) == 0
    finished(both)
    assert not (course.root / "gradebook.db").exists()
    assert len({key[0] for key in rows(database)}) == len(STUDENTS)
    assert rows(database) == rows(sqlite)

    # Everybody once more, while both change every mark: what a person gave last stays.
    both = markers(database, 0)
    assert grader(course, "--force").wait(900) == 0
    finished(both)
    finished(markers(sqlite, 0))
    assert rows(database) == rows(sqlite)


def test_marks_and_feedback_come_from_there(handed_in, database, tmp_path):
    course = copied(handed_in, tmp_path / "course", database.replace("/postgres", "/template1"))
    assert grader(course).wait(900) == 0
    table = labkit(course, "grades", "images", "--csv", "-")
    assert [line.partition(",")[0] for line in table.splitlines()[1:]] == STUDENTS
    labkit(course, "feedback", "images", "--student", "s01")
    assert list((course.root / "feedback" / "s01").rglob("*.html"))


def labkit(course, *arguments):
    """What a command prints."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "labkit", *arguments]
    return subprocess.run(command, cwd=course.root, env=env, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("command", ["grade", "grades"])
def test_a_database_that_does_not_answer_is_one_sentence_without_its_password(
    handed_in, tmp_path, monkeypatch, capsys, command
):
    url = "postgresql+psycopg://labkit:verysecret@127.0.0.1:1/postgres"
    course = copied(handed_in, tmp_path / "course", url)
    monkeypatch.chdir(course.root)
    assert cli.run([command, "images"]) == 2
    shown = capsys.readouterr().err
    assert "127.0.0.1" in shown
    assert "verysecret" not in shown
    assert "Traceback" not in shown


def test_a_course_without_an_id_is_told_to_have_one(handed_in, tmp_path, monkeypatch, capsys):
    course = copied(handed_in, tmp_path / "course", "postgresql+psycopg://labkit@127.0.0.1:1/postgres")
    settings = course.root / "nbgrader_config.py"
    settings.write_text(settings.read_text().replace("c.CourseDirectory.course_id", "#"))
    monkeypatch.chdir(course.root)
    assert cli.run(["grade", "images"]) == 2
    assert "set c.CourseDirectory.course_id" in capsys.readouterr().err
