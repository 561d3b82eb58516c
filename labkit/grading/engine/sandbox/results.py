"""What a session gives for a cell and for a check."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CellResult:
    """What a cell gave.

    Attributes:
        outputs: nbformat v4 outputs, validated and capped.
        died: one sentence if the submission's process is gone; then the session is over.
        tampered: whether the reply channel was misused.
        timed_out: whether the cell was interrupted at its time limit.
        count: the cell's execution count.
        seconds: wall time.
        waited: how much of that the process was ready to run and the machine had no processor for it.
        starved: whether it was ended although, for all its waiting, it had not used up its time.
    """

    outputs: list[dict[str, Any]] = field(default_factory=list)
    died: str = ""
    tampered: bool = False
    timed_out: bool = False
    count: int | None = None
    seconds: float = 0.0
    waited: float = 0.0
    starved: bool = False


@dataclass(frozen=True)
class CheckResult:
    """What a check gave: as ``CellResult``, and besides

    Attributes:
        data: bytes for ``labkit.checks.wire.judge``, as little to be trusted as all that comes back.
        failed: why there are none although the process lives: an unknown key, or the check's own failure.
    """

    data: bytes | None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    died: str = ""
    tampered: bool = False
    timed_out: bool = False
    failed: str = ""
    seconds: float = 0.0
    waited: float = 0.0
    starved: bool = False
