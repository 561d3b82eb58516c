"""The races that move clusters, coarse prototypes that grow, and the step that differentiates the nearest alone."""

import pytest
import torch

from labkit import dti, metrics
from labkit.dti.swaps import Swaps, utility_and_error
from labkit.dti.training import copy

SMALL = dti.Networks(hidden=8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n, side=6, channels=1, seed=0, dtype=torch.float32):
    return torch.rand(n, channels, side, side, generator=generator(seed), dtype=dtype)


def bent(kind=dti.DTIKMeans, side=8, dtype=torch.float32, **knobs):
    """A model whose heads do something, in every family."""
    torch.manual_seed(0)
    names = ("affine", "morphology", "thin_plate")
    model = kind(images(4, side, dtype=dtype), names, hidden=8, kernel=3, **knobs).to(dtype)
    with torch.no_grad():
        for head in model.transformer.heads:
            head.weights[-1].normal_(0, 0.1)
    return model


class TestObjective:
    @pytest.mark.parametrize("active", [0, 1, 3])
    def test_it_has_the_gradients_of_the_loss_of_all_costs(self, active):
        x, model = images(20, 8, seed=1, dtype=torch.float64), bent(dtype=torch.float64)
        model.transformer.active = active
        own = [p for p in model.parameters() if active or p is model.prototypes]
        loss, costs = model.objective(x)
        slow = model.costs(x)
        assert torch.allclose(costs, slow)
        assert torch.allclose(loss, model.loss(slow))
        ours = torch.autograd.grad(loss, own, allow_unused=True)
        theirs = torch.autograd.grad(model.loss(slow), own, allow_unused=True)
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            assert a is None or torch.allclose(a, b, atol=1e-10)

    def test_features_too(self):
        edges = lambda v: v[..., 1:] - v[..., :-1]  # noqa: E731
        x, model = images(20, 8, seed=1, dtype=torch.float64), bent(dtype=torch.float64, features=edges)
        loss, _ = model.objective(x)
        (ours,) = torch.autograd.grad(loss, [model.prototypes])
        (theirs,) = torch.autograd.grad(model.loss(model.costs(x)), [model.prototypes])
        assert torch.allclose(ours, theirs, atol=1e-10)

    def test_who_compares_otherwise_is_asked(self):
        class Absolute(dti.DTIKMeans):
            def distances(self, x):
                return (self.reconstruct(x) - x[:, None]).abs().flatten(2).mean(2)

        x = images(20, 8, seed=1)
        for model in (bent(Absolute), bent(dti.DTIGMM)):
            assert torch.equal(model.objective(x)[0], model.loss(model.costs(x)))


class TestCoarse:
    def test_images_are_averaged_down_to_small_prototypes(self):
        small, x = bent(side=4), images(10, 8, seed=1)
        halved = torch.nn.functional.avg_pool2d(x, 2)
        assert torch.allclose(small.costs(x), small.costs(halved), atol=1e-6)
        mixture = bent(dti.DTIGMM, side=4)
        assert torch.allclose(mixture.costs(x), mixture.costs(halved), atol=1e-4)

    @pytest.mark.parametrize("kind", [dti.DTIKMeans, dti.DTIGMM])
    def test_they_grow(self, kind):
        model = bent(kind, side=4)
        before = [p.detach() for p in model.clusters()]
        model.refine((8, 12))
        for old, new in zip(before, model.clusters()):
            assert isinstance(new, torch.nn.Parameter)
            if old.ndim > 1:
                expected = torch.nn.functional.interpolate(old, size=(8, 12), mode="bilinear")
                assert torch.equal(new, expected)

    @pytest.mark.parametrize("mixture", [False, True])
    @pytest.mark.parametrize("transforms", [("affine",), ("affine", "thin_plate")])
    def test_in_the_end_prototypes_have_the_size_of_images(self, mixture, transforms):
        x = images(40, 12)
        for steps in (0, 12):
            found = dti.cluster(
                x, 3, transforms=transforms, mixture=mixture, coarse=2, networks=SMALL,
                schedule=dti.Schedule(steps=steps, batch_size=16), generator=generator(),
            )  # fmt: skip
            assert found.prototypes.shape == (3, 1, 12, 12)
            assert found.model.transformer.encoder.size == (6, 6)

    def test_grown_prototypes_are_learnt(self):
        x = images(40, 12)
        found = [
            dti.cluster(
                x,
                3,
                coarse=2,
                schedule=dti.Schedule(epochs=epochs, batch_size=40),
                networks=SMALL,
                generator=generator(),
            ).prototypes
            for epochs in (7, 8)
        ]
        assert found[0].shape == found[1].shape == (3, 1, 12, 12)
        assert not torch.equal(*found)

    def test_by_default_large_images_are_halved(self):
        for side, expected in ((28, (14, 14)), (16, (16, 16))):
            found = dti.cluster(
                images(6, side), 2, schedule=dti.Schedule(steps=0), networks=SMALL, generator=generator()
            )
            assert found.model.transformer.encoder.size == expected

    def test_bad_input_is_named(self):
        with pytest.raises(ValueError, match="coarse is 0"):
            dti.cluster(images(6), 2, coarse=0)


def points(values, side=2):
    """Flat images of these brightnesses."""
    return torch.tensor(values)[:, None, None, None].expand(-1, 1, side, side).clone()


class TestSwaps:
    def test_utility_and_error_by_a_loop(self):
        costs = images(1, 7)[0, 0, :, :4]
        utility, error = utility_and_error(costs)
        for j in range(4):
            own = costs.argmin(1) == j
            others = torch.cat([costs[:, :j], costs[:, j + 1 :]], 1)
            assert torch.isclose(utility[j], others.amin(1).sum() - costs.amin(1).sum(), atol=1e-6)
            assert torch.isclose(error[j], costs[own].amin(1).sum(), atol=1e-6)

    def test_a_single_cluster_is_needed_by_nobody_else(self):
        utility, error = utility_and_error(torch.tensor([[1.0], [2.0]]))
        assert utility.tolist() == [0.0]
        assert error.tolist() == [3.0]

    def setup_races(self, prototypes, *, lr=0.02, window=20):
        model = dti.DTIKMeans(points(prototypes), ())
        optimizer = torch.optim.Adam([model.prototypes], lr=lr)
        g = generator(1)

        def learn(x):
            loss, costs = model.objective(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.detach(), costs

        move = lambda taken, to: copy(model, optimizer, [taken], to, noise=0.01, generator=g)  # noqa: E731
        return model, Swaps(model, optimizer, learn, move, window=window)

    def run(self, swaps, x, updates):
        g = generator(0)
        for _ in range(updates):
            swaps(x[torch.randint(len(x), (30,), generator=g)])

    def test_a_twin_moves_to_where_two_signs_share_a_prototype(self):
        y = torch.arange(300) % 3
        x = points([0.0, 0.6, 1.0])[y] + 0.02 * images(300, 2)
        # Two prototypes for the first sign, one in the middle of the other two.
        model, swaps = self.setup_races([-0.02, 0.04, 0.8])
        self.run(swaps, x, 20)
        assert metrics.clustering_accuracy(model.predict(x)[0], y) < 0.9
        self.run(swaps, x, 100)
        assert metrics.clustering_accuracy(model.predict(x)[0], y) == 1.0
        assert [to for _, to in swaps.won] == [2]

    def test_where_nothing_can_be_won_the_races_end_and_leave_no_trace(self):
        x = points([0.0, 0.5, 1.0])[torch.arange(300) % 3] + 0.02 * images(300, 2)
        model, swaps = self.setup_races([0.01, 0.51, 1.01])
        plain, alone = self.setup_races([0.01, 0.51, 1.01])
        alone._defeats = [0, 1, 2]
        assert alone.over
        for each in (swaps, alone):
            self.run(each, x, 70)
        assert swaps.over
        assert swaps.won == []
        assert torch.equal(model.prototypes, plain.prototypes)

    def test_it_can_be_left_out(self):
        x = images(60, 8)
        found = [
            dti.cluster(
                x, 4, transforms=("affine",), networks=SMALL,
                schedule=dti.Schedule(steps=60, every=2, batch_size=30, swaps=swaps),
                generator=generator(),
            ).loss
            for swaps in (False, True, True)
        ]  # fmt: skip
        assert found[1] == found[2]
        assert found[0] > 0

    def test_batches_go_on_after_a_race(self):
        # A race that is broken off by the end of the phase leaves an ordinary training.
        x = images(60, 8)
        model = dti.DTIKMeans(x[:4], ("affine", "thin_plate"), hidden=8)
        history = dti.learn(model, x, dti.Schedule(epochs=9, batch_size=20, every=3), generator=generator())
        assert len(history["loss"]) == 9
