"""Classes of unequal size, against imbalanced-learn and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.class_weight import compute_class_weight

from labkit import distances
from labkit.augment import mixing


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def skewed(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    y = torch.tensor([0] * 40 + [1] * 12 + [2] * 7)[torch.randperm(59, generator=gen(seed))]
    return torch.randn(59, 3, generator=gen(seed + 1), dtype=torch.float64) + y[:, None], y


class TestWeights:
    """Weights and sampling."""

    def test_weights_are_scikit_learns_up_to_scale(self):
        _, y = skewed()
        theirs = compute_class_weight("balanced", classes=np.arange(3), y=y.numpy())
        ours = mixing.class_weights(mixing.class_counts(y))
        torch.testing.assert_close(ours.double(), torch.from_numpy(theirs / theirs.sum() * 3), atol=1e-6, rtol=1e-6)

    def test_beta_goes_from_alike_to_one_over_n(self):
        counts = torch.tensor([1000, 10])
        torch.testing.assert_close(mixing.class_weights(counts, beta=0.0), torch.ones(2))
        expected = torch.tensor([(1 - 0.99) / (1 - 0.99**1000), (1 - 0.99) / (1 - 0.99**10)])
        torch.testing.assert_close(mixing.class_weights(counts, beta=0.99), expected * 2 / expected.sum())
        near, one = mixing.class_weights(counts, beta=1 - 1e-7), mixing.class_weights(counts)
        torch.testing.assert_close(near, one, atol=1e-3, rtol=1e-2)

    def test_a_class_without_samples_has_weight_0(self):
        assert mixing.class_weights(torch.tensor([5, 0, 5])).tolist() == pytest.approx([1.5, 0, 1.5])
        assert mixing.class_counts(torch.tensor([0, 2]), classes=4).tolist() == [1, 0, 1, 0]

    def test_balanced_sampling_draws_classes_alike_and_samples_alike(self):
        _, y = skewed()
        drawn = mixing.balanced_sample(y, n=30000, generator=gen())
        assert stats.chisquare(torch.bincount(y[drawn]).numpy()).pvalue > 0.01
        assert stats.chisquare(torch.bincount(drawn, minlength=59)[y == 2].numpy()).pvalue > 0.01

    def test_bad_classes_are_refused_in_a_sentence(self):
        with pytest.raises(ValueError, match="expected classes from 0 to 1"):
            mixing.class_counts(torch.tensor([0, 3]), classes=2)
        with pytest.raises(ValueError, match="not all of them 0"):
            mixing.class_weights(torch.zeros(3))
        with pytest.raises(ValueError, match="beta is 2"):
            mixing.class_weights(torch.ones(3), beta=2)
        with pytest.raises(ValueError, match="there is no sample"):
            mixing.oversample(torch.empty(0, dtype=torch.int64))


class TestResampling:
    """Over- and undersampling have imbalanced-learn's sizes."""

    def test_sizes_are_those_of_imbalanced_learn(self):
        from imblearn.over_sampling import RandomOverSampler
        from imblearn.under_sampling import RandomUnderSampler

        x, y = skewed()
        for ours, theirs in ((mixing.oversample, RandomOverSampler), (mixing.undersample, RandomUnderSampler)):
            expected = theirs(random_state=0).fit_resample(x.numpy(), y.numpy())[1]
            assert torch.bincount(y[ours(y, generator=gen())]).tolist() == np.bincount(expected).tolist()

    def test_oversampling_keeps_all_and_repeats_uniformly(self):
        _, y = skewed()
        index = mixing.oversample(y, generator=gen())
        assert torch.equal(index[:59], torch.arange(59))
        assert set(y[index[59:]].tolist()) == {1, 2}
        many = torch.cat([mixing.oversample(y, generator=gen(s))[59:] for s in range(60)])
        assert stats.chisquare(torch.bincount(many, minlength=59)[y == 2].numpy()).pvalue > 0.01

    def test_undersampling_repeats_nothing(self):
        _, y = skewed()
        index = mixing.undersample(y, generator=gen())
        assert len(index.unique()) == len(index) == 21
        seen = torch.cat([mixing.undersample(y, generator=gen(s)) for s in range(80)])
        assert set(seen.tolist()) == set(range(59))


class TestSmote:
    """SMOTE against imbalanced-learn under the same draw."""

    @pytest.mark.parametrize("k", [1, 3, 5])
    def test_neighbours_are_scikit_learns(self, k):
        x, _ = skewed()
        found = NearestNeighbors(n_neighbors=k + 1).fit(x.numpy()).kneighbors(x.numpy())[1][:, 1:]
        assert torch.equal(mixing.neighbours(x, k=k), torch.from_numpy(found))

    def test_neighbours_in_parts_are_the_same(self, monkeypatch):
        x, _ = skewed()
        whole = mixing.neighbours(x, k=4)
        monkeypatch.setattr(distances, "AT_ONCE", 100)
        assert torch.equal(mixing.neighbours(x, k=4), whole)

    @pytest.mark.parametrize("seed", range(5))
    def test_a_step_is_imbalanced_learns_under_the_same_draw(self, seed):
        from imblearn.over_sampling import SMOTE

        x, y = skewed(seed)
        theirs, labels = SMOTE(k_neighbors=4, random_state=seed).fit_resample(x.numpy(), y.numpy())
        # What it draws: for each class in turn the places in the table of neighbours, then the gaps.
        random, new = np.random.RandomState(seed), []
        for c, lacking in ((1, 28), (2, 33)):
            members = x[y == c]
            places = random.randint(low=0, high=len(members) * 4, size=lacking)
            gap = torch.from_numpy(random.uniform(size=lacking))
            random = np.random.RandomState(seed)  # it starts anew for each class
            base, column = torch.from_numpy(places // 4), torch.from_numpy(places % 4)
            neighbour = mixing.neighbours(members, k=4)[base, column]
            new.append(mixing.smote_step(members, base=base, neighbour=neighbour, gap=gap))
        assert labels[59:].tolist() == [1] * 28 + [2] * 33
        torch.testing.assert_close(torch.cat(new), torch.from_numpy(theirs[59:]))

    def test_all_classes_become_equal_and_the_originals_stay(self):
        x, y = skewed()
        grown = mixing.smote(x, y, k=4, generator=gen())
        assert torch.bincount(grown.y).tolist() == [40, 40, 40]
        assert torch.equal(grown.x[:59], x)
        assert torch.equal(grown.y[:59], y)
        again = mixing.smote(x, y, k=4, generator=gen())
        assert torch.equal(grown.x, again.x)

    def test_new_samples_lie_between_neighbours_of_their_class(self):
        x, y = skewed()
        grown = mixing.smote(x, y, k=3, generator=gen())
        for new, label in zip(grown.x[59:], grown.y[59:]):
            members = x[y == label]
            near = mixing.neighbours(members, k=3)
            a = members.repeat_interleave(3, 0)
            b = members[near.flatten()]
            along = ((new - a) * (b - a)).sum(1) / (b - a).square().sum(1)
            off = (a + along[:, None] * (b - a) - new).norm(dim=1)
            assert bool(((off < 1e-9) & (along > -1e-9) & (along < 1 + 1e-9)).any())

    def test_pictures_are_grown_as_they_are(self):
        x, y = torch.rand(12, 1, 4, 5, generator=gen()), torch.tensor([0] * 9 + [1] * 3)
        grown = mixing.smote(x, y, generator=gen())
        assert grown.x.shape == (18, 1, 4, 5)
        assert grown.x.dtype == torch.float32

    def test_bad_input_is_refused_in_a_sentence(self):
        x = torch.rand(4, 2)
        with pytest.raises(ValueError, match="class 1 has a single sample, which has no neighbour"):
            mixing.smote(x, torch.tensor([0, 0, 0, 1]))
        with pytest.raises(ValueError, match="k is 0"):
            mixing.smote(x, torch.tensor([0, 0, 1, 1]), k=0)
        with pytest.raises(ValueError, match="k is 4 with 4 samples"):
            mixing.neighbours(x, k=4)
        with pytest.raises(ValueError, match="2 bases, 1 neighbours and 1 gaps"):
            mixing.smote_step.__wrapped__(x, base=torch.arange(2), neighbour=torch.arange(1), gap=torch.rand(1))


class TestPrior:
    """A classifier told of another world."""

    def test_it_is_bayes_rule(self):
        logits = torch.randn(5, 3, generator=gen(), dtype=torch.float64)
        trained, prior = torch.tensor([0.2, 0.3, 0.5]).double(), torch.tensor([6.0, 3.0, 1.0]).double()
        moved = mixing.with_prior(logits, trained=trained, prior=prior).softmax(1)
        expected = logits.softmax(1) * (prior / 10) / trained
        torch.testing.assert_close(moved, expected / expected.sum(1, keepdim=True))

    def test_there_and_back_changes_no_probability(self):
        logits = torch.randn(5, 3, generator=gen())
        a, b = torch.tensor([1.0, 2, 3]), torch.tensor([5.0, 1, 1])
        there = mixing.with_prior(logits, trained=a, prior=b)
        torch.testing.assert_close(mixing.with_prior(there, trained=b, prior=a).softmax(1), logits.softmax(1))

    def test_a_class_that_never_occurred_is_refused(self):
        with pytest.raises(ValueError, match="trained holds 2 numbers above 0"):
            mixing.with_prior(torch.rand(3, 2), trained=torch.tensor([1.0, 0.0]), prior=torch.ones(2))
