"""How much of everything one submission gets."""

from dataclasses import asdict, dataclass, fields
from typing import Any

MIB = 2**20
GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Times are in seconds, sizes in bytes.

    Attributes:
        cell_seconds: wall time of one cell or check; then it is interrupted.
        interrupt_seconds: how long an interrupted cell gets to stop before its process is killed.
        notebook_seconds: wall time of all cells and checks of a submission together.
        cpu_seconds: processor time of one process of the submission.
        memory_bytes: memory of one process, and of all the submission's processes together, beyond what a
            freshly started one has.
        processes: processes and threads alive at one time.
        file_bytes: size of one file.
        disk_bytes: size of all files together. They live in memory, and are gone with the submission.
        output_bytes: what a cell may print and show, as encoded in the notebook; the rest is cut off.
        reply_bytes: outputs of one check.

    Raises:
        ValueError: if one of them is not positive.
    """

    cell_seconds: float = 30.0
    interrupt_seconds: float = 5.0
    notebook_seconds: float = 300.0
    cpu_seconds: int = 300
    memory_bytes: int = 4 * GIB
    processes: int = 64
    file_bytes: int = 256 * MIB
    disk_bytes: int = 1 * GIB
    output_bytes: int = 8 * MIB
    reply_bytes: int = 64 * MIB

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"the limit {field.name} is {getattr(self, field.name)}; expected a positive number")

    def as_dict(self) -> dict[str, Any]:
        """The limits by name, as JSON carries them into the sandbox."""
        return asdict(self)

    def cell_overrun(self) -> str:
        """The sentence for a cell that took too long and could not be interrupted."""
        return (
            f"a cell ran longer than the {duration(self.cell_seconds)} it may take, "
            "and did not stop when it was interrupted"
        )

    def notebook_overrun(self) -> str:
        """The sentence for a notebook that took too long."""
        return f"the notebook ran longer than the {duration(self.notebook_seconds)} it may take"


def size(count: float) -> str:
    """A number of bytes as people read it: ``4 GiB``, ``256 MiB``."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count:.0f} bytes"


def duration(seconds: float) -> str:
    """A time as people read it: ``30 s``."""
    return f"{seconds:.3g} s"
