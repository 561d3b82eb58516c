"""A download of Moodle or Canvas becomes submissions, is graded, and goes back as marks; nothing is lost or let out."""

import csv
import io
import os
import stat
import struct
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.grading import classic, cli, collect, download, grade, marks, overview, release, roster, upload
from labkit.grading.course import CourseError
from labkit.grading.marks import Mark, Row
from tests import tiny
from tests.engine_double import contained

ADA, BEN = "Ada Lovelace_101_assignsubmission_file_", "Ben_102_assignsubmission_file_"
MAY, JUNE = (2024, 5, 1, 12, 0, 0), (2024, 6, 1, 12, 0, 0)


@pytest.fixture
def course(tmp_path):
    made = tiny.build(tmp_path)
    release.release(made, tiny.NAME)
    return made


def packed(course, members, name="all.zip"):
    """A zip of members: a name (or a ZipInfo) to its bytes, or to bytes and a date."""
    path = course.root / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, held in members.items():
            data, when = held if isinstance(held, tuple) else (held, MAY)
            info = member if isinstance(member, zipfile.ZipInfo) else zipfile.ZipInfo(member, when)
            info.compress_type = zipfile.ZIP_DEFLATED
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a name that is there twice
                archive.writestr(info, data)
    return path


def taken(course, members, **knobs):
    """Collect a zip; what happened by student."""
    found = collect.collect(course, tiny.NAME, packed(course, members), **knobs)
    return {one.student: one.happened for one in found.outcomes}


def handed_in(course):
    """Every file under submitted/ but the timestamps, as text."""
    paths = (p for p in course.submitted.rglob("*") if p.is_file() and p.name != "timestamp.txt")
    return {p.relative_to(course.submitted).as_posix(): p.read_text() for p in paths}


# Names


def test_moodle_with_folders_and_without(course):
    taken(course, {f"{ADA}/{tiny.FILE}": "a", f"{ADA}/data/x.csv": "1", f"{BEN}{tiny.FILE}": "b"})
    assert handed_in(course) == {
        f"ada-lovelace-101/{tiny.NAME}/{tiny.FILE}": "a",
        f"ada-lovelace-101/{tiny.NAME}/data/x.csv": "1",
        f"ben-102/{tiny.NAME}/{tiny.FILE}": "b",
    }


def test_canvas_takes_the_newest_upload_and_says_who_was_late(course):
    said = taken(
        course,
        {
            "lovelaceada_11_900_01_images-2.ipynb": "third",
            "lovelaceada_11_700_01_images.ipynb": "first",
            "lovelaceada_11_800_01_images-1.ipynb": "second",
            "lovelaceada_11_650_part-1.csv": "data",
            "ben_LATE_12_600_01_images.ipynb": "b",
            "anon_xY1z2_500_01_images.ipynb": "c",
        },
    )
    assert handed_in(course) == {
        f"lovelaceada-11/{tiny.NAME}/{tiny.FILE}": "third",
        f"lovelaceada-11/{tiny.NAME}/part-1.csv": "data",
        f"ben-12/{tiny.NAME}/{tiny.FILE}": "b",
        f"anon-xY1z2/{tiny.NAME}/{tiny.FILE}": "c",
    }
    assert said["ben-12"] == "new; late, says Canvas"


def test_nobody_hands_in_for_somebody_else_by_a_files_name(course):
    trick = f"{BEN}Ada Lovelace_101_assignsubmission_file_{tiny.FILE}"
    taken(course, {trick: "forged", f"{ADA}{tiny.FILE}": "a"})
    assert handed_in(course)[f"ada-lovelace-101/{tiny.NAME}/{tiny.FILE}"] == "a"
    assert handed_in(course)[f"ben-102/{tiny.NAME}/{tiny.FILE}"] == "forged"


@pytest.mark.parametrize(
    "name", ["01_images (1).ipynb", "01_images-2.ipynb", "01_images_final.ipynb", "homework.ipynb"]
)
def test_a_renamed_notebook_is_taken_if_it_is_the_only_one(course, name):
    said = taken(course, {f"{ADA}/sub/{name}": "a"})
    assert said == {"ada-lovelace-101": f"new; {name} taken as {tiny.FILE}"}
    assert handed_in(course) == {f"ada-lovelace-101/{tiny.NAME}/{tiny.FILE}": "a"}


def test_what_is_in_doubt_is_a_sentence_and_not_collected(course):
    said = taken(course, {f"{ADA}/a.ipynb": "a", f"{ADA}/b.ipynb": "b", f"{BEN}/essay.txt": "x"})
    assert "none of its 2 notebooks is called 01_images.ipynb: a.ipynb, b.ipynb" in said["ada-lovelace-101"]
    assert said["ben-102"] == "not collected: there is no notebook in it"
    assert handed_in(course) == {}


def test_names_without_the_flag_for_utf8_are_read_all_the_same():
    for codec in ("utf-8", "latin-1", "cp437"):
        info = zipfile.ZipInfo("x")
        info.orig_filename = "Zoë Müller_1_x".encode(codec).decode("cp437")
        assert download.decoded(info) == "Zoë Müller_1_x", codec


def test_a_roster_gives_the_folders_names(course):
    for head, line in (
        ("number,student,name", "11,ada,Ada"),
        ("Student,ID,SIS User ID,SIS Login ID,Section", '"Lovelace, Ada",11,s1,ada,A'),
        ("Identifier,Full name,Email address", "Participant 11,Ada,ada@uni.edu"),
    ):
        path = course.root / "who.csv"
        path.write_text(f"{head}\n{line}\n")
        student, person = roster.read(path)["11"]
        assert (student, person.number) == ("ada", "11")
    said = taken(course, {"x_11_1_01_images.ipynb": "a", "y_12_2_01_images.ipynb": "b"}, names=path)
    assert said == {"ada": "new", "y-12": "new; not in the roster"}


@pytest.mark.parametrize("line", ["1,../eve", "1,.eve", "1,a/b", "1,a\n2,a", ""])
def test_a_roster_that_is_none_is_a_sentence(course, line):
    path = course.root / "who.csv"
    path.write_text(f"number,student\n{line}\n")
    with pytest.raises(CourseError, match=r"who\.csv"):
        roster.read(path)


# Harm


def link(name):
    info = zipfile.ZipInfo(name, MAY)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (f"../{ADA}/x.csv", "leads out"),
        (f"/{ADA}/x.csv", "leads out"),
        (f"{ADA}/../../x.csv", "leads out"),
        (f"C:\\{ADA}/x.csv", "leads out"),
        (f"{ADA}/a\x1b[31m.csv", "control characters"),
        (link(f"{ADA}/x.csv"), "it is a link"),
    ],
)
def test_a_member_that_could_do_harm_is_left_out_and_the_rest_taken(course, member, says):
    said = taken(course, {member: "/etc/passwd", f"{ADA}/{tiny.FILE}": "a"})
    assert any(says in text for text in said.values())
    assert handed_in(course) == {f"ada-lovelace-101/{tiny.NAME}/{tiny.FILE}": "a"}
    assert not (course.root.parent / "x.csv").exists()


def test_links_in_a_folder_are_left_out(course, tmp_path):
    home = tmp_path / "unpacked" / ADA
    home.mkdir(parents=True)
    (home / tiny.FILE).write_text("a")
    (home / "x.csv").symlink_to("/etc/passwd")
    (home / "deep").symlink_to("/etc")
    [one] = collect.collect(course, tiny.NAME, home.parent).outcomes
    assert one.happened == "new; deep left out: it is a link, not a file; x.csv left out: it is a link, not a file"
    assert handed_in(course) == {f"ada-lovelace-101/{tiny.NAME}/{tiny.FILE}": "a"}


def test_bombs_are_left_out_or_refused(course, monkeypatch):
    said = taken(course, {f"{ADA}/{tiny.FILE}": "a", f"{ADA}/zeros.bin": bytes(3 * 2**20)})
    assert "zeros.bin left out: it would unpack to" in said["ada-lovelace-101"]
    monkeypatch.setattr(download, "LARGEST", 10)
    said = taken(course, {f"{ADA}/{tiny.FILE}": "a", f"{ADA}/b.csv": "x" * 11})
    assert said["ada-lovelace-101"] == "the same as before; b.csv left out: it has 0 MB; at most 0 are taken"
    monkeypatch.setattr(download, "MEMBERS", 2)
    with pytest.raises(CourseError, match="holds 3 files; at most 2"):
        taken(course, {"a": "", "b": "", "c": ""})
    monkeypatch.setattr(download, "ALL", 2**20)
    with pytest.raises(CourseError, match="would unpack to"):
        taken(course, {f"{ADA}/{tiny.FILE}": bytes(2**20 + 1)})


def test_a_damaged_member_costs_only_its_student(course):
    path = packed(course, {f"{ADA}/{tiny.FILE}": os.urandom(500), f"{BEN}/{tiny.FILE}": "b"})
    data = bytearray(path.read_bytes())
    data[len(ADA) + 100 : len(ADA) + 200] = bytes(100)
    path.write_bytes(data)
    said = {one.student: one.happened for one in collect.collect(course, tiny.NAME, path).outcomes}
    assert "it can't be unpacked" in said["ada-lovelace-101"]
    assert said["ben-102"] == "new"


@given(names=st.lists(st.text(max_size=40), min_size=1, max_size=4), student=st.text(min_size=1, max_size=20))
@settings(max_examples=25)
def test_no_name_leads_out_or_stops_the_batch(tmp_path_factory, names, student):
    course = tiny.build(tmp_path_factory.mktemp("hostile"))
    members = {f"{student}_{i}_assignsubmission_file_/{name}": "x" for i, name in enumerate(names)}
    members = {name.encode("utf-8", "replace").decode(): data for name, data in members.items()}
    before = {path for path in course.root.parent.rglob("*") if course.root not in [path, *path.parents]}
    taken(course, {**members, f"{ADA}/{tiny.FILE}": "a"})
    after = {path for path in course.root.parent.rglob("*") if course.root not in [path, *path.parents]}
    assert after == before
    assert handed_in(course)[f"ada-lovelace-101/{tiny.NAME}/{tiny.FILE}"] == "a"
    assert {path.name for path in course.root.iterdir()} <= {
        "solutions", "submitted", ".local", "all.zip", "nbgrader_config.py"
    }  # fmt: skip


# Again


def test_a_second_download_replaces_only_what_is_newer_and_keeps_the_old(course):
    member = f"{ADA}/{tiny.FILE}"
    assert taken(course, {member: ("old", MAY)})["ada-lovelace-101"] == "new"
    assert taken(course, {member: ("old", JUNE)})["ada-lovelace-101"] == "the same as before"
    assert taken(course, {member: ("older", MAY)})["ada-lovelace-101"].startswith("kept what was there")
    assert "replaced; the old one is in" in taken(course, {member: ("new", (2024, 7, 1, 1, 1, 2))})["ada-lovelace-101"]
    assert list(handed_in(course).values()) == ["new"]
    [old] = (course.local / "replaced").rglob("*.ipynb")
    assert old.read_text() == "old"


def test_what_came_by_another_way_stays_if_it_cannot_be_told_which_is_newer(course):
    there = course.submitted / "x-11" / tiny.NAME / tiny.FILE
    there.parent.mkdir(parents=True)
    there.write_text("by hand")
    assert taken(course, {"x_11_5_01_images.ipynb": "a"})["x-11"].startswith("kept")
    assert there.read_text() == "by hand"


def test_what_came_by_another_way_and_is_older_is_replaced(course):
    there = course.submitted / "ben-102" / tiny.NAME / tiny.FILE
    there.parent.mkdir(parents=True)
    there.write_text("by hand")
    assert taken(course, {f"{BEN}/{tiny.FILE}": "a"})["ben-102"].startswith("kept")
    os.utime(there, (1e9, 1e9))
    assert taken(course, {f"{BEN}/{tiny.FILE}": "a"})["ben-102"].startswith("replaced")
    assert there.read_text() == "a"


def test_a_dry_run_writes_nothing(course):
    assert taken(course, {f"{ADA}/{tiny.FILE}": "a"}, dry=True) == {"ada-lovelace-101": "new"}
    assert not course.submitted.exists()
    assert not (course.local / "collected").exists()


def test_a_files_date_becomes_the_time_of_the_hand_in(course):
    stamped = zipfile.ZipInfo(f"{ADA}/{tiny.FILE}", MAY)
    moment = datetime(2024, 5, 3, 22, 0, 2, tzinfo=UTC)
    stamped.extra = struct.pack("<HHBi", 0x5455, 5, 1, int(moment.timestamp()))
    fake = f"{BEN}/timestamp.txt"
    taken(course, {stamped: "a", f"{BEN}/{tiny.FILE}": ("b", JUNE), fake: "2020-01-01 00:00:00 UTC"})
    home = course.submitted / "ada-lovelace-101" / tiny.NAME
    assert (home / "timestamp.txt").read_text() == "2024-05-03 22:00:02 UTC\n"
    assert (course.submitted / "ben-102" / tiny.NAME / "timestamp.txt").read_text().startswith("2024-0")


def test_dates_that_are_those_of_the_zip_are_not_used(course):
    found = collect.collect(course, tiny.NAME, packed(course, {f"{ADA}/{tiny.FILE}": "a", f"{BEN}/{tiny.FILE}": "b"}))
    assert not found.dated
    assert not list(course.submitted.rglob("timestamp.txt"))


# The command


@pytest.fixture
def shell(course, monkeypatch, capsys):
    """Run the command in the course; what it printed."""
    monkeypatch.chdir(course.root)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments, status=0):
        assert cli.run(list(arguments)) == status
        told = capsys.readouterr()
        return told.err if status == 2 else told.out

    return run


def test_bad_input_is_one_sentence(shell, course):
    (course.root / "not.zip").write_text("no zip")
    good, nobody = packed(course, {f"{ADA}/{tiny.FILE}": "a"}), packed(course, {"a.txt": "x"}, "nobody.zip")
    for arguments, says in (
        (["images", "none.zip"], "there is no file or folder none.zip"),
        (["images", "not.zip"], "not.zip is no zip file"),
        (["images", nobody.name], "no submissions recognised among 1 files"),
        (["nothing", good.name], "no exercise is called 'nothing'"),
        (["images", good.name, "--lms", "blackboard"], "--lms is 'blackboard'"),
        (["images", good.name, "--lms", "canvas"], "as Canvas gives it"),
        (["images", good.name, "--roster", "who.csv"], "there is no file who.csv"),
    ):
        told = shell("collect", *arguments, status=2)
        assert says in told, told
        assert len(told.splitlines()) == 1
    assert handed_in(course) == {}


def test_another_platform_for_the_same_exercise_is_refused(course):
    taken(course, {f"{ADA}/{tiny.FILE}": "a"})
    with pytest.raises(CourseError, match="was collected from moodle before, and this is from canvas"):
        taken(course, {"x_11_5_01_images.ipynb": "a"})


@pytest.mark.slow
def test_an_instructors_day(shell, course):
    """Collected, graded, marked by hand, graded again after a fixed check, and sent back."""
    right = tiny.notebook()
    tiny.cell(right, "why").source = "Because."
    wrong = tiny.notebook()
    tiny.cell(wrong, "mean").source = "def mean(numbers):\n    return 7"
    packed(course, {f"{ADA}/{tiny.FILE}": nbformat.writes(right), f"{BEN}/01_images (1).ipynb": nbformat.writes(wrong)})
    told = shell("collect", "images", "all.zip")
    assert "2 submissions of 2 from Moodle" in told
    grade.grade(course, tiny.NAME, jobs=1, sandboxed=contained())
    told = shell("grades", "images")
    assert max(map(len, told.splitlines())) <= 80
    assert "test_mean    1 of 2" in told
    assert "this is not so: mean([1, 2]) == 1.5 (1×)" in told

    with classic.gradebook(course) as book:
        book.find_grade("why", tiny.NAME, tiny.NAME, "ada-lovelace-101").manual_score = 2.5
        book.find_grade("why", tiny.NAME, tiny.NAME, "ada-lovelace-101").needs_manual_grade = False
        book.db.commit()
    source = course.solutions / tiny.NAME / tiny.FILE
    source.write_text(source.read_text().replace("mean([1, 2]) == 1.5", "mean([1, 2]) in (1.5, 7)"))
    wall = [] if contained() else ["--no-sandbox"]
    shell("grade", "images", "--student", "ben-102", "--force", "--jobs", "1", *wall)
    rows = {row.student: {mark.name: mark.score for mark in row.marks} for row in marks.rows(course, tiny.NAME)}
    assert rows["ben-102"]["test_mean"] == 2
    assert rows["ada-lovelace-101"]["why"] == 2.5

    lines = list(csv.DictReader(io.StringIO(shell("grades", "images", "--csv", "-", "--format", "moodle"))))
    assert lines[0] == {
        "Identifier": "Participant 101", "Full name": "Ada Lovelace", "Grade": "7.5", "Maximum Grade": "8",
        "Last modified (grade)": "-",
    }  # fmt: skip
    assert "was collected from moodle" in shell("grades", "images", "--csv", "-", "--format", "canvas", status=2)
    assert "--format is 'excel'" in shell("grades", "images", "--csv", "-", "--format", "excel", status=2)
    assert "goes with a topic and --csv" in shell("grades", "images", "--format", "moodle", status=2)


# Marks


def row(student, score, sentence=""):
    return Row(student, tiny.NAME, (Mark("a", score, 30.0, False),), wrong={"a": sentence} if sentence else {})


def test_canvas_gets_its_columns_and_the_maximum():
    people = {"ada": roster.Person("11", "Lovelace, Ada", "ada1", "s1", "A")}
    text = upload.canvas([row("ada", 12.5), row("nobody", 1.0)], people, "Images (4757)")
    assert list(csv.reader(io.StringIO(text))) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Images (4757)"],
        ["    Points Possible", "", "", "", "", "30"],
        ["Lovelace, Ada", "11", "s1", "ada1", "A", "12.5"],
    ]


def test_who_has_answers_still_to_be_marked_gets_no_mark_unless_that_is_wanted():
    people = {"ada": roster.Person("11", "Ada"), "ben": roster.Person("12", "Ben")}
    waiting = Row("ben", tiny.NAME, (Mark("a", 3.0, 5.0, False), Mark("essay", None, 5.0, True)))
    rows = [row("ada", 12.5), waiting]

    def grades_in(text, column):
        return [line[column] for line in csv.DictReader(io.StringIO(text)) if line[column] != "30"]

    assert grades_in(upload.moodle(rows, people), "Grade") == ["12.5", ""]
    assert grades_in(upload.moodle(rows, people, partial=True), "Grade") == ["12.5", "3"]
    assert grades_in(upload.canvas(rows, people, "Images"), "Images") == ["12.5", ""]
    assert grades_in(upload.made(rows, "canvas", "canvas", people, "Images", partial=True), "Images") == ["12.5", "3"]


def test_the_overview_counts_everybody_once_and_names_the_commonest_sentence():
    from rich.console import Console

    rows = [row("a", 0, "x is missing"), row("b", 1, "x is missing"), row("c", 2.5, "other"), row("d", 30)]
    console = Console(file=io.StringIO(), width=80)
    console.print(overview.overview(rows))
    shown = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["0–2", "███", "3"] in shown
    assert ["30–32", "█", "1"] in shown
    assert ["a", "3", "of", "4", "x", "is", "missing", "(2×)"] in shown
    assert sum(int(line[-1]) for line in shown if line and "█" in line[-2:][0]) == 4


def test_the_course_folder_is_looked_for(tmp_path, monkeypatch, capsys, course):
    (tmp_path / "other" / "exercises" / tiny.NAME).mkdir(parents=True)
    (tmp_path / "other" / "exercises" / tiny.NAME / tiny.FILE).write_text("{}")
    monkeypatch.chdir(tmp_path / "other")
    assert cli.run(["collect", "images", str(Path("all.zip"))]) == 2
    assert "has no solutions/" in capsys.readouterr().err


# Teams, typed texts, other exercises

SHEET = """Identifier,Full name,Username,Group
Participant 101,Ada Lovelace,ada,Team Rot: 1
Participant 102,Ben,ben,Team Rot: 1
"""


def test_newer_moodles_write_folders_without_an_underscore_at_the_end(course):
    taken(course, {f"{ADA[:-1]}/{tiny.FILE}": "a", f"{ADA[:-1]}/data/x.csv": "1"})
    assert set(handed_in(course)) == {
        f"ada-lovelace-101/{tiny.NAME}/{tiny.FILE}",
        f"ada-lovelace-101/{tiny.NAME}/data/x.csv",
    }


@pytest.mark.parametrize("form", ["Ada Lovelace_101_assignsubmission_onlinetext/onlinetext.html",
                                  "Ada Lovelace_101_assignsubmission_onlinetext_onlinetext.html",
                                  "Ada Lovelace_101_assignsubmission_onlinetext_/onlinetext.html"])  # fmt: skip
def test_a_text_typed_into_moodle_is_known_to_be_a_students(course, form):
    found = collect.collect(course, tiny.NAME, packed(course, {form: "<p>hello</p>", f"{BEN}{tiny.FILE}": "b"}))
    said = {one.student: one.happened for one in found.outcomes}
    assert said["ada-lovelace-101"] == "not collected: there is no notebook in it; a text typed into Moodle left out"
    assert found.others == ()
    assert taken(course, {form: "<p>hello</p>", f"{ADA}{tiny.FILE}": "a"})["ada-lovelace-101"].startswith("new; a text")


@pytest.mark.parametrize(
    "team",
    ["Team Rot 1_7_assignsubmission_file", "Default group_assignsubmission_file", "Gruppe A_7_assignsubmission_file_"],
)
def test_a_teams_hand_in_without_its_members_is_refused_with_a_sentence(course, team):
    with pytest.raises(CourseError, match=r"these are the submissions of teams, .* grading worksheet .* --roster"):
        taken(course, {f"{team}/{tiny.FILE}": "a"})
    assert handed_in(course) == {}


def test_a_teams_hand_in_is_each_members_with_the_grading_worksheet(course):
    path = course.root / "sheet.csv"
    path.write_text(SHEET)
    said = taken(course, {f"Team Rot 1_102_assignsubmission_file/{tiny.FILE}": "ours"}, names=path)
    assert said == {"ada": "new", "ben": "new"}
    assert handed_in(course) == {f"{who}/{tiny.NAME}/{tiny.FILE}": "ours" for who in ("ada", "ben")}
    assert {p.number for p in roster.collected(course, tiny.NAME)[1].values()} == {"101", "102"}
    with pytest.raises(CourseError, match="the roster has nobody in 'Default group', which handed in"):
        taken(course, {f"Default group_assignsubmission_file/{tiny.FILE}": "a"}, names=path)


def test_older_moodles_name_team_and_member(course):
    said = taken(course, {f"Group A-Ada Lovelace_101_assignsubmission_file_/{tiny.FILE}": "a",
                          f"Group A-Ben_102_assignsubmission_file_/{tiny.FILE}": "a",
                          f"Jean-Luc Roe_103_assignsubmission_file_/{tiny.FILE}": "b"})  # fmt: skip
    assert set(said) == {"ada-lovelace-101", "ben-102", "jean-luc-roe-103"}


def another(course):
    """A second exercise of the course; its notebook."""
    made = tiny.notebook()
    for cell in made.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata["nbgrader"]["grade_id"] = f"mix_{cell.metadata['nbgrader']['grade_id']}"
    folder = course.solutions / "02_mixing"
    folder.mkdir()
    nbformat.write(made, folder / "02_mixing.ipynb")
    return nbformat.writes(made)


def test_a_zip_of_another_exercise_is_refused(course):
    mixing = another(course)
    for name in ("02_mixing.ipynb", tiny.FILE):
        with pytest.raises(CourseError, match="these are submissions of 02_mixing, not of 01_images"):
            taken(course, {f"{ADA}/{name}": mixing, f"{BEN}{name}": mixing})
    assert handed_in(course) == {}


def test_one_notebook_of_another_exercise_is_refused_in_its_row(course):
    mixing, own = another(course), nbformat.writes(tiny.notebook())
    said = taken(course, {f"{ADA}/my.ipynb": mixing, f"{BEN}{tiny.FILE}": own})
    assert said["ada-lovelace-101"].startswith("not collected: its notebook is that of 02_mixing")
    assert said["ben-102"] == "new"


def test_the_formgrader_knows_students_names_and_they_run_nothing(course):
    tiny.hand_in(course, "ada", tiny.notebook())
    tiny.hand_in(course, "eve", tiny.notebook())
    people = {"ada": roster.Person("1", "Lovelace, Ada"), "eve": roster.Person("2", "Eve <script>x</script> O'Neil"),
              "kim": roster.Person("3", "Kim")}  # fmt: skip
    roster.remember(course, tiny.NAME, "moodle", people)
    classic.register(course, tiny.NAME)
    for _ in range(2):
        roster.enter(course, tiny.NAME, ["ada", "eve", "kim"])
    with classic.gradebook(course) as book:
        assert {(s.id, s.first_name, s.last_name) for s in book.students} == {
            ("ada", "Ada", "Lovelace"), ("eve", "Eve scriptx/script", "O'Neil")}  # fmt: skip
        book.update_or_create_student("ada", first_name="Countess")
    roster.enter(course, tiny.NAME, ["ada"])
    with classic.gradebook(course) as book:
        assert book.find_student("ada").first_name == "Countess", "what somebody wrote there stays"
