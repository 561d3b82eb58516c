"""The explorer of topic 10: an agent that learns by REINFORCE which of seventeen operations to keep.

Its world is ``learned.PolicyWorld`` on fifty digits. For each operation eight children have been trained once; a
decision is rewarded with one of their accuracies, drawn at random, so that a search takes no time.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit import data, train
from labkit import learned as topic
from labkit.explore.axes import Axes, Bar
from labkit.explore.base import State, View, choice, remembered, slider, switch
from labkit.explore.charts import listing
from labkit.explore.panel import Explorer
from labkit.explore.pictures import Picture
from labkit.explore.svg import BLUE, INK, VERMILION

NAMES = topic.OPERATIONS
CHILDREN = 8
AGENT = "Agent"
SHOWN = ("translate_x", "rotate", "shear_x", "hflip", "vflip", "invert")


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    updates: float = slider(60, 0, 200, step=5, label="updates", group=AGENT)
    tries: float = slider(4, 1, 16, step=1, label="tries an update", group=AGENT, help="rewards for each update")
    rate: float = slider(0.1, 0.02, 0.5, step=0.02, label="rate", group=AGENT, help="of Adam on the logits")
    scale: float = slider(50, 5, 200, step=5, label="scale of rewards", group=AGENT,
                          help="an accuracy of 80 % counts as 0.8 times this")  # fmt: skip
    entropy: float = slider(0, 0, 2, step=0.1, label="bonus for entropy", group=AGENT)
    without: bool = switch(label="no baseline", group=AGENT, help="the moving mean of rewards isn't taken away")
    shown: str = choice(SHOWN, label="show", help="the operation whose pictures are shown")


def world() -> topic.PolicyWorld:
    """Fifty digits to learn from, four hundred that decide on rewards."""
    d, g = data.digits("train", seed=0), torch.Generator().manual_seed(0)
    order = torch.randperm(len(d.x), generator=g)
    a, b = order[:50], order[50:450]
    return topic.PolicyWorld(d.x[a], d.y[a], d.x[b], d.y[b], generator=g)


@remembered(1)
def recorded() -> Tensor:
    """The accuracies of CHILDREN children for each operation, (17, CHILDREN)."""
    return world().reward(torch.arange(len(NAMES)).repeat_interleave(CHILDREN)).view(-1, CHILDREN)


@remembered(24)
def result(settings: Settings) -> Tensor:
    """The probabilities after each update, (updates + 1, 17)."""
    table, g = recorded(), settings.generator()
    agent = topic.Agent(len(NAMES), decay=None if settings.without else 0.9)

    def reward(actions: Tensor) -> Tensor:
        return settings.scale * table[actions, torch.randint(CHILDREN, actions.shape, generator=g)]

    optimizer = torch.optim.Adam(agent.parameters(), lr=settings.rate)
    step = topic.SearchStep(
        agent, reward, optimizer, tries=int(settings.tries), entropy=settings.entropy, generator=g
    )  # fmt: skip
    paths = [agent.probabilities]
    train.fit(step, [None], epochs=int(settings.updates), on_epoch=lambda _: paths.append(agent.probabilities))
    return torch.stack(paths)


def code(settings: Settings) -> str:
    """The same in python: what it makes of ``table`` is the last line of what the panel shows."""
    decay = ", decay=None" if settings.without else ""
    return (
        f"g = torch.Generator().manual_seed({settings.seed})\n"
        f"agent = learned.Agent({len(NAMES)}{decay})\n"
        f"def reward(a):\n"
        f"    return {settings.scale!r} * table[a, torch.randint({CHILDREN}, a.shape, generator=g)]\n\n"
        f"optimizer = torch.optim.Adam(agent.parameters(), lr={settings.rate!r})\n"
        f"step = learned.SearchStep(agent, reward, optimizer, tries={int(settings.tries)}, "
        f"entropy={settings.entropy!r}, generator=g)\n"
        f"train.fit(step, [None], epochs={int(settings.updates)})\n"
        f"p = agent.probabilities"
    )


def show_policy(settings: Settings) -> str:
    """The probability of each operation, the best first in the order of what it earns."""
    p, worth = result(settings)[-1], recorded().mean(1)
    order = worth.argsort(descending=True).tolist()
    rows = [
        Bar(f"{NAMES[k]} {float(worth[k]):.0%}", float(p[k]), f"{float(p[k]):.0%}",
            VERMILION if NAMES[k] == settings.shown else BLUE, bold=NAMES[k] == settings.shown)
        for k in order
    ]  # fmt: skip
    axes = Axes((0, 1), (len(rows), 0), height=18 * len(rows), left=120, right=40).bars(rows)
    axes.above("operation, accuracy; probability")
    best = p.argmax().item()
    return axes.svg(f"The agent's policy: {NAMES[int(best)]} has {float(p.max()):.0%}.")


def show_path(settings: Settings) -> str:
    """The expected accuracy under the policy after each update, beside the best and the mean operation."""
    worth = recorded().mean(1)
    expected = (result(settings) @ worth).tolist()
    low, high = float(worth.min()) - 0.005, float(worth.max()) + 0.005
    axes = Axes((0, max(1, len(expected) - 1)), (low, high), height=190, left=46)
    axes.rule(y=float(worth.max())).rule(y=float(worth.mean()))
    axes.line(list(range(len(expected))), expected, colour=BLUE)
    axes.xticks([0, len(expected) - 1]).yticks([float(worth.mean()), float(worth.max())], ["mean", "best"])
    axes.above("expected accuracy of a child", colour=INK).under("updates")
    return axes.svg(f"Expected accuracy from {expected[0]:.1%} to {expected[-1]:.1%}; the best is {high - 0.005:.1%}.")


def show_pictures(settings: Settings) -> Picture:
    """A digit under the operation that is chosen, at six magnitudes."""
    digit = world().x[:1].expand(6, -1, -1, -1)
    number = torch.full((6,), NAMES.index(settings.shown))
    y = topic.apply_operations(digit, number, magnitude=torch.linspace(0, 1, 6))
    row = torch.cat([torch.nn.functional.pad(v, (0, 1), value=1.0) for v in y], dim=2)
    return Picture(row, f"A digit under {settings.shown} at magnitudes from 0 to 1.")


def show_code(settings: Settings) -> str:
    """The same as code to copy."""
    return listing(code(settings))


def disabled_controls(settings: Settings) -> Collection[str]:
    """All controls have an effect."""
    return ()


def learned() -> Explorer:
    """Open the explorer of learned augmentation: an agent, its rewards, and what it keeps."""
    rows = [
        [View("Policy", show_policy, html=True), View("What it earns", show_path, html=True)],
        [View("The operation", show_pictures)],
    ]
    return Explorer(Settings(), rows, below=[View("The same in python", show_code, html=True)])
