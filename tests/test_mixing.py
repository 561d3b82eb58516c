"""Mixing held to its oracles: torchvision's MixUp and CutMix under the same draw, slow loops, closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional

from labkit import nets
from labkit.augment import Compose, OneOf, Sometimes, image, mixing

# isort: split
# After labkit, which makes it importable under a CPU build of torch.
from torchvision.transforms import v2

DTYPES = [torch.float32, torch.float64]


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(
    b: int = 6, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    g = gen(1)
    x = torch.rand((b, 3, 7, 10), generator=g, dtype=torch.float64).to(device, dtype)
    return x, torch.randint(4, (b,), generator=g).to(device)


class TestMixup:
    """The formula, and one weight a pair."""

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_it_is_the_slow_loop(self, device, dtype):
        x, y = batch(dtype=dtype, device=device)
        soft = mixing.one_hot(y, classes=4, dtype=dtype)
        partner, lambda_ = (
            torch.tensor([3, 0, 0, 5, 4, 1], device=device),
            torch.linspace(0, 1, 6, dtype=dtype, device=device),
        )
        for tensor in (x, soft, x[:, 0, 0, 0]):
            slow = torch.stack([w * tensor[i] + (1 - w) * tensor[j] for i, (j, w) in enumerate(zip(partner, lambda_))])
            torch.testing.assert_close(mixing.mixup(tensor, partner=partner, lambda_=lambda_), slow)

    def test_a_batch_as_long_as_pictures_are_wide_has_one_weight_a_picture(self):
        x, lambda_ = torch.rand(4, 1, 4, 4, generator=gen()), torch.tensor([0.0, 0.2, 0.7, 1.0])
        mixed = mixing.mixup(x, partner=torch.tensor([1, 2, 3, 0]), lambda_=lambda_)
        torch.testing.assert_close(mixed[1], 0.2 * x[1] + 0.8 * x[2])
        torch.testing.assert_close(mixed[3], x[3])
        assert not torch.allclose(mixed, lambda_ * x + (1 - lambda_) * x[[1, 2, 3, 0]])

    @pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
    @pytest.mark.parametrize("hard", [True, False])
    def test_it_agrees_with_torchvision_under_the_same_draw(self, alpha, hard):
        x, y = batch()
        torch.manual_seed(5)
        lambda_ = float(torch.distributions.Beta(torch.tensor([alpha]), torch.tensor([alpha])).sample(()))
        torch.manual_seed(5)
        labels = y if hard else torch.softmax(torch.randn(6, 4, generator=gen()), 1)
        theirs = v2.MixUp(alpha=alpha, num_classes=4 if hard else None)(x, labels)
        partner = torch.arange(6).roll(1)
        soft = mixing.one_hot(y, classes=4) if hard else labels
        torch.testing.assert_close(mixing.mixup(x, partner=partner, lambda_=lambda_), theirs[0])
        torch.testing.assert_close(mixing.mixup(soft, partner=partner, lambda_=lambda_), theirs[1])

    def test_it_is_differentiable_in_inputs_and_weights(self):
        x = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
        lambda_ = torch.rand(3, dtype=torch.float64, requires_grad=True)
        partner = torch.tensor([1, 2, 0])
        assert torch.autograd.gradcheck(
            lambda x, lambda_: mixing.mixup(x, partner=partner, lambda_=lambda_), (x, lambda_)
        )

    def test_nothing_is_changed_in_place_and_an_empty_batch_stays_empty(self):
        x, y = batch()
        before = x.clone()
        mixed = mixing.Mixup(classes=4)(x, y=y, generator=gen())
        assert torch.equal(x, before)
        assert mixed.x.shape == x.shape
        assert not torch.equal(mixed.x, x)
        none = torch.empty(0, dtype=torch.int64)
        assert mixing.mixup(x[:0], partner=none, lambda_=torch.empty(0)).shape == (0, 3, 7, 10)
        for transform in (mixing.Mixup(classes=4), mixing.CutMix(classes=4), mixing.SameClass()):
            assert len(transform(x[:0], y=y[:0], generator=gen()).x) == 0

    def test_half_precision_stays_half(self):
        x, y = batch()
        mixed = mixing.Mixup(classes=4)(x.bfloat16(), y=y, generator=gen())
        assert (mixed.x.dtype, mixed.y.dtype) == (torch.bfloat16, torch.float32)
        torch.testing.assert_close(mixed.y.sum(1), torch.ones(6))

    @pytest.mark.parametrize(
        ("knobs", "says"),
        [
            ({"lambda_": 1.2}, r"lambda_ is 1.2; expected a number from 0 to 1"),
            ({"lambda_": torch.tensor([0.5, 0.5, math.nan, 0.1, 0.1, 0.1])}, "lambda_ is nan"),
            ({"lambda_": torch.ones(3)}, r"one for each of the 6 samples; it has shape \(3,\)"),
            (
                {"partner": torch.arange(5)},
                r"partner holds 5 labels for 6 samples",
            ),
            ({"partner": torch.rand(6)}, "torch.float32"),
        ],
    )
    def test_bad_pairs_are_refused_in_a_sentence(self, knobs, says):
        x, _ = batch()
        with pytest.raises(ValueError, match=says):
            mixing.mixup.__wrapped__(x, **{"partner": torch.arange(6), "lambda_": 0.5, **knobs})


class TestTheDecksFunctions:
    """``synthetic_classification`` and ``synthetic_regression``."""

    def test_they_are_the_decks_formula_with_one_w_a_pair(self):
        x1, x2 = torch.rand(2, 5, 3, 4, 4, generator=gen())
        y1, y2 = torch.rand(2, 5, 2, generator=gen(1))
        w = torch.rand(5, generator=gen(2))
        x, y = mixing.synthetic_regression(x1, y1, x2, y2, w=w)
        for i in range(5):
            torch.testing.assert_close(x[i], x1[i] * w[i] + x2[i] * (1 - w[i]))
            torch.testing.assert_close(y[i], y1[i] * w[i] + y2[i] * (1 - w[i]))
        assert torch.equal(mixing.synthetic_classification(x1, x2, w=w), x)
        torch.testing.assert_close(mixing.synthetic_classification(x1, x2, w=0.25), 0.25 * x1 + 0.75 * x2)

    def test_w_is_drawn_once_a_pair_and_shared_with_the_target(self):
        zeros, ones = torch.zeros(400, 3, 2), torch.ones(400, 3, 2)
        x, y = mixing.synthetic_regression(ones, ones[:, 0, 0], zeros, zeros[:, 0, 0], generator=gen())
        assert torch.equal(x, y[:, None, None].expand_as(x))
        assert stats.kstest(y.numpy(), "uniform").pvalue > 0.01
        again, _ = mixing.synthetic_regression(ones, ones[:, 0, 0], zeros, zeros[:, 0, 0], generator=gen())
        assert torch.equal(x, again)

    def test_pairs_of_two_shapes_are_refused(self):
        with pytest.raises(ValueError, match="pairs have one shape"):
            mixing.synthetic_classification.__wrapped__(torch.rand(4, 2), torch.rand(3, 2))
        with pytest.raises(ValueError, match="w is 2"):
            mixing.synthetic_classification(torch.rand(4, 2), torch.rand(4, 2), w=2)


class TestLabels:
    """Soft labels and their loss."""

    def test_the_loss_is_torchs_with_probabilities_and_with_classes(self):
        logits, y = torch.randn(7, 5, generator=gen()), torch.randint(5, (7,), generator=gen())
        soft = torch.softmax(torch.randn(7, 5, generator=gen(1)), 1)
        torch.testing.assert_close(mixing.soft_cross_entropy(logits, soft), functional.cross_entropy(logits, soft))
        hard = mixing.one_hot(y, classes=5)
        torch.testing.assert_close(mixing.soft_cross_entropy(logits, hard), functional.cross_entropy(logits, y))
        smooth = mixing.one_hot(y, classes=5, smoothing=0.1)
        expected = functional.cross_entropy(logits, y, label_smoothing=0.1)
        torch.testing.assert_close(mixing.soft_cross_entropy(logits, smooth), expected)

    def test_the_loss_of_a_mixture_is_the_mixture_of_losses(self):
        logits, y = torch.randn(6, 4, generator=gen(), dtype=torch.float64), torch.randint(4, (6,), generator=gen())
        partner, lambda_ = torch.randperm(6, generator=gen()), 0.3
        hard = mixing.one_hot(y, classes=4, dtype=torch.float64)
        mixed = mixing.soft_cross_entropy(logits, mixing.mixup(hard, partner=partner, lambda_=lambda_))
        parts = lambda_ * functional.cross_entropy(logits, y) + (1 - lambda_) * functional.cross_entropy(
            logits, y[partner]
        )
        torch.testing.assert_close(mixed, parts)

    def test_large_logits_stay_finite(self):
        loss = mixing.soft_cross_entropy(torch.tensor([[1000.0, -1000.0]]), torch.tensor([[0.5, 0.5]]))
        assert float(loss) == 1000

    def test_bad_labels_are_refused_in_a_sentence(self):
        with pytest.raises(ValueError, match="y goes from 0 to 4; expected classes from 0 to 3"):
            mixing.one_hot(torch.tensor([0, 4]), classes=4)
        with pytest.raises(ValueError, match=r"these are torch.int64 with shape \(3,\): see one_hot"):
            mixing.soft_cross_entropy.__wrapped__(torch.rand(3, 2), torch.zeros(3, dtype=torch.int64))
        with pytest.raises(ValueError, match="say how many classes there are"):
            mixing.Mixup()(torch.rand(3, 2), y=torch.tensor([0, 1, 1]))
        with pytest.raises(ValueError, match="3 samples and 2 labels"):
            mixing.Mixup(classes=2)(torch.rand(3, 2), y=torch.tensor([0, 1]))


class TestCutMix:
    """Boxes, areas, pictures."""

    def test_boxes_and_areas_are_the_slow_loops(self):
        g = gen()
        lambda_, size = torch.rand(200, generator=g), (11, 17)
        centres = torch.stack([torch.randint(17, (200,), generator=g), torch.randint(11, (200,), generator=g)], 1)
        boxes = mixing.cutmix_boxes(lambda_, centres=centres, size=size)
        shares = mixing.share_kept(boxes, size=size)
        x = torch.zeros(200, 1, *size)
        own = torch.cat([x[:1] + 1, x[1:]])  # the first picture is white, and everybody's partner
        pasted = mixing.cutmix(own, partner=torch.zeros(200, dtype=torch.int64), boxes=boxes)
        for i in range(1, 200):
            a, b = (int(0.5 * math.sqrt(1 - float(lambda_[i])) * side) for side in (17, 11))
            u, v = centres[i].tolist()
            left, top, right, bottom = max(u - a, 0), max(v - b, 0), min(u + a, 17), min(v + b, 11)
            assert boxes[i].tolist() == [left, top, right, bottom]
            slow = torch.zeros(1, *size)
            slow[:, top:bottom, left:right] = 1
            assert torch.equal(pasted[i], slow)
            assert float(shares[i]) == pytest.approx(1 - float(slow.mean()), abs=1e-6)
            assert float(shares[i]) >= float(lambda_[i]) - 1e-6

    def test_boxes_of_large_pictures_are_those_of_small_ones(self, monkeypatch):
        x, _ = batch()
        boxes = torch.tensor([[0, 0, 0, 0], [-3, 1, 4, 20], [2, 2, 9, 6], [0, 0, 10, 7], [5, 5, 4, 4], [9, 6, 12, 9]])
        partner = torch.tensor([3, 2, 1, 0, 5, 5])
        small = mixing.cutmix(x, partner=partner, boxes=boxes)
        monkeypatch.setattr("labkit.augment.mixing.regions.LARGE", 0)
        assert torch.equal(mixing.cutmix(x, partner=partner, boxes=boxes), small)

    @pytest.mark.parametrize("seed", range(6))
    def test_it_agrees_with_torchvision_under_the_same_draw(self, seed):
        x, y = batch()
        torch.manual_seed(seed)
        lambda_ = torch.distributions.Beta(torch.tensor([1.0]), torch.tensor([1.0])).sample(()).expand(6)
        u, v = torch.randint(10, (1,)), torch.randint(7, (1,))
        torch.manual_seed(seed)
        theirs = v2.CutMix(alpha=1.0, num_classes=4)(x, y)
        boxes = mixing.cutmix_boxes(lambda_, centres=torch.cat([u, v])[None].expand(6, 2), size=(7, 10))
        partner = torch.arange(6).roll(1)
        assert torch.equal(mixing.cutmix(x, partner=partner, boxes=boxes), theirs[0])
        kept = mixing.share_kept(boxes, size=(7, 10))
        soft = mixing.mixup(mixing.one_hot(y, classes=4), partner=partner, lambda_=kept)
        torch.testing.assert_close(soft, theirs[1])

    @pytest.mark.parametrize("seed", range(10))
    def test_the_label_counts_the_pixels_of_each_picture(self, seed):
        values = torch.arange(5.0)  # picture i has the value i everywhere
        x = values.view(5, 1, 1, 1).expand(5, 1, 9, 12).clone()
        mixed = mixing.CutMix(alpha=1.0, classes=5)(x, y=torch.arange(5), generator=gen(seed))
        counted = (mixed.x == values.view(5, 1, 1, 1, 1)).double().mean((2, 3, 4)).T
        torch.testing.assert_close(mixed.y.double(), counted, atol=1e-6, rtol=0)

    def test_extremes(self):
        centre = torch.tensor([[5, 3]])
        assert (
            float(mixing.share_kept(mixing.cutmix_boxes(torch.ones(1), centres=centre, size=(7, 10)), size=(7, 10)))
            == 1
        )
        all_of_it = mixing.cutmix_boxes(torch.zeros(1), centres=torch.tensor([[5, 4]]), size=(8, 10))
        assert all_of_it.tolist() == [[0, 0, 10, 8]]

    def test_bad_boxes_are_refused_in_a_sentence(self):
        x, y = batch()
        with pytest.raises(ValueError, match=r"boxes have shape \(6, 4\)"):
            mixing.cutmix(x, partner=torch.arange(6), boxes=torch.zeros(5, 4))
        with pytest.raises(ValueError, match=r"centres have shape \(2, 2\)"):
            mixing.cutmix_boxes.__wrapped__(torch.rand(2), centres=torch.zeros(3, 2, dtype=torch.int64), size=(4, 4))
        with pytest.raises(ValueError, match=r"images have shape \(B, C, H, W\)"):
            mixing.CutMix(classes=4)(x[:, 0], y=y)


class TestTheBitsOfCutMix:
    """Nothing of one picture gets into the other, whatever its values are."""

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
    def test_values_are_chosen_bit_by_bit(self, dtype):
        g = torch.Generator().manual_seed(0)
        x = torch.randn(5, 2, 6, 7, generator=g, dtype=torch.float64).to(dtype)
        x[0, 0, 0], x[1, 1, 2], x[2, 0, :, 3], x[3, 1, 5] = math.inf, -math.inf, math.nan, -0.0
        partner = torch.tensor([1, 2, 3, 4, 0])
        boxes = torch.tensor([[0, 0, 7, 6], [1, 2, 4, 5], [3, 3, 3, 6], [-2, -1, 3, 2], [5, 4, 9, 9]])
        before, expected = x.clone(), x.clone()
        for i, (j, (left, top, right, bottom)) in enumerate(zip(partner.tolist(), boxes.clamp_min(0).tolist())):
            expected[i, :, top:bottom, left:right] = x[j, :, top:bottom, left:right]
        bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()]
        y = mixing.cutmix(x, partner=partner, boxes=boxes)
        assert torch.equal(y.view(bits), expected.view(bits))
        assert torch.equal(x.view(bits), before.view(bits))


class TestDraws:
    """λ, partners, and the transforms that draw them."""

    @pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 8.0])
    def test_lam_is_beta(self, alpha):
        lambda_ = mixing.beta(8000, alpha=alpha, like=torch.empty(0, dtype=torch.float64), generator=gen(2)).numpy()
        # Half by half: near 1 a small α's numbers are closer to each other than floats are.
        low = lambda_[lambda_ < 0.5]
        assert stats.binomtest(len(low), len(lambda_)).pvalue > 0.01
        assert stats.kstest(low, lambda v: 2 * stats.beta(alpha, alpha).cdf(v)).pvalue > 0.01

    def test_tiny_alpha_is_finite_and_zero_mixes_nothing(self):
        lambda_ = mixing.beta(1000, alpha=1e-4, like=torch.empty(0), generator=gen())
        assert bool(((lambda_ < 1e-3) | (lambda_ > 1 - 1e-3)).double().mean() > 0.99)
        assert 0.4 < float(lambda_.mean()) < 0.6
        x, y = batch()
        still = mixing.Mixup(alpha=0, classes=4)(x, y=y, generator=gen())
        torch.testing.assert_close(still.x, x)
        assert torch.equal(still.y, mixing.one_hot(y, classes=4))

    def test_the_draw_depends_on_the_generator_alone(self):
        x, y = batch()
        for transform in (mixing.Mixup(classes=4), mixing.CutMix(classes=4), mixing.SameClass()):
            torch.manual_seed(1)
            first = transform(x, y=y, generator=gen(3))
            torch.manual_seed(2)
            second = transform(x, y=y, generator=gen(3))
            other = transform(x, y=y, generator=gen(4))
            assert torch.equal(first.x, second.x)
            assert not torch.equal(first.x, other.x)

    def test_each_pair_has_a_weight_of_its_own(self):
        lambda_ = mixing.Mixup(alpha=1.0).make_params(torch.rand(64, 3), generator=gen())["lambda_"]
        assert len(lambda_.unique()) == 64

    def test_p_is_the_share_that_is_mixed(self):
        x = torch.rand(2000, 1, 4, 4, generator=gen())
        for transform in (mixing.Mixup(classes=2, p=0.3), mixing.CutMix(classes=2, p=0.3)):
            mixed = transform(x, y=torch.arange(2000) % 2, generator=gen())
            changed = (mixed.x != x).flatten(1).any(1)
            assert float(changed.double().mean()) < 0.34  # six deviations of a coin with p = 0.3 above it
            assert torch.equal(mixed.x[~changed], x[~changed])

    def test_a_pipeline_of_probabilities(self):
        x, y = batch()
        soft = mixing.one_hot(y, classes=4)
        pipeline = Compose([image.HorizontalFlip(), Sometimes(mixing.Mixup(), p=0.5)])
        either = OneOf([mixing.Mixup(), mixing.CutMix()])
        mixed = either(x, y=soft, generator=gen())
        assert mixed.x.shape == x.shape
        torch.testing.assert_close(mixed.y.sum(1), torch.ones(6))
        assert Sometimes(mixing.Mixup(), p=0.5)(x, y=soft, generator=gen()).y.shape == (6, 4)
        assert pipeline(x, generator=gen()).shape == x.shape

    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda: mixing.Mixup(alpha=-1), "alpha is -1"),
            (lambda: mixing.Mixup(p=1.5), "p is 1.5"),
            (lambda: mixing.CutMix(classes=0), "classes is 0"),
            (lambda: mixing.CMixup(sigma=0), "sigma is 0"),
            (lambda: mixing.CMixup()(torch.rand(3, 2)), "call it with y="),
            (lambda: mixing.Mixup(classes=3)(torch.rand(4, 2), y=torch.rand(4, 2)), r"have shape \(B, 3\)"),
            (lambda: mixing.Mixup()(torch.zeros(3, 2, dtype=torch.int64)), "a float tensor"),
        ],
    )
    def test_bad_knobs_are_refused_in_a_sentence(self, make, says):
        with pytest.raises(ValueError, match=says):
            make()


class TestPartners:
    """Partners of the same class, and with similar targets."""

    def test_same_class_partners_are_uniform_within_the_class(self):
        y = torch.tensor([2, 0, 2, 0, 2, 7])
        counts = torch.zeros(6, 6)
        for s in range(1500):
            partner = mixing.same_class_partners(y, generator=gen(s))
            assert torch.equal(y[partner], y)
            counts[torch.arange(6), partner] += 1
        expected = (y[:, None] == y[None]).double()
        expected = 1500 * expected / expected.sum(1, keepdim=True)
        inside = expected > 0
        assert stats.chisquare(counts[inside].numpy(), expected[inside].numpy(), sum_check=False).pvalue > 0.01

    def test_the_label_stays_where_partners_are_of_the_same_class(self):
        x, y = batch()
        mixed = mixing.SameClass()(x, y=y, generator=gen())
        assert torch.equal(mixed.y, y)
        means = torch.stack([x[y == k].mean() if bool((y == k).any()) else torch.tensor(0.0) for k in range(4)])
        assert means.shape == (4,)
        low = torch.stack([x[y == k].amin(0) for k in y])
        high = torch.stack([x[y == k].amax(0) for k in y])
        assert bool(((mixed.x >= low - 1e-6) & (mixed.x <= high + 1e-6)).all())

    def test_similarity_is_scikit_learns_kernel_normalised(self):
        from sklearn.metrics.pairwise import rbf_kernel

        y = torch.randn(9, 2, generator=gen(), dtype=torch.float64)
        kernel = rbf_kernel(y.numpy(), gamma=1 / (2 * 0.7**2))
        expected = torch.from_numpy(kernel / kernel.sum(1, keepdims=True))
        torch.testing.assert_close(mixing.similarity(y, sigma=0.7), expected)
        torch.testing.assert_close(mixing.similarity(y, sigma=1e6), torch.full((9, 9), 1 / 9, dtype=torch.float64))
        torch.testing.assert_close(mixing.similarity(y, sigma=1e-6), torch.eye(9, dtype=torch.float64))

    def test_similar_partners_are_drawn_by_it(self):
        y = torch.tensor([0.0, 0.5, 3.0])
        drawn = torch.stack([mixing.similar_partners(y, sigma=0.6, generator=gen(s)) for s in range(1500)])
        counts = torch.stack([(drawn == j).sum(0) for j in range(3)], 1).double()
        expected = 1500 * mixing.similarity(y.double(), sigma=0.6)
        likely = expected > 5
        off = (counts - expected)[likely] / expected[likely].sqrt()
        assert float(off.abs().max()) < 4
        assert float(counts[~likely].max()) < 12

    def test_c_mixup_stays_near_in_the_target(self):
        y = torch.linspace(-1, 1, 200)
        mixed = mixing.CMixup(alpha=1.0, sigma=0.05)(y[:, None], y=y, generator=gen())
        assert float((mixed.y - y).abs().max()) < 0.3  # six σ
        far = mixing.Mixup(alpha=1.0)(y[:, None], y=y, generator=gen())
        assert float((far.y - y).abs().max()) > 0.8
        torch.testing.assert_close(mixed.x[:, 0], mixed.y)

    def test_remix_gives_the_label_to_the_rare(self):
        lambda_ = torch.tensor([0.3, 0.3, 0.7, 0.7, 0.3, 0.3])
        y, partner = torch.tensor([0, 1, 0, 1, 0, 2]), torch.tensor([1, 0, 3, 2, 5, 4])
        counts = torch.tensor([100, 10, 60])
        kept = mixing.rebalanced_lambda(lambda_, y=y, partner=partner, counts=counts, kappa=3.0, tau=0.5)
        # common with rare at .3: all to the rare; rare with common at .3: as it is; the mirror image; too near in size.
        torch.testing.assert_close(kept, torch.tensor([0.0, 0.3, 0.7, 1.0, 0.3, 0.3]))


class TestManifoldMixup:
    """Mixing between the layers."""

    def test_before_the_first_layer_it_is_mixup_and_after_the_last_it_mixes_outputs(self):
        net, x = nets.MLP(6, 3, hidden=(8, 8)), torch.rand(5, 6, generator=gen())
        stages = [net.normalize, *net.body, net.head]
        partner, lambda_ = torch.tensor([4, 3, 2, 1, 0]), torch.rand(5, generator=gen())
        knobs = {"partner": partner, "lambda_": lambda_}
        at = [mixing.manifold_mixup(stages, x, layer=k, **knobs) for k in range(len(stages) + 1)]
        torch.testing.assert_close(at[0], net(mixing.mixup(x, **knobs)))
        torch.testing.assert_close(at[-1], mixing.mixup(net(x), **knobs))
        torch.testing.assert_close(at[-2], at[-1])  # the head is affine
        hidden = mixing.mixup(net.features(x), **knobs)
        torch.testing.assert_close(at[len(stages) - 1], net.head(hidden))
        assert not torch.allclose(at[0], at[-1])

    def test_there_is_no_such_layer(self):
        with pytest.raises(ValueError, match=r"layer is 3; expected 0 \(the inputs\) to 1"):
            mixing.manifold_mixup([torch.nn.ReLU()], torch.rand(2, 2), layer=3, partner=torch.arange(2), lambda_=0.5)


def test_labels_of_numpy_style_targets_are_mixed_as_they_are():
    y = torch.from_numpy(np.linspace(0, 1, 8))
    mixed = mixing.Mixup(alpha=1.0)(torch.rand(8, 2, dtype=torch.float64), y=y, generator=gen())
    assert mixed.y.dtype == torch.float64
    assert mixed.y.shape == (8,)
