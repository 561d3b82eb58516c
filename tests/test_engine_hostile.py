"""Whatever lies in a student's folder, it ends with marks or with a sentence, and the class is graded."""

import copy
import json
import os
import random
import shutil
import socket

import nbformat
import pytest

from labkit.grading.engine import run
from labkit.grading.engine.nbgrader import intake
from labkit.grading.engine.report import GRADED, UNGRADED
from tests import engine_class
from tests.engine_class import ASSIGNMENT, RIGHT, gradebook_rows, submit
from tests.engine_double import Ran
from tests.test_engine import Here, course, grade, template  # noqa: F401  fixtures


class Nothing:
    """A sandbox in which every cell is silent and every check is refused: for tests of what surrounds it."""

    died = ""
    killed = False
    tampered = False

    def open(self, files, env=None):
        return self

    def files(self, given):
        return dict(given)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def run_cell(self, source):
        assert isinstance(source, str)
        error = {"output_type": "error", "ename": "AssertionError", "evalue": "", "traceback": []}
        return Ran([error] if source.startswith("assert") else [])

    def run_check(self, key, expression, seed):
        return Ran([{"output_type": "error", "ename": "NameError", "evalue": "", "traceback": []}])

    def close(self):
        pass


VALUES = [
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "x",
    "\ud800",
    "\x00",
    [],
    {},
    [[]],
    [{}],
    {"a": 1},
    ["a", 3],
    "é" * 3000,
    10**400,
]


def paths(value, at=()):
    """The place of every value in a JSON tree."""
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], (*at, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from paths(part, (*at, i))


def mutated(tree, draw):
    """A copy of a tree with one to four places replaced, removed, doubled or swapped."""
    tree = copy.deepcopy(tree)
    for _ in range(draw.randint(1, 4)):
        *above, last = draw.choice([p for p in paths(tree) if p])
        holder = tree
        for key in above:
            holder = holder[key]
        kind = draw.randrange(4)
        if kind == 0:
            del holder[last]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(last, copy.deepcopy(holder[last]))
        elif kind == 2 and isinstance(holder, list):
            other = draw.randrange(len(holder))
            holder[last], holder[other] = holder[other], holder[last]
        else:
            holder[last] = copy.deepcopy(draw.choice(VALUES))
        if not tree:
            break
    return tree


def twisted(text, draw):
    """A notebook in which values anywhere are replaced, removed, doubled or swapped."""
    return json.dumps(mutated(json.loads(text), draw)).encode()


def truncated(text, draw):
    """A notebook that was not saved to the end."""
    data = text.encode()
    return data[: draw.randrange(len(data))]


def other_format(text, draw):
    """A notebook that says it is of another format."""
    other = draw.choice(["3", "5", "2", "0", "-1", '"4"', "4.5", "null", "[4]", "999999999999999999999"])
    return text.replace('"nbformat": 4', f'"nbformat": {other}', 1).encode()


def without_metadata(text, draw):
    """A notebook without metadata: its own, its cells', or nbgrader's; or with junk in their place."""
    tree = json.loads(text)
    kind = draw.randrange(4)
    for holder in [tree] if kind == 0 else tree["cells"]:
        if kind == 1 and draw.random() < 0.5:
            holder.pop("metadata", None)
        elif kind == 2:
            holder["metadata"].pop("nbgrader", None)
        elif kind == 3:
            holder["metadata"] = copy.deepcopy(draw.choice(VALUES))
        elif kind == 0:
            del holder["metadata"]
    return json.dumps(tree).encode()


def huge(text, draw):
    """A notebook with a cell of a million characters or ten, with a thousand cells, or with a million brackets."""
    tree = json.loads(text)
    cell = draw.choice(tree["cells"])
    kind = draw.randrange(4)
    if kind == 0:
        cell["source"] = "x" * draw.choice([10**6, 10**7])
    elif kind == 1:
        cell["source"] = ["#\n"] * 10**5
    elif kind == 2:
        tree["cells"] += [dict(tree["cells"][-1], id=f"more{i}") for i in range(draw.choice([1000, 6000]))]
    else:
        cell["metadata"]["deep"] = "MARK"
        return json.dumps(tree).replace('"MARK"', "[" * 10**6 + "]" * 10**6).encode()
    return json.dumps(tree).encode()


def binary(text, draw):
    """Bytes that are no text, in place of the notebook or in the middle of it."""
    data = text.encode()
    at = draw.randrange(len(data))
    return draw.choice(
        [
            draw.randbytes(500),
            b"\0" * 100,
            b"",
            b"\x7fELF" + draw.randbytes(100),
            b"PK\x03\x04" + draw.randbytes(100),
            text.encode("utf-16"),
            data[:at] + draw.randbytes(draw.randint(1, 20)) + data[at + draw.randint(0, 20) :],
        ]
    )


def no_notebook(text, draw):
    """JSON that is no notebook."""
    return draw.choice([b"[]", b"null", b"{}", b"3", b'""', b'{"nbformat": 4}', b"[" * 10**5, b'{"cells": []}', b"NaN"])


def upwards(text, draw):
    """A notebook full of names that lead out of the folder."""
    tree = json.loads(text)
    name = draw.choice(["../../../x", "/etc/passwd", "..", "..\\..\\x", "a/../../b", "../" * 1000, "~/x", "\0/../x"])
    for cell in tree["cells"]:
        kind = draw.randrange(4)
        if kind == 0:
            cell["id"] = name
        elif kind == 1:
            cell.setdefault("metadata", {})["nbgrader"] = {"grade_id": name, "grade": True, "points": 5}
        elif kind == 2:
            cell["attachments"] = {name: {"image/png": "iVBORw0KGgo="}}
        else:
            cell["metadata"] |= {"name": name, "filename": name}
    tree["metadata"] |= {"kernelspec": {"name": name, "display_name": name, "language": name}, "title": name}
    return json.dumps(tree).encode()


def fifty_megabytes(text, draw):
    """A notebook of 50 MB: of white space, of text, or of a picture among its outputs."""
    pad = b" " * 50 * 2**20
    kind = draw.randrange(3)
    if kind == 0:
        return pad + text.encode()
    tree = json.loads(text)
    holder = next(cell for cell in tree["cells"] if cell["cell_type"] == "code")
    if kind == 1:
        holder["source"] = "MARK"
    else:
        holder["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {"image/png": "MARK"}}]
    return json.dumps(tree).encode().replace(b"MARK", pad.replace(b" ", b"A"))


def linked(path, root, draw):
    """A link in the notebook's place."""
    others = [root / "source" / ASSIGNMENT / path.name, root / "gradebook.db", "/etc/passwd", "/dev/zero", "/nowhere",
              path.name, "..", "/proc/self/mem", "../../zoe/ps1/" + path.name]  # fmt: skip
    path.symlink_to(draw.choice(others))


# How many of a hundred notebooks are damaged in each way.
DAMAGE = [
    ("values replaced, removed, doubled or swapped anywhere in it", 30, twisted),
    ("truncated JSON", 12, truncated),
    ("another nbformat", 8, other_format),
    ("metadata missing, or junk in its place", 12, without_metadata),
    ("huge cells, many cells, deep nesting", 6, huge),
    ("binary junk", 12, binary),
    ("JSON that is no notebook", 5, no_notebook),
    ("names with ../ in ids, attachments and metadata", 7, upwards),
    ("a link in the notebook's place", 8, linked),
]
LARGE = ("a file of 50 MB", fifty_megabytes)


def kinds(count, large):
    """A kind of damage for each of ``count`` notebooks, evenly spread."""
    every = [(name, make) for name, share, make in DAMAGE for _ in range(share)]
    random.Random(1).shuffle(every)
    made = [every[i % len(every)] for i in range(count)]
    for i in range(large):
        made[(2 * i + 1) * count // (2 * large)] = LARGE
    return made


def grade_mutants(root, settings, count, large):
    """Grade ``count`` damaged notebooks, two a student, and those of one student who hands in sound ones.

    Returns:
        For each kind of damage: how many notebooks, how many of them were graded, how many got a sentence.
    """
    draw = random.Random(7)
    texts = {path.name: path.read_text() for path in sorted((root / "release" / ASSIGNMENT).glob("*.ipynb"))}
    chosen = kinds(count, large)
    for i, (_, make) in enumerate(chosen):
        folder = root / "submitted" / f"m{i // len(texts):04d}" / ASSIGNMENT
        folder.mkdir(parents=True, exist_ok=True)
        name = list(texts)[i % len(texts)]
        if make is linked:
            linked(folder / name, root, draw)
        else:
            (folder / name).write_bytes(make(texts[name], draw))
    (root / "submitted/m0000" / ASSIGNMENT / "..\\..\\up.txt").write_text("x")
    submit(root, "zoe", RIGHT)
    rows = {row.student: row for row in run.grade(settings, ASSIGNMENT, jobs=1, make=Nothing, judge=Here())}
    assert len(rows) == count // len(texts) + 1
    for row in rows.values():
        assert row.state == GRADED or row.sentence, row
        assert "failed on it" not in row.sentence, (row.student, row.sentence)
        assert "\n" not in row.sentence
        assert len(row.sentence) < 800
    assert rows["zoe"].state == GRADED
    assert rows["zoe"].sentence == ""
    found = {name: [0, 0, 0] for name, *_ in [*DAMAGE, LARGE]}
    for i, (name, _) in enumerate(chosen):
        row, notebook = rows[f"m{i // len(texts):04d}"], list(texts)[i % len(texts)]
        ended = notebook in row.sentence
        marked = any(cell.startswith(notebook.removesuffix("ipynb")[:-1] + "/") and points is not None
                     for cell, points in row.cells.items())  # fmt: skip
        assert ended != marked, (row, name)
        found[name] = [n + m for n, m in zip(found[name], (1, marked, ended), strict=True)]
    return found


def test_mutated_notebooks_end_with_marks_or_a_sentence(course):  # noqa: F811
    root, settings = course
    found = grade_mutants(root, settings, 200, 2)
    graded, told = (sum(numbers[i] for numbers in found.values()) for i in (1, 2))
    assert graded > 40
    assert told > 40
    assert found["truncated JSON"][1] == found["a link in the notebook's place"][1] == 0


@pytest.mark.slow
def test_two_thousand_mutated_notebooks_end_with_marks_or_a_sentence(course, record):  # noqa: F811
    root, settings = course
    found = grade_mutants(root, settings, 2000, 8)
    assert sum(numbers[0] for numbers in found.values()) == 2000
    for kind, (notebooks, graded, sentence) in found.items():
        record("mutated", kind=kind, notebooks=notebooks, graded=graded, sentence=sentence)


def hand_in(root, student):
    """A right submission to be spoilt."""
    return submit(root, student, RIGHT)


def test_links_are_left_out_and_nothing_they_point_at_is_copied(course):  # noqa: F811
    root, settings = course
    secret = root / "source" / ASSIGNMENT / "problem1.ipynb"
    outside = root.parent / "outside.txt"
    outside.write_text("the instructor's secret")
    for student in ("ada", "bob", "cy"):
        hand_in(root, student)
    here = {student: root / "submitted" / student / ASSIGNMENT for student in ("ada", "bob", "cy")}
    (here["ada"] / "own.txt").symlink_to(outside)
    (here["ada"] / "folder").symlink_to(root / "source")
    (here["ada"] / "dangling").symlink_to("/nowhere")
    (here["ada"] / "timestamp.txt").symlink_to(outside)
    (here["bob"] / "problem1.ipynb").unlink()
    (here["bob"] / "problem1.ipynb").symlink_to(secret)
    ada, bob, cy = grade(settings)
    assert (ada.score, cy.score) == (9.5, 9.5)
    assert sum("it is a link" in flag for flag in ada.flags) == 4
    assert bob.cells["problem1/test_squares"] is None, "a person decides"
    assert bob.needs_manual
    assert "problem1.ipynb is a link, not a file" in bob.sentence
    assert bob.cells["problem2/check_saturation"] == 2.0
    written = [path for path in (root / "autograded").rglob("*") if path.is_file()]
    assert all("secret" not in path.read_text(errors="replace") or path.suffix == ".ipynb" for path in written)
    assert not (root / "autograded/ada/ps1/folder").exists()
    assert not (root / "autograded/bob/ps1/problem1.ipynb").exists()


def test_what_is_no_file_is_left_out(course):  # noqa: F811
    root, settings = course
    folder = hand_in(root, "ada")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket"))
        (folder / "problem3.ipynb").mkdir()
        (folder / os.fsdecode(b"M\xfcller.txt")).write_text("x")
        (row,) = grade(settings)
    assert row.score == 9.5
    assert len(row.flags) == 3
    assert any("M\\xfcller.txt was left out: its name is no text" in flag for flag in row.flags)


def test_a_folder_named_in_latin_1_gets_a_sentence(course):  # noqa: F811
    root, settings = course
    hand_in(root, "ada")
    shutil.copytree(root / "submitted/ada", root / "submitted" / os.fsdecode(b"M\xfcller"))
    bad, good = sorted(grade(settings), key=lambda row: row.student == "ada")
    assert (bad.state, good.state) == (UNGRADED, GRADED)
    assert "rename it" in bad.sentence


def test_huge_files_get_marks_or_a_sentence(course, monkeypatch):  # noqa: F811
    root, settings = course
    pictures, text, data = hand_in(root, "pictures"), hand_in(root, "text"), hand_in(root, "data")
    notebook = nbformat.read(pictures / "problem1.ipynb", as_version=4)
    image = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 50 * 2**20}}
    notebook.cells[1].outputs = [nbformat.from_dict(image)]
    (pictures / "problem1.ipynb").write_text(json.dumps(notebook))
    notebook.cells[1].outputs = []
    notebook.cells[-1].source = "x = '" + "A" * 50 * 2**20 + "'"
    (text / "problem1.ipynb").write_text(json.dumps(notebook))
    with open(data / "big.bin", "wb") as file:
        file.truncate(200 * 2**20)
    monkeypatch.setattr(intake, "READ", 60 * 2**20)
    rows = {row.student: row for row in grade(settings)}
    assert rows["pictures"].score == 9.5, "outputs are thrown away before anything else"
    assert "holds 50 MB of text" in rows["text"].sentence
    assert rows["text"].cells["problem1/test_half"] is None
    assert rows["data"].score == 9.5
    assert "big.bin was left out" in rows["data"].flags[0]


def test_many_files_are_cut(course, monkeypatch):  # noqa: F811
    root, _ = course
    folder = hand_in(root, "ada")
    monkeypatch.setattr(intake, "FILES", 5)
    for i in range(9):
        (folder / f"f{i}").write_text("x")
    found = intake.scan(folder)
    assert len(found.files) == 5
    assert found.refused


@pytest.mark.parametrize("stamp", ["yesterday", "", "\0", "9999-99-99", "x" * 10**6, "2024-02-01 10:00:00 Mars/Sea"])
def test_a_broken_timestamp_counts_for_none(course, stamp):  # noqa: F811
    root, settings = course
    (hand_in(root, "ada") / "timestamp.txt").write_text(stamp)
    (row,) = run.grade(settings, ASSIGNMENT, jobs=1, make=Nothing, judge=Here())
    assert row.state == GRADED, row.sentence
    assert run.grade(settings, ASSIGNMENT, jobs=1, make=Nothing, judge=Here())[0].state == "kept"


def test_a_submission_without_the_notebook_gets_a_sentence_once(course):  # noqa: F811
    root, settings = course
    folder = root / "submitted/ada" / ASSIGNMENT
    folder.mkdir(parents=True)
    (folder / "problem1 (1).ipynb").write_text("{}")
    for _ in range(2):
        (row,) = grade(settings)
        assert row.sentence == "there is no problem1.ipynb or problem2.ipynb in it"
        assert row.score is None
    assert gradebook_rows(root) == {}
    hand_in(root, "ada")
    assert grade(settings)[0].score == 9.5


def test_a_broken_resubmission_keeps_the_marks_of_the_first(course):  # noqa: F811
    root, settings = course
    folder = hand_in(root, "ada")
    grade(settings)
    before = gradebook_rows(root)
    for name in ("problem1", "problem2"):
        (folder / f"{name}.ipynb").write_text("{")
    (row,) = grade(settings)
    assert row.state == UNGRADED
    assert "is damaged" in row.sentence
    assert gradebook_rows(root) == before


def test_a_file_that_cannot_be_read_is_no_zero_and_stops_nobody(course):  # noqa: F811
    root, settings = course
    folder = hand_in(root, "ada")
    hand_in(root, "bob")
    real = intake.read

    def read(path, *rest):
        if path.is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "read", read)
        ada, bob = grade(settings)
    assert (ada.state, bob.state) == (UNGRADED, GRADED)
    assert "Permission denied" in ada.sentence
    assert grade(settings)[0].state == GRADED


def edit(root, student, change, name="problem1"):
    """Change a submitted notebook's JSON."""
    path = root / "submitted" / student / ASSIGNMENT / f"{name}.ipynb"
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


def named(tree, name):
    """The place of a cell."""
    return [c["metadata"].get("nbgrader", {}).get("grade_id") for c in tree["cells"]].index(name)


def test_deleted_cells_come_back(course):  # noqa: F811
    root, settings = course
    hand_in(root, "ada")
    hand_in(root, "bob")
    gone = ["test_squares", "test_hidden", "test_half", "task", "essay"]

    def delete(tree):
        for name in gone:
            del tree["cells"][named(tree, name)]

    edit(root, "ada", delete)
    ada, bob = grade(settings)
    expected = {**bob.cells, "problem1/essay": 0.0}  # a deleted answer is no answer
    assert ada.cells == expected
    assert ada.score == bob.score
    assert len(ada.notes) == len(gone)
    notebook = nbformat.read(root / "autograded/ada/ps1/problem1.ipynb", as_version=4)
    order = [intake.grade_id(cell) for cell in notebook.cells]
    assert order.index("squares") < order.index("test_squares") < order.index("test_hidden") < order.index("half")


def test_half_a_character_in_a_cell_is_replaced(course):  # noqa: F811
    root, settings = course
    hand_in(root, "ada")

    def change(tree):
        tree["cells"][-1]["source"] = "x = '\ud800'"
        tree["cells"][0]["source"] = ["# \udfff", "two"]

    edit(root, "ada", change)
    assert grade(settings)[0].score == 9.5


@pytest.mark.parametrize(
    "junk",
    [
        None,
        "x",
        [],
        {},
        {"grade": True},
        {"grade_id": 3},
        {"grade_id": "test_half"},
        {"grade_id": "nobody", "grade": 1},
    ],
)
def test_junk_metadata_is_replaced_by_the_original(course, junk):  # noqa: F811
    root, settings = course
    hand_in(root, "ada")

    def change(tree):
        tree["cells"][named(tree, "test_squares")]["metadata"]["nbgrader"] = junk

    edit(root, "ada", change)
    (row,) = grade(settings)
    assert row.cells["problem1/test_squares"] == 2.0
    assert row.cells["problem1/test_half"] == 1.5
    assert row.state == GRADED


def test_metadata_that_claims_more_is_replaced_and_flagged(course):  # noqa: F811
    root, settings = course
    submit(root, "ada", {})

    def change(tree):
        for name in ("test_squares", "test_hidden"):
            tree["cells"][named(tree, name)]["metadata"]["nbgrader"] |= {
                "points": 1000,
                "solution": True,
                "locked": False,
            }

    edit(root, "ada", change)
    (row,) = grade(settings)
    assert row.cells["problem1/test_squares"] == 0.0
    assert row.max_score == engine_max(root)
    assert sum("metadata was changed" in flag for flag in row.flags) == 2


def engine_max(root):
    """The points of the assignment."""
    with engine_class.Gradebook(f"sqlite:///{root}/gradebook.db") as book:
        return book.find_assignment(ASSIGNMENT).max_score
