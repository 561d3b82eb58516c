"""The metrics against scikit-learn, scipy, slow loops and closed forms."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle
from torch import nn

from labkit import metrics


@pytest.fixture
def outcome(generator, device):
    """300 samples of 4 classes, logits that know something about them."""
    y = torch.randint(0, 4, (300,), generator=generator, device=device)
    noise = torch.randn(300, 4, generator=generator, device=device)
    return noise + 1.5 * nn.functional.one_hot(y, 4), y


def test_accuracy_and_confusion_are_scikit_learns(outcome):
    logits, y = outcome
    predicted = logits.argmax(1)
    expected = oracle.confusion_matrix(y.cpu(), predicted.cpu())
    assert metrics.accuracy(logits, y) == pytest.approx(oracle.accuracy_score(y.cpu(), predicted.cpu()))
    assert metrics.accuracy(predicted, y) == metrics.accuracy(logits, y)
    assert metrics.confusion_matrix(logits, y).cpu().numpy().tolist() == expected.tolist()
    assert metrics.confusion_matrix(predicted, y).device.type == y.device.type


def test_confusion_has_a_row_for_a_class_that_never_occurs():
    matrix = metrics.confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), classes=3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert metrics.confusion_matrix(torch.zeros(2, 5), torch.tensor([0, 3])).shape == (5, 5)


@pytest.mark.parametrize("positive", range(4))
def test_sensitivity_and_specificity_are_scikit_learns_recalls(outcome, positive):
    logits, y = outcome
    truth, said = (y == positive).cpu(), (logits.argmax(1) == positive).cpu()
    assert metrics.sensitivity(logits, y, positive=positive) == pytest.approx(oracle.recall_score(truth, said))
    assert metrics.specificity(logits, y, positive=positive) == pytest.approx(
        oracle.recall_score(truth, said, pos_label=False)
    )


def slow_ece(probabilities, y, bins):
    """Equation 3 of Guo et al. (2017), a sample and a bin at a time."""
    total = 0.0
    for m in range(bins):
        inside = [
            (p.max().item(), p.argmax() == k) for p, k in zip(probabilities, y) if m / bins < p.max() <= (m + 1) / bins
        ]
        if inside:
            gap = abs(np.mean([right for _, right in inside]) - np.mean([sure for sure, _ in inside]))
            total += len(inside) / len(y) * gap
    return total


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_calibration_error_is_the_slow_loop(outcome, bins):
    logits, y = outcome
    p = logits.double().softmax(1).cpu()
    assert metrics.calibration_error(p.to(y.device), y, bins=bins) == pytest.approx(slow_ece(p, y.cpu(), bins))


def test_calibration_of_the_certain_and_of_the_honest():
    certain = torch.eye(2)[torch.tensor([0, 0, 1, 1])]
    assert metrics.calibration_error(certain, torch.tensor([0, 0, 1, 1])) == 0
    assert metrics.calibration_error(certain, torch.tensor([1, 1, 0, 0])) == 1
    honest = torch.tensor([[0.75, 0.25]]).expand(4, 2)
    assert metrics.calibration_error(honest, torch.tensor([0, 0, 0, 1])) == pytest.approx(0)


def test_reliability_puts_every_sample_into_one_bin(outcome):
    logits, y = outcome
    curve = metrics.reliability(logits.softmax(1), y, bins=10)
    assert float(curve.share.sum()) == pytest.approx(1)
    filled = curve.share > 0
    assert torch.equal(curve.accuracy.isnan(), ~filled)
    assert float((curve.accuracy * curve.share)[filled].sum()) == pytest.approx(metrics.accuracy(logits, y))
    edges = torch.arange(10, device=y.device)[filled] / 10
    assert bool(((curve.confidence[filled] > edges) & (curve.confidence[filled] <= edges + 0.1 + 1e-6)).all())


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40).filter(
        lambda pairs: len({positive for _, positive in pairs}) == 2
    ),
    st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0]),
)
def test_roc_is_the_slow_loop_even_with_ties(samples, fpr):
    scores = torch.tensor([float(score) for score, _ in samples])
    positive = torch.tensor([flag for _, flag in samples])
    above = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a, b in itertools.product(scores[positive].tolist(), scores[~positive].tolist())
    ]
    assert metrics.roc_auc(scores, positive) == pytest.approx(np.mean(above))
    rates = [
        ((scores[~positive] >= t).double().mean().item(), (scores[positive] >= t).double().mean().item())
        for t in [*scores.tolist(), math.inf]
    ]
    assert metrics.tpr_at_fpr(scores, positive, fpr=fpr) == pytest.approx(max(tpr for f, tpr in rates if f <= fpr))


def test_clustering_scores_forget_the_names(outcome):
    _, y = outcome
    renamed = torch.tensor([2, 0, 3, 1], device=y.device)[y]
    assert metrics.clustering_accuracy(renamed, y) == 1
    assert metrics.nmi(renamed, y) == pytest.approx(1)
    assert metrics.ari(renamed, y) == pytest.approx(1)


@pytest.mark.parametrize(("clusters", "classes"), [(3, 3), (4, 2), (2, 4)])
def test_clustering_accuracy_tries_every_naming(generator, device, clusters, classes):
    c = torch.randint(0, clusters, (60,), generator=generator, device=device)
    y = torch.randint(0, classes, (60,), generator=generator, device=device)
    k = max(clusters, classes)
    best = max(
        (torch.tensor(naming, device=device)[c] == y).double().mean().item()
        for naming in itertools.permutations(range(k))
    )
    assert metrics.clustering_accuracy(c, y) == pytest.approx(best)
    assert metrics.nmi(c, y) == pytest.approx(oracle.normalized_mutual_info_score(y.cpu(), c.cpu()))
    assert metrics.ari(c, y) == pytest.approx(oracle.adjusted_rand_score(y.cpu(), c.cpu()))


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20), st.sampled_from([0.5, 0.9, 0.95]))
def test_summary_and_interval_are_numpys_and_scipys(values, level):
    result = metrics.summary(values)
    assert result.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert result.std == pytest.approx(np.std(values, ddof=1), abs=1e-9)
    low, high = metrics.confidence_interval(values, level=level)
    if result.std > 1e-6:
        expected = stats.t.interval(level, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
        assert (low, high) == pytest.approx(expected)
    assert low <= result.mean <= high


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([86.0, 87.3, 88.4], "87.2 ± 1.2"),
        ([0.5, 0.5], "0.5 ± 0"),
        ([12.0], "12"),
        ([100.0, 140.0, 180.0], "140 ± 40"),
        ([0.0012, 0.0014], "0.00130 ± 0.00014"),
    ],
)
def test_a_summary_reads_well(values, text):
    assert str(metrics.summary(values)) == text


def test_percent_scales_mean_and_deviation():
    plain, percent = metrics.summary([0.86, 0.88]), metrics.summary(torch.tensor([0.86, 0.88]), percent=True)
    assert (percent.mean, percent.std) == pytest.approx((100 * plain.mean, 100 * plain.std), rel=1e-6)


def test_predict_is_the_model_and_leaves_it_as_it_was(device):
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)).to(device)
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.randn(11, 5, device=device)
    outputs = metrics.predict(model, x, batch_size=4)
    assert [module.training for module in model.modules()] == [True, True, False, True, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not outputs.requires_grad
    torch.testing.assert_close(outputs, model.eval()(x).detach())


def test_predict_restores_the_mode_when_the_model_fails():
    model = nn.Linear(5, 3)
    with pytest.raises(RuntimeError, match="shapes"):
        metrics.predict(model, torch.randn(2, 4))
    assert model.training


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda y: metrics.accuracy(torch.zeros(3), y[:3]), "threshold"),
        (lambda y: metrics.accuracy(torch.zeros(3, 2), y), "expected \\(B,\\) or \\(B, k\\)"),
        (lambda y: metrics.accuracy(y[:0], y[:0]), "no samples"),
        (lambda y: metrics.confusion_matrix(y, y, classes=1), "from 0 to 1; expected 0 to 0"),
        (lambda y: metrics.sensitivity(y, 0 * y), "no sample is of class 1"),
        (lambda y: metrics.specificity(y, 0 * y + 1), "no sample is of another class than 1"),
        (lambda y: metrics.reliability(torch.randn(4, 2), y), "softmax"),
        (lambda y: metrics.calibration_error(torch.full((4, 2), 0.5), y, bins=0), "bins is 0"),
        (lambda y: metrics.roc_auc(y.double(), y * 0), "0 of 4 samples are positive"),
        (lambda y: metrics.tpr_at_fpr(y.double(), y, fpr=2.0), "from 0 to 1"),
        (lambda y: metrics.summary([]), "no values"),
        (lambda y: metrics.confidence_interval([1.0]), "two or more"),
        (lambda y: metrics.confidence_interval([1.0, 2.0], level=95.0), "0.95"),
        (lambda y: metrics.predict(nn.Identity(), y.double(), batch_size=0), "1 or more"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(torch.tensor([0, 1, 0, 1]))
