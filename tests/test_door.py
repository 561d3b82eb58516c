"""What comes in is examined at the door: every public function that takes tensors, tried with what users hand in.

The functions are discovered, not listed: each that can be called with the arguments of ``GIVEN`` is. Of each kind of
bad input the outcome is one clear ``ValueError``, or an honest nan; never a verdict, never a foreign exception.
"""

import contextlib
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys

import jaxtyping
import pytest
import torch
from torch import Tensor, nn

import labkit
from labkit import (
    attacks,
    distances,
    domain,
    dti,
    finetune,
    gan,
    linkage,
    logits,
    membership,
    metrics,
    nets,
    refine,
    selftrain,
    style,
)
from labkit.augment import Compose, Identity, OneOf, Sometimes, audio, image, series, video
from labkit.dti import transforms
from labkit.shapes import labels, pixels

pytestmark = pytest.mark.usefixtures("unchecked")  # what a user meets

B, K = 6, 3
SIZED = {"RandomCrop", "RandomResizedCrop", "Resize"}
TRANSFORM = "labkit.augment.image.transform"


def seeded():
    return torch.Generator().manual_seed(0)


def images(b=B, c=3):
    return torch.rand(b, c, 8, 8, generator=seeded())


def table(n=B, d=5, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def network(outputs=K):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, outputs))


CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])
FLAGS = torch.tensor([True, False, True, False, True, False])

GIVEN = {
    "model": network, "x": images, "y": lambda: CLASSES, "eps": lambda: 0.1, "logits": lambda: table(B, K),
    "predicted": lambda: table(B, K), "probabilities": lambda: table(B, K).softmax(1),
    "scores": lambda: table(B, 1)[:, 0], "positive": lambda: FLAGS, "member": lambda: FLAGS, "guess": lambda: ~FLAGS,
    "clusters": lambda: CLASSES.flip(0), "weak": lambda: table(B, K), "strong": lambda: table(B, K, 1),
    "student": lambda: table(B, K), "teacher": lambda: table(B, K, 1), "a": lambda: table(9),
    "b": lambda: table(9, seed=1), "source": lambda: table(9), "target": lambda: table(9, seed=1),
    "generated": lambda: table(40), "real": lambda: table(40, seed=1), "training": lambda: table(40, seed=2),
    "held_out": lambda: table(40, seed=3), "others": lambda: images(9), "synthetic": lambda: images(9),
    "released": lambda: images(9), "generator": seeded, "c": lambda: table(B, 1)[:, 0].sigmoid(), "q": lambda: 2,
    "counts": lambda: torch.tensor([3, 2, 1]), "k": lambda: 2, "classes": lambda: K, "fpr": lambda: 0.5,
    "tau": lambda: 0.5, "losses": lambda: table(B, 1)[:, 0].sigmoid(), "bound": lambda: 1.0, "n": lambda: 4,
    "mean_loss": lambda: 1.0, "lambda_": lambda: 0.3, "partner": lambda: torch.arange(B).flip(0),
    "phi": lambda: table(B, 1)[:, 0], "shadow": lambda: table(8, B),
    "members": lambda: (torch.arange(8)[:, None] + torch.arange(B)) % 2 == 0, "degrees": lambda: 20.0,
    "factor": lambda: 1.2, "sigma": lambda: 1.0, "size": lambda: (4, 4), "centres": lambda: images(2),
    "assignments": lambda: CLASSES % 2, "values": lambda: [1.0, 2.0, 3.0], "decision": lambda: FLAGS.long(),
    "group": lambda: ~FLAGS, "label": lambda: FLAGS.long(),
}  # fmt: skip
"""An argument for each name that a parameter may have."""


OWN = {
    "labkit.fair": {
        "a": lambda: torch.tensor([0, 0, 1, 1, 0, 1]), "y": lambda: torch.tensor([0, 1, 0, 1, 1, 0]),
        "cell": lambda: torch.tensor([0, 0, 1, 1, 0, 1]), "values": lambda: table(B, 1)[:, 0],
        "logits": lambda: table(B, 1)[:, 0], "h": lambda: table(B), "criterion": lambda: "odds",
    },
}  # fmt: skip
"""Arguments that mean something else in one package."""


TRAINING = {"epochs", "train_small_gan", "schedule", "rounds", "optimizer", "restarts"}
"""Parameters of functions that train: they are left to their topics' tests."""


ELSEWHERE = (".grading", ".checks", ".explore", ".plot", ".data", ".finetune", "__main__", "not_there")
"""Modules whose functions take no batch of a user's numbers, or read files."""


def public_functions():
    """Every function that a package of labkit names in ``__all__``, by its full name."""
    found = {}
    for module in pkgutil.walk_packages(labkit.__path__, "labkit."):
        name = module.name
        if any(part in name for part in ELSEWHERE):
            continue
        package = importlib.import_module(name)
        for public in getattr(package, "__all__", []):
            function = getattr(package, public)
            if inspect.isfunction(function):
                found[f"{function.__module__}.{function.__name__}"] = function
    metrics = importlib.import_module("labkit.metrics")
    for name, function in inspect.getmembers(metrics, inspect.isfunction):
        if function.__module__ == "labkit.metrics" and not name.startswith("_"):
            found[f"labkit.metrics.{name}"] = function
    return found


def arguments(function):
    """Arguments for a function, by name; None if one it needs is not in ``GIVEN``."""
    given = {}
    parameters = inspect.signature(function).parameters
    if TRAINING & {*parameters, function.__name__}:
        return None
    own = next((values for package, values in OWN.items() if function.__module__.startswith(package)), {})
    choices = {**GIVEN, **own}
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if parameter.default is inspect.Parameter.empty or name == "generator":
            if name not in choices:
                return None
            given[name] = choices[name]()
    return given


def call(function, given):
    """What a function returns; keyword-only arguments by name."""
    parameters = inspect.signature(function).parameters
    positional = [given[n] for n, p in parameters.items() if n in given and p.kind is not p.KEYWORD_ONLY]
    named = {n: v for n, v in given.items() if parameters[n].kind is inspect.Parameter.KEYWORD_ONLY}
    return function(*positional, **named)


def tensors(value):
    """All tensors and numbers in a result."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, bool | int | float):
        return [torch.tensor(float(value))]
    if isinstance(value, tuple | list):
        return [t for part in value for t in tensors(part)]
    return []


def discovered():
    """The public functions that ``GIVEN`` has arguments for, by name: those that work on them."""
    works = {}
    for name, function in public_functions().items():
        given = arguments(function)
        if given and any(isinstance(v, Tensor) for v in given.values()):
            with contextlib.suppress(ValueError, TypeError, RuntimeError, IndexError, AttributeError):
                call(function, given)
                works[name] = function
    return works


SHAPE_ALONE = {"affine_matrix", "corners", "elastic_field", "standard_cauchy", "any_partners", "identity", "readable",
               "parameter_table", "stacking_is_faster", "reverse_gradient"}  # fmt: skip
"""Functions that look at a tensor's shape, or hand it on: they make no figure of its values."""

NAMES = {
    "ari": {"clusters"}, "nmi": {"clusters"}, "clustering_accuracy": {"clusters"}, "class_weights": {"counts"},
    "rebalanced_lambda": {"counts"}, "keep_probability": {"counts"}, "noise_distribution": {"counts"},
    "cell_mean": {"cell"},
}  # fmt: skip
"""Whole numbers that aren't classes: names of clusters, which may be anything, and counts."""


@pytest.fixture(scope="module")
def functions():
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        return discovered()
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def outcome(function, given):
    """``"refused"``, what is returned, or a foreign exception."""
    try:
        return call(function, given)
    except ValueError as refusal:
        return "refused" if len(str(refusal)) > 15 else f"refused without a sentence: {refusal}"


def tried(functions, change, *, among):
    """For each function and each of its tensors of a kind: the names, and the outcome with that tensor changed."""
    for name, function in functions.items():
        short = name.rsplit(".", 1)[1]
        for argument, value in arguments(function).items():
            if isinstance(value, Tensor) and among(short, argument, value):
                yield f"{name}({argument})", function, {**arguments(function), argument: change(value)}


def test_most_public_functions_are_reached(functions):
    assert len(functions) >= 90
    assert {
        "accuracy",
        "fgsm",
        "smote",
        "frechet",
        "fixmatch_loss",
        "lira",
        "rotate",
        "odds_gap",
        "adversary_loss",
    } <= {name.rsplit(".", 1)[1] for name in functions}


def numbers(short, argument, value):
    return value.is_floating_point() and short not in SHAPE_ALONE


def test_no_figure_comes_from_nan(functions):
    def holed(value):
        value = value.clone()
        value[(0,) * value.ndim] = torch.nan
        return value

    # A cluster without samples keeps its centre; a gradient for each weight is a dictionary.
    spared = {"update", "per_sample_gradients"}
    for where, function, given in tried(functions, holed, among=numbers):
        result = outcome(function, given)
        if result == "refused" or function.__name__ in spared:
            continue
        assert any(t.is_floating_point() and bool(t.isnan().any()) for t in tensors(result)), f"{where}: {result}"


WRONG_LABELS = {
    "(B, 1)": lambda y: y[:, None],
    "one-hot": lambda y: torch.nn.functional.one_hot(y, 9),
    "-1": lambda y: torch.cat([torch.full_like(y[:1], -1), y[1:]]),
    "-100": lambda y: torch.cat([torch.full_like(y[:1], -100), y[1:]]),
    "floats": lambda y: y.double(),
}


@pytest.mark.parametrize("kind", WRONG_LABELS)
def test_what_is_no_label_is_refused(functions, kind):
    def classes(short, argument, value):
        probability = kind == "floats" and argument == "decision"
        return value.dtype == torch.int64 and argument not in NAMES.get(short, ()) and not probability

    count = 0
    for where, function, given in tried(functions, WRONG_LABELS[kind], among=classes):
        assert outcome(function, given) == "refused", f"{where} takes {kind} for labels"
        count += 1
    assert count >= 20


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8])
def test_whole_numbers_of_any_type_are_labels(functions, dtype):
    for where, function, given in tried(functions, lambda y: y.to(dtype), among=lambda s, a, v: v.dtype == torch.int64):
        plain, result = outcome(function, arguments(function)), outcome(function, given)
        assert result != "refused", where
        for a, b in zip(tensors(plain), tensors(result), strict=True):
            torch.testing.assert_close(
                b.double(), a.double(), equal_nan=True, msg=lambda m, where=where: f"{where}: {m}"
            )


@pytest.mark.parametrize(
    "change", [lambda v: v[0], lambda v: v[:0], lambda v: v[:, :0] if v.ndim > 1 else v[:0], lambda v: v[..., None]],
    ids=["a dimension less", "no sample", "no feature", "a dimension more"],
)  # fmt: skip
def test_other_shapes_end_in_a_result_or_a_sentence(functions, change):
    models = {"fgsm", "bim", "input_gradient", "jacobian_augment", "per_sample_gradients", "predict", "accuracy"}
    for where, function, given in tried(functions, change, among=numbers):
        if function.__name__ in models:
            continue  # there it is the user's network that meets the shape
        try:
            outcome(function, given)
        except Exception as error:
            raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error


def test_pictures_without_pixels_or_of_bytes_are_refused(functions):
    pictures = {n: f for n, f in functions.items() if ".augment.image." in n and f.__name__ not in SHAPE_ALONE}
    assert len(pictures) >= 20
    for change in (lambda v: v[:, :, :0], lambda v: v[:, :0], lambda v: (v * 255).byte()):
        for where, function, given in tried(pictures, change, among=lambda s, a, v: a == "x"):
            assert outcome(function, given) == "refused", where


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


def test_memory_layout_and_inference_mode_change_nothing(functions):
    def strided(value):
        return value.transpose(0, -1).contiguous().transpose(0, -1)

    for where, function, given in tried(functions, strided, among=lambda s, a, v: v.ndim > 1):
        for x, y in zip(tensors(call(function, arguments(function))), tensors(call(function, given)), strict=True):
            torch.testing.assert_close(y, x, equal_nan=True, msg=lambda m, where=where: f"{where}: {m}")
    for name, function in functions.items():
        if name.startswith("labkit.transfer."):
            continue  # weights and maps that are found by descent
        given = arguments(function)
        with torch.inference_mode():
            result = call(function, given)
        assert len(tensors(result)) == len(tensors(call(function, arguments(function)))), name


class TestOneLogit:
    """A binary model with one output does as the model with two that says the same."""

    def models(self):
        one = network(1)
        two = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
        with torch.no_grad():
            two[1].weight.copy_(torch.cat([torch.zeros_like(one[1].weight), one[1].weight]))
            two[1].bias.copy_(torch.cat([torch.zeros_like(one[1].bias), one[1].bias]))
        return one, two

    @pytest.mark.parametrize("attack", ["fgsm", "bim", "pgd"])
    def test_attacks(self, attack):
        one, two = self.models()
        function, y = getattr(attacks, attack), FLAGS.long()
        knobs = {"generator": seeded()} if attack == "pgd" else {}
        again = {"generator": seeded()} if attack == "pgd" else {}
        a, b = function(one, images(), y, eps=0.1, **knobs), function(two, images(), y, eps=0.1, **again)
        assert float((a - images()).abs().max()) > 0.05
        torch.testing.assert_close(a, b)

    def test_losses_metrics_temperature_and_membership(self):
        one, two = (model(images()).detach() for model in self.models())
        y = FLAGS.long()
        assert metrics.accuracy(one, y) == metrics.accuracy(two, y)
        torch.testing.assert_close(logits.cross_entropy(one, y), torch.nn.functional.cross_entropy(two, y))
        torch.testing.assert_close(selftrain.fit_temperature(one, y), selftrain.fit_temperature(two, y))
        for score in (membership.loss, membership.scaled_confidence):
            torch.testing.assert_close(score(one, y), score(two, y))
        torch.testing.assert_close(membership.confidence(one), membership.confidence(two))
        torch.testing.assert_close(selftrain.fixmatch_loss(one, one.flip(0)), selftrain.fixmatch_loss(two, two.flip(0)))


class TestDistances:
    """Exact far from the origin, and for copies."""

    @pytest.mark.parametrize("shift", [0.0, 1e3, 1e4])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_against_differences(self, shift, dtype):
        x = (table(40, 7).double() + shift).to(dtype)
        x[20:] += 500
        expected = (x.double()[:, None] - x.double()[None]).square().sum(2)
        result = distances.squared_distances(x, x)
        assert bool((result >= 0).all())
        assert float(result.diagonal().abs().max()) == 0
        torch.testing.assert_close(result.double(), expected, rtol=1e-4, atol=1e-9)

    def test_gradients_are_those_of_the_differences(self):
        a, b = (table(6, 3, seed).double().requires_grad_() for seed in (0, 1))
        assert torch.autograd.gradcheck(distances.squared_distances, (a, b))

    def test_copies_are_nothing_apart(self):
        x = table(30) + 1e4
        assert float(gan.nearest_neighbours(x, x).distance.max()) == 0
        assert float(membership.nearest_sample_scores(x, x).abs().max()) == 0
        assert float(linkage.distance_to_closest_record(x, x).max()) == 0
        assert gan.frechet(x, x) >= 0
        assert float(domain.mmd(x, x)) >= 0

    def test_k_means_far_from_the_origin(self):
        truth = torch.arange(3).repeat_interleave(30)
        x = table(90, 2) * 0.1 + truth[:, None] + 1e4
        result = dti.kmeans(x, 3, runs=5, generator=seeded())
        assert metrics.clustering_accuracy(result.assignments, truth) == 1
        assert result.iterations < 50


class TestImages:
    def test_pictures_up_to_255_are_refused(self):
        with pytest.raises(ValueError, match="divide by 255"):
            dti.cluster(images(40, 1) * 255, 3, generator=seeded())
        with pytest.raises(ValueError, match="divide by 255"):
            pixels(images() * 255)
        assert pixels(nets.Normalize(0.5, 0.25)(images())).shape == images().shape

    def test_bytes_are_refused_by_normalize_and_predict(self):
        for function in (nets.Normalize(0.5, 0.5), lambda x: metrics.predict(network(), x)):
            with pytest.raises(ValueError, match="255"):
                function((images() * 255).byte())

    def test_no_nan_reaches_the_warp_of_a_prototype(self):
        for transform, d in ((transforms.affine, 6), (transforms.projective, 8), (transforms.thin_plate, 32)):
            beta = torch.zeros(2, 3, d)
            beta[0, 0, 0] = torch.nan
            with pytest.raises(ValueError, match="nan or infinite"):
                transform(images(2, 1)[:, None], beta)

    def test_morphology_where_everything_rounds_to_nothing(self):
        z = torch.zeros(1, 1, 1, 8, 8)
        z[..., 4, 4] = 4.0
        beta = torch.zeros(1, 1, 10)
        beta[..., 0] = 60
        beta.requires_grad_()
        out = transforms.morphology(z, beta)
        out.sum().backward()
        assert bool(out.isfinite().all())
        assert bool(beta.grad.isfinite().all())

    def test_a_colour_fills_what_lies_outside(self):
        red = image.translate(torch.ones(2, 3, 8, 8), dx=4.0, value=(1.0, 0.0, 0.5))
        assert red[0, :, 0, 0].tolist() == [1.0, 0.0, 0.5]
        padded = image.pad(torch.ones(2, 3, 8, 8), padding=1, value=(1.0, 0.0, 0.5))
        assert padded[1, :, 0, 3].tolist() == [1.0, 0.0, 0.5]
        with pytest.raises(ValueError, match="each of the 3 channels"):
            image.translate(torch.ones(2, 3, 8, 8), dx=4.0, value=(1.0, 0.0))

    def test_a_list_of_angles_is_one_an_image(self):
        x = images(2)
        assert same(image.rotate(x, degrees=[10.0, 20.0]), image.rotate(x, degrees=torch.tensor([10.0, 20.0])))

    def test_one_number_is_no_size(self):
        for make in (image.Resize, image.RandomCrop, image.RandomResizedCrop):
            with pytest.raises(ValueError, match="two whole numbers"):
                make(32)


NETWORKS = {
    "CNN": lambda: nets.CNN(3, 2, width=4),
    "CNN without batch norm": lambda: nets.CNN(3, 2, width=4, batch_norm=False),
    "ResNet": lambda: nets.ResNet(3, 2, blocks=1, width=4),
    "UNet": lambda: nets.UNet(3, width=4),
    "pretrained": lambda: finetune.load("squeezenet", weights=None),
    "adapted": lambda: finetune.new_head(finetune.base_model(finetune.small_cnn()), 2),
    "discriminator": lambda: gan.Discriminator(16, 3, width=4),
    "refiner": lambda: refine.Refiner(3, width=4, blocks=1),
    "style": lambda: style.StyleNet(width=4),
}


class TestOnePicture:
    """(C, H, W) where (B, C, H, W) is asked for: one sentence with what to do."""

    @pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
    def test_a_network_says_so(self, build):
        with pytest.raises(ValueError, match=r"\(B, C, H, W\); this has shape \(\d, 16, 16\): of one picture"):
            build()(torch.rand(1 if build is NETWORKS["adapted"] else 3, 16, 16))

    def test_so_do_clips_sounds_series_and_maps(self):
        for call, says in (
            (lambda: audio.Gain()(torch.rand(100)), r"of one sound \(T,\) take x\[None\]"),
            (lambda: series.Jitter()(torch.rand(3, 100)), r"of one series \(C, T\) take x\[None\]"),
            (
                lambda: video.per_clip(image.Rotate(9))(torch.rand(4, 3, 8, 8)),
                r"of one clip \(T, C, H, W\) take x\[None\]",
            ),
            (lambda: finetune.feature_maps(finetune.small_cnn(), torch.rand(1, 16, 16)), "of one picture"),
        ):
            with pytest.raises(ValueError, match=says):
                call()

    def test_every_image_transform_says_so(self):
        tried = 0
        for name in image.__all__:
            kind = getattr(image, name)
            if inspect.isclass(kind) and issubclass(kind, image.ImageTransform) and kind.__module__ != TRANSFORM:
                transform = kind((4, 4)) if name in SIZED else kind()
                with pytest.raises(ValueError, match=r"of one picture \(C, H, W\) take x\[None\]"):
                    transform(images()[0], generator=seeded())
                tried += 1
        assert tried >= 30

    @pytest.mark.parametrize("seed", range(5))
    def test_a_pipeline_says_so_whatever_it_draws(self, seed):
        for pipeline in (
            Sometimes(image.Rotate(20), 0.01), OneOf([Identity(), image.Hue()], [100, 1]),
            Compose([Sometimes(image.Invert(), 0.01)]), Sometimes(Sometimes(image.Rotate(20), 0.01), 0.01),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=r"of one picture \(C, H, W\) take x\[None\]"):
                pipeline(images()[0], generator=torch.Generator().manual_seed(seed))

    def test_every_function_of_pictures_says_so(self, functions):
        pictures = {n: f for n, f in functions.items() if ".augment.image." in n and f.__name__ not in SHAPE_ALONE}
        for where, function, given in tried(pictures, lambda v: v[0], among=lambda s, a, v: a == "x"):
            with pytest.raises(ValueError, match=r"of one picture|expected|shape"):
                call(function, given)
            assert outcome(function, given) == "refused", where


class TestTracing:
    """Under vmap, grad and compile the questions about values step aside."""

    def test_vmap_over_an_angle(self):
        x = images(1)
        angles = torch.tensor([0.0, 30.0])
        each = torch.func.vmap(lambda a: image.rotate(x, degrees=a))(angles)
        torch.testing.assert_close(each[1], image.rotate(x, degrees=30.0))

    def test_grad_through_the_reversal(self):
        slope = torch.func.vmap(torch.func.grad(lambda a: nets.reverse_gradient(a, scale=2.0).sum()))(torch.ones(3, 2))
        assert slope.tolist() == [[-2.0, -2.0]] * 3

    def test_compiled_in_one_graph(self):
        """In a process of its own: the tests' type checker can't be traced."""
        done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]


COMPILED = """
import torch
from labkit.augment import image
x = torch.rand(2, 3, 8, 8)
for function in (
    lambda x: image.rotate(x, degrees=torch.tensor([3.0, 40.0])), lambda x: image.gaussian_blur(x, sigma=1.0),
    lambda x: image.brightness(x, factor=1.2), lambda x: image.hflip(x), lambda x: image.resize(x, size=(5, 5)),
    lambda x: image.crop_resize(x, boxes=torch.tensor([[0.0, 0.0, 4.0, 4.0]] * 2), size=(4, 4)),
):
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), function(x))
"""


def test_labels_say_what_is_wrong_with_them():
    sentences = {
        "expected one class a sample, (B,): use y[:, 0]": torch.zeros(3, 1, dtype=torch.int64),
        "of one-hot rows take y.argmax(1)": torch.eye(3, dtype=torch.int64),
        "use y.long()": torch.zeros(3),
        "leave out the samples without a label": torch.tensor([0, -100, 1]),
        "expected classes from 0 to 2": torch.tensor([0, 1, 3]),
        "holds 2 labels for 3 samples": torch.tensor([0, 1]),
    }
    for sentence, y in sentences.items():
        with pytest.raises(ValueError, match=re.escape(sentence)):
            labels(y, 3, classes=3)
    assert labels(torch.tensor([True, False, True]), 3).tolist() == [1, 0, 1]
