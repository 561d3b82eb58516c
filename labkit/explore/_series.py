"""The explorer of topic 08: eight transforms of one gesture, and what becomes of its labels.

The left column says which activity, which transform and how strong it is; the panel shows the acceleration before and
after, the map of time, and whether three labels are still true: which way is up, the cadence, and when an event
happened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from labkit.augment import Annotated
from labkit.augment import series as augment
from labkit.data import simulate
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, table
from labkit.explore.panel import Explorer
from labkit.explore.svg import BLUE, GREEN, VERMILION

ACTIVITIES = ("walking", "climbing stairs", "running", "jumping")
STEPS, RATE = 128, 50
AXES = {"forward": BLUE, "sideways": VERMILION, "upward": GREEN}
BAND = (1.0, 4.0)  # Hz: where a cadence may lie
TOO_FAR = {"way up": 20.0, "cadence": 0.1, "when": 6.0}  # degrees, share, steps

TRANSFORMS: dict[str, tuple[Callable[[float], augment.SeriesTransform], str]] = {
    "time warp": (lambda s: augment.TimeWarp(s), "TimeWarp({s})"),
    "noise": (lambda s: augment.Jitter((s, s)), "Jitter(({s}, {s}))"),
    "another gain": (lambda s: augment.Scale(s), "Scale({s})"),
    "drifting gain": (lambda s: augment.MagnitudeWarp(s), "MagnitudeWarp({s})"),
    "sensor turned": (lambda s: augment.Rotate((180 * s, 180 * s)), "Rotate((180 * {s}, 180 * {s}))"),
    "window stretched": (
        lambda s: augment.WindowSlice((1 - 0.8 * s, 1 - 0.8 * s)),
        "WindowSlice((1 - 0.8 * {s}, 1 - 0.8 * {s}))",
    ),
    "turned in a circle": (lambda s: augment.Roll(s), "Roll({s})"),
    "pieces exchanged": (lambda s: augment.Permute(1 + round(9 * s)), "Permute({k})"),
}


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    activity: str = choice(ACTIVITIES, label="gesture")
    transform: str = choice(tuple(TRANSFORMS), label="transform")
    strength: float = slider(0.4, 0, 1, step=0.05, label="strength", group="Transform", draw=(0.1, 0.8))
    event: float = slider(40, 0, 127, step=1, label="event at", group="Transform", draw=(10, 110), help="its step")


class Fate(NamedTuple):
    """A label before and after, in words, and whether it is still true."""

    label: str
    before: str
    after: str
    kept: bool


@remembered(8)
def gesture(activity: str, seed: int) -> Tensor:
    """A recording of the activity, (1, 6, STEPS)."""
    generator = torch.Generator().manual_seed(seed)
    return simulate.motions(1, generator=generator, classes=(activity,), tilt=8.0, seconds=STEPS / RATE).x


def transform(settings: Settings) -> augment.SeriesTransform:
    """The transform with its strength."""
    return TRANSFORMS[settings.transform][0](float(settings.strength))


def result(settings: Settings) -> Annotated:
    """The gesture after the transform, with the event; ``mask`` holds, as floats, which step each step shows."""
    x = gesture(settings.activity, settings.seed)
    shown = torch.arange(float(STEPS))[None]
    moment = torch.tensor([[float(settings.event)]])
    return transform(settings)(x, generator=settings.generator(), mask=shown, times=moment)


def up(x: Tensor) -> Tensor:
    """The direction of the mean acceleration, (3,)."""
    return functional.normalize(x[0, :3].mean(1), dim=0)


def cadence(x: Tensor) -> float:
    """The strongest frequency of the acceleration, in Hz."""
    moving = x[0, :3] - x[0, :3].mean(1, keepdim=True)
    power = torch.fft.rfft(moving, n=2048).abs().square().sum(0)
    frequency = torch.arange(len(power)) * RATE / 2048
    inside = (frequency >= BAND[0]) & (frequency <= BAND[1])
    return float(frequency[inside][power[inside].argmax()])


def fates(settings: Settings) -> list[Fate]:
    """What becomes of the three labels."""
    x, after = gesture(settings.activity, settings.seed), result(settings)
    angle = float(torch.rad2deg(torch.arccos((up(x) @ up(after.x)).clamp(-1, 1))))
    beat, new_beat = cadence(x), cadence(after.x)
    moment = float(after.times[0, 0])
    when = f"step {moment:.0f}" if 0 <= moment <= STEPS - 1 else "not in the picture"
    return [
        Fate("way up", "as it is worn", f"turned by {angle:.0f}°", angle <= TOO_FAR["way up"]),
        Fate("cadence", f"{beat:.2f} Hz", f"{new_beat:.2f} Hz", abs(new_beat / beat - 1) <= TOO_FAR["cadence"]),
        Fate("when", f"step {settings.event:.0f}", when, abs(moment - settings.event) <= TOO_FAR["when"]),
    ]


def limits(settings: Settings) -> tuple[float, float]:
    """The range of acceleration in both pictures."""
    both = torch.cat([gesture(settings.activity, settings.seed), result(settings).x])[:, :3]
    return float(both.min()) - 0.1, float(both.max()) + 0.1


def show_series(settings: Settings, *, after: bool) -> str:
    """The three axes of acceleration as lines, and the event."""
    moved = result(settings)
    x = moved.x[0] if after else gesture(settings.activity, settings.seed)[0]
    moment = float(moved.times[0, 0]) if after else float(settings.event)
    low, high = limits(settings)
    axes = Axes((0, STEPS - 1), (low, high))
    for (name, colour), values in zip(AXES.items(), x[:3]):
        axes.line(range(STEPS), values, colour=colour, width=1.4).above(name, key="line", colour=colour)
    seen = 0 <= moment <= STEPS - 1
    if seen:
        axes.rule(x=moment).text(moment, high, "event", dx=4 if moment < 90 else -34, dy=12)
    axes.xticks([0, 64, 127], name="step").yticks([round(low + 0.1, 1), round(high - 0.1, 1)])
    where = f"the event at step {moment:.0f}" if seen else "the event outside"
    title = f"after: {settings.transform}" if after else "before"
    return axes.svg(f"Acceleration of {settings.activity}, {title}, {where}.")


def show_map(settings: Settings) -> str:
    """Which step of the gesture each step of the result shows."""
    shown = result(settings).mask[0]
    axes = Axes((0, STEPS - 1), (0, STEPS - 1)).line([0, STEPS - 1], [0, STEPS - 1], dash=True, width=1.2, opacity=0.5)
    axes.dots(range(STEPS), shown, size=1.3, colour=BLUE)
    axes.xticks([0, 64, 127], name="step of the result").yticks([0, 64, 127]).above("step that it shows")
    moves = "as it was" if torch.equal(shown, torch.arange(float(STEPS))) else "changed"
    return axes.svg(f"The map of time, {moves}.")


def show_fates(settings: Settings) -> str:
    """The labels before and after."""
    rows = [(f.label, f.before, f.after, "✓ still true" if f.kept else "✗ wrong now") for f in fates(settings)]
    return table(["label", "before", "after", ""], rows)


def show_code(settings: Settings) -> str:
    """The transform as code to copy."""
    pieces = 1 + round(9 * settings.strength)
    call = TRANSFORMS[settings.transform][1].format(s=f"{settings.strength:g}", k=pieces)
    draw = f"g = torch.Generator().manual_seed({settings.seed})"
    return listing(f"{draw}\nresult = series.{call}(x, times=times, generator=g)\nresult.x, result.times")


def series() -> Explorer:
    """A gesture, a transform and its strength; both pictures, the map of time, and the fate of three labels."""
    rows = [
        [
            View("Before", partial(show_series, after=False), html=True),
            View("After", partial(show_series, after=True), html=True),
        ],
        [View("The map of time", show_map, html=True), View("What becomes of the labels", show_fates, html=True)],
    ]
    return Explorer(Settings(), rows, below=[View("The same in python", show_code, html=True)])
