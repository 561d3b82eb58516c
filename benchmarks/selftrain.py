"""Self-training measured: against scikit-learn, on digits with 2 and 5 labels a class, on MNIST with 100 labels.

    python -m benchmarks.selftrain oracle digits bias mnist     # on a CPU; MNIST through LABKIT_DATA
    python -m benchmarks.selftrain mnist --full                 # MNIST longer and with 5,000 units too: for a GPU

Each part writes its own section of ``benchmarks/results/selftrain.md`` and leaves the others. MNIST's errors, one a
draw, are kept in ``results/selftrain_mnist.csv``: what stands there is not measured again.
"""

import argparse
import copy
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier
from torch import Tensor, nn
from torch.nn import functional

from labkit import data, metrics, nets, selftrain, train
from labkit.augment import image
from labkit.device import device
from labkit.selftrain import EstimatorLearner, SemiSupervisedBatches, self_train

RESULTS = Path(__file__).parent / "results" / "selftrain.md"
SEEDS = range(5)
LIGHT = image.Translate(dx=0.5, dy=0.5)
AGGRESSIVE = image.Affine(degrees=15, dx=1, dy=1, scale=0.15)


def few(everything: data.Dataset, per_class: int, seed: int) -> tuple[data.Dataset, data.Dataset]:
    """Labelled samples, and the others, whose labels nobody looks at."""
    rest, labelled = everything.split(test=per_class, generator=torch.Generator().manual_seed(seed))
    return labelled, rest


def drawing(policy: Callable[..., Tensor], generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """The policy with its generator."""
    return lambda x: policy(x, generator=generator)


# ── digits, with a network ────────────────────────────────────────────────────────────────────────────────────────────

METHODS = (
    "supervised, no policy",
    "supervised, light policy",
    "supervised, aggressive policy",
    "pseudo-label, weight 1 from the start",
    "pseudo-label, Lee's ramp to 1",
    "labelled aggressive, unlabelled light (the deck)",
    "labelled light, unlabelled aggressive (FixMatch)",
    "both light",
    "both aggressive (target light)",
    "mean teacher, γ = .9, light policy",
)


def digits_step(
    method: str, net: nn.Module, teacher: nn.Module, generator: torch.Generator, steps: int
) -> Callable[[Any], Any]:
    """The step of a method on a batch of labelled and unlabelled digits."""
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    light, strong = drawing(LIGHT, generator), drawing(AGGRESSIVE, generator)
    if method.startswith("supervised"):
        policy = {"no": train.identity, "light": light, "aggressive": strong}[method.split()[1]]
        plain = train.supervised_step(net, optimizer, augment=policy)
        return lambda batch: plain((batch.x, batch.y))
    if method.startswith("pseudo-label"):
        ramp = partial(selftrain.linear_ramp, T1=0.2 * steps, T2=0.8 * steps, final=1.0)
        return selftrain.pseudo_label(net, optimizer, alpha=ramp if "ramp" in method else lambda t: 1.0)
    if method.startswith("mean teacher"):
        weight = lambda t: 30 * selftrain.gaussian_ramp(t, length=steps)  # noqa: E731
        return selftrain.mean_teacher(net, teacher, optimizer, augment=light, weight=weight, decay=0.9)
    own, learned = {
        METHODS[5]: (strong, light),
        METHODS[6]: (light, strong),
        METHODS[7]: (light, light),
        METHODS[8]: (strong, strong),
    }[method]
    return selftrain.fixmatch(net, optimizer, labelled=own, weak=light, strong=learned, tau=0.8)


def digits_run(method: str, per_class: int, seed: int, *, epochs: int = 15) -> float:
    """Accuracy on 500 held-back digits."""
    labelled, unlabelled = few(data.digits("train"), per_class, seed)
    test, generator = data.digits("test"), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = nets.CNN(1, 10, width=16, depth=2)
    teacher = copy.deepcopy(net).requires_grad_(False)
    batches = SemiSupervisedBatches(labelled.x, labelled.y, unlabelled.x, batch_size=32, ratio=4, generator=generator)
    step = digits_step(method, net, teacher, generator, epochs * len(batches))
    train.fit(step, batches, epochs=epochs)
    used = teacher if method.startswith("mean teacher") else net
    return metrics.accuracy(metrics.predict(used, test.x), test.y)


def loop_run(knobs: dict[str, Any], per_class: int, seed: int) -> tuple[float, float]:
    """Accuracy of a logistic regression before and after the deck's loop."""
    labelled, unlabelled = few(data.digits("train"), per_class, seed)
    test, model = data.digits("test"), EstimatorLearner(LogisticRegression(max_iter=300))
    trace = self_train(
        model, labelled.x, labelled.y, unlabelled.x, **knobs,
        evaluate=lambda: metrics.accuracy(model.predict(test.x)[0], test.y),
    )  # fmt: skip
    return trace.scores[0], trace.scores[-1]


LOOPS = {
    "all at once": {"threshold": 0.0, "rounds": 1},
    "threshold .8": {"threshold": 0.8},
    "q = 50": {"q": 50},
    "q = 5 a class": {"q": 5, "per_class": True},
}


def digits() -> str:
    """Both tables of the section."""
    out = [
        f"Accuracy in per cent on 500 held-back digits (scikit-learn's, 8×8), mean ± standard deviation over "
        f"{len(SEEDS)} draws of the labels; 1,297 digits in training, all but the labelled ones without labels. The "
        "policies, step size and threshold were chosen on another split of the digits, mean teacher's γ on three other "
        "draws.\n",
        "The deck's loop, logistic regression:\n",
        "| selection | 2 labels a class | 5 labels a class |\n|---|---|---|",
    ]
    rows: dict[str, list[str]] = {"before": []}
    for per_class in (2, 5):
        runs = {name: [loop_run(knobs, per_class, s) for s in SEEDS] for name, knobs in LOOPS.items()}
        rows["before"].append(str(metrics.summary([a for a, _ in runs["q = 50"]], percent=True)))
        for name, pairs in runs.items():
            gain = metrics.summary([b - a for a, b in pairs], percent=True)
            after = metrics.summary([b for _, b in pairs], percent=True)
            rows.setdefault(name, []).append(f"{after} (gain {gain})")
    out += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    out += [
        "\nA small convolutional network (width 16, depth 2), 15 epochs over the unlabelled digits (135 steps), batches"
    ]
    out += [
        "of 20 or 32 labelled and 128 others, Adam 5e-3, τ = .8:\n",
        "| method | 2 labels a class | 5 labels a class |\n|---|---|---|",
    ]
    for method in METHODS:
        cells = [metrics.summary([digits_run(method, n, s) for s in SEEDS], percent=True) for n in (2, 5)]
        out.append(f"| {method} | {cells[0]} | {cells[1]} |")
        print(out[-1], flush=True)
    return "\n".join(out)


# ── scikit-learn ──────────────────────────────────────────────────────────────────────────────────────────────────────


def oracle() -> str:
    """Whether the same examples are moved in the same rounds, and how long that takes."""
    out = ["| criterion | seeds with all rounds and labels equal | labkit (s) | scikit-learn (s) |\n|---|---|---|---|"]
    for criterion in ("k_best", "threshold"):
        equal, ours, theirs = 0, [], []
        for seed in SEEDS:
            labelled, unlabelled = few(data.digits("train"), 5, seed)
            x, y, xu = labelled.x.double(), labelled.y, unlabelled.x.double()
            start = time.perf_counter()
            knobs = {"q": 50} if criterion == "k_best" else {"threshold": 0.8}
            trace = self_train(EstimatorLearner(LogisticRegression(max_iter=300)), x, y, xu, rounds=10, **knobs)
            ours.append(time.perf_counter() - start)
            peer = SelfTrainingClassifier(
                LogisticRegression(max_iter=300), criterion=criterion, k_best=50, threshold=0.8, max_iter=10
            )
            start = time.perf_counter()
            peer.fit(torch.cat([x, xu]).flatten(1).numpy(), np.concatenate([y.numpy(), np.full(len(xu), -1)]))
            theirs.append(time.perf_counter() - start)
            rounds, labels = peer.labeled_iter_[len(y) :], peer.transduction_[len(y) :]
            equal += np.array_equal(trace.when(), rounds) and np.array_equal(trace.pseudo_labels(), labels)
        out.append(f"| {criterion} | {equal} of {len(SEEDS)} | {min(ours):.2f} | {min(theirs):.2f} |")
    return (
        "`SelfTrainingClassifier` and `self_train` with the same logistic regression, digits with 5 labels a class, "
        "ten rounds; the shorter of five times on one busy core.\n\n" + "\n".join(out)
    )


# ── confirmation bias and calibration ─────────────────────────────────────────────────────────────────────────────────


def bias() -> str:
    """Wrong labels among those moved, before and after calibration is looked at."""
    wrong: dict[int, list[float]] = {1: [], 5: [], 20: []}
    sure, right, error, cooled, temperatures = [], [], [], [], []
    for seed in SEEDS:
        labelled, unlabelled = few(data.digits("train"), 2, seed)
        test = data.digits("test")
        trace = self_train(
            EstimatorLearner(LogisticRegression(max_iter=300)), labelled.x, labelled.y, unlabelled.x, q=50
        )
        for upto in wrong:
            moved = torch.cat([r.moved for r in trace.rounds[:upto]])
            given = torch.cat([r.y for r in trace.rounds[:upto]])
            wrong[upto].append(float((given != unlabelled.y[moved]).double().mean()))
        torch.manual_seed(seed)
        net = nets.CNN(1, 10, width=16, depth=2)
        step = train.supervised_step(net, torch.optim.Adam(net.parameters(), lr=5e-3))
        train.fit(step, [(labelled.x, labelled.y)], epochs=150)
        logits = metrics.predict(net, test.x)
        held, kept = slice(0, 250), slice(250, None)
        t = selftrain.fit_temperature(logits[held], test.y[held])
        p, q = functional.softmax(logits[kept], 1), selftrain.soften(logits[kept], temperature=t)
        sure.append(float(p.max(1).values.mean()))
        right.append(metrics.accuracy(p, test.y[kept]))
        error.append(metrics.calibration_error(p, test.y[kept]))
        cooled.append(metrics.calibration_error(q, test.y[kept]))
        temperatures.append(float(t))
    out = ["Wrong pseudo-labels among all moved (2 labels a class, logistic regression, q = 50), per cent:\n"]
    out += ["| after round | wrong |\n|---|---|"]
    out += [f"| {upto} | {metrics.summary(values, percent=True)} |" for upto, values in wrong.items()]
    out += [
        "\nA network fitted to 20 digits until it knows them by heart (150 steps), on 250 digits it hasn't seen: mean "
        f"confidence {metrics.summary(sure, percent=True)} %, accuracy {metrics.summary(right, percent=True)} %, "
        f"expected calibration error {metrics.summary(error, percent=True)} %. With the temperature fitted on 250 "
        f"others ({metrics.summary(temperatures)}): {metrics.summary(cooled, percent=True)} %."
    ]
    return "\n".join(out)


# ── MNIST ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Run:
    """A way to learn MNIST from 100 labels.

    Attributes:
        method: as the table calls it; its first word decides.
        network: ``"MLP"`` with this many hidden units, or ``"CNN"`` of this width.
        size: of the network.
        side: of the pictures: 28, or 14 where 2×2 pixels are averaged.
        steps: updates.
        ratio: unlabelled samples for each of the 32 labelled ones of a batch.
        noise: the share of input pixels that are dropped (MLP).
        ramp: where α(t) begins and ends, as shares of the steps.
        eval_mode: whether pseudo-labels are made without dropout.
    """

    method: str
    network: str
    size: int
    side: int
    steps: int
    ratio: int = 4
    noise: float = 0.0
    ramp: tuple[float, float] = (0.1, 0.6)
    eval_mode: bool = False

    def name(self) -> dict[str, str]:
        """What tells it from the others, as the file of results has it."""
        return {f.name: str(getattr(self, f.name)) for f in fields(self)}

    def net(self) -> nn.Module:
        """Lee's kind of network, smaller, with dropout; or ours."""
        if self.network == "CNN":
            return nets.CNN(1, 10, width=self.size, depth=2 if self.side == 14 else 3)
        plain = nets.MLP(self.side**2, 10, hidden=(self.size,), dropout=0.5, mean=0.0, std=1.0)
        # Dropped pixels are grey, and the others stand out more: black paper takes part in the noise too.
        return nn.Sequential(nets.Normalize(0.5, 0.5), nn.Dropout(self.noise), plain)


FRESH = range(10, 15)  # draws of the labels that served to choose nothing
RUNS = {
    Run("supervised", "MLP", 1000, 28, 400, noise=0.4): FRESH,
    Run("pseudo-label, eval mode", "MLP", 1000, 28, 1000, ratio=8, noise=0.4, eval_mode=True): FRESH,
    Run("pseudo-label", "MLP", 1000, 28, 1000, ratio=8, noise=0.4): FRESH,
    Run("supervised", "MLP", 1000, 14, 400): SEEDS,
    Run("pseudo-label", "MLP", 1000, 14, 1500): SEEDS,
    Run("supervised", "CNN", 24, 14, 400): SEEDS,
    Run("pseudo-label", "CNN", 24, 14, 600): SEEDS,
    Run("FixMatch", "CNN", 24, 14, 1000): SEEDS,
}
LARGE = {
    Run("supervised", "MLP", 5000, 28, 400, noise=0.4): FRESH,
    Run("pseudo-label, eval mode", "MLP", 5000, 28, 20000, ratio=8, noise=0.4, eval_mode=True): FRESH,
    Run("FixMatch", "CNN", 24, 28, 20000, ratio=7): FRESH,
}
MNIST_RESULTS = RESULTS.with_name("selftrain_mnist.csv")


def mnist_step(run: Run, net: nn.Module, teacher: nn.Module, g: torch.Generator) -> Callable[[Any], Any]:
    """The step of a run, its rate falling to 0 along half a cosine."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3 if run.network == "MLP" else 5e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, run.steps)
    unit = run.side / 28
    light = drawing(image.Translate(dx=2 * unit, dy=2 * unit), g)
    strong = drawing(image.Affine(degrees=20, dx=3 * unit, dy=3 * unit, scale=0.2, shear_x=15), g)
    if run.method == "supervised":
        plain = train.supervised_step(net, optimizer)
        step: Any = lambda batch: plain((batch.x, batch.y))  # noqa: E731
    elif run.method == "FixMatch":
        step = selftrain.fixmatch(net, optimizer, labelled=light, weak=light, strong=strong, tau=0.8, teacher=teacher)
    else:
        begin, end = (share * run.steps for share in run.ramp)
        step = selftrain.pseudo_label(
            net, optimizer, alpha=partial(selftrain.linear_ramp, T1=begin, T2=end), eval_mode=run.eval_mode
        )

    def scheduled(batch: Any) -> Any:
        reported = step(batch)
        schedule.step()
        return reported

    return scheduled


def mnist_run(run: Run, sets: tuple[data.Dataset, data.Dataset], seed: int) -> tuple[float, float]:
    """Error on the test digits in per cent, and seconds of computing."""
    everything, test = sets
    labelled, unlabelled = few(everything, 10, seed)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = run.net().to(everything.x.device)
    teacher = copy.deepcopy(net).requires_grad_(False)
    step, start = mnist_step(run, net, teacher, generator), time.process_time()
    batches = SemiSupervisedBatches(
        labelled.x, labelled.y, unlabelled.x, batch_size=32, ratio=run.ratio, generator=generator
    )
    for part in range(-(-run.steps // len(batches))):
        stop = min(len(batches), run.steps - part * len(batches))
        train.fit(step, [batch for batch, _ in zip(batches, range(stop))], epochs=1)
    used = teacher if run.method == "FixMatch" else net
    return 100 * (1 - metrics.accuracy(metrics.predict(used, test.x), test.y)), time.process_time() - start


def mnist(*, full: bool) -> None:
    """Measure what the file of results lacks, a row a run and seed, and write the table after each run."""
    where, sets = device() if full else torch.device("cpu"), {}
    sets[28] = tuple(data.mnist(split, download=False, device=where) for split in ("train", "test"))
    sets[14] = tuple(replace(part, x=functional.avg_pool2d(part.x, 2)) for part in sets[28])
    for run, seeds in (RUNS | (LARGE if full else {})).items():
        for seed in seeds:
            if not found(run, seed):
                error, seconds = mnist_run(run, sets[run.side], seed)
                record(run, seed, error, seconds)
                print(run, seed, f"{error:.2f}", f"{seconds:.0f} s", flush=True)
        write(MNIST, mnist_text())


def rows() -> list[dict[str, str]]:
    """All that was measured on MNIST."""
    if not MNIST_RESULTS.exists():
        return []
    with MNIST_RESULTS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def found(run: Run, *seeds: int) -> list[dict[str, str]]:
    """The rows of a run, of these seeds or of all."""
    name = run.name()
    same = [row for row in rows() if all(row[k] == v for k, v in name.items())]
    return [row for row in same if not seeds or int(row["seed"]) in seeds]


def record(run: Run, seed: int, error: float, seconds: float) -> None:
    """Add a row to the file of results."""
    row = run.name() | {"seed": str(seed), "error": f"{error:.2f}", "seconds": f"{seconds:.0f}"}
    new = not MNIST_RESULTS.exists()
    with MNIST_RESULTS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def mnist_text() -> str:
    """The section: what was measured, and the table."""
    head = [
        "method",
        "network",
        "pixels",
        "steps",
        "batch",
        "input dropped",
        "ramp",
        "error",
        "each draw",
        "CPU seconds",
    ]
    lines = []
    for run in RUNS | LARGE:
        done = found(run)
        if done:
            errors = [float(row["error"]) for row in done]
            cells = [run.method, f"{run.network} {run.size:,}", f"{run.side}×{run.side}", f"{run.steps:,}"]
            cells += ["32" if run.method == "supervised" else f"32 + {32 * run.ratio}", f"{run.noise:.0%}"]
            cells.append("{:g}–{:g}".format(*run.ramp) if run.method.startswith("pseudo") else "")
            cells += [str(metrics.summary(errors)), ", ".join(f"{e:.1f}" for e in errors)]
            lines.append([*cells, f"{np.mean([float(row['seconds']) for row in done]):.0f}"])
    return f"""100 labels (10 a class), 59,900 digits without; error in per cent on the 10,000 test digits, mean ±
standard deviation over the draws of the labels. 28×28: draws {FRESH[0]} to {FRESH[-1]}; what is set was chosen with
three others on 5,000 training digits held back. 14×14 (2×2 pixels averaged: what a busy CPU allows): draws 0 to 4, of
which one decimal was kept, and the mean of the seconds.

MLP: one hidden layer, pixels from −1 to 1 of which a part is dropped, dropout .5, Adam 1e-3 falling to 0; CNN: two
convolutions with batch normalisation, Adam 5e-3. Pseudo-label is Lee's loss in every update, the ramp going up to 3 as
the column says, in shares of the steps; *eval mode*: the label comes from the network without its dropout, which Lee's
text leaves open. FixMatch: τ = .8; shifts of 2 pixels of 28 make the label, affine ones (20°, 3 pixels, scale ± .2,
shear 15°) learn it; the weights' average is judged.

{table(head, lines)}

Lee (2013), 28×28, 5,000 hidden units: 21.89 without, 16.15 with pseudo-labels."""


def table(head: list[str], lines: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])


MNIST = "MNIST with 100 labels"
ORACLE, DIGITS, BIAS = "Against scikit-learn", "Digits with few labels", "Confirmation bias and calibration"
ORDER = (ORACLE, DIGITS, BIAS, MNIST)


def sections() -> dict[str, str]:
    """What the results hold so far, by heading."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    return {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in old.split("\n## ")[1:]}


def write(heading: str, text: str) -> None:
    """Replace one section of the results."""
    known = sections() | {heading: text}
    ordered = [f"\n## {name}\n\n{known[name].strip()}\n" for name in ORDER if name in known]
    RESULTS.parent.mkdir(exist_ok=True)
    head = "# Self-training, measured\n\nWritten by `python -m benchmarks.selftrain`.\n"
    RESULTS.write_text(head + "".join(ordered), encoding="utf-8")


def main() -> None:
    """Run the parts named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    jobs = {
        "oracle": lambda: write(ORACLE, oracle()),
        "digits": lambda: write(DIGITS, digits()),
        "bias": lambda: write(BIAS, bias()),
        "mnist": lambda: mnist(full=chosen.full),
    }
    parser.add_argument("parts", nargs="*", default=[*jobs], choices=[*jobs])
    parser.add_argument("--full", action="store_true", help="MNIST at full size too")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for part in chosen.parts:
        jobs[part]()


if __name__ == "__main__":
    main()
