"""The labkit command: quick, clear about bad input, and careful with a student's files."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from labkit.grading import cli, course, doctor, lab, notebooks, outcome, release, selfcheck, student
from labkit.grading.course import Course, CourseError
from labkit.topics import SYLLABUS
from tests import tiny

COMMANDS = [
    *("lab", "doctor", "start", "check", "solution", "progress"),
    *("release", "tidy", "grade", "feedback", "grades", "demo", "similar"),
]

PLANNED = [topic for topic in SYLLABUS if topic.planned]


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A released course of one exercise, to be copied."""
    made = tiny.build(tmp_path_factory.mktemp("course"))
    release.release(made, tiny.NAME)
    return made


@pytest.fixture
def here(released, tmp_path, monkeypatch):
    """A released course of one exercise, which is the current folder."""
    shutil.copytree(released.root, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return Course(tmp_path, tmp_path)


def labkit(*arguments):
    return cli.run(list(arguments))


def work(here, change):
    """Start the exercise and change the student's notebook; its file."""
    path = student.start(here, "images").notebook
    made = notebooks.read(path)
    change(made)
    nbformat.write(made, path)
    return path


def solve(made, *names):
    for name in names or ("double", "mean"):
        tiny.cell(made, name).source = {"double": tiny.DOUBLE, "mean": tiny.MEAN}[name]


# The command itself.


def test_help_imports_nothing_heavy():
    heavy = [
        "torch",
        "nbgrader",
        "numpy",
        "nbformat",
        "nbclient",
        "jupyter_client",
        "IPython",
        "matplotlib",
        "sqlalchemy",
    ]
    code = f"""
import sys
from labkit.grading import cli
assert cli.run(["--help"]) == 0
print("LOADED", [name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "For students" in done.stdout
    assert done.stdout.rstrip().endswith("LOADED []")


def test_help_names_every_command(capsys):
    assert labkit("--help") == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f"│ {name} " not in shown] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert labkit(command, "--help") == 0
    assert f"labkit {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["start"], "Missing argument 'topic'"),
        (["start", "cooking"], "no exercise is called 'cooking'; there are: 01_images"),
        (["start", "attacks"], "the topic 'attacks' has no exercise here; there are: 01_images"),
        *[
            (["start", t.key], f"the topic '{t.key}' is planned and not written yet; there are: 01_images")
            for t in PLANNED
        ],
        *[(["check", str(t.nr)], f"the topic '{t.nr}' is planned and not written yet") for t in PLANNED],
        (["check", "nowhere.ipynb"], "there is no file nowhere.ipynb"),
        (["check", "."], ". holds 0 notebooks; name the one to check"),
        (["check", "images"], "01_images is not started yet: `labkit start images` gives you a copy"),
        (["check", "nbgrader_config.py"], "nbgrader_config.py is not a notebook"),
        (["check", "images", "--timeout", "0"], "'--timeout'"),
        (["release", "cooking"], "no exercise is called 'cooking'"),
        (["grade"], "nothing was handed in"),
        (["grade", "images"], "nobody handed in 01_images"),
        (["grade", "images", "--zzz"], "No such option: --zzz; see `labkit grade --help`"),
        (["feedback"], "nothing was graded yet"),
        (["feedback", "images"], "nobody was graded for 01_images"),
        (["grades"], "the gradebook holds no submissions; `labkit grade`"),
        (["grades", "images"], "the gradebook holds no submissions of 01_images"),
        (["lab", "--port", "99999"], "port 99999 is taken or not allowed"),
        (["demo", "images", "--folder", "."], "is not empty"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(here, capsys, arguments, says):
    assert labkit(*arguments) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.startswith("labkit: ") or "\nlabkit: " in said
    assert "Traceback" not in said
    assert not (here.root / "gradebook.db").exists(), "a look makes no gradebook"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b'{"cells": [', "is damaged: it is no valid JSON (see line 1)"),
        (b"[1, 2]", "is not a notebook: it has no nbformat"),
        (b'{"nbformat": 99, "nbformat_minor": 0, "cells": []}', "is damaged"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "poem"}]}', "is damaged"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 3}', "is damaged"),
        (b"\xff\xfe\x00binary", "it is no text in UTF-8"),
        (b"[" * 100_000, "is damaged"),
    ],
)
def test_a_broken_notebook_is_one_sentence(here, capsys, content, says):
    (here.root / "broken.ipynb").write_bytes(content)
    assert labkit("check", "broken.ipynb") == 2
    assert says in capsys.readouterr().err


def test_what_the_operating_system_refuses_is_one_sentence(here, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "/somewhere")

    monkeypatch.setattr(student, "states", full)
    assert labkit("progress") == 2
    assert capsys.readouterr().err == "labkit: /somewhere: No space left on device\n"


def test_an_unexpected_error_shows_itself(here, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(student, "states", broken)
    with pytest.raises(ZeroDivisionError, match="a defect"):
        labkit("progress")


# Where the course is.


def test_the_course_is_found_upwards(here):
    deep = here.root / "work" / "01_images"
    deep.mkdir(parents=True)
    assert course.find(deep) == Course(here.root, here.root)


def test_the_course_can_be_named(here, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("LABKIT_COURSE", str(here.root))
    assert course.find(elsewhere).root == here.root
    monkeypatch.setenv("LABKIT_COURSE", str(elsewhere))
    with pytest.raises(CourseError, match=r"LABKIT_COURSE is .* which is no course"):
        course.find(elsewhere)


ANYWHERE = ("release", "grade", "grades", "feedback", "demo", "lab", "progress", "start images", "check images",
            "collect images x.zip")  # fmt: skip


@pytest.mark.parametrize("command", ANYWHERE)
def test_in_a_folder_that_is_no_course_no_command_acts_on_the_clone_labkit_lies_in(
    tmp_path, monkeypatch, capsys, command
):
    monkeypatch.delenv("LABKIT_COURSE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert labkit(*command.split()) == 2
    told = capsys.readouterr().err
    assert (
        "there is no course here: a course is a folder with nbgrader_config.py (and solutions/, to teach from)" in told
    )
    assert list(tmp_path.iterdir()) == []


def test_an_installed_package_brings_its_own_course_and_writes_elsewhere(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "labkit"
    (package / "_course" / "exercises" / "01_images").mkdir(parents=True)
    monkeypatch.setattr(course, "__file__", str(package / "grading" / "course.py"))
    monkeypatch.delenv("LABKIT_COURSE", raising=False)
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "mine"))
    found = course.find(tmp_path)
    assert found.root == package / "_course"
    assert found.work == tmp_path / "mine" / "work"
    with pytest.raises(CourseError, match="grading needs a clone of the course"):
        found.config()


def test_an_installed_package_cannot_teach(tmp_path, monkeypatch, capsys):
    (tmp_path / "exercises" / "01_images").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert labkit("demo") == 2
    assert "has no solutions/: this needs a clone" in capsys.readouterr().err


# start


def test_start_gives_a_copy_with_its_files(here, capsys):
    assert labkit("start", "images") == 0
    assert "work/01_images/01_images.ipynb" in capsys.readouterr().out
    assert sorted(p.name for p in (here.work / tiny.NAME).iterdir()) == [tiny.FILE, "numbers.csv"]


def test_start_never_overwrites(here, capsys):
    path = work(here, solve)
    before = path.read_bytes()
    assert labkit("start", "1") == 0
    said = capsys.readouterr().out
    assert "it stays as it is" in said
    assert "--fresh" in said
    assert path.read_bytes() == before


def test_start_fresh_makes_another_copy_beside_it(here, capsys):
    path = work(here, solve)
    before = path.read_bytes()
    assert labkit("start", "images", "--fresh") == 0
    assert labkit("start", "images", "--fresh") == 0
    assert path.read_bytes() == before
    assert [folder.name for folder in student.copies(here, tiny.NAME)] == ["01_images", "01_images-2", "01_images-3"]
    assert all((here.work / f"01_images-{i}" / tiny.FILE).is_file() for i in (2, 3))


def test_start_says_that_the_exercise_has_moved_on(here, capsys):
    assert student.start(here, "images").current
    (here.exercises / tiny.NAME / "numbers.csv").write_text("4\n")
    assert labkit("start", "images") == 0
    assert "has been updated since you took it" in capsys.readouterr().out


def test_a_copy_that_fails_leaves_nothing(here, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(student.shutil, "copyfile", full)
    with pytest.raises(CourseError, match="No space left on device"):
        student.start(here, "images")
    assert list(here.work.iterdir()) == []


# check and progress


def test_check_of_an_untouched_copy(here, capsys):
    path = student.start(here, "images").notebook
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert labkit("check", "images") == 1
    shown = capsys.readouterr().out
    assert shown.count("not written yet") == 4  # three checks, and the cell that calls mean
    assert "why: still empty" in shown
    assert "0 of 5 points so far; 3 points more for written answers" in shown
    assert "Traceback" not in shown
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_path_from_the_courses_folder_is_found_from_everywhere(here, monkeypatch):
    path = student.start(here, "images").notebook
    here.reading.mkdir()
    monkeypatch.chdir(here.reading)  # where JupyterLab's terminal opens
    assert student.locate(here, f"work/{tiny.NAME}/{tiny.FILE}") == path.resolve()
    assert student.locate(here, f"work/{tiny.NAME}") == path.resolve()
    with pytest.raises(CourseError, match=r"there is no file work/nothing\.ipynb"):
        student.locate(here, "work/nothing.ipynb")


def test_check_of_a_solved_copy(here, capsys):
    def everything(made):
        solve(made)
        tiny.cell(made, "why").source = "Because."

    work(here, everything)
    assert labkit("check", "images") == 0
    shown = capsys.readouterr().out
    assert shown.count("✓") == 4
    assert "All right: 5 of 5 points" in shown
    assert labkit("progress") == 0
    shown = capsys.readouterr().out
    assert "3/3" in shown
    assert "All done." in shown


def test_check_names_what_is_wrong(here, capsys):
    def mistakes(made):
        tiny.cell(made, "double").source = "def double(numbers):\n    return numbers\n\n1 / 0"
        tiny.cell(made, "mean").source = "def mean(numbers:\n    return 0"

    path = work(here, mistakes)
    assert labkit("check", str(path)) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "test_double 0/2 each number counts twice" in shown
    assert "test_double_empty 1/1" in shown
    assert "`mean` is not defined: is the cell above that defines it in order?" in shown
    assert "In [2] ZeroDivisionError: division by zero (line 4)" in shown
    assert "In [5] SyntaxError: '(' was never closed (line 1)" in shown
    assert "1 of 5 points" in shown


def test_check_uses_the_original_check_cells(here):
    def cheat(made):
        tiny.cell(made, "test_double").source = "pass"
        made.cells.remove(tiny.cell(made, "test_mean"))

    path = work(here, cheat)
    verdict = selfcheck.examine(path, release=here.exercises / tiny.NAME / tiny.FILE)
    assert [(r.name, r.status) for r in verdict.results] == [
        ("test_double", "stub"),
        ("test_double_empty", "stub"),
        ("test_mean", "stub"),
    ]
    assert "test_double: the test was edited; the original was run" in verdict.remarks
    assert "test_mean: the cell was missing; the original was put back" in verdict.remarks


def test_an_endless_loop_ends_the_run_with_a_sentence(here):
    path = work(here, lambda made: made.cells.insert(5, nbformat.v4.new_code_cell("while True: pass")))
    verdict = selfcheck.examine(path, release=here.exercises / tiny.NAME / tiny.FILE, timeout=2)
    assert [r.status for r in verdict.results] == ["stub", "stub", "unrun"]
    assert verdict.remarks == [
        "In [5] did not end within 2 seconds: is there an endless loop? Nothing after it was run."
    ]


def test_a_dead_kernel_ends_the_run_with_a_sentence(here):
    path = work(here, lambda made: made.cells.insert(1, nbformat.v4.new_code_cell("import os; os._exit(1)")))
    verdict = selfcheck.examine(path)
    assert {r.status for r in verdict.results} == {"unrun"}
    assert verdict.remarks[0].startswith("In [1] ended Python")


def test_a_notebook_without_checks_has_nothing_to_check(here, capsys):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    here.lectures.mkdir()
    # A lecture's name is that of its exercise.
    for path in (here.lectures / tiny.FILE, here.root / "free.ipynb"):
        nbformat.write(made, path)
        assert labkit("check", str(path)) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert f"{path.name} has no checks: there is nothing to check in it." in shown
        assert ("`labkit start images`" in shown) == (path.name == tiny.FILE)
        assert "All right" not in shown


def test_an_exercise_that_lost_its_checks_is_still_checked(here):
    def emptied(made):
        made.cells = [cell for cell in made.cells if outcome.kind(cell) not in ("check", "written")]

    work(here, emptied)
    assert labkit("check", "images") == 1


def test_points_are_those_nbgrader_gives():
    def said(*outputs):
        cell = tiny.check_of("t", "check('images.some', f)", 4)
        cell.outputs = [nbformat.from_dict(output) for output in outputs]
        return outcome.result(cell)

    error = {"output_type": "error", "ename": "Rejected", "evalue": "some: degrees, not radians", "traceback": []}
    warned = {"output_type": "stream", "name": "stderr", "text": "UserWarning: slow\n"}
    stderr = {"output_type": "stream", "name": "stderr", "text": "something else\n"}
    part = {"output_type": "execute_result", "data": {"text/plain": "1.5"}, "metadata": {}, "execution_count": 1}
    assert said() == outcome.Result("images.some", "right", "", 4, 4)
    assert said(error) == outcome.Result("images.some", "wrong", "degrees, not radians", 0, 4)
    assert said(error | {"evalue": "some is not written yet"}).status == "stub"
    assert said(warned).points == 4
    assert said(stderr).points == 0
    assert said(part) == outcome.Result("images.some", "wrong", "1.5 of 4 points", 1.5, 4)


def test_progress_tells_what_is_next(here, capsys):
    assert labkit("progress") == 0
    assert "Next: `labkit start images`." in capsys.readouterr().out
    path = student.start(here, "images").notebook
    labkit("progress")
    assert "started, not checked yet" in capsys.readouterr().out
    assert labkit("progress", "--run") == 0
    shown = capsys.readouterr().out
    assert "0/3" in shown
    assert "1 written answer still empty" in shown
    path.write_text(path.read_text(encoding="utf-8").replace("# Numbers", "# My numbers"), encoding="utf-8")
    labkit("progress")
    assert "changed since it was checked" in " ".join(capsys.readouterr().out.split())


def test_to_run_and_save_it_again_leaves_a_finished_exercise_finished(here, capsys):
    def everything(made):
        solve(made)
        tiny.cell(made, "why").source = "Because."

    path = work(here, everything)
    assert labkit("check", "images") == 0
    made = notebooks.read(path)
    for count, cell in enumerate(made.cells):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text=f"{count}")], count
            cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
    made.metadata["language_info"]["version"] = "3.11.2"
    nbformat.write(made, path)
    capsys.readouterr()
    assert labkit("progress") == 0
    shown = capsys.readouterr().out
    assert "changed since it was checked" not in shown
    assert "All done." in shown
    tiny.cell(made, "why").source = "Because of this."
    nbformat.write(made, path)
    labkit("progress")
    assert "changed since it was checked" in capsys.readouterr().out


def test_next_is_the_exercise_that_was_begun(here, capsys):
    for name in ("02_mixing", "04_attacks", "12_gan"):
        shutil.copytree(here.exercises / tiny.NAME, here.exercises / name)
        (here.exercises / name / tiny.FILE).rename(here.exercises / name / f"{name}.ipynb")
    for key in ("gan", "attacks"):
        student.start(here, key)
    os.utime(here.work / "04_attacks" / "04_attacks.ipynb", (1, 1))
    labkit("progress")
    assert "Next: go on with 12_gan, and `labkit check gan`." in capsys.readouterr().out
    os.utime(here.work / "12_gan" / "12_gan.ipynb", (0, 0))
    labkit("progress")
    assert "Next: go on with 04_attacks" in capsys.readouterr().out


def test_a_damaged_memory_is_forgotten(here, capsys):
    student.start(here, "images")
    student.memory(here).write_text("{", encoding="utf-8")
    assert labkit("progress") == 0
    assert "started, not checked yet" in capsys.readouterr().out


# doctor and lab


def test_doctor_finds_a_working_machine(here, capsys, monkeypatch):
    monkeypatch.delenv("LABKIT_DATA", raising=False)
    monkeypatch.delenv("LABKIT_DEVICE", raising=False)
    assert labkit("doctor") == 0
    shown = capsys.readouterr().out
    for name in (
        "python",
        "labkit",
        "course",
        "torch",
        "device",
        "torchvision",
        "nbgrader",
        "kernel",
        "sandbox",
        "disk",
    ):
        assert f" {name} " in shown
    assert "Everything that is needed is here." in shown


def test_doctor_says_what_to_do_about_every_lack(here, capsys, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", "/nowhere/at/all")
    monkeypatch.setenv("LABKIT_DEVICE", "toaster")
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    monkeypatch.setattr(doctor, "SPACE", 1e12)
    assert labkit("doctor") == 1
    assert "To do: device, data, disk." in capsys.readouterr().out
    lacks = [finding for finding in doctor.examine(None) if not finding.ok]
    assert {"course", "device", "data", "disk"} <= {finding.name for finding in lacks if not finding.optional}
    assert all(finding.remedy for finding in lacks)


def test_doctor_tells_a_sandbox_that_may_not_start(monkeypatch):
    refused = subprocess.CompletedProcess([], 1, "", "bwrap: No permissions to create a new namespace\n")
    monkeypatch.setattr(doctor.sandbox_bwrap, "program", lambda: "/usr/bin/bwrap")
    monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: refused)
    finding = doctor.sandbox()
    assert not finding.ok
    assert finding.optional
    assert "No permissions" in finding.value


def test_lab_opens_the_first_lecture_and_hides_its_token(here, monkeypatch):
    monkeypatch.delenv("JUPYTER_TOKEN", raising=False)
    here.lectures.mkdir()
    (here.lectures / lab.FIRST).write_text("{}")
    prepared = lab.server(here, browser=False)
    token = prepared.environment["JUPYTER_TOKEN"]
    assert prepared.url.endswith(f"/lab/tree/lectures/00_start.ipynb?token={token}")
    assert len(token) >= 32
    assert not any(token in argument for argument in prepared.arguments)
    assert "--no-browser" in prepared.arguments
    assert f"--ServerApp.root_dir={here.root}" in prepared.arguments


def test_lab_takes_the_next_port_where_one_is_taken(here):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CourseError, match="is taken"):
            lab.server(here, port=taken.getsockname()[1])
    assert lab.is_free(lab.free_port())


# files


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def interrupted(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(notebooks.os, "replace", interrupted)
    with pytest.raises(CourseError, match="can't be written: Input/output error"):
        notebooks.write(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_the_record_of_a_check_is_plain_json():
    verdict = selfcheck.Verdict(results=[outcome.Result("a", "right", "", 1, 1)])
    assert json.loads(json.dumps(selfcheck.record(verdict)))["done"] is True


def test_the_command_is_installed():
    assert importlib.util.find_spec("labkit.grading.cli") is not None
    assert Path(sys.executable).with_name("labkit").is_file()
