"""Image transforms: what they are worth and where they harm; and their speed beside torchvision and kornia.

    python -m benchmarks.images [labels] [diversity] … [speed] [--set rounds=15 --set threads=2] [--device cuda]

What they are worth is measured in ``images_worth`` and ``images_robust``. Speed is measured against (a) torchvision v2
on one image after the other, which is how it gives each its own draw; (b) torchvision v2 on the batch at once, with one
draw for all, which is less than was asked for; (c) kornia with ``same_on_batch=False``. The contenders take turns, so
that whatever else the machine does meets all of them alike; a ratio is the median over the rounds of the peer's time
divided by labkit's in the same round.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

import labkit  # before torchvision, which it makes importable
from benchmarks import images_robust, images_worth, kit
from benchmarks.kit import Row
from labkit.augment import image

# isort: split
import kornia
import kornia.augmentation as K
import torchvision
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

SHAPES = [(256, 32), (32, 224)]
PEERS = ("torchvision v2, image by image", "torchvision v2, one draw for all", "kornia")
GOALS = {32: {PEERS[0]: 10.0, PEERS[2]: 1.0}, 224: {PEERS[2]: 1.0}}


def transforms() -> dict[str, tuple[Callable, Callable, Callable]]:
    """The same transform by labkit, torchvision and kornia, with the same spans, and always applied."""
    smooth = InterpolationMode.BILINEAR
    return {
        "affine": (
            lambda x: image.Affine(15, 0.1 * x.shape[3], 0.1 * x.shape[2], (0.9, 1.1), 10, 10)(x),
            v2.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), (-10, 10, -10, 10), interpolation=smooth),
            K.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), (-10, 10, -10, 10), p=1.0),  # type: ignore[arg-type]
        ),
        "perspective": (image.Perspective(0.5), v2.RandomPerspective(0.5, p=1.0), K.RandomPerspective(0.5, p=1.0)),
        "jitter with hue": (
            image.ColorJitter(0.4, 0.4, 0.4, 0.1),
            v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
            K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=1.0),
        ),
        "Gaussian blur": (
            image.GaussianBlur((0.1, 2.0)),
            v2.GaussianBlur(13, (0.1, 2.0)),
            K.RandomGaussianBlur((13, 13), (0.1, 2.0), p=1.0),
        ),
        "erasing": (image.RandomErasing(1.0), v2.RandomErasing(1.0), K.RandomErasing(p=1.0)),
        "equalize": (image.Equalize(), v2.RandomEqualize(1.0), K.RandomEqualize(p=1.0)),
    }


def contenders(x: Tensor, ours: Callable, tv: Callable, kornias: Callable) -> dict[str, Callable[[], Tensor]]:
    """What is timed, by name; labkit first."""
    return {
        "labkit": lambda: ours(x),
        PEERS[0]: lambda: torch.stack([tv(one) for one in x]),
        PEERS[1]: lambda: tv(x),
        PEERS[2]: lambda: kornias(x),
    }


def speed(runs: kit.Runs, *, threads: int = 1, rounds: int = 15) -> None:
    """Every transform on every shape."""
    cuda = runs.device.type == "cuda"
    kind = torch.cuda.get_device_name(runs.device) if cuda else f"CPU, {platform.machine()}"
    where = {"machine": kind, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "packages": packages()}

    def race(threads: int, batch: int, side: int, transform: str, rounds: int) -> Row:
        calls = contenders(torch.rand(batch, 3, side, side, device=runs.device), *transforms()[transform])
        # The clock's time, and not the process's: that of two threads would count twice.
        seconds = kit.race(calls, rounds=rounds, device=runs.device, clock=time.perf_counter)
        ratios = {peer: kit.times_as_fast(seconds, "labkit", peer) for peer in PEERS}
        return {"images/s": batch / statistics.median(seconds["labkit"])} | ratios | where

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    for batch, side in SHAPES:
        for transform in transforms():
            runs.once(race, threads=threads, batch=batch, side=side, transform=transform, rounds=rounds)


def packages() -> str:
    """Whose versions these are."""
    modules: tuple[Any, ...] = (torch, torchvision, kornia, labkit)
    return ", ".join(f"{module.__name__} {module.__version__}" for module in modules)


def goal(row: Row, peer: str) -> float:
    """How many times the peer's speed is wanted."""
    return GOALS[row["side"]].get(peer, 0.0)


def show(rows: list[Row]) -> str:
    """A section for each number of threads."""
    parts = kit.groups(rows, "threads").items()
    blocks = [f"### {threads} thread{'s' * (threads > 1)}\n\n{tables(same)}" for (threads,), same in parts]
    return "\n\n".join([kit.flow(SPEED), *blocks])


def tables(rows: list[Row]) -> str:
    """A table a shape, and the goals missed in them."""
    first = rows[0]
    blocks = [
        f"{first['machine']}, {first['cores']} cores with a load of {first['load']} when it began; "
        f"{first['packages']}; float32, medians of {first['rounds']} rounds in turn."
    ]
    for (batch, side), same in kit.groups(rows, "batch", "side").items():
        head = [f"{batch} × 3 × {side}²", "labkit, images/s", *(f"× {peer}" for peer in PEERS)]
        lines = [
            [row["transform"], f"{row['images/s']:,.0f}", *(f"{row[p]:.2f}".join(stars(row, p)) for p in PEERS)]
            for row in same
        ]
        blocks.append(kit.table(head, lines))
    missed = [
        f"{row['transform']} at {row['side']}²: {row[peer]:.2f} × {peer}, wanted {goal(row, peer):g}"
        for row in rows
        for peer in PEERS
        if row[peer] < goal(row, peer)
    ]
    blocks.append(f"Missed: {'; '.join(missed)}." if missed else "Every goal is reached.")
    return "\n\n".join(blocks)


def stars(row: Row, peer: str) -> tuple[str, str]:
    """What stands around a ratio: it is bold below its goal."""
    return ("**", "**") if row[peer] < goal(row, peer) else ("", "")


SPEED = """How many times labkit's speed is that of the peer (above 1: labkit is faster). The goals: at 32², 10 times
torchvision image by image, and kornia; at 224², kornia. A ratio below its goal is bold. *One draw for all* is no goal:
it does less than the others. With more threads than idle cores each step waits for the slowest thread, and a table says
more about other work than about the contenders."""
ABOUT = """What transforms of pictures are worth, where they harm, and how fast they are. Mean ± standard deviation over
five seeds; a seed draws the pictures, the weights, the batches and the transforms. *Drawings* are the deck's four
shapes, 16² pixels, each by another hand, with another pen, turned by any angle (``simulate.shapes``); *digits* are
scikit-learn's 8² ones, *faces* scikit-image's 25² ones beside patches without a face. The network has three
convolutions and 6,000 weights unless it says otherwise; it learns for 200 steps of 32 pictures. All but the speed takes
about ten minutes on one core."""
PARTS = [
    *images_worth.PARTS,
    *images_robust.PARTS,
    kit.Part("speed", speed, show, title="Speed, a draw for each sample", by_default=False),
]
BENCHMARK = kit.Benchmark("images", "Image transforms: what they are worth, and their speed", ABOUT, PARTS)

if __name__ == "__main__":
    BENCHMARK.main()
