"""Refiners that come with labkit: simulated eyes of 16×24 pixels towards a poor camera's, one for each of six λ.

They were made by ``python -m benchmarks.refine checkpoints`` from ``labkit.data.simulate.eyes`` alone: 400 iterations,
seed 0, about ten seconds of one core each; the file's metadata say so too.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from labkit.refine.networks import Refiner

LAMBDAS = (0.0, 0.03, 0.1, 0.3, 1.0, 10.0)
FILE = "eyes.safetensors"
SIZE = (16, 24)
"""(H, W) of the eyes in pixels."""
CAMERA: dict[str, Any] = {"contrast": (0.35, 0.6), "blur": (0.8, 1.4), "noise": 0.02}
"""What makes them "real": knobs of ``labkit.data.simulate.eyes``."""


def pretrained(lambda_: float) -> Refiner:
    """The refiner that was trained with this λ, in evaluation mode; a new one at each call.

    Raises:
        ValueError: if there is none for this λ.
    """
    if lambda_ not in LAMBDAS:
        raise ValueError(f"lambda_ is {lambda_}; there are refiners for {', '.join(f'{v:g}' for v in LAMBDAS)}")
    refiner = Refiner(1, width=16, blocks=1)
    start = f"{lambda_:g}/"
    refiner.load_state_dict({n.removeprefix(start): v for n, v in _weights().items() if n.startswith(start)})
    return refiner.eval()


@cache
def _weights() -> dict[str, Tensor]:
    return safetensors.torch.load(files("labkit.refine").joinpath(FILE).read_bytes())


def save(refiners: dict[float, Refiner], path: Path, *, about: str) -> None:
    """Write refiners by λ into one file, with a sentence on how they were made."""
    weights = {f"{lambda_:g}/{n}": v.contiguous() for lambda_, r in refiners.items() for n, v in r.state_dict().items()}
    safetensors.torch.save_file(weights, path, metadata={"about": about})
