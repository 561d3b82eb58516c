"""Fine-tuning: where scratch, features, the last block and everything win, and what each of the six steps is worth.

    python -m benchmarks.finetune [decisions layers held rates speed cifar10 brain table] [--seeds 5]

Each part writes its numbers, one row a training, into ``results/finetune_PART.json`` as they come; ``table`` makes
``results/finetune.md`` and the explorer's ``depths.json`` from them. ``cifar10`` and
``brain`` read real images and ImageNet's SqueezeNet from ``LABKIT_DATA``.
``benchmarks/finetune_source.py`` trains the small network itself.
"""

import argparse
import copy
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from labkit import finetune, metrics, nets, train
from labkit.data import Dataset
from labkit.data.dataset import About
from labkit.finetune import bundled

RESULTS = Path(__file__).parent / "results"
DEPTHS = Path(__file__).parents[1] / "labkit" / "finetune" / "depths.json"
Row = dict[str, Any]
COUNTS = (1, 5, 20, 100)


def generator(s: int) -> torch.Generator:
    """A source of randomness of its own."""
    return torch.Generator().manual_seed(s)


def score(model: torch.nn.Module, test: Dataset) -> float:
    """Accuracy, five digits."""
    return round(metrics.accuracy(metrics.predict(model, test.x), test.y), 5)


def tasks() -> dict[str, tuple[Dataset, Dataset]]:
    """The similar and the different task of the small network."""
    learn, test = finetune.textures(per_class=200, generator=generator(7))
    return {
        "handwriting": finetune.handwriting(),
        "textures": (learn, test.subset(per_class=50, generator=generator(8))),
    }


def decisions(seeds: int) -> Iterator[Row]:
    """Every freezing depth, and scratch, on both tasks over 1, 5, 20, 100 examples a class."""
    for task, (learn, test) in tasks().items():
        for n in COUNTS:
            for s in range(seeds):
                few = learn.subset(per_class=n, generator=generator(s))
                for strategy in ("scratch", 0, 1, 2, 3, 4):
                    begin = time.process_time()
                    model = finetune.adapt(
                        finetune.small_cnn(), few.x, few.y, classes=10, strategy=strategy, generator=generator(s)
                    )
                    spent = round(time.process_time() - begin, 2)
                    yield {
                        "task": task,
                        "n": n,
                        "seed": s,
                        "strategy": strategy,
                        "accuracy": score(model, test),
                        "s": spent,
                    }


def layers(seeds: int) -> Iterator[Row]:
    """Logistic regression on what each stage puts out, averaged over parts of the picture: whose features help whom?"""
    for s in range(seeds):
        own = tuple(finetune.source_task(k, generator=generator(100 + s)) for k in (4300, 2150))
        for task, (learn, test) in {"its own": own, **tasks()}.items():
            few = learn.subset(per_class=50, generator=generator(s))
            for name, net in (("trained", finetune.small_cnn()), ("random", fresh(s))):
                for depth, (h, there) in enumerate(zip(pooled(net, few.x), pooled(net, test.x)), start=1):
                    head = finetune.new_head(blank(h.shape[1]), len(test.classes), generator=generator(s))
                    finetune.train_head(head, h, few.y, weight_decay=1e-3)
                    accuracy = metrics.accuracy(head.head(there).detach(), test.y)
                    yield {"task": task, "net": name, "stage": depth, "seed": s, "accuracy": round(accuracy, 5)}


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


def held(seeds: int) -> Iterator[Row]:
    """Train a head end to end with the base frozen: running statistics held, and not held."""
    source = finetune.source_task(2150, generator=generator(55))
    for task, (learn, test) in tasks().items():
        for s in range(seeds):
            few = learn.subset(per_class=20, generator=generator(s))
            for statistics in ("frozen", "none"):
                model = finetune.new_head(finetune.base_model(finetune.small_cnn()), 10, generator=generator(s))
                finetune.freeze(model, statistics=statistics)
                finetune.fine_tune(model, few.x, few.y, lr=1e-2, epochs=15, generator=generator(s))
                back = finetune.base_model(model)
                back.head = copy.deepcopy(finetune.small_cnn().head)
                accuracy = {"target": score(model, test), "own": score(back, source)}
                yield {"task": task, "statistics": statistics, "seed": s, **accuracy}


def rates(seeds: int) -> Iterator[Row]:
    """Everything fine-tuned on 15 digits a class (5 more held back): the rate, the factor, the order, stopping."""
    (learn, test), source = finetune.handwriting(), finetune.source_task(2150, generator=generator(55))
    settings: list[Row] = [{"lr": lr, "factor": 1.0} for lr in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)]
    settings += [{"lr": lr, "factor": 2.6} for lr in (1e-3, 1e-2)]
    settings += [{"lr": 1e-2, "factor": 2.6, "gradual": 3}, {"lr": 1e-3, "factor": 2.6, "gradual": 3}]
    settings += [{"lr": 1e-3, "factor": 1.0, "head": "new"}, {"lr": 1e-2, "factor": 1.0, "patience": 5}]
    for s in range(seeds):
        few = learn.subset(per_class=20, generator=generator(s))
        part, back = few.split(test=5, generator=generator(s))
        for setting in settings:
            model = finetune.new_head(
                finetune.freeze(finetune.base_model(finetune.small_cnn())), 10, generator=generator(s)
            )
            if setting.get("head") != "new":
                finetune.train_head(model, finetune.cached_features(model, part.x), part.y)
            before = score(model, test)
            finetune.freeze(model, 4 if "gradual" in setting else 0, statistics="all")
            knobs = {k: setting[k] for k in ("lr", "factor", "gradual") if k in setting}
            stop = {"held_back": (back.x, back.y), "patience": setting["patience"]} if "patience" in setting else {}
            history = finetune.fine_tune(model, part.x, part.y, epochs=25, generator=generator(s), **knobs, **stop)
            old = finetune.base_model(model)
            old.head = copy.deepcopy(finetune.small_cnn().head)
            figures = {"before": before, "accuracy": score(model, test), "own": score(old, source)}
            yield {**setting, "seed": s, **figures, "epochs": history.epoch}


def speed(seeds: int) -> Iterator[Row]:
    """Fifteen epochs of the same head training, end to end and on cached features: CPU seconds, alternating."""
    cases: list[tuple[str, nets.Classifier, Tensor]] = [
        ("small, 16²", finetune.small_cnn(), finetune.handwriting()[0].x[:500])
    ]
    if weights() is not None:
        cases.append(("SqueezeNet, 64²", finetune.load("squeezenet", weights=weights()), torch.rand(200, 3, 64, 64)))
    for name, pretrained, x in cases:
        y = torch.arange(len(x)) % 10
        for s in range(min(seeds, 3)):
            model = finetune.new_head(finetune.freeze(finetune.base_model(pretrained)), 10, generator=generator(s))
            other = copy.deepcopy(model)
            begin = time.process_time()
            run(train.supervised_step(model, torch.optim.Adam(model.head.parameters(), 1e-3)), x, y, s)
            middle = time.process_time()
            h = finetune.cached_features(other, x)
            once = time.process_time()
            run(train.supervised_step(other.head, torch.optim.Adam(other.head.parameters(), 1e-3)), h, y, s)
            end = time.process_time()
            same = float((model.head.weight - other.head.weight).detach().abs().max())
            spent = {"end to end": middle - begin, "features once": once - middle, "head": end - once}
            yield {
                "net": name,
                "images": len(x),
                "seed": s,
                **{k: round(v, 3) for k, v in spent.items()},
                "difference": same,
            }


def run(step: Callable[..., Any], x: Tensor, y: Tensor, s: int) -> None:
    """Fifteen epochs."""
    train.fit(step, train.Minibatches(x, y, batch_size=32, generator=generator(s)), epochs=15)


def weights() -> Path | None:
    """The ImageNet SqueezeNet, where there is one."""
    place = Path(os.environ.get("LABKIT_DATA", "")) / "imagenet" / "squeezenet1_0-deepcompression-torchvision.pth"
    return place if place.is_file() else None


def real(name: str, learn: Dataset, test: Dataset, counts: tuple[int, ...], seeds: int) -> Iterator[Row]:
    """SqueezeNet's features, last block, and everything, and a small network from scratch."""
    squeezenet = finetune.load("squeezenet", weights=weights())
    base = finetune.freeze(finetune.base_model(squeezenet))
    wide = {size: finetune.cached_features(base, resized(test.x, size)) for size in (64, 128)}
    for s in range(seeds):
        for n in counts:
            few = learn.subset(per_class=n, generator=generator(s))
            common = {"data": name, "n": n, "seed": s}
            for size, there in wide.items():
                head = finetune.new_head(base, len(test.classes), generator=generator(s))
                finetune.train_head(head, finetune.cached_features(base, resized(few.x, size)), few.y)
                with torch.no_grad():
                    accuracy = metrics.accuracy(head.head(there), test.y)
                yield {**common, "strategy": f"features, {size}²", "accuracy": round(accuracy, 5)}
            small = nets.CNN(few.x.shape[1], len(test.classes), width=16, depth=4)
            model = finetune.adapt(small, resized(few.x, 32), few.y, classes=len(test.classes), strategy="scratch",
                                   steps=150, generator=generator(s))  # fmt: skip
            yield {
                **common,
                "strategy": "scratch",
                "accuracy": score(model, Dataset(resized(test.x, 32), test.y, (), test.about)),
            }
            at = Dataset(resized(test.x, 64), test.y, (), test.about)
            for strategy in ("last block", "full"):
                model = finetune.adapt(squeezenet, resized(few.x, 64), few.y, classes=len(test.classes), steps=40,
                                       strategy=strategy, lr=5e-4, factor=1.5, generator=generator(s))  # fmt: skip
                yield {**common, "strategy": f"{strategy}, 64²", "accuracy": score(model, at)}


def resized(x: Tensor, size: int) -> Tensor:
    """Images as squares of that size."""
    return functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def cifar10(seeds: int) -> Iterator[Row]:
    """CIFAR-10: 500 official test images; draws of 1 to 100 a class from 10,000 training images."""
    with np.load(Path(os.environ["LABKIT_DATA"]) / "cifar10" / "cifar10_subset.npz") as file:
        x, y, x_test, y_test = (torch.from_numpy(file[k]) for k in ("x_train", "y_train", "x_test", "y_test"))
    about, names = About("CIFAR-10", "not stated"), tuple("0123456789")
    as_images = lambda t: t.permute(0, 3, 1, 2).float().div(255).contiguous()  # noqa: E731
    learn = Dataset(as_images(x), y.long(), names, about)
    test = Dataset(as_images(x_test[:500]), y_test[:500].long(), names, about)
    yield from real("cifar10", learn, test, COUNTS, seeds)


def brain(seeds: int) -> Iterator[Row]:
    """Brain MRI, tumour or not: 25 of each to measure on, another draw for every seed."""
    from PIL import Image

    x, y = [], []
    for label, folder in enumerate(("no", "yes")):
        for path in sorted((Path(os.environ["LABKIT_DATA"]) / "medical" / "brain_mri" / folder).iterdir()):
            with Image.open(path) as image:
                grey = torch.from_numpy(np.array(image.convert("L").resize((128, 128)))).float() / 255
            x.append(grey.expand(3, -1, -1))
            y.append(label)
    whole = Dataset(torch.stack(x), torch.tensor(y), ("no", "yes"), About("brain MRI", "not stated"))
    for s in range(seeds):
        learn, test = whole.split(test=25, generator=generator(s))
        for row in real("brain", learn, test, (1, 5, 20, 60), 1):
            yield {**row, "seed": s}


def read(part: str) -> list[Row]:
    """The rows of a part that has run; none otherwise."""
    store = RESULTS / f"finetune_{part}.json"
    return json.loads(store.read_text(encoding="utf-8")) if store.exists() else []


def by(rows: list[Row], *names: str, value: str = "accuracy") -> dict[tuple[Any, ...], list[float]]:
    """The values of all draws by the columns named, in the order in which they first occur."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        found.setdefault(tuple(row.get(name) for name in names), []).append(row[value])
    return found


def write_depths() -> None:
    """What the explorer shows."""
    table: dict[str, dict[str, dict[str, list[float]]]] = {}
    for (task, n, strategy), values in by(read("decisions"), "task", "n", "strategy").items():
        told = metrics.summary(values)
        table.setdefault(task, {}).setdefault(str(n), {})[str(strategy)] = [round(told.mean, 4), round(told.std, 4)]
    DEPTHS.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def grid(values: dict[tuple[Any, ...], list[float]], head: str, *, bold: bool = True) -> list[str]:
    """A table: the first name is the row, the second the column; the best mean of each column in bold."""
    rows, columns = (list(dict.fromkeys(key[i] for key in values)) for i in (0, 1))
    mean = {key: metrics.summary(v, percent=True) for key, v in values.items()}
    best = {c: max(mean[r, c].mean for r in rows if (r, c) in mean) for c in columns}
    lines = [f"| {head} | " + " | ".join(map(str, columns)) + " |", "|---|" + "--:|" * len(columns)]
    for r in rows:
        told = [f"{mean[r, c].mean:.1f} ± {mean[r, c].std:.1f}" if (r, c) in mean else "" for c in columns]
        told = [f"**{t}**" if bold and t and mean[r, c].mean == best[c] else t for t, c in zip(told, columns)]
        lines.append(f"| {r} | " + " | ".join(told) + " |")
    return [*lines, ""]


NAMES = {"scratch": "scratch", 4: "features (4 frozen)", 3: "last block (3 frozen)", 2: "2 frozen", 1: "1 frozen",
         0: "full (0 frozen)"}  # fmt: skip
TITLES = {"handwriting": "real digits (similar)", "textures": "patches of photographs (different)"}


def decision_tables() -> list[str]:
    """The small network."""
    lines = [
        "## The table of decisions: the small network",
        "",
        "`labkit.finetune.small_cnn`: " + ", ".join(f"{k} {v}" for k, v in bundled.about().items()) + ".",
        "Everything by Adam at 2e-3, 150 steps of 32 (at least an epoch), the head first; from scratch the same at",
        "the same rate. Rate and treatment of batch normalisation were chosen on two other draws. 500 test images.",
        "",
    ]
    rows = [row for row in read("decisions") if row["strategy"] in NAMES]
    for task, title in TITLES.items():
        mine = {(NAMES[s], n): v for (s, n), v in by([r for r in rows if r["task"] == task], "strategy", "n").items()}
        lines += [f"### {title}: accuracy by examples a class", "", *grid(mine, "strategy")]
    return lines


def step_tables() -> list[str]:
    """What each step is worth."""
    stage = {
        (f"{t}, {net} net", f"stage {s}"): v for (t, net, s), v in by(read("layers"), "task", "net", "stage").items()
    }
    lines = ["## Whose features help whom", ""]
    lines += [
        "128 features of each stage (averages over parts of the picture), logistic regression on 50 examples a class,"
    ]
    lines += ["in the trained network and in one with random weights.", "", *grid(stage, "task", bold=False)]
    lines += ["## What a frozen base loses when its statistics are not held", ""]
    lines += [
        "Fifteen epochs of a head on 20 examples a class, no parameter of the base trainable. *Old*: its own task,"
    ]
    lines += ["with its old head, afterwards.", ""]
    both = {}
    for column in ("target", "own"):
        for (task, statistics), v in by(read("held"), "task", "statistics", value=column).items():
            name = f"{TITLES[task]}, statistics {'held' if statistics == 'frozen' else 'not held'}"
            both[name, "new task" if column == "target" else "old task"] = v
    lines += grid(both, "base", bold=False)
    lines += ["## Rates: everything fine-tuned on 15 real digits a class", ""]
    lines += [
        "25 epochs, statistics held; *old* as above. Five more a class are used only where training stops early.",
        "",
    ]
    keys = ("lr", "factor", "gradual", "head", "patience")
    rated = {}
    for column in ("before", "accuracy", "own"):
        for (lr, factor, gradual, head, patience), v in by(read("rates"), *keys, value=column).items():
            said = [f"rate {lr:g}", "one for all" if factor == 1 else f"÷ {factor} a stage"]
            said += [f"a stage unfrozen every {gradual} epochs"] if gradual else []
            said += ["head untrained"] if head else []
            said += [f"stopped early (patience {patience})"] if patience else []
            rated[", ".join(said), {"before": "head alone", "accuracy": "fine-tuned", "own": "old task"}[column]] = v
    return lines + grid(rated, "way", bold=False)


def speed_table() -> list[str]:
    """Cached features."""
    lines = [
        "## Features once",
        "",
        "Fifteen epochs of a head, CPU seconds on one core, mean of the runs; same batches, same weights.",
        "",
    ]
    lines += [
        "| network | images | end to end | features once | head on them | times as fast | weights differ by |",
        "|---|" + "--:|" * 6,
    ]
    for (name, images), _ in by(read("speed"), "net", "images", value="head").items():
        mine = [row for row in read("speed") if row["net"] == name]
        whole, once, head = (sum(r[k] for r in mine) / len(mine) for k in ("end to end", "features once", "head"))
        off = max(r["difference"] for r in mine)
        lines.append(
            f"| {name} | {images} | {whole:.2f} | {once:.2f} | {head:.2f} | {whole / (once + head):.1f} | {off:.1g} |"
        )
    return [*lines, ""]


def real_tables() -> list[str]:
    """ImageNet's SqueezeNet on real images."""
    heads = {
        "cifar10": "CIFAR-10: 500 official test images; draws from 10,000 training images.",
        "brain": "Brain MRI, tumour or not (140 and 87 slices, as 128²): 25 of each to measure on, drawn anew with "
        "each seed. Slices of one patient may lie on both sides: the source doesn't say whose they are.",
    }
    lines = ["## ImageNet's SqueezeNet", ""]
    lines += [
        "Features are the averages of its last maps, 512. *Last block*: fire9. It and *full*: 40 steps of 32 by Adam"
    ]
    lines += [
        "at 5e-4, ÷ 1.5 a stage, images of 64², since this ran on a core. *Scratch*: labkit's CNN (100,000 weights) on"
    ]
    lines += ["32², 150 steps; SqueezeNet itself was not trained from scratch.", ""]
    for name, words in heads.items():
        rows = read(name)
        if rows:
            title, _, rest = words.partition(": ")
            draws = len({row["seed"] for row in rows if row["n"] == max(r["n"] for r in rows)})
            lines += [f"### {title}", "", f"{rest} {draws} draws.", ""]
            lines += grid(by(rows, "strategy", "n"), "accuracy by examples a class")
    return lines


def markdown() -> str:
    """All tables."""
    draws = len({row["seed"] for row in read("decisions")})
    lines = [
        "# Fine-tuning, measured",
        "",
        "Written by `python -m benchmarks.finetune`. Accuracy in per cent, mean ± deviation over",
    ]
    lines += [
        f"{draws} draws of the examples. In tables of strategies the best of each column is bold.",
        "",
    ]
    return "\n".join([*lines, *decision_tables(), *step_tables(), *speed_table(), *real_tables()]).rstrip() + "\n"


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "decisions": decisions, "layers": layers, "held": held, "rates": rates, "speed": speed,
    "cifar10": cifar10, "brain": brain,
}  # fmt: skip


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, "table"], default=[*PARTS, "table"])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for part in options.parts:
        if part == "table":
            write_depths()
            (RESULTS / "finetune.md").write_text(markdown(), encoding="utf-8")
            continue
        store = RESULTS / f"finetune_{part}.json"
        rows: list[Row] = []
        for row in PARTS[part](options.seeds):
            rows.append(row)
            store.write_text("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]\n")
        print(part, "done", flush=True)


if __name__ == "__main__":
    main()
