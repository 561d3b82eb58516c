"""Membership attacks measured.

    python -m benchmarks.membership [oracles] [figure4] [line] [lira] [gan] [defences] [speed]

CIFAR-10 of ``figure4`` lies below ``LABKIT_DATA`` and takes about seven minutes on one core; all the others together
take about as long. ``oracles`` needs the Adversarial Robustness Toolbox, and gives more rows with Opacus.
"""

import math
from collections.abc import Callable

import torch

from benchmarks import kit
from benchmarks import membership_defences as side
from benchmarks import membership_experiments as experiments
from benchmarks.kit import Row
from benchmarks.membership_oracles import oracles
from labkit.membership import dp_bound
from labkit.membership.shadow_training import OVERHEAD_UP_TO

SIZES = {"digits": (50, 100, 200, 400), "cifar": (312, 625, 1250, 2500)}


# ── the figures of others ─────────────────────────────────────────────────────────────────────────────────────────────

ORACLES = """A network that knows 200 digits by heart, and 400 others. PRV composes numerically and is tighter than
Rényi's bound, on which labkit and Opacus agree."""


def show_oracles(rows: list[Row]) -> str:
    """A line a figure."""
    lines = [[row["figure"], f"{row['labkit']:.6g}", f"{row['theirs']:.6g}", row["whose"]] for row in rows]
    return f"{kit.flow(ORACLES)}\n\n{kit.table(['figure', 'labkit', 'theirs', 'whose'], lines)}"


# ── the deck's figure 4 ───────────────────────────────────────────────────────────────────────────────────────────────


def measure_figure4(runs: kit.Runs) -> None:
    """Shokri's attack against the size of the training set."""

    def on_digits(data: str, n: int) -> list[Row]:
        return experiments.figure4(*experiments.digits(), n, experiments.all_at_once)

    def on_cifar(data: str, n: int) -> list[Row]:
        return experiments.figure4(*experiments.cifar(), n, experiments.one_after_another)

    for data, run in {"digits": on_digits, "cifar": on_cifar}.items():
        for n in SIZES[data]:
            runs.once(run, data=data, n=n)


FIGURE4 = """Ten targets a size, each attacked by attack models (one a class) that learned from the answers of five
networks trained on *other* records; half of the records asked about are members. Precision of the shadow attack: the
median over classes, as in the figure. Yeom's attack has one query and the mean training loss. Digits: a perceptron with
64 hidden units, 60 epochs. CIFAR-10: parts of the first 10,000 training images, two convolutions (the first with stride
2) and a layer of 128, 30 epochs of Adam, ReLU, no augmentation."""
SHOKRI = """Shokri (2017), as the deck quotes it: CIFAR-10 .78, .74, .72, .71 for 2,500, 5,000, 10,000 and 15,000
images, recall almost 1. Yeom (2018): CIFAR-10 .694 for his attack with one query, Shokri's .72–.74. Larger sizes than
2,500 need more images than the subset has, if no record is to be on both sides."""


def show_figure4(rows: list[Row]) -> str:
    """A line for each size of each data set."""
    shares = {
        "training accuracy": "train",
        "test accuracy": "test",
        "precision": "precision",
        "recall": "recall",
        "Yeom's precision": "yeom_precision",
        "Yeom's recall": "yeom_recall",
    }
    areas = {"AUC, shadow": "auc", "AUC, loss": "loss_auc"}
    lines = [
        [
            *key,
            *(kit.mean(same, figure, percent=True) for figure in shares.values()),
            *(kit.mean(same, figure) for figure in areas.values()),
        ]
        for key, same in kit.groups(rows, "data", "n").items()
    ]
    return "\n\n".join([kit.flow(FIGURE4), kit.table(["data", "n", *shares, *areas], lines), kit.flow(SHOKRI)])


# ── the gap and the leak ──────────────────────────────────────────────────────────────────────────────────────────────


def measure_line(runs: kit.Runs) -> None:
    """Sizes, lengths of training, label noise."""
    for n in (30, 60, 120, 240, 480):
        for epochs in (5, 60):
            for noise in (0.0, 0.2):
                runs.once(experiments.line, n=n, epochs=epochs, noise=noise)


LINE = """{points} perceptrons on digits, five a row; in per cent. The attack “is the model right?” has exactly the gap
as its advantage (Yeom's theorem); a threshold on the loss has more, of which the last column is what a useless score
gains with hindsight. Correlation of gap and best advantage: {over:.2f} over all, {low:.2f} to {high:.2f} within one way
of training."""


def show_line(rows: list[Row]) -> str:
    """A line for each way of training."""
    columns = {
        "gap": "gap",
        "advantage: model right?": "gap_attack",
        "loss ≤ mean": "loss_attack",
        "best loss threshold": "best",
    }
    lines = []
    for (n, epochs, noise), same in kit.groups(rows, "n", "epochs", "noise").items():
        # What a useless score gains at its best threshold: the mean of the one-sided Kolmogorov–Smirnov statistic.
        luck = math.sqrt(math.pi / 8 * 1797 / (n * (1797 - n)))
        means = [kit.mean(same, figure, percent=True) for figure in columns.values()]
        lines.append([n, epochs, f"{noise:.0%}", *means, f"{luck:.1%}"])
    within = [correlation(same) for same in kit.groups(rows, "epochs", "noise").values()]
    words = LINE.format(points=len(rows), over=correlation(rows), low=min(within), high=max(within))
    return f"{kit.flow(words)}\n\n{kit.table(['n', 'epochs', 'wrong labels', *columns, 'by luck'], lines)}"


def correlation(rows: list[Row]) -> float:
    """Of the gap and the best advantage."""
    return float(torch.corrcoef(torch.tensor([kit.values(rows, "gap"), kit.values(rows, "best")]))[0, 1])


# ── the likelihood ratio ──────────────────────────────────────────────────────────────────────────────────────────────


def measure_lira(runs: kit.Runs) -> None:
    """Clean labels, and a tenth of them random."""
    for noise in (0.0, 0.1):
        for seed in runs.seeds:
            runs.once(experiments.lira, noise=noise, seed=seed)


LIRA = """Perceptrons that learned half of 1,796 digits (40 epochs), with clean and with 10 % random labels. Five seeds,
in each the mean over six targets; the number is that of shadow models, which are the other networks. One variance for
all records except where “own variances” is said."""
CARLINI = """Carlini (2022), CIFAR-10, 16 shadow models: AUC .6856, TPR at .1 % FPR 5.93 %, and .09 % with one threshold
for all."""


def show_lira(rows: list[Row]) -> str:
    """A line for each attack on each kind of labels."""
    lines = [
        [f"{noise:.0%}", attack, *(kit.mean(same, f, percent=f.startswith("TPR")) for f in experiments.LIRA)]
        for (noise, attack), same in kit.groups(rows, "noise", "attack").items()
    ]
    head = ["random labels", "attack", *(f"{f} (%)" if f.startswith("TPR") else f for f in experiments.LIRA)]
    return "\n\n".join([kit.flow(LIRA), kit.table(head, lines, left=2), kit.flow(CARLINI)])


# ── GANs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_gan(runs: kit.Runs, *, steps: int = 2500) -> None:
    """GANs that overfit, and others."""
    for n in (100, 800):
        runs.once(experiments.gan, n=n, steps=steps, draws=len(runs.seeds))


GAN = """Five GANs on n digits each (generator 16-128-128-64, discriminator 64-256-256-1, Adam 1e-3, batches of 32, {}
steps; chosen on other draws so that D overfits at n = 100), trained at once. AUC of telling members from 400 others;
Eve has 2,000 samples and 500 fresh digits. The last two rows are distances, not AUCs."""
WITHOUT_D = """With D the attack works where the GAN overfits. From samples alone, by the deck's construction or by
distance, it is barely above its control."""


def show_gan(rows: list[Row]) -> str:
    """A line an attack, a column a size."""
    sizes = kit.groups(rows, "n")
    attacks = [name for name in rows[0] if name not in ("n", "steps", "draws", "seed", "seconds")]
    lines = [[attack, *(kit.mean(same, attack) for same in sizes.values())] for attack in attacks]
    table = kit.table(["attack", *(f"n = {n}" for (n,) in sizes)], lines)
    return "\n\n".join([kit.flow(GAN.format(rows[0]["steps"])), table, kit.flow(WITHOUT_D)])


# ── defences ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_defences(runs: kit.Runs) -> None:
    """Each defence with its control."""
    for seed in runs.seeds:
        runs.once(side.defences, seed=seed)


DEFENCES = """Twelve perceptrons on halves of 400 digits, five draws of the 400. LiRA's eleven shadow models are trained
with the same defence. Accuracy on 1,197 other digits. Early stopping uses 200 digits more, and stopped after {epochs}
of 60 epochs. DP-SGD: C = 1, q = .25, {steps} steps: ε = {eps:.1f} at δ = .001, by which no attack has an advantage
above {bound:.2f}. DP-SGD's knobs were chosen on another draw, the decay (3 in AdamW, at a step size of .005) on the
first."""


def show_defences(rows: list[Row]) -> str:
    """A line a defence."""
    eps, steps = kit.values(rows, "ε")[0], kit.values(rows, "steps")[0]
    words = DEFENCES.format(epochs=kit.mean(rows, "epochs"), steps=steps, eps=eps, bound=dp_bound(eps, delta=1e-3))
    columns = {
        "accuracy (%)": "accuracy",
        "gap (%)": "gap",
        "AUC, loss": "loss_auc",
        "AUC, LiRA": "lira_auc",
        "TPR of LiRA at 1 % FPR (%)": "lira_tpr",
    }
    table = kit.means(rows, "defence", columns, percent=("accuracy", "gap", "lira_tpr"), corner="defence")
    return f"{kit.flow(words)}\n\n{table}"


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_speed(runs: kit.Runs) -> None:
    """Small networks and large ones, few and many."""
    together = {"MLP 64-64-10, 1×8×8": (4, 16, 64), "MLP 64-1024-1024-10, 1×8×8": (8,)}
    together |= {"CNN of 2 layers, 1×28×28": (8,), "CNN of figure 4, 3×32×32": (8,)}
    for kind in side.networks():
        for models in together.get(kind, (16,)):
            runs.once(side.speed, kind=kind, models=models)


SPEED = f"""`torch.func.vmap` over networks against one after another (`membership.train_networks`, both ways), on one
core: networks a minute at 500 steps of 32 records each with Adam, from processor seconds, the best of three alternating
repeats. Where a step is mostly overhead, together is faster; where one network alone fills the core (wide layers,
larger pictures) it isn't. `train_networks` therefore stacks, on a CPU, what takes at most
{OVERHEAD_UP_TO / 1e6:.0f} million operations a batch, and trains the others one after another."""


def show_speed(rows: list[Row]) -> str:
    """A line a kind of network."""
    lines = []
    for row in rows:
        alone, together = (60 * row["models"] / (row[how] * 500 / row["steps"]) for how in ("alone", "together"))
        stacked, ratio = row["operations"] <= OVERHEAD_UP_TO, f"{together / alone:.2f}×"
        size = [row["kind"], f"{row['operations'] / 1e6:.1f}", row["models"]]
        choice = ["together", ratio] if stacked else ["one after another", "1.00×"]
        lines.append([*size, f"{alone:,.0f}", f"{together:,.0f}", ratio, *choice])
    head = ["network", "million operations a batch", "at once", "a minute, one after another", "a minute, together"]
    table = kit.table([*head, "ratio", "`train_networks` chooses", "so its ratio is"], lines)
    return f"{kit.flow(SPEED)}\n\n{table}"


ABOUT = """The numbers lie in `membership.json`. Mean ± standard deviation. All on one processor core; no GPU was at
hand."""
oracle: Callable[[kit.Runs], None] = lambda runs: runs.once(oracles)  # noqa: E731
BENCHMARK = kit.Benchmark("membership", "Membership attacks: what was measured", ABOUT, [
    kit.Part("oracles", oracle, show_oracles, "The same figures by others"),
    kit.Part("figure4", measure_figure4, show_figure4,
             "The deck's figure 4: precision against the size of the training set"),
    kit.Part("line", measure_line, show_line, "“Overfitting is a privacy breach”"),
    kit.Part("lira", measure_lira, show_lira, "Whom can Eve name? The likelihood ratio"),
    kit.Part("gan", measure_gan, show_gan, "GANs"),
    kit.Part("defences", measure_defences, show_defences, "Defences and their controls"),
    kit.Part("speed", measure_speed, show_speed, "Networks trained together"),
])  # fmt: skip

if __name__ == "__main__":
    BENCHMARK.main()
