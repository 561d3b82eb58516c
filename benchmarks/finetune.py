"""Fine-tuning: where scratch, features, the last block and everything win, and what each of the six steps is worth.

    python -m benchmarks.finetune [decisions] [target] [filters] [layers] [held] [rates] [speed]
    python -m benchmarks.finetune [cifar10] [brain] [defaults]
    python -m benchmarks.finetune depths source

``cifar10``, ``brain`` and ``defaults`` read real images and ImageNet's SqueezeNet from ``LABKIT_DATA``. ``depths``
makes the explorer's table from ``decisions``. ``source`` trains the small network that comes with labkit.
"""

import copy
import json
import time
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import brain_mri, kit
from benchmarks.finetune_source import source
from benchmarks.kit import Row
from benchmarks.kit import seeded as generator
from labkit import data as datasets
from labkit import finetune, metrics, nets, train
from labkit.augment import image
from labkit.data import Dataset
from labkit.data.dataset import About
from labkit.finetune import bundled

DEPTHS = Path(bundled.__file__).with_name("depths.json")
COUNTS = (1, 5, 20, 100)


def score(model: torch.nn.Module, test: Dataset) -> float:
    """Accuracy, five digits."""
    return round(metrics.accuracy(metrics.predict(model, test.x), test.y), 5)


@cache
def tasks() -> dict[str, tuple[Dataset, Dataset]]:
    """The similar and the different task of the small network."""
    learn, test = finetune.textures(per_class=200, generator=generator(7))
    return {
        "handwriting": finetune.handwriting(),
        "textures": (learn, test.subset(per_class=50, generator=generator(8))),
    }


def decide(task: str, n: int, seed: int, strategy: str | int) -> Row:
    """The small network adapted by one strategy to ``n`` examples a class."""
    learn, test = tasks()[task]
    few, begin = learn.subset(per_class=n, generator=generator(seed)), time.process_time()
    model = finetune.adapt(finetune.small_cnn(), few.x, few.y, classes=10, strategy=strategy, generator=generator(seed))
    return {"s": round(time.process_time() - begin, 2), "accuracy": score(model, test)}


def decisions(runs: kit.Runs) -> None:
    """Every freezing depth, and scratch, on both tasks over 1, 5, 20, 100 examples a class."""
    for task in ("handwriting", "textures"):
        for n in COUNTS:
            for seed in runs.seeds:
                for strategy in ("scratch", 0, 1, 2, 3, 4):
                    runs.once(decide, task=task, n=n, seed=seed, strategy=strategy)


POLICY = {
    "handwriting": image.Affine(degrees=12, dx=1.5, dy=1.5, scale=0.12),
    "textures": image.Compose([image.HorizontalFlip(), image.Rotate(degrees=15), image.Contrast(0.2)]),
}


def trained(
    net: torch.nn.Module, few: Dataset, steps: int, order: torch.Generator, augment: Any = train.identity
) -> None:
    """Everything learns: Adam at 2e-3 on at most 32 of the examples a step."""
    step = train.supervised_step(net, torch.optim.Adam(net.parameters(), lr=2e-3), augment=augment)
    for _ in range(steps):
        chosen = torch.randperm(len(few), generator=order)[:32]
        step((few.x[chosen], few.y[chosen]))


def augmented(task: str, n: int, seed: int, start: str, augment: str) -> Row:
    """100 steps on ``n`` examples a class, as they are or with the task's policy."""
    learn, test = tasks()[task]
    few, order = learn.subset(per_class=n, generator=generator(seed)), generator(seed)
    net: torch.nn.Module = fresh(seed)
    if start == "pretrained":
        net = finetune.freeze(finetune.new_head(finetune.base_model(finetune.small_cnn()), 10, generator=order), 0)
    trained(net, few, 100, order, partial(POLICY[task], generator=order) if augment == "augmented" else train.identity)
    return {"accuracy": score(net, test)}


def target(runs: kit.Runs) -> None:
    """Whether augmenting the few images of the target helps, from scratch and from pretrained weights."""
    for task in POLICY:
        for n in (1, 5, 20):
            for seed in runs.seeds:
                for start in ("scratch", "pretrained"):
                    for augment in ("as they are", "augmented"):
                        runs.once(augmented, task=task, n=n, seed=seed, start=start, augment=augment)


def width(task: str, filters: int, seed: int) -> Row:
    """The small network with another number of filters, from scratch, 150 steps on 20 examples a class."""
    learn, test = tasks()[task]
    few, order = learn.subset(per_class=20, generator=generator(seed)), generator(seed)
    torch.manual_seed(seed)
    net = nets.CNN(1, 10, width=filters, depth=4, mean=0.2, std=0.3)
    trained(net, few, 150, order)
    return {"accuracy": score(net, test), "weights": nets.parameter_count(net)}


def filters(runs: kit.Runs) -> None:
    """The number of filters of the first stage; each further stage has twice as many."""
    for task in POLICY:
        for number in (2, 4, 8, 16, 32):
            for seed in runs.seeds:
                runs.once(width, task=task, filters=number, seed=seed)


@cache
def own_task(seed: int) -> tuple[Dataset, Dataset]:
    """What the small network was trained for."""
    learn, test = (finetune.source_task(n, generator=generator(100 + seed)) for n in (4300, 2150))
    return learn, test


def stages(task: str, net: str, seed: int) -> list[Row]:
    """Logistic regression on what each stage puts out, averaged over parts of the picture."""
    learn, test = own_task(seed) if task == "its own" else tasks()[task]
    few = learn.subset(per_class=50, generator=generator(seed))
    model = finetune.small_cnn() if net == "trained" else fresh(seed)
    rows = []
    for stage, (h, there) in enumerate(zip(pooled(model, few.x), pooled(model, test.x)), start=1):
        head = finetune.new_head(blank(h.shape[1]), len(test.classes), generator=generator(seed))
        finetune.train_head(head, h, few.y, weight_decay=1e-3)
        rows.append({"stage": stage, "accuracy": round(metrics.accuracy(head.head(there).detach(), test.y), 5)})
    return rows


def layers(runs: kit.Runs) -> None:
    """Whose features help whom?"""
    for seed in runs.seeds:
        for task in ("its own", "handwriting", "textures"):
            for net in ("trained", "random"):
                runs.once(stages, task=task, net=net, seed=seed)


def fresh(s: int) -> nets.CNN:
    """The small network with weights that were never trained."""
    torch.manual_seed(s)
    net = nets.CNN(1, len(bundled.CLASSES), width=bundled.WIDTH, depth=bundled.DEPTH, mean=0.2, std=0.3).train()
    net(finetune.source_task(430, generator=generator(s)).x)  # gives its batch normalisation some statistics
    return net.eval()


def blank(width: int) -> finetune.Network:
    """A base that passes features on as they are."""
    return finetune.Network(
        torch.nn.Identity(), torch.nn.Sequential(torch.nn.Identity()), torch.nn.Identity(), width=width
    )


def pooled(net: nets.Classifier, x: Tensor) -> list[Tensor]:
    """Of each stage the same number of features, 128: maps averaged over equal parts of the picture, standardised."""
    found = []
    for m in finetune.feature_maps(net, x):
        if m.ndim == 4:
            m = functional.adaptive_avg_pool2d(m, {16: (2, 4), 32: (2, 2), 64: (1, 2)}[m.shape[1]]).flatten(1)
        found.append((m - m.mean(0)) / m.std(0).clamp_min(1e-3))
    return found


def old_task(model: nets.Classifier, test: Dataset) -> float:
    """Accuracy on what the base was trained for, with the head of then."""
    old = finetune.base_model(model)
    old.head = copy.deepcopy(finetune.small_cnn().head)
    return score(old, test)


@cache
def source_test() -> Dataset:
    """Characters and shapes to ask the old task of."""
    return finetune.source_task(2150, generator=generator(55))


def hold(task: str, statistics: str, seed: int) -> Row:
    """Train a head end to end with the base frozen: running statistics held, or not held."""
    learn, test = tasks()[task]
    few = learn.subset(per_class=20, generator=generator(seed))
    model = finetune.new_head(finetune.base_model(finetune.small_cnn()), 10, generator=generator(seed))
    finetune.freeze(model, statistics=statistics)
    finetune.fine_tune(model, few.x, few.y, lr=1e-2, epochs=15, generator=generator(seed))
    return {"target": score(model, test), "own": old_task(model, source_test())}


def held(runs: kit.Runs) -> None:
    """What a frozen base loses when its statistics are not held."""
    for task in ("handwriting", "textures"):
        for seed in runs.seeds:
            for statistics in ("frozen", "none"):
                runs.once(hold, task=task, statistics=statistics, seed=seed)


def rate(lr: float, factor: float, gradual: int | None, head: str | None, patience: int | None, seed: int) -> Row:
    """Everything fine-tuned on 15 digits a class (5 more held back)."""
    learn, test = finetune.handwriting()
    few = learn.subset(per_class=20, generator=generator(seed))
    part, back = few.split(test=5, generator=generator(seed))
    model = finetune.new_head(finetune.freeze(finetune.base_model(finetune.small_cnn())), 10, generator=generator(seed))
    if head != "new":
        finetune.train_head(model, finetune.cached_features(model, part.x), part.y)
    before = score(model, test)
    finetune.freeze(model, 4 if gradual else 0, statistics="all")
    knobs: Row = {"lr": lr, "factor": factor} | ({"gradual": gradual} if gradual else {})
    stop: Row = {"held_back": (back.x, back.y), "patience": patience} if patience else {}
    history = finetune.fine_tune(model, part.x, part.y, epochs=25, generator=generator(seed), **knobs, **stop)
    figures = {"before": before, "accuracy": score(model, test), "own": old_task(model, source_test())}
    return {**figures, "epochs": history.epoch}


def rates(runs: kit.Runs) -> None:
    """The rate, the factor, the order, stopping."""
    ways: list[Row] = [{"lr": lr, "factor": 1.0} for lr in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)]
    ways += [{"lr": lr, "factor": 2.6} for lr in (1e-3, 1e-2)]
    ways += [{"lr": 1e-2, "factor": 2.6, "gradual": 3}, {"lr": 1e-3, "factor": 2.6, "gradual": 3}]
    ways += [{"lr": 1e-3, "factor": 1.0, "head": "new"}, {"lr": 1e-2, "factor": 1.0, "patience": 5}]
    for seed in runs.seeds:
        for way in ways:
            runs.once(rate, **{"gradual": None, "head": None, "patience": None} | way, seed=seed)


def twice(pretrained: nets.Classifier, x: Tensor, net: str, seed: int) -> Row:
    """Fifteen epochs of the same head training, end to end and on cached features: CPU seconds."""
    y = torch.arange(len(x)) % 10
    model = finetune.new_head(finetune.freeze(finetune.base_model(pretrained)), 10, generator=generator(seed))
    other = copy.deepcopy(model)
    begin = time.process_time()
    run(train.supervised_step(model, torch.optim.Adam(model.head.parameters(), 1e-3)), x, y, seed)
    middle = time.process_time()
    h = finetune.cached_features(other, x)
    once = time.process_time()
    run(train.supervised_step(other.head, torch.optim.Adam(other.head.parameters(), 1e-3)), h, y, seed)
    spent = {"end to end": middle - begin, "features once": once - middle, "head": time.process_time() - once}
    same = float((model.head.weight - other.head.weight).detach().abs().max())
    return {"images": len(x), **{k: round(v, 3) for k, v in spent.items()}, "difference": same}


def speed(runs: kit.Runs) -> None:
    """Cached features, for the small network and ImageNet's."""
    small = partial(twice, finetune.small_cnn(), finetune.handwriting()[0].x[:500])
    for seed in runs.seeds:
        runs.once(small, net="small, 16²", seed=seed)
    large = partial(twice, finetune.load("squeezenet", weights=weights()), torch.rand(200, 3, 64, 64))
    for seed in runs.seeds:
        runs.once(large, net="SqueezeNet, 64²", seed=seed)


def run(step: Callable[..., Any], x: Tensor, y: Tensor, s: int) -> None:
    """Fifteen epochs."""
    train.fit(step, train.Minibatches(x, y, batch_size=32, generator=generator(s)), epochs=15)


def weights() -> Path:
    """The ImageNet SqueezeNet."""
    return kit.real_data("imagenet", "squeezenet1_0-deepcompression-torchvision.pth")


class Real:
    """Real images, and four ways to learn them from few: SqueezeNet's features, last block, and everything; scratch."""

    def __init__(self, learn: Dataset, test: Dataset) -> None:
        self.learn, self.test = learn, test
        self.squeezenet = finetune.load("squeezenet", weights=weights())
        self.base = finetune.freeze(finetune.base_model(self.squeezenet))
        self.cached = cache(lambda size: finetune.cached_features(self.base, resized(test.x, size)))

    def __call__(self, n: int, strategy: str, seed: int, **_: str) -> Row:
        """Accuracy with ``n`` examples a class."""
        few, classes = self.learn.subset(per_class=n, generator=generator(seed)), len(self.test.classes)
        kind, _, size = strategy.removesuffix("²").partition(", ")
        if kind == "features":
            head = finetune.new_head(self.base, classes, generator=generator(seed))
            finetune.train_head(head, finetune.cached_features(self.base, resized(few.x, int(size))), few.y)
            with torch.no_grad():
                return {"accuracy": round(metrics.accuracy(head.head(self.cached(int(size))), self.test.y), 5)}
        side = 32 if kind == "scratch" else int(size)
        net = nets.CNN(few.x.shape[1], classes, width=16, depth=4) if kind == "scratch" else self.squeezenet
        knobs: Row = {"steps": 150} if kind == "scratch" else {"steps": 40, "lr": 5e-4, "factor": 1.5}
        model = finetune.adapt(
            net, resized(few.x, side), few.y, classes=classes, strategy=kind, generator=generator(seed), **knobs
        )
        return {"accuracy": score(model, Dataset(resized(self.test.x, side), self.test.y, (), self.test.about))}


STRATEGIES = ("features, 64²", "features, 128²", "scratch", "last block, 64²", "full, 64²")


def resized(x: Tensor, size: int) -> Tensor:
    """Images as squares of that size."""
    return functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


@cache
def cifar10_images() -> tuple[Dataset, Dataset]:
    """10,000 training images, and 500 official test images."""
    with np.load(kit.real_data("cifar10", "cifar10_subset.npz")) as file:
        x, y, x_test, y_test = (torch.from_numpy(file[k]) for k in ("x_train", "y_train", "x_test", "y_test"))
    about, names = About("CIFAR-10", "not stated"), tuple("0123456789")
    as_images = lambda t: t.permute(0, 3, 1, 2).float().div(255).contiguous()  # noqa: E731
    learn = Dataset(as_images(x), y.long(), names, about)
    return learn, Dataset(as_images(x_test[:500]), y_test[:500].long(), names, about)


def cifar10(runs: kit.Runs) -> None:
    """CIFAR-10: draws of 1 to 100 a class."""
    real = Real(*cifar10_images())
    for seed in runs.seeds:
        for n in COUNTS:
            for strategy in STRATEGIES:
                runs.once(real, data="cifar10", n=n, seed=seed, strategy=strategy)


@cache
def brain_images() -> Dataset:
    """Brain MRI, tumour or not, as 128²."""
    pictures, y = zip(*brain_mri.slices())
    grey = np.stack([np.array(picture.resize((128, 128))) for picture in pictures])
    x = (torch.from_numpy(grey).float() / 255)[:, None].expand(-1, 3, -1, -1).contiguous()
    return Dataset(x, torch.tensor(y), ("no", "yes"), About("brain MRI", "not stated"))


def brain(runs: kit.Runs) -> None:
    """Brain MRI: 25 of each to measure on, another draw for every seed."""
    whole = brain_images()
    for seed in runs.seeds:
        real = Real(*whole.split(test=25, generator=generator(seed)))
        for n in (1, 5, 20, 60):
            for strategy in STRATEGIES:
                # What is drawn from the split that belongs to the seed is always drawn alike.
                runs.once(lambda seed, **knobs: real(**knobs, seed=0), data="brain", n=n, seed=seed, strategy=strategy)  # noqa: B023


WAYS: dict[str, Row] = {
    "the head alone": {"strategy": "features"},
    "everything, lr = 2e-3 (the default before)": {"strategy": "full", "lr": 2e-3},
    "everything, the default": {"strategy": "full"},
}


def by_default(data: str, way: str, seed: int) -> Row:
    """SqueezeNet adapted to 20 images a class of 48², 40 steps; draws that served to choose nothing."""
    if data == "brain":
        learn, test = brain_images().split(test=25, generator=generator(seed))
    else:
        learn, test = mnist_images()
    few = learn.subset(per_class=20, generator=generator(seed))
    net = finetune.load("squeezenet", weights=weights())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = finetune.adapt(
            net, resized(few.x, 48), few.y, classes=len(test.classes), steps=40, generator=generator(seed), **WAYS[way]
        )
    accuracy = score(model, Dataset(resized(test.x, 48), test.y, test.classes, test.about))
    return {"accuracy": accuracy, "warned": any("raised the loss" in str(w.message) for w in caught)}


@cache
def mnist_images() -> tuple[Dataset, Dataset]:
    """2,000 digits to draw from and 500 others, in three equal channels."""
    kit.real_data("MNIST")
    every = datasets.mnist("test", download=False)
    every = Dataset(every.x.expand(-1, 3, -1, -1), every.y, every.classes, every.about)
    return every.take(torch.arange(2000)), every.take(torch.arange(2000, 2500))


def defaults(runs: kit.Runs) -> None:
    """The default rate of ``adapt``, where it was chosen and where it was not."""
    for data in ("brain", "mnist"):
        for seed in range(10, 10 + len(runs.seeds)):
            for way in WAYS:
                runs.once(by_default, data=data, way=way, seed=seed)


def depths(rows: list[Row]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """What the explorer shows: by task, examples and strategy, mean and deviation."""
    table: dict[str, dict[str, dict[str, list[float]]]] = {}
    for (task, n, strategy), same in kit.groups(rows, "task", "n", "strategy").items():
        summary = metrics.summary(kit.values(same, "accuracy"))
        found = table.setdefault(task, {}).setdefault(str(n), {})
        found[str(strategy)] = [round(summary.mean, 4), round(summary.std, 4)]
    return table


def write_depths(runs: kit.Runs) -> None:
    """The explorer's file."""
    DEPTHS.write_text(json.dumps(depths(runs.store.rows("decisions")), indent=1) + "\n", encoding="utf-8")


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────

NAMES = {"scratch": "scratch", 4: "features (4 frozen)", 3: "last block (3 frozen)", 2: "2 frozen", 1: "1 frozen",
         0: "full (0 frozen)"}  # fmt: skip
TITLES = {"handwriting": "real digits (similar)", "textures": "patches of photographs (different)"}


def relabel(rows: list[Row], column: str, name: Callable[[Row], str]) -> list[Row]:
    """Rows with another text in a column."""
    return [row | {column: name(row)} for row in rows]


def show_decisions(rows: list[Row]) -> str:
    """The small network."""
    words = f"""
        `labkit.finetune.small_cnn`: {", ".join(f"{k} {v}" for k, v in bundled.about().items())}.
        Everything by Adam at 2e-3, 150 steps of 32 (at least an epoch), the head first; from scratch the same at
        the same rate. Rate and treatment of batch normalisation were chosen on two other draws. 500 test images.
        """
    blocks = [kit.flow(words)]
    known = relabel([r for r in rows if r["strategy"] in NAMES], "strategy", lambda row: NAMES[row["strategy"]])
    for task, title in TITLES.items():
        mine = [row for row in known if row["task"] == task]
        blocks += [f"### {title}: accuracy by examples a class"]
        blocks += [kit.grid(mine, "strategy", "n", "accuracy", digits=1, best=True, corner="strategy")]
    return "\n\n".join(blocks)


def show_target(rows: list[Row]) -> str:
    """With the policy and without."""
    words = """
        Everything learns, Adam at 2e-3, 100 steps of at most 32. The policy for digits: turns up to 12°, shifts up to
        1.5 pixels, 12 % in size; for patches: mirrored, turns up to 15°, contrast.
        """
    named = relabel(rows, "way", lambda row: f"{row['start']}, {row['augment']}")
    blocks = [kit.flow(words)]
    for task, title in TITLES.items():
        blocks += [f"### {title}: accuracy by examples a class"]
        mine = [row for row in named if row["task"] == task]
        blocks += [kit.grid(mine, "way", "n", "accuracy", digits=1, best=True, corner="start")]
    return "\n\n".join(blocks)


def show_filters(rows: list[Row]) -> str:
    """By width."""
    sizes = ", ".join(f"{n}: {same[0]['weights']:,}" for (n,), same in kit.groups(rows, "filters").items())
    words = f"""
        From scratch, Adam at 2e-3, 150 steps of 32, 20 examples a class, four stages; the filters of the first stage,
        twice as many in each further one. Weights: {sizes}.
        """
    named = relabel(rows, "task", lambda row: TITLES[row["task"]])
    return "\n\n".join(
        [kit.flow(words), kit.grid(named, "task", "filters", "accuracy", digits=1, best=False, corner="")]
    )


def show_layers(rows: list[Row]) -> str:
    """Whose features help whom."""
    words = """
        128 features of each stage (averages over parts of the picture), logistic regression on 50 examples a class,
        in the trained network and in one with random weights.
        """
    named = relabel(rows, "task", lambda row: f"{row['task']}, {row['net']} net")
    named = relabel(named, "stage", lambda row: f"stage {row['stage']}")
    return f"{kit.flow(words)}\n\n{kit.grid(named, 'task', 'stage', 'accuracy', digits=1, corner='task')}"


def show_held(rows: list[Row]) -> str:
    """What a frozen base loses."""
    words = """
        Fifteen epochs of a head on 20 examples a class, no parameter of the base trainable. *Old*: its own task,
        with its old head, afterwards.
        """
    held_or_not = {"frozen": "held", "none": "not held"}
    named = relabel(rows, "base", lambda row: f"{TITLES[row['task']]}, statistics {held_or_not[row['statistics']]}")
    columns = {"new task": "target", "old task": "own"}
    return f"{kit.flow(words)}\n\n{kit.means(named, 'base', columns, percent=True, digits=1, corner='base')}"


def way(row: Row) -> str:
    """One way to fine-tune."""
    words = [f"rate {row['lr']:g}", "one for all" if row["factor"] == 1 else f"÷ {row['factor']} a stage"]
    words += [f"a stage unfrozen every {row['gradual']} epochs"] if row.get("gradual") else []
    words += ["head untrained"] if row.get("head") else []
    words += [f"stopped early (patience {row['patience']})"] if row.get("patience") else []
    return ", ".join(words)


def show_rates(rows: list[Row]) -> str:
    """What each way gains and forgets."""
    words = """
        25 epochs, statistics held; *old* as above. Five more a class are used only where training stops early.
        """
    columns = {"head alone": "before", "fine-tuned": "accuracy", "old task": "own"}
    named = relabel(rows, "way", way)
    return f"{kit.flow(words)}\n\n{kit.means(named, 'way', columns, percent=True, digits=1, corner='way')}"


def show_speed(rows: list[Row]) -> str:
    """Cached features."""
    lines = []
    for (name, images), same in kit.groups(rows, "net", "images").items():
        whole, once, head = (sum(r[k] for r in same) / len(same) for k in ("end to end", "features once", "head"))
        off = max(r["difference"] for r in same)
        times = f"{whole / (once + head):.1f}"
        lines.append([name, images, f"{whole:.2f}", f"{once:.2f}", f"{head:.2f}", times, f"{off:.1g}"])
    head_ = ["network", "images", "end to end", "features once", "head on them", "times as fast", "weights differ by"]
    words = "Fifteen epochs of a head, CPU seconds on one core, mean of the runs; same batches, same weights."
    return f"{words}\n\n{kit.table(head_, lines)}"


SQUEEZENET = """
    Features are the averages of its last maps, 512. *Last block*: fire9. It and *full*: 40 steps of 32 by Adam
    at 5e-4, ÷ 1.5 a stage, images of 64², since this ran on a core. *Scratch*: labkit's CNN (100,000 weights) on
    32², 150 steps; SqueezeNet itself was not trained from scratch.
    """


def show_real(title: str, words: str, before: str = "") -> Callable[[list[Row]], str]:
    """ImageNet's SqueezeNet on real images."""

    def text(rows: list[Row]) -> str:
        most = max(row["n"] for row in rows)
        draws = len({row["seed"] for row in rows if row["n"] == most})
        grid = kit.grid(rows, "strategy", "n", "accuracy", digits=1, best=True, corner="accuracy by examples a class")
        return "\n\n".join([*([kit.flow(before)] if before else []), f"### {title}", f"{words} {draws} draws.", grid])

    return text


DEFAULTS = """
    `adapt` with 20 examples a class of ImageNet's SqueezeNet, images of 48², 40 steps, nothing else said. Its rate was
    2e-3 for every network; now it is 2e-3 · (4 / L)^1.5 for a base of L layers (SqueezeNet: 1.3e-4; the small network
    of the first table: 2e-3 as before). The power was chosen on other draws of brain MRI and of CIFAR-10; MNIST's
    digits served to choose nothing. *Warned*: runs in which `adapt` warned that fine-tuning raised the loss of its
    own images.
    """


def show_defaults(rows: list[Row]) -> str:
    """A line a way, a column a set."""
    sets = {"brain": "brain MRI", "mnist": "MNIST (held out)"}
    cells = kit.groups(rows, "way", "data")
    lines = [
        [way, *(kit.mean(cells.get((way, data), []), "accuracy", percent=True, digits=1) for data in sets),
         f"{sum(r['warned'] for r in rows if r['way'] == way)} of {sum(r['way'] == way for r in rows)}"]
        for way in WAYS
    ]  # fmt: skip
    return f"{kit.flow(DEFAULTS)}\n\n{kit.table(['way', *sets.values(), 'warned'], lines)}"


BRAIN = (
    "140 and 87 slices, as 128²: 25 of each to measure on, drawn anew with each seed. Slices of one patient may lie on "
    "both sides: the source doesn't say whose they are."
)
BENCHMARK = kit.Benchmark(
    "finetune",
    "Fine-tuning, measured",
    "Accuracy in per cent, mean ± deviation over 5 draws of the examples. In tables of strategies the best of each "
    "column is bold.",
    [
        kit.Part("decisions", decisions, show_decisions, "The table of decisions: the small network"),
        kit.Part("target", target, show_target, "The few images of the target, augmented"),
        kit.Part("filters", filters, show_filters, "The number of filters"),
        kit.Part("layers", layers, show_layers, "Whose features help whom"),
        kit.Part("held", held, show_held, "What a frozen base loses when its statistics are not held"),
        kit.Part("rates", rates, show_rates, "Rates: everything fine-tuned on 15 real digits a class"),
        kit.Part("speed", speed, show_speed, "Features once", seeds=3),
        kit.Part(
            "cifar10",
            cifar10,
            show_real("CIFAR-10", "500 official test images; draws from 10,000 training images.", SQUEEZENET),
            "ImageNet's SqueezeNet",
        ),
        kit.Part("brain", brain, show_real("Brain MRI, tumour or not", BRAIN)),
        kit.Part("defaults", defaults, show_defaults, "Defaults"),
        kit.Part("depths", write_depths, by_default=False),
        kit.Part("source", source, by_default=False),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
