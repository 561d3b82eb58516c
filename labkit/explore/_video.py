"""The explorer of topic 07: a clip, what a player makes of its frames, and what a motion classifier says of it.

Frames are lost, repeated, shown at another speed, at the wrong moment or backwards, one map of time after the other.
A small network that has learned 400 whole clips names the motion; the panel shows the map as code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from labkit import nets, train
from labkit.augment import video as augment
from labkit.data import simulate
from labkit.data.simulate.moving import MOTIONS
from labkit.explore import charts
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider, switch
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture
from labkit.explore.svg import BLUE

FRAMES, SIZE = 8, 20
SPEED = (0.2, 0.4)
GAP = 1  # pixels between the frames of a strip


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    motion: str = choice(MOTIONS, label="motion")
    lost: float = slider(0, 0, 0.9, step=0.05, label="frames lost", group="Player", draw=(0, 0.6))
    fill: str = choice(
        ("hold", "end"), label="a lost frame", group="Player", help="hold: the last that came; end: skip"
    )
    repeated: float = slider(0, 0, 1, step=0.05, label="repeated", group="Player", draw=(0, 0.5))
    speed: float = slider(1, 0.25, 3, step=0.05, label="speed", group="Player", draw=(0.5, 2))
    jitter: float = slider(0, 0, 3, step=1, label="jitter", group="Player", draw=(0, 2), help="in frames")
    reverse: bool = switch(label="backwards", group="Player")
    shuffle: bool = switch(label="in a random order", group="Player")


@remembered(16)
def clip(motion: str, seed: int) -> Tensor:
    """A clip of the motion, (1, FRAMES, 1, SIZE, SIZE)."""
    g = torch.Generator().manual_seed(seed)
    return simulate.moving(1, generator=g, frames=FRAMES, size=SIZE, motions=(motion,), speed=SPEED).x


def transforms(settings: Settings) -> list[tuple[augment.TimeTransform, str]]:
    """The transforms that do something, in their order, each with its code."""
    lost, again, rate = float(settings.lost), float(settings.repeated), float(settings.speed)
    most, steps = round(settings.jitter), list[tuple[augment.TimeTransform, str]]()
    if settings.reverse:
        steps.append((augment.Reverse(1.0), "Reverse(1.0)"))
    if settings.shuffle:
        steps.append((augment.ShuffleFrames(), "ShuffleFrames()"))
    if rate != 1:
        steps.append((augment.Speed((rate, rate)), f"Speed(({rate:g}, {rate:g}))"))
    if most:
        steps.append((augment.TimeJitter(most), f"TimeJitter({most})"))
    if again:
        steps.append((augment.RepeatFrames((again, again)), f"RepeatFrames(({again:g}, {again:g}))"))
    if lost:
        words = f'DropFrames(({lost:g}, {lost:g}), "{settings.fill}")'
        steps.append((augment.DropFrames((lost, lost), settings.fill), words))
    return steps


@remembered(8)
def result(settings: Settings) -> tuple[Tensor, list[int]]:
    """The clip that is shown, and which frame each of its frames was."""
    x, g = clip(settings.motion, settings.seed), settings.generator()
    frame = torch.arange(FRAMES).view(1, FRAMES, 1, 1)
    for transform, _ in transforms(settings):
        moved = transform(x, mask=frame, generator=g)
        x, frame = moved.x, moved.mask
    return x, frame.flatten().tolist()


@remembered(1)
def classifier() -> nn.Module:
    """A small network that has learned 400 whole clips."""
    g = torch.Generator().manual_seed(0)
    learned = simulate.moving(400, generator=g, frames=FRAMES, size=SIZE, speed=SPEED)
    with nets.seeded_weights(0):
        model = nn.Sequential(
            nn.Flatten(1, 2), nets.Normalize([0.3] * FRAMES, [0.3] * FRAMES), nn.Conv2d(FRAMES, 24, 5, 2, 2),
            nn.ReLU(), nn.Conv2d(24, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(800, len(MOTIONS)),
        )  # fmt: skip
    step = train.supervised_step(model, torch.optim.Adam(model.parameters(), 2e-3))
    batches = train.Minibatches(learned.x, learned.y, batch_size=50, generator=g)
    train.fit(step, batches, epochs=25)
    return model.eval()


def probabilities(settings: Settings) -> Tensor:
    """What the network says, (8,)."""
    model = classifier()
    with torch.no_grad():
        return functional.softmax(model(result(settings)[0])[0], 0)


def waiting(settings: Settings) -> str:
    """What to say while the network learns."""
    return "" if classifier.knows() else "A small network is learning 400 clips: some seconds, once a session."


def strip(x: Tensor) -> Tensor:
    """The frames of a clip side by side, (1, SIZE, …)."""
    framed = functional.pad(x[0], (0, GAP), value=1.0)
    return torch.cat(list(framed), -1)[..., :-GAP]


def show_clip(settings: Settings) -> Picture:
    """The frames as they were."""
    return Picture(strip(clip(settings.motion, settings.seed)), f"The clip: {FRAMES} frames, {settings.motion}.")


def show_result(settings: Settings) -> Picture:
    """The frames that are shown."""
    x, shown = result(settings)
    return Picture(strip(x), f"What is shown: frames {', '.join(map(str, shown))}.")


def show_map(settings: Settings) -> str:
    """Which frame each step shows."""
    shown = result(settings)[1]
    axes = Axes((0, FRAMES - 1), (0, FRAMES - 1)).line([0, FRAMES - 1], [0, FRAMES - 1], dash=True, width=1.2)
    axes.dots(range(FRAMES), shown, size=3.5, colour=BLUE)
    axes.xticks([0, FRAMES - 1], name="step").yticks([0, FRAMES - 1]).above("frame that it shows")
    lost = FRAMES - len(set(shown))
    return axes.svg(f"The map of time: frames {', '.join(map(str, shown))}; {lost} are not shown.")


def show_opinion(settings: Settings) -> str:
    """The network's probabilities of the eight motions."""
    p = probabilities(settings)
    order = p.argsort(descending=True).tolist()
    rows = [(MOTIONS[k], f"{float(p[k]):.0%}", "the clip's motion" if MOTIONS[k] == settings.motion else "")
            for k in order[:4]]  # fmt: skip
    return charts.table(["motion", "probability", ""], rows, after=verdict(settings, order[0]))


def verdict(settings: Settings, k: int) -> str:
    """A sentence on what the network says."""
    truth = MOTIONS.index(settings.motion)
    if settings.reverse:
        truth = augment.exchanged(MOTIONS, augment.REVERSED)[truth]
    if settings.shuffle:
        return "In a random order no motion is true: whatever the network says, it guesses."
    time = "Time runs backwards: what" if settings.reverse else "What"
    return f"{time} is seen is {MOTIONS[truth]}; the network {'agrees' if k == truth else 'is wrong'}."


def show_code(settings: Settings) -> str:
    """The player as code to copy."""
    parts: Sequence[Any] = [words for _, words in transforms(settings)]
    lines = [f"g = torch.Generator().manual_seed({settings.seed})"] if parts else []
    lines += [f"x = video.{words}(x, generator=g)" for words in parts]
    return charts.listing("\n".join(lines) or "x  # as it was")


def video() -> Explorer:
    """A clip, the controls of a player, the map of time, and what a network says."""
    rows = [
        [View("The clip", show_clip), View("What is shown", show_result)],
        [View("The map of time", show_map, html=True),
         View("What a network says", show_opinion, html=True, wait=waiting)],
    ]  # fmt: skip
    return Explorer(Settings(), rows, below=[View("The same in python", show_code, html=True)])
