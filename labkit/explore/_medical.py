"""The explorer of topic 09: one policy inside a tumour, another outside, and what two networks make of the scan.

The left column says what happens inside the region and what outside. The first row shows the scan and the result with
the true outline; below are the outlines of two networks that have seen sixteen scans, one without augmentation and one
with changes of intensity, and the Dice of both before and after.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from labkit import masks, metrics, nets, train
from labkit.augment import Compose, Identity, Transform, image
from labkit.augment import medical as augment
from labkit.data import simulate
from labkit.explore.axes import Axes, Bar
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture, rgb
from labkit.explore.svg import BLUE, VERMILION
from labkit.shapes import Images, Masks

SIDE, STEPS, LEARNED = 32, 120, 16
ZOOM = 7  # by which scans are magnified for their outlines
SCANS = tuple(f"scan {k}" for k in range(1, 9))
LESSONS = ("no augmentation", "gamma, bias field, noise")
INSIDE, OUTSIDE = "Inside", "Outside"


@dataclass(frozen=True)
class Settings(State):
    """What the sliders say."""

    scan: str = choice(SCANS, label="scan")
    in_gamma: float = slider(1, 0.3, 3, step=0.1, label="γ", group=INSIDE, draw=(0.5, 2))
    in_noise: float = slider(0, 0, 0.3, step=0.02, label="noise σ", group=INSIDE, draw=(0, 0.2))
    in_right: float = slider(0, -8, 8, step=1, label="moved right", group=INSIDE, draw=(-4, 4), help="in pixels")
    in_down: float = slider(0, -8, 8, step=1, label="moved down", group=INSIDE, draw=(-4, 4), help="in pixels")
    out_gamma: float = slider(1, 0.3, 3, step=0.1, label="γ", group=OUTSIDE, draw=(0.5, 2))
    out_noise: float = slider(0, 0, 0.3, step=0.02, label="noise σ", group=OUTSIDE, draw=(0, 0.2))
    out_bias: float = slider(0, 0, 1, step=0.1, label="bias field", group=OUTSIDE, draw=(0, 0.6))


@remembered(2)
def slices(n: int, seed: int) -> tuple[Images, Masks]:
    """Scans with a tumour, and its mask."""
    g = torch.Generator().manual_seed(seed)
    d = simulate.brain(n, generator=g, size=SIDE, tumour=1.0, radius=(0.08, 0.13))
    return d.x, d.extra["mask"]


def original(settings: Settings) -> tuple[Images, Masks]:
    """The chosen scan, (1, 1, H, W) and (1, H, W); no network has learned it."""
    k = SCANS.index(settings.scan)
    x, mask = slices(len(SCANS), 77)
    return x[k : k + 1], mask[k : k + 1]


def parts(settings: Settings) -> tuple[list[str], list[str]]:
    """The transforms inside and outside as code: those that do something."""
    inside: list[str] = []
    outside: list[str] = []
    if settings.in_right or settings.in_down:
        right, down = settings.in_right, settings.in_down
        inside.append(f"image.Translate(dx=({right}, {right}), dy=({down}, {down}))")
    for into, gamma, noise in (
        (inside, settings.in_gamma, settings.in_noise),
        (outside, settings.out_gamma, settings.out_noise),
    ):
        if gamma != 1:
            into.append(f"medical.Gamma(({gamma}, {gamma}))")
        if noise:
            into.append(f"medical.RicianNoise(({noise}, {noise}))")
    if settings.out_bias:
        outside.append(f"medical.BiasField({settings.out_bias})")
    return inside, outside


def policy(settings: Settings) -> augment.Differential:
    """The transform that the code describes."""
    inside: list[Transform] = []
    if settings.in_right or settings.in_down:
        right, down = float(settings.in_right), float(settings.in_down)
        inside.append(image.Translate(dx=(right, right), dy=(down, down)))
    inside += values(settings.in_gamma, settings.in_noise)
    outside = values(settings.out_gamma, settings.out_noise)
    if settings.out_bias:
        outside.append(augment.BiasField(settings.out_bias))
    return augment.Differential(inside=in_turn(inside), outside=in_turn(outside))


def values(gamma: float, noise: float) -> list[Transform]:
    """Changes of values, those that do something."""
    changes: list[Transform] = [augment.Gamma((gamma, gamma))] if gamma != 1 else []
    return [*changes, augment.RicianNoise((noise, noise))] if noise else changes


def in_turn(transforms: list[Transform]) -> Transform:
    """All of them, or nothing."""
    return Compose(transforms) if transforms else Identity()


def result(settings: Settings) -> tuple[Images, Masks]:
    """The scan under both policies, and its mask."""
    x, mask = original(settings)
    moved = policy(settings)(x, mask=mask, generator=settings.generator())
    return moved.x, moved.mask


@remembered(len(LESSONS))
def network(lesson: str) -> nets.UNet:
    """A small U-Net that has learned sixteen other scans, without augmentation or with changes of intensity."""
    x, mask = slices(LEARNED, 5)
    g = torch.Generator().manual_seed(0)
    with nets.seeded_weights(0):
        net = nets.UNet(1, prior=0.03, mean=0.35, std=0.25)
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-2, total_steps=STEPS + 1)
    scanner = Compose([augment.Gamma(), augment.BiasField(0.3), augment.RicianNoise((0.0, 0.1))])
    step = augment.segmentation_step(net, optimizer, policy=None if lesson == LESSONS[0] else scanner, generator=g)
    chosen = [torch.randint(LEARNED, (8,), generator=g) for _ in range(STEPS)]
    train.fit(step, [(x[i], mask[i]) for i in chosen], epochs=1, on_step=schedule)
    return net.eval()


def waiting(settings: Settings) -> str:
    """What to say while the networks learn."""
    return "" if all(network.knows(lesson) for lesson in LESSONS) else "Two small networks are learning: a few seconds."


def predicted(lesson: str, x: Images) -> Masks:
    """What a network takes for a tumour."""
    return metrics.predict(network(lesson), x)[:, 0] > 0


def outlined(x: Images, mask: Masks, colour: str) -> Tensor:
    """The scan, magnified, with the outline of a mask: a line as wide as a pixel would hide a small tumour."""
    large = mask.repeat_interleave(ZOOM, 1).repeat_interleave(ZOOM, 2)
    scan = x[0].clamp(0, 1).repeat_interleave(ZOOM, 1).repeat_interleave(ZOOM, 2)
    return torch.where(masks.edge(large), rgb(colour).to(x), scan.expand(3, -1, -1))


def show_original(settings: Settings) -> Picture:
    """The scan with the true outline."""
    x, mask = original(settings)
    return Picture(
        outlined(x, mask, BLUE), f"{settings.scan} with the outline of its tumour, {int(mask.sum())} pixels."
    )


def show_result(settings: Settings) -> Picture:
    """The scan under both policies."""
    x, mask = result(settings)
    before = original(settings)[0]
    share = float((x != before).double().mean())
    return Picture(outlined(x, mask, BLUE), f"The result: {share:.0%} of the pixels of {settings.scan} changed.")


def show_prediction(settings: Settings, *, lesson: str) -> str:
    """The outline that a network draws, as HTML: it may have to wait."""
    x, mask = result(settings)
    p = predicted(lesson, x)
    words = (
        f"Trained with {lesson}: {int(p.sum())} pixels are called a tumour, Dice {float(metrics.dice(p, mask)):.2f}."
    )
    return Picture(outlined(x, p, VERMILION), words).html()


def scores(settings: Settings) -> list[tuple[str, float]]:
    """The Dice of both networks before and after."""
    rows = []
    for lesson, name in zip(LESSONS, ("plain", "intensity"), strict=True):
        for when, (x, mask) in (("before", original(settings)), ("after", result(settings))):
            rows.append((f"{name}, {when}", float(metrics.dice(predicted(lesson, x), mask))))
    return rows


def show_dice(settings: Settings) -> str:
    """The Dice as bars."""
    dices = scores(settings)
    rows = [Bar(name, v, f"{v:.2f}", VERMILION if "after" in name else BLUE, bold="after" in name) for name, v in dices]
    axes = Axes((0, 1), (len(rows), 0), height=24 * len(rows), left=112, right=36).bars(rows)
    return axes.svg(f"Dice: {'; '.join(f'{name} {v:.2f}' for name, v in dices)}.")


def show_code(settings: Settings) -> str:
    """The same in python."""
    sides = []
    for name, transforms in zip(("inside", "outside"), parts(settings), strict=True):
        if transforms:
            sides.append(f"    {name}=Compose([{', '.join(transforms)}]),\n")
    return listing(
        f"policy = medical.Differential(\n{''.join(sides)})\n"
        f"g = torch.Generator().manual_seed({settings.seed})\n"
        "result = policy(x, mask=mask, generator=g)\nresult.x, result.mask"
    )


def medical() -> Explorer:
    """A scan, a policy for its tumour and one for the rest, and the Dice of two networks."""
    rows = [
        [View("Scan", show_original), View("Result", show_result)],
        [
            View(f"Learned with {lesson}", partial(show_prediction, lesson=lesson), html=True, wait=waiting)
            for lesson in LESSONS
        ],
        [View("Dice", show_dice, html=True, wait=waiting)],
    ]
    return Explorer(Settings(), rows, below=[View("The same in python", show_code, html=True)])
