"""The grading engine on a class: nbgrader's marks, whatever the cell, and none of its submissions lost."""

import contextlib
import itertools
import json
import os
import pickle
import shutil
import sqlite3
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook

from labkit import checks
from labkit.checks import wire
from labkit.grading.engine import journal, opening, run
from labkit.grading.engine.frames import Tampered
from labkit.grading.engine.inside import loop as inside_loop
from labkit.grading.engine.inside import shell as inside_shell
from labkit.grading.engine.journal import DONE, RAN, Entry, Journal
from labkit.grading.engine.judging import judge
from labkit.grading.engine.judging.judge import Broken
from labkit.grading.engine.limits import Limits
from labkit.grading.engine.nbgrader import cells, feedback, intake
from labkit.grading.engine.nbgrader.cells import Call
from labkit.grading.engine.report import GRADED, KEPT, UNGRADED, Bar
from labkit.grading.engine.sandbox import Sandbox
from labkit.grading.engine.sandbox import session as sandbox_session
from labkit.grading.engine.sandbox.outputs import outputs as validated
from labkit.grading.engine.trouble import GradingError
from labkit.grading.engine.work import job, outputs, worker
from labkit.grading.trusted import trusted
from tests import engine_class
from tests.engine_class import ASSIGNMENT, RIGHT, gradebook_rows, submit
from tests.engine_double import Double, Ran, contained

HONEST = """
def saturation(x, factor):
    grey = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (grey + factor.view(-1, 1, 1, 1) * (x - grey)).clamp(0, 1)
"""


class Here:
    """A judge in this process."""

    def judge(self, key, data, seed):
        return judge.unpack(judge.answer({"key": key, "seed": seed}, data))


def grade(settings, students=None, **options):
    """Grade in this process, one at a time."""
    options = {"jobs": 1, "make": Double, "judge": Here()} | options
    return run.grade(settings, ASSIGNMENT, students, **options)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A course with an assignment, made once and copied."""
    root = tmp_path_factory.mktemp("template") / "course"
    root.mkdir()
    engine_class.course(root)
    return root


@pytest.fixture
def course(template, tmp_path):
    """A course of this test's own, and its settings."""
    root = tmp_path / "course"
    shutil.copytree(template, root)
    return root, engine_class.config(root)


# ── same marks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def same_marks(root: Path, settings, **options) -> None:
    twin = root.parent / "plain"
    shutil.copytree(root, twin)
    rows = grade(settings, **options)
    engine_class.autograde(engine_class.config(twin))
    ours, theirs = gradebook_rows(root), gradebook_rows(twin)
    assert ours == theirs
    assert all(row.state == GRADED for row in rows)
    assert [row.flags for row in rows] == [[]] * len(rows)


def test_a_small_class_gets_the_marks_that_nbgrader_gives(course):
    root, settings = course
    engine_class.pupils(root, 6, second=4)
    same_marks(root, settings)
    rows = gradebook_rows(root)
    scores = {row[0] for key, row in rows.items() if key[2:] == ("test_half", "grade")}
    assert {0.0, 1.5} <= scores, "the class should hold failures and partial credit"
    assert any(row[0] for key, row in rows.items() if len(key) == 2), "somebody should be late"


@pytest.mark.slow
def test_a_class_of_32_gets_the_marks_that_nbgrader_gives(course):
    root, settings = course
    names = engine_class.pupils(root, 32)
    same_marks(root, settings)
    twin = root.parent / "plain"
    # Where neither hand-in has a time stamp, nbgrader keeps the first; the engine sees that the files have changed.
    stamped = [name for name in names if (root / "submitted" / name / ASSIGNMENT / "timestamp.txt").exists()][:6]
    for name in stamped:
        for folder in (root, twin):
            submit(folder, name, RIGHT, at="2024-02-01 18:00:00 UTC")
    rows = grade(settings)
    engine_class.autograde(engine_class.config(twin))
    assert gradebook_rows(root) == gradebook_rows(twin)
    assert {row.student for row in rows if row.state == GRADED} == set(stamped)


def test_what_one_notebook_writes_the_next_can_read(course):
    root, settings = course
    writes = "open('made.txt', 'w').write('3')\nopen('data.csv', 'a').write('5,6\\n')\n" + RIGHT["squares"]
    reads = "rows = int(open('made.txt').read()) * [open('data.csv').read()]\nassert '5,6' in rows[0]"
    submit(root, "ada", {**RIGHT, "squares": writes, "reader": reads})
    submit(root, "bob", {**RIGHT, "reader": reads})
    same_marks(root, settings)
    rows = gradebook_rows(root)
    assert [rows[name, "problem2", "test_reader", "grade"][0] for name in ("ada", "bob")] == [1.0, 0.0]


def test_a_cell_that_the_machine_gave_no_time_is_run_again(course):
    root, settings = course
    submit(root, "ada", RIGHT)
    made = []

    class Busy(Double):
        """A sandbox on a machine that has no time for the first session, or for none."""

        spared = 1

        def open(self, files, env=None):
            room = super().open(files, env)
            made.append(room)
            if len(made) <= self.spared:
                real = room.run_cell
                room.run_cell = lambda source: Late() if source.startswith("def squares") else real(source)
            return room

    class Late(Ran):
        timed_out = starved = True

    (row,) = grade(settings, make=Busy)
    assert (row.score, row.flags, row.sentence) == (9.5, [], "")
    Busy.spared = 1000
    (row,) = grade(settings, make=Busy, force=True)
    assert row.flags == ["squares: it ran out of time while this machine was too busy to run it; "
                         "grade it again with --force when that is over"]  # fmt: skip
    assert row.sentence == "squares was interrupted at its time limit"


def test_a_name_with_brackets_is_graded(course):
    root, settings = course
    submit(root, "x[1]", RIGHT)
    (row,) = grade(settings)
    assert (row.state, row.score) == (GRADED, 9.5)


def test_marks_given_by_hand_stay_when_a_student_is_graded_again(course):
    root, settings = course
    submit(root, "ada", RIGHT)
    grade(settings)
    with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        mark = book.find_grade("essay", "problem1", ASSIGNMENT, "ada")
        mark.manual_score, mark.extra_credit, mark.needs_manual_grade = 4.0, 1.0, False
        book.find_comment("essay", "problem1", ASSIGNMENT, "ada").manual_comment = "Well put."
        book.db.commit()
    (row,) = grade(settings, force=True)
    rows = gradebook_rows(root)
    assert row.state == GRADED
    assert rows["ada", "problem1", "essay", "grade"] == (None, 4.0, 1.0, True)
    assert rows["ada", "problem1", "essay", "comment"][1] == "Well put."


def test_a_cell_that_warns_keeps_its_points_where_it_is_a_check(course):
    root, settings = course
    noisy = "import warnings, sys\n" + RIGHT["saturation"].replace(
        "    grey", "    warnings.warn('x'); print('y', file=sys.stderr)\n    grey", 1
    )
    submit(root, "ada", {"saturation": noisy})
    (row,) = grade(settings)
    assert row.cells["problem2/check_saturation"] == 2.0


# ── due or not ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_graded_is_kept_until_it_changes(course):
    root, settings = course
    submit(root, "ada", RIGHT)
    submit(root, "bob", {})
    assert [row.state for row in grade(settings)] == [GRADED, GRADED]
    assert [row.state for row in grade(settings)] == [KEPT, KEPT]
    submit(root, "bob", RIGHT)
    again = grade(settings)
    assert [row.state for row in again] == [KEPT, GRADED]
    assert [row.score for row in again] == [9.5, 9.5]
    assert [row.state for row in grade(settings, ["ada"], force=True)] == [GRADED]


def test_what_plain_nbgrader_graded_is_kept_unless_it_is_older(course):
    root, settings = course
    submit(root, "ada", RIGHT, at="2024-01-01 10:00:00 UTC", leave_out=["problem2"])
    engine_class.autograde(settings)
    assert [row.state for row in grade(settings)] == [KEPT]
    shutil.rmtree(root / ".local")
    (root / "submitted/ada/ps1/timestamp.txt").write_text("2024-01-02 10:00:00 UTC")
    assert [row.state for row in grade(settings)] == [GRADED]


def test_a_student_half_graded_when_the_run_ended_is_graded_from_the_stored_result(course, monkeypatch):
    root, settings = course
    submit(root, "ada", RIGHT)
    submit(root, "bob", {})

    class PowerCut(BaseException):
        pass

    def cut(*_):
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(run.ledger, "annotate", cut)
        with pytest.raises(PowerCut):
            grade(settings)
    assert gradebook_rows(root) == {}, "a transaction leaves nothing behind"
    assert list((root / "autograded").glob("*/ps1")), "files were half written"
    made = []

    def make():
        made.append(Double())
        return made[-1]

    rows = grade(settings, make=make)
    assert [row.score for row in rows] == [9.5, 0.0]
    assert sum(box.opened for box in made) < 4, "stored results are used"


def test_a_forced_run_that_is_cut_short_goes_on_without_force(course):
    root, settings = course
    submit(root, "ada", RIGHT)
    submit(root, "bob", {})
    grade(settings)

    def stop(row, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(settings, force=True, progress=stop)
    assert [row.state for row in grade(settings)] == [KEPT, GRADED]


def test_two_runs_at_once_are_refused(course):
    root, settings = course
    submit(root, "ada", RIGHT)
    with Journal(root / ".local/grading" / ASSIGNMENT).lock(), pytest.raises(run.GradingError, match="another run"):
        grade(settings)


def test_the_journal_is_private_and_survives_junk(tmp_path):
    book = Journal(tmp_path / "j")
    assert book.get("ada") is None
    book.put(Entry("ada", RAN, "f", "w", "r", ["x"]))
    assert book.get("ada") == Entry("ada", RAN, "f", "w", "r", ["x"])
    assert book.path("ada").stat().st_mode & 0o077 == 0
    assert (tmp_path / "j").stat().st_mode & 0o077 == 0
    for junk in ('{"student": "ada", "nonsense": 1}', "[", "[]", ""):
        book.path("ada").write_text(junk)
        assert book.get("ada") == Entry("ada"), junk
    assert book.path("a/../b") != book.path("a____b")
    assert book.path("a/../b").parent == book.folder
    book.put(Entry("M\udcfcller", DONE))
    assert book.get("M\udcfcller").state == DONE


# ── what can't be graded ──────────────────────────────────────────────────────────────────────────────────────────────


def test_bad_requests_get_one_sentence(course):
    root, settings = course
    with pytest.raises(run.GradingError, match="nobody handed in"):
        grade(settings)
    submit(root, "ada", RIGHT)
    with pytest.raises(run.GradingError, match="'bob' handed in nothing"):
        grade(settings, ["bob"])
    with pytest.raises(run.GradingError, match="knows no assignment 'ps9'"):
        run.grade(settings, "ps9", make=Double, judge=Here())
    with pytest.raises(run.GradingError, match="at least one"):
        grade(settings, jobs=-1)
    settings.CourseDirectory.root = str(root.parent)
    with pytest.raises(run.GradingError, match="there is no gradebook"):
        grade(settings)


def test_a_machine_without_a_sandbox_stops_the_run_with_a_sentence(course):
    root, settings = course
    for name in ("ada", "bob"):
        submit(root, name, RIGHT)

    def none():
        raise OSError("user namespaces are not allowed")

    with pytest.raises(run.GradingError, match="no sandbox can be made here: user namespaces are not allowed"):
        grade(settings, make=none)
    assert gradebook_rows(root) == {}
    assert [row.state for row in grade(settings)] == [GRADED, GRADED]


def test_a_run_that_is_broken_off_does_not_wait_for_endless_cells(course):
    root, settings = course
    submit(root, "ada", RIGHT)
    submit(root, "bob", {"squares": "while True: pass"}, leave_out=["problem2"])

    def stop(row, done, total):
        raise KeyboardInterrupt

    made = []

    def make():
        made.append(Sandbox(Limits(cell_seconds=3000, notebook_seconds=6000), sandboxed=contained(), preload=()))
        return made[-1]

    with pytest.raises(KeyboardInterrupt):
        grade(settings, jobs=2, make=make, progress=stop)
    entries = Journal(root / ".local/grading" / ASSIGNMENT)
    assert entries.get("ada").state == DONE
    assert entries.get("bob") is None


def test_workers_share_a_sandbox_and_one_that_it_fails_gets_its_own(course):
    root, settings = course
    for student in ("ada", "bob", "eve"):
        submit(root, student, RIGHT)
    made, opened = [], itertools.count()

    class Once(Double):
        """Fails the first submission that comes."""

        def __init__(self):
            super().__init__()
            made.append(self)

        def open(self, files, env=None):
            if next(opened) == 0:
                raise OSError("a pipe broke")
            return super().open(files, env)

    assert [row.score for row in grade(settings, jobs=3, make=Once)] == [9.5, 9.5, 9.5]
    assert len(made) == 2
    assert made[0].opened > 1, "the others went on with it"
    assert all(box.closed for box in made)


def test_a_worker_that_fails_is_replaced_and_one_that_always_fails_is_no_zero(course):
    root, settings = course
    submit(root, "ada", RIGHT)
    made = []

    class Flaky(Double):
        def open(self, files, env=None):
            made.append(self)
            if len(made) < 3:
                raise OSError("the server is gone")
            return super().open(files, env)

    assert grade(settings, make=Flaky)[0].score == 9.5
    assert made[0].closed

    class Dead(Double):
        def open(self, files, env=None):
            raise OSError("the server is gone")

    (row,) = grade(settings, make=Dead, force=True)
    assert (row.state, row.sentence) == (UNGRADED, "its notebooks could not be run: the server is gone")
    assert row.score == 9.5, "the marks there were stay"
    assert grade(settings)[0].state == GRADED, "the next run tries again"


def test_a_locked_gradebook_stops_the_run_with_a_sentence_and_loses_nothing(course, monkeypatch):
    root, settings = course
    submit(root, "ada", RIGHT)
    monkeypatch.setattr(run, "WAITS", 1)
    settings.CourseDirectory.db_url = f"sqlite:///{root}/gradebook.db?timeout=0.1"
    other = sqlite3.connect(root / "gradebook.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(run.GradingError, match=r"gradebook can't be written: .*locked"):
        grade(settings)
    other.execute("ROLLBACK")
    other.close()
    (row,) = grade(settings)
    assert (row.state, row.score) == (GRADED, 9.5)


def test_a_full_disk_stops_the_run_with_a_sentence_and_loses_nothing(course, monkeypatch):
    root, settings = course
    submit(root, "ada", RIGHT)
    real, full = run.Engine.write_single_notebook, [True]

    def write(self, *args):
        if full:
            raise OSError(28, os.strerror(28), "problem1.ipynb")
        return real(self, *args)

    monkeypatch.setattr(run.Engine, "write_single_notebook", write)
    with pytest.raises(run.GradingError, match=r"No space left on device \(problem1.ipynb\)"):
        grade(settings)
    assert gradebook_rows(root) == {}
    full.clear()
    assert grade(settings)[0].score == 9.5


def test_a_failure_of_nbgrader_costs_one_student_and_no_zero(course, monkeypatch):
    root, settings = course
    submit(root, "ada", RIGHT)
    submit(root, "bob", RIGHT)
    real = run.Engine.write_single_notebook

    def write(self, text, resources):
        if resources["nbgrader"]["student"] == "ada":
            raise RuntimeError("inconsistent")
        return real(self, text, resources)

    monkeypatch.setattr(run.Engine, "write_single_notebook", write)
    ada, bob = grade(settings)
    assert (ada.state, bob.state) == (UNGRADED, GRADED)
    assert ada.sentence == "nbgrader failed on it: inconsistent"
    assert not (root / "autograded/ada/ps1").exists()


# ── cells ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ('check("a.b", f)', [Call("a.b", "f")]),
        ("# hello\nfrom labkit.checks import check\ncheck('a.b', f)  # x\ncheck('a.c', g.h(1))",
         [Call("a.b", "f"), Call("a.c", "g.h(1)")]),
        ('check("a.b", lambda x: x + 1)', [Call("a.b", "lambda x: x + 1")]),
        ('check("a.b", f, seeds=(1,))', []),
        ('check("a.b", *f)', []),
        ('check("a.b")', []),
        ("check(key, f)", []),
        ('x = check("a.b", f)', []),
        ('check("a.b", f)\nassert True', []),
        ("check(", []),
        ("", []),
        ("from labkit.checks import check", []),
        ("a\0b", []),
    ],
)  # fmt: skip
def test_check_cells_are_told_by_their_syntax(source, calls):
    assert cells.parse(source) == tuple(calls)


@pytest.mark.parametrize(
    "source",
    [
        "assert f(1) == 2",
        "import numpy as np\nassert np.allclose(f(1), 2)",
        "import torch\ntorch.testing.assert_close(f(1), torch.ones(2))\nassert torch.equal(a, b)",
        "from numpy.testing import assert_allclose\nassert_allclose(f(1), 2)",
        "assert math.isclose(f(1), 2)",
        "self.assertEqual(1, 2)",
        "not python (",
    ],
)
def test_every_canary_fails_where_nothing_was_tampered_with(source):
    import numpy as np
    import torch
    from numpy.testing import assert_allclose

    names = {"np": np, "torch": torch, "assert_allclose": assert_allclose, "math": __import__("math")}
    made = cells.canaries(source)
    assert len(made) >= 2
    before = set(names)
    for canary in made:
        with pytest.raises(Exception):  # noqa: B017  any error will do: that is what a canary is
            exec(canary, names)
    assert set(names) - before <= {"__builtins__"}, "canaries must not define names"


def test_a_course_may_mark_its_hidden_tests_in_its_own_way():
    from traitlets.config import Config

    settings = Config()
    assert cells.marks(settings) == cells.HIDDEN
    settings.ClearHiddenTests.begin_test_delimeter = "GEHEIM"
    settings.ClearHiddenTests.end_test_delimeter = "ENDE"
    marks = cells.marks(settings)
    source = "a\n# GEHEIM\nb\n# ENDE\nc"
    assert cells.visible(source, marks) == "a\nc"
    tests = cells.Trusted("t", "code", source, None, locked=True, solution=False, task=False, points=1.0)
    meta = {"nbgrader": tests.metadata()}
    notebook = new_notebook(cells=[new_code_cell("a\nc", metadata=meta)])
    plan = cells.Blueprint("n", {"t": tests}, hidden=marks)
    made, remarks = trusted(notebook, plan)
    assert remarks == []
    assert made.cells[0].source == source
    feedback.conceal(made.cells[0], marks)
    assert made.cells[0].source == "a\nc\n# … and hidden tests"


def test_hidden_tests_are_invisible():
    source = "a\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\nc"
    assert cells.visible(source) == "a\nc"
    assert cells.visible("a\n# BEGIN HIDDEN TESTS\nb") == "a"


def test_a_job_survives_its_bytes():
    steps = (cells.Step(0, cells.RUN, "a é"), cells.Step(2, cells.CHECK, name="n", calls=(Call("k", "e"),)))
    made = job.Job("zoë", "ps1", (job.Part("p", steps),), {"a.bin": bytes(range(256)), "b": b"\n\n"})
    back = pickle.loads(pickle.dumps(made))
    assert back == made
    assert back.digest() == made.digest()
    other = job.Job("zoë", "ps1", (job.Part("p", steps),), {"a.bin": b"", "b": b"\n\n"})
    assert other.digest() != made.digest()


def test_a_result_survives_its_text():
    cell = job.Cell([outputs.stopped("A", "b")], ["f"], True, [{"key": "k"}])
    made = job.Result({"p": job.Outcome({3: cell}, "died")}, 1.5)
    assert job.Result.from_json(made.to_json()) == made
    for junk in ("", "{}", "[]", '{"outcomes": 3, "seconds": 1}', '{"outcomes": {"p": 3}, "seconds": 1}'):
        with pytest.raises(ValueError):
            job.Result.from_json(junk)


# ── outputs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


JUNK = [None, 3, "x", [3], [{}], [{"output_type": "bogus"}], [{"output_type": ["stream"]}], {"output_type": "stream"},
        [{"output_type": "stream", "name": "odd", "text": "a"}], [{"output_type": "execute_result", "data": 3}],
        [{"output_type": "stream", "name": "stdout", "text": ["a", 3]}],
        [{"output_type": "error", "ename": None, "evalue": {"a": 1}, "traceback": "x"}]]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk_in_place_of_outputs_is_tampering(junk):
    with pytest.raises(Tampered):
        validated(junk)


def test_outputs_are_valid_whatever_they_hold():
    shown = {"text/plain": "a\ud800", "no mime": "x", "application/javascript": "x", "image/png": "no picture"}
    given = [
        {"output_type": "stream", "name": "stdout", "text": "b\ud800", "extra": 1},
        {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["t\udfff"]},
        {"output_type": "display_data", "data": shown, "metadata": {"text/plain": "x", "odd": {}}},
        {"output_type": "execute_result", "data": {}, "metadata": {}},
    ]
    outputs = validated(given)
    assert len(outputs) == len(given)
    cell = new_code_cell("x", outputs=[nbformat.from_dict(output) for output in outputs])
    nbformat.validate(new_notebook(cells=[cell]))
    assert outputs[0] == {"output_type": "stream", "name": "stdout", "text": "b\N{REPLACEMENT CHARACTER}"}
    assert outputs[2]["data"] == {"text/plain": "a\N{REPLACEMENT CHARACTER}"}
    json.dumps(outputs).encode()


def test_a_judges_output_is_stored_in_utf_8(course):
    """A wrong answer may be a text that no file can hold, and the judge shows it."""
    root, settings = course

    class Odd:
        def judge(self, key, data, seed):
            error = outputs.stopped("Rejected", "you gave '\ud800'")
            return judge.Verdict(key, 2, "wrong", "no", output=error)

    submit(root, "ada", RIGHT)
    (row,) = grade(settings, judge=Odd())
    assert row.state == GRADED
    assert "\N{REPLACEMENT CHARACTER}" in (root / "autograded" / "ada" / "ps1" / "problem2.ipynb").read_text("utf-8")


def test_paths_are_redacted_longest_first():
    redact = outputs.Redaction({"/home/prof": "~", "/home/prof/course": "<course>", "/": "root"})
    assert redact({"a": ["/home/prof/course/x", "/home/prof/y", "/usr"]}) == {"a": ["<course>/x", "~/y", "/usr"]}


@pytest.mark.parametrize("claim", ["1e9", "nan", "inf", "-1", "", "  "])
def test_a_result_that_is_no_number_of_points_earns_nothing_and_is_flagged(course, claim):
    root, settings = course
    submit(root, "ada", RIGHT)
    (row,) = grade(settings, make=lambda: Claiming(claim))
    assert row.cells["problem1/test_half"] == 0.0
    assert any("is no number of points" in flag for flag in row.flags)
    assert row.needs_manual


class Claiming(Double):
    """A sandbox in which one cell's result is whatever a student says."""

    def __init__(self, claim: str) -> None:
        super().__init__()
        self.claim = claim

    def open(self, files, env=None):
        room = super().open(files, env)
        real = room.run_cell

        def run_cell(source):
            if source.endswith("\npoints"):
                return Ran([{"output_type": "execute_result", "data": {"text/plain": self.claim}, "metadata": {}}])
            return real(source)

        room.run_cell = run_cell
        return room


# ── the judge ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def answer():
    """The bytes of a right answer to ``images.saturation`` under seed 5."""
    names: dict = {}
    exec(HONEST, names)
    return wire.execute(checks.find("images.saturation"), names["saturation"], 5)


def test_the_judge_sits_in_another_process(answer):
    with judge.Judges(1) as judges:
        assert judges.judge("images.saturation", answer, 5).right
        wrong = judges.judge("images.saturation", answer, 6)
        assert (wrong.status, wrong.points) == ("wrong", 2)
        with pytest.raises(judge.Forged):
            judges.judge("images.saturation", b"junk", 5)
        with pytest.raises(judge.Broken, match="no check called"):
            judges.judge("images.nonsense", answer, 5)
        assert [judges.seeds(key, 3) for key in ("images.saturation", "images.policy", "images.nonsense")] == [3, 1, 3]
        assert judges.seeds("images.saturation", 2) == 2
        process = judges.idle.get()
        judges.idle.put(process)
        process.popen.kill()
        process.popen.wait()
        assert judges.judge("images.saturation", answer, 5).right, "a judge that was killed is replaced"


def test_a_judge_that_made_ready_gives_the_same_verdicts(answer):
    with judge.Judges(1, keys=["images.nonsense", "images.saturation"]) as judges:
        assert judges.judge("images.saturation", answer, 5).right
        assert judges.judge("images.saturation", answer, 6).status == "wrong"


def script(tmp_path: Path, body: str) -> list[str]:
    """A judge process of the test's own."""
    path = tmp_path / "judge.py"
    path.write_text(f"import sys, time, json, os\nlog = {str(tmp_path / 'log')!r}\nopen(log, 'a').write('x')\n{body}")
    return [sys.executable, "-S", str(path)]


def test_a_verdict_that_hangs_is_broken_off(tmp_path):
    judges = judge.Judges(1, seconds=0.5, command=script(tmp_path, "time.sleep(60)"))
    with judges, pytest.raises(judge.Broken, match=r"longer than 0\.5 seconds"):
        judges.judge("a.b", b"", 1)


@pytest.mark.parametrize(
    "body", ["sys.exit(3)", "sys.stdin.buffer.read(8); os.kill(os.getpid(), 9)", "print('{', end='')"]
)
def test_a_judge_that_always_dies_gives_up(tmp_path, body):
    judges = judge.Judges(1, seconds=30, command=script(tmp_path, body))
    with judges, pytest.raises(judge.Broken, match="ended while it judged"):
        judges.judge("a.b", b"data", 1)
    assert (tmp_path / "log").read_text() == "x" * judge.TRIES


def test_many_threads_share_the_judges(answer):
    results = []
    with judge.Judges(2) as judges:

        def ask(seed):
            results.append((seed, judges.judge("images.saturation", answer, seed).status))

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in (5, 6, 5, 6, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [(5, "right")] * 3 + [(6, "wrong")] * 2


class Mortal:
    """A sandbox whose first sessions are killed, and whose check modules can't be imported."""

    tampered = False

    def __init__(self, kills):
        self.kills, self.opened = kills, 0

    def open(self, files, env=None):
        self.opened += 1
        self.killed = self.opened <= self.kills
        self.died = "anything at all" if self.killed else ""
        return contextlib.nullcontext(self)

    def run_cell(self, source):
        return Ran(died=self.died)

    def run_check(self, key, expression, seed):
        return sandbox_session.CheckResult(None, failed="ImportError: no such module")

    def files(self, given):
        return dict(given)

    def close(self):
        pass


@pytest.mark.parametrize(("kills", "opened", "died"), [(0, 1, ""), (1, 2, ""), (2, 2, "anything at all")])
def test_a_notebook_whose_process_was_killed_runs_once_more(kills, opened, died):
    made = Mortal(kills)
    work = job.Job("ada", "ps1", (job.Part("n", (cells.Step(0, cells.RUN, "1"),)),))
    result = worker.work(work, worker.Court(Here(), made))
    assert (made.opened, result.outcomes["n"].died) == (opened, died)


def test_a_check_whose_module_cannot_be_imported_is_left_to_a_person(monkeypatch, capsys):
    step = cells.Step(0, cells.CHECK, name="test_it", calls=(Call("images.saturation", "f"),))
    work = job.Job("ada", "ps1", (job.Part("n", (step,)),))
    cell = worker.work(work, worker.Court(Here(), Mortal(0))).outcomes["n"].cells[0]
    assert cell.person
    assert cell.flags == ["test_it: it could not be judged, so a person must: ImportError: no such module"]

    def broken(topic):
        raise ImportError("no such module")

    monkeypatch.setattr(checks, "of", broken)
    inside_shell.preload(["labkit.checks"])  # the sandbox's server starts all the same
    assert "ImportError: no such module" in capsys.readouterr().err
    assert inside_loop.examine({}, "images.saturation", "1", 0, 100) == (b"", "ImportError: no such module")


class Failing:
    """A judge that can't."""

    def __init__(self, error):
        self.error = error

    def judge(self, key, data, seed):
        raise self.error


def test_a_broken_check_is_left_to_a_person_and_forged_bytes_are_a_zero(course):
    root, settings = course
    submit(root, "ada", RIGHT)
    (row,) = grade(settings, judge=Failing(judge.Broken("no verdict")))
    rows = gradebook_rows(root)
    assert row.cells["problem2/check_saturation"] is None
    assert rows["ada", "problem2", "check_saturation", "grade"] == (None, None, None, True)
    assert row.flags == ["check_saturation: it could not be judged, so a person must: no verdict"]
    assert rows["ada", "problem2"][2], "the notebook is flagged"
    (row,) = grade(settings, judge=Failing(judge.Forged("junk")), force=True)
    assert row.cells["problem2/check_saturation"] == 0.0
    assert "sent what no check sends" in row.flags[0]
    assert row.needs_manual


# ── progress ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_progress_counts_to_the_end_and_the_bar_takes_it(course, capsys):
    root, settings = course
    submit(root, "ada", RIGHT)
    submit(root, "[red]zoë", {})
    seen = []
    grade(settings, progress=lambda row, done, total: seen.append((row.student, done, total)))
    assert {student for student, _, _ in seen} == {"ada", "[red]zoë"}
    assert [counted[1:] for counted in seen] == [(1, 2), (2, 2)]
    with Bar() as bar:
        grade(settings, progress=bar)
    assert "2/2" in capsys.readouterr().err


def test_the_stored_entry_of_a_graded_student_tells_of_each_check(course):
    root, settings = course
    submit(root, "ada", {"saturation": "def saturation(x, factor):\n    raise NotImplementedError"})
    grade(settings)
    entry = Journal(root / ".local/grading" / ASSIGNMENT).get("ada")
    assert entry.state == DONE
    assert entry.result == ""
    (report,) = entry.reports
    assert (report["notebook"], report["cell"], report["status"]) == ("problem2", "check_saturation", "stub")
    assert "seed" not in json.dumps(report)


def test_reading_a_submission_changes_nothing_on_disk(course):
    root, settings = course
    folder = submit(root, "ada", RIGHT)
    before = journal.fingerprint(folder, folder.parents[1]), (root / "gradebook.db").read_bytes()
    engine = run.open_engine(settings, ASSIGNMENT, run.quiet())
    made = engine.prepare("ada")
    assert sorted(made.notebooks) == ["problem1", "problem2"]
    assert made.job.files["data.csv"].startswith(b"a,b")
    assert (journal.fingerprint(folder, folder.parents[1]), (root / "gradebook.db").read_bytes()) == before
    assert not (root / "autograded").exists()
    assert intake.grade_id(made.notebooks["problem2"].cells[0]) == "header"


class Uncopied:
    """What an exercise uses, where the copy of labkit for it can't be made."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def archive(self, judge: object) -> Path:
        raise self.error


@pytest.mark.parametrize("error", [Broken("the judge ended"), OSError(28, "No space left on device")])
def test_a_copy_of_labkit_that_can_not_be_made_is_one_sentence(error):
    copy: Future[Path] = Future()
    with pytest.raises(GradingError, match="the sandbox's copy of labkit can't be made: "):
        opening.make_copy(copy, Uncopied(error), None)
    assert copy.cancelled()


def test_nobody_waits_for_a_copy_that_was_broken_off():
    copy: Future[Path] = Future()
    with pytest.raises(KeyboardInterrupt):
        opening.make_copy(copy, Uncopied(KeyboardInterrupt()), None)
    assert copy.cancelled()
