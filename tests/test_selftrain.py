"""Self-training: the loop, its confidence, and what it learns from."""

import copy
import math
import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC
from torch import nn
from torch.nn import functional

from labkit import data, metrics, nets, selftrain, train
from labkit.selftrain import EstimatorLearner, NetworkLearner, SemiSupervisedBatches, select, self_train
from labkit.selftrain.loop import rank_in_class


def few(per_class, seed):
    """Digits with ``per_class`` labels a class: labelled, unlabelled, test."""
    rest, labelled = data.digits("train").split(test=per_class, generator=torch.Generator().manual_seed(seed))
    return labelled, rest, data.digits("test")


def logits(n=40, k=5, seed=0, scale=3.0, dtype=torch.float32):
    g = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, k, generator=g, dtype=dtype)


class TestConfidence:
    def test_the_three_kinds_agree_with_numpy(self):
        p = functional.softmax(logits(dtype=torch.float64), dim=1)
        ranked = np.sort(p.numpy(), axis=1)
        for kind, expected in {
            "max": ranked[:, -1],
            "margin": ranked[:, -1] - ranked[:, -2],
            "entropy": (p.numpy() * np.log(p.numpy())).sum(1),
        }.items():
            chosen, c = selftrain.confidence(p, kind=kind)
            assert np.array_equal(chosen.numpy(), p.numpy().argmax(1))
            assert np.allclose(c.numpy(), expected)

    def test_certainty_has_entropy_zero(self):
        assert selftrain.confidence(torch.eye(3), kind="entropy")[1].tolist() == [0, 0, 0]

    def test_bad_input_is_named(self):
        with pytest.raises(ValueError, match="expected one of max, margin, entropy"):
            selftrain.confidence(torch.eye(3), kind="odds")
        with pytest.raises(ValueError, match="two or more"):
            selftrain.confidence(torch.ones(3, 1))


class TestSelect:
    c = torch.tensor([0.5, 0.9, 0.7, 0.9, 0.99, 0.6])
    yu = torch.tensor([0, 1, 0, 1, 1, 2])

    def test_the_surest_come_first_and_of_equals_the_earlier(self):
        assert select(self.c, q=3).tolist() == [4, 1, 3]
        assert select(self.c, q=100).tolist() == [4, 1, 3, 2, 5, 0]

    def test_a_threshold_is_strict(self):
        assert select(self.c, threshold=0.9).tolist() == [4]
        assert select(self.c, threshold=0.6, q=2).tolist() == [4, 1]
        assert select(self.c, threshold=1.0).tolist() == []

    def test_per_class_takes_as_many_of_each(self):
        assert select(self.c, self.yu, q=1, per_class=True).tolist() == [4, 2, 5]
        assert select(self.c, self.yu, q=2, per_class=True, threshold=0.55).tolist() == [4, 1, 2, 5]

    @pytest.mark.parametrize("seed", range(5))
    def test_per_class_agrees_with_a_loop(self, seed):
        g = torch.Generator().manual_seed(seed)
        c, yu = torch.rand(200, generator=g), torch.randint(0, 7, (200,), generator=g)
        expected = {i for k in range(7) for i in sorted((yu == k).nonzero()[:, 0].tolist(), key=lambda i: -c[i])[:4]}
        assert set(select(c, yu, q=4, per_class=True).tolist()) == expected

    def test_rank_in_class(self):
        assert rank_in_class(torch.tensor([3, 3, 9, 3, 9])).tolist() == [0, 1, 0, 2, 1]
        assert rank_in_class(torch.tensor([], dtype=torch.int64)).tolist() == []

    @pytest.mark.parametrize(
        ("knobs", "says"),
        [
            ({}, "neither q nor threshold"),
            ({"q": 0}, "expected 1 or more"),
            ({"threshold": 0.5, "per_class": True}, "needs both q and yu"),
        ],
    )
    def test_bad_knobs_are_named(self, knobs, says):
        with pytest.raises(ValueError, match=says):
            select(self.c, self.yu, **knobs)

    def test_nan_is_no_confidence(self):
        with pytest.raises(ValueError, match="nan"):
            select(torch.tensor([0.1, math.nan]), q=1)


class OrderlySVC(SVC):
    """Its probabilities come from folds of the rows in their order: scikit-learn keeps X's, the deck appends."""

    def fit(self, X, y):
        order = np.lexsort(X.T)
        return super().fit(X[order], y[order])


BASES = {
    "logistic": (lambda: LogisticRegression(max_iter=300), 0.8),
    "svc": (lambda: OrderlySVC(probability=True, random_state=0), 0.4),
    "bayes": (lambda: GaussianNB(var_smoothing=1.0), 0.99),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore:the pseudo-labels became one-sided")
class TestAgainstScikitLearn:
    """The same base learner picks the same examples in the same rounds."""

    @pytest.mark.parametrize("base", BASES)
    @pytest.mark.parametrize("criterion", ["k_best", "threshold"])
    def test_the_same_examples_in_the_same_rounds(self, base, criterion):
        labelled, unlabelled, _ = few(5, seed=1)
        unlabelled = unlabelled.take(torch.arange(300))
        # scikit-learn's k_best moves exactly k, its threshold all strictly above it.
        make, threshold = BASES[base]
        knobs = {"k_best": {"q": 25}, "threshold": {"threshold": threshold}}[criterion]
        ours = self_train(
            EstimatorLearner(make()), labelled.x.double(), labelled.y, unlabelled.x.double(), rounds=6, **knobs
        )
        theirs = SelfTrainingClassifier(make(), criterion=criterion, k_best=25, threshold=threshold, max_iter=6)
        x = torch.cat([labelled.x, unlabelled.x]).double().flatten(1).numpy()
        theirs.fit(x, np.concatenate([labelled.y.numpy(), np.full(300, -1)]))
        picked = torch.from_numpy(theirs.labeled_iter_[len(labelled) :])
        assert len(ours.rounds) >= 2
        assert torch.equal(ours.when(), picked.long())
        assert torch.equal(ours.pseudo_labels(), torch.from_numpy(theirs.transduction_[len(labelled) :]))
        ends = {"max_iter": "all 6 rounds are done", "no_change": "not sure enough", "all_labeled": "has been moved"}
        assert ends[theirs.termination_condition_] in ours.reason


class TestLoop:
    def test_nothing_is_lost_and_nothing_moved_twice(self):
        labelled, unlabelled, _ = few(2, seed=0)
        trace = self_train(EstimatorLearner(GaussianNB(var_smoothing=0.1)), labelled.x, labelled.y, unlabelled.x, q=400)
        moved = torch.cat([r.moved for r in trace.rounds])
        assert [len(r.moved) for r in trace.rounds] == [400, 400, 400, len(unlabelled) - 1200]
        assert torch.equal(moved.sort().values, torch.arange(len(unlabelled)))
        assert torch.equal(trace.X, torch.cat([labelled.x, unlabelled.x[moved]]))
        assert torch.equal(trace.y[len(labelled) :], torch.cat([r.y for r in trace.rounds]))
        assert len(trace.left) == 0
        assert trace.reason == "every example has been moved"

    def test_it_ends_when_nothing_is_sure_enough(self):
        labelled, unlabelled, _ = few(2, seed=0)
        trace = self_train(
            EstimatorLearner(LogisticRegression()), labelled.x, labelled.y, unlabelled.x, threshold=0.999999, rounds=9
        )
        assert trace.rounds == []
        assert (trace.pseudo_labels() == -1).all()
        assert len(trace.left) == len(unlabelled)
        assert trace.reason == f"the model is not sure enough of any of the {len(unlabelled)} examples that are left"

    @pytest.mark.filterwarnings("ignore:the pseudo-labels became one-sided")
    def test_scores_are_taken_after_every_fit_and_the_last_one_is_the_models(self):
        labelled, unlabelled, test = few(5, seed=0)
        model = EstimatorLearner(LogisticRegression(max_iter=300))
        score = lambda: metrics.accuracy(model.predict(test.x)[0], test.y)  # noqa: E731
        trace = self_train(model, labelled.x, labelled.y, unlabelled.x, q=100, rounds=3, evaluate=score)
        assert len(trace.scores) == 4
        assert trace.scores[-1] == score()
        assert trace.when().unique().tolist() == [-1, 1, 2, 3]

    def test_one_sided_pseudo_labels_are_warned_of(self):
        # Ten of ten draws: the 50 surest harm and become one-sided, 5 of each class do neither.
        labelled, unlabelled, _ = few(2, seed=0)
        unlabelled = unlabelled.take(torch.arange(400))
        model = lambda: EstimatorLearner(LogisticRegression(max_iter=100))  # noqa: E731
        with pytest.warns(UserWarning, match="became one-sided"):
            self_train(model(), labelled.x, labelled.y, unlabelled.x, q=50)
        self_train(model(), labelled.x, labelled.y, unlabelled.x, q=5, per_class=True)

    def test_classes_that_are_rarer_without_labels_are_no_harm(self):
        # Of two classes that are easy to tell apart one is nine times as frequent where there are no labels.
        y = torch.tensor([0, 1]).repeat(5)
        true = torch.tensor([0] * 9 + [1]).repeat(20)
        draw = lambda y, s: torch.randn(len(y), 2, generator=torch.Generator().manual_seed(s)) + 8.0 * y[:, None]  # noqa: E731
        trace = self_train(EstimatorLearner(GaussianNB()), draw(y, 0), y, draw(true, 1), q=50)
        assert torch.equal(trace.pseudo_labels(), true)

    def test_inputs_stay_as_they_are(self):
        labelled, unlabelled, _ = few(2, seed=0)
        before = [t.clone() for t in (labelled.x, labelled.y, unlabelled.x)]
        self_train(
            EstimatorLearner(GaussianNB(var_smoothing=0.1)), labelled.x, labelled.y, unlabelled.x, q=10, rounds=2
        )
        assert all(torch.equal(a, b) for a, b in zip(before, (labelled.x, labelled.y, unlabelled.x)))

    def test_labels_need_not_count_from_zero(self):
        points = data.simulate.moons(60, generator=torch.Generator().manual_seed(0))
        trace = self_train(EstimatorLearner(GaussianNB()), points.x[:20], 5 * points.y[:20] + 3, points.x[20:], q=10)
        assert set(trace.y.tolist()) == {3, 8}

    def test_a_network_is_trained_afresh_in_every_round(self):
        points = data.simulate.moons(60, generator=torch.Generator().manual_seed(0), noise=0.05)
        made = []

        def learn(X, y):
            made.append(nets.MLP(2, 2, hidden=()))
            step = train.supervised_step(made[-1], torch.optim.SGD(made[-1].parameters(), lr=0.5))
            train.fit(step, [(X, y)], epochs=5)
            return made[-1]

        cold, hot = (NetworkLearner(learn, temperature=t) for t in (1.0, 10.0))
        with pytest.raises(ValueError, match="call fit first"):
            cold.predict(points.x)
        trace = self_train(cold, points.x[:10], points.y[:10], points.x[10:], q=10, rounds=3)
        assert len(made) == 4
        assert len({id(m) for m in made}) == 4
        assert len(trace.rounds) == 3
        hot.module = cold.module
        assert torch.equal(cold.predict(points.x)[0], hot.predict(points.x)[0])
        assert (hot.predict(points.x)[1] < cold.predict(points.x)[1]).all()

    def test_bad_input_is_named(self):
        labelled, unlabelled, _ = few(2, seed=0)
        model = EstimatorLearner(GaussianNB())
        with pytest.raises(ValueError, match="rounds is -1"):
            self_train(model, labelled.x, labelled.y, unlabelled.x, q=1, rounds=-1)
        with pytest.raises(ValueError, match="no labelled examples"):
            self_train(model, labelled.x[:0], labelled.y[:0], unlabelled.x, q=1)
        with pytest.raises(ValueError, match="neither q nor threshold"):
            self_train(model, labelled.x, labelled.y, unlabelled.x)


class TestTemperature:
    @pytest.mark.parametrize("scale", [0.5, 2.0, 8.0])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_it_is_the_minimum_that_scipy_finds(self, scale, dtype):
        z = logits(300, seed=3, scale=1.0, dtype=dtype)
        y = torch.multinomial(functional.softmax(z, 1), 1, generator=torch.Generator().manual_seed(1))[:, 0]
        z = scale * z
        nll = lambda log_t: float(functional.cross_entropy(z.double() / math.exp(log_t), y))  # noqa: E731
        found = math.exp(minimize_scalar(nll, bounds=(-4.6, 4.6), method="bounded", options={"xatol": 1e-10}).x)
        temperature = selftrain.fit_temperature(z, y)
        assert temperature.dtype == dtype
        assert float(temperature) == pytest.approx(found, rel=1e-4)
        # The labels were drawn from the unscaled softmax, so the scale is what has to be divided away.
        assert float(temperature) == pytest.approx(scale, rel=0.25)

    def test_it_lowers_the_calibration_error_and_changes_no_prediction(self):
        z = logits(4000, seed=5, scale=1.0)
        y = torch.multinomial(functional.softmax(z, 1), 1, generator=torch.Generator().manual_seed(1))[:, 0]
        z = 4 * z
        p = selftrain.soften(z, temperature=selftrain.fit_temperature(z[:2000], y[:2000]))
        before, after = (metrics.calibration_error(q[2000:], y[2000:]) for q in (functional.softmax(z, 1), p))
        assert after < 0.2 * before
        assert torch.equal(p.argmax(1), z.argmax(1))

    def test_a_model_that_is_always_right_gets_the_coldest_temperature(self):
        z = logits()
        assert float(selftrain.fit_temperature(z, z.argmax(1))) == pytest.approx(0.01)
        assert float(selftrain.fit_temperature(z, z.argmin(1))) == pytest.approx(100)

    def test_bad_input_is_named(self):
        with pytest.raises(ValueError, match="no samples"):
            selftrain.fit_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
        with pytest.raises(ValueError, match="above 0"):
            selftrain.soften(logits(), temperature=0.0)


class TestLosses:
    def test_lees_ramp_is_the_papers(self):
        values = [selftrain.linear_ramp(t, T1=100, T2=600) for t in (0, 99, 100, 225, 350, 599, 600, 10**6)]
        assert values == pytest.approx([0, 0, 0, 0.75, 1.5, 2.994, 3, 3])
        assert selftrain.linear_ramp(5, T1=5, T2=5, final=2) == 2

    def test_the_gaussian_ramp(self):
        assert selftrain.gaussian_ramp(0, length=10) == pytest.approx(math.exp(-5))
        assert selftrain.gaussian_ramp(5, length=10) == pytest.approx(math.exp(-1.25))
        assert selftrain.gaussian_ramp(10, length=10) == selftrain.gaussian_ramp(99, length=10) == 1

    def test_the_pseudo_label_loss_is_minus_the_log_of_the_largest_probability(self):
        z = logits(dtype=torch.float64)
        assert torch.allclose(selftrain.pseudo_label_loss(z), -functional.softmax(z, 1).max(1).values.log().mean())

    def test_fixmatch_agrees_with_a_loop(self):
        weak, strong = logits(seed=1), logits(seed=2)
        total, used = 0.0, 0
        for a, b in zip(weak.double(), strong.double()):
            q, p = a.exp() / a.exp().sum(), b.exp() / b.exp().sum()
            if q.max() >= 0.9:
                total, used = total - float(p[q.argmax()].log()), used + 1
        loss, share = selftrain.fixmatch_loss(weak, strong, tau=0.9)
        assert 0 < used < len(weak)
        assert float(loss) == pytest.approx(total / len(weak), rel=1e-5)
        assert float(share) == pytest.approx(used / len(weak))

    def test_no_gradient_flows_to_the_target(self):
        for loss in (lambda a, b: selftrain.fixmatch_loss(a, b, tau=0.5).loss, selftrain.consistency_loss):
            a, b = logits(seed=1).requires_grad_(), logits(seed=2).requires_grad_()
            loss(a, b).backward()
            target, learned = (a, b) if loss is not selftrain.consistency_loss else (b, a)
            assert target.grad is None
            assert learned.grad.abs().sum() > 0

    def test_the_loss_is_zero_when_nobody_is_sure(self):
        loss, used = selftrain.fixmatch_loss(0.01 * logits(), logits(seed=2), tau=0.95)
        assert float(loss) == float(used) == 0

    @pytest.mark.parametrize(
        ("call", "says"),
        [
            (lambda: selftrain.linear_ramp(1, T1=5, T2=4), "T1 ≤ T2"),
            (lambda: selftrain.gaussian_ramp(-1, length=1), "t ≥ 0"),
            (lambda: selftrain.fixmatch_loss(logits(4), logits(5)), "expected the same"),
            (lambda: selftrain.fixmatch_loss(logits(4), logits(4), tau=1.5), "from 0 to 1"),
            (lambda: selftrain.consistency_loss(logits(4), logits(5)), "expected the same"),
            (lambda: nets.ema_update(nn.Linear(2, 2), nn.Linear(2, 2), decay=2), "from 0 to 1"),
            (
                lambda: nets.ema_update(nn.Linear(2, 2), nn.Linear(2, 3), decay=0.5),
                "expected the teacher to be a copy",
            ),
        ],
    )
    @pytest.mark.usefixtures("unchecked")
    def test_bad_input_is_named(self, call, says):
        with pytest.raises(ValueError, match=says):
            call()


class TestTeacher:
    def test_it_is_the_exponential_average_in_closed_form(self):
        student, decay = nn.Linear(3, 2).double(), 0.8
        teacher = copy.deepcopy(student)
        history = [student.weight.detach().clone()]
        for _ in range(6):
            student.weight.data.add_(torch.randn(2, 3, dtype=torch.float64))
            history.append(student.weight.detach().clone())
            nets.ema_update(teacher, student, decay=decay)
        expected = decay**6 * history[0] + sum((1 - decay) * decay ** (6 - i) * history[i] for i in range(1, 7))
        assert torch.allclose(teacher.weight, expected)

    def test_it_agrees_with_torchs_averaged_model(self):
        student = nets.CNN(1, 10, width=4, depth=2)
        average = torch.optim.swa_utils.AveragedModel(
            student, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
        )
        teacher = copy.deepcopy(student)
        average.update_parameters(student)
        for _ in range(4):
            for p in student.parameters():
                p.data.add_(torch.randn_like(p))
            average.update_parameters(student)
            nets.ema_update(teacher, student, decay=0.9)
        for ours, theirs in zip(teacher.parameters(), average.module.parameters()):
            assert torch.allclose(ours, theirs, atol=1e-6)

    def test_running_statistics_are_averaged_and_counts_copied(self):
        student = nets.CNN(1, 10, width=4, depth=1)
        teacher = copy.deepcopy(student)
        student.train()(torch.rand(8, 1, 8, 8))
        nets.ema_update(teacher, student, decay=0.75)
        mine, given = (next(m for m in net.modules() if isinstance(m, nn.BatchNorm2d)) for net in (teacher, student))
        assert torch.allclose(mine.running_mean, 0.25 * given.running_mean)
        assert torch.allclose(mine.running_var, 0.75 + 0.25 * given.running_var)
        assert mine.num_batches_tracked == given.num_batches_tracked == 1


class TestDevices:
    def test_everything_follows_its_input(self, device):
        weak, strong = logits(seed=1).to(device), logits(seed=2).to(device)
        loss, used = selftrain.fixmatch_loss(weak, strong, tau=0.8)
        chosen, c = selftrain.confidence(functional.softmax(weak, 1))
        temperature = selftrain.fit_temperature(weak, chosen.flip(0))
        found = (loss, used, select(c, chosen, q=2, per_class=True), temperature, selftrain.pseudo_label_loss(weak))
        assert all(value.device.type == device.type for value in found)
        trace = self_train(EstimatorLearner(GaussianNB()), weak[:20], chosen[:20], weak[20:], q=5)
        assert all(value.device.type == device.type for value in (trace.X, trace.y, trace.left, trace.when()))


class TestBatches:
    def test_an_epoch_goes_through_the_unlabelled_once(self):
        X, y, Xu = torch.arange(10.0)[:, None], torch.arange(10), torch.arange(100.0, 170)[:, None]
        batches = SemiSupervisedBatches(X, y, Xu, batch_size=4, ratio=3, generator=torch.Generator().manual_seed(0))
        first, second = list(batches), list(batches)
        assert len(first) == len(batches) == 5
        for epoch in (first, second):
            seen = torch.cat([b.xu for b in epoch]).flatten()
            assert len(seen) == 60
            assert len(seen.unique()) == 60
            assert all(torch.equal(b.x[:, 0].long(), b.y) for b in epoch)
            assert all(b.x.shape == (4, 1) for b in epoch)
        assert not torch.equal(first[0].xu, second[0].xu)

    def test_fewer_labels_than_a_batch_all_take_part(self):
        X, y, Xu = torch.arange(3.0)[:, None], torch.arange(3), torch.zeros(40, 1)
        for batch in SemiSupervisedBatches(X, y, Xu, batch_size=8, ratio=2, generator=torch.Generator().manual_seed(0)):
            assert batch.y.sort().values.tolist() == [0, 1, 2]
            assert batch.xu.shape == (16, 1)

    @pytest.mark.parametrize(
        ("knobs", "says"), [({"batch_size": 0}, "1 or more"), ({"batch_size": 4, "ratio": 9}, "a batch needs 36")]
    )
    def test_bad_input_is_named(self, knobs, says):
        with pytest.raises(ValueError, match=says):
            SemiSupervisedBatches(
                torch.zeros(4, 1), torch.zeros(4).long(), torch.zeros(9, 1), **knobs, generator=torch.Generator()
            )


def unit(x):
    return x


class TestSteps:
    """Each step is one update with the gradient of the loss it names."""

    def batch(self):
        g = torch.Generator().manual_seed(0)
        return selftrain.SemiSupervisedBatch(
            torch.rand(6, 4, generator=g), torch.tensor([0, 1, 2, 0, 1, 2]), torch.rand(18, 4, generator=g)
        )

    def updated(self, model, loss, lr):
        grads = torch.autograd.grad(loss, list(model.parameters()))
        return [p.detach() - lr * g for p, g in zip(model.parameters(), grads)]

    def test_pseudo_label(self):
        model, batch = nets.MLP(4, 3, hidden=(8,)), self.batch()
        supervised = functional.cross_entropy(model(batch.x), batch.y)
        expected = self.updated(model, supervised + 2 * selftrain.pseudo_label_loss(model(batch.xu)), 0.1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        selftrain.pseudo_label(model, optimizer, alpha=lambda t: 2.0)(batch)
        assert all(torch.allclose(p, q, atol=1e-6) for p, q in zip(model.parameters(), expected))

    def test_calm_pseudo_labels_come_from_the_whole_network(self):
        model, batch = nets.MLP(4, 3, hidden=(64,), dropout=0.9), self.batch()
        torch.manual_seed(1)
        own, free = model.train()(torch.cat([batch.x, batch.xu])).split([6, 18])
        with torch.no_grad():
            labels = model.eval()(batch.xu).argmax(1)
        assert (labels != free.argmax(1)).any(), "dropout changes opinions here, or nothing is shown"
        loss = functional.cross_entropy(own, batch.y) + 2 * functional.cross_entropy(free, labels)
        expected = self.updated(model, loss, 0.1)
        torch.manual_seed(1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        selftrain.pseudo_label(model, optimizer, alpha=lambda t: 2.0, eval_mode=True)(batch)
        assert all(torch.allclose(p, q, atol=1e-6) for p, q in zip(model.parameters(), expected))
        assert model.training

    def test_one_sided_pseudo_labels_of_a_network_are_warned_of(self):
        model = nn.Linear(3, 3, bias=False)
        with torch.no_grad():
            model.weight.copy_(5 * torch.eye(3))
        one_hot, y = torch.eye(3), torch.arange(3)

        def watched(unlabelled, alpha=1.0):
            step = selftrain.pseudo_label(model, torch.optim.SGD(model.parameters(), lr=1e-9), alpha=lambda t: alpha)
            for _ in range(20):
                step(selftrain.SemiSupervisedBatch(one_hot, y, one_hot[unlabelled]))
            return step.watch.lean

        with pytest.warns(UserWarning, match="one-sided: 67% of them"):
            watched([0] * 9)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert watched([0, 1, 2] * 3) == pytest.approx(0, abs=1e-6)
            assert watched([0, 0, 0, 0, 1, 2]) == pytest.approx(1 / 3, abs=1e-6)
            assert watched([0] * 9, alpha=0.0) == 0
            # A network that does not know the labels yet is left alone.
            model.weight.data = -model.weight.data
            watched([0] * 9)

    def test_pseudo_label_counts_its_updates(self):
        seen = []
        model, batch = nets.MLP(4, 3, hidden=()), self.batch()
        step = selftrain.pseudo_label(
            model, torch.optim.SGD(model.parameters(), lr=0.1), alpha=lambda t: seen.append(t) or 0.0
        )
        train.fit(step, [batch, batch], epochs=2)
        assert seen == [0, 1, 2, 3]

    def test_fixmatch(self):
        model, batch = nets.MLP(4, 3, hidden=(8,)), self.batch()
        half, flip = (lambda x: x / 2), (lambda x: x.flip(1))
        own = functional.cross_entropy(model(half(batch.x)), batch.y)
        unlabelled = selftrain.fixmatch_loss(model(batch.xu), model(flip(batch.xu)), tau=0.36)
        assert 0 < float(unlabelled.used) < 1
        expected = self.updated(model, own + 0.5 * unlabelled.loss, 0.1)
        teacher = copy.deepcopy(model)
        start = [p.detach().clone() for p in model.parameters()]
        step = selftrain.fixmatch(
            model, torch.optim.SGD(model.parameters(), lr=0.1), labelled=half, weak=unit, strong=flip, tau=0.36,
            lambda_=0.5, teacher=teacher, decay=0.75,
        )  # fmt: skip
        reported = step(batch)
        assert float(reported["used"]) == float(unlabelled.used)
        assert all(torch.allclose(p, q, atol=1e-6) for p, q in zip(model.parameters(), expected))
        for p, old, new in zip(teacher.parameters(), start, expected):
            assert torch.allclose(p, 0.75 * old + 0.25 * new, atol=1e-6)

    def test_mean_teacher(self):
        model, batch = nets.MLP(4, 3, hidden=(8,)), self.batch()
        teacher = nets.MLP(4, 3, hidden=(8,))
        everything = torch.cat([batch.x, batch.xu])
        own = functional.cross_entropy(model(batch.x), batch.y)
        consistency = selftrain.consistency_loss(model(everything), teacher(everything))
        expected = self.updated(model, own + 5 * consistency, 0.1)
        step = selftrain.mean_teacher(
            model, teacher, torch.optim.SGD(model.parameters(), lr=0.1), augment=unit, weight=lambda t: 5.0
        )
        step(batch)
        assert all(torch.allclose(p, q, atol=1e-6) for p, q in zip(model.parameters(), expected))
        # The first update forgets the teacher's random start altogether.
        assert all(torch.allclose(p, q, atol=1e-6) for p, q in zip(teacher.parameters(), expected))


@pytest.mark.filterwarnings("ignore:the pseudo-labels became one-sided")
@pytest.mark.slow
def test_the_surest_of_all_crowd_out_classes_and_the_surest_of_each_help():
    """The lecture's claim, on ten draws of two labels a class that it does not show."""
    lost, gained = [], []
    for seed in range(10, 20):
        labelled, unlabelled, test = few(2, seed)
        for gains, rule in ((lost, {"q": 50}), (gained, {"q": 5, "per_class": True})):
            model = EstimatorLearner(LogisticRegression(max_iter=300))
            score = lambda model=model, test=test: metrics.accuracy(model.predict(test.x)[0], test.y)  # noqa: E731
            trace = self_train(model, labelled.x, labelled.y, unlabelled.x, evaluate=score, **rule)
            gains.append(trace.scores[-1] - trace.scores[0])
    assert max(lost) < -0.05, lost
    assert sum(gain > 0 for gain in gained) >= 9, gained
    assert sum(gained) / 10 > 0.04, gained
