"""What image transforms make a network robust to, and what they hand on: the parts of ``benchmarks.images``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn

from benchmarks import kit
from benchmarks.images_tasks import (
    FROM_ALL_SIDES,
    SIZE,
    Pictures,
    Policy,
    accuracy,
    cnn,
    cnn_with_places,
    drawings,
    drawings_to_test,
    learn,
)
from benchmarks.kit import Row
from labkit import metrics, nets
from labkit.augment import image, span_field
from labkit.augment.pipeline import Compose, OneOf, Sometimes

# ── viewpoint, light, blur, noise, occlusion ──────────────────────────────────────────────────────────────────────────

GEOMETRY = Compose(
    [FROM_ALL_SIDES, Sometimes(image.Perspective(0.4, fill="edge"), p=0.7), image.Scale((0.6, 1.1), fill="edge")]
)
LIGHT = Compose([image.Contrast((0.2, 1.2)), image.Brightness((0.3, 1.1))])
BLUR_AND_NOISE = Compose([image.GaussianBlur((0.0, 1.2)), image.GaussianNoise((0.0, 0.2))])
ERASING = image.RandomErasing(1.0, scale=(0.1, 0.3), value="noise")
TRAINED: dict[str, Policy | None] = {
    "nothing": None,
    "geometry": GEOMETRY,
    "light": LIGHT,
    "blur and noise": BLUR_AND_NOISE,
    "erasing": ERASING,
    "one of the four": OneOf([GEOMETRY, LIGHT, BLUR_AND_NOISE, ERASING]),
    "all four at once": Compose([GEOMETRY, LIGHT, BLUR_AND_NOISE, ERASING]),
}


def hidden(x: Tensor, *, generator: Generator) -> Tensor:
    """A black square of a quarter of the picture, anywhere."""
    corner = torch.randint(0, SIZE // 2 + 1, (len(x), 2), generator=generator)
    return image.erase(x, boxes=torch.cat([corner, corner + SIZE // 2], 1).float())


TESTS: dict[str, Policy] = {
    "as they come": lambda x, generator: x,
    "from the side": image.Perspective(0.5, fill="edge"),
    "dark": lambda x, generator: image.brightness(x, factor=0.4),
    "blurred": lambda x, generator: image.gaussian_blur(x, sigma=1.0),
    "noisy": lambda x, generator: image.add_gaussian_noise(x, sigma=0.2, generator=generator),
    "a quarter hidden": hidden,
}


def robust(policy: str, labels: int, seed: int) -> Row:
    """Accuracy on the test set after each change, and on drawings smaller than any of the training set."""
    model = learn(drawings(labels, seed), seed, policy=TRAINED[policy])
    x, y = drawings_to_test(seed)
    row = {name: accuracy(model, (change(x, generator=kit.seeded(seed)), y)) for name, change in TESTS.items()}
    return row | {"smaller than any": accuracy(model, drawings_to_test(seed, scale=(0.3, 0.4)))}


def measure_robust(runs: kit.Runs) -> None:
    """Each policy on each test."""
    for policy in TRAINED:
        for seed in runs.seeds:
            runs.once(robust, policy=policy, labels=80, seed=seed)


def show_robust(rows: list[Row]) -> str:
    """A line for each policy, the best of a column bold."""
    names = [*TESTS, "smaller than any"]
    level = {n: max(metrics.summary(kit.values(s, n)).mean for s in kit.groups(rows, "policy").values()) for n in names}
    lines = []
    for (policy,), same in kit.groups(rows, "policy").items():
        best = {n: "**" * (metrics.summary(kit.values(same, n)).mean == level[n]) for n in names}
        lines.append([policy, *(f"{best[n]}{kit.mean(same, n, percent=True, digits=1)}{best[n]}" for n in names)])
    return f"{kit.flow(ROBUST_ABOUT)}\n\n{kit.table(['trained with', *names], lines)}"


ROBUST_ABOUT = """80 labels a class; test accuracy in %, the best of each column bold. *From the side*: a
random perspective. *Dark*: brightness times 0.4. *Blurred*: σ = 1 pixel. *Noisy*: σ = 0.2. *A quarter hidden*: a black
square over 8 × 8 of the 16 × 16 pixels, anywhere. *Smaller than any*: an edge case, shapes of a size that no training
picture has. Training draws from other spans than the tests, but from the same kinds."""

# ── what convolution and pooling give ─────────────────────────────────────────────────────────────────────────────────

CENTRED = {"rotation": (0.0, 0.0), "shift": 0.0, "scale": (0.55, 0.6)}
NETS: dict[str, Callable[[], nn.Module]] = {
    "fully connected": lambda: nets.MLP(SIZE**2, 4, hidden=(128, 128)),
    "CNN, head sees places": cnn_with_places,
    "CNN, mean over places": cnn,
}
MOVED: dict[str, Callable[[int], Pictures]] = {
    "as in training": lambda seed: centred_to_test(seed),
    "moved 2 pixels": lambda seed: moved(centred_to_test(seed), 2),
    "moved 4 pixels": lambda seed: moved(centred_to_test(seed), 4),
    "size × 0.7": lambda seed: centred_to_test(seed, scale=(0.39, 0.42)),
    "size × 1.4": lambda seed: centred_to_test(seed, scale=(0.77, 0.84)),
    "light × 0.5": lambda seed: darker(centred_to_test(seed)),
}
THREE = Compose(
    [image.Scale((0.65, 1.5), fill="edge"), image.Translate(4, 4, fill="edge"), image.Brightness((0.4, 1.0))]
)


def centred_to_test(seed: int, **changed: Any) -> Pictures:
    """Drawings that no training set holds, in the middle; of one size unless ``scale`` says another."""
    return drawings_to_test(seed, **{**CENTRED, **changed})


def moved(pictures: Pictures, pixels: int) -> Pictures:
    """Each picture moved by whole pixels, so that nothing is blurred: right, down, left, up in turn."""
    turn = torch.arange(len(pictures[1])) * (torch.pi / 2)
    dx, dy = (pixels * wave(turn).round() for wave in (torch.cos, torch.sin))
    return image.translate(pictures[0], dx=dx, dy=dy, fill="edge"), pictures[1]


def darker(pictures: Pictures) -> Pictures:
    """Half the light."""
    return image.brightness(pictures[0], factor=0.5), pictures[1]


def invariant(net: str, augmented: bool, labels: int, seed: int) -> Row:
    """Accuracy on centred drawings of one size, and after each change."""
    train = drawings(labels, seed, **CENTRED)
    lr = 1e-3 if net == "fully connected" else 1e-2
    model = learn(train, seed, policy=THREE if augmented else None, make=NETS[net], lr=lr)
    return {name: accuracy(model, test(seed)) for name, test in MOVED.items()}


def measure_invariance(runs: kit.Runs) -> None:
    """Three networks, with and without transforms."""
    for augmented in (False, True):
        for net in NETS:
            for seed in runs.seeds:
                runs.once(invariant, net=net, augmented=augmented, labels=80, seed=seed)


def show_invariance(rows: list[Row]) -> str:
    """A line for each network."""
    lines = [
        [net, "yes" if augmented else "no", *(kit.mean(same, name, percent=True, digits=1) for name in MOVED)]
        for (augmented, net), same in kit.groups(rows, "augmented", "net").items()
    ]
    return f"{kit.flow(INVARIANCE_ABOUT)}\n\n{kit.table(['network', 'augmented', *MOVED], lines, left=2)}"


INVARIANCE_ABOUT = """Training and test drawings are upright, in the middle, and of one size; the test is then moved by
whole pixels, drawn in another size, or darkened. Test accuracy in %, 80 labels a class. The second network has the
convolutions of the third, and a head that sees which feature is where; the head of the third sees the mean over all
places. Augmented: size 0.65 to 1.5, moved by up to 4 pixels, light 0.4 to 1."""

# ── frequencies ───────────────────────────────────────────────────────────────────────────────────────────────────────

BANDS = {"low": (0.0, 0.17), "middle": (0.17, 0.34), "high": (0.34, 1.0)}
"""In cycles a pixel; the highest that a grid holds along an axis is 0.5."""


def radius(size: int) -> Tensor:
    """The frequency of each entry of a two-dimensional FFT, in cycles a pixel."""
    f = torch.fft.fftfreq(size)
    return torch.hypot(f[:, None], f[None, :])


def band(x: Tensor, low: float, high: float) -> Tensor:
    """The part of pictures (B, C, H, W) whose frequencies lie in [low, high)."""
    r = radius(x.shape[-1])
    return torch.fft.ifft2(torch.fft.fft2(x) * ((r >= low) & (r < high))).real


def band_noise(x: Tensor, limits: tuple[float, float], *, sigma: float, generator: Generator) -> Tensor:
    """Pictures with noise of one band; its standard deviation is the same for every band."""
    noise = band(torch.randn(x.shape, generator=generator), *limits)
    return (x + sigma * noise / noise.std()).clamp(0, 1)


ARMS: dict[str, Policy | None] = {
    "nothing": None,
    "noise, σ up to 0.2": image.GaussianNoise((0.0, 0.2)),
    "blur, σ up to 1": image.GaussianBlur((0.0, 1.0)),
    "turned, mirrored": FROM_ALL_SIDES,
}


def by_frequency(policy: str, steps: int, labels: int, seed: int) -> Row:
    """Accuracy on the pictures, on their low frequencies alone, and under noise of each band."""
    train, (x, y) = drawings(labels, seed), drawings_to_test(seed)
    model = learn(train, seed, policy=ARMS[policy], steps=steps)
    row = {"train": accuracy(model, train), "test": accuracy(model, (x, y))}
    row["low alone"] = accuracy(model, (band(x, *BANDS["low"]).clamp(0, 1), y))
    for name, limits in BANDS.items():
        noisy = band_noise(x, limits, sigma=0.15, generator=kit.seeded(seed))
        row[f"{name} noise"] = accuracy(model, (noisy, y))
    return row


def measure_frequencies(runs: kit.Runs) -> None:
    """Early and late in training, and with transforms."""
    for policy, steps in (("nothing", 50), ("nothing", 200), *((arm, 200) for arm in list(ARMS)[1:])):
        for seed in runs.seeds:
            runs.once(by_frequency, policy=policy, steps=steps, labels=40, seed=seed)


def show_frequencies(rows: list[Row]) -> str:
    """A line for each way to train."""
    names = {"training set": "train", "test": "test", "its low frequencies alone": "low alone"}
    names |= {f"{name} noise": f"{name} noise" for name in BANDS}
    lines = [
        [policy, steps, *(kit.mean(same, figure, percent=True, digits=1) for figure in names.values())]
        for (policy, steps), same in kit.groups(rows, "policy", "steps").items()
    ]
    return f"{kit.flow(FREQUENCIES_ABOUT)}\n\n{kit.table(['trained with', 'steps', *names], lines)}"


FREQUENCIES_ABOUT = """40 labels a class; accuracy in %. *Its low frequencies alone*: all above 0.17 cycles a pixel is
taken out of the test pictures. *Noise* of a band has a standard deviation of 0.15, whichever the band: low below 0.17,
middle up to 0.34, high above."""

# ── a spurious background ─────────────────────────────────────────────────────────────────────────────────────────────

SHADES = torch.tensor([0.0, 0.15, 0.3, 0.45])


@dataclass(frozen=True)
class AnyShade(image.PhotometricTransform):
    """Another shade of paper for each picture, which breaks the tie between shade and label."""

    shade: tuple[float, float] = span_field((0.0, 0.45), low=0.0, high=1.0)

    def apply(self, x: Tensor, params: dict[str, Tensor]) -> Tensor:
        """The darkest pixel is taken for the paper."""
        paper = x.amin((1, 2, 3), keepdim=True)
        return on_paper((x - paper) / (1 - paper), params["shade"])


def on_paper(ink: Tensor, shade: Tensor) -> Tensor:
    """White chalk on paper of these shades of grey."""
    return shade[:, None, None, None] + (1 - shade[:, None, None, None]) * ink


def with_shades(pictures: Pictures, seed: int, *, tied: float) -> Pictures:
    """The shade of the paper belongs to the class with this probability, and is any of the four otherwise."""
    (x, y), g = pictures, kit.seeded(300 + seed)
    own = torch.rand(len(y), generator=g) < tied
    return on_paper(x, SHADES[torch.where(own, y, torch.randint(0, 4, y.shape, generator=g))]), y


CHALK = {"paper": 0.0, "noise": 0.0, "contrast": (0.8, 1.0)}
REMEDIES: dict[str, tuple[float, Policy | None]] = {
    "tied": (0.95, None),
    "tied, turned and mirrored": (0.95, FROM_ALL_SIDES),
    "tied, turned, mirrored, any shade": (0.95, Compose([FROM_ALL_SIDES, AnyShade()])),
    "not tied": (0.0, None),
    "not tied, turned and mirrored": (0.0, FROM_ALL_SIDES),
}


def biased(training: str, labels: int, seed: int) -> Row:
    """Accuracy where the tie holds, where it doesn't, and on the pictures whose shade belongs to another class."""
    tied, policy = REMEDIES[training]
    model = learn(with_shades(drawings(labels, seed, **CHALK), seed, tied=tied), seed, policy=policy)
    test = drawings_to_test(seed, **CHALK)
    wrong = on_paper(test[0], SHADES[(test[1] + 1 + torch.arange(len(test[1])) % 3) % 4]), test[1]
    return {
        "as in training": accuracy(model, with_shades(test, 50 + seed, tied=0.95)),
        "any shade": accuracy(model, with_shades(test, 50 + seed, tied=0.0)),
        "the shade of another class": accuracy(model, wrong),
    }


def measure_background(runs: kit.Runs) -> None:
    """A set whose paper gives the class away."""
    for training in REMEDIES:
        for seed in runs.seeds:
            runs.once(biased, training=training, labels=80, seed=seed)


def show_background(rows: list[Row]) -> str:
    """A line for each training set."""
    names = ("as in training", "any shade", "the shade of another class")
    table = kit.means(rows, "training", {f"{n}, %": n for n in names}, percent=True, digits=1, corner="training set")
    return f"{kit.flow(BACKGROUND_ABOUT)}\n\n{table}"


BACKGROUND_ABOUT = """Each class has a shade of paper that 95 % of its training pictures have. 80 labels a class. *Tied*
says so of the training set; in *not tied* the shade is random. Turning and mirroring keep the shade, so they hand the
bias on; *any shade* is a transform that breaks the tie. The third column of numbers has only pictures with the shade of
another class."""

# ── colour ────────────────────────────────────────────────────────────────────────────────────────────────────────────

INKS = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.6, 0.1], [0.1, 0.1, 0.8], [0.7, 0.5, 0.0]])
COLOURS: dict[str, Policy | None] = {
    "nothing": None,
    "RGB gain ±50 %": image.RGBGain(0.5, 0.5, 0.5),
    "channels shuffled": image.ChannelShuffle(),
    "hue, any": image.Hue(0.5),
}


def inked(pictures: Pictures, inks: Tensor) -> Tensor:
    """Drawings on white paper (B, 1, H, W) in inks (B, 3)."""
    return 1 - (1 - pictures[0]) * (1 - inks[:, :, None, None])


def coloured(task: str, policy: str, labels: int, seed: int) -> Row:
    """Accuracy on inks as in training, and on inks or lamps that training doesn't have."""
    train, test, g = drawings(labels, seed), drawings_to_test(seed), kit.seeded(seed)
    shape = task == "the shape"
    draws = [torch.randint(0, 4, p[1].shape, generator=g) for p in (train, test)]
    # The shape: all training ink is red. The colour: the ink is the class.
    inks = [torch.zeros_like(d) if shape else d for d in draws]
    labelled = [p[1] if shape else d for p, d in zip((train, test), draws)]
    model = learn(
        (inked(train, INKS[inks[0]]), labelled[0]), seed, policy=COLOURS[policy], make=partial(cnn, channels=3)
    )
    same = inked(test, INKS[inks[1]])
    # Other inks for the shape; for the colour another lamp, a little bluish.
    other = inked(test, INKS[1 + draws[1] % 3]) if shape else image.rgb_gain(same, red=0.7, green=0.85)
    return {"same": accuracy(model, (same, labelled[1])), "other": accuracy(model, (other, labelled[1]))}


def measure_colour(runs: kit.Runs) -> None:
    """Where colour says nothing, and where it says all."""
    for task in ("the shape", "the colour"):
        for policy in COLOURS:
            for seed in runs.seeds:
                runs.once(coloured, task=task, policy=policy, labels=40, seed=seed)


def show_colour(rows: list[Row]) -> str:
    """A line for each policy."""
    lines = [
        [policy, *(kit.mean([r for r in same if r["task"] == task], figure, percent=True, digits=1)
                   for task in ("the shape", "the colour") for figure in ("same", "other"))]
        for (policy,), same in kit.groups(rows, "policy").items()
    ]  # fmt: skip
    head = [
        "trained with",
        "shape: red ink",
        "shape: green, blue, brown ink",
        "colour: same lamp",
        "colour: bluish lamp",
    ]
    return f"{kit.flow(COLOUR_ABOUT)}\n\n{kit.table(head, lines)}"


COLOUR_ABOUT = """Test accuracy in %, 40 labels a class. On the left the label is the shape, and all training drawings
are in red ink. On the right the label is the ink's colour."""

# ── a box around the shape ────────────────────────────────────────────────────────────────────────────────────────────

SOMEWHERE = {"scale": (0.3, 0.5), "shift": 0.6}
MOVES = Compose([image.HorizontalFlip(), image.Affine(90, 3, 3, (0.8, 1.2), 0, 0, fill="edge")])


def boxed(a_class: int, seed: int) -> Pictures:
    """Drawings anywhere, and the box (B, 1, 4) around the ink of each."""
    x, _ = drawings(a_class, seed, **SOMEWHERE)
    clean, _ = drawings(a_class, seed, **SOMEWHERE, noise=0.0)
    ink = clean[:, 0] < clean.amax((1, 2, 3))[:, None, None] - 0.2
    along, down = ink.any(1).float(), ink.any(2).float()
    ends = [along.argmax(1), down.argmax(1), SIZE - along.flip(1).argmax(1), SIZE - down.flip(1).argmax(1)]
    return x, torch.stack(ends, 1).float()[:, None]


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes (B, 4)."""
    corner = torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])
    common = corner.clamp_min(0).prod(1)
    return common / ((a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - common)


def detected(boxes: str, labels: int, seed: int) -> Row:
    """The mean overlap with the right boxes, and the share above a half."""
    x, target = boxed(labels, seed)

    def loss(model: nn.Module, x: Tensor, rows: Tensor, g: Generator) -> Tensor:
        here = target[rows]
        if boxes != "not augmented":
            result = MOVES(x, generator=g, boxes=here)
            x, here = result.image, result.boxes if boxes == "follow" else here
        return (model(x) * SIZE - here[:, 0]).abs().mean()

    model = learn((x, torch.zeros(len(x), dtype=torch.long)), seed, make=cnn_with_places, loss=loss, steps=300)
    unseen, wanted = boxed(100, 20_000 + seed)
    iou = overlap(metrics.predict(model, unseen) * SIZE, wanted[:, 0])
    return {"overlap": float(iou.mean()), "above a half": float((iou > 0.5).double().mean())}


def measure_boxes(runs: kit.Runs) -> None:
    """Boxes that follow, and boxes that are left behind."""
    for boxes in ("not augmented", "follow", "left behind"):
        for seed in runs.seeds:
            runs.once(detected, boxes=boxes, labels=5, seed=seed)


def show_boxes(rows: list[Row]) -> str:
    """A line for each way."""
    columns = {"overlap (IoU), %": "overlap", "above a half, %": "above a half"}
    table = kit.means(rows, "boxes", columns, percent=True, digits=1, corner="boxes of the training set")
    return f"{kit.flow(BOXES_ABOUT)}\n\n{table}"


BOXES_ABOUT = """Detection: a network says where the only shape of a picture is (left, top, right, bottom). 20 labelled
boxes, 300 steps; pictures are mirrored, turned by up to 90°, moved by up to 3 pixels and scaled by 20 %. *Follow*: the
boxes move with the pictures. *Left behind*: they stay where they were, the usual mistake."""

PARTS = [
    kit.Part("robust", measure_robust, show_robust, title="Viewpoint, light, blur, noise, occlusion"),
    kit.Part("invariance", measure_invariance, show_invariance, title="What convolution and pooling give"),
    kit.Part("frequencies", measure_frequencies, show_frequencies, title="Frequencies"),
    kit.Part("background", measure_background, show_background, title="A bias that is handed on"),
    kit.Part("colour", measure_colour, show_colour, title="Colour"),
    kit.Part("boxes", measure_boxes, show_boxes, title="Boxes that follow"),
]
