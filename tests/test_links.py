"""No link is followed when submissions are read, at any level: nobody earns another's marks or reads what isn't theirs.

Eve puts links where her work should be: to Bob's folder, to the gradebook, to herself. Bob's answers are all right.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from labkit.grading import collect, feedback, grade, hooks, links, marks, notebooks, release
from labkit.grading.cli_teaching import assignments
from labkit.grading.course import Course, CourseError
from labkit.grading.engine import journal
from tests import tiny
from tests.engine_double import contained, plain_nbgrader_runs

SECRET = "Bob's very own sentence"


def solution():
    made = tiny.notebook()
    tiny.cell(made, "why").source = SECRET
    return made


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A course where Bob handed in the solution and was graded."""
    made = tiny.build(tmp_path_factory.mktemp("links"))
    release.release(made, tiny.NAME)
    tiny.hand_in(made, "bob", solution())
    (row,) = graded(made)
    assert row.points == 5.0
    return made.root


@pytest.fixture
def course(template, tmp_path):
    folder = tmp_path / "course"
    shutil.copytree(template, folder, symlinks=True)
    return Course(folder, folder)


def graded(course, students=None):
    return grade.grade(course, tiny.NAME, students, sandboxed=contained(), jobs=1)


def replaced(path: Path, target: str | Path) -> None:
    """A link in place of what was there."""
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


EVE = Path("submitted/eve")
HERE = EVE / tiny.NAME
# What stands where, what it points at, and where the whole submission can't be read for it, how the sentence begins.
WHOLE = {
    "her folder is Bob's": (EVE, "bob", "submitted/eve was not read"),
    "her folder is Bob's, by its whole path": (EVE, "{course}/submitted/bob", "submitted/eve was not read"),
    "her folder is a link to a link to Bob's": (EVE, "zoe", "submitted/eve was not read"),
    "her folder is what was graded of Bob's": (EVE, "../autograded/bob", "submitted/eve was not read"),
    "her folder is the solutions": (EVE, "../solutions", "submitted/eve was not read"),
    "her folder is everybody's": (EVE, "../submitted", "submitted/eve was not read"),
    "her folder is itself": (EVE, "eve", "submitted/eve was not read"),
    "her folder is nowhere": (EVE, "nowhere", "submitted/eve was not read"),
    "her folder is the gradebook": (EVE, "../gradebook.db", "submitted/eve was not read"),
    "her folder is the instructor's home": (EVE, "/root", "submitted/eve was not read"),
    "the exercise is Bob's": (HERE, f"../bob/{tiny.NAME}", f"submitted/eve/{tiny.NAME} was not read"),
    "the exercise is the solution": (HERE, f"../../solutions/{tiny.NAME}", f"submitted/eve/{tiny.NAME} was not read"),
    "the exercise is the folder above": (HERE, "../eve", f"submitted/eve/{tiny.NAME} was not read"),
    "the exercise is itself": (HERE, tiny.NAME, f"submitted/eve/{tiny.NAME} was not read"),
    "the exercise is nowhere": (HERE, "nowhere", f"submitted/eve/{tiny.NAME} was not read"),
    "the exercise is the gradebook": (HERE, "../../gradebook.db", f"submitted/eve/{tiny.NAME} was not read"),
    "the notebook is Bob's": (HERE / tiny.FILE, f"../../bob/{tiny.NAME}/{tiny.FILE}", f"{tiny.FILE} is a link"),
    "the notebook is itself": (HERE / tiny.FILE, tiny.FILE, f"{tiny.FILE} is a link"),
    "the notebook is nowhere": (HERE / tiny.FILE, "nowhere", f"{tiny.FILE} is a link"),
}


INSIDE = {
    "a data file": ("numbers.csv", "../../../gradebook.db"),
    "another student's notebook under another name": ("bob.txt", f"../../bob/{tiny.NAME}/{tiny.FILE}"),
    "a folder": ("more", "../../bob"),
    "a folder that holds itself": ("more", "."),
    "a folder that holds all": ("more", "/"),
    "a file in a folder": ("deep/er/own.txt", f"../../../../bob/{tiny.NAME}/{tiny.FILE}"),
    "a loop": ("one", "one"),
    "the timestamp": ("timestamp.txt", "../../../gradebook.db"),
    "nothing": ("nothing", "/nowhere"),
}


@pytest.fixture(scope="module")
def class_(template, tmp_path_factory):
    """Bob and, for each kind of link, somebody who put it in place of her work: the course before and after a run."""
    folder = tmp_path_factory.mktemp("class") / "course"
    shutil.copytree(template, folder, symlinks=True)
    made = Course(folder, folder)
    empty = notebooks.read(made.exercises / tiny.NAME / tiny.FILE)
    for number, (path, target, _) in enumerate(WHOLE.values()):
        if path not in (EVE, HERE):
            tiny.hand_in(made, f"eve{number}", empty)
        replaced(folder / called(path, number), called(target, number).format(course=folder))
    for number, (name, target) in enumerate(INSIDE.values()):
        own = solution()
        look = f"import os\nprint('SEEN' if os.path.lexists({name!r}) else 'unseen')"
        own.cells.append(nbformat.v4.new_code_cell(look))
        tiny.hand_in(made, f"fay{number}", own)
        replaced(made.submitted / f"fay{number}" / tiny.NAME / name, target)
    shutil.copytree(made.submitted, folder.parent / "before", symlinks=True)
    rows = {row.student: row for row in graded(made)}
    again = {row.student: row for row in graded(made)}
    return made, rows, again


def called(text: str | Path, number: int) -> str:
    """The name of who does this instead of Eve's."""
    return str(text).replace("eve", f"eve{number}").replace("zoe", f"eve{number - 1}")


@pytest.mark.parametrize("kind", WHOLE)
def test_a_link_earns_nothing_and_the_row_says_so(class_, kind):
    course, rows, again = class_
    number = list(WHOLE).index(kind)
    row = rows[f"eve{number}"]
    assert row.marks == ()
    assert row.remarks[0].startswith(called(WHOLE[kind][2], number))
    assert row.remarks == again[row.student].remarks
    assert not (course.root / "autograded" / row.student).exists()
    assert row.student not in {known.student for known in marks.rows(course)}


def test_the_others_have_the_marks_they_would_have(class_):
    course, rows, _ = class_
    assert rows["bob"].points == 5.0
    assert rows["bob"].remarks == ()
    assert len(rows) == 1 + len(WHOLE) + len(INSIDE)
    with_links = [path for path in course.submitted.rglob("*") if path.is_symlink()]
    assert len(with_links) == len(WHOLE) + len(INSIDE), "what was handed in is as it was"


@pytest.mark.parametrize("kind", INSIDE)
def test_a_link_among_the_files_is_left_out_and_the_row_says_so(class_, kind):
    course, rows, _ = class_
    name = INSIDE[kind][0]
    row = rows[f"fay{list(INSIDE).index(kind)}"]
    assert f"look at it: {name} was left out: {links.WHY}" in row.remarks
    assert row.points == 5.0
    copy = course.root / "autograded" / row.student / tiny.NAME
    if name != "numbers.csv":  # the course's own takes its place
        assert not os.path.lexists(copy / name)
        assert "unseen" in (copy / tiny.FILE).read_text(encoding="utf-8")
    paths = [path for path in copy.rglob("*") if path.name != tiny.FILE and not path.is_dir()]
    assert not [path for path in copy.rglob("*") if path.is_symlink()]
    assert not [path for path in paths if SECRET in path.read_text(encoding="utf-8", errors="replace")]


def test_who_handed_in_real_files_replaces_the_link_and_is_graded(course):
    replaced(course.root / EVE, "bob")
    (row,) = graded(course, ["eve"])
    assert row.points is None
    (course.root / EVE).unlink()
    tiny.hand_in(course, "eve", solution())
    (row,) = graded(course, ["eve"])
    assert row.points == 5.0


def test_marks_of_an_earlier_submission_stay_and_the_row_says_whose_they_are(course):
    (row,) = graded(course, ["bob"])
    shutil.move(course.submitted / "bob", course.submitted / "real")
    replaced(course.submitted / "bob", "real")
    (row,) = graded(course, ["bob"])
    assert row.points == 5.0
    assert row.remarks == (f"submitted/bob was not read: {links.WHY}", "the marks are those of an earlier submission")


def test_the_instructor_may_link_the_folder_of_all_submissions(course, tmp_path):
    shutil.move(course.submitted, tmp_path / "elsewhere")
    course.submitted.symlink_to(tmp_path / "elsewhere")
    tiny.hand_in(course, "eve", solution())
    rows = graded(course)
    assert [row.points for row in rows] == [5.0, 5.0]
    assert all(not row.remarks for row in rows)


def test_a_link_put_in_place_after_the_look_is_not_followed_either(course, monkeypatch):
    monkeypatch.setattr(links, "on_the_way", lambda path, base: None)
    for path, target in ((EVE, "bob"), (HERE, f"../bob/{tiny.NAME}")):
        replaced(course.root / path, target)
        (row,) = graded(course, ["eve"])
        assert row.marks == ()
        assert "is a link" in row.remarks[0]
        (course.root / path).unlink()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_link_at_any_depth_stops_a_reading(tmp_path, depth):
    parts = ["a", "b", "c"]
    real = tmp_path / "base" / Path(*parts)
    real.parent.mkdir(parents=True)
    real.write_text("text")
    assert links.read(real, tmp_path / "base") == b"text"
    assert links.on_the_way(real, tmp_path / "base") is None
    link = tmp_path / "base" / Path(*parts[:depth])
    shutil.move(link, tmp_path / "moved")
    link.symlink_to(tmp_path / "moved")
    assert real.read_text() == "text"
    assert links.on_the_way(real, tmp_path / "base") == link
    with pytest.raises(links.Linked, match=f"{parts[depth - 1]} is a link"):
        links.read(real, tmp_path / "base")


def test_pipes_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(links.Linked, match="is no file"):
            links.read(tmp_path / name, tmp_path)
    with pytest.raises(FileNotFoundError):
        links.read(tmp_path / "nothing", tmp_path)


def test_a_fingerprint_does_not_read_behind_links(course, tmp_path):
    base = course.submitted
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("one")
    replaced(course.root / EVE, secret)
    before = journal.fingerprint(course.root / HERE, base)
    (secret / "file").write_text("two")
    assert journal.fingerprint(course.root / HERE, base) == before
    replaced(course.root / EVE, tmp_path)
    assert journal.fingerprint(course.root / HERE, base) != before


# ── other commands ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_handed_in_is_known_without_looking_behind_links(course):
    other = course.solutions / "02_other"
    shutil.copytree(course.solutions / tiny.NAME, other)
    replaced(course.root / EVE, "../solutions")
    assert assignments(course, None, handed_in=True) == [tiny.NAME]
    replaced(course.submitted / "fay/02_other", "nowhere")
    assert assignments(course, None, handed_in=True) == [tiny.NAME, "02_other"]


def download(folder: Path, name: str = "Eve Doe_7_assignsubmission_file_") -> Path:
    """A download with one student's notebook."""
    (folder / name).mkdir(parents=True)
    (folder / name / tiny.FILE).write_text(nbformat.writes(solution()), encoding="utf-8")
    return folder / name


def test_a_download_with_links_gives_nothing_of_what_they_point_at(course, tmp_path):
    home = download(tmp_path / "moodle")
    for name, target in (("a.txt", course.root / "gradebook.db"), ("deep", "/etc"), ("loop", ".")):
        (home / name).symlink_to(target)
    (tmp_path / "moodle/Bob_8_assignsubmission_file_").symlink_to(home)
    (one,) = collect.collect(course, tiny.NAME, tmp_path / "moodle").outcomes
    assert all(f"{name} left out: it is a link, not a file" in one.happened for name in ("a.txt", "deep", "loop"))
    assert [path.name for path in (course.submitted / "eve-doe-7" / tiny.NAME).iterdir()] == [tiny.FILE]


def test_a_zip_with_links_does_neither(course, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        home = "Eve Doe_7_assignsubmission_file_"
        archive.writestr(f"{home}/{tiny.FILE}", nbformat.writes(solution()))
        link = zipfile.ZipInfo(f"{home}/a.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(course.root / "gradebook.db"))
    (one,) = collect.collect(course, tiny.NAME, tmp_path / "x.zip").outcomes
    assert "a.txt left out: it is a link" in one.happened
    assert [path.name for path in (course.submitted / "eve-doe-7" / tiny.NAME).iterdir()] == [tiny.FILE]


@pytest.mark.parametrize("level", ["", tiny.NAME])
def test_nothing_is_collected_over_a_link(course, tmp_path, level):
    download(tmp_path / "moodle")
    link = course.submitted / "eve-doe-7" / level
    replaced(link, f"../bob/{level}" if level else "bob")
    before = (course.submitted / "bob" / tiny.NAME / tiny.FILE).read_bytes()
    (one,) = collect.collect(course, tiny.NAME, tmp_path / "moodle").outcomes
    assert "is no folder" in one.happened
    assert not one.taken
    assert link.is_symlink()
    assert (course.submitted / "bob" / tiny.NAME / tiny.FILE).read_bytes() == before


def test_what_is_collected_is_not_written_through_a_link_of_the_students(course, tmp_path):
    """The folder in which a submission is put together has a name that a student could have given a link."""
    download(tmp_path / "moodle")
    replaced(course.submitted / "eve-doe-7" / f".{tiny.NAME}.new", f"../bob/{tiny.NAME}")
    before = sorted((course.submitted / "bob").rglob("*")), (course.submitted / "bob" / tiny.NAME).stat().st_mtime_ns
    (one,) = collect.collect(course, tiny.NAME, tmp_path / "moodle").outcomes
    assert one.taken
    assert (
        sorted((course.submitted / "bob").rglob("*")),
        (course.submitted / "bob" / tiny.NAME).stat().st_mtime_ns,
    ) == before
    assert not (course.submitted / "eve-doe-7" / tiny.NAME).is_symlink()


def test_what_was_there_is_compared_without_looking_behind_links(course, tmp_path):
    download(tmp_path / "moodle")
    collect.collect(course, tiny.NAME, tmp_path / "moodle")
    there = course.submitted / "eve-doe-7" / tiny.NAME
    assert list(collect.present(there)) == [tiny.FILE]
    shutil.move(there / tiny.FILE, tmp_path / "same")
    (there / tiny.FILE).symlink_to(tmp_path / "same")
    (one,) = collect.collect(course, tiny.NAME, tmp_path / "moodle").outcomes
    assert not one.happened.startswith("the same as before")


def test_feedback_is_not_made_of_what_a_link_points_at(course):
    replaced(course.root / "autograded/eve", "bob")
    found = feedback.feedback(course, tiny.NAME)
    assert found["eve"] == "no feedback could be written: autograded/eve is a link"
    assert [path.name for path in found["bob"]] == [f"{Path(tiny.FILE).stem}.html"]
    assert not (course.root / "feedback/eve").exists()
    with pytest.raises(CourseError, match="was not graded"):
        feedback.feedback(course, tiny.NAME, ["zoe"])


def test_the_sentences_of_failed_checks_are_not_read_through_a_link(course):
    row = marks.Row("eve", tiny.NAME)
    replaced(course.root / "autograded/eve", "bob")
    assert grade.shown(course, row) == {}


PLAIN = {
    "her folder": (EVE, "bob"),
    "her exercise": (HERE, f"../bob/{tiny.NAME}"),
    "her notebook": (HERE / tiny.FILE, f"../../bob/{tiny.NAME}/{tiny.FILE}"),
    "a data file": (HERE / "own.txt", f"../../bob/{tiny.NAME}/{tiny.FILE}"),
    "a folder in it": (HERE / "more", "../../bob"),
}


def test_plain_nbgrader_grades_no_submission_with_a_link_and_goes_on(course):
    for number, (path, target) in enumerate(PLAIN.values()):
        tiny.hand_in(course, f"eve{number}", solution())
        replaced(course.root / called(path, number), target)
    tiny.hand_in(course, "zoe", solution())
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    plain_nbgrader_runs(course.root)
    command = [sys.executable, "-m", "nbgrader", "autograde", tiny.NAME]
    done = subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True)
    assert {row.student: row.points for row in marks.rows(course) if row.points} == {"bob": 5.0, "zoe": 5.0}
    assert done.stderr.count("is a link, which is not followed: this submission is not graded") == len(PLAIN)
    assert {path.parent.name for path in (course.root / "autograded").glob(f"*/{tiny.NAME}")} == {"bob", "zoe"}
    assert hooks.linked(course, tiny.NAME, course.submitted / "bob" / tiny.NAME) is None
