"""The explorer of topic 03: points in the plane, few of them labelled, and the deck's loop one round at a time.

Everything is computed once for a setting of the settings, every round of it; the slider ``round`` looks at one.
"""

import warnings
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional

from labkit import data
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, note, table
from labkit.explore.panel import Explorer
from labkit.explore.svg import BLUE, VERMILION
from labkit.plot import PALETTE
from labkit.selftrain import EstimatorLearner, Learner, Trace, self_train

POINTS, LAST, GRID = 180, 20, 26
WORLDS = ("two moons", "three blobs", "digits 1, 4, 7 in two dimensions")
BASES = ("neighbourhoods", "a straight line")
RULES = ("the q surest", "the q surest of each class", "all above a threshold")
DATA, CHOOSE = "Data", "Selection"
SHAPES = ("circle", "square", "triangle")


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    world: str = choice(WORLDS, label="points")
    base: str = choice(BASES, label="model", help="what fits and predicts in every round")
    round: float = slider(0, 0, LAST, step=1, label="round", group=CHOOSE, help="rounds done; 0: labels alone")
    rule: str = choice(RULES, label="move", group=CHOOSE)
    q: float = slider(10, 1, 60, step=1, label="q", group=CHOOSE, draw=(3, 40))
    threshold: float = slider(0.9, 0.5, 0.99, step=0.01, label="threshold", group=CHOOSE, draw=(0.6, 0.98))
    labels: float = slider(2, 1, 10, step=1, label="labels a class", group=DATA, draw=(1, 5))
    noise: float = slider(0.15, 0.02, 0.5, step=0.01, label="noise", group=DATA, draw=(0.05, 0.3))
    width: float = slider(0.2, 0.05, 1, step=0.01, label="neighbourhood", group=DATA, help="σ of its Gaussian")


class Neighbourhoods:
    """p(k | x) in proportion to Σ exp(−‖x − x_i‖²/2σ²) over the examples of class k: whoever is near has a say."""

    def __init__(self, width: float, classes: int) -> None:
        self.width, self.classes = width, classes
        self.X, self.y = torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)

    def fit(self, X: Tensor, y: Tensor) -> None:
        """Remember the examples."""
        self.X, self.y = X, y

    def predict(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Classes and confidences. Far from everything all are alike, so that confidence falls to 1/k."""
        near = torch.exp(-torch.cdist(X, self.X).square() / (2 * self.width**2))
        votes = near @ functional.one_hot(self.y, self.classes).to(X.dtype) + 1e-3
        c, yu = (votes / votes.sum(1, keepdim=True)).max(1)
        return yu, c


class Run(NamedTuple):
    """All rounds: the points, what the loop did, and after each fit its opinion of every point and of a grid."""

    labelled: data.Dataset
    unlabelled: data.Dataset
    trace: Trace
    opinions: list[Tensor]
    regions: list[Tensor]


def world(settings: Settings) -> data.Dataset:
    """Points within the unit square."""
    generator = settings.generator()
    if settings.world == WORLDS[0]:
        points = data.simulate.moons(POINTS, generator=generator, noise=settings.noise)
    elif settings.world == WORLDS[1]:
        points = data.simulate.blobs(POINTS, generator=generator, spread=2.5 * settings.noise)
    else:
        points = digits(settings.seed)
    low, high = points.x.amin(0), points.x.amax(0)
    return replace(points, x=(points.x - low) / (high - low).max())


@remembered(8)
def digits(seed: int) -> data.Dataset:
    """Ones, fours and sevens along the two directions in which digits of the three differ most (PCA, no labels)."""
    every = data.digits()
    of_three = every.take(torch.cat([(every.y == k).nonzero()[:, 0] for k in (1, 4, 7)]))
    few = of_three.subset(per_class=POINTS // 3, generator=torch.Generator().manual_seed(seed))
    flat = few.x.flatten(1) - few.x.flatten(1).mean(0)
    axes = torch.linalg.svd(flat, full_matrices=False).Vh[:2]
    y = torch.searchsorted(torch.tensor([1, 4, 7]), few.y)
    return data.Dataset(flat @ axes.T, y, ("1", "4", "7"), few.about)


@remembered(16)
def rounds(settings: Settings) -> Run:
    """The loop to its end, for these settings; ``settings.round`` is left out of account."""
    points = world(settings)
    rest, labelled = points.split(test=int(settings.labels), generator=settings.generator())
    classes = len(points.classes)
    model: Learner = Neighbourhoods(settings.width / 2, classes)
    if settings.base == BASES[1]:
        model = EstimatorLearner(LogisticRegression(C=100.0, max_iter=500))
    at = (torch.arange(GRID, dtype=points.x.dtype) + 0.5) / GRID
    grid = torch.cartesian_prod(at, at)
    opinions, regions = [], []

    def look() -> float:
        opinions.append(model.predict(rest.x)[0])
        regions.append(model.predict(grid)[0])
        return float((opinions[-1] == rest.y).double().mean())

    rule: dict[str, Any] = {"q": int(settings.q), "per_class": settings.rule == RULES[1]}
    if settings.rule == RULES[2]:
        rule = {"threshold": settings.threshold}
    with warnings.catch_warnings():
        # What harms is what this explorer shows, with the accuracy beside it.
        warnings.filterwarnings("ignore", "the pseudo-labels became one-sided")
        trace = self_train(model, labelled.x, labelled.y, rest.x, rounds=LAST, evaluate=look, **rule)
    return Run(labelled, rest, trace, opinions, regions)


def run_of(settings: Settings) -> tuple[Run, int]:
    """The run, and the round to look at: the last one where there are fewer."""
    run = rounds(replace(settings, round=0))
    return run, min(int(settings.round), len(run.trace.rounds))


def show_plane(settings: Settings) -> str:
    """The points as the loop sees them after the round, on the regions the model has then."""
    run, r = run_of(settings)
    axes = Axes((0, 1), (0, 1), height=230, left=0, right=0)
    # The grid's first coordinate goes to the right, its second one upward.
    axes.regions(run.regions[r].view(GRID, GRID).T.flip(0), colours=PALETTE[:3])
    middle = torch.tensor([0, 0.5 - float(run.unlabelled.x[:, 1].max()) / 2])
    x, labelled = run.unlabelled.x + middle, run.labelled.x + middle
    when, pseudo_labels = run.trace.when(), run.trace.pseudo_labels()
    done = (when > 0) & (when <= r)
    axes.dots(*x[~done].T, size=1.7, opacity=0.5)
    for k, (mark, colour) in enumerate(zip(SHAPES, PALETTE)):
        for now, edge in ((when < r, 0), (when == r, 1.3)):
            axes.dots(*x[done & now & (pseudo_labels == k)].T, colour=colour, mark=mark, size=3, edge=edge)
        axes.dots(*labelled[run.labelled.y == k].T, colour=colour, mark=mark, size=6.5, edge=2)
    axes.dots(*x[done & (pseudo_labels != run.unlabelled.y)].T, mark="cross", size=5, edge=1.6)
    return axes.svg(f"The plane after round {r}. {sentence(run, r)}")


def sentence(run: Run, r: int) -> str:
    """What has been moved so far, in a sentence."""
    moved, wrong = tally(run, range(r))
    return (
        f"{len(run.labelled)} labelled points, {moved} of {len(run.unlabelled)} others moved, {wrong} of them with a "
        f"wrong label; the model is right about {run.trace.scores[r]:.0%} of all."
    )


def tally(run: Run, which: Collection[int]) -> tuple[int, int]:
    """How many points some rounds moved, and how many with a wrong label."""
    chosen = [run.trace.rounds[i] for i in which]
    return sum(len(c.moved) for c in chosen), sum(int((c.y != run.unlabelled.y[c.moved]).sum()) for c in chosen)


def show_course(settings: Settings) -> str:
    """Accuracy by round, and the share of wrong labels among those moved so far."""
    run, r = run_of(settings)
    scores = run.trace.scores
    tallies = [tally(run, range(i)) for i in range(1, len(scores))]
    wrong = [mistaken / moved for moved, mistaken in tallies]
    axes = Axes((0, max(len(scores) - 1, 1)), (0, 1)).yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes.above(f"right: {scores[r]:.1%} (first {scores[0]:.1%})", key="line", colour=BLUE, bold=True)
    share = f"{wrong[r - 1]:.1%}" if r else "none yet"
    axes.above(f"wrong of the moved: {share}", key="dash", colour=VERMILION)
    axes.rule(x=r).line(range(len(scores)), scores, colour=BLUE)
    axes.line(range(1, len(scores)), wrong, colour=VERMILION, dash=True)
    axes.xticks([0, len(scores) - 1], name="round")
    return axes.svg(f"Accuracy from {scores[0]:.0%} before to {scores[-1]:.0%} after the last round.")


def show_round(settings: Settings) -> str:
    """What the round moved: for each pseudo-class how many, and how many of them wrong."""
    run, r = run_of(settings)
    if r == 0:
        return note(f"Nothing has been moved yet: the model knows {len(run.labelled)} labels. Move the slider “round”.")
    this = run.trace.rounds[r - 1]
    truth = run.unlabelled.y[this.moved]
    rows = [
        (f"{SHAPES[k]} {name}", int((this.y == k).sum()), int((truth[this.y == k] != k).sum()))
        for k, name in enumerate(run.unlabelled.classes)
    ]
    ended = " It is the last round: nothing more is moved." if r == len(run.trace.rounds) else ""
    words = f"Confidence from {float(this.c.max()):.3f} down to {float(this.c.min()):.3f}.{ended}"
    return table(["labelled as", "moved", "wrong"], rows, after=words)


def show_legend(settings: Settings) -> str:
    """What the marks mean."""
    return note(
        "Large: given labels. Small shapes: pseudo-labels, those of this round with a dark edge, wrong ones crossed "
        "out. Grey dots: not yet labelled. The ground is what the model says now."
    )


def show_code(settings: Settings) -> str:
    """The call of the loop that does this."""
    rule = f"q={int(settings.q)}" + (", per_class=True" if settings.rule == RULES[1] else "")
    rule = f"threshold={settings.threshold:g}" if settings.rule == RULES[2] else rule
    return listing(f"trace = self_train(model, X, y, Xu, {rule}, rounds={int(settings.round)})")


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect."""
    names = ["q"] if settings.rule == RULES[2] else ["threshold"]
    names += ["width"] if settings.base == BASES[1] else []
    return [*names, "noise"] if settings.world == WORLDS[2] else names


def selftrain() -> Explorer:
    """Open the explorer of self-training: choose how points are moved, and step through the rounds."""
    rows = [
        [View("The plane", show_plane, html=True), View("Accuracy by round", show_course, html=True)],
        [View("This round", show_round, html=True), View("How to read it", show_legend, html=True)],
    ]
    return Explorer(
        Settings(), rows, below=[View("The same in python", show_code, html=True)], disabled=disabled_controls
    )
