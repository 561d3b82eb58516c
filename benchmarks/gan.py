"""GANs measured: as augmentation of liver lesions and of brain slices, on MNIST, as memorisers, and for speed.

    python -m benchmarks.gan [lesions] [amount] [typical] [brain] [mri] [mnist] [digits] [copies] [size] [text] [speed]

``mnist`` reads LABKIT_DATA. ``speed`` runs beside the training loop of https://github.com/eriklindernoren/PyTorch-GAN
if PYTORCH_GAN names its ``implementations/acgan/acgan.py``. ``--again --seeds 1 --set checkpoints=True`` writes the
networks of the first seed of lesions, brain, mnist and digits into ``labkit/gan/weights``, for the course.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import brain_mri, gan_size, gan_text, kit
from benchmarks.kit import Row, seeded
from labkit import data, gan, metrics, nets, train
from labkit.augment import image, mixing
from labkit.augment.pipeline import Compose
from labkit.gan import DiffAugment

WEIGHTS = Path(gan.__file__).parent / "weights"


# ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def keep(name: str, fitted: gan.TrainedGAN, about: dict[str, Any]) -> None:
    """Write a checkpoint in half precision, and what is known of it beside."""
    G, D = fitted.generator, fitted.discriminator
    state = {f"{p}.{k}": v for p, m in (("G", G), ("D", D)) for k, v in m.state_dict().items()}
    state = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in state.items()}
    save_file(state, WEIGHTS / f"{name}.safetensors")
    (WEIGHTS / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")


def fitted(x: Tensor, y: Tensor | None, seed: int, recipe: gan.GANRecipe, name: str = "") -> gan.TrainedGAN:
    """A GAN; kept under a name where one is given."""
    start = time.process_time()
    result = gan.train_small_gan(x, y, recipe, seed=seed)
    if name:
        seconds = round(time.process_time() - start)
        classes = 0 if y is None else int(y.max()) + 1
        both = {"size": x.shape[-1], "channels": x.shape[1], "width": recipe.width, "classes": classes}
        about = {"data": f"{len(x)} images", "seed": seed, "steps": recipe.steps, "cpu_seconds": seconds}
        about |= {"knobs": {k: str(v) for k, v in vars(recipe).items() if v != getattr(gan.GANRecipe(), k)}}
        about |= {"generator": both | {"latent": recipe.latent}, "discriminator": both | {"norm": recipe.norm}}
        keep(name, result, about)
    return result


def classifier(
    x: Tensor,
    y: Tensor,
    *,
    seed: int,
    classes: int,
    steps: int,
    augment: Any = None,
    alpha: float = 0.0,
    decay: float = 0.0,
) -> nn.Module:
    """A small CNN after so many steps of 32: optionally with augmentation, mixup or weight decay."""
    torch.manual_seed(seed)
    net, g = nets.CNN(x.shape[1], classes, width=8, depth=2 if x.shape[-1] < 16 else 3), seeded(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    plain = train.supervised_step(net, optimizer, augment=(lambda v: augment(v, generator=g)) if augment else None)
    mix = mixing.Mixup(alpha=alpha)

    def step(batch: Any) -> Any:
        if alpha:
            mixed = mix(batch[0], y=functional.one_hot(batch[1], classes).to(x.dtype), generator=g)
            batch = mixed.x, mixed.y
        scalars = plain(batch)
        schedule.step()
        return scalars

    batches = train.Minibatches(x, y, batch_size=32, generator=g)
    epochs = (batch for _ in range(steps) for batch in batches)
    train.fit(step, list(islice(epochs, steps)), epochs=1)
    return net


# ── (b) and (c): liver lesions ────────────────────────────────────────────────────────────────────────────────────────

CLASSICAL = Compose([image.HorizontalFlip(), image.VerticalFlip()])
BLURRING = image.Translate(dx=1, dy=1)  # by parts of a pixel: that takes the noise out of an image
WAYS = (
    "none",
    "classical",
    "AC-GAN",
    "classical and AC-GAN",
    "mixup",
    "weight decay",
    "generated alone (CAS)",
    "moved by parts of a pixel",
)


def averages(predicted: Tensor, y: Tensor) -> Row:
    """Accuracy, and sensitivity and specificity averaged over the classes, as Frid-Adar and others report them."""
    each = [[f(predicted, y, positive=k) for k in range(3)] for f in (metrics.sensitivity, metrics.specificity)]
    return {
        "accuracy": metrics.accuracy(predicted, y),
        "sensitivity": sum(each[0]) / 3,
        "specificity": sum(each[1]) / 3,
    }


def lesions(seed: int, *, name: str = "") -> list[Row]:
    """One draw of 182 lesions: a GAN, and a classifier in each of the ways, tested on 900 others.

    A row for each way, and one for the GAN's samples.
    """
    real = data.simulate.lesions(generator=seeded(seed), size=32)
    test = data.simulate.lesions(900, generator=seeded(1000 + seed), size=32)
    model = fitted(real.x, real.y, seed, gan.FEW_IMAGES, name)
    y = torch.arange(3).repeat_interleave(182)
    x = gan.sample(model.generator, y, generator=seeded(seed))
    both, labels = torch.cat([real.x, x]), torch.cat([real.y, y])
    learn = partial(classifier, seed=seed, classes=3, steps=320)
    runs = {
        WAYS[0]: learn(real.x, real.y),
        WAYS[1]: learn(real.x, real.y, augment=CLASSICAL),
        WAYS[2]: learn(both, labels),
        WAYS[3]: learn(both, labels, augment=CLASSICAL),
        WAYS[4]: learn(real.x, real.y, alpha=0.4),
        WAYS[5]: learn(real.x, real.y, decay=0.3),
        WAYS[6]: learn(x, y),
        WAYS[7]: learn(real.x, real.y, augment=BLURRING),
    }
    rows = [{"way": w} | averages(metrics.predict(net, test.x), test.y) for w, net in runs.items()]
    own = runs[WAYS[1]]
    features = [own.eval().features(v).detach() for v in (x, real.x, test.x)]
    measures = {
        "agreement": metrics.accuracy(metrics.predict(own, x), y),
        "C_T pixels": gan.data_copying_test(x, real.x, test.x, cells=1),
        "C_T features": gan.data_copying_test(*features, cells=1),
        "precision": gan.precision_recall(features[0], features[2]).precision,
        "recall": gan.precision_recall(features[0], features[2]).recall,
        "Fréchet": gan.frechet(features[0], features[2]),
        "Fréchet of the real 182": gan.frechet(features[1], features[2]),
        "diversity": gan.diversity(x[torch.randperm(len(x), generator=seeded(0))[:182]], real.x),
    }
    return [*rows, measures]


MULTIPLES = (0, 1, 3, 10, 30)


def amount(seed: int) -> list[Row]:
    """The deck's M ≫ N: M samples of the course's lesion GAN beside its N = 182 real lesions."""
    real = data.simulate.lesions(generator=seeded(0), size=32)
    test = data.simulate.lesions(900, generator=seeded(1000), size=32)
    rows = []
    for multiple in MULTIPLES:
        y = (torch.arange(multiple * 182) % 3).sort().values
        x, labels = real.x, real.y
        if multiple:
            made = gan.sample(gan.pretrained("lesions").generator, y, generator=seeded(seed))
            x, labels = torch.cat([x, made]), torch.cat([labels, y])
        net = classifier(x, labels, seed=seed, classes=3, steps=320)
        rows.append({"M / N": multiple, "accuracy": metrics.accuracy(metrics.predict(net, test.x), test.y)})
    return rows


def typical(seed: int) -> dict[str, float]:
    """Are the course's generated lesions copies, or only too typical? C_T to those it learned and to others."""
    known = data.simulate.lesions(generator=seeded(0), size=32)
    others = data.simulate.lesions(generator=seeded(500 + seed), size=32)
    held, new = (data.simulate.lesions(450, generator=seeded(k + seed), size=32) for k in (1000, 2000))
    x = gan.sample(gan.pretrained("lesions").generator, 450, generator=seeded(seed))
    return {
        "generated, to the training lesions": gan.data_copying_test(x, known.x, held.x, cells=1),
        "generated, to 182 others": gan.data_copying_test(x, others.x, held.x, cells=1),
        "new real ones, to the training lesions": gan.data_copying_test(new.x, known.x, held.x, cells=1),
        "new real ones, to 182 others": gan.data_copying_test(new.x, others.x, held.x, cells=1),
    }


# ── (a): brain slices ─────────────────────────────────────────────────────────────────────────────────────────────────


SLICES = gan.GANRecipe(width=14, lr=2e-3, class_on_fakes=False, augment=DiffAugment(("translation",), fill=0.0))


def with_and_without(
    generator: nn.Module, real: data.Dataset, test: data.Dataset, seed: int
) -> tuple[Row, Tensor, Tensor]:
    """How often classifiers with and without a GAN's slices are right; those slices, 200 of each kind."""
    y = torch.arange(2).repeat_interleave(200)
    x = gan.sample(generator, y, generator=seeded(seed))
    learn = partial(classifier, seed=seed, classes=2, steps=240)
    ways = {
        "none": learn(real.x, real.y),
        "AC-GAN": learn(torch.cat([real.x, x]), torch.cat([real.y, y])),
        "generated alone (CAS)": learn(x, y),
        "classical": learn(real.x, real.y, augment=image.HorizontalFlip()),
    }
    return {w: metrics.accuracy(metrics.predict(net, test.x), test.y) for w, net in ways.items()}, x, y


def brain(seed: int, *, name: str = "") -> Row:
    """200 slices, half of them with a tumour; a GAN with that label; classifiers with and without its slices."""
    knobs = {"size": 32, "radius": (0.12, 0.2), "contrast": (0.7, 1.0)}
    real = data.simulate.brain(200, generator=seeded(seed), **knobs)
    test = data.simulate.brain(600, generator=seeded(1000 + seed), **knobs)
    model = fitted(real.x, real.y, seed, SLICES, name)
    right, x, y = with_and_without(model.generator, real, test, seed)
    judge = classifier(
        torch.cat([real.x, x[::2]]), torch.cat([0 * real.y, 1 + 0 * y[::2]]), seed=seed, classes=2, steps=240
    )
    new = gan.sample(model.generator, 300, generator=seeded(seed + 1))
    called = metrics.predict(judge, torch.cat([test.x[:300], new])).argmax(1)
    return right | {
        "C_T pixels": gan.data_copying_test(x, real.x, test.x, cells=1),
        "diversity of healthy slices": gan.diversity(x[:100], test.x[test.y == 0]),
        "told from real by a network": float((called == (torch.arange(600) >= 300)).double().mean()),
    }


def real_slices() -> data.Dataset:
    """The brain MRI of ``LABKIT_DATA``, (N, 1, 32, 32): 0 without a tumour, 1 with one."""
    pictures, y = zip(*brain_mri.slices())
    grey = np.stack([np.array(picture.resize((32, 32))) for picture in pictures])
    about = data.dataset.About("brain MRI", "see the folder's README", "", "LABKIT_DATA/medical/brain_mri")
    x = torch.from_numpy(grey).unsqueeze(1).float() / 255
    return data.Dataset(x, torch.tensor(y), ("no tumour", "tumour"), about)


def mri(seed: int) -> Row:
    """Real slices: 25 of each kind to measure on, the others for a GAN and for classifiers beside it."""
    real, test = real_slices().split(test=25, generator=seeded(seed))
    model = gan.train_small_gan(real.x, real.y, SLICES, seed=seed)
    right, x, _ = with_and_without(model.generator, real, test, seed)
    return right | {"C_T pixels": gan.data_copying_test(x, real.x, test.x, cells=1)}


# ── MNIST ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mnist_at_16(split: str) -> data.Dataset:
    """MNIST, 2×2 averaged to 14² and padded to 16²."""
    whole = data.mnist(split, download=False)
    small = functional.pad(functional.avg_pool2d(whole.x, 2), (1, 1, 1, 1))
    return data.Dataset(small, whole.y, whole.classes, whole.about)


def mnist(seed: int, *, name: str = "") -> Row:
    """An AC-GAN on 60,000 digits, and how often a classifier that never saw it agrees with its labels."""
    digits, test = mnist_at_16("train"), mnist_at_16("test")
    start = time.process_time()
    recipe = gan.GANRecipe(steps=2400, batch_size=64, width=24, decay=0.995, lr=5e-4, lr_d=5e-4)
    model = fitted(digits.x, digits.y, seed, recipe, name)
    seconds = time.process_time() - start
    judge = classifier(digits.x[:20000], digits.y[:20000], seed=seed, classes=10, steps=625)
    y = torch.arange(10).repeat_interleave(200)
    x = gan.sample(model.generator, y, generator=seeded(seed))
    features = [judge.eval().features(v).detach() for v in (x, test.x[:2000])]
    few = torch.randperm(2000, generator=seeded(0))
    cas = gan.classification_accuracy_score(partial(classifier, seed=seed, classes=10, steps=400), x, y, test.x, test.y)
    return {
        "agreement": metrics.accuracy(metrics.predict(judge, x), y),
        "classifier on real test digits": metrics.accuracy(metrics.predict(judge, test.x), test.y),
        "CAS": cas,
        "same number of real digits": metrics.accuracy(metrics.predict(
            classifier(digits.x[:2000], digits.y[:2000], seed=seed, classes=10, steps=400), test.x), test.y),
        "precision": gan.precision_recall(*features).precision,
        "recall": gan.precision_recall(*features).recall,
        "Fréchet": gan.frechet(*features),
        "C_T": gan.data_copying_test(x[few], digits.x[:20000], test.x[:2000]),
        "cpu seconds": seconds,
    }  # fmt: skip


# ── copies, digits ────────────────────────────────────────────────────────────────────────────────────────────────────

DIGITS = gan.GANRecipe(steps=800, width=32)


def copies(seed: int) -> list[Row]:
    """C_T and others of a memoriser, of held-out digits, of a GAN, and of noisy ones; digits of 8×8."""
    every = data.digits().x[torch.randperm(1797, generator=seeded(seed))]
    training, held, new = every[:800], every[800:1300], every[1300:]
    pick = training[torch.randint(800, (len(new),), generator=seeded(seed))]
    noisy = (new + 0.15 * torch.randn(new.shape, generator=seeded(seed))).clamp(0, 1)
    model = fitted(training, None, seed, DIGITS)
    samples = {
        "a memoriser": pick,
        "a memoriser with a little noise": (pick + 0.03 * torch.randn(pick.shape, generator=seeded(seed))).clamp(0, 1),
        "held-out real digits": new,
        "held-out digits with noise": noisy,
        "a GAN": gan.sample(model.generator, len(new), generator=seeded(seed)),
    }
    return [
        {"samples": n, "C_T": gan.data_copying_test(x, training, held)} | gan.precision_recall(x, held)._asdict()
        for n, x in samples.items()
    ]


def digits(seed: int, *, name: str = "") -> Row:
    """An AC-GAN on 1,297 digits of 8×8."""
    known, test = data.digits("train"), data.digits("test")
    model = fitted(known.x, known.y, seed, DIGITS, name)
    judge = classifier(known.x, known.y, seed=seed, classes=10, steps=300)
    y = torch.arange(10).repeat_interleave(100)
    x = gan.sample(model.generator, y, generator=seeded(seed))
    learn = partial(classifier, seed=seed, classes=10, steps=300)
    return {
        "agreement": metrics.accuracy(metrics.predict(judge, x), y),
        "CAS": gan.classification_accuracy_score(learn, x, y, test.x, test.y),
        "real": metrics.accuracy(metrics.predict(judge, test.x), test.y),
        "diversity": gan.diversity(x[::2], test.x),
    }


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def peer(path: str, batches: list[Any]) -> tuple[dict[str, Any], Any]:
    """PyTorch-GAN's AC-GAN script: its networks and optimisers, and its training loop as published."""
    import torchvision  # after labkit, which makes it work under a CPU build of torch

    source = Path(path).read_text()
    head, mark, loop = source.partition("# ----------\n#  Training\n# ----------\n")
    if not mark:
        raise kit.Missing(f"{path} is not PyTorch-GAN's acgan.py: it has no training loop where it was expected")

    class Nothing(torch.utils.data.Dataset[Any]):
        def __init__(self, *args: Any, **knobs: Any) -> None:
            pass

        def __len__(self) -> int:
            return 1

    here, arguments, original = Path.cwd(), sys.argv, torchvision.datasets.MNIST
    space: dict[str, Any] = {"print": lambda *words: None, "__name__": "acgan"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.argv, torchvision.datasets.MNIST = ["acgan.py", "--n_epochs", "1"], Nothing
        try:
            exec(compile(head, path, "exec"), space)
        finally:
            os.chdir(here)
            sys.argv, torchvision.datasets.MNIST = arguments, original
    space |= {"dataloader": batches, "save_image": lambda *words, **knobs: None}
    return space, compile(loop, path, "exec")


class PeerG(nn.Module):
    """The peer's generator, called as labkit calls one."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.latent, self.classes = net, 100, 10

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.net(z, y)


class PeerD(nn.Module):
    """The peer's discriminator, up to its logits."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.classes = net, 10

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        f = self.net.conv_blocks(x).flatten(1)
        return self.net.adv_layer[0](f)[:, 0], self.net.aux_layer[0](f)


def speed(against: str) -> Row:
    """Images a CPU second for the same batches through the same networks, alternately; the best of five each."""
    if "PYTORCH_GAN" not in os.environ:
        raise kit.Missing("PYTORCH_GAN names no implementations/acgan/acgan.py of eriklindernoren/PyTorch-GAN")
    torch.manual_seed(0)
    batches = [(2 * torch.rand(64, 1, 32, 32) - 1, torch.randint(10, (64,))) for _ in range(4)]
    space, loop = peer(os.environ["PYTORCH_GAN"], batches)
    G, D = PeerG(space["generator"]), PeerD(space["discriminator"])
    adam = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999))
    optimizers = adam(G.parameters()), adam(D.parameters())
    step = gan.gan_step(G, D, *optimizers, generator=seeded(0))  # type: ignore[arg-type]
    calls: dict[str, Callable[[], object]] = {
        "labkit": lambda: train.fit(step, batches, epochs=1), "peer": lambda: exec(loop, space),
    }  # fmt: skip
    seconds = kit.race(calls, rounds=5, least=0)
    return {who: 64 * len(batches) / min(times) for who, times in seconds.items()} | {"torch": torch.__version__}


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def each_seed(run: Callable[..., Row | list[Row]]) -> Callable[..., None]:
    """A part that runs once a seed."""

    def part(runs: kit.Runs) -> None:
        for seed in runs.seeds:
            runs.once(run, seed=seed)

    return part


def with_checkpoint(run: Callable[..., Row | list[Row]]) -> Callable[..., None]:
    """A part that runs once a seed, and can write the networks of the first one for the course."""

    def part(runs: kit.Runs, *, checkpoints: bool = False) -> None:
        if runs.part == "mnist":
            kit.real_data("MNIST")
        for seed in runs.seeds:
            runs.once(partial(run, name=runs.part if checkpoints and seed == 0 else ""), seed=seed)

    return part


def seeds(rows: list[Row]) -> int:
    """How many."""
    return len(kit.groups(rows, "seed"))


def figures(rows: list[Row], shares: Collection[str] = (), *, head: tuple[str, str] = ("", ""), of: str = "") -> str:
    """A line for each figure of the rows, mean and deviation; ``of`` stands behind the name of a share."""
    names = [name for name in rows[0] if name != "seed"]
    lines = [[f"{n}{of if n in shares else ''}", kit.mean(rows, n, percent=n in shares)] for n in names]
    return kit.table(head, lines)


LESIONED = """Simulated lesions of three classes (53, 64, 65 in training, as Frid-Adar and others had; 900 for testing),
32×32, {} draws, each with its own GAN (600 steps, D learns classes from real images only and sees translated ones, 3 ×
182 samples). A small CNN, 320 steps of 32 in every row. Classical: mirrored both ways. Moving by parts of a pixel
interpolates, which takes the noise out of an image. Sensitivity and specificity are averaged over the classes."""
FRID_ADAR = "Frid-Adar and others (2018), real lesions: sensitivity 78.6 → 85.7, specificity 88.4 → 92.4."


def show_lesions(rows: list[Row]) -> str:
    """A line for each way to augment, and one for each measure of the samples."""
    ways, samples = ([row for row in rows if ("way" in row) == own] for own in (True, False))
    names = ("accuracy", "sensitivity", "specificity")
    table = kit.means(ways, "way", dict(zip(names, names)), percent=True, corner="augmentation")
    measures = figures(samples, head=("measure of the samples", ""))
    return "\n\n".join([kit.flow(LESIONED.format(seeds(rows))), table, FRID_ADAR, measures])


AMOUNT = """The deck's M ≫ N: M samples of the first of these GANs beside its N = 182 real lesions, all in one training
set; 320 steps of 32 in every row. The GAN and its 182 lesions are the same in all rows; the samples and the network are
drawn anew five times."""


def show_amount(rows: list[Row]) -> str:
    """A line for each M."""
    return f"{kit.flow(AMOUNT)}\n\n{kit.means(rows, 'M / N', {'accuracy': 'accuracy'}, percent=True, corner='M / N')}"


def show_typical(rows: list[Row]) -> str:
    """C_T to the lesions that were learned from and to others."""
    words = "C_T in pixels of samples from one of these GANs, five draws of the samples and of the others:"
    return f"{words}\n\n{figures(rows, head=('', 'C_T'))}"


SLICED = """Simulated slices, 32×32, 200 in training, half with a tumour; 600 for testing; {} draws, each with its own
AC-GAN (600 steps), 400 samples."""


def show_brain(rows: list[Row]) -> str:
    """A line a figure."""
    shares = set(rows[0]) - {"C_T pixels", "diversity of healthy slices"}
    return f"{kit.flow(SLICED.format(seeds(rows)))}\n\n{figures(rows, shares, of=', accuracy')}"


MRI = """Real slices, as 32×32: 87 without a tumour and 140 with one, of which 25 of each are measured on, drawn anew
with each seed. {} draws, each with its own AC-GAN (600 steps), 400 samples. Slices of one patient may lie on both
sides: the source doesn't say whose they are."""


def show_mri(rows: list[Row]) -> str:
    """A line a figure."""
    return f"{kit.flow(MRI.format(seeds(rows)))}\n\n{figures(rows, set(rows[0]) - {'C_T pixels'}, of=', accuracy')}"


def show_mnist(rows: list[Row]) -> str:
    """A line a figure."""
    words = (
        f"60,000 digits at 16×16 (2×2 averaged, padded), 2,400 steps of 64, {seeds(rows)} seeds. The judge is a CNN "
        "trained on 20,000 real digits."
    )
    return f"{words}\n\n{figures(rows, set(rows[0]) - {'Fréchet', 'C_T', 'cpu seconds'})}"


def show_digits(rows: list[Row]) -> str:
    """A line a figure."""
    return f"800 steps of 32, {seeds(rows)} seeds.\n\n{figures(rows, set(rows[0]) - {'diversity'})}"


def show_copies(rows: list[Row]) -> str:
    """A line for each kind of samples."""
    columns = {name: name for name in ("C_T", "precision", "recall")}
    return kit.means(rows, "samples", columns, percent=("precision", "recall"), corner="samples")


def show_speed(rows: list[Row]) -> str:
    """In a sentence."""
    ours, theirs = rows[0]["labkit"], rows[0]["peer"]
    return (
        "PyTorch-GAN's AC-GAN (its networks at 32×32, batches of 64, its training loop as published) and labkit's step "
        f"on the same networks, in one run on one busy core, torch {rows[0]['torch']}, images per CPU second: "
        f"{theirs:.0f} and {ours:.0f}: {ours / theirs:.2f} times as fast. No GPU was there to measure autocast and "
        "channels-last on."
    )


ABOUT = "Mean ± deviation over seeds, per cent where nothing else is said. All on one CPU core."
BENCHMARK = kit.Benchmark("gan", "GANs, measured", ABOUT, [
    kit.Part("lesions", with_checkpoint(lesions), show_lesions,
             "Liver lesions: is a GAN's augmentation worth anything?"),
    kit.Part("amount", each_seed(amount), show_amount),
    kit.Part("typical", each_seed(typical), show_typical),
    kit.Part("brain", with_checkpoint(brain), show_brain, "Brain slices: looks right, no use"),
    kit.Part("mri", each_seed(mri), show_mri, "Real brain MRI"),
    kit.Part("mnist", with_checkpoint(mnist), show_mnist, "AC-GAN on MNIST", seeds=3),
    kit.Part("digits", with_checkpoint(digits), show_digits, "AC-GAN on scikit-learn's digits, 8×8", seeds=3),
    kit.Part("copies", each_seed(copies), show_copies,
             "Is it a copy? Digits, 800 in training, 500 held out, 5 splits"),
    kit.Part("size", each_seed(gan_size.size), gan_size.show_size,
             "Large pictures: the same GAN at 16, 32 and 64 pixels"),
    kit.Part("text", each_seed(gan_text.text), gan_text.show_text, "Text: a GAN of sums"),
    kit.Part("speed", lambda runs: runs.once(speed, against="PyTorch-GAN's AC-GAN"), show_speed, "Speed of training"),
])  # fmt: skip

if __name__ == "__main__":
    BENCHMARK.main()
