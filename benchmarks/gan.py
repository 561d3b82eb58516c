"""GANs measured: as augmentation of liver lesions and of brain slices, on MNIST, as memorisers, and for speed.

    python -m benchmarks.gan digits lesions typical mnist brain copies speed table

Each part writes its rows into ``benchmarks/results/gan.json`` as they come, and leaves out those that stand there:
delete one to have it measured anew. ``table`` writes ``gan.md`` from them. The first seed of digits, lesions and MNIST
is also kept as a checkpoint of the course, in ``labkit/gan/weights``. MNIST is read through LABKIT_DATA. ``speed``
runs beside the training loop of https://github.com/eriklindernoren/PyTorch-GAN if PYTORCH_GAN names its
``implementations/acgan/acgan.py``.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from labkit import data, gan, metrics, nets, train
from labkit.augment import image, mixing
from labkit.augment.pipeline import Compose
from labkit.gan import DiffAugment

RESULTS = Path(__file__).parent / "results"
WEIGHTS = Path(gan.__file__).parent / "weights"
SEEDS = range(5)


def seeded(seed: int) -> torch.Generator:
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def stored() -> dict[str, Any]:
    """Everything measured so far."""
    path = RESULTS / "gan.json"
    return json.loads(path.read_text()) if path.exists() else {}


def once(key: str, measure: Callable[[], Any]) -> None:
    """Measure what is not stored yet, and store it at once."""
    if key not in stored():
        start = time.process_time()
        value = measure()
        print(key, value, f"{time.process_time() - start:.0f} s", flush=True)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "gan.json").write_text(json.dumps(stored() | {key: value}, indent=1) + "\n")


# ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def keep(name: str, fitted: gan.TrainedGAN, about: dict[str, Any]) -> None:
    """Write a checkpoint in half precision, and what is known of it beside."""
    G, D = fitted.generator, fitted.discriminator
    state = {f"{p}.{k}": v for p, m in (("G", G), ("D", D)) for k, v in m.state_dict().items()}
    state = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in state.items()}
    save_file(state, WEIGHTS / f"{name}.safetensors")
    (WEIGHTS / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")


def fitted(x: Tensor, y: Tensor | None, seed: int, name: str = "", **knobs: Any) -> gan.TrainedGAN:
    """A GAN; kept under a name where one is given."""
    start = time.process_time()
    result = gan.train_small_gan(x, y, seed=seed, **knobs)
    if name:
        seconds = round(time.process_time() - start)
        classes = 0 if y is None else int(y.max()) + 1
        both = {"size": x.shape[-1], "channels": x.shape[1], "width": knobs.get("width", 16), "classes": classes}
        about = {"data": f"{len(x)} images", "seed": seed, "steps": knobs["steps"], "cpu_seconds": seconds}
        about |= {"knobs": {k: str(v) for k, v in knobs.items()}}
        about |= {"generator": both | {"latent": knobs.get("latent", 32)}, "discriminator": both | {"norm": "batch"}}
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
        told = plain(batch)
        schedule.step()
        return told

    batches = train.Minibatches(x, y, batch_size=32, generator=g)
    epochs = (batch for _ in range(steps) for batch in batches)
    train.fit(step, list(islice(epochs, steps)), epochs=1)
    return net


# ── (b) and (c): liver lesions ────────────────────────────────────────────────────────────────────────────────────────

LESIONS = {"steps": 600, "width": 14, "class_on_fakes": False, "augment": DiffAugment(("translation",))}
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


def averages(predicted: Tensor, y: Tensor) -> list[float]:
    """Accuracy, and sensitivity and specificity averaged over the classes, as Frid-Adar and others report them."""
    each = [[f(predicted, y, positive=k) for k in range(3)] for f in (metrics.sensitivity, metrics.specificity)]
    return [metrics.accuracy(predicted, y), sum(each[0]) / 3, sum(each[1]) / 3]


def lesions(seed: int) -> dict[str, Any]:
    """One draw of 182 lesions: a GAN, and a classifier in each of the ways, tested on 900 others."""
    real = data.simulate.lesions(generator=seeded(seed), size=32)
    test = data.simulate.lesions(900, generator=seeded(1000 + seed), size=32)
    model = fitted(real.x, real.y, seed, "lesions" if seed == 0 else "", **LESIONS)
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
    found: dict[str, Any] = {w: averages(metrics.predict(net, test.x), test.y) for w, net in runs.items()}
    own = runs[WAYS[1]]
    features = [own.eval().features(v).detach() for v in (x, real.x, test.x)]
    found["measures"] = {
        "agreement": metrics.accuracy(metrics.predict(own, x), y),
        "C_T pixels": gan.data_copying_test(x, real.x, test.x, cells=1),
        "C_T features": gan.data_copying_test(*features, cells=1),
        "precision": gan.precision_recall(features[0], features[2]).precision,
        "recall": gan.precision_recall(features[0], features[2]).recall,
        "Fréchet": gan.frechet(features[0], features[2]),
        "Fréchet of the real 182": gan.frechet(features[1], features[2]),
        "diversity": gan.diversity(x[torch.randperm(len(x), generator=seeded(0))[:182]], real.x),
    }
    return found


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


SLICES = {
    "steps": 600,
    "width": 14,
    "lr": 2e-3,
    "class_on_fakes": False,
    "augment": DiffAugment(("translation",), fill=0.0),
}


def brain(seed: int) -> dict[str, Any]:
    """200 slices, half of them with a tumour; a GAN with that label; classifiers with and without its slices."""
    knobs = {"size": 32, "radius": (0.12, 0.2), "contrast": (0.7, 1.0)}
    real = data.simulate.brain(200, generator=seeded(seed), **knobs)
    test = data.simulate.brain(600, generator=seeded(1000 + seed), **knobs)
    model = fitted(real.x, real.y, seed, "brain" if seed == 0 else "", **SLICES)
    y = torch.arange(2).repeat_interleave(200)
    x = gan.sample(model.generator, y, generator=seeded(seed))
    learn = partial(classifier, seed=seed, classes=2, steps=240)
    ways = {
        "none": learn(real.x, real.y),
        "AC-GAN": learn(torch.cat([real.x, x]), torch.cat([real.y, y])),
        "generated alone (CAS)": learn(x, y),
        "classical": learn(real.x, real.y, augment=image.HorizontalFlip()),
    }
    judge = classifier(
        torch.cat([real.x, x[::2]]), torch.cat([0 * real.y, 1 + 0 * y[::2]]), seed=seed, classes=2, steps=240
    )
    new = gan.sample(model.generator, 300, generator=seeded(seed + 1))
    told = metrics.predict(judge, torch.cat([test.x[:300], new])).argmax(1)
    return {w: metrics.accuracy(metrics.predict(net, test.x), test.y) for w, net in ways.items()} | {
        "C_T pixels": gan.data_copying_test(x, real.x, test.x, cells=1),
        "diversity of healthy slices": gan.diversity(x[:100], test.x[test.y == 0]),
        "told from real by a network": float((told == (torch.arange(600) >= 300)).double().mean()),
    }


# ── MNIST ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mnist_at_16(split: str) -> data.Dataset:
    """MNIST, 2×2 averaged to 14² and padded to 16²."""
    whole = data.mnist(split, download=False)
    small = functional.pad(functional.avg_pool2d(whole.x, 2), (1, 1, 1, 1))
    return data.Dataset(small, whole.y, whole.classes, whole.about)


def mnist(seed: int) -> dict[str, Any]:
    """An AC-GAN on 60,000 digits, and how often a classifier that never saw it agrees with its labels."""
    digits, test = mnist_at_16("train"), mnist_at_16("test")
    start = time.process_time()
    knobs = {"steps": 2400, "batch_size": 64, "width": 24, "latent": 32, "decay": 0.995, "lr": 5e-4, "lr_d": 5e-4}
    model = fitted(digits.x, digits.y, seed, "mnist" if seed == 0 else "", **knobs)
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

DIGITS = {"steps": 800, "width": 32}


def copies(seed: int) -> dict[str, Any]:
    """C_T and others of a memoriser, of held-out digits, of a GAN, and of noisy ones; digits of 8×8."""
    every = data.digits().x[torch.randperm(1797, generator=seeded(seed))]
    training, held, new = every[:800], every[800:1300], every[1300:]
    pick = training[torch.randint(800, (len(new),), generator=seeded(seed))]
    noisy = (new + 0.15 * torch.randn(new.shape, generator=seeded(seed))).clamp(0, 1)
    model = fitted(training, None, seed, **DIGITS)
    samples = {
        "a memoriser": pick,
        "a memoriser with a little noise": (pick + 0.03 * torch.randn(pick.shape, generator=seeded(seed))).clamp(0, 1),
        "held-out real digits": new,
        "held-out digits with noise": noisy,
        "a GAN": gan.sample(model.generator, len(new), generator=seeded(seed)),
    }
    return {n: [gan.data_copying_test(x, training, held), *gan.precision_recall(x, held)] for n, x in samples.items()}


def digits(seed: int) -> dict[str, Any]:
    """An AC-GAN on 1,297 digits of 8×8."""
    known, test = data.digits("train"), data.digits("test")
    model = fitted(known.x, known.y, seed, "digits" if seed == 0 else "", **DIGITS)
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
        raise SystemExit(f"{path} is not PyTorch-GAN's acgan.py: it has no training loop where it was expected")

    class Nothing(torch.utils.data.Dataset[Any]):
        def __init__(self, *args: Any, **knobs: Any) -> None:
            pass

        def __len__(self) -> int:
            return 1

    here, arguments, original = Path.cwd(), sys.argv, torchvision.datasets.MNIST
    space: dict[str, Any] = {"print": lambda *words: None, "__name__": "acgan"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.argv, torchvision.datasets.MNIST = ["acgan.py", "--n_epochs", "1"], Nothing  # type: ignore[misc]
        try:
            exec(compile(head, path, "exec"), space)
        finally:
            os.chdir(here)
            sys.argv, torchvision.datasets.MNIST = arguments, original  # type: ignore[misc]
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


def speed() -> dict[str, Any]:
    """CPU seconds for the same batches through the same networks, alternately; the best of five each."""
    path = os.environ.get("PYTORCH_GAN")
    if not path:
        raise SystemExit("set PYTORCH_GAN to implementations/acgan/acgan.py of a copy of eriklindernoren/PyTorch-GAN")
    torch.manual_seed(0)
    batches = [(2 * torch.rand(64, 1, 32, 32) - 1, torch.randint(10, (64,))) for _ in range(4)]
    space, loop = peer(path, batches)
    G, D = PeerG(space["generator"]), PeerD(space["discriminator"])
    adam = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999))
    optimizers = adam(G.parameters()), adam(D.parameters())
    step = gan.gan_step(G, D, *optimizers, generator=seeded(0))  # type: ignore[arg-type]
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(6):
        start = time.process_time()
        train.fit(step, batches, epochs=1)
        middle = time.process_time()
        exec(loop, space)
        theirs.append(time.process_time() - middle)
        ours.append(middle - start)
    images = 64 * len(batches)
    return {"ours": images / min(ours[1:]), "theirs": images / min(theirs[1:]), "torch": torch.__version__}


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def over(key: str, pick: Callable[[Any], float], *, percent: bool = True) -> str:
    """Mean ± deviation over the seeds that are stored."""
    values = [pick(v) for k, v in stored().items() if k.startswith(f"{key} ")]
    return str(metrics.summary(values, percent=percent))


def count(key: str) -> int:
    """How many seeds are stored."""
    return sum(k.startswith(f"{key} ") for k in stored())


def table() -> str:
    """Everything stored, as Markdown."""
    known = stored()
    out = ["# GANs, measured\n\nWritten by `python -m benchmarks.gan`. Mean ± deviation over seeds, per cent where "
           "nothing else is said. All on one CPU core."]  # fmt: skip
    if count("lesions"):
        out.append(
            f"\n## Liver lesions: is a GAN's augmentation worth anything?\n\nSimulated lesions of three classes "
            f"(53, 64, 65 in "
            f"training, as Frid-Adar and others had; 900 for testing), 32×32, {count('lesions')} draws, each "
            f"with its own GAN "
            "(600 steps, D learns classes from real images only and sees translated ones, 3 × 182 samples). A "
            "small CNN, "
            "320 steps of 32 in every row. Classical: mirrored both ways. "
            "Moving by parts of a pixel interpolates, which takes the noise out of an image. Sensitivity and "
            "specificity are averaged over the classes.\n\n"
            "| augmentation | accuracy | sensitivity | specificity |\n|---|---|---|---|"
        )
        for way in WAYS:
            cells = [over("lesions", lambda v, w=way, i=i: v[w][i]) for i in range(3)]
            out.append(f"| {way} | {' | '.join(cells)} |")
        out.append("\nFrid-Adar and others (2018), real lesions: sensitivity 78.6 → 85.7, specificity 88.4 → 92.4.\n")
        out.append("| measure of the samples | |\n|---|---|")
        for name in known["lesions 0"]["measures"]:
            out.append(f"| {name} | {over('lesions', lambda v, n=name: v['measures'][n], percent=False)} |")
    if count("typical"):
        out.append("\nC_T in pixels of samples from one of these GANs, five draws of the samples and of the others:\n\n"
                   "| | C_T |\n|---|---|")  # fmt: skip
        for name in known["typical 0"]:
            out.append(f"| {name} | {over('typical', lambda v, n=name: v[n], percent=False)} |")
    if count("brain"):
        out.append(
            f"\n## Brain slices: looks right, no use\n\nSimulated slices, 32×32, 200 in training, half with a "
            f"tumour; 600 for "
            f"testing; {count('brain')} draws, each with its own AC-GAN (600 steps), 400 samples.\n\n| | |\n|---|---|"
        )
        for name in known["brain 0"]:
            share = name not in ("C_T pixels", "diversity of healthy slices")
            out.append(
                f"| {name}{', accuracy' if share else ''} | {over('brain', lambda v, n=name: v[n], percent=share)} |"
            )
    if count("mnist"):
        out.append(
            f"\n## AC-GAN on MNIST\n\n60,000 digits at 16×16 (2×2 averaged, padded), 2,400 steps of 64, "
            f"{count('mnist')} "
            "seeds. The judge is a CNN trained on 20,000 real digits.\n\n| | |\n|---|---|"
        )
        shares = (
            "agreement",
            "classifier on real test digits",
            "CAS",
            "same number of real digits",
            "precision",
            "recall",
        )
        for name in known["mnist 0"]:
            out.append(f"| {name} | {over('mnist', lambda v, n=name: v[n], percent=name in shares)} |")
    if count("digits"):
        out.append(
            f"\n## AC-GAN on scikit-learn's digits, 8×8\n\n800 steps of 32, {count('digits')} seeds.\n\n| | "
            f"|\n|---|---|"
        )
        for name in known["digits 0"]:
            out.append(f"| {name} | {over('digits', lambda v, n=name: v[n], percent=name != 'diversity')} |")
    if count("copies"):
        out.append(
            f"\n## Is it a copy? Digits, 800 in training, 500 held out, {count('copies')} splits\n\n"
            "| samples | C_T | precision | recall |\n|---|---|---|---|"
        )
        for name in known["copies 0"]:
            cells = [over("copies", lambda v, n=name, i=i: v[n][i], percent=i > 0) for i in range(3)]
            out.append(f"| {name} | {' | '.join(cells)} |")
    if "speed" in known:
        s = known["speed"]
        out.append(
            "\n## Speed of training\n\nPyTorch-GAN's AC-GAN (its networks at 32×32, batches of 64, its training "
            "loop as "
            f"published) and labkit's step on the same networks, in one run on one busy core, torch "
            f"{s['torch']}, images per "
            f"CPU second: {s['theirs']:.0f} and {s['ours']:.0f}: {s['ours'] / s['theirs']:.2f} times as fast. "
            f"No GPU was "
            "there to measure autocast and channels-last on."
        )
    return "\n".join(out) + "\n"


def main() -> None:
    """Run the parts named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"digits": digits, "lesions": lesions, "mnist": mnist, "brain": brain, "copies": copies, "typical": typical}
    parser.add_argument("parts", nargs="*", default=[*parts, "speed", "table"], choices=[*parts, "speed", "table"])
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for part in chosen.parts:
        if part == "table":
            (RESULTS / "gan.md").write_text(table(), encoding="utf-8")
        elif part == "speed":
            once("speed", speed)
        else:
            for seed in chosen.seeds:
                once(f"{part} {seed}", lambda part=part, seed=seed: parts[part](seed))


if __name__ == "__main__":
    main()
