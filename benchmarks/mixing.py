"""Mixing: speed beside torchvision and imbalanced-learn, and what it does to error, recall and calibration.

    python -m benchmarks.mixing [--only speed few ...] [--rounds 15] [--device cpu]

Each part writes its numbers, one a seed, into ``results/mixing.json``; ``results/mixing.md`` is made from them and from
``results/mixing_cifar10.csv`` (see ``benchmarks.mixing_cifar10``).
"""

import argparse
import csv
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import labkit  # before torchvision, which it makes importable
from benchmarks import mixing_experiments as experiments
from labkit import metrics
from labkit.augment import mixing

# isort: split
import imblearn
import torchvision
from imblearn.over_sampling import SMOTE
from torchvision.transforms import v2

RESULTS = Path(__file__).parent / "results"
SHAPES = [(256, 3, 32, 32), (32, 3, 224, 224)]
PAPERS = {
    "mixup": "CIFAR-10, all 50,000 images, PreAct ResNet-18: error 5.6 → 4.2 % (Zhang et al. 2018)",
    "CutMix": "ImageNet, ResNet-50: error 23.68 → 21.40 %, mixup 22.58 % (Yun et al. 2019)",
}
Parts = dict[str, Callable[[], Any]]


def turns(functions: dict[str, Callable[[], Any]], device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Seconds a call by contender, one a round; they take turns of at least 20 ms.

    On the CPU, with one thread, it is the process's own time that counts: a neighbour on the machine doesn't.
    """
    clock = time.perf_counter if device.type == "cuda" else time.process_time

    def seconds(function: Callable[[], Any], repeats: int) -> float:
        begin = clock()
        for _ in range(repeats):
            function()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return max(clock() - begin, 1e-9) / repeats

    repeats = {}
    for name, function in functions.items():
        seconds(function, 2)
        repeats[name] = max(1, math.ceil(0.02 / seconds(function, 1)))
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            times[name].append(seconds(function, repeats[name]))
    return times


def speed(device: torch.device, rounds: int) -> list[dict[str, Any]]:
    """labkit, with its own λ, partner and box for each sample, beside torchvision, with one of each for the batch."""
    torch.set_num_threads(1)
    rows = []
    for shape in SHAPES:
        x, y = torch.rand(shape, device=device), torch.randint(10, shape[:1], device=device)
        pairs = {
            "mixup": (mixing.Mixup(alpha=1.0, classes=10), v2.MixUp(alpha=1.0, num_classes=10)),
            "CutMix": (mixing.CutMix(alpha=1.0, classes=10), v2.CutMix(alpha=1.0, num_classes=10)),
        }
        for name, (ours, theirs) in pairs.items():
            both = {"labkit": lambda t=ours, x=x, y=y: t(x, y=y), "peer": lambda t=theirs, x=x, y=y: t(x, y)}
            what = f"{name}, {shape[0]} images of {shape[1]} × {shape[2]}²"
            rows.append(row(what, "torchvision v2", turns(both, device, rounds), shape[0], "images"))
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(2000, 64, generator=g), (torch.arange(2000) < 40).long()
    arrays = x.numpy(), y.numpy()
    both = {"labkit": lambda: mixing.smote(x, y), "peer": lambda: SMOTE(random_state=0).fit_resample(*arrays)}
    what = "SMOTE, 40 of 2,000 samples of 64 numbers"
    rows.append(row(what, "imbalanced-learn", turns(both, device, rounds), 1920, "new samples"))
    return rows


def row(what: str, peer: str, times: dict[str, list[float]], n: int, unit: str) -> dict[str, Any]:
    """Rates and the median ratio of one comparison."""
    ratio = statistics.median(b / a for a, b in zip(times["labkit"], times["peer"], strict=True))
    rate = n / statistics.median(times["labkit"])
    return {"what": what, "peer": peer, "rate": rate, "unit": unit, "ratio": ratio, "load": os.getloadavg()[0]}


def table(results: experiments.Results, *, percent: bool = True) -> str:
    """A Markdown table of mean ± deviation, an arm a row."""
    quantities = list(next(iter(results.values())))
    unit = " (%)" if percent else ""
    lines = ["| | " + " | ".join(q + unit for q in quantities) + " |", "|---|" + "--:|" * len(quantities)]
    for name, values in results.items():
        cells = [str(metrics.summary(values[q], percent=percent)) for q in quantities]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def gain(results: experiments.Results, arm: str) -> str:
    """By how much an arm's error is below plain's, seed by seed."""
    gains = [100 * (a - b) for a, b in zip(results["plain"]["error"], results[arm]["error"], strict=True)]
    better = sum(g > 0 for g in gains)
    span = f"{-max(gains):+.1f} to {-min(gains):+.1f}"
    return f"{arm}: better than plain in {better} of {len(gains)} seeds; the error changes by {span} points"


def cifar10() -> str:
    """The CIFAR-10 runs that there are."""
    with (RESULTS / "mixing_cifar10.csv").open() as file:
        runs = list(csv.DictReader(file))
    first = runs[0]
    arms: dict[str, dict[str, float]] = {}
    for run in runs:
        arms.setdefault(run["arm"], {})[run["seed"]] = float(run["error"])
    seeds = [s for s in arms["plain"] if all(s in found for found in arms.values())]
    shown = {arm: {"error": [found[s] for s in seeds]} for arm, found in arms.items()}
    minutes = sum(float(run["cpu_seconds"]) for run in runs) / 60
    lines = [
        f"The first {first['samples']} training images, 1,000 official test images, {first['epochs']} epochs, a ResNet "
        f"with {first['blocks']} block a stage and {first['width']} channels, flips and shifts in every arm; "
        f"{len(seeds)} seeds; {minutes:.0f} CPU minutes. This is what a processor allows, not the papers' setting: "
        f"{PAPERS['mixup']}; {PAPERS['CutMix']}.\n",
        table(shown),
        "",
        *(f"- {gain(shown, arm)}" for arm in shown if arm != "plain"),
    ]
    return "\n".join(lines)


def render(found: dict[str, Any]) -> str:
    """``results/mixing.md``."""
    parts = [
        "# Mixing\n",
        f"torch {torch.__version__}, torchvision {torchvision.__version__}, imbalanced-learn {imblearn.__version__}, "
        f"labkit {labkit.__version__}; {platform.machine()}, one thread. Means ± one standard deviation over seeds.\n",
    ]
    if "speed" in found:
        parts.append("## Speed\n")
        parts.append(
            "One thread, CPU time; the contenders take turns, and the ratio is the median over the rounds of the "
            "peer's time divided by labkit's (above 1: labkit is faster). labkit draws λ, partner and box for every "
            "sample, torchvision one of each for the batch.\n"
        )
        parts.append("| | labkit | × peer | |\n|---|--:|--:|---|")
        for r in found["speed"]:
            parts.append(f"| {r['what']} | {r['rate']:,.0f} {r['unit']}/s | {r['ratio']:.2f} | {r['peer']} |")
        parts.append("")
    if "corrupted" in found:
        parts.append("## 40 % of the labels replaced by random ones (digits 8×8, 1,297 to train, 10 seeds)\n")
        parts.append(table(found["corrupted"]) + "\n")
        parts += [f"- {gain(found['corrupted'], arm)}" for arm in found["corrupted"] if arm != "plain"] + [""]
    for net in ("MLP", "CNN"):
        if f"few {net}" in found:
            parts.append(f"## Ten labels a class (digits 8×8, {net}, 5 seeds)\n")
            parts.append(table(found[f"few {net}"]) + "\n")
            parts += [f"- {gain(found[f'few {net}'], arm)}" for arm in found[f"few {net}"] if arm != "plain"] + [""]
    if "rare" in found:
        as_trained, moved = found["rare"]
        parts.append("## One eight to fifty other digits (22 to 1,100; 5 seeds)\n")
        parts.append(
            "Recall and false alarms at probability ½. ECE and the mean probability of an eight are those of a world "
            "with fifty others to an eight, where the latter should be 1.96 %.\n"
        )
        parts.append(table(as_trained) + "\n")
        parts.append(
            "The same networks with another prior put in afterwards (`with_prior`): those that had learned 1 : 50 are "
            "told 1 : 1, those that had learned from balanced classes 1 : 50.\n"
        )
        parts.append(table(moved) + "\n")
    if "regression" in found:
        parts.append("## Regression: root mean square error (5 seeds)\n")
        for name, results in found["regression"].items():
            parts.append(f"{name}\n\n{table(results, percent=False)}\n")
    if (RESULTS / "mixing_cifar10.csv").exists():
        parts.append("## CIFAR-10\n")
        parts.append(cifar10() + "\n")
    return "\n".join(parts)


def main() -> None:
    """Measure what is asked for, keep it, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    device_rounds = parser.parse_known_args()[0]
    todo: Parts = {
        "speed": lambda: speed(torch.device(device_rounds.device), device_rounds.rounds),
        "corrupted": experiments.corrupted_labels,
        "regression": experiments.regression,
        "rare": experiments.rare_class,
        "few MLP": lambda: experiments.few_labels("MLP"),
        "few CNN": lambda: experiments.few_labels("CNN"),
    }
    parser.add_argument("--only", nargs="*", default=list(todo), choices=list(todo))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    kept = RESULTS / "mixing.json"
    found = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for name in chosen.only:
        begin = time.process_time()
        found[name] = todo[name]()
        print(f"{name}: {time.process_time() - begin:.0f} CPU seconds", flush=True)
        RESULTS.mkdir(exist_ok=True)
        kept.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (RESULTS / "mixing.md").write_text(render(found), encoding="utf-8")


if __name__ == "__main__":
    main()
