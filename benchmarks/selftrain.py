"""Self-training measured: against scikit-learn, on digits with 2 and 5 labels a class, on MNIST with 100 labels.

    python -m benchmarks.selftrain oracle digits bias mnist     # on a CPU; MNIST (through LABKIT_DATA) at 14×14 pixels
    python -m benchmarks.selftrain mnist --full                 # MNIST at 28×28, longer: for a GPU

Each part writes its own section of ``benchmarks/results/selftrain.md`` and leaves the others. MNIST's rows are kept as
they come: one that stands in the file is not measured again; delete it to have it measured anew.
"""

import argparse
import copy
import re
import time
from collections.abc import Callable
from dataclasses import replace
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
from labkit.selftrain import Estimator, PairedBatches, self_train

RESULTS = Path(__file__).parent / "results" / "selftrain.md"
SEEDS = range(5)
ROW = re.compile(r"\| [\w-]+ \| \w+, \d+ steps")
LIGHT = image.Translate(dx=0.5, dy=0.5)
AGGRESSIVE = image.Affine(degrees=15, dx=1, dy=1, scale=0.15)


def few(everything: data.Dataset, per_class: int, seed: int) -> tuple[data.Dataset, data.Dataset]:
    """Labelled samples, and the others, whose labels nobody looks at."""
    rest, labelled = everything.split(test=per_class, generator=torch.Generator().manual_seed(seed))
    return labelled, rest


def drawing(policy: Callable[..., Tensor], generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """The policy with its generator."""
    return lambda x: policy(x, generator=generator)


def same(x: Tensor) -> Tensor:
    """No policy."""
    return x


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
        policy = {"no": same, "light": light, "aggressive": strong}[method.split()[1]]
        plain = train.supervised(net, optimizer, augment=policy)
        return lambda batch: plain((batch.x, batch.y))
    if method.startswith("pseudo-label"):
        ramp = partial(selftrain.ramp, T1=0.2 * steps, T2=0.8 * steps, final=1.0)
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
    return selftrain.two_policies(net, optimizer, labelled=own, target=light, learned=learned, tau=0.8)


def digits_run(method: str, per_class: int, seed: int, *, epochs: int = 15) -> float:
    """Accuracy on 500 held-back digits."""
    labelled, unlabelled = few(data.digits("train"), per_class, seed)
    test, generator = data.digits("test"), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = nets.CNN(1, 10, width=16, depth=2)
    teacher = copy.deepcopy(net).requires_grad_(False)
    batches = PairedBatches(labelled.x, labelled.y, unlabelled.x, size=32, ratio=4, generator=generator)
    step = digits_step(method, net, teacher, generator, epochs * len(batches))
    train.fit(step, batches, epochs=epochs)
    used = teacher if method.startswith("mean teacher") else net
    return metrics.accuracy(metrics.predict(used, test.x), test.y)


def loop_run(knobs: dict[str, Any], per_class: int, seed: int) -> tuple[float, float]:
    """Accuracy of a logistic regression before and after the deck's loop."""
    labelled, unlabelled = few(data.digits("train"), per_class, seed)
    test, model = data.digits("test"), Estimator(LogisticRegression(max_iter=300))
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
            trace = self_train(Estimator(LogisticRegression(max_iter=300)), x, y, xu, rounds=10, **knobs)
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
        trace = self_train(Estimator(LogisticRegression(max_iter=300)), labelled.x, labelled.y, unlabelled.x, q=50)
        for upto in wrong:
            moved = torch.cat([r.moved for r in trace.rounds[:upto]])
            given = torch.cat([r.y for r in trace.rounds[:upto]])
            wrong[upto].append(float((given != unlabelled.y[moved]).double().mean()))
        torch.manual_seed(seed)
        net = nets.CNN(1, 10, width=16, depth=2)
        step = train.supervised(net, torch.optim.Adam(net.parameters(), lr=5e-3))
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


def mnist_net(kind: str, side: int) -> nn.Module:
    """Lee's kind of network, smaller; or ours."""
    if kind == "MLP":
        return nets.MLP(side * side, 10, hidden=(1000,), dropout=0.5)
    return nets.CNN(1, 10, width=24, depth=2 if side == 14 else 3)


def mnist_run(
    method: str, kind: str, sets: tuple[data.Dataset, data.Dataset], seed: int, *, steps: int
) -> tuple[float, float]:
    """Error on the 10,000 test digits in per cent, and seconds of computing."""
    everything, test = sets
    labelled, unlabelled = few(everything, 10, seed)
    where, side = everything.x.device, everything.x.shape[-1]
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = mnist_net(kind, side).to(where)
    teacher = copy.deepcopy(net).requires_grad_(False)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3 if kind == "MLP" else 5e-3)
    unit = side / 28
    light = drawing(image.Translate(dx=2 * unit, dy=2 * unit), generator)
    strong = drawing(image.Affine(degrees=20, dx=3 * unit, dy=3 * unit, scale=0.2, shear_x=15), generator)
    if method == "supervised":
        plain = train.supervised(net, optimizer)
        step: Any = lambda batch: plain((batch.x, batch.y))  # noqa: E731
    elif method == "pseudo-label":
        step = selftrain.pseudo_label(net, optimizer, alpha=partial(selftrain.ramp, T1=0.1 * steps, T2=0.6 * steps))
    else:
        step = selftrain.two_policies(
            net, optimizer, labelled=light, target=light, learned=strong, tau=0.8, teacher=teacher
        )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def scheduled(batch: Any) -> Any:
        reported = step(batch)
        schedule.step()
        return reported

    start, batches = (
        time.process_time(),
        PairedBatches(labelled.x, labelled.y, unlabelled.x, size=32, ratio=4, generator=generator),
    )
    for part in range(-(-steps // len(batches))):
        stop = min(len(batches), steps - part * len(batches))
        train.fit(scheduled, [batch for batch, _ in zip(batches, range(stop))], epochs=1)
    used = teacher if method == "FixMatch" else net
    return 100 * (1 - metrics.accuracy(metrics.predict(used, test.x), test.y)), time.process_time() - start


def mnist(*, full: bool) -> None:
    """Measure the rows of the table that are not there yet, and write it after each."""
    where, side = device(), 28 if full else 14
    sets = [data.mnist(split, download=False, device=where) for split in ("train", "test")]
    if not full:
        sets = [replace(part, x=functional.avg_pool2d(part.x, 2)) for part in sets]
    runs = [
        ("supervised", "MLP", 400),
        ("pseudo-label", "MLP", 20000 if full else 1500),
        ("supervised", "CNN", 400),
        ("pseudo-label", "CNN", 10000 if full else 600),
        ("FixMatch", "CNN", 20000 if full else 1000),
    ]
    kept = [line for line in sections().get(title(side), "").splitlines() if ROW.match(line)]
    rows = {line.rpartition(" steps |")[0]: line for line in kept if " steps |" in line}
    for method, kind, steps in runs:
        key = f"| {method} | {kind}, {steps}"
        if key not in rows:
            results = [mnist_run(method, kind, (sets[0], sets[1]), s, steps=steps) for s in SEEDS]
            each = ", ".join(f"{error:.1f}" for error, _ in results)
            seconds = np.mean([s for _, s in results])
            rows[key] = f"{key} steps | {metrics.summary([e for e, _ in results])} | {each} | {seconds:.0f} |"
            print(rows[key], flush=True)
        write(title(side), mnist_text(side, list(rows.values())))


def mnist_text(side: int, rows: list[str]) -> str:
    """The section: what was measured, and the table."""
    return "\n".join(
        [
            "100 labels (10 a class), 59,900 digits without; error in per cent on the 10,000 test digits, "
            f"{side}×{side} pixels{'' if side == 28 else ' (2×2 averaged: what a busy CPU allows)'}, "
            f"{len(SEEDS)} draws of the labels. MLP: one hidden layer of 1,000 with dropout .5 (Lee has 5,000). CNN: "
            "width 24. Batches of 32 + 128. Pseudo-label: the ramp runs from a tenth to six tenths of the steps, to 3. "
            "FixMatch: τ = .8.\n",
            "| method | network, steps | error | each draw | seconds of computing |\n|---|---|---|---|---|",
            *rows,
            "\nLee (2013), 28×28, 5,000 hidden units: 21.89 without, 16.15 with pseudo-labels.",
        ]
    )


def title(side: int) -> str:
    """The heading of MNIST's section."""
    return f"MNIST with 100 labels, {side}×{side}"


ORACLE, DIGITS, BIAS = "Against scikit-learn", "Digits with few labels", "Confirmation bias and calibration"
ORDER = (ORACLE, DIGITS, BIAS, title(14), title(28))


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
    parser.add_argument("--full", action="store_true", help="MNIST at full size")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for part in chosen.parts:
        jobs[part]()


if __name__ == "__main__":
    main()
