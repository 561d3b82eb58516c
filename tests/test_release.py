"""A release is nbgrader's, byte for byte the same on every build, and gives no solution away."""

import json
import shutil

import nbformat
import pytest
from nbformat import v4

from labkit.grading import cli, leaks, notebooks, release
from labkit.grading import course as course_module
from labkit.grading.course import CourseError, files
from tests import tiny


@pytest.fixture
def make(tmp_path):
    """Build the course with a solution that was changed."""

    def build(change=None):
        solution = tiny.notebook()
        if change is not None:
            change(solution)
        return tiny.build(tmp_path, solution)

    return build


def released(course):
    return notebooks.read(course.exercises / tiny.NAME / tiny.FILE)


def bytes_of(course):
    folder = course.exercises / tiny.NAME
    return {str(path): (folder / path).read_bytes() for path in files(folder)}


# What a release is.


def test_a_release_is_the_solution_apart_from_the_gaps(make):
    course = make()
    release.release(course, tiny.NAME)
    solution, made = tiny.notebook(), released(course)
    gaps = {"double", "mean", "why"}
    assert [c.cell_type for c in made.cells] == [c.cell_type for c in solution.cells]
    for mine, theirs in zip(made.cells, solution.cells):
        if mine.id not in gaps:
            assert mine.source == theirs.source
    assert tiny.cell(made, "mean").source == (
        'def mean(numbers):\n    raise NotImplementedError("write this")  # YOUR CODE HERE'
    )
    assert tiny.cell(made, "double").source.startswith('def double(numbers):\n    """Twice each number."""\n    raise')
    assert tiny.cell(made, "why").source == "*Your answer here.*"


def test_a_release_is_in_normal_form(make):
    course = make()
    release.release(course, tiny.NAME)
    text = (course.exercises / tiny.NAME / tiny.FILE).read_text(encoding="utf-8")
    made = nbformat.reads(text, as_version=4)
    assert text == notebooks.normal(made)
    assert text.endswith("}\n")
    assert made.metadata == {"kernelspec": notebooks.KERNEL, "language_info": {"name": "python"}}
    solution = notebooks.read(course.solutions / tiny.NAME / tiny.FILE)
    for mine, source in zip(made.cells, solution.cells):
        assert mine.id == source.metadata.get("nbgrader", {}).get("grade_id", source.id)
    for cell in made.cells:
        assert set(cell.metadata) <= set(notebooks.CELL_METADATA)
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_a_rebuild_is_byte_identical(make, tmp_path_factory):
    course = make()
    assert [change.path for change in release.release(course, tiny.NAME)] == [
        "exercises/01_images/01_images.ipynb",
        "exercises/01_images/numbers.csv",
    ]
    first = bytes_of(course)
    assert release.release(course, tiny.NAME) == []
    assert bytes_of(course) == first
    again = tiny.build(tmp_path_factory.mktemp("again"))
    release.release(again, tiny.NAME)
    assert bytes_of(again) == first


def test_running_the_solution_changes_nothing_in_the_release(make):
    course = make()
    release.release(course, tiny.NAME)

    path = course.solutions / tiny.NAME / tiny.FILE
    solution = nbformat.read(path, as_version=4)
    for count, cell in enumerate(solution.cells):
        if cell.cell_type == "code":
            cell.execution_count = count
            cell.outputs = [v4.new_output("stream", text=f"run {count}")]
    nbformat.write(solution, path)
    assert release.release(course, tiny.NAME, check=True) == []


def test_normal_form_keeps_what_a_notebook_says():
    notebook = tiny.notebook()
    notebook.metadata["labkit"] = {"files": ["helper.py"]}
    notebook.cells[0].source = "two blanks  \nbreak a line, 汉字 too\n"
    before = [cell.source for cell in notebook.cells]
    made = notebooks.parse(notebooks.normal(notebook), "it")
    assert [cell.source for cell in made.cells] == before
    assert made.metadata.labkit == {"files": ["helper.py"]}
    assert notebook.cells[1].execution_count == 7, "the notebook itself stays as it is"


def test_cell_ids_are_unique():
    used: set[str] = set()
    first = tiny.code("", "a b/é")
    assert [notebooks.identity(first, 0, used), notebooks.identity(first, 1, used)] == ["a-b--", "a-b---2"]
    assert notebooks.identity(tiny.code("", "x" * 99), 2, used) == "x" * 56
    plain = tiny.code("")
    del plain["id"]
    assert notebooks.identity(plain, 3, used) == "cell-03"


def test_a_new_cell_changes_no_other_cells_id():
    notebook = tiny.notebook()
    before = notebooks.parse(notebooks.normal(notebook), "it")
    before.cells.insert(1, v4.new_markdown_cell("a new paragraph"))
    after = notebooks.parse(notebooks.normal(before), "it")
    old = [cell.id for i, cell in enumerate(before.cells) if i != 1]
    assert [cell.id for i, cell in enumerate(after.cells) if i != 1] == old
    assert notebooks.normal(after) == notebooks.normal(before)


@pytest.mark.parametrize(("minor", "kept"), [(4, []), (5, [1])])
def test_cells_without_ids_are_named_by_their_position_and_no_id_is_given_twice(minor, kept):
    raw = json.loads(notebooks.normal(tiny.notebook()))
    raw["nbformat_minor"] = minor
    for i, cell in enumerate(raw["cells"]):
        cell["id"] = "cell-00"
        if i not in kept:
            del cell["id"]
    first, second = (notebooks.normal(notebooks.parse(json.dumps(raw), "it")) for _ in range(2))
    assert first == second
    ids = [cell["id"] for cell in json.loads(first)["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(ids[i] == "cell-00" for i in kept)


# --check


def test_check_writes_nothing_and_names_what_differs(make, monkeypatch, capsys):
    course = make()
    monkeypatch.chdir(course.root)
    monkeypatch.setenv("COLUMNS", "120")
    assert cli.run(["release", "--check"]) == 1
    assert "01_images.ipynb: it was missing" in capsys.readouterr().out
    assert not course.exercises.exists()
    assert cli.run(["release"]) == 0
    assert cli.run(["release", "--check"]) == 0
    path = course.exercises / tiny.NAME / tiny.FILE
    path.write_text(path.read_text().replace("assert double([])", "assert double([0])"))
    before = path.read_bytes()
    capsys.readouterr()
    assert cli.run(["release", "--check", "images"]) == 1
    assert "it differed from its source in cell 'test_double_empty'" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert cli.run(["release"]) == 0
    assert cli.run(["release", "--check"]) == 0


def test_an_exercise_without_a_source_is_named(make, monkeypatch, capsys):
    course = make()
    release.release(course, tiny.NAME)
    (course.exercises / "02_mixing").mkdir()
    nbformat.write(v4.new_notebook(), course.exercises / "02_mixing" / "02_mixing.ipynb")
    monkeypatch.chdir(course.root)
    assert cli.run(["release", "--check"]) == 1
    assert "exercises/02_mixing has no solutions/02_mixing" in capsys.readouterr().err


def test_a_file_without_a_source_is_moved_aside_not_deleted(make):
    course = make()
    release.release(course, tiny.NAME)
    (course.exercises / tiny.NAME / "old.csv").write_text("1\n")
    assert [str(c.path) for c in release.release(course, tiny.NAME)] == ["exercises/01_images/old.csv"]
    assert not (course.exercises / tiny.NAME / "old.csv").exists()
    assert [p.read_text() for p in course.local.rglob("old.csv")] == ["1\n"]


# Leaks

DOUBLED = "doubled = [2 * number for number in numbers]"


def hint(made):
    made.cells.insert(0, v4.new_markdown_cell(f"A hint: `{DOUBLED}`."))


def slow_version_in_a_code_cell(made):
    made.cells.insert(1, tiny.code(f"def slowly(numbers):\n        {DOUBLED}  # the same\n        return doubled"))


def reformatted(made):
    made.cells.insert(1, tiny.code("numbers=[1]\ndoubled = [\n    2*number\n    for number in numbers\n]"))


def in_the_check(made):
    tiny.cell(made, "test_double").source += "\n# return sum(numbers) / len(numbers)"


def marker_in_small_letters(made):
    tiny.cell(made, "mean").source = tiny.MEAN.replace("BEGIN SOLUTION", "begin solution").replace(
        "END SOLUTION", "end solution"
    )
    made.cells.insert(0, v4.new_markdown_cell("### begin solution"))


def tags(made):
    made.cells[0].metadata["tags"] = [DOUBLED]


def answer_in_prose(made):
    made.cells.insert(0, v4.new_markdown_cell("> Because a label must stay true under every transform."))


def picture_in_an_answer(made):
    tiny.cell(made, "why")["attachments"] = {"curve.png": {"image/png": "iVBORw0KGgo="}}


LEAKS = [
    (hint, "cell 0"),
    (slow_version_in_a_code_cell, "cell 1"),
    (reformatted, "cell 1"),
    (in_the_check, "test_double"),
    (marker_in_small_letters, "marker"),
    (tags, "metadata"),
    (answer_in_prose, "cell 0"),
    (picture_in_an_answer, "attached picture"),
]


@pytest.mark.parametrize(("leak", "says"), LEAKS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_leak_is_refused_and_nothing_is_written(make, leak, says):
    course = make(leak)
    with pytest.raises(CourseError, match=f"01_images is not released: .*{says}"):
        release.release(course, tiny.NAME)
    assert not course.exercises.exists()


def test_a_leak_keeps_the_release_that_is_there(make):
    course = make()
    release.release(course, tiny.NAME)
    before = bytes_of(course)
    solution = tiny.notebook()
    hint(solution)
    nbformat.write(solution, course.solutions / tiny.NAME / tiny.FILE)
    with pytest.raises(CourseError, match="shows a line of a solution"):
        release.release(course, tiny.NAME)
    assert bytes_of(course) == before


def test_a_line_can_be_given_on_purpose(make):
    def change(made):
        cell = tiny.cell(made, "double")
        cell.source = cell.source.replace(DOUBLED, f"{DOUBLED}  # given")
        hint(made)

    course = make(change)
    release.release(course, tiny.NAME)
    assert DOUBLED in released(course).cells[0].source


def test_lines_that_say_nothing_are_no_leak(make):
    def change(made):
        made.cells.insert(1, tiny.code("def other(x):\n    doubled = x\n    return doubled"))

    course = make(change)
    assert release.release(course, tiny.NAME)


def test_hidden_tests_are_left_out_and_their_lines_are_secret(make, tmp_path_factory):
    hidden = "### BEGIN HIDDEN TESTS\nassert double([5, 7, 9]) == [10, 14, 18]\n### END HIDDEN TESTS"

    def change(made):
        tiny.cell(made, "test_double").source += f"\n{hidden}"

    course = make(change)
    release.release(course, tiny.NAME)
    assert "[10, 14, 18]" not in str(bytes_of(course))

    leaky = tiny.notebook()
    change(leaky)
    leaky.cells[0].source = "`assert double([5, 7, 9]) == [10, 14, 18]` must hold"
    other = tiny.build(tmp_path_factory.mktemp("other"), leaky)
    with pytest.raises(CourseError, match="shows a line of a solution"):
        release.release(other, tiny.NAME)


@pytest.mark.parametrize("name", ["helper.py", "answers.ipynb.bak", "solution.csv", "deep/notes.py", "model.pt"])
def test_helper_files_must_be_data_or_declared(make, name):
    course = make()
    path = course.solutions / tiny.NAME / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x = 1\n")
    with pytest.raises(CourseError, match=f"01_images/{name} would be released as it is"):
        release.release(course, tiny.NAME)


def test_a_declared_helper_is_released_unless_it_leaks(make):
    course = make(lambda made: made.metadata.update(labkit={"files": ["helper.py"]}))
    helper = course.solutions / tiny.NAME / "helper.py"
    helper.write_text("x = 1\n")
    release.release(course, tiny.NAME)
    assert (course.exercises / tiny.NAME / "helper.py").read_text() == "x = 1\n"
    helper.write_text(f"def f(numbers):\n    {DOUBLED}\n")
    with pytest.raises(CourseError, match=r"helper.py shows a line of a solution"):
        release.release(course, tiny.NAME)


def test_caches_and_checkpoints_are_no_helpers(make):
    course = make()
    for name in (".ipynb_checkpoints/01_images-checkpoint.ipynb", "__pycache__/x.pyc"):
        path = course.solutions / tiny.NAME / name
        path.parent.mkdir()
        path.write_text(DOUBLED)
    release.release(course, tiny.NAME)
    assert sorted(bytes_of(course)) == [tiny.FILE, "numbers.csv"]
    assert sorted(p.name for p in (course.exercises / tiny.NAME).iterdir()) == [tiny.FILE, "numbers.csv"]


@pytest.mark.parametrize(
    ("line", "telling"),
    [
        ("return images.flip(-1)", True),
        ("out = a + b", True),
        ("theta = torch.deg2rad(degrees)", True),
        ("return out", False),
        ("else:", False),
        ("import torch.nn.functional as F", False),
        ("", False),
        ("# a comment that says a lot about it", False),
        ("x = (a,", False),
        ("weights = torch.softmax(  # unfinished", True),
    ],
)
def test_which_lines_say_something(line, telling):
    assert leaks.telling(line, code=True) is telling


# Broken sources


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda made: tiny.cell(made, "mean").update(source=tiny.MEAN.replace("### END SOLUTION", "")),
            "no end solution",
        ),
        (lambda made: made.cells[1].update(source="### BEGIN SOLUTION\n1\n### END SOLUTION"), "non-solution cell"),
        (
            lambda made: tiny.cell(made, "mean").metadata.nbgrader.update(grade_id="double"),
            "Duplicate grade id: double",
        ),
        (lambda made: tiny.cell(made, "test_mean").metadata.nbgrader.update(points="many"), "'many' is not of type"),
    ],
    ids=["open region", "region outside", "double id", "points"],
)
def test_a_broken_source_is_one_sentence(make, change, says):
    course = make(change)
    with pytest.raises(CourseError, match=f"solutions/01_images can't be released: .*{says}"):
        release.release(course, tiny.NAME)
    assert not course.exercises.exists()


# tidy


def test_tidy_brings_a_notebook_into_normal_form(make, monkeypatch, capsys):
    course = make()
    monkeypatch.chdir(course.root)
    path = course.solutions / tiny.NAME / tiny.FILE
    assert cli.run(["tidy", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == notebooks.normal(tiny.notebook())
    before = path.stat().st_mtime_ns
    assert cli.run(["tidy", str(path)]) == 0
    assert path.stat().st_mtime_ns == before
    assert capsys.readouterr().out.splitlines() == ["tidied 01_images.ipynb", "✓ 01_images.ipynb is tidy"]


def test_tidy_writes_nothing_if_one_is_broken(make, monkeypatch, capsys):
    course = make()
    monkeypatch.chdir(course.root)
    path = course.solutions / tiny.NAME / tiny.FILE
    before = path.read_bytes()
    (course.root / "broken.ipynb").write_text("{")
    assert cli.run(["tidy", str(path), "broken.ipynb"]) == 2
    assert "broken.ipynb is damaged" in capsys.readouterr().err
    assert path.read_bytes() == before


# Names


def named(folder, *names):
    """A course with an exercise of each name."""
    made = tiny.build(folder)
    for name in names:
        home = made.solutions / name
        shutil.copytree(made.solutions / tiny.NAME, home)
        (home / tiny.FILE).rename(home / f"{name}.ipynb")
    return made


REFUSED = ("week 2 (a)", "x [b]", "plus+one", "-dash", "a*b", "a?b", "$x", "a|b", "a\\b", "a\nb", "a'b", "a&b", "<i>")


@pytest.mark.parametrize("name", [*REFUSED, "_x", "ends.", "ends ", "x" * 101])
def test_a_name_that_nbgrader_can_not_handle_is_refused_in_one_sentence(name):
    assert course_module.unusable(name).endswith("allowed, and it begins with a letter or a digit")


@pytest.mark.parametrize("name", ["30_own", "week 2", "ü-mlaut", "a.b", "04_attacks", "X", "x" * 100])
def test_a_plain_name_is_not(name):
    assert course_module.unusable(name) == ""


def test_an_exercise_with_a_bad_name_is_refused_and_the_others_go_on(tmp_path, monkeypatch, capsys):
    made = named(tmp_path, "week 2 (a)", "x [b]", "plus+one", "30_own")
    monkeypatch.chdir(tmp_path)
    assert cli.run(["release"]) == 2
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert sum("can't be the name of an exercise" in line for line in lines) == 3
    assert "Traceback" not in told.err
    assert made.released() == [tiny.NAME, "30_own"]
    assert cli.run(["release", "plus+one"]) == 2
    assert "solutions/plus+one: 'plus+one' can't be the name" in capsys.readouterr().err


def test_a_notebook_with_a_bad_name_is_refused(tmp_path):
    made = tiny.build(tmp_path)
    (made.solutions / tiny.NAME / tiny.FILE).rename(made.solutions / tiny.NAME / "part [1].ipynb")
    with pytest.raises(CourseError, match=r"'part \[1\]' can't be the name of an exercise or of its notebook"):
        release.release(made, tiny.NAME)


def test_a_courses_own_exercise_has_a_key_and_a_number(tmp_path, monkeypatch, capsys):
    made = named(tmp_path, "30_own", "31_own", "32_other", "week 2")
    among = made.sources()
    meant = {"32": "32_other", "other": "32_other", "Other": "32_other", "30": "30_own", "images": tiny.NAME}
    for given, name in (meant | {"week 2": "week 2", "1": tiny.NAME}).items():
        assert made.assignment(given, among) == name
    with pytest.raises(CourseError, match="'own' may be 30_own or 31_own: give the whole name"):
        made.assignment("own", among)
    with pytest.raises(CourseError, match="no exercise is called 'nothing'"):
        made.assignment("nothing", among)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["release", "other", "week 2"]) == 0
    assert made.released() == ["32_other", "week 2"]
