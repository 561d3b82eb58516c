"""The explorer of topic 20: prototypes that grow through the curriculum, and how each of them explains an image.

A run is computed once, for what is chosen above the panel and the seed; every so often the whole model is kept, and
the slider ``time`` looks at one of the copies.
"""

import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from labkit import data, metrics
from labkit import dti as method
from labkit.augment import image
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture, rgb
from labkit.explore.svg import BLUE, VERMILION
from labkit.nets import seeded_weights
from labkit.train import History

WORLDS = ("digits", "digits, turned and moved", "shapes, turned and moved")
LESSONS = ("one after another", "all at once", "none: k-means")
TRANSFORMS = ("affine", "thin_plate")
STARTS = {LESSONS[0]: (0.25, 0.7), LESSONS[1]: (0.0, 0.0), LESSONS[2]: ()}
SHOTS, EPOCHS_A_SHOT, MANY = 16, 2, 900
SIDE, GAP = 12, 2  # pixels: of a picture of the views, and between two


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    world: str = choice(WORLDS, label="images")
    lesson: str = choice(LESSONS, label="transforms", help="affine, then bending")
    time: float = slider(SHOTS, 0, SHOTS, step=1, label="time", group="Look", help="0: prototypes are images")
    image: float = slider(3, 0, 99, step=1, label="image", group="Look", draw=(0, 99))


class Run(NamedTuple):
    """The images, copies of the model over time, and the loss and accuracy that each of them has."""

    images: data.Dataset
    models: list[method.DTIKMeans]
    losses: list[float]
    accuracies: list[float]


@remembered(4)
def world(name: str) -> data.Dataset:
    """The images of a world, white on black."""
    g = torch.Generator().manual_seed(0)
    if name == WORLDS[2]:
        return data.simulate.shapes(
            MANY, generator=g, size=SIDE, paper=0.0, rotation=(-25, 25), shift=0.3, scale=(0.5, 0.75),
            line_width=(0.08, 0.1), contrast=(0.8, 1.0),
        )  # fmt: skip
    digits = data.digits().subset(per_class=MANY // 10, generator=g)
    x = functional.pad(digits.x, (2, 2, 2, 2))
    if name == WORLDS[1]:
        x = image.Affine(degrees=30, dx=2, dy=2, scale=0.2)(x, generator=g)
    return data.Dataset(x, digits.y, digits.classes, digits.about)


@remembered(16)
def trained(name: str, lesson: str, seed: int) -> Run:
    """Train, and keep the model every few epochs."""
    images, generator = world(name), torch.Generator().manual_seed(seed)
    transforms = () if lesson == LESSONS[2] else TRANSFORMS
    with seeded_weights(seed):
        first = method.kmeans_plus_plus(images.x, len(images.classes), generator=generator)
        model = method.DTIKMeans(first, transforms, hidden=32)
    model.transformer.active = 0
    models = [copy.deepcopy(model)]

    def keep(history: History) -> None:
        if history.epoch % EPOCHS_A_SHOT == 0:
            models.append(copy.deepcopy(model).requires_grad_(False))

    schedule = method.Schedule(epochs=SHOTS * EPOCHS_A_SHOT, batch_size=32, starts=STARTS[lesson])
    method.learn(model, images.x, schedule, generator=generator, on_epoch=keep)
    predictions = [shot.predict(images.x) for shot in models]
    return Run(
        images,
        models,
        [float(costs.mean()) for _, costs in predictions],
        [metrics.clustering_accuracy(assignments, images.y) for assignments, _ in predictions],
    )


def setting(settings: Settings) -> tuple[str, str, int]:
    """What a run depends on."""
    return settings.world, settings.lesson, settings.seed


def run_of(settings: Settings) -> Run:
    """The run for these settings."""
    return trained(*setting(settings))


def waiting(settings: Settings) -> str:
    """What to say while a run is being trained."""
    return "" if trained.knows(*setting(settings)) else f"Prototypes are growing on {MANY} images: a few seconds."


def model_of(settings: Settings) -> method.DTIKMeans:
    """The model at that time."""
    return run_of(settings).models[int(settings.time)]


def chosen(settings: Settings) -> Tensor:
    """The image (1, 1, h, w) that is looked at."""
    images = world(settings.world).x
    return images[(int(settings.image) * 7) % len(images)][None]


def still_to_come() -> Picture:
    """What stands where a picture will be once the run is there."""
    return Picture(torch.full((1, SIDE, SIDE), 0.35), "Still to be learnt.")


def sheet(pictures: Tensor, columns: int, marked: int | None = None) -> Tensor:
    """Pictures (n, 1, h, w) side by side as one in colour; one of them with a frame."""
    n, _, h, w = pictures.shape
    rows = -(-n // columns)
    out = torch.full((3, rows * (h + GAP) + GAP, columns * (w + GAP) + GAP), 0.35)
    for i in range(n):
        top, left = i // columns * (h + GAP) + GAP, i % columns * (w + GAP) + GAP
        if i == marked:
            out[:, top - GAP : top + h + GAP, left - GAP : left + w + GAP] = rgb(VERMILION)
        out[:, top : top + h, left : left + w] = pictures[i]
    return out


def columns_of(k: int) -> int:
    """Ten pictures in rows of five, four in rows of two."""
    return 5 if k > 6 else 2


def show_prototypes(settings: Settings) -> Picture:
    """All prototypes at that time."""
    if waiting(settings):
        return still_to_come()
    model = model_of(settings)
    words = f"{model.k} prototypes at time {int(settings.time)} of {SHOTS}."
    return Picture(sheet(model.prototypes.detach().clamp(0, 1), columns_of(model.k)), words)


def show_image(settings: Settings) -> Picture:
    """The image that is explained."""
    x = chosen(settings)
    return Picture(x[0], f"Image {int(settings.image)}.")


@torch.no_grad()
def show_aligned(settings: Settings) -> Picture:
    """Every prototype, transformed for the image; the nearest one framed."""
    if waiting(settings):
        return still_to_come()
    model, x = model_of(settings), chosen(settings)
    distances = model.distances(x)[0]
    best = int(distances.argmin())
    words = (
        f"The {model.k} prototypes transformed to look like the image; number {best + 1} comes nearest, with a mean "
        f"squared difference of {float(distances[best]):.4f}; the next has {float(distances.sort().values[1]):.4f}."
    )
    return Picture(sheet(model.reconstruct(x)[0].clamp(0, 1), columns_of(model.k), best), words)


def show_course(settings: Settings) -> str:
    """Loss and accuracy over time, the looked-at time, and when transformations are switched on."""
    run, t = run_of(settings), int(settings.time)
    most, times = max(run.losses[1:]), range(SHOTS + 1)
    axes = Axes((0, SHOTS), (0, 1), height=130).yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes.above(f"accuracy {run.accuracies[t]:.1%}", key="line", colour=BLUE, bold=True)
    axes.above(f"loss {run.losses[t]:.4f} (down to {min(run.losses):.4f})", key="dash", colour=VERMILION)
    for row, (name, start) in enumerate(zip(TRANSFORMS, STARTS[settings.lesson])):
        axes.rule(x=start * SHOTS, opacity=0.35)
        if start:
            aside = {"dx": 4} if start < 0.5 else {"dx": -4, "anchor": "end"}
            axes.text(start * SHOTS, 0, name.replace("_", " "), dy=-5 - 14 * row, soft=True, **aside)
    axes.rule(x=t, dash=False, opacity=0.8).line(times, run.accuracies, colour=BLUE)
    axes.line(times, [min(loss / most, 1) for loss in run.losses], colour=VERMILION, dash=True)
    axes.xticks([0, SHOTS / 2, SHOTS], name="time")
    return axes.svg(f"Accuracy {run.accuracies[t]:.0%} and loss {run.losses[t]:.4f} at time {t}.")


def show_code(settings: Settings) -> str:
    """The call that does this."""
    transforms = () if settings.lesson == LESSONS[2] else TRANSFORMS
    words = (
        f"schedule = dti.Schedule(epochs={SHOTS * EPOCHS_A_SHOT}, batch_size=32, starts={STARTS[settings.lesson]!r})\n"
        f"clusters = dti.cluster(x, {len(world(settings.world).classes)}, transforms={transforms!r}, "
        "schedule=schedule)\nclusters.model.reconstruct(x)"
    )
    return listing(words)


def dti() -> Explorer:
    """Open the explorer: watch prototypes grow, and see how each of them explains an image."""
    # The course comes first: it says what is waited for, and the pictures need what it trains.
    rows = [
        [View("Course", show_course, html=True, wait=waiting), View("Prototypes", show_prototypes)],
        [View("The image", show_image), View("Prototypes transformed for it", show_aligned)],
    ]
    return Explorer(Settings(), rows, below=[View("The same in python", show_code, html=True)])
