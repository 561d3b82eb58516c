"""What the examination of arguments costs: the same calls with an older version of labkit and with this one.

    python -m benchmarks.versions --beside ../older      # writes results/versions.md

CPU time of one thread. Each version is a clone that runs in processes of its own; the two take turns, round after
round, on the same inputs. The table shows the median over rounds, and how much time the newer version takes for what
the older one does in one unit.
"""

import argparse
import inspect
import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import kit

Calls = dict[str, Callable[[], Any]]
HERE = Path(__file__).resolve()
AGREEMENT = "Two rounds of one version differ by up to a tenth where the processor is shared."


def images() -> Calls:
    """The transforms of the table of images, at its two sizes, and of one picture."""
    from labkit.augment import image

    calls: Calls = {}
    for b, side in ((256, 32), (32, 224), (1, 96)):
        x = torch.rand(b, 3, side, side, generator=kit.seeded(0))
        transforms = {
            "affine": image.Affine(15, 0.1 * side, 0.1 * side, (0.9, 1.1), 10, 10),
            "perspective": image.Perspective(0.5),
            "jitter with hue": image.ColorJitter(0.4, 0.4, 0.4, 0.1),
            "Gaussian blur": image.GaussianBlur((0.1, 2.0)),
            "erasing": image.RandomErasing(1.0),
            "equalize": image.Equalize(),
        }
        for name, transform in transforms.items():
            calls[f"{name}, {b} × 3 × {side}²"] = lambda t=transform, x=x: t(x)
    return calls


def attacks() -> Calls:
    """Attacks on a small network."""
    from labkit import attacks

    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * 13 * 13, 10))
    model.eval()
    x = torch.rand(64, 1, 28, 28, generator=kit.seeded(0))
    y = torch.randint(10, (64,), generator=kit.seeded(1))
    return {
        "FGSM, 64 × 28²": lambda: attacks.fgsm(model, x, y, eps=0.1),
        "BIM-10, 64 × 28²": lambda: attacks.bim(model, x, y, eps=0.1),
        "PGD-40, 64 × 28²": lambda: attacks.pgd(model, x, y, eps=0.1, generator=kit.seeded(2)),
        "FGSM, 1 × 28²": lambda: attacks.fgsm(model, x[:1], y[:1], eps=0.1),
    }


def clusters() -> Calls:
    """Clustering: k-means, and some steps of the deep variant."""
    from labkit import dti

    x = torch.rand(256, 1, 16, 16, generator=kit.seeded(0))
    points = torch.randn(2000, 64, generator=kit.seeded(1))
    schedule: dict[str, Any] = {"steps": 40, "swaps": False}
    if "schedule" in inspect.signature(dti.cluster).parameters:
        schedule = {"schedule": dti.Schedule(**schedule)}
    transforms = ("affine", "morphology", "thin_plate")
    return {
        "k-means, 2,000 × 64, k = 10": lambda: dti.lloyd(points, points[:10].clone()),
        "DTI, 40 steps, 128 × 16², k = 10": lambda: dti.cluster(
            x, 10, transforms=transforms, generator=kit.seeded(2), **schedule
        ),
    }


TABLES: Mapping[str, Callable[[], Calls]] = {"Images": images, "Attacks": attacks, "Clusters": clusters}


def measured() -> dict[str, dict[str, float]]:
    """Milliseconds a call, table by table, in this process."""
    torch.set_num_threads(1)
    times = {name: kit.race(calls(), rounds=5) for name, calls in TABLES.items()}
    return {
        name: {call: 1000 * statistics.median(each) for call, each in seconds.items()}
        for name, seconds in times.items()
    }


def child(clone: Path) -> dict[str, dict[str, float]]:
    """What ``measured`` gives with the labkit of a clone, in a process of its own."""
    taken: dict[str, dict[str, float]] = kit.with_labkit_of(clone, "benchmarks.versions", ["--child", str(clone)])
    return taken


def page(rounds: list[dict[str, Any]]) -> str:
    """The page of results, from what each version took in each round."""
    parts = []
    for name in TABLES:
        lines = []
        for call in rounds[0]["older"][name]:
            older, newer = ([each[version][name][call] for each in rounds] for version in ("older", "newer"))
            share = statistics.median(b / a for a, b in zip(older, newer))
            lines.append([call, f"{statistics.median(older):.2f}", f"{statistics.median(newer):.2f}", f"{share:.2f}"])
        parts.append(f"## {name}\n\n" + kit.table(["call", "ms before", "ms now", "now / before"], lines))
    title, *_, about = (__doc__ or "").split("\n\n")
    written = "Written by `python -m benchmarks.versions --beside CLONE`."
    about = " ".join([written, *about.split(), AGREEMENT, f"{kit.machine()}."])
    return "\n\n".join([f"# {title.rstrip('.')}", about, *parts]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, metavar="CLONE", help="the older version of labkit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        kit.is_labkit_of(options.child)
        print(json.dumps(measured()))
        return
    if not options.beside:
        parser.error("name the older version: --beside CLONE")
    clones = {"older": options.beside.resolve(), "newer": HERE.parents[1]}
    rounds = [{name: child(clone) for name, clone in clones.items()} for _ in range(options.rounds)]
    text = page(rounds)
    (kit.RESULTS / "versions.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
