"""Answers of a class that are wrong in the same way, and that no sentence names, are shown together."""

import io
import json
import shutil

import pytest
from rich.console import Console

from labkit.checks import bank, find
from labkit.grading import alike
from labkit.grading.engine import run
from labkit.grading.engine.journal import Journal
from labkit.grading.engine.judging import judge
from tests import engine_class
from tests.engine_class import ASSIGNMENT, RIGHT, WRONG, submit
from tests.engine_double import Double

KEY = "images.saturation"
ODD = """def saturation(x, factor):
    grey = x.amin(1, keepdim=True) * 0.3 + 0.11
    return (grey + factor.view(-1, 1, 1, 1) ** 3 * (x - grey)).clamp(0, 1)"""
ODD_AGAIN = """def saturation(pictures, factor):
    results = []
    for picture, f in zip(pictures, factor):
        grey = 0.11 + 0.3 * picture.min(0).values
        results.append((f * f * f * picture + (1 - f * f * f) * grey).clip(0, 1))
    return torch.stack(results)"""
OTHER = ODD.replace("0.11", "0.12")


def odd(x, factor):
    grey = x.amin(1, keepdim=True) * 0.3 + 0.11
    return (grey + factor.view(-1, 1, 1, 1) ** 3 * (x - grey)).clamp(0, 1)


class Here:
    """A judge in this process."""

    def judge(self, key, data, seed):
        return judge.unpack(judge.answer({"key": key, "seed": seed}, data))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A class of seven: three make one mistake nobody foresaw, one makes another, and one a mistake that has a name."""
    root = tmp_path_factory.mktemp("alike") / "course"
    root.mkdir()
    settings = engine_class.course(root, notebooks=["problem2"])
    answers = {"s1": ODD, "s2": RIGHT["saturation"], "s3": "import torch\n" + ODD_AGAIN, "s4": OTHER, "s5": ODD,
               "s6": WRONG["saturation"][0], "s7": WRONG["saturation"][1]}  # fmt: skip
    for student, source in answers.items():
        submit(root, student, {**RIGHT, "saturation": source})
    grade(settings)
    return root, settings


def grade(settings, **options):
    run.grade(settings, ASSIGNMENT, jobs=1, make=Double, judge=Here(), seeds=1, **options)


def test_the_mistake_that_three_share_is_shown_once_with_an_answer(course):
    root, _ = course
    groups = alike.groups(Journal.of(root, ASSIGNMENT))
    assert [(group.key, group.students) for group in groups] == [(KEY, ("s1", "s3", "s5"))]
    console = Console(file=io.StringIO(), width=120)
    console.print(alike.shown(groups))
    text = console.file.getvalue()
    assert f"{KEY}: 3 alike, not named: s1, s3, s5. One of them:" in text
    assert "    def saturation(x, factor):" in text


def test_only_unnamed_wrong_answers_are_kept_and_they_are_small_and_private(course):
    root, _ = course
    folder = Journal.of(root, ASSIGNMENT) / alike.FOLDER
    kept = {json.loads(file.read_text())["student"]: file for file in folder.iterdir()}
    assert set(kept) == {"s1", "s3", "s4", "s5"}
    for file in kept.values():
        assert file.stat().st_mode & 0o077 == 0
        assert all(len(answer["data"]) < 90_000 for answer in json.loads(file.read_text())["answers"])


def test_once_the_mistake_is_written_all_three_read_it_and_the_group_is_gone(course, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(course[0], root)
    mistakes = bank.answer_key(find(KEY)).mistakes
    bank.mistake(KEY, "the factor is raised to the third power, and the grey is no grey")(odd)
    try:
        grade(engine_class.config(root), force=True)
    finally:
        mistakes.pop()
    journal = Journal(Journal.of(root, ASSIGNMENT))
    assert alike.groups(journal.folder) == []
    for student in ("s1", "s3", "s5"):
        sentences = [report["sentence"] for report in journal.get(student).reports if report["key"] == KEY]
        assert sentences == ["the factor is raised to the third power, and the grey is no grey"]


def test_a_long_group_and_a_long_answer_are_cut():
    group = alike.Alike("a.b", tuple(f"s{i:02}" for i in range(14)), "\n".join(f"line {i}" for i in range(40)))
    console = Console(file=io.StringIO(), width=120)
    console.print(alike.shown([group]))
    text = console.file.getvalue()
    assert "14 alike, not named: s00, s01" in text
    assert "s07, and 6 more" in text
    assert "line 15" in text
    assert "line 16" not in text
