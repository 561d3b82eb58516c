"""What image transforms are worth, counted in labels, and where they harm: the parts of ``benchmarks.images``."""

import math
from functools import partial
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from benchmarks import kit
from benchmarks.images_tasks import (
    CLASSES,
    FROM_ALL_SIDES,
    STEPS,
    Pictures,
    Policy,
    accuracy,
    cnn,
    drawings,
    drawings_to_test,
    first,
    learn,
    real,
    recall,
)
from benchmarks.kit import Row
from labkit import data, metrics
from labkit.augment import image
from labkit.augment.pipeline import Compose

# ── how many labels is it worth? ──────────────────────────────────────────────────────────────────────────────────────

POLICIES: dict[str, Policy] = {
    "drawings": FROM_ALL_SIDES,
    "digits": Compose([image.Rotate(10), image.Translate(0.5, 0.5)]),
    "faces": Compose([image.HorizontalFlip(), image.Translate(2, 2, fill="edge"), image.Contrast(0.3)]),
}
LABELS = {"drawings": (5, 10, 20, 40, 80, 160), "digits": (5, 20, 80), "faces": (10, 40)}


def task(name: str, labels: int, seed: int) -> tuple[Pictures, Pictures]:
    """Training and test set with so many labels a class."""
    if name == "drawings":
        return drawings(labels, seed), drawings_to_test(seed)
    train, test = real(name, seed)
    return first(train, labels), test


def classes(pictures: Pictures) -> int:
    """How many there are."""
    return int(pictures[1].max()) + 1


def with_labels(data: str, augmented: bool, labels: int, seed: int) -> Row:
    """Accuracy with so many labels a class."""
    train, test = task(data, labels, seed)
    policy = POLICIES[data] if augmented else None
    return {"accuracy": accuracy(learn(train, seed, policy=policy, make=partial(cnn, classes(train))), test)}


def measure_labels(runs: kit.Runs) -> None:
    """With and without a policy that keeps the label."""
    for name, counts in LABELS.items():
        for labels in counts:
            for augmented in (False, True):
                for seed in runs.seeds:
                    runs.once(with_labels, data=name, augmented=augmented, labels=labels, seed=seed)


def worth(curve: dict[int, float], reached: float) -> float:
    """The number of labels at which a curve of accuracies reaches a value, between its points by the logarithm."""
    if reached <= min(curve.values()):
        return min(curve)
    best = 0.0
    for (few, low), (many, high) in pairwise(sorted(curve.items())):
        best = max(best, low)
        if best <= reached <= high:
            share = (reached - low) / (high - low) if high > low else 0.0
            return math.exp((1 - share) * math.log(few) + share * math.log(many))
    return math.inf


def show_labels(rows: list[Row]) -> str:
    """A table for each set of data, and what the policy is worth."""
    blocks = [kit.flow(LABELS_ABOUT)]
    for (name,), same in kit.groups(rows, "data").items():
        arms = {flag: [row for row in same if row["augmented"] is flag] for flag in (False, True)}
        plain = {
            labels: metrics.summary(kit.values(runs, "accuracy")).mean
            for (labels,), runs in kit.groups(arms[False], "labels").items()
        }
        lines = []
        for (labels,), runs in kit.groups(arms[True], "labels").items():
            without = [row for row in arms[False] if row["labels"] == labels]
            equal = worth(plain, metrics.summary(kit.values(runs, "accuracy")).mean)
            text = f"more than {max(plain)}" if math.isinf(equal) else f"{equal:.0f}"
            gain = [a["accuracy"] - b["accuracy"] for a, b in zip(runs, without, strict=True)]
            gains = metrics.summary(gain, percent=True)
            lines.append(
                [labels, *(kit.mean(arm, "accuracy", percent=True, digits=1) for arm in (without, runs)),
                 f"{gains.mean:+.1f} ± {gains.std:.1f}", text]
            )  # fmt: skip
        head = [f"{name}: labels a class", "as they are, %", "augmented, %", "gain", "as good without: labels a class"]
        blocks.append(kit.table(head, lines))
    return "\n\n".join(blocks)


LABELS_ABOUT = """Test accuracy with so many labelled pictures of each class. *Gain* is the mean difference of the same
seed. The last column says how many labels a class reach the same accuracy without augmentation (between the measured
points by the logarithm). Drawings are turned by any angle and mirrored; digits turned by up to 10° and moved by half a
pixel; faces mirrored, moved by 2 pixels, and changed in contrast."""


# ── which transform on which data ─────────────────────────────────────────────────────────────────────────────────────

SINGLE: dict[str, Policy | None] = {
    "none": None,
    "mirrored": image.HorizontalFlip(),
    "turned by up to 15°": image.Rotate(15, fill="edge"),
    "turned by any angle": image.Rotate(180, fill="edge"),
    "noise, σ = 0.1": image.GaussianNoise((0.1, 0.1)),
}


def single(data: str, transform: str, labels: int, seed: int) -> Row:
    """Accuracy with one transform."""
    train, test = task(data, labels, seed)
    return {"accuracy": accuracy(learn(train, seed, policy=SINGLE[transform], make=partial(cnn, classes(train))), test)}


def measure_single(runs: kit.Runs) -> None:
    """Each transform alone, on two tasks."""
    for name in ("drawings", "digits"):
        for transform in SINGLE:
            for seed in runs.seeds:
                runs.once(single, data=name, transform=transform, labels=20, seed=seed)


def show_single(rows: list[Row]) -> str:
    """A line for each transform."""
    table = kit.grid(rows, "transform", "data", "accuracy", digits=1, best=True, corner="test accuracy, %")
    return f"{kit.flow(SINGLE_ABOUT)}\n\n{table}"


SINGLE_ABOUT = """One transform at a time, 20 labels a class: what helps most on one task harms on the other. No
transform is good in itself."""


# ── amount and diversity ──────────────────────────────────────────────────────────────────────────────────────────────

ALIKE = {
    "rotation": (0.0, 0.0),
    "scale": (0.7, 0.7),
    "shift": 0.0,
    "line_width": (0.045, 0.045),
    "contrast": (1.0, 1.0),
}
VARIED = Compose([image.Affine(180, 1, 1, (0.65, 1.1), 0, 0, fill="edge"), image.Contrast((0.5, 1.0))])


def diverse(source: str, augmented: bool, labels: int, seed: int) -> Row:
    """Accuracy, and how far test pictures are from their nearest training picture."""
    train = drawings(labels, seed, **(ALIKE if source == "one hand, one pen" else {}))
    test = drawings_to_test(seed)
    policy = VARIED if augmented else None
    g = kit.seeded(seed)
    seen = train[0] if policy is None else torch.cat([policy(train[0], generator=g) for _ in range(20)])
    nearest = torch.cdist(test[0].flatten(1), seen.flatten(1)).amin(1).mean()
    return {"accuracy": accuracy(learn(train, seed, policy=policy), test), "distance": float(nearest)}


def measure_diversity(runs: kit.Runs) -> None:
    """Few and many pictures, alike and diverse, and alike ones made diverse by transforms."""
    for source, augmented in (("one hand, one pen", False), ("one hand, one pen", True), ("as they come", False)):
        for labels in (20, 160):
            for seed in runs.seeds:
                runs.once(diverse, source=source, augmented=augmented, labels=labels, seed=seed)


def show_diversity(rows: list[Row]) -> str:
    """A line for each set."""
    lines = [
        [f"{source}{', augmented' * augmented}", labels, kit.mean(same, "accuracy", percent=True, digits=1),
         kit.mean(same, "distance", digits=2)]
        for (source, augmented, labels), same in kit.groups(rows, "source", "augmented", "labels").items()
    ]  # fmt: skip
    head = ["training drawings", "labels a class", "test accuracy, %", "distance to the nearest"]
    return f"{kit.flow(DIVERSITY_ABOUT)}\n\n{kit.table(head, lines)}"


DIVERSITY_ABOUT = """The test has drawings as they come. *One hand, one pen* are upright drawings of one size, place,
width and contrast, as the deck's originals are. Augmented: turned, scaled, moved, and of another contrast. The last
column is the mean Euclidean distance from a test picture to the nearest picture of the training set (augmented: of 20
draws of it)."""


# ── a large network and its regularisers ──────────────────────────────────────────────────────────────────────────────


def large(dropout: float = 0.0) -> nn.Module:
    """Three convolutions with 93,412 weights in all."""
    return cnn(width=32, dropout=dropout)


class Best:
    """Keeps the weights that were best on pictures held back, looked at every ten steps: early stopping."""

    def __init__(self, held_back: Pictures) -> None:
        self.held_back, self.least, self.step = held_back, math.inf, 0
        self.weights: dict[str, Tensor] = {}

    def __call__(self, model: nn.Module, step: int) -> None:
        if step % 10 == 0:
            loss = cross_entropy(model, self.held_back)
            if loss < self.least:
                self.least, self.step = loss, step
                self.weights = {name: value.clone() for name, value in model.state_dict().items()}


def cross_entropy(model: nn.Module, pictures: Pictures) -> float:
    """The mean loss."""
    return float(F.cross_entropy(metrics.predict(model, pictures[0]), pictures[1]))


def regularised(method: str, labels: int, seed: int) -> Row:
    """Accuracy on the training set and on the test, and the loss of both."""
    train, test = drawings(labels, seed), drawings_to_test(seed)
    policy = FROM_ALL_SIDES if "augmentation" in method else None
    make = partial(large, 0.5 if "dropout" in method else 0.0)
    decay = 0.3 if "weight decay" in method else 0.0
    if method == "early stopping":
        best = Best((train[0][::4], train[1][::4]))
        rest = torch.arange(len(train[1])) % 4 > 0
        model = learn((train[0][rest], train[1][rest]), seed, make=make, after_step=best)
        model.load_state_dict(best.weights)
    else:
        model = learn(train, seed, policy=policy, make=make, weight_decay=decay)
    own, other = accuracy(model, train), accuracy(model, test)
    return {"train": own, "test": other, "gap": own - other, "loss": cross_entropy(model, test)}


METHODS = ("none", "weight decay 0.3", "dropout 0.5", "early stopping", "augmentation")


def measure_regularisers(runs: kit.Runs) -> None:
    """A network that can learn every picture by heart."""
    for method in METHODS:
        for seed in runs.seeds:
            runs.once(regularised, method=method, labels=20, seed=seed)


def show_regularisers(rows: list[Row]) -> str:
    """A line for each method."""
    columns = {"training set, %": "train", "test, %": "test", "gap": "gap"}
    lines = [
        [
            method,
            *(kit.mean(same, c, percent=True, digits=1) for c in columns.values()),
            kit.mean(same, "loss", digits=2),
        ]
        for (method,), same in kit.groups(rows, "method").items()
    ]
    return f"{kit.flow(REGULARISERS_ABOUT)}\n\n{kit.table(['regulariser', *columns, 'test loss'], lines)}"


REGULARISERS_ABOUT = """The same network four times as wide: 93,412 weights for 80 drawings (20 a class). Early
stopping holds back a quarter of the labelled drawings to know when to stop; the others train on all of them."""


# ── several transforms, and stronger ones ─────────────────────────────────────────────────────────────────────────────


def eight(strength: float) -> list[Policy]:
    """Eight transforms that keep a drawing's label while they are weak."""
    s = strength
    return [
        image.Rotate(min(180, 30 * s), fill="edge"),
        image.Translate(1.5 * s, 1.5 * s, fill="edge"),
        image.Scale((max(0.3, 1 - 0.2 * s), 1 + 0.2 * s), fill="edge"),
        image.Shear(15 * s, 0, fill="edge"),
        image.Contrast((max(0.05, 1 - 0.4 * s), 1 + 0.4 * s)),
        image.GaussianBlur((0.0, 0.5 * s)),
        image.GaussianNoise((0.0, 0.08 * s)),
        image.RandomErasing(1.0, scale=(0.02, min(0.6, 0.1 * s)), value=1.0),
    ]


class Stack:
    """So many of the eight on each batch, which ones is drawn for the batch, one after the other."""

    def __init__(self, count: int, strength: float) -> None:
        self.count, self.transforms = count, eight(strength)

    def __call__(self, x: Tensor, *, generator: Generator) -> Tensor:
        for i in torch.randperm(len(self.transforms), generator=generator)[: self.count].sort().values.tolist():
            x = self.transforms[i](x, generator=generator)
        return x


def stacked(count: int, strength: float, labels: int, seed: int) -> Row:
    """Accuracy of the network that learned, and what one that knows the shapes still recognises of its pictures."""
    train, test = drawings(labels, seed), drawings_to_test(seed)
    policy = Stack(count, strength) if count else None
    row = {"accuracy": accuracy(learn(train, seed, policy=policy), test)}
    teacher, g = teachers(seed), kit.seeded(seed)
    parts = [policy(x, generator=g) if policy else x for x in test[0].split(30)]
    return row | {"recognised": accuracy(teacher, (torch.cat(parts), test[1]))}


TEACHERS: dict[int, nn.Module] = {}


def teachers(seed: int) -> nn.Module:
    """A network that has learned 400 drawings a class."""
    if seed not in TEACHERS:
        TEACHERS[seed] = learn(drawings(400, 500 + seed), seed, policy=FROM_ALL_SIDES)
    return TEACHERS[seed]


def measure_stacking(runs: kit.Runs) -> None:
    """More transforms, then stronger ones."""
    for count, strength in ((0, 1.0), (1, 1.0), (2, 1.0), (4, 1.0), (8, 1.0), (2, 4.0)):
        for seed in runs.seeds:
            runs.once(stacked, count=count, strength=strength, labels=20, seed=seed)


def show_stacking(rows: list[Row]) -> str:
    """A line for each number and strength."""
    lines = [
        [count, f"{strength:g}", *(kit.mean(same, f, percent=True, digits=1) for f in ("accuracy", "recognised"))]
        for (count, strength), same in kit.groups(rows, "count", "strength").items()
    ]
    head = ["transforms on one picture", "strength", "test accuracy, %", "pictures still recognised, %"]
    return f"{kit.flow(STACKING_ABOUT)}\n\n{kit.table(head, lines)}"


STACKING_ABOUT = """20 labels a class. Of eight transforms (rotation, translation, scale, shear, contrast, blur, noise,
erasing) so many, drawn for each batch, are applied one after the other. Strength 1: 30°, 1.5 pixels, ±20 %, 15°, ±40 %,
σ up to 0.5 pixels, σ up to 0.08, up to a tenth of the picture; strength 4 is four times as much. The last column is a
quality check that needs no eye: a network that has seen 400 other drawings a class is asked what the transformed test
pictures show."""


# ── on the fly, or stored copies ──────────────────────────────────────────────────────────────────────────────────────


def copied(policy: str, copies: int, labels: int, seed: int) -> Row:
    """Accuracy, the number of distinct pictures seen, and the bytes that are stored; 0 copies: drawn for each batch."""
    (x, y), test = drawings(labels, seed), drawings_to_test(seed)
    transform: Policy = FROM_ALL_SIDES if policy == "turned, mirrored" else image.GaussianNoise((0.1, 0.1))
    g = kit.seeded(1000 + seed)
    if copies:
        x = torch.cat([x, *(transform(x, generator=g) for _ in range(copies - 1))])
        y = y.repeat(copies)
    seen: set[bytes] = set()

    def on_the_fly(x: Tensor, *, generator: Generator) -> Tensor:
        x = x if copies else transform(x, generator=generator)
        seen.update(one.numpy().tobytes() for one in x)
        return x

    model = learn((x, y), seed, policy=on_the_fly)
    return {"accuracy": accuracy(model, test), "distinct": len(seen), "bytes": x.numel() * x.element_size()}


def measure_copies(runs: kit.Runs) -> None:
    """The original and stored copies, and pictures drawn anew for each batch."""
    arms = [("turned, mirrored", n) for n in (1, 2, 16, 0)] + [("noise, σ = 0.1", n) for n in (2, 0)]
    for policy, copies in arms:
        for seed in runs.seeds:
            runs.once(copied, policy=policy, copies=copies, labels=20, seed=seed)


def show_copies(rows: list[Row]) -> str:
    """A line for each number of copies."""
    lines = [
        [policy if copies != 1 else "none", f"stored, {copies}×" if copies else "on the fly",
         kit.mean(same, "accuracy", percent=True, digits=1), kit.average(same, "distinct", digits=0),
         f"{same[0]['bytes'] / 1000:,.0f}"]
        for (policy, copies), same in kit.groups(rows, "policy", "copies").items()
    ]  # fmt: skip
    head = ["policy", "set", "test accuracy, %", "distinct pictures seen", "kB stored"]
    return f"{kit.flow(COPIES_ABOUT)}\n\n{kit.table(head, lines, left=2)}"


COPIES_ABOUT = f"""20 labels a class, {STEPS} steps of 32 pictures. *Stored, n×*: the set and n − 1 transformed copies
of it, made once; that is the deck's augmentation factor. *On the fly*: every picture is drawn anew for every batch, as
Keras' and labkit's transforms do."""


# ── augmented against synthetic ───────────────────────────────────────────────────────────────────────────────────────

SLIGHTLY = POLICIES["digits"]


def written(a_class: int, seed: int) -> Pictures:
    """Simulated handwriting as scikit-learn's digits are made: 32² pixels, averaged to 8²."""
    made = data.simulate.glyphs(10 * a_class, generator=seeded_apart(seed), size=32)
    return F.avg_pool2d(made.x, 4), made.y


def seeded_apart(seed: int) -> Generator:
    """The generator of what is simulated."""
    return kit.seeded(7000 + seed)


def compared(source: str, labels: int, seed: int) -> Row:
    """Accuracy on real digits."""
    train, test = real("digits", seed)
    own, made = first(train, labels), written(100, seed)
    sets = {"real": own, "synthetic": made, "both": (torch.cat([own[0], made[0]]), torch.cat([own[1], made[1]]))}
    policy = SLIGHTLY if "augmented" in source else None
    chosen = sets["both" if "and synthetic" in source else source.split()[0].strip(",")]
    return {"accuracy": accuracy(learn(chosen, seed, policy=policy, make=partial(cnn, 10), steps=300), test)}


SOURCES = (
    "real alone", "real, augmented", "synthetic alone, no label needed", "real and synthetic",
    "real and synthetic, augmented",
)  # fmt: skip


def measure_synthetic(runs: kit.Runs) -> None:
    """Real digits, the same augmented, simulated ones, and both."""
    for source in SOURCES:
        for seed in runs.seeds:
            runs.once(compared, source=source, labels=5, seed=seed)


def show_synthetic(rows: list[Row]) -> str:
    """A line for each set."""
    columns = {"test accuracy, %": "accuracy"}
    table = kit.means(rows, "source", columns, percent=True, digits=1, corner="training set")
    return f"{kit.flow(SYNTHETIC_ABOUT)}\n\n{table}"


SYNTHETIC_ABOUT = """*Augmented* pictures are made from real ones, *synthetic* ones by a program without any (here
``simulate.glyphs``, 100 a class, brought to 8²). 5 real digits a class, 300 steps; the test is real. Where both are
there, pictures are drawn by their number: one in 21 is real."""


# ── a rare class ──────────────────────────────────────────────────────────────────────────────────────────────────────

RARE = 2  # the square
REMEDIES = ("none", "copies", "copies, transformed", "copies, all transformed")


class OnlyRare:
    """A policy for the pictures of the rare class alone."""

    def __init__(self, y: Tensor) -> None:
        self.y = y

    def __call__(self, model: nn.Module, x: Tensor, rows: Tensor, g: Generator) -> Tensor:
        rare = self.y[rows] == RARE
        turned = torch.where(rare[:, None, None, None], FROM_ALL_SIDES(x, generator=g), x)
        return F.cross_entropy(model(turned), self.y[rows])


def rare_class(remedy: str, few: int, many: int, seed: int) -> Row:
    """Recall of the rare class, its precision, and the mean recall."""
    x, y = drawings(many, seed)
    kept = torch.cat([(y == k).nonzero()[: few if k == RARE else many, 0] for k in range(CLASSES)])
    x, y = x[kept], y[kept]
    loss = OnlyRare(y) if remedy == "copies, transformed" else None
    policy = FROM_ALL_SIDES if "all transformed" in remedy else None
    model = learn((x, y), seed, policy=policy, loss=loss, balanced="copies" in remedy)
    test = drawings_to_test(seed)
    taken = metrics.predict(model, test[0]).argmax(1) == RARE
    precision = float((test[1][taken] == RARE).double().mean()) if bool(taken.any()) else math.nan
    each = recall(model, test)
    return {"recall": each[RARE], "precision": precision, "balanced": sum(each) / CLASSES}


def measure_rare(runs: kit.Runs) -> None:
    """Ten squares, and eighty of each other shape."""
    for remedy in REMEDIES:
        for seed in runs.seeds:
            runs.once(rare_class, remedy=remedy, few=10, many=80, seed=seed)


def show_rare(rows: list[Row]) -> str:
    """A line for each remedy."""
    columns = {"recall of the rare class, %": "recall", "its precision, %": "precision", "mean recall, %": "balanced"}
    return f"{kit.flow(RARE_ABOUT)}\n\n{kit.means(rows, 'remedy', columns, percent=True, digits=1, corner='remedy')}"


RARE_ABOUT = """10 squares beside 80 of each other shape; the test has as many of each. *Copies*: squares are drawn as
often as the others. *Copies, transformed*: each of these squares is turned and mirrored anew. *Copies, all
transformed*: so is every other picture."""

PARTS = [
    kit.Part("labels", measure_labels, show_labels, title="How many labels is it worth?"),
    kit.Part("single", measure_single, show_single, title="Which transform on which data"),
    kit.Part("diversity", measure_diversity, show_diversity, title="Amount and diversity"),
    kit.Part("regularisers", measure_regularisers, show_regularisers, title="A large network and its regularisers"),
    kit.Part("stacking", measure_stacking, show_stacking, title="Several transforms on one picture, and stronger ones"),
    kit.Part("copies", measure_copies, show_copies, title="On the fly, or stored copies"),
    kit.Part("synthetic", measure_synthetic, show_synthetic, title="Augmented against synthetic"),
    kit.Part("rare", measure_rare, show_rare, title="A rare class"),
]
