"""The explorer of GANs: walk through a latent space while two losses look on, and take a visual Turing test.

The walk goes from one random z to another, for a class of your choice. D's logit of the picture you see is the dot on
the curves of the generator's two losses. In the test, ten pictures are real or generated: tick what you take for
generated.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from labkit import data
from labkit import gan as networks
from labkit.explore.axes import Axes
from labkit.explore.base import State, View, choice, remembered, slider, switch
from labkit.explore.charts import listing, note
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture
from labkit.explore.svg import BLUE, VERMILION
from labkit.nets import eval_mode

MODELS = {"liver lesions": "lesions", "handwritten digits": "digits"}
PATHS = ("along the sphere", "straight")
SOURCES = ("the GAN", "a memoriser")
WALK, TEST = "Walk", "Test"
ASKED = 10  # pictures in the test
REACH = 6.0  # the chart's logits go from −REACH to REACH


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    model: str = choice(tuple(MODELS), label="GAN of")
    kind: float = slider(0, 0, 9, step=1, label="class", group=WALK, draw=(0, 9), help="lesions have three: 0, 1, 2")
    t: float = slider(0, 0, 1, step=0.05, label="way t", group=WALK, draw=(0, 1), help="from one z to another")
    path: str = choice(PATHS, label="path", group=WALK)
    source: str = choice(SOURCES, label="fakes from", group=TEST)
    a: bool = switch(label="1 is generated", group=TEST)
    b: bool = switch(label="2 is generated", group=TEST)
    c: bool = switch(label="3 is generated", group=TEST)
    d: bool = switch(label="4 is generated", group=TEST)
    e: bool = switch(label="5 is generated", group=TEST)
    f: bool = switch(label="6 is generated", group=TEST)
    g: bool = switch(label="7 is generated", group=TEST)
    h: bool = switch(label="8 is generated", group=TEST)
    i: bool = switch(label="9 is generated", group=TEST)
    j: bool = switch(label="10 is generated", group=TEST)
    reveal: bool = switch(label="tell me", group=TEST, help="shows which are generated, and your score")

    def ticked(self) -> Tensor:
        """Which of the ten are taken for generated."""
        return torch.tensor([getattr(self, name) for name in "abcdefghij"])


@remembered(2)
def opened(model: str) -> networks.PretrainedGAN:
    """The GAN."""
    return networks.pretrained(MODELS[model])


@remembered(2)
def training(model: str) -> data.Dataset:
    """What it was trained on."""
    if MODELS[model] == "digits":
        return data.digits("train")
    return data.simulate.lesions(generator=torch.Generator().manual_seed(0), size=32)


@remembered(2)
def unseen(model: str) -> data.Dataset:
    """Real pictures it never saw."""
    if MODELS[model] == "digits":
        return data.digits("test")
    return data.simulate.lesions(300, generator=torch.Generator().manual_seed(77), size=32)


def label(settings: Settings) -> int:
    """The class; the last one where the GAN has fewer than the slider."""
    return min(int(settings.kind), len(training(settings.model).classes) - 1)


@remembered(64)
def walked(model: str, kind: int, path: str, seed: int) -> tuple[Tensor, Tensor]:
    """The pictures of a walk (21, C, H, W), and D's logits of them (21,)."""
    G, D, _ = opened(model)
    ends = torch.randn(2, G.latent, generator=torch.Generator().manual_seed(seed))
    way = networks.slerp if path == PATHS[0] else networks.lerp
    z = way(ends[0], ends[1], torch.linspace(0, 1, 21))
    with eval_mode(G), eval_mode(D), torch.no_grad():
        x = G(z, torch.full((21,), kind))
        return x, D(x)


def here(settings: Settings) -> tuple[Tensor, float]:
    """The picture of the walk where the slider stands, (C, H, W), and D's logit of it."""
    x, s = walked(settings.model, label(settings), settings.path, settings.seed)
    at = round(20 * settings.t)
    return x[at], float(s[at])


def show_walk(settings: Settings) -> Picture:
    """The picture at t."""
    x, s = here(settings)
    name = training(settings.model).classes[label(settings)]
    return Picture(
        x, f"A generated {name}, at t = {settings.t:.2f} of the walk; D takes it for real at {sigmoid(s):.0%}."
    )


def show_strip(settings: Settings) -> Picture:
    """The whole walk, nine pictures in three rows."""
    x, _ = walked(settings.model, label(settings), settings.path, settings.seed)
    some = functional.pad(x[[0, 2, 5, 8, 10, 12, 15, 18, 20]], (1, 1, 1, 1), value=1.0)
    rows = [torch.cat(list(some[i : i + 3]), dim=2) for i in (0, 3, 6)]
    return Picture(torch.cat(rows, dim=1), "The whole walk in nine pictures, row by row.")


def show_nearest(settings: Settings) -> Picture:
    """The training picture that is nearest to it."""
    x, seen = here(settings)[0], training(settings.model)
    nearest = networks.nearest_neighbours(x[None], seen.x)
    usual = networks.nearest_neighbours(unseen(settings.model).x[:100], seen.x).distance.median()
    words = f"{float(nearest.distance[0]):.2f} away; new real pictures are {float(usual):.2f} away on average"
    return Picture(seen.x[int(nearest.which[0])], f"The nearest training picture, {words}.")


def sigmoid(s: float) -> float:
    """1 / (1 + e^−s)."""
    return 1 / (1 + math.exp(-s))


def softplus(s: float) -> float:
    """log(1 + e^s)."""
    return max(s, 0.0) + math.log1p(math.exp(-abs(s)))


def show_losses(settings: Settings) -> str:
    """The generator's two losses over D's logit, a dot where D stands for this picture, and how hard each pulls."""
    s = max(-REACH, min(REACH, here(settings)[1]))
    d, logits = sigmoid(s), [v / 4 for v in range(int(-4 * REACH), int(4 * REACH) + 1)]
    axes = Axes((-REACH, REACH), (-REACH, REACH), height=125, left=8, right=8)
    axes.above("−log D", key="line", colour=BLUE).above("log(1 − D)", key="dash", colour=VERMILION, end=True)
    axes.rule(x=0, dash=False, opacity=0.25).rule(y=0, dash=False, opacity=0.25)
    for colour, loss in ((BLUE, lambda v: softplus(-v)), (VERMILION, lambda v: -softplus(v))):
        axes.line(logits, [loss(v) for v in logits], colour=colour, dash=colour == VERMILION)
        axes.dots([s], [loss(s)], colour=colour, size=4.5)
    axes.xticks([-REACH, REACH], ["logit −6: fake", "6: real"])
    axes.under(f"D = {d:.2f}; pull of −log D {1 - d:.2f},", bold=True).under(f"of log(1 − D) {d:.2f}", bold=True)
    words = f"D says {d:.2f}; −log D is {softplus(-s):.2f}, log(1 − D) is {-softplus(s):.2f}."
    return axes.svg(f"The generator's two losses over D's logit: {words}")


@remembered(64)
def questions(model: str, source: str, seed: int) -> tuple[Tensor, Tensor]:
    """Ten pictures (10, C, H, W), and which of them are generated: five, in random order."""
    g = torch.Generator().manual_seed(seed)
    real = unseen(model).x
    pick = real[torch.randperm(len(real), generator=g)[: ASKED // 2]]
    if source == SOURCES[0]:
        fake = networks.sample(opened(model).generator, ASKED // 2, generator=g)
    else:
        real = training(model).x
        fake = real[torch.randperm(len(real), generator=g)[: ASKED // 2]]
        fake = (fake + 0.01 * torch.randn(fake.shape, generator=g)).clamp(0, 1)
    order = torch.randperm(ASKED, generator=g)
    return torch.cat([pick, fake])[order], (torch.arange(ASKED) >= ASKED // 2)[order]


def score(settings: Settings) -> int:
    """How many of the ten are named rightly."""
    return int((questions(settings.model, settings.source, settings.seed)[1] == settings.ticked()).sum())


def luck(hits: int) -> float:
    """The probability of as many or more by tossing a coin."""
    return sum(math.comb(ASKED, k) for k in range(hits, ASKED + 1)) / 2**ASKED


def show_test(settings: Settings) -> str:
    """The ten pictures with their numbers, and, if asked for, the truth."""
    x, generated = questions(settings.model, settings.source, settings.seed)
    cells = []
    for n, (picture, fake, taken) in enumerate(zip(x, generated.tolist(), settings.ticked().tolist()), start=1):
        truth = ("generated" if fake else "real") + (" ✓" if fake == taken else " ✗")
        words = f"{n}: {truth}" if settings.reveal else f"{n}{': generated?' if taken else ''}"
        cells.append(f'<div style="text-align: center">{Picture(picture, f"Picture {words}").html()}<br/>{words}</div>')
    style = "display: grid; grid-template-columns: repeat(5, 1fr); max-width: 620px; gap: 8px; line-height: 1.4"
    return f'<div style="{style}">{"".join(cells)}</div>'


def show_score(settings: Settings) -> str:
    """The reader's score, what luck would give, and what the test can't see."""
    if not settings.reveal:
        words = "Five of the ten are generated. Tick them in the tab “Test”, then “tell me”. Another seed, another ten."
    else:
        hits = score(settings)
        words = f"You named {hits} of {ASKED} rightly; a coin does as well or better in {luck(hits):.0%} of cases. "
        words += (
            "These fakes are training pictures with a breath of noise: nobody can tell them from real ones, and "
            "they add nothing. "
            "The test can't see that."
            if settings.source == SOURCES[1]
            else "Whatever the score: it says nothing about copies, about what is missing, or about use."
        )
    return note(words)


def show_code(settings: Settings) -> str:
    """The walk in python."""
    way = "slerp" if settings.path == PATHS[0] else "lerp"
    lines = (
        f"G, D, about = gan.pretrained({MODELS[settings.model]!r})\n"
        f"a, b = torch.randn(2, G.latent, generator=torch.Generator().manual_seed({settings.seed}))\n"
        f"z = gan.{way}(a, b, torch.tensor([{settings.t:g}]))\n"
        f"x = G(z, torch.tensor([{label(settings)}]))\ns = D(x)"
    )
    return listing(lines)


def disabled_controls(settings: Settings) -> Collection[str]:
    """Controls without effect: the ticks, once the truth is told, stay as they were."""
    return tuple("abcdefghij") if settings.reveal else ()


def gan() -> Explorer:
    """Open the explorer of GANs: a walk with the two losses, and a visual Turing test that scores you."""
    rows = [
        [View("Where the walk is", show_walk), View("The two losses here", show_losses, html=True)],
        [View("The whole walk", show_strip), View("Nearest training picture", show_nearest)],
    ]
    below = [
        View("Visual Turing test: which are generated?", show_test, html=True),
        View("Your score", show_score, html=True),
        View("The walk in python", show_code, html=True),
    ]
    return Explorer(Settings(), rows, below=below, disabled=disabled_controls)
