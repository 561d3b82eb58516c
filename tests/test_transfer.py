"""Transfer between domains with one feature space: definitions, instances, parameters, features, relations.

Oracles: closed Gaussian ratios, scipy, scikit-learn, slow loops; skada in the slow tests.
"""

import contextlib
import itertools
import math

import jaxtyping
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.stats
import torch
from sklearn.cross_decomposition import CCA as PeersCCA
from sklearn.decomposition import sparse_encode
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier
from torch import nn
from torch.nn import functional

from labkit import nets, transfer
from labkit.train import Minibatches, fit
from labkit.transfer import Domain, Problem, Task, compare, matching

SEEDS = range(10)


def seeded(s=0):
    return torch.Generator().manual_seed(s)


def normal(n, d, s=0, mean=0.0, std=1.0, dtype=torch.float32):
    return mean + std * torch.randn(n, d, generator=seeded(s), dtype=torch.float64).to(dtype)


@contextlib.contextmanager
def jaxtyping_off():
    """Without the verification of shapes that conftest installs."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def correlation(a, b):
    return float(torch.corrcoef(torch.stack([a.double(), b.double()]))[0, 1])


# ── the definitions ───────────────────────────────────────────────────────────────────────────────────────────────────

GMAIL, YAHOO = Domain("words", "mails at Gmail"), Domain("words", "mails at Yahoo")
PHOTOGRAPHS, SCANS = Domain("pixels", "photographs"), Domain("pixels", "scans of heads")
SOUND, LIPS = Domain("sound", "clips"), Domain("pictures of lips", "clips")
SPAM, KIND, TUMOUR = (
    Task("spam or not", "spam"),
    Task("1,000 things", "what it is"),
    Task("tumour or not", "what it is"),
)


@pytest.mark.parametrize(
    ("source", "target", "name", "kind", "homogeneous", "differ"),
    [
        (Problem(GMAIL, SPAM), Problem(GMAIL, SPAM), "ordinary", "ordinary", True, ()),
        (Problem(GMAIL, SPAM), Problem(YAHOO, SPAM, False), "transductive", "covariate shift", True, ("P(X)",)),
        (Problem(SOUND, SPAM), Problem(LIPS, SPAM, False), "transductive", "other features", False, ("X", "P(X)")),
        (Problem(PHOTOGRAPHS, KIND), Problem(SCANS, TUMOUR), "inductive", "multi-task", True, ("P(X)", "Y", "P(Y|X)")),
        (Problem(GMAIL, SPAM), Problem(GMAIL, Task("spam or not", "another's taste")), "inductive", "multi-task", True,
         ("P(Y|X)",)),
        (Problem(PHOTOGRAPHS, KIND, False), Problem(SCANS, TUMOUR), "inductive", "self-taught", True,
         ("P(X)", "Y", "P(Y|X)")),
        (Problem(GMAIL, SPAM, False), Problem(YAHOO, SPAM, False), "unsupervised", "unsupervised", True, ("P(X)",)),
        (Problem(PHOTOGRAPHS, KIND), Problem(PHOTOGRAPHS, TUMOUR, False), "zero-shot", "zero-shot", True,
         ("Y", "P(Y|X)")),
        # What the survey's table leaves open: labels on both sides of one task.
        (Problem(GMAIL, SPAM), Problem(YAHOO, SPAM), "transductive", "covariate shift", True, ("P(X)",)),
    ],
)  # fmt: skip
def test_each_setting_has_its_name(source, target, name, kind, homogeneous, differ):
    setting = compare(source, target)
    assert (setting.name, setting.kind, setting.homogeneous, setting.differ) == (name, kind, homogeneous, differ)


def test_every_combination_has_one_name_and_swapping_unlabelled_problems_changes_nothing():
    domains = [Domain(x, p) for x in "ab" for p in "pq"]
    tasks = [Task(y, c) for y in "ab" for c in "pq"]
    problems = [Problem(d, t, labelled) for d, t, labelled in itertools.product(domains, tasks, (True, False))]
    names = {compare(a, b).name for a, b in itertools.product(problems, problems)}
    assert names == {"ordinary", "inductive", "transductive", "unsupervised", "zero-shot"}
    for a, b in itertools.product(problems, problems):
        one, other = compare(a, b), compare(b, a)
        assert one.differ == other.differ
        assert one.homogeneous == ("X" not in one.differ)
        assert one.name == other.name or a.labelled != b.labelled


# ── learners that take weights ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weighted_least_squares_is_scikit_learns(dtype):
    x, w = normal(60, 3, dtype=dtype), torch.rand(60, generator=seeded(1)).to(dtype)
    y = x @ torch.tensor([1.0, -2.0, 0.5], dtype=dtype) + 3 + 0.5 * normal(60, 1, 2, dtype=dtype)[:, 0]
    ours = transfer.least_squares(x, y, weights=w, ridge=0.1)
    theirs = Ridge(alpha=0.1 * 60).fit(x.numpy(), y.numpy(), sample_weight=(w / w.mean()).numpy())
    assert ours.weight.dtype == dtype
    np.testing.assert_allclose(ours.weight[0].numpy(), theirs.coef_, rtol=1e-4)
    np.testing.assert_allclose(float(ours.bias), theirs.intercept_, rtol=1e-4)


@pytest.mark.parametrize("classes", [2, 4])
def test_weighted_logistic_regression_is_scikit_learns(classes):
    x, w = normal(80, 3), torch.rand(80, generator=seeded(1))
    y = torch.randint(classes, (80,), generator=seeded(2))
    ours = transfer.logistic_regression(x, y, weights=w, l2=0.7)
    theirs = LogisticRegression(C=1 / 0.7, tol=1e-10, max_iter=5000)
    expected = theirs.fit(x.double().numpy(), y.numpy(), sample_weight=w.double().numpy()).predict_proba(x.numpy())
    given = ours(x).softmax(1).double().numpy()
    # With two classes scikit-learn penalises one table of weights where the softmax has two: half of each.
    np.testing.assert_allclose(given, expected, atol=2e-2 if classes == 2 else 1e-4)


def test_a_weight_of_two_is_the_sample_twice():
    x, y = normal(30, 2), torch.randint(2, (30,), generator=seeded(1))
    twice = transfer.logistic_regression(torch.cat([x, x[:10]]), torch.cat([y, y[:10]]), classes=2)
    weighted = transfer.logistic_regression(x, y, weights=torch.cat([torch.full((10,), 2.0), torch.ones(20)]))
    assert torch.allclose(twice(x), weighted(x), atol=1e-4)


@pytest.mark.parametrize("s", range(5))
def test_the_best_stump_is_scikit_learns(s):
    g = seeded(s)
    x = torch.randint(6, (40, 3), generator=g).float()
    y, w = torch.randint(2, (40,), generator=g), torch.rand(40, generator=g)
    ours = transfer.stump(x, y, weights=w)
    wrong = float((w * (ours(x) != y)).sum() / w.sum())
    assert wrong == pytest.approx(ours.error, abs=1e-6)
    columns, thresholds = range(3), torch.arange(-0.5, 6)
    errors = [float(w[(side * x[:, c] > side * t) != (y == 1)].sum() / w.sum())
              for c in columns for t in thresholds for side in (1, -1)]  # fmt: skip
    assert ours.error == pytest.approx(min(errors), abs=1e-6)
    theirs = DecisionTreeClassifier(max_depth=1).fit(x.numpy(), y.numpy(), sample_weight=w.numpy())
    assert ours.error <= 1 - theirs.score(x.numpy(), y.numpy(), sample_weight=w.numpy()) + 1e-6


# ── instances: weights ────────────────────────────────────────────────────────────────────────────────────────────────


def gaussians(s, n=800, m=600, d=2):
    mean = torch.full((d,), 0.7)
    source, target = normal(n, d, 2 * s), 0.8 * normal(m, d, 2 * s + 1) + mean
    true = transfer.gaussian_ratio(source, source=(torch.zeros(d), torch.eye(d)), target=(mean, 0.64 * torch.eye(d)))
    return source, target, true


def test_the_exact_ratio_is_scipys():
    x = normal(50, 2, dtype=torch.float64)
    a, b = torch.tensor([[2.0, 0.3], [0.3, 1.0]]), torch.tensor([[1.0, -0.2], [-0.2, 0.5]])
    ours = transfer.gaussian_ratio(x, source=(torch.zeros(2), a), target=(torch.ones(2), b))
    p, q = (
        scipy.stats.multivariate_normal(m, c.double().numpy()).pdf(x.numpy()) for m, c in (((1, 1), b), ((0, 0), a))
    )
    np.testing.assert_allclose(ours.numpy(), p / q, rtol=1e-6)
    assert ours.dtype == torch.float64


@pytest.mark.parametrize("s", SEEDS)
def test_a_classifier_of_domains_finds_the_true_ratio(s):
    source, target, true = gaussians(s)
    w = transfer.classifier_weights(source, target, degree=2)
    assert correlation(w, true) > 0.94
    assert float(w.mean()) == pytest.approx(1, abs=0.1)


def test_the_prior_is_taken_out():
    """The same target ten times over is the same target: only the prior of the classifier changes."""
    source, target, _ = gaussians(0)
    once, often = (
        transfer.classifier_weights(source, target.repeat(k, 1), degree=2, l2=1e-6) for k in (1, 10)
    )  # fmt: skip
    assert correlation(once, often) > 0.99
    assert float(often.mean()) == pytest.approx(1, abs=0.1)


def test_weights_follow_bayes_rule():
    p = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    w = transfer.importance_weights(torch.logit(p), n_source=30, n_target=10)
    assert torch.allclose(w, p / (1 - p) * 3)


def test_weighting_a_sample_of_the_source_gives_the_targets_mean():
    source, target, true = gaussians(3, n=20000, m=20000)
    for w in (true, transfer.classifier_weights(source, target, degree=2)):
        weighted = (w[:, None] * source).sum(0) / w.sum()
        assert torch.allclose(weighted, target.mean(0), atol=0.06)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_effective_sample_size_is_kishs(dtype):
    w = torch.rand(9, generator=seeded(), dtype=dtype)
    slow = sum(w.tolist()) ** 2 / sum(v * v for v in w.tolist())
    for scale in (1.0, 1e-30, 1e30):  # squares of these leave float32
        assert float(transfer.effective_sample_size(scale * w)) == pytest.approx(slow, rel=1e-5)
    assert float(transfer.effective_sample_size(torch.ones(7, dtype=dtype))) == pytest.approx(7)
    assert transfer.effective_sample_size(w).dtype == dtype
    assert torch.autograd.gradcheck(transfer.effective_sample_size, w.double().requires_grad_())


def test_clipping_and_flattening_give_variance_away():
    _, _, w = gaussians(1)
    sizes = [float(transfer.effective_sample_size(v)) for v in (
        w, transfer.clip_weights(w, most=3.0), transfer.clip_weights(w, most=1.0))]  # fmt: skip
    assert sizes == sorted(sizes)
    assert transfer.clip_weights(w, most=math.inf) == pytest.approx(w / w.mean())
    assert float(transfer.flatten_weights(w, tau=0.0).std()) == 0
    assert transfer.flatten_weights(w, tau=1.0) == pytest.approx(w / w.mean())


@pytest.mark.parametrize("s", range(3))
def test_kliep_finds_the_true_ratio_and_is_at_its_summit(s):
    source, target, true = gaussians(s, n=400, m=300, d=1)
    w = transfer.kliep(source, target, generator=seeded(s))
    assert float(w.mean()) == pytest.approx(1, abs=1e-4)
    assert correlation(w, true) > 0.93
    # The conditions of Karush, Kuhn and Tucker, at a width of its own: no centre could gain.
    width, centres = 0.5, target[:40]
    at, held = (matching.gaussian_kernel(v.double(), centres.double(), width=width) for v in (target, source))
    likelihood = at / held.mean(0)
    shares = transfer.mixture_shares(likelihood, steps=20000, tolerance=1e-10)
    gain = (likelihood / (likelihood @ shares)[:, None]).mean(0)
    assert float(gain.max()) < 1 + 1e-3
    assert float((shares * (1 - gain)).abs().max()) < 1e-3


def test_kernel_mean_matching_is_the_quadratic_programmes_solution():
    source, target = normal(12, 2, 1, dtype=torch.float64), normal(15, 2, 2, mean=0.5, dtype=torch.float64)
    k = matching.gaussian_kernel(source, source, width=1.0).numpy()
    kappa = 12 / 15 * matching.gaussian_kernel(source, target, width=1.0).sum(1).numpy()
    value = lambda w: w @ k @ w / 2 - kappa @ w  # noqa: E731
    sums = scipy.optimize.LinearConstraint(np.ones(12), 12 * 0.9, 12 * 1.1)
    options = {"ftol": 1e-14, "maxiter": 500}
    theirs = scipy.optimize.minimize(value, np.ones(12), jac=lambda w: k @ w - kappa, bounds=[(0, 3)] * 12,
                                     constraints=[sums], method="SLSQP", options=options)  # fmt: skip
    ours = transfer.kernel_mean_matching(source, target, width=1.0, most=3.0, slack=0.1, steps=20000, tolerance=1e-10)
    assert value(ours.numpy()) == pytest.approx(theirs.fun, abs=1e-6)
    assert 10.8 - 1e-6 <= float(ours.sum()) <= 13.2 + 1e-6
    assert float(ours.min()) >= 0
    assert float(ours.max()) <= 3 + 1e-9


def test_the_projection_is_the_nearest_point():
    w = torch.tensor([2.0, -1.0, 0.4, 0.9], dtype=torch.float64)
    for bounds in ((0.5, 1.0), (3.0, 3.5), (2.0, 5.0)):
        ours = matching.project_box(w, most=1.0, bounds=bounds)
        sums = scipy.optimize.LinearConstraint(np.ones(4), *bounds)
        away = lambda v: ((v - w.numpy()) ** 2).sum()  # noqa: E731
        theirs = scipy.optimize.minimize(away, np.full(4, 0.5), bounds=[(0, 1)] * 4, constraints=[sums])
        np.testing.assert_allclose(ours.numpy(), theirs.x, atol=1e-3)


def test_a_misspecified_model_needs_weights_and_a_right_one_does_not():
    """Shimodaira 2000: a line through a curve; then the curve itself."""
    gains = {}
    for degree in (1, 3):
        changes = []
        for s in SEEDS:
            source, target = normal(200, 1, 10 + s, 0.5, 0.5), normal(500, 1, 100 + s, 0.0, 0.3)
            y, truth = (x[:, 0] ** 3 - x[:, 0] for x in (source, target))
            y = y + 0.3 * normal(200, 1, 1000 + s)[:, 0]
            w = transfer.gaussian_ratio(source, source=(torch.tensor([0.5]), torch.tensor([[0.25]])),
                                        target=(torch.zeros(1), torch.tensor([[0.09]])))  # fmt: skip
            errors = []
            for weights in (None, w):
                model = transfer.least_squares(transfer.polynomial(source, degree), y, weights=weights)
                errors.append(float((model(transfer.polynomial(target, degree))[:, 0] - truth).square().mean()))
            changes.append(errors[1] / errors[0])
        gains[degree] = float(np.median(changes))
    assert gains[1] < 0.5
    assert gains[3] > 1.0


# ── instances and learners: boosting, mixing ──────────────────────────────────────────────────────────────────────────


def turned(s, n=300, m=20, share=0.3):
    """A source, a share of which follows another rule than the target."""
    g = seeded(s)
    source, target, test = (2 * torch.rand(k, 2, generator=g) - 1 for k in (n, m, 1000))
    rule = lambda x: (x.sum(1) > 0).long()  # noqa: E731
    y = rule(source)
    other = torch.rand(n, generator=g) < share
    return source, torch.where(other, 1 - y, y), target, rule(target), test, rule(test), other


def test_tradaboost_is_the_papers_algorithm():
    x, y, z, v, *_ = turned(0, n=60, m=15)
    ours = transfer.tradaboost(x, y, z, v, rounds=6)
    w = np.full(75, 1 / 75)
    beta = 1 / (1 + math.sqrt(2 * math.log(60) / 6))
    both, labels = torch.cat([x, z]), torch.cat([y, v])
    for t in range(len(ours.betas)):
        wrong = (ours.learners[t](both) != labels).numpy().astype(float)
        error = min((w * wrong)[60:].sum() / w[60:].sum(), 0.499)
        assert ours.errors[t] == pytest.approx(error, abs=1e-5)
        step = np.concatenate([beta ** wrong[:60], (error / (1 - error)) ** -wrong[60:]])
        w = w * step / (w * step).sum()
        np.testing.assert_allclose(ours.source_weights[t + 1].numpy(), w[:60], rtol=1e-4)


@pytest.mark.parametrize("s", SEEDS)
def test_tradaboost_lets_the_misleading_samples_fade(s):
    x, y, z, v, _, _, other = turned(s)
    weights = transfer.tradaboost(x, y, z, v, rounds=30).source_weights
    assert float(weights[-1][other].mean()) < 0.8 * float(weights[-1][~other].mean())
    assert float(weights[0].std()) == pytest.approx(0, abs=1e-8)


def test_the_ensembles_weights_are_most_likely():
    p = torch.rand(3, 12, 4, generator=seeded(), dtype=torch.float64).softmax(2)
    y = torch.randint(4, (12,), generator=seeded(1))
    ours = transfer.ensemble_weights(p, y)
    right = p.gather(2, y.expand(3, -1)[:, :, None])[:, :, 0].numpy()
    theirs = scipy.optimize.minimize(lambda a: -np.log(a @ right).sum(), np.full(3, 1 / 3), bounds=[(0, 1)] * 3,
                                     constraints=[{"type": "eq", "fun": lambda a: a.sum() - 1}])  # fmt: skip
    assert -np.log(ours.numpy() @ right).sum() == pytest.approx(theirs.fun, abs=1e-3)
    assert float(ours.sum()) == pytest.approx(1)
    assert torch.allclose(transfer.mix(p, ours), sum(a * q for a, q in zip(ours, p)))


# ── parameters ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_soft_sharing_pulls_both_ways():
    a, b = nn.Linear(3, 2), nn.Linear(3, 2)
    loss = transfer.soft_sharing(a, b, lambda_=0.7)
    pairs = [(v.flatten().tolist(), w.flatten().tolist()) for v, w in zip(a.parameters(), b.parameters())]
    slow = sum(0.7 * (p - q) ** 2 for v, w in pairs for p, q in zip(v, w))
    assert float(loss.detach()) == pytest.approx(slow, rel=1e-5)
    loss.backward()
    for p, q in zip(a.parameters(), b.parameters()):
        assert torch.allclose(p.grad, 1.4 * (p - q).detach())
        assert torch.allclose(q.grad, -p.grad)


def two_tasks(s, n=24):
    g = seeded(s)
    x, z = torch.randn(n, 4, generator=g), torch.randn(n, 4, generator=g)
    return (x, (x[:, 0] > 0).long()), (z, (z[:, 0] + z[:, 1] > 0).long())


def trained_pair(lambda_, s=0):
    with nets.seeded_weights(s):
        a, b = (nets.MLP(4, 2, hidden=(6,), mean=0.0, std=1.0) for _ in range(2))
    step = transfer.soft_sharing_step(a, b, torch.optim.SGD([*a.parameters(), *b.parameters()], 0.05), lambda_=lambda_)
    for _ in range(60):
        report = step(two_tasks(s))
    return a, b, report


def test_lambda_zero_is_learning_alone_and_a_large_one_makes_the_bodies_one():
    a, _, apart = trained_pair(0.0)
    with nets.seeded_weights(0):
        alone = nets.MLP(4, 2, hidden=(6,), mean=0.0, std=1.0)
    optimizer, (x, y) = torch.optim.SGD(alone.parameters(), 0.05), two_tasks(0)[0]
    for _ in range(60):
        optimizer.zero_grad()
        functional.cross_entropy(alone(x), y).backward()
        optimizer.step()
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), alone.parameters()))
    distances = [float(trained_pair(lambda_)[2]["distance"]) for lambda_ in (0.1, 1.0, 5.0)]
    assert float(apart["distance"]) > distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.01 * float(apart["distance"])


def test_hard_sharing_moves_one_body_and_the_heads_apart():
    model = transfer.MultiTask(nets.MLP(4, 6, hidden=(), mean=0.0, std=1.0), width=6, classes=[2, 2])
    before = [p.detach().clone() for p in model.parameters()]
    step = transfer.multi_task_step(model, torch.optim.SGD(model.parameters(), 0.1), weights=[1.0, 0.0])
    step(two_tasks(0))
    moved = {name for (name, p), q in zip(model.named_parameters(), before) if not torch.equal(p, q)}
    assert any(name.startswith("body") for name in moved)
    assert any(name.startswith("heads.0") for name in moved)
    assert not any(name.startswith("heads.1") for name in moved)
    first, second = two_tasks(1, 5)
    report = step([first, (second[0][:3], second[1][:3])])
    assert set(report) == {"loss 0", "loss 1"}


# ── features ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_coral_gives_the_source_the_targets_moments():
    source, target = normal(200, 3), normal(150, 3, 1) @ torch.tensor([[2.0, 1, 0], [0, 1, 0], [0.5, 0, 0.3]]) + 5
    moved = transfer.coral_map(source, target, ridge=0.0)
    assert torch.allclose(moved.mean(0), target.mean(0), atol=1e-4)
    assert torch.allclose(torch.cov(moved.T), torch.cov(target.T), atol=1e-3)


def test_coral_copes_with_a_column_that_never_changes():
    source, target = normal(20, 3), normal(20, 3, 1)
    source[:, 1] = 2.0
    assert transfer.coral_map(source, target, ridge=0.0).isfinite().all()


def test_subspace_alignment_is_the_papers_formula():
    source, target = normal(80, 5), normal(60, 5, 1) * torch.tensor([3.0, 2, 1, 0.5, 0.1])
    a, b = transfer.subspace_alignment(source, target, d=2)
    x, z = (v.double().numpy() - v.double().numpy().mean(0) for v in (source, target))
    p, q = (np.linalg.svd(v, full_matrices=False)[2][:2].T for v in (x, z))
    # Axes may point either way: what doesn't change are the products between samples.
    np.testing.assert_allclose((a @ a.T).numpy(), (x @ p @ p.T @ q) @ (x @ p @ p.T @ q).T, atol=1e-3)
    np.testing.assert_allclose((b @ b.T).numpy(), (z @ q) @ (z @ q).T, atol=1e-3)
    np.testing.assert_allclose((a @ b.T).numpy(), (x @ p @ p.T @ q) @ (z @ q).T, atol=1e-3)


@pytest.mark.parametrize("width", [None, 1.5])
def test_tca_solves_the_generalised_problem(width):
    source, target = normal(20, 3, dtype=torch.float64), normal(15, 3, 1, mean=1.0, dtype=torch.float64)
    a, b = transfer.tca(source, target, d=3, width=width, mu=0.5)
    x = torch.cat([source, target])
    x = x - x.mean(0)
    k = (x @ x.T if width is None else matching.gaussian_kernel(x, x, width=width)).numpy()
    e = np.r_[np.full(20, 1 / 20), np.full(15, -1 / 15)]
    h = np.eye(35) - 1 / 35
    _, vectors = scipy.linalg.eigh(k @ h @ k, np.eye(35) + 0.5 * k @ np.outer(e, e) @ k)
    expected = k @ vectors[:, ::-1][:, :3]
    ours = torch.cat([a, b]).numpy()
    for i in range(3):
        np.testing.assert_allclose(abs(ours[:, i] @ expected[:, i]), np.linalg.norm(expected[:, i]) ** 2, rtol=1e-6)


def test_daume_makes_a_copy_for_each_domain():
    x = normal(3, 2)
    assert torch.equal(transfer.augment_features(x, domain=0)[:, 2:4], x)
    assert float(transfer.augment_features(x, domain=0)[:, 4:].abs().max()) == 0
    assert transfer.augment_features(x, domain=2, domains=3).shape == (3, 8)
    # The kernel it implies: twice as much within a domain as between two.
    a, b = transfer.augment_features(x, domain=0), transfer.augment_features(x, domain=1)
    assert torch.allclose(a @ a.T, 2 * x @ x.T)
    assert torch.allclose(a @ b.T, x @ x.T)


# ── relations ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_relations_are_those_of_a_slow_loop():
    f = normal(5, 3, dtype=torch.float64)
    distances = [[float((p - q).norm()) for q in f] for p in f]
    mean = sum(map(sum, distances)) / 20
    assert torch.allclose(transfer.distance_relations(f), torch.tensor(distances, dtype=torch.float64) / mean)
    angles = transfer.angle_relations(f)
    for i, j, k in itertools.permutations(range(5), 3):
        cos = functional.cosine_similarity(f[i] - f[j], f[k] - f[j], dim=0)
        assert float(angles[i, j, k]) == pytest.approx(float(cos))


def test_relations_survive_a_shift_a_rotation_and_a_scale_and_equal_points():
    f = normal(6, 3)
    moved = 7 * f @ torch.linalg.qr(normal(3, 3, 4)).Q + 100
    assert float(transfer.relational_loss(moved, f)) < 1e-6
    student = torch.cat([f[:3], f[:1]]).requires_grad_()
    transfer.relational_loss(student, normal(4, 2, 3)).backward()
    assert student.grad.isfinite().all()


def test_no_gradient_flows_into_the_teacher():
    student, teacher = normal(4, 2).requires_grad_(), normal(4, 3, 1).requires_grad_()
    transfer.relational_loss(student, teacher).backward()
    assert student.grad.abs().max() > 0
    assert teacher.grad is None


@pytest.mark.parametrize("s", range(5))
def test_names_are_found_by_relations_alone(s):
    source = normal(5, 2, s)
    order = torch.randperm(5, generator=seeded(s))
    target = torch.empty_like(source)
    target[order] = 3 * source @ torch.linalg.qr(normal(2, 2, 50 + s)).Q + 9
    assert torch.equal(transfer.match_by_relations(source, target), order)


def test_gaps_are_filled_with_the_conditional_mean():
    half = normal(4, 4, 5, dtype=torch.float64)
    covariance, mean = half @ half.T + torch.eye(4), torch.arange(4.0, dtype=torch.float64)
    x = normal(3, 4, 6, dtype=torch.float64)
    x[0, 2], x[1, :3], x[2] = torch.nan, torch.nan, torch.nan
    filled = transfer.fill_by_relations(x, mean=mean, covariance=covariance)
    o, u = [0, 1, 3], [2]
    c = covariance.numpy()
    expected = 2.0 + c[np.ix_(u, o)] @ np.linalg.solve(c[np.ix_(o, o)], (x[0, o] - mean[o]).numpy())
    assert float(filled[0, 2]) == pytest.approx(float(expected[0]))
    assert torch.equal(filled[2], mean)
    assert torch.equal(filled[0, o], x[0, o])
    assert x[0].isnan().any()


# ── self-taught learning ──────────────────────────────────────────────────────────────────────────────────────────────


def test_sparse_codes_are_scikit_learns():
    x, atoms = normal(20, 8), functional.normalize(normal(12, 8, 1), dim=1)
    ours = transfer.sparse_codes(x, atoms, penalty=0.4, steps=5000, tolerance=1e-7)
    theirs = sparse_encode(x.double().numpy(), atoms.double().numpy(), algorithm="lasso_cd", alpha=0.4, max_iter=10000)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-3)
    assert 0 < float((ours == 0).float().mean()) < 1
    largest = float((x @ atoms.T).abs().max())
    assert float(transfer.sparse_codes(x, atoms, penalty=largest * 1.01).abs().max()) == 0


def test_a_dictionary_gets_better_and_its_atoms_stay_short():
    x = normal(120, 10) @ normal(10, 10, 1)
    x = (x - x.mean()) / x.std()
    objectives = []
    for rounds in (1, 4, 20):
        d = transfer.learn_dictionary(x, atoms=15, penalty=0.5, rounds=rounds, generator=seeded(0))
        codes = transfer.sparse_codes(x, d, penalty=0.5, steps=1000)
        objectives.append(transfer.sparse_objective(x, d, codes, penalty=0.5))
        assert float(d.norm(dim=1).max()) <= 1 + 1e-5
    assert objectives == sorted(objectives, reverse=True)


# ── other modalities ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_canonical_correlations_are_scikit_learns():
    common = normal(300, 2)
    x = torch.cat([common, normal(300, 2, 1)], 1) @ normal(4, 4, 2)
    y = torch.cat([common + 0.5 * normal(300, 2, 3), normal(300, 1, 4)], 1) @ normal(3, 3, 5)
    ours = transfer.cca(x, y, d=2)
    theirs = PeersCCA(2, scale=False, max_iter=2000, tol=1e-10).fit(x.numpy(), y.numpy())
    expected = [np.corrcoef(*columns)[0, 1] for columns in zip(*(v.T for v in theirs.transform(x.numpy(), y.numpy())))]
    np.testing.assert_allclose(ours.correlations.numpy(), expected, atol=2e-3)
    u, v = ours.of_x(x), ours.of_y(y)
    assert torch.allclose(torch.cov(u.T), torch.eye(2), atol=1e-3)
    assert torch.allclose(torch.cov(v.T), torch.eye(2), atol=1e-3)
    assert correlation(u[:, 0], v[:, 0]) == pytest.approx(float(ours.correlations[0]), abs=1e-4)


def test_distillation_is_the_divergence_and_none_flows_into_the_teacher():
    student, teacher = normal(5, 3).requires_grad_(), normal(5, 3, 1).requires_grad_()
    loss = transfer.distillation_loss(student, teacher, temperature=2.0)
    p, q = (v.detach().div(2).softmax(1) for v in (teacher, student))
    assert float(loss.detach()) == pytest.approx(float(4 * (p * (p / q).log()).sum(1).mean()), rel=1e-4)
    loss.backward()
    assert teacher.grad is None
    assert student.grad.abs().max() > 0


def test_a_teacher_of_one_modality_teaches_the_other_without_labels():
    for s in range(5):
        g = seeded(s)
        y = torch.randint(3, (400,), generator=g)
        one = functional.one_hot(y, 3).float()
        heard = 2 * one + 0.3 * torch.randn(400, 3, generator=g)
        seen = 2 * one @ torch.randn(3, 5, generator=g) + 0.3 * torch.randn(400, 5, generator=g)
        with nets.seeded_weights(s):
            teacher, student = nn.Linear(3, 3), nn.Linear(5, 3)
        teacher.load_state_dict({"weight": 4 * torch.eye(3), "bias": torch.zeros(3)})
        step = transfer.cross_modal_step(student, teacher, torch.optim.Adam(student.parameters(), 0.05))
        fit(step, Minibatches(seen, heard, batch_size=100, generator=g), epochs=20)
        assert float((student(seen).argmax(1) == y).float().mean()) > 0.9
        assert torch.equal(teacher.weight, 4 * torch.eye(3))


# ── what is refused, and what is kept ─────────────────────────────────────────────────────────────────────────────────

X, Y = torch.zeros(4, 2), torch.tensor([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: transfer.classifier_weights(X, torch.zeros(4, 3)), "map one onto the other first"),
        (lambda: transfer.classifier_weights(X.long(), X), "floats of shape"),
        (lambda: transfer.classifier_weights(torch.full((4, 2), torch.nan), X), "not finite"),
        (lambda: transfer.importance_weights(X, n_source=1, n_target=1), "one float a sample"),
        (lambda: transfer.importance_weights(X[0], n_source=0, n_target=1), "1 or more of each"),
        (lambda: transfer.effective_sample_size(torch.tensor([1.0, -1.0])), "0 or more"),
        (lambda: transfer.effective_sample_size(torch.zeros(3)), "not all of them 0"),
        (lambda: transfer.clip_weights(torch.ones(2), most=0.0), "above 0"),
        (lambda: transfer.flatten_weights(torch.ones(2), tau=1.5), "from 0 to 1"),
        (lambda: transfer.gaussian_ratio(X, source=(X[0], torch.zeros(2, 2)), target=(X[0], torch.eye(2))),
         "positive definite"),
        (lambda: transfer.kliep(normal(20, 1), normal(20, 1) + 1e6, width=0.1), "don't overlap"),
        (lambda: transfer.kernel_mean_matching(normal(4, 1), normal(4, 1), most=0.5), "1 or more"),
        (lambda: transfer.median_distance(X), "give a width"),
        (lambda: transfer.logistic_regression(X, Y, weights=torch.ones(3)), r"shape \(4,\)"),
        (lambda: transfer.logistic_regression(X, torch.tensor([0, 1, -1, 1])), "go from -1"),
        (lambda: transfer.logistic_regression(X, Y.float()), "one class"),
        (lambda: transfer.tradaboost(X, Y, X, 2 * Y), "expected 0 to 1"),
        (lambda: transfer.ensemble_weights(torch.randn(2, 4, 3), Y), "softmax"),
        (lambda: transfer.soft_sharing(nn.Linear(2, 2), nn.Linear(2, 3), lambda_=1.0), "shapes"),
        (lambda: transfer.soft_sharing(nn.Linear(2, 2), nn.Linear(2, 2), lambda_=-1.0), "0 or more"),
        (lambda: transfer.MultiTask(nn.Identity(), width=2, classes=[2])(X, task=1), "expected 0 to 0"),
        (lambda: transfer.coral_map(X, X, ridge=-1.0), "0 or more"),
        (lambda: transfer.subspace_alignment(X, X, d=3), "1 to 2 components"),
        (lambda: transfer.tca(X, X, d=0), "components"),
        (lambda: transfer.augment_features(X, domain=2), "expected 0 to 1"),
        (lambda: transfer.match_by_relations(normal(9, 2), normal(9, 2)), "2 to 8"),
        (lambda: transfer.angle_relations(X[:2]), "3 or more rows"),
        (lambda: transfer.fill_by_relations(X, mean=torch.zeros(3), covariance=torch.eye(2)), "expected"),
        (lambda: transfer.sparse_codes(X, torch.zeros(2, 3), penalty=1.0), "as many"),
        (lambda: transfer.learn_dictionary(X, atoms=9, penalty=1.0), "9 atoms for 4 samples"),
        (lambda: transfer.cca(X, X[:3], d=1), "pairs"),
        (lambda: transfer.cca(X, X, d=1), "ridge"),
        (lambda: transfer.distillation_loss(X, X, temperature=0.0), "above 0"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_a_sentence(call, words):
    # Shapes are checked in the tests alone: what a user reads are labkit's own sentences.
    with jaxtyping_off(), pytest.raises(ValueError, match=words):
        call()


def test_what_comes_in_stays_and_its_dtype_and_layout_are_followed(device):
    big = normal(2, 60, dtype=torch.float64).to(device)
    source, target = big.T[:30], big.T[30:] + 0.5  # not contiguous
    kept = source.clone()
    for result in (
        transfer.classifier_weights(source, target),
        transfer.kliep(source, target, width=1.0),
        transfer.kernel_mean_matching(source, target),
        transfer.coral_map(source, target),
        *transfer.subspace_alignment(source, target, d=1),
        *transfer.tca(source, target, d=2),
        transfer.augment_features(source, domain=0),
        transfer.distance_relations(source),
        transfer.sparse_codes(source, target, penalty=0.1),
        transfer.procrustes(source, target),
        transfer.least_squares_map(source, target),
        transfer.csls(source, target),
    ):
        assert result.dtype == torch.float64
        assert result.device.type == device.type
    assert torch.equal(source, kept)


# ── the peers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_skadas_methods_agree():
    skada = pytest.importorskip("skada")
    source, target, true = gaussians(0, n=300, m=300)
    x = torch.cat([source, target]).double().numpy()
    where = np.r_[np.ones(300), -2 * np.ones(300)].astype(int)

    theirs = skada.CORALAdapter(reg=None)
    theirs.fit(x, sample_domain=where)
    moved = theirs.transform(x, sample_domain=where, allow_source=True)[:300]
    ours = transfer.coral_map(source.double(), target.double(), ridge=0.0).numpy()
    # skada leaves the mean where it is: between the two there is one shift.
    np.testing.assert_allclose((ours - ours.mean(0)), (moved - moved.mean(0)), atol=2e-2)

    aligned = skada.SubspaceAlignmentAdapter(n_components=1)
    aligned.fit(x, sample_domain=where)
    both = aligned.transform(x, sample_domain=where, allow_source=True)
    a, b = (v.numpy()[:, 0] for v in transfer.subspace_alignment(source.double(), target.double(), d=1))
    assert abs(np.corrcoef(a, both[:300, 0])[0, 1]) > 0.999
    assert abs(np.corrcoef(b, both[300:, 0])[0, 1]) > 0.999

    reweigh = skada.KLIEPReweightAdapter(gamma=0.5)  # exp(−γ d²): a width of 1
    reweigh.fit(x, sample_domain=where)
    weights = reweigh.compute_weights(x, sample_domain=where)[:300]
    ours = transfer.kliep(source, target, width=1.0, generator=seeded(0))
    assert correlation(ours, true) > correlation(torch.from_numpy(weights), true) - 0.02
