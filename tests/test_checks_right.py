"""Right answers pass under every seed: the reference, the model answer of the exercise, and those written differently.

A hundred seeds a check take minutes in all and are marked slow; the model answers are always tried under a dozen.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from labkit import checks
from labkit.checks import bank
from labkit.grading.engine.nbgrader.cells import parse
from labkit.topics import find
from tests import rights

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("unchecked")

LEARNS = ("domain.distance", "fair.probe", "images.policy")
"""They train networks: ``test_checks_chance.py`` and ``test_checks_chance_images.py`` try them."""

KEYS = [check.key for topic in checks.topics() for check in checks.of(topic) if check.key not in LEARNS]


def model_answers(topic: str) -> dict[str, Callable[..., Any]]:
    """What the solution of an exercise hands to its checks, by their keys."""
    slug = find(topic).slug
    space: dict[str, Any] = {}
    answers = {}
    for cell in nbformat.read(ROOT / "solutions" / slug / f"{slug}.ipynb", as_version=4).cells:
        of_nbgrader = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and (of_nbgrader.get("solution") or of_nbgrader.get("grade_id") == "setup"):
            exec(cell.source, space)
        elif of_nbgrader.get("grade"):
            answers |= {call.key: space[call.expression] for call in parse(cell.source)}
    return answers


def refused(key: str, answer: Callable[..., Any], seeds: range) -> list[tuple[int, str]]:
    """The seeds under which a check refuses an answer, and what it says."""
    reports = [(seed, checks.examine(checks.find(key), answer, seeds=[seed], watch=False)) for seed in seeds]
    return [(seed, f"{report.case}: {report.sentence}") for seed, report in reports if not report.right]


@pytest.mark.parametrize("topic", checks.topics())
def test_the_model_answers_pass_under_a_dozen_seeds(topic):
    answers = model_answers(topic)
    assert set(answers) == {check.key for check in checks.of(topic)}
    for key, answer in answers.items():
        assert key in LEARNS or refused(key, answer, range(400, 412)) == [], key


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_right_answers_pass_under_a_hundred_seeds(key):
    topic = key.partition(".")[0]
    answers = {a.name: a.function for a in rights.rights(topic) if a.key == key}
    answers |= {"reference": bank.answer_key(checks.find(key)).reference, "the model answer": model_answers(topic)[key]}
    assert len(answers) >= 3
    for name, answer in answers.items():
        assert refused(key, answer, range(7000, 7100)) == [], name
