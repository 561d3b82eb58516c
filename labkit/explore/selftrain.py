"""The explorer of topic 03: points in the plane, few of them labelled, and the deck's loop one round at a time.

Everything is computed once for a setting of the settings, every round of it; the slider ``round`` looks at one.
"""

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional

from labkit import data
from labkit.explore.base import State, View, choice, slider
from labkit.explore.charts import listing, note, svg, text
from labkit.explore.panel import Explorer
from labkit.plot import PALETTE
from labkit.selftrain import EstimatorLearner, Learner, Trace, self_train

POINTS, LAST, GRID = 180, 20, 26
WORLDS = ("two moons", "three blobs", "digits 1, 4, 7 in two dimensions")
BASES = ("neighbourhoods", "a straight line")
RULES = ("the q surest", "the q surest of each class", "all above a threshold")
DATA, CHOOSE = "Data", "Selection"
SIDE, MARGIN = 250, 6  # units of the SVG
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


@lru_cache(maxsize=8)
def digits(seed: int) -> data.Dataset:
    """Ones, fours and sevens along the two directions in which digits of the three differ most (PCA, no labels)."""
    every = data.digits()
    of_three = every.take(torch.cat([(every.y == k).nonzero()[:, 0] for k in (1, 4, 7)]))
    few = of_three.subset(per_class=POINTS // 3, generator=torch.Generator().manual_seed(seed))
    flat = few.x.flatten(1) - few.x.flatten(1).mean(0)
    axes = torch.linalg.svd(flat, full_matrices=False).Vh[:2]
    y = torch.searchsorted(torch.tensor([1, 4, 7]), few.y)
    return data.Dataset(flat @ axes.T, y, ("1", "4", "7"), few.about)


@lru_cache(maxsize=16)
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
    trace = self_train(model, labelled.x, labelled.y, rest.x, rounds=LAST, evaluate=look, **rule)
    return Run(labelled, rest, trace, opinions, regions)


def run_of(settings: Settings) -> tuple[Run, int]:
    """The run, and the round to look at: the last one where there are fewer."""
    run = rounds(replace(settings, round=0))
    return run, min(int(settings.round), len(run.trace.rounds))


def mark(kind: str, x: float, y: float, size: float, style: str) -> str:
    """A circle, square or triangle: classes are told apart by shape as well as by colour."""
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" {style}/>'
    if kind == "square":
        return f'<rect x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size:.1f}" height="{2 * size:.1f}" {style}/>'
    corners = f"{x:.1f},{y - 1.2 * size:.1f} {x - 1.1 * size:.1f},{y + size:.1f} {x + 1.1 * size:.1f},{y + size:.1f}"
    return f'<polygon points="{corners}" {style}/>'


def show_plane(settings: Settings) -> str:
    """The points as the loop sees them after the round, on the regions the model has then."""
    run, r = run_of(settings)
    top = 1 - float(run.unlabelled.x[:, 1].max())
    parts = background(run.regions[r])
    when, pseudo_labels = run.trace.when(), run.trace.pseudo_labels()
    for i, (x, y) in enumerate(places(run.unlabelled.x, top)):
        done = 0 < int(when[i]) <= r
        if not done:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.7" fill="currentColor" opacity="0.45"/>')
            continue
        k = int(pseudo_labels[i])
        edge = 'stroke="currentColor" stroke-width="1.3"' if int(when[i]) == r else 'stroke="none"'
        parts.append(mark(SHAPES[k], x, y, 3.0, f'fill="{PALETTE[k]}" {edge}'))
        if k != int(run.unlabelled.y[i]):
            parts.append(f'<path d="M{x - 5:.1f} {y - 5:.1f} l10 10 m0 -10 l-10 10" stroke="currentColor" '
                         'stroke-width="1.6"/>')  # fmt: skip
    for (x, y), k in zip(places(run.labelled.x, top), run.labelled.y.tolist()):
        parts.append(mark(SHAPES[k], x, y, 6.5, f'fill="{PALETTE[k]}" stroke="currentColor" stroke-width="2"'))
    return svg(parts, SIDE, SIDE, f"The plane after round {r}. {sentence(run, r)}")


def places(points: Tensor, top: float) -> list[tuple[float, float]]:
    """Points of the unit square in units of the SVG, y upward."""
    side = SIDE - 2 * MARGIN
    return [(MARGIN + side * x, SIDE - MARGIN - side * (y + top / 2)) for x, y in points.tolist()]


def background(region: Tensor) -> list[str]:
    """The class the model gives each place, pale, in strips of equal class."""
    side = (SIDE - 2 * MARGIN) / GRID
    parts = []
    for column, classes in enumerate(region.view(GRID, GRID).tolist()):
        begin = 0
        for row in range(1, GRID + 1):
            if row == GRID or classes[row] != classes[begin]:
                x, y = MARGIN + column * side, SIDE - MARGIN - row * side
                size = f'width="{side + 0.2:.1f}" height="{(row - begin) * side:.1f}"'
                shade = f'fill="{PALETTE[classes[begin]]}" opacity="0.16"'
                parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} {shade}/>')
                begin = row
    return parts


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
    wrong = []
    for i in range(1, len(scores)):
        moved, mistaken = tally(run, range(i))
        wrong.append(mistaken / moved)
    left, right, top, base = 34, SIDE - 8, 22, SIDE - 84
    across = (right - left) / max(len(scores) - 1, 1)

    def line(values: Sequence[float], begin: int) -> str:
        return " ".join(
            f"{left + (begin + i) * across:.1f},{base - (base - top) * v:.1f}" for i, v in enumerate(values)
        )

    parts = [text(left - 5, base - (base - top) * v + 4, f"{v:.0%}", anchor="end", soft=True) for v in (0, 0.5, 1)]
    parts += [f'<path d="M{left} {base - (base - top) * v:.1f} H{right}" stroke="currentColor" opacity="0.2"/>'
              for v in (0, 0.5, 1)]  # fmt: skip
    at = left + r * across
    parts.append(f'<path d="M{at:.1f} {top - 6} V{base}" stroke="currentColor" opacity="0.6" stroke-dasharray="3 3"/>')
    parts.append(f'<polyline points="{line(scores, 0)}" fill="none" stroke="{PALETTE[0]}" stroke-width="2"/>')
    parts.append(
        f'<polyline points="{line(wrong, 1)}" fill="none" stroke="{PALETTE[1]}" stroke-width="2" '
        'stroke-dasharray="6 3"/>'
    )
    parts += [text(left, 11, f"right: {scores[r]:.1%} (began at {scores[0]:.1%})", bold=True)]
    share = f"{wrong[r - 1]:.1%}" if r else "none yet"
    parts += [text(left, base + 32, f"- - wrong among the moved: {share}"), text(left, base + 15, "0", soft=True)]
    parts += [text(right, base + 15, f"round {len(scores) - 1}", anchor="end", soft=True)]
    return svg(
        parts, SIDE, base + 40, f"Accuracy from {scores[0]:.0%} before to {scores[-1]:.0%} after the last round."
    )


def show_round(settings: Settings) -> str:
    """What the round moved: for each pseudo-class how many, and how many of them wrong."""
    run, r = run_of(settings)
    if r == 0:
        return note(f"Nothing has been moved yet: the model knows {len(run.labelled)} labels. Move the slider “round”.")
    this = run.trace.rounds[r - 1]
    truth = run.unlabelled.y[this.moved]
    rows = []
    for k, name in enumerate(run.unlabelled.classes):
        mine = this.y == k
        mistaken = int((truth[mine] != k).sum())
        rows.append(f"<tr><td>{SHAPES[k]} {html.escape(name)}</td><td>{int(mine.sum())}</td><td>{mistaken}</td></tr>")
    ended = " It is the last round: nothing more is moved." if r == len(run.trace.rounds) else ""
    lines = f"Confidence from {float(this.c.max()):.3f} down to {float(this.c.min()):.3f}.{ended}"
    head = "<tr><th>labelled as</th><th>moved</th><th>wrong</th></tr>"
    return f'<div style="line-height: 1.5"><table>{head}{"".join(rows)}</table>{lines}</div>'


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
