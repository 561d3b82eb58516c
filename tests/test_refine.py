"""S+U learning against closed forms, torch's own losses, slow loops and gradients."""

import copy
import math
import os
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from labkit import data, refine, train
from labkit.refine.steps import update_discriminator, update_refiner

CAMERA = {"contrast": (0.35, 0.6), "blur": (0.8, 1.4), "noise": 0.02}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def maps(*shape, seed=0, dtype=torch.float64):
    return 3 * torch.randn(*shape, generator=seeded(seed), dtype=dtype)


class TestLosses:
    @pytest.mark.parametrize("refined", [True, False])
    def test_cross_entropy_is_torchs_summed_over_patches(self, refined):
        z = maps(4, 3, 5)
        target = torch.full_like(z, float(refined))
        expected = functional.binary_cross_entropy_with_logits(z, target, reduction="sum") / 4
        assert torch.allclose(refine.patch_cross_entropy(z, refined=refined), expected)

    def test_a_softmax_over_two_channels_is_the_same_discriminator(self):
        """The paper's D has two channels a patch; only their difference matters."""
        both = maps(3, 2, 4, 4)
        expected = functional.cross_entropy(both, torch.ones(3, 4, 4, dtype=torch.long), reduction="sum") / 3
        assert torch.allclose(refine.patch_cross_entropy(both[:, 1] - both[:, 0], refined=True), expected)

    def test_the_objective_term_by_term_in_slow_motion(self):
        z, real, x = maps(3, 2, 2), maps(5, 2, 2, seed=1), torch.rand(3, 1, 4, 4, dtype=torch.float64)
        r = x + 0.1 * maps(3, 1, 4, 4, seed=2)
        D = lambda v: 1 / (1 + math.exp(-float(v)))  # noqa: E731
        of_r = sum(-math.log(1 - D(v)) for v in z.flatten()) / 3
        change = sum(abs(float(a - b)) for a, b in zip(r.flatten(), x.flatten())) / 3
        of_d = sum(-math.log(D(v)) for v in z.flatten()) / 3 + sum(-math.log(1 - D(v)) for v in real.flatten()) / 5
        assert math.isclose(float(refine.refiner_loss(z, r, x, lambda_=0.7)), of_r + 0.7 * change, rel_tol=1e-12)
        assert math.isclose(float(refine.discriminator_loss(z, real)), of_d, rel_tol=1e-12)

    def test_at_chance_the_losses_are_log_2_a_patch(self):
        z = torch.zeros(2, 3, 4)
        assert math.isclose(float(refine.realism(z)), 12 * math.log(2), rel_tol=1e-6)
        assert math.isclose(float(refine.discriminator_loss(z, z)), 24 * math.log(2), rel_tol=1e-6)

    def test_a_sure_discriminator_gives_finite_losses_and_a_full_gradient(self):
        z = torch.full((1, 1, 1), 300.0, requires_grad=True)
        refine.realism(z).backward()
        assert float(z.grad) == 1.0, "−log(1 − D) does not saturate where D is sure of the refined image"

    def test_gradcheck(self):
        z, x = maps(2, 2, 2).requires_grad_(), torch.rand(2, 1, 3, 3, dtype=torch.float64)
        r = (x + 0.3).requires_grad_()
        assert torch.autograd.gradcheck(lambda z, r: refine.refiner_loss(z, r, x, lambda_=0.5), (z, r))

    def test_psi_sees_both_images(self):
        x = torch.rand(3, 3, 4, 4, generator=seeded())
        r = x.roll(1, dims=1)  # colours change places: their mean doesn't move
        assert float(refine.self_regularisation(r, x)) > 1
        assert float(refine.self_regularisation(r, x, psi=lambda v: v.mean(1))) < 1e-5

    def test_bad_input_is_refused(self, unchecked):
        x = torch.rand(2, 1, 4, 4)
        with pytest.raises(ValueError, match="at least one image and one patch"):
            refine.realism(torch.zeros(0, 2, 2))
        with pytest.raises(ValueError, match="expected the same"):
            refine.self_regularisation(x, x[:1])
        with pytest.raises(ValueError, match="lambda_ is -1"):
            refine.refiner_loss(torch.zeros(2, 1, 1), x, x, lambda_=-1)


class TestNetworks:
    def test_a_refiner_with_skip_begins_as_the_identity(self):
        x = torch.rand(2, 3, 9, 7)
        assert torch.equal(refine.Refiner(3, width=4, blocks=2)(x), x)
        assert not torch.allclose(refine.Refiner(3, width=4, blocks=2, skip=False)(x), x, atol=0.05)

    def test_without_skip_pretraining_takes_it_there(self):
        torch.manual_seed(0)
        R = refine.Refiner(1, width=8, blocks=1, skip=False)
        x = torch.rand(64, 1, 8, 8, generator=seeded())
        step = refine.pretrain_refiner(R, torch.optim.Adam(R.parameters(), lr=5e-3))
        history = train.fit(
            step, refine.RefineBatches(x, x, batch_size=16, iterations=50, generator=seeded()), epochs=2
        )
        # Ten seeds end between .09 and .27 of the first half's mean.
        assert history["change"][-1] < 0.4 * history["change"][0]

    def test_a_refiner_takes_any_size(self):
        R = refine.Refiner(1, width=4, blocks=1)
        assert R(torch.rand(1, 1, 35, 55)).shape == (1, 1, 35, 55)

    @pytest.mark.parametrize("strides", [(1,), (2, 1), (2, 2, 1), (1, 3, 2)])
    def test_a_logit_sees_its_patch_and_nothing_else(self, strides):
        torch.manual_seed(1)
        D = refine.LocalDiscriminator(1, widths=(4,) * len(strides), strides=strides).double()
        x = torch.rand(1, 1, 61, 61, dtype=torch.float64, requires_grad=True)
        z = D(x)
        middle = z.shape[-1] // 2
        z[0, middle, middle].backward()
        seen = (x.grad[0, 0] != 0).nonzero()
        sides = (seen.amax(0) - seen.amin(0) + 1).tolist()
        assert sides == [refine.patch_size(strides)] * 2

    def test_the_global_one_answers_once_an_image(self):
        assert refine.GlobalDiscriminator((16, 24))(torch.rand(3, 1, 16, 24)).shape == (3, 1, 1)
        assert refine.LocalDiscriminator()(torch.rand(3, 1, 16, 24)).shape == (3, 4, 6)

    def test_bad_input_is_refused(self, unchecked):
        with pytest.raises(ValueError, match="odd kernel"):
            refine.Refiner(kernel=4)
        with pytest.raises(ValueError, match="expected as many"):
            refine.LocalDiscriminator(widths=(4, 4), strides=(1,))
        with pytest.raises(ValueError, match="need 1 channels"):
            refine.Refiner(1)(torch.rand(1, 3, 8, 8))
        with pytest.raises(ValueError, match="1 or more"):
            refine.patch_size((0, 1))


class TestHistory:
    def test_exactly_half_is_from_the_past_and_as_many_are_replaced(self):
        past, fresh = torch.arange(20.0)[:, None], 100 + torch.arange(6.0)[:, None]
        g = seeded()
        for _ in range(50):
            batch, renewed = refine.mix(fresh, past, generator=g)
            assert torch.equal(batch[:6], fresh)
            assert (batch[6:] < 100).all()
            assert len(batch[6:].unique()) == 6
            changed = renewed != past
            assert int(changed.sum()) == 6
            assert renewed[changed].sort().values.tolist() == fresh[:, 0].tolist()

    def test_places_are_drawn_and_replaced_uniformly(self):
        past, fresh = torch.arange(10.0)[:, None], torch.full((3, 1), 100.0)
        drawn, replaced, g = torch.zeros(10), torch.zeros(10), seeded(3)
        for _ in range(2000):
            batch, renewed = refine.mix(fresh, past, generator=g)
            drawn += torch.bincount(batch[3:, 0].long(), minlength=10)
            replaced += (renewed == 100)[:, 0]
        for counts in (drawn, replaced):
            # χ² with 9 degrees of freedom; 35 is passed once in 20,000 by a uniform one, and the seed is fixed.
            assert float(((counts - 600) ** 2 / (600 * 0.7)).sum()) < 35

    def test_the_buffer_fills_then_keeps_its_size(self):
        buffer, g = refine.ImageHistoryBuffer(10), seeded()
        sizes = [(len(buffer.query(torch.full((4, 1), float(i)), generator=g)), len(buffer)) for i in range(6)]
        assert sizes == [(4, 4), (8, 8), (8, 10), (8, 10), (8, 10), (8, 10)]
        assert set(buffer.images[:, 0].tolist()) <= set(range(6))

    def test_nothing_is_changed_in_place_and_no_graph_is_kept(self):
        past, fresh = torch.rand(5, 2), torch.rand(2, 2, requires_grad=True)
        before = past.clone()
        refine.mix(fresh, past, generator=seeded())
        assert torch.equal(past, before)
        buffer = refine.ImageHistoryBuffer(4)
        assert not buffer.query(fresh, generator=seeded()).requires_grad
        assert not buffer.query(fresh, generator=seeded()).requires_grad

    def test_bad_input_is_refused(self, unchecked):
        with pytest.raises(ValueError, match="at least as many in the past"):
            refine.mix(torch.rand(3, 2), torch.rand(2, 2), generator=seeded())
        with pytest.raises(ValueError, match="the buffer holds 2"):
            refine.ImageHistoryBuffer(2).query(torch.rand(3, 2), generator=seeded())
        with pytest.raises(ValueError, match="capacity is 0"):
            refine.ImageHistoryBuffer(0)


@pytest.fixture
def small():
    """A refiner that is no longer the identity, a discriminator, images."""
    torch.manual_seed(0)
    R, D = refine.Refiner(1, width=4, blocks=1, skip=False), refine.LocalDiscriminator(1, widths=(4, 4), strides=(2, 1))
    return R, D, torch.rand(8, 1, 8, 8, generator=seeded()), torch.rand(8, 1, 8, 8, generator=seeded(1))


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


class TestSteps:
    def test_one_update_of_the_refiner_is_the_gradient_of_its_loss(self, small):
        R, D, x, _ = small
        other = copy.deepcopy(R)
        r = other(x)
        (functional.softplus(D(r)).sum((1, 2)).mean() + 0.3 * (r - x).abs().sum((1, 2, 3)).mean()).backward()
        expected = weights(other) - 0.01 * torch.cat([p.grad.flatten() for p in other.parameters()])
        before = weights(D)
        sgd = torch.optim.SGD(R.parameters(), lr=0.01)
        update_refiner(R, D, sgd, x, lambda_=0.3, psi=lambda v: v)
        assert torch.allclose(weights(R), expected, atol=1e-6)
        assert torch.equal(weights(D), before)
        assert all(p.requires_grad for p in D.parameters())

    def test_one_update_of_the_discriminator_leaves_the_refiner(self, small):
        R, D, x, y = small
        other = copy.deepcopy(D)
        with torch.no_grad():
            r = R(x)
        (functional.softplus(-other(r)) + functional.softplus(other(y))).sum((1, 2)).mean().backward()
        expected = weights(other) - 0.01 * torch.cat([p.grad.flatten() for p in other.parameters()])
        before = weights(R)
        update_discriminator(R, D, torch.optim.SGD(D.parameters(), lr=0.01), x, y, buffer=None, generator=seeded())
        assert torch.allclose(weights(D), expected, atol=1e-6)
        assert torch.equal(weights(R), before)

    def test_with_a_past_half_a_batch_is_refined_and_half_remembered(self, small):
        R, D, x, y = small
        seen = []
        D.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        buffer, sgd = refine.ImageHistoryBuffer(16), torch.optim.SGD(D.parameters(), lr=0.0)
        for _ in range(3):
            update_discriminator(R, D, sgd, x, y, buffer=buffer, generator=seeded())
        assert [len(batch) for batch in seen] == [4 + 8, 8 + 8, 8 + 8]

    def test_k_g_and_k_d_are_the_numbers_of_updates(self, small):
        R, D, x, y = small
        counts = {}
        for name, net in (("R", R), ("D", D)):
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
            optimizer.register_step_post_hook(lambda *_, name=name: counts.update({name: counts.get(name, 0) + 1}))
            counts[name + " optimizer"] = optimizer
        step = refine.simgan(R, D, counts["R optimizer"], counts["D optimizer"], lambda_=0.1, generator=seeded())
        history = train.fit(
            step, refine.RefineBatches(x, y, batch_size=4, iterations=3, K_g=5, K_d=2, generator=seeded()), epochs=1
        )
        assert (counts["R"], counts["D"]) == (15, 6)
        assert set(history) == {"refiner", "discriminator", "fooled", "d_accuracy"}

    def test_the_same_seed_gives_the_same_refiner(self, small):
        R, D, x, y = small

        def trained():
            r, d = copy.deepcopy(R), copy.deepcopy(D)
            step = refine.simgan(
                r, d, torch.optim.Adam(r.parameters()), torch.optim.Adam(d.parameters()),
                lambda_=0.1, buffer=refine.ImageHistoryBuffer(8), generator=seeded(5),
            )  # fmt: skip
            train.fit(step, refine.RefineBatches(x, y, batch_size=4, iterations=4, generator=seeded(5)), epochs=1)
            return weights(r)

        assert torch.equal(trained(), trained())

    def test_bad_input_is_refused(self, unchecked):
        x = torch.rand(4, 1, 8, 8)
        with pytest.raises(ValueError, match="an even batch_size"):
            refine.RefineBatches(x, x, batch_size=3, iterations=1, generator=seeded())
        with pytest.raises(ValueError, match="expected the same"):
            refine.RefineBatches(x, torch.rand(4, 1, 8, 9), batch_size=2, iterations=1, generator=seeded())


class TestMeasures:
    def test_drift_of_a_known_move(self):
        before = torch.randn(500, 2, generator=seeded(), dtype=torch.float64)
        noise = torch.randn(500, 2, generator=seeded(1), dtype=torch.float64)
        noise -= noise.mean(0)
        found = refine.drift(before, before + torch.tensor([2.0, -1.0], dtype=torch.float64) + noise)
        assert torch.allclose(found.shift, torch.tensor([2.0, -1.0], dtype=torch.float64))
        assert math.isclose(float(found.scatter), float(noise.var(0, correction=0).sum().sqrt()), rel_tol=1e-9)
        still = refine.drift(before, before)
        assert float(still.distance) == float(still.scatter) == 0

    def test_a_pupil_is_found_and_moves_with_the_image(self):
        eyes = data.simulate.eyes(200, generator=seeded(), pitch=(-8, 8), yaw=(-15, 15), openness=(1, 1))
        at = refine.pupil_centre(eyes.x, radius=7.7, sharpness=40)
        # Ten seeds: .9 to 1.3 pixels of 55; the middle of the image is 2.7 to 3.0 off.
        assert float((at - eyes.extra["pupil"]).norm(dim=1).mean()) < 2
        moved = refine.pupil_centre(functional.pad(eyes.x, (3, 0, 0, 0), mode="replicate")[..., :-3], radius=7.7)
        assert math.isclose(
            float((moved - refine.pupil_centre(eyes.x, radius=7.7)).median(0).values[0]), 3, abs_tol=0.3
        )

    def test_brightness_and_contrast_do_not_move_it(self):
        eyes = data.simulate.eyes(50, generator=seeded())
        change = refine.pupil_centre(0.3 + 0.4 * eyes.x, radius=7.7) - refine.pupil_centre(eyes.x, radius=7.7)
        assert float(change.abs().max()) < 0.05

    def test_equal_sets_are_not_told_apart_and_others_are(self):
        g = seeded()
        same = [torch.rand(200, 1, 8, 8, generator=g) for _ in range(2)]
        # Ten seeds: .495 to .555; and 1.0 for the pair below.
        assert refine.classifier_two_sample_test(*same, epochs=3, width=4, generator=seeded()) < 0.65
        assert refine.classifier_two_sample_test(same[0] * 0.5, same[1], epochs=8, width=4, generator=seeded()) > 0.9

    def test_telling_apart_leaves_the_global_randomness_alone(self):
        torch.manual_seed(7)
        expected = torch.rand(1)
        torch.manual_seed(7)
        a, b = (torch.rand(8, 1, 8, 8, generator=seeded()) for _ in range(2))
        refine.classifier_two_sample_test(a, b, epochs=1, width=4, generator=seeded())
        assert torch.equal(torch.rand(1), expected)

    def test_bad_input_is_refused(self, unchecked):
        with pytest.raises(ValueError, match="one or more images"):
            refine.drift(torch.zeros(0, 2), torch.zeros(0, 2))
        with pytest.raises(ValueError, match="above 0"):
            refine.pupil_centre(torch.rand(1, 1, 9, 9), radius=0)
        with pytest.raises(ValueError, match="four or more"):
            refine.classifier_two_sample_test(torch.rand(3, 1, 8, 8), torch.rand(9, 1, 8, 8), generator=seeded())


def learn(*, lambda_, iterations=60):
    """A short refinement of eyes: the refiner and both sets."""
    synthetic = data.simulate.eyes(300, generator=seeded(0), size=(16, 24))
    real = data.simulate.eyes(300, generator=seeded(1), size=(16, 24), **CAMERA)
    torch.manual_seed(0)
    R, D = refine.Refiner(width=8, blocks=1), refine.LocalDiscriminator(widths=(8, 16, 16))
    optimizers = [torch.optim.Adam(net.parameters(), lr=4e-3, betas=(0.5, 0.999)) for net in (R, D)]
    step = refine.simgan(R, D, *optimizers, lambda_=lambda_, buffer=refine.ImageHistoryBuffer(128), generator=seeded())
    train.fit(
        step,
        refine.RefineBatches(synthetic.x, real.x, batch_size=16, iterations=iterations, generator=seeded()),
        epochs=1,
    )
    return R, synthetic, real


class TestLearning:
    def test_it_learns_the_contrast_of_the_camera(self):
        R, synthetic, real = learn(lambda_=0.1)
        spread = [float(x.std((1, 2, 3)).mean()) for x in (synthetic.x, refine.refine_images(R, synthetic.x), real.x)]
        assert spread[0] > 2 * spread[2]
        # Five other seeds went .59 to .90 of the way.
        assert spread[0] - spread[1] > 0.3 * (spread[0] - spread[2])

    def test_a_large_lambda_leaves_images_as_they_are(self):
        R, synthetic, _ = learn(lambda_=100.0, iterations=20)
        assert float((refine.refine_images(R, synthetic.x) - synthetic.x).abs().mean()) < 0.02


@pytest.mark.skipif("LABKIT_DATA" not in os.environ, reason="LABKIT_DATA is not set: no real eyes here")
def test_real_eyes_are_told_from_simulated_ones():
    from PIL import Image

    files = sorted((Path(os.environ["LABKIT_DATA"]) / "eyes" / "mpiigaze").glob("*.png"))[:80]
    if not files:
        pytest.skip("LABKIT_DATA holds no eyes/mpiigaze")
    grey = [torch.frombuffer(bytearray(Image.open(f).convert("L").tobytes()), dtype=torch.uint8) for f in files]
    real = functional.avg_pool2d(torch.stack(grey).view(-1, 1, 35, 55).float() / 255, 2)
    made = functional.avg_pool2d(data.simulate.eyes(80, generator=seeded()).x, 2)
    # 1.0 on ten of ten seeds.
    assert refine.classifier_two_sample_test(made, real, epochs=30, width=4, generator=seeded()) > 0.8
