"""Medical transforms held to their oracles: slow loops, scipy, closed forms; the rest is in test_medical_learning."""

import doctest
import importlib
import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from labkit.augment import Compose, OneOf, Sometimes, image, medical
from labkit.augment.medical import regions
from labkit.data import simulate
from labkit.masks import signed_distance

DTYPES = [torch.float32, torch.float64]
CROSS = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], dtype=bool)


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(b: int = 3, *, size: tuple[int, int] = (9, 13), dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand((b, 1, *size), generator=gen(1), dtype=torch.float64).to(dtype)


def blobs(b: int = 3, *, size: tuple[int, int] = (9, 13), seed: int = 2) -> Tensor:
    """Ragged masks of a few pieces."""
    noise = image.gaussian_blur(torch.rand((b, 1, *size), generator=gen(seed)), sigma=1.0)[:, 0]
    return noise > noise.flatten(1).quantile(0.7, dim=1)[:, None, None]


def brain(n: int = 6, size: int = 32):
    d = simulate.brain(n, generator=gen(3), size=size, tumour=1.0)
    return d.x, torch.stack([d.extra["mask"], d.extra["brain"]], 1)


class TestGamma:
    """Gamma, mean and deviation kept."""

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_it_is_the_slow_loop_and_keeps_mean_and_deviation(self, device, dtype):
        x = (7 * torch.rand(4, 3, 6, 5, generator=gen(), dtype=torch.float64) - 3).to(device, dtype)
        g = torch.tensor([0.5, 1.0, 1.5, 3.0], device=device)
        y = medical.gamma(x, gamma=g)
        for i in range(4):
            for c in range(3):
                v = x[i, c]
                z = ((v - v.min()) / (v.max() - v.min())) ** g[i]
                torch.testing.assert_close(y[i, c], (z - z.mean()) / z.std() * v.std() + v.mean(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(y.mean((2, 3)), x.mean((2, 3)), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(y.std((2, 3)), x.std((2, 3)))
        torch.testing.assert_close(y[1], x[1])
        assert y.dtype == dtype

    def test_the_order_of_the_values_stays_and_nothing_is_cut_off(self):
        x = 3 + 5 * pictures(1)
        y = medical.gamma(x, gamma=2.0)
        assert torch.equal(x.flatten().argsort(), y.flatten().argsort())
        assert float(y.max()) > 1

    def test_a_flat_picture_stays_and_has_a_finite_gradient(self):
        x = torch.cat([torch.full((1, 1, 3, 3), 0.4), pictures(1, size=(3, 3))]).requires_grad_()
        y = medical.gamma(x, gamma=0.7)
        assert torch.equal(y[0], x[0])
        y[0].sum().backward()
        assert x.grad is not None
        assert x.grad.isfinite().all()

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_without_a_gradient_it_is_the_same_to_rounding(self, dtype):
        x = 3000 + 40 * pictures(5, size=(200, 210), dtype=dtype).relu()
        x[1], x[2, 0, 0, 0] = 2.0, 2999.0
        g = torch.tensor([0.5, 2.0, 0.7, 1.5, 1.0], dtype=dtype)
        expected = medical.gamma(x.clone().requires_grad_(), gamma=g).detach()
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(medical.gamma(x, gamma=g), expected, rtol=4 * eps, atol=100 * eps)

    def test_it_is_differentiable_in_gamma(self):
        x = pictures(2, size=(3, 4), dtype=torch.float64)
        assert torch.autograd.gradcheck(
            lambda g: medical.gamma(x, gamma=g), torch.tensor([0.8, 1.4], dtype=torch.float64, requires_grad=True)
        )

    @pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
    def test_a_gamma_that_is_none_is_refused(self, bad):
        with pytest.raises(ValueError, match="gamma is"):
            medical.gamma(pictures(), gamma=bad)


class TestBiasField:
    """The polynomial of the place."""

    def test_it_is_the_slow_polynomial(self, device):
        x = pictures(2, size=(4, 7)).to(device)
        c = torch.randn(2, 10, generator=gen()).to(device) / 3
        y = medical.bias_field(x, coefficients=c)
        u, v = np.linspace(-1, 1, 7), np.linspace(-1, 1, 4)
        powers = [(i, j) for i in range(4) for j in range(4) if i + j <= 3]
        for b in range(2):
            for row in range(4):
                for column in range(7):
                    log = sum(float(c[b, k]) * u[column] ** i * v[row] ** j for k, (i, j) in enumerate(powers))
                    assert float(y[b, 0, row, column]) == pytest.approx(
                        float(x[b, 0, row, column]) * math.exp(log), rel=1e-4
                    )

    def test_without_strength_nothing_changes(self):
        x = pictures()
        assert torch.equal(medical.BiasField(0.0)(x, generator=gen()), x)

    @pytest.mark.parametrize("count", [0, 2, 4, 7])
    def test_a_number_of_coefficients_that_no_order_has_is_refused(self, count):
        with pytest.raises(ValueError, match=r"N one of 1, 3, 6, 10"):
            medical.bias_field(pictures(3), coefficients=torch.zeros(3, count))


class TestRicianNoise:
    """The magnitude of a complex image."""

    def test_air_becomes_as_bright_as_rayleigh_says(self):
        y = medical.rician_noise(torch.zeros(1, 1, 200, 200), sigma=0.1, generator=gen())
        assert float(y.mean()) == pytest.approx(0.1 * math.sqrt(math.pi / 2), rel=0.02)
        assert float(y.min()) >= 0

    def test_each_picture_has_its_own_noise_and_deviation(self):
        t = medical.RicianNoise((0.02, 0.1))
        x = torch.full((2, 1, 60, 60), 0.5)
        params = t.make_params(x, generator=gen())
        y = t.apply(x, params)
        deviations = y.flatten(1).std(1)
        torch.testing.assert_close(deviations, params["sigma"], rtol=0.1, atol=0)
        assert not torch.equal(y[0], y[1])

    def test_noise_of_another_shape_is_refused(self):
        with pytest.raises(ValueError, match="noise has shape"):
            medical.rician_noise.__wrapped__(pictures(), sigma=0.1, noise=torch.zeros(3, 1, 9, 13))


class TestSpatial:
    """Affine and elastic in one look-up."""

    def test_a_mask_of_classes_holds_no_class_that_it_did_not_hold(self):
        mask = torch.zeros(8, 20, 30, dtype=torch.int64)
        mask[:, 5:15, 5:15], mask[:, 5:15, 15:25] = 4, 2
        t = medical.AffineElastic(alpha=20.0)
        moved = t(torch.rand(8, 1, 20, 30), mask=mask, generator=gen())
        assert set(moved.mask.unique().tolist()) <= {0, 2, 4}
        assert moved.mask.dtype == torch.int64

    def test_without_bending_it_is_the_affine_transform(self):
        x = pictures(4)
        t = medical.AffineElastic(dx=3.0, dy=2.0)
        params = t.make_params(x, generator=gen())
        knobs = {name: params[name] for name in ("degrees", "scale", "dx", "dy")}
        torch.testing.assert_close(t.apply(x, params), image.affine(x, **knobs))

    def test_it_is_scipys_map_coordinates(self):
        x = pictures(2, size=(11, 9), dtype=torch.float64)
        t = medical.AffineElastic(dx=1.0, alpha=15.0, sigma=3.0)
        params = t.make_params(x, generator=gen(4))
        y = t.apply(x, params)
        rows, columns = np.mgrid[0:11, 0:9].astype(float)
        for b in range(2):
            d = params["displacement"][b].numpy()
            points = np.stack([columns + d[0], rows + d[1], np.ones_like(rows)]).reshape(3, -1)
            back = np.linalg.inv(params["matrix"][b].numpy()) @ points
            expected = ndimage.map_coordinates(x[b, 0].numpy(), back[1::-1], order=1, mode="grid-constant")
            np.testing.assert_allclose(y[b, 0].numpy(), expected.reshape(11, 9), atol=1e-6)

    def test_a_flip_is_the_mirror_image_and_goes_with_the_rest(self):
        x = pictures(6)
        only = medical.AffineElastic(0.0, (1.0, 1.0), flip=1.0)(x, generator=gen())
        torch.testing.assert_close(only, x.flip(3), atol=1e-5, rtol=1e-4)
        half = medical.AffineElastic(0.0, (1.0, 1.0), flip=0.5)
        params = half.make_params(x, generator=gen())
        assert 0 < int((params["matrix"][:, 0, 0] < 0).sum()) < 6

    def test_points_follow_the_picture(self):
        x = torch.zeros(3, 1, 41, 41)
        at = torch.tensor([[20.0, 15.0], [18.0, 24.0]]).expand(3, 2, 2)
        for i in range(2):
            x[:, 0, int(at[0, i, 1]), int(at[0, i, 0])] = 1 + i
        t = medical.AffineElastic(20.0, (0.9, 1.2), alpha=20.0, sigma=6.0)
        moved = t(image.gaussian_blur(x, sigma=1.0), keypoints=at, generator=gen(2))
        u, v = torch.meshgrid(torch.arange(41.0), torch.arange(41.0), indexing="xy")
        for b in range(3):
            for i in range(2):
                near = ((u - moved.keypoints[b, i, 0]) ** 2 + (v - moved.keypoints[b, i, 1]) ** 2) < 9
                weight = moved.x[b, 0] * near
                centre = torch.stack([(weight * u).sum(), (weight * v).sum()]) / weight.sum()
                torch.testing.assert_close(centre, moved.keypoints[b, i], atol=0.35, rtol=0)

    def test_a_prediction_moves_as_its_picture_and_knows_what_was_never_seen(self):
        x = pictures(3)
        t = medical.AffineElastic(0.0, (1.0, 1.0), dx=(4.0, 4.0))
        params = t.make_params(x, generator=gen())
        moved, seen = medical.warp_prediction(x, grid=t.grid(x, params))
        torch.testing.assert_close(moved, t.apply(x, params))
        assert not seen[:, :, :4].any()
        assert seen[:, :, 4:].all()

    def test_a_field_of_another_size_is_refused(self):
        with pytest.raises(ValueError, match="displacement has shape"):
            medical.affine_elastic_grid.__wrapped__(
                pictures(), matrix=torch.eye(3).expand(3, 3, 3), displacement=torch.zeros(3, 2, 4, 4)
            )


class TestRegions:
    """Places, shifts, soft edges, holes."""

    def test_places_are_those_of_the_slow_loop(self, device):
        shape, allowed = blobs(3, size=(6, 8)).to(device), ~blobs(3, size=(6, 8), seed=5).to(device)
        shape[:, 3:], shape[:, :, 4:] = False, False
        shape[0, 1, 1] = True
        possible = medical.places(shape, allowed)
        for b in range(3):
            pixels = shape[b].nonzero().tolist()
            for dy in range(-5, 6):
                for dx in range(-7, 8):
                    inside = all(0 <= r + dy < 6 and 0 <= c + dx < 8 and allowed[b, r + dy, c + dx] for r, c in pixels)
                    assert bool(possible[b, dy + 5, dx + 7]) == (inside and bool(pixels)), (b, dy, dx)

    def test_a_shift_is_rolled_without_coming_back(self):
        x = pictures(4, size=(5, 6))
        offset = torch.tensor([[0, 0], [2, -1], [-4, 5], [9, 0]])
        y = medical.shift(x, offset)
        assert torch.equal(y[0], x[0])
        assert torch.equal(y[1, :, 2:, :-1], x[1, :, :-2, 1:])
        assert torch.equal(y[2, :, :1, 5:], x[2, :, 4:, :1])
        assert float(y[1, :, :2].abs().sum() + y[3].abs().sum()) == 0

    def test_places_in_a_picture_of_any_size_are_those_of_an_erosion(self):
        shape, allowed = torch.zeros(2, 37, 53, dtype=torch.bool), blobs(2, size=(37, 53), seed=5)
        shape[0, 30:33, 2:4], shape[1, 0, 50], shape[1, 2, 51] = True, True, True
        possible = medical.places(shape, allowed)
        for b in range(2):
            rows, columns = shape[b].nonzero().T
            piece = shape[b, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].numpy()
            fits = ndimage.binary_erosion(allowed[b].numpy(), piece, origin=[-(n // 2) for n in piece.shape])
            corners = possible[b].nonzero() - torch.tensor([36, 52]) + torch.stack([rows.min(), columns.min()])
            assert sorted(map(tuple, corners.tolist())) == sorted(zip(*(n.tolist() for n in fits.nonzero())))

    def test_a_place_in_many_is_drawn_with_the_numbers_of_one_draw(self):
        possible = torch.rand(3, 401, 399, generator=gen()) > 0.5
        u = torch.rand(3, 401 * 399, generator=gen(1))
        chosen = torch.where(possible.flatten(1), u, -1.0).argmax(1)
        offset, _ = medical.draw_place(possible, generator=gen(1))
        assert torch.equal((offset[:, 0] + 200) * 399 + offset[:, 1] + 199, chosen)

    def test_a_place_in_a_large_picture_is_one_of_all_places_drawn_alike(self):
        shape, allowed = torch.zeros(2, 50, 60, dtype=torch.bool).repeat(300, 1, 1).split(300)
        shape[:, 40:42, 1:4], shape[::2, 44, 3] = True, True
        allowed[:, 3:6, 20:24], allowed[::2, 9:11, 5:8] = True, True  # 4 places for those without the lone pixel
        offset, there = regions.a_place(shape[1::2], allowed[1::2], generator=gen())
        where, counts = offset.unique(dim=0, return_counts=True)
        assert there.all()
        assert where.tolist() == [[-37, 19], [-37, 20], [-36, 19], [-36, 20]]
        assert counts.min() > 20
        assert not regions.a_place(shape[::2], allowed[::2], generator=gen())[1].any()
        assert not regions.a_place(shape & False, allowed, generator=gen())[1].any()

    def test_a_place_is_drawn_from_all_alike(self):
        possible = torch.zeros(4000, 3, 5, dtype=torch.bool)
        possible[:, 0, 1], possible[:, 1, 2], possible[:, 2, 4] = True, True, True
        offset, there = medical.draw_place(possible, generator=gen())
        assert there.all()
        where, counts = offset.unique(dim=0, return_counts=True)
        assert where.tolist() == [[-1, -1], [0, 0], [1, 2]]
        assert counts.min() > 1200
        assert not medical.draw_place(possible & False)[1].any()

    def test_a_hole_is_filled_from_around_it_and_the_rest_is_bit_equal(self):
        x, hole = pictures(3, size=(17, 10)), blobs(3, size=(17, 10))
        y = medical.inpaint(x, hole)
        assert torch.equal(y.movedim(1, 0)[:, ~hole], x.movedim(1, 0)[:, ~hole])
        assert y.isfinite().all()
        flat = torch.full_like(x, 0.3)
        torch.testing.assert_close(medical.inpaint(torch.where(hole[:, None], 9.0, flat), hole), flat)
        assert float(medical.inpaint(x, torch.ones_like(hole)).abs().sum()) == 0

    def test_a_soft_edge_is_a_gaussian_of_the_mask(self):
        mask = blobs(2, size=(20, 20))
        expected = ndimage.gaussian_filter(mask.double().numpy(), (0, 1.5, 1.5), mode="nearest", truncate=3.5)
        soft = medical.soft_edge(mask, width=1.5).numpy()
        np.testing.assert_allclose(soft, np.where(expected < 0.01, 0, expected), atol=0.012)
        assert torch.equal(medical.soft_edge(mask, width=0.0), mask.float())

    @pytest.mark.parametrize("bad", [torch.zeros(3, 9, 13), torch.zeros(3, 13, 9, dtype=torch.bool), None])
    def test_a_region_that_does_not_fit_is_refused(self, bad):
        with pytest.raises(ValueError, match=r"region is bool \(3, 9, 13\)"):
            regions.fitting.__wrapped__(bad, pictures())


class TestPaste:
    """Lesions of partners, in their place."""

    def test_what_is_pasted_lies_in_the_organ_away_from_lesions_and_the_mask_says_so(self):
        x, mask = brain(12)
        t = medical.PasteLesion(width=0.5, gap=1.0)
        params = t.make_params(x, generator=gen(), mask=mask)
        result = t.replay(x, params, mask=mask)
        pasted = params["pasted"]
        assert pasted.flatten(1).any(1).sum() >= 10
        assert not (pasted & ~mask[:, 1]).any()
        near = torch.from_numpy(ndimage.binary_dilation(mask[:, 0].numpy(), CROSS))
        assert not (pasted & near).any()
        assert torch.equal(result.mask[:, 0], mask[:, 0] | pasted)
        assert torch.equal(result.mask[:, 1], mask[:, 1])
        changed = (result.x != x)[:, 0]
        assert not (changed & (medical.soft_edge(pasted, width=0.5) == 0)).any()
        assert torch.equal(x, brain(12)[0])

    def test_a_paste_in_a_large_picture_is_that_of_the_whole_picture(self):
        x, donor, where = pictures(3, size=(70, 90)), 1 - pictures(3, size=(70, 90)), blobs(3, size=(70, 90))
        where[0, 5:], where[0, :, :80], where[1] = False, False, False
        y, _ = medical.paste(x, where & False, donor=donor, donor_mask=where, width=0.9)
        a = medical.soft_edge(where, width=0.9)[:, None]
        torch.testing.assert_close(y, torch.where(a > 0, x + a * (donor - x), x))
        assert torch.equal(y[:, 0][a[:, 0] == 0], x[:, 0][a[:, 0] == 0])
        of_x = torch.autograd.grad(medical.paste(
            x.requires_grad_(), where & False, donor=donor, donor_mask=where, width=0.9
        )[0].sum(), x)[0]  # fmt: skip
        torch.testing.assert_close(of_x, 1 - a)

    def test_a_hard_paste_is_the_slow_loop(self):
        x, mask = brain(4)
        t = medical.PasteLesion(width=0.0)
        params = t.make_params(x, generator=gen(), mask=mask)
        y = t.apply(x, params)
        for b in range(4):
            expected = x[b].clone()
            expected[:, params["pasted"][b]] = params["donor"][b][:, params["pasted"][b]]
            assert torch.equal(y[b], expected)

    def test_a_lesion_keeps_its_values_wherever_it_goes(self):
        x, mask = brain(1)
        t = medical.PasteLesion(width=0.0)
        y = t.apply(x, params := t.make_params(x, generator=gen(1), mask=mask))
        assert params["pasted"].any()
        torch.testing.assert_close(y[0, 0][params["pasted"][0]], x[0, 0][mask[0, 0]])

    def test_two_pastes_are_disjoint(self):
        x, mask = brain(10)
        t = medical.PasteLesion()
        first = t.make_params(x, generator=gen(), mask=mask)
        once = t.replay(x, first, mask=mask)
        second = t.make_params(once.x, generator=gen(1), mask=once.mask)
        assert not (first["pasted"] & second["pasted"]).any()

    def test_healthy_tissue_is_pasted_and_not_labelled(self):
        x, mask = brain(10)
        t = medical.PasteLesion(what="healthy", width=0.0)
        params = t.make_params(x, generator=gen(), mask=mask)
        result = t.replay(x, params, mask=mask)
        assert params["pasted"].any()
        assert torch.equal(result.mask, mask)
        assert (result.x != x).any()
        # The tissue comes from no lesion: what is pasted is darker than lesions are.
        assert float(result.x[:, 0][params["pasted"]].mean()) < float(x[:, 0][mask[:, 0]].mean()) - 0.05

    def test_where_there_is_no_place_and_without_a_lesion_everything_stays(self):
        x, mask = brain(5)
        none = mask.clone()
        none[:, 0] = False
        full = mask.clone()
        full[:, 1] = False
        for m in (none, full):
            result = medical.PasteLesion()(x, mask=m, generator=gen())
            assert torch.equal(result.x, x)
            assert torch.equal(result.mask, m)

    def test_anywhere_may_leave_the_organ_and_needs_none(self):
        x, mask = brain(30)
        t = medical.PasteLesion(where="anywhere")
        params = t.make_params(x, generator=gen(), mask=mask[:, 0])
        assert (params["pasted"] & ~mask[:, 1]).any()
        with pytest.raises(ValueError, match="needs a mask"):
            medical.PasteLesion()(x, mask=mask[:, 0], generator=gen())

    def test_it_stands_in_pipelines_and_takes_a_transform_of_the_donor(self):
        x, mask = brain(6)
        turned = medical.PasteLesion(transform=Compose([image.HorizontalFlip(), medical.Gamma()]))
        policy = Compose([Sometimes(turned, 0.5), OneOf([medical.Gamma(), medical.CarveMix()])])
        result = policy(x, mask=mask, generator=gen())
        assert result.x.shape == x.shape
        assert result.mask.shape == mask.shape
        assert torch.equal(policy(x, mask=mask, generator=gen()).x, result.x)
        assert len(policy(x[:0], mask=mask[:0], generator=gen()).x) == 0

    @pytest.mark.parametrize(
        ("knobs", "says"),
        [
            ({"where": "here"}, "where is 'here'"),
            ({"what": "all"}, "what is 'all'"),
            ({"width": -1.0}, "width is -1"),
            ({"p": 2.0}, "p is 2"),
        ],
    )
    def test_bad_knobs_are_refused(self, knobs, says):
        with pytest.raises(ValueError, match=says):
            medical.PasteLesion(**knobs)

    def test_a_call_without_a_mask_or_with_another_is_refused(self):
        x, mask = brain(2)
        with pytest.raises(ValueError, match="call it with mask"):
            medical.PasteLesion()(x, generator=gen())
        with pytest.raises(ValueError, match="with the lesion and the organ"):
            medical.PasteLesion()(x, mask=mask.float(), generator=gen())


class TestCarveMix:
    """The patch by distance."""

    def test_it_is_the_slow_rule_with_scipys_distance(self):
        x, donor = pictures(3), 1 + pictures(3)
        mask, theirs = blobs(3), blobs(3, seed=9)
        for lambda_ in (-1.0, 0.0, 1.5):
            y, m = medical.carvemix(x, mask, donor=donor, donor_mask=theirs, lambda_=lambda_)
            for b in range(3):
                inner, outer = (ndimage.distance_transform_edt(t.numpy()) for t in (theirs[b], ~theirs[b]))
                carved = torch.from_numpy(np.where(theirs[b].numpy(), -inner, outer) <= lambda_)
                assert torch.equal(y[b, 0], torch.where(carved, donor[b, 0], x[b, 0]))
                assert torch.equal(m[b], torch.where(carved, theirs[b], mask[b]))

    @pytest.mark.parametrize(
        "lambda_", [torch.tensor([2.5, -1.5, 0.0, 3.0]), torch.tensor([-1.0, -2.0, -0.5, 1.0]), math.inf]
    )
    def test_what_is_carved_around_a_small_lesion_is_what_the_whole_picture_says(self, lambda_):
        theirs = torch.zeros(4, 40, 60, dtype=torch.bool)
        theirs[0, :3, 50:60], theirs[1, 20:28, 5:16], theirs[2, 39, 0] = True, True, True
        limit = torch.as_tensor(lambda_).expand(4)[:, None, None]
        carved = (signed_distance(theirs) <= limit)[:, None]
        x = pictures(4, size=(40, 60))
        y, m = medical.carvemix(x, theirs & False, donor=1 - x, donor_mask=theirs, lambda_=lambda_)
        assert torch.equal(y, torch.where(carved, 1 - x, x))
        assert torch.equal(m, carved[:, 0] & theirs)

    def test_a_partner_without_a_lesion_gives_nothing(self):
        x, mask = pictures(), blobs()
        y, m = medical.carvemix(x, mask, donor=1 + x, donor_mask=torch.zeros_like(mask), lambda_=2.0)
        assert torch.equal(y, x)
        assert torch.equal(m, mask)

    def test_half_of_the_patches_are_smaller_than_the_lesion(self):
        mask = torch.zeros(2000, 9, 9, dtype=torch.bool)
        mask[:, 2:7, 2:7] = True
        limits = medical.carve_limits(mask, generator=gen())
        assert 0.45 < float((limits < 0).float().mean()) < 0.55
        assert -1.5 <= float(limits.min()) < -1.4
        assert 2.9 < float(limits.max()) <= 3


class TestDifferential:
    """One policy inside, one outside."""

    def test_outside_is_bit_equal_where_nothing_is_asked_for(self):
        x, mask = brain()
        lesion = mask[:, 0]
        t = medical.Differential(inside=Compose([medical.Gamma((0.4, 2.0)), image.GaussianNoise((0.0, 0.2))]))
        y = t(x, mask=lesion, generator=gen()).x
        assert torch.equal(y[:, 0][~lesion], x[:, 0][~lesion])
        assert not torch.equal(y[:, 0][lesion], x[:, 0][lesion])

    def test_it_is_the_two_results_side_by_side(self):
        x, region = pictures(), blobs()
        t = medical.Differential(inside=image.Contrast(0.5), outside=image.Brightness(0.3))
        params = t.make_params(x, generator=gen(), mask=region)
        y = t.apply(x, params)
        here, there = t.inside.apply(x, params["inside"]), t.outside.apply(x, params["outside"])
        for b in range(3):
            for r in range(9):
                for c in range(13):
                    assert y[b, 0, r, c] == (here if region[b, r, c] else there)[b, 0, r, c]

    def test_what_is_infinite_on_one_side_does_not_reach_the_other(self):
        x, region = pictures(), blobs()
        x[:, 0][~region] = 0.0
        y = medical.differential(x, region, inside=lambda x: 1 / x, outside=lambda x: x)
        assert y.isfinite().all()

    def test_a_moving_inside_moves_the_mask_and_fills_the_hole(self):
        x, mask = brain(4)
        t = medical.Differential(inside=image.Translate(dx=(3, 3), dy=(0, 0)))
        result = t(x, mask=mask, generator=gen())
        lesion, moved = mask[:, 0], result.mask[:, 0]
        assert torch.equal(moved[:, :, 3:], lesion[:, :, :-3])
        assert torch.equal(result.mask[:, 1], mask[:, 1])
        untouched = ~(lesion | moved)
        assert torch.equal(result.x[:, 0][untouched], x[:, 0][untouched])
        torch.testing.assert_close(result.x[:, 0][moved], x[:, 0][lesion & (moved.roll(-3, 2))])
        hole = lesion & ~moved
        assert float(result.x[:, 0][hole].mean()) < float(x[:, 0][hole].mean())

    def test_an_outside_that_moves_is_refused_and_a_call_without_a_region(self):
        with pytest.raises(ValueError, match="which moves things"):
            medical.Differential(outside=image.Rotate())
        with pytest.raises(ValueError, match="call it with mask"):
            medical.Differential()(pictures(), generator=gen())
        with pytest.raises(ValueError, match="keep the shape"):
            medical.differential(pictures(), blobs(), inside=lambda x: x[:, :, 1:], outside=lambda x: x)


@pytest.mark.parametrize(
    "transform",
    [
        medical.Gamma(),
        medical.BiasField(),
        medical.RicianNoise(),
        medical.AffineElastic(alpha=10.0),
        medical.PasteLesion(where="anywhere"),
        medical.CarveMix(),
        medical.Differential(inside=medical.Gamma()),
    ],
    ids=lambda t: type(t).__name__,
)
class TestEveryTransform:
    """What all of them keep."""

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_shape_dtype_device_and_arguments_stay_and_the_draw_is_the_generators(self, transform, dtype, device):
        x, mask = pictures(5, dtype=dtype).to(device), blobs(5).to(device)
        before = x.clone(), mask.clone()
        first, again = (transform(x, mask=mask, generator=gen(7)) for _ in range(2))
        assert (first.x.shape, first.x.dtype, first.x.device) == (x.shape, dtype, x.device)
        assert (first.mask.shape, first.mask.dtype) == (mask.shape, torch.bool)
        assert torch.equal(first.x, again.x)
        assert torch.equal(first.mask, again.mask)
        assert torch.equal(x, before[0])
        assert torch.equal(mask, before[1])

    def test_strides_do_not_matter_and_one_and_none_are_batches(self, transform):
        x, mask = pictures(4, size=(12, 12)), blobs(4, size=(12, 12))
        turned = x.transpose(2, 3).contiguous().transpose(2, 3)
        expected, given = (transform(v, mask=mask, generator=gen(1)) for v in (x, turned))
        torch.testing.assert_close(given.x, expected.x)
        assert transform(x[:1], mask=mask[:1], generator=gen()).x.shape == (1, 1, 12, 12)
        assert transform(x[:0], mask=mask[:0], generator=gen()).x.shape == (0, 1, 12, 12)


@pytest.mark.parametrize(
    "name",
    [
        "masks",
        "nets.unet",
        *(f"augment.medical.{part}" for part in ("differential", "intensity", "learning", "paste")),
        *(f"augment.medical.{part}" for part in ("regions", "spatial")),
    ],
)
def test_the_examples_of_the_docstrings_are_true(name):
    outcome = doctest.testmod(importlib.import_module(f"labkit.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0
