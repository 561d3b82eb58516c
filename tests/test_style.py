"""Style transfer against slow loops, torch, kornia, closed forms and finite differences."""

import doctest
import importlib
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from labkit import nets, style, train

MODULES = ("adaptive", "colour", "cues", "encoders", "fast", "losses", "mixing", "networks", "pixels", "statistics")
DOUBLE = torch.float64


def seeded(seed=0, device="cpu"):
    return torch.Generator(device=device).manual_seed(seed)


def maps(*shape, seed=0, dtype=DOUBLE):
    return torch.randn(*shape, generator=seeded(seed), dtype=dtype)


def pictures(n, size=16, *, channels=3, seed=0, dtype=torch.float32):
    return torch.rand(n, channels, size, size, generator=seeded(seed), dtype=dtype)


def loss_of(s, **knobs):
    return style.PerceptualLoss(style.FilterBank(filters=8, scales=2), s, **knobs)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name, unchecked):
    outcome = doctest.testmod(importlib.import_module(f"labkit.style.{name}"))
    assert outcome.failed == 0
    assert outcome.attempted > 0 or name == "fast"


class TestStatistics:
    @pytest.mark.parametrize(("divide", "by"), [("none", 1), ("positions", 15), ("all", 60)])
    def test_the_gram_matrix_in_slow_motion(self, divide, by):
        f = maps(2, 4, 3, 5)
        expected = torch.zeros(2, 4, 4, dtype=DOUBLE)
        for b in range(2):
            for i in range(4):
                for j in range(4):
                    expected[b, i, j] = sum(f[b, i, r, c] * f[b, j, r, c] for r in range(3) for c in range(5)) / by
        assert torch.allclose(style.gram(f, divide=divide), expected)

    def test_it_is_that_of_einsum_on_views_and_batches_of_one(self, device):
        f = maps(3, 5, 4, 6, dtype=torch.float32).to(device)
        for view in (f, f[:1], f.transpose(2, 3), f[:, ::2]):
            n = view.shape[2] * view.shape[3]
            assert torch.allclose(style.gram(view), torch.einsum("bchw,bdhw->bcd", view, view) / n, atol=1e-5)
            assert style.gram(view).dtype == torch.float32

    def test_places_are_summed_out_and_sizes_may_differ(self):
        f = maps(1, 4, 6, 6)
        order = torch.randperm(36, generator=seeded())
        shuffled = f.flatten(2)[..., order].view_as(f)
        assert torch.allclose(style.gram(f), style.gram(shuffled))
        assert torch.allclose(style.gram(f), style.gram(torch.cat([f, f], dim=3)))

    def test_the_distance_is_gatys_s_whatever_is_divided_where(self):
        f, a = maps(1, 4, 3, 5), maps(1, 4, 3, 5, seed=1)
        raw = style.gram(f, divide="none") - style.gram(a, divide="none")
        expected = raw.square().sum() / (4 * 4**2 * 15**2)
        assert torch.allclose(style.gram_distance(style.gram(f), style.gram(a)), expected)

    def test_equal_gram_matrices_are_a_zero_mmd_and_different_ones_are_not(self):
        a, b = maps(2, 3, 4, 5), maps(2, 3, 6, 2, seed=1)
        difference = (style.gram(a) - style.gram(b)).square().sum((1, 2))
        assert torch.allclose(style.squared_mmd(a, b), difference)
        # A rotation of the places' features among themselves keeps F Fᵀ and changes every feature.
        turn, _ = torch.linalg.qr(maps(20, 20, seed=2))
        c = (a.flatten(2) @ turn).view_as(a)
        assert not torch.allclose(a, c, atol=0.1)
        assert torch.allclose(style.squared_mmd(a, c), torch.zeros(2, dtype=DOUBLE), atol=1e-10)

    def test_the_mean_over_pairs_in_slow_motion(self):
        a, b = maps(1, 2, 1, 3), maps(1, 2, 1, 2, seed=1)
        x, y = a[0, :, 0].T, b[0, :, 0].T
        k = lambda u, v: sum(float(p @ q) ** 2 for p in u for q in v) / (len(u) * len(v))  # noqa: E731
        assert math.isclose(float(style.squared_mmd(a, b)), k(x, x) + k(y, y) - 2 * k(x, y), rel_tol=1e-9)

    def test_moments_are_those_of_the_places_and_survive_an_offset(self):
        f = maps(2, 3, 4, 5)
        mean, std = style.moments(f, eps=0.0)
        assert torch.allclose(mean.flatten(1), f.flatten(2).mean(2))
        assert torch.allclose(std.flatten(1), f.flatten(2).std(2, correction=0))
        far = style.moments(f.float() + 1000, eps=0.0)[1]
        assert torch.allclose(far, std.float(), rtol=1e-2)

    def test_a_flat_map_has_a_finite_deviation_and_gradient(self):
        f = torch.ones(1, 2, 3, 3, requires_grad=True)
        style.moments(f)[1].sum().backward()
        assert bool(f.grad.isfinite().all())


class TestLosses:
    def test_content_is_torchs_mean_squared_error_for_each_picture(self):
        a, b = maps(3, 2, 4, 5), maps(3, 2, 4, 5, seed=1)
        expected = functional.mse_loss(a, b, reduction="none").mean((1, 2, 3))
        assert torch.allclose(style.content_loss(a, b), expected)

    def test_style_in_slow_motion_with_weights_and_without(self):
        layers = [maps(2, 3, 4, 5), maps(2, 6, 2, 3, seed=1)]
        targets = [style.gram(maps(1, 3, 7, 7, seed=2)), style.gram(maps(1, 6, 2, 2, seed=3))]
        terms = [((style.gram(f) - a) ** 2).sum((1, 2)) / (4 * f.shape[1] ** 2) for f, a in zip(layers, targets)]
        assert torch.allclose(style.style_loss(layers, targets, weights=[0.2, 3.0]), 0.2 * terms[0] + 3 * terms[1])
        assert torch.allclose(style.style_loss(layers, targets), (terms[0] + terms[1]) / 2)

    def test_variation_is_kornias(self):
        kornia = pytest.importorskip("kornia")
        x = pictures(3, channels=2)[..., :11]
        assert torch.allclose(
            style.total_variation(x), kornia.losses.total_variation(x, reduction="mean").mean(1), atol=1e-6
        )

    def test_variation_of_flat_and_of_checked_pictures(self):
        assert float(style.total_variation(torch.full((1, 3, 4, 4), 0.3))) == 0
        checks = (torch.arange(4)[:, None] + torch.arange(4)) % 2
        assert float(style.total_variation(checks.float()[None, None])) == 2

    def test_gradients_are_those_of_finite_differences(self):
        f, g = maps(2, 3, 3, 4).requires_grad_(), maps(2, 3, 3, 4, seed=1)
        a = style.gram(g)
        assert torch.autograd.gradcheck(lambda v: style.style_loss([v], [a]), f)
        assert torch.autograd.gradcheck(lambda v: style.content_loss(v, g), f)
        assert torch.autograd.gradcheck(lambda v: style.adain(v, g), f)
        assert torch.autograd.gradcheck(lambda v: style.moment_loss([v], [g]), f)

    def test_the_whole_is_the_weighted_sum_of_its_parts_and_pictures_do_not_meet(self):
        s, z, c = pictures(1, seed=1), pictures(3, seed=2), pictures(3, seed=3)
        loss = loss_of(s, content_weight=2.0, style_weight=5.0, tv_weight=0.3)
        terms = loss(z, c)
        assert torch.allclose(terms.loss, 2 * terms.content + 5 * terms.style + 0.3 * terms.variation)
        for i in range(3):
            assert torch.allclose(loss(z[i : i + 1], c[i : i + 1]).loss, terms.loss[i], atol=1e-6)

    def test_the_style_itself_has_no_style_loss_and_content_none_of_content(self):
        s = pictures(1)
        assert float(loss_of(s)(s, s).loss) < 1e-9

    def test_several_styles_are_chosen_by_index(self):
        s, z = pictures(3, seed=1), pictures(2, seed=2)
        terms = loss_of(s)(z, z, index=torch.tensor([2, 0]))
        alone = [loss_of(s[k : k + 1])(z[i : i + 1], z[i : i + 1]).style for i, k in enumerate((2, 0))]
        assert torch.allclose(terms.style, torch.cat(alone))

    def test_no_gradient_reaches_targets_or_content(self):
        s, c = pictures(1).requires_grad_(), pictures(1, seed=1).requires_grad_()
        z = pictures(1, seed=2).requires_grad_()
        loss_of(s)(z, c).loss.sum().backward()
        assert s.grad is None
        assert c.grad is None
        assert z.grad.abs().sum() > 0

    def test_bad_input_is_refused(self, unchecked):
        f = torch.rand(2, 3, 4, 4)
        for call, match in [
            (lambda: style.gram(f[0]), "float maps"),
            (lambda: style.gram(f, divide="half"), "divide is 'half'"),
            (lambda: style.gram_distance(torch.rand(2, 3, 3), torch.rand(3, 3, 3)), "alike or one for all"),
            (lambda: style.content_loss(f, f[..., :2]), "place by place"),
            (lambda: style.content_loss(f, torch.rand(3, 3, 4, 4)), "place by place"),
            (lambda: style.style_loss([], []), "0 layers"),
            (lambda: style.style_loss([f], [style.gram(f)], weights=[1, 2]), "2 weights"),
            (lambda: style.total_variation(f[..., :1]), "two pixels"),
            (lambda: style.moments(f, eps=-1.0), "eps is -1"),
            (lambda: loss_of(255 * f), "go from"),
            (lambda: loss_of(pictures(1), content_layers=(7,)), "there is no layer 7"),
            (lambda: loss_of(pictures(1), style_weight=-1.0), "style_weight is -1"),
            (lambda: loss_of(pictures(1))(pictures(1)), "content picture is missing"),
            (lambda: loss_of(pictures(3))(pictures(2), pictures(2)), "say which with index"),
            (lambda: loss_of(pictures(0)), "no picture"),
        ]:
            with pytest.raises(ValueError, match=match):
                call()


class TestEncoders:
    def test_filters_have_no_mean_and_length_1_and_depend_on_the_seed(self):
        w = style.FilterBank(seed=3).weight
        assert torch.allclose(w.mean((3, 4)), torch.zeros(4, 32, 3), atol=1e-6)
        assert torch.allclose(w.flatten(2).norm(dim=2), torch.ones(4, 32))
        assert torch.equal(w, style.FilterBank(seed=3).weight)
        assert not torch.equal(w, style.FilterBank(seed=4).weight)

    def test_a_flat_picture_has_its_colours_and_nothing_else(self):
        first, *_ = style.FilterBank(scales=3)(torch.full((1, 3, 16, 16), 0.75))
        assert first[:, :64].abs().max() < 1e-4
        assert torch.allclose(first[:, 64:], torch.ones(1, 3, 16, 16))

    def test_a_float64_picture_has_float64_maps(self):
        assert style.FilterBank(scales=2)(pictures(1, dtype=DOUBLE))[1].dtype == DOUBLE

    def test_layers_of_a_network_are_what_hooks_see_though_the_next_layer_works_in_place(self):
        torch.manual_seed(0)
        body = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Conv2d(4, 5, 1)
        )
        seen = {}
        for i in (0, 3):
            body[i].register_forward_hook(lambda m, _, out, i=i: seen.update({i: out.clone()}))
        x = pictures(2)
        first, second = style.FeatureMaps(body, [0, 3])(x)
        assert torch.equal(first, seen[0])
        assert float(first.min()) < 0, "what the ReLU cuts off in place is still there"
        assert torch.equal(second, seen[3])

    def test_it_stays_in_evaluation_mode_and_learns_nothing(self):
        encoder = style.FeatureMaps(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), [1])
        nn.Sequential(encoder).train()
        encoder(pictures(4))
        assert not any(p.requires_grad for p in encoder.parameters())
        assert float(encoder.body[1].running_mean.abs().sum()) == 0

    def test_a_grey_network_sees_the_mean_of_the_colours(self):
        encoder = style.FeatureMaps(nn.Sequential(nn.Identity()), [0], mean=0.0, std=1.0, grey=True)
        x = pictures(2)
        assert torch.allclose(encoder(x)[0], x.mean(1, keepdim=True))

    def test_bad_input_is_refused(self, unchecked):
        body = nn.Sequential(nn.Identity(), nn.Identity())
        for call, match in [
            (lambda: style.FilterBank(kernel=4), "odd kernel"),
            (lambda: style.FilterBank()(pictures(1, 16)), "need 24 pixels"),
            (lambda: style.FilterBank()(pictures(1, 32, channels=1)), "3 channels"),
            (lambda: style.FeatureMaps(nn.Identity(), [0]), "nn.Sequential"),
            (lambda: style.FeatureMaps(body, [1, 0]), "growing numbers"),
            (lambda: style.FeatureMaps(body, [2]), "from 0 to 1"),
            (lambda: style.FeatureMaps(body, []), "growing numbers"),
        ]:
            with pytest.raises(ValueError, match=match):
                call()


class TestPixels:
    def test_a_texture_from_noise_gets_the_gram_matrix_of_the_style(self):
        s = style.textures(torch.tensor([2]), size=24, generator=seeded(1)).expand(-1, 3, -1, -1)
        loss = style.PerceptualLoss(style.FilterBank(filters=16, scales=3), s, content_weight=0, style_weight=1.0)
        history = style.stylize_pixels(loss, torch.zeros_like(s), start="noise", steps=40, generator=seeded()).history
        assert history["style"][-1] < 0.02 * history["style"][0]

    def test_more_weight_on_style_gives_more_style_and_less_content(self):
        c, s = (
            pictures(1, 24, seed=1),
            style.textures(torch.tensor([0]), size=24, generator=seeded()).expand(-1, 3, -1, -1),
        )
        bank = style.FilterBank(filters=8, scales=3)
        ends = []
        for weight in (10.0, 10_000.0):
            history = style.stylize_pixels(style.PerceptualLoss(bank, s, style_weight=weight), c, steps=12).history
            ends.append((history["style"][-1], history["content"][-1]))
        assert ends[1][0] < ends[0][0]
        assert ends[1][1] > ends[0][1]

    def test_no_style_weight_leaves_the_content_as_it_is(self):
        c = pictures(2)
        result = style.stylize_pixels(loss_of(pictures(1, seed=1), style_weight=0.0), c, steps=3)
        assert torch.allclose(result.image, c, atol=1e-6)

    def test_the_encoder_and_the_inputs_stay_as_they_are(self):
        body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        body.train()
        trainable = lambda x: [body(x)]  # noqa: E731
        before = [v.clone() for v in body[0].state_dict().values()]
        c, s = pictures(2), pictures(1, seed=1)
        kept = c.clone(), s.clone()
        style.stylize_pixels(style.PerceptualLoss(trainable, s, content_layers=(0,)), c, steps=3)
        assert all(torch.equal(a, b) for a, b in zip(before, body[0].state_dict().values()))
        assert all(p.grad is None for p in body.parameters())
        assert torch.equal(c, kept[0])
        assert torch.equal(s, kept[1])
        assert not c.requires_grad

    def test_the_same_generator_gives_the_same_picture_in_the_range_of_pixels(self):
        loss = loss_of(pictures(1, seed=1), content_weight=0.0)
        a, b = (
            style.stylize_pixels(loss, pictures(1), start="noise", steps=3, generator=seeded(5)).image for _ in "ab"
        )
        assert torch.equal(a, b)
        assert 0 <= float(a.min()) <= float(a.max()) <= 1

    def test_bad_input_is_refused(self, unchecked):
        loss = loss_of(pictures(1))
        with pytest.raises(ValueError, match="go from"):
            style.stylize_pixels(loss, 255 * pictures(1))
        with pytest.raises(ValueError, match="start is 'middle'"):
            style.stylize_pixels(loss, pictures(1), start="middle")
        with pytest.raises(ValueError, match="shape of content"):
            style.stylize_pixels(loss, pictures(1), start=pictures(2))


class TestAdaptive:
    def test_the_result_has_the_moments_of_the_style(self):
        x, y = maps(3, 4, 5, 6), 2 + 3 * maps(3, 4, 7, 2, seed=1)
        for given, expected in zip(style.moments(style.adain(x, y), eps=0.0), style.moments(y, eps=0.0)):
            assert torch.allclose(given, expected, atol=1e-4)

    def test_it_is_torchs_instance_norm_scaled_and_moved(self):
        x, y = maps(2, 4, 5, 6, dtype=torch.float32), maps(2, 4, 3, 3, seed=1, dtype=torch.float32)
        mean, std = style.moments(y)
        assert torch.allclose(style.adain(x, y), functional.instance_norm(x) * std + mean, atol=1e-5)

    def test_a_picture_in_its_own_style_stays_and_strength_0_is_the_content(self):
        x, y = maps(2, 4, 5, 6), maps(1, 4, 3, 3, seed=1)
        assert torch.allclose(style.adain(x, x), x)
        assert torch.equal(style.adain(x, y, strength=0.0), x)
        half = style.adain(x, y, strength=torch.tensor([0.5, 1.0]))
        whole = style.adain(x, y)
        assert torch.allclose(half[0], (x[0] + whole[0]) / 2)
        assert torch.allclose(half[1], whole[1])

    def test_flat_maps_give_no_nan(self):
        x = torch.ones(1, 2, 3, 3)
        assert torch.allclose(style.adain(x, 4 * x), 4 * x)

    def test_only_the_decoder_learns_and_it_does(self):
        bank = style.FilterBank(filters=8, scales=2)
        decoder = style.Decoder(19, width=16, doublings=0)
        before = bank.weight.clone()
        x = torch.cat([style.textures(torch.arange(4), size=16, generator=seeded(i)) for i in range(4)])
        step = style.adain_step(decoder, torch.optim.Adam(decoder.parameters(), lr=1e-2), encoder=bank, layer=0,
                                generator=seeded())  # fmt: skip
        history = train.fit(
            step, train.Minibatches(x.expand(-1, 3, -1, -1), batch_size=8, generator=seeded()), epochs=8
        )
        assert history["loss"][-1] < 0.8 * history["loss"][0]
        assert torch.equal(bank.weight, before)
        painted = style.stylize(bank, decoder, pictures(2), pictures(1, 20), layer=0, strength=0.5)
        assert painted.shape == (2, 3, 16, 16)

    def test_bad_input_is_refused(self, unchecked):
        x = torch.rand(2, 3, 4, 4)
        for call, match in [
            (lambda: style.adain(x, x[:, :2]), "channels of x"),
            (lambda: style.adain(x, torch.rand(3, 3, 4, 4)), "one or as many"),
            (lambda: style.adain(x, x, strength=torch.rand(3)), "strength is one number"),
            (lambda: style.moment_loss([x], []), "0 of the style"),
            (lambda: style.adain_step(nn.Identity(), None, encoder=nn.Identity(), style_weight=-1.0), "style_weight"),
        ]:
            with pytest.raises(ValueError, match=match):
                call()


class TestNetworks:
    @pytest.mark.parametrize("size", [(8, 8), (12, 20)])
    def test_pictures_come_back_in_their_size_and_range(self, size):
        z = style.StyleNet(width=4, blocks=1)(torch.rand(2, 3, *size)).detach()
        assert z.shape == (2, 3, *size)
        assert 0 <= float(z.min()) <= float(z.max()) <= 1

    def test_a_residual_network_adds_to_the_picture(self):
        net, x = style.StyleNet(width=4, blocks=0, residual=True), 0.1 + 0.8 * pictures(2)
        with torch.no_grad():
            net.last.weight.zero_()
            net.last.bias.zero_()
        assert torch.allclose(net(x), x, atol=1e-6)

    def test_a_sample_does_not_depend_on_its_batch(self):
        net, x = style.StyleNet(width=4, blocks=1).eval(), pictures(3)
        assert torch.allclose(net(x)[1:2], net(x[1:2]), atol=1e-5)

    def test_a_norm_of_several_styles_is_that_of_each(self):
        norm, x = style.networks.StyleNorm(3, styles=2), maps(2, 3, 4, 4, dtype=torch.float32)
        with torch.no_grad():
            norm.scale.copy_(torch.rand(2, 3))
            norm.shift.copy_(torch.rand(2, 3))
        for i, k in enumerate((1, 0)):
            expected = functional.instance_norm(x[i : i + 1], weight=norm.scale[k], bias=norm.shift[k])
            assert torch.allclose(norm(x, torch.tensor([1, 0]))[i : i + 1], expected, atol=1e-5)

    def test_it_has_the_parameters_of_johnsons_network(self):
        """The convolutions of the paper's figure with biases, and a scale and a shift for each normalised map."""
        count = 3 * 32 * 81 + 32 + 32 * 64 * 9 + 64 + 64 * 128 * 9 + 128 + 10 * (128 * 128 * 9 + 128)
        count += 128 * 64 * 9 + 64 + 64 * 32 * 9 + 32 + 32 * 3 * 81 + 3
        count += 2 * (32 + 64 + 128 + 10 * 128 + 64 + 32)
        assert nets.parameter_count(style.StyleNet()) == count

    def test_each_style_moves_its_own_scale_alone(self):
        net = style.StyleNet(width=4, blocks=0, styles=3)
        net(pictures(2), torch.tensor([1, 1])).sum().backward()
        slope = net.blocks[0].norm.scale.grad.abs().sum(1)
        assert slope[1] > 0
        assert float(slope[0] + slope[2]) == 0

    def test_a_network_learns_a_style_and_a_generator_learns_a_texture_from_noise(self):
        x = pictures(16)
        s = style.textures(torch.tensor([0, 2]), size=16, generator=seeded(2)).expand(-1, 3, -1, -1)
        net = style.StyleNet(width=4, blocks=0, styles=2)
        step = style.fast_style_step(
            net, torch.optim.Adam(net.parameters(), lr=1e-2), loss_of(s), styles=2, generator=seeded()
        )
        history = train.fit(step, train.Minibatches(x, batch_size=4, generator=seeded()), epochs=10)
        assert history["style"][-1] < 0.7 * history["style"][0]

        g, noise = style.Decoder(4, width=16, doublings=1), seeded(4)
        texture = style.texture_step(g, torch.optim.Adam(g.parameters(), lr=1e-2), loss_of(s[:1], content_weight=0.0))
        history = train.fit(texture, lambda: [(torch.randn(4, 4, 8, 8, generator=noise),) for _ in range(10)], epochs=4)
        assert history["loss"][-1] < 0.8 * history["loss"][0]

    def test_bad_input_is_refused(self, unchecked):
        net = style.StyleNet(width=4, blocks=0, styles=2)
        for call, match in [
            (lambda: net(pictures(1, 18)), "multiples of 4"),
            (lambda: net(pictures(1), torch.tensor([2])), "from 0 to 1"),
            (lambda: net(pictures(1, channels=1)), "3 channels"),
            (lambda: style.StyleNet(width=0), "expected 1 or more"),
            (lambda: style.Decoder(0), "expected 1 or more"),
            (lambda: style.fast_style_step(net, None, loss_of(pictures(1)), styles=2), "has 1 styles, not 2"),
            (lambda: style.texture_step(net, None, loss_of(pictures(1))), "content_weight=0"),
        ]:
            with pytest.raises(ValueError, match=match):
                call()


class TestMixing:
    def test_mixstyle_in_slow_motion(self):
        x, partner, weight = maps(3, 2, 4, 4), torch.tensor([2, 1, 1]), torch.tensor([0.2, 0.7, 1.0], dtype=DOUBLE)
        z = style.mixstyle(x, partner=partner, lambda_=weight, eps=0.0)
        for i, j in enumerate(partner.tolist()):
            for c in range(2):
                mean = [float(x[k, c].mean()) for k in (i, j)]
                std = [float(x[k, c].std(correction=0)) for k in (i, j)]
                w = float(weight[i])
                gamma, beta = w * std[0] + (1 - w) * std[1], w * mean[0] + (1 - w) * mean[1]
                assert torch.allclose(z[i, c], gamma * (x[i, c] - mean[0]) / std[0] + beta)

    def test_weight_1_changes_nothing_and_weight_0_is_adain(self):
        x, partner = maps(3, 2, 4, 4), torch.tensor([1, 2, 0])
        assert torch.allclose(style.mixstyle(x, partner=partner, lambda_=1.0), x)
        assert torch.allclose(style.mixstyle(x, partner=partner, lambda_=0.0, eps=1e-5), style.adain(x, x[partner]))

    def test_statistics_are_constants_to_the_gradient(self):
        x = maps(2, 1, 3, 3).requires_grad_()
        style.mixstyle(x, partner=torch.tensor([1, 0]), lambda_=0.3).sum().backward()
        std = style.moments(x.detach(), eps=1e-6)[1]
        expected = (0.3 * std + 0.7 * std.flip(0)) / std
        assert torch.allclose(x.grad, expected.expand_as(x))

    def test_the_layer_is_active_in_training_only_and_follows_its_generator(self):
        x = maps(64, 2, 4, 4, dtype=torch.float32)
        layer = style.MixStyle(p=1.0, alpha=1.0, generator=seeded(1))
        first = layer(x)
        assert not torch.allclose(first, x, atol=1e-3)
        layer.generator = seeded(1)
        assert torch.equal(layer(x), first)
        assert torch.equal(layer.eval()(x), x)
        half = style.MixStyle(p=0.25, alpha=1.0, generator=seeded(2))(x)
        moved = float(((half - x).abs().amax((1, 2, 3)) > 1e-4).float().mean())
        assert 0.1 < moved < 0.4

    def test_weights_follow_beta_for_a_small_alpha_too(self):
        w = style.mixing.beta(20_000, alpha=0.1, like=torch.empty(0), generator=seeded()).double()
        assert bool(w.isfinite().all())
        assert abs(float(w.mean()) - 0.5) < 0.02
        assert abs(float(w.var()) - 1 / (4 * (2 * 0.1 + 1))) < 0.01

    def test_exchanged_texture_keeps_the_blur_and_takes_the_rest(self):
        x, partner = 0.4 + 0.2 * pictures(3, dtype=DOUBLE), torch.tensor([1, 2, 0])
        z = style.exchange_texture(x, partner=partner, sigma=2.0)
        blur = lambda v: style.mixing.lowpass(v, torch.full((len(v),), 2.0, dtype=DOUBLE))  # noqa: E731
        assert torch.allclose(z, (blur(x) + x[partner] - blur(x)[partner]).clamp(0, 1))
        assert torch.allclose(style.exchange_texture(x, partner=torch.arange(3), sigma=2.0), x)

    def test_the_blur_is_scipys(self):
        ndimage = pytest.importorskip("scipy.ndimage")
        x = pictures(1, 24, channels=1, dtype=DOUBLE)
        expected = ndimage.gaussian_filter(x[0, 0].numpy(), 2.0, mode="reflect", truncate=8)
        assert torch.allclose(
            style.mixing.lowpass(x, torch.tensor([2.0], dtype=DOUBLE))[0, 0], torch.from_numpy(expected), atol=1e-4
        )

    def test_bad_input_is_refused(self, unchecked):
        x = torch.rand(2, 3, 4, 4)
        for call, match in [
            (lambda: style.mixstyle(x, partner=torch.tensor([0]), lambda_=0.5), "for each of the 2"),
            (lambda: style.mixstyle(x, partner=torch.tensor([0, 2]), lambda_=0.5), "from 0 to 1"),
            (lambda: style.mixstyle(x, partner=torch.tensor([0.0, 1.0]), lambda_=0.5), "float32"),
            (lambda: style.MixStyle(alpha=0.0), "alpha above 0"),
            (lambda: style.MixStyle(p=2.0), "a probability"),
            (lambda: style.exchange_texture(x[0], partner=torch.tensor([0, 1]), sigma=1.0), "shape"),
        ]:
            with pytest.raises(ValueError, match=match):
                call()


class TestColour:
    def test_there_and_back(self):
        x = 0.05 + 0.9 * pictures(2, dtype=DOUBLE)
        assert torch.allclose(style.lab_to_rgb(style.rgb_to_lab(x)), x, atol=1e-6)

    def test_the_result_has_the_styles_moments_where_nothing_is_cut_off(self):
        c, s = 0.4 + 0.2 * pictures(2, dtype=DOUBLE), 0.4 + 0.1 * pictures(1, seed=1, dtype=DOUBLE)
        z = style.rgb_to_lab(style.colour_transfer(c, s))
        for given, expected in zip(style.moments(z, eps=0.0), style.moments(style.rgb_to_lab(s), eps=0.0)):
            assert torch.allclose(given, expected.expand_as(given), atol=5e-3)

    def test_it_is_one_map_from_colours_to_colours(self):
        c, s = pictures(1), pictures(1, seed=1)
        order = torch.randperm(256, generator=seeded())
        shuffled = c.flatten(2)[..., order].view_as(c)
        z = style.colour_transfer(c, s).flatten(2)[..., order].view_as(c)
        assert torch.allclose(style.colour_transfer(shuffled, s), z, atol=1e-4)

    def test_grey_pictures_are_refused(self, unchecked):
        with pytest.raises(ValueError, match="3 channels"):
            style.colour_transfer(pictures(1, channels=1), pictures(1))


class TestCues:
    def test_textures_agree_with_shapes_or_conflict_and_every_class_is_as_frequent(self):
        agree = style.cue_pictures(40, generator=seeded())
        assert torch.equal(agree.extra["texture"], agree.y)
        conflict = style.cue_pictures(400, conflict=True, generator=seeded())
        assert bool((conflict.extra["texture"] != conflict.y).all())
        assert conflict.y.bincount().tolist() == [100] * 4
        assert min(conflict.extra["texture"].bincount().tolist()) > 60

    def test_the_same_generator_gives_the_same_pictures(self):
        a, b = (style.cue_pictures(8, generator=seeded(3)) for _ in "ab")
        assert torch.equal(a.x, b.x)
        assert not torch.equal(a.x, style.cue_pictures(8, generator=seeded(4)).x)
        assert 0 <= float(a.x.min()) <= float(a.x.max()) <= 1

    def test_gram_matrices_tell_the_textures_apart(self):
        """A nearest mean of Gram matrices names the texture of a field it has not seen."""
        bank = style.FilterBank(channels=1, filters=16, scales=2)
        kinds = torch.arange(4).repeat_interleave(10)
        rows = []
        for seed in (0, 1):
            x = style.textures(kinds, size=24, generator=seeded(seed))
            rows.append(torch.cat([style.gram(f).flatten(1) for f in bank(x)], dim=1))
        means = torch.stack([rows[0][kinds == k].mean(0) for k in range(4)])
        assert float((torch.cdist(rows[1], means).argmin(1) == kinds).float().mean()) > 0.7

    def test_edges(self):
        x = style.cue_pictures(6, generator=seeded()).x
        assert torch.allclose(style.edge_agreement(x, 0.5 * x + 0.2), torch.ones(6), atol=1e-5)
        assert float(style.edge_agreement(x, x.flip(0).flip(-1)).abs().mean()) < 0.6
        assert float(style.edge_agreement(x, torch.full_like(x, 0.5)).abs().max()) == 0

    def test_bad_input_is_refused(self, unchecked):
        k = torch.tensor([0, 1])
        for call, match in [
            (lambda: style.textures(torch.tensor([4]), size=8), "from 0 to 3"),
            (lambda: style.cue_shares(k, k, k), "agree in some"),
            (lambda: style.cue_shares(k, k, 1 - k[:1]), "expected as many"),
            (lambda: style.cue_shares(k[:0], k[:0], k[:0]), "0 answers"),
            (lambda: style.edge_agreement(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 5)), "place by place"),
        ]:
            with pytest.raises(ValueError, match=match):
                call()


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_results_follow_device_and_dtype(device, dtype):
    x = pictures(2, dtype=dtype).to(device)
    partner = torch.tensor([1, 0], device=device)
    for result in (
        style.gram(x), style.adain(x, x[:1]), style.total_variation(x), style.colour_transfer(x, x[:1]),
        style.mixstyle(x, partner=partner, lambda_=0.5), style.exchange_texture(x, partner=partner, sigma=1.0),
        style.edge_agreement(x, x),
    ):  # fmt: skip
        assert result.dtype == dtype
        assert result.device.type == device.type
