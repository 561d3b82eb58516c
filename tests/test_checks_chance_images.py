"""The checks of exercise 01 with chance in them: right answers pass under every seed, wrong ones under none."""

from statistics import mean, stdev

import pytest

from labkit import checks
from labkit.augment import image
from labkit.checks import bank
from labkit.checks.answers import images as answers
from tests import rights

pytestmark = pytest.mark.usefixtures("unchecked")

HUNDRED = range(7000, 7100)
SEVERAL = range(5000, 5012)  # a seed trains four networks an answer


def right_answers(key):
    """The reference, and all right answers that are written differently."""
    others = {answer.name: answer.function for answer in rights.rights("images") if answer.key == key}
    assert len(others) >= 3
    return {"reference": bank.answer_key(checks.find(key)).reference, **others}


@pytest.mark.slow
def test_noise_is_judged_alike_under_every_seed():
    check = checks.find("images.salt_and_pepper")
    for name, answer in right_answers(check.key).items():
        refused = [seed for seed in HUNDRED if not checks.examine(check, answer, seeds=[seed], watch=False).right]
        assert refused == [], name
    for mistake in bank.answer_key(check).mistakes:
        reports = [checks.examine(check, mistake.function, seeds=[seed], watch=False) for seed in HUNDRED]
        assert not any(report.right for report in reports), mistake.says
        assert {report.sentence for report in reports if mistake.says not in report.sentence} == set(), mistake.says


WRONG = {
    "turned only": lambda x, generator: image.Rotate(degrees=30)(x, generator=generator),
    "noise": answers.only_adds_noise,
    "mirrored": lambda x, generator: image.HorizontalFlip()(x, generator=generator),
}


@pytest.mark.slow
def test_a_policy_is_far_from_the_target_on_the_right_side():
    check = checks.find("images.policy")

    def reached(policy):
        runs = [(check.run(policy, check.inputs(seed)[0])["pictures"], seed) for seed in SEVERAL]
        return [answers.accuracy_after(pictures, seed) for pictures, seed in runs]

    for name, policy in right_answers(check.key).items():
        results = reached(policy)
        assert min(results) >= answers.TARGET, name
        assert mean(results) - 4 * stdev(results) > answers.TARGET, name
    for name, policy in WRONG.items():
        results = reached(policy)
        assert max(results) < answers.TARGET, name
        assert mean(results) + 4 * stdev(results) < answers.TARGET, name
