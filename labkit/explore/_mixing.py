"""The explorer of topic 02: two pictures mixed, the label that goes with it, and what mixing does to a boundary.

The left column says how two pictures are mixed; the panel shows the mixture and its label, and both as code. The last
row is a small network's opinion of the plane, trained on two moons without mixing and with mixup at the chosen α.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from labkit import data, metrics, nets, train
from labkit.augment import mixing as augment
from labkit.explore import pictures
from labkit.explore.axes import Axes, Bar
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture, rgb
from labkit.explore.svg import BLUE, VERMILION
from labkit.shapes import Float

SIDE = 200  # pixels: of the pictures and of the plane
PHOTOGRAPHS = ("cat", *(name for name in pictures.PHOTOGRAPHS if name != "cat"))
DIGITS = tuple(f"digit {k}" for k in range(10))
FIRST = (*PHOTOGRAPHS, *DIGITS)
SECOND = ("astronaut", *(name for name in FIRST if name != "astronaut"))
METHODS = ("mixup", "CutMix")
MIXTURE, PLANE = "Mixture", "Boundary"
POINTS, STEPS = 60, 400
LOW, HIGH = (-1.7, -1.4), (2.7, 1.9)  # the corners of the plane that is shown


@dataclass(frozen=True)
class Settings(State):
    """What the sliders say."""

    first: str = choice(FIRST, label="picture")
    second: str = choice(SECOND, label="partner")
    method: str = choice(METHODS, label="method", help="blend the whole picture, or paste a box of the partner")
    lambda_: float = slider(
        0.6, 0, 1, step=0.01, label="λ", group=MIXTURE, draw=(0, 1), help="how much the picture keeps"
    )
    box_x: float = slider(50, 0, 100, step=1, label="from left (%)", group=MIXTURE, draw=(0, 100))
    box_y: float = slider(50, 0, 100, step=1, label="from top (%)", group=MIXTURE, draw=(0, 100))
    alpha: float = slider(
        1, 0, 16, step=0.1, label="α", group=PLANE, draw=(0.2, 8), help="λ is drawn from Beta(α, α) for each pair"
    )
    wrong: float = slider(0.1, 0, 0.4, step=0.05, label="wrong labels", group=PLANE, draw=(0, 0.3))
    noise: float = slider(0.15, 0, 0.4, step=0.05, label="noise", group=PLANE, draw=(0.05, 0.3))


@remembered(20)
def picture(name: str) -> Tensor:
    """The picture called ``name``: (1, 3, SIDE, SIDE)."""
    if name.startswith("digit "):
        digit = pictures.typical_digit(int(name.removeprefix("digit ")))
        return digit.repeat_interleave(SIDE // 8, 2).repeat_interleave(SIDE // 8, 3).expand(1, 3, SIDE, SIDE)
    return pictures.square_photograph(name, SIDE)


def box(settings: Settings) -> Tensor:
    """CutMix's box for λ around the chosen place: (2, 4), the same for both pictures."""
    centre = [min(int(v * SIDE / 100), SIDE - 1) for v in (settings.box_x, settings.box_y)]
    lambda_ = torch.full((2,), float(settings.lambda_))
    return augment.cutmix_boxes(lambda_, centres=torch.tensor([centre, centre]), size=(SIDE, SIDE))


def mixture(settings: Settings) -> Tensor:
    """The mixture: (3, SIDE, SIDE)."""
    pair = torch.cat([picture(settings.first), picture(settings.second)])
    if settings.method == "mixup":
        return augment.mixup(pair, partner=torch.tensor([1, 0]), lambda_=settings.lambda_)[0]
    return augment.cutmix(pair, partner=torch.tensor([1, 0]), boxes=box(settings))[0]


def kept(settings: Settings) -> float:
    """The share of the label that the first picture keeps: λ, or what is left of its area."""
    if settings.method == "mixup":
        return settings.lambda_
    return float(augment.share_kept(box(settings), size=(SIDE, SIDE))[0])


def label(settings: Settings) -> dict[str, float]:
    """The mixed label by name."""
    share = kept(settings)
    if settings.first == settings.second:
        return {settings.first: 1.0}
    return {settings.first: share, settings.second: 1 - share}


def sample(settings: Settings) -> tuple[Tensor, Tensor]:
    """The moons that the network learns, with some labels exchanged: (POINTS, 2), (POINTS,)."""
    g = settings.generator()
    moons = data.simulate.moons(POINTS, generator=g, noise=settings.noise)
    flipped = torch.randperm(POINTS, generator=g)[: round(settings.wrong * POINTS)]
    y = moons.y.clone()
    y[flipped] = 1 - y[flipped]
    return moons.x, y


def setting(settings: Settings, *, mixed: bool) -> tuple[float, float, float, int]:
    """What the network is trained for; α = 0 is without mixing."""
    return settings.alpha if mixed else 0.0, settings.wrong, settings.noise, settings.seed


def surface(settings: Settings, *, mixed: bool) -> Float[Tensor, "h w"]:
    """The network's probability of the lower moon over the plane, rows from top to bottom."""
    return trained(*setting(settings, mixed=mixed))


@remembered(32)
def trained(alpha: float, wrong: float, noise: float, seed: int) -> Tensor:
    """Train with mixup at α and look at the plane."""
    x, y = sample(Settings(wrong=wrong, noise=noise, seed=seed))
    targets, g = augment.one_hot(y, classes=2), torch.Generator().manual_seed(seed)
    with nets.seeded_weights(seed):
        net = nets.MLP(2, 2, hidden=(64, 64), mean=0.0, std=1.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    mix = augment.Mixup(alpha=alpha)
    learn = train.supervised_step(net, optimizer, loss=augment.soft_cross_entropy)

    def step(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        mixed = mix(batch[0], y=batch[1], generator=g)
        return learn((mixed.x, mixed.y))

    train.fit(step, [(x, targets)] * STEPS, epochs=1, on_step=schedule)
    half = SIDE // 2
    across, down = torch.linspace(LOW[0], HIGH[0], half), torch.linspace(HIGH[1], LOW[1], half)
    plane = torch.stack(torch.meshgrid(across, down, indexing="xy"), -1).reshape(-1, 2)
    return metrics.predict(net, plane, batch_size=len(plane)).softmax(1)[:, 1].view(half, half)


def drawn(p: Float[Tensor, "h w"], x: Tensor, y: Tensor) -> Tensor:
    """The plane as a picture (3, SIDE, SIDE): shades of two colours, the boundary as a dark line, points on top."""
    p = p.repeat_interleave(2, 0).repeat_interleave(2, 1)
    upper, lower = rgb(BLUE), rgb(VERMILION)
    shade = upper + p * (lower - upper)
    canvas = 0.45 * shade + 0.55
    side = p > 0.5
    edge = torch.zeros_like(side)
    edge[1:] |= side[1:] != side[:-1]
    edge[:, 1:] |= side[:, 1:] != side[:, :-1]
    canvas = torch.where(edge, torch.zeros_like(canvas), canvas)
    low, high = torch.tensor(LOW), torch.tensor(HIGH)
    place = ((x - low) / (high - low) * (SIDE - 1)).round().long().clamp(4, SIDE - 5)
    for dx, dy, upper_moon in stamps():
        inside = y == 0 if upper_moon else y == 1
        rows, columns = SIDE - 1 - place[inside, 1] + dy, place[inside, 0] + dx
        canvas[:, rows, columns] = (upper if upper_moon else lower)[:, :, 0] * 0.6
    return canvas


def stamps() -> list[tuple[int, int, bool]]:
    """Offsets of the pixels of a mark, and whether it is the upper moon's disc or the lower moon's cross."""
    span = range(-3, 4)
    discs = [(dx, dy, True) for dx in span for dy in span if dx * dx + dy * dy <= 9]
    crosses = [(dx, dy, False) for dx in span for dy in span if abs(abs(dx) - abs(dy)) < 1]
    return discs + crosses


def show_first(settings: Settings) -> Picture:
    """The picture."""
    return Picture(picture(settings.first)[0], f"The picture: {settings.first}.")


def show_second(settings: Settings) -> Picture:
    """Its partner."""
    return Picture(picture(settings.second)[0], f"Its partner: {settings.second}.")


def show_mixture(settings: Settings) -> Picture:
    """The mixture."""
    shares = " and ".join(f"{p:.0%} {name}" for name, p in label(settings).items())
    return Picture(mixture(settings), f"The mixture by {settings.method}: {shares}.")


def show_label(settings: Settings) -> str:
    """The mixed label as bars, with a word on λ where the area differs from it."""
    shares = label(settings)
    rows = [Bar(name, p, f"{p:.2f}", c, bold=True) for (name, p), c in zip(shares.items(), (BLUE, VERMILION))]
    axes = Axes((0, 1), (len(rows), 0), height=34 * len(rows), left=80, right=36).bars(rows)
    if settings.method == "CutMix" and len(shares) == 2 and abs(kept(settings) - settings.lambda_) > 0.005:
        axes.under("")
        axes.under(f"λ was {settings.lambda_:.2f}; the label goes by the area")
    words = ", ".join(f"{name} {p:.2f}" for name, p in shares.items())
    return axes.svg(f"The label: {words}.")


def show_plane(settings: Settings, *, mixed: bool) -> Picture:
    """The boundary of the network, trained without or with mixup."""
    x, y = sample(settings)
    p = surface(settings, mixed=mixed)
    sure = float(((p - 0.5).abs() > 0.45).double().mean())
    how = f"with mixup, α {settings.alpha:g}" if mixed else "without mixing"
    return Picture(drawn(p, x, y), f"The plane {how}: the network is surer than 95% on {sure:.0%} of it.")


def boundary(settings: Settings, *, mixed: bool) -> str:
    """``show_plane`` as HTML: a view that may have to wait must be able to say so in words."""
    return show_plane(settings, mixed=mixed).html()


def waiting(settings: Settings, *, mixed: bool) -> str:
    """What to say while the network is being trained."""
    ready = trained.knows(*setting(settings, mixed=mixed))
    return "" if ready else "A small network is learning the moons: about a second."


def show_code(settings: Settings) -> str:
    """The mixture as code to copy."""
    pair = "j = torch.tensor([1, 0])                      # each is the other's partner\n"
    if settings.method == "mixup":
        lines = (
            f"{pair}x2 = mixing.mixup(x, partner=j, lambda_={settings.lambda_})\n"
            f"y2 = mixing.mixup(y, partner=j, lambda_={settings.lambda_})"
        )
    else:
        lines = (
            f"{pair}boxes = torch.tensor({box(settings).tolist()})\nx2 = mixing.cutmix(x, partner=j, boxes=boxes)\n"
            f"y2 = mixing.mixup(y, partner=j, lambda_=mixing.share_kept(boxes, size=({SIDE}, {SIDE})))"
        )
    return listing(lines)


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect: mixup has no box."""
    return ["box_x", "box_y"] if settings.method == "mixup" else []


def mixing() -> Explorer:
    """Two pictures, λ and a box; the label; and the boundary of a small network."""
    rows = [
        [View("Picture", show_first), View("Partner", show_second)],
        [View("Mixture", show_mixture), View("Its label", show_label, html=True)],
        [
            View(
                "Boundary without mixing", partial(boundary, mixed=False), html=True, wait=partial(waiting, mixed=False)
            ),
            View("Boundary with mixup", partial(boundary, mixed=True), html=True, wait=partial(waiting, mixed=True)),
        ],
    ]
    return Explorer(
        Settings(), rows, below=[View("The same in python", show_code, html=True)], disabled=disabled_controls
    )
