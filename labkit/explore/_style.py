"""The explorer of topic 11: a photograph, a style, the weight between them, and what is left of the distance in style.

The bars show the distance E of the Gram matrices, layer by layer, as a share of what it was before: those of the layers
that count in the loss, and those of the others, which follow or don't.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit import style as transfer
from labkit.explore.axes import Axes, Bar
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture, square_photograph
from labkit.explore.svg import BLUE, INK, VERMILION
from labkit.shapes import Images, PerSample

SIDE, SCALES = 40, 3
CONTENTS = ("cat", "astronaut", "coffee", "rocket", "flower")
STYLES = ("brick", "tissue", "flower", "galaxies", "gravel", "china")
LAYERS = ("all layers", "the finest", "the middle", "the coarsest")
SIZES = ("full size", "half size", "quarter size")
METHODS = ("style transfer", "colour transfer")
STARTS = ("content", "noise")
STYLE = "Style"


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    content: str = choice(CONTENTS, label="content")
    style: str = choice(STYLES, label="style")
    method: str = choice(METHODS, label="method", group=STYLE, help="by descent on the pixels, or one map of colours")
    strength: float = slider(2, 0, 5, step=0.5, label="strength log₁₀ β", group=STYLE, draw=(1, 5),
                             help="the weight of style; that of content is 1")  # fmt: skip
    layers: str = choice(LAYERS, label="layers", group=STYLE, help="whose Gram matrices count in the loss")
    start: str = choice(STARTS, label="start", group=STYLE)
    steps: float = slider(15, 0, 40, step=5, label="steps", group=STYLE)


def bank() -> transfer.FilterBank:
    """The encoder: random filters at three sizes of the picture."""
    return transfer.FilterBank(filters=16, scales=SCALES)


@remembered(16)
def picture(name: str) -> Images:
    """The middle of a photograph, (1, 3, SIDE, SIDE)."""
    return square_photograph(name, SIDE)


def chosen(settings: Settings) -> tuple[int, ...]:
    """The layers that count."""
    i = LAYERS.index(settings.layers)
    return tuple(range(SCALES)) if not i else (i - 1,)


@remembered(48)
def result(settings: Settings) -> Images:
    """What comes out, (1, 3, SIDE, SIDE)."""
    content, style = picture(settings.content), picture(settings.style)
    if settings.method == METHODS[1]:
        return transfer.colour_transfer(content, style)
    loss = transfer.PerceptualLoss(bank(), style, style_layers=chosen(settings), style_weight=10**settings.strength)
    generator = settings.generator()
    steps = int(settings.steps)
    return transfer.stylize_pixels(loss, content, start=settings.start, steps=steps, generator=generator).image


def code(settings: Settings) -> str:
    """The same in python: what it makes of ``content`` and ``painted`` is what the panel shows."""
    if settings.method == METHODS[1]:
        return "z = style.colour_transfer(content, painted)"
    layers = f", style_layers={chosen(settings)}" if settings.layers != LAYERS[0] else ""
    noise = f', start="noise", generator=torch.Generator().manual_seed({settings.seed})'
    start = noise if settings.start == "noise" else ""
    return (
        f"bank = style.FilterBank(filters=16, scales={SCALES})\n"
        f"loss = style.PerceptualLoss(bank, painted, style_weight=10**{settings.strength!r}{layers})\n"
        f"z = style.stylize_pixels(loss, content, steps={int(settings.steps)}{start}).image"
    )


def distances(x: Tensor, style: str) -> PerSample:
    """The distance E in style of a picture (1, 3, SIDE, SIDE) in each layer, (SCALES,)."""
    encoder = bank()
    pairs = zip(encoder(x), encoder(picture(style)))
    return torch.cat([transfer.gram_distance(transfer.gram(f), transfer.gram(a)) for f, a in pairs])


def show_content(settings: Settings) -> Picture:
    """The content picture."""
    return Picture(picture(settings.content)[0], f"The content: {settings.content}.")


def show_style(settings: Settings) -> Picture:
    """The style picture."""
    return Picture(picture(settings.style)[0], f"The style: {settings.style}.")


def show_result(settings: Settings) -> Picture:
    """What comes out."""
    words = f"{settings.content} by {settings.method} from {settings.style}"
    kept = float(transfer.edge_agreement(picture(settings.content), result(settings)))
    return Picture(result(settings)[0], f"{words}: edges kept {kept:.2f}.")


def show_distance(settings: Settings) -> str:
    """The distance in style of each layer as a share of the content's own, and the edges that are kept."""
    before = distances(picture(settings.content), settings.style)
    after = distances(result(settings), settings.style)
    left = [a / b if b > 0 else 0.0 for a, b in zip(after.tolist(), before.tolist())]
    counts = chosen(settings) if settings.method == METHODS[0] else ()
    rows = []
    for i, share in enumerate(left):
        colour = BLUE if i in counts else INK
        rows.append(Bar(SIZES[i], min(share, 1.2), f"{share:.0%}", colour, bold=i in counts))
    kept = float(transfer.edge_agreement(picture(settings.content), result(settings)))
    rows.append(Bar("edges kept", max(kept, 0.0), f"{kept:.2f}", VERMILION))
    axes = Axes((0, 1.2), (len(rows), 0), height=26 * len(rows), left=96, right=44).bars(rows).rule(x=1)
    axes.above("distance in style, of the content's own").under("bold: the layers that count")
    words = ", ".join(f"{size} {share:.0%}" for size, share in zip(SIZES, left))
    return axes.svg(f"Distance in style that is left: {words}. Edges kept: {kept:.2f}.")


def show_code(settings: Settings) -> str:
    """The same as code to copy."""
    return listing(code(settings))


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect: a map of colours has no strength, layers or steps."""
    return ("strength", "layers", "start", "steps") if settings.method == METHODS[1] else ()


def style() -> Explorer:
    """Open the explorer of style transfer: a content, a style, a strength, and what becomes of either."""
    rows = [
        [View("Content", show_content), View("Style", show_style)],
        [View("Result", show_result), View("What is left of the distance", show_distance, html=True)],
    ]
    below = [View("The same in python", show_code, html=True)]
    return Explorer(Settings(), rows, below=below, disabled=disabled_controls)
