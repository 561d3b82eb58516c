"""The explorer of topic 13: an eye that looks where the sliders say, refined as strongly as one likes; its label."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from labkit import data
from labkit import refine as method
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import histogram, listing, shares
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture, rgb
from labkit.explore.svg import BLUE, VERMILION, icon
from labkit.refine.bundled import CAMERA, LAMBDAS, SIZE, pretrained

STRENGTHS = ("λ = 0.1", *(f"λ = {v:g}" for v in LAMBDAS if v != 0.1))
GAZE, EYE = "Gaze", "Eye"
RADIUS = 7.7 * SIZE[1] / 55  # of the iris, in pixels
ZOOM = 20  # pixels of the picture for one of the eye's
EYES = 200  # how many the chart is about


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    strength: str = choice(STRENGTHS, label="refiner", help="trained with this λ")
    pitch: float = slider(0, -20, 20, step=1, label="up", group=GAZE, draw=(-20, 20), help="degrees")
    yaw: float = slider(10, -30, 30, step=1, label="to the right", group=GAZE, draw=(-30, 30), help="degrees")
    openness: float = slider(0.9, 0.75, 1, step=0.01, label="open", group=EYE, draw=(0.75, 1))
    skin: float = slider(0.6, 0.45, 0.75, step=0.01, label="skin", group=EYE, draw=(0.45, 0.75), help="brightness")
    iris: float = slider(0.3, 0.2, 0.45, step=0.01, label="iris", group=EYE, draw=(0.2, 0.45), help="brightness")


def strength(settings: Settings) -> float:
    """λ."""
    return float(settings.strength.removeprefix("λ = "))


@remembered(len(LAMBDAS))
def refiner(lambda_: float) -> nn.Module:
    """The refiner that comes with labkit for this λ."""
    return pretrained(lambda_)


@remembered(16)
def eye(settings: Settings, real: bool) -> tuple[Tensor, Tensor]:
    """The eye (1, 1, H, W), as rendered or as the real camera sees the same one, and its pupil's true place (2,)."""
    chosen = {
        "pitch": settings.pitch,
        "yaw": settings.yaw,
        "openness": settings.openness,
        "skin": settings.skin,
        "iris": settings.iris,
    }
    ranges: dict[str, Any] = {name: (float(v), float(v)) for name, v in chosen.items()}
    if real:
        ranges |= CAMERA
    one = data.simulate.eyes(1, generator=settings.generator(), size=SIZE, **ranges)
    return one.x, one.extra["pupil"][0]


def after(settings: Settings) -> Tensor:
    """The eye, refined."""
    return method.refine_images(refiner(strength(settings)), eye(settings, False)[0])


def seen_pupil(x: Tensor) -> Tensor:
    """Where an estimator that nobody trained sees the pupil (2,)."""
    return method.pupil_centre(x, radius=RADIUS)[0]


def marked(x: Tensor, label: Tensor, seen: Tensor) -> Tensor:
    """The image (3, H, W), blown up, with an upright cross at its label and a slanted one where the pupil is seen."""
    big = x.repeat_interleave(ZOOM, 1).repeat_interleave(ZOOM, 2).repeat(3, 1, 1)
    rows, columns = (torch.arange(s * ZOOM) / ZOOM - s / 2 + 0.5 / ZOOM for s in x.shape[-2:])
    for place, colour, slanted in ((label, BLUE, False), (seen, VERMILION, True)):
        across, down = columns[None] - place[0], rows[:, None] - place[1]
        if slanted:
            across, down = across - down, across + down
        arm = (torch.minimum(across.abs(), down.abs()) < 0.14) & (torch.maximum(across.abs(), down.abs()) < 1.6)
        halo = (torch.minimum(across.abs(), down.abs()) < 0.28) & (torch.maximum(across.abs(), down.abs()) < 1.75)
        big = torch.where(arm, rgb(colour), torch.where(halo, torch.ones(()), big))
    return big


def place(x: Tensor, label: Tensor) -> str:
    """How far from its label the pupil is seen, in words."""
    return f"the pupil is seen {float((seen_pupil(x) - label).norm()):.1f} pixels from its label"


def show_before(settings: Settings) -> Picture:
    """The synthetic eye with its label."""
    x, label = eye(settings, False)
    return Picture(
        marked(x[0], label, seen_pupil(x)),
        f"Synthetic eye, gaze {settings.pitch:g}° up, {settings.yaw:g}° to the right; {place(x, label)}.",
    )


def show_after(settings: Settings) -> Picture:
    """The refined eye with the same label."""
    x, label = after(settings), eye(settings, False)[1]
    return Picture(
        marked(x[0], label, seen_pupil(x)), f"The same eye refined with {settings.strength}; {place(x, label)}."
    )


def show_real(settings: Settings) -> Picture:
    """What the real camera makes of the same eye, which the refiner never saw."""
    x, label = eye(settings, True)
    return Picture(marked(x[0], label, seen_pupil(x)), f"The same eye through the real camera; {place(x, label)}.")


def show_values(settings: Settings) -> str:
    """Histograms of the pixels before and after."""
    return histogram(shares(eye(settings, False)[0][0], bins=24), shares(after(settings)[0], bins=24), names=["grey"])


@remembered(1)
def course() -> dict[str, list[float]]:
    """For each λ, over many eyes: distance of pixels to the real camera's of the same eye; how far pupils moved."""
    cameras: tuple[dict[str, Any], ...] = ({}, CAMERA)
    synthetic, real = (
        data.simulate.eyes(EYES, generator=torch.Generator().manual_seed(77), size=SIZE, **camera) for camera in cameras
    )
    seen = method.pupil_centre(synthetic.x, radius=RADIUS)
    out: dict[str, list[float]] = {"gap": [float((synthetic.x - real.x).abs().mean())], "moved": [0.0]}
    for lambda_ in LAMBDAS:
        x = method.refine_images(refiner(lambda_), synthetic.x)
        out["gap"].append(float((x - real.x).abs().mean()))
        out["moved"].append(float(method.drift(seen, method.pupil_centre(x, radius=RADIUS)).distance))
    return out


def show_course(settings: Settings) -> str:
    """Looks against labels: both over λ, from none (0) to the raw simulation, which is λ = ∞."""
    measured = course()
    order = [*range(1, len(LAMBDAS) + 1), 0]  # the raw simulation last
    names = [*(f"{v:g}" for v in LAMBDAS), "raw"]
    gap, moved = ([measured[k][i] for i in order] for k in ("gap", "moved"))
    chosen, places = LAMBDAS.index(strength(settings)), range(len(names))
    axes = Axes((0, len(names) - 1), (0, 1), width=600, height=120, left=14, right=24)
    axes.above(f"distance to the real look: {gap[chosen]:.3f} at {settings.strength}", key="line", colour=BLUE)
    axes.above(f"pupils moved {moved[chosen]:.2f} pixels", key="dash", colour=VERMILION, end=True)
    for values, most, colour in ((gap, max(gap), BLUE), (moved, max(*moved, 0.5), VERMILION)):
        heights = [value / most for value in values]
        axes.line(places, heights, colour=colour, dash=colour == VERMILION).dots(places, heights, colour=colour)
        axes.dots([chosen], [heights[chosen]], colour=colour, size=5.5)
    axes.xticks(places, names, name="λ", bold=[chosen])
    summary = ", ".join(f"λ {n}: {a:.3f} and {b:.2f} pixels" for n, a, b in zip(names, gap, moved))
    return axes.svg(f"Distance to the real look, and how far pupils moved, over {EYES} eyes. {summary}.")


def show_legend(settings: Settings) -> str:
    """How to read the pictures, and where the label is now."""
    moved = float((seen_pupil(after(settings)) - seen_pupil(eye(settings, False)[0])).norm())
    return (
        f'<div style="line-height: 1.5">{icon("plus", BLUE)} the label: where the simulator put the pupil. '
        f"{icon('cross', VERMILION)} where an estimator that nobody trained sees it, by its looks alone. "
        f"Refining moved what it sees by {moved:.1f} pixels. The refiner saw real eyes, never this one's.</div>"
    )


def show_code(settings: Settings) -> str:
    """The same in python."""
    lines = [
        "from labkit import data, refine",
        f"gaze = {{'pitch': ({settings.pitch:g}, {settings.pitch:g}), 'yaw': ({settings.yaw:g}, {settings.yaw:g})}}",
        f"eye = data.simulate.eyes(1, size={SIZE}, **gaze)",
        f"x = refine.refine_images(refine.pretrained({strength(settings):g}), eye.x)",
        f"look = lambda x: refine.pupil_centre(x, radius={RADIUS:.2f})",
        "look(x) - look(eye.x)  # how far the pupil moved",
    ]
    return listing(chr(10).join(lines))


def refine() -> Explorer:
    """Open the explorer of refinement: turn an eye, choose λ, see the picture and its label before and after."""
    rows = [
        [View("Synthetic", show_before), View("Refined", show_after)],
        [View("Real camera, same eye", show_real), View("Pixels", show_values, html=True)],
    ]
    below = [
        View("Looks against labels", show_course, html=True),
        View("How to read it", show_legend, html=True),
        View("The same in python", show_code, html=True),
    ]
    return Explorer(Settings(), rows, below=below)
