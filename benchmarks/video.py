"""Video: what one draw a clip is worth, what becomes of labels, what speed does, how much a style flickers; speed.

    python -m benchmarks.video [motions] [speeds] [style] [translation] [speed]

All clips are simulated. ``speed`` races kornia and torchvision.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import kit
from benchmarks.kit import Row
from benchmarks.video_translation import measure_translation, show_translation
from labkit import metrics, nets
from labkit.augment import Compose, Transform, image, video
from labkit.data import simulate
from labkit.data.simulate.moving import MOTIONS

FRAMES, SIZE = 6, 16
BACKWARDS, MIRRORED = (video.exchanged(MOTIONS, pairs) for pairs in (video.REVERSED, video.MIRRORED))
SPATIAL = Compose([image.Translate(3, 3), image.Rotate(20)])
Batch = tuple[Tensor, Tensor]
Policy = Callable[[Tensor, Tensor, torch.Generator], Batch]


def labelled(transform: Transform) -> Policy:
    """A transform of clips as a policy: labels follow."""

    def policy(x: Tensor, y: Tensor, g: torch.Generator) -> Batch:
        moved = transform(x, y=y, generator=g)
        return moved.x, moved.y

    return policy


def each_frame(x: Tensor, y: Tensor, g: torch.Generator) -> Batch:
    """The mistake: another draw for each frame."""
    return SPATIAL(x.flatten(0, 1), generator=g).unflatten(0, x.shape[:2]), y


def unchanged(x: Tensor, y: Tensor, g: torch.Generator) -> Batch:
    """No augmentation: the control."""
    return x, y


MOTION = {
    "none": unchanged,
    "shift and turn, one draw a clip": labelled(video.per_clip(SPATIAL)),
    "shift and turn, a draw a frame": each_frame,
    "reverse, relabelled": labelled(video.Reverse(0.5, becomes=BACKWARDS)),
    "reverse, labels kept": labelled(video.Reverse(0.5, becomes=())),
    "mirror, relabelled": labelled(video.Mirror(0.5, becomes=MIRRORED)),
    "mirror, labels kept": labelled(video.Mirror(0.5, becomes=())),
    "dropped frames, to 50 %": labelled(video.DropFrames((0.0, 0.5))),
    "repeated frames, to 50 %": labelled(video.RepeatFrames((0.0, 0.5))),
    "speed 0.5 to 1.5": labelled(video.Speed(0.5)),
    "time jitter, 1 frame": labelled(video.TimeJitter(1)),
    "noise, new in each frame": labelled(video.per_clip(image.GaussianNoise((0.0, 0.2)))),
    "noise, frozen": labelled(video.per_clip(image.GaussianNoise((0.0, 0.2)), frozen=True)),
    "VideoMix, spatial": labelled(video.VideoMix(classes=8)),
    "shuffled frames": labelled(video.ShuffleFrames()),
    "clip, reverse and mirror together": labelled(
        Compose([
            video.per_clip(SPATIAL), video.Reverse(0.5, becomes=BACKWARDS), video.Mirror(0.5, becomes=MIRRORED),
        ])
    ),
}  # fmt: skip
PACE = {
    "none": unchanged,
    "shift and turn, one draw a clip": MOTION["shift and turn, one draw a clip"],
    "reverse": MOTION["reverse, labels kept"],
    "mirror": MOTION["mirror, labels kept"],
    "speed 0.5 to 1.5": MOTION["speed 0.5 to 1.5"],
    "dropped frames, to 50 %": MOTION["dropped frames, to 50 %"],
    "repeated frames, to 50 %": MOTION["repeated frames, to 50 %"],
}


def clips(n: int, seed: int) -> Batch:
    """Eight motions."""
    some = simulate.moving(n, generator=kit.seeded(seed), frames=FRAMES, size=SIZE, speed=(0.15, 0.4))
    return some.x, some.y


def paces(n: int, seed: int) -> Batch:
    """Slow, medium and fast clips that move left, right, up or down."""
    ranges, g = ((0.05, 0.12), (0.2, 0.27), (0.35, 0.45)), kit.seeded(seed)
    each = [
        simulate.moving(n // 3, generator=g, frames=FRAMES, size=SIZE, motions=MOTIONS[:4], speed=pace).x
        for pace in ranges
    ]
    return torch.cat(each), torch.arange(3).repeat_interleave(n // 3)


TASKS = {"motion": (clips, 80, MOTION), "pace": (paces, 60, PACE)}


@cache
def tested(task: str) -> Batch:
    """What all are tested on."""
    return TASKS[task][0](600, 5000)


def learn(task: str, policy: str, seed: int, steps: int) -> Row:
    """Train once and test."""
    make, n, policies = TASKS[task]
    (x, y), (test_x, test_y), g = make(n, 100 + seed), tested(task), kit.seeded(seed)
    with nets.seeded_weights(seed):
        net = nn.Sequential(
            nn.Flatten(1, 2), nets.Normalize([0.3] * FRAMES, [0.3] * FRAMES), nn.Conv2d(FRAMES, 24, 5, 2, 2),
            nn.ReLU(), nn.Conv2d(24, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(512, int(test_y.max()) + 1),
        )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(steps):
        rows = torch.randint(n, (48,), generator=g)
        a, b = policies[policy](x[rows], y[rows], g)
        loss = F.cross_entropy(net(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {"accuracy": metrics.accuracy(metrics.predict(net.eval(), test_x), test_y)}


def measure_motions(runs: kit.Runs, *, steps: int = 150) -> None:
    """Which way a shape moves."""
    for seed in runs.seeds:
        for policy in MOTION:
            runs.once(learn, task="motion", policy=policy, seed=seed, steps=steps)


def measure_speeds(runs: kit.Runs, *, steps: int = 150) -> None:
    """How fast a shape moves."""
    for seed in runs.seeds:
        for policy in PACE:
            runs.once(learn, task="pace", policy=policy, seed=seed, steps=steps)


def show_motions(rows: list[Row]) -> str:
    return (
        "Eight motions (left, right, up, down, two turns, growing, shrinking), 80 clips of 6 frames to learn from, 600 "
        "to test on. The settings were chosen on other draws. A draw for each frame and labels that are kept where "
        "they change are the two classic mistakes; shuffled frames are a control.\n\n"
        + kit.means(rows, "policy", {"accuracy, %": "accuracy"}, percent=True)
    )


def show_speeds(rows: list[Row]) -> str:
    return (
        "Slow, medium or fast: 60 clips to learn from, 600 to test on. A reversed or mirrored clip is as fast as "
        "before, so labels stay; a clip at another speed isn't, and lost or repeated frames change what is seen of its "
        "speed.\n\n" + kit.means(rows, "policy", {"accuracy, %": "accuracy"}, percent=True)
    )


# ── style ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Style:
    """Stripes as a style: the Gram matrix of random filters."""

    def __init__(self) -> None:
        bank = torch.randn(32, 1, 7, 7, generator=kit.seeded(7))
        bank = bank - bank.mean((1, 2, 3), keepdim=True)
        self.bank = F.normalize(bank.flatten(1)).view_as(bank)
        at = torch.arange(32.0)
        self.target = self.gram((0.5 + 0.5 * torch.sin(0.9 * (at[:, None] + 0.6 * at))).view(1, 1, 32, 32))

    def gram(self, x: Tensor) -> Tensor:
        """The Gram matrices (N, 32, 32) of pictures."""
        features = F.relu(F.conv2d(x, self.bank)).flatten(2)
        return features @ features.transpose(1, 2) / features.shape[2]

    def distance(self, x: Tensor) -> Tensor:
        """How far clips are from the style, relative to its size."""
        return (self.gram(x.flatten(0, 1)) - self.target).square().mean() / self.target.square().mean()


def content(y: Tensor, x: Tensor) -> Tensor:
    """How far the rough picture is from the clip's."""
    return F.mse_loss(F.avg_pool2d(y.flatten(0, 1), 4), F.avg_pool2d(x.flatten(0, 1), 4))


def stylise(temporal: float, seed: int, steps: int) -> Row:
    """A feed-forward network a frame at a time, trained with a weight on flicker."""
    style, g = Style(), kit.seeded(seed)
    make = lambda s: simulate.moving(40, generator=kit.seeded(s), frames=FRAMES, size=32, noise=0.03).x  # noqa: E731
    x, test = make(100 + seed), make(5000)
    with nets.seeded_weights(seed):
        layers: list[nn.Module] = []
        for c in (1, 16):
            layers += [nn.Conv2d(c, 16, 5, padding=2), nn.InstanceNorm2d(16, affine=True), nn.ReLU()]
        net = nn.Sequential(*layers, nn.Conv2d(16, 1, 5, padding=2), nn.Sigmoid())
    apply = lambda v: net(v.flatten(0, 1)).unflatten(0, v.shape[:2])  # noqa: E731
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(steps):
        batch = x[torch.randint(40, (4,), generator=g)]
        y = apply(batch)
        still = video.static_mask(batch, threshold=0.12)
        loss = style.distance(y) + content(y, batch) + temporal * video.temporal_loss(y, mask=still)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        y = apply(test)
    return {
        "style": float(style.distance(y)),
        "content": float(content(y, test)),
        "flicker": float(video.flicker(y, test, threshold=0.12)),
        "before": float(video.flicker(test, test, threshold=0.12)),
        "far": float(style.distance(test)),
    }


def measure_style(runs: kit.Runs, *, steps: int = 100) -> None:
    """Three weights."""
    for seed in runs.seeds:
        for temporal in (0.0, 3.0, 30.0):
            runs.once(stylise, temporal=temporal, seed=seed, steps=steps)


def show_style(rows: list[Row]) -> str:
    columns = {"flicker": "flicker", "distance from the style": "style", "distance from the content": "content"}
    return (
        "A small feed-forward network paints stripes over clips, one frame after the other. *Flicker* is the root mean "
        "square change, from frame to frame, of pixels that stay in the clip (within 0.12). The clips themselves "
        f"flicker by {rows[0]['before']:.3f}, their noise, and lie {rows[0]['far']:.2f} from the style. A temporal "
        "loss buys calm with style: both are shown.\n\n"
        + kit.means(rows, "temporal", columns, digits=3, corner="weight of the temporal loss")
    )


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def race(what: str, rounds: int) -> Row:
    """A transform against kornia and torchvision, on 16 clips of 8 frames."""
    import kornia.augmentation as K
    from torchvision.transforms import v2

    turn = v2.RandomRotation(20, v2.InterpolationMode.BILINEAR)
    blur = video.per_clip(image.GaussianBlur((1.0, 1.0)))
    bright = video.per_clip(image.Brightness(0.4))
    ours, theirs, per_clip = {
        "mirror": (video.Mirror(0.5), K.RandomHorizontalFlip(p=0.5), v2.RandomHorizontalFlip(0.5)),
        "rotation": (video.per_clip(image.Rotate(20)), K.RandomRotation(20.0, p=1.0), turn),
        "blur": (blur, K.RandomGaussianBlur((7, 7), (1.0, 1.0), p=1.0), v2.GaussianBlur(7, 1.0)),
        "brightness": (bright, K.RandomBrightness((0.6, 1.4), p=1.0), v2.ColorJitter(0.4)),
    }[what]
    x, g = torch.rand(16, 8, 3, 64, 64, generator=kit.seeded(0)), kit.seeded(1)
    sequence = K.VideoSequential(theirs, data_format="BTCHW", same_on_frame=True)
    seconds = kit.race(
        {
            "labkit": lambda: ours(x, generator=g),
            "kornia": lambda: sequence(x),
            "torchvision": lambda: torch.stack([per_clip(clip) for clip in x]),
        },
        rounds=rounds,
    )
    return {
        "kornia": kit.times_as_fast(seconds, "labkit", "kornia"),
        "torchvision": kit.times_as_fast(seconds, "labkit", "torchvision"),
        "ms": 1000 * sorted(seconds["labkit"])[rounds // 2],
        "machine": kit.machine(),
    }


RACES = ("mirror", "rotation", "blur", "brightness")


def measure_speed(runs: kit.Runs, *, rounds: int = 7) -> None:
    """Each transform in turn."""
    torch.set_num_threads(1)
    for what in RACES:
        runs.once(race, what=what, rounds=rounds)


def show_speed(rows: list[Row]) -> str:
    order = sorted(rows, key=lambda row: RACES.index(row["what"]))
    lines = [[r["what"], f"{r['ms']:.1f}", f"{r['kornia']:.1f}", f"{r['torchvision']:.1f}"] for r in order]
    return (
        f"16 clips of 8 colour frames of 64×64, one draw a clip, CPU time, {rows[0]['machine']}: how many times as "
        "fast labkit is as kornia's `VideoSequential`, and as torchvision's v2 transforms, called once a clip.\n\n"
        + kit.table(["transform", "labkit, ms", "× kornia", "× torchvision"], lines)
    )


ABOUT = """Mean ± standard deviation over five seeds, on simulated clips of moving shapes. Failures included: transforms
of time that gain nothing where only the order counts, and harm where speed is the label; VideoMix, which loses; a
temporal loss that pays for calm with style."""
BENCHMARK = kit.Benchmark(
    "video",
    "Video, measured",
    ABOUT,
    [
        kit.Part("motions", measure_motions, show_motions, title="Which motion?"),
        kit.Part("speeds", measure_speeds, show_speeds, title="How fast?"),
        kit.Part("style", measure_style, show_style, title="Style and flicker"),
        kit.Part("translation", measure_translation, show_translation, title="Translated by a GAN"),
        kit.Part("speed", measure_speed, show_speed, title="Speed"),
    ],
)

if __name__ == "__main__":
    BENCHMARK.main()
