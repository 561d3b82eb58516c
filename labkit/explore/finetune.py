"""The explorer of topic 14: how deep to freeze, with what then learns and what comes of it.

Trainings of every depth, on two tasks with 1 to 100 examples a class, would take minutes; their accuracies come with
labkit (``benchmarks/finetune.py`` wrote them, five draws each), so that the slider moves at once.
"""

from dataclasses import dataclass
from functools import cache
from math import log

from labkit import finetune as method
from labkit.explore.base import State, View, choice, slider
from labkit.explore.charts import listing, note, svg, text
from labkit.explore.panel import Explorer
from labkit.finetune.bundled import Measured, depths
from labkit.nets import parameter_count
from labkit.plot import PALETTE

WIDTH, TALL = 250, 176
STAGES = 4
LEFT, RIGHT, TOP, BASE = 38, WIDTH - 12, 24, 142
DASHES = 'stroke-dasharray="5 3"'
TASKS = {"real digits (similar)": "handwriting", "patches of photographs (different)": "textures"}
COUNTS = ("5", "1", "20", "100")
"""Examples a class; the first is where the explorer begins."""


@dataclass(frozen=True)
class Settings(State):
    """What the controls say."""

    task: str = choice(tuple(TASKS), label="new task", help="what the pretrained network is to learn")
    depth: float = slider(2, 0, STAGES, step=1, label="frozen stages", group="Freezing", draw=(0, 4),
                          help="0: everything learns; 4: the head alone")  # fmt: skip
    examples: str = choice(COUNTS, label="examples", group="Freezing", help="labelled images of each class")


@cache
def parameters() -> tuple[int, ...]:
    """Of each stage of the small network and of a head for ten classes."""
    base = method.new_head(method.base_model(method.small_cnn()), 10)
    return tuple(parameter_count(part) for part in (*method.stages(base), base.head))


def measured(settings: Settings, strategy: str, examples: str | None = None) -> Measured:
    """Accuracy of a depth, ``"0"`` … ``"4"``, or of ``"scratch"``, on the task of the settings."""
    return depths()[TASKS[settings.task]][examples or settings.examples][strategy]


def counts(settings: Settings) -> tuple[int, int]:
    """Trainable and frozen parameters."""
    sizes, depth = parameters(), int(settings.depth)
    return sum(sizes[depth:]), sum(sizes[:depth])


def show_parameters(settings: Settings) -> str:
    """A bar for each stage, pale where it is frozen."""
    sizes, depth, row, left = parameters(), int(settings.depth), 26, 58
    trainable, frozen = counts(settings)
    parts = [text(2, 12, f"{trainable:,} learn, {frozen:,} rest", bold=True)]
    for i, size in enumerate(sizes):
        y, name = 22 + i * row, f"stage {i + 1}" if i < STAGES else "head"
        rests = i < depth
        paint = 'fill="currentColor" opacity="0.22"' if rests else f'fill="{PALETTE[1]}"'
        parts.append(text(left - 6, y + 14, name, anchor="end"))
        parts.append(
            f'<rect x="{left}" y="{y}" width="{max(1.5, 92 * size / max(sizes)):.1f}" height="{row - 8}" {paint}/>'
        )
        parts.append(text(left + 98, y + 14, f"{size:,}{' ❄' if rests else ''}", soft=rests))
    return svg(
        parts, WIDTH, TALL - 10, f"{depth} of {STAGES} stages frozen: {trainable} parameters learn, {frozen} rest."
    )


def place(value: float, low: float, high: float) -> float:
    """The height of an accuracy."""
    return BASE - (BASE - TOP) * (value - low) / (high - low)


def span(values: list[Measured]) -> tuple[float, float]:
    """The accuracies that a chart has to hold, on a grid of five points in a hundred."""
    low, high = min(v.mean - v.std for v in values), max(v.mean + v.std for v in values)
    return max(0.0, int(low * 20) / 20), min(1.0, (int(high * 20) + 1) / 20)


def frame(low: float, high: float, below: str) -> list[str]:
    """Axes with their ends."""
    return [
        f'<path d="M{LEFT} {TOP} V{BASE} H{RIGHT}" fill="none" stroke="currentColor" opacity="0.4"/>',
        text(LEFT - 4, TOP + 6, f"{high:.0%}", anchor="end", soft=True),
        text(LEFT - 4, BASE, f"{low:.0%}", anchor="end", soft=True),
        text((LEFT + RIGHT) / 2, BASE + 28, below, anchor="middle", soft=True),
    ]


def show_depths(settings: Settings) -> str:
    """Accuracy against the number of frozen stages, ± one deviation, and from scratch as a dashed line."""
    values = [measured(settings, str(d)) for d in range(STAGES + 1)]
    scratch = measured(settings, "scratch")
    low, high = span([*values, scratch])
    parts = frame(low, high, "frozen stages")
    y = place(scratch.mean, low, high)
    parts.append(
        f'<path d="M{LEFT} {y:.1f} H{RIGHT}" stroke="{PALETTE[1]}" stroke-width="1.6" stroke-dasharray="5 3"/>'
    )
    parts.append(text(LEFT, 12, "● transferred"))
    parts.append(text(RIGHT, 12, f"- - scratch {scratch.mean:.1%}", anchor="end"))
    xs = [LEFT + 12 + (RIGHT - LEFT - 24) * d / STAGES for d in range(STAGES + 1)]
    line = " L".join(f"{x:.1f} {place(v.mean, low, high):.1f}" for x, v in zip(xs, values))
    parts.append(f'<path d="M{line}" fill="none" stroke="{PALETTE[0]}" stroke-width="1.6"/>')
    for d, (x, v) in enumerate(zip(xs, values)):
        here = d == int(settings.depth)
        up, y, down = (place(v.mean + sign * v.std, low, high) for sign in (1, 0, -1))
        parts.append(f'<path d="M{x:.1f} {up:.1f} V{down:.1f}" stroke="{PALETTE[0]}" opacity="0.5"/>')
        parts.append(
            f'<circle cx="{x:.1f}" cy="{place(v.mean, low, high):.1f}" r="{6 if here else 3}" fill="{PALETTE[0]}"/>'
        )
        parts.append(text(x, BASE + 14, str(d), anchor="middle", bold=here))
    summary = ", ".join(f"{d} frozen {v.mean:.1%}" for d, v in enumerate(values))
    return svg(parts, WIDTH, TALL, f"{settings.examples} examples a class: {summary}; from scratch {scratch.mean:.1%}.")


def show_examples(settings: Settings) -> str:
    """Accuracy against the number of examples: this depth, and from scratch."""
    order = sorted(COUNTS, key=int)
    lines = {name: [measured(settings, name, n) for n in order] for name in (str(int(settings.depth)), "scratch")}
    low, high = span([v for values in lines.values() for v in values])
    parts = frame(low, high, "examples a class")
    xs = [LEFT + 12 + (RIGHT - LEFT - 24) * log(int(n)) / log(100) for n in order]
    for values, colour, dashes in zip(lines.values(), PALETTE, ("", DASHES)):
        path = " L".join(f"{x:.1f} {place(v.mean, low, high):.1f}" for x, v in zip(xs, values))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.8" {dashes}/>')
    for x, n in zip(xs, order):
        parts.append(text(x, BASE + 14, n, anchor="middle", bold=n == settings.examples))
    parts.append(text(LEFT, 12, f"— frozen: {int(settings.depth)} of {STAGES}"))
    parts.append(text(RIGHT, 12, "- - scratch", anchor="end"))
    summary = "; ".join(
        f"{name}{' frozen' * name.isdigit()}: " + ", ".join(f"{v.mean:.1%} with {n}" for v, n in zip(values, order))
        for name, values in lines.items()
    )
    return svg(parts, WIDTH, TALL, f"Accuracy against examples a class. {summary}.")


def show_note(settings: Settings) -> str:
    """What the figures say at this setting."""
    here, scratch = measured(settings, str(int(settings.depth))), measured(settings, "scratch")
    gain = 100 * (here.mean - scratch.mean)
    doubt = 100 * max(here.std, scratch.std)
    verdict = (
        "Transfer helps" if gain > doubt else "Transfer harms" if gain < -doubt else "It makes no clear difference"
    )
    words = (
        f"{verdict}: {here.mean:.1%} ± {100 * here.std:.1f} against {scratch.mean:.1%} ± {100 * scratch.std:.1f} "
        f"from scratch ({gain:+.1f} points), mean and deviation of five draws. The network has learned characters and "
        f"shapes drawn by a program; chance is 10 %."
    )
    return note(words)


def show_code(settings: Settings) -> str:
    """The steps that do this."""
    depth, task = int(settings.depth), TASKS[settings.task]
    call = (
        f"learn, test = finetune.{task}({'' if task == 'handwriting' else 'generator=g'})\n"
        f"few = learn.subset(per_class={settings.examples}, generator=g)\n"
        f"model = finetune.freeze(finetune.base_model(finetune.load('small_cnn')))\n"
        f"model = finetune.new_head(model, 10, generator=g)\n"
        f"finetune.train_head(model, finetune.cached_features(model, few.x), few.y)"
    )
    if depth < STAGES:
        epochs = max(1, round(150 / -(-10 * int(settings.examples) // 32)))
        call += f"\nfinetune.freeze(model, {depth})"
        call += f"\nfinetune.fine_tune(model, few.x, few.y, lr=2e-3, factor=1.0, epochs={epochs}, generator=g)"
    return listing(call)


def finetune() -> Explorer:
    """Open the explorer of fine-tuning: how many stages to freeze, on which task, with how many examples."""
    rows = [
        [View("What learns", show_parameters, html=True), View("Accuracy against depth", show_depths, html=True)],
        [View("Accuracy against examples", show_examples, html=True), View("What it says", show_note, html=True)],
    ]
    return Explorer(Settings(), rows, below=[View("The same in python", show_code, html=True)])
