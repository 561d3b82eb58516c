"""Transformation-invariant clustering, measured.

``python -m benchmarks.dti [oracle] [digits] [mnist] [ablation] [affine] [speed]``; without a name all of it.
MNIST lies below ``LABKIT_DATA``. ``speed`` compares with the authors' implementation: clone
github.com/monniert/dti-clustering and let ``DTI_OFFICIAL`` name the folder. Every run is kept in ``results/dti.json``
as soon as it is done, so that a part can be broken off and gone on with; the tables are made from that file.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn
from torch.nn import functional

from labkit import data, dti, metrics, nets
from labkit.augment import image

RESULTS = Path(__file__).parent / "results" / "dti.md"
KEPT = RESULTS.with_suffix(".json")
SMALL = {"steps": 1500, "batch_size": 64}
AFFINE = ("affine",)
THREE = ("affine", "morphology", "thin_plate")


def seeded(seed: int) -> torch.Generator:
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


# ── runs that are kept ────────────────────────────────────────────────────────────────────────────────────────────────


def kept() -> dict[str, Any]:
    """What is known, by part and name."""
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}


def keep(part: str, name: str, value: Any) -> None:
    """Remember a result, and write the tables anew."""
    known = kept()
    known.setdefault(part, {})[name] = value
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    write(known)


def runs(part: str, name: str, x: Tensor, y: Tensor, found: Callable[[int], tuple[Tensor, float]], n: int) -> None:
    """Cluster from ``n`` seeds, those that are not known yet."""
    known = kept().get(part, {}).get(name, [])
    for seed in range(len(known), n):
        start = time.process_time()
        clusters, loss = found(seed)
        seconds = time.process_time() - start
        scores = {"acc": metrics.clustering_accuracy(clusters, y), "nmi": metrics.nmi(clusters, y)}
        known.append(scores | {"ari": metrics.ari(clusters, y), "loss": loss, "seconds": seconds})
        keep(part, name, known)
        print(part, name, seed, {k: round(v, 4) for k, v in known[-1].items()}, flush=True)


def plain(x: Tensor) -> Callable[[int], tuple[Tensor, float]]:
    """k-means from one start of k-means++."""

    def found(seed: int) -> tuple[Tensor, float]:
        result = dti.kmeans(x, 10, generator=seeded(seed))
        return result.assignments, result.inertia / x.numel()

    return found


def mixture(x: Tensor, radius: int) -> Callable[[int], tuple[Tensor, float]]:
    """Frey and Jojic's mixture."""

    def found(seed: int) -> tuple[Tensor, float]:
        model, course = dti.shift_mixture(x, 10, radius=radius, iterations=40, generator=seeded(seed))
        return model.assign(x), -course[-1]

    return found


def deep(x: Tensor, **knobs: Any) -> Callable[[int], tuple[Tensor, float]]:
    """Deep transformation-invariant clustering."""

    def found(seed: int) -> tuple[Tensor, float]:
        result = dti.cluster(x, 10, generator=seeded(seed), **knobs)
        return result.assignments, result.loss

    return found


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def oracle() -> None:
    """k-means from the same starts as scikit-learn's."""
    digits = data.digits()
    flat = digits.x.double().flatten(1)
    equal, gaps = 0, []
    for seed in range(10):
        first = dti.kmeans_plus_plus(flat, 10, generator=seeded(seed))
        ours = dti.lloyd(flat, first)
        theirs = KMeans(10, init=first.numpy(), n_init=1, tol=0, algorithm="lloyd").fit(flat.numpy())
        equal += np.array_equal(ours.assignments.numpy(), theirs.labels_)
        gaps.append(abs(ours.inertia / theirs.inertia_ - 1))
    keep("oracle", "k-means", {"equal": int(equal), "gap": max(gaps)})


def digits() -> None:
    """scikit-learn's digits, ten seeds of everything."""
    every = data.digits()
    x, y = every.x, every.y
    both = ("affine", "thin_plate")
    jobs = {
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
    for name, found in jobs.items():
        runs("digits", name, x, y, found, 10)


def mnist_test(side: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """The 10,000 test digits, averaged down to ``side`` pixels."""
    test = data.mnist("test", download=False)
    return functional.adaptive_avg_pool2d(test.x, side), test.y


def mnist(n: int) -> None:
    """MNIST-test as it is."""
    x, y = mnist_test(28)
    runs("mnist", "k-means", x, y, plain(x), 10)
    runs("mnist", "deep k-means: affine, morphology, thin_plate", x, y, deep(x, transforms=THREE), n)


def ablation(n: int) -> None:
    """What each part is good for, at half of MNIST's resolution."""
    x, y = mnist_test(14)
    jobs = {
        "deep k-means: all": deep(x, transforms=THREE),
        "deep k-means: no curriculum": deep(x, transforms=THREE, starts=(0.0, 0.0, 0.0)),
        "deep k-means: no swaps": deep(x, transforms=THREE, swaps=False),
    }
    for name, found in jobs.items():
        runs("ablation", name, x, y, found, n)


def affine(n: int) -> None:
    """MNIST-test turned, scaled, sheared and moved, on sheets of 20×20 (40×40 averaged)."""
    test = data.mnist("test", download=False)
    sheet = functional.pad(test.x, (6, 6, 6, 6))
    policy = image.Affine(degrees=20, dx=5, dy=5, scale=0.2, shear_x=12)
    x, y = functional.avg_pool2d(policy(sheet, generator=seeded(0)), 2), test.y
    runs("affine", "k-means", x, y, plain(x), 10)
    runs("affine", "deep k-means: affine, thin_plate", x, y, deep(x, transforms=("affine", "thin_plate")), n)


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


def speed() -> None:
    """Seconds of CPU an update at the same batch, networks and transformations, in turn, in one run."""
    if "DTI_OFFICIAL" not in os.environ:
        print("speed: DTI_OFFICIAL names no clone of monniert/dti-clustering, so there is nothing to compare with")
        return
    x = mnist_test(28)[0][:128].contiguous()
    ours = dti.DTIKMeans(x[:10], THREE, encoder=Body(), hidden=128, kernel=7)
    theirs = peer_model(official(), x)
    steps = {"labkit": our_step(ours, x), "official": their_step(theirs, x)}
    for active, name in enumerate(PHASES):
        ours.transformer.active = active
        seconds: dict[str, list[float]] = {who: [] for who in steps}
        for turn in range(6):
            for who, step in steps.items():
                start = time.process_time()
                step()
                if turn:
                    seconds[who].append(time.process_time() - start)
        best = {who: min(values) for who, values in seconds.items()}
        keep("speed", name, best | {"ratios": [a / b for a, b in zip(seconds["official"], seconds["labkit"])]})
        print(name, best, flush=True)
        theirs.step()


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
        "10,000 images of 28×28 pixels, k = 10, the defaults of `dti.cluster`: 3,000 steps on batches of 128 (38 "
        "epochs), the first 65 % of them on images averaged to 14×14. Monnier and others train 300 epochs with a "
        "ResNet-20: 96.6 mean of ten runs, 98.0 least loss. What is not theirs (the swaps, the coarse beginning, the "
        "lengths of the phases, 6×6 control points) was chosen on the first 10,000 *training* images.",
    ),
    "ablation": (
        "What each part is good for",
        "MNIST-test averaged to 14×14, the defaults of `dti.cluster` but for what the row names. Without a curriculum "
        "all transformations are there from the beginning, and there is no phase for swaps either.",
    ),
    "affine": (
        "MNIST-test in affine disguise",
        "The 10,000 digits on sheets of 40×40, turned by up to ±20°, moved by ±5 pixels, scaled by ±20 % and "
        "sheared by ±12°, averaged to 20×20. Defaults of `dti.cluster`.",
    ),
}


def rank(name: str) -> tuple[int, str]:
    """The plain methods first."""
    kinds = ("k-means", "mixture", "deep k-means", "deep mixture")
    return kinds.index(name.partition(" over")[0].partition(":")[0]), name


def table(known: dict[str, list[dict[str, float]]]) -> str:
    """A row for each method."""
    out = [
        "| method | runs | accuracy | least loss | NMI | ARI | seconds of CPU a run |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in sorted(known.items(), key=lambda item: rank(item[0])):
        best = min(found, key=lambda run: run["loss"])["acc"]
        means = {key: metrics.summary([run[key] for run in found], percent=True) for key in ("acc", "nmi", "ari")}
        seconds = statistics.mean(run["seconds"] for run in found)
        cells = [name, len(found), means["acc"], f"{100 * best:.1f}", means["nmi"], means["ari"], f"{seconds:.1f}"]
        out.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(out)


def write(known: dict[str, Any]) -> None:
    """All tables."""
    text = "# Transformation-invariant clustering, measured\n\nWritten by `python -m benchmarks.dti`.\n"
    if "oracle" in known:
        found = known["oracle"]["k-means"]
        text += (
            f"\n## Against scikit-learn\n\nk-means from ten starts of k-means++, digits: the same assignments in "
            f"{found['equal']} of 10, inertia equal to {found['gap']:.0e}.\n"
        )
    for part, (title, words) in WORDS.items():
        if part in known:
            text += f"\n## {title}\n\n{words}\n\n{table(known[part])}\n"
    if "speed" in known:
        text += (
            "\n## Speed beside the authors' implementation\n\nSeconds of CPU an update, one thread: batch 128, 28×28, "
            "k = 10, ResNet-20, heads of 128, kernel 7, 16 control points in both; in each phase of the curriculum "
            "five updates in turn, the shortest, and the median of the five ratios. The machine was busy. "
            "Most of an update with the affine transformation alone is the encoder's (in labkit with its channels "
            "last in memory); before the first transformation labkit doesn't run it.\n\n"
            "| last transformation | epochs | labkit | official | official / labkit |\n|---|---|---|---|---|\n"
        )
        totals = {"labkit": 0.0, "official": 0.0}
        for name, found in sorted(known["speed"].items(), key=lambda item: list(PHASES).index(item[0])):
            ratio = statistics.median(found["ratios"])
            cells = f"{found['labkit']:.3f} | {found['official']:.3f} | {ratio:.2f}"
            text += f"| {name} | {PHASES[name]} | {cells} |\n"
            totals = {who: total + PHASES[name] * 79 * found[who] for who, total in totals.items()}
        ours, theirs = (totals[who] / 300 for who in ("labkit", "official"))
        text += (
            f"\nOver all 300 epochs of MNIST-test (79 updates each) that is {ours:.0f} s of CPU an epoch against "
            f"{theirs:.0f} s: {theirs / ours:.2f} times as fast.\n"
        )
    RESULTS.write_text(text, encoding="utf-8")


def main() -> None:
    """Run the parts named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    jobs: dict[str, Callable[[], None]] = {
        "oracle": oracle,
        "digits": digits,
        "speed": speed,
        "mnist": lambda: mnist(chosen.runs),
        "ablation": lambda: ablation(min(chosen.runs, 5)),
        "affine": lambda: affine(min(chosen.runs, 5)),
    }
    parser.add_argument("parts", nargs="*", default=[*jobs], choices=[*jobs])
    parser.add_argument("--runs", type=int, default=10, help="of each deep method on MNIST")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for part in chosen.parts:
        jobs[part]()


if __name__ == "__main__":
    main()
