"""The explorer of topic 14: how deep to freeze, with what then learns and what comes of it.

Trainings of every depth, on two tasks with 1 to 100 examples a class, would take minutes; their accuracies come with
labkit (``benchmarks/finetune.py`` wrote them, five draws each), so that the slider moves at once.
"""

from dataclasses import dataclass
from math import log

from labkit import finetune as method
from labkit.explore.axes import Axes, Bar
from labkit.explore.base import State, View, choice, remembered, slider
from labkit.explore.charts import listing, note
from labkit.explore.panel import Explorer
from labkit.explore.svg import BLUE, INK, VERMILION
from labkit.finetune.bundled import Measured, depths
from labkit.nets import parameter_count

STAGES = 4
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


@remembered(1)
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
    sizes, depth = parameters(), int(settings.depth)
    trainable, frozen = counts(settings)
    rows = [
        Bar(
            f"stage {i + 1}" if i < STAGES else "head",
            size / max(sizes),
            f"{size:,}{' ❄' if i < depth else ''}",
            INK if i < depth else VERMILION,
        )
        for i, size in enumerate(sizes)
    ]
    axes = Axes((0, 1), (len(rows), 0), height=25 * len(rows), left=54, right=68).bars(rows)
    axes.above(f"{trainable:,} learn, {frozen:,} rest", bold=True)
    return axes.svg(f"{depth} of {STAGES} stages frozen: {trainable} parameters learn, {frozen} rest.")


def accuracy_axes(xlim: tuple[float, float], values: list[Measured]) -> Axes:
    """Axes that hold the accuracies and their deviations, on a grid of five points in a hundred."""
    low, high = min(v.mean - v.std for v in values), max(v.mean + v.std for v in values)
    low, high = max(0.0, int(low * 20) / 20), min(1.0, (int(high * 20) + 1) / 20)
    return Axes(xlim, (low, high), height=115).yticks([low, high], [f"{low:.0%}", f"{high:.0%}"])


def show_depths(settings: Settings) -> str:
    """Accuracy against the number of frozen stages, ± one deviation, and from scratch as a dashed line."""
    depths_, chosen = range(STAGES + 1), int(settings.depth)
    values, scratch = [measured(settings, str(d)) for d in depths_], measured(settings, "scratch")
    means = [v.mean for v in values]
    axes = accuracy_axes((-0.4, STAGES + 0.4), [*values, scratch])
    axes.above("transferred, ± deviation", key="line", colour=BLUE)
    axes.above(f"scratch {scratch.mean:.1%}", key="dash", colour=VERMILION)
    axes.band(depths_, [v.mean - v.std for v in values], [v.mean + v.std for v in values], colour=BLUE)
    axes.line([0, STAGES], [scratch.mean] * 2, colour=VERMILION, dash=True)
    axes.line(depths_, means, colour=BLUE).dots(depths_, means, colour=BLUE)
    axes.dots([chosen], [means[chosen]], colour=BLUE, size=5.5)
    axes.xticks(depths_, name="frozen stages", bold=[chosen])
    summary = ", ".join(f"{d} frozen {v.mean:.1%}" for d, v in enumerate(values))
    return axes.svg(f"{settings.examples} examples a class: {summary}; from scratch {scratch.mean:.1%}.")


def show_examples(settings: Settings) -> str:
    """Accuracy against the number of examples: this depth, and from scratch."""
    order, depth = sorted(COUNTS, key=int), str(int(settings.depth))
    lines = {name: [measured(settings, name, n) for n in order] for name in (depth, "scratch")}
    xs = [log(int(n)) for n in order]
    axes = accuracy_axes((-0.4, log(100) + 0.3), [v for values in lines.values() for v in values])
    axes.above(f"frozen: {depth} of {STAGES}", key="line", colour=BLUE)
    axes.above("scratch", key="dash", colour=VERMILION)
    for values, colour in zip(lines.values(), (BLUE, VERMILION)):
        axes.line(xs, [v.mean for v in values], colour=colour, dash=colour == VERMILION)
    axes.xticks(xs, order, name="examples a class", bold=[log(int(settings.examples))])
    summary = "; ".join(
        f"{name}{' frozen' * name.isdigit()}: " + ", ".join(f"{v.mean:.1%} with {n}" for v, n in zip(values, order))
        for name, values in lines.items()
    )
    return axes.svg(f"Accuracy against examples a class. {summary}.")


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
