"""Checks with chance in them: right answers pass under every seed, wrong ones under none.

A run costs up to a second, so that all of it is marked slow.
"""

import pytest

from labkit import checks
from labkit.checks import bank
from tests import rights

KEYS = ("domain.distance",)
SEEDS = range(100)


def answers(key):
    """The reference, and all right answers that are written differently."""
    others = [answer for answer in rights.rights(key.partition(".")[0]) if answer.key == key]
    return {"reference": bank.answer_key(checks.find(key)).reference} | {a.name: a.function for a in others}


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("key", "name"), [(key, name) for key in KEYS for name in answers(key)])
def test_a_right_answer_passes_under_every_seed(key, name):
    reports = [checks.examine(checks.find(key), answers(key)[name], seeds=[seed], watch=False) for seed in SEEDS]
    assert len(answers(key)) >= 4
    assert [report for report in reports if not report.right] == []


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("key", "i"), [(k, i) for k in KEYS for i in range(len(bank.answer_key(checks.find(k)).mistakes))]
)
def test_a_wrong_answer_passes_under_none(key, i):
    mistake = bank.answer_key(checks.find(key)).mistakes[i]
    reports = [checks.examine(checks.find(key), mistake.function, seeds=[seed], watch=False) for seed in SEEDS]
    assert [seed for seed, report in zip(SEEDS, reports) if report.right] == []
    assert [report.sentence for report in reports if mistake.says not in report.sentence] == []
