"""Outputs as a notebook holds them. What a session gives was validated by ``sandbox.outputs``."""

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from labkit.grading.engine.work.job import Output


def stopped(name: str, text: str) -> Output:
    """An error output: nbgrader gives a cell that shows one no points."""
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [f"\x1b[31m{name}\x1b[0m: {text}"]}


def failed(outputs: Iterable[Output]) -> bool:
    """Whether an error is among the outputs of a cell."""
    return any(output.get("output_type") == "error" for output in outputs)


class Redaction:
    """Replaces paths of the instructor's machine by names of what they are."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        known = {path.rstrip("/"): name for path, name in paths.items() if len(path.rstrip("/")) > 1}
        known |= {html.escape(path): name for path, name in known.items()}
        longest = sorted(known, key=len, reverse=True)
        self.names = known
        self.pattern = re.compile("|".join(map(re.escape, longest))) if longest else None

    def __call__(self, value: Any) -> Any:
        """The same text, list or dict, with every known path replaced."""
        if self.pattern is None:
            return value
        if isinstance(value, str):
            return self.pattern.sub(lambda found: self.names[found.group()], value)
        if isinstance(value, list):
            return [self(part) for part in value]
        if isinstance(value, dict):
            return {key: self(part) for key, part in value.items()}
        return value
