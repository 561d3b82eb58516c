"""Membership attacks measured: ``python -m benchmarks.membership [PART ...]``, all parts without a name.

Parts: oracles, digits, cifar, line, lira, gan, defences, speed. Each keeps its numbers in ``results/membership.json``,
from which ``results/membership.md`` is written; what stands there is measured again only with ``--again``. ``cifar``
needs LABKIT_DATA and about seven minutes on one core; all the others together take about as long.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from benchmarks import membership_defences as side
from benchmarks import membership_experiments as experiments
from benchmarks.membership_oracles import oracles
from labkit.membership import dp_bound
from labkit.membership.shadow_training import OVERHEAD_UP_TO
from labkit.metrics import summary

RESULTS = Path(__file__).parent / "results"
FOUND, PAGE = RESULTS / "membership.json", RESULTS / "membership.md"
SIZES = {"digits": (50, 100, 200, 400), "cifar": (312, 625, 1250, 2500)}


def stored() -> dict[str, Any]:
    """What has been measured so far."""
    return json.loads(FOUND.read_text(encoding="utf-8")) if FOUND.exists() else {}


def keep(key: str, found: Any) -> None:
    """Write one result down; others may have been written meanwhile."""
    everything = stored() | {key: found}
    FOUND.parent.mkdir(exist_ok=True)
    FOUND.write_text(json.dumps(dict(sorted(everything.items())), indent=1, default=float) + "\n", encoding="utf-8")


def tasks() -> dict[str, Callable[[], Any]]:
    """Every measurement by name: the part, and where there are several, which."""
    named: dict[str, Callable[[], Any]] = {"oracles": oracles}
    for n in SIZES["digits"]:
        named[f"digits {n}"] = lambda n=n: experiments.figure4(*experiments.digits(), n, experiments.all_at_once)
    for n in SIZES["cifar"]:
        named[f"cifar {n}"] = lambda n=n: experiments.figure4(*experiments.cifar(), n, experiments.one_after_another)
    named["line"] = experiments.line
    for noise in (0.0, 0.1):
        named[f"lira {noise:g}"] = lambda noise=noise: experiments.lira(noise)
    for n in (100, 800):
        named[f"gan {n}"] = lambda n=n: experiments.gan(n)
    named["defences"] = side.defences
    named["speed"] = side.speed
    return named


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def table(head: str, rows: Iterable[Iterable[Any]]) -> str:
    """A table in Markdown."""
    columns = head.split(" | ")
    lines = [f"| {head} |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)])


def percent(values: Iterable[float]) -> str:
    """Mean ± deviation in per cent."""
    return str(summary([v for v in values if not math.isnan(v)], percent=True))


def page(found: dict[str, Any]) -> str:
    """All sections for which there are numbers."""
    parts = [
        "# Membership attacks: what was measured",
        "Written by `python -m benchmarks.membership`; the numbers lie in `membership.json`. Mean ± standard "
        "deviation. All on "
        "one processor core; no GPU was at hand.",
    ]
    for written in (page_oracles, page_figure4, page_line, page_lira, page_gan, page_defences, page_speed):
        text = written(found)
        if text:
            parts.append(text)
    return "\n\n".join(parts) + "\n"


def page_oracles(found: dict[str, Any]) -> str:
    """The figures that others give, too."""
    if "oracles" not in found:
        return ""
    rows = [[label, f"{ours:.6g}", f"{theirs:.6g}", whose] for label, ours, whose, theirs in found["oracles"]["rows"]]
    return (
        "## The same figures by others\n\nA network that knows 200 digits by heart, and 400 others. PRV composes "
        "numerically and is tighter than Rényi's bound, on which labkit and Opacus agree.\n\n"
        + table("figure | labkit | theirs | whose", rows)
    )


def page_figure4(found: dict[str, Any]) -> str:
    """Shokri's attack against the size of the training set."""
    rows = []
    for kind in ("digits", "cifar"):
        for n in SIZES[kind]:
            targets = found.get(f"{kind} {n}", {}).get("targets")
            if targets:
                names = ("train", "test", "precision", "recall", "yeom_precision", "yeom_recall")
                cells = [percent(t[name] for t in targets) for name in names]
                aucs = [str(summary([t[name] for t in targets])) for name in ("auc", "loss_auc")]
                rows.append([kind, n, *cells, *aucs])
    if not rows:
        return ""
    return (
        "## The deck's figure 4: precision against the size of the training set\n\nTen targets a size, each "
        "attacked by attack models (one a class) that learned from the answers of five networks trained on *other* "
        "records; half of the records asked about are members. Precision of the shadow attack: the median over "
        "classes, as in the figure. Yeom's attack has one query and the mean training loss. Digits: a perceptron "
        "with 64 hidden units, 60 epochs. CIFAR-10: parts of the first 10,000 training images, two convolutions "
        "(the first with stride 2) and a layer of 128, 30 epochs of Adam, ReLU, no augmentation.\n\n"
        + table(
            "data | n | training accuracy | test accuracy | precision | recall | Yeom's precision | Yeom's recall "
            "| AUC, shadow | AUC, loss",
            rows,
        )
        + "\n\nShokri (2017), as the deck quotes it: CIFAR-10 .78, .74, .72, .71 for 2,500, 5,000, 10,000 and "
        "15,000 images, recall almost 1. Yeom (2018): CIFAR-10 .694 for his attack with one query, Shokri's "
        ".72–.74. Larger sizes than 2,500 need more images than the subset has, if no record is to be on both "
        "sides."
    )


def page_line(found: dict[str, Any]) -> str:
    """The gap and the leak."""
    points = found.get("line", {}).get("points")
    if not points:
        return ""
    groups: dict[tuple[Any, ...], list[dict[str, float]]] = {}
    for point in points:
        groups.setdefault((point["n"], point["epochs"], point["noise"]), []).append(point)
    names = ("gap", "gap_attack", "loss_attack", "best")
    rows = []
    for (n, epochs, noise), group in groups.items():
        # What a useless score gains at its best threshold: the mean of the one-sided Kolmogorov–Smirnov statistic.
        luck = math.sqrt(math.pi / 8 * 1797 / (n * (1797 - n)))
        rows.append([n, epochs, f"{noise:.0%}", *(percent(p[name] for p in group) for name in names), f"{luck:.1%}"])
    every = torch.tensor([[p["gap"], p["best"]] for p in points]).T
    ways = [torch.tensor([p["epochs"], p["noise"]]) for p in points]
    kinds = torch.stack(ways).unique(dim=0, return_inverse=True)[1]
    within = [float(torch.corrcoef(every[:, kinds == k])[0, 1]) for k in kinds.unique()]
    return (
        f"## “Overfitting is a privacy breach”\n\n{len(points)} perceptrons on digits, five a row; in per cent. The "
        "attack “is the model right?” has exactly the gap as its advantage (Yeom's theorem); a threshold on the "
        "loss has more, of which the last column is what a useless score gains with hindsight. Correlation of gap "
        f"and best advantage: {float(torch.corrcoef(every)[0, 1]):.2f} over all, {min(within):.2f} to "
        f"{max(within):.2f} within one way of training.\n\n"
        + table(
            "n | epochs | wrong labels | gap | advantage: model right? | loss ≤ mean | best loss threshold | by luck",
            rows,
        )
    )


def page_lira(found: dict[str, Any]) -> str:
    """Whom can Eve name?"""
    keys = [f"lira {noise:g}" for noise in (0.0, 0.1) if f"lira {noise:g}" in found]
    if not keys:
        return ""
    rows = []
    for key in keys:
        for name, seeds in found[key]["attacks"].items():
            columns = list(zip(*seeds))
            aucs = [str(summary(columns[i])) for i in (0, 1)]
            rows.append([f"{float(key.split()[1]):.0%}", name, *aucs, percent(columns[2]), percent(columns[3])])
    return (
        "## Whom can Eve name? The likelihood ratio\n\nPerceptrons that learned half of 1,796 digits (40 epochs), "
        "with clean and with 10 % random labels. Five seeds, in each the mean over six targets; the number is that "
        "of shadow models, which are the other networks. One variance for all records except where “own variances” "
        "is said.\n\n"
        + table("random labels | attack | AUC | advantage | TPR at .1 % FPR (%) | TPR at 1 % FPR (%)", rows)
        + "\n\nCarlini (2022), CIFAR-10, 16 shadow models: AUC .6856, TPR at .1 % FPR 5.93 %, and .09 % with one "
        "threshold for all."
    )


def page_gan(found: dict[str, Any]) -> str:
    """Attacks on generators."""
    keys = [f"gan {n}" for n in (100, 800) if f"gan {n}" in found]
    if len(keys) < 2:
        return ""
    names = found[keys[0]]["auc"]
    rows = [[name, *(summary(found[key]["auc"][name]) for key in keys)] for name in names]
    return (
        "## GANs\n\nFive GANs on n digits each (generator 16-128-128-64, discriminator 64-256-256-1, Adam 1e-3, "
        f"batches of 32, {found[keys[0]]['steps']} steps; chosen on other draws so that D overfits at n = 100), "
        "trained at once. AUC of telling members from 400 others; Eve has 2,000 samples and 500 fresh digits. The "
        "last two rows are distances, not AUCs.\n\n"
        + table("attack | n = 100 | n = 800", rows)
        + "\n\nWith D the attack works where the GAN overfits. From samples alone, by the deck's construction or by "
        "distance, it is barely above its control."
    )


def page_defences(found: dict[str, Any]) -> str:
    """Each defence, what it costs, and its control."""
    if "defences" not in found:
        return ""
    part = found["defences"]
    names = ("accuracy", "gap", "loss_auc", "lira_auc", "lira_tpr")
    rows = []
    for name, seeds in part["defences"].items():
        columns = {k: [s[k] for s in seeds] for k in names}
        cells = [percent(v) if k in ("accuracy", "gap", "lira_tpr") else summary(v) for k, v in columns.items()]
        rows.append([name, *cells])
    eps = part["eps"]
    return (
        "## Defences and their controls\n\nTwelve perceptrons on halves of 400 digits, five draws of the 400. "
        "LiRA's eleven shadow models are trained with the same defence. Accuracy on 1,197 other digits. Early "
        f"stopping uses 200 digits more, and stopped after {summary(part['epochs'])} of 60 epochs. DP-SGD: C = 1, q "
        f"= .25, {part['steps']} steps: ε = {eps:.1f} at δ = .001, by which no attack has an advantage above "
        f"{dp_bound(eps, delta=1e-3):.2f}. DP-SGD's knobs were chosen on another draw, the decay (3 in AdamW, at a "
        "step size of .005) on the first.\n\n"
        + table("defence | accuracy (%) | gap (%) | AUC, loss | AUC, LiRA | TPR of LiRA at 1 % FPR (%)", rows)
    )


def page_speed(found: dict[str, Any]) -> str:
    """Shadow models a minute."""
    if "speed" not in found:
        return ""
    rows = []
    for row in found["speed"]["rows"]:
        alone, together = (60 * row["models"] / (row[how] * 500 / row["steps"]) for how in ("alone", "together"))
        stacked = row["operations"] <= OVERHEAD_UP_TO
        chosen, ratio = ("together", together / alone) if stacked else ("one after another", 1.0)
        cost = f"{row['operations'] / 1e6:.1f}"
        rows.append([row["kind"], cost, row["models"], f"{alone:,.0f}", f"{together:,.0f}", f"{together / alone:.2f}×",
                     chosen, f"{ratio:.2f}×"])  # fmt: skip
    return (
        "## Networks trained together\n\n`torch.func.vmap` over networks against one after another "
        "(`membership.train_networks`, both ways), on one core: networks a minute at 500 steps of 32 records each with "
        "Adam, from processor seconds, the best of three alternating repeats. Where a step is mostly overhead, "
        "together is faster; where one network alone fills the core (wide layers, larger pictures) it isn't. "
        f"`train_networks` therefore stacks, on a CPU, what takes at most {OVERHEAD_UP_TO / 1e6:.0f} million "
        "operations a batch, and trains the others one after another.\n\n"
        + table(
            "network | million operations a batch | at once | a minute, one after another | a minute, together | ratio "
            "| `train_networks` chooses | so its ratio is",
            rows,
        )
    )


def main() -> None:
    """Measure what is asked for and missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--again", action="store_true", help="measure also what is there")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for name, measure in tasks().items():
        if chosen.parts and name.split()[0] not in chosen.parts:
            continue
        if chosen.again or name not in stored():
            print(name, flush=True)
            keep(name, measure())
    PAGE.write_text(page(stored()), encoding="utf-8")


if __name__ == "__main__":
    main()
