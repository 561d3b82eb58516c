"""A benchmark run with another version of labkit: the one of a clone, in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parents[1]


def with_labkit_of(clone: Path, module: str, arguments: Iterable[str] = ()) -> Any:
    """What ``python -m MODULE ARGUMENTS`` prints in its last line, which is JSON: these benchmarks, that labkit."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "labkit").symlink_to(clone / "labkit")
        (Path(folder) / "benchmarks").symlink_to(BENCHMARKS)
        env = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, env=env, cwd=folder, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def is_labkit_of(clone: Path) -> None:
    """Be sure which labkit this process has.

    Raises:
        RuntimeError: if it is not the clone's.
    """
    import labkit

    if not Path(labkit.__file__).resolve().is_relative_to(clone.resolve()):
        raise RuntimeError(f"{labkit.__file__} is not of {clone}")
