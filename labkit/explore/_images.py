"""The explorer of topic 01: a picture, a pipeline of transforms on sliders, and what a classifier makes of it.

A pipeline is a list of steps, each the name of a function of ``labkit.augment.image`` and its arguments; the panel
shows it as code, which gives the very picture it shows. Shifts, blur and erasing are in per cent of the picture's
width, so that they mean the same for a digit of 8 pixels as for a photograph.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit import data, nets, train
from labkit.augment import image
from labkit.explore import charts
from labkit.explore.base import State, View, choice, remembered, slider, switch
from labkit.explore.panel import Explorer
from labkit.explore.pictures import PHOTOGRAPHS, Picture, square_photograph, typical_digit

SIDE = 250  # pixels: photographs are cut to a square of this size
PICTURES = ("digit 6", *(f"digit {k}" for k in range(10) if k != 6), *PHOTOGRAPHS)
LESSONS = ("upright digits", "moved and turned digits")
FILLS = ("constant", "reflect", "edge", "wrap")
SHAPES, COLOUR, DIRT, HOLES = "Geometry", "Colour", "Noise, blur", "Erasing"


@dataclass(frozen=True)
class Settings(State):
    """What the sliders say. Spans and neutral values are in the fields' controls."""

    picture: str = choice(PICTURES, label="picture")
    lesson: str = choice(LESSONS, label="classifier saw", help="what the classifier was trained on")
    degrees: float = slider(0, -180, 180, step=1, label="rotation (°)", group=SHAPES, draw=(-30, 30))
    scale: float = slider(1, 0.4, 2, step=0.05, label="scale", group=SHAPES, draw=(0.8, 1.25))
    dx: float = slider(0, -50, 50, step=1, label="shift right (%)", group=SHAPES, draw=(-15, 15))
    dy: float = slider(0, -50, 50, step=1, label="shift down (%)", group=SHAPES, draw=(-15, 15))
    shear: float = slider(0, -45, 45, step=1, label="shear (°)", group=SHAPES, draw=(-20, 20))
    flip: bool = switch(label="mirrored", group=SHAPES)
    fill: str = choice(FILLS, label="fill", group=SHAPES, help="what comes in from outside the picture")
    brightness: float = slider(1, 0, 2, step=0.05, label="brightness", group=COLOUR, draw=(0.6, 1.4))
    contrast: float = slider(1, 0, 3, step=0.05, label="contrast", group=COLOUR, draw=(0.6, 1.6))
    saturation: float = slider(1, 0, 3, step=0.05, label="saturation", group=COLOUR, draw=(0.4, 1.8))
    hue: float = slider(0, -0.5, 0.5, step=0.01, label="hue (turns)", group=COLOUR, draw=(-0.08, 0.08))
    invert: bool = switch(label="inverted", group=COLOUR)
    blur: float = slider(0, 0, 15, step=0.5, label="blur σ (%)", group=DIRT, draw=(0.5, 4))
    noise: float = slider(0, 0, 0.5, step=0.01, label="noise σ", group=DIRT, draw=(0.02, 0.15))
    pepper: float = slider(0, 0, 0.5, step=0.01, label="salt, pepper", group=DIRT, draw=(0.01, 0.08))
    hole: float = slider(0, 0, 60, step=1, label="side (%)", group=HOLES, draw=(15, 35))
    hole_x: float = slider(50, 0, 100, step=1, label="from left (%)", group=HOLES, draw=(20, 80))
    hole_y: float = slider(50, 0, 100, step=1, label="from top (%)", group=HOLES, draw=(20, 80))
    hole_value: str = choice(("black", "mean", "noise"), label="filled with", group=HOLES)


class PipelineStep(NamedTuple):
    """A function of ``labkit.augment.image``, its arguments, and whether it takes the generator."""

    function: str
    arguments: dict[str, Any]
    seeded: bool = False


def pipeline(settings: Settings) -> list[PipelineStep]:
    """The steps that do something, in their order: geometry, colour, blur, noise, erasing."""
    x = original(settings.picture)
    pixel, neutral = x.shape[3] / 100, Settings()
    moved = {"degrees": settings.degrees, "scale": settings.scale, "dx": settings.dx * pixel, "dy": settings.dy * pixel}
    moved = changed({**moved, "shear_x": settings.shear}, degrees=0, scale=1, dx=0, dy=0, shear_x=0)
    names = ("brightness", "contrast", "saturation", "hue") if x.shape[1] == 3 else ("brightness", "contrast")
    coloured = changed({n: getattr(settings, n) for n in names}, **{n: getattr(neutral, n) for n in names})
    steps = [
        PipelineStep("hflip", {}) if settings.flip else None,
        PipelineStep("affine", moved | ({} if settings.fill == FILLS[0] else {"fill": settings.fill}))
        if moved
        else None,
        PipelineStep("color_jitter", coloured) if coloured else None,
        PipelineStep("invert", {}) if settings.invert else None,
        PipelineStep("gaussian_blur", {"sigma": settings.blur * pixel}) if settings.blur else None,
        PipelineStep("add_gaussian_noise", {"sigma": settings.noise}, True) if settings.noise else None,
        PipelineStep("salt_and_pepper", {"amount": settings.pepper}, True) if settings.pepper else None,
        hole(settings, pixel) if settings.hole else None,
    ]
    return [step for step in steps if step]


def changed(values: dict[str, float], **neutral: float) -> dict[str, float]:
    """Those of ``values`` that are not neutral, rounded as the code shows them."""
    return {name: round(value, 4) for name, value in values.items() if value != neutral[name]}


def hole(settings: Settings, pixel: float) -> PipelineStep:
    """The step that erases a square."""
    x, y, half = settings.hole_x, settings.hole_y, settings.hole / 2
    box = [round(edge * pixel, 2) for edge in (x - half, y - half, x + half, y + half)]
    value = 0.0 if settings.hole_value == "black" else settings.hole_value
    return PipelineStep("erase", {"boxes": torch.tensor([box]), "value": value}, value == "noise")


@remembered(8)
def result(settings: Settings) -> Tensor:
    """The picture after the pipeline: (1, C, H, W)."""
    x, generator = original(settings.picture), settings.generator()
    for step in pipeline(settings):
        chance = {"generator": generator} if step.seeded else {}
        x = getattr(image, step.function)(x, **step.arguments, **chance)
    return x


def code(settings: Settings) -> str:
    """The pipeline in python: what it makes of ``x`` is what the panel shows."""
    steps = pipeline(settings)
    lines = [f"g = torch.Generator().manual_seed({settings.seed})"] if any(s.seeded for s in steps) else []
    for step in steps:
        arguments = [f"{name}={argument(value)}" for name, value in step.arguments.items()]
        lines.append(
            f"x = image.{step.function}({', '.join(['x', *arguments, *(['generator=g'] if step.seeded else [])])})"
        )
    return "\n".join(lines)


def argument(value: Any) -> str:
    """A value as python code."""
    return f"torch.tensor({value.tolist()})" if isinstance(value, Tensor) else repr(value)


@remembered(20)
def original(name: str) -> Tensor:
    """The picture called ``name``: (1, 1, 8, 8) for a digit, else (1, 3, SIDE, SIDE)."""
    if name.startswith("digit "):
        return typical_digit(int(name.removeprefix("digit ")))
    return square_photograph(name, SIDE)


def is_digit(settings: Settings) -> bool:
    """Whether the picture is one that the classifier knows."""
    return settings.picture.startswith("digit ")


@remembered(2)
def classifier(lesson: str) -> nn.Module:
    """A small network that has learned 1,297 digits: upright, or moved and turned anew in every epoch."""
    moved = lesson == LESSONS[1]
    digits, generator = data.digits("train"), torch.Generator().manual_seed(0)
    policy = image.Affine(degrees=40, dx=1, dy=1, scale=(0.85, 1.2))
    with nets.seeded_weights(0):
        model = nets.CNN(1, 10, width=16, depth=3 if moved else 2)
    step = train.supervised_step(
        model,
        torch.optim.Adam(model.parameters(), lr=1e-2),
        augment=(lambda x: policy(x, generator=generator)) if moved else None,
    )
    batches = train.Minibatches(digits.x, digits.y, batch_size=64, generator=generator)
    train.fit(step, batches, epochs=14 if moved else 6)
    return model.eval().requires_grad_(False)


def probabilities(settings: Settings) -> Tensor:
    """What the classifier gives each of the ten digits: (10,)."""
    return functional.softmax(classifier(settings.lesson)(result(settings)), dim=1)[0]


def waiting(settings: Settings) -> str:
    """What to say while the classifier is being trained."""
    if classifier.knows(settings.lesson) or not is_digit(settings):
        return ""
    return f"A small network is learning 1,297 {settings.lesson}: a few seconds, once a session."


def show_original(settings: Settings) -> Picture:
    """The picture before the pipeline."""
    return Picture(original(settings.picture)[0], f"The original: {settings.picture}.")


def show_result(settings: Settings) -> Picture:
    """The picture after it."""
    names = ", ".join(step.function for step in pipeline(settings))
    return Picture(result(settings)[0], f"The result: {settings.picture} after {names or 'nothing'}.")


def show_histogram(settings: Settings) -> str:
    """The values of the pixels, before and after."""
    before, after = original(settings.picture)[0], result(settings)[0]
    names = ("grey",) if len(before) == 1 else ("red", "green", "blue")
    return charts.histogram(charts.shares(before), charts.shares(after), names=names)


def show_opinion(settings: Settings) -> str:
    """The classifier's ten probabilities; of a photograph it has none."""
    if not is_digit(settings):
        return '<div style="line-height: 1.5">It has learned digits only, and knows nothing of photographs.</div>'
    return charts.opinion(probabilities(settings), truth=int(settings.picture[-1]))


def show_code(settings: Settings) -> str:
    """The pipeline as code to copy."""
    lines = code(settings) or "# nothing yet: move a slider, or draw at random"
    return charts.listing(lines)


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect: a grey picture has no colour, a photograph no classifier."""
    names = ["saturation", "hue"] if is_digit(settings) else ["lesson"]
    return names if settings.hole else [*names, "hole_x", "hole_y", "hole_value"]


def images() -> Explorer:
    """Open the explorer of image transforms: pick a picture, move sliders, see what a classifier thinks it sees."""
    rows = [
        [View("Original", show_original), View("Result", show_result)],
        [
            View("Values of the pixels", show_histogram, html=True),
            View("The classifier's opinion", show_opinion, html=True, wait=waiting),
        ],
    ]
    return Explorer(
        Settings(), rows, below=[View("The same in python", show_code, html=True)], disabled=disabled_controls
    )
