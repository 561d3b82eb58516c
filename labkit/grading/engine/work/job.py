"""What goes to a worker and what comes back: plain data that can be written down, stored and sent.

A job needs no shared disk and no database; it may be run here or on another machine, today or after a power cut.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from labkit.grading.engine.nbgrader.cells import Call, Step

Output = dict[str, Any]
"""One output of a cell, as nbformat 4 writes it."""


@dataclass(frozen=True)
class Part:
    """One notebook of a submission: its name and what to do with its code cells."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Job:
    """A sanitised submission: its notebooks, and the files that lie beside them."""

    student: str
    assignment: str
    parts: tuple[Part, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The job as bytes: a line of JSON, then the files one after another."""
        head = {
            "student": self.student,
            "assignment": self.assignment,
            "parts": [asdict(part) for part in self.parts],
            "files": [[name, len(data)] for name, data in self.files.items()],
        }
        return json.dumps(head).encode() + b"\n" + b"".join(self.files.values())

    @classmethod
    def from_bytes(cls, data: bytes) -> "Job":
        """The job that ``to_bytes`` wrote."""
        line, _, rest = data.partition(b"\n")
        head = json.loads(line)
        files, start = {}, 0
        for name, size in head["files"]:
            files[name] = rest[start : start + size]
            start += size
        parts = tuple(Part(part["name"], tuple(step_of(step) for step in part["steps"])) for part in head["parts"])
        return cls(head["student"], head["assignment"], parts, files)

    def digest(self) -> str:
        """What identifies the work to be done: everything but the canaries, which are drawn anew each time."""
        steps = [[part.name, [asdict(step) | {"canaries": ()} for step in part.steps]] for part in self.parts]
        digest = hashlib.sha256(json.dumps([self.assignment, steps]).encode())
        for name, data in sorted(self.files.items()):
            digest.update(f"{name}\0{len(data)}\0".encode(errors="surrogatepass") + data)
        return digest.hexdigest()


def step_of(record: Mapping[str, Any]) -> Step:
    """The step that ``asdict`` wrote."""
    calls = tuple(Call(**call) for call in record["calls"])
    return Step(**{**record, "calls": calls, "canaries": tuple(record["canaries"])})


@dataclass
class Cell:
    """What became of one code cell.

    Attributes:
        outputs: what the notebook shows; nbgrader's marks follow from it.
        flags: sentences for a person who should look at this cell.
        person: whether its points must be given by hand, because nothing outside the student's reach decides them.
        reports: the verdicts on the checks of this cell, for statistics.
        alike: what wrong answers gave under a public seed that no sentence names: the check's ``key``, the
            ``expression`` that it was given, and the outputs as ``data`` (base 64).
        said: what happened to it beyond what its code did, in a sentence: it was interrupted.
        starved: whether the machine was too busy to give it the time it may take.
    """

    outputs: list[Output] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    person: bool = False
    reports: list[dict[str, Any]] = field(default_factory=list)
    alike: list[dict[str, str]] = field(default_factory=list)
    said: str = ""
    starved: bool = False


@dataclass
class Outcome:
    """What became of one notebook: its cells by index, and why it ended early, if it did."""

    cells: dict[int, Cell] = field(default_factory=dict)
    died: str = ""

    def said(self) -> list[str]:
        """What happened beyond what the code did, in sentences."""
        return [*(cell.said for cell in self.cells.values() if cell.said), *([self.died] if self.died else [])]


@dataclass
class Result:
    """What a worker sends back: the outcome of each notebook by name, and the seconds it took."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> str:
        """The result as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Result":
        """The result that ``to_json`` wrote.

        Raises:
            ValueError: if it is none.
        """
        try:
            record = json.loads(text)
            outcomes = {
                name: Outcome({int(i): Cell(**cell) for i, cell in outcome["cells"].items()}, outcome["died"])
                for name, outcome in record["outcomes"].items()
            }
            return cls(outcomes, float(record["seconds"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a stored result ({type(error).__name__}: {error})") from error
