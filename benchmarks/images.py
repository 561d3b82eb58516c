"""Image transforms with a draw for each sample: labkit beside torchvision and kornia.

    python benchmarks/images.py [--rounds 15] [--threads 1 2] [--device cpu] [--out benchmarks/results/images.md]

Against (a) torchvision v2 on one image after the other, which is how it gives each its own draw; (b) torchvision v2 on
the batch at once, with one draw for all, which is less than was asked for; (c) kornia with ``same_on_batch=False``.
The contenders take turns, so that whatever else the machine does meets all of them alike; a ratio is the median over
the rounds of the peer's time divided by labkit's in the same round.
"""

import argparse
import math
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

import labkit  # before torchvision, which it makes importable
from labkit.augment import image

# isort: split
import kornia
import kornia.augmentation as K
import torchvision
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

SHAPES = [(256, 3, 32, 32), (32, 3, 224, 224)]
PEERS = ("torchvision v2, image by image", "torchvision v2, one draw for all", "kornia")
GOALS = {32: {PEERS[0]: 10.0, PEERS[2]: 1.0}, 224: {PEERS[2]: 1.0}}
Timed = Callable[[], Tensor]


def transforms() -> dict[str, tuple[Callable, Callable, Callable]]:
    """The same transform by labkit, torchvision and kornia, with the same spans, and always applied."""
    smooth = InterpolationMode.BILINEAR
    return {
        "affine": (
            lambda x: image.Affine(15, 0.1 * x.shape[3], 0.1 * x.shape[2], (0.9, 1.1), 10, 10)(x),
            v2.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), (-10, 10, -10, 10), interpolation=smooth),
            K.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), (-10, 10, -10, 10), p=1.0),
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


def contenders(x: Tensor, ours: Callable, tv: Callable, kornias: Callable) -> dict[str, Timed]:
    """What is timed, by name; labkit first."""
    return {
        "labkit": lambda: ours(x),
        PEERS[0]: lambda: torch.stack([tv(one) for one in x]),
        PEERS[1]: lambda: tv(x),
        PEERS[2]: lambda: kornias(x),
    }


def seconds(function: Timed, device: torch.device, repeats: int) -> float:
    """The time of one call, as the mean of several in a row."""
    begin = time.perf_counter()
    for _ in range(repeats):
        function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - begin) / repeats


def measure(functions: dict[str, Timed], device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Times in seconds, one a round; in each round every contender has a turn of at least 20 ms."""
    repeats = {}
    for name, function in functions.items():
        seconds(function, device, 2)
        repeats[name] = max(1, math.ceil(0.02 / seconds(function, device, 1)))
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            times[name].append(seconds(function, device, repeats[name]))
    return times


def compare(shape: tuple[int, ...], device: torch.device, rounds: int) -> tuple[list[str], list[str]]:
    """The lines of a table for one shape of batch, and what falls short of the goals."""
    x = torch.rand(shape, device=device)
    lines = [
        f"| {shape[0]} × {shape[1]} × {shape[2]}² | labkit, images/s | " + " | ".join(f"× {p}" for p in PEERS) + " |",
        "|---|--:|--:|--:|--:|",
    ]
    missed = []
    for name, trio in transforms().items():
        times = measure(contenders(x, *trio), device, rounds)
        rate = shape[0] / statistics.median(times["labkit"])
        cells = []
        for peer in PEERS:
            ratio = statistics.median(b / a for a, b in zip(times["labkit"], times[peer], strict=True))
            goal = GOALS[shape[2]].get(peer, 0.0)
            short = ratio < goal
            cells.append(f"**{ratio:.2f}**" if short else f"{ratio:.2f}")
            if short:
                missed.append(f"{name} at {shape[2]}²: {ratio:.2f} × {peer}, wanted {goal:g}")
        lines.append(f"| {name} | {rate:,.0f} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    return lines, missed


def section(device: torch.device, threads: int, rounds: int) -> str:
    """The tables for one number of threads, and the goals missed in them."""
    torch.set_num_threads(threads)
    parts, missed = [f"## {threads} thread{'s' * (threads > 1)}\n"], []
    for shape in SHAPES:
        lines, short = compare(shape, device, rounds)
        parts.append("\n".join(lines) + "\n")
        missed += short
    parts.append("Missed: " + "; ".join(missed) + ".\n" if missed else "Every goal is reached.\n")
    return "\n".join(parts)


def report(device: torch.device, threads: list[int], rounds: int) -> str:
    """The whole of the results as Markdown."""
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {platform.machine()}"
    load = f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f} when it began"
    head = (
        "# Image transforms, a draw for each sample\n\n"
        f"{kind}, {load}; torch {torch.__version__}, torchvision {torchvision.__version__}, "
        f"kornia {kornia.__version__}, labkit {labkit.__version__}; float32, medians of {rounds} rounds in turn.\n\n"
        "How many times labkit's speed is that of the peer (above 1: labkit is faster). The goals: at 32², 10 times "
        "torchvision image by image, and kornia; at 224², kornia. A ratio below its goal is bold. "
        "*One draw for all* is no goal: it does less than the others. With more threads than idle cores each step "
        "waits for the slowest thread, and a table says more about other work than about the contenders.\n"
    )
    return "\n".join([head, *(section(device, n, rounds) for n in threads)])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "images.md")
    knobs = parser.parse_args()
    warnings.filterwarnings("ignore", module="kornia|torchvision")
    torch.manual_seed(0)
    text = report(torch.device(knobs.device), knobs.threads, knobs.rounds)
    knobs.out.parent.mkdir(parents=True, exist_ok=True)
    knobs.out.write_text(text, encoding="utf-8")
    print(f"\n{text}\nwritten to {knobs.out}")


if __name__ == "__main__":
    main()
