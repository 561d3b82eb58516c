"""Learned augmentation against torchvision, finite differences, closed forms and enumeration."""

import copy
import math

import pytest
import torch
from torch import nn

from labkit import data, learned, metrics, nets, train
from labkit.learned import OPERATIONS, RANDAUGMENT


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=seeded(seed), dtype=dtype)


def smooth(b, c, h, w):
    """Pictures that change slowly, so that two rules for the border between pixels agree."""
    small = pictures(b, c, 4, 4)
    return nn.functional.interpolate(small, size=(h, w), mode="bicubic", align_corners=True).clamp(0, 1)


class TestOperations:
    @pytest.fixture
    def peers(self):
        v2 = pytest.importorskip("torchvision.transforms.v2")
        return {"standard": v2.RandAugment(interpolation=v2.InterpolationMode.BILINEAR),
                "wide": v2.TrivialAugmentWide(interpolation=v2.InterpolationMode.BILINEAR)}  # fmt: skip

    @staticmethod
    def peer_name(name):
        return {"color": "Color", "auto_contrast": "AutoContrast"}.get(name, name.title().replace("_", ""))

    @pytest.mark.parametrize("space", ["standard", "wide"])
    @pytest.mark.parametrize("name", RANDAUGMENT)
    def test_torchvision_at_every_magnitude(self, peers, name, space, device):
        peer, x = peers[space], smooth(2, 3, 24, 17).to(device)
        table, signed = peer._AUGMENTATION_SPACE[self.peer_name(name)]
        theirs = table(31, 24, 17)
        operation = torch.full((2,), OPERATIONS.index(name), device=device)
        for m in range(0, 31, 3):
            ours = float(learned.strength(name, m / 30, size=(24, 17), space=space))
            level = 0.0 if theirs is None else float(theirs[m])
            assert ours == pytest.approx(level, abs=1e-5)
            if name.startswith(("shear", "translate")):
                continue  # theirs leaves the corner where it is, and moves by whole pixels
            for sign in (1, -1) if signed else (1,):
                expected = peer._apply_image_or_video_transform(
                    x, self.peer_name(name), sign * level, interpolation=peer.interpolation, fill={type(x): None}
                )
                given = learned.apply_operations(x, operation, magnitude=m / 30, sign=sign, space=space)
                torch.testing.assert_close(given, expected, atol=2e-5, rtol=0)

    @pytest.mark.parametrize("name", ["shear_x", "shear_y", "translate_x", "translate_y"])
    @pytest.mark.parametrize("sign", [1, -1])
    def test_shears_and_whole_translations_are_torchvision_s_affine(self, name, sign):
        functional = pytest.importorskip("torchvision.transforms.v2.functional")
        x = smooth(1, 3, 20, 331 // 5)
        m = 0.7 if name.startswith("shear") else (0.2 if name.endswith("x") else 331 / 150 / 20 * 4)
        level = sign * float(learned.strength(name, m, size=(20, 66)))
        if name.startswith("translate"):
            m, level = m * round(abs(level)) / abs(level), sign * round(abs(level))
        tilt = math.degrees(math.atan(level)) if name.startswith("shear") else 0.0
        shear = [tilt, 0.0] if name == "shear_x" else [0.0, tilt]
        shift = [int(level) if name == "translate_x" else 0, int(level) if name == "translate_y" else 0]
        expected = functional.affine(x, 0.0, shift, 1.0, shear,
                                     interpolation=functional.InterpolationMode.BILINEAR)  # fmt: skip
        operation = torch.tensor([OPERATIONS.index(name)])
        given = learned.apply_operations(x, operation, magnitude=m, sign=float(sign))
        torch.testing.assert_close(given, expected, atol=2e-5, rtol=0)

    @pytest.mark.parametrize("space", ["standard", "wide"])
    @pytest.mark.parametrize("name", [n for n in RANDAUGMENT if n not in ("identity", "auto_contrast", "equalize")])
    def test_strength_grows_with_magnitude(self, name, space):
        """The famous slip: solarize and posterize that weaken."""
        x = pictures(1, 3, 64, 64) if name == "sharpness" else smooth(1, 3, 64, 64)
        x = x.expand(6, -1, -1, -1)
        # Beyond a right angle a picture may look more like itself again.
        m = torch.linspace(0, 0.3 if name.startswith(("translate", "rotate")) else 1, 6)
        y = learned.apply_operations(x, torch.full((6,), OPERATIONS.index(name)), magnitude=m, space=space)
        change = (y - x).abs().mean((1, 2, 3))
        assert change[0] < 0.005
        assert bool((change.diff() >= -1e-6).all())
        assert change[-1] > change[0] + 0.005

    def test_nothing_is_black_at_full_strength(self):
        """A peer once posterised to 0 bits."""
        x = pictures(len(OPERATIONS), 3, 40, 40)
        y = learned.apply_operations(x, torch.arange(len(OPERATIONS)), magnitude=1.0, space="wide", sign=1.0)
        assert bool((y.amax((1, 2, 3)) > 0.1).all())

    def test_each_picture_has_its_own(self):
        x = pictures(3 * len(OPERATIONS), 3, 9, 7, dtype=torch.float64)
        g = seeded(3)
        operation = torch.randint(len(OPERATIONS), (len(x),), generator=g)
        m, s = torch.rand(len(x), generator=g).double(), torch.randint(2, (len(x),), generator=g) * 2.0 - 1
        together = learned.apply_operations(x, operation, magnitude=m, sign=s.double())
        alone = [
            learned.apply_operations(x[i : i + 1], operation[i : i + 1], magnitude=float(m[i]), sign=float(s[i]))
            for i in range(len(x))
        ]
        torch.testing.assert_close(together, torch.cat(alone), atol=1e-7, rtol=0)
        assert together.dtype == torch.float64

    def test_an_empty_batch_a_view_and_the_input_itself(self):
        x = pictures(4, 3, 8, 8)
        view = x.transpose(2, 3)
        before = view.clone()
        y = learned.apply_operations(view, torch.tensor([0, 5, 11, 13]), magnitude=0.8)
        torch.testing.assert_close(
            y, learned.apply_operations(before.contiguous(), torch.tensor([0, 5, 11, 13]), magnitude=0.8)
        )
        assert torch.equal(view, before)
        assert learned.apply_operations(x, torch.zeros(4, dtype=torch.long), magnitude=0.8) is not x
        assert learned.apply_operations(x[:0], torch.zeros(0, dtype=torch.long), magnitude=0.8).shape == (0, 3, 8, 8)

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_a_gradient_reaches_the_pixels(self, name):
        """In kornia's RandAugment rounding operations stop it in 6 draws of 20."""
        x = (0.2 + 0.6 * pictures(2, 3, 16, 16)).requires_grad_()
        y = learned.apply_operations(x, torch.full((2,), OPERATIONS.index(name)), magnitude=0.4)
        (slope,) = torch.autograd.grad(y.square().sum(), x)
        assert float(slope.abs().sum()) > 1

    def test_auto_contrast_leaves_flat_channels(self):
        x = torch.full((1, 3, 4, 4), 0.4)
        assert torch.equal(learned.auto_contrast(x), x)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"operation": torch.tensor([0, 17])}, "operation goes from"),
            ({"operation": torch.tensor([0])}, "operation holds 1"),
            ({"magnitude": 1.5}, "magnitude is 1.5"),
            ({"magnitude": 10}, "magnitude is 10"),
            ({"sign": 2.0}, "sign is 2"),
            ({"operations": ["turn"]}, "operation is 'turn'"),
            ({"space": "narrow"}, "space is 'narrow'"),
            ({"x": torch.zeros(2, 3, 4)}, "images have shape"),
        ],
    )
    @pytest.mark.usefixtures("unchecked")
    def test_refused(self, change, words):
        arguments = {"x": pictures(2, 3, 4, 4), "operation": torch.tensor([5, 11]), "magnitude": 0.5} | change
        x, operation = arguments.pop("x"), arguments.pop("operation")
        with pytest.raises(ValueError, match=words):
            learned.apply_operations(x, operation, **arguments)


class TestPolicies:
    @pytest.mark.parametrize(
        "policy",
        [
            learned.RandAugment(n=2, magnitude=0.5),
            learned.OneOperation(space="standard"),
            learned.random_subpolicies(5, generator=seeded()),
        ],
    )
    def test_a_draw_a_picture_from_the_generator(self, policy):
        """DADA's seed had no effect; pytorchvideo's drew once a batch."""
        x = pictures(1, 3, 16, 16).expand(64, -1, -1, -1)
        first, again, other = (policy(x, generator=seeded(s)) for s in (1, 1, 2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert len(torch.unique(first.flatten(1), dim=0)) > 8
        assert float(first.min()) >= 0
        assert float(first.max()) <= 1

    def test_randaugment_is_its_operations_one_after_another(self):
        policy, x = learned.RandAugment(n=3, magnitude=0.4), pictures(5, 3, 9, 9)
        params = policy.make_params(x, generator=seeded(4))
        y = x
        for j in range(3):
            y = learned.apply_operations(y, params["operation"][:, j], magnitude=0.4, sign=params["sign"][:, j])
        assert torch.equal(policy.apply(x, params), y)
        assert torch.equal(learned.RandAugment(n=0)(x), x)

    def test_probabilities_are_met(self):
        policy = learned.OneOperation(probabilities=[0.0, 3.0, 1.0], operations=["vflip", "hflip", "identity"])
        params = policy.make_params(torch.zeros(20_000, 1, 1, 1), generator=seeded())
        share = torch.bincount(params["operation"], minlength=3) / 20_000
        assert share[0] == 0
        assert float((share - torch.tensor([0.0, 0.75, 0.25])).abs().max()) < 0.015
        assert 0.48 < float(params["magnitude"].mean()) < 0.52
        assert abs(float(params["sign"].mean())) < 0.03

    def test_sub_policies_apply_with_their_probability(self):
        x = pictures(4000, 1, 2, 2)
        table = torch.tensor([[OPERATIONS.index("invert"), OPERATIONS.index("hflip")]])
        policy = learned.SubPolicies(operation=table, p=torch.tensor([[0.25, 0.0]]), magnitude=torch.zeros(1, 2))
        changed = (policy(x, generator=seeded()) != x).flatten(1).any(1).float().mean()
        assert abs(float(changed) - 0.25) < 0.03

    def test_labels_pass_and_masks_are_refused(self):
        x, y = pictures(3, 1, 8, 8), torch.tensor([0, 1, 2])
        assert torch.equal(learned.RandAugment()(x, y=y).y, y)
        with pytest.raises(ValueError, match="knows no annotation 'mask'"):
            learned.RandAugment()(x, mask=torch.ones(3, 8, 8, dtype=torch.bool))

    @pytest.mark.parametrize(
        "make",
        [
            lambda: learned.RandAugment(magnitude=9),
            lambda: learned.RandAugment(n=-1),
            lambda: learned.RandAugment(operations=[]),
            lambda: learned.OneOperation(probabilities=[1.0]),
            lambda: learned.OneOperation(probabilities=[-1.0, 2.0], operations=["hflip", "vflip"]),
            lambda: learned.OneOperation(magnitude=(0.6, 0.5)),
            lambda: learned.OneOperation(space="huge"),
            lambda: learned.random_subpolicies(0),
            lambda: learned.SubPolicies(operation=torch.zeros(1, 2).long(), p=torch.zeros(1), magnitude=torch.zeros(1)),
            lambda: learned.SubPolicies(
                operation=torch.full((1, 2), 99), p=torch.zeros(1, 2), magnitude=torch.zeros(1, 2)
            ),
        ],
    )
    @pytest.mark.usefixtures("unchecked")
    def test_refused(self, make):
        with pytest.raises(ValueError, match=r"expected|is|are"):
            make()


class TestHypergradient:
    def problem(self):
        """A small network, an augmentation of three numbers, two batches."""
        with nets.seeded_weights(0):
            net = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()
        x, y, xv, yv = (
            pictures(6, 5, dtype=torch.float64), torch.arange(6) % 3, pictures(6, 5, seed=1, dtype=torch.float64),
            torch.arange(6) % 3,
        )  # fmt: skip
        noise = torch.randn(6, 5, generator=seeded(2), dtype=torch.float64)

        def train_loss(w, phi):
            return learned.loss_with(net, w, (x * phi[0].exp() + phi[1] * noise).sin() + phi[2], y)

        def validation_loss(w):
            return learned.loss_with(net, w, xv, yv)

        return train_loss, validation_loss, learned.weights_of(net), torch.tensor([0.1, 0.3, -0.2]).double()

    @pytest.mark.parametrize("steps", [1, 4])
    def test_finite_differences(self, steps):
        train_loss, validation_loss, w, phi = self.problem()
        result = learned.unrolled_hypergradient(train_loss, validation_loss, w, phi, lr=0.5, steps=steps)

        def loss(numbers):
            current = {n: v.clone().requires_grad_() for n, v in w.items()}
            for _ in range(steps):
                slopes = torch.autograd.grad(train_loss(current, numbers), list(current.values()))
                current = {n: (v - 0.5 * g).detach().requires_grad_() for (n, v), g in zip(current.items(), slopes)}
            return float(validation_loss(current).detach())

        h = 1e-5
        for i in range(3):
            shift = h * torch.eye(3, dtype=torch.float64)[i]
            slow = (loss(phi + shift) - loss(phi - shift)) / (2 * h)
            assert float(result.gradient[i]) == pytest.approx(slow, rel=1e-5, abs=1e-9)
        assert float(result.loss) == pytest.approx(loss(phi), rel=1e-9)

    def test_darts_approaches_it_as_the_radius_shrinks(self):
        train_loss, validation_loss, w, phi = self.problem()
        exact = learned.unrolled_hypergradient(train_loss, validation_loss, w, phi, lr=0.5).gradient
        errors = []
        for r in (0.5, 0.05, 0.005):
            near = learned.darts_hypergradient(train_loss, validation_loss, w, phi, lr=0.5, radius=r).gradient
            errors.append(float((near - exact).norm()))
        assert errors[2] < 1e-5 * float(exact.norm())
        assert errors[2] < 0.05 * errors[1] < 0.05 * errors[0]

    def test_the_quadratic_s_closed_form(self):
        """L_train = ½‖w − φ‖², L_val = ½‖w − c‖²: after K steps w = φ + (1−η)^K (w − φ)."""
        g = seeded(5)
        w, phi, c = (torch.randn(4, generator=g, dtype=torch.float64) for _ in range(3))
        for steps in (1, 3):
            left = (1 - 0.3) ** steps
            result = learned.unrolled_hypergradient(
                lambda v, p: 0.5 * (v["w"] - p["phi"]).square().sum(),
                lambda v: 0.5 * (v["w"] - c).square().sum(), {"w": w}, {"phi": phi}, lr=0.3, steps=steps,
            )  # fmt: skip
            after = phi + left * (w - phi)
            torch.testing.assert_close(result.gradient["phi"], (1 - left) * (after - c))
        darts = learned.darts_hypergradient(
            lambda v, p: 0.5 * (v["w"] - p["phi"]).square().sum(),
            lambda v: 0.5 * (v["w"] - c).square().sum(), {"w": w}, {"phi": phi}, lr=0.3,
        )  # fmt: skip
        torch.testing.assert_close(darts.gradient["phi"], 0.3 * (phi + 0.7 * (w - phi) - c))

    def test_nothing_of_the_network_changes(self):
        """Batch norm's statistics moved in the inner step of some peers."""
        net = nets.CNN(1, 3, width=4, depth=1).train()
        before = {n: v.clone() for n, v in net.state_dict().items()}
        x, y = pictures(6, 1, 8, 8), torch.arange(6) % 3
        learned.unrolled_hypergradient(
            lambda w, p: learned.loss_with(net, w, x * p, y), lambda w: learned.loss_with(net, w, x, y),
            learned.weights_of(net), torch.tensor(1.0), lr=0.1,
        )  # fmt: skip
        assert all(torch.equal(v, before[n]) for n, v in net.state_dict().items())
        assert all(p.grad is None for p in net.parameters())

    @pytest.mark.parametrize("change", [{"lr": 0.0}, {"lr": math.nan}, {"steps": 0}])
    @pytest.mark.usefixtures("unchecked")
    def test_refused(self, change):
        train_loss, validation_loss, w, phi = self.problem()
        with pytest.raises(ValueError, match="expected"):
            learned.unrolled_hypergradient(train_loss, validation_loss, w, phi, **({"lr": 0.1} | change))
        with pytest.raises(ValueError, match="radius"):
            learned.darts_hypergradient(train_loss, validation_loss, w, phi, lr=0.1, radius=0.0)


class TestReinforce:
    def test_enumeration_gives_the_exact_gradient(self):
        g = seeded(1)
        logits = torch.randn(16, generator=g, dtype=torch.float64).requires_grad_()
        rewards = torch.rand(16, generator=g, dtype=torch.float64)
        (direct,) = torch.autograd.grad((logits.softmax(0) * rewards).sum(), logits)
        torch.testing.assert_close(learned.exact_policy_gradient(logits.detach(), rewards), direct)
        for baseline in (0.0, 0.7):
            mean = torch.zeros(16, dtype=torch.float64)
            for a in range(16):
                loss = learned.reinforce_loss(logits, torch.tensor([a]), rewards[a : a + 1], baseline=baseline)
                mean -= logits.detach().softmax(0)[a] * torch.autograd.grad(loss, logits)[0]
            torch.testing.assert_close(mean, direct)

    def test_a_baseline_makes_the_variance_smaller_and_leaves_the_mean(self):
        g = seeded(2)
        logits, rewards = torch.randn(16, generator=g).requires_grad_(), 0.8 + 0.1 * torch.rand(16, generator=g)
        exact = learned.exact_policy_gradient(logits.detach(), rewards)
        spread = {}
        for b in (0.0, 0.85):
            estimates = []
            for _ in range(400):
                a = torch.multinomial(logits.detach().softmax(0), 8, replacement=True, generator=g)
                loss = learned.reinforce_loss(logits, a, rewards[a], baseline=b)
                estimates.append(-torch.autograd.grad(loss, logits)[0])
            table = torch.stack(estimates)
            spread[b] = float(table.var(0).sum())
            assert float((table.mean(0) - exact).norm()) < 4 * math.sqrt(spread[b] / 400)
        assert spread[0.85] < 0.01 * spread[0.0]

    def test_rewards_and_baseline_are_constants(self):
        logits, r, b = (
            torch.zeros(3).requires_grad_(),
            torch.ones(2).requires_grad_(),
            torch.tensor(0.3).requires_grad_(),
        )
        loss = learned.reinforce_loss(logits, torch.tensor([0, 2]), r, baseline=b)
        assert torch.autograd.grad(loss, [r, b], allow_unused=True, retain_graph=True) == (None, None)
        assert float(torch.autograd.grad(loss, logits)[0].abs().sum()) > 0

    @pytest.mark.parametrize("seed", range(3))
    def test_an_agent_drops_the_bad_actions(self, seed):
        worth = torch.tensor([0.9] * 6 + [0.5] * 4)
        agent = learned.Agent(10)
        g = seeded(seed)
        step = learned.SearchStep(
            agent, lambda a: worth[a] + 0.05 * torch.randn(len(a), generator=g),
            torch.optim.Adam(agent.parameters(), lr=0.1), tries=8, generator=g, entropy=0.02,
        )  # fmt: skip
        train.fit(step, [None], epochs=150)
        assert float(agent.probabilities[6:].sum()) < 0.1
        assert step.spent == 1200

    @pytest.mark.parametrize(
        "make",
        [
            lambda: learned.reinforce_loss(torch.zeros(2, 2), torch.tensor([0]), torch.ones(1)),
            lambda: learned.reinforce_loss(torch.zeros(2), torch.tensor([2]), torch.ones(1)),
            lambda: learned.reinforce_loss(torch.zeros(2), torch.tensor([1]), torch.ones(2)),
            lambda: learned.reinforce_loss(torch.zeros(2), torch.tensor([1]), torch.tensor([math.nan])),
            lambda: learned.exact_policy_gradient(torch.zeros(2), torch.zeros(3)),
            lambda: learned.Agent(1),
            lambda: learned.Agent(3, decay=1.0),
        ],
    )
    @pytest.mark.usefixtures("unchecked")
    def test_refused(self, make):
        with pytest.raises(ValueError, match=r"expected|rewards is nan"):
            make()


class TestNetworks:
    def randomised(self, **parts):
        net = learned.AugmentationNetwork(3, code=4, **parts)
        g = seeded(1)
        for p in net.parameters():
            p.data = 0.3 * torch.randn(p.shape, generator=g)
        return net

    def test_it_begins_as_the_identity_and_every_code_is_another_picture(self, device):
        x = pictures(6, 3, 9, 12).to(device)
        fresh = learned.AugmentationNetwork(3, code=4).to(device)
        torch.testing.assert_close(fresh.augment(x, generator=seeded()), x, atol=1e-5, rtol=0)
        net = self.randomised().to(device)
        y = net.augment(x[:1].expand(6, -1, -1, -1), generator=seeded())
        assert len(torch.unique(y.flatten(1), dim=0)) == 6
        assert 0 <= float(y.detach().min()) <= float(y.detach().max()) <= 1

    def test_a_batch_is_its_pictures_one_by_one(self):
        x, net = pictures(4, 3, 9, 12), self.randomised()
        z = net.codes(x, generator=seeded(3))
        alone = torch.cat([net(x[i : i + 1], z[i : i + 1]) for i in range(4)])
        torch.testing.assert_close(net(x, z), alone, atol=1e-5, rtol=0)

    def test_gradients_are_those_of_finite_differences(self):
        net = self.randomised(geometry=False).double()
        x, z = 0.1 + 0.8 * pictures(1, 3, 3, 3, dtype=torch.float64), torch.randn(1, 4, generator=seeded()).double()
        assert torch.autograd.gradcheck(net, (x.requires_grad_(), z.requires_grad_()), eps=1e-7, atol=1e-5)
        turn = self.randomised(colour=False).double()
        assert torch.autograd.gradcheck(lambda v, c: turn(v, c), (x, z), eps=1e-7, atol=1e-5)

    def test_the_triangle_wave_is_the_paper_s(self):
        v = torch.linspace(-5, 5, 1001, dtype=torch.float64)
        torch.testing.assert_close(learned.triangle_wave(v), (v * math.pi).cos().arccos() / math.pi)

    @pytest.mark.usefixtures("unchecked")
    def test_refused(self):
        net = learned.AugmentationNetwork(1, code=3)
        with pytest.raises(ValueError, match="one a picture"):
            net(pictures(2, 1, 4, 4), torch.zeros(1, 3))
        with pytest.raises(ValueError, match="expected counts"):
            learned.AugmentationNetwork(1, code=0)


class TestTeacher:
    def test_the_loss_and_where_its_gradient_goes(self):
        model, teacher = nets.MLP(16, 3, hidden=(5,)), nets.MLP(16, 3, hidden=(5,))
        x, y = pictures(4, 1, 4, 4).requires_grad_(), torch.tensor([0, 1, 2, 0])
        ce = nn.functional.cross_entropy
        loss = learned.teach_loss(model, teacher, x, y)
        torch.testing.assert_close(loss, ce(teacher(x), y) - ce(model(x), y))
        torch.testing.assert_close(learned.teach_loss(model, None, x, y), -ce(model(x), y))
        assert float(torch.autograd.grad(loss, x)[0].abs().sum()) > 0

    def test_a_step_moves_each_by_its_own_loss(self):
        with nets.seeded_weights(0):
            model = nets.MLP(64, 2, hidden=(8,))
            net = learned.AugmentationNetwork(1, code=2)
        teacher = copy.deepcopy(model)
        start = [copy.deepcopy(m.state_dict()) for m in (model, teacher, net)]
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.5) for m in (model, net)]
        step = learned.TeachStep(model, teacher, net, *optimizers, decay=0.9, generator=seeded())
        batch = (pictures(8, 1, 8, 8), torch.arange(8) % 2)
        step(batch)
        # At first both losses are equal and their difference is flat: the augmentation stands still.
        assert all(torch.equal(v, start[2][n]) for n, v in net.state_dict().items())
        for name, value in teacher.state_dict().items():
            torch.testing.assert_close(value, 0.9 * start[1][name] + 0.1 * model.state_dict()[name])
        step(batch)
        assert any(not torch.equal(v, start[2][n]) for n, v in net.state_dict().items())
        assert not torch.equal(model.head.weight, start[0]["head.weight"])


class TestRelaxed:
    def test_draws_are_one_hot_and_as_frequent_as_softmax(self):
        logits = torch.tensor([1.0, 0.0, -1.0], requires_grad=True)
        w = learned.gumbel_softmax(logits, 20_000, temperature=0.5, generator=seeded())
        assert bool(((w == 0) | ((w - 1).abs() < 1e-6)).all())
        assert float((w.detach().mean(0) - logits.detach().softmax(0)).abs().max()) < 0.015
        assert float(torch.autograd.grad(w[:, 0].sum(), logits)[0].abs().sum()) > 0

    def test_one_hot_weights_give_the_operation_and_magnitudes_have_gradients(self):
        x, names = pictures(5, 3, 8, 8), ("rotate", "brightness", "solarize")
        m = torch.tensor([0.3, 0.5, 0.2], requires_grad=True)
        k = torch.tensor([0, 1, 2, 1, 0])
        y = learned.relaxed_operations(x, nn.functional.one_hot(k).float(), magnitude=m, operations=names)
        torch.testing.assert_close(y, learned.apply_operations(x, k, magnitude=m[k], operations=names))
        slope = torch.autograd.grad(y.square().sum(), m)[0]
        assert float(slope[0].abs()) > 0
        assert float(slope[1].abs()) > 0

    @pytest.mark.usefixtures("unchecked")
    def test_refused(self):
        with pytest.raises(ValueError, match="temperature"):
            learned.gumbel_softmax(torch.zeros(3), 2, temperature=0.0)
        with pytest.raises(ValueError, match="weights are"):
            learned.relaxed_operations(pictures(2, 1, 4, 4), torch.zeros(2, 3), magnitude=torch.zeros(3))


class TestWidths:
    def test_the_gradient_is_that_of_finite_differences(self):
        x = smooth(3, 1, 12, 12).double()
        u, width = torch.tensor([-0.7, 0.2, 1.0]).double(), torch.tensor(20.0, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda w: learned.turned(x, width=w, u=u), (width,), eps=1e-6, atol=1e-5)

    def test_angles_are_uniform_within_the_width(self):
        width = learned.LearnedWidth(start=40.0)
        assert float(width().detach()) == pytest.approx(40.0, rel=1e-5)
        assert float(learned.width_of(torch.tensor(99.0), limit=180.0)) == 180.0

    def test_the_training_loss_trains_the_augmentation_away_and_a_reward_lets_it_run(self):
        d = data.digits("train", seed=0)
        final = {}
        for lambda_ in (0.0, 20.0):
            with nets.seeded_weights(0):
                net = nets.MLP(64, 10, hidden=(32,))
            width = learned.LearnedWidth(start=60.0)
            optimizer = torch.optim.Adam([{"params": net.parameters(), "lr": 1e-2}, {"params": [width.rho], "lr": 0.1}])
            step = learned.augerino_step(net, width, optimizer, lambda_=lambda_, generator=seeded())
            train.fit(step, train.Minibatches(d.x, d.y, batch_size=100, generator=seeded()), epochs=10)
            final[lambda_] = float(width().detach())
            assert metrics.accuracy(metrics.predict(net, d.x), d.y) > 0.3
        assert final[0.0] < 20
        assert final[20.0] > 120

    @pytest.mark.parametrize("start", [0.0, 180.0, -1.0])
    @pytest.mark.usefixtures("unchecked")
    def test_refused(self, start):
        with pytest.raises(ValueError, match="0 < start < limit"):
            learned.LearnedWidth(start=start)


class TestWorld:
    def test_the_child_is_scikit_learn_s(self):
        kernel_ridge = pytest.importorskip("sklearn.kernel_ridge")
        d = data.digits("train", seed=0)
        x, y, new = d.x[:80].double(), d.y[:80], d.x[80:120].double()
        peer = kernel_ridge.KernelRidge(alpha=0.1, kernel="rbf", gamma=1 / 4)
        peer.fit(x.flatten(1).numpy(), nn.functional.one_hot(y, 10).numpy())
        ours = learned.kernel_ridge(x, y, classes=10)(new)
        torch.testing.assert_close(ours, torch.from_numpy(peer.predict(new.flatten(1).numpy())), atol=1e-6, rtol=0)

    def test_rewards_are_of_the_validation_pictures_and_counted(self):
        d = data.digits("train", seed=0)
        world = learned.PolicyWorld(d.x[:60], d.y[:60], d.x[60:260], d.y[60:260], copies=1, generator=seeded())
        plain = learned.kernel_ridge(d.x[:60].repeat(2, 1, 1, 1), d.y[:60].repeat(2), classes=10)
        rewards = world.reward(torch.tensor([0, 5, 0]))
        assert world.children == 3
        expected = (plain(d.x[60:260]).argmax(1) == d.y[60:260]).float().mean()
        assert rewards[0] == rewards[2] == expected

    @pytest.mark.usefixtures("unchecked")
    def test_refused(self):
        x, y = pictures(4, 1, 4, 4), torch.arange(4)
        with pytest.raises(ValueError, match="copies"):
            learned.PolicyWorld(x, y, x, y, copies=-1)
        with pytest.raises(ValueError, match="alpha"):
            learned.kernel_ridge(x, y, classes=4, alpha=0.0)
        with pytest.raises(ValueError, match="y holds 3 labels"):
            learned.kernel_ridge(x, y[:3], classes=4)
