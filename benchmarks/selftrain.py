"""Self-training measured: against scikit-learn, on digits with 2 and 5 labels a class, on MNIST with 100 labels.

    python -m benchmarks.selftrain [oracle] [loops] [networks] [bias] [mnist] [defaults]
    python -m benchmarks.selftrain mnist --set full=True --device cuda    # MNIST longer and with 5,000 units too

MNIST lies below ``LABKIT_DATA``.
"""

import copy
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import kit
from benchmarks.kit import Row, seeded
from labkit import data, metrics, nets, selftrain, train
from labkit.augment import image
from labkit.selftrain import EstimatorLearner, SemiSupervisedBatches, self_train

LABELS = (2, 5)  # a class
LIGHT = image.Translate(dx=0.5, dy=0.5)
AGGRESSIVE = image.Affine(degrees=15, dx=1, dy=1, scale=0.15)
# As deck 002 lists them: geometric transforms, noise and colour (a grey digit has brightness and contrast) for labelled
# data, flips and translations for unlabelled data.
SLIDE = image.Compose([AGGRESSIVE, image.Contrast(0.3), image.Brightness(0.2), image.GaussianNoise((0.0, 0.1))])
FLIPS = image.Compose([image.HorizontalFlip(), LIGHT])


def few(everything: data.Dataset, per_class: int, seed: int) -> tuple[data.Dataset, data.Dataset]:
    """Labelled samples, and the others, whose labels nobody looks at."""
    rest, labelled = everything.split(test=per_class, generator=seeded(seed))
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
    "the slide's lists: labelled geometry, noise, colour; unlabelled flips, translations",
    "the same without flips",
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
        METHODS[10]: (drawing(SLIDE, generator), drawing(FLIPS, generator)),
        METHODS[11]: (drawing(SLIDE, generator), light),
    }[method]
    if method == METHODS[10]:  # what is light holds for the view that gives the label, too
        light = learned
    return selftrain.fixmatch(net, optimizer, labelled=own, weak=light, strong=learned, tau=0.8)


def digits_run(method: str, labels: int, seed: int, *, epochs: int = 15) -> Row:
    """Accuracy on 500 held-back digits."""
    labelled, unlabelled = few(data.digits("train"), labels, seed)
    test, generator = data.digits("test"), seeded(seed)
    torch.manual_seed(seed)
    net = nets.CNN(1, 10, width=16, depth=2)
    teacher = copy.deepcopy(net).requires_grad_(False)
    batches = SemiSupervisedBatches(labelled.x, labelled.y, unlabelled.x, batch_size=32, ratio=4, generator=generator)
    step = digits_step(method, net, teacher, generator, epochs * len(batches))
    train.fit(step, batches, epochs=epochs)
    used = teacher if method.startswith("mean teacher") else net
    return {"accuracy": metrics.accuracy(metrics.predict(used, test.x), test.y)}


LOOPS: dict[str, dict[str, Any]] = {
    "all at once": {"threshold": 0.0, "rounds": 1},
    "threshold .8": {"threshold": 0.8},
    "q = 50": {"q": 50},
    "q = 5 a class": {"q": 5, "per_class": True},
}


def loop_run(selection: str, labels: int, seed: int) -> Row:
    """Accuracy of a logistic regression before and after the deck's loop."""
    labelled, unlabelled = few(data.digits("train"), labels, seed)
    test, model = data.digits("test"), EstimatorLearner(LogisticRegression(max_iter=300))
    trace = self_train(
        model, labelled.x, labelled.y, unlabelled.x, **LOOPS[selection],
        evaluate=lambda: metrics.accuracy(model.predict(test.x)[0], test.y),
    )  # fmt: skip
    before, after = trace.scores[0], trace.scores[-1]
    return {"before": before, "after": after, "gain": after - before}


def measure_loops(runs: kit.Runs) -> None:
    """Every selection of the deck's loop."""
    for labels in LABELS:
        for selection in LOOPS:
            for seed in runs.seeds:
                runs.once(loop_run, selection=selection, labels=labels, seed=seed)


def measure_networks(runs: kit.Runs) -> None:
    """Every method for a network."""
    for method in METHODS:
        for labels in LABELS:
            for seed in runs.seeds:
                runs.once(digits_run, method=method, labels=labels, seed=seed)


DIGITS = """Accuracy in per cent on 500 held-back digits (scikit-learn's, 8×8), mean ± standard deviation over {} draws
of the labels; 1,297 digits in training, all but the labelled ones without labels. The policies, step size and threshold
were chosen on another split of the digits, mean teacher's γ on three other draws.

The deck's loop, logistic regression:"""
NETWORKS = """A small convolutional network (width 16, depth 2), 15 epochs over the unlabelled digits (135 steps),
batches of 20 or 32 labelled and 128 others, Adam 5e-3, τ = .8:"""


def by_labels(rows: list[Row], setting: str, cell: Callable[[list[Row]], str]) -> str:
    """A line for each value of a setting, a column for each number of labels."""
    cells = kit.groups(rows, setting, "labels")
    names = dict.fromkeys(name for name, _ in cells)
    lines = [[name, *(cell(cells.get((name, labels), [])) for labels in LABELS)] for name in names]
    return kit.table([setting, *(f"{labels} labels a class" for labels in LABELS)], lines)


def show_loops(rows: list[Row]) -> str:
    """Before the loop, and after it with the gain."""
    # Before the loop all selections are alike.
    first = [row | {"selection": "before"} for row in rows if row["selection"] == "q = 50"]
    before = by_labels(first, "selection", lambda same: kit.mean(same, "before", percent=True))
    after = by_labels(
        rows,
        "selection",
        lambda same: f"{kit.mean(same, 'after', percent=True)} (gain {kit.mean(same, 'gain', percent=True)})",
    )
    table = "\n".join([before, *after.splitlines()[2:]])
    return f"{kit.flow(DIGITS.format(draws(rows)))}\n\n{table}"


def draws(rows: list[Row]) -> int:
    """Over how many seeds the rows are."""
    return max(rows[0].get("seeds", 1), len(kit.groups(rows, "seed")))


def show_networks(rows: list[Row]) -> str:
    """A line a method."""
    table = by_labels(rows, "method", lambda same: kit.mean(same, "accuracy", percent=True))
    return f"{kit.flow(NETWORKS)}\n\n{table}"


# ── scikit-learn ──────────────────────────────────────────────────────────────────────────────────────────────────────


def beside_sklearn(criterion: str, draws: int) -> Row:
    """Whether the same examples are moved in the same rounds, and how long that takes."""
    equal, ours, theirs = 0, [], []
    for seed in range(draws):
        labelled, unlabelled = few(data.digits("train"), 5, seed)
        x, y, xu = labelled.x.double(), labelled.y, unlabelled.x.double()
        start = time.perf_counter()
        knobs: dict[str, Any] = {"q": 50} if criterion == "k_best" else {"threshold": 0.8}
        trace = self_train(EstimatorLearner(LogisticRegression(max_iter=300)), x, y, xu, rounds=10, **knobs)
        ours.append(time.perf_counter() - start)
        peer = SelfTrainingClassifier(
            LogisticRegression(max_iter=300), criterion=criterion, k_best=50, threshold=0.8, max_iter=10
        )
        start = time.perf_counter()
        peer.fit(torch.cat([x, xu]).flatten(1).numpy(), np.concatenate([y.numpy(), np.full(len(xu), -1)]))
        theirs.append(time.perf_counter() - start)
        rounds, labels = peer.labeled_iter_[len(y) :], peer.transduction_[len(y) :]
        equal += int(np.array_equal(trace.when(), rounds) and np.array_equal(trace.pseudo_labels(), labels))
    return {"equal": equal, "labkit": min(ours), "scikit-learn": min(theirs)}


def measure_oracle(runs: kit.Runs) -> None:
    """Both criteria."""
    for criterion in ("k_best", "threshold"):
        runs.once(beside_sklearn, criterion=criterion, draws=len(runs.seeds))


ORACLE = """`SelfTrainingClassifier` and `self_train` with the same logistic regression, digits with 5 labels a class,
ten rounds; the shorter of five times on one busy core."""


def show_oracle(rows: list[Row]) -> str:
    """A line a criterion."""
    head = ["criterion", "seeds with all rounds and labels equal", "labkit (s)", "scikit-learn (s)"]
    lines = [
        [r["criterion"], f"{r['equal']} of {r['draws']}", f"{r['labkit']:.2f}", f"{r['scikit-learn']:.2f}"]
        for r in rows
    ]
    return f"{kit.flow(ORACLE)}\n\n{kit.table(head, lines)}"


# ── confirmation bias and calibration ─────────────────────────────────────────────────────────────────────────────────

UPTO = (1, 5, 20)  # rounds


def wrong_and_sure(seed: int) -> Row:
    """Wrong labels among those moved, and a network's confidence before and after it is calibrated."""
    labelled, unlabelled = few(data.digits("train"), 2, seed)
    test = data.digits("test")
    trace = self_train(EstimatorLearner(LogisticRegression(max_iter=300)), labelled.x, labelled.y, unlabelled.x, q=50)
    figures: Row = {}
    for upto in UPTO:
        moved = torch.cat([r.moved for r in trace.rounds[:upto]])
        given = torch.cat([r.y for r in trace.rounds[:upto]])
        figures[f"wrong after {upto}"] = float((given != unlabelled.y[moved]).double().mean())
    torch.manual_seed(seed)
    net = nets.CNN(1, 10, width=16, depth=2)
    step = train.supervised_step(net, torch.optim.Adam(net.parameters(), lr=5e-3))
    train.fit(step, [(labelled.x, labelled.y)], epochs=150)
    logits = metrics.predict(net, test.x)
    held, kept = slice(0, 250), slice(250, None)
    t = selftrain.fit_temperature(logits[held], test.y[held])
    p, q = functional.softmax(logits[kept], 1), selftrain.soften(logits[kept], temperature=t)
    return figures | {
        "confidence": float(p.max(1).values.mean()),
        "accuracy": metrics.accuracy(p, test.y[kept]),
        "ECE": metrics.calibration_error(p, test.y[kept]),
        "temperature": float(t),
        "ECE with it": metrics.calibration_error(q, test.y[kept]),
    }


def measure_bias(runs: kit.Runs) -> None:
    """A draw of the labels for each seed."""
    for seed in runs.seeds:
        runs.once(wrong_and_sure, seed=seed)


def show_bias(rows: list[Row]) -> str:
    """A table of the loop, and the network in a sentence."""
    lines = [[upto, kit.mean(rows, f"wrong after {upto}", percent=True)] for upto in UPTO]
    sure, right, error, cooled = (
        kit.mean(rows, figure, percent=True) for figure in ("confidence", "accuracy", "ECE", "ECE with it")
    )
    return (
        "Wrong pseudo-labels among all moved (2 labels a class, logistic regression, q = 50), per cent:\n\n"
        f"{kit.table(['after round', 'wrong'], lines)}\n\n"
        "A network fitted to 20 digits until it knows them by heart (150 steps), on 250 digits it hasn't seen: mean "
        f"confidence {sure} %, accuracy {right} %, expected calibration error {error} %. With the temperature fitted "
        f"on 250 others ({kit.mean(rows, 'temperature')}): {cooled} %."
    )


# ── what self_train warns of ──────────────────────────────────────────────────────────────────────────────────────────

RULES: dict[str, dict[str, Any]] = {
    "threshold .8": {"threshold": 0.8},
    "threshold .95": {"threshold": 0.95},
    "q = 100": {"q": 100},
    "q = 10 a class": {"q": 10, "per_class": True},
}
HARM = 0.01


def shrunk(every: data.Dataset, side: int) -> data.Dataset:
    """Digits averaged down."""
    return replace(every, x=functional.adaptive_avg_pool2d(every.x, side))


@cache
def worlds() -> dict[str, tuple[data.Dataset, data.Dataset]]:
    """To learn from, and to test on."""
    kit.real_data("MNIST")
    digits = [shrunk(data.mnist(split, download=False).take(torch.arange(3000)), 14) for split in ("train", "test")]
    rare = (digits[0].y < 5) | (torch.arange(3000) % 5 == 0)
    unequal = digits[0].take(rare.nonzero()[:, 0]), digits[1].take((digits[1].y < 5).nonzero()[:, 0])
    glyphs = [data.simulate.glyphs(2000, generator=seeded(s), size=16) for s in (1, 2)]
    return {
        "MNIST at 14²": (digits[0], digits[1]),
        "MNIST, 5 to 9 rarer without labels": unequal,
        "rendered glyphs at 16²": (glyphs[0], glyphs[1]),
    }


def warned_run(world: str, rule: str, labels: int, seed: int) -> Row:
    """The gain of the loop with logistic regression, and whether it warned."""
    learn, test = worlds()[world]
    labelled, unlabelled = few(learn, labels, seed)
    unlabelled, model = unlabelled.take(torch.arange(800)), EstimatorLearner(LogisticRegression(max_iter=100))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trace = self_train(
            model, labelled.x, labelled.y, unlabelled.x, rounds=8, **RULES[rule],
            evaluate=lambda: metrics.accuracy(model.predict(test.x)[0], test.y),
        )  # fmt: skip
    one_sided = any("one-sided" in str(w.message) for w in caught)
    return {"before": trace.scores[0], "gain": trace.scores[-1] - trace.scores[0], "warned": one_sided}


def measure_defaults(runs: kit.Runs) -> None:
    """Every rule in every world."""
    for world in ("MNIST at 14²", "MNIST, 5 to 9 rarer without labels", "rendered glyphs at 16²"):
        for labels in LABELS:
            for rule in RULES:
                for seed in runs.seeds:
                    runs.once(warned_run, world=world, rule=rule, labels=labels, seed=seed)


DEFAULTS = """`self_train` warns where its pseudo-labels came to lean to some classes more than the first model's
opinion did. The limit was set on scikit-learn's digits; these sets served to choose nothing. Logistic regression, at
most 8 rounds, 800 samples without labels. Gain in points, and in brackets how many of the runs warned."""


def show_defaults(rows: list[Row]) -> str:
    """A line for each world and rule, and how often a warning and harm come together."""
    cells = kit.groups(rows, "world", "rule", "labels")

    def cell(same: list[Row]) -> str:
        return f"{kit.mean(same, 'gain', percent=True)} ({sum(r['warned'] for r in same)})"

    lines = [
        [f"{world}, {rule}", *(cell(cells.get((world, rule, labels), [])) for labels in LABELS)]
        for world, rule in kit.groups(rows, "world", "rule")
    ]
    harmed = [row["warned"] for row in rows if row["gain"] < -HARM]
    others = [row["warned"] for row in rows if row["gain"] >= -HARM]
    return (
        f"{kit.flow(DEFAULTS)}\n\n{kit.table(['', *(f'{labels} labels a class' for labels in LABELS)], lines)}\n\n"
        f"Of {len(harmed)} runs that lost more than a point {sum(harmed)} warned, of the {len(others)} others "
        f"{sum(others)}."
    )


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

    def settings(self) -> Row:
        """What tells it from the others, as its rows have it."""
        ramp = "{:g}–{:g}".format(*self.ramp) if self.method.startswith("pseudo") else None
        return vars(self) | {"ramp": ramp}

    def net(self) -> nn.Module:
        """Lee's kind of network, smaller, with dropout; or ours."""
        if self.network == "CNN":
            return nets.CNN(1, 10, width=self.size, depth=2 if self.side == 14 else 3)
        plain = nets.MLP(self.side**2, 10, hidden=(self.size,), dropout=0.5, mean=0.0, std=1.0)
        # Dropped pixels are grey, and the others stand out more: black paper takes part in the noise too.
        return nn.Sequential(nets.Normalize(0.5, 0.5), nn.Dropout(self.noise), plain)


FRESH = 10  # the first of the draws of the labels that served to choose nothing
RUNS = {
    Run("supervised", "MLP", 1000, 28, 400, noise=0.4): FRESH,
    Run("pseudo-label, eval mode", "MLP", 1000, 28, 1000, ratio=8, noise=0.4, eval_mode=True): FRESH,
    Run("pseudo-label", "MLP", 1000, 28, 1000, ratio=8, noise=0.4): FRESH,
    Run("supervised", "MLP", 1000, 14, 400): 0,
    Run("pseudo-label", "MLP", 1000, 14, 1500): 0,
    Run("supervised", "CNN", 24, 14, 400): 0,
    Run("pseudo-label", "CNN", 24, 14, 600): 0,
    Run("FixMatch", "CNN", 24, 14, 1000): 0,
}
LARGE = {
    Run("supervised", "MLP", 5000, 28, 400, noise=0.4): FRESH,
    Run("pseudo-label, eval mode", "MLP", 5000, 28, 20000, ratio=8, noise=0.4, eval_mode=True): FRESH,
    Run("FixMatch", "CNN", 24, 28, 20000, ratio=7): FRESH,
}


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


def mnist_run(run: Run, sets: tuple[data.Dataset, data.Dataset], seed: int) -> Row:
    """Error on the test digits in per cent, and seconds of computing."""
    everything, test = sets
    labelled, unlabelled = few(everything, 10, seed)
    generator = seeded(seed)
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
    error = 100 * (1 - metrics.accuracy(metrics.predict(used, test.x), test.y))
    return {"error, %": error, "seconds": time.process_time() - start}


def measure_mnist(runs: kit.Runs, *, full: bool = False) -> None:
    """Every run with its draws; the large ones too if asked for."""
    kit.real_data("MNIST")
    whole = [data.mnist(split, download=False, device=runs.device) for split in ("train", "test")]
    small = [replace(part, x=functional.avg_pool2d(part.x, 2)) for part in whole]
    sets = {28: (whole[0], whole[1]), 14: (small[0], small[1])}
    for run, first in (RUNS | (LARGE if full else {})).items():
        for seed in runs.seeds:
            runs.once(
                lambda seed, run=run, **_: mnist_run(run, sets[run.side], seed), **run.settings(), seed=first + seed
            )


MNIST = f"""100 labels (10 a class), 59,900 digits without; error in per cent on the 10,000 test digits, mean ± standard
deviation over the draws of the labels. 28×28: draws {FRESH} to {FRESH + 4}; what is set was chosen with three others on
5,000 training digits held back. 14×14 (2×2 pixels averaged: what a busy CPU allows): draws 0 to 4, of which one decimal
was kept, and the mean of the seconds.

MLP: one hidden layer, pixels from −1 to 1 of which a part is dropped, dropout .5, Adam 1e-3 falling to 0; CNN: two
convolutions with batch normalisation, Adam 5e-3. Pseudo-label is Lee's loss in every update, the ramp going up to 3 as
the column says, in shares of the steps; *eval mode*: the label comes from the network without its dropout, which Lee's
text leaves open. FixMatch: τ = .8; shifts of 2 pixels of 28 make the label, affine ones (20°, 3 pixels, scale ± .2,
shear 15°) learn it; the weights' average is judged."""
LEE = "Lee (2013), 28×28, 5,000 hidden units: 21.89 without, 16.15 with pseudo-labels."


def show_mnist(rows: list[Row]) -> str:
    """A line a run."""
    head = ["method", "network", "pixels", "steps", "batch", "input dropped", "ramp"]
    lines = []
    for run in RUNS | LARGE:
        settings = run.settings()
        same = [row for row in rows if all(row.get(name) == value for name, value in settings.items())]
        if same:
            cells = [run.method, f"{run.network} {run.size:,}", f"{run.side}×{run.side}", f"{run.steps:,}"]
            cells += ["32" if run.method == "supervised" else f"32 + {32 * run.ratio}", f"{run.noise:.0%}"]
            cells += [settings["ramp"] or "", kit.mean(same, "error, %")]
            cells.append(", ".join(f"{error:.1f}" for error in kit.values(same, "error, %")))
            lines.append([*cells, f"{statistics.mean(kit.values(same, 'seconds')):.0f}"])
    table = kit.table([*head, "error", "each draw", "CPU seconds"], lines)
    return f"{kit.flow(MNIST)}\n\n{table}\n\n{LEE}"


BENCHMARK = kit.Benchmark(
    "selftrain",
    "Self-training, measured",
    "",
    [
        kit.Part("oracle", measure_oracle, show_oracle, "Against scikit-learn"),
        kit.Part("loops", measure_loops, show_loops, "Digits with few labels"),
        kit.Part("networks", measure_networks, show_networks),
        kit.Part("bias", measure_bias, show_bias, "Confirmation bias and calibration"),
        kit.Part("mnist", measure_mnist, show_mnist, "MNIST with 100 labels"),
        kit.Part("defaults", measure_defaults, show_defaults, "Defaults"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
