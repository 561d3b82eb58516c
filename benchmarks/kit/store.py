"""Runs that are kept: ``results/KEY.json`` maps each part of a benchmark to its rows, which are flat.

{"lamp": [{"world": "lamp", "method": "DANN", "seed": 0, "accuracy": 0.864, "seconds": 2.44}, …], …}
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
Row = dict[str, Any]


class Store:
    """The rows of a benchmark in a file, by part."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, list[Row]]:
        """All rows; none where there is no file."""
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def rows(self, part: str, **settings: Any) -> list[Row]:
        """The rows of a part that have these settings, in the order in which they were added; None: don't have it."""
        found = self.read().get(part, [])
        return [row for row in found if all(row.get(name) == value for name, value in settings.items())]

    def add(self, part: str, rows: Iterable[Row]) -> None:
        """Write rows down after those that are there, which another process may have added meanwhile."""
        parts = self.read()
        parts.setdefault(part, []).extend({name: short(value) for name, value in row.items()} for row in rows)
        self.write(parts)

    def drop(self, part: str) -> None:
        """Forget the rows of a part."""
        self.write({name: rows for name, rows in self.read().items() if name != part})

    def write(self, parts: dict[str, list[Row]]) -> None:
        """Put these rows in place of all; a row is a line. The file is never half written."""
        blocks = []
        for part, rows in parts.items():
            lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
            blocks.append(f"{json.dumps(part, ensure_ascii=False)}: [\n{lines}\n]")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text("{\n" + ",\n".join(blocks) + "\n}\n", encoding="utf-8")
        new.replace(self.path)


def short(value: Any) -> Any:
    """A float with six significant digits, None in place of what is no number; in lists likewise."""
    if isinstance(value, (list, tuple)):
        return [short(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
