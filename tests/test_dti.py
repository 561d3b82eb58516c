"""k-means, the mixture over shifts, and the transformations, each against an oracle."""

import math
from itertools import pairwise

import kornia
import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator
from skimage import transform as skimage_transform
from sklearn.cluster import KMeans, kmeans_plusplus
from torch.nn import functional

from labkit import data, dti, metrics
from labkit.dti import shifts, transforms


def rand(*shape, seed=0, dtype=torch.float64, scale=1.0):
    g = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=g, dtype=dtype)


def pictures(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class TestKMeans:
    @pytest.mark.parametrize("seed", range(3))
    def test_from_the_same_start_it_ends_as_scikit_learn_does(self, seed):
        x = data.digits().x.double()[:600]
        first = dti.kmeans_plus_plus(x, 10, generator=torch.Generator().manual_seed(seed))
        ours = dti.lloyd(x, first)
        peer = KMeans(10, init=first.flatten(1).numpy(), n_init=1, tol=0, algorithm="lloyd").fit(x.flatten(1).numpy())
        assert ours.inertia == pytest.approx(peer.inertia_, rel=1e-9)
        assert np.array_equal(ours.assignments.numpy(), peer.labels_)
        assert np.allclose(ours.centres.flatten(1).numpy(), peer.cluster_centers_)

    def test_no_step_raises_the_inertia(self):
        x = rand(300, 4)
        centres = dti.kmeans_plus_plus(x, 6, generator=torch.Generator().manual_seed(0))
        course = [dti.lloyd(x, centres, iterations=i).inertia for i in range(12)]
        assert all(b <= a + 1e-9 for a, b in pairwise(course))
        assert course[-1] < course[0]

    def test_distances_are_those_of_a_slow_loop(self):
        x, c = rand(7, 2, 3), rand(4, 2, 3, seed=1)
        expected = [[float(((a - b) ** 2).sum()) for b in c] for a in x]
        assert torch.allclose(dti.squared_distances(x, c), torch.tensor(expected, dtype=torch.float64))

    def test_an_empty_cluster_keeps_its_centre(self):
        x, c = torch.zeros(4, 2), torch.tensor([[1.0, 0.0], [9.0, 9.0]])
        new = dti.update(x, dti.assign(x, c), c)
        assert new.tolist() == [[0, 0], [9, 9]]

    def test_plus_plus_draws_in_proportion_to_the_squared_distance(self):
        # Three places: from 0 the others lie at D² = 1 and 9, so the second is drawn nine times as often.
        x = torch.tensor([[0.0], [1.0], [3.0]])
        g = torch.Generator().manual_seed(0)
        pairs = [tuple(dti.kmeans_plus_plus(x, 2, generator=g)[:, 0].tolist()) for _ in range(1200)]
        from_zero = [b for a, b in pairs if a == 0]
        assert len(from_zero) > 300
        assert sum(b == 3 for b in from_zero) / len(from_zero) == pytest.approx(0.9, abs=0.05)

    def test_plus_plus_starts_are_as_good_as_scikit_learns(self):
        x = data.digits().x[:500].double()
        g = torch.Generator().manual_seed(0)
        ours = [
            float(dti.squared_distances(x, dti.kmeans_plus_plus(x, 10, generator=g)).amin(1).sum()) for _ in range(40)
        ]
        theirs = []
        for s in range(40):
            centres, _ = kmeans_plusplus(x.flatten(1).numpy(), 10, random_state=s, n_local_trials=1)
            theirs.append(float(dti.squared_distances(x, torch.from_numpy(centres).view(-1, 1, 8, 8)).amin(1).sum()))
        assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.05)

    def test_the_best_of_runs_is_kept(self):
        x = data.digits().x[:300]
        one = [dti.kmeans(x, 8, generator=torch.Generator().manual_seed(0)).inertia]
        g = torch.Generator().manual_seed(0)
        assert dti.kmeans(x, 8, runs=5, generator=g).inertia <= one[0]

    def test_as_many_clusters_as_samples_cost_nothing_even_where_samples_coincide(self):
        x = torch.tensor([[0.0], [0.0], [2.0]])
        assert dti.kmeans(x, 3, generator=torch.Generator().manual_seed(0)).inertia == 0

    def test_bad_input_is_named(self):
        x = torch.zeros(4, 2)
        with pytest.raises(ValueError, match="k is 5 for 4 samples"):
            dti.kmeans(x, 5)
        with pytest.raises(ValueError, match="runs is 0"):
            dti.kmeans(x, 2, runs=0)
        with pytest.raises(ValueError, match="nan or inf"):
            dti.kmeans(x * math.nan, 2)

    def test_centres_of_another_shape_are_named(self, unchecked):
        with pytest.raises(ValueError, match="one shape"):
            dti.lloyd(torch.zeros(3, 2), torch.zeros(2, 3))


def slow_em_step(mixture, x, least=1e-4):
    """One step of EM with a loop over images, centres and shifts."""
    n, pixels = len(x), x[0].numel()
    variance = float(mixture.variance)

    def moved(image, dy, dx):
        out = torch.zeros_like(image)
        h, w = image.shape[1:]
        for row in range(h):
            for column in range(w):
                if 0 <= row - dy < h and 0 <= column - dx < w:
                    out[:, row, column] = image[:, row - dy, column - dx]
        return out

    k, s = len(mixture.centres), len(mixture.shifts)
    joint = torch.zeros(n, k, s, dtype=x.dtype)
    for i in range(n):
        for j in range(k):
            for t, (dy, dx) in enumerate(mixture.shifts):
                square = float((x[i] - moved(mixture.centres[j], dy, dx)).square().sum())
                joint[i, j, t] = mixture.log_pi[j, t] - square / (2 * variance)
    joint -= pixels / 2 * math.log(2 * math.pi * variance)
    r = joint.flatten(1).softmax(1).view_as(joint)
    centres = torch.zeros_like(mixture.centres)
    for j in range(k):
        weight = torch.zeros_like(x[0])
        for t, (dy, dx) in enumerate(mixture.shifts):
            for i in range(n):
                centres[j] += r[i, j, t] * moved(x[i], -dy, -dx)
                weight += r[i, j, t] * moved(torch.ones_like(x[0]), -dy, -dx)
        centres[j] /= weight
    total = 0.0
    for i in range(n):
        for j in range(k):
            for t, (dy, dx) in enumerate(mixture.shifts):
                total += float(r[i, j, t]) * float((x[i] - moved(centres[j], dy, dx)).square().sum())
    return centres, r.mean(0), max(total / (n * pixels), least), joint.flatten(1).logsumexp(1).mean()


class TestShifts:
    def test_a_shift_moves_down_and_right_and_lets_zeros_in(self):
        x = torch.arange(1.0, 7.0).view(1, 1, 2, 3)
        moved = dti.shifted(x, [(0, 0), (1, 0), (0, 1), (-1, -1)])[0, :, 0]
        assert moved.tolist() == [
            [[1, 2, 3], [4, 5, 6]], [[0, 0, 0], [1, 2, 3]], [[0, 1, 2], [0, 4, 5]], [[5, 6, 0], [0, 0, 0]],
        ]  # fmt: skip

    def test_shifts_agree_with_numpys_roll_of_padded_images(self):
        x = pictures(3, 2, 5, 4)
        for (dy, dx), image in zip(shifts.shifts_within(2), dti.shifted(x, shifts.shifts_within(2)).transpose(0, 1)):
            padded = np.pad(x.numpy(), ((0, 0), (0, 0), (3, 3), (3, 3)))
            assert np.array_equal(image.numpy(), np.roll(padded, (dy, dx), (2, 3))[:, :, 3:-3, 3:-3])

    def test_a_step_is_that_of_a_slow_loop(self):
        x = pictures(6, 1, 4, 3)
        mixture = shifts.start(x, 2, radius=1, generator=torch.Generator().manual_seed(0))
        mixture, _ = dti.em_step(mixture, x)
        centres, pi, variance, evidence = slow_em_step(mixture, x)
        new, before = dti.em_step(mixture, x)
        assert torch.allclose(new.centres, centres)
        assert torch.allclose(new.log_pi.exp(), pi, atol=1e-9)
        assert float(new.variance) == pytest.approx(variance)
        assert torch.allclose(before, evidence)

    @pytest.mark.parametrize("seed", range(3))
    def test_the_likelihood_never_falls(self, seed):
        x = data.digits().x.double()[100 * seed : 100 * seed + 100]
        _, course = dti.shift_mixture(x, 5, radius=1, iterations=25, generator=torch.Generator().manual_seed(seed))
        assert all(b >= a - 1e-8 for a, b in pairwise(course))
        assert course[-1] > course[0] + 1

    def test_shifted_copies_are_found_again(self):
        prototypes = torch.zeros(3, 1, 9, 9)
        prototypes[0, 0, 4, 2:7] = prototypes[1, 0, 2:7, 4] = 1
        prototypes[2, 0, 3:6, 3:6] = 1
        g = torch.Generator().manual_seed(0)
        y = torch.randint(0, 3, (200,), generator=g)
        every = dti.shifted(prototypes, shifts.shifts_within(1))
        x = every[y, torch.randint(0, 9, (200,), generator=g)] + 0.1 * torch.randn(200, 1, 9, 9, generator=g)
        best = max(
            (dti.shift_mixture(x, 3, radius=2, iterations=30, generator=g) for _ in range(4)), key=lambda r: r[1][-1]
        )[0]
        assert metrics.clustering_accuracy(best.assign(x), y) > 0.98
        assert metrics.clustering_accuracy(dti.kmeans(x, 3, runs=4, generator=g).assignments, y) < 0.8
        back = best.aligned(x)
        spread = torch.stack([back[y == c].var(0).mean() for c in range(3)]).mean()
        before = torch.stack([x[y == c].var(0).mean() for c in range(3)]).mean()
        assert spread < before / 3

    def test_radius_zero_is_a_mixture_of_balls(self):
        x = pictures(40, 1, 3, 3)
        mixture, _ = dti.shift_mixture(x, 3, radius=0, iterations=5, generator=torch.Generator().manual_seed(0))
        square = dti.squared_distances(x, mixture.centres)
        r = (mixture.log_pi[:, 0] - square / (2 * mixture.variance)).argmax(1)
        assert torch.equal(mixture.assign(x), r)

    def test_bad_input_is_named(self):
        x = pictures(4, 1, 3, 3)
        with pytest.raises(ValueError, match="radius is -1"):
            dti.shift_mixture(x, 2, radius=-1)
        with pytest.raises(ValueError, match="less than a side"):
            dti.shift_mixture(x, 2, radius=3)
        with pytest.raises(ValueError, match="k is 5"):
            dti.shift_mixture(x, 5, radius=1)
        with pytest.raises(ValueError, match="iterations is -1"):
            dti.shift_mixture(x, 2, radius=1, iterations=-1)


NAMES = ("colour", "affine", "projective", "morphology", "thin_plate")


class TestTransforms:
    @pytest.mark.parametrize("name", NAMES)
    def test_zero_is_the_identity(self, name):
        kind = dti.family(name, channels=2, kernel=3)
        z = pictures(3, 1, 2, 6, 5)
        out = kind.apply(z, torch.zeros(3, 4, kind.parameters, dtype=z.dtype))
        # Morphology at rest: sigmoid(5) in the middle, sigmoid(−5) around it.
        tolerance = 0.05 if name == "morphology" else 1e-9
        assert torch.allclose(out.expand(3, 4, 2, 6, 5), z.expand(3, 4, 2, 6, 5), atol=tolerance)

    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_differentiable(self, name):
        kind = dti.family(name, channels=1, kernel=3, control=2)
        z = pictures(2, 1, 1, 4, 5).requires_grad_()
        beta = rand(2, 3, kind.parameters, scale=0.1, seed=3).requires_grad_()
        assert torch.autograd.gradcheck(lambda *v: kind.apply(*v), (z, beta), eps=1e-7, atol=1e-5)

    @pytest.mark.parametrize("name", NAMES)
    def test_one_prototype_for_all_is_as_many_copies(self, name):
        kind = dti.family(name, channels=2, kernel=5)
        z, beta = pictures(3, 1, 2, 7, 6), rand(3, 4, kind.parameters, scale=0.2)
        copies = kind.apply(z.expand(3, 4, 2, 7, 6), beta)
        assert torch.allclose(kind.apply(z, beta).expand_as(copies), copies)

    def test_affine_agrees_with_torch_and_kornia(self):
        z, beta = pictures(5, 1, 2, 7, 6), rand(5, 1, 6, scale=0.3)
        matrix = beta[:, 0].view(-1, 2, 3) + torch.eye(2, 3, dtype=z.dtype)
        grid = functional.affine_grid(matrix, [5, 2, 7, 6], align_corners=False)
        assert torch.allclose(dti.affine_grid(beta, 7, 6)[:, 0], grid)
        # kornia's warp takes the inverse map in pixels.
        to_pixels = torch.tensor([[6 / 2, 0, 5 / 2], [0, 7 / 2, 6 / 2], [0, 0, 1]], dtype=z.dtype)
        full = torch.cat([matrix, torch.tensor([[[0.0, 0, 1]]], dtype=z.dtype).expand(5, 1, 3)], 1)
        pixels = to_pixels @ full @ torch.linalg.inv(to_pixels)
        warped = kornia.geometry.transform.warp_affine(
            z[:, 0], torch.linalg.inv(pixels)[:, :2], (7, 6), padding_mode="border", align_corners=True
        )
        assert torch.allclose(transforms.affine(z, beta)[:, 0], warped, atol=1e-7)

    def test_projective_agrees_with_scikit_image(self):
        z, beta = pictures(1, 1, 1, 9, 8), rand(1, 1, 8, scale=0.08, seed=4)
        h = np.append(beta[0, 0].numpy(), 0).reshape(3, 3) + np.eye(3)
        to_pixels = np.array([[4, 0, 3.5], [0, 4.5, 4], [0, 0, 1]])
        inverse = skimage_transform.ProjectiveTransform(to_pixels @ h @ np.linalg.inv(to_pixels))
        expected = skimage_transform.warp(z[0, 0, 0].numpy(), inverse, order=1, mode="edge")
        assert np.allclose(transforms.projective(z, beta)[0, 0, 0].numpy(), expected, atol=1e-6)

    def test_projective_without_its_last_row_is_affine(self):
        z, beta = pictures(2, 1, 1, 5, 6), rand(2, 3, 6, scale=0.2)
        padded = functional.pad(beta, (0, 2))
        assert torch.allclose(transforms.projective(z, padded), transforms.affine(z, beta))

    def test_a_horizon_within_the_image_stays_finite(self):
        beta = torch.zeros(1, 1, 8)
        beta[..., 6] = -1 / 0.5
        assert transforms.projective(torch.rand(1, 1, 1, 8, 8), beta).isfinite().all()

    def test_thin_plate_agrees_with_scipys_interpolator(self):
        moves = rand(1, 1, 32, scale=0.2, seed=2)
        line = np.linspace(-1, 1, 4)
        points = np.array([[x, y] for y in line for x in line])
        spline = RBFInterpolator(points, points + moves.view(16, 2).numpy(), kernel="thin_plate_spline", degree=1)
        at = transforms.pixel_centres(7, 5, moves).reshape(-1, 2).numpy()
        assert np.allclose(dti.thin_plate_grid(moves, 7, 5)[0, 0].view(-1, 2).numpy(), spline(at))

    def test_equal_moves_of_all_points_shift_the_picture(self):
        z = pictures(1, 1, 1, 6, 6)
        beta = torch.zeros(1, 1, 16, 2, dtype=z.dtype)
        beta[..., 0] = 2 / 6
        assert torch.allclose(transforms.thin_plate(z, beta.flatten(2))[..., :-1], z[..., 1:], atol=1e-9)

    def test_morphology_agrees_with_a_slow_loop(self):
        z, beta = pictures(2, 3, 2, 5, 4), rand(2, 3, 10, scale=2.0)
        out = transforms.morphology(z, beta)
        for i, j, c, row, column in [(0, 0, 0, 0, 0), (1, 2, 1, 2, 2), (0, 1, 1, 4, 3), (1, 0, 0, 0, 3)]:
            top = bottom = 0.0
            for u in range(3):
                for v in range(3):
                    r, s = row + u - 1, column + v - 1
                    value = float(z[i, j, c, r, s]) if 0 <= r < 5 and 0 <= s < 4 else 0.0
                    rest = 5.0 if u == v == 1 else -5.0
                    weight = 1 / (1 + math.exp(-float(beta[i, j, 1 + 3 * u + v]) - rest))
                    weight *= math.exp(float(beta[i, j, 0]) * value)
                    top, bottom = top + weight * value, bottom + weight
            assert float(out[i, j, c, row, column]) == pytest.approx(top / bottom)

    def test_morphology_tends_to_the_largest_and_to_the_smallest_neighbour(self):
        z = pictures(1, 1, 1, 6, 6)
        beta = torch.zeros(1, 1, 10, dtype=z.dtype)
        beta[..., 1:] = 5
        beta[..., 0] = 5000  # held at 60: log(9) / 60 is what a soft maximum may miss
        inner = (slice(1, -1), slice(1, -1))
        largest = functional.max_pool2d(z[0], 3, stride=1)[0, 0]
        assert torch.allclose(transforms.morphology(z, beta)[0, 0, 0][inner], largest, atol=0.04)
        beta[..., 0] = -5000
        smallest = -functional.max_pool2d(-z[0], 3, stride=1)[0, 0]
        assert torch.allclose(transforms.morphology(z, beta)[0, 0, 0][inner], smallest, atol=0.04)

    def test_colour_is_a_gain_and_an_offset_a_channel(self):
        z = pictures(2, 1, 3, 4, 4)
        beta = rand(2, 5, 6)
        expected = z * (1 + beta[..., :3, None, None]) + beta[..., 3:, None, None]
        assert torch.allclose(transforms.colour(z, beta), expected)

    def test_bad_input_is_named(self):
        with pytest.raises(ValueError, match="no transformation 'rotation'; expected some of colour, affine"):
            dti.family("rotation", channels=1)
        with pytest.raises(ValueError, match="kernel is 4"):
            dti.family("morphology", channels=1, kernel=4)
        with pytest.raises(ValueError, match="control is 1"):
            dti.family("thin_plate", channels=1, control=1)


@pytest.mark.parametrize("kind", [dti.DTIKMeans, dti.DTIGMM])
def test_prototypes_that_are_compared_some_at_a_time_give_the_same(kind, monkeypatch):
    x = pictures(5, 1, 8, 8, dtype=torch.float32)
    model = kind(pictures(7, 1, 8, 8, seed=1, dtype=torch.float32), ["affine", "morphology", "thin_plate"])
    for head in model.transformer.heads:
        torch.nn.init.normal_(head.weights[-1], std=0.1, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        whole = model.costs(x)
        own = model.reconstruct(x)[torch.arange(5), whole.argmin(1)]
        monkeypatch.setattr("labkit.dti.model.AT_ONCE", 700)
        torch.testing.assert_close(model.costs(x), whole)
    torch.testing.assert_close(model.aligned(x), own)
    torch.testing.assert_close(model.objective(x)[1], whole)


@pytest.mark.parametrize("kind", [dti.DTIKMeans, dti.DTIGMM])
def test_gradients_some_prototypes_at_a_time_are_the_same(kind, monkeypatch):
    x = pictures(5, 1, 8, 8)
    model = kind(pictures(7, 1, 8, 8, seed=1), ["affine", "morphology", "thin_plate"]).double()
    for head in model.transformer.heads:
        torch.nn.init.normal_(head.weights[-1], std=0.1, generator=torch.Generator().manual_seed(2))
    whole = torch.autograd.grad(model.loss(model.costs(x)), list(model.parameters()))
    monkeypatch.setattr("labkit.dti.model.AT_ONCE", 700)
    parts = torch.autograd.grad(model.loss(model.costs(x)), list(model.parameters()))
    for name, a, b in zip(dict(model.named_parameters()), whole, parts):
        torch.testing.assert_close(a, b, msg=name)
