"""Membership attacks measured: ``python -m benchmarks.membership [PART ...]``, all parts without a name.

Parts: digits, cifar, line, lira, gan, defences, speed. Each keeps its numbers in ``results/membership.json``, from
which ``results/membership.md`` is written; what stands there is measured again only with ``--again``. ``cifar`` needs
LABKIT_DATA and about seven minutes on one core; all the others together take about as long.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks import membership_defences as side
from benchmarks import membership_experiments as experiments

RESULTS = Path(__file__).parent / "results"
FOUND = RESULTS / "membership.json"
SIZES = {"digits": (50, 100, 200, 400), "cifar": (312, 625, 1250, 2500)}


def stored() -> dict[str, Any]:
    """What has been measured so far."""
    return json.loads(FOUND.read_text(encoding="utf-8")) if FOUND.exists() else {}


def keep(key: str, found: Any) -> None:
    """Write one result down; others may have been written meanwhile."""
    everything = stored() | {key: found}
    FOUND.parent.mkdir(exist_ok=True)
    FOUND.write_text(json.dumps(dict(sorted(everything.items())), indent=1) + "\n", encoding="utf-8")


def tasks() -> dict[str, Any]:
    """Every measurement by name: the part, and where there are several, which."""
    named: dict[str, Any] = {}
    for n in SIZES["digits"]:
        named[f"digits {n}"] = lambda n=n: experiments.figure4(*experiments.digits(), n, experiments.all_at_once)
    for n in SIZES["cifar"]:
        named[f"cifar {n}"] = lambda n=n: experiments.figure4(*experiments.cifar(), n, experiments.one_after_another)
    named["line"] = experiments.line
    for noise in (0.0, 0.1):
        named[f"lira {noise:g}"] = lambda noise=noise: experiments.lira(noise)
    for n in (100, 800):
        named[f"gan {n}"] = lambda n=n: experiments.gan(n)
    named["defences"] = side.defences
    named["speed"] = side.speed
    return named


def main() -> None:
    """Measure what is asked for and missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--again", action="store_true", help="measure also what is there")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for name, measure in tasks().items():
        if chosen.parts and name.split()[0] not in chosen.parts:
            continue
        if chosen.again or name not in stored():
            print(name, flush=True)
            keep(name, measure())


if __name__ == "__main__":
    main()
