"""The explorer of topic 17: λ against the gaps, with the scores of both groups, and what a new adversary still finds.

Every setting is a training of its own on 1,500 simulated applicants, a few tenths of a second, and is remembered.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from labkit import fair as method
from labkit import metrics, nets, train
from labkit.data import Dataset, simulate
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, note, svg, text
from labkit.explore.panel import Explorer
from labkit.plot import PALETTE

PEOPLE, EPOCHS, BINS, WIDTH = 1500, 8, 24, 250
LAMBDAS = (0.0, 0.5, 1.0, 2.0, 5.0)  # the frontier's
WORLD = "World"


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    criterion: str = choice(method.CRITERIA, label="closes", help="which gap the adversary is to close")
    lambda_: float = slider(0, 0, 5, step=0.5, label="λ", group="Training", help="the adversary's weight")
    cut: float = slider(0.5, 0.1, 0.9, step=0.05, label="yes above", group="Training", draw=(0.3, 0.7))
    confounding: float = slider(1, 0, 2, step=0.25, label="confounding", group=WORLD, help="how much poorer group 1 is")
    proxies: float = slider(1, 0, 2, step=0.25, label="proxies", group=WORLD, help="what name and district give away")


class Trained(NamedTuple):
    """A training: the score of each applicant of the test set, and what a fresh adversary finds."""

    score: Tensor
    probe: float


@lru_cache(maxsize=8)
def world(confounding: float, proxies: float, seed: int) -> tuple[Dataset, Dataset]:
    """Applicants to learn from, and others to measure on."""
    g = torch.Generator().manual_seed(seed)
    learn, test = (simulate.loans(PEOPLE, generator=g, confounding=confounding, proxies=proxies) for _ in range(2))
    return learn, test


@remembered(256)
def trained(criterion: str, lambda_: float, confounding: float, proxies: float, seed: int) -> Trained:
    """Train for these settings."""
    learn, test = world(confounding, proxies, seed)
    a, b = learn.extra["group"], test.extra["group"]
    g = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nets.MLP(learn.x.shape[1], 2, hidden=(24,), mean=0.0, std=1.0)
        adversary = nets.MLP(24 + (criterion == "odds"), 1, hidden=(24,), mean=0.0, std=1.0)
    ours, theirs = (torch.optim.Adam(net.parameters(), lr=lr) for net, lr in ((model, 3e-3), (adversary, 6e-3)))
    step = method.alternating_step(model, adversary, ours, theirs, lambda_=lambda_, criterion=criterion)
    train.fit(step, train.Minibatches(learn.x, learn.y, a, batch_size=128, generator=g), epochs=EPOCHS)
    score = metrics.predict(model, test.x).softmax(1)[:, 1]
    with torch.no_grad():
        h, there = model.features(learn.x), model.features(test.x)
    result = method.probe(h, a, there, b, generator=g, hidden=(32,), epochs=6)
    return Trained(score, result.balanced)


def of(settings: Settings, lambda_: float | None = None) -> tuple[Trained, Dataset]:
    """The training for these settings, with another λ if one is given, and the applicants it is measured on."""
    place = (settings.confounding, settings.proxies, settings.seed)
    weight = settings.lambda_ if lambda_ is None else lambda_
    return trained(settings.criterion, weight, *place), world(*place)[1]


def show_scores(settings: Settings) -> str:
    """The scores of the two groups as two histograms, group 0 upwards and group 1 downwards, and the cut."""
    run, test = of(settings)
    a, left, right, middle, tall = test.extra["group"], 8, WIDTH - 8, 98, 72
    shares = [torch.histc(run.score[a == k], BINS, 0, 1) / int((a == k).sum()) for k in (0, 1)]
    most, wide = max(float(s.max()) for s in shares), (right - left) / BINS
    parts = []
    for k, sign in ((0, -1), (1, 1)):
        for i, share in enumerate(shares[k].tolist()):
            height = tall * share / most
            y = middle - height if sign < 0 else middle
            accepted = (i + 0.5) / BINS > settings.cut
            parts.append(f'<rect x="{left + i * wide:.1f}" y="{y:.1f}" width="{wide - 1:.1f}" height="{height:.1f}" '
                         f'fill="{PALETTE[k]}" opacity="{0.9 if accepted else 0.35}"/>')  # fmt: skip
    x = left + settings.cut * (right - left)
    parts.append(f'<path d="M{x:.1f} 18 V{middle + tall + 4}" stroke="currentColor" stroke-dasharray="4 3"/>')
    rate = method.selection_rates((run.score > settings.cut).long(), a).tolist()
    parts.append(text(left, 12, f"group 0: {rate[0]:.0%} are told yes", bold=True))
    parts.append(text(left, middle + tall + 18, f"group 1: {rate[1]:.0%} are told yes", bold=True))
    parts.append(text(right, middle + tall + 18, "score 1", anchor="end", soft=True))
    alt = f"Scores of both groups, yes above {settings.cut:g}: {rate[0]:.0%} of group 0 and {rate[1]:.0%} of group 1."
    return svg(parts, WIDTH, middle + tall + 24, alt)


def figures(settings: Settings, lambda_: float | None = None) -> dict[str, float]:
    """Accuracy, the gaps, and the probe, by name."""
    run, test = of(settings, lambda_)
    yes, a = (run.score > settings.cut).long(), test.extra["group"]
    rates = method.gaps(yes, test.y, a)
    return {
        "accuracy": metrics.accuracy(yes, test.y),
        "parity gap": float(rates.parity),
        "opportunity gap": float(rates.opportunity),
        "odds gap": float(rates.odds),
        "a new adversary": run.probe,
    }


def show_figures(settings: Settings) -> str:
    """Bars: what it costs, what it closes, what is left."""
    values, row, left = figures(settings), 27, 104
    parts = []
    for i, (name, value) in enumerate(values.items()):
        y, share = i * row + 6, min(max(value, 0.0), 1.0)
        colour = f'fill="{PALETTE[1]}"' if "gap" in name else f'fill="{PALETTE[0]}"'
        parts.append(text(left - 6, y + 14, name, anchor="end"))
        parts.append(f'<rect x="{left}" y="{y}" width="{share * 100:.1f}" height="{row - 8}" {colour}/>')
        parts.append(text(left + 104, y + 14, f"{value:.0%}", bold=True))
    y, chance = 4 * row, left + 50
    parts.append(f'<path d="M{chance} {y + 2} v{row - 2}" stroke="currentColor" stroke-dasharray="3 2"/>')
    parts.append(text(chance, y + row + 11, "chance", anchor="middle", soft=True))
    summary = ", ".join(f"{name} {value:.0%}" for name, value in values.items())
    return svg(parts, WIDTH, 5 * row + 18, f"At λ = {settings.lambda_:g}: {summary}.")


def show_frontier(settings: Settings) -> str:
    """Accuracy against the chosen gap for several λ; the one of the slider is filled."""
    name = f"{settings.criterion} gap"
    points = {lambda_: figures(settings, lambda_) for lambda_ in sorted({*LAMBDAS, settings.lambda_})}
    xs, ys = [p[name] for p in points.values()], [p["accuracy"] for p in points.values()]
    left, right, top, base = 40, WIDTH - 14, 22, 148
    widest, low, high = max(0.1, *xs) * 1.08, min(ys) - 0.01, max(ys) + 0.01
    parts = [f'<path d="M{left} {top} V{base} H{right}" fill="none" stroke="currentColor" opacity="0.4"/>']
    for lambda_, x, y in zip(points, xs, ys):
        cx, cy = left + (right - left) * x / widest, base - (base - top) * (y - low) / (high - low)
        here = lambda_ == settings.lambda_
        fill = f'fill="{PALETTE[1]}"' if here else f'fill="none" stroke="{PALETTE[0]}" stroke-width="1.6"'
        parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="{6 if here else 4}" {fill}/>')
        parts.append(text(cx + 7, cy - 5, f"{lambda_:g}", soft=not here, bold=here))
    parts += [text(left - 4, top + 8, f"{high:.0%}", anchor="end", soft=True)]
    parts += [text(left - 4, base, f"{low:.0%}", anchor="end", soft=True), text(left, 12, "accuracy ↑  (numbers: λ)")]
    parts += [text(right, base + 15, f"{name} up to {widest:.0%} →", anchor="end", soft=True)]
    summary = "; ".join(f"λ {lambda_:g}: accuracy {y:.0%}, gap {x:.0%}" for lambda_, x, y in zip(points, xs, ys))
    return svg(parts, WIDTH, base + 22, f"Accuracy against the {name}. {summary}.")


def show_note(settings: Settings) -> str:
    """The limits of this world, in words."""
    _, test = of(settings)
    base = method.selection_rates(test.y, test.extra["group"])
    least = float(method.least_error(base))
    words = (
        f"Of group 0 {float(base[0]):.0%} repay, of group 1 {float(base[1]):.0%}. Whoever gives both the same share "
        f"of yes errs on the two groups by {least:.0%} together at least. The gaps belong to the decisions; "
        f"a new adversary reads the representation, and 50 % would be chance."
    )
    return note(words)


def show_code(settings: Settings) -> str:
    """The step that does this."""
    call = (
        f"step = fair.alternating_step(model, adversary, optimizer, optimizer_d,\n"
        f"                        lambda_={settings.lambda_:g}, criterion={settings.criterion!r})\n"
        f"fair.gaps(score > {settings.cut:g}, y, a); fair.probe(h, a, h_test, a_test, generator=g)"
    )
    return listing(call)


def waiting(settings: Settings, *weights: float) -> str:
    """A sentence while a network is being trained for the first time with these settings or one of the weights."""
    place = (settings.confounding, settings.proxies, settings.seed)
    ready = all(trained.knows(settings.criterion, lambda_, *place) for lambda_ in (settings.lambda_, *weights))
    return "" if ready else "Training a network against its adversary …"


def waiting_for_all(settings: Settings) -> str:
    """The same for the networks of the frontier."""
    return waiting(settings, *LAMBDAS)


def fair() -> Explorer:
    """Open the explorer of fairness: move λ, the cut and the world, see gaps, scores and what can still be read."""
    rows = [
        [
            View("Scores of the groups", show_scores, html=True, wait=waiting),
            View("What it costs and closes", show_figures, html=True, wait=waiting),
        ],
        [
            View("Accuracy against the gap", show_frontier, html=True, wait=waiting_for_all),
            View("What can't be had", show_note, html=True, wait=waiting),
        ],
    ]
    return Explorer(Settings(), rows, below=[View("The same in python", show_code, html=True)])
