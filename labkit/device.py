"""Where tensors live, and one seed for everything that is random."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

KINDS = ("cuda", "mps", "cpu")


def device(name: str | torch.device | None = None) -> torch.device:
    """The device to compute on: ``name``, else ``$LABKIT_DEVICE``, else the first of cuda, mps and cpu there is.

    Raises:
        ValueError: if the name is not a device, or the machine does not have it.
    """
    wanted = str(name or os.environ.get("LABKIT_DEVICE") or "auto").strip().lower()
    if wanted == "auto":
        return torch.device(next(kind for kind in KINDS if available(kind)))
    kind, colon, index = wanted.partition(":")
    if kind not in KINDS or (colon and not index.isdecimal()):
        raise ValueError(f"the device is {wanted!r}; expected one of auto, {', '.join(KINDS)}, or cuda:0, cuda:1, …")
    if not available(kind):
        raise ValueError(f"the device is {wanted!r}, but this machine has no {kind}; expected cpu or auto")
    there_are = torch.cuda.device_count() if kind == "cuda" else 1
    if colon and int(index) >= there_are:
        raise ValueError(f"the device is {wanted!r}, but there are {there_are} of its kind; they are counted from 0")
    return torch.device(kind, int(index)) if colon else torch.device(kind)


def available(kind: str) -> bool:
    """Whether this machine can compute on ``kind``, one of cuda, mps and cpu."""
    if kind == "cuda":
        return torch.cuda.is_available()
    if kind == "mps":
        return torch.backends.mps.is_available()
    return kind == "cpu"


def seed(value: int, *, device: torch.device | str = "cpu") -> torch.Generator:
    """Seed python, numpy and torch with ``value``, and return a fresh ``torch.Generator`` seeded alike.

    Pass the generator to whatever takes one: a function with its own generator stays reproducible
    whatever runs beside it.

    Raises:
        ValueError: if ``value`` is not between 0 and 2**32 - 1, which is what numpy takes.
    """
    if not 0 <= value < 2**32:
        raise ValueError(f"the seed is {value}; expected a whole number from 0 to {2**32 - 1}")
    random.seed(value)
    np.random.seed(value)
    torch.manual_seed(value)
    return torch.Generator(device=device).manual_seed(value)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Compute with ``n`` threads inside the block: a network of a few thousand weights is fastest on one.

    Handing such small pieces of work to several threads costs more than it saves, and many times more on a machine
    whose cores are busy. The setting is the process's: other threads of it compute with ``n`` as well.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
