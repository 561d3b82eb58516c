"""What a benchmark runs on: the machine, its data, its randomness."""

import os
import platform
from pathlib import Path

import torch


class Missing(Exception):
    """What a part needs and this machine lacks, in a sentence. The part is left out, and the others go on."""


def real_data(*parts: str) -> Path:
    """A file or folder below ``LABKIT_DATA``.

    Raises:
        Missing: if it is not there.
    """
    folder = os.environ.get("LABKIT_DATA")
    if not folder:
        raise Missing(f"LABKIT_DATA is not set; expected a folder that holds {'/'.join(parts)}")
    path = Path(folder, *parts)
    if not path.exists():
        raise Missing(f"LABKIT_DATA lacks {'/'.join(parts)}")
    return path


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own."""
    return torch.Generator(device=device).manual_seed(seed)


def machine(device: torch.device | str = "cpu") -> str:
    """What the numbers are measured on."""
    if torch.device(device).type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    threads = torch.get_num_threads()
    return f"{platform.machine()}, {threads} thread{'s' * (threads > 1)}, torch {torch.__version__}"
