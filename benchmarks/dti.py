"""Transformation-invariant clustering, measured.

    python -m benchmarks.dti [oracle] [digits] [mnist] [ablation] [affine] [defaults] [keep] [speed]

MNIST lies below ``LABKIT_DATA``. ``speed`` compares with the authors' implementation: clone
github.com/monniert/dti-clustering and let ``DTI_OFFICIAL`` name the folder.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import dti_keep, kit
from benchmarks.dti_sets import SETS
from benchmarks.kit import Row, seeded
from labkit import data, dti, metrics, nets
from labkit.augment import image

SMALL = {"steps": 1500, "batch_size": 64}
AFFINE = ("affine",)
THREE = ("affine", "morphology", "thin_plate")
Clustering = Callable[[int], tuple[Tensor, float]]


def compare(runs: kit.Runs, methods: dict[str, Clustering], y: Tensor) -> None:
    """Cluster from every seed by every method."""

    def run(method: str, seed: int) -> Row:
        start = time.process_time()
        clusters, loss = methods[method](seed)
        seconds = time.process_time() - start
        scores = {"acc": metrics.clustering_accuracy(clusters, y), "nmi": metrics.nmi(clusters, y)}
        return scores | {"ari": metrics.ari(clusters, y), "loss": loss, "seconds": seconds}

    for method in methods:
        for seed in runs.seeds:
            runs.once(run, method=method, seed=seed)


def plain(x: Tensor) -> Clustering:
    """k-means from one start of k-means++."""

    def cluster(seed: int) -> tuple[Tensor, float]:
        result = dti.kmeans(x, 10, generator=seeded(seed))
        return result.assignments, result.inertia / x.numel()

    return cluster


def mixture(x: Tensor, radius: int) -> Clustering:
    """Frey and Jojic's mixture."""

    def cluster(seed: int) -> tuple[Tensor, float]:
        model, course = dti.shift_mixture(x, 10, radius=radius, iterations=40, generator=seeded(seed))
        return model.assign(x), -course[-1]

    return cluster


def deep(x: Tensor, *, transforms: Sequence[str], mixture: bool = False, **schedule: Any) -> Clustering:
    """Deep transformation-invariant clustering; the other knobs are the schedule's."""

    def cluster(seed: int) -> tuple[Tensor, float]:
        plan = dti.Schedule(**schedule)
        result = dti.cluster(x, 10, transforms=transforms, mixture=mixture, schedule=plan, generator=seeded(seed))
        return result.assignments, result.loss

    return cluster


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def lloyd_twice(method: str) -> Row:
    """The same starts for labkit's k-means and scikit-learn's."""
    digits = data.digits()
    flat = digits.x.double().flatten(1)
    equal, gaps = 0, []
    for seed in range(10):
        first = dti.kmeans_plus_plus(flat, 10, generator=seeded(seed))
        ours = dti.lloyd(flat, first)
        theirs = KMeans(10, init=first.numpy(), n_init=1, tol=0, algorithm="lloyd").fit(flat.numpy())
        equal += np.array_equal(ours.assignments.numpy(), theirs.labels_)
        gaps.append(abs(ours.inertia / theirs.inertia_ - 1))
    return {"equal": int(equal), "gap": max(gaps)}


def oracle(runs: kit.Runs) -> None:
    """k-means beside scikit-learn's."""
    runs.once(lloyd_twice, method="k-means")


def show_oracle(rows: list[Row]) -> str:
    """In a sentence."""
    return (
        f"k-means from ten starts of k-means++, digits: the same assignments in {rows[0]['equal']} of 10, inertia "
        f"equal to {rows[0]['gap']:.0e}."
    )


def digits(runs: kit.Runs) -> None:
    """scikit-learn's digits, ten seeds of everything."""
    every = data.digits()
    x, y = every.x, every.y
    both = ("affine", "thin_plate")
    methods = {
        "k-means": plain(x),
        "mixture over 9 shifts (Frey & Jojic)": mixture(x, 1),
        "deep k-means: affine": deep(x, transforms=AFFINE, **SMALL),
        "deep k-means: affine, no swaps": deep(x, transforms=AFFINE, swaps=False, **SMALL),
        "deep k-means: affine, thin_plate": deep(x, transforms=both, **SMALL),
        "deep k-means: affine, no curriculum": deep(x, transforms=AFFINE, starts=(0.0,), **SMALL),
        "deep k-means: affine, thin_plate, no curriculum": deep(x, transforms=both, starts=(0.0, 0.0), **SMALL),
        "deep mixture: affine": deep(x, transforms=AFFINE, mixture=True, **SMALL),
        "deep k-means: affine, no swaps, no reassignment": deep(x, transforms=AFFINE, swaps=False, every=0, **SMALL),
    }
    compare(runs, methods, y)


def mnist_test(side: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """The 10,000 test digits, averaged down to ``side`` pixels."""
    test = data.mnist("test", download=False)
    return functional.adaptive_avg_pool2d(test.x, side), test.y


def mnist(runs: kit.Runs) -> None:
    """MNIST-test as it is."""
    kit.real_data("MNIST")
    x, y = mnist_test(28)
    compare(runs, {"k-means": plain(x), "deep k-means: affine, morphology, thin_plate": deep(x, transforms=THREE)}, y)
    default = {"deep k-means: colour, affine, thin_plate": deep(x, transforms=dti.COLOURED)}
    compare(replace(runs, seeds=runs.seeds[:1]), default, y)


def ablation(runs: kit.Runs) -> None:
    """What each part is good for, at half of MNIST's resolution."""
    kit.real_data("MNIST")
    x, y = mnist_test(14)
    methods = {
        "deep k-means: all": deep(x, transforms=THREE),
        "deep k-means: no curriculum": deep(x, transforms=THREE, starts=(0.0, 0.0, 0.0)),
        "deep k-means: no swaps": deep(x, transforms=THREE, swaps=False),
    }
    compare(runs, methods, y)


def affine(runs: kit.Runs) -> None:
    """MNIST-test turned, scaled, sheared and moved, on sheets of 20×20 (40×40 averaged)."""
    kit.real_data("MNIST")
    test = data.mnist("test", download=False)
    sheet = functional.pad(test.x, (6, 6, 6, 6))
    policy = image.Affine(degrees=20, dx=5, dy=5, scale=0.2, shear_x=12)
    x, y = functional.avg_pool2d(policy(sheet, generator=seeded(0)), 2), test.y
    deep_method = {"deep k-means: affine, thin_plate": deep(x, transforms=("affine", "thin_plate"))}
    compare(runs, {"k-means": plain(x)}, y)
    compare(replace(runs, seeds=runs.seeds[:5]), deep_method, y)


# ── the default transformations ───────────────────────────────────────────────────────────────────────────────────────

CHOICES = {"affine, morphology, thin_plate": THREE, "colour, affine, thin_plate": dti.COLOURED}


def defaults(runs: kit.Runs) -> None:
    """Which transformations to ignore by default in grey images."""
    kit.real_data("MNIST")

    def run(set: str, transforms: str, seed: int) -> Row:
        x, y = SETS[set]()
        assignments, loss = deep(x, transforms=CHOICES[transforms], steps=1000, batch_size=64)(seed)
        return {"acc": metrics.clustering_accuracy(assignments, y), "loss": loss}

    for name in SETS:
        for seed in runs.seeds:
            for transforms in CHOICES:
                runs.once(run, set=name, transforms=transforms, seed=seed)


def show_defaults(rows: list[Row]) -> str:
    """A line a set and choice."""
    lines = []
    for (name, transforms), same in kit.groups(rows, "set", "transforms").items():
        ranked = sorted(same, key=lambda row: row["loss"])
        lines.append(
            [
                f"{name}: {transforms}",
                len(same),
                kit.mean(same, "acc", percent=True, digits=1),
                f"{100 * ranked[0]['acc']:.1f}",
                f"{100 * max(row['acc'] for row in same):.1f}",
            ]
        )
    head = ["set and transformations", "runs", "accuracy", "least loss", "best run"]
    return f"{kit.flow(DEFAULTS)}\n\n{kit.table(head, lines)}"


DEFAULTS = """
    1,500 images (1,797 of scikit-learn's digits), k = 10, 1,000 steps on batches of 64, per cent; the defaults of
    `dti.cluster` otherwise. *Least loss*: the run that the loss chooses; *best run*: the one that labels would. The
    next table has better ways to choose a run without labels.
    """


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Body(nn.Module):
    """A ResNet-20 without its head: the encoder of the paper."""

    def __init__(self) -> None:
        super().__init__()
        net = nets.ResNet(1, 10)
        # The same numbers in another order in memory, in which a CPU convolves faster.
        self.body, self.width = net.body.to(memory_format=torch.channels_last), net.width

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x.contiguous(memory_format=torch.channels_last))


def official() -> Any:
    """The authors' DTIKmeans, from the folder that ``DTI_OFFICIAL`` names."""
    sys.path.insert(0, str(Path(os.environ["DTI_OFFICIAL"]) / "src"))
    import kornia
    from scipy import signal

    # What it imports from where it was in 2020 has moved since.
    kornia.homography_warp = kornia.geometry.transform.homography_warp
    if not hasattr(signal, "gaussian"):
        signal.gaussian = signal.windows.gaussian
    from model.dtikmeans import DTIKmeans

    return DTIKmeans


PHASES = {"identity": 50, "affine": 100, "morphology": 50, "thin-plate spline": 100}
"""The curriculum of the authors' MNIST-test configuration: what comes in, and for how many epochs it is the last."""


def speed(runs: kit.Runs, *, rounds: int = 5) -> None:
    """Seconds of CPU an update at the same batch, networks and transformations, in turn, in one run."""
    if runs.store.rows(runs.part):
        return
    if "DTI_OFFICIAL" not in os.environ:
        raise kit.Missing("DTI_OFFICIAL names no clone of monniert/dti-clustering, so there is nothing to compare with")
    x = mnist_test(28)[0][:128].contiguous()
    ours = dti.DTIKMeans(x[:10], THREE, encoder=Body(), hidden=128, kernel=7)
    theirs = peer_model(official(), x)
    steps = {"labkit": our_step(ours, x), "official": their_step(theirs, x)}

    def both(phase: str) -> Row:
        ours.transformer.active = list(PHASES).index(phase)
        seconds = kit.race(steps, rounds=rounds, least=0)
        theirs.step()
        ratios = [a / b for a, b in zip(seconds["official"], seconds["labkit"])]
        return {who: min(times) for who, times in seconds.items()} | {"ratios": ratios}

    for phase in PHASES:
        runs.once(both, phase=phase)


def our_step(model: dti.DTIKMeans, x: Tensor) -> Callable[[], object]:
    """One update of labkit's."""
    step = dti.dti_step(model, torch.optim.Adam(model.parameters(), lr=1e-3))
    return lambda: step((x,))


def peer_model(kind: Any, x: Tensor) -> Any:
    """The authors' model, configured as for MNIST-test, but with one epoch a phase."""

    class Images:
        n_channels, img_size = 1, (28, 28)

        def __len__(self) -> int:
            return len(x)

        def __getitem__(self, i: int) -> tuple[Tensor, int]:
            return x[i], 0

    return kind(
        Images(), 10, encoder_name="resnet20", transformation_sequence="identity_affine_morpho_tps",
        curriculum_learning=[1, 2, 3], grid_size=4, kernel_size=7,
    )  # fmt: skip


def their_step(model: Any, x: Tensor) -> Callable[[], object]:
    """One update of the authors': the lines of their trainer without its bookkeeping."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.set_optimizer(optimizer)

    def step() -> None:
        model.train()
        optimizer.zero_grad()
        loss, _ = model(x)
        loss.backward()
        optimizer.step()

    return step


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = {
    "digits": (
        "scikit-learn's digits, ten seeds",
        "1,797 images of 8×8 pixels, k = 10, per cent; mean ± deviation over ten seeds. *Least "
        "loss*: the accuracy of the run with the lowest loss, which no label chooses. Deep runs: "
        "1,500 steps on batches of 64, the defaults of "
        "`dti.cluster` otherwise. Rates and widths were chosen on seeds 0 to 3 of these digits, all else on MNIST.",
    ),
    "mnist": (
        "MNIST-test",
        "10,000 images of 28×28 pixels, k = 10, the defaults of `dti.cluster` but for the "
        "transformations: 3,000 steps on batches of 128 (38 "
        "epochs), the first 65 % of them on images averaged to 14×14. Monnier and others train 300 epochs with a "
        "ResNet-20: 96.6 mean of ten runs, 98.0 least loss. What is not theirs (the swaps, the coarse beginning, the "
        "lengths of the phases, 6×6 control points) was chosen on the first 10,000 *training* images.",
    ),
    "ablation": (
        "What each part is good for",
        "MNIST-test averaged to 14×14, the defaults of `dti.cluster` but for affine, morphology and thin_plate, "
        "and for what the row names. Without a curriculum "
        "all transformations are there from the beginning, and there is no phase for swaps either.",
    ),
    "affine": (
        "MNIST-test in affine disguise",
        "The 10,000 digits on sheets of 40×40, turned by up to ±20°, moved by ±5 pixels, scaled by ±20 % and "
        "sheared by ±12°, averaged to 20×20. Defaults of `dti.cluster` but for the transformations.",
    ),
}


def show(words: str) -> Callable[[list[Row]], str]:
    """A row for each method, the plain ones first."""

    def text(rows: list[Row]) -> str:
        lines = []
        for (method,), same in sorted(kit.groups(rows, "method").items(), key=lambda item: rank(item[0][0])):
            scores = [kit.mean(same, score, percent=True) for score in ("acc", "nmi", "ari")]
            least = f"{100 * min(same, key=lambda row: row['loss'])['acc']:.1f}"
            lines.append([method, len(same), scores[0], least, *scores[1:], kit.average(same, "seconds")])
        head = ["method", "runs", "accuracy", "least loss", "NMI", "ARI", "seconds of CPU a run"]
        return f"{words}\n\n{kit.table(head, lines)}"

    return text


def rank(name: str) -> tuple[int, str]:
    """The plain methods first."""
    kinds = ("k-means", "mixture", "deep k-means", "deep mixture")
    return kinds.index(name.partition(" over")[0].partition(":")[0]), name


SPEED = """
Seconds of CPU an update, one thread: batch 128, 28×28, k = 10, ResNet-20, heads of 128, kernel 7, 16 control points in
both; in each phase of the curriculum five updates in turn, the shortest, and the median of the five ratios. The machine
was busy. Most of an update with the affine transformation alone is the encoder's (in labkit with its channels last in
memory); before the first transformation labkit doesn't run it.
"""


def show_speed(rows: list[Row]) -> str:
    """A row for each phase, and all 300 epochs."""
    lines, totals = [], {"labkit": 0.0, "official": 0.0}
    for row in rows:
        epochs = PHASES[row["phase"]]
        ratio = statistics.median(row["ratios"])
        lines.append([row["phase"], epochs, f"{row['labkit']:.3f}", f"{row['official']:.3f}", f"{ratio:.2f}"])
        totals = {who: total + epochs * 79 * row[who] for who, total in totals.items()}
    ours, theirs = (totals[who] / 300 for who in ("labkit", "official"))
    head = ["last transformation", "epochs", "labkit", "official", "official / labkit"]
    return (
        f"{kit.flow(SPEED)}\n\n{kit.table(head, lines)}\n\nOver all 300 epochs of MNIST-test (79 updates each) that "
        f"is {ours:.0f} s of CPU an epoch against {theirs:.0f} s: {theirs / ours:.2f} times as fast."
    )


def clustered(name: str, measure: Callable[[kit.Runs], None], seeds: int) -> kit.Part:
    """A part whose runs are clusterings."""
    title, words = WORDS[name]
    return kit.Part(name, measure, show(words), title, seeds=seeds)


BENCHMARK = kit.Benchmark(
    "dti",
    "Transformation-invariant clustering, measured",
    "",
    [
        kit.Part("oracle", oracle, show_oracle, "Against scikit-learn"),
        clustered("digits", digits, 10),
        clustered("mnist", mnist, 10),
        clustered("ablation", ablation, 5),
        clustered("affine", affine, 10),
        kit.Part("defaults", defaults, show_defaults, "Defaults", seeds=3),
        kit.Part("keep", dti_keep.keep, dti_keep.show_keep, "Which run to keep", seeds=6),
        kit.Part("speed", speed, show_speed, "Speed beside the authors' implementation"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
