"""Transfer in six steps, against torchvision, scikit-learn and the deck's own numbers."""

import copy
import hashlib
import importlib.util
import os
from pathlib import Path

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from labkit import data, finetune, metrics, nets, train
from labkit.data import download
from labkit.finetune import bundled, zoo
from labkit.finetune.tuning import reset_parameters


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def network(classes=3, *, seed=0, depth=2):
    """A small network with batch normalisation whose statistics are not those of its birth."""
    torch.manual_seed(seed)
    model = nets.CNN(1, 5, width=4, depth=depth)
    model.train()
    for _ in range(3):
        model(torch.rand(16, 1, 8, 8))
    return finetune.new_head(finetune.base_model(model.eval()), classes, generator=generator(seed))


def images(n=24, classes=3, seed=0):
    g = generator(seed)
    return torch.rand(n, 1, 8, 8, generator=g), torch.arange(n) % classes


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


class TestAccounts:
    """The deck's numbers, to the last parameter."""

    @pytest.mark.parametrize("name", ["vgg16", "vgg19", "inception", "resnet50"])
    def test_the_deck_is_reached_exactly(self, name):
        account = finetune.parameter_report(name)
        assert account.keras == zoo.ZOO[name].keras
        assert account.trainable == 2 * (zoo.ZOO[name].width + 1)

    def test_what_differs_and_by_how_much(self):
        assert finetune.parameter_report("vgg16") == (8_194, 134_260_544, 0, 0, 0)
        assert finetune.parameter_report("vgg19") == (8_194, 139_570_240, 0, 0, 0)
        assert finetune.parameter_report("inception") == (4_098, 21_785_568, 34_432, 0, 17_216)
        assert finetune.parameter_report("resnet50") == (4_098, 23_508_032, 53_120, 26_560, 0)

    def test_xception(self):
        if importlib.util.find_spec("timm") is None:
            pytest.skip("needs timm: pip install 'labkit-course[zoo]'")
        account = finetune.parameter_report("xception")
        assert account == (4_098, 20_806_952, 54_528, 0, 0)
        assert account.keras == zoo.ZOO["xception"].keras

    @pytest.mark.parametrize(
        ("name", "weights"),
        [
            ("vgg16", "VGG16_Weights"),
            ("vgg19", "VGG19_Weights"),
            ("resnet50", "ResNet50_Weights"),
            ("squeezenet", "SqueezeNet1_0_Weights"),
        ],
    )
    def test_nothing_is_lost_in_the_cut(self, name, weights):
        from torchvision import models

        published = getattr(models, weights).IMAGENET1K_V1
        with torch.device("meta"):
            model = finetune.load(name, weights=None)
        assert nets.parameter_count(model) == published.meta["num_params"]
        assert zoo.ZOO[name].url == published.url

    def test_inception_loses_its_auxiliary_classifier_alone(self):
        from torchvision import models

        with torch.device("meta"):
            whole = models.inception_v3(weights=None, init_weights=False)
            model = finetune.load("inception", weights=None)
        assert nets.parameter_count(whole) - nets.parameter_count(model) == nets.parameter_count(whole.AuxLogits)
        assert zoo.ZOO["inception"].url == models.Inception_V3_Weights.IMAGENET1K_V1.url


class TestObtain:
    def rescaled(self, x, name):
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in zoo.ZOO[name].scaling)
        return (x - mean) / std

    def test_squeezenet_gives_torchvisions_logits(self, tmp_path):
        original = zoo.ZOO["squeezenet"].build().eval()
        torch.save(original.state_dict(), tmp_path / "weights.pth")
        model = finetune.load("squeezenet", weights=tmp_path / "weights.pth")
        x = torch.rand(2, 3, 64, 64, generator=generator())
        with torch.no_grad():
            assert torch.equal(model(x), original(self.rescaled(x, "squeezenet")))

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["resnet50", "inception", "vgg16"])
    def test_the_others_give_torchvisions_logits(self, name):
        original = zoo.ZOO[name].build().eval()
        parts, head = zoo.ZOO[name].cut(original)
        x = torch.rand(2, 3, 96, 96, generator=generator())
        with torch.no_grad():
            assert torch.allclose(head(nn.Sequential(parts)(x)), original(x), atol=1e-5)

    def test_weights_are_found_verified_and_never_fetched_when_not_wanted(self, tmp_path, monkeypatch):
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
        with pytest.raises(data.DataError, match="allow the download"):
            finetune.load("squeezenet", root=tmp_path, download=False)
        file = tmp_path / "weights" / "squeezenet1_0-b66bff10.pth"
        file.parent.mkdir()
        file.write_bytes(b"damaged")
        with pytest.raises(data.DataError, match="allow the download"):
            finetune.load("squeezenet", root=tmp_path, download=False)

    def test_offline_is_one_clear_sentence(self, tmp_path, monkeypatch):
        import pooch
        import requests

        def nothing(*_, **__):
            raise requests.exceptions.ConnectionError

        monkeypatch.setattr(pooch.HTTPDownloader, "__call__", nothing)
        with pytest.raises(data.DataError, match=r"resnet50-0676ba61\.pth could not be downloaded: there is no conn"):
            finetune.load("resnet50", root=tmp_path)

    def test_torchs_own_cache_serves(self, tmp_path, monkeypatch):
        file = tmp_path / "checkpoints" / "squeezenet1_0-b66bff10.pth"
        file.parent.mkdir()
        torch.save(zoo.ZOO["squeezenet"].build().state_dict(), file)
        entry = copy.copy(zoo.ZOO["squeezenet"])
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        monkeypatch.setattr(zoo.Entry, "checksum", property(lambda _: digest[:8]))
        assert zoo.weights_of(entry, root=None, download=False, progress=False) == file

    def test_a_checksum_may_be_short_but_not_too_short(self, tmp_path):
        file = tmp_path / "file"
        file.write_bytes(b"weights")
        digest = hashlib.sha256(b"weights").hexdigest()
        assert download.intact(file, f"sha256:{digest}")
        assert download.intact(file, f"sha256:{digest[:8]}")
        assert not download.intact(file, "sha256:00000000")
        with pytest.raises(ValueError, match="8 digits or more"):
            download.intact(file, "sha256:")

    def test_a_file_that_carries_code_is_refused(self, tmp_path):
        torch.save({"weights": Path("anything")}, tmp_path / "bad.pth")
        with pytest.raises(Exception, match=r"weights_only|Weights only"):
            zoo.state(tmp_path / "bad.pth")
        with pytest.raises(data.DataError, match="can't be read"):
            zoo.state(tmp_path / "none.pth")

    @pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
    def test_other_channels_keep_what_the_first_layer_has_learned(self, channels):
        torch.manual_seed(0)
        model = finetune.load("squeezenet", weights=None)
        before = copy.deepcopy(model)
        adapted = finetune.adapt_input(model, channels)
        first, old = (next(c for c in m.body.modules() if isinstance(c, nn.Conv2d)) for m in (adapted, before))
        assert first.in_channels == first.weight.shape[1] == channels
        x = torch.rand(2, channels, 64, 64, generator=generator())
        assert adapted(x).shape == (2, 1000)
        if channels == 1:  # a grey picture, normalised as one, gives what it gives in grey colours
            z = adapted.normalize(x)
            torch.testing.assert_close(adapted.head(adapted.body(z)), before.head(before.body(z.expand(-1, 3, -1, -1))))
        else:
            repeated = torch.cat([old.weight] * 3, 1)[:, :channels] * (3 / channels)
            torch.testing.assert_close(first.weight, repeated)
        base = finetune.new_head(finetune.freeze(finetune.base_model(adapted)), 2)
        assert base(x).shape == (2, 2)

    def test_channels_are_asked_for_when_loading(self):
        assert finetune.load("small_cnn", in_chans=3)(torch.rand(1, 3, 16, 16)).shape == (1, 43)
        assert finetune.load("squeezenet", weights=None, in_chans=4)(torch.rand(1, 4, 64, 64)).shape == (1, 1000)
        with pytest.raises(ValueError, match="in_chans is 0"):
            finetune.load("small_cnn", in_chans=0)
        with pytest.raises(ValueError, match="doesn't begin with"):
            finetune.adapt_input(nets.MLP(4, 2), 3)

    def test_bad_input_is_named(self):
        with pytest.raises(ValueError, match="there are vgg16, vgg19"):
            finetune.load("alexnet")
        if importlib.util.find_spec("timm") is None:
            with pytest.raises(ValueError, match=r"labkit-course\[zoo\]"):
                finetune.load("xception", weights=None)

    def test_the_imagenet_squeezenet_knows_the_panda(self):
        place = os.environ.get("LABKIT_DATA")
        file = Path(place or "") / "imagenet" / "squeezenet1_0-deepcompression-torchvision.pth"
        if not place or not file.exists():
            pytest.skip("needs SqueezeNet's weights: set LABKIT_DATA to a folder with imagenet/*.pth and photos")
        from PIL import Image
        from torchvision.transforms.v2 import functional as transforms

        model = finetune.load("squeezenet", weights=file)
        (path,) = (file.parent / "photos").glob("388_*.jpg")
        with Image.open(path) as photo:
            x = transforms.pil_to_tensor(photo.convert("RGB")).float().div(255)
        x = transforms.center_crop(transforms.resize(x, [256], antialias=True), [224, 224])
        with torch.no_grad():
            assert int(model(x[None]).argmax()) == 388


class TestNetwork:
    def test_a_base_is_a_copy_that_gives_the_features(self):
        model = nets.CNN(1, 5, width=4, depth=2).eval()
        base = finetune.base_model(model)
        x, _ = images()
        with torch.no_grad():
            assert torch.equal(base.eval()(x), model.features(x))
        base.body[0].weight.data.zero_()
        assert bool(model.body[0].weight.any())

    def test_squeezenets_maps_are_averaged(self):
        torch.manual_seed(0)
        model = finetune.load("squeezenet", weights=None)
        base = finetune.base_model(model).eval()
        x = torch.rand(2, 3, 40, 48, generator=generator())
        with torch.no_grad():
            assert torch.allclose(base(x), model.body(model.normalize(x)).mean((2, 3)), atol=1e-6)
        assert len(model.body) + 1 == len(base.body)

    def test_stages_begin_with_weights_and_hold_everything_once(self):
        model = network(depth=3)
        parts = finetune.stages(model)
        assert [type(layer).__name__ for layer in parts[0]] == ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"]
        assert len(parts) == 3
        flat = [layer for part in parts for layer in part]
        assert flat == list(model.body)
        assert len(finetune.stages(finetune.base_model(nets.MLP(4, 2, hidden=(3, 3))))) == 2

    def test_freezing_by_depth(self):
        model = network(depth=3)
        for depth in range(4):
            finetune.freeze(model, depth)
            frozen = [not any(p.requires_grad for p in part.parameters()) for part in finetune.stages(model)]
            assert frozen == [True] * depth + [False] * (3 - depth)
            assert all(p.requires_grad for p in model.head.parameters())
        assert finetune.freeze(model) is model
        assert nets.parameter_count(model, trainable=True) == sum(p.numel() for p in model.head.parameters())

    def test_freezing_by_name(self):
        model = finetune.freeze(network(), where=lambda name: name.endswith("bias"))
        trainable = {name for name, p in model.body.named_parameters() if p.requires_grad}
        assert trainable == {name for name, _ in model.body.named_parameters() if not name.endswith("bias")}

    @pytest.mark.parametrize("statistics", ["frozen", "all", "none"])
    def test_statistics_are_held_as_asked(self, statistics):
        model = finetune.freeze(network(), 1, statistics=statistics)
        before = state(model)
        model.train()
        model(torch.rand(8, 1, 8, 8) * 3)
        moved = {n for n, v in model.state_dict().items() if "running" in n and not torch.equal(v, before[n])}
        means = [n for n in before if n.endswith("running_mean")]
        assert {n for n in moved if n.endswith("mean")} == set(
            {"frozen": means[1:], "all": [], "none": means}[statistics]
        )

    def test_a_frozen_base_computes_the_same_while_its_head_trains(self):
        # The well-known mistake beside it: no gradient, and the base still changes.
        x, y = images()
        for statistics, same in (("frozen", True), ("none", False)):
            model = finetune.freeze(network(), statistics=statistics)
            before = metrics.predict(finetune.base_model(model), x)
            finetune.fine_tune(model, x, y, epochs=2, batch_size=8, generator=generator())
            assert torch.equal(before, metrics.predict(finetune.base_model(model), x)) is same

    def test_dropout_of_a_frozen_stage_rests(self):
        model = finetune.base_model(nets.MLP(4, 2, hidden=(64,), dropout=0.5))
        x = torch.rand(3, 4)
        finetune.freeze(model).train()
        assert torch.equal(model(x), model(x))
        finetune.freeze(model, 0).train()
        assert not torch.equal(model(x), model(x))

    def test_a_new_head(self):
        model = finetune.freeze(network())
        finetune.new_head(model, 7, hidden=(6,), generator=generator())
        assert model(torch.rand(2, 1, 8, 8)).shape == (2, 7)
        assert nets.parameter_count(model, trainable=True) == 6 * (model.width + 1) + 7 * 7
        again = finetune.new_head(model, 7, hidden=(6,), generator=generator()).state_dict()
        assert torch.equal(again["head.0.weight"], model.head[0].weight)
        assert finetune.new_head(model.double(), 2).head.weight.dtype == torch.float64

    def test_maps_are_those_of_the_stages(self):
        model = network(depth=3)
        x = torch.rand(2, 1, 16, 16)
        found = finetune.feature_maps(model, x)
        assert [tuple(m.shape[1:]) for m in found] == [(4, 8, 8), (8, 4, 4), (16,)]
        assert torch.equal(found[-1], metrics.predict(finetune.base_model(model), x))

    def test_bad_input_is_named(self):
        model = network()
        with pytest.raises(ValueError, match="depth is 3; expected 0 to 2"):
            finetune.freeze(model, 3)
        with pytest.raises(ValueError, match="both a depth and a condition"):
            finetune.freeze(model, 1, where=lambda name: True)
        with pytest.raises(ValueError, match="one of frozen, all, none"):
            finetune.freeze(model, statistics="some")
        with pytest.raises(ValueError, match="2 or more"):
            finetune.new_head(model, 1)
        model.body = nn.Linear(2, 2)
        with pytest.raises(ValueError, match=r"expected an nn\.Sequential"):
            finetune.stages(model)
        with pytest.raises(ValueError, match=r"expected an nn\.Sequential"):
            finetune.base_model(model)


class TestHead:
    @pytest.mark.parametrize("decay", [1e-1, 1e-3])
    def test_it_is_scikit_learns_logistic_regression(self, decay):
        model = finetune.freeze(network(4)).double()
        x, y = images(60, 4)
        h = finetune.cached_features(model, x.double())
        finetune.train_head(model, h, y, weight_decay=decay, steps=2000)
        oracle = LogisticRegression(C=1 / (len(y) * decay), tol=1e-10, max_iter=20000).fit(h.numpy(), y.numpy())
        ours = metrics.predict(model, x.double()).softmax(1)
        assert torch.allclose(ours, torch.from_numpy(oracle.predict_proba(h.numpy())), atol=2e-4)
        # Its weights too: the penalty makes them unique.
        assert torch.allclose(
            model.head.weight.detach(), torch.from_numpy(oracle.coef_), atol=2e-2 * oracle.coef_.std()
        )

    def test_training_on_cached_features_is_training_end_to_end(self):
        x, y = images()
        one = finetune.freeze(network())
        two = copy.deepcopy(one)
        h = finetune.cached_features(one, x)
        whole = train.supervised_step(one, torch.optim.SGD(groups_of(one), momentum=0.9))
        head = train.supervised_step(two.head, torch.optim.SGD(groups_of(two), momentum=0.9))
        train.fit(whole, train.Minibatches(x, y, batch_size=7, generator=generator()), epochs=3)
        train.fit(head, train.Minibatches(h, y, batch_size=7, generator=generator()), epochs=3)
        assert torch.allclose(one.head.weight, two.head.weight, atol=1e-6)
        assert torch.allclose(metrics.predict(one, x), two.head(h), atol=1e-5)

    def test_features_of_a_base_that_learns_are_refused(self):
        with pytest.raises(ValueError, match="freeze the base first"):
            finetune.cached_features(finetune.freeze(network(), 1), torch.rand(2, 1, 8, 8))

    def test_bad_input_is_named(self):
        model = finetune.freeze(network())
        with pytest.raises(ValueError, match="at least one"):
            finetune.cached_features(model, torch.rand(0, 1, 8, 8))
        with pytest.raises(ValueError, match=r"expected \(2, 8\)"):
            finetune.train_head(model, torch.rand(2, 5), torch.tensor([0, 1]))
        with pytest.raises(ValueError, match="decay is -1"):
            finetune.train_head(model, torch.rand(2, 8), torch.tensor([0, 1]), weight_decay=-1)


def groups_of(model):
    return finetune.parameter_groups(model, lr=0.1)


class TestTuning:
    def test_rates_fall_by_the_factor(self):
        found = finetune.discriminative_rates(network(depth=3), lr=1.0, factor=2.0)
        assert found == [1 / 8, 1 / 4, 1 / 2, 1.0]

    def test_every_trainable_parameter_is_in_one_group_at_its_stages_rate(self):
        model = finetune.freeze(network(depth=3), 1)
        found = finetune.parameter_groups(model, lr=1.0, factor=2.0)
        assert [group["lr"] for group in found] == [1 / 4, 1 / 2, 1.0]
        inside = [id(p) for group in found for p in group["params"]]
        assert sorted(inside) == sorted(id(p) for p in model.parameters() if p.requires_grad)
        assert len(finetune.parameter_groups(model, lr=1.0, frozen=True)) == 4

    def test_frozen_stages_stay_bit_by_bit(self):
        model = finetune.freeze(network(depth=3), 2)
        before = state(model)
        x, y = images()
        finetune.fine_tune(model, x, y, epochs=2, batch_size=8, generator=generator())
        changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
        kept = {f"body.{name}" for name in network(depth=3).body.state_dict() if int(name.split(".")[0]) < 8}
        assert not changed & kept
        assert any(name.startswith("body.8") for name in changed)

    def test_gradual_unfreezing_frees_from_the_top(self):
        model = finetune.freeze(network(depth=3))
        seen = []

        def look(_):
            seen.append([any(p.requires_grad for p in part.parameters()) for part in finetune.stages(model)])

        x, y = images()
        step = train.supervised_step(model, torch.optim.SGD(finetune.parameter_groups(model, lr=0.01, frozen=True)))
        batches = train.Minibatches(x, y, batch_size=24)
        train.fit(step, batches, epochs=4, on_epoch=[finetune.unfreeze(model, every=1), look])
        assert seen == [[False, False, True], [False, True, True], [True] * 3, [True] * 3]
        before = state(model)
        finetune.freeze(model)
        finetune.fine_tune(model, x, y, epochs=3, gradual=1, generator=generator())
        assert not torch.equal(before["body.4.weight"], model.body[4].weight)
        assert torch.equal(before["body.0.weight"], model.body[0].weight)

    def test_early_stopping_keeps_the_best_weights(self):
        x, y = images(30)
        model = finetune.freeze(network(), 0)
        there = images(30, seed=1)
        history = finetune.fine_tune(
            model, x, y, lr=0.05, factor=1.0, epochs=60, patience=2, held_back=there, generator=generator()
        )
        assert history.stopped
        best = history.best("val_loss", "min")
        loss = functional.cross_entropy(metrics.predict(model, there[0]), there[1])
        assert float(loss) == pytest.approx(best.value, abs=1e-5)
        assert history.epoch == best.epoch + 2

    def test_renewing_forgets(self):
        model = network()
        before = state(model)
        reset_parameters(model, generator=generator())
        after = state(model)
        assert not any(torch.equal(before[n], after[n]) for n in before if n.endswith("weight") and before[n].ndim > 1)
        assert all(float(v.abs().sum()) == 0 for n, v in after.items() if n.endswith("running_mean"))

    def test_bad_input_is_named(self):
        model = network()
        with pytest.raises(ValueError, match="factor from 1"):
            finetune.discriminative_rates(model, lr=1.0, factor=0.5)
        with pytest.raises(ValueError, match="every is 0"):
            finetune.unfreeze(model, every=0)
        with pytest.raises(ValueError, match="nothing is trainable"):
            finetune.parameter_groups(finetune.freeze(model).requires_grad_(False), lr=1.0)
        with pytest.raises(ValueError, match="one of scratch"):
            finetune.adapt(model, *images(), classes=3, strategy="none", generator=generator())


class TestDefaultRate:
    def test_a_shallow_base_has_the_rate_from_scratch_and_a_deep_one_less(self):
        rates = [finetune.default_rate(nets.CNN(1, 3, width=4, depth=d).body) for d in (2, 4, 8)]
        assert rates[0] == rates[1] == 2e-3
        assert rates[2] == pytest.approx(2e-3 / 2**1.5)

    def test_adapt_uses_it(self):
        pretrained = nets.CNN(1, 5, width=4, depth=2).eval()
        x, y = images(6)
        run = {"classes": 3, "strategy": "full", "steps": 3}
        default, given = (
            finetune.adapt(pretrained, x, y, **run, **knobs, generator=generator()) for knobs in ({}, {"lr": 2e-3})
        )
        assert torch.equal(metrics.predict(default, x), metrics.predict(given, x))

    def test_harm_is_warned_of(self):
        # Ten of ten generators: at this rate the weights are far away after a step.
        x, y = images(6)
        with pytest.warns(UserWarning, match="raised the loss of its own images"):
            finetune.adapt(
                nets.CNN(1, 5, width=4, depth=2).eval(), x, y, classes=3, strategy="full", steps=2, lr=10.0,
                generator=generator(),
            )  # fmt: skip


class TestBundled:
    def test_it_knows_its_own_task(self):
        test = finetune.source_task(860, generator=generator(99))
        found = metrics.accuracy(metrics.predict(finetune.small_cnn(), test.x), test.y)
        assert found == pytest.approx(bundled.about()["accuracy on its own task"], abs=0.04)
        assert nets.parameter_count(finetune.small_cnn()) == bundled.about()["parameters"]

    def test_it_is_small_and_comes_without_a_network(self):
        file = Path(bundled.__file__).parent / "small_cnn.safetensors"
        assert file.stat().st_size < 300_000
        assert finetune.load("small_cnn").features(torch.rand(2, 1, 16, 16)).shape == (2, 128)

    def test_the_source_has_every_class(self):
        drawn = finetune.source_task(430, generator=generator())
        assert drawn.x.shape == (430, 1, 16, 16)
        assert torch.equal(drawn.y.unique(), torch.arange(43))
        with pytest.raises(ValueError, match="43 or more"):
            finetune.source_task(5, generator=generator())

    def test_the_targets(self):
        learn, test = finetune.handwriting()
        assert (len(learn), len(test)) == (1297, 500)
        assert learn.x.shape[1:] == (1, 16, 16)
        learn, test = finetune.textures(per_class=5, generator=generator())
        assert learn.x.shape == test.x.shape == (50, 1, 16, 16)
        assert float((learn.x.mean((1, 2, 3)) - 0.5).abs().max()) < 0.05
        with pytest.raises(ValueError, match="per_class is 0"):
            finetune.textures(per_class=0, generator=generator())


def test_transfer_gains_on_real_digits_with_one_example_a_class():
    # Ten of ten draws: features are .11 to .26 ahead.
    learn, test = finetune.handwriting()
    found = {}
    for strategy in ("scratch", "features"):
        few = learn.subset(per_class=1, generator=generator(1))
        model = finetune.adapt(
            finetune.small_cnn(), few.x, few.y, classes=10, strategy=strategy, steps=60, generator=generator(1)
        )
        found[strategy] = metrics.accuracy(metrics.predict(model, test.x), test.y)
    assert found["features"] > found["scratch"] + 0.05


@pytest.mark.parametrize("strategy", finetune.STRATEGIES)
def test_every_strategy_gives_a_model_and_leaves_the_pretrained_one_alone(strategy):
    pretrained = nets.CNN(1, 5, width=4, depth=2).eval()
    before = state(pretrained)
    x, y = images(6)
    run = {"classes": 3, "strategy": strategy, "steps": 3}
    model = finetune.adapt(pretrained, x, y, **run, generator=generator())
    again = finetune.adapt(pretrained, x, y, **run, generator=generator())
    assert all(torch.equal(v, pretrained.state_dict()[n]) for n, v in before.items())
    assert torch.equal(metrics.predict(model, x), metrics.predict(again, x))
    assert not model.training


def test_the_steps_run_on_any_device(device):
    model = finetune.freeze(network()).to(device)
    x, y = (t.to(device) for t in images())
    finetune.train_head(model, finetune.cached_features(model, x), y)
    finetune.fine_tune(finetune.freeze(model, 1), x, y, epochs=1, generator=generator())
    assert model(x).device.type == torch.device(device).type
