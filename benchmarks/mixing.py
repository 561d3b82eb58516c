"""Mixing: speed beside torchvision and imbalanced-learn, and what it does to error, recall and calibration.

    python -m benchmarks.mixing [speed] [corrupted] [few_mlp] [few_cnn] [rare] [regression] [cifar10]

``cifar10`` reads ``cifar10/cifar10_subset.npz`` below ``LABKIT_DATA``.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

import labkit  # before torchvision, which it makes importable
from benchmarks import kit, mixing_cifar10
from benchmarks import mixing_experiments as experiments
from benchmarks.kit import Row
from labkit.augment import mixing

# isort: split
import imblearn
import torchvision
from imblearn.over_sampling import SMOTE
from torchvision.transforms import v2

SHAPES = [(256, 3, 32, 32), (32, 3, 224, 224)]
PAPERS = {
    "mixup": "CIFAR-10, all 50,000 images, PreAct ResNet-18: error 5.6 → 4.2 % (Zhang et al. 2018)",
    "CutMix": "ImageNet, ResNet-50: error 23.68 → 21.40 %, mixup 22.58 % (Yun et al. 2019)",
}


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_speed(runs: kit.Runs, *, rounds: int = 15) -> None:
    """labkit, with its own λ, partner and box for each sample, beside torchvision, with one of each for the batch."""

    def race(what: str, peer: str, ours: Callable[[], Any], theirs: Callable[[], Any], n: int, unit: str) -> None:
        def once(what: str, peer: str) -> Row:
            seconds = kit.race({"labkit": ours, "peer": theirs}, rounds=rounds, device=runs.device)
            rate, ratio = n / statistics.median(seconds["labkit"]), kit.times_as_fast(seconds, "labkit", "peer")
            load = os.getloadavg()[0]
            return {"rate": rate, "unit": unit, "ratio": ratio, "load": load, "machine": machine()}

        runs.once(once, what=what, peer=peer)

    for shape in SHAPES:
        x, y = torch.rand(shape, device=runs.device), torch.randint(10, shape[:1], device=runs.device)
        pairs: dict[str, tuple[Any, Any]] = {
            "mixup": (mixing.Mixup(alpha=1.0, classes=10), v2.MixUp(alpha=1.0, num_classes=10)),
            "CutMix": (mixing.CutMix(alpha=1.0, classes=10), v2.CutMix(alpha=1.0, num_classes=10)),
        }
        for name, (ours, theirs) in pairs.items():
            what = f"{name}, {shape[0]} images of {shape[1]} × {shape[2]}²"
            own = lambda t=ours, x=x, y=y: t(x, y=y)  # noqa: E731
            peer = lambda t=theirs, x=x, y=y: t(x, y)  # noqa: E731
            race(what, "torchvision v2", own, peer, shape[0], "images")
    x, y = torch.randn(2000, 64, generator=kit.seeded(0)), (torch.arange(2000) < 40).long()
    arrays = x.numpy(), y.numpy()
    race(
        "SMOTE, 40 of 2,000 samples of 64 numbers", "imbalanced-learn",
        lambda: mixing.smote(x, y), lambda: SMOTE(random_state=0).fit_resample(*arrays), 1920, "new samples",
    )  # fmt: skip


def machine() -> str:
    """What the speed is measured on, and whose versions."""
    modules = {"torch": torch, "torchvision": torchvision, "imbalanced-learn": imblearn, "labkit": labkit}
    versions = ", ".join(f"{name} {module.__version__}" for name, module in modules.items())
    return f"{versions}; {platform.machine()}, one thread"


SPEED = """CPU time; the contenders take turns, and the ratio is the median over the rounds of the peer's time divided
by labkit's (above 1: labkit is faster). labkit draws λ, partner and box for every sample, torchvision one of each for
the batch."""


def show_speed(rows: list[Row]) -> str:
    """A line a contest."""
    lines = [[row["what"], f"{row['rate']:,.0f} {row['unit']}/s", f"{row['ratio']:.2f}", row["peer"]] for row in rows]
    return f"{rows[0]['machine']}. {kit.flow(SPEED)}\n\n{kit.table(['', 'labkit', '× peer', ''], lines)}"


# ── error, recall and calibration ─────────────────────────────────────────────────────────────────────────────────────


def every(arms: dict[str, Any], run: Callable[..., Row], **settings: str) -> Callable[[kit.Runs], None]:
    """A part: each arm under each seed."""

    def part(runs: kit.Runs) -> None:
        for arm in arms:
            for seed in runs.seeds:
                runs.once(run, **settings, arm=arm, seed=seed)

    return part


def measure_regression(runs: kit.Runs) -> None:
    """The three tasks."""
    for task in experiments.REGRESSIONS:
        every(experiments.REGRESSION, experiments.regression, task=task)(runs)


def measure_cifar10(runs: kit.Runs, *, samples: int = 1000, epochs: int = 30, blocks: int = 1, width: int = 16) -> None:
    """Every arm under a seed, then the next seed."""

    def run(arm: str, seed: int, **size: int) -> Row:
        begin = time.process_time()
        wrong = mixing_cifar10.error(arm, seed, **size, device=runs.device)
        return {"error": wrong, "seconds": time.process_time() - begin}

    for seed in runs.seeds:
        for arm in mixing_cifar10.ARMS:
            runs.once(run, arm=arm, samples=samples, epochs=epochs, blocks=blocks, width=width, seed=seed)


def shares(rows: list[Row], *figures: str, suffix: str = "") -> str:
    """A line an arm, in per cent."""
    return kit.means(rows, "arm", {f"{figure} (%)": figure + suffix for figure in figures}, percent=True)


def gains(rows: list[Row]) -> str:
    """By how much the error of each arm is below plain's, seed by seed."""
    errors = {arm: {row["seed"]: row["error"] for row in same} for (arm,), same in kit.groups(rows, "arm").items()}
    plain, lines = errors.pop("plain"), []
    for arm, own in errors.items():
        changes = [100 * (own[seed] - plain[seed]) for seed in own if seed in plain]
        better, span = sum(change < 0 for change in changes), f"{min(changes):+.1f} to {max(changes):+.1f}"
        lines.append(
            f"- {arm}: better than plain in {better} of {len(changes)} seeds; the error changes by {span} points"
        )
    return "\n".join(lines)


def compared(*figures: str) -> Callable[[list[Row]], str]:
    """The section of a part in which each arm is compared with plain."""
    return lambda rows: f"{shares(rows, *figures)}\n\n{gains(rows)}"


RARE = """Recall and false alarms at probability ½. ECE and the mean probability of an eight are those of a world with
fifty others to an eight, where the latter should be 1.96 %."""
MOVED = """The same networks with another prior put in afterwards (`with_prior`): those that had learned 1 : 50 are told
1 : 1, those that had learned from balanced classes 1 : 50."""


def show_rare(rows: list[Row]) -> str:
    """Two tables: as trained, and with the other prior."""
    figures = ("recall", "false alarms", "AUC", "ECE", "mean p")
    both = (shares(rows, *figures), shares(rows, *figures, suffix=", moved"))
    return "\n\n".join([kit.flow(RARE), both[0], kit.flow(MOVED), both[1]])


def show_regression(rows: list[Row]) -> str:
    """A table a task."""
    tasks = kit.groups(rows, "task").items()
    return "\n\n".join(f"{task}\n\n{kit.means(same, 'arm', {'RMSE': 'RMSE'})}" for (task,), same in tasks)


def show_cifar10(rows: list[Row]) -> str:
    """A table for each size of the experiment."""
    blocks = []
    for (samples, epochs, depth, width), same in kit.groups(rows, "samples", "epochs", "blocks", "width").items():
        minutes, seeds = sum(kit.values(same, "seconds")) / 60, len(kit.groups(same, "seed"))
        blocks.append(
            f"The first {samples} training images, 1,000 official test images, {epochs} epochs, a ResNet with {depth} "
            f"block a stage and {width} channels, flips and shifts in every arm; {seeds} seeds; {minutes:.0f} CPU "
            f"minutes. This is what a processor allows, not the papers' setting: {PAPERS['mixup']}; "
            f"{PAPERS['CutMix']}.\n\n{compared('error')(same)}"
        )
    return "\n\n".join(blocks)


def few(net: str) -> kit.Part:
    """The part on few labels, for a kind of network."""
    measure = every(experiments.FEW, experiments.few_labels, net=net)
    title = f"Ten labels a class (digits 8×8, {net}, 5 seeds)"
    return kit.Part(f"few_{net.lower()}", measure, compared("error", "ECE"), title)


BENCHMARK = kit.Benchmark(
    "mixing",
    "Mixing",
    "Means ± one standard deviation over seeds.",
    [
        kit.Part("speed", measure_speed, show_speed, "Speed"),
        kit.Part(
            "corrupted",
            every(experiments.CORRUPTED, experiments.corrupted_labels),
            compared("error", "ECE", "wrong labels learned"),
            "40 % of the labels replaced by random ones (digits 8×8, 1,297 to train, 10 seeds)",
            seeds=10,
        ),
        few("MLP"),
        few("CNN"),
        kit.Part(
            "rare",
            every(experiments.RARE, experiments.rare_class),
            show_rare,
            "One eight to fifty other digits (22 to 1,100; 5 seeds)",
        ),
        kit.Part("regression", measure_regression, show_regression, "Regression: root mean square error (5 seeds)"),
        kit.Part("cifar10", measure_cifar10, show_cifar10, "CIFAR-10"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
