"""A course of one's own: made, tried, released, and graded with attackers in the class."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import nbformat
import numpy as np
import pytest

from labkit import checks, own_checks
from labkit.checks import bank, own, wire
from labkit.checks.own import Loaded, record
from labkit.grading import classic, cli, course, grade, identity, new, notebooks, selfcheck
from labkit.grading.engine.copy import reduced
from labkit.grading.engine.judging import judge
from labkit.grading.engine.kernel import provisioner
from labkit.grading.engine.work import exercise
from tests import authoring, tiny
from tests.engine_double import contained
from tests.test_kernel import environment  # noqa: F401  a fixture

TOPIC, KEY, NAME = "sorting", "sorting.insertion_steps", "02_sorting"


@pytest.fixture(autouse=True)
def _as_on_an_authors_machine(unchecked):
    """Without a verification of labkit's shapes, which takes most of the time; and no course is left behind."""
    yield
    own.use(None)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The course of docs/authoring.md, released. Tests leave it as it is."""
    folder = authoring.course(tmp_path_factory.mktemp("own") / "algorithms")
    here = course.Course(folder, folder)
    from labkit.grading import release

    for name in here.sources():
        release.release(here, name)
    return here


@pytest.fixture
def mine(made, tmp_path):
    """A copy of it, to be changed."""
    shutil.copytree(made.root, tmp_path / "course")
    return course.Course(tmp_path / "course", tmp_path / "course")


@pytest.fixture
def student(made, tmp_path, monkeypatch):
    """The folder that a student has, with nothing else of the course in sight."""
    shutil.copytree(made.exercises / NAME, tmp_path / "desk" / NAME)
    monkeypatch.chdir(tmp_path / "desk" / NAME)
    return tmp_path / "desk" / NAME


def steps(numbers):
    """A right answer."""
    return [sorted(numbers[: i + 1]) for i in range(len(numbers))]


# ── the page on authoring ─────────────────────────────────────────────────────────────────────────────────────────────

DEAR = ("labkit check", "labkit grade", "labkit feedback")


def squeezed(text):
    return re.sub(r"\s+", " ", text)


def follow(folder, monkeypatch, capsys, *, dear):
    """Do what the page says; what it says of the output must be in the output."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "160")
    for step in authoring.steps():
        if step.kind == "file":
            notebooks.write(folder / "algorithms" / step.name, step.text)
        if step.kind != "command" or (step.name.startswith(DEAR) and not dear):
            continue
        if step.name.startswith("labkit release"):
            authoring.write_notebook(folder / "algorithms", NAME)
        if step.name == "labkit grade sorting":
            hand_in(folder / "algorithms", "ada", lambda book: None)
            hand_in(folder / "algorithms", "ben", answer("def insertion_steps(numbers):\n    return []"))
        capsys.readouterr()
        assert cli.run(step.name.split()[1:]) == 0, (step, capsys.readouterr())
        printed = squeezed(capsys.readouterr().out)
        for line in step.text.splitlines():
            assert squeezed(line).strip() in printed, (step, printed)
        if step.name.startswith("labkit new"):
            monkeypatch.chdir(folder / "algorithms")


def test_the_page_on_authoring_can_be_followed(tmp_path, monkeypatch, capsys):
    follow(tmp_path, monkeypatch, capsys, dear=False)
    here = course.Course(tmp_path / "algorithms", tmp_path / "algorithms")
    assert here.sources() == ["01_median", NAME]
    assert cli.run(["release", "sorting"]) == 0  # with the points of the page's labkit.toml
    released = notebooks.read(here.exercises / NAME / f"{NAME}.ipynb")
    assert tiny.cell(released, "check_insertion_steps").metadata.nbgrader.points == 5


@pytest.mark.slow
@pytest.mark.skipif(not contained(), reason="needs the sandbox")
def test_the_page_on_authoring_with_a_class(tmp_path, monkeypatch, capsys):
    follow(tmp_path, monkeypatch, capsys, dear=True)


# ── a new course ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_course_is_tidy_and_its_own_test_passes(tmp_path):
    folder = new.new(tmp_path / "fresh").root
    assert (folder / "nbgrader_config.py").read_text() == (tiny.ROOT / "nbgrader_config.py").read_text()
    lint = ["ruff", "check", "--isolated", "--select", "E,F,W", "--line-length", "120", "checks", "tests"]
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    for command in (lint, ["pytest", "-q", "-p", "no:cacheprovider"]):
        ran = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, env=env)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    readme = (folder / "README.md").read_text()
    for name in new.FILES:
        if name not in ("README.md",):
            assert f"`{name}`" in readme, name


def test_exercises_are_taken_along(mine, tmp_path, monkeypatch):
    monkeypatch.chdir(mine.root)
    assert cli.run(["new", str(tmp_path / "next"), "--take", "teams"]) == 0
    assert course.Course(tmp_path / "next", tmp_path / "next").sources() == ["01_median", "03_teams"]


# ── what students get ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_release_is_the_same_each_time_and_holds_no_code_of_the_answers(made):
    from labkit.grading import release

    assert release.release(made, NAME, check=True) == []
    text = (made.exercises / NAME / f"{NAME}.check").read_text(encoding="utf-8")
    raw = json.loads(text)
    everything = text + "".join(
        base64.b64decode(data).decode("latin-1") for key in raw["recorded"].values() for data in key["seeds"].values()
    )
    secret = (made.root / "checks/answers/sorting.py").read_text(encoding="utf-8")
    code = [line.strip() for line in secret.splitlines() if re.search(r"done|sorted\(|lambda", line)]
    assert len(code) > 5
    assert not [line for line in code if line in everything]
    assert str(made.root) not in everything


def test_a_student_is_told_at_once_with_nothing_but_the_released_folder(student):
    check = checks.find(KEY)
    key = bank.answer_key(check)
    assert check.points == 3
    with pytest.raises(LookupError, match="its code isn't here"):
        key.reference([1])
    assert checks.examine(check, steps).right
    known = (
        {mistake.sentence: mistake for mistake in bank.answer_key(Loaded(own_checks.read(student)).of).mistakes}
        if False
        else None
    )
    assert known is None
    one_list = checks.examine(check, lambda numbers: [sorted(numbers)] * len(numbers))
    assert one_list.sentence.startswith("all steps are one and the same list")
    assert one_list.named
    assert "in reverse order" in checks.examine(check, lambda numbers: steps(numbers)[::-1]).sentence
    assert "changes the list" in checks.examine(check, lambda numbers: numbers.sort() or steps(numbers)).sentence
    with pytest.raises(ValueError, match="under the seeds 1, 2, 3 only"):
        checks.examine(check, steps, seeds=[4])


def test_author_and_student_hear_the_same(made, student, monkeypatch):
    wrong = [
        lambda numbers: [],
        lambda numbers: steps(numbers)[1:],
        lambda numbers: [sorted(numbers[: i + 1], reverse=True) for i in range(len(numbers))],
        lambda numbers: [step[:-1] for step in steps(numbers)],
        lambda numbers: numbers[0],
        lambda numbers: None,
    ]
    told = [checks.examine(checks.find(KEY), answer) for answer in wrong]
    monkeypatch.chdir(made.solutions / NAME)
    assert told == [checks.examine(checks.find(KEY), answer) for answer in wrong]


def test_a_machine_that_draws_otherwise_gets_the_recorded_cases(made, student):
    text = (student / f"{NAME}.check").read_text()
    assert "g.normal(size=12)" in text
    (student / f"{NAME}.check").write_text(text.replace("g.normal(size=12)", "g.normal(size=12) + 1"))
    author = {check.key: check for check in own.checks_of(made.root)}[KEY]
    drawn = checks.find(KEY).inputs(1)[-1]["numbers"]
    assert not np.allclose(drawn, author.inputs(1)[-1]["numbers"])
    assert wire.cases_of(checks.find(KEY), 1) == author.inputs(1)
    assert checks.examine(checks.find(KEY), steps).right


def test_without_its_file_a_check_is_not_found_and_damaged_it_says_so(student):
    file = student / f"{NAME}.check"
    whole = file.read_text()
    for text, says in (
        (whole[:200], r"02_sorting\.check can't be used: it is damaged"),
        (whole.replace('"form": 1', '"form": 99'), "another version of labkit"),
        ("[]", "damaged"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=says):
            checks.find(KEY)
    file.unlink()
    with pytest.raises(ValueError, match=r"a check of a course's own comes in a file \*\.check"):
        checks.find(KEY)


def test_an_authors_correction_counts_at_once(mine, monkeypatch):
    monkeypatch.chdir(mine.solutions / NAME)
    assert checks.find(KEY).points == 3
    file = mine.root / "checks/sorting.py"
    file.write_text(file.read_text().replace("points = 3", "points = 11"))
    assert checks.find(KEY).points == 11


def test_labkit_check_takes_the_course_whose_file_it_is(student):
    path = student / f"{NAME}.ipynb"
    book = notebooks.read(path)
    answer("def insertion_steps(numbers):\n    return [sorted(numbers[: i + 1]) for i in range(len(numbers))]")(book)
    notebooks.write(path, notebooks.normal(book))
    verdict = selfcheck.examine(path)
    assert (verdict.points, verdict.maximum) == (3, 3)


# ── what a sandbox and a judge get ────────────────────────────────────────────────────────────────────────────────────


def test_the_sandbox_has_the_cases_and_nothing_of_the_answers(made):
    text = own_checks.read(made.root).to_json()
    used = exercise.Uses((KEY,), (), text, torch=False)
    assert not any("torch" in name for name in used.preload)
    with zipfile.ZipFile(reduced.archive([], more=used.cases)) as archive:
        names = archive.namelist()
        everything = b"".join(archive.read(name) for name in names)
        assert b"LOOK = False" in archive.read("labkit/checks/own/loading.py")
    assert "labkit/checks/sorting.py" in names
    assert not [name for name in names if "answers" in name or "median" in name]
    assert b"place -= 1" not in everything
    assert b"one and the same list" not in everything


def test_a_kernel_of_plain_nbgrader_has_the_released_checks(made):
    more = provisioner.released(made.exercises)
    assert set(more) == {f"checks/released/{name}.check" for name in made.sources()}
    with zipfile.ZipFile(reduced.archive(None, more=more)) as archive:
        assert archive.read(f"labkit/checks/released/{NAME}.check").decode() == more[f"checks/released/{NAME}.check"]


def test_a_copy_for_graders_looks_at_no_file_beside_the_notebook(student, tmp_path):
    text = (student / f"{NAME}.check").read_text()
    with zipfile.ZipFile(reduced.archive(None, more={f"checks/released/{NAME}.check": text})) as archive:
        archive.extractall(tmp_path / "copy")
    (student / f"{NAME}.check").write_text(text.replace("points = 3", "points = 99"))
    code = f"from labkit import checks; check = checks.find({KEY!r}); print(checks.__file__, check.points)"
    env = {"PYTHONPATH": str(tmp_path / "copy")}
    ran = subprocess.run([sys.executable, "-P", "-c", code], cwd=student, capture_output=True, text=True, env=env)
    assert ran.stdout.split() == [str(tmp_path / "copy/labkit/checks/__init__.py"), "3"], ran.stderr


def test_the_judge_has_the_answers_that_were_sent_to_it(made):
    text = own_checks.read(made.root).to_json()
    check = {check.key: check for check in own.checks_of(made.root)}[KEY]
    right, wrong = (wire.execute(check, a, 1234, watch=False) for a in (steps, lambda n: [sorted(n)] * len(n)))
    with judge.Judges(1, own=text) as judges:
        assert judges.judge(KEY, right, 1234).right
        assert not judges.judge(KEY, right, 1235).right
        assert judges.judge(KEY, wrong, 1234).sentence.startswith("all steps are one and the same list")
        assert "labkit_own_answers_sorting:insertion_steps" in judges.forbidden([KEY])


def test_answers_learnt_from_the_released_file_fail_under_another_seed(student, made):
    raw = json.loads((student / f"{NAME}.check").read_text())["recorded"][KEY]["seeds"]
    table = {}
    for seed in raw:
        for case, row in zip(record.parsed(raw[seed])[0]["cases"], record.parsed(raw[seed])[0]["answers"][0]):
            arrays = record.parsed(raw[seed])[1]
            table[str(record.thaw(case["numbers"], arrays))] = record.thaw(row["values"]["the steps"], arrays)
    by_heart = lambda numbers: table.get(str(numbers), [])  # noqa: E731
    assert checks.examine(checks.find(KEY), by_heart).right
    own.use(own_checks.read(made.root))
    assert not checks.examine(checks.find(KEY), by_heart, seeds=[987654321]).right


def test_everybody_is_due_again_when_a_check_or_its_points_change(mine):
    classic.register(mine, NAME)
    before = identity.identity(mine, NAME)
    file = mine.root / "checks/answers/sorting.py"
    file.write_text(file.read_text() + "\n# corrected\n")
    after = identity.identity(mine, NAME)
    (mine.root / "labkit.toml").write_text(f'[points]\n"{KEY}" = 4\n')
    assert len({before, after, identity.identity(mine, NAME)}) == 3


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_course_takes_some_exercises_and_weighs_their_checks(mine, monkeypatch):
    (mine.root / "labkit.toml").write_text(f'exercises = ["sorting", "1"]\n[points]\n"{KEY}" = 7\n')
    assert mine.sources() == ["01_median", NAME]
    monkeypatch.chdir(mine.root)
    assert cli.run(["release"]) == 0
    released = mine.exercises / NAME
    assert tiny.cell(notebooks.read(released / f"{NAME}.ipynb"), "check_insertion_steps").metadata.nbgrader.points == 7
    classic.register(mine, NAME)
    with classic.gradebook(mine) as book:
        assert book.find_assignment(NAME).max_score == 7
    monkeypatch.chdir(released)
    assert checks.find(KEY).points == 7


def test_labkits_own_checks_are_weighed_too(tmp_path, monkeypatch):
    folder = new.new(tmp_path / "c").root
    (folder / "labkit.toml").write_text('[points]\n"attacks.fgsm" = 9\n')
    monkeypatch.chdir(folder)
    check = checks.find("attacks.fgsm")
    assert check.points == 9
    assert bank.answer_key(check).reference is not None
    monkeypatch.chdir(tmp_path)
    assert checks.find("attacks.fgsm").points != 9


def test_a_topic_of_labkits_is_replaced(tmp_path, monkeypatch):
    folder = new.new(tmp_path / "c").root
    for half in ("checks", "checks/answers"):
        text = (folder / half / "median.py").read_text().replace("median.median", "images.median")
        (folder / half / "images.py").write_text(text)
    monkeypatch.chdir(folder)
    assert [check.key for check in checks.of("images")] == ["images.median"]
    assert checks.examine(checks.find("images.median"), lambda x: float(np.median(x))).right
    used = exercise.Uses(("images.median",), (), own_checks.read(folder).to_json())
    with zipfile.ZipFile(reduced.archive([], more=used.cases)) as archive:
        assert archive.namelist().count("labkit/checks/images.py") == 1
        assert b"images.median" in archive.read("labkit/checks/images.py")
    monkeypatch.chdir(tmp_path)
    assert "images.saturation" in [check.key for check in checks.of("images")]


# ── every error is a sentence ─────────────────────────────────────────────────────────────────────────────────────────


def changed(name, old, new_):
    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new_))

    return change


def written(name, text):
    return lambda folder: (folder / name).write_text(text)


VERDICT = """from labkit.checks.bank import verdict


@verdict("sorting.insertion_steps")
def judge(outputs, case): ...


@mistake("""
ANSWERS, CASES = "checks/answers/sorting.py", "checks/sorting.py"
MISTAKES = [
    (written("labkit.toml", "points = 3\n"), "`points` in labkit.toml is 3"),
    (written("labkit.toml", "exercise = []\n"), "labkit.toml has no setting 'exercise'"),
    (written("labkit.toml", "exercises = 3\n"), "expected a list of names"),
    (written("labkit.toml", '[points]\n"sorting.insertion_steps" = 0\n'), "a whole number above 0"),
    (written("labkit.toml", "[points\n"), "labkit.toml can't be read"),
    (written("labkit.toml", 'exercises = ["sortin"]\n'), "labkit.toml names the exercise 'sortin'; there are 01"),
    (changed(CASES, "points = 3", "points = 4"), "is worth 3 and its check sorting.insertion_steps 4"),
    (changed(CASES, "from labkit.checks import Compare", "from labkit.checks import Compere"), "can't be imported"),
    (changed(CASES, "class InsertionSteps(Compare):", "class InsertionSteps(Compare)"), "SyntaxError"),
    (changed(CASES, '"sorting.insertion_steps"', '"other.steps"'), "does not begin with 'sorting.'"),
    (changed(CASES, '"sorting.insertion_steps"', '"sorting.steps"'), "calls the check 'sorting.insertion_steps'"),
    (changed(CASES, "[3, 2, 1]", "[3, 2, 1 / 0]"), "the cases of sorting.insertion_steps can't be made: ZeroDivision"),
    (changed(ANSWERS, '@reference("sorting.insertion_steps")', ""), "has no reference for sorting.insertion_steps"),
    (changed(ANSWERS, "done, steps = [], []", "done, steps = [], [][0]"), "the reference of sorting.insertion_steps f"),
    (lambda folder: (folder / ANSWERS).unlink(), "checks/sorting.py has no other half"),
    (lambda folder: (folder / CASES).unlink(), "checks/answers/sorting.py has no other half"),
    (written("checks/wire.py", ""), "checks/wire.py can't have this name"),
    (written("checks/My-Topic.py", ""), "small letters, digits and _"),
    (changed(ANSWERS, "@mistake(", VERDICT), "make `verdict` a method of the check's class"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "says"), MISTAKES, ids=[says[:40] for _, says in MISTAKES])
def test_an_authors_mistake_is_a_sentence(mine, monkeypatch, capsys, change, says):
    change(mine.root)
    monkeypatch.chdir(mine.root)
    assert cli.run(["release", "sorting"]) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert len(shown.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["new", "."], "is not empty: a new course wants a folder of its own"),
        (["new", "labkit.toml"], "is not empty"),
        (["new", "x", "--take", "chess"], "no exercise is called 'chess'"),
        (["test", "chess"], "there are no checks of 'chess' here; there are some of examples, median"),
    ],
)
def test_bad_input_is_a_sentence(mine, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(mine.root)
    assert cli.run(arguments) == 2
    assert says in capsys.readouterr().err


def test_a_check_that_keeps_no_promise_is_found_out(mine, monkeypatch, capsys):
    monkeypatch.chdir(mine.root)
    for old, text, says in (
        ("return [sorted(numbers)] * len(numbers)", "return insertion_steps(numbers)", "accepts the mistake"),
        ("done[place - 1] > number", "done[place - 1] >= number and done != steps", "sorting.insertion_steps"),
    ):
        file = mine.root / ANSWERS
        whole = file.read_text()
        file.write_text(whole.replace(old, text))
        status = cli.run(["test", "sorting"])
        shown = capsys.readouterr()
        assert says in shown.out
        assert status == (1 if "accepts" in says else 0)
        file.write_text(whole)
    with pytest.raises(AssertionError, match="refuses the right answer <lambda>"):
        own.prove({c.key: c for c in own.checks_of(mine.root)}[KEY], rights=[lambda numbers: []])


# ── the class ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def answer(source, name="insertion_steps"):
    """A change of a notebook: the answer is this."""

    def change(book):
        tiny.cell(book, name).source = source

    return change


def hand_in(folder, student, change, name=NAME):
    """Hand in the solution with a change."""
    target = folder / "submitted" / student / name
    shutil.copytree(folder / "exercises" / name, target)
    book = notebooks.read(folder / "solutions" / name / f"{name}.ipynb")
    change(book)
    nbformat.write(book, target / f"{name}.ipynb")
    return target


COPIED = """
import importlib, os, sys

def insertion_steps(numbers):
    for name in ("labkit.checks.answers.sorting", "labkit_own_answers_sorting"):
        try:
            return importlib.import_module(name).insertion_steps(numbers)
        except ImportError:
            continue
    from labkit import checks
    from labkit.checks import bank
    try:
        return bank.answer_key(checks.find("sorting.insertion_steps")).reference(numbers)
    except LookupError:
        raise RuntimeError(f"no reference: {[p for p in sys.path if os.path.isdir(p + '/labkit/checks/answers')]}")
"""
EQUAL = """
class Equal(list):
    def __eq__(self, other):
        return True
    __ne__ = lambda self, other: False
    __len__ = lambda self: 10**6

def insertion_steps(numbers):
    return Equal()
"""
BY_HEART = """
import base64, json
from labkit.checks import wire
from labkit.checks.values import thaw

TABLE = {}
for text in json.load(open("02_sorting.check"))["recorded"]["sorting.insertion_steps"]["seeds"].values():
    message, arrays = wire.opened(base64.b64decode(text))
    for case, row in zip(message["cases"], message["answers"][0]):
        TABLE[str(thaw(case["numbers"], arrays))] = thaw(row["values"]["the steps"], arrays)

def insertion_steps(numbers):
    return TABLE.get(str(numbers), [])
"""


def soften(folder):
    """Change the check file in a submission: every answer is right, and worth more."""
    always = 'rng = "numpy"\n\n    def verdict(self, outputs, case):\n        return None\n'
    file = folder / f"{NAME}.check"
    raw = json.loads(file.read_text())
    raw["cases"]["sorting"] = raw["cases"]["sorting"].replace('rng = "numpy"', always, 1)
    raw["points"] = {KEY: 99}
    file.write_text(json.dumps(raw))
    return file


def test_a_softened_file_softens_the_notebook_of_whoever_did_it_and_no_more(student, made):
    soften(student)
    assert checks.examine(checks.find(KEY), lambda numbers: [[0]]).right
    own.use(own_checks.read(made.root))
    assert not checks.examine(checks.find(KEY), lambda numbers: [[0]]).right


def without_its_check(book):
    answer("def insertion_steps(numbers):\n    return []")(book)
    book.cells = [cell for cell in book.cells if "check(" not in cell.source]


CLASS = {
    "ada": (lambda book: None, 3),
    "ben": (answer("def insertion_steps(numbers):\n    return [sorted(numbers)] * len(numbers)"), 0),
    "chloe": (answer(COPIED), 0),
    "dmitri": (answer("def insertion_steps(numbers):\n    return [[0]]"), 0),  # with a changed file, see below
    "eve": (without_its_check, 0),
    "farid": (answer(EQUAL), 0),
    "grace": (answer("def insertion_steps(numbers):\n    return [[4]]"), 0),
    "hugo": (answer(BY_HEART), 0),
    "ines": (lambda book: None, 3),  # who lost the file
}


@pytest.mark.slow
@pytest.mark.skipif(not contained(), reason="needs the sandbox")
def test_a_class_with_attackers_gets_what_is_due(mine):
    places = {name: hand_in(mine.root, name, change) for name, (change, _) in CLASS.items()}
    file = soften(places["dmitri"])
    (places["dmitri"] / "checks").mkdir()
    shutil.copy(file, places["dmitri"] / "checks" / "sorting.check")
    (places["ines"] / f"{NAME}.check").unlink()
    rows = {row.student: row for row in grade.grade(mine, NAME)}
    assert {name: row.points for name, row in rows.items()} == {name: points for name, (_, points) in CLASS.items()}
    said = {name: row.wrong.get("check_insertion_steps", "") for name, row in rows.items()}
    assert said["ben"].startswith("all steps are one and the same list")
    assert "no reference: []" in said["chloe"]
    assert rows["ada"].maximum == 3


@pytest.mark.slow
@pytest.mark.skipif(not contained(), reason="needs the sandbox")
def test_a_class_with_data_frames_gets_what_is_due(mine):
    change = lambda source: answer(source, "mean_by_team")  # noqa: E731
    wrong = 'def mean_by_team(sales):\n    return sales.groupby("team")[["amount"]].mean()'
    liar = (
        "class Liar(pd.DataFrame):\n    def __eq__(self, other):\n        return True\n"
        '    equals = __eq__\n\n\ndef mean_by_team(sales):\n    return Liar({"team": [], "amount": []})'
    )
    hand_in(mine.root, "ada", lambda book: None, "03_teams")
    hand_in(mine.root, "ben", change(wrong), "03_teams")
    hand_in(mine.root, "chloe", change(liar), "03_teams")
    rows = {row.student: row for row in grade.grade(mine, "03_teams")}
    assert {name: row.points for name, row in rows.items()} == {"ada": 2, "ben": 0, "chloe": 0}
    assert "is a `reset_index()` missing?" in rows["ben"].wrong["check_mean"]


@pytest.mark.slow
@pytest.mark.skipif(not contained(), reason="needs the sandbox")
def test_plain_nbgrader_takes_the_released_checks_of_the_course(mine, request):
    places = {name: hand_in(mine.root, name, CLASS[name][0]) for name in ("ada", "ben", "dmitri", "ines")}
    soften(places["dmitri"])
    (places["ines"] / f"{NAME}.check").unlink()
    command = [sys.executable, "-m", "nbgrader", "autograde", NAME]
    done = subprocess.run(
        command, cwd=mine.root, env=request.getfixturevalue("environment"), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with classic.gradebook(mine) as book:
        scores = {name: book.find_submission(NAME, name).score for name in places}
    assert scores == {name: CLASS[name][1] for name in places}
