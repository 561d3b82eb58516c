"""The explorer of topic 17: λ against the gaps, with the scores of both groups, and what a new adversary still finds.

Every setting is a training of its own on 1,500 simulated applicants, a few tenths of a second, and is remembered.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from labkit import fair as method
from labkit import metrics, nets, train
from labkit.data import Dataset, simulate
from labkit.explore.axes import Axes, Bar
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, note
from labkit.explore.panel import Explorer
from labkit.explore.svg import BLUE, VERMILION

PEOPLE, EPOCHS, BINS = 1500, 8, 24
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


@remembered(8)
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
    with nets.seeded_weights(seed):
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
    a = test.extra["group"]
    shares = [torch.histc(run.score[a == k], BINS, 0, 1) / int((a == k).sum()) for k in (0, 1)]
    most = max(float(s.max()) for s in shares)
    rate = method.selection_rates((run.score > settings.cut).long(), a).tolist()
    axes = Axes((0, 1), (-most, most), height=150, left=8, right=8)
    axes.above(f"group 0: {rate[0]:.0%} are told yes", bold=True)
    edges = torch.linspace(0, 1, BINS + 1)
    accepted = (edges[:-1] + 0.5 / BINS > settings.cut) * 0.55 + 0.35
    for share, sign, colour in ((shares[0], 1, BLUE), (shares[1], -1, VERMILION)):
        axes.columns(edges, sign * share, colour=colour, opacity=accepted)
    axes.rule(x=settings.cut, opacity=1)
    axes.xticks([0, 0.5, 1], ["score 0", "0.5", "1"]).under(f"group 1: {rate[1]:.0%} are told yes", bold=True)
    return axes.svg(
        f"Scores of both groups, yes above {settings.cut:g}: {rate[0]:.0%} of group 0 and {rate[1]:.0%} of group 1."
    )


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
    values = figures(settings)
    rows = [
        Bar(name, min(max(value, 0.0), 1.0), f"{value:.0%}", VERMILION if "gap" in name else BLUE)
        for name, value in values.items()
    ]
    axes = Axes((0, 1), (len(rows), 0), height=26 * len(rows), left=112, right=36).bars(rows)
    axes.line([0.5, 0.5], [len(rows) - 1, len(rows)], dash=True, width=1.3).under("chance", key="dash")
    summary = ", ".join(f"{name} {value:.0%}" for name, value in values.items())
    return axes.svg(f"At λ = {settings.lambda_:g}: {summary}.")


def show_frontier(settings: Settings) -> str:
    """Accuracy against the chosen gap for several λ; the one of the slider is filled."""
    name = f"{settings.criterion} gap"
    points = {lambda_: figures(settings, lambda_) for lambda_ in sorted({*LAMBDAS, settings.lambda_})}
    xs, ys = [p[name] for p in points.values()], [p["accuracy"] for p in points.values()]
    widest, low, high = max(0.1, *xs) * 1.08, min(ys) - 0.01, max(ys) + 0.01
    axes = Axes((0, widest), (low, high), height=125)
    axes.above("accuracy ↑  (numbers: λ)").yticks([low, high], [f"{low:.0%}", f"{high:.0%}"])
    for lambda_, x, y in zip(points, xs, ys):
        here = lambda_ == settings.lambda_
        axes.dots([x], [y], colour=VERMILION if here else BLUE, size=6 if here else 4, hollow=not here)
        axes.text(x, y, f"{lambda_:g}", dx=7, dy=-5, soft=not here, bold=here)
    axes.xticks([0, widest], ["0%", f"{widest:.0%}"], name=name)
    summary = "; ".join(f"λ {lambda_:g}: accuracy {y:.0%}, gap {x:.0%}" for lambda_, x, y in zip(points, xs, ys))
    return axes.svg(f"Accuracy against the {name}. {summary}.")


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
