"""The explorer of topic 16: two moons, the same ones turned, and the boundary between them as λ grows.

Every setting is a training of its own on 200 points of each domain, about half a second, and is remembered.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from labkit import domain as method
from labkit import metrics, nets
from labkit.data import Dataset, simulate
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, note
from labkit.explore.panel import Explorer
from labkit.explore.svg import BLUE, ORANGE, VERMILION
from labkit.train import fit

POINTS, EPOCHS, RATE, SHOWN = 200, 80, 5e-3, 90
LAMBDAS = (0.0, 0.5, 1.0, 2.0)  # the curve's
FRAME = (-1.8, 2.8, -1.6, 2.1)
CELLS = (46, 37)
METHODS = ("DANN", "CDAN", "MMD", "CORAL")
SHIFT = "The target"
Setting = tuple[str, float, float, float, int]


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    method: str = choice(METHODS, label="method", help="what makes the features of both domains alike")
    lambda_: float = slider(0, 0, 3, step=0.25, label="λ", group="Training", help="its weight; 0 is source only")
    rotation: float = slider(35, 0, 90, step=5, label="turned by", group=SHIFT, draw=(10, 60), help="degrees")
    share: float = slider(0.5, 0.1, 0.9, step=0.1, label="upper moon", group=SHIFT, help="its share of the target")


class Trained(NamedTuple):
    """A training: the probability of the lower moon at each cell, accuracy in both domains, proxy A-distance."""

    field: Tensor
    source: float
    target: float
    distance: float


@remembered(16)
def world(rotation: float, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Source and target; of the target, so many of the upper moon as its share says."""
    g = torch.Generator().manual_seed(seed)
    source = simulate.moons(POINTS, generator=g)
    many = simulate.moons(4 * POINTS, generator=g, rotation=rotation)
    upper = round(POINTS * share)
    rows = [(many.y == k).nonzero()[:n, 0] for k, n in ((0, upper), (1, POINTS - upper))]
    return source, many.take(torch.cat(rows))


@remembered(256)
def trained(how: str, lambda_: float, rotation: float, share: float, seed: int) -> Trained:
    """Train for these settings."""
    source, target = world(rotation, share, seed)
    with nets.seeded_weights(seed):
        model = nets.MLP(2, 2, hidden=(32, 32), mean=[0.5, 0.25], std=1.0)
        discriminator = method.domain_discriminator(64 if how == "CDAN" else 32, hidden=(32, 32))
    g = torch.Generator().manual_seed(seed)
    pairs = method.DomainBatches(source.x, source.y, target.x, batch_size=100, generator=g)
    optimizer = torch.optim.Adam([*model.parameters(), *discriminator.parameters()], lr=RATE)
    series = lambda_ * method.lambda_schedule(method.progress(EPOCHS * len(pairs)))
    if how in ("DANN", "CDAN"):
        step = method.dann(model, discriminator, optimizer, lambda_=series, conditional=how == "CDAN")
    else:
        step = method.alignment_step(
            model, optimizer, distance=method.mmd if how == "MMD" else method.coral, lambda_=series
        )
    fit(step, pairs, epochs=EPOCHS)
    field = metrics.predict(model, cells(), batch_size=2000).softmax(1)[:, 1].reshape(CELLS[1], CELLS[0])
    here, there = (metrics.accuracy(metrics.predict(model, part.x), part.y) for part in (source, target))
    with torch.no_grad():
        f, h = model.features(source.x), model.features(target.x)
    return Trained(field, here, there, method.proxy_a_distance(f, h, generator=g, epochs=10))


def cells() -> Tensor:
    """The middles of the cells, row by row from the top."""
    left, right, bottom, top = FRAME
    across = left + (torch.arange(CELLS[0]) + 0.5) * (right - left) / CELLS[0]
    down = top - (torch.arange(CELLS[1]) + 0.5) * (top - bottom) / CELLS[1]
    return torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1).reshape(-1, 2)


def setting(settings: Settings, lambda_: float | None = None) -> Setting:
    """What is trained for these settings, with another λ if one is given."""
    return (
        settings.method,
        settings.lambda_ if lambda_ is None else lambda_,
        settings.rotation,
        settings.share,
        settings.seed,
    )


def waiting(settings: Settings) -> str:
    """A sentence if something has to be trained first."""
    missing = sum(not trained.knows(*setting(settings, lambda_)) for lambda_ in {*LAMBDAS, settings.lambda_})
    return f"Training {missing} times on {POINTS} points, some seconds …" if missing else ""


def plane(settings: Settings, which: int) -> str:
    """The classifier's ground, the boundary, and the points of one domain."""
    run = trained(*setting(settings))
    data = world(settings.rotation, settings.share, settings.seed)[which]
    some = torch.arange(0, len(data), max(1, len(data) // SHOWN))
    x, y = data.x[some], data.y[some]
    axes = Axes(FRAME[:2], FRAME[2:], height=175, left=0, right=0)
    axes.regions((run.field > 0.5).long(), colours=(BLUE, ORANGE), opacity=(0.16, 0.35))
    axes.dots(*x[y == 0].T, colour=BLUE).dots(*x[y == 1].T, colour=VERMILION, mark="triangle")
    right = run.target if which else run.source
    axes.under(f"{right:.0%} right", bold=True).under("● upper  ▲ lower", end=True)
    name = "target, whose labels nobody sees" if which else "source, with labels"
    return axes.svg(f"The {name}: at λ = {settings.lambda_:g} the boundary is right for {right:.0%}.")


def show_source(settings: Settings) -> str:
    """The source and the boundary."""
    return plane(settings, 0)


def show_target(settings: Settings) -> str:
    """The target and the same boundary."""
    return plane(settings, 1)


def show_curve(settings: Settings) -> str:
    """Accuracy in the target, and the proxy A-distance, against λ."""
    lambdas = sorted({*LAMBDAS, settings.lambda_})
    runs = [trained(*setting(settings, lambda_)) for lambda_ in lambdas]
    axes = Axes((0, lambdas[-1]), (0, 1), height=125, right=22)
    axes.yticks([0, 0.5, 1], ["0%", "50%", "100%"]).yticks([0, 0.5, 1], ["0", "1", "2"], side="right", grid=False)
    axes.above("right in the target", key="line", colour=BLUE)
    axes.above("A-distance (right axis)", key="dash", colour=VERMILION)
    halves = [run.distance / 2 for run in runs]
    for colour, values in ((BLUE, [run.target for run in runs]), (VERMILION, halves)):
        axes.line(lambdas, values, colour=colour, dash=colour == VERMILION)
        axes.dots(lambdas, values, colour=colour, hollow=True)
        axes.dots([settings.lambda_], [values[lambdas.index(settings.lambda_)]], colour=colour, size=5)
    axes.xticks(lambdas, name="λ", bold=[settings.lambda_])
    summary = "; ".join(
        f"λ {lambda_:g}: {run.target:.0%} right, distance {run.distance:.1f}" for lambda_, run in zip(lambdas, runs)
    )
    return axes.svg(f"Accuracy in the target and proxy A-distance against λ. {summary}.")


def show_note(settings: Settings) -> str:
    """What to watch for."""
    run = trained(*setting(settings))
    words = (
        f"Source {run.source:.0%}, target {run.target:.0%}; a new classifier of domains gets an A-distance of "
        f"{run.distance:.1f} of 2 from the features. Choose λ without looking at the target's figure: you wouldn't "
        "have it. Then turn further, or make one moon rare in the target: alike is not the same as right."
    )
    return note(words)


def show_code(settings: Settings) -> str:
    """The step that does this."""
    start = f"lambda_ = {settings.lambda_:g} * domain.lambda_schedule(domain.progress(steps))\n"
    if settings.method in ("DANN", "CDAN"):
        more = ", conditional=True" if settings.method == "CDAN" else ""
        call = f"step = domain.dann(model, discriminator, optimizer, lambda_=lambda_{more})"
    else:
        distance = f"domain.{settings.method.lower()}"
        call = f"step = domain.alignment_step(model, optimizer, distance={distance}, lambda_=lambda_)"
    return listing(
        f"{start}{call}\ntrain.fit(step, domain.DomainBatches(x, y, z, batch_size=100, generator=g), epochs={EPOCHS})"
    )


def domain() -> Explorer:
    """Open the explorer of domain adaptation: move λ and the target, see both domains under one boundary."""
    rows = [
        [View("Source", show_source, html=True, wait=waiting), View("Target", show_target, html=True, wait=waiting)],
        [
            View("As λ grows", show_curve, html=True, wait=waiting),
            View("What to watch", show_note, html=True, wait=waiting),
        ],
    ]
    return Explorer(Settings(), rows, below=[View("The same in python", show_code, html=True)])
