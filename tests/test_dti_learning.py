"""Deep transformation-invariant clustering: the models, the step, and what is learnt."""

import math

import pytest
import torch
from sklearn.cluster import KMeans
from torch import nn

from labkit import data, dti, metrics, train
from labkit.dti import transforms
from labkit.dti.schedule import default_starts, rigid_phase
from labkit.dti.training import adam
from labkit.train import Minibatches

SMALL = dti.Networks(hidden=8)


def images(n=12, side=6, seed=0, dtype=torch.float32, channels=1):
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def model_of(k=3, names=("affine", "thin_plate"), side=6, kind=dti.DTIKMeans, seed=0, **knobs):
    torch.manual_seed(seed)
    return kind(images(k, side, seed=9), names, hidden=8, kernel=3, **knobs)


def stirred(model, scale=0.1):
    """The model with heads that do something."""
    with torch.no_grad():
        for head in model.transformer.heads:
            head.weights[-1].normal_(0, scale)
            head.biases[-1].normal_(0, scale)
    return model


class TestIdentity:
    """Without a transformation it is k-means."""

    def test_distances_and_assignments_are_k_means(self):
        x, model = data.digits().x[:200], dti.DTIKMeans(data.digits().x[300:310], ())
        assert torch.allclose(model.distances(x) * 64, dti.squared_distances(x, model.prototypes), atol=1e-3)
        assert torch.equal(model.predict(x)[0], dti.assign(x, model.prototypes))

    def test_newtons_steps_on_its_loss_are_lloyds(self):
        x = data.digits().x.double()[:400]
        first = dti.kmeans_plus_plus(x, 10, generator=torch.Generator().manual_seed(0))
        model = dti.DTIKMeans(first, ())
        for _ in range(60):
            costs = model.costs(x)
            (slope,) = torch.autograd.grad(model.loss(costs), model.prototypes)
            count = torch.bincount(costs.argmin(1), minlength=10)
            with torch.no_grad():
                # The second derivative by a pixel is 2 count / (n pixels).
                model.prototypes -= slope * len(x) * 64 / (2 * count.clamp_min(1))[:, None, None, None]
        lloyd = dti.lloyd(x, first)
        peer = KMeans(10, init=first.flatten(1).numpy(), n_init=1, tol=0).fit(x.flatten(1).numpy())
        assignments, costs = model.predict(x)
        assert torch.equal(assignments, lloyd.assignments)
        assert torch.allclose(model.prototypes, lloyd.centres)
        assert float(costs.sum() * 64) == pytest.approx(lloyd.inertia, rel=1e-9)
        assert float(costs.sum() * 64) == pytest.approx(peer.inertia_, rel=1e-9)

    def test_cluster_reaches_the_inertia_of_k_means(self):
        x = data.digits().x[:600]
        found = dti.cluster(
            x, 10, transforms=(), schedule=dti.Schedule(steps=600), generator=torch.Generator().manual_seed(0)
        )
        settled = dti.lloyd(x, found.prototypes)
        # Minibatches leave it within a hundredth of the minimum that Lloyd's steps then fall into.
        assert found.loss * 64 * len(x) <= 1.01 * settled.inertia
        assert (found.assignments == settled.assignments).double().mean() > 0.95


class TestModels:
    def test_at_first_every_transformation_is_the_identity(self):
        x = images()
        for names in (("colour", "affine", "projective", "thin_plate"), ("affine",)):
            model = model_of(names=names)
            z = model.reconstruct(x)
            assert torch.allclose(z, model.prototypes.expand(12, 3, 1, 6, 6), atol=1e-5)

    def test_heads_are_linear_layers_side_by_side(self):
        torch.manual_seed(0)
        heads = dti.model.Heads(3, 5, 6, hidden=7)
        with torch.no_grad():
            heads.weights[-1].normal_()
        features = torch.randn(4, 5)
        for j in range(3):
            layers = []
            for weight, bias in zip(heads.weights, heads.biases):
                layer = nn.Linear(weight.shape[1], weight.shape[2])
                layer.weight.data, layer.bias.data = weight[j].T, bias[j, 0]
                layers += [layer, nn.ReLU()]
            assert torch.allclose(heads(features)[j], nn.Sequential(*layers[:-1])(features), atol=1e-5)

    def test_only_active_transformations_are_applied(self):
        x, model = images(), stirred(model_of(names=("affine", "thin_plate")))
        full = model.reconstruct(x)
        model.transformer.active = 1
        beta = model.transformer.betas(x)
        assert len(beta) == 1
        affine = transforms.affine(model.prototypes[:, None], beta[0]).transpose(0, 1)
        assert torch.allclose(model.reconstruct(x), affine)
        assert not torch.allclose(affine, full)
        model.transformer.active = 0
        assert torch.equal(model.reconstruct(x), model.prototypes.expand(12, 3, 1, 6, 6))

    def test_an_images_transformation_does_not_depend_on_its_company(self):
        x, model = images(), stirred(model_of())
        together = model.distances(x)
        alone = torch.cat([model.distances(part) for part in x.split(1)])
        assert torch.allclose(together, alone, atol=1e-6)

    def test_aligned_is_the_reconstruction_with_the_least_distance(self):
        x, model = images(), stirred(model_of())
        z = model.reconstruct(x)
        distances = (z - x[:, None]).square().flatten(2).mean(2)
        assert torch.allclose(distances, model.distances(x), atol=1e-6)
        best = distances.argmin(1)
        assert torch.allclose(model.aligned(x), z[torch.arange(12), best], atol=1e-6)
        assignments, costs = model.predict(x, batch_size=5)
        assert torch.equal(assignments, best)
        assert torch.allclose(costs, distances.amin(1), atol=1e-6)

    def test_features_take_the_place_of_pixels(self):
        x = images()
        gradient = lambda v: v[..., 1:] - v[..., :-1]  # noqa: E731
        model = model_of(features=gradient)
        expected = (gradient(model.reconstruct(x)) - gradient(x)[:, None]).square().flatten(2).mean(2)
        assert torch.allclose(model.distances(x), expected, atol=1e-6)
        # A brightness that is the same everywhere is no feature.
        assert torch.allclose(model.distances(x), ((gradient(model.prototypes) - gradient(x + 0.3)[:, None])
                              .square().flatten(2).mean(2)), atol=1e-5)  # fmt: skip

    @pytest.mark.parametrize("side", [(8, 8), (28, 28), (64, 48), (16, 25)])
    def test_the_encoder_takes_any_size(self, side):
        encoder = dti.Encoder(3, side)
        assert encoder(torch.rand(2, 3, *side)).shape == (2, encoder.width)


class TestMixture:
    def test_costs_are_torch_s_normal_distribution(self):
        x = images(dtype=torch.float64)
        model = model_of(names=("affine",), kind=dti.DTIGMM).double()
        with torch.no_grad():
            model.sigmas.uniform_(0.1, 1)
            model.mixing.normal_()
        stirred(model)
        beta = model.transformer.betas(x)[0]
        mean = transforms.affine(model.prototypes[:, None], beta).transpose(0, 1)
        deviation = (transforms.affine(model.sigmas[:, None], beta).transpose(0, 1).square() + model.least).sqrt()
        normal = torch.distributions.Independent(torch.distributions.Normal(mean, deviation), 3)
        mixture = torch.distributions.MixtureSameFamily(
            torch.distributions.Categorical(logits=model.mixing.expand(12, 3)), normal
        )
        assert torch.allclose(model.loss(model.costs(x)), -mixture.log_prob(x).mean())

    def test_its_gradient_is_that_of_the_expected_complete_likelihood(self):
        # What EM and the paper's implementation descend: responsibilities are held fixed.
        x, model = images(), model_of(kind=dti.DTIGMM, names=("affine",))
        costs = model.costs(x)
        ours = torch.autograd.grad(model.loss(costs), model.clusters(), retain_graph=True)
        r = (-costs).softmax(1).detach()
        theirs = torch.autograd.grad((r * costs).sum(1).mean(), model.clusters())
        for a, b in zip(ours, theirs):
            assert torch.allclose(a, b, atol=1e-5)

    def test_colour_leaves_variances_alone(self):
        x, model = images(), stirred(model_of(kind=dti.DTIGMM, names=("colour",)))
        z = model.reconstruct(x)
        variance = model.sigmas.square() + model.least
        each = (x[:, None] - z).square() / variance + variance.log() + math.log(2 * math.pi)
        expected = 0.5 * each.flatten(2).sum(2) - model.mixing.log_softmax(0)
        assert torch.allclose(model.costs(x), expected, atol=1e-4)


class TestStep:
    def setup_method(self):
        self.model = stirred(model_of(k=4))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-2)
        self.model.loss(self.model.costs(images())).backward()
        self.optimizer.step()

    def test_a_small_cluster_becomes_a_copy_of_the_largest_with_its_moments(self):
        before = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        share = torch.tensor([0.3, 0.04, 0.6, 0.06])
        g = torch.Generator().manual_seed(0)
        assert dti.reassign(self.model, self.optimizer, share, generator=g) == [1]
        for name, p in self.model.named_parameters():
            moments = self.optimizer.state[p]
            if name.startswith("transformer.encoder"):
                assert torch.equal(p, before[name])
                continue
            close = torch.allclose(p[1], before[name][2], atol=1e-3)
            assert close, name
            assert torch.equal(p[[0, 3]], before[name][[0, 3]]), name
            for moment in ("exp_avg", "exp_avg_sq"):
                assert torch.equal(moments[moment][1], moments[moment][2]), name
        assert not torch.equal(self.model.prototypes[1], self.model.prototypes[2])
        assert float((self.model.prototypes[1].detach() - before["prototypes"][2]).std()) == pytest.approx(
            1e-4, rel=0.5
        )

    def test_nothing_happens_where_every_cluster_is_large_enough(self):
        before = [p.detach().clone() for p in self.model.parameters()]
        assert dti.reassign(self.model, self.optimizer, torch.tensor([0.85, 0.05, 0.05, 0.05])) == []
        assert all(torch.equal(p, b) for p, b in zip(self.model.parameters(), before))

    def test_an_optimiser_without_a_state_will_do(self):
        model = model_of(k=4)
        fresh = torch.optim.SGD(model.parameters(), lr=0.1)
        assert dti.reassign(model, fresh, torch.tensor([1.0, 0, 0, 0])) == [1, 2, 3]

    def test_an_empty_cluster_comes_back_in_training(self):
        g = torch.Generator().manual_seed(0)
        x = torch.cat([torch.zeros(40, 1, 4, 4), torch.ones(40, 1, 4, 4)]) + 0.05 * images(80, 4)
        first = torch.stack([torch.full((1, 4, 4), 0.5), torch.full((1, 4, 4), 9.0)])
        model = dti.DTIKMeans(first, ())
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        history = train.fit(
            dti.dti_step(model, optimizer, every=10, generator=g), Minibatches(x, batch_size=20, generator=g), epochs=30
        )
        assert sum(history["reassigned"]) > 0
        assert metrics.clustering_accuracy(model.predict(x)[0], torch.arange(80) // 40) == 1.0

    def test_without_looking_it_stays_empty(self):
        x = images(40, 4)
        model = dti.DTIKMeans(torch.stack([torch.full((1, 4, 4), 0.5), torch.full((1, 4, 4), 9.0)]), ())
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        train.fit(dti.dti_step(model, optimizer, every=0), [(x,)], epochs=30)
        assert torch.equal(model.prototypes[1], torch.full((1, 4, 4), 9.0))

    def test_the_curriculum_switches_on_and_lowers_the_rate(self):
        before = dti.Curriculum(self.model, self.optimizer, starts=(0.2, 0.5), settle=0.6, gamma=0.1)
        course = []
        for t in range(11):
            before(t, 10)
            course.append((self.model.transformer.active, self.optimizer.param_groups[0]["lr"]))
        assert [a for a, _ in course] == [0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2]
        assert [lr for _, lr in course[:7]] == pytest.approx([0.01] * 7)
        # Halfway down the cosine, and at its end.
        assert course[8][1] == pytest.approx(0.0055)
        assert course[10][1] == pytest.approx(0.001)
        assert course[7][1] + course[9][1] == pytest.approx(0.011)

    def test_learning_is_the_curriculum_the_updates_and_the_looks_one_after_another(self):
        """Without races, by a loop over the same batches."""
        x, starts = images(50, 8), (0.2, 0.6)
        ours, slow = (model_of(4, ("affine", "thin_plate"), side=8) for _ in range(2))
        schedule = dti.Schedule(epochs=6, batch_size=20, lr=0.01, starts=starts, every=4, swaps=False)
        history = dti.learn(ours, x, schedule, generator=torch.Generator().manual_seed(7))
        g = torch.Generator().manual_seed(7)
        optimizer = adam(slow, 0.01)
        before, batches = dti.Curriculum(slow, optimizer, starts=starts), Minibatches(x, batch_size=20, generator=g)
        chosen, losses, t, n = torch.zeros(4), [], 0, 6 * len(batches)
        for _ in range(6):
            for (batch,) in batches:
                before(t, n)
                loss = slow.loss(slow.costs(batch))
                chosen += torch.bincount(slow.costs(batch).argmin(1), minlength=4)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(float(loss.detach()))
                t += 1
                if t % 4 == 0:
                    dti.reassign(slow, optimizer, chosen / chosen.sum(), generator=g)
                    chosen.zero_()
        assert history["loss"] == pytest.approx([sum(losses[i : i + 3]) / 3 for i in range(0, n, 3)], rel=1e-4)
        assert torch.allclose(ours.prototypes, slow.prototypes, atol=1e-4)
        assert ours.transformer.active == slow.transformer.active == 2

    @pytest.mark.parametrize(
        ("schedule", "passes"), [({}, 75), ({"epochs": 3}, 3), ({"steps": 1}, 1), ({"steps": 0}, 0)]
    )
    def test_a_schedule_knows_how_often_it_goes_through_the_images(self, schedule, passes):
        assert dti.Schedule(**schedule).passes(5000) == passes

    def test_a_transformation_that_is_not_on_yet_is_left_alone(self):
        model = model_of()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        model.transformer.active = 1
        before = [p.detach().clone() for p in model.transformer.heads[1].parameters()]
        train.fit(dti.dti_step(model, optimizer), [(images(),)], epochs=3)
        assert all(torch.equal(p, b) for p, b in zip(model.transformer.heads[1].parameters(), before))

    def test_default_starts(self):
        assert default_starts(()) == ()
        assert default_starts(("affine",)) == pytest.approx((0.1,))
        assert default_starts(("affine", "morphology", "thin_plate")) == pytest.approx((0.1, 0.65, 0.65))
        assert default_starts(("colour", "affine", "thin_plate")) == pytest.approx((0.1, 0.2, 0.65))

    @pytest.mark.parametrize(
        ("names", "starts", "expected"),
        [
            (("affine",), (0.1,), (0.1, 0.65)),
            (("affine", "thin_plate"), (0.3, 0.8), (0.3, 0.8)),
            (("colour", "affine", "thin_plate"), (0.1, 0.2, 0.65), (0.2, 0.65)),
            (("affine", "thin_plate"), (0.0, 0.0), (0.0, 0.0)),
            (("affine",), (0.9,), (0.9, 0.9)),
            (("thin_plate",), (0.4,), (0.4, 0.4)),
            ((), (), (0.65, 0.65)),
        ],
    )
    def test_the_phase_in_which_shapes_keep(self, names, starts, expected):
        assert rigid_phase(names, starts) == expected


class TestCluster:
    def test_the_same_seed_gives_the_same_clusters(self):
        x = images(60, 8)
        a, b = (
            dti.cluster(
                x, 3, schedule=dti.Schedule(steps=20), networks=SMALL, generator=torch.Generator().manual_seed(5)
            )
            for _ in range(2)
        )
        assert torch.equal(a.assignments, b.assignments)
        assert torch.equal(a.prototypes, b.prototypes)
        assert a.loss == b.loss

    def test_it_leaves_the_global_generator_alone(self):
        torch.manual_seed(3)
        expected = torch.rand(1)
        torch.manual_seed(3)
        dti.cluster(
            images(20), 2, schedule=dti.Schedule(steps=3), networks=SMALL, generator=torch.Generator().manual_seed(0)
        )
        assert torch.equal(torch.rand(1), expected)

    @pytest.mark.parametrize("mixture", [False, True])
    @pytest.mark.parametrize("keep", ["utility", "loss"])
    def test_which_of_several_runs_is_kept(self, keep, mixture):
        x = images(60, 8)
        run = dti.cluster(
            x, 4, schedule=dti.Schedule(steps=15), networks=SMALL, runs=3, keep=keep, mixture=mixture,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        assert len(set(run.losses)) == len(set(run.utilities)) == 3
        assert run.losses.index(run.loss) == run.utilities.index(run.utility)
        assert run.utility == max(run.utilities) if keep == "utility" else run.loss == min(run.losses)
        with torch.no_grad():
            costs = run.model.costs(x)
        assert run.loss == pytest.approx(float(run.model.loss(costs)), rel=1e-5)
        assert torch.equal(run.assignments, run.model.predict(x)[0])
        without = [costs[:, [i for i in range(4) if i != j]].amin(1).mean() for j in range(4)]
        growth = float(min(without) - costs.amin(1).mean()) / (1 if mixture else run.loss)
        assert run.utility == pytest.approx(growth, rel=1e-3, abs=1e-6)

    def test_a_twin_is_not_needed(self):
        signs = torch.eye(3).repeat(20, 1)[:, None, :, None].expand(-1, 1, 3, 3)
        x = 0.8 * signs + 0.1 * torch.rand(60, 1, 3, 3, generator=torch.Generator().manual_seed(0))
        # Nothing is learnt: the first centres are images that are far from each other.
        three, four = (
            dti.cluster(
                x, k, transforms=(), schedule=dti.Schedule(epochs=0), generator=torch.Generator().manual_seed(1)
            )
            for k in (3, 4)
        )
        assert three.utility > 10
        assert four.utility < 1

    @pytest.mark.parametrize(
        ("shape", "transforms", "mixture"),
        [
            ((40, 3, 20, 16), ("colour", "affine", "thin_plate"), False),
            ((40, 1, 28, 28), ("affine", "morphology", "thin_plate"), False),
            ((40, 3, 9, 9), ("colour", "projective"), True),
            ((3, 1, 8, 8), (), True),
        ],
    )
    def test_sizes_and_channels(self, shape, transforms, mixture):
        x = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
        found = dti.cluster(
            x, 3, transforms=transforms, mixture=mixture, schedule=dti.Schedule(steps=4, batch_size=16), networks=SMALL,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        assert found.assignments.shape == (shape[0],)
        assert found.prototypes.shape == (3, *shape[1:])
        assert math.isfinite(found.loss)
        assert found.model.aligned(x).shape == x.shape

    @pytest.mark.parametrize("channels", [1, 3])
    def test_what_is_ignored_by_default(self, channels):
        x = images(12, 8, channels=channels)
        found = dti.cluster(
            x, 2, schedule=dti.Schedule(steps=1), networks=SMALL, generator=torch.Generator().manual_seed(0)
        )
        assert [kind.name for kind in found.model.transformer.families] == ["colour", "affine", "thin_plate"]

    def test_double_images_stay_double(self):
        x = images(30, 8, dtype=torch.float64)
        found = dti.cluster(
            x, 2, schedule=dti.Schedule(steps=4), networks=SMALL, generator=torch.Generator().manual_seed(0)
        )
        assert found.prototypes.dtype == torch.float64

    def test_images_are_not_changed(self):
        x = images(30, 8)
        kept = x.clone()
        dti.cluster(x, 2, schedule=dti.Schedule(steps=4), networks=SMALL, generator=torch.Generator().manual_seed(0))
        assert torch.equal(x, kept)

    @pytest.mark.slow
    def test_digits_are_clustered_better_than_by_k_means(self):
        digits = data.digits()
        g = torch.Generator().manual_seed(0)
        plain = [metrics.clustering_accuracy(dti.kmeans(digits.x, 10, generator=g).assignments, digits.y)
                 for _ in range(5)]  # fmt: skip
        found = [
            dti.cluster(
                digits.x,
                10,
                transforms=("affine",),
                schedule=dti.Schedule(steps=1500),
                generator=torch.Generator().manual_seed(s),
            )
            for s in range(4)
        ]
        accuracy = [metrics.clustering_accuracy(f.assignments, digits.y) for f in found]
        assert sum(accuracy) / 4 > sum(plain) / 5 + 0.04
        inertia = dti.kmeans(digits.x, 10, runs=5, generator=g).inertia
        assert all(f.loss < 0.7 * inertia / digits.x.numel() for f in found)

    def test_bad_input_is_named(self, unchecked):
        x = images(6)
        for knobs, words in [
            ({"k": 7}, "k is 7 for 6 images"),
            ({"k": 2, "runs": 0}, "runs is 0"),
            ({"k": 2, "keep": "best"}, "keep is 'best'; expected 'utility' or 'loss'"),
            ({"k": 2, "transforms": ("twist",)}, "no transformation 'twist'"),
            ({"k": 2, "transforms": ("affine",), "starts": (0.2, 0.3)}, "expected 1 growing shares"),
            ({"k": 2, "transforms": ("affine", "thin_plate"), "starts": (0.5, 0.2)}, "growing shares"),
            ({"k": 2, "batch_size": 0}, "batch_size is 0, the length 2"),
            ({"k": 2, "mixture": True, "features": abs}, "k-means alone"),
        ]:
            schedule = {"steps": 2} | {n: knobs.pop(n) for n in ("starts", "batch_size") if n in knobs}
            with pytest.raises(ValueError, match=words):
                dti.cluster(x, schedule=dti.Schedule(**schedule), **knobs)
        with pytest.raises(ValueError, match="nan or inf"):
            dti.cluster(x * math.nan, 2)
        with pytest.raises(ValueError, match="divide by 255"):
            dti.cluster((x * 255).byte(), 2)
        with pytest.raises(ValueError, match="shape"):
            dti.cluster(x[0], 1)
