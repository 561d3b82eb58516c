"""Answers that were written without a look at the checks: the wrong ones are refused, and nearly all are told why."""

import contextlib
import importlib
import io
import pkgutil

import jaxtyping
import pytest

from labkit import checks
from tests import fresh

TOPICS = sorted(module.name for module in pkgutil.iter_modules(fresh.__path__))


def verdict(key, answer):
    """The report on an answer under one seed; what it prints is nobody's business."""
    with contextlib.redirect_stdout(io.StringIO()):
        return checks.examine(checks.find(key), answer, seeds=[1])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("topic", TOPICS)
def test_fresh_answers_are_judged_rightly_and_nine_of_ten_wrong_ones_are_named(topic):
    jaxtyping.config.update("jaxtyping_disable", True)  # as on a student's machine
    try:
        answers = importlib.import_module(f"tests.fresh.{topic}").FRESH
        reports = [(key, answer.__name__, kind, verdict(key, answer)) for key, answer, kind in answers]
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    misjudged = [(key, name, report) for key, name, kind, report in reports if report.right != (kind == "right")]
    assert not misjudged
    wrong = [report for _, _, kind, report in reports if kind == "wrong"]
    assert len(wrong) >= 25
    assert sum(report.named for report in wrong) >= 0.9 * len(wrong), [r for r in wrong if not r.named]
